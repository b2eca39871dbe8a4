// SPDX-License-Identifier: Apache-2.0
// A real hub.db in a temporary folder.
#ifndef TEST_STORE_BENCH_H
#define TEST_STORE_BENCH_H

#include "apps/hub/backend/registry.h"
#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct store_bench {
    char folder[64];
    struct store store;
    struct verdict why;
};

static inline struct bytes span(const char *text)
{
    return bytes_of(text, strlen(text));
}

static inline void bench_open(struct store_bench *b)
{
    snprintf(b->folder, sizeof(b->folder), "/tmp/hub-backend-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    assert_int_equal(store_open(&b->store, b->folder), OK);
    assert_int_equal(store_set_meta(&b->store, "host", "hub.test"), OK);
}

// As after a power cut: another connection sees what was committed.
static inline void bench_reopen(struct store_bench *b)
{
    store_close(&b->store);
    assert_int_equal(store_open(&b->store, b->folder), OK);
}

static inline void bench_close(struct store_bench *b)
{
    static const char *const names[] = {"hub.db", "hub.db-wal", "hub.db-shm"};
    store_close(&b->store);
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s/%s", b->folder, names[i]);
        unlink(path);
    }
    rmdir(b->folder);
}

static inline struct device bench_device(struct store_bench *b, const char *id)
{
    struct device device = {.is_enabled = true};
    snprintf(device.id, sizeof(device.id), "%s", id);
    assert_true(registry_create(&b->store, &device, 1000, &b->why));
    return device;
}

static inline int64_t bench_number(struct store_bench *b, const char *sql)
{
    sqlite3_stmt *s = NULL;
    assert_int_equal(sqlite3_prepare_v2(b->store.handle, sql, -1, &s, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    int64_t number = sqlite3_column_int64(s, 0);
    sqlite3_finalize(s);
    return number;
}

#endif
