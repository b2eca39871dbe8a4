// SPDX-License-Identifier: Apache-2.0
// cloud-feed FOLDER DEVICE: writes into a hub log what it is told line by line on stdin, and
// answers each line with ok or the error.
// cloud-feed kafka:BROKERS/TOPIC DEVICE: the same into a Kafka topic, as Event Hubs has it; ok is
// said when the brokers have acknowledged.
//   points N             a catalogue of N points
//   quiet N              the same, not sent
//   diagnostics N        the same points and N diagnostics behind them
//   journal J N          the next messages are of journal J, from number N on
//   sample P MS VALUE    one sample, VALUE in the point's last decimal; stale or bad: none
//   series P MS STEP N   N samples: 20.0, 20.1 .. 20.9, 20.0 ...
//   gap FROM TO N        a gap marker
//   raw TEXT             a message of samples with that payload
//   foreign TEXT         a message without a property bag
//   flight ID P N C      part P of N of flight record ID: a line of 4,000 letters C
#include "bench/cloud_feed.h"
#include "tests/system/cloud/kafka_feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERIES_MAX = 100000, FLUSH_MS = 240000, FLIGHT_LINE_SIZE = 4001 };

struct feed_flight {
    unsigned number, part, parts;
    char letter;
};

static enum err one(struct feed *feed, uint32_t point, int64_t at_ms, const char *word)
{
    struct tm_sample sample = {.at_us = (uint64_t)at_ms * 1000, .point = point};
    if (strcmp(word, "stale") == 0 || strcmp(word, "bad") == 0) {
        sample.quality = word[0] == 's' ? TM_STALE : TM_BAD;
        sample.reason = word[0] == 's' ? TM_REASON_SILENT : TM_REASON_FAULT;
    } else {
        sample.value = tm_int(strtoll(word, NULL, 10), feed->points[point - 1].exponent);
    }
    return feed_samples(feed, &sample, 1);
}

static enum err many(struct feed *feed, uint32_t point, int64_t at_ms, int64_t step_ms,
                     uint32_t count)
{
    static struct tm_sample samples[SERIES_MAX];
    for (uint32_t i = 0; i < count && i < SERIES_MAX; i++) {
        samples[i] = (struct tm_sample){
            .at_us = (uint64_t)(at_ms + (int64_t)i * step_ms) * 1000,
            .point = point,
            .value = tm_int(200 + i % 10, feed->points[point - 1].exponent),
        };
    }
    return feed_samples(feed, samples, count < SERIES_MAX ? count : SERIES_MAX);
}

static enum err flight(struct feed *feed, const struct feed_flight *f)
{
    char bag[128];
    char line[FLIGHT_LINE_SIZE];
    memset(line, f->letter, sizeof(line));
    line[sizeof(line) - 1] = '\n';
    const int size =
        snprintf(bag, sizeof(bag), "$.ct=text%%2Fplain&$.ce=utf-8&t=flight&id=%u&part=%u&parts=%u",
                 f->number, f->part, f->parts);
    return feed_as(feed, bytes_of(bag, (size_t)size), bytes_of(line, sizeof(line)));
}

static enum err obey(struct feed *feed, const char *line)
{
    uint32_t point = 0;
    uint32_t count = 0;
    int64_t a = 0;
    int64_t b = 0;
    char word[32] = "";
    if (sscanf(line, "points %" SCNu32, &count) == 1) {
        return feed_catalogue(feed, count, false);
    }
    if (sscanf(line, "quiet %" SCNu32, &count) == 1) {
        return feed_catalogue(feed, count, true);
    }
    if (sscanf(line, "diagnostics %" SCNu32, &count) == 1) {
        return feed_diagnostics(feed, count);
    }
    if (sscanf(line, "journal %" SCNu64 " %" SCNu64, &feed->journal, &feed->number) == 2) {
        return OK;
    }
    if (sscanf(line, "sample %" SCNu32 " %" SCNd64 " %31s", &point, &a, word) == 3) {
        return one(feed, point, a, word);
    }
    if (sscanf(line, "series %" SCNu32 " %" SCNd64 " %" SCNd64 " %" SCNu32, &point, &a, &b,
               &count) == 4) {
        return many(feed, point, a, b, count);
    }
    if (sscanf(line, "gap %" SCNd64 " %" SCNd64 " %" SCNu32, &a, &b, &count) == 3) {
        return feed_gap(feed, a, b, count);
    }
    struct feed_flight f;
    if (sscanf(line, "flight %u %u %u %c", &f.number, &f.part, &f.parts, &f.letter) == 4) {
        return flight(feed, &f);
    }
    if (strncmp(line, "raw ", 4) == 0) {
        return feed_raw(feed, TM_MESSAGE_SAMPLES, bytes_of(line + 4, strlen(line + 4)), true);
    }
    if (strncmp(line, "foreign ", 8) == 0) {
        return feed_raw(feed, TM_MESSAGE_SAMPLES, bytes_of(line + 8, strlen(line + 8)), false);
    }
    return ERR_ARG;
}

// "kafka:BROKERS/TOPIC"
static enum err open_kafka(struct feed *feed, struct kafka_feed *kafka, char *where,
                           const char *device)
{
    char *slash = strrchr(where, '/');
    if (slash == NULL) {
        return ERR_ARG;
    }
    *slash = '\0';
    feed_open_to(feed, device, kafka_feed_send, kafka);
    return kafka_feed_open(kafka, where, slash + 1, "none");
}

int main(int argc, char **argv)
{
    static struct feed feed;
    static struct kafka_feed kafka;
    char line[8192];
    const bool is_kafka = argc == 3 && strncmp(argv[1], "kafka:", 6) == 0;
    enum err err = ERR_ARG;
    if (argc == 3) {
        err = is_kafka ? open_kafka(&feed, &kafka, argv[1] + 6, argv[2])
                       : feed_open(&feed, argv[1], argv[2], false);
    }
    if (err != OK) {
        fprintf(stderr, "usage: cloud-feed FOLDER|kafka:BROKERS/TOPIC DEVICE\n");
        return 2;
    }
    while (fgets(line, sizeof(line), stdin) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        err = obey(&feed, line);
        if (err == OK && is_kafka) {
            err = kafka_feed_flush(&kafka, FLUSH_MS);
        }
        printf("%s\n", err_name(err));
        fflush(stdout);
    }
    if (is_kafka) {
        kafka_feed_close(&kafka);
    } else {
        feed_close(&feed);
    }
    return 0;
}
