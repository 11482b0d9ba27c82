/* ps --filter: which containers are meant. */
#include <regex.h>
#include <string.h>

#include "cli/ps-priv.h"
#include "net/net.h"

/* ---- one container, one filter ---------------------------------------------------------------------------- */

/* The image by the name used, by the name with its tag, or by id. */
static bool
is_ancestor(const struct sc_container *c, const char *wanted, struct sc_arena *arena)
{
    struct sc_reference mine = {0}, theirs = {0};
    struct sc_err ignored = SC_ERR_INIT;
    const char *id = c->image_id && sc_str_starts(c->image_id, "sha256:") ? c->image_id + 7 : "";

    if (sc_str_eq(c->image_name, wanted) || sc_str_eq(c->image_id, wanted) ||
        (strlen(wanted) >= 4 && sc_str_starts(id, wanted)))
        return true;
    if (!c->image_name || sc_reference_parse(c->image_name, arena, &mine, &ignored) < 0 ||
        sc_reference_parse(wanted, arena, &theirs, &ignored) < 0)
        return false;
    return sc_str_eq(sc_reference_full(&mine, arena), sc_reference_full(&theirs, arena));
}

/* A regular expression, which may mean Docker's form of the name, with a slash before it: "^/web$". */
static bool
has_name(const struct sc_container *c, const char *wanted)
{
    char slashed[256];
    regex_t regex;
    bool is_match;

    (void)snprintf(slashed, sizeof(slashed), "/%s", c->name);
    if (regcomp(&regex, wanted, REG_EXTENDED | REG_NOSUB) != 0)
        return strcmp(c->name, wanted) == 0;
    is_match = regexec(&regex, slashed, 0, NULL, 0) == 0 || regexec(&regex, c->name, 0, NULL, 0) == 0;
    regfree(&regex);
    return is_match;
}

/* By the volume's name, the host's directory, or where it is in the container. */
static bool
has_volume(const struct sc_container *c, const char *wanted)
{
    for (size_t i = 0; i < c->options.mount_count; i++) {
        const struct sc_mount_ask *m = &c->options.mounts[i];

        if (m->kind != SC_MOUNT_TMPFS && (sc_str_eq(m->source, wanted) || sc_str_eq(m->target, wanted)))
            return true;
    }
    return false;
}

static bool
has_port(const struct sc_ports *mine, const struct sc_ports *wanted)
{
    for (size_t i = 0; i < mine->count; i++) {
        for (size_t k = 0; k < wanted->count; k++) {
            if (mine->items[i].port == wanted->items[k].port && mine->items[i].proto == wanted->items[k].proto)
                return true;
        }
    }
    return false;
}

static bool
exposes(const struct sc_container *c, const struct sc_ports *wanted, struct sc_arena *arena)
{
    struct sc_ports mine = {.items = NULL};
    struct sc_err ignored = SC_ERR_INIT;

    for (size_t i = 0; i < c->exposed.count; i++)
        (void)!sc_expose_parse(c->exposed.items[i], arena, &mine, &ignored);
    return has_port(&mine, wanted);
}

/* What a container's port was asked to be published as, whether it runs or not. */
static bool
publishes(const struct sc_container *c, const struct sc_ports *wanted, struct sc_arena *arena)
{
    struct sc_ports mine = {.items = NULL};
    struct sc_err ignored = SC_ERR_INIT;

    for (size_t i = 0; i < c->options.publish.count; i++)
        (void)!sc_port_parse(c->options.publish.items[i], arena, &mine, &ignored);
    return has_port(&mine, wanted) || (c->options.publish_all && exposes(c, wanted, arena));
}

static bool
has_policy(const struct sc_container *c, const char *wanted)
{
    struct sc_restart_policy policy;
    struct sc_err ignored = SC_ERR_INIT;

    return sc_restart_policy_parse(c->options.restart ? c->options.restart : "", &policy, &ignored) == 0 &&
           strcmp(sc_restart_policy_name(&policy), wanted) == 0;
}

/* ---- the kinds ----------------------------------------------------------------------------------------------- */

enum kind {
    ANCESTOR,
    BEFORE,
    EXITED,
    EXPOSE,
    HEALTH,
    ID,
    ISOLATION,
    IS_TASK,
    LABEL,
    NAME,
    NETWORK,
    PUBLISH,
    RESTART_POLICY,
    SHOULD_START_ON_BOOT,
    SINCE,
    STATUS,
    VOLUME
};

static const char *const names[] = {
    [ANCESTOR] = "ancestor",
    [BEFORE] = "before",
    [EXITED] = "exited",
    [EXPOSE] = "expose",
    [HEALTH] = "health",
    [ID] = "id",
    [ISOLATION] = "isolation",
    [IS_TASK] = "is-task",
    [LABEL] = "label",
    [NAME] = "name",
    [NETWORK] = "network",
    [PUBLISH] = "publish",
    [RESTART_POLICY] = "restart-policy",
    [SHOULD_START_ON_BOOT] = "should-start-on-boot",
    [SINCE] = "since",
    [STATUS] = "status",
    [VOLUME] = "volume",
};

static int
one_of(const char *filter, const char *value, const char *const *words, const char *listed, struct sc_err *err)
{
    for (; *words; words++) {
        if (strcmp(*words, value) == 0)
            return 0;
    }
    return sc_err_set(err, SC_ERR_INVALID, "--filter \"%s\": must be %s", filter, listed);
}

