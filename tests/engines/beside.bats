#!/usr/bin/env bats
# sc's networks beside docker's (a daemon with its bridge and its iptables) and podman's (CNI), all of one host at the same
# time, with a machine outside.
load helpers

setup_file()
{
    unshare -n sleep 1000 3>&- &
    outside=$!
    export outside
    wait_until in_own_namespace "$outside"
    ip link add ext0 type veth peer name ext0 netns "$outside"
    ip address add 203.0.113.1/24 dev ext0
    ip link set ext0 up
    at_outside ip address add 203.0.113.9/24 dev ext0
    at_outside ip link set ext0 up
    # Else docker's daemon switches it on, and has all be dropped that is forwarded and not its own: podman's too.
    sysctl -qw net.ipv4.ip_forward=1
    docker_up "$BATS_FILE_TMPDIR/docker"
    d import -c 'ENV PATH=/bin' "$ENGINE_IMAGE" base >/dev/null
    d run --rm base true
    podman_up
}

teardown_file()
{
    docker_down "$BATS_FILE_TMPDIR/docker"
    kill "$outside"
}

setup()
{
    engine_setup
    unset SC_NETWORK
    export SC_RUN_ROOT=/run/sc SC_DATA_ROOT=$BATS_TEST_TMPDIR/data
    mkdir -p "$SC_RUN_ROOT" "$SC_DATA_ROOT"
}

teardown()
{
    "$SC" ps -aq | xargs -r "$SC" rm -f >/dev/null
    docker_clean
    podman_clean
    engine_teardown
}

in_own_namespace()
{
    [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

at_outside()
{
    nsenter -t "$outside" -n "$@"
}

# Packets are counted: that is no change.
rules()
{
    nft -s list ruleset | awk '/^table (inet|bridge) sc /{skip=1} !skip{print} /^}/{skip=0}' | sed 's/counter packets [0-9]* bytes [0-9]*/counter/'
    iptables-save | sed 's/^#.*//; s/\[[0-9:]*\]//'
    ip6tables-save | sed 's/^#.*//; s/\[[0-9:]*\]//'
}

# serve TEXT COMMAND...: a web server in a container that COMMAND starts
serve()
{
    ok "${@:2}" base sh -c "mkdir -p /www; echo $1 >/www/index.html; exec httpd -f -p 80 -h /www"
}

# answers FROM PORT TEXT: asked by the host's address; FROM: at_outside or env
answers()
{
    [ "$("$1" curl -s --connect-timeout 3 --max-time 5 "http://203.0.113.1:$2/")" = "$3" ]
}

@test "ports of all three are open at the same time, and no rule of theirs is another than before" {
    serve docker d run -d -p 9001:80
    serve podman pm run -d --network podman -p 9002:80
    wait_until answers at_outside 9001 docker
    wait_until answers at_outside 9002 podman
    before=$(rules)
    serve sc "$SC" run -d --name web -p 9003:80
    wait_until answers env 9003 sc
    wait_until answers at_outside 9003 sc
    is "$(rules)" "$before"
    answers at_outside 9001 docker
    answers at_outside 9002 podman
    # theirs come and go beside it
    serve second d run -d --name second -p 9004:80
    serve third pm run -d --name third --network podman -p 9005:80
    wait_until answers at_outside 9004 second
    wait_until answers at_outside 9005 third
    ok d rm -f second
    ok pm rm -f -t 0 third
    answers at_outside 9003 sc
    # a port of theirs is in use
    run "$SC" run --rm -p 9001:80 base true
    is "$status" 125
    before=$(rules) # CNI leaves an empty table
    ok "$SC" rm -f web
    answers at_outside 9001 docker
    answers at_outside 9002 podman
    is "$(rules)" "$before"
}

@test "where docker drops all that is forwarded, two rules in its own chain for it let ours through" {
    iptables -P FORWARD DROP
    serve sc "$SC" run -d --name web -p 9003:80
    # from the host nothing is forwarded
    wait_until answers env 9003 sc
    run ! answers at_outside 9003 sc
    # as docs/concepts/networks.md has them
    iptables -I DOCKER-USER -i sc0 -j ACCEPT
    iptables -I DOCKER-USER -o sc0 -j ACCEPT
    answers at_outside 9003 sc
    iptables -D DOCKER-USER -i sc0 -j ACCEPT
    iptables -D DOCKER-USER -o sc0 -j ACCEPT
    iptables -P FORWARD ACCEPT
}
