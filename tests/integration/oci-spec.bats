#!/usr/bin/env bats
# sc-oci spec and features: documents that need no container. The first means what `runc spec` writes.
# no-vm: documents, not the kernel
load helpers
load oci

@test "spec is a bundle's config.json, which runs" {
    make_bundle "$B"
    rm "$B/config.json"
    cd "$B"
    oci spec
    expect 0
    is "$output$stderr" ""
    is "$(jq -c '[.process.args, .process.cwd, .process.terminal, .process.noNewPrivileges]' config.json)" '[["sh"],"/",true,true]'
    is "$(jq -c '.process.user' config.json)" '{"uid":0,"gid":0}'
    is "$(jq -c '.root' config.json)" '{"path":"rootfs","readonly":true}'
    is "$(jq -c '.process.env | map(split("=")[0])' config.json)" '["PATH","TERM"]'
    for set in bounding effective permitted ambient; do
        is "$(jq -c --arg s "$set" '.process.capabilities[$s] | sort' config.json)" '["CAP_AUDIT_WRITE","CAP_KILL","CAP_NET_BIND_SERVICE"]'
    done
    is "$(jq -c '.process.rlimits | map([.type, .soft, .hard])' config.json)" '[["RLIMIT_NOFILE",1024,1024]]'
    is "$(jq -c '.mounts | map(.destination)' config.json)" '["/proc","/dev","/dev/pts","/dev/shm","/dev/mqueue","/sys","/sys/fs/cgroup"]'
    is "$(jq -c '.mounts[] | select(.destination == "/dev/shm") | .options' config.json)" '["nosuid","noexec","nodev","mode=1777","size=65536k"]'
    is "$(jq -c '.linux.namespaces | map(.type) | sort - ["cgroup"]' config.json)" '["ipc","mount","network","pid","uts"]'
    is "$(jq -c '.linux.namespaces | map(.type) | index("cgroup") != null' config.json)" "$([ "$(cgroup_mode)" = v2 ] && echo true || echo false)"
    is "$(jq -c '.linux.resources.devices | map([.allow, .access])' config.json)" '[[false,"rwm"]]'
    is "$(jq -c '.linux.readonlyPaths' config.json)" '["/proc/bus","/proc/fs","/proc/irq","/proc/sys","/proc/sysrq-trigger"]'
    is "$(jq -c '.linux.maskedPaths | length' config.json)" 10

    jq '.process.terminal = false | .process.args = ["echo", "it runs"]' config.json >other && mv other config.json
    oci run "$ID"
    expect 0
    is "$output" "it runs"
}

@test "spec --rootless: a user namespace with the caller's one id, nothing that needs root" {
    make_bundle "$B"
    rm "$B/config.json"
    oci spec --rootless --bundle "$B"
    expect 0
    is "$(jq -c '.linux.namespaces | map(.type) | sort - ["cgroup"]' "$B/config.json")" '["ipc","mount","pid","user","uts"]'
    is "$(jq -c '[.linux.uidMappings, .linux.gidMappings]' "$B/config.json")" \
        "[[{\"containerID\":0,\"hostID\":$(id -u),\"size\":1}],[{\"containerID\":0,\"hostID\":$(id -g),\"size\":1}]]"
    is "$(jq -c '.linux.resources' "$B/config.json")" null
    is "$(jq -c '.mounts[] | select(.destination == "/sys") | [.type, .source, .options[0]]' "$B/config.json")" '["none","/sys","rbind"]'
    is "$(jq -c '[.mounts[].options[]? | select(startswith("gid="))]' "$B/config.json")" '[]'
}

@test "spec overwrites nothing" {
    mkdir "$B"
    echo mine >"$B/config.json"
    ln -s nowhere "$B/link.json"
    cd "$B"
    oci spec
    expect_error 1 "config.json exists"
    is "$(cat config.json)" mine
    oci spec --bundle "$B" --rootless
    expect_error 1 "config.json exists"
    oci spec --file link.json
    expect_error 1 "link.json exists"
    [ ! -e nowhere ]
    oci spec -f other.json
    expect 0
    is "$(jq -r .root.path other.json)" rootfs
    oci spec --bundle "$B/nosuch"
    expect_error 1 "no such file or directory"
}

@test "features is the document of the specification, and true" {
    oci features
    expect 0
    is "$(jq -c '[.ociVersionMin, .hooks]' <<<"$output")" \
        '["1.0.0",["prestart","createRuntime","createContainer","startContainer","poststart","poststop"]]'
    matches "$(jq -r .ociVersionMax <<<"$output")" '^1\.[0-9]+\.[0-9]+$'
    # every namespace and capability that this kernel has
    for ns in cgroup ipc mount network pid user uts; do
        is "$(jq --arg n "$ns" '.linux.namespaces | index($n) != null' <<<"$output")" true
    done
    is "$(jq '.linux.capabilities | length' <<<"$output")" $(($(cat /proc/sys/kernel/cap_last_cap) + 1))
    for option in ro rro nosuid bind rbind idmap ridmap tmpcopyup rshared; do
        is "$(jq --arg o "$option" '.mountOptions | index($o) != null' <<<"$output")" true
    done
    for action in SCMP_ACT_ALLOW SCMP_ACT_ERRNO SCMP_ACT_KILL_PROCESS SCMP_ACT_NOTIFY SCMP_ACT_LOG; do
        is "$(jq --arg a "$action" '.linux.seccomp.actions | index($a) != null' <<<"$output")" true
    done
    # what is built in, whether or not this host has it
    is "$(jq -c '.linux | [.apparmor.enabled, .selinux.enabled]' <<<"$output")" '[true,true]'
    is "$(jq -c '.linux.intelRdt' <<<"$output")" '{"enabled":true,"schemata":true,"monitoring":true}'
    oci features extra
    expect_error 1 "requires exactly 0"
}

@test "what sc wrote as config.json of a container has its default seccomp profile again, and its cached filter" {
    sc_ok create --name one base true
    sc_ok start -a one
    mine=$(find "$SC_DATA_ROOT/container" -name config.json)
    make_bundle "$B" '.process.args = ["true"]'
    jq --slurpfile mine "$mine" '.linux.seccomp = $mine[0].linux.seccomp | .process.capabilities = $mine[0].process.capabilities' \
        "$B/config.json" >"$B/other"
    mv "$B/other" "$B/config.json"
    oci --debug --log "$BATS_TEST_TMPDIR/log" run --bundle "$B" "$ID"
    expect 0
    grep -q "sc's default profile" "$BATS_TEST_TMPDIR/log"
    # one word less, and it is the caller's own
    rm "$BATS_TEST_TMPDIR/log"
    jq '.linux.seccomp.syscalls[0].names[0:1] = []' "$B/config.json" >"$B/other" && mv "$B/other" "$B/config.json"
    oci --debug --log "$BATS_TEST_TMPDIR/log" run --bundle "$B" "$ID"
    expect 0
    run ! grep -q "sc's default profile" "$BATS_TEST_TMPDIR/log"
    grep -q "the config's profile" "$BATS_TEST_TMPDIR/log"
    sc_ok rm one
}
