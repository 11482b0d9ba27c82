/* Programs of the host that sc-oci calls: ps(1) and criu(8). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli/oci/oci-priv.h"

#define OUTPUT_MAX (16 << 20)

extern char **environ;

/* execve(2) wants a path; PATH is searched as execvp(3) does. */
int
sc_oci_program_find(const char *name, char *out, size_t size, struct sc_err *err)
{
    const char *path = getenv("PATH");

    if (strchr(name, '/') != NULL)
        return snprintf(out, size, "%s", name) < (int)size ? 0 : sc_err_errno(err, ENAMETOOLONG, "run \"%s\"", name);
    for (const char *at = path != NULL ? path : "/usr/sbin:/usr/bin:/sbin:/bin"; *at != '\0'; at += *at == ':') {
        size_t len = strcspn(at, ":");

        /* lint: a program of the host, by the caller's PATH */
        if (len > 0 && snprintf(out, size, "%.*s/%s", (int)len, at, name) < (int)size && access(out, X_OK) == 0)
            return 0;
        at += len;
    }
    return sc_err_set(err, SC_ERR_NOT_FOUND, "run \"%s\": it is not installed: no such file in PATH", name);
}

int
sc_oci_program_output(const struct sc_strv *argv, struct sc_buf *out, int *status, struct sc_err *err)
{
    char path[4096];
    int wait_status = 0;
    sc_cleanup_fd output = memfd_create("output", MFD_CLOEXEC);

    if (output < 0)
        return sc_err_errno(err, errno, "make a file in memory");
    if (sc_oci_program_find(argv->items[0], path, sizeof(path), err) < 0)
        return -1;
    argv->items[0] = path;
    if (sc_spawn_wait((const char *const *)argv->items, (const char *const *)environ, -1, output, STDERR_FILENO,
                      &wait_status, err) < 0)
        return -1;
    *status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
    if (lseek(output, 0, SEEK_SET) < 0)
        return sc_err_errno(err, errno, "read what \"%s\" printed", path);
    return sc_file_read_fd(output, OUTPUT_MAX, out, err);
}
