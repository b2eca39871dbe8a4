// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/logins.h"

#include "apps/cloud/api/answer.h"
#include "apps/cloud/api/session.h"
#include "apps/cloud/api/stream.h"
#include "base/assert.h"
#include "base/crc.h"
#include "port/linux/log.h"
#include "json/reader.h"

#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#define MODULE "session"

enum { BUSY_RETRY_S = 2 };

static void pump(struct app *app);

void logins_init(struct app *app)
{
    throttle_init(&app->throttle);
    login_queue_init(&app->login_queue, app->cfg.login_max);
    app->has_account = app->accounts.has_account;
    app->has_setup_link = app->accounts.has_setup_link;
    memcpy(app->setup_hash, app->accounts.setup_hash, sizeof(app->setup_hash));
}

// Where a key's text goes; NULL: the key is unknown here.
static char *place_for(const struct json_text *key, enum login_verb verb, struct credentials *out,
                       size_t *size)
{
    *size = sizeof(out->password);
    if (json_text_is(key, "password")) {
        return out->password;
    }
    if (verb == LOGIN_PASSWORD) {
        return json_text_is(key, "new_password") ? out->new_password : NULL;
    }
    if (json_text_is(key, "name")) {
        *size = sizeof(out->name);
        return out->name;
    }
    *size = sizeof(out->setup_token);
    return verb == LOGIN_SETUP && json_text_is(key, "token") ? out->setup_token : NULL;
}

// What that verb needs, and nothing else; false: answered with what is wrong.
static bool read_credentials(struct http_conn *conn, struct bytes body, enum login_verb verb,
                             struct credentials *out)
{
    char why[192];
    struct json_key keys[8];
    const struct json_options options = {
        .depth_max = 2, .keys = keys, .key_capacity = COUNT_OF(keys)};
    struct json_reader r;
    struct json_text key;
    json_reader_init(&r, body, &options);
    bool is_good = json_enter_object(&r);
    while (is_good && json_next_key(&r, &key)) {
        size_t size = 0;
        char *text = place_for(&key, verb, out, &size);
        is_good = text != NULL ? json_get_string(&r, text, size, NULL)
                               : json_complain(&r, key.offset, "unknown key");
    }
    is_good = is_good && json_end(&r) && r.error.code == JSON_OK;
    if (!is_good) {
        const struct json_place place = json_place_of(body, r.error.offset);
        snprintf(why, sizeof(why), "line %" PRIu32 ", column %" PRIu32 ": %s", place.line,
                 place.column, r.error.message);
    } else if (out->password[0] == '\0' ||
               (verb == LOGIN_PASSWORD ? out->new_password : out->name)[0] == '\0') {
        snprintf(why, sizeof(why), "%s",
                 verb == LOGIN_PASSWORD ? "password and new_password are needed"
                                        : "name and password are needed");
        is_good = false;
    }
    if (!is_good) {
        answer_error(conn, 400, "bad_request", why);
    }
    snprintf(out->address, sizeof(out->address), "%s", http_address(conn));
    return is_good;
}

static bool is_long_enough(struct http_conn *conn, const char *password)
{
    if (strlen(password) >= PASSWORD_SIZE_MIN) {
        return true;
    }
    answer_error(conn, 400, "bad_request", "a password has at least 12 characters");
    return false;
}

static void leave(struct app *app, struct login_job *job)
{
    login_queue_leave(&app->login_queue, (size_t)(job - app->logins));
    sodium_memzero(job, sizeof(*job));
}

static void answer_wait(struct app *app, struct http_conn *conn, uint64_t wait_us)
{
    app->throttled++;
    if (conn != NULL) {
        answer_busy(conn, 429, (unsigned)(wait_us / US_PER_S) + 1, "too many attempts, wait a bit");
    }
}

static void answer_crowd(struct app *app, struct http_conn *conn)
{
    app->throttled++;
    answer_busy(conn, 429, BUSY_RETRY_S, "too many logins at once, try again");
}

static void enter(struct app *app, struct http_conn *conn, const struct login_job *wanted,
                  enum login_kind kind, uint64_t source)
{
    const uint64_t now_us = mono_now_us();
    const uint64_t wait_us = attempt_wait_us(&app->throttle, now_us, &wanted->attempt);
    if (wait_us > 0) {
        answer_wait(app, conn, wait_us);
        return;
    }
    size_t displaced = LOGIN_NO_PLACE;
    const uint32_t failures = attempt_failures(&app->throttle, now_us, &wanted->attempt);
    const size_t place = login_queue_enter(&app->login_queue, kind, source, failures, &displaced);
    if (displaced != LOGIN_NO_PLACE) {
        answer_crowd(app, app->logins[displaced].conn);
    }
    if (place == LOGIN_NO_PLACE) {
        answer_crowd(app, conn);
        return;
    }
    struct login_job *job = &app->logins[place];
    *job = *wanted;
    job->app = app;
    job->conn = conn;
    job->is_proxied = http_came_by_proxy(conn);
    job->now_ms = wall_now_ms();
    pump(app);
}

