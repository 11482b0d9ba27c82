#!/usr/bin/env bats
# sc-oci events: what it tells of a container, beside what the cgroup's files say.
load helpers
load oci

teardown()
{
    [ -z "${other:-}" ] || kill "$other" 2>/dev/null || true
    oci_teardown
}

stats()
{
    oci events --stats "$ID"
    expect 0
    is "${#lines[@]}" 1
}

stat_of()
{
    jq -r ".data.$1" <<<"$output"
}

# Follows the container into $BATS_TEST_TMPDIR/events; $other is its pid.
follow()
{
    "$SC_OCI" --root "$OCI_ROOT" events "$@" "$ID" </dev/null >"$BATS_TEST_TMPDIR/events" 2>"$BATS_TEST_TMPDIR/err" &
    other=$!
}

lines_are_at_least()
{
    [ "$(wc -l <"$BATS_TEST_TMPDIR/events")" -ge "$1" ]
}

keyed()
{
    awk -v k="$1" '$1 == k { print $2 }'
}

# lowest value highest
is_between()
{
    [ "$1" -le "$2" ] && [ "$2" -le "$3" ] || { echo "not in order: $1 $2 $3" && return 1; }
}

# any-kernel: the members are ours
@test "--stats has runc's members, and ends" {
    make_bundle "$B" "$sleeper"
    start_container
    stats
    is "$(jq -r '[.type, .id] | join(" ")' <<<"$output")" "stats $ID"
    is "$(jq -r '.data | keys | join(" ")' <<<"$output")" "blkio cpu cpuset hugetlb intel_rdt memory network_interfaces pids"
    is "$(jq -r '.data.memory | keys - ["cache"] | join(" ")' <<<"$output")" "kernel kernelTCP raw swap usage"
    is "$(jq -r '.data.cpu | keys | join(" ")' <<<"$output")" "throttling usage"
}

@test "--stats of memory is what the kernel accounts" {
    make_bundle "$B" '.process.args = ["sh", "-c", "dd if=/dev/zero of=/dev/shm/held bs=1M count=8 2>/dev/null; echo held >/dev/shm/done; exec sleep 1000"]
        | .linux.resources.memory = {"limit": 67108864}'
    start_container
    wait_until test -e "/proc/$(init_pid)/root/dev/shm/done"
    stats
    is "$(stat_of memory.usage.limit)" "$(value memory.max memory memory.limit_in_bytes)"
    is_between 8388608 "$(stat_of memory.usage.usage)" 67108864
    is_between 8388608 "$(stat_of memory.usage.max)" 67108864
    is_between 8388608 "$(stat_of memory.cache)" 67108864
    is "$(stat_of memory.usage.failcnt)" 0
    is "$(jq -r '.data.memory.raw | keys | join(" ")' <<<"$output")" \
        "$(value memory.stat memory memory.stat | cut -d' ' -f1 | LC_ALL=C sort | xargs)"
    # numbers beyond what jq holds whole
    if [ "$(cgroup_mode)" = v2 ]; then
        expect_output '"swap":{"limit":18446744073709551615,'
    else
        expect_output "\"swap\":{\"limit\":$(value "" memory memory.memsw.limit_in_bytes),"
        expect_output "\"kernelTCP\":{\"limit\":$(value "" memory memory.kmem.tcp.limit_in_bytes),"
    fi
}

@test "--stats of CPU time and throttling is what the kernel accounts" {
    make_bundle "$B" '.process.args = ["sh", "-c", "while :; do :; done"] | .linux.resources.cpu = {"quota": 1000, "period": 100000}'
    start_container
    if [ "$(cgroup_mode)" = v2 ]; then
        total() { echo $(($(value cpu.stat cpu "" | keyed usage_usec) * 1000)); }
    else
        total() { value "" cpuacct cpuacct.usage; }
    fi
    periods() { value cpu.stat cpu cpu.stat | keyed nr_throttled; }
    wait_until sh -c "[ \"\$('$SC_OCI' --root '$OCI_ROOT' events --stats '$ID' | jq '.data.cpu.throttling.throttledPeriods // 0')\" -ge 1 ]"
    oci pause "$ID" # so that the files stand still
    expect 0
    local before
    before=$(periods) # a period that had begun still ends
    stats
    is "$(stat_of cpu.usage.total)" "$(total)"
    is_between "$before" "$(stat_of cpu.throttling.throttledPeriods)" "$(periods)"
    [ "$(stat_of cpu.throttling.throttledTime)" -gt 0 ]
    [ "$(cgroup_mode)" = v2 ] || is "$(stat_of 'cpu.usage.percpu | add')" "$(stat_of cpu.usage.total)"
}

