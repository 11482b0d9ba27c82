/* jail: walls around a process that reads what strangers wrote (jail.c says which). */
#ifndef SC_KERNEL_JAIL_H
#define SC_KERNEL_JAIL_H

#include "base/base.h"

#define SC_JAIL_MEMORY_MAX (UINT64_C(4) << 30) /* of address space */

enum {
    SC_JAIL_HAS_TREE = 1, /* it is to fill a directory that it has open */
    SC_JAIL_HAS_NET = 2,  /* it asks over the Internet, and reads a directory that it has open */
};
/* For good, for this process and all that come of it. needs: SC_JAIL_HAS_*. caps: a mask of the capabilities that it
 * keeps, of those it has. Walls that this kernel or our privileges do not give are left out. */
SC_MUST_CHECK int sc_jail_enter(unsigned needs, uint64_t caps, struct sc_err *err);
/* For a process that has entered and makes no others, of one thread yet: it opens nothing but what is below dir_fd
 * (-1: nothing), ends with its parent, whatever it does, and leaves nobody behind who could write on to what it was
 * given. */
SC_MUST_CHECK int sc_jail_narrow(int dir_fd, struct sc_err *err);
/* The first of these: 0 or -errno; -EOPNOTSUPP where Landlock is off, or older than Linux 5.19. */
int sc_landlock_only(int dir_fd);

#endif
