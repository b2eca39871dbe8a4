// SPDX-License-Identifier: Apache-2.0
// Any headers of a Kafka message: a record whose parts keep their limits and whose bag is one, or
// clear words. The input is a list of names, each ended by a zero byte and followed by a byte with
// the size of its value and the value.
#include "apps/cloud/ingest/kafka_message.h"
#include "azure/property_bag.h"
#include "base/assert.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t cut_headers(const uint8_t *data, size_t size, struct kafka_header *out)
{
    size_t count = 0;
    while (count < KAFKA_HEADERS_MAX) {
        const uint8_t *end = size > 0 ? memchr(data, 0, size) : NULL;
        if (end == NULL || (size_t)(end - data) + 2 > size) {
            break;
        }
        out[count].name = (const char *)data;
        size -= (size_t)(end - data) + 2;
        const size_t value_size = end[1] < size ? end[1] : size;
        out[count++].value = bytes_of(end + 2, value_size);
        data = end + 2 + value_size;
        size -= value_size;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t bag[HUB_PROPERTIES_SIZE_MAX];
    static uint8_t scratch[HUB_PROPERTIES_SIZE_MAX];
    struct kafka_header headers[KAFKA_HEADERS_MAX];
    struct hub_record record;
    struct az_property property;
    const char *why = NULL;
    const struct kafka_message message = {.headers = headers,
                                          .header_count = cut_headers(data, size, headers),
                                          .payload = bytes_of(data, size),
                                          .stamp_ms = 1700000000000};
    switch (kafka_message_read(&message, bag, sizeof(bag), &record, &why)) {
    case KAFKA_OTHER: break;
    case KAFKA_BAD: ASSERT(strlen(why) > 0); break;
    case KAFKA_D2C: {
        uint8_t head[HUB_RECORD_HEAD_SIZE_MAX];
        struct writer w = writer_of(head, sizeof(head));
        ASSERT(hub_record_encode_head(&record, &w) == OK);
        ASSERT(record.received_utc_ms >= 0);
        struct bytes rest = record.properties;
        enum err err = OK;
        while (err == OK) {
            err = az_bag_next(&rest, scratch, sizeof(scratch), &property);
        }
        ASSERT(err == ERR_EMPTY);
        break;
    }
    }
    return 0;
}
