// SPDX-License-Identifier: Apache-2.0
#include "hub_backend_world.h"

#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct world w;

void drain(enum backend_broker broker)
{
    struct backend_out out;
    while (backend_next(&w.backend, broker, w.now, &out)) {
        assert_true(w.line_count < LINES_MAX);
        char *line = w.lines[w.line_count];
        const char *inner = out.payload.size > 0 ? (const char *)out.payload.data : "";
        size_t size = out.payload.size > 0 ? strlen(inner) + 1 : 0;
        snprintf(line, LINE_SIZE, "%s|%s|%.*s", out.topic, inner, (int)(out.payload.size - size),
                 inner + size);
        w.line_count++;
    }
}

static void start_backend(uint32_t salt)
{
    struct backend_config cfg = {.store = &w.store,
                                 .slots = {w.slots[0], w.slots[1]},
                                 .slot_count = SLOTS,
                                 .calls = w.calls,
                                 .call_count = CALLS,
                                 .payloads = w.payloads,
                                 .notices = w.notices,
                                 .salt = salt,
                                 .host = "hub.test"};
    assert_int_equal(store_open(&w.store, w.folder), OK);
    backend_init(&w.backend, &cfg);
}

// Inputs of the links, each drained.
void message(enum backend_broker broker, const char *rest, const char *payload, size_t size)
{
    char topic[300];
    snprintf(topic, sizeof(topic), "l/%llu/%s", (unsigned long long)++w.sequence[broker], rest);
    backend_message(&w.backend, broker, w.now, span(topic), bytes_of(payload, size));
    drain(broker);
}

void text_message(enum backend_broker broker, const char *rest, const char *payload)
{
    message(broker, rest, payload, strlen(payload));
}

void hello(enum backend_broker broker, const char *boot)
{
    backend_connected(&w.backend, broker);
    w.sequence[broker] = 0;
    drain(broker);
    text_message(broker, "hello", boot);
}

void up(const char *device, int connection, bool is_clean, int mask)
{
    char rest[200];
    char json[100];
    snprintf(rest, sizeof(rest), "up/%d/%s", connection, device);
    snprintf(json, sizeof(json), "{\"auth\":\"sas\",\"clean\":%s,\"subscriptions\":%d}",
             is_clean ? "true" : "false", mask);
    text_message(BROKER_HUB, rest, json);
}

void request(enum backend_broker broker, const char *device, int connection, const char *topic,
             const char *body)
{
    char rest[200];
    char payload[2000];
    snprintf(rest, sizeof(rest), "req/%d/%s", connection, device);
    size_t size = strlen(topic) + 1;
    memcpy(payload, topic, size);
    memcpy(payload + size, body, strlen(body));
    message(broker, rest, payload, size + strlen(body));
}

void pass_seconds(uint64_t seconds)
{
    for (uint64_t i = 0; i < seconds; i++) {
        w.now.now_us += US_PER_S;
        w.now.utc_ms += 1000;
        if (w.now.now_us >= backend_deadline_us(&w.backend)) {
            backend_tick(&w.backend, w.now);
        }
        drain(BROKER_HUB);
    }
}

// The next line but acknowledgements of the link; "" if there is none.
const char *next_line(void)
{
    while (w.line_read < w.line_count) {
        const char *line = w.lines[w.line_read++];
        if (strncmp(line, "ack/", 4) != 0 && strncmp(line, "sync", 4) != 0) {
            return line;
        }
    }
    return "";
}

void expect_begin(const char *want)
{
    const char *line = next_line();
    if (strncmp(line, want, strlen(want)) != 0) {
        fail_msg("got  %s\nwant %s", line, want);
    }
}

void expect_none(void)
{
    assert_string_equal(next_line(), "");
}

// The plugin hands over every message that it was told to, and says so.
void hand_over_all(void)
{
    for (; w.handed_over < w.line_count; w.handed_over++) {
        unsigned long long connection = 0;
        unsigned long long token = 0;
        char device[64];
        char rest[200];
        char text[24];
        if (sscanf(w.lines[w.handed_over], "tell/%llu/%llu/%63[^|]", &connection, &token, device) ==
            3) {
            snprintf(rest, sizeof(rest), "took/%llu/%s", connection, device);
            snprintf(text, sizeof(text), "%llu", token);
            text_message(BROKER_HUB, rest, text);
        }
    }
}

// It dropped them: nothing of it is said.
void drop_all(void)
{
    w.handed_over = w.line_count;
}

int open_world(void **state)
{
    (void)state;
    memset(&w, 0, sizeof(w));
    w.now = (struct backend_time){.now_us = 1000000, .utc_ms = 1800000000000};
    snprintf(w.folder, sizeof(w.folder), "/tmp/hub-scenario-XXXXXX");
    assert_non_null(mkdtemp(w.folder));
    start_backend(1);
    assert_int_equal(store_set_meta(&w.store, "host", "hub.test"), OK);
    struct device device = {.id = "d", .is_enabled = true};
    assert_true(registry_create(&w.store, &device, w.now.utc_ms, &w.why));
    struct device other = {.id = "e", .is_enabled = true};
    assert_true(registry_create(&w.store, &other, w.now.utc_ms, &w.why));
    return 0;
}

int close_world(void **state)
{
    static const char *const names[] = {"hub.db", "hub.db-wal", "hub.db-shm"};
    (void)state;
    store_close(&w.store);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s/%s", w.folder, names[i]);
        unlink(path);
    }
    rmdir(w.folder);
    return 0;
}

// As by kill -9: nothing is told, the database is opened by the next life.
void restart_backend(uint32_t salt)
{
    store_close(&w.store);
    memset(w.slots, 0, sizeof(w.slots));
    start_backend(salt);
}

int64_t number(const char *sql)
{
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(w.store.handle, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return value;
}
