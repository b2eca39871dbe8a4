// SPDX-License-Identifier: Apache-2.0
// Goal: what goes into a chunk comes out of it, at extremes too, in few bytes; damage is refused.
// Method: encode then decode over shapes of data and random ones (seeded), each byte flipped.
#include "apps/cloud/store/chunk.h"
#include "apps/cloud/store/column.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static uint64_t seed = 88172645463325252U;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static struct entry decimal(int64_t at_ms, int64_t value, uint8_t decimals)
{
    struct entry e = {.value = value, .form = entry_form(ENTRY_DECIMAL, 0, decimals)};
    entry_set_at(&e, at_ms);
    return e;
}

static struct entry number(int64_t at_ms, double value)
{
    struct entry e = {.form = entry_form(ENTRY_DOUBLE, 0, 0)};
    memcpy(&e.value, &value, sizeof(value));
    entry_set_at(&e, at_ms);
    return e;
}

static struct entry odd(int64_t at_ms, uint8_t quality, uint8_t reason)
{
    struct entry e = {.form = entry_form(ENTRY_NONE, quality, 0), .reason = reason};
    entry_set_at(&e, at_ms);
    return e;
}

static void assert_same(const struct entry *a, const struct entry *b)
{
    assert_true(entry_at(a) == entry_at(b));
    assert_int_equal(entry_kind_of(a), entry_kind_of(b));
    assert_int_equal(entry_quality(a), entry_quality(b));
    assert_int_equal(a->reason, b->reason);
    int64_t a_value = a->value;
    int64_t b_value = b->value;
    for (unsigned k = entry_decimals(a); k < entry_decimals(b); k++) {
        a_value *= 10;
    }
    for (unsigned k = entry_decimals(b); k < entry_decimals(a); k++) {
        b_value *= 10;
    }
    assert_true(a_value == b_value);
}

// Encodes all, chunk by chunk, decodes each; returns bytes used.
static size_t pair(const struct entry *entries, size_t count)
{
    size_t bytes = 0;
    for (size_t at = 0; at < count;) {
        uint8_t buffer[CHUNK_SIZE_MAX];
        struct writer w = writer_of(buffer, sizeof(buffer));
        size_t taken = 0;
        chunk_encode(entries + at, count - at, &w, &taken);
        assert_in_range(taken, 1, CHUNK_SAMPLES_MAX);
        struct entry out[CHUNK_SAMPLES_MAX];
        size_t got = 0;
        assert_int_equal(chunk_decode(writer_bytes(&w), entry_at(&entries[at]), out, &got), OK);
        assert_int_equal(got, taken);
        for (size_t i = 0; i < got; i++) {
            assert_same(&entries[at + i], &out[i]);
        }
        bytes += w.size;
        at += taken;
    }
    return bytes;
}

static void test_a_walk_once_a_minute_takes_little(void **state)
{
    (void)state;
    struct entry entries[CHUNK_SAMPLES_MAX];
    int64_t value = 215;
    for (size_t i = 0; i < CHUNK_SAMPLES_MAX; i++) {
        value += (int64_t)(next_random() % 3) - 1;
        entries[i] = decimal(1700000000000 + (int64_t)i * 60000, value, 1);
    }
    assert_in_range(pair(entries, CHUNK_SAMPLES_MAX), 60, 100);
    for (size_t i = 0; i < CHUNK_SAMPLES_MAX; i++) {
        entry_set_at(&entries[i], entry_at(&entries[i]) + (int64_t)(next_random() % 200));
    }
    assert_in_range(pair(entries, CHUNK_SAMPLES_MAX), 200, 370);
}

