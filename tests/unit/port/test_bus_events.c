// SPDX-License-Identifier: Apache-2.0
// Goal: the loop gets a bus's events in the order in which its thread told them, however late it
// looks: a SEND that was lost before the bus came up again never seems to be lost after that.
// It is woken for them when it wants to be.
// Method: a thread that tells all of them before the loop takes the first.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <semaphore.h>

#include "port/api/clock.h"
#include "port/linux/bus_private.h"

static sem_t told;

static void nothing(struct bus *bus)
{
    (void)bus;
}

static void take_send(struct bus *bus, uint64_t now_us, const struct line_send *send)
{
    (void)bus;
    (void)now_us;
    (void)send;
}

static const struct bus_commands COMMANDS = {.send = take_send};

// "d": a DONE, numbered; "-" and "+": down and up.
static const char *story;

static void *tell(void *ctx)
{
    struct bus *bus = ctx;
    struct line_done done = {.token = 0};
    for (const char *at = story; *at != '\0'; at++) {
        if (*at == 'd') {
            done.token++;
            bus_tell_done(bus, &done, 0, false);
        } else {
            bus_tell_state(bus, 1, *at == '+', "");
        }
    }
    sem_post(&told);
    while (bus_take_commands(bus, &COMMANDS)) {
        (void)bus_sleep(bus, -1, 0, TIME_NEVER, true);
    }
    return NULL;
}

static void test_events_keep_their_order(void **state)
{
    (void)state;
    // The last two changes of state are news, older ones are not.
    static const char *const rows[][2] = {
        {"+", "+"},       {"dd", "dd"},
        {"d-+", "d-+"},   {"-d+", "-d+"},
        {"-+d", "-+d"},   {"ddd-dd+d", "ddd-dd+d"},
        {"-+d-d", "d-d"}, {"+dddddddd-", "+dddddddd-"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char seen[20] = "";
        struct bus_event event;
        uint32_t token = 0;
        struct bus *bus = calloc(1, sizeof *bus);
        assert_non_null(bus);
        bus->release = nothing;
        story = rows[i][0];
        assert_int_equal(sem_init(&told, 0, 0), 0);
        assert_int_equal(bus_begin(bus, "events", false, tell), OK);
        assert_int_equal(sem_wait(&told), 0);
        while (bus_next(bus, &event)) {
            assert_true(event.kind != BUS_DONE || event.done.token == ++token);
            strcat(seen, event.kind == BUS_DONE ? "d" : event.kind == BUS_UP ? "+" : "-");
        }
        assert_string_equal(seen, rows[i][1]);
        bus_close(bus);
        sem_destroy(&told);
    }
}

static sem_t go;

static void *tell_one_that_may_wait(void *ctx)
{
    struct bus *bus = ctx;
    sem_wait(&go);
    struct line_done done = {.tx_first_us = port_now_us(), .rx_last_us = port_now_us() + 1000};
    bus_tell_done(bus, &done, 0, true);
    sem_post(&told);
    while (bus_take_commands(bus, &COMMANDS)) {
        (void)bus_sleep(bus, -1, 0, TIME_NEVER, true);
    }
    return NULL;
}

// A DONE with company to come wakes the loop only if the loop wants it so.
static void test_a_held_reply_wakes_nobody_and_one_that_is_watched_does(void **state)
{
    (void)state;
    for (int is_watched = 0; is_watched < 2; is_watched++) {
        struct bus *bus = calloc(1, sizeof *bus);
        assert_non_null(bus);
        bus->release = nothing;
        assert_int_equal(sem_init(&told, 0, 0), 0);
        assert_int_equal(sem_init(&go, 0, 0), 0);
        assert_int_equal(bus_begin(bus, "hold", false, tell_one_that_may_wait), OK);
        if (is_watched) {
            bus_set_hold(bus, 0);
        }
        assert_int_equal(sem_post(&go), 0);
        assert_int_equal(sem_wait(&told), 0);
        struct pollfd fd = {.fd = bus_fd(bus), .events = POLLIN};
        assert_int_equal(poll(&fd, 1, 0), is_watched);
        bus_close(bus);
        sem_destroy(&told);
        sem_destroy(&go);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_keep_their_order),
        cmocka_unit_test(test_a_held_reply_wakes_nobody_and_one_that_is_watched_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
