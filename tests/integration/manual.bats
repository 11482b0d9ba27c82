#!/usr/bin/env bats
# What is installed for a person to read and type: the manual says every command and option and no other, and the shells
# complete them.
# no-vm: documents, not the kernel
load helpers

SOURCE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

MAN=$SOURCE/man

setup()
{
    sc_setup
    [ -d "$MAN" ] || skip "only where the sources are"
}

# The page as it is read, without the marks of bold and underlined.
rendered()
{
    groff -mandoc -Tascii -rLL=200n "$1" | sed 's/\x1b\[[0-9;]*m//g; s/.\x08//g'
}

# Of sc(1): lines "TITLE<tab>WORD" for every option in the tagged lists below every sub-title.
documented()
{
    rendered "$MAN/sc.1" | awk '
        /^   [^ ]/ { sub(/^ +/, ""); title = $0; next }
        /^[^ ]/ { title = "" }
        title != "" && /^     -[^ ]/ {
            for (i = 1; i <= NF && $i ~ /^-/; i++) { word = $i; sub(/,$/, "", word); sub(/(=|\[).*/, "", word); print title "\t" word }
        }'
}

# The programs' own list, in the same form: one line for each option of each spelling of each command.
known()
{
    "$SC" __options | awk '{
        words = ""
        for (i = 1; i <= NF && $i !~ /^-/; i++) words = words (i > 1 ? " " : "") $i
        for (; i <= NF; i++) print words "\t" $i
    }'
}

@test "manual: every command of sc has a title, and no title is stale" {
    "$SC" __options | grep -v -- ' -' | sort >"$BATS_TEST_TMPDIR/known"
    rendered "$MAN/sc.1" |
        awk '/^[A-Z]/ { on = /^COMMANDS|^OTHER COMMANDS/ } on && /^   [^ ]/ { sub(/^ +/, ""); n = split($0, a, ", "); for (i = 1; i <= n; i++) print a[i] }' |
        sort >"$BATS_TEST_TMPDIR/documented"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/known")" -gt 40 ]
    diff "$BATS_TEST_TMPDIR/known" "$BATS_TEST_TMPDIR/documented"
}

@test "manual: every option of every command of sc, and no other" {
    documented | sort -u >"$BATS_TEST_TMPDIR/documented"
    known | sort -u >"$BATS_TEST_TMPDIR/known"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/known")" -gt 200 ]
    # A title is a list of spellings, and what stands below it holds for at least one of them.
    awk -F '\t' '{ n = split($1, a, ", "); for (i = 1; i <= n; i++) print a[i] "\t" $2 "\t" $1 }' "$BATS_TEST_TMPDIR/documented" \
        >"$BATS_TEST_TMPDIR/spelled"
    cut -f 1,2 "$BATS_TEST_TMPDIR/spelled" | sort -u >"$BATS_TEST_TMPDIR/pairs"
    LC_ALL=C comm -13 <(LC_ALL=C sort "$BATS_TEST_TMPDIR/pairs") <(LC_ALL=C sort "$BATS_TEST_TMPDIR/known") >"$BATS_TEST_TMPDIR/missing"
    [ ! -s "$BATS_TEST_TMPDIR/missing" ] || { echo "not in sc(1):" && cat "$BATS_TEST_TMPDIR/missing" && return 1; }
    awk -F '\t' 'NR == FNR { known[$0] = 1; next } { line = $3 "\t" $2; seen[line] = 1; if (($1 "\t" $2) in known) good[line] = 1 }
        END { for (line in seen) if (!(line in good)) print line }' "$BATS_TEST_TMPDIR/known" "$BATS_TEST_TMPDIR/spelled" >"$BATS_TEST_TMPDIR/stale"
    [ ! -s "$BATS_TEST_TMPDIR/stale" ] || { echo "in sc(1), but no option:" && cat "$BATS_TEST_TMPDIR/stale" && return 1; }
}

# "COMMAND<tab>--option" for each of sc-oci's commands' own options, "<tab>--option" for those of every command.
oci_known()
{
    local command
    for command in $("$SC_OCI" --help | awk '/^commands:/ { on = 1; next } /^$/ { on = 0 } on { print $1 }'); do
        echo "$command"
        "$SC_OCI" "$command" --help | awk -v c="$command" '/^options:/ { on = 1; next } /^$|^options of/ { on = 0 } on' |
            grep -oE -- '^ +(-., )?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+' | sed "s/^/$command\t/" || true
    done
    "$SC_OCI" --help | awk '/^options of every command/ { on = 1; next } on' | grep -oE -- '^ +(-., )?--[a-z0-9-]+' | grep -oE -- '--[a-z0-9-]+' |
        sed 's/^/\t/'
}

