# archives: layers and images as the tests want them. `load archives` after `load helpers`.

# layer NAME: a layer tar, made by the Python on standard input, which adds to `t` (tarfile) with these helpers.
layer()
{
    {
        cat <<'END'
import io, sys, tarfile
t = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
def entry(name, **fields):
    info = tarfile.TarInfo(name)
    for key, value in fields.items():
        setattr(info, key, value)
    return info
def file(name, text="", **fields):
    info = entry(name, **{"mode": 0o644, **fields})
    info.size = len(text)
    t.addfile(info, io.BytesIO(text.encode()))
def dir(name, **fields):
    t.addfile(entry(name, type=tarfile.DIRTYPE, **{"mode": 0o755, **fields}))
def link(name, target):
    t.addfile(entry(name, type=tarfile.SYMTYPE, linkname=target))
def hard(name, target):
    t.addfile(entry(name, type=tarfile.LNKTYPE, linkname=target))
END
        cat
        echo 't.close()'
    } | python3 - "$1"
}

# archive FILE NAME LAYER...: a docker-archive of these layer tars, over the layer of base where the first is "base".
archive()
{
    local out=$1 name=$2 work=$BATS_TEST_TMPDIR/archive
    shift 2
    rm -rf "$work"
    mkdir "$work"
    if [ "$1" = base ]; then
        sc_ok save -o "$BATS_TEST_TMPDIR/base.tar" base
        tar -C "$work" -xf "$BATS_TEST_TMPDIR/base.tar"
        mv "$work"/*.tar "$work/layer-0.tar"
        rm "$work"/*.json "$work/repositories"
        shift
    fi
    while [ $# -gt 0 ]; do
        cp "$1" "$work/layer-$(find "$work" -name 'layer-*' | wc -l).tar"
        shift
    done
    (
        cd "$work" || exit
        sha256sum layer-* | jq -Rn '{architecture: "amd64", os: "linux", config: {Cmd: ["sh"], Env: ["PATH=/bin"]},
            rootfs: {type: "layers", diff_ids: [inputs | "sha256:" + split(" ")[0]]}}' >config.json
        find . -name 'layer-*' -printf '%P\n' | sort | jq -Rn --arg name "$name" \
            '[{Config: "config.json", RepoTags: [$name], Layers: [inputs]}]' >manifest.json
        tar -cf "$out" config.json manifest.json layer-*
    )
}
