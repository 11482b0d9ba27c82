#!/usr/bin/env bats
# Containers of an ordinary user, who has ranges in /etc/subuid and /etc/subgid (tests/integration/as-user makes it).
load ../helpers

# First id of the user's range.
subuid()
{
    awk -F: '$1 == "sctest" { print $2 }' /etc/subuid
}

subgid()
{
    awk -F: '$1 == "sctest" { print $2 }' /etc/subgid
}

# Whether the log of container $1 has $2
said()
{
    "$SC" logs "$1" | grep -q "$2"
}

is_empty()
{
    [ -z "$(ls "$1")" ]
}

@test "rootless: the tests run as an ordinary user with ranges" {
    [ "$(id -u)" -ne 0 ]
    [ "$(subuid)" -gt 0 ]
}

@test "rootless: id 0 is the caller, ids from 1 are its ranges, in that order" {
    sc_ok run --rm base cat /proc/self/uid_map /proc/self/gid_map
    is "$(tr -s ' ' <<<"$output")" "$(printf ' 0 %d 1\n 1 %d 65536\n 0 %d 1\n 1 %d 65536' "$(id -u)" "$(subuid)" "$(id -g)" "$(subgid)")"
    is "$stderr" ""
}

@test "rootless: keep-id: the caller keeps its number, and the image's files keep their owners" {
    local me groups
    me=$(id -u) groups=$(id -g)
    mkdir "$BATS_TEST_TMPDIR/dir"
    touch "$BATS_TEST_TMPDIR/dir/mine"
    sc_ok run --name kept --userns keep-id -v "$BATS_TEST_TMPDIR/dir:/d" base sh -c 'id -u; id -g
        stat -c %u:%g / /bin/busybox /d/mine; touch /d/new; touch /bin/no 2>/dev/null || echo refused; cat /proc/self/uid_map | tr -s " "'
    is "$output" "$(printf '%s\n' "$me" "$groups" 0:0 0:0 "$me:$groups" refused " 0 $(subuid) $me" " $me $me 1" " $((me + 1)) $(($(subuid) + me)) $((65536 - me))")"
    is "$(stat -c %u:%g "$BATS_TEST_TMPDIR/dir/new")" "$me:$groups"
    sc_ok start -a kept
    matches "$output" "^$me"
    sc_ok rm kept
    is_empty "$SC_DATA_ROOT/container"
    # as whom else, and what root of it writes is root's
    sc_ok run --rm --userns keep-id:uid=200,gid=210 base id
    is "$output" "uid=200 gid=210 groups=210"
    sc_ok run -d --name box --userns keep-id -u 0 base sh -c 'touch /f; sleep 1000'
    wait_until "$SC" exec box test -e /f
    sc_ok exec box stat -c %u:%g /f /tmp
    is "$output" $'0:0\n0:0'
    sc_ok exec -u "$me" box id -u
    is "$output" "$me"
    sc_ok rm -f box
    is_empty "$SC_DATA_ROOT/container"
}

@test "rootless: another user of the image runs, with its groups" {
    sc_ok run --rm -u 1000:1001 --group-add 1002 base id
    is "$output" "uid=1000 gid=1001 groups=1001,1002"
}

@test "rootless: no group of the caller remains" {
    sc_ok run --rm base grep Groups /proc/self/status
    # that of the container's user alone, as in Docker
    is "$(tr -d '[:space:]' <<<"$output")" Groups:0
}

@test "rootless: an id beyond the range is refused and nothing is left" {
    run_sc run --rm -u 70000 base true
    expect_error 125 "user 70000: it is not mapped"
    expect_stderr "/etc/subuid"
}

@test "rootless: layers are unpacked with the owners they name" {
    mkdir -p layer/etc layer/home/box
    tar -C layer --owner=0 --group=0 -cf image.tar etc
    tar -C layer --owner=1000 --group=1001 -rf image.tar home/box
    sc_ok import image.tar owned:1
    sc_ok run --rm -v "$(type -P busybox):/bin/stat:ro" --entrypoint /bin/stat owned:1 -c %u:%g /etc /home/box
    is "$output" $'0:0\n1000:1001'
    # on the host they are the range's
    is "$(stat -c %u:%g "$SC_DATA_ROOT"/layer/*/diff/home/box)" "$(($(subuid) + 999)):$(($(subgid) + 1000))"
    sc_ok rmi owned:1
    [ -z "$(find "$SC_DATA_ROOT/layer" -name box)" ]
}

