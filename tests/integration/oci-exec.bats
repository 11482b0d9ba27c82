#!/usr/bin/env bats
# sc-oci exec: what each option gives the process, as it sees itself and as the kernel has it.
load helpers
load oci

@test "--cgroup: a cgroup below the container's, in every hierarchy or in one" {
    make_bundle "$B" "$sleeper"
    start_container
    for dir in /sys/fs/cgroup/"$ID" /sys/fs/cgroup/*/"$ID"; do
        [ -d "$dir" ] || continue
        mkdir -p "$dir/sub"
        [ "$(cgroup_mode)" = v2 ] || [ ! -e "$dir/cpuset.cpus" ] || {
            cat "$dir/cpuset.cpus" >"$dir/sub/cpuset.cpus" # v1: a new one is empty
            cat "$dir/cpuset.mems" >"$dir/sub/cpuset.mems"
        }
    done
    oci_leaves exec -d --cgroup sub --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" sleep 999
    expect 0
    pid=$(cat "$BATS_TEST_TMPDIR/pid")
    is "$(cgroup_dir "$pid" pids)" "$(cgroup_dir "$(init_pid)" pids)/sub"
    is "$(cgroup_dir "$pid" memory)" "$(cgroup_dir "$(init_pid)" memory)/sub"
    # it is still the container's: listed, and killed with it
    oci ps -f json "$ID"
    is "$(jq "index($pid) != null" <<<"$output")" true
    if [ "$(cgroup_mode)" != v2 ]; then
        oci_leaves exec -d --cgroup pids:/sub --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" sleep 999
        expect 0
        other_pid=$(cat "$BATS_TEST_TMPDIR/pid")
        is "$(cgroup_dir "$other_pid" pids)" "$(cgroup_dir "$(init_pid)" pids)/sub"
        is "$(cgroup_dir "$other_pid" memory)" "$(cgroup_dir "$(init_pid)" memory)"
    fi
    oci delete --force "$ID"
    expect 0
    has_ended "$pid"
}

@test "--cgroup that is not there, or above the container's: refused, and nothing runs" {
    make_bundle "$B" "$sleeper"
    start_container
    oci exec --cgroup nosuch "$ID" touch /dev/shm/ran
    expect_error 255 "no such file or directory"
    oci exec --cgroup nosuch:/ "$ID" touch /dev/shm/ran
    expect_error 255 "unknown controller"
    for path in .. /.. sub/../.. /../; do
        oci exec --cgroup "$path" "$ID" touch /dev/shm/ran
        expect_error 255 "bad sub cgroup path"
    done
    [ ! -e "/proc/$(init_pid)/root/dev/shm/ran" ]
    oci exec --cgroup / "$ID" true
    expect 0
}

@test "--process: the whole process is the file's" {
    make_bundle "$B" "$sleeper | .process.env += [\"OF=config\"]"
    start_container
    cat >"$BATS_TEST_TMPDIR/process.json" <<'END'
{"args": ["sh", "-c", "id -u; id -g; id -G; pwd; umask; ulimit -n; grep -E 'CapEff|NoNewPrivs' /proc/self/status; echo ${OF-unset} $ONE"],
 "env": ["PATH=/bin", "ONE=1"], "cwd": "/etc", "noNewPrivileges": true,
 "user": {"uid": 7, "gid": 8, "additionalGids": [9, 10], "umask": 63},
 "capabilities": {"bounding": ["CAP_KILL"], "effective": ["CAP_KILL"], "permitted": ["CAP_KILL"],
                  "inheritable": ["CAP_KILL"], "ambient": ["CAP_KILL"]},
 "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]}
END
    oci exec --process "$BATS_TEST_TMPDIR/process.json" "$ID"
    expect 0
    is "$output" $'7\n8\n8 9 10\n/etc\n0077\n100\nCapEff:\t0000000000000020\nNoNewPrivs:\t1\nunset 1'
    # as runc: the file wins over a command and over options, but for the terminal
    oci exec --process "$BATS_TEST_TMPDIR/process.json" --user 3 "$ID" true
    expect 0
    is "${lines[0]}" 7
}

@test "--process without a umask: the container's own" {
    make_bundle "$B" "$sleeper | .process.user.umask = 23"
    start_container
    echo '{"args": ["sh", "-c", "umask"], "env": ["PATH=/bin"], "cwd": "/", "user": {"uid": 7, "gid": 8}}' >"$BATS_TEST_TMPDIR/process.json"
    oci exec --process "$BATS_TEST_TMPDIR/process.json" "$ID"
    expect 0
    is "$output" 0027
    oci exec "$ID" sh -c umask
    expect 0
    is "$output" 0027
    jq '.user.umask = 2' "$BATS_TEST_TMPDIR/process.json" >"$BATS_TEST_TMPDIR/new"
    oci exec --process "$BATS_TEST_TMPDIR/new" "$ID"
    expect 0
    is "$output" 0002
}

@test "--process that cannot be: one line, nothing runs" {
    make_bundle "$B" "$sleeper"
    start_container
    for text in '{' '{}' '[]' '{"args": [], "cwd": "/"}' '{"args": ["true"], "cwd": "relative"}' '{"args": "true", "cwd": "/"}' \
        '{"args": ["true"], "cwd": "/", "rlimits": [{"type": "RLIMIT_NOSUCH", "soft": 1, "hard": 1}]}'; do
        printf '%s' "$text" >"$BATS_TEST_TMPDIR/process.json"
        oci exec -p "$BATS_TEST_TMPDIR/process.json" "$ID"
        expect_error 255 "process.json\""
    done
    oci exec -p "$BATS_TEST_TMPDIR/nosuch" "$ID"
    expect_error 255 "no such file or directory"
    oci exec "$ID"
    expect_error 255 "process args cannot be empty"
}

@test "--preserve-fds: so many descriptors and no more" {
    make_bundle "$B" "$sleeper"
    start_container
    echo three >"$BATS_TEST_TMPDIR/3"
    echo four >"$BATS_TEST_TMPDIR/4"
    echo five >"$BATS_TEST_TMPDIR/5"
    run sh -c 'exec "$@" 3<"$0/3" 4<"$0/4" 5<"$0/5"' "$BATS_TEST_TMPDIR" "$SC_OCI" --root "$OCI_ROOT" \
        exec --preserve-fds 2 "$ID" sh -c 'cat <&3; cat <&4; test -e /proc/self/fd/5 || echo closed'
    expect 0
    is "$output" $'three\nfour\nclosed'
    run sh -c 'exec "$@" 3<"$0/3"' "$BATS_TEST_TMPDIR" "$SC_OCI" --root "$OCI_ROOT" \
        exec "$ID" sh -c 'test -e /proc/self/fd/3 || echo closed'
    is "$output" closed
    run_split sh -c 'exec 7<&- 8<&- 9<&-; exec "$@"' - "$SC_OCI" --root "$OCI_ROOT" exec --preserve-fds 300 "$ID" true
    expect_error 255 "--preserve-fds: descriptor"
}

@test "--user, --additional-gids, --env, --cap, --no-new-privs and --cwd over what config.json says" {
    make_bundle "$B" "$sleeper | .process.env += [\"A=config\"] | .process.noNewPrivileges = false"
    start_container
    oci exec --user 5:6 -g 7 --additional-gids 8 -e A=option --env B=2 --cwd /etc "$ID" sh -c 'id -u; id -G; echo $A $B; pwd'
    expect 0
    is "$output" $'5\n6 7 8\noption 2\n/etc'
    oci exec --cap CAP_NET_RAW "$ID" grep CapEff /proc/self/status
    expect 0
    is "$output" $'CapEff:\t0000000020002420' # audit_write, kill and net_bind_service of config.json, and net_raw
    oci exec --no-new-privs "$ID" grep NoNewPrivs /proc/self/status
    is "$output" $'NoNewPrivs:\t1'
    oci exec "$ID" grep NoNewPrivs /proc/self/status
    is "$output" $'NoNewPrivs:\t0'
    oci exec --cap CAP_NOSUCH "$ID" true
    expect 0
    expect_stderr 'unknown capability \"CAP_NOSUCH\" is ignored'
    for args in "--user x" "--user 1:x" "-g x" "--env x" "--cwd relative"; do
        oci exec $args "$ID" true
        expect_error 255 ""
    done
}

@test "a working directory that is not there is named, and none is made" {
    make_bundle "$B" "$sleeper | .root.readonly = true"
    start_container
    oci exec --cwd /nosuch/place "$ID" true
    expect_error 255 "/nosuch/place: no such file or directory"
    oci exec --cwd /bin/sh "$ID" true
    expect_error 255 "/bin/sh: not a directory"
    oci exec --cwd /dev/shm/place "$ID" true
    expect_error 255 "/dev/shm/place: no such file or directory"
    [ ! -e "/proc/$(init_pid)/root/dev/shm/place" ]
}

@test "an exec that is detached outlives its runtime, and is killed with the container" {
    make_bundle "$B" "$sleeper"
    start_container
    oci_leaves exec --detach --pid-file "$BATS_TEST_TMPDIR/pid" "$ID" sh -c 'trap "" TERM; echo up >/dev/shm/up; while :; do sleep 0.1; done'
    expect 0
    pid=$(cat "$BATS_TEST_TMPDIR/pid")
    wait_until test -e "/proc/$(init_pid)/root/dev/shm/up"
    oci ps --format json "$ID"
    is "$(jq "index($pid) != null" <<<"$output")" true
    oci kill --all "$ID" KILL
    expect 0
    wait_until has_ended "$pid"
    wait_until status_is stopped
}
