// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/methods.h"

#include "base/assert.h"
#include "json/reader.h"

#include <stdio.h>
#include <string.h>

enum { SLOT_BITS = 12, CAPACITY_MAX = 1 << SLOT_BITS };

void methods_init(struct methods *m, const struct sessions *sessions, struct methods_call *calls,
                  size_t capacity, uint8_t *payloads, uint32_t salt)
{
    ASSERT(capacity >= 1 && capacity <= CAPACITY_MAX);
    *m = (struct methods){.sessions = sessions, .calls = calls, .capacity = capacity, .salt = salt};
    for (size_t i = 0; i < capacity; i++) {
        calls[i] = (struct methods_call){.payload = payloads + i * METHODS_PAYLOAD_SIZE_MAX};
    }
}

static bool is_online(const struct methods *m, struct bytes device_id)
{
    const struct session *session = sessions_find(m->sessions, device_id);
    return session != NULL && (session->subscriptions & SESSION_METHODS) != 0;
}

static bool is_json(struct bytes text)
{
    struct json_reader r;
    struct json_options options = {.depth_max = JSON_DEPTH_MAX};
    json_reader_init(&r, text, &options);
    return json_skip(&r) && json_end(&r);
}

// It becomes a level of a topic.
static bool is_name(struct bytes name)
{
    bool is_good = name.size > 0 && name.size <= AZ_METHOD_NAME_SIZE_MAX;
    for (size_t i = 0; is_good && i < name.size; i++) {
        is_good = name.data[i] > ' ' && name.data[i] < 0x7f && strchr("/+#?", name.data[i]) == NULL;
    }
    return is_good;
}

static bool check(const struct methods_request *in, struct verdict *why)
{
    if (!is_name(in->name)) {
        return refuse(
            why, HUB_ARGUMENT_INVALID,
            "a method name has 1 to %d characters of ASCII, no space or / + # ? among them",
            AZ_METHOD_NAME_SIZE_MAX);
    }
    if (in->response_s != 0 &&
        (in->response_s < METHODS_RESPONSE_S_MIN || in->response_s > METHODS_RESPONSE_S_MAX)) {
        return refuse(why, HUB_ARGUMENT_INVALID, "responseTimeoutInSeconds: %d to %d",
                      METHODS_RESPONSE_S_MIN, METHODS_RESPONSE_S_MAX);
    }
    if (in->connect_s > METHODS_CONNECT_S_MAX) {
        return refuse(why, HUB_ARGUMENT_INVALID, "connectTimeoutInSeconds: 0 to %d",
                      METHODS_CONNECT_S_MAX);
    }
    if (in->payload.size > METHODS_PAYLOAD_SIZE_MAX) {
        return refuse(why, HUB_TOO_LARGE, "payload of %zu bytes, at most %d", in->payload.size,
                      METHODS_PAYLOAD_SIZE_MAX);
    }
    return in->payload.size == 0 || is_json(in->payload) ||
           refuse(why, HUB_ARGUMENT_INVALID, "payload is not JSON");
}

static struct methods_call *free_slot(struct methods *m, struct bytes device_id,
                                      struct verdict *why)
{
    struct methods_call *slot = NULL;
    size_t of_device = 0;
    for (size_t i = 0; i < m->capacity; i++) {
        struct methods_call *call = &m->calls[i];
        if (call->state == METHODS_FREE) {
            slot = slot == NULL ? call : slot;
        } else if (bytes_equal(bytes_of_text(call->device_id), device_id)) {
            of_device++;
        }
    }
    if (slot == NULL || of_device >= METHODS_PER_DEVICE_MAX) {
        refuse(why, HUB_TOO_MANY_CALLS, "%zu calls are under way, %s", of_device,
               slot == NULL ? "and as many as this hub takes" : "as many as a device may have");
        return NULL;
    }
    return slot;
}

