#!/usr/bin/env bats
# Layers as EROFS images: the same trees as directories, the same containers, and what says which of the two is used.
load helpers
load archives

setup()
{
    [ "$(id -u)" -eq 0 ] || skip "only root mounts images"
    grep -qw erofs /proc/filesystems || modprobe erofs 2>/dev/null || skip "this kernel has no EROFS"
    sc_setup
    tools=$BATS_TEST_DIRNAME/../tools
    kinds=erofs
    [ "$("$SC" info --format '{{.LayerBackend}}')" != erofs ] || kinds="erofs index"
}

# with BACKEND COMMAND...: sc with another store, whose layers are kept that way.
with()
{
    local backend=$1
    shift
    env SC_DATA_ROOT="$BATS_TEST_TMPDIR/$backend" SC_LAYER_BACKEND="$backend" "$SC" "$@"
}

# tree_of STORE: what the only layer of a store holds. An index is mounted by sc, as mount(8) would need two loop devices.
tree_of()
{
    local image=("$BATS_TEST_TMPDIR/$1"/layer/*/erofs) dir=("$BATS_TEST_TMPDIR/$1"/layer/*/diff)
    case $1 in
    erofs)
        # shellcheck disable=SC2016
        unshare --mount sh -c 'mount -t erofs -o ro "$1" "$2" && python3 "$3" "$2"' sh "${image[0]}" "${dir[0]}" "$tools/tree-list"
        ;;
    index)
        mkdir -p "$BATS_TEST_TMPDIR/mounted"
        with index image mount x:1 "$BATS_TEST_TMPDIR/mounted" >/dev/null
        python3 "$tools/tree-list" "$BATS_TEST_TMPDIR/mounted"
        umount "$BATS_TEST_TMPDIR/mounted"
        ;;
    *) python3 "$tools/tree-list" "${dir[0]}" ;;
    esac
}

