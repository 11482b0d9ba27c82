# config.md "Mounts" and config-linux.md's parts that are done by mounting: what the container then sees.
load helpers

setup()
{
    sc_setup
    b=$BATS_TEST_TMPDIR/bundle
}

# in_bundle JQ COMMAND: runs COMMAND by sh in a container of the bundle changed by the filter
in_bundle()
{
    [ -e "$b/config.json" ] || make_bundle "$b"
    jq --arg cmd "$2" "($1) | .process.args = [\"sh\", \"-c\", \$cmd]" "$TESTS/bundle.json" >"$b/config.json"
    run_oci --root "$SC_RUN_ROOT/oci" run --bundle "$b" "t$$"
}

# The options of the mount on a place, first of the mount and then of its file system.
options='opts() { awk -v m="$1" '\''$5 == m { split($0, s, " - "); n = split(s[2], t, " "); print $6 ";" t[n] }'\'' /proc/self/mountinfo; }; '
mount_on()
{
    jq -nc --arg d "$1" --arg t "$2" --arg s "$3" '{destination: $d, type: $t, source: $s, options: ($ARGS.positional)}' \
        --args -- "${@:4}"
}

@test "mount options: flags of a file system reach the kernel" {
    in_bundle ".mounts += [$(mount_on /tmp tmpfs t ro nosuid nodev noexec noatime nodiratime sync dirsync lazytime nosymfollow size=1m mode=700)]" \
        "$options opts /tmp"
    expect 0
    for word in ro nosuid nodev noexec noatime nodiratime nosymfollow; do
        matches ",${output%%;*}," ",$word,"
    done
    matches ",${output##*;}," ",sync,.*"
    matches ",${output##*;}," ",dirsync,"
    matches ",${output##*;}," ",size=1024k,"
    matches ",${output##*;}," ",mode=700,"
    in_bundle ".mounts += [$(mount_on /tmp tmpfs t rro rnosuid rnodev rnoexec)]" "$options opts /tmp"
    expect 0
    is "${output%%;*}" "ro,nosuid,nodev,noexec,relatime"
}

@test "mounts: nothing is mounted over the root itself, and the error says so" {
    local kind
    for kind in tmpfs bind; do
        in_bundle ".mounts = [$(mount_on / $kind /srv)] + .mounts" true
        expect_error 255 'mounts[0]: mount on "/": the root itself is what root.path names'
    done
}

# any-kernel: the order of what is asked for
@test "mount options: the later of two contrary words wins" {
    in_bundle ".mounts += [$(mount_on /tmp tmpfs t ro nosuid nodev noexec nosymfollow noatime rw suid dev exec symfollow atime)]" \
        "$options opts /tmp"
    expect 0
    is "${output%%;*}" "rw,relatime"
    in_bundle ".mounts += [$(mount_on /tmp tmpfs t strictatime)]" "$options opts /tmp"
    is "${output%%;*}" "rw"
}

@test "mount options: attributes of a bind mount, alone and of all below it" {
    mkdir -p "$BATS_TEST_TMPDIR/src/below"
    mount -t tmpfs below "$BATS_TEST_TMPDIR/src/below"
    in_bundle ".mounts += [$(mount_on /tmp none "$BATS_TEST_TMPDIR/src" rbind ro nosuid)]" "$options opts /tmp; opts /tmp/below"
    umount "$BATS_TEST_TMPDIR/src/below"
    expect 0
    matches "${lines[0]%%;*}" "^ro,nosuid,"
    matches "${lines[1]%%;*}" "^rw,"

    mount -t tmpfs below "$BATS_TEST_TMPDIR/src/below"
    in_bundle ".mounts += [$(mount_on /tmp none "$BATS_TEST_TMPDIR/src" rbind rro rnosuid rnodev rnoexec rnosymfollow rnoatime rnodiratime)]" \
        "$options opts /tmp; opts /tmp/below"
    umount "$BATS_TEST_TMPDIR/src/below"
    expect 0
    is "${lines[0]%%;*}" "ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow"
    is "${lines[1]%%;*}" "ro,nosuid,nodev,noexec,noatime,nodiratime,nosymfollow"

    mount -t tmpfs -o ro,nosuid,nodev,noexec below "$BATS_TEST_TMPDIR/src/below"
    in_bundle ".mounts += [$(mount_on /tmp none "$BATS_TEST_TMPDIR/src" rbind rrw rsuid rdev rexec rsymfollow rstrictatime)]" \
        "$options opts /tmp; opts /tmp/below"
    umount "$BATS_TEST_TMPDIR/src/below"
    expect 0
    is "${lines[1]%%;*}" "rw"
}

