#!/usr/bin/env bats
# What the kernel makes of limits that nobody may pass: memory, swap, huge pages, tasks, CPUs, devices. Nothing here is a matter of time; shares and
# rates are measured in resources.bats.
load helpers

BUSY='while :; do :; done'

teardown()
{
    [ -z "${swap:-}" ] || { busybox swapoff "$swap" && echo 1 >/sys/block/zram0/reset; } || true
    [ "$SC_WHERE" != vm ] || echo 0 >/proc/sys/vm/nr_hugepages
    [ -z "${parent:-}" ] || find /sys/fs/cgroup -depth -type d -path "*$parent" -exec rmdir {} + 2>/dev/null || true
    sc_teardown
}

@test "resources: memory up to the limit works, more is killed, with code, reason and peak" {
    sc_ok run --rm -m 64m --memory-swap 64m --tmpfs /t base sh -c 'head -c 50000000 /dev/zero >/t/f && wc -c </t/f'
    is "$output" 50000000
    run_sc run --name one -m 64m --memory-swap 64m --tmpfs /t base sh -c 'exec head -c 90000000 /dev/zero >/t/f'
    expect 137
    is "$("$SC" inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}} {{.Usage.MemoryPeak}}' one)" "true 137 $((64 << 20))"
    sc_ok rm one
    # A child that is killed, and the container lives on: it was not the container that was killed.
    # shellcheck disable=SC2016 # for the container's shell
    sc_ok run -d --name two -m 64m --memory-swap 64m base sh -c 'sh -c '\''x=0123456789abcdef; while :; do x=$x$x; done'\''; echo "code $?"; exit 4'
    sc_ok wait two
    is "$output" 4
    is "$("$SC" logs two)" 'code 137'
    is "$("$SC" inspect -f '{{.State.OOMKilled}} {{.Usage.OOMKills}}' two)" 'false 1'
    sc_ok rm two
}

@test "resources: without swap, --memory-swap changes nothing, and that is said" {
    [ "$(wc -l </proc/swaps)" -eq 1 ] || skip 'this host has swap'
    sc_ok run --rm -m 64m --memory-swap 96m base true
    expect_stderr 'note: --memory-swap: this host has no swap'
}

# prepare_swap: where the machine is the test's own. In memory: Linux before 6.7 does not free what it has written to a slow
# disk once the limit on swap is reached, and kills too early.
prepare_swap()
{
    [ "$(wc -l </proc/swaps)" -eq 1 ] || return 0
    [ "$SC_WHERE" = vm ] || skip 'this host has no swap'
    echo 384M >/sys/block/zram0/disksize
    busybox mkswap /dev/zram0
    busybox swapon /dev/zram0
    swap=/dev/zram0
}

@test "resources: 200 MiB of memory and 100 of swap hold 280, and more than 300 are killed" {
    prepare_swap
    compile "$TESTS/resources.c" "$BATS_TEST_TMPDIR/resources"
    sc_ok run --rm -m 200M --memory-swap 300M -v "$BATS_TEST_TMPDIR/resources:/resources:ro" base /resources touch 280
    is "$output" "touched $((280 << 20))"
    run_sc run --name one -m 200M --memory-swap 300M -v "$BATS_TEST_TMPDIR/resources:/resources:ro" base /resources touch 330
    expect 137
    is "$output" ''
    is "$("$SC" inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}} {{.State.OOMVictim}} {{.Usage.OOMKills}}' one | sed 's/[0-9]*)/N)/')" \
        'true 137 resources (process N) 1'
    peak=$("$SC" inspect -f '{{.Usage.MemoryPeak}}' one)
    [ "$peak" -gt $((190 << 20)) ]
    [ "$peak" -le $((200 << 20)) ]
    sc_ok rm one
}

