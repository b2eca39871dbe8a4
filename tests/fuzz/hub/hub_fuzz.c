// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/hub/hub_fuzz.h"

#include "azure/property_bag.h"
#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

static struct hub_bench *bench;

static const char device[1];  // the client of a
static const char backend[1]; // of the link
static const char guest[1];   // who tries to log in

static void close_bench(void)
{
    int result = hub_bench_close(bench);
    ASSERT(result == 0);
}

static struct bytes take_line(struct bytes *rest)
{
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, '\n', rest->size) : NULL;
    size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    struct bytes line = bytes_of(rest->data, size);
    size_t used = end != NULL ? size + 1 : size;
    *rest = bytes_of(rest->data + used, rest->size - used);
    return line;
}

static void begin(enum hub_mode mode, const char *sql)
{
    if (bench == NULL) {
        bench = hub_bench_open(mode, 16);
        ASSERT(bench != NULL);
        hub_bench_run(bench, sql);
        atexit(close_bench);
    }
    struct hub_config cfg = bench->hub.cfg;
    sim_medium_deinit(&bench->medium);
    sim_medium_init(&bench->medium, 1);
    bench->storage = sim_storage(&bench->medium);
    bench->cells = sim_cells(&bench->medium);
    struct hub_log_config log = {
        .storage = &bench->storage,
        .cells = &bench->cells,
        .buffer = bench->buffer,
        .buffer_size = sizeof(bench->buffer),
    };
    enum err err = hub_log_open(&bench->log, &log);
    hub_connections_deinit(&bench->connections);
    err = err == OK ? hub_connections_init(&bench->connections, 16) : err;
    ASSERT(err == OK);
    hub_init(&bench->hub, &cfg);
}

static bool ends_with(struct bytes text, const char *end)
{
    size_t size = strlen(end);
    return text.size >= size && memcmp(text.data + text.size - size, end, size) == 0;
}

// Everything that comes out concerns a, and is told to the backend or to a.
static void judge_outputs(void)
{
    struct hub_out out;
    for (int count = 0; hub_next(&bench->hub, &out); count++) {
        ASSERT(count < 16);
        bool is_to_backend = strcmp(out.client_id, HUB_LINK_CLIENT) == 0;
        ASSERT(is_to_backend || strcmp(out.client_id, "a") == 0);
        if (out.close_why != NULL) {
            ASSERT(!is_to_backend);
            continue;
        }
        if (is_to_backend) {
            ASSERT(ends_with(out.topic, "/hello") || ends_with(out.topic, "/a"));
            continue;
        }
        unsigned needed = hub_filter_needed(bench->hub.cfg.mode, hub_bench_text("a"), out.topic);
        const struct hub_connection *connection =
            hub_connections_find(&bench->connections, hub_bench_text("a"));
        ASSERT(needed != 0 && connection != NULL && connection->client == device);
        ASSERT((hub_filter_mask(connection->filters) & needed) != 0);
    }
}

static void try_login(struct bytes client_id, struct bytes user_name, struct bytes password)
{
    struct hub_connect in = {
        .client = guest,
        .client_id = client_id,
        .user_name = user_name,
        .password = password,
        .is_clean = true,
        .utc_s = 1,
    };
    struct hub_answer answer = hub_connect(&bench->hub, &in);
    ASSERT((answer.outcome == HUB_OK) == (answer.why == NULL));
    const struct hub_connection *connection = hub_connections_find(&bench->connections, client_id);
    ASSERT((connection != NULL) == (answer.outcome == HUB_OK));
    ASSERT(connection == NULL || (connection->client == guest && client_id.size > 0));
    hub_disconnect(&bench->hub, guest, client_id);
    judge_outputs();
    ASSERT(bench->connections.count == 0);
}

