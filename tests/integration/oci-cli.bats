#!/usr/bin/env bats
# The command line of sc-oci, where engines and scripts depend on it. The same file runs against runc, which proves the tests:
#     SC_OCI=/usr/sbin/runc bats tests/integration/oci-cli.bats
# docs/conformance-cli.md says where the two differ; those tests are for sc-oci alone (need_sc_oci).
load helpers
load oci

# ---- words and exit codes --------------------------------------------------------------------------------

# any-kernel: options, words and exit codes
@test "an absent container: runc's words, exit code 1, and 255 of exec" {
    for verb in state kill delete start pause resume ps update; do
        oci "$verb" nosuch
        expect 1
        expect_stderr "container does not exist"
    done
    oci exec nosuch true
    expect 255
    expect_stderr "container does not exist"
    oci delete --force nosuch
    expect 0
}

# any-kernel: options, words and exit codes
@test "a taken id is refused: by create with 1, by run with 255" {
    make_bundle "$B" "$sleeper"
    create_container
    oci create --bundle "$B" "$ID"
    expect 1
    expect_stderr "container with given ID already exists"
    oci run --bundle "$B" "$ID"
    is_sc_oci && expect 255
    expect_stderr "container with given ID already exists"
    status_is created
}

# any-kernel: options, words and exit codes
@test "a stopped container: container not running" {
    make_bundle "$B" "$sleeper"
    start_container
    oci kill "$ID" KILL
    expect 0
    wait_until status_is stopped
    for verb in kill pause "update --memory 64m"; do
        oci $verb "$ID"
        expect 1
        expect_stderr "container not running"
    done
    oci exec "$ID" true
    expect 255
    expect_stderr "cannot exec in a stopped container"
    oci start "$ID"
    expect 1
    expect_stderr "cannot start a container that has stopped"
}

# any-kernel: options, words and exit codes
@test "a program that is missing or cannot be run: the words by which engines choose 127 and 126" {
    make_bundle "$B" "$sleeper"
    start_container
    oci exec "$ID" /nosuch
    expect 255
    expect_stderr "exec failed: "
    expect_stderr "no such file or directory"
    oci exec "$ID" nosuch
    expect 255
    expect_stderr "executable file not found in \$PATH"
    oci exec "$ID" /etc
    expect 255
    expect_stderr "permission denied"
    make_bundle "$BATS_TEST_TMPDIR/other" '.process.args = ["/nosuch"]'
    oci run --bundle "$BATS_TEST_TMPDIR/other" "$ID-2"
    is_sc_oci && expect 255
    expect_stderr "no such file or directory"
    oci state "$ID-2"
    expect 1
}

# any-kernel: options, words and exit codes
@test "exec and run pass on the exit code, 128 + n for a signal" {
    make_bundle "$B" "$sleeper"
    start_container
    oci exec "$ID" sh -c 'exit 7'
    expect 7
    oci exec "$ID" sh -c 'kill -9 $$'
    expect 137
    make_bundle "$BATS_TEST_TMPDIR/other" '.process.args = ["sh", "-c", "exit 9"]'
    oci run --bundle "$BATS_TEST_TMPDIR/other" "$ID-2"
    expect 9
}

# any-kernel: options, words and exit codes
@test "options that are wrong: one line, exit code 1, nothing made" {
    need_sc_oci "runc prints its help"
    make_bundle "$B"
    for args in "run --nosuch $ID" "run --preserve-fds x --bundle $B $ID" "create --bundle" "run" "run $ID $ID-2" "nosuch" \
        "--log-format xml list" "list --format xml" "events --interval x $ID" "--rootless maybe list" \
        "--cgroup-manager x list" "delete --force=maybe $ID" "state --memory 5 $ID"; do
        oci $args
        expect_error 1 ""
    done
    [ -z "$(ls "$OCI_ROOT" 2>/dev/null)" ]
}

# any-kernel: options, words and exit codes
@test "values of update that are wrong change nothing" {
    make_bundle "$B" "$sleeper"
    start_container
    before=$("$SC_OCI" --root "$OCI_ROOT" events --stats "$ID" | jq -c .data.memory.usage.limit)
    for args in "--memory x" "--cpu-quota x" "--pids-limit x" "--blkio-weight 5" "--cpuset-cpus 9999" "--cpu-period 12"; do
        oci update $args "$ID"
        [ "$status" -ne 0 ] || show_last "accepted $args"
        expect 1
    done
    is "$("$SC_OCI" --root "$OCI_ROOT" events --stats "$ID" | jq -c .data.memory.usage.limit)" "$before"
}

