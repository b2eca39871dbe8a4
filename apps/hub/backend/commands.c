// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/commands.h"

#include "apps/hub/backend/commands_options.h"
#include "apps/hub/backend/files.h"
#include "apps/hub/backend/import.h"
#include "apps/hub/backend/pem.h"
#include "apps/hub/backend/registry.h"
#include "apps/hub/directory/schema.h"
#include "base/assert.h"
#include "port/api/clock.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { IMPORT_SIZE_MAX = 64 << 20 };

#define FIELD(field) offsetof(struct command_options, field)
#define TEXT(option, field, words)                                                                 \
    {                                                                                              \
        .name = (option), .type = OPTION_TEXT, .offset = FIELD(field), .help = (words)             \
    }
#define NEEDED(option, field, words)                                                               \
    {                                                                                              \
        .name = (option), .type = OPTION_TEXT, .offset = FIELD(field), .min = 1, .help = (words)   \
    }
#define FLAG(option, field, words)                                                                 \
    {                                                                                              \
        .name = (option), .type = OPTION_FLAG, .offset = FIELD(field), .help = (words)             \
    }

static const struct {
    enum command_option bit;
    struct option row;
} rows[] = {
    {COMMAND_ID, NEEDED("id", id, "device id, registration id or group")},
    {COMMAND_NAME, NEEDED("name", name, "of the policy or authority")},
    {COMMAND_KEY_FILE,
     TEXT("key-file", key_file, "its primary key, base64, in a file of 0600; else one is made")},
    {COMMAND_OUT, TEXT("out", out, "new file for what a client needs (0600)")},
    {COMMAND_THUMBPRINT,
     TEXT("thumbprint", thumbprint, "SHA-1 or SHA-256 of its certificate, in hex")},
    {COMMAND_CERTIFICATE,
     TEXT("certificate", certificate, "PEM file: the device's, or of an authority")},
    {COMMAND_BY_CA, FLAG("by-ca", by_ca, "trust any certificate of an authority with CN = id")},
    {COMMAND_DISABLED, FLAG("disabled", disabled, "it may not connect")},
    {COMMAND_RIGHTS,
     NEEDED("rights", rights,
            "a comma between: registryRead, registryWrite, serviceConnect, deviceConnect, "
            "enrollmentRead, enrollmentWrite, registrationStatusRead, registrationStatusWrite")},
    {COMMAND_HOST,
     TEXT("host", host, "the service's name for --out, kept in hub.db; needed once at most")},
    {COMMAND_DPS, FLAG("dps", is_dps, "of the provisioning service, not the hub")},
    {COMMAND_DEVICE_ID,
     TEXT("device-id", device_id, "that the device gets; else the registration id")},
    {COMMAND_ALLOCATION, TEXT("allocation", allocation, "hashed (default), static or custom")},
    {COMMAND_ALLOCATION,
     TEXT("hubs", hubs, "hosts to choose from, a space between; else this hub")},
    {COMMAND_ALLOCATION, TEXT("table", table, "JSON file: the table of custom allocation")},
    {COMMAND_ALLOCATION, TEXT("initial-twin", initial_twin,
                              "JSON file: {\"tags\":{},\"properties\":{\"desired\":{}}}")},
    {COMMAND_ALLOCATION, FLAG("fixed", fixed, "registering again never moves the device")},
    {COMMAND_ALLOCATION, FLAG("fresh", fresh, "registering again begins its twin anew")},
    {COMMAND_FILE,
     {.name = "FILE",
      .type = OPTION_REST,
      .offset = FIELD(rest),
      .min = 1,
      .max = 1,
      .help = "devices.json"}},
};

int64_t command_now_ms(void)
{
    struct wall_time wall = {0};
    (void)port_wall_time(&wall); // else created "never"
    return wall.utc_ms;
}

int command_refused(const struct verdict *why)
{
    fprintf(stderr, "busward-hub: %s\n", why->message);
    return 1;
}

bool command_read_key(const struct command_options *o, struct hub_sas_key *out)
{
    uint8_t text[2 * KEY_TEXT_SIZE];
    size_t size = 0;
    if (o->key_file == NULL) {
        return true;
    }
    if (file_read_secret(o->key_file, text, sizeof(text), &size) != OK) {
        return false;
    }
    if (size == 0 || key_parse(bytes_of(text, size), out) != OK) {
        fprintf(stderr, "busward-hub: %s: a key is base64 of 16 to 64 bytes\n", o->key_file);
        return false;
    }
    return true;
}