// As a message, or as the will of a connection that has ended.
static void publish(struct bytes topic, struct bytes payload, bool may)
{
    uint64_t before = bench->log.stats.stored;
    struct hub_publish in = {
        .client = device,
        .client_id = hub_bench_text("a"),
        .topic = topic,
        .payload = payload,
        .utc_ms = 1,
    };
    bool is_will = hub_is_will(&bench->hub, device);
    struct hub_answer answer =
        is_will ? hub_store_will(&bench->hub, &in) : hub_publish(&bench->hub, &in);
    judge_outputs();
    ASSERT((answer.outcome == HUB_OK) == (answer.why == NULL));
    ASSERT(may || answer.outcome != HUB_OK);
    ASSERT(bench->log.stats.stored - before == (answer.sequence != 0));
    if (answer.sequence == 0) {
        return;
    }
    struct az_topic parsed;
    enum err err = az_topic_parse(topic, &parsed);
    ASSERT(err == OK && parsed.kind == AZ_EVENTS);
    ASSERT(bytes_equal(parsed.device_id, hub_bench_text("a")));
    size_t segment_size = 0;
    const uint8_t *segment = sim_storage_bytes(&bench->medium, 1, &segment_size);
    size_t head = 1 + 8 + 1 + 1 + 1 + 1 + 2 + parsed.bag.size;
    ASSERT(segment_size >= head + payload.size);
    struct hub_record record;
    const uint8_t *stored = segment + segment_size - head - payload.size;
    err = hub_record_decode(bytes_of(stored, head + payload.size), &record);
    ASSERT(err == OK && bytes_equal(record.device_id, hub_bench_text("a")));
    ASSERT(bytes_equal(record.properties, parsed.bag));
    ASSERT(bytes_equal(record.payload, payload) && record.is_will == is_will);
}

static void be_backend(struct bytes topic, struct bytes payload)
{
    struct hub_publish in = {.client = backend,
                             .client_id = hub_bench_text(HUB_LINK_CLIENT),
                             .topic = topic,
                             .payload = payload};
    struct hub_answer answer = hub_publish(&bench->hub, &in);
    ASSERT(answer.outcome == HUB_OK || answer.outcome == HUB_IGNORED);
    ASSERT((answer.outcome == HUB_OK) == (answer.why == NULL));
    judge_outputs();
    ASSERT(bench->hub.link.sent >= bench->hub.link.acknowledged);
}

static void be_connected(struct bytes topic, struct bytes payload)
{
    struct hub_connect in = hub_bench_connect(bench, device, "a", 1);
    in.is_clean = false;
    struct hub_answer answer = hub_connect(&bench->hub, &in);
    ASSERT(answer.outcome == HUB_OK);
    publish(topic, payload, true); // the backend is away
    answer = hub_subscribe(&bench->hub, device, hub_bench_text("a"), topic, 1);
    ASSERT(answer.outcome != HUB_OK || ends_with(topic, "#"));
    publish(topic, payload, true); // it may listen for the refusal now
    struct hub_connect link = {
        .client = backend, .client_id = hub_bench_text(HUB_LINK_CLIENT), .is_local = true};
    answer = hub_connect(&bench->hub, &link);
    ASSERT(answer.outcome == HUB_OK);
    be_backend(topic, payload);
    be_backend(hub_bench_text("sync"), payload);
    publish(topic, payload, true);
    be_backend(topic, payload);
    // With every subscription, so that whatever may be sent is.
    static const char *const all[] = {AZ_FILTER_METHODS, AZ_FILTER_TWIN_ANSWER,
                                      AZ_FILTER_TWIN_DESIRED, AZ_FILTER_C2D_ANY, AZ_FILTER_DPS};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        hub_subscribe(&bench->hub, device, hub_bench_text("a"), hub_bench_text(all[i]), 1);
    }
    be_backend(hub_bench_text("to/2/1/a"), payload);
    be_backend(hub_bench_text("to/2/1/b"), payload);
    be_backend(hub_bench_text("tell/2/7/a"), payload);
    publish(topic, payload, true); // perhaps a request that this backend will not answer
    answer = hub_connect(&bench->hub, &link);
    ASSERT(answer.outcome == HUB_OK);
    judge_outputs();
    be_backend(hub_bench_text("sync"), payload);
    be_backend(topic, payload);
    hub_unsubscribe(&bench->hub, device, hub_bench_text("a"), topic);
    hub_tick(&bench->hub, 1, true);
    judge_outputs();
}

void hub_fuzz_run(enum hub_mode mode, const char *sql, struct bytes input)
{
    begin(mode, sql);
    struct bytes rest = input;
    struct bytes client_id = take_line(&rest);
    struct bytes user_name = take_line(&rest);
    struct bytes password = take_line(&rest);
    struct bytes topic = take_line(&rest);
    try_login(client_id, user_name, password);
    be_connected(topic, rest);
    hub_disconnect(&bench->hub, device, hub_bench_text("a"));
    judge_outputs();
    publish(topic, rest, mode == HUB_MODE_HUB); // its will
    publish(topic, rest, false);                // there is but one
}
