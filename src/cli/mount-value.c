/* -v, --mount and --tmpfs. */
#include <string.h>
#include <strings.h>

#include "cli/cli.h"

static int
add_mount(struct sc_create_options *o, const struct sc_mount_ask *ask, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_mount_ask *all = SC_ARENA_ARRAY(arena, struct sc_mount_ask, o->mount_count + 1);

    if (!all)
        return sc_err_nomem(err);
    if (o->mount_count > 0)
        memcpy(all, o->mounts, o->mount_count * sizeof(*all));
    all[o->mount_count++] = *ask;
    o->mounts = all;
    return 0;
}

static bool
is_propagation(const char *text)
{
    static const char *const known[] = {"rprivate", "private", "rslave", "slave", "rshared", "shared"};

    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strcmp(text, known[i]) == 0)
            return true;
    }
    return false;
}

static bool
is_same(const struct sc_mount_ask *a, const struct sc_mount_ask *b)
{
    if (a->options.count != b->options.count)
        return false;
    for (size_t i = 0; i < a->options.count; i++)
        if (strcmp(a->options.items[i], b->options.items[i]) != 0)
            return false;
    return a->kind == b->kind && sc_str_eq(a->source, b->source) && strcmp(a->target, b->target) == 0 &&
           a->is_readonly == b->is_readonly && a->copies_up == b->copies_up && a->is_idmapped == b->is_idmapped &&
           sc_str_eq(a->propagation, b->propagation) && a->non_recursive == b->non_recursive &&
           a->tmpfs_size == b->tmpfs_size && a->tmpfs_mode == b->tmpfs_mode;
}

/* The same -v or --tmpfs given twice is one mount, as in Docker, where they are a set; --mount is a list. */
static int
add_once(struct sc_create_options *o, const struct sc_mount_ask *ask, struct sc_arena *arena, struct sc_err *err)
{
    for (size_t i = 0; i < o->mount_count; i++)
        if (is_same(&o->mounts[i], ask))
            return 0;
    return add_mount(o, ask, arena, err);
}

/* ---- -v [SOURCE:]TARGET[:OPTIONS] ------------------------------------------------------------------- */

/* Words that change nothing here: z and Z name SELinux labels, the caching words are of other systems. */
static bool
is_without_effect(const char *word)
{
    static const char *const known[] = {"rw", "z", "Z", "cached", "delegated", "consistent", "rbind"};

    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strcmp(word, known[i]) == 0)
            return true;
    }
    return false;
}

/* Words of which one alone may be given, and once: Docker calls the value an invalid mode otherwise. */
static char
exclusive_kind(const char *word)
{
    if (strcmp(word, "ro") == 0 || strcmp(word, "rw") == 0)
        return 'a'; /* access */
    if (strcmp(word, "z") == 0 || strcmp(word, "Z") == 0)
        return 'l'; /* label */
    if (is_propagation(word))
        return 'p';
    return strcmp(word, "nocopy") == 0 ? 'c' : '\0';
}

static int
volume_words(char *words, const char *value, struct sc_mount_ask *ask, struct sc_err *err)
{
    char *word, seen[8] = "";

    while ((word = strsep(&words, ",")) != NULL) {
        char kind = exclusive_kind(word);

        if (kind && strchr(seen, kind)) {
            sc_err_set(err, SC_ERR_INVALID, "\"%s\": invalid mode: \"%s\" beside another of its kind", value, word);
            return sc_err_remedy(err, "give one of ro rw, one of z Z, one propagation, and each once");
        }
        seen[strlen(seen)] = kind;
        if (strcmp(word, "ro") == 0) {
            ask->is_readonly = true;
        } else if (strcmp(word, "nocopy") == 0 && ask->kind == SC_MOUNT_VOLUME) {
            ask->copies_up = false;
        } else if (is_propagation(word) && ask->kind == SC_MOUNT_BIND) {
            ask->propagation = word;
        } else if (strcmp(word, "bind") == 0 && ask->kind == SC_MOUNT_BIND) {
            ask->non_recursive = true;
        } else if (strcmp(word, "idmap") == 0) {
            ask->is_idmapped = true;
        } else if (!is_without_effect(word)) {
            sc_err_set(err, SC_ERR_INVALID, "\"%s\": \"%s\" is not a known option of this mount", value, word);
            return sc_err_remedy(
                err, "known are ro rw z Z idmap nocopy and, for host directories, bind rbind, [r]private [r]slave "
                     "[r]shared");
        }
    }
    return 0;
}

