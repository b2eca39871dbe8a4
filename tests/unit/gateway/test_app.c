// SPDX-License-Identifier: Apache-2.0
// Goal: the gateway from configuration to samples on a scripted bus in virtual time: periods that
// do not drift, a dead unit's share, relayed values taken once, one transition
// per loss of quality. Method: real poller, sampler and Modbus client; a bus of a few lines
// answers.
#include "apps/gateway/poll/outcome.h"
#include "tests/unit/gateway/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define BUS_AT(baud, devices)                                                                      \
    "{\"gateway\":{\"id\":\"g\",\"data_dir\":\"/d\"},\"buses\":[{\"name\":\"b\",\"port\":"         \
    "\"tty:/dev/x\",\"baud\":" baud ",\"devices\":[" devices "]}]}"

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
    close_world(&w);
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
    close_world(&w);
}

// An installer who looks for a dead device must not be sent to one that answers.
static void test_what_goes_wrong_on_the_wire_is_told_by_its_name(void **state)
{
    (void)state;
    static const struct {
        enum line_outcome outcome;
        uint8_t damage_index, damage;
        enum poll_failure why;
        enum tm_reason reason;
    } CASES[] = {
        {LINE_TIMEOUT, 0, 0, POLL_TIMEOUT, TM_REASON_TIMEOUT},
        {LINE_NOISE, 0, 0, POLL_NOISE, TM_REASON_GARBLED},
        {LINE_COLLISION, 0, 0, POLL_COLLISION, TM_REASON_GARBLED},
        {LINE_NO_ECHO, 0, 0, POLL_NO_ECHO, TM_REASON_NO_ECHO},
        {LINE_REPLY, 4, 0x10, POLL_BAD_CRC, TM_REASON_GARBLED},
    };
    static struct world w;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        open_world(&w, BUS_CONFIG(DEVICE("a", "1")), PLAIN("{\"name\":\"x\",\"address\":7}"));
        w.faults[1] = CASES[i].outcome;
        w.damage_index = CASES[i].damage_index;
        w.damage = CASES[i].damage;
        bus_state(&w, BUS_UP);
        run_until(&w, w.now_us + 20 * US_PER_S);
        assert_true(w.suspended > 0);
        assert_int_equal(w.why, CASES[i].why);
        assert_int_equal(w.sample_count, 1);
        assert_int_equal(w.samples[0].quality, TM_STALE);
        assert_int_equal(w.samples[0].reason, CASES[i].reason);
        const struct poller_counts *counts = &w.app.buses[0].poller.units[0].counts;
        assert_int_equal(counts->bad == 0, CASES[i].outcome == LINE_TIMEOUT);
        assert_int_equal(counts->timeouts != 0, CASES[i].outcome == LINE_TIMEOUT);
        w.faults[1] = LINE_REPLY; // good after bad
        w.damage = 0;
        run_until(&w, w.now_us + 60 * US_PER_S);
        assert_int_equal(w.online, 1);
        assert_int_equal(w.samples[w.sample_count - 1].quality, TM_GOOD);
        assert_int_equal(w.app.buses[0].poller.units[0].failure, POLL_OK);
        close_world(&w);
    }
}

