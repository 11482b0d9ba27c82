#!/usr/bin/env bats
# --network cni:NAME, with Debian's plugins.
# no-vm: the emulated machine has no modules of bridges and nftables yet
load helpers
load network

# Configurations of the test's own; leases of host-local too.
conf()
{
    mkdir -p "$BATS_TEST_TMPDIR/net.d"
    export NETCONFPATH=$BATS_TEST_TMPDIR/net.d CNI_PATH=/usr/lib/cni
    cat >"$NETCONFPATH/$1"
}

bridge_conf()
{
    conf 10-lab.conflist <<END
{ "cniVersion": "0.4.0", "name": "lab", "plugins": [
  { "type": "bridge", "bridge": "cni9", "isGateway": true, "ipMasq": false, "hairpinMode": true,
    "dns": { "nameservers": ["192.0.2.53"], "search": ["lab.example"] },
    "ipam": { "type": "host-local", "dataDir": "$BATS_TEST_TMPDIR/ipam", "ranges": [[{ "subnet": "10.88.9.0/24" }]],
              "routes": [{ "dst": "0.0.0.0/0" }] } },
  { "type": "tuning", "mtu": 1400 } ] }
END
}

leases()
{
    find "$BATS_TEST_TMPDIR/ipam/lab" -name '10.88.9.*' -printf '%f\n' 2>/dev/null | sort
}

has_leases()
{
    [ "$(leases)" = "$1" ]
}

no_leases()
{
    [ -z "$(leases)" ]
}

@test "cni: a chain of bridge, host-local and tuning; the address is in inspect and hosts; DEL at the end" {
    bridge_conf
    serve web there --network cni:lab --hostname web
    is "$("$SC" inspect -f '{{.HostConfig.NetworkMode}} {{.NetworkSettings.IPAddress}} {{.NetworkSettings.IPPrefixLen}} {{.NetworkSettings.Gateway}}' web)" \
        'cni:lab 10.88.9.2 24 10.88.9.1'
    sc_ok exec web ip -4 -o addr show eth0
    expect_output '10.88.9.2/24'
    matches "$("$SC" exec web ip link show eth0)" 'mtu 1400'
    is "$("$SC" inspect -f '{{.NetworkSettings.MacAddress}}' web)" "$("$SC" exec web cat /sys/class/net/eth0/address)"
    matches "$("$SC" exec web cat /etc/hosts)" $'10.88.9.2\tweb'
    is "$("$SC" exec web cat /etc/resolv.conf | paste -sd,)" 'nameserver 192.0.2.53,search lab.example'
    is "$("$SC" run --rm --network cni:lab --dns 192.0.2.54 base grep nameserver /etc/resolv.conf)" 'nameserver 192.0.2.54'
    wait_until has_leases 10.88.9.2
    is "$(ask "$host" 10.88.9.2 80)" there
    is "$(leases)" 10.88.9.2
    sc_ok run -d --name other --network cni:lab base sleep 1000
    is "$(ask_in other 10.88.9.2 80)" there
    "$SC" rm -f web other >/dev/null
    wait_until no_leases
    sc_ok run --rm --network cni:lab base ip route
    expect_output 'default via 10.88.9.1 dev eth0'
    wait_until no_leases
}

@test "cni: after a kill of the monitor the next command runs DEL; a chain that fails is taken back" {
    bridge_conf
    sc_ok run -d --name cc --network cni:lab base sleep 1000
    pid=$(container_pid cc)
    monitor=$(awk '/^PPid/{print $2}' "/proc/$pid/status")
    kill -9 "$monitor"
    wait_until has_ended "$pid"
    is "$(leases)" 10.88.9.2
    # the plugins are found by what was saved, not by what the environment says now
    unset CNI_PATH NETCONFPATH
    "$SC" ps -a >/dev/null
    wait_until no_leases
    conf 20-bad.conflist <<END
{ "cniVersion": "0.4.0", "name": "bad", "plugins": [
  { "type": "bridge", "bridge": "cni9", "ipam": { "type": "host-local", "dataDir": "$BATS_TEST_TMPDIR/ipam",
    "ranges": [[{ "subnet": "10.88.9.0/24" }]] } },
  { "type": "tuning", "sysctl": { "net.ipv4.nosuch": "1" } } ] }
END
    run_sc run --rm --network cni:bad base true
    expect_error 125 'CNI plugin "tuning", ADD'
    is "$(find "$BATS_TEST_TMPDIR/ipam" -name '10.88.9.*')" ''
}

@test "cni: macvlan from a single .conf; explain; what is wrong is one line" {
    conf 30-mac.conf <<END
{ "cniVersion": "0.3.1", "name": "mac", "type": "macvlan", "master": "ext0", "capabilities": { "ips": true },
  "ipam": { "type": "host-local", "dataDir": "$BATS_TEST_TMPDIR/ipam", "ranges": [[{ "subnet": "203.0.113.0/24" }]] } }
END
    sc_ok run --rm --network cni:mac --ip 203.0.113.77 base ip -4 -o addr show eth0
    expect_output '203.0.113.77/24'
    bridge_conf
    sc_ok run --rm --explain --network cni:lab base true
    expect_stderr 'run hooks: createRuntime'
    run_sc run --rm --network cni:nosuch base true
    expect_error 125 'no such CNI network: "nosuch"'
    run_sc run --rm --network cni:lab -p 8080:80 base true
    expect_error 125 'none of its plugins publishes ports'
    CNI_PATH=/nowhere run_sc run --rm --network cni:lab base true
    expect_error 125 'its plugin "bridge" is in none of "/nowhere"'
    no_leases
}

