// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/routes.h"

#include "base/assert.h"

#include <string.h>

#define SPAN_MAX_MS (INT64_C(3653) * 24 * 3600 * 1000)
#define TIME_MAX_MS (INT64_C(1) << 46)

enum { BUCKETS_MAX = 4000, BUCKETS_DEFAULT = 500, LIMIT_DEFAULT = 100 };

static const struct {
    const char *path; // "*" is any one segment
    enum route route;
    bool is_post;
    bool is_public;
    enum capability needs;
} table[] = {
    {"api/session", ROUTE_SESSION, false, true, CAN_SEE},
    {"api/setup", ROUTE_SETUP, true, true, CAN_SEE},
    {"api/login", ROUTE_LOGIN, true, true, CAN_SEE},
    {"api/logout", ROUTE_LOGOUT, true, false, CAN_SEE},
    {"api/password", ROUTE_PASSWORD, true, false, CAN_SEE},
    {"api/sites", ROUTE_SITES, false, false, CAN_SEE},
    {"api/sites/*/overview", ROUTE_OVERVIEW, false, false, CAN_SEE},
    {"api/sites/*/points/*", ROUTE_POINT, false, false, CAN_SEE},
    {"api/sites/*/points/*/series", ROUTE_SERIES, false, false, CAN_SEE},
    {"api/sites/*/events", ROUTE_EVENTS, false, false, CAN_SEE},
    {"api/gateways", ROUTE_GATEWAYS, false, false, CAN_SEE_GATEWAY},
    {"api/sites/*/gateway", ROUTE_GATEWAY, false, false, CAN_SEE_GATEWAY},
    {"api/sites/*/gateway/configuration", ROUTE_CONFIGURE, true, false, CAN_CONFIGURE},
    {"api/sites/*/gateway/commands", ROUTE_COMMANDS, false, false, CAN_SEE_GATEWAY},
    {"api/sites/*/gateway/commands/identify", ROUTE_COMMAND, true, false, CAN_IDENTIFY},
    {"api/sites/*/gateway/commands/sync_now", ROUTE_COMMAND, true, false, CAN_SYNC},
    {"api/sites/*/gateway/commands/diagnostics", ROUTE_COMMAND, true, false, CAN_DIAGNOSE},
    {"api/sites/*/gateway/commands/job", ROUTE_COMMAND, true, false, CAN_DIAGNOSE},
    {"api/sites/*/gateway/commands/read", ROUTE_COMMAND, true, false, CAN_READ},
    {"api/sites/*/gateway/commands/scan", ROUTE_COMMAND, true, false, CAN_SCAN},
    {"api/sites/*/gateway/commands/line_test", ROUTE_COMMAND, true, false, CAN_TEST_LINE},
    {"api/sites/*/gateway/commands/flight_record", ROUTE_COMMAND, true, false, CAN_RECORD},
    {"api/sites/*/gateway/commands/write", ROUTE_COMMAND, true, false, CAN_WRITE},
    {"api/sites/*/gateway/commands/log_level", ROUTE_COMMAND, true, false, CAN_SET_LOG_LEVEL},
    {"api/sites/*/gateway/commands/reload", ROUTE_COMMAND, true, false, CAN_RELOAD},
    {"api/sites/*/gateway/commands/restart", ROUTE_COMMAND, true, false, CAN_RESTART},
    {"api/sites/*/gateway/records", ROUTE_RECORDS, false, false, CAN_RECORD},
    {"api/sites/*/gateway/records/*", ROUTE_RECORD, false, false, CAN_RECORD},
    {"api/notices", ROUTE_NOTICES, false, false, CAN_ACKNOWLEDGE},
    {"api/notices/acknowledge", ROUTE_ACKNOWLEDGE, true, false, CAN_ACKNOWLEDGE},
    {"api/audit", ROUTE_AUDIT, false, false, CAN_AUDIT},
    {"api/stream", ROUTE_STREAM, false, false, CAN_SEE},
    {"healthz", ROUTE_HEALTH, false, true, CAN_SEE},
    {"metrics", ROUTE_METRICS, false, true, CAN_SEE},
};

static bool matches(const char *path, const struct http_request *request)
{
    unsigned index = 0;
    while (*path != '\0') {
        const size_t size = strcspn(path, "/");
        if (index >= request->segment_count) {
            return false;
        }
        const struct bytes segment = request->segments[index++];
        const bool is_any = size == 1 && path[0] == '*';
        if (!is_any && (segment.size != size || memcmp(segment.data, path, size) != 0)) {
            return false;
        }
        path += size + (path[size] == '/' ? 1 : 0);
    }
    return index == request->segment_count;
}

