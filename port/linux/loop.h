// SPDX-License-Identifier: Apache-2.0
// The one loop of a daemon, over libevent: descriptors, one exact deadline, end on SIGTERM/SIGINT.
//
//   loop_init(&loop, on_turn, ctx)  loop_watch(...)  loop_run(&loop)
//
// on_turn(ctx, now_us) runs after every batch of events with the time read once; it ticks the
// machines, drains their outputs and returns the next deadline (TIME_NEVER: none).
#ifndef PORT_LINUX_LOOP_H
#define PORT_LINUX_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct event;
struct event_base;

#define LOOP_WATCH_MAX 64

typedef uint64_t loop_turn_fn(void *ctx, uint64_t now_us);
typedef void loop_ready_fn(void *ctx, int fd);

struct loop_watch {
    struct event *event; // NULL: free
    loop_ready_fn *ready;
    void *ctx;
};

struct loop {
    struct event_base *base; // public: for evhttp and other libevent parts
    loop_turn_fn *turn;
    void *ctx;
    int timer_fd;
    uint64_t armed_us;
    bool stopping;
    bool is_told; // to end, by SIGTERM or SIGINT; may be read
    struct event *timer;
    struct event *signals[3]; // TERM, INT, HUP
    struct event *wake;       // runs a turn soon
    uint64_t hup_count;
    struct loop_watch watches[LOOP_WATCH_MAX];
};

NODISCARD enum err loop_init(struct loop *loop, loop_turn_fn *turn, void *ctx);
// Calls ready(ctx, fd) while fd is readable. ERR_FULL: LOOP_WATCH_MAX.
NODISCARD enum err loop_watch(struct loop *loop, int fd, loop_ready_fn *ready, void *ctx);
void loop_unwatch(struct loop *loop, int fd);
// A turn follows as soon as possible; for use inside libevent callbacks of others.
void loop_wake(struct loop *loop);
// Until loop_stop(), SIGTERM or SIGINT.
void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);
void loop_deinit(struct loop *loop);

#endif
