// SPDX-License-Identifier: Apache-2.0
// Goal: on a line that loses and flips bytes, with devices that answer late, twice or not at all,
// the line machine never breaks the silence, never drives against another driver, never hands a
// reply to a SEND that began after the reply did, and gives each SEND one DONE.
// Method: lib/line against sim/line in virtual time, a seed per world; the judge keeps the
// silences.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "line/line.h"
#include "sim/line.h"

#define CLIENT     0
#define DEVICE     1
#define SEEDS      60
#define SENDS      300
#define TIMEOUT_US (30 * US_PER_MS)

struct world {
    struct sim_line wire;
    struct line line;
    uint64_t now_us;
    uint64_t random;
    uint64_t client_end_us;
    uint64_t wire_end_us; // of anything sent so far
    unsigned violations;
    uint32_t next_token;
    unsigned done_count;
    unsigned good_count;
    unsigned wrong_count;
    uint64_t answer_us; // when the device begins; TIME_NEVER: not
    uint8_t answer[8];
    unsigned answer_size;
};

static uint64_t pick(struct world *w, uint64_t limit)
{
    return sim_line_random(&w->wire) % limit;
}

// The device answers a whole frame with its number, so that a reply can be told from another's.
static void device_hears(struct world *w, const struct sim_line_event *event)
{
    static uint8_t frame[64];
    static size_t size;
    if (event->start_us == event->at_us - sim_line_chars_us(&w->wire, 1)) {
        size = 0;
    }
    if (event->data.size != 0 && size < sizeof frame) {
        frame[size++] = event->data.data[0];
    }
    if (!event->last || event->spoilt || size != 8 || w->answer_us != TIME_NEVER) {
        return;
    }
    uint64_t wait_us = w->line.t3_5_us + pick(w, 3000);
    switch (pick(w, 10)) {
    case 0: return;                                             // dead for this one
    case 1: wait_us = TIMEOUT_US - 4000 + pick(w, 8000); break; // around the time-out
    case 2: wait_us = TIMEOUT_US + pick(w, 60000); break;       // late
    default: break;
    }
    w->answer_us = event->at_us + wait_us;
    w->answer_size = 8;
    memcpy(w->answer, frame, 8);
}

static void drive(struct world *w, unsigned node, struct bytes data, uint64_t *start_us,
                  uint64_t *end_us)
{
    ASSERT(sim_line_drive(&w->wire, node, w->now_us, data, start_us, end_us) == OK);
}

static void transmit(struct world *w, struct bytes frame)
{
    uint64_t start_us = 0;
    uint64_t end_us = 0;
    drive(w, CLIENT, frame, &start_us, &end_us);
    // What began before us and is not over, or ended less than t3.5 ago as far as anybody heard it.
    w->violations += w->wire_end_us != 0 && start_us < w->wire_end_us + w->line.t3_5_us &&
                     start_us >= w->wire_end_us;
    w->wire_end_us = end_us > w->wire_end_us ? end_us : w->wire_end_us;
    line_tx_done(&w->line, w->now_us, start_us, end_us);
}

static void take_done(struct world *w, const struct line_done *done)
{
    w->done_count++;
    if (done->outcome != LINE_REPLY) {
        return;
    }
    uint32_t number = 0;
    memcpy(&number, done->reply, sizeof number);
    assert_true(done->rx_first_us > done->tx_end_us);
    if (done->reply_size == 8 && number == done->token) {
        w->good_count++;
    } else {
        w->wrong_count++; // cut by a lost byte, or of an earlier SEND: see below
        // A reply of another SEND can only be one that started after our frame had ended.
        assert_true(done->rx_first_us >= done->tx_end_us + sim_line_chars_us(&w->wire, 1) / 2);
    }
}

static void drain(struct world *w)
{
    struct line_out out;
    while (line_next(&w->line, &out)) {
        switch (out.kind) {
        case LINE_OUT_DE_ON: sim_line_de(&w->wire, CLIENT, true); break;
        case LINE_OUT_DE_OFF: sim_line_de(&w->wire, CLIENT, false); break;
        case LINE_OUT_TX: transmit(w, out.frame); break;
        case LINE_OUT_DONE: take_done(w, out.done); break;
        case LINE_OUT_HEARD: fail_msg("heard without listening"); break;
        }
    }
}

