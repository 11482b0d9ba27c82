#!/usr/bin/env bats
# What bad input gets: one line with the cause and the remedy, the right exit code, and nothing left behind (the teardown
# of every test looks). Layers that do harm are in image.bats, full disks in full-disk.bats.
# no-vm: messages, not the kernel
load helpers

# The flags of a command that take a value, as its help has them.
value_flags()
{
    "$SC" "$@" --help | sed -nE 's/^ +(-., )?(--[a-z0-9-]+)(\[=.*| [^ ].*)$/\2/p' | LC_ALL=C sort -u
}

# Everything in the store and of containers, by name.
state()
{
    (cd "$SC_DATA_ROOT" && find . -path './layer/*/*' -prune -o -not -path ./network -print)
}

# ---- flags --------------------------------------------------------------------------------------------

# FLAG|VALUE|what the message says beside the flag. Without a value: any is right, the third column says why.
run_table()
{
    cat <<'END'
--add-host|noaddr|bad format for add-host
--attach|stdlog|must be stdin, stdout or stderr
--blkio-weight|9|between 10 and 1000
--blkio-weight-device|sda:100|bad format for device path
--cap-add|FLY|FLY
--cap-drop|FLY|FLY
--cgroup-conf|memory.high|must be FILE=VALUE
--cgroup-manager|docker|must be cgroupfs, systemd or auto
--cgroup-parent|/a/../../b|".." is not allowed
--cgroupns|other|must be private, host, container:NAME or ns:/PATH
--cidfile|/no/such/dir/id|no such file or directory
--cpu-burst|1000|without a quota
--cpu-idle|perhaps|must be
--cpu-period|1|between 1000 and 1000000
--cpu-quota|1|the least is 1000
--cpu-rt-period|1000001|between 1 and 1000000
--cpu-rt-runtime|-1|must not be negative
--cpu-shares|-1|"-1"
--cpus|1000000|CPUs of this host
--cpuset-cpus|4000|available are
--cpuset-mems|4000|available are
--detach-keys|ctrl-1|is not a key
--device|/no/such/device|no such file or directory
--device|/etc/passwd|it is not a device
--device|/dev/null:/x:q|:rwm
--device-cgroup-rule|c 1:3|must be TYPE MAJOR:MINOR ACCESS
--device-read-bps|/dev/null:fast|invalid rate for device
--device-read-iops|/dev/null:0|invalid rate for device
--device-write-bps|/dev/null:1mb|it is not a block device
--device-write-iops|/no/such/disk:5|no such file or directory
--dns|notanip|is not an IP address
--dns-option|a b|is not one word
--dns-search|a b|is not one word
--domainname|@65|longer than 64 bytes
--entrypoint||a program is looked for in the container, see below
--env|=x|invalid environment variable
--env-file|/no/such/file|no such file or directory
--explain|loud|must be text, json or sh
--expose|99999|must be 1 to 65535
--gidmap|0:1:0|must be CONTAINER:HOST:COUNT
--group-add|nobody-knows|give a number
--hostname|@65|longer than 64 bytes
--io-max|/dev/null:speed=1|is not rbps
--ip|1.2.3|is not an IPv4 address
--ip6|10.0.0.1|is not an IPv6 address
--ipc|ns:/no/such/namespace|no such file or directory
--ipc|container:nowhere|no such container
--kernel-memory|8x|must be a size
--annotation|=x|must be NAME or NAME=VALUE
--label|=x|must be NAME or NAME=VALUE
--label-file|/nosuch|open "/nosuch"
--volumes-from|nosuch|no such container
--health-cmd||the shell says what it is
--health-interval|x|must be a duration
--health-interval|5|must be a duration with its unit
--health-timeout|1m5|must be a duration with its unit
--health-retries|-1|cannot be negative
--health-start-interval|-1s|cannot be negative
--health-start-period|-1s|cannot be negative
--health-timeout|1us|cannot be less than 1ms
--isolation|hyperv|must be default
--log-driver|syslog|must be json-file, local or none
--log-opt|max-size=q|must be a size
--mac-address|zz|is not a MAC address
--memory|1024|the least is 6m
--memory|12x|must be a size
--memory-high|12x|must be a size
--memory-low|12x|must be a size
--memory-min|12x|must be a size
--memory-reservation|12x|must be a size
--memory-swap|64m|set --memory too
--memory-swappiness|101|101
--mount|type=other,target=/x|must be bind, volume or tmpfs
--mount|type=bind,source=/no/such/dir,target=/x|make the directory first
--name|no/slash|use 2 to 200 of a-z A-Z 0-9 _ . -
--net-rate-in|x|is not a rate
--net-rate-out|10q|is not a rate
--network|other|no such network
--network-alias|a/b|only for containers in user defined networks
--oom-score-adj|1001|1001
--pid|ns:/etc/passwd|"/etc/passwd" is not a pid namespace
--pids-limit|-5|-1 for no limit
--platform|linux/s390x/v9|this machine cannot run it
--platform|a/b/c/d|invalid platform
--proc-view|perhaps|must be auto, on, full or off
--publish|70000:80|must be 1 to 65535
--pull|sometimes|give missing, always or never
--restart|on-failures|invalid restart policy 'on-failures'
--rootfs|/no/such/dir|no such file or directory
--security-opt|apparmor=x|give seccomp=FILE
--security-opt|seccomp=/etc/passwd|a value is expected
--shm-size|big|must be a size
--stop-signal|SIGNONE|must be a signal name
--stop-timeout|-5|must be from 0
--sysctl|ip_forward|must be NAME=VALUE
--sysctl|vm.swappiness=1|not of one container but of the whole host
--sysctl|../../x=1|is not the name of a sysctl
--sysctl|kernel.msgmax=many|give a value that the kernel takes
--sysctl|net.ipv4.no_such=1|this kernel has no such parameter
--time-offset|monotonic=soon|must be a duration
--time-offset|monotonic=-900000000|neither go below zero
--tmpfs|relative|must be an absolute path
--uidmap|0:1|must be CONTAINER:HOST:COUNT
--ulimit|nofile=5:1|5
--user|nobody-knows|give a number
--userns|other|must be host, auto
--uts|other|must be private, host
--volume|/a:b|must be absolute
--volume|a/b:/x|an absolute path for a directory of the host
--workdir|relative|a path that starts with /
END
}

