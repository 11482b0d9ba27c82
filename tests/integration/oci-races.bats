# oci-races: what callers of sc-oci do at the same moment, and pids that have come to mean another process.
# no-vm: hundreds of starts: too heavy for an emulated CPU
load helpers

setup()
{
    sc_setup
    root=$SC_RUN_ROOT/oci
    id=race-$$
    make_bundle "$BATS_TEST_TMPDIR/bundle" '.process.args = ["sleep", "1000"]'
}

teardown()
{
    # So that one failure is not also every later test's.
    "$SC_OCI" --root "$root" list -q 2>/dev/null | xargs -r -n 1 "$SC_OCI" --root "$root" delete --force || true
    sc_teardown
}

oci() { "$SC_OCI" --root "$root" "$@"; }

# In the background nothing may hold bats' own descriptors.
quiet() { "$@" </dev/null >/dev/null 2>&1 3>&-; }

status_of() { oci state "$1" | jq -r .status; }

nothing_is_listed() { is "$(find "$root" -mindepth 1 -maxdepth 1 -not -name .seccomp 2>/dev/null)" ""; }

# Its whole life; $1 is the file that says how it went.
one_life()
{
    local said=$1 one=$2
    {
        oci create --bundle "$BATS_TEST_TMPDIR/bundle" "$one" && oci start "$one" &&
            [ "$(status_of "$one")" = running ] && oci exec "$one" true &&
            oci kill "$one" KILL && wait_until stopped "$one" && oci delete "$one" && echo fine
    } </dev/null >"$said" 2>&1 3>&-
}

stopped() { [ "$(status_of "$1")" = stopped ]; }

@test "64 containers are created, started, entered, killed and deleted at the same time" {
    local n
    for n in $(seq 64); do
        one_life "$BATS_TEST_TMPDIR/said.$n" "$id-$n" &
    done
    wait
    is "$(cat "$BATS_TEST_TMPDIR"/said.* | sort | uniq -c | xargs)" "64 fine"
    nothing_is_listed
}

@test "200 exec at the same time each get their own output and exit code" {
    local n
    quiet oci run -d --bundle "$BATS_TEST_TMPDIR/bundle" "$id"
    mkdir "$BATS_TEST_TMPDIR/out"
    for n in $(seq 200); do
        { oci exec "$id" sh -c "echo $n; exit $((n % 100))" >"$BATS_TEST_TMPDIR/out/$n" 2>&1 3>&- || echo "exit $?" >>"$BATS_TEST_TMPDIR/out/$n"; } </dev/null &
    done
    wait
    for n in $(seq 200); do
        if [ $((n % 100)) -eq 0 ]; then is "$(cat "$BATS_TEST_TMPDIR/out/$n")" "$n"; else is "$(xargs <"$BATS_TEST_TMPDIR/out/$n")" "$n exit $((n % 100))"; fi
    done
    oci delete --force "$id"
}

@test "of eight creates of one id one makes the container, the others say that it exists" {
    local n
    for n in $(seq 8); do
        { oci create --bundle "$BATS_TEST_TMPDIR/bundle" "$id" && echo made; } </dev/null >"$BATS_TEST_TMPDIR/said.$n" 2>&1 3>&- &
    done
    wait
    is "$(cat "$BATS_TEST_TMPDIR"/said.* | grep -cx made)" 1
    is "$(cat "$BATS_TEST_TMPDIR"/said.* | grep -c "already exists: $id\$")" 7
    oci start "$id"
    is "$(status_of "$id")" running
    oci delete --force "$id"
}

@test "of eight starts of one container one starts it, the others say that it is started" {
    local n
    quiet oci create --bundle "$BATS_TEST_TMPDIR/bundle" "$id"
    for n in $(seq 8); do
        { oci start "$id" && echo started; } </dev/null >"$BATS_TEST_TMPDIR/said.$n" 2>&1 3>&- &
    done
    wait
    is "$(cat "$BATS_TEST_TMPDIR"/said.* | grep -cx started)" 1
    is "$(cat "$BATS_TEST_TMPDIR"/said.* | grep -c 'cannot start')" 7
    is "$(status_of "$id")" running
    oci delete --force "$id"
}

