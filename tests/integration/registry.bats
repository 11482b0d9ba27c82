#!/usr/bin/env bats
# Registries: pull, push, login, against Debian's docker-registry on loopback (plain, TLS with a login) and against a
# server that misbehaves (bad-registry.py).
# no-vm: formats and loopback, not the kernel
load helpers
load archives

# A free port, kept for docker-registry, which cannot choose one itself.
free_port()
{
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start_registry NAME [YAML]: a registry of its own; $registry is its host:port.
start_registry()
{
    local name=$1 more=${2:-} port
    port=$(free_port)
    registry=localhost:$port
    cat >"$BATS_TEST_TMPDIR/$name.yml" <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $BATS_TEST_TMPDIR/$name}, delete: {enabled: true}}
http:
  addr: 127.0.0.1:$port
  secret: x
$more
END
    docker-registry serve "$BATS_TEST_TMPDIR/$name.yml" >"$BATS_TEST_TMPDIR/$name.log" 2>&1 3>&- &
    servers+=($!)
    wait_until curl -sko /dev/null "http://127.0.0.1:$port/"
}

# start_bad_registry [CERTIFICATE KEY]: bad-registry.py before $registry; $bad is its host:port, $bad_tls that of its TLS.
start_bad_registry()
{
    python3 "$TESTS/bad-registry.py" "http://127.0.0.1:${registry#*:}" "$BATS_TEST_TMPDIR/requests" "$@" \
        >"$BATS_TEST_TMPDIR/ports" 2>"$BATS_TEST_TMPDIR/bad.log" 3>&- &
    servers+=($!)
    wait_until test -s "$BATS_TEST_TMPDIR/ports"
    read -r bad_port other_port tls_port <"$BATS_TEST_TMPDIR/ports"
    bad=localhost:$bad_port
    bad_tls=localhost:$tls_port
}

setup()
{
    servers=()
    export HOME=$BATS_TEST_TMPDIR/home SC_CERTS_D=$BATS_TEST_TMPDIR/certs.d
    unset DOCKER_CONFIG REGISTRY_AUTH_FILE XDG_RUNTIME_DIR
    mkdir "$HOME" "$SC_CERTS_D"
    sc_setup
}

teardown()
{
    local pid
    for pid in "${servers[@]}"; do
        kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null || true
    done
    sc_teardown
}

# An image of two layers under $registry/x:1, and out of the store. Half a megabyte that does not shrink.
publish_image()
{
    local dir=$BATS_TEST_TMPDIR/tree name=x:1
    mkdir -p "$dir/bin"
    cp "$(type -P busybox)" "$dir/bin/sh"
    head -c 500000 /dev/urandom >"$dir/data"
    tar -C "$dir" -cz . | "$SC" import - "$registry/$name" >/dev/null
    data_sum=$(sha256sum <"$dir/data")
    "$SC" push -q "$registry/$name" >/dev/null
    "$SC" inspect "$registry/$name" --format '{{.Id}}' >"$BATS_TEST_TMPDIR/id"
    "$SC" rmi "$registry/$name" >/dev/null
}

has_data()
{
    "$SC" run --rm "$1" /bin/sh -c 'sha256sum </data' >"$BATS_TEST_TMPDIR/sum"
    is "$(cat "$BATS_TEST_TMPDIR/sum")" "$data_sum"
}

nothing_partial()
{
    [ -z "$(ls -A "$SC_DATA_ROOT/image/partial" 2>/dev/null)" ]
}

# ---- push and pull -------------------------------------------------------------------------

@test "push, rmi, pull: the same image comes back" {
    start_registry plain
    sc_ok tag base "$registry/a/base:1"
    local id
    id=$("$SC" inspect base --format '{{.Id}}')
    sc_ok push "$registry/a/base:1"
    expect_output "The push refers to repository [$registry/a/base]"
    expect_output ": Pushed"
    matches "$output" '1: digest: sha256:[0-9a-f]{64} size: [0-9]+'
    sc_ok rmi base "$registry/a/base:1"
    sc_ok pull "$registry/a/base:1"
    expect_output "1: Pulling from a/base"
    expect_output ": Pull complete"
    matches "$output" 'Digest: sha256:[0-9a-f]{64}'
    expect_output "Status: Downloaded newer image for $registry/a/base:1"
    is "$("$SC" inspect "$registry/a/base:1" --format '{{.Id}}')" "$id"
    sc_ok run --rm "$registry/a/base:1" echo hello
    is "$output" hello
    sc_ok pull "$registry/a/base:1"
    expect_output "Status: Image is up to date for $registry/a/base:1"
    is "${#lines[@]}" 4 # nothing is told of layers that are here
    nothing_partial
}

@test "libcurl is opened to speak to a registry, and for nothing else" {
    sc_ok save -o "$BATS_TEST_TMPDIR/image.tar" base
    # shellcheck disable=SC2016 # that shell's own
    run unshare --mount sh -c 'for i in /usr/lib/*/libcurl.so.4; do mount --bind /dev/null "$(realpath "$i")" || exit; done
        "$0" load -q -i "$1" && "$0" pull localhost:1/image:1' "$SC" "$BATS_TEST_TMPDIR/image.tar"
    is "$status" 1
    is "${lines[0]}" 'Loaded image: base:latest'
    is "${lines[1]}" 'sc: cannot load the library libcurl.so.4, which speaks to registries; install it (Debian: libcurl4)'
    is "${#lines[@]}" 2
}

@test "pull -q and push -q print the name only" {
    start_registry plain
    sc_ok tag base "$registry/base"
    sc_ok push -q "$registry/base"
    is "$output" "$registry/base:latest"
    sc_ok pull -q "$registry/base"
    is "$output" "$registry/base:latest"
}

@test "pull by digest; a wrong digest is refused" {
    start_registry plain
    publish_image
    local digest
    digest=$("$SC" manifest inspect -v "$registry/x:1" | jq -r .Raw | base64 -d | sha256sum | cut -d' ' -f1)
    sc_ok pull "$registry/x@sha256:$digest"
    has_data "$registry/x@sha256:$digest"
    sc_fails 1 pull "$registry/x@sha256:$(printf '0%.0s' {1..64})"
    expect_error 1 "not found"
}

