#!/usr/bin/env bats
# Images: in and out of archives, names, layers that overlay, and archives that were made to do harm.
# no-vm: formats and the store do not meet the kernel
load helpers
load archives

# What the store holds, by name.
store()
{
    (cd "$SC_DATA_ROOT" && find image/blobs image/sc-chain image/tmp layer -mindepth 1 -maxdepth 2 -not -path '*/diff*' -not -name sha256 | sort)
}

# refused TEXT COMMAND...: it fails with exit code 1, one line that has TEXT, and the store as it was.
refused()
{
    local text=$1 before
    shift
    before=$(store)
    run_split "$@"
    last_command="$*"
    expect_error 1 "$text"
    is "$(store)" "$before"
}

# hostile TEXT: a layer made by standard input is refused with TEXT, loaded and imported, and nothing outside is touched.
hostile()
{
    local text=$1
    layer "$BATS_TEST_TMPDIR/hostile.tar"
    archive "$BATS_TEST_TMPDIR/hostile-image.tar" hostile:1 "$BATS_TEST_TMPDIR/hostile.tar"
    refused "$text" "$SC" load -i "$BATS_TEST_TMPDIR/hostile-image.tar"
    refused "$text" "$SC" image import "$BATS_TEST_TMPDIR/hostile.tar" hostile:2
    [ ! -e /tmp/sc-test-evil ]
    [ ! -e "$SC_DATA_ROOT/evil" ]
    [ -z "$(find "$SC_DATA_ROOT" -name 'evil*' -print -quit)" ]
}

@test "image: base is a true OCI image" {
    cd "$SC_DATA_ROOT/image"
    is "$(jq -r .imageLayoutVersion oci-layout)" 1.0.0
    manifest=$(jq -er '.manifests[0].digest' index.json)
    is "$(jq -r '.manifests[0].annotations."org.opencontainers.image.ref.name"' index.json)" docker.io/library/base:latest
    for blob in blobs/sha256/*; do
        is "$(sha256sum "$blob" | cut -d' ' -f1)" "${blob##*/}"
    done
    config=$(jq -er .config.digest "blobs/sha256/${manifest#sha256:}")
    is "$("$SC" images -q --no-trunc base)" "$config"
}

@test "image: saved and loaded, an image is the same and runs" {
    id=$("$SC" images -q --no-trunc base)
    for format in docker-archive oci-archive oci-dir; do
        out=$BATS_TEST_TMPDIR/$format
        sc_ok image save --format "$format" -o "$out" base
        is "$output" ""
        sc_ok rmi base
        sc_ok image load -i "$out"
        is "$output" "Loaded image: base:latest"
        is "$("$SC" images -q --no-trunc base)" "$id"
        sc_ok run --rm base echo "$format"
        is "$output" "$format"
    done
}

