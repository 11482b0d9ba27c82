# oci-hostile: root file systems, configs and callers that want the host. Each test names the defence that it needs; each
# was seen to fail with that defence taken out.
load helpers

setup()
{
    sc_setup
    root=$SC_RUN_ROOT/oci
    id=hostile-$$
    bundle=$BATS_TEST_TMPDIR/bundle
    rootfs=$bundle/rootfs
    # What must never be touched. Its path exists in the container's root too, so that a link to it leads somewhere.
    victim=$BATS_TEST_TMPDIR/victim
    mkdir "$victim"
    make_bundle "$bundle" '.root.readonly = false'
    mkdir -p "$rootfs$victim"
}

teardown()
{
    "$SC_OCI" --root "$root" list -q 2>/dev/null | xargs -r -n 1 "$SC_OCI" --root "$root" delete --force || true
    sc_teardown
}

# config FILTER: of the bundle, from the one that every test begins with
config() { make_bundle "$bundle" ".root.readonly = false | $1"; }

oci() { "$SC_OCI" --root "$root" "$@"; }
run_it() { run_oci --root "$root" run --bundle "$bundle" "$id"; }
quiet() { "$@" </dev/null >/dev/null 2>&1 3>&-; }

# Refused: status 255, one line that says this; nothing was started and nothing is left.
refused()
{
    run_it
    expect_error 255 "$1"
    expect_no_output hello
    is "$(find "$root" -mindepth 1 -maxdepth 1 -not -name .seccomp 2>/dev/null)" ""
}

victim_is_untouched()
{
    is "$(find "$victim" -mindepth 1)" ""
    is "$(grep -cF " $victim" /proc/self/mountinfo)" 0
}

tool()
{
    compile "$TESTS/../tools/$1.c" "$BATS_TEST_TMPDIR/$1"
}

# ---- links in the image ---------------------------------------------------------------------------

# Defence: RESOLVE_IN_ROOT (kernel/path.c).
@test "a mount target that is a link out of the root, absolute or relative, stays in the root" {
    ln -s "$victim" "$rootfs/absolute"
    ln -s "../../../../../../../../../..$victim" "$rootfs/relative"
    config '.process.args = ["sh", "-c", "touch /absolute/a/here /relative/r/here && echo hello"] |
        .mounts += [{destination: "/absolute/a", type: "tmpfs", source: "tmpfs"}, {destination: "/relative/r", type: "tmpfs", source: "tmpfs"}]'
    run_it
    expect 0
    expect_output hello
    victim_is_untouched
    is "$(ls "$rootfs$victim")" "a
r"
}

# Defence: RESOLVE_NO_MAGICLINKS (kernel/path.c).
@test "a mount target behind a link of procfs that leads to the host's root is refused" {
    ln -s /proc/self/root "$rootfs/up"
    config ".mounts += [{destination: \"/up$victim/x\", type: \"tmpfs\", source: \"tmpfs\"}]"
    refused "mount tmpfs on"
    victim_is_untouched
}

# Defence: sc_path_open_plain (runtime/steps-mount.c).
@test "proc and sysfs are not mounted where the image has a link" {
    local dir
    for dir in proc sys; do
        rm -rf "${rootfs:?}/$dir"
        ln -s etc "$rootfs/$dir"
        refused "/$dir: too many levels of symbolic links"
        rm "$rootfs/$dir"
        mkdir "$rootfs/$dir"
    done
}

# Defence: RESOLVE_IN_ROOT (kernel/path.c).
@test "an image whose /dev or /etc is a link to the host gets its devices and files inside its root" {
    rm -rf "${rootfs:?}/dev" "${rootfs:?}/etc"
    ln -s "$victim" "$rootfs/dev"
    ln -s "$victim" "$rootfs/etc"
    config '.mounts |= [.[] | select(.destination | startswith("/dev") | not)] |
        .mounts += [{destination: "/etc/hosts", type: "bind", source: "/etc/hosts", options: ["bind", "ro"]}] |
        .process.args = ["sh", "-c", "[ -c /dev/null ] && [ -s /etc/hosts ] && echo hello"]'
    run_it
    expect 0
    expect_output hello
    victim_is_untouched
    [ -c "$rootfs$victim/null" ]
}

