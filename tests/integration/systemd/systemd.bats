#!/usr/bin/env bats
# The systemd cgroup driver where systemd is PID 1 (tests/vm/suite --systemd boots that): what systemctl, systemd-cgls and
# the kernel say of the container. On pure v2 and on systemd's hybrid hierarchies.
load ../helpers

setup()
{
    sc_setup
    b=$BATS_TEST_TMPDIR/bundle
    oci=(--root "$SC_RUN_ROOT/oci" --systemd-cgroup)
}

teardown()
{
    # So that one failure is not also every later test's.
    "$SC_OCI" "${oci[@]}" list -q 2>/dev/null | xargs -r -n 1 "$SC_OCI" "${oci[@]}" delete --force || true
    sc_teardown
}

# detached ID [JQ]: a container that sleeps
detached()
{
    make_bundle "$b" "(.process.args = [\"sleep\", \"1000\"]) | (${2:-.})"
    "$SC_OCI" "${oci[@]}" run -d --bundle "$b" "$1" </dev/null >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- ||
        { cat "$BATS_TEST_TMPDIR/said" && return 1; }
}

oci_pid() { "$SC_OCI" "${oci[@]}" state "$1" | jq -e .pid; }

# What systemd holds: shown UNIT PROPERTY
shown() { systemctl show "$1" --value -p "$2"; }

is_loaded() { [ "$(shown "$1" LoadState)" = loaded ]; }
is_gone() { [ "$(shown "$1" LoadState)" = not-found ]; }

# of_version V2 V1: the name of a property
of_version() { if [ "$(cgroup_mode)" = v2 ]; then echo "$1"; else echo "$2"; fi; }

@test "systemd: the container is a scope in its slice, and gone with it" {
    detached one '.linux.cgroupsPath = "sc-test.slice:pre:one"'
    is "$(shown pre-one.scope ActiveState)" active
    is "$(shown pre-one.scope Slice)" sc-test.slice
    is "$(shown pre-one.scope ControlGroup)" /sc.slice/sc-test.slice/pre-one.scope
    is "$(shown pre-one.scope Delegate)" yes
    is "$(shown pre-one.scope DefaultDependencies)" no
    is "$(shown pre-one.scope Transient)" yes
    # It and nothing else: the process that held the place has left.
    run systemd-cgls --no-pager -u pre-one.scope
    expect_output "$(oci_pid one) sleep 1000"
    is "$(cat "$(cgroup_dir "$(oci_pid one)" memory)/cgroup.procs")" "$(oci_pid one)"
    run_oci "${oci[@]}" delete --force one
    expect 0
    is_gone pre-one.scope
    [ -z "$(find /sys/fs/cgroup -name pre-one.scope)" ]
    systemctl stop sc-test.slice sc.slice
    # Parents stay, as with any driver; of v1 hierarchies that it does not use systemd removes none.
    find /sys/fs/cgroup -depth -type d -path '*/sc.slice*' -exec rmdir {} +
}

@test "systemd: without a path it is sc-ID.scope in system.slice" {
    detached "plain+$$"
    is "$(shown "sc-plain\\x2b$$.scope" Slice)" system.slice
    local pid
    pid=$(oci_pid "plain+$$")
    # in every hierarchy
    is "$(grep -c "/system.slice/sc-plain" "/proc/$pid/cgroup")" "$(grep -c . "/proc/$pid/cgroup")"
}

@test "systemd: limits are its properties and the kernel's values" {
    detached lim '.linux.resources = {memory: {limit: 67108864}, cpu: {shares: 512, quota: 20000, period: 50000}, pids: {limit: 50}}'
    local pid
    pid=$(oci_pid lim)
    is "$(shown sc-lim.scope "$(of_version MemoryMax MemoryLimit)")" 67108864
    is "$(shown sc-lim.scope "$(of_version CPUWeight CPUShares)")" "$(of_version 59 512)"
    is "$(shown sc-lim.scope CPUQuotaPerSecUSec)" 400ms
    is "$(shown sc-lim.scope CPUQuotaPeriodUSec)" 50ms
    is "$(shown sc-lim.scope TasksMax)" 50
    is "$(cgroup_value "$pid" memory.max memory memory.limit_in_bytes)" 67108864
    is "$(cgroup_value "$pid" cpu.max cpu cpu.cfs_quota_us)" "$(of_version "20000 50000" 20000)"
    is "$(cgroup_value "$pid" pids.max pids pids.max)" 50
}

