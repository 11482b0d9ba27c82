# What callers of runc and crun count on, beyond the letter of the specification.
load helpers
load oci

# run_in JQ SCRIPT: of the bundle as JQ changes it
run_in()
{
    make_bundle "$B" "$1 | .process.args = [\"sh\", \"-c\", $(jq -n --arg s "$2" '$s')]"
    oci run --bundle "$B" "$ID"
}

@test "HOME is what the container's passwd says, where the config has none or an empty one" {
    make_bundle "$B"
    echo 'someone:x:2000:2000:someone:/home/someone:/bin/sh' >>"$B/rootfs/etc/passwd"
    run_in '.process.env += ["HOME=/own"]' 'echo $HOME'
    is "$output" /own
    run_in . 'echo $HOME'
    is "$output" /root
    run_in '.process.env += ["HOME=/own", "HOME="]' 'echo $HOME'
    is "$output" /root
    run_in '.process.user.uid = 2000' 'echo $HOME'
    is "$output" /home/someone
    run_in '.process.user.uid = 3000' 'echo $HOME'
    is "$output" /
    # what the image puts there is read as a file of the container, or not at all
    rm "$B/rootfs/etc/passwd"
    ln -s /../../../../../../etc/passwd "$B/rootfs/etc/passwd"
    run_in . 'echo $HOME'
    is "$output" /
    rm "$B/rootfs/etc/passwd"
    mkfifo "$B/rootfs/etc/passwd"
    run_in . 'echo $HOME'
    is "$output" /
}

@test "exec finds HOME too" {
    make_bundle "$B" "$sleeper"
    start_container
    oci exec "$ID" sh -c 'echo $HOME'
    is "$output" /root
    oci exec --user 1000 "$ID" sh -uc 'echo $HOME'
    is "$output" /
    oci exec --env HOME=/x "$ID" sh -c 'echo $HOME'
    is "$output" /x
}

@test "of variables that are set twice the last counts, and reaches the program once" {
    make_bundle "$B" '.process.env = ["ONE=1", "PATH=/bin", "ONELY=x", "ONE=2", "HOME=", "ONE="] | .process.args = ["env"]'
    oci run --bundle "$B" "$ID"
    is "$(sort <<<"$output")" $'HOME=/root\nONE=\nONELY=x\nPATH=/bin'
}

