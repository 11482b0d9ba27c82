/* Elements of our nftables tables taken back: published ports, guards of links. musl-clean.
 *
 * All of a container's go in one transaction. The kernel frees what was deleted after a grace period of RCU, and
 * whoever closes a socket of nf_tables meanwhile waits for that, with nf_tables' lock held: the next container's start
 * would wait too, as long as all the rest of it takes. An element that ends by itself leaves nobody waiting, so ours
 * are told to (since Linux 6.12 an element that is there can be), and are deleted only where that does not work. Until
 * the next tick of the kernel's clock such an element is there still: who wants its key meanwhile tries again
 * (runtime/packet.c). */
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "kernel/nlmsg.h"

#define WORDS_MAX 5

struct element {
    bool is_port, is_due;
    const char *set;
    unsigned char key[SC_NFT_KEY_MAX], data[SC_NFT_KEY_MAX];
    size_t len, data_len;
    char *path; /* of a port: its lease */
    const char *owner, *name;
};

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Bytes of the key; 0: it is none. */
static size_t
from_hex(const char *text, unsigned char out[SC_NFT_KEY_MAX])
{
    size_t len = 0;

    for (; text[0] && len < SC_NFT_KEY_MAX; text += 2, len++) {
        int high = hex_digit(text[0]), low = hex_digit(text[1]);

        if (high < 0 || low < 0)
            return 0;
        out[len] = (unsigned char)(high << 4 | low);
    }
    return text[0] ? 0 : len;
}

/* "PATH OWNER SET KEY DATA" of a port, "SET KEY" of a guard. A guard's key begins with the link's name: it is nobody
 * else's.
 */
static int
parse(const struct sc_undo_element *element, struct element *out, struct sc_err *err)
{
    size_t count = element->is_port ? 5 : 2, key = element->is_port ? 3 : 1;
    char *words[WORDS_MAX];

    *out = (struct element){.is_port = element->is_port};
    if (!sc_undo_split(element->target, words, count) || (out->len = from_hex(words[key], out->key)) == 0 ||
        (element->is_port && (out->data_len = from_hex(words[count - 1], out->data)) == 0))
        return sc_err_set(err, SC_ERR_INVALID, "undo: \"%s\" does not begin %s", element->target,
                          element->is_port ? "a path, an owner, a map, a key and what it maps to" : "a set and a key");
    out->set = words[key - 1];
    if (element->is_port) {
        out->path = words[0];
        out->owner = words[1];
    }
    out->is_due = true;
    return 0;
}

static uint8_t
family_of(const struct element *element)
{
    return element->is_port ? NFPROTO_INET : NFPROTO_BRIDGE;
}

/* The kernel's answer to the question for an element: whether it ends. */
static void
see_timeout(const void *message, void *user)
{
    const struct nlmsghdr *head = message;
    const size_t skip = sizeof(struct nfgenmsg);
    const struct nlattr *list;

    if (head->nlmsg_len < NLMSG_LENGTH(skip))
        return;
    list = sc_nl_find((const char *)NLMSG_DATA(head) + skip, head->nlmsg_len - NLMSG_LENGTH(skip),
                      NFTA_SET_ELEM_LIST_ELEMENTS);
    *(bool *)user = sc_nl_find_in(sc_nl_find_in(list, NFTA_LIST_ELEM), NFTA_SET_ELEM_TIMEOUT) != NULL;
}

/* False: they are to be deleted. The set has no timeouts (another program made it), or the kernel took no notice: one
 * element says so for all. */
static bool
let_end(int *nft_sock, const struct element *elements, size_t count)
{
    sc_cleanup_buf batch = SC_BUF_INIT, question = SC_BUF_INIT;
    const struct element *last = NULL;
    bool ends = false;
    int result;

    sc_nl_batch_begin(&batch);
    for (size_t i = 0; i < count; i++) {
        const struct element *e = &elements[i];

        if (!e->is_due)
            continue;
        sc_nft_lease(&batch, family_of(e), true, e->set, e->key, e->len, e->data, e->data_len);
        last = e;
    }
    sc_nl_batch_end(&batch);
    if (!last || batch.has_failed)
        return !last;
    if (sc_nl_send_on(nft_sock, NETLINK_NETFILTER, batch.data, batch.len, 0) < 0)
        return false;
    sc_nft_get_element(&question, family_of(last), last->set, last->key, last->len);
    if (question.has_failed)
        return false;
    result = sc_nl_dump_on(nft_sock, NETLINK_NETFILTER, question.data, question.len, see_timeout, &ends);
    return ends || result == -ENOENT; /* it has ended */
}

