// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/session.h"

#include "apps/cloud/api/answer.h"
#include "apps/cloud/api/stream.h"
#include "base/assert.h"
#include "port/linux/log.h"
#include "json/reader.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MODULE "session"

enum { SESSION_ANSWER_SIZE = 1024, AUDIT_ANSWER_SIZE = 1024 * 1024 };

static enum role highest_role(const struct session *session)
{
    enum role role = ROLE_VIEWER;
    for (unsigned i = 0; i < session->access.grant_count; i++) {
        role = session->access.grants[i].role > role ? session->access.grants[i].role : role;
    }
    return role;
}

static struct bytes describe(const struct app *app, const struct session *session, char *out)
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
    answer_json(conn, 200, describe(app, session, text), NULL);
}

// name, password and, for the set-up, token; nothing else.
static bool read_credentials(struct bytes body, bool wants_token, struct credentials *out,
                             char *why, size_t why_size)
{
    struct json_key keys[8];
    const struct json_options options = {
        .depth_max = 2, .keys = keys, .key_capacity = COUNT_OF(keys)};
    struct json_reader r;
    struct json_text key;
    bool is_good = true;
    json_reader_init(&r, body, &options);
    is_good = json_enter_object(&r);
    while (is_good && json_next_key(&r, &key)) {
        if (json_text_is(&key, "name")) {
            is_good = json_get_string(&r, out->name, sizeof(out->name), NULL);
        } else if (json_text_is(&key, "password")) {
            is_good = json_get_string(&r, out->password, sizeof(out->password), NULL);
        } else if (wants_token && json_text_is(&key, "token")) {
            is_good = json_get_string(&r, out->setup_token, sizeof(out->setup_token), NULL);
        } else {
            is_good = json_complain(&r, key.offset, "unknown key");
        }
    }
    is_good = is_good && json_end(&r) && r.error.code == JSON_OK;
    if (!is_good) {
        const struct json_place place = json_place_of(body, r.error.offset);
        snprintf(why, why_size, "line %" PRIu32 ", column %" PRIu32 ": %s", place.line,
                 place.column, r.error.message);
    } else if (out->name[0] == '\0' || out->password[0] == '\0') {
        snprintf(why, why_size, "name and password are needed");
        is_good = false;
    }
    return is_good;
}

static struct account_job *job_take(struct app *app, struct http_conn *conn, enum account_verb verb)
{
    const bool is_login = verb == ACCOUNT_SETUP || verb == ACCOUNT_LOGIN;
    const int count = is_login ? APP_LOGINS_MAX : APP_ACCOUNT_JOBS_MAX;
    for (int i = 0; i < count; i++) {
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
    case ACCOUNT_SETUP:
        job->err = accounts_setup(accounts, &job->credentials, job->now_ms, &job->login);
        break;
    case ACCOUNT_LOGIN:
        job->err = accounts_login(accounts, &job->credentials, job->now_ms, &job->login);
        break;
    case ACCOUNT_LOGOUT: job->err = accounts_save_sessions(accounts, &job->change, 1); break;
    case ACCOUNT_SAVE:
        job->err = accounts_save_sessions(accounts, job->app->changes, job->app->change_count);
        break;
    case ACCOUNT_AUDIT_LIST: run_audit_list(job); break;
    }
    sodium_memzero(job->credentials.password, sizeof(job->credentials.password));
}

// What an attempt counts for: a known browser, or else the account and the address, so that who
// guesses at an account keeps strangers out, not its owner at a browser used before.
struct keys {
    uint8_t bytes[2][1 + USER_NAME_MAX];
    struct bytes list[2];
    unsigned count;
};

static void add_key(struct keys *keys, char kind, struct bytes of)
{
    ASSERT(of.size <= USER_NAME_MAX);
    uint8_t *bytes = keys->bytes[keys->count];
    bytes[0] = (uint8_t)kind;
    memcpy(bytes + 1, of.data, of.size);
    keys->list[keys->count++] = bytes_of(bytes, 1 + of.size);
}

static void keys_of(const struct account_job *job, struct keys *out)
{
    out->count = 0;
    if (job->is_known_device) {
        add_key(out, 'd', bytes_of(job->device, sizeof(job->device)));
        return;
    }
    const struct throttle_address address = throttle_address_of(job->credentials.address);
    add_key(out, 'n', bytes_of(job->credentials.name, strlen(job->credentials.name)));
    add_key(out, 'a', bytes_of(address.bytes, address.size));
}

static void answer_login(struct app *app, struct account_job *job, int status)
{
    char text[SESSION_ANSWER_SIZE];
    char headers[512];
    char device[DEVICE_COOKIE_SIZE + 1];
    app->has_account = true;
    if (job->login.has_evicted) {
        sessions_drop(&app->sessions, job->login.evicted);
    }
    const struct session *session = sessions_add(&app->sessions, &job->login.session);
    const char *secure = app->cfg.is_tls ? "; Secure" : "";
    device_cookie_make(app->accounts.device_key, bytes_of(session->user, strlen(session->user)),
                       device);
    snprintf(headers, sizeof(headers),
             "Set-Cookie: busward_session=%s; Path=/; Max-Age=%lld; HttpOnly; SameSite=Strict%s\r\n"
             "Set-Cookie: busward_device=%s; Path=/api/login; Max-Age=%d; HttpOnly;"
             " SameSite=Strict%s\r\n",
             job->login.token, (long long)(SESSION_LIFE_MS / 1000), secure, device,
             DEVICE_COOKIE_DAYS * 24 * 3600, secure);
    log_audit(MODULE, "login", "user=%s address=%s", log_quote(session->user).text,
              job->credentials.address);
    if (job->conn != NULL) {
        http_vouch(job->conn);
        answer_json(job->conn, status, describe(app, session, text), headers);
    }
}

