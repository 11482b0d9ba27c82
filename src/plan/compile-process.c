/* From limits to execve: what becomes of the process itself, the same for a container's first and for an exec. */
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "kernel/kernel.h"
#include "plan/plan-priv.h"

#define DEFAULT_PATH "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static struct sc_step *
add(struct sc_arena *arena, struct sc_steps *steps, enum sc_op op, const char *why)
{
    return sc_steps_add(arena, steps, op, SC_SLOT_NONE, why);
}

static int
compile_scheduling(struct sc_arena *arena, struct sc_steps *steps, const struct sc_process_ask *ask, struct sc_err *err)
{
    const struct sc_oci_process *p = ask->process;
    struct sc_step *step;

    if (p->scheduler.is_set) {
        if ((step = add(arena, steps, SC_OP_SCHEDULER, "the scheduling policy asked for")) == NULL)
            return sc_err_nomem(err);
        step->u.scheduler = &p->scheduler;
    }
    if (p->io_priority.is_set) {
        if ((step = add(arena, steps, SC_OP_IO_PRIORITY, "the I/O priority asked for")) == NULL)
            return sc_err_nomem(err);
        step->u.io_priority = &p->io_priority;
    }
    if (ask->is_exec && p->exec_cpu_affinity_final != NULL && p->exec_cpu_affinity_final[0] != '\0') {
        if ((step = add(arena, steps, SC_OP_AFFINITY, "the CPUs asked for")) == NULL)
            return sc_err_nomem(err);
        step->u.text.text = p->exec_cpu_affinity_final;
    }
    return 0;
}

int
sc_compile_oom_score(struct sc_arena *arena, struct sc_steps *steps, const struct sc_oci_process *process,
                     const char *why, struct sc_err *err)
{
    struct sc_step *step;

    if (!process->oom_score_adj.is_set)
        return 0;
    if ((step = add(arena, steps, SC_OP_OOM_SCORE, why)) == NULL)
        return sc_err_nomem(err);
    step->u.number.value = process->oom_score_adj.value;
    return 0;
}

/* That of open files comes when ours are closed: until then there may be more than it allows. */
static int
compile_rlimits(struct sc_arena *arena, struct sc_steps *steps, const struct sc_oci_process *p, bool are_files,
                struct sc_err *err)
{
    for (size_t i = 0; i < p->rlimit_count; i++) {
        struct sc_step *step;

        if ((p->rlimits[i].resource == RLIMIT_NOFILE) != are_files)
            continue;
        if ((step = add(arena, steps, SC_OP_RLIMIT, "a resource limit of the process")) == NULL)
            return sc_err_nomem(err);
        step->u.rlimit.resource = p->rlimits[i].resource;
        step->u.rlimit.soft = p->rlimits[i].soft;
        step->u.rlimit.hard = p->rlimits[i].hard;
    }
    return 0;
}

static int
compile_limits(struct sc_arena *arena, struct sc_steps *steps, const struct sc_process_ask *ask, struct sc_err *err)
{
    if (compile_rlimits(arena, steps, ask->process, false, err) < 0)
        return -1;
    /* in a user namespace sc_compile_become_root has done it */
    if (!ask->has_user_ns &&
        sc_compile_oom_score(arena, steps, ask->process, "how readily the OOM killer takes it", err) < 0)
        return -1;
    return compile_scheduling(arena, steps, ask, err);
}

/* execvp(3)'s search, prepared here so that the child only tries names. */
static char **
program_candidates(struct sc_arena *arena, const char *program, const struct sc_strv *env)
{
    struct sc_strv list = {0};
    ssize_t index = sc_strv_find_key(env, "PATH");
    const char *path = index >= 0 ? env->items[index] + strlen("PATH=") : DEFAULT_PATH;

    if (strchr(program, '/') != NULL) {
        sc_strv_add(&list, arena, program);
        return list.items;
    }
    while (*path != '\0') {
        size_t len = strcspn(path, ":");

        if (len == 0)
            sc_strv_addf(&list, arena, "./%s", program);
        else
            sc_strv_addf(&list, arena, "%.*s/%s", (int)len, path, program);
        path += len;
        if (*path == ':')
            path++;
    }
    if (list.count == 0)
        sc_strv_addf(&list, arena, "/%s", program);
    return list.items;
}

