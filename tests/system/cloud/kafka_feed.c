// SPDX-License-Identifier: Apache-2.0
#include "tests/system/cloud/kafka_feed.h"

#include "azure/property_bag.h"

#include <string.h>
#include <time.h>

enum { VALUE_SIZE_MAX = 300 };

enum err kafka_feed_open(struct kafka_feed *feed, const char *bootstrap, const char *topic,
                         const char *codec)
{
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    *feed = (struct kafka_feed){.topic = topic, .part = RD_KAFKA_PARTITION_UA};
    if (rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap, why, sizeof(why)) !=
            RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(conf, "compression.codec", codec, why, sizeof(why)) != RD_KAFKA_CONF_OK ||
        rd_kafka_conf_set(conf, "enable.idempotence", "true", why, sizeof(why)) !=
            RD_KAFKA_CONF_OK) {
        return ERR_ARG;
    }
    feed->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    return feed->producer != NULL ? OK : ERR_IO;
}

void kafka_feed_close(struct kafka_feed *feed)
{
    rd_kafka_destroy(feed->producer);
}

static void add(rd_kafka_headers_t *headers, const char *name, const void *value, size_t size)
{
    (void)rd_kafka_header_add(headers, name, -1, value, (ssize_t)size);
}

static void add_text(rd_kafka_headers_t *headers, const char *name, struct bytes text)
{
    uint8_t value[VALUE_SIZE_MAX];
    struct writer w = writer_of(value, sizeof(value));
    put_u8(&w, 0xa1);
    put_u8(&w, (uint8_t)text.size);
    put_bytes(&w, text);
    add(headers, name, value, w.size);
}

static void add_properties(rd_kafka_headers_t *headers, struct bytes bag)
{
    uint8_t scratch[VALUE_SIZE_MAX];
    char name[VALUE_SIZE_MAX];
    struct az_property property;
    while (az_bag_next(&bag, scratch, sizeof(scratch), &property) == OK) {
        if (property.key.size >= sizeof(name)) {
            continue;
        }
        memcpy(name, property.key.data, property.key.size);
        name[property.key.size] = '\0';
        if (strcmp(name, "$.ct") == 0) {
            add(headers, "content-type", property.value.data, property.value.size);
        } else if (strcmp(name, "$.ce") == 0) {
            add(headers, "content-encoding", property.value.data, property.value.size);
        } else {
            add_text(headers, name, property.value);
        }
    }
}

static rd_kafka_vu_t part_of(rd_kafka_vtype_t type, struct bytes in)
{
    return (rd_kafka_vu_t){.vtype = type,
                           .u.mem = {.ptr = (void *)(uintptr_t)in.data, .size = in.size}};
}

static enum err produce(struct kafka_feed *feed, const rd_kafka_vu_t *parts, size_t count)
{
    rd_kafka_error_t *error = rd_kafka_produceva(feed->producer, parts, count);
    if (error == NULL) {
        return OK;
    }
    rd_kafka_error_destroy(error);
    return ERR_IO;
}

enum err kafka_feed_send(void *ctx, const struct hub_record *record)
{
    struct kafka_feed *feed = ctx;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(16);
    uint8_t stamp[9];
    struct writer w = writer_of(stamp, sizeof(stamp));
    put_u8(&w, 0x83);
    put_u64be(&w, (uint64_t)record->received_utc_ms);
    add_text(headers, "iothub-connection-device-id", record->device_id);
    add(headers, "iothub-enqueuedtime", stamp, w.size);
    add_text(headers, "iothub-message-source", bytes_of("Telemetry", 9));
    add_properties(headers, record->properties);
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = feed->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = feed->part},
        part_of(RD_KAFKA_VTYPE_KEY, record->device_id),
        part_of(RD_KAFKA_VTYPE_VALUE, record->payload),
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    enum err err = produce(feed, parts, sizeof(parts) / sizeof(parts[0]));
    if (err != OK) {
        rd_kafka_headers_destroy(headers);
    }
    return err;
}

enum err kafka_feed_junk(struct kafka_feed *feed, struct bytes payload)
{
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = feed->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = feed->part},
        part_of(RD_KAFKA_VTYPE_VALUE, payload),
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
    };
    return produce(feed, parts, sizeof(parts) / sizeof(parts[0]));
}

enum err kafka_feed_flush(struct kafka_feed *feed, int timeout_ms)
{
    return rd_kafka_flush(feed->producer, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR ? OK
                                                                                    : ERR_TIMEOUT;
}
