// SPDX-License-Identifier: Apache-2.0
// Goal: the judge passes a transceiver that is driven right, and catches each way of doing it
// wrong. Method: guests/frame.c and its mutants, judged on the wire.
#include "sim/mt3620/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/assert.h"
#include "tests/unit/mt3620/rig.h"

enum { NOMINAL = 1, ON_THRE, ONE_CHAR_LATE, NO_SILENCE, AFTER_THE_START };
enum { AT_115200 = 0, AT_19200 = 16, AT_9600 = 32 };

static struct rig rig;
static struct mt_judge judge;

static struct mt_frame run(unsigned which, const struct mt_knobs *knobs, uint64_t t3_5_us)
{
    rig_open(&rig, "frame", (uint8_t)which, knobs);
    rig_run(&rig, 200000);
    if (mt_failure(rig.mt) != NULL) {
        fail_msg("%s", mt_failure(rig.mt));
    }
    mt_judge_init(&judge, t3_5_us * MT_U_PER_US);
    struct mt_frame frame = {0};
    for (size_t i = 0; i < rig.event_count; i++) {
        (void)mt_judge_event(&judge, &rig.events[i], &frame);
    }
    rig_close(&rig);
    return frame;
}

static void test_a_right_release_is_late_by_a_trifle(void **state)
{
    (void)state;
    static const struct {
        unsigned speed;
        uint64_t t3_5_us;
        double bits_max;
    } CASES[] = {{AT_115200, 1750, 0.2}, {AT_19200, 1823, 0.04}, {AT_9600, 3646, 0.02}};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct mt_frame frame = run(CASES[i].speed + NOMINAL, NULL, CASES[i].t3_5_us);
        assert_true(judge.frames > 10);
        assert_int_equal(frame.chars, 8);
        assert_int_equal(judge.early + judge.undriven + judge.damaged + judge.silence, 0);
        assert_true(judge.hold_bits_min > 0 && judge.hold_bits_max < CASES[i].bits_max);
        assert_in_range(frame.setup_u, 1, 200);
        assert_in_range(judge.instructions_max, 10, 1000);
    }
}

static void test_bus_waits_and_a_storm_leave_it_right(void **state)
{
    (void)state;
    static const struct mt_knobs KNOBS[] = {{.bus_wait_cycles = 4},
                                            {.bus_wait_cycles = 40},
                                            {.tx_lag = 1000},
                                            {.storm_u = 7 * MT_U_PER_US},
                                            {.irq_latency_cycles = 100}};
    for (size_t i = 0; i < COUNT_OF(KNOBS); i++) {
        (void)run(NOMINAL, &KNOBS[i], 1750);
        assert_int_equal(judge.early + judge.undriven + judge.damaged, 0);
        assert_true(judge.hold_bits_max < 0.3);
    }
}

static void test_release_on_thre_is_caught(void **state)
{
    (void)state;
    struct mt_frame frame = run(ON_THRE, NULL, 1750);
    assert_true(judge.early == judge.frames && judge.frames > 10);
    assert_int_equal(judge.damaged, judge.frames);
    double bits = (double)frame.hold_u / frame.bit_u;
    assert_true(bits < -9.9 && bits > -10);
}

static void test_a_leading_temt_without_guard_is_caught(void **state)
{
    (void)state;
    // THRE leads as well, so that the release which is counted from it comes half a bit early.
    (void)run(NOMINAL, &(struct mt_knobs){.temt_lead = 500, .thre_lead = 500}, 1750);
    assert_int_equal(judge.early, judge.frames);
    assert_true(judge.hold_bits_max < 0 && judge.hold_bits_min > -0.6);
}

static void test_a_late_release_is_measured(void **state)
{
    (void)state;
    (void)run(ONE_CHAR_LATE, NULL, 1750);
    assert_int_equal(judge.early, 0);
    assert_true(judge.hold_bits_min > 9.9 && judge.hold_bits_max < 10.2);
}

static void test_missing_silence_and_late_driver_are_caught(void **state)
{
    (void)state;
    (void)run(NO_SILENCE, NULL, 1750);
    assert_in_range(judge.silence, judge.frames - 1, judge.frames); // one may be under way
    (void)run(AFTER_THE_START, NULL, 1750);
    assert_in_range(judge.undriven, judge.frames, judge.frames + 1);
    assert_int_equal(judge.damaged, judge.frames);
}

