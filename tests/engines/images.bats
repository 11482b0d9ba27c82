#!/usr/bin/env bats
# Images between sc and docker, podman, skopeo, umoci and buildah: archives and layouts both ways, ids and digests kept; and the
# store itself, which the others read as the OCI layout that it is.
load helpers

setup_file()
{
    docker_up "$BATS_FILE_TMPDIR/docker"
    podman_up
}

teardown_file()
{
    docker_down "$BATS_FILE_TMPDIR/docker"
}

# The image pair:1 of two layers, of which the second hides a file of the first: $id and $digest.
setup()
{
    engine_setup
    export SC_DATA_ROOT=$BATS_TEST_TMPDIR/sc
    dir=$BATS_TEST_TMPDIR/files name=docker.io/library/pair:1
    mkdir -p "$dir/layout/blobs/sha256"
    tar -C "$BATS_SUITE_TMPDIR/rootfs" --owner 0 --group 0 -cf "$dir/first" bin
    mkdir -p "$dir/tree/data"
    touch "$dir/tree/data/.wh.gone" "$dir/tree/data/kept"
    mkdir -p "$dir/below/data"
    touch "$dir/below/data/gone"
    tar -C "$dir/below" --owner 0 --group 0 -rf "$dir/first" data
    tar -C "$dir/tree" --owner 0 --group 0 -czf "$dir/second" data
    python3 - "$dir" <<'END'
import gzip, hashlib, json, sys
root = sys.argv[1]
def digest(data): return "sha256:" + hashlib.sha256(data).hexdigest()
def blob(data, kind):
    open(root + "/layout/blobs/sha256/" + digest(data)[7:], "wb").write(data)
    return {"mediaType": "application/vnd.oci.image." + kind, "digest": digest(data), "size": len(data)}
first, second = (open(root + "/" + n, "rb").read() for n in ("first", "second"))
layers = [blob(gzip.compress(first, 1, mtime=0), "layer.v1.tar+gzip"), blob(second, "layer.v1.tar+gzip")]
config = blob(json.dumps({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": ["ls", "/data"], "Labels": {"a": "b"}},
    "rootfs": {"type": "layers", "diff_ids": [digest(first), digest(gzip.decompress(second))]}}).encode(), "config.v1+json")
manifest = blob(json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers}).encode(), "manifest.v1+json")
manifest["annotations"] = {"org.opencontainers.image.ref.name": "docker.io/library/pair:1"}
json.dump({"schemaVersion": 2, "manifests": [manifest]}, open(root + "/layout/index.json", "w"))
json.dump({"imageLayoutVersion": "1.0.0"}, open(root + "/layout/oci-layout", "w"))
END
    ok "$SC" load -q -i "$dir/layout"
    id=$("$SC" image inspect -f '{{.Id}}' pair:1)
    digest=$("$SC" images --no-trunc --format '{{.Digest}}' pair:1)
}

teardown()
{
    d rmi -f pair:1 >/dev/null 2>&1 || true
    pm rmi -f "$id" >/dev/null 2>&1 || true
    engine_teardown
}

# same_id [NAME]: sc has the image that there was, and its files.
same_id()
{
    is "$("$SC" image inspect -f '{{.Id}}' "${1:-pair:1}")" "$id"
    is "$("$SC" run --rm --network none "${1:-pair:1}")" kept
}

# without COMMAND...: after sc has forgotten the image.
without()
{
    ok "$SC" rmi -f "$id"
    ok "$@"
}

compressed() { d save pair:1 | gzip | "$SC" load; }

@test "images: docker takes what sc saves, and sc what docker saves" {
    "$SC" save pair:1 | d load
    is "$(d image inspect -f '{{.Id}} {{json .Config.Labels}}' pair:1)" "$id {\"a\":\"b\"}"
    d save -o "$dir/docker.tar" pair:1
    without "$SC" load -i "$dir/docker.tar"
    same_id
    without compressed
    same_id
}

@test "images: podman takes what sc saves, and sc what podman saves" {
    local format
    for format in docker-archive oci-archive; do
        ok "$SC" save --format "$format" -o "$dir/sc-$format" pair:1
        ok pm load -q -i "$dir/sc-$format"
        is "sha256:$(pm image inspect -f '{{.Id}}' pair:1)" "$id"
        ok pm save -q --format "$format" -o "$dir/podman-$format" pair:1
        ok pm rmi -f "$id"
        without "$SC" load -i "$dir/podman-$format"
        # podman 4.3 calls what is in a docker-archive localhost/pair:1
        same_id "${output#Loaded image: }"
        ok "$SC" rmi -f "$id"
        ok "$SC" load -q -i "$dir/layout"
    done
}

