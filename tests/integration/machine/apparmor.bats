#!/usr/bin/env bats
# AppArmor where the kernel has it: Debian's, in an emulated machine.
load ../helpers
load ../oci

setup_file()
{
    mountpoint -q /sys/kernel/security || mount -t securityfs securityfs /sys/kernel/security
    # Two profiles that differ in what they forbid.
    printf 'profile %s flags=(attach_disconnected) { file, capability, signal, ptrace, unix, network, deny %s rw, }\n' \
        sc-no-secret /secret sc-no-other /other | apparmor_parser --skip-cache --replace
}

teardown_file()
{
    local profile
    for profile in sc-no-secret sc-no-other; do
        printf 'profile %s flags=(attach_disconnected) { }\n' "$profile" | apparmor_parser --remove
    done
}

# confined_bundle JQ
confined_bundle()
{
    make_bundle "$B" "$sleeper | .process.apparmorProfile = \"sc-no-secret\" | $1"
    echo kept >"$B/rootfs/secret"
    echo kept >"$B/rootfs/other"
}

@test "apparmorProfile confines the program from its first instruction on" {
    confined_bundle '.process.args = ["sh", "-c", "cat /proc/self/attr/current; cat /other; cat /secret"]'
    oci run --bundle "$B" "$ID"
    expect 1
    is "$output" "sc-no-secret (enforce)
kept"
    matches "$stderr" 'secret.: Permission denied'
}

@test "exec is confined as the container is, or as --apparmor says" {
    confined_bundle .
    start_container
    is "$(cat "/proc/$(init_pid)/attr/current")" "sc-no-secret (enforce)"
    oci exec "$ID" sh -c 'cat /proc/self/attr/current; cat /secret'
    expect 1
    is "$output" "sc-no-secret (enforce)"
    oci exec --apparmor sc-no-other "$ID" sh -c 'cat /proc/self/attr/current /secret; cat /other'
    expect 1
    is "$output" "sc-no-other (enforce)
kept"
}

@test "a profile that is not loaded is refused, and nothing is left; exec leaves the container as it was" {
    confined_bundle '.process.apparmorProfile = "sc-not-there"'
    oci run --bundle "$B" "$ID"
    expect 255
    matches "$stderr" 'sc-not-there'
    oci state "$ID"
    expect_error 1 "container does not exist"
    confined_bundle .
    start_container
    oci exec --apparmor sc-not-there "$ID" true
    expect 255
    matches "$stderr" 'sc-not-there'
    status_is running
}

@test "no_new_privs does not keep a profile off" {
    confined_bundle '.process.noNewPrivileges = true | .process.args = ["cat", "/proc/self/attr/current", "/secret"]'
    oci run --bundle "$B" "$ID"
    expect 1
    is "$output" "sc-no-secret (enforce)"
}
