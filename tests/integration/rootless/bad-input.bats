#!/usr/bin/env bats
# What an ordinary user may not do gets one line, with the way out where there is one.
load ../helpers

@test "rootless: another's data root or run root is refused, with the variable that names one's own" {
    for variable in SC_DATA_ROOT SC_RUN_ROOT; do
        run_split env "$variable=/usr/no-such" "$SC" run --rm base true
        last_command="$variable=/usr/no-such sc run"
        expect_error 125 '"/usr/no-such": permission denied'
        expect_stderr "$variable"
    done
    run_split "$SC_OCI" --root /proc/1/root list
    last_command='sc-oci --root /proc/1/root list'
    expect_error 1 'permission denied'
}

@test "rootless: flags that need root are named" {
    while IFS='|' read -r flag says; do
        run_sc run --rm "$flag" base true
        expect_error 125 "${flag%%=*}"
        expect_stderr "$says"
    done <<'END'
--oom-score-adj=-1000|only root may go below
--userns=auto|needs root
--network=ns:/proc/1/ns/net|permission denied
--pid=ns:/proc/1/ns/pid|permission denied
--rootfs=/proc/1/root|permission denied
END
}
