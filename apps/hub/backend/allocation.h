// SPDX-License-Identifier: Apache-2.0
// Which hub a device gets, and the initial twin: pure. Hashed: evenly and steadily by the
// registration id; static: the first hub of the list; custom: the first row of a table whose
// pattern fits:
//
//   [{"match": "store-*", "hub": "hub.example.org", "initialTwin": {..}, "payload": {..}}, ..]
//
// match: `*` any text, `?` one character, over the whole registration id. hub, initialTwin and
// payload are optional: the enrolment's own then.
#ifndef HUB_BACKEND_ALLOCATION_H
#define HUB_BACKEND_ALLOCATION_H

#include "apps/hub/backend/enrolments.h"

enum { ALLOCATION_ROWS_MAX = 1000 };

struct allocation {
    char hub[ENROLMENT_HOST_SIZE];
    struct bytes initial_twin; // borrowed from the enrolment; empty: none
    struct bytes payload;      // JSON for the device; empty: none
};

// own_hub: the hub's name when the enrolment names none. HUB_ARGUMENT_INVALID: no row fits.
NODISCARD bool allocation_choose(const struct enrolment *enrolment, struct bytes registration_id,
                                 const char *own_hub, struct allocation *out, struct verdict *why);
// Checks a table when it is written: the message has line and column.
NODISCARD bool allocation_check_table(struct bytes table, struct verdict *why);
bool allocation_matches(struct bytes pattern, struct bytes text);

#endif
