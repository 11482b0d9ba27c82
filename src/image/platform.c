/* Platforms: which image of an index is for this machine (image-spec, image-index.md). */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "image/image.h"

#define LEVEL_MAX   4
#define CPUINFO_MAX (16 << 20) /* some 1.5 kB for each of the machine's processors */

/* One word of a list that blanks separate. */
static bool
has_flag(const char *flags, const char *name, size_t len)
{
    for (const char *at = flags; (at = strstr(at, name)) != NULL; at += len)
        if ((at == flags || at[-1] == ' ') && (at[len] == ' ' || at[len] == '\0'))
            return true;
    return false;
}

int
sc_platform_amd64_level(const char *flags)
{
    /* x86-64 psABI, "micro-architecture levels", in the kernel's names: pni is SSE3, abm is LZCNT. The kernel's own use
     * of XSAVE stands for OSXSAVE: it names none of these registers where it does not save them. */
    static const char *const levels[LEVEL_MAX + 1] = {
        [2] = "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3",
        [3] = "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
        [4] = "avx512f avx512bw avx512cd avx512dq avx512vl",
    };

    for (int level = 2; level <= LEVEL_MAX; level++) {
        for (const char *at = levels[level]; *at != '\0';) {
            size_t len = strcspn(at, " ");
            char name[16];

            (void)snprintf(name, sizeof(name), "%.*s", (int)len, at);
            if (!has_flag(flags, name, len))
                return level - 1;
            at += len + (at[len] == ' ' ? 1 : 0);
        }
    }
    return LEVEL_MAX;
}

/* From /proc, not by CPUID: what libgcc would ask for __builtin_cpu_supports() it asks at every start of the program,
 * and on a virtual machine each such question is an exit to the host. */
static int
host_level(void)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    char *flags, *end;

    if (sc_file_read_at(AT_FDCWD, "/proc/cpuinfo", CPUINFO_MAX, &text, &ignored) < 0 ||
        (flags = strstr(text.data, "\nflags")) == NULL || (flags = strchr(flags, ':')) == NULL)
        return 1;
    flags += strspn(flags, ": \t");
    end = strchr(flags, '\n');
    if (end != NULL)
        *end = '\0';
    return sc_platform_amd64_level(flags);
}

/* The many names of architectures: what uname(2) and people say, in image-spec's words (GOARCH). */
static void
normalise(const char **arch, const char **variant)
{
    static const struct {
        const char *from, *arch, *variant;
    } table[] = {
        {"x86_64", "amd64", ""},  {"x86-64", "amd64", ""}, {"i386", "386", ""},    {"i686", "386", ""},
        {"aarch64", "arm64", ""}, {"armhf", "arm", "v7"},  {"armel", "arm", "v6"},
    };

    for (size_t i = 0; i < SC_ARRAY_LEN(table); i++) {
        if (strcmp(*arch, table[i].from) != 0)
            continue;
        *arch = table[i].arch;
        if (**variant == '\0')
            *variant = table[i].variant;
    }
    /* What is not said is meant: arm64 is v8, amd64 v1, arm v7. */
    if ((strcmp(*arch, "arm64") == 0 && (strcmp(*variant, "v8") == 0 || strcmp(*variant, "8") == 0)) ||
        (strcmp(*arch, "amd64") == 0 && strcmp(*variant, "v1") == 0))
        *variant = "";
    if (strcmp(*arch, "arm") == 0 && **variant == '\0')
        *variant = "v7";
}

