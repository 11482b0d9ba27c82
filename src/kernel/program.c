/*
 * kernel/program: why execve(2) refused a program, in words.
 *
 * execve says ENOENT when the program is missing, and the same ENOENT when its script interpreter or its ELF loader is:
 * here the file is read as the kernel reads it (fs/binfmt_script.c, fs/binfmt_elf.c) to tell which. The file is
 * hostile: it is reached through sc_path_open, must be regular before it is opened for reading, and every offset in it
 * is checked.
 */
#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel/kernel.h"

/* BINPRM_BUF_SIZE: how much of a file the kernel looks at for "#!". */
#define HEAD_SIZE 256
/* An interpreter may itself be a script; the kernel follows five (fs/exec.c, exec_binprm). */
#define DEPTH_MAX 5

#ifndef EM_RISCV
#define EM_RISCV 243
#endif
#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#define COMPAT_MACHINE EM_386
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#define COMPAT_MACHINE EM_ARM
#elif defined(__i386__)
#define NATIVE_MACHINE EM_386
#define COMPAT_MACHINE EM_386
#elif defined(__arm__)
#define NATIVE_MACHINE EM_ARM
#define COMPAT_MACHINE EM_ARM
#elif defined(__riscv)
#define NATIVE_MACHINE EM_RISCV
#define COMPAT_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define NATIVE_MACHINE EM_PPC64
#define COMPAT_MACHINE EM_PPC
#elif defined(__s390x__)
#define NATIVE_MACHINE EM_S390
#define COMPAT_MACHINE EM_S390
#else
#error "add this architecture's ELF machine number"
#endif

static const struct {
    unsigned machine;
    const char *name;
} machines[] = {
    {EM_X86_64, "x86_64"},   {EM_386, "i386"},
    {EM_AARCH64, "aarch64"}, {EM_ARM, "arm"},
    {EM_RISCV, "riscv"},     {EM_PPC64, "ppc64"},
    {EM_PPC, "ppc"},         {EM_S390, "s390x"},
    {EM_MIPS, "mips"},       {EM_LOONGARCH, "loongarch"},
    {EM_SPARCV9, "sparc64"}, {EM_IA_64, "ia64"},
};

static void
machine_name(unsigned machine, char out[32])
{
    for (size_t i = 0; i < SC_ARRAY_LEN(machines); i++)
        if (machines[i].machine == machine) {
            snprintf(out, 32, "%s", machines[i].name);
            return;
        }
    snprintf(out, 32, "machine %u", machine);
}

struct explain {
    int root_fd;
    const char *cwd;
    int errnum;
    struct sc_err *err;
};

/* A full message with Docker's exit code: 127 where something is not found, 126 where it cannot be executed. */
SC_PRINTF(4, 5)
static int
say(struct explain *ex, enum sc_err_kind kind, int exit_code, const char *fmt, ...)
{
    struct sc_err *err = ex->err;
    char text[sizeof(err->msg)];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    sc_err_clear(err);
    (void)sc_err_set(err, kind, "%s", text);
    err->errnum = ex->errnum;
    err->exit_code = exit_code;
    return -1;
}

/* execve's own word, where the file shows no reason. */
static int
say_errno(struct explain *ex, const char *path, int errnum)
{
    sc_err_clear(ex->err);
    (void)sc_err_errno(ex->err, errnum, "run \"%s\"", path);
    ex->err->errnum = ex->errnum;
    ex->err->exit_code = errnum == ENOENT || errnum == ENOTDIR ? 127 : 126;
    return -1;
}

/* A path relative to the working directory made absolute, in out[PATH_MAX]; false when it does not fit. */
static bool
absolute(const struct explain *ex, const char *path, char *out)
{
    int len;

    if (path[0] == '/')
        len = snprintf(out, PATH_MAX, "%s", path);
    else
        len = snprintf(out, PATH_MAX, "%s/%s", ex->cwd, path);
    return len >= 0 && len < PATH_MAX;
}

/* An O_PATH descriptor and its stat, or -errno. */
static int
look_at(const struct explain *ex, const char *path, struct stat *st)
{
    char whole[PATH_MAX];
    int fd;

    if (!absolute(ex, path, whole))
        return -ENAMETOOLONG;
    fd = sc_path_open(ex->root_fd, whole, O_PATH | O_CLOEXEC, 0);
    if (fd >= 0 && fstat(fd, st) < 0) {
        int errnum = errno;

        close(fd);
        return -errnum;
    }
    return fd;
}

/* Opens for reading what path_fd already is, so that nothing else (a fifo, a device) can have taken its place. */
static int
reopen(int path_fd)
{
    char proc[32];

    snprintf(proc, sizeof(proc), "/proc/self/fd/%d", path_fd);
    return open(proc, O_RDONLY | O_CLOEXEC | O_NOCTTY);
}

