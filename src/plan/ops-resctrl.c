/* Titles and system calls of the steps for intelRdt (ops.c). */
#include "plan/ops-priv.h"

static void
print_schemata(const char *schemata, struct sc_buf *out)
{
    for (const char *c = schemata; *c != '\0'; c++)
        if (*c == '\n')
            sc_buf_adds(out, "\\n");
        else
            sc_buf_addc(out, *c);
}

void
sc_print_resctrl(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    const struct sc_resctrl_group *g = s->u.resctrl.group;
    const char *slash = g->name[0] != '\0' ? "/" : "", *root = s->u.resctrl.mount_point;

    TITLE("%s resctrl group %s%s%s",
          g->how == SC_RESCTRL_OWN      ? "make"
          : g->how == SC_RESCTRL_SHARED ? "share"
                                        : "open",
          root, slash, g->name);
    if (g->how == SC_RESCTRL_OWN || (g->how == SC_RESCTRL_SHARED && g->schemata != NULL && g->name[0] != '\0'))
        sc_buf_addf(out, "mkdir(\"%s/%s\", 0755); ", root, g->name);
    if (g->schemata != NULL) {
        sc_buf_addf(out, "write(\"%s%s%s/schemata\", \"", root, slash, g->name);
        print_schemata(g->schemata, out);
        sc_buf_adds(out, g->how == SC_RESCTRL_SHARED ? "\"), or they are there already; " : "\"); ");
    }
    if (g->monitor != NULL && g->how != SC_RESCTRL_ENTER)
        sc_buf_addf(out, "mkdir(\"%s%s%s/mon_groups/%s\", 0755); ", root, slash, g->name, g->monitor);
    sc_buf_addf(out, "open(\"%s%s%s/tasks\", O_WRONLY)", root, slash, g->name);
    if (g->monitor != NULL)
        sc_buf_addf(out, "; open(\"%s%s%s/mon_groups/%s/tasks\", O_WRONLY)", root, slash, g->name, g->monitor);
}

void
sc_print_resctrl_join(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    const struct sc_resctrl_group *g = s->u.resctrl.group;
    sc_cleanup_buf dir = SC_BUF_INIT;

    sc_buf_addf(&dir, "%s%s%s", s->u.resctrl.mount_point, g->name[0] != '\0' ? "/" : "", g->name);
    if (s->u.resctrl.is_monitor)
        sc_buf_addf(&dir, "/mon_groups/%s", g->monitor);
    TITLE("enter resctrl group %s", sc_buf_str(&dir));
    sc_buf_addf(out, "write(\"%s/tasks\", \"0\")", sc_buf_str(&dir));
}
