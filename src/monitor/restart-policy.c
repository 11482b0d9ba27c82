/* Restart policies: what they say, and the files that tell of them (restart.h). Pure. */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/restart.h"

#define DELAY_FIRST_MS 100
#define DELAY_MAX_MS   60000
#define SETTLED_NS     INT64_C(10000000000)

static const char *const names[] = {
    [SC_RESTART_NO] = "no",
    [SC_RESTART_ON_FAILURE] = "on-failure",
    [SC_RESTART_ALWAYS] = "always",
    [SC_RESTART_UNLESS_STOPPED] = "unless-stopped",
};

const char *
sc_restart_policy_name(const struct sc_restart_policy *policy)
{
    return names[policy->kind];
}

static int
read_count(const char *text, int *out, struct sc_err *err)
{
    struct sc_err ignored = SC_ERR_INIT;
    int64_t number = 0;

    if (sc_parse_i64(text, &number, &ignored) < 0 || number < INT_MIN || number > INT_MAX)
        return sc_err_set(err, SC_ERR_INVALID, "invalid restart policy format: maximum retry count must be an integer");
    *out = (int)number;
    return 0;
}

int
sc_restart_policy_parse(const char *text, struct sc_restart_policy *out, struct sc_err *err)
{
    size_t len = strcspn(text, ":");
    int max = 0;

    *out = (struct sc_restart_policy){.kind = SC_RESTART_NO};
    if (*text == '\0')
        return 0;
    if (len == 0)
        return sc_err_set(err, SC_ERR_INVALID, "invalid restart policy format: no policy provided before colon");
    if (text[len] == ':' && text[len + 1] != '\0' && read_count(text + len + 1, &max, err) < 0)
        return -1;
    for (size_t i = 0; i < SC_ARRAY_LEN(names); i++) {
        if (strlen(names[i]) != len || strncmp(names[i], text, len) != 0)
            continue;
        if (i != SC_RESTART_ON_FAILURE && max != 0)
            return sc_err_set(err, SC_ERR_INVALID,
                              "invalid restart policy: maximum retry count cannot be used with restart policy '%s'",
                              names[i]);
        if (max < 0)
            return sc_err_set(err, SC_ERR_INVALID, "invalid restart policy: maximum retry count cannot be negative");
        *out = (struct sc_restart_policy){.kind = (enum sc_restart_kind)i, .max = max};
        return 0;
    }
    sc_err_set(err, SC_ERR_INVALID, "invalid restart policy '%.*s'", (int)(len < 80 ? len : 80), text);
    return sc_err_remedy(err, "give no, on-failure[:N], always or unless-stopped");
}

bool
sc_restart_is_due(const struct sc_restart_policy *policy, int code, int count)
{
    switch (policy->kind) {
    case SC_RESTART_ALWAYS:
    case SC_RESTART_UNLESS_STOPPED:
        return true;
    case SC_RESTART_ON_FAILURE:
        return code != 0 && (policy->max == 0 || count < policy->max);
    case SC_RESTART_NO:
        return false;
    }
    return false;
}

int64_t
sc_restart_delay(int64_t before, int64_t lived_ns)
{
    if (before <= 0 || lived_ns >= SETTLED_NS)
        return DELAY_FIRST_MS;
    return before < DELAY_MAX_MS / 2 ? before * 2 : DELAY_MAX_MS;
}

/* ---- the files ------------------------------------------------------------------------------------------------ */

void
sc_restart_plan_encode(const struct sc_restart_plan *plan, struct sc_buf *out)
{
    sc_buf_addf(out, "%s\n%d\n%" PRId64 "\n%s\n", plan->policy, plan->count, plan->delay, plan->program);
    for (size_t i = 0; i < plan->env_count; i++)
        sc_buf_addf(out, "%s\n", plan->envp[i]);
}

static bool
read_i64(const char *text, int64_t max, int64_t *out)
{
    struct sc_err ignored = SC_ERR_INIT;

    return text && sc_parse_i64(text, out, &ignored) == 0 && *out >= 0 && *out <= max;
}

bool
sc_restart_plan_decode(char *text, char **envp, struct sc_restart_plan *out)
{
    char *save = NULL, *word;
    int64_t count = 0;

    *out = (struct sc_restart_plan){.policy = strtok_r(text, "\n", &save), .envp = envp};
    if (!out->policy || !read_i64(strtok_r(NULL, "\n", &save), INT_MAX, &count) ||
        !read_i64(strtok_r(NULL, "\n", &save), INT_MAX, &out->delay))
        return false;
    out->count = (int)count;
    out->program = strtok_r(NULL, "\n", &save);
    while (out->program && out->env_count < SC_RESTART_ENV_MAX && (word = strtok_r(NULL, "\n", &save)) != NULL)
        envp[out->env_count++] = word;
    envp[out->env_count] = NULL;
    return out->program != NULL;
}

void
sc_restarting_encode(const struct sc_restarting *restarting, struct sc_buf *out)
{
    sc_buf_addf(out, "%d %d %" PRId64 " %d %" PRId64 "\n", (int)restarting->pid, restarting->count, restarting->delay,
                restarting->code, restarting->finished_at);
}

bool
sc_restarting_decode(const char *text, struct sc_restarting *out)
{
    int64_t fields[5];

    for (size_t i = 0; i < SC_ARRAY_LEN(fields); i++) {
        char *end;

        if (*text < '0' || *text > '9')
            return false;
        fields[i] = strtoll(text, &end, 10);
        if (*end != (i + 1 < SC_ARRAY_LEN(fields) ? ' ' : '\n'))
            return false;
        text = end + 1;
    }
    if (fields[0] < 1 || fields[0] > INT_MAX || fields[1] > INT_MAX || fields[3] > 255)
        return false;
    *out = (struct sc_restarting){.pid = (pid_t)fields[0],
                                  .count = (int)fields[1],
                                  .delay = fields[2],
                                  .code = (int)fields[3],
                                  .finished_at = fields[4]};
    return true;
}
