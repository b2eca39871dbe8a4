// SPDX-License-Identifier: Apache-2.0
// How much a metered message carries: the demo store (50 sensors x 3 points, a report a minute,
// relayed by a receiver polled every 10 s) over one simulated day, in full messages as the gateway
// packs them; and how fast packing and reading are. References: the same samples as plain JSON
// objects, writing those objects, and the 2 million samples a second that the cloud's ingest asks
// for. What a whole day costs, alerts and all, is bench_units.c.
#include "apps/sensor/store_model.h"
#include "base/assert.h"
#include "base/time.h"
#include "telemetry/decode.h"
#include "telemetry/encode.h"
#include "json/writer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SENSORS = 50,
    POINTS_EACH = 3,
    POINTS = SENSORS * POINTS_EACH,
    POLL_S = 10,
    DAY_S = 86400,
    ROWS = 2048,
    ROUNDS = 400,
    PACK_ROUNDS = ROUNDS / 10,
};
#define START_US    (UINT64_C(1795046400) * US_PER_S) // 2026-11-19T00:00:00Z
#define DECODE_GOAL 2e6

struct window {
    struct tm_sample samples[TM_PACK_SAMPLE_MAX];
    size_t count;
};

struct totals {
    uint64_t messages, samples, bytes, plain_bytes;
    char largest[TM_BODY_SIZE_MAX]; // the last full message, for the speed of reading
    size_t largest_size, largest_samples;
    struct window copy; // and its samples, for the speed of packing
};

static struct tm_point points[POINTS];
static struct tm_catalogue catalogue;
static uint16_t order[TM_PACK_SAMPLE_MAX];
static const struct tm_encode_memory memory = {.order = order, .capacity = TM_PACK_SAMPLE_MAX};

static void make_catalogue(void)
{
    static const char *const names[] = {"temperature", "humidity", "battery"};
    static const int8_t exponents[] = {-2, -1, 0};
    for (uint32_t i = 0; i < POINTS; i++) {
        points[i] = (struct tm_point){.id = i + 1,
                                      .type = TM_TYPE_INT,
                                      .name = names[i % POINTS_EACH],
                                      .exponent = exponents[i % POINTS_EACH],
                                      .device = "Receiver",
                                      .interval_ms = 60000,
                                      .resolution_ms = 1000};
    }
    enum err err = tm_catalogue_init(&catalogue, NULL, points, POINTS, NULL);
    ASSERT(err == OK);
}

// The shortest plain form that one would write by hand: {"id":12,"t":1795046400000,"v":21.5}
static size_t plain_size(const struct tm_sample *sample)
{
    struct json_writer w;
    json_writer_init(&w, NULL, 1000);
    json_begin_object(&w);
    json_put_key_u64(&w, "id", sample->point);
    json_put_key_u64(&w, "t", sample->at_us / US_PER_MS);
    json_put_key(&w, "v");
    json_put_decimal(&w, sample->value.u.i, sample->value.exponent);
    json_end_object(&w);
    return w.size + 1; // a comma
}

static void send_message(struct window *window, struct totals *totals)
{
    char out[TM_BODY_SIZE_MAX];
    struct tm_body body = {.out = out, .capacity = sizeof(out)};
    enum err err = tm_encode(&catalogue, (struct tm_axis){.boot_id = 0}, window->samples,
                             window->count, &memory, &body);
    ASSERT(err == OK);
    const size_t size = body.size;
    const size_t taken = body.taken;
    totals->samples += taken;
    totals->bytes += size;
    for (size_t i = 0; i < taken; i++) {
        totals->plain_bytes += plain_size(&window->samples[i]);
    }
    totals->messages++;
    totals->copy = *window;
    memcpy(totals->largest, out, size);
    totals->largest_size = size;
    totals->largest_samples = taken;
    window->count -= taken;
    memmove(window->samples, window->samples + taken, window->count * sizeof(window->samples[0]));
}

static bool is_full(const struct window *window)
{
    return window->count > 0 &&
           tm_encode_size(&catalogue, (struct tm_axis){.boot_id = 0}, window->samples,
                          window->count, &memory, 0) > TM_BODY_SIZE_MAX;
}

static void add_report(struct window *window, uint32_t slot, const struct store_report *report,
                       uint64_t at_us)
{
    const int64_t values[] = {report->temperature_cc, report->humidity_pm, report->battery_mv};
    for (uint32_t i = 0; i < POINTS_EACH; i++) {
        ASSERT(window->count < TM_PACK_SAMPLE_MAX);
        uint32_t index = slot * POINTS_EACH + i;
        window->samples[window->count++] =
            (struct tm_sample){.at_us = at_us,
                               .value = tm_int(values[i], points[index].exponent),
                               .point = points[index].id};
    }
}

