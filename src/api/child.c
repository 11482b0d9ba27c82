/* sc as a child: words in, text out, and what its failure means in HTTP. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/api-priv.h"

struct sc_strv
sc_api_words(struct sc_arena *arena, ...)
{
    struct sc_strv words = {0};
    va_list args;

    va_start(args, arena);
    for (const char *word = va_arg(args, const char *); word; word = va_arg(args, const char *))
        sc_strv_add(&words, arena, word);
    va_end(args);
    return words;
}

void
sc_api_child_release(struct sc_api_child *child)
{
    if (child->out == child->in)
        child->out = -1;
    sc_closep(&child->in);
    sc_closep(&child->out);
    sc_closep(&child->err);
    sc_closep(&child->report);
    if (child->pid > 0) {
        (void)kill(child->pid, SIGKILL); /* sc can be ended anywhere; its containers have monitors of their own */
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    child->pid = 0;
}

int
sc_api_child_wait(struct sc_api_child *child)
{
    int status = 0;
    ssize_t n;

    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    child->pid = 0;
    n = read(child->report, child->said, sizeof(child->said) - 1); /* does not wait: others may hold the other end */
    child->said[n > 0 ? n : 0] = '\0';
    child->said[strcspn(child->said, "\n")] = '\0';
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

struct ends {
    int in, out, err, report; /* the child's */
};

static int
open_terminal(struct sc_api_child *child, struct ends *ends, struct sc_err *err)
{
    char name[64];
    int unlock = 0, number = 0;
    struct winsize size = {.ws_row = 24, .ws_col = 80};

    child->in = child->out = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK); /* lint: the host's */
    if (child->in < 0 || ioctl(child->in, TIOCSPTLCK, &unlock) < 0 || ioctl(child->in, TIOCGPTN, &number) < 0)
        return sc_err_errno(err, errno, "make a terminal");
    (void)snprintf(name, sizeof(name), "/dev/pts/%d", number);
    ends->in = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC); /* lint: the host's */
    if (ends->in < 0)
        return sc_err_errno(err, errno, "open \"%s\"", name);
    (void)ioctl(ends->in, TIOCSWINSZ, &size);
    ends->out = fcntl(ends->in, F_DUPFD_CLOEXEC, 3);
    return 0;
}

static int
open_pipe(int *ours, int *theirs, bool we_write, struct sc_err *err)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return sc_err_errno(err, errno, "make a pipe");
    *ours = fds[we_write];
    *theirs = fds[!we_write];
    return we_write ? fcntl(*ours, F_SETFL, O_NONBLOCK) : 0;
}

static int
open_ends(int streams, struct sc_api_child *child, struct ends *ends, struct sc_err *err)
{
    if (streams & SC_API_TTY) {
        if (open_terminal(child, ends, err) < 0)
            return -1;
    } else {
        if ((streams & SC_API_IN) && open_pipe(&child->in, &ends->in, true, err) < 0)
            return -1;
        if ((streams & SC_API_OUT) && open_pipe(&child->out, &ends->out, false, err) < 0)
            return -1;
    }
    if ((streams & SC_API_ERR) && open_pipe(&child->err, &ends->err, false, err) < 0)
        return -1;
    if (open_pipe(&child->report, &ends->report, false, err) < 0)
        return -1;
    /* neither end waits: who does not read what is told stops nobody */
    if (fcntl(child->report, F_SETFL, O_NONBLOCK) < 0 || fcntl(ends->report, F_SETFL, O_NONBLOCK) < 0)
        return sc_err_errno(err, errno, "make a pipe");
    return 0;
}

