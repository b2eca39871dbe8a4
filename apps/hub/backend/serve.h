// SPDX-License-Identifier: Apache-2.0
// `busward-hub serve`: the backend with its links, store and loop. SQLite runs on this loop: a slow
// disk delays twins, methods and messages to devices, never telemetry, which does not pass here.
#ifndef HUB_BACKEND_SERVE_H
#define HUB_BACKEND_SERVE_H

#include "apps/hub/backend/backend.h"
#include "apps/hub/backend/link_client.h"
#include "apps/hub/rest/service.h"

struct serve_options {
    const char *data_dir;
    const char *hub_link;                   // unix socket of the hub's broker
    const char *dps_link;                   // of DPS's; NULL: no DPS
    const char *host, *id_scope, *dps_host; // NULL: as stored
    const char *listen, *cert, *key;        // of the REST; listen NULL: none
    uint64_t conn_max;                      // of the REST
    uint64_t connection_max, method_max, dps_retry_after_s, delivery_max;
    const char *quota;
};

struct serve {
    struct serve_options options;
    struct loop loop;
    struct store store;
    struct backend *backend;                   // from the heap, as
    struct backend_config memory;              // what it works on
    struct link_client *clients[BROKER_COUNT]; // NULL: not asked for
    struct service service;
    char host[ENROLMENT_HOST_SIZE];
};

// Parses `argv` (behind the word serve) and runs until SIGTERM or SIGINT; gives the exit status.
int serve_main(int argc, char **argv);

#endif
