// SPDX-License-Identifier: Apache-2.0
// What the provisioning service assigned, as the small file that outlives a restart. Pure.
#ifndef GATEWAY_ASSIGNMENT_H
#define GATEWAY_ASSIGNMENT_H

#include "apps/gateway/north/sas.h"

#include <stdbool.h>

enum { ASSIGNMENT_SIZE_MAX = 4096 };

struct assignment {
    char id_scope[SAS_NAME_SIZE_MAX]; // who asked: of another configuration it does not count
    char registration_id[SAS_NAME_SIZE_MAX];
    char host[SAS_NAME_SIZE_MAX]; // the hub, and who we are there
    char device[SAS_NAME_SIZE_MAX];
};

// May the text be a hub's name or a device's id? Printable ASCII without / + # and spaces.
bool assignment_is_name(const char *text);

// ERR_CORRUPT: not such a file, or one of a later version: ask the service.
NODISCARD enum err assignment_parse(struct bytes text, struct assignment *out);
// JSON with a final newline; the size that it took.
size_t assignment_write(const struct assignment *in, char out[ASSIGNMENT_SIZE_MAX]);

#endif
