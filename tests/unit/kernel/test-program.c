/* Why a program does not run: files made to fail, and the words for it. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/kernel.h"
#include "test.h"

static struct sc_err err;
static struct sc_arena arena;
static char dir[32];
static int root_fd = -1;

static void
put(const char *name, const void *data, size_t len, mode_t mode)
{
    int fd = openat(root_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), (ssize_t)len);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void
put_text(const char *name, const char *text, mode_t mode)
{
    put(name, text, strlen(text), mode);
}

/* A 64-bit little-endian program with one PT_INTERP. */
struct elf64 {
    Elf64_Ehdr head;
    Elf64_Phdr phdr;
    char loader[64];
};

static struct elf64
elf64(unsigned machine, const char *loader)
{
    struct elf64 elf = {.head = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                                 .e_type = ET_EXEC,
                                 .e_machine = (Elf64_Half)machine,
                                 .e_phoff = offsetof(struct elf64, phdr),
                                 .e_phentsize = sizeof(Elf64_Phdr),
                                 .e_phnum = 1}};

    elf.phdr.p_type = loader != NULL ? PT_INTERP : PT_LOAD;
    elf.phdr.p_offset = offsetof(struct elf64, loader);
    if (loader != NULL) {
        elf.phdr.p_filesz = strlen(loader) + 1;
        memcpy(elf.loader, loader, strlen(loader) + 1);
    }
    return elf;
}

static int
setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/sc-program.XXXXXX");
    if (mkdtemp(dir) == NULL)
        return -1;
    root_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0 || mkdirat(root_fd, "bin", 0755) < 0 || mkdirat(root_fd, "usr", 0755) < 0 ||
        mkdirat(root_fd, "lib", 0755) < 0)
        return -1;
    arena = (struct sc_arena)SC_ARENA_INIT;
    return 0;
}

static int
teardown(void **state)
{
    struct sc_err ignored = SC_ERR_INIT;
    int parent = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result;

    (void)state;
    close(root_fd);
    sc_arena_release(&arena);
    result = sc_tree_remove_at(parent, dir + strlen("/tmp/"), &ignored);
    close(parent);
    return result;
}

static void
explain(const char *program, const char *env_path, const char *cwd, int errnum, int exit_code, enum sc_err_kind kind,
        const char *message)
{
    struct sc_strv env = {.items = NULL};

    sc_strv_add(&env, &arena, "HOME=/");
    if (env_path != NULL)
        sc_strv_addf(&env, &arena, "PATH=%s", env_path);
    assert_fails(sc_program_explain(root_fd, program, &env, cwd, errnum, &err), kind, message);
    assert_int_equal(err.exit_code, exit_code);
    assert_int_equal(err.errnum, errnum);
}

static void
test_search(void **state)
{
    (void)state;
    put_text("bin/plain", "text\n", 0644);
    assert_int_equal(mkdirat(root_fd, "bin/folder", 0755), 0);
    put_text("usr/tool", "", 0755);
    explain("nothere", "/bin:/usr", "/", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"nothere\": executable file not found in $PATH (\"/bin:/usr\")");
    explain("folder", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"folder\": executable file not found in $PATH (\"/bin\")");
    explain("tool", NULL, "/", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"tool\": executable file not found in $PATH: PATH is not set");
    explain("plain", "/usr:/bin", "/", EACCES, 126, SC_ERR_DENIED,
            "run \"/bin/plain\": permission denied: it is not executable (mode 0644)");
    /* the first executable one counts, and it is then explained; an empty entry is the working directory */
    explain("tool", "/bin:/usr", "/", ENOEXEC, 126, SC_ERR_INVALID,
            "run \"/usr/tool\": exec format error: it is an empty file");
    explain("tool", "/bin:", "/usr", ENOEXEC, 126, SC_ERR_INVALID,
            "run \"./tool\": exec format error: it is an empty file");
    explain("", "/bin", "/", ENOENT, 127, SC_ERR_INVALID,
            "run \"\": executable file not found in $PATH: its name is empty");
}

