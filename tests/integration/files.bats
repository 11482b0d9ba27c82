#!/usr/bin/env bats
# A container's files: export, diff, commit and cp, of containers that run and that do not, and that whatever is in a
# container none of them leaves it.
load helpers
load archives

# start COMMAND: container cx does this and then stays.
start()
{
    sc_ok run -d --name cx base sh -c "$1
touch /tmp/ready; exec sleep 1000"
    wait_until "$SC" exec cx test -e /tmp/ready
}

# Type, mode, owner, size or target of every file below $1, in the container.
inside()
{
    "$SC" exec cx sh -c "cd $1 && find . | sort | while read -r f; do stat -c '%n %F %a %u:%g' \"\$f\"; done"
}

# What the host may be attacked in.
host_setup()
{
    HOST=$BATS_TEST_TMPDIR/host
    mkdir "$HOST"
    echo secret >"$HOST/secret"
}

host_is_whole()
{
    is "$(cd "$HOST" && find . -type f -exec cat {} + ; ls "$HOST")" "$(printf 'secret\nsecret')"
}

@test "diff: added, changed and deleted, as Docker lists them" {
    start 'mkdir -p /new/sub; echo a >/new/sub/f; echo b >>/etc/passwd; rm /etc/group; rm -rf /var; mkdir -p /var/x; chmod 700 /home; mkfifo /pp; mv /etc/shells /etc/sh2'
    sc_ok diff cx
    is "$(grep -v -e ready -e '^D /var/' <<<"$output")" "$(printf '%s\n' 'C /etc' 'D /etc/group' 'C /etc/passwd' 'A /etc/sh2' 'D /etc/shells' 'C /home' 'A /new' 'A /new/sub' 'A /new/sub/f' 'A /pp' 'C /tmp' 'C /var' 'A /var/x')"
    expect_output 'D /var/log'
    local running=$output
    sc_ok stop -t 0 cx
    sc_ok diff cx
    is "$output" "$running"
    sc_fails 1 diff nosuch
    expect_stderr 'no such container: "nosuch"'
}

@test "diff: nothing of a container that never ran, nor of what the engine mounts on" {
    printf 'FILE' >"$BATS_TEST_TMPDIR/f"
    layer "$BATS_TEST_TMPDIR/l.tar" <<'END'
file("bin/sh", "no program")
END
    sc_ok import "$BATS_TEST_TMPDIR/l.tar" bare
    sc_ok create --name cx -v vol:/data bare /bin/sh
    sc_ok diff cx
    is "$output" ""
    sc_fails 1 start cx
    sc_ok diff cx
    is "$output" 'A /data'
}

@test "export: the root without what is mounted in it, to a file or a pipe, running or not" {
    start 'echo hello >/new; echo in >/vol/in; ln /new /twin; chown 7:8 /new'
    "$SC" export cx >"$BATS_TEST_TMPDIR/a.tar"
    sc_ok export -o "$BATS_TEST_TMPDIR/b.tar" cx
    is "$(stat -c %a "$BATS_TEST_TMPDIR/b.tar")" 600
    cmp "$BATS_TEST_TMPDIR/a.tar" "$BATS_TEST_TMPDIR/b.tar"
    is "$(tar -xOf "$BATS_TEST_TMPDIR/a.tar" new)" hello
    is "$(tar -tvf "$BATS_TEST_TMPDIR/a.tar" --numeric-owner new twin | awk '{ print $1, $2, $6, $7, $8, $9 }')" "$(printf '%s\n' '-rw-r--r-- 7/8 new   ' 'hrw-r--r-- 7/8 twin link to new')"
    run tar -tf "$BATS_TEST_TMPDIR/a.tar" proc/self dev/null
    [ "$status" -ne 0 ]
    sc_ok stop -t 0 cx
    "$SC" export cx | cmp - "$BATS_TEST_TMPDIR/a.tar"
    sc_ok import "$BATS_TEST_TMPDIR/a.tar" again
    sc_ok run --rm again cat /twin
    is "$output" hello
    sc_fails 1 export -o "$BATS_TEST_TMPDIR/no/such" cx
    sc_fails 1 export nosuch
}

