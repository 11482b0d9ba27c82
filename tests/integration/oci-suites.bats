#!/usr/bin/env bats
# What the validation of runtime-tools and youki's contest look at, beyond what the other files do (docs/conformance.md lists
# their cases, with the test for each).
load helpers
load oci

@test "suites: maskedPaths below each other, of devices, pipes and links: nothing can be read" {
    make_bundle "$B" '.linux.maskedPaths += ["/dir", "/file", "/dir/sub", "/dir/file", "/dir/sub/file", "/link", "/char", "/block", "/pipe"]
        | .process.args = ["sh", "-c", "ls -A /dir; cat /file /target /char /block /pipe; stat -c %t:%T /char /block /pipe"]'
    mkdir -p "$B/rootfs/dir/sub"
    for path in file dir/file dir/sub/file target; do
        echo secret >"$B/rootfs/$path"
    done
    ln -s target "$B/rootfs/link"
    mknod "$B/rootfs/char" c 1 5
    mknod "$B/rootfs/block" b 7 0
    mkfifo "$B/rootfs/pipe"
    oci run --bundle "$B" "$ID"
    expect 0
    is "$output" "1:3
1:3
1:3"
    # a link that leads nowhere but to itself
    ln -sf ../link "$B/rootfs/link"
    oci run --bundle "$B" "$ID"
    expect_error 255 "mask /link: too many levels of symbolic links"
}

@test "suites: readonlyPaths below each other, of files, of what a link leads to, and of what is absent" {
    make_bundle "$B" '.root.readonly = false | .linux.readonlyPaths += ["/dir", "/dir/sub", "/file", "/link", "/absent"]
        | .process.args = ["sh", "-c", "for f in /dir/new /dir/sub/new /file /target; do echo >>$f; done; echo >/other && echo written"]'
    mkdir -p "$B/rootfs/dir/sub"
    touch "$B/rootfs/file" "$B/rootfs/target"
    ln -s target "$B/rootfs/link"
    oci run --bundle "$B" "$ID"
    expect 0
    is "$output" written
    is "$(grep -c 'Read-only file system' <<<"$stderr")" 4
}

@test "suites: devices have the type, number, mode and owner that are asked for; the default ones and links are there" {
    make_bundle "$B" '.linux.devices = [
            {"path": "/dev/one", "type": "c", "major": 10, "minor": 229, "fileMode": 438, "uid": 5, "gid": 6},
            {"path": "/dev/two", "type": "b", "major": 8, "minor": 666, "fileMode": 432},
            {"path": "/dev/three", "type": "p", "fileMode": 384, "uid": 7}]
        | .process.args = ["sh", "-c", "stat -c \"%F %a %u:%g %t:%T\" /dev/one /dev/two /dev/three
            for n in null zero full random urandom tty ptmx; do [ -c /dev/$n ] || echo no $n; done
            for n in fd stdin stdout stderr; do readlink /dev/$n; done"]'
    oci run --bundle "$B" "$ID"
    expect 0
    is "$output" "character special file 666 5:6 a:e5
block special file 660 0:0 8:29a
fifo 600 7:0 0:0
/proc/self/fd
/proc/self/fd/0
/proc/self/fd/1
/proc/self/fd/2"
}

@test "suites: domainname; names without a uts namespace, and a size of page that no kernel has, are refused" {
    make_bundle "$B" '.domainname = "else.where" | .hostname = "some" | .process.args = ["sh", "-c", "hostname; cat /proc/sys/kernel/domainname"]'
    oci run --bundle "$B" "$ID"
    expect 0
    is "$output" "some
else.where"
    make_bundle "$B" 'del(.domainname) | .linux.namespaces |= map(select(.type != "uts"))'
    oci run --bundle "$B" "$ID"
    expect_error 255 "hostname: needs a uts namespace"
    make_bundle "$B" '.linux.resources.hugepageLimits = [{"pageSize": "3MB", "limit": 100}]'
    oci run --bundle "$B" "$ID"
    expect_error 255 "hugetlb.3MB"
    oci state "$ID"
    expect_error 1 "container does not exist"
}

