// SPDX-License-Identifier: Apache-2.0
// Goal: every method answers in bounded time with the right status, refuses with words that say
// what would be right, and what it asks of a bus goes between the polls.
#include "tests/unit/gateway/methods_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_wrong_calls_are_refused_with_what_would_be_right(void **state)
{
    (void)state;
    open_bench();
    expect_now("reed", "{}", 404, "\"methods\":[\"help\",\"identify\",\"read\"");
    expect_now("", "{}", 404, "no such method");
    expect_now(
        "read", "{\"unit\":300,\"table\":\"holding\",\"address\":1}", 400,
        "\"path\":\"unit\",\"problem\":\"300 is not allowed; expected a whole number from 1");
    expect_now("read", "{\"unit\":1,\"table\":\"holdings\",\"address\":1}", 400,
               "did you mean \\\"holding\\\"?");
    expect_now("read", "{\"unit\":1,\"tabel\":\"holding\",\"address\":1}", 400,
               "unknown key; did you mean \\\"table\\\"?");
    expect_now("read", "{\"unit\":1}", 400, "needs \\\"table\\\"");
    expect_now("read", "[1]", 400, "expected an object {...}, found an array");
    expect_now("read", "{\"unit\":1,", 400, "problem");
    expect_now("read", "", 400, "needs \\\"unit\\\"");
    expect_now("read", "null", 400, "needs \\\"unit\\\"");
    expect_now("read", "{\"unit\":1,\"table\":\"holding\",\"address\":1,\"bus\":\"c\"}", 400,
               "there is no bus \\\"c\\\"");
    expect_now("read", "{\"unit\":1,\"table\":\"holding\",\"address\":1,\"count\":126}", 400,
               "126 values are 126 registers; one request reads 125");
    expect_now("read", "{\"unit\":1,\"table\":\"holding\",\"address\":65535,\"count\":2}", 400,
               "pass the last address");
    expect_now("read", "{\"unit\":1,\"table\":\"coil\",\"address\":1,\"type\":\"f32\"}", 400,
               "this table has bits");
    expect_now("read",
               "{\"unit\":1,\"table\":\"holding\",\"address\":1,\"type\":\"u32\",\"order\":"
               "\"ABCDEFGH\"}",
               400, "not as many bytes");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[]}", 400,
               "expected 1 to 128");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[\"x\"]}",
               400, "\"path\":\"values[0]\"");
    expect_now("diagnostics", "{\"all\":true}", 400, "unknown key");
    assert_int_equal(b.w.asked[1] + b.w.asked[2], b.w.app.buses[0].poller.stats.asked);
    assert_int_equal(b.m.stats.refused, b.m.stats.calls);
    expect_now("help", "{}", 200, "\"write\":{\"help\"");
    close_world(&b.w);
}

static void test_large_and_deep_arguments_are_refused(void **state)
{
    (void)state;
    static char large[METHODS_PAYLOAD_SIZE_MAX + 64];
    open_bench();
    memset(large, ' ', sizeof(large) - 1);
    memcpy(large, "{}", 2);
    expect_now("help", large, 400, "too large");
    size_t size = 0;
    size += (size_t)snprintf(large, sizeof(large), "{\"values\":[");
    for (int i = 0; i < 5000; i++) {
        size += (size_t)snprintf(large + size, sizeof(large) - size, "1,");
    }
    snprintf(large + size, sizeof(large) - size, "1]}");
    expect_now("write", large, 400, "too large");
    memset(large, '[', 5000);
    large[5000] = '\0';
    expect_now("write", large, 400, "problem");
    expect_now("help", "{\"method\":\"job\"}", 200, "cancel"); // good after bad
    close_world(&b.w);
}

static void test_reads_come_back_as_the_type_says(void **state)
{
    (void)state;
    open_bench();
    b.w.registers[50] = 65535;
    b.w.registers[51] = 0x0000; // 2.5f is 0x40200000, words swapped
    b.w.registers[52] = 0x4020;
    b.w.registers[53] = 0x1234;
    expect_later("read", "{\"unit\":1,\"table\":\"holding\",\"address\":50}", 200,
                 "{\"values\":[65535]}");
    expect_later("read", "{\"unit\":1,\"table\":\"input\",\"address\":50,\"type\":\"i16\"}", 200,
                 "{\"values\":[-1]}");
    expect_later("read",
                 "{\"unit\":1,\"table\":\"holding\",\"address\":51,\"type\":\"f32\","
                 "\"order\":\"CDAB\"}",
                 200, "{\"values\":[2.5]}");
    expect_later("read", "{\"unit\":1,\"table\":\"holding\",\"address\":53,\"type\":\"bcd16\"}",
                 200, "{\"values\":[1234]}");
    expect_later("read", "{\"unit\":1,\"table\":\"coil\",\"address\":49,\"count\":3}", 200,
                 "{\"values\":[0,1,0]}");
    b.w.illegal = 60;
    expect_later("read", "{\"unit\":1,\"table\":\"holding\",\"address\":60}", 502,
                 "illegal data address");
    b.w.illegal = 0;
    expect_later("read", "{\"unit\":9,\"table\":\"holding\",\"address\":60}", 504,
                 "does not answer");
    close_world(&b.w);
}

