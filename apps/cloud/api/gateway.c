// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/gateway.h"

#include "apps/cloud/api/answer.h"
#include "apps/cloud/api/records.h"
#include "apps/cloud/api/stream.h"
#include "apps/cloud/api/twin_view.h"
#include "base/assert.h"
#include "port/linux/log.h"
#include "json/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "gateway"

enum {
    PATCH_FRAME_SIZE = 64,
    // A quotation mark takes two bytes, as much as any byte of a JSON text does.
    LIST_ROW_SIZE = 2 * (COMMAND_ARGUMENTS_MAX + COMMAND_OUTCOME_MAX + USER_NAME_MAX) + 512,
    LIST_SIZE = LIMIT_MAX * LIST_ROW_SIZE + 64,
};

// Within the methods' own limits; a scan and a line test answer at once and go on.
static const struct {
    const char *action;
    uint32_t timeout_s;
} timeouts[] = {{"read", 30},   {"write", 30},   {"diagnostics", 20},  {"sync_now", 20},
                {"reload", 20}, {"restart", 20}, {"flight_record", 20}};

enum { TIMEOUT_DEFAULT_S = 10 };

#define NO_SITE UINT32_MAX

static uint32_t timeout_of(const char *action)
{
    for (size_t i = 0; i < COUNT_OF(timeouts); i++) {
        if (strcmp(timeouts[i].action, action) == 0) {
            return timeouts[i].timeout_s;
        }
    }
    return TIMEOUT_DEFAULT_S;
}

enum err gateway_init(struct app *app)
{
    struct gateways *g = &app->gateways;
    enum err err = commands_open(&g->commands, app->cfg.data);
    if (err == OK) {
        err = watch_init(&g->watch, app->cfg.store->cfg.site_max);
    }
    if (err == OK) {
        err = store_reader_open(&g->reader, app->cfg.store);
    }
    return err == OK ? worker_start("commands", GATEWAY_JOBS_MAX + NOTICE_JOBS_MAX, &g->worker)
                     : err;
}

void gateway_deinit(struct app *app)
{
    struct gateways *g = &app->gateways;
    worker_stop(g->worker);
    commands_close(&g->commands);
    store_reader_close(&g->reader);
    watch_deinit(&g->watch);
}

static void job_free(struct gateway_job *job)
{
    hub_call_clear(&job->call);
    free(job->body);
    *job = (struct gateway_job){.is_used = false};
}

static struct gateway_job *job_take(struct app *app, enum gateway_verb verb, uint32_t site)
{
    struct gateway_job *free_job = NULL;
    unsigned of_verb = 0;
    for (unsigned i = 0; i < GATEWAY_JOBS_MAX; i++) {
        struct gateway_job *job = &app->gateways.jobs[i];
        of_verb += job->is_used && job->verb == verb ? 1 : 0;
        free_job = !job->is_used && free_job == NULL ? job : free_job;
    }
    if (free_job == NULL || (verb == GATEWAY_NUDGE && of_verb >= GATEWAY_NUDGES_MAX) ||
        (verb == GATEWAY_RECORD && of_verb >= GATEWAY_FILES_MAX)) {
        return NULL;
    }
    *free_job = (struct gateway_job){
        .is_used = true, .verb = verb, .app = app, .site = site, .now_ms = wall_now_ms()};
    if (site != NO_SITE) {
        snprintf(free_job->call.device, sizeof(free_job->call.device), "%s",
                 app->cfg.store->sites[site].device);
    }
    return free_job;
}

static void end_done(void *ctx)
{
    struct gateway_job *job = ctx;
    if (job->err != OK) { // the row stays without an outcome, and the log says so
        log_error(MODULE, "outcome", "row=%lld err=%s", (long long)job->row, err_name(job->err));
    }
    gateway_answer(job);
    job_free(job);
}

static void end_run(void *ctx)
{
    struct gateway_job *job = ctx;
    job->err = commands_end(&job->app->gateways.commands, job->row, job->now_ms, job->outcome);
}

// Each job has at most one piece of work there, and there is room for as many.
static void to_worker(struct gateway_job *job, void (*run)(void *), void (*done)(void *))
{
    const struct job work = {.run = run, .done = done, .ctx = job};
    const enum err err = worker_submit(job->app->gateways.worker, work);
    ASSERT(err == OK);
}

