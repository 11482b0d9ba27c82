#!/usr/bin/env bats
# dockerd with this runtime: as its default runtime, and as one added by name.
load helpers

setup_file()
{
    docker_up "$BATS_FILE_TMPDIR/docker" --live-restore
    d import -c 'ENV PATH=/bin' "$ENGINE_IMAGE" base >/dev/null
    d run --rm --network host base true
}

teardown_file()
{
    docker_down "$BATS_FILE_TMPDIR/docker"
}

setup()
{
    engine_setup
}

teardown()
{
    local status=0
    docker_clean
    engine_teardown || status=1
    [ -n "${BATS_TEST_COMPLETED:-}" ] && [ $status -eq 0 ] || show_log "$DOCKER_DIR/log"
    return $status
}

sleeper()
{
    ok d run -d --name "$1" "${@:2}" base sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
}

pid_of()
{
    d inspect -f '{{.State.Pid}}' "$1"
}

state_of()
{
    d inspect -f '{{.State.Status}}' "$1"
}

@test "docker run: the runtime is the one under test" {
    ok d info -f '{{.DefaultRuntime}}'
    is "$output" tested
    is "$(d info -f '{{(index .Runtimes "tested").Path}}')" "$ENGINE_RUNTIME"
    ok d run -d --name one --runtime added base sleep 1000
    is "$(d inspect -f '{{.HostConfig.Runtime}}' one)" added
    ok d exec one true
}

@test "docker run: output, input, exit code" {
    ok d run --rm base echo hello
    is "$output" hello
    is "$(echo in | d run --rm -i base cat)" in
    fails 7 d run --rm base sh -c 'echo bad >&2; exit 7'
    is "$stderr" bad
}

@test "docker run: what cannot be executed is 126, what is missing 127" {
    fails 127 d run --rm base no-such-program
    expect_stderr 'executable file not found in $PATH'
    fails 127 d run --rm base /no/such
    expect_stderr 'no such file or directory'
    fails 126 d run --rm base /etc
    expect_stderr 'permission denied'
    fails 126 d run --rm base /etc/passwd
    expect_stderr 'permission denied'
}

@test "docker run -it: a terminal of the user's size, resized, with its modes given back" {
    run terminal wait:'# ' type:'tty; stty size\r' wait:'24 80' drag:30x100 type:'until stty size | grep ^30; do sleep 0.1; done\r' wait:'30 100' type:'exit 4\r' -- \
        "$DOCKER" run -it --rm base sh
    expect_output /dev/pts/0
    expect_output 'exit 4'
    expect_output 'modes kept'
}

@test "docker exec: output, input, exit code, user, directory, environment" {
    sleeper one
    ok d exec one echo hello
    is "$output" hello
    is "$(echo in | d exec -i one cat)" in
    fails 9 d exec one sh -c 'exit 9'
    ok d exec -u 1:1 -w /tmp -e A=b one sh -c 'id -u; pwd; echo $A'
    is "$output" $'1\n/tmp\nb'
    # Docker 20.10 has one code for an exec that cannot begin
    fails 126 d exec one no-such-program
    fails 126 d exec one /etc
    fails 126 d exec -w /no/such one pwd
    ok d exec one test ! -e /no
    run terminal wait:'# ' type:'tty; exit 5\r' -- "$DOCKER" exec -it one sh
    expect_output /dev/pts/
    expect_output 'exit 5'
}

@test "docker stop, kill, wait" {
    sleeper one
    ok d stop -t 30 one
    is "$(d inspect -f '{{.State.ExitCode}}' one)" 3
    sleeper two
    ok d kill -s TERM two
    is "$(d wait two)" 3
    sleeper three
    ok d kill three
    is "$(d wait three)" 137
}

@test "docker pause and unpause: frozen in the kernel" {
    sleeper one
    pid=$(pid_of one)
    ok d pause one
    is "$(state_of one)" paused
    if [ "$(cgroup_mode)" = v2 ]; then
        is "$(limit "$pid" cgroup.freeze freezer -)" 1
    else
        is "$(limit "$pid" - freezer freezer.state)" FROZEN
    fi
    fails 1 d exec one true
    ok d unpause one
    ok d exec one true
}

