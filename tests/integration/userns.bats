#!/usr/bin/env bats
# User namespaces: which ids a container gets, who owns its files on disk, and what an ordinary user without ranges, or
# with a delegated cgroup, can do.
load helpers

# with_subids TEXT COMMAND...: COMMAND sees /etc/subuid and /etc/subgid with this text; the machine's own stay.
with_subids()
{
    local file=$BATS_TEST_TMPDIR/subids
    printf '%b' "$1" >"$file"
    shift
    # shellcheck disable=SC2016
    unshare --mount --propagation private bash -c \
        'mount --bind "$0" /etc/subuid && mount --bind "$0" /etc/subgid && exec "$@"' "$file" "$@"
}

uid_map()
{
    tr -s ' ' <"/proc/$(container_pid "$1")/uid_map"
}

# The programs where the test user can reach them.
user_programs()
{
    local dir=$BATS_TEST_TMPDIR
    while [ "$dir" != / ]; do
        [ -O "$dir" ] && chmod a+x "$dir"
        dir=$(dirname "$dir")
        [ "$dir" != /tmp ] || break
    done
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    find "$SC_BIN" -maxdepth 1 -type f -perm /111 -exec cp -t "$BATS_TEST_TMPDIR/bin" {} +
    chmod -R a+rX "$BATS_TEST_TMPDIR/bin"
}

# as_user COMMAND...: with a data root of its own
as_user()
{
    env -u SC_DATA_ROOT -u SC_RUN_ROOT "$TESTS/as-user" "$BATS_TEST_TMPDIR/home" "$@"
}

# any-kernel: which ids is arithmetic
@test "userns: auto takes the range of user containers, then of sc, then of root" {
    with_subids 'root:300000:65536\nsc:200000:65536\ncontainers:100000:65536\n' "$SC" run -d --name c1 --userns auto base sleep 1000
    is "$(uid_map c1)" " 0 100000 65536"
    with_subids 'root:300000:65536\nsc:200000:65536\n' "$SC" run -d --name c2 --userns auto base sleep 1000
    is "$(uid_map c2)" " 0 200000 65536"
    with_subids 'root:300000:65536\n' "$SC" run -d --name c3 --userns auto base sleep 1000
    is "$(uid_map c3)" " 0 300000 65536"
    with_subids '0:400000:65536\n' "$SC" run -d --name c4 --userns auto base sleep 1000
    is "$(uid_map c4)" " 0 400000 65536"
    sc_ok rm -f c1 c2 c3 c4
}

# any-kernel: which ids is arithmetic
@test "userns: auto without a range names the users and the file" {
    run_split with_subids 'somebody:100000:65536\n' "$SC" run --rm --userns auto base true
    expect_error 125 "/etc/subuid and /etc/subgid give no range to user containers, sc or root"
    [ -z "$(ls "$SC_DATA_ROOT/container")$(ls "$SC_DATA_ROOT/userns")" ]
}

@test "userns: auto gives each container a range of its own and takes it back" {
    local subids='containers:100000:131072\n'
    with_subids "$subids" "$SC" run -d --name c1 --userns auto base sleep 1000
    with_subids "$subids" "$SC" create --name c2 --userns auto base true
    is "$(uid_map c1)" " 0 100000 65536"
    run_split with_subids "$subids" "$SC" run --rm --userns auto base true
    expect_error 125 "every range of /etc/subuid is in use"
    sc_ok rm c2
    run_split with_subids "$subids" "$SC" run --rm --userns auto base cat /proc/self/uid_map
    is "$(tr -s ' ' <<<"$output")" " 0 165536 65536"
    # the --rm container gave it back too
    run_split with_subids "$subids" "$SC" run --rm --userns auto base cat /proc/self/uid_map
    is "$(tr -s ' ' <<<"$output")" " 0 165536 65536"
    sc_ok rm -f c1
    [ -z "$(ls "$SC_DATA_ROOT/userns")" ]
}

@test "userns: layers are shared by idmapped mounts, what the container writes has the mapped ids on disk" {
    sc_ok run --name box --uidmap 0:100000:65536 base sh -c 'stat -c %u:%g /bin/busybox; touch /tmp/f; chown 5:6 /tmp/f; stat -c %u:%g /tmp/f'
    is "$output" $'0:0\n5:6'
    is "$(stat -c %u:%g "$SC_DATA_ROOT"/container/*/upper/tmp/f)" 100005:100006
    sc_ok run --rm base stat -c %u:%g /bin/busybox
    is "$output" 0:0
    # a second container with other ids reads the same layer as its own
    sc_ok run --rm --uidmap 0:300000:65536 base stat -c %u:%g /bin/busybox
    is "$output" 0:0
    sc_ok rm box
}

