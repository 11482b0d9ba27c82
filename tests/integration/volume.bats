load helpers
# Volumes with options: what the driver "local" mounts, what is said of them, and that nothing is left.

# None is mounted, of this test's.
none_mounted()
{
    ! grep -q " $SC_DATA_ROOT/volume/" /proc/self/mountinfo
}

root_only()
{
    [ "$(id -u)" -eq 0 ] || skip "needs root"
}

@test "volume create: labels and options are inspected, listed, filtered and pruned by; what is wrong is named" {
    sc_ok volume create -d local --label a=1 --label b -o type=tmpfs -o device=tmpfs -o o=size=1m,uid=7 mem
    sc_ok volume create plain
    # one that is there stays as it is, as with Docker
    sc_ok volume create --label c=3 mem
    is "$("$SC" volume inspect mem | jq -cS '.[0] | [.Driver, .Labels, .Options]')" \
        '["local",{"a":"1","b":""},{"device":"tmpfs","o":"size=1m,uid=7","type":"tmpfs"}]'
    is "$("$SC" volume inspect plain | jq -cS '.[0] | [.Labels, .Options]')" '[{},{}]'
    is "$("$SC" volume ls -qf label=a)$("$SC" volume ls -qf label=a=2)$("$SC" volume ls -qf label!=b)" memplain
    is "$("$SC" volume ls -f driver=local -f name=me --format '{{.Name}} {{.Labels}} {{.Label "a"}}')" 'mem a=1,b= 1'
    is "$("$SC" volume ls -qf driver=nfs)" ''
    while IFS='|' read -r options text; do
        # shellcheck disable=SC2086  # words
        sc_fails 1 volume create $options bad
        expect_stderr "$text"
    done <<'END'
-o colour=red|create bad: invalid option: "colour"
-o type=tmpfs|missing required option: "device"
-o device=/x|missing required option: "type"
-o o=bind|missing required option: "type"
-o size=1g|quota size requested but no quota support
-o type=none -o o=bind -o device=x|device "x": what is bound must be an absolute path
END
    for what in volume network; do
        run_sc $what create --label =1 bad
        expect_error 1 '--label: "=1": must be NAME or NAME=VALUE'
    done
    is "$("$SC" volume ls -q | tr '\n' ' ')" 'mem plain '
    # what is elsewhere (a mount of NFS, a directory of the host) is not to be had again by its name: prune leaves it
    sc_ok volume create --label a=1 own
    run_sc volume prune -f --filter until=1h
    expect_error 1 'invalid filter "until=1h"; give all=true or label=NAME[=VALUE]'
    sc_ok volume prune -f --filter all=true --filter label=a=1
    is "$("$SC" volume ls -q | paste -sd' ')" 'mem plain'
    sc_ok volume prune -af
    is "$("$SC" volume ls -q)" mem
}

@test "a tmpfs volume: one for all containers that have it, mounted with the first, gone with the last" {
    root_only
    sc_ok volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,mode=1750,noexec mem
    sc_ok run -d --name one -v mem:/m base sh -c 'echo kept >/m/f; sleep 1000'
    wait_until "$SC" exec one test -s /m/f
    matches "$("$SC" exec one grep ' /m ' /proc/mounts)" '^tmpfs /m tmpfs rw,noexec.*size=1024k,mode=1750'
    sc_ok run -d --name two -v mem:/m base sleep 1000
    is "$("$SC" exec two cat /m/f)" kept
    is "$(cat "$("$SC" volume inspect -f '{{.Mountpoint}}' mem)/f")" kept
    sc_fails 1 volume rm mem
    sc_ok kill one
    is "$("$SC" exec two cat /m/f)" kept
    sc_ok kill two
    wait_until none_mounted
    is "$(ls -A "$SC_RUN_ROOT/volume")" ''
    sc_ok start one
    is "$("$SC" exec one grep -c ' /m ' /proc/mounts)" 1
    sc_ok rm -f one two
    wait_until none_mounted
    sc_ok volume rm mem
}