# any-kernel: options, words and exit codes
@test "an id must be a plain name" {
    make_bundle "$B"
    for id in a/b .. . 'a b'; do
        oci run --bundle "$B" "$id"
        [ "$status" -ne 0 ] || show_last "accepted $id"
        is_sc_oci && expect 255
        expect_stderr "invalid container ID format"
    done
}

# ---- where options stand -----------------------------------------------------------------------------------

# any-kernel: options, words and exit codes
@test "options are accepted before and after the id" {
    need_sc_oci "runc takes what follows the id for arguments"
    make_bundle "$B" "$sleeper"
    oci_leaves run "$ID" --bundle "$B" -d
    expect 0
    oci ps "$ID" --format json
    expect 0
    is "$output" "[$(init_pid)]"
    oci kill "$ID" --all KILL
    expect 0
    wait_until status_is stopped
    oci delete "$ID" -f
    expect 0
}

# any-kernel: options, words and exit codes
@test "what follows exec's id is the command, options and all" {
    make_bundle "$B" "$sleeper"
    start_container
    oci exec "$ID" echo -d --user x
    expect 0
    is "$output" "-d --user x"
}

# any-kernel: options, words and exit codes
@test "letters: together, and with their value at once" {
    need_sc_oci "runc takes letters apart only"
    make_bundle "$B" "$sleeper"
    oci_leaves run -db"$B" "$ID"
    expect 0
    status_is running
}

# any-kernel: options, words and exit codes
@test "crun's spellings: --cgroup-manager, --config, and run --keep" {
    need_sc_oci "crun's"
    make_bundle "$B" '.process.args = ["echo", "from config.json"]'
    jq '.process.args = ["sh", "-c", "echo from other"]' "$B/config.json" >"$BATS_TEST_TMPDIR/other.json"
    cd "$BATS_TEST_TMPDIR"
    oci --cgroup-manager=cgroupfs run --keep --bundle "$B" --config other.json "$ID"
    expect 0
    is "$output" "from other"
    status_is stopped
    oci delete "$ID"
    expect 0
    oci --cgroup-manager=disabled run --bundle "$B" "$ID"
    expect 0
    is "$output" "from config.json"
}

# any-kernel: options, words and exit codes
@test "start reads the file that create was given by --config" {
    need_sc_oci "crun's"
    make_bundle "$B" '.process.args = ["true"]'
    jq --arg f "$BATS_TEST_TMPDIR/hooked" '.process.args = ["true"] | .hooks.poststart = [{"path": "/bin/sh", "args": ["sh", "-c", "echo > " + $f]}]' \
        "$B/config.json" >"$BATS_TEST_TMPDIR/other.json"
    oci_leaves create --bundle "$B" -f "$BATS_TEST_TMPDIR/other.json" "$ID"
    expect 0
    oci start "$ID"
    expect 0
    [ -e "$BATS_TEST_TMPDIR/hooked" ]
}

# any-kernel: options, words and exit codes
@test "--version is in the lines that engines parse" {
    oci --version
    expect 0
    matches "${lines[0]}" '^(sc-oci|runc) version [0-9]'
    expect_output $'\ncommit: '
    expect_output $'\nspec: 1.'
    is "$("$SC_OCI" -v)" "$output"
}

# any-kernel: options, words and exit codes
@test "--help names every verb, and a verb's help its options" {
    oci --help
    expect 0
    for verb in create start run state kill delete exec list ps pause resume update events spec features checkpoint restore; do
        matches "$output" "(^|[[:space:]])$verb "
    done
    oci update --help
    expect 0
    for option in resources memory memory-swap memory-reservation cpu-share cpu-period cpu-quota cpu-rt-period cpu-rt-runtime \
        cpuset-cpus cpuset-mems pids-limit blkio-weight l3-cache-schema mem-bw-schema; do
        expect_output "--$option"
    done
}

# ---- the log -------------------------------------------------------------------------------------------------

