#!/usr/bin/env bats
# --restart: when a container is started again, by whom, and how that is taken back; after kill -9 of whoever would do it.
load helpers

state() { "$SC" inspect -f '{{.State.Status}}' "$1"; }
is_state() { [ "$(state "$1")" = "$2" ]; }
count() { "$SC" inspect -f '{{.RestartCount}}' "$1"; }
is_count() { [ "$(count "$1")" = "$2" ]; }
pid_of() { "$SC" inspect -f '{{.State.Pid}}' "$1"; }
is_up() { [ "$(pid_of "$1")" -gt 0 ]; }
monitor_of() { pgrep -of "sc-monitor id=$("$SC" inspect -f '{{.Id}}' "$1")"; }
# its file names who waits to start it
waiter_of() { cut -d' ' -f1 "$SC_RUN_ROOT/container/$("$SC" inspect -f '{{.Id}}' "$1")/restarting"; }
# waiting NAME [OPTION...]: it has ended, and its next start is a minute off
waiting()
{
    sc_ok run -d --name "$1" --restart always "${@:2}" base sleep 1000
    sed -i '3s/.*/30000/' "$SC_RUN_ROOT/container/$output/restart"
    kill -KILL "$(pid_of "$1")"
    wait_until is_state "$1" restarting
}

@test "restart: on-failure:N, its count, its log, its events" {
    sc_ok run -d --name one --restart on-failure:2 base sh -c 'echo once; exit 6'
    sc_ok wait one
    is "$output" 6
    sc_ok logs -f one
    is "$output" $'once\nonce\nonce'
    wait_until is_state one exited
    is "$("$SC" inspect -f '{{.RestartCount}} {{.State.ExitCode}} {{.State.Restarting}} {{json .HostConfig.RestartPolicy}}' one)" \
        '2 6 false {"Name":"on-failure","MaximumRetryCount":2}'
    sc_ok events --since 0 --until 0s --filter container=one --format '{{.Action}}'
    is "$(echo $output)" 'create start die start die start die'
    sc_ok why one
    expect_output 'was started again 2 times'
    sc_ok ps -a --filter restart-policy=on-failure --format '{{.Names}}'
    is "$output" one
    # a start by hand begins anew
    sc_ok start one
    wait_until is_count one 2
    wait_until is_state one exited
}

@test "restart: a success is no failure, and always is always" {
    sc_ok run -d --name one --restart on-failure base true
    wait_until is_state one exited
    is "$(count one)" 0
    sc_ok run -d --name two --restart always base true
    wait_until is_count two 1
    sc_ok rm -f two
}

@test "restart: while it waits it is restarting, and what needs it running says so" {
    waiting one
    sc_ok ps --format '{{.Status}} {{.State}}'
    matches "$output" '^Restarting \(137\) Less than a second ago restarting$|^Restarting \(137\) [0-9]+ seconds? ago restarting$'
    sc_ok ps -q --filter status=restarting
    [ -n "$output" ]
    is "$("$SC" inspect -f '{{.State.Running}} {{.State.Restarting}} {{.State.Pid}} {{.State.ExitCode}}' one)" 'true true 0 137'
    sc_ok why one
    expect_output 'is about to be started again'
    run_sc exec one true
    expect_stderr 'container "one" is restarting, wait until the container is running'
    run_sc attach one
    expect_stderr 'you cannot attach to a restarting container'
    run_sc rm one
    expect_stderr 'container is restarting'
    sc_ok container prune -f
    sc_ok start one
    is "$(state one)" restarting
    sc_ok restart -t 0 one
    is "$(state one) $(count one)" 'running 0'
    sc_ok stop -t 0 one
    is "$(state one)" exited
    sc_ok rm one
}

@test "restart by hand: what the container writes then is in its log too" {
    local round

    sc_ok run --name again base sh -c 'echo out; echo err >&2'
    for round in 2 3; do
        sc_ok restart again
        sc_ok wait again
        is "$output" 0
        is "$("$SC" logs again 2>/dev/null | grep -cx out)" "$round"
        is "$("$SC" logs again 2>&1 >/dev/null)" "$(yes err | head -n "$round")"
    done
    # with nothing open but what it gets from a shell that has closed its own
    sc_ok restart again <&-
    sc_ok wait again
    is "$("$SC" logs again 2>/dev/null | grep -cx out)" 4
}

@test "restart: what is stopped by hand stays down" {
    sc_ok run -d --name one --restart always base sleep 1000
    sc_ok run -d --name two --restart unless-stopped base sleep 1000
    sc_ok stop -t 0 one
    sc_ok kill two
    is "$(state one) $(state two)" 'exited exited'
    # Docker: until the host comes up again, for always
    sc_ok ps -aq --filter should-start-on-boot=true --format '{{.Names}}'
    is "$output" one
    sc_ok start two
    kill -KILL "$(pid_of two)"
    wait_until is_count two 1
    wait_until is_up two
    sc_ok restart -t 0 two
    is "$(count two) $(state two)" '0 running'
    sc_ok rm -f one two
}