# Defence: mknodat, whose EEXIST is an error unless it is that very node (step_mknod).
# any-kernel: it is refused before the kernel is asked
@test "an image's own /dev/null is no node of ours: a link or a file in its place is refused" {
    config '.mounts |= [.[] | select(.destination | startswith("/dev") | not)]'
    ln -s "$victim/file" "$rootfs/dev/null"
    refused "/dev/null: file exists"
    rm "$rootfs/dev/null"
    echo evil >"$rootfs/dev/null"
    refused "/dev/null: file exists"
    victim_is_untouched
}

# CVE-2025-31133. Defence: check_target (runtime/steps-mount.c): the bound node does not follow a link into procfs.
@test "in a user namespace a /dev/null that is a link to a file of /proc is refused" {
    ln -s /proc/sys/kernel/hostname "$rootfs/dev/null"
    chmod 755 "$BATS_TEST_TMPDIR" "$bundle"
    config '.mounts |= [.[] | select(.destination | startswith("/dev") | not)] | .linux.namespaces += [{type: "user"}] |
        .linux.uidMappings = [{containerID: 0, hostID: 0, size: 65536}] | .linux.gidMappings = .linux.uidMappings'
    refused "/dev/null"
    expect_stderr "operation not permitted"
}

# CVE-2025-52565. Defence: O_NOFOLLOW in open_console (runtime/steps-mount.c).
@test "the terminal is not mounted on what an image's /dev/console links to" {
    config '.mounts |= [.[] | select(.destination != "/dev")] | .process.terminal = true'
    mkdir -p "$rootfs/dev/pts" "$rootfs/dev/shm" "$rootfs/dev/mqueue"
    ln -s /proc/sys/kernel/hostname "$rootfs/dev/console"
    refused "too many levels of symbolic links"
    rm "$rootfs/dev/console"
    ln -s "$victim/console" "$rootfs/dev/console"
    refused "too many levels of symbolic links"
    victim_is_untouched
}

# Defence: open_master (runtime/steps-mount.c) looks at it before it opens it.
@test "a terminal comes from devpts, not from a file or device that the image has in its place" {
    config '.mounts |= [.[] | select(.destination | startswith("/dev") | not)] | .process.terminal = true'
    mkdir "$rootfs/dev/pts"
    echo evil >"$rootfs/dev/pts/ptmx"
    refused "no such device"
    rm "$rootfs/dev/pts/ptmx"
    # The terminal of whoever opens it: opening would give the caller's.
    mknod "$rootfs/dev/pts/ptmx" c 5 0
    refused "no such device"
}

# ---- while mounts happen ------------------------------------------------------------------------------

