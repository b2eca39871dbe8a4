// SPDX-License-Identifier: Apache-2.0
// Devices from a file, all or none:
// {"hub": "host", "devices": [{"id": "..", "keys": ["base64", "base64"], "enabled": true}]}
// Comments may stand in it. A device that is there already gets these keys and this state.
#ifndef HUB_BACKEND_IMPORT_H
#define HUB_BACKEND_IMPORT_H

#include "apps/hub/backend/store.h"

struct import_result {
    uint32_t added, changed;
};

// False: nothing was stored; the message says line, column, what is wrong and what would be right.
NODISCARD bool import_devices(struct store *store, struct bytes text, int64_t utc_ms,
                              struct import_result *out, struct verdict *why);

#endif