@test "push --platform sends what is for that platform, or nothing" {
    start_registry plain
    sc_ok tag base "$registry/x:1"
    local other=arm64
    [ "$("$SC" image inspect base --format '{{.Architecture}}')" != arm64 ] || other=amd64
    sc_fails 1 push --platform "linux/$other" "$registry/x:1"
    expect_error 1 "not for \"linux/$other\"; get it with: sc pull --platform linux/$other"
    run ! curl -sf "http://$registry/v2/x/tags/list"
    sc_fails 1 push --platform linux/no/such/thing "$registry/x:1"
    expect_error 1 '--platform'
    sc_ok push --platform "$("$SC" image inspect base --format '{{.Os}}/{{.Architecture}}')" "$registry/x:1"
    curl -sf "http://$registry/v2/x/tags/list" >/dev/null
}

@test "a layer that another repository has is mounted, one that is there is not sent" {
    start_registry plain
    sc_ok tag base "$registry/a"
    sc_ok push "$registry/a"
    sc_ok push "$registry/a"
    expect_output "Layer already exists"
    sc_ok push "$registry/a" "$registry/b"
    expect_output "Mounted from a"
}

@test "a large layer goes in chunks and comes back whole" {
    start_registry plain
    mkdir "$BATS_TEST_TMPDIR/big"
    head -c 40000000 /dev/urandom >"$BATS_TEST_TMPDIR/big/data"
    local sum
    sum=$(sha256sum <"$BATS_TEST_TMPDIR/big/data")
    sc_ok import "$BATS_TEST_TMPDIR/big" "$registry/big"
    sc_ok push "$registry/big"
    sc_ok rmi "$registry/big"
    sc_ok pull "$registry/big"
    sc_ok image save -o "$BATS_TEST_TMPDIR/big.tar" "$registry/big"
    mkdir "$BATS_TEST_TMPDIR/out"
    tar -C "$BATS_TEST_TMPDIR/out" -xf "$BATS_TEST_TMPDIR/big.tar"
    tar -C "$BATS_TEST_TMPDIR/out" -xf "$BATS_TEST_TMPDIR/out/$(jq -r '.[0].Layers[0]' "$BATS_TEST_TMPDIR/out/manifest.json")"
    is "$(sha256sum <"$BATS_TEST_TMPDIR/out/data")" "$sum"
}

@test "--all-tags pulls and pushes every tag" {
    start_registry plain
    for tag in 1 2 three; do
        sc_ok tag base "$registry/many:$tag"
    done
    sc_ok push -a "$registry/many"
    sc_ok rmi "$registry/many:1" "$registry/many:2" "$registry/many:three"
    sc_ok pull -a "$registry/many"
    expect_output "Status: Downloaded newer image for $registry/many"
    for tag in 1 2 three; do
        sc_ok inspect "$registry/many:$tag" --format '{{.Id}}'
    done
    sc_ok pull -aq --disable-content-trust "$registry/many"
    is "$output" "$registry/many"
    sc_fails 1 pull -a "$registry/many:1"
    expect_error 1 "tag can't be used with --all-tags/-a"
}

@test "run pulls what is missing; --pull never does not" {
    start_registry plain
    publish_image
    sc_fails 125 run --rm --pull never "$registry/x:1" /bin/sh -c :
    expect_error 125 "no such image"
    sc_ok run --rm "$registry/x:1" /bin/sh -c 'echo in'
    is "$output" in
    sc_ok run --rm --pull always "$registry/x:1" /bin/sh -c 'echo again'
    is "$output" again
    sc_fails 125 run --rm "$registry/absent" /bin/sh
    expect_error 125 "no such image: \"$registry/absent\": pull"
    sc_fails 125 run --rm --pull sometimes "$registry/x:1" /bin/sh
    expect_error 125 "--pull"
}

@test "progress as JSON: one object a line, as Docker's" {
    start_registry plain
    publish_image
    sc_ok pull --progress json "$registry/x:1"
    jq -e . >/dev/null <<<"$output"
    is "$(jq -r 'select(.status == "Pull complete") | .id | length' <<<"$output")" 12
    is "$(tail -n 1 <<<"$output" | jq -r '.status, .aux.ID')" "$registry/x:1"$'\n'"$(cat "$BATS_TEST_TMPDIR/id")"
    sc_fails 1 pull --progress fast "$registry/x:1"
    expect_error 1 "invalid value \"fast\" of --progress"
}

