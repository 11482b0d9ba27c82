#!/usr/bin/env bats
# fs-verity where kernel and file system have it: Debian's kernel, in an emulated machine, and an ext4 made for it.
load ../helpers

setup()
{
    sc_setup
    disk=$BATS_TEST_TMPDIR/disk place=$BATS_TEST_TMPDIR/place
    mkdir "$place"
    truncate -s 64M "$disk"
    mke2fs -q -t ext4 -O verity -b 4096 "$disk"
    mount -o loop "$disk" "$place"
}

teardown()
{
    ! mountpoint -q "$place" || wait_until umount "$place"
    sc_teardown
}

@test "verity: the image of a layer is sealed, and what the disk changes in it is an error, not content" {
    local tree=$BATS_TEST_TMPDIR/tree layer
    mkdir -p "$tree/bin"
    cp "$(type -P busybox)" "$tree/bin/busybox"
    # whole blocks: what is left over would stand beside what the kernel needs to find the program
    yes unmistakable | head -c 98304 >"$tree/text"
    export SC_LAYER_BACKEND=erofs
    SC_DATA_ROOT=$place/store sc_ok import "$tree" x:1
    SC_DATA_ROOT=$place/store sc_ok system fsck
    expect_output "1 layers checked: 0 problems; 1 layers sealed by fs-verity"
    SC_DATA_ROOT=$place/store sc_ok run --rm --network none x:1 /bin/busybox head -n 1 /text
    is "$output" unmistakable
    # shellcheck disable=SC2016
    layer=("$place"/store/layer/*/erofs)
    run bash -c ': >>"$1"' bash "${layer[0]}"
    [ "$status" -ne 0 ]
    expect_output "Operation not permitted"
    wait_until umount "$place"
    sed -i 's/unmistakable/unmistakablE/g' "$disk"
    mount -o loop "$disk" "$place"
    SC_DATA_ROOT=$place/store sc_fails 1 run --rm --network none x:1 /bin/busybox cat /text
    expect_stderr "Input/output error"
}

@test "verity: an index is sealed together with its blob: a bit that the disk changes in the blob is an error too" {
    export SC_DATA_ROOT=$place/store SC_LAYER_BACKEND=
    [ "$("$SC" info --format '{{.LayerBackend}}')" = erofs ] || skip "this kernel mounts no image files"
    local tree=$BATS_TEST_TMPDIR/tree layer
    mkdir -p "$tree/bin"
    cp "$(type -P busybox)" "$tree/bin/busybox"
    head -c 5000000 <(yes unmistakable) >"$tree/text"
    sc_ok import "$tree" x:1
    layer=("$place"/store/layer/*/erofs.tar)
    sc_ok info --format '{{.Layers.index}}'
    is "$output" 1
    sc_ok system fsck
    expect_output "1 layers checked: 0 problems; 1 layers sealed by fs-verity"
    sc_ok run --rm --network none x:1 /bin/busybox head -n 1 /text
    is "$output" unmistakable
    # shellcheck disable=SC2016
    run bash -c ': >>"$1"' bash "${layer[0]}"
    [ "$status" -ne 0 ]
    expect_output "Operation not permitted"
    wait_until umount "$place"
    sed -i 's/unmistakable/unmistakablE/g' "$disk"
    mount -o loop "$disk" "$place"
    sc_fails 1 run --rm --network none x:1 /bin/busybox cat /text
    expect_stderr "Input/output error"
    # the blob cannot be read either, which fsck says, and of the layer too
    sc_fails 1 system fsck
    matches "$output" 'blob sha256:[0-9a-f]{64}: read it: Input/output error'
}