// On the accounts' thread.
static void job_run(void *ctx)
{
    struct login_job *job = ctx;
    struct accounts *accounts = &job->app->accounts;
    struct credentials *given = &job->credentials;
    const uint8_t *victim = job->has_victim ? job->victim : NULL;
    switch (job->verb) {
    case LOGIN_SETUP:
        job->err = accounts_setup(accounts, given, victim, job->now_ms, &job->login);
        break;
    case LOGIN_LOGIN:
        job->err = accounts_login(accounts, given, victim, job->now_ms, &job->login);
        break;
    case LOGIN_PASSWORD:
        job->err = accounts_change_password(accounts, given, job->session, job->now_ms);
        break;
    }
    sodium_memzero(given->password, sizeof(given->password));
    sodium_memzero(given->new_password, sizeof(given->new_password));
}

// Their rows are gone. but: the hash of one that goes on; NULL: none.
static void end_sessions(struct app *app, const char *user, const uint8_t *but)
{
    for (size_t i = 0; i < SESSIONS_MAX; i++) {
        const struct session *s = &app->sessions.table[i];
        if (s->state != SESSION_FREE && strcmp(s->user, user) == 0 &&
            (but == NULL || sodium_memcmp(s->hash, but, SESSION_HASH_SIZE) != 0)) {
            stream_session_over(app, s->serial);
            sessions_drop(&app->sessions, s->hash);
        }
    }
}

static void answer_login(struct app *app, struct login_job *job)
{
    char text[SESSION_ANSWER_SIZE];
    char headers[512];
    char device[DEVICE_COOKIE_SIZE + 1];
    const struct session *session = sessions_add(&app->sessions, &job->login.session);
    const char *secure = app->cfg.is_tls || job->is_proxied ? "; Secure" : "";
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
        answer_json(job->conn, job->verb == LOGIN_SETUP ? 201 : 200,
                    session_describe(app, session, text), headers);
    }
}

static void answer_no_room(struct http_conn *conn)
{
    if (conn != NULL) {
        answer_disk_full(conn, "the disk of the accounts is full");
    }
}

static void login_good(struct app *app, struct login_job *job)
{
    if (job->verb == LOGIN_SETUP) {
        app->has_account = true;
        app->has_setup_link = false;
        end_sessions(app, job->credentials.name, NULL);
    }
    if (job->login.has_evicted) {
        sessions_drop(&app->sessions, job->login.evicted);
    }
    if (job->login.is_stored && job->has_victim) {
        sessions_drop(&app->sessions, job->victim);
    }
    if (!job->login.is_stored && sessions_victim(&app->sessions) != NULL) {
        answer_no_room(job->conn); // another would give way, and come back with the next start
        return;
    }
    answer_login(app, job);
}

static void password_good(struct app *app, struct login_job *job)
{
    end_sessions(app, job->credentials.name, job->session);
    log_audit(MODULE, "password_changed", "user=%s address=%s",
              log_quote(job->credentials.name).text, job->credentials.address);
    if (job->conn != NULL) {
        answer_json(job->conn, 204, bytes_of(NULL, 0), NULL);
    }
}

static void answer_denied(struct http_conn *conn, enum login_verb verb)
{
    switch (verb) {
    case LOGIN_SETUP:
        answer_error(conn, 403, "forbidden", "this is not the token of the set-up link");
        break;
    case LOGIN_LOGIN: answer_error(conn, 401, "unauthorized", "name or password is wrong"); break;
    case LOGIN_PASSWORD:
        answer_error(conn, 403, "wrong_password", "the present password is another");
        break;
    }
}

static void count_failure(struct app *app, const struct attempt *attempt,
                          const struct credentials *given)
{
    app->logins_failed++;
    attempt_failed(&app->throttle, mono_now_us(), attempt);
    log_warn(MODULE, "login_refused", "user=%s address=%s", log_quote(given->name).text,
             given->address);
}

static void login_bad(struct app *app, struct login_job *job)
{
    if (job->err == ERR_DENIED) {
        count_failure(app, &job->attempt, &job->credentials);
    }
    if (job->conn == NULL) {
        return;
    }
    if (job->err == ERR_DENIED) {
        answer_denied(job->conn, job->verb);
    } else if (job->err == ERR_EXISTS) {
        answer_error(job->conn, 409, "conflict", "the set-up link was used already");
    } else if (job->err == ERR_NOT_FOUND) {
        answer_error(job->conn, 404, "not_found",
                     "there is no account of that name; busward-cloud --new-setup-link lists them");
    } else if (job->err == ERR_FULL) {
        answer_no_room(job->conn);
    } else {
        answer_busy(job->conn, 503, BUSY_RETRY_S,
                    "the accounts cannot be used right now, the server's log says why");
    }
}

// Back on the loop's thread.
static void job_done(void *ctx)
{
    struct login_job *job = ctx;
    struct app *app = job->app;
    app->is_login_running = false;
    if (job->err == OK) {
        attempt_succeeded(&app->throttle, &job->attempt);
        if (job->verb == LOGIN_PASSWORD) {
            password_good(app, job);
        } else {
            login_good(app, job);
        }
    } else {
        login_bad(app, job);
    }
    leave(app, job);
    pump(app);
}

