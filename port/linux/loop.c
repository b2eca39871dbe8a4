// SPDX-License-Identifier: Apache-2.0
#include "port/linux/loop.h"

#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/assert.h"
#include "port/api/clock.h"

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
    (void)what;
    struct loop_watch *watch = ctx;
    watch->ready(watch->ctx, fd);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)what;
    struct loop *loop = ctx;
    uint64_t expirations;
    ssize_t size = read(fd, &expirations, sizeof expirations);
    (void)size; // re-arming clears it too
    loop->armed_us = TIME_NEVER;
}

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    (void)ctx; // the turn that follows is all that was wanted
}

static void on_signal(evutil_socket_t signal_number, short what, void *ctx)
{
    (void)what;
    struct loop *loop = ctx;
    if (signal_number == SIGHUP) {
        loop->hup_count++;
    } else {
        loop->stopping = true;
        loop->is_told = true;
    }
}

enum err loop_init(struct loop *loop, loop_turn_fn *turn, void *ctx)
{
    memset(loop, 0, sizeof *loop);
    loop->turn = turn;
    loop->ctx = ctx;
    loop->armed_us = TIME_NEVER;
    loop->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    loop->base = event_base_new();
    if (loop->timer_fd < 0 || loop->base == NULL) {
        loop_deinit(loop);
        return ERR_IO;
    }
    static const int SIGNALS[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < COUNT_OF(SIGNALS); i++) {
        loop->signals[i] = evsignal_new(loop->base, SIGNALS[i], on_signal, loop);
        if (loop->signals[i] == NULL || event_add(loop->signals[i], NULL) != 0) {
            loop_deinit(loop);
            return ERR_IO;
        }
    }
    loop->timer = event_new(loop->base, loop->timer_fd, EV_READ | EV_PERSIST, on_timer, loop);
    loop->wake = event_new(loop->base, -1, 0, on_wake, loop);
    if (loop->timer == NULL || loop->wake == NULL || event_add(loop->timer, NULL) != 0) {
        loop_deinit(loop);
        return ERR_IO;
    }
    // The default slack would let every deadline slip by 50 us.
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    signal(SIGPIPE, SIG_IGN);
    return OK;
}

enum err loop_watch(struct loop *loop, int fd, loop_ready_fn *ready, void *ctx)
{
    for (size_t i = 0; i < COUNT_OF(loop->watches); i++) {
        struct loop_watch *watch = &loop->watches[i];
        if (watch->event == NULL) {
            *watch = (struct loop_watch){.ready = ready, .ctx = ctx};
            watch->event = event_new(loop->base, fd, EV_READ | EV_PERSIST, on_ready, watch);
            if (watch->event == NULL || event_add(watch->event, NULL) != 0) {
                loop_unwatch(loop, fd);
                return ERR_IO;
            }
            return OK;
        }
    }
    return ERR_FULL;
}

void loop_unwatch(struct loop *loop, int fd)
{
    for (size_t i = 0; i < COUNT_OF(loop->watches); i++) {
        struct loop_watch *watch = &loop->watches[i];
        if (watch->event != NULL && event_get_fd(watch->event) == fd) {
            event_free(watch->event);
            *watch = (struct loop_watch){.event = NULL};
        }
    }
}

void loop_wake(struct loop *loop)
{
    event_active(loop->wake, EV_TIMEOUT, 0);
}

static void arm(struct loop *loop, uint64_t deadline_us)
{
    if (deadline_us == loop->armed_us) {
        return;
    }
    loop->armed_us = deadline_us;
    struct itimerspec when = {0}; // all zero: disarmed
    if (deadline_us != TIME_NEVER) {
        uint64_t at_us = deadline_us == 0 ? 1 : deadline_us;
        when.it_value.tv_sec = (time_t)(at_us / US_PER_S);
        when.it_value.tv_nsec = (long)(at_us % US_PER_S * 1000);
    }
    ASSERT(timerfd_settime(loop->timer_fd, TFD_TIMER_ABSTIME, &when, NULL) == 0);
}

void loop_run(struct loop *loop)
{
    while (!loop->stopping) {
        arm(loop, loop->turn(loop->ctx, port_now_us()));
        if (!loop->stopping && event_base_loop(loop->base, EVLOOP_ONCE) != 0) {
            return; // no event left or the base failed
        }
    }
}

void loop_stop(struct loop *loop)
{
    loop->stopping = true;
}

void loop_deinit(struct loop *loop)
{
    for (size_t i = 0; i < COUNT_OF(loop->watches); i++) {
        if (loop->watches[i].event != NULL) {
            event_free(loop->watches[i].event);
        }
    }
    struct event *own[] = {loop->timer, loop->wake, loop->signals[0], loop->signals[1],
                           loop->signals[2]};
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        if (own[i] != NULL) {
            event_free(own[i]);
        }
    }
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    if (loop->timer_fd >= 0) {
        close(loop->timer_fd);
    }
    memset(loop, 0, sizeof *loop);
    loop->timer_fd = -1;
}
