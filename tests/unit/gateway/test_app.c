// SPDX-License-Identifier: Apache-2.0
// Goal: the gateway from configuration to samples on a scripted bus in virtual time: periods that
// do not drift, a dead unit's share, relayed values taken once, one transition
// per loss of quality. Method: real poller, sampler and Modbus client; a bus of a few lines
// answers.
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

// An alert begins once the value was beyond for long enough, and ends once it is well inside.
static void test_an_alert_has_patience_and_hysteresis(void **state)
{
    (void)state;
    static const struct {
        uint16_t value;
        unsigned seconds;
        size_t alerts; // in all, after them
        int limit;
    } STEPS[] = {
        {50, 5, 0, 0},  {61, 9, 0, 0}, {60, 2, 0, 0},  // back in the band: begins anew
        {61, 9, 0, 0},  {70, 3, 1, 1},                 // told once, however far beyond
        {60, 5, 1, 1},  {58, 5, 1, 1}, {57, 2, 2, 0},  // well inside: told
        {61, 15, 3, 1}, {5, 5, 4, 0},  {5, 10, 5, -1}, // from side to side by the middle
        {12, 5, 5, -1}, {13, 2, 6, 0}, {61, 7, 6, 0},   {5, 7, 6, 0}, // one side is not the other
        {5, 5, 7, -1},  {50, 2, 8, 0}, {9, 300, 9, -1}, // a value that stays is looked at on
    };
    static struct world w;
    open_world(&w,
               BUS_CONFIG("{\"name\":\"a\",\"unit\":1,\"profile\":\"p\",\"limits\":[{\"point\":"
                          "\"x\",\"low\":10,\"high\":60,\"hysteresis\":3,"
                          "\"alert_after_s\":10}]}"),
               PLAIN("{\"name\":\"x\",\"address\":7,\"report\":{\"on_change\":true}}"));
    bus_state(&w, BUS_UP);
    w.registers[7] = 50;
    run_until(&w, w.now_us + US_PER_S / 2);
    for (size_t i = 0; i < sizeof(STEPS) / sizeof(STEPS[0]); i++) {
        w.registers[7] = STEPS[i].value;
        run_until(&w, w.now_us + STEPS[i].seconds * US_PER_S);
        assert_int_equal(w.alerts, STEPS[i].alerts);
        assert_int_equal(w.app.sampler.state[0].limit, STEPS[i].limit);
    }
    close_world(&w);
}

// An enumeration is judged by its code, whatever the code's label says.
static void test_a_labelled_point_has_limits(void **state)
{
    (void)state;
    static struct world w;
    open_world(
        &w,
        BUS_CONFIG("{\"name\":\"a\",\"unit\":1,\"profile\":\"p\",\"limits\":[{\"point\":"
                   "\"x\",\"high\":2}]}"),
        PLAIN("{\"name\":\"x\",\"address\":7,\"labels\":[{\"value\":3,\"text\":\"fault\"}]}"));
    bus_state(&w, BUS_UP);
    w.registers[7] = 2;
    run_until(&w, w.now_us + 3 * US_PER_S);
    assert_int_equal(w.samples[0].value.kind, TM_ENUM);
    assert_int_equal(w.alerts, 0);
    w.registers[7] = 3;
    run_until(&w, w.now_us + 3 * US_PER_S);
    assert_int_equal(w.alerts, 1);
    w.registers[7] = 4; // no label says what it is
    run_until(&w, w.now_us + 3 * US_PER_S);
    assert_int_equal(w.alerts, 1);
    w.registers[7] = 0;
    run_until(&w, w.now_us + 3 * US_PER_S);
    assert_int_equal(w.alerts, 2);
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
        cmocka_unit_test(test_blocks_of_one_unit_queue_behind_one_another),
        cmocka_unit_test(test_what_waits_at_the_line_is_bounded_in_time),
        cmocka_unit_test(test_one_relayed_value_polled_a_hundred_times_is_one_sample),
        cmocka_unit_test(test_a_late_reply_is_no_new_report),
        cmocka_unit_test(test_an_age_counted_slowly_is_no_new_report),
        cmocka_unit_test(test_silence_is_one_transition_and_limits_tell),
        cmocka_unit_test(test_an_alert_has_patience_and_hysteresis),
        cmocka_unit_test(test_a_labelled_point_has_limits),
        cmocka_unit_test(test_state_of_a_relay_survives_a_restart),
        cmocka_unit_test(test_ids_stay_for_ever),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
