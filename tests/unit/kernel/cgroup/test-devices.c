/* Device rules: the v2 program, run in a small interpreter against what the rules mean, and the v1 lists. */
#include <linux/bpf.h>

#include "cgroup-test.h"

enum { READ = BPF_DEVCG_ACC_READ, WRITE = BPF_DEVCG_ACC_WRITE, MKNOD = BPF_DEVCG_ACC_MKNOD, RWM = 7 };
#define ANY (-1)
#define RULE(allow_, type_, major_, minor_, access)                                                                    \
    {                                                                                                                  \
        .allow = (allow_), .type = (type_), .major = {(major_) != ANY, (major_)},                                      \
        .minor = {(minor_) != ANY, (minor_)}, .can_read = ((access)&READ) != 0, .can_write = ((access)&WRITE) != 0,    \
        .can_mknod = ((access)&MKNOD) != 0                                                                             \
    }
#define ALLOW(type, major, minor, access) RULE(true, type, major, minor, access)
#define DENY(type, major, minor, access)  RULE(false, type, major, minor, access)

/* ---- an interpreter of the instructions that device programs are made of ---------------- */

static uint64_t
run_program(const struct bpf_insn *insns, size_t count, char type, uint32_t access, uint32_t major, uint32_t minor)
{
    struct bpf_cgroup_dev_ctx context = {
        .access_type = (access << 16) | (type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR),
        .major = major,
        .minor = minor,
    };
    uint64_t r[11] = {0};
    bool is_set[11] = {[1] = true};

    for (size_t pc = 0, steps = 0; pc < count; pc++, steps++) {
        const struct bpf_insn *insn = &insns[pc];
        uint64_t *dst = &r[insn->dst_reg];
        uint32_t word;

        assert_true(steps < count); /* there are no backward jumps */
        if (BPF_CLASS(insn->code) != BPF_JMP || BPF_OP(insn->code) != BPF_JA)
            assert_true(insn->dst_reg < 11 && insn->src_reg < 11);
        switch (insn->code) {
        case BPF_LDX | BPF_MEM | BPF_W:
            assert_int_equal(insn->src_reg, 1);
            assert_true(insn->off >= 0 && (size_t)insn->off + 4 <= sizeof(context));
            memcpy(&word, (const char *)&context + insn->off, 4);
            *dst = word;
            is_set[insn->dst_reg] = true;
            break;
        case BPF_ALU64 | BPF_MOV | BPF_K:
            *dst = (uint64_t)(int64_t)insn->imm;
            is_set[insn->dst_reg] = true;
            break;
        case BPF_ALU | BPF_MOV | BPF_X:
            assert_true(is_set[insn->src_reg]);
            *dst = (uint32_t)r[insn->src_reg];
            is_set[insn->dst_reg] = true;
            break;
        case BPF_ALU | BPF_RSH | BPF_K:
            assert_true(is_set[insn->dst_reg]);
            *dst = (uint32_t)*dst >> insn->imm;
            break;
        case BPF_ALU | BPF_AND | BPF_K:
            assert_true(is_set[insn->dst_reg]);
            *dst = (uint32_t)*dst & (uint32_t)insn->imm;
            break;
        case BPF_JMP | BPF_JA:
            pc += (size_t)insn->off;
            break;
        case BPF_JMP | BPF_JNE | BPF_K:
            assert_true(is_set[insn->dst_reg]);
            pc += *dst != (uint64_t)(int64_t)insn->imm ? (size_t)insn->off : 0;
            break;
        case BPF_JMP | BPF_JSET | BPF_K:
            assert_true(is_set[insn->dst_reg]);
            pc += *dst & (uint64_t)(int64_t)insn->imm ? (size_t)insn->off : 0;
            break;
        case BPF_JMP | BPF_EXIT:
            assert_true(is_set[0]);
            return r[0];
        default:
            fail_msg("instruction %zu has unknown code %#x", pc, insn->code);
        }
    }
    fail_msg("the program ran past its end");
    return 0;
}

/* What the rules mean, said plainly: every kind of access asked for must be allowed by the last rule that covers it. */
static uint64_t
decide(const struct sc_oci_device_rule *rules, size_t count, char type, uint32_t access, uint32_t major, uint32_t minor)
{
    for (uint32_t bit = MKNOD; bit <= WRITE; bit <<= 1) {
        bool is_allowed = false;

        if (!(access & bit))
            continue;
        for (size_t i = 0; i < count; i++) {
            const struct sc_oci_device_rule *rule = &rules[i];
            bool has_bit = bit == READ ? rule->can_read : bit == WRITE ? rule->can_write : rule->can_mknod;

            if (has_bit && (rule->type == 'a' || rule->type == type) &&
                (!rule->major.is_set || rule->major.value == major) &&
                (!rule->minor.is_set || rule->minor.value == minor))
                is_allowed = rule->allow;
        }
        if (!is_allowed)
            return 0;
    }
    return 1;
}

