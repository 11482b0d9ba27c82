#!/usr/bin/env bats
# Wrong values of everything that networks take: Docker's exit codes, one line that names what is wrong, nothing made.
# no-vm: the emulated machine has no modules of bridges and nftables yet
load helpers
load network

# rows CODE COMMAND...: lines `WORDS|TEXT` of stdin, each a command that must fail with CODE and one line with TEXT
rows()
{
    local code=$1 words text
    shift
    while IFS='|' read -r words text; do
        local -a list
        eval "list=($words)"
        run_split "$SC" "$@" "${list[@]/#BASE/base}"
        is "$words: $status" "$words: $code"
        is "$words: $(wc -l <<<"$stderr")" "$words: 1"
        case $stderr in *"$text"*) ;; *) is "$words: $stderr" "$words: ...$text..." ;; esac
    done
}

@test "values of run: 125, one line, nothing made" {
    sc_ok network create --subnet 10.80.0.0/24 --ip-range 10.80.0.128/25 n
    sc_ok run -d --name web --network n --ip 10.80.0.9 -p 8080:80 base sleep 1000
    rows 125 run --rm <<'ROWS'
-p 65536:80 BASE|invalid port "65536"
-p 80:65536 BASE|invalid port "65536"
-p foo:80 BASE|invalid port "foo"
-p 80:foo BASE|invalid port "foo"
-p -1:80 BASE|invalid port
-p 8000-8002:80-81 BASE|invalid ranges specified for container and host ports
-p 8002-8000:80 BASE|invalid range of ports "8002-8000"
-p 80/foo BASE|invalid protocol "foo"
-p '' BASE|it is not [ADDRESS:][HOSTPORT:]PORT[/PROTOCOL]
-p : BASE|invalid port ""
-p 1.2.3:80:80 BASE|"1.2.3" is not an IP address
-p foo:80:80 BASE|"foo" is not an IP address
-p ::1:80:80 BASE|an IPv6 address is written [::1]
-p 80:80:80:80 BASE|an IPv6 address is written
-p 127.0.0.1:80 BASE|invalid host port "127.0.0.1"
-p 192.0.2.9:80:80 BASE|cannot assign requested address
-p [::1]:8081:80/sctp BASE|no IPv6 address
-p 8080:80 BASE|port is already allocated by container
-p 127.0.0.1:8080:80 BASE|port is already allocated by container
-p 8090:80 -p 8090:81 BASE|it is published twice
-p 8090:80/udp -p 127.0.0.1:8090:81/udp BASE|it is published twice
--expose foo BASE|invalid port "foo"
--expose 70000 BASE|invalid port "70000"
--expose 80/foo BASE|invalid protocol "foo"
--network nope BASE|no such network: "nope"
--network '' BASE|--network
--network container: BASE|must be none, host, bridge
--network container:nope BASE|no such container: "nope"
--network ns:/nope BASE|no such file or directory
--network cni:nope BASE|nope
--network none --network n BASE|conflicting options
--network n --network n BASE|specified multiple times
--network n:what=1 BASE|unknown option "what"
--network n:ip= BASE|ip= is empty
--network n:ip=fd00::1 BASE|other family
--network n --ip foo BASE|"foo" is not an IPv4 address
--network n --ip fd00::1 BASE|is not an IPv4 address
--network n --ip6 10.80.0.7 BASE|is not an IPv6 address
--network n --ip6 fd00::7 BASE|has no subnet of that family
--network n --ip 10.81.0.1 BASE|is no host of network "n"
--network n --ip 10.80.0.0 BASE|is no host of network "n"
--network n --ip 10.80.0.255 BASE|is no host of network "n"
--network n --ip 10.80.0.1 BASE|the address is the network's gateway
--network n --ip 10.80.0.9 BASE|the address is in use by container
--ip 172.17.0.9 BASE|user defined networks only
--network host --ip 10.0.0.1 BASE|user defined networks only
--network none --ip 10.0.0.1 BASE|user defined networks only
--network n --mac-address foo BASE|is not a MAC address
--network n --mac-address 01:02:03:04:05 BASE|is not a MAC address
--network n --mac-address 01:00:5e:00:00:01 BASE|multicast
--network host --mac-address 02:00:00:00:00:01 BASE|conflicting options
--network-alias x BASE|network-scoped alias is supported only for containers in user defined networks
--network n --network-alias 'a b' BASE|it is not a host name
--dns foo BASE|"foo" is not an IP address
--dns '' BASE|is not an IP address
--dns-search 'a b' BASE|is not one word
--add-host foo BASE|bad format for add-host: "foo"
--add-host foo:bar BASE|invalid IP address in add-host: "bar"
--network none --add-host foo:host-gateway BASE|no way to the host
--network container:web -p 80:80 BASE|conflicting options: port publishing
--network container:web --expose 80 BASE|conflicting options: port exposing
--network container:web --dns 192.0.2.1 BASE|conflicting options
--network container:web --hostname x BASE|conflicting options
--network container:web --network-alias x BASE|network-scoped alias
--net-rate-in 10mbps BASE|10mbps
--net-rate-in -1 BASE|-1
--network host --net-rate-out 1mbit BASE|conflicting options
--network host --sysctl net.ipv4.ip_forward=1 BASE|the network namespace is not the container's own
--sysctl net.ipv4.nope=1 BASE|this kernel has no such parameter
ROWS
    is "$("$SC" ps -aq | wc -l) $(at "$host" ip -o link | grep -c ': scv')" '1 1'
}

