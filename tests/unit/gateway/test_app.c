// SPDX-License-Identifier: Apache-2.0
// Goal: the gateway from configuration to samples on a scripted bus in virtual time: periods that
// do not drift, a dead unit's share, refused addresses, relayed values taken once, one transition
// per loss of quality. Method: real poller, sampler and Modbus client; a bus of a few lines
// answers.
#include "apps/gateway/app.h"
#include "modbus/rtu.h"
#include "tests/unit/gateway/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { WIRE_US = 20000, REST_US = 500000, REGISTERS = 400, QUEUE = 16, SAMPLES_MAX = 32768 };

struct world {
    struct fixture f;
    struct app app;
    struct id_map ids;
    uint64_t now_us;
    struct line_send queue[QUEUE];
    size_t queued;
    size_t queued_max;
    uint64_t busy_until_us; // of queue[0]
    bool is_held;           // by a barrier
    uint32_t cancels[QUEUE];
    size_t cancel_count;
    uint64_t rest_until_us[8]; // by unit: none is asked before
    uint16_t registers[REGISTERS];
    bool is_dead[8];     // by unit
    uint32_t illegal;    // register that units refuse; 0: none
    uint32_t late_until; // requests that get their reply after the time-out
    uint32_t asked[8];   // requests per unit
    uint64_t last_asked_us;
    uint64_t dead_us;
    struct tm_sample samples[SAMPLES_MAX];
    size_t sample_count;
    size_t alerts;
    size_t suspended, online;
};

static void open_world(struct world *w, const char *config, const char *profile)
{
    memset(w, 0, sizeof(*w));
    bool is_changed;
    fixture_open(&w->f, config, profile);
    assert_int_equal(id_map_load(&w->ids, bytes_of(NULL, 0), 1000, &w->f.arena), OK);
    assert_int_equal(app_init(&w->app, &w->f.config, &w->f.arena, &w->ids, &is_changed), OK);
    w->now_us = 1000 * US_PER_S;
    app_start(&w->app, w->now_us);
    w->busy_until_us = TIME_NEVER;
}

static void drain(struct world *w)
{
    struct app_out out;
    while (app_next(&w->app, w->now_us, &out)) {
        switch (out.kind) {
        case APP_OUT_SEND:
            assert_true(w->queued < QUEUE);
            w->queue[w->queued++] = out.send;
            w->queued_max = w->queued > w->queued_max ? w->queued : w->queued_max;
            break;
        case APP_OUT_CANCEL:
            assert_true(w->cancel_count < QUEUE);
            w->cancels[w->cancel_count++] = out.token;
            break;
        case APP_OUT_RESUME: w->is_held = false; break;
        case APP_OUT_SAMPLE:
            assert_true(w->sample_count < SAMPLES_MAX);
            w->samples[w->sample_count++] = out.sample;
            break;
        case APP_OUT_ALERT: w->alerts++; break;
        case APP_OUT_UNIT:
            w->suspended += out.state == UNIT_SUSPENDED;
            w->online += out.state == UNIT_ONLINE;
            break;
        case APP_OUT_RELAY:
        case APP_OUT_REFUSED: break;
        }
    }
}

// Starts the next frame on the line if it is free.
static void start_frame(struct world *w)
{
    if (w->queued == 0 || w->busy_until_us != TIME_NEVER || w->is_held) {
        return;
    }
    const struct line_send *send = &w->queue[0];
    uint8_t unit = send->frame[0];
    assert_true(w->now_us >= w->rest_until_us[unit]);
    w->asked[unit]++;
    w->last_asked_us = w->now_us;
    uint64_t took_us = w->is_dead[unit] ? send->reply_timeout_us + WIRE_US / 2 : WIRE_US;
    w->dead_us += w->is_dead[unit] ? took_us : 0;
    w->busy_until_us = w->now_us + took_us;
}