static void
compare(const struct sc_oci_device_rule *rules, size_t count)
{
    static const uint32_t numbers[] = {0, 1, 3, 5, 8, 136, 4095};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct bpf_insn *insns;
    struct sc_err err;
    size_t insn_count;

    assert_ok(sc_cgroup_device_program(rules, count, &arena, &insns, &insn_count, &err));
    for (size_t i = 0; i < SC_ARRAY_LEN(numbers); i++) {
        for (size_t j = 0; j < SC_ARRAY_LEN(numbers); j++) {
            for (uint32_t access = 1; access <= RWM; access++) {
                for (const char *type = "bc"; *type; type++)
                    assert_int_equal(run_program(insns, insn_count, *type, access, numbers[i], numbers[j]),
                                     decide(rules, count, *type, access, numbers[i], numbers[j]));
            }
        }
    }
}

/* Docker's list, in the order that it is written in */
static const struct sc_oci_device_rule docker[] = {
    DENY('a', ANY, ANY, RWM), ALLOW('c', ANY, ANY, MKNOD), ALLOW('b', ANY, ANY, MKNOD), ALLOW('c', 1, 3, RWM),
    ALLOW('c', 1, 8, RWM),    ALLOW('c', 5, 0, RWM),       ALLOW('c', 136, ANY, RWM),   ALLOW('c', 5, 1, RWM),
};

static void
test_program(void **state)
{
    static const struct sc_oci_device_rule lists[][4] = {
        {DENY('a', ANY, ANY, RWM), ALLOW('c', 1, 3, READ), ALLOW('c', 1, 3, WRITE), DENY('c', 1, 3, MKNOD)},
        {ALLOW('a', ANY, ANY, RWM), DENY('c', 1, ANY, RWM), ALLOW('c', 1, 3, READ), DENY('b', ANY, 0, WRITE)},
        {ALLOW('c', 1, 3, RWM), DENY('a', ANY, ANY, RWM), ALLOW('b', 8, ANY, READ | WRITE), ALLOW('a', 5, 1, MKNOD)},
        {DENY('c', 1, 3, RWM), ALLOW('c', 1, 3, RWM), DENY('c', 1, 3, WRITE), ALLOW('c', ANY, 3, WRITE)},
        {ALLOW('c', 1, 3, RWM), DENY('c', 1, 3, 0), ALLOW('b', 1, 3, RWM), ALLOW('a', ANY, ANY, READ)},
        {ALLOW('a', ANY, ANY, RWM), ALLOW('c', 1, 1, RWM), DENY('a', ANY, ANY, WRITE), DENY('a', 4095, 4095, READ)},
        {DENY('a', ANY, ANY, RWM), DENY('a', ANY, ANY, RWM), DENY('a', ANY, ANY, RWM), ALLOW('a', ANY, ANY, RWM)},
    };
    uint32_t seed = 1;

    (void)state;
    compare(docker, SC_ARRAY_LEN(docker));
    compare(docker, 1);
    compare(NULL, 0);
    for (size_t i = 0; i < SC_ARRAY_LEN(lists); i++)
        compare(lists[i], 4);
    /* and a few hundred lists that nobody thought of, the same each time */
    for (int round = 0; round < 300; round++) {
        struct sc_oci_device_rule rules[6];

        for (size_t i = 0; i < 6; i++) {
            static const int64_t numbers[] = {ANY, 0, 1, 3};
            uint32_t bits;

            seed = seed * 1664525U + 1013904223U;
            bits = seed >> 8;
            rules[i] = (struct sc_oci_device_rule)RULE(bits & 1, "abc"[(bits >> 1) % 3], numbers[(bits >> 3) & 3],
                                                       numbers[(bits >> 5) & 3], (bits >> 7) & RWM);
        }
        compare(rules, 6);
    }
}

static void
test_program_refusals(void **state)
{
    static struct sc_oci_device_rule many[2049];
    static const struct sc_oci_device_rule large[] = {ALLOW('c', INT64_C(1) << 31, 0, RWM)};
    static const struct sc_oci_device_rule negative[] = {ALLOW('c', 1, -2, RWM)};
    sc_cleanup_arena arena = SC_ARENA_INIT;
    struct bpf_insn *insns;
    struct sc_err err;
    size_t count;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(many); i++)
        many[i] = (struct sc_oci_device_rule)ALLOW('c', 1, 3, RWM);
    assert_fails(sc_cgroup_device_program(many, SC_ARRAY_LEN(many), &arena, &insns, &count, &err), SC_ERR_INVALID,
                 "linux.resources.devices: 2049 rules are more than 2048");
    assert_ok(sc_cgroup_device_program(many, 2048, &arena, &insns, &count, &err));
    assert_fails(sc_cgroup_device_program(large, 1, &arena, &insns, &count, &err), SC_ERR_INVALID,
                 "linux.resources.devices: 2147483648:0 is not a device number");
    assert_fails(sc_cgroup_device_program(negative, 1, &arena, &insns, &count, &err), SC_ERR_INVALID,
                 "linux.resources.devices: 1:-2 is not a device number");
}

/* ---- v1 ------------------------------------------------------------------------------------- */