@test "rootless: whiteouts and opaque directories of a layer hide what is below" {
    mkdir -p low/d low/e high
    touch low/d/gone low/d/stays low/e/hidden
    sc_ok import low low:1
    # a second layer, as a docker archive would bring it
    mkdir -p top/d top/e
    touch top/d/.wh.gone top/e/.wh..wh..opq top/e/new
    tar -C low -cf layer1.tar .
    tar -C top -cf layer2.tar .
    printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s","sha256:%s"]}}' \
        "$(sha256sum <layer1.tar | cut -d' ' -f1)" "$(sha256sum <layer2.tar | cut -d' ' -f1)" >config.json
    echo '[{"Config":"config.json","RepoTags":["stacked:1"],"Layers":["layer1.tar","layer2.tar"]}]' >manifest.json
    tar -cf image.tar manifest.json config.json layer1.tar layer2.tar
    sc_ok load -i image.tar
    sc_ok run --rm -v "$(type -P busybox):/bin/find:ro" --entrypoint /bin/find stacked:1 /d /e -type f
    is "$(sort <<<"$output")" $'/d/stays\n/e/new'
    sc_ok rmi stacked:1
    sc_ok rmi low:1
}

@test "rootless: rm removes what the container wrote as other ids" {
    sc_ok run --name box base sh -c 'mkdir -m 700 /srv/a /srv2 2>/dev/null; mkdir -p -m 700 /srv2/b; touch /srv2/b/f; chown -R 77:78 /srv2'
    [ -n "$(find "$SC_DATA_ROOT/container" -uid "$(($(subuid) + 76))" -print -quit 2>/dev/null)" ]
    sc_ok rm box
    [ -z "$(ls "$SC_DATA_ROOT/container")" ]
}

@test "rootless: --rm leaves nothing of files of other ids" {
    sc_ok run --rm -u 77:78 base sh -c 'mkdir -m 700 /tmp/a && touch /tmp/a/b'
    wait_until is_empty "$SC_DATA_ROOT/container"
}

@test "rootless: anonymous and named volumes, filled from the image, removed" {
    mkdir -p layer/data
    echo hello >layer/data/f
    tar -C layer --owner=1000 --group=1000 -cf image.tar .
    sc_ok import image.tar vol:1
    sc_ok run --rm -v named:/data -v "$(type -P busybox):/bin/stat:ro" --entrypoint /bin/stat vol:1 -c %u:%g:%s /data/f
    is "$output" 1000:1000:6
    sc_ok run --rm -v named:/data -u 1000 base sh -c 'echo more >>/data/f; cat /data/f'
    is "$output" $'hello\nmore'
    sc_ok run --rm -v /anon base sh -c 'mkdir -m 700 /anon/x; touch /anon/x/y; chown -R 5:5 /anon'
    wait_until test ! -e "$SC_DATA_ROOT"/volume/[0-9a-f]*
    sc_ok volume rm named
    sc_ok rmi vol:1
    # what others would have to see is root's to mount; what is bound is not mounted on the host
    sc_ok volume create -o type=tmpfs -o device=tmpfs mem
    sc_fails 125 run --rm -v mem:/m base true
    expect_stderr 'volume "mem": only root can mount tmpfs'
    sc_ok volume create -o type=none -o o=bind -o device="$PWD/layer/data" bound
    sc_ok run --rm -v bound:/b base cat /b/f
    is "$output" hello
    sc_ok volume rm mem bound
}

@test "rootless: a directory of the host keeps its owner" {
    mkdir shared
    sc_ok run --rm -v "$PWD/shared:/shared" base sh -c 'stat -c %u /shared; echo x >/shared/f'
    is "$output" 0
    is "$(stat -c %u shared/f)" "$(id -u)"
}

@test "rootless: detached, ps, exec, logs, stop, rm" {
    sc_ok run -d --name box base sh -c 'trap "echo bye; exit 3" TERM; echo hello; while :; do sleep 0.1; done'
    wait_until said box hello
    sc_ok ps --format '{{.Names}} {{.State}}'
    is "$output" "box running"
    sc_ok exec -u 1000:1000 box id -u
    is "$output" 1000
    sc_ok exec box sh -c 'exit 0'
    sc_fails 7 exec box sh -c 'exit 7'
    sc_ok stop box
    sc_ok wait box
    is "$output" 3
    sc_ok logs box
    is "$output" $'hello\nbye'
    sc_ok rm box
}

@test "rootless: exec is confined as the container is" {
    sc_ok run -d --name box base sleep 1000
    local inside
    inside=$("$SC" exec box sh -c 'grep -E "^(Cap|Seccomp:|NoNewPrivs|Groups)" /proc/self/status')
    is "$inside" "$("$SC" run --rm base sh -c 'grep -E "^(Cap|Seccomp:|NoNewPrivs|Groups)" /proc/self/status')"
    sc_ok rm -f box
}

@test "rootless: a terminal" {
    run_sc run --rm -t base tty
    expect 0
    is "${output%$'\r'}" /dev/pts/0
}

