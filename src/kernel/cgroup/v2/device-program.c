/*
 * Device access in v2: no controller and no file, but a BPF program (BPF_PROG_TYPE_CGROUP_DEVICE) attached to the
 * cgroup that the kernel asks at every open(2) and mknod(2) of a device (cgroup-v2.rst, "Device controller").
 *
 * The rules are tried from the last to the first, so that the last match wins, for each kind of access by itself:
 *
 *     r2 type   r3 access still to be decided   r4 major   r5 minor
 *     for each rule:  skip unless type, major and minor match
 *                     allow: r3 &= ~access; if nothing is left, return 1
 *                     deny:  if r3 & access, return 0
 *     return 0
 */
#include <inttypes.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>

#include "kernel/cgroup/cgroup-priv.h"

#define RULES_MOST    2048 /* a program of ten instructions a rule stays far below any kernel's limit */
#define RULE_INSNS    8    /* the most that one rule takes */
#define PROGRAM_INSNS 9    /* prologue and the final denial */

enum { R_TYPE = BPF_REG_2, R_ACCESS = BPF_REG_3, R_MAJOR = BPF_REG_4, R_MINOR = BPF_REG_5 };

struct program {
    struct bpf_insn *insns;
    size_t count;
};

static void
emit(struct program *program, uint8_t code, unsigned dst, unsigned src, int16_t offset, int32_t imm)
{
    struct bpf_insn *insn = &program->insns[program->count++];

    memset(insn, 0, sizeof(*insn));
    insn->code = code;
    insn->dst_reg = dst & 15U;
    insn->src_reg = src & 15U;
    insn->off = offset;
    insn->imm = imm;
}

static void
emit_return(struct program *program, int32_t value)
{
    emit(program, BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, value);
    emit(program, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void
emit_prologue(struct program *program)
{
    emit(program, BPF_LDX | BPF_MEM | BPF_W, R_TYPE, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, access_type), 0);
    emit(program, BPF_LDX | BPF_MEM | BPF_W, R_MAJOR, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, major), 0);
    emit(program, BPF_LDX | BPF_MEM | BPF_W, R_MINOR, BPF_REG_1, offsetof(struct bpf_cgroup_dev_ctx, minor), 0);
    /* access_type holds the access in its upper half and the type in its lower */
    emit(program, BPF_ALU | BPF_MOV | BPF_X, R_ACCESS, R_TYPE, 0, 0);
    emit(program, BPF_ALU | BPF_RSH | BPF_K, R_ACCESS, 0, 0, 16);
    emit(program, BPF_ALU | BPF_AND | BPF_K, R_TYPE, 0, 0, 0xffff);
}

static int32_t
access_of(const struct sc_oci_device_rule *rule)
{
    return (rule->can_read ? BPF_DEVCG_ACC_READ : 0) | (rule->can_write ? BPF_DEVCG_ACC_WRITE : 0) |
           (rule->can_mknod ? BPF_DEVCG_ACC_MKNOD : 0);
}

/* Emits one rule; true when nothing before it can matter any more. */
static bool
emit_rule(struct program *program, const struct sc_oci_device_rule *rule)
{
    int32_t access = access_of(rule);
    bool has_type = rule->type != 'a';
    bool is_total = !has_type && !rule->major.is_set && !rule->minor.is_set &&
                    access == (BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE | BPF_DEVCG_ACC_MKNOD);
    int16_t left = (int16_t)(4 + has_type + rule->major.is_set + rule->minor.is_set); /* instructions of this rule */

    if (is_total) {
        emit_return(program, rule->allow);
        return true;
    }
    if (access == 0)
        return false;
    if (has_type)
        emit(program, BPF_JMP | BPF_JNE | BPF_K, R_TYPE, 0, --left,
             rule->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    if (rule->major.is_set)
        emit(program, BPF_JMP | BPF_JNE | BPF_K, R_MAJOR, 0, --left, (int32_t)rule->major.value);
    if (rule->minor.is_set)
        emit(program, BPF_JMP | BPF_JNE | BPF_K, R_MINOR, 0, --left, (int32_t)rule->minor.value);
    if (rule->allow) {
        emit(program, BPF_ALU | BPF_AND | BPF_K, R_ACCESS, 0, 0, ~access);
        emit(program, BPF_JMP | BPF_JNE | BPF_K, R_ACCESS, 0, 2, 0);
        emit_return(program, 1);
    } else {
        emit(program, BPF_JMP | BPF_JSET | BPF_K, R_ACCESS, 0, 1, access);
        emit(program, BPF_JMP | BPF_JA, 0, 0, 2, 0);
        emit_return(program, 0);
    }
    return false;
}

int
sc_cgroup_device_program(const struct sc_oci_device_rule *rules, size_t count, struct sc_arena *arena,
                         struct bpf_insn **out, size_t *insn_count, struct sc_err *err)
{
    struct program program = {.count = 0};
    bool is_decided = false;

    if (count > RULES_MOST)
        return sc_err_set(err, SC_ERR_INVALID, "linux.resources.devices: %zu rules are more than %d", count,
                          RULES_MOST);
    program.insns = SC_ARENA_ARRAY(arena, struct bpf_insn, PROGRAM_INSNS + count * RULE_INSNS);
    if (!program.insns)
        return sc_err_nomem(err);
    emit_prologue(&program);
    for (size_t i = count; i > 0 && !is_decided; i--) {
        const struct sc_oci_device_rule *rule = &rules[i - 1];

        /* jump immediates are signed, device numbers at most 20 bits */
        if ((rule->major.is_set && (rule->major.value < 0 || rule->major.value > INT32_MAX)) ||
            (rule->minor.is_set && (rule->minor.value < 0 || rule->minor.value > INT32_MAX)))
            return sc_err_set(err, SC_ERR_INVALID,
                              "linux.resources.devices: %" PRId64 ":%" PRId64 " is not a device number",
                              rule->major.value, rule->minor.value);
        is_decided = emit_rule(&program, rule);
    }
    if (!is_decided)
        emit_return(&program, 0);
    *out = program.insns;
    *insn_count = program.count;
    return 0;
}
