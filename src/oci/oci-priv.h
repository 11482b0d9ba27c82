/*
 * The field tables: each JSON object of the specification is one table that says which member goes where.
 * decode.c and encode.c walk the same tables, so that neither can know a member that the other does not.
 *
 *   spec.c process.c linux.c resources.c seccomp.c    the tables, and the codecs of members
 *                                                     that are not a plain value of their struct
 *   names.c                                           the words of the specification and their numbers
 *
 * Invariants: a decoder writes only into zeroed structs; a string member is NULL where the JSON says ""
 * (Go's omitempty makes no difference between the two); an encoder that has nothing to say
 * adds nothing, and its key is then left out.
 */
#ifndef SC_OCI_PRIV_H
#define SC_OCI_PRIV_H

#include "base/json.h"
#include "oci/oci.h"

struct sc_oci_name {
    const char *name; /* NULL ends a table */
    uint64_t value;
};

enum sc_oci_field_kind {
    FIELD_STR,      /* char * */
    FIELD_STRV,     /* struct sc_strv */
    FIELD_MAP,      /* struct sc_strv of "key=value" */
    FIELD_BOOL,     /* bool */
    FIELD_I32,      /* int32_t */
    FIELD_I64,      /* int64_t */
    FIELD_U32,      /* uint32_t */
    FIELD_U64,      /* uint64_t */
    FIELD_OPT_I64,  /* struct sc_opt_i64 */
    FIELD_OPT_U64,  /* struct sc_opt_u64, at most .max */
    FIELD_OPT_BOOL, /* struct sc_opt_bool */
    FIELD_ENUM,     /* int, a word of .names */
    FIELD_FLAGS32,  /* uint32_t, a list of words of .names */
    FIELD_FLAGS64,  /* uint64_t, the same */
    FIELD_OBJ,      /* a struct inside, or with .offset 0 members of the same struct, by .object */
    FIELD_LIST,     /* pointer to an array of .object, with its size_t count at .count_offset */
    FIELD_DICT,     /* the same from an object, whose keys go to the char * that each item starts with */
    FIELD_CUSTOM,   /* by .codec */
};

enum sc_oci_field_flag {
    FIELD_REQUIRED = 1,        /* decode: absent is an error; encode: written even when zero */
    FIELD_ALWAYS = 2,          /* encode: written even when zero */
    FIELD_EMPTY_IS_ABSENT = 4, /* decode: an object without members is as none, though some are required */
};

struct sc_oci_field;

/* What goes along while decoding. */
struct sc_oci_decoder {
    struct sc_arena *arena;
    const struct sc_oci_seccomp_host *seccomp_host; /* set for Docker's profile file */
    char path[256];                                 /* of the object being decoded, for messages */
};
struct sc_oci_seccomp_host {
    uint64_t caps;
    unsigned kernel_major, kernel_minor;
};

struct sc_oci_encoder {
    struct sc_buf *out;
    int depth;
};

/* decode gets the JSON object that may hold the member (and others it belongs with), and the struct around it. */
struct sc_oci_codec {
    int (*decode)(struct sc_oci_decoder *decoder, const json_t *json, const struct sc_oci_field *field, void *obj,
                  struct sc_err *err);
    void (*encode)(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj);
};

struct sc_oci_object {
    const struct sc_oci_field *fields;
    size_t field_count;
    size_t size;
    bool has_is_set;
    size_t is_set_offset;
    /* after the members, for what JSON leaves implied; may be NULL */
    int (*finish)(struct sc_oci_decoder *decoder, void *obj, struct sc_err *err);
};

struct sc_oci_field {
    const char *key;
    enum sc_oci_field_kind kind;
    unsigned flags;
    size_t offset, count_offset;
    uint64_t max; /* FIELD_OPT_U64: 0 is no bound */
    const struct sc_oci_object *object;
    const struct sc_oci_name *names;
    const struct sc_oci_codec *codec;
    const char *arg; /* the codec's own */
};

#define SC_OCI_OBJECT(type, table) .fields = (table), .field_count = SC_ARRAY_LEN(table), .size = sizeof(type)
#define SC_OCI_IS_SET(type)        .has_is_set = true, .is_set_offset = offsetof(type, is_set)

