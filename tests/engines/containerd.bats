#!/usr/bin/env bats
# containerd's own client on the runc.v2 shim with this runtime as its binary.
load helpers

setup_file()
{
    containerd_up "$BATS_FILE_TMPDIR/containerd"
    c_run --rm "$IMAGE" prime true
}

teardown_file()
{
    containerd_down
}

setup()
{
    engine_setup
}

teardown()
{
    local status=0
    {
        ctr tasks ls -q | xargs -r -n 1 ctr tasks kill -s KILL
        ctr tasks ls -q | xargs -r -n 1 ctr tasks rm -f
        ctr containers ls -q | xargs -r ctr containers rm
    } >/dev/null 2>&1 || true
    engine_teardown || status=1
    [ -n "${BATS_TEST_COMPLETED:-}" ] && [ $status -eq 0 ] || show_log "$CONTAINERD_DIR/log"
    return $status
}

task_is()
{
    [ "$(ctr tasks ls | awk -v id="$1" '$1 == id { print $3 }')" = "$2" ]
}

pid_of()
{
    ctr tasks ls | awk -v id="$1" '$1 == id { print $2 }'
}

@test "ctr run: output, input, exit code, what cannot be run" {
    ok c_run --rm "$IMAGE" one echo hello
    is "$output" hello
    fails 7 c_run --rm "$IMAGE" one sh -c 'exit 7'
    fails 1 c_run --rm "$IMAGE" one no-such-program
    expect_stderr 'executable file not found in $PATH'
    # the shim says it in the runtime's words, which it found in the runtime's log
    fails 1 c_run --rm "$IMAGE" one /etc
    expect_stderr 'permission denied'
}

@test "ctr run -t: a terminal" {
    run terminal wait:'# ' type:'tty; stty size\r' wait:'24 80' type:'exit 4\r' -- ctr run --runc-binary "$ENGINE_RUNTIME" --rm -t "$IMAGE" one sh
    expect_output /dev/pts/0
    expect_output 'exit 4'
    expect_output 'modes kept'
}

@test "ctr tasks: exec, pause, resume, ps, metrics, kill, rm" {
    ok c_run -d --memory-limit 67108864 "$IMAGE" one sleep 1000
    task_is one RUNNING
    pid=$(pid_of one)
    is "$(limit "$pid" memory.max memory memory.limit_in_bytes)" 67108864
    ok ctr tasks exec --exec-id e1 one echo inside
    is "$output" inside
    fails 9 ctr tasks exec --exec-id e2 one sh -c 'exit 9'
    ok ctr tasks pause one
    task_is one PAUSED
    [ "$(cgroup_mode)" = v2 ] || is "$(limit "$pid" - freezer freezer.state)" FROZEN
    ok ctr tasks resume one
    task_is one RUNNING
    ok ctr tasks ps one
    expect_output "$pid"
    ok ctr tasks metrics one
    matches "$output" 'pids.current +1'
    matches "$output" 'memory'
    ok ctr tasks kill -s KILL one
    wait_until task_is one STOPPED
    run ctr tasks rm one
    expect_output 'exit code 137'
    ok ctr containers rm one
}

@test "ctr: events tell what happened to a task" {
    ctr events >"$BATS_TEST_TMPDIR/events" 2>&1 3>&- &
    events=$!
    sleep 0.3
    ok c_run -d "$IMAGE" one sh -c 'exit 6'
    wait_until task_is one STOPPED
    wait_until grep -q '/tasks/exit.*"exit_status":6' "$BATS_TEST_TMPDIR/events"
    grep -q '/tasks/create' "$BATS_TEST_TMPDIR/events"
    grep -q '/tasks/start' "$BATS_TEST_TMPDIR/events"
    kill "$events"
    wait_until has_ended "$events"
}

@test "ctr tasks kill: a signal that the container handles" {
    ok c_run -d "$IMAGE" one sh -c 'trap "exit 3" USR1; touch /ready; while :; do sleep 0.1; done'
    wait_until ctr tasks exec --exec-id "e$RANDOM" one test -e /ready
    ok ctr tasks kill -s USR1 one
    wait_until task_is one STOPPED
    run ctr tasks rm one
    expect_output 'exit code 3'
}

@test "ctr run: --read-only, --mount, --env, --cwd, --net-host, --cpus" {
    echo bound >"$BATS_TEST_TMPDIR/file"
    ok c_run --rm --read-only --env A=b --cwd /tmp --net-host --cpus 0.5 \
        --mount "type=bind,src=$BATS_TEST_TMPDIR/file,dst=/etc/file,options=rbind:ro" "$IMAGE" one sh -c 'cat /etc/file; echo $A; pwd; readlink /proc/self/ns/net'
    is "$output" $'bound\nb\n/tmp\n'"$(readlink /proc/self/ns/net)"
    fails 1 c_run --rm --read-only "$IMAGE" one touch /no
    expect_stderr 'Read-only file system'
}

# containerd notices that the shim is gone, and has another call the runtime's delete --force in its place.
@test "a shim that is killed takes nothing with it that the runtime does not clean up" {
    local pids=() pid id
    for id in one two three; do
        ok c_run -d "$IMAGE" "$id" sleep 1000
        pids+=("$(pid_of "$id")")
    done
    pkill -KILL -f 'containerd-shim-runc-v2 .*-id (one|two|three)'
    for pid in "${pids[@]}"; do
        wait_until has_ended "$pid"
    done
    wait_until no_tasks
    ok ctr containers rm one two three
    # the ids are free, and what is left behind teardown looks at
    is "$(c_run --rm "$IMAGE" one echo again)" again
}

no_tasks()
{
    [ -z "$(ctr tasks ls -q)" ]
}
