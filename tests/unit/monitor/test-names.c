/* Names: messages as bytes, neighbours from leases, servers from resolv.conf. */
#include "test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "monitor/names.h"

#define ID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define ID_B "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
#define ID_C "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"

/* A question of this header for this name, whose dots are lengths already; type A, class IN. */
static size_t
ask(unsigned char *out, const char *counts, const char *name, const char *rest, size_t rest_len)
{
    size_t len = strlen(name) + 1;

    memcpy(out, "\x12\x34\x01\x00", 4);
    memcpy(out + 4, counts, 8);
    memcpy(out + 12, name, len);
    memcpy(out + 12 + len, "\0\x01\0\x01", 4);
    memcpy(out + 16 + len, rest, rest_len);
    return 16 + len + rest_len;
}

#define ONE "\0\x01\0\0\0\0\0\0"
#define OPT "\0\0\x29\x10\0\0\0\0\0\0\0"

static void
test_questions(void **state)
{
    unsigned char q[600];
    struct sc_dns_question question;
    size_t len = ask(q, ONE,
                     "\x03WEB\x05"
                     "front",
                     "", 0);

    (void)state;
    assert_int_equal(sc_dns_parse(q, len, &question), SC_DNS_ASKS);
    assert_string_equal(question.name, "web.front");
    assert_int_equal(question.type, SC_DNS_A);
    assert_int_equal(question.end, len);
    assert_int_equal(question.answer_max, 512);
    assert_false(question.has_edns);
    for (size_t i = 0; i < len; i++) { /* each part of it is none, and none is read beyond */
        unsigned char *part = malloc(i ? i : 1);

        memcpy(part, q, i);
        assert_int_equal(sc_dns_parse(part, i, &question), i < 12 ? SC_DNS_IS_NONE : SC_DNS_IS_BAD);
        free(part);
    }
    len = ask(q, "\0\x01\0\0\0\0\0\x01", "\x03web", OPT, sizeof(OPT) - 1);
    assert_int_equal(sc_dns_parse(q, len, &question), SC_DNS_ASKS);
    assert_true(question.has_edns);
    assert_int_equal(question.answer_max, 4096);
    /* twice is once too often */
    len = ask(q, "\0\x01\0\0\0\0\0\x02", "\x03web", OPT OPT, 2 * (sizeof(OPT) - 1));
    assert_int_equal(sc_dns_parse(q, len, &question), SC_DNS_IS_BAD);
    assert_int_equal(question.rcode, SC_DNS_FORMERR);
    /* more records than there are */
    len = ask(q, "\0\x01\0\0\0\0\xff\xff", "\x03web", OPT, sizeof(OPT) - 1);
    assert_int_equal(sc_dns_parse(q, len, &question), SC_DNS_IS_BAD);
    /* a pointer where a name begins; two questions; another operation; an answer; a byte that no name has */
    len = ask(q, ONE, "\xc0\x0c", "", 0);
    assert_int_equal(sc_dns_parse(q, len, &question), SC_DNS_IS_BAD);
    len = ask(q, "\0\x02\0\0\0\0\0\0", "\x03web", "", 0);
    assert_int_equal(sc_dns_parse(q, len, &question), SC_DNS_IS_BAD);
    len = ask(q, ONE, "\x03web", "", 0);
    q[2] = 0x20;
    assert_int_equal(sc_dns_parse(q, len, &question), SC_DNS_IS_BAD);
    assert_int_equal(question.rcode, SC_DNS_NOTIMP);
    q[2] = 0x81;
    assert_int_equal(sc_dns_parse(q, len, &question), SC_DNS_IS_NONE);
    len = ask(q, ONE, "\x05we b/", "", 0);
    assert_int_equal(sc_dns_parse(q, len, &question), SC_DNS_ASKS);
    assert_string_equal(question.name, "");
}

