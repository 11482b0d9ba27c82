/*
 * kernel/seccomp: compiling, the cache of compiled filters, loading (seccomp(2)).
 *
 * A cache entry: struct entry_head, the canonical text padded to eight bytes, the instructions. Entries come into being
 * by rename, so a reader sees whole ones; sizes and the checksum are for what a crash or another hand did to the file
 * system.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <seccomp.h>

#include "kernel/seccomp-priv.h"

/* Raise when the table or the generator changes what a text compiles to. */
#define CACHE_VERSION 1
#define ENTRY_MAX     1048576

#define SECCOMP_FLAG_WAIT_KILLABLE_RECV (1U << 5) /* Linux 5.19 */

struct entry_head {
    char magic[8];
    uint32_t text_len, insn_count;
    uint32_t flags, needs_listener;
    uint64_t insn_sum;
};
static const char entry_magic[8] = "scbpf\0\0\1";

/* FNV-1a; names files and finds damage, protects from nothing else. */
static uint64_t
hash64(const void *data, size_t len)
{
    const unsigned char *bytes = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static size_t
pad8(size_t len)
{
    return (len + 7) & ~(size_t)7;
}

int
sc_seccomp_compile(const struct sc_oci_seccomp *profile, struct sc_arena *arena, struct sc_seccomp_filter *out,
                   struct sc_err *err)
{
    if (profile->is_sc_default)
        return sc_seccomp_emit_default(profile->sc_default_caps, profile->sc_default_i386, arena, out, err);
    return sc_seccomp_compile_oci(profile, arena, out, err);
}

static void
add_rule_text(struct sc_buf *text, const struct sc_oci_seccomp_rule *rule)
{
    sc_buf_addf(text, "rule %x", rule->action);
    for (size_t i = 0; i < rule->arg_count; i++)
        sc_buf_addf(text, " arg %u %d %" PRIx64 " %" PRIx64, rule->args[i].index, rule->args[i].op, rule->args[i].value,
                    rule->args[i].value_two);
    for (size_t i = 0; i < rule->names.count; i++) {
        sc_buf_addc(text, ' ');
        sc_buf_adds(text, rule->names.items[i]);
    }
    sc_buf_addc(text, '\n');
}

/* All that the result depends on. Two profiles with one text compile alike. */
static void
add_text(struct sc_buf *text, const struct sc_oci_seccomp *profile)
{
    const struct scmp_version *version = seccomp_version();

    sc_buf_addf(text, "sc %d libseccomp %u.%u.%u arch %x ", CACHE_VERSION, version->major, version->minor,
                version->micro, seccomp_arch_native());
    if (profile->is_sc_default) {
        sc_buf_addf(text, "default caps %" PRIx64 " i386 %d\n", profile->sc_default_caps, profile->sc_default_i386);
        return;
    }
    sc_buf_addf(text, "action %x flags %x\n", profile->default_action, profile->flags);
    for (size_t i = 0; i < profile->architectures.count; i++) {
        sc_buf_adds(text, profile->architectures.items[i]);
        sc_buf_addc(text, '\n');
    }
    for (size_t i = 0; i < profile->rule_count; i++)
        add_rule_text(text, &profile->rules[i]);
}

/* What lies in a directory that others can write to may be theirs. To search it, as with all of the engine's, is no
 * matter. */
static bool
is_private_dir(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() && (st.st_mode & 022) == 0;
}

static bool
read_whole(int fd, char *data, size_t len)
{
    size_t done = 0;

    while (done < len) {
        ssize_t n = read(fd, data + done, len - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        done += (size_t)n;
    }
    return true;
}

/* True when a sound entry for text was found. */
static bool
load_entry(int cache_fd, const char *name, const struct sc_buf *text, struct sc_arena *arena,
           struct sc_seccomp_filter *out)
{
    sc_cleanup_fd fd = openat(cache_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    const struct entry_head *head;
    struct stat st;
    struct sock_filter *insns;
    char *data;

    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_size > ENTRY_MAX ||
        st.st_size < (off_t)(sizeof(*head) + text->len))
        return false;
    data = sc_arena_alloc(arena, (size_t)st.st_size);
    if (data == NULL || !read_whole(fd, data, (size_t)st.st_size))
        return false;
    head = (const struct entry_head *)data;
    if (memcmp(head->magic, entry_magic, sizeof(entry_magic)) != 0 || head->text_len != text->len ||
        head->insn_count == 0 || head->insn_count > BPF_MAXINSNS ||
        (size_t)st.st_size != sizeof(*head) + pad8(text->len) + head->insn_count * sizeof(*insns) ||
        memcmp(data + sizeof(*head), text->data, text->len) != 0)
        return false;
    insns = (struct sock_filter *)(data + sizeof(*head) + pad8(text->len));
    if (hash64(insns, head->insn_count * sizeof(*insns)) != head->insn_sum)
        return false;
    *out = (struct sc_seccomp_filter){
        .insns = insns, .count = head->insn_count, .flags = head->flags, .needs_listener = head->needs_listener != 0};
    return true;
}

/* A cache that cannot be written (full, read-only) costs time only. */
static void
store_entry(int cache_fd, const char *name, const struct sc_buf *text, const struct sc_seccomp_filter *filter)
{
    static const char zeros[8] = {0};
    sc_cleanup_buf data = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    size_t size = filter->count * sizeof(*filter->insns);
    struct entry_head head = {.text_len = (uint32_t)text->len,
                              .insn_count = (uint32_t)filter->count,
                              .flags = filter->flags,
                              .needs_listener = filter->needs_listener,
                              .insn_sum = hash64(filter->insns, size)};

    memcpy(head.magic, entry_magic, sizeof(head.magic));
    sc_buf_add(&data, &head, sizeof(head));
    sc_buf_add(&data, text->data, text->len);
    sc_buf_add(&data, zeros, pad8(text->len) - text->len);
    sc_buf_add(&data, filter->insns, size);
    if (data.has_failed || data.len > ENTRY_MAX)
        return;
    if (sc_file_replace_at(cache_fd, name, data.data, data.len, 0600, SC_VOLATILE, &ignored) < 0)
        sc_err_clear(&ignored);
}

int
sc_seccomp_get(const struct sc_oci_seccomp *profile, int cache_fd, struct sc_arena *arena,
               struct sc_seccomp_filter *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    char name[32];

    if (cache_fd < 0 || !is_private_dir(cache_fd))
        return sc_seccomp_compile(profile, arena, out, err);
    add_text(&text, profile);
    if (sc_buf_check(&text, err) < 0)
        return -1;
    snprintf(name, sizeof(name), "%016" PRIx64 ".bpf", hash64(text.data, text.len));
    if (load_entry(cache_fd, name, &text, arena, out))
        return 0;
    if (sc_seccomp_compile(profile, arena, out, err) < 0)
        return -1;
    store_entry(cache_fd, name, &text, out);
    return 0;
}

int
sc_seccomp_load(const struct sc_seccomp_filter *filter)
{
    struct sock_fprog program = {.len = (unsigned short)filter->count, .filter = filter->insns};
    long rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program);

    return rc < 0 ? -errno : (int)rc;
}

bool
sc_seccomp_flag_is_supported(const char *name)
{
    uint32_t flag = sc_seccomp_flag_from_name(name);

    /* killable waiting is about a listener's, and refused without one */
    if (flag == SECCOMP_FLAG_WAIT_KILLABLE_RECV)
        flag |= SECCOMP_FILTER_FLAG_NEW_LISTENER;
    /* No program is given: a kernel that knows the flag gets as far as looking for it (EFAULT). */
    return flag != 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flag, NULL) < 0 && errno == EFAULT;
}

const char *
sc_seccomp_library_version(struct sc_arena *arena)
{
    const struct scmp_version *version = seccomp_version();

    return sc_arena_printf(arena, "%u.%u.%u", version->major, version->minor, version->micro);
}
