/* sc cgroup controllers: which controllers there are, together with which others, and where; lssubsys of libcgroup. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "cli/cgroup-priv.h"
#include "cli/cli.h"

#define PROC_CGROUPS_MAX ((size_t)1 << 16)

struct controllers_options {
    bool all, mount_points, all_mount_points, hierarchies;
};

#define AT(field) offsetof(struct controllers_options, field)
static const struct sc_option controllers_table[] = {
    {"all", 'a', SC_OPTION_FLAG, AT(all), NULL, "Those too that no mounted hierarchy has", NULL, NULL},
    {"all-mount-points", 'M', SC_OPTION_FLAG, AT(all_mount_points), NULL, "With each place where they are mounted",
     NULL, NULL},
    {"hierarchies", 'i', SC_OPTION_FLAG, AT(hierarchies), NULL, "With the hierarchy's number, which is 0 for v2", NULL,
     NULL},
    {"mount-points", 'm', SC_OPTION_FLAG, AT(mount_points), NULL, "With where they are mounted", NULL, NULL},
    {.name = NULL},
};

struct controllers {
    const struct controllers_options *options;
    const struct sc_cgroup_layout *layout;
    const char *known; /* /proc/cgroups: "NAME\tHIERARCHY\tCGROUPS\tENABLED", a line each */
    struct sc_buf out;
};

/* The line of /proc/cgroups behind the name; NULL where it has none (of v2 alone, or a named hierarchy). */
static const char *
known_line(const struct controllers *c, const char *name)
{
    size_t len = strlen(name);

    for (const char *line = c->known; *line;) {
        if (strncmp(line, name, len) == 0 && line[len] == '\t')
            return line + len + 1;
        line = strchrnul(line, '\n');
        line += *line == '\n';
    }
    return NULL;
}

static void
add_line(struct controllers *c, const char *names, const char *first, const char *mount_point)
{
    sc_buf_adds(&c->out, names);
    if ((c->options->mount_points || c->options->all_mount_points) && mount_point)
        sc_buf_addf(&c->out, " %s", mount_point);
    if (c->options->hierarchies) {
        const char *line = known_line(c, first);

        sc_buf_addf(&c->out, " %ld", line ? strtol(line, NULL, 10) : 0);
    }
    sc_buf_addc(&c->out, '\n');
}

/* h: where they are mounted */
static void
add_lines(struct controllers *c, const char *names, const char *first, const struct sc_cgroup_hierarchy *h)
{
    add_line(c, names, first, h->mount_point);
    for (size_t i = 0; c->options->all_mount_points && i < h->other_mount_points.count; i++)
        add_line(c, names, first, h->other_mount_points.items[i]);
}

static bool
is_asked(const struct sc_strv *asked, const char *name)
{
    for (size_t i = 0; i < asked->count; i++) {
        if (strcmp(asked->items[i], name) == 0)
            return true;
    }
    return asked->count == 0;
}

/* A v1 hierarchy is a line, as its controllers go together; of v2 each controller is. */
static void
add_hierarchy(struct controllers *c, const struct sc_cgroup_hierarchy *h, const struct sc_strv *asked)
{
    sc_cleanup_buf together = SC_BUF_INIT;
    bool is_any = false;

    for (size_t i = 0; i < h->controllers.count; i++) {
        const char *name = h->controllers.items[i];

        is_any = is_any || is_asked(asked, name);
        sc_buf_addf(&together, "%s%s", i ? "," : "", name);
        if (h->is_v2 && is_asked(asked, name))
            add_lines(c, name, name, h);
    }
    if (!h->is_v2 && is_any && !sc_str_starts(h->controllers.items[0], "name="))
        add_lines(c, sc_buf_str(&together), h->controllers.items[0], h);
}

static void
add_unmounted(struct controllers *c, const struct sc_strv *asked)
{
    for (const char *line = c->known; *line;) {
        char name[64];
        size_t len = strcspn(line, "\t\n");

        if (line[0] != '#' && len < sizeof(name)) {
            memcpy(name, line, len);
            name[len] = '\0';
            if (len > 0 && sc_cgroup_find(c->layout, name) < 0 && is_asked(asked, name))
                add_line(c, name, name, NULL);
        }
        line = strchrnul(line, '\n');
        line += *line == '\n';
    }
}

static int
run(struct sc_cli *cli, struct sc_err *err)
{
    struct controllers_options options = {.all = false};
    struct sc_cgroup_layout layout;
    struct sc_strv asked = {0};
    sc_cleanup_buf known = SC_BUF_INIT;
    struct controllers c = {.options = &options, .layout = &layout, .out = SC_BUF_INIT};
    int result;

    /* lint: the kernel's own list */
    if (sc_cli_parse(cli, &options, &asked, err) < 0 || sc_cgroup_detect(&cli->arena, &layout, err) < 0 ||
        sc_file_read_at(AT_FDCWD, "/proc/cgroups", PROC_CGROUPS_MAX, &known, err) < 0)
        return -1;
    c.known = sc_buf_str(&known);
    for (size_t i = 0; i < asked.count; i++) {
        if (sc_cgroup_find(&layout, asked.items[i]) < 0 && !known_line(&c, asked.items[i]))
            return sc_err_set(err, SC_ERR_NOT_FOUND, "this kernel has no cgroup controller \"%s\"", asked.items[i]);
    }
    for (size_t i = 0; i < layout.count; i++)
        add_hierarchy(&c, &layout.items[i], &asked);
    if (options.all)
        add_unmounted(&c, &asked);
    result = sc_buf_check(&c.out, err);
    if (result == 0)
        (void)fputs(sc_buf_str(&c.out), stdout);
    sc_buf_release(&c.out);
    return result;
}

const struct sc_command sc_cmd_cgroup_controllers = {
    .name = "cgroup controllers",
    .synopsis = "[OPTIONS] [CONTROLLER...]",
    .help = "List controllers and where they are mounted, as lssubsys does",
    .options = controllers_table,
    .args_max = -1,
    .run = run,
};