static void
test_files(void **state)
{
    (void)state;
    put_text("usr/empty", "", 0755);
    put_text("usr/text", "echo hello\n", 0755);
    put_text("usr/closed", "#!/bin/sh\n", 0600);
    assert_int_equal(symlinkat("/nowhere", root_fd, "usr/dangling"), 0);
    assert_int_equal(symlinkat("loop", root_fd, "usr/loop"), 0);
    assert_int_equal(mkfifoat(root_fd, "usr/fifo", 0755), 0);
    explain("/usr/none", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND, "run \"/usr/none\": no such file or directory");
    explain("/usr/empty/x", "/bin", "/", ENOTDIR, 127, SC_ERR_NOT_FOUND,
            "run \"/usr/empty/x\": no such file or directory");
    explain("/usr/dangling", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"/usr/dangling\": no such file or directory");
    explain("/usr/loop", "/bin", "/", ELOOP, 126, SC_ERR_KERNEL,
            "run \"/usr/loop\": too many levels of symbolic links");
    explain("/usr", "/bin", "/", EACCES, 126, SC_ERR_INVALID, "run \"/usr\": permission denied: it is a directory");
    explain("/usr/fifo", "/bin", "/", EACCES, 126, SC_ERR_INVALID,
            "run \"/usr/fifo\": permission denied: it is not a file");
    explain("/usr/empty", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID,
            "run \"/usr/empty\": exec format error: it is an empty file");
    explain("/usr/text", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID,
            "run \"/usr/text\": exec format error: it is neither an ELF program nor a script with a \"#!\" line");
    assert_string_equal(err.remedy, "if it is a shell script, begin it with #!/bin/sh");
    explain("/usr/closed", "/bin", "/", EACCES, 126, SC_ERR_DENIED,
            "run \"/usr/closed\": permission denied: it is not executable (mode 0600)");
    explain("./empty", "/bin", "/usr", ENOEXEC, 126, SC_ERR_INVALID,
            "run \"./empty\": exec format error: it is an empty file");
    explain("../usr/empty", "/bin", "/usr", ENOEXEC, 126, SC_ERR_INVALID,
            "run \"../usr/empty\": exec format error: it is an empty file");
    /* nothing in the file says why: execve's own word */
    explain("/usr/text", "/bin", "/", E2BIG, 126, SC_ERR_KERNEL, "run \"/usr/text\": argument list too long");
    explain("/usr/text", "/bin", "/", EACCES, 126, SC_ERR_DENIED, "run \"/usr/text\": permission denied");
}

/* A link or a dot-dot must not lead to the host's files. */
static void
test_stays_inside(void **state)
{
    (void)state;
    assert_int_equal(symlinkat("/bin/sh", root_fd, "usr/sh"), 0);
    assert_int_equal(symlinkat("../../../../../../bin/sh", root_fd, "usr/up"), 0);
    explain("/usr/sh", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND, "run \"/usr/sh\": no such file or directory");
    explain("/usr/up", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND, "run \"/usr/up\": no such file or directory");
    explain("../../../../../bin/sh", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"../../../../../bin/sh\": no such file or directory");
}

