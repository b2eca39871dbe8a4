// SPDX-License-Identifier: Apache-2.0
// What is done about accounts on their worker: a job carries a request there and its answer back.
#ifndef CLOUD_API_ACCOUNT_JOB_H
#define CLOUD_API_ACCOUNT_JOB_H

#include "apps/cloud/auth/accounts.h"
#include "apps/cloud/auth/attempt.h"
#include "apps/cloud/auth/login_queue.h"

struct app;
struct http_conn;

enum {
    APP_ACCOUNT_JOBS_MAX = 4, // log-outs, saving, the audit log; beside the one login at a time
    SAVE_TICKS = 300,         // how often the last use of sessions is noted in the file
    SAVE_RETRY_TICKS = 30,    // after a failure
};

enum account_verb {
    ACCOUNT_LOGOUT,
    ACCOUNT_SAVE,
    ACCOUNT_AUDIT_LIST,
};

struct account_job {
    bool is_used;
    struct app *app;
    struct http_conn *conn;
    enum account_verb verb;
    struct session_change change; // ACCOUNT_LOGOUT
    uint32_t count;
    int64_t now_ms;
    // Out:
    enum err err;
    char *body;
    size_t body_size;
};

// Somebody gives a password. A place of the login queue each, by index.
enum login_verb { LOGIN_SETUP, LOGIN_LOGIN, LOGIN_PASSWORD };

struct login_job {
    struct app *app;
    struct http_conn *conn; // NULL: gone
    enum login_verb verb;
    struct attempt attempt;
    struct credentials credentials;
    uint8_t session[SESSION_HASH_SIZE]; // LOGIN_PASSWORD: the one that does not end
    bool is_proxied;                    // so the browser speaks TLS with the proxy
    bool has_victim;                    // the table is full
    uint8_t victim[SESSION_HASH_SIZE];  // the session that gives way
    int64_t now_ms;
    // Out:
    enum err err;
    struct login login;
};

#endif