// More than the file knows of may be in the table, from when the disk was full. Nobody is added
// until that login is done.
static void choose_victim(struct app *app, struct login_job *job)
{
    const struct session *victim = sessions_victim(&app->sessions);
    job->has_victim = victim != NULL;
    if (victim != NULL) {
        memcpy(job->victim, victim->hash, sizeof(job->victim));
    }
}

// The next one to the worker, unless one is there. What came before may have blocked it meanwhile.
static void pump(struct app *app)
{
    while (!app->is_login_running) {
        const size_t place = login_queue_next(&app->login_queue);
        if (place == LOGIN_NO_PLACE) {
            return;
        }
        struct login_job *job = &app->logins[place];
        const uint64_t now_us = mono_now_us();
        const uint64_t wait_us = attempt_wait_us(&app->throttle, now_us, &job->attempt);
        if (wait_us > 0) {
            answer_wait(app, job->conn, wait_us);
            leave(app, job);
            continue;
        }
        attempt_begin(&app->throttle, now_us, &job->attempt);
        choose_victim(app, job);
        const struct job work = {.run = job_run, .done = job_done, .ctx = job};
        app->is_login_running = worker_submit(app->account_worker, work) == OK;
        ASSERT(app->is_login_running); // there is room for one always
    }
}

void logins_gone(struct app *app, const struct http_conn *conn)
{
    for (size_t i = 0; i < LOGIN_PLACES; i++) {
        struct login_job *job = &app->logins[i];
        if (job->conn != conn) {
            continue;
        }
        job->conn = NULL;
        if (login_queue_is_waiting(&app->login_queue, i)) {
            leave(app, job);
        }
    }
}

// Before anything else: who has not the link's 256 bits costs no more than a look.
static bool has_link(struct app *app, struct http_conn *conn, const struct credentials *given)
{
    const struct attempt attempt = attempt_of_address(given->address);
    const uint64_t wait_us = attempt_wait_us(&app->throttle, mono_now_us(), &attempt);
    uint8_t hash[SESSION_HASH_SIZE];
    session_hash(bytes_of(given->setup_token, strlen(given->setup_token)), hash);
    if (!app->has_setup_link) {
        answer_error(conn, 409, "conflict", "the set-up link was used already");
    } else if (sodium_memcmp(hash, app->setup_hash, sizeof(hash)) == 0) {
        return true;
    } else if (wait_us > 0) {
        answer_wait(app, conn, wait_us);
    } else {
        count_failure(app, &attempt, given);
        answer_denied(conn, LOGIN_SETUP);
    }
    return false;
}

void logins_setup(struct app *app, struct http_conn *conn, struct bytes body)
{
    struct login_job wanted = {.verb = LOGIN_SETUP};
    struct credentials *given = &wanted.credentials;
    if (read_credentials(conn, body, LOGIN_SETUP, given) && has_link(app, conn, given)) {
        if (!account_name_is_good(bytes_of(given->name, strlen(given->name)))) {
            answer_error(conn, 400, "bad_request",
                         "a name is 1 to 64 of a-z, 0-9, dot, dash, underscore, @");
        } else if (is_long_enough(conn, given->password)) {
            enter(app, conn, &wanted, LOGIN_KNOWN, HASH64_START);
        }
    }
    sodium_memzero(&wanted, sizeof(wanted));
}

void logins_login(struct app *app, struct http_conn *conn, struct bytes device, struct bytes body)
{
    struct login_job wanted = {.verb = LOGIN_LOGIN};
    uint8_t nonce[DEVICE_NONCE_SIZE];
    if (read_credentials(conn, body, LOGIN_LOGIN, &wanted.credentials)) {
        const struct bytes name =
            bytes_of(wanted.credentials.name, strlen(wanted.credentials.name));
        if (device_cookie_check(app->accounts.device_key, name, device, nonce)) {
            wanted.attempt = attempt_of_device(bytes_of(nonce, sizeof(nonce)));
            enter(app, conn, &wanted, LOGIN_KNOWN, hash64(HASH64_START, name));
        } else {
            wanted.attempt = attempt_of_stranger(name, wanted.credentials.address);
            enter(app, conn, &wanted, LOGIN_STRANGER, attempt_source(&wanted.attempt));
        }
    }
    sodium_memzero(&wanted, sizeof(wanted));
}

void logins_password(struct app *app, struct http_conn *conn, const struct session *session,
                     struct bytes body)
{
    struct login_job wanted = {.verb = LOGIN_PASSWORD};
    struct credentials *given = &wanted.credentials;
    if (read_credentials(conn, body, LOGIN_PASSWORD, given) &&
        is_long_enough(conn, given->new_password)) {
        snprintf(given->name, sizeof(given->name), "%s", session->user);
        memcpy(wanted.session, session->hash, sizeof(wanted.session));
        const struct bytes name = bytes_of(given->name, strlen(given->name));
        wanted.attempt = attempt_of_change(name);
        enter(app, conn, &wanted, LOGIN_KNOWN, hash64(HASH64_START, name));
    }
    sodium_memzero(&wanted, sizeof(wanted));
}
