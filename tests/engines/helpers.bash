# helpers: what the tests of engines stand on, over tests/integration/helpers.bash. tests/engines/run gives them a pid, a
# mount and a network namespace of their own with an empty /run, so nothing here can reach an engine of the host's.
#
#   ENGINE_RUNTIME            the OCI runtime under test (default: sc-oci of the build); tests/engines/run --runtime NAME
#   RUNTIME_NAME              its base name
#   ENGINE_IMAGE              the root of the image `base` as a tar; ENGINE_ARCHIVE the same as a docker-archive
#
#   ok CMD...                 runs it and demands success: $output, $stderr
#   fails CODE CMD...         runs it and demands this exit status
#   pm ARG...                 podman on the runtime              d ARG...   docker at the daemon that docker_up started
#   ctr ARG...                at the daemon that containerd_up started; c_run ARG... is ctr run on the runtime
#   terminal STEP... -- CMD   tests/tools/terminal
#   limit PID V2 CTRL V1      what the kernel has of a limit; "-" where that version has none
# shellcheck source=tests/integration/helpers.bash
source "$(dirname "${BASH_SOURCE[0]}")/../integration/helpers.bash"

ENGINES=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ENGINE_RUNTIME=${SC_ENGINE_RUNTIME:-$SC_OCI}
RUNTIME_NAME=$(basename "$ENGINE_RUNTIME")
# Hard limits cannot be raised everywhere, and engines like to ask for more than there is.
ENGINE_NOFILE=1024

ok()
{
    last_command="$*"
    run_split "$@"
    expect 0
}

fails()
{
    local code=$1
    shift
    last_command="$*"
    run_split "$@"
    expect "$code"
}

terminal()
{
    python3 "$ENGINES/../tools/terminal" "$@"
}

limit()
{
    cgroup_value "$@"
}

# A daemon's log is what explains a failure.
show_log()
{
    echo "last lines of $1:"
    grep -v level=info "$1" | tail -n "${2:-15}" | sed 's/^/    /'
}

# ---- the image ----------------------------------------------------------------------------------

# The suite's root as a tar, and as the archive that `docker save` writes, which containerd imports.
engine_image()
{
    local dir=$1 digest
    mkdir -p "$dir/archive"
    tar -C "$BATS_SUITE_TMPDIR/rootfs" --owner 0 --group 0 -cf "$dir/image.tar" .
    cp "$dir/image.tar" "$dir/archive/layer.tar"
    digest=$(sha256sum "$dir/image.tar" | cut -d' ' -f1)
    # pause is what holds a pod's namespaces
    printf '{"architecture":"amd64","os":"linux","config":{"Env":["PATH=/bin"],"Cmd":["%s","%s"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        sh -l "$digest" >"$dir/archive/base.json"
    sed 's/"sh","-l"/"sleep","1000000"/' "$dir/archive/base.json" >"$dir/archive/pause.json"
    echo '[{"Config":"base.json","RepoTags":["docker.io/library/base:latest"],"Layers":["layer.tar"]},
           {"Config":"pause.json","RepoTags":["docker.io/library/pause:latest"],"Layers":["layer.tar"]}]' >"$dir/archive/manifest.json"
    tar -C "$dir/archive" -cf "$dir/archive.tar" manifest.json base.json pause.json layer.tar
    rm -r "$dir/archive"
}
ENGINE_IMAGE=$BATS_SUITE_TMPDIR/image.tar
ENGINE_ARCHIVE=$BATS_SUITE_TMPDIR/archive.tar

# ---- set-up ----------------------------------------------------------------------------------------

# SC_RUN_ROOT is looked at by leftovers: here it is where sc-oci keeps the state of podman's containers.
engine_setup()
{
    untraced
    export SC_RUN_ROOT=/run/$RUNTIME_NAME SC_DATA_ROOT=$BATS_TEST_TMPDIR/none
    leftovers >"$BATS_TEST_TMPDIR/before"
}

engine_teardown()
{
    leftovers_check "$BATS_TEST_TMPDIR/before"
}

# Ends a daemon that this test started, and waits for it.
end_daemon()
{
    local pid=$1
    [ -n "$pid" ] && kill "$pid" 2>/dev/null || return 0
    wait_until has_ended "$pid" || kill -KILL "$pid"
}

