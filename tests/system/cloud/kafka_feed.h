// SPDX-License-Identifier: Apache-2.0
// IoT Hub and its route in one: records as our hub would write them, produced to a Kafka topic with
// the headers, in the encodings, that Event Hubs hands out.
#ifndef KAFKA_FEED_H
#define KAFKA_FEED_H

#include "apps/hub/log_record.h"

#include <librdkafka/rdkafka.h>

struct kafka_feed {
    rd_kafka_t *producer;
    const char *topic;
    int32_t part; // RD_KAFKA_PARTITION_UA: by the device's id, as IoT Hub does
};

NODISCARD enum err kafka_feed_open(struct kafka_feed *feed, const char *bootstrap,
                                   const char *topic, const char *codec);
void kafka_feed_close(struct kafka_feed *feed);
// For feed_open_to: a struct kafka_feed * as ctx. Does not wait.
enum err kafka_feed_send(void *ctx, const struct hub_record *record);
// Without any header: nobody's.
enum err kafka_feed_junk(struct kafka_feed *feed, struct bytes payload);
// Until all are at the broker. ERR_TIMEOUT.
NODISCARD enum err kafka_feed_flush(struct kafka_feed *feed, int timeout_ms);

#endif
