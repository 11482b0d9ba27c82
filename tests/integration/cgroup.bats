#!/usr/bin/env bats
# sc cgroup: cgroups of any process, by the keys of either version.
load helpers

setup()
{
    sc_setup
    cd "$BATS_TEST_TMPDIR"
    # No other test and no other run has this name.
    GROUP=sctest-$$-$BATS_TEST_NUMBER
}

# What a test made goes before the check for leftovers.
teardown()
{
    local dir
    # shellcheck disable=SC2044 # no cgroup of theirs has a blank
    for dir in $(find /sys/fs/cgroup -depth -type d -path "*/$GROUP*" 2>/dev/null); do
        rmdir "$dir" || true
    done
    sc_teardown
}

# The directory of the group in the hierarchy of a controller
dir_of()
{
    echo "$(cgroup_mount "$1")/$GROUP${2:+/$2}"
}

cgroup_mount()
{
    if [ "$(cgroup_mode)" = v2 ]; then
        echo /sys/fs/cgroup
    else
        awk -v c="$1" '$0 ~ / - cgroup / { n = split($NF, a, ","); for (i = 1; i <= n; i++) if (a[i] == c) print $5 }' /proc/self/mountinfo | head -1
    fi
}

# A file of the group by version: v2's name, v1's name
file_of()
{
    local controller=$1 v2=$2 v1=$3
    if [ "$(cgroup_mode)" = v2 ]; then echo "$(dir_of "$controller")/$v2"; else echo "$(dir_of "$controller")/$v1"; fi
}

@test "cgroup create, set, get: the kernel has what was set, by the keys of either version" {
    sc_ok cgroup create -g "memory,pids,cpu:$GROUP"
    [ -d "$(dir_of memory)" ] && [ -d "$(dir_of pids)" ] && [ -d "$(dir_of cpu)" ]
    sc_ok cgroup set -r memory.max=64M -r pids.max=7 -r 'cpu.max=20000 100000' "$GROUP"
    is "$(cat "$(file_of memory memory.max memory.limit_in_bytes)")" 67108864
    is "$(cat "$(file_of pids pids.max pids.max)")" 7
    sc_ok cgroup get -nv -r memory.limit_in_bytes -r memory.max -r cpu.cfs_quota_us -r cpu.cfs_period_us -r cpu.max "$GROUP"
    is "$output" "$(printf '67108864\n67108864\n20000\n100000\n20000 100000')"
    sc_ok cgroup set -r memory.limit_in_bytes=32M -r cpu.cfs_quota_us=-1 -r cpu.shares=2048 "$GROUP"
    is "$(cat "$(file_of memory memory.max memory.limit_in_bytes)")" 33554432
    sc_ok cgroup get -nv -r cpu.max "$GROUP"
    is "$output" "max 100000"
    sc_ok cgroup set -r cpu.weight=100 "$GROUP"
    sc_ok cgroup get -nv -r cpu.shares -r cpu.weight "$GROUP"
    is "$output" "$(printf '1024\n100')"
    sc_ok cgroup get -r pids.max -r memory.max "$GROUP"
    is "$output" "$(printf '%s:\npids.max: 7\nmemory.max: 33554432' "$GROUP")"
}

@test "cgroup set: all values or none, in whatever order they are given" {
    sc_ok cgroup create -g "pids,memory:$GROUP"
    sc_ok cgroup set -r memory.max=64M "$GROUP"
    # memory must be raised before what counts swap too
    run_sc cgroup set -r memory.max=32M -r memory.nothing=1 "$GROUP"
    expect_error 1 memory.nothing
    is "$(cat "$(file_of memory memory.max memory.limit_in_bytes)")" 67108864
    if [ -e "$(file_of memory memory.swap.max memory.memsw.limit_in_bytes)" ]; then
        sc_ok cgroup set -r memory.memsw.limit_in_bytes=128M "$GROUP"
        sc_ok cgroup set -r memory.limit_in_bytes=192M -r memory.memsw.limit_in_bytes=256M "$GROUP"
        sc_ok cgroup set -r memory.memsw.limit_in_bytes=64M -r memory.limit_in_bytes=64M "$GROUP"
        sc_ok cgroup get -nv -r memory.max -r memory.swap.max "$GROUP"
        is "$output" "$(printf '67108864\n0')"
    fi
}

