// SPDX-License-Identifier: Apache-2.0
// Goal: over RTU in TCP, with a link that stalls and delivers everything in the end, units that
// answer late or never, a converter that glitches and a TCP that cuts anywhere, no reply is taken
// for another request's, and the bus goes on.
// Method: client, line and connection over a TCP and a converter in virtual time. Register n holds
// n, every request reads another one, and all replies look alike but for that.
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/assert.h"
#include "line/line.h"
#include "modbus/client.h"
#include "modbus/connection.h"

enum { UNITS_MAX = 4, PER_UNIT = 3, SEEDS = 60, REQUESTS = 400, PARTS = 256, QUEUE = 64 };
#define TIMEOUT_US (60 * US_PER_MS)
#define LATE_US    (60 * US_PER_MS)
#define WAY_US     (4 * US_PER_MS) // one way over the link

// What one end sent and the other has not yet.
struct part {
    uint64_t at_us;
    uint32_t session; // of the connection
    uint8_t size;     // 0: this connection ended
    uint8_t data[24];
};

struct way {
    struct part parts[PARTS]; // ring, in the order in which they come
    uint32_t first, count;
    uint64_t last_us;
};

struct request {
    uint32_t session;
    uint8_t unit;
    uint16_t address;
};

struct world {
    struct line line;
    struct mb_client client;
    struct mb_connection connection;
    uint64_t now_us, random;
    uint64_t stall_us, stall_end_us; // the link carries nothing in between
    struct way up, down;
    uint32_t session;      // ours; each connection has another one
    uint64_t connected_us; // when it stands
    struct bytes unsent;   // waits for it
    uint64_t acked_us;     // when all that we sent is acknowledged
    // The converter:
    uint32_t far_session;        // the one it knows
    struct request queue[QUEUE]; // ring; the first is on the line
    uint32_t queue_first, queued;
    uint64_t said_us, free_us; // when the unit answers; when the next request can go out
    unsigned units;
    bool is_trusted[UNITS_MAX];
    uint32_t asked[UNITS_MAX];
    uint32_t next, ended, good, renewed;
    bool is_unguarded; // breaks the rule on purpose
};

static uint64_t pick(struct world *w, uint64_t limit)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return w->random % limit;
}

// When what goes out now comes out at the other end: never before what went ahead of it.
static uint64_t arrival_us(struct world *w, struct way *way)
{
    uint64_t at_us = w->now_us + WAY_US;
    if (at_us >= w->stall_us && w->now_us < w->stall_end_us) {
        at_us = w->stall_end_us + WAY_US;
    }
    way->last_us = at_us > way->last_us ? at_us : way->last_us;
    return way->last_us;
}

static uint64_t push(struct world *w, struct way *way, uint32_t session, struct bytes in)
{
    ASSERT(way->count < PARTS && in.size <= sizeof(way->parts[0].data));
    struct part *part = &way->parts[(way->first + way->count++) % PARTS];
    *part = (struct part){.at_us = arrival_us(w, way), .session = session};
    part->size = (uint8_t)in.size;
    if (in.size > 0) {
        memcpy(part->data, in.data, in.size);
    }
    return part->at_us;
}

// With the connection goes what the other end has not received.
static void reset(struct world *w)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < w->up.count; i++) {
        struct part part = w->up.parts[(w->up.first + i) % PARTS];
        if (part.session != w->session) {
            w->up.parts[(w->up.first + kept++) % PARTS] = part;
        }
    }
    w->up.count = kept;
}

static void renew(struct world *w, struct bytes frame)
{
    if (w->acked_us > w->now_us) {
        reset(w);
    }
    (void)push(w, &w->up, w->session, bytes_of(NULL, 0));
    w->renewed++;
    w->session++;
    uint64_t there_us = push(w, &w->up, w->session, bytes_of("", 1)) + WAY_US;
    bool is_back_stalled = there_us >= w->stall_us && there_us < w->stall_end_us;
    w->connected_us = is_back_stalled ? w->stall_end_us + WAY_US : there_us;
    w->unsent = frame;
}

static void write_frame(struct world *w, struct bytes frame)
{
    uint8_t out[MB_TCP_SIZE_MAX];
    struct writer writer = writer_of(out, sizeof(out));
    if (!w->is_unguarded && mb_connection_must_renew(&w->connection, frame)) {
        renew(w, frame);
        return;
    }
    assert_int_equal(mb_connection_ask(&w->connection, frame, &writer), OK);
    uint64_t there_us = push(w, &w->up, w->session, writer_bytes(&writer));
    w->acked_us = there_us + WAY_US;
    if (w->acked_us >= w->stall_us && there_us < w->stall_end_us) {
        w->acked_us = w->stall_end_us + WAY_US;
    }
    w->unsent = bytes_of(NULL, 0);
    line_tx_done(&w->line, w->now_us, w->now_us, w->now_us);
}

