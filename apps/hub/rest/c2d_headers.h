// SPDX-License-Identifier: Apache-2.0
// The headers of our own route for messages to devices, as the properties that the device sees.
// Pure.
#ifndef HUB_REST_C2D_HEADERS_H
#define HUB_REST_C2D_HEADERS_H

#include "apps/hub/backend/c2d.h"
#include "port/linux/http_request.h"

struct c2d_headers {
    uint8_t bag[C2D_BAG_SIZE_MAX]; // k=v&..., percent-encoded, system keys as %24.x
    size_t bag_size;
    struct bytes message_id; // of the request; empty: none
    enum c2d_ack ack;
    int64_t expires_ms; // 0: none
};

// iothub-messageid, -correlationid, -userid, -contenttype, -contentencoding, -ack (none, positive,
// negative, full), -expiry (2026-11-27T18:42:00Z), and iothub-app-NAME for the property NAME.
// False with words: another iothub- header, a wrong value, too many.
NODISCARD bool c2d_headers_read(const struct http_request *http, struct c2d_headers *out,
                                struct verdict *why);
// UTC in ISO 8601 with Z, fractions allowed. False: none.
bool c2d_time_parse(struct bytes text, int64_t *utc_ms);

#endif
