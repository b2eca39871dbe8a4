// SPDX-License-Identifier: Apache-2.0
// Messages from a Kafka topic (Azure: the hub's messages, routed to Event Hubs) into the store, on
// the ingest thread. librdkafka fetches on threads of its own into a queue of bounded size.
//
// The store says where to go on: the next offset of each partition is committed with the samples.
// What the group has committed at the broker is for show. So a crash, a rebalance or another member
// of the group can cost duplicates, which their numbers drop, and never a message.
#ifndef CLOUD_KAFKA_SOURCE_H
#define CLOUD_KAFKA_SOURCE_H

#include "apps/cloud/ingest/ingest.h"

#include <stdatomic.h>

enum {
    KAFKA_PARTITIONS_MAX = 2048,
    KAFKA_MESSAGES_MAX = 8192, // in one batch
    KAFKA_QUEUE_KB = 16384,    // fetched and not taken yet
    KAFKA_LOOK_MS = 1000,      // polls at least this often
    KAFKA_SAY_MS = 10000,      // how often bad messages are logged
    KAFKA_TELL_MS = 60000,     // one other topic is one event, however many partitions it has
    KAFKA_SHOW_MS = 5000,      // how often the group's offsets are committed; Azure bears 4/s
    KAFKA_SOURCE_SIZE = 512,
};

enum kafka_state {
    KAFKA_WAITS,   // for a broker, the topic, or partitions of it
    KAFKA_OK,      // has partitions, or the group gave them to another member
    KAFKA_FAILING, // the broker refuses us, or the store does; tried again
};

struct kafka_config {
    struct live *live;     // NULL: nobody watches
    struct ingest *ingest; // shared with the log's follower, which turns on the same thread
    const char *bootstrap; // host:port[,host:port]
    const char *topic;
    const char *group;
    const char *connection_string; // of Event Hubs: SASL PLAIN by TLS; NULL: none
    const char *ca;                // PEM file; NULL: the system's authorities
    bool is_plain;                 // no TLS: for a broker on this machine
    uint32_t session_ms;           // less in tests; 0: 30 s
};

struct kafka_touched {
    int32_t part;
    struct store_offset to;
};

// What is not sure about a partition yet.
struct kafka_doubt {
    struct store_offset check; // the message before `next` comes first, and must be this one; next
                               // 0: none
    bool is_barred;      // it was another one: nothing counts until the partition is placed anew
    bool is_uncheckable; // the broker has deleted that message
    // The broker's answer to how much there is, asked on a thread of its own:
    bool is_asked;
    bool is_answered;
    struct kafka_source *source;
    int32_t part;
    int64_t low, high; // high -1: no answer
};

struct kafka_source {
    struct kafka_config cfg;
    char name[KAFKA_SOURCE_SIZE]; // of the source in the store: brokers and topic
    void *client;                 // rd_kafka_t
    void *queue;                  // rd_kafka_queue_t
    int fd;
    uint8_t *bag;
    struct kafka_touched *touched; // KAFKA_PARTITIONS_MAX: in this batch
    unsigned touched_count;
    struct kafka_doubt *doubts; // KAFKA_PARTITIONS_MAX, by number
    unsigned answered_count;
    struct worker *asker;
    atomic_bool is_closing;
    bool must_undo;     // the last rollback failed
    bool must_place;    // the partitions are to be set to the store's offsets again
    uint64_t placed_us; // no sooner than a second apart
    uint64_t shown_us;
    uint64_t new_told_us; // when the sites were told of another topic; 0: never
    uint64_t turn_us;
    uint64_t bad_said; // of `bad`, told in the log
    uint64_t bad_said_us;
    // For everybody:
    _Atomic(enum kafka_state) state;
    atomic_uint_fast64_t messages;
    atomic_uint_fast64_t others; // of IoT Hub, about devices rather than from them
    atomic_uint_fast64_t bad;
    atomic_uint_fast64_t lost;       // deleted by the broker before they were read, at most
    atomic_uint_fast64_t rebalances; // partitions given or taken
    atomic_uint_fast64_t errors;     // told by librdkafka
    atomic_uint_fast64_t partitions; // ours now
};

// Connects by and by; ERR_ARG: librdkafka refuses a setting, see log.
NODISCARD enum err kafka_source_open(struct kafka_source *k, const struct kafka_config *cfg);
// Leaves the group. What was fetched and not committed is fetched again next time.
void kafka_source_close(struct kafka_source *k);
// Readable when there is news.
int kafka_source_fd(const struct kafka_source *k);
// One batch. OK: something was committed; ERR_EMPTY: nothing there; else the batch was undone.
NODISCARD enum err kafka_source_turn(struct kafka_source *k, uint64_t now_us);

#endif
