// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/rest/answer.h"

#include "apps/hub/backend/ids.h"
#include "apps/hub/backend/store.h"
#include "base/assert.h"
#include "port/api/clock.h"
#include "json/writer.h"

#include <stdio.h>
#include <string.h>

enum { TRACKING_SIZE = 37 };

static const char json_type[] = "application/json; charset=utf-8";

// By what a person finds the request again: random, as Azure's.
static void make_tracking(char out[TRACKING_SIZE])
{
    uint8_t r[16] = {0};
    if (random_bytes(r, sizeof(r)) != OK) {
        memset(r, 0, sizeof(r));
    }
    snprintf(out, TRACKING_SIZE,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", r[0], r[1],
             r[2], r[3], r[4], r[5], r[6], r[7], r[8], r[9], r[10], r[11], r[12], r[13], r[14],
             r[15]);
}

static void make_time(char out[STORE_TIME_SIZE])
{
    struct wall_time now = {0};
    (void)port_wall_time(&now);
    store_time(now.utc_ms, out);
}

// {"errorCode","trackingId","message","timestampUtc"}
static struct bytes dps_error(int number, const char *words, char *out, size_t capacity)
{
    char tracking[TRACKING_SIZE];
    char time[STORE_TIME_SIZE];
    struct json_writer w;
    make_tracking(tracking);
    make_time(time);
    json_writer_init(&w, out, capacity);
    json_begin_object(&w);
    json_put_key_i64(&w, "errorCode", number);
    json_put_key_string(&w, "trackingId", tracking);
    json_put_key_string(&w, "message", words);
    json_put_key_string(&w, "timestampUtc", time);
    json_end_object(&w);
    return json_writer_bytes(&w);
}

size_t answer_error_body(enum answer_dialect dialect, int number, const char *name,
                         const char *words, char *out, size_t capacity)
{
    char message[ANSWER_ERROR_SIZE / 2];
    char tracking[TRACKING_SIZE];
    char time[STORE_TIME_SIZE];
    char exception[128];
    struct json_writer w;
    if (dialect == ANSWER_DPS) {
        return dps_error(number, words, out, capacity).size;
    }
    if (dialect == ANSWER_METHOD) {
        const struct bytes inner = dps_error(number, words, message, sizeof(message) - 1);
        message[inner.size] = '\0';
    } else {
        const int size = snprintf(message, sizeof(message), "ErrorCode:%s;%s", name, words);
        // A second semicolon would cut the words short for who splits there.
        for (char *at = strchr(message, ';') + 1; size > 0 && (at = strchr(at, ';')) != NULL;) {
            *at = ',';
        }
    }
    make_tracking(tracking);
    make_time(time);
    snprintf(exception, sizeof(exception), "Tracking ID:%s-TimeStamp:%s", tracking, time);
    json_writer_init(&w, out, capacity);
    json_begin_object(&w);
    json_put_key_string(&w, "Message", message);
    json_put_key_string(&w, "ExceptionMessage", exception);
    json_end_object(&w);
    return json_writer_bytes(&w).size;
}

void answer_refusal(struct http_conn *conn, enum answer_dialect dialect,
                    const struct verdict *verdict)
{
    char body[ANSWER_ERROR_SIZE];
    char headers[128];
    char retry[32] = "";
    const char *name = hub_code_name(verdict->code);
    const int status = hub_code_status(verdict->code);
    const size_t size =
        answer_error_body(dialect, (int)verdict->code, name, verdict->message, body, sizeof(body));
    ASSERT(status >= 400);
    const bool is_dps = dialect == ANSWER_DPS;
    if (status == 429 || status == 503) {
        snprintf(retry, sizeof(retry), "Retry-After: %u\r\n",
                 verdict->retry_s != 0 ? verdict->retry_s : 5);
    }
    snprintf(headers, sizeof(headers), "%s%s%s%s",
             is_dps ? "" : "iothub-errorcode: ", is_dps ? "" : name, is_dps ? "" : "\r\n", retry);
    answer_json(conn, status, bytes_of(body, size), headers);
}

void answer_json(struct http_conn *conn, int status, struct bytes body, const char *headers)
{
    http_reply(conn, &(struct http_reply){
                         .status = status, .type = json_type, .headers = headers, .body = body});
}

void answer_empty(struct http_conn *conn, int status)
{
    http_reply(conn, &(struct http_reply){.status = status});
}

void answer_etag(const char *etag, char *out, size_t capacity)
{
    snprintf(out, capacity, "ETag: \"%s\"\r\n", etag);
}