static bool
is_same_key(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");

    return strncmp(a, b, len) == 0 && (b[len] == '=' || b[len] == '\0') && strcspn(b, "=") == len;
}

/* Of variables that are set twice the last counts, as with a shell; programs disagree about which they would take.
 * Found by a table of hashes: a cluster may hand down thousands. */
static int
add_env(struct sc_arena *arena, const struct sc_strv *given, struct sc_strv *out, struct sc_err *err)
{
    size_t size = 16;

    while (size < given->count * 2)
        size *= 2;
    const char **seen = SC_ARENA_ARRAY(arena, const char *, size);
    bool *is_kept = SC_ARENA_ARRAY(arena, bool, given->count + 1);

    if (seen == NULL || is_kept == NULL)
        return sc_err_nomem(err);
    for (size_t i = given->count; i-- > 0;) {
        uint32_t hash = 2166136261U; /* FNV-1a */

        for (const char *at = given->items[i]; *at != '\0' && *at != '='; at++)
            hash = (hash ^ (unsigned char)*at) * 16777619U;
        size_t at = hash & (size - 1);
        while (seen[at] != NULL && !is_same_key(given->items[i], seen[at]))
            at = (at + 1) & (size - 1);
        is_kept[i] = seen[at] == NULL;
        if (is_kept[i])
            seen[at] = given->items[i];
    }
    for (size_t i = 0; i < given->count; i++)
        if (is_kept[i])
            sc_strv_add(out, arena, given->items[i]);
    return sc_arena_check(arena, err);
}

/* As runc and crun do it, and programs count on: HOME is what the container's own passwd(5) says, where the config does
 * not. NULL: it does, or memory ran out. */
static char *
add_home(struct sc_arena *arena, struct sc_strv *env)
{
    ssize_t index = sc_strv_find_key(env, "HOME");
    char *entry;

    if (index >= 0 && (size_t)index < env->count && strcmp(env->items[index], "HOME=") != 0)
        return NULL;
    entry = sc_arena_array(arena, strlen("HOME=") + SC_HOME_MAX, 1);
    if (entry == NULL)
        return NULL;
    memcpy(entry, "HOME=/", sizeof("HOME=/"));
    /* not a copy: the child fills it in */
    if (index < 0)
        sc_strv_add(env, arena, "HOME=");
    if (env->items != NULL)
        env->items[index >= 0 ? (size_t)index : env->count - 1] = entry;
    return entry;
}

static int
compile_program(struct sc_arena *arena, const struct sc_process_ask *ask, struct sc_step *find, char **home,
                struct sc_err *err)
{
    const struct sc_oci_process *p = ask->process;
    struct sc_strv argv = {0}, env = {0};

    /* sc-init takes the program as its arguments; --init finds it by the same search */
    if (ask->init_path != NULL) {
        sc_strv_add(&argv, arena, SC_INIT_INSIDE);
        sc_strv_add(&argv, arena, "--");
    }
    for (size_t i = 0; i < p->args.count; i++)
        sc_strv_add(&argv, arena, p->args.items[i]);
    if (add_env(arena, &p->env, &env, err) < 0)
        return -1;
    *home = add_home(arena, &env);
    if (env.items == NULL)
        env.items = SC_ARENA_ARRAY(arena, char *, 1);
    find->u.exec.argv = argv.items;
    find->u.exec.envp = env.items;
    find->u.exec.candidates = program_candidates(arena, p->args.items[0], &p->env);
    return sc_arena_check(arena, err);
}

static int
compile_ids(struct sc_arena *arena, struct sc_steps *steps, const struct sc_process_ask *ask, struct sc_err *err)
{
    const struct sc_oci_user *user = &ask->process->user;
    struct sc_step *step = add(arena, steps, SC_OP_SET_IDS, "no id or group of the caller remains");

    if (step == NULL)
        return sc_err_nomem(err);
    step->u.ids.uid = user->uid;
    step->u.ids.gid = user->gid;
    step->u.ids.groups = user->additional_gids;
    step->u.ids.group_count = user->additional_gid_count;
    step->u.ids.may_keep_groups = ask->may_keep_groups;
    if (ask->denies_setgroups && user->additional_gid_count > 0)
        return sc_err_set(err, SC_ERR_DENIED,
                          "process.user.additionalGids: setting groups needs a gid map made by root (newgidmap)");
    if ((step = add(arena, steps, SC_OP_UMASK, "the mask of new files")) == NULL)
        return sc_err_nomem(err);
    step->u.number.value = user->umask.is_set ? (int64_t)user->umask.value : 0022;
    return 0;
}

