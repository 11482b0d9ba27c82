#!/usr/bin/env bats
# Limits: what is written down of them, wrong values, and update. What the kernel makes of them is measured in resources.bats and ceilings.bats.
load helpers

SOURCE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

# Everything in the store and of containers, by name.
state()
{
    (cd "$SC_DATA_ROOT" && find . -path './layer/*/*' -prune -o -not -path ./network -print)
}

container_pid()
{
    "$SC" inspect --format '{{.State.Pid}}' "$1"
}

# The value of a file of the container's cgroup: NAME V2FILE CONTROLLER V1FILE
value_of()
{
    cgroup_value "$(container_pid "$1")" "$2" "$3" "$4"
}

# A disk of this machine, or nothing.
a_disk()
{
    local dev
    for dev in /sys/block/*; do
        dev=/dev/${dev##*/}
        if [ -b "$dev" ]; then
            echo "$dev"
            return
        fi
    done
}

@test "limits: the document has the table that is in the code" {
    [ -d "$SOURCE/docs" ] || skip "only where the sources are"
    "$SC" __limits >"$BATS_TEST_TMPDIR/code"
    [ "$(wc -l <"$BATS_TEST_TMPDIR/code")" -gt 25 ]
    sed -n '/^## The flags/,/^###/p' "$SOURCE/docs/concepts/cgroups.md" | grep '^|' | diff "$BATS_TEST_TMPDIR/code" -
}