@test "userns: a volume carries the ids that containers know, whatever their maps" {
    sc_ok run --rm --uidmap 0:100000:65536 -v shared:/data base sh -c 'touch /data/f; chown 5:6 /data/f'
    is "$(stat -c %u:%g "$SC_DATA_ROOT/volume/shared/_data/f")" 5:6
    sc_ok run --rm --uidmap 0:300000:65536 -v shared:/data base stat -c %u:%g /data/f
    is "$output" 5:6
    sc_ok run --rm -v shared:/data base stat -c %u:%g /data/f
    is "$output" 5:6
}

@test "userns: a directory of the host keeps the host's ids" {
    mkdir "$BATS_TEST_TMPDIR/dir"
    touch "$BATS_TEST_TMPDIR/dir/ours" "$BATS_TEST_TMPDIR/dir/theirs"
    chown 100005:100006 "$BATS_TEST_TMPDIR/dir/theirs"
    sc_ok run --rm --uidmap 0:100000:65536 -v "$BATS_TEST_TMPDIR/dir:/d" base stat -c %u:%g /d/ours /d/theirs
    is "$output" $'65534:65534\n5:6'
}

@test "userns: a directory of the host with idmap has the ids that the container knows" {
    mkdir "$BATS_TEST_TMPDIR/dir"
    touch "$BATS_TEST_TMPDIR/dir/f"
    chown 5:6 "$BATS_TEST_TMPDIR/dir/f"
    sc_ok run --rm --uidmap 0:100000:65536 -v "$BATS_TEST_TMPDIR/dir:/d:idmap" base sh -c 'stat -c %u:%g /d/f; touch /d/new; chown 7:8 /d/new'
    is "$output" 5:6
    is "$(stat -c %u:%g "$BATS_TEST_TMPDIR/dir/new")" 7:8
    sc_ok run --rm --uidmap 0:100000:65536 --mount "type=bind,src=$BATS_TEST_TMPDIR/dir,dst=/d,idmap" base stat -c %u:%g /d/f
    is "$output" 5:6
    # the mark is kept in the record
    sc_ok create --name one --uidmap 0:100000:65536 -v "$BATS_TEST_TMPDIR/dir:/d:ro,idmap" base stat -c %u:%g /d/f
    sc_ok start -a one
    is "$output" 5:6
    sc_ok rm one
    run_sc run --rm -v "$BATS_TEST_TMPDIR/dir:/d:idmap" base true
    expect_error 125 'mount on "/d": idmap without a user namespace'
    run_sc run --rm --userns auto --mount type=tmpfs,dst=/d,idmap base true
    expect_error 125 '"idmap" belongs to another type of mount'
}

@test "userns: keep-id of root is root's own ids in a namespace of its own" {
    sc_ok run --rm --userns keep-id base sh -c 'cat /proc/self/uid_map; id -u; stat -c %u:%g /bin/busybox; readlink /proc/self/ns/user'
    is "$(head -n 3 <<<"$output" | tr -s ' ')" $' 0 0 4294967295\n0\n0:0'
    [ "$(tail -n 1 <<<"$output")" != "$(readlink /proc/self/ns/user)" ]
    sc_ok run --rm --userns keep-id:uid=77,gid=88 base id
    is "$output" "uid=77 gid=88 groups=88"
    run_sc run --rm --userns keep-id:size=7 base true
    expect_error 125 '"size=7" is not known'
    run_sc run --rm --userns keep-id --uidmap 0:0:1 base true
    expect_error 125 'conflicting options: --uidmap or --gidmap and --userns keep-id'
}

@test "userns: --gidmap alone may differ from --uidmap" {
    sc_ok run --rm --uidmap 0:100000:65536 --gidmap 0:200000:1000 base cat /proc/self/uid_map /proc/self/gid_map
    is "$(tr -s ' ' <<<"$output")" $' 0 100000 65536\n 0 200000 1000'
}

@test "userns: an image's layers cannot be shifted for a user namespace that is joined, and that is said" {
    sc_ok run -d --name one --uidmap 0:100000:65536 base sleep 1000
    run_sc run --rm --userns container:one base true
    expect_error 125 "cannot be shifted for a user namespace that is joined"
    sc_ok rm -f one
}

@test "userns: root of the container is nobody on the host" {
    sc_ok run -d --name box --uidmap 0:100000:65536 base sleep 1000
    is "$(stat -c %u "/proc/$(container_pid box)")" 100000
    # and cannot write what root of the host owns
    echo secret >"$BATS_TEST_TMPDIR/file"
    chmod 600 "$BATS_TEST_TMPDIR/file"
    sc_fails 1 run --rm --uidmap 0:100000:65536 -v "$BATS_TEST_TMPDIR/file:/f" base cat /f
    expect_stderr "Permission denied"
    sc_ok rm -f box
}

