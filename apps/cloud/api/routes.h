// SPDX-License-Identifier: Apache-2.0
// Which request means what: the table of openapi.yaml's paths, without any I/O.
#ifndef CLOUD_API_ROUTES_H
#define CLOUD_API_ROUTES_H

#include "apps/cloud/auth/access.h"
#include "port/linux/http_request.h"

enum route {
    ROUTE_NONE,  // under /api: 404
    ROUTE_FILES, // everything else
    ROUTE_SESSION,
    ROUTE_SETUP,
    ROUTE_LOGIN,
    ROUTE_LOGOUT,
    ROUTE_PASSWORD,
    ROUTE_SITES,
    ROUTE_OVERVIEW,
    ROUTE_POINT,
    ROUTE_SERIES,
    ROUTE_EVENTS,
    ROUTE_AUDIT,
    ROUTE_STREAM,
    ROUTE_GATEWAYS, // all that the hub knows
    ROUTE_GATEWAY,
    ROUTE_CONFIGURE,
    ROUTE_COMMAND,  // `action` says which
    ROUTE_COMMANDS, // those given before
    ROUTE_RECORDS,  // flight records that came in parts
    ROUTE_RECORD,
    ROUTE_NOTICES, // of the system
    ROUTE_ACKNOWLEDGE,
    ROUTE_HEALTH,
    ROUTE_METRICS,
};

enum { SITE_NAME_MAX = 128, LIMIT_MAX = 500 };

// A request with its parameters checked.
struct routed {
    enum route route;
    int status;      // 0, or 400 or 405
    const char *why; // for people; with 405 the method that is allowed
    bool is_public;  // needs no session
    bool is_change;  // needs the CSRF token, or JSON if public
    enum capability needs;
    struct bytes site;   // empty: none
    struct bytes action; // of a command: its last segment
    uint32_t point;
    int64_t record; // of a gateway's flight
    int64_t from_ms;
    int64_t to_ms;
    uint32_t count; // buckets or limit
};

// Spans point into the request.
void route_request(const struct http_request *request, struct routed *out);

#endif