@test "cgroup exec, classify, procs: processes are where they were sent" {
    sc_ok cgroup create -g "pids,memory:$GROUP/a"
    run_sc cgroup exec -g "pids,memory:$GROUP/a" sh -c 'cat /proc/self/cgroup; exit 6'
    expect 6
    expect_output ":/$GROUP/a"
    if [ "$(cgroup_mode)" != v2 ]; then
        is "$(grep -c ":/$GROUP/a$" <<<"$output")" 2
    fi
    sleep 1000 &
    local pid=$!
    sc_ok cgroup classify -g "pids:$GROUP/a" "$pid"
    sc_ok cgroup procs "pids:$GROUP/a"
    is "$output" "$pid"
    sc_ok cgroup procs -r "pids:$GROUP"
    is "$output" "$pid"
    run_sc cgroup classify -g "pids:$GROUP/a" 99999999
    expect_error 1 'no process 99999999'
    kill "$pid"
    wait_until has_ended "$pid"
    run_sc cgroup exec -g "pids:$GROUP/a" /no/such
    expect 127
}

@test "cgroup delete: processes go to the cgroup above, cgroups below only with -r" {
    sc_ok cgroup create -g "pids:$GROUP/a/b"
    sleep 1000 &
    local pid=$!
    # v2 keeps processes in the leaves and in the root
    local leaf="$GROUP/a/b" above="/$GROUP/a"
    if [ "$(cgroup_mode)" = v2 ]; then
        leaf=$GROUP-top above=/
        sc_ok cgroup create -g "pids:$leaf"
    fi
    sc_ok cgroup classify -g "pids:$leaf" "$pid"
    sc_ok cgroup delete "pids:$leaf"
    [ ! -d "$(cgroup_mount pids)/$leaf" ]
    grep -q "$above\$" "/proc/$pid/cgroup"
    run_sc cgroup delete "pids:$GROUP"
    expect_error 1 'there are cgroups in it; add --recursive'
    kill "$pid"
    wait_until has_ended "$pid"
    sc_ok cgroup delete -r -g "pids:$GROUP"
    [ ! -d "$(dir_of pids)" ]
    run_sc cgroup delete "pids:$GROUP"
    expect_error 1 'no such file or directory'
    run_sc cgroup delete pids:/
    expect_error 1 'it is the root of a hierarchy'
}

@test "cgroup create: owner and mode, as far as the owner of a file has it" {
    sc_ok cgroup create -a 1000:1001 -t 1002:1003 -d 770 -f 664 -s 660 -g "pids:$GROUP"
    is "$(stat -c '%u:%g %a' "$(dir_of pids)")" '1000:1001 770'
    is "$(stat -c '%u:%g %a' "$(dir_of pids)/cgroup.procs")" '1002:1003 660'
    is "$(stat -c '%u:%g %a' "$(dir_of pids)/pids.max")" '1000:1001 664'
    # read-only for its owner, so for all
    is "$(stat -c '%u:%g %a' "$(dir_of pids)/pids.current")" '1000:1001 444'
}

@test "cgroup apply: a cgconfig.conf, all of it or nothing" {
    cat >good.conf <<END
# groups for a test
default { perm { task { gid = 1003; fperm = 770; } admin { uid = 1000; dperm = 750; } } }
group $GROUP/www {
    pids { pids.max = "5"; }
    memory { memory.limit_in_bytes = 67108864; }
}
group $GROUP/ftp { perm { admin { uid = 0; } } pids { } }
END
    sc_ok cgroup apply --dry-run good.conf
    expect_output "set pids.max=5 in $GROUP/www"
    [ ! -d "$(dir_of pids)" ]
    sc_ok cgroup apply good.conf
    is "$(cat "$(dir_of pids www)/pids.max")" 5
    is "$(stat -c '%u %a' "$(dir_of pids www)")" '1000 750'
    is "$(stat -c '%u %a' "$(dir_of pids ftp)")" '0 755'
    sc_ok cgroup get -nv -r memory.max "$GROUP/www"
    is "$output" 67108864
    sc_ok cgroup delete -r "pids,memory:$GROUP"
    sed 's/pids { }/pids { pids.max = many; }/' good.conf >bad.conf
    run_sc cgroup apply bad.conf
    expect_error 1 'bad.conf:7: group'
    [ ! -d "$(dir_of pids)" ] && [ ! -d "$(dir_of memory)" ]
    echo 'group { pids {} }' >worse.conf
    run_sc cgroup apply worse.conf
    expect_error 1 "worse.conf:1: expected the group's name, not \"{\""
    run_sc cgroup apply none.conf
    expect_error 1 none.conf
}