# ---- podman -----------------------------------------------------------------------------------------

# Once for a file: a store with the image, and the cgroup parents that podman never removes.
podman_up()
{
    PODMAN_DIR=$BATS_FILE_TMPDIR/podman
    mkdir -p "$PODMAN_DIR/tmp"
    PM=$PODMAN_DIR/pm
    export PODMAN_DIR PM CONTAINERS_CONF=$PODMAN_DIR/containers.conf
    cat >"$CONTAINERS_CONF" <<END
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
lock_type = "file"
tmp_dir = "$PODMAN_DIR/libpod"
runtime_supports_json = ["$RUNTIME_NAME"]
runtime_supports_nocgroups = ["sc-oci", "crun"]
[engine.runtimes]
$RUNTIME_NAME = ["$ENGINE_RUNTIME"]
[containers]
default_ulimits = ["nofile=$ENGINE_NOFILE:$ENGINE_NOFILE", "nproc=1000:1000"]
netns = "none"
log_driver = "k8s-file"
[network]
network_backend = "cni"
network_config_dir = "$PODMAN_DIR/net"
END
    # a program, because a terminal's driver cannot run a function; podman wants its run root's path short
    cat >"$PM" <<END
#!/bin/sh
TMPDIR=$PODMAN_DIR/tmp exec podman --root $PODMAN_DIR/data --runroot ${XDG_RUNTIME_DIR:-/run}/pm --storage-driver overlay --runtime $RUNTIME_NAME "\$@"
END
    chmod +x "$PM"
    pm import -q -c 'ENV PATH=/bin' "$ENGINE_IMAGE" base >/dev/null
    pm run --rm base true
    pm_unmount
}

# podman mounts its store over itself when it finds it unmounted
pm_unmount()
{
    ! mountpoint -q "$PODMAN_DIR/data/overlay" || umount "$PODMAN_DIR/data/overlay"
}

pm()
{
    "$PM" "$@"
}

pm_pid()
{
    pm inspect -f '{{.State.Pid}}' "$1"
}

podman_clean()
{
    pm pod rm -f -a -t 0
    pm rm -f -a -t 0
    pm volume rm -f -a
    # A pod's cgroup in the hierarchies that podman does not know and every runtime makes it in: nobody removes it.
    find /sys/fs/cgroup/systemd/libpod_parent /sys/fs/cgroup/unified/libpod_parent -mindepth 1 -maxdepth 1 -type d \
        -regex '.*/[0-9a-f]+' -exec rmdir {} + || true
    pm_unmount
} >/dev/null 2>&1

# ---- docker -----------------------------------------------------------------------------------------------

# docker_up DIR [OPTION...]: a dockerd of its own, with its containerd; `d` talks to the last one started.
docker_up()
{
    DOCKER_DIR=$1
    mkdir -p "$DOCKER_DIR"
    shift
    printf '%s\n' "$@" | sed '/^$/d' >"$DOCKER_DIR/options"
    DOCKER=$DOCKER_DIR/d
    # The command line of Debian's package, whatever else is first in PATH.
    printf '#!/bin/sh\nexec /usr/bin/docker --config %s -H unix://%s/sock "$@"\n' "$DOCKER_DIR" "$DOCKER_DIR" >"$DOCKER"
    chmod +x "$DOCKER"
    export DOCKER_DIR DOCKER
    docker_start "$DOCKER_DIR"
}

docker_start()
{
    local dir=$1 options
    mapfile -t options <"$dir/options"
    # 3 is bats' own: a daemon that holds it keeps bats waiting
    ${DOCKER_IN:-} dockerd --data-root "$dir/data" --exec-root "/run/docker-$(basename "$dir")" --pidfile "$dir/pid" -H "unix://$dir/sock" \
        --add-runtime "tested=$ENGINE_RUNTIME" --add-runtime "added=$ENGINE_RUNTIME" --default-runtime tested \
        --default-ulimit nofile=$ENGINE_NOFILE:$ENGINE_NOFILE --log-level error "${options[@]}" </dev/null >>"$dir/log" 2>&1 3>&- &
    wait_until "$dir/d" version || { show_log "$dir/log" && return 1; }
}

