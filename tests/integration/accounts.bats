#!/usr/bin/env bats
# What containers use and what happens to them, as sc tells it: stats, top, events, why, totals; and pausing. What limits do
# is measured in resources.bats and ceilings.bats.
load helpers

container_pid()
{
    "$SC" inspect --format '{{.State.Pid}}' "$1"
}

# The actions of events of container NAME so far, in one line.
actions()
{
    "$SC" events --since 1h --until 0s --filter "container=$1" --format '{{.Action}}' | paste -sd' '
}

# ---- events ----------------------------------------------------------------------------------------------

@test "events: the life of a container, in Docker's words" {
    sc_ok create --name one -l color=red base sleep 1000
    id=$output
    sc_ok start one
    sc_ok exec one true
    sc_ok pause one
    sc_ok unpause one
    sc_ok update --pids-limit 50 one
    sc_ok rename one two
    sc_ok kill two
    sc_ok wait two
    sc_ok rm two
    run_sc events --since 1h --until 0s --filter "container=$id" --format '{{.Action}}'
    expect 0
    is "$output" $'create\nstart\nexec_create: true\nexec_start: true\nexec_die\npause\nunpause\nupdate\nrename\nkill\ndie\ndestroy'
    sc_ok events --since 1h --until 0s --filter "container=$id" --filter event=die --format json
    is "$(jq -r '[.status, .id, .from, .Type, .Action, .Actor.ID, .Actor.Attributes.exitCode, .Actor.Attributes.image, .Actor.Attributes.color, .scope] | join(" ")' <<<"$output")" \
        "die $id base container die $id 137 base red local"
    is "$(jq '.time == (.timeNano / 1000000000 | floor)' <<<"$output")" true
    sc_ok events --since 1h --until 0s --filter event=create
    matches "$output" "^[0-9-]+T[0-9:]+\.[0-9]{9}Z container create $id \(image=base, name=one, .*color=red.*\)\$"
}

@test "events: filters, and times" {
    sc_ok run --rm --name one -l color=red base true
    sc_ok run --name two -l color=blue base true
    is "$(actions one)" 'create attach start die destroy'
    is "$(actions two)" 'create attach start die'
    say() { "$SC" events --since 1h --until 0s --format '{{.Actor.Attributes.name}} {{.Action}}' "$@" | paste -sd,; }
    is "$(say -f event=die)" 'one die,two die'
    is "$(say -f event=die -f event=start)" 'one start,one die,two start,two die'
    is "$(say -f event=die -f label=color=blue)" 'two die'
    is "$(say -f event=die -f label=color)" 'one die,two die'
    is "$(say -f event=die -f image=base)" 'one die,two die'
    is "$(say -f event=die -f image=other)" ''
    is "$(say -f type=container -f event=create)" 'one create,two create'
    is "$(say -f type=network)" ''
    is "$("$SC" events --until 1h --since 2h)" ''
    is "$(say -f plugin=other)" ''
    run_sc events --since 1h --until 0s -f event
    expect_error 125 '--filter "event": must be name=value'
    run_sc events --since 1h --until 0s -f colour=red
    expect_error 1 '--filter "colour=red": is not known'
    # the time of the second's birth and later
    since=$("$SC" events --since 1h --until 0s -f container=two -f event=create --format '{{.timeNano}}')
    is "$(say --since "${since:0:10}.${since:10}" -f event=create)" 'two create'
    sc_ok rm two
}

@test "events: the end of a renamed container bears its new name, rm -f is no stop, top is told" {
    sc_ok run -d --name one base sleep 1000
    sc_ok rename one two
    sc_ok rename two three
    sc_ok top three
    sc_ok rm -f three
    is "$(actions one)" 'create start'
    is "$(actions three)" 'rename top kill die destroy'
}

@test "inspect: has what Docker's object has, with sizes where they are asked for" {
    sc_ok run -d --name one -m 64m --dns 192.0.2.1 --add-host other:192.0.2.2 base sh -c 'head -c 5000 /dev/zero >/five; exec sleep 1000'
    wait_until "$SC" exec one test -s /five
    sc_ok inspect one
    is "$(jq -c '.[0] | has("SizeRw"), has("GraphDriver"), has("ExecIDs"), has("AppArmorProfile")' <<<"$output" | paste -sd' ')" \
        'false true true true'
    is "$(jq -c '.[0].HostConfig | .MemorySwap, .Dns, .ExtraHosts, .PublishAllPorts, .ReadonlyPaths[0], .Runtime' <<<"$output" | paste -sd' ')" \
        '134217728 ["192.0.2.1"] ["other:192.0.2.2"] false "/proc/bus" "sc"'
    [ -s "$(jq -r '.[0].GraphDriver.Data.MergedDir' <<<"$output")/five" ]
    sc_ok inspect -s -f '{{.SizeRw}}' one
    is "$output" 5000
    sc_ok rm -f one
}