int
sc_platform_parse(const char *text, struct sc_arena *arena, struct sc_platform *out, struct sc_err *err)
{
    char *copy = sc_arena_strdup(arena, text), *parts[3] = {NULL};
    const char *os = "linux", *arch, *variant = "";
    size_t count = 0;

    if (!copy)
        return sc_err_nomem(err);
    for (char *part = copy; part; count++) {
        char *slash = strchr(part, '/');

        if (slash)
            *slash = '\0';
        if (count == SC_ARRAY_LEN(parts) || *part == '\0') {
            sc_err_set(err, SC_ERR_INVALID, "invalid platform \"%.100s\"", text);
            return sc_err_remedy(err, "write it as OS/ARCH[/VARIANT], for instance linux/arm64/v8");
        }
        parts[count] = part;
        part = slash ? slash + 1 : NULL;
    }
    if (count == 1) {
        arch = parts[0];
    } else {
        os = parts[0];
        arch = parts[1];
        variant = parts[2] ? parts[2] : "";
    }
    normalise(&arch, &variant);
    out->os = sc_arena_strdup(arena, os);
    out->arch = sc_arena_strdup(arena, arch);
    out->variant = sc_arena_strdup(arena, variant);
    return sc_arena_check(arena, err);
}

int
sc_platform_host(struct sc_arena *arena, struct sc_platform *out, struct sc_err *err)
{
    char arch[SC_PLATFORM_MAX];
    const char *variant = "";
    struct utsname name;

    (void)uname(&name);
    if (sc_str_starts(name.machine, "armv"))
        variant = name.machine[4] == '6' ? "v6" : name.machine[4] == '5' ? "v5" : "v7";
    out->os = sc_arena_strdup(arena, "linux");
    out->arch = sc_arena_strdup(arena, sc_platform_arch(arch));
    out->variant =
        strcmp(arch, "amd64") == 0 ? sc_arena_printf(arena, "v%d", host_level()) : sc_arena_strdup(arena, variant);
    return sc_arena_check(arena, err);
}

bool
sc_platform_is(const struct sc_platform *want, const char *os, const char *arch, const char *variant)
{
    if (!arch || !*arch || (os && *os && strcmp(os, want->os) != 0))
        return false;
    if (!variant)
        variant = "";
    normalise(&arch, &variant);
    return strcmp(arch, want->arch) == 0 && (*want->variant == '\0' || strcmp(variant, want->variant) == 0);
}

static int
level_of(const char *variant)
{
    return variant[0] == 'v' && variant[1] >= '1' && variant[1] <= '9' && variant[2] == '\0' ? variant[1] - '0' : 0;
}

int
sc_platform_fit(const struct sc_platform *want, const char *os, const char *arch, const char *variant)
{
    const char *want_arch = want->arch, *want_variant = want->variant;
    int have, most;

    if (!arch || !*arch || (os && *os && strcmp(os, want->os) != 0))
        return 0;
    if (!variant)
        variant = "";
    normalise(&arch, &variant);
    normalise(&want_arch, &want_variant);
    if (strcmp(arch, "386") == 0 && strcmp(want_arch, "amd64") == 0)
        return 1; /* it runs, when there is nothing better */
    if (strcmp(arch, want_arch) != 0)
        return 0;
    if (strcmp(variant, want_variant) == 0)
        return 2 + LEVEL_MAX + 10;
    /* A level of amd64 or of arm runs what was built for a lower one; the highest of those is best. */
    if (strcmp(arch, "amd64") != 0 && strcmp(arch, "arm") != 0)
        return *variant == '\0' || *want_variant == '\0' ? 2 : 0;
    have = *variant ? level_of(variant) : 1;
    most = *want_variant ? level_of(want_variant) : 1;
    return have > 0 && have <= most ? 2 + have : 0;
}

int
sc_image_want_platform(const struct sc_image *image, const char *name, const char *platform, struct sc_arena *arena,
                       struct sc_err *err)
{
    const char *variant = image->variant ? image->variant : "";
    struct sc_platform want = {.os = NULL};

    if (!platform || !*platform)
        return 0;
    if (sc_platform_parse(platform, arena, &want, err) < 0)
        return sc_err_wrap(err, "--platform");
    if (sc_platform_is(&want, image->os, image->architecture, variant))
        return 0;
    sc_err_set(err, SC_ERR_NOT_FOUND, "\"%s\": the image that is here is for %s/%s%s%s, not for \"%s\"", name,
               image->os, image->architecture, *variant ? "/" : "", variant, platform);
    return sc_err_remedy(err, "get it with: sc pull --platform %s", platform);
}
