#!/usr/bin/env bats
# Health checks: what is looked at and when, what is made of it, and that nothing of a look is left behind.
load helpers

health() { "$SC" inspect -f '{{.State.Health.Status}}' "$1"; }
is_health() { [ "$(health "$1")" = "$2" ]; }
log_of() { "$SC" inspect -f '{{json .State.Health.Log}}' "$1"; }
has_looked() { [ "$(log_of "$1" | jq length)" -ge "$2" ]; }

@test "health: unhealthy, then healthy; ps, inspect, events" {
    sc_ok run -d --name one --health-cmd 'echo looked; test -e /ok' --health-interval 50ms --health-retries 2 base sleep 1000
    wait_until is_health one unhealthy
    sc_ok ps --filter health=unhealthy --format '{{.Names}} {{.Status}}'
    matches "$output" '^one Up .* \(unhealthy\)$'
    is "$(log_of one | jq -c '.[-1] | [.ExitCode, .Output]')" '[1,"looked\n"]'
    [ "$("$SC" inspect -f '{{.State.Health.FailingStreak}}' one)" -ge 2 ]
    sc_ok exec one touch /ok
    wait_until is_health one healthy
    is "$("$SC" inspect -f '{{.State.Health.FailingStreak}}' one)" 0
    sc_ok ps --filter health=healthy --format '{{.Status}}'
    matches "$output" '^Up .* \(healthy\)$'
    wait_until has_looked one 5
    is "$(log_of one | jq length)" 5
    is "$("$SC" inspect -f '{{json .Config.Healthcheck}}' one)" \
        '{"Test":["CMD-SHELL","echo looked; test -e /ok"],"Interval":50000000,"Retries":2}'
    sc_ok events --since 0 --until 0s --filter container=one --format '{{.Action}}'
    is "$(grep health_status <<<"$output")" $'health_status: unhealthy\nhealth_status: healthy'
    sc_ok rm -f one
}

@test "health: starting, and the start period, in which failures do not count" {
    sc_ok run -d --name one --health-cmd false --health-interval 1h --health-start-period 1h --health-start-interval 20ms \
        --health-retries 1 base sleep 1000
    sc_ok ps --format '{{.Status}}'
    matches "$output" '\(health: starting\)$'
    wait_until has_looked one 3
    is "$("$SC" inspect -f '{{.State.Health.Status}} {{.State.Health.FailingStreak}}' one)" 'starting 0'
    sc_ok rm -f one
    sc_ok run -d --name two base sleep 1000
    is "$("$SC" inspect -f '{{json .State.Health}}' two)" null
    sc_ok ps --filter health=none --format '{{.Names}}'
    is "$output" two
    sc_ok rm -f two
}

@test "health: a look that takes too long is killed with all that it started" {
    sc_ok run -d --init --name one --health-cmd '(sleep 501 &) ; sleep 502 & sleep 503' --health-interval 50ms \
        --health-timeout 100ms --health-retries 1 base sleep 1000
    wait_until is_health one unhealthy
    matches "$(log_of one | jq -c '.[0] | [.ExitCode, .Output]')" '^\[-1,"Health check exceeded timeout \(100ms\)"\]$'
    sc_ok rm -f one
    sc_ok run -d --init --name two --health-cmd 'sleep 504' --health-interval 50ms --health-timeout 100ms --health-retries 1 \
        base sh -c 'trap exit TERM; while :; do sleep 0.1; done'
    wait_until has_looked two 2
    # what ends while a look is going on leaves nothing of it: the teardown looks
    sc_ok stop two
    is "$("$SC" inspect -f '{{.State.Status}}' two)" exited
    sc_ok rm two
}

@test "health: a look that takes too long is killed with what has left its session; what one that ended has left stays" {
    sc_ok run -d --init --name one --health-cmd '(setsid sleep 511 &); setsid sh -c "(sleep 512 &)"; sleep 513' \
        --health-interval 50ms --health-timeout 1s --health-retries 1 base sleep 1000
    wait_until pgrep -f '^sleep 512'
    first=$(pgrep -of '^sleep 511') second=$(pgrep -of '^sleep 512')
    wait_until has_looked one 1
    run ! grep -s ^sleep "/proc/$first/cmdline" "/proc/$second/cmdline"
    sc_ok rm -f one
    run ! pgrep -f '^sleep 51[123]'
    # a service that a look has started is the container's; the cgroup of the look is gone
    sc_ok run -d --init --name two --health-cmd 'test -e /up || { touch /up; setsid sleep 514 & }' --health-interval 50ms \
        --health-timeout 30s base sleep 1000
    sc_ok inspect -f '{{.Id}}' two
    id=$output
    wait_until has_looked two 3
    pgrep -f '^sleep 514'
    wait_until sh -c "! find /sys/fs/cgroup -path '*$id*' -name sc-health | grep -q ."
    sc_ok rm -f two
    run ! pgrep -f '^sleep 514'
}

