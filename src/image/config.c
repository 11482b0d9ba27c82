/*
 * Image configs (image-spec, config.md; Docker's are the same document with more members).
 * Only the closed list of struct sc_image_config is read: nothing in an image can ask for privilege.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "image/image-priv.h"

/* The members of an object that is used as a set ({"80/tcp": {}}). */
static int
config_get_keys(const json_t *obj, const char *key, struct sc_arena *arena, struct sc_strv *out, struct sc_err *err)
{
    json_t *set = NULL;

    if (sc_json_get_obj(obj, key, "config", &set, err) < 0)
        return -1;
    for (void *at = json_object_iter(set); at; at = json_object_iter_next(set, at))
        sc_strv_add(out, arena, json_object_iter_key(at));
    return sc_arena_check(arena, err);
}

static int
config_check_env(const struct sc_strv *env, struct sc_err *err)
{
    for (size_t i = 0; i < env->count; i++) {
        const char *equals = strchr(env->items[i], '=');

        if (!equals || equals == env->items[i])
            return sc_err_set(err, SC_ERR_INVALID, "config.Env[%zu]: \"%.100s\" is not NAME=VALUE", i, env->items[i]);
    }
    return 0;
}

static int
config_decode_health(const json_t *config, struct sc_arena *arena, struct sc_image_health *out, struct sc_err *err)
{
    static const char where[] = "config.Healthcheck";
    json_t *health = NULL;

    if (sc_json_get_obj(config, "Healthcheck", "config", &health, err) < 0)
        return -1;
    if (!health)
        return 0;
    if (sc_json_get_strv(health, "Test", where, arena, &out->test, err) < 0 ||
        sc_json_get_i64(health, "Interval", where, &out->interval, err) < 0 ||
        sc_json_get_i64(health, "Timeout", where, &out->timeout, err) < 0 ||
        sc_json_get_i64(health, "StartPeriod", where, &out->start_period, err) < 0 ||
        sc_json_get_i64(health, "StartInterval", where, &out->start_interval, err) < 0 ||
        sc_json_get_i64(health, "Retries", where, &out->retries, err) < 0)
        return -1;
    if (out->interval < 0 || out->timeout < 0 || out->start_period < 0 || out->start_interval < 0 || out->retries < 0)
        return sc_err_set(err, SC_ERR_INVALID, "%s: a duration or count is negative", where);
    out->is_set = true;
    return 0;
}

static int
config_decode_run(const json_t *config, struct sc_arena *arena, struct sc_image_config *out, struct sc_err *err)
{
    if (sc_json_get_strv(config, "Env", "config", arena, &out->env, err) < 0 || config_check_env(&out->env, err) < 0 ||
        sc_json_get_strv(config, "Entrypoint", "config", arena, &out->entrypoint, err) < 0 ||
        sc_json_get_strv(config, "Cmd", "config", arena, &out->cmd, err) < 0 ||
        sc_json_get_str(config, "WorkingDir", "config", arena, &out->working_dir, err) < 0 ||
        sc_json_get_str(config, "User", "config", arena, &out->user, err) < 0 ||
        sc_json_get_str(config, "StopSignal", "config", arena, &out->stop_signal, err) < 0 ||
        sc_json_get_map(config, "Labels", "config", arena, &out->labels, err) < 0 ||
        config_get_keys(config, "Volumes", arena, &out->volumes, err) < 0 ||
        config_get_keys(config, "ExposedPorts", arena, &out->exposed_ports, err) < 0 ||
        sc_json_get_strv(config, "OnBuild", "config", arena, &out->on_build, err) < 0 ||
        config_decode_health(config, arena, &out->healthcheck, err) < 0)
        return -1;
    /* Docker takes a relative one from the root. */
    if (out->working_dir && out->working_dir[0] != '\0' && out->working_dir[0] != '/')
        out->working_dir = sc_arena_printf(arena, "/%s", out->working_dir);
    return sc_arena_check(arena, err);
}