# ARGUMENTS|what the message says. DISK stands for a disk of this machine, M for its memory and one more MiB, in MiB.
bad_table()
{
    cat <<'END'
--memory=1|the least is 6m
--memory=6291455|the least is 6m
--memory=5m|the least is 6m
--memory=-1|must
--memory=-64m|must
--memory=64x|must be a size
--memory=m|must be a size
--memory=|must be a size
--memory=1.2.3g|must be a size
--memory=0x40m|must be a size
--memory=99999999999999999999g|must be a size
--memory=64mm|must be a size
--memory=64kib2|must be a size
--memory=Mm|of memory of this host
--memory=1000t|of memory of this host
--memory-reservation=1|the least is 6m
--memory-reservation=-1|must
--memory-reservation=64x|must be a size
--memory-reservation=1000t|of memory of this host
--memory=64m --memory-reservation=65m|--memory-reservation is larger than --memory
--memory-swap=64m|set --memory too
--memory-swap=-2|must
--memory-swap=64x|must be a size
--memory=64m --memory-swap=63m|smaller than --memory
--memory=64m --memory-swap=1|smaller than --memory
--memory-swappiness=101|from 0 to 100
--memory-swappiness=-2|from 0 to 100
--memory-swappiness=many|must be a whole number
--memory-swappiness=1.5|must be a whole number
--memory-high=1|the least is 6m
--memory-high=-1|must
--memory-high=64x|must be a size
--memory-high=1000t|of memory of this host
--memory=64m --memory-high=65m|--memory-high is larger than --memory
--memory-low=-1|must
--memory-low=64x|must be a size
--memory-low=1000t|of memory of this host
--memory=64m --memory-low=65m|--memory-low is larger than --memory
--memory-low=64m --memory-reservation=64m|are the same limit
--memory-min=-1|must
--memory-min=64x|must be a size
--memory-min=1000t|of memory of this host
--memory=64m --memory-min=65m|--memory-min is larger than --memory
--memory-min=64m --memory-low=32m|--memory-min is larger than --memory-low
--memory-low=64m --memory-high=32m|--memory-low is larger than --memory-high
--memory-min=64m --memory-high=32m|--memory-min is larger than --memory-high
--kernel-memory=64x|must be a size
--kernel-memory=-5|must
--oom-kill-disable=perhaps|must be
--oom-score-adj=1001|from -1000 to 1000
--oom-score-adj=-1001|from -1000 to 1000
--oom-score-adj=high|must be a whole number
--cpus=0.001|the least is 0.01
--cpus=-1|must be
--cpus=1000000|CPUs of this host
--cpus=one|must be
--cpus=1,5|must be
--cpus=1e3|must be
--cpus=0.0000000001|must be
--cpus=.|must be
--cpus=1 --cpu-quota=50000|conflicting options: --cpus and --cpu-quota
--cpus=1 --cpu-period=50000|conflicting options: --cpus and --cpu-period
--cpu-period=999|between 1000 and 1000000
--cpu-period=1000001|between 1000 and 1000000
--cpu-period=-1|between 1000 and 1000000
--cpu-period=1ms|must be a whole number
--cpu-quota=999|the least is 1000
--cpu-quota=-2|the least is 1000
--cpu-quota=half|must be a whole number
--cpu-shares=1|between 2 and 262144
--cpu-shares=262145|between 2 and 262144
--cpu-shares=-1|must be a whole number
--cpu-shares=much|must be a whole number
--cpu-burst=1000|without a quota
--cpu-burst=-1 --cpus=.5|must not be negative
--cpu-burst=50001 --cpus=.5|more than the quota of 50000
--cpu-burst=x --cpus=.5|must be a whole number
--cpu-burst=1000 --cpu-quota=-1|without a quota
--cpu-idle=perhaps|must be
--cpu-idle --cpu-shares=512|conflicting options: --cpu-idle and --cpu-shares
--cpu-rt-period=-1|between 1 and 1000000
--cpu-rt-period=1000001|between 1 and 1000000
--cpu-rt-period=x|must be a whole number
--cpu-rt-runtime=-1|must not be negative
--cpu-rt-runtime=1000001|more than the period
--cpu-rt-runtime=2000 --cpu-rt-period=1000|more than the period
--cpu-rt-runtime=x|must be a whole number
--cpuset-cpus=4000|available are
--cpuset-cpus=0-4000|available are
--cpuset-cpus=a|must be
--cpuset-cpus=1-0|must be
--cpuset-cpus=0,,1|must be
--cpuset-cpus=0-|must be
--cpuset-cpus=-1|must be
--cpuset-cpus=0;1|must be
--cpuset-mems=4000|available are
--cpuset-mems=x|must be
--cpuset-mems=0-|must be
--pids-limit=-2|-1 for no limit
--pids-limit=4194305|is 4194304
--pids-limit=x|must be a whole number
--pids-limit=1.5|must be a whole number
--blkio-weight=9|between 10 and 1000
--blkio-weight=1001|between 10 and 1000
--blkio-weight=-1|between 10 and 1000
--blkio-weight=x|must be a whole number
--blkio-weight-device=/dev/sda|must be DEVICE:VALUE
--blkio-weight-device=:100|must be DEVICE:VALUE
--blkio-weight-device=sda:100|bad format for device path
--blkio-weight-device=/dev/null:9|between 10 and 1000
--blkio-weight-device=/dev/null:1001|between 10 and 1000
--blkio-weight-device=/dev/null:x|between 10 and 1000
--blkio-weight-device=/dev/null:100|it is not a block device
--blkio-weight-device=/no/such/disk:100|no such file or directory
--device-read-bps=/dev/sda|must be DEVICE:VALUE
--device-read-bps=sda:1mb|bad format for device path
--device-read-bps=/dev/null:0|invalid rate for device
--device-read-bps=/dev/null:-1|invalid rate for device
--device-read-bps=/dev/null:fast|invalid rate for device
--device-read-bps=/dev/null:1mb|it is not a block device
--device-read-bps=/etc:1mb|it is not a block device
--device-read-bps=/no/such/disk:1mb|no such file or directory
--device-write-bps=/dev/null:1zb|invalid rate for device
--device-write-bps=1mb|must be DEVICE:VALUE
--device-write-bps=/dev/null:1mb|it is not a block device
--device-read-iops=/dev/null:1mb|invalid rate for device
--device-read-iops=/dev/null:0|invalid rate for device
--device-read-iops=/dev/null:10|it is not a block device
--device-write-iops=/dev/null:-10|invalid rate for device
--device-write-iops=/dev/null:10|it is not a block device
--io-max=/dev/null|must be DEVICE:VALUE
--io-max=sda:rbps=1m|bad format for device path
--io-max=/dev/null:1m|is not rbps, wbps, riops or wiops
--io-max=/dev/null:rbps=|is not rbps, wbps, riops or wiops
--io-max=/dev/null:rbps=0|is not rbps, wbps, riops or wiops
--io-max=/dev/null:riops=1m|is not rbps, wbps, riops or wiops
--io-max=/dev/null:rbps=1m,|is not rbps, wbps, riops or wiops
--io-max=/dev/null:speed=1m|is not rbps, wbps, riops or wiops
--io-max=/dev/null:rbps=1m|it is not a block device
--device-cgroup-rule=c|must be TYPE MAJOR:MINOR ACCESS
--device-cgroup-rule=c 1:3|must be TYPE MAJOR:MINOR ACCESS
--device-cgroup-rule=x 1:3 rwm|must be TYPE MAJOR:MINOR ACCESS
--device-cgroup-rule=c 1:3 rwmx|must be TYPE MAJOR:MINOR ACCESS
--device-cgroup-rule=c 1 rwm|must be TYPE MAJOR:MINOR ACCESS
--device-cgroup-rule=c 1:-3 rwm|must be TYPE MAJOR:MINOR ACCESS
--device-cgroup-rule=c 1:99999999999 r|must be TYPE MAJOR:MINOR ACCESS
--device=/no/such/device|no such file or directory
--device=relative|must be
--device=/dev/null:/x:rwz|:rwm
--ulimit=nofile|must be NAME=SOFT
--ulimit=nofiles=5|unknown limit
--ulimit=nofile=-2|-1 for none
--ulimit=nofile=5:4|above the hard limit
--cgroup-conf=memory.high|must be FILE=VALUE
--cgroup-conf=memory.high=|must be FILE=VALUE
--cgroup-conf==5|must be FILE=VALUE
--cgroup-conf=high=5|must be FILE=VALUE
--cgroup-conf=../memory.high=5|must be FILE=VALUE
--cgroup-conf=nonsense.max=5|no "nonsense" cgroup controller
--cgroup-conf=cgroup.procs=1|is not a limit
--cgroup-manager=docker|must be cgroupfs, systemd or auto
--cgroup-manager=|must be cgroupfs, systemd or auto
--cgroup-parent=/a/../b|".." is not allowed
END
}

