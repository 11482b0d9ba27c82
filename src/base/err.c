#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"

static const char *const err_kind_names[] = {
    [SC_ERR_NONE] = "NONE",
    [SC_ERR_INVALID] = "INVALID",
    [SC_ERR_NOT_FOUND] = "NOT_FOUND",
    [SC_ERR_EXISTS] = "EXISTS",
    [SC_ERR_BUSY] = "BUSY",
    [SC_ERR_DENIED] = "DENIED",
    [SC_ERR_UNSUPPORTED] = "UNSUPPORTED",
    [SC_ERR_KERNEL] = "KERNEL",
    [SC_ERR_PEER_DIED] = "PEER_DIED",
    [SC_ERR_INTERNAL] = "INTERNAL",
};

static enum sc_err_kind
err_kind_of(int errnum)
{
    switch (errnum) {
    case ENOENT:
        return SC_ERR_NOT_FOUND;
    case EEXIST:
        return SC_ERR_EXISTS;
    case EBUSY:
        return SC_ERR_BUSY;
    case EPERM:
    case EACCES:
        return SC_ERR_DENIED;
    case ENOSYS:
    case EOPNOTSUPP:
        return SC_ERR_UNSUPPORTED;
    default:
        return SC_ERR_KERNEL;
    }
}

static void err_fill(struct sc_err *err, enum sc_err_kind kind, int errnum, const char *fmt, va_list args)
    SC_PRINTF(4, 0);

static void
err_fill(struct sc_err *err, enum sc_err_kind kind, int errnum, const char *fmt, va_list args)
{
    char text[sizeof(err->msg)];

    /* The arguments may point into *err, so it is written only after they are read. */
    (void)vsnprintf(text, sizeof(text), fmt, args);
    sc_err_clear(err);
    err->kind = kind;
    err->errnum = errnum;
    memcpy(err->msg, text, strlen(text) + 1);
}

/* Appends as much of text as fits. */
static void
err_append(struct sc_err *err, const char *text)
{
    size_t used = strlen(err->msg);
    size_t len = strnlen(text, sizeof(err->msg) - 1 - used);

    memcpy(err->msg + used, text, len);
    err->msg[used + len] = '\0';
}

int
sc_err_set(struct sc_err *err, enum sc_err_kind kind, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    err_fill(err, kind, 0, fmt, args);
    va_end(args);
    return -1;
}

int
sc_err_errno(struct sc_err *err, int errnum, const char *fmt, ...)
{
    const char *why = sc_errno_text(errnum);
    char first[2] = {0};
    va_list args;

    va_start(args, fmt);
    err_fill(err, err_kind_of(errnum), errnum, fmt, args);
    va_end(args);
    err_append(err, ": ");
    /* some start with a capital; messages do not, but for an acronym ("RPC ..."). */
    if (isupper((unsigned char)why[0]) && !isupper((unsigned char)why[1])) {
        first[0] = (char)tolower((unsigned char)why[0]);
        err_append(err, first);
        why++;
    }
    err_append(err, why);
    return -1;
}

int
sc_err_wrap(struct sc_err *err, const char *fmt, ...)
{
    char text[sizeof(err->msg)];
    size_t len, kept;
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text) - 2, fmt, args);
    va_end(args);
    len = strlen(text);
    memcpy(text + len, ": ", 3);
    len += 2;
    kept = strnlen(err->msg, sizeof(err->msg) - 1 - len);
    memmove(err->msg + len, err->msg, kept);
    err->msg[len + kept] = '\0';
    memcpy(err->msg, text, len);
    return -1;
}

int
sc_err_remedy(struct sc_err *err, const char *fmt, ...)
{
    char text[sizeof(err->remedy)];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    memcpy(err->remedy, text, strlen(text) + 1);
    return -1;
}

int
sc_err_nomem(struct sc_err *err)
{
    sc_err_clear(err);
    err->kind = SC_ERR_KERNEL;
    err->errnum = ENOMEM;
    err_append(err, "out of memory");
    return -1;
}

int
sc_err_watch_remedy(struct sc_err *err, int errnum)
{
    if (errnum == EMFILE)
        return sc_err_remedy(err, "raise the sysctl fs.inotify.max_user_instances, or the shell's limit of open files");
    if (errnum == ENOSPC)
        return sc_err_remedy(err, "raise the sysctl fs.inotify.max_user_watches");
    return -1;
}

void
sc_err_clear(struct sc_err *err)
{
    err->kind = SC_ERR_NONE;
    err->errnum = 0;
    err->exit_code = 0;
    err->msg[0] = '\0';
    err->remedy[0] = '\0';
}

const char *
sc_err_kind_name(enum sc_err_kind kind)
{
    if ((size_t)kind >= SC_ARRAY_LEN(err_kind_names))
        return "UNKNOWN"; /* it may have come from another process */
    return err_kind_names[kind];
}

_Noreturn void
sc_bug(const char *file, int line, const char *why)
{
    (void)fprintf(stderr, "sc: bug: %s:%d: %s\n", file, line, why);
    abort();
}
