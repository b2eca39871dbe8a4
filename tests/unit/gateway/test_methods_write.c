// SPDX-License-Identifier: Apache-2.0
// Goal: nothing is written that the local file does not allow, nothing twice, and everything that
// was leaves an event; a silent unit costs the others nothing.
#include "tests/unit/gateway/methods_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_a_write_needs_a_rule(void **state)
{
    (void)state;
    open_bench();
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":99,\"values\":[15]}", 403,
               "no rule allows to write unit 1, holding 99 on bus b");
    expect_now("write", "{\"unit\":2,\"table\":\"holding\",\"address\":100,\"values\":[15]}", 403,
               "no rule");
    expect_now("write", "{\"unit\":1,\"table\":\"coil\",\"address\":100,\"values\":[1]}", 403,
               "no rule");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":104,\"values\":[15]}", 403,
               "no rule");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[9]}", 403,
               "\"rule\":\"methods.write[0]\",\"error\":\"9 is not from 10 to 20\"");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[10,21]}",
               403, "21 is not from 10 to 20");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":103,\"values\":[15,15]}",
               403, "pass 103, the last allowed");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":111,\"values\":[1]}", 403,
               "inside a value");
    expect_now("write", "{\"unit\":2,\"table\":\"coil\",\"address\":7,\"values\":[2]}", 403,
               "2 is not from 0 to 1");
    expect_now("write", "{\"unit\":4,\"table\":\"coil\",\"address\":7,\"values\":[1]}", 403,
               "no rule");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[10.5]}", 400,
               "values[0]: 10.5 is no u16");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":120,\"values\":[40000]}",
               400, "40000 is no i16");
    expect_now("write",
               "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[15],"
               "\"dry_run\":true}",
               200, "\"allowed\":true");
    run_until(&b.w, b.w.now_us + 5 * US_PER_S);
    assert_int_equal(b.w.writes, 0);
    assert_int_equal(b.note_count, 0);
    close_world(&b.w);
    open_with(CONFIG(""), true); // no rule at all
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[15]}", 403,
               "no rule");
    close_world(&b.w);
}

static void test_a_write_is_read_back_and_leaves_an_event(void **state)
{
    (void)state;
    open_bench();
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[15]}", 200,
                 "\"values\":[15],\"verified\":true");
    assert_int_equal(b.w.registers[100], 15);
    assert_int_equal(b.w.writes, 1);
    // The unit is known to read quickly; a write may take the whole time of the bus.
    assert_true(b.w.app.buses[0].poller.units[0].timeout_us < 500000);
    assert_int_equal(b.w.write_timeout_us, 500000);
    assert_string_equal(b.notes[0], "remote write: bus b unit 1 holding 100: 15 done, verified");
    expect_later("write",
                 "{\"unit\":1,\"table\":\"holding\",\"address\":101,\"values\":[11,12,13]}", 200,
                 "\"verified\":true");
    assert_int_equal(b.w.registers[103], 13);
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":112,\"values\":[2.5]}",
                 200,
                 "\"verified\":false"); // as its rule says
    assert_int_equal(b.w.registers[112], 0);
    assert_int_equal(b.w.registers[113], 0x4020);
    expect_later("write",
                 "{\"unit\":2,\"table\":\"coil\",\"address\":8,\"values\":[1,0,1,1,0,0,0,0,"
                 "1,1]}",
                 200, "\"verified\":true");
    assert_int_equal(b.w.registers[17], 1);
    b.w.registers[120] = 5;
    b.w.stuck = 120;
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":120,\"values\":[-7]}", 502,
                 "\"values\":[5],\"verified\":false,\"error\":\"the unit holds other values");
    assert_non_null(strstr(b.notes[b.note_count - 1], "-7 the unit holds another value"));
    b.w.illegal = 120;
    uint32_t before = b.w.writes;
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":120,\"values\":[-7]}", 502,
                 "the unit refuses");
    b.w.illegal = 0;
    assert_int_equal(b.w.writes, before);
    assert_int_equal(b.note_count, 6);
    close_world(&b.w);
}

// Never twice: what a write without an answer came to is found out by reading.
static void test_an_unanswered_write_is_not_repeated(void **state)
{
    (void)state;
    open_bench();
    b.w.is_forgetful = true;
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[16]}", 200,
                 "\"verified\":true");
    assert_int_equal(b.w.writes, 1);
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":110,\"values\":[1]}", 504,
                 "not known whether it was written");
    assert_int_equal(b.w.writes, 3); // two registers, once
    b.w.is_dead[1] = true;
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[17]}", 504,
                 "not known whether it was written");
    assert_int_equal(b.w.writes, 3);
    assert_int_equal(b.note_count, 3);
    assert_non_null(strstr(b.notes[2], "17 no answer: unknown"));
    close_world(&b.w);
}

