#!/usr/bin/env bats
# podman, as root, with this runtime.
load helpers

setup_file()
{
    podman_up
}

setup()
{
    engine_setup
}

teardown()
{
    podman_clean
    engine_teardown
}

sleeper()
{
    ok pm run -d --name "$1" "${@:2}" base sh -c 'trap "exit 3" TERM; while :; do sleep 0.1; done'
}

status_of()
{
    pm inspect -f '{{.State.Status}}' "$1"
}

@test "podman run: output, input, exit code" {
    ok pm run --rm base echo hello
    is "$output" hello
    is "$(echo in | pm run --rm -i base cat)" in
    fails 7 pm run --rm base sh -c 'echo bad >&2; exit 7'
    is "$stderr" bad
    fails 137 pm run --rm --pid host base sh -c 'kill -9 $$'
}

@test "podman run: what cannot be executed is 126, what is missing 127" {
    fails 127 pm run --rm base no-such-program
    expect_stderr 'executable file not found in $PATH'
    fails 127 pm run --rm base /no/such
    expect_stderr 'no such file or directory'
    fails 126 pm run --rm base /etc
    expect_stderr 'permission denied'
    fails 126 pm run --rm base /etc/passwd
    expect_stderr 'permission denied'
}

@test "podman run -it: a terminal of the user's size, resized, with its modes given back" {
    run terminal wait:'# ' type:'tty; stty size\r' wait:'24 80' size:30x100 type:'until stty size | grep ^30; do sleep 0.1; done\r' wait:'30 100' type:'exit 4\r' -- \
        "$PM" run -it --rm base sh
    expect_output /dev/pts/0
    expect_output 'exit 4'
    expect_output 'modes kept'
}

@test "podman exec: output, input, exit code, user, directory, environment" {
    sleeper one
    ok pm exec one echo hello
    is "$output" hello
    is "$(echo in | pm exec -i one cat)" in
    fails 9 pm exec one sh -c 'exit 9'
    ok pm exec -u 1:1 -w /tmp -e A=b one sh -c 'id -u; pwd; echo $A'
    is "$output" $'1\n/tmp\nb'
    fails 127 pm exec one no-such-program
    fails 126 pm exec one /etc
    fails 127 pm exec -w /no/such one pwd
    ok pm exec one test ! -e /no
    ok pm exec -d one touch /made
    wait_until pm exec one test -e /made
}

@test "podman exec -it: a terminal of its own" {
    sleeper one
    run terminal wait:'# ' type:'tty; exit 5\r' -- "$PM" exec -it one sh
    expect_output /dev/pts/
    expect_output 'exit 5'
}

@test "podman stop and kill: the signal asked for, its exit code" {
    sleeper one
    ok pm stop -t 30 one
    is "$(pm inspect -f '{{.State.ExitCode}}' one)" 3
    sleeper two
    ok pm kill -s TERM two
    is "$(pm wait two)" 3
    sleeper three
    ok pm kill three
    is "$(pm wait three)" 137
    ok pm run -d --name four base sleep 1000
    ok pm stop -t 0 four
    is "$(pm inspect -f '{{.State.ExitCode}}' four)" 137
}

@test "podman pause and unpause: frozen in the kernel" {
    sleeper one
    pid=$(pm_pid one)
    ok pm pause one
    is "$(status_of one)" paused
    if [ "$(cgroup_mode)" = v2 ]; then
        is "$(limit "$pid" cgroup.freeze freezer -)" 1
    else
        is "$(limit "$pid" - freezer freezer.state)" FROZEN
    fi
    ok pm unpause one
    is "$(status_of one)" running
    ok pm exec one true
}

@test "podman logs" {
    ok pm run --name one base sh -c 'echo out; echo err >&2'
    ok pm logs one
    is "$output" out
    is "$stderr" err
}

@test "podman stats and top" {
    sleeper one -m 64m
    ok pm stats --no-stream --format '{{.MemUsage}} {{.PIDs}}' one
    matches "$output" '/ 67\.11MB [1-9]$'
    ok pm top one pid comm
    expect_output '1           sh'
}

@test "podman run: limits as the kernel has them" {
    sleeper one -m 64m --memory-swap 128m --memory-reservation 32m --cpus 0.5 --cpu-shares 512 --pids-limit 50 --cpuset-cpus 0 \
        --ulimit core=0:0 --ulimit nofile=1024:1024 --ulimit nproc=1000:1000 --oom-score-adj 500
    pid=$(pm_pid one)
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
    matches "$(grep 'core file' "/proc/$pid/limits")" ' 0 +0 +bytes'
}

