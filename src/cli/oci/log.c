/* The log that engines read: one line a message, in the text or JSON form of logrus, which runc writes. Errors stand
 * there and, for a person, on standard error. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"

int
sc_oci_log_open(struct sc_oci_cli *cli, struct sc_err *err)
{
    if (cli->log_format != NULL && strcmp(cli->log_format, "json") == 0)
        cli->log_is_json = true;
    else if (cli->log_format != NULL && strcmp(cli->log_format, "text") != 0)
        return sc_err_set(err, SC_ERR_INVALID, "invalid log-format: %s (text or json)", cli->log_format);
    if (cli->log_path == NULL || cli->log_path[0] == '\0')
        return 0;
    /* lint: a path of the host that the caller names */
    cli->log_fd = open(cli->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    return cli->log_fd < 0 ? sc_err_errno(err, errno, "open --log \"%s\"", cli->log_path) : 0;
}

/* Engines parse the time as RFC 3339. */
static void
add_line(const struct sc_oci_cli *cli, const char *level, const char *message, struct sc_buf *line)
{
    char when[SC_TIME_MAX];

    sc_time_format(sc_time_now(), when);
    sc_buf_addf(
        line, cli->log_is_json ? "{\"level\":\"%s\",\"msg\":" : "time=\"%s\" level=", cli->log_is_json ? level : when);
    if (!cli->log_is_json)
        sc_buf_addf(line, "%s msg=", level);
    sc_buf_add_json(line, message, strlen(message));
    if (cli->log_is_json)
        sc_buf_addf(line, ",\"time\":\"%s\"}", when);
    sc_buf_addc(line, '\n');
}

void
sc_oci_log(const struct sc_oci_cli *cli, const char *level, const char *message)
{
    sc_cleanup_buf line = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;

    if (!cli->is_debug && strcmp(level, "debug") == 0)
        return;
    add_line(cli, level, message, &line);
    (void)!sc_io_write_all(cli->log_fd >= 0 ? cli->log_fd : STDERR_FILENO, line.data, line.len, &ignored);
}

void
sc_oci_report(const struct sc_oci_cli *cli, const struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    sc_buf_addf(&text, "%s%s%s", err->msg, err->remedy[0] != '\0' ? "; " : "", err->remedy);
    if (cli->log_fd >= 0 || cli->log_is_json)
        sc_oci_log(cli, "error", sc_buf_str(&text));
    if (cli->log_fd >= 0 || !cli->log_is_json)
        fprintf(stderr, "sc-oci: %s\n", sc_buf_str(&text));
}

void
sc_oci_log_step(const struct sc_plan *plan, enum sc_phase phase, size_t index, int64_t nsec, void *data)
{
    sc_cleanup_buf line = SC_BUF_INIT;

    sc_step_print(plan, phase, index, nsec, &line);
    while (line.len > 0 && line.data[line.len - 1] == '\n')
        line.data[--line.len] = '\0';
    sc_oci_log(data, "debug", sc_buf_str(&line));
}
