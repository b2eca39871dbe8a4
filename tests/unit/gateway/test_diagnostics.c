// SPDX-License-Identifier: Apache-2.0
// Goal: what a line and its units do becomes samples of their own: right per span, stale with the
// port, cheap while nothing happens, and never mixed up with what devices measure. Method: the
// gateway's machine on a scripted bus; what it says is compared with what the bus did.
#include "tests/unit/gateway/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

// The newest sample of a diagnostic; the bus as a whole if device is NULL.
static const struct tm_sample *newest(const struct world *w, const char *device, const char *name)
{
    for (size_t i = w->diagnostic_count; i > 0; i--) {
        const struct tm_point *point = described(w, w->diagnostics[i - 1].point);
        bool is_place = device == NULL
                            ? point->sensor == NULL
                            : point->sensor != NULL && strcmp(point->sensor, device) == 0;
        if (is_place && strcmp(point->name, name) == 0) {
            return &w->diagnostics[i - 1];
        }
    }
    fail_msg("%s of %s was never told", name, device != NULL ? device : "the bus");
    return NULL;
}

#define TOLD(w, device, name, mantissa)                                                            \
    assert_int_equal(newest(w, device, name)->value.u.i, mantissa)

#define LIVELY(devices)                                                                            \
    "{\"gateway\":{\"id\":\"g\",\"data_dir\":\"/d\"},\"buses\":[{\"name\":\"a\",\"port\":"         \
    "\"tty:/dev/x\",\"reply_timeout_ms\":500,\"diagnostics_s\":10,\"limits\":[{\"point\":"         \
    "\"timeouts\",\"high\":1}],\"devices\":[" devices "]}]}"

static void test_a_line_tells_of_itself_as_its_points(void **state)
{
    (void)state;
    static struct world w;
    // The bus has the name of a device, and a point the name of a figure: ids keep them apart.
    open_world(&w, LIVELY(DEVICE("a", "1") "," DEVICE("b", "2")),
               PLAIN("{\"name\":\"busy\",\"address\":7}"));
    w.is_dead[2] = true;
    bus_state(&w, BUS_UP);
    uint64_t start_us = w.now_us;
    run_until(&w, start_us + 10 * US_PER_S + 1);
    assert_int_equal(w.asked_for_figures, 1);
    assert_int_equal(w.diagnostics[0].at_us, start_us + 10 * US_PER_S);
    TOLD(&w, NULL, "transactions",
         w.figures.line.done_count[LINE_REPLY] + w.figures.line.done_count[LINE_TIMEOUT]);
    TOLD(&w, NULL, "utilisation", (w.figures.line.wire_us + 5000) / 10000);
    TOLD(&w, NULL, "timeouts", w.figures.line.done_count[LINE_TIMEOUT]);
    TOLD(&w, NULL, "times", 1); // a tty knows no better
    TOLD(&w, "a", "replies", w.figures.line.done_count[LINE_REPLY]);
    TOLD(&w, "a", "timeouts", 0);
    TOLD(&w, "a", "unit_state", 0);
    TOLD(&w, "b", "timeouts", w.figures.line.done_count[LINE_TIMEOUT]);
    TOLD(&w, "b", "unit_state", 1);
    // The reply's first byte ended half the wire's time after our frame.
    uint64_t turnaround_us = WIRE_US / 2 - 572;
    TOLD(&w, "a", "turnaround", (turnaround_us + 5) / 10);
    TOLD(&w, "a", "turnaround_max", (turnaround_us + 5) / 10);
    assert_int_equal(newest(&w, "b", "turnaround")->quality, TM_STALE);
    assert_int_equal(newest(&w, "b", "turnaround")->reason, TM_REASON_SUSPENDED);
    assert_int_equal(w.alerts, 2); // time-outs above the limit: of the bus, of unit b
    for (uint32_t i = 1; i < w.app.catalogue.point_count; i++) {
        assert_true(w.app.catalogue.points[i].id > w.app.catalogue.points[i - 1].id);
    }
    // Nothing of it was polled, and the next span is judged for itself.
    w.is_dead[2] = false;
    w.is_tardy = true;
    run_until(&w, start_us + 60 * US_PER_S + US_PER_S / 2);
    assert_int_equal(w.asked_for_figures, 6);
    TOLD(&w, NULL, "transactions", 20);
    TOLD(&w, "a", "replies", 10);
    TOLD(&w, "a", "turnaround_min", (turnaround_us + WIRE_US / 8 + 5) / 10);
    TOLD(&w, "b", "unit_state", 0);
    assert_int_equal(newest(&w, "b", "turnaround")->quality, TM_GOOD);
    close_world(&w);
}