/* At most size bytes at offset; the number read, 0 also on error. */
static size_t
read_at(int fd, void *data, size_t size, uint64_t offset)
{
    size_t done = 0;

    if (offset > INT64_MAX - size)
        return 0;
    while (done < size) {
        ssize_t n = pread(fd, (char *)data + done, size - done, (off_t)(offset + done));

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            break;
        done += (size_t)n;
    }
    return done;
}

/* ---- "#!" (fs/binfmt_script.c) ---- */

/* The interpreter of a first line, in out[HEAD_SIZE]; false when the kernel takes the line for no script. */
static bool
parse_shebang(const char *head, size_t len, char out[HEAD_SIZE])
{
    size_t at = 2, end, stop;
    const char *newline = memchr(head, '\n', len);
    bool is_cut = newline == NULL && len == HEAD_SIZE;

    stop = newline != NULL ? (size_t)(newline - head) : len;
    while (at < stop && (head[at] == ' ' || head[at] == '\t'))
        at++;
    end = at;
    while (end < stop && head[end] != ' ' && head[end] != '\t' && head[end] != '\0')
        end++;
    if (end == at || (end == stop && is_cut))
        return false; /* nothing there, or a name that may go on past what the kernel reads */
    memcpy(out, head + at, end - at);
    out[end - at] = '\0';
    return true;
}

/* ---- ELF (fs/binfmt_elf.c, elf(5)) ---- */

struct elf_view {
    bool is_64, is_big;
    unsigned machine, phdr_size, phdr_count;
    uint64_t phdr_offset;
};

static uint64_t
get_number(const struct elf_view *elf, const unsigned char *at, unsigned size)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)at[elf->is_big ? size - 1 - i : i] << (8 * i);
    return value;
}

static bool
parse_elf_head(const unsigned char *head, size_t len, struct elf_view *out)
{
    if (len < sizeof(Elf32_Ehdr))
        return false;
    out->is_64 = head[EI_CLASS] == ELFCLASS64;
    out->is_big = head[EI_DATA] == ELFDATA2MSB;
    if ((!out->is_64 && head[EI_CLASS] != ELFCLASS32) || (!out->is_big && head[EI_DATA] != ELFDATA2LSB))
        return false;
    if (out->is_64 && len < sizeof(Elf64_Ehdr))
        return false;
    out->machine = (unsigned)get_number(out, head + offsetof(Elf64_Ehdr, e_machine), 2);
    if (out->is_64) {
        out->phdr_offset = get_number(out, head + offsetof(Elf64_Ehdr, e_phoff), 8);
        out->phdr_size = (unsigned)get_number(out, head + offsetof(Elf64_Ehdr, e_phentsize), 2);
        out->phdr_count = (unsigned)get_number(out, head + offsetof(Elf64_Ehdr, e_phnum), 2);
    } else {
        out->phdr_offset = get_number(out, head + offsetof(Elf32_Ehdr, e_phoff), 4);
        out->phdr_size = (unsigned)get_number(out, head + offsetof(Elf32_Ehdr, e_phentsize), 2);
        out->phdr_count = (unsigned)get_number(out, head + offsetof(Elf32_Ehdr, e_phnum), 2);
    }
    return out->phdr_size == (out->is_64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr));
}

enum elf_loader { LOADER_NONE, LOADER_FOUND, LOADER_BROKEN };

/* PT_INTERP's path. The kernel refuses one that is empty, longer than PATH_MAX or not terminated. */
static enum elf_loader
find_loader(int fd, const struct elf_view *elf, char out[PATH_MAX])
{
    for (unsigned i = 0; i < elf->phdr_count; i++) {
        unsigned char phdr[sizeof(Elf64_Phdr)];
        uint64_t offset, size;

        if (elf->phdr_offset > INT64_MAX - (uint64_t)i * elf->phdr_size ||
            read_at(fd, phdr, elf->phdr_size, elf->phdr_offset + (uint64_t)i * elf->phdr_size) != elf->phdr_size)
            return LOADER_BROKEN;
        if (get_number(elf, phdr, 4) != PT_INTERP)
            continue;
        offset = elf->is_64 ? get_number(elf, phdr + offsetof(Elf64_Phdr, p_offset), 8)
                            : get_number(elf, phdr + offsetof(Elf32_Phdr, p_offset), 4);
        size = elf->is_64 ? get_number(elf, phdr + offsetof(Elf64_Phdr, p_filesz), 8)
                          : get_number(elf, phdr + offsetof(Elf32_Phdr, p_filesz), 4);
        if (size < 2 || size > PATH_MAX || read_at(fd, out, (size_t)size, offset) != size || out[size - 1] != '\0')
            return LOADER_BROKEN;
        return LOADER_FOUND;
    }
    return LOADER_NONE;
}

