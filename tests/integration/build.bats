#!/usr/bin/env bats
# sc build: Dockerfiles to images. What a Dockerfile's text means is in tests/unit/image/test-dockerfile*.c.
load helpers
load building

# What the config of image $1 has at $2, on one line.
config()
{
    "$SC" image inspect -f "{{json .Config.$2}}" "$1"
}

# How often the last build took a step from the cache.
cached()
{
    grep -c ' CACHED$' <<<"$stderr" || :
}

# Nothing of a build that has ended.
no_remains()
{
    is "$(ls "$SC_DATA_ROOT/image/tmp")" ""
    is "$("$SC" ps -aq)" ""
}

@test "build: files, configuration and history of an image" {
    echo hello >a
    mkdir -p d/e
    echo x >d/e/f
    ln -s a l
    chmod 640 a
    dockerfile <<'END'
FROM base
ARG WHO=nobody
ENV X=1 Y=$WHO
LABEL l.a=b
RUN echo "$X $Y" >/ran && touch /tmp/mine
WORKDIR /w
COPY a d/ ./
COPY . /all/
USER 33
EXPOSE 80
VOLUME /v
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/sh"]
CMD ["-c", "cat /ran"]
END
    sc_ok build -t one -t two:2 --build-arg WHO=me --label k=v .
    is "$output" ""
    no_remains
    sc_ok run --rm one
    is "$output" "1 me"
    sc_ok run --rm --entrypoint stat one -c '%n %a %u %F' a e/f /all/l /all/a /w /all
    is "$output" $'a 640 0 regular file\ne/f 644 0 regular file\n/all/l 777 0 symbolic link\n/all/a 640 0 regular file\n/w 755 0 directory\n/all 755 0 directory'
    is "$(config one Env)" '["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","X=1","Y=me"]'
    is "$(config one User) $(config one WorkingDir) $(config one Entrypoint) $(config one Cmd)" '"33" "/w" ["/bin/sh"] ["-c","cat /ran"]'
    is "$(config one ExposedPorts) $(config one Volumes) $(config one StopSignal)" '{"80/tcp":{}} {"/v":{}} "SIGINT"'
    matches "$(config one Labels)" '"l.a":"b"'
    matches "$(config one Labels)" '"k":"v"'
    is "$("$SC" images -q two:2)" "$("$SC" images -q one)"
    sc_ok history --no-trunc --format '{{.CreatedBy}}' one
    # the oldest first, without the base's
    is "$(sed -n '$!p' <<<"$output" | sed '1!G;h;$!d')" 'ARG WHO=me
ENV X=1 Y=me
LABEL l.a=b
RUN |1 WHO=me /bin/sh -c echo "$X $Y" >/ran && touch /tmp/mine # buildkit
WORKDIR /w
COPY a d/ ./ # buildkit
COPY . /all/ # buildkit
USER 33
EXPOSE [80/tcp]
VOLUME [/v]
STOPSIGNAL SIGINT
ENTRYPOINT ["/bin/sh"]
CMD ["-c" "cat /ran"]'
    sc_ok system fsck
    expect_output "0 problems"
}

@test "build: the cache knows what changed, by content" {
    echo 1 >a
    dockerfile <<'END'
FROM base
RUN head -c 8 /dev/urandom | od >/r
COPY a /a
RUN cat /a
END
    sc_ok build -t t .
    is "$(cached)" 0
    local id
    id=$("$SC" images -q --no-trunc t)
    touch -d yesterday a
    sc_ok build -t t --iidfile "$BATS_TEST_TMPDIR/id" .
    is "$(cached)" 3
    is "$("$SC" images -q --no-trunc t)" "$id"
    is "$(cat "$BATS_TEST_TMPDIR/id")" "$id"
    # its content, and its mode
    echo 2 >a
    sc_ok build -t t .
    is "$(cached)" 1
    sc_ok run --rm t cat /a
    is "$output" 2
    chmod 600 a
    sc_ok build -t t .
    is "$(cached)" 1
    sc_ok run --rm t stat -c %a /a
    is "$output" 600
    sc_ok build -q --no-cache .
    [ "$output" != "$id" ]
    # what a failing build has done is done
    printf 'FROM base\nRUN echo done >/d\nRUN exit 3\n' | dockerfile
    sc_fails 1 build .
    sc_fails 1 build .
    is "$(cached)" 1
    expect_stderr 'Dockerfile:3: RUN exit 3: process "/bin/sh -c exit 3" did not complete successfully: exit code: 3'
    no_remains
}

