#!/usr/bin/env bats
# RUN --mount: files, caches and secrets that a step has and its layer has not.
load helpers
load building

cached()
{
    grep -c ' CACHED$' <<<"$stderr" || :
}

# The lines of the last build that a RUN said, which begin with "said".
said()
{
    grep '^said' <<<"$stderr" | cut -c 6- || :
}

# Nothing of a build that has ended.
no_remains()
{
    is "$(ls "$SC_DATA_ROOT/image/tmp")" ""
    is "$("$SC" ps -aq)" ""
    is "$(secret_dirs)" ""
}

# Where this test's secrets are while a RUN has them.
secret_dirs()
{
    local id
    id=$(printf %s "$SC_RUN_ROOT" | sha256sum | cut -c 1-16)
    find "$SC_RUN_ROOT" /dev/shm -maxdepth 1 -name "sc-build-secret-$id-*"
}

@test "build --mount=type=bind: of the context, a stage and an image, and nothing of it in the layer" {
    mkdir -p d/e
    echo text >d/f
    echo left >d/e/secret
    echo d/e >.dockerignore
    dockerfile <<'END'
FROM base AS one
RUN mkdir /o && echo one >/o/x && chown 5:6 /o/x
FROM base
WORKDIR /w
RUN --mount=target=/c --mount=type=bind,source=d/f,target=file --mount=type=bind,from=one,source=/o,target=/o/p \
    --mount=type=bind,from=base,source=etc,target=/e \
    echo "said $(find /c -type f | sort | paste -sd' ')" && echo "said $(cat file) $(stat -c %u:%g:%a /c/d/f)" && \
    echo "said $(cat /o/p/x) $(stat -c %u:%g /o/p/x)" && echo "said $(head -n 1 /e/passwd)" && \
    ! touch /c/new 2>/dev/null && ! echo >file 2>/dev/null && echo made >/made
END
    sc_ok build -t t .
    is "$(said)" $'/c/.dockerignore /c/Dockerfile /c/d/f\ntext 0:0:644\none 5:6\nroot:x:0:0:root:/root:/bin/sh'
    no_remains
    # the places that were mounted on are not in the layer either
    sc_ok run --rm t sh -c 'ls -d /made /c /o /e /w/* 2>/dev/null; ls -A /w'
    is "$output" /made
    sc_ok build -t t .
    is "$(cached)" 3
    # what is bound counts by content
    echo other >d/e/secret
    sc_ok build -t t .
    is "$(cached)" 3
    echo changed >d/f
    sc_ok build -t t .
    is "$(cached)" 2
    matches "$(said)" 'changed 0:0:644'
}

@test "build --mount=type=bind: what RUN writes to it is thrown away" {
    mkdir d
    echo text >d/f
    printf 'FROM base\nRUN --mount=type=bind,source=d,target=/d,rw echo more >>/d/f && touch /d/new && echo "said $(cat /d/f | paste -sd+)"\nRUN --mount=type=bind,source=d,target=/d echo "said $(cat /d/f) $(ls /d)"\n' | dockerfile
    sc_ok build -t t .
    is "$(said)" $'text+more\ntext f'
    is "$(cat d/f) $(ls d)" "text f"
    sc_ok run --rm t sh -c '! ls -d /d 2>/dev/null'
    no_remains
}

@test "build --mount=type=bind: no link leads out of where the files are from" {
    echo outside >"$BATS_TEST_TMPDIR/outside"
    mkdir in
    echo inside >in/f
    ln -s "$BATS_TEST_TMPDIR/outside" abs
    ln -s ../outside up
    ln -s /in to
    ln -s secret hidden
    touch secret 'a*b'
    echo secret >.dockerignore
    for word in abs up ../outside 'a*' secret hidden; do
        printf 'FROM base\nRUN --mount=type=bind,source=%s,target=/x cat /x\n' "$word" | dockerfile
        sc_fails 1 build .
        expect_stderr "\"/$word\": not found"
    done
    printf 'FROM base\nRUN --mount=type=bind,source=/to/f,target=/x --mount=source=a*b,target=/y echo "said $(cat /x) $(stat -c %%s /y)"\n' | dockerfile
    sc_ok build .
    is "$(said)" "inside 0"
    # a link that is copied leads nowhere but in the container
    printf 'FROM base\nRUN --mount=target=/x readlink /x/abs && ! cat /x/abs\n' | dockerfile
    sc_ok build .
    # nor does a link of the image that the target is
    mkdir "$BATS_TEST_TMPDIR/host"
    printf 'FROM base\nRUN ln -s %s /l\nRUN --mount=source=in,target=/l/new/deep echo "said $(cat %s/new/deep/f)"\nRUN ! ls %s/new\n' "$BATS_TEST_TMPDIR/host" "$BATS_TEST_TMPDIR/host" "$BATS_TEST_TMPDIR/host" | dockerfile
    sc_ok build .
    is "$(said)" inside
    is "$(ls "$BATS_TEST_TMPDIR/host")" ""
    no_remains
}