# any-kernel: options, words and exit codes
@test "--log: errors go to the file in logrus' form, and to standard error in words" {
    log=$BATS_TEST_TMPDIR/log
    oci --log "$log" --log-format json state nosuch
    expect 1
    expect_stderr "container does not exist"
    is "$(jq -r .level "$log")" error
    matches "$(jq -r .msg "$log")" "container does not exist"
    matches "$(jq -r .time "$log")" '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z$'
    rm "$log"
    oci --log "$log" exec nosuch true
    expect 255
    matches "$(cat "$log")" '^time="[0-9T:.Z-]+" level=error msg="exec failed: container does not exist.*"$'
}

# any-kernel: options, words and exit codes
@test "--debug logs each step, and a log that cannot be written is an error" {
    need_sc_oci "its steps are its own"
    make_bundle "$B" '.process.args = ["true"]'
    oci --debug --log "$BATS_TEST_TMPDIR/log" --log-format json run --bundle "$B" "$ID"
    expect 0
    matches "$(jq -r 'select(.level == "debug") | .msg' "$BATS_TEST_TMPDIR/log")" 'execve'
    oci --log /nosuch/log list
    expect_error 1 "open --log \"/nosuch/log\""
}

# ---- state, list, ps -------------------------------------------------------------------------------------------

# any-kernel: options, words and exit codes
@test "state and list have runc's members" {
    make_bundle "$B" "$sleeper | .annotations = {\"a.b\": \"c\"}"
    create_container
    oci state "$ID"
    expect 0
    is "$(jq -r 'keys | join(" ")' <<<"$output")" "annotations bundle created id ociVersion owner pid rootfs status"
    is "$(jq -r '[.id, .status, .bundle, .rootfs, .annotations."a.b"] | join(" ")' <<<"$output")" "$ID created $B $B/rootfs c"
    is_sc_oci && is "$(jq -r .owner <<<"$output")" root # runc 1.1 leaves it empty here
    is "$(jq .pid <<<"$output")" "$(init_pid)"
    oci list -q
    is "$output" "$ID"
    oci list --format json
    is "$(jq -r '.[0] | [.id, .status, .bundle, .rootfs, .owner] | join(" ")' <<<"$output")" "$ID created $B $B/rootfs root"
    oci list
    matches "${lines[0]}" '^ID +PID +STATUS +BUNDLE +CREATED +OWNER$'
    matches "${lines[1]}" "^$ID +[0-9]+ +created +$B +[0-9TZ:.-]+ +root\$"
    oci kill "$ID" KILL
    wait_until status_is stopped
    oci state "$ID"
    is "$(jq .pid <<<"$output")" 0
}

# any-kernel: options, words and exit codes
@test "an empty list is null in JSON, as Go writes it" {
    oci list --format json
    expect 0
    is "$output" null
}

# any-kernel: options, words and exit codes
@test "ps: a table with ps' own options, or the pids" {
    make_bundle "$B" '.process.args = ["sh", "-c", "sleep 1000 & sleep 1001; true"]'
    start_container
    wait_until sh -c "'$SC_OCI' --root '$OCI_ROOT' ps '$ID' | grep -q 'sleep 1001'"
    oci ps "$ID"
    expect 0
    matches "${lines[0]}" 'PID.*CMD'
    expect_output "sleep 1000"
    is "${#lines[@]}" 4
    oci ps "$ID" -o pid,args
    expect_output "sleep 1001"
    matches "${lines[0]}" '^ +PID COMMAND$'
    oci ps "$ID" -o args
    expect 1
    expect_stderr "couldn't find PID field in ps output"
    oci ps --format json "$ID"
    is "$(jq length <<<"$output")" 3
}

# ---- delete, kill, pause -----------------------------------------------------------------------------------

@test "a created or running container is deleted only with force" {
    make_bundle "$B" "$sleeper"
    create_container
    if is_sc_oci; then # runc deletes a created one
        oci delete "$ID"
        expect 1
        expect_stderr "cannot delete container $ID that is not stopped: created"
    fi
    oci start "$ID"
    oci delete "$ID"
    expect 1
    expect_stderr "cannot delete container $ID that is not stopped: running"
    status_is running
    pid=$(init_pid)
    oci delete --force "$ID"
    expect 0
    has_ended "$pid"
    oci state "$ID"
    expect 1
}