static void
test_reverse(void **state)
{
    static const char v6[] = "2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.1.7.0.0.f.e.d.c.ip6.arpa";
    static const char *const none[] = {"1.0.0.10.ip6.arpa",       "0.0.10.in-addr.arpa", "256.0.0.10.in-addr.arpa",
                                       "1.2.0.0.10.in-addr.arpa", ".in-addr.arpa",       "in-addr.arpa",
                                       "1..0.10.in-addr.arpa",    "1.0.0.10.",           "0001.0.0.10.in-addr.arpa",
                                       "x.0.0.0.0.0.0.0.ip6.arpa"};
    unsigned char out[16];
    char text[INET6_ADDRSTRLEN];

    (void)state;
    assert_int_equal(sc_dns_reverse("2.0.17.172.in-addr.arpa", out), 4);
    assert_memory_equal(out, "\xac\x11\0\x02", 4);
    assert_int_equal(sc_dns_reverse(v6, out), 16);
    assert_string_equal(inet_ntop(AF_INET6, out, text, sizeof(text)), "cdef:71::2");
    for (size_t i = 0; i < SC_ARRAY_LEN(none); i++)
        assert_int_equal(sc_dns_reverse(none[i], out), 0);
}

static void
test_answers(void **state)
{
    unsigned char q[64], out[SC_DNS_PLAIN_MAX];
    struct sc_dns_answer answer = {.data = out, .size = sizeof(out)};
    struct sc_dns_question question;
    size_t len = ask(q, "\0\x01\0\0\0\0\0\x01", "\x03web", OPT, sizeof(OPT) - 1);

    (void)state;
    assert_int_equal(sc_dns_parse(q, len, &question), SC_DNS_ASKS);
    sc_dns_answer_begin(&answer, q, &question, SC_DNS_NOERROR);
    sc_dns_answer_address(&answer, (const unsigned char *)"\x0a\0\0\x02", 4);
    sc_dns_answer_end(&answer, &question);
    /* an answer with authority, recursion asked for and had; one question, one record, EDNS */
    assert_memory_equal(out, "\x12\x34\x85\x80\0\x01\0\x01\0\0\0\x01", 12);
    assert_memory_equal(out + question.end,
                        "\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x0a\0\0\x02"
                        "\0\0\x29\x04\xd0",
                        21);
    assert_int_equal(answer.len, question.end + 16 + 11);
    assert_true(sc_dns_answers(out, answer.len, q, question.end, 0x1234));
    assert_false(sc_dns_answers(out, answer.len, q, question.end, 0x1235));
    assert_false(sc_dns_answers(q, len, q, question.end, 0x1234));
    assert_false(sc_dns_answers(out, question.end - 1, q, question.end, 0x1234));
    out[13] ^= 1;
    assert_false(sc_dns_answers(out, answer.len, q, question.end, 0x1234));
    /* as many as there is room for */
    sc_dns_answer_begin(&answer, q, &question, SC_DNS_NOERROR);
    for (int i = 0; i < 100; i++)
        sc_dns_answer_address(&answer, (const unsigned char *)"\x0a\0\0\x02", 4);
    sc_dns_answer_end(&answer, &question);
    assert_true(answer.len <= sizeof(out) && answer.len > sizeof(out) - 16);
    assert_int_equal(out[2] & 2, 2);
    assert_int_equal(out[7], answer.count);
    sc_dns_answer_begin(&answer, q, &question, SC_DNS_NOERROR);
    sc_dns_answer_name(&answer, "web.front");
    sc_dns_answer_end(&answer, &question);
    assert_memory_equal(out + question.end + 10,
                        "\0\x0b\x03web\x05"
                        "front",
                        13);
}

static void
lease(int net, const char *address, const char *id, const char *names)
{
    char target[256];

    (void)snprintf(target, sizeof(target), "%s/0//%s", id, names);
    assert_int_equal(symlinkat(target, net, address), 0);
}

static struct sc_names_table table;

/* The addresses found, in the order of their text. */
static const char *
look(int leases, const char *id, const char *name, struct sc_names_found *found)
{
    static struct sc_buf text;
    char list[8][INET6_ADDRSTRLEN];

    sc_names_look(&table, leases, -1, id, name, NULL, 0, found);
    assert_true(found->count <= 8);
    for (size_t i = 0; i < found->count; i++)
        (void)inet_ntop(found->items[i].len == 4 ? AF_INET : AF_INET6, found->items[i].bytes, list[i], sizeof(list[i]));
    qsort(list, found->count, sizeof(list[0]), (int (*)(const void *, const void *))strcmp);
    sc_buf_clear(&text);
    for (size_t i = 0; i < found->count; i++)
        sc_buf_addf(&text, "%s%s", i ? " " : "", list[i]);
    return sc_buf_str(&text);
}

