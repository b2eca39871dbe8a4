// SPDX-License-Identifier: Apache-2.0
// What the source's files share: the client and its call-backs (kafka_client.c), the partitions and
// where they begin (kafka_place.c), and the batches (kafka_source.c).
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
// The broker has nothing at our offset any more, or is another one: says so in the batch, begun if
// need be, and goes on with the oldest that is there.
NODISCARD enum err kafka_place_lost(struct kafka_source *k, int32_t part);
// Notes, in this batch, where to go on. ERR_FULL: KAFKA_PARTITIONS_MAX.
NODISCARD enum err kafka_touch(struct kafka_source *k, int32_t part, int64_t next);

#endif
