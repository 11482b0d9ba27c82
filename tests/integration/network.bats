#!/usr/bin/env bats
# Networks, in network namespaces of the test's own: "host" (where sc runs) and "outside", a machine beside it.
# no-vm: the emulated machine has no modules of bridges and nftables yet
load helpers
load network

@test "a container on the bridge has eth0, an address, a way out, and leaves nothing" {
    sc_ok run --rm --network bridge base ip -4 -o addr show eth0
    expect_output '172.17.0.2/16'
    wait_until all_free
    sc_ok run --rm --network bridge base ip route
    expect_output 'default via 172.17.0.1 dev eth0'
    wait_until all_free
    sc_ok run --rm --network bridge base cat /sys/class/net/eth0/address
    is "$output" 02:42:ac:11:00:02
    # out, through the host's address: the outside has no route back to 172.17/16
    sc_ok run -d --name cc --network bridge base sleep 1000
    # not by `at`: a function in the background is a shell that its child outlives
    nsenter -t "$outside" -n sh -c 'mkdir -p "$1"; echo outside >"$1/index.html"; exec busybox httpd -f -p 80 -h "$1"' sh \
        "$BATS_TEST_TMPDIR/www" 3>&- &
    server=$!
    wait_until says outside ask_in cc 203.0.113.9 80 || :
    is "$(ask_in cc 203.0.113.9 80)" outside
    kill "$server"
    wait "$server" 2>/dev/null || :
}

@test "the default network is the bridge; \$SC_NETWORK and a kernel without one say otherwise" {
    sc_ok run --name deft base ls /sys/class/net
    is "$output" $'eth0\nlo'
    is "$("$SC" inspect -f '{{.HostConfig.NetworkMode}}' deft)" bridge
    SC_NETWORK=none run_sc run --rm base ls /sys/class/net
    is "$output" lo
    SC_NETWORK=none sc_ok run -d --name port -p 80:80 base sleep 1000
    is "$("$SC" port port)" $'80/tcp -> 0.0.0.0:80\n80/tcp -> [::]:80'
    SC_NETWORK=nosuch run_sc run --rm base true
    expect_error 125 'no such network: "nosuch"'
    SC_NETWORK=a/b run_sc run --rm base true
    expect_error 125 'SC_NETWORK: "a/b"'
    # A container of somebody's, which may not set up a bridge: no network, unless it was asked for.
    sc_ok rm -f deft port
    at "$host" ip link delete sc0
    cat >"$BATS_TEST_TMPDIR/read-only" <<'END'
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
exec "$@"
END
    run unshare -m sh -e "$BATS_TEST_TMPDIR/read-only" "$SC" run --name poor base ls /sys/class/net
    is "$status $output" '0 lo'
    is "$("$SC" inspect -f '{{.HostConfig.NetworkMode}}' poor)" none
    run unshare -m sh -e "$BATS_TEST_TMPDIR/read-only" "$SC" run --rm --network bridge base true
    is "$status" 125
    matches "$output" 'route_localnet": read-only file system'
    is "$(at "$host" ip -o link | grep -c sc0)" 0
}

@test "a run root with spaces: leases, names, ports and guards are taken back" {
    local spaced="$SC_RUN_ROOT/with a space"
    mkdir "$spaced"
    SC_RUN_ROOT=$spaced sc_ok network create web
    SC_RUN_ROOT=$spaced sc_ok run -d --name cc --network web -p 8080:80 base sleep 1000
    [ "$(find "$spaced/lease" -type l | wc -l)" -ge 2 ]
    SC_RUN_ROOT=$spaced sc_ok rm -f cc
    is "$(find "$spaced/lease" -type l)" ''
    SC_RUN_ROOT=$spaced sc_ok run --rm --network web -p 8080:80 base true
    SC_RUN_ROOT=$spaced sc_ok network rm web
    rm -r "$spaced"
}

@test "data roots share the bridge: the kernel's address of it counts, and network rm takes its own from the table" {
    local first=$SC_DATA_ROOT
    sc_ok run -d --name aa --network bridge -p 8080:80 base sleep 1000
    export SC_DATA_ROOT=$BATS_TEST_TMPDIR/second
    mkdir "$SC_DATA_ROOT"
    cp -al "$BATS_SUITE_TMPDIR"/store/. "$SC_DATA_ROOT/"
    sc_ok run --rm base ip route
    expect_output 'default via 172.17.0.1'
    sc_ok network create n
    sc_ok run --rm --network n base true
    run at "$host" nft list set inet sc sources
    expect_output '172.18.0.0/16'
    sc_ok network rm n
    is "$("$SC" events --since 1h --until 0s -f type=network --format "{{.Action}} {{.Actor.Attributes.name}}" | paste -sd,)" "create n,destroy n"
    run at "$host" nft list table inet sc
    expect_no_output '172.18'
    expect_no_output 'sc-'
    expect_output 'tcp . 8080 : 172.17.0.2 . 80'
    export SC_DATA_ROOT=$first
}

@test "a published port: from outside, from the host and its loopback, from a neighbour, from itself" {
    serve web hello -p 8080:80
    sc_ok run -d --name other --network bridge base sleep 1000
    wait_until says hello ask "$host" "$(address_of web)" 80
    is "$(ask "$outside" 203.0.113.1 8080)" hello
    is "$(ask "$host" 127.0.0.1 8080)" hello
    is "$(ask "$host" 203.0.113.1 8080)" hello
    is "$(ask "$host" 172.17.0.1 8080)" hello
    is "$(ask_in other "$(address_of web)" 80)" hello
    is "$(ask_in other 203.0.113.1 8080)" hello
    is "$(ask_in web 203.0.113.1 8080)" hello
    sc_ok rm -f web
    is "$(ask "$outside" 203.0.113.1 8080)" ''
}