@test "build: here-documents are taken from the cache by what is in them" {
    local text
    for text in one two; do
        dockerfile <<END
FROM base
COPY <<E /file
$text
E
COPY <<A <<B /dir/
$text
A
B
ADD --chmod=640 <<E /file2
$text
E
RUN <<E
echo $text >/ran
E
RUN <<E
#!/bin/sh
echo $text >/script
E
END
        sc_ok build -t t .
        is "$(cached)" 0
        sc_ok build -t t .
        is "$(cached)" 5
        sc_ok run --rm t cat /file /dir/A /file2 /ran /script
        is "$output" "$text"$'\n'"$text"$'\n'"$text"$'\n'"$text"$'\n'"$text"
    done
}

@test "build: the cache's layers live as long as its entries" {
    printf 'FROM base\nRUN head -c 300000 /dev/urandom >/r\n' | dockerfile
    sc_ok build -t t .
    sc_ok rmi t
    sc_ok build -t t .
    is "$(cached)" 1
    sc_ok system df --format '{{.Type}} {{.TotalCount}} {{.Reclaimable}}'
    expect_output "Build Cache 1 0B"
    sc_ok builder prune -f
    is "$output" "Total reclaimed space: 0B"
    sc_ok rmi t
    is "$("$SC" system df --format '{{.Size}} {{.Reclaimable}}' | tail -n 1)" "300kB 300kB (100%)"
    sc_ok builder prune -f
    is "$output" "Total reclaimed space: 300kB"
    is "$(find "$SC_DATA_ROOT/layer" -mindepth 1 -maxdepth 1 | wc -l)" 1
    # a file that is none is an empty cache
    sc_ok build -t t .
    is "$(cached)" 0
    echo '{' >"$SC_DATA_ROOT/image/sc-build-cache.json"
    sc_ok build -t t .
    is "$(cached)" 0
}

@test "build: stages, other images, and images of nothing" {
    dockerfile <<'END'
FROM base AS one
RUN mkdir /o && echo 1 >/o/x && chown 5:6 /o/x && ln -s /etc/passwd /o/l
FROM base AS unused
RUN exit 1
FROM scratch
COPY --from=one /o /p/
COPY --from=one --chown=7:8 --chmod=755 /o/x /y
COPY --from=base /etc/passwd /
COPY <<A <<"B" /h/
text
A
$HOME
B
END
    sc_ok build -t m .
    mkdir "$BATS_TEST_TMPDIR/out"
    sc_ok image unpack m "$BATS_TEST_TMPDIR/out/m"
    cd "$BATS_TEST_TMPDIR/out/m"
    is "$(find . -mindepth 1 | sort | paste -sd' ')" "./h ./h/A ./h/B ./p ./p/l ./p/x ./passwd ./y"
    is "$(stat -c '%n %u:%g %a' p/x y)" $'p/x 5:6 644\ny 7:8 755'
    is "$(cat h/A h/B)" $'text\n$HOME'
    is "$(readlink p/l)" /etc/passwd
    cd "$CTX"
    sc_ok build -t o --target one .
    sc_ok run --rm o cat /o/x
    is "$output" 1
    sc_fails 1 build --target unused .
    sc_fails 1 build --target nothing .
    printf 'FROM scratch\nRUN true\n' | dockerfile
    sc_fails 1 build .
    expect_stderr "there is no program to run: the image is empty"
}

