#!/usr/bin/env bats
# What a kubelet does: containerd's CRI plugin, called over its socket, with this runtime behind it.
load helpers

setup_file()
{
    CONTAINERD_NAMESPACE=k8s.io containerd_up "$BATS_FILE_TMPDIR/containerd"
    protoc --proto_path "$ENGINES" --python_out "$BATS_FILE_TMPDIR" cri.proto
    # the parents of cgroups and the bridge are made once, and stay
    pod=$(cri RunPodSandbox '{"config": {"metadata": {"name": "first", "uid": "first", "namespace": "default"}, "linux": {"cgroup_parent": "/k8s.io"}}}' |
        jq -r .podSandboxId)
    cri StopPodSandbox "{\"pod_sandbox_id\":\"$pod\"}" >/dev/null
    cri RemovePodSandbox "{\"pod_sandbox_id\":\"$pod\"}" >/dev/null
}

teardown_file()
{
    containerd_down
}

setup()
{
    engine_setup
    PODS=()
}

teardown()
{
    local status=0 pod
    for pod in "${PODS[@]}"; do
        cri StopPodSandbox "{\"pod_sandbox_id\":\"$pod\"}" && cri RemovePodSandbox "{\"pod_sandbox_id\":\"$pod\"}"
    done >/dev/null || status=1
    engine_teardown || status=1
    [ -n "${BATS_TEST_COMPLETED:-}" ] && [ $status -eq 0 ] || show_log "$CONTAINERD_DIR/log"
    return $status
}

cri()
{
    # Debian's python, whatever else is first in PATH: python3-grpcio belongs to it
    /usr/bin/python3 "$ENGINES/cri" "$CONTAINERD_ADDRESS" "$BATS_FILE_TMPDIR" "$@"
}

# pod NAME [JQ]: starts a pod; its id is in $POD, its configuration in $POD_CONFIG
pod()
{
    mkdir -p "$BATS_TEST_TMPDIR/logs"
    POD_CONFIG=$(jq -nc --arg name "$1" --arg logs "$BATS_TEST_TMPDIR/logs" \
        '{metadata: {name: $name, uid: ("uid-" + $name), namespace: "default"}, hostname: $name, log_directory: $logs,
          linux: {cgroup_parent: "/k8s.io"}} | '"${2:-.}")
    ok cri RunPodSandbox "{\"config\": $POD_CONFIG}"
    POD=$(jq -r .podSandboxId <<<"$output")
    PODS+=("$POD")
}

# container NAME COMMAND [JQ]: creates and starts a container in $POD; its id is in $CONTAINER
container()
{
    local config
    config=$(jq -n --arg name "$1" --arg command "$2" --arg image "$IMAGE" \
        '{metadata: {name: $name}, image: {image: $image}, command: ["sh", "-c", $command], log_path: ($name + ".log"),
          linux: {security_context: {namespace_options: {pid: "CONTAINER"}}}} | '"${3:-.}")
    ok cri CreateContainer "{\"pod_sandbox_id\": \"$POD\", \"config\": $config, \"sandbox_config\": $POD_CONFIG}"
    CONTAINER=$(jq -r .containerId <<<"$output")
    ok cri StartContainer "{\"container_id\": \"$CONTAINER\"}"
}

status_of()
{
    cri ContainerStatus "{\"container_id\": \"$1\"}" | jq -r '.status | "\(.state) \(.exitCode) \(.reason)"'
}

has_status()
{
    [ "$(status_of "$1")" = "$2" ]
}

pid_of()
{
    cri ContainerStatus "{\"container_id\": \"$1\", \"verbose\": true}" | jq -r '.info.info | fromjson | .pid'
}

# exec_in ID COMMAND...: ExecSync; its standard output, then `exit N`
exec_in()
{
    local id=$1
    shift
    cri ExecSync "$(jq -n --arg id "$id" '{container_id: $id, cmd: $ARGS.positional, timeout: 20}' --args -- "$@")" |
        jq -r '(.stdout | @base64d) + (.stderr | @base64d) + "exit \(.exitCode)"'
}

