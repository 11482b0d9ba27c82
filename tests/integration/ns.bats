#!/usr/bin/env bats
# sc ns: what lsns, unshare and nsenter of util-linux say is what it has to say.
load helpers

setup()
{
    sc_setup
    cd "$BATS_TEST_TMPDIR"
}

# Of a tool's JSON: one line for each namespace, without the counts of processes that change meanwhile.
facts()
{
    jq -r '.namespaces[] | [.ns, .type, .pid, .uid, .pns, .ons] | map(tostring) | join(" ")' | sort
}

@test "ns ls: the namespaces of a process are those that lsns lists, with parent and owner" {
    local pid
    sc_ok run -d --name box --uidmap 0:100000:65536 --gidmap 0:100000:65536 base sleep 1000
    pid=$(container_pid box)
    sc_ok ns ls --json -p "$pid" -o NS,TYPE,PID,UID,PNS,ONS
    is "$(facts <<<"$output")" "$(lsns -J -p "$pid" -o NS,TYPE,PID,UID,PNS,ONS | facts)"
    # the container's own are owned by its user namespace, whose parent is the host's
    local user
    user=$(jq -r '.namespaces[] | select(.type == "user") | .ns' <<<"$output")
    is "$(jq -r --argjson user "$user" '[.namespaces[] | select(.ons == $user) | .type] | sort | join(" ")' <<<"$output")" \
        'cgroup ipc mnt net pid uts'
    is "$(jq -r '.namespaces[] | select(.type == "user") | .pns' <<<"$output")" "$(stat -Lc %i /proc/self/ns/user)"
}

@test "ns ls: a container's are shown by its name, and only its own bear it" {
    sc_ok run -d --name box base sleep 1000
    sc_ok ns ls -n -r -o TYPE,NPROCS,CONTAINER,COMMAND box
    is "$(awk '$3 == "box"' <<<"$output" | sort)" "$(printf '%s 1 box sleep\\x201000\n' cgroup ipc mnt net pid uts)"
    # user and time are the host's
    is "$(awk '$3 != "box" { print $1 }' <<<"$output" | sort | xargs)" 'time user'
    sc_ok ns ls -t net -t mount -n -o TYPE box
    is "$(sort <<<"$output" | xargs)" 'mnt net'
    sc_ok ns ls "$(stat -Lc %i "/proc/$(container_pid box)/ns/pid")"
    matches "$(sed -n 2p <<<"$output")" "^ *$(container_pid box) +[0-9]+ root +sleep 1000\$"
}

@test "ns ls --tree: a namespace stands below its owner, a pid namespace below its parent" {
    local pid
    sc_ok run -d --name box --uidmap 0:100000:65536 --gidmap 0:100000:65536 base sleep 1000
    pid=$(container_pid box)
    sc_ok ns ls --tree -o NS
    matches "$output" "─$(stat -Lc %i "/proc/$pid/ns/user")"
    matches "$output" "(│| ) (├|└)─$(stat -Lc %i "/proc/$pid/ns/net")"
    sc_ok ns ls --tree=parent -t pid -n -o NS
    matches "$output" "(├|└)─$(stat -Lc %i "/proc/$pid/ns/pid")"
    sc_ok ns ls --tree=process -t net -n -o NS
    matches "$output" "(├|└)─$(stat -Lc %i "/proc/$pid/ns/net")"
    sc_ok ns ls -Tparent -t pid -n -o NS
    matches "$output" "(├|└)─$(stat -Lc %i "/proc/$pid/ns/pid")"
    sc_fails 1 ns ls --tree=sideways
}

@test "ns ls: one that only a bind mount keeps is listed" {
    touch kept
    sc_ok ns unshare --net=kept true
    local ino
    ino=$(stat -c %i kept)
    sc_ok ns ls -t net -n -r -o NS,NPROCS,NSFS
    umount kept
    grep -Fx "$ino 0 $PWD/kept" <<<"$output"
}

@test "ns ls -t net: the id that a network namespace has for another, and where it is kept" {
    # shellcheck disable=SC2016 # the inner shell's
    run unshare -nm sh -ec '
        mount -t tmpfs none /run
        ip netns add named
        ip netns add other
        ip netns set named 7
        "$SC" ns ls -t net 2>/dev/null | sed -n 1p
        "$SC" ns ls -t net -n -r -o NS,NETNSID,NSFS >all 2>/dev/null
        for name in named other; do grep "^$(stat -c %i /run/netns/$name) " all; done'
    is "$status" 0
    is "$(sed -n 1p <<<"$output" | xargs)" 'NS TYPE NPROCS PID USER NETNSID NSFS CONTAINER COMMAND'
    is "$(sed 1d <<<"$output" | cut -d" " -f 2-)" $'7 /run/netns/named\nunassigned /run/netns/other'
}

