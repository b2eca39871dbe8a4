// SPDX-License-Identifier: Apache-2.0
// The devices that may connect, from devices.json:
// {"hub": "host", "devices": [{"id": "..", "keys": ["base64", "base64"], "enabled": true}]}
#ifndef HUB_IDENTITIES_H
#define HUB_IDENTITIES_H

#include "apps/hub/log_record.h"
#include "apps/hub/sas.h"

#include <stdbool.h>

enum {
    HUB_IDENTITIES_MAX = 4096,
    HUB_KEYS_MAX = 2, // primary and secondary
    HUB_HOST_SIZE_MAX = 255,
    HUB_FAULT_SIZE = 160,
};

struct hub_identity {
    char id[HUB_ID_SIZE_MAX + 1];
    struct hub_sas_key keys[HUB_KEYS_MAX];
    size_t key_count;
    bool is_enabled;
    const void *client;     // connected now; NULL: nobody
    uint64_t expires_utc_s; // of its token
};

struct hub_identities {
    char host[HUB_HOST_SIZE_MAX + 1];
    size_t count;
    struct hub_identity list[HUB_IDENTITIES_MAX]; // ascending by id
};

struct hub_fault {
    uint32_t line; // from 1; 0: the text as a whole
    uint32_t column;
    char message[HUB_FAULT_SIZE]; // what is wrong and what would be right; never a key
};

// Fills *out from the text. ERR_CORRUPT: *fault says what and where, *out is undefined.
NODISCARD enum err hub_identities_parse(struct bytes text, struct hub_identities *out,
                                        struct hub_fault *fault);

// NULL: unknown.
struct hub_identity *hub_identities_find(struct hub_identities *identities, struct bytes id);

// Carries the connections of `old` over; a connected device that is gone stays as disabled, so that
// its connection can be closed.
void hub_identities_adopt(struct hub_identities *fresh, const struct hub_identities *old);

#endif
