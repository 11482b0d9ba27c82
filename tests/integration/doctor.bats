#!/usr/bin/env bats
# sc doctor: what is there is found to work, what is taken away is found missing, with a way to mend it.
load helpers

@test "doctor: a host that runs containers is well, and nothing is left of the trials" {
    sc_ok doctor
    matches "$output" 'ok +overlay in the data root'
    matches "$output" 'ok +seccomp filters'
    matches "$output" 'ok +cgroup controller memory'
    run ! grep -q '^FAILED' <<<"$output"
    is "$(find "$SC_DATA_ROOT" -mindepth 1 -maxdepth 1 -name "*trial*")" ""
    sc_ok doctor --format '{{.Status}} {{.Need}} {{.Check}}'
    matches "$output" 'ok needed mount namespaces'
    sc_ok doctor -q
    run ! grep -q '^ok' <<<"$output"
}

# Runs sc doctor in a shell that first takes something away: CODE, the commands, what must then be said.
without()
{
    local code=$1 commands=$2
    run_split unshare -m sh -ec "$commands; exec \"\$SC\" doctor -q"
    last_command="$commands; sc doctor -q"
    expect "$code"
    shift 2
    for text in "$@"; do
        expect_output "$text"
    done
}

@test "doctor: each facility that is taken away is named, with the fix" {
    without 1 'export SC_DATA_ROOT=/proc/nothing' \
        'FAILED   data root and run root' 'set SC_DATA_ROOT'
    without 1 'umount -R /sys/fs/cgroup' 'FAILED   cgroups: none is mounted' 'fix: mount -t cgroup2'
    without 0 'mount --bind /dev/null /usr/bin/newuidmap' 'missing  /usr/bin/newuidmap' 'fix: chmod u+s'
    [ ! -e /dev/fuse ] || without 0 'mount --bind /dev/null /dev/fuse' 'missing  FUSE' 'fix: modprobe fuse'
}

@test "doctor: user namespaces at 0" {
    run_split unshare -r sh -ec 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$SC" doctor'
    last_command="doctor without user namespaces"
    expect_output 'missing  user namespaces: no --userns'
    expect_output 'max_user_namespaces='
    run_split unshare -r sh -ec 'echo 0 >/proc/sys/user/max_net_namespaces; exec "$SC" doctor'
    expect 1
    expect_output 'FAILED   network namespaces'
    expect_output '/proc/sys/user/max_net_namespaces'
}

@test "doctor: in a chroot nobody makes a user namespace, as it says, and who is refused one" {
    mkdir "$BATS_TEST_TMPDIR/root"
    in_chroot() { run_split unshare -m sh -c 'mount --rbind / "$0" && exec chroot "$0" "$@"' "$BATS_TEST_TMPDIR/root" "$@"; }
    in_chroot "$SC" doctor
    last_command="doctor in a chroot"
    expect_output 'missing  user namespaces'
    expect_output 'in a chroot, nobody makes one'
    make_bundle "$BATS_TEST_TMPDIR/bundle" '.linux.namespaces += [{type: "user"}]
        | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}] | .linux.gidMappings = .linux.uidMappings'
    in_chroot "$SC_OCI" --root "$SC_RUN_ROOT/oci" run --bundle "$BATS_TEST_TMPDIR/bundle" "chroot-$$"
    last_command="sc-oci run in a chroot"
    expect_error 255 'make a user namespace: operation not permitted'
    expect_stderr 'or it is a chroot, where nobody makes one'
}

# any-kernel: overlay on overlay is refused by every kernel
@test "doctor: a data root on an overlay" {
    mkdir -p "$BATS_TEST_TMPDIR"/{lower,upper,rw}
    SC_ROOT=$BATS_TEST_TMPDIR run_split unshare -m sh -ec '
        mount -t tmpfs none "$SC_ROOT/rw"
        mkdir "$SC_ROOT"/rw/u "$SC_ROOT"/rw/w "$SC_ROOT"/rw/m
        mount -t overlay -o "lowerdir=$SC_ROOT/lower,upperdir=$SC_ROOT/rw/u,workdir=$SC_ROOT/rw/w" none "$SC_ROOT/rw/m"
        SC_DATA_ROOT=$SC_ROOT/rw/m exec "$SC" doctor -q'
    last_command="doctor on an overlay"
    expect 1
    expect_output 'FAILED   overlay in the data root'
    expect_output 'an overlay cannot lie on an overlay'
}
