// SPDX-License-Identifier: Apache-2.0
// Whether the topic is still the one that the store knows, and what is missing of it. A topic that
// was deleted and made anew under its name counts from 0 again; nothing in the protocol as
// librdkafka 2.0 has it tells the two apart, but the message that was read last does.
#include "apps/cloud/ingest/kafka_private.h"
#include "base/assert.h"
#include "base/crc.h"
#include "base/time.h"
#include "port/linux/log.h"
#include "port/linux/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/eventfd.h>

#define MODULE "kafka"

enum { ANSWER_TIMEOUT_MS = 2000 };

static struct kafka_doubt *doubt_of(struct kafka_source *k, int32_t part)
{
    return part >= 0 && part < KAFKA_PARTITIONS_MAX ? &k->doubts[part] : NULL;
}

uint64_t kafka_message_hash(const rd_kafka_message_t *m)
{
    uint8_t stamp[8];
    struct writer w = writer_of(stamp, sizeof(stamp));
    rd_kafka_timestamp_type_t type = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
    put_u64le(&w, (uint64_t)rd_kafka_message_timestamp(m, &type));
    uint64_t hash = hash64(HASH64_START, writer_bytes(&w));
    hash = hash64(hash, bytes_of(m->payload, m->payload != NULL ? m->len : 0));
    return hash != 0 ? hash : 1;
}

static enum err begin_batch(struct kafka_source *k)
{
    struct store *store = k->cfg.ingest->store;
    return store->in_batch ? OK : store_begin(store);
}

static enum err tell(struct kafka_source *k, const char *kind, const char *text)
{
    const enum err err = begin_batch(k);
    return err == OK ? ingest_tell_sites(k->cfg.ingest, kind, text) : err;
}

static enum err tell_new(struct kafka_source *k, int32_t part, int64_t next, const char *how)
{
    log_error(MODULE, "topic_is_new",
              "partition=%d next=%" PRId64
              " seen_by=\"%s\" does=\"reads all of it, what is stored already is dropped\"",
              part, next, how);
    if (k->new_told_us != 0 && k->turn_us - k->new_told_us < KAFKA_TELL_MS * US_PER_MS) {
        return begin_batch(k); // where to go on is noted in any case
    }
    k->new_told_us = k->turn_us;
    return tell(k, "kafka_new",
                "The Kafka topic is another one than before. Messages that only the former one "
                "held are missing.");
}

static enum err tell_lost(struct kafka_source *k, int32_t part, int64_t next, int64_t low)
{
    char text[200];
    log_error(MODULE, "lost", "partition=%d next=%" PRId64 " oldest=%" PRId64, part, next, low);
    snprintf(text, sizeof(text),
             "Up to %" PRId64 " messages of all sites were deleted at the broker before the "
             "cloud had read them.",
             low - next);
    atomic_fetch_add(&k->lost, (uint64_t)(low - next));
    return tell(k, "kafka_lost", text);
}

bool kafka_place_check(struct kafka_source *k, const rd_kafka_message_t *m, enum err *err)
{
    struct kafka_doubt *doubt = doubt_of(k, m->partition);
    *err = OK;
    if (doubt == NULL) {
        return true;
    }
    if (doubt->is_barred) {
        return false;
    }
    const struct store_offset check = doubt->check;
    doubt->check.next = 0;
    doubt->is_uncheckable = false; // what comes now is the next one to be known by
    if (check.next == 0 || m->offset != check.next - 1) {
        return true;
    }
    if (kafka_message_hash(m) != check.record) {
        doubt->is_barred = true;
        k->must_place = true;
        *err = tell_new(k, m->partition, check.next, "another message before it");
        // If what the new one began with is deleted already, its own out-of-range says so.
        *err = *err == OK ? kafka_touch(k, m->partition, (struct store_offset){.next = 0}) : *err;
    }
    return false;
}

// On the asker's thread.
static void ask(void *ctx)
{
    struct kafka_doubt *doubt = ctx;
    struct kafka_source *k = doubt->source;
    doubt->high = -1;
    if (!atomic_load(&k->is_closing) &&
        rd_kafka_query_watermark_offsets(kafka_client(k), k->cfg.topic, doubt->part, &doubt->low,
                                         &doubt->high,
                                         ANSWER_TIMEOUT_MS) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        doubt->high = -1;
    }
    (void)eventfd_write(k->fd, 1); // wakes the next turn
}

static void asked(void *ctx)
{
    struct kafka_doubt *doubt = ctx;
    doubt->is_asked = false;
    doubt->is_answered = doubt->high >= 0;
    doubt->source->answered_count += doubt->is_answered ? 1 : 0;
}

void kafka_place_lost(struct kafka_source *k, int32_t part)
{
    struct kafka_doubt *doubt = doubt_of(k, part);
    k->must_place = true; // until then nothing comes from this partition
    if (doubt == NULL || doubt->is_asked || doubt->is_answered) {
        return;
    }
    doubt->source = k;
    doubt->part = part;
    doubt->is_asked =
        worker_submit(k->asker, (struct job){.run = ask, .done = asked, .ctx = doubt}) == OK;
}

static enum err take_answer(struct kafka_source *k, struct kafka_doubt *doubt)
{
    struct store_offset at = {.next = 0};
    const int64_t low = doubt->low;
    enum err err = kafka_place_of(k, doubt->part, &at);
    if (err != OK) {
        return err == ERR_NOT_FOUND ? OK : err;
    }
    if (at.next >= low && at.next <= doubt->high) {
        doubt->is_uncheckable = at.next == low; // only the one before is gone: nothing is missing
        return OK;
    }
    err = at.next < low ? tell_lost(k, doubt->part, at.next, low)
                        : tell_new(k, doubt->part, at.next, "an end before it");
    return err == OK ? kafka_touch(k, doubt->part, (struct store_offset){.next = low}) : err;
}

enum err kafka_place_answers(struct kafka_source *k)
{
    enum err err = OK;
    worker_collect(k->asker);
    for (int32_t part = 0; k->answered_count > 0 && err == OK && part < KAFKA_PARTITIONS_MAX;
         part++) {
        struct kafka_doubt *doubt = &k->doubts[part];
        if (doubt->is_answered) {
            doubt->is_answered = false;
            k->answered_count--;
            err = take_answer(k, doubt);
        }
    }
    return err;
}