@test "build: what .dockerignore leaves out does not leave the context" {
    mkdir -p d/e
    touch keep d/e/f d/e/g secret
    ln -s secret link
    printf 'secret\nd/e\n!d/e/f\n' >.dockerignore
    printf 'FROM base\nCOPY . /i/\nCOPY d/e/* /j/\n' | dockerfile
    sc_ok build -t t .
    sc_ok run --rm t sh -c 'cd /i && find . | sort; ls /j'
    is "$output" $'.\n./.dockerignore\n./Dockerfile\n./d\n./d/e\n./d/e/f\n./keep\n./link\nf'
    local word
    for word in secret link; do
        printf 'FROM base\nCOPY %s /i\n' $word | dockerfile
        sc_fails 1 build .
        expect_stderr "\"/$word\": not found; .dockerignore leaves it out"
    done
    # of a Dockerfile's own, before the context's
    printf 'FROM base\nCOPY . /i/\nRUN ls /i\n' >own
    printf 'd\nkeep\n' >own.dockerignore
    sc_ok build -f own .
    matches "$stderr" $'\nsecret\n'
}

@test "build: no link leads out of the context, or out of the image" {
    echo outside >"$BATS_TEST_TMPDIR/outside"
    ln -s "$BATS_TEST_TMPDIR/outside" abs
    ln -s ../outside up
    ln -s / root
    for word in abs up "root$BATS_TEST_TMPDIR/outside" ../outside '../../*side'; do
        printf 'FROM base\nCOPY %s /x/\nRUN find /x | head -c 1000\n' "$word" | dockerfile
        run_sc build .
        [[ $stderr != *outside$'\n#'* ]] || { echo "$word: $stderr"; false; }
        [ "$status" -eq 1 ] || [[ $word == *'*'* ]]
    done
    # a link of the image's that is the destination, or on the way to it
    mkdir "$BATS_TEST_TMPDIR/host"
    echo new >new
    printf 'FROM base\nRUN ln -s %s /to && mkdir -p %s\nCOPY new /to/\nCOPY new /to/../two\nRUN cat %s/new\n' \
        "$BATS_TEST_TMPDIR/host" "$BATS_TEST_TMPDIR/host" "$BATS_TEST_TMPDIR/host" | dockerfile
    sc_ok build .
    is "$(ls "$BATS_TEST_TMPDIR/host")" ""
}

@test "build: the Dockerfile and .dockerignore are files of the context, and no link leads out of it" {
    local name
    echo "secret of the host" >"$BATS_TEST_TMPDIR/outside"
    ln -s "$BATS_TEST_TMPDIR/outside" Dockerfile
    sc_fails 1 build .
    expect_stderr 'read the Dockerfile: open "Dockerfile" of the build context: no such file or directory'
    [[ $stderr != *secret* ]]
    for name in Dockerfile .dockerignore Dockerfile.dockerignore; do
        rm -f -- * .dockerignore
        printf 'FROM base\n' | dockerfile
        rm -f "$name"
        mkfifo "$name"
        run timeout "$SC_DEADLINE" "$SC" build .
        is "$status" 1
        [[ $output == *"\"$name\" of the build context is no file"* ]] || { echo "$output"; false; }
    done
    # one that stays inside is as good as what it leads to; what the caller names is the caller's
    rm -f -- *
    mkdir sub
    printf 'FROM base\nENV A=1\n' >sub/real
    ln -s /sub/real Dockerfile
    sc_ok build -t one .
    is "$(config one Env | jq -r '.[-1]')" A=1
    sc_ok build -t two -f <(printf 'FROM base\nENV A=2\n') .
    is "$(config two Env | jq -r '.[-1]')" A=2
}

@test "build: a file that would delete in a layer is refused" {
    echo hidden >.wh.passwd
    printf 'FROM base\nCOPY . /etc/\n' | dockerfile
    sc_fails 1 build .
    expect_stderr 'Dockerfile:2: COPY . /etc/: "etc/.wh.passwd": no layer can have a file whose name begins with ".wh."'
    sc_fails 1 build - <<<$'FROM base\nRUN touch /etc/.wh..wh..opq'
    expect_stderr '"etc/.wh..wh..opq": no layer can have a file whose name begins with ".wh."'
    no_remains
}