@test "health: what a look has met of its container's end or pause is no answer; ended or paused is unhealthy" {
    sc_ok create --name made --health-cmd true base true
    is "$("$SC" inspect -f '{{json .State.Health}}' made)" null
    sc_ok ps -aq --filter health=none --format '{{.Names}}'
    is "$output" made
    # one that is going on when it ends; the monitor is held, so that it cannot end it first
    sc_ok run -d --name one --health-cmd 'sleep 506' --health-interval 20ms base sleep 1000
    monitor=$(pgrep -of "sc-monitor id=$("$SC" inspect -f '{{.Id}}' one)")
    wait_until pgrep -f 'sleep 506'
    look=$(pgrep -P "$monitor" -f __health)
    kill -STOP "$monitor"
    kill -KILL "$("$SC" inspect -f '{{.State.Pid}}' one)"
    wait_until sh -c "grep -q 'State:.Z' /proc/$look/status"
    kill -CONT "$monitor"
    wait_until sh -c '[ "$("$SC" inspect -f "{{.State.Status}}" one)" = exited ]'
    is "$("$SC" inspect -f '{{json .State.Health}}' one)" '{"Status":"unhealthy","FailingStreak":0,"Log":[]}'
    sc_ok ps -aq --filter health=unhealthy --format '{{.Names}}'
    is "$output" one
    # one that has no time left because it was frozen
    sc_ok run -d --name two --health-cmd 'test -e /x/ok || sleep 507' --health-interval 20ms --health-timeout 500ms \
        -v "$BATS_TEST_TMPDIR:/x" base sleep 1000
    wait_until pgrep -f 'sleep 507'
    sc_ok pause two
    paused=$(date -u +%FT%T.%NZ)
    sc_ok ps --filter health=unhealthy --format '{{.Names}} {{.Status}}'
    matches "$output" '^two Up .* \(Paused\)$'
    touch "$BATS_TEST_TMPDIR/ok"
    sleep 0.6
    sc_ok unpause two
    wait_until is_health two healthy
    is "$(log_of two | jq --arg paused "$paused" '[.[] | select(.ExitCode != 0 and .End > $paused)] | length')" 0
    sc_ok rm -f made one two
}

@test "health: an output is cut at 4096 bytes, not at a character, and no letter is lost by that" {
    sc_ok run -d --name one --health-cmd 'printf x; i=0; while [ $i -lt 2100 ]; do printf "\303\251"; i=$((i + 1)); done; exit 1' \
        --health-interval 20ms base sleep 1000
    wait_until has_looked one 1
    is "$(log_of one | jq -r '.[0].Output | [(. | length), .[0:3], .[-5:]] | join(" ")')" $'2052 x\u00e9\u00e9 \u00e9\ufffd...'
    sc_ok rm -f one
}

@test "health: nobody looks at what is paused; a long output is cut" {
    sc_ok run -d --name one --health-cmd 'head -c 9000 /dev/zero | tr "\0" x' --health-interval 50ms base sleep 1000
    wait_until is_health one healthy
    is "$(log_of one | jq '.[0].Output | length')" 4099
    sc_ok pause one
    before=$(log_of one)
    monitor=$(pgrep -of "sc-monitor id=$("$SC" inspect -f '{{.Id}}' one)")
    # a look or two that find it paused
    seen=0 last=
    for _ in {1..300}; do
        [ "$seen" -lt 2 ] || break
        now=$(pgrep -P "$monitor" || true)
        [ -z "$now" ] || [ "$now" = "$last" ] || { last=$now && seen=$((seen + 1)); }
    done
    is "$(log_of one | jq -c '.[-1].Start')" "$(jq -c '.[-1].Start' <<<"$before")"
    sc_ok unpause one
    sc_ok rm -f one
}

@test "health: an image's check, CMD and NONE; commit keeps it; a restart begins anew" {
    sc_ok create --name made base true
    sc_ok commit --change 'HEALTHCHECK --interval=50ms --retries=1 CMD ["test", "-e", "/ok"]' made checked
    sc_ok run -d --name one --restart always checked sleep 1000
    is "$("$SC" inspect -f '{{json .Config.Healthcheck}}' one)" '{"Test":["CMD","test","-e","/ok"],"Interval":50000000,"Retries":1}'
    wait_until is_health one unhealthy
    sc_ok exec one touch /ok
    wait_until is_health one healthy
    sc_ok commit one kept
    is "$("$SC" inspect -f '{{json .Config.Healthcheck.Test}}' kept)" '["CMD","test","-e","/ok"]'
    sc_ok restart -t 0 one
    wait_until is_health one healthy
    sc_ok run -d --name two --health-retries 7 checked sleep 1000
    is "$("$SC" inspect -f '{{.Config.Healthcheck.Retries}} {{.Config.Healthcheck.Interval}}' two)" '7 50000000'
    sc_ok run -d --name three --no-healthcheck checked sleep 1000
    is "$("$SC" inspect -f '{{json .Config.Healthcheck}} {{json .State.Health}}' three)" '{"Test":["NONE"]} null'
    sc_ok rm -f made one two three
    sc_ok rmi checked kept
}

@test "health: kill -9 of the monitor during a look; values" {
    sc_ok run -d --name one --health-cmd 'sleep 505' --health-interval 20ms base sleep 1000
    monitor=$(pgrep -of "sc-monitor id=$("$SC" inspect -f '{{.Id}}' one)")
    wait_until pgrep -f 'sleep 505'
    # the monitor's lock and sockets are not for who looks: they would be held when it has ended
    is "$(find "/proc/$(pgrep -of "__health $("$SC" inspect -f '{{.Id}}' one)")/fd" -lname '*/lock' -o -lname 'socket:*')" ''
    kill -KILL "$monitor"
    wait_until sh -c '! pgrep -f "[s]leep 505"'
    sc_ok inspect -f '{{.State.Status}}' one
    is "$output" exited
    sc_ok rm one
    sc_fails 125 run --no-healthcheck --health-cmd true base true
    expect_stderr '--no-healthcheck conflicts with --health-* options'
    sc_fails 125 create --health-interval -1s base true
    expect_stderr 'cannot be negative'
    sc_fails 125 create --health-timeout 10us base true
    expect_stderr 'cannot be less than 1ms'
    sc_fails 125 create --health-retries -1 base true
    expect_stderr 'cannot be negative'
}
