# old-kernel: what sc and sc-oci do where the kernel lacks a system call (tests/tools/old-kernel.c answers ENOSYS): they
# work by an older way, or refuse with a message; the table is in docs/kernel-features.md.
# no-vm: the kernel is a filter here, the same on any; and too heavy for an emulated CPU
load helpers

setup()
{
    sc_setup
    [ -x "$BATS_SUITE_TMPDIR/old-kernel" ] || compile "$TESTS/../tools/old-kernel.c" "$BATS_SUITE_TMPDIR/old-kernel"
    root=$SC_RUN_ROOT/oci
    id=old-$$
    bundle=$BATS_TEST_TMPDIR/bundle
}

teardown()
{
    "$SC_OCI" --root "$root" list -q 2>/dev/null | xargs -r -n 1 "$SC_OCI" --root "$root" delete --force || true
    sc_teardown
}

# without CALLS COMMAND...
without() { "$BATS_SUITE_TMPDIR/old-kernel" "$@"; }
quiet() { "$@" </dev/null >/dev/null 2>&1 3>&-; }

# run_without CALLS COMMAND...: as run_sc does
run_without()
{
    last_command="without $*"
    run_split "$BATS_SUITE_TMPDIR/old-kernel" "$@"
}

# The whole life of a bundle with a bind of each kind, read-only paths, masks, and a read-only root.
oci_works()
{
    local missing=$1 pid
    make_bundle "$bundle" ".process.args = [\"sleep\", \"1000\"] |
        .mounts += [{destination: \"/file\", type: \"bind\", source: \"$bundle/config.json\", options: [\"bind\", \"ro\"]},
            {destination: \"/dir\", type: \"bind\", source: \"$BATS_TEST_TMPDIR/dir\", options: [\"rbind\", \"rw\", \"nosuid\", \"noexec\"]}]"
    mkdir -p "$BATS_TEST_TMPDIR/dir"
    exec 9</etc
    quiet without "$missing" "$SC_OCI" --root "$root" create --bundle "$bundle" "$id"
    exec 9<&-
    without "$missing" "$SC_OCI" --root "$root" start "$id"
    is "$(without "$missing" "$SC_OCI" --root "$root" state "$id" | jq -r .status)" running
    run_without "$missing" "$SC_OCI" --root "$root" exec "$id" sh -c '
        echo x >/dir/written && ! echo x 2>/dev/null >/file && ! mkdir /new 2>/dev/null && ! echo 1 2>/dev/null >/proc/sys/kernel/hostname &&
        echo $$ $(hostname) $(grep -c . /proc/keys) $(ls /proc/1/fd | xargs) && cat /proc/1/mountinfo'
    expect 0
    is "$(head -n 1 <<<"$output" | cut -d' ' -f2-)" "bundle 0 0 1 2"
    matches "$output" ' /file ro,'
    matches "$output" ' /dir rw,nosuid,noexec'
    matches "$output" ' /proc/sys ro'
    matches "$output" ' / / ro,|/rootfs / ro,'
    is "$(grep -cF " $BATS_TEST_TMPDIR/dir " /proc/self/mountinfo)" 0
    pid=$("$SC_OCI" --root "$root" state "$id" | jq .pid)
    without "$missing" "$SC_OCI" --root "$root" pause "$id"
    without "$missing" "$SC_OCI" --root "$root" resume "$id"
    without "$missing" "$SC_OCI" --root "$root" kill "$id" KILL
    wait_until has_ended "$pid"
    without "$missing" "$SC_OCI" --root "$root" delete "$id"
    quiet without "$missing" "$SC_OCI" --root "$root" run -d --bundle "$bundle" "$id"
    without "$missing" "$SC_OCI" --root "$root" delete --force "$id"
}

sc_works()
{
    local missing=$1
    # The layers of a newer kernel are images that one without this family cannot mount.
    rm -rf "${SC_DATA_ROOT:?}"
    mkdir "$SC_DATA_ROOT"
    quiet without mount-api "$SC" run --rm base true
    run_without "$missing" "$SC" run --rm -m 64m --pids-limit 64 -v "$BATS_TEST_TMPDIR:/here" base sh -c 'echo hello >/here/hello; cat /here/hello'
    expect 0
    is "$output" hello
    quiet without "$missing" "$SC" run -d --name old base sleep 1000
    run_without "$missing" "$SC" exec old sh -c 'echo $(cat /proc/1/comm)'
    expect 0
    is "$output" sleep
    without "$missing" "$SC" stop -t 1 old
    without "$missing" "$SC" rm old
}

@test "without clone3" { oci_works clone3 && sc_works clone3; }
@test "without openat2" { oci_works openat2 && sc_works openat2; }
@test "without open_tree, move_mount and the fsopen family" { oci_works mount-api && sc_works mount-api; }
@test "without mount_setattr" { oci_works mount_setattr && sc_works mount_setattr; }
@test "without close_range" { oci_works close_range && sc_works close_range; }
@test "without pidfd_open, pidfd_send_signal and pidfd_getfd" { oci_works pidfd && sc_works pidfd; }
@test "without statx and faccessat2" { oci_works statx,faccessat2 && sc_works statx,faccessat2; }
@test "without all of them" { oci_works all && sc_works all; }

@test "without openat2 links still do not lead out of the root" {
    make_bundle "$bundle" '.root.readonly = false | .mounts += [{destination: "/link/x", type: "tmpfs", source: "tmpfs"}]'
    mkdir -p "$BATS_TEST_TMPDIR/victim" "$bundle/rootfs$BATS_TEST_TMPDIR/victim"
    ln -s "../../../../../../../../../..$BATS_TEST_TMPDIR/victim" "$bundle/rootfs/link"
    run_without openat2 "$SC_OCI" --root "$root" run --bundle "$bundle" "$id"
    expect 0
    is "$(ls "$BATS_TEST_TMPDIR/victim")" ""
    is "$(ls "$bundle/rootfs$BATS_TEST_TMPDIR/victim")" x
    rm -rf "$bundle/rootfs/proc"
    ln -s etc "$bundle/rootfs/proc"
    run_without openat2 "$SC_OCI" --root "$root" run --bundle "$bundle" "$id"
    expect_error 255 "/proc: too many levels of symbolic links"
}

@test "recursive mount options are refused without mount_setattr, not half done" {
    local missing
    mkdir "$BATS_TEST_TMPDIR/dir"
    make_bundle "$bundle" ".mounts += [{destination: \"/dir\", type: \"bind\", source: \"$BATS_TEST_TMPDIR/dir\", options: [\"rbind\", \"rro\"]}]"
    for missing in mount_setattr mount-api all; do
        run_without "$missing" "$SC_OCI" --root "$root" run --bundle "$bundle" "$id"
        expect_error 255 "function not implemented; recursive options and id maps of a bind need mount_setattr: Linux 5.12"
        expect_no_output hello
    done
}

@test "without pidfds a pid that belongs to another process is still not signalled" {
    make_bundle "$bundle" '.process.args = ["sleep", "1000"]'
    quiet "$SC_OCI" --root "$root" run -d --bundle "$bundle" "$id"
    local stranger state=$root/$id/state.json
    # Start times are in ticks of 10 ms: two processes of one tick cannot be told apart.
    sleep 0.05
    sleep 1000 3>&- &
    stranger=$!
    cp "$state" "$BATS_TEST_TMPDIR/true.json"
    jq ".pid = $stranger" "$BATS_TEST_TMPDIR/true.json" >"$state"
    run_without pidfd "$SC_OCI" --root "$root" kill "$id" KILL
    expect_error 1 "container not running"
    if has_ended "$stranger"; then false; fi
    kill "$stranger"
    cp "$BATS_TEST_TMPDIR/true.json" "$state"
    "$SC_OCI" --root "$root" delete --force "$id"
}