@test "a port on the loopback is not the outside's, and containers do not reach the host's loopback" {
    serve web hello -p 127.0.0.1:8080:80 -p 127.0.0.1:5353:53/udp
    wait_until says hello ask "$host" "$(address_of web)" 80
    is "$(ask "$host" 127.0.0.1 8080)" hello
    is "$(ask "$outside" 203.0.113.1 8080)" ''
    # route_localnet is on for the bridge: who sends 127.0.0.1 to the gateway must be dropped
    is "$(at "$host" cat /proc/sys/net/ipv4/conf/sc0/route_localnet)" 1
    run at "$host" nft list chain inet sc raw
    expect_output 'ip daddr 127.0.0.0/8 iifname @bridges drop'
    # Whoever is beside the host can send it a packet for 127.0.0.1, which would be led on before it is a martian.
    unheard()
    {
        "$SC" exec web awk '/^Udp:/ { count = $3 } END { print count }' /proc/net/snmp
    }
    at "$outside" ip route del table local local 127.0.0.0/8 dev lo
    at "$outside" ip route del table local local 127.0.0.1 dev lo
    at "$outside" ip route add 127.0.0.1 via 203.0.113.1 dev ext0 src 203.0.113.9
    at "$outside" bash -c 'echo >/dev/udp/127.0.0.1/5353'
    is "$(ask "$host" 127.0.0.1 8080)" hello
    is "$(unheard)" 0
    at "$host" bash -c 'echo >/dev/udp/127.0.0.1/5353'
    wait_until says 1 unheard
}

@test "the outside does not reach a container behind its ports" {
    serve web hello -p 8080:80
    wait_until says hello ask "$host" "$(address_of web)" 80
    at "$outside" ip route add 172.17.0.0/16 via 203.0.113.1
    is "$(ask "$outside" "$(address_of web)" 80)" ''
    is "$(ask "$outside" 203.0.113.1 8080)" hello
}

@test "networks do not reach each other, neighbours do, and with icc=false they do not" {
    sc_ok network create one
    sc_ok network create two
    sc_ok network create -o icc=false apart
    serve aa A --network one
    serve bb B --network one
    serve cc C --network two
    serve dd D --network apart
    serve ee E --network apart
    for name in aa bb cc dd ee; do
        wait_until says_something ask "$host" "$(address_of $name)" 80
    done
    is "$(ask_in aa "$(address_of bb)" 80)" B
    is "$(ask_in aa "$(address_of cc)" 80)" ''
    is "$(ask_in cc "$(address_of aa)" 80)" ''
    is "$(ask_in dd "$(address_of ee)" 80)" ''
    is "$(ask "$host" "$(address_of ee)" 80)" E
}

@test "a container sends as itself only: no other address, in IP or ARP, no other MAC, no IPv6" {
    sc_ok run -d --name aa base sleep 1000
    sc_ok run -d --name bb --privileged base sleep 1000
    a=$(address_of aa)
    pings="ping -c 1 -W 1 $a"
    sc_ok exec bb sh -c "$pings"
    sc_ok exec bb ip address add 172.17.9.9/16 dev eth0
    sc_fails 1 exec bb sh -c "$pings -I 172.17.9.9"
    # what the host has learnt of the address that is not its own
    is "$(at "$host" ip neigh show 172.17.9.9 | grep -c lladdr)" 0
    sc_ok exec bb sh -c "$pings"
    sc_fails 1 exec bb sh -c "ip link set eth0 address 02:42:ac:11:00:77; $pings"
    sc_ok exec bb sh -c "ip link set eth0 address 02:42:ac:11:00:03; $pings"
    wait_until sc_ok exec bb sh -c 'ip -6 addr show eth0 | grep fe80 && ! ip -6 addr show eth0 | grep tentative'
    sc_fails 1 exec bb sh -c 'ping -6 -c 1 -W 1 fe80::42:acff:fe11:2%eth0'
}

@test "raw frames of a container that may send them: of all kinds only its own reach a neighbour" {
    sc_ok network create --subnet 10.80.0.0/24 --subnet fd00:80::/64 n
    sc_ok run -d --name victim --network n base sleep 1000
    sc_ok run -d --name liar --network n --cap-add NET_RAW base sleep 1000
    spoof()
    {
        python3 "$BATS_TEST_DIRNAME/spoof.py" "$("$SC" inspect -f '{{.State.Pid}}' liar)" "$("$SC" inspect -f '{{.State.Pid}}' victim)" \
            "$("$SC" inspect -f '{{.NetworkSettings.MacAddress}}' liar)" 10.80.0.3 10.80.0.2
    }
    is "$(spoof)" 'own own-arp'
    # nor does it get the neighbour's frames, by one that no guard sees
    is "$(at "$host" bridge fdb | grep -c '^02:42:0a:50:00:03 dev scv')" 1
    liar=scv$("$SC" inspect -f '{{slice .Id 0 12}}' liar)
    is "$(at "$host" bridge fdb | grep -c "^02:42:0a:50:00:02 dev $liar ")" 0
    # a rule before ours lets them all through: it is ours that this test is about
    at "$host" nft insert rule bridge sc prerouting accept
    matches "$(spoof)" '^arp-ip arp-mac arp-source gateway ip mac nd-other own own-arp ra redirect'
}

