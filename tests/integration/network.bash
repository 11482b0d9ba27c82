# Loaded by the tests of networks: network namespaces of the test's own, "host" (where sc runs) and "outside", a machine
# beside it on 203.0.113.0/24. at NS COMMAND.. runs a command there.

# A host is a namespace that a sleeping process holds: no name in /run/netns, nothing of the machine's is touched.
setup()
{
    sc_setup
    [ "$(id -u)" -eq 0 ] || skip "needs root"
    unshare -n sleep 1000 3>&- &
    host=$!
    unshare -n sleep 1000 3>&- &
    outside=$!
    wait_until in_own_namespace "$host"
    wait_until in_own_namespace "$outside"
    at "$host" ip link set lo up
    at "$outside" ip link set lo up
    at "$host" ip link add ext0 type veth peer name ext0 netns "$outside"
    at "$host" ip address add 203.0.113.1/24 dev ext0
    at "$host" ip link set ext0 up
    at "$outside" ip address add 203.0.113.9/24 dev ext0
    at "$outside" ip link set ext0 up
    unset SC_NETWORK
    SC_REAL=$SC
    printf '#!/bin/sh\nexec nsenter -t %s -n %s "$@"\n' "$host" "$SC_REAL" >"$BATS_TEST_TMPDIR/sc"
    chmod +x "$BATS_TEST_TMPDIR/sc"
    SC=$BATS_TEST_TMPDIR/sc
}

teardown()
{
    local left=""

    [ -n "${host:-}" ] || { sc_teardown; return; }
    "$SC" ps -aq --no-trunc | xargs -r "$SC" rm -f -v >/dev/null
    # Every container is gone: so must be links, elements, leases. Of those with --rm the link goes last, by itself.
    wait_until nothing_left || left=$(left_over)
    SC=$SC_REAL
    kill "$host" "$outside"
    wait "$host" "$outside" 2>/dev/null || :
    # of a teardown only the last command's result counts
    sc_teardown || left+=" what is said above"
    is "$left" ''
}

left_over()
{
    local map set

    at "$host" ip -o link | grep -o 'sc[vr][0-9a-f]*' || :
    for map in ports ports6 ports_at ports_at6; do
        at "$host" nft list map inet sc "$map" 2>/dev/null | grep elements || :
    done
    for set in owners owners6 targets6; do
        at "$host" nft list set bridge sc "$set" 2>/dev/null | grep elements || :
    done
    find "$SC_RUN_ROOT/lease" -type l 2>/dev/null || :
}

nothing_left()
{
    [ -z "$(left_over)" ]
}

# The addresses of containers that have ended are free again.
all_free()
{
    [ -z "$(find "$SC_RUN_ROOT/lease/net" -type l)" ]
}

at()
{
    nsenter -t "$1" -n "${@:2}"
}

in_own_namespace()
{
    [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]
}

# A web server of busybox in the background, which answers with TEXT.
serve()
{
    local name=$1 text=$2
    sc_ok run -d --name "$name" "${@:3}" base sh -c "mkdir -p /www; echo $text >/www/index.html; exec httpd -f -p 80 -h /www"
    wait_until grep -qsE ':0050 +[0-9A-F:]+ +0A ' "/proc/$(container_pid "$name")/net/tcp" "/proc/$(container_pid "$name")/net/tcp6"
}

# For wait_until: what a command says now.
says()
{
    [ "$("${@:2}")" = "$1" ]
}

says_something()
{
    [ -n "$("$@")" ]
}

# The addresses that a container's name server tells of NAME, sorted, on one line.
names_in()
{
    "$SC" exec "$1" nslookup "$2" 2>/dev/null | awk '/^Name:/ { n = 1 } n && /^Address/ { print $2 }' | sort | xargs
}

# The process that a container lives by: its monitor.
lock_holder()
{
    local pid
    pid=$("$SC" inspect -f '{{.State.Pid}}' "$1")
    awk '/^PPid:/ { print $2 }' "/proc/$pid/status"
}

address_of()
{
    "$SC" inspect -f '{{.NetworkSettings.IPAddress}}' "$1"
}

# What the server at ADDRESS PORT says, asked from namespace WHO; empty where it is not reached.
ask()
{
    at "$1" curl -s --connect-timeout 3 --max-time 5 "http://$2:$3/" || :
}

# What is dropped is not answered within a second either.
no_answer()
{
    is "$(at "$1" curl -s --connect-timeout 1 --max-time 1 "http://$2:$3/" || :)" ''
}

no_answer_in()
{
    is "$("$SC" exec "$1" sh -c "printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 1 $2 $3" 2>/dev/null || :)" ''
}

# The same from a container: busybox's wget wants more of libc than a static one has.
ask_in()
{
    "$SC" exec "$1" sh -c "printf 'GET / HTTP/1.0\r\n\r\n' | nc -w 3 $2 $3" 2>/dev/null | tr -d '\r' | tail -n 1 || :
}
