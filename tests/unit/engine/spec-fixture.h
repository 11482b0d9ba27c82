/* A container's options and the config.json that comes of them, as JSON that a runtime would read. */
#ifndef SC_TESTS_ENGINE_SPEC_FIXTURE_H
#define SC_TESTS_ENGINE_SPEC_FIXTURE_H

#include "sample.h"

#include "base/json.h"

struct spec_fixture {
    struct sc_arena arena;
    struct sc_container container;
    struct sc_create_options *o;
    struct sc_host host;
    struct sc_inputs in;
    struct sc_oci_spec spec;
    json_t *json;
};

static inline int
spec_setup(void **state)
{
    struct spec_fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->o = &f->container.options;
    memcpy(f->container.id, SAMPLE_ID, sizeof(f->container.id));
    sc_create_options_init(f->o);
    f->container.path = sc_arena_strdup(&f->arena, "sh");
    f->container.effective_workdir = sc_arena_strdup(&f->arena, "/");
    sc_strv_add(&f->container.effective_env, &f->arena, "PATH=/bin");
    f->host = (struct sc_host){.caps = sc_caps_default() | SC_CAP_BIT(12) | SC_CAP_BIT(21), .cpu_count = 2};
    f->host.cgroups.has_swap_accounting = true;
    f->host.cgroups.cpuset_cpus = sc_arena_strdup(&f->arena, "0-1,4");
    f->host.has_idmapped_mounts = true;
    f->in = (struct sc_inputs){.container = &f->container,
                               .host = &f->host,
                               .container_dir = "/c",
                               .files_dir = "/c",
                               .run_dir = "/r",
                               .volume_dir = "/v",
                               .is_root = true,
                               .can_set_sysctls = true,
                               .has_files = true,
                               .hostname = "001122334455"};
    f->in.user.home = sc_arena_strdup(&f->arena, "/root");
    sc_strv_add(&f->in.cpu_counters, &f->arena, "/sys/devices/system/cpu/cpu1/thermal_throttle");
    *state = f;
    return 0;
}

static inline int
spec_teardown(void **state)
{
    struct spec_fixture *f = *state;

    json_decref(f->json);
    sc_arena_release(&f->arena);
    free(f);
    return 0;
}

static inline void
build(struct spec_fixture *f)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;

    assert_ok(sc_spec_build(&f->in, &f->arena, &f->spec, &err));
    f->spec.linux_.seccomp.is_set = false; /* has tests of its own: kernel/seccomp */
    assert_ok(sc_oci_encode(&f->spec, &text, &err));
    json_decref(f->json);
    f->json = NULL;
    assert_ok(sc_json_parse(text.data, text.len, "spec", &f->json, &err));
    assert_ok(sc_oci_validate(&f->spec, &err));
}

static inline void
refuses(struct spec_fixture *f, enum sc_err_kind kind, const char *message)
{
    struct sc_err err = SC_ERR_INIT;

    assert_fails(sc_spec_build(&f->in, &f->arena, &f->spec, &err), kind, message);
}

/* The member at "a.b.2", compact; "" when there is none. */
static inline const char *
at(struct spec_fixture *f, const char *path)
{
    json_t *json = f->json;
    char *text, *copy;

    while (*path && json) {
        size_t len = strcspn(path, ".");

        if (json_is_array(json))
            json = json_array_get(json, strtoul(path, NULL, 10));
        else
            json = json_object_getn(json, path, len);
        path += len + (path[len] == '.');
    }
    if (!json)
        return "";
    text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
    copy = sc_arena_strdup(&f->arena, text);
    free(text);
    return copy;
}

/* "type source option,option" of the mount on destination, or "" */
static inline const char *
mount_on(struct spec_fixture *f, const char *destination)
{
    char *text;

    for (size_t i = 0; i < f->spec.mount_count; i++) {
        const struct sc_oci_mount *m = &f->spec.mounts[i];

        if (strcmp(m->destination, destination) != 0)
            continue;
        text = sc_arena_printf(&f->arena, "%s %s ", m->type, m->source);
        for (size_t j = 0; j < m->options.count; j++)
            text = sc_arena_printf(&f->arena, "%s%s%s", text, j ? "," : "", m->options.items[j]);
        return text;
    }
    return "";
}

static inline char *
copy(struct spec_fixture *f, const char *text)
{
    return sc_arena_strdup(&f->arena, text);
}

#define WITH_SPEC(test) cmocka_unit_test_setup_teardown(test, spec_setup, spec_teardown)

#endif
