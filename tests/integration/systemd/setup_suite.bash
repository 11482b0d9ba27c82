# Once before all tests of this folder: bundles only, no images.
setup_suite()
{
    load ../helpers
    mkdir -p "$BATS_SUITE_TMPDIR/store"
    sc_suite_rootfs
    # What a user's own systemd needs is no leftover of the test that starts one.
    systemctl start dbus.service systemd-logind.service
    # A parent that sc makes where systemd does not use the v1 hierarchy stays.
    local hierarchy
    for hierarchy in /sys/fs/cgroup/*/tasks; do
        [ ! -e "$hierarchy" ] || mkdir -p "${hierarchy%/tasks}/system.slice"
    done
}

teardown_suite()
{
    :
}
