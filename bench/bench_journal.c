// SPDX-License-Identifier: Apache-2.0
// What the journal costs on the way: the demo store (50 sensors x 3 points, a report a minute,
// relayed by a receiver polled every 10 s) over one simulated day on a virtual disk, defaults of a
// metered hub (sync every 10 s, messages up to 5 min old). Flash is counted in whole 4 KiB pages,
// each written anew by every sync that touches it. The same while somebody watches all day, when
// each poll's samples leave as a synced message of their own, and for a site of 200 sensors, where
// samples and relays fill the journal sooner than sync_ms. References: a page for every sample, a
// message for every sample, of the watched day the unwatched one; for memory the goal of 256 KiB,
// the smallest place we run.
#include "apps/gateway/journal/journal.h"
#include "apps/sensor/store_model.h"
#include "base/assert.h"
#include "sim/storage.h"
#include "json/writer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SENSORS = 50,
    SENSORS_LARGE = 200,
    POINTS_EACH = 3,
    POLL_S = 10,
    DAY_S = 86400,
    PAGE_SIZE = 4096,
    FOLDER_PAGES = 2, // a new segment: its entry in the folder, its inode
    PLACE_SIZE = 256 * 1024,
};
#define UTC_MS INT64_C(1795046400000) // 2026-11-19T00:00:00Z

// Storage that counts the pages that syncs write.
struct counted {
    struct storage inner;
    uint64_t pages;
    uint64_t segment;           // being written
    uint64_t size, synced_size; // of it
};

static enum err count_list(void *ctx, uint64_t from, struct storage_segment *out, size_t capacity,
                           size_t *count)
{
    struct counted *c = ctx;
    return c->inner.ops->list(c->inner.ctx, from, out, capacity, count);
}

static enum err count_read(void *ctx, uint64_t id, uint64_t offset, void *out, size_t size,
                           size_t *got)
{
    struct counted *c = ctx;
    return c->inner.ops->read(c->inner.ctx, id, offset, out, size, got);
}

static enum err count_append(void *ctx, uint64_t id, const struct bytes *parts, size_t part_count)
{
    struct counted *c = ctx;
    if (id != c->segment) {
        c->segment = id;
        c->size = c->synced_size = 0;
        c->pages += FOLDER_PAGES;
    }
    for (size_t i = 0; i < part_count; i++) {
        c->size += parts[i].size;
    }
    return c->inner.ops->append(c->inner.ctx, id, parts, part_count);
}

static enum err count_sync(void *ctx, uint64_t id)
{
    struct counted *c = ctx;
    if (id == c->segment && c->size > c->synced_size) {
        c->pages += (c->size - 1) / PAGE_SIZE - c->synced_size / PAGE_SIZE + 1;
        c->synced_size = c->size;
    }
    return c->inner.ops->sync(c->inner.ctx, id);
}

static enum err count_truncate(void *ctx, uint64_t id, uint64_t size)
{
    struct counted *c = ctx;
    return c->inner.ops->truncate(c->inner.ctx, id, size);
}

static enum err count_remove(void *ctx, uint64_t id)
{
    struct counted *c = ctx;
    c->pages += FOLDER_PAGES;
    return c->inner.ops->remove(c->inner.ctx, id);
}

static const struct storage_ops counted_ops = {.list = count_list,
                                               .read = count_read,
                                               .append = count_append,
                                               .sync = count_sync,
                                               .truncate = count_truncate,
                                               .remove = count_remove};

struct bench {
    struct sim_medium media[LANE_COUNT];
    struct counted counted[LANE_COUNT];
    struct storage storage[LANE_COUNT];
    struct journal journal;
    struct tm_sample window[JOURNAL_WINDOW_MIN];
    struct journal_relay relays[SENSORS_LARGE];
    struct tm_point points[SENSORS_LARGE * POINTS_EACH];
    struct tm_catalogue catalogue;
    struct store_model model;
    uint16_t sequences[SENSORS_LARGE];
    uint16_t sensors;
    uint64_t samples;
};

static void start(struct bench *b, uint16_t sensors, bool is_watched)
{
    memset(b, 0, sizeof(*b));
    b->sensors = sensors;
    const uint32_t points = (uint32_t)sensors * POINTS_EACH;
    static const char *const names[] = {"temperature", "humidity", "battery"};
    static const int8_t exponents[] = {-2, -1, 0};
    for (uint32_t i = 0; i < points; i++) {
        b->points[i] = (struct tm_point){.id = i + 1,
                                         .type = TM_TYPE_INT,
                                         .name = names[i % POINTS_EACH],
                                         .exponent = exponents[i % POINTS_EACH],
                                         .device = "Receiver",
                                         .interval_ms = 60000,
                                         .resolution_ms = 1000};
    }
    enum err err = tm_catalogue_init(&b->catalogue, NULL, b->points, points, NULL);
    ASSERT(err == OK);
    struct journal_config cfg = {.sync_ms = 10000,
                                 .max_age_ms = 300000,
                                 .watch_age_ms = 100,
                                 .journal_id = 1,
                                 .boot = 1,
                                 .window = b->window,
                                 .window_capacity = JOURNAL_WINDOW_MIN,
                                 .relays = b->relays,
                                 .relay_capacity = sensors};
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        sim_medium_init(&b->media[lane], 1 + (uint64_t)lane);
        b->counted[lane].inner = sim_storage(&b->media[lane]);
        b->storage[lane] = (struct storage){.ops = &counted_ops, .ctx = &b->counted[lane]};
        cfg.storage[lane] = &b->storage[lane];
    }
    struct journal_recovery found;
    err = journal_open(&b->journal, &cfg, 0, &found);
    ASSERT(err == OK);
    journal_set_clock(&b->journal, 0, (struct wall_time){.utc_ms = UTC_MS});
    journal_set_catalogue(&b->journal, 0, &b->catalogue);
    journal_set_watched(&b->journal, 0, is_watched);
    struct store_config config = {.sensor_count = sensors, .seed = 1, .report_s = 60, .calm = true};
    err = store_init(&b->model, &config, 0);
    ASSERT(err == OK);
}