static void
test_scripts(void **state)
{
    char line[400];

    (void)state;
    put_text("usr/s1", "#!/bin/nosh\necho\n", 0755);
    explain("/usr/s1", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"/usr/s1\": no such file or directory: its interpreter \"/bin/nosh\" is missing");
    put_text("usr/s2", "#!  \t/bin/nosh  -x\t-y\n", 0755);
    explain("/usr/s2", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"/usr/s2\": no such file or directory: its interpreter \"/bin/nosh\" is missing");
    put_text("usr/s3", "#!/bin/nosh\r\necho\r\n", 0755);
    explain("/usr/s3", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"/usr/s3\": no such file or directory: its interpreter \"/bin/nosh\\r\" is missing: the first line "
            "ends in a carriage return");
    assert_string_equal(err.remedy, "save the script with unix line ends, for example with dos2unix");
    put_text("usr/s4", "#!/bin/nosh", 0755); /* no newline at all */
    explain("/usr/s4", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"/usr/s4\": no such file or directory: its interpreter \"/bin/nosh\" is missing");
    put_text("usr/s5", "#!   \necho\n", 0755);
    explain("/usr/s5", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID,
            "run \"/usr/s5\": exec format error: its first line names no interpreter after \"#!\"");
    put_text("usr/s6", "#!", 0755);
    explain("/usr/s6", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID,
            "run \"/usr/s6\": exec format error: its first line names no interpreter after \"#!\"");
    /* the kernel reads 256 bytes; a name that may go on past them is none */
    memset(line, 'a', sizeof(line));
    memcpy(line, "#!/", 3);
    put("usr/s7", line, sizeof(line), 0755);
    explain("/usr/s7", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID,
            "run \"/usr/s7\": exec format error: its first line names no interpreter after \"#!\"");
    /* the interpreter's own troubles */
    put_text("usr/data", "x", 0644);
    put_text("usr/s8", "#!/usr/data\n", 0755);
    explain("/usr/s8", "/bin", "/", EACCES, 126, SC_ERR_DENIED,
            "run \"/usr/s8\": permission denied: its interpreter \"/usr/data\" is not executable");
    put_text("usr/s9", "#!/usr\n", 0755);
    explain("/usr/s9", "/bin", "/", EACCES, 126, SC_ERR_DENIED,
            "run \"/usr/s9\": permission denied: its interpreter \"/usr\" is not executable");
    put_text("usr/s10", "#!/usr/s1\n", 0755);
    explain("/usr/s10", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"/usr/s1\": no such file or directory: its interpreter \"/bin/nosh\" is missing");
    put_text("usr/s11", "#!/usr/s11\n", 0755);
    explain("/usr/s11", "/bin", "/", ELOOP, 126, SC_ERR_KERNEL, "run \"/usr/s11\": too many levels of symbolic links");
    put_text("usr/s12", "#!s1\n", 0755); /* relative to the working directory, as the kernel has it */
    explain("/usr/s12", "/bin", "/usr", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"s1\": no such file or directory: its interpreter \"/bin/nosh\" is missing");
}

#if defined(__x86_64__)
#define OURS   EM_X86_64
#define NAME   "x86_64"
#define THEIRS EM_AARCH64
#define OTHER  "aarch64"
#else
#define OURS   EM_AARCH64
#define NAME   "aarch64"
#define THEIRS EM_X86_64
#define OTHER  "x86_64"
#endif

static void
test_elf(void **state)
{
    struct elf64 elf = elf64(OURS, "/lib/ld-test.so");

    (void)state;
    put("usr/e1", &elf, sizeof(elf), 0755);
    explain("/usr/e1", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"/usr/e1\": no such file or directory: its loader \"/lib/ld-test.so\" is missing");
    put_text("lib/ld-test.so", "x", 0644);
    explain("/usr/e1", "/bin", "/", EACCES, 126, SC_ERR_DENIED,
            "run \"/usr/e1\": permission denied: its loader \"/lib/ld-test.so\" is not executable");
    put_text("lib/ld-test.so", "x", 0755);
    explain("/usr/e1", "/bin", "/", ENOMEM, 126, SC_ERR_KERNEL, "run \"/usr/e1\": cannot allocate memory");
    /* as a script's interpreter */
    elf = elf64(OURS, "/lib/ld-gone.so");
    put("usr/e2", &elf, sizeof(elf), 0755);
    put_text("usr/s", "#!/usr/e2\n", 0755);
    explain("/usr/s", "/bin", "/", ENOENT, 127, SC_ERR_NOT_FOUND,
            "run \"/usr/e2\": no such file or directory: its loader \"/lib/ld-gone.so\" is missing");
    elf = elf64(THEIRS, NULL);
    put("usr/e3", &elf, sizeof(elf), 0755);
    explain("/usr/e3", "/bin", "/", ENOEXEC, 126, SC_ERR_UNSUPPORTED,
            "run \"/usr/e3\": exec format error: it is a program for " OTHER ", and this machine is " NAME);
    assert_string_equal(err.remedy, "use an image for " NAME);
    elf = elf64(0x7777, NULL);
    put("usr/e4", &elf, sizeof(elf), 0755);
    explain("/usr/e4", "/bin", "/", ENOEXEC, 126, SC_ERR_UNSUPPORTED,
            "run \"/usr/e4\": exec format error: it is a program for machine 30583, and this machine is " NAME);
    /* static and whole: execve's word */
    elf = elf64(OURS, NULL);
    put("usr/e5", &elf, sizeof(elf), 0755);
    explain("/usr/e5", "/bin", "/", EPERM, 126, SC_ERR_DENIED, "run \"/usr/e5\": operation not permitted");
}