# What a message may call a flag: some name what is looked for instead.
called()
{
    case $1 in
    --user) echo 'find user' ;;
    --group-add) echo 'find group' ;;
    --network) echo 'network' ;;
    --name) echo 'invalid container name' ;;
    --workdir) echo 'working directory' ;;
    --mount) echo 'mount' ;;
    --volume) echo 'volume' ;;
    *) echo "$1" ;;
    esac
}

@test "bad input: every flag of run that takes a value refuses a wrong one" {
    is "$(run_table | cut -d'|' -f1 | LC_ALL=C sort -u)" "$(value_flags run)"
    is "$(value_flags create)" "$(value_flags run)"
    sc_ok ps # makes its directories
    before=$(state)
    while IFS='|' read -r flag value says; do
        [ -n "$value" ] || continue
        [ "$value" != @65 ] || value=$(printf 'a%.0s' {1..65})
        run_sc run --rm "$flag=$value" base true
        expect_error 125 "$(called "$flag")"
        expect_stderr "$says"
        is "$output" ''
        is "$(state)" "$before"
    done < <(run_table)
}

@test "bad input: a hard limit above the caller's says what that is" {
    # Without CAP_SYS_RESOURCE nobody raises it; the bounding set passes exec.
    run_split setpriv --bounding-set -sys_resource "$BASH" -c 'ulimit -n 512; exec "$@"' - \
        "$SC" run --rm --security-opt seccomp=unconfined --ulimit nofile=1000000 base true
    last_command='sc run --ulimit nofile=1000000'
    expect_error 125 --ulimit
    expect_stderr 'hard limit is 512'
}