# ends NAME CODE: it is dead for good
ends()
{
    wait_until is_state "$1" exited
    is "$(count "$1") $("$SC" inspect -f '{{.State.ExitCode}}' "$1")" "0 $2"
}

@test "restart: any signal by hand is a stop, but where another stop signal was chosen" {
    for policy in always unless-stopped on-failure; do
        sc_ok run -d --name one --restart $policy base sleep 1000
        sc_ok run -d --name two --restart $policy --stop-signal QUIT base sleep 1000
        sc_ok kill -s WINCH one two
        kill -KILL "$(pid_of one)" "$(pid_of two)"
        ends one 137
        if [ $policy = unless-stopped ]; then
            ends two 137
        else
            wait_until is_count two 1
            wait_until is_up two
        fi
        sc_ok rm -f one two
    done
}

@test "restart: a signal that run or attach passes on is one by hand, too" {
    local pid status
    "$SC" run --name one --restart always base sh -c 'trap "exit 5" USR1; echo ready; while :; do sleep 0.02; done' \
        >"$BATS_TEST_TMPDIR/out" 3>&- &
    pid=$!
    wait_until grep -q ready "$BATS_TEST_TMPDIR/out"
    kill -USR1 $pid
    status=0
    wait $pid || status=$?
    is "$status" 5
    ends one 5
    sc_ok events --since 0 --until 0s --filter container=one --format '{{.Action}}'
    is "$(echo $output)" 'create attach start kill die'
    sc_ok why one
    expect_output 'sc run (process'
    sc_ok rm one
}

@test "restart: rm -f, kill and stop take a restart back at once" {
    for how in 'rm -f' kill stop 'kill -s WINCH'; do
        waiting one
        waiter=$(waiter_of one)
        sc_ok $how one
        ! kill -0 "$waiter" 2>/dev/null
        [ "$how" = 'rm -f' ] || sc_ok rm one
    done
    # nobody is there to get it
    waiting one --stop-signal QUIT
    sc_ok kill -s WINCH one
    is "$(state one)" restarting
    sc_ok rm -f one
}

@test "restart: update changes the policy of what runs, waits or has ended" {
    sc_ok run -d --name one base sleep 1000
    sc_ok update --restart on-failure:5 one
    is "$("$SC" inspect -f '{{json .HostConfig.RestartPolicy}}' one)" '{"Name":"on-failure","MaximumRetryCount":5}'
    kill -KILL "$(pid_of one)"
    wait_until is_count one 1
    wait_until is_up one
    sc_ok update --restart no one
    kill -KILL "$(pid_of one)"
    wait_until is_state one exited
    is "$(count one)" 1
    sc_ok rm one
    waiting two
    sc_ok update --restart no two
    sc_ok stop two
    is "$(state two)" exited
    sc_ok rm two
    sc_ok create --name three --rm base true
    sc_fails 1 update --restart always three
    expect_stderr 'cannot be updated because AutoRemove is enabled'
}

@test "restart: kill -9 of the monitor, or of who waits: the next command sees to it" {
    sc_ok run -d --name one --restart unless-stopped base sleep 1000
    kill -KILL "$(monitor_of one)"
    wait_until is_count one 1
    wait_until is_up one
    kill -KILL "$(pid_of one)"
    wait_until is_state one restarting
    kill -KILL "$(waiter_of one)"
    wait_until is_up one
    is "$(count one)" 2
    # stopped, its monitor's end is no reason
    sc_ok stop -t 0 one
    is "$(state one)" exited
    # without a policy it stays down
    sc_ok run -d --name two base sleep 1000
    kill -KILL "$(monitor_of two)"
    wait_until is_state two exited
    sc_ok rm one two
}

@test "restart: a stop that is cut short by kill -9, of its monitor too, is a stop" {
    local id stopper
    sc_ok run -d --name one --restart always base sleep 1000
    id=$output
    "$SC" stop -t 1000 one >/dev/null 2>&1 3>&- & # process 1 does not mind
    stopper=$!
    wait_until test -e "$SC_DATA_ROOT/container/$id/stopped"
    kill -KILL $stopper
    wait $stopper || is $? 137
    kill -KILL "$(monitor_of one)"
    wait_until is_state one exited
    is "$(count one)" 0
    sc_ok rm one
}

@test "restart: that it is stopped by hand is on the disk before stop ends" {
    local id
    sc_ok run -d --name one --restart always base sleep 1000
    id=$output
    strace -f -qqq -y -e trace=fsync -o "$BATS_TEST_TMPDIR/trace" "$SC" stop -t 0 one
    grep -q "fsync([0-9]*<.*/container/$id>) *= 0" "$BATS_TEST_TMPDIR/trace"
    sc_ok rm one
}