@test "cgroup tree: shares when all compete, and the tightest limit with its place" {
    sc_ok cgroup create -g "cpu,memory,pids:$GROUP/t/s1" -g "cpu,memory,pids:$GROUP/t/s2" -g "cpu,memory,pids:$GROUP/t/own" \
        -g "cpu,memory,pids:$GROUP/apps/a1" -g "cpu,memory,pids:$GROUP/apps/a2"
    weigh() { if [ "$(cgroup_mode)" = v2 ]; then "$SC" cgroup set -r "cpu.weight=$2" "$GROUP/$1"; else "$SC" cgroup set -r "cpu.shares=$2" "$GROUP/$1"; fi; }
    weigh t 200
    weigh apps 100
    weigh t/own 100
    weigh t/s1 100
    weigh t/s2 200
    weigh apps/a1 100
    weigh apps/a2 300
    sc_ok cgroup set -r memory.max=64M -r 'cpu.max=50000 100000' "$GROUP/t"
    sc_ok cgroup set -r memory.max=128M -r pids.max=9 "$GROUP/t/s1"
    sc_ok cgroup tree --format '{{.Path}} {{.Share}}' "$GROUP"
    local top
    top=$(awk -v p="/$GROUP" '$1 == p { sub("%", "", $2); print $2 }' <<<"$output")
    # 2/3 of it is t's, of which own, s1, s2 have 1/4, 1/4, 1/2; 1/3 is apps', of which 1/4 and 3/4
    awk -v p="/$GROUP/" -v top="$top" '
        { name = substr($1, length(p) + 1); sub("%", "", $2) }
        BEGIN { want["t"] = 2/3; want["t/own"] = 1/6; want["t/s1"] = 1/6; want["t/s2"] = 1/3; want["apps"] = 1/3; want["apps/a1"] = 1/12; want["apps/a2"] = 1/4 }
        name in want { seen++; d = $2 - want[name] * top; if (d > 0.02 || d < -0.02) { print name, $2, want[name] * top; bad = 1 } }
        END { exit bad || seen != 7 }' <<<"$output"
    sc_ok cgroup tree --format '{{.MemoryLimit}} {{.MemoryFrom}} {{.Cpus}} {{.CpusFrom}} {{.PidsLimit}} {{.PidsFrom}}' "$GROUP/t/s1"
    is "$output" "64MiB /$GROUP/t 0.50 /$GROUP/t 9 own"
    sc_ok cgroup tree "$GROUP"
    matches "$output" '├─apps'
    matches "$output" '  └─s2'
    run_sc cgroup tree "$GROUP/none"
    expect_error 1 "no hierarchy has a cgroup \"/$GROUP/none\""
}

@test "cgroup: a link by the name of libcgroup's tool is that command" {
    ln -s "$SC" cgcreate
    ln -s "$SC" cgdelete
    ln -s "$SC" cgexec
    ln -s "$SC" lscgroup
    ln -s "$SC" lssubsys
    ./cgcreate -g "pids:$GROUP"
    ./lscgroup "pids:$GROUP" | grep -qx ".*pids.*:/$GROUP/"
    ./cgexec -g "pids:$GROUP" grep -q "/$GROUP" /proc/self/cgroup
    ./lssubsys -m pids | grep -qE "^([^ ]*,)?pids(,[^ ]*)? /"
    ./cgdelete "pids:$GROUP"
    [ ! -d "$(dir_of pids)" ]
    ./cgexec --help | grep -q 'Usage: sc cgroup exec'
}

