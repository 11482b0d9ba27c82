# config-linux.md beyond mounts, and the Linux parts of process: the effect of each member, as the kernel has it.
load helpers

setup()
{
    sc_setup
    b=$BATS_TEST_TMPDIR/bundle
    root=$SC_RUN_ROOT/oci
}

teardown()
{
    ip link delete "sct$$" 2>/dev/null || true
    sc_teardown
}

# in_bundle JQ COMMAND
in_bundle()
{
    [ -e "$b/config.json" ] || make_bundle "$b"
    jq --arg cmd "$2" "($1) | .process.args = [\"sh\", \"-c\", \$cmd]" "$TESTS/bundle.json" >"$b/config.json"
    run_oci --root "$root" run --bundle "$b" "t$$"
}

# agent SOCKET OUT: takes one container process state, answers every call it is asked about with errno 95, and records both
agent()
{
    cat >"$BATS_TEST_TMPDIR/agent.py" <<'PY'
import array, fcntl, json, os, signal, socket, struct, sys
server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
server.bind(sys.argv[1])
server.listen(1)
open(sys.argv[2] + ".ready", "w").close()
connection, _ = server.accept()
data, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(64))
fds = array.array("i")
for level, kind, value in ancillary:
    fds.frombytes(value[: len(value) - len(value) % fds.itemsize])
while True:
    more = connection.recv(65536)
    if not more:
        break
    data += more
state = json.loads(data)
state["count"] = len(fds)
open(sys.argv[2], "w").write(json.dumps(state))
while True:
    request = bytearray(80)
    try:
        fcntl.ioctl(fds[0], 0xC0502100, request)
    except OSError:
        break
    identity, pid, flags, number = struct.unpack_from("QIIi", request)
    if len(sys.argv) > 3:
        # a signal that the caller catches: does the call go on waiting, or is it taken back?
        os.kill(pid, signal.SIGUSR1)
        word = ""
        while not word:
            if open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] == "D":
                word = "waits"
            try:
                fcntl.ioctl(fds[0], 0x40082102, struct.pack("Q", identity))
            except FileNotFoundError:
                word = "interrupted"
        open(sys.argv[3], "w").write(word)
    answer = struct.pack("QqiI", identity, 0, -95, 0)
    try:
        fcntl.ioctl(fds[0], 0xC0182101, bytearray(answer))
    except OSError:
        break
PY
    python3 "$BATS_TEST_TMPDIR/agent.py" "$@" 3>&- &
    wait_until test -e "$2.ready"
}

notify='.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", listenerPath: $sock, listenerMetadata: "the metadata",
    syscalls: [{names: ["mkdir", "mkdirat"], action: "SCMP_ACT_NOTIFY"}]}'

@test "seccomp: SCMP_ACT_NOTIFY asks the agent at listenerPath, who got the container process state" {
    local sock=$BATS_TEST_TMPDIR/agent.sock out=$BATS_TEST_TMPDIR/state
    for privileges in true false; do
        rm -f "$sock" "$out" "$out.ready"
        agent "$sock" "$out"
        in_bundle "\"$sock\" as \$sock | $notify | .process.noNewPrivileges = $privileges" 'mkdir /tmp/x'
        expect 1
        expect_stderr "Operation not supported"
        is "$(jq -c '[.fds, .count, .metadata, .state.id, .state.status, .state.bundle]' "$out")" \
            "[[\"seccompFd\"],1,\"the metadata\",\"t$$\",\"creating\",\"$b\"]"
        is "$(jq '.pid == .state.pid and .pid > 1' "$out")" true
    done
}

@test "seccomp: the agent is told at start of what create made, and of an exec" {
    local sock=$BATS_TEST_TMPDIR/agent.sock out=$BATS_TEST_TMPDIR/state
    make_bundle "$b" "\"$sock\" as \$sock | $notify | .process.args = [\"sleep\", \"1000\"]"
    "$SC_OCI" --root "$root" create --bundle "$b" told >/dev/null 2>&1 </dev/null 3>&-
    agent "$sock" "$out"
    run_oci --root "$root" start told
    expect 0
    wait_until test -e "$out"
    is "$(jq -r .state.status "$out")" created
    rm -f "$sock" "$out" "$out.ready"
    agent "$sock" "$out"
    run_oci --root "$root" exec told mkdir /tmp/y
    expect 1
    expect_stderr "Operation not supported"
    is "$(jq '.pid != .state.pid' "$out")" true
    is "$(jq -r .state.status "$out")" running
    run_oci --root "$root" delete --force told
    expect 0
}