@test "an internal network reaches nothing outside and is not reached" {
    sc_ok network create --internal in
    serve aa A --network in
    serve bb B --network in -p 8080:80
    wait_until says B ask_in aa "$(address_of bb)" 80
    sc_ok exec aa ip route
    [[ $output != *default* ]]
    is "$(ask "$outside" 203.0.113.1 8080)" ''
}

@test "an internal network leads nowhere by what was known of its addresses before" {
    local heard=$BATS_TEST_TMPDIR/heard
    nsenter -t "$outside" -n python3 -u -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("203.0.113.9", 5000))
print("ready")
while True:
    text, sender = s.recvfrom(99)
    print(text.decode())
    s.sendto(text, sender)' >"$heard" 3>&- &
    local listener=$!
    wait_until grep -q ready "$heard"
    sc_ok network create --subnet 10.79.0.0/24 changed
    sc_ok run -d --name one --network changed base sleep 1000
    tell "$(container_pid one)" before and-hear
    wait_until grep -q before "$heard"
    matches "$(at "$host" nft list chain inet sc known)" 'ct state established,related accept'
    sc_ok rm -f one
    wait_until all_free
    sc_ok network rm changed
    sc_ok network create --subnet 10.79.0.0/24 --internal changed
    sc_ok run -d --name one --network changed base sleep 1000
    at "$(container_pid one)" ip route add default via 10.79.0.1
    tell "$(container_pid one)" after
    tell "$host" end
    wait_until grep -q end "$heard"
    is "$(tr '\n' ' ' <"$heard")" 'ready before end '
    # the table that is made after a flush knows of it too
    at "$host" nft flush table inet sc
    sc_ok ps -q
    [[ "$(at "$host" nft list chain inet sc known)" != *accept* ]]
    kill "$listener"
    wait "$listener" || :
}

# tell PID TEXT [and-hear]: to who listens outside, always from one port
tell()
{
    at "$1" python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 5001))
s.sendto(sys.argv[1].encode(), ("203.0.113.9", 5000))
if len(sys.argv) > 2: s.recv(99)' "${@:2}"
}

@test "multicast goes to all neighbours, by a bridge that keeps no accounts of groups" {
    local heard=$BATS_TEST_TMPDIR/heard listener
    sc_ok run -d --name aa --network bridge base sleep 1000
    sc_ok run -d --name bb --network bridge base sleep 1000
    is "$(at "$host" ip -d -j link show sc0 | jq '.[0].linkinfo.info_data.mcast_snooping')" 0
    nsenter -t "$(container_pid aa)" -n python3 -u -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("239.1.2.3", 5000))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.2.3") + socket.inet_aton("0.0.0.0"))
print("ready")
print(s.recv(99).decode())' >"$heard" 3>&- &
    listener=$!
    wait_until grep -q ready "$heard"
    at "$(container_pid bb)" python3 -c 'import socket
socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"to all", ("239.1.2.3", 5000))'
    wait "$listener"
    is "$(tail -n 1 "$heard")" 'to all'
}

@test "names of a user's network come and go; other networks and the default one have none" {
    sc_ok network create one
    sc_ok network create two
    sc_ok run -d --name aa --network one base sleep 1000
    sc_ok run -d --name bb --network one --network-alias db base sleep 1000
    sc_ok run -d --name cc --network two base sleep 1000
    b=$(address_of bb)
    is "$(names_in aa bb)" "$b"
    is "$(names_in aa db)" "$b"
    is "$(names_in aa cc)" ''
    is "$(names_in bb aa)" "$(address_of aa)"
    sc_ok rm -f bb
    is "$(names_in aa db)" ''
    sc_ok run --rm --network bridge --name xx --add-host gate:host-gateway --add-host far:192.0.2.7 base cat /etc/hosts
    expect_output "$(at "$host" ip -4 -o addr show sc0 | awk '{ sub("/.*", "", $4); print $4 }')"$'\tgate'
    expect_output $'192.0.2.7\tfar'
    [[ $output != *$'\txx '* ]]
}

@test "two networks for one container: links, addresses, one way out, names of both" {
    sc_ok network create --subnet 10.71.0.0/24 one
    sc_ok network create --subnet 10.72.0.0/24 two
    sc_ok run -d --name aa --network one base sleep 1000
    sc_ok run -d --name bb --network two base sleep 1000
    sc_ok run -d --name both --network two:ip=10.72.0.9,alias=mid --network name=one,alias=edge,mac-address=02:00:00:00:00:05 -p 8080:80 base sleep 1000
    sc_ok exec both sh -c 'ip -4 -o addr; ip route; cat /sys/class/net/eth1/address'
    matches "$output" 'eth0 +inet 10.72.0.9/24'
    matches "$output" 'eth1 +inet 10.71.0.3/24'
    is "$(grep -c default <<<"$output")" 1
    expect_output 'default via 10.72.0.1 dev eth0'
    expect_output 02:00:00:00:00:05
    is "$(names_in both aa) $(names_in both bb)" '10.71.0.2 10.72.0.2'
    is "$(names_in both both)" '10.71.0.3 10.72.0.9'
    is "$(names_in aa both) $(names_in aa edge) $(names_in aa mid)" '10.71.0.3 10.71.0.3 '
    is "$(names_in bb mid)" 10.72.0.9
    is "$("$SC" inspect both | jq -c '.[0].NetworkSettings | [.IPAddress, (.Networks | map_values(.IPAddress))]')" \
        '["10.72.0.9",{"two":"10.72.0.9","one":"10.71.0.3"}]'
    is "$("$SC" ps --filter name=both --format '{{.Networks}}')" two,one
    sc_fails 1 network rm one
    sc_fails 125 run --rm --network one --network one base true
    expect_stderr 'network "one" is specified multiple times'
    sc_fails 125 run --rm --network none --network one base true
    expect_stderr 'conflicting options'
    sc_fails 125 run --rm --network one --network host base true
    expect_stderr 'conflicting options'
    sc_fails 125 run --rm --network one --network two:weight=1 base true
    expect_stderr 'unknown option "weight"'
    sc_fails 125 run --rm --network one --network two:ip=10.99.0.1 base true
    expect_stderr 'is no host of network "two"'
    is "$(at "$host" ip -o link | grep -c ': scv')" 4
}

