/* Built and run by meson.build: whether glibc's archives of libseccomp and jansson work in a program of musl. */
#include <jansson.h>
#include <seccomp.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

int
main(void)
{
    json_t *json = json_pack("{s:s, s:[i, f], s:o}", "a", "text", "b", 7, 1.5, "c", json_sprintf("%s-%d", "x", 8));
    const char *text = json_string_value(json_object_get(json, "c"));
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int fd = memfd_create("probe", MFD_CLOEXEC);

    if (text == NULL || strcmp(text, "x-8") != 0 ||
        json_integer_value(json_array_get(json_object_get(json, "b"), 0)) != 7)
        return 1;
    json_decref(json);
    if (filter == NULL || fd < 0 || seccomp_syscall_resolve_name("mount") != SYS_mount ||
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(1), SCMP_SYS(mount), 0) < 0 || seccomp_export_bpf(filter, fd) < 0)
        return 2;
    seccomp_release(filter);
    return 0;
}
