/* cgconfig.conf: what is accepted names a controller in every group, and absolute mount points. */
#include <string.h>

#include "cli/cgroup-priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_cgconfig config;

    sc_buf_add(&text, data, size);
    if (sc_cgconfig_parse(sc_buf_str(&text), "f", &arena, &config, &err) < 0) {
        if (err.kind == SC_ERR_NONE || strncmp(err.msg, "f:", 2) != 0)
            SC_BUG("an error without its line");
        return 0;
    }
    for (size_t i = 0; i < config.mount_count; i++) {
        if (config.mounts[i].dir[0] != '/')
            SC_BUG("a mount point that is not absolute");
    }
    for (size_t i = 0; i < config.group_count; i++) {
        const struct sc_cgconfig_group *group = &config.groups[i];

        if (group->param_count == 0 || group->params[0].key)
            SC_BUG("a group without a controller");
        for (size_t j = 0; j < group->param_count; j++) {
            if (!group->params[j].controller || !group->params[j].key != !group->params[j].value)
                SC_BUG("half a parameter");
        }
    }
    return 0;
}