@test "ns ls --output-all, -W: as lsns takes them" {
    sc_ok ns ls --output-all -W -p $$
    is "$(head -n 1 <<<"$output" | xargs)" 'NS TYPE PATH NPROCS PID PPID COMMAND UID USER NETNSID NSFS PNS ONS CONTAINER'
}

@test "ns ls: bad input" {
    run_sc ns ls -o NS,WHAT
    expect_error 1 'unknown column "WHAT"'
    run_sc ns ls -t netns
    expect_error 1 '"netns"'
    run_sc ns ls nobody
    expect_error 1 'no such container: "nobody"'
    run_sc ns ls -p 99999999
    expect_error 1 'no process 99999999'
    run_sc ns ls 1
    expect_error 1 'no process is in a namespace 1'
}

# Both programs, with the same arguments: output and status must be the same.
same_unshare()
{
    local theirs theirs_status=0
    theirs=$(unshare "$@" 2>/dev/null) || theirs_status=$?
    run_sc ns unshare "$@"
    is "$status" "$theirs_status"
    is "$output" "$theirs"
}

@test "ns unshare: each flag does what unshare's does" {
    same_unshare -r sh -c 'id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups'
    same_unshare -U sh -c 'cat /proc/self/uid_map /proc/self/setgroups'
    same_unshare -c cat /proc/self/uid_map /proc/self/gid_map
    same_unshare --map-user=7 --map-group=8 cat /proc/self/uid_map /proc/self/gid_map
    same_unshare --map-user=7 cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups
    same_unshare --map-group=8 cat /proc/self/uid_map /proc/self/gid_map /proc/self/setgroups
    same_unshare --user --setgroups deny cat /proc/self/setgroups
    same_unshare -r -T --monotonic 5 --boottime=-3 cat /proc/self/timens_offsets
    same_unshare -f -p --mount-proc sh -c 'echo $$; ls -d /proc/[0-9]*'
    same_unshare -u sh -c 'hostname inside; hostname'
    same_unshare -m grep -c shared: /proc/self/mountinfo
    same_unshare -m --propagation shared grep -c ' / / .*shared:' /proc/self/mountinfo
    same_unshare --propagation=slave -m grep -c shared: /proc/self/mountinfo
    same_unshare -n sh -c 'ls /sys/class/net | wc -l; ip -o link | wc -l'
    same_unshare -S 1 -G 2 sh -c 'id -u; id -g; id -G'
    same_unshare -R / -w /usr pwd
    same_unshare -i ipcs -q
    same_unshare -C cat /proc/self/cgroup
}

@test "ns unshare: ranges of ids, with a hole for the caller" {
    sc_ok ns unshare --map-users 100000,0,10 --map-groups 200000,0,20 -r cat /proc/self/uid_map /proc/self/gid_map
    is "$(tr -s ' ' <<<"$output")" "$(printf ' 0 0 1\n 1 100000 9\n 0 0 1\n 1 200000 19')"
}

@test "ns unshare: the program's exit status, and the signal it died by" {
    same_unshare -r sh -c 'exit 7'
    same_unshare -f sh -c 'exit 7'
    same_unshare -f sh -c 'kill -TERM $$'
    same_unshare -f -p --kill-child sh -c 'exit 3'
    same_unshare "$PWD/nothing"
    same_unshare /
    same_unshare -R "$PWD/nothing" true
    same_unshare --fork true
    run_sc ns unshare no-such-program
    expect_error 127 'execute "no-such-program": no such file or directory'
}

@test "ns unshare --kill-child: the child goes with sc" {
    "$SC" ns unshare -f -p --kill-child sh -c 'echo up >&3; exec sleep 1000' 3>"$PWD/up" &
    local parent=$! child
    wait_until grep -q up up
    child=$(pgrep -P "$parent")
    [ -n "$child" ]
    kill -KILL "$parent"
    wait_until has_ended "$child"
}