@test "mount options: bind leaves out what is mounted below the source, rbind takes it along" {
    mkdir -p "$BATS_TEST_TMPDIR/src/below"
    mount -t tmpfs below "$BATS_TEST_TMPDIR/src/below"
    touch "$BATS_TEST_TMPDIR/src/below/seen"
    in_bundle ".mounts += [$(mount_on /tmp bind "$BATS_TEST_TMPDIR/src" bind)]" "ls /tmp/below"
    is "$status:$output" "0:"
    in_bundle ".mounts += [$(mount_on /tmp bind "$BATS_TEST_TMPDIR/src" rbind)]" "ls /tmp/below"
    umount "$BATS_TEST_TMPDIR/src/below"
    is "$status:$output" "0:seen"
}

@test "mount options: remount changes a mount that is there" {
    in_bundle ".mounts += [$(mount_on /tmp tmpfs t), {destination: \"/tmp\", options: [\"bind\", \"remount\", \"ro\", \"nosuid\", \"noexec\"]}]" "$options opts /tmp"
    expect 0
    matches "${output%%;*}" "^ro,nosuid,noexec"
    in_bundle ".mounts += [$(mount_on /tmp tmpfs t size=1m), {destination: \"/tmp\", options: [\"remount\", \"size=2m\"]}]" "$options opts /tmp"
    expect 0
    matches ",${output##*;}," ",size=2048k,"
}

@test "mounts: a read-only /dev has its devices" {
    in_bundle '(.mounts[] | select(.destination == "/dev")).options += ["ro"]' 'echo x >/dev/null; [ -c /dev/tty ] && touch /dev/x'
    expect 1
    expect_stderr "Read-only file system"
}

@test "mount options: propagation of each mount" {
    mkdir "$BATS_TEST_TMPDIR/src"
    for word in private slave shared unbindable; do
        in_bundle ".mounts += [$(mount_on /tmp bind "$BATS_TEST_TMPDIR/src" rbind "r$word"), $(mount_on /run tmpfs t "$word")]" \
            "awk '\$5 == \"/tmp\" || \$5 == \"/run\" { print \$7 }' /proc/self/mountinfo"
        expect 0
        case $word in
            shared) matches "${lines[0]}" "^shared:" && matches "${lines[1]}" "^shared:" ;;
            unbindable) is "$output" $'unbindable\nunbindable' ;;
            *) matches "${lines[1]}" "^-$" ;;
        esac
    done
}

@test "mounts: what is shared with the host goes both ways, what is a slave one way" {
    mkdir "$BATS_TEST_TMPDIR/src"
    mount -t tmpfs src "$BATS_TEST_TMPDIR/src"
    mount --make-shared "$BATS_TEST_TMPDIR/src"
    mkdir "$BATS_TEST_TMPDIR"/src/{in,out}
    caps='.process.capabilities[] += ["CAP_SYS_ADMIN"]'
    for word in rshared rslave rprivate; do
        make_bundle "$b" "$caps | .mounts += [$(mount_on /tmp bind "$BATS_TEST_TMPDIR/src" rbind $word)] |
            .process.args = [\"sh\", \"-c\", \"mount -t tmpfs in /tmp/in && touch /tmp/ready; while [ ! -e /tmp/go ]; do sleep 0.05; done; grep -c /tmp/out /proc/self/mountinfo\"]"
        "$SC_OCI" --root "$SC_RUN_ROOT/oci" run --bundle "$b" p$word >"$BATS_TEST_TMPDIR/seen" 3>&- &
        local pid=$!
        wait_until test -e "$BATS_TEST_TMPDIR/src/ready"
        grep -c " $BATS_TEST_TMPDIR/src/in " /proc/self/mountinfo >"$BATS_TEST_TMPDIR/host" || true
        mount -t tmpfs out "$BATS_TEST_TMPDIR/src/out"
        touch "$BATS_TEST_TMPDIR/src/go"
        wait $pid || true
        echo "$word $(cat "$BATS_TEST_TMPDIR/host") $(cat "$BATS_TEST_TMPDIR/seen")" >>"$BATS_TEST_TMPDIR/result"
        umount "$BATS_TEST_TMPDIR/src/out"
        umount "$BATS_TEST_TMPDIR/src/in" 2>/dev/null || true
        rm "$BATS_TEST_TMPDIR"/src/{ready,go}
    done
    umount "$BATS_TEST_TMPDIR/src"
    is "$(cat "$BATS_TEST_TMPDIR/result")" $'rshared 1 1\nrslave 0 1\nrprivate 0 0'
}

# any-kernel: binds are those of every kernel
@test "mounts: of a file, a socket, a link's target, a descriptor" {
    mkdir -p "$BATS_TEST_TMPDIR/src"
    echo file >"$BATS_TEST_TMPDIR/src/file"
    ln -s file "$BATS_TEST_TMPDIR/src/link"
    python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$BATS_TEST_TMPDIR/src/sock"
    in_bundle ".mounts += [$(mount_on /etc/a/b bind "$BATS_TEST_TMPDIR/src/file" bind), $(mount_on /etc/l bind "$BATS_TEST_TMPDIR/src/link" bind),
        $(mount_on /etc/s bind "$BATS_TEST_TMPDIR/src/sock" bind)]" 'cat /etc/a/b /etc/l; [ -S /etc/s ] && echo socket'
    is "$status:$output" $'0:file\nfile\nsocket'
    exec 7<"$BATS_TEST_TMPDIR/src"
    in_bundle ".mounts += [$(mount_on /tmp bind /proc/self/fd/7 bind ro)]" 'cat /tmp/file'
    exec 7<&-
    is "$status:$output" "0:file"
}

