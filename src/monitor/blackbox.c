/* The black box: a container's last ten minutes in a file that is written around. musl-clean: only base. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "monitor/monitor-priv.h"

/* Short-lived containers leave none; at first each second is looked at, since most of what goes wrong does so soon. */
static int64_t
interval(uint64_t count)
{
    return count < SC_BLACKBOX_DENSE ? SC_SECOND : SC_BLACKBOX_SECONDS * SC_SECOND;
}

void
sc_blackbox_start(struct sc_monitor *monitor)
{
    monitor->next_sample = monitor->config.cgroups ? sc_time_monotonic() + interval(0) : INT64_MAX;
}

/* For poll(2): milliseconds until the next sample, rounded up; -1: there is none. */
int
sc_blackbox_wait(const struct sc_monitor *monitor)
{
    int64_t left;

    if (monitor->next_sample == INT64_MAX)
        return -1;
    left = monitor->next_sample - sc_time_monotonic();
    return left <= 0 ? 0 : (int)(left / 1000000 + 1);
}

static void
write_sample(struct sc_monitor *monitor, const struct sc_usage *usage)
{
    struct sc_blackbox_sample sample = {.when = sc_time_now(), .made = sc_time_monotonic(), .usage = *usage};
    const struct sc_blackbox_head head = SC_BLACKBOX_HEAD;
    off_t at = (off_t)(sizeof(head) + monitor->sample_count % SC_BLACKBOX_SLOTS * sizeof(sample));

    if (monitor->blackbox_fd < 0) {
        struct sc_err ignored = SC_ERR_INIT;
        /* lint: the engine's own directory */
        sc_cleanup_fd dir = sc_dir_open_at(AT_FDCWD, monitor->config.run_dir, &ignored);

        if (dir >= 0)
            monitor->blackbox_fd =
                openat(dir, SC_BLACKBOX_FILE, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (monitor->blackbox_fd >= 0 && pwrite(monitor->blackbox_fd, &head, sizeof(head), 0) != sizeof(head))
            sc_closep(&monitor->blackbox_fd);
    }
    if (monitor->blackbox_fd >= 0 && pwrite(monitor->blackbox_fd, &sample, sizeof(sample), at) == sizeof(sample))
        monitor->sample_count++;
}

void
sc_blackbox_tick(struct sc_monitor *monitor)
{
    const struct sc_usage *before = monitor->accounts.is_open ? &monitor->last_usage : NULL;
    struct sc_usage usage;

    if (monitor->next_sample == INT64_MAX || sc_time_monotonic() < monitor->next_sample)
        return;
    if (!monitor->accounts.is_open)
        sc_accounts_open(monitor->config.cgroups, SC_ACCOUNTS_ALL, &monitor->accounts);
    if (!sc_accounts_read(&monitor->accounts, before, &usage)) {
        monitor->next_sample = INT64_MAX;
        return;
    }
    monitor->last_usage = usage;
    write_sample(monitor, &usage);
    monitor->next_sample += interval(monitor->sample_count);
    if (monitor->next_sample < sc_time_monotonic()) /* the machine slept */
        monitor->next_sample = sc_time_monotonic() + interval(monitor->sample_count);
}

bool
sc_blackbox_end(struct sc_monitor *monitor, struct sc_usage *usage)
{
    bool is_known;

    if (!monitor->config.cgroups)
        return false;
    if (!monitor->accounts.is_open)
        sc_accounts_open(monitor->config.cgroups, SC_ACCOUNTS_ALL, &monitor->accounts);
    is_known = sc_accounts_read(&monitor->accounts, NULL, usage);
    sc_accounts_close(&monitor->accounts);
    if (is_known && monitor->blackbox_fd >= 0)
        write_sample(monitor, usage);
    return is_known;
}

/* To where it outlives the next start of the machine. */
void
sc_blackbox_keep(struct sc_monitor *monitor, int data_dir)
{
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;

    if (monitor->blackbox_fd < 0 || lseek(monitor->blackbox_fd, 0, SEEK_SET) < 0 ||
        sc_file_read_fd(monitor->blackbox_fd,
                        sizeof(struct sc_blackbox_head) + SC_BLACKBOX_SLOTS * sizeof(struct sc_blackbox_sample), &text,
                        &ignored) < 0)
        return;
    (void)!sc_file_replace_at(data_dir, SC_BLACKBOX_FILE, text.data, text.len, 0600, SC_VOLATILE, &ignored);
}