@test "inspect: networks and volumes are found too, in Docker's order, or by --type" {
    sc_ok volume create both
    sc_ok inspect both none
    is "$(jq -r '.[] | .Name + " " + .Driver' <<<"$output" | paste -sd,)" 'both local,none null'
    sc_ok create --name both base true
    sc_ok inspect -f '{{.Config.Image}}' both
    is "$output" base
    sc_ok inspect --type volume both
    is "$output" "$("$SC" volume inspect both)"
    sc_ok inspect --type network none
    is "$output" "$("$SC" network inspect none)"
    run_sc inspect --type network both
    expect_error 1 'both'
    # shellcheck disable=SC2154 # set by run_sc
    is "$output" '[]'
}

@test "events: are followed while they happen, over a change of the file" {
    sc_ok run --name one base true
    "$SC" events --since 1h --format '{{.Actor.Attributes.name}} {{.Action}}' >"$BATS_TEST_TMPDIR/said" &
    follower=$!
    wait_until grep -q 'one die' "$BATS_TEST_TMPDIR/said"
    # The next one finds the file too large, and puts it aside.
    yes "$(printf '%9999s' '')" | head -n 500 >>"$SC_RUN_ROOT/events.log"
    sc_ok run --name two base true
    [ -e "$SC_RUN_ROOT/events.log.1" ]
    sc_ok run --name three base true
    wait_until grep -q 'three die' "$BATS_TEST_TMPDIR/said"
    kill "$follower"
    wait "$follower" || true
    is "$(paste -sd, "$BATS_TEST_TMPDIR/said")" \
        'one create,one attach,one start,one die,two create,two attach,two start,two die,three create,three attach,three start,three die'
    is "$(actions one)" 'create attach start die'
    sc_ok rm one two three
}

@test "events: of images and networks" {
    local id
    id=$("$SC" image inspect -f '{{.Id}}' base)
    happened() { "$SC" events --since 1h --until 0s "$@"; }
    sc_ok tag base other:1
    sc_ok save -o "$BATS_TEST_TMPDIR/other.tar" other:1
    sc_ok rmi other:1
    sc_ok load -i "$BATS_TEST_TMPDIR/other.tar"
    sc_ok import "$BATS_SUITE_TMPDIR/rootfs" tree
    sc_ok rmi tree
    is "$(happened -f type=image --format '{{.Action}}' | xargs)" 'tag save untag load import untag delete'
    is "$(happened -f type=image -f event=untag --format '{{.Actor.ID}} {{.Actor.Attributes.name}}' | head -n 1)" "$id other:1"
    is "$(happened -f type=image -f event=tag --format '{{.Actor.Attributes.name}}')" other:1
    is "$(happened -f type=image -f event=load --format '{{.Actor.Attributes.name}}')" other:1
    sc_ok create --name box --network none base true
    sc_ok network create inner
    sc_ok network connect inner box
    sc_ok network disconnect inner box
    sc_ok network rm inner
    is "$(happened -f type=network --format '{{.Action}} {{.Actor.Attributes.name}}' | paste -sd,)" 'create inner,connect inner,disconnect inner,destroy inner'
    is "$(happened -f type=network -f event=connect --format '{{.Actor.Attributes.container}}')" "$("$SC" inspect -f '{{.Id}}' box)"
}

@test "events: of volumes" {
    sc_ok volume create data
    sc_ok volume create data
    sc_ok volume rm data
    is "$("$SC" events --since 1h --until 0s -f type=volume --format '{{.Action}} {{.Actor.ID}} {{.Actor.Attributes.driver}}' | paste -sd,)" \
        'create data local,destroy data local'
    is "$("$SC" events --since 1h --until 0s -f volume=data | wc -l)" 2
}

# ---- stats -----------------------------------------------------------------------------------------------

