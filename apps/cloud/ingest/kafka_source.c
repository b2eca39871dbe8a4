// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/ingest/kafka_source.h"

#include "apps/cloud/ingest/kafka_message.h"
#include "apps/cloud/ingest/kafka_private.h"
#include "base/assert.h"
#include "base/time.h"
#include "port/linux/log.h"
#include "port/linux/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define MODULE "kafka"

enum err kafka_source_open(struct kafka_source *k, const struct kafka_config *cfg)
{
    *k = (struct kafka_source){.cfg = *cfg};
    // Whoever names other brokers begins anew: an offset of one cluster says nothing in another.
    if (snprintf(k->name, sizeof(k->name), "kafka:%s/%s", cfg->bootstrap, cfg->topic) >=
        (int)sizeof(k->name)) {
        log_error(MODULE, "setting", "why=\"brokers and topic are more than %d characters\"",
                  KAFKA_SOURCE_SIZE);
        return ERR_ARG;
    }
    k->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    k->bag = malloc(HUB_PROPERTIES_SIZE_MAX);
    k->touched = calloc(KAFKA_PARTITIONS_MAX, sizeof(k->touched[0]));
    k->doubts = calloc(KAFKA_PARTITIONS_MAX, sizeof(k->doubts[0]));
    if (k->fd < 0 || k->bag == NULL || k->touched == NULL || k->doubts == NULL) {
        return ERR_FULL;
    }
    const enum err err = worker_start("kafka-asks", KAFKA_PARTITIONS_MAX, &k->asker);
    if (err != OK) {
        return err;
    }
    return kafka_client_open(k);
}

void kafka_source_close(struct kafka_source *k)
{
    if (k->bag == NULL) {
        return;
    }
    atomic_store(&k->is_closing, true);
    worker_stop(k->asker); // before the client that it asks
    k->asker = NULL;
    kafka_client_close(k);
    close(k->fd);
    free(k->doubts);
    free(k->bag);
    free(k->touched);
    k->bag = NULL;
}

int kafka_source_fd(const struct kafka_source *k)
{
    return k->fd;
}

static size_t headers_of(const rd_kafka_message_t *m, struct kafka_header *out)
{
    rd_kafka_headers_t *headers = NULL;
    size_t count = 0;
    const void *value = NULL;
    size_t size = 0;
    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return 0;
    }
    while (count < KAFKA_HEADERS_MAX &&
           rd_kafka_header_get_all(headers, count, &out[count].name, &value, &size) ==
               RD_KAFKA_RESP_ERR_NO_ERROR) {
        out[count++].value = bytes_of(value, value != NULL ? size : 0);
    }
    return count;
}

// Other messages in the same event hub may be many: one line says how many there were.
static void say_bad(struct kafka_source *k, const rd_kafka_message_t *m, const char *why)
{
    const uint64_t bad = atomic_fetch_add(&k->bad, 1) + 1;
    if (k->bad_said > 0 && k->turn_us - k->bad_said_us < KAFKA_SAY_MS * US_PER_MS) {
        return;
    }
    log_warn(MODULE, "bad",
             "partition=%d offset=%" PRId64 " size=%zu why=\"%s\" since_last=%" PRIu64,
             m->partition, m->offset, m->len, why, bad - k->bad_said);
    k->bad_said = bad;
    k->bad_said_us = k->turn_us;
}

