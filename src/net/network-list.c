/* The directory of networks: a record each. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "net/net-priv.h"

#define RECORD_MAX 65536
#define END        ".json"

int
sc_network_dir(const struct sc_net *net, bool is_locked, struct sc_err *err)
{
    sc_cleanup_fd dir = -1;

    if (sc_dir_make_at(net->data_fd, SC_NET_DIR, 0700, err) < 0)
        return -1;
    dir = sc_dir_open_at(net->data_fd, SC_NET_DIR, err);
    if (dir >= 0 && is_locked && flock(dir, LOCK_EX) < 0)
        return sc_err_errno(err, errno, "lock the directory of networks");
    return sc_steal_fd(&dir);
}

int
sc_network_read(int dir, const char *file, struct sc_arena *arena, struct sc_network *out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_file_read_at(dir, file, RECORD_MAX, &text, err) < 0)
        return -1;
    return sc_network_decode(sc_buf_str(&text), text.len, arena, out, err) < 0 ? sc_err_wrap(err, "read \"%s\"", file)
                                                                               : 0;
}

bool
sc_network_is_damage(const struct sc_err *why)
{
    return why->errnum == 0 || why->errnum == EISDIR || why->errnum == ELOOP;
}

static int
by_name(const void *a, const void *b)
{
    return strcmp(((const struct sc_network *)a)->name, ((const struct sc_network *)b)->name);
}

int
sc_network_list_in(int dir_fd, struct sc_arena *arena, struct sc_network_list *out, struct sc_err *err)
{
    int copy = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    sc_cleanup_dir dir = copy < 0 ? NULL : fdopendir(copy);
    size_t capacity = 0;
    struct sc_network *items;
    struct dirent *item;
    struct sc_err why;

    *out = (struct sc_network_list){.items = NULL};
    if (!dir) {
        sc_closep(&copy);
        return sc_err_errno(err, errno, "read the directory of networks");
    }
    for (errno = 0; (item = readdir(dir)) != NULL; errno = 0) {
        if (item->d_name[0] == '.' || !sc_str_ends(item->d_name, END))
            continue;
        items = sc_arena_grow(arena, out->items, out->count, &capacity, sizeof(*items), 8);
        if (!items)
            return sc_err_nomem(err);
        out->items = items;
        why = (struct sc_err)SC_ERR_INIT;
        if (sc_network_read(dir_fd, item->d_name, arena, &out->items[out->count], &why) == 0) {
            out->count++;
        } else if (sc_network_is_damage(&why)) {
            sc_strv_addf(&out->damaged, arena, "%.*s", (int)(strlen(item->d_name) - strlen(END)), item->d_name);
            sc_strv_add(&out->why, arena, why.msg);
        } else if (why.errnum != ENOENT) { /* else it was removed meanwhile */
            *err = why;
            return -1;
        }
    }
    if (errno != 0)
        return sc_err_errno(err, errno, "read the directory of networks");
    if (out->count > 0)
        qsort(out->items, out->count, sizeof(*out->items), by_name);
    return sc_arena_check(arena, err);
}

int
sc_network_list(const struct sc_net *net, struct sc_arena *arena, struct sc_network_list *out, struct sc_err *err)
{
    sc_cleanup_fd dir = sc_network_dir(net, false, err);

    return dir < 0 ? -1 : sc_network_list_in(dir, arena, out, err);
}