# any-kernel: refused before any limit is looked at
@test "limits: 163 wrong values are refused in one line each, and leave nothing" {
    is "$(bad_table | wc -l)" 163
    sc_ok ps # makes its directories
    before=$(state)
    more=$(($(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo) / 1024 + 1))
    newline=$'\n'
    while IFS='|' read -r arguments says; do
        arguments=${arguments/=Mm/=${more}m}
        # Words of one flag are kept together; a second flag begins at " --".
        mapfile -t flags <<<"${arguments// --/${newline}--}"
        run_sc run --rm "${flags[@]}" base true
        expect_error 125 "$says"
        is "$output" ''
        is "$(state)" "$before"
    done < <(bad_table)
}

@test "limits: what only cgroup v2 has is refused on v1, with the controller and what to do" {
    [ "$(cgroup_mode)" != v2 ] || skip 'cgroup v2 has them'
    for flag in --memory-high=64m --memory-low=64m --memory-min=64m --cgroup-conf=memory.high=1048576; do
        run_sc run --rm "$flag" base true
        expect_error 125 'the "memory" cgroup controller is in cgroup v1 here'
        expect_stderr 'boot with cgroup v2'
    done
}

@test "limits: those of block devices, bursts, idleness and device rules reach the kernel" {
    disk=$(a_disk)
    [ -n "$disk" ] || skip "this machine has no disk"
    device=/dev/fuse
    [ -e "$device" ] || device=/dev/loop-control
    [ -e "$device" ] || skip "this kernel has neither /dev/fuse nor /dev/loop-control"
    device=$((0x$(stat -c %t "$device"))):$((0x$(stat -c %T "$device")))
    numbers=$((0x$(stat -c %t "$disk"))):$((0x$(stat -c %T "$disk")))
    sc_ok run -d --name one --io-max "$disk:rbps=2m,wiops=100" --device-write-bps "$disk:3m" --device-read-iops "$disk:50" \
        --cpu-quota 20000 --cpu-burst 5000 --device-cgroup-rule "c $device rm" --cap-add MKNOD base sleep 1000
    if [ "$(cgroup_mode)" = v2 ]; then
        is "$(value_of one io.max '' '')" "$numbers rbps=2097152 wbps=3145728 riops=50 wiops=100"
        is "$(value_of one cpu.max.burst '' '')" 5000
    else
        for file in read_bps:2097152 write_bps:3145728 read_iops:50 write_iops:100; do
            is "$(value_of one '' blkio "blkio.throttle.${file%:*}_device")" "$numbers ${file#*:}"
        done
        is "$(value_of one '' cpu cpu.cfs_burst_us)" 5000
    fi
    sc_ok exec one sh -c "mknod /tmp/given c ${device/:/ } && exec 3</tmp/given && echo opened"
    is "$output" opened
    run_sc exec one sh -c 'exec 3<>/tmp/given'
    [ "$status" -ne 0 ]
    sc_ok run -d --name two --cpu-idle base sleep 1000
    is "$(value_of two cpu.idle cpu cpu.idle)" 1
    sc_ok inspect -f '{{.HostConfig.CpuIdle}} {{(index .HostConfig.BlkioDeviceWriteBps 0).Rate}} {{index .HostConfig.DeviceCgroupRules 0}}' one
    is "$output" "false 3145728 c $device rm"
    sc_ok rm -f one two
}

