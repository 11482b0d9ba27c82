# helpers: what every integration test stands on. `load helpers` gives a file setup and teardown: each test has a data
# root and a run root of its own, and fails when it leaves anything behind on the host. A file that needs more calls
# sc_setup and sc_teardown from its own setup and teardown.
#
#   SC SC_OCI SC_BIN      the programs (default: build/bin of this tree)
#   SC_DATA_ROOT          this test's /var/lib/sc, holding the image `base` already
#   SC_RUN_ROOT           this test's /run/sc
#   SC_WHERE              where the tests run: host, asan, vm, vm-ramfs, user
#
#   run_sc ARG...         runs sc: $status, $output, $stderr           run_oci ARG...   the same with sc-oci
#   run_split CMD...      the same with any command, and ${lines[@]}
#   expect CODE           the last run's exit status                   expect_output TEXT / expect_stderr TEXT: contains
#   sc_ok ARG...          runs sc and demands success                  sc_fails CODE ARG...
#   is TEXT TEXT          equality, both sides shown when not          matches TEXT REGEX
#   wait_until CMD...     until it succeeds, or fails after a generous deadline
#   make_bundle DIR [JQ]  a bundle for sc-oci, config.json changed by the jq filter
#   compile SOURCE OUT    a static program
#   cgroup_value ID V2FILE CONTROLLER V1FILE   what the kernel has, on either version; "" in place of a version's file: skip
bats_require_minimum_version 1.5.0

TESTS=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
SC_BIN=${SC_BIN:-$(cd "$TESTS/../.." && pwd)/build/bin}
SC=$SC_BIN/sc
SC_OCI=${SC_OCI:-$SC_BIN/sc-oci}
SC_WHERE=${SC_WHERE:-host}
# Emulation and sanitizers are slow; a deadline only bounds a test that hangs.
SC_DEADLINE=${SC_DEADLINE:-60}
# Root's default is a bridge, which all data roots of a host share: network.bats has hosts of its own for that.
SC_NETWORK=none
export SC SC_OCI SC_BIN SC_WHERE SC_NETWORK
# Whoever calls: what a test makes is for other users too, and its text is UTF-8.
umask 022
unset LC_ALL LC_CTYPE
export LANG=C.UTF-8

# A machine may stall at the wrong moment: CI grants more tries ($SC_TEST_RETRIES), and says so where it was needed,
# with what the first one showed.
# shellcheck disable=SC2034  # read by bats
BATS_TEST_RETRIES=${SC_TEST_RETRIES:-0}
if [ "${BATS_TEST_TRY_NUMBER:-1}" -gt 1 ]; then
    echo "# tried again: ${BATS_TEST_NAME:-}" >&3
    sed 's/^/#   /' "${BATS_RUN_TMPDIR:-/nonexistent}/first-try" >&3 2>/dev/null || true
fi

# ---- set-up ----------------------------------------------------------------------------

# bats calls a function of its own before each command, 0.4 ms, to know where a failure was. The lines of the test itself
# are enough for that: from here on it is not called inside functions and subshells, which is where most commands are.
untraced()
{
    set +T
}

# Once for the suite: the store that every test starts from, and a root file system for bundles.
sc_suite_setup()
{
    local suite=$BATS_SUITE_TMPDIR

    export SC_DATA_ROOT=$suite/data SC_RUN_ROOT=$suite/run
    mkdir -p "$SC_DATA_ROOT" "$SC_RUN_ROOT"
    "$SC" run --rm base true
    rm -rf "$suite/store"
    mkdir "$suite/store"
    cp -a "$SC_DATA_ROOT/image" "$SC_DATA_ROOT/layer" "$suite/store/"
    sc_suite_rootfs
}

# A root file system of busybox alone.
sc_suite_rootfs()
{
    local suite=$BATS_SUITE_TMPDIR

    mkdir -p "$suite"/rootfs/{bin,proc,sys,dev,tmp,etc,root,run}
    cp "$(type -P busybox)" "$suite/rootfs/bin/busybox"
    # One process for hundreds of links, hard ones: a copy of as many symbolic ones takes 50 ms instead of 5, and every
    # bundle is one. busybox itself is there already.
    busybox --list | (cd "$suite/rootfs/bin" && perl -lne 'link "busybox", $_')
    printf 'root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\n' >"$suite/rootfs/etc/passwd"
    printf 'root:x:0:\ndaemon:x:1:\n' >"$suite/rootfs/etc/group"
}

