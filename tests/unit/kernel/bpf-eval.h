/*
 * The part of classic BPF that seccomp(2) has, evaluated here, so that a filter can be asked without being loaded.
 * Anything the kernel would refuse (a jump or a load out of bounds, an unknown instruction, no return) fails the test.
 */
#ifndef SC_TESTS_BPF_EVAL_H
#define SC_TESTS_BPF_EVAL_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>

#include "kernel/seccomp.h"

#define BPF_EVAL_BROKEN UINT32_C(0xdeadbeef)

static inline uint32_t
bpf_eval(const struct sc_seccomp_filter *filter, const struct seccomp_data *data)
{
    uint32_t a = 0;

    for (size_t at = 0; at < filter->count; at++) {
        const struct sock_filter *insn = &filter->insns[at];

        switch (insn->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            if (insn->k % 4 != 0 || insn->k > sizeof(*data) - 4)
                return BPF_EVAL_BROKEN;
            memcpy(&a, (const char *)data + insn->k, 4);
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            a &= insn->k;
            break;
        case BPF_JMP | BPF_JA:
            at += insn->k;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            at += a == insn->k ? insn->jt : insn->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            at += a >= insn->k ? insn->jt : insn->jf;
            break;
        case BPF_JMP | BPF_JGT | BPF_K:
            at += a > insn->k ? insn->jt : insn->jf;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            at += (a & insn->k) != 0 ? insn->jt : insn->jf;
            break;
        case BPF_RET | BPF_K:
            return insn->k;
        default:
            return BPF_EVAL_BROKEN;
        }
    }
    return BPF_EVAL_BROKEN;
}

#endif