static uint64_t handle_of(const struct methods *m, const struct methods_call *call)
{
    return (uint64_t)call->serial << SLOT_BITS | (uint64_t)(call - m->calls);
}

bool methods_call(struct methods *m, uint64_t now_us, const struct methods_request *in,
                  uint64_t *handle, struct verdict *why)
{
    bool is_there = is_online(m, in->device_id);
    grant(why);
    if (!check(in, why)) {
        return false;
    }
    if (in->device_id.size == 0 || in->device_id.size >= ID_SIZE) {
        return refuse(why, HUB_ARGUMENT_INVALID, "no device has such an id");
    }
    if (!is_there && in->connect_s == 0) {
        return refuse(why, HUB_DEVICE_NOT_ONLINE,
                      "Timed out waiting for device to connect: it is not connected or has not "
                      "subscribed to methods");
    }
    struct methods_call *call = free_slot(m, in->device_id, why);
    if (call == NULL) {
        return false;
    }
    uint64_t response_s = in->response_s != 0 ? in->response_s : METHODS_RESPONSE_S_DEFAULT;
    *call = (struct methods_call){
        .state = is_there ? METHODS_READY : METHODS_WAITING,
        .generation = in->generation,
        .serial = ++m->serial,
        .deadline_us = time_after(now_us, in->connect_s * US_PER_S),
        .response_us = response_s * US_PER_S,
        .size = in->payload.size,
        .payload = call->payload,
    };
    memcpy(call->device_id, in->device_id.data, in->device_id.size);
    memcpy(call->name, in->name.data, in->name.size);
    if (in->payload.size > 0) {
        memcpy(call->payload, in->payload.data, in->payload.size);
    }
    *handle = handle_of(m, call);
    return true;
}

void methods_give_up(struct methods *m, uint64_t handle)
{
    struct methods_call *call = &m->calls[handle & (CAPACITY_MAX - 1)];
    ASSERT((size_t)(call - m->calls) < m->capacity);
    if (call->state != METHODS_FREE && handle_of(m, call) == handle) {
        call->state = METHODS_FREE;
    }
}

static void finish(struct methods_call *call, enum hub_code code, const char *words)
{
    call->state = METHODS_OVER;
    call->size = 0;
    refuse(&call->verdict, code, "%s", words);
}

static void miss(struct methods_call *call)
{
    finish(call, HUB_DEVICE_NOT_ONLINE, "Timed out waiting for device to connect.");
}

void methods_end_former(struct methods *m, struct bytes device_id, uint64_t generation)
{
    for (size_t i = 0; i < m->capacity; i++) {
        struct methods_call *call = &m->calls[i];
        if (call->state != METHODS_FREE && call->state != METHODS_OVER &&
            call->generation != generation &&
            bytes_equal(bytes_of_text(call->device_id), device_id)) {
            finish(call, HUB_DEVICE_NOT_FOUND, "The device was removed.");
        }
    }
}

void methods_changed(struct methods *m, uint64_t now_us, struct bytes device_id)
{
    methods_tick(m, now_us);
    if (!is_online(m, device_id)) {
        return; // methods_next sees to it
    }
    for (size_t i = 0; i < m->capacity; i++) {
        struct methods_call *call = &m->calls[i];
        if (call->state == METHODS_WAITING &&
            bytes_equal(bytes_of_text(call->device_id), device_id)) {
            call->state = METHODS_READY;
        }
    }
}

static bool reads_rid(const struct methods *m, struct bytes rid, uint32_t *serial)
{
    char text[sizeof(m->rid)];
    unsigned salt = 0;
    unsigned number = 0;
    if (rid.size != 17) {
        return false;
    }
    memcpy(text, rid.data, rid.size);
    text[rid.size] = '\0';
    for (size_t i = 0; i < rid.size; i++) {
        unsigned digit = text[i] >= '0' && text[i] <= '9'   ? (unsigned)(text[i] - '0')
                         : text[i] >= 'a' && text[i] <= 'f' ? (unsigned)(text[i] - 'a' + 10)
                                                            : 16;
        if (i == 8 ? text[i] != '-' : digit == 16) {
            return false;
        }
        salt = i < 8 ? salt << 4 | digit : salt;
        number = i > 8 ? number << 4 | digit : number;
    }
    *serial = number;
    return salt == m->salt;
}