static void answer(struct world *w, struct line_done *done, const struct line_send *send)
{
    struct mb_frame asked;
    struct mb_request request;
    assert_int_equal(mb_rtu_decode(bytes_of(send->frame, send->frame_size), &asked), OK);
    assert_int_equal(mb_request_decode(asked.pdu, &request), MB_EX_NONE);
    uint8_t data[256];
    for (uint32_t i = 0; i < request.count; i++) {
        uint16_t value = w->registers[(request.address + i) % REGISTERS];
        data[2 * i] = (uint8_t)(value >> 8);
        data[2 * i + 1] = (uint8_t)value;
    }
    bool is_illegal = w->illegal != 0 && request.address <= w->illegal &&
                      w->illegal < (uint32_t)request.address + request.count;
    struct mb_reply reply =
        is_illegal
            ? mb_exception_reply(request.fc, MB_EX_ADDRESS)
            : (struct mb_reply){.fc = request.fc, .data = bytes_of(data, 2U * request.count)};
    uint8_t pdu[MB_PDU_SIZE_MAX];
    struct writer p = writer_of(pdu, sizeof(pdu));
    struct writer frame = writer_of(done->reply, sizeof(done->reply));
    assert_int_equal(mb_reply_encode(&reply, &p), OK);
    assert_int_equal(mb_rtu_encode(asked.unit, writer_bytes(&p), &frame), OK);
    done->reply_size = (uint16_t)frame.size;
    done->outcome = LINE_REPLY;
}

static void remove_frame(struct world *w, size_t at)
{
    w->queued--;
    memmove(&w->queue[at], &w->queue[at + 1], (w->queued - at) * sizeof(w->queue[0]));
}

// What is not on the line yet comes back as cancelled.
static void cancel_frames(struct world *w)
{
    while (w->cancel_count > 0) {
        uint32_t token = w->cancels[--w->cancel_count];
        for (size_t i = w->busy_until_us == TIME_NEVER ? 0 : 1; i < w->queued; i++) {
            if (w->queue[i].token == token) {
                remove_frame(w, i);
                struct bus_event event = {.kind = BUS_DONE};
                event.done = (struct line_done){.token = token, .outcome = LINE_CANCELLED};
                app_bus_event(&w->app, w->now_us, 0, &event);
                drain(w);
                break;
            }
        }
    }
}

static void end_frame(struct world *w)
{
    struct line_send send = w->queue[0];
    struct bus_event event = {.kind = BUS_DONE}; // a port stamps only what it heard
    event.done = (struct line_done){.token = send.token,
                                    .outcome = LINE_TIMEOUT,
                                    .tx_first_us = w->last_asked_us,
                                    .tx_end_us = w->last_asked_us + WIRE_US / 4};
    if (!w->is_dead[send.frame[0]]) {
        answer(w, &event.done, &send);
        event.done.rx_last_us = w->now_us;
        event.done.rx_first_us = w->now_us - WIRE_US / 4;
    } else {
        event.done.held = w->is_held = send.barrier;
        w->rest_until_us[send.frame[0]] = w->now_us + REST_US;
    }
    remove_frame(w, 0);
    w->busy_until_us = TIME_NEVER;
    app_bus_event(&w->app, w->now_us, 0, &event);
    drain(w);
    cancel_frames(w);
}

static void bus_state(struct world *w, enum bus_event_kind kind)
{
    app_bus_event(&w->app, w->now_us, 0, &(struct bus_event){.kind = kind, .at_us = w->now_us});
    drain(w);
}

static void run_until(struct world *w, uint64_t end_us)
{
    while (w->now_us < end_us) {
        app_tick(&w->app, w->now_us);
        drain(w);
        start_frame(w);
        uint64_t next_us = time_min(app_deadline_us(&w->app), w->busy_until_us);
        assert_true(next_us > w->now_us || next_us == w->busy_until_us || w->queued > 0);
        w->now_us = time_min(next_us > w->now_us ? next_us : w->now_us + 1, end_us);
        if (w->now_us >= w->busy_until_us) {
            end_frame(w);
        }
    }
}

#define BUS_CONFIG(devices)                                                                        \
    "{\"gateway\":{\"id\":\"g\",\"data_dir\":\"/d\"},\"buses\":[{\"name\":\"b\",\"port\":"         \
    "\"tty:/dev/x\",\"reply_timeout_ms\":500,\"devices\":[" devices "]}]}"
#define DEVICE(name, unit) "{\"name\":\"" name "\",\"unit\":" unit ",\"profile\":\"p\"}"
#define PLAIN(points)                                                                              \
    "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":1000}],\"points\":[" points "]}"

static void test_periods_do_not_drift(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, BUS_CONFIG(DEVICE("a", "1")), PLAIN("{\"name\":\"x\",\"address\":7}"));
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 100 * US_PER_S);
    assert_in_range(w.asked[1], 100, 102); // one ahead of the grid at the start
    for (size_t i = 2; i < w.sample_count; i++) {
        assert_int_equal(w.samples[i].at_us - w.samples[i - 1].at_us, US_PER_S);
    }
    assert_int_equal(w.app.buses[0].poller.stats.skipped, 0);
    fixture_close(&w.f);
}