// The next request goes out on the units' line. Nobody there knows what the gateway still wants.
static void serial_next(struct world *w)
{
    uint64_t start_us = w->free_us > w->now_us ? w->free_us : w->now_us;
    uint64_t wait_us = 5 * US_PER_MS + pick(w, 10 * US_PER_MS);
    w->said_us = start_us + wait_us;
    switch (pick(w, 12)) {
    case 0: w->said_us = TIME_NEVER; break;
    case 1: w->said_us = start_us + TIMEOUT_US + pick(w, LATE_US / 2); break;
    case 2: w->said_us = start_us + TIMEOUT_US - pick(w, 15 * US_PER_MS); break;
    default: break;
    }
    // It waits for a reply no longer than this, then the next request is out.
    w->free_us = time_min(w->said_us, start_us + TIMEOUT_US + LATE_US / 2);
}

static void far_take(struct world *w, const struct part *part)
{
    if (part->size == 0) {
        w->far_session = w->far_session == part->session ? 0 : w->far_session;
        return;
    }
    w->far_session = part->session;
    struct mb_frame frame;
    struct mb_request request;
    if (mb_rtu_decode(bytes_of(part->data, part->size), &frame) != OK) {
        return; // the connection attempt
    }
    ASSERT(mb_request_decode(frame.pdu, &request) == MB_EX_NONE && w->queued < QUEUE);
    w->queue[(w->queue_first + w->queued++) % QUEUE] =
        (struct request){part->session, frame.unit, request.address};
    if (w->queued == 1) {
        serial_next(w);
    }
}

// A unit answers, or the converter waits for it no longer.
static void far_say(struct world *w)
{
    struct request request = w->queue[w->queue_first];
    bool is_said = w->said_us <= w->now_us;
    w->queue_first = (w->queue_first + 1) % QUEUE;
    w->queued--;
    if (is_said && request.session == w->far_session) {
        uint8_t data[24] = {(uint8_t)pick(w, 256)};
        size_t stray = pick(w, 6) == 0 ? 1 : 0;
        const uint8_t pdu[] = {4, 2, (uint8_t)(request.address >> 8), (uint8_t)request.address};
        struct writer out = writer_of(data + stray, sizeof(data) - stray);
        ASSERT(mb_rtu_encode(request.unit, bytes_of(pdu, sizeof(pdu)), &out) == OK);
        size_t size = stray + out.size;
        if (pick(w, 20) == 0) {
            data[pick(w, size)] ^= 4; // damaged
        }
        size += pick(w, 6) == 0 ? 1 : 0; // and a stray byte behind it
        size_t cut = pick(w, size);
        if (cut > 0) {
            (void)push(w, &w->down, request.session, bytes_of(data, cut));
        }
        (void)push(w, &w->down, request.session, bytes_of(data + cut, size - cut));
    }
    if (w->queued > 0) {
        serial_next(w);
    }
}

static void take_down(struct world *w, const struct part *part)
{
    if (part->session != w->session || w->unsent.size > 0) {
        return; // of a connection that is closed
    }
    struct mb_frame frame;
    uint8_t data[MB_RTU_SIZE_MAX];
    mb_connection_add(&w->connection, bytes_of(part->data, part->size));
    while (mb_connection_next(&w->connection, &frame) == OK) {
        struct writer out = writer_of(data, sizeof(data));
        ASSERT(mb_rtu_encode(frame.unit, frame.pdu, &out) == OK);
        line_rx(&w->line, w->now_us, writer_bytes(&out), LINE_RX_GOOD);
    }
}

static void give_done(struct world *w, const struct line_done *done)
{
    enum mb_line_outcome outcome = done->outcome == LINE_REPLY       ? MB_LINE_REPLY
                                   : done->outcome == LINE_TIMEOUT   ? MB_LINE_TIMEOUT
                                   : done->outcome == LINE_CANCELLED ? MB_LINE_CANCELLED
                                                                     : MB_LINE_NOISE;
    mb_client_done(&w->client,
                   &(struct mb_line_done){.token = done->token,
                                          .outcome = outcome,
                                          .is_held = done->held,
                                          .at_us = w->now_us,
                                          .reply = bytes_of(done->reply, done->reply_size)});
}

static void drain_line(struct world *w)
{
    struct line_out out;
    while (line_next(&w->line, &out)) {
        if (out.kind == LINE_OUT_TX) {
            write_frame(w, out.frame);
        } else if (out.kind == LINE_OUT_DONE) {
            give_done(w, out.done);
        }
    }
}

static bool take_answers(struct world *w)
{
    struct mb_answer answer;
    bool all_own = true;
    while (mb_client_answer(&w->client, &answer)) {
        w->ended++;
        w->asked[answer.unit - 1]--;
        w->is_trusted[answer.unit - 1] = answer.kind == MB_ANSWER_REPLY;
        if (answer.kind == MB_ANSWER_REPLY) {
            // The one thing that all of this is for.
            all_own = all_own && mb_reg(answer.reply.data, 0) == answer.tag;
            w->good++;
        }
    }
    return all_own;
}

