/* The leases of all networks as they are now, from memory: a question costs a look at the time of each directory's last
 * change, not a system call for each lease. A change of a lease or its names is one of its directory (symlink, unlink,
 * rename).
 *
 * The kernel's time goes in ticks: a directory that was changed just now may be changed again without another time.
 * What was read so soon after a change serves for one question only. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "monitor/names.h"

#define TARGET_MAX 2048
#define INTERNAL   ".internal"
#define SETTLED_NS INT64_C(50000000) /* some ticks of the slowest clock, 100 a second */

/* Whether what was read then still holds. */
static bool
holds(const struct sc_names_read *read, const struct stat *now)
{
    return read->is_settled && read->inode == now->st_ino && read->changed.tv_sec == now->st_mtim.tv_sec &&
           read->changed.tv_nsec == now->st_mtim.tv_nsec;
}

/* Before it is read: a change that comes while it is read has a later time. */
static void
begin(struct sc_names_read *read, const struct stat *info)
{
    int64_t changed = info->st_mtim.tv_sec * INT64_C(1000000000) + info->st_mtim.tv_nsec;

    *read = (struct sc_names_read){
        .inode = info->st_ino,
        .changed = info->st_mtim,
        .is_settled = sc_time_now() - changed > SETTLED_NS,
    };
}

static void
drop(struct sc_names_network **at)
{
    struct sc_names_network *network = *at;

    *at = network->next;
    sc_buf_release(&network->leases);
    free(network);
}

/* Without memory for it nothing is kept, and what is missing is missing in this answer only. */
static struct sc_names_network *
find_or_add(struct sc_names_table *table, const char *name)
{
    struct sc_names_network *network = table->networks;

    while (network && strcmp(network->name, name) != 0)
        network = network->next;
    if (network || strlen(name) >= sizeof(network->name))
        return network;
    network = calloc(1, sizeof(*network));
    if (!network) {
        table->read.is_settled = false;
        return NULL;
    }
    memcpy(network->name, name, strlen(name) + 1);
    network->leases = (struct sc_buf)SC_BUF_INIT;
    network->next = table->networks;
    table->networks = network;
    return network;
}

static DIR *
open_at(int dir_fd, const char *name)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (!dir)
        sc_closep(&fd);
    return dir;
}

static void
list_networks(struct sc_names_table *table, int leases)
{
    DIR *dir = open_at(leases, ".");
    const struct dirent *item;

    for (struct sc_names_network *n = table->networks; n; n = n->next)
        n->is_there = false;
    while (dir && (item = readdir(dir)) != NULL) {
        struct sc_names_network *network = item->d_name[0] == '.' ? NULL : find_or_add(table, item->d_name);

        if (network)
            network->is_there = true;
    }
    if (dir)
        (void)closedir(dir);
    for (struct sc_names_network **at = &table->networks; *at;) {
        if ((*at)->is_there)
            at = &(*at)->next;
        else
            drop(at);
    }
}

static void
read_network(struct sc_names_network *network, int leases)
{
    DIR *dir = open_at(leases, network->name);
    const struct dirent *item;

    sc_buf_release(&network->leases);
    network->leases = (struct sc_buf)SC_BUF_INIT;
    network->is_internal = false;
    while (dir && (item = readdir(dir)) != NULL) {
        char target[TARGET_MAX];
        ssize_t len = readlinkat(dirfd(dir), item->d_name, target, sizeof(target) - 1);

        network->is_internal = network->is_internal || strcmp(item->d_name, INTERNAL) == 0;
        if (len < SC_ID_LEN || memchr(target, '\0', (size_t)len))
            continue;
        target[len] = '\0';
        sc_buf_add(&network->leases, item->d_name, strlen(item->d_name) + 1);
        sc_buf_add(&network->leases, target, (size_t)len + 1);
    }
    if (dir)
        (void)closedir(dir);
    if (!network->leases.has_failed)
        return;
    sc_buf_release(&network->leases);
    network->leases = (struct sc_buf)SC_BUF_INIT;
    network->read.is_settled = false;
}

const struct sc_names_network *
sc_names_networks(struct sc_names_table *table, int leases)
{
    struct stat info;

    if (fstat(leases, &info) < 0)
        memset(&info, 0, sizeof(info));
    if (!holds(&table->read, &info)) {
        begin(&table->read, &info);
        list_networks(table, leases);
    }
    for (struct sc_names_network *network = table->networks; network; network = network->next) {
        if (fstatat(leases, network->name, &info, AT_SYMLINK_NOFOLLOW) < 0)
            memset(&info, 0, sizeof(info));
        if (holds(&network->read, &info))
            continue;
        begin(&network->read, &info);
        read_network(network, leases);
    }
    return table->networks;
}

void
sc_names_table_release(struct sc_names_table *table)
{
    while (table->networks)
        drop(&table->networks);
    table->read.is_settled = false;
}