@test "indexes: the image for a platform is chosen" {
    start_registry plain
    for arch in amd64 arm64; do
        tar -C "$BATS_SUITE_TMPDIR/rootfs" -c bin/busybox | "$SC" import - "$registry/multi:$arch" >/dev/null
    done
    # Another machine's image is made by hand: import gives this one's architecture.
    "$SC" save --format oci-dir -o "$BATS_TEST_TMPDIR/layout" "$registry/multi:arm64"
    python3 - "$BATS_TEST_TMPDIR/layout" <<'END'
import hashlib, json, os, sys
root = sys.argv[1]
def blob(data):
    name = hashlib.sha256(data).hexdigest()
    open(f"{root}/blobs/sha256/{name}", "wb").write(data)
    return "sha256:" + name, len(data)
index = json.load(open(f"{root}/index.json"))
entry = index["manifests"][0]
manifest = json.load(open(f"{root}/blobs/sha256/" + entry["digest"][7:]))
config = json.load(open(f"{root}/blobs/sha256/" + manifest["config"]["digest"][7:]))
config["architecture"] = "arm64"
manifest["config"]["digest"], manifest["config"]["size"] = blob(json.dumps(config).encode())
entry["digest"], entry["size"] = blob(json.dumps(manifest).encode())
json.dump(index, open(f"{root}/index.json", "w"))
END
    sc_ok load -i "$BATS_TEST_TMPDIR/layout"
    sc_ok push -a "$registry/multi"
    sc_ok manifest create "$registry/multi:all" "$registry/multi:amd64" "$registry/multi:arm64"
    sc_fails 1 manifest create "$registry/multi:all" "$registry/multi:amd64"
    expect_error 1 "refusing to amend an existing manifest list with no --amend flag"
    sc_ok manifest push --purge "$registry/multi:all"
    sc_ok manifest inspect "$registry/multi:all"
    is "$(jq -r '[.manifests[].platform.architecture] | sort | join(",")' <<<"$output")" amd64,arm64
    sc_fails 1 manifest push "$registry/multi:all"
    expect_error 1 "no such manifest list"
    sc_ok manifest inspect -v "$registry/multi:all"
    is "$(jq -r '[.[].Descriptor.platform.architecture] | sort | join(",")' <<<"$output")" amd64,arm64
    is "$(jq -r '.[0].Raw' <<<"$output" | base64 -d | sha256sum | cut -d' ' -f1)" "$(jq -r '.[0].Descriptor.digest[7:]' <<<"$output")"
    sc_ok manifest create --insecure "$registry/multi:v7" "$registry/multi:amd64" "$registry/multi:arm64"
    sc_ok manifest annotate --arch arm --variant v7 --os-features sve "$registry/multi:v7" "$registry/multi:arm64"
    sc_fails 1 manifest annotate --arch arm "$registry/multi:v7" "$registry/multi:none"
    expect_error 1 'manifest for image "'"$registry"'/multi:none" does not exist in'
    sc_fails 1 manifest annotate --arch amr64 "$registry/multi:v7" "$registry/multi:arm64"
    expect_error 1 "unsupported os/arch combination: linux/amr64"
    # a list that is being made is looked at before the registry is
    sc_ok manifest inspect "$registry/multi:v7"
    is "$(jq -c '[.manifests[] | (.platform | .architecture, .variant, ."os.features"), .ref]' <<<"$output")" \
        '["amd64",null,null,null,"arm","v7",["sve"],null]'
    sc_ok manifest push --insecure "$registry/multi:v7"
    sc_ok manifest inspect "$registry/multi:v7" "$registry/multi:arm64"
    is "$(jq -r .config.digest <<<"$output")" "$("$SC" inspect "$registry/multi:arm64" --format '{{.Id}}')"
    sc_fails 1 manifest inspect "$registry/multi:v7" "$registry/multi:none"
    expect_error 1 "no such manifest: \"$registry/multi:none\""
    sc_fails 1 manifest create "$registry/multi:new" "$registry/multi:v7"
    expect_error 1 "is a manifest list"
    # several names: what is there goes, what is not is said in one line
    sc_fails 1 manifest rm "$registry/multi:no" "$registry/multi:v7" "$registry/no:1"
    expect_error 1 "no such manifest list: \"$registry/multi:no\", \"$registry/no:1\""
    sc_fails 1 manifest rm "$registry/multi:v7"
    expect_error 1 "no such manifest list"
    # of other repositories: what the index names is there afterwards, mounted; of another registry: it cannot be
    sc_ok manifest create "$registry/other:all" "$registry/multi:amd64" "$registry/multi:arm64"
    sc_ok manifest inspect -v "$registry/other:all"
    is "$(jq -r '[.[].Ref] | join(" ")' <<<"$output")" "$registry/multi:amd64 $registry/multi:arm64"
    sc_ok manifest push -p "$registry/other:all"
    is "$(grep -c "^Pushed ref $registry/other@sha256:" <<<"$output")" 2
    is "$("$SC" manifest inspect -v "$registry/other:all" | jq -r '[.[].Descriptor.platform.architecture] | join(",")')" amd64,arm64
    sc_ok pull -q "$registry/other:all"
    sc_ok rmi "$registry/other:all"
    sc_ok manifest create elsewhere "$registry/multi:amd64"
    sc_fails 1 manifest push elsewhere
    expect_error 1 "cannot use source images from a different registry"
    sc_ok manifest inspect "$registry/multi:v7"
    is "$(jq -r '.manifests[1].platform.variant' <<<"$output")" v7
    sc_ok rmi "$registry/multi:amd64" "$registry/multi:arm64"

    sc_ok pull "$registry/multi:all"
    is "$("$SC" inspect "$registry/multi:all" --format '{{.Architecture}}')" amd64
    sc_ok pull --platform linux/arm64 "$registry/multi:all"
    is "$("$SC" inspect "$registry/multi:all" --format '{{.Architecture}}')" arm64
    # what is there for another platform is not what was asked for
    sc_fails 125 run --rm "$registry/multi:all" /bin/busybox true
    expect_error 125 "is for linux/arm64, this machine is linux/amd64"
    sc_fails 125 run --rm --platform linux/arm64 "$registry/multi:all" /bin/busybox true
    expect_error 125 "--platform \"linux/arm64\": this machine cannot run it"
    sc_fails 125 run --rm --pull never --platform linux/amd64 "$registry/multi:all" /bin/busybox true
    expect_error 125 "image \"$registry/multi:all\" is for linux/arm64, wanted is linux/amd64"
    is "$("$SC" inspect "$registry/multi:all" --format '{{.Architecture}}')" arm64
    sc_ok run --rm --platform linux/amd64 "$registry/multi:all" /bin/busybox echo pulled
    is "$output" pulled
    is "$("$SC" inspect "$registry/multi:all" --format '{{.Architecture}}')" amd64
    sc_fails 125 run --rm --platform linux/386 base true
    expect_error 125 'image "base" is for linux/amd64, wanted is linux/386'
    sc_fails 1 pull --platform linux/s390x "$registry/multi:all"
    expect_error 1 "no image for linux/s390x"
    expect_stderr "linux/amd64, linux/arm64"
    sc_fails 1 pull --platform a/b/c/d "$registry/multi:all"
    expect_error 1 "invalid platform"
}

# ---- TLS, logins ------------------------------------------------------------------------------

start_tls_registry()
{
    local dir=$BATS_TEST_TMPDIR
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$dir/key.pem" -out "$dir/cert.pem" -days 2 -subj /CN=localhost \
        -addext subjectAltName=DNS:localhost,IP:127.0.0.1 2>/dev/null
    htpasswd -Bbn user pass >"$dir/htpasswd"
    start_registry tls "  tls: {certificate: $dir/cert.pem, key: $dir/key.pem}
auth: {htpasswd: {realm: r, path: $dir/htpasswd}}"
}