# any-kernel: the order of what is asked for
@test "mounts: a relative destination starts at the root, a relative source at the bundle" {
    mkdir -p "$b/data"
    echo here >"$b/data/file"
    in_bundle ".mounts += [$(mount_on tmp/x bind data bind)]" 'cat /tmp/x/file'
    is "$status:$output" "0:here"
}

# any-kernel: the order of what is asked for
@test "mounts: in the order they are listed" {
    in_bundle ".mounts += [$(mount_on /tmp tmpfs first), $(mount_on /tmp/in tmpfs second), $(mount_on /tmp/in tmpfs third)]" \
        "awk '\$5 ~ \"^/tmp\" { print \$5, \$(NF-1) }' /proc/self/mountinfo"
    is "$status:$output" $'0:/tmp first\n/tmp/in second\n/tmp/in third'
}

@test "mounts: a link of the image that points nowhere is made inside the root" {
    make_bundle "$b"
    ln -s ../run/made/resolv.conf "$b/rootfs/etc/resolv.conf"
    ln -s /../../../made/dir "$b/rootfs/etc/dir"
    echo "nameserver 1" >"$BATS_TEST_TMPDIR/resolv"
    in_bundle ".mounts += [$(mount_on /etc/resolv.conf bind "$BATS_TEST_TMPDIR/resolv" bind), $(mount_on /etc/dir/sub tmpfs t)]" \
        "cat /run/made/resolv.conf; grep -c ' /made/dir/sub ' /proc/self/mountinfo"
    is "$status:$output" $'0:nameserver 1\n1'
    [ ! -e /made ]
    rm -f "$b/rootfs/etc/loop"
    ln -s loop "$b/rootfs/etc/loop"
    in_bundle ".mounts += [$(mount_on /etc/loop tmpfs t)]" true
    expect_error 255 "too many levels of symbolic links"
}

# any-kernel: the copy is ours
@test "tmpcopyup: the tmpfs begins with what it covers, the image stays as it is" {
    make_bundle "$b"
    mkdir -p "$b/rootfs/etc/sub/deep"
    echo deep >"$b/rootfs/etc/sub/deep/file"
    chmod 4750 "$b/rootfs/etc/sub/deep/file"
    chown 3:4 "$b/rootfs/etc/sub/deep"
    ln -s /nowhere "$b/rootfs/etc/sub/link"
    mkfifo -m 640 "$b/rootfs/etc/sub/fifo"
    setfattr -n trusted.mark -v yes "$b/rootfs/etc/sub"
    touch -d '2001-02-03' "$b/rootfs/etc/sub/deep/file"
    chmod 711 "$b/rootfs/etc"
    in_bundle ".root.readonly = false | .mounts += [$(mount_on /etc tmpfs t tmpcopyup)]" \
        'cat /etc/sub/deep/file; stat -c "%a %u %g %F" /etc /etc/sub/deep/file /etc/sub/deep /etc/sub/fifo; readlink /etc/sub/link
        stat -c %y /etc/sub/deep/file | cut -c1-10; echo changed >/etc/sub/deep/file; rm /etc/passwd'
    is "$status:$output" $'0:deep\n711 0 0 directory\n4750 0 0 regular file\n755 3 4 directory\n640 0 0 fifo\n/nowhere\n2001-02-03'
    is "$(cat "$b/rootfs/etc/sub/deep/file")" deep
    [ -e "$b/rootfs/etc/passwd" ]
    in_bundle ".mounts += [$(mount_on /etc tmpfs t tmpcopyup ro)]" 'cat /etc/sub/deep/file; touch /etc/new'
    expect 1
    expect_output deep
    expect_stderr "Read-only file system"
}

