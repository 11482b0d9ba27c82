#!/usr/bin/env bats
# Images as trees: unpack, mount, diff and tree, and whether the store still holds what was put into it.
# no-vm: the store does not meet the kernel
load helpers
load archives

# stack NAME: an image of two layers over nothing, the upper one hiding, replacing and completing the lower.
stack()
{
    layer "$BATS_TEST_TMPDIR/a.tar" <<'END'
file("data/kept", "from a", mtime=1000000000)
file("data/replaced", "from a")
file("data/removed", "from a")
hard("data/twin", "data/kept")
file("opaque/x", "from a")
dir("private", mode=0o700, uid=7, gid=8, mtime=1234567890)
file("suid", "s", mode=0o4755, pax_headers={"SCHILY.xattr.user.color": "red"})
link("link", "../../etc/passwd")
t.addfile(entry("null", type=tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666))
t.addfile(entry("pipe", type=tarfile.FIFOTYPE, mode=0o640))
END
    layer "$BATS_TEST_TMPDIR/b.tar" <<'END'
file("data/replaced", "from b", uid=3)
file("data/.wh.removed")
file("opaque/.wh..wh..opq")
file("opaque/y", "from b")
file("private/added", "from b")
END
    archive "$BATS_TEST_TMPDIR/x.tar" "$1" "$BATS_TEST_TMPDIR/a.tar" "$BATS_TEST_TMPDIR/b.tar"
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
}

# The layers of this test, and base's, are directories: their files can be changed.
in_directories()
{
    export SC_LAYER_BACKEND=directory
    sc_ok system prune -af
    sc_ok run --rm base true
}

# Everything about every file of a directory.
listing()
{
    (cd "$1" && find . -printf '%P %y %m %U:%G %l %T@ ' -exec stat -c '%t:%T' {} \; | sort && getfattr -Rhd -m user . | sort)
}

# flip FILE OFFSET: changes one bit, and leaves the times as they are.
flip()
{
    python3 - "$1" "$2" <<'END'
import os, sys
st = os.stat(sys.argv[1])
with open(sys.argv[1], "r+b") as f:
    f.seek(int(sys.argv[2]))
    byte = f.read(1)[0]
    f.seek(int(sys.argv[2]))
    f.write(bytes([byte ^ 4]))
os.utime(sys.argv[1], ns=(st.st_atime_ns, st.st_mtime_ns))
END
}

@test "image unpack: what containers see, whole" {
    stack two:1
    local out=$BATS_TEST_TMPDIR/out
    sc_ok image unpack two:1 "$out"
    is "$output" ""
    is "$(cat "$out/data/kept" "$out/data/replaced" "$out/opaque/y" "$out/private/added")" "from afrom bfrom bfrom b"
    [ ! -e "$out/data/removed" ]
    [ ! -e "$out/opaque/x" ]
    is "$(find "$out" -name '.wh.*')" ""
    is "$(stat -c '%a %u %g' "$out/private" "$out/suid")" "700 7 8
4755 0 0"
    is "$(stat -c %Y "$out/data/kept")" 1000000000
    is "$(stat -c %i "$out/data/kept")" "$(stat -c %i "$out/data/twin")"
    is "$(readlink "$out/link")" ../../etc/passwd
    is "$(stat -c '%F %t:%T %a' "$out/null")" "character special file 1:3 666"
    is "$(stat -c '%F %a' "$out/pipe")" "fifo 640"
    is "$(getfattr --only-values -n user.color "$out/suid")" red
    # Into an empty directory as well; into no other.
    mkdir "$BATS_TEST_TMPDIR/empty"
    sc_ok image unpack two:1 "$BATS_TEST_TMPDIR/empty/"
    is "$(listing "$BATS_TEST_TMPDIR/empty")" "$(listing "$out")"
    sc_fails 1 image unpack two:1 "$out"
    expect_error 1 "the directory is not empty"
    sc_fails 1 image unpack nosuch "$BATS_TEST_TMPDIR/new"
    expect_error 1 'no such image: "nosuch"'
    [ ! -e "$BATS_TEST_TMPDIR/new" ]
    is "$(find "$BATS_TEST_TMPDIR" -maxdepth 1 -name '*.sc-*')" ""
}