@test "build: words that are not UTF-8 are named before anything is copied" {
    local word
    echo f >f
    for word in $'f /\xff' $'--chown=\xff f /x' $'<<\xff /x\nhello\n\xff'; do
        printf 'FROM base\nCOPY %s\n' "$word" | dockerfile
        sc_fails 1 build .
        expect_stderr 'a name or a file is not UTF-8'
    done
    no_remains
}

@test "build: ADD unpacks archives, whatever they say, and copies the rest" {
    mkdir d
    echo in >d/f
    tar -czf t.tgz d
    echo text | gzip >n.gz
    printf 'FROM base\nADD t.tgz n.gz /a/\nCOPY t.tgz /c/\n' | dockerfile
    sc_ok build -t t .
    sc_ok run --rm t sh -c 'find /a /c -type f | sort'
    is "$output" $'/a/d/f\n/a/n.gz\n/c/t.tgz'
    tar -cPf t.tgz --transform 's,^,../../../,' d
    sc_fails 1 build .
    expect_stderr 'its name has ".."'
    tar --format=v7 -cf old.tar d
    head -c 1000 /dev/urandom >random.tar
    head -c 1000 /dev/zero >zero.tar
    printf 'FROM base\nADD old.tar random.tar zero.tar /a/\n' | dockerfile
    sc_ok build -t t .
    sc_ok run --rm t sh -c 'find /a -type f | sort'
    is "$output" $'/a/d/f\n/a/random.tar\n/a/zero.tar'
    rm -r d
    mkdir -p link file/in
    echo new | tee link/f file/in/f dir >/dev/null
    tar -cf r.tar link file dir
    printf 'FROM base\nRUN mkdir /to /to/dir /else && touch /to/file /to/dir/old && ln -s /else /to/link\nADD r.tar /to/\n' | dockerfile
    sc_ok build -t t .
    sc_ok run --rm t sh -c 'cd /to && find . -type f | sort && cat dir && ls /else'
    is "$output" $'./dir\n./file/in/f\n./link/f\nnew'
    printf 'FROM base\nADD git@example.com:x/y /x\n' | dockerfile
    sc_fails 1 build .
    expect_stderr "ADD of a git repository is not supported"
    no_remains
}

@test "build: RUN has the user, the directory, the shell and the network that are said" {
    dockerfile <<'END'
FROM base
USER 33
WORKDIR /a/b
RUN echo "$(id -u) $(pwd) $(stat -c %u .)"
SHELL ["/bin/sh", "-ec"]
RUN false || echo shell; cat <<E
here
E
RUN <<E
#!/bin/cat
a script
E
USER root
RUN ["/bin/echo", "words"]
RUN --network=none ls /sys/class/net
END
    sc_ok build --progress plain .
    for line in "33 /a/b 33" shell here "a script" words lo; do
        grep -qx "$line" <<<"$stderr" || { echo "no $line: $stderr"; false; }
    done
    is "$(grep -cx eth0 <<<"$stderr")" 0
    # what has no such thing, and what is not done
    printf 'FROM base\nRUN ["/nothing"]\n' | dockerfile
    sc_fails 1 build .
    printf 'FROM base\nUSER nobody-knows\nRUN true\n' | dockerfile
    sc_fails 1 build .
    printf 'FROM base\nCOPY --chown=nobody-knows Dockerfile /\n' | dockerfile
    sc_fails 1 build .
    expect_stderr '--chown=nobody-knows: find user "nobody-knows"'
    no_remains
}

@test "build: RUN has the host's network only where the caller allows it" {
    printf 'FROM base\nRUN --network=host echo "net $(readlink /proc/self/ns/net)"\n' | dockerfile
    sc_fails 1 build .
    expect_stderr "Dockerfile:2: RUN --network=host echo"
    expect_stderr "RUN --network=host is not allowed"
    sc_fails 1 build --network none .
    sc_ok build --network host .
    expect_stderr "net $(readlink /proc/self/ns/net)"
    # nor does a base image's trigger choose that
    sc_ok build -t on - <<<$'FROM base\nONBUILD RUN --network=host true'
    sc_fails 1 build - <<<'FROM on'
    expect_stderr "RUN --network=host is not allowed"
    no_remains
}

