#!/usr/bin/env bats
# --proc-view: what programs in a container read of the machine is what the container has.
load helpers

setup()
{
    sc_setup
    cd "$BATS_TEST_TMPDIR"
    [ "$(stat -c %t:%T /dev/fuse 2>/dev/null)" = a:e5 ] || skip "this host has no /dev/fuse"
}

# The server of a container.
server_of()
{
    cat "$SC_RUN_ROOT/container/$("$SC" inspect -f '{{.Id}}' "$1")/view"
}

@test "proc-view: memory, CPUs and time are the container's" {
    sc_ok run --rm -m 256m --memory-swap 256m --cpus 1 --proc-view on base sh -c '
        sed -n "s/ kB//;s/^MemTotal: *//p;s/^SwapTotal: *//p" /proc/meminfo
        grep -c ^processor /proc/cpuinfo
        grep -c "^cpu[0-9]" /proc/stat
        cat /sys/devices/system/cpu/online /sys/devices/system/cpu/present
        cut -d. -f1 /proc/uptime
        wc -l </proc/swaps'
    is "$(sed -n '1p;2p;3p;4p;5p;6p;8p' <<<"$output" | xargs)" '262144 0 1 1 0 0 1'
    # the host has been up for longer than this container
    [ "$(sed -n 7p <<<"$output")" -lt "$(cut -d. -f1 /proc/uptime)" ]
    sc_ok run --rm -m 256m --proc-view on base free -m
}

@test "proc-view: every way of reading gives the same text" {
    # cat of busybox uses sendfile, dd reads, head reads a part, grep maps or reads
    sc_ok run --rm -m 64m --proc-view on base sh -c '
        set -- $(cat /proc/meminfo | wc -l) $(dd if=/proc/meminfo bs=37 2>/dev/null | wc -l) $(grep -c : /proc/meminfo)
        echo "$@"; head -n 1 /proc/meminfo; cat /proc/meminfo | head -n 1'
    is "$(head -n 1 <<<"$output" | xargs -n 1 | sort -u | wc -l)" 1
    is "$(tail -n 2 <<<"$output" | sort -u)" 'MemTotal:          65536 kB'
    # an open file that is read again from its beginning is made again
    sc_ok run --rm -m 64m --proc-view on base sh -c 'exec 3</proc/uptime; cat <&3 >/dev/null; sleep 0.1; cat /proc/uptime | wc -l'
    is "$output" 1
}

@test "proc-view: usage moves with the container, and a changed limit shows at once" {
    sc_ok run -d --name box -m 128m --proc-view on --tmpfs /data base sleep 1000
    before=$("$SC" exec box sed -n 's/^MemFree: *\([0-9]*\) kB/\1/p' /proc/meminfo)
    sc_ok exec box dd if=/dev/zero of=/data/file bs=1M count=32
    after=$("$SC" exec box sed -n 's/^MemFree: *\([0-9]*\) kB/\1/p' /proc/meminfo)
    [ $((before - after)) -gt 30000 ]
    shmem=$("$SC" exec box sed -n 's/^Cached: *\([0-9]*\) kB/\1/p' /proc/meminfo)
    [ "$shmem" -ge 32768 ]
    sc_ok cgroup set -r memory.max=96m -r memory.swap.max=0 "$(sed -n 's/^[0-9]*:memory://p;s/^0:://p' "/proc/$(container_pid box)/cgroup" | head -n 1)"
    sc_ok exec box head -n 1 /proc/meminfo
    is "$output" 'MemTotal:          98304 kB'
}

@test "proc-view: the tightest limit of all above counts" {
    local parent=sctest-view-$$
    "$SC" cgroup create -g "memory,cpu:$parent"
    "$SC" cgroup set -r memory.max=64m -r 'cpu.max=50000 100000' "$parent"
    run_sc run --rm --cgroup-parent "/$parent" -m 256m --proc-view on base sh -c 'head -n 1 /proc/meminfo; grep -c ^processor /proc/cpuinfo'
    "$SC" cgroup delete -r "*:$parent" || true
    expect 0
    is "$output" "$(printf 'MemTotal:          65536 kB\n1')"
}

@test "proc-view: when its process dies the real files show, and the container goes on" {
    sc_ok run -d --name box -m 64m --proc-view on base sleep 1000
    sc_ok exec box head -n 1 /proc/meminfo
    is "$output" 'MemTotal:          65536 kB'
    local server
    server=$(server_of box)
    is "$(cat "/proc/$server/comm")" sc-view
    kill -KILL "$server"
    real()
    {
        [ "$("$SC" exec box head -n 1 /proc/meminfo)" = "$(head -n 1 /proc/meminfo)" ]
    }
    wait_until real
    sc_ok exec box sh -c 'cat /proc/uptime /proc/stat /proc/cpuinfo /sys/devices/system/cpu/online >/dev/null; grep -c fuse /proc/mounts || true'
    is "$output" 0
}