@test "rootless: a limit without a delegated cgroup names what is missing, and nothing is made" {
    awk -F: '{ print $3 }' /proc/self/cgroup | while read -r path; do
        [ ! -w "/sys/fs/cgroup$path/cgroup.procs" ] || exit 1
    done || skip "this user has a delegated cgroup"
    run_sc run --rm -m 64m base true
    expect_error 125 "no cgroup is delegated to user $(id -u)"
    expect_stderr "Delegate=yes"
    [ -z "$(ls "$SC_DATA_ROOT/container")" ]
}

@test "rootless: --uidmap is refused with the reason" {
    run_sc run --rm --uidmap 0:100000:65536 base true
    expect_error 125 "need root"
}

@test "rootless: from-host makes an image that runs" {
    sc_ok image from-host -t tools cat ls
    sc_ok run --rm tools cat /etc/passwd
    expect_output root:
    sc_ok rmi tools
}

@test "rootless: after kill -9 of the monitor the next command removes what other ids own" {
    sc_ok run -d --rm --name box -u 77:78 base sh -c 'mkdir -m 700 /tmp/a; touch /tmp/a/b; sleep 1000'
    wait_until "$SC" exec box test -e /tmp/a/b
    local init monitor
    init=$(container_pid box)
    monitor=$(awk '$1 == "PPid:" { print $2 }' "/proc/$init/status")
    is "$(cat "/proc/$monitor/comm")" sc-monitor
    kill -KILL "$monitor"
    wait_until has_ended "$init"
    sc_ok ps -aq
    is "$output" ""
    [ -z "$(ls "$SC_DATA_ROOT/container")" ]
}

@test "rootless: info says so" {
    sc_ok info --format '{{json .}}'
    is "$(jq .Rootless <<<"$output")" true
}

@test "rootless: sc-oci runs a bundle with ranges mapped" {
    make_bundle bundle ".linux.namespaces += [{type: \"user\"}] | .linux.resources = {} |
        .linux.uidMappings = [{containerID: 0, hostID: $(id -u), size: 1}, {containerID: 1, hostID: $(subuid), size: 65536}] |
        .linux.gidMappings = [{containerID: 0, hostID: $(id -g), size: 1}, {containerID: 1, hostID: $(subgid), size: 65536}] |
        .process.user = {uid: 1000, gid: 1001, additionalGids: [1002]} | .process.args = [\"/bin/busybox\", \"id\"]"
    run_oci --root "$BATS_TEST_TMPDIR/oci" run --bundle bundle box
    expect 0
    is "$output" "uid=1000 gid=1001 groups=1002"
    rm -rf bundle
}

@test "rootless: sc-oci create, state, exec, kill, delete" {
    local root=$BATS_TEST_TMPDIR/oci
    make_bundle bundle ".linux.namespaces += [{type: \"user\"}] | .linux.resources = {} |
        .linux.uidMappings = [{containerID: 0, hostID: $(id -u), size: 1}] |
        .linux.gidMappings = [{containerID: 0, hostID: $(id -g), size: 1}] |
        .process.args = [\"/bin/busybox\", \"sleep\", \"1000\"]"
    # not with run, which waits until nobody holds its pipe any more
    "$SC_OCI" --root "$root" create --bundle bundle --pid-file pid box </dev/null >out 2>&1 3>&-
    run_oci --root "$root" start box
    expect 0
    run_oci --root "$root" state box
    is "$(jq -r .status <<<"$output")" running
    run_oci --root "$root" exec box /bin/busybox id -u
    expect 0
    is "$output" 0
    run_oci --root "$root" kill box KILL
    expect 0
    wait_until has_ended "$(cat pid)"
    run_oci --root "$root" delete box
    expect 0
    rm -rf bundle
}

@test "rootless: many small layers are the same tree as one and as many" {
    local flat id
    "$TESTS/random-stack.py" 9 18 5000000 "$BATS_TEST_TMPDIR/stack.tar"
    sc_ok load -q -i "$BATS_TEST_TMPDIR/stack.tar"
    flat=$(echo "$SC_DATA_ROOT"/layer/*/flat)
    id=$("$SC" create --network none stack:1)
    sc_ok export -o "$BATS_TEST_TMPDIR/flat.tar" "$id"
    mv "$flat" "$BATS_TEST_TMPDIR/away"
    sc_ok export -o "$BATS_TEST_TMPDIR/layers.tar" "$id"
    cmp "$BATS_TEST_TMPDIR/flat.tar" "$BATS_TEST_TMPDIR/layers.tar"
    mv "$BATS_TEST_TMPDIR/away" "$flat"
    sc_ok rm "$id"
    sc_ok rmi stack:1
}

@test "rootless: a restart, of one whose files belong to other ids" {
    restarted() { [ "$("$SC" inspect -f '{{.RestartCount}} {{.State.Status}}' one)" = "$1" ]; }

    sc_ok run -d --name one --restart on-failure:1 base sh -c 'touch /f; chown 7:7 /f; echo once; exit 2'
    wait_until restarted '1 exited'
    sc_ok logs one
    is "$output" $'once\nonce'
    sc_ok rm one
}
