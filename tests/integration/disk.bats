#!/usr/bin/env bats
# What takes the disk, and what removes it: history, prune, system df, volumes.
# no-vm: sizes and the store, not the kernel
load helpers

# du's own sum of what the engine says is in images, containers and volumes.
du_of()
{
    du -s --block-size=1 "$@" 2>/dev/null | awk '{ n += $1 } END { print n + 0 }'
}

@test "history: one line a step, the image's id on the newest" {
    printf 'x' >"$BATS_TEST_TMPDIR/x"
    tar -C "$BATS_TEST_TMPDIR" -c x | "$SC" import -c 'CMD ["x"]' -m 'a comment' - made >/dev/null
    sc_ok history made
    is "$(head -n 1 <<<"$output" | tr -s ' ')" "IMAGE CREATED CREATED BY SIZE COMMENT"
    is "$(wc -l <<<"$output")" 2
    expect_output "$("$SC" inspect made --format '{{.Id}}' | cut -c 8-19)"
    sc_ok history --format json base
    is "$(jq -r .ID <<<"$output" | head -n 1)" "$("$SC" inspect base --format '{{.Id}}' | cut -c 8-19)"
    sc_ok history -q --no-trunc base
    is "$(head -n 1 <<<"$output")" "$("$SC" inspect base --format '{{.Id}}')"
    # seconds, in the zone of the reader
    is "$(TZ=XXX-05:30 "$SC" history --format '{{.CreatedAt}}' base | grep -cE '^[0-9-]{10}T[0-9:]{8}[+]05:30$')" 1
    is "$(TZ=UTC "$SC" history --format '{{.CreatedAt}}' base | grep -cE '^[0-9-]{10}T[0-9:]{8}Z$')" 1
    sc_fails 1 history nosuch
    expect_error 1 "no such image"
}

@test "history, ps: what an image says of itself ends no line or column of a table, and does not speak to the terminal" {
    local work=$BATS_TEST_TMPDIR
    echo '{"architecture":"amd64","os":"linux","rootfs":{"type":"layers","diff_ids":[]},
        "config":{"Cmd":["/x"],"Labels":{"a":"\u001b[31mred"}},
        "history":[{"created_by":"\u001b[31mRUN\ta\nb","comment":"\u009b31m","empty_layer":true}]}' >"$work/config.json"
    echo '[{"Config":"config.json","RepoTags":["loud:1"],"Layers":[]}]' >"$work/manifest.json"
    tar -C "$work" -cf "$work/image.tar" config.json manifest.json
    sc_ok load -i "$work/image.tar"
    sc_ok history loud:1
    is "$(wc -l <<<"$output")" 2
    expect_output '\x1b[31mRUN a\x0ab   0B        \xc2\x9b31m'
    # a program's reader gets what is there
    sc_ok history --format '{{.Comment}}' loud:1
    is "$output" $'\u009b31m'
    sc_ok create --name loud loud:1
    sc_ok ps -a --format 'table {{.Names}}\t{{.Labels}}\t{{.Label "a"}}'
    is "$(tail -n 1 <<<"$output" | tr -s ' ')" 'loud a=\x1b[31mred \x1b[31mred'
}

@test "image prune: nameless images go, named ones only with -a, used ones never" {
    for i in 1 2; do
        echo "$i" >"$BATS_TEST_TMPDIR/f"
        tar -C "$BATS_TEST_TMPDIR" -c f | "$SC" import - twice >/dev/null
    done
    is "$("$SC" images -q | wc -l)" 3
    sc_ok image prune -f
    expect_output "Deleted Images:"
    matches "$output" 'Total reclaimed space: [0-9.]+k?B'
    is "$("$SC" images -q | wc -l)" 2
    sc_ok create --name holder base true
    sc_ok image prune -af
    expect_output "untagged: twice:latest"
    sc_ok images -q
    is "$(wc -l <<<"$output")" 1
    sc_ok start holder
    sc_ok image prune -f --filter until=1h
    sc_ok image prune -f --filter until=2020-01-01
    sc_ok image prune -f --filter until=1000000000
    sc_fails 1 image prune -f --filter until=yesterday
    expect_error 1 'must be a time or how long ago'
    sc_ok image prune -f --filter dangling=false
    sc_fails 1 image prune -f --filter colour=red
    expect_error 1 "invalid filter"
    sc_fails 125 image prune -f --filter colour
    run_split "$SC" image prune </dev/null
    expect_output "WARNING! This will remove all dangling images."
    run_split "$SC" prune -a </dev/null
    expect_output "WARNING! This will remove all images without at least one container associated to them."
}

