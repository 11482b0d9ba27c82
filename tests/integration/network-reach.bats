#!/usr/bin/env bats
# Who reaches whom: containers of networks of every kind, the host and the outside, over IPv4 and IPv6, tcp and udp.
load helpers
load network

# place NAME: its line for reach.py, with the addresses of its first network
place()
{
    "$SC" inspect "$1" | jq -r --arg name "$1" '.[0] | .HostConfig.NetworkMode as $first | [$name, .State.Pid,
        (.NetworkSettings.Networks[$first] | .IPAddress, .GlobalIPv6Address)] | join(" ")'
}

# on NETWORK NAME...: containers there
on()
{
    local name
    for name in "${@:2}"; do sc_ok run -d --name "$name" --network "$1" base sleep 1000; done
}

reaches()
{
    run python3 "$BATS_TEST_DIRNAME/reach.py"
    is "$status $output" '0 '
}

@test "every direction: two networks, an internal one, one without neighbours, the host and the outside" {
    at "$host" ip address add 2001:db8::1/64 dev ext0 nodad
    at "$outside" ip address add 2001:db8::9/64 dev ext0 nodad
    # The outside knows the way to every subnet: what keeps it out is ours.
    at "$outside" ip route add 10.70.0.0/15 via 203.0.113.1
    at "$outside" ip route add fd00:70::/31 via 2001:db8::1
    sc_ok network create --subnet 10.70.1.0/24 --subnet fd00:70:1::/64 aa
    sc_ok network create --subnet 10.70.2.0/24 --subnet fd00:70:2::/64 bb
    sc_ok network create --subnet 10.70.3.0/24 --subnet fd00:70:3::/64 --internal inside
    sc_ok network create --subnet 10.70.4.0/24 --subnet fd00:70:4::/64 -o icc=false apart
    on aa a1 a2
    on bb b1
    on inside i1 i2
    on apart n1 n2
    # on two of them: it reaches what is on either, and does not lead from one to the other
    sc_ok run -d --name ab --network aa --network bb base sleep 1000
    {
        for name in a1 a2 b1 i1 i2 n1 n2 ab; do place $name; done
        echo "host $host 203.0.113.1 2001:db8::1"
        echo "outside $outside 203.0.113.9 2001:db8::9"
        cat <<'RULES'
= a1 a2 ab host outside
= a2 a1 ab host outside
= b1 host outside
= ab host outside a1 a2 b1
= i1 i2
= i2 i1
= n1 host outside
= n2 host outside
= host all
= outside host
RULES
    } | reaches
}

# What the sctp server at ADDRESS PORT says, asked from namespace WHO.
ask_sctp()
{
    at "$1" timeout 5 python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
s.connect((sys.argv[1], int(sys.argv[2])))
print(s.recv(64).decode())' "$2" "$3" 2>/dev/null || :
}

@test "a published sctp port: from outside and from the host, with the client's own address" {
    at "$host" python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)' 2>/dev/null ||
        skip "this kernel has no sctp"
    sc_ok run -d --name web -p 8080:80/sctp base sleep 1000
    # it says whose connection it is
    nsenter -t "$("$SC" inspect -f '{{.State.Pid}}' web)" -n python3 -c 'import socket
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_SCTP)
s.bind(("", 80))
s.listen(8)
while True:
    c, address = s.accept()
    c.send(address[0].encode())
    c.close()' 3>&- &
    server=$!
    wait_until says 203.0.113.9 ask_sctp "$outside" 203.0.113.1 8080
    is "$(ask_sctp "$host" 203.0.113.1 8080)" 203.0.113.1
    sc_ok port web
    is "$output" '80/sctp -> 0.0.0.0:8080'
    kill "$server"
    wait "$server" 2>/dev/null || :
}
