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