// Each kind of frame that is no answer, and each kind of answer that is none.
static void test_failures_are_told_apart_by_what_came(void **state)
{
    (void)state;
    static const struct {
        enum mb_answer_kind kind;
        enum line_outcome heard;
        size_t size;
        uint8_t pdu[3];
        uint8_t unit;
        enum poll_failure why;
    } CASES[] = {
        {MB_ANSWER_BAD, LINE_REPLY, 1, {0}, 0, POLL_CUT_SHORT},
        {MB_ANSWER_BAD, LINE_REPLY, 0, {0x83, 1}, 18, POLL_WRONG_UNIT},
        {MB_ANSWER_BAD, LINE_REPLY, 0, {0x84, 1}, 17, POLL_WRONG_REPLY},
        {MB_ANSWER_BAD, LINE_REPLY, 4, {0x83, 1}, 17, POLL_BAD_CRC},
        {MB_ANSWER_BAD, LINE_NOISE, 0, {0x83, 1}, 17, POLL_NOISE},
        {MB_ANSWER_TIMEOUT, LINE_TIMEOUT, 0, {0}, 0, POLL_TIMEOUT},
        {MB_ANSWER_BUSY, LINE_BUSY, 0, {0}, 0, POLL_BUSY},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        uint8_t frame[16] = {0};
        struct writer w = writer_of(frame, sizeof(frame));
        assert_int_equal(mb_rtu_encode(CASES[i].unit, bytes_of(CASES[i].pdu, 2), &w), OK);
        const struct mb_answer answer = {.unit = 17, .kind = CASES[i].kind};
        size_t size = CASES[i].size != 0 ? CASES[i].size : w.size; // another: the CRC is wrong
        enum poll_failure why = poll_failure_of(&answer, CASES[i].heard, bytes_of(frame, size));
        assert_int_equal(why, CASES[i].why);
        assert_true(strlen(poll_failure_hint(why)) > 20);
    }
}

// A babbler makes a bus useless, but is no reason to suspend those who would answer.
static void test_a_line_that_is_never_quiet_is_nothing_against_its_units(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, BUS_CONFIG(DEVICE("a", "1") "," DEVICE("b", "2")),
               PLAIN("{\"name\":\"x\",\"address\":7},{\"name\":\"y\",\"address\":200}"));
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 5 * US_PER_S);
    size_t good = w.sample_count;
    w.faults[1] = w.faults[2] = LINE_BUSY;
    run_until(&w, w.now_us + 60 * US_PER_S);
    assert_int_equal(w.suspended, 0);
    assert_true(w.app.buses[0].poller.stats.unsent > 10);
    assert_int_equal(w.app.buses[0].poller.stats.dead_us, 0);
    for (size_t u = 0; u < 2; u++) {
        const struct poller_counts *counts = &w.app.buses[0].poller.units[u].counts;
        assert_int_equal(counts->bad + counts->timeouts, 0);
    }
    assert_int_equal(w.sample_count, good + 4); // each point tells it once
    for (size_t i = good; i < w.sample_count; i++) {
        assert_int_equal(w.samples[i].quality, TM_STALE);
        assert_int_equal(w.samples[i].reason, TM_REASON_BUSY);
    }
    w.faults[1] = w.faults[2] = LINE_REPLY;
    run_until(&w, w.now_us + 20 * US_PER_S); // what waits at the line ends first
    assert_true(w.sample_count > good + 4 + 30);
    assert_int_equal(w.samples[w.sample_count - 1].quality, TM_GOOD);
    close_world(&w);
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
    size_t timeouts = w.app.buses[0].poller.units[0].counts.timeouts;
    run_until(&w, w.now_us + 60 * US_PER_S);
    assert_int_equal(w.app.buses[0].poller.units[0].counts.timeouts - timeouts,
                     w.asked[1] - before);
    w.is_dead[1] = false; // good after bad
    run_until(&w, w.now_us + 120 * US_PER_S);
    before = w.asked[1];
    run_until(&w, w.now_us + 10 * US_PER_S);
    assert_true(w.asked[1] - before > 400);
    close_world(&w);
}

