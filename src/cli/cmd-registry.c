/* pull, push, login, logout, manifest: sc-transfer speaks to registries. */
#include "cli/cli.h"

struct registry_options {
    char *authfile, *creds, *cert_dir, *platform, *progress, *user, *password;
    char *arch, *os, *os_version, *variant;
    struct sc_strv os_features;
    bool all_tags, quiet, tls_verify, from_stdin, amend, purge, insecure, verbose, no_trust;
};

#define AT(member) offsetof(struct registry_options, member)

/* What each of them has. */
#define REGISTRY_OPTIONS                                                                                               \
    {"authfile", 0,   SC_OPTION_STR, AT(authfile), "file", "Where logins are kept (default: ~/.docker/config.json)",   \
     NULL,       NULL},                                                                                                \
        {"cert-dir", 0, SC_OPTION_STR, AT(cert_dir), "dir", "Certificates: *.crt, *.cert, *.key", NULL, NULL},         \
        {"creds", 0, SC_OPTION_STR, AT(creds), "user[:password]", "Log in as, without keeping it", NULL, NULL},        \
    {                                                                                                                  \
        "tls-verify", 0, SC_OPTION_FLAG, AT(tls_verify), NULL, "Demand https and a valid certificate", NULL, NULL      \
    }

#define INSECURE                                                                                                       \
    {                                                                                                                  \
        "insecure", 0, SC_OPTION_FLAG, AT(insecure), NULL, "The same as --tls-verify=false", NULL, NULL                \
    }
#define NO_TRUST                                                                                                       \
    {                                                                                                                  \
        "disable-content-trust", 0, SC_OPTION_FLAG, AT(no_trust), NULL, "Accepted for Docker's sake, without effect",  \
            NULL, NULL                                                                                                 \
    }

static const struct sc_option pull_table[] = {
    {"all-tags", 'a', SC_OPTION_FLAG, AT(all_tags), NULL, "Pull every tag of the repository", NULL, NULL},
    NO_TRUST,
    {"platform", 0, SC_OPTION_STR, AT(platform), "platform", "Image for another platform: linux/arm64", NULL, NULL},
    {"progress", 0, SC_OPTION_STR, AT(progress), "how", "auto, bar, plain, json or none", NULL, NULL},
    {"quiet", 'q', SC_OPTION_FLAG, AT(quiet), NULL, "Print the image's name only", NULL, NULL},
    REGISTRY_OPTIONS,
    {.name = NULL},
};
static const struct sc_option push_table[] = {
    {"all-tags", 'a', SC_OPTION_FLAG, AT(all_tags), NULL, "Push every tag of the repository", NULL, NULL},
    NO_TRUST,
    {"platform", 0, SC_OPTION_STR, AT(platform), "platform", "Refuse an image for another one: linux/arm64", NULL,
     NULL},
    {"progress", 0, SC_OPTION_STR, AT(progress), "how", "auto, bar, plain, json or none", NULL, NULL},
    {"quiet", 'q', SC_OPTION_FLAG, AT(quiet), NULL, "Print the image's name only", NULL, NULL},
    REGISTRY_OPTIONS,
    {.name = NULL},
};
static const struct sc_option login_table[] = {
    {"password", 'p', SC_OPTION_STR, AT(password), "password", "Password", NULL, NULL},
    {"password-stdin", 0, SC_OPTION_FLAG, AT(from_stdin), NULL, "Read the password from standard input", NULL, NULL},
    {"username", 'u', SC_OPTION_STR, AT(user), "name", "User name", NULL, NULL},
    REGISTRY_OPTIONS,
    {.name = NULL},
};
static const struct sc_option logout_table[] = {
    {"authfile", 0, SC_OPTION_STR, AT(authfile), "file", "Where logins are kept (default: ~/.docker/config.json)", NULL,
     NULL},
    {.name = NULL},
};
static const struct sc_option inspect_table[] = {
    INSECURE,
    {"verbose", 'v', SC_OPTION_FLAG, AT(verbose), NULL, "Of each image: descriptor, platform, manifest", NULL, NULL},
    REGISTRY_OPTIONS,
    {.name = NULL},
};
static const struct sc_option annotate_table[] = {
    {"arch", 0, SC_OPTION_STR, AT(arch), "arch", "Architecture: amd64, arm64", NULL, NULL},
    {"os", 0, SC_OPTION_STR, AT(os), "os", "Operating system: linux", NULL, NULL},
    {"os-features", 0, SC_OPTION_STRV, AT(os_features), "feature", "Feature of it that is needed", NULL, NULL},
    {"os-version", 0, SC_OPTION_STR, AT(os_version), "version", "Version of it", NULL, NULL},
    {"variant", 0, SC_OPTION_STR, AT(variant), "variant", "Variant of the architecture: v8", NULL, NULL},
    {.name = NULL},
};
static const struct sc_option create_table[] = {
    {"amend", 'a', SC_OPTION_FLAG, AT(amend), NULL, "Add to a list that exists", NULL, NULL},
    INSECURE,
    REGISTRY_OPTIONS,
    {.name = NULL},
};
static const struct sc_option list_push_table[] = {
    INSECURE,
    {"purge", 'p', SC_OPTION_FLAG, AT(purge), NULL, "Forget the list once it is pushed", NULL, NULL},
    REGISTRY_OPTIONS,
    {.name = NULL},
};