@test "podman run: what needs more memory than its limit is killed" {
    fails 137 pm run --name one -m 8m --memory-swap 8m base sh -c 'x=$(head -c 64000000 /dev/zero | tr "\0" x)'
}

@test "podman update: limits of a running container" {
    sleeper one -m 64m
    pid=$(pm_pid one)
    ok pm update -m 32m --memory-swap 64m --cpus 0.25 one
    is "$(limit "$pid" memory.max memory memory.limit_in_bytes)" 33554432
    if [ "$(cgroup_mode)" = v2 ]; then
        is "$(limit "$pid" cpu.max - -)" '25000 100000'
    else
        is "$(limit "$pid" - cpu cpu.cfs_quota_us)" 25000
    fi
}

@test "podman cp: into and out of a running and a stopped container" {
    sleeper one
    echo in >"$BATS_TEST_TMPDIR/file"
    ok pm cp "$BATS_TEST_TMPDIR/file" one:/tmp/file
    is "$(pm exec one cat /tmp/file)" in
    ok pm exec one sh -c 'echo out >/tmp/file'
    ok pm stop -t 0 one
    ok pm cp one:/tmp/file "$BATS_TEST_TMPDIR/back"
    is "$(cat "$BATS_TEST_TMPDIR/back")" out
}

@test "podman healthcheck" {
    ok pm run -d --name one --health-cmd 'test -e /tmp/well' --health-retries 1 base sleep 1000
    fails 1 pm healthcheck run one
    is "$(pm inspect -f '{{.State.Health.Status}}' one)" unhealthy
    ok pm exec one touch /tmp/well
    ok pm healthcheck run one
    is "$(pm inspect -f '{{.State.Health.Status}}' one)" healthy
}

@test "podman run --userns and --uidmap: mapped, and the image's files with it" {
    ok pm run --rm --uidmap 0:100000:1000 base sh -c 'cat /proc/self/uid_map; stat -c %u /bin/busybox; touch /tmp/a; stat -c %u /tmp/a'
    matches "$output" '^ +0 +100000 +1000'$'\n0\n0$'
    sleeper one --uidmap 0:100000:1000 --gidmap 0:200000:1000
    pid=$(pm_pid one)
    is "$(stat -c %u:%g "/proc/$pid")" 100000:200000
    ok pm exec -u 5 one id -u
    is "$output" 5
    ok pm run --rm --userns host base cat /proc/self/uid_map
    matches "$output" '^ +0 +0 +4294967295$'
}

@test "podman run --systemd=always: the mounts that systemd wants" {
    ok pm run --rm --systemd=always base sh -c 'grep -E " /(run|tmp|run/lock|sys/fs/cgroup/systemd) " /proc/mounts; echo $container'
    expect_output 'tmpfs /run tmpfs rw'
    expect_output 'tmpfs /tmp tmpfs rw'
    expect_output 'tmpfs /run/lock tmpfs rw'
    expect_output podman
    [ "$(cgroup_mode)" = v2 ] || expect_output '/sys/fs/cgroup/systemd cgroup rw'
}

@test "podman run: volumes, binds, tmpfs" {
    mkdir "$BATS_TEST_TMPDIR/dir"
    echo bound >"$BATS_TEST_TMPDIR/dir/file"
    ok pm run --rm -v named:/v base sh -c 'echo kept >/v/file'
    ok pm run --rm -v named:/v -v "$BATS_TEST_TMPDIR/dir:/b:ro" -v "$BATS_TEST_TMPDIR/dir/file:/f" base sh -c 'cat /v/file /b/file /f'
    is "$output" $'kept\nbound\nbound'
    fails 1 pm run --rm -v "$BATS_TEST_TMPDIR/dir:/b:ro" base touch /b/no
    expect_stderr 'Read-only file system'
    # a volume begins with what the image has there
    ok pm run --rm -v fresh:/etc base cat /etc/group
    expect_output 'root:x:0:'
    ok pm run --rm --tmpfs /t:size=1m,mode=700 base sh -c 'stat -c %a /t; grep " /t " /proc/mounts'
    matches "$output" ^700
    expect_output size=1024k
    # a tmpfs of podman copies up what is below it
    ok pm run --rm --tmpfs /etc base cat /etc/group
    expect_output 'root:x:0:'
    ok pm run --rm --read-only base sh -c 'touch /tmp/yes && ! touch /no 2>/dev/null'
}

