// SPDX-License-Identifier: Apache-2.0
// Goal: a turn comes after each event and at its deadline, never before it; the loop ends on a
// signal.
#include "port/linux/loop.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "port/api/clock.h"

struct story {
    struct loop loop;
    int fd;
    uint64_t deadline_us;
    int reads;
    int turns;
    bool early;
};

static void on_ready(void *ctx, int fd)
{
    struct story *story = ctx;
    eventfd_t seen;
    assert_int_equal(eventfd_read(fd, &seen), 0);
    story->reads++;
}

static uint64_t on_turn(void *ctx, uint64_t now_us)
{
    struct story *story = ctx;
    story->turns++;
    if (story->reads == 0) {
        return TIME_NEVER;
    }
    if (story->deadline_us == TIME_NEVER) {
        story->deadline_us = now_us + 5000;
    } else if (now_us >= story->deadline_us) {
        raise(SIGTERM);
        return TIME_NEVER;
    } else {
        story->early = true;
    }
    return story->deadline_us;
}

static void test_event_then_deadline_then_signal(void **state)
{
    (void)state;
    static struct story story = {.deadline_us = TIME_NEVER};
    story.fd = eventfd(1, EFD_NONBLOCK);
    assert_int_equal(loop_init(&story.loop, on_turn, &story), OK);
    assert_int_equal(loop_watch(&story.loop, story.fd, on_ready, &story), OK);
    loop_run(&story.loop);
    assert_int_equal(story.reads, 1);
    assert_false(story.early);
    // Start, the event, the deadline, the signal: nothing wakes for nothing.
    assert_true(story.turns <= 4);
    loop_unwatch(&story.loop, story.fd);
    loop_deinit(&story.loop);
    close(story.fd);
}

static uint64_t stop_after_wake(void *ctx, uint64_t now_us)
{
    struct story *story = ctx;
    (void)now_us;
    if (++story->turns == 2) {
        loop_stop(&story->loop);
    }
    loop_wake(&story->loop);
    return TIME_NEVER;
}

static void test_wake_gives_a_turn_without_any_event(void **state)
{
    (void)state;
    static struct story story;
    assert_int_equal(loop_init(&story.loop, stop_after_wake, &story), OK);
    loop_run(&story.loop);
    assert_int_equal(story.turns, 2);
    loop_deinit(&story.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_event_then_deadline_then_signal),
        cmocka_unit_test(test_wake_gives_a_turn_without_any_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
