// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/session.h"

#include "apps/cloud/api/answer.h"
#include "apps/cloud/api/stream.h"
#include "base/assert.h"
#include "port/linux/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "session"

enum { AUDIT_ANSWER_SIZE = 1024 * 1024 };

static enum role highest_role(const struct session *session)
{
    enum role role = ROLE_VIEWER;
    for (unsigned i = 0; i < session->access.grant_count; i++) {
        role = session->access.grants[i].role > role ? session->access.grants[i].role : role;
    }
    return role;
}

struct bytes session_describe(const struct app *app, const struct session *session,
                              char out[SESSION_ANSWER_SIZE])
{
    struct json_writer w;
    json_writer_init(&w, out, SESSION_ANSWER_SIZE);
    json_begin_object(&w);
    json_put_key(&w, "user");
    if (session != NULL) {
        const enum role role = highest_role(session);
        json_begin_object(&w);
        json_put_key_string(&w, "name", session->user);
        json_put_key_string(&w, "role", role_name(role));
        json_put_key(&w, "capabilities");
        json_begin_array(&w);
        for (unsigned i = 0; i < CAPABILITY_COUNT; i++) {
            if (role_has(role, (enum capability)i)) {
                json_put_string(&w, capability_name((enum capability)i));
            }
        }
        json_end_array(&w);
        json_end_object(&w);
    } else {
        json_put_null(&w);
    }
    json_put_key_string(&w, "csrf", session != NULL ? session->csrf : NULL);
    json_put_key_bool(&w, "setup_needed", !app->has_account);
    json_put_key_i64(&w, "now_ms", wall_now_ms());
    json_end_object(&w);
    return json_writer_bytes(&w);
}

void session_get(struct app *app, struct http_conn *conn, const struct session *session)
{
    char text[SESSION_ANSWER_SIZE];
    answer_json(conn, 200, session_describe(app, session, text), NULL);
}

static struct account_job *job_take(struct app *app, struct http_conn *conn, enum account_verb verb)
{
    for (int i = 0; i < APP_ACCOUNT_JOBS_MAX; i++) {
        struct account_job *job = &app->account_jobs[i];
        if (!job->is_used) {
            *job = (struct account_job){
                .is_used = true, .app = app, .conn = conn, .verb = verb, .now_ms = wall_now_ms()};
            return job;
        }
    }
    return NULL;
}

static void put_audit(void *ctx, const struct audit_entry *e)
{
    struct json_writer *w = ctx;
    json_begin_object(w);
    json_put_key_i64(w, "id", e->id);
    json_put_key_i64(w, "at_ms", e->at_ms);
    json_put_key_string(w, "user", e->user);
    json_put_key_string(w, "address", e->address);
    json_put_key_string(w, "action", e->action);
    json_put_key_string(w, "detail", e->detail);
    json_end_object(w);
}

static void run_audit_list(struct account_job *job)
{
    struct json_writer w;
    job->body = malloc(AUDIT_ANSWER_SIZE);
    json_writer_init(&w, job->body, job->body != NULL ? AUDIT_ANSWER_SIZE : 0);
    json_begin_object(&w);
    json_put_key(&w, "entries");
    json_begin_array(&w);
    job->err = accounts_audit_list(&job->app->accounts, job->count, put_audit, &w);
    json_end_array(&w);
    json_end_object(&w);
    job->body_size = json_writer_bytes(&w).size;
    job->err = job->err == OK && job->body_size == 0 ? ERR_SIZE : job->err;
}

// On the accounts' thread.
static void job_run(void *ctx)
{
    struct account_job *job = ctx;
    struct accounts *accounts = &job->app->accounts;
    switch (job->verb) {
    case ACCOUNT_LOGOUT: job->err = accounts_save_sessions(accounts, &job->change, 1); break;
    case ACCOUNT_SAVE:
        job->err = accounts_save_sessions(accounts, job->app->changes, job->app->change_count);
        break;
    case ACCOUNT_AUDIT_LIST: run_audit_list(job); break;
    }
}

static void finish_logout(struct app *app, struct account_job *job)
{
    if (job->err == OK) {
        sessions_saved(&app->sessions, &job->change, 1);
    } else { // over in memory, and session_tick goes on trying
        log_error(MODULE, "logout", "err=%s", err_name(job->err));
    }
    if (job->conn != NULL && job->err == OK) {
        answer_json(
            job->conn, 204, bytes_of(NULL, 0),
            "Set-Cookie: busward_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict\r\n");
    } else if (job->conn != NULL) {
        answer_status(job->conn, 503);
    }
}

static void finish_save(struct app *app, enum err err)
{
    app->is_saving = false;
    if (err == OK) {
        sessions_saved(&app->sessions, app->changes, app->change_count);
    } else {
        log_error(MODULE, "save", "count=%zu err=%s", app->change_count, err_name(err));
        app->save_tick = app->ticks + SAVE_RETRY_TICKS;
    }
}

// Back on the loop's thread.
static void job_done(void *ctx)
{
    struct account_job *job = ctx;
    struct app *app = job->app;
    switch (job->verb) {
    case ACCOUNT_LOGOUT: finish_logout(app, job); break;
    case ACCOUNT_SAVE: finish_save(app, job->err); break;
    case ACCOUNT_AUDIT_LIST:
        if (job->conn != NULL && job->err == OK) {
            answer_json(job->conn, 200, bytes_of(job->body, job->body_size), NULL);
        } else if (job->conn != NULL) {
            answer_status(job->conn, 500);
        }
        break;
    }
    free(job->body);
    *job = (struct account_job){.is_used = false};
}

static bool submit(struct app *app, struct account_job *job)
{
    const struct job work = {.run = job_run, .done = job_done, .ctx = job};
    if (worker_submit(app->account_worker, work) != OK) {
        job->is_used = false;
        return false;
    }
    return true;
}

void session_logout(struct app *app, struct http_conn *conn, struct session *session)
{
    // The session ends here and now; who reads 204 may rely on its row being gone, too.
    struct account_job *job = job_take(app, conn, ACCOUNT_LOGOUT);
    if (job != NULL) {
        job->change.is_over = true;
        memcpy(job->change.hash, session->hash, sizeof(session->hash));
    }
    if (job == NULL || !submit(app, job)) {
        answer_busy(conn, 503, 1, "too busy, try again");
        return;
    }
    log_audit(MODULE, "logout", "user=%s", log_quote(session->user).text);
    stream_session_over(app, session->serial);
    sessions_end(session);
}

void session_tick(struct app *app)
{
    const bool has_ended = sessions_sweep(&app->sessions, wall_now_ms());
    const bool is_due = has_ended || app->ticks % SAVE_TICKS == 0;
    if (!is_due || app->is_saving || app->ticks < app->save_tick) {
        return;
    }
    app->change_count = sessions_changes(&app->sessions, app->changes);
    struct account_job *job = app->change_count > 0 ? job_take(app, NULL, ACCOUNT_SAVE) : NULL;
    app->is_saving = job != NULL && submit(app, job);
}

void session_deinit(struct app *app)
{
    app->change_count = sessions_changes(&app->sessions, app->changes);
    if (app->change_count > 0) {
        finish_save(app, accounts_save_sessions(&app->accounts, app->changes, app->change_count));
    }
}

void session_audit(struct app *app, struct http_conn *conn, uint32_t limit)
{
    struct account_job *job = job_take(app, conn, ACCOUNT_AUDIT_LIST);
    if (job != NULL) {
        job->count = limit;
    }
    if (job == NULL || !submit(app, job)) {
        answer_busy(conn, 503, 1, "too busy, try again");
    }
}
