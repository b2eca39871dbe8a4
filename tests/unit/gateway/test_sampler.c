// SPDX-License-Identifier: Apache-2.0
// Goal: not looking at registers that say what they said before changes nothing of what comes out.
// Method: two samplers take the same random readings and failures; the memory of one is wiped
// before each, and both must give the same samples.
#include "apps/gateway/poll/sampler.h"
#include "base/time.h"
#include "tests/unit/gateway/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define CONFIG                                                                                     \
    "{\"gateway\":{\"id\":\"g\",\"data_dir\":\"/d\"},\"buses\":[{\"name\":\"b\",\"port\":"         \
    "\"tty:/dev/x\",\"devices\":[{\"name\":\"d\",\"unit\":1,\"profile\":\"p\",\"limits\":["        \
    "{\"point\":\"limited\",\"low\":1,\"high\":2,\"hysteresis\":0.5,"                              \
    "\"alert_after_s\":3}]}]}]}"
#define PROFILE                                                                                    \
    "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":1000}],\"points\":["              \
    "{\"name\":\"always\",\"address\":0,\"report\":{\"on_change\":false}},"                        \
    "{\"name\":\"changed\",\"address\":1,\"report\":{\"on_change\":true}},"                        \
    "{\"name\":\"beats\",\"address\":2,\"report\":{\"on_change\":true,\"heartbeat_ms\":5000}},"    \
    "{\"name\":\"limited\",\"address\":3,\"report\":{\"on_change\":true}},"                        \
    "{\"name\":\"banded\",\"address\":4,\"report\":{\"deadband\":1}},"                             \
    "{\"name\":\"gone\",\"address\":5,\"sentinels\":[{\"value\":1}],"                              \
    "\"report\":{\"on_change\":true}},"                                                            \
    "{\"name\":\"wide\",\"address\":6,\"type\":\"i32\",\"report\":{\"on_change\":true}},"          \
    "{\"name\":\"long\",\"address\":8,\"type\":\"u64\",\"report\":{\"on_change\":true}},"          \
    "{\"name\":\"digits\",\"address\":12,\"type\":\"bcd16\",\"report\":{\"on_change\":true}},"     \
    "{\"name\":\"text\",\"address\":13,\"type\":\"string\",\"length\":2,"                          \
    "\"report\":{\"on_change\":true}},"                                                            \
    "{\"name\":\"name\",\"address\":14,\"type\":\"string\",\"length\":12,"                         \
    "\"report\":{\"on_change\":true}},"                                                            \
    "{\"name\":\"flag\",\"address\":20,\"type\":\"bool\",\"bit\":1,"                               \
    "\"report\":{\"on_change\":true}}]}"

enum { REGISTERS = 21, POINTS = 12, ROUNDS = 20000, CHANGED_PART = 8 };

struct pair {
    struct fixture f;
    struct sampler plain, wiped;
    struct block block;
    uint64_t random;
    uint8_t data[2 * REGISTERS];
};

static uint32_t below(struct pair *pair, uint32_t end)
{
    pair->random ^= pair->random << 13;
    pair->random ^= pair->random >> 7;
    pair->random ^= pair->random << 17;
    return (uint32_t)(pair->random >> 33) % end;
}

static void open_pair(struct pair *pair, uint64_t seed)
{
    *pair = (struct pair){.random = seed * 2654435769U + 1};
    fixture_open(&pair->f, CONFIG, PROFILE);
    assert_int_equal(pair->f.points.units[0].point_count, POINTS);
    assert_int_equal(sampler_init(&pair->plain, &pair->f.points, &pair->f.arena), OK);
    assert_int_equal(sampler_init(&pair->wiped, &pair->f.points, &pair->f.arena), OK);
    struct block blocks[POINTS];
    assert_int_equal(plan_unit(&pair->f.points, 0, 100, blocks), 1);
    pair->block = blocks[0];
    assert_int_equal(pair->block.count, REGISTERS);
}

static void wipe(struct pair *pair)
{
    memset(pair->wiped.memos, 0, pair->f.points.point_count * sizeof(*pair->wiped.memos));
}

