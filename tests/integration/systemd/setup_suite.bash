# Once before all tests of this folder: bundles only, no images.
setup_suite()
{
    load ../helpers
    mkdir -p "$BATS_SUITE_TMPDIR/store"
    sc_suite_rootfs
}

teardown_suite()
{
    :
}
