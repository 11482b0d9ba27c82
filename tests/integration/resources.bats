#!/usr/bin/env bats
# What the kernel makes of shares and rates, measured: CPU time and not what a file says (ceilings.bats has the limits that nobody
# may pass). What competes for the CPU is below a cgroup whose weight is the largest there is, so that a busy machine hardly shows; and
# what noise can only lower is looked at in a few windows, of which one must fit, and none may be above.
load helpers

BUSY='while :; do :; done'
WINDOWS=8

container_pid()
{
    "$SC" inspect --format '{{.State.Pid}}' "$1"
}

# The cgroup above those that are measured: made by the first container in it, here made heavy.
top=/sc-measure-$$
heavy()
{
    set_weight "$top" 10000
}

# set_weight CGROUP WEIGHT: of a cgroup that is there; v1's shares are 1024 for a weight of 100, and at most 262144
set_weight()
{
    local shares=$(($2 * 1024 / 100))
    if [ "$(cgroup_mode)" = v2 ]; then
        echo "$2" >"/sys/fs/cgroup$1/cpu.weight"
    else
        [ "$shares" -le 262144 ] || shares=262144
        echo "$shares" >"$(awk '$0 ~ / - cgroup / { n = split($NF, a, ","); for (i = 1; i <= n; i++) if (a[i] == "cpu") print $5 }' /proc/self/mountinfo)$1/cpu.shares"
    fi
}

# The kernel's own file of the CPU time that a container has used.
cpu_file()
{
    if [ "$(cgroup_mode)" = v2 ]; then
        echo "$(cgroup_dir "$(container_pid "$1")" cpu)/cpu.stat"
    else
        echo "$(cgroup_dir "$(container_pid "$1")" cpuacct)/cpuacct.usage"
    fi
}

# Nanoseconds of it.
cpu_time()
{
    awk '/^usage_usec / { printf "%.0f\n", $2 * 1000 } NF == 1 { print }' "$(cpu_file "$1")"
}

