// SPDX-License-Identifier: Apache-2.0
// A request's way: parsed, routed, session, CSRF token, rights, then to who answers it.
#include "apps/cloud/api/app.h"

#include "apps/cloud/api/answer.h"
#include "apps/cloud/api/gateway.h"
#include "apps/cloud/api/health.h"
#include "apps/cloud/api/logins.h"
#include "apps/cloud/api/notices.h"
#include "apps/cloud/api/reads.h"
#include "apps/cloud/api/routes.h"
#include "apps/cloud/api/session.h"
#include "apps/cloud/api/stream.h"
#include "base/assert.h"
#include "base/time.h"
#include "port/linux/log.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#define MODULE "api"

int64_t wall_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

uint64_t mono_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000;
}

static void *reserve(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory != MAP_FAILED ? memory : NULL;
}

static enum err reader_init(struct app *app, struct app_reader *reader, unsigned index)
{
    char name[16];
    const uint32_t points = TM_POINT_COUNT_MAX;
    snprintf(name, sizeof(name), "read-%u", index);
    reader->out = reserve(APP_OUT_SIZE);
    reader->series_of = calloc(points, sizeof(reader->series_of[0]));
    reader->latest = calloc(points, sizeof(reader->latest[0]));
    reader->order = calloc(points, sizeof(reader->order[0]));
    reader->buckets = calloc(QUERY_BUCKETS_MAX, sizeof(reader->buckets[0]));
    reader->spans = calloc(QUERY_SPANS_MAX, sizeof(reader->spans[0]));
    reader->gaps = calloc(QUERY_GAPS_MAX, sizeof(reader->gaps[0]));
    if (reader->out == NULL || reader->series_of == NULL || reader->latest == NULL ||
        reader->order == NULL || reader->buckets == NULL || reader->spans == NULL ||
        reader->gaps == NULL) {
        return ERR_FULL;
    }
    enum err err = store_reader_open(&reader->store, app->cfg.store);
    return err == OK ? worker_start(name, APP_READS_MAX, &reader->worker) : err;
}

enum err app_init(struct app *app, const struct app_config *cfg)
{
    memset(app, 0, sizeof(*app));
    app->cfg = *cfg;
    sessions_init(&app->sessions);
    enum err err = accounts_open(&app->accounts, cfg->data, &app->sessions, wall_now_ms());
    logins_init(app);
    if (err == OK && cfg->web != NULL) {
        err = files_load(&app->files, cfg->web);
    }
    app->ring = calloc(EVENT_RING, sizeof(app->ring[0]));
    app->overdue = calloc(cfg->store->cfg.series_max, 1);
    app->site_changed = calloc(cfg->store->cfg.site_max, 1);
    app->loop_series = calloc(TM_POINT_COUNT_MAX, sizeof(app->loop_series[0]));
    app->loop_latest = calloc(TM_POINT_COUNT_MAX, sizeof(app->loop_latest[0]));
    app->event_next = 1;
    randombytes_buf(&app->epoch, sizeof(app->epoch));
    if (err == OK && (app->ring == NULL || app->overdue == NULL || app->site_changed == NULL ||
                      app->loop_series == NULL || app->loop_latest == NULL)) {
        err = ERR_FULL;
    }
    if (err == OK) {
        err = store_reader_open(&app->texts, cfg->store);
    }
    for (unsigned i = 0; err == OK && i < APP_READERS; i++) {
        err = reader_init(app, &app->readers[i], i);
    }
    if (err == OK) {
        err = worker_start("accounts", APP_ACCOUNT_JOBS_MAX + 1, &app->account_worker);
    }
    return err == OK ? gateway_init(app) : err;
}

void app_deinit(struct app *app)
{
    gateway_deinit(app);
    worker_stop(app->account_worker);
    session_deinit(app);
    for (unsigned i = 0; i < APP_READERS; i++) {
        struct app_reader *reader = &app->readers[i];
        worker_stop(reader->worker);
        store_reader_close(&reader->store);
        if (reader->out != NULL) {
            munmap(reader->out, APP_OUT_SIZE);
        }
        free(reader->series_of);
        free(reader->latest);
        free(reader->order);
        free(reader->buckets);
        free(reader->spans);
        free(reader->gaps);
    }
    store_reader_close(&app->texts);
    accounts_close(&app->accounts);
    files_unload(&app->files);
    free(app->ring);
    free(app->overdue);
    free(app->site_changed);
    free(app->loop_series);
    free(app->loop_latest);
}

