// SPDX-License-Identifier: Apache-2.0
// Prints messages of random samples, one a line, each followed by a line with what another decoder
// must read from it: [[index, ms, value or null, "good" or "<quality> <reason>"], ...].
#include "base/assert.h"
#include "base/time.h"
#include "telemetry/encode.h"
#include "json/writer.h"

#include <stdio.h>
#include <string.h>

enum { POINTS = 30, SAMPLES = 1000, MESSAGES = 40, EXPECTED_SIZE = 200000 };

static uint64_t random_state = 20261123;

static uint64_t next_random(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % below;
}

static struct tm_value random_value(const struct tm_point *point)
{
    static const char *const texts[] = {"", "ok", "a \"quoted\" one", "line\nbreak",
                                        "\xc3\xa9\xf0\x9f\x98\x80"};
    switch (point->type) {
    case TM_TYPE_INT:
        return next_random(40) == 0
                   ? tm_int((int64_t)(next_random(UINT64_MAX) << next_random(12)), point->exponent)
                   : tm_int((int64_t)next_random(2000) - 1000, point->exponent);
    case TM_TYPE_DOUBLE: {
        double value = (double)next_random(20000) / 100 - 100;
        return tm_double(next_random(30) == 0 ? value * 1e300
                         : point->id % 2 == 0 ? value / 3
                                              : value);
    }
    case TM_TYPE_BOOL: return tm_bool(next_random(3) == 0);
    case TM_TYPE_ENUM: return tm_enum((int64_t)next_random(6) - 1);
    case TM_TYPE_TEXT: {
        const char *text = texts[next_random(5)];
        return tm_text(bytes_of(text, strlen(text)));
    }
    }
    return tm_bool(false);
}

static size_t make_samples(const struct tm_point *points, struct tm_sample *samples)
{
    uint64_t now_us = UINT64_C(1795000000000000);
    size_t count = 0;
    while (count + 3 <= SAMPLES) {
        size_t first = next_random(POINTS / 3) * 3;
        now_us += next_random(3) == 0 ? next_random(60000000) : 1000000;
        bool bad = next_random(10) == 0;
        for (size_t i = first; i < first + 3; i++) {
            struct tm_sample sample = {.at_us = now_us, .point = points[i].id};
            sample.quality = bad ? (enum tm_quality)(1 + next_random(2)) : TM_GOOD;
            sample.reason = bad ? (enum tm_reason)(1 + next_random(10)) : TM_REASON_NONE;
            sample.value = bad ? sample.value : random_value(&points[i]);
            if (next_random(30) != 0) {
                samples[count++] = sample;
            }
        }
    }
    return count;
}

static void put_value(struct json_writer *w, const struct tm_value *value)
{
    switch (value->kind) {
    case TM_NULL: json_put_null(w); break;
    case TM_INT:
    case TM_ENUM: json_put_i64(w, value->u.i); break;
    case TM_DOUBLE: {
        // Python writes 5 as int and 5.0 as float: always a float here.
        char text[40];
        int size = snprintf(text, sizeof(text), "%.17e", value->u.d);
        json_put_raw(w, bytes_of(text, (size_t)size));
        break;
    }
    case TM_BOOL: json_put_bool(w, value->u.b); break;
    case TM_TEXT: json_put_text(w, bytes_of(value->u.text, value->text_size)); break;
    }
}

static void print_expected(const struct tm_catalogue *catalogue, const struct tm_sample *samples,
                           size_t count)
{
    static char out[EXPECTED_SIZE];
    struct json_writer w;
    json_writer_init(&w, out, sizeof(out));
    json_begin_array(&w);
    for (size_t i = 0; i < count; i++) {
        char quality[64] = "good";
        uint32_t index = 0;
        enum err err = tm_catalogue_index(catalogue, samples[i].point, &index);
        ASSERT(err == OK);
        uint64_t resolution_ms = catalogue->points[index].resolution_ms;
        if (samples[i].quality != TM_GOOD) {
            snprintf(quality, sizeof(quality), "%s %s", tm_quality_name(samples[i].quality),
                     tm_reason_name(samples[i].reason));
        }
        json_begin_array(&w);
        json_put_u64(&w, index);
        json_put_u64(&w, samples[i].at_us / US_PER_MS / resolution_ms * resolution_ms);
        put_value(&w, &samples[i].value);
        json_put_string(&w, quality);
        json_end_array(&w);
    }
    json_end_array(&w);
    struct bytes text = json_writer_bytes(&w);
    ASSERT(text.size > 0);
    printf("%.*s\n", (int)text.size, (const char *)text.data);
}

int main(void)
{
    static struct tm_point points[POINTS];
    static struct tm_sample samples[SAMPLES];
    static uint16_t order[SAMPLES];
    const struct tm_encode_memory memory = {.order = order, .capacity = SAMPLES};
    struct tm_catalogue catalogue;
    for (uint32_t i = 0; i < POINTS; i++) {
        points[i] = (struct tm_point){.id = 1 + i + i / 10,
                                      .type = (enum tm_type)(i / 6),
                                      .exponent = (int8_t)(i % 3) - 2,
                                      .name = "n",
                                      .device = "d",
                                      .resolution_ms = i % 2 == 0 ? 1000 : 10};
    }
    enum err err = tm_catalogue_init(&catalogue, NULL, points, POINTS, NULL);
    ASSERT(err == OK);
    for (int printed = 0; printed < MESSAGES;) {
        size_t count = make_samples(points, samples);
        char out[TM_BODY_SIZE_MAX];
        struct tm_body body = {.out = out, .capacity = sizeof(out)};
        for (size_t from = 0; from < count && printed < MESSAGES; from += body.taken, printed++) {
            err = tm_encode(&catalogue, (struct tm_axis){.boot_id = 0}, samples + from,
                            count - from, &memory, &body);
            ASSERT(err == OK);
            printf("%.*s\n", (int)body.size, out);
            print_expected(&catalogue, samples + from, body.taken);
        }
    }
    return 0;
}
