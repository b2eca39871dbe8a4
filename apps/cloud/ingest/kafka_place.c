// SPDX-License-Identifier: Apache-2.0
// Where in each partition to go on. Only the store decides that.
#include "apps/cloud/ingest/kafka_private.h"
#include "base/time.h"
#include "port/linux/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define MODULE "kafka"

static struct bytes source_of(const struct kafka_source *k)
{
    return bytes_of(k->name, strlen(k->name));
}

enum err kafka_touch(struct kafka_source *k, int32_t part, struct store_offset to)
{
    for (unsigned i = 0; i < k->touched_count; i++) {
        if (k->touched[i].part == part) {
            k->touched[i].to = to;
            return OK;
        }
    }
    if (k->touched_count == KAFKA_PARTITIONS_MAX) {
        return ERR_FULL;
    }
    k->touched[k->touched_count++] = (struct kafka_touched){.part = part, .to = to};
    return OK;
}

enum err kafka_place_of(struct kafka_source *k, int32_t part, struct store_offset *out)
{
    for (unsigned i = 0; i < k->touched_count; i++) {
        if (k->touched[i].part == part) {
            *out = k->touched[i].to;
            return OK;
        }
    }
    return store_find_offset(k->cfg.ingest->store, source_of(k), part, out);
}

// Where the partition is to begin. The message before, if it is known, is read once more: it shows
// whether this is still the same topic.
static int64_t begin_of(struct kafka_source *k, int32_t part)
{
    struct store_offset at = {.next = RD_KAFKA_OFFSET_BEGINNING};
    const enum err err = kafka_place_of(k, part, &at);
    if (err != OK && err != ERR_NOT_FOUND) { // all of it again is safe: numbers drop doubles
        log_error(MODULE, "offset", "partition=%d err=%s does=\"begins at the oldest\"", part,
                  err_name(err));
    }
    if (part < 0 || part >= KAFKA_PARTITIONS_MAX) {
        return at.next;
    }
    struct kafka_doubt *doubt = &k->doubts[part];
    const bool is_known = err == OK && at.next > 0 && at.record != 0 && !doubt->is_uncheckable;
    doubt->is_barred = false;
    doubt->check = is_known ? at : (struct store_offset){.next = 0};
    return is_known ? at.next - 1 : at.next;
}

// Into a list of partitions, as librdkafka wants it.
static void place(struct kafka_source *k, rd_kafka_topic_partition_list_t *parts)
{
    for (int i = 0; i < parts->cnt; i++) {
        parts->elems[i].offset = begin_of(k, parts->elems[i].partition);
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