@test "resources: huge pages up to the limit, and one more is a bus error" {
    # hybrid, or v2
    grep -qw hugetlb /sys/fs/cgroup/cgroup.controllers /sys/fs/cgroup/unified/cgroup.controllers 2>/dev/null || skip 'no hugetlb controller'
    [ "$SC_WHERE" != vm ] || echo 16 >/proc/sys/vm/nr_hugepages
    [ "$(awk '$1 == "HugePages_Free:" { print $2 }' /proc/meminfo)" -ge 8 ] || skip 'no huge pages are set aside'
    compile "$TESTS/resources.c" "$BATS_TEST_TMPDIR/resources"
    flags=(--cgroup-conf "hugetlb.2MB.max=$((4 << 21))" -v "$BATS_TEST_TMPDIR/resources:/resources:ro")
    sc_ok run --rm "${flags[@]}" base /resources huge 4
    is "$output" "touched $((4 << 21))"
    run_sc run --rm "${flags[@]}" base /resources huge 5
    expect 135
    is "$output" ''
    make_bundle "$BATS_TEST_TMPDIR/bundle" '.process.args = ["/resources", "huge", "5"] |
        .linux.resources.hugepageLimits = [{"pageSize": "2MB", "limit": 8388608}]'
    cp "$BATS_TEST_TMPDIR/resources" "$BATS_TEST_TMPDIR/bundle/rootfs/"
    run_oci run --bundle "$BATS_TEST_TMPDIR/bundle" one
    # the OCI's limit is one on what is set aside, too
    expect 1
    expect_stderr 'mmap: Cannot allocate memory'
}

@test "resources: --pids-limit holds a fork bomb, and all of it is gone at once" {
    # shellcheck disable=SC2016 # for the container's shell
    sc_ok run -d --name bomb --pids-limit 200 base sh -c 'bomb() { bomb | bomb & }; (while :; do bomb; done) 2>/dev/null & exec sleep 1000'
    dir=$(cgroup_dir "$(container_pid bomb)" pids)
    wait_until sh -c "grep -qE 'max [1-9]' $dir/pids.events"
    for i in 1 2 3 4 5 6 7 8 9 10; do
        [ "$(cat "$dir/pids.current")" -le 200 ]
        "$BASH" -c true # the host still can
    done
    sc_ok run --rm base true
    sc_ok kill bomb
    sc_ok wait bomb
    [ ! -e "$dir" ]
    matches "$("$SC" why bomb)" 'Its limit of 200 tasks refused [0-9]+ more'
    sc_ok rm bomb
}

# Killing them takes the rest of a second (bench/resources); here, that none is left.
@test "resources: a fork bomb of 5000 tasks is gone at once" {
    compile "$TESTS/resources.c" "$BATS_TEST_TMPDIR/resources"
    tasks=5000
    # emulated CPUs come to nothing else
    [ "$SC_WHERE" != vm ] || tasks=1000
    sc_ok run -d --name bomb --pids-limit "$tasks" -v "$BATS_TEST_TMPDIR/resources:/resources:ro" base /resources bomb
    dir=$(cgroup_dir "$(container_pid bomb)" pids)
    wait_until grep -qx "$tasks" "$dir/pids.current"
    sc_ok kill bomb
    sc_ok wait bomb
    is "$output" 137
    [ ! -e "$dir" ]
    sc_ok rm bomb
}

@test "resources: a cpuset pins" {
    last=$(($(nproc) - 1))
    [ "$last" -gt 0 ] || skip 'this host has one CPU'
    sc_ok run -d --name one --cpuset-cpus "$last" base sh -c "($BUSY) & $BUSY"
    pid=$(container_pid one)
    for ((i = 0; i < 20; i++)); do
        # proc(5): the 39th field is the CPU it ran on last
        is "$(sed 's/.*) //' "/proc/$pid/stat" | cut -d' ' -f37)" "$last"
        sleep 0.01
    done
    sc_ok update --cpuset-cpus 0 one
    wait_until sh -c "[ \"\$(sed 's/.*) //' /proc/$pid/stat | cut -d' ' -f37)\" = 0 ]"
    sc_ok rm -f one
    [ "$(cgroup_mode)" != v2 ] || return 0
    # a v1 cpuset of ours fills those below it: what is not written need not be compared with all its siblings
    parent=/sc-parent-$$
    sc_ok run -d --name two --cgroup-parent "$parent" base sleep 1000
    dir=$(cgroup_dir "$(container_pid two)" cpuset)
    is "$(cat "$dir/cpuset.cpus" "$dir/cpuset.mems")" "0-$last"$'\n'"$(cat "$dir/../../cpuset.mems")"
    is "$(cat "$dir/../cgroup.clone_children")" 1
    sc_ok rm -f two
}

@test "resources: a device that is denied cannot be opened, though it can be made" {
    sc_ok run -d --name one --cap-add MKNOD base sleep 1000
    sc_ok exec one mknod /tmp/mem c 1 1
    run_sc exec one sh -c 'exec 3</tmp/mem'
    [ "$status" -ne 0 ] || show_last 'the memory of the host was opened'
    expect_stderr 'Operation not permitted'
    sc_ok exec one sh -c 'mknod /tmp/zero c 1 5 && head -c 3 /tmp/zero | wc -c'
    is "$output" 3
    sc_ok rm -f one
}
