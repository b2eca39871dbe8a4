// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/ingest/kafka_message.h"

#include "base/assert.h"
#include "base/text_forms.h"

#include <string.h>

#define TIME_MAX_MS (INT64_C(1) << 46)

enum {
    AMQP_STRING8 = 0xa1,
    AMQP_STRING32 = 0xb1,
    AMQP_SYMBOL8 = 0xa3,
    AMQP_SYMBOL32 = 0xb3,
    AMQP_TIMESTAMP = 0x83,
    AMQP_LONG = 0x81,
};

static bool is_text(struct bytes in)
{
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] < 0x20 || in.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

enum err kafka_header_text(struct bytes value, struct bytes *out)
{
    struct reader r = reader_of(value);
    const uint8_t type = value.size > 0 ? get_u8(&r) : 0;
    size_t size = 0;
    switch (type) {
    case AMQP_STRING8:
    case AMQP_SYMBOL8: size = get_u8(&r); break;
    case AMQP_STRING32:
    case AMQP_SYMBOL32: size = get_u32be(&r); break;
    default: *out = value; return is_text(value) ? OK : ERR_CORRUPT;
    }
    // Nothing else begins so: in UTF-8 these are never a character's first byte.
    const struct bytes text = get_bytes(&r, size);
    if (!reader_done(&r) || !is_text(text)) {
        return ERR_CORRUPT;
    }
    *out = text;
    return OK;
}

// Exactly count digits.
static bool take_digits(struct reader *r, unsigned count, int64_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < count; i++) {
        const uint8_t c = get_u8(r);
        if (c < '0' || c > '9') {
            return false;
        }
        *out = *out * 10 + (c - '0');
    }
    return true;
}

// Of the civil calendar; Howard Hinnant's well-known count by eras of 400 years.
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2 ? 1 : 0;
    const int64_t era = year / 400;
    const int64_t of_era = year - era * 400;
    const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static enum err time_of_text(struct bytes text, int64_t *out)
{
    static const char between[] = "--T::";
    int64_t part[6]; // year, month, day, hour, minute, second
    int64_t ms = 0;
    struct reader r = reader_of(text);
    for (unsigned i = 0; i < COUNT_OF(part); i++) {
        if (!take_digits(&r, i == 0 ? 4 : 2, &part[i]) ||
            (i < 5 && get_u8(&r) != (uint8_t)between[i])) {
            return ERR_CORRUPT;
        }
    }
    uint8_t c = get_u8(&r);
    if (c == '.') {
        int64_t unit = 100;
        for (c = get_u8(&r); c >= '0' && c <= '9'; c = get_u8(&r)) {
            ms += unit * (c - '0');
            unit /= 10;
        }
    }
    if (c != 'Z' || !reader_done(&r) || part[0] < 1970 || part[1] < 1 || part[1] > 12 ||
        part[2] < 1 || part[2] > 31 || part[3] > 23 || part[4] > 59 || part[5] > 60) {
        return ERR_CORRUPT;
    }
    const int64_t days = days_of(part[0], part[1], part[2]);
    *out = (((days * 24 + part[3]) * 60 + part[4]) * 60 + part[5]) * 1000 + ms;
    return OK;
}

enum err kafka_header_time(struct bytes value, int64_t *out)
{
    struct reader r = reader_of(value);
    const uint8_t type = value.size > 0 ? get_u8(&r) : 0;
    if (type == AMQP_TIMESTAMP || type == AMQP_LONG) {
        const uint64_t ms = get_u64be(&r);
        if (!reader_done(&r) || ms > (uint64_t)TIME_MAX_MS) {
            return ERR_CORRUPT;
        }
        *out = (int64_t)ms;
        return OK;
    }
    struct bytes text = {.size = 0};
    int64_t at_ms = 0;
    enum err err = kafka_header_text(value, &text);
    if (err == OK) {
        err = time_of_text(text, &at_ms);
    }
    if (err == OK && at_ms > TIME_MAX_MS) {
        err = ERR_CORRUPT;
    }
    if (err == OK) {
        *out = at_ms;
    }
    return err;
}

// As hub_record has it: printable, without what a topic cannot hold.
static bool is_device_id(struct bytes id)
{
    for (size_t i = 0; i < id.size; i++) {
        if (id.data[i] <= 0x20 || id.data[i] >= 0x7f || strchr("+#/", id.data[i]) != NULL) {
            return false;
        }
    }
    return id.size > 0 && id.size <= HUB_ID_SIZE_MAX;
}