static void test_a_line_that_is_never_quiet_is_told_of_the_bus(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, LIVELY(DEVICE("a", "1")), PLAIN("{\"name\":\"x\",\"address\":7}"));
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 10 * US_PER_S + 1);
    TOLD(&w, NULL, "unsent", 0);
    w.faults[1] = LINE_BUSY;
    uint64_t before = w.figures.line.done_count[LINE_REPLY];
    run_until(&w, w.now_us + 20 * US_PER_S);
    assert_in_range(newest(&w, NULL, "unsent")->value.u.i, 9, 10);
    assert_in_range(w.figures.line.done_count[LINE_REPLY] - before, 0, 1);
    TOLD(&w, NULL, "transactions", 0); // nothing took the wire
    TOLD(&w, NULL, "bad_replies", 0);
    TOLD(&w, "a", "bad_replies", 0);
    TOLD(&w, "a", "unit_state", 0);
    assert_int_equal(newest(&w, "a", "turnaround")->reason, TM_REASON_BUSY);
    close_world(&w);
}

static void test_a_quiet_line_has_little_to_tell(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, BUS_CONFIG(DEVICE("a", "1")), PLAIN("{\"name\":\"x\",\"address\":7}"));
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 24 * US_PER_HOUR);
    assert_int_equal(w.asked_for_figures, 287); // every 300 s by default, the first after 300 s
    size_t counts = 0; // what moves by one from span to span is told every time
    for (size_t i = 0; i < w.diagnostic_count; i++) {
        const char *name = described(&w, w.diagnostics[i].point)->name;
        counts += strcmp(name, "transactions") == 0 || strcmp(name, "replies") == 0;
    }
    assert_in_range(w.diagnostic_count - counts, 10, 10 + 24 * 7);
    close_world(&w);
}

static void test_figures_are_stale_while_the_port_is_gone(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, LIVELY(DEVICE("a", "1")), PLAIN("{\"name\":\"x\",\"address\":7}"));
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 15 * US_PER_S);
    bus_state(&w, BUS_DOWN);
    size_t told = w.diagnostic_count;
    run_until(&w, w.now_us + 60 * US_PER_S);
    assert_int_equal(w.diagnostic_count - told, w.app.points.diagnostics[0].count);
    assert_int_equal(newest(&w, NULL, "utilisation")->reason, TM_REASON_PORT);
    bus_state(&w, BUS_UP);
    run_until(&w, w.now_us + 10 * US_PER_S);
    // Those of the five seconds before it went and of the five since it is back.
    assert_in_range(newest(&w, NULL, "transactions")->value.u.i, 10, 11);
    close_world(&w);
}

static void test_a_core_tells_what_it_does_with_the_driver(void **state)
{
    (void)state;
    static struct world w;
    open_world(&w, LIVELY(DEVICE("a", "1")), PLAIN("{\"name\":\"x\",\"address\":7}"));
    struct point *points = w.app.points.all + w.app.points.diagnostics[0].first;
    for (int i = 0; i < 5; i++) {
        points[i].profile = &FIGURE_POINTS[FIGURE_HOLD + i];
    }
    bus_state(&w, BUS_UP);
    w.figures.core_sessions = 8; // linked, and seven times again
    w.figures.hold_count = 10;
    w.figures.hold_sum_ns = 520833; // a bit each at 19200 baud
    w.figures.hold_max_ns = 130208;
    w.figures.hold_early = 1;
    w.figures.clock_error_us = 42;
    run_until(&w, w.now_us + 10 * US_PER_S + 1);
    const int64_t first[] = {100, 250, 1, 42, 7};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(w.diagnostics[i].value.u.i, first[i]);
    }
    // Events are news although their number is the same; a mean is that of the span's frames alone.
    size_t told = w.diagnostic_count;
    w.figures.core_sessions += 7;
    w.figures.hold_count += 10;
    w.figures.hold_sum_ns += 3 * 520833;
    run_until(&w, w.now_us + 10 * US_PER_S);
    const int64_t second[] = {300, 0, 7}; // the longest hold and the clock's error are as before
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(w.diagnostics[told + i].value.u.i, second[i]);
    }
    // A core that began anew counts from 0; what it counted since then is not lost. No frame, no
    // mean.
    told = w.diagnostic_count;
    w.figures.core_sessions = 2;
    w.figures.hold_count = 0;
    w.figures.hold_sum_ns = 0;
    run_until(&w, w.now_us + 10 * US_PER_S);
    assert_int_equal(w.diagnostics[told].point, points[4].id);
    assert_int_equal(w.diagnostics[told].value.u.i, 2);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_line_tells_of_itself_as_its_points),
        cmocka_unit_test(test_a_line_that_is_never_quiet_is_told_of_the_bus),
        cmocka_unit_test(test_a_quiet_line_has_little_to_tell),
        cmocka_unit_test(test_figures_are_stale_while_the_port_is_gone),
        cmocka_unit_test(test_a_core_tells_what_it_does_with_the_driver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
