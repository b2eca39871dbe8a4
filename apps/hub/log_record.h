// SPDX-License-Identifier: Apache-2.0
// A device-to-cloud message as the hub's log holds it: the payload of a seglog record of kind
// HUB_RECORD_D2C. Bytes: docs/protocol/hub-log.md.
#ifndef HUB_LOG_RECORD_H
#define HUB_LOG_RECORD_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

enum {
    HUB_RECORD_D2C = 1,
    HUB_ID_SIZE_MAX = 128,           // device and module ids, characters
    HUB_PROPERTIES_SIZE_MAX = 16384, // the bag as it stands in the topic
    HUB_PAYLOAD_SIZE_MAX = 256 * 1024,
    HUB_RECORD_HEAD_SIZE_MAX =
        1 + 8 + 1 + 1 + HUB_ID_SIZE_MAX + 1 + HUB_ID_SIZE_MAX + 2 + HUB_PROPERTIES_SIZE_MAX,
    HUB_RECORD_SIZE_MAX = HUB_RECORD_HEAD_SIZE_MAX + HUB_PAYLOAD_SIZE_MAX,
};

// All spans are borrowed and not terminated by a zero.
struct hub_record {
    int64_t received_utc_ms; // the hub's clock at the moment of storing
    bool is_retained;        // published with RETAIN: Azure's property mqtt-retain
    bool is_will;            // the device did not take leave: Azure's iothub-MessageType=Will
    struct bytes device_id;  // as authenticated, 1 to 128 bytes, without + # /
    struct bytes module_id;  // empty: the device itself
    struct bytes properties; // the bag, percent-encoded as received; empty: none. See az_bag_next.
    struct bytes payload;
};

// Everything but the payload bytes, which follow: so that the payload is not copied. ERR_SIZE: out
// too small or a part above its limit.
NODISCARD enum err hub_record_encode_head(const struct hub_record *record, struct writer *out);

// From a record's payload; the spans point into `in`. ERR_CORRUPT, ERR_UNSUPPORTED (newer version).
NODISCARD enum err hub_record_decode(struct bytes in, struct hub_record *out);

#endif
