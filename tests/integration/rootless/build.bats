#!/usr/bin/env bats
# sc build by an ordinary user, with ranges in /etc/subuid and /etc/subgid (tests/integration/as-user makes it).
load ../helpers

@test "rootless: build makes layers with all owners, and takes them from the cache" {
    mkdir -p "$BATS_TEST_TMPDIR/context/d"
    cd "$BATS_TEST_TMPDIR/context"
    echo text >d/f
    ln -s /etc/shadow d/l
    cat >Dockerfile <<'END'
FROM base AS one
RUN echo ran >/x && chown 7:8 /x
COPY d /d/
COPY --chown=5:6 d/f /owned
USER 33
WORKDIR /n
FROM base
COPY --from=one /x /owned /n /o/
RUN stat -c '%n %u %g' /o/*
END
    sc_ok build -t t --target one .
    sc_ok run --rm -u 0 t stat -c '%n %u %g' /x /d/f /d/l /owned /n
    is "$output" $'/x 7 8\n/d/f 0 0\n/d/l 0 0\n/owned 5 6\n/n 33 33'
    sc_ok build .
    is "$(grep -c ' CACHED$' <<<"$stderr")" 4
    matches "$stderr" $'/o/owned 5 6\n/o/x 7 8\n'
    is "$(ls "$SC_DATA_ROOT/image/tmp")" ""
}

@test "rootless: an owner that the user cannot give is an error that says where ids come from" {
    mkdir "$BATS_TEST_TMPDIR/context"
    cd "$BATS_TEST_TMPDIR/context"
    echo text >f
    sc_fails 1 build -f - . <<<$'FROM base\nCOPY --chown=2000000000 f /f'
    expect_stderr "give it to 2000000000:2000000000: invalid argument; see /etc/subuid and /etc/subgid"
    sc_fails 1 build -f - . <<<$'FROM base\nUSER 2000000000\nWORKDIR /n'
    expect_stderr 'make directory "n": give it to 2000000000:2000000000: invalid argument; see /etc/subuid and /etc/subgid'
    is "$(ls "$SC_DATA_ROOT/image/tmp")" ""
}

@test "rootless: what RUN mounts has the owners that it should have" {
    mkdir "$BATS_TEST_TMPDIR/context"
    cd "$BATS_TEST_TMPDIR/context"
    echo text >f
    cat >Dockerfile <<'END'
FROM base AS one
RUN mkdir /o && echo one >/o/x && chown 5:6 /o/x && chmod 600 /o/x
FROM base
RUN --mount=target=/c,rw --mount=from=one,source=/o,target=/o --mount=type=cache,target=/k,uid=7,gid=8,mode=700 \
    --mount=type=secret,id=key,target=/s,uid=9 --mount=type=tmpfs,target=/t \
    echo more >>/c/f && echo >/k/f && chown 99 /k/f && echo >/t/f && \
    stat -c '%n %u %g %a' /c/f /o/x /k /s && cat /c/f /o/x /s && echo >/made
END
    sc_ok build -t t --secret id=key,src=f .
    matches "$stderr" $'/c/f 0 0 644\n/o/x 5 6 600\n/k 7 8 700\n/s 9 0 400\ntext\nmore\none\ntext\n'
    is "$(cat f)" text
    sc_ok run --rm t sh -c 'ls -d /made /c /o /k /s /t 2>/dev/null || :'
    is "$output" /made
    sc_ok builder prune -af
    is "$(ls "$SC_DATA_ROOT/build-cache")" ""
    is "$(ls "$SC_DATA_ROOT/image/tmp")" ""
}

# sc-transfer of the builds here.
copies()
{
    pgrep -f "sc-transfer --data $SC_DATA_ROOT" >/dev/null
}

copies_not()
{
    ! copies
}

@test "rootless: what a killed build leaves is removed, whoever it belongs to" {
    local pid how
    mkdir "$BATS_TEST_TMPDIR/context"
    cd "$BATS_TEST_TMPDIR/context"
    printf 'FROM base\nRUN mkdir -m 700 /d && touch /d/f && chown -R 7:9 /d && echo begun && sleep 1000\n' >Dockerfile
    for how in "builder prune -f" "build -f - ."; do
        "$SC" build . >/dev/null 2>"$BATS_TEST_TMPDIR/said" &
        pid=$!
        wait_until grep -qx begun "$BATS_TEST_TMPDIR/said"
        kill -KILL "$pid"
        wait "$pid" || :
        wait_until has_no_container
        [ -n "$(ls "$SC_DATA_ROOT/image/tmp")" ]
        # shellcheck disable=SC2086
        sc_ok $how <<<'FROM base'
        is "$(ls "$SC_DATA_ROOT/image/tmp")" ""
    done
    # and sc-transfer ends with it
    truncate -s 64G big
    printf 'FROM base\nCOPY big /big\n' >Dockerfile
    "$SC" build . 2>/dev/null &
    pid=$!
    wait_until copies_already
    kill -KILL "$pid"
    wait "$pid" || :
    wait_until copies_not
    sc_ok builder prune -f
    is "$(ls "$SC_DATA_ROOT/image/tmp")" ""
}

copies_already()
{
    [ -n "$(find "$SC_DATA_ROOT/image/tmp" -name big -size +1M 2>/dev/null)" ]
}

has_no_container()
{
    [ -z "$(ls "$SC_DATA_ROOT/container")" ]
}

@test "rootless: a context that is an archive" {
    mkdir "$BATS_TEST_TMPDIR/context"
    cd "$BATS_TEST_TMPDIR/context"
    echo text >f
    printf 'FROM base\nCOPY f /f\nRUN echo "said $(stat -c %%u:%%g /f)"\n' >Dockerfile
    tar -cz --owner=1000 --group=1000 . | "$SC" build - 2>"$BATS_TEST_TMPDIR/out"
    grep -x 'said 0:0' "$BATS_TEST_TMPDIR/out"
    is "$(ls "$SC_DATA_ROOT/image/tmp")" ""
}
