// SPDX-License-Identifier: Apache-2.0
// What devices got when they registered with DPS. Each function is one transaction.
#ifndef HUB_BACKEND_REGISTRATIONS_H
#define HUB_BACKEND_REGISTRATIONS_H

#include "apps/hub/backend/enrolments.h"
#include "json/writer.h"

enum {
    REGISTRATION_OPERATION_SIZE = 33,
    REGISTRATION_PAYLOAD_SIZE = 4096, // JSON
};

enum registration_status {
    REGISTRATION_UNASSIGNED,
    REGISTRATION_ASSIGNING,
    REGISTRATION_ASSIGNED,
    REGISTRATION_FAILED,
    REGISTRATION_DISABLED,
};

enum registration_substatus {
    REGISTRATION_INITIAL,  // initialAssignment
    REGISTRATION_MIGRATED, // deviceDataMigrated: registered again, the twin stays
    REGISTRATION_RESET,    // deviceDataReset: registered again, the twin began anew
    REGISTRATION_KEPT,     // reprovisionedToInitialAssignment: the policy never moves it
};

struct registration {
    char id[ID_SIZE];
    char group[ID_SIZE]; // empty: individual
    char device_id[ID_SIZE];
    char hub[ENROLMENT_HOST_SIZE];
    enum registration_status status;
    enum registration_substatus substatus;
    int32_t error_code; // of a failed one
    char error_message[VERDICT_MESSAGE_SIZE];
    char operation_id[REGISTRATION_OPERATION_SIZE];
    char payload[REGISTRATION_PAYLOAD_SIZE]; // for the device; empty: none
    char etag[STORE_ETAG_SIZE];
    int64_t created_ms, updated_ms;
};

// HUB_NOT_FOUND.
NODISCARD bool registrations_read(struct store *store, struct bytes id, struct registration *out,
                                  struct verdict *why);
// Writes it whole, with a new etag and updated_ms.
NODISCARD bool registrations_write(struct store *store, struct registration *registration,
                                   int64_t utc_ms, struct verdict *why);
// The device may register again; what it got in the registry stays. NULL if_match: any.
NODISCARD bool registrations_delete(struct store *store, struct bytes id, const char *if_match,
                                    struct verdict *why);
// The next of a group after that id, ascending; empty: the first. HUB_NOT_FOUND: no more.
NODISCARD bool registrations_after(struct store *store, struct bytes group, struct bytes id,
                                   struct registration *out, struct verdict *why);
// Azure's words.
const char *registration_status_name(enum registration_status status);
const char *registration_substatus_name(enum registration_substatus substatus);
// The object that Azure calls registrationState (the service calls it a device registration).
void registration_put(const struct registration *registration, struct json_writer *out);

#endif
