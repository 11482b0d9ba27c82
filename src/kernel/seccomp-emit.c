/*
 * kernel/seccomp-emit: sc's default profile as classic BPF (seccomp(2), "SECCOMP_SET_MODE_FILTER").
 *
 *     load arch        native: search its ranges; i386 if asked for: its ranges; else kill
 *     load nr          a balanced tree of "nr >= K" over ranges of numbers with one answer
 *     leaf             return, or compare one argument's low word and return
 *
 * Only instructions that the kernel can evaluate ahead of time lead to a return that depends on the number alone, so
 * since Linux 5.11 an allowed call costs one bit test (kernel/seccomp.c, seccomp_is_const_allow).
 */
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <seccomp.h>

#include "kernel/seccomp-priv.h"

#define X32_BIT   UINT32_C(0x40000000)
#define CALLS_MAX 1024
/* A number (ptrace's "skip this call") rather than a call: it must reach the kernel, which answers ENOSYS. */
#define NR_SKIPPED UINT32_MAX

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define LOW_WORD 0
#else
#define LOW_WORD 4
#endif

struct call {
    uint32_t nr;
    enum sc_verdict verdict;
    const struct sc_seccomp_arg_group *arg; /* or NULL */
};
struct range {
    uint32_t start;
    enum sc_verdict verdict;
    const struct sc_seccomp_arg_group *arg;
};

void
sc_bpf_add(struct sc_bpf *bpf, uint16_t code, uint8_t jt, uint8_t jf, uint32_t k)
{
    if (bpf->count == bpf->capacity) {
        size_t capacity = bpf->capacity == 0 ? 512 : bpf->capacity * 2;
        struct sock_filter *more = SC_ARENA_ARRAY(bpf->arena, struct sock_filter, capacity);

        if (more == NULL)
            return;
        if (bpf->count > 0)
            memcpy(more, bpf->insns, bpf->count * sizeof(*more));
        bpf->insns = more;
        bpf->capacity = capacity;
    }
    bpf->insns[bpf->count++] = (struct sock_filter){.code = code, .jt = jt, .jf = jf, .k = k};
}

static int
compare_calls(const void *a, const void *b)
{
    uint32_t x = ((const struct call *)a)->nr, y = ((const struct call *)b)->nr;

    return x < y ? -1 : x > y;
}

static void
add_call(struct call *calls, size_t *count, uint32_t arch, const char *name, enum sc_verdict verdict,
         const struct sc_seccomp_arg_group *arg)
{
    int number = sc_seccomp_number(arch, name);

    if (number < 0)
        return;
    if (*count == CALLS_MAX)
        SC_BUG("the seccomp profile names more calls than there is room for");
    calls[(*count)++] = (struct call){.nr = (uint32_t)number, .verdict = verdict, .arg = arg};
}

/* The profile for one architecture, by number. */
static size_t
collect_calls(uint32_t arch, uint64_t caps, struct call calls[CALLS_MAX])
{
    char name[SC_SECCOMP_NAME_MAX];
    size_t count = 0;

    for (size_t i = 0; i < sc_seccomp_group_count; i++) {
        const char *cursor = sc_seccomp_groups[i].names;
        enum sc_verdict verdict = sc_seccomp_group_verdict(&sc_seccomp_groups[i], caps);

        while (sc_seccomp_next_name(&cursor, name))
            add_call(calls, &count, arch, name, verdict, NULL);
    }
    for (size_t i = 0; i < sc_seccomp_arg_group_count; i++) {
        const struct sc_seccomp_arg_group *arg = &sc_seccomp_arg_groups[i];

        add_call(calls, &count, arch, arg->name, SC_VERDICT_ALLOW, (arg->caps & caps) != 0 ? NULL : arg);
    }
    qsort(calls, count, sizeof(*calls), compare_calls);
    return count;
}

static void
add_range(struct range *ranges, size_t *count, uint32_t start, enum sc_verdict verdict,
          const struct sc_seccomp_arg_group *arg)
{
    struct range *last = *count > 0 ? &ranges[*count - 1] : NULL;

    if (last != NULL && last->verdict == verdict && last->arg == NULL && arg == NULL)
        return;
    ranges[(*count)++] = (struct range){.start = start, .verdict = verdict, .arg = arg};
}

/* Numbers between and after the calls are unknown: ENOSYS. Room for two ranges a call and four more. */
static size_t
make_ranges(uint32_t arch, const struct call *calls, size_t call_count, struct range *ranges)
{
    size_t count = 0;
    uint32_t next = 0;

    for (size_t i = 0; i < call_count; i++) {
        if (i > 0 && calls[i].nr == calls[i - 1].nr)
            continue; /* two names of one call; the table's test sees to it that they agree */
        if (calls[i].nr > next)
            add_range(ranges, &count, next, SC_VERDICT_ENOSYS, NULL);
        add_range(ranges, &count, calls[i].nr, calls[i].verdict, calls[i].arg);
        next = calls[i].nr + 1;
    }
    add_range(ranges, &count, next, SC_VERDICT_ENOSYS, NULL);
    if (arch == SCMP_ARCH_X86_64) {
        add_range(ranges, &count, X32_BIT, SC_VERDICT_KILL, NULL);
        add_range(ranges, &count, NR_SKIPPED, SC_VERDICT_ENOSYS, NULL);
    }
    return count;
}