@test "with the host's pid namespace and init gone, kill --all and delete end the rest" {
    make_bundle "$B" '.process.args = ["sh", "-c", "sleep 1000 & echo $! > /tmp/pid"] | .root.readonly = false
        | .linux.namespaces |= map(select(.type != "pid"))'
    start_container
    wait_until status_is stopped
    pid=$(cat "$B/rootfs/tmp/pid")
    run has_ended "$pid"
    [ "$status" -ne 0 ]
    oci kill --all "$ID" TERM
    expect 0
    wait_until has_ended "$pid"
    oci delete "$ID"
    expect 0

    start_container
    wait_until status_is stopped
    pid=$(cat "$B/rootfs/tmp/pid")
    oci delete "$ID"
    expect 0
    wait_until has_ended "$pid"
}

@test "kill takes names with and without SIG, numbers, and refuses nonsense" {
    make_bundle "$B" '.process.args = ["sh", "-c", "for s in HUP USR1 USR2; do trap \"echo $s >> /tmp/got\" $s; done; echo up > /tmp/got; while :; do sleep 0.05; done"] | .root.readonly = false'
    start_container
    wait_until grep -q up "$B/rootfs/tmp/got"
    for signal in HUP SIGUSR1 12; do
        oci kill "$ID" "$signal"
        expect 0
    done
    for name in HUP USR1 USR2; do
        wait_until grep -q "^$name" "$B/rootfs/tmp/got"
    done
    oci kill "$ID" 0
    expect 0
    oci kill "$ID" NOSUCH
    expect 1
    expect_stderr "unknown signal"
    status_is running
}

@test "pause, resume, and what a paused container refuses" {
    make_bundle "$B" "$sleeper"
    start_container
    oci pause "$ID"
    expect 0
    status_is paused
    oci pause "$ID"
    expect 1
    expect_stderr "container not running"
    oci exec "$ID" true
    expect 255
    expect_stderr "cannot exec in a paused container (use --ignore-paused to override)"
    oci resume "$ID"
    expect 0
    status_is running
    oci resume "$ID"
    expect 1
    expect_stderr "container not paused"
}

@test "exec --ignore-paused enters a paused container and goes on when it is resumed" {
    make_bundle "$B" "$sleeper"
    start_container
    oci pause "$ID"
    "$SC_OCI" --root "$OCI_ROOT" exec --ignore-paused "$ID" echo through </dev/null >"$BATS_TEST_TMPDIR/through" 2>&1 &
    other=$!
    sleep 0.3
    is "$(cat "$BATS_TEST_TMPDIR/through")" ""
    oci resume "$ID"
    expect 0
    wait "$other"
    is "$(cat "$BATS_TEST_TMPDIR/through")" through
}

# ---- cgroups -------------------------------------------------------------------------------------------------

@test "an absent or relative cgroupsPath starts at the root of the hierarchy, not below the caller's cgroup" {
    need_sc_oci "runc 1.1 starts below the caller's own"
    make_bundle "$B" "$sleeper"
    mine=/sys/fs/cgroup/pids/$ID-caller
    [ "$(cgroup_mode)" != v2 ] || mine=/sys/fs/cgroup/$ID-caller
    mkdir "$mine"
    sh -c 'echo $$ > "$1/cgroup.procs"; exec "$2" --root "$3" run -d --bundle "$4" "$5" >/dev/null 2>&1 </dev/null' - \
        "$mine" "$SC_OCI" "$OCI_ROOT" "$B" "$ID"
    is "$(cgroup_dir "$(init_pid)" pids)" "$(dirname "$mine")/$ID"
    oci delete --force "$ID"
    make_bundle "$B" "$sleeper | .linux.cgroupsPath = \"$ID-rel/sub\""
    sh -c 'echo $$ > "$1/cgroup.procs"; exec "$2" --root "$3" run -d --bundle "$4" "$5" >/dev/null 2>&1 </dev/null' - \
        "$mine" "$SC_OCI" "$OCI_ROOT" "$B" "$ID"
    is "$(cgroup_dir "$(init_pid)" pids)" "$(dirname "$mine")/$ID-rel/sub"
    oci delete --force "$ID"
    wait_until rmdir "$mine"
}

