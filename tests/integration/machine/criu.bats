#!/usr/bin/env bats
# sc-oci checkpoint and restore with criu itself, which must know the kernel it runs on: Debian's, in an emulated machine.
load ../helpers
load ../oci

setup_file()
{
    local name
    # criu dumps the rules of a network namespace with the programs of this name; the kernel here has what the old ones need
    mkdir "$BATS_FILE_TMPDIR/bin"
    for name in iptables-save iptables-restore ip6tables-save ip6tables-restore; do
        ln -s "$(type -P xtables-legacy-multi)" "$BATS_FILE_TMPDIR/bin/$name"
    done
    export PATH=$BATS_FILE_TMPDIR/bin:$PATH
}

setup()
{
    oci_setup
    IMAGES=$BATS_TEST_TMPDIR/images
    # It counts in memory alone, says each number, and keeps the last in a tmpfs.
    counter='.process.args = ["sh", "-c", "i=0; while :; do i=$((i + 1)); echo $i; echo $i >/tmp/n; sleep 0.1; done"]
        | .mounts += [{"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]}]'
}

teardown()
{
    [ -n "${BATS_TEST_COMPLETED:-}" ] || tail -n 30 "$IMAGES"/*.log "$BATS_TEST_TMPDIR/err" 2>/dev/null || true
    oci_teardown
}

# number ID: where the counter of the container is
number() { "$SC_OCI" --root "$OCI_ROOT" exec "$1" cat /tmp/n; }

counts_beyond() { [ "$(number "$1")" -gt "$2" ]; }

# At least so far, or what is restored could as well have begun anew.
wait_for_ten() { wait_until counts_beyond "$ID" 10; }

@test "criu: a checkpoint ends the container, and restore goes on from there under its limits, under another name" {
    local pid line
    mkdir "$BATS_TEST_TMPDIR/source"
    echo bound >"$BATS_TEST_TMPDIR/source/file"
    make_bundle "$B" "$counter"' | .process.user = {"uid": 1, "gid": 1} | .linux.resources.memory.limit = 100003840
        | .linux.resources.pids.limit = 77 | .linux.seccomp = {"defaultAction": "SCMP_ACT_ALLOW",
            "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}
        | .mounts += [{"destination": "/var/link", "type": "bind", "source": "'"$BATS_TEST_TMPDIR"'/source", "options": ["bind"]}]
        | .hooks.prestart = [{"path": "/bin/sh", "args": ["sh", "-c", "echo >>'"$BATS_TEST_TMPDIR"'/hooked"]}]'
    start_container
    wait_for_ten
    for line in NSpid NoNewPrivs Seccomp CapEff CapBnd Uid; do
        grep "^$line:" "/proc/$(init_pid)/status" | sed 's/^NSpid:\t[0-9]*/NSpid:/'
    done >"$BATS_TEST_TMPDIR/status"
    oci checkpoint --image-path "$IMAGES" --work-path "$BATS_TEST_TMPDIR/work" "$ID"
    expect 0
    oci state "$ID"
    expect_error 1 "container does not exist"
    # As many as it has said; the file does not change any more.
    line=$(tail -n 1 "$BATS_TEST_TMPDIR/out")

    "$SC_OCI" --root "$OCI_ROOT" restore -d --bundle "$B" --image-path "$IMAGES" --work-path "$BATS_TEST_TMPDIR/work" \
        --pid-file "$BATS_TEST_TMPDIR/pid" "$ID-2" </dev/null >>"$BATS_TEST_TMPDIR/out" 2>&1
    ID=$ID-2
    wait_until counts_beyond "$ID" "$((line + 3))"
    # not one is missing, and none is said twice
    is "$(cat "$BATS_TEST_TMPDIR/out" | head -n "$((line + 3))")" "$(seq "$((line + 3))")"
    pid=$(init_pid)
    is "$(cat "$BATS_TEST_TMPDIR/pid")" "$pid"
    for line in NSpid NoNewPrivs Seccomp CapEff CapBnd Uid; do
        grep "^$line:" "/proc/$pid/status" | sed 's/^NSpid:\t[0-9]*/NSpid:/'
    done | diff - "$BATS_TEST_TMPDIR/status"
    is "$(value memory.max memory memory.limit_in_bytes)" 100003840
    is "$(value pids.max pids pids.max)" 77
    oci exec "$ID" cat /var/link/file
    is "$output" bound
    is "$(wc -l <"$BATS_TEST_TMPDIR/hooked")" 2
    # and what was restored can be saved again
    oci checkpoint --image-path "$BATS_TEST_TMPDIR/again" --leave-running "$ID"
    expect 0
    oci kill "$ID" KILL
    wait_until status_is stopped
    oci delete "$ID"
    expect 0
}

@test "criu: memory first, what has changed later; from a container that is paused; in a network namespace of others" {
    unshare -n sleep 1000 </dev/null >/dev/null 2>&1 3>&- &
    other=$!
    wait_until test "$(readlink /proc/self/ns/net)" != "$(readlink "/proc/$other/ns/net")"
    make_bundle "$B" "$counter | .linux.namespaces |= map(select(.type != \"cgroup\") | if .type == \"network\" then .path = \"/proc/$other/ns/net\" else . end)"
    start_container
    wait_for_ten
    oci checkpoint --pre-dump --image-path "$BATS_TEST_TMPDIR/memory" "$ID"
    expect 0
    is "$stderr" ""
    status_is running
    oci pause "$ID"
    oci checkpoint --image-path "$IMAGES" --parent-path ../memory --tcp-established --file-locks --ext-unix-sk "$ID"
    expect 0
    line=$(tail -n 1 "$BATS_TEST_TMPDIR/out")
    "$SC_OCI" --root "$OCI_ROOT" restore -d --bundle "$B" --image-path "$IMAGES" --tcp-established --file-locks --ext-unix-sk \
        "$ID" </dev/null >>"$BATS_TEST_TMPDIR/out" 2>&1
    wait_until counts_beyond "$ID" "$line"
    status_is running
    is "$(readlink "/proc/$(init_pid)/ns/net")" "$(readlink "/proc/$other/ns/net")"
    oci delete --force "$ID"
    expect 0
    kill "$other"
}

@test "criu: --leave-running, and a restore of it in the foreground, whose end and output are passed on" {
    local code=0
    make_bundle "$B" '.process.args = ["sh", "-c", "trap \"echo ended; exit 7\" TERM; echo ready; while :; do sleep 0.1; done"]'
    "$SC_OCI" --root "$OCI_ROOT" run -d --bundle "$B" "$ID" </dev/null > >(exec cat >"$BATS_TEST_TMPDIR/said" 3>&-) 2>&1
    wait_until grep -q ready "$BATS_TEST_TMPDIR/said"
    oci checkpoint --image-path "$IMAGES" --leave-running "$ID"
    expect 0
    matches "$(jq -c . "$IMAGES/descriptors.json")" '"pipe:.*"pipe:'
    status_is running
    oci delete --force "$ID"
    expect 0
    "$SC_OCI" --root "$OCI_ROOT" restore --bundle "$B" --image-path "$IMAGES" "$ID" </dev/null \
        > >(exec cat >"$BATS_TEST_TMPDIR/restored" 3>&-) 2>&1 &
    other=$!
    wait_until status_is running
    kill -TERM "$other" # which passes it on
    wait "$other" || code=$?
    is "$code" 7
    wait_until grep -qx ended "$BATS_TEST_TMPDIR/restored"
    oci state "$ID"
    expect_error 1 "container does not exist"
}

@test "criu: a container with a terminal" {
    make_bundle "$B" "$counter | .process.terminal = true"
    python3 "$TESTS/terminal.py" receive "$BATS_TEST_TMPDIR/one" >"$BATS_TEST_TMPDIR/first" 2>&1 &
    other=$!
    wait_until test -S "$BATS_TEST_TMPDIR/one"
    oci_leaves run -d --bundle "$B" --console-socket "$BATS_TEST_TMPDIR/one" "$ID"
    expect 0
    wait_for_ten
    oci checkpoint --image-path "$IMAGES" "$ID"
    expect 0
    wait "$other" # the old terminal is gone with the container
    python3 "$TESTS/terminal.py" receive "$BATS_TEST_TMPDIR/two" >"$BATS_TEST_TMPDIR/second" 2>&1 &
    other=$!
    wait_until test -S "$BATS_TEST_TMPDIR/two"
    oci_leaves restore -d --bundle "$B" --image-path "$IMAGES" --console-socket "$BATS_TEST_TMPDIR/two" "$ID"
    expect 0
    wait_for_ten
    oci exec "$ID" sh -c 'readlink /proc/1/fd/0; stat -c %F /dev/console'
    is "$output" "/dev/pts/0
character special file"
    oci delete --force "$ID"
    wait "$other"
    [ "$(grep -m 1 '^[0-9]' "$BATS_TEST_TMPDIR/second" | tr -d '\r')" -gt 10 ]
}

@test "criu: what it cannot save is said, and the container runs on" {
    make_bundle "$B" "$counter"
    # a file that none of its mounts leads to, and that is no standard descriptor
    "$SC_OCI" --root "$OCI_ROOT" run -d --preserve-fds 1 --bundle "$B" "$ID" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 \
        3<"$B/config.json"
    wait_for_ten
    oci checkpoint --image-path "$IMAGES" "$ID"
    expect_error 1 "criu dump failed: Error ("
    matches "$stderr" "Can't lookup mount=[0-9]+ for fd=3 .*\(log file: $IMAGES/dump.log\)\$"
    status_is running
    wait_until counts_beyond "$ID" "$(number "$ID")"
}

@test "criu: --lazy-pages: memory follows over a socket when it is needed" {
    make_bundle "$B" "$counter"
    start_container
    wait_for_ten
    # each waits for the other; what hangs is ended
    timeout 200 "$SC_OCI" --root "$OCI_ROOT" checkpoint --image-path "$IMAGES" --lazy-pages --page-server 127.0.0.1:1234 --status-fd 5 "$ID" \
        </dev/null >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- 5>"$BATS_TEST_TMPDIR/ready" &
    saver=$!
    wait_until test -s "$BATS_TEST_TMPDIR/ready"
    line=$(tail -n 1 "$BATS_TEST_TMPDIR/out")
    timeout 200 criu lazy-pages --page-server --address 127.0.0.1 --port 1234 --images-dir "$IMAGES" --work-dir "$IMAGES" \
        </dev/null >"$BATS_TEST_TMPDIR/lazy" 2>&1 3>&- &
    server=$!
    wait_until test -S "$IMAGES/lazy-pages.socket"
    "$SC_OCI" --root "$OCI_ROOT" restore -d --bundle "$B" --image-path "$IMAGES" --lazy-pages "$ID-2" </dev/null \
        >>"$BATS_TEST_TMPDIR/out" 2>&1 3>&-
    wait "$saver"
    wait "$server"
    ID=$ID-2
    wait_until counts_beyond "$ID" "$line"
}