@test "stats: Docker's columns and those of what holds back" {
    sc_ok run -d --name one -m 64m --cpus .2 base sh -c 'sleep 1000 & while :; do :; done'
    sc_ok run --name gone base true
    sc_ok stats --no-stream
    is "$(head -n 1 <<<"$output" | sed 's/   */,/g')" \
        'CONTAINER ID,NAME,CPU %,MEM USAGE / LIMIT,MEM %,NET I/O,BLOCK I/O,PIDS,THROTTLED,PRESSURE CPU/MEM/IO,OOM'
    is "$(wc -l <<<"$output")" 2
    matches "$output" "$("$SC" inspect -f '{{slice .Id 0 12}}' one) +one +[0-9.]+% +[0-9.]+[KM]iB / 64MiB +[0-9.]+% +0B / 0B +"
    sc_ok stats --no-stream --format json one
    is "$(jq -r '[.Name, .PIDs, .OOMKills, .Container, (.ID | length)] | join(" ")' <<<"$output")" 'one 2 0 one 12'
    # a fifth of a CPU, over a window of half a second
    [ "$(jq -r '.CPUPerc | rtrimstr("%") | tonumber | . > 5 and . < 45' <<<"$output")" = true ] || show_last 'a share of about 20 %'
    wait_until sh -c "\"$SC\" stats --no-stream --format '{{.Throttled}}' one | grep -qv '^0.00%'"
    sc_ok stats --no-stream --format '{{.Name}} {{.MemUsage}}' gone
    is "$output" 'gone 0B / 0B'
    is "$("$SC" stats --no-stream -a --format '{{.Name}}' | sort | paste -sd' ')" 'gone one'
    run_sc stats --no-stream nowhere
    expect_error 1 'no such container: "nowhere"'
    sc_ok rm -f one gone
}

@test "stats: goes on, and sees what starts and ends" {
    sc_ok run -d --name one base sleep 1000
    "$SC" stats --format '{{.Name}}' >"$BATS_TEST_TMPDIR/said" &
    follower=$!
    wait_until grep -q one "$BATS_TEST_TMPDIR/said"
    sc_ok run -d --name two base sleep 1000
    wait_until grep -q two "$BATS_TEST_TMPDIR/said"
    kill "$follower"
    wait "$follower" || true
    # One that is named ends it when it is removed.
    "$SC" stats --format '{{.Name}}' one >/dev/null &
    follower=$!
    sc_ok rm -f one two
    wait "$follower"
}

@test "stats: --since shows what was, of what runs and of what has ended" {
    sc_ok run -d --name one base sh -c 'while :; do :; done'
    wait_until sh -c "[ \$(\"$SC\" stats --since 5m one | wc -l) -ge 2 ]"
    sc_ok kill one
    sc_ok wait one
    sc_ok stats --since -5m one
    matches "$(head -n 1 <<<"$output")" '^TIME +NAME +CPU %'
    matches "$output" '[0-9]Z +one +[0-9.]+% '
    # that outlives the host's next start, before which the run root is empty
    rm "$SC_RUN_ROOT"/container/*/blackbox
    sc_ok stats --since 5m one
    matches "$output" '[0-9]Z +one +[0-9.]+% '
    # a busy loop: more than half a CPU in the first second, however busy the machine is
    sc_ok stats --since 5m --format json one
    [ "$(head -n 1 <<<"$output" | jq -r '.CPUPerc | rtrimstr("%") | tonumber > 10')" = true ] || show_last 'a busy loop'
    is "$(jq -rs 'map(.Time) == (map(.Time) | sort)' <<<"$output")" true
    run_sc stats --since 5m
    expect_error 1 'of which container is not said'
    # What an earlier life left is not taken for this one's.
    sc_ok start one
    started=$("$SC" inspect -f '{{.State.StartedAt}}' one)
    is "$("$SC" stats --since 1h --format '{{.Time}}' one | awk -v s="${started:0:19}Z" '$0 < s')" ''
    sc_ok rm -f one
}

# ---- top -------------------------------------------------------------------------------------------------

@test "top: pids outside and inside, by the host's ps" {
    sc_ok run -d --name one base sh -c 'sleep 1001 & exec sleep 1000'
    wait_until sh -c "\"$SC\" top one | grep -q 'sleep 1001'"
    sc_ok top one
    is "$(head -n 1 <<<"$output" | sed 's/  */ /g')" 'UID PID PPID C STIME TTY TIME CMD CPID'
    is "$(wc -l <<<"$output")" 3
    is "$(awk '/sleep 1000/ { print $2, $NF }' <<<"$output")" "$(container_pid one) 1"
    sc_ok top one -o pid,args
    is "$(sed 's/  */ /g; s/ $//' <<<"$output" | grep -v 1001 | tail -n +2 | head -n 1)" "$(container_pid one) sleep 1000"
    sc_ok top one axo pid
    is "$(sed -n 's/ *$//; 2p' <<<"$output")" "$(container_pid one)"
    run_sc top one -o args
    expect_error 1 'no column PID'
    run_sc top one --nonsense
    expect 1
    sc_ok pause one
    sc_ok top one
    sc_ok kill one
    sc_ok wait one
    run_sc top one
    expect_error 1 'container "one" is not running'
    sc_ok rm one
}

