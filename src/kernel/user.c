/*
 * kernel/user: who "name:group" is, by the text of an image's passwd(5) and group(5); subordinate ids (subuid(5)).
 * Pure.
 *
 * The texts are hostile. A line that is not well formed is passed over, as the C library does: to read a broken number
 * as 0 would make its user root.
 */
#include <inttypes.h>
#include <string.h>

#include "kernel/kernel.h"

/* Docker's limit: the kernel takes more, but ids with the top bit set break programs that hold them in an int. */
#define ID_MAX INT32_MAX

/* A piece of the text; not terminated. */
struct span {
    const char *data;
    size_t len;
};

static bool
span_eq(struct span span, const char *text)
{
    return strlen(text) == span.len && memcmp(span.data, text, span.len) == 0;
}

static bool
span_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* Digits only, at most ten of them, below 2^32. */
static bool
span_number(struct span span, uint32_t *out)
{
    uint64_t value = 0;

    if (span.len == 0 || span.len > 10)
        return false;
    for (size_t i = 0; i < span.len; i++) {
        if (span.data[i] < '0' || span.data[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(span.data[i] - '0');
    }
    if (value > UINT32_MAX)
        return false;
    *out = (uint32_t)value;
    return true;
}

/* The next line that is neither blank nor a comment, without surrounding blanks. */
static bool
next_line(const char **text, struct span *line)
{
    while (*text != NULL && **text != '\0') {
        const char *start = *text;
        size_t len = strcspn(start, "\n");

        *text = start[len] == '\n' ? start + len + 1 : start + len;
        while (len > 0 && span_is_blank(*start))
            start++, len--;
        while (len > 0 && span_is_blank(start[len - 1]))
            len--;
        if (len == 0 || *start == '#')
            continue;
        *line = (struct span){start, len};
        return true;
    }
    return false;
}

/* Splits off what comes before the separator (all of it when there is none). */
static struct span
take_field(struct span *rest, char separator)
{
    const char *end = rest->len > 0 ? memchr(rest->data, separator, rest->len) : NULL;
    struct span field = *rest;

    if (end == NULL) {
        rest->data += rest->len;
        rest->len = 0;
        return field;
    }
    field.len = (size_t)(end - rest->data);
    rest->data = end + 1;
    rest->len -= field.len + 1;
    return field;
}

struct passwd_entry {
    struct span name, home;
    uint32_t uid, gid;
};

static bool
parse_passwd_line(struct span line, struct passwd_entry *out)
{
    struct span uid, gid;

    out->name = take_field(&line, ':');
    (void)take_field(&line, ':'); /* password */
    uid = take_field(&line, ':');
    gid = take_field(&line, ':');
    (void)take_field(&line, ':'); /* comment */
    out->home = take_field(&line, ':');
    return out->name.len > 0 && span_number(uid, &out->uid) && span_number(gid, &out->gid) && out->uid <= ID_MAX &&
           out->gid <= ID_MAX;
}

bool
sc_user_home(const char *passwd_text, size_t len, uint32_t uid, char *out, size_t size)
{
    struct span rest = {.data = passwd_text, .len = len};
    struct passwd_entry entry;

    while (rest.len > 0) {
        if (!parse_passwd_line(take_field(&rest, '\n'), &entry) || entry.uid != uid)
            continue;
        if (entry.home.len == 0 || entry.home.len >= size || entry.home.data[0] != '/' ||
            memchr(entry.home.data, '\0', entry.home.len) != NULL)
            return false;
        memcpy(out, entry.home.data, entry.home.len);
        out[entry.home.len] = '\0';
        return true;
    }
    return false;
}

struct group_entry {
    struct span name, members;
    uint32_t gid;
};

static bool
parse_group_line(struct span line, struct group_entry *out)
{
    struct span gid;

    out->name = take_field(&line, ':');
    (void)take_field(&line, ':'); /* password */
    gid = take_field(&line, ':');
    out->members = take_field(&line, ':');
    return out->name.len > 0 && span_number(gid, &out->gid) && out->gid <= ID_MAX;
}

static bool
has_member(const struct group_entry *group, const char *name)
{
    struct span rest = group->members;

    while (rest.len > 0) {
        struct span member = take_field(&rest, ',');

        if (span_eq(member, name))
            return true;
    }
    return false;
}

/* A name or a number of the command line. */
struct wanted {
    const char *text;
    bool is_number;
    uint32_t number;
};

static int
parse_wanted(const char *text, const char *what, struct wanted *out, struct sc_err *err)
{
    struct span span = {text, strlen(text)};

    *out = (struct wanted){.text = text};
    out->is_number = span_number(span, &out->number);
    if ((out->is_number && out->number > ID_MAX) ||
        (!out->is_number && span.len > 0 && strspn(text, "-0123456789") == span.len))
        return sc_err_set(err, SC_ERR_INVALID, "find %s \"%s\": a number must be between 0 and %d", what, text, ID_MAX);
    return 0;
}

/* The first line counts, by name or by number, as in the C library's own search. */
static bool
find_user(const char *text, const struct wanted *user, struct passwd_entry *out)
{
    struct span line;

    while (next_line(&text, &line)) {
        if (!parse_passwd_line(line, out))
            continue;
        if (user->text[0] == '\0' ? out->uid == 0 : span_eq(out->name, user->text))
            return true;
        if (user->is_number && out->uid == user->number)
            return true;
    }
    return false;
}

static bool
find_group(const char *text, const struct wanted *group, uint32_t *gid)
{
    struct group_entry entry;
    struct span line;

    while (next_line(&text, &line)) {
        if (!parse_group_line(line, &entry))
            continue;
        if (span_eq(entry.name, group->text) || (group->is_number && entry.gid == group->number)) {
            *gid = entry.gid;
            return true;
        }
    }
    return false;
}

static int
resolve_group(const char *group_text, const char *text, uint32_t *gid, struct sc_err *err)
{
    struct wanted wanted;

    if (parse_wanted(text, "group", &wanted, err) < 0)
        return -1;
    if (find_group(group_text, &wanted, gid))
        return 0;
    if (!wanted.is_number) {
        (void)sc_err_set(err, SC_ERR_NOT_FOUND, "find group \"%s\": the image's /etc/group does not have it", text);
        return sc_err_remedy(err, "give a number, which need not be in /etc/group");
    }
    *gid = wanted.number;
    return 0;
}

static int
resolve_names(const char *passwd_text, const char *group_text, const char *user, const char *group,
              struct sc_arena *arena, struct sc_user_result *out, struct sc_err *err)
{
    struct passwd_entry entry;
    struct wanted wanted;

    if (parse_wanted(user, "user", &wanted, err) < 0)
        return -1;
    if (find_user(passwd_text, &wanted, &entry)) {
        out->uid = entry.uid;
        out->gid = entry.gid;
        out->name = sc_arena_strndup(arena, entry.name.data, entry.name.len);
        if (entry.home.len > 0)
            out->home = sc_arena_strndup(arena, entry.home.data, entry.home.len);
    } else if (user[0] != '\0') {
        if (!wanted.is_number) {
            (void)sc_err_set(err, SC_ERR_NOT_FOUND, "find user \"%s\": the image's /etc/passwd does not have it", user);
            return sc_err_remedy(err, "give a number, which need not be in /etc/passwd");
        }
        out->uid = wanted.number;
    }
    return group[0] != '\0' ? resolve_group(group_text, group, &out->gid, err) : 0;
}

struct gid_list {
    uint32_t *items;
    size_t count, capacity;
};

static void
add_gid(struct gid_list *list, struct sc_arena *arena, uint32_t gid)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i] == gid)
            return;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : list->capacity * 2;
        uint32_t *more = SC_ARENA_ARRAY(arena, uint32_t, capacity);

        if (more == NULL)
            return;
        if (list->count > 0)
            memcpy(more, list->items, list->count * sizeof(*more));
        list->items = more;
        list->capacity = capacity;
    }
    list->items[list->count++] = gid;
}

