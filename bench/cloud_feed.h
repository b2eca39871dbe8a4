// SPDX-License-Identifier: Apache-2.0
// A gateway and a hub in one: messages as a gateway packs them, in a log as the hub writes it.
#ifndef CLOUD_FEED_H
#define CLOUD_FEED_H

#include "apps/hub/log_writer.h"
#include "port/linux/cells.h"
#include "port/linux/storage.h"
#include "telemetry/encode.h"
#include "telemetry/event.h"
#include "telemetry/property_bag.h"

enum { FEED_POINTS_MAX = 1000 };

struct feed {
    struct linux_storage storage;
    struct storage bulk; // the same without syncs
    struct storage_ops bulk_ops;
    struct linux_cells cells;
    struct hub_log log;
    struct tm_point points[FEED_POINTS_MAX];
    struct tm_catalogue catalogue;
    char names[FEED_POINTS_MAX][32];
    const char *device;
    uint64_t journal;
    uint64_t number; // of the next message
    // Instead of the log, if set.
    enum err (*send)(void *ctx, const struct hub_record *record);
    void *send_ctx;
};

// is_bulk: nothing is synced, for benches.
NODISCARD enum err feed_open(struct feed *feed, const char *folder, const char *device,
                             bool is_bulk);
void feed_close(struct feed *feed);
// Without a log: each message goes to `send`. Needs no feed_close.
void feed_open_to(struct feed *feed, const char *device,
                  enum err (*send)(void *ctx, const struct hub_record *record), void *ctx);
// Points 1 to count: per sensor temperature (limits 2 and 25), humidity and battery (lowest 2400
// mV). Sends it, unless quiet.
NODISCARD enum err feed_catalogue(struct feed *feed, uint32_t count, bool is_quiet);
// The same points again and `count` diagnostics behind them, of a line with the receiver's name.
NODISCARD enum err feed_diagnostics(struct feed *feed, uint32_t count);
// Packs all samples (at_us is UTC) into as many messages as needed.
NODISCARD enum err feed_samples(struct feed *feed, const struct tm_sample *samples, size_t count);
NODISCARD enum err feed_gap(struct feed *feed, int64_t from_ms, int64_t to_ms, uint64_t count);
// Any bytes of any kind with the next number, or without a property bag.
NODISCARD enum err feed_raw(struct feed *feed, enum tm_message_kind kind, struct bytes payload,
                            bool has_bag);
// Any bytes with any property bag; no number is used.
NODISCARD enum err feed_as(struct feed *feed, struct bytes bag, struct bytes payload);

#endif
