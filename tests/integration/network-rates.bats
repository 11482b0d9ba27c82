#!/usr/bin/env bats
# --net-rate-in and --net-rate-out: what the kernel's own counters say of a link that is held to a rate.
# no-vm: the emulated machine has no modules of bridges and nftables yet
load helpers
load network

link_of()
{
    at "$host" ip -o link | grep -o "sc$1[0-9a-f]*" | sort
}

# Bytes that have gone through the root qdisc of a link.
sent()
{
    at "$host" tc -s -j qdisc show dev "$1" root | jq '.[0].bytes'
}

has_sent()
{
    [ "$(sent "$1")" -ge "$2" ]
}

# On both ports of the test.
listens()
{
    [ "$(nsenter -t "$(container_pid "$1")" -n ss -Hltn | grep -c ':900[01]')" -eq 2 ]
}

rate_of()
{
    at "$host" tc qdisc show dev "$1" root
}

@test "rates are in the kernel, as the plan says them, and go with the container" {
    sc_ok run -d --name cc --net-rate-in 10mbit --net-rate-out 500kbyte base sleep 1000
    matches "$(rate_of "$(link_of v)")" 'tbf 1: root .*rate 10Mbit'
    matches "$(rate_of "$(link_of r)")" 'tbf 1: root .*rate 4Mbit'
    matches "$(at "$host" tc filter show dev "$(link_of v)" ingress)" "Egress Redirect to device $(link_of r)"
    is "$("$SC" inspect -f '{{.HostConfig.NetRateIn}} {{.HostConfig.NetRateOut}}' cc)" '10000000 4000000'
    # the rates of a record are those of the next start
    "$SC" stop -t 0 cc >/dev/null
    wait_until nothing_left
    sc_ok start cc
    matches "$(rate_of "$(link_of r)")" 'rate 4Mbit'
    "$SC" rm -f cc >/dev/null
    wait_until nothing_left
    sc_ok run --rm --explain --net-rate-in 1gbit --net-rate-out 8kbit base true
    expect_stderr 'set the rates of scv'
    matches "$stderr" 'tc qdisc replace dev scv[0-9a-f]+ root handle 1: tbf rate 1gbit burst 2500000 limit 15000000; tc qdisc replace dev scr[0-9a-f]+ root'
    matches "$stderr" 'tc filter add dev scv[0-9a-f]+ parent ffff: .* redirect dev scr'
}

@test "of two containers one receives and sends as much more as its rate is higher" {
    sc_ok run -d --name slow --net-rate-in 8mbit --net-rate-out 8mbit base sh -c 'nc -l -p 9000 -e cat /dev/zero & sleep 1000 | nc -l -p 9001 >/dev/null'
    slow=$(link_of v)
    sc_ok run -d --name fast --net-rate-in 32mbit --net-rate-out 32mbit base sh -c 'nc -l -p 9000 -e cat /dev/zero & sleep 1000 | nc -l -p 9001 >/dev/null'
    fast=$(link_of v | grep -v "$slow")
    wait_until listens slow
    wait_until listens fast
    peers=()
    for name in slow fast; do
        address=$(address_of $name)
        nsenter -t "$host" -n busybox nc "$address" 9000 >/dev/null 3>&- &
        peers+=($!)
        nsenter -t "$host" -n busybox nc "$address" 9001 </dev/zero >/dev/null 3>&- &
        peers+=($!)
    done
    # All four flow, and the bursts at the beginning are over; from then on what goes through one while 3 MB go through the
    # other.
    for link in "$slow" "$fast" "scr${slow#scv}" "scr${fast#scv}"; do
        wait_until has_sent "$link" 700000
    done
    for link in "$slow:$fast" "scr${slow#scv}:scr${fast#scv}"; do
        slower=$(sent "${link%:*}")
        faster=$(sent "${link#*:}")
        wait_until has_sent "${link#*:}" $((faster + 3000000))
        ratio=$((($(sent "${link#*:}") - faster) * 10 / ($(sent "${link%:*}") - slower)))
        [ "$ratio" -ge 22 ] && [ "$ratio" -le 60 ] || { echo "ratio $ratio tenths, of $link"; return 1; }
    done
    kill "${peers[@]}"
    wait "${peers[@]}" 2>/dev/null || :
}

@test "update changes, adds and removes rates of one that runs; what is wrong is refused" {
    sc_ok run -d --name cc base sleep 1000
    is "$(link_of r)" ''
    sc_ok update --net-rate-out 2mbit cc
    matches "$(rate_of "$(link_of r)")" 'rate 2Mbit'
    sc_ok update --net-rate-out 3mbit --net-rate-in 1mbit cc
    matches "$(rate_of "$(link_of r)")" 'rate 3Mbit'
    matches "$(rate_of "$(link_of v)")" 'rate 1Mbit'
    # another network gets them too
    sc_ok network create back
    sc_ok network connect back cc
    is "$(link_of r | wc -l)" 2
    sc_ok network disconnect back cc
    is "$(link_of r | wc -l)" 1
    sc_ok update --net-rate-out 0 --net-rate-in 0 cc
    is "$(link_of r)" ''
    [[ "$(rate_of "$(link_of v)")" != *tbf* ]]
    is "$(at "$host" tc qdisc show dev "$(link_of v)" ingress)" ''
    sc_ok update --net-rate-out 2mbit cc
    "$SC" rm -f cc >/dev/null
    wait_until nothing_left

    run_sc run --rm --net-rate-in 10mbps base true
    expect_error 125 '"10mbps" is not a rate'
    run_sc run --rm --net-rate-in 1bit base true
    expect_error 125 '"1bit": must be 8kbit to 1000gbit a second'
    run_sc run --rm --network none --net-rate-in 1mbit base true
    expect_error 125 'a network mode that has no link'
    sc_ok network create -d macvlan -o parent=ext0 --subnet 203.0.113.0/24 lan
    run_sc run --rm --network lan --net-rate-in 1mbit base true
    expect_error 125 'network "lan" (macvlan) has no links on the host'
    all_free
}