# docker_down DIR [keep]: its containers and networks too, unless they are to be kept
docker_down()
{
    [ -e "$1/pid" ] || return 0
    [ "${2:-}" = keep ] || "$1/d" ps -aq | xargs -r "$1/d" rm -f >/dev/null
    end_daemon "$(cat "$1/pid")"
    [ "${2:-}" != keep ] || return 0
    # with --live-restore it leaves these
    end_daemon "$(cat "/run/docker-$(basename "$1")/containerd/containerd.pid" 2>/dev/null)"
    awk -v dir="$1/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r umount
}

docker_clean()
{
    d ps -aq | xargs -r "$DOCKER" rm -f -v
    d network ls -q -f type=custom | xargs -r "$DOCKER" network rm
    d volume ls -q | xargs -r "$DOCKER" volume rm
} >/dev/null 2>&1

d()
{
    "$DOCKER" "$@"
}

# ---- containerd ------------------------------------------------------------------------------------------------

# containerd_up DIR: a containerd of its own whose CRI plugin runs everything with the runtime; `c` is ctr on it.
containerd_up()
{
    CONTAINERD_DIR=$1
    export CONTAINERD_DIR CONTAINERD_ADDRESS=/run/containerd-test/sock CONTAINERD_NAMESPACE=${CONTAINERD_NAMESPACE:-tests}
    mkdir -p "$CONTAINERD_DIR/net" /run/containerd-test
    cat >"$CONTAINERD_DIR/config.toml" <<END
version = 2
root = "$CONTAINERD_DIR/root"
state = "/run/containerd-test/state"
[debug]
  level = "error"
[grpc]
  address = "$CONTAINERD_ADDRESS"
[ttrpc]
  address = "$CONTAINERD_ADDRESS.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "docker.io/library/pause:latest"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$CONTAINERD_DIR/net"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "tested"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.tested]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.tested.options]
        BinaryName = "$ENGINE_RUNTIME"
END
    cat >"$CONTAINERD_DIR/net/bridge.conflist" <<END
{"cniVersion":"0.4.0","name":"pods","plugins":[{"type":"bridge","bridge":"pods0","isGateway":true,
 "ipam":{"type":"host-local","ranges":[[{"subnet":"10.99.0.0/24"}]],"dataDir":"/run/containerd-test/leases"}}]}
END
    containerd -c "$CONTAINERD_DIR/config.toml" </dev/null >"$CONTAINERD_DIR/log" 2>&1 3>&- &
    echo $! >"$CONTAINERD_DIR/pid"
    wait_until ctr version || { show_log "$CONTAINERD_DIR/log" && return 1; }
    ctr image import "$ENGINE_ARCHIVE" >/dev/null
    IMAGE=docker.io/library/base:latest
    export IMAGE
}

containerd_down()
{
    end_daemon "$(cat "$CONTAINERD_DIR/pid")"
}

# ctr run with the runtime in the place where the shim takes it
c_run()
{
    ctr run --runc-binary "$ENGINE_RUNTIME" "$@"
}

# ---- sc within a container of theirs -----------------------------------------------------------------------

# nested_args: the options with which NAME's container has sc's programs and a store on a disk; into ${nested[@]}
nested_args()
{
    local store=$BATS_TEST_TMPDIR/nested
    SC_DATA_ROOT=$store SC_RUN_ROOT=$BATS_TEST_TMPDIR/nested-run SC_NETWORK=none "$SC" run --rm base true
    nested=(--privileged -v "$store:/var/lib/sc" --tmpfs /run -v "$SC_BIN:/sc:ro" -e SC_NETWORK=none)
}

# nested_check PID CMD...: CMD... runs a command in the container with process PID. Limits hold below its cgroups, and nothing is left there.
nested_check()
{
    local pid=$1 own dir
    shift
    own=$(cgroup_dir "$pid" memory)
    ok "$@" /sc/sc run -d --name in -m 48m base sleep 1234
    dir=$(echo "${own%/init}"/sc/????????????????????????????????????????????????????????????????)
    is "$(cat "$dir"/memory.{max,limit_in_bytes} 2>/dev/null)" 50331648
    fails 137 "$@" /sc/sc run --name big -m 16m --memory-swap 16m base sh -c 'x=0123456789abcdef; while :; do x=$x$x; done'
    ok "$@" /sc/sc why big
    expect_output 'at the limit of 16MiB'
    ok "$@" /sc/sc rm -f in big
    [ ! -e "$dir" ]
}
