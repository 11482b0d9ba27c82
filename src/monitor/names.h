/*
 * sc-names: answers a container's questions about names, as Docker does on 127.0.0.11. A container on a network that a
 * user has made has two sockets of its own for them, in its own network namespace:
 *
 *     program ─127.0.0.11:53──► rules (net/names.c) ──► sockets on SC_NAMES_PORT ◄── sc-monitor, until a question comes
 *                                                             │                          │ starts, waits for its end
 *                                                             └──────► sc-names ◄────────┘
 *                                           leases of networks ─────────┘   └──► the host's name servers, or --dns
 *
 * The sockets are made before the container's program runs; a question waits in them. sc-monitor reads none: at the
 * first it starts sc-names, which takes what is there and ends when nobody has asked for a while. So an idle container
 * has no such process, one that was killed is there again with the next question, and none outlives its monitor.
 *
 * No port of the host is used, no rule of the host's firewall is in the way, and nobody but the container can ask. What
 * is not a name of a neighbour is asked of the host's servers from the host's network namespace, so that one on the
 * host's own loopback serves too.
 *
 *   names-message.c  questions and answers as bytes (RFC 1035, 6891). Pure.
 *   names-leases.c   the leases as they are now, in memory
 *   names-table.c    names and addresses of neighbours, from these
 *   names-servers.c  who is asked all else: --dns, or the host's resolv.conf
 *   names-answer.c   what becomes of a question
 *   names-udp.c, names-tcp.c   questions on their way
 *   names-main.c     the program: its walls, and its loop
 *   names-watch.c    sc-monitor's part
 *
 * Invariants: every byte from a socket is a stranger's. The process has no capability, no file system but the
 * directory of leases, read-only, and only the system calls that it needs (kernel/jail.h). It knows the leases of all
 * networks, and tells of those that its container is on.
 */
#ifndef SC_MONITOR_NAMES_H
#define SC_MONITOR_NAMES_H

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <time.h>

#include "base/base.h"

/* ---- names-message.c */
#define SC_DNS_NAME_MAX    256 /* a name as text, with its NUL */
#define SC_DNS_PLAIN_MAX   512 /* bytes of an answer over UDP to who does not say that it takes more */
#define SC_DNS_MESSAGE_MAX 65535

enum { SC_DNS_A = 1, SC_DNS_PTR = 12, SC_DNS_AAAA = 28, SC_DNS_OPT = 41 };
enum { SC_DNS_NOERROR = 0, SC_DNS_FORMERR = 1, SC_DNS_SERVFAIL = 2, SC_DNS_NXDOMAIN = 3, SC_DNS_NOTIMP = 4 };
enum sc_dns_kind { SC_DNS_ASKS, SC_DNS_IS_BAD, SC_DNS_IS_NONE };

struct sc_dns_question {
    char name[SC_DNS_NAME_MAX]; /* in small letters, without a last dot; "" where it has bytes that no name of ours has
                                 */
    uint16_t type, class;
    size_t end;        /* of the question, in the message */
    size_t answer_max; /* bytes that whoever asks takes over UDP */
    bool has_edns;
    int rcode; /* IS_BAD: what is wrong with it */
};
/* IS_NONE: nothing that is to be answered. IS_BAD: `end` is where the header ends, or the question, if that can be
 * read. */
enum sc_dns_kind sc_dns_parse(const unsigned char *data, size_t len, struct sc_dns_question *out);
/* The address that a name of in-addr.arpa or ip6.arpa stands for: its bytes, 4 or 16; 0: none. */
size_t sc_dns_reverse(const char *name, unsigned char out[16]);
/* Whether it answers the question that was sent with this id. */
bool sc_dns_answers(const unsigned char *reply, size_t len, const unsigned char *query, size_t question_end,
                    uint16_t id);
uint16_t sc_dns_id(const unsigned char *message);
void sc_dns_set_id(unsigned char *message, uint16_t id);
int sc_dns_rcode(const unsigned char *message);

/* An answer of ours, made in data[size]. What does not fit is left out, and the answer says so. */
struct sc_dns_answer {
    unsigned char *data;
    size_t len, size;
    unsigned count;
    bool is_cut;
};
void sc_dns_answer_begin(struct sc_dns_answer *answer, const unsigned char *query,
                         const struct sc_dns_question *question, int rcode);
void sc_dns_answer_address(struct sc_dns_answer *answer, const unsigned char *bytes, size_t len);
void sc_dns_answer_name(struct sc_dns_answer *answer, const char *name);
void sc_dns_answer_end(struct sc_dns_answer *answer, const struct sc_dns_question *question);

/* ---- names-leases.c */
struct sc_names_read { /* a directory, when it was read */
    ino_t inode;
    struct timespec changed;
    bool is_settled; /* a change since then has given it another time */
};
struct sc_names_network {
    char name[256]; /* NAME_MAX and its NUL */
    struct sc_names_read read;
    bool is_there, is_internal;
    struct sc_buf leases; /* "ADDRESS\0TARGET\0".. */
    struct sc_names_network *next;
};
struct sc_names_table {
    struct sc_names_network *networks;
    struct sc_names_read read;
};
/* As they are now; the table's, until it is asked again. */
const struct sc_names_network *sc_names_networks(struct sc_names_table *table, int leases);
void sc_names_table_release(struct sc_names_table *table);

