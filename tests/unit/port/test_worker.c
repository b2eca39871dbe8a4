// SPDX-License-Identifier: Apache-2.0
// Goal: jobs run in order on another thread, their ends come back here, the queue is bounded, and
// stopping loses none.
#include "port/linux/worker.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct work {
    pthread_t ran_on;
    bool ran;
    int order;
    int *counter;
};

static void run(void *ctx)
{
    struct work *work = ctx;
    work->ran_on = pthread_self();
    work->ran = true;
}

static void done(void *ctx)
{
    struct work *work = ctx;
    work->order = ++*work->counter;
}

static void test_completions_come_back_in_order(void **state)
{
    (void)state;
    struct worker *worker = NULL;
    assert_int_equal(worker_start("test", 4, &worker), OK);
    int counter = 0;
    struct work work[4] = {0};
    for (int i = 0; i < 4; i++) {
        work[i].counter = &counter;
        assert_int_equal(worker_submit(worker, (struct job){run, done, &work[i]}), OK);
    }
    struct work fifth = {.counter = &counter};
    assert_int_equal(worker_submit(worker, (struct job){run, done, &fifth}), ERR_FULL);
    while (counter < 4) {
        struct pollfd ready = {.fd = worker_fd(worker), .events = POLLIN};
        assert_int_equal(poll(&ready, 1, 10000), 1);
        worker_collect(worker);
    }
    for (int i = 0; i < 4; i++) {
        assert_int_equal(work[i].order, i + 1);
        assert_false(pthread_equal(work[i].ran_on, pthread_self()));
    }
    assert_int_equal(worker_submit(worker, (struct job){run, done, &fifth}), OK);
    worker_stop(worker);
    assert_true(fifth.ran);
    assert_int_equal(fifth.order, 5);
}

static void test_limits(void **state)
{
    (void)state;
    struct worker *worker = NULL;
    assert_int_equal(worker_start("test", 0, &worker), ERR_ARG);
    assert_int_equal(worker_start("test", 4097, &worker), ERR_ARG);
    assert_int_equal(worker_start("a name longer than a thread shows", 4096, &worker), OK);
    worker_stop(worker);
    worker_stop(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_completions_come_back_in_order),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