@test "commit: one more layer, the container's configuration, changes, history" {
    sc_ok run --name cx -e A=1 -w /tmp -u 0 -l team=a --entrypoint /bin/sh base -c 'echo new >/new; rm /etc/shells; rm -r /var; mkdir /var; echo v >/var/v'
    sc_ok commit -a me -m why -c 'CMD ["cat", "/new"]' -c 'ENV B=2' cx made:1
    matches "$output" '^sha256:[0-9a-f]{64}$'
    sc_ok image inspect made:1
    is "$(jq -c '.[0] | [.Author, .Comment, (.RootFS.Layers | length)]' <<<"$output")" '["me","why",2]'
    is "$(jq -c '.[0].Config | [.Entrypoint, .Cmd, .WorkingDir, .User, .Labels.team]' <<<"$output")" '[["/bin/sh"],["cat","/new"],"/tmp","0","a"]'
    is "$(jq -r '.[0].Config.Env[]' <<<"$output" | grep -v PATH)" "$(printf 'A=1\nB=2')"
    sc_ok history --no-trunc --format '{{.CreatedBy}}|{{.Comment}}' made:1
    is "${lines[0]}" '-c echo new >/new; rm /etc/shells; rm -r /var; mkdir /var; echo v >/var/v|why'
    sc_ok run --rm made:1 -c 'cat /new /var/v; ls /var; ls /etc/shells 2>&1 || true'
    is "$output" "$(printf 'new\nv\nv\nls: /etc/shells: No such file or directory')"
    # twice the same, where the time is said
    SOURCE_DATE_EPOCH=1700000000 sc_ok commit cx thence
    local id=$output
    SOURCE_DATE_EPOCH=1700000000 sc_ok commit cx once-more
    is "$output" "$id"
    sc_ok inspect --format '{{.Created}}' thence
    is "$output" 2023-11-14T22:13:20.000000000Z
    SOURCE_DATE_EPOCH=soon run_sc commit cx other
    expect_error 1 'SOURCE_DATE_EPOCH'
    sc_fails 1 commit -c 'RUN x' cx other
    sc_fails 1 commit cx Upper:1
    sc_fails 1 image inspect other
    sc_ok save -o "$BATS_TEST_TMPDIR/made.tar" made:1
    sc_ok system fsck
}

@test "commit: a running container goes on, also after a failure; nothing changed is no layer" {
    start ':'
    sc_ok commit cx one
    is "$("$SC" inspect -f '{{.State.Status}}' cx)" running
    sc_fails 1 commit cx Upper
    is "$("$SC" inspect -f '{{.State.Status}}' cx)" running
    sc_ok create --name cy base true
    sc_ok commit -p=false cy none
    is "$("$SC" image inspect none | jq -c '.[0].RootFS.Layers | length')" 1
    sc_ok history -q none
    is "${#lines[@]}" 2
}

# Starts a commit that gets no further than having paused the container: $committer waits for $worker.
commit_half()
{
    mkdir -p "$BATS_TEST_TMPDIR/bin"
    find "$SC_BIN" -maxdepth 1 -type f -perm /111 ! -name sc-transfer -exec cp -t "$BATS_TEST_TMPDIR/bin" {} +
    # shellcheck disable=SC2016 # the script's own
    printf '#!/bin/sh\necho $$ >"%s"\nexec sleep 1000\n' "$BATS_TEST_TMPDIR/worker" >"$BATS_TEST_TMPDIR/bin/sc-transfer"
    chmod +x "$BATS_TEST_TMPDIR/bin/sc-transfer"
    rm -f "$BATS_TEST_TMPDIR/worker"
    "$BATS_TEST_TMPDIR/bin/sc" commit cx half >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
    committer=$!
    wait_until test -s "$BATS_TEST_TMPDIR/worker"
    worker=$(cat "$BATS_TEST_TMPDIR/worker")
}

status_of()
{
    "$SC" inspect -f '{{.State.Status}}' cx
}