// On a reader's thread.
static void read_run(void *ctx)
{
    struct read_job *job = ctx;
    struct json_writer w;
    json_writer_init(&w, job->reader->out, APP_OUT_SIZE);
    job->status = job->make(job, &w);
    const struct bytes made = json_writer_bytes(&w);
    if (job->status != 200) {
        return;
    }
    job->body = made.size > 0 ? malloc(made.size) : NULL;
    if (job->body == NULL) {
        log_error(MODULE, "answer_too_large", "max=%d", APP_OUT_SIZE);
        job->status = 500;
        return;
    }
    memcpy(job->body, made.data, made.size);
    job->body_size = made.size;
}

// Back on the loop's thread.
static void read_done(void *ctx)
{
    struct read_job *job = ctx;
    job->reader->waiting--;
    if (job->conn != NULL && job->status == 200) {
        answer_json(job->conn, 200, bytes_of(job->body, job->body_size), NULL);
    } else if (job->conn != NULL) {
        answer_status(job->conn, job->status);
    }
    free(job->body);
    job->body = NULL;
    job->is_used = false;
}

static void read_submit(struct app *app, struct http_conn *conn, const struct read_job *wanted)
{
    struct read_job *job = NULL;
    for (size_t i = 0; i < COUNT_OF(app->reads) && job == NULL; i++) {
        job = app->reads[i].is_used ? NULL : &app->reads[i];
    }
    struct app_reader *reader = &app->readers[0];
    for (unsigned i = 1; i < APP_READERS; i++) {
        reader = app->readers[i].waiting < reader->waiting ? &app->readers[i] : reader;
    }
    if (job != NULL) {
        *job = *wanted;
        job->is_used = true;
        job->app = app;
        job->conn = conn;
        job->reader = reader;
        job->now_ms = wall_now_ms();
        stream_event_id(app, job->last_event_id, sizeof(job->last_event_id));
        reader->waiting++;
        const struct job work = {.run = read_run, .done = read_done, .ctx = job};
        if (worker_submit(reader->worker, work) == OK) {
            return;
        }
        reader->waiting--;
        job->is_used = false;
    }
    answer_busy(conn, 503, 1, "too many questions at once, try again");
}

static void open_stream(struct app *app, struct http_conn *conn, const struct http_request *request,
                        const struct session *session)
{
    char site_name[SITE_NAME_MAX + 1];
    char last[64];
    uint32_t site = 0;
    if (!http_query(request, "site", site_name, sizeof(site_name)) || site_name[0] == '\0') {
        answer_error(conn, 400, "bad_request", "site is needed");
        return;
    }
    const struct bytes name = bytes_of(site_name, strlen(site_name));
    if (!access_allows(&session->access, CAN_SEE, name, wall_now_ms()) ||
        !store_find_site(app->cfg.store, name, &site)) {
        answer_error(conn, 404, "not_found", "there is no such site");
        return;
    }
    struct bytes last_id = http_header(request, "last-event-id");
    if (last_id.size == 0 && http_query(request, "last_event_id", last, sizeof(last))) {
        last_id = bytes_of(last, strlen(last));
    }
    stream_open(app, conn, site, last_id, session);
}

// What reads of the store need, once the session and its rights are known.
static void dispatch_read(struct app *app, struct http_conn *conn, const struct routed *r,
                          const struct session *session)
{
    static int (*const makers[])(struct read_job *, struct json_writer *) = {
        [ROUTE_SITES] = make_sites,   [ROUTE_OVERVIEW] = make_overview, [ROUTE_POINT] = make_point,
        [ROUTE_SERIES] = make_series, [ROUTE_EVENTS] = make_events,
    };
    ASSERT(session != NULL); // none of these routes is public
    struct read_job job = {.make = makers[r->route],
                           .point = r->point,
                           .from_ms = r->from_ms,
                           .to_ms = r->to_ms,
                           .count = r->count,
                           .access = session->access};
    if (r->route != ROUTE_SITES && !store_find_site(app->cfg.store, r->site, &job.site)) {
        answer_error(conn, 404, "not_found", "there is no such site");
        return;
    }
    read_submit(app, conn, &job);
}