# ---- totals and why --------------------------------------------------------------------------------------

@test "inspect: totals while it runs and when it has ended" {
    sc_ok run -d --name one -m 64m base sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done; echo done; sleep 1000'
    wait_until sh -c "\"$SC\" logs one | grep -q done"
    running=$("$SC" inspect -f '{{.Usage.CpuNanoseconds}}' one)
    [ "$running" -gt 1000000 ]
    sc_ok kill one
    sc_ok wait one
    [ "$("$SC" inspect -f '{{.Usage.CpuNanoseconds}}' one)" -ge "$running" ]
    sc_ok inspect -f '{{json .Usage}}' one
    is "$(jq -r '[.OOMKills, .PidsLimitHits, .MemoryPeak > 0, .MemoryPeak < 67108864] | map(tostring) | join(" ")' <<<"$output")" '0 0 true true'
    sc_ok rm one
}

@test "why: a container that was out of memory names the victim and the peak" {
    run_sc run --name one -m 16m --memory-swap 16m base sh -c 'x=0123456789abcdef; while :; do x=$x$x; done'
    expect 137
    is "$("$SC" inspect -f '{{.State.OOMKilled}} {{.State.OOMVictim}} {{.Usage.OOMKills}}' one | sed 's/[0-9]*)/N)/')" 'true sh (process N) 1'
    is "$("$SC" inspect -f '{{.Usage.MemoryPeak}}' one)" $((16 << 20))
    is "$(actions one)" 'create attach start oom die'
    sc_ok why one
    matches "$output" 'with code 137, .* Its memory was out, and the kernel killed it: the last that was chosen was sh \(process [0-9]+\), at the limit of 16MiB'
    matches "$output" 'at most 16MiB of memory'
    is "$(wc -l <<<"$output")" 1
    sc_ok rm one
}

@test "why: a container that had no limit, below a cgroup that had one" {
    parent=sctest-why-$$
    sc_ok cgroup create -g "memory:$parent"
    sc_ok cgroup set -r memory.limit_in_bytes=24M -r memory.memsw.limit_in_bytes=24M "$parent"
    run_sc run --name one --cgroup-parent "/$parent" base sh -c 'x=0123456789abcdef; while :; do x=$x$x; done'
    expect 137
    sc_ok why one
    matches "$output" 'with code 137, .* The memory of cgroup "/'"$parent"'", which is above it, was out, and the kernel killed it: the last that was chosen was sh \(process [0-9]+\)\. It used'
    sc_ok rm one
    find /sys/fs/cgroup -depth -type d -path "*/$parent*" -exec rmdir {} +
}

@test "why: signals and who sent them" {
    for name in killed stopped handled outside; do
        program='sleep 1000'
        [ "$name" != handled ] || program='trap "" TERM; trap "echo no" TERM; echo ready; while :; do sleep 1000; done'
        sc_ok run -d --name "$name" base sh -c "$program; :"
    done
    wait_until sh -c "\"$SC\" logs handled | grep -q ready"
    sc_ok kill killed
    sc_ok stop -t 0 stopped
    sc_ok stop -t 0 handled
    kill -KILL "$(container_pid outside)"
    sc_ok wait killed stopped handled outside
    sc_ok why killed
    matches "$output" 'with code 137, after [0-9.]+ seconds\. SIGKILL ended it, sent by sc kill \(process [0-9]+, user 0\)\.'
    sc_ok why stopped
    matches "$output" 'SIGTERM had been sent 0 s before, and it did not end of it: process 1 has no handler for it'
    sc_ok why handled
    matches "$output" 'process 1 has a handler for it, which was not done in time'
    sc_ok why outside
    matches "$output" 'SIGKILL ended it; sc did not send it'
    sc_ok rm killed stopped handled outside
}