@test "commit: a container goes on when the command that has paused it was killed" {
    start ':'
    commit_half
    is "$(status_of)" paused
    sc_ok commit cx other # it is paused already
    is "$(status_of)" paused
    kill -9 "$committer"
    is "$(status_of)" paused # it is still being read
    kill -9 "$worker"
    wait "$committer" || true
    wait_until eval '[ "$(status_of)" = running ]'
    [ -z "$(find "$SC_RUN_ROOT" -name 'committing*')" ]
    # what is left does not hinder the next
    commit_half
    kill -9 "$committer" "$worker"
    wait "$committer" || true
    sc_ok commit cx one
    is "$(status_of)" running
}

@test "commit: a container that was paused by hand meanwhile stays paused" {
    start ':'
    commit_half
    sc_ok unpause cx
    sc_ok pause cx
    kill -9 "$committer" "$worker"
    wait "$committer" || true
    is "$(status_of)" paused
    sc_ok unpause cx
    # .. and when the command ends as it should
    commit_half
    sc_ok unpause cx
    sc_ok pause cx
    kill "$worker"
    wait "$committer" || true
    is "$(status_of)" paused
    sc_ok unpause cx
}

@test "cp: into a container, by what the source and the destination are" {
    local src=$BATS_TEST_TMPDIR/src
    mkdir -p "$src/dir/sub"
    echo one >"$src/f" && echo two >"$src/dir/g" && ln -s f "$src/link"
    chown 1234:5678 "$src/f" && chmod 640 "$src/f" && touch -d @1000000000 "$src/f"
    start 'mkdir -p /o/d/dir; echo old >/o/file; ln -s d /o/ld; ln -s file /o/lf; ln -s /o/nowhere /o/dang'
    for to in /o/new /o/d /o/lf /o/dang /o/ld/x; do
        sc_ok cp "$src/f" "cx:$to"
    done
    sc_ok cp "$src/dir" cx:/o/as
    sc_ok cp "$src/dir" cx:o/d
    sc_ok cp "$src/dir/." cx:/o/as2
    sc_ok cp "$src/dir/." cx:/o/d/
    sc_ok cp "$src/link" cx:/o/link
    sc_ok cp -L "$src/link" cx:/o/followed
    is "$(inside /o)" "$(printf './%s\n' 'as directory 755 0:0' 'as/g regular file 644 0:0' 'as/sub directory 755 0:0' 'as2 directory 755 0:0' 'as2/g regular file 644 0:0' 'as2/sub directory 755 0:0' 'd directory 755 0:0' 'd/dir directory 755 0:0' 'd/dir/g regular file 644 0:0' 'd/dir/sub directory 755 0:0' 'd/f regular file 640 1234:5678' 'd/g regular file 644 0:0' 'd/sub directory 755 0:0' 'd/x regular file 640 1234:5678' 'dang symbolic link 777 0:0' 'file regular file 640 1234:5678' 'followed regular file 640 1234:5678' 'ld symbolic link 777 0:0' 'lf symbolic link 777 0:0' 'link symbolic link 777 0:0' 'new regular file 640 1234:5678' 'nowhere regular file 640 1234:5678' | sed '1i . directory 755 0:0')"
    is "$("$SC" exec cx stat -c %Y /o/new)" 1000000000
    sc_fails 1 cp "$src/f" cx:/o/none/
    expect_stderr 'no such directory: "/o/none/"'
    sc_fails 1 cp "$src/f" cx:/o/no/such
    expect_stderr 'could not find the file "/o/no" in container "cx"'
    sc_fails 1 cp "$src/dir" cx:/o/file
    sc_fails 1 cp "$src/f/." cx:/o/y
    sc_fails 1 cp "$src/nosuch" cx:/o
    sc_fails 1 cp "$src/f" cx:
    sc_fails 1 cp "$src/f" nosuch:/o
    sc_fails 1 cp "$src/f" /o
    expect_stderr 'must specify at least one container source'
    sc_fails 1 cp cx:/o cx:/p
    expect_stderr 'copying between containers is not supported'
}