@test "a cgroup that someone else has frozen makes create and run fail at once, and stays as it is" {
    make_bundle "$B" "$sleeper | .linux.cgroupsPath = \"/$ID-frozen/leaf\""
    if [ "$(cgroup_mode)" = v2 ]; then
        top=/sys/fs/cgroup/$ID-frozen file=cgroup.freeze frozen=1 thawed=0
    else
        top=/sys/fs/cgroup/freezer/$ID-frozen file=freezer.state frozen=FROZEN thawed=THAWED
    fi
    mkdir -p "$top/leaf"
    echo "$frozen" >"$top/leaf/$file"
    for verb in create run; do
        run_split timeout 20 "$SC_OCI" --root "$OCI_ROOT" "$verb" --bundle "$B" "$ID" </dev/null
        [ "$status" -ne 0 ] && [ "$status" -ne 124 ] || show_last "$verb in a frozen cgroup"
        expect_stderr "frozen"
    done
    if is_sc_oci; then # not asked of runc
        is "$(cat "$top/leaf/$file")" "$frozen"
        echo "$thawed" >"$top/leaf/$file"
        echo "$frozen" >"$top/$file"
        run_split timeout 20 "$SC_OCI" --root "$OCI_ROOT" run --bundle "$B" "$ID" </dev/null
        expect 255
        expect_stderr "frozen"
    fi
}

@test "a cgroup that holds another container's processes is refused, and they live on" {
    need_sc_oci "runc 1.1 runs the second beside the first"
    make_bundle "$B" "$sleeper | .linux.cgroupsPath = \"/$ID-shared\""
    start_container
    pid=$(init_pid)
    oci run --bundle "$B" "$ID-2"
    [ "$status" -ne 0 ] || show_last "two containers in one cgroup"
    run has_ended "$pid"
    [ "$status" -ne 0 ]
    status_is running
}

# ---- files, descriptors and terminals of the caller -----------------------------------------------------------

# any-kernel: options, words and exit codes
@test "a relative --pid-file is the caller's" {
    make_bundle "$B" "$sleeper"
    mkdir "$BATS_TEST_TMPDIR/here"
    cd "$BATS_TEST_TMPDIR/here"
    oci_leaves create --bundle "$B" --pid-file init.pid "$ID"
    expect 0
    is "$(cat init.pid)" "$(init_pid)"
    oci start "$ID"
    oci_leaves exec -d --pid-file exec.pid "$ID" sleep 999
    expect 0
    is "$(tr '\0' ' ' <"/proc/$(cat exec.pid)/cmdline")" "sleep 999 "
}

# any-kernel: what the runtime leaves alone is its own doing
@test "the host's /dev/null and files never change owner" {
    make_bundle "$B" '.process.args = ["id", "-u"] | .process.user = {"uid": 1, "gid": 1}'
    before=$(stat -c '%u:%g %a' /dev/null)
    touch "$BATS_TEST_TMPDIR/file"
    "$SC_OCI" --root "$OCI_ROOT" run --bundle "$B" "$ID" </dev/null >"$BATS_TEST_TMPDIR/file" 2>/dev/null
    is "$(cat "$BATS_TEST_TMPDIR/file")" 1
    "$SC_OCI" --root "$OCI_ROOT" run --bundle "$B" "$ID" </dev/null >/dev/null 2>&1
    is "$(stat -c '%u:%g %a' /dev/null)" "$before"
    [ ! -e /dev/null.sc ] # nothing else of that name
    is_sc_oci && is "$(stat -c %u "$BATS_TEST_TMPDIR/file")" 0
    is "$(stat -c %t:%T /dev/null)" 1:3
}

# any-kernel: what the runtime leaves alone is its own doing
@test "a terminal of the host that is standard input keeps its owner" {
    need_sc_oci "runc gives it to the container's user"
    make_bundle "$B" '.process.args = ["sh", "-c", "id -u; test -t 0 && echo terminal"] | .process.user = {"uid": 1, "gid": 1}'
    run python3 "$TESTS/terminal.py" owner "$SC_OCI" --root "$OCI_ROOT" run --bundle "$B" "$ID"
    expect 0
    expect_output terminal
    expect_output "owner 0"
}

