// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/answer.h"

#include "json/writer.h"

#include <stdio.h>

static void answer_failure(struct http_conn *conn, int status, const char *headers,
                           const char *code, const char *message)
{
    char text[512];
    struct json_writer w;
    json_writer_init(&w, text, sizeof(text));
    json_begin_object(&w);
    json_put_key(&w, "error");
    json_begin_object(&w);
    json_put_key_string(&w, "code", code);
    json_put_key_string(&w, "message", message);
    json_end_object(&w);
    json_end_object(&w);
    answer_json(conn, status, json_writer_bytes(&w), headers);
}

void answer_error(struct http_conn *conn, int status, const char *code, const char *message)
{
    answer_failure(conn, status, NULL, code, message);
}

void answer_busy(struct http_conn *conn, int status, unsigned retry_s, const char *message)
{
    char headers[64];
    snprintf(headers, sizeof(headers), "Retry-After: %u\r\n", retry_s);
    answer_failure(conn, status, headers, status == 429 ? "too_many" : "busy", message);
}

void answer_disk_full(struct http_conn *conn, const char *message)
{
    answer_failure(conn, 503, "Retry-After: 30\r\n", "disk_full", message);
}

void answer_json(struct http_conn *conn, int status, struct bytes body, const char *headers)
{
    char all[768];
    snprintf(all, sizeof(all), "Cache-Control: no-store\r\n%s", headers != NULL ? headers : "");
    http_reply(conn, &(struct http_reply){
                         .status = status,
                         .type = body.size > 0 ? "application/json" : NULL,
                         .headers = all,
                         .body = body,
                     });
}

void answer_status(struct http_conn *conn, int status)
{
    switch (status) {
    case 404: answer_error(conn, 404, "not_found", "there is no such thing"); break;
    case 503: answer_busy(conn, 503, 2, "the store cannot be read right now"); break;
    default: answer_error(conn, 500, "internal", "something went wrong here"); break;
    }
}
