// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/hub/hub_bench.h"

#include "apps/hub/directory/schema.h"
#include "base/assert.h"
#include "port/api/hmac.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct bytes hub_bench_text(const char *text)
{
    return bytes_of(text, strlen(text));
}

void hub_bench_run(struct hub_bench *bench, const char *sql)
{
    char *why = NULL;
    if (sqlite3_exec(bench->writer, sql, NULL, NULL, &why) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sql, why);
        ASSERT(false);
    }
}

struct hub_bench *hub_bench_open(enum hub_mode mode, uint32_t capacity)
{
    struct hub_bench *bench = calloc(1, sizeof(*bench));
    ASSERT(bench != NULL);
    strcpy(bench->folder, "/tmp/busward-hub-XXXXXX");
    if (mkdtemp(bench->folder) == NULL) {
        return NULL;
    }
    snprintf(bench->path, sizeof(bench->path), "%s/hub.db", bench->folder);
    if (sqlite3_open(bench->path, &bench->writer) != SQLITE_OK || chmod(bench->path, 0600) != 0) {
        return NULL;
    }
    hub_bench_run(bench, "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF");
    enum err err = hub_schema_create(bench->writer);
    hub_bench_run(bench, "INSERT INTO meta VALUES ('host', 'h.org'), ('id_scope', 'scope');"
                         "INSERT INTO device(id, key1) VALUES ('a', " HUB_BENCH_KEY_SQL
                         "), ('b', " HUB_BENCH_KEY_SQL ")");
    hub_directory_open(&bench->directory, bench->path);
    sim_medium_init(&bench->medium, 1);
    bench->storage = sim_storage(&bench->medium);
    bench->cells = sim_cells(&bench->medium);
    struct hub_log_config log = {
        .storage = &bench->storage,
        .cells = &bench->cells,
        .buffer = bench->buffer,
        .buffer_size = sizeof(bench->buffer),
        .bytes_max = HUB_LOG_BYTES_MIN,
    };
    struct hub_config hub = {
        .mode = mode,
        .directory = &bench->directory,
        .connections = &bench->connections,
        .log = mode == HUB_MODE_HUB ? &bench->log : NULL,
        .boot = 0xb007,
    };
    if (err != OK || hub_connections_init(&bench->connections, capacity) != OK ||
        hub_log_open(&bench->log, &log) != OK) {
        return NULL;
    }
    hub_init(&bench->hub, &hub);
    return bench;
}

int hub_bench_close(struct hub_bench *bench)
{
    hub_directory_close(&bench->directory);
    hub_connections_deinit(&bench->connections);
    sim_medium_deinit(&bench->medium);
    sqlite3_close(bench->writer);
    static const char *const tails[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < COUNT_OF(tails); i++) {
        char path[96];
        snprintf(path, sizeof(path), "%s%s", bench->path, tails[i]);
        unlink(path);
    }
    int result = rmdir(bench->folder);
    free(bench);
    return result;
}

struct bytes hub_bench_sign(struct hub_bench *bench, const struct hub_bench_token *token)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[256];
    snprintf(text, sizeof(text), "%s\n%u", token->resource, token->expiry_utc_s);
    uint8_t digest[HMAC_SHA256_SIZE + 1] = {0};
    hmac_sha256(hub_bench_text(token->key), hub_bench_text(text), digest);
    char signature[3 * 44 + 1];
    size_t at = 0;
    for (size_t i = 0; i < 43; i++) {
        unsigned bits = (unsigned)digest[i * 6 / 8] << 8 | digest[i * 6 / 8 + 1];
        char c = digits[bits >> (10 - i * 6 % 8) & 63];
        at += (size_t)snprintf(signature + at, sizeof(signature) - at, c == '+' ? "%%2B" : "%c", c);
    }
    snprintf(bench->password, sizeof(bench->password),
             "SharedAccessSignature sr=%s&sig=%s%%3D&se=%u%s%s", token->resource, signature,
             token->expiry_utc_s, token->policy != NULL ? "&skn=" : "",
             token->policy != NULL ? token->policy : "");
    return hub_bench_text(bench->password);
}

struct hub_connect hub_bench_connect(struct hub_bench *bench, const void *client, const char *id,
                                     uint64_t utc_s)
{
    bool is_dps = bench->hub.cfg.mode == HUB_MODE_DPS;
    char resource[256];
    snprintf(resource, sizeof(resource),
             is_dps ? "scope%%2Fregistrations%%2F%s" : "h.org%%2Fdevices%%2F%s", id);
    snprintf(bench->user_name, sizeof(bench->user_name),
             is_dps ? "scope/registrations/%s/api-version=2019-03-31"
                    : "h.org/%s/?api-version=2021-04-12",
             id);
    struct hub_bench_token token = {resource, HUB_BENCH_KEY, 1000, is_dps ? "registration" : NULL};
    return (struct hub_connect){
        .client = client,
        .client_id = hub_bench_text(id),
        .user_name = hub_bench_text(bench->user_name),
        .password = hub_bench_sign(bench, &token),
        .is_clean = true,
        .utc_s = utc_s,
    };
}

struct hub_answer hub_bench_publish(struct hub_bench *bench, const void *client, const char *id,
                                    const char *topic, struct bytes payload)
{
    struct hub_publish in = {
        .client = client,
        .client_id = hub_bench_text(id),
        .topic = hub_bench_text(topic),
        .payload = payload,
        .utc_ms = 5000,
    };
    return hub_publish(&bench->hub, &in);
}

struct hub_out hub_bench_next(struct hub_bench *bench)
{
    struct hub_out out;
    bool is_there = hub_next(&bench->hub, &out);
    ASSERT(is_there);
    return out;
}

bool hub_bench_is_quiet(struct hub_bench *bench)
{
    struct hub_out out;
    return !hub_next(&bench->hub, &out);
}

bool hub_bench_is(const struct hub_out *out, const char *client, const char *topic,
                  const char *payload)
{
    char whole[4096];
    size_t at = 0;
    for (size_t i = 0; i < COUNT_OF(out->parts); i++) {
        if (out->parts[i].size > 0) {
            ASSERT(at + out->parts[i].size < sizeof(whole));
            memcpy(whole + at, out->parts[i].data, out->parts[i].size);
            at += out->parts[i].size;
        }
    }
    for (size_t i = 0; i < at; i++) {
        whole[i] = whole[i] == '\0' ? '|' : whole[i]; // the 0 between topic and body
    }
    whole[at] = '\0';
    bool is_same = out->close_why == NULL && strcmp(out->client_id, client) == 0 &&
                   bytes_equal(out->topic, hub_bench_text(topic)) && strcmp(whole, payload) == 0;
    if (!is_same) {
        fprintf(stderr, "to %s: %.*s %s %s\n", out->client_id, (int)out->topic.size,
                (const char *)out->topic.data, whole, out->close_why != NULL ? out->close_why : "");
    }
    return is_same;
}