static void
add(const struct element *element, struct sc_buf *batch)
{
    sc_nft_element(batch, family_of(element), false, element->set, element->key, element->len, NULL, 0);
}

/* ENOENT: another program has flushed our table, or the start did not come so far. Of many elements one may be
 * missing, and then none of the transaction was removed. */
static int
withdraw(int *nft_sock, const struct element *elements, size_t count, struct sc_err *err)
{
    sc_cleanup_buf batch = SC_BUF_INIT;
    size_t due = 0;
    int result;

    sc_nl_batch_begin(&batch);
    for (size_t i = 0; i < count; i++) {
        if (elements[i].is_due)
            add(&elements[i], &batch);
        due += elements[i].is_due;
    }
    sc_nl_batch_end(&batch);
    if (due == 0)
        return 0;
    if (sc_buf_check(&batch, err) < 0)
        return -1;
    result = sc_nl_send_on(nft_sock, NETLINK_NETFILTER, batch.data, batch.len, due == 1 ? ENOENT : 0);
    if (result == -ENOENT && due > 1) {
        for (size_t i = 0; i < count; i++) {
            if (withdraw(nft_sock, &elements[i], 1, err) < 0)
                return -1;
        }
        return 0;
    }
    return result < 0 ? sc_err_errno(err, -result, "remove elements of nftables' tables sc") : 0;
}

/* Elements go before their leases, so that who takes a lease next finds its key free, or soon free. All leases are of
 * one directory.
 */
static int
remove_all(int *nft_sock, struct element *elements, size_t count, struct sc_err *err)
{
    sc_cleanup_fd dir = -1;
    int result;

    for (size_t i = 0; i < count; i++) {
        struct element *e = &elements[i];

        if (!e->is_port || !e->is_due)
            continue;
        if (dir < 0)
            dir = sc_lease_lock(e->path, &e->name);
        else
            e->name = strrchr(e->path, '/') + 1;
        e->is_due = dir >= 0 && sc_lease_is_owned(dir, e->name, e->owner);
    }
    result = let_end(nft_sock, elements, count) ? 0 : withdraw(nft_sock, elements, count, err);
    for (size_t i = 0; i < count && result == 0; i++) {
        const struct element *e = &elements[i];

        if (e->is_port && e->is_due && unlinkat(dir, e->name, 0) < 0 && errno != ENOENT)
            result = sc_err_errno(err, errno, "release port \"%s\"", e->name);
    }
    return result;
}

/* How much of the path of a lease is its directory. */
static size_t
dir_len(const struct element *element)
{
    return (size_t)(strrchr(element->path, '/') - element->path);
}

int
sc_undo_elements(int *nft_sock, const struct sc_undo_element *elements, size_t count, struct sc_err *err)
{
    sc_cleanup_free struct element *all = calloc(count, sizeof(*all));
    const struct element *first = NULL;
    struct sc_err later = SC_ERR_INIT;
    int result = 0;
    size_t from = 0;

    if (!all)
        return sc_err_nomem(err);
    for (size_t i = 0; i < count; i++) {
        if (parse(&elements[i], &all[i], result == 0 ? err : &later) < 0)
            result = -1;
        sc_err_clear(&later);
        if (!all[i].path)
            continue;
        if (first && (dir_len(first) != dir_len(&all[i]) || memcmp(first->path, all[i].path, dir_len(first)) != 0)) {
            if (remove_all(nft_sock, all + from, i - from, result == 0 ? err : &later) < 0)
                result = -1;
            from = i;
        }
        first = &all[i];
    }
    if (remove_all(nft_sock, all + from, count - from, result == 0 ? err : &later) < 0)
        result = -1;
    return result;
}