@test "a start that races a delete loses or wins, and nothing is left" {
    local n started
    for n in $(seq 40); do
        quiet oci create --bundle "$BATS_TEST_TMPDIR/bundle" "$id"
        quiet oci start "$id" &
        started=$!
        # From none to a little later than start takes.
        sleep "0.00$((n % 10))"
        oci delete --force "$id" || { echo "round $n" && false; }
        wait "$started" || true
        nothing_is_listed
    done
}

@test "a create that races a delete --force loses or wins, and nothing is left" {
    local n created
    for n in $(seq 40); do
        { oci create --bundle "$BATS_TEST_TMPDIR/bundle" "$id"; } </dev/null >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
        created=$!
        # Create takes some milliseconds.
        sleep "0.0$((n % 4))$((n % 10))"
        oci delete --force "$id" || { echo "round $n" && false; }
        wait "$created" || [ "$(wc -l <"$BATS_TEST_TMPDIR/said")" -eq 1 ] || { cat "$BATS_TEST_TMPDIR/said" && false; }
        oci delete --force "$id"
        nothing_is_listed
        is "$(find /sys/fs/cgroup -type d -name "$id" 2>/dev/null)" ""
    done
}

# A create that stands still right before ("enter") or after ("exit") it takes the lock of its empty state directory.
slow_create()
{
    strace -o /dev/null -e trace=flock -e "inject=flock:delay_$1=1000000:when=1" "$SC_OCI" --root "$root" create \
        --bundle "$BATS_TEST_TMPDIR/bundle" "$id" </dev/null >"$BATS_TEST_TMPDIR/said" 2>&1 3>&-
}

is_locked() { [ -d "$root/$id" ] && ! flock -n "$root/$id" true; }

@test "delete --force of a create that has the lock and no state yet ends the container that comes of it" {
    slow_create exit &
    wait_until is_locked
    oci delete --force "$id"
    wait $!
    nothing_is_listed
    is "$(find /sys/fs/cgroup -type d -name "$id" 2>/dev/null)" ""
}

@test "a create whose directory a delete --force removed before it was locked makes nothing" {
    local created
    slow_create enter &
    created=$!
    wait_until test -d "$root/$id"
    oci delete --force "$id"
    if wait "$created"; then false; fi
    is "$(cat "$BATS_TEST_TMPDIR/said")" "sc-oci: create $id: it was deleted at the same moment"
    nothing_is_listed
    is "$(find /sys/fs/cgroup -type d -name "$id" 2>/dev/null)" ""
}

@test "two deletes at the same time: both succeed, once" {
    local n first
    for n in $(seq 20); do
        quiet oci run -d --bundle "$BATS_TEST_TMPDIR/bundle" "$id"
        quiet oci delete --force "$id" &
        first=$!
        oci delete --force "$id" || { echo "round $n" && false; }
        wait "$first" || { echo "round $n, the other" && false; }
        nothing_is_listed
    done
}

@test "a kill that races the exit is delivered or says that the container is not running" {
    local n said
    make_bundle "$BATS_TEST_TMPDIR/short" '.process.args = ["true"]'
    for n in $(seq 40); do
        quiet oci run -d --bundle "$BATS_TEST_TMPDIR/short" "$id"
        said=$(oci kill "$id" KILL 2>&1) || is "$said" "sc-oci: container not running"
        wait_until stopped "$id"
        oci delete "$id"
    done
    nothing_is_listed
}

