// SPDX-License-Identifier: Apache-2.0
// Who is asking, log-out, and the audit log; and the file's knowledge of sessions.
#ifndef CLOUD_API_SESSION_H
#define CLOUD_API_SESSION_H

#include "apps/cloud/api/app.h"

enum { SESSION_ANSWER_SIZE = 1024 };

void session_get(struct app *app, struct http_conn *conn, const struct session *session);
// The body of that answer. session NULL: nobody.
struct bytes session_describe(const struct app *app, const struct session *session,
                              char out[SESSION_ANSWER_SIZE]);
void session_logout(struct app *app, struct http_conn *conn, struct session *session);
void session_audit(struct app *app, struct http_conn *conn, uint32_t limit);
// Every tick: ends sessions that are over, and has the file told what it does not know yet.
void session_tick(struct app *app);
// At the end, when the worker has stopped: the last uses go into the file.
void session_deinit(struct app *app);

#endif
