// SPDX-License-Identifier: Apache-2.0
// A question about the system's notices on its way to the commands' worker and back.
#ifndef CLOUD_API_NOTICE_JOB_H
#define CLOUD_API_NOTICE_JOB_H

#include "apps/cloud/auth/notices.h"

struct app;
struct http_conn;

enum { NOTICE_JOBS_MAX = 8 };

struct notice_job {
    bool is_used;
    struct app *app;
    struct http_conn *conn; // NULL: gone
    struct notice_key key;  // to be acknowledged
    char user[USER_NAME_MAX + 1];
    char address[64];
    int64_t now_ms;
    // Out:
    bool is_found;
    enum err err;
    char *body; // of a list
    size_t body_size;
};

#endif