# same FILE: a layer is the same tree in all of them, and fsck.erofs agrees (Debian's knows blocks of 4096 bytes only, and no index);
# or all refuse it with the same words.
same()
{
    local directory=0 kind status
    rm -rf "$BATS_TEST_TMPDIR/directory"
    with directory import "$1" x:1 >"$BATS_TEST_TMPDIR/directory.out" 2>&1 || directory=$?
    [ "$directory" -ne 0 ] || tree_of directory >"$BATS_TEST_TMPDIR/directory.tree"
    for kind in $kinds; do
        rm -rf "${BATS_TEST_TMPDIR:?}/$kind"
        status=0
        with "$kind" import "$1" x:1 >"$BATS_TEST_TMPDIR/$kind.out" 2>&1 || status=$?
        is "$status" "$directory"
        if [ "$status" -ne 0 ]; then
            diff "$BATS_TEST_TMPDIR/$kind.out" "$BATS_TEST_TMPDIR/directory.out"
            continue
        fi
        [ "$kind" = index ] || fsck.erofs "$BATS_TEST_TMPDIR"/erofs/layer/*/erofs
        tree_of "$kind" >"$BATS_TEST_TMPDIR/$kind.tree"
        diff "$BATS_TEST_TMPDIR/$kind.tree" "$BATS_TEST_TMPDIR/directory.tree"
    done
    if [ "$directory" -ne 0 ]; then
        refused=$((refused + 1))
    else
        kept=$((kept + 1))
    fi
}

@test "erofs: one of everything is the tree that a directory has" {
    layer "$BATS_TEST_TMPDIR/a.tar" <<'END'
dir("./", mode=0o751, uid=1, gid=2, mtime=77, pax_headers={"SCHILY.xattr.user.top": "t"})
file("su", "x", mode=0o6755, mtime=1234567890.25)
file("before", "x", mtime=-5)
file("mine", "x" * 5000, uid=4000000000, gid=34, mode=0o640)
hard("dir/again", "mine")
hard("dir/more", "dir/again")
file("gone", "x")
hard("gone-too", "gone")
file("gone", "y")
link("absolute", "/data/anything")
link("sub", "dir/deeper")
file("dir/deeper/x", "x")
file("sub/through", "x")
for size in (0, 2048, 2049, 4096, 4097, 100000): file("size/%d" % size, "s" * size)
for i in range(700): file("many/%s%d" % ("n" * (i % 200), i), "")
for name in ("!", ".a", "..a", "-", "\xe9", " "): file("odd/" + name, "")
t.addfile(entry("zero", type=tarfile.CHRTYPE, devmajor=1, devminor=5, mode=0o666))
t.addfile(entry("large", type=tarfile.BLKTYPE, devmajor=259, devminor=70000, mode=0o660))
t.addfile(entry("pipe", type=tarfile.FIFOTYPE, mode=0o600))
file("noted", "x", pax_headers={"SCHILY.xattr.user.note": "hello", "SCHILY.xattr.user.empty": ""})
dir("hides"); file("hides/.wh..wh..opq"); file("hides/new", "n")
file("over/.wh.this"); file("over/.wh.that"); dir("over/that"); file(".wh.size")
dir("shut", mode=0o000)
END
    # as root is wont to: capabilities, and a file with holes
    mkdir "$BATS_TEST_TMPDIR/tree"
    python3 - "$BATS_TEST_TMPDIR/tree" <<'END'
import os, sys
with open(sys.argv[1] + "/able", "wb") as f: f.write(b"x")
os.setxattr(sys.argv[1] + "/able", "security.capability", bytes.fromhex("0100000200040000000000000000000000000000"))
with open(sys.argv[1] + "/holes", "wb") as f:
    f.write(b"a"); f.seek(300000); f.write(b"b"); f.seek(9000000); f.write(b"c"); f.truncate(20000001)
END
    tar -C "$BATS_TEST_TMPDIR/tree" --xattrs --xattrs-include='security.*' --sparse -cf "$BATS_TEST_TMPDIR/b.tar" .
    refused=0 kept=0
    same "$BATS_TEST_TMPDIR/a.tar"
    same "$BATS_TEST_TMPDIR/b.tar"
    grep -q '^/able .*security.capability=0100000200' "$BATS_TEST_TMPDIR/erofs.tree"
    # nobody writes the zeros of a hole
    [ "$(du -k "$BATS_TEST_TMPDIR"/erofs/layer/*/erofs | cut -f 1)" -lt 400 ]
    is "$refused $kept" "0 2"
}