@test "prune asks first, and does nothing without a yes" {
    sc_ok create --name stopped base true
    run_split "$SC" container prune <<<n
    expect 0
    expect_output "WARNING! This will remove all stopped containers."
    expect_output "[y/N]"
    sc_ok inspect stopped
    run_split "$SC" container prune <<<y
    expect 0
    expect_output "Deleted Containers:"
    sc_fails 1 inspect stopped
}

@test "container prune leaves what runs, and what a filter excepts" {
    sc_ok run -d --name runs base sleep 1000
    sc_ok create --name kept --label keep=1 base true
    sc_ok create --name gone base true
    sc_ok container prune -f --filter 'label!=keep'
    is "$("$SC" ps -a --format '{{.Names}}' | sort | tr '\n' ' ')" "kept runs "
    sc_ok container prune -f --filter until=1h
    is "$("$SC" ps -aq | wc -l)" 2
    sc_ok container prune -f
    is "$("$SC" ps -a --format '{{.Names}}')" runs
}

@test "system df adds up to what du says" {
    sc_ok run --name one base sh -c 'head -c 3000000 /dev/urandom >/big'
    sc_ok volume create vol
    head -c 2000000 /dev/urandom >"$SC_DATA_ROOT/volume/vol/_data/file"
    sc_ok system df --format json
    local images containers volumes
    images=$(jq -r 'select(.Type == "Images") | .Size' <<<"$output")
    containers=$(jq -r 'select(.Type == "Containers") | .Size' <<<"$output")
    volumes=$(jq -r 'select(.Type == "Local Volumes") | .Size' <<<"$output")
    human() { awk -v n="$1" 'BEGIN { split("B kB MB GB", u, " "); i = 1; while (n >= 999.95) { n /= 1000; i++ } printf "%.4g%s", n, u[i] }'; }
    is "$containers" "$(human "$(du_of "$SC_DATA_ROOT"/container/*)")"
    is "$volumes" "$(human "$(du_of "$SC_DATA_ROOT"/volume/*)")"
    # The store's blobs are linked from the suite's: du counts a file of several names once, df each name's share.
    is "$(jq -r 'select(.Type == "Images") | .TotalCount + "/" + .Active' <<<"$output")" 1/1
    is "$(jq -r 'select(.Type == "Containers") | .TotalCount + "/" + .Active' <<<"$output")" 1/0
    is "$(jq -r 'select(.Type == "Local Volumes") | .Reclaimable' <<<"$output")" "$volumes (100%)"
    [ -n "$images" ]
    tar -C "$BATS_SUITE_TMPDIR/rootfs" -c bin/busybox | "$SC" import -c "LABEL a=b" - other >/dev/null
    sc_ok tag base again:v1
    sc_ok system df -v
    expect_output "Containers space usage:"
    expect_output "vol"
    matches "$output" 'REPOSITORY +TAG +IMAGE ID +CREATED +SIZE +SHARED SIZE +UNIQUE SIZE +CONTAINERS'
    matches "$output" $'\nagain +v1 +[0-9a-f]{12} .* ago +[0-9.]+[kM]B +0B +[0-9.]+[kM]B +1'
    matches "$output" $'\nother +latest +[0-9a-f]{12} .* ago +[0-9.]+[kM]B +0B +[0-9.]+[kM]B +0'
    matches "$output" 'CONTAINER ID +IMAGE +COMMAND +LOCAL VOLUMES +SIZE +CREATED +STATUS +NAMES'
    matches "$output" $'\n\nBuild cache usage: 0B\n\nCACHE ID +CACHE TYPE'
    is "$("$SC" system df -v --format table | head -n 1)" "Images space usage:"
    matches "$output" '"sh -c .head -c 300.+" +0 +3[0-9.]+MB +.* ago +Exited \(0\) .* ago +one'
    # for programs: the rows that the lists have, as one object
    sc_ok system df -v --format json
    is "$(jq -r 'keys_unsorted | join(" ")' <<<"$output")" "Images Containers Volumes BuildCache Layers"
    is "$(jq -r '.Images[] | select(.Repository == "again") | [.Tag, .SharedSize, .Containers, (.ID | length)] | join(" ")' <<<"$output")" "v1 0B 1 71"
    is "$(jq -r '.Containers[] | [.Names, .State, (.ID | length)] | join(" ")' <<<"$output")" "one exited 64"
    is "$(jq -r '.Volumes[] | [.Name, .Driver, .Links] | join(" ")' <<<"$output")" "vol local 0"
    is "$(jq -c .BuildCache <<<"$output")" '[]'
    is "$("$SC" system df -v --format '{{range .Volumes}}{{.Name}}{{end}}')" vol
    is "$("$SC" system df --format '{{.Type}} {{.Size}}' | tail -n 1)" 'Build Cache 0B'
    is "$("$SC" images --format 'table{{.Repository}}' | head -n 1)" REPOSITORY
}

@test "system prune takes stopped containers and unused images; volumes when told" {
    sc_ok run --name 'done' base true
    sc_ok volume create vol
    sc_ok system prune -af
    is "$("$SC" ps -aq)" ""
    is "$("$SC" images -q)" ""
    is "$("$SC" volume ls -q)" vol
    # what was given a name may hold what somebody wants to keep
    sc_ok volume create
    sc_fails 1 system prune -f --volumes --filter until=1h
    expect_error 1 'the "until" filter is not supported with "--volumes"'
    run_split "$SC" system prune -a --volumes --filter label=x </dev/null
    is "$output" "WARNING! This will remove:
  - all stopped containers
  - all networks not used by at least one container
  - all anonymous volumes not used by at least one container
  - all images without at least one container associated to them

  Items to be pruned will be filtered with:
  - label=x

Are you sure you want to continue? [y/N] "
    sc_ok system prune -f --volumes
    is "$("$SC" volume ls -q)" vol
    sc_fails 1 volume prune -f --filter colour=red
    sc_ok volume prune -f
    is "$("$SC" volume ls -q)" vol
    sc_ok volume prune -af
    is "$("$SC" volume ls -q)" ""
}

@test "volume: create, ls, inspect, rm" {
    sc_ok volume create mine
    is "$output" mine
    sc_ok run --rm -v mine:/data base sh -c 'echo kept >/data/file'
    sc_ok run --rm -v mine:/data base cat /data/file
    is "$output" kept
    sc_ok volume ls
    is "$(head -n 1 <<<"$output" | tr -s ' ')" "DRIVER VOLUME NAME"
    sc_ok volume inspect mine
    is "$(jq -r '.[0].Mountpoint' <<<"$output")" "$SC_DATA_ROOT/volume/mine/_data"
    sc_ok volume inspect -f '{{.Name}}' mine
    is "$output" mine
    sc_ok create --name holder -v mine:/data base true
    sc_fails 1 volume rm mine
    expect_error 1 "container \"holder\" has it"
    is "$("$SC" volume ls -qf dangling=true)" ""
    sc_ok rm holder
    is "$("$SC" volume ls -qf dangling=true)" mine
    sc_ok volume rm mine
    sc_fails 1 volume rm mine
    expect_error 1 "no such volume: \"mine\""
    sc_ok volume rm -f mine
    sc_ok volume create
    matches "$output" '^[0-9a-f]{64}$'
    sc_ok volume prune -f
    expect_output "Deleted Volumes:"
    sc_fails 1 volume create ../evil
    expect_error 1 "invalid volume name"
    sc_fails 1 volume create -d nfs x1
    expect_error 1 "only local is known"
}