// The bus itself refuses a frame to a unit that must rest.
static void test_a_call_after_noise_waits_for_what_may_be_late(void **state)
{
    (void)state;
    open_bench();
    struct poller *poller = &b.w.app.buses[0].poller;
    for (int i = 0; i < 10; i++) {
        b.w.noises = 1;
        while (b.w.noises > 0) {
            run_until(&b.w, b.w.now_us + 1000);
        }
        uint8_t noisy = b.w.rest_until_us[1] > b.w.now_us ? 1 : 2;
        assert_true(poller->units[noisy - 1].rest_until_us == b.w.rest_until_us[noisy]);
        expect_later("read",
                     noisy == 1 ? "{\"unit\":1,\"table\":\"holding\",\"address\":50}"
                                : "{\"unit\":2,\"table\":\"holding\",\"address\":50}",
                     200, "values");
        assert_true(b.w.now_us > b.w.rest_until_us[noisy]);
        run_until(&b.w, b.w.now_us + US_PER_S);
    }
    // The call's own reply is noise: the polls wait as well.
    while (b.w.queued > 0) {
        run_until(&b.w, b.w.now_us + 1000);
    }
    b.w.noises = 1;
    expect_later("read", "{\"unit\":1,\"table\":\"holding\",\"address\":50}", 200, "values");
    assert_int_equal(b.w.noises, 0);
    run_until(&b.w, b.w.now_us + 3 * US_PER_S);
    close_world(&b.w);
}

static void test_without_a_port_nothing_waits(void **state)
{
    (void)state;
    open_bench();
    bus_state(&b.w, BUS_DOWN);
    expect_now("read", "{\"unit\":1,\"table\":\"holding\",\"address\":50}", 503, "no port");
    expect_now("scan", "{}", 202, "\"job\":1");
    expect_now("job", "{}", 200, "\"state\":\"failed\",\"problem\":\"the bus has no port now\"");
    bus_state(&b.w, BUS_UP);
    call("1", "read", "{\"unit\":9,\"table\":\"holding\",\"address\":50}");
    run_until(&b.w, b.w.now_us + 100 * US_PER_MS);
    bus_state(&b.w, BUS_DOWN); // while the frame is on the line: its DONE says so
    b.w.queued = 0;
    b.w.busy_until_us = TIME_NEVER;
    expect(wait_answer(30 * US_PER_S), 504, "time limit");
    close_world(&b.w);
}

static void test_no_more_than_four_at_a_time(void **state)
{
    (void)state;
    open_bench();
    for (int i = 0; i < METHODS_CALLS_MAX; i++) {
        call("r", "read", "{\"unit\":9,\"table\":\"holding\",\"address\":50}");
    }
    call("five", "help", "");
    expect(last(), 429, "4 methods are under way");
    assert_string_equal(last()->rid, "five");
    run_until(&b.w, b.w.now_us + 40 * US_PER_S);
    assert_int_equal(b.answer_count, METHODS_CALLS_MAX + 1);
    for (int i = 1; i <= METHODS_CALLS_MAX; i++) {
        assert_int_equal(b.answers[i].status, 504);
    }
    expect_now("help", "", 200, "methods"); // good after bad
    close_world(&b.w);
}

static void test_a_scan_finds_who_is_there(void **state)
{
    (void)state;
    open_bench();
    expect_now("scan", "{\"from\":9,\"to\":3}", 400, "from 9 lies above to 3");
    b.w.is_dead[3] = true;
    b.w.unreachable = 6;
    expect_now("scan", "{\"from\":2,\"to\":20,\"timeout_ms\":100}", 202, "\"job\":1");
    expect_now("scan", "{}", 409, "another job is running");
    run_until(&b.w, b.w.now_us + US_PER_S / 2);
    expect_now("job", "{}", 200, "\"state\":\"running\"");
    // A read goes ahead of the scan's next unit.
    expect_later("read", "{\"unit\":1,\"table\":\"holding\",\"address\":50}", 200, "values");
    run_until(&b.w, b.w.now_us + 60 * US_PER_S);
    expect_now("job", "{}", 200, "\"units\":[{\"unit\":2},{\"unit\":4},{\"unit\":5},{\"unit\":7}]");
    expect(last(), 200, "\"state\":\"done\"");
    assert_int_equal(b.reports, 5); // begun, three quarters, done
    assert_string_equal(b.report, "{\"job\":{\"job\":1,\"what\":\"scan\",\"state\":\"done\","
                                  "\"percent\":100,\"found\":4}}");
    assert_string_equal(b.notes[0], "scan 1 of bus b, units 2 to 20: done, 4 answered 2 4 5 7");
    expect_now("scan", "{}", 202, "\"job\":2");
    run_until(&b.w, b.w.now_us + 5 * US_PER_S);
    expect_now("job", "{\"cancel\":true}", 200, "\"state\":\"cancelled\"");
    uint32_t before = b.w.asked[1] + b.w.asked[2];
    run_until(&b.w, b.w.now_us + 10 * US_PER_S);
    assert_in_range(b.w.asked[1] + b.w.asked[2] - before, 18, 22); // polls alone
    assert_non_null(strstr(b.notes[1], "cancelled"));
    close_world(&b.w);
}

