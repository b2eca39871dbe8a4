// SPDX-License-Identifier: Apache-2.0
// The HTTP side of the cloud: everything the loop's thread owns. Reading the store and everything
// of accounts happens on workers; a job carries a request there and its answer back.
#ifndef CLOUD_API_APP_H
#define CLOUD_API_APP_H

#include "apps/cloud/api/account_job.h"
#include "apps/cloud/api/files.h"
#include "apps/cloud/api/gateway_job.h"
#include "apps/cloud/api/notice_job.h"
#include "apps/cloud/auth/access.h"
#include "apps/cloud/auth/throttle.h"
#include "apps/cloud/ingest/follower.h"
#include "apps/cloud/store/query.h"
#include "port/linux/http_server.h"
#include "port/linux/worker.h"
#include "json/writer.h"

enum {
    APP_READERS = 2,
    APP_READS_MAX = 16, // waiting or running, per reader
    APP_OUT_SIZE = 16 * 1024 * 1024,
    APP_STREAMS_MAX = 1024,
    APP_BODY_SIZE_MAX = 64 * 1024, // a gateway's configuration is up to 32 KiB of keys and values
    APP_SESSION_STREAMS_MAX = 32,
    TICK_MS = 1000,
    KEEP_ALIVE_TICKS = 15,
};

struct app;

// How a reader's jobs get at the store and at memory for the answer.
struct app_reader {
    struct store_reader store;
    struct worker *worker;
    char *out;                  // APP_OUT_SIZE
    uint32_t *series_of;        // per point of a catalogue; series_max
    struct latest *latest;      // the same
    struct bucket *buckets;     // QUERY_BUCKETS_MAX
    struct quality_span *spans; // QUERY_SPANS_MAX
    struct query_gap *gaps;     // QUERY_GAPS_MAX
    uint32_t *order;            // TM_POINT_COUNT_MAX
    unsigned waiting;
};

struct read_job {
    bool is_used;
    struct app *app;
    struct http_conn *conn; // NULL: gone
    struct app_reader *reader;
    int (*make)(struct read_job *job, struct json_writer *out); // an HTTP status
    uint32_t site;
    uint32_t point;
    int64_t from_ms;
    int64_t to_ms;
    int64_t now_ms;
    uint32_t count; // of buckets, of rows
    char last_event_id[48];
    struct access access; // for lists
    // Out:
    int status;
    char *body;
    size_t body_size;
};

struct stream {
    struct http_conn *conn; // NULL: free
    uint32_t site;
    uint64_t session;
};

// Live events as they were sent, for those who come back.
enum { EVENT_RING = 4096, EVENT_SIZE_MAX = 640 };
struct ring_event {
    uint32_t site;
    uint16_t size;
    char text[EVENT_SIZE_MAX];
};

struct app_config {
    struct store *store;
    struct catalogues *catalogues;
    struct live *live;
    struct follower *follower;
    const struct kafka_source *kafka; // NULL: none
    struct hub_client *hub;           // NULL: none, so no gateway can be told anything
    const char *data;
    const char *web; // NULL: no page
    bool is_tls;
    uint32_t overdue_ms;
    unsigned stream_max; // fewer than connections: a page needs some for the rest, too
    unsigned login_max;  // strangers who wait for their password to be looked at
};

struct app {
    struct app_config cfg;
    struct http_server *server;
    struct files files;
    struct accounts accounts;
    bool has_account;
    bool has_setup_link; // the loop's copy of what the accounts have
    uint8_t setup_hash[SESSION_HASH_SIZE];
    struct sessions sessions;
    struct throttle throttle;
    struct login_queue login_queue;
    struct login_job logins[LOGIN_PLACES];
    bool is_login_running; // at the worker
    struct app_reader readers[APP_READERS];
    struct worker *account_worker;
    struct read_job reads[APP_READERS * APP_READS_MAX];
    struct account_job account_jobs[APP_ACCOUNT_JOBS_MAX];
    struct session_change changes[SESSIONS_MAX]; // the worker's while is_saving
    size_t change_count;
    bool is_saving;
    unsigned save_tick; // not before this one
    struct gateways gateways;
    struct notice_job notice_jobs[NOTICE_JOBS_MAX]; // on the gateways' worker
    struct store_reader texts;                      // the loop's own, for texts of live events
    struct stream streams[APP_STREAMS_MAX];
    struct ring_event *ring; // EVENT_RING
    uint64_t event_next;     // number of the next live event
    uint32_t epoch;          // random: tells this run's event ids from another's
    uint8_t *overdue;        // per series: its page was told so
    uint8_t *site_changed;   // per site: its counters may have
    uint32_t *loop_series;   // like the readers', for the loop
    struct latest *loop_latest;
    unsigned ticks;
    uint64_t throttled; // logins answered with 429
    uint64_t logins_failed;
};

NODISCARD enum err app_init(struct app *app, const struct app_config *cfg);
void app_deinit(struct app *app);
void app_request(void *ctx, struct http_conn *conn, const struct http_request *request,
                 struct bytes body);
void app_gone(void *ctx, struct http_conn *conn);
void app_live(struct app *app); // the live ring has something
void app_tick(struct app *app); // every TICK_MS

int64_t wall_now_ms(void);
uint64_t mono_now_us(void);

#endif