static void refuse(struct routed *out, const char *why)
{
    out->status = 400;
    out->why = why;
}

static void take_series(const struct http_request *request, struct routed *out)
{
    uint64_t from = 0;
    uint64_t to = 0;
    uint64_t buckets = BUCKETS_DEFAULT;
    if (!http_query_number(request, "from", TIME_MAX_MS, &from) ||
        !http_query_number(request, "to", TIME_MAX_MS, &to)) {
        refuse(out, "from and to are needed, in milliseconds since 1970");
    } else if (to <= from || to - from > (uint64_t)SPAN_MAX_MS) {
        refuse(out, "to must be later than from, at most ten years");
    } else if (http_has_query(request, "buckets") &&
               (!http_query_number(request, "buckets", BUCKETS_MAX, &buckets) || buckets == 0)) {
        refuse(out, "buckets must be 1 to 4000");
    }
    out->from_ms = (int64_t)from;
    out->to_ms = (int64_t)to;
    out->count = (uint32_t)buckets;
}

static void take_limit(const struct http_request *request, struct routed *out)
{
    uint64_t limit = LIMIT_DEFAULT;
    if (http_has_query(request, "limit") &&
        (!http_query_number(request, "limit", LIMIT_MAX, &limit) || limit == 0)) {
        refuse(out, "limit must be 1 to 500");
    }
    out->count = (uint32_t)limit;
}

static void take_parameters(const struct http_request *request, struct routed *out)
{
    uint64_t point = 0;
    uint64_t record = 0;
    switch (out->route) {
    case ROUTE_SERIES:
    case ROUTE_POINT:
        if (!decimal_of(request->segments[4], UINT32_MAX, &point) || point == 0) {
            refuse(out, "a point is a number from 1");
            return;
        }
        out->point = (uint32_t)point;
        if (out->route == ROUTE_SERIES) {
            take_series(request, out);
        }
        break;
    case ROUTE_RECORD:
        if (!decimal_of(request->segments[5], INT64_MAX, &record) || record == 0) {
            refuse(out, "a flight record is a number from 1");
            return;
        }
        out->record = (int64_t)record;
        break;
    case ROUTE_EVENTS:
    case ROUTE_COMMANDS:
    case ROUTE_GATEWAYS:
    case ROUTE_AUDIT: take_limit(request, out); break;
    case ROUTE_COMMAND: out->action = request->segments[request->segment_count - 1]; break;
    case ROUTE_NONE:
    case ROUTE_FILES:
    case ROUTE_SESSION:
    case ROUTE_SETUP:
    case ROUTE_LOGIN:
    case ROUTE_LOGOUT:
    case ROUTE_PASSWORD:
    case ROUTE_SITES:
    case ROUTE_OVERVIEW:
    case ROUTE_STREAM:
    case ROUTE_GATEWAY:
    case ROUTE_CONFIGURE:
    case ROUTE_RECORDS:
    case ROUTE_NOTICES:
    case ROUTE_ACKNOWLEDGE:
    case ROUTE_HEALTH:
    case ROUTE_METRICS: break;
    }
}

void route_request(const struct http_request *request, struct routed *out)
{
    const bool is_read = request->method == HTTP_GET || request->method == HTTP_HEAD;
    *out = (struct routed){.route = ROUTE_NONE};
    for (size_t i = 0; i < COUNT_OF(table); i++) {
        if (!matches(table[i].path, request)) {
            continue;
        }
        out->route = table[i].route;
        out->is_public = table[i].is_public;
        out->is_change = table[i].is_post;
        out->needs = table[i].needs;
        if (table[i].is_post ? request->method != HTTP_POST : !is_read) {
            out->status = 405;
            out->why = table[i].is_post ? "POST" : "GET, HEAD";
            return;
        }
        if (http_path_is(request, 1, "sites") && request->segment_count > 2) {
            out->site = request->segments[2];
            if (out->site.size > SITE_NAME_MAX) {
                refuse(out, "a site's id has up to 128 characters");
                return;
            }
        }
        take_parameters(request, out);
        return;
    }
    if (!http_path_is(request, 0, "api")) {
        out->route = ROUTE_FILES;
        out->is_public = true;
        if (!is_read) {
            out->status = 405;
            out->why = "GET, HEAD";
        }
    }
}