@test "TLS: the certificate is checked when it is said how" {
    start_tls_registry
    sc_fails 1 pull --tls-verify=true --creds user:pass "$registry/x"
    expect_error 1 "certificate"
    mkdir "$SC_CERTS_D/$registry"
    cp "$BATS_TEST_TMPDIR/cert.pem" "$SC_CERTS_D/$registry/ca.crt"
    sc_ok tag base "$registry/x"
    sc_ok push --creds user:pass "$registry/x"
    sc_ok pull --creds user:pass "$registry/x"
    # of several authorities any may be the one, wherever it stands
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other -days 2 \
        -keyout /dev/null -out "$SC_CERTS_D/$registry/a.crt" 2>/dev/null
    cp "$SC_CERTS_D/$registry/a.crt" "$SC_CERTS_D/$registry/z.crt"
    sc_ok pull --creds user:pass "$registry/x"
    # none of them is; who says so goes without
    mv "$SC_CERTS_D/$registry/ca.crt" "$BATS_TEST_TMPDIR/ca.crt"
    sc_fails 1 pull --creds user:pass "$registry/x"
    expect_error 1 "certificate"
    sc_ok pull --tls-verify=false --creds user:pass "$registry/x"
    mv "$BATS_TEST_TMPDIR/ca.crt" "$SC_CERTS_D/$registry/ca.crt"
    local list
    for list in '"a.crt", "ca.crt"' '"ca.crt", "z.crt"'; do
        printf 'server = "https://%s"\nca = [%s]\n' "$registry" "$list" >"$SC_CERTS_D/$registry/hosts.toml"
        sc_ok pull --creds user:pass "$registry/x"
    done
    printf 'server = "https://%s"\nca = ["a.crt", "z.crt"]\n' "$registry" >"$SC_CERTS_D/$registry/hosts.toml"
    sc_fails 1 pull --creds user:pass "$registry/x"
    expect_error 1 "certificate"
    printf 'server = "https://%s"\nca = ["ca.crt", "none.crt"]\n' "$registry" >"$SC_CERTS_D/$registry/hosts.toml"
    sc_fails 1 pull --creds user:pass "$registry/x"
    expect_error 1 "read the authorities of https://$registry: "
}

# certificate DIR START END: one for localhost that was good from START to END, signed by itself, which openssl-req(1) cannot date.
certificate()
{
    mkdir "$1"
    openssl req -newkey rsa:2048 -nodes -subj /CN=localhost -keyout "$1/key.pem" -out "$1/req.pem" 2>/dev/null
    : >"$1/index"
    echo 01 >"$1/serial"
    cat >"$1/ca.conf" <<END
[ca]
default_ca = it
[it]
database = $1/index
new_certs_dir = $1
serial = $1/serial
default_md = sha256
policy = any
x509_extensions = names
[any]
commonName = supplied
[names]
subjectAltName = DNS:localhost
END
    openssl ca -batch -config "$1/ca.conf" -selfsign -keyfile "$1/key.pem" -in "$1/req.pem" -startdate "$2" -enddate "$3" \
        -notext -out "$1/cert.pem" 2>/dev/null
}