static void test_a_line_test_judges_beside_the_polls(void **state)
{
    (void)state;
    open_bench();
    expect_now("line_test", "{\"from\":1,\"to\":17}", 400, "expected 1 to 16");
    expect_now("line_test", "{\"from\":1,\"to\":3,\"count\":10}", 202, "\"job\":1");
    b.w.is_dead[3] = true;
    run_until(&b.w, b.w.now_us + 200 * US_PER_S);
    expect_now("job", "{}", 200,
               "{\"what\":\"unit 1\",\"verdict\":\"ok\",\"text\":\"10 of 10 answered");
    expect(last(), 200,
           "{\"what\":\"unit 3\",\"verdict\":\"wrong\",\"text\":\"never answered when asked 6 "
           "times: ");
    expect(last(), 200, "{\"what\":\"idle\",\"verdict\":\"ok\"");
    assert_non_null(strstr(b.notes[0], "line_test 1 of bus b, units 1 to 3: done"));
    close_world(&b.w);
}

static void test_the_light_blinks_for_its_time(void **state)
{
    (void)state;
    open_bench();
    expect_now("identify", "{\"for_s\":10}", 200, "\"led\":true");
    assert_true(b.is_led_on);
    run_until(&b.w, b.w.now_us + 15 * US_PER_S);
    assert_false(b.is_led_on);
    assert_in_range(b.led_changes, 40, 42); // twice a second, on and off
    assert_int_equal(b.led_over, 1);
    expect_now("identify", "{\"for_s\":600}", 200, "led");
    expect_now("identify", "{\"for_s\":0}", 200, "led");
    assert_false(b.is_led_on);
    assert_int_equal(b.led_over, 2);
    close_world(&b.w);
    open_with(CONFIG(""), false);
    expect_now("identify", "", 200, "gateway.identify_led names none");
    close_world(&b.w);
}

static void test_the_log_level_comes_back(void **state)
{
    (void)state;
    open_bench();
    expect_now("log_level", "{\"level\":\"loud\"}", 400, "none of error, warn, info, debug");
    expect_now("log_level", "{\"level\":\"debug\",\"for_s\":60}", 200, "\"level\":\"debug\"");
    assert_int_equal(b.log_level, 3);
    run_until(&b.w, b.w.now_us + 61 * US_PER_S);
    assert_int_equal(b.log_level, 2);
    assert_int_equal(b.log_changes, 2);
    close_world(&b.w);
}

static void test_work_of_the_place_and_starting_anew(void **state)
{
    (void)state;
    open_bench();
    expect_now("diagnostics", "{}", 200, "\"did\":\"diagnostics\"");
    b.work_status = STATUS_ARGUMENTS;
    expect_now("restart", "{}", 400, "\"did\":\"restart\"");
    run_until(&b.w, b.w.now_us + 10 * US_PER_S);
    assert_int_equal(b.restarts, 0);
    b.is_work_held = true;
    call("slow", "flight_record", "{}");
    expect(wait_answer(30 * US_PER_S), 504, "time limit");
    b.is_work_held = false;
    b.work_status = STATUS_OK;
    b.work_restarts = true;
    expect_now("reload", "{}", 200, "\"did\":\"reload\"");
    expect_now("help", "{}", 409, "about to start anew");
    assert_int_equal(b.restarts, 0); // the answer leaves first
    run_until(&b.w, b.w.now_us + 10 * US_PER_S);
    assert_int_equal(b.restarts, 1);
    close_world(&b.w);
}

static void test_switched_off_and_offline(void **state)
{
    (void)state;
    open_with(CONFIG("\"enabled\":false"), true);
    expect_now("help", "{}", 403, "methods.enabled");
    close_world(&b.w);
    open_bench();
    call("1", "write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[15]}");
    methods_offline(&b.m);
    run_until(&b.w, b.w.now_us + 5 * US_PER_S);
    assert_int_equal(b.answer_count, 0); // of an earlier connection
    assert_int_equal(b.w.writes, 1);
    assert_int_equal(b.note_count, 1);
    expect_now("help", "", 200, "methods");
    close_world(&b.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_calls_are_refused_with_what_would_be_right),
        cmocka_unit_test(test_large_and_deep_arguments_are_refused),
        cmocka_unit_test(test_reads_come_back_as_the_type_says),
        cmocka_unit_test(test_a_call_after_noise_waits_for_what_may_be_late),
        cmocka_unit_test(test_without_a_port_nothing_waits),
        cmocka_unit_test(test_no_more_than_four_at_a_time),
        cmocka_unit_test(test_a_scan_finds_who_is_there),
        cmocka_unit_test(test_a_line_test_judges_beside_the_polls),
        cmocka_unit_test(test_the_light_blinks_for_its_time),
        cmocka_unit_test(test_the_log_level_comes_back),
        cmocka_unit_test(test_work_of_the_place_and_starting_anew),
        cmocka_unit_test(test_switched_off_and_offline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