void methods_answer(struct methods *m, struct bytes device_id, struct bytes rid, int32_t status,
                    struct bytes body)
{
    uint32_t serial = 0;
    if (!reads_rid(m, rid, &serial)) {
        return;
    }
    for (size_t i = 0; i < m->capacity; i++) {
        struct methods_call *call = &m->calls[i];
        if (call->state != METHODS_SENT || call->serial != serial ||
            !bytes_equal(bytes_of_text(call->device_id), device_id)) {
            continue;
        }
        if (body.size > METHODS_PAYLOAD_SIZE_MAX) {
            finish(call, HUB_TOO_LARGE, "the device answered with more than 128 KiB");
        } else if (body.size > 0 && !is_json(body)) {
            finish(call, HUB_FORMAT_ERROR, "the device answered with a body that is not JSON");
        } else {
            call->state = METHODS_OVER;
            grant(&call->verdict);
            call->status = status;
            call->size = body.size;
            if (body.size > 0) {
                memcpy(call->payload, body.data, body.size);
            }
        }
        return;
    }
}

uint64_t methods_deadline_us(const struct methods *m)
{
    uint64_t deadline_us = TIME_NEVER;
    for (size_t i = 0; i < m->capacity; i++) {
        const struct methods_call *call = &m->calls[i];
        if (call->state == METHODS_WAITING || call->state == METHODS_SENT) {
            deadline_us = time_min(deadline_us, call->deadline_us);
        }
    }
    return deadline_us;
}

void methods_tick(struct methods *m, uint64_t now_us)
{
    for (size_t i = 0; i < m->capacity; i++) {
        struct methods_call *call = &m->calls[i];
        if (call->deadline_us > now_us) {
            continue;
        }
        if (call->state == METHODS_WAITING) {
            miss(call);
        } else if (call->state == METHODS_SENT) {
            finish(call, HUB_GATEWAY_TIMEOUT, "Timed out waiting for the response from device.");
        }
    }
}

bool methods_next(struct methods *m, uint64_t now_us, struct methods_out *out)
{
    for (size_t i = 0; i < m->capacity; i++) {
        struct methods_call *call = &m->calls[i];
        if (call->state != METHODS_READY) {
            continue;
        }
        if (!is_online(m, bytes_of_text(call->device_id))) { // it left just now
            call->state = METHODS_WAITING;
            if (call->deadline_us <= now_us) {
                miss(call);
            }
            continue;
        }
        call->state = METHODS_SENT;
        call->deadline_us = time_after(now_us, call->response_us);
        int size = snprintf(m->rid, sizeof(m->rid), "%08x-%08x", m->salt, call->serial);
        *out = (struct methods_out){
            .device_id = bytes_of_text(call->device_id),
            .connection = sessions_find(m->sessions, bytes_of_text(call->device_id))->connection,
            .topic = {.kind = AZ_METHOD_CALL,
                      .name = bytes_of_text(call->name),
                      .rid = bytes_of(m->rid, (size_t)size)},
            .body = bytes_of(call->payload, call->size),
        };
        return true;
    }
    return false;
}

bool methods_next_outcome(struct methods *m, struct methods_outcome *out)
{
    for (size_t i = 0; i < m->capacity; i++) {
        struct methods_call *call = &m->calls[i];
        if (call->state == METHODS_OVER) {
            *out = (struct methods_outcome){
                .handle = handle_of(m, call),
                .verdict = call->verdict,
                .status = call->status,
                .payload = bytes_of(call->payload, call->size),
            };
            call->state = METHODS_FREE;
            return true;
        }
    }
    return false;
}
