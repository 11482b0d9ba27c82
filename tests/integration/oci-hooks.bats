# runtime.md "Lifecycle" and config.md "POSIX-platform Hooks".
load helpers

setup()
{
    sc_setup
    b=$BATS_TEST_TMPDIR/bundle
    log=$BATS_TEST_TMPDIR/log
    root=$SC_RUN_ROOT/oci
    export PATH=$PATH:/usr/sbin
}

oci()
{
    run_oci --root "$root" "$@"
}

# The same where the container lives on, with what would else be bats's own descriptors.
oci_leaves()
{
    status=0
    "$SC_OCI" --root "$root" "$@" >"$BATS_TEST_TMPDIR/leaves.out" 2>"$BATS_TEST_TMPDIR/leaves.err" </dev/null 3>&- || status=$?
    output=$(cat "$BATS_TEST_TMPDIR/leaves.out") stderr=$(cat "$BATS_TEST_TMPDIR/leaves.err") last_command="sc-oci $*"
}

# hook NAME SCRIPT: an entry of hooks that runs the script by the host's shell
hook()
{
    local script=${2//\\/\\\\}
    printf '{"%s": [{"path": "/bin/sh", "args": ["sh", "-c", "%s"]}]}' "$1" "${script//\"/\\\"}"
}

# hooked OBJECT...: a bundle with these hooks that sleeps
hooked()
{
    local all
    all=$(printf ', %s' "$@")
    make_bundle "$b" ".hooks = reduce ([${all:2}][] | to_entries[]) as \$e ({}; .[\$e.key] += \$e.value) | .process.args = [\"sleep\", \"1000\"]"
}

all_logged()
{
    hooked "$(hook prestart "echo prestart >>$log")" "$(hook createRuntime "echo createRuntime >>$log")" \
        "$(hook createContainer "echo createContainer >>$log")" "$(hook startContainer "echo startContainer >/out/log")" \
        "$(hook poststart "echo poststart >>$log")" "$(hook poststop "echo poststop >>$log")"
}

@test "hooks: all six, in the order of the lifecycle" {
    all_logged
    mkdir "$BATS_TEST_TMPDIR/out"
    jq --arg s "$BATS_TEST_TMPDIR/out" '.mounts += [{destination: "/out", source: $s, type: "bind", options: ["bind"]}] | .root.readonly = false' \
        "$b/config.json" >"$b/new" && mv "$b/new" "$b/config.json"
    oci_leaves create --bundle "$b" six
    expect 0
    is "$(cat "$log")" $'prestart\ncreateRuntime\ncreateContainer'
    [ ! -e "$BATS_TEST_TMPDIR/out/log" ]
    oci start six
    expect 0
    is "$(cat "$BATS_TEST_TMPDIR/out/log")" startContainer
    is "$(tail -n 1 "$log")" poststart
    oci kill six KILL
    wait_until sh -c "'$SC_OCI' --root '$root' state six | grep -q stopped"
    is "$(tail -n 1 "$log")" poststart
    oci delete six
    expect 0
    is "$(tail -n 1 "$log")" poststop
}

@test "hooks: several of one kind in the order listed, until one fails" {
    hooked "$(hook createRuntime "echo 1 >>$log")" "$(hook createRuntime "echo 2 >>$log; exit 3")" "$(hook createRuntime "echo 3 >>$log")"
    oci run --bundle "$b" several
    expect 255
    expect_stderr 'error running createRuntime hook #1: "/bin/sh": exit status 3'
    is "$(cat "$log")" $'1\n2'
}

# any-kernel: which hook runs when, and what it is told, is sc-oci's doing
@test "hooks: exactly the environment that is given, the arguments as they are, the bundle as directory" {
    make_bundle "$b" ".hooks.createRuntime = [{path: \"/usr/bin/env\", args: [\"ignored\", \"sh\", \"-c\", \"{ env; pwd; echo \$0; } >$log\", \"zero\"], env: [\"A=1\", \"B=two words\"]}] | .process.args = [\"true\"]"
    SECRET=1 oci run --bundle "$b" env
    expect 0
    is "$(grep -vE '^(PWD|_|SHLVL|OLDPWD)=' "$log" | sort)" "$(printf '%s\n' "$b" A=1 'B=two words' zero | sort)"
    make_bundle "$b" ".hooks.createRuntime = [{path: \"/usr/bin/env\"}] | .hooks.poststart = [{path: \"/usr/bin/touch\", args: [\"touch\", \"$log\"]}] | .process.args = [\"true\"]"
    rm "$log"
    oci run --bundle "$b" noargs
    is "$status:$output" "0:"
    [ -e "$log" ]
}

# any-kernel: which hook runs when, and what it is told, is sc-oci's doing
@test "hooks: the state on standard input: id, status, pid, bundle, annotations" {
    local kind
    for kind in prestart createRuntime createContainer poststart poststop; do
        hooked "$(hook $kind "cat >$log.$kind")"
        jq '.annotations = {"org.test": "yes"} | .process.args = ["sleep", "0.1"]' "$b/config.json" >"$b/new" && mv "$b/new" "$b/config.json"
        oci run --bundle "$b" state
        expect 0
        is "$(jq -r '[.id, .bundle, .annotations["org.test"]] | join(" ")' "$log.$kind")" "state $b yes"
        matches "$(jq -r .ociVersion "$log.$kind")" '^1\.'
    done
    is "$(jq -r .status "$log".{prestart,createRuntime,createContainer,poststart,poststop} | xargs)" "creating creating creating running stopped"
    for kind in prestart createRuntime createContainer poststart; do
        matches "$(jq .pid "$log.$kind")" '^[0-9]+$'
        [ "$(jq .pid "$log.$kind")" -gt 1 ]
    done
    is "$(jq 'has("pid")' "$log.poststop")" false
}

# any-kernel: which hook runs when, and what it is told, is sc-oci's doing
@test "hooks: startContainer has the container's pid in its state, and status created" {
    make_bundle "$b" '.root.readonly = false | .hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "cat >/state"]}] | .process.args = ["sleep", "1000"]'
    oci_leaves run -d --bundle "$b" inside
    expect 0
    is "$(jq -r .status "$b/rootfs/state")" created
    is "$(jq .pid "$b/rootfs/state")" "$("$SC_OCI" --root "$root" state inside | jq .pid)"
    oci delete -f inside
}

@test "hooks: runtime namespaces outside, the container's inside" {
    local ns='for n in mnt net pid uts; do readlink /proc/self/ns/$n; done'
    hooked "$(hook createRuntime "{ $ns; } >$log.1")" "$(hook createContainer "{ readlink /proc/thread-self/ns/mnt; readlink /proc/thread-self/ns/net; } >$log.2")" \
        "$(hook poststart "{ $ns; } >$log.3")"
    oci_leaves run -d --bundle "$b" ns
    expect 0
    local pid host
    pid=$("$SC_OCI" --root "$root" state ns | jq .pid)
    host=$(for n in mnt net pid uts; do readlink /proc/self/ns/$n; done)
    is "$(cat "$log.1")" "$host"
    is "$(cat "$log.3")" "$host"
    is "$(cat "$log.2")" "$(readlink "/proc/$pid/ns/mnt"; readlink "/proc/$pid/ns/net")"
    oci delete -f ns
}

@test "hooks: createContainer finds the root where the config says it is, and mounts there reach the container" {
    make_bundle "$b"
    mkdir -p "$b/rootfs/mnt"
    hooked "$(hook createContainer "mount -t tmpfs -o size=1m made $b/rootfs/mnt && [ -e $b/rootfs/proc/self ]")"
    jq '.process.args = ["grep", " /mnt ", "/proc/self/mountinfo"]' "$b/config.json" >"$b/new" && mv "$b/new" "$b/config.json"
    oci run --bundle "$b" mounts
    expect 0
    expect_output "tmpfs made"
    run ! grep -q "$b/rootfs/mnt" /proc/self/mountinfo
}

@test "hooks: a runtime hook enters the container's mount namespace and prepares its root" {
    make_bundle "$b"
    mkdir -p "$b/rootfs/mnt"
    hooked "$(hook prestart "pid=\$(sed -n 's/.*\"pid\": *\\([0-9]*\\).*/\\1/p'); nsenter -t \$pid -m mount -t tmpfs made $b/rootfs/mnt")"
    jq '.process.args = ["grep", " /mnt ", "/proc/self/mountinfo"]' "$b/config.json" >"$b/new" && mv "$b/new" "$b/config.json"
    oci run --bundle "$b" enters
    expect 0
    expect_output "tmpfs made"
}

@test "hooks: startContainer runs the image's program with no right that the container's has not" {
    make_bundle "$b" '.root.readonly = false | .hooks.startContainer = [{path: "/bin/sh", args: ["sh", "-c", "grep Cap /proc/self/status >/caps; id -u >>/caps; ls -l /proc/self/fd | wc -l >>/caps"]}]
        | .process.args = ["grep", "Cap", "/proc/self/status"]'
    chmod 777 "$b/rootfs"
    oci run --bundle "$b" rights
    expect 0
    is "$(grep Cap "$b/rootfs/caps")" "$output"
}

# any-kernel: which hook runs when, and what it is told, is sc-oci's doing
@test "hooks: one that takes too long is killed, and the container with it" {
    make_bundle "$b" ".hooks.createRuntime = [{path: \"/bin/sleep\", args: [\"sleep\", \"1000\"], timeout: 1}] | .hooks.poststop = [{path: \"/usr/bin/touch\", args: [\"touch\", \"$log\"]}]"
    oci_leaves create --bundle "$b" late
    expect 1
    expect_stderr 'error running createRuntime hook #0: "/bin/sleep": did not end within 1 s'
    [ -e "$log" ]
    oci state late
    expect 1
    make_bundle "$b" '.hooks.createContainer = [{path: "/bin/sleep", args: ["sleep", "1000"], timeout: 1}]'
    oci run --bundle "$b" late
    expect 255
    expect_stderr 'did not end within 1 s'
    make_bundle "$b" '.hooks.poststart = [{path: "/bin/true", timeout: 0}]'
    oci run --bundle "$b" late
    expect_error 255 "hooks.poststart[0].timeout: must be more than 0"
}

# any-kernel: which hook runs when, and what it is told, is sc-oci's doing
@test "hooks: what a failed one wrote is in the error, and nothing of it in the container's output" {
    hooked "$(hook createRuntime "echo to standard output; echo reason >&2; exit 1")"
    oci run --bundle "$b" says
    expect_error 255 'exit status 1: to standard output reason'
    is "$output" ""
    hooked "$(hook createRuntime "echo noise")" "$(hook createContainer "echo noise")"
    jq '.process.args = ["echo", "own"]' "$b/config.json" >"$b/new" && mv "$b/new" "$b/config.json"
    oci run --bundle "$b" quiet
    is "$status:$output:$stderr" "0:own:"
    make_bundle "$b" '.hooks.createRuntime = [{path: "/no/such/hook"}]'
    oci run --bundle "$b" absent
    expect_error 255 '/no/such/hook: No such file or directory'
}

# any-kernel: which hook runs when, and what it is told, is sc-oci's doing
@test "hooks: a failure before the program destroys the container and runs poststop" {
    local kind
    for kind in prestart createRuntime createContainer startContainer; do
        rm -f "$log"
        hooked "$(hook $kind "exit 1")" "$(hook poststop "echo stopped >>$log")"
        jq ".process.args = [\"touch\", \"/tmp/ran\"] | .root.readonly = false" "$b/config.json" >"$b/new" && mv "$b/new" "$b/config.json"
        oci run --bundle "$b" fails
        expect 255
        expect_stderr "$kind"
        is "$(cat "$log")" stopped
        [ ! -e "$b/rootfs/tmp/ran" ]
        oci state fails
        expect 1
    done
}

# any-kernel: which hook runs when, and what it is told, is sc-oci's doing
@test "hooks: a startContainer hook that fails makes start fail" {
    hooked "$(hook startContainer "exit 1")" "$(hook poststop "echo stopped >>$log")"
    oci_leaves create --bundle "$b" fails
    expect 0
    oci start fails
    expect 1
    is "$(cat "$log")" stopped
    oci state fails
    expect_error 1 "container does not exist"
}

# any-kernel: which hook runs when, and what it is told, is sc-oci's doing
@test "hooks: a poststart hook that fails stops and destroys the container" {
    hooked "$(hook poststart "exit 7")" "$(hook poststop "echo stopped >>$log")"
    oci_leaves run -d --bundle "$b" fails
    expect_error 255 'error running poststart hook #0: "/bin/sh": exit status 7'
    is "$(cat "$log")" stopped
    oci_leaves create --bundle "$b" fails
    expect 0
    local pid
    pid=$("$SC_OCI" --root "$root" state fails | jq .pid)
    oci start fails
    expect_error 1 'error running poststart hook #0: "/bin/sh": exit status 7'
    has_ended "$pid"
    oci state fails
    expect_error 1 "container does not exist"
}

# any-kernel: which hook runs when, and what it is told, is sc-oci's doing
@test "hooks: a poststop hook that fails is a warning; the others run and the container is gone" {
    hooked "$(hook poststop "exit 4")" "$(hook poststop "echo second >>$log")"
    oci_leaves create --bundle "$b" warns
    oci --log "$BATS_TEST_TMPDIR/out.log" --log-format json delete --force warns
    expect 0
    is "$(cat "$log")" second
    is "$(jq -r .level "$BATS_TEST_TMPDIR/out.log")" warning
    matches "$(jq -r .msg "$BATS_TEST_TMPDIR/out.log")" 'error running poststop hook #0: "/bin/sh": exit status 4'
    oci state warns
    expect 1
}

# any-kernel: the file alone
@test "config.json: changes after create have no effect" {
    hooked "$(hook poststop "echo first >>$log")"
    jq '.process.args = ["sh", "-c", "echo $KIND; sleep 1000"] | .process.env += ["KIND=first"]' "$b/config.json" >"$b/new" && mv "$b/new" "$b/config.json"
    "$SC_OCI" --root "$root" create --bundle "$b" keeps >"$BATS_TEST_TMPDIR/out" 3>&-
    echo '{"ociVersion": "1.0.0"}' >"$b/config.json"
    oci start keeps
    expect 0
    oci exec keeps sh -c 'echo $KIND'
    is "$status:$output" "0:first"
    rm "$b/config.json"
    oci delete --force keeps
    expect 0
    is "$(cat "$log")" first
    wait_until grep -q first "$BATS_TEST_TMPDIR/out"
}

# any-kernel: the file alone
@test "config.json: unknown members are ignored, versions are checked" {
    make_bundle "$b" '.unknown = {a: [1]} | .linux.unknown = true | .process.unknown = null | .hooks = {unknown: []} | .process.args = ["true"]'
    oci run --bundle "$b" unknown
    expect 0
    for version in 1.0.0 1.0.2-dev 1.3.0 1.9.0+build; do
        make_bundle "$b" ".ociVersion = \"$version\" | .process.args = [\"true\"]"
        oci run --bundle "$b" version
        expect 0
    done
    for version in 2.0.0 0.9.0; do
        make_bundle "$b" ".ociVersion = \"$version\""
        oci run --bundle "$b" version
        expect_error 255 "ociVersion: \"$version\" is not supported"
    done
    make_bundle "$b" '.ociVersion = "one"'
    oci run --bundle "$b" version
    expect_error 255 'ociVersion: "one" must be a version'
    make_bundle "$b" 'del(.ociVersion)'
    oci run --bundle "$b" version
    expect_error 255 "ociVersion: is required"
}

# any-kernel: the file alone
@test "features: the document says what is recognized, and is JSON" {
    oci features
    expect 0
    is "$(jq -r '.ociVersionMin, .ociVersionMax, (.hooks | length), (.linux.namespaces | length)' <<<"$output" | xargs)" "1.0.0 1.3.0 6 8"
    is "$(jq '[.mountOptions[] | select(. == "rro" or . == "idmap" or . == "tmpcopyup")] | length' <<<"$output")" 3
    is "$(jq -c '.linux.mountExtensions.idmap.enabled' <<<"$output")" true
    is "$(jq -r '.linux.seccomp.actions | index("SCMP_ACT_NOTIFY") != null' <<<"$output")" true
}