@test "--stats of tasks, CPUs and huge pages" {
    make_bundle "$B" '.process.args = ["sh", "-c", "sleep 1000 & sleep 1000 & wait"] | .linux.resources.pids = {"limit": 25}
        | .linux.resources.cpu = {"cpus": "0"}'
    start_container
    wait_until sh -c "[ \$('$SC_OCI' --root '$OCI_ROOT' ps -f json '$ID' | jq length) -eq 3 ]"
    stats
    is "$(stat_of pids.current)" 3
    is "$(stat_of pids.limit)" 25
    is "$(stat_of 'cpuset.cpus | @json')" "[0]"
    sizes=$(ls "$(hugetlb_dir)" | sed -n 's/^hugetlb\.\([^.]*\)\.\(current\|usage_in_bytes\)$/\1/p' | LC_ALL=C sort -u | xargs)
    is "$(jq -r '.data.hugetlb | keys | join(" ")' <<<"$output")" "$sizes"
}

# Where the container's cgroup has hugetlb: v2, hybrid's v2, or v1.
hugetlb_dir()
{
    local path
    path=$(sed -n 's/^0:://p' "/proc/$(init_pid)/cgroup")
    case $(cgroup_mode) in
    v2) echo "/sys/fs/cgroup$path" ;;
    hybrid) echo "$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)$path" ;;
    v1) cgroup_dir "$(init_pid)" hugetlb ;;
    esac
}

@test "--interval tells again and again, and ends with the container" {
    make_bundle "$B" "$sleeper"
    start_container
    follow --interval 50ms
    wait_until lines_are_at_least 3
    oci kill "$ID" KILL
    expect 0
    code=0
    wait "$other" || code=$?
    is "$code" 0
    other=
    is "$(jq -r .type "$BATS_TEST_TMPDIR/events" | sort -u)" stats
    is "$(jq -r .id "$BATS_TEST_TMPDIR/events" | sort -u)" "$ID"
    is "$(cat "$BATS_TEST_TMPDIR/err")" ""
}

@test "a process that is killed because memory is out is told of, and nothing else is" {
    make_bundle "$B" "$sleeper | .linux.resources.memory = {\"limit\": 16777216, \"swap\": 16777216}"
    start_container
    follow --interval 1h
    watched() { readlink "/proc/$other"/fd/* | grep -qE 'eventfd|inotify'; }
    wait_until watched
    oci exec "$ID" tail /dev/zero
    expect 137
    wait_until lines_are_at_least 1
    is "$(cat "$BATS_TEST_TMPDIR/events")" "{\"type\":\"oom\",\"id\":\"$ID\"}"
    status_is running
    oci exec "$ID" true
    expect 0
    oci kill "$ID" KILL
    wait "$other"
    other=
    is "$(wc -l <"$BATS_TEST_TMPDIR/events")" 1
}

@test "events that cannot be: a stopped container, no interval" {
    make_bundle "$B" "$sleeper"
    start_container
    for interval in 0 0s -1s x; do
        oci events "--interval=$interval" "$ID"
        expect_error 1 "--interval"
    done
    oci kill "$ID" KILL
    wait_until status_is stopped
    for args in --stats "--interval 1s"; do
        oci events $args "$ID"
        expect_error 1 "container with id $ID is not running"
    done
    oci events --stats nosuch
    expect_error 1 "container does not exist"
}