bool command_host(struct store *store, const struct command_options *o, char *out, size_t size)
{
    const char *key = o->is_dps ? "dps_host" : "host";
    if (o->host != NULL && o->host[0] != '\0' && store_set_meta(store, key, o->host) != OK) {
        fprintf(stderr, "busward-hub: --host could not be stored\n");
        return false;
    }
    if (store_meta(store, key, out, size) == OK || o->out == NULL) {
        return true;
    }
    fprintf(stderr, "busward-hub: a connection string needs the service's name, which hub.db does "
                    "not have yet: add --host NAME\n");
    return false;
}

int command_write_out(const struct command_options *o, const char *text)
{
    if (o->out == NULL) {
        return 0;
    }
    return file_write_secret(o->out, bytes_of(text, strlen(text))) == OK ? 0 : 1;
}

bool command_read_text(const char *path, char *out, size_t size)
{
    size_t used = 0;
    if (file_read_whole(path, (uint8_t *)out, size - 1, &used) != OK) {
        return false;
    }
    out[used] = '\0';
    return true;
}

bool command_thumbprint(const char *pem, struct thumbprint *out)
{
    bool is_good = pem_thumbprint(pem, out->bytes);
    out->size = is_good ? PEM_THUMBPRINT_SIZE : 0;
    if (!is_good) {
        fprintf(stderr, "busward-hub: no certificate in PEM form there\n");
    }
    return is_good;
}

static int run_import(struct store *store, const struct command_options *o)
{
    struct verdict why;
    struct import_result result;
    size_t size = 0;
    uint8_t *text = malloc(IMPORT_SIZE_MAX);
    int status = 1;
    if (text != NULL && file_read_secret(o->rest.item[0], text, IMPORT_SIZE_MAX, &size) == OK) {
        if (import_devices(store, bytes_of(text, size), command_now_ms(), &result, &why)) {
            printf("added %u, changed %u\n", result.added, result.changed);
            status = 0;
        } else {
            fprintf(stderr, "busward-hub: %s: %s\n", o->rest.item[0], why.message);
        }
    }
    free(text);
    return status;
}

static bool parse_rights(const char *text, bool is_dps, uint32_t *out)
{
    static const struct {
        const char *word;
        uint32_t right;
        bool is_dps;
    } words[] = {
        {"registryRead", HUB_RIGHT_REGISTRY_READ, false},
        {"registryWrite", HUB_RIGHT_REGISTRY_WRITE, false},
        {"serviceConnect", HUB_RIGHT_SERVICE_CONNECT, false},
        {"deviceConnect", HUB_RIGHT_DEVICE_CONNECT, false},
        {"enrollmentRead", HUB_RIGHT_ENROLMENT_READ, true},
        {"enrollmentWrite", HUB_RIGHT_ENROLMENT_WRITE, true},
        {"registrationStatusRead", HUB_RIGHT_REGISTRATION_READ, true},
        {"registrationStatusWrite", HUB_RIGHT_REGISTRATION_WRITE, true},
    };
    uint32_t rights = 0;
    while (*text != '\0') {
        size_t size = strcspn(text, ",");
        uint32_t right = 0;
        for (size_t i = 0; i < COUNT_OF(words); i++) {
            bool is_it = size == strlen(words[i].word) && memcmp(text, words[i].word, size) == 0;
            right |= is_it && words[i].is_dps == is_dps ? words[i].right : 0;
        }
        if (right == 0) {
            fprintf(stderr, "busward-hub: --rights: \"%.*s\" is no right of %s policy\n", (int)size,
                    text, is_dps ? "a provisioning" : "a hub's");
            return false;
        }
        rights |= right;
        text += size + (text[size] == ',' ? 1 : 0);
    }
    *out = rights;
    return rights != 0;
}

static int run_policy_add(struct store *store, const struct command_options *o)
{
    struct policy policy = {.is_dps = o->is_dps};
    struct verdict why;
    char host[256] = "";
    char key[KEY_TEXT_SIZE];
    char line[1024];
    snprintf(policy.name, sizeof(policy.name), "%s", o->name);
    if (!command_host(store, o, host, sizeof(host)) ||
        !parse_rights(o->rights, o->is_dps, &policy.rights) ||
        !command_read_key(o, &policy.keys[0])) {
        return 1;
    }
    if (!registry_set_policy(store, &policy, &why)) {
        return command_refused(&why);
    }
    key_text(&policy.keys[0], key);
    snprintf(line, sizeof(line), "HostName=%s;SharedAccessKeyName=%s;SharedAccessKey=%s\n", host,
             policy.name, key);
    return command_write_out(o, line);
}