static void
test_table(void **state)
{
    static struct sc_names_found f;
    char path[] = "/tmp/sc-test-names.XXXXXX";
    int leases, held, nets[4];
    static const char *const names[] = {"front", "back", "sc0", "in"};
    struct sc_err err = SC_ERR_INIT;

    (void)state;
    assert_non_null(mkdtemp(path));
    leases = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        assert_int_equal(mkdirat(leases, names[i], 0700), 0);
        nets[i] = openat(leases, names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    lease(nets[0], "10.0.0.2", ID_A, "web db aaaaaaaaaaaa");
    lease(nets[0], "fd00::2", ID_A, "web db aaaaaaaaaaaa");
    lease(nets[0], "10.0.0.3", ID_B, "db2 db");
    lease(nets[1], "10.0.1.3", ID_C, "hidden real.example");
    lease(nets[2], "172.17.0.2", ID_C, "hidden");
    lease(nets[3], "10.0.3.2", ID_C, "hidden");
    assert_int_equal(close(openat(nets[3], ".internal", O_WRONLY | O_CREAT, 0600)), 0);
    assert_string_equal(look(leases, ID_A, "db", &f), "10.0.0.2 10.0.0.3 fd00::2");
    assert_true(f.has_way_out);
    assert_string_equal(look(leases, ID_B, "WEB.Front", &f), "10.0.0.2 fd00::2");
    assert_string_equal(look(leases, ID_B, "aaaaaaaaaaaa", &f), "10.0.0.2 fd00::2");
    assert_string_equal(look(leases, ID_B, "we", &f), "");
    assert_false(f.is_hidden);
    assert_string_equal(look(leases, ID_B, "web.back", &f), "");
    assert_false(f.is_hidden);
    assert_string_equal(look(leases, ID_B, "hidden", &f), "");
    assert_true(f.is_hidden);
    assert_string_equal(look(leases, ID_B, "hidden.back", &f), "");
    assert_true(f.is_hidden);
    /* a name that may be real elsewhere is not taken away by a container of another network */
    assert_string_equal(look(leases, ID_B, "real.example", &f), "");
    assert_false(f.is_hidden);
    /* the default network has no names, but a way out */
    assert_string_equal(look(leases, ID_C, "hidden", &f), "10.0.1.3 10.0.3.2");
    assert_string_equal(look(leases, ID_C, "", &f), "");
    assert_int_equal(unlinkat(nets[1], "10.0.1.3", 0) + unlinkat(nets[2], "172.17.0.2", 0), 0);
    assert_string_equal(look(leases, ID_C, "hidden", &f), "10.0.3.2");
    assert_false(f.has_way_out);
    /* back from an address */
    sc_names_look(&table, leases, -1, ID_B, "2.0.0.10.in-addr.arpa", (const unsigned char *)"\x0a\0\0\x02", 4, &f);
    assert_string_equal(f.name, "web.front");
    sc_names_look(&table, leases, -1, ID_C, "2.0.0.10.in-addr.arpa", (const unsigned char *)"\x0a\0\0\x02", 4, &f);
    assert_string_equal(f.name, "");
    /* whose names are withdrawn is not there */
    assert_int_equal(unlinkat(nets[0], "10.0.0.3", 0), 0);
    lease(nets[0], "10.0.0.3", ID_B, "");
    assert_string_equal(look(leases, ID_A, "db", &f), "10.0.0.2 fd00::2");
    /* nobody holds the lock of B, and C has none */
    lease(nets[0], "10.0.0.4", ID_B, "dead live");
    lease(nets[0], "10.0.0.5", ID_C, "dead");
    lease(nets[0], "10.0.0.6", ID_A, "live");
    assert_int_equal(mkdirat(leases, ID_A, 0700) + mkdirat(leases, ID_B, 0700), 0);
    assert_int_equal(close(openat(leases, ID_B "/lock", O_WRONLY | O_CREAT, 0600)), 0);
    held = openat(leases, ID_A "/lock", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(held, LOCK_EX), 0);
    sc_names_look(&table, leases, leases, ID_A, "dead", NULL, 0, &f);
    assert_int_equal(f.count, 0);
    sc_names_look(&table, leases, leases, ID_A, "live", NULL, 0, &f);
    assert_int_equal(f.count, 1);
    sc_names_look(&table, leases, leases, ID_A, "", (const unsigned char *)"\x0a\0\0\x04", 4, &f);
    assert_string_equal(f.name, "");
    close(held);
    for (size_t i = 0; i < SC_ARRAY_LEN(nets); i++)
        close(nets[i]);
    close(leases);
    assert_ok(sc_tree_remove_at(AT_FDCWD, path, &err));
}

/* The directory was last changed then, as if nothing had happened since. */
static void
set_changed(int dir, time_t seconds)
{
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = seconds}};

    assert_int_equal(futimens(dir, times), 0);
}