@test "tmpcopyup: a link in what is covered leads to nothing of the host" {
    make_bundle "$b"
    rm -rf "$b/rootfs/srv"
    ln -s /etc "$b/rootfs/srv"
    in_bundle ".mounts += [$(mount_on /srv tmpfs t tmpcopyup)]" 'ls /etc; ls -d /srv'
    expect 0
    expect_output passwd
    expect_no_output shadow
}

@test "a tmpfs without a mode has that of the directory it covers" {
    make_bundle "$b"
    mkdir "$b/rootfs/odd"
    chmod 2751 "$b/rootfs/odd"
    in_bundle ".mounts += [$(mount_on /odd tmpfs t), $(mount_on /fresh tmpfs t)] | .root.readonly = false" 'stat -c %a /odd /fresh'
    is "$status:$output" $'0:2751\n1777'
}

@test "idmap: a mount's own maps, in both directions" {
    mkdir -p "$BATS_TEST_TMPDIR/src/below"
    chown 5:6 "$BATS_TEST_TMPDIR/src"
    maps='"uidMappings": [{"containerID": 0, "hostID": 1000, "size": 100}], "gidMappings": [{"containerID": 0, "hostID": 2000, "size": 100}]'
    in_bundle ".mounts += [$(mount_on /tmp bind "$BATS_TEST_TMPDIR/src" bind idmap) + {$maps}]" 'stat -c "%u %g" /tmp'
    is "$status:$output" "0:1005 2006"
    # Of a file system that had idmapped mounts before 6.3, as tmpfs had not.
    mkdir "$BATS_TEST_TMPDIR/other"
    mount --bind "$BATS_TEST_TMPDIR/other" "$BATS_TEST_TMPDIR/src/below"
    chown 7:8 "$BATS_TEST_TMPDIR/src/below"
    in_bundle ".mounts += [$(mount_on /tmp bind "$BATS_TEST_TMPDIR/src" rbind idmap) + {$maps}]" 'stat -c "%u %g" /tmp /tmp/below'
    cp "$BATS_TEST_TMPDIR/bundle/config.json" "$BATS_TEST_TMPDIR/first"
    local plain="$status:$output"
    in_bundle ".mounts += [$(mount_on /tmp bind "$BATS_TEST_TMPDIR/src" rbind ridmap) + {$maps}]" 'stat -c "%u %g" /tmp /tmp/below'
    umount "$BATS_TEST_TMPDIR/src/below"
    is "$plain" $'0:1005 2006\n7 8'
    is "$status:$output" $'0:1005 2006\n1007 2008'
}

@test "idmap: the container's maps where the mount has none" {
    mkdir -p "$BATS_TEST_TMPDIR/src"
    chmod 711 "$BATS_TEST_TMPDIR"
    make_bundle "$b"
    chown -R 100000:100000 "$b/rootfs"
    local user='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}] | .linux.gidMappings = .linux.uidMappings'
    in_bundle "$user | .mounts += [$(mount_on /tmp bind "$BATS_TEST_TMPDIR/src" bind), $(mount_on /run bind "$BATS_TEST_TMPDIR/src" bind idmap)]" \
        'stat -c "%u %g" /tmp /run; touch /run/made'
    is "$status:$output" $'0:65534 65534\n0 0'
    is "$(stat -c %u "$BATS_TEST_TMPDIR/src/made")" 0
}

@test "cgroup mounts: of type cgroup and cgroup2, with and without a cgroup namespace" {
    [ "$(cgroup_mode)" != v2 ] || skip "the view of v1"
    in_bundle . 'ls /sys/fs/cgroup; cat /proc/self/cgroup | cut -d: -f3 | sort -u; cat /sys/fs/cgroup/memory/tasks | wc -l'
    expect 0
    expect_output memory
    expect_output $'\n/\n'
    in_bundle '.linux.namespaces |= map(select(.type != "cgroup"))' \
        'grep -c . /sys/fs/cgroup/memory/tasks; grep memory /proc/self/cgroup; touch /sys/fs/cgroup/x'
    expect 1
    matches "${lines[0]}" "^[123]$"
    expect_stderr "Read-only file system"
    [ "$(cgroup_mode)" = hybrid ] || return 0
    in_bundle ".mounts += [$(mount_on /tmp cgroup2 cgroup2 ro)]" 'cat /tmp/cgroup.procs | grep -c .; stat -fc %T /tmp 2>/dev/null || true'
    expect 0
    matches "${lines[0]}" "^[123]$"
}