# any-kernel: signals, terminals and descriptors are no different
@test "a foreground run's terminal has ONLCR cleared, and lines still end right" {
    make_bundle "$B" '.process.args = ["sh", "-c", "sleep 0.3; stty -a; echo one; echo two"] | .process.terminal = true'
    run python3 "$TESTS/terminal.py" show "$SC_OCI" --root "$OCI_ROOT" run --bundle "$B" "$ID"
    expect 0
    expect_output "-onlcr"
    expect_output $'one\\r\\ntwo\\r\\n'
}

# any-kernel: terminals and sockets are those of every kernel
@test "--console-socket receives the terminal; it is refused where there is none to receive" {
    make_bundle "$B" '.process.args = ["sh", "-c", "tty; stty size"] | .process.terminal = true | .process.consoleSize = {"height": 40, "width": 123}'
    python3 "$TESTS/terminal.py" receive "$BATS_TEST_TMPDIR/console" >"$BATS_TEST_TMPDIR/said" 2>&1 &
    other=$!
    wait_until test -S "$BATS_TEST_TMPDIR/console"
    oci_leaves create --bundle "$B" --console-socket "$BATS_TEST_TMPDIR/console" "$ID"
    expect 0
    oci start "$ID"
    expect 0
    wait "$other"
    matches "$(cat "$BATS_TEST_TMPDIR/said")" '/dev/(pts/0|console)'
    is_sc_oci && matches "$(cat "$BATS_TEST_TMPDIR/said")" '40 123' # runc 1.1 sets no size here
    oci delete --force "$ID"
    oci create --bundle "$B" "$ID"
    expect 1
    expect_stderr "cannot allocate tty if"
    expect_stderr "will detach without setting console socket"
    make_bundle "$B" "$sleeper"
    oci create --bundle "$B" --console-socket "$BATS_TEST_TMPDIR/console" "$ID"
    expect 1
    expect_stderr "cannot use console socket if"
}

@test "--pidfd-socket receives a pidfd of init" {
    need_sc_oci "runc 1.2 has it"
    make_bundle "$B" "$sleeper"
    python3 "$TESTS/terminal.py" pidfd "$BATS_TEST_TMPDIR/socket" >"$BATS_TEST_TMPDIR/said" 2>&1 &
    other=$!
    wait_until test -S "$BATS_TEST_TMPDIR/socket"
    oci_leaves create --bundle "$B" --pidfd-socket "$BATS_TEST_TMPDIR/socket" "$ID"
    expect 0
    wait "$other"
    is "$(cat "$BATS_TEST_TMPDIR/said")" "pid $(init_pid)"
}

# any-kernel: signals, terminals and descriptors are no different
@test "LISTEN_FDS are passed on as they are promised, --preserve-fds after them" {
    make_bundle "$B" '.process.args = ["sh", "-c", "echo $LISTEN_FDS $LISTEN_PID; cat <&3; cat <&4"]'
    echo three >"$BATS_TEST_TMPDIR/3"
    echo four >"$BATS_TEST_TMPDIR/4"
    run sh -c 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@" 3<"$0/3" 4<"$0/4"' "$BATS_TEST_TMPDIR" "$SC_OCI" --root "$OCI_ROOT" \
        run --preserve-fds 1 --bundle "$B" "$ID"
    expect 0
    is "$output" $'1 1\nthree\nfour'
    make_bundle "$B" '.process.args = ["sh", "-c", "echo [$LISTEN_FDS]; test -e /proc/self/fd/3 || echo closed"]'
    run sh -c 'LISTEN_FDS=1 LISTEN_PID=1 exec "$@" 3<"$0/3"' "$BATS_TEST_TMPDIR" "$SC_OCI" --root "$OCI_ROOT" run --bundle "$B" "$ID"
    expect 0
    expect_output "[]"
}

# any-kernel: options, words and exit codes
@test "a promised descriptor that is not open is an error" {
    make_bundle "$B" '.process.args = ["true"]'
    run_split sh -c 'exec 7<&- 8<&- 9<&-; exec "$@"' - "$SC_OCI" --root "$OCI_ROOT" run --preserve-fds 300 --bundle "$B" "$ID"
    [ "$status" -ne 0 ] || show_last "accepted"
    is_sc_oci && expect_error 255 "--preserve-fds: descriptor"
    oci state "$ID"
    expect 1
}

