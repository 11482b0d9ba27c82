#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "monitor/monitor-priv.h"

static bool
is_wanted(const struct sc_client *client, const struct sc_chunk *chunk)
{
    int flag = chunk->packet[0] == SC_MSG_STDERR ? SC_ATTACH_STDERR : SC_ATTACH_STDOUT;

    return client->fd >= 0 && (client->flags & flag);
}

struct sc_chunk *
sc_chunk_new(struct sc_monitor *monitor)
{
    struct sc_chunk *chunk = sc_steal_ptr(&monitor->spare);

    if (!chunk)
        chunk = malloc(sizeof(*chunk));
    if (!chunk)
        return NULL;
    chunk->next = NULL;
    chunk->waiting = 0;
    chunk->len = 0;
    monitor->has_scratch = true;
    return chunk;
}

void
sc_chunk_drop_take(struct sc_monitor *monitor, struct sc_chunk *chunk)
{
    if (monitor->spare)
        free(chunk);
    else
        monitor->spare = chunk;
}

/* The first chunk from chunk on that client needs. */
static struct sc_chunk *
next_wanted(const struct sc_client *client, struct sc_chunk *chunk)
{
    while (chunk && !is_wanted(client, chunk))
        chunk = chunk->next;
    return chunk;
}

static void
free_sent(struct sc_monitor *monitor)
{
    while (monitor->chunks && monitor->chunks->waiting == 0) {
        struct sc_chunk *chunk = monitor->chunks;

        monitor->chunks = chunk->next;
        sc_chunk_drop_take(monitor, chunk);
    }
    if (!monitor->chunks)
        monitor->last_chunk = NULL;
}

void
sc_chunk_push_take(struct sc_monitor *monitor, struct sc_chunk *chunk)
{
    for (size_t i = 0; i < monitor->client_count; i++)
        chunk->waiting += is_wanted(&monitor->clients[i], chunk);
    if (chunk->waiting == 0) {
        sc_chunk_drop_take(monitor, chunk);
        return;
    }
    if (monitor->last_chunk)
        monitor->last_chunk->next = chunk;
    else
        monitor->chunks = chunk;
    monitor->last_chunk = chunk;
    for (size_t i = 0; i < monitor->client_count; i++) {
        struct sc_client *client = &monitor->clients[i];

        if (is_wanted(client, chunk) && !client->next)
            client->next = chunk;
    }
}

bool
sc_chunk_send(struct sc_monitor *monitor, struct sc_client *client)
{
    bool is_alive = true;

    while (client->next) {
        struct sc_chunk *chunk = client->next;

        if (send(client->fd, chunk->packet, chunk->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            if (errno == EINTR)
                continue;
            is_alive = errno == EAGAIN || errno == ENOBUFS || errno == ENOMEM;
            break;
        }
        chunk->waiting--;
        client->next = next_wanted(client, chunk->next);
    }
    free_sent(monitor);
    return is_alive;
}

void
sc_chunk_forget(struct sc_monitor *monitor, struct sc_client *client)
{
    for (struct sc_chunk *chunk = client->next; chunk; chunk = chunk->next)
        chunk->waiting -= is_wanted(client, chunk);
    client->next = NULL;
    free_sent(monitor);
}

void
sc_chunk_trim(struct sc_monitor *monitor)
{
    sc_freep(&monitor->spare);
}
