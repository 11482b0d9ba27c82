#!/usr/bin/env bats
# The commands of sc, as a person types them: what they print, how they end, and one line for every mistake.
# no-vm: what the command line says, not the kernel
load helpers

sleeper()
{
    sc_ok run -d "$@" base sleep 1000
}

status_of()
{
    "$SC" inspect -f '{{.State.Status}}' "$1"
}

# ---- words and flags ------------------------------------------------------------------------------

@test "unknown commands and flags: one line that says where to look" {
    run_sc frobnicate
    expect_error 1 "see 'sc --help'"
    run_sc container frobnicate
    expect_error 1 "see 'sc --help'"
    run_sc run --frobnicate base
    expect_error 125 "unknown flag: --frobnicate; see 'sc run --help'"
    run_sc run -X base
    expect_error 125 "unknown shorthand flag"
    run_sc ps --frobnicate
    expect_error 125 "see 'sc ps --help'"
    run_sc stop
    expect_error 1 'requires at least 1 argument'
    run_sc run --name
    expect_error 125 'flag needs an argument: --name'
}

@test "every command has help, which opens nothing" {
    rm -rf "$SC_DATA_ROOT" "$SC_RUN_ROOT"
    run_sc __options
    expect 0
    grep -v -- ' -' <<<"$output" >"$BATS_TEST_TMPDIR/commands"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/commands")" -gt 40 ]
    while read -r words; do
        # shellcheck disable=SC2086
        run_sc $words --help
        expect 0
        expect_output 'Usage: sc '
    done <"$BATS_TEST_TMPDIR/commands"
    sc_ok --help
    sc_ok help
    sc_ok help container ls
    expect_output 'Usage: sc ps'
    sc_ok version
    [ ! -e "$SC_DATA_ROOT" ]
    mkdir -p "$SC_DATA_ROOT" "$SC_RUN_ROOT"
}

@test "Docker's spellings of one flag are the same" {
    for flags in '-w /tmp' '-w=/tmp' '-w/tmp' '--workdir /tmp' '--workdir=/tmp' '-iw /tmp' '-itw=/tmp --tty=false'; do
        # shellcheck disable=SC2086
        sc_ok run --rm $flags base pwd
        is "$output" /tmp
    done
}

@test "flags after the image belong to the command; elsewhere they may stand anywhere" {
    sc_ok run --rm base echo -d --name x
    is "$output" '-d --name x'
    sc_ok run --rm base sh -c 'echo "$@"' -- --help
    is "$output" --help
    sleeper --name one
    sc_ok stop one -t 0
    sc_ok rm one
}

@test "container and image words spell the same commands" {
    sc_ok container run -d --name one base sleep 1000
    sc_ok container ls --format '{{.Names}}'
    is "$output" one
    sc_ok container list -q
    sc_ok container inspect -f '{{.Name}}' one
    is "$output" /one
    sc_ok container stop -t 0 one
    sc_ok container rm one
    sc_ok image ls --format '{{.Repository}}:{{.Tag}}'
    is "$output" base:latest
    sc_ok image inspect -f '{{index .RepoTags 0}}' base
    is "$output" base:latest
}

@test "a bad value names its flag and the value" {
    while IFS='|' read -r flag value; do
        run_sc run --rm "$flag=$value" base true
        expect_error 125 "$flag"
        expect_stderr "$value"
    done <<'END'
--memory|12x
--memory-swap|-2
--shm-size|big
--cpus|many
--cpu-shares|-1
--cpu-quota|x
--cpuset-cpus|0-
--cpuset-mems|a
--pids-limit|-5
--oom-score-adj|1001
--memory-swappiness|101
--stop-timeout|soon
--stop-signal|SIGNONE
--ulimit|nofile
--ulimit|nofiles=1
--ulimit|nofile=5:1
--sysctl|ip_forward
--cap-add|FLY
--cap-drop|FLY
--uidmap|0:1
--gidmap|0:1:0
--pid|other
--ipc|other
--uts|other
--userns|other
--cgroupns|other
--network|a=b
--net|x:y
--device|null
--security-opt|apparmor=x
--time-offset|monotonic=soon
--time-offset|realtime=1
--log-driver|syslog
--log-opt|max-file=0
--log-opt|compress=true
--volume|/a:b
--volume|/a:/b:xx
--mount|type=other,target=/x
--mount|type=bind,source=/x
--mount|source=/x,frob=1,target=/y
--tmpfs|x
--tmpfs|/x:frob
--detach-keys|ctrl-1
--attach|stdlog
--explain|loud
--rm|perhaps
--label|=x
END
}

@test "an empty or broken environment is said before anything is made" {
    run_sc run --rm -e =x base true
    expect_error 125 'invalid environment variable'
    run_sc run --rm --env-file "$BATS_TEST_TMPDIR/absent" base true
    expect_error 125 --env-file
    printf 'OK=1\nnot ok=2\n' >"$BATS_TEST_TMPDIR/env"
    run_sc run --rm --env-file "$BATS_TEST_TMPDIR/env" base true
    expect_error 125 'line 2'
}

# ---- the life of a container ------------------------------------------------------------------------

@test "create, start, wait, rm" {
    sc_ok create --name made base sh -c 'echo out; exit 9'
    is "${#output}" 64
    is "$(status_of made)" created
    sc_ok start made
    is "$output" made
    sc_ok wait made
    is "$output" 9
    is "$(status_of made)" exited
    sc_fails 9 start -a made
    is "$output" out
    sc_ok rm made
    run_sc inspect made
    expect_error 1 'no such object: "made"'
    is "$output" '[]'
}

