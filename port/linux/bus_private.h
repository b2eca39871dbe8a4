// SPDX-License-Identifier: Apache-2.0
// What the kinds of bus share: the queues between the loop and the bus thread, and that thread.
#ifndef PORT_LINUX_BUS_PRIVATE_H
#define PORT_LINUX_BUS_PRIVATE_H

#include <poll.h>
#include <pthread.h>
#include <sched.h>

#include "line/line.h"
#include "port/linux/bus.h"
#include "port/linux/nap.h"
#include "port/linux/stay.h"

// What carries the bytes of a bus; used on the bus thread only.
struct bus_port {
    int fd;               // -1: none; watched for .events
    short events;         // while opening; POLLIN once open
    bool early_reply;     // for the line machine
    bool whole_frames;    // read() gives frames and may hold more; else bursts of a stream
    uint64_t deadline_us; // open() is called then too; TIME_NEVER: none
    char problem[320];    // why open() failed or the port went away
};

struct bus_port_ops {
    // OK: open. ERR_AGAIN: under way, called again on .fd or .deadline_us. Else: failed.
    enum err (*open)(struct bus_port *port, uint64_t now_us);
    // One burst or frame. ERR_AGAIN: none left. ERR_CORRUPT: noise came. ERR_CLOSED: port gone.
    enum err (*read)(struct bus_port *port, uint8_t *data, size_t capacity, size_t *size);
    enum err (*write)(struct bus_port *port, struct bytes frame, uint64_t *first_us,
                      uint64_t *end_us);
    void (*close)(struct bus_port *port);
    void (*free)(struct bus_port *port); // after close()
};

struct bus {
    const struct bus_port_ops *ops;
    struct bus_port *port; // owned
    pthread_t thread;
    int event_fd; // to the loop: events wait
    int wake_fd;  // to the thread: commands wait
    uint8_t cpu_priority;

    // The thread's own.
    struct line line;
    bool open;
    uint64_t retry_us; // when to open again
    uint64_t backoff_us;
    uint64_t random;
    bool down_told;
    uint64_t tell_us; // DONEs wait until then for company; TIME_NEVER: none waits
    struct nap nap;
    struct stay stay;
    cpu_set_t cpus; // where the thread may run; empty: unknown, it is never told to stay

    // Shared, under lock.
    pthread_mutex_t lock;
    bool stopping;
    bool told;        // the loop was woken for DONEs and has not taken them all yet
    bool wake_wanted; // the thread sleeps until something comes
    bool resume;
    bool state_changed;
    bool up;
    uint64_t state_at_us;
    char detail[320];
    struct line_send sends[LINE_QUEUE_MAX];
    size_t send_count;
    uint32_t cancels[LINE_QUEUE_MAX];
    size_t cancel_count;
    struct line_done dones[LINE_QUEUE_MAX]; // ring
    size_t done_first;
    size_t done_count;
    size_t outstanding; // accepted and not yet fetched as DONE
    struct line_stats stats;
};

// Takes port; on failure it is freed.
enum err bus_start(const char *name, const struct bus_port_ops *ops, struct bus_port *port,
                   const struct line_cfg *line, uint8_t cpu_priority, struct bus **out);
void *bus_main(void *ctx); // bus_thread.c

#endif