// A unit that rests after a time-out must not fill the queue with polls that cannot go.
static void test_a_silent_unit_leaves_the_others_their_places(void **state)
{
    (void)state;
    memset(&b, 0, sizeof(b));
    open_world(&b.w, CONFIG("\"write\":[" RULES "]"),
               "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":250}],\"points\":["
               "{\"name\":\"a\",\"address\":7},{\"name\":\"b\",\"address\":130},"
               "{\"name\":\"c\",\"address\":180},{\"name\":\"d\",\"address\":230},"
               "{\"name\":\"e\",\"address\":280},{\"name\":\"f\",\"address\":330},"
               "{\"name\":\"g\",\"address\":390}]}");
    const struct methods_config cfg = {.config = &b.w.f.config};
    assert_int_equal(methods_init(&b.m, &cfg, &b.w.f.arena), OK);
    b.w.on_answer = on_answer;
    b.w.on_turn = on_turn;
    bus_state(&b.w, BUS_UP);
    run_until(&b.w, b.w.now_us + 5 * US_PER_S);
    b.w.is_forgetful = true;
    call("1", "write", "{\"unit\":1,\"table\":\"holding\",\"address\":112,\"values\":[1]}");
    expect(wait_answer(5 * US_PER_S), 504, "not known");
    uint32_t before = b.w.asked[2];
    run_until(&b.w, b.w.now_us + REST_US - WIRE_US);
    assert_in_range(b.w.asked[2] - before, 10, 26); // it gets what the other leaves
    close_world(&b.w);
}

// What the line let not out is known not to be written.
static void test_a_write_that_was_never_sent_is_told_so(void **state)
{
    (void)state;
    open_bench();
    b.w.faults[1] = LINE_BUSY;
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[15]}", 504,
                 "\"error\":\"the line was never quiet: nothing was sent");
    assert_int_equal(b.w.writes, 0);
    assert_int_equal(b.note_count, 1);
    assert_non_null(strstr(b.notes[0], "not sent: the line was never quiet"));
    expect_later("read", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"count\":1}", 504,
                 "nothing was sent");
    b.w.faults[1] = LINE_REPLY; // good after bad
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[15]}", 200,
                 "\"verified\":true");
    close_world(&b.w);
}

// Its share of time used up, a call waits; when its time is over nothing of it goes out any more.
static void test_a_call_that_is_over_leaves_the_bus_alone(void **state)
{
    (void)state;
    open_bench();
    b.w.is_dead[1] = true;
    call("1", "write", "{\"unit\":1,\"table\":\"holding\",\"address\":110,\"values\":[1]}");
    b.w.app.buses[0].poller.foreign.credit_us = -100 * (int64_t)US_PER_S;
    b.w.app.buses[0].poller.foreign.credit_at_us = b.w.now_us;
    expect(wait_answer(30 * US_PER_S), 504, "time limit");
    b.w.is_dead[1] = false;
    run_until(&b.w, b.w.now_us + 2000 * US_PER_S);
    assert_int_equal(b.w.writes, 0);
    assert_int_equal(b.w.app.buses[0].poller.foreign.state, FOREIGN_FREE);
    close_world(&b.w);
}

// The port goes between a write and its reading back: what was written is told all the same.
static void test_a_write_that_cannot_be_read_back_leaves_its_event(void **state)
{
    (void)state;
    open_bench();
    call("1", "write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[15]}");
    while (b.w.writes == 0) {
        run_until(&b.w, b.w.now_us + 1000);
    }
    bus_state(&b.w, BUS_DOWN);
    expect(wait_answer(30 * US_PER_S), 503, "no port");
    assert_int_equal(b.note_count, 1);
    assert_non_null(strstr(b.notes[0], "15 done, not read back"));
    close_world(&b.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_write_needs_a_rule),
        cmocka_unit_test(test_a_write_is_read_back_and_leaves_an_event),
        cmocka_unit_test(test_an_unanswered_write_is_not_repeated),
        cmocka_unit_test(test_a_silent_unit_leaves_the_others_their_places),
        cmocka_unit_test(test_a_write_that_was_never_sent_is_told_so),
        cmocka_unit_test(test_a_call_that_is_over_leaves_the_bus_alone),
        cmocka_unit_test(test_a_write_that_cannot_be_read_back_leaves_its_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