@test "cri: a pod of two containers that share network and ipc, each with its own limits" {
    pod web
    is "$(cri PodSandboxStatus "{\"pod_sandbox_id\":\"$POD\"}" | jq -r .status.state)" SANDBOX_READY
    matches "$(cri PodSandboxStatus "{\"pod_sandbox_id\":\"$POD\"}" | jq -r .status.network.ip)" '^10\.99\.0\.'
    container server 'while :; do echo hello | nc -l -p 8000; done' \
        '.linux.resources = {memory_limit_in_bytes: 67108864, cpu_quota: 50000, cpu_period: 100000, cpu_shares: 512, oom_score_adj: 900}'
    server=$CONTAINER
    container client 'until nc 127.0.0.1 8000 </dev/null; do sleep 0.1; done; exit 5'
    wait_until has_status "$CONTAINER" 'CONTAINER_EXITED 5 Error'
    matches "$(cat "$BATS_TEST_TMPDIR/logs/client.log")" ' stdout F hello$'
    is "$(status_of "$server")" 'CONTAINER_RUNNING 0 '
    pid=$(pid_of "$server")
    is "$(limit "$pid" memory.max memory memory.limit_in_bytes)" 67108864
    is "$(cat "/proc/$pid/oom_score_adj")" 900
    if [ "$(cgroup_mode)" = v2 ]; then
        is "$(limit "$pid" cpu.max - -)" '50000 100000'
    else
        is "$(limit "$pid" - cpu cpu.cfs_quota_us)" 50000
        is "$(limit "$pid" - cpu cpu.shares)" 512
    fi
}

@test "cri: exec, update of limits, stats, stop with the grace period" {
    pod one
    container main 'trap "exit 3" TERM; while :; do sleep 0.1; done' '.envs = [{key: "A", value: "b"}] | .working_dir = "/tmp"'
    is "$(exec_in "$CONTAINER" sh -c 'echo $A; pwd; exit 4')" $'b\n/tmp\nexit 4'
    run cri ExecSync "{\"container_id\": \"$CONTAINER\", \"cmd\": [\"no-such-program\"]}"
    expect 1
    expect_output 'executable file not found in $PATH'
    ok cri UpdateContainerResources "{\"container_id\": \"$CONTAINER\", \"linux\": {\"memory_limit_in_bytes\": 33554432, \"cpu_quota\": 25000, \"cpu_period\": 100000}}"
    pid=$(pid_of "$CONTAINER")
    is "$(limit "$pid" memory.max memory memory.limit_in_bytes)" 33554432
    [ "$(cgroup_mode)" = v2 ] || is "$(limit "$pid" - cpu cpu.cfs_quota_us)" 25000
    measured()
    {
        cri ContainerStats "{\"container_id\": \"$CONTAINER\"}" |
            jq -e '(.stats.cpu.usageCoreNanoSeconds.value | tonumber) > 0 and (.stats.memory.workingSetBytes.value | tonumber) > 0'
    }
    wait_until measured
    ok cri StopContainer "{\"container_id\": \"$CONTAINER\", \"timeout\": 20}"
    is "$(status_of "$CONTAINER")" 'CONTAINER_EXITED 3 Error'
    ok cri RemoveContainer "{\"container_id\": \"$CONTAINER\"}"
}

@test "cri: what a container may not do, and what runs out of memory" {
    pod one '.linux.sysctls = {"net.ipv4.ip_forward": "1"}'
    container main 'sleep 1000' '.linux.security_context += {run_as_user: {value: 1}, readonly_rootfs: true, no_new_privs: true,
        masked_paths: ["/proc/keys"], readonly_paths: ["/proc/sys"]}'
    is "$(exec_in "$CONTAINER" sh -c 'id -u; cat /proc/sys/net/ipv4/ip_forward; wc -c </proc/keys')" $'1\n1\n0\nexit 0'
    matches "$(exec_in "$CONTAINER" touch /no)" 'Read-only file system'
    is "$(exec_in "$CONTAINER" grep NoNewPrivs /proc/self/status)" $'NoNewPrivs:\t1\nexit 0'
    container hungry 'x=$(head -c 64000000 /dev/zero | tr "\0" x)' '.linux.resources = {memory_limit_in_bytes: 8388608}'
    wait_until has_status "$CONTAINER" 'CONTAINER_EXITED 137 OOMKilled'
}

@test "cri: a pod with one pid namespace and the host's network" {
    pod one 'del(.hostname) | .linux.security_context.namespace_options = {network: "NODE", pid: "POD"}'
    container main 'exec sleep 1001' '.linux.security_context.namespace_options = {network: "NODE", pid: "POD"}'
    container other 'exec sleep 1002' '.linux.security_context.namespace_options = {network: "NODE", pid: "POD"}'
    sees_all()
    {
        [ "$(exec_in "$CONTAINER" sh -c 'ps | grep -cE "[s]leep 100[12]( |\$)"')" = $'2\nexit 0' ]
    }
    wait_until sees_all
    is "$(exec_in "$CONTAINER" readlink /proc/self/ns/net)" "$(readlink /proc/self/ns/net)"$'\nexit 0'
}