@test "image unpack: a file that is nearly all hole takes no more room in the copy" {
    local backend dir=$BATS_TEST_TMPDIR/dir out
    mkdir "$dir"
    truncate -s 1G "$dir/end"
    echo x | dd of="$dir/end" conv=notrunc bs=1M seek=10 status=none
    cp --sparse=always "$dir/end" "$dir/middle"
    echo y >>"$dir/middle"
    tar -C "$dir" -Scf "$dir.tar" .
    for backend in directory erofs; do
        [ "$backend" = directory ] || [ "$(id -u)" -eq 0 ] || continue
        SC_LAYER_BACKEND=$backend sc_ok import "$dir.tar" sparse:1
        out=$BATS_TEST_TMPDIR/$backend
        sc_ok image unpack sparse:1 "$out"
        is "$(stat -c %s "$out/end" "$out/middle")" "$(stat -c %s "$dir/end" "$dir/middle")"
        [ "$(du -sk "$out" | cut -f1)" -lt 3000 ]
        is "$(dd if="$out/end" bs=1M skip=10 count=1 status=none | head -c 2)" x
        is "$(tail -c 2 "$out/middle")" y
    done
}

@test "image mount: read-only, where it is asked for, until it is unmounted" {
    local out=$BATS_TEST_TMPDIR/out
    stack two:1
    sc_ok image mount two:1
    local place=$output
    sc_ok image mount two:1
    is "$output" "$place"
    sc_ok image mount
    is "$output" "docker.io/library/two:1 $place"
    sc_ok image unpack two:1 "$out"
    is "$(listing "$place")" "$(listing "$out")"
    run touch "$place/new"
    [ "$status" -ne 0 ]
    sc_ok image umount two:1
    [ ! -e "$place" ]
    sc_fails 1 image umount two:1
    expect_error 1 "it is not mounted"
    mkdir "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR"
    sc_ok image mount base ./here
    is "$(./here/bin/busybox echo works)" works
    sc_ok image umount ./here
    is "$(ls here)" ""
}

@test "rmi: an image that is mounted stays, by force without its name" {
    local place=$BATS_TEST_TMPDIR/place before=$BATS_TEST_TMPDIR/before-listing id
    mkdir "$place"
    stack two:1
    sc_ok image mount two:1
    local own=$output
    sc_fails 1 rmi two:1
    expect_stderr "image \"two:1\" is mounted on \"$own\"; unmount it first"
    sc_ok image umount two:1
    # a place that somebody named
    sc_ok image mount two:1 "$place"
    listing "$place" >"$before"
    sc_fails 1 rmi two:1
    expect_stderr "is mounted on \"$place\""
    sc_ok image inspect two:1 --format '{{.Id}}'
    id=$output
    sc_ok rmi -f two:1
    is "$output" "Untagged: two:1"
    # base goes, and what nobody needs is swept
    sc_ok image prune -a -f
    expect_output "untagged: base:latest"
    is "$(listing "$place")" "$(cat "$before")"
    # unmounted by others: then it is no longer in use
    umount "$place"
    sc_ok rmi "$id"
    expect_output "Deleted: $id"
    is "$(ls "$SC_DATA_ROOT/mount")" ""
}

