#!/usr/bin/env bats
# sc image from-host: programs of this host run in an image of their own, and what cannot be is said.
# no-vm: programs and libraries, not the kernel
load helpers

# Its files are looked at where they are.
export SC_LAYER_BACKEND=directory

# The layer directory of the only image that is not base.
layer_of()
{
    local digest
    digest=$("$SC" image inspect --format json "$1" | jq -er '.[0].RootFS.Layers[0]')
    echo "$SC_DATA_ROOT/layer/${digest#sha256:}/diff"
}

need()
{
    type -P "$1" >/dev/null || skip "no $1 on this host"
}

@test "from-host: bash, ls and python3 run" {
    need python3
    sc_ok image from-host -t x bash ls python3
    matches "$output" '^sha256:[0-9a-f]{64}$'
    sc_ok run --rm x bash -c 'echo "$BASH_VERSION"; [ "$$" = 1 ]'
    is "$output" "$(bash -c 'echo "$BASH_VERSION"')"
    sc_ok run --rm x ls /usr/bin
    expect_output bash
    sc_ok run --rm x bash -c 'type -p python3' # wherever the host has it
    sc_ok run --rm x python3 -c 'import ssl, json, ctypes, sqlite3, socket, pwd
print(json.dumps([ctypes.CDLL(None).getpid(), pwd.getpwuid(0).pw_name]))'
    is "$output" '[1, "root"]'
}

@test "from-host: the first program is the command, and PATH reaches the others" {
    sc_ok image from-host -t x ls bash
    sc_ok run --rm x
    expect_output usr
    sc_ok run --rm x bash -c 'type -P ls'
    matches "$output" '/ls$'
}

@test "from-host: an entrypoint is taken along and used" {
    sc_ok image from-host -t x --entrypoint bash ls
    sc_ok run --rm x -c 'echo through bash'
    is "$output" "through bash"
}

@test "from-host: python loads its compiled modules rather than compile them again" {
    need python3
    sc_ok image from-host -t x python3
    [ -n "$(find "$(layer_of x)" -name 'os.*.pyc')" ] || skip "this host's python3 has no compiled modules"
    # Were the recorded time wrong, os would be compiled and its cache, read-only here, not be what was loaded.
    sc_ok run --rm --read-only x python3 -v -c 'import json'
    [[ "$stderr" == *"json/__pycache__"*" matches "* ]] || show_last "no compiled module was found valid"
}

@test "from-host: two runs give one image" {
    sc_ok image from-host -t one bash ls
    one=$output
    sleep 1.1
    sc_ok image from-host -t two bash ls
    is "$output" "$one"
}

@test "from-host: a script brings its interpreter" {
    printf '#!/usr/bin/env bash\necho from a script\n' >"$BATS_TEST_TMPDIR/hello"
    chmod +x "$BATS_TEST_TMPDIR/hello"
    sc_ok image from-host -t x "$BATS_TEST_TMPDIR/hello"
    sc_ok run --rm x
    is "$output" "from a script"
}

@test "from-host: names, users and temporary files work" {
    sc_ok image from-host -t x id getent mktemp
    sc_ok run --rm x id -un
    is "$output" root
    sc_ok run --rm x getent passwd nobody
    expect_output nobody:x:65534:65534
    sc_ok run --rm -u nobody x mktemp
    matches "$output" '^/tmp/'
}

@test "from-host: nothing of the host's accounts and secrets is in the image" {
    sc_ok image from-host -t x ls
    layer=$(layer_of x)
    is "$(wc -l <"$layer/etc/passwd")" 2
    [ ! -e "$layer/etc/shadow" ]
    is "$(find "$layer" -path '*/etc/ssl/private/*' | wc -l)" 0
    is "$(find "$layer" ! -uid 0 -o ! -gid 0 | wc -l)" 0
}

@test "from-host: libraries that only the loader's cache knows are found in the container too" {
    need ldconfig
    root=$BATS_TEST_TMPDIR/far
    mkdir -p "$root/opt/far" "$root/etc" "$root/usr/bin"
    cp "$(type -P ls)" "$root/usr/bin/ls"
    # The loader at its place, every library where only the cache leads.
    while read -r library; do
        case $library in
        */ld-linux*) install -D "$library" "$root$library" ;;
        *) cp -L "$library" "$root/opt/far/" ;;
        esac
    done < <(ldd "$(type -P ls)" | grep -o '/[^ ]*')
    echo /opt/far >"$root/etc/ld.so.conf"
    ldconfig -r "$root"
    sc_ok image from-host --root "$root" -t x ls
    sc_ok run --rm x ls -a /opt/far
    expect_output libc.so.6
}

@test "from-host: a program that does not exist" {
    run_sc image from-host -t x ls no-such-program
    expect 1
    expect_stderr 'find program "no-such-program": not in PATH'
    run_sc image from-host -t x /no/such/program
    expect 1
    expect_stderr 'find program "/no/such/program": no such file or directory'
    sc_ok image list -q
    is "${#lines[@]}" 1
}

@test "from-host: a library or an interpreter that does not exist is named, with who needs it" {
    printf '#!/no/such/shell\n' >"$BATS_TEST_TMPDIR/script"
    chmod +x "$BATS_TEST_TMPDIR/script"
    run_sc image from-host -t x "$BATS_TEST_TMPDIR/script"
    expect 1
    expect_stderr 'its interpreter: find program "/no/such/shell"'

    root=$BATS_TEST_TMPDIR/bare
    mkdir -p "$root/usr/bin"
    cp "$(type -P ls)" "$root/usr/bin/ls"
    loader=$(ldd "$root/usr/bin/ls" | grep -o '/[^ ]*ld-linux[^ ]*')
    run_sc image from-host --root "$root" -t x ls
    expect 1
    expect_stderr "program \"/usr/bin/ls\": its loader \"$loader\" does not exist"
    install -D "$loader" "$root$loader"
    run_sc image from-host --root "$root" -t x ls
    expect 1
    expect_stderr 'program "/usr/bin/ls" needs the library "lib'
}

@test "from-host: a text file is no program" {
    echo text >"$BATS_TEST_TMPDIR/text"
    run_sc image from-host -t x "$BATS_TEST_TMPDIR/text"
    expect 1
    expect_stderr 'it is not executable'
    chmod +x "$BATS_TEST_TMPDIR/text"
    run_sc image from-host -t x "$BATS_TEST_TMPDIR/text"
    expect 1
    expect_stderr 'neither an ELF file nor a script'
}

@test "base: made of a dynamic program it is refused with the remedy" {
    rm -rf "${SC_DATA_ROOT:?}"/image "$SC_DATA_ROOT"/layer
    SC_BUSYBOX=$(readlink -f "$(type -P ls)") run_sc run --rm base true
    expect 125
    expect_stderr 'it is not static'
    expect_stderr 'apt-get install busybox-static'
    sc_ok run --rm base true
}