# any-kernel: what it makes is compared, and smaller tests mount it
@test "erofs: layers at random are the same trees, or refused in the same words" {
    refused=0 kept=0
    mkdir "$BATS_TEST_TMPDIR/random"
    "$tools/random-layers" 1 20 "$BATS_TEST_TMPDIR/random"
    for file in "$BATS_TEST_TMPDIR"/random/*.tar; do same "$file"; done
    [ "$refused" -gt 2 ]
    [ "$kept" -gt 8 ]
}

@test "erofs: the same layer is the same image, byte for byte" {
    layer "$BATS_TEST_TMPDIR/a.tar" <<<'for i in range(50): file("d%d/f" % (i % 7), "x" * i, pax_headers={"SCHILY.xattr.user.a": str(i)})'
    with erofs import "$BATS_TEST_TMPDIR/a.tar" x:1
    cp "$BATS_TEST_TMPDIR"/erofs/layer/*/erofs "$BATS_TEST_TMPDIR/first"
    rm -r "$BATS_TEST_TMPDIR/erofs"
    with erofs import "$BATS_TEST_TMPDIR/a.tar" x:1
    cmp "$BATS_TEST_TMPDIR"/erofs/layer/*/erofs "$BATS_TEST_TMPDIR/first"
}

@test "erofs: containers on several layers: hidden, replaced, written to, mapped to other ids, with a volume" {
    export SC_LAYER_BACKEND=erofs
    layer "$BATS_TEST_TMPDIR/a.tar" <<'END'
file("data/kept", "from a"); file("data/removed", "from a"); file("opaque/x", "from a"); file("private/old", "from a")
dir("private", mode=0o700, uid=7, gid=8)
END
    layer "$BATS_TEST_TMPDIR/b.tar" <<'END'
file("data/.wh.removed"); file("opaque/.wh..wh..opq"); file("opaque/y", "from b"); file("private/new", "from b")
END
    archive "$BATS_TEST_TMPDIR/x.tar" stack:1 base "$BATS_TEST_TMPDIR/a.tar" "$BATS_TEST_TMPDIR/b.tar"
    # with the layer of base, which is small and may be a directory
    sc_ok rmi base
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    is "$(find "$SC_DATA_ROOT/layer" -name erofs | wc -l)" 3
    sc_ok run --rm stack:1 sh -c 'ls /data /opaque /private; stat -c %a:%u:%g /private'
    is "$output" $'/data:\nkept\n\n/opaque:\ny\n\n/private:\nnew\nold\n700:7:8'
    sc_ok run --rm stack:1 sh -c 'echo changed >/data/kept; rm -r /opaque; cat /data/kept'
    is "$output" changed
    sc_ok run --rm --uidmap 0:100000:65536 stack:1 sh -c 'stat -c %u:%g /private /bin/busybox; touch /private/x'
    is "$output" $'7:8\n0:0'
    sc_ok run --rm -v box:/data stack:1 sh -c 'ls /data'
    is "$output" kept
    sc_ok run --rm --user 7 stack:1 ls /private
    is "$output" $'new\nold'
    sc_ok image unpack stack:1 "$BATS_TEST_TMPDIR/out"
    is "$(cat "$BATS_TEST_TMPDIR/out/data/kept" "$BATS_TEST_TMPDIR/out/opaque/y")" "from afrom b"
}

# cached NAME: pages of its /bin/busybox that are in memory, which a container of another mount of the image would not share
cached() { fincore -bno PAGES "/proc/$(with erofs inspect -f '{{.State.Pid}}' "$1")/root/bin/busybox"; }

@test "erofs: containers of one image share its pages, whoever of them ends first" {
    dpkg --compare-versions "$(uname -r)" ge 6.15 || skip "this kernel copies no detached mount"
    local links=$SC_RUN_ROOT/layer pid
    with erofs run -d --name first base sleep 1000
    with erofs run -d --name second base sleep 1000
    with erofs exec second cat /bin/busybox >/dev/null
    local all
    all=$(cached second)
    [ "$all" -gt 100 ]
    is "$(cached first)" "$all"
    # who took it offers nothing; the first one's end withdraws the offer, and takes nothing from the second
    is "$(find "$links" -type l | wc -l)" 1
    with erofs rm -f first
    is "$(find "$links" -type l | wc -l)" 0
    is "$(cached second)" "$all"
    # a monitor that is killed leaves a link that nobody follows, and the next one's in its place
    with erofs run -d --name third base sleep 1000
    pid=$(readlink "$links"/*)
    kill -KILL "${pid%%.*}"
    with erofs wait third >/dev/null
    with erofs run -d --name fourth base sleep 1000
    [ "$pid" != "$(readlink "$links"/*)" ]
    with erofs run --rm base true
    with erofs rm -f second third fourth
    is "$(find "$links" -type l | wc -l)" 0
}

# any-kernel: what it makes is compared, and smaller tests mount it
@test "erofs: system fsck names what differs, and only its layer is replaced" {
    export SC_LAYER_BACKEND=erofs
    layer "$BATS_TEST_TMPDIR/many.tar" <<<'for i in range(30): file("d%d/f" % i, chr(65 + i) * 5000)'
    archive "$BATS_TEST_TMPDIR/x.tar" many:1 base "$BATS_TEST_TMPDIR/many.tar"
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    sc_ok system fsck
    expect_output ": 0 problems"
    local image at
    image=$(grep -l DDDDDDDDD "$SC_DATA_ROOT"/layer/*/erofs)
    cp "$image" "$BATS_TEST_TMPDIR/whole"
    for at in A M Z; do
        python3 - "$image" "$at" <<'END'