# any-kernel: what is refused is refused by us
@test "userns: an ordinary user without ranges has id 0 alone, and is told" {
    user_programs
    run_split env SC_TEST_SUBIDS=no "$TESTS/as-user" "$BATS_TEST_TMPDIR/home" \
        env -u SC_DATA_ROOT -u SC_RUN_ROOT "$BATS_TEST_TMPDIR/bin/sc" run --rm base sh -c 'id -u; tr -s " " </proc/self/uid_map'
    expect 0
    is "$output" $'0\n 0 60123 1'
    expect_error 0 "note: user sctest has no range in /etc/subuid"
    run_split env SC_TEST_SUBIDS=no "$TESTS/as-user" "$BATS_TEST_TMPDIR/home" \
        env -u SC_DATA_ROOT -u SC_RUN_ROOT "$BATS_TEST_TMPDIR/bin/sc" run --rm -u 5 base true
    expect 125
    expect_stderr "user 5: it is not mapped"
}

@test "userns: an ordinary user without ranges reaches the files of its containers" {
    user_programs
    cat >"$BATS_TEST_TMPDIR/script" <<'END'
set -e
sc=$1
cd "$HOME"
"$sc" create --name box base sh >id
echo new >f
tar --owner=5 --group=6 -cf - f | "$sc" cp - box:/
"$sc" cp f box:/tmp/g
"$sc" cp box:/f out
cat out
"$sc" diff box
"$sc" export box | tar -tv --numeric-owner f | awk '{ print $2, $6 }'
"$sc" commit box two >id
"$sc" image diff base two
"$sc" image unpack two tree
cat tree/tmp/g
END
    run_split env SC_TEST_SUBIDS=no "$TESTS/as-user" "$BATS_TEST_TMPDIR/home" \
        env -u SC_DATA_ROOT -u SC_RUN_ROOT bash "$BATS_TEST_TMPDIR/script" "$BATS_TEST_TMPDIR/bin/sc"
    expect 0
    is "$output" $'new\nA /f\nC /tmp\nA /tmp/g\n0/0 f\nA /f\nA /tmp/g\nnew'
}

# Starts a load of the user without ranges that waits for the second half of its archive; COMMAND... in front of all.
load_half()
{
    user_programs
    sc_ok save -o "$BATS_TEST_TMPDIR/base.tar" base
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    SC_TEST_SUBIDS=no "$@" "$TESTS/as-user" "$BATS_TEST_TMPDIR/home" env -u SC_DATA_ROOT -u SC_RUN_ROOT \
        "$BATS_TEST_TMPDIR/bin/sc" load -q <"$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/said" 2>"$BATS_TEST_TMPDIR/note" 3>&- &
    loader=$!
    exec 7>"$BATS_TEST_TMPDIR/pipe"
    head -c 1000000 "$BATS_TEST_TMPDIR/base.tar" >&7
    wait_until is_at_work
}

# A worker that has begun has one filter more than the jail; ours are in both.
is_at_work()
{
    jail=$(pgrep -P "$loader") && worker=$(pgrep -P "$jail") && [ "$(cat "/proc/$worker/comm")" = sc-unpack ] &&
        [ "$(grep -c . <(find "$BATS_TEST_TMPDIR/home/.local/share/sc/layer" -path '*/diff/*'))" -gt 0 ]
}

load_rest()
{
    tail -c +1000001 "$BATS_TEST_TMPDIR/base.tar" >&7
    exec 7>&-
    wait "$loader"
    is "$(cat "$BATS_TEST_TMPDIR/said")" "Loaded image: base:latest"
}

@test "userns: layers of an ordinary user without ranges are unpacked behind walls" {
    [ "$SC_WHERE" != asan ] || skip "AddressSanitizer does not work behind them"
    local name
    load_half env
    for name in user mnt net ipc uts; do
        [ "$(readlink "/proc/$worker/ns/$name")" != "$(readlink "/proc/self/ns/$name")" ]
    done
    is "$(ls -A "/proc/$worker/root")" ""
    # the layer is a mount of its own, whose name begins at its top
    run find "/proc/$worker/fd" -lname '*/diff*'
    is "$output" ""
    matches "$(grep CapEff "/proc/$worker/status")" '000000008820001b$'
    matches "$(grep Uid: "/proc/$worker/status")" '60123.*60123.*60123.*60123'
    load_rest
    as_rangeless info --format '{{json .UnpackWalls}}'
    matches "$output" '^\["namespaces",("landlock",)?"seccomp"\]$'
}

# as_rangeless WORD...: sc as that user
as_rangeless()
{
    run_split env SC_TEST_SUBIDS=no "$TESTS/as-user" "$BATS_TEST_TMPDIR/home" \
        env -u SC_DATA_ROOT -u SC_RUN_ROOT "$BATS_TEST_TMPDIR/bin/sc" "$@"
    last_command="sc $* as a user without ranges"
    expect 0
}

