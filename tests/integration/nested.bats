#!/usr/bin/env bats
# Containers in a container: limits hold for them, their cgroups are below the outer one's, and nothing is left.
load helpers

# outer NAMESPACE [OPTION...]: a container in which $SC's programs are, with a store of its own on a disk
outer()
{
    local namespace=$1
    shift
    [ "$SC_WHERE" != asan ] || skip "sc needs a loader, which the container has not"
    mkdir "$BATS_TEST_TMPDIR/inner"
    cp -al "$BATS_SUITE_TMPDIR"/store/. "$BATS_TEST_TMPDIR/inner/"
    sc_ok run -d --name outer --cgroupns "$namespace" -v "$BATS_TEST_TMPDIR/inner:/var/lib/sc" --tmpfs /run -v "$SC_BIN:/sc:ro" \
        -e SC_NETWORK=none "$@" base sleep 1000
}

# inner ARGUMENT...: sc within it
inner()
{
    run_sc exec outer /sc/sc "$@"
}

# inner_dir SECONDS CONTROLLER: of the container within that sleeps so long, its cgroup as this host has it
inner_dir()
{
    local pid
    pid=$("$SC" top outer axo pid,args | awk -v seconds="$1" '$2 == "sleep" && $3 == seconds { print $1 }')
    cgroup_dir "$pid" "$2"
}

# What holds of either kind of cgroup namespace.
check_limits()
{
    local dir own words
    inner run -d --name in -m 48m --pids-limit 20 --cpus .5 base sleep 1234
    expect 0
    own=$(cgroup_dir "$(container_pid outer)" memory)
    dir=$(inner_dir 1234 memory)
    # In v2 the outer one's processes may have moved to a leaf.
    matches "$dir" "^${own%/init}/sc/[0-9a-f]{64}\$"
    if [ "$(cgroup_mode)" = v2 ]; then
        is "$(cat "$dir/memory.max" "$dir/pids.max" "$dir/cpu.max" | paste -sd' ')" '50331648 20 50000 100000'
    else
        is "$(cat "$dir/memory.limit_in_bytes" "$(inner_dir 1234 pids)/pids.max" | paste -sd' ')" '50331648 20'
        is "$(cat "$(inner_dir 1234 cpu)/cpu.cfs_quota_us")" 50000
    fi
    inner update -m 40m --memory-swap 40m in
    expect 0
    cat "$dir"/memory.{max,limit_in_bytes} 2>/dev/null | grep -qx 41943040
    for words in 'pause in' 'unpause in' 'exec in true' 'stats --no-stream in'; do
        # shellcheck disable=SC2086 # words
        inner $words
        expect 0
    done
    # the kernel ends who takes more, and the inner engine knows
    inner run --name big -m 16m --memory-swap 16m base sh -c 'x=0123456789abcdef; while :; do x=$x$x; done'
    expect 137
    inner inspect -f '{{.State.OOMKilled}}' big
    is "$output" true
    sc_ok pause outer
    sc_ok unpause outer
    sc_ok update --pids-limit 100 outer
    inner rm -f in big
    expect 0
    [ ! -e "$dir" ]
}

@test "nested: in a cgroup namespace of its own" {
    outer private --privileged
    check_limits
    sc_ok rm -f outer
}

@test "nested: where the container sees the host's cgroups" {
    outer host --privileged
    check_limits
    sc_ok rm -f outer
}

@test "nested: the tighter limit of those above holds, and an end of the outer one is the end of all" {
    outer private --privileged -m 64m --memory-swap 64m
    inner run --name big -m 1g base sh -c 'x=0123456789abcdef; while :; do x=$x$x; done'
    expect 137
    inner run -d --name in base sleep 1234
    expect 0
    dir=$(inner_dir 1234 memory)
    [ -e "$dir" ]
    sc_ok kill outer
    sc_ok wait outer
    [ ! -e "$dir" ]
    sc_ok rm outer
}

@test "nested: where nothing may be mounted or no cgroup be made, that is one line, and nothing is left" {
    outer private
    inner run --rm base true
    expect_error 125 'inside a container /sys/fs/cgroup is read-only unless it is privileged'
    inner ps -aq
    is "$output" ''
    inner cgroup create -g memory:a
    expect_error 1 'inside a container /sys/fs/cgroup is read-only unless it is privileged'
    sc_ok rm -f outer
}