/* In the child: 0 to 3 are what they are to be, and nothing else is open after execve. */
static _Noreturn void
become(const struct sc_api_call *call, const struct sc_strv *argv, const struct ends *ends, bool has_terminal,
       const char *env)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC); /* lint: the host's */
    int fds[] = {ends->in >= 0 ? ends->in : null, ends->out >= 0 ? ends->out : null, ends->err >= 0 ? ends->err : null,
                 ends->report};

    /* first out of the way of 0 to 3 */
    for (int i = 0; i < (int)SC_ARRAY_LEN(fds); i++)
        fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 10);
    for (int i = 0; i < (int)SC_ARRAY_LEN(fds); i++)
        (void)dup2(fds[i], i);
    (void)setsid();
    if (has_terminal)
        (void)ioctl(0, TIOCSCTTY, 0);
    sc_signals_reset();
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_PID");
    (void)setenv("SC_ERROR_FD", "3", 1);
    if (env)
        (void)putenv((char *)(uintptr_t)env);
    (void)execv(call->server->sc, argv->items);
    (void)dprintf(2, "sc: execute \"%s\": %s\n", call->server->sc, sc_errno_text(errno));
    _exit(127);
}

int
sc_api_spawn(struct sc_api_call *call, const struct sc_strv *words, int streams, const char *env,
             struct sc_api_child *out)
{
    struct ends ends = {-1, -1, -1, -1};
    struct sc_strv argv = {0};
    int result;

    sc_strv_add(&argv, call->arena, "sc");
    for (size_t i = 0; i < words->count; i++)
        sc_strv_add(&argv, call->arena, words->items[i]);
    result = sc_arena_check(call->arena, &call->err);
    if (result == 0)
        result = open_ends(streams, out, &ends, &call->err);
    if (result == 0) {
        out->pid = fork();
        if (out->pid == 0)
            become(call, &argv, &ends, streams & SC_API_TTY, env);
        if (out->pid < 0)
            result = sc_err_errno(&call->err, errno, "start sc");
    }
    sc_closep(&ends.in);
    sc_closep(&ends.out);
    sc_closep(&ends.err);
    sc_closep(&ends.report);
    return result;
}

/* ---- what it says ----------------------------------------------------------------------------------------------- */

/* Where sc died without a word of its own, the first line of standard error which is not a note. */
static const char *
last_words(struct sc_api_call *call, const char *text)
{
    while (sc_str_starts(text, "sc: note: ") && strchr(text, '\n'))
        text = strchr(text, '\n') + 1;
    if (sc_str_starts(text, "sc: "))
        text += 4;
    return sc_arena_strndup(call->arena, text, strcspn(text, "\n"));
}

int
sc_api_fail_child(struct sc_api_call *call, const struct sc_api_child *child, const char *text, int code)
{
    struct sc_api_failure failure = {.message = child->said};
    char *line = sc_arena_strdup(call->arena, child->said);

    if (line && sc_api_failure_parse(line, &failure)) {
        call->exit_code = failure.exit_code;
        /* Docker's client pulls when it reads these words */
        return sc_api_fail(call, sc_api_failure_status(&failure), "%s%s",
                           sc_str_starts(failure.message, "no such image") ? "N" : "",
                           failure.message + sc_str_starts(failure.message, "no such image"));
    }
    call->exit_code = code;
    failure.message = last_words(call, text);
    if (!failure.message || !*failure.message)
        return sc_api_fail(call, 500, "sc ended with %d and said nothing", code);
    return sc_api_fail(call, 500, "%s", failure.message);
}

/* Both streams at once, so that neither fills up. What is more than max is dropped, and *is_whole false. */
static void
collect(struct sc_api_child *child, struct sc_buf *out, struct sc_buf *err, bool *is_whole)
{
    char piece[16384];

    while (child->out >= 0 || child->err >= 0) {
        struct pollfd fds[2] = {{.fd = child->out, .events = POLLIN}, {.fd = child->err, .events = POLLIN}};

        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            return;
        for (int i = 0; i < 2; i++) {
            int *fd = i ? &child->err : &child->out;
            struct sc_buf *to = i ? err : out;
            ssize_t n;

            if (!(fds[i].revents & (POLLIN | POLLHUP | POLLERR)))
                continue;
            n = read(*fd, piece, sizeof(piece));
            if (n <= 0 && !(n < 0 && errno == EINTR))
                sc_closep(fd);
            else if (n > 0 && to->len + (size_t)n <= SC_API_KEPT_MAX)
                sc_buf_add(to, piece, (size_t)n);
            else if (n > 0)
                *is_whole = false;
        }
    }
}

