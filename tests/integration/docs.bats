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

# The indented commands of a file below a heading, up to the next one; without a heading all of them.
commands()
{
    awk -v heading="${2:-}" 'BEGIN { on = heading == "" } heading && /^## /{ on = ($0 == "## " heading) } on && /^    / { print substr($0, 5) }' \
        "$SOURCE/$1" | sed "s|/var/lib/sc/|$SC_DATA_ROOT/|g; s|/run/sc/container|$SC_RUN_ROOT/container|g"
}

# Runs them in one shell that stops at the first failure; the output is in $output.
follow()
{
    commands "$@" >"$BATS_TEST_TMPDIR/commands"
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

@test "docs: a container by hand" {
    TMPDIR=$BATS_TEST_TMPDIR follow docs/concepts/by-hand.md
    expect_output 'the whole system: /bin /old /proc /tmp'
    expect_output $'\n2\n1\n' # the mounts that are shared, and that are not
    matches "$output" $'I am 1\n[0-9]+\nI am 1\n4\nstill here' # the processes of the host, of the namespace
    matches "$output" 'MemTotal: +65536 kB'
    expect_output 'ended with 137'
    expect_output 'Its memory was out'
    expect_output 'refused'
    expect_output '1 packets received'
    is "${lines[-2]} ${lines[-1]}" 'taken free'
}

@test "docs: the page about state" {
    follow docs/concepts/state.md 'See it'
    expect_output 'held: it runs'
    expect_output 'cgroup-remove'
    expect_output 'Exited (137)'
    expect_output 'free: it has ended'
}

@test "docs: the page about logs" {
    follow docs/concepts/logs.md 'See it'
    expect_output '"log":"unfinished","stream":"stdout","attrs":{"tag":"talk"},"time":'
    expect_output $'unfinishedtag=talk out\n'
    matches "$output" 'container die .*exitCode=0'
}

@test "docs: the page about the root file system" {
    follow docs/concepts/rootfs.md 'See it'
    expect_output 'on / type overlay'
    expect_output 'pivot to the new root'
    expect_output $'\nnew\n' # in the upper directory
    expect_output $'\ngroup\n' # in the volume
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

@test "docs: the page about restart policies" {
    follow docs/concepts/restart.md 'See it'
    matches "$output" '(Restarting \(7\)|Up |Exited \(7\))'
    expect_output $'\n7\n'
    expect_output 'was started again 3 times'
    expect_output $'\n3 exited\n'
}

@test "docs: the page about health checks" {
    follow docs/concepts/health.md 'See it'
    expect_output '(unhealthy)'
    expect_output '(healthy)'
    expect_output '{"Status":"healthy","FailingStreak":0,"Log":[{"Start":'
    expect_output 'health_status: unhealthy'
    expect_output 'health_status: healthy'
}

@test "docs: the page about images" {
    cd "$BATS_TEST_TMPDIR"
    TMPDIR=$BATS_TEST_TMPDIR follow docs/concepts/images.md 'See for yourself'
    expect_output '"RepoTags"'
    expect_output 'RESOLVE_BENEATH'
    matches "$output" $'c--------- .* 0, +0 .*/diff/etc/group\n'
    matches "$output" ' +[0-9]+ +3 +group' # a character device
}

@test "docs: the page about seccomp" {
    while read -r line; do
        run bash -c "$line"
        case $line in
        *'# refused'*) [ "$status" -ne 0 ] || show_last "not refused: $line" ;;
        *) [ "$status" -eq 0 ] || show_last "failed: $line" ;;
        esac
    done < <(commands docs/concepts/seccomp.md 'Seeing it')
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
