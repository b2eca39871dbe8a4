// SPDX-License-Identifier: Apache-2.0
// Whoever gives a password: set-up, log-in, and a new password. They wait their turn
// (auth/login_queue.h), as far as they may be looked at now (auth/attempt.h); one at a time is at
// the accounts' worker.
#ifndef CLOUD_API_LOGINS_H
#define CLOUD_API_LOGINS_H

#include "apps/cloud/api/app.h"

void logins_init(struct app *app);
void logins_setup(struct app *app, struct http_conn *conn, struct bytes body);
// device: the cookie of a browser known from before; empty: none.
void logins_login(struct app *app, struct http_conn *conn, struct bytes device, struct bytes body);
// Of the one who is logged in; the other sessions of the account end.
void logins_password(struct app *app, struct http_conn *conn, const struct session *session,
                     struct bytes body);
// Nobody waits for the answer any more.
void logins_gone(struct app *app, const struct http_conn *conn);

#endif