@test "seccomp: WAIT_KILLABLE_RECV: a signal that is caught does not take the call back from the agent" {
    local sock=$BATS_TEST_TMPDIR/agent.sock out=$BATS_TEST_TMPDIR/state word=$BATS_TEST_TMPDIR/word flag
    run_oci features
    jq -e '.linux.seccomp.supportedFlags | index("SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")' <<<"$output" || skip "Linux 5.19"
    for flag in '"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"' ''; do
        rm -f "$sock" "$out" "$out.ready" "$word"
        agent "$sock" "$out" "$word"
        in_bundle "\"$sock\" as \$sock | $notify | .linux.seccomp.flags = [$flag] | .linux.seccomp.syscalls[0].names = [\"umask\"]" 'trap : USR1; umask 0'
        is "$(cat "$word")" "$([ -n "$flag" ] && echo waits || echo interrupted)"
    done
}

# any-kernel: the same calls on all
@test "seccomp: without an agent nothing is started" {
    in_bundle "\"$BATS_TEST_TMPDIR/nobody\" as \$sock | $notify" 'echo ran'
    expect_error 255 "failed to connect with seccomp agent at \"$BATS_TEST_TMPDIR/nobody\": no such file or directory"
    is "$output" ""
    in_bundle '.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir"], action: "SCMP_ACT_NOTIFY"}]}' true
    expect_error 255 "linux.seccomp.listenerPath: is required for SCMP_ACT_NOTIFY"
}

@test "seccomp: actions, errnos and operators" {
    local rule='.linux.seccomp = {defaultAction: "SCMP_ACT_ALLOW", syscalls: [{names: ["mkdir", "mkdirat"], action: $a}]}'
    in_bundle "\"SCMP_ACT_ERRNO\" as \$a | $rule" 'mkdir /tmp/x'
    expect_stderr "Operation not permitted"
    in_bundle "\"SCMP_ACT_ERRNO\" as \$a | $rule | .linux.seccomp.syscalls[0].errnoRet = 28" 'mkdir /tmp/x'
    expect_stderr "No space left on device"
    for kill in SCMP_ACT_KILL SCMP_ACT_KILL_THREAD SCMP_ACT_KILL_PROCESS SCMP_ACT_TRAP; do
        in_bundle "\"$kill\" as \$a | $rule" 'mkdir /tmp/x; echo $?'
        is "${lines[0]}" 159
    done
    in_bundle "\"SCMP_ACT_TRACE\" as \$a | $rule" 'mkdir /tmp/x'
    expect_stderr "Function not implemented"
    in_bundle "\"SCMP_ACT_LOG\" as \$a | $rule | .root.readonly = false" 'mkdir /x && echo made'
    is "$status:$output" "0:made"
    in_bundle '.linux.seccomp = {defaultAction: "SCMP_ACT_ERRNO", defaultErrnoRet: 1, syscalls: [{names: ["mkdir"], action: "SCMP_ACT_LOG", errnoRet: 5}]}' true
    expect_error 255 "SCMP_ACT_LOG does not return an errno"
    local op
    # kill(pid, sig): the second argument against 10
    for op in "SCMP_CMP_EQ 10 0 10" "SCMP_CMP_NE 10 0 12" "SCMP_CMP_LT 10 0 9" "SCMP_CMP_LE 10 0 10" "SCMP_CMP_GE 10 0 10" "SCMP_CMP_GT 10 0 12" \
        "SCMP_CMP_MASKED_EQ 4 4 12"; do
        set -- $op
        in_bundle ".linux.seccomp = {defaultAction: \"SCMP_ACT_ALLOW\", syscalls: [{names: [\"kill\"], action: \"SCMP_ACT_ERRNO\", errnoRet: 28, args: [{index: 1, op: \"$1\", value: $2, valueTwo: $3}]}]}" \
            "sleep 100 & kill -$4 \$! || true; kill -0 \$! 2>&1; kill -3 \$!; kill -9 \$!; true"
        expect_stderr "No space left"
    done
}

@test "netDevices: moved, renamed, with its permanent addresses, up" {
    ip link add "sct$$" type veth peer name "scp$$"
    ip address add 192.0.2.7/24 dev "sct$$"
    ip -6 address add 2001:db8::7/64 dev "sct$$"
    ip address add 192.0.2.8/24 dev "sct$$" valid_lft 100 preferred_lft 100
    ip link set "sct$$" mtu 1400
    ip link set "scp$$" up
    in_bundle ".linux.netDevices = {\"sct$$\": {name: \"inside\"}}" 'ip addr show dev inside; ip link show inside'
    expect 0
    expect_output "192.0.2.7/24"
    expect_output "2001:db8::7/64"
    expect_output "mtu 1400"
    expect_output "UP"
    expect_no_output "192.0.2.8"
    wait_until sh -c "! ip link show sct$$ && ! ip link show scp$$"
}