@test "proc-view: its process ends with the container, and is small" {
    sc_ok run -d --name box -m 64m --proc-view on base sleep 1000
    local server pss
    server=$(server_of box)
    pss=$(awk '/^Pss:/ { print $2 }' "/proc/$server/smaps_rollup")
    [ "$SC_WHERE" = asan ] || [ "$pss" -le 1024 ]
    sc_ok rm -f box
    wait_until has_ended "$server"
    # also when somebody else keeps its mounts
    sc_ok run -d --name box -m 64m --proc-view on base sleep 1000
    server=$(server_of box)
    exec 9<"/proc/$(container_pid box)/ns/mnt"
    sc_ok rm -f box
    wait_until has_ended "$server"
    exec 9<&-
}

@test "proc-view: the default is a view where there is a limit" {
    in_view()
    {
        "$SC" run --rm "$@" base sh -c 'grep -c fuse /proc/mounts || true'
    }
    for limit in '-m 64m' '--cpus .5' '--cpu-quota 50000' '--cpuset-cpus 0'; do
        # shellcheck disable=SC2086  # words
        [ "$(in_view $limit)" -gt 5 ]
    done
    [ "$(in_view -m 64m --proc-view auto)" -gt 5 ]
    is "$(in_view --proc-view auto)" 0
    is "$(in_view --pids-limit 50)" 0
    is "$(in_view -m 64m --proc-view off)" 0
    run_sc run --rm --proc-view sometimes base true
    expect_error 125 'must be auto, on, full or off'
}

@test "proc-view: directories of CPUs and memory nodes" {
    sc_ok run --rm -m 256m --cpus 1 --proc-view on base sh -c '
        cd /sys/devices/system
        ls -d cpu/cpu[0-9]* node/node0/cpu[0-9]*
        cat cpu/online cpu/present node/node0/cpulist node/online
        cat cpu/cpu0/topology/core_id cpu/kernel_max cpu/possible
        readlink cpu/cpu0/subsystem
        sed -n "s/ kB//;s/^Node 0 MemTotal: *//p" node/node0/meminfo
        test ! -e cpu/cpu1'
    is "$(head -n 6 <<<"$output" | xargs)" 'cpu/cpu0 node/node0/cpu0 0 0 0 0'
    # a quota keeps no thread from any CPU, so what is indexed by CPU needs them all
    is "$(sed -n '7,10p' <<<"$output")" "$(cat /sys/devices/system/cpu/{cpu0/topology/core_id,kernel_max,possible}; readlink /sys/devices/system/cpu/cpu0/subsystem)"
    is "$(sed -n 11p <<<"$output")" 262144
    run_sc run --rm --proc-view on base sh -c 'echo 0 >/sys/devices/system/cpu/cpu0/uevent'
    expect 1
    expect_stderr 'Read-only file system'
}

@test "proc-view: with --rootfs, a user namespace and a read-only root" {
    cp -a "$BATS_SUITE_TMPDIR/rootfs" "$BATS_TEST_TMPDIR/rootfs"
    for flags in "--rootfs $BATS_TEST_TMPDIR/rootfs" "--uidmap 0:100000:65536 --gidmap 0:100000:65536 base" "--read-only base"; do
        # shellcheck disable=SC2086  # words
        sc_ok run --rm -m 64m --proc-view on $flags sh -c 'head -n 1 /proc/meminfo; cat /sys/devices/system/cpu/online'
        is "$(head -n 1 <<<"$output")" 'MemTotal:          65536 kB'
    done
}

# any-kernel: the host's programs ask what is answered the same
@test "proc-view: what the host's own programs see" {
    type -P vmstat >/dev/null || skip "vmstat is not installed"
    local ask='free -m | awk "/^Mem/ { print \$2 }"; vmstat -s -S M | head -n 1; top -bn1 | sed -n "s/^MiB Mem : *//; 4s/ total.*//p"
        lscpu -p=cpu | grep -vc "#"; getconf _NPROCESSORS_ONLN; nproc'
    mkdir -p root/{usr,etc/alternatives,proc,sys,dev,tmp}
    ln -s usr/bin root/bin
    ln -s usr/lib root/lib
    ln -s usr/lib64 root/lib64
    view() { sc_ok run --rm -m 256m --cpus 1 --proc-view "$1" -v /usr:/usr:ro -v /etc/alternatives:/etc/alternatives:ro --rootfs root sh -c "export TERM=xterm; $ask"; }
    view on
    is "$(head -n 5 <<<"$output" | xargs)" '256 256 M total memory 256.0 1 1'
    is "$(sed -n 6p <<<"$output")" "$(nproc)"
    view full
    is "$(xargs <<<"$output")" '256 256 M total memory 256.0 1 1 1'
}

