#!/usr/bin/env bats
# sc cgroup beside libcgroup's tools: each reads what the other made, and both say the same.
load helpers

setup()
{
    sc_setup
    GROUP=sctest-tools-$$-$BATS_TEST_NUMBER
    # their tools know the keys of the version that is here, ours those of both
    memory=memory.limit_in_bytes
    [ "$(cgroup_mode)" != v2 ] || memory=memory.max
}

teardown()
{
    local dir
    # shellcheck disable=SC2044 # no cgroup of theirs has a blank
    for dir in $(find /sys/fs/cgroup -depth -type d -path "*/$GROUP*" 2>/dev/null); do
        rmdir "$dir" || true
    done
    sc_teardown
}

@test "cgroup-tools: what cgcreate makes is what sc cgroup create makes" {
    cgcreate -g "memory,pids:$GROUP/theirs"
    sc_ok cgroup create -g "memory,pids:$GROUP/ours"
    is "$(find /sys/fs/cgroup -type d -path "*/$GROUP/ours" | sed s/ours/theirs/ | sort)" "$(find /sys/fs/cgroup -type d -path "*/$GROUP/theirs" | sort)"
    sc_ok cgroup ls "pids:$GROUP"
    is "$(sort <<<"$output")" "$(lscgroup "pids:$GROUP" | sort)"
    sc_ok cgroup delete -r "memory,pids:$GROUP"
    [ -z "$(lscgroup | grep "$GROUP")" ]
}

@test "cgroup-tools: cgget and sc cgroup get say the same of what either has set" {
    cgcreate -g "memory,pids:$GROUP"
    sc_ok cgroup set -r memory.limit_in_bytes=64M -r pids.max=9 "$GROUP"
    for args in "-r $memory -r pids.max" "-n -r pids.max" "-nv -r pids.max" "-g pids"; do
        # shellcheck disable=SC2086  # words
        run_sc cgroup get $args "$GROUP"
        expect 0
        # shellcheck disable=SC2086
        is "$(sort <<<"$output")" "$(cgget $args "$GROUP" | sed '/^$/d' | sort)"
    done
    cgset -r "$memory=32M" "$GROUP"
    sc_ok cgroup get -nv -r memory.max "$GROUP"
    is "$output" 33554432
    sc_ok cgroup get -g "pids:$GROUP"
    is "$(sort <<<"$output")" "$(cgget -g "pids:$GROUP" | sed '/^$/d' | sort)"
}

@test "cgroup-tools: --copy-from copies what cgset would" {
    cgcreate -g "pids:$GROUP/from" -g "pids:$GROUP/to"
    cgset -r pids.max=11 "$GROUP/from"
    sc_ok cgroup set --copy-from "$GROUP/from" "$GROUP/to"
    is "$(cgget -nv -r pids.max "$GROUP/to")" 11
}

@test "cgroup-tools: cgexec and sc cgroup exec give the same status and place" {
    cgcreate -g "pids:$GROUP"
    run cgexec -g "pids:$GROUP" sh -c 'cat /proc/self/cgroup; exit 5'
    local theirs=$output
    is "$status" 5
    run_sc cgroup exec -g "pids:$GROUP" sh -c 'cat /proc/self/cgroup; exit 5'
    expect 5
    is "$output" "$theirs"
}