@test "a container of a newer sc, or a damaged one, hides no other" {
    local id
    sc_ok create --name good base true
    sc_ok create --name newer base true
    id=$output
    sed -i 's/"version":1/"version":99/' "$SC_DATA_ROOT/container/$id/record.json"
    sc_fails 1 ps -a
    expect_output good
    expect_stderr "container ${id:0:12}: record.json: version 99: this sc reads version 1; use the sc that made the container"
    sc_fails 1 start --all
    is "$output" good
    expect_stderr "version 99"
    sc_ok wait good
    # what it has is not known: nothing is removed
    sc_fails 1 system prune -af
    sc_fails 1 rmi -f base
    expect_stderr "version 99"
    sc_ok image inspect base
    sed -i 's/"version":99/"version":1/' "$SC_DATA_ROOT/container/$id/record.json"
    sc_ok ps -a
    expect_output newer
}

@test "limits of inotify are named, not those of files and disks" {
    run unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances; exec "$0" events' "$SC"
    is "$status $output" "1 sc: make a watch: too many open files; raise the sysctl fs.inotify.max_user_instances, or the shell's limit of open files"
    run unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_watches; exec "$0" events' "$SC"
    is "$status $output" "1 sc: watch \"$SC_RUN_ROOT\": no space left on device; raise the sysctl fs.inotify.max_user_watches"
    sc_ok create --name quiet base true
    run unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_inotify_instances; exec "$0" logs -f quiet' "$SC"
    expect_output "raise the sysctl fs.inotify.max_user_instances"
}

@test "a container whose end its monitor has not recorded yet runs, and wait waits for that" {
    local pid monitor waiter
    sleeper --name late
    pid=$("$SC" inspect -f '{{.State.Pid}}' late)
    monitor=$(awk '{ print $4 }' "/proc/$pid/stat")
    kill -STOP "$monitor"
    kill -KILL "$pid"
    wait_until grep -q '^State:[[:space:]]*Z' "/proc/$pid/status"
    is "$(status_of late)" running
    "$SC" wait late >"$BATS_TEST_TMPDIR/code" 3>&- &
    waiter=$!
    kill -CONT "$monitor"
    wait "$waiter"
    is "$(cat "$BATS_TEST_TMPDIR/code")" 137
    is "$(status_of late)" exited
    sc_ok rm late
}

@test "start -ai carries input to a container made with -i" {
    sc_ok create -i --name catted base cat
    run_sc start -ai catted <<<hello
    expect 0
    is "$output" hello
    sc_ok rm catted
}

@test "start: what runs already stays as it is" {
    sleeper --name one
    pid=$(container_pid one)
    sc_ok start one
    is "$(container_pid one)" "$pid"
    sc_ok rm -f one
}

@test "start of a container whose program is missing: 1 as with Docker, and it stays" {
    sc_ok create --name broken base nothing-there
    run_sc start broken
    expect_error 1 nothing-there
    run_sc start -a broken
    expect_error 1 nothing-there
    is "$(status_of broken)" created
    sc_ok rm broken
}

@test "run -d prints the id; prefixes and names find it" {
    sleeper --name one
    id=$output
    matches "$id" '^[0-9a-f]{64}$'
    for word in "$id" "${id:0:12}" "${id:0:5}" one; do
        sc_ok inspect -f '{{.Id}}' "$word"
        is "$output" "$id"
    done
    sc_ok rm -f "${id:0:12}"
    is "$output" "${id:0:12}"
}

@test "a duplicate name, a bad name, an unknown image" {
    sleeper --name one
    run_sc run -d --name one base true
    expect_error 125 '"one"'
    run_sc run --name 'no/slash' base true
    expect_error 125 'no/slash'
    run_sc create nowhere
    expect_error 1 'no such image: "nowhere"'
    run_sc run
    expect_error 1 'no image is named'
    sc_ok rm -f one
}

@test "rm refuses what runs, -f kills it" {
    sleeper --name one
    run_sc rm one
    expect_error 1 'one'
    is "$(status_of one)" running
    sc_ok rm -f one
    run_sc rm one
    expect_error 1 'no such container: "one"'
    sc_ok rm -f one
    expect_stderr 'no such container'
}

@test "commands on many containers go on after one that fails" {
    sleeper --name one
    sleeper --name two
    run_sc stop -t 0 one nowhere two
    expect 1
    is "$output" $'one\ntwo'
    is "$(grep -c . <<<"$stderr")" 1
    expect_stderr '"nowhere"'
    sc_ok rm one two
}

@test "stop: the stop signal, then the kill after the timeout" {
    sleeper --name stubborn --stop-signal USR1 --stop-timeout 0
    sc_ok stop stubborn
    is "$("$SC" inspect -f '{{.State.ExitCode}}' stubborn)" 137
    sc_ok rm stubborn
    sc_ok run -d --name polite --stop-signal USR1 base sh -c 'trap "exit 5" USR1; echo ready; while :; do sleep 0.05; done'
    wait_until sh -c "\"$SC\" logs polite | grep ready"
    sc_ok stop polite
    is "$("$SC" inspect -f '{{.State.ExitCode}}' polite)" 5
    sc_ok stop polite
    sc_ok rm polite
}

