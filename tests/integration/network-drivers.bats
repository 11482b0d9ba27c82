#!/usr/bin/env bats
# Networks without a bridge: macvlan on a link of the test's own host.
# no-vm: the emulated machine has no modules of bridges and nftables yet
load helpers
load network

# What the host's ip, which knows more than busybox's, says of a container's link.
link_of()
{
    nsenter -t "$(container_pid "$1")" -n ip -d link show eth0
}

@test "macvlan: a machine of the parent's network, with a lease of ours; the parent's host itself is not reached" {
    sc_ok network create -d macvlan -o parent=ext0 --subnet 203.0.113.0/24 --gateway 203.0.113.9 --ip-range 203.0.113.64/27 lan
    is "$("$SC" network inspect -f '{{.Driver}} {{.Options.parent}} {{(index .IPAM.Config 0).Gateway}}' lan)" \
        'macvlan ext0 203.0.113.9'
    is "$("$SC" network ls -f driver=macvlan --format '{{.Name}} {{.Driver}}')" 'lan macvlan'
    serve web there --network lan
    is "$(address_of web)" 203.0.113.64
    is "$("$SC" inspect -f '{{.NetworkSettings.MacAddress}} {{.NetworkSettings.Gateway}} {{.NetworkSettings.IPPrefixLen}}' web)" \
        '02:42:cb:00:71:40 203.0.113.9 24'
    matches "$(link_of web)" 'macvlan mode bridge'
    sc_ok exec web ip route
    expect_output 'default via 203.0.113.9 dev eth0'
    wait_until says there ask "$outside" 203.0.113.64 80 || :
    is "$(ask "$outside" 203.0.113.64 80)" there
    is "$(ask "$host" 203.0.113.64 80)" ''
    # neighbours, by name
    sc_ok run -d --name other --network lan base sleep 1000
    is "$(ask_in other web 80)" there
    # nothing on the host: no bridge, no table, nothing in the parent's namespace
    is "$(at "$host" nft list ruleset)" ''
    is "$(at "$host" ip -o link | grep -c -v 'lo\|ext0' || :)" 0
    run_sc network rm lan
    expect_error 1 'network "lan" has active endpoints'
    "$SC" rm -f web other >/dev/null
    sc_ok network rm lan
    at "$host" ip link show ext0
}

@test "macvlan: an address is had again as soon as its container has ended, though the kernel takes down the link later" {
    sc_ok network create -d macvlan -o parent=ext0 --subnet 198.51.100.0/24 lan
    for i in 1 2 3 4 5; do
        sc_ok run --rm --network lan:ip=198.51.100.7 base ip -4 -o addr show eth0
        expect_output '198.51.100.7/24'
    done
    # modes: private ones do not see each other
    sc_ok network create -d macvlan -o parent=ext0 -o macvlan_mode=private --subnet 192.0.2.0/24 apart
    serve web there --network apart
    sc_ok run -d --name other --network apart base sleep 1000
    is "$(ask_in other "$(address_of web)" 80)" ''
    matches "$(link_of other)" 'macvlan mode private'
}

@test "macvlan: connect and disconnect while it runs, beside a bridge that has the ports" {
    sc_ok network create -d macvlan -o parent=ext0 --subnet 203.0.113.0/24 --ip-range 203.0.113.64/27 lan
    sc_ok network create back
    serve web there --network lan --network back -p 8080:80
    is "$(ask "$host" 127.0.0.1 8080)" there
    is "$("$SC" inspect -f '{{.NetworkSettings.Networks.lan.IPAddress}}' web)" 203.0.113.64
    sc_ok exec web ip route
    expect_output 'default via 203.0.113.1 dev eth0'
    sc_ok network disconnect lan web
    run_sc exec web ls /sys/class/net
    is "$output" $'eth1\nlo'
    is "$(find "$SC_RUN_ROOT/lease/net/lan" -type l)" ''
    sc_ok network connect --ip 203.0.113.70 lan web
    sc_ok exec web ip -4 -o addr show eth0
    expect_output '203.0.113.70/24'
    wait_until says there ask "$outside" 203.0.113.70 80 || :
    is "$(ask "$outside" 203.0.113.70 80)" there
}

@test "macvlan: explain shows the ip line; bad input is one line, and nothing is made" {
    sc_ok network create -d macvlan -o parent=ext0 -o mtu=1400 --subnet 203.0.113.0/24 lan
    sc_ok run --explain --network lan base true
    expect_stderr 'ip link add link ext0 name eth0 netns $PID address 02:42:cb:00:71:02 mtu 1400 type macvlan mode bridge'
    run_sc network create -d macvlan -o parent=ext0 -o macvlan_mode=loud x
    expect_error 1 '--opt macvlan_mode=loud: must be bridge, private, vepa or passthru'
    run_sc network create -d overlay x
    expect_error 1 'network driver "overlay": known are bridge, macvlan and ipvlan'
    sc_ok network create -d macvlan -o parent=nolink --subnet 198.51.100.0/24 x
    run_sc run --rm --network x base true
    expect_error 125 'network "x": its parent "nolink" is no link of this host'
    at "$host" ip link add down0 type bridge
    sc_ok network create -d ipvlan -o parent=down0 --subnet 192.0.2.0/24 y
    run_sc run --rm --network y base true
    expect_error 125 'network "y": its parent "down0" is down'
    run_sc run --rm --network y --mac-address 02:00:00:00:00:01 base true
    expect_error 125
    all_free
}

@test "ns:PATH joins a network namespace; its links are the container's, and stay" {
    at "$host" ip link add in0 type veth peer name in1
    sc_ok run --rm --network "ns:/proc/$host/ns/net" base ls /sys/class/net
    expect_output ext0
    expect_output in1
    run_sc run --rm --network ns:/nowhere base true
    expect_error 125 /nowhere
    at "$host" ip link show in0
}
