// SPDX-License-Identifier: Apache-2.0
#include "tests/fuzz/hub/backend_fuzz.h"

#include "base/assert.h"
#include "port/linux/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SLOTS = 16, CALLS = 4 };

const struct backend_time backend_fuzz_now = {.now_us = 1000000, .utc_ms = 1800000000000};

static struct store store;
static struct backend backend;
static char folder[64];
static struct session slots[BROKER_COUNT][SLOTS];
static struct methods_call calls[CALLS];
static uint8_t payloads[CALLS * METHODS_PAYLOAD_SIZE_MAX];
static uint8_t notices[TWINS_NOTICE_BYTES];

static void clean_up(void)
{
    static const char *const names[] = {"hub.db", "hub.db-wal", "hub.db-shm"};
    store_close(&store);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
        unlink(path);
    }
    rmdir(folder);
}

static void make_store(void)
{
    static struct enrolment e;
    struct verdict why;
    snprintf(folder, sizeof(folder), "/tmp/backend-fuzz-XXXXXX");
    ASSERT(log_set_level("error") == OK && mkdtemp(folder) != NULL &&
           store_open(&store, folder) == OK);
    atexit(clean_up);
    struct device device = {.id = "a", .is_enabled = true};
    ASSERT(registry_create(&store, &device, 1, &why));
    e = (struct enrolment){.id = "a", .is_enabled = true};
    ASSERT(enrolments_write(&store, &e, NULL, 1, &why));
    e = (struct enrolment){.id = "g",
                           .is_group = true,
                           .is_enabled = true,
                           .allocation = ALLOCATION_CUSTOM,
                           .table = "[{\"match\":\"b*\",\"payload\":{}}]"};
    ASSERT(enrolments_write(&store, &e, NULL, 1, &why));
}

struct backend *backend_fuzz_begin(void)
{
    struct backend_config cfg = {.store = &store,
                                 .slots = {slots[0], slots[1]},
                                 .slot_count = SLOTS,
                                 .calls = calls,
                                 .call_count = CALLS,
                                 .payloads = payloads,
                                 .notices = notices,
                                 .salt = 7,
                                 .host = "hub.test"};
    if (folder[0] == '\0') {
        make_store();
    }
    ASSERT(store_begin(&store) == OK);
    backend_init(&backend, &cfg);
    return &backend;
}

size_t backend_fuzz_drain(struct backend *b)
{
    struct backend_out out;
    size_t count = 0;
    for (int i = 0; i < BROKER_COUNT; i++) {
        while (backend_next(b, (enum backend_broker)i, backend_fuzz_now, &out)) {
            bool is_to = strncmp(out.topic, "to/", 3) == 0 || strncmp(out.topic, "tell/", 5) == 0;
            ASSERT(is_to || strcmp(out.topic, "sync") == 0 || strncmp(out.topic, "ack/", 4) == 0);
            if (is_to) { // only ever to devices that are known to be there
                const char *device = strchr(strchr(strchr(out.topic, '/') + 1, '/') + 1, '/') + 1;
                struct az_topic topic;
                size_t size = strlen((const char *)out.payload.data);
                ASSERT(sessions_find(&b->sessions[i], bytes_of(device, strlen(device))) != NULL);
                ASSERT(az_topic_parse(bytes_of(out.payload.data, size), &topic) == OK);
            }
            count++;
        }
    }
    return count;
}

void backend_fuzz_end(struct backend *b)
{
    backend_tick(b, (struct backend_time){.now_us = 1000000000, .utc_ms = 1800001000000});
    backend_fuzz_drain(b);
    ASSERT(store_end(&store, false) == OK);
}