@test "image diff: added, changed and deleted, from the first to the second" {
    stack two:1
    mkdir "$BATS_TEST_TMPDIR/out"
    sc_ok image diff two:1 two:1
    is "$output" ""
    sc_ok image unpack two:1 "$BATS_TEST_TMPDIR/out"
    cd "$BATS_TEST_TMPDIR/out"
    echo from x >data/kept
    rm -r opaque
    mkdir -p added/below
    chmod 711 private
    touch suid
    ln -sfn elsewhere link
    sc_ok import "$BATS_TEST_TMPDIR/out" changed
    sc_ok image diff two:1 changed
    is "$output" "A /added
C /data/kept
C /data/twin
C /link
D /opaque
C /private"
}

@test "image tree: names and layers with their sizes" {
    stack two:1
    sc_ok tag two:1 other:2
    sc_ok image tree two:1
    matches "${lines[0]}" '^Image ID: [0-9a-f]{12}$'
    is "${lines[1]}" "Tags:     [other:2 two:1]"
    is "${lines[2]}" "Size:     43B"
    matches "${lines[4]}" '^├── ID: [0-9a-f]{12} Size: 25B$'
    matches "${lines[5]}" '^└── ID: [0-9a-f]{12} Size: 18B Top Layer of: \[other:2 two:1\]$'
    sc_ok image tree --no-trunc two:1
    matches "${lines[5]}" '^└── ID: [0-9a-f]{64} '
}

@test "system fsck: a changed bit in any file is found, and only its layer is replaced" {
    in_directories
    layer "$BATS_TEST_TMPDIR/many.tar" <<<'
for i in range(40): file("d%d/f" % i, "x" * (i * i + 1))'
    archive "$BATS_TEST_TMPDIR/x.tar" many:1 base "$BATS_TEST_TMPDIR/many.tar"
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    sc_ok system fsck
    expect_output ": 0 problems"
    local top base at
    top=$(dirname "$(find "$SC_DATA_ROOT/layer" -path '*/diff/d7')")
    base=$(find "$SC_DATA_ROOT/layer" -path '*/diff/bin/busybox')
    listing "$top" >"$BATS_TEST_TMPDIR/whole"
    local inode
    inode=$(stat -c %i "$base")
    # Two at a time: each must be named.
    for at in 0 9 20 31; do
        flip "$top/d$at/f" $((at * at))
        flip "$top/d$((at + 3))/f" 0
        sc_fails 1 system fsck
        is "$(grep -c ': its content differs$' <<<"$output")" 2
        expect_output ": /d$at/f: its content differs"
        expect_output ": /d$((at + 3))/f: its content differs"
        sc_ok system fsck --repair
        expect_output "2 problems, 2 repaired"
        sc_ok system fsck
        expect_output ": 0 problems"
    done
    listing "$top" >"$BATS_TEST_TMPDIR/after"
    diff "$BATS_TEST_TMPDIR/whole" "$BATS_TEST_TMPDIR/after"
    is "$(stat -c %i "$base")" "$inode"
    is "$(find "$SC_DATA_ROOT/layer" -maxdepth 1 -name 'tmp-*')" ""
}

