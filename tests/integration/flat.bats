#!/usr/bin/env bats
# Many small layers, kept once more as the one that they are together: the same container, and a start that mounts one.
load helpers
load archives

# exported FILE: what a container of stack:1 has
exported()
{
    local id
    id=$("$SC" create --network none stack:1)
    "$SC" export -o "$1" "$id"
    "$SC" rm "$id" >/dev/null
}

# mounted COUNT: so many layers does the start of a container mount
mounted()
{
    sc_ok run --rm --network none --dry-run stack:1 sh
    expect_output "mount overlay of $1 layer"
}

# same SEED BASE COUNT: layers at random are the same tree, to the last attribute, as one layer and as many
same()
{
    local flat
    "$TESTS/random-stack.py" "$1" 20 "$2" "$BATS_TEST_TMPDIR/stack.tar"
    sc_ok load -i "$BATS_TEST_TMPDIR/stack.tar"
    mounted "$3"
    exported "$BATS_TEST_TMPDIR/flat.tar"
    sc_ok system fsck
    expect_output ": 0 problems"
    flat=$(echo "$SC_DATA_ROOT"/layer/*/flat)
    [ ! -f "$flat/erofs" ] || fsck.erofs "$flat/erofs"
    mv "$flat" "$BATS_TEST_TMPDIR/away"
    mounted 21
    exported "$BATS_TEST_TMPDIR/layers.tar"
    cmp "$BATS_TEST_TMPDIR/flat.tar" "$BATS_TEST_TMPDIR/layers.tar"
    mv "$BATS_TEST_TMPDIR/away" "$flat"
    sc_ok rmi stack:1
    is "$(find "$SC_DATA_ROOT/layer" -name flat)" ""
}

@test "flat: layers at random, alone and over a large one, are the same tree as one and as many, in directories" {
    export SC_LAYER_BACKEND=directory
    same 1 10 1
    same 2 5000000 2
}

@test "flat: the same as images" {
    [ "$("$SC" info --format '{{.LayerBackend}}')" = erofs ] || skip "this kernel mounts no image files"
    export SC_LAYER_BACKEND=erofs
    same 3 10 1
    same 4 5000000 2
}

@test "flat: fsck names what differs and repairs it; a layer that is repaired keeps what stands for it" {
    local flat top
    for i in $(seq 16); do
        layer "$BATS_TEST_TMPDIR/$i.tar" <<<"file('etc/$i', 'from $i'); file('etc/.wh.$((i - 1))'); file('same', '$i')"
    done
    archive "$BATS_TEST_TMPDIR/x.tar" stack:1 base "$BATS_TEST_TMPDIR"/[0-9]*.tar
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    flat=$(echo "$SC_DATA_ROOT"/layer/*/flat)
    top=${flat%/flat}
    [ ! -e "$flat/erofs" ] # small, and nobody asked
    sc_ok run --rm --network none --uidmap 0:100000:65536 stack:1 sh -c 'ls /etc; cat /same; stat -c %u /same'
    expect_output shadow
    mv "$flat" "$BATS_TEST_TMPDIR/away"
    is "$output" "$("$SC" run --rm --network none --uidmap 0:100000:65536 stack:1 sh -c 'ls /etc; cat /same; stat -c %u /same')"
    mv "$BATS_TEST_TMPDIR/away" "$flat"
    echo changed >"$flat/diff/same"
    sc_fails 1 system fsck
    expect_output "layer $(basename "$top" | cut -c 1-12): /same: its size differs"
    sc_ok system fsck --repair
    expect_output "1 problems, 1 repaired"
    echo changed >"$top/diff/same"
    sc_ok system fsck --repair
    expect_output "1 problems, 1 repaired"
    mounted 1
    sc_ok system fsck
    expect_output ": 0 problems"
}
