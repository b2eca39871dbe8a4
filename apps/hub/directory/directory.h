// SPDX-License-Identifier: Apache-2.0
// Reads hub.db for whoever authenticates: opened read-only, looked at anew for every question, so
// that nothing here can be stale. One thread. The file may be missing, of another version or
// replaced at any time: questions then fail, and hub_directory_poll looks again.
#ifndef HUB_DIRECTORY_DIRECTORY_H
#define HUB_DIRECTORY_DIRECTORY_H

#include "apps/hub/log_record.h"
#include "apps/hub/quota.h"
#include "apps/hub/sas.h"

#include <stdbool.h>
#include <sys/types.h>

enum {
    HUB_KEYS_MAX = 2, // primary and secondary
    HUB_HOST_SIZE_MAX = 255,
    HUB_NAME_SIZE_MAX = 128, // of policies, authorities, groups
    HUB_THUMBPRINT_SIZE_MAX = 32,
    HUB_PEM_SIZE_MAX = 8192,
    HUB_DIRECTORY_QUERIES = 9,
};

enum hub_auth { HUB_AUTH_SAS = 0, HUB_AUTH_THUMBPRINT = 1, HUB_AUTH_CA = 2 };
enum hub_attestation { HUB_BY_KEY = 0, HUB_BY_THUMBPRINT = 1, HUB_BY_CA = 2 };

struct hub_thumbprint {
    uint8_t bytes[HUB_THUMBPRINT_SIZE_MAX];
    size_t size; // 20: SHA-1, 32: SHA-256, 0: none
};

struct hub_device {
    bool is_enabled;
    uint64_t generation; // another one after it was removed and made anew under the same id
    enum hub_auth auth;
    struct hub_sas_key keys[HUB_KEYS_MAX];
    struct hub_thumbprint thumbs[HUB_KEYS_MAX];
};

struct hub_policy {
    struct hub_sas_key keys[HUB_KEYS_MAX];
    uint32_t rights; // HUB_RIGHT_*
};

struct hub_authority { // of the hub, verified
    char name[HUB_NAME_SIZE_MAX + 1];
    char pem[HUB_PEM_SIZE_MAX + 1];
};

struct hub_authorities { // of an enrolment, PEM; "": none
    char primary[HUB_PEM_SIZE_MAX + 1];
    char secondary[HUB_PEM_SIZE_MAX + 1];
};

struct hub_enrolment {
    bool is_enabled;
    enum hub_attestation attestation;
    struct hub_sas_key keys[HUB_KEYS_MAX];
    struct hub_thumbprint thumbs[HUB_KEYS_MAX];
    struct hub_authorities authorities; // both none: those of the hub
};

struct hub_group {
    char id[HUB_NAME_SIZE_MAX + 1];
    bool is_enabled;
    enum hub_attestation attestation; // HUB_BY_KEY or HUB_BY_CA
    struct hub_sas_key keys[HUB_KEYS_MAX];
    struct hub_authorities authorities;
};

struct hub_directory {
    const char *path; // borrowed
    void *db;         // NULL: not open
    void *queries[HUB_DIRECTORY_QUERIES];
    int64_t data_version;
    int64_t authentication; // the counter of what opens
    dev_t folder_device;    // which file is open
    ino_t inode;
    enum err fault; // why it is not open; OK if it is
};

// Never fails: a file that cannot be read is what `fault` and hub_directory_fault tell.
void hub_directory_open(struct hub_directory *directory, const char *path);
void hub_directory_close(struct hub_directory *directory);

// Once a second: opens what could not be opened or was replaced. True: what opens (credentials of
// devices, policies, authorities) or whether it can be read may have changed since the last call.
bool hub_directory_poll(struct hub_directory *directory);

// What a person should know about a file that is not open, with what would be right; "" if it is.
const char *hub_directory_fault(const struct hub_directory *directory);

// The messages of the day that passed the backend; *out is untouched if it cannot be read.
void hub_directory_metered(struct hub_directory *directory, struct hub_quota_day *out);

// All below: OK, ERR_NOT_FOUND, ERR_CORRUPT (a row that breaks its rules), or ERR_IO, ERR_STATE
// (not open). *out is untouched but for OK.

// Of the meta table: "host", "id_scope", "dps_host". ERR_NOT_FOUND if empty, too.
NODISCARD enum err hub_directory_meta(struct hub_directory *directory, const char *key, char *out,
                                      size_t out_size);

NODISCARD enum err hub_directory_device(struct hub_directory *directory, struct bytes id,
                                        struct hub_device *out);

// scope: "hub" or "dps".
NODISCARD enum err hub_directory_policy(struct hub_directory *directory, const char *scope,
                                        struct bytes name, struct hub_policy *out);

// The verified authority that follows the name `after` ("" for the first).
NODISCARD enum err hub_directory_next_authority(struct hub_directory *directory, const char *after,
                                                struct hub_authority *out);

NODISCARD enum err hub_directory_enrolment(struct hub_directory *directory,
                                           struct bytes registration_id, struct hub_enrolment *out);

// The group, enabled or not, that follows the id `after` ("" for the first).
NODISCARD enum err hub_directory_next_group(struct hub_directory *directory, const char *after,
                                            struct hub_group *out);

#endif