@test "TLS: what is wrong, and what mends it" {
    local work=$BATS_TEST_TMPDIR port
    certificate "$work/now" 20200101000000Z 21200101000000Z
    certificate "$work/then" 20200101000000Z 20200102000000Z
    start_registry valid "  tls: {certificate: $work/now/cert.pem, key: $work/now/key.pem}"
    port=${registry#*:}
    sc_fails 1 pull --tls-verify=true "$registry/x"
    expect_error 1 "talk to https://$registry: SSL certificate problem: self-signed certificate; put the authority's certificate into /etc/sc/certs.d/$registry/ca.crt; "
    mkdir "$SC_CERTS_D/127.0.0.1:$port"
    cp "$work/now/cert.pem" "$SC_CERTS_D/127.0.0.1:$port/ca.crt"
    sc_fails 1 pull --tls-verify=true "127.0.0.1:$port/x"
    expect_error 1 "use the name that its certificate is for"
    start_registry expired "  tls: {certificate: $work/then/cert.pem, key: $work/then/key.pem}"
    mkdir "$SC_CERTS_D/$registry"
    cp "$work/then/cert.pem" "$SC_CERTS_D/$registry/ca.crt"
    sc_fails 1 pull "$registry/x"
    expect_error 1 "certificate has expired; check this machine's clock, or have the registry's owner renew the certificate"
    start_registry plain
    sc_fails 1 pull --tls-verify=true "$registry/x"
    expect_error 1 "talk to https://$registry: it does not speak https; for a registry of plain http, where that is safe, say --tls-verify=false"
    kill "${servers[-1]}"
    wait "${servers[-1]}" 2>/dev/null || true
    sc_fails 1 pull --tls-verify=true "$registry/x"
    expect_error 1 "talk to https://$registry: connection refused: nothing listens there"
}

@test "TLS: neither a redirect nor a token service leads from https to http" {
    certificate "$BATS_TEST_TMPDIR/now" 20200101000000Z 21200101000000Z
    start_registry plain
    publish_image
    start_bad_registry "$BATS_TEST_TMPDIR/now/cert.pem" "$BATS_TEST_TMPDIR/now/key.pem"
    sc_ok pull -q "$bad_tls/through/x:1"
    sc_ok rmi "$bad_tls/through/x:1"
    sc_fails 1 pull -q "$bad_tls/away/x:1"
    expect_error 1 "the registry redirects from https to \"http://127.0.0.1:${registry#*:}\""
    sc_fails 1 pull -q --creds user:pass "$bad_tls/token-plain/x:1"
    expect_error 1 'the registry'"'"'s token service "http://token.invalid" is not on https'
}

@test "login keeps what was right, logout forgets it" {
    start_tls_registry
    sc_ok tag base "$registry/x"
    sc_fails 1 push "$registry/x"
    matches "$stderr" ': look for blob sha256:[0-9a-f]{64} in "'"$registry"'/x": "'"$registry"'" wants a login; log in with `sc login '
    run_split "$SC" login -u user --password-stdin "$registry" <<<wrong
    expect_error 1 "log in to \"$registry\": the user name or password is wrong"
    [ ! -e "$HOME/.docker/config.json" ]
    run_split "$SC" login -u user --password-stdin "$registry" <<<pass
    expect 0
    is "$output" "Login Succeeded"
    expect_stderr "stored unencrypted in '$HOME/.docker/config.json'"
    is "$(jq -r ".auths[\"$registry\"].auth" "$HOME/.docker/config.json" | base64 -d)" user:pass
    is "$(stat -c %a "$HOME/.docker/config.json")" 600
    # a configuration that is a link stays one, and what else it holds stays there
    mv "$HOME/.docker/config.json" "$BATS_TEST_TMPDIR/real.json"
    ln -s "$BATS_TEST_TMPDIR/real.json" "$HOME/.docker/config.json"
    jq '.other = 1' "$BATS_TEST_TMPDIR/real.json" >"$BATS_TEST_TMPDIR/more.json"
    cat "$BATS_TEST_TMPDIR/more.json" >"$BATS_TEST_TMPDIR/real.json"
    run_split "$SC" login -u user --password-stdin "$registry" <<<pass
    expect 0
    [ -L "$HOME/.docker/config.json" ]
    is "$(jq -r ".auths | keys[0], (. | length)" "$BATS_TEST_TMPDIR/real.json")" "$registry"$'\n'1
    is "$(jq .other "$BATS_TEST_TMPDIR/real.json")" 1
    run_split "$SC" login "$registry" </dev/null
    expect 0
    is "${lines[0]}" "Authenticating with existing credentials... [Username: user]"
    sc_ok push "$registry/x"
    sc_ok logout "$registry"
    is "$output" "Removing login credentials for $registry"
    sc_ok logout "$registry"
    is "$output" "Not logged in to $registry"
    sc_fails 1 push "$registry/x"
    expect_error 1 "wants a login"
}

@test "a credential helper is asked, and given what login learns" {
    start_tls_registry
    mkdir "$BATS_TEST_TMPDIR/path" "$HOME/.docker"
    cat >"$BATS_TEST_TMPDIR/path/docker-credential-mine" <<END
#!/bin/sh
case \$1 in
get) read -r server; echo "get \$server" >>"$BATS_TEST_TMPDIR/asked"; [ -f "$BATS_TEST_TMPDIR/kept" ] || { echo "credentials not found in native keychain"; exit 1; }
     cat "$BATS_TEST_TMPDIR/kept" ;;
store) cat >"$BATS_TEST_TMPDIR/kept" ;;
erase) rm -f "$BATS_TEST_TMPDIR/kept" ;;
esac
END
    chmod 755 "$BATS_TEST_TMPDIR/path/docker-credential-mine"
    echo "{\"credHelpers\": {\"$registry\": \"mine\"}}" >"$HOME/.docker/config.json"
    export PATH=$BATS_TEST_TMPDIR/path:$PATH
    sc_ok tag base "$registry/x"
    sc_fails 1 push "$registry/x"
    expect_error 1 "wants a login"
    run_split "$SC" login -u user --password-stdin "$registry" <<<pass
    expect 0
    is "$(jq -r .Secret "$BATS_TEST_TMPDIR/kept")" pass
    is "$(jq -r .auths "$HOME/.docker/config.json")" null
    sc_ok push "$registry/x"
    grep -qx "get $registry" "$BATS_TEST_TMPDIR/asked"
    sc_ok logout "$registry"
    [ ! -e "$BATS_TEST_TMPDIR/kept" ]
    echo "{\"credsStore\": \"../evil\"}" >"$HOME/.docker/config.json"
    sc_fails 1 push "$registry/x"
    expect_error 1 "not a name"
}

@test "REGISTRY_AUTH_FILE and --authfile are read" {
    start_tls_registry
    printf '{"auths": {"https://%s/v1/": {"auth": "%s"}}}' "$registry" "$(printf user:pass | base64)" >"$BATS_TEST_TMPDIR/auth.json"
    sc_ok tag base "$registry/x"
    REGISTRY_AUTH_FILE=$BATS_TEST_TMPDIR/auth.json sc_ok push "$registry/x"
    sc_ok pull --authfile "$BATS_TEST_TMPDIR/auth.json" "$registry/x"
    echo '{"auths": [' >"$BATS_TEST_TMPDIR/auth.json"
    sc_fails 1 pull --authfile "$BATS_TEST_TMPDIR/auth.json" "$registry/x"
    expect_error 1 "read credentials from"
}

@test "bearer tokens: one that is over is replaced by another, once" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_ok pull --creds user:pass "$bad/token-brief/x:1"
    has_data "$bad/token-brief/x:1"
    # each was used until it was refused, and that request was made again with the next
    [ "$(grep -c ' /token-brief' "$BATS_TEST_TMPDIR/requests")" -ge 2 ]
    # one that is never good enough is asked for once more, not for ever
    sc_ok rmi "$bad/token-brief/x:1"
    : >"$BATS_TEST_TMPDIR/requests"
    sc_fails 1 pull --creds user:pass "$bad/token-never/x:1"
    expect_error 1 "access denied"
    [ "$(grep -c ' /token-never' "$BATS_TEST_TMPDIR/requests")" -le 2 ]
}

@test "bearer tokens: fetched once, for who one is" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_fails 1 pull "$bad/token/x:1"
    expect_error 1 "wants a login"
    : >"$BATS_TEST_TMPDIR/requests"
    sc_ok pull --creds user:pass "$bad/token/x:1"
    has_data "$bad/token/x:1"
    is "$(grep -c ' /token' "$BATS_TEST_TMPDIR/requests")" 1
    sc_fails 1 pull --creds user:wrong "$bad/token/x:1"
    expect_error 1 "the user name or password is wrong"
}

@test "a credential does not follow a redirect to another host" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_ok pull --creds user:pass "$bad/secret/x:1"
    has_data "$bad/secret/x:1"
    grep -q "^$bad_port GET /v2/secret/x/blobs/.* Basic_" "$BATS_TEST_TMPDIR/requests"
    grep -q "^$other_port GET /v2/plain/x/blobs/" "$BATS_TEST_TMPDIR/requests"
    is "$(grep "^$other_port " "$BATS_TEST_TMPDIR/requests" | grep -c Basic_ || true)" 0
}