# any-kernel: signals, terminals and descriptors are no different
@test "sd_notify: READY=1 and MAINPID reach the host's socket when the container says that it is ready" {
    make_bundle "$B" "$sleeper"
    python3 "$TESTS/terminal.py" datagrams "$BATS_TEST_TMPDIR/host" 2 >"$BATS_TEST_TMPDIR/told" 2>&1 &
    other=$!
    wait_until test -S "$BATS_TEST_TMPDIR/host"
    NOTIFY_SOCKET=$BATS_TEST_TMPDIR/host create_container
    NOTIFY_SOCKET=$BATS_TEST_TMPDIR/host "$SC_OCI" --root "$OCI_ROOT" start "$ID" </dev/null >/dev/null 2>&1 &
    starter=$!
    wait_until status_is running
    oci exec "$ID" sh -c 'tr "\0" "\n" </proc/1/environ | grep NOTIFY_SOCKET; ls /run/notify'
    is "$output" $'NOTIFY_SOCKET=/run/notify/notify.sock\nnotify.sock'
    status_is running
    python3 "$TESTS/terminal.py" send "/proc/$(init_pid)/root/run/notify/notify.sock" $'STATUS=soon\n'
    python3 "$TESTS/terminal.py" send "/proc/$(init_pid)/root/run/notify/notify.sock" $'READY=1\nSTATUS=go\n'
    wait "$other"
    wait "$starter"
    is "$(cat "$BATS_TEST_TMPDIR/told")" "READY=1
MAINPID=$(init_pid)"
}

# The second is SIGRTMIN to a program of glibc, and to musl none of its business.
# any-kernel: signals, terminals and descriptors are no different
@test "a foreground run passes signals on" {
    local signal pid code
    make_bundle "$B" '.process.args = ["sh", "-c", "trap \"exit 9\" TERM; trap \"exit 9\" 34; echo up; while :; do sleep 0.05; done"]'
    for signal in TERM 34; do
        "$SC_OCI" --root "$OCI_ROOT" run --bundle "$B" "$ID" </dev/null >"$BATS_TEST_TMPDIR/said-$signal" 2>&1 &
        pid=$!
        wait_until grep -q up "$BATS_TEST_TMPDIR/said-$signal"
        wait_until grep -q 'SigBlk:.*[1-9a-f]' "/proc/$pid/status"
        kill -"$signal" "$pid"
        code=0
        wait "$pid" || code=$?
        is "$code" 9
    done
    oci state "$ID"
    expect 1
}

# A hook outside is a child of the runtime's, and runs before the program does. The program is no first process of a pid
# namespace, so what it does not handle ends it.
# any-kernel: signals, terminals and descriptors are no different
@test "a signal that a foreground run gets while it makes the container reaches the program, and nothing is left" {
    local signal code
    for signal in TERM INT HUP; do
        make_bundle "$B" "$sleeper | .linux.namespaces |= map(select(.type != \"pid\"))
            | .hooks.createRuntime = [{path: \"/bin/sh\", args: [\"sh\", \"-c\", \"kill -$signal \$PPID\"]}]"
        code=0
        "$SC_OCI" --root "$OCI_ROOT" run --bundle "$B" "$ID" </dev/null >"$BATS_TEST_TMPDIR/said" 2>&1 || code=$?
        is "$(cat "$BATS_TEST_TMPDIR/said")" ""
        is "$code" "$((128 + $(kill -l "$signal")))"
        oci state "$ID"
        expect_error 1 "container does not exist"
    done
    # where the program never comes to be, the error is what counts
    make_bundle "$B" '.process.args = ["nosuch"] | .hooks.createRuntime = [{path: "/bin/sh", args: ["sh", "-c", "kill $PPID"]}]'
    oci run --bundle "$B" "$ID"
    expect_error 255 "executable file not found"
    oci state "$ID"
    expect_error 1 "container does not exist"
}

@test "a signal that exec gets while it makes its process reaches that" {
    make_bundle "$B" "$sleeper"
    start_container
    run_split strace -qqq -o /dev/null -e trace=clone3 -e inject=clone3:signal=TERM:when=1 \
        "$SC_OCI" --root "$OCI_ROOT" exec "$ID" sleep 1000
    expect 143
    status_is running
}