static void add_report(struct bench *b, uint32_t slot, uint64_t now_us)
{
    const struct store_sensor *sensor = &b->model.sensors[slot];
    const struct store_report *report = &sensor->last;
    const int64_t values[] = {report->temperature_cc, report->humidity_pm, report->battery_mv};
    uint64_t at_us = now_us - store_age_s(sensor, now_us) * US_PER_S;
    for (uint32_t i = 0; i < POINTS_EACH; i++) {
        const struct tm_point *point = &b->points[slot * POINTS_EACH + i];
        struct tm_sample sample = {
            .at_us = at_us, .value = tm_int(values[i], point->exponent), .point = point->id};
        enum err err = journal_add(&b->journal, now_us, &sample);
        ASSERT(err == OK);
        b->samples++;
    }
    struct journal_relay relay = {.key = slot, .sequence = report->sequence, .at_us = at_us};
    enum err err = journal_set_relay(&b->journal, now_us, &relay);
    ASSERT(err == OK);
}

static void deliver(struct bench *b, uint64_t now_us)
{
    uint8_t buffer[JOURNAL_PAYLOAD_SIZE_MAX];
    struct journal_message message;
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        while (journal_next_message(&b->journal, now_us, lane, buffer, &message) == OK) {
            journal_ack(&b->journal, now_us, lane, message.ordinal);
        }
    }
}

static void run_day(struct bench *b)
{
    for (uint64_t s = 0; s < DAY_S; s++) {
        uint64_t now_us = s * US_PER_S;
        store_advance(&b->model, now_us);
        for (uint32_t slot = 0; s % POLL_S == 0 && slot < b->sensors; slot++) {
            const struct store_sensor *sensor = &b->model.sensors[slot];
            if (sensor->heard_at_us != TIME_NEVER && sensor->last.sequence != b->sequences[slot]) {
                b->sequences[slot] = sensor->last.sequence;
                add_report(b, slot, now_us);
            }
        }
        journal_tick(&b->journal, now_us);
        deliver(b, now_us);
    }
    journal_flush(&b->journal, DAY_S * US_PER_S);
    deliver(b, DAY_S * US_PER_S);
}

// Bytes of whole pages.
static double flash_of_day(struct bench *b, uint16_t sensors, bool is_watched)
{
    start(b, sensors, is_watched);
    run_day(b);
    const struct journal_stats *stats = &b->journal.stats;
    ASSERT(stats->samples == b->samples && stats->samples_dropped + stats->samples_lost == 0);
    return (double)(b->counted[LANE_ALERTS].pages + b->counted[LANE_TELEMETRY].pages) * PAGE_SIZE;
}

static void put_row(struct json_writer *w, const char *name, double value, const char *unit,
                    double reference)
{
    json_begin_object(w);
    json_put_key_string(w, "name", name);
    json_put_key_double(w, "value", value);
    json_put_key_string(w, "unit", unit);
    json_put_key_string(w, "better", "lower");
    json_put_key_double(w, "reference", reference);
    json_put_key_double(w, "ratio", value / reference);
    json_end_object(w);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    static struct bench watched;
    static struct bench large;
    if (argc != 3 || strcmp(argv[1], "--out") != 0) {
        fprintf(stderr, "usage: bench_journal --out FILE\n");
        return 2;
    }
    const double flash = flash_of_day(&bench, SENSORS, false);
    const double watched_flash = flash_of_day(&watched, SENSORS, true);
    const double large_flash = flash_of_day(&large, SENSORS_LARGE, false);
    const struct journal_stats *stats = &bench.journal.stats;
    size_t memory =
        sizeof(bench.journal) + sizeof(bench.window) + SENSORS * sizeof(bench.relays[0]);
    char text[2048];
    struct json_writer w;
    json_writer_init(&w, text, sizeof(text));
    json_begin_array(&w);
    put_row(&w, "flash.bytes_per_day", flash, "bytes", (double)bench.samples * PAGE_SIZE);
    put_row(&w, "flash.watched_bytes_per_day", watched_flash, "bytes", flash);
    put_row(&w, "flash.large_bytes_per_day", large_flash, "bytes",
            (double)large.samples * PAGE_SIZE);
    put_row(&w, "flash.bytes_per_sample", (double)stats->bytes / (double)bench.samples, "bytes",
            PAGE_SIZE);
    put_row(&w, "journal.messages_per_day", (double)stats->messages, "messages",
            (double)bench.samples);
    put_row(&w, "journal.memory", (double)memory, "bytes", PLACE_SIZE);
    json_end_array(&w);
    struct bytes json = json_writer_bytes(&w);
    FILE *file = fopen(argv[2], "w");
    if (file == NULL || fwrite(json.data, 1, json.size, file) != json.size || fclose(file) != 0) {
        perror(argv[2]);
        return 1;
    }
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        sim_medium_deinit(&bench.media[lane]);
        sim_medium_deinit(&watched.media[lane]);
        sim_medium_deinit(&large.media[lane]);
    }
    printf("journal: %.0f samples a day in %.0f messages, %.1f MB of pages, %.0f commits\n",
           (double)bench.samples, (double)stats->messages, flash / 1e6, (double)stats->commits);
    return 0;
}
