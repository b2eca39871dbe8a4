// SPDX-License-Identifier: Apache-2.0
// A named thread for what blocks (DNS, fsync, connect, argon2): bounded queue of jobs in, their
// completions back on the caller's loop.
#ifndef PORT_LINUX_WORKER_H
#define PORT_LINUX_WORKER_H

#include <stddef.h>

#include "base/err.h"

struct worker;

struct job {
    void (*run)(void *ctx);  // on the worker's thread; shares nothing but ctx
    void (*done)(void *ctx); // on the thread that calls worker_collect(); may submit again
    void *ctx;               // the worker's from submit to done
};

// name: up to 15 bytes are shown. queue_max: jobs submitted and not yet collected, 1 to 4,096.
NODISCARD enum err worker_start(const char *name, size_t queue_max, struct worker **out);
// Never blocks. ERR_FULL: queue_max are under way.
NODISCARD enum err worker_submit(struct worker *worker, struct job job);
// Readable while completions wait; watch it level-triggered.
int worker_fd(const struct worker *worker);
// Calls done() of every finished job, in the order submitted.
void worker_collect(struct worker *worker);
// Waits until every submitted job has run, collects, ends the thread. NULL is fine.
void worker_stop(struct worker *worker);
// Ends the thread without waiting for a job that hangs: jobs not begun never run, no done() is
// called any more, and drop(ctx), which frees what the jobs work on, comes last, on the thread.
void worker_leave(struct worker *worker, void (*drop)(void *ctx), void *ctx);

#endif
