/*
 * Torture: a job is run again and again, and in the n-th run its n-th allocation fails, until one run has fewer
 * allocations than that. Each run that lost an allocation must return the out-of-memory error; every run must
 * give back all that it allocated. Programs that use it link with torture_link_args (meson.build).
 */
#ifndef SC_TESTS_UNIT_TORTURE_H
#define SC_TESTS_UNIT_TORTURE_H

#include "base/base.h"

/* Returns 0 or -1 with err filled, having released everything. */
typedef int (*torture_job)(void *context, struct sc_err *err);

/* Fails the cmocka test unless it goes as above; returns how many allocations the job has. */
size_t torture_run(const char *name, torture_job job, void *context);

#endif