@test "docker run: limits as the kernel has them" {
    sleeper one -m 64m --memory-swap 128m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --pids-limit 50 --cpuset-cpus 0 \
        --ulimit core=0:0 --oom-score-adj 500
    pid=$(pid_of one)
    is "$(limit "$pid" memory.max memory memory.limit_in_bytes)" 67108864
    is "$(limit "$pid" memory.low memory memory.soft_limit_in_bytes)" 33554432
    is "$(limit "$pid" pids.max pids pids.max)" 50
    is "$(limit "$pid" cpuset.cpus cpuset cpuset.cpus)" 0
    if [ "$(cgroup_mode)" = v2 ]; then
        is "$(limit "$pid" cpu.max - -)" '50000 100000'
        is "$(limit "$pid" cpu.weight - -)" 59
        is "$(limit "$pid" memory.swap.max - -)" 67108864
    else
        is "$(limit "$pid" - cpu cpu.cfs_quota_us)" 50000
        is "$(limit "$pid" - cpu cpu.shares)" 512
        is "$(limit "$pid" - memory memory.memsw.limit_in_bytes)" 134217728
    fi
    is "$(cat "/proc/$pid/oom_score_adj")" 500
}

@test "docker update: limits of a running container, and its restart policy" {
    sleeper one -m 64m
    pid=$(pid_of one)
    ok d update -m 32m --memory-swap 64m --cpus 0.25 --pids-limit 20 --cpu-shares 256 one
    is "$(limit "$pid" memory.max memory memory.limit_in_bytes)" 33554432
    is "$(limit "$pid" pids.max pids pids.max)" 20
    if [ "$(cgroup_mode)" = v2 ]; then
        is "$(limit "$pid" cpu.max - -)" '25000 100000'
    else
        is "$(limit "$pid" - cpu cpu.cfs_quota_us)" 25000
        is "$(limit "$pid" - cpu cpu.shares)" 256
        is "$(limit "$pid" - memory memory.memsw.limit_in_bytes)" 67108864
    fi
    ok d update --restart always one
    is "$(d inspect -f '{{.HostConfig.RestartPolicy.Name}}' one)" always
}

@test "docker stats and top" {
    sleeper one -m 64m
    ok d stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' one
    matches "$output" '/ 64MiB [1-9]$'
    ok d top one -o pid,comm
    matches "$output" "$(pid_of one) +sh"
}

@test "docker: what needs more memory than its limit is killed, and docker knows why" {
    fails 137 d run --name one -m 8m --memory-swap 8m base sh -c 'x=$(head -c 64000000 /dev/zero | tr "\0" x)'
    is "$(d inspect -f '{{.State.OOMKilled}}' one)" true
}

@test "docker restart policies" {
    ok d run -d --name failing --restart on-failure:2 base sh -c 'echo once; exit 6'
    given_up()
    {
        [ "$(d inspect -f '{{.RestartCount}} {{.State.Status}} {{.State.ExitCode}}' failing)" = '2 exited 6' ]
    }
    wait_until given_up
    is "$(d logs failing | grep -c once)" 3
    sleeper one --restart always
    first=$(pid_of one)
    kill -KILL "$first"
    another()
    {
        [ "$(state_of one)" = running ] && [ "$(pid_of one)" != "$first" ]
    }
    wait_until another
    ok d restart -t 0 one
    ok d exec one true
}

@test "docker cp, logs, commit, diff" {
    sleeper one
    echo in >"$BATS_TEST_TMPDIR/file"
    ok d cp "$BATS_TEST_TMPDIR/file" one:/tmp/file
    is "$(d exec one cat /tmp/file)" in
    ok d diff one
    expect_output 'A /tmp/file'
    ok d run --name two base sh -c 'echo out; echo err >&2'
    ok d logs two
    is "$output" out
    is "$stderr" err
    ok d commit one changed
    is "$(d run --rm changed cat /tmp/file)" in
    ok d rmi changed
}

@test "docker run: health checks" {
    ok d run -d --name one --health-cmd 'test -e /tmp/well' --health-interval 0.2s --health-retries 1 base sleep 1000
    health_is()
    {
        [ "$(d inspect -f '{{.State.Health.Status}}' one)" = "$1" ]
    }
    wait_until health_is unhealthy
    ok d exec one touch /tmp/well
    wait_until health_is healthy
}

@test "docker run: volumes, binds, tmpfs, devices, read-only, init" {
    mkdir "$BATS_TEST_TMPDIR/dir"
    echo bound >"$BATS_TEST_TMPDIR/dir/file"
    ok d run --rm -v named:/v base sh -c 'echo kept >/v/file'
    ok d run --rm -v named:/v -v "$BATS_TEST_TMPDIR/dir:/b:ro" base sh -c 'cat /v/file /b/file'
    is "$output" $'kept\nbound'
    fails 1 d run --rm -v "$BATS_TEST_TMPDIR/dir:/b:ro" base touch /b/no
    ok d run --rm -v fresh:/etc base cat /etc/group
    expect_output 'root:x:0:'
    ok d run --rm --tmpfs /t:size=1m,mode=700 base sh -c 'stat -c %a /t; grep " /t " /proc/mounts'
    matches "$output" ^700
    expect_output size=1024k
    fails 1 d run --rm --device /dev/kmsg:/dev/messages:r base sh -c ': >/dev/messages'
    expect_stderr 'Operation not permitted'
    fails 1 d run --rm --read-only base touch /no
    expect_stderr 'Read-only file system'
    ok d run --rm --init base sh -c 'cat /proc/1/comm'
    is "$output" docker-init
    ok d volume rm named fresh
}