@test "podman run --device: there, and allowed" {
    ok pm run --rm --device /dev/kmsg:/dev/messages:w base sh -c ': >/dev/messages; ls -l /dev/messages'
    matches "$output" '1, +11 '
    fails 1 pm run --rm --device /dev/kmsg:/dev/messages:r base sh -c ': >/dev/messages'
    expect_stderr "can't create /dev/messages: Operation not permitted"
    fails 1 pm run --rm --cap-add MKNOD base sh -c 'mknod /kmsg c 1 11 && : >/kmsg'
    expect_stderr "can't create /kmsg: Operation not permitted"
}

@test "podman run: capabilities, seccomp, no-new-privileges, privileged" {
    ok pm run --rm --cap-drop all --cap-add chown base grep CapEff /proc/self/status
    matches "$output" '0000000000000001$'
    ok pm run --rm --security-opt no-new-privileges base grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status
    is "$output" $'NoNewPrivs:\t1\nSeccomp:\t2'
    ok pm run --rm --security-opt seccomp=unconfined base grep ^Seccomp: /proc/self/status
    is "$output" $'Seccomp:\t0'
    ok pm run --rm --privileged base sh -c 'mount -t tmpfs t /tmp; ls /dev/kmsg'
    is "$output" /dev/kmsg
    ok pm run --rm -u 1 base sh -c 'grep CapEff /proc/self/status'
    matches "$output" '0000000000000000$'
}

@test "podman run: namespaces of the host and of another container" {
    ok pm run --rm --pid host --ipc host --uts host --network host --cgroupns host base sh -c \
        'for n in pid ipc uts net cgroup; do readlink /proc/self/ns/$n; done'
    is "$output" "$(for n in pid ipc uts net cgroup; do readlink /proc/self/ns/$n; done)"
    sleeper one
    ok pm run --rm --pid container:one --ipc container:one --network container:one base sh -c 'ps | grep -c "[t]rap"; readlink /proc/self/ns/ipc'
    is "$output" "1"$'\n'"$(readlink "/proc/$(pm_pid one)/ns/ipc")"
}

@test "podman run: host name, sysctl, hosts, read-only paths" {
    ok pm run --rm --hostname there --sysctl net.ipv4.ip_forward=1 --add-host other:10.1.2.3 base sh -c \
        'hostname; cat /proc/sys/net/ipv4/ip_forward; grep other /etc/hosts; echo 1 >/proc/sys/kernel/panic || echo refused'
    is "${lines[0]} ${lines[1]}" 'there 1'
    expect_output 10.1.2.3
    expect_output refused
}

@test "podman restart, and a restart policy" {
    sleeper one
    first=$(pm_pid one)
    ok pm restart -t 0 one
    second=$(pm_pid one)
    [ "$first" != "$second" ]
    ok pm run -d --name two --restart on-failure:2 base sh -c 'echo once; exit 6'
    ended()
    {
        [ "$(pm inspect -f '{{.RestartCount}} {{.State.Status}}' two)" = '2 exited' ]
    }
    wait_until ended
    is "$(pm logs two | grep -c once)" 3
}

@test "podman run --init, --rm -d, wait, rename, ps" {
    ok pm run -d --name one base sh -c 'sleep 0.3; exit 5'
    is "$(pm wait one)" 5
    ok pm rename one other
    ok pm ps -a --format '{{.Names}} {{.Status}}'
    matches "$output" '^other Exited \(5\)'
    ok pm run -d --rm --name two base true
    gone()
    {
        ! pm container exists two
    }
    wait_until gone
}

@test "podman pod: shared namespaces, pause, stop, rm" {
    ok pm pod create --name pod --infra-name infra --hostname together
    ok pm run -d --pod pod --name one base sh -c 'while :; do nc -l -p 8000 -e echo hello; done'
    ok pm run --rm --pod pod base sh -c 'hostname; until nc 127.0.0.1 8000; do sleep 0.1; done </dev/null'
    is "$output" $'together\nhello'
    is "$(readlink "/proc/$(pm_pid one)/ns/net")" "$(readlink "/proc/$(pm_pid infra)/ns/net")"
    ok pm pod pause pod
    is "$(status_of one)" paused
    ok pm pod unpause pod
    ok pm pod stop -t 0 pod
    is "$(status_of one)" exited
    ok pm pod start pod
    is "$(status_of one)" running
    ok pm pod rm -f -t 0 pod
}

