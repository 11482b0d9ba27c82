#!/usr/bin/env bats
# Names on a user's network: a container's questions at 127.0.0.11, answered by sc-names from the leases, and all others
# by the host's name servers.
# no-vm: the emulated machine has no modules of bridges and nftables yet
load helpers
load network

# ask-names.py in the network namespace of a container
ask_names()
{
    at "$("$SC" inspect -f '{{.State.Pid}}' "$1")" python3 "$TESTS/ask-names.py" "${@:2}"
}

# A name server of the test's own, in namespace WHO at ADDRESS. What it was asked is in $asked.
name_server()
{
    asked=$BATS_TEST_TMPDIR/asked
    nsenter -t "$1" -n python3 "$TESTS/name-server.py" "$2" >"$asked" 3>&- &
    server=$!
    wait_until grep -q ready "$asked"
}

end_name_server()
{
    kill "$server"
    wait "$server" 2>/dev/null || :
}

# The sc-names of a container, if it runs.
names_pid()
{
    pgrep -f "sc-names 3 4 $("$SC" inspect -f '{{.Id}}' "$1")"
}

@test "names: by name, alias, short id and name.network; several addresses in turn; an address back to its name" {
    sc_ok network create --subnet 10.71.0.0/24 front
    for name in db1 db2; do sc_ok run -d --name $name --network front --network-alias db base sleep 1000; done
    id=$("$SC" inspect -f '{{.Id}}' db2)
    is "$(names_in db1 db2) $(names_in db1 "${id:0:12}") $(names_in db1 DB2.front)" '10.71.0.3 10.71.0.3 10.71.0.3'
    is "$(names_in db1 db)" '10.71.0.2 10.71.0.3'
    # which is first changes
    first=$(ask_names db1 A db) second=$(ask_names db1 A db)
    is "$(printf '%s\n' "$first" "$second" | sort)" $'0 whole 10.71.0.2 10.71.0.3\n0 whole 10.71.0.3 10.71.0.2'
    is "$(ask_names db1 AAAA db)" '0 whole' # the name is there, such an address is not
    sc_ok exec db1 nslookup 10.71.0.3
    expect_output 'name = db2.front'
    sc_ok exec db1 cat /etc/resolv.conf
    is "$(grep nameserver <<<"$output")" 'nameserver 127.0.0.11'
    expect_output 'options ndots:0'
    # programs that ask libc
    is "$("$SC" exec db1 sh -c 'ping -c 1 -W 1 db2 2>&1 | head -n 1')" 'PING db2 (10.71.0.3): 56 data bytes'
}

@test "names: nothing of other networks, not even to a server outside; the default network has none" {
    name_server "$outside" 203.0.113.9
    sc_ok network create front
    sc_ok network create back
    sc_ok run -d --name web --network front --dns 203.0.113.9 base sleep 1000
    sc_ok run -d --name hidden --network back base sleep 1000
    is "$(ask_names web A hidden)" '3 whole'
    is "$(ask_names web A hidden.back)" '3 whole'
    is "$(ask_names web A nobody)" '3 whole' # it may be a host of theirs
    is "$(sort -u "$asked")" $'nobody udp\nready'
    sc_ok run --rm --network bridge --dns 203.0.113.9 base cat /etc/resolv.conf
    expect_output 'nameserver 203.0.113.9'
    # who reaches it is the container alone
    is "$(at "$host" ss -Hlun 'sport = :31053 or sport = :53')" ''
    is "$(at "$host" ss -Hltn 'sport = :31053 or sport = :53')" ''
    end_name_server
}

@test "names: all others are asked of --dns from the host, on its loopback too; TCP where an answer was cut" {
    sc_ok network create front
    name_server "$outside" 203.0.113.9
    # at the first of two nobody listens
    sc_ok run -d --name web --network front --dns 203.0.113.1 --dns 203.0.113.9 base sleep 1000
    is "$(ask_names web A www.test)" '0 whole 192.0.2.55'
    is "$(ask_names web A nx.test)" '3 whole'
    is "$(ask_names web A big.test)" '0 cut'
    is "$(ask_names web --tcp A big.test)" '0 whole 192.0.2.55'
    is "$(ask_names web --tcp A web)" "0 whole $(address_of web)"
    is "$(grep -c 'big.test tcp' "$asked")" 1
    end_name_server
    name_server "$host" 127.0.0.1
    sc_ok run -d --name near --network front --dns 127.0.0.1 base sleep 1000
    is "$(ask_names near A www.test)" '0 whole 192.0.2.55'
    end_name_server
    is "$(ask_names near A www.test)" '2 whole'
}

