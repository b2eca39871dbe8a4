// SPDX-License-Identifier: Apache-2.0
// The loop's side of a bus: the order of its events. Method: a bus whose thread ends at once; the
// test says what the thread would.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "port/linux/bus_private.h"

static void *no_thread(void *ctx)
{
    (void)ctx;
    return NULL;
}

static void no_release(struct bus *bus)
{
    (void)bus;
}

static struct bus *open_bus(void)
{
    struct bus *bus = calloc(1, sizeof *bus);
    assert_non_null(bus);
    bus->release = no_release;
    assert_int_equal(bus_begin(bus, "test", no_thread), OK);
    return bus;
}

static void tell_done(struct bus *bus, uint32_t token)
{
    const struct line_send send = {.token = token, .frame_size = 1};
    const struct line_done done = {.token = token, .outcome = LINE_PORT_LOST};
    assert_int_equal(bus_send(bus, &send), OK);
    bus_tell_done(bus, &done, 0, false);
}

static void expect_done(struct bus *bus, uint32_t token)
{
    struct bus_event event;
    assert_true(bus_next(bus, &event));
    assert_int_equal(event.kind, BUS_DONE);
    assert_int_equal(event.done.token, token);
}

static void expect(struct bus *bus, enum bus_event_kind kind)
{
    struct bus_event event;
    assert_true(bus_next(bus, &event));
    assert_int_equal(event.kind, kind);
}

static void test_what_was_lost_is_told_between_down_and_up(void **state)
{
    (void)state;
    struct bus *bus = open_bus();
    tell_done(bus, 1);
    tell_done(bus, 2);
    bus_tell_state(bus, 1, false, "gone");
    tell_done(bus, 3);
    bus_tell_state(bus, 2, true, "");
    tell_done(bus, 4);
    expect(bus, BUS_DOWN);
    expect_done(bus, 1);
    expect_done(bus, 2);
    expect_done(bus, 3);
    expect(bus, BUS_UP);
    expect_done(bus, 4);
    struct bus_event event;
    assert_false(bus_next(bus, &event));
    bus_close(bus);
}

static void test_more_states_than_fit_leave_the_last_one(void **state)
{
    (void)state;
    struct bus *bus = open_bus();
    tell_done(bus, 1);
    bus_tell_state(bus, 1, true, "");
    bus_tell_state(bus, 2, false, "gone");
    bus_tell_state(bus, 3, true, "");
    expect_done(bus, 1);
    expect(bus, BUS_UP);
    struct bus_event event;
    assert_false(bus_next(bus, &event));
    bus_close(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_lost_is_told_between_down_and_up),
        cmocka_unit_test(test_more_states_than_fit_leave_the_last_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
