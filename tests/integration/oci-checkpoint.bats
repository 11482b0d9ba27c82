#!/usr/bin/env bats
# sc-oci checkpoint and restore. A stand-in for criu says what it was told, and does of it what sc-oci relies on: a dump ends
# the processes, a restore leaves one and its pid. What criu itself does is not tested: Debian's knows no newer kernel.
# no-vm: a stand-in for criu, not the kernel
load helpers
load oci

setup()
{
    oci_setup
    mkdir "$BATS_TEST_TMPDIR/bin"
    cat >"$BATS_TEST_TMPDIR/bin/criu" <<'END'
#!/bin/bash
dir=${0%/*}/..
printf '%s\n' "$@" >"$dir/told"
for arg in "$@"; do
    case $arg in
    --tree=*) tree=${arg#*=} ;;
    --work-dir=*) work=${arg#*=} ;;
    --log-file=*) log=${arg#*=} ;;
    --root=*) root=${arg#*=} ;;
    --pidfile=*) pidfile=${arg#*=} ;;
    --leave-running) leaves=true ;;
    esac
done
if [ -e "$dir/fails" ]; then
    printf '(00.01) some line\n(00.02) Error (a.c:1): first\n(00.03) Error (b.c:22): the cause\n(00.04) end\n' >"$work/$log"
    exit 1
fi
case $1 in
dump) [ -n "${leaves:-}" ] || kill -KILL "$tree" ;;
restore)
    [ -e "$dir/no-pid" ] || { sleep 1000 & echo $! >"$pidfile"; } </dev/null >/dev/null 2>&1
    awk -v root="$root" '$5 == root { print $5 }' /proc/self/mountinfo >"$dir/mounted"
    ;;
esac
END
    chmod +x "$BATS_TEST_TMPDIR/bin/criu"
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
    make_bundle "$B" "$sleeper | .mounts += [{\"destination\": \"/run/file\", \"type\": \"bind\", \"source\": \"$BATS_TEST_TMPDIR/source\", \"options\": [\"bind\"]}]
        | .hooks.poststop = [{\"path\": \"/bin/sh\", \"args\": [\"sh\", \"-c\", \"echo >$BATS_TEST_TMPDIR/hooked\"]}]"
    start_container
    pid=$(init_pid)
    oci checkpoint --image-path "$IMAGES" --work-path "$WORK" "$ID"
    expect 0
    is "$(head -n 1 "$TOLD")" dump
    for arg in "--tree=$pid" "--images-dir=$IMAGES" "--work-dir=$WORK" --log-file=dump.log --manage-cgroups=soft \
        "--external=mnt[/run/file]:/run/file"; do
        told "$arg"
    done
    for arg in --leave-running --tcp-established --ext-unix-sk --shell-job --file-locks --auto-dedup --lazy-pages --track-mem \
        --empty-ns --page-server; do
        not_told "$arg"
    done
    is "$(jq -c 'length' "$IMAGES/descriptors.json")" 3
    is "$(jq -r '.[0]' "$IMAGES/descriptors.json")" /dev/null
    oci state "$ID"
    expect_error 1 "container does not exist"
    [ -e "$BATS_TEST_TMPDIR/hooked" ]
}

@test "checkpoint: each option is criu's" {
    make_bundle "$B" "$sleeper"
    start_container
    exec {ready}>"$BATS_TEST_TMPDIR/ready"
    oci checkpoint --image-path "$IMAGES" --leave-running --tcp-established --ext-unix-sk --shell-job --file-locks --auto-dedup \
        --lazy-pages --status-fd "$ready" --page-server 127.0.0.1:1234 --manage-cgroups-mode full --empty-ns network \
        --parent-path ../before "$ID"
    exec {ready}>&-
    expect 0
    for arg in --leave-running --tcp-established --ext-unix-sk --shell-job --file-locks --auto-dedup --lazy-pages \
        "--status-fd=$ready" --page-server --address=127.0.0.1 --port=1234 --manage-cgroups=full --empty-ns=net --track-mem \
        --prev-images-dir=../before "--work-dir=$IMAGES"; do
        told "$arg"
    done
    status_is running
    oci checkpoint --image-path "$IMAGES/pre" --pre-dump "$ID"
    expect 0
    is "$(head -n 1 "$TOLD")" pre-dump
    told --track-mem
    told --log-file=pre-dump.log
    [ ! -e "$IMAGES/pre/descriptors.json" ]
    status_is running
}

@test "checkpoint: what cannot be is refused before criu is called" {
    make_bundle "$B" "$sleeper"
    create_container
    oci checkpoint --image-path "$IMAGES" "$ID"
    expect_error 1 "container cannot be checkpointed in created state"
    oci start "$ID"
    for args in "--manage-cgroups-mode maybe" "--empty-ns pid" "--parent-path /absolute" "--status-fd 399" "--status-fd x" \
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

@test "a criu that fails: the last error of its log, where the log is, and the container as it was" {
    make_bundle "$B" "$sleeper"
    start_container
    touch "$BATS_TEST_TMPDIR/fails"
    oci checkpoint --image-path "$IMAGES" --work-path "$WORK" "$ID"
    expect_error 1 "criu dump failed: Error (b.c:22): the cause (log file: $WORK/dump.log)"
    status_is running
    mkdir -p "$IMAGES"
    echo '["/dev/null", "/dev/null", "/dev/null"]' >"$IMAGES/descriptors.json"
    oci restore --bundle "$B" --image-path "$IMAGES" "$ID-2"
    expect_error 1 "criu restore failed: Error (b.c:22): the cause (log file: $IMAGES/restore.log)"
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
    make_bundle "$B" "$sleeper | .mounts += [{\"destination\": \"/run/file\", \"type\": \"bind\", \"source\": \"$BATS_TEST_TMPDIR/source\", \"options\": [\"bind\"]}]"
    mkdir -p "$IMAGES"
    echo '["/dev/null", "pipe:[17]", "pipe:[18]"]' >"$IMAGES/descriptors.json"
    oci_leaves restore -d --bundle "$B" --image-path "$IMAGES" --work-path "$(mkdir "$WORK" && echo "$WORK")" --tcp-established \
        --ext-unix-sk --shell-job --file-locks --auto-dedup --lazy-pages --manage-cgroups-mode strict --empty-ns network \
        --lsm-profile apparmor:x --lsm-mount-context y --pid-file "$BATS_TEST_TMPDIR/pid" "$ID"
    expect 0
    is "$(head -n 1 "$TOLD")" restore
    for arg in "--images-dir=$IMAGES" "--work-dir=$WORK" --log-file=restore.log "--root=$B/rootfs" --restore-detached \
        --tcp-established --ext-unix-sk --shell-job --file-locks --auto-dedup --lazy-pages --manage-cgroups=strict --empty-ns=net \
        --lsm-profile=apparmor:x --lsm-mount-context=y "--external=mnt[/run/file]:$BATS_TEST_TMPDIR/source" \
        "--inherit-fd=fd[1]:pipe:[17]" "--inherit-fd=fd[2]:pipe:[18]"; do
        told "$arg"
    done
    not_told "inherit-fd=fd.0"
    is "$(cat "$BATS_TEST_TMPDIR/mounted")" "$B/rootfs" # criu wants the root to be a mount; only its namespace has it
    is "$(init_pid)" "$(cat "$BATS_TEST_TMPDIR/pid")"
    is "$(tr '\0' ' ' <"/proc/$(init_pid)/cmdline")" "sleep 1000 "
    status_is running
    oci restore --bundle "$B" --image-path "$IMAGES" "$ID"
    expect_error 1 "container with given ID already exists"
    oci kill "$ID" KILL
    expect 0
    wait_until status_is stopped
    oci delete "$ID"
    expect 0
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
    make_bundle "$B" "$sleeper | .process.terminal = true"
    oci restore --bundle "$B" --image-path "$IMAGES" "$ID"
    expect_error 1 "a container with a terminal cannot be restored"
    oci state "$ID"
    expect_error 1 "container does not exist"
}