@test "values of network create, rm, connect, disconnect, inspect and port: 1, one line, nothing made" {
    sc_ok network create --subnet 10.80.0.0/24 n
    sc_ok run -d --name web --network n base sleep 1000
    sc_ok run -d --name hosty --network host base sleep 1000
    rows 1 network <<'ROWS'
create n|network with name "n" already exists
create|requires 1 argument
create a b|requires 1 argument
create host|is reserved
create none|is reserved
create bridge|is reserved
create default|is reserved
create a/b|invalid network name
create 'a b'|invalid network name
create ''|invalid network name
create .a|invalid network name
create --subnet 10.80.0.0/25 x|overlaps 10.80.0.0/24 of network "n"
create --subnet 203.0.113.0/25 x|overlaps the host's route
create --subnet 10.81.0.1/24 x|"10.81.0.0/24" is meant
create --subnet 10.81.0.0 x|is not a subnet
create --subnet 10.81.0.0/33 x|is not a subnet
create --subnet foo x|is not a subnet
create --subnet 10.81.0.0/31 x|no room
create --subnet 10.81.0.0/24 --subnet 10.82.0.0/24 x|one of each family
create --subnet 10.81.0.0/24 --gateway 10.82.0.1 x|is no host of the subnet
create --subnet 10.81.0.0/24 --gateway 10.81.0.255 x|is no host of the subnet
create --subnet 10.81.0.0/24 --gateway foo x|is not an IP address
create --gateway 10.81.0.1 x|need --subnet
create --subnet 10.81.0.0/24 --ip-range 10.82.0.0/25 x|is not inside the subnet
create --subnet 10.81.0.0/24 --ip-range 10.81.0.0/16 x|--ip-range
create --subnet 10.81.0.0/24 --aux-address foo x|it is not NAME=ADDRESS
create --subnet 10.81.0.0/24 --aux-address a=foo x|is not an IP address
create --subnet 10.81.0.0/24 --aux-address a=10.82.0.1 x|is no host of the subnet
create -d nope x|network driver "nope"
create -d bridge -o nope=1 x|--opt nope=1: known are
create -o mtu=no x|must be a whole number
create -o mtu=1 x|must be 68 to 65535
create -o icc=perhaps x|must be true or false
create -o com.docker.network.bridge.name=sc9 x|begin with "sc"
create -o com.docker.network.bridge.name=a/b x|it is not the name of a link
create -o com.docker.network.bridge.name=lo x|the host has a link of that name
create -o com.docker.network.bridge.host_binding_ipv4=x x|is not an IP address
create -d macvlan -o parent= x|it is not the name of a link
create -d macvlan -o macvlan_mode=no x|must be bridge, private, vepa or passthru
create --scope swarm x|a network is of this host
create --ipam-driver dhcp x|--ipam-driver dhcp
rm|requires at least 1 argument
rm nope|no such network: "nope"
rm bridge|is a pre-defined network and cannot be removed
rm host|is a pre-defined network and cannot be removed
rm n|has active endpoints
connect n|requires 2 arguments
connect nope web|no such network: "nope"
connect n nope|no such container: "nope"
connect n web|is on network "n" already
connect host web|connected to host network
connect none web|cannot be connected
connect n hosty|host network
connect --ip 10.80.0.2 n web|already
disconnect nope web|no such network: "nope"
disconnect n nope|no such container: "nope"
disconnect bridge web|is not connected to network
inspect nope|no such network: "nope"
ls --filter nope=1|invalid filter
ls --filter dangling=perhaps|must be true or false
ls --filter type=nope|it is builtin or custom
ls --format '{{.Nope}}'|there is no field "Nope"
prune -f --filter nope=1|invalid filter
nope|is not a command
ROWS
    rows 1 port <<'ROWS'
nope|no such container: "nope"
web 99|no public port '99/tcp' published for web
web foo|invalid port "foo"
ROWS
    is "$("$SC" network ls --filter type=custom --format '{{.Name}}')" n
}

@test "network: a damaged record is named, the others are listed, and it can be removed" {
    sc_ok network create good
    mkdir -p "$SC_DATA_ROOT/network"
    for damage in '{"name"' '' '{}' '[]'; do
        printf '%s' "$damage" >"$SC_DATA_ROOT/network/bad.json"
        sc_ok network ls --format '{{.Name}}'
        matches "$output" '(^|[[:space:]])good([[:space:]]|$)'
        expect_stderr 'network "bad" is damaged: '
        expect_stderr 'remove it: sc network rm bad'
        sc_fails 1 network inspect bad
        expect_stderr 'remove it: sc network rm bad'
        sc_fails 1 network create bad
        expect_stderr 'remove it: sc network rm bad'
        sc_ok network rm bad
        [ ! -e "$SC_DATA_ROOT/network/bad.json" ]
    done
    # the default one's too, which the next start makes anew; a whole one stays
    echo x >"$SC_DATA_ROOT/network/sc0.json"
    sc_fails 1 network inspect bridge
    expect_stderr 'remove it: sc network rm bridge'
    sc_ok network rm bridge
    [ ! -e "$SC_DATA_ROOT/network/sc0.json" ]
    sc_ok network inspect bridge
    sc_fails 1 network rm bridge
    expect_stderr 'pre-defined network'
    echo x >"$SC_DATA_ROOT/network/bad.json"
    sc_ok network prune -f --filter until=1h
    [ -e "$SC_DATA_ROOT/network/bad.json" ]
    sc_ok network prune -f
    expect_output bad
    [ ! -e "$SC_DATA_ROOT/network/bad.json" ]
}
