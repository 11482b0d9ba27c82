/*
 * A process gives up all files but those below one directory (Landlock, landlock(7)). It asks for no privilege, so it
 * is the wall that stands where no namespace can be had: on a mount of the host's, ".." leads from a directory that a
 * process has open to all that its user may read.
 *
 * What is open already stays usable, as it is everywhere else in a jail.
 */
#include <errno.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/jail.h"

/* Linux 5.13; the same numbers on every architecture. */
#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule       445
#define SYS_landlock_restrict_self  446
#endif

#define ABI_REFER     2 /* before, no link(2) leads from one directory to another: what a layer has hard links with */
#define ABI_TRUNCATE  3
#define ABI_IOCTL_DEV 5
/* All of ABI 1, EXECUTE to MAKE_SYM; then one bit for each that came later, which old headers do not name. */
#define ACCESS_FIRST     ((UINT64_C(1) << 13) - 1)
#define ACCESS_REFER     (UINT64_C(1) << 13)
#define ACCESS_TRUNCATE  (UINT64_C(1) << 14)
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15)

/* Devices are none of a jail's business: nothing but ordinary files is opened below the directory. */
static uint64_t
handled(int abi)
{
    return ACCESS_FIRST | ACCESS_REFER | (abi >= ABI_TRUNCATE ? ACCESS_TRUNCATE : 0) |
           (abi >= ABI_IOCTL_DEV ? ACCESS_IOCTL_DEV : 0);
}

int
sc_landlock_only(int dir_fd)
{
    int abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION), result = 0;
    struct landlock_ruleset_attr ruleset = {.handled_access_fs = handled(abi)};
    struct landlock_path_beneath_attr below = {.allowed_access = handled(abi) & ~ACCESS_IOCTL_DEV, .parent_fd = dir_fd};
    sc_cleanup_fd fd = -1;

    if (abi < 0)
        return -errno;
    if (abi < ABI_REFER)
        return -EOPNOTSUPP;
    fd = (int)syscall(SYS_landlock_create_ruleset, &ruleset, sizeof(ruleset), 0);
    if (fd < 0)
        return -errno;
    if (dir_fd >= 0 && syscall(SYS_landlock_add_rule, fd, LANDLOCK_RULE_PATH_BENEATH, &below, 0) < 0)
        result = -errno;
    if (result == 0 && syscall(SYS_landlock_restrict_self, fd, 0) < 0)
        result = -errno;
    return result;
}
