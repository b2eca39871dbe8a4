// SPDX-License-Identifier: Apache-2.0
#include "azure/topic.h"

#include <string.h>

static bool take_text(struct bytes *rest, const char *text)
{
    struct bytes want = bytes_of_text(text);
    if (rest->size < want.size || memcmp(rest->data, want.data, want.size) != 0) {
        return false;
    }
    *rest = bytes_of(rest->data + want.size, rest->size - want.size);
    return true;
}

// Everything before the byte, which goes too; all of the rest if it is not there.
static struct bytes take_until(struct bytes *rest, uint8_t byte)
{
    const uint8_t *found = rest->size > 0 ? memchr(rest->data, byte, rest->size) : NULL;
    size_t size = found != NULL ? (size_t)(found - rest->data) : rest->size;
    struct bytes taken = bytes_of(rest->data, size);
    size_t used = found != NULL ? size + 1 : size;
    *rest = bytes_of(rest->data + used, rest->size - used);
    return taken;
}

// One level that is not empty, and its slash.
static bool take_level(struct bytes *rest, struct bytes *level)
{
    struct bytes left = *rest;
    struct bytes taken = take_until(&left, '/');
    if (taken.size == 0 || taken.size == rest->size) {
        return false;
    }
    *rest = left;
    *level = taken;
    return true;
}

static bool to_number(struct bytes in, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;
    if (in.size == 0 || in.size > 19) {
        return false;
    }
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] < '0' || in.data[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(in.data[i] - '0');
    }
    *out = value;
    return value <= max;
}

static bool take_status(struct bytes *rest, struct az_topic *out)
{
    struct bytes level;
    uint64_t value = 0;
    bool is_negative = false;
    if (!take_level(rest, &level)) {
        return false;
    }
    if (level.data[0] == '-') {
        is_negative = true;
        level = bytes_of(level.data + 1, level.size - 1);
    }
    if (!to_number(level, INT32_MAX, &value)) {
        return false;
    }
    out->status = is_negative ? -(int32_t)value : (int32_t)value;
    return true;
}

// It comes back in a topic, where wildcards, controls and what is no ASCII have no place.
static bool is_rid(struct bytes in)
{
    for (size_t i = 0; i < in.size; i++) {
        if (in.data[i] < ' ' || in.data[i] > '~' || in.data[i] == '+' || in.data[i] == '#') {
            return false;
        }
    }
    return in.size > 0 && in.size <= AZ_RID_SIZE_MAX;
}

static bool take_parameter(struct bytes pair, struct az_topic *out)
{
    uint64_t number = 0;
    struct bytes value = pair;
    struct bytes key = take_until(&value, '=');
    if (bytes_equal(key, bytes_of("$rid", 4))) {
        out->rid = value;
        return is_rid(value);
    }
    if (bytes_equal(key, bytes_of("$version", 8))) {
        out->has_version = to_number(value, INT64_MAX, &out->version);
        return out->has_version;
    }
    if (bytes_equal(key, bytes_of("retry-after", 11))) {
        out->has_retry_after = to_number(value, UINT32_MAX, &number);
        out->retry_after_s = (uint32_t)number;
        return out->has_retry_after;
    }
    if (bytes_equal(key, bytes_of("operationId", 11))) {
        out->operation_id = value;
        return value.size > 0;
    }
    return true;
}

// `?$rid=1&$version=2`; a slash at the end is passed over.
static bool take_query(struct bytes rest, struct az_topic *out)
{
    if (rest.size > 0 && rest.data[rest.size - 1] == '/') {
        rest.size--;
    }
    if (!take_text(&rest, "?")) {
        return false;
    }
    while (rest.size > 0) {
        if (!take_parameter(take_until(&rest, '&'), out)) {
            return false;
        }
    }
    return true;
}

static enum err parse_devices(struct bytes rest, struct az_topic *out)
{
    if (!take_level(&rest, &out->device_id)) {
        return ERR_NOT_FOUND;
    }
    if (take_text(&rest, "modules/") && !take_level(&rest, &out->module_id)) {
        return ERR_NOT_FOUND;
    }
    if (take_text(&rest, "messages/events/")) {
        out->kind = AZ_EVENTS;
    } else if (take_text(&rest, "messages/devicebound/")) {
        out->kind = AZ_C2D;
    } else {
        return ERR_NOT_FOUND;
    }
    if (rest.size > 0 && rest.data[rest.size - 1] == '/') {
        rest.size--;
    }
    out->bag = rest;
    return OK;
}