@test "build --mount=type=cache: is kept from build to build, until it is pruned" {
    dockerfile <<'END'
FROM base
RUN --mount=type=cache,target=/c echo line >>/c/f && echo "said $(wc -l </c/f) $(stat -c %u:%g:%a /c)"
RUN --mount=type=cache,id=/c,target=/other --mount=type=cache,id=/c,target=/again echo "said $(wc -l </other/f) $(ls /again)"
RUN --mount=type=cache,target=/c,uid=5,gid=6,mode=0700 echo "said $(ls /c)$(stat -c %u:%g:%a /c)"
RUN --mount=type=cache,target=/c,from=base,source=etc echo "said $(ls /c/passwd)" && rm -f /c/passwd
END
    sc_ok build -t t .
    is "$(said)" $'1 0:0:755\n1 f\n5:6:700\n/c/passwd'
    sc_ok run --rm t sh -c '! ls -d /c /other /again 2>/dev/null'
    sc_ok build .
    is "$(cached)" 4
    sc_ok build --no-cache .
    is "$(said | head -n 1)" "2 0:0:755"
    is "$(said | tail -n 1)" ""
    sc_ok system df --format '{{.Type}} {{.TotalCount}}'
    expect_output "Build Cache 7" # four steps and three directories
    is "$(ls "$SC_DATA_ROOT/build-cache" | wc -l)" 3
    sc_ok builder prune -f --filter until=1h
    is "$(ls "$SC_DATA_ROOT/build-cache" | wc -l)" 3
    sc_ok builder prune -f
    is "$(ls "$SC_DATA_ROOT/build-cache")" ""
    sc_ok build --no-cache .
    is "$(said | head -n 1)" "1 0:0:755"
    no_remains
}

has_line()
{
    grep -qx "$1" "$2"
}

@test "build --mount=type=cache: shared, private and locked, and not pruned while it is used" {
    local sharing pid out=$BATS_TEST_TMPDIR/out
    # who makes a shared one has it alone until it is made, and no longer
    printf 'FROM base\nRUN --mount=type=cache,id=new,target=/c touch /c/one; echo begun; until [ -e /c/go ]; do usleep 20000; done\n' >one
    printf 'FROM base\nRUN --mount=type=cache,id=new,target=/c echo "said $(ls /c)"; touch /c/go\n' >two
    "$SC" build -f one . >/dev/null 2>"$out" 3>&- &
    pid=$!
    wait_until has_line begun "$out"
    run_split timeout 60 "$SC" build -f two .
    is "$(said)" one
    wait $pid
    for sharing in shared private locked; do
        printf 'FROM base\nRUN --mount=type=cache,id=%s,target=/c,sharing=%s touch /c/one; echo begun; until [ -e /c/go ]; do usleep 20000; done\n' $sharing $sharing >one
        printf 'FROM base\nRUN --mount=type=cache,id=%s,target=/c,sharing=%s echo "said $(ls /c | paste -sd+)"; touch /c/go\n' $sharing $sharing >two
        # it is there already: who makes one has it alone anyway
        sc_ok build --no-cache -f - . <<<$'FROM base\nRUN --mount=type=cache,id='"$sharing"',target=/c true'
        "$SC" build -f one . >/dev/null 2>"$out" 3>&- &
        pid=$!
        wait_until has_line begun "$out"
        case $sharing in
        shared) # sees the other's, and lets it go on
            sc_ok builder prune -f
            sc_ok build -f two .
            is "$(said)" one
            wait $pid
            ;;
        private) # has one of its own
            sc_ok build -f two .
            is "$(said)" ""
            kill -TERM $pid
            wait $pid || is $? 143
            ;;
        locked) # waits, until it is told otherwise
            run -143 timeout --preserve-status -s TERM 2 "$SC" build -f two .
            kill -TERM $pid
            wait $pid || is $? 143
            sc_ok build -f two .
            is "$(said)" one
            ;;
        esac
    done
    no_remains
}

@test "build --mount=type=tmpfs" {
    printf 'FROM base\nRUN --mount=type=tmpfs,target=/t,size=64k echo "said $(grep -c "^tmpfs /t tmpfs " /proc/mounts)"; dd if=/dev/zero of=/t/f bs=1k count=65 2>/dev/null || echo "said full"\n' | dockerfile
    sc_ok build -t t .
    is "$(said)" $'1\nfull'
    sc_ok run --rm t sh -c '! ls -d /t 2>/dev/null'
    no_remains
}