static void test_extremes_survive(void **state)
{
    (void)state;
    const struct entry entries[] = {
        decimal(-ENTRY_AT_MAX, INT64_MIN, 0),
        decimal(-ENTRY_AT_MAX, INT64_MAX, 0),
        decimal(-1, -1, 15),
        decimal(0, 0, 0),
        decimal(1, INT64_MAX, 15),
        odd(1, 2, 255),
        number(1, -0.0),
        number(1, 1e308),
        odd(2, 1, 0),
        number(CHUNK_SPAN_MAX_MS + 1, 5e-324),
        decimal(CHUNK_SPAN_MAX_MS + 2, 7, 3),
        decimal(CHUNK_SPAN_MAX_MS + 2, 7, 0),
        decimal(CHUNK_SPAN_MAX_MS * 2 + 2, 70, 1),
        decimal(CHUNK_SPAN_MAX_MS * 3 + 3, 70, 1),
    };
    pair(entries, sizeof(entries) / sizeof(entries[0]));
}

static void test_any_values_fit_in_some_chunk(void **state)
{
    (void)state;
    for (int round = 0; round < 400; round++) {
        struct entry entries[500];
        int64_t at = (int64_t)(next_random() >> 20) - (INT64_C(1) << 43);
        unsigned shift = (unsigned)(next_random() % 64);
        for (size_t i = 0; i < 500; i++) {
            at += (int64_t)(next_random() >> (30 + shift / 2));
            uint64_t raw = next_random() >> shift;
            int64_t value = 0;
            memcpy(&value, &raw, sizeof(value));
            switch (next_random() % (round % 2 == 0 ? 2 : 60)) {
            case 0: entries[i] = odd(at, (uint8_t)(raw & 3), (uint8_t)(raw >> 8)); break;
            case 1: entries[i] = number(at, (double)value / 7); break;
            default: entries[i] = decimal(at, value, (uint8_t)(round % 7 == 0 ? raw % 4 : 2));
            }
        }
        pair(entries, 500);
    }
}

static void test_a_sample_that_is_bad_keeps_its_place(void **state)
{
    (void)state;
    struct entry entries[CHUNK_SAMPLES_MAX];
    for (size_t i = 0; i < CHUNK_SAMPLES_MAX; i++) {
        entries[i] = i % 3 == 0 ? odd((int64_t)i, 1, 9) : decimal((int64_t)i, 50 - (int64_t)i, 1);
    }
    pair(entries, CHUNK_SAMPLES_MAX);
    struct chunk_summary s;
    chunk_summarise(entries, 5, &s); // values 4.9, 4.8, 4.6
    assert_int_equal(s.total, 5);
    assert_int_equal(s.n, 3);
    assert_true(s.min == 4.6 && s.max == 4.9);
    assert_true(s.sum > 14.29 && s.sum < 14.31);
}

static void test_damage_never_crashes_and_short_input_is_refused(void **state)
{
    (void)state;
    struct entry entries[40];
    for (size_t i = 0; i < 40; i++) {
        entries[i] = i == 7 ? odd(1000, 2, 3) : decimal(1000 + (int64_t)i * 77, (int64_t)i * 5, 2);
    }
    entry_set_at(&entries[7], 1000 + 7 * 77);
    uint8_t buffer[CHUNK_SIZE_MAX];
    struct writer w = writer_of(buffer, sizeof(buffer));
    size_t taken = 0;
    chunk_encode(entries, 40, &w, &taken);
    struct entry out[CHUNK_SAMPLES_MAX];
    size_t got = 0;
    for (size_t size = 0; size < w.size; size++) {
        assert_int_not_equal(chunk_decode(bytes_of(buffer, size), 0, out, &got), OK);
    }
    for (size_t i = 0; i < w.size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            buffer[i] ^= (uint8_t)(1U << bit);
            enum err err = chunk_decode(writer_bytes(&w), 0, out, &got);
            assert_true(err == OK || err == ERR_CORRUPT || err == ERR_UNSUPPORTED);
            buffer[i] ^= (uint8_t)(1U << bit);
        }
    }
    buffer[0] = 2;
    assert_int_equal(chunk_decode(writer_bytes(&w), 0, out, &got), ERR_UNSUPPORTED);
}

int main(void)
{
    printf("seed %llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_walk_once_a_minute_takes_little),
        cmocka_unit_test(test_extremes_survive),
        cmocka_unit_test(test_any_values_fit_in_some_chunk),
        cmocka_unit_test(test_a_sample_that_is_bad_keeps_its_place),
        cmocka_unit_test(test_damage_never_crashes_and_short_input_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
