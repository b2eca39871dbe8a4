// SPDX-License-Identifier: Apache-2.0
// The backend on a real database, in virtual time, between two brokers whose part is played here by
// the bytes of docs/protocol/hub-link.md.
#ifndef HUB_BACKEND_WORLD_H
#define HUB_BACKEND_WORLD_H

#include "apps/hub/backend/backend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { SLOTS = 64, CALLS = 16, LINES_MAX = 400, LINE_SIZE = 700 };

struct world {
    char folder[64];
    struct store store;
    struct backend backend;
    struct session slots[BROKER_COUNT][SLOTS];
    struct methods_call calls[CALLS];
    uint8_t payloads[CALLS * METHODS_PAYLOAD_SIZE_MAX];
    uint8_t notices[TWINS_NOTICE_BYTES];
    struct verdict why;
    struct backend_time now;
    uint64_t sequence[BROKER_COUNT];
    // What the backend published, oldest first: "topic|topic of the device|body".
    char lines[LINES_MAX][LINE_SIZE];
    size_t line_count, line_read, handed_over;
};

extern struct world w;

static inline struct bytes span(const char *text)
{
    return bytes_of(text, strlen(text));
}

// Takes what the backend publishes there.
void drain(enum backend_broker broker);
// Inputs of the hub's or DPS's link as the plugin sends them, each drained.
void message(enum backend_broker broker, const char *rest, const char *payload, size_t size);
void text_message(enum backend_broker broker, const char *rest, const char *payload);
// A new link: it asks, and a snapshot begins.
void hello(enum backend_broker broker, const char *boot);
void up(const char *device, int connection, bool is_clean, int mask);
void request(enum backend_broker broker, const char *device, int connection, const char *topic,
             const char *body);
// Virtual time, second by second.
void pass_seconds(uint64_t seconds);
// The next line but acknowledgements of the link; "" if there is none.
const char *next_line(void);
void expect_begin(const char *want);
void expect_none(void);
// The plugin hands over every message that it is to tell of, and does.
void hand_over_all(void);
// Or drops them, and says nothing.
void drop_all(void);
// cmocka's set-up and teardown: devices d and e are registered.
int open_world(void **state);
int close_world(void **state);
// As by kill -9: nothing is told, the database is opened by the next life.
void restart_backend(uint32_t salt);
// The one number that this SQL gives.
int64_t number(const char *sql);

#endif