# any-kernel: what is refused is refused by us
@test "userns: where an ordinary user has no namespaces, its images are loaded all the same" {
    local name
    mkdir "$BATS_TEST_TMPDIR/root"
    # in a chroot, nobody makes a user namespace
    # shellcheck disable=SC2016 # the inner shell's
    load_half unshare -m sh -c 'mount --rbind / "$0" && exec chroot "$0" "$@"' "$BATS_TEST_TMPDIR/root"
    is "$(readlink "/proc/$worker/ns/user")" "$(readlink /proc/self/ns/user)"
    load_rest
    as_rangeless system fsck
}

@test "userns: an ordinary user is given no more ids than /etc/subuid says" {
    user_programs
    run_split as_user "$BATS_TEST_TMPDIR/bin/sc" run --rm base sh -c 'tr -s " " </proc/self/uid_map'
    expect 0
    is "$output" $' 0 60123 1\n 1 3000000000 65536'
}

# any-kernel: which ids is arithmetic
@test "userns: auto is refused to an ordinary user" {
    user_programs
    run_split as_user "$BATS_TEST_TMPDIR/bin/sc" run --rm --userns auto base true
    expect_error 125 "--userns auto: a range for each container needs root"
}

# A cgroup of the user's own in the hierarchy of memory, this shell in a leaf of it; cleaned up by teardown.
delegate()
{
    local mount=/sys/fs/cgroup
    [ "$(cgroup_mode)" = v2 ] || mount=$(awk '$0 ~ / - cgroup .*memory/ { print $5 }' /proc/self/mountinfo | head -n 1)
    delegated=$mount/sc-test-$$
    if [ "$(cgroup_mode)" = v2 ]; then
        # Whatever the host hands out, the user gets these two.
        echo "+memory +pids" >"$mount/cgroup.subtree_control"
        mkdir "$delegated"
        echo "+memory +pids" >"$delegated/cgroup.subtree_control"
        delegated+=/user
        mkdir "$delegated" "$delegated/leaf"
        chown 60123 "$delegated" "$delegated"/cgroup.{procs,subtree_control} "$delegated/leaf" "$delegated"/leaf/cgroup.{procs,subtree_control}
    else
        mkdir "$delegated" "$delegated/leaf"
        chown 60123 "$delegated" "$delegated/tasks" "$delegated/cgroup.procs" "$delegated/leaf" "$delegated/leaf/tasks" "$delegated/leaf/cgroup.procs"
    fi
}

# Runs as the user in the delegated leaf.
in_delegated()
{
    # shellcheck disable=SC2016
    bash -c 'echo $$ >"$0/leaf/cgroup.procs" && exec "$@"' "$delegated" \
        env -u SC_DATA_ROOT -u SC_RUN_ROOT "$TESTS/as-user" "$BATS_TEST_TMPDIR/home" "$@"
}

teardown()
{
    local _
    if [ -n "${delegated:-}" ]; then
        for _ in $(seq 50); do
            find "${delegated%/user}" -depth -type d -exec rmdir {} + 2>/dev/null && break
            sleep 0.1
        done
    fi
    sc_teardown
}

@test "userns: in a delegated cgroup an ordinary user's limits hold" {
    user_programs
    delegate
    # shellcheck disable=SC2016
    run_split in_delegated bash -c '"$1" run -d --name box -m 64m base sleep 1000 && "$1" inspect --format "{{.State.Pid}}" box' - "$BATS_TEST_TMPDIR/bin/sc"
    expect 0
    local pid=${lines[1]}
    is "$(cgroup_value "$pid" memory.max memory memory.limit_in_bytes)" 67108864
    matches "$(cgroup_dir "$pid" memory)" "^$delegated/sc/[0-9a-f]{64}\$"
    run_split in_delegated "$BATS_TEST_TMPDIR/bin/sc" rm -f box
    expect 0
    [ -z "$(find "$delegated/sc" -mindepth 1 -type d)" ]
}

@test "userns: a limit whose controller is not delegated is an error that names it" {
    user_programs
    delegate
    # of the delegated hierarchy v1 has memory alone, and v2 what delegate enabled
    if [ "$(cgroup_mode)" = v2 ]; then
        run_split in_delegated "$BATS_TEST_TMPDIR/bin/sc" run --rm --cpuset-cpus 0 base true
        expect_error 125 '"cpuset" cgroup controller is not delegated to this user'
    else
        run_split in_delegated "$BATS_TEST_TMPDIR/bin/sc" run --rm --pids-limit 5 base true
        expect_error 125 '"pids" cgroup controller is not delegated to this user'
    fi
    [ -z "$(find "$delegated/sc" -mindepth 1 -type d 2>/dev/null)" ]
}
