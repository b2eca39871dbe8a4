// SPDX-License-Identifier: Apache-2.0
// Options of the operator's commands, and what the two files of them share.
#ifndef HUB_BACKEND_COMMANDS_OPTIONS_H
#define HUB_BACKEND_COMMANDS_OPTIONS_H

#include "apps/hub/backend/ids.h"
#include "apps/hub/backend/store.h"
#include "port/linux/options.h"

struct command_options {
    const char *data_dir;
    struct option_list rest; // of import: the file
    const char *id, *name;
    const char *key_file; // base64 of the primary key
    const char *out;      // where a connection string or key is written
    const char *thumbprint;
    const char *certificate; // PEM file
    const char *rights, *host, *device_id, *allocation, *hubs, *table, *initial_twin;
    bool by_ca, disabled, is_dps, fixed, fresh;
};

struct command {
    const char *noun, *verb; // verb NULL: none
    const char *purpose;
    unsigned options; // bits of enum command_option
    int (*run)(struct store *store, const struct command_options *o);
};

enum command_option {
    COMMAND_ID,
    COMMAND_NAME,
    COMMAND_KEY_FILE,
    COMMAND_OUT,
    COMMAND_THUMBPRINT,
    COMMAND_CERTIFICATE,
    COMMAND_BY_CA,
    COMMAND_DISABLED,
    COMMAND_RIGHTS,
    COMMAND_HOST,
    COMMAND_DPS,
    COMMAND_DEVICE_ID,
    COMMAND_ALLOCATION, // and hubs, table, initial twin, fixed, fresh
    COMMAND_FILE,
};

int64_t command_now_ms(void);
// Says what is wrong on stderr; gives 1.
int command_refused(const struct verdict *why);
// The primary key from its file, if one is given. False: said.
bool command_read_key(const struct command_options *o, struct hub_sas_key *out);
// The name that connection strings carry, of the hub or its provisioning service: kept from --host
// if that is given. False, said: --out wants it and nobody ever told.
bool command_host(struct store *store, const struct command_options *o, char *out, size_t size);
// Writes a line of secrets to --out. 0 or 1.
int command_write_out(const struct command_options *o, const char *text);
// A PEM file as text; false: said.
bool command_read_text(const char *path, char *out, size_t size);
// SHA-256 of the first certificate of a PEM text.
bool command_thumbprint(const char *pem, struct thumbprint *out);

int command_device_add(struct store *store, const struct command_options *o);
int command_device_remove(struct store *store, const struct command_options *o);
int command_device_list(struct store *store, const struct command_options *o);
int command_enrolment_add(struct store *store, const struct command_options *o);
int command_group_add(struct store *store, const struct command_options *o);

#endif