static int
check_value(struct sc_ps_filter *f, struct sc_arena *arena, struct sc_err *err)
{
    static const char *const states[] = {"created",  "running", "paused", "restarting",
                                         "removing", "exited",  "dead",   NULL};
    static const char *const healths[] = {"starting", "healthy", "unhealthy", "none", NULL};
    static const char *const policies[] = {"no", "on-failure", "always", "unless-stopped", NULL};
    static const char *const truths[] = {"true", "false", "1", "0", NULL};

    switch ((enum kind)f->kind) {
    case STATUS:
        return one_of(f->text, f->value, states, "created, running, paused, restarting, removing, exited or dead", err);
    case HEALTH:
        return one_of(f->text, f->value, healths, "starting, healthy, unhealthy or none", err);
    case RESTART_POLICY:
        return one_of(f->text, f->value, policies, "no, on-failure, always or unless-stopped", err);
    case SHOULD_START_ON_BOOT:
    case IS_TASK:
        return one_of(f->text, f->value, truths, "true or false", err);
    case EXITED:
        return sc_parse_i64(f->value, &f->number, err) < 0 ? sc_err_wrap(err, "--filter \"%s\"", f->text) : 0;
    case EXPOSE:
    case PUBLISH:
        return sc_expose_parse(f->value, arena, &f->ports, err) < 0 ? sc_err_wrap(err, "--filter \"%s\"", f->text) : 0;
    default:
        return 0;
    }
}

int
sc_ps_filters_parse(const struct sc_strv *asked, struct sc_arena *arena, struct sc_ps_filters *out, struct sc_err *err)
{
    *out = (struct sc_ps_filters){.items = SC_ARENA_ARRAY(arena, struct sc_ps_filter, asked->count + 1)};
    if (!out->items)
        return sc_err_nomem(err);
    for (size_t i = 0; i < asked->count; i++) {
        struct sc_ps_filter *f = &out->items[out->count];
        size_t len = strcspn(asked->items[i], "=");

        if (*asked->items[i] == '\0') /* as Docker: of a script's variable that is not set */
            continue;
        *f = (struct sc_ps_filter){.text = asked->items[i], .kind = -1};
        if (asked->items[i][len] == '\0') {
            sc_err_set(err, SC_ERR_INVALID, "--filter \"%s\": must be KEY=VALUE", f->text);
            err->exit_code = SC_EXIT_ENGINE;
            return -1;
        }
        f->value = asked->items[i] + len + 1;
        for (size_t k = 0; k < SC_ARRAY_LEN(names); k++) {
            if (strlen(names[k]) == len && strncmp(names[k], f->text, len) == 0)
                f->kind = (int)k;
        }
        if (f->kind < 0) {
            sc_err_set(err, SC_ERR_INVALID, "--filter \"%s\": is not known", f->text);
            return sc_err_remedy(err, "give name= id= status= label= ancestor= before= since= exited= volume= network= "
                                      "publish= expose= health= is-task= restart-policy= or should-start-on-boot=");
        }
        if (check_value(f, arena, err) < 0)
            return -1;
        out->needs_all = out->needs_all || f->kind == STATUS || f->kind == EXITED || f->kind == SHOULD_START_ON_BOOT;
        out->count++;
    }
    return 0;
}

int
sc_ps_filters_find(struct sc_ps_filters *filters, struct sc_engine *engine, struct sc_arena *arena, struct sc_err *err)
{
    for (size_t i = 0; i < filters->count; i++) {
        struct sc_ps_filter *f = &filters->items[i];
        struct sc_container c = SC_CONTAINER_INIT;

        if (f->kind != BEFORE && f->kind != SINCE)
            continue;
        if (sc_engine_find(engine, f->value, arena, &c, err) < 0)
            return -1;
        f->number = c.created_at;
        sc_container_release(&c);
    }
    return 0;
}

static bool
matches(const struct sc_container *c, const struct sc_ps_filter *f, struct sc_arena *arena)
{
    switch ((enum kind)f->kind) {
    case ANCESTOR:
        return is_ancestor(c, f->value, arena);
    case BEFORE:
        return c->created_at < f->number;
    case SINCE:
        return c->created_at > f->number;
    case EXITED:
        return c->status == SC_STATUS_STOPPED && !c->is_restarting && f->number == c->exit.code;
    case EXPOSE:
        return exposes(c, &f->ports, arena);
    case PUBLISH:
        return publishes(c, &f->ports, arena);
    case HEALTH:
        return strcmp(f->value, c->health_status ? c->health_status : "none") == 0;
    case ID:
        return sc_str_starts(c->id, f->value);
    case ISOLATION: /* a word of Windows */
        return *f->value == '\0' || strcmp(f->value, "default") == 0;
    case IS_TASK: /* of a swarm */
        return *f->value == 'f' || *f->value == '0';
    case LABEL:
        return sc_cli_has_label(&c->effective_labels, f->value);
    case NAME:
        return has_name(c, f->value);
    case NETWORK:
        return sc_ps_is_on(c, f->value);
    case RESTART_POLICY:
        return has_policy(c, f->value);
    case SHOULD_START_ON_BOOT:
        return sc_container_starts_at_boot(c) == (*f->value == 't' || *f->value == '1');
    case STATUS:
        return strcmp(sc_container_state(c), f->value) == 0;
    case VOLUME:
        return has_volume(c, f->value);
    }
    return false;
}

/* Docker: filters of one kind are alternatives (labels are not), of different kinds conditions. */
bool
sc_ps_filters_match(const struct sc_ps_filters *filters, const struct sc_container *c, struct sc_arena *arena)
{
    for (size_t i = 0; i < filters->count; i++) {
        const struct sc_ps_filter *f = &filters->items[i];
        bool is_match = matches(c, f, arena);

        for (size_t k = 0; k < filters->count && !is_match && f->kind != LABEL; k++)
            is_match = filters->items[k].kind == f->kind && matches(c, &filters->items[k], arena);
        if (!is_match)
            return false;
    }
    return true;
}