import sys
with open(sys.argv[1], "r+b") as f:
    f.seek(f.read().index(sys.argv[2].encode() * 4000) + 123)
    f.write(b"?")
END
        sc_fails 1 system fsck
        is "$(grep -c ': its content differs$' <<<"$output")" 1
        expect_output ": /d$(($(printf %d "'$at") - 65))/f: its content differs"
        sc_ok system fsck --repair
        expect_output "1 problems, 1 repaired"
        cmp "$image" "$BATS_TEST_TMPDIR/whole"
    done
    # Cut short, it can still be told, and mended.
    truncate -s 8192 "$image"
    sc_fails 1 system fsck
    sc_ok system fsck --repair
    cmp "$image" "$BATS_TEST_TMPDIR/whole"
    # A store may be changed to directories and back, layer by layer.
    rm "$image"
    sc_fails 1 system fsck
    SC_LAYER_BACKEND=directory sc_ok system fsck --repair
    [ ! -e "$image" ]
    sc_ok run --rm many:1 head -c 3 /d1/f
    is "$output" BBB
}

@test "erofs: unasked, small layers stay directories and large ones are images" {
    [ "$("$SC" info --format '{{.LayerBackend}}')" = erofs ] || skip "this kernel mounts no image files"
    layer "$BATS_TEST_TMPDIR/small.tar" <<<'file("small", "s" * 4000000)'
    layer "$BATS_TEST_TMPDIR/large.tar" <<<'file("large", "l" * 5000000)'
    archive "$BATS_TEST_TMPDIR/x.tar" both:1 base "$BATS_TEST_TMPDIR/small.tar" "$BATS_TEST_TMPDIR/large.tar"
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    is "$(find "$SC_DATA_ROOT/layer" -name erofs | wc -l)" 1
    # which is an index of the blob: what the file holds is there once
    is "$(find "$SC_DATA_ROOT/layer" -name erofs -size -200k | wc -l)" 1
    is "$(find "$SC_DATA_ROOT/layer" -name erofs.tar -samefile "$(find "$SC_DATA_ROOT/image/blobs" -size +4M)" | wc -l)" 1
    is "$(find "$SC_DATA_ROOT/layer" -path '*/diff/small' | wc -l)" 1
    # as sc itself says; the layer of base is there once, though two images have it
    sc_ok info --format '{{.Layers.directory}} {{.Layers.erofs}} {{.Layers.index}}'
    is "$output" "2 0 1"
    sc_ok system df -v
    is "$(sed '1,/^LAYER ID /d' <<<"$output" | awk '{ print $2, $3, $4 }' | tail -n 2)" $'directory 4MB 1\nindex 5MB 1'
    sc_ok system df -v --format json
    is "$(jq -c '.Layers | map([.KeptAs, .Images]) | sort' <<<"$output")" '[["directory","1"],["directory","2"],["index","1"]]'
    # a layer that is not there, of a blob that is: the index is of that blob, not of what came once more
    rm -r "$SC_DATA_ROOT"/layer/*
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    is "$(find "$SC_DATA_ROOT/layer" -name erofs.tar -samefile "$(find "$SC_DATA_ROOT/image/blobs" -size +4M)" | wc -l)" 1
    SC_LAYER_BACKEND=erofs sc_ok import "$BATS_TEST_TMPDIR/small.tar" kept:1
    sc_ok info --format '{{.Layers.directory}} {{.Layers.erofs}} {{.Layers.index}}'
    is "$output" "2 1 1"
    sc_ok run --rm both:1 sh -c 'cat /small /large | wc -c'
    is "$output" 9000000
}

@test "erofs: sc info says which is used and why; a word that is none is refused" {
    sc_ok info --format '{{.LayerBackend}}: {{.LayerBackendReason}}'
    matches "$output" '^(erofs: this kernel mounts image files|directory: the kernel mounts EROFS images of the store.s file system by loop devices only)'
    SC_LAYER_BACKEND=directory sc_ok info --format '{{.LayerBackend}}: {{.LayerBackendReason}}'
    is "$output" "directory: asked for by SC_LAYER_BACKEND"
    SC_LAYER_BACKEND=zfs sc_fails 1 info
    expect_error 1 'SC_LAYER_BACKEND: "zfs" is no way to keep layers'
    SC_LAYER_BACKEND=zfs sc_fails 1 import "$BATS_TEST_TMPDIR/none.tar"
    expect_error 1 'SC_LAYER_BACKEND: "zfs" is no way to keep layers'
}

@test "erofs: an index and its blob: containers outlive the image, layers share the blob, fsck tells what is damaged" {
    [[ $kinds == *index* ]] || skip "this kernel mounts no image files"
    export SC_LAYER_BACKEND=index
    layer "$BATS_TEST_TMPDIR/a.tar" <<<'file("a", "A" * 6000); file("own", "x", uid=7, gid=8)'
    layer "$BATS_TEST_TMPDIR/b.tar" <<<'file("b", "B" * 6000); hard("d/again", "b")'
    archive "$BATS_TEST_TMPDIR/x.tar" one:1 base "$BATS_TEST_TMPDIR/a.tar" "$BATS_TEST_TMPDIR/b.tar"
    archive "$BATS_TEST_TMPDIR/y.tar" two:1 base "$BATS_TEST_TMPDIR/b.tar"
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    sc_ok load -i "$BATS_TEST_TMPDIR/y.tar"
    # the blob, and two layers of it on different ones below
    is "$(find "$SC_DATA_ROOT/layer" -name erofs.tar -links 3 | wc -l)" 2
    sc_ok run --rm --uidmap 0:100000:65536 one:1 sh -c 'stat -c %u:%g /own /b; head -c 2 /a /d/again'
    is "$output" $'7:8\n0:0\n==> /a <==\nAA\n==> /d/again <==\nBB'
    sc_ok run -d --name user one:1 sleep 1000
    sc_ok rmi -f one:1
    sc_ok exec user tail -c 3 /a
    is "$output" AAA
    sc_ok run --rm two:1 tail -c 3 /b
    is "$output" BBB
    sc_ok rm -f user
    sc_ok system prune -f
    is "$(find "$SC_DATA_ROOT/layer" -name erofs.tar -links 2 | wc -l)" 1
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    sc_ok system fsck
    expect_output ": 0 problems"
    # what is wrong in the image is mended
    local image
    image=$(find "$SC_DATA_ROOT/layer" -name erofs -newer "$BATS_TEST_TMPDIR/y.tar" -exec grep -l again {} + | head -n 1)
    cp "$image" "$BATS_TEST_TMPDIR/whole"
    sed -i 's/again/Again/' "$image"
    sc_fails 1 system fsck
    expect_output ": /d/Again: it should not be there"
    sc_ok system fsck --repair
    cmp "$image" "$BATS_TEST_TMPDIR/whole"
    # nor is an image mounted whose blob is not there, or not all of it
    mv "$image.tar" "$BATS_TEST_TMPDIR/away"
    sc_fails 125 run --rm one:1 true
    expect_stderr "tructure needs cleaning"
    truncate -s 512 "$image.tar"
    sc_fails 125 run --rm one:1 true
    sc_ok system fsck --repair
    expect_output "1 problems, 1 repaired"
    # what is wrong in the blob is told, of each layer that has files there; another blob of the same content mends it
    printf b | dd of="$image.tar" bs=1 seek=600 conv=notrunc status=none
    sc_fails 1 system fsck --repair
    is "$(grep -c '^blob .*: its content is sha256:' <<<"$output")" 1
    is "$(grep -c '^layer .*: it cannot be compared: unpack layer .*: its content is' <<<"$output")" 2
    sc_ok rmi one:1 two:1
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    sc_ok system fsck
    sc_ok run --rm one:1 sh -c 'tr -d B </b'
    is "$output" ""
}
