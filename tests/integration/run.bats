#!/usr/bin/env bats
# What a container is: its namespaces, root, limits, users, rights and clocks, as the kernel reports them from inside.
load helpers

need_root()
{
    [ "$(id -u)" -eq 0 ] || skip "needs root"
}

# The terminal of script(1): what a person at a keyboard has.
on_terminal()
{
    script -qec "$*" /dev/null </dev/null
}

# Runs a line of perl of the host in a container: system calls by number, which no shell makes.
perl_inside()
{
    local code=$1
    shift
    run_sc run --rm -v /:/host:ro "$@" base chroot /host perl -e "$code"
}

# ---- namespaces --------------------------------------------------------------------------------

@test "run: every namespace is the container's own" {
    need_root
    sc_ok run --rm base sh -c 'for n in cgroup ipc mnt net pid uts; do readlink /proc/self/ns/$n; done'
    is "${#lines[@]}" 6
    for kind in cgroup ipc mnt net pid uts; do
        expect_no_output "$(readlink "/proc/self/ns/$kind")"
        expect_output "$kind:["
    done
}

@test "run: host modes join the host's namespaces, and only those asked for" {
    need_root
    for pair in pid:pid ipc:ipc uts:uts cgroupns:cgroup network:net; do
        sc_ok run --rm "--${pair%:*}" host base sh -c "readlink /proc/self/ns/${pair#*:}; readlink /proc/self/ns/mnt"
        is "${lines[0]}" "$(readlink "/proc/self/ns/${pair#*:}")"
        [ "${lines[1]}" != "$(readlink /proc/self/ns/mnt)" ]
    done
}

@test "run: container:NAME joins the namespaces of another container" {
    need_root
    sc_ok run -d --name first --ipc shareable base sleep 1000
    for pair in pid:pid ipc:ipc uts:uts cgroupns:cgroup network:net; do
        kind=${pair#*:}
        sc_ok exec first readlink "/proc/self/ns/$kind"
        theirs=$output
        sc_ok run --rm "--${pair%:*}" container:first base readlink "/proc/self/ns/$kind"
        is "$output" "$theirs"
    done
    sc_ok rm -f first
    run_sc run --rm --pid container:first base true
    expect_error 125 'no such container: "first"'
}

@test "run: ns:PATH joins a namespace by its file" {
    need_root
    sc_ok run -d --name first base sleep 1000
    pid=$(container_pid first)
    theirs=$(readlink "/proc/$pid/ns/net")
    sc_ok run --rm --network "ns:/proc/$pid/ns/net" base readlink /proc/self/ns/net
    is "$output" "$theirs"
    sc_ok rm -f first
}

@test "run: a joined --ipc must have been made to be shared" {
    sc_ok run -d --name first base sleep 1000
    run_sc run --rm --ipc container:first base true
    expect_error 125 shareable
    sc_ok rm -f first
}

@test "run: host name and domain name" {
    sc_ok run --rm -h web --domainname example.org base sh -c 'hostname; cat /proc/sys/kernel/domainname /etc/hostname; grep -c localhost /etc/hosts'
    is "${lines[0]}" web
    is "${lines[1]}" example.org
    is "${lines[2]}" web
    [ "${lines[3]}" -ge 1 ]
}

@test "run: with --network none there is a loopback that works, and nothing else" {
    sc_ok run --rm --network none base sh -c 'ls /sys/class/net; ip addr show lo; ping -c 1 -W 2 127.0.0.1 >/dev/null && echo pinged || cat /sys/class/net/lo/operstate'
    is "${lines[0]}" lo
    expect_output 'inet 127.0.0.1/8'
}

# ---- root and mounts ------------------------------------------------------------------------------

@test "run: the host's mounts are not to be seen, and nothing mounted inside comes out" {
    need_root
    before=$(wc -l </proc/self/mountinfo)
    sc_ok run --rm --privileged base sh -c 'mkdir /inner && mount -t tmpfs inner /inner && grep -c " /inner " /proc/self/mountinfo; cut -d" " -f5 /proc/self/mountinfo'
    is "${lines[0]}" 1
    expect_no_output "$BATS_TEST_TMPDIR"
    is "$(wc -l </proc/self/mountinfo)" "$before"
}

@test "run: writes go to the container, not to the image" {
    sc_ok run --rm base sh -c 'echo changed >/etc/passwd; cat /etc/passwd'
    is "$output" changed
    sc_ok run --rm base cat /etc/passwd
    expect_output root:
}

@test "run: --read-only" {
    sc_fails 1 run --rm --read-only base touch /new
    expect_stderr 'Read-only file system'
    sc_ok run --rm --read-only --tmpfs /run base touch /run/new /dev/shm/new
}

@test "run: -v of a host directory, read-write and read-only" {
    mkdir "$BATS_TEST_TMPDIR/host"
    echo hello >"$BATS_TEST_TMPDIR/host/file"
    sc_ok run --rm -v "$BATS_TEST_TMPDIR/host:/data" base sh -c 'cat /data/file; echo back >/data/answer'
    is "$output" hello
    is "$(cat "$BATS_TEST_TMPDIR/host/answer")" back
    run_sc run --rm -v "$BATS_TEST_TMPDIR/host:/data:ro" base touch /data/new
    expect 1
    expect_stderr 'Read-only file system'
    [ ! -e "$BATS_TEST_TMPDIR/host/new" ]
}

@test "run: -v makes a missing host directory, --mount does not" {
    sc_ok run --rm -v "$BATS_TEST_TMPDIR/made:/data" base true
    [ -d "$BATS_TEST_TMPDIR/made" ]
    run_sc run --rm --mount "type=bind,source=$BATS_TEST_TMPDIR/absent,target=/data" base true
    expect_error 125 "$BATS_TEST_TMPDIR/absent"
    [ ! -e "$BATS_TEST_TMPDIR/absent" ]
}

@test "run: a relative -v source starts where the caller stands" {
    mkdir "$BATS_TEST_TMPDIR/here"
    echo found >"$BATS_TEST_TMPDIR/here/file"
    cd "$BATS_TEST_TMPDIR"
    sc_ok run --rm -v ./here:/data base cat /data/file
    is "$output" found
}

@test "run: --mount of every type" {
    mkdir "$BATS_TEST_TMPDIR/host"
    sc_ok run --rm --mount "type=bind,src=$BATS_TEST_TMPDIR/host,dst=/b,readonly" \
        --mount type=tmpfs,destination=/t,tmpfs-size=1m,tmpfs-mode=700 --mount type=volume,src=vol,dst=/v base \
        sh -c 'for d in /b /t /v; do grep " $d " /proc/self/mounts; done; stat -c %a /t'
    matches "${lines[0]}" ' /b .* ro,'
    matches "${lines[1]}" '^tmpfs /t tmpfs .*size=1024k'
    matches "${lines[2]}" ' /v '
    is "${lines[3]}" 700
}

@test "run: a volume keeps its content, and takes the image's first" {
    sc_ok run --rm -v kept:/etc base sh -c 'echo more >/etc/more'
    sc_ok run --rm -v kept:/mnt base cat /mnt/more /mnt/passwd
    is "${lines[0]}" more
    expect_output root:
    sc_ok run --rm -v empty:/etc:nocopy base sh -c 'ls /etc | grep -c passwd; true'
    is "${lines[0]}" 0
}

@test "run: --tmpfs and --shm-size" {
    sc_ok run --rm --tmpfs /t:size=2m,mode=750,noexec --shm-size 3m base sh -c 'grep " /t " /proc/self/mounts; stat -c %a /t; grep " /dev/shm " /proc/self/mounts'
    matches "${lines[0]}" 'noexec'
    matches "${lines[0]}" 'size=2048k'
    is "${lines[1]}" 750
    matches "${lines[2]}" 'size=3072k'
}

@test "run: a mount through a link of the image ends inside the container" {
    mkdir -p "$BATS_TEST_TMPDIR/root" "$BATS_TEST_TMPDIR/outside" "$BATS_TEST_TMPDIR/host"
    cp -a "$BATS_SUITE_TMPDIR/rootfs/." "$BATS_TEST_TMPDIR/root/"
    mkdir -p "$BATS_TEST_TMPDIR/root$BATS_TEST_TMPDIR/outside"
    ln -s "$BATS_TEST_TMPDIR/outside" "$BATS_TEST_TMPDIR/root/trap"
    echo secret >"$BATS_TEST_TMPDIR/host/file"
    run_sc run --rm --rootfs "$BATS_TEST_TMPDIR/root" -v "$BATS_TEST_TMPDIR/host:/trap/deep" cat /trap/deep/file
    expect 0
    is "$output" secret
    is "$(ls "$BATS_TEST_TMPDIR/outside")" ''
}

@test "run: --rootfs uses a directory and no image" {
    sc_ok run --rm --rootfs "$BATS_SUITE_TMPDIR/rootfs" sh -c 'echo in; ls /bin/busybox'
    is "${lines[1]}" /bin/busybox
    run_sc run --rm --rootfs "$BATS_TEST_TMPDIR/absent" true
    expect_error 125 "$BATS_TEST_TMPDIR/absent"
}

@test "run: proc and sys are masked and read-only where they speak of the host" {
    sc_ok run --rm base sh -c 'for f in /proc/kcore /proc/keys /proc/timer_list; do [ -e $f ] && wc -c <$f; done; ls /sys/firmware | wc -l; for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel/uevent_helper; do (echo x >$f) 2>/dev/null && echo wrote $f; done; echo end'
    for line in "${lines[@]}"; do
        [ "$line" = 0 ] || [ "$line" = end ] || show_last "leaked: $line"
    done
    need_root
    sc_ok run --rm --security-opt systempaths=unconfined base sh -c 'wc -c </proc/timer_list'
    [ "$output" -gt 0 ]
}

@test "run: the devices are the usual ones, and no other can be made or opened" {
    need_root
    sc_ok run --rm base sh -c 'ls /dev; echo x >/dev/null; head -c 3 /dev/zero | wc -c; mknod /dev/mem2 c 1 1 2>&1; true'
    expect_output urandom
    expect_no_output kmsg
    expect_output 'Operation not permitted'
}

@test "run: --device gives a device with its permissions" {
    need_root
    [ -e /dev/loop-control ] || [ -e /dev/fuse ] || skip "this kernel has neither /dev/fuse nor /dev/loop-control"
    device=/dev/fuse
    [ -e $device ] || device=/dev/loop-control
    sc_ok run --rm --device $device:/dev/given:rw base sh -c 'exec 3<>/dev/given && echo opened'
    is "$output" opened
    run_sc run --rm --device $device:/dev/given:r base sh -c 'exec 3<>/dev/given && echo opened'
    [ "$status" -ne 0 ]
    expect_stderr 'Operation not permitted'
}

# ---- limits ---------------------------------------------------------------------------------------

@test "run: memory, swap and reservation reach the kernel" {
    need_root
    sc_ok run -d --name limited -m 64m --memory-swap 96m --memory-reservation 32m base sleep 1000
    pid=$(container_pid limited)
    is "$(cgroup_value "$pid" memory.max memory memory.limit_in_bytes)" $((64 << 20))
    is "$(cgroup_value "$pid" memory.low memory memory.soft_limit_in_bytes)" $((32 << 20))
    if [ "$(cgroup_mode)" = v2 ]; then
        is "$(cat "$(cgroup_dir "$pid" memory)/memory.swap.max")" $((32 << 20))
    elif [ -e "$(cgroup_dir "$pid" memory)/memory.memsw.limit_in_bytes" ]; then
        is "$(cat "$(cgroup_dir "$pid" memory)/memory.memsw.limit_in_bytes")" $((96 << 20))
    fi
    sc_ok rm -f limited
}

@test "run: CPU quota, shares and sets reach the kernel" {
    need_root
    sc_ok run -d --name limited --cpu-period 50000 --cpu-quota 25000 -c 512 --cpuset-cpus 0 --cpuset-mems 0 base sleep 1000
    pid=$(container_pid limited)
    if [ "$(cgroup_mode)" = v2 ]; then
        is "$(cat "$(cgroup_dir "$pid" cpu)/cpu.max")" '25000 50000'
        is "$(cat "$(cgroup_dir "$pid" cpu)/cpu.weight")" 50
    else
        is "$(cat "$(cgroup_dir "$pid" cpu)/cpu.cfs_quota_us")" 25000
        is "$(cat "$(cgroup_dir "$pid" cpu)/cpu.cfs_period_us")" 50000
        is "$(cat "$(cgroup_dir "$pid" cpu)/cpu.shares")" 512
    fi
    is "$(cgroup_value "$pid" cpuset.cpus cpuset cpuset.cpus)" 0
    sc_ok exec limited grep Cpus_allowed_list /proc/self/status
    matches "$output" ':[[:space:]]*0$'
    sc_ok rm -f limited
}

@test "run: the pids limit stops a fork bomb, in exec too" {
    need_root
    sc_ok run -d --name limited --pids-limit 8 base sleep 1000
    run_sc exec limited sh -c 'for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1 & done; wait'
    expect_stderr "can't fork"
    sc_ok rm -f limited
}

@test "run: a container over its memory limit is killed, and that is recorded" {
    need_root
    run_sc run --name eater -m 16m --memory-swap 16m base sh -c 'x=0123456789abcdef; while :; do x=$x$x; done'
    expect 137
    sc_ok inspect --format '{{.State.OOMKilled}} {{.State.ExitCode}}' eater
    is "$output" 'true 137'
    sc_ok rm eater
}

@test "run: --cgroup-parent, and nothing of the cgroups is left" {
    need_root
    sc_ok run -d --name inside --cgroup-parent "/sc/parent-$$" base sleep 1000
    pid=$(container_pid inside)
    matches "$(cgroup_dir "$pid" pids)" "/sc/parent-$$/"
    dir=$(dirname "$(cgroup_dir "$pid" pids)")
    sc_ok rm -f inside
    # the parent was asked for by the caller, who removes it
    is "$(find "$dir" -mindepth 1 -type d)" ''
    find /sys/fs/cgroup -depth -type d -name "parent-$$" -exec rmdir {} +
}

@test "run: --ulimit, --oom-score-adj" {
    need_root
    sc_ok run --rm --ulimit nofile=100:200 --ulimit core=0 --oom-score-adj 500 base sh -c 'ulimit -n; ulimit -Hn; ulimit -c; cat /proc/self/oom_score_adj'
    is "$output" $'100\n200\n0\n500'
}

@test "run: a limit that this host cannot hold is an error that says so" {
    need_root
    run_sc run --rm --cpus 100000 base true
    expect_error 125 --cpus
    run_sc run --rm --cpuset-cpus 4000 base true
    expect 125
    is "$(grep -c . <<<"$stderr")" 1
}

# ---- users and rights ---------------------------------------------------------------------------------

@test "run: -u by id, by name, with groups" {
    need_root
    sc_ok run --rm -u 1234:5678 base id
    is "$output" 'uid=1234 gid=5678 groups=5678'
    sc_ok run --rm -u daemon base id
    matches "$output" '^uid=1\(daemon\) gid=1\(daemon\)'
    sc_ok run --rm -u 1234:5678 --group-add 44 base sh -c 'grep Groups: /proc/self/status'
    matches "$output" '44'
    expect_no_output ' 0'
    run_sc run --rm -u nobody-knows base true
    expect_error 125 nobody-knows
}

@test "run: no supplementary group and no variable of the caller gets in" {
    need_root
    SC_SECRET=leaked run_sc run --rm base sh -c 'env; grep Groups: /proc/self/status'
    expect 0
    expect_no_output SC_SECRET
    expect_no_output SC_SELF
    expect_no_output SC_DATA_ROOT
    expect_output 'HOME=/root'
    matches "$output" $'Groups:[[:space:]]*(0[[:space:]]*)?$'
}

@test "run: no descriptor of the caller gets in" {
    # low ones, and such as are above the engine's own
    exec 7</etc/passwd 250</etc/passwd 500</etc/passwd
    sc_ok run -d --name one base sleep 1000
    # 0 1 2 and the directory that ls reads
    sc_ok run --rm base sh -c 'ls /proc/self/fd | wc -l'
    is "$output" 4
    sc_ok exec one sh -c 'ls /proc/self/fd | wc -l'
    is "$output" 4
    exec 7<&- 250<&- 500<&-
    sc_ok exec one ls /proc/1/fd
    is "$(echo $output)" '0 1 2'
    sc_ok rm -f one
}

@test "run: the session keyring is the container's own" {
    need_root
    local id
    sc_ok create --name one --security-opt systempaths=unconfined base grep -o ' _ses[.][0-9a-f]*' /proc/keys
    id=$output
    sc_ok start -a one
    expect_output " _ses.$id"
}

@test "run: the default capabilities, as the kernel has them" {
    need_root
    sc_ok run --rm base grep Cap /proc/self/status
    is "$output" "$(printf 'CapInh:\t0000000000000000\nCapPrm:\t00000000800405fb\nCapEff:\t00000000800405fb\nCapBnd:\t00000000800405fb\nCapAmb:\t0000000000000000')"
}

@test "run: --cap-add, --cap-drop, --privileged" {
    need_root
    sc_ok run --rm --cap-drop ALL base grep -E 'Cap(Eff|Bnd)' /proc/self/status
    is "$output" "$(printf 'CapEff:\t0000000000000000\nCapBnd:\t0000000000000000')"
    sc_ok run --rm --cap-drop all --cap-add net_admin base grep CapEff /proc/self/status
    is "$output" "$(printf 'CapEff:\t0000000000001000')"
    sc_ok run --rm --cap-add CAP_NET_ADMIN base ip link set lo down
    run_sc run --rm base ip link set lo down
    expect_stderr 'Operation not permitted'
    sc_ok run --rm --privileged base grep CapEff /proc/self/status
    is "${output#*:}" "$(sed -n 's/^CapBnd://p' /proc/self/status)"
}

@test "run: a user who is not root has no capability" {
    need_root
    sc_ok run --rm -u 1000 base grep -E 'Cap(Prm|Eff)' /proc/self/status
    is "$output" "$(printf 'CapPrm:\t0000000000000000\nCapEff:\t0000000000000000')"
}

@test "run: --security-opt no-new-privileges" {
    sc_ok run --rm --security-opt no-new-privileges base grep NoNewPrivs /proc/self/status
    matches "$output" '1$'
    need_root
    sc_ok run --rm base grep NoNewPrivs /proc/self/status
    matches "$output" '0$'
}

@test "run: the seccomp filter is on, and can be turned off" {
    sc_ok run --rm base grep Seccomp: /proc/self/status
    matches "$output" '2$'
    sc_ok run --rm --security-opt seccomp=unconfined base grep Seccomp: /proc/self/status
    matches "$output" '0$'
}

@test "seccomp: numbers that mean the same to the kernel mean the same to the filter" {
    [ "$(uname -m)" = x86_64 ] || skip "system call numbers of x86_64"
    need_root
    # socket: 1 is AF_UNIX, 40 AF_VSOCK; the kernel takes the low 32 bits
    perl_inside 'for $f (1, 40, 0x100000028, 0x7fffffff00000028) { $r = syscall(41, $f, 1, 0); print $r < 0 ? $!+0 : "ok", "\n" }'
    expect 0
    is "$output" $'ok\n1\n1\n1'
}

@test "seccomp: no new namespaces, clone3 and unknown calls do not exist, x32 is killed" {
    [ "$(uname -m)" = x86_64 ] || skip "system call numbers of x86_64"
    need_root
    # unshare(CLONE_NEWUSER), clone(CLONE_NEWUSER|SIGCHLD), the same with high bits, clone3, no call at all
    perl_inside '
        for $c ([272, 0x10000000], [56, 0x10000011], [56, 0x100000010000011], [435, 0], [1023, 0]) {
            $r = syscall($c->[0], $c->[1], 0, 0, 0, 0);
            exit 0 if $r == 0;
            print $r < 0 ? $!+0 : "ok", "\n";
        }'
    expect 0
    is "$output" $'1\n1\n1\n38\n38'
    perl_inside 'syscall(0x40000000 | 39)'
    expect 159
    # and the proof that it was the filter
    perl_inside '$r = syscall(0x40000000 | 39); print $!+0' --security-opt seccomp=unconfined
    expect 0
}

@test "seccomp: a profile that forbids the calls by which a start ends is an error, not a wait for ever" {
    local action
    for action in '["write"]' '["write", "exit", "exit_group", "recvfrom"]'; do
        echo "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"syscalls\": [{\"names\": $action, \"action\": \"SCMP_ACT_ERRNO\"}]}" \
            >"$BATS_TEST_TMPDIR/profile.json"
        run_split timeout -s KILL "$SC_DEADLINE" "$SC" run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" base true
        expect 125
        # shellcheck disable=SC2154  # set by run
        is "$stderr" "sc: start the container: its first process died while it was made; its seccomp profile must allow write, by which it says how far it is"
    done
}

@test "seccomp: a profile of one's own" {
    echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir","mkdirat"],"action":"SCMP_ACT_ERRNO","errnoRet":28}]}' \
        >"$BATS_TEST_TMPDIR/profile.json"
    run_sc run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/profile.json" base mkdir /new
    expect 1
    expect_stderr 'No space left'
    run_sc run --rm --security-opt "seccomp=$BATS_TEST_TMPDIR/absent" base true
    expect_error 125 absent
}

@test "attack: a container cannot write to the programs that started it" {
    need_root
    sums=$(cat "$SC_BIN"/sc "$SC_BIN"/sc-monitor "$SC_BIN"/sc-init | sha256sum)
    sc_ok run -d --name attacker base sh -c 'while :; do for p in /proc/[0-9]*; do (echo owned >$p/exe) 2>/dev/null && echo wrote $p; done; done'
    for _ in 1 2 3 4 5; do
        sc_ok exec attacker true
        run_sc exec attacker /proc/self/exe version
    done
    sc_ok run --rm base sh -c '(echo owned >/proc/self/exe) 2>&1; true'
    run_sc run --rm base sh -c 'exec 3<>/proc/1/exe'
    [ "$status" -ne 0 ]
    sc_ok rm -f attacker
    is "$(cat "$SC_BIN"/sc "$SC_BIN"/sc-monitor "$SC_BIN"/sc-init | sha256sum)" "$sums"
}

# any-kernel: the same calls on all, for a long time
@test "attack: no working directory leads to a descriptor of the engine" {
    for n in 3 4 5 6 7 8 9 10 11 12 15 20; do
        run_sc run --rm -w "/proc/self/fd/$n" base ls ../../../../..
        expect_error 125 '--workdir: '
        is "$output" ''
    done
    sc_ok run -d --name victim base sleep 1000
    for n in 3 4 5 6 7 8 9 10; do
        run_sc exec -w "/proc/self/fd/$n" victim ls ../../../../..
        [ "$status" -ne 0 ]
        is "$output" ''
    done
    sc_ok rm -f victim
}

# ---- user namespaces and clocks ---------------------------------------------------------------------------

@test "userns: explicit maps; the container's root is nobody here" {
    need_root
    mkdir "$BATS_TEST_TMPDIR/host"
    sc_ok run -d --name mapped --uidmap 0:100000:65536 --gidmap 0:200000:65536 base sh -c 'touch /made; sleep 1000'
    pid=$(container_pid mapped)
    is "$(awk '/^Uid/ { print $2 }' "/proc/$pid/status")" 100000
    is "$(awk '/^Gid/ { print $2 }' "/proc/$pid/status")" 200000
    [ "$(readlink "/proc/$pid/ns/user")" != "$(readlink /proc/self/ns/user)" ]
    sc_ok exec mapped sh -c 'id -u; stat -c %u:%g /made /etc/passwd'
    is "$output" $'0\n0:0\n0:0'
    sc_ok rm -f mapped
}

@test "run: --time-offset moves the clocks of the container" {
    need_root
    [ -e /proc/self/ns/time ] || skip "this kernel has no time namespaces"
    sc_ok run --rm --time-offset monotonic=100000,boottime=1000000 base cat /proc/uptime
    [ "${output%%.*}" -gt 1000000 ]
    sc_ok run --rm base cat /proc/uptime
    [ "${output%%.*}" -lt $(($(cut -d. -f1 /proc/uptime) + 1000)) ]
}

@test "run: --sysctl sets what belongs to the container" {
    need_root
    sc_ok run --rm --sysctl net.ipv4.ip_forward=1 --sysctl kernel.msgmax=12345 base cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax
    is "$output" $'1\n12345'
    run_sc run --rm --sysctl kernel.panic=1 base true
    expect_error 125 kernel/panic
    run_sc run --rm --network host --sysctl net.ipv4.ip_forward=1 base true
    expect_error 125 net.ipv4.ip_forward
}

# ---- the process -----------------------------------------------------------------------------------------------

# any-kernel: no part of it is the kernel's
@test "run: -e, --env-file, -w, --entrypoint" {
    printf '# comment\nFROM_FILE=file\nBOTH=file\nCALLER\nNOT_SET_HERE\n' >"$BATS_TEST_TMPDIR/env"
    CALLER=mine run_sc run --rm --env-file "$BATS_TEST_TMPDIR/env" -e BOTH=flag -e CALLER2 -e EMPTY= base env
    expect 0
    expect_output FROM_FILE=file
    expect_output BOTH=flag
    expect_output CALLER=mine
    expect_output EMPTY=
    expect_no_output NOT_SET_HERE
    expect_no_output CALLER2
    sc_ok run --rm -w /tmp --entrypoint pwd base
    is "$output" /tmp
    sc_ok run --rm -w /not/yet/there base pwd
    is "$output" /not/yet/there
}

# any-kernel: no part of it is the kernel's
@test "run: zombies are reaped by --init, and pile up without it" {
    leave_orphan='(sleep 0.1 &) ; :'
    for init in true false; do
        sc_ok run -d --name reaper --init=$init base sleep 1000
        sc_ok exec reaper sh -c "$leave_orphan"
        if $init; then
            wait_until sh -c "! \"$SC\" exec reaper ps -o args,comm | grep -v grep | grep -q 'sleep 0.1\|\[sleep\]'"
            sc_ok exec reaper ps -o stat
            expect_no_output Z
        else
            wait_until sh -c "\"$SC\" exec reaper ps -o stat | grep -q Z"
        fi
        sc_ok rm -f reaper
    done
}

# any-kernel: signals are those of every kernel
@test "run: --init forwards signals" {
    sc_ok run -d --name signalled --init base sh -c 'trap "echo got; exit 3" TERM; while :; do sleep 0.1; done'
    wait_until sh -c "\"$SC\" exec signalled ps | grep -q 'sleep 0.1'"
    sc_ok stop signalled
    sc_ok logs signalled
    is "$output" got
    sc_ok inspect -f '{{.State.ExitCode}}' signalled
    is "$output" 3
    sc_ok rm signalled
    # 34 is SIGRTMIN to a program of glibc
    sc_ok run -d --name signalled --init base sh -c 'trap "exit 4" 34; echo up; while :; do sleep 0.1; done'
    wait_until sh -c "\"$SC\" logs signalled | grep -q up"
    sc_ok kill -s RTMIN signalled
    sc_ok wait signalled
    is "$output" 4
    sc_ok rm signalled
}

@test "run: every process ends with pid 1" {
    sc_ok run -d --name parent base sh -c 'sleep 1001 & sleep 1002 & exec sleep 1000'
    pid=$(container_pid parent)
    wait_until sh -c "\"$SC\" exec parent ps | grep -q 1002"
    children=$(pgrep -P "$pid")
    sc_ok kill parent
    for child in $children; do
        wait_until has_ended "$child"
    done
    sc_ok rm parent
}

@test "run: a signal to the client reaches the container" {
    "$SC" run --rm --name proxied base sh -c 'trap "exit 42" USR1; echo ready; while :; do sleep 0.05; done' >"$BATS_TEST_TMPDIR/out" 3>&- &
    client=$!
    wait_until grep ready "$BATS_TEST_TMPDIR/out"
    kill -USR1 $client
    run wait $client
    code=0
    wait $client || code=$?
    is "$code" 42
}

@test "run: exit codes 126, 127 and 128+n" {
    run_sc run --rm base no-such-program
    expect_error 127 no-such-program
    run_sc run --rm base /etc/passwd
    expect_error 126 /etc/passwd
    run_sc run --rm base /etc
    expect_error 126 /etc
    sc_fails 137 run --rm --init base sh -c 'kill -KILL $$'
    sc_fails 143 run --rm --init base sh -c 'kill -TERM $$'
}

@test "run: a missing interpreter is named" {
    mkdir -p "$BATS_TEST_TMPDIR/host"
    printf '#!/no/such/interpreter\n' >"$BATS_TEST_TMPDIR/host/script"
    chmod +x "$BATS_TEST_TMPDIR/host/script"
    run_sc run --rm -v "$BATS_TEST_TMPDIR/host:/data" base /data/script
    expect_error 127 /no/such/interpreter
}

@test "run: input, and its end, reach the container with -i only" {
    run_sc run --rm -i base cat <<<hello
    expect 0
    is "$output" hello
    run_sc run --rm base cat <<<hello
    expect 0
    is "$output" ''
}

# any-kernel: no part of it is the kernel's
@test "run: -t gives a terminal of the caller's size" {
    run on_terminal "stty rows 33 cols 99; $SC run --rm -it base sh -c 'tty; stty size; echo \$TERM; ls -l /dev/console'"
    [ "$status" -eq 0 ]
    matches "$output" /dev/pts/0
    matches "$output" '33 99'
    matches "$output" xterm
    run_sc run --rm -it base true </dev/null
    expect_error 1 'the input device is not a TTY'
}

# any-kernel: no part of it is the kernel's
@test "run: the detach keys leave the container running" {
    mkfifo "$BATS_TEST_TMPDIR/keys"
    script -qfec "$SC run -it --name kept base sh -c 'echo ready; exec sleep 1000'" "$BATS_TEST_TMPDIR/typescript" \
        <"$BATS_TEST_TMPDIR/keys" >/dev/null 3>&- &
    exec 9>"$BATS_TEST_TMPDIR/keys"
    wait_until grep ready "$BATS_TEST_TMPDIR/typescript"
    printf '\020\021' >&9
    wait $!
    exec 9>&-
    sc_ok inspect -f '{{.State.Status}}' kept
    is "$output" running
    sc_ok rm -f kept
}

# ---- explained ---------------------------------------------------------------------------------------------------

# any-kernel: scripts and words
@test "explain: each step with its reason, its call and its time; the container runs as ever" {
    run_sc run --rm --explain base sh -c 'echo out; exit 5'
    expect 5
    is "$output" out
    matches "$stderr" ' us '
    expect_stderr pivot_root
    expect_stderr execve
    expect_stderr 'clone3('
}

# any-kernel: scripts and words
@test "explain=json: an object a line, every step executed" {
    run_sc run --rm --explain=json base true
    expect 0
    is "$(jq -rs 'map(.op) | index("pivot") != null' <<<"$stderr")" true
    is "$(jq -s 'map(.step) | sort == [range(1; length + 1)]' <<<"$stderr")" true
    # what execve took cannot be told by who has been replaced
    is "$(jq -cs 'map(select(.nanoseconds == null) | .op)' <<<"$stderr")" '["exec"]'
}

# any-kernel: the script is compared with what is built beside it
@test "explain=sh: the script builds the same container by hand" {
    need_root
    inside='hostname; echo $$; grep Cap /proc/self/status; ls /dev; ls /sys/class/net; id; cut -d" " -f2-3 /proc/self/mounts | grep -v cgroup | sort; exit 3'
    sc_fails 3 run --rm -h byhand --proc-view off -m 64m --pids-limit 50 base sh -c "$inside"
    ours=$output
    sc_ok run --explain=sh -h byhand --proc-view off -m 64m --pids-limit 50 base sh -c "$inside"
    echo "$output" >"$BATS_TEST_TMPDIR/script"
    run_split sh "$BATS_TEST_TMPDIR/script"
    expect 3
    is "$output" "$ours"
    sc_ok ps -aq
    is "$output" ''
}

# What a monitor removes once the command has ended is gone too.
no_directories()
{
    [ -z "$(find "$SC_DATA_ROOT/container" "$SC_RUN_ROOT/container" -mindepth 1)" ]
}

# any-kernel: scripts and words
@test "explain=sh: users, capabilities, volumes, limits of processes and mounts are the same by hand" {
    need_root
    mkdir -m 777 "$BATS_TEST_TMPDIR/rw" "$BATS_TEST_TMPDIR/ro"
    inside='hostname; cat /proc/sys/kernel/domainname /proc/sys/net/ipv4/ip_forward; pwd; id; grep -E "^(Cap(Inh|Prm|Eff|Amb)|NoNew)" /proc/self/status
        ls -lR /dev | tr -s " " | cut -d" " -f1,3-6; ulimit -n; ulimit -c; umask; env | sort; cat /proc/self/oom_score_adj; grep -c shared: /proc/self/mountinfo
        for d in / /rw /ro /vol /t; do touch $d/x 2>&1; done; df -m /dev/shm /t 2>&1 | tr -s " " | cut -d" " -f2,6
        cut -d" " -f2-4 /proc/self/mounts | grep -v cgroup | grep -v "^/ " | sort; exit 3'
    while IFS= read -r flags; do
        eval "words=($flags)"
        sc_ok run --explain=sh --network none -h same "${words[@]}" base sh -c "$inside"
        echo "$output" >"$BATS_TEST_TMPDIR/script"
        # before sc itself runs it: the script makes what it needs
        run_split sh "$BATS_TEST_TMPDIR/script"
        [ "$status" -eq 3 ] || show_last "by hand: $flags"
        hands=$output
        sc_fails 3 run --rm --network none -h same "${words[@]}" base sh -c "$inside"
        is "$flags $hands" "$flags $output"
    done <<END
-u 1000:1000 --group-add 7 -w /rw -v $BATS_TEST_TMPDIR/rw:/rw -v $BATS_TEST_TMPDIR/ro:/ro:ro
--cap-drop ALL -u 1000 --ulimit nofile=77:88 --ulimit core=0 -e A=b -e "Q=it's \"q\""
--cap-drop SETGID --cap-drop SETUID --cap-add NET_ADMIN --security-opt no-new-privileges --oom-score-adj 500 -w /new/dir -v $BATS_TEST_TMPDIR/rw:/rw:rshared
--read-only --tmpfs /t:size=1m,mode=700 --domainname dom --shm-size 1m --sysctl net.ipv4.ip_forward=1
--privileged -v named:/vol -v /t
--ipc shareable
END
    wait_until no_directories
    run_sc run --explain=sh --network none --uidmap 0:100000:65536 base true
    expect_error 125 "a user namespace of its own cannot be written as a script"
    sc_ok volume rm named
}

@test "explain=sh: its limits are the kernel's" {
    need_root
    sc_ok run --explain=sh -m 64m --pids-limit 50 base sh -c 'cat /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max 2>/dev/null'
    echo "$output" >"$BATS_TEST_TMPDIR/script"
    run_split sh "$BATS_TEST_TMPDIR/script"
    is "$output" 50
}

# any-kernel: scripts and words
@test "dry-run: prints the plan and does nothing" {
    sc_ok run --dry-run --name planned -m 64m -v fresh:/data base true
    expect_output pivot_root
    sc_ok ps -a --format '{{.Names}}'
    is "$output" ''
    [ ! -e "$SC_DATA_ROOT/volume/fresh" ]
    sc_ok run --dry-run --explain=json base true
    is "$(jq 'length > 20' <<<"$output")" true
    sc_ok create --dry-run base true
    expect_output pivot_root
}

@test "dry-run: an ordinary user may" {
    need_root
    # a directory of this user's own, which the tests' is not
    home=$(TMPDIR='' mktemp -d -t sc-user.XXXXXX)
    cp "$SC" "$home/sc"
    chown -R 65534:65534 "$home"
    run_split setpriv --reuid 65534 --regid 65534 --clear-groups env -u SC_DATA_ROOT -u SC_RUN_ROOT \
        HOME="$home" XDG_RUNTIME_DIR= "$home/sc" run --dry-run --rootfs /usr true
    rm -rf "$home"
    expect 0
    expect_output pivot_root
}