static void finish_login(struct app *app, struct account_job *job)
{
    struct keys keys;
    keys_of(job, &keys);
    if (job->err == OK) {
        for (unsigned i = 0; i < keys.count; i++) {
            throttle_succeeded(&app->throttle, keys.list[i]);
        }
        answer_login(app, job, job->verb == ACCOUNT_SETUP ? 201 : 200);
        return;
    }
    if (job->err == ERR_DENIED) {
        app->logins_failed++;
        for (unsigned i = 0; i < keys.count; i++) {
            throttle_failed(&app->throttle, mono_now_us(), keys.list[i]);
        }
        log_warn(MODULE, "login_refused", "user=%s address=%s",
                 log_quote(job->credentials.name).text, job->credentials.address);
    }
    if (job->conn == NULL) {
        return;
    }
    if (job->err == ERR_EXISTS) {
        app->has_account = true;
        answer_error(job->conn, 409, "conflict", "the set-up link was used already");
    } else if (job->err == ERR_DENIED && job->verb == ACCOUNT_SETUP) {
        answer_error(job->conn, 403, "forbidden", "this is not the token of the set-up link");
    } else if (job->err == ERR_DENIED) {
        answer_error(job->conn, 401, "unauthorized", "name or password is wrong");
    } else {
        answer_status(job->conn, 500);
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
    case ACCOUNT_SETUP:
    case ACCOUNT_LOGIN: finish_login(app, job); break;
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
    sodium_memzero(job, sizeof(*job));
}

static bool submit(struct app *app, struct account_job *job)
{
    const struct job work = {.run = job_run, .done = job_done, .ctx = job};
    if (worker_submit(app->account_worker, work) != OK) {
        sodium_memzero(job, sizeof(*job));
        return false;
    }
    return true;
}

static void begin_login(struct app *app, struct http_conn *conn, const struct credentials *given,
                        struct bytes device, enum account_verb verb)
{
    const uint64_t now_us = mono_now_us();
    struct account_job attempt = {.credentials = *given};
    attempt.is_known_device =
        device_cookie_check(app->accounts.device_key, bytes_of(given->name, strlen(given->name)),
                            device, attempt.device);
    struct keys keys;
    keys_of(&attempt, &keys);
    uint64_t wait_us = 0;
    for (unsigned i = 0; i < keys.count; i++) {
        const uint64_t one_us = throttle_wait_us(&app->throttle, now_us, keys.list[i]);
        wait_us = one_us > wait_us ? one_us : wait_us;
    }
    sodium_memzero(&attempt.credentials, sizeof(attempt.credentials));
    if (wait_us > 0) {
        app->throttled++;
        answer_busy(conn, 429, (unsigned)(wait_us / US_PER_S) + 1, "too many attempts, wait a bit");
        return;
    }
    struct account_job *job = job_take(app, conn, verb);
    if (job != NULL) {
        job->credentials = *given;
        job->is_known_device = attempt.is_known_device;
        memcpy(job->device, attempt.device, sizeof(job->device));
    }
    if (job == NULL || !submit(app, job)) {
        app->throttled++;
        answer_busy(conn, 429, 2, "too many logins at once, try again");
    }
}

void session_setup(struct app *app, struct http_conn *conn, struct bytes body)
{
    struct credentials given = {.name = ""};
    char why[192];
    snprintf(given.address, sizeof(given.address), "%s", http_address(conn));
    if (!read_credentials(body, true, &given, why, sizeof(why))) {
        answer_error(conn, 400, "bad_request", why);
    } else if (app->has_account) {
        answer_error(conn, 409, "conflict", "the set-up link was used already");
    } else if (!account_name_is_good(bytes_of(given.name, strlen(given.name)))) {
        answer_error(conn, 400, "bad_request",
                     "a name is 1 to 64 of a-z, 0-9, dot, dash, underscore, @");
    } else if (strlen(given.password) < PASSWORD_SIZE_MIN) {
        answer_error(conn, 400, "bad_request", "a password has at least 12 characters");
    } else {
        begin_login(app, conn, &given, bytes_of(NULL, 0), ACCOUNT_SETUP);
    }
    sodium_memzero(&given, sizeof(given));
}

void session_login(struct app *app, struct http_conn *conn, struct bytes device, struct bytes body)
{
    struct credentials given = {.name = ""};
    char why[192];
    snprintf(given.address, sizeof(given.address), "%s", http_address(conn));
    if (read_credentials(body, false, &given, why, sizeof(why))) {
        begin_login(app, conn, &given, device, ACCOUNT_LOGIN);
    } else {
        answer_error(conn, 400, "bad_request", why);
    }
    sodium_memzero(&given, sizeof(given));
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