@test "cni: portmap gets the ports, and port, ps and inspect show them" {
    bridge_conf
    jq '.plugins += [{ "type": "portmap", "capabilities": { "portMappings": true } }]' "$NETCONFPATH/10-lab.conflist" \
        >"$BATS_TEST_TMPDIR/list"
    mv "$BATS_TEST_TMPDIR/list" "$NETCONFPATH/10-lab.conflist"
    serve web there --network cni:lab -p 8080:80
    is "$("$SC" port web)" '80/tcp -> 0.0.0.0:8080'
    matches "$("$SC" ps --format '{{.Ports}}')" '0.0.0.0:8080->80/tcp'
    is "$(ask "$outside" 203.0.113.1 8080)" there
    run_sc run --rm -p 8080:80 base true
    expect_error 125 'port is already allocated by container'
    "$SC" rm -f web >/dev/null
    wait_until no_leases
    is "$(ask "$outside" 203.0.113.1 8080)" ''
}

# A restart of the host: nothing runs, and /run is empty.
restart_host()
{
    local pid id
    pid=$(container_pid "$1")
    id=$("$SC" inspect -f '{{.Id}}' "$1")
    kill -9 "$(awk '/^PPid/{print $2}' "/proc/$pid/status")"
    wait_until has_ended "$pid"
    find "$SC_RUN_ROOT" -mindepth 1 -delete
    find /sys/fs/cgroup -depth -type d -path "*/$id*" -exec rmdir {} +
}

@test "cni: after a restart of the host the next command runs DEL, be it rm" {
    bridge_conf
    sc_ok run -d --name cc --network cni:lab base sleep 1000
    restart_host cc
    is "$(leases)" 10.88.9.2
    "$SC" ps -a >/dev/null
    no_leases
    sc_ok start cc
    restart_host cc
    sc_ok rm cc
    no_leases
}

@test "cni: firewall, bandwidth and tuning do their part, and take it back" {
    bridge_conf
    rules() { at "$host" iptables-save | grep -c 'CNI-FORWARD .*10\.88\.9\.2' || :; }
    jq '.plugins += [{ "type": "firewall" }, { "type": "bandwidth", "ingressRate": 8000000, "ingressBurst": 800000 },
        { "type": "tuning", "sysctl": { "net.core.somaxconn": "500" } }]' "$NETCONFPATH/10-lab.conflist" >"$BATS_TEST_TMPDIR/list"
    mv "$BATS_TEST_TMPDIR/list" "$NETCONFPATH/10-lab.conflist"
    sc_ok run -d --name cc --network cni:lab base sleep 1000
    is "$(rules)" 2
    is "$(at "$host" tc qdisc | grep -c 'tbf .* rate 8Mbit')" 1
    is "$("$SC" exec cc cat /proc/sys/net/core/somaxconn)" 500
    "$SC" rm -f cc >/dev/null
    wait_until no_leases
    is "$(rules)" 0
}

# plugin NAME COMMANDS: the test's own, the second of the chain
plugin()
{
    mkdir -p "$BATS_TEST_TMPDIR/cni"
    # shellcheck disable=SC2016 # the plugin's own
    printf '#!/bin/sh\ncat >/dev/null\n[ "$CNI_COMMAND" = ADD ] || exit 0\n%s\n' "$2" >"$BATS_TEST_TMPDIR/cni/$1"
    chmod +x "$BATS_TEST_TMPDIR/cni/$1"
    bridge_conf
    export CNI_PATH=/usr/lib/cni:$BATS_TEST_TMPDIR/cni
    jq --arg type "$1" '.plugins[1] = { type: $type }' "$NETCONFPATH/10-lab.conflist" >"$BATS_TEST_TMPDIR/list"
    mv "$BATS_TEST_TMPDIR/list" "$NETCONFPATH/10-lab.conflist"
}

@test "cni: what a plugin says of its failure is one line, and the chain is taken back" {
    local row
    local -a rows=(
        "printf %s '{\"cniVersion\":\"0.4.0\",\"code\":11,\"msg\":\"try\\nagain\",\"details\":\"later\"}'; exit 1" 'try again: later'
        'echo no object; exit 1' 'no object'
        'echo why >&2; echo more >&2; exit 1' 'why'
        'kill -9 $$' 'it was killed by signal 9'
        'exit 3' 'it failed and said nothing'
        'echo nonsense' 'parse its answer: line 1, column 1: a value is expected'
    )
    for ((row = 0; row < ${#rows[@]}; row += 2)); do
        plugin odd "${rows[row]}"
        run_split "$SC" run --rm --network cni:lab base true
        is "$status:$stderr" "125:sc: --network cni:lab: CNI plugin \"odd\", ADD: ${rows[row + 1]}"
        no_leases
    done
}
