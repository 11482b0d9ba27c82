/* Limits of block devices: from the paths that the caller gives to the numbers that the kernel knows them by. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "engine/engine-priv.h"

struct rate {
    const char *key; /* of --io-max */
    size_t list;     /* in struct sc_oci_block_io */
    bool is_bytes;
};
#define LIST(member) offsetof(struct sc_oci_block_io, member)
static const struct rate rates[] = {
    {"rbps", LIST(read_bps), true},
    {"wbps", LIST(write_bps), true},
    {"riops", LIST(read_iops), false},
    {"wiops", LIST(write_iops), false},
};

/* A throttle holds for a whole disk: the kernel has none for a partition (block/blk-cgroup.c). */
static int
find_device(const char *flag, const char *path, int64_t *major, int64_t *minor, struct sc_err *err)
{
    char partition[64];
    struct stat st;

    if (fstatat(AT_FDCWD, path, &st, 0) < 0) /* lint: the caller's own path */
        return sc_err_errno(err, errno, "--%s \"%s\"", flag, path);
    if (!S_ISBLK(st.st_mode))
        return sc_err_set(err, SC_ERR_INVALID, "--%s \"%s\": it is not a block device", flag, path);
    *major = major(st.st_rdev);
    *minor = minor(st.st_rdev);
    (void)snprintf(partition, sizeof(partition), "/sys/dev/block/%" PRId64 ":%" PRId64 "/partition", *major, *minor);
    if (faccessat(AT_FDCWD, partition, F_OK, 0) == 0) { /* lint: the kernel's own file */
        sc_err_set(err, SC_ERR_INVALID, "--%s \"%s\": it is a partition", flag, path);
        return sc_err_remedy(err, "the kernel limits whole disks: give the disk that it is on");
    }
    return 0;
}

/* The number behind the last colon; the path before it goes to the arena. */
static int
split(const char *flag, const char *text, struct sc_arena *arena, char **path, const char **number, struct sc_err *err)
{
    const char *colon = strrchr(text, ':');

    if (!colon || text[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "--%s \"%s\": must be /DEVICE:VALUE", flag, text);
    *path = sc_arena_strndup(arena, text, (size_t)(colon - text));
    *number = colon + 1;
    return *path ? 0 : sc_err_nomem(err);
}

static int
add_rate(struct sc_oci_throttle_list *list, int64_t major, int64_t minor, uint64_t value, struct sc_arena *arena,
         struct sc_err *err)
{
    struct sc_oci_throttle_device *items;

    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].major == major && list->items[i].minor == minor) {
            list->items[i].rate = value; /* the last word wins, as it does in the file */
            return 0;
        }
    }
    items = SC_ARENA_ARRAY(arena, struct sc_oci_throttle_device, list->count + 1);
    if (!items)
        return sc_err_nomem(err);
    if (list->count > 0)
        memcpy(items, list->items, list->count * sizeof(*items));
    items[list->count++] = (struct sc_oci_throttle_device){.major = major, .minor = minor, .rate = value};
    list->items = items;
    return 0;
}

int
sc_rate_parse(const char *text, bool is_bytes, uint64_t *out, struct sc_err *err)
{
    int64_t bytes = 0;

    if (!is_bytes)
        return sc_parse_u64(text, out, err);
    if (sc_parse_size(text, &bytes, err) < 0)
        return -1;
    if (bytes < 0)
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must not be negative", text);
    *out = (uint64_t)bytes;
    return 0;
}

static int
look_rates(const char *flag, const struct sc_strv *given, const struct rate *rate, struct sc_arena *arena,
           struct sc_oci_block_io *out, struct sc_err *err)
{
    for (size_t i = 0; i < given->count; i++) {
        int64_t major, minor;
        const char *number;
        uint64_t value;
        char *path;

        if (split(flag, given->items[i], arena, &path, &number, err) < 0 ||
            find_device(flag, path, &major, &minor, err) < 0 || sc_rate_parse(number, rate->is_bytes, &value, err) < 0)
            return -1;
        if (add_rate((struct sc_oci_throttle_list *)(void *)((char *)out + rate->list), major, minor, value, arena,
                     err) < 0)
            return -1;
    }
    return 0;
}

/* "/dev/sda:rbps=1m,wiops=max" */
static int
look_io_max(const char *text, struct sc_arena *arena, struct sc_oci_block_io *out, struct sc_err *err)
{
    int64_t major, minor;
    const char *words;
    char *path, *rest, *word;

    if (split("io-max", text, arena, &path, &words, err) < 0 || find_device("io-max", path, &major, &minor, err) < 0)
        return -1;
    rest = sc_arena_strdup(arena, words);
    while (rest && (word = strsep(&rest, ",")) != NULL) {
        for (size_t i = 0; i < SC_ARRAY_LEN(rates); i++) {
            size_t len = strlen(rates[i].key);
            uint64_t value = 0; /* v1's word for none; v2's file gets "max" */

            if (strncmp(word, rates[i].key, len) != 0 || word[len] != '=')
                continue;
            if (strcmp(word + len + 1, "max") != 0 && sc_rate_parse(word + len + 1, rates[i].is_bytes, &value, err) < 0)
                return -1;
            if (add_rate((struct sc_oci_throttle_list *)(void *)((char *)out + rates[i].list), major, minor, value,
                         arena, err) < 0)
                return -1;
        }
    }
    return sc_arena_check(arena, err);
}

static int
look_weights(const struct sc_strv *given, struct sc_arena *arena, struct sc_oci_block_io *out, struct sc_err *err)
{
    if (given->count == 0)
        return 0;
    out->weight_devices = SC_ARENA_ARRAY(arena, struct sc_oci_weight_device, given->count);
    if (!out->weight_devices)
        return sc_err_nomem(err);
    for (size_t i = 0; i < given->count; i++) {
        struct sc_oci_weight_device *device = &out->weight_devices[out->weight_device_count++];
        const char *number;
        uint64_t value;
        char *path;

        if (split("blkio-weight-device", given->items[i], arena, &path, &number, err) < 0 ||
            find_device("blkio-weight-device", path, &device->major, &device->minor, err) < 0 ||
            sc_parse_u64(number, &value, err) < 0)
            return -1;
        device->weight = (struct sc_opt_u64){true, value};
    }
    return 0;
}

int
sc_block_io_look(const struct sc_create_options *o, struct sc_arena *arena, struct sc_oci_block_io *out,
                 struct sc_err *err)
{
    if (look_weights(&o->blkio_weight_devices, arena, out, err) < 0 ||
        look_rates("device-read-bps", &o->device_read_bps, &rates[0], arena, out, err) < 0 ||
        look_rates("device-write-bps", &o->device_write_bps, &rates[1], arena, out, err) < 0 ||
        look_rates("device-read-iops", &o->device_read_iops, &rates[2], arena, out, err) < 0 ||
        look_rates("device-write-iops", &o->device_write_iops, &rates[3], arena, out, err) < 0)
        return -1;
    for (size_t i = 0; i < o->io_max.count; i++) {
        if (look_io_max(o->io_max.items[i], arena, out, err) < 0)
            return -1;
    }
    return 0;
}