@test "why: codes, a program that is missing, limits that were hit, one that runs" {
    run_sc run --name missing base no-such-program
    expect 127
    run_sc run --name three base sh -c 'exit 3'
    expect 3
    sc_ok run --name none base true
    sc_ok create --name never base true
    run_sc run --name full --pids-limit 3 base sh -c 'for i in 1 2 3 4 5; do sleep 1000 & done'
    sc_ok run -d --name slow --cpus .1 base sh -c 'while :; do :; done'
    sc_ok run -d --name still base sleep 1000
    sc_ok why missing
    matches "$output" 'missing did not start \(code 127\): run "no-such-program": executable file not found'
    sc_ok why three
    matches "$output" 'with code 3, .* That is what its program said'
    sc_ok why none
    matches "$output" 'with code 0, .* Its program was done\. It used [0-9.]+ seconds of CPU and at most [0-9.]+[KM]iB of memory, read'
    sc_ok why never
    matches "$output" 'never has not been started'
    sc_ok why full
    matches "$output" 'Its limit of 3 tasks refused [0-9]+ more'
    wait_until sh -c "\"$SC\" why slow | grep -qE 'Its CPU quota was used up in [0-9]+ % of the periods'"
    sc_ok pause still
    sc_ok why still
    matches "$output" 'It stands still: it is paused since [0-9TZ:-]+ \(sc unpause still lets it go on\)'
    run_sc why nowhere
    expect_error 1 'no such container: "nowhere"'
    sc_ok rm -f missing three none never full slow still
}

@test "why: each kind of code, and what was sent before a program ended by itself" {
    ends() { run_sc run --name "$1" base sh -c "$3" && expect "$2"; sc_ok why "$1"; matches "$output" "with code $2, after [0-9.]+ seconds\. $4 It used"; }
    ends absent 127 'exec nosuch' 'With 127 a shell says that a program is missing, and a loader that a library is; see sc logs\.'
    ends denied 126 'exec /etc/passwd' 'With 126 a shell says that a program cannot be executed\.'
    ends fault 139 'sh -c "kill -SEGV \$\$"; exit $?' \
        'With 139 a shell says that SIGSEGV ended the program it had started\. It is what a program gets that touches memory that it does not have\.'
    ends none 255 'exit 255' 'That is what its program said; see sc logs\.'
    sc_ok run -d --name itself base sh -c 'trap "exit 3" TERM; echo ready; while :; do sleep .05; done'
    sc_ok run -d --name init --init base sleep 1000
    sc_ok run -d --name deaf base sh -c 'trap "" TERM; echo ready; while :; do sleep 1; done'
    wait_until sh -c "\"$SC\" logs itself | grep -q ready && \"$SC\" logs deaf | grep -q ready"
    sc_ok stop itself init
    sc_ok stop -t 0 deaf
    sc_ok why itself
    matches "$output" 'with code 3, .* SIGTERM had been sent [0-9.]+ seconds before by sc stop \(process [0-9]+, user 0\)\.'
    sc_ok why init
    matches "$output" 'With 143 a program says that SIGTERM ended it\. SIGTERM had been sent [0-9.]+ seconds before by sc stop'
    sc_ok why deaf
    matches "$output" 'SIGKILL ended it, sent by sc stop .* SIGTERM had been sent 0 s before, and it did not end of it: process 1 ignores it\.'
    sc_ok rm absent denied fault none itself init deaf
}

@test "why: what a container that runs has met: refused tasks, a process killed for memory, memory nearly full" {
    sc_ok run -d --name full --pids-limit 3 base sh -c 'sleep 1000 & sleep 1000 & (sleep 1000 &) 2>/dev/null; echo ready; wait'
    sc_ok run -d --name hungry -m 16m base sh -c 'sh -c "x=0123456789abcdef; while :; do x=\$x\$x; done"; echo ready; exec sleep 1000'
    sc_ok run -d --name tight -m 16m base sh -c 'head -c 15500000 /dev/zero >/dev/shm/x; echo ready; exec sleep 1000'
    for name in hungry tight; do wait_until sh -c "\"$SC\" logs $name | grep -q ready"; done
    wait_until sh -c "\"$SC\" why full | grep -q 'Its limit of 3 tasks refused [0-9]* more (--pids-limit gives more)'"
    sc_ok why hungry
    matches "$output" 'hungry has been running for [0-9.]+ seconds\. .*Its memory was out 1 time, and a process of it was killed \(-m gives more\)\.'
    sc_ok why tight
    matches "$output" 'It has 1[456][0-9.]*MiB of the 16MiB of memory that it may have\.'
    sc_ok rm -f full hungry tight
}

