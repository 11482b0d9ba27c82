# Once before all tests of engines.
setup_suite()
{
    load helpers
    sc_suite_rootfs
    engine_image "$BATS_SUITE_TMPDIR"
}