@test "image save: the same image gives the same bytes, to a file as to a pipe" {
    for format in docker-archive oci-archive; do
        sc_ok save --format "$format" -o "$BATS_TEST_TMPDIR/one" base
        touch "$SC_DATA_ROOT/image"/blobs/sha256/*
        "$SC" save --format "$format" base | cat >"$BATS_TEST_TMPDIR/two"
        cmp "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
    done
}

@test "image save: docker-archive is what docker, podman and skopeo take" {
    sc_ok tag base user/second:1
    sc_ok save -o "$BATS_TEST_TMPDIR/x.tar" base user/second:1
    mkdir "$BATS_TEST_TMPDIR/x"
    cd "$BATS_TEST_TMPDIR/x"
    tar -xf ../x.tar
    is "$(jq -c '.[0].RepoTags' manifest.json)" '["base:latest","user/second:1"]'
    config=$(jq -er '.[0].Config' manifest.json)
    is "$(sha256sum "$config" | cut -d' ' -f1).json" "$config"
    layer=$(jq -er '.[0].Layers[0]' manifest.json)
    is "sha256:$(sha256sum "$layer" | cut -d' ' -f1)" "$(jq -er '.rootfs.diff_ids[0]' "$config")"
    is "$(jq -r '."user/second"."1"' repositories)" "${layer%.tar}"
    if type -P skopeo >/dev/null; then
        skopeo copy -q "docker-archive:../x.tar:base:latest" "dir:$BATS_TEST_TMPDIR/copied"
        skopeo copy -q "oci:$SC_DATA_ROOT/image:docker.io/library/base:latest" "dir:$BATS_TEST_TMPDIR/copied2"
    fi
}

@test "image save: without a place for it there is no archive" {
    refused 'no such image: "nowhere"' "$SC" save -o "$BATS_TEST_TMPDIR/x.tar" nowhere
    refused 'no such file or directory' "$SC" save -o "$BATS_TEST_TMPDIR/none/x.tar" base
    refused 'no space left on device' bash -c '"$SC" save base >/dev/full'
    refused 'invalid value "zip" of --format' "$SC" save --format zip base
    is "$(find "$BATS_TEST_TMPDIR" -name 'x.tar*')" ""
    mkdir "$BATS_TEST_TMPDIR/full"
    touch "$BATS_TEST_TMPDIR/full/file"
    refused 'exists and is not empty' "$SC" save --format oci-dir -o "$BATS_TEST_TMPDIR/full" base
    is "$(ls "$BATS_TEST_TMPDIR/full")" file
    script -qec "'$SC' save base" /dev/null >"$BATS_TEST_TMPDIR/tty" 2>&1 </dev/null && false
    grep -q 'refusing to write an archive to a terminal' "$BATS_TEST_TMPDIR/tty"
    is "$(wc -l <"$BATS_TEST_TMPDIR/tty")" 1
}

@test "image save: a repository is all its tags, each name once" {
    sc_ok tag base base:2
    sc_ok tag base other:1
    while IFS='|' read -r asked expected; do
        # shellcheck disable=SC2086
        sc_ok save -o "$BATS_TEST_TMPDIR/x.tar" $asked
        is "$asked: $(tar -xOf "$BATS_TEST_TMPDIR/x.tar" manifest.json | jq -c '[.[].RepoTags[]] | sort')" "$asked: $expected"
    done <<END
base|["base:2","base:latest"]
base base:latest|["base:2","base:latest"]
base:2 docker.io/library/base:2|["base:2"]
other|["other:1"]
other:1 other|["other:1"]
$("$SC" images -q base:2)|[]
END
    refused 'no such image: "other:2"' "$SC" save -o "$BATS_TEST_TMPDIR/y.tar" other:2
}

@test "images: --platform takes what is for that platform, or nothing; load chooses by it" {
    local os=linux arch other=arm64 word
    arch=$("$SC" image inspect base --format '{{.Architecture}}')
    [ "$arch" != arm64 ] || other=amd64
    for word in history 'image inspect' 'image save -o x.tar' rmi; do
        cd "$BATS_TEST_TMPDIR"
        # shellcheck disable=SC2086
        run_sc $word --platform "$os/$other" base:latest
        expect_error 1 "\"base:latest\": the image that is here is for $os/$arch, not for \"$os/$other\"; get it with: sc pull --platform $os/$other"
        # shellcheck disable=SC2086
        run_sc $word --platform a/b/c/d base
        expect_error 1 '--platform: invalid platform "a/b/c/d"'
    done
    [ ! -e x.tar ]
    sc_ok history -q --platform "$os/$arch" base
    sc_ok image inspect --platform "$os/$arch" base
    sc_ok image save --platform "$os/$arch" -o x.tar base
    # An index of two platforms.
    sc_ok image import --platform "$os/$other" -c 'LABEL for=other' <(tar -c -T /dev/null) two:1
    sc_ok save --format oci-dir -o layout base two:1
    index=$(jq -c --arg os "$os" --arg arch "$arch" --arg other "$other" '.manifests |= [
        (.[0] + {platform: {os: $os, architecture: $arch}}), (.[1] + {platform: {os: $os, architecture: $other}})] |
        del(.manifests[].annotations)' layout/index.json)
    digest=$(printf %s "$index" | sha256sum | cut -d' ' -f1)
    printf %s "$index" >"layout/blobs/sha256/$digest"
    jq -n --arg d "sha256:$digest" --argjson n "${#index}" '{schemaVersion: 2, manifests: [{mediaType: "application/vnd.oci.image.index.v1+json",
        digest: $d, size: $n, annotations: {"org.opencontainers.image.ref.name": "both:1"}}]}' >layout/index.json
    sc_ok load -i layout
    is "$("$SC" image inspect both:1 --format '{{.Architecture}}')" "$arch"
    sc_ok load --platform "$os/$other" -i layout
    is "$("$SC" image inspect both:1 --format '{{.Architecture}} {{.Config.Labels.for}}')" "$other other"
    refused "it has no image for $os/s390x; choose with --platform of: $os/$arch $os/$other" "$SC" load --platform "$os/s390x" -i layout
    refused "it has no image for $os/$other; choose with --platform of: $os/$arch" "$SC" load --platform "$os/$other" -i x.tar
    refused 'only images for linux are made here' "$SC" import --platform windows/amd64 x.tar
    sc_ok rmi --platform "$os/riscv64" --platform "$os/$arch" base
}

@test "images --tree: each image once, what it takes, and which are in use" {
    sc_ok tag base second:1
    sc_ok import <(tar -c -T /dev/null)
    sc_ok create base true
    local id
    id=$("$SC" images -q base)
    sc_ok images --tree
    is "${lines[0]}" 'Info ->  U In Use'
    [[ "${lines[1]}" =~ ^IMAGE\ +ID\ +DISK\ USAGE\ +CONTENT\ SIZE\ +EXTRA$ ]]
    is "${lines[2]}" base:latest
    [[ "${lines[3]}" =~ ^second:1\ +"$id"\ +[0-9.]+MB\ +[0-9.]+MB\ +U$ ]]
    [[ "${lines[4]}" =~ ^"└─ $("$SC" image inspect base --format '{{.Os}}/{{.Architecture}}')"\ +"$("$SC" image inspect base --format '{{slice .Descriptor.digest 7 19}}')"\  ]]
    [[ "$output" != *untagged* ]]
    sc_ok images --tree -a
    expect_output '<untagged>'
    sc_ok images --tree --filter reference=nowhere
    is "${#lines[@]}" 2
    # On a narrow terminal columns go, and no line is too long.
    python3 "$TESTS/terminal.py" show sh -c "stty cols 34; '$SC' images --tree" >"$BATS_TEST_TMPDIR/narrow"
    is "$(sed 's/\\r\\n/\n/g' "$BATS_TEST_TMPDIR/narrow" | grep IMAGE)" 'IMAGE            ID'
    is "$(sed 's/\\r\\n/\n/g' "$BATS_TEST_TMPDIR/narrow" | awk 'length > 34')" ''
    for word in --quiet --no-trunc --digests '--format json'; do
        # shellcheck disable=SC2086
        run_sc images --tree $word
        expect_error 1 "${word%% *} is not supported with --tree"
    done
}

@test "image load: one that is interrupted says so, and leaves nothing" {
    local before row signal code is pid feeder status
    sc_ok save -o "$BATS_TEST_TMPDIR/x.tar" base
    before=$(store)
    mkfifo "$BATS_TEST_TMPDIR/fifo"
    for row in 'INT 130 interrupted' 'TERM 143 terminated' 'HUP 129 the terminal has gone'; do
        read -r signal code is <<<"$row"
        # Shells start what is in the background with SIGINT ignored, and who runs this may ignore more; sleep keeps the pipe open.
        env --default-signal=INT,TERM,HUP "$SC" load -i "$BATS_TEST_TMPDIR/fifo" >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" 3>&- &
        pid=$!
        { head -c 1000000 "$BATS_TEST_TMPDIR/x.tar" && exec sleep 60; } >"$BATS_TEST_TMPDIR/fifo" 3>&- &
        feeder=$!
        wait_until eval '[ -n "$(ls -A "$SC_DATA_ROOT/image/tmp")" ]'
        kill "-$signal" "$pid"
        status=0
        wait "$pid" || status=$?
        kill "$feeder" 2>/dev/null || true # or it has written to nobody
        wait "$feeder" || true
        is "$signal $status $(cat "$BATS_TEST_TMPDIR/err")" "$signal $code sc: load: $is; nothing was changed"
        is "$(store)" "$before"
    done
}

@test "image load: from standard input, compressed or not" {
    sc_ok save -o "$BATS_TEST_TMPDIR/x.tar" base
    sc_ok rmi base
    for filter in cat gzip xz bzip2; do
        run_split bash -c "$filter <'$BATS_TEST_TMPDIR/x.tar' | '$SC' load -q"
        expect 0
        is "$output" "Loaded image: base:latest"
        sc_ok rmi base
    done
}

@test "image: tag, list and remove share what they can" {
    id=$("$SC" images -q --no-trunc base)
    sc_ok tag base localhost:5000/team/app:1.0
    sc_ok images --format '{{.Repository}} {{.Tag}}' --no-trunc
    expect_output 'localhost:5000/team/app 1.0'
    sc_ok rmi base
    is "$output" "Untagged: base:latest"
    sc_ok run --rm localhost:5000/team/app:1.0 true
    sc_ok run --rm "${id:7:12}" true
    sc_ok rmi "${id:7:12}"
    is "${lines[0]}" "Untagged: localhost:5000/team/app:1.0"
    is "${lines[1]}" "Deleted: $id"
    is "$(store)" ""
    run_sc rmi localhost:5000/team/app:1.0
    expect_error 1 'no such image: "localhost:5000/team/app:1.0"'
}

@test "image rm: an image that a container uses stays, or by force as much of it as must, as with Docker" {
    local id
    id=$("$SC" image inspect base --format '{{.Id}}')
    sc_ok create --name user base true
    run_sc rmi base
    expect_error 1 'image is being used by stopped container'
    # by force it goes from under a container that does not run, which goes on having its files
    sc_ok rmi -f base
    is "$output" "Untagged: base:latest"$'\n'"Deleted: $id"
    sc_fails 1 image inspect "$id"
    is "$("$SC" images -aq)" ""
    sc_ok image prune -af
    sc_ok start -a user
    sc_ok system fsck
    sc_ok cp user:/etc/passwd "$BATS_TEST_TMPDIR/passwd"
    sc_ok commit user base
    # .. and then nothing is left of it
    sc_ok rm user
    sc_ok rmi base
    is "$(ls "$SC_DATA_ROOT/layer" "$SC_DATA_ROOT/image/blobs/sha256")" "$SC_DATA_ROOT/image/blobs/sha256:

$SC_DATA_ROOT/layer:"
}

@test "image rm: under a container that runs an image only loses its name, by force" {
    local id name
    id=$("$SC" image inspect base --format '{{.Id}}')
    sc_ok run -d --name user base sleep 100
    run_sc rmi base
    expect_error 1 'image is being used by running container'
    run_sc rmi -f "$id"
    expect_error 1 'image is being used by running container'
    is "$("$SC" ps --format '{{.Image}}')" base
    sc_ok rmi -f base
    is "$output" "Untagged: base:latest"
    is "$("$SC" ps --format '{{.Image}}')" "${id:7:12}" # the name is nobody's now
    is "$("$SC" ps --no-trunc --format '{{.Image}}')" "$id"
    run_sc rmi -f "${id:7:12}"
    expect_error 1 'image is being used by running container'
    sc_ok tag "$id" one:1
    sc_ok tag "$id" one:2
    sc_ok rm -f user
    # by id, several names are taken by force only, in their order
    run_sc rmi "${id:7:12}"
    expect_error 1 'image is referenced in multiple repositories'
    sc_ok rmi -f "${id:7:12}"
    is "$(head -n 3 <<<"$output")" "Untagged: one:1"$'\n'"Untagged: one:2"$'\n'"Deleted: $id"
}

@test "image: layers hide, replace and complete those below" {
    layer "$BATS_TEST_TMPDIR/a.tar" <<'END'
file("data/kept", "from a")
file("data/replaced", "from a")
file("data/removed", "from a")
file("gone/x", "from a")
file("opaque/x", "from a")
dir("private", mode=0o700, uid=7, gid=8)
END
    layer "$BATS_TEST_TMPDIR/b.tar" <<'END'
file("data/replaced", "from b")
file("data/.wh.removed")
file(".wh.gone")
file("opaque/.wh..wh..opq")
file("opaque/y", "from b")
file("private/added", "from b")
END
    archive "$BATS_TEST_TMPDIR/x.tar" stack:1 base "$BATS_TEST_TMPDIR/a.tar" "$BATS_TEST_TMPDIR/b.tar"
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    is "$output" "Loaded image: stack:1"
    sc_ok run --rm stack:1 sh -c 'cat /data/kept /data/replaced; echo; ls /data /opaque; ls -d /gone; stat -c "%a %u %g" /private'
    expect_output "from afrom b"
    expect_no_output removed
    is "$(grep -c '^[xy]$' <<<"$output")" 1
    expect_stderr "/gone: No such file"
    expect_output "700 7 8"
    # Written to, the image stays as it is.
    sc_ok run --rm stack:1 sh -c 'echo changed >/data/kept; rm -r /opaque; cat /data/kept'
    is "$output" changed
    sc_ok run --rm stack:1 cat /data/kept /opaque/y
    is "$output" "from afrom b"
    # Where the layers are on the host is nobody's business inside.
    sc_ok run --rm stack:1 grep -- ' - overlay ' /proc/self/mountinfo
    expect_no_output "$SC_DATA_ROOT"
}

@test "images: newest first, and each filter" {
    local day
    for day in 3 1 2; do
        echo "$day" | SOURCE_DATE_EPOCH=$((day * 86400)) "$SC" import -c "LABEL day=$day" \
            <(cd "$BATS_TEST_TMPDIR" && echo "$day" >day && tar -c day) "old:$day" >/dev/null
    done
    sc_ok images --format '{{.Repository}}:{{.Tag}}' old
    is "$output" $'old:3\nold:2\nold:1'
    sc_ok images --format '{{.Tag}}' --filter before=old:3
    is "$(head -n 2 <<<"$output")" $'2\n1' # and base, which is as old as the epoch
    sc_ok images --format '{{.Tag}}' --filter since=old:1 --filter reference='old*'
    is "$output" $'3\n2'
    sc_ok images --format '{{.Tag}}' --filter until=1970-01-03T12:00:00Z --filter reference=old
    is "$output" $'2\n1'
    sc_ok images --format '{{.Tag}} {{.VirtualSize}} {{.SharedSize}} {{.Containers}}' --filter label=day=2
    is "$output" '2 2B N/A N/A'
    sc_fails 1 images --filter since=nosuch
    expect_error 1 'no such image: "nosuch"'
    sc_ok images --format '{{.Tag}}' --filter until=1970-01-03 old
    is "$output" 1
    sc_fails 1 images --filter colour=red
    sc_fails 125 images --filter colour
    # names of one image in their order; a name may be a pattern
    sc_ok tag old:3 old:0
    sc_ok images --format '{{.Tag}}' 'ol*'
    is "$output" $'0\n3\n2\n1'
    sc_ok image inspect old:3 --format '{{.RepoTags}} {{len .RepoDigests}} {{.Parent}} {{json .Config.Volumes}}'
    is "$output" '[old:0 old:3] 1  null'
    sc_ok history --format '{{.CreatedSince}}' base
    is "$output" N/A
    sc_ok history -H=false base
    matches "$output" '^IMAGE +CREATED AT +CREATED BY'
}

@test "image: owners, modes, times, setuid, devices and attributes are kept" {
    [ "$(id -u)" -eq 0 ] || skip "owners and devices need root"
    layer "$BATS_TEST_TMPDIR/a.tar" <<'END'
file("su", "x", mode=0o4755, mtime=1234567890.25)
file("mine", "x", uid=12, gid=34, mode=0o640)
hard("again", "mine")
link("absolute", "/data/anything")
t.addfile(entry("zero", type=tarfile.CHRTYPE, devmajor=1, devminor=5, mode=0o666))
t.addfile(entry("pipe", type=tarfile.FIFOTYPE, mode=0o600))
file("noted", "x", pax_headers={"SCHILY.xattr.user.note": "hello"})
END
    archive "$BATS_TEST_TMPDIR/x.tar" kept:1 base "$BATS_TEST_TMPDIR/a.tar"
    SC_LAYER_BACKEND=directory sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    diff=$(find "$SC_DATA_ROOT/layer" -maxdepth 2 -name diff -exec test -e '{}/su' \; -print)
    is "$(stat -c '%a %.9Y' "$diff/su")" "4755 1234567890.250000000"
    is "$(stat -c '%u %g %a %h' "$diff/mine")" "12 34 640 2"
    is "$(readlink "$diff/absolute")" /data/anything
    is "$(stat -c '%F %t %T' "$diff/zero")" "character special file 1 5"
    is "$(stat -c '%F' "$diff/pipe")" fifo
    is "$(getfattr --only-values -n user.note "$diff/noted")" hello
}

@test "image import: a tar, a pipe and a directory become images" {
    root=$BATS_TEST_TMPDIR/root
    mkdir -p "$root/bin" "$root/etc"
    cp "$(type -P busybox)" "$root/bin/busybox"
    ln -s busybox "$root/bin/sh"
    ln -s busybox "$root/bin/echo"
    tar -C "$root" -czf "$BATS_TEST_TMPDIR/root.tgz" .
    sc_ok image import -c 'CMD ["echo", "default"]' -c 'ENV GREETING="hello there"' -m "why not" "$BATS_TEST_TMPDIR/root.tgz" one
    matches "$output" '^sha256:[0-9a-f]{64}$'
    sc_ok run --rm one
    is "$output" default
    sc_ok run --rm one sh -c 'echo $GREETING'
    is "$output" "hello there"
    is "$("$SC" image inspect one | jq -r '.[0].Comment')" "why not"
    run_split bash -c "tar -C '$root' -c . | '$SC' image import - two"
    expect 0
    sc_ok run --rm two sh -c 'echo two'
    is "$output" two
    sc_ok image import "$root" three
    sc_ok run --rm three sh -c 'echo three'
    is "$output" three
    sc_ok import --platform linux/arm/v7 "$root" elsewhere
    is "$("$SC" inspect elsewhere --format '{{.Os}}/{{.Architecture}}/{{.Variant}}')" linux/arm/v7
    refused 'invalid platform' "$SC" import --platform a/b/c/d "$root"
    refused '"RUN" cannot be changed' "$SC" image import -c 'RUN rm -rf /' "$root"
}

@test "image import: from a web server, whole or not at all" {
    cat >"$BATS_TEST_TMPDIR/web.py" <<'END'
import http.server, sys
data = open(sys.argv[1], "rb").read()
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def do_GET(self):
        where = {"/moved": "/root.tar", "/loop": "/loop", "/file": "file:///etc/passwd"}.get(self.path)
        self.send_response(302 if where else 200 if self.path in ("/root.tar", "/cut") else 404)
        if where: self.send_header("Location", where)
        self.send_header("Content-Length", "0" if where else str(len(data)))
        self.end_headers()
        if not where: self.wfile.write(data[:-512] if self.path == "/cut" else data)
        self.close_connection = True
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
END
    tar -C "$BATS_SUITE_TMPDIR/rootfs" -cf "$BATS_TEST_TMPDIR/root.tar" bin
    python3 "$BATS_TEST_TMPDIR/web.py" "$BATS_TEST_TMPDIR/root.tar" >"$BATS_TEST_TMPDIR/port" 3>&- &
    local server=$! before
    wait_until test -s "$BATS_TEST_TMPDIR/port"
    local web
    web=http://127.0.0.1:$(cat "$BATS_TEST_TMPDIR/port")
    sc_ok import "$web/moved" web
    is "$("$SC" image inspect web | jq -r '.[0].Comment')" "Imported from $web/moved"
    sc_ok run --rm web /bin/busybox echo in
    is "$output" in
    before=$("$SC" images -aq | wc -l)
    sc_fails 1 import "$web/absent" no
    expect_error 1 "status 404"
    sc_fails 1 import "$web/cut" no
    sc_fails 1 import "$web/loop" no
    expect_error 1 "more than 10 redirects"
    sc_fails 1 import "$web/file" no
    expect_error 1 "status 404" # no scheme but http is one
    is "$("$SC" images -aq | wc -l)" "$before"
    is "$(ls "$SC_DATA_ROOT/image/tmp")" ""
    kill "$server" && wait "$server" || true
}

@test "image: metadata never grants anything" {
    layer "$BATS_TEST_TMPDIR/a.tar" </dev/null
    archive "$BATS_TEST_TMPDIR/x.tar" wish:1 base "$BATS_TEST_TMPDIR/a.tar"
    cd "$BATS_TEST_TMPDIR/archive"
    jq '.config += {Privileged: true, CapAdd: ["ALL"], SecurityOpt: ["seccomp=unconfined"], Binds: ["/:/host"], NetworkMode: "host"}' \
        config.json >c && mv c config.json
    tar -cf ../x.tar config.json manifest.json layer-*
    sc_ok load -i ../x.tar
    sc_ok run --rm wish:1 sh -c 'grep -E "CapEff|Seccomp:" /proc/self/status; [ ! -e /host ]'
    wish=$output
    sc_ok run --rm base sh -c 'grep -E "CapEff|Seccomp:" /proc/self/status'
    is "$wish" "$output"
}

@test "import: with SOURCE_DATE_EPOCH the same archive is the same image" {
    layer "$BATS_TEST_TMPDIR/a.tar" <<<'file("x", "text")'
    SOURCE_DATE_EPOCH=1700000000 sc_ok import "$BATS_TEST_TMPDIR/a.tar" one
    id=$output
    sc_ok inspect --format '{{.Created}}' one
    is "$output" 2023-11-14T22:13:20.000000000Z
    SOURCE_DATE_EPOCH=1700000000 sc_ok import "$BATS_TEST_TMPDIR/a.tar" two
    is "$output" "$id"
    SOURCE_DATE_EPOCH=soon run_sc import "$BATS_TEST_TMPDIR/a.tar" three
    expect_error 1 'SOURCE_DATE_EPOCH'
    sc_ok images -q three
    is "$output" ''
}

@test "image: one for another machine is refused, and named" {
    layer "$BATS_TEST_TMPDIR/a.tar" </dev/null
    archive "$BATS_TEST_TMPDIR/x.tar" other:1 base "$BATS_TEST_TMPDIR/a.tar"
    cd "$BATS_TEST_TMPDIR/archive"
    jq '.architecture = "s390x"' config.json >c && mv c config.json
    tar -cf ../x.tar config.json manifest.json layer-*
    sc_ok load -i ../x.tar
    run_sc run --rm other:1 true
    expect_error 125 'is for linux/s390x, this machine is linux/'
}

# more_than_one_mib FILE: a layer that is unpacked while it is read from an archive.
more_than_one_mib()
{
    layer "$1" <<<'file("big", "x" * 3000000); file("shut/in", "y"); file(".wh.etc")'
}

@test "image load: a layer that is unpacked as it comes is what its blob says, once or twice, compressed or not" {
    more_than_one_mib "$BATS_TEST_TMPDIR/a.tar"
    layer "$BATS_TEST_TMPDIR/low.tar" <<<'dir("shut", mode=0o700, uid=3); file("low", "z" * 1100000)'
    archive "$BATS_TEST_TMPDIR/x.tar" big:1 "$BATS_TEST_TMPDIR/low.tar" "$BATS_TEST_TMPDIR/a.tar" "$BATS_TEST_TMPDIR/a.tar"
    strace -f -e trace=/rename -o "$BATS_TEST_TMPDIR/trace" "$SC" load -i "$BATS_TEST_TMPDIR/x.tar"
    # each of them ahead of the commit
    is "$(grep -c '"tmp-[0-9-]*-ahead", .* = 0' "$BATS_TEST_TMPDIR/trace")" 3
    sc_ok system fsck
    expect_output "and 4 layers checked: 0 problems"
    sc_ok image unpack big:1 "$BATS_TEST_TMPDIR/out"
    is "$(stat -c '%s %a' "$BATS_TEST_TMPDIR/out/big")" "3000000 644"
    is "$(stat -c '%a %u' "$BATS_TEST_TMPDIR/out/shut")" "700 3"
    # the same, compressed: the diff id is still the tar's
    (cd "$BATS_TEST_TMPDIR/archive" && gzip -n layer-1.tar layer-2.tar && mv layer-1.tar.gz layer-1.tar && mv layer-2.tar.gz layer-2.tar &&
        tar -cf "$BATS_TEST_TMPDIR/x.tar" layer-* config.json manifest.json)
    sc_ok rmi big:1
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    sc_ok system fsck
    expect_output "and 4 layers checked: 0 problems"
    is "$(find "$SC_DATA_ROOT/layer" -maxdepth 1 -name 'tmp-*')" ""
}

@test "rmi: what takes long goes on behind the answer, and nobody need wait for it" {
    layer "$BATS_TEST_TMPDIR/file.tar" <<<'file("big", "x" * (65 << 20))'
    layer "$BATS_TEST_TMPDIR/files.tar" <<<'
for i in range(4200): file("d%d/f%d" % (i % 50, i), "")'
    local before layers
    before=$(store)
    for i in file files; do
        archive "$BATS_TEST_TMPDIR/x.tar" big:1 "$BATS_TEST_TMPDIR/$i.tar"
        SC_LAYER_BACKEND=directory sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
        layers=$(store)
        # Its end is the pipe's end; the names have gone, and the next writer need not wait for the rest.
        "$SC" rmi big:1 | grep -c '^Deleted: ' >"$BATS_TEST_TMPDIR/said"
        is "$(cat "$BATS_TEST_TMPDIR/said")" 2
        is "$(store | grep -v '^layer/tmp-')" "$before"
        SC_LAYER_BACKEND=directory sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
        is "$(store | grep -v '^layer/tmp-')" "$layers"
        sc_ok rmi big:1
        wait_until none_is_left
        is "$(store)" "$before"
    done
}

none_is_left() { [ -z "$(find "$SC_DATA_ROOT/layer" -maxdepth 1 -name 'tmp-*')" ]; }

@test "image load: what looks like a layer and is none, or another one than the config says, leaves no trace" {
    more_than_one_mib "$BATS_TEST_TMPDIR/a.tar"
    layer "$BATS_TEST_TMPDIR/b.tar" <<<'file("big", "b" * 3000000)'
    archive "$BATS_TEST_TMPDIR/x.tar" big:1 "$BATS_TEST_TMPDIR/a.tar"
    local before
    before=$(store)
    # the manifest does not name it
    (cd "$BATS_TEST_TMPDIR/archive" && cp ../b.tar other.tar && tar -cf ../more.tar other.tar layer-0.tar config.json manifest.json)
    sc_ok load -i "$BATS_TEST_TMPDIR/more.tar"
    sc_ok rmi big:1
    is "$(store)" "$before"
    # another layer in its place
    (cd "$BATS_TEST_TMPDIR/archive" && cp ../b.tar layer-0.tar && tar -cf ../wrong.tar config.json manifest.json layer-0.tar)
    refused "its content is sha256:" "$SC" load -i "$BATS_TEST_TMPDIR/wrong.tar"
    is "$(store)" "$before"
    # cut in the middle of the layer
    head -c 2000000 "$BATS_TEST_TMPDIR/x.tar" >"$BATS_TEST_TMPDIR/cut.tar"
    refused "truncated tar archive" "$SC" load -i "$BATS_TEST_TMPDIR/cut.tar"
    is "$(store)" "$before"
    # an entry that no layer may have, far behind
    layer "$BATS_TEST_TMPDIR/c.tar" <<<'file("big", "x" * 3000000); file("../out", "x")'
    archive "$BATS_TEST_TMPDIR/x.tar" big:1 "$BATS_TEST_TMPDIR/c.tar"
    refused 'its name has ".."' "$SC" load -i "$BATS_TEST_TMPDIR/x.tar"
    is "$(store)" "$before"
}

# ---- hostile ---------------------------------------------------------------------------------

@test "hostile layer: names that lead out" {
    hostile 'its name has ".."' <<<'file("../../../../../../../../tmp/sc-test-evil", "x")'
    hostile 'its name has ".."' <<<'file("a/../../evil", "x")'
    hostile 'its name is absolute' <<<'file("/tmp/sc-test-evil", "x")'
}

@test "hostile layers: each of many is refused with one line, and no trace of it" {
    local tool=$BATS_TEST_DIRNAME/../tools/hostile-layers file before
    mkdir "$BATS_TEST_TMPDIR/layers"
    is "$(python3 "$tool" "$BATS_TEST_TMPDIR/layers")" 242
    before=$(store)
    for file in "$BATS_TEST_TMPDIR"/layers/*.tar; do
        sc_fails 1 import "$file"
        is "$(wc -l <<<"$stderr")" 1
        case $file in
        *-bomb-ratio.tar) expect_stderr "more than 1100 times its size: it is taken for a decompression bomb" ;;
        *-bomb-window.tar) expect_stderr "requires too much memory for decoding" ;;
        *-bomb-header.tar) expect_stderr "header too large" ;;
        *) matches "$stderr" '^sc: import .*: entry "' ;;
        esac
    done
    is "$(store)" "$before"
}

@test "hostile layer: more entries than a layer may have, in any of its ways" {
    local before
    python3 -c 'import io, sys, tarfile
t = tarfile.open(sys.argv[1], "w")
for i in range(300):
    t.addfile(tarfile.TarInfo(f"d{i % 7}/f{i}"))
t.close()' "$BATS_TEST_TMPDIR/many.tar"
    before=$(store)
    SC_LAYER_ENTRIES=299 sc_fails 1 import "$BATS_TEST_TMPDIR/many.tar"
    expect_error 1 "the archive has more than 299 entries"
    SC_LAYER_BACKEND=directory SC_LAYER_ENTRIES=299 sc_fails 1 import "$BATS_TEST_TMPDIR/many.tar"
    expect_error 1 "the archive has more than 299 entries"
    archive "$BATS_TEST_TMPDIR/x.tar" many:1 "$BATS_TEST_TMPDIR/many.tar"
    SC_LAYER_ENTRIES=299 sc_fails 1 load -i "$BATS_TEST_TMPDIR/x.tar"
    expect_error 1 "the archive has more than 299 entries"
    is "$(store)" "$before"
    SC_LAYER_ENTRIES=0 sc_fails 1 import "$BATS_TEST_TMPDIR/many.tar"
    expect_error 1 'SC_LAYER_ENTRIES: "0": must be a number of entries'
    SC_LAYER_ENTRIES=300 sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
}

@test "hostile layer: through symbolic links" {
    hostile 'leads out of the layer' <<<'link("e", "/tmp"); file("e/sc-test-evil", "x")'
    hostile 'leads out of the layer' <<<'link("e", "../../.."); file("e/evil", "x")'
    hostile 'leads out of the layer' <<<'dir("d"); link("d/e", "../../../../../../../../tmp"); file("d/e/sc-test-evil", "x")'
    hostile 'leads out of the layer' <<<'link("a", "b"); link("b", "/proc/self/root"); file("a/tmp/sc-test-evil", "x")'
    hostile 'loop of symbolic links' <<<'link("a", "b"); link("b", "a"); file("a/x", "x")'
}

@test "hostile layer: hard links to what is outside" {
    hostile 'its name is absolute' <<<'hard("h", "/etc/passwd")'
    hostile 'its name has ".."' <<<'hard("h", "../../../../../../../etc/passwd")'
    hostile 'leads out of the layer' <<<'link("e", "/etc"); hard("h", "e/passwd")'
    hostile 'which is no file of this layer before it' <<<'hard("h", "nothing")'
}

@test "hostile layer: whiteouts, overlay attributes and the top directory" {
    hostile 'whiteout of no name' <<<'file("a/.wh...", "")'
    hostile 'no whiteout that an OCI layer may have' <<<'file(".wh..wh.plnk", "")'
    hostile 'below a whiteout' <<<'file(".wh.a/b", "")'
    hostile 'character device 0:0' <<<'t.addfile(entry("w", type=tarfile.CHRTYPE))'
    hostile 'only overlay itself may set' <<<'dir("d", pax_headers={"SCHILY.xattr.trusted.overlay.redirect": "/etc"})'
    hostile 'only overlay itself may set' <<<'dir("d", pax_headers={"SCHILY.xattr.user.overlay.opaque": "y"})'
    hostile 'replace the layer'"'"'s top directory' <<<'link(".", "/tmp")'
}

@test "hostile layer: a control sequence in a name stays text" {
    layer "$BATS_TEST_TMPDIR/a.tar" <<<'file("../\x1b[31mred\n", "x")'
    run_split "$SC" image import "$BATS_TEST_TMPDIR/a.tar"
    expect_error 1 '\x1b[31mred\x0a'
}

@test "damaged archives: cut, changed, incomplete, or none at all" {
    sc_ok save -o "$BATS_TEST_TMPDIR/x.tar" base
    sc_ok save --format oci-dir -o "$BATS_TEST_TMPDIR/layout" base
    sc_ok rmi base
    cd "$BATS_TEST_TMPDIR"
    head -c 100000 x.tar >cut.tar
    refused 'runcated' "$SC" load -i cut.tar
    gzip -c x.tar | head -c 100000 >cut.tgz
    refused 'runcated' "$SC" load -i cut.tgz
    cp x.tar changed.tar
    printf 'X' | dd of=changed.tar bs=1 seek=1000000 conv=notrunc status=none
    refused 'the image says sha256:' "$SC" load -i changed.tar
    echo hello >hello
    refused 'it is no tar archive, or a damaged one' "$SC" load -i hello
    tar -cf other.tar hello
    refused 'neither manifest.json nor index.json' "$SC" load -i other.tar
    refused 'no such file or directory' "$SC" load -i nowhere.tar
    layer=$(find layout/blobs -type f -size +100k)
    printf 'X' | dd of="$layer" bs=1 seek=100 conv=notrunc status=none
    refused 'has the wrong digest' "$SC" load -i layout
    rm "$layer"
    refused 'the archive has no "blobs/sha256/' "$SC" load -i layout
    manifest=$(jq -r '.manifests[0].digest' layout/index.json)
    rm "layout/blobs/sha256/${manifest#sha256:}"
    refused 'the archive has no "blobs/sha256/' "$SC" load -i layout
    mkdir traversal
    echo '{"manifests": [{"digest": "sha256:../../../../etc/passwd"}]}' >traversal/index.json
    refused 'must be "sha256:" and 64 hexadecimal digits' "$SC" load -i traversal
    mkdir dir
    echo '{"schemaVersion": 2}' >dir/manifest.json
    refused 'skopeo copy dir:' "$SC" load -i dir
    ln -s /etc/passwd traversal/manifest.json
    refused 'open "manifest.json"' "$SC" load -i traversal
    is "$(store)" ""
}

@test "image load: a full disk is said, and what was written is gone" {
    [ "$(id -u)" -eq 0 ] || skip "mounting a small file system needs root"
    sc_ok save -o "$BATS_TEST_TMPDIR/x.tar" base
    small=$BATS_TEST_TMPDIR/small
    mkdir "$small"
    mount -t tmpfs -o size=3m none "$small"
    run_split env SC_DATA_ROOT="$small" "$SC" load -i "$BATS_TEST_TMPDIR/x.tar"
    left=$(find "$small/image/blobs" "$small/image/tmp" "$small/layer" -type f)
    umount "$small"
    expect_error 1 'no space left on device'
    expect_stderr 'sc image rm'
    is "$left" ""
}

# Starts a load that waits for the second half of its archive; $jail and $worker are the processes that unpack meanwhile.
load_half()
{
    sc_ok save -o "$BATS_TEST_TMPDIR/base.tar" base
    sc_ok rmi base
    mkfifo "$BATS_TEST_TMPDIR/pipe"
    # said, it is the way of small layers too, and there is one jail
    SC_LAYER_BACKEND=$("$SC" info --format '{{.LayerBackend}}')
    export SC_LAYER_BACKEND
    "$SC" load -q <"$BATS_TEST_TMPDIR/pipe" >"$BATS_TEST_TMPDIR/said" 2>&1 3>&- &
    loader=$!
    exec 7>"$BATS_TEST_TMPDIR/pipe"
    head -c 1000000 "$BATS_TEST_TMPDIR/base.tar" >&7
    wait_until has_worker
    wait_until is_shut_in
}

has_worker()
{
    jail=$(pgrep -P "$loader") && worker=$(pgrep -P "$jail")
}

filters() # PID: how many call filters it has; 0 where this cannot be told (before Linux 5.9)
{
    awk '/^Seccomp_filters:/ { n = $2 } END { print n + 0 }' "/proc/$1/status"
}

# The call filter comes last of all walls; a worker has it from its beginning, and soon one more, of its own.
is_shut_in()
{
    grep -q '^Seccomp:.*2$' "/proc/$worker/status" &&
        { [ "$(filters self)" = "$(filters "$jail")" ] || [ "$(filters "$worker")" -eq $(($(filters "$jail") + 1)) ]; }
}

load_rest()
{
    tail -c +1000001 "$BATS_TEST_TMPDIR/base.tar" >&7
    exec 7>&-
    wait "$loader"
    is "$(cat "$BATS_TEST_TMPDIR/said")" "Loaded image: base:latest"
    sc_ok system fsck
    ! kill -0 "$jail" 2>/dev/null
}

@test "image load: layers are unpacked behind walls" {
    [ "$(id -u)" -eq 0 ] || skip "only root's walls are whole"
    [ "$SC_WHERE" != asan ] || skip "AddressSanitizer does not work behind them"
    local name
    load_half
    for name in mnt net ipc uts; do
        [ "$(readlink "/proc/$worker/ns/$name")" != "$(readlink "/proc/self/ns/$name")" ]
    done
    is "$(ls -A "/proc/$worker/root")" ""
    grep -q '^NoNewPrivs:.*1$' "/proc/$worker/status"
    # An image file needs no capability, files of a directory a few. Open are the blob, what is written, and two sockets;
    # of a directory also the one at hand, and its file.
    if [ "$("$SC" info --format '{{.LayerBackend}}')" = erofs ]; then
        matches "$(grep CapEff "/proc/$worker/status")" '0000000000000000$'
        is "$(find "/proc/$worker/fd" -type l | wc -l)" 4
    else
        matches "$(grep CapEff "/proc/$worker/status")" '000000008820001b$'
        [ "$(find "/proc/$worker/fd" -type l | wc -l)" -le 6 ]
    fi
    grep -q '^Max core file size *0 ' "/proc/$worker/limits"
    grep -q '^Max address space *4294967296 ' "/proc/$worker/limits"
    load_rest
}

@test "image load: a process that unpacks and is killed is no harm" {
    load_half
    kill -9 "$worker"
    load_rest
}

@test "image load: several at once, and one that is killed" {
    layer "$BATS_TEST_TMPDIR/a.tar" <<<'
for i in range(500): file("d%d/f" % i, "x" * 10000)'
    archive "$BATS_TEST_TMPDIR/x.tar" many:1 base "$BATS_TEST_TMPDIR/a.tar"
    before=$(store)
    for i in 1 2 3 4; do
        "$SC" load -i "$BATS_TEST_TMPDIR/x.tar" >"$BATS_TEST_TMPDIR/out-$i" 2>&1 &
        pids[i]=$!
    done
    for i in 1 2 3 4; do
        wait "${pids[i]}"
        is "$(cat "$BATS_TEST_TMPDIR/out-$i")" "Loaded image: many:1"
    done
    whole=$(store)
    sc_ok rmi many:1
    is "$(store)" "$before"
    for delay in 0.005 0.01 0.02 0.03 0.05; do
        "$SC" load -i "$BATS_TEST_TMPDIR/x.tar" >/dev/null 2>&1 &
        sleep "$delay"
        kill -KILL $! 2>/dev/null || true
        wait $! 2>/dev/null || true
        sc_ok images
    done
    sc_ok load -i "$BATS_TEST_TMPDIR/x.tar"
    is "$(store)" "$whole"
    sc_ok run --rm many:1 sh -c 'cat /d*/f | wc -c'
    is "$output" 5000000
}

