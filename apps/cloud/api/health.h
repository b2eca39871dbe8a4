// SPDX-License-Identifier: Apache-2.0
// healthz and the counters for Prometheus.
#ifndef CLOUD_API_HEALTH_H
#define CLOUD_API_HEALTH_H

#include "apps/cloud/api/app.h"

void health_reply(struct app *app, struct http_conn *conn);
// To this machine alone; what a proxy here hands on is not from this machine.
void metrics_reply(struct app *app, struct http_conn *conn, bool is_forwarded);

#endif
