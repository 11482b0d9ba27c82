/*
 * kernel/seccomp-oci: an OCI profile to BPF through libseccomp, with the meaning that runc and crun give it
 * (config-linux.md, "Seccomp"):
 *
 *   - a rule whose action is the default action says nothing and is left out; so is a name that is not known here
 *   - several conditions on one argument are alternatives (each becomes a rule), else all conditions must hold
 *   - where the default action refuses, a call with a number above all that the profile names for a listed architecture
 * is answered ENOSYS: a profile cannot mean to refuse what it could not know, and libraries fall back on ENOSYS only
 */
#include <ctype.h>
#include <errno.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <seccomp.h>

#include "kernel/seccomp-priv.h"

/* a header of before Linux 5.19 does not have it */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define X32_BIT   UINT32_C(0x40000000)
#define ARCHS_MAX 24
#define ARGS_MAX  6
/* Above this many names a search tree pays; libseccomp 2.5 also mishandles the tree when there is no rule at all. */
#define TREE_FROM 32

static void
release_ctx(scmp_filter_ctx *ctx)
{
    if (*ctx != NULL)
        seccomp_release(*ctx);
}
#define cleanup_ctx __attribute__((cleanup(release_ctx))) scmp_filter_ctx

struct arch_list {
    uint32_t items[ARCHS_MAX];
    size_t count;
};

/* "SCMP_ARCH_X86_64" to libseccomp's token; 0 when it knows none. */
static uint32_t
arch_from_name(const char *text)
{
    static const char prefix[] = "SCMP_ARCH_";
    char name[32] = "";

    if (!sc_str_starts(text, prefix) || strlen(text) - strlen(prefix) >= sizeof(name))
        return 0;
    for (size_t i = 0; text[strlen(prefix) + i] != '\0'; i++)
        name[i] = (char)tolower((unsigned char)text[strlen(prefix) + i]);
    return seccomp_arch_resolve_name(name);
}

bool
sc_seccomp_arch_is_known(const char *name)
{
    return arch_from_name(name) != 0;
}

static int
find_archs(const struct sc_oci_seccomp *profile, struct arch_list *out, struct sc_err *err)
{
    for (size_t i = 0; i < profile->architectures.count; i++) {
        const char *text = profile->architectures.items[i];
        uint32_t arch = arch_from_name(text);
        bool is_known = false;

        if (arch == 0)
            return sc_err_set(err, SC_ERR_INVALID, "compile seccomp profile: unknown architecture \"%s\"", text);
        for (size_t j = 0; j < out->count; j++)
            is_known = is_known || out->items[j] == arch;
        if (is_known)
            continue;
        if (out->count == ARCHS_MAX)
            return sc_err_set(err, SC_ERR_INVALID, "compile seccomp profile: more than %d architectures", ARCHS_MAX);
        out->items[out->count++] = arch;
    }
    return 0;
}

static int
add_rule(scmp_filter_ctx ctx, uint32_t action, int number, const char *name, const struct scmp_arg_cmp *args,
         unsigned count, struct sc_err *err)
{
    int rc = seccomp_rule_add_array(ctx, action, number, count, args);

    if (rc < 0)
        return sc_err_errno(err, -rc, "compile seccomp profile: add a rule for \"%s\"", name);
    return 0;
}

static int
add_conditions(scmp_filter_ctx ctx, const struct sc_oci_seccomp_rule *rule, int number, const char *name,
               struct sc_err *err)
{
    struct scmp_arg_cmp args[ARGS_MAX];
    unsigned uses[ARGS_MAX] = {0};
    bool are_alternatives = false;