static void test_utilisation_is_what_the_wire_must_do(void **state)
{
    (void)state;
    static const struct mt_event EVENTS[] = {
        {.kind = MT_PIN, .pin = MT_PIN_DE, .level = true, .at_u = 1000},
        {.kind = MT_CHAR, .start_u = 1000, .at_u = 2000, .bit_u = 100},
        {.kind = MT_PIN, .pin = MT_PIN_DE, .at_u = 2010},
        {.kind = MT_PIN, .pin = MT_PIN_DE, .level = true, .at_u = 4000},
        {.kind = MT_CHAR, .start_u = 4000, .at_u = 5000, .bit_u = 100},
        {.kind = MT_PIN, .pin = MT_PIN_DE, .at_u = 5010},
    };
    struct mt_frame frame;
    mt_judge_init(&judge, 500);
    for (size_t i = 0; i < 3; i++) {
        (void)mt_judge_event(&judge, &EVENTS[i], &frame);
    }
    mt_judge_heard(&judge, 2200, 3200);
    for (size_t i = 3; i < COUNT_OF(EVENTS); i++) {
        (void)mt_judge_event(&judge, &EVENTS[i], &frame);
    }
    assert_int_equal(frame.gap_u, 800);
    // 1000 + 500, device 1200, 1000 + 500 of 4500.
    assert_true(mt_judge_utilisation(&judge) > 0.933 && mt_judge_utilisation(&judge) < 0.934);
}

static uint64_t trace_edges(const char *path, char id, uint64_t *first_ps)
{
    FILE *in = fopen(path, "re");
    assert_non_null(in);
    char line[128];
    uint64_t at_ps = 0;
    uint64_t edges = 0;
    uint64_t last_ps = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        size_t size = strlen(line);
        if (line[0] == '#') {
            at_ps = strtoull(line + 1, NULL, 10);
            assert_true(at_ps >= last_ps); // GTKWave wants them in order
            last_ps = at_ps;
        } else if (size == 3 && line[1] == id && (line[0] == '0' || line[0] == '1')) {
            *first_ps = edges == 1 ? at_ps : *first_ps;
            edges++;
        }
    }
    (void)fclose(in);
    return edges;
}

static void test_trace_has_every_edge(void **state)
{
    (void)state;
    char path[] = "/tmp/busward-trace-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    rig_open_traced(&rig, "frame", NOMINAL, path);
    rig_run(&rig, 1900); // one frame: 7 6 5 ... 0
    uint64_t start_u = rig_event(&rig, MT_CHAR, 0)->start_u;
    uint64_t edges = 1; // the idle level at the start
    bool before = true;
    for (size_t n = 0; n < 8; n++) {
        const struct mt_event *c = rig_event(&rig, MT_CHAR, n);
        for (unsigned i = 0; i < c->bit_count; i++) {
            bool level = (c->bits >> i & 1U) != 0;
            edges += level != before;
            before = level;
        }
    }
    assert_null(rig_event(&rig, MT_CHAR, 8));
    rig_close(&rig);
    uint64_t first_ps = 0;
    assert_int_equal(trace_edges(path, 't', &first_ps), edges);
    assert_int_equal(first_ps, start_u / 247 * 250000 + start_u % 247 * 250000 / 247);
    assert_int_equal(trace_edges(path, 'd', &first_ps), 3); // low, rises, falls
    assert_int_equal(unlink(path), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_right_release_is_late_by_a_trifle),
        cmocka_unit_test(test_bus_waits_and_a_storm_leave_it_right),
        cmocka_unit_test(test_release_on_thre_is_caught),
        cmocka_unit_test(test_a_leading_temt_without_guard_is_caught),
        cmocka_unit_test(test_a_late_release_is_measured),
        cmocka_unit_test(test_missing_silence_and_late_driver_are_caught),
        cmocka_unit_test(test_utilisation_is_what_the_wire_must_do),
        cmocka_unit_test(test_trace_has_every_edge),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