extern const struct sc_oci_object sc_oci_spec_object;      /* struct sc_oci_spec */
extern const struct sc_oci_object sc_oci_process_object;   /* struct sc_oci_process */
extern const struct sc_oci_object sc_oci_linux_object;     /* struct sc_oci_linux */
extern const struct sc_oci_object sc_oci_resources_object; /* struct sc_oci_resources */
extern const struct sc_oci_object sc_oci_seccomp_object;   /* struct sc_oci_seccomp */
extern const struct sc_oci_object sc_oci_id_map_object;    /* struct sc_oci_id_map */
extern const struct sc_oci_object sc_oci_hooks_object;     /* struct sc_oci_hooks */

/* decode.c */
SC_MUST_CHECK int sc_oci_decode_object(struct sc_oci_decoder *decoder, const json_t *json,
                                       const struct sc_oci_object *object, void *out, struct sc_err *err);
/* Puts ".key" (or "[index]") behind the decoder's path; returns the length to give to sc_oci_path_pop. */
size_t sc_oci_path_push(struct sc_oci_decoder *decoder, const char *key);
size_t sc_oci_path_push_index(struct sc_oci_decoder *decoder, size_t index);
void sc_oci_path_pop(struct sc_oci_decoder *decoder, size_t len);
/* "path.key: must be ..." */
int sc_oci_member_err(const struct sc_oci_decoder *decoder, const char *key, struct sc_err *err, const char *fmt, ...)
    SC_PRINTF(4, 5);
/* A member that is one of names, into *out; absent leaves it as it is. */
SC_MUST_CHECK int sc_oci_decode_word(struct sc_oci_decoder *decoder, const json_t *json, const char *key,
                                     const struct sc_oci_name *names, uint64_t *out, struct sc_err *err);

/* seccomp.c: "6.1.0-13" is 6 and 1; returns what follows, or NULL when text does not start so. */
const char *sc_oci_kernel_version(const char *text, unsigned *major, unsigned *minor);

/* encode.c */
void sc_oci_encode_object(struct sc_oci_encoder *encoder, const struct sc_oci_object *object, const void *obj);
void sc_oci_encode_text(struct sc_oci_encoder *encoder, const char *text);
/* Elements of a list: call before each, is_first for the first, and the end after the last. */
void sc_oci_encode_item(struct sc_oci_encoder *encoder, bool is_first);
void sc_oci_encode_list_end(struct sc_oci_encoder *encoder);
/* A FIELD_LIST; nothing when it is empty. */
void sc_oci_encode_list(struct sc_oci_encoder *encoder, const struct sc_oci_field *field, const void *obj);

/* text.c */
bool sc_oci_path_is_absolute(const char *path); /* false for NULL */
bool sc_oci_strv_has(const struct sc_strv *list, const char *text);

/* names.c: tables by the specification's words */
extern const struct sc_oci_name sc_oci_namespace_names[];
extern const struct sc_oci_name sc_oci_rlimit_names[];
extern const struct sc_oci_name sc_oci_sched_policy_names[];
extern const struct sc_oci_name sc_oci_sched_flag_names[];
extern const struct sc_oci_name sc_oci_ioprio_class_names[];
extern const struct sc_oci_name sc_oci_mpol_mode_names[];
extern const struct sc_oci_name sc_oci_mpol_flag_names[];
extern const struct sc_oci_name sc_oci_personality_names[];
extern const struct sc_oci_name sc_oci_seccomp_action_names[];
extern const struct sc_oci_name sc_oci_seccomp_flag_names[];
extern const struct sc_oci_name sc_oci_seccomp_op_names[];
extern const struct sc_oci_name sc_oci_seccomp_arch_names[];
const struct sc_oci_name *sc_oci_name_find(const struct sc_oci_name *names, const char *name); /* or NULL */
const char *sc_oci_name_of(const struct sc_oci_name *names, uint64_t value);                   /* or NULL */

/* validate*.c: one row of a table of checks; where says which section of the specification (or which
 * behaviour of the kernel) asks for it. */
struct sc_oci_check {
    const char *where;
    int (*check)(const struct sc_oci_spec *spec, struct sc_err *err);
};
struct sc_oci_checks {
    const struct sc_oci_check *rows;
    size_t count;
};
extern const struct sc_oci_checks sc_oci_mount_checks; /* validate-mounts.c */
extern const struct sc_oci_checks sc_oci_linux_checks; /* validate-linux.c */
/* Sizes, ranges and overlaps of one list of mappings; where is its path. */
SC_MUST_CHECK int sc_oci_check_id_maps(const struct sc_oci_id_maps *maps, const char *where, struct sc_err *err);

#endif