# Defence: RESOLVE_IN_ROOT, and mounting on the descriptor that was resolved (kernel/path.c, sc_mount_fs).
# any-kernel: hundreds of starts, by the same calls
@test "a directory of a shared volume that is exchanged with a link, during hundreds of starts, never leads outside" {
    local n racer started=0 starts=200
    # An emulated CPU takes a second for each.
    [ "$SC_WHERE" != vm ] || starts=30
    tool hostile
    mkdir -p "$BATS_TEST_TMPDIR/volume/a"
    ln -s "../../../../../../../../../..$victim" "$BATS_TEST_TMPDIR/volume/b"
    config ".mounts += [{destination: \"/volume\", type: \"bind\", source: \"$BATS_TEST_TMPDIR/volume\", options: [\"rbind\"]},
        {destination: \"/volume/a/deep/x\", type: \"tmpfs\", source: \"tmpfs\"},
        {destination: \"/volume/a/y\", type: \"bind\", source: \"/etc/hosts\", options: [\"bind\"]}] | .process.args = [\"true\"]"
    "$BATS_TEST_TMPDIR/hostile" swap "$BATS_TEST_TMPDIR/volume/a" "$BATS_TEST_TMPDIR/volume/b" 3>&- &
    racer=$!
    for n in $(seq "$starts"); do
        ! quiet oci run --bundle "$bundle" "$id" || started=$((started + 1))
    done
    kill "$racer"
    victim_is_untouched
    # Both happened: the link was met (and led into the root), the directory was met.
    [ -e "$rootfs$victim/deep" ]
    [ "$started" -gt 0 ]
}

# ---- /proc ------------------------------------------------------------------------------------------------

# Defence: check_proc_mounts (oci/validate-mounts.c).
# any-kernel: it is refused before the kernel is asked
@test "nothing but proc is mounted on /proc or in it, however its path is spelled" {
    local where
    for where in /proc /proc/sys /proc/sys/kernel /proc/self /proc/1/attr /proc//sys/../sysrq-trigger /bin/../proc/sys; do
        config ".mounts += [{destination: \"$where\", type: \"tmpfs\", source: \"tmpfs\"}]"
        refused "\"$where\" is in /proc"
    done
    config ".mounts += [{destination: \"/proc/sys/kernel\", type: \"bind\", source: \"$victim\", options: [\"bind\"]}]"
    refused '"/proc/sys/kernel" is in /proc'
    config ".mounts += [{destination: \"/proc/uptime\", type: \"bind\", source: \"/etc/hostname\", options: [\"bind\"]}] |
        .process.args = [\"cat\", \"/proc/uptime\"]"
    run_it
    expect 0
    is "$output" "$(cat /etc/hostname)"
}

# Defence: must_be_proc (sc_tree_open_step).
# any-kernel: it is refused before the kernel is asked
@test "a volume at /proc is refused, unless it is a procfs" {
    mkdir -p "$BATS_TEST_TMPDIR/fake/self/attr" "$BATS_TEST_TMPDIR/fake/sys/kernel"
    config ".mounts[0] = {destination: \"/proc\", type: \"bind\", source: \"$BATS_TEST_TMPDIR/fake\", options: [\"rbind\"]}"
    refused "only a procfs may be bound on /proc"
    config '.mounts[0] = {destination: "/proc", type: "bind", source: "/proc/sys", options: ["rbind"]}'
    refused "only a procfs may be bound on /proc"
    config '.mounts[0] = {destination: "/proc", type: "bind", source: "/proc", options: ["rbind"]} |
        .linux.namespaces |= [.[] | select(.type != "pid")] | .linux.maskedPaths = [] | .linux.readonlyPaths = []'
    run_it
    expect 0
    is "$output" hello
}

# Defence: check_target (runtime/steps-mount.c).
@test "a mount target that is a link into /proc is refused" {
    ln -s /proc/sys/kernel "$rootfs/away"
    config '.mounts += [{destination: "/away", type: "tmpfs", source: "tmpfs"}]'
    refused "/away: operation not permitted"
    config ".mounts += [{destination: \"/away\", type: \"bind\", source: \"$victim\", options: [\"bind\"]}]"
    refused "operation not permitted"
}

# CVE-2025-52881. Defence: sysctls are written through the launcher's own procfs (sc_proc_open).
@test "a sysctl reaches the kernel, not a file that the image has in its place" {
    local pid
    config '.mounts |= [.[] | select(.destination != "/proc")] | .linux.sysctl = {"net.ipv4.ip_default_ttl": "77"} |
        .linux.maskedPaths = [] | .linux.readonlyPaths = [] | .process.args = ["sleep", "1000"]'
    mkdir -p "$rootfs/proc/sys/net/ipv4"
    echo untouched >"$rootfs/proc/sys/net/ipv4/ip_default_ttl"
    quiet oci run -d --bundle "$bundle" "$id"
    pid=$(oci state "$id" | jq .pid)
    is "$(nsenter -t "$pid" -n cat /proc/sys/net/ipv4/ip_default_ttl)" 77
    is "$(cat "$rootfs/proc/sys/net/ipv4/ip_default_ttl")" untouched
    oci delete --force "$id"
}

# ---- descriptors and the executable ----------------------------------------------------------------------------

# CVE-2024-21626. Defence: RESOLVE_NO_MAGICLINKS (step_cwd), and no descriptor of the host is inherited.
@test "a working directory behind a descriptor of the caller is refused, in run and in exec" {
    local fd
    # shellcheck disable=SC2083 # the descriptor is what matters
    exec 9</
    for fd in 3 5 7 8 9 10; do
        config ".process.cwd = \"/proc/self/fd/$fd\""
        run_it
        expect 255
        expect_no_output hello
    done
    config '.process.args = ["sleep", "1000"]'
    quiet oci run -d --bundle "$bundle" "$id"
    for fd in 3 5 7 8 9 10; do
        run_oci --root "$root" exec --cwd "/proc/self/fd/$fd" "$id" ls
        expect 255
        is "$output" ""
    done
    oci delete --force "$id"
}

# Defence: step_close_fds.
@test "descriptors of the caller are not inherited, but those that are asked for" {
    local holder='exec 3</etc 5</etc 9</usr 77</usr; exec "$0" "$@"'
    config '.process.args = ["sh", "-c", "ls -l /proc/self/fd | sed -n \"s/.* -> //p\""]'
    last_command=$holder
    run_split bash -c "$holder" "$SC_OCI" --root "$root" run --bundle "$bundle" "$id"
    expect 0
    is "$(grep -cE '^/(etc|usr)$' <<<"$output")" 0
    run_split bash -c "$holder" "$SC_OCI" --root "$root" run --preserve-fds 1 --bundle "$bundle" "$id"
    expect 0
    is "$(grep -E '^/(etc|usr)$' <<<"$output")" /etc
}

# CVE-2019-5736. Defence: sc_self_protect (runtime/self.c).
@test "an entry point of #!/proc/self/exe gives the container no way to write to sc-oci" {
    [ "$SC_WHERE" != asan ] || skip "sc-oci needs a loader, which the container has not"
    local sum
    tool hostile
    cp "$BATS_TEST_TMPDIR/hostile" "$rootfs/hostile"
    printf '#!/proc/self/exe\n' >"$rootfs/evil"
    chmod 755 "$rootfs/evil"
    sum=$(sha256sum <"$SC_OCI")
    config '.process.args = ["/hostile", "grab"]'
    quiet oci run -d --bundle "$bundle" "$id"
    for _ in $(seq 500); do
        ! [ -e "$rootfs/grabbed" ] || break
        quiet oci exec "$id" /evil || true
    done
    is "$(cat "$rootfs/grabbed")" "Read-only file system"
    is "$(sha256sum <"$SC_OCI")" "$sum"
    oci delete --force "$id"
}

# ---- hooks ---------------------------------------------------------------------------------------------------

# Defence: execve with the hook's own env (hook_main).
# any-kernel: seen in the config
@test "a hook's environment is what the config gives, nothing of the caller's" {
    local kind
    local hook="{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"cat </proc/self/environ >\$0\", \"$BATS_TEST_TMPDIR/NAME\"], env: [\"A=b\", \"LD_BIND_NOW=1\"]}"
    config ".hooks = {prestart: [${hook/NAME/prestart}], createRuntime: [${hook/NAME/createRuntime}],
        createContainer: [${hook/NAME/createContainer}], poststart: [${hook/NAME/poststart}], poststop: [${hook/NAME/poststop}]}"
    run_split env LD_PRELOAD=/nonexistent.so LD_LIBRARY_PATH=/evil SECRET=yes "$SC_OCI" --root "$root" run --bundle "$bundle" "$id"
    expect 0
    for kind in prestart createRuntime createContainer poststart poststop; do
        is "$(tr '\0' ' ' <"$BATS_TEST_TMPDIR/$kind")" "A=b LD_BIND_NOW=1 "
    done
}

# ---- cgroups ----------------------------------------------------------------------------------------------------

# Defence: sc_runtime_kill thaws, sc_cgroup_kill too.
@test "a frozen container is killed and deleted" {
    local pid
    config '.process.args = ["sleep", "1000"]'
    quiet oci run -d --bundle "$bundle" "$id"
    pid=$(oci state "$id" | jq .pid)
    oci pause "$id"
    is "$(oci state "$id" | jq -r .status)" paused
    oci kill "$id" KILL
    wait_until has_ended "$pid"
    oci delete "$id"
    quiet oci run -d --bundle "$bundle" "$id"
    oci pause "$id"
    oci delete --force "$id"
}

# Defence: check_parent_thawed (kernel/cgroup/create.c); without it the command hangs.
@test "below a frozen cgroup create fails at once, and says so" {
    local dir=/sys/fs/cgroup/freezer/frozen-$$ file=freezer.state freeze=FROZEN
    [ -d /sys/fs/cgroup/freezer ] || { dir=/sys/fs/cgroup/frozen-$$ && file=cgroup.freeze && freeze=1; }
    mkdir "$dir"
    echo "$freeze" >"$dir/$file"
    config ".linux.cgroupsPath = \"/frozen-$$/x\""
    run timeout 20 "$SC_OCI" --root "$root" run --bundle "$bundle" "$id"
    # What hangs there can end only after a thaw.
    if [ "$freeze" = 1 ]; then echo 0; else echo THAWED; fi >"$dir/$file"
    find /sys/fs/cgroup -depth -path "*/frozen-$$*" -type d -exec rmdir {} + || true
    [ "$status" -eq 255 ]
    [[ "$output" == *"a cgroup above it is frozen"* ]]
}

# Defences: the check of cgroupsPath in oci/validate-linux.c, and sc_cgroup_path; it takes both being out to fail.
# any-kernel: seen in the config
@test "a cgroup path with .. is refused" {
    local path
    for path in ../x /../x /a/../../x a/.. ..; do
        config ".linux.cgroupsPath = \"$path\""
        refused ".."
    done
}