static void give(struct world *w, const struct sim_line_event *event)
{
    if (event->from == CLIENT) {
        device_hears(w, event);
        return;
    }
    line_rx(&w->line, event->at_us, event->data, event->flags);
}

static void fill_queue(struct world *w)
{
    while (w->next_token < SENDS && line_queue_count(&w->line) < 8) {
        struct line_send send = {
            .token = w->next_token, .reply_timeout_us = TIMEOUT_US, .frame_size = 8};
        memcpy(send.frame, &w->next_token, sizeof w->next_token);
        assert_int_equal(line_send(&w->line, w->now_us, &send), OK);
        w->next_token++;
    }
}

static void step(struct world *w)
{
    fill_queue(w);
    drain(w);
    if (w->done_count == SENDS) {
        return;
    }
    uint64_t wire_us = sim_line_deadline_us(&w->wire);
    uint64_t next_us = time_min(line_deadline_us(&w->line), time_min(wire_us, w->answer_us));
    ASSERT(next_us != TIME_NEVER);
    w->now_us = next_us > w->now_us ? next_us : w->now_us;
    struct sim_line_event event;
    if (w->answer_us <= w->now_us) {
        uint64_t start_us;
        uint64_t end_us;
        w->answer_us = TIME_NEVER;
        drive(w, DEVICE, bytes_of(w->answer, w->answer_size), &start_us, &end_us);
        w->wire_end_us = end_us > w->wire_end_us ? end_us : w->wire_end_us;
    } else if (wire_us <= w->now_us && sim_line_next(&w->wire, w->now_us, &event)) {
        line_tick(&w->line, event.at_us - 1); // a deadline before this input fires before it
        drain(w);
        give(w, &event);
    } else {
        line_tick(&w->line, w->now_us);
    }
}

static void run_world(struct world *w, uint64_t seed, uint32_t ppm)
{
    memset(w, 0, sizeof *w);
    const struct sim_line_cfg wire = {.baud = 19200,
                                      .char_bits = 11,
                                      .by_byte = true,
                                      .drop_ppm = ppm,
                                      .flip_ppm = ppm,
                                      .seed = seed};
    const struct line_cfg line = {.baud = 19200, .de_lead_bits8 = 8, .de_hold_bits8 = 8};
    sim_line_init(&w->wire, &wire);
    line_init(&w->line, &line);
    w->answer_us = TIME_NEVER;
    line_port(&w->line, 0, true);
    while (w->done_count < SENDS) {
        step(w);
    }
}

static void test_quiet_line_needs_no_luck(void **state)
{
    (void)state;
    static struct world w;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_world(&w, seed, 0);
        if (w.violations != 0 || w.wire.stats.undriven != 0 || w.done_count != SENDS ||
            w.good_count < SENDS / 2) {
            fail_msg("seed=%llu violations=%u good=%u", (unsigned long long)seed, w.violations,
                     w.good_count);
        }
    }
}

static void test_noisy_line_keeps_its_silences(void **state)
{
    (void)state;
    static struct world w;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        run_world(&w, seed, 10000);
        // A dropped last byte is a silence that nobody could hear, hence no count of violations.
        if (w.done_count != SENDS || w.good_count < SENDS / 4) {
            fail_msg("seed=%llu good=%u", (unsigned long long)seed, w.good_count);
        }
    }
}

static void test_same_seed_same_world(void **state)
{
    (void)state;
    static struct world a;
    static struct world b;
    run_world(&a, 5, 20000);
    run_world(&b, 5, 20000);
    assert_int_equal(a.now_us, b.now_us);
    assert_memory_equal(&a.line.stats, &b.line.stats, sizeof a.line.stats);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet_line_needs_no_luck),
        cmocka_unit_test(test_noisy_line_keeps_its_silences),
        cmocka_unit_test(test_same_seed_same_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
