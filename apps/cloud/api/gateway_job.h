// SPDX-License-Identifier: Apache-2.0
// What is under way between a page and a gateway: a job carries a request through its steps.
//
//   a command, a configuration:  written down -> asked of the hub -> outcome written -> answered
//   show, fleet:                 asked of the hub -> answered
//   list, records:               read -> answered
//   record:                      written down, read, outcome written -> answered
//   nudge:                       asked of the hub
#ifndef CLOUD_API_GATEWAY_JOB_H
#define CLOUD_API_GATEWAY_JOB_H

#include "apps/cloud/api/watch.h"
#include "apps/cloud/auth/commands.h"
#include "apps/cloud/hub_client/hub_client.h"
#include "apps/cloud/ingest/flight_part.h"
#include "apps/cloud/store/flight.h"
#include "port/linux/worker.h"

struct app;
struct http_conn;

enum {
    GATEWAY_JOBS_MAX = 48,  // under way
    GATEWAY_NUDGES_MAX = 8, // of these; watched pages must not hold commands up
    GATEWAY_FILES_MAX = 2,  // of these; a flight record may be large
};

_Static_assert((int)GATEWAY_NUDGES_MAX * 2 <= (int)HUB_RUNNING_MAX, "room at a slow hub, too");

_Static_assert((int)GATEWAY_JOBS_MAX <= (int)HUB_CALLS_MAX, "each may ask the hub at once");

enum gateway_verb {
    GATEWAY_SHOW,
    GATEWAY_FLEET,
    GATEWAY_COMMAND,
    GATEWAY_CONFIGURE,
    GATEWAY_LIST,
    GATEWAY_RECORDS,
    GATEWAY_RECORD,
    GATEWAY_NUDGE,
};

struct gateway_job {
    bool is_used;
    enum gateway_verb verb;
    struct app *app;
    struct http_conn *conn; // NULL: gone, or none
    uint32_t site;
    uint32_t count; // of a list
    bool may_audit; // it shows from where
    int64_t record; // the flight record that is asked for
    struct flight_row flight;
    bool is_recorded;
    struct hub_call call;
    // What is written down:
    char user[USER_NAME_MAX + 1];
    char address[64];
    char action[COMMAND_ACTION_MAX + 1];
    char arguments[COMMAND_ARGUMENTS_MAX + 1];
    char outcome[COMMAND_OUTCOME_MAX];
    int64_t row;
    int64_t now_ms;
    enum err err;
    // An answer that is ready:
    char *body;
    size_t body_size;
};

struct gateways {
    struct commands commands; // these two the worker's
    struct store_reader reader;
    struct worker *worker;
    struct watch watch;
    struct gateway_job jobs[GATEWAY_JOBS_MAX];
};

#endif
