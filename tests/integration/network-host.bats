#!/usr/bin/env bats
# Our tables and links beside what others have on the same host: nothing of theirs is changed, and what they flush comes
# back.
# no-vm: the emulated machine has no modules of bridges and nftables yet
load helpers
load network

has_port()
{
    at "$host" nft list map inet sc ports 2>/dev/null | grep -q "tcp . $1 :"
}

has_owner()
{
    at "$host" nft list set bridge sc owners 2>/dev/null | grep -q "$1"
}

@test "the monitor puts our tables back when another program flushes them, without a command" {
    serve web there -p 8080:80
    sc_ok run -d --name other -p 8081:80 base sleep 1000
    address=$(address_of web)
    at "$host" nft flush ruleset
    wait_until has_port 8080
    wait_until has_owner "$address"
    has_port 8081
    is "$(ask "$outside" 203.0.113.1 8080)" there
    at "$host" nft flush table inet sc
    wait_until has_port 8080
    at "$host" nft delete table bridge sc
    wait_until has_owner "$address"
    # one of them is enough
    "$SC" rm -f web >/dev/null
    at "$host" nft delete table inet sc
    wait_until has_port 8081
    # what is another's stays as that one wants it
    at "$host" nft add table inet foreign
    at "$host" nft add chain inet foreign c
    at "$host" nft add rule inet foreign c accept
    at "$host" nft flush table inet foreign
    is "$(at "$host" nft list table inet foreign | tr -d ' \t\n')" 'tableinetforeign{chainc{}}'
}

# Netlink sockets of the host that hear of nftables' changes.
listeners() { at "$host" awk '$2 == 12 && $4 != "00000000"' /proc/net/netlink; }
has_listeners() { [ "$(listeners | wc -l)" -eq "$1" ]; }

@test "two monitors of many listen for deletions, and others follow when these end" {
    local number
    for number in 1 2 3 4 5; do
        sc_ok run -d --name "web$number" -p "808$number:80" base sleep 1000
    done
    has_listeners 2
    # the first two have the places; one is killed, one ends
    kill -KILL "$(lock_holder web1)"
    "$SC" rm -f web2 >/dev/null
    wait_until has_listeners 2
    at "$host" nft flush ruleset
    wait_until has_port 8085
    for number in 1 3 4; do "$SC" rm -f "web$number" >/dev/null; done
    wait_until has_listeners 1
    at "$host" nft delete table inet sc
    wait_until has_port 8085
}

@test "the host's rules before and after, as text" {
    at "$host" nft -f - <<'END'
table inet firewall {
    set trusted {
        type ipv4_addr
        elements = { 203.0.113.9 }
    }
    chain input {
        type filter hook input priority 0; policy accept;
        ct state established accept
        ip saddr @trusted accept
    }
    chain forward {
        type filter hook forward priority 0; policy accept;
        counter
    }
}
table ip nat {
    chain post {
        type nat hook postrouting priority 100;
        ip saddr 10.99.0.0/16 masquerade
    }
}
END
    # packets are counted: that is not a change
    rules() { at "$host" nft -s list ruleset; }
    before=$(rules)
    sc_ok network create front
    serve web there --network front -p 8080:80
    is "$(ask "$outside" 203.0.113.1 8080)" there
    is "$(rules | awk '/^table (inet|bridge) sc /{skip=1} !skip{print} /^}/{skip=0}')" "$before"
    "$SC" rm -f web >/dev/null
    sc_ok network rm front
    at "$host" nft delete table inet sc
    at "$host" nft delete table bridge sc
    is "$(rules)" "$before"
}

# 64 digits that begin with the 12 of a number
made_id()
{
    printf '%012x%052x' "$1" 7
}

links()
{
    at "$host" ip -o link | grep -o 'sc[vr][0-9a-f-]*' | sort
}

