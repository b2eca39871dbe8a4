// SPDX-License-Identifier: Apache-2.0
// busward enroll: takes a new box to its first telemetry, step by step, in words.
#include "apps/cli/enroll.h"

#include "apps/cli/commands.h"
#include "apps/gateway/north/credentials_linux.h"
#include "base/assert.h"
#include "port/linux/authorities.h"
#include "port/linux/options.h"
#include "port/linux/x509_file.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#define TEXT(option, member, needed, otherwise, words)                                             \
    {                                                                                              \
        .name = (option), .type = OPTION_TEXT, .offset = offsetof(struct enroll_options, member),  \
        .min = (needed), .fallback = (otherwise), .help = (words)                                  \
    }

static const struct option OPTIONS[] = {
    TEXT("config", config, 1, NULL, "the gateway's configuration; a hub section is added to it"),
    TEXT("profiles", profiles, 0, NULL, "folder with more device profiles"),
    TEXT("id-scope", id_scope, 0, NULL, "of the provisioning service; without it --hub is needed"),
    TEXT("registration-id", registration_id, 0, NULL,
         "default: the certificate's common name, else the gateway's id"),
    TEXT(
        "group-key-file", group_key_file, 0, NULL,
        "an enrolment group's key: ours is derived, and only that one is kept; -, here and for the "
        "next two: from standard input"),
    TEXT("key-file", key_file, 0, NULL, "our own key, of the enrolment or at the hub"),
    TEXT("connection-string-file", connection_string_file, 0, NULL,
         "HostName=...;DeviceId=...;SharedAccessKey=..."),
    TEXT("certificate-file", certificate_file, 0, NULL, "PEM: our certificate, then its chain"),
    TEXT("private-key-file", private_key_file, 0, NULL, "PEM, mode 0600"),
    {.name = "new-key",
     .type = OPTION_FLAG,
     .offset = offsetof(struct enroll_options, new_key),
     .help = "make a private key and a request for a certificate authority, and end"},
    TEXT("hub", hub, 0, NULL, "the hub's name, without a provisioning service"),
    TEXT("device-id", device_id, 0, NULL,
         "our id at that hub; default: as the connection string or certificate says, else the "
         "gateway's id"),
    TEXT("address", address, 0, NULL, "where to connect if not to the hub's name"),
    {.name = "port",
     .type = OPTION_UINT,
     .offset = offsetof(struct enroll_options, port),
     .min = 1,
     .max = 65535,
     .fallback = "8883",
     .help = "of the hub"},
    TEXT("dps-host", dps_host, 0, "global.azure-devices-provisioning.net", "of the service"),
    TEXT("dps-address", dps_address, 0, NULL, "where to connect if not to the service's name"),
    {.name = "dps-port",
     .type = OPTION_UINT,
     .offset = offsetof(struct enroll_options, dps_port),
     .min = 1,
     .max = 65535,
     .fallback = "8883",
     .help = "of the service"},
    TEXT("payload", payload, 0, NULL, "JSON for the service's allocation"),
    TEXT("ca-file", ca_file, 0, "/etc/ssl/certs/ca-certificates.crt",
         "who may vouch for hub and service: PEM, or a folder as `openssl rehash` names it"),
    {.name = "dry-run",
     .type = OPTION_FLAG,
     .offset = offsetof(struct enroll_options, dry_run),
     .help = "check every step, write nothing"},
};

static const struct option_table TABLE = {
    .program = "busward enroll",
    .purpose = "Takes a box to its first telemetry: checks every step to the hub, then writes the "
               "configuration's hub section.",
    .options = OPTIONS,
    .count = COUNT_OF(OPTIONS),
};

bool enroll_step(const char *what, const char *detail)
{
    printf("%-44s ok%s%s\n", what, detail[0] == 0 ? "" : ": ", detail);
    (void)fflush(stdout);
    return true;
}

bool enroll_failed(const char *what, const char *problem, const char *advice)
{
    printf("%-44s FAILED: %s\n", what, problem);
    printf("    %s\n", advice);
    (void)fflush(stdout);
    return false;
}

static bool wrong(const char *text)
{
    fprintf(stderr, "busward enroll: %s\n", text);
    return false;
}

static bool are_ways_clear(const struct enroll_options *o)
{
    int ways = (o->group_key_file != NULL) + (o->key_file != NULL) +
               (o->connection_string_file != NULL) + (o->certificate_file != NULL);
    if (ways != 1) {
        return wrong("expected one of --group-key-file, --key-file, --connection-string-file and "
                     "--certificate-file (--new-key makes a key for one)");
    }
    if ((o->certificate_file == NULL) != (o->private_key_file == NULL)) {
        return wrong("--certificate-file and --private-key-file belong together");
    }
    bool has_hub = o->hub != NULL || o->connection_string_file != NULL;
    if (has_hub == (o->id_scope != NULL)) {
        return wrong("expected --id-scope for a provisioning service, or --hub or "
                     "--connection-string-file without one");
    }
    return o->group_key_file == NULL || o->id_scope != NULL ||
           wrong("--group-key-file is for a provisioning service: give --id-scope, too");
}