@test "docker run: capabilities, seccomp, no-new-privileges, namespaces" {
    ok d run --rm --cap-drop all --cap-add chown base grep CapEff /proc/self/status
    matches "$output" '0000000000000001$'
    ok d run --rm --security-opt no-new-privileges base grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status
    is "$output" $'NoNewPrivs:\t1\nSeccomp:\t2'
    ok d run --rm --pid host --ipc host --uts host --network host --cgroupns host base sh -c \
        'for n in pid ipc uts net cgroup; do readlink /proc/self/ns/$n; done'
    is "$output" "$(for n in pid ipc uts net cgroup; do readlink /proc/self/ns/$n; done)"
    ok d run --rm --hostname there --sysctl net.ipv4.ip_forward=1 base sh -c 'hostname; cat /proc/sys/net/ipv4/ip_forward'
    is "$output" $'there\n1'
}

@test "docker run --privileged, though this machine cannot give every capability" {
    ok d run --rm --privileged base sh -c 'mount -t tmpfs t /tmp && grep CapEff /proc/self/status'
    # Docker 20.10 knows 38 capabilities
    is "$output" "$(printf 'CapEff:\t%016x' $((0x$(sed -n 's/^CapBnd:\t//p' /proc/self/status) & 0x3fffffffff)))"
}

@test "docker network: names, a published port" {
    ok d network create net
    ok d run -d --name one --network net -p 127.0.0.1:8124:8000 base sh -c 'while :; do echo hello | nc -l -p 8000; done'
    ok d run --rm --network net base sh -c 'until nc one 8000 </dev/null; do sleep 0.1; done'
    is "$output" hello
    fetch()
    {
        [ "$(busybox nc 127.0.0.1 8124 </dev/null)" = hello ]
    }
    wait_until fetch
    ok d rm -f one
    ok d network rm net
}

@test "docker compose: two services, scaled, with limits" {
    mkdir "$BATS_TEST_TMPDIR/project"
    cat >"$BATS_TEST_TMPDIR/project/docker-compose.yml" <<'END'
version: "2.4"
services:
  web:
    image: base
    command: sh -c 'while :; do hostname | nc -l -p 8000; done'
    mem_limit: 48m
    restart: always
  job:
    image: base
    command: sh -c 'until nc web 8000 </dev/null; do sleep 0.1; done'
    depends_on: [web]
END
    compose()
    {
        DOCKER_HOST=unix://$DOCKER_DIR/sock docker-compose --project-directory "$BATS_TEST_TMPDIR/project" -f "$BATS_TEST_TMPDIR/project/docker-compose.yml" "$@"
    }
    ok compose up -d --scale web=2
    is "$(compose ps -q web | wc -l)" 2
    pid=$(pid_of "$(compose ps -q web | head -n 1)")
    is "$(limit "$pid" memory.max memory memory.limit_in_bytes)" 50331648
    is "$(d wait "$(compose ps -q job)")" 0
    matches "$(d logs "$(compose ps -q job)")" '^[0-9a-f]{12}$'
    ok compose exec -T web echo inside
    is "$output" inside
    ok compose restart -t 0 web
    ok compose down -t 0
    is "$(d ps -aq)" ''
}

@test "dockerd restarted with --live-restore finds its containers running" {
    sleeper one
    pid=$(pid_of one)
    docker_down "$DOCKER_DIR" keep
    [ -d "/proc/$pid" ]
    docker_start "$DOCKER_DIR"
    is "$(pid_of one)" "$pid"
    ok d exec one true
    ok d stop -t 30 one
    is "$(d inspect -f '{{.State.ExitCode}}' one)" 3
}

@test "docker: sc within its container, whose limits hold and whose cgroups lie below" {
    nested_args
    for namespace in private host; do
        ok d run -d --name one --network host --cgroupns "$namespace" "${nested[@]}" base sleep 1000
        nested_check "$(pid_of one)" d exec one
        ok d rm -f one
    done
}
