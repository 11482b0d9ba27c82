# Once before all tests of this folder: bundles only, no images.
setup_suite()
{
    load ../helpers
    mkdir -p "$BATS_SUITE_TMPDIR/store"
    sc_suite_rootfs
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
