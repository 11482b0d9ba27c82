#!/usr/bin/env bats
# What sc build shows: on a terminal, quietly, plainly.
load helpers
load building

# plan LINE...: a Dockerfile of these lines after FROM base
plan()
{
    printf '%s\n' 'FROM base' "$@" | dockerfile
}

@test "build: quiet shows the image's id alone; of what failed the step's own output" {
    local how
    for how in -q '--progress quiet'; do
        plan 'RUN echo early' 'RUN echo late >&2'
        # shellcheck disable=SC2086 # an option and its value
        sc_ok build --no-cache $how .
        matches "$output" '^sha256:[0-9a-f]{64}$'
        is "$stderr" ""
        plan 'RUN echo early' 'RUN echo late >&2; exit 3'
        # shellcheck disable=SC2086
        sc_fails 1 build --no-cache $how .
        is "$output" ""
        is "$(sed 's/^sc: .*/error/' <<<"$stderr")" $'late\nerror'
    done
    no_remains
}

@test "build: plain shows steps and output on standard error, and nothing moves" {
    plan 'RUN echo said; sleep 1'
    sc_ok build --progress plain .
    is "$output" ""
    is "$(sed -E 's/DONE [0-9.]+s/DONE/; s/^sha256:.*/id/' <<<"$stderr")" $'#1 [1/2] FROM base\n#2 [2/2] RUN echo said; sleep 1\nsaid\n#2 DONE\nid'
    python3 "$TESTS/terminal.py" show "$SC" build --no-cache --progress plain . >"$BATS_TEST_TMPDIR/shown"
    run -1 grep -F $'\e' "$BATS_TEST_TMPDIR/shown"
    no_remains
}

@test "build: of output that nobody sees the end is kept" {
    plan 'RUN echo first; i=0; while [ $i -lt 100 ]; do printf "%099999d\n" 0; i=$((i+1)); done; echo last; exit 3'
    sc_fails 1 build -q .
    is "$(grep -cx last <<<"$stderr") $(grep -cx first <<<"$stderr")" "1 0"
    [ "${#stderr}" -gt 1000000 ]
    [ "${#stderr}" -lt 3000000 ]
    is "$output" ""
    no_remains
}

@test "build: on a terminal a line says how long a step has been running, and goes" {
    plan 'RUN sleep 1; printf part; sleep 1; echo ly; sleep 1'
    TERM=xterm python3 "$TESTS/terminal.py" show "$SC" build . >"$BATS_TEST_TMPDIR/shown"
    # drawn, and erased before what the step says
    grep -qE '    [0-9]+s #2 \[2/2\] RUN sleep 1; .*\\r'$'\e''\[Kpartly' "$BATS_TEST_TMPDIR/shown"
    grep -qE '\\r'$'\e''\[K#2 DONE' "$BATS_TEST_TMPDIR/shown"
    TERM=dumb python3 "$TESTS/terminal.py" show "$SC" build --no-cache . >"$BATS_TEST_TMPDIR/shown"
    run -1 grep -F $'\e' "$BATS_TEST_TMPDIR/shown"
    no_remains
}

@test "build: SOURCE_DATE_EPOCH says when all of it was made: the same image twice" {
    local first
    touch -d @1500000000 file
    plan 'COPY file /' 'RUN touch -d @1500000000 /ran' 'CMD x'
    SOURCE_DATE_EPOCH=1600000000 sc_ok build -q --no-cache .
    first=$output
    is "$("$SC" image inspect -f '{{.Created}}' "$first")" 2020-09-13T12:26:40.000000000Z
    SOURCE_DATE_EPOCH=1600000000 sc_ok build -q --no-cache .
    is "$output" "$first"
    # what the cache has was made at another time, and the cache does not keep this one
    sc_ok build -q --no-cache .
    SOURCE_DATE_EPOCH=1600000000 sc_ok build -q .
    is "$output" "$first"
    sc_ok build -q --build-arg SOURCE_DATE_EPOCH=1600000000 .
    is "$output" "$first"
    sc_ok build -q .
    matches "$("$SC" image inspect -f '{{.Created}}' "$output")" "$(date -u +%Y)-*"
    # without a layer of its own, and at the beginning of time; RUN has it where an ARG asks for it
    plan 'CMD y'
    SOURCE_DATE_EPOCH=0 sc_ok build -q .
    is "$("$SC" image inspect -f '{{.Created}}' "$output")" 1970-01-01T00:00:00.000000000Z
    plan 'ARG SOURCE_DATE_EPOCH' 'RUN test "$SOURCE_DATE_EPOCH" = 1600000000'
    SOURCE_DATE_EPOCH=1600000000 sc_ok build -q .
    SOURCE_DATE_EPOCH=x sc_fails 1 build -q .
    expect_error 1 SOURCE_DATE_EPOCH
    no_remains
}
