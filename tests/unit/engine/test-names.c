/* Names, claims, and finding containers by them. */
#include "engine-fixture.h"

static void
test_grammar(void **state)
{
    static const char *const good[] = {"ab", "A1", "a-b", "a.b_c-d", "0x"};
    static const char *const bad[] = {"", "a", "-a", ".a", "_a", "a b", "a/b", "..", "a\n", "\xc3\xa4\xc3\xb6"};
    char text[256];
    struct sc_err err;

    (void)state;
    for (size_t i = 0; i < SC_ARRAY_LEN(good); i++)
        assert_ok(sc_name_check(good[i], &err));
    for (size_t i = 0; i < SC_ARRAY_LEN(bad); i++) {
        (void)snprintf(text, sizeof(text), "invalid container name \"%s\"", bad[i]);
        assert_fails(sc_name_check(bad[i], &err), SC_ERR_INVALID, text);
    }
    memset(text, 'a', 201);
    text[201] = '\0';
    assert_int_equal(sc_name_check(text, &err), -1);
    text[200] = '\0';
    assert_ok(sc_name_check(text, &err));
}

static void
test_ids_as_targets(void **state)
{
    char id[SC_ID_LEN + 1], back[SC_ID_LEN + 1], text[SC_CLAIM_MAX], other[SC_CLAIM_MAX];
    struct sc_err err;

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_ok(sc_id_random(id, &err));
        sc_claim_encode(id, text);
        assert_true(strlen(text) < 60); /* what ext4 keeps in the inode */
        assert_true(sc_claim_decode(text, strlen(text), back));
        assert_string_equal(id, back);
    }
    memset(id, '0', SC_ID_LEN);
    sc_claim_encode(id, text);
    assert_string_equal(text, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA");
    memcpy(other, text, sizeof(other));
    other[42] = 'B'; /* bits that no id has */
    assert_false(sc_claim_decode(other, 43, back));
    assert_false(sc_claim_decode(text, 42, back));
    text[7] = '/';
    assert_false(sc_claim_decode(text, 43, back));
}

static void
test_made_up_names_are_names(void **state)
{
    struct sc_err err;
    char name[64];

    (void)state;
    for (uint64_t i = 0; i < 5000; i++) {
        sc_name_random(i * UINT64_C(0x9e3779b97f4a7c15), i & 1, name);
        assert_ok(sc_name_check(name, &err));
        assert_non_null(strchr(name, '_'));
    }
}

static void
test_conflict_names_the_owner(void **state)
{
    struct engine_fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;

    (void)made_container(f, 1, "web", false, false);
    assert_fails(sc_name_claim(&f->engine, "web", made_id(f, 2), &err), SC_ERR_EXISTS,
                 "name \"web\" is in use by container 000000010000");
    assert_string_equal(err.remedy, "remove it (sc rm web), rename it, or choose another --name");
}

static void
test_name_of_a_vanished_container_is_free(void **state)
{
    struct engine_fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    char owner[SC_ID_LEN + 1];

    put_claim(f, "name/web", 9);
    assert_ok(sc_name_claim(&f->engine, "web", made_id(f, 2), &err));
    sc_claim_owner(&f->engine, "name", "web", owner);
    assert_string_equal(owner, made_id(f, 2));
}

/* Whoever is creating a container holds its lock before its record exists. */
static void
test_name_of_a_container_in_the_making_is_not_free(void **state)
{
    struct engine_fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    sc_cleanup_fd lock = sc_engine_lock(&f->engine, made_id(f, 9), 0, &err);

    assert_true(lock >= 0);
    put_claim(f, "name/web", 9);
    assert_fails(sc_name_claim(&f->engine, "web", made_id(f, 2), &err), SC_ERR_EXISTS,
                 "name \"web\" is in use by container 000000090000");
}

static void
test_release_takes_only_ones_own(void **state)
{
    struct engine_fixture *f = *state;
    char owner[SC_ID_LEN + 1];

    (void)made_container(f, 1, "web", false, false);
    sc_claim_release(&f->engine, "name", "web", made_id(f, 2));
    sc_claim_owner(&f->engine, "name", "web", owner);
    assert_string_equal(owner, made_id(f, 1));
    sc_claim_release(&f->engine, "name", "web", made_id(f, 1));
    sc_claim_owner(&f->engine, "name", "web", owner);
    assert_string_equal(owner, "");
}

static void
test_damaged_claim_names_nobody(void **state)
{
    struct engine_fixture *f = *state;
    struct sc_err err = SC_ERR_INIT;
    char owner[SC_ID_LEN + 1];

    assert_int_equal(symlinkat("../../etc/passwd", f->engine.data_fd, "name/web"), 0);
    sc_claim_owner(&f->engine, "name", "web", owner);
    assert_string_equal(owner, "");
    assert_ok(sc_name_claim(&f->engine, "web", made_id(f, 2), &err));
}

