/*
 * What a config must mean beyond its types. Everything that would fail after the clone and can be seen in the
 * config alone is refused here, in the order of the specification, by small named checks.
 */
#include <string.h>

#include "oci/oci-priv.h"

#define HOSTNAME_MOST 64 /* __NEW_UTS_LEN, sethostname(2) */

/* SemVer 2.0.0: three numbers, then nothing or a pre-release or build suffix. */
static bool
version_is_valid(const char *at)
{
    for (int part = 0; part < 3; part++) {
        size_t digits = strspn(at, "0123456789");

        if (digits == 0 || (at[0] == '0' && digits > 1))
            return false;
        at += digits;
        if (part < 2 && *at++ != '.')
            return false;
    }
    return *at == '\0' || *at == '-' || *at == '+';
}

static int
check_version(const struct sc_oci_spec *spec, struct sc_err *err)
{
    if (!spec->oci_version)
        return sc_err_set(err, SC_ERR_INVALID, "ociVersion: is required");
    if (!version_is_valid(spec->oci_version))
        return sc_err_set(err, SC_ERR_INVALID, "ociVersion: \"%s\" must be a version such as " SC_OCI_VERSION,
                          spec->oci_version);
    if (!sc_str_starts(spec->oci_version, "1."))
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "ociVersion: \"%s\" is not supported, only version 1 is",
                          spec->oci_version);
    return 0;
}

static int
check_root(const struct sc_oci_spec *spec, struct sc_err *err)
{
    if (!spec->root.path)
        return sc_err_set(err, SC_ERR_INVALID, "root.path: is required");
    return 0;
}

static int
check_process(const struct sc_oci_spec *spec, struct sc_err *err)
{
    if (!spec->process.is_set)
        return sc_err_set(err, SC_ERR_INVALID, "process: is required");
    return sc_oci_validate_process(&spec->process, err);
}

static int
check_uts_name(const struct sc_oci_spec *spec, const char *key, const char *name, struct sc_err *err)
{
    if (!name)
        return 0;
    if (strlen(name) > HOSTNAME_MOST)
        return sc_err_set(err, SC_ERR_INVALID, "%s: \"%s\" must be at most %d bytes long", key, name, HOSTNAME_MOST);
    if (!sc_oci_find_namespace(spec, SC_NS_UTS))
        return sc_err_set(err, SC_ERR_INVALID, "%s: needs a uts namespace in linux.namespaces", key);
    return 0;
}

static int
check_hostname(const struct sc_oci_spec *spec, struct sc_err *err)
{
    return check_uts_name(spec, "hostname", spec->hostname, err);
}

static int
check_domainname(const struct sc_oci_spec *spec, struct sc_err *err)
{
    return check_uts_name(spec, "domainname", spec->domainname, err);
}

static int
check_hooks(const struct sc_oci_spec *spec, struct sc_err *err)
{
    const struct sc_oci_hooks *hooks = &spec->hooks;
    const struct {
        const char *name;
        const struct sc_oci_hook_list *list;
    } lists[] = {
        {"prestart", &hooks->prestart},
        {"createRuntime", &hooks->create_runtime},
        {"createContainer", &hooks->create_container},
        {"startContainer", &hooks->start_container},
        {"poststart", &hooks->poststart},
        {"poststop", &hooks->poststop},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(lists); i++) {
        for (size_t j = 0; j < lists[i].list->count; j++) {
            const struct sc_oci_hook *hook = &lists[i].list->items[j];

            if (!sc_oci_path_is_absolute(hook->path))
                return sc_err_set(err, SC_ERR_INVALID, "hooks.%s[%zu].path: \"%s\" must be absolute", lists[i].name, j,
                                  hook->path ? hook->path : "");
            if (hook->timeout.is_set && hook->timeout.value <= 0)
                return sc_err_set(err, SC_ERR_INVALID, "hooks.%s[%zu].timeout: must be more than 0", lists[i].name, j);
        }
    }
    return 0;
}

static int
check_annotations(const struct sc_oci_spec *spec, struct sc_err *err)
{
    for (size_t i = 0; i < spec->annotations.count; i++) {
        if (spec->annotations.items[i][0] == '=')
            return sc_err_set(err, SC_ERR_INVALID, "annotations: a key must not be empty");
    }
    return 0;
}

static int
check_resources(const struct sc_oci_spec *spec, struct sc_err *err)
{
    return sc_oci_validate_resources(&spec->linux_.resources, err);
}

static int
check_seccomp(const struct sc_oci_spec *spec, struct sc_err *err)
{
    return sc_oci_validate_seccomp(&spec->linux_.seccomp, err);
}

static const struct sc_oci_check config_checks[] = {
    {"config.md, Specification version", check_version},
    {"config.md, Root", check_root},
    {"config.md, Process", check_process},
    {"config.md, Hostname; sethostname(2)", check_hostname},
    {"config.md, Domainname; setdomainname(2)", check_domainname},
    {"config.md, POSIX-platform Hooks", check_hooks},
    {"config.md, Annotations", check_annotations},
};
static const struct sc_oci_check last_checks[] = {
    {"config-linux.md, Control groups", check_resources},
    {"config-linux.md, Seccomp", check_seccomp},
};

static int
run_checks(const struct sc_oci_check *rows, size_t count, const struct sc_oci_spec *spec, struct sc_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (rows[i].check(spec, err) < 0)
            return -1;
    }
    return 0;
}

int
sc_oci_validate(const struct sc_oci_spec *spec, struct sc_err *err)
{
    if (run_checks(config_checks, SC_ARRAY_LEN(config_checks), spec, err) < 0 ||
        run_checks(sc_oci_linux_checks.rows, sc_oci_linux_checks.count, spec, err) < 0 ||
        run_checks(sc_oci_mount_checks.rows, sc_oci_mount_checks.count, spec, err) < 0)
        return -1;
    return run_checks(last_checks, SC_ARRAY_LEN(last_checks), spec, err);
}
