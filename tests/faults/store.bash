# store: what the scripts have in common that disturb the commands which change the image store. Sourced after points.bash.
#
#   command_of SCENARIO   sets `command`          fresh    the store as it was before any of them
#   store                 what the store holds    is_kept  whether the image that was there is whole
#   sweep                 another command of a writer, by which garbage goes
#   thinned SCENARIO N    the call to disturb where --every K leaves many out
#   is_sound SCENARIO     whether `system fsck` finds nothing, or nothing but what the scenario is there to mend
#
# In the store are the images `kept` and one without a name. `other` is not: it comes by load (other.tar), import or pull; nor
# is `large`, whose layer is large enough to become an index of its blob. `commit` has a container more, of `kept`; `repair`
# begins with a damaged layer of the image without a name.

# What import and commit make has a time in it.
export SOURCE_DATE_EPOCH=1700000000
# A probe that fails is no error: layers are directories then. Asked for by name it is one.
SC_LAYER_BACKEND=${SC_LAYER_BACKEND:-$("$SC" info --format '{{.LayerBackend}}')}
export SC_LAYER_BACKEND

start=$scratch/start
mkdir "$start" "$scratch/root" "$scratch/root/etc" "$scratch/none" "$scratch/big"
echo one >"$scratch/root/etc/one"
ln -s one "$scratch/root/etc/two"
mkfifo "$scratch/root/pipe"
echo none >"$scratch/none/unmistakable"
mkdir "$scratch/context"
echo built >"$scratch/context/file"
touch -d @1600000000 "$scratch/context/file"
printf '%s\n' 'FROM kept' 'COPY file /' 'RUN touch -d @1600000000 /ran' 'CMD ["/x"]' >"$scratch/context/Dockerfile"
head -c 5000000 <(yes large) >"$scratch/big/file"

# One that only listens on loopback, on a port that is free.
start_registry()
{
    local port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    registry=localhost:$port
    cat >"$scratch/registry.yml" <<END_OF_YAML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $scratch/registry}}
http: {addr: "127.0.0.1:$port", secret: x}
END_OF_YAML
    docker-registry serve "$scratch/registry.yml" >"$scratch/registry.log" 2>&1 </dev/null &
    registry_pid=$!
    trap 'kill "$registry_pid"; wait "$registry_pid" 2>/dev/null || true; rm -rf "$scratch"' EXIT
    wait_until curl -sko /dev/null "http://127.0.0.1:$port/"
}

start_registry
"$SC" run --rm base true
"$SC" import "$scratch/none" x >/dev/null
"$SC" save -o "$scratch/none.tar" "$("$SC" image inspect x --format '{{.Id}}')"
"$SC" import "$scratch/root" "$registry/other" >/dev/null
"$SC" tag "$registry/other" x
"$SC" tag x other
"$SC" push -q "$registry/other" >/dev/null
"$SC" save -o "$scratch/other.tar" other
"$SC" rmi other x "$registry/other" >/dev/null
echo spare >"$scratch/none/unmistakable"
"$SC" import "$scratch/none" spare >/dev/null
"$SC" save -o "$scratch/spare.tar" spare
"$SC" rmi spare >/dev/null
"$SC" import "$scratch/big" large >/dev/null
"$SC" save -o "$scratch/large.tar" large
"$SC" rmi large >/dev/null
"$SC" tag base kept
"$SC" rmi base >/dev/null
"$SC" save -o "$scratch/kept.tar" kept
cp -a "$SC_DATA_ROOT"/{image,layer} "$start/"
"$SC" create --name changed kept true >/dev/null
"$SC" cp "$scratch/root" changed:/
mkdir "$scratch/changed"
cp -a "$SC_DATA_ROOT"/{container,name} "$scratch/changed/"
"$SC" rm changed >/dev/null

# shellcheck disable=SC2034  # for whoever sourced this
command_of()
{
    case $1 in
    base) command=("$SC" create base true) ;;
    load) command=("$SC" load -q -i "$scratch/other.tar") ;;
    large) command=("$SC" load -q -i "$scratch/large.tar") ;;
    import) command=("$SC" import -c 'CMD ["/x"]' "$scratch/root" new) ;;
    largeimport) command=("$SC" import "$scratch/big" new) ;;
    commit) command=("$SC" commit changed new) ;;
    repair) command=("$SC" system fsck --repair) ;;
    fromhost) command=("$SC" image from-host -t new cat) ;;
    build) command=("$SC" build -q -t new "$scratch/context") ;;
    tag) command=("$SC" tag kept new) ;;
    rmi) command=("$SC" rmi kept) ;;
    many) command=("$SC" rmi many) ;; # power-loss alone has that image
    pull) command=("$SC" pull -q "$registry/other") ;;
    prune) command=("$SC" image prune -f) ;;
    sysprune) command=("$SC" system prune -a -f) ;;
    esac
    of=$1
}

