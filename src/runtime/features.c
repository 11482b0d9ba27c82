/* What this runtime recognizes, as one document for engines (runtime-spec, features.md). Each claim stands beside the
 * code that keeps it: a test holds the lists against what the compiler takes. */
#include <string.h>

#include "kernel/seccomp.h"
#include "runtime/runtime.h"

static int
fill_seccomp(struct sc_oci_features *f, struct sc_arena *arena, struct sc_err *err)
{
    struct sc_strv archs = {0};

    f->seccomp.enabled = true;
    /* an older libseccomp knows fewer architectures than the specification */
    for (size_t i = 0; i < f->seccomp.archs.count; i++)
        if (sc_seccomp_arch_is_known(f->seccomp.archs.items[i]))
            sc_strv_add(&archs, arena, f->seccomp.archs.items[i]);
    f->seccomp.archs = archs;
    for (size_t i = 0; i < f->seccomp.known_flags.count; i++)
        if (sc_seccomp_flag_is_supported(f->seccomp.known_flags.items[i]))
            sc_strv_add(&f->seccomp.supported_flags, arena, f->seccomp.known_flags.items[i]);
    sc_strv_addf(&f->annotations, arena, "io.github.seccomp.libseccomp.version=%s", sc_seccomp_library_version(arena));
    return sc_arena_check(arena, err);
}

int
sc_runtime_features(struct sc_arena *arena, struct sc_buf *out, struct sc_err *err)
{
    struct sc_oci_features f;

    if (sc_oci_features_fill(&f, arena, err) < 0 || fill_seccomp(&f, arena, err) < 0)
        return -1;
    sc_mount_option_names(&f.mount_options, arena);
    f.cgroup.v1 = f.cgroup.v2 = f.cgroup.systemd = f.cgroup.systemd_user = f.cgroup.rdma = true;
    sc_strv_add(&f.unsafe_annotations, arena, "org.systemd.property.");
    f.idmap = f.net_devices = true;
    /* what is built in, whether or not this host has it (features-linux.md) */
    f.apparmor = f.selinux = true;
    f.intel_rdt.enabled = f.intel_rdt.schemata = f.intel_rdt.monitoring = true;
    sc_strv_addf(&f.annotations, arena, "run.oci.sc.version=%s", SC_VERSION);
    if (sc_arena_check(arena, err) < 0)
        return -1;
    return sc_oci_features_encode(&f, out, err);
}
