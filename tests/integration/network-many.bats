#!/usr/bin/env bats
# Many containers on one network.
# no-vm: what it is about does not depend on the kernel's version, and an emulated CPU takes minutes for it
load helpers
load network

# As many as are asked for, 64 at least.
count=${SC_MANY:-64}

@test "many containers, 64 starts at a time: each has an address of its own, the gateway, and its neighbour by name" {
    sc_ok network create --subnet 10.60.0.0/23 front
    seq "$count" | xargs -P 64 -I @ "$SC" run -d --cap-add NET_RAW --name c@ --network front base sleep 1000 >/dev/null
    is "$("$SC" network inspect front | jq -r '.[0].Containers[].IPv4Address' | sort -u | wc -l)" "$count"
    is "$(at "$host" ip -o link | grep -c 'master sc-.*state UP')" "$count"
    # each asks its neighbour by name; the last one the first
    seq "$count" | xargs -P 8 -I @ sh -c '"$0" exec c@ sh -c "ping -q -c 1 -W 10 10.60.0.1 && ping -q -c 1 -W 10 c$((@ % $1 + 1))"' \
        "$SC" "$count" >"$BATS_TEST_TMPDIR/pings"
    is "$(grep -c '1 packets received' "$BATS_TEST_TMPDIR/pings")" $((count * 2))
    seq "$count" | sed 's/^/c/' | xargs -P 4 -n 25 "$SC" rm -f >/dev/null
}
