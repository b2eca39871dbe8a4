// SPDX-License-Identifier: Apache-2.0
// The service side of the hub: Azure's REST shapes over the backend's nouns, for IoT Hub and for
// the provisioning service on one listener (their paths do not collide). docs/hub-rest.md,
// openapi.yaml. On the loop's thread.
#ifndef HUB_REST_REST_H
#define HUB_REST_REST_H

#include "apps/hub/backend/c2d.h"
#include "apps/hub/backend/enrolments.h"
#include "apps/hub/backend/metered.h"
#include "apps/hub/backend/methods.h"
#include "apps/hub/backend/registry.h"
#include "apps/hub/backend/twins.h"
#include "apps/hub/rest/query.h"
#include "port/linux/http_server.h"

enum {
    REST_BODY_SIZE_MAX = 256 * 1024,
    REST_OUT_SIZE = 4 << 20,   // of any answer
    REST_CALLS_MAX = 256,      // methods that services wait for
    REST_SCANS_MAX = 8,        // queries under way
    REST_SCAN_SLICE = 64,      // devices that a query looks at in one turn of the loop, or fewer:
    REST_SCAN_WORK = 4 << 20,  // bytes of twins that it reads, times the parts of the query
    REST_PAGE_DEFAULT = 100,   // items of a page of a query
    REST_PAGE_MAX = 1000,      // and of a list
    REST_PAGE_BYTES = 1 << 20, // after so many a page ends early
    REST_BULK_MAX = 100,
    REST_ENROLMENTS_BULK_MAX = 10,
    REST_ETAG_SIZE = 64,
    REST_HOST_SIZE = 256,
};

struct rest_config {
    struct event_base *base;
    const char *host; // to listen on; an address
    uint16_t port;    // 0: any free one
    unsigned conn_max;
    struct tls *tls; // NULL: plain, for tests and behind a proxy
    struct store *store;
    struct twins *twins;
    struct c2d *c2d;
    struct methods *methods;
    struct hub_quota *quota; // NULL: no limits
    // Outputs of twins, c2d or methods may wait now. The loop should turn soon.
    void (*stirred)(void *ctx);
    void *ctx;
};

// Private: a service that waits for a method.
struct rest_call {
    struct http_conn *conn; // NULL: free
    uint64_t handle;
};

// Private: a query under way.
struct rest_scan {
    struct http_conn *conn; // NULL: free
    struct query query;
    uint32_t text_hash; // of the query's text; part of the continuation
    char after[ID_SIZE];
    uint32_t page_max;
    uint32_t found;
    uint64_t count; // of COUNT()
    char *items;    // REST_PAGE_BYTES and one twin
    size_t items_size;
};

struct rest {
    struct rest_config cfg;
    struct http_server *server;
    struct event *scan_event;
    struct rest_call calls[REST_CALLS_MAX];
    struct rest_scan scans[REST_SCANS_MAX];
    uint64_t slice_count;       // turns that queries took
    char *out;                  // REST_OUT_SIZE: scratch of one answer
    struct enrolment enrolment; // scratch
    struct enrolment kept;      // scratch
};

// ERR_ARG (no address), ERR_IO, ERR_FULL. Logs why.
NODISCARD enum err rest_start(struct rest *rest, const struct rest_config *cfg);
void rest_stop(struct rest *rest);
// Once a second, with CLOCK_MONOTONIC's seconds.
void rest_tick(struct rest *rest, int64_t now_s);
// Each outcome of methods_next_outcome() goes here.
void rest_outcome(struct rest *rest, const struct methods_outcome *outcome);
uint16_t rest_port(const struct rest *rest);

#endif