sc_setup()
{
    untraced
    export SC_DATA_ROOT=$BATS_TEST_TMPDIR/data SC_RUN_ROOT=$BATS_TEST_TMPDIR/run
    mkdir -p "$SC_DATA_ROOT" "$SC_RUN_ROOT"
    # Links: blobs and layers never change.
    cp -al "$BATS_SUITE_TMPDIR"/store/. "$SC_DATA_ROOT/"
    leftovers >"$BATS_TEST_TMPDIR/before"
}

sc_teardown()
{
    local removed=0
    if compgen -G "$SC_DATA_ROOT/container/*" >/dev/null; then
        "$SC" ps -aq --no-trunc | xargs -r "$SC" rm -f -v || removed=$?
    fi
    if ! leftovers_check "$BATS_TEST_TMPDIR/before"; then
        leftovers_kill
        return 1
    fi
    [ "$removed" -eq 0 ] || { echo "teardown: sc rm -f failed with $removed" && return 1; }
}

setup()
{
    sc_setup
}

teardown()
{
    sc_teardown
}

# ---- what a test may not leave behind ------------------------------------------------------

# Everything on the host that sc could have made, one thing a line, sorted.
leftovers()
{
    "$TESTS/leftovers" "$SC_RUN_ROOT" "$SC_DATA_ROOT"
}

# Fails, and says what, when there is something that was not there before and does not go away.
leftovers_check()
{
    local before=$1 deadline=$((SECONDS + ${SC_LEFTOVER_DEADLINE:-5})) new stays
    # what failed already is the first thing to say
    [ -n "${BATS_TEST_COMPLETED:-}" ] || keep_first_try
    stays=$(LC_ALL=C comm -13 "$before" <(leftovers))
    while [ -n "$stays" ]; do
        [ "$SECONDS" -lt "$deadline" ] || break
        sleep 0.05
        # What is new in every look: others' containers come and go on a shared machine.
        new=$(LC_ALL=C comm -13 "$before" <(leftovers))
        stays=$(LC_ALL=C comm -12 <(echo "$stays") <(echo "$new") | sed '/^$/d')
    done
    [ -z "$stays" ] && return 0
    # teardown is not traced: bats names the test's last line
    [ -z "${BATS_TEST_COMPLETED:-}" ] || echo "not the line above, which passed, but what the test has"
    echo "left behind:"
    sed 's/^/    /' <<<"$stays"
    sed -n 's/^process \([0-9]*\) .*/\1/p' <<<"$stays" | xargs -r ps -o pid,ppid,stat,args -p || true
    keep_first_try
    return 1
}

# What this try has shown until now; a second try shows it again.
keep_first_try()
{
    [ ! -e "${BATS_OUT:-}" ] || cp "$BATS_OUT" "$BATS_RUN_TMPDIR/first-try"
}

# So that one test's failure is not the next one's.
leftovers_kill()
{
    local pid
    for pid in $(grep -lzF "$BATS_TEST_TMPDIR" /proc/[0-9]*/cmdline 2>/dev/null | cut -d/ -f3); do
        [ "$pid" = "$$" ] || [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != sc-monitor ] || kill -KILL "$pid"
    done
}

# ---- running and checking -----------------------------------------------------------------

# What bats' `run --separate-stderr` does, at half its cost: it makes no temporary name.
run_split()
{
    local file=$BATS_TEST_TMPDIR/stderr-$BASHPID flags=$-
    set +eE
    output=$("$@" 2>"$file") && status=0 || status=$?
    # shellcheck disable=SC2034  # for tests
    IFS=$'\n' read -d '' -r -a lines <<<"$output"
    read -d '' -r stderr <"$file"
    set "-$flags"
}

run_sc()
{
    run_split "$SC" "$@"
    last_command="sc $*"
}

run_oci()
{
    run_split "$SC_OCI" "$@"
    last_command="sc-oci $*"
}

show_last()
{
    printf '%s\n' "$@" "command: ${last_command:-}" "status:  $status" "stdout:  $output" "stderr:  ${stderr:-}"
    return 1
}

