// SPDX-License-Identifier: Apache-2.0
// Goal: limits are told once when they are crossed and once when that is over, with patience and
// hysteresis, also across a restart and for labelled points. Method: a point of one register, set
// by hand, on the scripted bus of world.h.
#include "tests/unit/gateway/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

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

static void open_limited(struct world *w, int limit, int beyond, uint64_t beyond_for_us,
                         uint16_t value)
{
    open_world(w,
               BUS_CONFIG("{\"name\":\"a\",\"unit\":1,\"profile\":\"p\",\"limits\":[{\"point\":"
                          "\"x\",\"low\":10,\"high\":60,\"alert_after_s\":100}]}"),
               PLAIN("{\"name\":\"x\",\"address\":7,\"report\":{\"on_change\":true}}"));
    w->now_us += 1000 * US_PER_S;
    app_set_limit(&w->app, 0, limit, beyond, w->now_us - beyond_for_us);
    w->registers[7] = value;
    bus_state(w, BUS_UP);
}

// What was told before a start is not told again; that it is over is; and patience goes on.
static void test_limits_survive_a_restart(void **state)
{
    (void)state;
    static struct world w;
    static const struct {
        int limit, beyond;
        unsigned beyond_for_s;
        uint16_t value;
        size_t alerts_soon, alerts_later; // after 5 and after 50 seconds
        int told, kept;                   // at last
    } CASES[] = {
        {1, 0, 0, 50, 1, 1, 0, 0},  // over meanwhile
        {1, 0, 0, 61, 0, 0, 1, 0},  // still beyond: it was told
        {-1, 0, 0, 61, 1, 1, 0, 1}, // the other side: over, and its patience begins
        {0, 1, 70, 61, 0, 1, 1, 0}, // 70 of 100 seconds had gone
        {0, 1, 70, 50, 0, 0, 0, 0}, // came back meanwhile
        {0, 0, 0, 61, 0, 0, 0, 1},
    };
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        open_limited(&w, CASES[i].limit, CASES[i].beyond, CASES[i].beyond_for_s * US_PER_S,
                     CASES[i].value);
        w.beyond = CASES[i].beyond; // as the journal has it
        run_until(&w, w.now_us + 5 * US_PER_S);
        assert_int_equal(w.alerts, CASES[i].alerts_soon);
        run_until(&w, w.now_us + 45 * US_PER_S);
        assert_int_equal(w.alerts, CASES[i].alerts_later);
        assert_int_equal(w.app.sampler.state[0].limit, CASES[i].told);
        assert_int_equal(w.beyond, CASES[i].kept); // every change came out, to be kept
        close_world(&w);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_alert_has_patience_and_hysteresis),
        cmocka_unit_test(test_a_labelled_point_has_limits),
        cmocka_unit_test(test_limits_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
