#!/usr/bin/env bats
# Attacks from a container's or an image's content. "Taken out" says which part of the defence was taken out of the source
# to see that the test fails without it.
load helpers

setup()
{
    sc_setup
    [ "$(id -u)" -eq 0 ] || skip "root is what they attack"
    compile "$TESTS/attack.c" "$BATS_FILE_TMPDIR/attack"
}

# hostile_image NAME DIR [CHANGE...]: imports DIR, with the attack program in it
hostile_image()
{
    local name=$1 dir=$2 change changes=()
    shift 2
    for change in "$@"; do
        changes+=(-c "$change")
    done
    mkdir -p "$dir/bin"
    cp "$BATS_FILE_TMPDIR/attack" "$dir/bin/attack"
    cp "$(type -P busybox)" "$dir/bin/busybox"
    ln -sf busybox "$dir/bin/sh"
    sc_ok import "${changes[@]}" "$dir" "$name"
}

# Taken out: the re-execution in sc_self_protect (src/runtime/self.c): the attack wrote to the copy of sc.
@test "attack: #!/proc/self/exe runs the engine inside, and it cannot be overwritten (CVE-2019-5736)" {
    local bin=$BATS_TEST_TMPDIR/bin image=$BATS_TEST_TMPDIR/image sum
    mkdir "$bin"
    find "$SC_BIN" -maxdepth 1 -type f -perm /111 -exec cp -t "$bin" {} +
    # what the engine needs to run in there, as an attacker would bring it
    sc_ok image from-host -t evil "$bin/sc" sleep
    mkdir "$image"
    printf '#!/proc/self/exe\n' >"$image/evil"
    chmod 755 "$image/evil"
    sum=$(sha256sum <"$bin/sc")
    mkfifo "$image/fifo"
    # SYS_PTRACE, so that being undumpable alone does not hide the engine
    sc_ok run -d --name box --cap-add SYS_PTRACE -v "$image:/image" -v "$BATS_FILE_TMPDIR/attack:/attack:ro" evil /attack overwrite /image/seen
    for _ in 1 2 3; do
        run "$bin/sc" exec box /image/evil
        [ "$status" -ne 0 ]
    done
    # the engine in there waits for the pipe's writer, so that the attack cannot miss it
    "$bin/sc" exec box /proc/self/exe run --env-file /image/fifo none 3>&- &
    wait_until test -e "$image/seen"
    timeout "$SC_DEADLINE" sh -c 'echo A=1 >"$0"' "$image/fifo"
    wait $! || true
    sc_ok stop -t "$SC_DEADLINE" box
    run_sc logs box
    is "$output" "seen some, written 0"
    is "$(sha256sum <"$bin/sc")" "$sum"
    sc_ok rm box
    sc_ok rmi evil
}

# Taken out: sc_path_make in step_cwd (src/runtime/steps-process.c), a plain open in its place, without the getcwd check.
@test "attack: an image's WorkingDir leads to no descriptor of the engine (CVE-2024-21626)" {
    local n
    mkdir "$BATS_TEST_TMPDIR/image"
    for n in 3 5 7 8 9 11; do
        hostile_image "cwd:$n" "$BATS_TEST_TMPDIR/image" "WORKDIR /proc/self/fd/$n"
        run_sc run --rm "cwd:$n" /bin/sh -c '/bin/busybox cat ../../../../etc/hostname; /bin/busybox ls ..'
        expect_error 125 "--workdir: "
        is "$output" ""
    done
}

# Taken out: step_close_fds (src/runtime/steps-process.c): 9 was there, and the launcher's own.
@test "attack: exec passes no descriptor, variable or group of its caller" {
    sc_ok run -d --name box base sleep 1000
    echo secret >"$BATS_TEST_TMPDIR/secret"
    exec 9<"$BATS_TEST_TMPDIR/secret"
    export SECRET_TOKEN=hunter2
    # 3 is the directory that ls itself reads
    run_sc exec box sh -c 'ls /proc/self/fd | tr "\n" " "; env | grep -c SECRET; grep Groups /proc/self/status | tr -d "[:space:]"'
    exec 9<&-
    is "$output" $'0 1 2 3 0\nGroups:0'
    sc_ok rm -f box
}

