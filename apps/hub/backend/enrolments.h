// SPDX-License-Identifier: Apache-2.0
// Who may provision: individual enrolments and groups, in the store. Each function is one
// transaction: true means durable.
#ifndef HUB_BACKEND_ENROLMENTS_H
#define HUB_BACKEND_ENROLMENTS_H

#include "apps/hub/backend/ids.h"
#include "apps/hub/backend/store.h"

enum {
    ENROLMENT_HOST_SIZE = 256,
    ENROLMENT_HUBS_SIZE = 2048,      // several hosts, a space between
    ENROLMENT_TWIN_SIZE = 40 * 1024, // of the initial twin, JSON
    ENROLMENT_PEM_SIZE = 8 * 1024,
    ENROLMENT_TABLE_SIZE = 64 * 1024, // of custom allocation, JSON (allocation.h)
};

// As in the schema. Individual X.509: by the thumbprints of its certificates, or by a chain to ca
// with CN = registration id. A group's X.509 is always by CA.
enum attestation { ATTESTATION_SYMMETRIC_KEY, ATTESTATION_X509, ATTESTATION_X509_CA };
// Lowest latency is chosen as hashed: we do not measure.
enum allocation_policy {
    ALLOCATION_HASHED,
    ALLOCATION_GEO_LATENCY,
    ALLOCATION_STATIC,
    ALLOCATION_CUSTOM,
};

// An individual enrolment or a group. 140 KB: one static scratch, not the stack.
struct enrolment {
    char id[ID_SIZE]; // registration id, or the group's name
    bool is_group;
    char device_id[ID_SIZE]; // individual: wanted; empty: the registration id
    enum attestation attestation;
    struct hub_sas_key keys[2];
    struct thumbprint thumbprints[2];         // individual ATTESTATION_X509
    char certificates[2][ENROLMENT_PEM_SIZE]; // and the certificates' text, if it is known
    char authorities[2][ENROLMENT_PEM_SIZE];  // PEM; both empty: any verified one of the hub's
    bool is_enabled;
    enum allocation_policy allocation;
    char hubs[ENROLMENT_HUBS_SIZE];         // to choose from; empty: this hub
    char table[ENROLMENT_TABLE_SIZE];       // ALLOCATION_CUSTOM
    char initial_twin[ENROLMENT_TWIN_SIZE]; // {"tags":{},"properties":{"desired":{}}}; empty: none
    bool may_move;   // reprovisioning: another hub may come out (updateHubAssignment)
    bool keeps_data; // and the twin stays as it is (migrateDeviceData), else it begins anew
    // Given by the store; ignored when written.
    char etag[STORE_ETAG_SIZE];
    int64_t created_ms, updated_ms;
};

// Creates (if_match NULL: one that exists is HUB_CONFLICT) or replaces (if_match: "*" or its etag;
// HUB_PRECONDITION_FAILED, HUB_NOT_FOUND). Missing keys are generated for a symmetric key;
// *enrolment is as stored. HUB_ARGUMENT_INVALID with words.
NODISCARD bool enrolments_write(struct store *store, struct enrolment *enrolment,
                                const char *if_match, int64_t utc_ms, struct verdict *why);
NODISCARD bool enrolments_read(struct store *store, struct bytes id, bool is_group,
                               struct enrolment *out, struct verdict *why);
// Devices that were provisioned stay in the registry.
NODISCARD bool enrolments_delete(struct store *store, struct bytes id, bool is_group,
                                 const char *if_match, struct verdict *why);
// The next one after that name, ascending; empty: the first. HUB_NOT_FOUND: no more.
NODISCARD bool enrolments_after(struct store *store, struct bytes id, bool is_group,
                                struct enrolment *out, struct verdict *why);

#endif