// Ahead at the line: few on a slow one, where whoever asks in between would wait long, or while
// somebody does; more on a fast one, so that one wake-up serves many.
static void test_what_waits_at_the_line_is_bounded_in_time(void **state)
{
    (void)state;
    static const struct {
        const char *config;
        bool is_asked_between;
        size_t most;
    } CASES[] = {
        {BUS_AT("1200", DEVICE("a", "1") "," DEVICE("b", "2") "," DEVICE("c", "3")), false, 6},
        {BUS_AT("115200", DEVICE("a", "1") "," DEVICE("b", "2") "," DEVICE("c", "3")), false, 14},
        {BUS_AT("115200", DEVICE("a", "1") "," DEVICE("b", "2") "," DEVICE("c", "3")), true, 6},
    };
    static struct world w;
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        open_world(&w, CASES[i].config,
                   "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":50}],\"points\":["
                   "{\"name\":\"v\",\"address\":7},{\"name\":\"w\",\"address\":100},"
                   "{\"name\":\"x\",\"address\":200},{\"name\":\"y\",\"address\":300},"
                   "{\"name\":\"z\",\"address\":390}]}");
        bus_state(&w, BUS_UP);
        run_until(&w, w.now_us + US_PER_S);
        struct foreign_ask ask = {.unit = 1, .request = {.fc = MB_READ_HOLDING, .count = 1}};
        if (CASES[i].is_asked_between) {
            assert_int_equal(app_ask(&w.app, w.now_us, 0, &ask), OK);
            run_until(&w, w.now_us + US_PER_S / 2); // those that were there before are through
        }
        w.queued_max = 0;
        run_until(&w, w.now_us + US_PER_S / 4);
        assert_int_equal(w.queued_max, CASES[i].most);
        close_world(&w);
    }
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
    close_world(&w);
}

// What a unit says of an age is as old as its reply may be late: a busy gateway that reads a reply
// late must not take the same report for another one.
static void test_a_late_reply_is_no_new_report(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, RELAY_CONFIG, RELAY_PROFILE);
    w.registers[100] = 7;
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + US_PER_S / 2); // read at once: its age is 0
    assert_int_equal(w.sample_count, 1);
    w.late_us = 300000; // asked a second later, read another 0.3 s later, and the age is still 0
    run_until(&w, w.now_us + US_PER_S);
    assert_int_equal(w.asked[1], 2);
    assert_int_equal(w.sample_count, 1);
    assert_int_equal(w.app.sampler.relayed_again, 1);
    w.late_us = 0;
    run_until(&w, w.now_us + US_PER_S); // still 0, two seconds later, and read at once: another
    assert_int_equal(w.sample_count, 2);
    close_world(&w);
}

// A receiver counts an hour by a clock of its own, here 0.9 % slow.
static void test_an_age_counted_slowly_is_no_new_report(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, RELAY_CONFIG, RELAY_PROFILE);
    w.registers[100] = 7;
    bus_state(&w, BUS_UP);
    uint64_t heard_us = w.now_us;
    for (int i = 0; i < 299; i++) {
        w.registers[101] = (uint16_t)((w.now_us - heard_us) * 991 / 1000 / US_PER_S);
        run_until(&w, w.now_us + US_PER_S);
    }
    assert_int_equal(w.sample_count, 1);
    close_world(&w);
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
    close_world(&w);
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
    close_world(&w);
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
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_periods_do_not_drift),
        cmocka_unit_test(test_a_dead_unit_costs_at_most_its_share),
        cmocka_unit_test(test_what_goes_wrong_on_the_wire_is_told_by_its_name),
        cmocka_unit_test(test_failures_are_told_apart_by_what_came),
        cmocka_unit_test(test_a_line_that_is_never_quiet_is_nothing_against_its_units),
        cmocka_unit_test(test_blocks_of_one_unit_queue_behind_one_another),
        cmocka_unit_test(test_what_waits_at_the_line_is_bounded_in_time),
        cmocka_unit_test(test_one_relayed_value_polled_a_hundred_times_is_one_sample),
        cmocka_unit_test(test_a_late_reply_is_no_new_report),
        cmocka_unit_test(test_an_age_counted_slowly_is_no_new_report),
        cmocka_unit_test(test_silence_is_one_transition_and_limits_tell),
        cmocka_unit_test(test_state_of_a_relay_survives_a_restart),
        cmocka_unit_test(test_ids_stay_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
