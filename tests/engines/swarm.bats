#!/usr/bin/env bats
# Two dockerd nodes, each in a network namespace of its own, one swarm, with this runtime as their default.
load helpers

setup()
{
    engine_setup
    NODES=()
    for i in 1 2; do
        ip netns add "node$i"
        ip -n "node$i" link set lo up
    done
    ip -n node1 link add to2 type veth peer name to1 netns node2
    ip -n node1 address add 10.77.0.1/24 dev to2
    ip -n node2 address add 10.77.0.2/24 dev to1
    ip -n node1 link set to2 up
    ip -n node2 link set to1 up
    for i in 1 2; do
        # only the network: `ip netns exec` would also mount a new /sys, without the cgroups
        printf '#!/bin/sh\nexec nsenter --net=/run/netns/node%s unshare --uts sh -c '\''hostname node%s; exec "$@"'\'' sh "$@"\n' "$i" "$i" >"$BATS_TEST_TMPDIR/in$i"
        chmod +x "$BATS_TEST_TMPDIR/in$i"
        DOCKER_IN=$BATS_TEST_TMPDIR/in$i docker_up "$BATS_TEST_TMPDIR/node$i" --default-address-pool "base=10.$((i + 100)).0.0/16,size=24"
        on "$i" import -c 'ENV PATH=/bin' "$ENGINE_IMAGE" base >/dev/null
    done
}

teardown()
{
    local status=0 i
    for i in 1 2; do
        kill_node "$i"
        ip netns pids "node$i" | xargs -r kill -KILL
        ip netns delete "node$i"
    done
    # what a node that was killed had mounted, and its containers' cgroups
    awk -v dir="$BATS_TEST_TMPDIR/" 'index($5, dir) == 1 || $5 ~ "^/run/docker-node" { print $5 }' /proc/self/mountinfo | sort -r | xargs -r umount -l
    find /sys/fs/cgroup -depth -type d -path '*/docker*' -exec rmdir {} + 2>/dev/null || true
    engine_teardown || status=1
    [ -n "${BATS_TEST_COMPLETED:-}" ] && [ $status -eq 0 ] || for i in 1 2; do show_log "$BATS_TEST_TMPDIR/node$i/log"; done
    return $status
}

# on NODE ARG...: docker at that node
on()
{
    "$BATS_TEST_TMPDIR/node$1/d" "${@:2}"
}

# As a machine that lost power: the daemons and the containers at once.
kill_node()
{
    local pid
    for pid in "$BATS_TEST_TMPDIR/node$1/pid" "/run/docker-node$1/containerd/containerd.pid"; do
        [ ! -e "$pid" ] || kill -KILL "$(cat "$pid")" 2>/dev/null || true
    done
    for pid in $(pgrep -f "containerd-shim.*/run/docker-node$1/"); do
        pkill -KILL -P "$pid" || true
        kill -KILL "$pid" || true
    done
}

# running SERVICE NODE COUNT
running()
{
    [ "$(on 1 service ps -f desired-state=running --format '{{.Node}} {{.CurrentState}}' "$1" | grep -c "^node$2 Running")" -eq "$3" ]
}

fetch()
{
    [ "$(nsenter --net=/run/netns/node1 busybox nc "$1" 8080 </dev/null)" = hello ]
}

@test "swarm: a replicated service on two nodes; one dies, its tasks start on the other" {
    ok on 1 swarm init --advertise-addr 10.77.0.1 --dispatcher-heartbeat 1s
    ok on 2 swarm join --advertise-addr 10.77.0.2 --token "$(on 1 swarm join-token -q worker)" 10.77.0.1:2377
    is "$(on 1 node ls --format '{{.Hostname}} {{.Status}}' | sort)" $'node1 Ready\nnode2 Ready'

    # one task with the port on each node, and four without
    ok on 1 service create -d --name web --replicas 2 --endpoint-mode dnsrr --publish mode=host,target=8000,published=8080 --limit-memory 48m \
        base sh -c 'while :; do echo hello | nc -l -p 8000; done'
    ok on 1 service create -d --name worker --replicas 4 --endpoint-mode dnsrr base sleep 1000
    for i in 1 2; do
        wait_until running web "$i" 1
        wait_until running worker "$i" 2
        wait_until fetch "10.77.0.$i"
        container=$(on "$i" ps -q -f name=web)
        is "$(on "$i" inspect -f '{{.HostConfig.Runtime}}' "$container")" tested
        is "$(limit "$(on "$i" inspect -f '{{.State.Pid}}' "$container")" memory.max memory memory.limit_in_bytes)" 50331648
    done

    ok on 1 service update -d --force --update-parallelism 4 worker
    wait_until running worker 1 2
    wait_until running worker 2 2

    kill_node 2
    wait_until running worker 1 4
    is "$(on 1 node ls --format '{{.Hostname}} {{.Status}}' | sort)" $'node1 Ready\nnode2 Down'
    ok fetch 10.77.0.1

    ok on 1 service rm web worker
    all_gone()
    {
        [ -z "$(on 1 ps -aq)" ]
    }
    wait_until all_gone
    ok on 1 swarm leave --force
}