static void dispatch(struct app *app, struct http_conn *conn, const struct http_request *request,
                     struct bytes body, const struct routed *r, struct session *session)
{
    switch (r->route) {
    case ROUTE_NONE: answer_error(conn, 404, "not_found", "there is no such path"); break;
    case ROUTE_FILES: files_reply(&app->files, conn, request); break;
    case ROUTE_SESSION: session_get(app, conn, session); break;
    case ROUTE_SETUP: logins_setup(app, conn, body); break;
    case ROUTE_LOGIN: logins_login(app, conn, http_cookie(request, "busward_device"), body); break;
    case ROUTE_PASSWORD: logins_password(app, conn, session, body); break;
    case ROUTE_LOGOUT: session_logout(app, conn, session); break;
    case ROUTE_SITES:
    case ROUTE_OVERVIEW:
    case ROUTE_POINT:
    case ROUTE_SERIES:
    case ROUTE_EVENTS: dispatch_read(app, conn, r, session); break;
    case ROUTE_GATEWAYS: gateway_fleet(app, conn, request, r->count); break;
    case ROUTE_GATEWAY:
    case ROUTE_CONFIGURE:
    case ROUTE_COMMAND:
    case ROUTE_COMMANDS:
    case ROUTE_RECORDS:
    case ROUTE_RECORD: gateway_request(app, conn, r, body, session); break;
    case ROUTE_NOTICES: notices_get(app, conn); break;
    case ROUTE_ACKNOWLEDGE: notices_post(app, conn, body, session); break;
    case ROUTE_AUDIT: session_audit(app, conn, r->count); break;
    case ROUTE_STREAM: open_stream(app, conn, request, session); break;
    case ROUTE_HEALTH: health_reply(app, conn); break;
    case ROUTE_METRICS: metrics_reply(app, conn, request->is_forwarded); break;
    }
}

// False: it was answered here, as it may not pass.
static bool may_pass(struct http_conn *conn, const struct http_request *request,
                     const struct routed *r, const struct session *session)
{
    if (r->is_change && !request->is_json && request->content_length > 0) {
        answer_error(conn, 400, "bad_request", "the body must be application/json");
        return false;
    }
    if (r->is_public) {
        if (r->is_change && !request->is_json) {
            answer_error(conn, 400, "bad_request", "the body must be application/json");
            return false;
        }
        return true;
    }
    if (session == NULL) {
        answer_error(conn, 401, "unauthorized", "log in first");
        return false;
    }
    if (r->is_change && !session_csrf_is(session, http_header(request, "x-csrf-token"))) {
        answer_error(conn, 403, "forbidden", "the X-CSRF-Token header is missing or wrong");
        return false;
    }
    if (!access_allows(&session->access, r->needs, r->site, wall_now_ms())) {
        // Whether a site exists is nobody's business who may not see it.
        if (r->site.size > 0 && !access_allows(&session->access, CAN_SEE, r->site, wall_now_ms())) {
            answer_error(conn, 404, "not_found", "there is no such site");
        } else {
            answer_error(conn, 403, "forbidden", "your role does not allow this");
        }
        return false;
    }
    return true;
}

// Who asked would be noted, and slowed down, as the proxy.
static void refuse_unnamed(struct http_conn *conn)
{
    static const char why[] =
        "the proxy named in --trusted-proxy must end X-Forwarded-For with the "
        "address of who asked it";
    log_warn(MODULE, "no_origin", "why=\"%s\"", why);
    answer_error(conn, 400, "bad_request", why);
}

void app_request(void *ctx, struct http_conn *conn, const struct http_request *request,
                 struct bytes body)
{
    struct app *app = ctx;
    struct routed r;
    route_request(request, &r);
    if (http_address(conn)[0] == '\0' && r.route != ROUTE_HEALTH && r.route != ROUTE_METRICS) {
        refuse_unnamed(conn);
        return;
    }
    struct session *session =
        sessions_find(&app->sessions, http_cookie(request, "busward_session"), wall_now_ms());
    if (session != NULL) {
        http_vouch(conn);
    }
    if (r.status == 405) {
        char headers[64];
        snprintf(headers, sizeof(headers), "Allow: %s\r\n", r.why);
        static const char text[] =
            "{\"error\":{\"code\":\"method_not_allowed\",\"message\":\"not with this method\"}}";
        answer_json(conn, 405, bytes_of(text, sizeof(text) - 1), headers);
    } else if (r.route == ROUTE_NONE) {
        dispatch(app, conn, request, body, &r, session);
    } else if (may_pass(conn, request, &r, session)) {
        if (r.status != 0) {
            answer_error(conn, r.status, "bad_request", r.why);
        } else {
            dispatch(app, conn, request, body, &r, session);
        }
    }
}

void app_gone(void *ctx, struct http_conn *conn)
{
    struct app *app = ctx;
    stream_gone(app, conn);
    gateway_gone(app, conn);
    notices_gone(app, conn);
    logins_gone(app, conn);
    for (size_t i = 0; i < COUNT_OF(app->reads); i++) {
        app->reads[i].conn = app->reads[i].conn == conn ? NULL : app->reads[i].conn;
    }
    for (size_t i = 0; i < COUNT_OF(app->account_jobs); i++) {
        struct account_job *job = &app->account_jobs[i];
        job->conn = job->conn == conn ? NULL : job->conn;
    }
}

void app_live(struct app *app)
{
    stream_live(app);
}

void app_tick(struct app *app)
{
    app->ticks++;
    stream_tick(app);
    session_tick(app);
    gateway_tick(app);
    http_server_tick(app->server, (time_t)(mono_now_us() / US_PER_S));
}