expect()
{
    [ "$status" -eq "$1" ] || show_last "expected status $1"
}

expect_output()
{
    [[ "$output" == *"$1"* ]] || show_last "expected in stdout: $1"
}

expect_no_output()
{
    [[ "$output" != *"$1"* ]] || show_last "not expected in stdout: $1"
}

expect_stderr()
{
    [[ "$stderr" == *"$1"* ]] || show_last "expected in stderr: $1"
}

# The promise of every error: one line, with this cause in it.
expect_error()
{
    expect "$1"
    expect_stderr "$2"
    [[ -n "$stderr" && "$stderr" != *$'\n'* ]] || show_last "expected one line on stderr"
}

sc_ok()
{
    run_sc "$@"
    expect 0
}

sc_fails()
{
    local code=$1
    shift
    run_sc "$@"
    expect "$code"
}

is()
{
    [ "$1" = "$2" ] || { printf 'got:      %s\nexpected: %s\n' "$1" "$2" && return 1; }
}

matches()
{
    [[ "$1" =~ $2 ]] || { printf 'got:      %s\nexpected: %s\n' "$1" "$2" && return 1; }
}

wait_until()
{
    local deadline=$((SECONDS + SC_DEADLINE))
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || { echo "still not so after $SC_DEADLINE s: $*" && return 1; }
        sleep 0.05
    done
}

# True when the pid is gone or a zombie.
has_ended()
{
    ! grep -qE '^State:[[:space:]]+[^Z]' "/proc/$1/status" 2>/dev/null
}

container_pid()
{
    "$SC" inspect --type container -f '{{.State.Pid}}' "$1"
}

# In the emulated machine, which has no compiler, the programs lie beside their sources.
compile()
{
    if [ -x "${1%.c}" ]; then
        cp "${1%.c}" "$2"
    else
        gcc -O2 -static -D_GNU_SOURCE -o "$2" "$1"
    fi
}

# ---- bundles --------------------------------------------------------------------------------

make_bundle()
{
    local dir=$1 filter=${2:-.}
    mkdir -p "$dir"
    [ -e "$dir/rootfs" ] || cp -a "$BATS_SUITE_TMPDIR/rootfs" "$dir/rootfs"
    # jq takes 30 ms: what many tests ask for is kept
    if [ "$filter" = "${sleeper:-}" ]; then
        [ -e "$BATS_FILE_TMPDIR/sleeper.json" ] || jq "$filter" "$TESTS/bundle.json" >"$BATS_FILE_TMPDIR/sleeper.json"
        cp "$BATS_FILE_TMPDIR/sleeper.json" "$dir/config.json"
    elif [ "$filter" = . ]; then
        cp "$TESTS/bundle.json" "$dir/config.json"
    else
        jq "$filter" "$TESTS/bundle.json" >"$dir/config.json"
    fi
}

# ---- cgroups ----------------------------------------------------------------------------------

# v1, hybrid or v2
cgroup_mode()
{
    if [ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ]; then
        echo v2
    elif grep -q ' - cgroup2 ' /proc/self/mountinfo; then
        echo hybrid
    else
        echo v1
    fi
}

# The directory of process PID's cgroup in the hierarchy of CONTROLLER.
cgroup_dir()
{
    local pid=$1 controller=$2 path mount
    if [ "$(cgroup_mode)" = v2 ]; then
        path=$(sed -n 's/^0:://p' "/proc/$pid/cgroup")
        echo "/sys/fs/cgroup$path"
    else
        path=$(awk -F: -v c="$controller" '{ n = split($2, a, ","); for (i = 1; i <= n; i++) if (a[i] == c) print $3 }' "/proc/$pid/cgroup")
        mount=$(awk -v c="$controller" '$0 ~ / - cgroup / { n = split($NF, a, ","); for (i = 1; i <= n; i++) if (a[i] == c) print $5 }' \
            /proc/self/mountinfo | head -n 1)
        echo "$mount$path"
    fi
}

# cgroup_value PID V2FILE CONTROLLER V1FILE
cgroup_value()
{
    local file=$2
    [ "$(cgroup_mode)" = v2 ] || file=$4
    cat "$(cgroup_dir "$1" "$3")/$file"
}