@test "a volume's mount: after kill -9 of the monitor the next command collects it, and a start that fails leaves none" {
    root_only
    sc_ok volume create -o type=tmpfs -o device=tmpfs mem
    sc_ok run -d --name one -v mem:/m base sleep 1000
    kill -9 "$(ps -o ppid= -p "$("$SC" inspect -f '{{.State.Pid}}' one)")"
    sc_ok ps -a
    none_mounted
    sc_fails 126 run --rm -v mem:/m base /etc/passwd
    none_mounted
    # nobody knows of this one any more
    mount -t tmpfs tmpfs "$SC_DATA_ROOT/volume/mem/_data"
    : >"$SC_DATA_ROOT/volume/mem/_data/f"
    sc_ok rm one
    sc_ok volume rm mem
    none_mounted
    sc_ok volume create -o type=nosuchfs -o device=x bad
    sc_fails 125 run --rm -v bad:/m base true
    expect_stderr 'the kernel has no file system "nosuchfs"'
    sc_ok volume create -o type=tmpfs -o device=tmpfs -o o=nonsense worse
    sc_fails 125 run --rm -v worse:/m base true
    expect_stderr "failed to mount local volume: mount tmpfs (type tmpfs) on \"$SC_DATA_ROOT/volume/worse/_data\", data: \"nonsense\""
    is "$("$SC" ps -aq)" ''
    none_mounted
}

@test "a volume of a directory of the host (o=bind): read-only where that is said, filled where it is empty, never removed" {
    local dir=$BATS_TEST_TMPDIR/dir
    mkdir "$dir" "$dir.empty"
    echo host >"$dir/f"
    sc_ok volume create -o type=none -o o=bind -o device="$dir" bound
    sc_ok volume create -o type=none -o o=bind,ro -o device="$dir" fixed
    sc_ok volume create -o type=none -o o=bind -o device="$dir.empty" filled
    sc_ok run --name one -v bound:/b -v fixed:/f -v filled:/etc base sh -c 'cat /b/f; echo new >/b/g; cat /f/g; ! echo x 2>/dev/null >/f/x'
    is "$output" $'host\nnew'
    [ -s "$dir.empty/passwd" ]
    sc_ok cp one:/b/g "$BATS_TEST_TMPDIR/g"
    is "$(cat "$BATS_TEST_TMPDIR/g")" new
    sc_ok rm -v one
    sc_ok volume rm bound fixed filled
    is "$(cat "$dir/f" "$dir/g")" $'host\nnew'
    sc_ok volume create -o type=none -o o=bind -o device="$dir.absent" absent
    sc_fails 125 run --rm -v absent:/a base true
    expect_stderr "$dir.absent"
}

@test "--mount: volume-opt, volume-label, volume-subpath; no link in a volume leads out of it" {
    sc_ok run --rm --mount "type=volume,source=v,target=/v,volume-label=a=1,volume-opt=type=none,volume-opt=o=bind,volume-opt=device=$BATS_TEST_TMPDIR" \
        base sh -c 'echo there >/v/f'
    is "$(cat "$BATS_TEST_TMPDIR/f")" there
    is "$("$SC" volume ls -qf label=a=1)" v
    sc_ok run --rm -v w:/w base sh -c 'mkdir -p /w/a/b /w/etc; echo in >/w/a/b/f; ln -s / /w/out; ln -s /etc /w/abs; ln -s a /w/rel'
    is "$("$SC" run --rm --mount source=w,target=/x,volume-subpath=a/b base cat /x/f)" in
    is "$("$SC" run --rm --mount source=w,target=/x,volume-subpath=rel/b/f base cat /x)" in
    # the root of what it is in is the volume's own
    is "$("$SC" run --rm --mount source=w,target=/x,volume-subpath=out/a/b base cat /x/f)" in
    is "$("$SC" run --rm --mount source=w,target=/x,volume-subpath=../../../a/b base cat /x/f)" in
    is "$("$SC" run --rm --mount source=w,target=/x,volume-subpath=abs base ls -A /x)" ''
    sc_fails 125 run --rm --mount source=w,target=/x,volume-subpath=nothing base true
    expect_stderr 'subpath "nothing"'
    sc_fails 125 run --rm --mount source=w,target=/x,volume-subpath=/a base true
    expect_stderr 'must be a relative path'
    sc_fails 125 run --rm --mount source=w,target=/x,volume-driver=nfs base true
    sc_fails 125 run --rm --mount type=tmpfs,target=/x,volume-opt=o=x base true
    expect_stderr '"volume-opt" belongs to another type of mount'
}