static int
say_machine(struct explain *ex, const char *path, const struct elf_view *elf)
{
    char theirs[32], ours[32];

    machine_name(elf->machine, theirs);
    machine_name(NATIVE_MACHINE, ours);
    (void)say(ex, SC_ERR_UNSUPPORTED, 126,
              "run \"%s\": exec format error: it is a program for %s, and this machine is %s", path, theirs, ours);
    return sc_err_remedy(ex->err, "use an image for %s", ours);
}

static int
explain_elf(struct explain *ex, const char *path, int fd, const char *head, size_t len)
{
    struct elf_view elf = {.machine = 0};
    char loader[PATH_MAX];
    struct stat st;
    sc_cleanup_fd loader_fd = -1;

    if (!parse_elf_head((const unsigned char *)head, len, &elf))
        return say(ex, SC_ERR_INVALID, 126,
                   "run \"%s\": exec format error: it begins like an ELF program but is damaged", path);
    if (elf.machine != NATIVE_MACHINE && elf.machine != COMPAT_MACHINE)
        return say_machine(ex, path, &elf);
    switch (find_loader(fd, &elf, loader)) {
    case LOADER_BROKEN:
        return say(ex, SC_ERR_INVALID, 126, "run \"%s\": exec format error: it is an ELF program, but damaged", path);
    case LOADER_NONE:
        /* Nothing is missing: 32-bit code on a kernel without support for it is what is left. */
        return elf.machine != NATIVE_MACHINE && ex->errnum == ENOEXEC ? say_machine(ex, path, &elf)
                                                                      : say_errno(ex, path, ex->errnum);
    case LOADER_FOUND:
        break;
    }
    loader_fd = look_at(ex, loader, &st);
    if (loader_fd < 0) {
        (void)say(ex, SC_ERR_NOT_FOUND, 127, "run \"%s\": no such file or directory: its loader \"%s\" is missing",
                  path, loader);
        return sc_err_remedy(ex->err,
                             "the program needs the C library that it was built with: add it to the image, or use a "
                             "statically linked program");
    }
    if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
        return say(ex, SC_ERR_DENIED, 126, "run \"%s\": permission denied: its loader \"%s\" is not executable", path,
                   loader);
    return elf.machine != NATIVE_MACHINE && ex->errnum == ENOEXEC ? say_machine(ex, path, &elf)
                                                                  : say_errno(ex, path, ex->errnum);
}

static int explain_file(struct explain *ex, const char *path, const char *of, int depth);

static int
explain_script(struct explain *ex, const char *path, const char *head, size_t len, int depth)
{
    char interpreter[HEAD_SIZE];
    size_t name_len;

    if (!parse_shebang(head, len, interpreter))
        return say(ex, SC_ERR_INVALID, 126,
                   "run \"%s\": exec format error: its first line names no interpreter after \"#!\"", path);
    name_len = strlen(interpreter);
    if (interpreter[name_len - 1] == '\r') {
        interpreter[name_len - 1] = '\0';
        (void)say(ex, SC_ERR_NOT_FOUND, 127,
                  "run \"%s\": no such file or directory: its interpreter \"%s\\r\" is missing: the first line ends in "
                  "a carriage return",
                  path, interpreter);
        return sc_err_remedy(ex->err, "save the script with unix line ends, for example with dos2unix");
    }
    if (depth == DEPTH_MAX)
        return say_errno(ex, path, ELOOP);
    return explain_file(ex, interpreter, path, depth + 1);
}

static bool
is_on_noexec(int fd)
{
    struct statfs fs;

    return fstatfs(fd, &fs) == 0 && (fs.f_flags & ST_NOEXEC) != 0;
}

