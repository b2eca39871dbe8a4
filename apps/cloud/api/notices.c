// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/notices.h"

#include "apps/cloud/api/answer.h"
#include "json/reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROW_SIZE = 1024, LIST_SIZE = 64 + QUERY_NOTICES_MAX * ROW_SIZE, TEXT_SHOWN_MAX = 400 };

static struct notice_job *job_take(struct app *app, struct http_conn *conn)
{
    for (unsigned i = 0; i < NOTICE_JOBS_MAX; i++) {
        struct notice_job *job = &app->notice_jobs[i];
        if (!job->is_used) {
            *job = (struct notice_job){
                .is_used = true, .app = app, .conn = conn, .now_ms = wall_now_ms()};
            return job;
        }
    }
    answer_busy(conn, 503, 1, "too many questions at once, try again");
    return NULL;
}

static void submit(struct notice_job *job, void (*run)(void *ctx), void (*done)(void *ctx))
{
    const struct job work = {.run = run, .done = done, .ctx = job};
    if (worker_submit(job->app->gateways.worker, work) != OK) {
        answer_busy(job->conn, 503, 1, "too many questions at once, try again");
        *job = (struct notice_job){.is_used = false};
    }
}

struct list {
    struct notice_job *job;
    struct json_writer *w;
};

static void put_open(void *ctx, const struct query_notice *n)
{
    const struct list *list = ctx;
    struct notice_job *job = list->job;
    struct notice_key key = {.at_ms = n->at_ms};
    char text[TEXT_SHOWN_MAX + 1];
    bool is_acknowledged = false;
    snprintf(key.kind, sizeof(key.kind), "%s", n->kind);
    const enum err err =
        notices_is_acknowledged(&job->app->gateways.commands, &key, &is_acknowledged);
    if (err != OK || is_acknowledged) {
        job->err = err != OK ? err : job->err;
        return;
    }
    snprintf(text, sizeof(text), "%s", n->text);
    json_begin_object(list->w);
    json_put_key_string(list->w, "kind", key.kind);
    json_put_key_i64(list->w, "at_ms", key.at_ms);
    json_put_key_string(list->w, "text", text);
    json_end_object(list->w);
}

static void list_run(void *ctx)
{
    struct notice_job *job = ctx;
    struct json_writer w;
    struct list list = {.job = job, .w = &w};
    job->body = malloc(LIST_SIZE);
    json_writer_init(&w, job->body, job->body != NULL ? LIST_SIZE : 0);
    json_begin_object(&w);
    json_put_key(&w, "notices");
    json_begin_array(&w);
    const enum err err = store_query_notices(&job->app->gateways.reader, put_open, &list);
    json_end_array(&w);
    json_end_object(&w);
    job->body_size = json_writer_bytes(&w).size;
    job->err = err != OK ? err : job->err == OK && job->body_size == 0 ? ERR_SIZE : job->err;
}

static void find(void *ctx, const struct query_notice *n)
{
    struct notice_job *job = ctx;
    job->is_found =
        job->is_found || (n->at_ms == job->key.at_ms && strcmp(n->kind, job->key.kind) == 0);
}

static void acknowledge_run(void *ctx)
{
    struct notice_job *job = ctx;
    const struct notice_by by = {.user = job->user, .address = job->address, .now_ms = job->now_ms};
    job->err = store_query_notices(&job->app->gateways.reader, find, job);
    if (job->err == OK) {
        job->err = job->is_found ? notices_acknowledge(&job->app->gateways.commands, &job->key, &by)
                                 : ERR_NOT_FOUND;
    }
}

static void done(void *ctx)
{
    struct notice_job *job = ctx;
    if (job->conn != NULL && job->err == OK) {
        answer_json(job->conn, job->body != NULL ? 200 : 204, bytes_of(job->body, job->body_size),
                    NULL);
    } else if (job->conn != NULL) {
        answer_status(job->conn, job->err == ERR_NOT_FOUND ? 404 : 503);
    }
    free(job->body);
    *job = (struct notice_job){.is_used = false};
}

void notices_get(struct app *app, struct http_conn *conn)
{
    struct notice_job *job = job_take(app, conn);
    if (job != NULL) {
        submit(job, list_run, done);
    }
}

static bool read_key(struct bytes body, struct notice_key *out)
{
    struct json_key keys[4];
    const struct json_options options = {.depth_max = 2, .keys = keys, .key_capacity = 4};
    struct json_reader r;
    struct json_text key;
    bool has_time = false;
    json_reader_init(&r, body, &options);
    bool is_good = json_enter_object(&r);
    while (is_good && json_next_key(&r, &key)) {
        if (json_text_is(&key, "kind")) {
            is_good = json_get_string(&r, out->kind, sizeof(out->kind), NULL);
        } else if (json_text_is(&key, "at_ms")) {
            is_good = has_time = json_get_i64(&r, 0, INT64_MAX, &out->at_ms);
        } else {
            is_good = false;
        }
    }
    return is_good && json_end(&r) && !json_failed(&r) && has_time && out->kind[0] != '\0';
}

void notices_post(struct app *app, struct http_conn *conn, struct bytes body,
                  const struct session *session)
{
    struct notice_key key = {.kind = ""};
    if (!read_key(body, &key)) {
        answer_error(conn, 400, "bad_request", "kind and at_ms of one notice are needed");
        return;
    }
    struct notice_job *job = job_take(app, conn);
    if (job != NULL) {
        job->key = key;
        snprintf(job->user, sizeof(job->user), "%s", session->user);
        snprintf(job->address, sizeof(job->address), "%s", http_address(conn));
        submit(job, acknowledge_run, done);
    }
}

void notices_gone(struct app *app, const struct http_conn *conn)
{
    for (unsigned i = 0; i < NOTICE_JOBS_MAX; i++) {
        struct notice_job *job = &app->notice_jobs[i];
        job->conn = job->conn == conn ? NULL : job->conn;
    }
}