@test "restart: stopped and started again, a stopped one started; what --rm removes is refused" {
    local pid
    sleeper --name again --stop-timeout 0
    pid=$("$SC" inspect -f '{{.State.Pid}}' again)
    is "$("$SC" restart -t 0 again)" again
    if [ -e "/proc/$pid" ]; then false; fi
    is "$("$SC" inspect -f '{{.State.Running}}' again)" true
    sc_ok stop -t 0 again
    is "$("$SC" container restart again)" again
    is "$("$SC" inspect -f '{{.State.Running}}' again)" true
    sc_ok pause again
    sc_ok restart --time 0 --signal KILL again
    is "$("$SC" inspect -f '{{.State.Status}}' again)" running
    "$SC" events --since 10m --until 0s --filter event=restart --format '{{.Actor.Attributes.name}}' >"$BATS_TEST_TMPDIR/events"
    is "$(sort "$BATS_TEST_TMPDIR/events" | uniq -c | tr -s ' ')" " 3 again"
    sc_ok rm -f again
    sleeper --rm --name once
    run_sc restart once
    expect_error 1 "run it without --rm"
    is "$("$SC" inspect -f '{{.State.Running}}' once)" true
    run_sc restart nobody
    expect_error 1 "no such container"
    sc_ok rm -f once
}

@test "kill: a signal by name or number; KILL without" {
    sc_ok run -d --name trapped base sh -c 'trap "echo hup" HUP; echo ready; while :; do sleep 0.05; done'
    wait_until sh -c "\"$SC\" logs trapped | grep ready"
    sc_ok kill -s HUP trapped
    wait_until sh -c "\"$SC\" logs trapped | grep hup"
    is "$(status_of trapped)" running
    sc_ok kill --signal=9 trapped
    is "$(status_of trapped)" exited # as with Docker, kill has waited for that
    sc_ok wait trapped
    is "$output" 137
    run_sc kill trapped
    expect_error 1 'not running'
    sc_ok rm trapped
}

@test "pause and unpause" {
    sleeper --name one
    sc_ok pause one
    is "$(status_of one)" paused
    sc_ok ps --format '{{.Status}}'
    matches "$output" '^Up .*\(Paused\)$'
    run_sc exec one true
    expect_error 1 paused
    run_sc pause one
    expect_error 1 paused
    sc_ok unpause one
    sc_ok exec one true
    sc_ok rm -f one
}

@test "rename" {
    sleeper --name one
    sc_ok rename one two
    sc_ok exec two true
    run_sc exec one true
    expect_error 1 'no such container: "one"'
    sleeper --name one
    run_sc rename one two
    expect_error 1 two
    sc_ok rm -f one two
}

@test "run --rm removes its container, its anonymous volumes and its cidfile's meaning" {
    sc_ok run --rm --cidfile "$BATS_TEST_TMPDIR/cid" -v /anonymous base touch /anonymous/x
    matches "$(cat "$BATS_TEST_TMPDIR/cid")" '^[0-9a-f]{64}$'
    sc_ok ps -aq
    is "$output" ''
    is "$(ls "$SC_DATA_ROOT/volume")" ''
    run_sc run --rm --cidfile "$BATS_TEST_TMPDIR/cid" base true
    expect_error 125 "$BATS_TEST_TMPDIR/cid"
}

@test "rm -v removes anonymous volumes, rm keeps them; named ones stay" {
    sc_ok create --name one -v /anonymous -v named:/named base true
    sc_ok start -a one
    is "$(ls "$SC_DATA_ROOT/volume" | wc -l)" 2
    sc_ok rm -v one
    is "$(ls "$SC_DATA_ROOT/volume")" named
}

# ---- exec ----------------------------------------------------------------------------------------------

@test "exec: output, input, exit code" {
    sleeper --name one
    run_sc exec one sh -c 'echo out; echo err >&2; exit 6'
    expect 6
    is "$output" out
    is "$stderr" err
    run_sc exec -i one cat <<<hello
    is "$output" hello
    run_sc exec one cat <<<hello
    is "$output" ''
    run_sc exec one nothing-there
    expect_error 127 nothing-there
    sc_ok rm -f one
}

@test "exec: the container's own confinement" {
    sleeper --name one -m 64m --cap-drop ALL -e FROM=container -w /tmp -h web
    for kind in cgroup ipc mnt net pid uts; do
        sc_ok exec one readlink "/proc/self/ns/$kind"
        is "$output" "$("$SC" exec one readlink "/proc/1/ns/$kind")"
    done
    sc_ok exec one grep -E 'Cap(Eff|Bnd)|Seccomp:|NoNew' /proc/self/status
    ours=$output
    sc_ok exec one grep -E 'Cap(Eff|Bnd)|Seccomp:|NoNew' /proc/1/status
    is "$ours" "$output"
    sc_ok exec one sh -c 'pwd; echo $FROM; hostname; cat /proc/self/cgroup >/tmp/a; cat /proc/1/cgroup >/tmp/b; cmp /tmp/a /tmp/b; ls /proc/self/fd | wc -l'
    is "$output" $'/tmp\ncontainer\nweb\n4'
    sc_ok rm -f one
}

