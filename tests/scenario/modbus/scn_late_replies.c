// SPDX-License-Identifier: Apache-2.0
// Goal: with several requests of one unit at the line, and units that answer late, badly first and
// rightly later, or not at all, no reply is ever taken for another request's, nothing goes to a
// unit that rests after a time-out, and the others go on.
// Method: client and line machine over sim/line in virtual time; what the line tells reaches the
// client late, as it does through a loop that has to wake up; register n holds n, every request
// reads another one, and all replies look alike but for that.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "line/line.h"
#include "modbus/client.h"
#include "modbus/rtu.h"
#include "sim/line.h"

enum { CLIENT = 0, UNITS = 3, PER_UNIT = 3, SEEDS = 40, REQUESTS = 600, ADDRESS_COUNT = 60000 };
#define TIMEOUT_US (30 * US_PER_MS)
#define LATE_US    (60 * US_PER_MS)
#define LOOP_US    (15 * US_PER_MS) // the client hears of a DONE up to this much later

struct burst {
    uint64_t at_us; // TIME_NEVER: none
    uint8_t data[16];
    size_t size;
};

struct unit {
    struct burst bursts[2]; // what it is going to say
    uint64_t busy_until_us; // with the answer before
    uint64_t rest_until_us; // after a time-out: no request may be on the wire before
    uint32_t asked;         // with the client
    uint32_t good;
    bool is_dead, is_trusted;
};

struct world {
    struct sim_line wire;
    struct line line;
    struct mb_client client;
    uint64_t now_us;
    struct unit units[UNITS];
    uint8_t heard[64];
    size_t heard_size;
    struct line_done inbox[LINE_QUEUE_MAX];
    uint64_t inbox_us[LINE_QUEUE_MAX];
    size_t inbox_count;
    uint32_t next, ended, good, withdrawn;
    uint8_t on_line; // the unit asked last
    bool is_faulty;
};

static uint64_t pick(struct world *w, uint64_t limit)
{
    return sim_line_random(&w->wire) % limit;
}

static void say(struct burst *burst, uint64_t at_us, uint8_t number, uint16_t value)
{
    const uint8_t pdu[] = {4, 2, (uint8_t)(value >> 8), (uint8_t)value};
    struct writer out = writer_of(burst->data, sizeof(burst->data));
    assert_int_equal(mb_rtu_encode(number, bytes_of(pdu, sizeof(pdu)), &out), OK);
    burst->size = out.size;
    burst->at_us = at_us;
}

static void unit_asked(struct world *w, uint64_t at_us, uint8_t number, uint16_t address)
{
    struct unit *unit = &w->units[number - 1];
    if (unit->is_dead) {
        return;
    }
    if (at_us < unit->busy_until_us) { // deaf meanwhile, or it answers this one afterwards
        if (pick(w, 2) == 0 && unit->bursts[1].at_us == TIME_NEVER) {
            uint64_t after_us = unit->busy_until_us + w->line.t3_5_us + pick(w, TIMEOUT_US);
            say(&unit->bursts[1], after_us, number, address);
        }
        return;
    }
    uint64_t wait_us = w->line.t3_5_us + pick(w, 3000);
    switch (w->is_faulty ? pick(w, 12) : 11) {
    case 0: return;                                                 // never
    case 1: wait_us = TIMEOUT_US - 4000 + pick(w, 8000); break;     // around the time-out
    case 2: wait_us = TIMEOUT_US + pick(w, LATE_US - 15000); break; // late
    case 3:                                                         // damaged, then right
        say(&unit->bursts[1], at_us + wait_us, number, address);
        unit->bursts[1].data[unit->bursts[1].size - 1] ^= 1;
        wait_us += 8000 + pick(w, TIMEOUT_US - 12000);
        break;
    default: break;
    }
    say(&unit->bursts[0], at_us + wait_us, number, address);
    unit->busy_until_us = at_us + wait_us + sim_line_chars_us(&w->wire, unit->bursts[0].size);
}

static void units_hear(struct world *w, const struct sim_line_event *event)
{
    if (w->heard_size + event->data.size <= sizeof(w->heard) && event->data.size > 0) {
        memcpy(w->heard + w->heard_size, event->data.data, event->data.size);
        w->heard_size += event->data.size;
    }
    if (!event->last) {
        return;
    }
    struct mb_frame frame;
    struct mb_request request;
    bool is_whole =
        !event->spoilt && mb_rtu_decode(bytes_of(w->heard, w->heard_size), &frame) == OK;
    w->heard_size = 0;
    if (is_whole && mb_request_decode(frame.pdu, &request) == MB_EX_NONE) {
        unit_asked(w, event->at_us, frame.unit, request.address);
    }
}

static void take_done(struct world *w, const struct line_done *done)
{
    ASSERT(w->inbox_count < LINE_QUEUE_MAX);
    if (done->outcome == LINE_TIMEOUT) {
        w->units[w->on_line - 1].rest_until_us = w->now_us + LATE_US;
    }
    uint64_t at_us = w->now_us + pick(w, LOOP_US);
    if (w->inbox_count > 0 && w->inbox_us[w->inbox_count - 1] > at_us) {
        at_us = w->inbox_us[w->inbox_count - 1]; // in their order
    }
    w->inbox[w->inbox_count] = *done;
    w->inbox_us[w->inbox_count++] = at_us;
}