@test "connect and disconnect while it runs: link, address, names, and all of it again after a start" {
    sc_ok network create --subnet 10.71.0.0/24 one
    sc_ok network create --subnet 10.72.0.0/24 two
    sc_ok network create --internal in
    serve aa A --network one
    sc_ok run -d --name cc --network two base sleep 1000
    is "$(ask_in cc 10.71.0.2 80)" ''
    sc_ok network connect --ip 10.71.0.7 --alias friend one cc
    is "$output" ''
    is "$(names_in cc aa) $(names_in aa friend)" '10.71.0.2 10.71.0.7'
    wait_until says A ask_in cc 10.71.0.2 80
    is "$("$SC" exec cc ip -4 -o addr show eth1 | awk '{ print $4 }')" 10.71.0.7/24
    sc_fails 1 network connect one cc
    expect_stderr 'container "cc" is on network "one" already'
    sc_fails 1 network connect one nosuch
    expect_stderr 'no such container: "nosuch"'
    sc_fails 1 network connect --ip 10.71.0.2 one cc
    sc_ok network connect in cc
    sc_ok network disconnect two cc
    sc_ok exec cc sh -c 'ip -4 -o addr; ip route; cat /etc/hosts'
    expect_no_output 10.72.0
    expect_output 'default via 10.71.0.1 dev eth1'
    sc_fails 1 network disconnect two cc
    expect_stderr 'container "cc" is not connected to network "two"'
    sc_ok network disconnect -f two cc
    sc_ok network rm two
    sc_ok stop -t 0 cc
    expect_no_output 10.71
    is "$(names_in aa friend)" ''
    sc_ok start cc
    is "$("$SC" exec cc ip -4 -o addr show eth0 | awk '{ print $4 }')" 10.71.0.7/24
    is "$(names_in aa friend)" 10.71.0.7
    sc_ok network disconnect one cc
    sc_ok network disconnect in cc
    is "$("$SC" inspect -f '{{.HostConfig.NetworkMode}}' cc)" none
    is "$("$SC" exec cc ls /sys/class/net)" lo
    is "$(at "$host" ip -o link | grep -c ': scv')" 1
    # one that does not run is recorded
    sc_ok create --name later --network none base ip -4 -o addr show eth0
    sc_ok network connect one later
    sc_ok start -a later
    expect_output 10.71.0.
    sc_ok run -d --name hh --network host base sleep 1000
    sc_fails 1 network connect one hh
    expect_stderr 'host network'
}

@test "connect and disconnect: a container that locks its hosts file does not hold them up" {
    compile "$TESTS/attack.c" "$BATS_FILE_TMPDIR/attack"
    sc_ok network create --subnet 10.71.0.0/24 one
    sc_ok network create --subnet 10.72.0.0/24 two
    sc_ok run -d --name web --network one -v "$BATS_FILE_TMPDIR/attack:/attack:ro" base /attack lock /etc/hosts /etc/resolv.conf /etc/hostname / /etc /proc /dev
    wait_until says locked "$SC" logs web
    run timeout "$SC_DEADLINE" "$SC" network connect two web
    is "$status" 0
    sc_ok exec web cat /etc/hosts
    expect_output 10.72.0.2
    run timeout "$SC_DEADLINE" "$SC" network disconnect one web
    is "$status" 0
    sc_ok exec web cat /etc/hosts
    expect_no_output 10.71.0
    sc_ok rm -f web
    sc_ok network rm one two
}