@test "cgroup controllers: each of the kernel's, once, with its place" {
    sc_ok cgroup controllers
    is "$(tr , '\n' <<<"$output" | sort | uniq -d)" ''
    is "$(tr , '\n' <<<"$output" | grep -cx memory)" 1
    sc_ok cgroup controllers -m memory
    point=${output#* }
    matches "${output%% *}" '(^|,)memory($|,)'
    is "$(cgroup_dir 1 memory | cut -c "1-${#point}")" "$point"
    sc_ok cgroup controllers -i memory
    is "${output#* }" "$(awk '$1 == "memory" { print $2 }' /proc/cgroups)"
    # all of the kernel's are there, mounted or not
    sc_ok cgroup controllers -a
    is "$(comm -13 <(tr , '\n' <<<"$output" | sort) <(awk '!/^#/ { print $1 }' /proc/cgroups | sed 's/^blkio$/io/' | sort) | grep -vxE 'cpuacct|devices|freezer|net_cls|net_prio|io|perf_event')" ''
    run_sc cgroup controllers nonsense
    expect_error 1 'this kernel has no cgroup controller "nonsense"'
}

@test "cgroup: bad input is one line, and nothing is made" {
    sc_ok cgroup create -g "pids,cpu:$GROUP"
    while IFS='|' read -r args says; do
        # shellcheck disable=SC2086  # words
        run_sc cgroup ${args//GROUP/$GROUP}
        expect_error 1 "${says//GROUP/$GROUP}"
    done <<'END'
create|which cgroup?
create -g GROUP|is not CONTROLLER[,CONTROLLER...]:PATH
create -g nothing:GROUP|no "nothing" cgroup controller
create -g pids:../GROUP|".." is not allowed
create -d 999 -g pids:GROUP|"999" is no mode
create -a no-such-user-here:1 -g pids:GROUP|no-such-user-here
set GROUP|set what?
set -r pids.max GROUP|"pids.max" is not KEY=VALUE
set -r nothing.max=1 GROUP|no "nothing" cgroup controller
set -r pids=1 GROUP|is no key of a cgroup
set -r pids.max=many GROUP|write "many" to "pids.max"
set -r cpu.shares=x GROUP|write "x" to "cpu.shares": invalid argument
set -r pids.max=1 GROUP/none|GROUP
get|which cgroup?
get -r pids.max GROUP/none|GROUP
get -r pids.nothing GROUP|no "pids.nothing"
get -r pids.max ../x|".." is not allowed
exec true|which cgroup?
exec -g pids:GROUP/none true|GROUP
classify -g pids:GROUP|requires at least 1 argument
classify -g pids:GROUP nobody|nobody
delete|which cgroup?
procs pids:GROUP/none|GROUP
ls pids:GROUP/none|GROUP
mount pids|requires 2 arguments
umount /tmp|it is no cgroup file system
umount /no/such|no such file
apply|requires at least 1 argument
END
    is "$(ls -d "$(cgroup_mount pids)"/*"$GROUP"*)" "$(dir_of pids)"
}

@test "cgroup mount, umount: a hierarchy of one's own" {
    mkdir tree
    unshare -m sh -ec '
        "$SC" cgroup mount name=sctest-tree "$PWD/tree"
        [ -e tree/cgroup.procs ]
        "$SC" cgroup controllers -m pids >once
        point=$(cut -d" " -f 2 once)
        mkdir "$PWD/again" && mount --bind "$point" "$PWD/again"
        "$SC" cgroup controllers -m pids | cmp once -
        "$SC" cgroup controllers -M pids | grep -F "$PWD/again" >/dev/null
        "$SC" cgroup controllers -M pids | grep -F -x -f once >/dev/null
        "$SC" cgroup umount "$PWD/tree"
        ! [ -e tree/cgroup.procs ]' || {
        # a kernel without v1
        run_sc cgroup mount name=sctest-tree "$PWD/tree"
        expect_error 1 'mount the cgroup controllers'
    }
}
