// SPDX-License-Identifier: Apache-2.0
// Enrolments, groups and registrations as Azure's provisioning service writes them.
#ifndef HUB_REST_ENROLMENT_JSON_H
#define HUB_REST_ENROLMENT_JSON_H

#include "apps/hub/backend/registrations.h"
#include "json/reader.h"
#include "json/writer.h"

// What the body left out, for an update to keep.
struct enrolment_given {
    bool has_attestation;
    bool has_keys;
    bool has_certificates;
    bool has_ca_references;
    char ca_reference[2]
                     [ID_SIZE]; // names of the hub's authorities, whose PEM goes into authorities
    char etag[64];              // of a bulk's entry; empty: none
};

// Reads the object that stands next; what it does not name is the default of Azure's: enabled,
// hashed, updateHubAssignment and migrateDeviceData. What is wrong is a complaint of the reader's.
void enrolment_from_json(struct json_reader *r, bool is_group, struct enrolment *out,
                         struct enrolment_given *given);
// Without keys: attestation_to_json shows them to who may write. state: the device's registration;
// NULL: none.
void enrolment_to_json(struct json_writer *w, const struct enrolment *enrolment,
                       const struct registration *state);
// {"type":..} with its keys.
void attestation_to_json(struct json_writer *w, const struct enrolment *enrolment, bool show_keys);

#endif