@test "image: ext4 is told that layers are trees of their own" {
    local disk=$BATS_TEST_TMPDIR/disk
    [ "$(id -u)" -eq 0 ] || skip "mounting a small file system needs root"
    truncate -s 64M "$disk.img"
    mkfs.ext4 -q "$disk.img"
    mkdir "$disk"
    mount -o loop "$disk.img" "$disk"
    "$SC" save -o "$BATS_TEST_TMPDIR/base.tar" base
    SC_DATA_ROOT=$disk/data SC_RUN_ROOT=$disk/run run "$SC" load -i "$BATS_TEST_TMPDIR/base.tar"
    attributes=$(lsattr -d "$disk/data/layer" | cut -d' ' -f1)
    umount "$disk"
    is "$status" 0
    [[ $attributes == *T* ]]
}

@test "image load: a layer that was unpacked ahead is not taken for the one that the config names" {
    local kind
    layer "$BATS_TEST_TMPDIR/a.tar" <<<'file("a", "".join(map(str, range(900000))))'
    "$SC" import "$BATS_TEST_TMPDIR/a.tar" a:1 >/dev/null
    for kind in plain gzip; do
        rm -rf "$BATS_TEST_TMPDIR/layout"
        "$SC" save --format oci-dir -o "$BATS_TEST_TMPDIR/layout" a:1
        python3 - "$BATS_TEST_TMPDIR/layout" "$kind" <<'END'
import gzip, hashlib, json, sys
root, kind = sys.argv[1:]
def read(digest):
    return open(f"{root}/blobs/sha256/" + digest[7:], "rb").read()
def blob(data):
    name = hashlib.sha256(data).hexdigest()
    open(f"{root}/blobs/sha256/{name}", "wb").write(data)
    return "sha256:" + name, len(data)
index = json.load(open(f"{root}/index.json"))
manifest = json.loads(read(index["manifests"][0]["digest"]))
config = json.loads(read(manifest["config"]["digest"]))
layer = manifest["layers"][0]
if kind == "gzip":
    layer["digest"], layer["size"] = blob(gzip.compress(read(layer["digest"])))
    layer["mediaType"] = "application/vnd.oci.image.layer.v1.tar+gzip"
config["rootfs"]["diff_ids"][0] = "sha256:" + 64 * "7"
manifest["config"]["digest"], manifest["config"]["size"] = blob(json.dumps(config).encode())
index["manifests"][0]["digest"], index["manifests"][0]["size"] = blob(json.dumps(manifest).encode())
index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] = "lie:1"
json.dump(index, open(f"{root}/index.json", "w"))
END
        tar -C "$BATS_TEST_TMPDIR/layout" -cf "$BATS_TEST_TMPDIR/lie.tar" .
        sc_fails 1 load -i "$BATS_TEST_TMPDIR/lie.tar"
        expect_error 1 "the image says sha256:7777777777"
        sc_fails 1 image inspect lie:1
    done
    sc_ok system fsck
}