@test "a stopped container: its address is free, with --ip too; connect and disconnect; a network that was removed" {
    sc_ok network create --subnet 10.80.0.0/24 front
    sc_ok network create --subnet 10.81.0.0/24 back
    sc_ok run -d --name fixed --network front --ip 10.80.0.50 base sleep 1000
    sc_ok run -d --name free --network front base sleep 1000
    "$SC" stop -t 0 fixed free >/dev/null
    sc_ok run -d --name thief --network front --ip 10.80.0.50 base sleep 1000
    thief=$output
    sc_fails 1 start fixed
    expect_stderr "the address is in use by container ${thief:0:12}"
    "$SC" rm -f thief >/dev/null
    sc_ok run -d --name next --network front base sleep 1000
    is "$(address_of next)" 10.80.0.2
    sc_ok start fixed free
    is "$(address_of fixed) $(address_of free)" '10.80.0.50 10.80.0.3'
    "$SC" restart -t 0 fixed >/dev/null
    is "$(address_of fixed)" 10.80.0.50
    "$SC" stop -t 0 fixed >/dev/null
    sc_ok network connect --ip 10.81.0.77 back fixed
    sc_fails 1 network connect back fixed
    expect_stderr 'is on network "back" already'
    sc_ok network disconnect front fixed
    sc_ok start fixed
    is "$("$SC" inspect -f '{{json .NetworkSettings.Networks}}' fixed | jq -c 'map_values(.IPAddress)')" \
        '{"back":"10.81.0.77"}'
    "$SC" stop -t 0 fixed >/dev/null
    sc_ok network rm back
    sc_fails 1 start fixed
    expect_stderr 'no such network: "back"'
    sc_ok network connect front fixed
    sc_fails 1 network disconnect bacc fixed
    expect_stderr 'no such network: "bacc"'
    sc_ok network disconnect back fixed
    sc_ok start fixed
    is "$(address_of fixed)" 10.80.0.4
}

@test "published ports go on to a network that is left, and come with the first that can have any" {
    sc_ok network create --subnet 10.71.0.0/24 one
    sc_ok network create two
    serve web hello --network one -p 8080:80
    wait_until says hello ask "$outside" 203.0.113.1 8080
    sc_ok network connect two web
    is "$(ask "$outside" 203.0.113.1 8080)" hello
    sc_ok network disconnect one web
    wait_until says hello ask "$outside" 203.0.113.1 8080
    sc_ok port web
    is "$output" $'80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080'
    sc_ok network disconnect two web
    is "$(ask "$outside" 203.0.113.1 8080)" ''
    sc_ok port web
    is "$output" ''
    sc_ok network connect one web
    wait_until says hello ask "$outside" 203.0.113.1 8080
    is "$(ask "$host" '[::1]' 8080)" hello
    is "$("$SC" port web)" $'80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080'
    # ports that a running container has for the first time have no socket at [::], and show none
    sc_ok run -d --name late --network none -p 8081:80 base sleep 1000
    sc_ok network connect one late
    is "$("$SC" port late)" '80/tcp -> 0.0.0.0:8081'
}

@test "network ls: the filters of Docker" {
    sc_ok network create --label a=b front
    sc_ok network create back
    sc_ok run -d --network front base sleep 1000
    names() { sc_ok network ls --format '{{.Name}}' "$@"; printf '%s' "$output" | sort | xargs; }
    is "$(names --filter dangling=true)" back
    is "$(names --filter dangling=false --filter type=custom)" front
    is "$(names --filter type=custom)" 'back front'
    # several values of a key: any will do; of labels all are wanted
    is "$(names --filter type=custom --filter type=builtin)" 'back bridge front host none'
    is "$(names --filter name=fro --filter type=custom --filter name=bac)" 'back front'
    is "$(names --filter label=a --filter label=c)" ''
    is "$(names --filter label=a --filter driver=bridge --filter scope=local --filter name=fro)" front
    id=$("$SC" network inspect -f '{{.Id}}' back)
    is "$(names --filter "id=${id:0:8}")" back
    sc_fails 1 network ls --filter what=ever
    expect_stderr 'invalid filter "what=ever"'
    sc_fails 1 network ls --filter dangling=perhaps
    sc_ok network create n10
    sc_ok network create n2
    sc_ok network ls --format '{{.Name}} {{.IPv4}}'
    is "$output" $'back true\nbridge true\nfront true\nhost false\nn2 true\nn10 true\nnone false'
    is "$("$SC" network ls -q | sort -u | wc -l)" 7
}

