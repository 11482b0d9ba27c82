#!/usr/bin/env bats
# The main road, end to end, and the proof that the leftover check of all other tests sees what it should.
load helpers

@test "run: a command's output, error output and exit code come through" {
    run_sc run --rm base sh -c 'echo out; echo err >&2; exit 7'
    expect 7
    is "$output" out
    is "$stderr" err
}

@test "run: the process is pid 1 in namespaces of its own" {
    sc_ok run --rm base sh -c 'echo $$; hostname; for kind in pid mnt net uts ipc; do readlink /proc/self/ns/$kind; done'
    is "${lines[0]}" 1
    [ "${lines[1]}" != "$(hostname)" ]
    for kind in pid mnt net uts ipc; do
        expect_no_output "$(readlink "/proc/self/ns/$kind")"
    done
}

@test "run: limits reach the kernel" {
    sc_ok run -d --name limited -m 64m --cpus .5 --pids-limit 64 base sleep 1000
    pid=$(container_pid limited)
    is "$(cgroup_value "$pid" memory.max memory memory.limit_in_bytes)" 67108864
    is "$(cgroup_value "$pid" pids.max pids pids.max)" 64
    if [ "$(cgroup_mode)" = v2 ]; then
        is "$(cat "$(cgroup_dir "$pid" cpu)/cpu.max")" "50000 100000"
    else
        is "$(cat "$(cgroup_dir "$pid" cpu)/cpu.cfs_quota_us")" 50000
        is "$(cat "$(cgroup_dir "$pid" cpu)/cpu.cfs_period_us")" 100000
    fi
    sc_ok rm -f limited
    wait_until has_ended "$pid"
}

@test "sc-oci run: a bundle runs and is gone" {
    make_bundle "$BATS_TEST_TMPDIR/bundle" '.process.args = ["sh", "-c", "hostname; exit 3"]'
    run_oci --root "$SC_RUN_ROOT/oci" run --bundle "$BATS_TEST_TMPDIR/bundle" "smoke-$$"
    expect 3
    is "$output" bundle
}

@test "an unknown image is one line and exit code 125" {
    run_sc run --rm no-such-image true
    expect_error 125 no-such-image
}

@test "the leftover check sees a mount, a cgroup, a network namespace, a process and a file" {
    [ "$(id -u)" -eq 0 ] || skip "making leftovers needs root"
    before=$BATS_TEST_TMPDIR/before
    leftovers_check "$before"
    export SC_LEFTOVER_DEADLINE=0

    mkdir "$BATS_TEST_TMPDIR/m"
    mount -t tmpfs leftover "$BATS_TEST_TMPDIR/m"
    run leftovers_check "$before"
    umount "$BATS_TEST_TMPDIR/m"
    matches "$output" 'mount [0-9]+ .*/m'

    group=$(cgroup_dir self pids | tr -s /)
    group=${group%/}/sc-leftover-$$
    mkdir "$group"
    run leftovers_check "$before"
    rmdir "$group"
    matches "$output" "cgroup $group"

    unshare --fork --pid --net --kill-child sleep 1000 3>&- &
    wait_until pgrep -P $!
    run leftovers_check "$before"
    kill -KILL $!
    matches "$output" 'netns net:'
    matches "$output" 'process [0-9]+ '

    mkdir -p "$SC_RUN_ROOT/container/x"
    run leftovers_check "$before"
    rm -r "$SC_RUN_ROOT/container"
    matches "$output" 'run container/x'
}