# Taken out: /proc/timer_list of the masked paths in src/engine/spec-security.c; the test named it.
@test "attack: each path of the baseline that this kernel has is masked or read-only" {
    local path inside
    sc_ok run -d --name box base sleep 1000
    inside=$(awk '{ print $5 }' "/proc/$(container_pid box)/mountinfo")
    for path in /proc/{acpi,asound,interrupts,kcore,keys,latency_stats,sched_debug,scsi,timer_list,timer_stats} \
        /sys/firmware /sys/devices/virtual/powercap /sys/devices/system/cpu/cpu[0-9]*/thermal_throttle; do
        [ -e "$path" ] || continue
        grep -qxF "$path" <<<"$inside" || show_last "not masked: $path"
        if [ -d "$path" ]; then
            sc_ok exec box sh -c "ls $path | wc -l"
        else
            sc_ok exec box sh -c "wc -c <$path"
        fi
        is "$output" 0
    done
    for path in /proc/{bus,fs,irq,sys,sysrq-trigger}; do
        [ -e "$path" ] || continue
        awk -v p="$path" '$5 == p && $6 ~ /^ro/ { found = 1 } END { exit !found }' "/proc/$(container_pid box)/mountinfo" ||
            show_last "not read-only: $path"
    done
    sc_ok rm -f box
}

# Taken out: the tmpfs on /dev (src/engine/spec-mounts.c): the node could not be made over the image's; and with it the
# comparison in step_node (src/runtime/steps-mount.c): the mask, which looks at the node again, was refused.
# any-kernel: it is refused before the kernel is asked
@test "attack: the image's /dev/null is not what masks" {
    local image=$BATS_TEST_TMPDIR/image kind
    for kind in file link; do
        rm -rf "$image"
        mkdir -p "$image/dev" "$image/etc"
        if [ "$kind" = file ]; then
            echo planted >"$image/dev/null"
        else
            echo planted >"$image/etc/planted"
            ln -s /etc/planted "$image/dev/null"
        fi
        hostile_image "null:$kind" "$image"
        sc_ok run --rm "null:$kind" /bin/sh -c '/bin/busybox cat /proc/keys /proc/timer_list; /bin/busybox stat -c %t:%T /dev/null'
        is "$output" 1:3
    done
}

# Taken out: RESOLVE_IN_ROOT in path_open (src/kernel/path.c), paths relative in its place: files appeared in the victim.
@test "attack: links of the image in place of /proc, /sys, /dev and /etc/hosts end in the container" {
    local victim=$BATS_TEST_TMPDIR/victim name image before
    mkdir "$victim"
    echo precious >"$victim/hosts"
    before=$(find "$victim" -printf '%P %s %T@ %m\n' | sort)
    for name in proc sys dev etc; do
        image=$BATS_TEST_TMPDIR/image-$name
        mkdir "$image"
        case $name in
        proc | etc) ln -s "$victim" "$image/$name" ;;
        *) ln -s "../../../../../../../../../..$victim" "$image/$name" ;;
        esac
        hostile_image "link-$name:1" "$image"
        # it runs with the link followed inside, or is refused; outside nothing may change
        run_sc run --rm "link-$name:1" /bin/sh -c "echo owned >>/$name/hosts; echo owned >/etc/hosts"
        [ "$status" -le 2 ] || [ "$status" -eq 125 ]
        is "$(find "$victim" -printf '%P %s %T@ %m\n' | sort)" "$before"
    done
    image=$BATS_TEST_TMPDIR/image-hosts
    mkdir -p "$image/etc"
    ln -s "$victim/hosts" "$image/etc/hosts"
    ln -s "../../../../../../../..$victim/hosts" "$image/etc/hostname"
    hostile_image link-hosts:1 "$image"
    run_sc run --rm link-hosts:1 /bin/sh -c 'echo owned >>/etc/hosts; echo owned >>/etc/hostname'
    is "$(cat "$victim/hosts")" precious
}