@test "limits: of open files there may be fewer than sc itself needs, for a container and an exec" {
    run_sc run --rm --ulimit nofile=40:42 base sh -c 'ulimit -Sn; ulimit -Hn'
    expect 0
    is "$output" $'40\n42'
    run_sc run --rm --init -u 1 --security-opt no-new-privileges --ulimit nofile=7 base sh -c 'ulimit -n; ls /proc/self/fd | wc -l'
    expect 0
    is "$output" $'7\n4'
    sc_ok run -d --name few --ulimit nofile=7 base sleep 1000
    run_sc exec few sh -c 'ulimit -Sn; ulimit -Hn'
    expect 0
    is "$output" $'7\n7'
}

@test "limits: inspect says no limit of tasks as Docker does" {
    for limit in -1 0 7; do
        sc_ok create --name one --pids-limit $limit base true
        "$SC" inspect -f '{{json .HostConfig.PidsLimit}}' one
        sc_ok rm one
    done >"$BATS_TEST_TMPDIR/limits"
    is "$(paste -sd' ' "$BATS_TEST_TMPDIR/limits")" 'null null 7'
}

@test "limits: --kernel-memory is accepted, with a note" {
    sc_ok run --rm --kernel-memory 64m base echo ran
    is "$output" ran
    expect_stderr 'note: --kernel-memory is ignored'
}

# ---- update ----------------------------------------------------------------------------------------------

@test "update: changes what runs, and what the next start gets" {
    sc_ok run -d --name one -m 64m --cpus .5 --pids-limit 50 -c 512 base sleep 1000
    sc_ok update -m 32m --memory-reservation 16m --cpus .25 --pids-limit 20 --cpu-shares 256 --cpuset-cpus 0 one
    is "$output" one
    look()
    {
        is "$(value_of one memory.max memory memory.limit_in_bytes)" $((32 << 20))
        is "$(value_of one memory.low memory memory.soft_limit_in_bytes)" $((16 << 20))
        is "$(value_of one pids.max pids pids.max)" 20
        is "$(value_of one cpuset.cpus cpuset cpuset.cpus)" 0
        if [ "$(cgroup_mode)" = v2 ]; then
            is "$(value_of one cpu.max '' '')" '25000 100000'
        else
            is "$(value_of one '' cpu cpu.cfs_quota_us)" 25000
            is "$(value_of one '' cpu cpu.shares)" 256
        fi
    }
    look
    sc_ok inspect -f '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.HostConfig.CpuShares}} {{.HostConfig.CpusetCpus}}' one
    is "$output" "$((32 << 20)) 250000000 20 256 0"
    sc_ok kill one
    sc_ok wait one
    sc_ok start one
    look
    sc_ok rm -f one
}

@test "update: --runtime is forgotten by the next start" {
    sc_ok run -d --name one --pids-limit 50 base sleep 1000
    sc_ok update --runtime --pids-limit 20 one
    is "$(value_of one pids.max pids pids.max)" 20
    sc_ok inspect -f '{{.HostConfig.PidsLimit}}' one
    is "$output" 50
    sc_ok kill one
    sc_ok wait one
    run_sc update --runtime --pids-limit 20 one
    expect_error 1 'container "one" is not running'
    sc_ok start one
    is "$(value_of one pids.max pids pids.max)" 50
    sc_ok rm -f one
}

@test "update: of a container that does not run, and of one that is paused" {
    sc_ok create --name one base sleep 1000
    sc_ok update --pids-limit 20 -m 64m one
    run_sc update --cpuset-cpus 4000 one
    expect_error 1 'update container "one": --cpuset-cpus "4000": available are'
    sc_ok start one
    is "$(value_of one pids.max pids pids.max)" 20
    is "$(value_of one memory.max memory memory.limit_in_bytes)" $((64 << 20))
    sc_ok pause one
    sc_ok update --pids-limit 30 one
    is "$(value_of one pids.max pids pids.max)" 30
    is "$("$SC" inspect -f '{{.State.Status}}' one)" paused
    sc_ok rm -f one
}