@test "exec: -e -w -u --privileged -d" {
    sleeper --name one -e GONE=1 -e KEPT=1
    sc_ok exec -e GONE one sh -c 'echo "${GONE-none} $KEPT"'
    is "$output" 'none 1'
    sc_ok exec -e A=1 -w /etc one sh -c 'echo $A; pwd'
    is "$output" $'1\n/etc'
    if [ "$(id -u)" -eq 0 ]; then
        sc_ok exec -u 12:34 one id
        matches "$output" '^uid=12.* gid=34'
        sc_fails 126 exec -u nosuch one true
        expect_stderr 'find user "nosuch"'
        sc_ok exec --privileged one grep CapEff /proc/self/status
        is "${output#*:}" "$(sed -n 's/^CapBnd://p' /proc/self/status)"
    fi
    sc_ok exec -d one sh -c 'echo done >/tmp/marker'
    wait_until "$SC" exec one test -s /tmp/marker
    sc_ok rm -f one
}

@test "exec -w: a directory that is not there is an error, and is not made" {
    sleeper --name one
    run_sc exec -w /no/such one pwd
    expect_error 126 'no such file or directory'
    expect_stderr '/no/such'
    sc_ok exec one test ! -e /no
    sc_ok rm -f one
}

@test "what cannot be executed is told in execve's words, 126; what is missing, 127" {
    run_sc run --rm base /etc
    expect_error 126 'run "/etc": permission denied: it is a directory'
    run_sc run --rm base /no/such
    expect_error 127 'run "/no/such": no such file or directory'
    run_sc run --rm base no-such
    expect_error 127 'run "no-such": executable file not found in $PATH'
}

@test "exec -it has a terminal of its own" {
    sleeper --name one
    run script -qec "stty rows 33 cols 99; $SC exec -it one sh -c 'tty; stty size'" /dev/null </dev/null
    matches "$output" /dev/pts/
    matches "$output" '33 99'
    run_sc exec -it one true </dev/null
    expect_error 1 'not a TTY'
    sc_ok rm -f one
}

@test "exec: a container that does not run" {
    sc_ok create --name one base true
    run_sc exec one true
    expect_error 1 'not running'
    sc_ok rm one
}

# ---- attach, logs ------------------------------------------------------------------------------------------

@test "attach: output from now on, input, the exit code" {
    sc_ok run -di --name one base sh -c 'while read -r line; do echo "got $line"; [ "$line" = end ] && exit 3; done'
    run_sc attach one <<<$'first\nend'
    expect 3
    is "$output" $'got first\ngot end'
    run_sc attach one
    expect_error 1 'not running'
    sc_ok rm one
}

@test "logs: both streams, tail, time stamps, since and until" {
    run_sc run --name one base sh -c 'echo 1; echo 2; echo error >&2; echo 3'
    expect 0
    run_sc logs one
    expect 0
    is "$output" $'1\n2\n3'
    is "$stderr" error
    sc_ok rm one
    # one stream: which of two pipes is read first is nobody's promise
    sc_ok run --name one base sh -c 'echo 1; echo 2; echo 3'
    sc_ok logs --tail 1 one
    is "$output" 3
    sc_ok logs -n 0 one
    is "$output$stderr" ''
    sc_ok logs -t -n 1 one
    matches "$output" '^2[0-9]{3}-[0-9]{2}-[0-9]{2}T[0-9:.]+Z 3$'
    sc_ok logs --since 1h one
    is "$output" $'1\n2\n3'
    sc_ok logs --until 1h one
    is "$output" ''
    sc_ok logs --since 2099-01-01 one
    is "$output" ''
    run_sc logs --since yesterday one
    expect_error 1 yesterday
    sc_ok rm one
}

@test "logs -f follows until the container ends" {
    sc_ok run -d --name one base sh -c 'echo begin; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo end'
    "$SC" logs -f one >"$BATS_TEST_TMPDIR/out" 3>&- &
    follower=$!
    wait_until grep begin "$BATS_TEST_TMPDIR/out"
    run ! grep end "$BATS_TEST_TMPDIR/out"
    sc_ok exec one touch /tmp/go
    wait $follower
    is "$(cat "$BATS_TEST_TMPDIR/out")" $'begin\nend'
    sc_ok rm one
}

@test "logs: rotation keeps to its size; no log with --log-driver none" {
    sc_ok run --name big --log-opt max-size=64k --log-opt max-file=2 base sh -c 'i=0; while [ $i -lt 4000 ]; do echo "line $i of a long log that must be rotated"; i=$((i+1)); done'
    id=$("$SC" inspect -f '{{.Id}}' big)
    size=$(du -cb "$SC_DATA_ROOT/container/$id/"log.json* | tail -n 1 | cut -f1)
    [ "$size" -le $((140 << 10)) ]
    sc_ok logs big
    is "${lines[-1]}" 'line 3999 of a long log that must be rotated'
    sc_ok run --name none --log-driver none base echo out
    is "$output" out
    run_sc logs none
    expect_error 1 'no log'
    sc_ok rm big none
}