@test "manual: every command and option of sc-oci, and no other" {
    oci_known | sort >"$BATS_TEST_TMPDIR/known"
    [ "$(grep -vc -- -- "$BATS_TEST_TMPDIR/known")" -gt 10 ]
    [ "$(grep -c -- -- "$BATS_TEST_TMPDIR/known")" -gt 25 ]
    rendered "$MAN/sc-oci.8" | awk '
        /^[A-Z]/ { on = /^COMMANDS|^OPTIONS/; title = "" }
        on && /^   [^ ]/ { title = $1; print title }
        on && /^     -/ { for (i = 1; i <= NF && $i ~ /^-/; i++) if ($i ~ /^--/) print title "\t" $i }' | sort | diff "$BATS_TEST_TMPDIR/known" -
}

@test "manual: the pages are without a warning, and those they refer to exist" {
    local page name
    for page in "$MAN"/*.[18]; do
        run groff -ww -mandoc -Tutf8 -z "$page"
        is "$status$output" 0
        rendered "$page" | grep -q '^NAME'
    done
    sed -n 's/^\.Xr \(sc[a-z-]*\) \([18]\).*/\1.\2/p' "$MAN"/*.[18] | sort -u >"$BATS_TEST_TMPDIR/names"
    [ -s "$BATS_TEST_TMPDIR/names" ]
    while read -r name; do
        [ -e "$MAN/$name" ]
    done <"$BATS_TEST_TMPDIR/names"
}

@test "install: programs, manual and completions, which work from there" {
    local root=$BATS_TEST_TMPDIR/root build
    build=$(dirname "$SC_BIN")
    [ -f "$build/build.ninja" ] || skip "the programs were not built here"
    DESTDIR=$root meson install -C "$build" --no-rebuild --quiet
    (cd "$root/usr/local" && find . -type f | sort) >"$BATS_TEST_TMPDIR/installed"
    diff - "$BATS_TEST_TMPDIR/installed" <<'END'
./bin/sc
./bin/sc-oci
./lib/systemd/system/sc-api.service
./lib/systemd/system/sc-api.socket
./lib/systemd/system/sc-restart.service
./lib/systemd/user/sc-api.service
./lib/systemd/user/sc-api.socket
./lib/systemd/user/sc-restart.service
./libexec/sc/sc-api
./libexec/sc/sc-init
./libexec/sc/sc-monitor
./libexec/sc/sc-names
./libexec/sc/sc-ports
./libexec/sc/sc-transfer
./libexec/sc/sc-view
./share/bash-completion/completions/sc
./share/fish/vendor_completions.d/sc.fish
./share/man/man1/sc.1
./share/man/man8/sc-api.8
./share/man/man8/sc-init.8
./share/man/man8/sc-monitor.8
./share/man/man8/sc-names.8
./share/man/man8/sc-oci.8
./share/man/man8/sc-ports.8
./share/man/man8/sc-transfer.8
./share/man/man8/sc-view.8
./share/zsh/site-functions/_sc
END
    "$root/usr/local/bin/sc" version
}

# ---- completion ---------------------------------------------------------------------------------------

# What bash offers for the line, as readline would ask: in a terminal, by the key. The line is given up with ^C.
bash_offers()
{
    COMPLETION=$SOURCE/completion/sc.bash LINE=$1 PATH=$SC_BIN:$PATH python3 - <<'END'
import os, pty, re, select, sys, time

pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", PS1="ready> ", INPUTRC="/dev/null", COLUMNS="200", LINES="500", HISTFILE="/dev/null")
    os.execvp("bash", ["bash", "--noprofile", "--norc", "-i"])

def until(marker, start):
    text, deadline = start, time.monotonic() + 60
    while not re.search(marker, text):
        if not select.select([fd], [], [], deadline - time.monotonic())[0]:
            sys.exit("no " + marker + " in: " + text)
        text += os.read(fd, 65536).decode(errors="replace")
    return text

def send(text):
    os.write(fd, text.encode())

until("ready> ", "")
send("bind 'set completion-query-items 0' 'set page-completions off' 'set bell-style none'; stty -echoctl; . \"$COMPLETION\"; echo so''urced\n")
until("sourced\r?\n.*ready> ", "")
# M-* puts every completion into the line; the end of the line then shows what it has become.
send(os.environ["LINE"] + "\x1b*" + "\x01echo \x05\n")
print(re.sub(r"\s+", " ", until("\r?\n[^\r\n]*\r?\nready> ", "").split("\n")[-2]).strip())
send("exit\n")
os.waitpid(pid, 0)
END
}

