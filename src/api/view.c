/* Pure translations: filters, a container's line in a list, a login. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "base/json.h"

int
sc_api_filters(const char *text, struct sc_arena *arena, struct sc_strv *words, struct sc_err *err)
{
    sc_cleanup_json filters = NULL;
    const char *key, *value;
    json_t *values, *one;
    size_t i;

    if (!text || !*text)
        return 0;
    if (sc_json_parse(text, strlen(text), "filters", &filters, err) < 0)
        return -1;
    if (!json_is_object(filters))
        return sc_err_set(err, SC_ERR_INVALID, "filters must be an object");
    json_object_foreach (filters, key, values) {
        if (!json_is_array(values) && !json_is_object(values))
            return sc_err_set(err, SC_ERR_INVALID, "filters.%.80s must be a list", key);
        json_array_foreach (values, i, one) {
            if (!json_is_string(one))
                return sc_err_set(err, SC_ERR_INVALID, "filters.%.80s must be a list of texts", key);
            sc_strv_addf(words, arena, "--filter=%s=%s", key, json_string_value(one));
        }
        if (json_is_object(values)) {
            json_object_foreach (values, value, one) {
                sc_strv_addf(words, arena, "--filter=%s=%s", key, value);
            }
        }
    }
    return sc_arena_check(arena, err);
}

bool
sc_api_failure_parse(const char *line, struct sc_api_failure *out)
{
    int numbers[2] = {0, 0};
    size_t n = strcspn(line, " ");

    *out = (struct sc_api_failure){.kind = SC_ERR_INTERNAL};
    for (int kind = SC_ERR_INVALID; kind <= SC_ERR_INTERNAL; kind++) {
        const char *name = sc_err_kind_name((enum sc_err_kind)kind);

        if (strlen(name) == n && memcmp(name, line, n) == 0)
            out->kind = (enum sc_err_kind)kind;
    }
    line += n;
    for (int i = 0; i < 2; i++) {
        size_t digits = *line == ' ' ? strspn(line + 1, "0123456789") : 0;

        if (digits == 0 || digits > 8)
            return false;
        numbers[i] = (int)strtol(line + 1, NULL, 10);
        line += 1 + digits;
    }
    if (*line != ' ')
        return false;
    out->errnum = numbers[0];
    out->exit_code = numbers[1];
    out->message = line + 1;
    return true;
}

int
sc_api_failure_status(const struct sc_api_failure *failure)
{
    if (failure->exit_code == 126 || failure->exit_code == 127) /* the container's program */
        return 400;
    switch (failure->kind) {
    case SC_ERR_INVALID:
        return 400;
    case SC_ERR_NOT_FOUND:
        return 404;
    case SC_ERR_EXISTS:
    case SC_ERR_BUSY:
        return failure->errnum ? 500 : 409; /* the kernel's EBUSY is no conflict of the client's making */
    case SC_ERR_DENIED:
        return failure->errnum ? 500 : 403;
    case SC_ERR_UNSUPPORTED:
        return failure->errnum ? 500 : 501;
    default:
        return 500;
    }
}

const char *
sc_api_time(struct sc_arena *arena, const char *text)
{
    size_t whole = strspn(text, "0123456789"),
           decimals = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
    struct sc_err ignored = SC_ERR_INIT;
    int64_t seconds = 0, nano = 0;
    char number[SC_NUM_MAX], out[SC_TIME_MAX];

    if (whole == 0 || whole > 10 || decimals == 0 || decimals > 9 || text[whole + 1 + decimals])
        return text;
    (void)snprintf(number, sizeof(number), "%.*s", (int)whole, text);
    if (sc_parse_i64(number, &seconds, &ignored) < 0)
        return text;
    for (size_t i = 0; i < 9; i++)
        nano = nano * 10 + (i < decimals ? text[whole + 1 + i] - '0' : 0);
    sc_time_format(seconds * 1000000000 + nano, out);
    text = sc_arena_strdup(arena, out);
    return text ? text : "";
}

static const char *
text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* {"80/tcp":[{"HostIp":"0.0.0.0","HostPort":"8080"}]}, or null for a port that is only exposed */
static json_t *
ports_of(const json_t *by_port)
{
    json_t *out = json_array(), *bindings;
    const char *port;

    json_object_foreach ((json_t *)(uintptr_t)by_port, port, bindings) {
        struct sc_err ignored = SC_ERR_INIT;
        size_t n = strcspn(port, "/");
        char number[16];
        uint32_t inside = 0, outside = 0;
        const json_t *one;
        size_t i;

        (void)snprintf(number, sizeof(number), "%.*s", n < 8 ? (int)n : 8, port);
        if (sc_parse_u32(number, &inside, &ignored) < 0)
            continue;
        if (json_array_size(bindings) == 0)
            (void)json_array_append_new(
                out, json_pack("{s:i,s:s}", "PrivatePort", (int)inside, "Type", port[n] ? port + n + 1 : "tcp"));
        json_array_foreach (bindings, i, one) {
            if (sc_parse_u32(text_of(one, "HostPort"), &outside, &ignored) < 0)
                continue;
            (void)json_array_append_new(out, json_pack("{s:s,s:i,s:i,s:s}", "IP", text_of(one, "HostIp"), "PrivatePort",
                                                       (int)inside, "PublicPort", (int)outside, "Type",
                                                       port[n] ? port + n + 1 : "tcp"));
        }
    }
    return out;
}

static void
copy(json_t *to, const json_t *from, const char *key, json_t *otherwise)
{
    json_t *value = json_object_get(from, key);

    if (value && !json_is_null(value)) {
        (void)json_object_set(to, key, value);
        json_decref(otherwise);
    } else if (otherwise) {
        (void)json_object_set_new(to, key, otherwise);
    }
}