static size_t
leaf_size(const struct range *range)
{
    return range->arg == NULL ? 1 : range->arg->value_count + 4;
}

static void
emit_leaf(struct sc_bpf *bpf, const struct range *range)
{
    const struct sc_seccomp_arg_group *arg = range->arg;

    if (arg != NULL) {
        sc_bpf_add(bpf, BPF_LD | BPF_W | BPF_ABS, 0, 0,
                   (uint32_t)offsetof(struct seccomp_data, args) + 8 * arg->index + LOW_WORD);
        if (arg->mask != UINT32_MAX)
            sc_bpf_add(bpf, BPF_ALU | BPF_AND | BPF_K, 0, 0, arg->mask);
        for (size_t i = 0; i < arg->value_count; i++)
            sc_bpf_add(bpf, BPF_JMP | BPF_JEQ | BPF_K, (uint8_t)(arg->value_count - i), 0, arg->values[i]);
        sc_bpf_add(bpf, BPF_RET | BPF_K, 0, 0, sc_seccomp_verdict_ret(arg->otherwise));
    }
    sc_bpf_add(bpf, BPF_RET | BPF_K, 0, 0, sc_seccomp_verdict_ret(range->verdict));
}

/* Ranges [from, to) as a tree; the number is in the accumulator. A jump that may not fit its eight bits goes through a
 * JA. */
static void
emit_tree(struct sc_bpf *bpf, const struct range *ranges, size_t from, size_t to)
{
    size_t middle = from + (to - from) / 2, left = 0, at = bpf->count;
    bool is_long;

    if (to - from == 1) {
        emit_leaf(bpf, &ranges[from]);
        return;
    }
    for (size_t i = from; i < middle; i++)
        left += leaf_size(&ranges[i]) + 2;
    is_long = left > UINT8_MAX;
    sc_bpf_add(bpf, BPF_JMP | BPF_JGE | BPF_K, 0, is_long ? 1 : 0, ranges[middle].start);
    if (is_long)
        sc_bpf_add(bpf, BPF_JMP | BPF_JA, 0, 0, 0);
    emit_tree(bpf, ranges, from, middle);
    if (bpf->arena->has_failed)
        return;
    if (is_long)
        bpf->insns[at + 1].k = (uint32_t)(bpf->count - at - 2);
    else
        bpf->insns[at].jt = (uint8_t)(bpf->count - at - 1);
    emit_tree(bpf, ranges, middle, to);
}

static void
emit_arch(struct sc_bpf *bpf, uint32_t arch, uint64_t caps)
{
    struct call *calls = SC_ARENA_ARRAY(bpf->arena, struct call, CALLS_MAX);
    struct range *ranges = SC_ARENA_ARRAY(bpf->arena, struct range, 2 * CALLS_MAX + 4);
    size_t count;

    if (calls == NULL || ranges == NULL)
        return;
    count = make_ranges(arch, calls, collect_calls(arch, caps, calls), ranges);
    sc_bpf_add(bpf, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, nr));
    emit_tree(bpf, ranges, 0, count);
}

int
sc_seccomp_emit_default(uint64_t caps, bool with_i386, struct sc_arena *arena, struct sc_seccomp_filter *out,
                        struct sc_err *err)
{
    /* SCMP_ARCH_* is the kernel's AUDIT_ARCH_* for every architecture but x32, which is none of its own here. */
    const uint32_t archs[] = {seccomp_arch_native(), SCMP_ARCH_X86};
    size_t arch_count = with_i386 && archs[0] == SCMP_ARCH_X86_64 ? 2 : 1;
    struct sc_bpf bpf = {.arena = arena};

    sc_bpf_add(&bpf, BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(struct seccomp_data, arch));
    for (size_t i = 0; i < arch_count; i++) {
        size_t at = bpf.count;

        sc_bpf_add(&bpf, BPF_JMP | BPF_JEQ | BPF_K, 1, 0, archs[i]);
        sc_bpf_add(&bpf, BPF_JMP | BPF_JA, 0, 0, 0);
        emit_arch(&bpf, archs[i], caps);
        if (arena->has_failed || bpf.insns == NULL)
            return sc_err_nomem(err);
        bpf.insns[at + 1].k = (uint32_t)(bpf.count - at - 2);
    }
    sc_bpf_add(&bpf, BPF_RET | BPF_K, 0, 0, sc_seccomp_verdict_ret(SC_VERDICT_KILL));
    if (arena->has_failed)
        return sc_err_nomem(err);
    *out = (struct sc_seccomp_filter){.insns = bpf.insns, .count = bpf.count, .flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW};
    return 0;
}