static void test_a_dead_unit_costs_at_most_its_share(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, BUS_CONFIG(DEVICE("a", "1") "," DEVICE("b", "2") "," DEVICE("c", "3")),
               PLAIN("{\"name\":\"x\",\"address\":7}"));
    w.is_dead[2] = true;
    w.is_dead[3] = true;
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 600 * US_PER_S);
    assert_in_range(w.asked[1], 595, 602);
    // 5 % of 600 s, and what may be overdrawn at the start.
    assert_in_range(w.dead_us, 1 * US_PER_S, 33 * US_PER_S);
    assert_int_equal(w.suspended, 2 + (w.asked[2] - 3) + (w.asked[3] - 3));
    size_t stale = 0;
    for (size_t i = 0; i < w.sample_count; i++) {
        stale += w.samples[i].quality == TM_STALE;
    }
    assert_int_equal(stale, 2); // one transition for each dead unit's point, however often probed
    w.is_dead[2] = false;
    run_until(&w, w.now_us + 40 * US_PER_S);
    assert_int_equal(w.online, 1);
    assert_int_equal(w.samples[w.sample_count - 1].quality, TM_GOOD);
    fixture_close(&w.f);
}

// One unit alone keeps the line busy: its next block waits at the line, not in the loop.
static void test_blocks_of_one_unit_queue_behind_one_another(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, BUS_CONFIG(DEVICE("a", "1") "," DEVICE("b", "2")),
               "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":50}],\"points\":["
               "{\"name\":\"x\",\"address\":7},{\"name\":\"y\",\"address\":200},"
               "{\"name\":\"z\",\"address\":390}]}");
    w.is_dead[2] = true;
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 60 * US_PER_S);
    assert_int_equal(w.queued_max, 4); // three of this unit and a probe of the other
    uint32_t before = w.asked[1];
    uint64_t start_us = w.now_us;
    run_until(&w, w.now_us + 60 * US_PER_S);
    // The wire is never idle but for what the dead unit costs.
    assert_in_range(w.asked[1] - before, 90 * (w.now_us - start_us) / WIRE_US / 100,
                    (w.now_us - start_us) / WIRE_US);
    w.is_dead[1] = true; // with others queued behind the frame that gets no answer
    before = w.asked[1];
    size_t timeouts = w.app.buses[0].poller.units[0].timeouts;
    run_until(&w, w.now_us + 60 * US_PER_S);
    assert_int_equal(w.app.buses[0].poller.units[0].timeouts - timeouts, w.asked[1] - before);
    w.is_dead[1] = false; // good after bad
    run_until(&w, w.now_us + 120 * US_PER_S);
    before = w.asked[1];
    run_until(&w, w.now_us + 10 * US_PER_S);
    assert_true(w.asked[1] - before > 400);
    fixture_close(&w.f);
}

static void test_an_illegal_address_is_cut_out(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, BUS_CONFIG(DEVICE("a", "1")),
               PLAIN("{\"name\":\"a\",\"address\":1},{\"name\":\"b\",\"address\":2},"
                     "{\"name\":\"c\",\"address\":3},{\"name\":\"d\",\"address\":4},"
                     "{\"name\":\"e\",\"address\":5}"));
    w.illegal = 3;
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 20 * US_PER_S);
    size_t good[6] = {0};
    size_t bad[6] = {0};
    for (size_t i = 0; i < w.sample_count; i++) {
        *(w.samples[i].quality == TM_GOOD ? &good[w.samples[i].point] : &bad[w.samples[i].point]) +=
            1;
    }
    for (uint32_t id = 1; id <= 5; id++) {
        assert_int_equal(bad[id], id == 3 ? 1 : 0);
        assert_in_range(good[id], id == 3 ? 0 : 18, id == 3 ? 0 : 24);
    }
    fixture_close(&w.f);
}

#define RELAY_CONFIG                                                                               \
    BUS_CONFIG("{\"name\":\"r\",\"unit\":1,\"profile\":\"p\",\"sensors\":[{\"slot\":0,\"name\":"   \
               "\"s\",\"limits\":[{\"point\":\"t\",\"high\":50}]}]}")
#define RELAY_PROFILE                                                                              \
    "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":1000}],\"sensors\":{\"base\":"    \
    "100,"                                                                                         \
    "\"stride\":4,\"slots\":10,\"sequence\":0,\"age\":1,\"stale_after_s\":300,\"points\":["        \
    "{\"name\":\"t\",\"address\":2}]}}"