int
sc_value_volume(void *create, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_mount_ask ask = {.kind = SC_MOUNT_VOLUME, .copies_up = true};
    char *rest = sc_arena_strdup(arena, value), *first, *second;

    if (!rest)
        return sc_err_nomem(err);
    first = strsep(&rest, ":");
    second = strsep(&rest, ":");
    if (strchr(rest ? rest : "", ':') || *first == '\0' || (second && *second == '\0')) {
        sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be [SOURCE:]TARGET[:OPTIONS]", value);
        return sc_err_remedy(err, "for example /srv/data:/data:ro, or name:/data");
    }
    ask.target = second ? second : first;
    ask.source = second ? first : NULL;
    /* A path begins with / . or ~ (which a shell has replaced already); everything else is a volume's name. */
    if (ask.source && (ask.source[0] == '/' || ask.source[0] == '.')) {
        ask.kind = SC_MOUNT_BIND;
        ask.creates_source = true;
        ask.copies_up = false;
    }
    if (ask.target[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": path \"%s\" inside the container must be absolute", value,
                          ask.target);
    /* "/a:/b:" has no options: what a script makes of an empty variable */
    if (rest && *rest && volume_words(rest, value, &ask, err) < 0)
        return -1;
    return add_once(create, &ask, arena, err);
}

/* ---- --tmpfs TARGET[:OPTIONS] ------------------------------------------------------------------------------ */

static int
parse_mode(const char *text, unsigned *mode, struct sc_err *err)
{
    unsigned value = 0;

    for (const char *at = text; *at; at++) {
        if (*at < '0' || *at > '7' || value > 0777)
            return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be an octal mode such as 1777", text);
        value = value * 8 + (unsigned)(*at - '0');
    }
    if (*text == '\0')
        return sc_err_set(err, SC_ERR_INVALID, "\"\": must be an octal mode such as 1777");
    *mode = value;
    return 0;
}

/* The kernel's tmpfs(5) and mount(8) options; the rest would fail in the mount, where no flag can be named. */
static bool
is_tmpfs_word(const char *word)
{
    static const char *const known[] = {
        "noexec",     "exec",        "nosuid",        "suid",   "nodev",      "dev",      "rw",
        "sync",       "async",       "noatime",       "atime",  "nodiratime", "diratime", "relatime",
        "norelatime", "strictatime", "nostrictatime", "noswap", "defaults"};
    static const char *const with_value[] = {"uid=", "gid=", "nr_inodes=", "nr_blocks=", "huge=", "mpol="};

    for (size_t i = 0; i < SC_ARRAY_LEN(known); i++) {
        if (strcmp(word, known[i]) == 0)
            return true;
    }
    for (size_t i = 0; i < SC_ARRAY_LEN(with_value); i++) {
        if (sc_str_starts(word, with_value[i]) && word[strlen(with_value[i])])
            return true;
    }
    return false;
}

static int
tmpfs_size(const char *text, int64_t *size, struct sc_err *err)
{
    if (sc_parse_size(text, size, err) < 0)
        return -1;
    return *size >= 0 ? 0 : sc_err_set(err, SC_ERR_INVALID, "\"%s\": must not be negative", text);
}

int
sc_value_tmpfs(void *create, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_mount_ask ask = {.kind = SC_MOUNT_TMPFS};
    char *rest = sc_arena_strdup(arena, value), *word;

    if (!rest)
        return sc_err_nomem(err);
    ask.target = strsep(&rest, ":");
    if (ask.target[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "\"%s\": must be an absolute path, with options after a colon", value);
    while ((word = strsep(&rest, ",")) != NULL) {
        int result = 0;

        if (sc_str_starts(word, "size=") && !sc_str_ends(word, "%"))
            result = tmpfs_size(word + 5, &ask.tmpfs_size, err);
        else if (sc_str_starts(word, "mode="))
            result = parse_mode(word + 5, &ask.tmpfs_mode, err);
        else if (strcmp(word, "ro") == 0)
            ask.is_readonly = true;
        else if (is_tmpfs_word(word) || sc_str_starts(word, "size="))
            sc_strv_add(&ask.options, arena, word);
        else
            result = sc_err_set(err, SC_ERR_INVALID, "\"%s\": \"%s\" is not an option of tmpfs", value, word);
        if (result < 0)
            return -1;
    }
    return add_once(create, &ask, arena, err);
}

/* ---- --mount KEY=VALUE,... ------------------------------------------------------------------------------------ */

/* The next field of a CSV line, unquoted in place; NULL at the end. A field may be quoted to hold commas. */
static char *
next_field(char **at)
{
    char *field = *at, *from, *to;
    bool is_quoted = false;

    if (!field)
        return NULL;
    for (from = to = field; *from && (is_quoted || *from != ','); from++) {
        if (*from != '"')
            *to++ = *from;
        else if (is_quoted && from[1] == '"')
            *to++ = *from++;
        else
            is_quoted = !is_quoted;
    }
    *at = *from ? from + 1 : NULL;
    *to = '\0';
    return field;
}

static int
mount_type(const char *text, enum sc_mount_kind *kind, struct sc_err *err)
{
    if (strcmp(text, "bind") == 0)
        *kind = SC_MOUNT_BIND;
    else if (strcmp(text, "volume") == 0)
        *kind = SC_MOUNT_VOLUME;
    else if (strcmp(text, "tmpfs") == 0)
        *kind = SC_MOUNT_TMPFS;
    else
        return sc_err_set(err, SC_ERR_INVALID, "type \"%s\": must be bind, volume or tmpfs", text);
    return 0;
}

struct mount_parse {
    struct sc_mount_ask ask;
    struct sc_arena *arena;
    bool nocopy;
    const char *only_bind, *only_volume, *only_tmpfs; /* the first key seen that belongs to one kind alone */
};

static bool
is_key(const char *key, const char *a, const char *b, const char *c)
{
    return strcasecmp(key, a) == 0 || (b && strcasecmp(key, b) == 0) || (c && strcasecmp(key, c) == 0);
}

static int
mount_flag(const char *value, bool *out, struct sc_err *err)
{
    *out = true;
    return value ? sc_parse_bool(value, out, err) : 0;
}

/* Keys that only one kind has. 1: it was none of them. */
static int
special_field(struct mount_parse *p, const char *key, char *value, struct sc_err *err)
{
    if (strncasecmp(key, "bind-", strlen("bind-")) == 0)
        p->only_bind = key;
    else if (strncasecmp(key, "volume-", strlen("volume-")) == 0)
        p->only_volume = key;
    else if (strncasecmp(key, "tmpfs-", strlen("tmpfs-")) == 0)
        p->only_tmpfs = key;
    if (is_key(key, "bind-nonrecursive", NULL, NULL))
        return mount_flag(value, &p->ask.non_recursive, err);
    if (is_key(key, "volume-nocopy", NULL, NULL))
        return mount_flag(value, &p->nocopy, err);
    if (!value)
        return 1;
    if (is_key(key, "bind-propagation", NULL, NULL)) {
        p->ask.propagation = value;
        return is_propagation(value) ? 0
                                     : sc_err_set(err, SC_ERR_INVALID, "bind-propagation \"%s\": is not known", value);
    }
    if (is_key(key, "bind-recursive", NULL, NULL)) {
        p->ask.non_recursive = strcmp(value, "disabled") == 0;
        return p->ask.non_recursive || strcmp(value, "enabled") == 0
                   ? 0
                   : sc_err_set(err, SC_ERR_INVALID, "bind-recursive \"%s\": must be enabled or disabled", value);
    }
    if (is_key(key, "volume-opt", NULL, NULL) || is_key(key, "volume-label", NULL, NULL)) {
        sc_strv_add(strcasecmp(key, "volume-opt") == 0 ? &p->ask.options : &p->ask.labels, p->arena, value);
        return sc_arena_check(p->arena, err);
    }
    if (is_key(key, "volume-driver", NULL, NULL))
        return strcmp(value, "local") == 0
                   ? 0
                   : sc_err_set(err, SC_ERR_UNSUPPORTED, "volume driver \"%.80s\": only local is known", value);
    if (is_key(key, "volume-subpath", NULL, NULL)) {
        p->ask.subpath = value;
        return *value && *value != '/'
                   ? 0
                   : sc_err_set(err, SC_ERR_INVALID, "volume-subpath \"%s\": must be a relative path", value);
    }
    if (is_key(key, "tmpfs-size", NULL, NULL))
        return tmpfs_size(value, &p->ask.tmpfs_size, err);
    return is_key(key, "tmpfs-mode", NULL, NULL) ? parse_mode(value, &p->ask.tmpfs_mode, err) : 1;
}

static int
mount_field(struct mount_parse *p, char *field, struct sc_err *err)
{
    char *value = strchr(field, '=');
    bool flag;
    int result;

    if (value)
        *value++ = '\0';
    if (is_key(field, "readonly", "ro", "rw")) {
        if (mount_flag(value, &flag, err) < 0)
            return -1;
        p->ask.is_readonly = flag == (strcasecmp(field, "rw") != 0);
        return 0;
    }
    if (is_key(field, "idmap", NULL, NULL))
        return mount_flag(value, &p->ask.is_idmapped, err);
    if (value && is_key(field, "type", NULL, NULL))
        return mount_type(value, &p->ask.kind, err);
    if (value && is_key(field, "consistency", NULL, NULL))
        return 0;
    if (value && is_key(field, "source", "src", NULL)) {
        p->ask.source = value;
        return 0;
    }
    if (value && is_key(field, "target", "dst", "destination")) {
        p->ask.target = value;
        return 0;
    }
    result = special_field(p, field, value, err);
    if (result <= 0)
        return result;
    sc_err_set(err, SC_ERR_INVALID, value ? "unknown key \"%s\"" : "\"%s\": must be KEY=VALUE", field);
    return sc_err_remedy(err,
                         "known are type source target readonly idmap bind-propagation bind-recursive volume-nocopy "
                         "volume-opt volume-label volume-subpath volume-driver tmpfs-size tmpfs-mode");
}

static int
check_mount(const struct mount_parse *p, struct sc_err *err)
{
    const struct sc_mount_ask *ask = &p->ask;
    const char *other = NULL;

    if (!ask->target || ask->target[0] != '/')
        return sc_err_set(err, SC_ERR_INVALID, "target \"%s\": must be an absolute path",
                          ask->target ? ask->target : "");
    if (ask->kind == SC_MOUNT_BIND && !ask->source)
        return sc_err_set(err, SC_ERR_INVALID, "type bind needs a source");
    if (ask->kind == SC_MOUNT_TMPFS && ask->source)
        return sc_err_set(err, SC_ERR_INVALID, "type tmpfs has no source");
    if (ask->kind == SC_MOUNT_VOLUME && !ask->source && ask->is_readonly)
        return sc_err_set(err, SC_ERR_INVALID, "a volume without a name is new and empty: it must not be readonly");
    if (ask->kind == SC_MOUNT_TMPFS && ask->is_idmapped)
        other = "idmap";
    if (!other && ask->kind != SC_MOUNT_BIND)
        other = p->only_bind;
    if (!other && ask->kind != SC_MOUNT_VOLUME)
        other = p->only_volume;
    if (!other && ask->kind != SC_MOUNT_TMPFS)
        other = p->only_tmpfs;
    return other ? sc_err_set(err, SC_ERR_INVALID, "\"%s\" belongs to another type of mount", other) : 0;
}

int
sc_value_mount(void *create, const char *value, struct sc_arena *arena, struct sc_err *err)
{
    struct mount_parse p = {.ask = {.kind = SC_MOUNT_VOLUME}, .arena = arena};
    char *at = sc_arena_strdup(arena, value), *field;

    if (!at)
        return sc_err_nomem(err);
    while ((field = next_field(&at)) != NULL) {
        if (mount_field(&p, field, err) < 0)
            return -1;
    }
    if (check_mount(&p, err) < 0)
        return -1;
    p.ask.copies_up = p.ask.kind == SC_MOUNT_VOLUME && !p.nocopy;
    return add_mount(create, &p.ask, arena, err);
}