static void drain_line(struct world *w)
{
    struct line_out out;
    uint64_t start_us;
    uint64_t end_us;
    while (line_next(&w->line, &out)) {
        switch (out.kind) {
        case LINE_OUT_DE_ON: sim_line_de(&w->wire, CLIENT, true); break;
        case LINE_OUT_DE_OFF: sim_line_de(&w->wire, CLIENT, false); break;
        case LINE_OUT_TX:
            w->on_line = out.frame.data[0];
            assert_true(w->now_us >= w->units[w->on_line - 1].rest_until_us);
            ASSERT(sim_line_drive(&w->wire, CLIENT, w->now_us, out.frame, &start_us, &end_us) ==
                   OK);
            line_tx_done(&w->line, w->now_us, start_us, end_us);
            break;
        case LINE_OUT_DONE: take_done(w, out.done); break;
        case LINE_OUT_HEARD: fail_msg("heard without listening"); break;
        }
    }
}

static enum mb_line_outcome outcome_of(enum line_outcome outcome)
{
    switch (outcome) {
    case LINE_REPLY: return MB_LINE_REPLY;
    case LINE_TIMEOUT: return MB_LINE_TIMEOUT;
    case LINE_CANCELLED: return MB_LINE_CANCELLED;
    case LINE_BUSY: return MB_LINE_BUSY;
    case LINE_SENT:
    case LINE_NOISE:
    case LINE_COLLISION:
    case LINE_NO_ECHO:
    case LINE_PORT_LOST: break;
    }
    return MB_LINE_NOISE;
}

static void take_answers(struct world *w)
{
    struct mb_answer answer;
    while (mb_client_answer(&w->client, &answer)) {
        struct unit *unit = &w->units[answer.unit - 1];
        w->ended++;
        unit->asked--;
        unit->is_trusted = answer.kind == MB_ANSWER_REPLY;
        w->withdrawn += answer.kind == MB_ANSWER_WITHDRAWN;
        if (answer.kind == MB_ANSWER_REPLY) {
            // The one thing that all of this is for.
            assert_int_equal(answer.reply.exception, MB_EX_NONE);
            assert_int_equal(mb_reg(answer.reply.data, 0), answer.tag);
            w->good++;
            unit->good++;
        }
    }
}

static void ask_all(struct world *w)
{
    for (unsigned u = 0; u < UNITS; u++) {
        struct unit *unit = &w->units[u];
        uint32_t most = unit->is_trusted ? PER_UNIT : 1;
        while (w->next < REQUESTS && unit->asked < most) {
            struct mb_request read = {
                .fc = MB_READ_INPUT, .address = (uint16_t)(w->next % ADDRESS_COUNT), .count = 1};
            struct mb_ask ask = {.tag = read.address,
                                 .unit = (uint8_t)(u + 1),
                                 .request = &read,
                                 .is_trusted = unit->is_trusted};
            if (mb_client_ask(&w->client, &ask) != OK) {
                return;
            }
            unit->asked++;
            w->next++;
        }
    }
}

static void drain_client(struct world *w)
{
    uint32_t token;
    take_answers(w);
    while (mb_client_cancel(&w->client, &token)) {
        line_cancel(&w->line, w->now_us, token);
        drain_line(w);
    }
    if (mb_client_resume(&w->client)) {
        line_resume(&w->line, w->now_us);
        drain_line(w);
    }
    ask_all(w);
    struct mb_client_send send;
    while (mb_client_send(&w->client, w->now_us, &send)) {
        struct line_send out = {.token = send.token,
                                .barrier = send.is_barrier,
                                .reply_timeout_us = send.reply_timeout_us,
                                .reply_size = (uint16_t)send.reply_size,
                                .alt_size = MB_EXCEPTION_SIZE,
                                .alt_index = 1,
                                .alt_mask = MB_EXCEPTION_BIT,
                                .frame_size = (uint16_t)send.frame.size};
        memcpy(out.frame, send.frame.data, send.frame.size);
        assert_int_equal(line_send(&w->line, w->now_us, &out), OK);
        drain_line(w);
    }
}

static void give_done(struct world *w)
{
    struct line_done done = w->inbox[0];
    w->inbox_count--;
    memmove(&w->inbox[0], &w->inbox[1], w->inbox_count * sizeof(w->inbox[0]));
    memmove(&w->inbox_us[0], &w->inbox_us[1], w->inbox_count * sizeof(w->inbox_us[0]));
    struct mb_line_done in = {.token = done.token,
                              .outcome = outcome_of(done.outcome),
                              .is_held = done.held,
                              .at_us = w->now_us,
                              .reply = bytes_of(done.reply, done.reply_size)};
    if (done.late_bytes > 0) {
        mb_client_heard(&w->client, w->now_us);
    }
    mb_client_done(&w->client, &in);
}