@test "a container is creating, not created, until its hooks have run; a plain delete leaves it alone" {
    make_bundle "$BATS_TEST_TMPDIR/hook" ".process.args = [\"sleep\", \"1000\"] | .hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\",
        \"cat >/dev/null; $SC_OCI --root $root state $id >$BATS_TEST_TMPDIR/seen; $SC_OCI --root $root delete $id >$BATS_TEST_TMPDIR/deleted 2>&1; true\"]}]"
    quiet oci create --bundle "$BATS_TEST_TMPDIR/hook" "$id"
    is "$(jq -r .status "$BATS_TEST_TMPDIR/seen")" creating
    [ "$(jq .pid "$BATS_TEST_TMPDIR/seen")" = "$(oci state "$id" | jq .pid)" ]
    is "$(cat "$BATS_TEST_TMPDIR/deleted")" "sc-oci: cannot delete container $id that is not stopped: creating"
    is "$(status_of "$id")" created
    oci delete --force "$id"
}

@test "delete --force ends a create whose hook hangs" {
    local created
    make_bundle "$BATS_TEST_TMPDIR/hook" ".process.args = [\"sleep\", \"1000\"] | .hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\",
        \"cat >/dev/null; touch $BATS_TEST_TMPDIR/hangs; while ! [ -e $BATS_TEST_TMPDIR/go ]; do sleep 0.05; done\"]}]"
    quiet oci create --bundle "$BATS_TEST_TMPDIR/hook" "$id" &
    created=$!
    wait_until test -e "$BATS_TEST_TMPDIR/hangs"
    # The delete ends the container's process, and waits for the create to notice, which it does when its hook ends.
    { sleep 0.3; touch "$BATS_TEST_TMPDIR/go"; } 3>&- &
    oci delete --force "$id"
    if wait "$created"; then false; fi
    nothing_is_listed
}

@test "a pid that now belongs to another process is never taken for the container" {
    # In a pid namespace of its own the next pid can be chosen.
    cat >"$BATS_TEST_TMPDIR/reuse" <<'END'
set -eu
oci() { "$SC_OCI" --root "$1" "${@:2}"; }
root=$1 bundle=$2 id=$3
oci "$root" run -d --bundle "$bundle" "$id" </dev/null >"$bundle/run.out" 2>&1 || { cat "$bundle/run.out" >&2; exit 1; }
pid=$(oci "$root" state "$id" | jq .pid)
kill -KILL "$pid"
while [ -e "/proc/$pid" ]; do wait; sleep 0.05; done
# The pid can be a helper's of this loop for a moment, and the stranger's before it is sleep.
until grep -q '^Name:[[:space:]]*sleep' "/proc/$pid/status" 2>/dev/null; do
    [ -e "/proc/$pid" ] || {
        echo $((pid - 1)) >/proc/sys/kernel/ns_last_pid
        sleep 1000 </dev/null >/dev/null 2>&1 &
    }
done
oci "$root" state "$id" | jq -r .status
for verb in "kill $id KILL" "pause $id" "exec $id true" "delete $id" "delete --force $id"; do
    oci "$root" $verb 2>&1 || true
    grep -q '^State:[[:space:]]*S' "/proc/$pid/status" || echo "the stranger is gone after $verb"
done
END
    run_split unshare --pid --fork --kill-child --mount-proc bash "$BATS_TEST_TMPDIR/reuse" "$root" "$BATS_TEST_TMPDIR/bundle" "$id"
    last_command=reuse
    expect 0
    is "$output" "stopped
sc-oci: container not running
sc-oci: container not running or created: stopped
sc-oci: exec failed: cannot exec in a stopped container: container not running"
    nothing_is_listed
}

@test "a state of another boot is of no running process, whatever its pid says" {
    quiet oci run -d --bundle "$BATS_TEST_TMPDIR/bundle" "$id"
    local pid
    pid=$(oci state "$id" | jq .pid)
    cp "$root/$id/state.json" "$BATS_TEST_TMPDIR/true.json"
    jq '.bootId = "00000000-0000-4000-8000-000000000000"' "$BATS_TEST_TMPDIR/true.json" >"$root/$id/state.json"
    is "$(status_of "$id")" stopped
    run_oci --root "$root" kill "$id" KILL
    expect_error 1 "container not running"
    if has_ended "$pid"; then false; fi
    cp "$BATS_TEST_TMPDIR/true.json" "$root/$id/state.json"
    oci delete --force "$id"
    has_ended "$pid"
}