# COMMAND|ARGUMENTS|exit code|message
other_table()
{
    cat <<'END'
attach --detach-keys|one|ctrl-1|1|is not a key
events --filter|--until 0s|frob=x|1|give container=
events --format|--since 1h --until 0s|{{.Nope}}|1|there is no field "Nope"
events --since||soon|1|must be a time
events --until||soon|1|must be a time
exec --detach-keys|one true|ctrl-1|125|is not a key
exec --env|one true|=x|125|invalid environment variable
exec --env-file|one true|/no/such/file|1|no such file or directory
exec --explain|one true|loud|125|must be text
exec --user|one true|nobody-knows|126|find user "nobody-knows"
exec --workdir|one true|relative|126|it is not an absolute path
history --format|base|{{.Nope}}|1|there is no field "Nope"
history --platform|base|frob|1|not for "frob"
images --filter||frob=x|1|give dangling=
images --format||{{.Nope}}|1|there is no field "Nope"
info --format||{{.Nope}}|1|there is no field "Nope"
inspect --format|one|{{|1|"{{" without "}}"
inspect --type|one|frob|1|must be container, image, network or volume
kill --signal|one|SIGNONE|1|must be a signal name
load --input||/no/such/file|1|no such file or directory
load --platform|-i /dev/null|frob|1|it is no image archive
logs --since|one|soon|1|must be a time
logs --tail|one|some|1|"some"
logs --until|one|soon|1|must be a time
ps --filter||frob=x|1|give name=
ps --format||{{.Nope}}|1|there is no field "Nope"
ps --last||some|125|must be a whole number
restart --signal|one|SIGNONE|1|must be a signal name
restart --timeout|one|soon|125|must be a whole number
save --format|-o /dev/null base|frob|1|give docker-archive
save --output|base|/no/such/dir/x.tar|1|no such file or directory
save --platform|-o /dev/null base|frob|1|not for "frob"
start --detach-keys|-a one|ctrl-1|125|is not a key
start --filter||frob=x|1|give name=
start --explain|one|loud|125|must be text
stats --format|--no-stream|{{.Nope}}|1|there is no field "Nope"
stats --since|one|soon|1|must be a time
stop --signal|one|SIGNONE|1|must be a signal name
stop --timeout|one|soon|125|must be a whole number
update --blkio-weight|one|9|1|between 10 and 1000
update --blkio-weight-device|one|sda:100|1|bad format for device path
update --cgroup-conf|one|memory.high|1|must be FILE=VALUE
update --cpu-burst|one|1000|1|without a quota
update --cpu-idle|one|perhaps|1|must be
update --cpu-period|one|1|1|between 1000 and 1000000
update --cpu-quota|one|1|1|the least is 1000
update --cpu-rt-period|one|1000001|1|between 1 and 1000000
update --cpu-rt-runtime|one|-1|1|must not be negative
update --cpu-shares|one|1|1|between 2 and 262144
update --cpus|one|1000000|1|CPUs of this host
update --cpuset-cpus|one|4000|1|available are
update --cpuset-mems|one|4000|1|available are
update --device-read-bps|one|/dev/null:fast|1|invalid rate for device
update --device-read-iops|one|/dev/null:0|1|invalid rate for device
update --device-write-bps|one|/dev/null:1mb|1|it is not a block device
update --device-write-iops|one|/no/such/disk:5|1|no such file or directory
update --io-max|one|/dev/null:speed=1|1|is not rbps
update --kernel-memory|one|8x|125|must be a size
update --memory|one|1024|1|the least is 6m
update --memory-high|one|12x|125|must be a size
update --memory-low|one|12x|125|must be a size
update --memory-min|one|12x|125|must be a size
update --memory-reservation|one|12x|125|must be a size
update --memory-swap|one|64m|1|set --memory too
update --memory-swappiness|one|101|1|101
update --net-rate-in|one|x|1|is not a rate
update --net-rate-out|one|10q|1|is not a rate
update --pids-limit|one|-5|1|-1 for no limit
update --restart|one|alway|1|invalid restart policy 'alway'
version --format||{{.Nope}}|1|there is no field "Nope"
END
}

@test "bad input: flags of the commands on containers and images refuse a wrong value" {
    sc_ok run -d --name one base sleep 1000
    commands=$(other_table | cut -d' ' -f1 | sort -u)
    for command in $commands; do
        is "$command: $(other_table | cut -d'|' -f1 | sed -n "s/^$command //p" | LC_ALL=C sort -u)" "$command: $(value_flags "$command")"
    done
    before=$(state)
    while IFS='|' read -r flag args value code says; do
        # shellcheck disable=SC2086 # words
        run_sc ${flag%% *} "${flag##* }=$value" $args
        expect_error "$code" "$says"
        is "$(state)" "$before"
    done < <(other_table)
    is "$("$SC" inspect -f '{{.State.Status}}' one)" running
    sc_ok rm -f one
}

# ---- names --------------------------------------------------------------------------------------------

@test "bad input: an unknown image, container or volume is named, with where to look" {
    sc_ok ps # makes its directories
    before=$(state)
    for command in 'run --rm' create; do
        # shellcheck disable=SC2086
        run_sc $command --pull never nowhere
        expect_error "$([ "$command" = create ] && echo 1 || echo 125)" 'no such image: "nowhere"'
        expect_stderr 'list what is there with'
    done
    for command in rmi history 'tag nowhere other:1' 'image inspect'; do
        # shellcheck disable=SC2086
        run_sc $command nowhere
        [ "$status" -ne 0 ] || show_last 'expected a failure'
        [[ $command = tag* ]] || expect_error 1 'nowhere'
    done
    for command in start stop kill rm attach logs wait pause unpause top why 'stats --no-stream' 'update --pids-limit 5'; do
        # shellcheck disable=SC2086 # words
        run_sc $command nowhere
        expect 1
        expect_stderr 'no such container: "nowhere"; list all with: sc ps -a'
    done
    run_sc exec nowhere true
    expect_error 1 'no such container: "nowhere"'
    run_sc volume rm nowhere
    expect_error 1 'no such volume: "nowhere"'
    for reference in BASE 'base:!!' 'base@sha256:12' '../base'; do
        run_sc run --rm "$reference" true
        expect_error 125 "invalid reference \"$reference\""
    done
    is "$(state)" "$before"
}

@test "bad input: a name that is taken says by whom; the first holder is untouched" {
    sc_ok run -d --name one base sleep 1000
    id=$output
    before=$(state)
    for command in run 'run -d' 'run --rm' create; do
        # shellcheck disable=SC2086
        run_sc $command --name one base true
        expect_error "$([ "$command" = create ] && echo 1 || echo 125)" "name \"one\" is in use by container"
        expect_stderr "${id:0:12}"
        is "$(state)" "$before"
    done
    sc_ok create --name two base true
    run_sc rename two one
    expect_error 1 '"one"'
    run_sc rm one
    expect_error 1 'stop it first (sc stop one) or use --force'
    is "$("$SC" inspect -f '{{.State.Status}}' one)" running
    sc_ok rm -f one two
}

# ---- programs -------------------------------------------------------------------------------------------

@test "bad input: what cannot be run is explained, by run and by exec alike" {
    data=$BATS_TEST_TMPDIR/programs
    mkdir "$data"
    printf '#!/no/such/interpreter -x\n' >"$data/script"
    printf '#!/etc/passwd\n' >"$data/script-of-text"
    printf '#!\n' >"$data/no-interpreter"
    printf 'hello\n' >"$data/text"
    : >"$data/empty"
    printf '\177ELF\2\1\1' >"$data/damaged"
    cp "$(type -P bash)" "$data/dynamic"
    printf '#!/data/dynamic\n' >"$data/script-of-dynamic"
    # e_machine: IBM S/390
    cp "$data/dynamic" "$data/foreign"
    printf '\026\000' | dd of="$data/foreign" bs=1 seek=18 conv=notrunc status=none
    chmod +x "$data"/*
    cp "$data/dynamic" "$data/mode"
    chmod 644 "$data/mode"
    ln -s loop "$data/loop"
    ln -s nowhere "$data/dangling"
    sc_ok run -d --name one -v "$data:/data" base sleep 1000
    while IFS='|' read -r program code says; do
        run_sc run --rm -v "$data:/data" base "$program"
        expect_error "$code" "$says"
        run_sc exec one "$program"
        expect_error "$code" "$says"
    done <<'END'
/data/script|127|its interpreter "/no/such/interpreter" is missing
/data/dynamic|127|its loader "/lib
/data/script-of-dynamic|127|its loader "/lib
/data/script-of-text|126|its interpreter "/etc/passwd" is not executable
/data/no-interpreter|126|names no interpreter
/data/text|126|neither an ELF program nor a script
/data/empty|126|it is an empty file
/data/damaged|126|damaged
/data/foreign|126|s390
/data/mode|126|chmod +x
/data/loop|126|too many levels of symbolic links
/data/dangling|127|no such file or directory
/data|126|it is a directory
/data/dynamic/x|127|no such file or directory
/no/such|127|no such file or directory
no-such|127|executable file not found in $PATH
END
    # Its loader is there: that one says which library is not.
    loader=$(head -c 4096 "$data/dynamic" | strings | grep -m 1 '^/lib')
    run_sc run --rm -v "$data:/data" -v "$(realpath "$loader"):$loader" base /data/dynamic -c true
    expect_error 127 'libtinfo.so.6'
    run_sc run --rm -w /etc/passwd base true
    expect_error 125 '--workdir: change to directory /etc/passwd: not a directory'
    sc_ok rm -f one
}

# ---- the host ---------------------------------------------------------------------------------------------

# Runs the command in a mount namespace where the hierarchy of a controller is not mounted.
without_controller()
{
    local controller=$1 mounted
    shift
    mounted=$(awk -v c="$controller" '$0 ~ / - cgroup / { n = split($NF, a, ","); for (i = 1; i <= n; i++) if (a[i] == c) print $5 }' /proc/self/mountinfo)
    [ -n "$mounted" ] || { echo "no hierarchy has $controller" && return 1; }
    run_split unshare --mount --propagation private "$BASH" -c 'umount "$1" && shift && exec "$@"' - "$mounted" "$@"
    last_command="without $controller: $*"
}

@test "bad input: a limit whose controller the host lacks is an error that names it" {
    [ "$(cgroup_mode)" != v2 ] || skip 'cgroup v2 has one hierarchy'
    while read -r controller flag; do
        without_controller "$controller" "$SC" run --rm "$flag" base true
        expect_error 125 "this host has no \"$controller\" cgroup controller"
        without_controller "$controller" "$SC" run --rm base echo runs
        expect 0
        is "$output" runs
    done <<'END'
memory --memory=64m
pids --pids-limit=64
cpu --cpus=0.5
cpuset --cpuset-cpus=0
END
}

# ---- archives ---------------------------------------------------------------------------------------------

# docker_archive FILE: what Python on standard input does to the members of an archive of base: names to bytes or TarInfo.
docker_archive()
{
    {
        cat <<'END'
import io, json, sys, tarfile
members, order = {}, []
with tarfile.open(sys.argv[1]) as old:
    for info in old:
        members[info.name] = old.extractfile(info).read() if info.isfile() else info
manifest = json.loads(members["manifest.json"])[0]
def put(name, kind, target="", **fields):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    for key, value in fields.items():
        setattr(info, key, value)
    members[name] = info
END
        cat
        cat <<'END'
if isinstance(members["manifest.json"], bytes):
    members["manifest.json"] = json.dumps([manifest]).encode()
with tarfile.open(sys.argv[2], "w") as new:
    for name, data in members.items():
        if isinstance(data, tarfile.TarInfo):
            new.addfile(data)
        else:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            new.addfile(info, io.BytesIO(data))
END
    } | python3 - "$BATS_TEST_TMPDIR/base.tar" "$1"
}

@test "bad input: members of an archive that are links, devices, or lead out are refused" {
    sc_ok save -o "$BATS_TEST_TMPDIR/base.tar" base
    sc_ok rmi base
    before=$(state)
    bad=$BATS_TEST_TMPDIR/bad.tar
    while IFS='|' read -r what python; do
        docker_archive "$bad" <<<"$python"
        run_sc load -i "$bad"
        [ "$status" -eq 1 ] || show_last "$what: expected 1"
        expect_error 1 "load \"$bad\""
        is "$what: $(state)" "$what: $before"
        is "$("$SC" images -q)" ''
    done <<'END'
layer leads out|manifest["Layers"] = ["../../../../etc/passwd"]
layer is absolute|manifest["Layers"] = ["/etc/passwd"]
config leads out|manifest["Config"] = "../../../../etc/passwd"
layer is an absolute link|put(manifest["Layers"][0], tarfile.SYMTYPE, "/etc/passwd")
layer is a link upwards|put(manifest["Layers"][0], tarfile.SYMTYPE, "../../../../etc/passwd")
layer is a hard link|put(manifest["Layers"][0], tarfile.LNKTYPE, "/etc/passwd")
layer is a device|put(manifest["Layers"][0], tarfile.CHRTYPE, devmajor=1, devminor=5)
layer is a fifo|put(manifest["Layers"][0], tarfile.FIFOTYPE)
layer is a directory|put(manifest["Layers"][0], tarfile.DIRTYPE)
config is a link|put(manifest["Config"], tarfile.SYMTYPE, "/etc/passwd")
config is a device|put(manifest["Config"], tarfile.CHRTYPE, devmajor=1, devminor=5)
manifest is a link|put("manifest.json", tarfile.SYMTYPE, "/etc/passwd")
fewer layers than digests|manifest["Layers"] = []
more layers than digests|manifest["Layers"] *= 2
digest of another layer|members[manifest["Layers"][0]] = members[manifest["Layers"][0]][:-512]
END
}

# ---- odd places ---------------------------------------------------------------------------------------

# within COMMANDS [ARGUMENT...]: sc, run by a shell that has done COMMANDS. Through a pipe: bats' own files are files too.
within()
{
    local commands=$1
    shift
    last_command="sc $* after: $commands"
    stderr=
    run bash -o pipefail -c "{ $commands"'; "$0" "$@"; } 2>&1 | cat' "$SC" "$@"
}

# one_line CODE TEXT
one_line()
{
    expect "$1"
    expect_output "$2"
    is "${#lines[@]}" 1
}

@test "bad input: limits of the shell, no /proc, a read-only data root: one line, and nothing is left" {
    sc_ok ps
    before=$(state)
    within 'ulimit -f 0' run --rm --network none base true
    one_line 125 'file too large; raise the shell'
    within 'ulimit -f 1' save -o "$BATS_TEST_TMPDIR/image.tar" base
    one_line 1 'file too large'
    [ ! -e "$BATS_TEST_TMPDIR/image.tar" ]
    # asked first: without a file to open nothing half-made could be taken back
    for files in 12 30 100; do
        within "ulimit -n $files" run --rm --network none base true
        one_line 125 "with at most $files open files: too many open files; raise the shell"
    done
    within 'ulimit -n 12' create base true
    one_line 1 'too many open files; raise the shell'
    is "$(state)" "$before"
    within 'ulimit -n 200' run --rm --network none base true
    expect 0
    # that sc is told of a limit, not ended, is not the container's to know
    within 'ulimit -f 512' run --rm --network none base grep SigIgn /proc/self/status
    expect 0
    is "${output//[[:space:]]/}" SigIgn:0000000000000000
    run_split unshare -m sh -c 'mount -t tmpfs none /proc; exec "$0" run --rm --network none base true' "$SC"
    stderr=$(grep -v '^==[0-9]*==WARNING: reading executable name failed' <<<"$stderr") # AddressSanitizer's own
    expect_error 125 'mount proc on /proc'
    run_split unshare -m sh -c 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; exec "$0" run --rm --network none base true' \
        "$SC" "$SC_DATA_ROOT"
    expect_error 125 "lock \"$SC_DATA_ROOT/image/lock\": read-only file system"
    run_split unshare -m sh -c 'mount --bind "$1" "$1"; mount -o remount,bind,ro "$1"; SC_DATA_ROOT=$1/new exec "$0" ps' \
        "$SC" "$SC_DATA_ROOT"
    expect_error 1 'read-only file system; name a directory of your own in SC_DATA_ROOT'
    is "$(state)" "$before"
}

@test "bad input: a chroot that is no mount point" {
    mkdir "$BATS_TEST_TMPDIR/root"
    run_split unshare -m sh -c 'cd "$1" || exit
        for path in /*; do
            if [ -L "$path" ]; then cp -P "$path" .; elif [ -d "$path" ]; then mkdir ".$path" && mount --rbind "$path" ".$path"; fi
        done
        exec chroot . "$0" run --rm --network none base true' "$SC" "$BATS_TEST_TMPDIR/root"
    expect_error 125 'a chroot must be a mount point for this: mount --bind DIR DIR before chroot DIR'
}

@test "bad input: a small stack is enough" {
    local stack=100
    [ "$SC_WHERE" != asan ] || stack=1000 # instrumented frames are larger
    sc_ok run -d --name box base sh -c 'seq 20000; exec sleep 1000'
    wait_until sh -c '"$0" logs box | grep -q 20000' "$SC"
    (
        ulimit -S -s "$stack"
        [ "$("$SC" run --rm base echo hello)" = hello ]
        [ "$(echo in | "$SC" exec -i box cat)" = in ]
        [ "$("$SC" logs -n 1 box)" = 20000 ]
        "$SC" logs box >/dev/null
    )
    sc_ok rm -f box
}
