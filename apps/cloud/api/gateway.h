// SPDX-License-Identifier: Apache-2.0
// A site's gateway: what the hub knows of it, commands, its configuration, and that somebody looks.
#ifndef CLOUD_API_GATEWAY_H
#define CLOUD_API_GATEWAY_H

#include "apps/cloud/api/app.h"
#include "apps/cloud/api/routes.h"

NODISCARD enum err gateway_init(struct app *app);
// After hub_client_stop: no answer of the hub's comes any more.
void gateway_deinit(struct app *app);
// ROUTE_GATEWAY, ROUTE_CONFIGURE, ROUTE_COMMAND, ROUTE_COMMANDS, ROUTE_RECORDS, ROUTE_RECORD, once
// rights are checked.
void gateway_request(struct app *app, struct http_conn *conn, const struct routed *r,
                     struct bytes body, const struct session *session);
// ROUTE_GATEWAYS: a page of all devices of the hub.
void gateway_fleet(struct app *app, struct http_conn *conn, const struct http_request *request,
                   uint32_t limit);
void gateway_gone(struct app *app, const struct http_conn *conn);
// Every tick: gateways of watched sites are told.
void gateway_tick(struct app *app);

// gateway_answer.c: what the page is told of the hub's answer, and what is written down of it.
void gateway_outcome(struct gateway_job *job);
void gateway_answer(struct gateway_job *job);

#endif
