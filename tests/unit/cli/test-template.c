/* --format: what of Go's text/template there is, and what is said of the rest. */
#include "test.h"

#include "base/json.h"
#include "cli/cli.h"

static const char data[] =
    "{\"Name\":\"/web\",\"Pid\":7,\"Up\":true,\"Down\":false,\"None\":null,\"Empty\":\"\",\"Half\":0.5,"
    "\"Args\":[\"a\",\"b\"],\"No\":[],\"Labels\":{\"k\":\"v\",\"a.b\":\"c\"},\"State\":{\"Code\":3},\"Binds\":null,"
    "\"Volumes\":null,\"Deep\":{\"Binds\":null}}";

static int
run(const char *text, struct sc_buf *out, struct sc_err *err)
{
    json_error_t where;
    sc_cleanup_json value = json_loads(data, 0, &where);

    assert_non_null(value);
    return sc_template_run(text, value, out, err);
}

static void
test_values(void **state)
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", ""},
        {"plain", "plain"},
        {"{{.Name}}", "/web"},
        {"{{ .Name }}-{{.Pid}}", "/web-7"},
        {"{{.State.Code}} {{.Up}} {{.Half}} {{.None}}", "3 true 0.5 <nil>"},
        {"{{.Binds}} {{ .Volumes }} {{.Labels.none}} {{json .Binds}} {{.Deep}}",
         "[] map[] <no value> null map[Binds:<nil>]"},
        {"{{.Args}} {{.No}} {{.Labels}}", "[a b] [] map[k:v a.b:c]"},
        {"{{json .Args}}{{json .Name}}{{json .State}}", "[\"a\",\"b\"]\"/web\"{\"Code\":3}"},
        {"{{.State | json}}", "{\"Code\":3}"},
        {"{{index .Args 1}} {{index .Labels \"a.b\"}}", "b c"},
        {"{{len .Args}} {{len .Name}} {{len .Labels}}", "2 4 2"},
        {"{{slice .Name 1 3}} {{slice .Name 2}} {{len (slice .Args 1)}} {{slice .Name}}", "we eb 1 /web"},
        {"{{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge \"b\" \"a\"}}", "true true false true"},
        {"[{{pad .Name 1 2}}] [{{truncate .Name 2}}] [{{truncate \"\u00e4b\" 1}}] [{{pad \"\" 3 3}}]",
         "[ /web  ] [/w] [\u00e4] []"},
        {"{{join (split .Name \"\") \"-\"}}", "/-w-e-b"},
        {"{{upper .Name}} {{lower \"AB\"}} {{title \"ab\"}}", "/WEB ab Ab"},
        {"{{join .Args \", \"}}", "a, b"},
        {"{{range .Args}}<{{.}}>{{end}}", "<a><b>"},
        {"{{range $i, $a := .Args}}{{$i}}{{$a}}{{$.Pid}} {{end}}", "0a7 1b7 "},
        {"{{range $k, $v := .Labels}}{{$k}}={{$v}};{{end}}", "a.b=c;k=v;"},
        {"{{range .No}}x{{else}}none{{end}}", "none"},
        {"{{with .State}}{{.Code}}{{end}}", "3"},
        {"{{with .Empty}}x{{else}}y{{end}}", "y"},
        {"{{if .Up}}up{{else}}down{{end}}", "up"},
        {"{{if .Down}}a{{else if .Up}}b{{else}}c{{end}}", "b"},
        {"{{if and .Up (eq .Pid 7)}}yes{{end}}", "yes"},
        {"{{if or .Down .Empty}}yes{{else}}no{{end}}", "no"},
        {"{{if not .Down}}yes{{end}}", "yes"},
        {"{{if ne .Name \"x\"}}yes{{end}}", "yes"},
        {"{{$x := .Pid}}{{$x}}", "7"},
        {"a {{- .Pid -}} b", "a7b"},
        {"{{/* a comment */}}x", "x"},
        {"{{\"text\"}}{{`raw`}}", "textraw"},
        {"{{println .Pid}}", "7\n"},
        {"{{printf \"%s:%d\" .Name .Pid}}", "/web:7"},
        {"{{printf \"%5s|%-5s|%05d|%x|%q|%v|%t|%%\" \"a\" \"b\" .Pid 255 .Name .Args .Up}}",
         "    a|b    |00007|ff|\"/web\"|[a b]|true|%"},
        {"{{printf \"%.2s\" .Name | len}}", "2"},
        {"{{.Labels.k}}", "v"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_err err;

        assert_ok(run(cases[i].text, &text, &err));
        assert_string_equal(sc_buf_str(&text), cases[i].expected);
    }
}

static void
test_mistakes(void **state)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"{{", "template: \"{{\" without \"}}\" in \"{{\""},
        {"{{.Nope}}", "template: there is no field \"Nope\""},
        {"{{.State.Nope}}", "template: there is no field \"Nope\""},
        {"{{}}", "template: a value is missing"},
        {"{{nope .Name}}", "template: function \"nope\" is not known"},
        {"{{printf 1}}", "template: printf: the first argument must be a text"},
        {"{{printf \"%d\" .Name}}", "template: printf: %d is not for such a value"},
        {"{{printf \"%s\"}}", "template: printf: more directives than values"},
        {"{{printf \"x\" 1}}", "template: printf: more values than directives"},
        {"{{printf \"%w\" 1}}", "template: printf: \"%w\" is not known"},
        {"{{printf \"%\"}}", "template: printf: \"%\" is not known"},
        {"{{printf \"%99999999999999999999s\" .Name}}", "template: printf: \"%9999999999999999999\" is not known"},
    };

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(cases); i++) {
        sc_cleanup_buf text = SC_BUF_INIT;
        struct sc_err err;

        assert_fails(run(cases[i].text, &text, &err), SC_ERR_INVALID, cases[i].message);
    }
}

/* Whatever is cut off anywhere, it ends, with an answer or an error. */
static void
test_every_prefix(void **state)
{
    static const char whole[] = "{{range $i, $a := .Args}}{{if eq $a \"a\"}}{{printf \"%-5s\" $a}}{{else}}"
                                "{{with .}}{{. | json}}{{end}}{{end}}{{end}}{{index .Labels \"k\"}}{{- /* c */ -}}";

    (void)state;
    for (size_t len = 0; len <= strlen(whole); len++) {
        sc_cleanup_buf text = SC_BUF_INIT;
        sc_cleanup_free char *part = strndup(whole, len);
        struct sc_err err = SC_ERR_INIT;

        assert_non_null(part);
        if (run(part, &text, &err) < 0)
            assert_string_equal(sc_err_kind_name(err.kind), sc_err_kind_name(SC_ERR_INVALID));
        else
            assert_int_equal(err.kind, SC_ERR_NONE);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_mistakes),
        cmocka_unit_test(test_every_prefix),
    };

    return RUN_TESTS(tests);
}
