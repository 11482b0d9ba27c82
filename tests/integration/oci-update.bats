#!/usr/bin/env bats
# sc-oci update: what the kernel has afterwards, on v1 and on v2.
load helpers
load oci

update()
{
    oci update "$@" "$ID"
    expect 0
    is "$stderr" ""
}

# All that the tests of one change or none look at, on one line.
limits()
{
    echo "memory=$(value memory.max memory memory.limit_in_bytes) low=$(value memory.low memory memory.soft_limit_in_bytes)" \
        "shares=$(value cpu.weight cpu cpu.shares) quota=$(value cpu.max cpu cpu.cfs_quota_us)" \
        "cpus=$(value cpuset.cpus cpuset cpuset.cpus) pids=$(value pids.max pids pids.max)"
}

# The v2 value or the v1 value, by what is mounted.
by_version()
{
    if [ "$(cgroup_mode)" = v2 ]; then echo "$1"; else echo "$2"; fi
}

@test "memory, alone and with swap, in every direction" {
    make_bundle "$B" "$sleeper"
    start_container
    update --memory 64m
    is "$(value memory.max memory memory.limit_in_bytes)" 67108864
    update --memory 32m --memory-swap 48m
    is "$(value memory.max memory memory.limit_in_bytes)" 33554432
    is "$(value memory.swap.max memory memory.memsw.limit_in_bytes)" "$(by_version 16777216 50331648)"
    # above the old limit on both, and back
    update --memory 128m --memory-swap 256m
    is "$(value memory.max memory memory.limit_in_bytes)" 134217728
    is "$(value memory.swap.max memory memory.memsw.limit_in_bytes)" "$(by_version 134217728 268435456)"
    update --memory 32m --memory-swap 32m
    is "$(value memory.max memory memory.limit_in_bytes)" 33554432
    is "$(value memory.swap.max memory memory.memsw.limit_in_bytes)" "$(by_version 0 33554432)"
    # both together, beside the memory limit that there is
    update --memory-swap 64m
    is "$(value memory.max memory memory.limit_in_bytes)" 33554432
    is "$(value memory.swap.max memory memory.memsw.limit_in_bytes)" "$(by_version 33554432 67108864)"
    update --memory-swap -1
    is "$(value memory.swap.max memory memory.memsw.limit_in_bytes)" "$(by_version max 9223372036854771712)"
    update --memory -1
    is "$(value memory.max memory memory.limit_in_bytes)" "$(by_version max 9223372036854771712)"
    update --memory-reservation 24m
    is "$(value memory.low memory memory.soft_limit_in_bytes)" 25165824
}

@test "swap that cannot be: without a memory limit, or below it" {
    make_bundle "$B" "$sleeper"
    start_container
    oci update --memory-swap 64m "$ID"
    expect_error 1 "linux.resources.memory.swap: needs a memory limit beside it"
    update --memory 64m
    for args in "--memory-swap 32m" "--memory 32m --memory-swap 16m" "--memory -1 --memory-swap 64m"; do
        oci update $args "$ID"
        expect_error 1 "linux.resources.memory.swap: must not be below the memory limit"
    done
    is "$(value memory.max memory memory.limit_in_bytes)" 67108864
}

@test "kernel memory is passed over with a warning, that of TCP is set where there is such a limit" {
    make_bundle "$B" "$sleeper"
    start_container
    oci update --kernel-memory 40m --pids-limit 30 "$ID"
    expect 0
    expect_stderr "level=warning msg=\"--kernel-memory is ignored"
    is "$(value pids.max pids pids.max)" 30
    oci update --kernel-memory-tcp 40m "$ID"
    if [ "$(cgroup_mode)" = v2 ]; then
        expect_error 1 "cgroup v2 has no such limit"
    else
        expect 0
        is "$(value "" memory memory.kmem.tcp.limit_in_bytes)" 41943040
    fi
}