@test "build: a signal, or SIGKILL, ends the step and leaves nothing" {
    local pid
    printf 'FROM base\nRUN echo begun; sleep 1000\n' | dockerfile
    for signal in INT TERM KILL; do
        env --default-signal=INT "$SC" build . >/dev/null 2>"$BATS_TEST_TMPDIR/said" &
        pid=$!
        wait_until grep -qx begun "$BATS_TEST_TMPDIR/said"
        kill -$signal $pid
        status=0
        wait $pid || status=$?
        is $status $((128 + $(kill -l $signal)))
        wait_until runs_nothing
    done
    wait_until is_empty "$SC_DATA_ROOT/container"
    # what a killed one has left, the next one takes along
    printf 'FROM base\nRUN true\n' | dockerfile
    sc_ok build .
    no_remains
}

runs_nothing()
{
    [ -z "$("$SC" ps -q)" ]
}

is_empty()
{
    [ -z "$(ls "$1")" ]
}

@test "build: from standard input, several at once, and the base's triggers" {
    sc_ok build -q -t on - <<<$'FROM base\nONBUILD COPY f /f\nONBUILD RUN cat /f'
    matches "$output" '^sha256:[0-9a-f]{64}$'
    is "$stderr" ""
    is "$(config on OnBuild)" '["COPY f /f","RUN cat /f"]'
    echo triggered >f
    printf 'FROM on\n' | dockerfile
    sc_ok build -t off .
    expect_stderr triggered
    is "$(config off OnBuild)" null
    local pids=() number
    for number in 1 2 3 4; do
        "$SC" build -q -t many:$number - <<<$'FROM base\nRUN echo '$number' >/n' >/dev/null &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    for number in 1 2 3 4; do
        sc_ok run --rm many:$number cat /n
        is "$output" $number
    done
    is "$("$SC" system df --format '{{.TotalCount}}' | tail -n 1)" 6
}

@test "build: an earlier stage's triggers are executed in the stage that begins with it, once" {
    dockerfile <<'END'
FROM base AS one
ONBUILD RUN echo triggered >>/trig
FROM one AS two
RUN echo "in two: $(cat /trig)"
FROM two
RUN echo "in three: $(wc -l </trig)"
END
    sc_ok build -t t .
    expect_stderr "in two: triggered"
    expect_stderr "in three: 1"
    is "$(config t OnBuild)" null
    sc_ok build -t one --target one .
    is "$(config one OnBuild)" '["RUN echo triggered >>/trig"]'
    # one that names a stage that is not built yet
    printf 'FROM base AS one\nONBUILD COPY --from=late /l /l\nFROM base AS late\nRUN echo late >/l\nFROM one\nRUN cat /l\n' | dockerfile
    sc_ok build .
    expect_stderr late
}

@test "build: the cache's file says no value of a build argument, and no here-document" {
    echo text >hunter2secret
    printf 'FROM base\nARG TOKEN\nWORKDIR /$TOKEN\nCOPY $TOKEN* /x$TOKEN\nRUN true $TOKEN\n' | dockerfile
    sc_ok build --build-arg TOKEN=hunter2secret .
    sc_ok build --build-arg TOKEN=hunter2secret .
    is "$(cached)" 3
    sc_ok build --build-arg TOKEN=hunter .
    is "$(cached)" 0
    printf 'FROM base\nCOPY <<E /e\nhere-document\nE\n' | dockerfile
    sc_ok build .
    grep -qF 'COPY $TOKEN* /x$TOKEN' "$SC_DATA_ROOT/image/sc-build-cache.json"
    is "$(grep -cE 'hunter2|here-document' "$SC_DATA_ROOT/image/sc-build-cache.json")" 0
    is "$(grep -o '"key": *"run:[0-9a-f]*"' "$SC_DATA_ROOT/image/sc-build-cache.json" | sort -u | wc -l)" 2
}

