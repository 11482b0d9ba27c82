/* Mount options: runtime-spec config-linux "Mounts" and mount(8) to mount(2) flags and mount_setattr(2) attributes. */
#include <linux/mount.h>
#include <string.h>
#include <sys/mount.h>

#include "plan/plan-priv.h"

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000
#endif
#ifndef MS_NOSYMFOLLOW
#define MS_NOSYMFOLLOW 256
#endif

struct option_row {
    const char *name;
    unsigned long ms_set, ms_clear;
    uint64_t attr_set, attr_clear; /* the "r" form applies them to the whole tree */
};

static const struct option_row option_rows[] = {
    {"ro", MS_RDONLY, 0, MOUNT_ATTR_RDONLY, 0},
    {"rw", 0, MS_RDONLY, 0, MOUNT_ATTR_RDONLY},
    {"nosuid", MS_NOSUID, 0, MOUNT_ATTR_NOSUID, 0},
    {"suid", 0, MS_NOSUID, 0, MOUNT_ATTR_NOSUID},
    {"nodev", MS_NODEV, 0, MOUNT_ATTR_NODEV, 0},
    {"dev", 0, MS_NODEV, 0, MOUNT_ATTR_NODEV},
    {"noexec", MS_NOEXEC, 0, MOUNT_ATTR_NOEXEC, 0},
    {"exec", 0, MS_NOEXEC, 0, MOUNT_ATTR_NOEXEC},
    {"noatime", MS_NOATIME, 0, MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME},
    {"atime", 0, MS_NOATIME, 0, MOUNT_ATTR__ATIME},
    {"relatime", MS_RELATIME, 0, MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME},
    {"norelatime", 0, MS_RELATIME, 0, MOUNT_ATTR__ATIME},
    {"strictatime", MS_STRICTATIME, 0, MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME},
    {"nostrictatime", 0, MS_STRICTATIME, 0, MOUNT_ATTR__ATIME},
    {"nodiratime", MS_NODIRATIME, 0, MOUNT_ATTR_NODIRATIME, 0},
    {"diratime", 0, MS_NODIRATIME, 0, MOUNT_ATTR_NODIRATIME},
    {"nosymfollow", MS_NOSYMFOLLOW, 0, MOUNT_ATTR_NOSYMFOLLOW, 0},
    {"symfollow", 0, MS_NOSYMFOLLOW, 0, MOUNT_ATTR_NOSYMFOLLOW},
};

/* Options that concern the file system itself, and so have no recursive form. */
static const struct option_row super_rows[] = {
    {"sync", MS_SYNCHRONOUS, 0, 0, 0},   {"async", 0, MS_SYNCHRONOUS, 0, 0},    {"dirsync", MS_DIRSYNC, 0, 0, 0},
    {"mand", MS_MANDLOCK, 0, 0, 0},      {"nomand", 0, MS_MANDLOCK, 0, 0},      {"silent", MS_SILENT, 0, 0, 0},
    {"loud", 0, MS_SILENT, 0, 0},        {"lazytime", MS_LAZYTIME, 0, 0, 0},    {"nolazytime", 0, MS_LAZYTIME, 0, 0},
    {"iversion", MS_I_VERSION, 0, 0, 0}, {"noiversion", 0, MS_I_VERSION, 0, 0}, {"defaults", 0, 0, 0, 0},
    {"acl", MS_POSIXACL, 0, 0, 0},       {"noacl", 0, MS_POSIXACL, 0, 0},       {"remount", MS_REMOUNT, 0, 0, 0},
};

static const struct {
    const char *name;
    uint64_t flags;
} propagation_rows[] = {
    {"private", MS_PRIVATE},       {"rprivate", MS_PRIVATE | MS_REC},
    {"slave", MS_SLAVE},           {"rslave", MS_SLAVE | MS_REC},
    {"shared", MS_SHARED},         {"rshared", MS_SHARED | MS_REC},
    {"unbindable", MS_UNBINDABLE}, {"runbindable", MS_UNBINDABLE | MS_REC},
};

int
sc_propagation_parse(const char *text, uint64_t *out, struct sc_err *err)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(propagation_rows); i++) {
        if (strcmp(text, propagation_rows[i].name) == 0) {
            *out = propagation_rows[i].flags;
            return 0;
        }
    }
    return sc_err_set(err, SC_ERR_INVALID,
                      "mount propagation: \"%s\": must be private, slave, shared, unbindable or their r-forms", text);
}

