// SPDX-License-Identifier: Apache-2.0
// Twins, and methods, whose answer waits for the device.
#include "apps/hub/rest/answer.h"
#include "apps/hub/rest/handlers.h"
#include "base/assert.h"
#include "port/api/clock.h"

#include <stdio.h>
#include <string.h>

enum { METHOD_DEPTH_MAX = 64 };

// Gives the size of the twin; 0: it was refused.
static size_t answer_twin(struct rest *rest, const struct rest_request *q)
{
    struct verdict why;
    struct json_writer w;
    struct json_reader r;
    struct json_text key;
    char etag[REST_ETAG_SIZE] = "";
    char header[REST_ETAG_SIZE + 16] = "";
    json_writer_init(&w, rest->out, REST_OUT_SIZE);
    if (!twins_read(rest->cfg.twins, q->routed.id, &w, &why)) {
        answer_refusal(q->conn, ANSWER_HUB, &why);
        return 0;
    }
    json_reader_init(&r, json_writer_bytes(&w),
                     &(struct json_options){.depth_max = JSON_DEPTH_MAX});
    const bool is_object = json_enter_object(&r);
    while (is_object && etag[0] == '\0' && json_next_key(&r, &key)) {
        if (json_text_is(&key, "etag")) {
            json_get_string(&r, etag, sizeof(etag), NULL);
        } else {
            json_skip(&r);
        }
    }
    answer_etag(etag, header, sizeof(header));
    answer_json(q->conn, 200, json_writer_bytes(&w), etag[0] != '\0' ? header : NULL);
    return w.size;
}

void twin_get(struct rest *rest, const struct rest_request *q)
{
    const size_t size = answer_twin(rest, q);
    if (size > 0) {
        metered_charge(rest->cfg.quota, q->utc_ms, size);
    }
}

static void update(struct rest *rest, const struct rest_request *q, bool is_replace)
{
    struct verdict why;
    const struct twins_change change = {
        .body = q->body, .if_match = q->if_match, .is_replace = is_replace, .utc_ms = q->utc_ms};
    if (twins_update(rest->cfg.twins, q->routed.id, &change, &why)) {
        metered_charge(rest->cfg.quota, q->utc_ms, q->body.size);
        (void)answer_twin(rest, q);
    } else {
        answer_refusal(q->conn, ANSWER_HUB, &why);
    }
}

void twin_patch(struct rest *rest, const struct rest_request *q)
{
    update(rest, q, false);
}

void twin_put(struct rest *rest, const struct rest_request *q)
{
    update(rest, q, true);
}

// `name` is borrowed from the caller's array.
static bool read_call(const struct rest_request *q, char *name, size_t name_capacity,
                      struct methods_request *out, struct verdict *why)
{
    struct json_reader r;
    struct json_text key;
    size_t name_size = 0;
    *out = (struct methods_request){.device_id = q->routed.id};
    json_reader_init(&r, q->body, &(struct json_options){.depth_max = METHOD_DEPTH_MAX});
    const bool is_object = json_enter_object(&r);
    while (is_object && json_next_key(&r, &key)) {
        if (json_text_is(&key, "methodName")) {
            json_get_string(&r, name, name_capacity, &name_size);
        } else if (json_text_is(&key, "responseTimeoutInSeconds")) {
            json_get_u64(&r, METHODS_RESPONSE_S_MIN, METHODS_RESPONSE_S_MAX, &out->response_s);
        } else if (json_text_is(&key, "connectTimeoutInSeconds")) {
            json_get_u64(&r, 0, METHODS_CONNECT_S_MAX, &out->connect_s);
        } else if (json_text_is(&key, "payload")) {
            json_raw(&r, &out->payload);
        } else {
            json_skip(&r);
        }
    }
    (void)json_end(&r);
    out->name = bytes_of(name, name_size);
    if (!body_is_good(&r, why)) {
        return false;
    }
    return name_size > 0 || refuse(why, HUB_ARGUMENT_INVALID, "methodName is missing");
}

static struct rest_call *free_call(struct rest *rest)
{
    for (size_t i = 0; i < REST_CALLS_MAX; i++) {
        if (rest->calls[i].conn == NULL) {
            return &rest->calls[i];
        }
    }
    return NULL;
}

void method_call(struct rest *rest, const struct rest_request *q)
{
    char name[AZ_METHOD_NAME_SIZE_MAX + 1];
    struct methods_request request;
    struct device device;
    struct verdict why;
    struct rest_call *call = free_call(rest);
    uint64_t handle = 0;
    if (!read_call(q, name, sizeof(name), &request, &why) ||
        !registry_read(rest->cfg.store, q->routed.id, &device, &why)) {
        answer_refusal(q->conn, ANSWER_HUB, &why);
        return;
    }
    memset(device.keys, 0, sizeof(device.keys));
    request.generation = registry_generation(rest->cfg.store, q->routed.id);
    if (call == NULL) {
        (void)refuse(&why, HUB_TOO_MANY_CALLS, "%d calls are under way already", REST_CALLS_MAX);
        answer_refusal(q->conn, ANSWER_METHOD, &why);
        return;
    }
    if (!methods_call(rest->cfg.methods, q->now_us, &request, &handle, &why)) {
        if (why.code == HUB_DEVICE_NOT_ONLINE) { // Azure counts the answer that never comes, too
            metered_charge(rest->cfg.quota, q->utc_ms, request.payload.size);
            metered_charge(rest->cfg.quota, q->utc_ms, 0);
        }
        answer_refusal(q->conn, ANSWER_METHOD, &why);
        return;
    }
    metered_charge(rest->cfg.quota, q->utc_ms, request.payload.size);
    *call = (struct rest_call){.conn = q->conn, .handle = handle};
}

void rest_outcome(struct rest *rest, const struct methods_outcome *outcome)
{
    struct rest_call *call = NULL;
    struct wall_time wall = {0};
    (void)port_wall_time(&wall); // it was set when the call came
    metered_charge(rest->cfg.quota, wall.utc_ms, outcome->payload.size);
    for (size_t i = 0; i < REST_CALLS_MAX && call == NULL; i++) {
        const bool is_it = rest->calls[i].conn != NULL && rest->calls[i].handle == outcome->handle;
        call = is_it ? &rest->calls[i] : NULL;
    }
    if (call == NULL) {
        return; // nobody waits any more
    }
    struct http_conn *conn = call->conn;
    call->conn = NULL;
    if (outcome->verdict.code == HUB_FORMAT_ERROR || outcome->verdict.code == HUB_TOO_LARGE) {
        // The device's answer was wrong, not the asker's request.
        char body[ANSWER_ERROR_SIZE];
        const size_t size = answer_error_body(ANSWER_METHOD, 502002, "BadGateway",
                                              outcome->verdict.message, body, sizeof(body));
        answer_json(conn, 502, bytes_of(body, size), NULL);
        return;
    }
    if (outcome->verdict.code != HUB_DONE) {
        answer_refusal(conn, ANSWER_METHOD, &outcome->verdict);
        return;
    }
    struct json_writer w;
    json_writer_init(&w, rest->out, REST_OUT_SIZE);
    json_begin_object(&w);
    json_put_key_i64(&w, "status", outcome->status);
    json_put_key(&w, "payload");
    if (outcome->payload.size > 0) {
        json_put_raw(&w, outcome->payload);
    } else {
        json_put_null(&w);
    }
    json_end_object(&w);
    answer_json(conn, 200, json_writer_bytes(&w), NULL);
}
