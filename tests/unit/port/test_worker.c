// SPDX-License-Identifier: Apache-2.0
// Goal: jobs run in order on another thread, their ends come back here, the queue is bounded,
// stopping loses none, and leaving waits for none.
#include "port/linux/worker.h"

#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
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

struct hang {
    sem_t begun, may_end, dropped;
    bool ran_on, was_done;
};

static void run_hang(void *ctx)
{
    struct hang *hang = ctx;
    (void)sem_post(&hang->begun);
    (void)sem_wait(&hang->may_end);
}

static void run_on(void *ctx)
{
    ((struct hang *)ctx)->ran_on = true;
}

static void done_hang(void *ctx)
{
    ((struct hang *)ctx)->was_done = true;
}

static void drop_hang(void *ctx)
{
    (void)sem_post(&((struct hang *)ctx)->dropped);
}

static void test_leaving_does_not_wait_for_a_job_that_hangs(void **state)
{
    (void)state;
    struct hang hang = {.was_done = false};
    assert_int_equal(sem_init(&hang.begun, 0, 0), 0);
    assert_int_equal(sem_init(&hang.may_end, 0, 0), 0);
    assert_int_equal(sem_init(&hang.dropped, 0, 0), 0);
    struct worker *worker = NULL;
    assert_int_equal(worker_start("test", 2, &worker), OK);
    assert_int_equal(worker_submit(worker, (struct job){run_hang, done_hang, &hang}), OK);
    assert_int_equal(worker_submit(worker, (struct job){run_on, done_hang, &hang}), OK);
    assert_int_equal(sem_wait(&hang.begun), 0);
    worker_leave(worker, drop_hang, &hang); // would never return if it waited
    assert_int_not_equal(sem_trywait(&hang.dropped), 0);
    assert_int_equal(sem_post(&hang.may_end), 0);
    assert_int_equal(sem_wait(&hang.dropped), 0);
    assert_false(hang.ran_on || hang.was_done);
    // One that has nothing to do goes, too.
    assert_int_equal(worker_start("test", 1, &worker), OK);
    worker_leave(worker, drop_hang, &hang);
    assert_int_equal(sem_wait(&hang.dropped), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_completions_come_back_in_order),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_leaving_does_not_wait_for_a_job_that_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