    for (size_t i = 0; i < rule->arg_count; i++) {
        if (rule->args[i].index >= ARGS_MAX)
            return sc_err_set(err, SC_ERR_INVALID,
                              "compile seccomp profile: rule for \"%s\": argument %u does not exist", name,
                              rule->args[i].index);
        are_alternatives = are_alternatives || uses[rule->args[i].index]++ > 0;
    }
    for (size_t i = 0; i < rule->arg_count; i++) {
        const struct sc_oci_seccomp_arg *arg = &rule->args[i];
        struct scmp_arg_cmp condition = {
            .arg = arg->index, .op = (enum scmp_compare)arg->op, .datum_a = arg->value, .datum_b = arg->value_two};

        if (are_alternatives) {
            if (add_rule(ctx, rule->action, number, name, &condition, 1, err) < 0)
                return -1;
        } else {
            args[i] = condition;
        }
    }
    return are_alternatives ? 0 : add_rule(ctx, rule->action, number, name, args, (unsigned)rule->arg_count, err);
}

static int
add_rules(scmp_filter_ctx ctx, const struct sc_oci_seccomp *profile, struct sc_seccomp_filter *out, struct sc_err *err)
{
    for (size_t i = 0; i < profile->rule_count; i++) {
        const struct sc_oci_seccomp_rule *rule = &profile->rules[i];

        if (rule->action == profile->default_action)
            continue;
        for (size_t j = 0; j < rule->names.count; j++) {
            int number = seccomp_syscall_resolve_name(rule->names.items[j]);

            if (number == __NR_SCMP_ERROR)
                continue;
            if ((rule->action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
                out->needs_listener = true;
            if (add_conditions(ctx, rule, number, rule->names.items[j], err) < 0)
                return -1;
        }
    }
    return 0;
}

static size_t
count_names(const struct sc_oci_seccomp *profile)
{
    size_t count = 0;

    for (size_t i = 0; i < profile->rule_count; i++)
        count += profile->rules[i].names.count;
    return count;
}

/* libseccomp 2.5 can only export to a file descriptor. */
static int
export_program(scmp_filter_ctx ctx, struct sc_bpf *bpf, struct sc_err *err)
{
    sc_cleanup_fd fd = memfd_create("seccomp", MFD_CLOEXEC);
    struct stat st;
    struct sock_filter insn;
    int rc;

    if (fd < 0)
        return sc_err_errno(err, errno, "compile seccomp profile: make a memory file");
    rc = seccomp_export_bpf(ctx, fd);
    if (rc < 0)
        return sc_err_errno(err, -rc, "compile seccomp profile: export the filter");
    if (fstat(fd, &st) < 0 || lseek(fd, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "compile seccomp profile: read the filter back");
    if (st.st_size == 0 || (size_t)st.st_size % sizeof(insn) != 0)
        return sc_err_set(err, SC_ERR_INTERNAL, "compile seccomp profile: libseccomp wrote %lld bytes",
                          (long long)st.st_size);
    for (off_t at = 0; at < st.st_size; at += (off_t)sizeof(insn)) {
        if (pread(fd, &insn, sizeof(insn), at) != (ssize_t)sizeof(insn))
            return sc_err_errno(err, errno != 0 ? errno : EIO, "compile seccomp profile: read the filter back");
        sc_bpf_add(bpf, insn.code, insn.jt, insn.jf, insn.k);
    }
    return sc_arena_check(bpf->arena, err);
}

/* The highest number that the profile names on arch; 0 when none. */
static uint32_t
highest_number(const struct sc_oci_seccomp *profile, uint32_t arch)
{
    int highest = 0;

    for (size_t i = 0; i < profile->rule_count; i++) {
        const struct sc_strv *names = &profile->rules[i].names;

        for (size_t j = 0; j < names->count; j++) {
            int number = seccomp_syscall_resolve_name_arch(arch, names->items[j]);

            highest = number > highest ? number : highest;
        }
    }
    return (uint32_t)highest;
}

static bool
is_refusal(uint32_t action)
{
    uint32_t kind = action & SECCOMP_RET_ACTION_FULL;

    return kind != SECCOMP_RET_ALLOW && kind != SECCOMP_RET_LOG && kind != SECCOMP_RET_TRACE;
}

/* For one architecture; the accumulator holds it. Falls through when the filter proper shall decide. x32 shares the
 * token of x86-64 and is told by a bit of the number: the section judges only numbers of its own kind. */
static void
add_enosys_section(struct sc_bpf *bpf, uint32_t arch, uint32_t highest)
{
    uint32_t token = arch == SCMP_ARCH_X32 ? SCMP_ARCH_X86_64 : arch;
    bool is_x86 = token == SCMP_ARCH_X86_64;

    sc_bpf_add(bpf, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
    sc_bpf_add(bpf, BPF_JMP | BPF_JEQ | BPF_K, 0, is_x86 ? 4 : 3, token);
    sc_bpf_add(bpf, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
    if (is_x86)
        sc_bpf_add(bpf, BPF_JMP | BPF_JSET | BPF_K, arch == SCMP_ARCH_X32 ? 0 : 2, arch == SCMP_ARCH_X32 ? 2 : 0,
                   X32_BIT);
    sc_bpf_add(bpf, BPF_JMP | BPF_JGT | BPF_K, 0, 1, highest);
    sc_bpf_add(bpf, BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | ENOSYS);
}

static void
add_enosys(struct sc_bpf *bpf, const struct sc_oci_seccomp *profile, const struct arch_list *archs)
{
    if (!is_refusal(profile->default_action))
        return;
    for (size_t i = 0; i < archs->count; i++) {
        uint32_t highest = highest_number(profile, archs->items[i]);

        if (highest > 0)
            add_enosys_section(bpf, archs->items[i], highest);
    }
}

/* TSYNC is left out: the loading process has one thread, and with a listener the kernel takes TSYNC only under
 * conditions. */
static uint32_t
load_flags(const struct sc_oci_seccomp *profile, bool needs_listener)
{
    uint32_t flags = profile->flags & (SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW);

    if (needs_listener)
        flags |= profile->flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    return flags | (needs_listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);
}

int
sc_seccomp_compile_oci(const struct sc_oci_seccomp *profile, struct sc_arena *arena, struct sc_seccomp_filter *out,
                       struct sc_err *err)
{
    struct arch_list archs = {.count = 0};
    struct sc_seccomp_filter filter = {.insns = NULL};
    struct sc_bpf bpf = {.arena = arena};
    cleanup_ctx ctx = NULL;
    int rc;

    if ((profile->default_action & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_USER_NOTIF)
        return sc_err_set(err, SC_ERR_INVALID, "compile seccomp profile: SCMP_ACT_NOTIFY cannot be the default action");
    if (find_archs(profile, &archs, err) < 0)
        return -1;
    ctx = seccomp_init(profile->default_action);
    if (ctx == NULL)
        return sc_err_set(err, SC_ERR_INVALID, "compile seccomp profile: default action %#x is not known here",
                          profile->default_action);
    for (size_t i = 0; i < archs.count; i++) {
        rc = seccomp_arch_add(ctx, archs.items[i]);
        /* EDOM: of the other byte order. No call of it can ever be made on this machine. */
        if (rc < 0 && rc != -EEXIST && rc != -EDOM)
            return sc_err_errno(err, -rc, "compile seccomp profile: add architecture %#x", archs.items[i]);
    }
    if (count_names(profile) > TREE_FROM)
        (void)seccomp_attr_set(ctx, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* an older library goes without */
    if (add_rules(ctx, profile, &filter, err) < 0)
        return -1;
    add_enosys(&bpf, profile, &archs);
    if (export_program(ctx, &bpf, err) < 0)
        return -1;
    if (bpf.count > BPF_MAXINSNS)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "compile seccomp profile: %zu instructions, the kernel takes %d",
                          bpf.count, BPF_MAXINSNS);
    filter.insns = bpf.insns;
    filter.count = bpf.count;
    filter.flags = load_flags(profile, filter.needs_listener);
    *out = filter;
    return 0;
}