// Lives as long as its sampler's text; compared at once.
static void check_same(const struct sampler_out *a, const struct sampler_out *b)
{
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->index, b->index);
    assert_int_equal(a->is_urgent, b->is_urgent);
    assert_int_equal(a->sample.at_us, b->sample.at_us);
    assert_int_equal(a->sample.quality, b->sample.quality);
    assert_int_equal(a->sample.reason, b->sample.reason);
    const struct tm_value *x = &a->sample.value;
    const struct tm_value *y = &b->sample.value;
    assert_int_equal(x->kind, y->kind);
    if (x->kind == TM_TEXT) {
        assert_int_equal(x->text_size, y->text_size);
        assert_memory_equal(x->u.text, y->u.text, x->text_size);
    } else if (x->kind == TM_BOOL) {
        assert_int_equal(x->u.b, y->u.b);
    } else {
        assert_int_equal(x->u.i, y->u.i);
    }
}

// Returns how many came out.
static size_t drain(struct pair *pair)
{
    struct sampler_out a;
    struct sampler_out b;
    size_t count = 0;
    while (sampler_next(&pair->plain, &a)) {
        assert_true(sampler_next(&pair->wiped, &b));
        check_same(&a, &b);
        count++;
    }
    assert_false(sampler_next(&pair->wiped, &b));
    assert_int_equal(pair->plain.samples, pair->wiped.samples);
    assert_int_equal(pair->plain.unchanged, pair->wiped.unchanged);
    return count;
}

static void read_both(struct pair *pair, uint64_t at_us, size_t size)
{
    wipe(pair);
    sampler_read(&pair->plain, &pair->block, bytes_of(pair->data, size), at_us, 0);
    sampler_read(&pair->wiped, &pair->block, bytes_of(pair->data, size), at_us, 0);
}

static void fail_both(struct pair *pair, uint64_t at_us)
{
    bool is_block = below(pair, 2) == 0;
    for (int i = 0; i < 2; i++) {
        struct sampler *sampler = i == 0 ? &pair->plain : &pair->wiped;
        if (is_block) {
            sampler_fail_block(sampler, &pair->block, at_us, TM_REASON_TIMEOUT);
        } else {
            sampler_fail_unit(sampler, 0, at_us, TM_REASON_SUSPENDED);
        }
    }
}

static void test_what_is_known_is_skipped_and_nothing_else(void **state)
{
    (void)state;
    static struct pair pair;
    size_t samples = 0;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        open_pair(&pair, seed);
        uint64_t at_us = US_PER_S;
        for (int round = 0; round < ROUNDS; round++) {
            at_us += US_PER_S;
            for (size_t i = 0; i < sizeof(pair.data); i++) {
                if (below(&pair, CHANGED_PART) == 0) {
                    pair.data[i] = i % 2 == 0 ? 0 : (uint8_t)below(&pair, 4);
                }
            }
            switch (below(&pair, 20)) {
            case 0: fail_both(&pair, at_us); break;
            case 1: read_both(&pair, at_us, 2 * below(&pair, REGISTERS)); break; // a short reply
            default: read_both(&pair, at_us, sizeof(pair.data)); break;
            }
            samples += drain(&pair);
        }
        fixture_close(&pair.f);
    }
    assert_true(samples > ROUNDS);
}

static void test_a_steady_reading_is_looked_at_no_more(void **state)
{
    (void)state;
    static struct pair pair;
    open_pair(&pair, 1);
    for (uint64_t second = 1; second <= 5; second++) {
        read_both(&pair, second * US_PER_S, sizeof(pair.data));
        (void)drain(&pair);
    }
    size_t known = 0;
    for (size_t i = 0; i < POINTS; i++) {
        known += pair.plain.memos[i].until_us > 5 * US_PER_S;
    }
    // All but the one that is always sent and the text that is too long.
    assert_int_equal(known, POINTS - 2);
    fixture_close(&pair.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_known_is_skipped_and_nothing_else),
        cmocka_unit_test(test_a_steady_reading_is_looked_at_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