@test "suites: a pid namespace by the name that exists before its first process' parent has one" {
    unshare -pf sleep 1000 </dev/null >/dev/null 2>&1 3>&- &
    other=$!
    wait_until pgrep -P "$other"
    make_bundle "$B" ".linux.namespaces |= map(if .type == \"pid\" then .path = \"/proc/$other/ns/pid_for_children\" else . end)
        | .process.args = [\"readlink\", \"/proc/self/ns/pid\"]"
    oci run --bundle "$B" "$ID"
    is "$output" "$(readlink "/proc/$other/ns/pid_for_children")"
    expect 0
    pkill -KILL -P "$other"
    wait "$other" || true
}

@test "suites: exec adds no mounts, and sees the container's" {
    make_bundle "$B" "$sleeper"
    start_container
    oci exec "$ID" cat /proc/1/mountinfo
    before=$output
    oci exec "$ID" cat /proc/self/mountinfo
    expect 0
    is "$output" "$before"
    oci exec "$ID" cat /proc/1/mountinfo
    is "$output" "$before"
}

@test "suites: exec has the environment of the config, which its own overrides" {
    make_bundle "$B" "$sleeper | .process.env += [\"KEPT=config\", \"CHANGED=config\"]"
    start_container
    oci exec --env CHANGED=exec -e NEW=exec "$ID" sh -c 'echo $KEPT $CHANGED $NEW; env | grep -c CHANGED'
    expect 0
    is "$output" "config exec exec
1"
}

@test "suites: what start and kill may not do has no effect: the program ran once, the state is the same" {
    make_bundle "$B" '.root.readonly = false | .process.args = ["sh", "-c", "echo called >>/called"]'
    oci start "$ID"
    expect_error 1 "container does not exist"
    create_container
    [ ! -e "$B/rootfs/called" ]
    oci start "$ID"
    expect 0
    wait_until status_is stopped
    oci state "$ID"
    before=$output
    oci start "$ID"
    expect_error 1 "cannot start a container that has stopped"
    oci kill "$ID" TERM
    expect_error 1 "container not running"
    oci state "$ID"
    is "$output" "$before"
    is "$(cat "$B/rootfs/called")" called
    oci delete "$ID"
    expect 0
}

@test "suites: delete takes what create made: a cgroup of others, that the process was put into, stays" {
    local top=/sys/fs/cgroup
    [ ! -d "$top/pids" ] || top=$top/pids
    make_bundle "$B" "$sleeper"
    create_container
    mkdir "$top/$ID-frozen" # teardown removes this name
    init_pid >"$top/$ID-frozen/cgroup.procs"
    oci start "$ID"
    expect 0
    oci kill "$ID" KILL
    wait_until status_is stopped
    oci delete "$ID"
    expect 0
    [ -d "$top/$ID-frozen" ]
    [ ! -e "$top/$ID" ]
}

@test "suites: a device rule of any type with a number is of those devices alone: the default devices can be used" {
    make_bundle "$B" '.root.readonly = false
        | .linux.resources.devices = [{"allow": false, "access": "rwm"}, {"allow": true, "type": "a", "major": 7, "minor": 1, "access": "rwm"}]
        | .process.capabilities[] += ["CAP_MKNOD"]
        | .process.args = ["sh", "-c", ": >/dev/null && echo used
            for of in \"b 7 1\" \"c 7 1\" \"b 7 2\" \"c 1 11\"; do
                rm -f /node; mknod /node $of; (exec 3</node) 2>&1 | grep -o \"not permitted\" || echo let
            done"]'
    oci run --bundle "$B" "$ID"
    expect 0
    is "$output" $'used\nlet\nlet\nnot permitted\nnot permitted'
}

@test "suites: create says of a program that it is on a file system mounted noexec, and of one without a name that it is not found" {
    mkdir "$BATS_TEST_TMPDIR/dir"
    printf '#!/bin/sh\n' >"$BATS_TEST_TMPDIR/dir/script"
    chmod 755 "$BATS_TEST_TMPDIR/dir/script"
    make_bundle "$B" '.process.args = ["/dir/script"]
        | .mounts += [{"destination": "/dir", "type": "none", "source": "'"$BATS_TEST_TMPDIR/dir"'", "options": ["bind", "noexec"]}]'
    oci_leaves create --bundle "$B" "$ID"
    expect_error 1 'run "/dir/script": permission denied: it is on a file system mounted noexec'
    oci state "$ID"
    expect_error 1 "container does not exist"
    jq '.process.args = ["script"] | .process.env = ["PATH=/dir:/other"]' "$B/config.json" >"$B/new" && mv "$B/new" "$B/config.json"
    oci_leaves create --bundle "$B" "$ID"
    expect_error 1 'run "/dir/script": permission denied: it is on a file system mounted noexec'
    # another of that name, further on in PATH, is found
    mkdir "$B/rootfs/other"
    printf '#!/bin/sh\necho other\n' >"$B/rootfs/other/script"
    chmod 755 "$B/rootfs/other/script"
    oci run --bundle "$B" "$ID"
    expect 0
    is "$output" other
    jq '.process.args = [""]' "$B/config.json" >"$B/new" && mv "$B/new" "$B/config.json"
    oci_leaves create --bundle "$B" "$ID"
    expect_error 1 'run "": executable file not found in $PATH: its name is empty'
}

@test "suites: a file mounted on a directory, or the other way round, is said to be no directory" {
    make_bundle "$B"
    touch "$B/rootfs/there"
    for pair in "$B/config.json:/etc" "$B/rootfs:/there"; do
        jq --arg from "${pair%:*}" --arg to "${pair#*:}" '.mounts[-1] = {destination: $to, type: "none", source: $from, options: ["bind"]}' \
            "$B/config.json" >"$B/new"
        mkdir -p "$B-2" && cp "$B/new" "$B-2/config.json" && ln -sfn "$B/rootfs" "$B-2/rootfs"
        oci run --bundle "$B-2" "$ID"
        is "$status" 255
        matches "$stderr" 'on /(etc|there): not a directory'
    done
}

@test "suites: oomScoreAdj in a user namespace, new and joined, and of an exec in it" {
    local maps='.linux.uidMappings = [{"containerID": 0, "hostID": 300000, "size": 65536}] | .linux.gidMappings = .linux.uidMappings'
    make_bundle "$B" "$sleeper | .process.oomScoreAdj = 200 | .linux.namespaces += [{type: \"user\"}] | $maps"
    start_container
    is "$(cat "/proc/$(init_pid)/oom_score_adj")" 200
    echo '{"args": ["cat", "/proc/self/oom_score_adj", "/proc/self/uid_map"], "env": ["PATH=/bin"], "cwd": "/", "user": {"uid": 7, "gid": 8}, "oomScoreAdj": 300}' \
        >"$BATS_TEST_TMPDIR/process.json"
    oci exec --process "$BATS_TEST_TMPDIR/process.json" "$ID"
    expect 0
    matches "$output" $'^300\n +0 +300000 +65536$'
    make_bundle "$B-2" ".process.oomScoreAdj = 400 | .process.args = [\"cat\", \"/proc/self/oom_score_adj\"]
        | .linux.namespaces += [{type: \"user\", path: \"/proc/$(init_pid)/ns/user\"}]"
    oci run --bundle "$B-2" "$ID-2"
    expect 0
    is "$output" 400
}