# What the scenario that command_of was asked for finds beside the images.
add_to_it()
{
    local at
    case $of in
    commit) cp -a "$scratch/changed/." "$SC_DATA_ROOT/" ;;
    repair)
        # not in place: other stores have these files too
        for at in "$SC_DATA_ROOT"/layer/*; do
            if [ ! -e "$at/erofs" ]; then
                [ -e "$at/diff/unmistakable" ] || continue
                touch -r "$at/diff" "$scratch/time"
                mv "$at/diff/unmistakable" "$at/diff/unmistakablE"
                touch -r "$scratch/time" "$at/diff"
            elif grep -q unmistakable "$at/erofs"; then
                sed -i s/unmistakable/unmistakablE/ "$at/erofs"
            fi
        done
        ! "$SC" system fsck >/dev/null 2>&1 || wrong "nothing was damaged"
        ;;
    esac
}

is_sound()
{
    local status=0
    "$SC" system fsck >"$scratch/said" 2>&1 || status=$?
    [ "$status" -ne 0 ] || return 0
    [ "$1" = repair ] &&
        ! grep -qvE '^layer [0-9a-f]{12}: (it is not unpacked|/unmistakabl)|layers checked: [12] problems|: problems are left: [12];' "$scratch/said"
}

# thinned SCENARIO N: where few calls are taken, fewer of the long commands', which have most of theirs in common with others.
thinned()
{
    case $1 in
    large | largeimport | commit | build | repair) [ "$every" -lt 8 ] && echo "$2" || echo $(($2 * 3)) ;;
    *) echo "$2" ;;
    esac
}

# Whether the scenario takes the image `kept` away.
takes_kept()
{
    [ "$1" = rmi ] || [ "$1" = sysprune ]
}

is_removal()
{
    [ "$1" = prune ] || takes_kept "$1"
}

fresh()
{
    rm -rf "$SC_DATA_ROOT" "$SC_RUN_ROOT"
    mkdir "$SC_DATA_ROOT" "$SC_RUN_ROOT"
    # Links: what is there never changes in place.
    cp -al "$start"/. "$SC_DATA_ROOT/"
    add_to_it
}

# What the store holds: names, kinds, modes, owners, sizes, and the text of the index. What came of a blob is kept for
# whoever pulls again.
store()
{
    (cd "$SC_DATA_ROOT" && find image layer -not -type d -printf '%y %m %U:%G %s %p\n' -o -printf '%y %m %U:%G %p\n' |
        grep -vE ' image/(lock|session|partial.*|sc-build-cache.json)$' | LC_ALL=C sort &&
        find layer -name erofs.tar -exec sh -c 'find image/blobs -samefile "$0" -printf "$0 is %p\n" | grep . || echo "$0 is no blob"' {} \; |
        LC_ALL=C sort && jq -S '.manifests | sort_by(tostring)' image/index.json)
}

# Steps of a build that were finished are kept for the next one; no container of a step is.
forget_steps()
{
    [ "$1" != build ] || { "$SC" builder prune -a -f >/dev/null && [ -z "$("$SC" ps -aq)" ]; }
}

# What a removal could not delete is garbage, which the next writer deletes (src/image/image.h).
sweep()
{
    "$SC" load -q -i "$scratch/spare.tar" >/dev/null && "$SC" rmi spare >/dev/null
}

# What sc-remove unlinks behind the answer of a removal has gone.
has_swept()
{
    [ -z "$(find "$SC_DATA_ROOT/layer" -maxdepth 1 -name 'tmp-*' -print -quit)" ]
}

# That what was there is whole: an archive of it is the same bytes.
is_kept()
{
    [ "$("$SC" save kept | sha256sum)" = "$kept" ]
}

# The scenario, undisturbed: what it makes of the store is in $scratch/good, what it was before in $scratch/before-it.
prepare()
{
    [ "${prepared:-}" != "$1" ] || return 0
    command_of "$1"
    fresh
    store >"$scratch/before-it"
    kept=$("$SC" save kept | sha256sum)
    "${command[@]}" >/dev/null
    "$SC" ps -aq | xargs -r "$SC" rm >/dev/null
    [ "$1" != many ] || wait_until has_swept
    store >"$scratch/good"
    prepared=$1
}