# any-kernel: refused before any limit is looked at
@test "update: 142 wrong values are refused in one line each, and change nothing" {
    sc_ok create --name one base true
    before=$("$SC" inspect -f '{{json .HostConfig}}' one)
    known=$("$SC" update --help | grep -o -- '--[a-z-]*' | sort -u)
    more=$(($(awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo) / 1024 + 1))
    newline=$'\n' count=0
    while IFS='|' read -r arguments says; do
        arguments=${arguments/=Mm/=${more}m}
        mapfile -t flags <<<"${arguments// --/${newline}--}"
        # those of run alone are tried above
        [ -z "$(comm -23 <(printf '%s\n' "${flags[@]%%=*}" | sort -u) <(echo "$known"))" ] || continue
        count=$((count + 1))
        run_sc update "${flags[@]}" one
        # what cannot be understood, and what cannot be
        [ "$status" -eq 125 ] || expect 1
        expect_error "$status" "$says"
        is "$output" ''
    done < <(bad_table)
    is "$count" 142
    is "$("$SC" inspect -f '{{json .HostConfig}}' one)" "$before"
}

# On v1 the kernel takes the quota and the set of nodes, and then refuses realtime that the cgroup above has not got.
@test "update: all or nothing" {
    sc_ok run -d --name one -m 64m --pids-limit 50 --cpus 1 base sleep 1000
    before=$("$SC" inspect -f '{{json .HostConfig}}' one)
    cpu=$(value_of one cpu.max cpu cpu.cfs_quota_us)
    run_sc update --cpus .5 --pids-limit 20 --cpuset-mems 0 --cpu-rt-runtime 900000 one
    expect 1
    expect_stderr 'update container "one"'
    is "$(value_of one cpu.max cpu cpu.cfs_quota_us)" "$cpu"
    is "$(value_of one pids.max pids pids.max)" 50
    is "$("$SC" inspect -f '{{json .HostConfig}}' one)" "$before"
    sc_ok rm -f one
}

@test "update: what contradicts what was set is refused, and so is nothing at all" {
    sc_ok create --name one -m 64m --cpus 1 base true
    sc_ok create --name two --cpu-quota 50000 base true
    run_sc update one
    expect_error 1 'no limit and no restart policy is given'
    while IFS='|' read -r arguments says; do
        # shellcheck disable=SC2086 # words
        run_sc update $arguments
        expect_error 1 "$says"
    done <<'END'
--cpu-quota 5000 one|--cpu-quota cannot be updated: --cpus has been set
--cpu-period 5000 one|--cpu-period cannot be updated: --cpus has been set
--cpus 1 two|--cpus cannot be updated: --cpu-quota has been set
--memory-swap 32m one|--memory-swap is smaller than --memory
--memory-reservation 128m one|--memory-reservation is larger than --memory
--pids-limit 20 nowhere|no such container: "nowhere"
END
    run_sc update --pids-limit 20 one nowhere two
    expect 1
    is "$output" $'one\ntwo'
    sc_ok update --kernel-memory 64m one
}

@test "update: memory and swap together stay what --memory made them, and memory does not go beyond" {
    sc_ok run -d --name one -m 64m base sleep 1000
    sc_ok update -m 100m one
    is "$("$SC" inspect -f '{{.HostConfig.Memory}}' one)" $((100 << 20))
    if compgen -G '/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes' || compgen -G '/sys/fs/cgroup/*/memory.swap.max'; then
        is "$("$SC" inspect -f '{{.HostConfig.MemorySwap}}' one)" $((128 << 20))
        run_sc update -m 129m one
        expect_error 1 'memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time'
        is "$("$SC" inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}' one)" "$((100 << 20)) $((128 << 20))"
        sc_ok update -m 129m --memory-swap 200m one
        is "$("$SC" inspect -f '{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}' one)" "$((129 << 20)) $((200 << 20))"
    fi
    # without a limit there is nothing to keep
    sc_ok run -d --name two base sleep 1000
    sc_ok update -m 64m two
    sc_ok rm -f one two
}

@test "inspect: of two --ulimit of one name the last counts" {
    sc_ok create --name one --ulimit nofile=100:200 --ulimit core=1 --ulimit nofile=50:60 base true
    is "$("$SC" inspect -f '{{json .HostConfig.Ulimits}}' one | jq -c 'map([.Name, .Soft, .Hard])')" \
        '[["core",1,1],["nofile",50,60]]'
    sc_ok rm one
}