@test "build --mount=type=secret: a file on a tmpfs or a variable, and no trace of it" {
    printf 'hunter2\nsecret' >key
    dockerfile <<'END'
FROM base
RUN --mount=type=secret,id=key echo "said $(paste -sd+ /run/secrets/key) $(stat -c %u:%g:%a /run/secrets/key) $(grep -c ' /run/secrets/key ro.* tmpfs ' /proc/self/mountinfo)"
RUN --mount=type=secret,id=key,target=/etc/my/key,uid=5,gid=6,mode=0440 echo "said $(stat -c %u:%g:%a /etc/my/key)"; ! echo >/etc/my/key
RUN --mount=type=secret,id=word,env=WORD echo "said ${#WORD}"; ! ls /run/secrets/word
RUN --mount=type=secret,id=none ! ls /run/secrets/none
END
    WORD=hunter2word sc_ok build -t t --secret id=key,src=key --secret id=word,env=WORD .
    is "$(said)" $'hunter2+secret 0:0:400 1\n5:6:440\n11'
    no_remains
    sc_ok run --rm t sh -c '! ls -d /run/secrets /etc/my 2>/dev/null'
    is "$(grep -rlE 'hunter2' "$SC_DATA_ROOT" "$SC_RUN_ROOT")" ""
    # the value is not in the cache's key
    echo other >key
    sc_ok build --secret id=key,src=key .
    is "$(cached)" 4
    # what is required
    printf 'FROM base\nRUN --mount=type=secret,id=key,required cat /run/secrets/key\n' | dockerfile
    sc_fails 1 build .
    expect_stderr 'secret "key" is required, and not there'
    sc_ok build --secret id=key .
    expect_stderr other
}

@test "build --mount=type=secret: what a killed build has left, the next one takes along" {
    local pid
    printf 'FROM base\nRUN --mount=type=secret,id=key echo begun; sleep 1000\n' | dockerfile
    echo hunter2 >key
    "$SC" build --secret id=key,src=key . >/dev/null 2>"$BATS_TEST_TMPDIR/out" 3>&- &
    pid=$!
    wait_until has_line begun "$BATS_TEST_TMPDIR/out"
    [ -n "$(secret_dirs)" ]
    kill -KILL $pid
    wait $pid || is $? 137
    wait_until has_no_container
    printf 'FROM base\nRUN true\n' | dockerfile
    sc_ok build .
    no_remains
}

has_no_container()
{
    [ -z "$("$SC" ps -aq)" ]
}

@test "build --mount and --security: what is wrong is one line" {
    local mount
    while IFS='|' read -r mount text; do
        sc_fails 1 build - <<<$'FROM base\nRUN --mount='"$mount true"
        expect_stderr "$text"
        is "$(grep -vc '^#' <<<"$stderr")" 1
    done <<'END'
type=ssh|RUN --mount=type=ssh is not supported; give a key by --mount=type=secret
type=bind,target=/x|there is no build context to copy from
type=bind,from=base,source=/nothing,target=/x|mount on "/x": "/nothing": not found
type=cache,target=/x,source=/y|source=/y is of nothing: there is no from=
type=cache|a mount of type cache needs a target
type=cache,target=/|mount on "/": the root cannot be a mount point
type=tmpfs,target=/x,size=much|invalid value for size: much
type=secret,id=a,required=true|secret "a" is required, and not there
END
    printf 'a\0b' >zero
    sc_fails 1 build --secret id=z,src=zero - <<<$'FROM base\nRUN --mount=type=secret,id=z,env=Z true'
    expect_stderr 'secret "z" has a zero byte, which no variable can have'
    while IFS='|' read -r words text; do
        # shellcheck disable=SC2086
        sc_fails 1 build $words - <<<'FROM base'
        expect_stderr "$text"
        is "$(wc -l <<<"$stderr")" 1
    done <<'END'
--secret id|"id" is not KEY=VALUE
--secret src=x|it has no id
--secret id=x,what=y|unknown key "what"
--secret id=x,src=nowhere|open "nowhere"
--secret id=x,env=NOBODY_HAS_IT|there is no variable "NOBODY_HAS_IT"
--secret id=x,src=a,env=b|it is of a file or of a variable
--secret id=x,type=y|its type is file or env
--allow all|--allow "all": it is network.host or security.insecure
END
    sc_fails 1 build - <<<$'FROM base\nRUN --security=insecure true'
    expect_stderr "RUN --security=insecure is not allowed"
    no_remains
}

@test "build --allow: RUN has all privileges, or the host's network, only then" {
    printf 'FROM base\nRUN --security=insecure echo "said $(grep CapBnd: /proc/self/status)"\nRUN echo "said $(grep CapBnd: /proc/self/status)"\nRUN --network=host echo "said $(readlink /proc/self/ns/net)"\n' | dockerfile
    sc_ok build --allow security.insecure --allow network.host .
    is "$(said | sed -n 3p)" "$(readlink /proc/self/ns/net)"
    is "$(said | sed -n 1p)" "$("$SC" run --rm --privileged base grep CapBnd: /proc/self/status)"
    is "$(said | sed -n 2p)" "$("$SC" run --rm base grep CapBnd: /proc/self/status)"
}
