#!/usr/bin/env bats
# sc ns for an ordinary user: what it may do, and what it is told it cannot see.
load ../helpers

@test "rootless: ns ls lists what may be seen, and says that there is more" {
    run_sc ns ls -n -o TYPE,PID -p $$
    expect 0
    is "$(awk '{ print $1 }' <<<"$output" | sort | xargs)" 'cgroup ipc mnt net pid time user uts'
    is "$stderr" "" # nothing of that process is hidden
    run_sc ns ls -n
    expect 0
    matches "$stderr" '^sc: note: the namespaces of [0-9]+ process(es)? cannot be seen by this user: ask as root$'
    run_sc ns ls -p 1
    expect_error 1 "another user's"
    run_sc ns enter -n 1 true
    expect_error 1 "run as root"
}

@test "rootless: ns unshare maps the caller alone, or the ranges of /etc/subuid too" {
    sc_ok ns unshare -r -n -m --fork --pid --mount-proc sh -c 'id -u; echo /proc/[0-9]*; cat /proc/self/uid_map'
    is "$(tr -s ' ' <<<"$output" | head -2)" "$(printf '0\n/proc/1')"
    is "$(tail -1 <<<"$output" | tr -s ' ')" " 0 $(id -u) 1"
    sc_ok ns unshare --map-auto -r cat /proc/self/uid_map
    is "$(tr -s ' ' <<<"$output")" "$(unshare --map-auto -r cat /proc/self/uid_map | tr -s ' ')"
    sc_ok ns unshare --map-users=auto --map-groups=auto cat /proc/self/uid_map /proc/self/gid_map
    is "$output" "$(unshare --map-users=auto --map-groups=auto cat /proc/self/uid_map /proc/self/gid_map)"
    run_sc ns unshare --net true
    expect_error 1 'operation not permitted; without root a user namespace comes with them'
}