@test "network prune removes 200 orphans of dead containers, and none of 200 look-alikes" {
    local run=$SC_RUN_ROOT/lease dead live n id
    sc_ok network create --subnet 10.50.0.0/16 front
    serve web there --network front -p 8080:80
    sc_ok create --name ended base true
    dead=$("$SC" inspect -f '{{.Id}}' ended)
    live=$("$SC" inspect -f '{{.Id}}' web)
    # 40 of each: lease of an address and of a port, link, elements of both sets
    for n in $(seq 1 40); do
        id=$(made_id "$n")
        ln -s "$id/0//gone$n" "$run/net/front/10.50.1.$n"
        ln -s "$id/10.50.1.$n/80" "$run/port/tcp,0.0.0.0,$((9000 + n))"
        echo "link add scv${id:0:12} type ifb" >&3
        echo "add element bridge sc owners { \"scv${id:0:12}\" . 02:42:0a:32:01:$(printf %02x "$n") . 10.50.1.$n }" >&4
        echo "add element inet sc ports { tcp . $((9000 + n)) : 10.50.1.$n . 80 }" >&4
    done 3>"$BATS_TEST_TMPDIR/links" 4>"$BATS_TEST_TMPDIR/elements"
    # without a lease, by the name of a dead container that there is a record of
    echo "link add scr${dead:0:12} type ifb" >>"$BATS_TEST_TMPDIR/links"
    echo "add element bridge sc owners { \"scv${dead:0:12}\" . 02:42:0a:32:01:99 . 10.50.9.9 }" >>"$BATS_TEST_TMPDIR/elements"
    at "$host" ip -batch "$BATS_TEST_TMPDIR/links"
    at "$host" nft -f "$BATS_TEST_TMPDIR/elements"

    # another data root's containers on sc0, and what only looks like ours
    for n in $(seq 1 40); do
        id=$(made_id $((n + 1000)))
        echo "link add scv${id:0:12} type ifb" >&3
        echo "add element bridge sc owners { \"scv${id:0:12}\" . 02:42:ac:11:02:$(printf %02x "$n") . 172.17.2.$n }" >&4
        echo "add element inet sc ports { tcp . $((9500 + n)) : 172.17.2.$n . 80 }" >&4
        ln -s "$live/0//web$n" "$run/net/front/10.50.2.$n"
        echo "not a lease" >"$run/net/front/note$n"
    done 3>"$BATS_TEST_TMPDIR/links" 4>"$BATS_TEST_TMPDIR/elements"
    echo "link add scv${dead:0:11} type ifb" >>"$BATS_TEST_TMPDIR/links"
    at "$host" ip -batch "$BATS_TEST_TMPDIR/links"
    at "$host" nft -f "$BATS_TEST_TMPDIR/elements"

    sc_ok network prune -f
    is "$output" ''
    is "$(links | wc -l)" 42 # 40, the short one, and web's
    is "$(links | grep -c "scv0000000000\|${dead:0:12}" || :)" 0
    is "$(at "$host" nft list set bridge sc owners | grep -o 'scv[0-9a-f]*' | wc -l)" 41
    is "$(at "$host" nft list map inet sc ports | grep -o 'tcp \. [0-9]* :' | wc -l)" 41
    is "$(find "$run/net/front" -type l | wc -l)" 41
    is "$(find "$run/net/front" -type f | wc -l)" 40
    is "$(find "$run/port" -type l)" "$run/port/tcp,0.0.0.0,8080"
    is "$(ask "$outside" 203.0.113.1 8080)" there
    # the test's own go by hand
    links | grep "^scv0000000003\|^scv0000000004\|^scv${dead:0:11}$" | sed 's/^/link delete /' >"$BATS_TEST_TMPDIR/links"
    at "$host" ip -batch "$BATS_TEST_TMPDIR/links"
    rm "$run"/net/front/{10.50.2.*,note*}
    at "$host" nft flush ruleset
    wait_until has_port 8080
}

@test "a chain of another's that drops what is forwarded is named by doctor, and its fix opens the way" {
    serve web there -p 8080:80
    at "$host" iptables -P FORWARD DROP
    no_answer "$outside" 203.0.113.1 8080
    is "$(ask "$host" 127.0.0.1 8080)" there
    sc_ok doctor -q
    expect_output 'forwarding of packets: chain FORWARD of table ip filter drops it'
    at "$host" sh -c "$(sed -n '/forwarding of packets/{n;s/ *fix: //p}' <<<"$output")"
    is "$(ask "$outside" 203.0.113.1 8080)" there
    sc_ok doctor -q
    run ! grep -q forwarding <<<"$output"
    # where Docker or ufw has a place for such rules, that one is named
    at "$host" nft flush chain ip filter FORWARD
    at "$host" iptables -N DOCKER-USER
    at "$host" iptables -A FORWARD -j DOCKER-USER
    sc_ok doctor -q
    at "$host" sh -c "$(sed -n '/forwarding of packets/{n;s/ *fix: //p}' <<<"$output")"
    is "$(ask "$outside" 203.0.113.1 8080)" there
    at "$host" iptables -F DOCKER-USER
    at "$host" iptables -N ufw-user-forward
    sc_ok doctor -q
    expect_output 'fix: ufw route allow in on sc0; ufw route allow out on sc0'
    # Taken out (sc_forward_is_dropped says no): fails at the first expect_output.
}

# lacking STRACE-OPTION...: a start on network n where requests fail as they do where the kernel has no such thing.
lacking()
{
    at "$host" nft flush ruleset
    ! at "$host" ip link show "$bridge" >/dev/null 2>&1 || at "$host" ip link del "$bridge"
    run_split at "$host" strace -qqq -o "$BATS_TEST_TMPDIR/trace" -e trace=sendto "$@" \
        "$SC_REAL" run --rm --network n -p 8080:80 base true
    # more than one of -f's processes may have been told so, and of other sockets too
    grep INJECTED "$BATS_TEST_TMPDIR/trace" | grep -v NLM_F_REQUEST && return
    # What a kernel may lack without harm fails no start.
    [ "$status" -ne 0 ] || return 0
    is "$status" 125
    is "$(wc -l <<<"$stderr")" 1
    all+=$stderr$'\n'
    wait_until nothing_left || is "$*: $(left_over)" ''
}

@test "what a kernel lacks is named in one line, and nothing is left" {
    local all=""

    sc_ok network create n
    bridge=$("$SC" network inspect -f '{{.Bridge}}' n)
    for n in 1 2 3 4 5 6 7; do # the command itself: tables and bridge
        lacking -e "inject=sendto:error=EOPNOTSUPP:when=$n"
    done
    for n in 2 3; do # and who makes the link
        lacking -f -e "inject=sendto:error=EOPNOTSUPP:when=$n"
    done
    for what in 'no nf_tables (CONFIG_NF_TABLES' 'must have nft_nat, nft_masq' 'cannot make bridges (CONFIG_BRIDGE)' \
        'must have CONFIG_VETH'; do
        matches "$all" "${what//[()]/.}"
    done
    # Taken out (no remedies in net/up.c, no words in net/bridge.c): fails.
}