@test "names: an internal network has its own and asks nobody else" {
    name_server "$outside" 203.0.113.9
    sc_ok network create --internal in
    sc_ok network create out
    for name in aa bb; do sc_ok run -d --name $name --network in --dns 203.0.113.9 base sleep 1000; done
    is "$(names_in aa bb)" "$(address_of bb)"
    is "$(ask_names aa A secret.test)" '2 whole'
    is "$(cat "$asked")" ready
    # until there is a way out
    sc_ok network connect out aa
    is "$(ask_names aa A www.test)" '0 whole 192.0.2.55'
    sc_ok network disconnect out aa
    is "$(ask_names aa A secret.test)" '2 whole'
    is "$(grep -c secret "$asked")" 0
    end_name_server
}

@test "names: a container of no network has them once it is connected to one; its monitor keeps our tables" {
    sc_ok network create front
    sc_ok run -d --name web --network front base sleep 1000
    sc_ok run -d --name late --network none base sleep 1000
    sc_ok network connect --alias friend front late
    is "$(names_in late web) $(names_in web friend)" "$(address_of web) $(address_of late)"
    is "$("$SC" exec late grep nameserver /etc/resolv.conf)" 'nameserver 127.0.0.11'
    sc_ok network disconnect front late
    is "$(names_in late web)" ''
    sc_ok network connect front late
    is "$(names_in late web)" "$(address_of web)"
    sc_ok rm -f web
    at "$host" nft delete table inet sc
    wait_until at "$host" nft list chain inet sc forward
}

no_name()
{
    [ "$(ask_names "$1" A "$2" | cut -c 3-)" = whole ]
}

@test "names: sc-names comes with the first question, again when it is killed, lives through junk, and goes last" {
    sc_ok network create front
    sc_ok run -d --name web --network front base sleep 1000
    sc_ok run -d --name web2 --network front base sleep 1000
    run names_pid web
    is "$output" ''
    is "$(ask_names web A web2)" "0 whole $(address_of web2)"
    pid=$(names_pid web)
    ask_names web --junk
    is "$(ask_names web A web2)" "0 whole $(address_of web2)"
    is "$(names_pid web)" "$pid"
    # port 53 of the container is its own
    at "$("$SC" inspect -f '{{.State.Pid}}' web)" python3 -c 'import socket
for kind in socket.SOCK_DGRAM, socket.SOCK_STREAM: socket.socket(socket.AF_INET, kind).bind(("0.0.0.0", 53))'
    # what it may do; AddressSanitizer does not work behind a filter of calls
    is "$(awk '/^(CapPrm|CapEff|NoNewPrivs|Seccomp):/ { print $2 }' "/proc/$pid/status" | xargs)" \
        "0000000000000000 0000000000000000 1 $([ "$SC_WHERE" = asan ] && echo 0 || echo 2)"
    is "$(ls "/proc/$pid/root")" ''
    kill -9 "$pid"
    is "$(ask_names web A web2)" "0 whole $(address_of web2)"
    pid=$(names_pid web)
    sc_ok rm -f web2
    is "$(ask_names web A web2 | cut -c 3-)" whole
    is "$(names_in web web2)" ''
    # whose monitor was killed is not there, though its leases are until a command finds it
    sc_ok run -d --name web3 --network front base sleep 1000
    is "$(ask_names web A web3)" "0 whole $(address_of web3)"
    kill -9 "$(lock_holder web3)"
    wait_until no_name web web3
    is "$(find "$SC_RUN_ROOT/lease/net/front" -type l -lname '*web3*' | wc -l)" 1
    sc_ok rm -f web
    wait_until gone "$pid"
    # a monitor that is killed takes it along
    sc_ok run -d --name web --network front base sleep 1000
    ask_names web A web >/dev/null
    pid=$(names_pid web)
    kill -9 "$(awk '/^PPid:/ { print $2 }' "/proc/$pid/status")"
    wait_until gone "$pid"
}

gone()
{
    [ ! -e "/proc/$1" ]
}