@test "completion: bash completes commands, options, names and values" {
    sc_ok create --name one base true
    sc_ok run -d --name two base sleep 1000
    is "$(bash_offers 'sc cont')" 'sc container'
    is "$(bash_offers 'sc container l')" 'sc container list logs ls'
    is "$(bash_offers 'sc run --cpus')" 'sc run --cpus --cpuset-cpus --cpuset-mems'
    is "$(bash_offers 'sc run --network h')" 'sc run --network host'
    is "$(bash_offers 'sc run --network=h')" 'sc run --network=host'
    is "$(bash_offers 'sc run --pid container:t')" 'sc run --pid container:two'
    is "$(bash_offers 'sc run -it b')" 'sc run -it base'
    is "$(bash_offers 'sc start ')" 'sc start one'
    is "$(bash_offers 'sc exec ')" 'sc exec two'
    is "$(bash_offers 'sc rm two ')" 'sc rm two one two'
    is "$(bash_offers 'sc stop -s TE')" 'sc stop -s TERM'
    is "$(bash_offers "sc load -i $SOURCE/READ")" "sc load -i $SOURCE/README.md"
    is "$(bash_offers "sc run -w $SOURCE/docs/con")" "sc run -w $SOURCE/docs/concepts"
}

# What zsh offers, one candidate a line, asked in a terminal in the same way.
zsh_offers()
{
    COMPLETION=$SOURCE/completion LINE=$1 PATH=$SC_BIN:$PATH python3 - <<'END'
import os, pty, re, select, sys, time

pid, fd = pty.fork()
if pid == 0:
    os.environ.update(TERM="dumb", ZDOTDIR="/nonexistent", COLUMNS="200", LINES="500")
    os.execvp("zsh", ["zsh", "-f", "-i"])

def until(marker, start):
    text, deadline = start, time.monotonic() + 60
    while not re.search(marker, text):
        if not select.select([fd], [], [], deadline - time.monotonic())[0]:
            sys.exit("no " + marker + " in: " + text)
        text += os.read(fd, 65536).decode(errors="replace")
    return text

def send(text):
    os.write(fd, text.encode())

send("PS1='ready> '; unsetopt zle_bracketed_paste prompt_sp; zstyle ':completion:*' insert-tab false; "
     "fpath=($COMPLETION $fpath); autoload -Uz compinit; compinit -u -D; bindkey '^X' expand-all; "
     "expand-all() { zle complete-all; }; zle -N expand-all; "
     "zle -C complete-all complete-word all-matches; all-matches() { _main_complete; compstate[insert]=all; compstate[list]=; }; "
     "echo so''urced\n")
until("sourced\r?\n", "")
send(os.environ["LINE"] + "\x18" + "\x01print -r -- '\x05'\n")
print(re.sub(r"\s+", " ", re.findall(r"\n(sc [^\r\n]*)\r", until(r"\n(sc [^\r\n]*)\r\n", ""))[-1]).strip())
send("exit\n")
os.waitpid(pid, 0)
END
}

@test "completion: zsh completes commands, options, names and values" {
    sc_ok create --name one base true
    sc_ok run -d --name two base sleep 1000
    is "$(zsh_offers 'sc cont')" 'sc container'
    is "$(zsh_offers 'sc container l')" 'sc container list logs ls'
    is "$(zsh_offers 'sc run --network h')" 'sc run --network host'
    is "$(zsh_offers 'sc run --network=h')" 'sc run --network=host'
    is "$(zsh_offers 'sc start ')" 'sc start one'
    is "$(zsh_offers 'sc exec ')" 'sc exec two'
    is "$(zsh_offers "sc run -w $SOURCE/docs/con")" "sc run -w $SOURCE/docs/concepts"
    is "$(zsh_offers "sc load -i $SOURCE/READ")" "sc load -i $SOURCE/README.md"
}