static int
config_decode_rootfs(const json_t *root, struct sc_arena *arena, struct sc_strv *diff_ids, struct sc_err *err)
{
    json_t *rootfs = NULL;
    char *type = NULL;

    if (sc_json_get_obj(root, "rootfs", "", &rootfs, err) < 0)
        return -1;
    if (!rootfs)
        return sc_err_set(err, SC_ERR_INVALID, "rootfs: is missing");
    if (sc_json_get_str(rootfs, "type", "rootfs", arena, &type, err) < 0 ||
        sc_json_get_strv(rootfs, "diff_ids", "rootfs", arena, diff_ids, err) < 0)
        return -1;
    if (!sc_str_eq(type, "layers"))
        return sc_err_set(err, SC_ERR_INVALID, "rootfs.type: must be \"layers\"");
    if (diff_ids->count > SC_IMAGE_LAYERS_MAX)
        return sc_err_set(err, SC_ERR_UNSUPPORTED, "rootfs.diff_ids: %zu are more than the %d that overlay can stack",
                          diff_ids->count, SC_IMAGE_LAYERS_MAX);
    for (size_t i = 0; i < diff_ids->count; i++) {
        if (!sc_digest_is_valid(diff_ids->items[i]))
            return sc_err_set(err, SC_ERR_INVALID,
                              "rootfs.diff_ids[%zu]: must be \"sha256:\" and 64 hexadecimal digits", i);
    }
    return 0;
}

static int
config_decode(const json_t *root, struct sc_arena *arena, struct sc_image *out, struct sc_err *err)
{
    json_t *config = NULL;

    if (!json_is_object(root))
        return sc_err_set(err, SC_ERR_INVALID, "must be an object");
    if (sc_json_get_str(root, "architecture", "", arena, &out->architecture, err) < 0 ||
        sc_json_get_str(root, "variant", "", arena, &out->variant, err) < 0 ||
        sc_json_get_str(root, "os", "", arena, &out->os, err) < 0 ||
        sc_json_get_str(root, "created", "", arena, &out->created, err) < 0 ||
        sc_json_get_str(root, "author", "", arena, &out->author, err) < 0 ||
        sc_json_get_str(root, "comment", "", arena, &out->comment, err) < 0 ||
        config_decode_rootfs(root, arena, &out->diff_ids, err) < 0 ||
        sc_json_get_obj(root, "config", "", &config, err) < 0)
        return -1;
    return config ? config_decode_run(config, arena, &out->config, err) : 0;
}

int
sc_image_config_decode(const char *text, size_t len, struct sc_arena *arena, struct sc_image *out, struct sc_err *err)
{
    struct sc_image image = {.id = NULL};
    sc_cleanup_json root = NULL;

    if (sc_json_parse(text, len, "image config", &root, err) < 0)
        return -1;
    if (config_decode(root, arena, &image, err) < 0)
        return sc_err_wrap(err, "image config");
    *out = image;
    return 0;
}

/* GOARCH names (which image-spec uses) of what uname(2) says; the second one runs here as well. */
static const struct platform {
    const char *machine, *arch, *also;
} platforms[] = {
    {"x86_64", "amd64", "386"},       {"i686", "386", NULL},    {"aarch64", "arm64", NULL},
    {"armv7l", "arm", NULL},          {"armv6l", "arm", NULL},  {"riscv64", "riscv64", NULL},
    {"ppc64le", "ppc64le", NULL},     {"s390x", "s390x", NULL}, {"loongarch64", "loong64", NULL},
    {"mips64", "mips64le", "mipsle"},
};

static const struct platform *
platform_of(const char *machine)
{
    for (size_t i = 0; i < SC_ARRAY_LEN(platforms); i++) {
        if (strcmp(platforms[i].machine, machine) == 0)
            return &platforms[i];
    }
    return NULL;
}

int
sc_platform_rank(const char *os, const char *arch)
{
    const struct platform *host;
    struct utsname name;

    if (os && *os && strcmp(os, "linux") != 0)
        return 0;
    if (!arch || !*arch)
        return 2;
    (void)uname(&name);
    host = platform_of(name.machine);
    if (!host)
        return 0;
    return strcmp(arch, host->arch) == 0 ? 2 : sc_str_eq(arch, host->also) ? 1 : 0;
}

const char *
sc_platform_arch(char machine[SC_PLATFORM_MAX])
{
    const struct platform *host;
    struct utsname name;

    (void)uname(&name);
    host = platform_of(name.machine);
    (void)snprintf(machine, SC_PLATFORM_MAX, "%s", host ? host->arch : name.machine);
    return machine;
}

int
sc_image_check_platform(const struct sc_image *image, struct sc_err *err)
{
    const char *variant = image->variant ? image->variant : "";
    char host[SC_PLATFORM_MAX];

    if (sc_platform_rank(image->os, image->architecture) > 0)
        return 0;
    (void)sc_platform_arch(host);
    sc_err_set(err, SC_ERR_UNSUPPORTED, "image \"%s\" is for %s/%s%s%s, this machine is linux/%s",
               image->name ? image->name
               : image->id ? image->id
                           : "",
               image->os && *image->os ? image->os : "linux", image->architecture ? image->architecture : "?",
               *variant ? "/" : "", variant, host);
    return sc_err_remedy(err, "use an image built for linux/%s", host);
}