@test "podman play kube: a pod of two containers with limits and a shared volume" {
    cat >"$BATS_TEST_TMPDIR/pod.yaml" <<'END'
apiVersion: v1
kind: Pod
metadata:
  name: played
spec:
  restartPolicy: Never
  containers:
  - name: writer
    image: localhost/base:latest
    imagePullPolicy: Never
    command: ["sh", "-c", "echo written >/shared/file; exec sleep 1000"]
    volumeMounts: [{name: shared, mountPath: /shared}]
  - name: reader
    image: localhost/base:latest
    imagePullPolicy: Never
    command: ["sh", "-c", "until cat /shared/file; do sleep 0.1; done; exec sleep 1000"]
    resources: {limits: {memory: 48Mi, cpu: 250m}}
    volumeMounts: [{name: shared, mountPath: /shared}]
  volumes:
  - name: shared
    emptyDir: {}
END
    ok pm play kube "$BATS_TEST_TMPDIR/pod.yaml"
    read_it()
    {
        pm logs played-reader 2>/dev/null | grep -q written
    }
    wait_until read_it
    pid=$(pm_pid played-reader)
    is "$(limit "$pid" memory.max memory memory.limit_in_bytes)" 50331648
    ok pm play kube --down "$BATS_TEST_TMPDIR/pod.yaml"
}

@test "podman network: a published port of a bridge" {
    ok pm run -d --name one --network podman -p 127.0.0.1:8123:8000 base sh -c 'while :; do echo hello | nc -l -p 8000; done'
    fetch()
    {
        [ "$(busybox nc 127.0.0.1 8123 </dev/null)" = hello ]
    }
    wait_until fetch
}

@test "podman commit, diff, export of what a container wrote" {
    ok pm run --name one base sh -c 'echo new >/file'
    ok pm diff one
    expect_output 'A /file'
    ok pm commit -q one changed
    is "$(pm run --rm changed cat /file)" new
    ok pm rm one
    ok pm rmi changed
}

# How far each has got when it is killed is chance; what counts is that nobody is left who cannot be cleaned up after.
@test "podman: twenty containers at once, engines and monitors killed in the middle: deleting leaves nothing" {
    local i id pids=()
    for i in $(seq 20); do
        "$PM" run -d --name "many-$i" base sleep 1000 </dev/null >"$BATS_TEST_TMPDIR/said-$i" 2>&1 3>&- &
        pids+=($!)
    done
    wait_until has_containers 4
    for i in $(seq 0 2 19); do
        kill -KILL "${pids[i]}" 2>/dev/null || true
    done
    for i in $(seq 0 19); do
        wait "${pids[i]}" || [ $((i % 2)) -eq 0 ] || { cat "$BATS_TEST_TMPDIR/said-$((i + 1))" && return 1; }
    done
    # those that nobody meddled with run
    for i in $(seq 2 2 20); do
        is "$(status_of "many-$i")" running
    done
    # a monitor that is gone cannot say how its container ended
    for i in 2 4 6; do
        kill -KILL "$(pm inspect -f '{{.State.ConmonPid}}' "many-$i")"
    done
    is "$(pm exec many-2 echo alive)" alive
    pm rm -f -t 0 --all >"$BATS_TEST_TMPDIR/removed" 2>&1 || true
    # what podman has not come to know of is the runtime's to delete
    for id in $("$ENGINE_RUNTIME" list -q); do
        ok "$ENGINE_RUNTIME" delete --force "$id"
    done
    pkill -KILL conmon || true
    is "$(pm ps -aq)" ""
}

has_containers()
{
    [ "$("$ENGINE_RUNTIME" list -q | wc -l)" -ge "$1" ]
}

@test "podman: sc within its container, whose limits hold and whose cgroups lie below" {
    nested_args
    for namespace in private host; do
        ok pm run -d --name one --cgroupns "$namespace" "${nested[@]}" base sleep 1000
        nested_check "$(pm inspect -f '{{.State.Pid}}' one)" pm exec one
        ok pm rm -f -t 0 one
    done
}
