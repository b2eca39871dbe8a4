// SPDX-License-Identifier: Apache-2.0
#include "port/linux/worker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

#define QUEUE_LIMIT 4096

// One ring: jobs [first, first + ran) have run, the next may be running, the rest wait.
struct worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wanted; // a job waits or the end came
    int fd;
    bool stopping;
    void (*drop)(void *ctx); // set when left: the thread frees all of this
    void *drop_ctx;
    size_t queue_max;
    size_t first;
    size_t count;
    size_t ran;
    struct job queue[];
};

static void worker_free(struct worker *w)
{
    pthread_cond_destroy(&w->wanted);
    pthread_mutex_destroy(&w->lock);
    close(w->fd);
    free(w);
}

static void *worker_main(void *ctx)
{
    struct worker *w = ctx;
    pthread_mutex_lock(&w->lock);
    for (;;) {
        while (w->ran == w->count && !w->stopping) {
            pthread_cond_wait(&w->wanted, &w->lock);
        }
        if (w->ran == w->count || w->drop != NULL) {
            break;
        }
        struct job job = w->queue[(w->first + w->ran) % w->queue_max];
        pthread_mutex_unlock(&w->lock);
        job.run(job.ctx);
        pthread_mutex_lock(&w->lock);
        w->ran++;
        ASSERT(eventfd_write(w->fd, 1) == 0);
    }
    void (*drop)(void *) = w->drop;
    pthread_mutex_unlock(&w->lock);
    if (drop != NULL) {
        drop(w->drop_ctx);
        worker_free(w);
    }
    return NULL;
}

enum err worker_start(const char *name, size_t queue_max, struct worker **out)
{
    if (queue_max == 0 || queue_max > QUEUE_LIMIT) {
        return ERR_ARG;
    }
    struct worker *w = calloc(1, sizeof *w + queue_max * sizeof w->queue[0]);
    if (w == NULL) {
        return ERR_SIZE;
    }
    w->queue_max = queue_max;
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (w->fd < 0) {
        free(w);
        return ERR_IO;
    }
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->wanted, NULL);
    if (pthread_create(&w->thread, NULL, worker_main, w) != 0) {
        close(w->fd);
        free(w);
        return ERR_IO;
    }
    char shown[16];
    snprintf(shown, sizeof shown, "%s", name);
    pthread_setname_np(w->thread, shown);
    *out = w;
    return OK;
}

enum err worker_submit(struct worker *w, struct job job)
{
    ASSERT(job.run != NULL && job.done != NULL);
    pthread_mutex_lock(&w->lock);
    bool fits = w->count < w->queue_max;
    if (fits) {
        w->queue[(w->first + w->count) % w->queue_max] = job;
        w->count++;
        pthread_cond_signal(&w->wanted);
    }
    pthread_mutex_unlock(&w->lock);
    return fits ? OK : ERR_FULL;
}

int worker_fd(const struct worker *w)
{
    return w->fd;
}

void worker_collect(struct worker *w)
{
    eventfd_t seen;
    (void)eventfd_read(w->fd, &seen);
    for (;;) {
        pthread_mutex_lock(&w->lock);
        bool has = w->ran != 0;
        struct job job = {0};
        if (has) {
            job = w->queue[w->first];
            w->first = (w->first + 1) % w->queue_max;
            w->count--;
            w->ran--;
        }
        pthread_mutex_unlock(&w->lock);
        if (!has) {
            return;
        }
        job.done(job.ctx);
    }
}

void worker_stop(struct worker *w)
{
    if (w == NULL) {
        return;
    }
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wanted);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    worker_collect(w);
    worker_free(w);
}

void worker_leave(struct worker *w, void (*drop)(void *ctx), void *ctx)
{
    ASSERT(drop != NULL);
    pthread_mutex_lock(&w->lock);
    (void)pthread_detach(w->thread);
    w->stopping = true;
    w->drop = drop;
    w->drop_ctx = ctx;
    pthread_cond_signal(&w->wanted);
    pthread_mutex_unlock(&w->lock); // from here on the thread may have freed it
}
