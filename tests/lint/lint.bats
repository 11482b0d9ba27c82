#!/usr/bin/env bats
# The lints fail on what they forbid, and pass what they allow.

setup()
{
    own="$BATS_TEST_DIRNAME/own"
    tree="$BATS_TEST_TMPDIR/tree"
    mkdir -p "$tree/src/base" "$tree/src/engine" "$tree/src/image" "$tree/src/kernel"
    printf '#include "base/base.h"\n' >"$tree/src/base/good.c"
}

# refuses LINT PATH LINE-OF-CODE PATTERN: the lint must fail and say PATTERN of that file.
refuses()
{
    printf '%s\n' "$3" >"$tree/$2"
    run "$own/$1" --root "$tree"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ "$output" == *"$2:1: "*$4* ]]
    rm "$tree/$2"
}

allows()
{
    printf '%s\n' "$3" >"$tree/$2"
    run "$own/$1" --root "$tree"
    echo "$output"
    [ "$status" -eq 0 ]
    [ -z "$output" ]
    rm "$tree/$2"
}

@test "include-direction refuses an include of a later folder" {
    refuses include-direction src/base/bad.c '#include "engine/engine.h"' 'engine/ comes after base/'
}

@test "include-direction refuses image and rootfs knowing each other" {
    mkdir -p "$tree/src/rootfs"
    refuses include-direction src/rootfs/bad.c '#include "image/image.h"' 'do not know each other'
}

@test "include-direction refuses another folder's private header, a bare name and an unknown folder" {
    refuses include-direction src/engine/bad.c '#include "image/image-priv.h"' 'a private header of image/'
    refuses include-direction src/engine/bad.c '#include "engine.h"' 'write it from src/'
    refuses include-direction src/engine/bad.c '#include "other/x.h"' 'not a folder'
    mkdir -p "$tree/src/other"
    refuses include-direction src/other/bad.c '#include "base/base.h"' 'has no place in the order'
}

@test "include-direction allows earlier folders and the folder itself" {
    allows include-direction src/engine/good.c '#include "image/image.h"'
    allows include-direction src/engine/good.c '#include "engine/engine-priv.h"'
}

@test "banned-calls refuses path-based calls outside base and kernel" {
    for call in 'int f(void) { return open("/x", 0); }' 'int f(void) { return mount(a, b, c, 0, 0); }' \
        'x = mkdir (p, 0);' 'FILE *f = fopen(p, "r");' 'if (access(p, F_OK)) x();' 'return chdir(p);'; do
        refuses banned-calls src/engine/bad.c "$call" 'path by name'
    done
    refuses banned-calls src/engine/bad.c 'fd = openat(AT_FDCWD, p, 0);' 'AT_FDCWD'
}

@test "banned-calls refuses unsafe calls everywhere, tests and base included" {
    refuses banned-calls src/base/bad.c 'strcpy(a, b);' 'no bound'
    mkdir -p "$tree/tests/unit"
    refuses banned-calls tests/unit/bad.c 'strcat(a, b);' 'no bound'
    refuses banned-calls src/base/bad.c 'return system("ls");' 'shell'
    allows banned-calls tests/unit/good.c 'return system("ls");'
}

@test "banned-calls allows the same names elsewhere: comments, strings, members, longer names, base, marked lines" {
    allows banned-calls src/engine/good.c '/* open(x) and strcpy(a, b) */'
    allows banned-calls src/engine/good.c 'puts("mount(2) failed");'
    allows banned-calls src/engine/good.c 'driver->open(x); table.mount(y); sc_plan_mount(z);'
    allows banned-calls src/engine/good.c 'fd = sc_dir_open_at(AT_FDCWD, path, err);'
    allows banned-calls src/base/good2.c 'fd = open("/dev/null", O_RDWR);'
    allows banned-calls src/engine/good.c 'fd = open(arg, O_RDONLY); /* lint: the caller names its own file */'
    allows banned-calls src/engine/good.c $'/* lint: the caller names its own file */\nfd = open(arg, O_RDONLY);'
}

@test "banned-calls refuses a mark without a reason" {
    refuses banned-calls src/engine/bad.c 'fd = open(arg, O_RDONLY); /* lint: */' 'path by name'
}

@test "no-machine-paths refuses a directory of one machine and a conflict marker" {
    refuses no-machine-paths src/base/bad.c "// see /wor""k/x" 'one machine'
    refuses no-machine-paths src/base/bad.c "<<<<<<""< HEAD" 'conflict'
}

@test "no-machine-paths allows other paths" {
    allows no-machine-paths src/base/good2.c '// /var/lib/sc/work/x, $dir/work/x and /workdir'
}

@test "comment-width refuses a comment that is wider than code, in characters" {
    refuses comment-width src/base/bad.c "/* $(printf 'x%.0s' {1..120})" 'characters wide'
    allows comment-width src/base/good2.c " * $(printf '─%.0s' {1..117})"
    allows comment-width src/base/good2.c "$(printf 'x%.0s' {1..121}) /* code is the formatter's */"
}

@test "a lint that finds nothing to look at fails" {
    mkdir "$BATS_TEST_TMPDIR/empty"
    for lint in "$own"/*; do
        run "$lint" --root "$BATS_TEST_TMPDIR/empty"
        [ "$status" -eq 1 ]
    done
}

@test "lengths names a long file and a long function" {
    { printf 'static int\nlong_one(void)\n{\n' && yes '    x();' | head -n 700 && printf '}\n'; } >"$tree/src/base/long.c"
    run "$BATS_TEST_DIRNAME/lengths" --root "$tree"
    [[ "$output" == *"src/base/long.c: 70"*" lines"* ]]
    [[ "$output" == *"long_one has 701 lines"* ]]
}

@test "a sanitizer's report fails the run that passed all its tests" {
    mkdir -p "$BATS_TEST_TMPDIR/build/bin"
    # shellcheck disable=SC2016 # the inner bats expands it
    printf '%s\n' '@test "reports" { echo "runtime error: x" >"${UBSAN_OPTIONS##*log_path=}.$$"; }' >"$BATS_TEST_TMPDIR/reports.bats"
    printf '%s\n' '@test "is clean" { [ -d "$(dirname "${ASAN_OPTIONS##*log_path=}")" ]; }' >"$BATS_TEST_TMPDIR/clean.bats"
    run env -u SC_TOTALS "$BATS_TEST_DIRNAME/../tools/run-tests" --build "$BATS_TEST_TMPDIR/build" --where asan "$BATS_TEST_TMPDIR/clean.bats"
    echo "$output"
    [ "$status" -eq 0 ]
    [[ "$output" == *"2 passed, 0 failed, 0 skipped"* ]]
    run env -u SC_TOTALS "$BATS_TEST_DIRNAME/../tools/run-tests" --build "$BATS_TEST_TMPDIR/build" --where asan "$BATS_TEST_TMPDIR/reports.bats"
    echo "$output"
    [ "$status" -eq 1 ]
    [[ "$output" == *"runtime error: x"* ]]
    [[ "$output" == *"1 passed, 1 failed, 0 skipped"* ]]
}
