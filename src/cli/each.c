/* The engine, and commands that do the same to many containers. */
#include "cli/cli.h"

int
sc_cli_engine(struct sc_cli *cli, struct sc_err *err)
{
    return sc_engine_open(&cli->engine, err);
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
