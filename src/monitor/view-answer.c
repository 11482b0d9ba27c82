/* What the calls of a view answer. Pure: the kernel's own answer and the container's values in, the answer out. */
#include <linux/sysinfo.h>
#include <string.h>

#include "monitor/view.h"

#define LOAD_ONE  65536.0 /* SI_LOAD_SHIFT */
#define PAGE_UNIT 4096    /* beyond that unit the kernel's own answer does not go either */
#define NSEC      1000000000

void
sc_view_answer_sysinfo(const struct sc_view_values *v, struct sysinfo *info)
{
    uint64_t unit = info->mem_unit ? info->mem_unit : 1;
    uint64_t host_total = info->totalram * unit, host_swap = info->totalswap * unit;

    if (v->up >= 0)
        info->uptime = v->up / NSEC + (v->up % NSEC != 0);
    for (size_t i = 0; v->cpu_user >= 0 && i < SC_ARRAY_LEN(v->load); i++)
        info->loads[i] = (unsigned long)(v->load[i] * LOAD_ONE);
    if (v->pids >= 0)
        info->procs = (uint16_t)(v->pids < UINT16_MAX ? v->pids : UINT16_MAX);
    if (v->memory_limit >= 0) {
        uint64_t total = (uint64_t)v->memory_limit < host_total ? (uint64_t)v->memory_limit : host_total;
        uint64_t used = v->memory_usage < 0 ? 0 : (uint64_t)v->memory_usage;
        uint64_t swap = v->swap_limit >= 0 && (uint64_t)v->swap_limit < host_swap ? (uint64_t)v->swap_limit : host_swap;
        uint64_t swapped = v->swap_usage < 0 ? 0 : (uint64_t)v->swap_usage;

        info->totalram = total / unit;
        info->freeram = (used < total ? total - used : 0) / unit;
        info->sharedram = (v->shmem < 0 ? 0 : (uint64_t)v->shmem) / unit;
        info->bufferram = 0;
        info->totalswap = swap / unit;
        info->freeswap = (swapped < swap ? swap - swapped : 0) / unit;
        info->totalhigh = info->freehigh = 0;
    }
}

/* As the kernel does it for 32-bit callers: a larger unit where a number of bytes has no room. */
void
sc_view_narrow_sysinfo(const struct sysinfo *info, struct sc_view_sysinfo32 *out)
{
    uint64_t unit = info->mem_unit ? info->mem_unit : 1;
    unsigned shift = 0;

    while (unit << shift < PAGE_UNIT &&
           ((info->totalram >> shift) > UINT32_MAX || (info->totalswap >> shift) > UINT32_MAX))
        shift++;
    *out = (struct sc_view_sysinfo32){.uptime = (int32_t)info->uptime,
                                      .totalram = (uint32_t)(info->totalram >> shift),
                                      .freeram = (uint32_t)(info->freeram >> shift),
                                      .sharedram = (uint32_t)(info->sharedram >> shift),
                                      .bufferram = (uint32_t)(info->bufferram >> shift),
                                      .totalswap = (uint32_t)(info->totalswap >> shift),
                                      .freeswap = (uint32_t)(info->freeswap >> shift),
                                      .procs = info->procs,
                                      .totalhigh = (uint32_t)(info->totalhigh >> shift),
                                      .freehigh = (uint32_t)(info->freehigh >> shift),
                                      .mem_unit = (uint32_t)(unit << shift)};
    for (size_t i = 0; i < SC_ARRAY_LEN(out->loads); i++)
        out->loads[i] = (uint32_t)info->loads[i];
}

/* Little-endian, as all machines are that have such a view: a long's first byte has its first bits. */
void
sc_view_trim_mask(unsigned char *mask, size_t len, int count)
{
    for (size_t i = 0; i < len; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            if ((mask[i] & (1U << bit)) != 0 && count-- <= 0)
                mask[i] &= (unsigned char)~(1U << bit);
        }
    }
}