@test "CPU: shares, period, quota, burst, idle" {
    make_bundle "$B" "$sleeper"
    start_container
    update --cpu-share 512
    is "$(value cpu.weight cpu cpu.shares)" "$(by_version 59 512)"
    update --cpu-shares 1024
    is "$(value cpu.weight cpu cpu.shares)" "$(by_version 100 1024)"
    update --cpu-period 50000 --cpu-quota 25000
    is "$(value cpu.max cpu cpu.cfs_quota_us)" "$(by_version "25000 50000" 25000)"
    [ "$(cgroup_mode)" = v2 ] || is "$(value "" cpu cpu.cfs_period_us)" 50000
    # the quota that is there stays, on v2 too, where both are in one file
    update --cpu-period 40000
    is "$(value cpu.max cpu cpu.cfs_quota_us)" "$(by_version "25000 40000" 25000)"
    [ "$(cgroup_mode)" = v2 ] || is "$(value "" cpu cpu.cfs_period_us)" 40000
    update --cpu-period 50000
    update --cpu-burst 5000
    is "$(value cpu.max.burst cpu cpu.cfs_burst_us)" 5000
    # less than the burst that there is
    update --cpu-quota 4000 --cpu-burst 1000
    is "$(value cpu.max cpu cpu.cfs_quota_us)" "$(by_version "4000 50000" 4000)"
    is "$(value cpu.max.burst cpu cpu.cfs_burst_us)" 1000
    update --cpu-quota -1
    is "$(value cpu.max cpu cpu.cfs_quota_us)" "$(by_version "max 50000" -1)"
    update --cpu-period 60000
    is "$(value cpu.max cpu cpu.cfs_quota_us)" "$(by_version "max 60000" -1)"
    update --cpu-idle 1
    is "$(value cpu.idle cpu cpu.idle)" 1
    update --cpu-idle 0 --cpu-share 512
    is "$(value cpu.idle cpu cpu.idle)" 0
    is "$(value cpu.weight cpu cpu.shares)" "$(by_version 59 512)"
}

@test "CPU: realtime is of v1; CPUs and memory nodes are of both" {
    make_bundle "$B" "$sleeper"
    start_container
    update --cpuset-cpus 0 --cpuset-mems 0
    is "$(value cpuset.cpus cpuset cpuset.cpus)" 0
    is "$(value cpuset.mems cpuset cpuset.mems)" 0
    if [ "$(cgroup_mode)" = v2 ] || [ ! -e "$(cgroup_dir "$(init_pid)" cpu)/cpu.rt_runtime_us" ]; then
        oci update --cpu-rt-period 900000 --cpu-rt-runtime 1000 "$ID"
        expect 1
        expect_stderr "realtime"
    else
        update --cpu-rt-period 900000 --cpu-rt-runtime 1000
        is "$(value "" cpu cpu.rt_period_us)" 900000
        is "$(value "" cpu cpu.rt_runtime_us)" 1000
    fi
}

@test "tasks and block I/O" {
    make_bundle "$B" "$sleeper"
    start_container
    update --pids-limit 20
    is "$(value pids.max pids pids.max)" 20
    update --pids-limit -1
    is "$(value pids.max pids pids.max)" max
    dir=$(cgroup_dir "$(init_pid)" "$(by_version io blkio)")
    if [ -e "$dir/blkio.bfq.weight" ]; then
        update --blkio-weight 500
        is "$(cat "$dir/blkio.bfq.weight")" 500
    elif [ -e "$dir/io.bfq.weight" ]; then
        update --blkio-weight 500
        is "$(head -n 1 "$dir/io.bfq.weight")" "default 500"
    elif [ -e "$dir/io.weight" ]; then
        update --blkio-weight 500
        matches "$(head -n 1 "$dir/io.weight")" '^default [0-9]+$'
        [ "$(head -n 1 "$dir/io.weight")" != "default 100" ]
    else
        oci update --blkio-weight 500 "$ID"
        expect_error 1 "weight"
    fi
}

@test "Intel RDT, of which the container has no group, is refused" {
    make_bundle "$B" "$sleeper"
    start_container
    oci update --l3-cache-schema "L3:0=f" --pids-limit 7 "$ID"
    expect_error 1 "--l3-cache-schema: Intel RDT is not supported"
    oci update --mem-bw-schema "MB:0=20" "$ID"
    expect_error 1 "--mem-bw-schema: Intel RDT is not supported"
    is "$(value pids.max pids pids.max)" max
}

# any-kernel: what is read is read by us
@test "--resources reads a file or standard input; other options are then passed over" {
    make_bundle "$B" "$sleeper"
    start_container
    echo '{"memory": {"limit": 67108864, "reservation": 33554432}, "cpu": {"shares": 512, "quota": 30000, "period": 60000},
        "pids": {"limit": 40}, "unknown": {"member": 1}}' >"$BATS_TEST_TMPDIR/resources.json"
    update -r "$BATS_TEST_TMPDIR/resources.json" --pids-limit 5
    is "$(limits)" "memory=67108864 low=33554432 shares=$(by_version 59 512) quota=$(by_version "30000 60000" 30000) cpus=$(value cpuset.cpus cpuset cpuset.cpus) pids=40"
    "$SC_OCI" --root "$OCI_ROOT" update --resources - "$ID" <<<'{"pids": {"limit": 41}, "devices": [{"allow": true, "access": "rwm"}]}'
    is "$(value pids.max pids pids.max)" 41
    # the devices of a container are settled when it is made
    oci exec --cap CAP_MKNOD "$ID" sh -c 'mknod /dev/log11 c 1 11 && cat /dev/log11'
    expect 1
    expect_stderr "peration not permitted"
}

