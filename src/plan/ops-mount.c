/* The rows of ops.c that make the file tree: mounts, overlay, nodes, masks. */
#include "plan/ops-priv.h"

void
sc_print_tree_open(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("open bind source %s", s->u.tree.source);
    if (s->u.tree.creates_source)
        sc_buf_addf(out, "mkdir(\"%s\", 0755) if absent; ", s->u.tree.source);
    sc_buf_addf(out, "open_tree(\"%s\", OPEN_TREE_CLONE%s)", s->u.tree.source,
                s->u.tree.is_recursive ? "|AT_RECURSIVE" : "");
    if (s->u.tree.attr_set != 0 || s->u.tree.attr_clear != 0) {
        sc_buf_adds(out, "; mount_setattr(set=");
        sc_print_attr(s->u.tree.attr_set, out);
        sc_buf_adds(out, ", clear=");
        sc_print_attr(s->u.tree.attr_clear, out);
        sc_buf_addc(out, ')');
    }
    if (s->u.tree.attr_set_rec != 0 || s->u.tree.attr_clear_rec != 0) {
        sc_buf_adds(out, "; mount_setattr(AT_RECURSIVE, set=");
        sc_print_attr(s->u.tree.attr_set_rec, out);
        sc_buf_adds(out, ", clear=");
        sc_print_attr(s->u.tree.attr_clear_rec, out);
        sc_buf_addc(out, ')');
    }
    if (s->u.tree.propagation != 0) {
        sc_buf_adds(out, "; mount_setattr(propagation=");
        sc_print_ms_flags((unsigned long)s->u.tree.propagation, out);
        sc_buf_addc(out, ')');
    }
    if (s->u.tree.idmap_slot != SC_SLOT_NONE)
        sc_buf_adds(out, "; mount_setattr(MOUNT_ATTR_IDMAP)");
}

void
sc_print_mount_tree(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("bind %s on %s", s->u.tree.source, s->u.tree.destination);
    sc_buf_addf(out, "move_mount(tree of \"%s\", openat2(root, \"%s\", RESOLVE_IN_ROOT))", s->u.tree.source,
                s->u.tree.destination);
}

void
sc_print_root_attach(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("attach the root");
    sc_buf_addf(out, "move_mount(root, \"%s\")", s->u.text.text != NULL ? s->u.text.text : "/");
}

void
sc_print_propagation(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    const char *path = s->u.propagation.path != NULL ? s->u.propagation.path : "/";

    TITLE("set mount propagation of %s", path);
    sc_buf_addf(out, "mount(NULL, \"%s\", NULL, ", path);
    sc_print_ms_flags((unsigned long)s->u.propagation.flags, out);
    sc_buf_adds(out, ", NULL)");
}

void
sc_print_overlay(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    const struct sc_overlay *o = s->u.overlay.overlay;

    TITLE("mount overlay of %zu layer%s as the root", o->lowerdirs.count, o->lowerdirs.count == 1 ? "" : "s");
    for (size_t i = 0; i < o->images.count; i++)
        if (o->images.items[i][0] != '\0')
            sc_buf_addf(
                out, "fsopen(\"erofs\"); fsconfig(source=%s, device=%s%s if there is); fsmount(); move_mount(\"%s\"); ",
                o->images.items[i], o->images.items[i], SC_EROFS_TAR, o->lowerdirs.items[i]);
    sc_buf_adds(out, "fsopen(\"overlay\"); fsconfig(");
    for (size_t i = 0; i < o->lowerdirs.count; i++)
        sc_buf_addf(out, "%slowerdir=%s", i > 0 ? ", " : "", o->lowerdirs.items[i]);
    if (o->upperdir != NULL)
        sc_buf_addf(out, ", upperdir=%s, workdir=%s", o->upperdir, o->workdir);
    sc_buf_addf(out, "%s%s); fsmount()", o->is_volatile ? ", volatile" : "", o->is_userxattr ? ", userxattr" : "");
}

void
sc_print_mount(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("mount %s on %s", s->u.mount.type, s->u.mount.destination);
    sc_buf_addf(out, "mount(\"%s\", \"%s\", \"%s\", ", s->u.mount.source, s->u.mount.destination, s->u.mount.type);
    sc_print_ms_flags(s->u.mount.ms_flags, out);
    if (s->u.mount.data != NULL)
        sc_buf_addf(out, ", \"%s\")", s->u.mount.data);
    else
        sc_buf_adds(out, ", NULL)");
    if (s->u.mount.keeps_mode)
        sc_buf_adds(out, "; chmod to the mode of what it covers");
    if (s->u.mount.copies_up)
        sc_buf_adds(out, "; copy there what it covers");
    if (s->u.mount.label != NULL)
        sc_buf_addf(out, "; setxattr(\"security.selinux\", \"%s\")", s->u.mount.label);
}

void
sc_print_mknod(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("make device %s", s->u.node.path);
    sc_buf_addf(out, "mknod(\"%s\", %s|0%o, makedev(%lld, %lld))", s->u.node.path,
                s->u.node.type == 'b'   ? "S_IFBLK"
                : s->u.node.type == 'p' ? "S_IFIFO"
                                        : "S_IFCHR",
                s->u.node.mode, (long long)s->u.node.major, (long long)s->u.node.minor);
    if (s->u.node.uid != 0 || s->u.node.gid != 0)
        sc_buf_addf(out, "; chown(%u, %u)", s->u.node.uid, s->u.node.gid);
}

void
sc_print_symlink(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("link %s to %s", s->u.link.path, s->u.link.target);
    sc_buf_addf(out, "symlink(\"%s\", \"%s\")", s->u.link.target, s->u.link.path);
}

void
sc_print_readonly_path(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("make %s read-only", s->u.text.text);
    sc_buf_addf(out, "open_tree(\"%s\", OPEN_TREE_CLONE|AT_RECURSIVE); mount_setattr(MOUNT_ATTR_RDONLY); move_mount()",
                s->u.text.text);
}

void
sc_print_mask_path(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("mask %s", s->u.text.text);
    sc_buf_addf(out, "a directory: mount an empty read-only tmpfs%s%s on \"%s\"; a file: bind our null device on it",
                s->u.text.value != NULL ? ", " : "", s->u.text.value != NULL ? s->u.text.value : "", s->u.text.text);
}

void
sc_print_root_propagation(const struct sc_step *s, enum sc_print_what what, struct sc_buf *out)
{
    TITLE("set the root's propagation");
    sc_buf_adds(out, "mount(NULL, \"/\", NULL, ");
    sc_print_ms_flags((unsigned long)s->u.propagation.flags, out);
    sc_buf_adds(out, ", NULL)");
}
