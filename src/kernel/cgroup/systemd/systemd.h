/*
 * kernel/cgroup/systemd: a container's cgroup as a transient scope unit of systemd, which then knows it, shows it and
 * holds its limits (systemd-cgls, systemctl status, systemctl set-property).
 *
 *   name        cgroupsPath "slice:prefix:name" -> unit, slice and the path of its cgroup; pure
 *   properties  linux.resources -> unit properties; pure
 *   annotation  "org.systemd.property.NAME" and its text -> a property; pure
 *   message     D-Bus messages, written and read by signature; pure
 *   bus         a connection to a service manager; calls, and waiting for a job to end
 *   unit        query, start, update, attach, stop
 *
 * systemd is spoken to over its own socket, a few messages of D-Bus in all. libsystemd is not linked: sc-oci and
 * sc-monitor, which runs the undo, are static programs, and neither a static libsystemd nor dlopen from a static
 * program is to be had.
 *
 * Invariants: a property is a hint to systemd, which only logs what it cannot set. So every limit is also written to
 * its file, as without systemd, and an unenforced limit stays an error. Values are words, as busctl(1) takes them, up
 * to the moment they are sent: what --explain prints is what is sent. All but name, properties and annotation is
 * musl-clean: only base.
 */
#ifndef SC_KERNEL_CGROUP_SYSTEMD_H
#define SC_KERNEL_CGROUP_SYSTEMD_H

#include "kernel/cgroup/cgroup.h"

/* What is known of the service manager before anything is compiled. */
struct sc_systemd {
    bool is_user;        /* the caller's own manager, not PID 1 */
    unsigned version;    /* 252 */
    char *control_group; /* below which its units live: "" or "/user.slice/user-1000.slice/user@1000.service" */
    char *devices;       /* /proc/devices: DeviceAllow= takes drivers by name */
};

struct sc_unit_property {
    char *name, *signature; /* "MemoryMax", "t" */
    struct sc_strv words;   /* of the value: "1048576"; an array's begin with its length */
};
struct sc_unit_properties {
    struct sc_unit_property *items;
    size_t count, capacity;
};
struct sc_unit {
    char *name, *slice; /* "sc-ID.scope", "system.slice" */
    char *path;         /* below a hierarchy's root: control group, slices, unit */
    struct sc_unit_properties properties;
};

/* ---- pure ------------------------------------------------------------------ */

/* name, slice and path from linux.cgroupsPath; absent or "": sc-ID.scope. An empty slice is system.slice, or a user
 * manager's user.slice. */
SC_MUST_CHECK int sc_systemd_name(const char *cgroups_path, const char *id, const struct sc_systemd *systemd,
                                  struct sc_arena *arena, struct sc_unit *out, struct sc_err *err);
/* "a-b.slice" to "/a.slice/a-b.slice", "-.slice" to "" */
SC_MUST_CHECK int sc_systemd_slice_path(const char *slice, struct sc_arena *arena, char **out, struct sc_err *err);

struct sc_unit_property *sc_unit_property_add(struct sc_unit_properties *list, struct sc_arena *arena, const char *name,
                                              const char *signature);
/* One of a single word */
void sc_unit_property_set(struct sc_unit_properties *list, struct sc_arena *arena, const char *name,
                          const char *signature, const char *word);
/* What every scope gets, from its slice to Delegate=, and then the annotations, which win. */
SC_MUST_CHECK int sc_systemd_common(const struct sc_unit *unit, const char *id, bool is_v2,
                                    const struct sc_strv *annotations, struct sc_arena *arena,
                                    struct sc_unit_properties *out, struct sc_err *err);
/* The limits that systemd has a property for; writes are what sc_cgroup_translate made of the same resources. */
SC_MUST_CHECK int sc_systemd_limits(const struct sc_cgroup_layout *layout, const struct sc_cgroup_writes *writes,
                                    const struct sc_systemd *systemd, struct sc_arena *arena,
                                    struct sc_unit_properties *out, struct sc_err *err);
/* DevicePolicy= and DeviceAllow=: never less than the rules allow. What they allow exactly is decided by the kernel's
 * own files or BPF program, as without systemd. */
SC_MUST_CHECK int sc_systemd_devices(const struct sc_oci_device_rule *rules, size_t count,
                                     const struct sc_systemd *systemd, struct sc_arena *arena,
                                     struct sc_unit_properties *out, struct sc_err *err);
/* Value in GVariant's text format ("true", "'text'", "uint64 5", "['a', 'b']", "@as []", "(1, 2)"), as runc takes it.
 * A name that ends in "Sec" is one of seconds and becomes "USec". */
SC_MUST_CHECK int sc_systemd_annotation(const char *name, const char *text, struct sc_arena *arena,
                                        struct sc_unit_property *out, struct sc_err *err);

