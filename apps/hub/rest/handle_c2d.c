// SPDX-License-Identifier: Apache-2.0
// Our own routes for what Azure offers over AMQP alone: messages to devices and their feedback.
#include "apps/hub/rest/answer.h"
#include "apps/hub/rest/c2d_headers.h"
#include "apps/hub/rest/handlers.h"

#include <stdio.h>
#include <string.h>

void c2d_post(struct rest *rest, const struct rest_request *q)
{
    static struct c2d_headers headers;
    struct verdict why;
    bool is_good = c2d_headers_read(q->http, &headers, &why);
    if (is_good) {
        const struct c2d_message message = {
            .device_id = q->routed.id,
            .message_id = headers.message_id,
            .properties = bytes_of(headers.bag, headers.bag_size),
            .payload = q->body,
            .ack = headers.ack,
            .expires_ms = headers.expires_ms,
        };
        is_good = c2d_send(rest->cfg.c2d, &message, q->utc_ms, NULL, &why);
    }
    if (is_good) {
        metered_charge(rest->cfg.quota, q->utc_ms, q->body.size + headers.bag_size);
        answer_empty(q->conn, 204);
    } else {
        answer_refusal(q->conn, ANSWER_HUB, &why);
    }
}

void c2d_delete(struct rest *rest, const struct rest_request *q)
{
    struct verdict why;
    struct json_writer w;
    char id[ID_SIZE];
    uint32_t count = 0;
    struct device device;
    const bool is_there = registry_read(rest->cfg.store, q->routed.id, &device, &why);
    memset(device.keys, 0, sizeof(device.keys));
    if (!is_there || !c2d_purge(rest->cfg.c2d, q->routed.id, q->utc_ms, &count, &why)) {
        answer_refusal(q->conn, ANSWER_HUB, &why);
        return;
    }
    snprintf(id, sizeof(id), "%.*s", (int)q->routed.id.size, (const char *)q->routed.id.data);
    json_writer_init(&w, rest->out, REST_OUT_SIZE);
    json_begin_object(&w);
    json_put_key_string(&w, "deviceId", id);
    json_put_key(&w, "moduleId");
    json_put_null(&w);
    json_put_key_u64(&w, "totalMessagesPurged", count);
    json_end_object(&w);
    answer_json(q->conn, 200, json_writer_bytes(&w), NULL);
}

void feedback_get(struct rest *rest, const struct rest_request *q)
{
    struct verdict why;
    char etag[REST_ETAG_SIZE];
    char header[REST_ETAG_SIZE + 16];
    size_t size = 0;
    int64_t last = 0;
    if (!c2d_feedback(rest->cfg.c2d, rest->out, REST_OUT_SIZE, &size, &last, &why)) {
        answer_refusal(q->conn, ANSWER_HUB, &why);
        return;
    }
    if (last == 0) {
        answer_empty(q->conn, 204);
        return;
    }
    snprintf(etag, sizeof(etag), "%lld", (long long)last);
    answer_etag(etag, header, sizeof(header));
    answer_json(q->conn, 200, bytes_of(rest->out, size), header);
}

void feedback_done(struct rest *rest, const struct rest_request *q)
{
    struct verdict why;
    uint64_t last = 0;
    bool is_good = decimal_of(q->routed.id, INT64_MAX, &last) && last > 0;
    if (!is_good) {
        (void)refuse(&why, HUB_ARGUMENT_INVALID, "the lock token is the ETag of the feedback");
    }
    is_good = is_good && c2d_feedback_done(rest->cfg.c2d, (int64_t)last, &why);
    if (is_good) {
        answer_empty(q->conn, 204);
    } else {
        answer_refusal(q->conn, ANSWER_HUB, &why);
    }
}