static struct burst *next_burst(struct world *w, unsigned *node)
{
    struct burst *first = &w->units[0].bursts[0];
    *node = 1;
    for (unsigned u = 0; u < UNITS; u++) {
        for (size_t b = 0; b < COUNT_OF(w->units[u].bursts); b++) {
            if (w->units[u].bursts[b].at_us < first->at_us) {
                first = &w->units[u].bursts[b];
                *node = u + 1;
            }
        }
    }
    return first;
}

static void step(struct world *w)
{
    drain_line(w);
    drain_client(w);
    if (w->ended == REQUESTS) {
        return;
    }
    unsigned node = 0;
    struct burst *burst = next_burst(w, &node);
    uint64_t wire_us = sim_line_deadline_us(&w->wire);
    uint64_t inbox_us = w->inbox_count > 0 ? w->inbox_us[0] : TIME_NEVER;
    uint64_t next_us =
        time_min(time_min(line_deadline_us(&w->line), wire_us), time_min(burst->at_us, inbox_us));
    next_us = time_min(next_us, mb_client_deadline_us(&w->client));
    ASSERT(next_us != TIME_NEVER);
    w->now_us = next_us > w->now_us ? next_us : w->now_us;
    struct sim_line_event event;
    if (burst->at_us <= w->now_us) {
        uint64_t start_us;
        uint64_t end_us;
        burst->at_us = TIME_NEVER;
        ASSERT(sim_line_drive(&w->wire, node, w->now_us, bytes_of(burst->data, burst->size),
                              &start_us, &end_us) == OK);
    } else if (wire_us <= w->now_us && sim_line_next(&w->wire, w->now_us, &event)) {
        line_tick(&w->line, event.at_us - 1); // a deadline before this input fires before it
        drain_line(w);
        if (event.from == CLIENT) {
            units_hear(w, &event);
        } else {
            line_rx(&w->line, event.at_us, event.data, event.flags);
        }
    } else if (inbox_us <= w->now_us) {
        give_done(w);
    } else {
        line_tick(&w->line, w->now_us);
    }
}

static void open_world(struct world *w, uint64_t seed, bool is_coarse)
{
    memset(w, 0, sizeof(*w));
    const struct sim_line_cfg wire = {
        .baud = 19200, .char_bits = 11, .by_byte = !is_coarse, .seed = seed};
    const struct line_cfg line = {.baud = 19200, .coarse = is_coarse};
    sim_line_init(&w->wire, &wire);
    line_init(&w->line, &line);
    mb_client_init(&w->client, &(struct mb_client_config){.reply_timeout_us = (uint32_t)TIMEOUT_US,
                                                          .late_us = (uint32_t)LATE_US,
                                                          .quiet_us = w->line.t3_5_us});
    for (size_t u = 0; u < UNITS; u++) {
        w->units[u].bursts[0].at_us = w->units[u].bursts[1].at_us = TIME_NEVER;
        w->units[u].is_trusted = true;
    }
    w->is_faulty = true;
    line_port(&w->line, 0, true);
}

static void run(struct world *w)
{
    while (w->ended < REQUESTS) {
        step(w);
    }
}

static void judge_days(bool is_coarse)
{
    static struct world w;
    uint64_t withdrawn = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        open_world(&w, seed, is_coarse);
        run(&w);
        if (w.good < REQUESTS / 4) {
            fail_msg("seed=%llu good=%u", (unsigned long long)seed, w.good);
        }
        withdrawn += w.withdrawn;
    }
    assert_true(withdrawn > SEEDS); // followers were there to be taken back
}

static void test_no_reply_is_taken_for_another_request(void **state)
{
    (void)state;
    judge_days(false);
    judge_days(true);
}

static void test_a_unit_that_dies_with_frames_queued_stops_nobody(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, 1, false);
    w.is_faulty = false;
    while (w.ended < REQUESTS / 4) {
        step(&w);
    }
    uint64_t before_us = w.now_us;
    uint32_t before = w.units[1].good + w.units[2].good;
    w.units[0].is_dead = true;
    while (w.now_us < before_us + US_PER_S) {
        step(&w);
    }
    // One time-out each 90 ms and the loop's delay: the others keep well over half of the time.
    uint64_t took_us = w.line.t3_5_us + sim_line_chars_us(&w.wire, 8 + 7) + 5000;
    uint32_t good = w.units[1].good + w.units[2].good - before;
    assert_true(good > US_PER_S / took_us / 3);
    assert_true(w.ended < REQUESTS); // else it measured nothing
    assert_true(w.client.stats.timeouts < US_PER_S / LATE_US + 2);
}

static void test_same_seed_same_world(void **state)
{
    (void)state;
    static struct world a;
    static struct world b;
    open_world(&a, 5, false);
    run(&a);
    open_world(&b, 5, false);
    run(&b);
    assert_int_equal(a.now_us, b.now_us);
    assert_memory_equal(&a.client.stats, &b.client.stats, sizeof(a.client.stats));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_reply_is_taken_for_another_request),
        cmocka_unit_test(test_a_unit_that_dies_with_frames_queued_stops_nobody),
        cmocka_unit_test(test_same_seed_same_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
