// SPDX-License-Identifier: Apache-2.0
// What befell the system, such as a log that began anew, until somebody acknowledges it.
#ifndef CLOUD_API_NOTICES_H
#define CLOUD_API_NOTICES_H

#include "apps/cloud/api/app.h"

// ROUTE_NOTICES
void notices_get(struct app *app, struct http_conn *conn);
// ROUTE_ACKNOWLEDGE: {"kind","at_ms"} of one.
void notices_post(struct app *app, struct http_conn *conn, struct bytes body,
                  const struct session *session);
void notices_gone(struct app *app, const struct http_conn *conn);

#endif
