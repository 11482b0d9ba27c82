/* Rates of a running container's links, for `sc update`; and the undo file of one that runs. */
#include <errno.h>
#include <string.h>

#include "engine/engine-priv.h"

#define UNDO_FILE_MAX (1U << 20)

int
sc_undo_file_edit(int run_fd, const struct sc_container *container, const char *text, bool is_added, struct sc_err *err)
{
    sc_cleanup_buf before = SC_BUF_INIT, after = SC_BUF_INIT;

    if (sc_file_read_at(run_fd, "undo", UNDO_FILE_MAX, &before, err) < 0)
        return err->errnum == ENOENT ? sc_engine_not_running(container, err) : -1;
    for (const char *line = sc_buf_str(&before); *line;) {
        size_t len = strcspn(line, "\n") + 1;
        sc_cleanup_free char *one = strndup(line, len);

        if (!one)
            return sc_err_nomem(err);
        if (is_added || !strstr(text, one))
            sc_buf_adds(&after, one);
        line += strlen(one);
    }
    if (is_added)
        sc_buf_adds(&after, text);
    if (sc_buf_check(&after, err) < 0)
        return -1;
    return sc_file_replace_at(run_fd, "undo", sc_buf_str(&after), after.len, 0600, SC_VOLATILE, err);
}

static int
send(struct sc_net_packet *packet, struct sc_err *err)
{
    int result = sc_packet_send(packet, 0, 0);

    if (result == 0)
        return 0;
    sc_err_errno(err, -result, "%s", packet->title);
    return packet->needs && (result == -ENOENT || result == -EOPNOTSUPP)
               ? sc_err_remedy(err, "the kernel must have %s", packet->needs)
               : -1;
}

static int
change_one(const struct sc_container *container, int run, const struct sc_endpoint *before,
           const struct sc_endpoint *after, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_net_packet *make, *set;
    sc_cleanup_buf undo = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    sc_net_rate_undo(after, &undo);
    if (sc_buf_check(&undo, err) < 0 || sc_net_rate_change(before, after, arena, &make, &set, err) < 0)
        return -1;
    if (make && sc_undo_file_edit(run, container, sc_buf_str(&undo), true, err) < 0)
        return -1;
    if ((make && send(make, err) < 0) || send(set, err) < 0) {
        if (make) {
            (void)!sc_undo_run(sc_buf_str(&undo), &ignored);
            (void)!sc_undo_file_edit(run, container, sc_buf_str(&undo), false, &ignored);
        }
        return -1;
    }
    if (after->rate_out > 0 || before->rate_out <= 0)
        return 0;
    if (sc_undo_run(sc_buf_str(&undo), err) < 0)
        return -1;
    return sc_undo_file_edit(run, container, sc_buf_str(&undo), false, err);
}

int
sc_network_rates(struct sc_engine *engine, const struct sc_container *now, int64_t rate_in, int64_t rate_out,
                 struct sc_arena *arena, struct sc_err *err)
{
    struct sc_endpoint *endpoints;
    sc_cleanup_fd run = -1;
    size_t count;

    if (sc_engine_endpoints(engine, now, arena, &endpoints, &count, err) < 0)
        return -1;
    run = sc_engine_run_dir(engine, now->id, err);
    if (run < 0)
        return -1;
    for (size_t i = 0; i < count; i++) {
        struct sc_endpoint before = endpoints[i], after = endpoints[i];

        if (before.network.driver != SC_NET_BRIDGE)
            return sc_err_set(err, SC_ERR_UNSUPPORTED,
                              "--net-rate-in and --net-rate-out: network \"%s\" (%s) has no links on the host",
                              before.network.name, sc_net_driver_name(before.network.driver));
        before.rate_in = now->options.net_rate_in;
        before.rate_out = now->options.net_rate_out;
        after.rate_in = rate_in;
        after.rate_out = rate_out;
        if (change_one(now, run, &before, &after, arena, err) < 0)
            return -1;
    }
    return 0;
}