@test "restart: kill -9 is a stop by hand, whatever the stop signal" {
    sc_ok run -d --name one --restart always --stop-signal QUIT base sleep 1000
    sc_ok kill one
    is "$(state one)" exited
    is "$(count one)" 0
    sc_ok rm one
}

@test "restart: where the monitor cannot fork, the next command that looks leaves who waits" {
    local monitor tracer
    sc_ok run -d --name one --restart always base sleep 1000
    monitor=$(monitor_of one)
    strace -qq -o /dev/null -e trace=fork,vfork,clone -e inject=fork,vfork,clone:error=EAGAIN -p "$monitor" 3>&- &
    tracer=$!
    wait_until grep -q "^TracerPid:.$tracer$" "/proc/$monitor/status"
    kill -KILL "$(pid_of one)"
    wait $tracer || true
    wait_until is_up one
    is "$(count one)" 1
    # and with its own fork it goes on as ever
    kill -KILL "$(pid_of one)"
    wait_until is_count one 2
    sc_ok rm -f one
}

@test "restart: a start that fails is said, and not tried again" {
    sc_ok run -d --name one --restart always -v "$BATS_TEST_TMPDIR/dir:/x" base sleep 1000
    rm -rf "$BATS_TEST_TMPDIR/dir"
    touch "$BATS_TEST_TMPDIR/dir"
    kill -KILL "$(pid_of one)"
    wait_until is_state one exited
    matches "$("$SC" inspect -f '{{.State.Error}}' one)" 'bind .* on /x'
    is "$(count one)" 1
    rm "$BATS_TEST_TMPDIR/dir"
    sc_ok start one
    sc_ok rm -f one
}

@test "restart: why a start by hand has failed is known, beside the end before; the next start forgets it" {
    local root=$BATS_TEST_TMPDIR/root
    cp -a "$BATS_SUITE_TMPDIR/rootfs" "$root"
    told() { "$SC" inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.FinishedAt}} {{.State.Error}}' one; }
    sc_ok create --name one --rootfs "$root" sh -c 'exit 3'
    mv "$root" "$root.away"
    sc_fails 1 start one
    is "$(told)" "created 125 0001-01-01T00:00:00Z ${stderr#sc: }"
    matches "$("$SC" why one)" '^one did not start \(code 125\): '
    mv "$root.away" "$root"
    sc_ok start one
    sc_ok wait one
    local ended
    ended=$(told)
    matches "$ended" '^exited 3 2[-0-9T:.]*Z $'
    mv "$root" "$root.away"
    sc_fails 1 start one
    is "$(told)" "$ended${stderr#sc: }"
    sc_ok why one
    matches "$output" "^one ended .* with code 3, .* It could not be started since: .*/root"
    sc_ok ps -a --format '{{.Status}}'
    matches "$output" '^Exited \(3\)'
    mv "$root.away" "$root"
    sc_ok start one
    sc_ok wait one
    is "$("$SC" inspect -f '{{.State.ExitCode}} {{.State.Error}}' one)" '3 '
}

@test "start --all and --filter: what the host's boot runs, twice at once" {
    for name in always stopped ended never; do
        policy=always
        [ "$name" != stopped ] || policy=unless-stopped
        [ "$name" != ended ] || policy=on-failure
        sc_ok create --name "$name" --restart "$policy" base sleep 1000
    done
    sc_ok start always stopped ended
    sc_ok stop -t 0 always stopped ended
    "$SC" start --all --filter should-start-on-boot=true >"$BATS_TEST_TMPDIR/first" 2>&1 3>&- &
    sc_ok start --all --filter should-start-on-boot=true
    wait $!
    is "$(state always) $(state stopped) $(state ended) $(state never)" 'running exited exited created'
    is "$(sort -u - "$BATS_TEST_TMPDIR/first" <<<"$output" | grep .)" always
    sc_ok start --all --filter should-start-on-boot=true
    is "$output" ''
    sc_ok start --filter restart-policy=always --filter restart-policy=unless-stopped
    is "$(state stopped) $(state never)" 'running running'
    sc_ok start --all
    is "$(state ended)" running
    sc_fails 1 start
    sc_fails 1 start --all one
    sc_ok rm -f always stopped ended never
}

@test "restart: values, and what does not go together" {
    sc_fails 125 run --rm --restart always base true
    expect_stderr 'conflicting options: cannot specify both --restart and --rm'
    sc_fails 125 run --restart sometimes base true
    expect_stderr "invalid restart policy 'sometimes'"
    sc_fails 125 create --restart always:3 base true
    expect_stderr "maximum retry count cannot be used with restart policy 'always'"
    # as with docker run, whoever stays sees one run
    sc_fails 4 run --name one --restart on-failure:1 base sh -c 'echo hi; exit 4'
    is "$output" hi
    wait_until is_state one exited
    sc_ok rm one
}
