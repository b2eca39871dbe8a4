// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/rest/rest.h"

#include "apps/hub/rest/answer.h"
#include "apps/hub/rest/handlers.h"
#include "apps/hub/rest/judge.h"
#include "apps/hub/rest/route.h"
#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/log.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "rest"

static rest_handler *handler_of(enum route route)
{
    switch (route) {
    case ROUTE_NONE: break;
    case ROUTE_DEVICE_PUT: return devices_put;
    case ROUTE_DEVICE_GET: return devices_get;
    case ROUTE_DEVICE_DELETE: return devices_delete;
    case ROUTE_DEVICES_LIST: return devices_list;
    case ROUTE_DEVICES_BULK: return devices_bulk;
    case ROUTE_DEVICES_QUERY: return query_post;
    case ROUTE_TWIN_GET: return twin_get;
    case ROUTE_TWIN_PATCH: return twin_patch;
    case ROUTE_TWIN_PUT: return twin_put;
    case ROUTE_METHOD: return method_call;
    case ROUTE_STATISTICS_DEVICES: return statistics_devices;
    case ROUTE_STATISTICS_SERVICE: return statistics_service;
    case ROUTE_C2D_SEND: return c2d_post;
    case ROUTE_C2D_PURGE: return c2d_delete;
    case ROUTE_FEEDBACK_GET: return feedback_get;
    case ROUTE_FEEDBACK_DONE: return feedback_done;
    case ROUTE_ENROLMENT_PUT:
    case ROUTE_GROUP_PUT: return enrolment_put;
    case ROUTE_ENROLMENT_GET:
    case ROUTE_GROUP_GET: return enrolment_get;
    case ROUTE_ENROLMENT_DELETE:
    case ROUTE_GROUP_DELETE: return enrolment_delete;
    case ROUTE_ENROLMENT_SECRET:
    case ROUTE_GROUP_SECRET: return enrolment_secret;
    case ROUTE_ENROLMENTS_BULK: return enrolments_bulk;
    case ROUTE_ENROLMENTS_QUERY:
    case ROUTE_GROUPS_QUERY: return enrolments_query;
    case ROUTE_REGISTRATION_GET: return registration_get;
    case ROUTE_REGISTRATION_DELETE: return registration_delete;
    case ROUTE_REGISTRATIONS_QUERY: return registrations_query;
    }
    return NULL;
}

// What the quota takes a request for; HUB_QUOTA_KINDS: for nothing.
static enum hub_quota_kind kind_of(enum route route)
{
    switch (route) {
    case ROUTE_DEVICE_PUT:
    case ROUTE_DEVICE_GET:
    case ROUTE_DEVICE_DELETE:
    case ROUTE_DEVICES_LIST:
    case ROUTE_DEVICES_BULK:
    case ROUTE_STATISTICS_DEVICES:
    case ROUTE_STATISTICS_SERVICE: return HUB_QUOTA_REGISTRY;
    case ROUTE_DEVICES_QUERY: return HUB_QUOTA_QUERIES;
    case ROUTE_TWIN_GET: return HUB_QUOTA_TWIN_READS;
    case ROUTE_TWIN_PATCH:
    case ROUTE_TWIN_PUT: return HUB_QUOTA_TWIN_UPDATES;
    case ROUTE_METHOD: return HUB_QUOTA_METHODS;
    case ROUTE_C2D_SEND: return HUB_QUOTA_C2D;
    case ROUTE_NONE:
    case ROUTE_C2D_PURGE:
    case ROUTE_FEEDBACK_GET:
    case ROUTE_FEEDBACK_DONE:
    case ROUTE_ENROLMENT_PUT:
    case ROUTE_ENROLMENT_GET:
    case ROUTE_ENROLMENT_DELETE:
    case ROUTE_ENROLMENT_SECRET:
    case ROUTE_ENROLMENTS_BULK:
    case ROUTE_ENROLMENTS_QUERY:
    case ROUTE_GROUP_PUT:
    case ROUTE_GROUP_GET:
    case ROUTE_GROUP_DELETE:
    case ROUTE_GROUP_SECRET:
    case ROUTE_GROUPS_QUERY:
    case ROUTE_REGISTRATION_GET:
    case ROUTE_REGISTRATION_DELETE:
    case ROUTE_REGISTRATIONS_QUERY: break;
    }
    return HUB_QUOTA_KINDS;
}