# Taken out: keyctl was put among the calls that src/kernel/seccomp-profile.c allows.
@test "attack: calls that reach the host's kernel are refused" {
    [ "$(uname -m)" = x86_64 ] || skip "system call numbers of x86_64"
    mkdir "$BATS_TEST_TMPDIR/image"
    hostile_image calls:1 "$BATS_TEST_TMPDIR/image"
    # mount umount2 pivot_root unshare setns init_module kexec_load reboot swapon add_key request_key keyctl bpf
    # perf_event_open userfaultfd ptrace(PEEK of pid 1's parent) open_by_handle_at settimeofday acct fsopen move_mount
    sc_ok run --rm calls:1 /bin/sh -c 'for n in 165 166 155 272 308 175 246 169 167 248 249 250 321 298 323 304 164 163 430 429; do
        /bin/attack call $n 0 0 0 0 0; done'
    is "$(cut -d' ' -f2 <<<"$output" | sort | uniq -c | tr -s ' ')" " 20 EPERM"
    sc_ok run --rm calls:1 /bin/attack call 41 0x100000028 1 0
    is "$output" "41 EPERM"
    # the same calls without the filter are answered by the kernel: it was the filter
    sc_ok run --rm --security-opt seccomp=unconfined calls:1 /bin/attack call 250 999 0 0
    is "$output" "250 EOPNOTSUPP"
}

# Taken out: the prctl of step_no_new_privs (src/runtime/steps-process.c): the second run printed 0.
@test "attack: with no-new-privileges a setuid program gives nothing" {
    mkdir -p "$BATS_TEST_TMPDIR/image/bin"
    cp "$BATS_FILE_TMPDIR/attack" "$BATS_TEST_TMPDIR/image/bin/su"
    chmod 4755 "$BATS_TEST_TMPDIR/image/bin/su"
    hostile_image suid:1 "$BATS_TEST_TMPDIR/image"
    sc_ok run --rm -u 1000 suid:1 /bin/su euid
    is "$output" 0
    sc_ok run --rm -u 1000 --security-opt no-new-privileges suid:1 /bin/su euid
    is "$output" 1000
}

# Taken out: step_null_fds (src/runtime/steps-process.c): the host's /dev/null had group 4242. The group is what is tried,
# since it harms nobody while it is wrong.
@test "attack: descriptors 0 to 2 do not lead to the host's /dev/null" {
    local before
    before=$(stat -c '%g %a' /dev/null)
    run_sc run --rm base chgrp 4242 /proc/self/fd/0 </dev/null
    sc_ok run -d --name box base sleep 1000
    run_sc exec box chgrp 4242 /proc/self/fd/0 </dev/null
    is "$output" ""
    "$SC" exec -i box chgrp 4242 /proc/self/fd/0 </dev/null
    "$SC" exec -i box sh -c 'chgrp 4242 /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2' </dev/null >/dev/null 2>&1
    run stat -c '%g %a' /dev/null
    busybox chgrp "${before% *}" /dev/null
    is "$output" "$before"
    # what a container puts in its place is not opened: neither waited for nor followed
    sc_ok exec box sh -c 'rm /dev/null && mkfifo /dev/null'
    run_sc exec box true </dev/null
    expect_error 1 "take the container's /dev/null: no such device"
    sc_ok rm -f box
}