/* path is the program itself (of is NULL) or the interpreter that the script `of` names. */
static int
explain_file(struct explain *ex, const char *path, const char *of, int depth)
{
    char head[HEAD_SIZE];
    struct stat st;
    size_t len;
    sc_cleanup_fd fd = -1;
    sc_cleanup_fd path_fd = look_at(ex, path, &st);

    if (path_fd < 0) {
        if (path_fd != -ENOENT && path_fd != -ENOTDIR)
            return say_errno(ex, of != NULL ? of : path, -path_fd);
        if (of != NULL)
            return say(ex, SC_ERR_NOT_FOUND, 127,
                       "run \"%s\": no such file or directory: its interpreter \"%s\" is missing", of, path);
        return say(ex, SC_ERR_NOT_FOUND, 127, "run \"%s\": no such file or directory", path);
    }
    if (of != NULL && (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0))
        return say(ex, SC_ERR_DENIED, 126, "run \"%s\": permission denied: its interpreter \"%s\" is not executable",
                   of, path);
    if (S_ISDIR(st.st_mode))
        return say(ex, SC_ERR_INVALID, 126, "run \"%s\": permission denied: it is a directory", path);
    if (!S_ISREG(st.st_mode))
        return say(ex, SC_ERR_INVALID, 126, "run \"%s\": permission denied: it is not a file", path);
    if ((st.st_mode & 0111) == 0) {
        (void)say(ex, SC_ERR_DENIED, 126, "run \"%s\": permission denied: it is not executable (mode %04o)", path,
                  st.st_mode & 07777);
        return sc_err_remedy(ex->err, "set the mode with chmod +x, in the image or where it is built");
    }
    if (is_on_noexec(path_fd)) {
        (void)say(ex, SC_ERR_DENIED, 126, "run \"%s\": permission denied: it is on a file system mounted noexec", path);
        return sc_err_remedy(ex->err, "mount it without noexec, or run a program that is elsewhere");
    }
    if (st.st_size == 0)
        return say(ex, SC_ERR_INVALID, 126, "run \"%s\": exec format error: it is an empty file", path);
    fd = reopen(path_fd);
    if (fd < 0)
        return say_errno(ex, path, ex->errnum);
    len = read_at(fd, head, sizeof(head), 0);
    if (len >= 2 && head[0] == '#' && head[1] == '!')
        return explain_script(ex, path, head, len, depth);
    if (len >= SELFMAG && memcmp(head, ELFMAG, SELFMAG) == 0)
        return explain_elf(ex, path, fd, head, len);
    if (ex->errnum != ENOEXEC)
        return say_errno(ex, path, ex->errnum);
    (void)say(ex, SC_ERR_INVALID, 126,
              "run \"%s\": exec format error: it is neither an ELF program nor a script with a \"#!\" line", path);
    return sc_err_remedy(ex->err, "if it is a shell script, begin it with #!/bin/sh");
}

enum search { SEARCH_NOTHING, SEARCH_FOUND, SEARCH_NOT_EXECUTABLE };

/* The first executable file of that name in the directories of path, in out[PATH_MAX]; else the first file that is
 * there at all. */
static enum search
search_path(const struct explain *ex, const char *program, const char *path, char *out)
{
    enum search result = SEARCH_NOTHING;

    for (;;) {
        size_t len = strcspn(path, ":");
        char candidate[PATH_MAX];
        struct stat st;
        /* An empty directory name means the working directory (environ(7)). */
        int n = snprintf(candidate, sizeof(candidate), "%.*s%s%s", (int)(len < PATH_MAX ? len : PATH_MAX), path,
                         len > 0 ? "/" : "./", program);

        if (n >= 0 && (size_t)n < sizeof(candidate)) {
            sc_cleanup_fd fd = look_at(ex, candidate, &st);

            if (fd >= 0 && S_ISREG(st.st_mode)) {
                bool is_executable = (st.st_mode & 0111) != 0;

                if (is_executable || result == SEARCH_NOTHING)
                    memcpy(out, candidate, sizeof(candidate));
                if (is_executable)
                    return SEARCH_FOUND;
                result = SEARCH_NOT_EXECUTABLE;
            }
        }
        if (path[len] == '\0')
            return result;
        path += len + 1;
    }
}

int
sc_program_explain(int root_fd, const char *program, const struct sc_strv *env, const char *cwd, int errnum,
                   struct sc_err *err)
{
    struct explain ex = {
        .root_fd = root_fd, .cwd = cwd != NULL && cwd[0] != '\0' ? cwd : "/", .errnum = errnum, .err = err};
    ssize_t at = env != NULL ? sc_strv_find_key(env, "PATH") : -1;
    const char *path = at >= 0 ? env->items[at] + strlen("PATH=") : NULL;
    char found[PATH_MAX] = "";

    if (program == NULL || program[0] == '\0')
        return say(&ex, SC_ERR_INVALID, 127, "run \"\": executable file not found in $PATH: its name is empty");
    if (strchr(program, '/') != NULL)
        return explain_file(&ex, program, NULL, 0);
    if (path == NULL)
        return say(&ex, SC_ERR_NOT_FOUND, 127, "run \"%s\": executable file not found in $PATH: PATH is not set",
                   program);
    if (search_path(&ex, program, path, found) == SEARCH_NOTHING) {
        (void)say(&ex, SC_ERR_NOT_FOUND, 127, "run \"%s\": executable file not found in $PATH (\"%s\")", program, path);
        return sc_err_remedy(err, "give its whole path, or use an image that has it");
    }
    return explain_file(&ex, found, NULL, 0);
}