@test "a login answers the registry itself only, also behind a redirect of its own" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_ok pull -q --creds user:pass "$bad/moved/x:1"
    has_data "$bad/moved/x:1"
    sc_fails 1 pull -aq --creds user:pass "$bad/secret/x"
    expect_error 1 "access denied"
    grep -q "^$other_port GET /v2/thief/" "$BATS_TEST_TMPDIR/requests"
    is "$(grep "^$other_port " "$BATS_TEST_TMPDIR/requests" | grep -c 'Basic_\|/token' || true)" 0
}

@test "plain http only where it is said or on loopback" {
    # A name that means this host but is not loopback's own: the registry answers http only.
    start_registry plain
    sc_fails 1 pull --tls-verify=true "127.0.0.1:${registry#*:}/x"
    expect_error 1 "talk to https://127.0.0.1"
    mkdir -p "$SC_CERTS_D/mirror.example"
    echo "server = \"http://127.0.0.1:${registry#*:}\"" >"$SC_CERTS_D/mirror.example/hosts.toml"
    publish_image
    sc_ok pull mirror.example/x:1
    has_data mirror.example/x:1
}

@test "mirrors come first, and what they lack comes from the registry" {
    start_registry plain
    publish_image
    local upstream=$registry
    start_registry mirror
    mkdir -p "$SC_CERTS_D/up.example"
    cat >"$SC_CERTS_D/up.example/hosts.toml" <<END
server = "http://127.0.0.1:${upstream#*:}"
[host."http://127.0.0.1:${registry#*:}"]
  capabilities = ["pull", "resolve"]
END
    sc_ok pull up.example/x:1
    has_data up.example/x:1
    sc_ok push up.example/x:1
    # a mirror that may not say what a tag means is asked for digests only
    start_bad_registry
    cat >"$SC_CERTS_D/up.example/hosts.toml" <<END
server = "http://127.0.0.1:${upstream#*:}"
[host."http://127.0.0.1:$bad_port/v2/plain"]
  capabilities = ["pull"]
  override_path = true
END
    sc_ok rmi up.example/x:1
    sc_ok pull up.example/x:1
    is "$(grep -c manifests/1 "$BATS_TEST_TMPDIR/requests" || true)" 0
    grep -q "GET /v2/plain/x/blobs/sha256:[0-9a-f]*?ns=up.example " "$BATS_TEST_TMPDIR/requests"
    # containerd's other name of the directory; who is not named as the server is the registry, on loopback by http
    mkdir "$SC_CERTS_D/localhost_${upstream#*:}_"
    printf '[host."http://127.0.0.1:%s"]\n' "${registry#*:}" >"$SC_CERTS_D/localhost_${upstream#*:}_/hosts.toml"
    sc_ok rmi up.example/x:1
    sc_ok pull -q "$upstream/x:1"
    sc_ok rmi "$upstream/x:1"
    echo 'server = [' >"$SC_CERTS_D/up.example/hosts.toml"
    sc_fails 1 pull up.example/x:1
    expect_error 1 "hosts.toml:2:"
}

@test "a login of the registry is not for its mirrors, nor tried there" {
    start_registry plain
    publish_image
    start_bad_registry
    mkdir -p "$SC_CERTS_D/up.example"
    printf '%s\n' "server = \"http://127.0.0.1:$bad_port/secret\"" \
        "[host.\"http://127.0.0.1:$other_port/v2/secret\"]" 'override_path = true' >"$SC_CERTS_D/up.example/hosts.toml"
    sc_ok pull -q --creds user:pass up.example/x:1
    has_data up.example/x:1
    run_split "$SC" login -u user --password-stdin up.example <<<wrong
    expect_error 1 "the user name or password is wrong"
    run_split "$SC" login -u user --password-stdin up.example <<<pass
    expect 0
    sc_ok rmi up.example/x:1
    sc_ok pull -q up.example/x:1
    is "$(grep "^$other_port " "$BATS_TEST_TMPDIR/requests" | grep -c Basic_ || true)" 0
}

@test "push: what is not to be taken from another repository is sent, what breaks off goes on" {
    start_registry plain
    publish_image
    start_bad_registry
    local how
    sc_ok pull -q "$registry/x:1"
    sc_ok tag "$registry/x:1" "$bad/x:1"
    sc_ok push "$bad/x:1" "$bad/no-mount/a:1"
    expect_output ": Pushed"
    for how in cut forget; do
        sc_ok push -q "$bad/x:1" "$bad/$how/$how:1"
    done
    sc_ok push -q "$bad/x:1" "$bad/resume/b:1"
    grep -q 'POST /v2/no-mount/a/blobs/uploads/?mount=.*&from=x$' "$BATS_TEST_TMPDIR/requests"
    # one upload for the layer and one for the config, neither begun anew
    is "$(grep -c 'POST /v2/resume/' "$BATS_TEST_TMPDIR/requests")" 2
    grep -q 'PUT /v2/resume/b/blobs/uploads/up/[0-9]*?at=[1-9]' "$BATS_TEST_TMPDIR/requests"
    sc_ok rmi "$registry/x:1" "$bad/x:1"
    for how in a cut forget; do
        sc_ok pull -q "$registry/$how:1"
        has_data "$registry/$how:1"
        sc_ok rmi "$registry/$how:1"
    done
}