/* What a launcher with a smaller bounding set cannot give is left out, not refused (config.md, "Linux Process":
 * runtimes should not fail on it). A new user namespace starts with all of them. */
static uint64_t
grantable(const struct sc_process_ask *ask)
{
    return ask->has_user_ns ? ~UINT64_C(0) : ask->host_caps;
}

/* Before the profile, which may forbid the call that loads it. */
static int
compile_calls(struct sc_arena *arena, struct sc_steps *steps, const struct sc_process_ask *ask, struct sc_err *err)
{
    if (ask->has_calls &&
        add(arena, steps, SC_OP_CALLS, "its container's view says how much memory and how many CPUs there are") == NULL)
        return sc_err_nomem(err);
    return 0;
}

static int
compile_privileges(struct sc_arena *arena, struct sc_steps *steps, const struct sc_process_ask *ask, struct sc_err *err)
{
    const struct sc_oci_capabilities *caps = &ask->process->capabilities;
    struct sc_step *step = NULL, *seccomp = NULL;
    uint64_t can = grantable(ask);

    /* Without no_new_privs a filter needs CAP_SYS_ADMIN, so it is loaded while there is one (seccomp(2)). */
    if (!ask->process->no_new_privileges && compile_calls(arena, steps, ask, err) < 0)
        return -1;
    if (ask->seccomp != NULL && !ask->process->no_new_privileges) {
        if ((seccomp = add(
                 arena, steps, SC_OP_SECCOMP,
                 "system calls outside the profile are refused; before the capability that loading needs is gone")) ==
            NULL)
            return sc_err_nomem(err);
        seccomp->u.seccomp.profile = ask->seccomp;
    }
    if ((step = add(arena, steps, SC_OP_CAPS_BOUNDING, "what is dropped here no program can ever get back")) == NULL)
        return sc_err_nomem(err);
    step->u.caps.bounding = caps->is_set ? caps->bounding & can : 0;
    if (compile_ids(arena, steps, ask, err) < 0)
        return -1;
    if ((step = add(arena, steps, SC_OP_CAPS, "the capabilities of the process, no others")) == NULL)
        return sc_err_nomem(err);
    if (caps->is_set) {
        *ask->caps_left_out = (caps->bounding | caps->permitted | caps->effective | caps->inheritable) & ~can;
        step->u.caps.effective = caps->effective & can;
        step->u.caps.permitted = caps->permitted & can;
        step->u.caps.inheritable = caps->inheritable & can;
        /* capabilities(7): none is ambient that is not permitted and inheritable; configs of runc 1.1 ask for more, and
         * runc raises what it can */
        step->u.caps.ambient = caps->ambient & caps->inheritable & caps->permitted & can;
    }
    if (ask->process->no_new_privileges) {
        if (add(arena, steps, SC_OP_NO_NEW_PRIVS,
                "execve gives no privilege: setuid and file capabilities are ignored") == NULL)
            return sc_err_nomem(err);
        if (compile_calls(arena, steps, ask, err) < 0)
            return -1;
        if (ask->seccomp != NULL) {
            if ((seccomp = add(arena, steps, SC_OP_SECCOMP,
                               "system calls outside the profile are refused; as late as can be")) == NULL)
                return sc_err_nomem(err);
            seccomp->u.seccomp.profile = ask->seccomp;
        }
    }
    return 0;
}

