/*
 * kernel/caps: capability sets (capabilities(7), docs/concepts/capabilities.md).
 *
 * The system calls are made directly: libcap would bring allocation into the child, and sc-monitor is linked without
 * it. All but sc_caps_apply_flags may run between clone and exec.
 */
#include <errno.h>
#include <linux/capability.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel/kernel.h"

/* A kernel's last capability is below this: the sets are 64 bits wide (_LINUX_CAPABILITY_VERSION_3). */
#define CAPS_MAX 64

uint64_t
sc_caps_default(void)
{
    return SC_CAP_BIT(CAP_CHOWN) | SC_CAP_BIT(CAP_DAC_OVERRIDE) | SC_CAP_BIT(CAP_FOWNER) | SC_CAP_BIT(CAP_FSETID) |
           SC_CAP_BIT(CAP_KILL) | SC_CAP_BIT(CAP_NET_BIND_SERVICE) | SC_CAP_BIT(CAP_SETFCAP) | SC_CAP_BIT(CAP_SETGID) |
           SC_CAP_BIT(CAP_SETPCAP) | SC_CAP_BIT(CAP_SETUID) | SC_CAP_BIT(CAP_SYS_CHROOT);
}

uint64_t
sc_caps_all(void)
{
    uint64_t all = 0;

    for (int cap = 0; cap < CAPS_MAX; cap++) {
        int has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);

        if (has < 0)
            break; /* EINVAL: past the kernel's last */
        if (has == 1)
            all |= SC_CAP_BIT(cap);
    }
    return all;
}

/* Named capabilities of a flag's values; "ALL" only sets *is_all. */
static int
parse_flag(const struct sc_strv *names, const char *flag, uint64_t *caps, bool *is_all, struct sc_err *err)
{
    for (size_t i = 0; names != NULL && i < names->count; i++) {
        int cap;

        if (strcasecmp(names->items[i], "ALL") == 0) {
            *is_all = true;
            continue;
        }
        cap = sc_cap_from_name(names->items[i]);
        if (cap < 0) {
            (void)sc_err_set(err, SC_ERR_INVALID, "read %s: unknown capability \"%s\"", flag, names->items[i]);
            return sc_err_remedy(err, "capabilities(7) lists the names, such as NET_ADMIN; ALL means every one");
        }
        *caps |= SC_CAP_BIT(cap);
    }
    return 0;
}

int
sc_caps_apply_flags(uint64_t base, uint64_t all, const struct sc_strv *add, const struct sc_strv *drop, uint64_t *out,
                    struct sc_err *err)
{
    uint64_t added = 0, dropped = 0, missing;
    bool adds_all = false, drops_all = false;

    if (parse_flag(add, "--cap-add", &added, &adds_all, err) < 0 ||
        parse_flag(drop, "--cap-drop", &dropped, &drops_all, err) < 0)
        return -1;
    missing = added & ~all;
    for (int cap = 0; missing != 0 && cap < CAPS_MAX; cap++) {
        const char *name = sc_cap_name(cap);

        if ((missing & SC_CAP_BIT(cap)) == 0)
            continue;
        (void)sc_err_set(err, SC_ERR_UNSUPPORTED,
                         "read --cap-add: %s cannot be given: this kernel or sc itself does not have it",
                         name != NULL ? name : "a capability");
        return sc_err_remedy(err, "see \"CapBnd\" in /proc/self/status for what can be given here");
    }
    /* Docker's order: ALL to add beats ALL to drop; a name to add beats the same name to drop, unless ALL is added. */
    if (adds_all)
        *out = all & ~dropped;
    else if (drops_all)
        *out = added;
    else
        *out = (base & all & ~dropped) | added;
    return 0;
}

int
sc_caps_drop_bounding(uint64_t keep)
{
    for (int cap = 0; cap < CAPS_MAX; cap++) {
        int has;

        if ((keep & SC_CAP_BIT(cap)) != 0 || prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0)
            continue;
        /* EPERM without CAP_SETPCAP, which the kernel checks first: of no matter where there is nothing to drop */
        has = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
        if (has < 0)
            return 0; /* EINVAL: past the kernel's last */
        if (has == 1)
            return -EPERM;
    }
    return 0;
}

int
sc_caps_set(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].effective = (uint32_t)(effective >> (32 * i));
        data[i].permitted = (uint32_t)(permitted >> (32 * i));
        data[i].inheritable = (uint32_t)(inheritable >> (32 * i));
    }
    return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int
sc_caps_get(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

    if (syscall(SYS_capget, &head, data) < 0)
        return -errno;
    *effective = *permitted = *inheritable = 0;
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        *effective |= (uint64_t)data[i].effective << (32 * i);
        *permitted |= (uint64_t)data[i].permitted << (32 * i);
        *inheritable |= (uint64_t)data[i].inheritable << (32 * i);
    }
    return 0;
}

int
sc_caps_set_ambient(uint64_t ambient)
{
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0) {
        if (errno == EINVAL && ambient == 0)
            return 0; /* before Linux 4.3 there are none */
        return -errno;
    }
    for (int cap = 0; cap < CAPS_MAX; cap++)
        if ((ambient & SC_CAP_BIT(cap)) != 0 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) < 0)
            return -errno;
    return 0;
}
