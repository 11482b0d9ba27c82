# The systemd cgroup driver where systemd is not the init of the machine. (Where it is: systemd/, in tests/vm.)
load helpers

# without_systemd COMMAND: in a mount namespace where /run is empty, should the machine have one after all
without_systemd()
{
    # shellcheck disable=SC2016
    run_split unshare -m sh -c 'mount -t tmpfs none /run && exec "$@"' sh "$@"
}

@test "systemd driver: where systemd is not running it says so, and makes nothing" {
    local root=$BATS_TEST_TMPDIR/oci
    make_bundle "$BATS_TEST_TMPDIR/bundle"
    for way in --systemd-cgroup --cgroup-manager=systemd; do
        without_systemd "$SC_OCI" --root "$root" "$way" run --bundle "$BATS_TEST_TMPDIR/bundle" none
        expect 255
        expect_stderr "systemd cgroup flag passed, but systemd support for managing cgroups is not available"
    done
    is "$(find "$root" -mindepth 1 -not -name .seccomp 2>/dev/null)" ""
}