int
sc_compile_process(struct sc_arena *arena, struct sc_steps *steps, const struct sc_process_ask *ask, struct sc_err *err)
{
    const struct sc_oci_process *p = ask->process;
    struct sc_step *step, *find;
    char *home = NULL;

    if (p->args.count == 0)
        return sc_err_set(err, SC_ERR_INVALID, "process.args: must name a program");
    if (compile_limits(arena, steps, ask, err) < 0)
        return -1;
    if ((step = add(arena, steps, SC_OP_CWD,
                    "made when absent, resolved inside the root, so that it can never be outside")) == NULL)
        return sc_err_nomem(err);
    step->u.text.text = p->cwd;
    if ((find = add(arena, steps, SC_OP_FIND_PROGRAM, "a missing program is told before anything else happens")) ==
        NULL)
        return sc_err_nomem(err);
    if (compile_program(arena, ask, find, &home, err) < 0)
        return -1;
    char *const *argv = find->u.exec.argv, *const *envp = find->u.exec.envp,
                *const *candidates = find->u.exec.candidates;

    if (home != NULL) {
        if ((step = add(arena, steps, SC_OP_HOME, "the config does not name one")) == NULL)
            return sc_err_nomem(err);
        step->u.home.uid = p->user.uid;
        step->u.home.entry = home;
    }
    if (sc_compile_labels(arena, steps, ask, err) < 0)
        return -1;
    if (ask->waits_for_start &&
        add(arena, steps, SC_OP_WAIT_START, "created; the program runs when start says so") == NULL)
        return sc_err_nomem(err);
    if (add(arena, steps, SC_OP_NULL_FDS,
            "by a descriptor of the host's, root could give that another owner or mode") == NULL)
        return sc_err_nomem(err);
    if ((step = add(arena, steps, SC_OP_CLOSE_FDS,
                    "no descriptor of the host gets in, not even as /proc/self/fd/N in the program's path")) == NULL)
        return sc_err_nomem(err);
    step->u.number.value = ask->preserve_fds;
    if (compile_rlimits(arena, steps, p, true, err) < 0)
        return -1;
    if (compile_privileges(arena, steps, ask, err) < 0)
        return -1;
    if (ask->dies_with_parent && add(arena, steps, SC_OP_PDEATHSIG,
                                     "nothing runs without its monitor; after the ids, whose change clears it") == NULL)
        return sc_err_nomem(err);
    /* Their programs are the image's, so they get no right that the program itself does not have. */
    if (ask->start_hooks != NULL && ask->start_hooks->count > 0) {
        if ((step = add(arena, steps, SC_OP_HOOKS_START,
                        "hooks in the container, before its program, with its rights")) == NULL)
            return sc_err_nomem(err);
        step->u.hooks.lists[0] = ask->start_hooks;
        step->u.hooks.names[0] = "startContainer";
    }
    if ((step = add(arena, steps, SC_OP_EXEC,
                    ask->init_path != NULL ? "sc-init is pid 1: it reaps and forwards signals"
                                           : "the program takes over")) == NULL)
        return sc_err_nomem(err);
    step->u.exec.argv = argv;
    step->u.exec.envp = envp;
    step->u.exec.candidates = candidates;
    if (ask->init_path != NULL) {
        char **only = SC_ARENA_ARRAY(arena, char *, 2);

        if (only == NULL)
            return sc_err_nomem(err);
        only[0] = argv[0];
        step->u.exec.candidates = only;
    }
    return 0;
}

/* ---- exec: a further process in a running container ------------------------------------------------- */

static int
compile_exec_cgroups(const struct sc_exec_ask *ask, const struct sc_host *host, struct sc_arena *arena,
                     struct sc_plan *out, struct sc_err *err)
{
    for (size_t i = 0; ask->cgroup_dirs != NULL && i < ask->cgroup_dirs->count; i++) {
        const char *dir = ask->cgroup_dirs->items[i];
        bool is_v2 = false;
        int slot = sc_plan_new_slot(out);
        struct sc_step *step = sc_steps_add(arena, &out->before, SC_OP_CGROUP_OPEN, slot,
                                            "the container's limits hold for this process too");

        for (size_t k = 0; k < host->cgroups.count; k++) {
            const struct sc_cgroup_hierarchy *h = &host->cgroups.items[k];

            if (h->is_v2 && sc_str_starts(dir, h->mount_point) && dir[strlen(h->mount_point)] == '/')
                is_v2 = true;
        }
        if (step == NULL)
            return sc_err_nomem(err);
        step->u.cgroup.mount_point = dir;
        step->u.cgroup.path = "";
        step->u.cgroup.is_v2 = is_v2;
        step->u.cgroup.beside = ask->pid;
        if (is_v2) {
            out->clone.u.clone.cgroup_slot = slot;
            continue;
        }
        int join_slot = sc_plan_new_slot(out);
        if ((step = sc_steps_add(arena, &out->child, SC_OP_CGROUP_JOIN, join_slot,
                                 "a task that moves itself skips the lock that moving another takes")) == NULL)
            return sc_err_nomem(err);
        step->u.cgroup.mount_point = dir;
        step->u.cgroup.path = "";
    }
    return 0;
}

