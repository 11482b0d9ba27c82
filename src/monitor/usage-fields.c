/* What a container has used, as exit.json holds it; usage-read.c is the inverse. musl-clean: only base. */
#include <inttypes.h>

#include "monitor/monitor.h"
#include "monitor/usage-priv.h"

const struct sc_usage_field sc_usage_fields[] = {
#define FIELD(name, member)                                                                                            \
    {                                                                                                                  \
        name, offsetof(struct sc_usage, member)                                                                        \
    }
    FIELD("cpu", cpu_ns),
    FIELD("cpuUser", user_ns),
    FIELD("cpuSystem", system_ns),
    FIELD("periods", periods),
    FIELD("throttledPeriods", throttled_periods),
    FIELD("throttled", throttled_ns),
    FIELD("memoryLimit", memory_limit),
    FIELD("memoryPeak", memory_peak),
    FIELD("oomKills", oom_kills),
    FIELD("pidsLimit", pids_limit),
    FIELD("pidsHits", pids_hits),
    FIELD("readBytes", read_bytes),
    FIELD("writtenBytes", written_bytes),
    FIELD("reads", reads),
    FIELD("writes", writes),
    FIELD("cpuPressure", pressure[0].some_us),
    FIELD("memoryPressure", pressure[1].some_us),
    FIELD("ioPressure", pressure[2].some_us),
#undef FIELD
};
const size_t sc_usage_field_count = SC_ARRAY_LEN(sc_usage_fields);

void
sc_usage_encode(const struct sc_usage *usage, struct sc_buf *out)
{
    for (size_t i = 0; i < sc_usage_field_count; i++) {
        uint64_t value = *(const uint64_t *)(const void *)((const char *)usage + sc_usage_fields[i].offset);

        /* JSON's numbers are signed here, and none is what -1 says */
        sc_buf_addf(out, "%s\"%s\":%" PRId64, i ? "," : "{", sc_usage_fields[i].name,
                    value > INT64_MAX ? -1 : (int64_t)value);
    }
    sc_buf_addc(out, '}');
}