@test "what Docker's users write: options, filters by pattern, templates, host names, and their errors" {
    sc_ok network create --subnet 10.80.0.0/24 -o com.docker.network.bridge.name=br77 -o com.docker.network.bridge.host_binding_ipv4=127.0.0.1 \
        --label a --label b=c --attachable --scope local --ipam-driver default front
    sc_ok network create -o com.docker.network.bridge.enable_ip_masquerade=false back
    is "$("$SC" network ls --filter 'name=^front$' --format '{{.Name}} {{.Labels}} {{.Label "b"}}')" 'front a=,b=c c'
    is "$("$SC" network ls --filter 'name=^fron$' -q)" ''
    is "$("$SC" network inspect -v host none --format '{{.Name}} {{.Driver}} {{json .ConfigFrom}}' | paste -sd,)" \
        'host host {"Network":""},none null {"Network":""}'
    serve web hello --network front -p 8080:80 --hostname web.example.org
    wait_until says hello ask "$host" 127.0.0.1 8080
    is "$("$SC" port web)" '80/tcp -> 127.0.0.1:8080'
    is "$(at "$host" ip -o link show br77 | grep -c UP)" 1
    is "$("$SC" exec web grep example /etc/hosts)" $'10.80.0.2\tweb.example.org web'
    # what leaves `back` has its own address: the outside knows no way to answer
    at "$host" nft list set inet sc sources | grep -q 10.80.0.0/24
    is "$(at "$host" nft list set inet sc sources | grep -c 172.17)" 0
    sc_ok network connect bridge web
    is "$("$SC" inspect -f '{{range $k, $v := .NetworkSettings.Networks}}{{$k}} {{len $v.EndpointID}} {{end}}' web)" 'bridge 64 front 64 '
    is "$("$SC" inspect -f '{{json .NetworkSettings.Networks.front.DNSNames}}' web | jq -r '.[0]')" web
    is "$(nsenter --net="$("$SC" inspect -f '{{.NetworkSettings.SandboxKey}}' web)" ip -4 -o addr show eth0 | awk '{ print $4 }')" 10.80.0.2/24
    sc_fails 1 port web 99
    expect_stderr "no public port '99/tcp' published for web"
    for name in host none; do
        sc_fails 1 network connect $name web
        expect_stderr 'container cannot be'
    done
    is "$("$SC" inspect -f '{{json .NetworkSettings.Networks.front.Aliases}}' web)" null
    sc_ok network create --ipv4 --ipv6=false third
    sc_ok network rm third
    sc_fails 1 network create --ipv4=false third
    expect_stderr '--ipv4=false: a network has IPv4'
    sc_fails 125 network connect --link web:db back web
    expect_stderr 'unknown flag: --link; containers of a network that sc network create has made know each other by name'
    sc_fails 125 network connect --gw-priority 5 back web
    expect_stderr 'unknown flag: --gw-priority; the way out is by the first network that is not internal'
    sc_fails 125 network create --ipam-opt a=b third
    expect_stderr 'unknown flag: --ipam-opt; addresses are leases of ours'
    sc_fails 125 run --rm -p 8091:80 -p 127.0.0.1:8091:81 base true
    expect_stderr 'port is already allocated: it is published twice'
    sc_fails 125 run --rm -p 192.0.2.1:8091:80 base true
    expect_stderr 'publish port 192.0.2.1:8091/tcp: cannot assign requested address'
    sc_fails 1 network create -o com.docker.network.bridge.name=br77 third
    expect_stderr 'bridge "br77" is that of network "front"'
    sc_fails 1 network create -o com.docker.network.bridge.name=ext0 third
    expect_stderr 'the host has a link of that name'
    sc_ok rm -f web
    sc_ok network rm front back
    is "$(at "$host" ip -o link | grep -c br77)" 0
}

@test "a default container may ping, and listen on any port as any user" {
    sc_ok run -d --name web --user 1000:1000 base httpd -f -p 80 -h /bin
    wait_until says_something ask "$host" "$(address_of web)" 80
    # a socket that ping uses where it has no CAP_NET_RAW, which Debian's busybox does not know
    nsenter -t "$("$SC" inspect -f '{{.State.Pid}}' web)" -n setpriv --reuid 1000 --regid 1000 --clear-groups /usr/bin/python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)
s.settimeout(5)
s.sendto(bytes([8, 0, 0, 0, 0, 0, 0, 1]), ("172.17.0.1", 0))
assert s.recv(64)[0] == 0'
    sc_ok run --rm --sysctl net.ipv4.ip_unprivileged_port_start=1024 base cat /proc/sys/net/ipv4/ip_unprivileged_port_start
    is "$output" 1024
}

@test "resolv.conf: --dns, --dns-search and --dns-option replace the host's" {
    sc_ok run --rm --network bridge --dns 192.0.2.53 --dns-search example.org --dns-option ndots:3 base cat /etc/resolv.conf
    expect_output 'nameserver 192.0.2.53'
    expect_output 'search example.org'
    expect_output 'options ndots:3'
    is "$(grep -c nameserver <<<"$output")" 1
}

@test "resolv.conf: on the host's network --dns and its like replace the host's too, and its own stub stays" {
    local of

    sc_ok run --rm --network host --dns 192.0.2.53 --dns-search example.org --dns-option ndots:3 base cat /etc/resolv.conf
    is "$(sort <<<"$output")" $'nameserver 192.0.2.53\noptions ndots:3\nsearch example.org'
    of=$(grep ^nameserver /etc/resolv.conf || :)
    is "$("$SC" run --rm --network host --dns-search example.org base grep ^nameserver /etc/resolv.conf || :)" "$of"
    is "$("$SC" run --rm --network host base cat /etc/resolv.conf)" "$(cat /etc/resolv.conf)"
}

@test "--ip, --mac-address and --opt mtu are what the container has" {
    sc_ok network create --subnet 10.77.0.0/24 --gateway 10.77.0.9 --ip-range 10.77.0.128/25 -o mtu=1400 n
    sc_ok run --rm --network n base ip -4 -o addr show eth0
    expect_output 10.77.0.128/24
    sc_ok run --rm --network n --ip 10.77.0.5 --mac-address 02:00:00:00:00:07 base \
        sh -c 'ip -4 -o addr show eth0; ip route; cat /sys/class/net/eth0/address /sys/class/net/eth0/mtu'
    expect_output 10.77.0.5/24
    expect_output 'default via 10.77.0.9'
    expect_output $'02:00:00:00:00:07\n1400'
}

