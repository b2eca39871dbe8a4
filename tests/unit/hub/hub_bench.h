// SPDX-License-Identifier: Apache-2.0
// A whole hub without a broker, for tests: a real hub.db in a folder of its own with the devices a
// and b (key HUB_BENCH_KEY), the log on the virtual disk.
#ifndef HUB_BENCH_H
#define HUB_BENCH_H

#include "apps/hub/hub.h"
#include "apps/hub/log_reader.h"
#include "sim/cells.h"
#include "sim/storage.h"

struct sqlite3;

#define HUB_BENCH_KEY     "0123456789abcdef"
#define HUB_BENCH_KEY_SQL "x'30313233343536373839616263646566'"

struct hub_bench {
    char folder[64];
    char path[80];
    struct sqlite3 *writer;
    struct hub_directory directory;
    struct hub_connections connections;
    struct sim_medium medium;
    struct storage storage;
    struct cells cells;
    struct hub_log log;
    struct hub hub;
    uint8_t buffer[HUB_LOG_READER_BUFFER_MIN];
    char password[HUB_SAS_SIZE_MAX];
    char user_name[512];
};

struct hub_bench_token {
    const char *resource; // percent-encoded, as it is signed
    const char *key;      // raw bytes as text
    unsigned expiry_utc_s;
    const char *policy; // NULL: none
};

struct bytes hub_bench_text(const char *text);
// calloc'ed; NULL if anything failed.
struct hub_bench *hub_bench_open(enum hub_mode mode, uint32_t capacity);
int hub_bench_close(struct hub_bench *bench); // 0: the folder is gone
void hub_bench_run(struct hub_bench *bench, const char *sql);

// Signed here, into bench->password.
struct bytes hub_bench_sign(struct hub_bench *bench, const struct hub_bench_token *token);
// A CONNECT of that device by HUB_BENCH_KEY with a token that is good until 1000; changed as one
// likes before hub_connect.
struct hub_connect hub_bench_connect(struct hub_bench *bench, const void *client, const char *id,
                                     uint64_t utc_s);
struct hub_answer hub_bench_publish(struct hub_bench *bench, const void *client, const char *id,
                                    const char *topic, struct bytes payload);
// The next output; fails the test if there is none.
struct hub_out hub_bench_next(struct hub_bench *bench);
bool hub_bench_is_quiet(struct hub_bench *bench);
// Compares topic and payload of an output.
bool hub_bench_is(const struct hub_out *out, const char *client, const char *topic,
                  const char *payload);

#endif
