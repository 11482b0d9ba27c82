#!/usr/bin/env bats
# sc build with a context that is an archive on standard input.
load helpers
load building

@test "build -: a tar on standard input, however it is compressed" {
    mkdir -p d/sub other
    echo text >d/f
    echo left >d/secret
    chmod 640 d/f
    echo d/secret >.dockerignore
    printf 'FROM base\nCOPY d /d\nRUN echo "said $(find /d -type f) $(stat -c %%a:%%u:%%g /d/f)"\n' >Dockerfile
    printf 'FROM base\nRUN --mount=target=/c echo "said $(ls /c/d)"\n' >other/File
    local how
    for how in '' -z -j -J --zstd; do
        # shellcheck disable=SC2086
        tar -c $how --owner=7 --group=8 . >"$BATS_TEST_TMPDIR/tar"
        sc_ok build - <"$BATS_TEST_TMPDIR/tar"
        expect_stderr 'COPY d /d'
        "$SC" build --no-cache - <"$BATS_TEST_TMPDIR/tar" 2>&1 | grep -x 'said /d/f 640:0:0'
    done
    # from a pipe, in the oldest form, and with a Dockerfile of another name in it
    tar -c --format=v7 . | "$SC" build -q -f other/File - >"$BATS_TEST_TMPDIR/id"
    matches "$(cat "$BATS_TEST_TMPDIR/id")" '^sha256:'
    tar -c . | "$SC" build --no-cache -f other/File - 2>&1 | grep -x 'said f'
    # the cache is the one that the directory has
    sc_ok build .
    is "$(grep -c ' CACHED$' <<<"$stderr")" 2
    no_remains
}

@test "build -: what an archive says leads nowhere else" {
    mkdir "$BATS_TEST_TMPDIR/host"
    echo outside >"$BATS_TEST_TMPDIR/host/f"
    ln -s "$BATS_TEST_TMPDIR/host" l
    ln -s "$BATS_TEST_TMPDIR/host/f" Dockerfile
    tar -cf "$BATS_TEST_TMPDIR/tar" .
    sc_fails 1 build - <"$BATS_TEST_TMPDIR/tar"
    expect_stderr "read the Dockerfile: open \"Dockerfile\" of the build context: no such file or directory"
    rm Dockerfile
    printf 'FROM base\nCOPY l/f /f\n' >Dockerfile
    tar -cf "$BATS_TEST_TMPDIR/tar" .
    sc_fails 1 build - <"$BATS_TEST_TMPDIR/tar"
    expect_stderr '"/l/f": not found'
    # through a link that it has itself, and upwards
    rm l Dockerfile
    mkdir l
    echo new >l/made
    tar -cf "$BATS_TEST_TMPDIR/tar" --transform 's,^l/,'"${BATS_TEST_TMPDIR#/}/host/," -P l/made
    tar -cPf "$BATS_TEST_TMPDIR/up" --transform 's,^l/,../../../,' l/made
    sc_fails 1 build - <"$BATS_TEST_TMPDIR/tar"
    sc_fails 1 build - <"$BATS_TEST_TMPDIR/up"
    expect_stderr 'the build context: entry "../../../made"'
    is "$(ls "$BATS_TEST_TMPDIR/host")" f
    no_remains
}

@test "build -: what is wrong with it is one line" {
    printf 'FROM base\n' >Dockerfile
    head -c 100000 /dev/urandom >big
    tar -czf "$BATS_TEST_TMPDIR/tar" .
    sc_fails 1 build -f nothing - <"$BATS_TEST_TMPDIR/tar"
    is "$stderr" 'sc: read the Dockerfile: open "nothing" of the build context: no such file or directory; name it with -f FILE'
    sc_fails 1 build -f - - <"$BATS_TEST_TMPDIR/tar"
    is "$stderr" 'sc: conflicting: -f -, and a build context from standard input'
    sc_fails 1 build -f x - <Dockerfile
    is "$stderr" 'sc: conflicting: -f, and a Dockerfile from standard input'
    head -c 50000 "$BATS_TEST_TMPDIR/tar" >"$BATS_TEST_TMPDIR/cut"
    sc_fails 1 build - <"$BATS_TEST_TMPDIR/cut"
    matches "$stderr" '^sc: the build context: [^'$'\n'']*$'
    (cat Dockerfile; head -c 3000000 /dev/zero | tr '\0' '#') >"$BATS_TEST_TMPDIR/long"
    sc_fails 1 build - <"$BATS_TEST_TMPDIR/long"
    is "$stderr" 'sc: the Dockerfile from standard input is longer than 2097152 bytes'
    no_remains
}

is_unpacking()
{
    compgen -G "$SC_DATA_ROOT/image/tmp/build-context-*/big" >/dev/null
}

@test "build -: a signal while it is unpacked leaves nothing" {
    local pid status=0
    truncate -s 64G big
    printf 'FROM base\n' >Dockerfile
    # a header that says 64 GiB, and then zeros without end
    (tar -cf - Dockerfile big 2>/dev/null | head -c 2048; head -c 1G /dev/zero) >"$BATS_TEST_TMPDIR/tar"
    "$SC" build - <"$BATS_TEST_TMPDIR/tar" >/dev/null 2>&1 3>&- &
    pid=$!
    wait_until is_unpacking
    kill -TERM $pid
    wait $pid || status=$?
    is "$status" 143
    no_remains
}

@test "a named pipe in the place of a Dockerfile or of its .dockerignore is refused, not waited for" {
    mkdir -p "$BATS_TEST_TMPDIR/c/sub"
    cd "$BATS_TEST_TMPDIR/c"
    printf 'FROM base\n' >sub/Dockerfile
    mkfifo sub/Dockerfile.dockerignore
    sc_fails 1 build -f sub/Dockerfile .
    expect_stderr '"sub/Dockerfile.dockerignore" is a named pipe'
    rm sub/Dockerfile.dockerignore sub/Dockerfile
    mkfifo sub/Dockerfile .dockerignore
    sc_fails 1 build -f sub/Dockerfile .
    expect_stderr '"sub/Dockerfile" is a named pipe'
    printf 'FROM base\n' >Dockerfile
    sc_fails 1 build .
    expect_stderr '".dockerignore" of the build context is no file'
    rm .dockerignore
    # a shell's own has its writer
    sc_ok build -f <(printf 'FROM base\nENV A=B\n') .
}

@test "image prune takes along what a killed build has left" {
    mkdir -p "$SC_DATA_ROOT/image/tmp/build-1"
    touch "$SC_DATA_ROOT/image/tmp/build-1/x"
    sc_ok image prune -f
    is "$(ls "$SC_DATA_ROOT/image/tmp")" ''
}
