// SPDX-License-Identifier: Apache-2.0
// What the source's files share: the client and its call-backs (kafka_client.c), the partitions and
// where they begin (kafka_place.c), whether the topic is still the same (kafka_doubt.c), and the
// batches (kafka_source.c).
#ifndef CLOUD_KAFKA_PRIVATE_H
#define CLOUD_KAFKA_PRIVATE_H

#include "apps/cloud/ingest/kafka_source.h"

#include <librdkafka/rdkafka.h>

static inline rd_kafka_t *kafka_client(const struct kafka_source *k)
{
    return k->client;
}

NODISCARD enum err kafka_client_open(struct kafka_source *k);
void kafka_client_close(struct kafka_source *k);

// Of librdkafka's, from within a poll: partitions came or went.
void kafka_place_changed(struct kafka_source *k, rd_kafka_resp_err_t code,
                         rd_kafka_topic_partition_list_t *parts);
// Sets the partitions that are ours to the store's offsets.
void kafka_place_again(struct kafka_source *k, uint64_t now_us);
// The broker has nothing at our offset any more, or is another one: asks it what it has, which may
// take a while, and never waits.
void kafka_place_lost(struct kafka_source *k, int32_t part);
// What it answered by now: says in the batch, begun if need be, what is missing, and goes on with
// the oldest that is there.
NODISCARD enum err kafka_place_answers(struct kafka_source *k);
// A message, before it is taken: false, it is not to be, since it only shows whether the topic is
// the one that we know, or since it is not. In that case the batch says so, and the partition
// begins anew.
bool kafka_place_check(struct kafka_source *k, const rd_kafka_message_t *m, enum err *err);
// To know a message again. What may be made differently of it the next time is left out.
uint64_t kafka_message_hash(const rd_kafka_message_t *m);
// Where to go on, by this batch or else the store. ERR_NOT_FOUND: nothing of it was ever read.
NODISCARD enum err kafka_place_of(struct kafka_source *k, int32_t part, struct store_offset *out);
// Notes, in this batch, where to go on. ERR_FULL: KAFKA_PARTITIONS_MAX.
NODISCARD enum err kafka_touch(struct kafka_source *k, int32_t part, struct store_offset to);

#endif