static void
test_elf_other_shapes(void **state)
{
    Elf32_Ehdr small = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB, EV_CURRENT},
                        .e_machine = EM_386,
                        .e_phentsize = sizeof(Elf32_Phdr)};
    /* s390x, big-endian: the machine number's bytes are swapped */
    struct elf64 big = elf64(0x1600, NULL);

    (void)state;
    big.head.e_ident[EI_DATA] = ELFDATA2MSB;
    big.head.e_phentsize = (Elf64_Half)__builtin_bswap16(sizeof(Elf64_Phdr));
    put("usr/big", &big, sizeof(big), 0755);
    explain("/usr/big", "/bin", "/", ENOEXEC, 126, SC_ERR_UNSUPPORTED,
            "run \"/usr/big\": exec format error: it is a program for s390x, and this machine is " NAME);
#if defined(__x86_64__)
    /* a kernel without 32-bit support */
    put("usr/small", &small, sizeof(small), 0755);
    explain("/usr/small", "/bin", "/", ENOEXEC, 126, SC_ERR_UNSUPPORTED,
            "run \"/usr/small\": exec format error: it is a program for i386, and this machine is x86_64");
    explain("/usr/small", "/bin", "/", ENOMEM, 126, SC_ERR_KERNEL, "run \"/usr/small\": cannot allocate memory");
#endif
}

/* A header that lies must end in words, within its bounds. */
static void
test_elf_damaged(void **state)
{
    static const char damaged[] = "run \"/usr/d\": exec format error: it is an ELF program, but damaged";
    static const char begins[] = "run \"/usr/d\": exec format error: it begins like an ELF program but is damaged";
    struct elf64 elf = elf64(OURS, "/lib/ld.so");

    (void)state;
    for (size_t len = 4; len < sizeof(Elf64_Ehdr); len++) {
        put("usr/d", &elf, len, 0755);
        explain("/usr/d", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID, begins);
    }
    for (size_t len = sizeof(Elf64_Ehdr); len < offsetof(struct elf64, loader); len++) {
        put("usr/d", &elf, len, 0755);
        explain("/usr/d", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID, damaged);
    }
    elf.head.e_phoff = UINT64_MAX - 8;
    put("usr/d", &elf, sizeof(elf), 0755);
    explain("/usr/d", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID, damaged);
    elf.head.e_phoff = INT64_MAX - 8;
    put("usr/d", &elf, sizeof(elf), 0755);
    explain("/usr/d", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID, damaged);
    elf = elf64(OURS, "/lib/ld.so");
    elf.head.e_phentsize = 1;
    put("usr/d", &elf, sizeof(elf), 0755);
    explain("/usr/d", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID, begins);
    elf = elf64(OURS, "/lib/ld.so");
    elf.head.e_ident[EI_CLASS] = 9;
    put("usr/d", &elf, sizeof(elf), 0755);
    explain("/usr/d", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID, begins);
    elf = elf64(OURS, "/lib/ld.so");
    elf.phdr.p_filesz = PATH_MAX + 1;
    put("usr/d", &elf, sizeof(elf), 0755);
    explain("/usr/d", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID, damaged);
    elf.phdr.p_filesz = 1;
    put("usr/d", &elf, sizeof(elf), 0755);
    explain("/usr/d", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID, damaged);
    elf.phdr.p_filesz = 4; /* not terminated */
    put("usr/d", &elf, sizeof(elf), 0755);
    explain("/usr/d", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID, damaged);
    elf = elf64(OURS, "/lib/ld.so");
    elf.phdr.p_offset = UINT64_MAX;
    put("usr/d", &elf, sizeof(elf), 0755);
    explain("/usr/d", "/bin", "/", ENOEXEC, 126, SC_ERR_INVALID, damaged);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_search, setup, teardown),
        cmocka_unit_test_setup_teardown(test_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_stays_inside, setup, teardown),
        cmocka_unit_test_setup_teardown(test_scripts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_elf, setup, teardown),
        cmocka_unit_test_setup_teardown(test_elf_other_shapes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_elf_damaged, setup, teardown),
    };

    return RUN_TESTS(tests);
}