static enum watch_answer watch_answer_of(const struct hub_call *call)
{
    if (call->outcome == HUB_DONE) {
        return WATCH_TOLD;
    }
    if (strcmp(call->code, "DeviceNotFound") == 0) {
        return WATCH_UNKNOWN;
    }
    const bool is_route_missing = call->verb == HUB_MESSAGE && call->outcome == HUB_REFUSED &&
                                  (call->status == 404 || call->status == 405) &&
                                  call->code[0] == '\0';
    return is_route_missing ? WATCH_NO_ROUTE : WATCH_FAILED;
}

// The hub answered, or did not.
static void hub_done(struct hub_call *call)
{
    struct gateway_job *job = call->ctx;
    switch (job->verb) {
    case GATEWAY_NUDGE: {
        const enum watch_answer answer = watch_answer_of(call);
        if (answer == WATCH_NO_ROUTE && !job->app->gateways.watch.is_by_method) {
            log_info(MODULE, "watch", "how=sync_now why=\"the hub has no route for messages\"");
        }
        watch_answered(&job->app->gateways.watch, job->site, mono_now_us(), answer);
        job_free(job);
        break;
    }
    case GATEWAY_SHOW:
    case GATEWAY_FLEET:
        gateway_answer(job);
        job_free(job);
        break;
    case GATEWAY_COMMAND:
    case GATEWAY_CONFIGURE:
        job->now_ms = wall_now_ms();
        gateway_outcome(job);
        to_worker(job, end_run, end_done);
        break;
    case GATEWAY_LIST:
    case GATEWAY_RECORDS:
    case GATEWAY_RECORD: ASSERT(false); break;
    }
}

static void ask_hub(struct gateway_job *job)
{
    job->call.done = hub_done;
    job->call.ctx = job;
    const enum err err = hub_client_submit(job->app->cfg.hub, &job->call);
    if (err != OK) {
        job->call.outcome = HUB_UNREACHABLE;
        snprintf(job->call.message, sizeof(job->call.message), "%s",
                 err == ERR_FULL ? "too many calls are under way" : "the request is too large");
        hub_done(&job->call);
    }
}

static void begin_run(void *ctx)
{
    struct gateway_job *job = ctx;
    const struct command_row row = {.at_ms = job->now_ms,
                                    .user = job->user,
                                    .address = job->address,
                                    .site = job->call.device,
                                    .action = job->action,
                                    .arguments = job->arguments};
    job->err = commands_begin(&job->app->gateways.commands, &row, &job->row);
}

static void begin_done(void *ctx)
{
    struct gateway_job *job = ctx;
    if (job->err == OK) {
        ask_hub(job);
        return;
    }
    if (job->conn != NULL) {
        answer_error(job->conn, 500, "not_recorded",
                     "the command could not be written down, so it was not sent");
    }
    job_free(job);
}

static void put_command(void *ctx, const struct command_row *row)
{
    struct json_writer *w = ctx;
    json_begin_object(w);
    json_put_key_i64(w, "id", row->id);
    json_put_key_i64(w, "at_ms", row->at_ms);
    json_put_key_string(w, "user", row->user);
    if (row->address != NULL) {
        json_put_key_string(w, "address", row->address);
    }
    json_put_key_string(w, "action", row->action);
    json_put_key_string(w, "arguments", row->arguments);
    json_put_key_string(w, "outcome", row->outcome);
    json_end_object(w);
}

static void list_run(void *ctx)
{
    struct gateway_job *job = ctx;
    const struct command_list list = {
        .site = job->call.device, .limit = job->count, .with_address = job->may_audit};
    struct json_writer w;
    job->body = malloc(LIST_SIZE);
    json_writer_init(&w, job->body, job->body != NULL ? LIST_SIZE : 0);
    json_begin_object(&w);
    json_put_key(&w, "commands");
    json_begin_array(&w);
    job->err = commands_list(&job->app->gateways.commands, &list, put_command, &w);
    json_end_array(&w);
    json_end_object(&w);
    job->body_size = json_writer_bytes(&w).size;
    job->err = job->err == OK && job->body_size == 0 ? ERR_SIZE : job->err;
}