/* ---- names-table.c */
#define SC_NAMES_FOUND_MAX 512
struct sc_names_address {
    unsigned char len, bytes[16];
};
struct sc_names_found {
    size_t count;
    struct sc_names_address items[SC_NAMES_FOUND_MAX];
    char name[SC_DNS_NAME_MAX]; /* of the address that was asked about; "": none */
    bool is_hidden;             /* the name is one of other networks only */
    bool has_way_out;           /* a network of the container's leads outside */
};
/* What name, or (reverse) the address of len bytes, is to the container id. leases: the directory of all networks';
 * containers: that of all containers' locks, or -1. */
void sc_names_look(struct sc_names_table *table, int leases, int containers, const char *id, const char *name,
                   const unsigned char *reverse, size_t len, struct sc_names_found *out);

/* ---- names-servers.c */
#define SC_NAMES_SERVERS_MAX 3
struct sc_names_server {
    struct sockaddr_storage address;
    socklen_t len;
};
struct sc_names_servers {
    struct sc_names_server items[SC_NAMES_SERVERS_MAX];
    size_t count;
};
/* One more, "10.0.0.1" or "fe80::1%eth0"; false: it is no address, or there is no room. */
bool sc_names_server_add(const char *text, struct sc_names_servers *out);
void sc_names_servers_read(const char *resolv_conf, struct sc_names_servers *out);

/* ---- the program */
#define SC_NAMES_ANSWER_MAX 16384 /* bytes of an answer of ours */
#define SC_NAMES_TRY_MS     2000  /* that a server has */
#define SC_NAMES_UDP_MAX    64    /* questions that are asked of servers at once */
#define SC_NAMES_TCP_MAX    16

struct sc_names_udp { /* one that is asked of a server */
    int fd;           /* connected to it; -1: the slot is free */
    struct sockaddr_in client;
    uint16_t client_id;
    unsigned char *query; /* with the id that the server is told */
    size_t len, question_end, tries;
    int64_t deadline; /* CLOCK_MONOTONIC ns */
};

enum sc_names_state { SC_NAMES_READS, SC_NAMES_SENDS, SC_NAMES_WAITS, SC_NAMES_WRITES };
struct sc_names_tcp {
    int fd, server_fd; /* -1: free; none */
    enum sc_names_state state;
    unsigned char head[2];        /* the length of what is read */
    unsigned char *query, *reply; /* behind two bytes of their lengths */
    size_t query_len, reply_len, at, question_end, tries;
    uint16_t client_id;
    int64_t deadline;
};

struct sc_names {
    int udp_fd, tcp_fd, leases, containers;
    const char *id;
    struct sc_names_servers servers;
    unsigned turn; /* which of several addresses is told first */
    struct sc_names_udp udp[SC_NAMES_UDP_MAX];
    struct sc_names_tcp tcp[SC_NAMES_TCP_MAX];
    struct sc_names_table table;
    struct sc_names_found found;
    unsigned char room[SC_DNS_MESSAGE_MAX + 1];
};

/* names-answer.c: what becomes of a question: an answer of ours, in out of SC_NAMES_ANSWER_MAX bytes; or it is to be
 * asked of a server. question_end is then where the question ends. */
enum sc_names_fate { SC_NAMES_DROP, SC_NAMES_ANSWER, SC_NAMES_ASK };
enum sc_names_fate sc_names_decide(struct sc_names *names, const unsigned char *query, size_t len, bool is_udp,
                                   unsigned char *out, size_t *out_len, size_t *question_end);
/* The same question's answer where no server has one. */
size_t sc_names_refuse(const unsigned char *query, size_t len, unsigned char *out);
/* How often servers are asked in all: each once, but one alone twice. */
size_t sc_names_tries(const struct sc_names *names);
/* A socket of this type that connects to the server of this try, or -1. */
int sc_names_connect(const struct sc_names *names, size_t try, int type);
/* An id that nobody guesses. */
uint16_t sc_names_random_id(void);

/* names-udp.c */
void sc_names_udp_take(struct sc_names *names, int64_t now);
void sc_names_udp_event(struct sc_names *names, struct sc_names_udp *udp, int64_t now);
void sc_names_udp_expire(struct sc_names *names, int64_t now);

/* names-tcp.c */
void sc_names_tcp_take(struct sc_names *names, int64_t now);
/* What it waits for: its descriptor and poll(2)'s events. */
int sc_names_tcp_wait(const struct sc_names_tcp *tcp, short *events);
void sc_names_tcp_event(struct sc_names *names, struct sc_names_tcp *tcp, int64_t now);
void sc_names_tcp_expire(struct sc_names *names, int64_t now);

#endif
