# Runs inside the container of `./dev demo` and shows what the kernel says of it.
first()
{
    for file in "$@"; do
        [ -r "$file" ] && cat "$file" && return
    done
    echo "not visible in this container"
}
label()
{
    printf '%-16s' "$1"
}

label 'pid 1'
tr '\0' '\n' </proc/1/cmdline | head -n 1
label 'my pid'
echo $$
label 'hostname'
hostname
label 'user ids'
id
label 'processes'
echo "$(ls /proc | grep -c '^[0-9]') visible, none of the host:"
ps -o pid,comm | sed 's/^/                  /'
label 'mount table'
echo "$(wc -l </proc/self/mountinfo) mounts, its own:"
awk '{ printf "                  %-22s %s\n", $2, $3 }' /proc/self/mounts | head -n 12
label 'network'
echo $(ls /sys/class/net)
label 'memory limit'
first /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes
label 'cpu quota'
if [ -r /sys/fs/cgroup/cpu.max ]; then
    cat /sys/fs/cgroup/cpu.max
else
    echo "$(first /sys/fs/cgroup/cpu/cpu.cfs_quota_us) of each" \
        "$(first /sys/fs/cgroup/cpu/cpu.cfs_period_us) microseconds"
fi
label 'most processes'
first /sys/fs/cgroup/pids.max /sys/fs/cgroup/pids/pids.max
label 'capabilities'
sed -n 's/^CapEff:[[:space:]]*//p' /proc/self/status
label 'seccomp'
sed -n 's/^Seccomp:[[:space:]]*2$/filter/p' /proc/self/status
