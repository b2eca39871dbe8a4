// SPDX-License-Identifier: Apache-2.0
// What is done about accounts on their worker: a job carries a request there and its answer back.
#ifndef CLOUD_API_ACCOUNT_JOB_H
#define CLOUD_API_ACCOUNT_JOB_H

#include "apps/cloud/auth/accounts.h"

struct app;
struct http_conn;

enum {
    APP_LOGINS_MAX = 8, // waiting or running,
    // and beside them what a flood of logins must not hold up: log-outs, saving, the audit log
    APP_ACCOUNT_JOBS_MAX = APP_LOGINS_MAX + 4,
    SAVE_TICKS = 300,      // how often the last use of sessions is noted in the file
    SAVE_RETRY_TICKS = 30, // after a failure
};

enum account_verb {
    ACCOUNT_SETUP,
    ACCOUNT_LOGIN,
    ACCOUNT_LOGOUT,
    ACCOUNT_SAVE,
    ACCOUNT_AUDIT_LIST,
};

struct account_job {
    bool is_used;
    struct app *app;
    struct http_conn *conn;
    enum account_verb verb;
    struct credentials credentials;
    bool is_known_device; // the attempt counts for it alone
    uint8_t device[DEVICE_NONCE_SIZE];
    struct session_change change; // ACCOUNT_LOGOUT
    uint32_t count;
    int64_t now_ms;
    // Out:
    enum err err;
    struct login login;
    char *body;
    size_t body_size;
};

#endif
