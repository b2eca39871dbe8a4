// SPDX-License-Identifier: Apache-2.0
// Answers as JSON, as openapi.yaml has them.
#ifndef CLOUD_API_ANSWER_H
#define CLOUD_API_ANSWER_H

#include "port/linux/http_server.h"

void answer_error(struct http_conn *conn, int status, const char *code, const char *message);
// 429 or 503 with Retry-After.
void answer_busy(struct http_conn *conn, int status, unsigned retry_s, const char *message);
// 503 with Retry-After, and a code that says why.
void answer_disk_full(struct http_conn *conn, const char *message);
// headers may be NULL.
void answer_json(struct http_conn *conn, int status, struct bytes body, const char *headers);
// The words of a status that a job ended with.
void answer_status(struct http_conn *conn, int status);

#endif
