#!/usr/bin/env bats
# sc-oci list, ps, pause, resume and kill --all, where there is more than one container or process.
load helpers
load oci

teardown()
{
    local state
    for state in created paused running stopped; do
        "$SC_OCI" --root "$OCI_ROOT" delete --force "$ID.$state" >/dev/null 2>&1 || true
    done
    oci_teardown
}

process_count_is()
{
    [ "$("$SC_OCI" --root "$OCI_ROOT" ps -f json "$ID" | jq length)" = "$1" ]
}

@test "list: containers of each state, in the order of their ids, as a table, as JSON, and ids alone" {
    make_bundle "$B" "$sleeper"
    for state in running paused created stopped; do
        "$SC_OCI" --root "$OCI_ROOT" create --bundle "$B" "$ID.$state" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
        [ "$state" = created ] || "$SC_OCI" --root "$OCI_ROOT" start "$ID.$state"
    done
    oci pause "$ID.paused"
    expect 0
    oci kill "$ID.stopped" KILL
    expect 0
    wait_until sh -c "'$SC_OCI' --root '$OCI_ROOT' state '$ID.stopped' | grep -q '\"stopped\"'"
    oci list -q
    expect 0
    is "$output" "$(printf '%s\n' "$ID.created" "$ID.paused" "$ID.running" "$ID.stopped")"
    oci list --quiet --format json
    is "${#lines[@]}" 4
    oci list -f json
    expect 0
    is "$(jq -r 'map(.id + " " + .status) | join(" ")' <<<"$output")" \
        "$ID.created created $ID.paused paused $ID.running running $ID.stopped stopped"
    is "$(jq -c 'map(.pid > 0)' <<<"$output")" "[true,true,true,false]"
    matches "$(jq -r '.[0].created' <<<"$output")" '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$'
    oci list
    is "${#lines[@]}" 5
    matches "${lines[2]}" "^$ID.paused +[0-9]+ +paused +$B "
    matches "${lines[4]}" "^$ID.stopped +0 +stopped +$B "
    oci list -f yaml
    expect_error 1 "invalid format option"
}

@test "list passes over what is no container, and another --root has its own" {
    make_bundle "$B" "$sleeper"
    start_container
    mkdir "$OCI_ROOT/remains"
    touch "$OCI_ROOT/file"
    oci list -q
    expect 0
    is "$output" "$ID"
    rm -r "$OCI_ROOT/remains" "$OCI_ROOT/file"
    run_oci --root "$BATS_TEST_TMPDIR/other" list -q
    expect 0
    is "$output" ""
}

@test "ps: every process of the container, those of exec too, and no other" {
    make_bundle "$B" '.process.args = ["sh", "-c", "sleep 1001 & exec sleep 1000"]'
    start_container
    oci_leaves exec -d --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" sleep 1002
    expect 0
    wait_until process_count_is 3
    oci ps --format json "$ID"
    expect 0
    for pid in $(jq '.[]' <<<"$output"); do
        matches "$(tr '\0' ' ' <"/proc/$pid/cmdline")" '^sleep 100[012] $'
    done
    is "$(jq --argjson p "$(init_pid)" 'index($p) != null' <<<"$output")" true
    is "$(jq --argjson p "$(cat "$BATS_TEST_TMPDIR/pid")" 'index($p) != null' <<<"$output")" true
    oci ps "$ID" -o pid,args
    expect 0
    is "${#lines[@]}" 4
    is "$(printf '%s\n' "${lines[@]:1}" | sed 's/.*sleep/sleep/' | sort | xargs)" "sleep 1000 sleep 1001 sleep 1002"
    oci ps --format yaml "$ID"
    expect_error 1 "invalid format option"
}

@test "kill --all reaches every process, kill the first alone" {
    make_bundle "$B" '.process.args = ["sh", "-c", "trap \"echo first >>/dev/shm/got\" USR1; sh -c \"trap \\\"echo second >>/dev/shm/got\\\" USR1; echo up >>/dev/shm/got; while :; do sleep 0.1; done\" & while :; do sleep 0.1; done"]'
    start_container
    got=/proc/$(init_pid)/root/dev/shm/got
    wait_until grep -q up "$got"
    oci kill "$ID" USR1
    expect 0
    wait_until grep -q first "$got"
    is "$(grep -c second "$got" || true)" 0
    : >"$got"
    # their sleeps have no handler and end; the loops go on
    oci kill --all "$ID" USR1
    expect 0
    wait_until grep -q first "$got"
    wait_until grep -q second "$got"
    status_is running
    oci kill -a "$ID" KILL
    expect 0
    wait_until status_is stopped
    is "$("$SC_OCI" --root "$OCI_ROOT" ps -f json "$ID")" "[]"
}

@test "a paused container keeps a signal until it is resumed; its processes stand still" {
    make_bundle "$B" '.process.args = ["sh", "-c", "trap \"exit 3\" TERM; i=0; while :; do i=$((i + 1)); echo $i >/dev/shm/count; done"]'
    start_container
    count=/proc/$(init_pid)/root/dev/shm/count
    wait_until test -s "$count"
    oci pause "$ID"
    expect 0
    before=$(cat "$count")
    sleep 0.2
    is "$(cat "$count")" "$before"
    oci kill "$ID" TERM
    expect 0
    status_is paused
    oci resume "$ID"
    expect 0
    wait_until status_is stopped
}

@test "a paused container is killed by SIGKILL, and by delete --force" {
    make_bundle "$B" "$sleeper"
    start_container
    oci pause "$ID"
    oci kill "$ID" KILL
    expect 0
    wait_until status_is stopped
    oci delete "$ID"
    expect 0
    start_container
    pid=$(init_pid)
    oci pause "$ID"
    oci delete "$ID"
    expect_error 1 "cannot delete container $ID that is not stopped: paused"
    oci delete --force "$ID"
    expect 0
    has_ended "$pid"
}

@test "a created container can be paused and resumed, and then started" {
    make_bundle "$B" "$sleeper"
    create_container
    oci pause "$ID"
    expect 0
    status_is paused
    oci resume "$ID"
    expect 0
    status_is created
    oci start "$ID"
    expect 0
    status_is running
}