@test "rootfsPropagation: as asked for, and never the host's" {
    for word in private slave shared unbindable; do
        in_bundle ".linux.rootfsPropagation = \"$word\" | .process.capabilities[] += [\"CAP_SYS_ADMIN\"]" \
            "awk '\$5 == \"/\" { print \$7 }' /proc/self/mountinfo; mount -t tmpfs t /tmp; sleep 0.1"
        expect 0
        case $word in
            shared) matches "$output" "^shared:" ;;
            unbindable) is "$output" unbindable ;;
            private) is "$output" "-" ;;
        esac
        run ! grep -q "$b/rootfs/tmp" /proc/self/mountinfo
    done
}

@test "rootfsPropagation slave: what the host mounts below the root shows inside" {
    make_bundle "$b"
    mount --bind "$b/rootfs" "$b/rootfs"
    mount --make-shared "$b/rootfs"
    make_bundle "$b" '.linux.rootfsPropagation = "rslave" | .process.args = ["sh", "-c", "while ! grep -q /tmp/late /proc/self/mountinfo; do sleep 0.05; done; echo seen"]'
    mkdir "$b/rootfs/tmp/late"
    "$SC_OCI" --root "$SC_RUN_ROOT/oci" run --bundle "$b" late >"$BATS_TEST_TMPDIR/seen" 3>&- &
    local pid=$!
    wait_until "$SC_OCI" --root "$SC_RUN_ROOT/oci" state late
    wait_until sh -c "'$SC_OCI' --root '$SC_RUN_ROOT/oci' state late | grep -q running"
    mount -t tmpfs late "$b/rootfs/tmp/late"
    wait $pid
    umount "$b/rootfs/tmp/late" "$b/rootfs"
    is "$(cat "$BATS_TEST_TMPDIR/seen")" seen
}

@test "maskedPaths: of files, directories and what is absent; readonlyPaths" {
    make_bundle "$b"
    mkdir "$b/rootfs/etc/secrets"
    echo secret | tee "$b/rootfs/etc/secret" >"$b/rootfs/etc/secrets/one"
    in_bundle '.root.readonly = false | .linux.maskedPaths = ["/etc/secret", "/etc/secrets", "/etc/absent", "/etc/passwd/x"] | .linux.readonlyPaths = ["/etc/group", "/tmp", "/absent"]' \
        'cat /etc/secret; ls /etc/secrets; echo x >/etc/ok; echo x >/etc/group; echo x >/tmp/x; touch /etc/secrets/x; echo end'
    is "$status:$output" "0:end"
    is "$(grep -c "Read-only file system" <<<"$stderr")" 3
    is "$(cat "$b/rootfs/etc/ok")" x
}

@test "root readonly: the root alone, not what is mounted in it" {
    in_bundle ".root.readonly = true | .mounts += [$(mount_on /tmp tmpfs t)]" 'touch /tmp/x && touch /x'
    expect 1
    expect_stderr "Read-only file system"
    in_bundle '.root.readonly = false' 'touch /x'
    expect 0
    [ -e "$b/rootfs/x" ]
}

@test "labels: SELinux's are refused where the kernel has none" {
    [ ! -d /sys/fs/selinux ] || [ -z "$(ls /sys/fs/selinux)" ] || skip "SELinux is on"
    in_bundle '.linux.mountLabel = "system_u:object_r:container_file_t:s0"' true
    expect_error 255 "linux.mountLabel: SELinux is not enabled on this host"
    in_bundle '.process.selinuxLabel = "system_u:system_r:container_t:s0"' true
    expect_error 255 "process.selinuxLabel: SELinux is not enabled on this host"
}

@test "labels: AppArmor's profile is the program's, one that is not loaded an error; refused where the kernel has none" {
    if [ "$(cat /sys/module/apparmor/parameters/enabled 2>/dev/null)" != Y ]; then
        in_bundle '.process.apparmorProfile = "docker-default"' true
        expect_error 255 "process.apparmorProfile: AppArmor is not enabled on this host"
        return 0
    fi
    in_bundle '.process.apparmorProfile = "unconfined"' 'cat /proc/self/attr/apparmor/current'
    is "$status:$output" "0:unconfined"
    in_bundle '.process.apparmorProfile = "no-such-profile"' true
    expect_error 255 'set the AppArmor label "exec no-such-profile": no such file or directory'
}