@test "ns unshare: namespaces kept by files, mount and pid among them" {
    mkdir keep
    mount --bind keep keep
    mount --make-private keep
    touch keep/{mnt,pid,uts,net}
    # A mount namespace may only be bound in an older one; Linux 6.18 tells by numbers that each CPU takes from its own stock,
    # so it may take a young one for old. What was bound before that is taken back.
    wait_until "$SC" ns unshare --mount=keep/mnt --uts=keep/uts --net=keep/net hostname kept
    is "$(grep -c " $PWD/keep/" /proc/self/mountinfo)" 3
    sc_ok ns enter --uts=keep/uts hostname
    is "$output" kept
    is "$(nsenter --uts=keep/uts hostname)" kept
    sc_ok ns enter -n"$PWD/keep/net" -m="$PWD/keep/mnt" readlink /proc/self/ns/net
    is "$output" "net:[$(stat -c %i keep/net)]"
    umount keep/mnt keep/uts keep/net
    umount keep
}

@test "ns unshare: bad input is one line" {
    while IFS='|' read -r code args says; do
        # shellcheck disable=SC2086  # words
        run_sc ns unshare $args
        expect_error "$code" "$says"
    done <<'END'
1|--propagation sideways true|"sideways" is not private, shared, slave or unchanged
1|--setgroups maybe true|"maybe" is not allow or deny
1|--map-users 1,2 true|"1,2" is not OUTER,INNER,COUNT
1|--map-user nobody-here true|nobody-here
1|-S nobody-here true|this host has no user "nobody-here"
1|-n/no/such/file true|a bind mount on "/no/such/file": no such file
1|--kill-child=WHAT true|WHAT
1|--boottime soon true|soon
1|--monotonic 5 true|need a time namespace
1|-r --setgroups allow true|contradict
1|-R /no/such true|change the root to "/no/such": no such file
1|-w /no/such true|change to "/no/such": no such file
1|-f --mount-proc=/no/such true|"/no/such"
END
}

same_enter()
{
    local pid=$1 theirs theirs_status=0
    shift
    theirs=$(nsenter -t "$pid" "$@" 2>/dev/null) || theirs_status=$?
    run_sc ns enter -t "$pid" "$@"
    is "$status" "$theirs_status"
    is "$output" "$theirs"
}

@test "ns enter: any subset, as nsenter does" {
    local pid
    sc_ok run -d --name box --hostname boxed -w /tmp base sleep 1000
    pid=$(container_pid box)
    same_enter "$pid" -u hostname
    same_enter "$pid" -n readlink /proc/self/ns/net
    same_enter "$pid" -m ls /
    same_enter "$pid" -a ps -o comm
    same_enter "$pid" -p -m sh -c 'echo in'
    same_enter "$pid" --root ls /
    same_enter "$pid" --root --wd pwd
    same_enter "$pid" -m -W /etc pwd
    same_enter "$pid" -n -S 3 -G 4 id -u
    same_enter "$pid" -C -i cat /proc/self/cgroup
    same_enter "$pid" -p -F sh -c 'echo out'
    same_enter "$pid" -a sh -c 'exit 9'
    same_enter "$pid" -a sh -c 'kill -KILL $$'
    same_enter "$pid" -m /no/such
    same_enter "$pid" -m /etc
}

@test "ns enter: by a container's name, with all of its namespaces" {
    sc_ok run -d --name box --hostname boxed --uidmap 0:100000:65536 --gidmap 0:100000:65536 base sleep 1000
    sc_ok ns enter box sh -c 'hostname; id -u; ls /proc | grep -c "^[0-9]"'
    is "$output" "$(printf 'boxed\n0\n4')"
    sc_ok ns enter -u box hostname
    is "$output" boxed
    sc_ok ns enter "$(container_pid box)" hostname
    is "$output" boxed
    run_sc ns enter nobody true
    expect_error 1 'no such container: "nobody"'
    sc_ok create --name idle base true
    run_sc ns enter idle true
    expect_error 1 'container "idle" is not running'
    run_sc ns enter -n
    expect_error 1 'Name a container or a pid'
    run_sc ns enter --net=/etc/passwd true
    expect_error 1 'it is no network namespace'
}

@test "ns diff: says which are shared, 1 when any is not, 2 when it cannot tell" {
    sc_ok run -d --name one base sleep 1000
    sc_ok run -d --name two --network container:one base sleep 1000
    run_sc ns diff one two
    expect 1
    is "$(awk '$4 == "same" { print $1 }' <<<"$output" | sort | xargs)" 'net time user'
    is "$(awk '/differs/ { print $1 }' <<<"$output" | sort | xargs)" 'cgroup ipc mnt pid uts'
    run_sc ns diff one "$(container_pid one)"
    expect 0
    run_sc ns diff one three
    expect_error 2 'no such container: "three"'
}
