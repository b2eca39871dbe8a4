// SPDX-License-Identifier: Apache-2.0
// The row of a twin, for the two files of twins.
#ifndef HUB_BACKEND_TWINS_ROW_H
#define HUB_BACKEND_TWINS_ROW_H

#include "apps/hub/backend/twins.h"

enum column {
    DESIRED,
    DESIRED_METADATA,
    DESIRED_VERSION,
    REPORTED,
    REPORTED_METADATA,
    REPORTED_VERSION,
    TAGS,
    ETAG,
    VERSION,
};

// The row of the device, to be reset by the caller; NULL: *why says why not.
sqlite3_stmt *twins_row(struct store *store, struct bytes id, struct verdict *why);
// All of desired with $version.
NODISCARD bool twins_write_desired(struct twins *twins, struct bytes id, struct json_writer *out,
                                   uint64_t *version, struct verdict *why);

#endif