/* ---- D-Bus messages: pure, musl-clean ------------------------------------------ */

#define SC_DBUS_MESSAGE_MAX ((size_t)1 << 20)
struct sc_dbus_message { /* borrowed from the bytes it was read from */
    enum sc_dbus_type { SC_DBUS_CALL = 1, SC_DBUS_RETURN, SC_DBUS_ERROR, SC_DBUS_SIGNAL } type;
    uint32_t serial, reply_serial;
    const char *destination, *path, *interface, *member, *error_name, *signature; /* NULL: not in it */
    const uint8_t *body;
    size_t body_len;
};
/* Appends a value of each type of signature, made of words, which must be used up. */
SC_MUST_CHECK int sc_dbus_write_words(const char *signature, const struct sc_strv *words, struct sc_buf *out,
                                      struct sc_err *err);
/* A whole message; body is borrowed. */
SC_MUST_CHECK int sc_dbus_write(const struct sc_dbus_message *message, struct sc_buf *out, struct sc_err *err);
/* Length of the message that begins with these 16 bytes, or an error where it is not one. */
#define SC_DBUS_HEAD 16
SC_MUST_CHECK int sc_dbus_length(const uint8_t head[SC_DBUS_HEAD], size_t *len, struct sc_err *err);
SC_MUST_CHECK int sc_dbus_read(const uint8_t *data, size_t len, struct sc_dbus_message *out, struct sc_err *err);
/* The string ('s' or 'o', also inside a variant) that is the index-th value of the body; all before it must be strings
 * or 'u'. NULL when there is none. */
const char *sc_dbus_string(const struct sc_dbus_message *message, size_t index);

/* ---- bus: musl-clean ------------------------------------------------------------ */

struct sc_bus {
    int fd;
    bool is_user, is_private; /* private: the manager's own socket, with no bus in between */
    uint32_t serial;
    int64_t deadline;   /* CLOCK_MONOTONIC */
    struct sc_buf last; /* the message that was read last */
};
#define SC_BUS_INIT                                                                                                    \
    {                                                                                                                  \
        .fd = -1                                                                                                       \
    }
void sc_bus_release(struct sc_bus *bus);
#define sc_cleanup_bus __attribute__((cleanup(sc_bus_release))) struct sc_bus
SC_MUST_CHECK int sc_bus_open(bool is_user, struct sc_bus *bus, struct sc_err *err);
/* Calls a method of the manager object and reads its reply, borrowed from bus. *error_name is the D-Bus error's where
 * the call was answered with one, else NULL; it lives in the bus too. */
SC_MUST_CHECK int sc_bus_call(struct sc_bus *bus, const char *interface, const char *member, const char *signature,
                              const struct sc_strv *words, struct sc_dbus_message *reply, const char **error_name,
                              struct sc_err *err);
/* Waits until the job that `reply` names has ended; err says what became of it unless that is "done". */
SC_MUST_CHECK int sc_bus_wait_job(struct sc_bus *bus, const struct sc_dbus_message *reply, struct sc_err *err);

/* ---- units: musl-clean ------------------------------------------------------------ */

/* Whether systemd is the init of this machine (sd_booted(3)) */
bool sc_systemd_is_running(void);
SC_MUST_CHECK int sc_systemd_query(bool is_user, struct sc_arena *arena, struct sc_systemd *out, struct sc_err *err);
/* The words of the call, "sc-ID.scope fail N Slice s system.slice ... 0", for a scope that begins with pid ("$PID" when
 * pid is 0: to be printed); or for a service (pid is -1), which begins with its ExecStart. */
#define SC_SYSTEMD_START_SIGNATURE "ssa(sv)a(sa(sv))"
void sc_systemd_start_words(const char *unit, const struct sc_unit_properties *properties, pid_t pid,
                            struct sc_arena *arena, struct sc_strv *words);
SC_MUST_CHECK int sc_systemd_start(bool is_user, const char *unit, const struct sc_unit_properties *properties,
                                   pid_t pid, struct sc_err *err);
/* Changes properties of a running unit, until it ends. */
SC_MUST_CHECK int sc_systemd_update(bool is_user, const char *unit, const struct sc_unit_properties *properties,
                                    struct sc_err *err);
/* Moves a process into the unit's cgroup where the caller itself may not (rootless, from another session). */
SC_MUST_CHECK int sc_systemd_attach(bool is_user, const char *unit, pid_t pid, struct sc_err *err);
/* Stops the unit, waits for that, and makes systemd forget that it failed; one that is not known is success. */
SC_MUST_CHECK int sc_systemd_stop(bool is_user, const char *unit, struct sc_err *err);

#endif