static int64_t stamp_of(const rd_kafka_message_t *m)
{
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    const int64_t stamp_ms = rd_kafka_message_timestamp(m, &type);
    struct timespec now; // a producer need not stamp; 1970 would set all of it apart
    if (stamp_ms > 0) {
        return stamp_ms;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static enum err take_message(struct kafka_source *k, const rd_kafka_message_t *m)
{
    struct ingest *ingest = k->cfg.ingest;
    struct kafka_header headers[KAFKA_HEADERS_MAX];
    struct hub_record record;
    const char *why = "";
    const struct kafka_message message = {.headers = headers,
                                          .header_count = headers_of(m, headers),
                                          .payload =
                                              bytes_of(m->payload, m->payload != NULL ? m->len : 0),
                                          .stamp_ms = stamp_of(m)};
    enum err err = OK;
    if (!kafka_place_check(k, m, &err)) {
        return err;
    }
    err = ingest->store->in_batch ? OK : store_begin(ingest->store);
    if (err != OK) {
        return err;
    }
    switch (kafka_message_read(&message, k->bag, HUB_PROPERTIES_SIZE_MAX, &record, &why)) {
    case KAFKA_D2C: err = ingest_message(ingest, (uint64_t)m->offset + 1, &record); break;
    case KAFKA_OTHER: atomic_fetch_add(&k->others, 1); break;
    case KAFKA_BAD: say_bad(k, m, why); break;
    }
    atomic_fetch_add(&k->messages, 1);
    const struct store_offset to = {.next = m->offset + 1, .record = kafka_message_hash(m)};
    return err == OK ? kafka_touch(k, m->partition, to) : err;
}

static enum err take_error(struct kafka_source *k, const rd_kafka_message_t *m)
{
    if (m->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
        m->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE) {
        kafka_place_lost(k, m->partition);
        return OK;
    }
    atomic_fetch_add(&k->errors, 1);
    atomic_store(&k->state, m->err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
                                    m->err == RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED
                                ? KAFKA_FAILING
                                : KAFKA_WAITS);
    log_warn(MODULE, "error", "code=%s why=%s", rd_kafka_err2name(m->err),
             log_quote(rd_kafka_message_errstr(m)).text);
    return OK;
}

// ERR_EMPTY: nothing was there.
static enum err fill(struct kafka_source *k)
{
    struct ingest *ingest = k->cfg.ingest;
    bool has_begun = false;
    enum err err = kafka_place_answers(k);
    err = err == OK ? ingest_again(ingest, &has_begun) : err;
    for (int count = 0;
         err == OK && count < KAFKA_MESSAGES_MAX && ingest->batch_samples < STORE_BATCH_SAMPLES_MAX;
         count++) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(kafka_client(k), 0);
        if (m == NULL) {
            break;
        }
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            atomic_store(&k->state, KAFKA_OK);
            err = take_message(k, m);
        } else {
            err = take_error(k, m);
        }
        rd_kafka_message_destroy(m);
    }
    return err == OK && !ingest->store->in_batch ? ERR_EMPTY : err;
}

static enum err commit(struct kafka_source *k)
{
    struct store *store = k->cfg.ingest->store;
    const struct bytes source = bytes_of(k->name, strlen(k->name));
    enum err err = OK;
    for (unsigned i = 0; err == OK && i < k->touched_count; i++) {
        err = store_set_offset(store, source, k->touched[i].part, k->touched[i].to);
    }
    return err == OK ? store_commit(store, store->position) : err;
}

static enum err undo(struct kafka_source *k, enum err why)
{
    struct ingest *ingest = k->cfg.ingest;
    log_error(MODULE, "undone", "err=%s", err_name(why));
    atomic_store(&k->state, KAFKA_FAILING);
    k->touched_count = 0;
    k->must_place = true;
    k->new_told_us = 0;
    ingest_undone(ingest);
    enum err err = store_rollback(ingest->store);
    if (err == OK) {
        err = catalogues_load(ingest->catalogues);
    }
    k->must_undo = err != OK;
    return err == OK ? why : err;
}

// So that tools for groups show how far we are; nothing here reads it.
static void show(struct kafka_source *k, uint64_t now_us)
{
    if (now_us - k->shown_us < KAFKA_SHOW_MS * US_PER_MS) {
        return;
    }
    k->shown_us = now_us;
    rd_kafka_topic_partition_list_t *parts = NULL;
    if (rd_kafka_assignment(kafka_client(k), &parts) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    const struct bytes source = bytes_of(k->name, strlen(k->name));
    for (int i = parts->cnt - 1; i >= 0; i--) {
        struct store_offset at = {.next = 0};
        if (store_find_offset(k->cfg.ingest->store, source, parts->elems[i].partition, &at) != OK) {
            (void)rd_kafka_topic_partition_list_del_by_idx(parts, i);
        } else {
            parts->elems[i].offset = at.next;
        }
    }
    if (parts->cnt > 0) {
        (void)rd_kafka_commit(kafka_client(k), parts, 1);
    }
    rd_kafka_topic_partition_list_destroy(parts);
}

enum err kafka_source_turn(struct kafka_source *k, uint64_t now_us)
{
    eventfd_t seen = 0;
    (void)eventfd_read(k->fd, &seen); // before the poll: what comes from now on wakes again
    if (k->must_undo) {
        return undo(k, ERR_IO);
    }
    k->touched_count = 0;
    k->turn_us = now_us;
    ingest_begin(k->cfg.ingest);
    if (k->must_place) {
        kafka_place_again(k, now_us);
    }
    enum err err = fill(k);
    if (err == ERR_EMPTY) {
        return err;
    }
    if (err == OK) {
        err = commit(k);
    }
    if (err != OK) {
        return undo(k, err);
    }
    ingest_tell(k->cfg.ingest, k->cfg.live);
    show(k, now_us);
    return OK;
}