static void
test_memory(void **state)
{
    static struct sc_names_found f;
    char path[] = "/tmp/sc-test-names.XXXXXX", name[16], address[16];
    struct sc_err err = SC_ERR_INIT;
    int leases, net;

    (void)state;
    sc_names_table_release(&table);
    assert_non_null(mkdtemp(path));
    leases = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(mkdirat(leases, "front", 0700), 0);
    net = openat(leases, "front", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    lease(net, "10.0.0.2", ID_A, "web");
    /* changes that follow one another sooner than the clock of directories goes on: each is seen at once */
    for (int i = 3; i < 250; i++) {
        (void)snprintf(address, sizeof(address), "10.0.0.%d", i);
        (void)snprintf(name, sizeof(name), "c%d", i);
        assert_string_equal(look(leases, ID_A, name, &f), "");
        lease(net, address, ID_B, name);
        assert_string_equal(look(leases, ID_A, name, &f), address);
        if (i % 2 == 0)
            continue;
        lease(net, ".new", ID_B, "");
        assert_int_equal(renameat(net, ".new", net, address), 0);
        assert_string_equal(look(leases, ID_A, name, &f), "");
        assert_int_equal(unlinkat(net, address, 0), 0);
    }
    /* what was changed long ago is not read again.. */
    set_changed(net, 1000);
    set_changed(leases, 1000);
    assert_string_equal(look(leases, ID_A, "c4", &f), "10.0.0.4");
    assert_int_equal(unlinkat(net, "10.0.0.4", 0), 0);
    assert_int_equal(mkdirat(leases, "back", 0700), 0);
    set_changed(net, 1000);
    set_changed(leases, 1000);
    assert_string_equal(look(leases, ID_A, "c4", &f), "10.0.0.4");
    assert_ptr_equal(table.networks->next, NULL);
    /* ..but as soon as its time is another */
    set_changed(net, 1001);
    assert_string_equal(look(leases, ID_A, "c4", &f), "");
    assert_string_equal(look(leases, ID_A, "c6", &f), "10.0.0.6");
    set_changed(leases, 1001);
    assert_string_equal(look(leases, ID_A, "c6", &f), "10.0.0.6");
    assert_non_null(table.networks->next);
    assert_ok(sc_tree_remove_at(leases, "front", &err));
    assert_string_equal(look(leases, ID_A, "c6", &f), "");
    close(net);
    close(leases);
    assert_ok(sc_tree_remove_at(AT_FDCWD, path, &err));
    sc_names_table_release(&table);
}

static void
test_servers(void **state)
{
    struct sc_names_servers servers = {.count = 0};
    const struct sockaddr_in *v4 = (const void *)&servers.items[0].address;
    const struct sockaddr_in6 *v6 = (const void *)&servers.items[1].address;

    (void)state;
    sc_names_servers_read(
        "# nameserver 1.1.1.1\nsearch x\nnameserver\nnameserver 127.0.0.53 # stub\nnameservers 2.2.2.2\n"
        "nameserver\tfd00::1\nnameserver nonsense\nnameserver 10.0.0.1\nnameserver 10.0.0.2",
        &servers);
    assert_int_equal(servers.count, 3);
    assert_int_equal(v4->sin_port, htons(53));
    assert_int_equal(v4->sin_addr.s_addr, inet_addr("127.0.0.53"));
    assert_int_equal(v6->sin6_addr.s6_addr[15], 1);
    assert_false(sc_names_server_add("10.0.0.3", &servers));
    servers.count = 0;
    assert_true(sc_names_server_add("fe80::1%lo", &servers));
    assert_int_equal(((const struct sockaddr_in6 *)&servers.items[0].address)->sin6_scope_id, 1);
    assert_false(sc_names_server_add("10.0.0.1%lo", &servers));
    assert_false(sc_names_server_add("", &servers));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_questions), cmocka_unit_test(test_reverse),
                                       cmocka_unit_test(test_answers),   cmocka_unit_test(test_table),
                                       cmocka_unit_test(test_memory),    cmocka_unit_test(test_servers)};

    return RUN_TESTS(tests);
}