static void list_done(void *ctx)
{
    struct gateway_job *job = ctx;
    if (job->conn != NULL && job->err == OK) {
        answer_json(job->conn, 200, bytes_of(job->body, job->body_size), NULL);
    } else if (job->conn != NULL) {
        answer_status(job->conn, 500);
    }
    job_free(job);
}

static void records_run(void *ctx)
{
    records_list(ctx);
}

static void record_run(void *ctx)
{
    records_read(ctx);
}

static void record_done(void *ctx)
{
    records_answer(ctx);
    job_free(ctx);
}

static void note(struct gateway_job *job, const struct session *session, struct bytes action,
                 struct bytes arguments)
{
    snprintf(job->user, sizeof(job->user), "%s", session->user);
    snprintf(job->address, sizeof(job->address), "%s", http_address(job->conn));
    snprintf(job->action, sizeof(job->action), "%.*s", (int)action.size, (const char *)action.data);
    snprintf(job->arguments, sizeof(job->arguments), "%.*s", (int)arguments.size,
             (const char *)arguments.data);
}

// {"properties":{"desired":patch}}
static enum err make_patch(struct hub_call *call, struct bytes patch)
{
    struct json_writer w;
    const size_t capacity = patch.size + PATCH_FRAME_SIZE;
    call->body = malloc(capacity);
    if (call->body == NULL) {
        return ERR_FULL;
    }
    json_writer_init(&w, call->body, capacity);
    json_begin_object(&w);
    json_put_key(&w, "properties");
    json_begin_object(&w);
    json_put_key(&w, "desired");
    json_put_raw(&w, patch);
    json_end_object(&w);
    json_end_object(&w);
    call->body_size = json_writer_bytes(&w).size;
    return call->body_size > 0 ? OK : ERR_SIZE;
}

static enum err make_call(struct gateway_job *job, const struct twin_request *asked)
{
    struct hub_call *call = &job->call;
    if (job->verb == GATEWAY_CONFIGURE) {
        call->verb = HUB_TWIN_PATCH;
        snprintf(call->if_match, sizeof(call->if_match), "%s", asked->etag);
        return make_patch(call, asked->object);
    }
    call->verb = HUB_METHOD;
    snprintf(call->method, sizeof(call->method), "%s", job->action);
    call->timeout_s = timeout_of(job->action);
    if (asked->object.size == 0) {
        return OK;
    }
    call->body = malloc(asked->object.size);
    if (call->body == NULL) {
        return ERR_FULL;
    }
    memcpy(call->body, asked->object.data, asked->object.size);
    call->body_size = asked->object.size;
    return OK;
}

// Commands and configurations: both are written down first.
static void begin(struct app *app, struct http_conn *conn, const struct routed *r, uint32_t site,
                  struct bytes body, const struct session *session)
{
    const bool is_patch = r->route == ROUTE_CONFIGURE;
    struct twin_request asked;
    const char *why = "";
    if (twin_request_read(body, is_patch ? "patch" : "arguments", is_patch, &asked, &why) != OK) {
        answer_error(conn, 400, "bad_request", why);
        return;
    }
    if (is_patch && (asked.object.size == 0 || asked.etag[0] == '\0')) {
        answer_error(conn, 400, "bad_request", "patch and the etag it was made from are needed");
        return;
    }
    struct gateway_job *job = job_take(app, is_patch ? GATEWAY_CONFIGURE : GATEWAY_COMMAND, site);
    if (job == NULL) {
        answer_busy(conn, 503, 2, "too many commands at once, try again");
        return;
    }
    job->conn = conn;
    note(job, session, is_patch ? bytes_of("configure", 9) : r->action, asked.object);
    if (make_call(job, &asked) != OK) {
        answer_status(conn, 500);
        job_free(job);
        return;
    }
    to_worker(job, begin_run, begin_done);
}

static void answer_by(struct gateway_job *job, const struct routed *r,
                      const struct session *session)
{
    char arguments[48];
    if (job->verb == GATEWAY_SHOW) {
        job->call.verb = HUB_TWIN;
        ask_hub(job);
    } else if (job->verb == GATEWAY_RECORD) {
        const int size =
            snprintf(arguments, sizeof(arguments), "{\"record\":%" PRId64 "}", r->record);
        job->record = r->record;
        note(job, session, bytes_of_text("flight_download"), bytes_of(arguments, (size_t)size));
        to_worker(job, record_run, record_done);
    } else {
        to_worker(job, job->verb == GATEWAY_RECORDS ? records_run : list_run, list_done);
    }
}

