#!/usr/bin/env bats
# A disk without room: one clear line, nothing half-made, and all works again once there is room.
# no-vm: messages and the store, not the kernel
load helpers

setup()
{
    sc_setup
    [ "$(id -u)" -eq 0 ] || skip "mounting a small file system needs root"
    small=$BATS_TEST_TMPDIR/small
    mkdir "$small"
    mount -t tmpfs -o size=32m none "$small"
    cp -a "$BATS_SUITE_TMPDIR/store" "$small/data"
    mkdir "$small/run"
    # What the images are made of is not on the small disk.
    mkdir "$BATS_TEST_TMPDIR/tree"
    head -c 100000 /dev/zero >"$BATS_TEST_TMPDIR/tree/file"
    "$SC" save -o "$BATS_TEST_TMPDIR/base.tar" base
    export SC_DATA_ROOT=$small/data
    # The directories of a data root stay.
    "$SC" create base true | xargs "$SC" rm
}

teardown()
{
    local failed=0
    sc_teardown_small || failed=1
    # a monitor may be just about to end
    ! mountpoint -q "$small" || wait_until umount "$small" || failed=1
    export SC_DATA_ROOT=$BATS_TEST_TMPDIR/data SC_RUN_ROOT=$BATS_TEST_TMPDIR/run
    sc_teardown || failed=1
    return $failed
}

# Containers of the small disk are removed before it goes.
sc_teardown_small()
{
    [ -d "$small/data" ] || return 0
    make_room
    "$SC" ps -aq --no-trunc | xargs -r "$SC" rm -f
}

# Not a byte is free afterwards.
fill()
{
    ! cat /dev/zero >"$small/filler" 2>/dev/null
    is "$(df --output=avail "$small" | tail -n 1 | tr -d ' ')" 0
}

make_room()
{
    rm -f "$small/filler"
}

# What there is, but for locks and the marks of writers.
listing()
{
    (cd "$small" && find . -not -name filler -not -name '*lock*' -not -path './run*' | LC_ALL=C sort)
}

# refused CODE ARG...: sc says in one line that the disk is full and leaves nothing; with room it works.
refused()
{
    local code=$1 before
    shift
    before=$(listing)
    fill
    run_sc "$@"
    expect_error "$code" "no space left on device"
    is "$output" ""
    diff <(echo "$before") <(listing)
    make_room
    sc_ok "$@"
}

@test "full disk: no container can be created" {
    refused 1 create --name one base true
    sc_ok rm one
}

@test "full disk: no container can be run" {
    refused 125 run --rm base true
    sc_ok ps -aq
    is "$output" ""
}

@test "full disk: an image that is not there yet cannot be made" {
    sc_ok rmi base
    refused 125 run --rm base true
}

@test "full disk: nothing can be loaded, imported, collected or named" {
    sc_ok rmi base
    refused 1 load -q -i "$BATS_TEST_TMPDIR/base.tar"
    refused 1 import "$BATS_TEST_TMPDIR/tree" tree
    refused 1 image from-host -t host cat
    refused 1 tag base other
}

@test "full disk: a container is not committed" {
    sc_ok run --name writer base dd if=/dev/urandom of=/big bs=1M count=3
    refused 1 commit writer kept
}

@test "full disk: no run root, no container" {
    export SC_RUN_ROOT=$small/run
    refused 125 run --rm base true
}

@test "full disk: a restart that the run root has no room for is said, and not counted" {
    export SC_DATA_ROOT=$BATS_TEST_TMPDIR/data SC_RUN_ROOT=$small/run
    sc_ok run -d --name one --restart always base sleep 1000
    fill
    kill -KILL "$(container_pid one)"
    is_state() { [ "$("$SC" inspect -f '{{.State.Status}}' one)" = "$1" ]; }
    wait_until is_state exited
    matches "$("$SC" inspect -f '{{.State.ExitCode}} {{.RestartCount}} {{.State.Error}}' one)" \
        '^137 0 write "restarting": write [0-9]+ bytes: no space left on device$'
    sc_ok why one
    expect_output 'It could not be started since: '
    sc_ok ps -a --format '{{.Status}}'
    matches "$output" '^Exited \(137\)'
    make_room
    sc_ok start one
    is "$("$SC" inspect -f '{{.State.Error}}' one)" ''
    sc_ok rm -f one
}

@test "full disk: what is there can be listed, run down and removed" {
    sc_ok run -d --name one base sleep 1000
    fill
    sc_ok ps -q
    sc_ok images -q
    sc_ok exec one true
    sc_ok why one
    matches "$output" 'The disk of sc.s data root, where its files are, is full'
    sc_ok stop -t 0 one
    sc_ok rm one
    sc_ok rmi base
    sc_ok images -q
    is "$output" ""
    make_room
    sc_ok run --rm base true
}

@test "full disk: a container that writes runs to its end, and its exit code is known" {
    sc_ok run -d --name one base sh -c 'while [ ! -e /dev/shm/go ]; do sleep 0.05; done; i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i + 1)); done; exit 7'
    fill
    sc_ok exec one touch /dev/shm/go
    sc_ok wait one
    is "$output" 7
    sc_ok why one
    matches "$output" 'code 7, .*The disk of sc.s data root, where its files are, was full then'
    run_sc inspect --format '{{.State.Status}} {{.State.ExitCode}}' one
    is "$output" "exited 7"
    sc_ok rm one
}