@test "netDevices: a template, the same name, and what cannot be moved" {
    ip link add "sct$$" type veth peer name "scp$$"
    in_bundle ".linux.netDevices = {\"sct$$\": {}}" "ip link show sct$$"
    expect 0
    wait_until sh -c "! ip link show scp$$"
    ip link add "sct$$" type veth peer name "scp$$"
    in_bundle ".linux.netDevices = {\"sct$$\": {name: \"eth%d\"}}" 'ip link show eth0'
    expect 0
    wait_until sh -c "! ip link show scp$$"
    ip link add "sct$$" type veth peer name "scp$$"
    in_bundle ".linux.netDevices = {\"sct$$\": {name: \"lo\"}}" true
    expect_error 255 'the container has a device "lo" already'
    ip link show "sct$$"
    ip link delete "sct$$"
    in_bundle '.linux.netDevices = {"nosuch0": {}}' true
    expect_error 255 'move network device "nosuch0": no such device'
    in_bundle '.linux.netDevices = {"lo": {}} | .linux.namespaces |= map(select(.type != "network"))' true
    expect_error 255 "linux.netDevices: needs a network namespace"
}

@test "namespaces: one of another type than it says is refused" {
    in_bundle '.linux.namespaces |= map(if .type == "network" then .path = "/proc/self/ns/uts" else . end)' true
    expect_error 255 '"/proc/self/ns/uts" is not a network namespace'
    in_bundle '.linux.namespaces |= map(if .type == "network" then .path = "/nonexistent" else . end)' true
    expect_error 255 "no such file or directory"
}

@test "namespaces: user, pid, network, ipc and uts by path, all of another container" {
    make_bundle "$b"
    chown -R 100000:100000 "$b/rootfs"
    chmod 711 "$BATS_TEST_TMPDIR"
    make_bundle "$b" '.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 1000}] | .linux.gidMappings = .linux.uidMappings
        | .process.args = ["sleep", "1000"]'
    "$SC_OCI" --root "$root" run -d --bundle "$b" first >/dev/null 2>&1 </dev/null 3>&-
    local pid kinds
    pid=$("$SC_OCI" --root "$root" state first | jq .pid)
    kinds='for n in user pid net ipc uts; do readlink /proc/self/ns/$n; done'
    in_bundle "(.linux.namespaces += [{type: \"user\"}]) | .linux.namespaces |= map(if .type == \"mount\" or .type == \"cgroup\" then . else .path = \"/proc/$pid/ns/\" + ({network: \"net\"}[.type] // .type) end) | del(.hostname)" \
        "$kinds; id -u; cat /proc/1/comm"
    expect 0
    is "$output" "$(for n in user pid net ipc uts; do readlink "/proc/$pid/ns/$n"; done)"$'\n0\nsleep'
    run_oci --root "$root" delete -f first
    expect 0
}

@test "process: scheduler, I/O priority, OOM score, umask, groups" {
    in_bundle '.process.scheduler = {policy: "SCHED_BATCH", nice: 7} | .process.ioPriority = {class: "IOPRIO_CLASS_IDLE", priority: 0} | .process.oomScoreAdj = 321
        | .process.user = {uid: 5, gid: 6, umask: 23, additionalGids: [7, 8]}' \
        'awk "{ print \$19, \$41 }" /proc/self/stat; ionice; cat /proc/self/oom_score_adj; umask; id -u; id -g; id -G'
    is "$status:$output" $'0:7 3\nidle\n321\n0027\n5\n6\n6 7 8'
    in_bundle '.process.scheduler = {policy: "SCHED_IDLE"}' 'awk "{ print \$41 }" /proc/self/stat'
    is "$status:$output" "0:5"
    in_bundle '.process.scheduler = {policy: "SCHED_DEADLINE", runtime: 1000000, deadline: 10000000, period: 10000000}' \
        'exec awk "{ print \$41 }" /proc/self/stat'
    is "$status:$output" "0:6"
    in_bundle '.process.scheduler = {policy: "SCHED_FIFO", priority: 0}' true
    expect_error 255 "process.scheduler.priority: must be a number from 1 to 99"
}

# any-kernel: the same calls on all
@test "process: rlimits as they are given; a hard limit above one's own is an error that names it" {
    in_bundle '.process.rlimits = [{type: "RLIMIT_NOFILE", soft: 100, hard: 200}, {type: "RLIMIT_CORE", soft: 0, hard: 0}, {type: "RLIMIT_STACK", soft: 4194304, hard: 8388608}]' \
        'grep -E "open files|core file|stack" /proc/self/limits | awk "{ print \$(NF-2), \$(NF-1) }"'
    is "$status:$(sort <<<"$output")" $'0:0 0\n100 200\n4194304 8388608'
    in_bundle '.process.rlimits = [{type: "RLIMIT_NOPE", soft: 1, hard: 1}]' true
    expect 255
    expect_stderr "RLIMIT_NOPE"
}