@test "ps, port and inspect show ports; -P publishes what is exposed; ranges" {
    sc_ok run -d --name rr --network bridge -p 9000-9001:90-91/udp -p 127.0.0.1:8000:80 --expose 7000 base sleep 1000
    sc_ok port rr
    is "$output" $'80/tcp -> 127.0.0.1:8000
90/udp -> 0.0.0.0:9000\n90/udp -> [::]:9000\n91/udp -> 0.0.0.0:9001\n91/udp -> [::]:9001'
    sc_ok port rr 90/udp
    is "$output" $'0.0.0.0:9000\n[::]:9000'
    sc_fails 1 port rr 81
    sc_ok ps --format '{{.Ports}}'
    is "$output" '7000/tcp, 127.0.0.1:8000->80/tcp, 0.0.0.0:9000->90/udp, [::]:9000->90/udp, 0.0.0.0:9001->91/udp, [::]:9001->91/udp'
    is "$("$SC" inspect rr | jq -c '.[0].NetworkSettings.Ports["80/tcp", "7000/tcp"]')" \
        $'[{"HostIp":"127.0.0.1","HostPort":"8000"}]\nnull'
    is "$("$SC" inspect rr | jq -c '.[0].NetworkSettings.Ports["91/udp"]')" \
        '[{"HostIp":"0.0.0.0","HostPort":"9001"},{"HostIp":"::","HostPort":"9001"}]'
    sc_ok run -d --name pp -P --expose 7000 base sleep 1000
    sc_ok port pp 7000
    matches "$output" $'^0\\.0\\.0\\.0:([0-9]+)\n\\[::\\]:([0-9]+)$'
    # sctp is not carried; of a host that has a program at [::], or no IPv6 at all, it is not said either
    sc_ok run -d --name ss -p 9100:80/sctp -p 0.0.0.0:9101:80 base sleep 1000
    is "$("$SC" port ss)" $'80/tcp -> 0.0.0.0:9101\n80/sctp -> 0.0.0.0:9100'
    nsenter -t "$host" -n python3 -c 'if True:
        import socket, time
        a = socket.create_server(("::", 9102), family=socket.AF_INET6)
        time.sleep(1000)' 3>&- &
    server=$!
    wait_until says_something at "$host" ss -Hltn 'sport = :9102'
    sc_ok run -d --name tt -p 9102:80 base sleep 1000
    is "$("$SC" port tt)" '80/tcp -> 0.0.0.0:9102'
    kill "$server"
    wait "$server" 2>/dev/null || :
}

@test "a port in use names its holder, and the failed start leaves nothing" {
    sc_ok run -d --name web -p 8080:80 base sleep 1000
    id=$("$SC" inspect -f '{{.Id}}' web)
    sc_fails 125 run --rm -p 9999:1 -p 8080:80 base true
    expect_stderr "publish port 0.0.0.0:8080/tcp: port is already allocated by container ${id:0:12}"
    sc_fails 125 run --rm -p 127.0.0.1:8080:80 base true
    expect_stderr "port is already allocated by container ${id:0:12}"
    is "$(find "$SC_RUN_ROOT/lease/port" -type l | wc -l)" 1
    # the other way round: one address of the host's is taken, all are asked for
    sc_ok run -d --name one -p 127.0.0.1:8082:80 base sleep 1000
    id=$("$SC" inspect -f '{{.Id}}' one)
    sc_fails 125 run --rm -p 8082:80 base true
    expect_stderr "publish port 0.0.0.0:8082/tcp: port is already allocated by container ${id:0:12}"
    sc_ok run --rm -p 127.0.0.2:8082:80 base true
    nsenter -t "$host" -n busybox httpd -f -p 8081 -h / 3>&- &
    server=$!
    wait_until says_something at "$host" ss -Hltn 'sport = :8081'
    sc_fails 125 run --rm -p 8081:80 base true
    expect_stderr 'publish port 0.0.0.0:8081/tcp: address already in use by a program of the host'
    kill "$server"
    wait "$server" 2>/dev/null || :
}

@test "a subnet free of the host's routes is chosen; an overlapping one is refused" {
    at "$host" ip route add 172.17.0.0/16 via 203.0.113.9
    sc_ok run --rm --network bridge base ip -4 -o addr show eth0
    expect_output 172.18.0.2/16
    sc_fails 1 network create --subnet 203.0.113.128/25 x
    expect_stderr "create network: subnet 203.0.113.128/25 overlaps the host's route to 203.0.113.0/24"
    sc_fails 1 network create --subnet 172.18.5.0/24 x
    expect_stderr 'create network: subnet 172.18.5.0/24 overlaps 172.18.0.0/16 of network "sc0"'
    sc_ok network ls -q --filter name=x
    is "$output" ''
}

@test "networks: create, ls, inspect, rm and prune, and what they refuse" {
    sc_ok network create --label kind=test n
    id=$output
    sc_fails 1 network create n
    expect_stderr 'create network: network with name "n" already exists'
    sc_ok network ls --format '{{.Name}} {{.Driver}}'
    is "$output" $'bridge bridge\nhost host\nn bridge\nnone null'
    sc_ok network inspect n
    is "$(jq -r '.[0] | .Id + " " + .IPAM.Config[0].Subnet + " " + .Labels.kind' <<<"$output")" "$id 172.17.0.0/16 test"
    sc_ok run -d --name cc --network "${id:0:8}" base sleep 1000
    is "$("$SC" network inspect n | jq -r '.[0].Containers[].Name')" cc
    sc_fails 1 network rm n
    expect_stderr 'network "n" has active endpoints: container '
    sc_ok network prune -f
    is "$output" ''
    sc_ok rm -f cc
    sc_ok network prune -f
    is "$output" $'Deleted Networks:\nn'
    is "$(at "$host" ip -o link | grep -c ': sc-')" 0
    sc_fails 125 run --rm --network n base true
    expect_stderr 'no such network: "n"'
    sc_fails 1 network rm bridge
    expect_stderr 'bridge is a pre-defined network and cannot be removed'
}