static bool
apply_row(const struct option_row *rows, size_t count, const char *name, struct sc_mount_options *out)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(name, rows[i].name) != 0)
            continue;
        out->ms_flags = (out->ms_flags & ~rows[i].ms_clear) | rows[i].ms_set;
        out->attr_clear = (out->attr_clear & ~rows[i].attr_set) | rows[i].attr_clear;
        out->attr_set = (out->attr_set & ~rows[i].attr_clear) | rows[i].attr_set;
        return true;
    }
    return false;
}

/* "rro", "rnosuid": the whole tree below a bind mount (mount_setattr with AT_RECURSIVE). A file system that is mounted
 * afresh has nothing below it: of that it is "ro", "nosuid". */
static bool
apply_recursive(const char *name, struct sc_mount_options *out)
{
    if (name[0] != 'r')
        return false;
    for (size_t i = 0; i < SC_ARRAY_LEN(option_rows); i++) {
        if (strcmp(name + 1, option_rows[i].name) != 0)
            continue;
        out->ms_flags = (out->ms_flags & ~option_rows[i].ms_clear) | option_rows[i].ms_set;
        out->attr_clear_rec = (out->attr_clear_rec & ~option_rows[i].attr_set) | option_rows[i].attr_clear;
        out->attr_set_rec = (out->attr_set_rec & ~option_rows[i].attr_clear) | option_rows[i].attr_set;
        return true;
    }
    return false;
}

/* Words that are neither a flag nor an attribute: each sets members of struct sc_mount_options. */
static const struct {
    const char *name;
    size_t members[2]; /* SIZE_MAX: none */
} word_rows[] = {
#define MEMBER(member) offsetof(struct sc_mount_options, member)
    {"bind", {MEMBER(is_bind), SIZE_MAX}},        {"rbind", {MEMBER(is_bind), MEMBER(is_rec)}},
    {"idmap", {MEMBER(is_idmap), SIZE_MAX}},      {"ridmap", {MEMBER(is_idmap), MEMBER(is_ridmap)}},
    {"tmpcopyup", {MEMBER(copies_up), SIZE_MAX}},
#undef MEMBER
};

static bool
apply_word(const char *name, struct sc_mount_options *out)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(word_rows); i++) {
        if (strcmp(name, word_rows[i].name) != 0)
            continue;
        for (size_t k = 0; k < SC_ARRAY_LEN(word_rows[i].members); k++)
            if (word_rows[i].members[k] != SIZE_MAX)
                *(bool *)((char *)out + word_rows[i].members[k]) = true;
        return true;
    }
    /* SELinux relabelling is the engine's, who has done it by now */
    return strcmp(name, "z") == 0 || strcmp(name, "Z") == 0;
}

void
sc_mount_option_names(struct sc_strv *out, struct sc_arena *arena)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(option_rows); i++) {
        sc_strv_add(out, arena, option_rows[i].name);
        sc_strv_addf(out, arena, "r%s", option_rows[i].name);
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(super_rows); i++)
        sc_strv_add(out, arena, super_rows[i].name);
    for (size_t i = 0; i < SC_ARRAY_LEN(propagation_rows); i++)
        sc_strv_add(out, arena, propagation_rows[i].name);
    for (size_t i = 0; i < SC_ARRAY_LEN(word_rows); i++)
        sc_strv_add(out, arena, word_rows[i].name);
}

int
sc_mount_options_parse(const struct sc_strv *options, struct sc_mount_options *out, struct sc_err *err)
{
    for (size_t i = 0; i < options->count; i++) {
        const char *name = options->items[i];
        uint64_t propagation = 0;
        struct sc_err ignored = SC_ERR_INIT;

        if (apply_row(option_rows, SC_ARRAY_LEN(option_rows), name, out) ||
            apply_row(super_rows, SC_ARRAY_LEN(super_rows), name, out) || apply_word(name, out))
            continue;
        if (sc_propagation_parse(name, &propagation, &ignored) == 0) {
            out->propagation = propagation;
            continue;
        }
        if (apply_recursive(name, out))
            continue;
        if (out->data.len > 0)
            sc_buf_addc(&out->data, ',');
        sc_buf_adds(&out->data, name);
    }
    return sc_buf_check(&out->data, err);
}
