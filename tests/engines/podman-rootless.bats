#!/usr/bin/env bats
# podman of an ordinary user, with this runtime: subordinate ids, no cgroups of its own on v1, no root anywhere.
load helpers

setup_file()
{
    USER_DIR=/run/rootless
    export USER_DIR
    mkdir -p "$USER_DIR"/{bin,etc}
    install -d -o 4242 -g 4242 -m 700 "$USER_DIR"/{home,run}
    cp "$ENGINE_RUNTIME" "$USER_DIR/bin/"
    cp "$ENGINE_IMAGE" "$USER_DIR/image.tar"
    # The user exists in this mount namespace only.
    { cat /etc/passwd && echo "sc-tester:x:4242:4242::$USER_DIR/home:/bin/sh"; } >"$USER_DIR/etc/passwd"
    { cat /etc/group && echo 'sc-tester:x:4242:'; } >"$USER_DIR/etc/group"
    for file in subuid subgid; do
        echo 'sc-tester:300000:65536' >"$USER_DIR/etc/$file"
        [ -e "/etc/$file" ] || : >"/etc/$file"
    done
    for file in passwd group subuid subgid; do
        mount --bind "$USER_DIR/etc/$file" "/etc/$file"
    done
    cat >"$USER_DIR/containers.conf" <<END
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
runtime_supports_json = ["$RUNTIME_NAME"]
[engine.runtimes]
$RUNTIME_NAME = ["$USER_DIR/bin/$RUNTIME_NAME"]
[containers]
default_ulimits = ["nofile=$ENGINE_NOFILE:$ENGINE_NOFILE", "nproc=1000:1000"]
netns = "none"
log_driver = "k8s-file"
END
    PM=$USER_DIR/bin/pm
    export PM
    cat >"$PM" <<END
#!/bin/sh
cd $USER_DIR/home
exec env -i PATH="\$PATH" TERM="\$TERM" HOME=$USER_DIR/home XDG_RUNTIME_DIR=$USER_DIR/run CONTAINERS_CONF=$USER_DIR/containers.conf \\
    setpriv --reuid=4242 --regid=4242 --clear-groups podman --storage-driver vfs --runtime $RUNTIME_NAME "\$@"
END
    chmod 755 "$PM"
    "$PM" import -q -c 'ENV PATH=/bin' "$USER_DIR/image.tar" base >/dev/null
    # from now on podman's process that keeps the user namespace is there
    "$PM" run --rm base true
}

teardown_file()
{
    local file
    xargs -r kill -KILL <"$USER_DIR/run/libpod/tmp/pause.pid" || true
    for file in passwd group subuid subgid; do
        umount "/etc/$file"
    done
}

setup()
{
    engine_setup
}

teardown()
{
    {
        pm pod rm -f -a -t 0
        pm rm -f -a -t 0
        pm volume rm -f -a
    } >/dev/null 2>&1
    engine_teardown
}

pm()
{
    "$PM" "$@"
}

@test "podman rootless: run, exit codes, the words for what cannot be run" {
    ok pm run --rm base id -u
    is "$output" 0
    fails 7 pm run --rm base sh -c 'exit 7'
    fails 127 pm run --rm base no-such-program
    expect_stderr 'executable file not found in $PATH'
    fails 126 pm run --rm base /etc
    expect_stderr 'permission denied'
}

@test "podman rootless: the user and its subordinate ids, nothing of root's" {
    ok pm run --rm base cat /proc/self/uid_map
    is "$(awk '{ print $1, $2, $3 }' <<<"$output")" $'0 4242 1\n1 300000 65536'
    ok pm run -d --name one base sleep 1000
    is "$(stat -c %u "/proc/$(pm inspect -f '{{.State.Pid}}' one)")" 4242
    ok pm run -d --name two -u 5 base sleep 1000
    is "$(stat -c %u "/proc/$(pm inspect -f '{{.State.Pid}}' two)")" 300004
    ok pm run --rm --userns keep-id base id -u
    is "$output" 4242
}

@test "podman rootless: exec, stop, kill, restart, logs, cp" {
    ok pm run -d --name one base sh -c 'echo begun; trap "exit 3" TERM; while :; do sleep 0.1; done'
    ok pm exec one echo inside
    is "$output" inside
    fails 9 pm exec one sh -c 'exit 9'
    fails 127 pm exec one no-such-program
    ok pm logs one
    is "$output" begun
    ok pm cp one:/etc/group "$USER_DIR/home/group"
    grep -q '^root:x:0:' "$USER_DIR/home/group"
    ok pm stop -t 30 one
    is "$(pm inspect -f '{{.State.ExitCode}}' one)" 3
    ok pm start one
    ok pm restart -t 0 one
    ok pm kill one
    is "$(pm wait one)" 137
}

@test "podman rootless: a terminal, for run and for exec" {
    run terminal wait:'# ' type:'tty; stty size\r' wait:'24 80' type:'exit 4\r' -- "$PM" run -it --rm base sh
    expect_output /dev/pts/0
    expect_output 'exit 4'
    expect_output 'modes kept'
    ok pm run -d --name one base sleep 1000
    run terminal wait:'# ' type:'tty; exit 5\r' -- "$PM" exec -it one sh
    expect_output /dev/pts/
    expect_output 'exit 5'
}

@test "podman rootless: volumes, tmpfs, devices, read-only, health check" {
    ok pm run --rm -v named:/v base sh -c 'echo kept >/v/file'
    ok pm run --rm -v named:/v:ro base cat /v/file
    is "$output" kept
    ok pm run --rm --tmpfs /t:size=1m base grep ' /t ' /proc/mounts
    expect_output size=1024k
    ok pm run --rm base sh -c 'echo x >/dev/null && head -c 3 /dev/zero | wc -c'
    is "$output" 3
    ok pm run --rm --read-only base sh -c 'touch /tmp/yes && ! touch /no 2>/dev/null'
    ok pm run -d --name one --health-cmd 'test -e /bin/sh' base sleep 1000
    ok pm healthcheck run one
    ok pm volume rm named
}

@test "podman rootless: a pod" {
    ok pm pod create --name pod --hostname together
    ok pm run -d --pod pod --name one base sleep 1000
    ok pm run --rm --pod pod base sh -c 'hostname; readlink /proc/self/ns/net'
    is "$output" "together"$'\n'"$(readlink "/proc/$(pm inspect -f '{{.State.Pid}}' one)/ns/net")"
    ok pm pod rm -f -t 0 pod
}
