/* ops: what the printers of the operations share. */
#ifndef SC_PLAN_OPS_PRIV_H
#define SC_PLAN_OPS_PRIV_H

#include "plan/plan-priv.h"

/* A printer begins with its title, and goes on only where the call is asked for. */
#define TITLE(...)                                                                                                     \
    do {                                                                                                               \
        if (what == SC_PRINT_TITLE) {                                                                                  \
            sc_buf_addf(out, __VA_ARGS__);                                                                             \
            return;                                                                                                    \
        }                                                                                                              \
    } while (0)

/* ops-mount.c */
void sc_print_tree_open(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);
void sc_print_mount_tree(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);
void sc_print_root_attach(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);
void sc_print_propagation(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);
void sc_print_overlay(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);
void sc_print_mount(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);
void sc_print_mknod(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);
void sc_print_symlink(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);
void sc_print_readonly_path(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);
void sc_print_mask_path(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);
void sc_print_root_propagation(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);

/* ops-resctrl.c */
void sc_print_resctrl(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);
void sc_print_resctrl_join(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out);

#endif
