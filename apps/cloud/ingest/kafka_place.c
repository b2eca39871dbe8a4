// SPDX-License-Identifier: Apache-2.0
// Where in each partition to go on. Only the store decides that.
#include "apps/cloud/ingest/kafka_private.h"
#include "base/time.h"
#include "port/linux/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MODULE "kafka"

enum { WATERMARK_TIMEOUT_MS = 2000 };

static struct bytes source_of(const struct kafka_source *k)
{
    return bytes_of(k->name, strlen(k->name));
}

enum err kafka_touch(struct kafka_source *k, int32_t part, int64_t next)
{
    for (unsigned i = 0; i < k->touched_count; i++) {
        if (k->touched[i].part == part) {
            k->touched[i].next = next;
            return OK;
        }
    }
    if (k->touched_count == KAFKA_PARTITIONS_MAX) {
        return ERR_FULL;
    }
    k->touched[k->touched_count++] = (struct kafka_touched){.part = part, .next = next};
    return OK;
}

// ERR_NOT_FOUND: nothing of it was ever read.
static enum err next_of(struct kafka_source *k, int32_t part, int64_t *next)
{
    for (unsigned i = 0; i < k->touched_count; i++) {
        if (k->touched[i].part == part) {
            *next = k->touched[i].next;
            return OK;
        }
    }
    return store_find_offset(k->cfg.ingest->store, source_of(k), part, next);
}

// Into a list of partitions, as librdkafka wants it.
static void place(struct kafka_source *k, rd_kafka_topic_partition_list_t *parts)
{
    for (int i = 0; i < parts->cnt; i++) {
        int64_t next = RD_KAFKA_OFFSET_BEGINNING;
        const enum err err = next_of(k, parts->elems[i].partition, &next);
        if (err != OK && err != ERR_NOT_FOUND) { // all of it again is safe: numbers drop doubles
            log_error(MODULE, "offset", "partition=%d err=%s does=\"begins at the oldest\"",
                      parts->elems[i].partition, err_name(err));
        }
        parts->elems[i].offset = next;
    }
}

void kafka_place_changed(struct kafka_source *k, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *parts)
{
    rd_kafka_resp_err_t result = RD_KAFKA_RESP_ERR_NO_ERROR;
    atomic_fetch_add(&k->rebalances, 1);
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
        place(k, parts);
        result = rd_kafka_assign(kafka_client(k), parts);
        atomic_store(&k->partitions, (uint64_t)parts->cnt);
        atomic_store(&k->state, KAFKA_OK);
    } else {
        result = rd_kafka_assign(kafka_client(k), NULL);
        atomic_store(&k->partitions, 0);
        atomic_store(&k->state, KAFKA_WAITS);
    }
    log_info(MODULE, "partitions", "topic=%s count=%d what=%s", log_quote(k->cfg.topic).text,
             parts->cnt, code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS ? "given" : "taken");
    if (result != RD_KAFKA_RESP_ERR_NO_ERROR) {
        log_error(MODULE, "assign", "why=%s", log_quote(rd_kafka_err2str(result)).text);
        k->must_place = true;
    }
}

void kafka_place_again(struct kafka_source *k, uint64_t now_us)
{
    rd_kafka_topic_partition_list_t *parts = NULL;
    if (now_us - k->placed_us < KAFKA_LOOK_MS * US_PER_MS) {
        return;
    }
    k->placed_us = now_us;
    if (rd_kafka_assignment(kafka_client(k), &parts) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    place(k, parts);
    k->must_place =
        parts->cnt > 0 && rd_kafka_assign(kafka_client(k), parts) != RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_topic_partition_list_destroy(parts);
}

static enum err tell(struct kafka_source *k, const char *kind, const char *text)
{
    struct store *store = k->cfg.ingest->store;
    enum err err = store->in_batch ? OK : store_begin(store);
    return err == OK ? ingest_tell_sites(k->cfg.ingest, kind, text) : err;
}

enum err kafka_place_lost(struct kafka_source *k, int32_t part)
{
    int64_t low = 0;
    int64_t high = 0;
    int64_t next = 0;
    char text[200];
    k->must_place = true; // until then nothing comes from this partition
    if (rd_kafka_query_watermark_offsets(kafka_client(k), k->cfg.topic, part, &low, &high,
                                         WATERMARK_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return OK;
    }
    enum err err = next_of(k, part, &next);
    if (err != OK || (next >= low && next <= high)) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    if (next < low) {
        log_error(MODULE, "lost", "partition=%d next=%" PRId64 " oldest=%" PRId64, part, next, low);
        snprintf(text, sizeof(text),
                 "Up to %" PRId64 " messages of all sites were deleted at the broker before the "
                 "cloud had read them.",
                 low - next);
        err = tell(k, "kafka_lost", text);
        atomic_fetch_add(&k->lost, (uint64_t)(low - next));
    } else {
        log_error(MODULE, "topic_is_new",
                  "partition=%d next=%" PRId64 " newest=%" PRId64
                  " does=\"reads all of it, what is stored already is dropped\"",
                  part, next, high);
        err = tell(k, "kafka_new",
                   "The Kafka topic is another one than before. Messages that only the former one "
                   "held are missing.");
    }
    return err == OK ? kafka_touch(k, part, low) : err;
}