static int run_ca_add(struct store *store, const struct command_options *o)
{
    char pem[8192];
    struct thumbprint print;
    if (o->certificate == NULL) {
        fprintf(stderr, "busward-hub: --certificate is needed\n");
        return 1;
    }
    if (!command_read_text(o->certificate, pem, sizeof(pem)) || !command_thumbprint(pem, &print)) {
        return 1;
    }
    // Whoever may write hub.db vouches for it: no proof of possession here.
    sqlite3_stmt *s =
        store_get(store, "INSERT OR REPLACE INTO ca(name, pem, verified, created_ms, updated_ms)"
                         " VALUES(?1, ?2, 1, ?3, ?3)");
    store_bind_text(s, 1, o->name);
    store_bind_text(s, 2, pem);
    store_bind_number(s, 3, command_now_ms());
    return store_run(store, s) == OK ? 0 : 1;
}

enum {
    DEVICE_OPTIONS = 1 << COMMAND_ID | 1 << COMMAND_KEY_FILE | 1 << COMMAND_OUT |
                     1 << COMMAND_HOST | 1 << COMMAND_THUMBPRINT | 1 << COMMAND_CERTIFICATE |
                     1 << COMMAND_BY_CA | 1 << COMMAND_DISABLED,
};

static const struct command commands[] = {
    {"import", NULL, "devices from a file", 1 << COMMAND_FILE, run_import},
    {"device", "add", "adds a device", DEVICE_OPTIONS, command_device_add},
    {"device", "remove", "removes a device with twin and queue", 1 << COMMAND_ID,
     command_device_remove},
    {"device", "list", "prints id, state, authentication", 0, command_device_list},
    {"policy", "add", "adds an operator's policy, or replaces it",
     1 << COMMAND_NAME | 1 << COMMAND_RIGHTS | 1 << COMMAND_HOST | 1 << COMMAND_DPS |
         1 << COMMAND_KEY_FILE | 1 << COMMAND_OUT,
     run_policy_add},
    {"ca", "add", "adds a certificate authority of the hub's",
     1 << COMMAND_NAME | 1 << COMMAND_CERTIFICATE, run_ca_add},
    {"enrolment", "add", "lets one device provision itself",
     (DEVICE_OPTIONS & ~(1 << COMMAND_HOST)) | 1 << COMMAND_DEVICE_ID | 1 << COMMAND_ALLOCATION,
     command_enrolment_add},
    {"group", "add", "lets devices of one key or authority provision themselves",
     1 << COMMAND_ID | 1 << COMMAND_KEY_FILE | 1 << COMMAND_OUT | 1 << COMMAND_CERTIFICATE |
         1 << COMMAND_DISABLED | 1 << COMMAND_ALLOCATION,
     command_group_add},
};

void commands_usage(FILE *to)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        const struct command *c = &commands[i];
        fprintf(to, "       busward-hub %s %s --data-dir D ...  (%s)\n", c->noun,
                c->verb != NULL ? c->verb : "", c->purpose);
    }
}

static int run_command(const struct command *command, int argc, char **argv)
{
    struct option table_rows[COUNT_OF(rows) + 1] = {
        NEEDED("data-dir", data_dir, "folder of hub.db; made if missing")};
    size_t count = 1;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if ((command->options & 1U << rows[i].bit) != 0) {
            table_rows[count++] = rows[i].row;
        }
    }
    char program[64];
    snprintf(program, sizeof(program), "busward-hub %s%s%s", command->noun,
             command->verb != NULL ? " " : "", command->verb != NULL ? command->verb : "");
    struct option_table table = {
        .program = program, .purpose = command->purpose, .options = table_rows, .count = count};
    struct command_options o = {0};
    switch (options_parse(&table, argc, argv, &o)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    static struct store store;
    umask(0077);
    if (o.out != NULL && access(o.out, F_OK) == 0) {
        fprintf(stderr, "busward-hub: %s: is there already: secrets are never written over\n",
                o.out);
        return 1;
    }
    if (store_open(&store, o.data_dir) != OK) {
        return 1;
    }
    int status = command->run(&store, &o);
    store_close(&store);
    return status;
}

int commands_main(int argc, char **argv)
{
    for (size_t i = 0; i < COUNT_OF(commands); i++) {
        const struct command *c = &commands[i];
        if (strcmp(argv[0], c->noun) != 0) {
            continue;
        }
        if (c->verb == NULL) {
            return run_command(c, argc, argv);
        }
        if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
            commands_usage(stdout);
            return 0;
        }
        if (argc >= 2 && strcmp(argv[1], c->verb) == 0) {
            return run_command(c, argc - 1, argv + 1);
        }
    }
    return -1;
}
