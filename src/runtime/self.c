/*
 * The runtime's own executable. A container can make the process that is about to become its program run /proc/self/exe
 * again and keep a descriptor of it; when the runtime has ended, the file is not busy any more and root in the
 * container could write it (CVE-2019-5736). So the process executes itself a second time from a detached, read-only
 * copy of its mount: reopening that for writing is EROFS, whoever asks.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "runtime/runtime.h"

#define SELF_ENV      "_SC_SELF_PATH"
#define SELF_PATH_MAX 4096

extern char **environ;

/* A sealed copy in memory, where the mount cannot be copied (no CAP_SYS_ADMIN) but the file is ours to write. */
static int
copy_to_memory(int fd, struct sc_err *err)
{
    struct stat st;
    sc_cleanup_fd copy = memfd_create("sc", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (copy < 0 || fstat(fd, &st) < 0)
        return sc_err_errno(err, errno, "copy the executable");
    for (off_t at = 0; at < st.st_size;)
        if (sendfile(copy, fd, &at, (size_t)(st.st_size - at)) <= 0)
            return sc_err_errno(err, errno, "copy the executable");
    if (fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) < 0)
        return sc_err_errno(err, errno, "seal the copy of the executable");
    return sc_steal_fd(&copy);
}

/* Only a read-only mount or seals count as protection; an environment variable is the caller's and proves nothing. */
static bool
is_protected(int fd)
{
    struct statvfs fs;
    struct stat st;
    int seals = fcntl(fd, F_GET_SEALS);

    if (seals >= 0 && (seals & F_SEAL_WRITE) != 0)
        return true;
    if (fstatvfs(fd, &fs) == 0 && (fs.f_flag & ST_RDONLY) != 0)
        return true;
    /* without privilege the container's root is the caller, who has no right to a file of another */
    /* lint: the kernel's own file or the program's, never a container's */
    return geteuid() != 0 && fstat(fd, &st) == 0 && st.st_uid != geteuid() && access("/proc/self/exe", W_OK) < 0;
}

/* The descriptor that fexecve(3) was given, as the kernel names it: "/dev/fd/4". Ours only where the file is. */
static int
copy_of_exec(int self)
{
    static const char prefix[] = "/dev/fd/";
    const char *name = (const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr): so it is handed over */
    struct stat have, want;
    int fd;

    if (name == NULL || !sc_str_starts(name, prefix))
        return -1;
    fd = (int)strtol(name + strlen(prefix), NULL, 10);
    if (fd <= STDERR_FILENO || fd == self || fstat(fd, &have) < 0 || fstat(self, &want) < 0 ||
        have.st_dev != want.st_dev || have.st_ino != want.st_ino || (fcntl(fd, F_GETFL) & O_PATH) == 0 ||
        sc_fd_cloexec(fd, true) < 0)
        return -1;
    return fd;
}

int
sc_self_protect(char **argv, int *copy_fd, struct sc_err *err)
{
    char path[SELF_PATH_MAX];
    /* lint: the kernel's own file or the program's, never a container's */
    sc_cleanup_fd self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    *copy_fd = -1;
    if (self < 0) {
        (void)sc_err_errno(err, errno, "open /proc/self/exe");
        return err->errnum == ENOENT ? sc_err_remedy(err, "mount proc on /proc: mount -t proc proc /proc") : -1;
    }
    if (geteuid() == 0)
        (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    if (is_protected(self)) {
        *copy_fd = copy_of_exec(self);
        return 0;
    }
    if (sc_self_path(path, sizeof(path), err) < 0)
        return -1;

    sc_cleanup_fd copy = sc_mount_tree_open(self, "", false);
    bool is_mount = copy >= 0 && sc_mount_setattr(copy, false, MOUNT_ATTR_RDONLY, 0, MS_PRIVATE) == 0;
    if (!is_mount) {
        sc_closep(&copy);
        copy = copy_to_memory(self, err);
    }
    if (copy < 0)
        return -1;
    if (setenv(SELF_ENV, path, 1) < 0)
        return sc_err_nomem(err);
    /* closed by execve(2), the mount would be taken apart before the program begins */
    if (is_mount && sc_fd_cloexec(copy, false) < 0)
        return sc_err_errno(err, errno, "keep the copy of the executable open");
    (void)fexecve(copy, argv, environ);
    return sc_err_errno(err, errno, "execute the protected copy of %s", path);
}

int
sc_self_path(char *out, size_t size, struct sc_err *err)
{
    const char *kept = getenv(SELF_ENV);
    /* lint: the kernel's own file or the program's, never a container's */
    ssize_t len = readlink("/proc/self/exe", out, size - 1);
    struct stat st;

    if (len < 0)
        return sc_err_errno(err, errno, "read /proc/self/exe");
    out[len] = '\0';
    /* a detached mount has no path: what readlink shows of it is its root's name or "/" */
    /* lint: the kernel's own file or the program's, never a container's */
    if (kept != NULL && (stat(out, &st) < 0 || !S_ISREG(st.st_mode)))
        snprintf(out, size, "%s", kept);
    return 0;
}
