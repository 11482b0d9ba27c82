# points: what the scripts that kill programs at each of their system calls have in common. A script sets `scenarios` and
# `roles`, sources this with its own arguments still in place, defines
#
#   point SCENARIO ROLE N       kills ROLE at its N-th call and looks: 0 fine, 1 wrong, 10 there is no N-th call
#   has_role SCENARIO ROLE      whether there is such a process
#   clear_up                    after a failure: so that one is counted once
#
# and calls every_point. Options: --every K (only every K-th call), --build DIR, --only SCENARIO, --role ROLE.
# This gives them $scratch, the kill-at program in it, and tests/integration/helpers.bash.
#
# With --every K the first call killed is another one for each scenario: what scenarios have in common is killed at more
# points than one scenario alone would give, and every run kills at the same.

every=1
build=${SC_BUILD:-build}
while [ $# -gt 0 ]; do
    case $1 in
    --every) every=$2 && shift 2 ;;
    --build) build=$2 && shift 2 ;;
    --only) scenarios=("$2") && shift 2 ;;
    --role) roles=("$2") && shift 2 ;;
    *) echo "${0##*/}: unknown option $1" >&2 && exit 2 ;;
    esac
done
[ "$(id -u)" -eq 0 ] || { echo "${0##*/}: needs root" >&2 && exit 1; }

scratch=$(mktemp -d "${TMPDIR:-/tmp}/sc-crash.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
totals=${SC_TOTALS:-$scratch/totals}
: >"$totals"

bats_require_minimum_version() { :; }
SC_BIN=$(realpath "$build")/bin
export SC_BIN SC_DATA_ROOT=$scratch/data SC_RUN_ROOT=$scratch/run SC_NETWORK=none
mkdir "$SC_DATA_ROOT" "$SC_RUN_ROOT"
# shellcheck source=tests/integration/helpers.bash
. tests/integration/helpers.bash
export SC_LEFTOVER_DEADLINE=10

cc -O2 -D_GNU_SOURCE -o "$scratch/kill-at" tests/faults/kill-at.c

# Says why and fails.
wrong()
{
    echo "  $*"
    return 1
}

# kill_at ARGUMENT...: 0 killed, 10 there is no such call, 1 anything else
kill_at()
{
    local status=0
    "$scratch/kill-at" "$@" >"$scratch/out" 2>&1 </dev/null || status=$?
    case $status in
    0 | 10) return "$status" ;;
    *) sed 's/^/  /' "$scratch/out" && return 1 ;;
    esac
}

# every_point NAME: ends with the line `N passed, N failed, N skipped`; each kill is one test.
every_point()
{
    local name=$1 scenario role passed failed first=0 n status unseen
    for scenario in "${scenarios[@]}"; do
        first=$(((first + every / 3) % every + 1))
        for role in "${roles[@]}"; do
            has_role "$scenario" "$role" || continue
            passed=0
            failed=0
            n=$first
            unseen=0
            while true; do
                status=0
                point "$scenario" "$role" "$n" || status=$?
                if [ "$status" -eq 1 ]; then
                    failed=$((failed + 1))
                    echo "not ok: $scenario, $role at call $n"
                    sed 's/^/  /' "$scratch/out"
                    clear_up
                    [ "$failed" -lt 20 ] || break
                elif [ "$status" -eq 10 ] && [ "$n" -eq "$first" ] && [ "$unseen" -lt 2 ]; then
                    # a role that is told by descent can be missed on a loaded machine
                    unseen=$((unseen + 1))
                    echo "  $scenario: no $role was seen; again, after:"
                    sed 's/^/  /' "$scratch/out"
                    continue
                else
                    passed=$((passed + 1))
                    [ "$status" -ne 10 ] || break
                fi
                n=$((n + every))
            done
            echo "-- $name $scenario $role: $passed passed, $failed failed, the last call was $n"
            # A role that made no call was not there to be killed: the test tests nothing.
            [ "$n" -gt "$first" ] || failed=$((failed + 1))
            echo "$name-$scenario-$role $passed $failed 0" >>"$totals"
        done
    done
    tests/tools/tally sum "$totals"
}