static int
compile_exec_joins(const struct sc_exec_ask *ask, bool is_unprivileged, struct sc_arena *arena, struct sc_plan *out,
                   struct sc_err *err)
{
    int slot = sc_plan_new_slot(out);
    struct sc_step *step =
        sc_steps_add(arena, &out->before, SC_OP_PIDFD_OPEN, slot, "a pidfd cannot come to mean another process");
    /* Without privilege only the container's user namespace gives the right to join its pid namespace. */
    uint64_t first = sc_ns_table[SC_NS_PID].clone_flag | (is_unprivileged ? sc_ns_table[SC_NS_USER].clone_flag : 0);
    uint64_t now = ask->ns_flags & first, later = ask->ns_flags & ~first;

    if (step == NULL)
        return sc_err_nomem(err);
    step->u.ns.pid = ask->pid;
    step->u.ns.start_time = ask->start_time;
    /* A container in the launcher's own mount namespace is told from the host by its root alone. */
    if ((ask->ns_flags & sc_ns_table[SC_NS_MOUNT].clone_flag) == 0) {
        if ((step = sc_steps_add(arena, &out->before, SC_OP_ROOT_OPEN, SC_SLOT_ROOT,
                                 "the container has no mount namespace of its own, but a root")) == NULL)
            return sc_err_nomem(err);
        step->u.ns.pid = ask->pid;
        step->u.ns.start_time = ask->start_time;
    }
    if (now != 0) {
        if ((step = sc_steps_add(arena, &out->before, SC_OP_NS_JOIN, slot,
                                 "takes effect for the child that is cloned next")) == NULL)
            return sc_err_nomem(err);
        step->u.ns.flags = now;
        step->u.ns.pid = ask->pid;
    }
    if (later != 0) {
        if ((step = sc_steps_add(arena, &out->child, SC_OP_NS_JOIN, slot,
                                 "one call joins all namespaces of the container")) == NULL)
            return sc_err_nomem(err);
        step->u.ns.flags = later;
        step->u.ns.pid = ask->pid;
    }
    if (ask->has_user_namespace && sc_compile_become_root(arena, &out->child, ask->linux_, out->process,
                                                          "the caller's ids mean nothing in the container", err) < 0)
        return -1;
    if (sc_steps_add(arena, &out->child, SC_OP_SETSID, SC_SLOT_NONE, "no controlling terminal of the caller is kept") ==
        NULL)
        return sc_err_nomem(err);
    if ((ask->ns_flags & sc_ns_table[SC_NS_MOUNT].clone_flag) == 0 &&
        sc_steps_add(arena, &out->child, SC_OP_CHROOT, SC_SLOT_NONE, "where the container's own processes are") == NULL)
        return sc_err_nomem(err);
    return 0;
}

int
sc_plan_compile_exec(const struct sc_oci_process *process, const struct sc_host *host, const struct sc_exec_ask *ask,
                     struct sc_arena *arena, struct sc_plan *out, struct sc_err *err)
{
    struct sc_process_ask tail = {
        .process = process,
        .seccomp = ask->seccomp != NULL && ask->seccomp->is_set ? ask->seccomp : NULL,
        .dies_with_parent = ask->dies_with_parent,
        .has_user_ns = ask->has_user_namespace,
        .may_keep_groups = host->uid != 0,
        .preserve_fds = ask->preserve_fds,
        .host_caps = host->caps,
        .has_apparmor = host->has_apparmor,
        .has_selinux = host->has_selinux,
        .has_calls = ask->has_calls,
        .is_exec = true,
        .caps_left_out = &out->caps_left_out,
    };

