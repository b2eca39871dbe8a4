// SPDX-License-Identifier: Apache-2.0
// healthz and the counters for Prometheus.
#ifndef CLOUD_API_HEALTH_H
#define CLOUD_API_HEALTH_H

#include "apps/cloud/api/app.h"

void health_reply(struct app *app, struct http_conn *conn);
void metrics_reply(struct app *app, struct http_conn *conn);

#endif
