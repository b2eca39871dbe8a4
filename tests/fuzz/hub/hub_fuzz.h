// SPDX-License-Identifier: Apache-2.0
// What the two targets of the hub's boundaries share. Input: lines (split at \n) client id, user
// name, password, topic; the rest is the payload. It is tried as a login, as a message, a filter
// and a will of the device a, and as a message of the backend.
#ifndef HUB_FUZZ_H
#define HUB_FUZZ_H

#include "tests/unit/hub/hub_bench.h"

// hub.db is made once, everything else anew for each input. `sql` runs at the first call.
void hub_fuzz_run(enum hub_mode mode, const char *sql, struct bytes input);

#endif
