# shellcheck shell=bash
# What the tests of sc build share: a context that is the working directory, and what must not be left.

setup()
{
    sc_setup
    CTX=$BATS_TEST_TMPDIR/context
    mkdir "$CTX"
    cd "$CTX" || return
}

teardown()
{
    cd / || return
    sc_teardown
}

# The Dockerfile of the context is standard input.
dockerfile()
{
    cat >"$CTX/Dockerfile"
}

no_remains()
{
    is "$(ls "$SC_DATA_ROOT/image/tmp")" ""
    is "$("$SC" ps -aq)" ""
}
