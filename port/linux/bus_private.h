// SPDX-License-Identifier: Apache-2.0
// What the kinds of bus share: the queues between the loop and the bus thread, and that thread.
#ifndef PORT_LINUX_BUS_PRIVATE_H
#define PORT_LINUX_BUS_PRIVATE_H

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

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
    uint32_t timeout_us;  // of the reply to the frame that write() gets
    uint32_t stray_bytes; // that read() kept from the line machine, in all
    char problem[320];    // why open() failed or the port went away
    char note[96];        // what is worth knowing of it while it is open
};

struct bus_port_ops {
    // OK: open. ERR_AGAIN: under way, called again on .fd or .deadline_us. Else: failed.
    enum err (*open)(struct bus_port *port, uint64_t now_us);
    // One burst or frame. ERR_AGAIN: none left. ERR_CORRUPT: noise came. ERR_CLOSED: port gone.
    enum err (*read)(struct bus_port *port, uint8_t *data, size_t capacity, size_t *size);
    // ERR_AGAIN: only after the port was opened anew, which is under way: open(), then write().
    enum err (*write)(struct bus_port *port, struct bytes frame, uint64_t *first_us,
                      uint64_t *end_us);
    // The reply's time is over: what of one is held back, borrowed. NULL: nothing ever is.
    struct bytes (*give_up)(struct bus_port *port);
    void (*close)(struct bus_port *port);
    void (*free)(struct bus_port *port); // after close()
};

struct bus_state {
    bool up;
    uint64_t at_us;
    uint32_t done_count; // DONEs told before it
    char detail[320];
};

#define REST_MAX_US (100 * US_PER_MS) // longer sleeps see the end, and a port that went, at once

#define BUS_HEARD_MAX 256 // frames that wait for the loop: 0.7 s of short ones at 115200

struct bus_heard {
    uint64_t at_us;
    uint32_t error_us;
    bool coarse;
    uint16_t size;
    uint8_t frame[LINE_FRAME_MAX];
};

// What every kind of bus begins with.
struct bus {
    void (*release)(struct bus *bus); // frees what the kind holds, once its thread has ended
    pthread_t thread;
    int event_fd;             // to the loop: events wait
    int wake_fd;              // to the thread: commands wait
    _Atomic uint32_t hold_us; // bus_set_hold

    // The thread's own.
    uint64_t backoff_us;
    uint64_t random;
    uint64_t tell_us; // DONEs wait until then for company; TIME_NEVER: none waits

    // Shared, under lock.
    pthread_mutex_t lock;
    bool stopping;
    bool told;        // the loop was woken for DONEs and has not taken them all yet
    bool wake_wanted; // the thread sleeps until something comes
    bool resume;
    struct bus_state states[2]; // not told yet: down and up again are both news
    size_t state_count;
    struct line_send sends[LINE_QUEUE_MAX];
    size_t send_count;
    uint32_t cancels[LINE_QUEUE_MAX];
    size_t cancel_count;
    struct line_done dones[LINE_QUEUE_MAX]; // ring
    uint32_t errors_us[LINE_QUEUE_MAX];     // of their times
    size_t done_first;
    size_t done_count;
    uint32_t dones_told, dones_taken; // in all
    size_t outstanding;               // accepted and not yet fetched as DONE
    struct bus_heard *heard;          // ring; NULL: the bus does not listen only
    size_t heard_first, heard_count;
    uint32_t heard_dropped;
    struct bus_figures figures;
};

// How a machine takes the loop's commands.
struct bus_commands {
    void (*send)(struct bus *bus, uint64_t now_us, const struct line_send *send);
    void (*cancel)(struct bus *bus, uint64_t now_us, uint32_t token);
    void (*resume)(struct bus *bus, uint64_t now_us);
};

// Takes bus, allocated and with .release set; on failure it is released. The rest is zero.
enum err bus_begin(struct bus *bus, const char *name, bool listens, void *(*thread)(void *bus));

// On the thread:
void bus_set_scheduling(uint8_t cpu_priority);
// False: the end.
bool bus_take_commands(struct bus *bus, const struct bus_commands *commands);
void bus_tell_state(struct bus *bus, uint64_t now_us, bool up, const char *detail);
// may_wait: for more of them if the next one should be here in time, so that one wake-up of the
// loop serves several.
void bus_tell_done(struct bus *bus, const struct line_done *done, uint32_t error_us, bool may_wait);
// A frame on a line that only listens; too many for the loop: counted.
void bus_tell_heard(struct bus *bus, const struct bus_heard *heard);
void bus_wake_loop(struct bus *bus);
void bus_set_figures(struct bus *bus, const struct bus_figures *figures);
// Sleeps until then, whatever comes: half of what bus_sleep costs.
void bus_rest(uint64_t until_us);
// Sleeps until the deadline, something on fd, or, if commands_wake, a command. True: fd is ready.
bool bus_sleep(struct bus *bus, int fd, short events, uint64_t deadline_us, bool commands_wake);
// How long to wait before the next try, with back-off and jitter; was_good: the last one held.
uint64_t bus_retry_delay_us(struct bus *bus, bool was_good);

// A bus that is a line machine on a port of bytes.
struct bus_line {
    struct bus base; // first, so that one pointer is both
    const struct bus_port_ops *ops;
    struct bus_port *port; // owned
    uint8_t cpu_priority;
    struct line line;
    bool open;
    uint64_t retry_us; // when to open again
    bool down_told;
    struct bytes unsent; // the machine's frame that waits for the port to be opened anew
    uint32_t stray_told; // of the port's
    struct nap nap;
    struct stay stay;
    cpu_set_t cpus; // where the thread may run; empty: unknown, it is never told to stay
};

// Takes port; on failure it is freed.
enum err bus_start(const char *name, const struct bus_port_ops *ops, struct bus_port *port,
                   const struct line_cfg *line, uint8_t cpu_priority, struct bus **out);

#endif