@test "systemd: limits that only v2 has a property for" {
    [ "$(cgroup_mode)" = v2 ] || skip "cgroup v1"
    detached two '.linux.resources = {memory: {limit: 67108864, swap: 100663296, reservation: 33554432},
        cpu: {cpus: "0-1", mems: "0"}, unified: {"memory.high": "50331648"}, hugepageLimits: [{pageSize: "2MB", limit: 0}]}'
    is "$(shown sc-two.scope MemorySwapMax)" 33554432
    is "$(shown sc-two.scope MemoryLow)" 33554432
    is "$(shown sc-two.scope MemoryHigh)" 50331648
    is "$(shown sc-two.scope AllowedCPUs)" 0-1
    is "$(shown sc-two.scope AllowedMemoryNodes)" 0
    is "$(cgroup_value "$(oci_pid two)" memory.swap.max memory "")" 33554432
    # systemd has no property for it: the file is written
    is "$(cgroup_value "$(oci_pid two)" hugetlb.2MB.max hugetlb "")" 0
}

@test "systemd: update tells both, and they outlive daemon-reload" {
    detached upd '.linux.resources = {memory: {limit: 67108864}, pids: {limit: 50}}'
    run_oci "${oci[@]}" update --memory 134217728 --pids-limit 77 upd
    expect 0
    is "$(shown sc-upd.scope "$(of_version MemoryMax MemoryLimit)")" 134217728
    is "$(shown sc-upd.scope TasksMax)" 77
    systemctl daemon-reload
    is "$(cgroup_value "$(oci_pid upd)" memory.max memory memory.limit_in_bytes)" 134217728
    is "$(cgroup_value "$(oci_pid upd)" pids.max pids pids.max)" 77
    # and the other way: the scope is an ordinary one to systemd
    systemctl set-property --runtime sc-upd.scope TasksMax=33
    is "$(cgroup_value "$(oci_pid upd)" pids.max pids pids.max)" 33
}

