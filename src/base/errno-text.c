/*
 * The words for errno. They are part of what callers see and scripts match, so they are those of glibc whatever library
 * a program is linked with: musl has shorter ones for the errors below and the same for all others that Linux gives.
 */
#include <errno.h>
#include <string.h>

#include "base/base.h"

static const struct {
    int errnum;
    const char *text;
} words[] = {
    {0, "success"},
    {EIO, "input/output error"},
    {ECHILD, "no child processes"},
    {ENOMEM, "cannot allocate memory"},
    {EBUSY, "device or resource busy"},
    {EXDEV, "invalid cross-device link"},
    {EMFILE, "too many open files"},
    {ENOTTY, "inappropriate ioctl for device"},
    {ESPIPE, "illegal seek"},
    {EDOM, "numerical argument out of domain"},
    {ERANGE, "numerical result out of range"},
    {EDEADLK, "resource deadlock avoided"},
    {ENAMETOOLONG, "file name too long"},
    {ELOOP, "too many levels of symbolic links"},
    {ETIME, "timer expired"},
    {EREMOTE, "object is remote"},
    {ECOMM, "communication error on send"},
    {EOVERFLOW, "value too large for defined data type"},
    {ELIBACC, "can not access a needed shared library"},
    {ELIBBAD, "accessing a corrupted shared library"},
    {EILSEQ, "invalid or incomplete multibyte or wide character"},
    {EUSERS, "too many users"},
    {ENOTSOCK, "socket operation on non-socket"},
    {EMSGSIZE, "message too long"},
    {EOPNOTSUPP, "operation not supported"},
    {EADDRINUSE, "address already in use"},
    {EADDRNOTAVAIL, "cannot assign requested address"},
    {ENETUNREACH, "network is unreachable"},
    {ENETRESET, "network dropped connection on reset"},
    {ECONNABORTED, "software caused connection abort"},
    {EISCONN, "transport endpoint is already connected"},
    {ENOTCONN, "transport endpoint is not connected"},
    {ESHUTDOWN, "cannot send after transport endpoint shutdown"},
    {ETOOMANYREFS, "too many references: cannot splice"},
    {ETIMEDOUT, "connection timed out"},
    {EHOSTUNREACH, "no route to host"},
    {EINPROGRESS, "operation now in progress"},
    {EUCLEAN, "structure needs cleaning"},
    {EDQUOT, "disk quota exceeded"},
    {EOWNERDEAD, "owner died"},
    {ERFKILL, "operation not possible due to RF-kill"},
    {EHWPOISON, "memory page has hardware error"},
};

const char *
sc_errno_text(int errnum)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(words); i++)
        if (words[i].errnum == errnum)
            return words[i].text;
    return strerror(errnum);
}