@test "build: descriptors that the caller has closed, and output that nobody reads" {
    echo text >n
    printf 'FROM base\nCOPY n /n\nRUN grep -x text /n; grep SigIgn: /proc/self/status\n' | dockerfile
    is "$("$SC" build --no-cache . 2>&1 <&- | grep -cx text)" 1
    "$SC" build --no-cache -t closed . <&- >&- 2>&-
    sc_ok run --rm closed cat /n
    is "$output" text
    # ignored signals are ours, not RUN's
    sc_ok build --no-cache .
    matches "$stderr" $'SigIgn:\t[0-9a-f]{12}[02468ace][0-9a-f]{3}\n' # but bit 12
    printf 'FROM base\nRUN while echo line; do :; done\n' | dockerfile
    "$SC" build . 2>&1 | head -n 20 >/dev/null || :
    no_remains
}

@test "build: a script's first line is cut between characters" {
    printf 'FROM base\nRUN <<E\n: %0197d\u00e9\necho >/made\nE\n' 0 | dockerfile
    sc_ok build .
    [[ $stderr != *note:* ]] || { echo "$stderr"; false; }
    sc_ok build .
    is "$(cached)" 1
}

@test "build: what is wrong is one line, and nothing is made" {
    printf 'FROM base\nRNU true\n' | dockerfile
    sc_fails 1 build .
    expect_stderr "Dockerfile:2: unknown instruction: RNU"
    is "$(wc -l <<<"$stderr")" 1
    sc_fails 1 build -f nothing .
    expect_stderr 'read the Dockerfile: open "nothing"'
    sc_fails 1 build nowhere
    sc_fails 1 build https://example.com/x.git
    sc_fails 1 build -t 'UPPER CASE' .
    sc_fails 1 build --progress loud .
    sc_fails 1 build --platform linux/s390x - <<<'FROM base'
    expect_stderr "images are built for this machine alone"
    sc_fails 1 build - <<<$'FROM base\nCOPY f /f'
    expect_stderr "there is no build context to copy from"
    sc_ok build - --build-arg NOBODY=1 <<<'FROM base'
    expect_stderr "note: --build-arg NOBODY: no ARG of the Dockerfile takes it"
    no_remains
}

@test "build: a deep directory of which little is kept costs one walk" {
    local deep=d level
    for level in $(seq 60); do
        deep+=/d
    done
    mkdir -p "$deep" e/none/below
    echo kept >"$deep/keep"
    echo left >"$deep/other"
    echo left >e/none/below/other
    printf '**\n!**/keep\n' >.dockerignore
    printf 'FROM base\nCOPY . /all/\nRUN cd /all && find . ! -type d && find . -name none\n' | dockerfile
    # A walk of its own for each level and what is below would be 2^60.
    run -0 --separate-stderr timeout 60 "$SC" build -t t .
    sc_ok run --rm t sh -c 'cd /all && find . ! -type d; ls'
    is "$output" "./$deep/keep"$'\nd'
    sc_ok build -t t .
    is "$(cached)" 2
    no_remains
}

@test "build: a device that would delete is not copied, and is called by its name" {
    mknod wh c 0 0
    printf 'FROM base\nCOPY wh /x\n' | dockerfile
    sc_fails 1 build .
    expect_stderr 'copy "/wh": it is the device 0:0, by which layers delete files'
    no_remains
}

# A copier of the context in $CTX: a process of sc-transfer that has its file open.
copiers()
{
    local fd
    for fd in /proc/[0-9]*/fd/*; do
        if [ "$(readlink "$fd")" = "$CTX/big" ]; then
            fd=${fd#/proc/}
            echo "${fd%%/*}"
        fi
    done 2>/dev/null
}

has_copier()
{
    [ -n "$(copiers)" ]
}

has_no_copier()
{
    [ -z "$(copiers)" ]
}

@test "build: who copies ends with the build" {
    truncate -s 64G big
    printf 'FROM base\nCOPY big /big\n' | dockerfile
    local pid status signal
    for signal in TERM KILL; do
        "$SC" build . 2>/dev/null &
        pid=$!
        wait_until has_copier
        kill -$signal "$pid"
        status=0
        wait "$pid" || status=$?
        is "$status" $((128 + $(kill -l $signal)))
        wait_until has_no_copier
    done
    sc_ok builder prune -f
    no_remains
}