@test "images: skopeo reads the store, archives and layouts with their digests, and writes what sc reads" {
    is "$(skopeo inspect -f '{{.Digest}}' "oci:$SC_DATA_ROOT/image:$name")" "$digest"
    ok skopeo copy -q "oci:$SC_DATA_ROOT/image:$name" "oci:$dir/copied:$name"
    without "$SC" load -i "$dir/copied"
    same_id
    is "$("$SC" images --no-trunc --format '{{.Digest}}' pair:1)" "$digest"
    ok "$SC" save --format oci-archive -o "$dir/x.tar" pair:1
    is "$(skopeo inspect -f '{{.Digest}}' "oci-archive:$dir/x.tar")" "$digest"
    ok skopeo copy -q "oci-archive:$dir/x.tar" "oci-archive:$dir/y.tar:$name"
    without "$SC" load -i "$dir/y.tar"
    same_id
    ok skopeo copy -q "oci:$SC_DATA_ROOT/image:$name" "docker-archive:$dir/z.tar:pair:1"
    without "$SC" load -i "$dir/z.tar"
    same_id
}

@test "images: umoci unpacks the store, and sc loads what umoci changes" {
    ok umoci list --layout "$SC_DATA_ROOT/image"
    is "$output" "$name"
    ok umoci unpack --image "$SC_DATA_ROOT/image:$name" "$dir/bundle"
    is "$(ls "$dir/bundle/rootfs/data")" kept
    ok "$SC" save --format oci-dir -o "$dir/oci" pair:1
    ok umoci unpack --image "$dir/oci:$name" "$dir/again"
    touch "$dir/again/rootfs/data/more"
    ok umoci repack --image "$dir/oci:$name" "$dir/again"
    ok "$SC" load -i "$dir/oci"
    is "$("$SC" run --rm --network none pair:1)" $'kept\nmore'
}

@test "images: buildah builds on the store's image, and sc loads what it pushes" {
    export STORAGE_DRIVER=vfs
    buildah="buildah --root $dir/buildah --runroot $dir/buildah-run"
    # It makes a name of the path, and wants that in small letters.
    cp -r "$SC_DATA_ROOT/image" /run/pair
    # shellcheck disable=SC2086
    {
        ok $buildah from --name work "oci:/run/pair:$name"
        ok $buildah config --label built=yes --cmd 'ls /' work
        ok $buildah commit -q work "oci:$dir/built:$name"
        $buildah rm -a >/dev/null
        $buildah rmi -af >/dev/null
        rm -r /run/pair
    }
    ok "$SC" load -i "$dir/built"
    is "$("$SC" image inspect -f '{{.Config.Labels.a}} {{.Config.Labels.built}}' pair:1)" "b yes"
    is "$("$SC" run --rm --network none pair:1 ls /data)" kept
}

@test "images: through a registry each pulls what the others pushed, and lists of images are the same" {
    local port registry server repo pushed
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    registry=localhost:$port
    printf 'version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: "127.0.0.1:%s", secret: x}\n' \
        "$dir/registry" "$port" >"$dir/registry.yml"
    docker-registry serve "$dir/registry.yml" >"$dir/registry.log" 2>&1 3>&- &
    server=$!
    wait_until curl -sko /dev/null "http://127.0.0.1:$port/"
    ok "$SC" tag pair:1 "$registry/pair:1"
    ok "$SC" push -q "$registry/pair:1"
    is "$(skopeo inspect --tls-verify=false -f '{{.Digest}}' "docker://$registry/pair:1")" "$digest"
    ok d pull -q "$registry/pair:1"
    is "$(d image inspect -f '{{.Id}}' "$registry/pair:1")" "$id"
    ok pm pull -q --tls-verify=false "$registry/pair:1"
    is "sha256:$output" "$id"
    ok pm push -q --tls-verify=false --compression-format zstd "$registry/pair:1" "$registry/podman:1"
    ok d tag "$registry/pair:1" "$registry/docker:1"
    ok d push -q "$registry/docker:1"
    for repo in podman docker; do
        without "$SC" pull -q "$registry/$repo:1"
        same_id "$registry/$repo:1"
        is "$("$SC" run --rm --network none "$registry/$repo:1" ls /data)" kept
    done
    # Debian's docker 20.10 knows no manifests of the OCI here
    export DOCKER_CONFIG=$dir/docker-config
    ok d manifest create --insecure "$registry/list:docker" "$registry/docker:1"
    ok d manifest push --insecure "$registry/list:docker"
    pushed=${output//list:docker/list:sc}
    ok "$SC" manifest create "$registry/list:sc" "$registry/docker:1"
    is "$("$SC" manifest push "$registry/list:sc")" "$pushed"
    is "$("$SC" manifest inspect "$registry/list:docker")" "$(d manifest inspect --insecure "$registry/list:sc")"
    kill "$server"
    wait "$server" || true
    d rmi -f "$id" >/dev/null
    pm rmi -f "$id" >/dev/null
}
