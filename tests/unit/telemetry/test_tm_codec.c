// SPDX-License-Identifier: Apache-2.0
// Goal: what is packed comes out again, sample for sample, whatever the mix; a message is filled to
// the last sample that fits; nothing is read past a damaged message's end.
// Method: random catalogues and samples from a seed, packed in several messages and decoded.
#include "telemetry/decode.h"
#include "telemetry/encode.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { POINTS = 40, SAMPLES = 900, ROWS = 2048, TEXT = 4096, ROUNDS = 120 };

static uint64_t random_state;

static uint64_t next_random(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % below;
}

struct set {
    struct tm_point points[POINTS];
    struct tm_catalogue catalogue;
    struct tm_sample samples[SAMPLES];
    size_t count;
};

static struct tm_value random_value(const struct tm_point *point)
{
    static const char *const texts[] = {"", "ok", "a \"quoted\" one", "line\nbreak",
                                        "\xc3\xa9\xf0\x9f\x98\x80"};
    switch (point->type) {
    case TM_TYPE_INT: {
        int64_t value = (int64_t)next_random(2000) - 1000;
        if (next_random(20) == 0) {
            value = (int64_t)(next_random(UINT64_MAX) << next_random(12));
        }
        return tm_int(value, point->exponent);
    }
    case TM_TYPE_DOUBLE: {
        double value = (double)(int64_t)(next_random(20000) - 10000) / 100;
        return tm_double(next_random(20) == 0  ? value * 1e300
                         : next_random(9) == 0 ? value / 3
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

// Devices of a few points read together, now and then some of them, now and then late.
static void make_set(struct set *set)
{
    static const uint32_t resolutions[] = {0, 1, 10, 1000};
    uint32_t id = 1 + (uint32_t)next_random(5);
    for (size_t i = 0; i < POINTS; i++) {
        set->points[i] =
            (struct tm_point){.id = id,
                              .type = (enum tm_type)next_random(next_random(3) == 0 ? 5 : 1),
                              .exponent = (int8_t)(next_random(5) - 3),
                              .name = "n",
                              .device = "d",
                              .resolution_ms = resolutions[i / 10]};
        id += 1 + (uint32_t)(next_random(4) == 0 ? next_random(3) : 0);
    }
    assert_int_equal(tm_catalogue_init(&set->catalogue, NULL, set->points, POINTS, NULL), OK);
    uint64_t now_us = UINT64_C(1795000000000000) + next_random(1000000000);
    set->count = 0;
    while (set->count + 4 <= SAMPLES) {
        size_t first = next_random(POINTS / 4) * 4;
        now_us += next_random(3) == 0 ? next_random(60000000) : 1000000;
        bool bad = next_random(10) == 0;
        for (size_t i = 0; i < 4; i++) {
            if (next_random(30) == 0) {
                continue;
            }
            struct tm_sample *sample = &set->samples[set->count++];
            *sample = (struct tm_sample){.at_us = now_us - next_random(2) * 5000000,
                                         .point = set->points[first + i].id};
            if (bad) {
                sample->quality = next_random(2) == 0 ? TM_STALE : TM_BAD;
                sample->reason = (enum tm_reason)next_random(TM_REASON_LAST + 1);
            } else {
                sample->value = random_value(&set->points[first + i]);
            }
        }
    }
}

static int64_t expected_ms(const struct set *set, uint32_t index, uint64_t at_us)
{
    uint32_t resolution_ms = set->points[index].resolution_ms;
    resolution_ms = resolution_ms > 0 ? resolution_ms : 1;
    return (int64_t)(at_us / 1000 / resolution_ms * resolution_ms);
}

// Each column must hold the point's samples among samples[from .. to), in order.
static void check_column(const struct set *set, const struct tm_column *column, size_t from,
                         size_t to)
{
    uint32_t row = 0;
    assert_true(column->index < POINTS);
    assert_int_equal(column->point, set->points[column->index].id);
    for (size_t i = from; i < to; i++) {
        const struct tm_sample *sample = &set->samples[i];
        if (sample->point != column->point) {
            continue;
        }
        assert_in_range(row, 0, column->row_count - 1);
        assert_int_equal(column->time_ms[row], expected_ms(set, column->index, sample->at_us));
        assert_true(tm_value_equal(&column->rows[row].value, &sample->value));
        assert_int_equal(column->rows[row].quality, sample->quality);
        assert_int_equal(column->rows[row].reason, sample->reason);
        row++;
    }
    assert_int_equal(row, column->row_count);
}

static struct tm_decode_memory decode_memory(void)
{
    static int64_t time_ms[ROWS];
    static struct tm_row rows[ROWS];
    static char text[TEXT];
    return (struct tm_decode_memory){.time_ms = time_ms,
                                     .rows = rows,
                                     .row_capacity = ROWS,
                                     .text = text,
                                     .text_capacity = TEXT};
}

static void check_message(const struct set *set, struct bytes message, size_t from, size_t to)
{
    struct tm_decode_memory memory = decode_memory();
    struct tm_decoder decoder;
    struct tm_column column;
    size_t rows = 0;
    enum err err = tm_decode_init(&decoder, message, &set->catalogue, &memory);
    assert_int_equal(err, OK);
    assert_int_equal(decoder.head.boot_id, 77);
    while ((err = tm_decode_next(&decoder, &column)) == OK) {
        check_column(set, &column, from, to);
        rows += column.row_count;
    }
    assert_int_equal(err, ERR_EMPTY);
    assert_int_equal(rows, to - from);
}

static void test_what_is_packed_comes_out_again(void **state)
{
    (void)state;
    random_state = 20261123;
    print_message("seed %" PRIu64 "\n", random_state);
    static struct set set;
    static uint16_t order[SAMPLES];
    static char out[TM_BODY_SIZE_MAX];
    struct tm_encode_memory memory = {.order = order, .capacity = SAMPLES};
    struct tm_axis axis = {.boot_id = 77};
    for (int round = 0; round < ROUNDS; round++) {
        make_set(&set);
        struct tm_body body = {.out = out, .capacity = round % 3 == 0 ? 600 : sizeof(out)};
        for (size_t from = 0; from < set.count; from += body.taken) {
            const struct tm_sample *samples = set.samples + from;
            size_t left = set.count - from;
            assert_int_equal(tm_encode(&set.catalogue, axis, samples, left, &memory, &body), OK);
            const size_t size = body.size;
            const size_t taken = body.taken;
            assert_in_range(size, 1, body.capacity);
            assert_in_range(taken, 1, left);
            check_message(&set, bytes_of(out, size), from, from + taken);
            size_t half = taken / 2;
            assert_true(tm_encode_size(&set.catalogue, axis, samples, half, &memory, 0) <= size ||
                        half == 0);
            assert_int_equal(tm_encode_size(&set.catalogue, axis, samples, taken, &memory, half),
                             size);
            if (taken < left) {
                assert_true(tm_encode_size(&set.catalogue, axis, samples, taken + 1, &memory,
                                           taken) > body.capacity);
            }
        }
    }
}

// A sample that the format refuses neither fills a message nor hides that others do.
static void test_what_is_refused_does_not_make_a_message_full(void **state)
{
    (void)state;
    random_state = 11;
    static struct set set;
    static struct tm_sample samples[SAMPLES];
    static uint16_t order[SAMPLES];
    static char out[TM_BODY_SIZE_MAX];
    struct tm_encode_memory memory = {.order = order, .capacity = SAMPLES};
    struct tm_axis axis = {.boot_id = 77};
    make_set(&set);
    struct tm_body body = {.out = out, .capacity = sizeof(out)};
    assert_int_equal(tm_encode(&set.catalogue, axis, set.samples, set.count, &memory, &body), OK);
    size_t count = body.taken;
    assert_in_range(count, 2, SAMPLES - 2);
    struct tm_sample refused = {.at_us = set.samples[0].at_us, .point = UINT32_MAX};
    for (size_t at = 0; at <= count; at += count / 2) {
        memcpy(samples, set.samples, at * sizeof(*samples));
        samples[at] = refused;
        memcpy(samples + at + 1, set.samples + at, (count - at) * sizeof(*samples));
        const struct tm_catalogue *c = &set.catalogue;
        size_t half = count / 2 + 1; // what it sorted before, with a refused one or without
        assert_true(tm_encode_size(c, axis, samples, half, &memory, 0) < body.size);
        assert_int_equal(tm_encode_size(c, axis, samples, count + 1, &memory, half), body.size);
        assert_int_equal(tm_encode_size(c, axis, samples, count + 1, &memory, 0), body.size);
    }
    assert_int_equal(tm_encode_size(&set.catalogue, axis, &refused, 1, &memory, 0), 0);
}

static void test_the_same_samples_give_the_same_bytes(void **state)
{
    (void)state;
    random_state = 7;
    static struct set set;
    static uint16_t order[SAMPLES];
    static char out[2][TM_BODY_SIZE_MAX];
    struct tm_encode_memory memory = {.order = order, .capacity = SAMPLES};
    make_set(&set);
    struct tm_body body[2] = {{.out = out[0], .capacity = sizeof(out[0])},
                              {.out = out[1], .capacity = sizeof(out[1])}};
    for (int i = 0; i < 2; i++) {
        memset(order, i, sizeof(order));
        assert_int_equal(tm_encode(&set.catalogue, (struct tm_axis){.boot_id = 0}, set.samples,
                                   set.count, &memory, &body[i]),
                         OK);
    }
    assert_int_equal(body[0].taken, body[1].taken);
    assert_int_equal(body[0].size, body[1].size);
    assert_memory_equal(out[0], out[1], body[0].size);
    assert_true(body[0].size > TM_BODY_SIZE_MAX - 100);
}

static void decode_anything(struct bytes message, const struct tm_catalogue *catalogue)
{
    uint8_t *copy = malloc(message.size > 0 ? message.size : 1);
    assert_non_null(copy);
    memcpy(copy, message.data, message.size);
    struct tm_decode_memory memory = decode_memory();
    struct tm_decoder decoder;
    struct tm_column column;
    enum err err = tm_decode_init(&decoder, bytes_of(copy, message.size), catalogue, &memory);
    while (err == OK) {
        err = tm_decode_next(&decoder, &column);
    }
    assert_true(err == ERR_EMPTY || err == ERR_CORRUPT || err == ERR_SIZE ||
                err == ERR_UNSUPPORTED || err == ERR_STATE);
    free(copy);
}

static void test_a_damaged_message_is_refused_and_the_next_is_read(void **state)
{
    (void)state;
    random_state = 99;
    static struct set set;
    static uint16_t order[SAMPLES];
    static char out[TM_BODY_SIZE_MAX];
    static char damaged[TM_BODY_SIZE_MAX];
    struct tm_encode_memory memory = {.order = order, .capacity = SAMPLES};
    struct tm_body body = {.out = out, .capacity = sizeof(out)};
    make_set(&set);
    assert_int_equal(tm_encode(&set.catalogue, (struct tm_axis){.boot_id = 77}, set.samples,
                               set.count, &memory, &body),
                     OK);
    const size_t size = body.size;
    for (size_t cut = 0; cut < size; cut += 1 + cut / 100) {
        struct tm_decode_memory rows = decode_memory();
        struct tm_decoder decoder;
        struct tm_column column;
        enum err err = tm_decode_init(&decoder, bytes_of(out, cut), &set.catalogue, &rows);
        while (err == OK) {
            err = tm_decode_next(&decoder, &column);
        }
        assert_int_equal(err, ERR_CORRUPT);
    }
    for (int i = 0; i < 3000; i++) {
        memcpy(damaged, out, size);
        for (int j = 0; j < 3; j++) {
            damaged[next_random(size)] = "0123456789[]{},:\"-dsbaqe"[next_random(24)];
        }
        decode_anything(bytes_of(damaged, size), next_random(2) == 0 ? &set.catalogue : NULL);
    }
    check_message(&set, bytes_of(out, size), 0, body.taken);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_packed_comes_out_again),
        cmocka_unit_test(test_what_is_refused_does_not_make_a_message_full),
        cmocka_unit_test(test_the_same_samples_give_the_same_bytes),
        cmocka_unit_test(test_a_damaged_message_is_refused_and_the_next_is_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