static void
assert_finds(struct engine_fixture *f, const char *word, unsigned n)
{
    struct sc_container out;
    struct sc_err err = SC_ERR_INIT;

    assert_ok(sc_engine_find(&f->engine, word, &f->arena, &out, &err));
    assert_string_equal(out.id, made_id(f, n));
    assert_int_equal(out.status, SC_STATUS_CREATED);
}

static void
test_find(void **state)
{
    struct engine_fixture *f = *state;
    struct sc_container out;
    struct sc_err err = SC_ERR_INIT;

    (void)made_container(f, 0x1a, "web", false, false);
    (void)made_container(f, 0x1b, "0000", false, false);
    assert_finds(f, "web", 0x1a);
    assert_finds(f, "0000", 0x1b); /* a name comes before a prefix */
    assert_finds(f, "0000001b", 0x1b);
    assert_finds(f, made_id(f, 0x1a), 0x1a);
    err = (struct sc_err)SC_ERR_INIT;
    assert_int_equal(sc_engine_find(&f->engine, "000000", &f->arena, &out, &err), -1);
    assert_int_equal(err.kind, SC_ERR_INVALID);
    assert_true(sc_str_starts(err.msg, "container id \"000000\" is ambiguous: it fits 0000001"));
    assert_fails(sc_engine_find(&f->engine, "we", &f->arena, &out, &err), SC_ERR_NOT_FOUND,
                 "no such container: \"we\"");
    assert_fails(sc_engine_find(&f->engine, "", &f->arena, &out, &err), SC_ERR_NOT_FOUND, "no such container: \"\"");
    assert_fails(sc_engine_find(&f->engine, "../x", &f->arena, &out, &err), SC_ERR_NOT_FOUND,
                 "no such container: \"../x\"");
    assert_fails(sc_engine_find(&f->engine, made_id(f, 5), &f->arena, &out, &err), SC_ERR_NOT_FOUND,
                 sc_arena_printf(&f->arena, "no such container: \"%s\"", made_id(f, 5)));
}

static void
test_rename(void **state)
{
    struct engine_fixture *f = *state;
    struct sc_container out;
    struct sc_err err = SC_ERR_INIT;

    (void)made_container(f, 1, "web", false, false);
    (void)made_container(f, 2, "db", false, false);
    assert_ok(sc_engine_find(&f->engine, "web", &f->arena, &out, &err));
    assert_fails(sc_engine_rename(&f->engine, &out, "db", &err), SC_ERR_EXISTS,
                 "name \"db\" is in use by container 000000020000");
    assert_fails(sc_engine_rename(&f->engine, &out, "web", &err), SC_ERR_INVALID,
                 "rename container \"web\": it has that name already");
    assert_ok(sc_engine_rename(&f->engine, &out, "www", &err));
    assert_finds(f, "www", 1);
    assert_fails(sc_engine_find(&f->engine, "web", &f->arena, &out, &err), SC_ERR_NOT_FOUND,
                 "no such container: \"web\"");
    assert_false(is_there(f, false, "name/web"));
}

/* A rename that was killed after its new claim, or before it gave up the old one. */
static void
test_names_that_the_record_does_not_say(void **state)
{
    struct engine_fixture *f = *state;
    struct sc_container out;
    struct sc_err err = SC_ERR_INIT;

    (void)made_container(f, 1, "web", false, false);
    put_claim(f, "name/half", 1);
    assert_fails(sc_engine_find(&f->engine, "half", &f->arena, &out, &err), SC_ERR_NOT_FOUND,
                 "no such container: \"half\"");
    assert_ok(sc_name_claim(&f->engine, "half", made_id(f, 2), &err));
}

int
main(void)
{
#define WITH_ENGINE(test) cmocka_unit_test_setup_teardown(test, engine_setup, engine_teardown)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grammar),
        cmocka_unit_test(test_ids_as_targets),
        cmocka_unit_test(test_made_up_names_are_names),
        WITH_ENGINE(test_conflict_names_the_owner),
        WITH_ENGINE(test_name_of_a_vanished_container_is_free),
        WITH_ENGINE(test_name_of_a_container_in_the_making_is_not_free),
        WITH_ENGINE(test_release_takes_only_ones_own),
        WITH_ENGINE(test_damaged_claim_names_nobody),
        WITH_ENGINE(test_find),
        WITH_ENGINE(test_rename),
        WITH_ENGINE(test_names_that_the_record_does_not_say),
    };

    return RUN_TESTS(tests);
}