# measure SECONDS NAME...: ${used[NAME]} and $wall, in nanoseconds, of the same window. One process that nobody delays looks
# at everything.
measure()
{
    local seconds=$1 files=() name numbers
    shift
    declare -gA used
    for name in "$@"; do files+=("$(cpu_file "$name")"); done
    numbers=$(python3 - "$seconds" "${files[@]}" <<'END'
import os, sys, time

def look():
    values = []
    for name in sys.argv[2:]:
        words = open(name).read().split()
        values.append(int(words[1]) * 1000 if words[0] == "usage_usec" else int(words[0]))
    return time.monotonic_ns(), values

try:
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
except OSError:
    pass # it may be delayed then, and another window fits
begin, before = look()
time.sleep(float(sys.argv[1]))
end, after = look()
print(end - begin, *(a - b for a, b in zip(after, before)))
END
    )
    wall=${numbers%% *}
    numbers=${numbers#* }
    for name in "$@"; do
        used[$name]=${numbers%% *}
        numbers=${numbers#* }
    done
}

# between VALUE LOW HIGH, of numbers with decimals
between() { awk -v v="$1" -v l="$2" -v h="$3" 'BEGIN { exit !(v >= l && v <= h) }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.4f\n", a / b }'; }

# holds_share NAME PERCENT: it gets that much of a CPU, +-2 % of one. A window of 20 periods may see the quota of a 21st.
holds_share()
{
    local i percent
    for ((i = 0; i < WINDOWS; i++)); do
        measure 2 "$1"
        percent=$(ratio $((used[$1] * 100)) "$wall")
        between "$percent" 0 "$(($2 + 2 + $2 / 20 + 1))" || { echo "$1 got $percent %, more than $2" && return 1; }
        between "$percent" "$(($2 - 2))" "$(($2 + 2))" && return 0
    done
    echo "$1 got $percent % of a CPU at the end, not $2" && return 1
}

@test "resources: a quota of 20000 in 100000 is a fifth of a CPU, --cpus .5 is half of one" {
    sc_ok run -d --name one --cpu-quota 20000 --cpu-period 100000 --cgroup-parent "$top" base sh -c "$BUSY"
    heavy
    holds_share one 20
    sc_ok update --cpu-quota 50000 one
    holds_share one 50
    sc_ok rm -f one
    # more than one process, and no more time for all of them
    sc_ok run -d --name two --cpus .5 --cgroup-parent "$top" base sh -c "($BUSY) & ($BUSY) & $BUSY"
    holds_share two 50
    # what that is for those who wait, as stats and why have it from the kernel (on a hybrid host from the v2 tree)
    if [ "$(cgroup_mode)" != v1 ]; then
        waits() { "$SC" stats --no-stream --format json two | jq -e '.Pressure | split("%")[0] | tonumber > 5'; }
        wait_until waits
        sc_ok why two
        matches "$output" 'In the last ten seconds some of it waited for a CPU for [0-9]+ %'
    fi
    sc_ok rm -f two
}

@test "resources: 1024 shares against 512 are 2 to 1, and one alone gets what both had" {
    sc_ok run -d --name one -c 1024 --cpuset-cpus 0 --cgroup-parent "$top" base sh -c "$BUSY"
    sc_ok run -d --name two -c 512 --cpuset-cpus 0 --cgroup-parent "$top" base sh -c "$BUSY"
    heavy
    fits() { between "$(ratio "${used[one]}" "${used[two]}")" 1.8 2.2; }
    for ((i = 0; i < WINDOWS; i++)); do
        measure 2 one two
        together=$(ratio "${used[one]}" "$wall")
        ! fits || break
    done
    fits
    sc_ok rm -f two
    for ((i = 0; i < WINDOWS; i++)); do
        measure 2 one
        ! between "$(ratio "${used[one]}" "$wall")" "$(awk -v t="$together" 'BEGIN { print t * 1.3 }')" 1.02 || break
    done
    between "$(ratio "${used[one]}" "$wall")" "$(awk -v t="$together" 'BEGIN { print t * 1.3 }')" 1.02
    sc_ok rm -f one
}

# 200 { 100, 200 { 100, 200 } } beside 100 { 100, 300 }
@test "resources: weights that are nested multiply" {
    while read -r name parent weight; do
        sc_ok run -d --name "$name" -c $((weight * 1024 / 100)) --cpuset-cpus 0 --cgroup-parent "$top/$parent" base sh -c "$BUSY"
    done <<'END'
task1 a 100
subtask1 a/sub 100
subtask2 a/sub 200
app1 b 100
app2 b 300
END
    heavy
    set_weight "$top/a" 200
    set_weight "$top/a/sub" 200
    set_weight "$top/b" 100
    fits()
    {
        local all=$((used[task1] + used[subtask1] + used[subtask2] + used[app1] + used[app2])) name share
        while read -r name share; do
            between "$(ratio "${used[$name]}" "$all")" "$(awk -v s="$share" 'BEGIN { print s - .025 }')" "$(awk -v s="$share" 'BEGIN { print s + .025 }')" || return 1
        done <<'END'
task1 .2222
subtask1 .1481
subtask2 .2963
app1 .0833
app2 .25
END
    }
    for ((i = 0; i < WINDOWS; i++)); do
        measure 3 task1 subtask1 subtask2 app1 app2
        ! fits || break
    done
    fits
    sc_ok rm -f task1 subtask1 subtask2 app1 app2
}

@test "resources: what stands still uses nothing" {
    sc_ok run -d --name one base sh -c "($BUSY) & $BUSY"
    sc_ok pause one
    before=$(cpu_time one)
    sleep 0.5
    is "$(cpu_time one)" "$before"
    sc_ok unpause one
    wait_until sh -c "[ \"\$(\"$SC\" inspect -f '{{.Usage.CpuNanoseconds}}' one)\" -gt $((before + 100000000)) ]"
    sc_ok rm -f one
}

# A loop device of 64 MiB: $disk. No test's disk is fast enough to be slower than these limits.
make_disk()
{
    # Where a file can be: a tmpfs takes no direct I/O on old kernels, the loop device does not ask for it.
    truncate -s 64M "$BATS_TEST_TMPDIR/disk"
    disk=$(losetup -f --show "$BATS_TEST_TMPDIR/disk") || skip 'no loop device can be made'
}

teardown()
{
    local result=0
    [ -z "${disk:-}" ] || losetup -d "$disk" || true
    "$SC" ps -aq --no-trunc | xargs -r "$SC" rm -f >/dev/null || result=$?
    # Parents stay, as with any that is asked for.
    find /sys/fs/cgroup -depth -type d -path "*$top*" -exec rmdir {} + 2>/dev/null || true
    sc_teardown && return "$result"
}

# took FLAG DD...: milliseconds that dd takes inside, direct, with that limit of the disk
took()
{
    local flag=$1
    shift
    # shellcheck disable=SC2016 # for the container's shell
    sc_ok run --rm --device "$disk" "$flag" base sh -c 'dd if="$0" of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null; time dd "$@"' "$disk" "$@"
    # shellcheck disable=SC2154 # run's
    awk '/^real/ { sub(/m/, "", $2); sub(/s/, "", $3); printf "%d\n", ($2 * 60 + $3) * 1000 }' <<<"$stderr"
}

# Never faster than the limit, +10 %; and once no slower than it, +10 %.
holds_rate()
{
    local wanted=$1 i msec
    shift
    for ((i = 0; i < WINDOWS; i++)); do
        msec=$(took "$@")
        [ "$msec" -ge $((wanted * 9 / 10)) ] || { echo "$*: $msec ms, at least $wanted wanted" && return 1; }
        [ "$msec" -gt $((wanted * 11 / 10)) ] || return 0
    done
    echo "$*: $msec ms at the end, $wanted wanted" && return 1
}

@test "resources: bytes and operations of a disk, a second" {
    make_disk
    # an emulated disk must be faster, too
    local write=30
    [ "$SC_WHERE" != vm ] || write=3
    holds_rate 2000 "--device-write-bps=$disk:${write}mb" if=/dev/zero "of=$disk" bs=1M "count=$((write * 2))" oflag=direct
    holds_rate 2000 "--device-read-bps=$disk:8mb" "if=$disk" of=/dev/null bs=1M count=16 iflag=direct
    holds_rate 2000 "--device-read-iops=$disk:100" "if=$disk" of=/dev/null bs=4k count=200 iflag=direct
    holds_rate 2000 "--io-max=$disk:wiops=100" if=/dev/zero "of=$disk" bs=4k count=200 oflag=direct
}
