// SPDX-License-Identifier: Apache-2.0
// Goal: the very ELF that is deployed, whole, never lets go of the line early and hardly late, at
// any speed, size and setting of what silicon leaves open. Method: busward-rt.elf in the model with
// a full queue, interrupt storms and the mailbox at work; each frame judged by the shift register.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "tests/scenario/mt3620/app_rig.h"
#include "tests/scenario/mt3620/campaign.h"

#define SHIPPED_GUARD_BITS8 12
#define QUEUE               8

static struct app app;

static struct {
    uint32_t frames, early, cut, wrong;
    double hold_min, hold_max; // bits
    uint16_t sizes[QUEUE];     // of the frames queued, by their order
} seen;

// A frame holds its size, and bytes that follow from it.
static size_t make_frame(uint8_t *out, uint32_t number, unsigned step)
{
    size_t size = 1 + (size_t)number * step % 256;
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(size + i * 37);
    }
    return size;
}

static void judge_frame(struct app *unused, const struct rig_frame *frame)
{
    (void)unused;
    double hold = ((double)frame->fall_u - (double)frame->end_u) / frame->bit_u;
    bool is_right = frame->size == seen.sizes[seen.frames % QUEUE];
    for (size_t i = 0; i < frame->size; i++) {
        is_right = is_right && frame->bytes[i] == (uint8_t)(frame->size + i * 37);
    }
    seen.hold_min = seen.frames == 0 || hold < seen.hold_min ? hold : seen.hold_min;
    seen.hold_max = seen.frames == 0 || hold > seen.hold_max ? hold : seen.hold_max;
    seen.early += hold < 0;
    seen.cut += frame->cut != 0 || frame->fought != 0;
    seen.wrong += !is_right;
    seen.frames++;
}

// Broadcasts, so that the next frame waits for the silence alone.
static void run(const struct ic_line_setup *setup, const struct mt_knobs *knobs, unsigned frames,
                unsigned step)
{
    memset(&seen, 0, sizeof seen);
    if (!app_open(&app, NULL, knobs, setup)) {
        fail_msg("%s", app.rig.failure);
    }
    app.device = judge_frame;
    for (uint32_t i = 0; i < frames; i++) {
        uint8_t frame[256];
        size_t size = make_frame(frame, i, step);
        if (i >= QUEUE && !app_run_done(&app, i - QUEUE + 1, 60 * US_PER_S)) {
            fail_msg("%u of %u DONE: %s", app.done_count, frames, app.rig.failure);
        }
        seen.sizes[i % QUEUE] = (uint16_t)size;
        assert_int_equal(app_send(&app, i, bytes_of(frame, size), 0), OK);
    }
    if (!app_run_done(&app, frames, 60 * US_PER_S)) {
        fail_msg("%u of %u DONE: %s", app.done_count, frames, app.rig.failure);
    }
    printf("%7u baud, guard %2u/8: %4u frames, hold %.4f to %.4f bits\n", setup->baud,
           setup->guard_bits8, seen.frames, seen.hold_min, seen.hold_max);
    assert_int_equal(seen.frames, frames);
    assert_int_equal(app.outcomes[LINE_SENT], frames);
    assert_int_equal(seen.early, 0);
    assert_int_equal(seen.cut, 0);
    assert_int_equal(seen.wrong, 0);
    assert_int_equal(app.judge.violations, 0);
    assert_int_equal(app.rig.stray_count, 0);
    assert_int_equal(app.rig.reset_count, 0);
    app_close(&app);
}

static void test_without_a_guard_within_a_fraction_of_a_bit(void **state)
{
    (void)state;
    static const struct {
        uint32_t baud;
        double hold_max; // bits
    } rows[] = {{1200, 0.02}, {9600, 0.02}, {19200, 0.04}, {115200, 0.2}, {921600, 1.6}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct ic_line_setup setup = {.baud = rows[i].baud, .stop_bits = 1};
        run(&setup, NULL, campaign_frames(rows[i].baud, 100), 5);
        assert_true(seen.hold_max <= rows[i].hold_max);
    }
}

static void test_with_the_shipped_guard_never_early_whatever_the_silicon(void **state)
{
    (void)state;
    static const uint32_t speeds[] = {1200, 9600, 19200, 115200, 921600};
    for (unsigned bits = 0; bits < 64; bits++) {
        uint32_t baud = speeds[bits % COUNT_OF(speeds)];
        bool is_stormy = (bits & 32U) != 0;
        const struct ic_line_setup setup = {.baud = baud,
                                            .parity = (uint8_t)(bits % 3),
                                            .stop_bits = (uint8_t)(1 + bits % 2),
                                            .guard_bits8 = SHIPPED_GUARD_BITS8};
        const struct mt_knobs knobs = {.tx_lag = (bits & 1U) != 0 ? 1000 : 0,
                                       .temt_lead = (bits & 2U) != 0 ? 1000 : 0,
                                       .thre_lead = (bits & 4U) != 0 ? 1000 : 0,
                                       .thre_at_trigger = (bits & 8U) != 0,
                                       .bus_wait_cycles = (bits & 16U) != 0 ? 40 : 4,
                                       .irq_latency_cycles = (bits & 16U) != 0 ? 40 : 0,
                                       .storm_u = is_stormy ? 97 * MT_U_PER_US : 0,
                                       .seed = bits};
        run(&setup, &knobs, campaign_frames(baud, is_stormy ? 16 : 32), 13);
        assert_true(seen.hold_max <= 5.0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_without_a_guard_within_a_fraction_of_a_bit),
        cmocka_unit_test(test_with_the_shipped_guard_never_early_whatever_the_silicon),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
