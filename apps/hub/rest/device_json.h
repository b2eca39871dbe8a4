// SPDX-License-Identifier: Apache-2.0
// A device as Azure's registry writes it, and the entries of its bulk operations. Pure.
#ifndef HUB_REST_DEVICE_JSON_H
#define HUB_REST_DEVICE_JSON_H

#include "apps/hub/backend/registry.h"
#include "json/reader.h"
#include "json/writer.h"

enum device_mode {
    DEVICE_CREATE,
    DEVICE_UPDATE,
    DEVICE_CREATE_OR_UPDATE,
    DEVICE_DELETE,
    DEVICE_MODE_UNKNOWN,
};

struct device_entry {
    struct device device;  // what was not named is as in a new one: enabled, SAS, no keys
    enum device_mode mode; // importMode of a bulk entry; DEVICE_MODE_UNKNOWN: none named
    bool if_match;         // ... only with its etag
    char etag[64];
};

// Reads the object that stands next. What is wrong is a complaint of the reader's.
void device_from_json(struct json_reader *r, struct device_entry *out);
void device_to_json(struct json_writer *w, const struct device *device);

#endif
