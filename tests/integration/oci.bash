# oci: what the tests of sc-oci's command line stand on, besides helpers. `load oci` gives a file setup and teardown with an
# id and a root of the test's own.
#
#   B ID OCI_ROOT         the bundle's directory, the container's id ($ID-2: another), --root
#   oci ARG...            runs sc-oci: $status, $output, $stderr       oci_leaves ARG...   where it leaves a process behind
#   start_container       `run -d` of the bundle                       create_container    `create` of it
#   status_is WORD        for wait_until                               init_pid            of the container
#   oci_setup oci_teardown   for a file that needs more of its own
#   value V2FILE CONTROLLER V1FILE   what the kernel has for the container: cgroup_value of its first process

setup()
{
    oci_setup
}

oci_setup()
{
    sc_setup
    export OCI_ROOT=$BATS_TEST_TMPDIR/oci ID=cli-$BATS_TEST_NUMBER-$$
    B=$BATS_TEST_TMPDIR/bundle
}

teardown()
{
    oci_teardown
}

oci_teardown()
{
    local id
    for id in "$ID" "$ID-2"; do
        "$SC_OCI" --root "$OCI_ROOT" delete --force "$id" >/dev/null 2>&1 || true
    done
    remove_cgroups "$ID-frozen"
    remove_cgroups "$ID-rel"
    sc_teardown
}

# What a cgroupsPath with parents leaves, in every hierarchy; also after a test that failed half way. It looks at nobody
# else's cgroups, which come and go.
remove_cgroups()
{
    local top dir
    for top in /sys/fs/cgroup/"$1" /sys/fs/cgroup/*/"$1"; do
        [ -d "$top" ] || continue
        while read -r dir; do
            [ ! -e "$dir/cgroup.freeze" ] || echo 0 >"$dir/cgroup.freeze"
            [ ! -e "$dir/freezer.state" ] || echo THAWED >"$dir/freezer.state"
        done < <(find "$top" -type d)
        wait_until remove_tree "$top"
    done
}

remove_tree()
{
    [ ! -d "$1" ] || find "$1" -depth -type d -exec rmdir {} +
}

oci()
{
    run_split "$SC_OCI" --root "$OCI_ROOT" "$@" </dev/null
    last_command="sc-oci $*"
}

# The same for what leaves a process behind: bats would wait for the end of its output.
oci_leaves()
{
    status=0 output='' last_command="sc-oci $*"
    "$SC_OCI" --root "$OCI_ROOT" "$@" </dev/null >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" || status=$?
    stderr=$(cat "$BATS_TEST_TMPDIR/err")
}

is_sc_oci()
{
    "$SC_OCI" --version | grep -q '^sc-oci version'
}

need_sc_oci()
{
    is_sc_oci || skip "not runc's: $1"
}

# What a detached container keeps open must not be bats' own output.
start_container()
{
    "$SC_OCI" --root "$OCI_ROOT" run -d --bundle "$B" "$ID" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
}

create_container()
{
    "$SC_OCI" --root "$OCI_ROOT" create --bundle "$B" "$ID" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1
}

status_is()
{
    "$SC_OCI" --root "$OCI_ROOT" state "$ID" | grep -q "^ *\"status\": \"$1\",*$"
}

init_pid()
{
    # of its lines, as runc prints them too: jq takes 30 ms
    "$SC_OCI" --root "$OCI_ROOT" state "$ID" | sed -n 's/^ *"pid": \([0-9]*\),*$/\1/p'
}

sleeper='.process.args = ["sleep", "1000"]'

value()
{
    cgroup_value "$(init_pid)" "$@"
}
