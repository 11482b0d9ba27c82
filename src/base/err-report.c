/*
 * An error for a program that started us: whoever sets SC_ERROR_FD to the number of a pipe's descriptor reads there a
 * line for each error that is printed:
 *
 *     KIND ERRNO EXIT MESSAGE       NOT_FOUND 0 0 no such container: "one"; list all with: sc ps -a
 *
 * KIND is a name of enum sc_err_kind, ERRNO 0 where the kernel was not asked, EXIT 0 where the error has no exit code
 * of its own. So nothing depends on the words. A descriptor that is no pipe is not written to: the number may be an
 * inherited one that is something else by now.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base.h"

static int
report_fd(void)
{
    const char *text = getenv("SC_ERROR_FD");
    struct sc_err ignored = SC_ERR_INIT;
    struct stat st;
    int64_t fd = -1;

    if (!text || sc_parse_i64(text, &fd, &ignored) < 0 || fd < 3 || fd > INT_MAX)
        return -1;
    return fstat((int)fd, &st) == 0 && S_ISFIFO(st.st_mode) ? (int)fd : -1;
}

void
sc_err_report(const struct sc_err *err, const char *line)
{
    int fd = report_fd();
    struct sc_err ignored = SC_ERR_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;

    if (fd < 0)
        return;
    sc_buf_addf(&text, "%s %d %d %s", sc_err_kind_name(err->kind), err->errnum, err->exit_code, line);
    /* at once or not at all: whose pipe is full and does not wait loses the line, and stops nobody */
    if (sc_buf_check(&text, &ignored) == 0)
        (void)!write(fd, text.data, text.len);
}

void
sc_err_report_keep(bool over_execve)
{
    int fd = report_fd();

    if (fd >= 0)
        (void)sc_fd_cloexec(fd, !over_execve);
}