static void run_day(struct totals *totals)
{
    static struct store_model model;
    static struct window window;
    uint16_t sequences[SENSORS] = {0};
    struct store_config config = {.sensor_count = SENSORS, .seed = 1, .report_s = 60, .calm = true};
    enum err err = store_init(&model, &config, START_US);
    ASSERT(err == OK);
    window.count = 0;
    for (uint64_t s = 0; s < DAY_S; s += POLL_S) {
        uint64_t now_us = START_US + s * US_PER_S;
        store_advance(&model, now_us);
        for (uint32_t slot = 0; slot < SENSORS; slot++) {
            const struct store_sensor *sensor = &model.sensors[slot];
            if (sensor->heard_at_us != TIME_NEVER && sensor->last.sequence != sequences[slot]) {
                uint64_t age_us = store_age_s(sensor, now_us) * US_PER_S;
                sequences[slot] = sensor->last.sequence;
                add_report(&window, slot, &sensor->last, now_us - age_us);
            }
        }
        while (is_full(&window)) {
            send_message(&window, totals);
        }
    }
}

static double seconds_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double decode_rate(const struct totals *totals)
{
    static int64_t time_ms[ROWS];
    static struct tm_row rows[ROWS];
    static char text[TM_TEXT_SIZE_MAX];
    const struct tm_decode_memory decode = {.time_ms = time_ms,
                                            .rows = rows,
                                            .row_capacity = ROWS,
                                            .text = text,
                                            .text_capacity = sizeof(text)};
    double start = seconds_now();
    size_t samples = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct tm_decoder d;
        struct tm_column column;
        enum err err = tm_decode_init(&d, bytes_of(totals->largest, totals->largest_size),
                                      &catalogue, &decode);
        while (err == OK && (err = tm_decode_next(&d, &column)) == OK) {
            samples += column.row_count;
        }
        ASSERT(err == ERR_EMPTY);
    }
    ASSERT(samples == ROUNDS * totals->largest_samples);
    return (double)samples / (seconds_now() - start);
}

static double encode_rate(const struct totals *totals)
{
    char out[TM_BODY_SIZE_MAX];
    double start = seconds_now();
    size_t samples = 0;
    for (int i = 0; i < PACK_ROUNDS; i++) {
        struct tm_body body = {.out = out, .capacity = sizeof(out)};
        enum err err = tm_encode(&catalogue, (struct tm_axis){.boot_id = 0}, totals->copy.samples,
                                 totals->copy.count, &memory, &body);
        ASSERT(err == OK);
        samples += body.taken;
    }
    return (double)samples / (seconds_now() - start);
}

// The same samples as plain objects, for comparison.
static double plain_rate(const struct totals *totals)
{
    double start = seconds_now();
    size_t bytes = 0;
    for (int i = 0; i < PACK_ROUNDS; i++) {
        for (size_t j = 0; j < totals->copy.count; j++) {
            bytes += plain_size(&totals->copy.samples[j]);
        }
    }
    ASSERT(bytes > 0);
    return (double)(PACK_ROUNDS * totals->copy.count) / (seconds_now() - start);
}

static void put_row(struct json_writer *w, const char *name, double value, const char *unit,
                    bool higher, double reference)
{
    json_begin_object(w);
    json_put_key_string(w, "name", name);
    json_put_key_double(w, "value", value);
    json_put_key_string(w, "unit", unit);
    json_put_key_string(w, "better", higher ? "higher" : "lower");
    json_put_key_double(w, "reference", reference);
    json_put_key_double(w, "ratio", value / reference);
    json_end_object(w);
}

int main(int argc, char **argv)
{
    static struct totals packed;
    static char text[2048];
    if (argc != 3 || strcmp(argv[1], "--out") != 0) {
        fprintf(stderr, "usage: bench_telemetry --out FILE\n");
        return 2;
    }
    make_catalogue();
    run_day(&packed);
    double per_full = (double)packed.samples / (double)packed.messages;
    double plain = TM_BODY_SIZE_MAX / ((double)packed.plain_bytes / (double)packed.samples);
    struct json_writer w;
    json_writer_init(&w, text, sizeof(text));
    json_begin_array(&w);
    put_row(&w, "telemetry.samples_per_4k", per_full, "samples", true, plain);
    put_row(&w, "telemetry.bytes_per_sample", (double)packed.bytes / (double)packed.samples,
            "bytes", false, (double)packed.plain_bytes / (double)packed.samples);
    put_row(&w, "telemetry.decode", decode_rate(&packed), "samples/s", true, DECODE_GOAL);
    put_row(&w, "telemetry.encode", encode_rate(&packed), "samples/s", true, plain_rate(&packed));
    json_end_array(&w);
    struct bytes json = json_writer_bytes(&w);
    FILE *file = fopen(argv[2], "w");
    if (file == NULL || fwrite(json.data, 1, json.size, file) != json.size || fclose(file) != 0) {
        perror(argv[2]);
        return 1;
    }
    printf("telemetry: %.0f samples in a full message, %" PRIu64 " such messages a day\n", per_full,
           packed.messages);
    return 0;
}
