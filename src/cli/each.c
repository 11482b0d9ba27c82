/* What commands share: the engine, the same to many containers, staying with one, filters. */
#include <string.h>

#include "cli/cli.h"

int
sc_cli_engine(struct sc_cli *cli, struct sc_err *err)
{
    /* the same for every operand of a command */
    if (cli->engine.data_path)
        return 0;
    if (sc_engine_open(&cli->engine, err) < 0)
        return -1;
    cli->engine.copy_fd = sc_steal_fd(&cli->copy_fd);
    return 0;
}

int
sc_cli_each(struct sc_cli *cli, const struct sc_strv *names, sc_each_fn fn, void *data)
{
    int status = 0;

    for (size_t i = 0; i < names->count; i++) {
        __attribute__((cleanup(sc_container_release))) struct sc_container container = SC_CONTAINER_INIT;
        struct sc_err err = SC_ERR_INIT;

        if (sc_engine_find(&cli->engine, names->items[i], &cli->arena, &container, &err) < 0 ||
            fn(cli, &container, names->items[i], data, &err) < 0) {
            sc_print_err(&err);
            status = 1;
        }
    }
    return status;
}

int
sc_cli_stay(struct sc_relay *relay, const char *detach_keys, struct sc_err *err)
{
    struct sc_exit exit_record = {0};
    enum sc_relay_end end;

    relay->detach_keys = detach_keys ? detach_keys : SC_DETACH_KEYS;
    if (sc_relay_run(relay, &end, &exit_record, err) < 0)
        return -1;
    return end == SC_RELAY_DETACHED ? 0 : exit_record.code;
}

struct proxy {
    struct sc_cli *cli;
    const struct sc_container *container;
};

static void
before_signal(void *data, int signum)
{
    const struct proxy *proxy = data;

    sc_engine_before_signal(&proxy->cli->engine, proxy->container, proxy->cli->command->name, signum);
}

int
sc_cli_stay_with(struct sc_cli *cli, const struct sc_container *container, const struct sc_stay *how,
                 struct sc_err *err)
{
    struct proxy proxy = {cli, container};
    struct sc_relay relay = {
        .sock = how->sock,
        .tty_fd = -1,
        .in_fd = -1,
        .out_fd = -1,
        .err_fd = -1,
        .pidfd = -1,
        .with_stdin = how->flags & SC_ATTACH_STDIN,
        .with_terminal = container->options.tty,
        .forwards_signals = how->sig_proxy,
        .before_signal = before_signal,
        .data = &proxy,
    };

    return sc_cli_stay(&relay, how->detach_keys, err);
}

bool
sc_cli_has_label(const struct sc_strv *labels, const char *wanted)
{
    for (size_t i = 0; i < labels->count; i++) {
        const char *label = labels->items[i];
        size_t len = strcspn(label, "=");

        if (strcmp(label, wanted) == 0 || (strlen(wanted) == len && strncmp(label, wanted, len) == 0))
            return true;
    }
    return false;
}
