// SPDX-License-Identifier: Apache-2.0
#include "bench/cloud_feed.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static enum err no_sync(void *ctx, uint64_t id)
{
    (void)ctx;
    (void)id;
    return OK;
}

enum err feed_open(struct feed *feed, const char *folder, const char *device, bool is_bulk)
{
    static uint8_t buffer[1 << 20];
    memset(feed, 0, sizeof(*feed));
    feed->device = device;
    feed->journal = 1;
    feed->number = 1;
    enum err err = linux_storage_open(&feed->storage, folder, false);
    if (err == OK) {
        err = linux_cells_open(&feed->cells, folder);
    }
    if (err != OK) {
        return err;
    }
    feed->bulk_ops = *feed->storage.storage.ops;
    feed->bulk_ops.sync = is_bulk ? no_sync : feed->bulk_ops.sync;
    feed->bulk = (struct storage){.ops = &feed->bulk_ops, .ctx = feed->storage.storage.ctx};
    const struct hub_log_config cfg = {.storage = &feed->bulk,
                                       .cells = &feed->cells.cells,
                                       .buffer = buffer,
                                       .buffer_size = sizeof(buffer)};
    return hub_log_open(&feed->log, &cfg);
}

void feed_open_to(struct feed *feed, const char *device,
                  enum err (*send)(void *ctx, const struct hub_record *record), void *ctx)
{
    memset(feed, 0, sizeof(*feed));
    feed->device = device;
    feed->journal = 1;
    feed->number = 1;
    feed->send = send;
    feed->send_ctx = ctx;
}

void feed_close(struct feed *feed)
{
    linux_cells_close(&feed->cells);
    linux_storage_close(&feed->storage);
}

enum err feed_as(struct feed *feed, struct bytes bag, struct bytes payload)
{
    struct timespec now;
    uint64_t sequence = 0;
    clock_gettime(CLOCK_REALTIME, &now);
    const struct hub_record record = {
        .received_utc_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000,
        .device_id = bytes_of(feed->device, strlen(feed->device)),
        .properties = bag,
        .payload = payload,
    };
    return feed->send != NULL ? feed->send(feed->send_ctx, &record)
                              : hub_log_store(&feed->log, &record, &sequence);
}

enum err feed_raw(struct feed *feed, enum tm_message_kind kind, struct bytes payload, bool has_bag)
{
    char bag[TM_BAG_SIZE_MAX];
    size_t bag_size = 0;
    const struct tm_bag fields = {
        .kind = kind, .journal_id = feed->journal, .number = feed->number};
    enum err err = has_bag ? tm_bag_write(&fields, bag, sizeof(bag), &bag_size) : OK;
    if (err != OK) {
        return err;
    }
    feed->number++;
    return feed_as(feed, bytes_of(bag, bag_size), payload);
}

static enum err send_catalogue(struct feed *feed, uint32_t count, bool is_quiet)
{
    const struct tm_site site = {.name = "Shop in the mall", .time_zone = "Europe/Berlin"};
    enum err err = tm_catalogue_init(&feed->catalogue, &site, feed->points, count, NULL);
    struct tm_catalogue_cursor cursor = {.index = 0};
    while (err == OK && !is_quiet) {
        char body[TM_BODY_SIZE_MAX];
        size_t size = 0;
        err = tm_catalogue_write(&feed->catalogue, &cursor, body, sizeof(body), &size);
        if (err == OK) {
            err = feed_raw(feed, TM_MESSAGE_CATALOGUE, bytes_of(body, size), true);
        }
    }
    return err == ERR_EMPTY ? OK : err;
}

enum err feed_catalogue(struct feed *feed, uint32_t count, bool is_quiet)
{
    static const char *const names[] = {"temperature", "humidity", "battery"};
    static const char *const units[] = {"°C", "%", "mV"};
    for (uint32_t i = 0; i < count; i++) {
        snprintf(feed->names[i], sizeof(feed->names[i]), "sensor %u", i / 3 + 1);
        feed->points[i] = (struct tm_point){
            .id = i + 1,
            .type = TM_TYPE_INT,
            .exponent = (int8_t)(i % 3 == 2 ? 0 : -1),
            .name = names[i % 3],
            .unit = units[i % 3],
            .area = i % 6 < 3 ? "checkout" : "vegetables",
            .device = "receiver",
            .sensor = feed->names[i],
            .interval_ms = 60000,
            .has_low = i % 3 != 1,
            .has_high = i % 3 == 0,
            .low = i % 3 == 0 ? 2 : 2400,
            .high = 25,
        };
    }
    return send_catalogue(feed, count, is_quiet);
}

enum err feed_diagnostics(struct feed *feed, uint32_t count)
{
    static const char *const names[] = {"utilisation", "timeouts"};
    const uint32_t first = feed->catalogue.point_count;
    for (uint32_t i = 0; i < count; i++) {
        feed->points[first + i] = (struct tm_point){.id = first + i + 1,
                                                    .type = TM_TYPE_INT,
                                                    .name = names[i % 2],
                                                    .device = "receiver",
                                                    .sensor = i < 2 ? NULL : "sensor 1",
                                                    .has_high = true,
                                                    .high = 1,
                                                    .is_diagnostic = true};
    }
    return send_catalogue(feed, first + count, false);
}

enum err feed_samples(struct feed *feed, const struct tm_sample *samples, size_t count)
{
    static uint16_t order[TM_PACK_SAMPLE_MAX];
    const struct tm_encode_memory memory = {.order = order, .capacity = TM_PACK_SAMPLE_MAX};
    enum err err = OK;
    for (size_t at = 0; err == OK && at < count;) {
        char out[TM_BODY_SIZE_MAX];
        struct tm_body body = {.out = out, .capacity = sizeof(out)};
        err = tm_encode(&feed->catalogue, (struct tm_axis){0}, samples + at, count - at, &memory,
                        &body);
        if (err == OK) {
            err = feed_raw(feed, TM_MESSAGE_SAMPLES, bytes_of(out, body.size), true);
        }
        at += body.taken;
    }
    return err;
}

enum err feed_gap(struct feed *feed, int64_t from_ms, int64_t to_ms, uint64_t count)
{
    char out[TM_BODY_SIZE_MAX];
    struct tm_body body = {.out = out, .capacity = sizeof(out)};
    const struct tm_event event = {.kind = TM_EVENT_GAP,
                                   .at_ms = to_ms,
                                   .from_ms = from_ms,
                                   .to_ms = to_ms,
                                   .count = count,
                                   .text = bytes_of("full", 4)};
    enum err err = tm_events_write(feed->catalogue.hash, (struct tm_axis){0}, &event, 1, &body);
    return err == OK ? feed_raw(feed, TM_MESSAGE_EVENTS, bytes_of(out, body.size), true) : err;
}
