#!/usr/bin/env bats
# sc-oci checkpoint and restore: what criu is told, by a stand-in (criu.py). What criu itself makes of it is tested where there
# is one that knows the kernel: machine/criu.bats.
# no-vm: a stand-in for criu, not the kernel
load helpers
load oci

setup()
{
    oci_setup
    mkdir "$BATS_TEST_TMPDIR/bin"
    cp "$TESTS/criu.py" "$BATS_TEST_TMPDIR/bin/criu"
    PATH=$BATS_TEST_TMPDIR/bin:$PATH
    IMAGES=$BATS_TEST_TMPDIR/images WORK=$BATS_TEST_TMPDIR/work TOLD=$BATS_TEST_TMPDIR/told
}

told()
{
    grep -qxF -e "$1" "$TOLD" || { echo "criu was not told $1 but:" && cat "$TOLD" && return 1; }
}

not_told()
{
    ! grep -q -e "$1" "$TOLD" || { echo "criu was told $1:" && cat "$TOLD" && return 1; }
}

@test "checkpoint: what criu is told, and the container is gone, its poststop hooks run" {
    touch "$BATS_TEST_TMPDIR/source"
    make_bundle "$B" "$sleeper | .mounts += [{\"destination\": \"/run/file\", \"type\": \"bind\", \"source\": \"$BATS_TEST_TMPDIR/source\", \"options\": [\"bind\"]},
        {\"destination\": \"/link/dir\", \"type\": \"bind\", \"source\": \"$BATS_TEST_TMPDIR\", \"options\": [\"bind\"]}]
        | .hooks.poststop = [{\"path\": \"/bin/sh\", \"args\": [\"sh\", \"-c\", \"echo >$BATS_TEST_TMPDIR/hooked\"]}]"
    ln -s run "$B/rootfs/link"
    start_container
    pid=$(init_pid)
    oci checkpoint --image-path "$IMAGES" --work-path "$WORK" "$ID"
    expect 0
    is "$(head -n 1 "$TOLD")" dump
    for arg in "pid=$pid" "images_dir=$IMAGES" "work_dir=$WORK" log_file=dump.log manage_cgroups_mode=3 orphan_pts_master=1 \
        "external=mnt[/run/file]:/run/file" "external=mnt[/run/dir]:/link/dir" config_file=/etc/criu/runc.conf; do
        told "$arg"
    done
    matches "$(cat "$TOLD")" "freeze_cgroup=/sys/fs/cgroup/.*$ID"
    for arg in leave_running tcp_established ext_unix_sk shell_job file_locks auto_dedup lazy_pages track_mem empty_ns '^ps=' \
        parent_img; do
        not_told "$arg"
    done
    # standard input is the container's own /dev/null; the output is a file of the host's, that none of its mounts has
    is "$(jq -c 'length, .[0]' "$IMAGES/descriptors.json" | xargs)" '3 /dev/null'
    not_told external=/dev/null
    told "external=$(jq -r '.[1]' "$IMAGES/descriptors.json")"
    matches "$(jq -r '.[1]' "$IMAGES/descriptors.json")" "^file\[[0-9a-f]+:$(printf %x "$(stat -c %i "$BATS_TEST_TMPDIR/out")")\]\$"
    oci state "$ID"
    expect_error 1 "container does not exist"
    [ -e "$BATS_TEST_TMPDIR/hooked" ]
}

@test "checkpoint: each option is criu's" {
    make_bundle "$B" "$sleeper | .annotations = {\"org.criu.config\": \"/etc/mine.conf\"}"
    start_container
    exec {ready}>"$BATS_TEST_TMPDIR/ready"
    mkdir "$BATS_TEST_TMPDIR/before-it"
    oci checkpoint --image-path "$IMAGES" --leave-running --tcp-established --ext-unix-sk --shell-job --file-locks --auto-dedup \
        --lazy-pages --status-fd "$ready" --page-server 127.0.0.1:1234 --manage-cgroups-mode full --empty-ns network \
        --parent-path ../before-it "$ID"
    exec {ready}>&-
    expect 0
    for arg in leave_running=1 tcp_established=1 ext_unix_sk=1 shell_job=1 file_locks=1 auto_dedup=1 lazy_pages=1 \
        "ps=127.0.0.1 1234" manage_cgroups_mode=4 "empty_ns=$((0x40000000))" track_mem=1 parent_img=../before-it \
        "work_dir=$IMAGES" config_file=/etc/mine.conf; do
        told "$arg"
    done
    is "$(od -An -tx1 "$BATS_TEST_TMPDIR/ready")" " 00"
    status_is running
    oci checkpoint --image-path "$IMAGES/pre" --pre-dump "$ID"
    expect 0
    is "$(head -n 1 "$TOLD")" pre-dump
    told track_mem=1
    told log_file=pre-dump.log
    [ ! -e "$IMAGES/pre/descriptors.json" ]
    status_is running
    oci pause "$ID"
    oci checkpoint --image-path "$IMAGES" --manage-cgroups-mode ignore "$ID"
    expect 0
    told manage_cgroups_mode=0
}

@test "checkpoint: what cannot be is refused before criu is called" {
    make_bundle "$B" "$sleeper"
    create_container
    oci checkpoint --image-path "$IMAGES" "$ID"
    expect_error 1 "container cannot be checkpointed in created state"
    oci start "$ID"
    for args in "--manage-cgroups-mode maybe" "--empty-ns pid" "--parent-path /absolute" "--parent-path ../nosuch" "--status-fd 399" "--status-fd x" \
        "--page-server nowhere" "--page-server host:0" "--page-server host:70000"; do
        oci checkpoint --image-path "$IMAGES" $args "$ID"
        expect_error 1 "${args%% *}: "
    done
    [ ! -e "$TOLD" ]
    status_is running
    oci kill "$ID" KILL
    wait_until status_is stopped
    oci checkpoint --image-path "$IMAGES" "$ID"
    expect_error 1 "container cannot be checkpointed in stopped state"
}

@test "a criu that fails: the cause from its log, where the log is, and the container as it was" {
    make_bundle "$B" "$sleeper"
    start_container
    touch "$BATS_TEST_TMPDIR/fails"
    oci checkpoint --image-path "$IMAGES" --work-path "$WORK" "$ID"
    expect_error 1 "criu dump failed: Error (a.c:22): the cause (log file: $WORK/dump.log)"
    status_is running
    mkdir -p "$IMAGES"
    echo '["/dev/null", "/dev/null", "/dev/null"]' >"$IMAGES/descriptors.json"
    oci restore --bundle "$B" --image-path "$IMAGES" "$ID-2"
    expect_error 1 "criu restore failed: Error (a.c:22): the cause (log file: $IMAGES/restore.log)"
    oci state "$ID-2"
    expect_error 1 "container does not exist"
    rm "$BATS_TEST_TMPDIR/fails" "$IMAGES/restore.log"
    touch "$BATS_TEST_TMPDIR/dies"
    oci restore --bundle "$B" --image-path "$IMAGES" "$ID-2"
    expect_error 1 "criu restore failed: it wrote no log"
    oci state "$ID-2"
    expect_error 1 "container does not exist"
}

@test "no criu, or one that is no program: the container as it was" {
    make_bundle "$B" "$sleeper"
    start_container
    oci --criu "$BATS_TEST_TMPDIR/nosuch" checkpoint --image-path "$IMAGES" "$ID"
    expect_error 1 "$BATS_TEST_TMPDIR/nosuch"
    echo not a program >"$BATS_TEST_TMPDIR/bin/criu"
    oci checkpoint --image-path "$IMAGES" "$ID"
    expect_error 1 "could not be started"
    status_is running
}

@test "restore: what criu is told, and the process it leaves is the container's" {
    touch "$BATS_TEST_TMPDIR/source"
    make_bundle "$B" "$sleeper | .linux.resources.pids.limit = 77
        | .mounts += [{\"destination\": \"/run/file\", \"type\": \"bind\", \"source\": \"$BATS_TEST_TMPDIR/source\", \"options\": [\"bind\"]}]
        | .hooks.createRuntime = [{\"path\": \"/bin/sh\", \"args\": [\"sh\", \"-c\", \"cat >$BATS_TEST_TMPDIR/hooked\"]}]"
    mkdir -p "$IMAGES"
    echo '["file[1f:2]", "pipe:[17]", "pipe:[17]"]' >"$IMAGES/descriptors.json"
    oci_leaves restore -d --bundle "$B" --image-path "$IMAGES" --work-path "$WORK" --tcp-established \
        --ext-unix-sk --shell-job --file-locks --auto-dedup --lazy-pages --manage-cgroups-mode strict --empty-ns network \
        --lsm-profile apparmor:x --lsm-mount-context y --pid-file "$BATS_TEST_TMPDIR/pid" "$ID"
    expect 0
    is "$(head -n 1 "$TOLD")" restore
    for arg in "images_dir=$IMAGES" "work_dir=$WORK" log_file=restore.log "root=$OCI_ROOT/$ID/criu-root" rst_sibling=1 \
        tcp_established=1 ext_unix_sk=1 shell_job=1 file_locks=1 auto_dedup=1 lazy_pages=1 manage_cgroups_mode=5 \
        lsm_profile=apparmor:x lsm_mount_context=y "external=mnt[/run/file]:$BATS_TEST_TMPDIR/source" \
        "inherit_fd=file[1f:2] 0" "inherit_fd=pipe:[17] 1"; do
        told "$arg"
    done
    not_told "pipe:.17. 2"
    # criu wants the root to be a mount; only its namespace has it
    matches "$(cat "$BATS_TEST_TMPDIR/mounted")" '/bundle/rootfs$'
    [ ! -e "$OCI_ROOT/$ID/criu-root" ]
    is "$(init_pid)" "$(cat "$BATS_TEST_TMPDIR/pid")"
    is "$(jq .pid "$BATS_TEST_TMPDIR/hooked")" "$(init_pid)"
    is "$(tr '\0' ' ' <"/proc/$(init_pid)/cmdline")" "sleep 1000 "
    # it was born in cgroups with the limits of the config, and criu was told which
    is "$(value pids.max pids pids.max)" 77
    while IFS=: read -r _ controllers path; do
        told "cg_root=$controllers $path"
    done <"$BATS_TEST_TMPDIR/cgroup"
    status_is running
    oci restore --bundle "$B" --image-path "$IMAGES" "$ID"
    expect_error 1 "container with given ID already exists"
    oci kill "$ID" KILL
    expect 0
    wait_until status_is stopped
    oci delete "$ID"
    expect 0
}

@test "restore into namespaces that exist: those that criu joins, and those that it is handed" {
    make_bundle "$B" "$sleeper | .linux.namespaces |= map(if .type == \"network\" or .type == \"ipc\" then .path = \"/proc/self/ns/\" + .type[:3] else . end)"
    mkdir -p "$IMAGES"
    echo '[]' >"$IMAGES/descriptors.json"
    oci_leaves restore -d --bundle "$B" --image-path "$IMAGES" "$ID"
    expect 0
    told "inherit_fd=extRootNetNS 4"
    told "join_ns=ipc /proc/self/ns/ipc"
}

@test "restore in the foreground waits for the process, and passes on how it ended" {
    make_bundle "$B" "$sleeper"
    mkdir -p "$IMAGES"
    echo '["/dev/null", "/dev/null", "/dev/null"]' >"$IMAGES/descriptors.json"
    "$SC_OCI" --root "$OCI_ROOT" restore --bundle "$B" --image-path "$IMAGES" "$ID" </dev/null >"$BATS_TEST_TMPDIR/out" 2>&1 &
    other=$!
    wait_until status_is running
    oci kill "$ID" KILL
    code=0
    wait "$other" || code=$?
    is "$code" 137
    oci state "$ID"
    expect_error 1 "container does not exist"
}

@test "restore with a terminal: its other end goes to --console-socket" {
    make_bundle "$B" "$sleeper | .process.terminal = true"
    mkdir -p "$IMAGES"
    echo '["/dev/pts/0", "/dev/pts/0", "/dev/pts/0"]' >"$IMAGES/descriptors.json"
    touch "$BATS_TEST_TMPDIR/pty"
    oci restore -d --bundle "$B" --image-path "$IMAGES" "$ID"
    expect_error 1 "cannot allocate tty if sc-oci will detach without setting console socket"
    python3 "$TESTS/terminal.py" receive "$BATS_TEST_TMPDIR/console" >"$BATS_TEST_TMPDIR/got" 2>&1 &
    other=$!
    wait_until test -S "$BATS_TEST_TMPDIR/console"
    oci_leaves restore -d --bundle "$B" --image-path "$IMAGES" --console-socket "$BATS_TEST_TMPDIR/console" "$ID"
    expect 0
    wait "$other"
    matches "$(cat "$BATS_TEST_TMPDIR/got")" "from inside"
}

@test "restore into the cgroup of another container: refused, and that lives on; what fails later ends what was restored" {
    make_bundle "$B" "$sleeper | .linux.cgroupsPath = \"/$ID\""
    start_container
    mkdir "$IMAGES"
    echo '[]' >"$IMAGES/descriptors.json"
    oci restore -d --bundle "$B" --image-path "$IMAGES" "$ID-2"
    expect_error 1 "$ID"
    [ ! -e "$TOLD" ]
    status_is running
    oci state "$ID-2"
    expect_error 1 "container does not exist"
    make_bundle "$B" "$sleeper"
    oci restore -d --bundle "$B" --image-path "$IMAGES" --pid-file "$BATS_TEST_TMPDIR/no/such/dir" "$ID-2"
    expect_error 1 "no/such/dir"
    oci state "$ID-2"
    expect_error 1 "container does not exist"
}

@test "restore of what is no checkpoint, or without a pid: refused, and nothing is left" {
    make_bundle "$B" "$sleeper"
    oci restore --bundle "$B" --image-path "$BATS_TEST_TMPDIR/nosuch" "$ID"
    expect_error 1 "open --image-path"
    mkdir "$IMAGES"
    oci restore --bundle "$B" --image-path "$IMAGES" "$ID"
    expect_error 1 "read the checkpoint"
    echo '["/dev/null", "/dev/null", "/dev/null"]' >"$IMAGES/descriptors.json"
    touch "$BATS_TEST_TMPDIR/no-pid"
    oci restore --bundle "$B" --image-path "$IMAGES" "$ID"
    expect_error 1 "find the restored process"
    make_bundle "$B" "$sleeper | .linux.namespaces |= map(if .type == \"cgroup\" then .path = \"/proc/self/ns/cgroup\" else . end)"
    oci restore --bundle "$B" --image-path "$IMAGES" "$ID"
    expect_error 1 "criu cannot join the cgroup namespace"
    oci state "$ID"
    expect_error 1 "container does not exist"
}