json_t *
sc_api_summary(const json_t *container, const char *status)
{
    const json_t *config = json_object_get(container, "Config"), *state = json_object_get(container, "State"), *one;
    const json_t *network = json_object_get(container, "NetworkSettings");
    json_t *out = json_object(), *settings = json_object();
    sc_cleanup_buf command = SC_BUF_INIT;
    struct sc_err ignored = SC_ERR_INIT;
    int64_t created = 0;
    size_t i;

    sc_buf_adds(&command, text_of(container, "Path"));
    json_array_foreach (json_object_get(container, "Args"), i, one) {
        sc_buf_addf(&command, " %s", json_is_string(one) ? json_string_value(one) : "");
    }
    (void)!sc_time_parse(text_of(container, "Created"), &created, &ignored);
    copy(out, container, "Id", NULL);
    (void)json_object_set_new(out, "Names", json_pack("[s]", text_of(container, "Name")));
    (void)json_object_set_new(out, "Image", json_string(text_of(config, "Image")));
    (void)json_object_set_new(out, "ImageID", json_string(text_of(container, "Image")));
    (void)json_object_set_new(out, "Command", json_string(sc_buf_str(&command)));
    (void)json_object_set_new(out, "Created", json_integer(created / 1000000000));
    (void)json_object_set_new(out, "Ports", ports_of(json_object_get(network, "Ports")));
    copy(out, container, "SizeRw", NULL);
    copy(out, container, "SizeRootFs", NULL);
    copy(out, config, "Labels", json_object());
    (void)json_object_set_new(out, "State", json_string(text_of(state, "Status")));
    (void)json_object_set_new(out, "Status", json_string(status));
    (void)json_object_set_new(
        out, "HostConfig",
        json_pack("{s:s}", "NetworkMode", text_of(json_object_get(container, "HostConfig"), "NetworkMode")));
    copy(settings, network, "Networks", json_object());
    (void)json_object_set_new(out, "NetworkSettings", settings);
    copy(out, container, "Mounts", json_array());
    return out;
}

/* ---- a login ---------------------------------------------------------------------------------------------------- */

static int
base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    const char *at = c ? strchr(digits, c) : NULL;

    return at ? (int)(at - digits) : c == '+' || c == '-' ? 62 : c == '/' || c == '_' ? 63 : -1;
}

static int
decode_base64(const char *text, struct sc_buf *out, struct sc_err *err)
{
    unsigned bits = 0, count = 0;

    for (; *text && *text != '='; text++) {
        int value = base64_value(*text);

        if (value < 0)
            return sc_err_set(err, SC_ERR_INVALID, "no base64");
        bits = (bits << 6 | (unsigned)value) & 0xffffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            sc_buf_addc(out, (char)(bits >> count & 0xff));
        }
    }
    return sc_buf_check(out, err);
}

static void
encode_base64(const char *text, size_t len, struct sc_buf *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < len; i += 3) {
        unsigned bits = (unsigned)(unsigned char)text[i] << 16;

        bits |= i + 1 < len ? (unsigned)(unsigned char)text[i + 1] << 8 : 0;
        bits |= i + 2 < len ? (unsigned)(unsigned char)text[i + 2] : 0;
        for (unsigned k = 0; k < 4; k++)
            sc_buf_addc(out, k < 2 || i + k - 1 < len ? digits[bits >> (18 - 6 * k) & 63] : '=');
    }
}

/* One login to a member of "auths"; one without a name is none. */
static int
add_login(json_t *auths, const char *host, const json_t *given, struct sc_err *err)
{
    sc_cleanup_buf login = SC_BUF_INIT, encoded = SC_BUF_INIT;

    if (!*text_of(given, "username"))
        return 0;
    sc_buf_addf(&login, "%s:%s", text_of(given, "username"), text_of(given, "password"));
    encode_base64(sc_buf_str(&login), login.len, &encoded);
    if (sc_buf_check(&encoded, err) < 0)
        return -1;
    return json_object_set_new(auths, host, json_pack("{s:s}", "auth", sc_buf_str(&encoded))) < 0 ? sc_err_nomem(err)
                                                                                                  : 0;
}

static int
read_header(const char *header, const char *name, json_t **out, struct sc_err *err)
{
    sc_cleanup_buf text = SC_BUF_INIT;

    if (!header || !*header)
        return 0;
    if (decode_base64(header, &text, err) < 0)
        return sc_err_set(err, SC_ERR_INVALID, "%s is not base64", name);
    return text.len == 0 ? 0 : sc_json_parse(text.data, text.len, name, out, err);
}

static int
write_file(json_t *auths, struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_json file = NULL;

    if (json_object_size(auths) == 0)
        return 0;
    file = json_pack("{s:O}", "auths", auths);
    return file ? sc_json_dump(file, out, err) : sc_err_nomem(err);
}

int
sc_api_auth_file(const char *header, const char *host, struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_json given = NULL, *auths = json_object();

    if (read_header(header, "X-Registry-Auth", &given, err) < 0 || add_login(auths, host, given, err) < 0)
        return -1;
    return write_file(auths, out, err);
}

int
sc_api_auth_files(const char *header, struct sc_buf *out, struct sc_err *err)
{
    sc_cleanup_json given = NULL, *auths = json_object();
    const char *host;
    json_t *one;

    if (read_header(header, "X-Registry-Config", &given, err) < 0)
        return -1;
    json_object_foreach (given, host, one) {
        if (add_login(auths, host, one, err) < 0)
            return -1;
    }
    return write_file(auths, out, err);
}
