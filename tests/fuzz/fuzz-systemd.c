/* The systemd driver's two inputs: a message from the bus, and the text of an annotation. */
#include <string.h>

#include "kernel/cgroup/systemd/systemd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
read_message(const uint8_t *data, size_t size)
{
    struct sc_err err = SC_ERR_INIT;
    struct sc_dbus_message message;

    if (sc_dbus_read(data, size, &message, &err) < 0)
        return;
    for (size_t i = 0; i < 4; i++) {
        const char *text = sc_dbus_string(&message, i);

        if (text && (text < (const char *)data || text + strlen(text) >= (const char *)data + size))
            SC_BUG("a string that is not in the message");
    }
}

static void
read_annotation(const uint8_t *data, size_t size)
{
    sc_cleanup_arena arena = SC_ARENA_INIT;
    sc_cleanup_buf bytes = SC_BUF_INIT;
    struct sc_err err = SC_ERR_INIT;
    struct sc_unit_property property;
    char *text = sc_arena_strndup(&arena, (const char *)data, size);

    if (sc_systemd_annotation("TimeoutStopSec", text, &arena, &property, &err) < 0 &&
        (err.kind != SC_ERR_INVALID || err.msg[0] == '\0'))
        SC_BUG("an error of another kind");
    if (sc_systemd_annotation("Property", text, &arena, &property, &err) == 0 &&
        sc_dbus_write_words(property.signature, &property.words, &bytes, &err) < 0)
        SC_BUG("a value that cannot be sent");
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_message(data, size);
    read_annotation(data, size);
    return 0;
}
