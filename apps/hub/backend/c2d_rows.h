// SPDX-License-Identifier: Apache-2.0
// The rows of the C2D queue and of its feedback: SQL alone, no policy.
#ifndef HUB_BACKEND_C2D_ROWS_H
#define HUB_BACKEND_C2D_ROWS_H

#include "apps/hub/backend/ids.h"
#include "apps/hub/backend/store.h"

enum c2d_end { C2D_SUCCESS, C2D_EXPIRED, C2D_DELIVERIES_EXCEEDED, C2D_PURGED };

const char *c2d_end_name(enum c2d_end how); // Azure's statusCode

// Removes one message or all of a device, with a record of feedback where the sender asked for one.
NODISCARD enum err c2d_rows_end(struct store *store, int64_t sequence, enum c2d_end how,
                                int64_t utc_ms);
NODISCARD enum err c2d_rows_end_all(struct store *store, struct bytes device_id, enum c2d_end how,
                                    int64_t utc_ms, uint32_t *count);

struct c2d_row {
    int64_t sequence;
    int64_t expires_ms;
    int64_t deliveries;
    struct writer properties, payload; // the caller gives the memory
};
// The first message of the device that is not with the broker and comes after that sequence number.
// ERR_EMPTY. ERR_CORRUPT: larger than the memory.
NODISCARD enum err c2d_rows_next(struct store *store, struct bytes device_id, int64_t after,
                                 struct c2d_row *out);
// It is with the broker now, in its boot of that id.
NODISCARD enum err c2d_rows_lock(struct store *store, int64_t sequence, const char *boot,
                                 int64_t utc_ms);
// One whose time is over and that is not with the broker. ERR_EMPTY.
NODISCARD enum err c2d_rows_expired(struct store *store, int64_t utc_ms, int64_t *sequence);
// All that is with a broker's boot other than this one is to be sent again.
NODISCARD enum err c2d_rows_unlock_other(struct store *store, const char *boot);
// A message of the device that is with the broker, after that sequence number. ERR_EMPTY.
NODISCARD enum err c2d_rows_locked(struct store *store, struct bytes device_id, int64_t after,
                                   int64_t *sequence);
// Notes that a clean connection emptied the queue; *is_new: it was not noted before.
NODISCARD enum err c2d_rows_note_clean(struct store *store, struct bytes device_id,
                                       const char *connection, bool *is_new);
NODISCARD enum err c2d_rows_count(struct store *store, struct bytes device_id, uint32_t *count);
// Keeps the newest records of feedback.
NODISCARD enum err c2d_rows_trim_feedback(struct store *store, uint32_t kept_max);

#endif