@test "cp: out of a container, to the caller or with its owner" {
    local out=$BATS_TEST_TMPDIR/out
    mkdir -p "$out/d"
    start 'mkdir -p /c/dir/sub; echo one >/c/f; echo two >/c/dir/g; ln /c/f /c/dir/twin; ln -s dir /c/ld; chown 77:88 /c/f; touch -d @1000000000 /c/f'
    sc_ok cp cx:/c/f "$out/new"
    is "$(stat -c '%u:%g %Y' "$out/new") $(cat "$out/new")" '0:0 1000000000 one'
    sc_ok cp -a cx:/c/f "$out/d/"
    is "$(stat -c %u:%g "$out/d/f")" 77:88
    sc_ok cp cx:/c/ld "$out/ld"
    is "$(readlink "$out/ld")" dir
    sc_ok cp cx:/c/ld/. "$out/as"
    is "$(ls "$out/as")" "$(printf 'g\nsub\ntwin')"
    sc_ok cp cx:c "$out"
    [ "$out/c/f" -ef "$out/c/dir/twin" ]
    sc_fails 1 cp cx:/c/nosuch "$out"
    expect_stderr 'could not find the file "/c/nosuch" in container "cx"'
    sc_fails 1 cp cx:/c/f "$out/no/such"
    sc_fails 1 cp cx:/c/dir "$out/new"
}

@test "cp: what a container gave rights to has none of the caller's" {
    local out=$BATS_TEST_TMPDIR/out
    mkdir "$out"
    sc_ok run --name cx --cap-add MKNOD --device-cgroup-rule 'b 7:200 m' base sh -c 'mkdir -m 3777 /d; cd /d; cp /bin/busybox own; chown 1000:1000 own; chmod 6755 own; mkfifo -m 666 f; mknod -m 666 dev b 7 200'
    sc_ok cp cx:/d "$out/to"
    is "$(cd "$out/to" && stat -c '%n %F %a %u' . dev f own)" "$(printf '%s\n' '. directory 1777 0' 'dev block special file 600 0' 'f fifo 666 0' 'own regular file 755 0')"
    sc_ok cp -a cx:/d "$out/as"
    is "$(cd "$out/as" && stat -c '%n %F %a %u' . dev f own)" "$(printf '%s\n' '. directory 3777 0' 'dev block special file 666 0' 'f fifo 666 0' 'own regular file 6755 1000')"
    cp "$(type -P busybox)" "$out/tool"
    setcap cap_net_raw+ep "$out/tool"
    sc_ok cp "$out/tool" cx:/tool
    sc_ok cp cx:/tool "$out/tool1"
    sc_ok cp -a cx:/tool "$out/tool2"
    is "$(getcap "$out/tool1" "$out/tool2")" "$out/tool2 cap_net_raw=ep"
    rm -r "$out"
}

@test "commit, import: a file that would delete in a layer is refused, not lost" {
    sc_ok run --name cx base sh -c 'mkdir /d; echo kept >/d/.wh.kept; ln -s x /etc/.wh.passwd'
    sc_fails 1 commit cx made
    expect_stderr '"d/.wh.kept": no layer can have a file whose name begins with ".wh."'
    mkdir -p "$BATS_TEST_TMPDIR/dir/.wh.x"
    sc_fails 1 import "$BATS_TEST_TMPDIR/dir" made
    expect_stderr 'no layer can have a file whose name begins with ".wh."'
    is "$("$SC" export cx | tar -xO d/.wh.kept)" kept
    sc_fails 1 image inspect made
}

@test "cp: tar streams" {
    local tar=$BATS_TEST_TMPDIR/x.tar
    start 'mkdir -p /c/dir; echo two >/c/dir/g; chown 7:8 /c/dir/g; mkdir /o; echo k >/o/file'
    is "$("$SC" cp cx:/c/dir - | tar -tv --numeric-owner | awk '{ print $2, $6 }')" "$(printf '0/0 dir/\n7/8 dir/g')"
    is "$("$SC" cp cx:/c/dir/. - | tar -t)" "$(printf './\n./g')"
    layer "$tar" <<'END'
dir("t", mode=0o700, mtime=1000000000)
file("t/f", "text", uid=5, gid=6, mode=0o4711)
hard("t/twin", "t/f")
link("t/l", "f")
file("t/.wh.kept", "a name like another")
END
    sc_ok cp - cx:/o <"$tar"
    is "$(inside /o/t)" "$(printf '%s\n' '. directory 700 0:0' './.wh.kept regular file 644 0:0' './f regular file 4711 5:6' './l symbolic link 777 0:0' './twin regular file 4711 5:6')"
    is "$("$SC" exec cx stat -c %Y /o/t)" 1000000000
    gzip -c "$tar" | "$SC" cp - cx:/o
    sc_fails 1 cp - cx:/o/file <"$tar"
    expect_stderr 'must be a directory'
    sc_fails 1 cp - cx:/o/none <"$tar"
    sc_fails 1 cp - cx:/o <<<'no archive'
    sc_ok cp - cx:/o </dev/null
}