@test "systemd: devices are those of the rules, also after daemon-reload" {
    local major
    major=$((16#$(stat -c %t /dev/vda)))
    detached dev ".linux.resources = {devices: [{allow: false, access: \"rwm\"}, {allow: true, type: \"b\", major: $major, minor: 0, access: \"r\"}]}
        | .mounts += [{destination: \"/tmp\", type: \"tmpfs\", source: \"tmpfs\"}]
        | .process.capabilities.bounding += [\"CAP_MKNOD\"] | .process.capabilities.effective += [\"CAP_MKNOD\"]
        | .process.capabilities.permitted += [\"CAP_MKNOD\"]"
    is "$(shown sc-dev.scope DevicePolicy)" strict
    matches "$(shown sc-dev.scope DeviceAllow)" "/dev/block/$major:0 r"
    for _ in first reloaded; do
        run_oci "${oci[@]}" exec dev sh -c "cd /tmp && rm -f yes no && mknod yes b $major 0 && mknod no c 1 11 && (: <yes) && ! (: <no)"
        expect 0
        expect_stderr "no: Operation not permitted"
        systemctl daemon-reload
    done
}

@test "systemd: annotations set properties, and a bad one makes nothing" {
    detached ann ".annotations = {\"org.systemd.property.TimeoutStopSec\": \"7\",
        \"org.systemd.property.Description\": \"'a box of mine'\", \"org.systemd.property.After\": \"['dbus.socket']\"}"
    is "$(shown sc-ann.scope TimeoutStopUSec)" 7s
    is "$(shown sc-ann.scope Description)" "a box of mine"
    matches "$(shown sc-ann.scope After)" "dbus.socket"
    make_bundle "$b" '.annotations = {"org.systemd.property.TasksMax": "many"}'
    run_oci "${oci[@]}" run --bundle "$b" bad
    expect_error 255 'annotation "org.systemd.property.TasksMax": "many" is not a value'
    # systemd itself refuses what is no property
    make_bundle "$b" '.annotations = {"org.systemd.property.NoSuchThing": "true"}'
    run_oci "${oci[@]}" run --bundle "$b" bad
    expect 255
    expect_stderr 'start unit "sc-bad.scope": '
    is_gone sc-bad.scope
}

@test "systemd: exec, pause, resume, ps and kill reach into the scope" {
    detached verbs
    run_oci "${oci[@]}" exec verbs cat /proc/self/cgroup
    expect 0
    "$SC_OCI" "${oci[@]}" exec -d verbs sleep 2000 </dev/null >/dev/null 2>&1 3>&-
    is "$("$SC_OCI" "${oci[@]}" ps --format json verbs | jq length)" 2
    run_oci "${oci[@]}" pause verbs
    expect 0
    is "$("$SC_OCI" "${oci[@]}" state verbs | jq -r .status)" paused
    run_oci "${oci[@]}" resume verbs
    expect 0
    run_oci "${oci[@]}" kill --all verbs KILL
    expect 0
    wait_until is_gone sc-verbs.scope
    run_oci "${oci[@]}" delete verbs
    expect 0
}

@test "systemd: systemctl stop ends the container" {
    # A process 1 that has no handler for the stop signal would take systemd's 90 seconds to end.
    detached stopme '.process.args = ["sh", "-c", "trap exit TERM; sleep 1000 & wait"]'
    systemctl stop sc-stopme.scope
    is "$("$SC_OCI" "${oci[@]}" state stopme | jq -r .status)" stopped
    run_oci "${oci[@]}" delete stopme
    expect 0
}

@test "systemd: a unit of the name that runs is another's and stays" {
    detached owner '.linux.cgroupsPath = ":pre:same"'
    run_oci "${oci[@]}" run --bundle "$b" thief
    expect_error 255 'start unit "pre-same.scope": '
    is "$(shown pre-same.scope ActiveState)" active
    is "$("$SC_OCI" "${oci[@]}" state owner | jq -r .status)" running
}

@test "systemd: a scope that failed is reset for the next container" {
    # Its stop is refused a moment's time, so that systemd calls it failed.
    systemd-run --quiet --scope --unit pre-failed --property=TimeoutStopSec=1 sh -c 'trap "" TERM; sleep 1000 & wait' 3>&- &
    wait_until is_loaded pre-failed.scope
    systemctl kill -s KILL pre-failed.scope || true
    systemctl stop pre-failed.scope || true
    detached again '.linux.cgroupsPath = ":pre:failed"'
    is "$(shown pre-failed.scope ActiveState)" active
}

@test "systemd: a start that fails leaves no unit" {
    make_bundle "$b" '.process.args = ["/no/such/program"]'
    run_oci "${oci[@]}" run --bundle "$b" none
    expect 255
    is_gone sc-none.scope
    make_bundle "$b" '.linux.cgroupsPath = "/by/path"'
    run_oci "${oci[@]}" run --bundle "$b" none
    expect_error 255 'expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "/by/path" instead'
    make_bundle "$b" '.linux.cgroupsPath = "no-slice:a:b"'
    run_oci "${oci[@]}" run --bundle "$b" none
    expect_error 255 'linux.cgroupsPath: "no-slice" is not the name of a slice'
}

@test "systemd: an ordinary user's own systemd makes the scope" {
    [ "$(cgroup_mode)" = v2 ] || skip "cgroup v1"
    systemctl start user@1000.service
    make_bundle "$BATS_TEST_TMPDIR/user" '.process.args = ["sleep", "1000"] | .linux.cgroupsPath = "::mine"
        | .linux.resources = {pids: {limit: 44}} | .linux.namespaces += [{type: "user"}]
        | .linux.uidMappings = [{containerID: 0, hostID: 1000, size: 1}] | .linux.gidMappings = [{containerID: 0, hostID: 1000, size: 1}]
        | del(.mounts[] | select(.destination == "/dev/pts").options[] | select(. == "gid=5"))'
    chown -R 1000:1000 "$BATS_TEST_TMPDIR/user"
    chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_RUN_TMPDIR/file" 2>/dev/null || true
    as_user=(setpriv --reuid=1000 --regid=1000 --clear-groups env XDG_RUNTIME_DIR=/run/user/1000 "$SC_OCI" --root /run/user/1000/oci --systemd-cgroup)
    # To a file: it would keep the pipe of `run` open.
    "${as_user[@]}" run -d --bundle "$BATS_TEST_TMPDIR/user" mine </dev/null >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- ||
        { cat "$BATS_TEST_TMPDIR/said" && return 1; }
    is "$(setpriv --reuid=1000 --regid=1000 --clear-groups env XDG_RUNTIME_DIR=/run/user/1000 systemctl --user show mine.scope --value -p TasksMax)" 44
    pid=$("${as_user[@]}" state mine | jq -e .pid)
    matches "$(cat "/proc/$pid/cgroup")" "^0::/user.slice/user-1000.slice/user@1000.service/user.slice/mine.scope$"
    is "$(cgroup_value "$pid" pids.max pids "")" 44
    run_split "${as_user[@]}" delete --force mine
    expect 0
    [ -z "$(find /sys/fs/cgroup -name mine.scope)" ]
    systemctl stop user@1000.service user-runtime-dir@1000.service user-1000.slice user.slice
}

@test "systemd: an ordinary user updates what the user's systemd limits" {
    [ "$(cgroup_mode)" = v2 ] || skip "cgroup v1"
    local pid home=$BATS_TEST_TMPDIR/home
    systemctl start user@1000.service
    mkdir "$home"
    cp -a "$BATS_SUITE_TMPDIR/rootfs" "$home/rootfs"
    chown -R 1000:1000 "$home"
    chmod 755 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" "$BATS_SUITE_TMPDIR" "$BATS_RUN_TMPDIR/test" "$BATS_RUN_TMPDIR/file" 2>/dev/null || true
    as_user=(setpriv --reuid=1000 --regid=1000 --clear-groups env HOME="$home" XDG_RUNTIME_DIR=/run/user/1000 SC_DATA_ROOT="$home/data"
        SC_RUN_ROOT=/run/user/1000/sc "$SC")
    run_split "${as_user[@]}" run -d --name one --network none --cgroup-manager systemd -m 64m --pids-limit 50 \
        --rootfs "$home/rootfs" sleep 1000
    expect 0
    pid=$("${as_user[@]}" inspect -f '{{.State.Pid}}' one)
    is "$(cgroup_value "$pid" memory.max memory "") $(cgroup_value "$pid" pids.max pids "")" '67108864 50'
    run_split "${as_user[@]}" update -m 32m --memory-swap 32m --pids-limit 40 one
    expect 0
    is "$(cgroup_value "$pid" memory.max memory "") $(cgroup_value "$pid" pids.max pids "")" '33554432 40'
    run_split "${as_user[@]}" rm -f one
    expect 0
    systemctl stop user@1000.service user-runtime-dir@1000.service user-1000.slice user.slice
}

@test "systemd: sc run --cgroup-manager systemd, exec, update and removal" {
    sc_ok run -d --name one --network none --cgroup-manager systemd --cgroup-parent sc-test.slice -m 64m --pids-limit 50 --rootfs "$BATS_SUITE_TMPDIR/rootfs" sleep 1000
    local id unit pid
    id=$("$SC" inspect -f '{{.Id}}' one)
    unit=sc-$id.scope
    pid=$("$SC" inspect -f '{{.State.Pid}}' one)
    is "$(shown "$unit" Slice)" sc-test.slice
    is "$(shown "$unit" TasksMax)" 50
    is "$(cgroup_value "$pid" pids.max pids pids.max)" 50
    sc_ok update --pids-limit 30 one
    is "$(shown "$unit" TasksMax)" 30
    is "$(cgroup_value "$pid" pids.max pids pids.max)" 30
    sc_ok exec one cat /proc/self/cgroup
    sc_ok rm -f one
    is_gone "$unit"
    sc_ok run -d --name two --network none --cgroup-manager auto --rootfs "$BATS_SUITE_TMPDIR/rootfs" sleep 1000
    is "$(shown "sc-$("$SC" inspect -f '{{.Id}}' two).scope" Slice)" system.slice
    sc_ok rm -f two
    run_sc run --rm --cgroup-manager systemd --cgroup-parent /plain --rootfs "$BATS_SUITE_TMPDIR/rootfs" true
    expect_error 125 'it is not the name of a slice'
    systemctl stop sc-test.slice sc.slice
    find /sys/fs/cgroup -depth -type d -path '*/sc.slice*' -exec rmdir {} +
}

@test "systemd: sc run in machine.slice with every limit: what systemctl says, what the kernel has, and update of each" {
    [ "$(cgroup_mode)" = v2 ] || skip "cgroup v1"
    local unit pid
    sc_ok run -d --name one --network none --cgroup-manager systemd --cgroup-parent machine.slice -m 64m --memory-reservation 32m --cpus .5 \
        --pids-limit 50 --cpuset-cpus 0 --rootfs "$BATS_SUITE_TMPDIR/rootfs" sleep 1000
    unit=sc-$("$SC" inspect -f '{{.Id}}' one).scope
    pid=$(container_pid one)
    is "$(shown "$unit" ControlGroup)" "/machine.slice/$unit"
    is "$(shown "$unit" Description)" "sc container $("$SC" inspect -f '{{.Id}}' one)"
    is "$(systemctl show "$unit" -p Slice,Transient,Delegate,CollectMode,TasksMax,CPUQuotaPerSecUSec | sort | paste -sd' ')" \
        'CPUQuotaPerSecUSec=500ms CollectMode=inactive Delegate=yes Slice=machine.slice TasksMax=50 Transient=yes'
    is "$(shown "$unit" "$(of_version MemoryMax MemoryLimit)")" 67108864
    is "$(cgroup_value "$pid" memory.max memory memory.limit_in_bytes)" 67108864
    is "$(cgroup_value "$pid" memory.low memory memory.soft_limit_in_bytes)" 33554432
    is "$(cgroup_value "$pid" cpuset.cpus cpuset cpuset.cpus)" 0
    [ "$(cgroup_mode)" != v2 ] || is "$(shown "$unit" AllowedCPUs) $(shown "$unit" MemoryLow)" '0 33554432'
    sc_ok update -m 128m --memory-swap -1 --cpus .25 --cpuset-cpus 1 --pids-limit 60 one
    is "$(systemctl show "$unit" -p TasksMax,CPUQuotaPerSecUSec | sort | paste -sd' ')" 'CPUQuotaPerSecUSec=250ms TasksMax=60'
    is "$(shown "$unit" "$(of_version MemoryMax MemoryLimit)")" 134217728
    [ "$(cgroup_mode)" != v2 ] || is "$(shown "$unit" AllowedCPUs)" 1
    # systemd writes its properties again
    systemctl daemon-reload
    is "$(cgroup_value "$pid" memory.max memory memory.limit_in_bytes)" 134217728
    is "$(cgroup_value "$pid" cpu.max cpu cpu.cfs_quota_us)" "$(of_version '25000 100000' 25000)"
    is "$(cgroup_value "$pid" cpuset.cpus cpuset cpuset.cpus)" 1
    is "$(cgroup_value "$pid" pids.max pids pids.max)" 60
    # a limit that cannot be: nothing has changed, in neither
    run_sc update --pids-limit 70 --cpuset-cpus 4000 one
    expect_error 1 4000
    is "$(shown "$unit" TasksMax) $(cgroup_value "$pid" pids.max pids pids.max)" '60 60'
    sc_ok rm -f one
    is_gone "$unit"
    systemctl stop machine.slice
    find /sys/fs/cgroup -depth -type d -path '*/machine.slice*' -exec rmdir {} +
}

@test "systemd: memory that was out is known, though systemd removes the scope's cgroup at once" {
    run_sc run --name one --network none --cgroup-manager systemd -m 16m --rootfs "$BATS_SUITE_TMPDIR/rootfs" \
        tail /dev/zero
    [ "$status" -eq 137 ] || fail "status $status: $output"
    is "$("$SC" inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' one)" 'true 137'
    sc_ok rm one
}

@test "systemd: the scope is delegated: cgroups made in it stay over a reload, and exec finds its place" {
    [ "$(cgroup_mode)" = v2 ] || skip "cgroup v1"
    local unit dir
    sc_ok run -d --name one --privileged --network none --cgroup-manager systemd --rootfs "$BATS_SUITE_TMPDIR/rootfs" sh -c '
        d=/sys/fs/cgroup; [ -e $d/cgroup.procs ] || d=$d/pids
        mkdir $d/init $d/part; echo 1 >$d/init/cgroup.procs; [ ! -e $d/cgroup.subtree_control ] || echo +pids >$d/cgroup.subtree_control
        echo 9 >$d/part/pids.max; echo ready; exec sleep 1000'
    wait_until sh -c "\"$SC\" logs one | grep -q ready"
    unit=sc-$("$SC" inspect -f '{{.Id}}' one).scope
    dir=$(cgroup_dir "$(container_pid one)" pids)
    systemctl daemon-reload
    systemctl set-property --runtime "$unit" TasksMax=44
    is "$(cat "${dir%/init}/pids.max" "${dir%/init}/part/pids.max" | paste -sd' ')" '44 9'
    sc_ok exec one cat /proc/self/cgroup
    [ "$(cgroup_mode)" != v2 ] || is "$output" 0::/init
    sc_ok rm -f one
    is_gone "$unit"
}

@test "systemd: sc run --as-service, where the container and its monitor are in the service" {
    sc_ok run --as-service --name box --network none --cgroup-parent sc-test.slice -m 64m --rootfs "$BATS_SUITE_TMPDIR/rootfs" \
        sh -c 'trap "exit 143" TERM; echo "said $((20 + 22))"; while :; do sleep 0.1; done'
    local pid
    pid=$(container_pid box)
    is "$(shown sc-box.service ActiveState)" active
    is "$(shown sc-box.service Slice)" sc-test.slice
    is "$(shown sc-box.service Transient)" yes
    if [ "$(cgroup_mode)" = v2 ]; then
        matches "$(cat "/proc/$pid/cgroup")" '^0::/sc.slice/sc-test.slice/sc-box.service/'
        # all of it: sc, the monitor and the container
        matches "$(systemd-cgls --no-pager -u sc-box.service)" supervisor
        systemctl set-property --runtime sc-box.service TasksMax=77
        is "$(cat /sys/fs/cgroup/sc.slice/sc-test.slice/sc-box.service/pids.max)" 77
    fi
    is "$(cgroup_value "$pid" memory.max memory memory.limit_in_bytes)" 67108864
    sc_ok update -m 32m box
    is "$(cgroup_value "$pid" memory.max memory memory.limit_in_bytes)" 33554432
    sc_ok exec box true
    journal_says() { journalctl -u sc-box.service -o cat | grep -qx 'said 42'; }
    wait_until journal_says
    systemctl stop sc-box.service
    is "$("$SC" inspect -f '{{.State.Status}} {{.State.ExitCode}}' box)" 'exited 143'
    wait_until is_gone sc-box.service
    # started again it is a service again, with the limit that was updated
    sc_ok start box
    is "$(shown sc-box.service ActiveState)" active
    is "$(cgroup_value "$(container_pid box)" memory.max memory memory.limit_in_bytes)" 33554432
    sc_ok rm -f box
    wait_until is_gone sc-box.service
    # what cannot start is an error, with the reason
    run_sc run --as-service --rm --name bad --network none --rootfs "$BATS_SUITE_TMPDIR/rootfs" /no/such/program
    [ "$status" -ne 0 ]
    expect_stderr /no/such/program
    wait_until is_gone sc-bad.service
    sc_ok ps -aq
    is "$output" ''
    systemctl stop sc-test.slice sc.slice
    find /sys/fs/cgroup -depth -type d -path '*/sc.slice*' -exec rmdir {} +
}

@test "systemd: update --runtime lasts until the container ends, without it until it is removed" {
    sc_ok run -d --name box --network none --cgroup-manager systemd --pids-limit 50 --rootfs "$BATS_SUITE_TMPDIR/rootfs" sleep 1000
    local unit
    unit=sc-$("$SC" inspect -f '{{.Id}}' box).scope
    sc_ok update --runtime --pids-limit 40 box
    is "$(shown "$unit" TasksMax)" 40
    sc_ok stop -t 0 box
    sc_ok start box
    is "$(shown "$unit" TasksMax)" 50
    sc_ok update --pids-limit 30 box
    sc_ok stop -t 0 box
    sc_ok start box
    is "$(shown "$unit" TasksMax)" 30
    # nothing is left for systemd to read when both are gone
    sc_ok rm -f box
    [ -z "$(find /etc/systemd /run/systemd -name "$unit*")" ]
}

@test "systemd: the unit of sc generate starts, restarts and stops the container, also after a boot" {
    local unit=/run/systemd/system/container-web.service
    # what a boot leaves of it: nothing below the run directory
    forget() { find "$SC_RUN_ROOT" -mindepth 1 -delete; }
    sc_ok create --name web --network none --rootfs "$BATS_SUITE_TMPDIR/rootfs" sh -c 'trap "exit 143" TERM; while :; do sleep 0.1; done'
    for new in '' --new; do
        # shellcheck disable=SC2086  # words
        sc_ok generate systemd $new --name --restart-sec 0 web
        echo "$output" >$unit
        systemd-analyze verify --man=no $unit
        systemctl daemon-reload
        systemctl start container-web.service
        is "$("$SC" inspect -f '{{.State.Running}}' web)" true
        # its end is a failure, and it is started again
        first=$(container_pid web)
        kill -KILL "$first"
        again() { local now; now=$(container_pid web) && [ "$now" != "$first" ] && [ "$now" -gt 0 ]; }
        wait_until again
        wait_until systemctl is-active --quiet container-web.service
        systemctl stop container-web.service
        is "$(shown container-web.service Result)" success
        forget
        systemctl start container-web.service
        is "$("$SC" inspect -f '{{.State.Running}}' web)" true
        systemctl stop container-web.service
    done
    # --new has removed it
    sc_ok ps -aq
    is "$output" ''
    rm $unit
    systemctl daemon-reload
}

@test "systemd: sc-restart.service brings up after a boot what is to be up, when the network is there" {
    local name dir=/run/systemd/system order=$BATS_TEST_TMPDIR/order unit=sc-restart.service program
    # made NAME POLICY: it runs
    made() { sc_ok run -d --name "$1" --restart "$2" --network none --rootfs "$BATS_SUITE_TMPDIR/rootfs" sleep 1000; }
    states() { for name in always kept stopped halted failing never; do "$SC" inspect -f '{{.State.Status}}' $name; done | paste -sd' '; }
    made always always
    made kept unless-stopped
    made stopped unless-stopped
    made halted always
    made failing on-failure
    made never no
    sc_ok stop -t 0 stopped halted
    # As it is installed, but for where the program and its roots are.
    cp "$SC_BIN/../systemd/system-$unit" $dir/$unit
    program=$(sed -n 's/^ExecStart=\([^ ]*\) .*/\1/p' $dir/$unit)
    mkdir -p $dir/$unit.d "$(dirname "$program")"
    ln -s "$SC" "$program"
    printf '[Service]\nEnvironment=SC_DATA_ROOT=%s SC_RUN_ROOT=%s\n' "$SC_DATA_ROOT" "$SC_RUN_ROOT" >$dir/$unit.d/roots.conf
    # A network that is slow to come up, and what the containers' start does meanwhile.
    cat >$dir/slow-network.service <<END
[Unit]
DefaultDependencies=no
Before=network-online.target
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'systemctl list-jobs --no-legend $unit >$order'
END
    printf '[Unit]\nDefaultDependencies=no\nWants=slow-network.service\n' >$dir/network-online.target
    printf '[Unit]\nDefaultDependencies=no\n' >$dir/boot.target
    systemd-analyze verify --man=no $dir/$unit
    sed -i 's/^WantedBy=default.target$/WantedBy=boot.target/' $dir/$unit
    systemctl daemon-reload
    systemctl enable --runtime $unit
    systemctl stop network-online.target # which an earlier test's unit has wanted
    # The power is cut: no process of theirs is left, nor what lay in /run. No monitor sees its container end.
    mapfile -t pids < <(for name in always kept failing never; do container_pid $name; done)
    mapfile -t monitors < <(pgrep -f "sc-monitor id=")
    is "${#monitors[@]}" 4
    kill -STOP "${monitors[@]}"
    kill -KILL "${pids[@]}" "${monitors[@]}"
    for first in "${pids[@]}" "${monitors[@]}"; do wait_until has_ended "$first"; done
    find "$SC_RUN_ROOT" -mindepth 1 -delete
    find /sys/fs/cgroup -depth -type d -path '*/sc/*' -exec rmdir {} +
    systemctl start boot.target
    wait_until systemctl is-active --quiet $unit
    matches "$(cat "$order")" " $unit  *start  *waiting"
    is "$(states)" 'running running exited running exited exited'
    is "$(shown $unit Result)" success
    # one that ends is started again, by a monitor of the unit's; the unit's own end is not theirs
    first=$(container_pid always)
    kill -KILL "$first"
    again() { local now; now=$(container_pid always) && [ "$now" != "$first" ] && [ "$now" -gt 0 ]; }
    wait_until again
    systemctl stop $unit boot.target network-online.target
    is "$(states)" 'running running exited running exited exited'
    sc_ok rm -f always kept stopped halted failing never
    systemctl disable --runtime $unit
    (cd $dir && rm -r $unit $unit.d slow-network.service network-online.target boot.target "$program")
    systemctl daemon-reload
}
