// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/api/health.h"

#include "apps/cloud/api/answer.h"
#include "apps/cloud/ingest/kafka_source.h"
#include "base/assert.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { BEHIND_RECORDS = 10000, METRICS_SIZE = 16384 };

struct finding {
    const char *status; // ok, waiting, behind, ill
    const char *code;   // for programs, "" when well; the page has words for each
    const char *reason; // for people; no paths: anybody may ask
};

static struct finding find(const struct app *app)
{
    const struct follower *f = app->cfg.follower;
    switch (atomic_load(&f->state)) {
    case FOLLOWER_NO_FOLDER:
        return (struct finding){"waiting", "no_folder",
                                "the folder given as --hub-log does not exist"};
    case FOLLOWER_NO_HUB:
        return (struct finding){"waiting", "no_hub",
                                "no hub has written into the folder given as --hub-log yet"};
    case FOLLOWER_FAILING:
        return (struct finding){"ill", "failing",
                                "the store or the hub's log cannot be used, see the log"};
    case FOLLOWER_OK:
    case FOLLOWER_OFF: break;
    }
    const enum kafka_state kafka =
        app->cfg.kafka != NULL ? atomic_load(&app->cfg.kafka->state) : KAFKA_OK;
    if (kafka == KAFKA_FAILING) {
        return (struct finding){"ill", "kafka_failing",
                                "the store or the Kafka brokers refuse, see the log"};
    }
    if (kafka == KAFKA_WAITS) {
        return (struct finding){"waiting", "kafka_waits",
                                "no Kafka broker has given us the topic's partitions yet"};
    }
    if (atomic_load(&f->is_unsynced)) {
        return (struct finding){"ill", "unsynced",
                                "the disk does not keep what is stored, see the log"};
    }
    if (atomic_load(&f->behind) > BEHIND_RECORDS) {
        return (struct finding){"behind", "behind", "many messages wait to be stored"};
    }
    if (atomic_load(&f->lost) > 0) {
        return (struct finding){"ok", "store_older",
                                "the store was put back to an earlier day; messages that the hub "
                                "deleted since are missing, see the log"};
    }
    if (atomic_load(&f->replaced) > 0) {
        return (struct finding){"ok", "log_new",
                                "the hub's log is another one than before; messages that only the "
                                "former one held are missing, see the log"};
    }
    return (struct finding){"ok", "", ""};
}

void health_reply(struct app *app, struct http_conn *conn)
{
    char text[512];
    struct json_writer w;
    const struct finding found = find(app);
    json_writer_init(&w, text, sizeof(text));
    json_begin_object(&w);
    json_put_key_string(&w, "status", found.status);
    json_put_key_string(&w, "code", found.code);
    json_put_key_string(&w, "reason", found.reason);
    json_end_object(&w);
    answer_json(conn, strcmp(found.status, "ill") == 0 ? 503 : 200, json_writer_bytes(&w), NULL);
}

struct metric {
    const char *name;
    const char *type;
    uint64_t value;
};

// Behind text[size]; the new size.
static size_t put_metrics(char *text, size_t size, const struct metric *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const int more = snprintf(text + size, METRICS_SIZE - size,
                                  "# TYPE busward_cloud_%s %s\nbusward_cloud_%s %" PRIu64 "\n",
                                  rows[i].name, rows[i].type, rows[i].name, rows[i].value);
        if (more < 0 || (size_t)more >= METRICS_SIZE - size) {
            break;
        }
        size += (size_t)more;
    }
    return size;
}