has_worker()
{
    worker=$(pgrep -P "$copier") && grep -q '^Seccomp:.*2$' "/proc/$worker/status"
}

@test "cp -: the archive is taken apart behind walls" {
    [ "$(id -u)" -eq 0 ] || skip "only root's walls are whole"
    [ "$SC_WHERE" != asan ] || skip "AddressSanitizer does not work behind them"
    local runs name left place seen
    layer "$BATS_TEST_TMPDIR/x.tar" <<'END'
file("f", "x" * 100000)
t.addfile(entry("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o624, uid=5))
t.addfile(entry("fifo", type=tarfile.FIFOTYPE, mode=0o642))
END
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    start 'mkdir /o'
    for runs in yes no; do
        "$SC" cp - cx:/o <"$BATS_TEST_TMPDIR/pipe" 3>&- &
        copier=$!
        exec 7>"$BATS_TEST_TMPDIR/pipe"
        head -c 50000 "$BATS_TEST_TMPDIR/x.tar" >&7
        wait_until has_worker
        for name in mnt net ipc uts; do
            [ "$(readlink "/proc/$worker/ns/$name")" != "$(readlink "/proc/self/ns/$name")" ]
            [ "$(readlink "/proc/$worker/ns/$name")" != "$(readlink "/proc/$copier/ns/$name")" ]
        done
        is "$(ls -A "/proc/$worker/root")" ""
        grep -q '^NoNewPrivs:.*1$' "/proc/$worker/status"
        matches "$(grep CapEff "/proc/$worker/status")" '000000008820001b$'
        # open: the stream, the socket, the tree, and the file that is being made with its directory
        [ "$(find "/proc/$worker/fd" -type l | wc -l)" -le 5 ]
        if [ "$runs" = yes ]; then
            [ -e "/proc/$worker/fd/4/dev/zero" ]
            run head -c 1 "/proc/$worker/fd/4/dev/zero"
            matches "$output" 'Permission denied'
        fi
        if [ "$runs" = no ]; then
            # who waits has the root of what is stopped: no device in it can be opened
            seen=0
            for place in "/proc/$copier/fd"/*/o/null; do
                run head -c 1 "$place"
                matches "$output" 'Permission denied'
                seen=1
            done
            is "$seen" 1
        fi
        tail -c +50001 "$BATS_TEST_TMPDIR/x.tar" >&7
        exec 7>&-
        wait "$copier"
        left=$(pgrep -P "$worker" || true)
        is "$left" ""
        [ "$runs" = no ] || sc_ok stop -t 0 cx
    done
    sc_ok start cx
    is "$("$SC" exec cx stat -c '%n %F %a %u' /o/f /o/null /o/fifo)" $'/o/f regular file 644 0\n/o/null character special file 624 5\n/o/fifo fifo 642 0'
    # A worker ends with who waits for it.
    "$SC" cp - cx:/o <"$BATS_TEST_TMPDIR/pipe" 3>&- &
    copier=$!
    exec 7>"$BATS_TEST_TMPDIR/pipe"
    wait_until has_worker
    kill -9 "$copier"
    wait "$copier" || is $? 137
    wait_until has_ended "$worker"
    exec 7>&-
    # A worker that is killed is told as what it is.
    "$SC" cp - cx:/o <"$BATS_TEST_TMPDIR/pipe" 2>"$BATS_TEST_TMPDIR/said" 3>&- &
    copier=$!
    exec 7>"$BATS_TEST_TMPDIR/pipe"
    wait_until has_worker
    kill -9 "$worker"
    exec 7>&-
    code=0
    wait "$copier" || code=$?
    is "$code" 1
    grep -q 'the process that unpacks it ended' "$BATS_TEST_TMPDIR/said"
}

# any-kernel: what is refused is no matter of the kernel
@test "cp: a socket, a link that leads to itself, and an archive to a terminal are refused" {
    start 'mkdir /d; ln -s loop /loop'
    (cd "$BATS_TEST_TMPDIR" && echo text >f && python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("s")')
    sc_fails 1 cp "$BATS_TEST_TMPDIR/s" cx:/d
    expect_stderr 'it is a socket'
    run_split timeout 60 "$SC" cp "$BATS_TEST_TMPDIR/f" cx:/loop
    is "$status" 1
    expect_stderr 'oo many'
    is "$("$SC" exec cx ls /d)" ''
    run script -qec "$SC cp cx:/d -" /dev/null
    is "$status" 1
    matches "$output" 'refusing to write an archive to a terminal'
}

@test "cp: volumes and tmpfs, running and stopped; a read-only root" {
    echo new >"$BATS_TEST_TMPDIR/f"
    mkdir "$BATS_TEST_TMPDIR/dir"
    sc_ok run -d --name cx -v vol:/vol -v "$BATS_TEST_TMPDIR/dir:/ro:ro" --tmpfs /mem --read-only base sleep 1000
    sc_ok cp "$BATS_TEST_TMPDIR/f" cx:/mem/f
    sc_ok cp "$BATS_TEST_TMPDIR/f" cx:/vol/f
    is "$("$SC" exec cx cat /mem/f /vol/f)" "$(printf 'new\nnew')"
    is "$("$SC" cp cx:/mem/f - | tar -xO)" new
    sc_fails 1 cp "$BATS_TEST_TMPDIR/f" cx:/root/f
    expect_stderr 'read-only file system'
    sc_fails 1 cp "$BATS_TEST_TMPDIR/f" cx:/ro/f
    sc_ok stop -t 0 cx
    sc_ok cp "$BATS_TEST_TMPDIR/f" cx:/vol/g
    is "$(ls "$SC_DATA_ROOT/volume/vol/_data")" "$(printf 'f\ng')"
    is "$("$SC" cp cx:/vol/f - | tar -xO)" new
    sc_fails 1 cp "$BATS_TEST_TMPDIR/f" cx:/root/f
    sc_fails 1 cp "$BATS_TEST_TMPDIR/f" cx:/ro/f
    is "$(ls -A "$BATS_TEST_TMPDIR/dir")" ""
    sc_ok create --name cy base cat /etc/f
    sc_ok cp "$BATS_TEST_TMPDIR/f" cy:/etc/f
    sc_ok start -a cy
    is "$output" new
}

@test "cp: a container in a user namespace: its ids are its own" {
    echo new >"$BATS_TEST_TMPDIR/f" && chown 5:6 "$BATS_TEST_TMPDIR/f"
    sc_ok run -d --name cx --uidmap 0:100000:1000 --gidmap 0:200000:1000 base sh -c 'echo a >/mine; touch /tmp/ready; exec sleep 1000'
    wait_until "$SC" exec cx test -e /tmp/ready
    sc_ok cp "$BATS_TEST_TMPDIR/f" cx:/f
    is "$("$SC" exec cx stat -c %u:%g /f)" 5:6
    is "$("$SC" cp cx:/mine - | tar -tv --numeric-owner | awk '{ print $2 }')" 0/0
    is "$("$SC" export cx | tar -tv --numeric-owner f mine bin/busybox | awk '{ print $2, $6 }' | sort)" "$(printf '0/0 bin/busybox\n0/0 mine\n5/6 f')"
    sc_ok diff cx
    is "$(grep -v tmp <<<"$output")" "$(printf 'A /f\nA /mine')"
    sc_ok commit cx mapped
    sc_ok run --rm mapped stat -c %u:%g /f /mine
    is "$output" "$(printf '5:6\n0:0')"
    sc_ok stop -t 0 cx
    sc_ok cp "$BATS_TEST_TMPDIR/f" cx:/g
    sc_ok start cx
    is "$("$SC" exec cx stat -c %u:%g /g /bin/busybox)" "$(printf '5:6\n0:0')"
    chown 1000 "$BATS_TEST_TMPDIR/f"
    sc_fails 1 cp "$BATS_TEST_TMPDIR/f" cx:/h
    expect_stderr "none of the container's ids"
}

@test "cp: links in a container lead nowhere out of it" {
    host_setup
    echo attack >"$BATS_TEST_TMPDIR/f"
    start "ln -s $HOST /abs; ln -s ../../../../../../../../../..$HOST /rel; mkdir /d; ln -s $HOST/secret /d/secret; ln -s /proc/1/root /d/magic; ln -s $HOST/made /d/made"
    for from in /abs/secret /rel/secret /d/secret /abs/.; do
        sc_fails 1 cp -L "cx:$from" "$BATS_TEST_TMPDIR/stolen"
    done
    for to in /abs/secret /rel/secret /abs/new /d/secret /d/made "/d/magic$HOST/secret"; do
        sc_fails 1 cp "$BATS_TEST_TMPDIR/f" "cx:$to"
    done
    sc_ok cp cx:/d "$BATS_TEST_TMPDIR/links"
    is "$(readlink "$BATS_TEST_TMPDIR/links/secret")" "$HOST/secret"
    # The host's links are in the way of a copy, and are replaced, not followed.
    mkdir "$BATS_TEST_TMPDIR/out"
    ln -s "$HOST/secret" "$BATS_TEST_TMPDIR/out/f"
    "$SC" exec cx sh -c 'mkdir /e; echo attack >/e/f'
    sc_ok cp cx:/e/. "$BATS_TEST_TMPDIR/out"
    is "$(cat "$BATS_TEST_TMPDIR/out/f")" attack
    [ ! -e "$BATS_TEST_TMPDIR/stolen" ]
    host_is_whole
}

@test "cp: a directory that becomes a link meanwhile leads nowhere either" {
    host_setup
    mkdir -p "$BATS_TEST_TMPDIR/src/d" "$BATS_TEST_TMPDIR/out"
    echo attack >"$BATS_TEST_TMPDIR/src/d/secret"
    start "mkdir -p /w/d; ln -s $HOST /w/l; (while :; do mv /w/d /w/e; mv /w/l /w/d; mv /w/d /w/l; mv /w/e /w/d; done) &"
    for i in 1 2 3 4 5 6 7 8; do
        # Whether a copy succeeds is a matter of chance; where it goes is not.
        "$SC" cp "$BATS_TEST_TMPDIR/src/." cx:/w 2>/dev/null || true
        "$SC" cp "$BATS_TEST_TMPDIR/src/d/secret" cx:/w/d/secret 2>/dev/null || true
        "$SC" cp -L cx:/w/d "$BATS_TEST_TMPDIR/out/$i" 2>/dev/null || true
    done
    host_is_whole
    run grep -rl '^secret' "$BATS_TEST_TMPDIR/out"
    is "$output" ""
}

@test "cp -: names and links of an archive stay below the directory" {
    host_setup
    start "mkdir /o; ln -s $HOST /o/there"
    refused()
    {
        layer "$BATS_TEST_TMPDIR/h.tar"
        sc_fails 1 cp - cx:/o <"$BATS_TEST_TMPDIR/h.tar"
    }
    refused <<<'file("../up", "attack")'
    expect_stderr 'its name has ".."'
    refused <<<'file("a/../../up", "attack")'
    refused <<<'hard("h", "../etc/passwd")'
    refused <<<'file("there/secret", "attack")'
    refused <<END
link("l", "$HOST")
file("l/secret", "attack")
END
    refused <<END
link("s", "$HOST/secret")
hard("s2", "s")
file("s2/x", "attack")
END
    refused <<<'file("f", "attack", pax_headers={"SCHILY.xattr.trusted.overlay.opaque": "y"})'
    # A name is from the directory, whatever it begins with; a link that is there is replaced.
    layer "$BATS_TEST_TMPDIR/h.tar" <<END
file("$HOST/secret", "inside")
link("last", "$HOST/secret")
file("last", "inside")
END
    sc_ok cp - cx:/o <"$BATS_TEST_TMPDIR/h.tar"
    is "$("$SC" exec cx cat "/o$HOST/secret" /o/last)" insideinside
    [ "$("$SC" exec cx ls -A / | grep -c up)" -eq 0 ]
    host_is_whole
}

@test "run: --volumes-from, and a volume without a name goes with its last container" {
    sc_ok run --name one -v vol:/vol -v /anon -v "$BATS_TEST_TMPDIR:/dir" --tmpfs /mem base sh -c 'echo v >/vol/f; echo a >/anon/f'
    sc_ok run --name two --volumes-from one:ro -v other:/dir base sh -c 'cat /vol/f /anon/f; echo x >/vol/g || ls /dir; [ ! -e /mem ]'
    is "$output" "$(printf 'v\na')"
    sc_ok rm -v one
    is "$(find "$SC_DATA_ROOT/volume" -mindepth 1 -maxdepth 1 | wc -l)" 3
    sc_ok start -a two
    is "$output" "$(printf 'v\na')"
    sc_ok rm -v two
    is "$(ls "$SC_DATA_ROOT/volume")" "$(printf 'other\nvol')"
    # with --rm too: of an owner that goes on, of one that goes first
    sc_ok run -d --name owner -v /anon base sh -c 'echo a >/anon/f; sleep 1000'
    wait_until "$SC" run --rm --volumes-from owner base cat /anon/f
    is "$("$SC" exec owner cat /anon/f)" a
    sc_ok rm -fv owner
    sc_ok run -d --rm --name owner -v /anon base sh -c 'echo a >/anon/f; sleep 1000'
    wait_until "$SC" exec owner test -s /anon/f
    sc_ok run -d --rm --name guest --volumes-from owner base sleep 1000
    sc_ok kill owner
    sc_fails 1 wait owner
    is "$("$SC" exec guest cat /anon/f)" a
    sc_ok kill guest
    sc_fails 1 wait guest
    is "$(ls "$SC_DATA_ROOT/volume")" "$(printf 'other\nvol')"
    sc_fails 125 run --rm --volumes-from nosuch base true
    expect_stderr 'no such container: "nosuch"'
    sc_fails 125 run --rm --volumes-from one:rx base true
}

@test "run: --annotation, --label-file, --no-healthcheck; ps -s; logs --details" {
    printf '# labels\n\na=1\n  b\nc=from file\n' >"$BATS_TEST_TMPDIR/labels"
    sc_ok run --name one --annotation k=v --annotation alone --label-file "$BATS_TEST_TMPDIR/labels" -l c=2 --no-healthcheck base sh -c 'echo hi; head -c 1000 /dev/zero >/new'
    is "$(jq -c .annotations "$SC_DATA_ROOT"/container/*/config.json)" '{"k":"v","alone":""}'
    sc_ok inspect one
    is "$(jq -cS '.[0].Config.Labels | {a, b, c}' <<<"$output")" '{"a":"1","b":"","c":"2"}'
    is "$(jq -c '.[0] | [.Config.Healthcheck.Test, .HostConfig.Annotations.k]' <<<"$output")" '[["NONE"],"v"]'
    sc_fails 125 run --label-file /no/such base true
    expect_stderr '--label-file'
    matches "$("$SC" ps -as --format '{{.Size}}')" '^1kB \(virtual [0-9.]+MB\)$'
    matches "$("$SC" ps -as | head -1)" 'NAMES +SIZE$'
    is "$("$SC" logs --details one)" ' hi'
    matches "$("$SC" logs --details -t one)" '^[0-9T:.-]+Z  hi$'
}

@test "inspect and rm of what is not there; one line of version; hosts" {
    for kind in volume network; do
        sc_fails 1 "$kind" inspect nosuch
        is "$output" '[]'
        expect_stderr "no such $kind: \"nosuch\""
    done
    sc_ok volume rm -f nosuch
    is "$output" nosuch
    for flag in --version -v; do
        sc_ok "$flag"
        matches "$output" '^sc version [0-9.]+$'
    done
    sc_ok run --rm base grep -c -e '^fe00::0' -e '^ff00::0' /etc/hosts
    is "$output" 2
}