/* setgroups(2) takes no more. */
#define GROUPS_MAX 65536

static int
collect_groups(const char *group_text, const struct sc_user_request *ask, bool is_explicit, struct sc_arena *arena,
               struct sc_user_result *out, struct sc_err *err)
{
    struct gid_list list = {.items = NULL};
    struct group_entry entry;
    struct span line;
    uint32_t gid = 0;

    /* The primary group too, as Docker does: else a file that denies the group by its mode bits could be had by
     * dropping it (CVE-2022-36109). */
    add_gid(&list, arena, out->gid);
    if (!is_explicit && out->name[0] != '\0') {
        const char *text = group_text;

        while (list.count < GROUPS_MAX && next_line(&text, &line))
            if (parse_group_line(line, &entry) && has_member(&entry, out->name))
                add_gid(&list, arena, entry.gid);
    }
    for (size_t i = 0; i < ask->extra_groups.count; i++) {
        if (resolve_group(group_text, ask->extra_groups.items[i], &gid, err) < 0)
            return -1;
        add_gid(&list, arena, gid);
    }
    if (list.count > GROUPS_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "find groups of user \"%s\": more than %d", ask->user, GROUPS_MAX);
    out->additional_gids = list.items;
    out->additional_gid_count = list.count;
    return 0;
}

