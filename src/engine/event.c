/* Events of containers, as `sc events` shows them. The monitor writes those of a container's end (monitor/finish.c). */
#include <string.h>

#include "engine/engine-priv.h"

static void
add_member(struct sc_buf *out, const char *key, size_t key_len, const char *value)
{
    if (out->len > 0)
        sc_buf_addc(out, ',');
    sc_buf_add_json(out, key, key_len);
    sc_buf_addc(out, ':');
    sc_buf_add_json(out, value, strlen(value));
}

void
sc_event_attributes(const struct sc_container *container, struct sc_buf *out)
{
    add_member(out, "image", strlen("image"), container->image_name ? container->image_name : "");
    add_member(out, "name", strlen("name"), container->name ? container->name : "");
    for (size_t i = 0; i < container->effective_labels.count; i++) {
        const char *label = container->effective_labels.items[i];
        size_t len = strcspn(label, "=");

        add_member(out, label, len, label[len] ? label + len + 1 : "");
    }
}

void
sc_engine_event(const struct sc_engine *engine, const struct sc_container *container, const char *action,
                const char *more)
{
    sc_cleanup_buf attributes = SC_BUF_INIT;
    struct sc_event event = {.type = "container", .action = action, .id = container->id, .more = more};

    sc_event_attributes(container, &attributes);
    event.attributes = sc_buf_str(&attributes);
    sc_event_add(engine->run_fd, &event);
}

void
sc_engine_event_of(const struct sc_engine *engine, const char *type, const char *action, const char *id,
                   const char *attributes)
{
    const struct sc_event event = {.type = type, .action = action, .id = id, .attributes = attributes};

    sc_event_add(engine->run_fd, &event);
}