# any-kernel: lxcfs is not in the machine
@test "proc-view: lxcfs says the same of the same limits" {
    type -P lxcfs >/dev/null || skip "lxcfs is not installed"
    local group=sctest-lxcfs-$$ theirs
    mkdir lxcfs
    "$SC" cgroup create -g "memory,cpu:$group"
    "$SC" cgroup set -r memory.max=256m "$group"
    lxcfs -f "$PWD/lxcfs" >lxcfs.log 2>&1 &
    local pid=$!
    wait_until test -e lxcfs/proc/meminfo
    theirs=$("$SC" cgroup exec -g "memory,cpu:$group" sh -c 'head -n 1 lxcfs/proc/meminfo; grep -c ^SwapTotal lxcfs/proc/meminfo; tail -n +2 lxcfs/proc/swaps | wc -l') || true
    umount lxcfs
    wait_until has_ended "$pid"
    "$SC" cgroup delete "memory,cpu:$group"
    sc_ok run --rm -m 256m --proc-view on base sh -c 'head -n 1 /proc/meminfo; grep -c ^SwapTotal /proc/meminfo; tail -n +2 /proc/swaps | wc -l'
    is "$output" "$theirs"
}

# ---- full: system calls too --------------------------------------------------------------------------------------

# A program that asks, for containers to run at /calls.
calls_program()
{
    compile "$TESTS/calls.c" "$BATS_TEST_TMPDIR/calls"
    full=(--proc-view full -m 64m --memory-swap 64m --cpus 1 -v "$BATS_TEST_TMPDIR/calls:/calls:ro")
}

# The process that answers for a container.
answerer_of()
{
    pgrep -f "^[^ ]*sc-view --calls $(container_pid "$1")\$"
}

@test "proc-view full: nproc, free and what others ask of the kernel" {
    calls_program
    sc_ok run --rm "${full[@]}" base sh -c 'nproc; free | sed -n "s/^Mem: *\([0-9]*\) .*/\1/p"; /calls cpus; /calls memory; /calls pin && echo pinned'
    is "$(sed -n '1,3p' <<<"$output")" "$(printf '1\n65536\n1 1 1 1 1 1')"
    matches "$(sed -n 4p <<<"$output")" '^65536 [0-9]+ 0 [1-9]$'
    is "$(sed -n 5p <<<"$output")" pinned
    # not without being asked for
    sc_ok run --rm -m 64m --cpus 1 -v "$BATS_TEST_TMPDIR/calls:/calls:ro" base /calls memory
    [ "${output%% *}" -gt 65536 ]
}

@test "proc-view full: whatever the confinement, and for an exec" {
    calls_program
    for flags in '--security-opt seccomp=unconfined' --privileged '--security-opt no-new-privileges --user 1000 --cap-drop ALL' \
        '--uidmap 0:100000:65536 --gidmap 0:100000:65536' --init '--pid host'; do
        # shellcheck disable=SC2086  # words
        sc_ok run --rm "${full[@]}" $flags base sh -c '/calls memory; nproc'
        matches "$(xargs <<<"$output")" '^65536 [0-9]+ 0 [1-9] 1$'
    done
    if [ "$(uname -m)" = x86_64 ]; then
        sc_ok run --rm "${full[@]}" --security-opt seccomp=unconfined base /calls compat
        is "$output" "0 65536 $("$BATS_TEST_TMPDIR/calls" compat | cut -d" " -f3) 1"
    fi
    # a profile that refuses the call still does
    echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["sysinfo"],"action":"SCMP_ACT_ERRNO","errnoRet":1}]}' >no.json
    sc_fails 1 run --rm "${full[@]}" --security-opt seccomp=no.json base /calls memory
    echo '{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_NOTIFY"}],"listenerPath":"/x"}' >notify.json
    run_sc run --rm "${full[@]}" --security-opt seccomp=notify.json base true
    expect_error 125 'has a listener of its own'
    sc_ok run -d --name box "${full[@]}" base sleep 1000
    is "$("$SC" inspect -f '{{.HostConfig.ProcView}}' box)" full
    for flags in '' '--user 1000' --privileged; do
        # shellcheck disable=SC2086  # words
        sc_ok exec $flags box sh -c '/calls memory; nproc'
        matches "$(xargs <<<"$output")" '^65536 [0-9]+ 0 [1-9] 1$'
    done
    sc_ok update -m 32m --memory-swap 32m box
    sc_ok exec box /calls memory
    is "${output%% *}" 32768
}

# any-kernel: the answers are ours
@test "proc-view full: wrong arguments and crowds are answered as the kernel answers them" {
    calls_program
    sc_ok run --rm "${full[@]}" base /calls faults
    is "$output" "$("$BATS_TEST_TMPDIR/calls" faults)"
    sc_ok run --rm "${full[@]}" base /calls crowd 16
    is "$output" 0
}

@test "proc-view full: when the process that answers dies the kernel answers" {
    calls_program
    sc_ok run -d --name box "${full[@]}" base sh -c "while :; do /calls crowd 4 >/dev/null; done"
    local answerer
    answerer=$(answerer_of box)
    sc_ok exec box /calls memory
    is "${output%% *}" 65536
    kill -KILL "$answerer"
    wait_until has_ended "$answerer"
    sc_ok exec box sh -c '/calls memory; /calls crowd 4'
    is "$(sed -n 1p <<<"$output" | cut -d' ' -f1)" "$(awk '/^MemTotal:/ { print $2 }' /proc/meminfo)"
    is "$(sed -n 2p <<<"$output")" 0
    # its files are another process's
    sc_ok exec box head -n 1 /proc/meminfo
    is "$output" 'MemTotal:          65536 kB'
}
