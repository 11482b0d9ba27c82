#!/usr/bin/env bats
# sc build -o: what was built as files.
load helpers
load building

setup()
{
    sc_setup
    CTX=$BATS_TEST_TMPDIR/context OUT=$BATS_TEST_TMPDIR/out
    mkdir "$CTX" "$OUT"
    cd "$CTX" || return
    cat >Dockerfile <<'END'
FROM base AS one
RUN mkdir -p /o/d && echo text >/o/d/f && ln -s d/f /o/l && chmod 640 /o/d/f
FROM scratch
COPY --from=one /o /
END
}

@test "build -o: a directory, to which what is there stays" {
    echo mine >"$OUT/mine"
    sc_ok build -o "$OUT" .
    is "$output" ""
    is "$(cd "$OUT" && find . -mindepth 1 | sort | paste -sd' ')" "./d ./d/f ./l ./mine"
    is "$(readlink "$OUT/l") $(cat "$OUT/d/f") $(stat -c %a:%u "$OUT/d/f")" "d/f text 640:0"
    # one that is not there, by a relative name; no image is made
    sc_ok build -t no -o type=local,dest=new/deep .
    is "$(cat new/deep/l)" text
    is "$("$SC" images -q | wc -l)" 1
    no_remains
}

@test "build -o: a tar, to a file or standard output" {
    sc_ok build -o type=tar,dest="$OUT/tar" .
    is "$(tar -tf "$OUT/tar" | sed 's,^\./,,' | sort | paste -sd' ')" "d/ d/f l"
    "$SC" build -q -o - . >"$OUT/two"
    is "$(tar -xOf "$OUT/two" d/f)" text
    "$SC" build -q -o type=tar . | cmp - "$OUT/two"
    is "$("$SC" images -q | wc -l)" 1
    no_remains
}

@test "build -o: an archive of the image, which is in the store too" {
    sc_ok build -t named -o type=oci,dest="$OUT/oci" .
    matches "$(tar -xOf "$OUT/oci" index.json)" 'named'
    sc_ok build -t named -o type=docker,dest="$OUT/docker" .
    matches "$(tar -xOf "$OUT/docker" manifest.json)" 'named:latest'
    "$SC" build -q -o type=oci . | tar -t >/dev/null
    sc_ok rmi named
    sc_ok load -i "$OUT/oci"
    sc_ok build -o type=docker,dest="$OUT/none" .
    sc_ok image inspect named
    sc_ok build -t other -o type=docker .
    sc_ok image inspect other
    no_remains
}

@test "build -o: what is wrong is one line, and nothing is made" {
    local word text
    while IFS='|' read -r word text; do
        sc_fails 1 build -o "$word" .
        expect_stderr "$text"
        is "$(wc -l <<<"$stderr")" 1
    done <<'END'
type=zip,dest=x|its type is local, tar, oci, docker or image
dest=x|it has no type
type=local|its dest is a directory
type=local,dest=-|its dest is a directory
type=image,dest=x|an image in the store has no dest
type=tar,where=x|"where=x" is neither type=.. nor dest=..
END
    sc_fails 1 build -o type=tar,dest="$OUT/no/where" .
    expect_stderr "no such file or directory"
    sc_fails 1 build -o Dockerfile .
    expect_stderr "--output"
    is "$(ls "$OUT")" ""
    no_remains
}