#define RUN(function, verb)                                                                                            \
    static int function(struct sc_cli *cli, struct sc_err *err)                                                        \
    {                                                                                                                  \
        return sc_cli_transfer(cli, verb, &(struct registry_options){.quiet = false}, err);                            \
    }
RUN(run_pull, "pull")
RUN(run_push, "push")
RUN(run_login, "login")
RUN(run_logout, "logout")
RUN(run_inspect, "manifest-inspect")
RUN(run_create, "manifest-create")
RUN(run_annotate, "manifest-annotate")
RUN(run_list_push, "manifest-push")
RUN(run_list_rm, "manifest-rm")

const struct sc_command sc_cmd_pull = {
    .name = "pull",
    .synopsis = "[OPTIONS] NAME[:TAG|@DIGEST]",
    .help = "Get an image from a registry",
    .options = pull_table,
    .args_min = 1,
    .args_max = 1,
    .run = run_pull,
};

const struct sc_command sc_cmd_push = {
    .name = "push",
    .synopsis = "[OPTIONS] NAME[:TAG] [DESTINATION[:TAG]]",
    .help = "Send an image to a registry",
    .options = push_table,
    .args_min = 1,
    .args_max = 2,
    .run = run_push,
};

const struct sc_command sc_cmd_login = {
    .name = "login",
    .synopsis = "[OPTIONS] [REGISTRY]",
    .help = "Log in to a registry",
    .options = login_table,
    .args_max = 1,
    .run = run_login,
};

const struct sc_command sc_cmd_logout = {
    .name = "logout",
    .synopsis = "[OPTIONS] [REGISTRY]",
    .help = "Forget the login to a registry",
    .options = logout_table,
    .args_max = 1,
    .run = run_logout,
};

const struct sc_command sc_cmd_manifest_inspect = {
    .name = "manifest inspect",
    .synopsis = "[OPTIONS] [LIST] NAME[:TAG|@DIGEST]",
    .help = "Print a list that is being made, or the manifest or index that a registry has",
    .options = inspect_table,
    .args_min = 1,
    .args_max = 2,
    .run = run_inspect,
};

const struct sc_command sc_cmd_manifest_create = {
    .name = "manifest create",
    .synopsis = "[OPTIONS] LIST MANIFEST...",
    .help = "Make an index of images for several platforms",
    .options = create_table,
    .args_min = 2,
    .args_max = -1,
    .run = run_create,
};

const struct sc_command sc_cmd_manifest_annotate = {
    .name = "manifest annotate",
    .synopsis = "[OPTIONS] LIST MANIFEST",
    .help = "Say for which platform an image of a list is",
    .options = annotate_table,
    .args_min = 2,
    .args_max = 2,
    .run = run_annotate,
};

const struct sc_command sc_cmd_manifest_rm = {
    .name = "manifest rm",
    .synopsis = "LIST...",
    .help = "Forget lists that are being made",
    .args_min = 1,
    .args_max = -1,
    .run = run_list_rm,
};

const struct sc_command sc_cmd_manifest_push = {
    .name = "manifest push",
    .synopsis = "[OPTIONS] LIST",
    .help = "Send an index to a registry",
    .options = list_push_table,
    .args_min = 1,
    .args_max = 1,
    .run = run_list_push,
};
