// SPDX-License-Identifier: Apache-2.0
// A message of IoT Hub as Event Hubs hands it out over the Kafka protocol, made into the record
// that our own hub's log would hold. Pure. Few properties come as plain text; all others, the
// device's id among them, as AMQP-encoded bytes [OASIS AMQP 1.0, part 1, 1.6].
#ifndef CLOUD_KAFKA_MESSAGE_H
#define CLOUD_KAFKA_MESSAGE_H

#include "apps/hub/log_record.h"

enum { KAFKA_HEADERS_MAX = 128, KAFKA_NAME_SIZE_MAX = 256 };

struct kafka_header {
    const char *name; // ends with 0
    struct bytes value;
};

struct kafka_message {
    const struct kafka_header *headers;
    size_t header_count;
    struct bytes payload;
    int64_t stamp_ms; // of the broker; taken where IoT Hub's own is missing
};

enum kafka_kind {
    KAFKA_D2C,   // *out is filled
    KAFKA_OTHER, // of IoT Hub, but no message of a device: twin changes, life-cycle events
    KAFKA_BAD,   // nobody can say whose it is: *why
};

// *out borrows from the message and from bag[capacity], which takes the property bag.
// HUB_PROPERTIES_SIZE_MAX suffices for any message that our hub would take.
enum kafka_kind kafka_message_read(const struct kafka_message *message, uint8_t *bag,
                                   size_t capacity, struct hub_record *out, const char **why);

// The text in a header's value: of an AMQP string or symbol, else the bytes as they stand, if that
// is text. ERR_CORRUPT: neither.
NODISCARD enum err kafka_header_text(struct bytes value, struct bytes *out);
// A time in ms since 1970: an AMQP timestamp or long, or text such as 2026-01-31T12:00:00.123Z.
NODISCARD enum err kafka_header_time(struct bytes value, int64_t *out);

#endif