    memset(out, 0, sizeof(*out));
    out->slot_count = SC_SLOT_FIRST_FREE;
    out->is_exec = true;
    out->process = process;
    out->undo = sc_arena_strdup(arena, "");
    out->clone.op = SC_OP_CLONE;
    out->clone.slot = SC_SLOT_NONE;
    out->clone.why = "the process that becomes the program";
    out->clone.u.clone.cgroup_slot = SC_SLOT_NONE;
    bool has_affinity = process->exec_cpu_affinity_final != NULL;

    if (process->exec_cpu_affinity_initial != NULL && process->exec_cpu_affinity_initial[0] != '\0') {
        has_affinity = true;
        struct sc_step *step = sc_steps_add(arena, &out->before, SC_OP_AFFINITY, SC_SLOT_NONE,
                                            "where the launcher runs until the process is in the container's cgroup");

        if (step == NULL)
            return sc_err_nomem(err);
        step->u.text.text = process->exec_cpu_affinity_initial;
    }
    if ((ask->linux_ != NULL && sc_compile_resctrl(&ask->linux_->intel_rdt, ask->id, host, arena, out, err) < 0) ||
        compile_exec_cgroups(ask, host, arena, out, err) < 0 ||
        (!has_affinity && sc_compile_all_cpus(arena, &out->child, host, err) < 0) ||
        compile_exec_joins(ask, host->uid != 0, arena, out, err) < 0 ||
        (ask->linux_ != NULL && sc_compile_personality(arena, &out->child, ask->linux_, err) < 0))
        return -1;
    if (!ask->no_new_keyring) {
        if (sc_compile_key_label(arena, &out->child, process, err) < 0)
            return -1;
        struct sc_step *step = sc_steps_add(arena, &out->child, SC_OP_KEYRING, SC_SLOT_NONE,
                                            "so that the caller's keys are not inherited");

        if (step == NULL)
            return sc_err_nomem(err);
        step->u.text.text = "_ses";
    }
    if (process->terminal) {
        struct sc_step *step =
            sc_steps_add(arena, &out->child, SC_OP_CONSOLE, SC_SLOT_NONE, "a terminal of the container's own devpts");

        if (step == NULL)
            return sc_err_nomem(err);
        step->u.console.width = process->console_width;
        step->u.console.height = process->console_height;
        step->u.console.uid = process->user.uid;
    }
    if (sc_compile_process(arena, &out->child, &tail, err) < 0)
        return -1;
    return sc_arena_check(arena, err);
}

int
sc_compile_personality(struct sc_arena *arena, struct sc_steps *steps, const struct sc_oci_linux *l, struct sc_err *err)
{
    if (l->personality.is_set) {
        struct sc_step *step =
            sc_steps_add(arena, steps, SC_OP_PERSONALITY, SC_SLOT_NONE, "the execution domain asked for");

        if (step == NULL)
            return sc_err_nomem(err);
        step->u.number.value = (int64_t)l->personality.value;
    }
    if (l->memory_policy.is_set) {
        struct sc_step *step =
            sc_steps_add(arena, steps, SC_OP_MEMORY_POLICY, SC_SLOT_NONE, "the NUMA policy asked for");

        if (step == NULL)
            return sc_err_nomem(err);
        step->u.memory_policy = &l->memory_policy;
    }
    return 0;
}

int
sc_compile_all_cpus(struct sc_arena *arena, struct sc_steps *steps, const struct sc_host *host, struct sc_err *err)
{
    struct sc_step *step;

    if (!host->has_narrow_affinity)
        return 0;
    step = sc_steps_add(arena, steps, SC_OP_AFFINITY, SC_SLOT_NONE,
                        "where the launcher may run is its own affair; the cgroup's CPUs still hold");
    if (step == NULL)
        return sc_err_nomem(err);
    step->u.text.text = sc_arena_printf(arena, "0-%u", host->cpu_count > 0 ? host->cpu_count - 1 : 0);
    return sc_arena_check(arena, err);
}