@test "push: who refers to another image is found by a tag where the registry lists no referrers" {
    start_registry plain
    sc_ok tag base "$registry/x:1"
    sc_ok push -q "$registry/x:1"
    local subject tag
    subject=$("$SC" manifest inspect -v "$registry/x:1" | jq -c '.Descriptor | {mediaType, digest, size}')
    tag=$(jq -r '.digest | sub(":"; "-")' <<<"$subject")
    "$SC" save --format oci-dir -o "$BATS_TEST_TMPDIR/layout" "$registry/x:1"
    for name in one two; do
        python3 - "$BATS_TEST_TMPDIR/layout" "$subject" "$name" <<'END'
import hashlib, json, sys
root, subject, name = sys.argv[1:]
index = json.load(open(f"{root}/index.json"))
entry = index["manifests"][0]
manifest = json.load(open(f"{root}/blobs/sha256/" + entry["digest"][7:]))
manifest["subject"], manifest["annotations"] = json.loads(subject), {"name": name}
data = json.dumps(manifest).encode()
entry["digest"], entry["size"] = "sha256:" + hashlib.sha256(data).hexdigest(), len(data)
open(f"{root}/blobs/sha256/" + entry["digest"][7:], "wb").write(data)
json.dump(index, open(f"{root}/index.json", "w"))
END
        sc_ok load -i "$BATS_TEST_TMPDIR/layout"
        sc_ok push -q "$registry/x:1"
        sc_ok push -q "$registry/x:1" # is not listed twice
    done
    sc_ok manifest inspect "$registry/x:$tag"
    is "$(jq -r '[.manifests[] | .annotations.name, .artifactType] | join(" ")' <<<"$output")" \
        "one application/vnd.oci.image.config.v1+json two application/vnd.oci.image.config.v1+json"
    tag=$(jq -r '.manifests[1].digest' <<<"$output")
    sc_ok rmi "$registry/x:1"
    sc_ok pull -q "$registry/x@$tag"
}

# ---- what goes wrong ------------------------------------------------------------------------

@test "a blob that breaks off is continued where it ended" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_ok pull "$bad/drop-once/x:1"
    has_data "$bad/drop-once/x:1"
    grep -q ' bytes=[1-9][0-9]*-$' "$BATS_TEST_TMPDIR/requests"
}

@test "a server that knows no ranges sends it all again" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_ok pull "$bad/no-range/x:1"
    has_data "$bad/no-range/x:1"
}

@test "a server that refuses a range, or sends another one, sends it all again" {
    start_registry plain
    publish_image
    start_bad_registry
    local how
    for how in range-refused range-lies; do
        sc_ok pull "$bad/$how/x:1"
        grep -q "/v2/$how/x/blobs/.* bytes=[1-9][0-9]*-$" "$BATS_TEST_TMPDIR/requests"
        has_data "$bad/$how/x:1"
        nothing_partial
        sc_ok rmi "$bad/$how/x:1"
    done
}

@test "what was fetched in part is kept, and another run goes on" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_fails 1 pull "$bad/slow-drop/x:1"
    [ -n "$(ls -A "$SC_DATA_ROOT/image/partial")" ]
    is "$("$SC" images -q --no-trunc | grep -cf "$BATS_TEST_TMPDIR/id" || true)" 0
    : >"$BATS_TEST_TMPDIR/requests"
    sc_ok pull "$bad/plain/x:1"
    has_data "$bad/plain/x:1"
    grep -q ' bytes=[1-9][0-9]*-$' "$BATS_TEST_TMPDIR/requests"
    nothing_partial
}

