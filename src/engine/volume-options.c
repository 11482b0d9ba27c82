/* What a volume is: `volume create --opt` and --label, as <data>/volume/NAME/options.json keeps them, and what the
 * options of the driver "local" mean. Docker's: type=, device= and o= are what mount(8) is told. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>

#include "base/json.h"
#include "engine/engine-priv.h"

#define FILE_NAME "options.json"
#define WHERE     "volume"

static const struct {
    const char *name;
    unsigned long set, clear;
} flags[] = {
    {"defaults", 0, 0},
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"nosuid", MS_NOSUID, 0},
    {"suid", 0, MS_NOSUID},
    {"nodev", MS_NODEV, 0},
    {"dev", 0, MS_NODEV},
    {"noexec", MS_NOEXEC, 0},
    {"exec", 0, MS_NOEXEC},
    {"sync", MS_SYNCHRONOUS, 0},
    {"async", 0, MS_SYNCHRONOUS},
    {"dirsync", MS_DIRSYNC, 0},
    {"noatime", MS_NOATIME, 0},
    {"atime", 0, MS_NOATIME},
    {"nodiratime", MS_NODIRATIME, 0},
    {"diratime", 0, MS_NODIRATIME},
    {"relatime", MS_RELATIME, 0},
    {"norelatime", 0, MS_RELATIME},
    {"strictatime", MS_STRICTATIME, 0},
    {"nostrictatime", 0, MS_STRICTATIME},
    {"bind", MS_BIND, 0},
    {"rbind", MS_BIND | MS_REC, 0},
};

/* The value of "KEY=VALUE", or NULL; the last one counts. */
static const char *
value_of(const struct sc_strv *options, const char *key)
{
    size_t len = strlen(key);
    const char *found = NULL;

    for (size_t i = 0; i < options->count; i++) {
        if (strncmp(options->items[i], key, len) == 0 && options->items[i][len] == '=')
            found = options->items[i] + len + 1;
    }
    return found;
}

/* "size=1m,ro" to flags of mount(2), and the rest for the file system. */
static int
read_words(const char *text, struct sc_arena *arena, struct sc_volume_mount *out, struct sc_err *err)
{
    char *rest = sc_arena_strdup(arena, text), *word;
    sc_cleanup_buf data = SC_BUF_INIT;

    while (rest && (word = strsep(&rest, ",")) != NULL) {
        size_t i = 0;

        while (i < SC_ARRAY_LEN(flags) && strcmp(word, flags[i].name) != 0)
            i++;
        if (i < SC_ARRAY_LEN(flags))
            out->flags = (out->flags & ~flags[i].clear) | flags[i].set;
        else if (*word)
            sc_buf_addf(&data, "%s%s", data.len > 0 ? "," : "", word);
    }
    if (sc_buf_check(&data, err) < 0)
        return -1;
    out->data = sc_arena_strdup(arena, sc_buf_str(&data));
    return sc_arena_check(arena, err);
}

int
sc_volume_options_check(const struct sc_strv *options, struct sc_arena *arena, struct sc_volume_mount *out,
                        struct sc_err *err)
{
    static const char *const known[] = {"type", "device", "o", "size"};
    const char *o = value_of(options, "o"), *missing;

    *out = (struct sc_volume_mount){.type = value_of(options, "type"), .device = value_of(options, "device")};
    for (size_t i = 0; i < options->count; i++) {
        size_t len = strcspn(options->items[i], "="), k = 0;

        while (k < SC_ARRAY_LEN(known) && (strlen(known[k]) != len || strncmp(known[k], options->items[i], len) != 0))
            k++;
        if (k == SC_ARRAY_LEN(known)) {
            sc_err_set(err, SC_ERR_INVALID, "invalid option: \"%.*s\"", (int)len, options->items[i]);
            return sc_err_remedy(err, "known are type=, device= and o=, as mount(8) has them");
        }
    }
    if (value_of(options, "size")) {
        sc_err_set(err, SC_ERR_UNSUPPORTED, "quota size requested but no quota support");
        return sc_err_remedy(err,
                             "-o type=tmpfs -o device=tmpfs -o o=size=SIZE has a size; limits of disk are the file "
                             "system's");
    }
    missing = !out->type && (out->device || o) ? "type" : !out->device && (out->type || o) ? "device" : NULL;
    if (missing)
        return sc_err_set(err, SC_ERR_INVALID, "missing required option: \"%s\"", missing);
    if (o && read_words(o, arena, out, err) < 0)
        return -1;
    if ((out->flags & MS_BIND) && out->device && out->device[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "device \"%s\": what is bound must be an absolute path", out->device);
    return 0;
}

int
sc_volume_options_write(int volume_fd, const struct sc_strv *labels, const struct sc_strv *options, struct sc_err *err)
{
    sc_cleanup_json root = json_pack("{s:o, s:o}", "labels", sc_json_strv(labels), "options", sc_json_strv(options));
    sc_cleanup_buf text = SC_BUF_INIT;

    if (labels->count + options->count == 0)
        return 0;
    if (!root)
        return sc_err_nomem(err);
    if (sc_json_dump(root, &text, err) < 0)
        return -1;
    return sc_file_replace_at(volume_fd, FILE_NAME, text.data, text.len, 0600, SC_DURABLE, err);
}

int
sc_volume_options_read(int volume_fd, struct sc_arena *arena, struct sc_strv *labels, struct sc_strv *options,
                       struct sc_err *err)
{
    sc_cleanup_json root = NULL;
    struct sc_err absent = SC_ERR_INIT;

    *labels = *options = (struct sc_strv){.items = NULL};
    if (sc_json_read_at(volume_fd, FILE_NAME, SC_SMALL_FILE_MAX, &root, &absent) < 0) {
        if (absent.errnum == ENOENT)
            return 0;
        *err = absent;
        return -1;
    }
    if (sc_json_get_strv(root, "labels", WHERE, arena, labels, err) < 0)
        return -1;
    return sc_json_get_strv(root, "options", WHERE, arena, options, err);
}