int
sc_user_resolve(const char *passwd_text, const char *group_text, const struct sc_user_request *ask,
                struct sc_arena *arena, struct sc_user_result *out, struct sc_err *err)
{
    const char *spec = ask->user != NULL ? ask->user : "";
    const char *colon = strchr(spec, ':');
    const char *group = colon != NULL ? colon + 1 : "";
    struct sc_user_result result = {.uid = 0, .gid = 0};
    char *user = colon != NULL ? sc_arena_strndup(arena, spec, (size_t)(colon - spec)) : sc_arena_strdup(arena, spec);

    result.home = sc_arena_strdup(arena, "/");
    result.name = sc_arena_strdup(arena, "");
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (strchr(group, ':') != NULL)
        return sc_err_set(err, SC_ERR_INVALID, "find user \"%s\": must be USER or USER:GROUP", spec);
    if (resolve_names(passwd_text, group_text, user, group, arena, &result, err) < 0)
        return -1;
    if (sc_arena_check(arena, err) < 0)
        return -1;
    if (collect_groups(group_text, ask, group[0] != '\0', arena, &result, err) < 0)
        return -1;
    if (sc_arena_check(arena, err) < 0)
        return -1;
    *out = result;
    return 0;
}

/* One "user:start:count" line that is meant for the user and whose ids exist. */
static bool
parse_subid_line(struct span line, const char *user, uint32_t uid, struct sc_oci_id_map *out)
{
    struct span name = take_field(&line, ':');
    struct span start = take_field(&line, ':');
    struct span count = take_field(&line, ':');
    uint32_t number;

    if (!(user != NULL && user[0] != '\0' && span_eq(name, user)) && !(span_number(name, &number) && number == uid))
        return false;
    return line.len == 0 && span_number(start, &out->host_id) && span_number(count, &out->size) && out->size > 0 &&
           (uint64_t)out->host_id + out->size <= UINT32_MAX;
}

int
sc_subid_find(const char *subid_text, const char *user, uint32_t uid, struct sc_arena *arena,
              struct sc_oci_id_maps *out, struct sc_err *err)
{
    struct sc_oci_id_map map = {.container_id = 0};
    struct sc_oci_id_maps maps = {.items = NULL};
    const char *text = subid_text;
    struct span line;
    size_t count = 0;
    uint64_t next = 0;

    while (next_line(&text, &line))
        count += parse_subid_line(line, user, uid, &map);
    if (count == 0) {
        (void)sc_err_set(err, SC_ERR_NOT_FOUND, "find subordinate ids of \"%s\" (%" PRIu32 "): no range is given to it",
                         user != NULL ? user : "", uid);
        return sc_err_remedy(err, "add a line \"%s:100000:65536\" to /etc/subuid and to /etc/subgid",
                             user != NULL && user[0] != '\0' ? user : "USER");
    }
    maps.items = SC_ARENA_ARRAY(arena, struct sc_oci_id_map, count);
    if (maps.items == NULL)
        return sc_err_nomem(err);
    text = subid_text;
    while (next_line(&text, &line)) {
        if (!parse_subid_line(line, user, uid, &map))
            continue;
        if (next + map.size > UINT32_MAX)
            break; /* ids beyond cannot be mapped */
        map.container_id = (uint32_t)next;
        next += map.size;
        maps.items[maps.count++] = map;
    }
    *out = maps;
    return 0;
}