# any-kernel: refused before any limit is looked at
@test "--resources that is not what it should be: one line, and nothing is changed" {
    make_bundle "$B" "$sleeper"
    start_container
    before=$(limits)
    for text in '{' '[]' '{"pids": 5}' '{"pids": {"limit": "5"}}' '{"pids": {"limit": 5}, "cpu": {"period": 1}}' \
        '{"pids": {"limit": 5}, "memory": {"limit": 67108864, "swap": 1}}'; do
        printf '%s' "$text" >"$BATS_TEST_TMPDIR/resources.json"
        oci update -r "$BATS_TEST_TMPDIR/resources.json" "$ID"
        expect_error 1 "resources"
        is "$(limits)" "$before"
    done
    oci update -r "$BATS_TEST_TMPDIR/nosuch" "$ID"
    expect_error 1 "no such file"
}

@test "one value that the kernel refuses leaves all others as they were" {
    make_bundle "$B" "$sleeper"
    start_container
    update --memory 64m --memory-reservation 32m --cpu-share 512 --cpu-period 50000 --cpu-quota 25000 --cpuset-cpus 0 --pids-limit 40
    before=$(limits)
    # refused by the kernel alone: a CPU that is not there, and on v1 a limit above that on memory and swap
    oci update --memory 48m --memory-reservation 16m --cpu-share 256 --cpu-period 20000 --cpu-quota 5000 --pids-limit 9 \
        --cpuset-cpus 9999 "$ID"
    expect_error 1 "cpuset.cpus"
    is "$(limits)" "$before"
    oci update --pids-limit 9 --cpu-share 256 --memory 48m --cpuset-mems 63 "$ID"
    expect_error 1 "cpuset.mems"
    is "$(limits)" "$before"
    status_is running
}

@test "a limit on memory below what is used is refused (v2: where that was asked for), and the old one stays" {
    make_bundle "$B" '.process.args = ["sh", "-c", "dd if=/dev/zero of=/dev/shm/held bs=1M count=24 2>/dev/null; echo held >/dev/shm/done; exec sleep 1000"]'
    start_container
    wait_until test -e "/proc/$(init_pid)/root/dev/shm/done"
    update --memory 64m --pids-limit 40
    echo '{"memory": {"limit": 8388608, "checkBeforeUpdate": true}, "pids": {"limit": 9}}' >"$BATS_TEST_TMPDIR/resources.json"
    oci update -r "$BATS_TEST_TMPDIR/resources.json" "$ID"
    expect_error 1 "the cgroup uses "
    is "$(value memory.max memory memory.limit_in_bytes)" 67108864
    is "$(value pids.max pids pids.max)" 40
    status_is running
}

@test "a limit on tasks below their number is kept, and no more come" {
    make_bundle "$B" '.process.args = ["sh", "-c", "trap \"sleep 0 && echo forked >>/dev/shm/said\" USR1; sleep 1000 & echo up >/dev/shm/said; while :; do wait; done"]'
    start_container
    said=/proc/$(init_pid)/root/dev/shm/said
    wait_until grep -q up "$said"
    oci kill "$ID" USR1
    wait_until grep -q forked "$said"
    update --pids-limit 1
    is "$(value pids.max pids pids.max)" 1
    is "$(value pids.current pids pids.current)" 2
    oci kill "$ID" USR1
    wait_until status_is stopped # a shell ends where it cannot fork
}

@test "update of a created and of a paused container, which stay what they are" {
    make_bundle "$B" "$sleeper"
    create_container
    update --pids-limit 30 --memory 64m
    status_is created
    is "$(value pids.max pids pids.max)" 30
    oci start "$ID"
    expect 0
    is "$(value memory.max memory memory.limit_in_bytes)" 67108864
    oci pause "$ID"
    update --pids-limit 31 --memory 48m
    status_is paused
    is "$(value pids.max pids pids.max)" 31
    is "$(value memory.max memory memory.limit_in_bytes)" 50331648
    oci resume "$ID"
    expect 0
    status_is running
}
