// SPDX-License-Identifier: Apache-2.0
// The hub's devices. Each function is one transaction: true means durable. A device's twin is made
// and removed with it.
#ifndef HUB_BACKEND_REGISTRY_H
#define HUB_BACKEND_REGISTRY_H

#include "apps/hub/backend/ids.h"
#include "apps/hub/backend/store.h"

enum { REGISTRY_REASON_SIZE = 129, REGISTRY_DEVICES_MAX = 100000 };

enum device_auth { DEVICE_AUTH_SAS, DEVICE_AUTH_SELF_SIGNED, DEVICE_AUTH_CA };

struct device {
    char id[ID_SIZE];
    bool is_enabled;
    char status_reason[REGISTRY_REASON_SIZE];
    enum device_auth auth;
    struct hub_sas_key keys[2]; // primary, secondary; size 0: none
    struct thumbprint thumbprints[2];
    // Given by the registry; ignored when written.
    char generation[STORE_ETAG_SIZE];
    char etag[STORE_ETAG_SIZE];
    int64_t created_ms;
    int64_t status_updated_ms;     // 0: never
    bool is_connected;             // as the link last told; false while the broker is away
    int64_t connection_updated_ms; // 0: never
    int64_t last_activity_ms;      // 0: never
    uint32_t c2d_count;            // messages in its queue
};

// To know it again: another number once it was removed and made anew. 0: there is none.
uint64_t registry_generation(struct store *store, struct bytes id);
// Creates: missing keys of a SAS device are generated, and *device is as stored. HUB_DEVICE_EXISTS,
// HUB_ARGUMENT_INVALID (id, keys, thumbprints: the message says what would be right; ids with + or
// # can live in no MQTT topic), HUB_TOO_MANY_DEVICES.
NODISCARD bool registry_create(struct store *store, struct device *device, int64_t utc_ms,
                               struct verdict *why);
// Replaces what a caller may set; missing keys of a SAS device stay as they are if it has any.
// if_match NULL: Azure demands one, so HUB_PRECONDITION_FAILED unless it is "*" or the etag.
NODISCARD bool registry_update(struct store *store, struct device *device, const char *if_match,
                               int64_t utc_ms, struct verdict *why);
NODISCARD bool registry_read(struct store *store, struct bytes id, struct device *out,
                             struct verdict *why);
// if_match as above. With twin and queue (its messages end as purged, with feedback where it was
// asked for).
NODISCARD bool registry_delete(struct store *store, struct bytes id, const char *if_match,
                               int64_t utc_ms, struct verdict *why);
// In ascending order of ids, those after `after` (empty: from the start), at most capacity.
NODISCARD bool registry_list(struct store *store, struct bytes after, struct device *out,
                             size_t capacity, size_t *count, struct verdict *why);

struct registry_counts {
    uint64_t total, enabled, disabled, connected;
};
NODISCARD bool registry_count(struct store *store, struct registry_counts *out,
                              struct verdict *why);

// Operator's policies. rights as in the schema; scope "hub" or "dps". A policy of that name is
// replaced. Missing keys are generated.
struct policy {
    char name[ID_SIZE];
    struct hub_sas_key keys[2];
    uint32_t rights;
    bool is_dps;
};
NODISCARD bool registry_set_policy(struct store *store, struct policy *policy, struct verdict *why);
NODISCARD bool registry_read_policy(struct store *store, struct bytes name, bool is_dps,
                                    struct policy *out, struct verdict *why);

// What the link tells of a connection; not durable at once (a power cut forgets seconds of it).
NODISCARD enum err registry_set_connected(struct store *store, struct bytes id, bool is_connected,
                                          int64_t utc_ms);
// All are taken for disconnected: the broker began anew.
NODISCARD enum err registry_clear_connected(struct store *store, int64_t utc_ms);

#endif