@test "system fsck: a bit in each of 500 files, in both kinds of layers: each is named, and their layer alone is replaced" {
    local backend image base
    layer "$BATS_TEST_TMPDIR/many.tar" <<<'for i in range(500): file("d%d/f%d" % (i % 7, i), "<%d>" % i * (i + 1))'
    archive "$BATS_TEST_TMPDIR/x.tar" many:1 base "$BATS_TEST_TMPDIR/many.tar"
    for backend in directory "$("$SC" info --format '{{.LayerBackend}}')"; do
        export SC_LAYER_BACKEND=$backend SC_DATA_ROOT=$BATS_TEST_TMPDIR/$backend
        sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
        image=$(grep -rlF '<499><499>' "$SC_DATA_ROOT/layer" | head -n 1)
        image=${image#"$SC_DATA_ROOT/layer/"}
        image=$SC_DATA_ROOT/layer/${image%%/*}
        base=$(find "$SC_DATA_ROOT/layer" -name size -not -path "$image/*")
        base=$(stat -c '%i %n' "$base")
        # one bit of each file's content, wherever that is
        python3 - "$image" <<'END'
import os, sys
for where, _, files in os.walk(sys.argv[1]):
    for name in files:
        if name in ("size", "blob"):
            continue
        path = os.path.join(where, name)
        times = os.stat(path)
        with open(path, "r+b") as file:
            data = bytearray(file.read())
            for i in range(500):
                at = data.find(b"<%d>" % i * (i + 1)) if name in ("erofs", "f%d" % i) else -1
                if at >= 0:
                    data[at + i % 3] ^= 1 << i % 8
            file.seek(0)
            file.write(data)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
END
        sc_fails 1 system fsck
        is "$(grep -c ': its content differs$' <<<"$output")" 500
        sc_ok system fsck --repair
        expect_output "500 problems, 500 repaired"
        sc_ok system fsck
        expect_output ": 0 problems"
        is "$(stat -c '%i %n' "${base#* }")" "$base"
    done
}

@test "system fsck: owners, modes, links, attributes, what is missing and what is too much" {
    in_directories
    stack two:1
    local lower
    lower=$(dirname "$(find "$SC_DATA_ROOT/layer" -path '*/diff/suid')")
    chmod 755 "$lower/suid"
    chown 9 "$lower/null"
    ln -sfn else "$lower/link"
    rm "$lower/data/removed"
    cp -p "$lower/data/kept" "$lower/data/copy"
    mv "$lower/data/copy" "$lower/data/twin"
    touch "$lower/opaque/extra"
    setfattr -n user.more -v x "$lower/opaque/x"
    rm "$lower/pipe"
    mkdir "$lower/pipe"
    sc_fails 1 system fsck
    expect_output ": /suid: its mode differs"
    expect_output ": /null: its owner differs"
    expect_output ": /link: its t"
    expect_output ": /data/removed: it is missing"
    expect_output ": /data/twin: its hard links differ"
    expect_output ": /opaque/extra: it should not be there"
    expect_output ": /opaque/x: its extended attributes differ"
    expect_output ": /pipe: its type differs"
    sc_ok system fsck --repair
    sc_ok system fsck
    # A layer that is gone altogether.
    rm -r "$(dirname "$lower")"
    sc_fails 1 system fsck
    expect_output "it is not unpacked"
    sc_ok system fsck --repair
    sc_ok system fsck
    sc_ok image unpack two:1 "$BATS_TEST_TMPDIR/out"
    is "$(cat "$BATS_TEST_TMPDIR/out/data/twin")" "from a"
}

@test "system fsck: a layer whose size is recorded wrong is told, and mended" {
    local size=("$SC_DATA_ROOT"/layer/*/size) whole
    whole=$(cat "${size[0]}")
    printf 1 >"${size[0]}.new"
    mv "${size[0]}.new" "${size[0]}"
    sc_fails 1 system fsck
    expect_output ": its recorded size is not that of its files"
    sc_ok system fsck --repair
    expect_output "1 problems, 1 repaired"
    is "$(cat "${size[0]}")" "$whole"
}

@test "system fsck: a damaged blob is named, and not mended" {
    stack two:1
    local blob
    blob=$SC_DATA_ROOT/image/blobs/sha256/$(sha256sum "$BATS_TEST_TMPDIR/a.tar" | cut -d' ' -f1)
    flip "$blob" 600
    sc_fails 1 system fsck
    expect_output "blob sha256:$(basename "$blob"): its content is sha256:"
    expect_stderr "problems are left"
    sc_fails 1 system fsck --repair
    expect_stderr "get them again"
    flip "$blob" 600
    sc_ok system fsck
}

@test "system fsck: no layer is taken from under a running container" {
    sc_ok run -d --name busy base sleep 1000
    sc_ok system fsck
    sc_fails 1 system fsck --repair
    expect_error 1 'container "busy" runs on it'
    sc_ok rm -f busy
    sc_ok system fsck --repair
}