# any-kernel: the same calls on all
@test "process: a cwd that is absent is made, and belongs to who made it" {
    in_bundle '.root.readonly = false | .process.cwd = "/made/for/me"' 'pwd; stat -c "%u %g %a" .'
    is "$status:$output" $'0:/made/for/me\n0 0 755'
}

@test "cgroup ownership: who may write to the cgroup file system of v2 may divide it, on v1 nobody" {
    local mapped='.linux.namespaces += [{type: "user"}] | .linux.uidMappings = [{containerID: 0, hostID: 100000, size: 65536}]
        | .linux.gidMappings = .linux.uidMappings'
    local writable='(.mounts[] | select(.type == "cgroup") | .options) -= ["ro"]'
    if [ "$(cgroup_mode)" != v2 ]; then
        in_bundle "$mapped | $writable" 'stat -c %u /sys/fs/cgroup/memory /sys/fs/cgroup/memory/tasks'
        is "$status:$output" $'0:65534\n65534'
        return 0
    fi
    in_bundle "$mapped | $writable" \
        'cd /sys/fs/cgroup && stat -c %u . cgroup.procs cgroup.subtree_control cgroup.freeze &&
            mkdir child && echo 0 >child/cgroup.procs && cat /proc/self/cgroup'
    # what is not in /sys/kernel/cgroup/delegate stays the host's root's
    is "$status:$output" $'0:0\n0\n0\n65534\n0::/child'
    in_bundle "$mapped" 'stat -c %u /sys/fs/cgroup /sys/fs/cgroup/cgroup.procs'
    is "$status:$output" $'0:65534\n65534'
}

@test "memoryPolicy: what the kernel says of each mapping" {
    [ -e /proc/self/numa_maps ] || skip "no NUMA"
    in_bundle '.linux.memoryPolicy = {mode: "MPOL_INTERLEAVE", nodes: "0"}' 'cut -d" " -f2 /proc/self/numa_maps | sort -u'
    is "$status:$output" "0:interleave:0"
    in_bundle '.linux.memoryPolicy = {mode: "MPOL_BIND", nodes: "0", flags: ["MPOL_F_STATIC_NODES"]}' \
        'cut -d" " -f2 /proc/self/numa_maps | sort -u'
    is "$status:$output" "0:bind=static:0"
}

@test "timeOffsets: of both clocks" {
    [ -e /proc/self/ns/time ] || skip "no time namespaces"
    in_bundle '.linux.namespaces += [{type: "time"}] | .linux.timeOffsets = {boottime: {secs: 1000000}, monotonic: {secs: 5, nanosecs: 7}}' \
        'cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime'
    expect 0
    is "$(xargs <<<"${lines[*]:0:2}")" "monotonic 5 7 boottime 1000000 0"
    [ "${lines[2]}" -ge 1000000 ]
}

@test "personality: LINUX32 shows in uname" {
    [ "$(uname -m)" = x86_64 ] || skip "for x86-64"
    in_bundle '.linux.personality = {domain: "LINUX32"}' 'uname -m'
    is "$status:$output" "0:i686"
    in_bundle '.linux.personality = {domain: "LINUX"}' 'uname -m'
    is "$status:$output" "0:x86_64"
}

@test "intelRdt: a host without resctrl says so" {
    run ! grep -q ' - resctrl ' /proc/self/mountinfo || skip "resctrl is mounted"
    in_bundle '.linux.intelRdt = {closID: "x"}' true
    expect_error 255 "linux.intelRdt: this host has no resctrl file system"
}

# any-kernel: affinity is that of every kernel
@test "execCPUAffinity: of an exec, not of the container" {
    [ "$(nproc)" -ge 2 ] || skip "one CPU"
    make_bundle "$b" '.process.args = ["sleep", "1000"] | .process.execCPUAffinity = {initial: "0", final: "1"}'
    "$SC_OCI" --root "$root" run -d --bundle "$b" cpus >/dev/null 2>&1 </dev/null 3>&-
    local pid
    pid=$("$SC_OCI" --root "$root" state cpus | jq .pid)
    is "$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' "/proc/$pid/status")" "$(sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status)"
    run_oci --root "$root" exec cpus sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status
    is "$status:$output" "0:1"
    run_oci --root "$root" delete -f cpus
    expect 0
}

@test "capabilities: what this launcher cannot give is left out, with a warning" {
    make_bundle "$b" '.process.capabilities[] += ["CAP_SYS_TIME", "CAP_NOT_YET"] | .process.args = ["grep", "CapPrm", "/proc/self/status"]'
    run_split setpriv --bounding-set=-sys_time "$SC_OCI" --root "$root" run --bundle "$b" "t$$"
    expect 0
    is "$(((0x${output#*:?} >> 25) & 1))" 0
    expect_stderr 'left out, because they cannot be given here: CAP_SYS_TIME CAP_NOT_YET'
}