@test "logs: --log-opt tag, labels and env say in each line whose it is" {
    sc_ok run --name one -l a=1 -l 'b=x y' -l c=3 -e FOO='"' -e X1=2 --log-opt labels=b,none --log-opt labels-regex='^a' --log-opt env=FOO \
        --log-opt env-regex='^X[0-9]$' --log-opt 'tag={{.Name}}/{{ .ImageName }}' base echo out
    is "$("$SC" logs --details one)" 'FOO=%22,X1=2,a=1,b=x+y,tag=one%2Fbase out'
    is "$("$SC" logs one)" out
    is "$(jq -c .attrs "$("$SC" inspect -f '{{.LogPath}}' one)")" '{"FOO":"\"","X1":"2","a":"1","b":"x y","tag":"one/base"}'
    is "$("$SC" inspect -f '{{index .HostConfig.LogConfig.Config "tag"}}' one)" '{{.Name}}/{{ .ImageName }}'
    sc_ok rm one
    sc_ok run --rm --log-opt mode=non-blocking --log-opt max-buffer-size=1m --log-opt compress=false --log-opt tag= base true
    while IFS='|' read -r option why; do
        run_sc run --rm --log-opt "$option" base true
        expect_error 125 "$why"
    done <<'END'
tag={{.Nope}}|"{{.Nope}}" is not known; give {{.ID}}
tag=a{{.Name|"{{.Name" is not known
labels-regex=(|it is no regular expression
mode=loose|must be blocking or non-blocking
max-buffer-size=1m|it goes with mode=non-blocking
compress=true|logs are kept as they are written; bound them with max-size and max-file
nope=1|"nope=1": is not known
END
}

# ---- lists -----------------------------------------------------------------------------------------------------

@test "ps: Docker's columns" {
    sleeper --name one
    id=$output
    sc_ok ps
    matches "${lines[0]}" '^CONTAINER ID   IMAGE     COMMAND        CREATED +STATUS +PORTS     NAMES$'
    matches "${lines[1]}" "^${id:0:12}   base      \"sleep 1000\"   .* ago +Up .*one\$"
    sc_ok kill one
    sc_ok wait one
    sc_ok ps
    is "${#lines[@]}" 1
    sc_ok ps -a
    matches "${lines[1]}" 'Exited \(137\) .* ago'
    sc_ok ps -aq
    is "$output" "${id:0:12}"
    sc_ok ps -a -q --no-trunc
    is "$output" "$id"
    sc_ok rm one
}

@test "ps: filters, -n and -l" {
    sleeper --name alpha --label kind=a
    sleeper --name beta --label kind=b --label other
    sc_ok create --name gamma base true
    names() { sc_ok ps --format '{{.Names}}' "$@"; }
    names
    is "$output" $'beta\nalpha'
    names -a
    is "$output" $'gamma\nbeta\nalpha'
    names -l
    is "$output" gamma
    names -n 2
    is "$output" $'gamma\nbeta'
    names --filter name=alp
    is "$output" alpha
    names -f name=alpha -f name=beta
    is "$output" $'beta\nalpha'
    names -f label=kind=b
    is "$output" beta
    names -f label=other
    is "$output" beta
    names -f label=kind=a -f label=other
    is "$output" ''
    names -f status=created
    is "$output" gamma
    names -f ancestor=base:latest
    is "$output" $'beta\nalpha'
    names -f id="$("$SC" inspect -f '{{.Id}}' beta)"
    is "$output" beta
    run_sc ps -f color=red
    expect_error 1 color=red
    sc_ok rm -f alpha beta gamma
}

@test "ps: before, since, volume, network, publish, expose, health, is-task; a filter that is empty or no pair" {
    mkdir "$BATS_TEST_TMPDIR/dir"
    sc_ok create --name one -v data:/srv -v "$BATS_TEST_TMPDIR/dir:/there" --network none base true
    sc_ok create --name two --expose 53/udp --network host base true
    sc_ok create --name three --expose 80-82 --network none base true
    names() {
        sc_ok ps -a --format '{{.Names}}' "$@"
        output=${output//$'\n'/ }
    }
    names -f before=two
    is "$output" one
    names -f since=one
    is "$output" 'three two'
    run_sc ps -f since=nobody
    expect_error 1 'no such container: "nobody"'
    for place in data /srv /there "$BATS_TEST_TMPDIR/dir"; do
        names -f volume="$place"
        is "$output" one
    done
    names -f volume=dat
    is "$output" ''
    names -f network=host
    is "$output" two
    names -f network=none -f network=host
    is "$output" 'three two one'
    names -f expose=53/udp
    is "$output" two
    names -f expose=53
    is "$output" ''
    names -f expose=81-90/tcp
    is "$output" three
    names -f publish=80
    is "$output" ''
    names -f health=starting
    is "$output" ''
    names -f is-task=true
    is "$output" ''
    names -f is-task=false -f ''
    is "$output" 'three two one'
    sc_fails 125 ps -f name
    run_sc ps -f exited=x
    expect_error 1 exited=x
    run_sc ps -f publish=http
    expect_error 1 publish=http
    run_sc ps -f health=fine
    expect_error 1 health=fine
    sc_ok rm one two three
}

@test "what is misspelt by a letter or two is guessed" {
    run_sc rnu
    expect_error 1 "did you mean 'run'?"
    run_sc container lss
    expect_error 1 "did you mean 'container ls'?"
    run_sc run --memroy 5m base
    expect_error 125 'did you mean --memory?'
    run_sc frobnicate
    expect_error 1 'is not a command; see'
    run_sc run --frobnicate base
    expect_error 125 'unknown flag: --frobnicate; see'
}

@test "run: words of Docker that change nothing here; flags that are not here say what to do instead" {
    sc_ok run --rm --network none --restart no --restart '' --isolation default --log-driver local \
        --security-opt apparmor=unconfined --security-opt label:disable base echo ran
    is "$output" ran
    sc_ok run --name one --network none --log-driver local base echo kept
    sc_ok logs one
    is "$output" kept
    sc_ok rm one
    run_sc run --gpus all base true
    expect_error 125 'unknown flag: --gpus; give the devices with --device'
}

@test "run: who reads no more is told of, and ends the command; the container goes on" {
    run bash -c '"$1" run --name one --network none base sh -c "while :; do echo y; done" 2>"$2" | head -n 1; echo "${PIPESTATUS[0]}"; cat "$2"' - "$SC" "$BATS_TEST_TMPDIR/err"
    is "$output" $'y\n1\nsc: write to standard output: broken pipe; the container goes on, if it does not end by itself: see sc ps'
    sc_ok rm -f one
    run bash -c '"$1" run --rm --network none base echo x 2>&1 >/dev/full' - "$SC"
    is "$status $output" '1 sc: write to standard output: no space left on device'
    run bash -c '"$1" run --rm --network none base sh -c "echo x; exit 4" 2>&1 >&-' - "$SC"
    is "$status $output" '4 '
}

@test "inspect: keys of Docker's that templates ask for" {
    sc_ok create --name one --network none --tmpfs /t:size=1m,noexec -v /data --dns 9.9.9.9 base true
    sc_ok inspect -f '{{json .HostConfig.Tmpfs}} {{json .Config.Volumes}} {{json .HostConfig.Dns}}' one
    is "$output" '{"/t":"size=1048576,noexec"} {"/data":{}} ["9.9.9.9"]'
    sc_ok inspect -f '{{range $k, $v := .NetworkSettings.Networks}}{{$k}}{{end}} {{json .State.Health}}' one
    is "$output" 'none null'
    sc_ok inspect -f '{{index .HostConfig.ReadonlyPaths 0}} {{len .HostConfig.MaskedPaths}}' one
    is "$output" '/proc/bus 12'
    sc_ok inspect -s -f '{{.SizeRw}} {{gt .SizeRootFs 100000}}' one
    is "$output" '0 true'
    sc_ok inspect -f '{{if .Config.Healthcheck}}y{{else}}n{{end}} {{json .Config.StopTimeout}} {{len .HostConfig.Mounts}} {{json .SizeRw}}' one
    is "$output" 'n null 0 null'
    run jq -c '.[0] | [(.Config | has("Healthcheck")), (.HostConfig | has("Mounts")), has("SizeRw")]' <("$SC" inspect one)
    is "$output" '[false,false,false]'
    sc_fails 125 image inspect -s base
    sc_ok rm one
}

@test "inspect: null prints as a list, a map or nothing of its kind, and members that mounts leave out are known" {
    sc_ok create --name one -v data:/data -v "$BATS_TEST_TMPDIR":/here --tmpfs /tmpfs base true
    run_sc inspect -f '{{.HostConfig.CapAdd}} {{ .HostConfig.Links }} {{.ExecIDs}} {{.HostConfig.SecurityOpt}} {{.Config.Labels.none}}' one
    is "$output" '[] [] [] [] <no value>'
    run_sc inspect -f '{{.SizeRw}},{{.SizeRootFs}} {{.State.Health}} {{.Config.StopTimeout}} {{json .HostConfig.CapAdd}}' one
    is "$output" '<nil>,<nil> <nil> <nil> null'
    run_sc inspect -f '{{range .Mounts}}{{.Type}}:{{.Name}}:{{.Driver}}:{{.Destination}} {{end}}' one
    matches "$output" 'bind:::/here '
    matches "$output" 'volume:data:local:/data '
    is "$("$SC" inspect one | jq '[.[0].Mounts[] | select(.Type == "bind") | has("Name")] | any')" false
}

@test "inspect: published ports are exposed ones, and capabilities have one spelling" {
    sc_ok create --name one --network host --expose 99/udp --cap-add net_admin --cap-add CAP_SYS_TIME --cap-drop mknod \
        --cap-drop Cap_kill base true
    is "$("$SC" inspect -f '{{.HostConfig.CapAdd}} {{.HostConfig.CapDrop}}' one)" '[CAP_NET_ADMIN CAP_SYS_TIME] [CAP_MKNOD CAP_KILL]'
    sc_ok create --name two --cap-add all base true
    is "$("$SC" inspect -f '{{.HostConfig.CapAdd}}' two)" '[ALL]'
    sc_ok create --name three --network bridge --expose 99/udp -p 80 -p 127.0.0.1:8081:81/udp base true
    is "$("$SC" inspect three | jq -cS '.[0].Config.ExposedPorts')" '{"80/tcp":{},"81/udp":{},"99/udp":{}}'
    sc_ok commit three made
    is "$("$SC" image inspect made | jq -cS '.[0].Config.ExposedPorts')" '{"80/tcp":{},"81/udp":{},"99/udp":{}}'
    is "$("$SC" image inspect made | jq -cS '.[0].Config.Volumes')" null
    # and volumes without a name, not those that have one
    sc_ok create --name four -v /cache -v named:/data -v /tmp:/host base true
    sc_ok commit four made
    is "$("$SC" image inspect made | jq -cS '.[0].Config.Volumes')" '{"/cache":{}}'
}

@test "ps: an image named by its id has no name, and long sources of mounts are cut" {
    local id

    id=$("$SC" image inspect -f '{{.Id}}' base)
    sc_ok create --name one -v averylongvolumename:/v -v short:/s "$id" true
    is "$("$SC" ps -a --format '{{.Image}} {{.Mounts}}')" "${id:7:12} averylongvolum…,short"
    is "$("$SC" ps -a --no-trunc --format '{{.Image}} {{.Mounts}}')" "$id averylongvolumename,short"
}

@test "ps --format: json, table, template" {
    sleeper --name one --label kind=a
    sc_ok ps --format json
    is "$(jq -r '[.Names, .Image, .State, .Networks] | join(" ")' <<<"$output")" 'one base running none'
    sc_ok ps --format 'table {{.Names}}\t{{.Label "kind"}}'
    is "$output" $'NAMES     LABEL\none       a'
    sc_ok ps --format '{{upper .Names}}/{{json .Image}}'
    is "$output" 'ONE/"base"'
    run_sc ps --format '{{.Frob}}'
    expect_error 1 Frob
    run_sc ps --format '{{.Names'
    expect_error 1 template
    sc_ok rm -f one
}

@test "images: columns, names, ids" {
    sc_ok tag base mine:1
    sc_ok images
    matches "${lines[0]}" '^REPOSITORY   TAG       IMAGE ID       CREATED +SIZE$'
    expect_output 'mine         1 '
    sc_ok images -q
    is "${lines[0]}" "${lines[1]}"
    matches "${lines[0]}" '^[0-9a-f]{12}$'
    sc_ok images --no-trunc -q
    matches "${lines[0]}" '^sha256:[0-9a-f]{64}$'
    sc_ok images mine
    is "${#lines[@]}" 2
    sc_ok images --format json base
    matches "$(jq -r .Size <<<"$output")" 'MB$'
    sc_ok rmi mine:1
    is "$output" 'Untagged: mine:1'
}

@test "rmi: not while a container uses it; gone when nobody does" {
    sc_ok create --name one base true
    run_sc rmi base
    expect_error 1 base
    sc_ok rm one
    sc_ok image rm base
    expect_output 'Untagged: base:latest'
    expect_output 'Deleted: sha256:'
    run_sc rmi base
    expect_error 1 base
    is "$("$SC" images -q)" ''
}

@test "inspect: the image's entrypoint, or --entrypoint, is told from the command" {
    tar -C "$BATS_SUITE_TMPDIR/rootfs" -c bin/busybox | "$SC" import -c 'ENTRYPOINT ["/bin/busybox", "echo"]' -c 'CMD ["one"]' - entry >/dev/null
    local form='{{json .Config.Entrypoint}} {{json .Config.Cmd}} {{.Path}} {{json .Args}}'
    sc_ok create --name image entry
    sc_ok create --name words entry two three
    sc_ok create --name other --entrypoint /bin/busybox entry
    sc_ok create --name none --entrypoint '' entry /bin/busybox true
    sc_ok inspect -f "$form" image words other none
    is "$output" '["/bin/busybox","echo"] ["one"] /bin/busybox ["echo","one"]
["/bin/busybox","echo"] ["two","three"] /bin/busybox ["echo","two","three"]
["/bin/busybox"] null /bin/busybox []
null ["/bin/busybox","true"] /bin/busybox ["true"]'
}

@test "save and load bring an image back; import makes one of a tree" {
    sc_ok save -o "$BATS_TEST_TMPDIR/base.tar" base
    id=$("$SC" images -q --no-trunc base)
    sc_ok rmi base
    sc_ok load -i "$BATS_TEST_TMPDIR/base.tar"
    is "$output" 'Loaded image: base:latest'
    is "$("$SC" images -q --no-trunc base)" "$id"
    sc_ok run --rm base true
    tar -C "$BATS_SUITE_TMPDIR/rootfs" -cf "$BATS_TEST_TMPDIR/root.tar" .
    sc_ok import -c 'CMD ["echo", "imported"]' "$BATS_TEST_TMPDIR/root.tar" mine:1
    sc_ok run --rm mine:1
    is "$output" imported
    run_sc load -i "$BATS_TEST_TMPDIR/absent"
    expect_error 1 absent
}

@test "an empty value is one that was not given" {
    sc_ok run --rm --name= --hostname= --user= --workdir= --cidfile= --cgroup-parent= --stop-signal= --cpuset-cpus= --cpuset-mems= \
        --pid= --ipc= --uts= --userns= --cgroupns= --log-driver= --platform= base sh -c 'echo $$ $(hostname) $(pwd)'
    matches "$output" '^1 [0-9a-f]{12} /$'
    run_sc run --rm --network= base true
    expect_error 125 '--network'
}

@test "ps --filter name= is a regular expression over Docker's form of the name" {
    sc_ok create --name web base true
    sc_ok create --name web2 base true
    for pattern in '^/web$' '^web$' '^/?web$' 'b$'; do
        sc_ok ps -a --filter "name=$pattern" --format '{{.Names}}'
        is "$output" web
    done
    sc_ok ps -aq --filter name=web
    is "${#lines[@]}" 2
    sc_ok ps -aq --filter 'name=^eb'
    is "$output" ''
}

@test "ps: an argument with a blank is quoted, labels are sorted, times are Docker's" {
    export TZ=UTC
    sc_ok create --name one -l z=1 -l a=2 base sh -c 'exit 3'
    sc_ok ps -a --no-trunc --format '{{.Command}}'
    is "$output" "\"sh -c 'exit 3'\""
    sc_ok ps -a --format '{{.Labels}}'
    matches "$output" '^a=2,.*,z=1$'
    sc_ok ps -a --format '{{.CreatedAt}}'
    matches "$output" '^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} \+0000 UTC$'
}

@test "images: filters" {
    sc_ok tag base other:1
    sc_ok images --filter reference='oth*' --format '{{.Repository}}:{{.Tag}}'
    is "$output" other:1
    sc_ok images --filter reference=other:1 --filter reference=base --format '{{.Repository}}'
    is "${#lines[@]}" 2
    sc_ok images -qf dangling=true
    is "$output" ''
    sc_ok images -f label=org.opencontainers.image.title=base -q
    is "${#lines[@]}" 2
    sc_ok images -f label=org.opencontainers.image.title=x -q
    is "$output" ''
    sc_ok images -f since=base -q
    is "$output" ''
    run_sc images -f before=gone
    expect_error 1 'no such image: "gone"'
    run_sc images -f frob=1
    expect_error 1 'is not known; give dangling='
}

@test "inspect: containers, images, types, templates" {
    sleeper --name one -e A=b
    sc_ok inspect one
    is "$(jq -r '.[0].Name' <<<"$output")" /one
    sc_ok inspect --format '{{range .Config.Env}}{{println .}}{{end}}' one
    expect_output A=b
    sc_ok inspect -f '{{json .State.Running}} {{.HostConfig.NetworkMode}} {{if .State.Paused}}paused{{else}}not paused{{end}}' one
    is "$output" 'true none not paused'
    sc_ok inspect --type image -f '{{len .RootFS.Layers}}' base
    is "$output" 1
    run_sc inspect --type image one
    expect 1
    run_sc inspect --type other one
    expect_error 1 other
    sc_ok rm -f one
}

@test "info and version, also as json" {
    sc_ok version --format json
    is "$(jq -r .Client.Os <<<"$output")" linux
    sc_ok version --format '{{.Client.Version}}'
    matches "$output" '^[0-9]+\.[0-9]+'
    sc_ok --version
    sleeper --name one
    sc_ok info --format json
    is "$(jq -r '[.ContainersRunning, .Images, .DataRoot] | join(" ")' <<<"$output")" "1 1 $SC_DATA_ROOT"
    sc_ok info
    expect_output "DataRoot: $SC_DATA_ROOT"
    sc_ok rm -f one
}

@test "what cannot be written to standard output is an error" {
    [ -c /dev/full ] || skip "no /dev/full"
    run_split sh -c '"$1" version >/dev/full' sh "$SC"
    expect_error 1 'standard output'
    for words in --version --help list features; do
        run_split sh -c '"$1" "$2" >/dev/full' sh "$SC_BIN/sc-oci" "$words"
        expect 1
        expect_stderr 'no space left on device'
    done
}

@test "after kill -9 of the monitor the next command tells the truth" {
    sleeper --name one
    pid=$(container_pid one)
    monitor=$(awk '/^PPid/ { print $2 }' "/proc/$pid/status")
    kill -KILL "$monitor"
    wait_until has_ended "$pid"
    is "$(status_of one)" exited
    sc_ok start one
    is "$(status_of one)" running
    sc_ok rm -f one
}

@test "cli: sc generate systemd, as words that systemd reads back" {
    sc_ok create --name web --stop-timeout 4 -e 'A=b $c %d' base sh -c 'echo "1 2"; exit 3'
    local id
    id=$("$SC" inspect -f '{{.Id}}' web)
    sc_ok generate systemd web
    is "$(grep '^Exec' <<<"$output")" "ExecStart=$SC start --attach $id
ExecStop=$SC stop --time 4 $id"
    matches "$output" 'Restart=on-failure'
    sc_ok generate systemd --new -n --no-header --restart-policy always --restart-sec 3 --start-timeout 5 -t 7 --after a.service --wants b.service --requires c.service -e X=1 web
    is "$(grep -v '^$' <<<"$output")" "[Unit]
Description=sc container web
Documentation=man:sc(1)
Wants=network-online.target
After=network-online.target
After=a.service
Wants=b.service
Requires=c.service
RequiresMountsFor=$SC_DATA_ROOT
[Service]
Type=notify
NotifyAccess=main
Environment=SC_DATA_ROOT=$SC_DATA_ROOT
Environment=SC_RUN_ROOT=$SC_RUN_ROOT
Environment=X=1
Restart=always
RestartSec=3
TimeoutStartSec=5
TimeoutStopSec=67
SuccessExitStatus=143
ExecStartPre=-$SC rm -f web
ExecStart=$SC run --name web --stop-timeout 4 -e \"A=b \$\$c %%d\" --rm --detach=false --interactive=false --name web base sh -c \"echo \\\"1 2\\\"; exit 3\"
ExecStop=$SC stop --time 7 web
[Install]
WantedBy=default.target"
    cd "$BATS_TEST_TMPDIR"
    sc_ok generate systemd --files --name --container-prefix pre --separator _ web
    is "$output" "$PWD/pre_web.service"
    matches "$(cat pre_web.service)" '^# pre_web.service'
    run_sc generate systemd --restart-policy sometimes web
    expect_error 1 '"sometimes" is no restart policy'
    run_sc generate systemd --container-prefix a/b web
    expect_error 1 'is not the name of a unit'
    run_sc generate systemd none
    expect_error 1 'no such container: "none"'
}

@test "cli: --as-service where systemd is not there makes nothing" {
    [ ! -d /run/systemd/system ] || skip "systemd is there"
    run_sc run --as-service --name box base true
    expect_error 125 'systemd is not the init of this machine'
    sc_ok ps -aq
    is "$output" ''
}