struct v1_case {
    struct sc_oci_device_rule rules[5];
    size_t count;
    const char *writes;
};

static const struct v1_case v1_cases[] = {
    {{DENY('a', ANY, ANY, RWM), ALLOW('c', 1, 3, RWM), ALLOW('b', 8, ANY, READ)},
     3,
     "devices.deny=a;devices.allow=c 1:3 rwm;devices.allow=b 8:* r;"},
    {{ALLOW('c', 1, 3, READ)}, 1, "devices.deny=a;devices.allow=c 1:3 r;"}, /* the default is to deny */
    {{ALLOW('a', ANY, ANY, RWM)}, 1, "devices.allow=a;"},
    {{DENY('a', ANY, ANY, RWM)}, 1, "devices.deny=a;"},
    /* what came before "everything" does not matter */
    {{ALLOW('c', 1, 3, RWM), DENY('a', ANY, ANY, RWM), ALLOW('c', 1, 5, RWM)},
     3,
     "devices.deny=a;devices.allow=c 1:5 rwm;"},
    {{ALLOW('a', ANY, ANY, RWM), DENY('c', 1, 3, WRITE)}, 2, "devices.allow=a;devices.deny=c 1:3 w;"},
    {{ALLOW('c', 1, 3, READ), ALLOW('c', 1, 3, WRITE)}, 2, "devices.deny=a;devices.allow=c 1:3 rw;"},
    {{ALLOW('c', 1, 3, RWM), DENY('c', 1, 3, MKNOD)}, 2, "devices.deny=a;devices.allow=c 1:3 rw;"},
    {{ALLOW('c', 1, 3, RWM), ALLOW('c', 1, 5, RWM), DENY('c', 1, ANY, RWM)}, 3, "devices.deny=a;"},
    {{ALLOW('c', 1, 3, RWM), DENY('b', 1, 3, RWM), DENY('c', 2, ANY, RWM)},
     3,
     "devices.deny=a;devices.allow=c 1:3 rwm;"},
    /* the kernel would read "a 1:3 m" as everything */
    {{ALLOW('a', 1, 3, MKNOD)}, 1, "devices.deny=a;devices.allow=b 1:3 m;devices.allow=c 1:3 m;"},
    {{ALLOW('a', ANY, ANY, READ | WRITE)}, 1, "devices.deny=a;devices.allow=b *:* rw;devices.allow=c *:* rw;"},
};

static void
test_v1(void **state)
{
    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(v1_cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_cgroup_layout layout = {.mode = SC_CGROUP_V1};
        struct sc_oci_resources ask = {.devices = (struct sc_oci_device_rule *)v1_cases[i].rules,
                                       .device_count = v1_cases[i].count};
        struct sc_cgroup_writes writes;
        struct sc_strv need = {.count = 0};
        struct sc_err err;

        layout_put(&layout, &arena, false, "devices", "devices");
        assert_ok(sc_cgroup_translate(&layout, &ask, true, &arena, &writes, &need, &err));
        assert_string_equal(show_writes(&arena, &writes), v1_cases[i].writes);
    }
}

static void
test_v1_holes(void **state)
{
    static struct sc_oci_device_rule deny_hole[] = {ALLOW('c', 1, ANY, RWM), DENY('c', 1, 3, WRITE)};
    static struct sc_oci_device_rule allow_hole[] = {ALLOW('a', ANY, ANY, RWM), DENY('b', ANY, 1, RWM),
                                                     ALLOW('b', 8, ANY, READ)};
    static struct sc_oci_device_rule number[] = {ALLOW('c', -7, 3, WRITE)};
    static const struct {
        struct sc_oci_device_rule *rules;
        size_t count;
        enum sc_err_kind kind;
        const char *message;
    } cases[] = {
        {deny_hole, 2, SC_ERR_UNSUPPORTED,
         "linux.resources.devices: deny \"c 1:3 w\" out of \"c 1:* rwm\": cgroup v1 cannot except a part of a rule"},
        {allow_hole, 3, SC_ERR_UNSUPPORTED,
         "linux.resources.devices: allow \"b 8:* r\" out of \"b *:1 rwm\": cgroup v1 cannot except a part of a rule"},
        {number, 1, SC_ERR_INVALID, "linux.resources.devices: -7:3 is not a device number"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_arena arena = SC_ARENA_INIT;
        struct sc_cgroup_layout layout = {.mode = SC_CGROUP_V1};
        struct sc_oci_resources ask = {.devices = cases[i].rules, .device_count = cases[i].count};
        struct sc_cgroup_writes writes;
        struct sc_strv need = {.count = 0};
        struct sc_err err;

        layout_put(&layout, &arena, false, "devices", "devices");
        assert_fails(sc_cgroup_translate(&layout, &ask, true, &arena, &writes, &need, &err), cases[i].kind,
                     cases[i].message);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_program),
        cmocka_unit_test(test_program_refusals),
        cmocka_unit_test(test_v1),
        cmocka_unit_test(test_v1_holes),
    };

    return RUN_TESTS(tests);
}