static bool admit(struct rest *rest, const struct rest_request *q, struct verdict *why)
{
    const enum hub_quota_kind kind = kind_of(q->routed.route);
    return kind == HUB_QUOTA_KINDS ||
           metered_admit(rest->cfg.quota, kind, (struct hub_quota_time){q->now_us, q->utc_ms}, why);
}

// NULL: it may pass. Else why not, for the log. *who: the policy that asks, in the request's head.
static const char *why_not(struct rest *rest, const struct rest_request *q, struct bytes *who)
{
    struct hub_sas sas;
    struct policy policy;
    struct verdict verdict;
    char host[REST_HOST_SIZE] = "";
    const bool is_dps = q->routed.is_dps;
    const char *why = judge_parse(http_header(q->http, "authorization"), &sas);
    if (why != NULL) {
        return why;
    }
    if (store_meta(rest->cfg.store, is_dps ? "dps_host" : "host", host, sizeof(host)) != OK) {
        return "hub.db names no host";
    }
    struct judge_policy judged = {.rights = 0};
    const bool is_there =
        registry_read_policy(rest->cfg.store, sas.policy, is_dps, &policy, &verdict);
    if (is_there) {
        memcpy(judged.keys, policy.keys, sizeof(judged.keys));
        judged.rights = policy.rights;
    }
    *who = sas.policy;
    why = judge_request(&sas, is_there ? &judged : NULL, host, q->http, q->routed.right, q->utc_ms);
    memset(&policy, 0, sizeof(policy));
    memset(&judged, 0, sizeof(judged));
    return why;
}

static void refuse_unauthorized(const struct rest_request *q, const char *why)
{
    struct verdict verdict;
    log_warn(MODULE, "unauthorized", "peer=%s why=\"%s\"", http_address(q->conn), why);
    (void)refuse(&verdict, HUB_UNAUTHORIZED, "Unauthorized");
    answer_refusal(q->conn, q->routed.is_dps ? ANSWER_DPS : ANSWER_HUB, &verdict);
}

// If-Match into text[], or that there is none; false with words if it is too long to be an etag.
static bool take_if_match(struct rest_request *q, char text[REST_ETAG_SIZE], struct verdict *why)
{
    const struct bytes given = http_header(q->http, "if-match");
    if (!http_has_header(q->http, "if-match")) {
        return true;
    }
    if (given.size == 0 || given.size >= REST_ETAG_SIZE) {
        return refuse(why, HUB_ARGUMENT_INVALID, "If-Match is one etag or \"*\"");
    }
    memcpy(text, given.data, given.size);
    text[given.size] = '\0';
    q->if_match = text;
    return true;
}

static struct log_quoted quoted(struct bytes in)
{
    char text[ID_SIZE];
    const size_t size = in.size < sizeof(text) ? in.size : sizeof(text) - 1;
    if (size > 0) {
        memcpy(text, in.data, size);
    }
    text[size] = '\0';
    return log_quote(text);
}

// Who asked for what, of requests that change something.
static void log_change(const struct rest_request *q, struct bytes who)
{
    static const char *const words[] = {
        [HTTP_GET] = "GET", [HTTP_HEAD] = "HEAD",   [HTTP_POST] = "POST",
        [HTTP_PUT] = "PUT", [HTTP_PATCH] = "PATCH", [HTTP_DELETE] = "DELETE"};
    const enum route route = q->routed.route;
    if (q->http->method == HTTP_GET || route == ROUTE_DEVICES_QUERY ||
        route == ROUTE_ENROLMENTS_QUERY || route == ROUTE_GROUPS_QUERY ||
        route == ROUTE_REGISTRATIONS_QUERY) {
        return;
    }
    log_audit(MODULE, "change", "policy=%s method=%s of=%s id=%s peer=%s", quoted(who).text,
              words[q->http->method], quoted(q->http->segments[0]).text, quoted(q->routed.id).text,
              http_address(q->conn));
}

static void answer_no_route(const struct rest_request *q)
{
    char body[ANSWER_ERROR_SIZE];
    const int status = q->routed.is_known ? 405 : 404;
    const size_t size = answer_error_body(
        q->routed.is_dps ? ANSWER_DPS : ANSWER_HUB, status * 1000,
        status == 405 ? "MethodNotAllowed" : "NotFound",
        status == 405 ? "not with this method" : "there is no such path", body, sizeof(body));
    answer_json(q->conn, status, bytes_of(body, size), NULL);
}