void gateway_request(struct app *app, struct http_conn *conn, const struct routed *r,
                     struct bytes body, const struct session *session)
{
    uint32_t site = 0;
    if (!store_find_site(app->cfg.store, r->site, &site)) {
        answer_error(conn, 404, "not_found", "there is no such site");
        return;
    }
    const bool is_ours =
        r->route == ROUTE_COMMANDS || r->route == ROUTE_RECORDS || r->route == ROUTE_RECORD;
    if (!is_ours && app->cfg.hub == NULL) {
        answer_error(conn, 501, "no_hub", "this cloud was not told of a hub: --hub-url");
        return;
    }
    if (r->route == ROUTE_CONFIGURE || r->route == ROUTE_COMMAND) {
        begin(app, conn, r, site, body, session);
        return;
    }
    const enum gateway_verb verb = r->route == ROUTE_GATEWAY   ? GATEWAY_SHOW
                                   : r->route == ROUTE_RECORDS ? GATEWAY_RECORDS
                                   : r->route == ROUTE_RECORD  ? GATEWAY_RECORD
                                                               : GATEWAY_LIST;
    struct gateway_job *job = job_take(app, verb, site);
    if (job == NULL) {
        answer_busy(conn, 503, 2, "too many questions at once, try again");
        return;
    }
    job->conn = conn;
    job->count = r->count;
    job->may_audit = access_allows(&session->access, CAN_AUDIT, r->site, wall_now_ms());
    answer_by(job, r, session);
}

void gateway_fleet(struct app *app, struct http_conn *conn, const struct http_request *request,
                   uint32_t limit)
{
    struct hub_call call = {.verb = HUB_QUERY, .item_max = limit};
    if (app->cfg.hub == NULL) {
        answer_error(conn, 501, "no_hub", "this cloud was not told of a hub: --hub-url");
        return;
    }
    if (http_has_query(request, "continuation") &&
        (!http_query(request, "continuation", call.continuation, sizeof(call.continuation)) ||
         strpbrk(call.continuation, "\r\n") != NULL)) {
        answer_error(conn, 400, "bad_request", "continuation is what an answer before gave");
        return;
    }
    struct gateway_job *job = job_take(app, GATEWAY_FLEET, NO_SITE);
    if (job == NULL) {
        answer_busy(conn, 503, 2, "too many questions at once, try again");
        return;
    }
    job->conn = conn;
    job->call = call;
    job->call.body = strdup("SELECT * FROM devices");
    job->call.body_size = job->call.body != NULL ? strlen(job->call.body) : 0;
    ask_hub(job);
}

void gateway_gone(struct app *app, const struct http_conn *conn)
{
    for (unsigned i = 0; i < GATEWAY_JOBS_MAX; i++) {
        struct gateway_job *job = &app->gateways.jobs[i];
        job->conn = job->conn == conn ? NULL : job->conn;
    }
}

static void nudge(struct app *app, uint32_t site, uint64_t now_us)
{
    struct gateway_job *job = job_take(app, GATEWAY_NUDGE, site);
    if (job == NULL) {
        return; // still due at the next tick
    }
    watch_begun(&app->gateways.watch, site, now_us);
    if (app->gateways.watch.is_by_method) {
        job->call.verb = HUB_METHOD;
        job->call.timeout_s = TIMEOUT_DEFAULT_S;
        snprintf(job->call.method, sizeof(job->call.method), "sync_now");
    } else {
        char text[64];
        const int size =
            snprintf(text, sizeof(text), "{\"nudge\":\"watch\",\"for_s\":%d}", WATCH_FOR_S);
        job->call.verb = HUB_MESSAGE;
        job->call.expiry_s = WATCH_FOR_S;
        job->call.body = strdup(text);
        job->call.body_size = job->call.body != NULL ? (size_t)size : 0;
    }
    ask_hub(job);
}

void gateway_tick(struct app *app)
{
    if (app->cfg.hub == NULL) {
        return;
    }
    const uint64_t now_us = mono_now_us();
    for (uint32_t site = 0; site < app->cfg.store->cfg.site_max; site++) {
        if (stream_is_watched(app, site) && watch_is_due(&app->gateways.watch, site, now_us)) {
            nudge(app, site, now_us);
        }
    }
}