// Of Kafka and of the hub's service side, zeros without them.
static size_t put_more_metrics(const struct app *app, char *text, size_t size)
{
    static const struct kafka_source no_kafka;
    static const struct hub_client_stats no_hub;
    const struct kafka_source *k = app->cfg.kafka != NULL ? app->cfg.kafka : &no_kafka;
    const struct hub_client_stats *hub =
        app->cfg.hub != NULL ? hub_client_stats(app->cfg.hub) : &no_hub;
    const struct metric rows[] = {
        {"kafka_messages_total", "counter", atomic_load(&k->messages)},
        {"kafka_others_total", "counter", atomic_load(&k->others)},
        {"kafka_bad_total", "counter", atomic_load(&k->bad)},
        {"kafka_lost_total", "counter", atomic_load(&k->lost)},
        {"kafka_rebalances_total", "counter", atomic_load(&k->rebalances)},
        {"kafka_errors_total", "counter", atomic_load(&k->errors)},
        {"kafka_partitions", "gauge", atomic_load(&k->partitions)},
        {"hub_calls_total", "counter", atomic_load(&hub->calls)},
        {"hub_failures_total", "counter", atomic_load(&hub->failures)},
        {"hub_retries_total", "counter", atomic_load(&hub->retries)},
        {"hub_tokens_total", "counter", atomic_load(&hub->tokens)},
    };
    return put_metrics(text, size, rows, COUNT_OF(rows));
}

void metrics_reply(struct app *app, struct http_conn *conn, bool is_forwarded)
{
    if (!http_is_loopback(conn) || is_forwarded || http_came_by_proxy(conn)) {
        answer_error(conn, 403, "forbidden", "answered to this machine only");
        return;
    }
    struct store *store = app->cfg.store;
    pthread_mutex_lock(&store->lock);
    const struct store_stats s = store->published;
    const uint64_t position = store->position;
    const uint32_t site_count = store->site_count;
    const uint32_t series_count = store->series_count;
    pthread_mutex_unlock(&store->lock);
    const struct follower *f = app->cfg.follower;
    const struct http_stats *h = http_server_stats(app->server);
    const struct metric rows[] = {
        {"store_samples_total", "counter", s.samples},
        {"store_late_samples_total", "counter", s.late},
        {"store_undated_samples_total", "counter", s.undated},
        {"store_quarantined_samples_total", "counter", s.quarantined},
        {"store_duplicate_messages_total", "counter", s.duplicates},
        {"store_gaps_total", "counter", s.gaps},
        {"store_events_total", "counter", s.events},
        {"store_messages_aside_total", "counter", s.aside},
        {"store_aside_dropped_total", "counter", s.aside_dropped},
        {"store_flight_parts_total", "counter", s.flight_parts},
        {"store_flight_dropped_total", "counter", s.flight_dropped},
        {"store_commits_total", "counter", s.commits},
        {"store_checkpoints_total", "counter", s.checkpoints},
        {"store_chunks_total", "counter", s.chunks},
        {"store_rollbacks_total", "counter", s.rollbacks},
        {"store_position", "gauge", position},
        {"store_durable", "gauge", store_durable(store)},
        {"store_sites", "gauge", site_count},
        {"store_series", "gauge", series_count},
        {"log_messages_total", "counter", atomic_load(&f->messages)},
        {"log_corrupt_total", "counter", atomic_load(&f->corrupt)},
        {"log_replaced_total", "counter", atomic_load(&f->replaced)},
        {"log_lost_total", "counter", atomic_load(&f->lost)},
        {"log_behind", "gauge", atomic_load(&f->behind)},
        {"http_connections_total", "counter", h->accepted},
        {"http_connections_refused_total", "counter", h->refused},
        {"http_connections_displaced_total", "counter", h->displaced},
        {"http_connections", "gauge", h->open},
        {"http_streams", "gauge", h->streams},
        {"http_streams_dropped_total", "counter", h->streams_dropped},
        {"http_requests_total", "counter", h->requests},
        {"http_malformed_total", "counter", h->malformed},
        {"http_answers_2xx_total", "counter", h->answers[2]},
        {"http_answers_4xx_total", "counter", h->answers[4]},
        {"http_answers_5xx_total", "counter", h->answers[5]},
        {"logins_throttled_total", "counter", app->throttled},
        {"logins_failed_total", "counter", app->logins_failed},
    };
    char text[METRICS_SIZE];
    size_t size = put_metrics(text, 0, rows, COUNT_OF(rows));
    size = put_more_metrics(app, text, size);
    http_reply(conn, &(struct http_reply){
                         .status = 200,
                         .type = "text/plain; version=0.0.4",
                         .headers = "Cache-Control: no-store\r\n",
                         .body = bytes_of(text, size),
                     });
}
