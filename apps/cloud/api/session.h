// SPDX-License-Identifier: Apache-2.0
// Set-up, login, logout, who is asking, and the audit log; and the file's knowledge of sessions.
#ifndef CLOUD_API_SESSION_H
#define CLOUD_API_SESSION_H

#include "apps/cloud/api/app.h"

void session_get(struct app *app, struct http_conn *conn, const struct session *session);
void session_setup(struct app *app, struct http_conn *conn, struct bytes body);
// device: the cookie of a browser known from before; empty: none.
void session_login(struct app *app, struct http_conn *conn, struct bytes device, struct bytes body);
void session_logout(struct app *app, struct http_conn *conn, struct session *session);
void session_audit(struct app *app, struct http_conn *conn, uint32_t limit);
// Every tick: ends sessions that are over, and has the file told what it does not know yet.
void session_tick(struct app *app);
// At the end, when the worker has stopped: the last uses go into the file.
void session_deinit(struct app *app);

#endif
