/*
 * Cgroups of any process, as the tools of libcgroup handle them: what `sc cgroup` does to a directory. The caller has
 * named the cgroup, so unlike in cgroup.h nothing here is limited to sc's own; what must not be touched, it checks
 * first (sc_cgroup_systemd_owns).
 */
#ifndef SC_KERNEL_CGROUP_GROUPS_H
#define SC_KERNEL_CGROUP_GROUPS_H

#include "kernel/cgroup/keys.h"

/* The files of the cgroup that *fd is, for keys.h; fd must stay open as long as it is used. */
void sc_cgroup_dir_files(const int *fd, bool is_v2, struct sc_cgroup_files *out);
/* All writes, or none: those that the kernel refuses are tried again after the others, since the order may matter
 * (memory before memsw), and what was written before one that stays refused is written back. */
SC_MUST_CHECK int sc_cgroup_write_all(int fd, const struct sc_cgroup_writes *writes, struct sc_err *err);
/* A process, whole; pid 0 is the caller. SC_ERR_NOT_FOUND when it is gone. */
SC_MUST_CHECK int sc_cgroup_attach(int fd, pid_t pid, struct sc_err *err);
/* Its processes, and (is_deep) those of all below. */
SC_MUST_CHECK int sc_cgroup_members(int fd, bool is_deep, struct sc_arena *arena, struct sc_pid_list *out,
                                    struct sc_err *err);
/* Names of the cgroups in one, and of the files in it, sorted. */
SC_MUST_CHECK int sc_cgroup_names(int fd, bool of_groups, struct sc_arena *arena, struct sc_strv *out,
                                  struct sc_err *err);
/* Moves its processes into the cgroup above and removes it; is_deep: those below too, else one that has any is
 * SC_ERR_BUSY. path is "/a/b", not "/". */
SC_MUST_CHECK int sc_cgroup_delete(const char *mount_point, const char *path, bool is_deep, struct sc_err *err);

/* Owner and mode, each (uid_t)-1 or 0 where it stays. */
struct sc_cgroup_perm {
    struct sc_opt_i64 task_uid, task_gid, admin_uid, admin_gid;
    mode_t task_mode, file_mode, dir_mode; /* masked by what the owner may, as in libcgroup; 0: as it is */
};
SC_MUST_CHECK int sc_cgroup_permit(int fd, const struct sc_cgroup_perm *perm, struct sc_err *err);

/* Whether systemd runs here and path is in a unit of it that is not delegated; *unit is that unit's name. */
SC_MUST_CHECK int sc_cgroup_systemd_owns(const char *mount_point, const char *path, struct sc_arena *arena,
                                         const char **unit, struct sc_err *err);

/* mount(2) of a v1 hierarchy with these controllers ("cpu,cpuacct", "name=x" without one), or of v2 ("cgroup2" or
 * "unified"); dir is made when it is missing. */
SC_MUST_CHECK int sc_cgroup_mount(const char *controllers, const char *dir, struct sc_err *err);
/* Only of a cgroup file system */
SC_MUST_CHECK int sc_cgroup_umount(const char *dir, struct sc_err *err);

#endif
