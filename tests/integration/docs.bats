#!/usr/bin/env bats
# What the documents tell a reader to type, typed: the tour of the README, and the "See it" of the pages about what a
# container is. A command that changed its spelling or its answer fails here.
# no-vm: documents, not the kernel
load helpers

SOURCE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

setup()
{
    sc_setup
    [ -d "$SOURCE/docs" ] || skip "only where the sources are"
    PATH=$SC_BIN:$PATH
}

# The indented commands of a file below a heading, up to the next one.
commands()
{
    awk -v heading="$2" '/^## /{ on = ($0 == "## " heading) } on && /^    / { print substr($0, 5) }' "$SOURCE/$1"
}

# Runs them in one shell that stops at the first failure; the output is in $output.
follow()
{
    commands "$1" "$2" >"$BATS_TEST_TMPDIR/commands"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -gt 4 ]
    run bash -e -o pipefail "$BATS_TEST_TMPDIR/commands"
    [ "$status" -eq 0 ] || show_last "a command of $1"
}

@test "docs: the tour of the README" {
    follow README.md 'A short tour'
    expect_output hello
    expect_output '"sleep 1000"'
    expect_output 'pivot'
    [ "${lines[-1]}" = 1 ]
}

@test "docs: the README's way to try sc-oci" {
    local dir=$BATS_TEST_TMPDIR/clone
    mkdir -p "$dir/build"
    ln -s "$SC_BIN" "$dir/build/bin"
    commands README.md 'Try sc-oci' | grep -v '^\./dev build$' >"$BATS_TEST_TMPDIR/commands"
    cd "$dir"
    run bash -e "$BATS_TEST_TMPDIR/commands"
    is "$status $output" '0 I am pid 1'
}

@test "docs: the page about namespaces" {
    follow docs/concepts/namespaces.md 'See it'
    expect_output 'sleep 1000'
    expect_output '100000      65536'
    expect_output 'CLONE_NEWNET'
}

@test "docs: the page about process 1" {
    follow docs/concepts/pid-1.md 'See it'
    expect_output 'still here'
    expect_output '1 root     /run/sc-init -- sh'
    expect_output 137
    [ "${lines[-1]}" = 'nothing left' ]
}

@test "docs: the page about capabilities refuses what it says" {
    while read -r line; do
        run bash -c "$line"
        case $line in
        *'# refused'*) [ "$status" -ne 0 ] || show_last "not refused: $line" ;;
        *) [ "$status" -eq 0 ] || show_last "failed: $line" ;;
        esac
    done < <(commands docs/concepts/capabilities.md 'Seeing it' | grep '^sc ')
}

@test "docs: links of the documents lead somewhere" {
    local file link
    for file in "$SOURCE"/*.md "$SOURCE"/docs/*.md "$SOURCE"/docs/concepts/*.md; do
        for link in $(grep -oE '\]\([^)#:]+' "$file" | cut -c 3-); do
            [ -e "$(dirname "$file")/$link" ] || { echo "$file: $link" && return 1; }
        done
        # what a table names as the file that does it
        for link in $(grep -oE '`(src|tests|man|docs)/[A-Za-z0-9_./-]+`' "$file" | tr -d '`'); do
            [ -e "$SOURCE/$link" ] || { echo "$file: $link" && return 1; }
        done
    done
}