static bool take_path(const char *path, char out[ENROLL_PATH_MAX])
{
    char *real = realpath(path, NULL);
    if (real == NULL || strlen(real) >= CREDENTIAL_PATH_MAX) {
        free(real);
        return enroll_failed(path, "cannot be found", "Check the path.");
    }
    snprintf(out, ENROLL_PATH_MAX, "%s", real);
    free(real);
    return true;
}

static bool take_authorities(struct enroll *enroll)
{
    const char *path = enroll->options.ca_file;
    const char *problem = authorities_problem(path);
    if (problem != NULL) {
        return enroll_failed(path, problem, "Check --ca-file.");
    }
    return take_path(path, enroll->ca_file);
}

static bool load_certificate(struct enroll *enroll, char *name, size_t capacity)
{
    const struct enroll_options *o = &enroll->options;
    if (!take_path(o->certificate_file, enroll->certificate) ||
        !take_path(o->private_key_file, enroll->private_key) ||
        credential_check_secret(enroll->private_key) != OK) {
        return false;
    }
    const char *problem = x509_file_is_pair(enroll->certificate, enroll->private_key);
    problem = problem == NULL ? x509_file_name(enroll->certificate, name, capacity) : problem;
    return problem == NULL ? enroll_step("certificate and private key", name)
                           : enroll_failed("certificate and private key", problem,
                                           "Give the certificate that was issued for this key.");
}

// To the end of standard input. What a person types does not stay on the screen.
static enum err read_key_in(struct sas_identity *out)
{
    struct termios shown;
    bool is_typed = tcgetattr(STDIN_FILENO, &shown) == 0;
    if (is_typed) {
        struct termios hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)ECHO;
        fputs("the key (it is not shown), then Enter and Ctrl-D: ", stderr);
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden);
    }
    const enum err err = credential_read_key_from(STDIN_FILENO, "standard input", out);
    if (is_typed) {
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &shown);
        fputc('\n', stderr);
    }
    return err;
}

static bool load_key(struct enroll *enroll)
{
    const struct enroll_options *o = &enroll->options;
    const char *file = o->group_key_file != NULL ? o->group_key_file
                       : o->key_file != NULL     ? o->key_file
                                                 : o->connection_string_file;
    enroll->has_key = true;
    if (strcmp(file, "-") == 0) {
        return read_key_in(&enroll->key) == OK;
    }
    return credential_read_key(file, &enroll->key) == OK;
}

static void derive(struct enroll *enroll)
{
    struct sas_key derived;
    sas_derive_key(&enroll->key.key, enroll->registration_id, &derived);
    sas_key_wipe(&enroll->key.key);
    enroll->key.key = derived;
    sas_key_wipe(&derived);
}

static const char *first_of(const char *a, const char *b, const char *c)
{
    return a != NULL && a[0] != 0 ? a : b != NULL && b[0] != 0 ? b : c;
}

static bool load_identity(struct enroll *enroll)
{
    const struct enroll_options *o = &enroll->options;
    static char name[SAS_NAME_SIZE_MAX];
    bool is_loaded = o->certificate_file != NULL ? load_certificate(enroll, name, sizeof(name))
                                                 : load_key(enroll);
    if (!is_loaded) {
        return false;
    }
    enroll->registration_id = first_of(o->registration_id, name, enroll->config.gateway.id);
    if (o->group_key_file != NULL) {
        derive(enroll);
    }
    if (o->id_scope != NULL) {
        return true;
    }
    const char *host = first_of(o->hub, enroll->key.host, "");
    const char *device =
        first_of(first_of(o->device_id, enroll->key.device, NULL), name, enroll->config.gateway.id);
    snprintf(enroll->assignment.host, sizeof(enroll->assignment.host), "%s", host);
    snprintf(enroll->assignment.device, sizeof(enroll->assignment.device), "%s", device);
    return host[0] != 0 || enroll_failed("connection string", "it names no hub",
                                         "It needs HostName=..., or give --hub.");
}

static bool run(struct enroll *enroll)
{
    if (!load_identity(enroll)) {
        return false;
    }
    if (enroll->options.id_scope != NULL && !enroll_register(enroll)) {
        return false;
    }
    return enroll_connect(enroll) && (enroll->options.dry_run || enroll_write(enroll));
}

int command_enroll(int argc, char **argv)
{
    static struct enroll enroll;
    switch (options_parse(&TABLE, argc, argv, &enroll.options)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    if (!enroll.options.new_key && !are_ways_clear(&enroll.options)) {
        return 2;
    }
    if (!enroll_open(&enroll)) {
        return 1;
    }
    if (enroll.options.new_key) {
        return enroll_new_key(&enroll);
    }
    bool is_good = take_authorities(&enroll) && run(&enroll);
    sas_key_wipe(&enroll.key.key);
    return is_good ? 0 : 1;
}
