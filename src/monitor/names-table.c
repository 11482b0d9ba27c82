/* Neighbours' names, read from the leases (net.h) each time: who has just come is there, who has left is not.
 *
 *     NETWORK/ADDRESS  -> "<id>/INDEX/MAC/NAME NAME.."   a container that has ended has no names any more
 *     NETWORK/.internal                                  nothing outside is reached from there
 *
 * A container whose monitor was killed has leases until a command finds it; nobody holds its lock any more. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/file.h>
#include <unistd.h>

#include "monitor/names.h"

#define TARGET_MAX 2048
#define DEFAULT    "sc0" /* has no names, as Docker's bridge */
#define INTERNAL   ".internal"

struct look {
    int containers; /* the directory of their locks; -1: all are taken to live */
    const char *id, *name;
    const unsigned char *reverse;
    size_t reverse_len;
    struct sc_names_found *out;
    /* of the network that is being read */
    const char *network;
    bool is_own, is_internal, hides;
    char found[SC_DNS_NAME_MAX];
};

/* The names of a lease; NULL: it is none. */
static char *
names_of(char *target)
{
    char *at = target;

    for (int i = 0; i < 3 && at; i++) {
        at = strchr(at, '/');
        at = at ? at + 1 : NULL;
    }
    return at;
}

enum called { NOT_CALLED, CALLED, CALLED_OF_NETWORK };

/* "web", and "web.front" on network front */
static enum called
is_called(const struct look *look, const char *name, size_t len)
{
    const char *rest = look->name + len;

    if (strlen(look->name) < len || strncasecmp(look->name, name, len) != 0)
        return NOT_CALLED;
    if (*rest == '\0')
        return CALLED;
    return *rest == '.' && strcasecmp(rest + 1, look->network) == 0 ? CALLED_OF_NETWORK : NOT_CALLED;
}

static enum called
has_name(const struct look *look, const char *names)
{
    while (*names) {
        size_t len = strcspn(names, " ");
        enum called result = len > 0 ? is_called(look, names, len) : NOT_CALLED;

        if (result != NOT_CALLED)
            return result;
        names += len + (names[len] == ' ');
    }
    return NOT_CALLED;
}

/* What PTR says of it: "web.front" */
static void
name_it(struct look *look, const char *names)
{
    size_t len = strcspn(names, " "), rest = strlen(look->network);

    if (len == 0 || len + 1 + rest >= sizeof(look->found))
        return;
    memcpy(look->found, names, len);
    look->found[len] = '.';
    memcpy(look->found + len + 1, look->network, rest + 1);
}

/* Whose lease it is. Only of names that are asked for: it is three system calls. */
static bool
is_alive(const struct look *look, const char *target)
{
    char path[SC_ID_LEN + sizeof("/lock")];
    sc_cleanup_fd fd = -1;

    if (look->containers < 0)
        return true;
    (void)snprintf(path, sizeof(path), "%.*s/lock", SC_ID_LEN, target);
    fd = openat(look->containers, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0)
        return errno != ENOENT;
    return flock(fd, LOCK_SH | LOCK_NB) < 0;
}

static void
read_lease(struct look *look, const char *text, char *target)
{
    struct sc_names_address address = {.len = strchr(text, ':') ? 16 : 4};
    const char *names = names_of(target);
    enum called called;

    if (!names || inet_pton(address.len == 16 ? AF_INET6 : AF_INET, text, address.bytes) != 1)
        return;
    look->is_own = look->is_own || (strncmp(target, look->id, SC_ID_LEN) == 0 && target[SC_ID_LEN] == '/');
    if (look->reverse_len > 0) {
        if (address.len == look->reverse_len && memcmp(address.bytes, look->reverse, address.len) == 0 &&
            is_alive(look, target))
            name_it(look, names);
        return;
    }
    called = *look->name ? has_name(look, names) : NOT_CALLED;
    if (called == NOT_CALLED || !is_alive(look, target))
        return;
    /* A name with a dot may be a real one elsewhere, which a container of another network must not take away. */
    look->hides = look->hides || called == CALLED_OF_NETWORK || !strchr(look->name, '.');
    if (look->out->count < SC_NAMES_FOUND_MAX)
        look->out->items[look->out->count++] = address;
}

static void
read_network(struct look *look, int leases)
{
    int fd = openat(leases, look->network, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    size_t before = look->out->count;
    const struct dirent *item;

    look->is_own = look->is_internal = look->hides = false;
    look->found[0] = '\0';
    if (!dir) {
        sc_closep(&fd);
        return;
    }
    while ((item = readdir(dir)) != NULL) {
        char target[TARGET_MAX];
        ssize_t len = readlinkat(fd, item->d_name, target, sizeof(target) - 1);

        look->is_internal = look->is_internal || strcmp(item->d_name, INTERNAL) == 0;
        if (len < SC_ID_LEN)
            continue;
        target[len] = '\0';
        read_lease(look, item->d_name, target);
    }
    (void)closedir(dir);
    if (look->is_own && !look->is_internal)
        look->out->has_way_out = true;
    if (look->is_own && strcmp(look->network, DEFAULT) != 0) {
        if (look->found[0])
            memcpy(look->out->name, look->found, sizeof(look->found));
        return;
    }
    look->out->is_hidden = look->out->is_hidden || look->hides;
    look->out->count = before;
}

void
sc_names_look(int leases, int containers, const char *id, const char *name, const unsigned char *reverse, size_t len,
              struct sc_names_found *out)
{
    struct look look = {
        .containers = containers, .id = id, .name = name, .reverse = reverse, .reverse_len = len, .out = out};
    int copy = openat(leases, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    const struct dirent *item;

    out->count = 0;
    out->name[0] = '\0';
    out->is_hidden = out->has_way_out = false;
    if (!dir) {
        sc_closep(&copy);
        return;
    }
    while ((item = readdir(dir)) != NULL) {
        look.network = item->d_name;
        if (item->d_name[0] != '.')
            read_network(&look, leases);
    }
    (void)closedir(dir);
    out->is_hidden = out->is_hidden && out->count == 0;
}