static void on_request(void *ctx, struct http_conn *conn, const struct http_request *request,
                       struct bytes body)
{
    struct rest *rest = ctx;
    struct rest_request q = {.conn = conn, .http = request, .body = body, .now_us = port_now_us()};
    struct wall_time wall;
    struct verdict verdict;
    char if_match[REST_ETAG_SIZE];
    route_request(request, &q.routed);
    const enum answer_dialect dialect = q.routed.is_dps ? ANSWER_DPS : ANSWER_HUB;
    if (!port_wall_time(&wall)) {
        (void)refuse(&verdict, HUB_UNAVAILABLE, "the clock of the hub is not set yet");
        answer_refusal(conn, dialect, &verdict);
        return;
    }
    q.utc_ms = wall.utc_ms;
    if (q.routed.route == ROUTE_NONE) {
        answer_no_route(&q);
        return;
    }
    struct bytes who = {.data = NULL};
    const char *why = why_not(rest, &q, &who);
    if (why != NULL) {
        refuse_unauthorized(&q, why);
        return;
    }
    http_vouch(conn);
    const char *fault = route_version_fault(request);
    bool is_good = fault == NULL || refuse(&verdict, HUB_ARGUMENT_INVALID, "%s", fault);
    is_good = is_good && take_if_match(&q, if_match, &verdict);
    if (!is_good) {
        answer_refusal(conn, dialect, &verdict);
        return;
    }
    if (!admit(rest, &q, &verdict)) {
        answer_refusal(conn, q.routed.route == ROUTE_METHOD ? ANSWER_METHOD : dialect, &verdict);
        return;
    }
    log_change(&q, who);
    handler_of(q.routed.route)(rest, &q);
    rest->cfg.stirred(rest->cfg.ctx);
}

static void on_gone(void *ctx, struct http_conn *conn)
{
    struct rest *rest = ctx;
    for (size_t i = 0; i < REST_CALLS_MAX; i++) {
        if (rest->calls[i].conn == conn) {
            rest->calls[i].conn = NULL;
            methods_give_up(rest->cfg.methods, rest->calls[i].handle);
        }
    }
    for (size_t i = 0; i < REST_SCANS_MAX; i++) {
        rest->scans[i].conn = rest->scans[i].conn == conn ? NULL : rest->scans[i].conn;
    }
}

static size_t on_error(int status, const char *words, char *out, size_t capacity)
{
    return answer_error_body(ANSWER_HUB, status * 1000, "InvalidRequest", words, out, capacity);
}

static void on_scan(evutil_socket_t fd, short events, void *ctx)
{
    (void)fd;
    (void)events;
    query_slice(ctx);
}

enum err rest_start(struct rest *rest, const struct rest_config *cfg)
{
    *rest = (struct rest){.cfg = *cfg};
    rest->out = malloc(REST_OUT_SIZE);
    rest->scan_event = evtimer_new(cfg->base, on_scan, rest);
    bool has_room = rest->out != NULL && rest->scan_event != NULL;
    for (size_t i = 0; has_room && i < REST_SCANS_MAX; i++) {
        rest->scans[i].items = malloc(REST_PAGE_BYTES + TWINS_SERVICE_SIZE_MAX);
        has_room = rest->scans[i].items != NULL;
    }
    const struct http_server_config server = {
        .base = cfg->base,
        .host = cfg->host,
        .port = cfg->port,
        .conn_max = cfg->conn_max,
        .tls = cfg->tls,
        .body_size_max = REST_BODY_SIZE_MAX,
        .handler = {.request = on_request, .gone = on_gone, .error_body = on_error, .ctx = rest},
    };
    const enum err err = has_room ? http_server_start(&server, &rest->server) : ERR_FULL;
    if (err != OK) {
        rest_stop(rest);
        return err;
    }
    log_info(MODULE, "listening", "url=%s://%s:%u", cfg->tls != NULL ? "https" : "http", cfg->host,
             rest_port(rest));
    return OK;
}

void rest_stop(struct rest *rest)
{
    http_server_stop(rest->server);
    rest->server = NULL;
    for (size_t i = 0; i < REST_SCANS_MAX; i++) {
        free(rest->scans[i].items);
        rest->scans[i].items = NULL;
    }
    if (rest->scan_event != NULL) {
        event_free(rest->scan_event);
    }
    rest->scan_event = NULL;
    free(rest->out);
    rest->out = NULL;
}

void rest_tick(struct rest *rest, int64_t now_s)
{
    http_server_tick(rest->server, (time_t)now_s);
}

uint16_t rest_port(const struct rest *rest)
{
    return http_server_port(rest->server);
}
