#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/base.h"

#define NSEC_PER_SEC 1000000000LL

/* ---- numbers ---------------------------------------------------------------- */

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The decimal digits at *at, which moves past them; false when there are none or they overflow. */
static bool
parse_digits(const char **at, uint64_t *out)
{
    uint64_t value = 0;

    if (!is_digit(**at))
        return false;
    for (; is_digit(**at); (*at)++) {
        if (__builtin_mul_overflow(value, 10U, &value) || __builtin_add_overflow(value, (uint64_t)(**at - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

static int
parse_err(struct sc_err *err, const char *text, const char *expected)
{
    return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be %s", text, expected);
}

int
sc_parse_u64(const char *text, uint64_t *out, struct sc_err *err)
{
    const char *at = text;
    uint64_t value;

    if (!parse_digits(&at, &value) || *at)
        return parse_err(err, text, "a whole number from 0 to 18446744073709551615");
    *out = value;
    return 0;
}

int
sc_parse_u32(const char *text, uint32_t *out, struct sc_err *err)
{
    const char *at = text;
    uint64_t value;

    if (!parse_digits(&at, &value) || *at || value > UINT32_MAX)
        return parse_err(err, text, "a whole number from 0 to 4294967295");
    *out = (uint32_t)value;
    return 0;
}

int
sc_parse_i64(const char *text, int64_t *out, struct sc_err *err)
{
    bool is_negative = *text == '-';
    const char *at = text + is_negative;
    uint64_t value;

    if (!parse_digits(&at, &value) || *at || value > (uint64_t)INT64_MAX + is_negative)
        return parse_err(err, text, "a whole number from -9223372036854775808 to 9223372036854775807");
    *out = is_negative ? (int64_t)(0 - value) : (int64_t)value;
    return 0;
}

/* A decimal such as "1.5", ".5" or "2." at *at: whole part, and the fraction in units of 10^-18 (the
 * digits after that are read but too small to matter). False when there is no digit or it overflows. */
#define FRACTION_ONE 1000000000000000000ULL
static bool
parse_decimal(const char **at, uint64_t *whole, uint64_t *fraction)
{
    bool has_digit = is_digit(**at);
    uint64_t weight = FRACTION_ONE / 10;

    *whole = *fraction = 0;
    if (has_digit && !parse_digits(at, whole))
        return false;
    if (**at == '.') {
        for ((*at)++; is_digit(**at); (*at)++) {
            *fraction += weight * (uint64_t)(**at - '0');
            weight /= 10;
            has_digit = true;
        }
    }
    return has_digit;
}

/* whole.fraction times unit, rounded down, added to *sum; false on overflow of an int64. */
static bool
decimal_add(uint64_t whole, uint64_t fraction, uint64_t unit, int64_t *sum)
{
    uint64_t part = (uint64_t)((unsigned __int128)fraction * unit / FRACTION_ONE);
    uint64_t value;

    return !__builtin_mul_overflow(whole, unit, &value) && !__builtin_add_overflow(value, part, &value) &&
           !__builtin_add_overflow(*sum, value, sum);
}

int
sc_parse_size(const char *text, int64_t *bytes, struct sc_err *err)
{
    static const char expected[] = "a size such as 512, 64k, 256m or 1.5g";
    static const char units[] = "kmgtp";
    const char *at = text;
    uint64_t whole, fraction, unit = 1;
    int64_t value = 0;
    const char *found;

    if (!parse_decimal(&at, &whole, &fraction))
        return parse_err(err, text, expected);
    if (*at == ' ')
        at++;
    if (*at && (found = strchr(units, *at | 0x20)) != NULL) {
        unit = 1ULL << (10 * (found - units + 1));
        at++;
        if (strcasecmp(at, "b") == 0 || strcasecmp(at, "ib") == 0)
            at += strlen(at);
    } else if (strcasecmp(at, "b") == 0) {
        at++;
    }
    if (*at)
        return parse_err(err, text, expected);
    if (!decimal_add(whole, fraction, unit, &value))
        return parse_err(err, text, "a size below 8 EiB");
    *bytes = value;
    return 0;
}

static const struct {
    const char *name;
    int64_t nsec;
} duration_units[] = {
    /* A name that starts with another comes first. */
    {"ns", 1},           {"us", 1000},        {"\xc2\xb5s", 1000}, /* U+00B5 */
    {"\xce\xbcs", 1000},                                           /* U+03BC */
    {"ms", 1000000},     {"s", NSEC_PER_SEC}, {"m", 60 * NSEC_PER_SEC}, {"h", 3600 * NSEC_PER_SEC},
};

/* The unit at *at, which moves past it; 0 when there is none. */
static int64_t
duration_unit(const char **at)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(duration_units); i++) {
        if (sc_str_starts(*at, duration_units[i].name)) {
            *at += strlen(duration_units[i].name);
            return duration_units[i].nsec;
        }
    }
    return 0;
}

int
sc_parse_duration(const char *text, int64_t *nsec, struct sc_err *err)
{
    static const char expected[] = "a duration such as 10s, 300ms or 1m30s";
    bool is_negative = *text == '-';
    const char *at = text + (*text == '-' || *text == '+');
    bool is_zero = strcmp(at, "0") == 0; /* which needs no unit, as in Go */
    int64_t value = 0;

    do {
        uint64_t whole, fraction;
        int64_t unit;

        if (!parse_decimal(&at, &whole, &fraction))
            return parse_err(err, text, expected);
        unit = is_zero ? 1 : duration_unit(&at);
        if (unit == 0)
            return parse_err(err, text, *at ? expected : "a duration with its unit, such as 10s, 300ms or 1m30s");
        if (!decimal_add(whole, fraction, (uint64_t)unit, &value))
            return parse_err(err, text, "a duration below 292 years");
    } while (*at);
    *nsec = is_negative ? -value : value;
    return 0;
}

int
sc_parse_decimal_nano(const char *text, int64_t *nano, struct sc_err *err)
{
    const char *at = text;
    uint64_t whole, fraction;
    const char *point = strchr(text, '.');
    int64_t value = 0;

    if (!parse_decimal(&at, &whole, &fraction) || *at)
        return parse_err(err, text, "a decimal number such as 0.5 or 2");
    if (point && strlen(point) > 10 && point[10 + strspn(point + 10, "0")] != '\0')
        return parse_err(err, text, "a number of at most nine decimals");
    if (!decimal_add(whole, fraction, NSEC_PER_SEC, &value))
        return parse_err(err, text, "a smaller number");
    *nano = value;
    return 0;
}

int
sc_parse_bool(const char *text, bool *out, struct sc_err *err)
{
    static const char *const names[2][6] = {{"0", "f", "F", "false", "FALSE", "False"},
                                            {"1", "t", "T", "true", "TRUE", "True"}};

    for (size_t value = 0; value < 2; value++) {
        for (size_t i = 0; i < SC_ARRAY_LEN(names[value]); i++) {
            if (strcmp(text, names[value][i]) == 0) {
                *out = value == 1;
                return 0;
            }
        }
    }
    return parse_err(err, text, "true or false");
}

int
sc_parse_cpu_list(const char *text, struct sc_err *err)
{
    const char *at = text;

    for (;;) {
        uint64_t first, last;

        if (!parse_digits(&at, &first))
            break;
        last = first;
        if (*at == '-') {
            at++;
            if (!parse_digits(&at, &last))
                break;
        }
        if (last < first || last > INT_MAX)
            break;
        if (*at == '\0')
            return 0;
        if (*at != ',')
            break;
        at++;
    }
    return parse_err(err, text, "a list such as 0-3,7");
}

int
sc_hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

bool
sc_str_starts(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool
sc_str_ends(const char *text, const char *suffix)
{
    size_t len = strlen(text), suffix_len = strlen(suffix);

    return len >= suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

bool
sc_str_eq(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

/* ---- time --------------------------------------------------------------------- */

static int64_t
clock_nsec(clockid_t id)
{
    struct timespec now = {0};

    (void)clock_gettime(id, &now);
    return (int64_t)now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

int64_t
sc_time_now(void)
{
    return clock_nsec(CLOCK_REALTIME);
}

int64_t
sc_time_monotonic(void)
{
    return clock_nsec(CLOCK_MONOTONIC);
}

void
sc_time_format(int64_t nsec, char out[SC_TIME_MAX])
{
    int64_t rest = nsec % NSEC_PER_SEC;
    time_t sec = (time_t)(nsec / NSEC_PER_SEC);
    struct tm tm = {0};
    size_t len;

    if (rest < 0) {
        rest += NSEC_PER_SEC;
        sec--;
    }
    (void)gmtime_r(&sec, &tm);
    len = strftime(out, SC_TIME_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
    (void)snprintf(out + len, SC_TIME_MAX - len, ".%09ldZ", (long)rest);
}

/* Exactly count digits, a number from low to high, then the character after (any when 0). */
static bool
time_field(const char **at, int count, int low, int high, char after, int *out)
{
    int value = 0;

    for (int i = 0; i < count; i++, (*at)++) {
        if (!is_digit(**at))
            return false;
        value = value * 10 + (**at - '0');
    }
    if (value < low || value > high || (after && *(*at)++ != after))
        return false;
    *out = value;
    return true;
}

static int
days_of_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}

/* "Z" or "+01:30": seconds east of UTC. */
static bool
time_zone(const char **at, int *seconds)
{
    int sign, hours, minutes;

    *seconds = 0;
    if (**at == 'Z' || **at == 'z') {
        (*at)++;
        return true;
    }
    if (**at != '+' && **at != '-')
        return false;
    sign = *(*at)++ == '-' ? -1 : 1;
    if (!time_field(at, 2, 0, 23, ':', &hours) || !time_field(at, 2, 0, 59, 0, &minutes))
        return false;
    *seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

/* RFC 3339 section 5.6, the lower-case separators of its note included. */
static bool
time_parse(const char *at, int64_t *out)
{
    uint64_t whole, fraction = 0;
    struct tm tm = {0};
    int year, zone;
    int64_t value;

    if (!time_field(&at, 4, 0, 9999, '-', &year) || !time_field(&at, 2, 1, 12, '-', &tm.tm_mon) ||
        !time_field(&at, 2, 1, days_of_month(year, tm.tm_mon), 0, &tm.tm_mday))
        return false;
    if (*at != 'T' && *at != 't')
        return false;
    at++;
    if (!time_field(&at, 2, 0, 23, ':', &tm.tm_hour) || !time_field(&at, 2, 0, 59, ':', &tm.tm_min) ||
        !time_field(&at, 2, 0, 60, 0, &tm.tm_sec))
        return false;
    if (*at == '.' && (!is_digit(at[1]) || !parse_decimal(&at, &whole, &fraction)))
        return false;
    if (!time_zone(&at, &zone) || *at)
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon -= 1;
    value = (int64_t)timegm(&tm) - zone;
    if (__builtin_mul_overflow(value, NSEC_PER_SEC, &value))
        return false;
    return !__builtin_add_overflow(value, (int64_t)(fraction / NSEC_PER_SEC), out);
}

int
sc_time_parse(const char *text, int64_t *nsec, struct sc_err *err)
{
    int64_t value;

    if (!time_parse(text, &value))
        return parse_err(err, text, "a time such as 2026-11-23T09:10:47Z");
    *nsec = value;
    return 0;
}

/* ---- signals ------------------------------------------------------------------- */

/* By number, as kill -l lists them. libc keeps 32 and 33 to itself, and how many it keeps differs
 * between libcs: the numbers of the real-time signals are fixed here as glibc has them. */
#define SIGNAL_RTMIN 34
#define SIGNAL_RTMAX 64
static const char *const signal_names[SIGNAL_RTMAX + 1] = {
    [1] = "SIGHUP",       [2] = "SIGINT",       [3] = "SIGQUIT",      [4] = "SIGILL",       [5] = "SIGTRAP",
    [6] = "SIGABRT",      [7] = "SIGBUS",       [8] = "SIGFPE",       [9] = "SIGKILL",      [10] = "SIGUSR1",
    [11] = "SIGSEGV",     [12] = "SIGUSR2",     [13] = "SIGPIPE",     [14] = "SIGALRM",     [15] = "SIGTERM",
    [16] = "SIGSTKFLT",   [17] = "SIGCHLD",     [18] = "SIGCONT",     [19] = "SIGSTOP",     [20] = "SIGTSTP",
    [21] = "SIGTTIN",     [22] = "SIGTTOU",     [23] = "SIGURG",      [24] = "SIGXCPU",     [25] = "SIGXFSZ",
    [26] = "SIGVTALRM",   [27] = "SIGPROF",     [28] = "SIGWINCH",    [29] = "SIGIO",       [30] = "SIGPWR",
    [31] = "SIGSYS",      [34] = "SIGRTMIN",    [35] = "SIGRTMIN+1",  [36] = "SIGRTMIN+2",  [37] = "SIGRTMIN+3",
    [38] = "SIGRTMIN+4",  [39] = "SIGRTMIN+5",  [40] = "SIGRTMIN+6",  [41] = "SIGRTMIN+7",  [42] = "SIGRTMIN+8",
    [43] = "SIGRTMIN+9",  [44] = "SIGRTMIN+10", [45] = "SIGRTMIN+11", [46] = "SIGRTMIN+12", [47] = "SIGRTMIN+13",
    [48] = "SIGRTMIN+14", [49] = "SIGRTMIN+15", [50] = "SIGRTMAX-14", [51] = "SIGRTMAX-13", [52] = "SIGRTMAX-12",
    [53] = "SIGRTMAX-11", [54] = "SIGRTMAX-10", [55] = "SIGRTMAX-9",  [56] = "SIGRTMAX-8",  [57] = "SIGRTMAX-7",
    [58] = "SIGRTMAX-6",  [59] = "SIGRTMAX-5",  [60] = "SIGRTMAX-4",  [61] = "SIGRTMAX-3",  [62] = "SIGRTMAX-2",
    [63] = "SIGRTMAX-1",  [64] = "SIGRTMAX",
};
static const struct {
    const char *name;
    int signum;
} signal_aliases[] = {{"IOT", 6}, {"CLD", 17}, {"POLL", 29}, {"UNUSED", 31}};

/* name has no "SIG"; -1 when unknown. */
static int
signal_from_name(const char *name)
{
    bool is_min = strncasecmp(name, "RTMIN+", 6) == 0;
    uint64_t offset;

    for (int i = 1; i <= SIGNAL_RTMAX; i++) {
        if (signal_names[i] && strcasecmp(signal_names[i] + 3, name) == 0)
            return i;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(signal_aliases); i++) {
        if (strcasecmp(signal_aliases[i].name, name) == 0)
            return signal_aliases[i].signum;
    }
    if (is_min || strncasecmp(name, "RTMAX-", 6) == 0) {
        name += 6;
        if (parse_digits(&name, &offset) && !*name && offset <= SIGNAL_RTMAX - SIGNAL_RTMIN)
            return is_min ? SIGNAL_RTMIN + (int)offset : SIGNAL_RTMAX - (int)offset;
    }
    return -1;
}

int
sc_signal_parse(const char *text, int *signum, struct sc_err *err)
{
    const char *at = text;
    uint64_t number = 0;
    int value = -1;

    if (!is_digit(*text))
        value = signal_from_name(strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text);
    else if (parse_digits(&at, &number) && !*at && number >= 1 && number <= SIGNAL_RTMAX)
        value = (int)number;
    if (value < 0)
        return parse_err(err, text, "a signal name or a number from 1 to 64");
    *signum = value;
    return 0;
}

const char *
sc_signal_name(int signum)
{
    return signum >= 1 && signum <= SIGNAL_RTMAX ? signal_names[signum] : NULL;
}

/* "1.5" of 1 and 500 of 3 digits */
static void
add_decimal(char *out, size_t size, int64_t whole, int64_t rest, int digits)
{
    size_t len = (size_t)snprintf(out, size, "%" PRId64 ".%0*" PRId64, whole, digits, rest);

    while (out[len - 1] == '0')
        len--;
    out[out[len - 1] == '.' ? len - 1 : len] = '\0';
}

void
sc_duration_format(int64_t nsec, char out[SC_DURATION_MAX])
{
    const int64_t minute = 60 * INT64_C(1000000000);
    int64_t minutes = nsec / minute, rest = nsec % minute;
    char number[24];
    size_t len = 0;

    if (nsec > 0 && nsec < 1000000000) {
        add_decimal(number, sizeof(number), nsec / 1000000, nsec % 1000000, 6);
        (void)snprintf(out, SC_DURATION_MAX, "%sms", number);
    } else {
        if (minutes >= 60)
            len = (size_t)snprintf(out, SC_DURATION_MAX, "%" PRId64 "h", minutes / 60);
        if (minutes > 0)
            len += (size_t)snprintf(out + len, SC_DURATION_MAX - len, "%" PRId64 "m", minutes % 60);
        add_decimal(number, sizeof(number), rest / 1000000000, rest % 1000000000, 9);
        (void)snprintf(out + len, SC_DURATION_MAX - len, "%ss", number);
    }
}