// What stands for one property; NULL: it is not passed on.
static const char *bag_name(const char *name)
{
    static const struct {
        const char *name;
        const char *in_bag;
    } system[] = {
        {"content-type", "$.ct"},    {"content-encoding", "$.ce"}, {"message-id", "$.mid"},
        {"correlation-id", "$.cid"}, {"user-id", "$.uid"},         {"to", NULL},
        {"reply-to", NULL},          {"creation-time", NULL},
    };
    for (size_t i = 0; i < COUNT_OF(system); i++) {
        if (strcmp(name, system[i].name) == 0) {
            return system[i].in_bag;
        }
    }
    const bool is_of_hub = strncmp(name, "iothub-", 7) == 0 || strncmp(name, "x-opt-", 6) == 0;
    return is_of_hub ? NULL : name;
}

static void put_property(struct writer *bag, const struct kafka_header *header)
{
    const char *name = bag_name(header->name);
    struct bytes text = {.size = 0};
    // A number or a map is not one of ours, which are all text.
    if (name == NULL || kafka_header_text(header->value, &text) != OK) {
        return;
    }
    if (bag->size > 0) {
        put_u8(bag, '&');
    }
    if (name[0] == '$') { // a system property's name as devices write it
        put_u8(bag, '$');
        name++;
    }
    put_percent(bag, bytes_of_text(name), HEX_CAPITAL);
    put_u8(bag, '=');
    put_percent(bag, text, HEX_CAPITAL);
}

enum of_hub { OF_DEVICE, OF_MODULE, OF_TIME, OF_SOURCE, OF_HUB_COUNT };

static enum of_hub which_own(const char *name)
{
    static const char *const names[OF_HUB_COUNT] = {
        [OF_DEVICE] = "iothub-connection-device-id",
        [OF_MODULE] = "iothub-connection-module-id",
        [OF_TIME] = "iothub-enqueuedtime",
        [OF_SOURCE] = "iothub-message-source",
    };
    unsigned which = 0;
    while (which < OF_HUB_COUNT && strcmp(name, names[which]) != 0) {
        which++;
    }
    return (enum of_hub)which;
}

// IoT Hub's own headers; it stamps each once, so a second one is somebody's forgery.
static bool find_own(const struct kafka_message *message,
                     const struct kafka_header *own[OF_HUB_COUNT])
{
    for (size_t i = 0; i < message->header_count; i++) {
        const enum of_hub which = which_own(message->headers[i].name);
        if (which != OF_HUB_COUNT && own[which] != NULL) {
            return false;
        }
        if (which != OF_HUB_COUNT) {
            own[which] = &message->headers[i];
        }
    }
    return true;
}

static enum kafka_kind is_bad(const char **why, const char *words)
{
    *why = words;
    return KAFKA_BAD;
}

enum kafka_kind kafka_message_read(const struct kafka_message *message, uint8_t *bag,
                                   size_t capacity, struct hub_record *out, const char **why)
{
    const struct kafka_header *own[OF_HUB_COUNT] = {NULL};
    struct bytes source = {.size = 0};
    *out = (struct hub_record){.payload = message->payload, .received_utc_ms = message->stamp_ms};
    *why = "";
    if (!find_own(message, own)) {
        return is_bad(why, "a header of IoT Hub's comes twice");
    }
    if (own[OF_SOURCE] != NULL && kafka_header_text(own[OF_SOURCE]->value, &source) == OK &&
        !bytes_equal(source, bytes_of("Telemetry", 9))) {
        return KAFKA_OTHER;
    }
    if (own[OF_DEVICE] == NULL) {
        return is_bad(why, "no header iothub-connection-device-id");
    }
    if (kafka_header_text(own[OF_DEVICE]->value, &out->device_id) != OK ||
        !is_device_id(out->device_id)) {
        return is_bad(why, "the header iothub-connection-device-id holds no device id");
    }
    if (own[OF_MODULE] != NULL &&
        (kafka_header_text(own[OF_MODULE]->value, &out->module_id) != OK ||
         !is_device_id(out->module_id))) {
        return is_bad(why, "the header iothub-connection-module-id holds no module id");
    }
    if (message->payload.size > HUB_PAYLOAD_SIZE_MAX) {
        return is_bad(why, "the payload is larger than 256 KiB");
    }
    if (own[OF_TIME] != NULL) { // a form not known yet: the broker's time is as good
        (void)!kafka_header_time(own[OF_TIME]->value, &out->received_utc_ms);
    }
    struct writer w = writer_of(bag, capacity);
    for (size_t i = 0; i < message->header_count; i++) {
        put_property(&w, &message->headers[i]);
    }
    if (w.failed) {
        return is_bad(why, "the properties are larger than our hub allows");
    }
    out->properties = writer_bytes(&w);
    return KAFKA_D2C;
}