static void ask_all(struct world *w)
{
    for (unsigned u = 0; u < w->units; u++) {
        while (w->next < REQUESTS && w->asked[u] < (w->is_trusted[u] ? PER_UNIT : 1)) {
            struct mb_request read = {
                .fc = MB_READ_INPUT, .address = (uint16_t)(1 + w->next), .count = 1};
            struct mb_ask ask = {.tag = read.address,
                                 .unit = (uint8_t)(u + 1),
                                 .request = &read,
                                 .is_trusted = w->is_trusted[u]};
            assert_int_equal(mb_client_ask(&w->client, &ask), OK);
            w->asked[u]++;
            w->next++;
        }
    }
}

// False: a reply was taken for another request's.
static bool drain_once(struct world *w)
{
    uint32_t token;
    drain_line(w);
    if (!take_answers(w)) {
        return false;
    }
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
    return take_answers(w);
}

static bool drain(struct world *w)
{
    for (uint32_t ended = w->ended + 1; ended != w->ended;) {
        ended = w->ended;
        if (!drain_once(w)) {
            return false;
        }
    }
    return true;
}

static uint64_t way_us(const struct way *way)
{
    return way->count > 0 ? way->parts[way->first].at_us : TIME_NEVER;
}

static struct part pop(struct way *way)
{
    struct part part = way->parts[way->first];
    way->first = (way->first + 1) % PARTS;
    way->count--;
    return part;
}

static void step(struct world *w)
{
    uint64_t far_us = w->queued > 0 ? w->free_us : TIME_NEVER;
    uint64_t connect_us = w->unsent.size > 0 ? w->connected_us : TIME_NEVER;
    uint64_t near_us = time_min(line_deadline_us(&w->line), mb_client_deadline_us(&w->client));
    uint64_t next_us = time_min(time_min(way_us(&w->up), way_us(&w->down)), near_us);
    next_us = time_min(next_us, time_min(far_us, connect_us));
    ASSERT(next_us != TIME_NEVER);
    w->now_us = next_us > w->now_us ? next_us : w->now_us;
    if (w->now_us > w->stall_end_us) { // the next one
        w->stall_us = w->now_us + pick(w, 2 * US_PER_S);
        w->stall_end_us = w->stall_us + pick(w, pick(w, 2) == 0 ? US_PER_S : 100 * US_PER_MS);
    }
    if (way_us(&w->up) <= w->now_us) {
        struct part part = pop(&w->up);
        far_take(w, &part);
    } else if (far_us <= w->now_us) {
        far_say(w);
    } else if (way_us(&w->down) <= w->now_us) {
        struct part part = pop(&w->down);
        take_down(w, &part);
    } else if (connect_us <= w->now_us) {
        mb_connection_opened(&w->connection);
        write_frame(w, w->unsent);
    } else {
        if (w->now_us >= line_deadline_us(&w->line)) {
            bool is_stalled = w->acked_us > w->now_us;
            struct bytes held = mb_connection_give_up(&w->connection, is_stalled);
            line_rx(&w->line, w->now_us, held, LINE_RX_CHAR_ERROR);
        }
        line_tick(&w->line, w->now_us);
    }
}

// False: a reply was taken for another request's.
static bool run(struct world *w, uint64_t seed, unsigned units, bool is_unguarded)
{
    memset(w, 0, sizeof(*w));
    w->random = seed * UINT64_C(0x9e3779b97f4a7c15);
    w->units = units;
    w->is_unguarded = is_unguarded;
    const struct line_cfg line = {.baud = LINE_BAUD_MAX,
                                  .char_bits = 10,
                                  .t1_5_us = 1,
                                  .t3_5_us = 1,
                                  .burst_gap_us = 1,
                                  .coarse = true,
                                  .early_reply = true};
    line_init(&w->line, &line);
    mb_client_init(&w->client, &(struct mb_client_config){.reply_timeout_us = (uint32_t)TIMEOUT_US,
                                                          .late_us = (uint32_t)LATE_US,
                                                          .quiet_us = 1});
    mb_connection_init(&w->connection, MB_STREAM_RTU);
    mb_connection_opened(&w->connection);
    w->session = w->far_session = 1;
    line_port(&w->line, 0, true);
    while (w->ended < REQUESTS) {
        if (!drain(w)) {
            return false;
        }
        if (w->ended < REQUESTS) {
            step(w);
        }
    }
    return true;
}

static void test_no_reply_is_taken_for_another_request(void **state)
{
    (void)state;
    static struct world w;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        unsigned units = 1 + (unsigned)(seed % UNITS_MAX);
        bool all_own = run(&w, seed, units, false);
        if (!all_own || w.good < REQUESTS / 3) {
            fail_msg("seed=%llu units=%u own=%d good=%u renewed=%u", (unsigned long long)seed,
                     units, all_own, w.good, w.renewed);
        }
        assert_in_range(w.renewed, 1, REQUESTS - w.good);
    }
}

// The world is as bad as it says: over one connection for good, replies are mistaken.
static void test_without_new_connections_replies_are_mistaken(void **state)
{
    (void)state;
    static struct world w;
    uint32_t mistaken = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        mistaken += !run(&w, seed, 1 + (unsigned)(seed % UNITS_MAX), true);
    }
    assert_in_range(mistaken, SEEDS / 10, SEEDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_reply_is_taken_for_another_request),
        cmocka_unit_test(test_without_new_connections_replies_are_mistaken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