int
sc_api_run(struct sc_api_call *call, const struct sc_strv *words, struct sc_buf *out)
{
    sc_cleanup_api_child child = SC_API_CHILD_INIT;
    sc_cleanup_buf said = SC_BUF_INIT, dropped = SC_BUF_INIT;
    bool is_whole = true;
    int code;

    if (sc_api_spawn(call, words, SC_API_OUT | SC_API_ERR, NULL, &child) < 0)
        return -1;
    collect(&child, out ? out : &dropped, &said, &is_whole);
    code = sc_api_child_wait(&child);
    if (code != 0)
        return sc_api_fail_child(call, &child, sc_buf_str(&said), code);
    if (out && (!is_whole || out->has_failed))
        return sc_api_fail(call, 500, "the answer is larger than %d bytes", SC_API_KEPT_MAX);
    return 0;
}

int
sc_api_run_json(struct sc_api_call *call, const struct sc_strv *words, json_t **out)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (sc_api_run(call, words, &text) < 0)
        return -1;
    return sc_json_parse(sc_buf_str(&text), text.len, "what sc says", out, &call->err);
}

int
sc_api_run_lines(struct sc_api_call *call, const struct sc_strv *words, json_t **out)
{
    sc_cleanup_buf text = SC_BUF_INIT;
    sc_cleanup_json list = json_array();

    if (sc_api_run(call, words, &text) < 0)
        return -1;
    for (const char *line = sc_buf_str(&text); *line;) {
        size_t n = strcspn(line, "\n");
        json_t *one = NULL;

        if (n > 0 && sc_json_parse(line, n, "what sc says", &one, &call->err) < 0)
            return -1;
        if (one)
            (void)json_array_append_new(list, one);
        line += n + (line[n] == '\n');
    }
    *out = sc_steal_ptr(&list);
    return 0;
}

int
sc_api_inspect(struct sc_api_call *call, const char *type, const char *word, json_t **out)
{
    sc_cleanup_json list = NULL;
    struct sc_strv words = {0};

    sc_strv_add(&words, call->arena, "inspect");
    sc_strv_addf(&words, call->arena, "--type=%s", type);
    sc_strv_add(&words, call->arena, "--");
    sc_strv_add(&words, call->arena, word);
    if (sc_api_run_json(call, &words, &list) < 0)
        return -1;
    *out = json_incref(json_array_get(list, 0));
    return *out ? 0 : sc_api_fail(call, 404, "no such %s: %s", type, word);
}

int
sc_api_container_id(struct sc_api_call *call, const char *word, char **id, json_t **out)
{
    sc_cleanup_json container = NULL;

    if (sc_api_inspect(call, "container", word, &container) < 0)
        return -1;
    *id = sc_arena_strdup(call->arena, sc_api_str_at(container, "Id"));
    if (out)
        *out = sc_steal_ptr(&container);
    return *id && strlen(*id) == SC_ID_LEN ? 0 : sc_api_fail(call, 500, "sc inspect told no id");
}

const json_t *
sc_api_at(const json_t *json, const char *path)
{
    char key[128];

    while (json && *path) {
        size_t n = strcspn(path, ".");

        if (n >= sizeof(key))
            return NULL;
        memcpy(key, path, n);
        key[n] = '\0';
        json = json_object_get(json, key);
        path += n + (path[n] == '.');
    }
    return json;
}

const char *
sc_api_str_at(const json_t *json, const char *path)
{
    const char *text = json_string_value(sc_api_at(json, path));

    return text ? text : "";
}