// What stands before the query: fixed text, and which parts follow it.
static const struct form {
    enum az_topic_kind kind;
    const char *text;
    bool has_status, has_name, needs_rid;
} FORMS[] = {
    {AZ_TWIN_GET, "$iothub/twin/GET/", false, false, true},
    {AZ_TWIN_REPORT, "$iothub/twin/PATCH/properties/reported/", false, false, true},
    {AZ_METHOD_ANSWER, "$iothub/methods/res/", true, false, true},
    {AZ_DPS_REGISTER, "$dps/registrations/PUT/iotdps-register/", false, false, true},
    {AZ_DPS_STATUS, "$dps/registrations/GET/iotdps-get-operationstatus/", false, false, true},
    {AZ_METHOD_CALL, "$iothub/methods/POST/", false, true, true},
    {AZ_TWIN_ANSWER, "$iothub/twin/res/", true, false, true},
    {AZ_TWIN_DESIRED, "$iothub/twin/PATCH/properties/desired/", false, false, false},
    {AZ_DPS_ANSWER, "$dps/registrations/res/", true, false, true},
};

static bool parse_form(const struct form *form, struct bytes rest, struct az_topic *out)
{
    out->kind = form->kind;
    if (form->has_status && !take_status(&rest, out)) {
        return false;
    }
    if (form->has_name &&
        (!take_level(&rest, &out->name) || out->name.size > AZ_METHOD_NAME_SIZE_MAX)) {
        return false;
    }
    return take_query(rest, out) && (!form->needs_rid || out->rid.size > 0) &&
           (form->kind != AZ_TWIN_DESIRED || out->has_version) &&
           (form->kind != AZ_DPS_STATUS || out->operation_id.size > 0);
}

enum err az_topic_parse(struct bytes topic, struct az_topic *out)
{
    struct az_topic parsed = {.kind = AZ_EVENTS};
    struct bytes rest = topic;
    if (take_text(&rest, "devices/")) {
        enum err err = parse_devices(rest, &parsed);
        *out = err == OK ? parsed : *out;
        return err;
    }
    for (size_t i = 0; i < sizeof(FORMS) / sizeof(FORMS[0]); i++) {
        if (take_text(&rest, FORMS[i].text)) {
            if (!parse_form(&FORMS[i], rest, &parsed)) {
                return ERR_CORRUPT;
            }
            *out = parsed;
            return OK;
        }
    }
    return ERR_NOT_FOUND;
}

static void put_number(struct writer *out, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        at--;
        digits[at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put_bytes(out, bytes_of(digits + at, sizeof(digits) - at));
}

static void build_devices(const struct az_topic *topic, struct writer *out)
{
    put_text(out, "devices/");
    put_bytes(out, topic->device_id);
    if (topic->module_id.size > 0) {
        put_text(out, "/modules/");
        put_bytes(out, topic->module_id);
    }
    put_text(out, topic->kind == AZ_EVENTS ? "/messages/events/" : "/messages/devicebound/");
    put_bytes(out, topic->bag);
}

static void put_parameter(struct writer *out, char *mark, const char *name)
{
    put_u8(out, (uint8_t)*mark);
    put_text(out, name);
    *mark = '&';
}

static void build_query(const struct az_topic *topic, struct writer *out)
{
    char mark = '?';
    if (topic->rid.size > 0) {
        put_parameter(out, &mark, "$rid=");
        put_bytes(out, topic->rid);
    }
    if (topic->operation_id.size > 0) {
        put_parameter(out, &mark, "operationId=");
        put_bytes(out, topic->operation_id);
    }
    if (topic->has_version) {
        put_parameter(out, &mark, "$version=");
        put_number(out, topic->version);
    }
    if (topic->has_retry_after) {
        put_parameter(out, &mark, "retry-after=");
        put_number(out, topic->retry_after_s);
    }
}

void az_topic_build(const struct az_topic *topic, struct writer *out)
{
    if (topic->kind == AZ_EVENTS || topic->kind == AZ_C2D) {
        build_devices(topic, out);
        return;
    }
    for (size_t i = 0; i < sizeof(FORMS) / sizeof(FORMS[0]); i++) {
        const struct form *form = &FORMS[i];
        if (form->kind != topic->kind) {
            continue;
        }
        put_text(out, form->text);
        if (form->has_status) {
            int64_t status = topic->status;
            put_text(out, status < 0 ? "-" : "");
            put_number(out, (uint64_t)(status < 0 ? -status : status));
            put_u8(out, '/');
        }
        if (form->has_name) {
            put_bytes(out, topic->name);
            put_u8(out, '/');
        }
        build_query(topic, out);
    }
}
