// SPDX-License-Identifier: Apache-2.0
// A device twin as the hub's REST gives it, cut down to what the page needs: connection, etag, and
// both halves without their metadata. Pure.
#ifndef CLOUD_API_TWIN_VIEW_H
#define CLOUD_API_TWIN_VIEW_H

#include "base/err.h"
#include "json/writer.h"

#include <stdbool.h>

// Writes the members of openapi.yaml's Gateway into the object that is open. ERR_CORRUPT: not a
// twin.
NODISCARD enum err twin_view_write(struct bytes twin, struct json_writer *out);

// The version of the desired half. ERR_CORRUPT.
NODISCARD enum err twin_desired_version(struct bytes twin, uint64_t *version);

// A page of twins, the array that a query gives, as an array of {id, connected, status,
// last_activity}. ERR_CORRUPT.
NODISCARD enum err fleet_view_write(struct bytes twins, struct json_writer *out);

// The device's answer to a method, in the hub's: {"status": number, "payload": any}. ERR_CORRUPT.
NODISCARD enum err method_answer_read(struct bytes answer, int64_t *status, struct bytes *payload);

// The body of a request {"<name>": object[, "etag": text]}, read strictly; *object is its text,
// empty if absent. On ERR_ARG *why (static storage) says what is wrong.
struct twin_request {
    struct bytes object;
    char etag[128]; // "": absent
};
NODISCARD enum err twin_request_read(struct bytes body, const char *name, bool takes_etag,
                                     struct twin_request *out, const char **why);

#endif
