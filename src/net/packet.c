/* A prepared netlink message, as the plan carries it. */
#include <string.h>

#include "net/net-priv.h"

struct sc_net_packet *
sc_packet_of(struct sc_arena *arena, int family, const char *title, const char *shell, const struct sc_buf *data)
{
    struct sc_net_packet *packet = SC_ARENA_NEW(arena, struct sc_net_packet);
    char *copy = packet ? sc_arena_alloc(arena, data->len) : NULL;

    if (!copy || data->has_failed)
        return NULL;
    memcpy(copy, data->data, data->len);
    *packet = (struct sc_net_packet){.title = title, .shell = shell, .family = family, .data = copy, .len = data->len};
    return packet;
}