@test "hooks without an environment: outside the runtime's own, inside the program's" {
    local say="args: [\"sh\", \"-c\", \"echo \$OUTSIDE-\$INSIDE >>$BATS_TEST_TMPDIR/said\"]"
    make_bundle "$B" ".root.readonly = false | .process.args = [\"cat\", \"/said\"] | .process.env += [\"INSIDE=in\"] | .hooks = {
        createRuntime: [{path: \"/bin/sh\", $say}, {path: \"/bin/sh\", env: [\"A=b\"], $say}],
        createContainer: [{path: \"/bin/sh\", $say}],
        startContainer: [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo \$OUTSIDE-\$INSIDE-\$HOME >/said\"]}]}"
    OUTSIDE=out oci run --bundle "$B" "$ID"
    expect 0
    is "$status:$output" 0:-in-/root
    is "$(cat "$BATS_TEST_TMPDIR/said")" $'out-\n-\n-in'
}

@test "a hook inside that fails is named with its number, and how it ended" {
    local kind
    for kind in createContainer startContainer; do
        make_bundle "$B" ".hooks.$kind = [{path: \"/bin/true\"}, {path: \"/bin/sh\", args: [\"sh\", \"-c\", \"exit 7\"]}]"
        oci run --bundle "$B" "$ID"
        expect_error 255 "error running $kind hook #1: \"/bin/sh\": exit status 7"
    done
    make_bundle "$B" ".hooks.startContainer = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"kill -USR1 \$\$\"]}]"
    create_container
    oci start "$ID"
    expect_error 1 'error running startContainer hook #0: "/bin/sh": signal 10: user defined signal 1'
    make_bundle "$B" ".hooks.startContainer = [{path: \"/bin/sleep\", args: [\"sleep\", \"100\"], timeout: 1}]"
    oci run --bundle "$B" "$ID"
    expect_error 255 'error running startContainer hook #0: "/bin/sleep": did not end within 1 s'
}

@test "what a hook inside that fails has written is in the error, without what could move a terminal's cursor" {
    local kind
    for kind in createContainer startContainer; do
        make_bundle "$B" ".hooks.$kind = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo lost >&2; exit 0\"]},
            {path: \"/bin/sh\", args: [\"sh\", \"-c\", \"echo to standard output; printf 'r\\\\033[2Jea\\\\302\\\\2332Json\\\\n' >&2; exit 7\"]}]"
        oci run --bundle "$B" "$ID"
        expect_error 255 "error running $kind hook #1: \"/bin/sh\": exit status 7: to standard output r [2Jea??2Json"
        is "$output" ""
    done
    create_container
    oci start "$ID"
    expect_error 1 'error running startContainer hook #1: "/bin/sh": exit status 7: to standard output r [2Jea??2Json'
    make_bundle "$B" '.hooks.startContainer = [{path: "/no/such/hook"}]'
    oci run --bundle "$B" "$ID-2"
    expect_error 255 '/no/such/hook: No such file or directory'
}

@test "kill KILL without a pid namespace ends every process, also when the first is gone" {
    local pid others
    make_bundle "$B" "$sleeper | .linux.namespaces -= [{type: \"pid\"}]"
    start_container
    for _ in 1 2 3; do
        oci_leaves exec -d "$ID" sleep 1000
        expect 0
    done
    pid=$(init_pid)
    others=$(cat "$(cgroup_dir "$pid" pids)/cgroup.procs")
    is "$(wc -w <<<"$others")" 4
    kill -KILL "$pid"
    wait_until status_is stopped
    oci kill "$ID" TERM
    expect_error 1 "container not running"
    oci kill "$ID" KILL
    expect 0
    for pid in $others; do
        wait_until has_ended "$pid"
    done
    oci kill "$ID" KILL
    expect_error 1 "container not running"
    oci delete "$ID"
    expect 0
}

@test "the launcher's own affinity is not the container's; the cgroup's CPUs are" {
    [ "$(nproc --all)" -gt 1 ] || skip "one CPU"
    local allowed first
    allowed=$(awk '/^Cpus_allowed_list/ { print $2 }' /proc/self/status)
    first=${allowed%%[-,]*}
    make_bundle "$B" '.process.args = ["grep", "Cpus_allowed_list", "/proc/self/status"]'
    run taskset -c "$first" "$SC_OCI" --root "$OCI_ROOT" run --bundle "$B" "$ID"
    is "$output" $'Cpus_allowed_list:\t'"$allowed"
    make_bundle "$B" "$sleeper | .linux.resources.cpu = {cpus: \"$first\", mems: \"0\"}"
    start_container
    run taskset -c "${allowed##*[-,]}" "$SC_OCI" --root "$OCI_ROOT" exec "$ID" grep Cpus_allowed_list /proc/self/status
    is "$output" $'Cpus_allowed_list:\t'"$first"
}

@test "exec has the personality and the memory policy of the container" {
    [ "$(uname -m)" = x86_64 ] || skip "x86_64 only"
    make_bundle "$B" "$sleeper | .linux.personality = {domain: \"LINUX32\"} | .linux.memoryPolicy = {mode: \"MPOL_PREFERRED\", nodes: \"0\", flags: [\"MPOL_F_RELATIVE_NODES\"]}"
    start_container
    oci exec "$ID" sh -c 'uname -m; head -n 1 /proc/self/numa_maps | cut -d " " -f 2'
    is "$output" $'i686\nprefer=relative:0'
    oci delete -f "$ID"
    expect 0
    # an empty policy is none
    run_in '.linux.memoryPolicy = {}' 'head -n 1 /proc/self/numa_maps | cut -d " " -f 2'
    is "$status:$output" 0:default
}

@test "utilization clamps of the scheduler: as the kernel takes them, or refuses them" {
    type -P uclampset || skip "no uclampset"
    make_bundle "$B" '.process.scheduler = {policy: "SCHED_OTHER", flags: ["SCHED_FLAG_UTIL_CLAMP_MIN", "SCHED_FLAG_UTIL_CLAMP_MAX"]}
        | .process.args = ["sleep", "1000"]'
    if uclampset -m 0 -M 0 true; then
        start_container
        matches "$(uclampset -p "$(init_pid)")" 'util_clamp: min: 0 max: 0$'
    else
        oci run --bundle "$B" "$ID"
        expect_error 255 "set the scheduling policy: operation not supported"
    fi
}

@test "exec --cap: ambient only what the config made inheritable" {
    make_bundle "$B" "$sleeper | .process.capabilities = {}"
    start_container
    oci exec --cap CAP_KILL "$ID" grep Cap /proc/self/status
    is "$(awk '{ printf "%s ", $2 }' <<<"$output")" "0000000000000000 0000000000000020 0000000000000020 0000000000000020 0000000000000000 "
    oci delete -f "$ID"
    expect 0
    make_bundle "$B" "$sleeper | .process.capabilities = {bounding: [\"CAP_KILL\"], inheritable: [\"CAP_KILL\"]}"
    start_container
    oci exec --cap CAP_KILL "$ID" grep CapAmb /proc/self/status
    is "$output" $'CapAmb:\t0000000000000020'
}

@test "a user namespace that maps no root" {
    local ids='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{hostID: 100000, containerID: 1000, size: 1}]
        | .linux.gidMappings = [{hostID: 200000, containerID: 1000, size: 1}] | .process.user = {uid: 1000, gid: 1000}
        | (.mounts[] | select(.destination == "/dev/pts") | .options) -= ["gid=5"]'
    make_bundle "$B"
    chown -Rh 100000:200000 "$B/rootfs"
    chmod 711 "$BATS_TEST_TMPDIR"
    make_bundle "$B" "$ids | $sleeper"
    start_container
    oci exec "$ID" sh -c 'id -u; id -g; cat /proc/self/uid_map | xargs; grep CapPrm /proc/self/status'
    expect 0
    is "$(head -n 3 <<<"$output")" $'1000\n1000\n1000 100000 1'
    oci delete -f "$ID"
    expect 0
    run_in "$ids" 'id -u; grep CapEff /proc/self/status'
    is "$status:$(head -n 1 <<<"$output")" 0:1000
}

@test "time offsets in a user namespace whose files are its own" {
    local ids='.linux.namespaces += [{type: "user"}, {type: "time"}] | .linux.uidMappings = [{hostID: 100000, containerID: 0, size: 100}]
        | .linux.gidMappings = [{hostID: 200000, containerID: 0, size: 200}]
        | .linux.timeOffsets = {monotonic: {secs: 7881, nanosecs: 2718281}, boottime: {secs: 1337, nanosecs: 3141519}}'
    [ -e /proc/self/ns/time ] || skip "no time namespaces"
    make_bundle "$B"
    chown -Rh 100000:200000 "$B/rootfs"
    chmod 711 "$BATS_TEST_TMPDIR"
    make_bundle "$B" "$ids | $sleeper"
    start_container
    oci exec "$ID" cat /proc/self/timens_offsets
    is "$(xargs <<<"$output")" "monotonic 7881 2718281 boottime 1337 3141519"
}

# As with runc the mounts stay when the container is gone: tests make them in a mount namespace of their own.
no_mount_namespace='.linux.namespaces -= [{type: "mount"}] | .linux.maskedPaths = [] | .linux.readonlyPaths = [] | .root.readonly = false'

@test "without a mount namespace: mounts below the root that others see, chroot, and exec in that root" {
    make_bundle "$B" "$no_mount_namespace | .process.args = [\"sleep\", \"1000\"]"
    echo here >"$B/rootfs/here"
    run_split unshare -m sh -euc '
        "$1" --root "$2" run -d --bundle "$3" "$4" </dev/null >/dev/null
        test "$(readlink "/proc/$("$1" --root "$2" state "$4" | jq .pid)/ns/mnt")" = "$(readlink /proc/self/ns/mnt)"
        grep -c " $3/rootfs/proc " /proc/self/mountinfo
        "$1" --root "$2" exec "$4" sh -c "cat /here; ls -d $3" || true
        "$1" --root "$2" delete -f "$4"
        grep -c " / / " /proc/self/mountinfo' - "$SC_OCI" "$OCI_ROOT" "$B" "$ID"
    is "$output" $'1\nhere\n1'
    [[ "$stderr" == *"No such file"* ]] || show_last "the host's root shows"
    # in this mount namespace there is nothing of it
    is "$(grep -c "$B" /proc/self/mountinfo)" 0
}

@test "without a mount namespace nothing is hidden or read-only, and a root of layers is refused" {
    for what in '.linux.maskedPaths = ["/x"]' '.linux.readonlyPaths = ["/x"]' '.root.readonly = true' '.linux.rootfsPropagation = "private"'; do
        make_bundle "$B" "$no_mount_namespace | $what"
        oci run --bundle "$B" "$ID"
        expect_error 255 "needs a mount namespace in linux.namespaces"
    done
}

@test "a mount namespace that exists: the root is looked up and mounted there, and no root of others changes" {
    local pid
    make_bundle "$B" "$sleeper"
    mkdir "$B/rootfs/inner"
    cp -a "$BATS_SUITE_TMPDIR/rootfs/." "$B/rootfs/inner/"
    start_container
    pid=$(init_pid)
    make_bundle "$B" ".root = {path: \"/inner\"} | .linux.maskedPaths = [] | .linux.readonlyPaths = []
        | .mounts |= map(select(.type != \"cgroup\" and .type != \"cgroup2\"))
        | .linux.namespaces |= map(if .type == \"mount\" then .path = \"/proc/$pid/ns/mnt\" else . end)
        | .process.args = [\"sh\", \"-c\", \"readlink /proc/self/ns/mnt; ls -d /inner\"]"
    oci run --bundle "$B" "$ID-2"
    is "$output" "$(readlink "/proc/$pid/ns/mnt")"
    [[ "$stderr" == *"No such file"* ]] || show_last "not in its own root"
    oci exec "$ID" ls -d /inner /proc/self
    expect 0
}

@test "--no-pivot: no proc of the host stays in sight, by which a container could mount one without masks" {
    make_bundle "$B" '.linux.maskedPaths = ["/proc/kcore", "/proc/keys"] | .process.noNewPrivileges = false
        | .process.capabilities.bounding += ["CAP_SETFCAP"] | .process.capabilities.permitted += ["CAP_SETFCAP"]
        | .process.args = ["unshare", "-mrpf", "sh", "-c", "mount -t proc none /proc || mount -t sysfs none /sys"]'
    local option
    for option in --no-pivot ''; do
        oci run $option --bundle "$B" "$ID"
        expect 1
        [ "$(grep -c "permission denied" <<<"$stderr")" = 2 ] || show_last "mounted"
    done
}
