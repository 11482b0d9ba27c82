# Once before all tests of this folder.
setup_suite()
{
    load ../helpers
    sc_suite_setup
}

teardown_suite()
{
    :
}