static void test_one_relayed_value_polled_a_hundred_times_is_one_sample(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, RELAY_CONFIG, RELAY_PROFILE);
    w.registers[100] = 7;
    w.registers[102] = 42;
    uint64_t heard_us = w.now_us - 30 * US_PER_S;
    bus_state(&w, BUS_UP);
    for (int i = 0; i < 100; i++) {
        w.registers[101] = (uint16_t)((w.now_us - heard_us) / US_PER_S);
        run_until(&w, w.now_us + US_PER_S);
    }
    assert_true(w.asked[1] >= 100);
    assert_int_equal(w.sample_count, 1);
    assert_in_range(w.samples[0].at_us, heard_us, heard_us + US_PER_S);
    assert_int_equal(w.samples[0].value.u.i, 42);

    // A new report with the same value is a new sample; so is one whose sequence came round.
    w.registers[100] = 8;
    w.registers[101] = 0;
    run_until(&w, w.now_us + US_PER_S);
    assert_int_equal(w.sample_count, 2);
    run_until(&w, w.now_us + 30 * US_PER_S);
    assert_in_range(w.sample_count, 15, 18); // an age that stays at 0: heard again and again
    fixture_close(&w.f);
}

static void test_silence_is_one_transition_and_limits_tell(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, RELAY_CONFIG, RELAY_PROFILE);
    w.registers[101] = 65535; // never heard
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 10 * US_PER_S);
    assert_int_equal(w.sample_count, 1);
    assert_int_equal(w.samples[0].reason, TM_REASON_NEVER);
    w.registers[101] = 2;
    w.registers[100] = 1;
    w.registers[102] = 60;
    run_until(&w, w.now_us + US_PER_S + US_PER_S / 2);
    assert_int_equal(w.samples[1].quality, TM_GOOD);
    assert_int_equal(w.alerts, 1);
    w.registers[101] = 301;
    run_until(&w, w.now_us + 20 * US_PER_S);
    size_t count = w.sample_count;
    assert_int_equal(w.samples[count - 1].reason, TM_REASON_SILENT);
    assert_int_equal(w.samples[count - 1].value.kind, TM_NULL);
    bus_state(&w, BUS_DOWN); // already stale: no second transition
    assert_int_equal(w.sample_count, count);
    fixture_close(&w.f);
}

static void test_state_of_a_relay_survives_a_restart(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, RELAY_CONFIG, RELAY_PROFILE);
    w.registers[100] = 7;
    w.registers[101] = 5;
    app_set_relay(&w.app, 0,
                  &(struct sampler_relay){.sequence = 7, .at_us = w.now_us - 5 * US_PER_S});
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + US_PER_S / 2);
    assert_int_equal(w.asked[1], 1);
    assert_int_equal(w.sample_count, 0);
    fixture_close(&w.f);
}

static void test_ids_stay_for_ever(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, RELAY_CONFIG, RELAY_PROFILE);
    uint32_t removed = 0;
    uint32_t added = 0;
    uint8_t text[4096];
    assert_int_equal(id_map_take(&w.ids, "gone/point", &w.f.arena, &removed), OK);
    struct writer out = writer_of(text, sizeof(text));
    assert_int_equal(id_map_write(&w.ids, &out), OK);
    struct id_map again;
    assert_int_equal(id_map_load(&again, writer_bytes(&out), 10, &w.f.arena), OK);
    assert_int_equal(id_map_take(&again, "new/point", &w.f.arena, &added), OK);
    assert_true(added > removed);
    assert_int_equal(id_map_take(&again, "gone/point", &w.f.arena, &added), OK);
    assert_int_equal(added, removed);
    for (size_t i = 0; i < out.size; i++) { // any damage is seen: ids are never guessed
        text[i] ^= 1;
        assert_int_equal(id_map_load(&again, writer_bytes(&out), 10, &w.f.arena), ERR_CORRUPT);
        text[i] ^= 1;
    }
    fixture_close(&w.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_periods_do_not_drift),
        cmocka_unit_test(test_a_dead_unit_costs_at_most_its_share),
        cmocka_unit_test(test_blocks_of_one_unit_queue_behind_one_another),
        cmocka_unit_test(test_an_illegal_address_is_cut_out),
        cmocka_unit_test(test_one_relayed_value_polled_a_hundred_times_is_one_sample),
        cmocka_unit_test(test_silence_is_one_transition_and_limits_tell),
        cmocka_unit_test(test_state_of_a_relay_survives_a_restart),
        cmocka_unit_test(test_ids_stay_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