# ---- paused ----------------------------------------------------------------------------------------------

@test "why: who was stopped by sc after others in it were out of memory was killed by sc, whatever the limit is now" {
    sc_ok run -d --name one -m 16m base sh -c 'sh -c "x=0123456789abcdef; while :; do x=\$x\$x; done"; echo next; sleep 1000'
    wait_until sh -c "\"$SC\" logs one | grep -q next"
    sc_ok update -m 64m --memory-swap -1 one
    sc_ok stop -t 0 one
    sc_ok why one
    matches "$output" 'with code 137, .* Memory was out 1 time while it ran: .* SIGKILL ended it, sent by sc stop'
    sc_ok rm one
}

@test "pause: beside a kill it leaves nothing frozen" {
    for name in r{1..5}; do
        sc_ok run -d --name "$name" base sleep 1000
        "$SC" pause "$name" >/dev/null 2>&1 &
        sc_ok kill "$name"
        wait
        sc_ok wait "$name"
    done
    sc_ok rm r{1..5}
}

@test "pause: of a container whose monitor is killed meanwhile, everything ends" {
    sc_ok run -d --name one base sleep 1000
    id=$output
    monitor=$(ps -o ppid= -p "$(container_pid one)")
    sc_ok pause one
    kill -KILL "$monitor"
    wait_until has_ended "$monitor"
    is "$("$SC" inspect -f '{{.State.Status}} {{.State.ExitCode}}' one)" 'exited 137'
    sc_ok why one
    matches "$output" 'its monitor \(sc-monitor\) was killed, and it with it'
    sc_ok rm one
}

@test "pause: what can be done with a paused container is what Docker does" {
    sc_ok run -d --name one base sh -c 'trap "exit 5" TERM; i=0; while :; do i=$((i + 1)); echo $i; sleep .01; done'
    sc_ok pause one
    is "$("$SC" inspect -f '{{.State.Status}} {{.State.Running}} {{.State.Paused}}' one)" 'paused true true'
    count=$("$SC" logs one | wc -l)
    for verb in 'start one' 'attach one' 'exec one true' 'pause one' 'rm one'; do
        # shellcheck disable=SC2086 # words
        run_sc $verb
        expect_error 1 'is '
        expect_stderr paused
    done
    is "$("$SC" logs one | wc -l)" "$count"
    sc_ok update --pids-limit 30 one
    sc_ok top one
    sc_ok stats --no-stream one
    # It is stopped in its own way, not killed.
    sc_ok stop one
    is "$("$SC" inspect -f '{{.State.Status}} {{.State.ExitCode}}' one)" 'exited 5'
    for end in kill 'kill -s TERM' 'rm -f'; do
        sc_ok start one
        sc_ok pause one
        # shellcheck disable=SC2086 # words
        sc_ok $end one
        [ "$end" = 'rm -f' ] || sc_ok wait one
    done
    run_sc unpause one
    expect_error 1 'no such container: "one"'
}

# ---- pressure ----------------------------------------------------------------------------------------------

# What it says is in resources.bats.
@test "pressure: its group, on a hybrid host one in the v2 tree, goes with the container, also when the monitor is killed" {
    [ "$(cgroup_mode)" != v1 ] || skip "cgroup v1 alone has no pressure"
    local tree=/sys/fs/cgroup id pid
    [ "$(cgroup_mode)" = v2 ] || tree=$(awk '$0 ~ / - cgroup2 / { print $5; exit }' /proc/self/mountinfo)
    sc_ok run -d --name one base sleep 1000
    id=$output
    pid=$(container_pid one)
    is "$(cat "$tree/sc/$id/cgroup.procs")" "$pid"
    matches "$("$SC" stats --no-stream --format '{{.Pressure}}' one)" '^[0-9.]+% / [0-9.]+% / [0-9.]+%$'
    matches "$(cat "$tree/sc/$id/cpu.pressure")" '^some avg10='
    kill -KILL "$(ps -o ppid= -p "$pid")"
    wait_until has_ended "$pid"
    is "$("$SC" inspect -f '{{.State.Status}}' one)" exited
    [ ! -e "$tree/sc/$id" ]
    sc_ok start one
    [ -e "$tree/sc/$id" ]
    sc_ok rm -f one
    [ ! -e "$tree/sc/$id" ]
}