@test "a part that is damaged is found out and fetched again" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_fails 1 pull "$bad/slow-drop/x:1"
    local part
    for part in "$SC_DATA_ROOT"/image/partial/*; do
        printf X | dd of="$part" bs=1 seek=10 conv=notrunc status=none
    done
    sc_ok pull "$bad/plain/x:1"
    has_data "$bad/plain/x:1"
}

@test "429 and 503 are waited out, and the user is told" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_ok pull "$bad/busy/x:1"
    expect_output "the registry asks to wait 1 s (status 429)"
    sc_ok rmi "$bad/busy/x:1"
    sc_ok pull "$bad/sick/x:1"
    has_data "$bad/sick/x:1"
}

@test "what a registry and its token service say of themselves" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_ok pull -q "$bad/busy-date/x:1"
    sc_ok rmi "$bad/busy-date/x:1"
    sc_ok pull -q --creds user:pass "$bad/token-sick/x:1"
    sc_ok rmi "$bad/token-sick/x:1"
    local how says
    while IFS='|' read -r how says; do
        sc_fails 1 pull -q --creds user:pass "$bad/$how/x:1"
        expect_error 1 "manifest of \"$bad/$how/x:1\": $says"
    done <<END
busy-long|the registry allows no more requests now (429); try again in 3600 seconds
loop|more than 10 redirects
digest|has the wrong digest: it should be sha256:0000
token-gone|get a token: talk to http://127.0.0.1:1
token-odd|parse the token service's answer: line 1
END
}

@test "credential helpers that fail or talk nonsense are one line each" {
    start_registry plain
    start_bad_registry
    mkdir "$BATS_TEST_TMPDIR/path" "$HOME/.docker"
    echo '{"credsStore": "odd"}' >"$HOME/.docker/config.json"
    export PATH=$BATS_TEST_TMPDIR/path:$PATH
    sc_fails 1 pull "$bad/secret/x:1"
    expect_error 1 'credential helper "docker-credential-odd": not found in PATH'
    local body says
    while IFS='|' read -r body says; do
        printf '#!/bin/sh\n%s\n' "$body" >"$BATS_TEST_TMPDIR/path/docker-credential-odd"
        chmod 755 "$BATS_TEST_TMPDIR/path/docker-credential-odd"
        sc_fails 1 pull "$bad/secret/x:1"
        expect_error 1 "$says"
    done <<'END'
echo no bus; echo more; exit 1|credential helper "odd": no bus
exit 3|credential helper "odd": failed
echo '<html>'|credential helper "odd": parse credential helper's answer: line 1
kill -9 $$|credential helper "odd": failed
echo credentials not found in native keychain; exit 1|wants a login
END
    # one that waits for somebody is killed
    printf '#!/bin/sh\nexec sleep 1000\n' >"$BATS_TEST_TMPDIR/path/docker-credential-odd"
    SC_CREDENTIAL_TIMEOUT=1 sc_fails 1 pull "$bad/secret/x:1"
    expect_error 1 'credential helper "odd": get: run "'
    expect_stderr 'has not ended within 1 seconds; see what it waits for'
    SC_CREDENTIAL_TIMEOUT=soon sc_fails 1 pull "$bad/secret/x:1"
    expect_error 1 'SC_CREDENTIAL_TIMEOUT: '
}

@test "proxies: named in either case, left out for loopback and for NO_PROXY" {
    start_registry plain
    publish_image
    start_bad_registry
    mkdir -p "$SC_CERTS_D/far.example"
    echo 'server = "http://far.example:80"' >"$SC_CERTS_D/far.example/hosts.toml"
    HTTP_PROXY=http://127.0.0.1:$bad_port sc_ok pull far.example/plain/x:1
    has_data far.example/plain/x:1
    sc_ok rmi far.example/plain/x:1
    http_proxy=http://127.0.0.1:$bad_port sc_ok pull -q far.example/plain/x:1
    sc_ok rmi far.example/plain/x:1
    HTTP_PROXY=http://127.0.0.1:$bad_port NO_PROXY=.example sc_fails 1 pull far.example/plain/x:1
    expect_error 1 "far.example"
    # nobody is there: a proxy that is left out is not asked
    HTTP_PROXY=http://127.0.0.1:1 http_proxy=http://127.0.0.1:1 sc_ok pull -q "$registry/x:1"
    HTTP_PROXY=http://127.0.0.1:1 sc_fails 1 pull far.example/plain/x:1
    expect_error 1 "talk to http://far.example"
}

@test "wrong content never becomes an image" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_fails 1 pull "$bad/wrong/x:1"
    expect_error 1 "has the wrong digest"
    nothing_partial
    sc_fails 1 pull "$bad/long/x:1"
    expect_error 1 "has more than the"
    sc_fails 1 pull "$bad/lies/x:1"
    expect_error 1 "has the wrong digest"
    # an index that is a manifest as well, to be read in two ways, and one whose size of the manifest is not its own
    sc_fails 1 pull "$bad/both/x:1"
    expect_error 1 "an index must not also be a manifest"
    sc_fails 1 pull "$bad/short/x:1"
    matches "$stderr" 'manifest sha256:[0-9a-f]{64} has [0-9]+ bytes, the index says [0-9]+'
    sc_fails 1 pull "$bad/schema1/x:1"
    expect_error 1 "schema 1"
    is "$("$SC" images -q --no-trunc | grep -cf "$BATS_TEST_TMPDIR/id" || true)" 0
}

@test "blobs on another host are followed" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_ok pull "$bad/away/x:1"
    has_data "$bad/away/x:1"
}

@test "a manifest that a proxy has packed, words that do not end" {
    start_registry plain
    publish_image
    start_bad_registry
    sc_ok pull -q "$bad/zip/x:1"
    has_data "$bad/zip/x:1"
    sc_ok rmi "$bad/zip/x:1"
    sc_fails 1 pull -q "$bad/endless/x:1"
    expect_error 1 "the registry answers with status 410"
    sc_fails 1 pull -aq "$bad/endless/x"
    expect_error 1 "it has no tags"
}

@test "two pulls of one image fetch it once" {
    start_registry plain
    publish_image
    start_bad_registry
    "$SC" pull -q "$bad/plain/x:1" 3>&- &
    local first=$!
    sc_ok pull -q "$bad/plain/x:1"
    wait "$first"
    is "$(grep ' GET /v2/plain/x/blobs/' "$BATS_TEST_TMPDIR/requests" | cut -d' ' -f3 | sort | uniq -d)" ""
    has_data "$bad/plain/x:1"
}

@test "a layer is unpacked while it comes in" {
    start_registry plain
    publish_image
    start_bad_registry
    SC_LAYER_BACKEND=directory "$SC" pull -q "$bad/hold/x:1" 3>&- &
    local pull=$!
    wait_until compgen -G "$SC_DATA_ROOT/layer/tmp-*-ahead/diff/bin/sh"
    touch "$BATS_TEST_TMPDIR/requests.go"
    wait "$pull"
    has_data "$bad/hold/x:1"
    is "$(find "$SC_DATA_ROOT/layer" -maxdepth 1 -name 'tmp-*')" ""
}

# Whatever the image: its processes and their pages of files together, as the kernel counts them.
@test "a pull of a large image, and of many layers, keeps within 64 MiB of memory" {
    start_registry plain
    local layers=() i limit=64M
    layer "$BATS_TEST_TMPDIR/large.tar" <<<'
import random
text = "".join(random.Random(1).choices("0123456789abcdef", k=1 << 20))
for i in range(90): file("f%d" % i, text[i:] + text[:i])'
    for i in {1..20}; do
        layer "$BATS_TEST_TMPDIR/small-$i.tar" <<<"file('s$i', '$i' * 100000)"
        layers+=("$BATS_TEST_TMPDIR/small-$i.tar")
    done
    archive "$BATS_TEST_TMPDIR/x.tar" "$registry/large:1" "$BATS_TEST_TMPDIR/large.tar" "${layers[@]}"
    sc_ok load -q -i "$BATS_TEST_TMPDIR/x.tar"
    sc_ok push -q "$registry/large:1"
    sc_ok rmi "$registry/large:1"
    sc_ok cgroup create -g "memory:$BATS_TEST_NAME-$$"
    [ "$SC_WHERE" != asan ] || limit=2G # instrumented programs take more
    sc_ok cgroup set -r "memory.max=$limit" "$BATS_TEST_NAME-$$"
    run_split "$SC" cgroup exec -g "memory:$BATS_TEST_NAME-$$" "$SC" pull -q "$registry/large:1"
    local pulled=$status
    "$SC" cgroup delete -r "memory:$BATS_TEST_NAME-$$"
    is "$pulled" 0
    is "$("$SC" history -q "$registry/large:1" | wc -l)" 21
}

@test "bad input is one line" {
    sc_fails 1 pull
    sc_fails 1 pull user/UPPER
    expect_error 1 "invalid reference"
    sc_fails 1 push nosuch:1
    expect_error 1 "no such image"
    sc_fails 1 push base@sha256:"$(printf '0%.0s' {1..64})"
    expect_error 1 "under a tag, not a digest"
    mkdir -p "$SC_CERTS_D/docker.io"
    echo "server = \"http://127.0.0.1:$(free_port)\"" >"$SC_CERTS_D/docker.io/hosts.toml"
    sc_fails 1 pull -q nosuch
    expect_error 1 "talk to http://127.0.0.1"
    run_split "$SC" login localhost:1 </dev/null
    expect_error 1 "standard input is not a terminal"
    run_split "$SC" login --password-stdin localhost:1 </dev/null
    expect_error 1 "must provide --username with --password-stdin"
}
