/* Sizes, times and states in Docker's words. */
#include <string.h>
#include <time.h>

#include "cli/cli.h"

#define SECOND 1000000000LL

/* Of `digits` digits; limit is what would be written with one more. */
static void
decimal_size(int64_t bytes, int digits, double limit, char out[SC_HUMAN_MAX])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    size_t unit = 0;
    double value = bytes < 0 ? 0 : (double)bytes;

    while (value >= limit && unit + 1 < SC_ARRAY_LEN(units)) {
        value /= 1000;
        unit++;
    }
    (void)snprintf(out, SC_HUMAN_MAX, "%.*g%s", digits, value, units[unit]);
}

void
sc_human_size(int64_t bytes, char out[SC_HUMAN_MAX])
{
    decimal_size(bytes, 3, 999.5, out); /* which would be written with three digits as 1e+03 */
}

void
sc_human_size_long(int64_t bytes, char out[SC_HUMAN_MAX])
{
    decimal_size(bytes, 4, 999.95, out);
}

void
sc_human_binary(uint64_t bytes, char out[SC_HUMAN_MAX])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    size_t unit = 0;
    double value = (double)bytes;

    while (value >= 1024 && unit + 1 < SC_ARRAY_LEN(units)) {
        value /= 1024;
        unit++;
    }
    (void)snprintf(out, SC_HUMAN_MAX, "%.4g%s", value, units[unit]);
}

void
sc_human_duration(int64_t nsec, char out[SC_HUMAN_MAX])
{
    long long seconds = nsec / SECOND, minutes = seconds / 60, hours = (seconds + 1800) / 3600;

    if (seconds < 1)
        (void)snprintf(out, SC_HUMAN_MAX, "Less than a second");
    else if (seconds == 1)
        (void)snprintf(out, SC_HUMAN_MAX, "1 second");
    else if (seconds < 60)
        (void)snprintf(out, SC_HUMAN_MAX, "%lld seconds", seconds);
    else if (minutes == 1)
        (void)snprintf(out, SC_HUMAN_MAX, "About a minute");
    else if (minutes < 60)
        (void)snprintf(out, SC_HUMAN_MAX, "%lld minutes", minutes);
    else if (hours == 1)
        (void)snprintf(out, SC_HUMAN_MAX, "About an hour");
    else if (hours < 48)
        (void)snprintf(out, SC_HUMAN_MAX, "%lld hours", hours);
    else if (hours < 24 * 7 * 2)
        (void)snprintf(out, SC_HUMAN_MAX, "%lld days", hours / 24);
    else if (hours < 24 * 30 * 2)
        (void)snprintf(out, SC_HUMAN_MAX, "%lld weeks", hours / 24 / 7);
    else if (hours < 24 * 365 * 2)
        (void)snprintf(out, SC_HUMAN_MAX, "%lld months", hours / 24 / 30);
    else
        (void)snprintf(out, SC_HUMAN_MAX, "%lld years", hours / 24 / 365);
}

void
sc_human_time(int64_t nsec, char out[SC_HUMAN_MAX])
{
    time_t seconds = (time_t)(nsec / SECOND);
    struct tm tm = {0};

    (void)localtime_r(&seconds, &tm);
    if (strftime(out, SC_HUMAN_MAX, "%Y-%m-%d %H:%M:%S %z %Z", &tm) == 0)
        out[0] = '\0';
}

void
sc_human_rfc3339(int64_t nsec, char out[SC_HUMAN_MAX])
{
    time_t seconds = (time_t)(nsec / SECOND);
    struct tm tm = {0};
    size_t len;

    (void)localtime_r(&seconds, &tm);
    len = strftime(out, SC_HUMAN_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    if (tm.tm_gmtoff == 0)
        (void)snprintf(out + len, SC_HUMAN_MAX - len, "Z");
    else
        (void)snprintf(out + len, SC_HUMAN_MAX - len, "%c%02ld:%02ld", tm.tm_gmtoff < 0 ? '-' : '+',
                       labs(tm.tm_gmtoff) / 3600, labs(tm.tm_gmtoff) / 60 % 60);
}

void
sc_human_status(const struct sc_container *container, int64_t now, struct sc_buf *out)
{
    char since[SC_HUMAN_MAX];

    switch (container->status) {
    case SC_STATUS_RUNNING:
    case SC_STATUS_PAUSED:
        sc_human_duration(now - container->started_at, since);
        sc_buf_addf(out, "Up %s%s", since, container->status == SC_STATUS_PAUSED ? " (Paused)" : "");
        if (container->health_status && container->status == SC_STATUS_RUNNING)
            sc_buf_addf(out, " (%s%s)", strcmp(container->health_status, "starting") == 0 ? "health: " : "",
                        container->health_status);
        break;
    case SC_STATUS_STOPPED:
        sc_human_duration(now - container->finished_at, since);
        sc_buf_addf(out, "%s (%d) %s ago", container->is_restarting ? "Restarting" : "Exited",
                    (int)container->exit.code, since);
        break;
    default:
        sc_buf_adds(out, "Created");
        break;
    }
}

/* Bytes that begin a character; the others of UTF-8 follow. */
static bool
is_start(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

void
sc_human_cut(const char *text, size_t max, struct sc_buf *out)
{
    size_t count = 0, keep = 0;

    for (const char *at = text; *at; at++) {
        if (!is_start(*at))
            continue;
        if (++count == max)
            keep = (size_t)(at - text);
    }
    if (count <= max) {
        sc_buf_adds(out, text);
    } else {
        sc_buf_add(out, text, keep);
        sc_buf_adds(out, "\xe2\x80\xa6");
    }
}