# Taken out: what follows the first pivot_to in sc_mount_pivot (src/kernel/mount.c): exec saw the host's files, and the
# climb ended above its root. Nothing may be unmounted where the mounts are shared, either.
@test "attack: in a chroot neither exec nor a climb leads to the host's files" {
    mkdir "$BATS_TEST_TMPDIR/root"
    run_split unshare -m --propagation slave sh -c 'mount --make-rshared / && mount --bind "$1" "$1" && cd "$1" || exit
        for path in /*; do
            if [ -L "$path" ]; then cp -P "$path" .; elif [ -d "$path" ]; then mkdir ".$path" && mount --rbind "$path" ".$path"; fi
        done
        touch only-the-chroot
        before=$(grep -c . /proc/self/mountinfo)
        chroot . sh -ec "\"\$0\" run -d --name box --network none -v \"\$1:/attack:ro\" base sleep 1000 >/dev/null
            \"\$0\" exec box sh -c \"ls -d /work /only-the-chroot /attack 2>/dev/null\" || true
            \"\$0\" exec box /attack above
            \"\$0\" rm -f box >/dev/null" "$0" "$2"
        [ "$(grep -c . /proc/self/mountinfo)" -eq "$before" ] && echo "nothing unmounted"' \
        "$SC" "$BATS_TEST_TMPDIR/root" "$BATS_FILE_TMPDIR/attack"
    is "$output" $'/attack\nits own root\nnothing unmounted'
}

# Taken out: the closed list, by taking "Privileged" of the image's config for the flag: every capability, no filter.
# any-kernel: no call is made
@test "attack: image metadata beyond the closed list changes nothing" {
    local image=$BATS_TEST_TMPDIR/image work=$BATS_TEST_TMPDIR/work plain
    mkdir -p "$image/bin" "$work"
    cp "$(type -P busybox)" "$image/bin/busybox"
    ln -s busybox "$image/bin/sh"
    tar -C "$image" -cf "$work/layer.tar" .
    jq -n --arg diff "sha256:$(sha256sum <"$work/layer.tar" | cut -d' ' -f1)" '{architecture: "amd64", os: "linux",
        rootfs: {type: "layers", diff_ids: [$diff]},
        config: {Cmd: ["/bin/busybox", "grep", "-E", "^(Cap|Seccomp:|NoNewPrivs|Groups)", "/proc/self/status"],
            Privileged: true, CapAdd: ["ALL"], SecurityOpt: ["seccomp=unconfined"], NetworkMode: "host", PidMode: "host",
            Binds: ["/:/host"], Devices: ["/dev/mem"], MaskedPaths: [], ReadonlyPaths: [],
            HostConfig: {Privileged: true, CapAdd: ["ALL"], Binds: ["/:/host"]}},
        host_config: {Privileged: true}}' >"$work/config.json"
    echo '[{"Config":"config.json","RepoTags":["greedy:1"],"Layers":["layer.tar"]}]' >"$work/manifest.json"
    tar -C "$work" -cf "$work/image.tar" manifest.json config.json layer.tar
    sc_ok load -i "$work/image.tar"
    sc_ok run --rm greedy:1
    plain=$("$SC" run --rm base grep -E '^(Cap|Seccomp:|NoNewPrivs|Groups)' /proc/self/status)
    is "$output" "$plain"
    sc_ok run --rm greedy:1 /bin/sh -c '[ ! -e /host ] && [ ! -e /dev/mem ] && /bin/busybox wc -c </proc/timer_list'
    is "$output" 0
}

@test "attack: nobody but root comes by a setuid program that a container leaves in its root or a volume" {
    local id
    rm -rf "$SC_DATA_ROOT" "$SC_RUN_ROOT"
    sc_ok volume create made
    sc_ok run --name planter -v made:/m -v vol:/v base sh -c 'for to in / /m/ /v/; do cp /bin/busybox ${to}plant; chmod 4755 ${to}plant; done'
    id=$("$SC" inspect -f '{{.Id}}' planter)
    [ -u "$SC_DATA_ROOT/container/$id/upper/plant" ]
    is "$(cd "$SC_DATA_ROOT" && stat -c '%a %n' . * volume/* "container/$id" | grep -v '^[0-7]00 ')" ''
    is "$(cd "$SC_RUN_ROOT" && stat -c '%a %n' . * | grep -v '^[0-7]00 ')" ''
}