@test "a container that is killed with its monitor leaves its address and port to the next" {
    sc_ok network create --subnet 10.77.0.0/30 small
    for round in 1 2 3; do
        sc_ok run -d --name "c$round" --network small -p 8080:80 base sleep 1000
        is "$(address_of "c$round")" 10.77.0.2
        kill -9 "$(lock_holder "c$round")"
        wait_until gone "$("$SC" inspect -f '{{.Id}}' "c$round")"
    done
    sc_ok run -d --name last --network small base sleep 1000
    sc_fails 125 run --rm --network small base true
    expect_stderr 'network "small": every address of its range is in use'
}

gone()
{
    [ "$("$SC" inspect -f '{{.State.Running}}' "$1")" = false ]
}

@test "an address and a port can be had again as soon as their container has ended, also where there is one only" {
    sc_ok network create --subnet 10.77.0.0/30 small
    for round in 1 2 3 4; do
        sc_ok run --rm --network small -p 8080:80 base ip -4 -o addr show eth0
        expect_output 10.77.0.2/30
    done
    sc_ok run --name again --network small -p 8080:80 base true
    for round in 1 2 3; do sc_ok start -a again; done
    # the kernel ends the element that led to the last one's address with its next tick
    for round in 1 2 3 4 5 6 7 8; do sc_ok run --rm --network bridge -p 8080:80 base true; done
    sc_ok network rm small
}

@test "table inet sc is made again after a flush, with the ports of those that run; others' rules are not touched" {
    at "$host" nft -f - <<'END'
table inet theirs {
    chain forward {
        type filter hook forward priority 10
        counter comment "not ours"
    }
}
END
    at "$host" nft list table inet theirs | sed 's/packets.*bytes [0-9]*//' >"$BATS_TEST_TMPDIR/theirs"
    serve web hello -p 8080:80
    wait_until says hello ask "$outside" 203.0.113.1 8080
    at "$host" nft delete table inet sc
    sc_ok run --rm --network bridge base true
    is "$(ask "$outside" 203.0.113.1 8080)" hello
    at "$host" nft flush table inet sc
    sc_ok ps -q
    is "$(ask "$outside" 203.0.113.1 8080)" hello
    # The guard of the ports too: with who runs, who else would be cut off.
    at "$host" nft delete table bridge sc
    sc_ok network ls
    matches "$(at "$host" nft list set bridge sc owners)" "scv[0-9a-f]{12}\" . 02:42:ac:11:00:02 . 172.17.0.2"
    is "$(ask "$outside" 203.0.113.1 8080)" hello
    at "$host" nft list table inet theirs | sed 's/packets.*bytes [0-9]*//' | diff "$BATS_TEST_TMPDIR/theirs" -
}

@test "bad input: one line, nothing made" {
    while IFS='|' read -r words message; do
        # shellcheck disable=SC2086
        sc_fails 125 run --rm $words base true
        expect_stderr "$message"
    done <<'END'
--network bridge -p 70000:80|invalid port "70000": must be 1 to 65535
--network bridge -p 80:80/icmp|invalid protocol "icmp"
--network nope|no such network: "nope"
--network bridge --ip 172.17.0.9|user specified IP address is supported on user defined networks only
--network bridge --network-alias x|network-scoped alias is supported only for containers in user defined networks
--network bridge --mac-address 01:00:00:00:00:01|multicast
--network none --mac-address 02:00:00:00:00:01|conflicting options
--network bridge --add-host x|bad format for add-host
--network bridge --dns nine|"nine" is not an IP address
END
    is "$(at "$host" ip -o link | grep -c 'scv')" 0
}

@test "explain shows what ip and nft would do" {
    sc_ok run --rm --dry-run --network bridge -p 8080:80 base true
    expect_output "nft add element inet sc ports '{ tcp . 8080 : 172.17.0.2 . 80 }'"
    expect_output 'type veth peer name eth0 address 02:42:ac:11:00:02 numtxqueues 1 numrxqueues 1 netns $PID'
    expect_output 'ip address add 172.17.0.2/16 broadcast + dev eth0; ip route add default via 172.17.0.1'
    is "$(at "$host" ip -o link | grep -c sc0)" 0
    expect_output "# it can pretend to be no other, and the host's ports lead to it"
    sc_ok run --rm --dry-run --network bridge base true
    expect_output "# it can pretend to be no other: the bridge drops what it sends as somebody else"
    [[ $output != *"the host's ports"* ]] || show_last 'no port is published'
}

links_left()
{
    at "$host" ip -o link | grep -c scv || :
}

@test "explain=sh: the script makes the same network by hand, and its table is ours" {
    sc_ok run --rm base true
    wait_until all_free
    at "$host" nft list ruleset >"$BATS_TEST_TMPDIR/table"
    inside='ip -4 -o addr; ip route; cat /sys/class/net/eth0/address; exit 3'
    wait_until all_free
    sc_fails 3 run --rm -p 8080:80 base sh -c "$inside"
    ours=$output
    wait_until all_free
    sc_ok run --explain=sh -p 8080:80 base sh -c "$inside"
    echo "$output" >"$BATS_TEST_TMPDIR/script"
    at "$host" nft flush ruleset
    at "$host" ip link delete sc0
    run at "$host" sh "$BATS_TEST_TMPDIR/script"
    is "$status $output" "3 $ours"
    at "$host" nft list ruleset | diff "$BATS_TEST_TMPDIR/table" -
    # the link goes with the namespace, when the kernel comes to it
    wait_until says 0 links_left
}
