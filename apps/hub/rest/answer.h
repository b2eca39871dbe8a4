// SPDX-License-Identifier: Apache-2.0
// Answers as Azure gives them: of IoT Hub {"Message":"ErrorCode:Name;words","ExceptionMessage"}
// with an iothub-errorcode header, of the provisioning service {"errorCode","trackingId","message",
// "timestampUtc"}.
#ifndef HUB_REST_ANSWER_H
#define HUB_REST_ANSWER_H

#include "apps/hub/backend/verdict.h"
#include "port/linux/http_server.h"

enum { ANSWER_ERROR_SIZE = 1024 };

// Which service's words an error has.
enum answer_dialect {
    ANSWER_HUB,
    ANSWER_METHOD, // IoT Hub's, with the error as JSON in Message
    ANSWER_DPS,
};

void answer_refusal(struct http_conn *conn, enum answer_dialect dialect,
                    const struct verdict *verdict);
// The body alone; returns its size.
size_t answer_error_body(enum answer_dialect dialect, int number, const char *name,
                         const char *words, char *out, size_t capacity);
// headers may be NULL.
void answer_json(struct http_conn *conn, int status, struct bytes body, const char *headers);
void answer_empty(struct http_conn *conn, int status);
// An ETag header, CR LF at its end, into out[64].
void answer_etag(const char *etag, char *out, size_t capacity);

#endif
