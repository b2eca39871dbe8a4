// SPDX-License-Identifier: Apache-2.0
// The thread of a bus: one line machine on one port, asleep until the next byte, deadline or
// command. A transaction costs two wake-ups: the reply, and the end of the silence after it.
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <time.h>

#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/bus_private.h"

#define BACKOFF_FIRST_US (100 * US_PER_MS)
#define BACKOFF_MAX_US   (5 * US_PER_S)
#define HOLD_US          (40 * US_PER_MS)
#define HOLD_SENDS_MIN   3 // two stay ahead of the line while the loop wakes
#define NICER            (-10)
#define NAP_MAX_US       (10 * US_PER_MS) // longer waits watch for commands and the port
#define READS_PER_TURN   8 // a babbling port must not keep the thread from its deadlines

// A delay in 3/4 to 5/4 of the nominal one, so that many gateways do not come back at once.
static uint64_t jittered(struct bus *bus, uint64_t delay_us)
{
    bus->random ^= bus->random << 13;
    bus->random ^= bus->random >> 7;
    bus->random ^= bus->random << 17;
    return delay_us * 3 / 4 + bus->random % (delay_us / 2 + 1);
}

static void tell_state(struct bus *bus, uint64_t now_us, bool up)
{
    pthread_mutex_lock(&bus->lock);
    bus->state_changed = true;
    bus->up = up;
    bus->state_at_us = now_us;
    snprintf(bus->detail, sizeof bus->detail, "%s", up ? "" : bus->port->problem);
    ASSERT(eventfd_write(bus->event_fd, 1) == 0);
    pthread_mutex_unlock(&bus->lock);
}

// One wake-up of the loop serves several transactions: while enough SENDs are here already, a reply
// waits for the next one, if that should come before anything has waited for HOLD_US.
static bool may_wait_for_company(const struct bus *bus, const struct line_done *done)
{
    uint64_t took_us = done->rx_last_us - done->tx_first_us + bus->line.t3_5_us;
    return done->outcome == LINE_REPLY && line_queue_count(&bus->line) >= HOLD_SENDS_MIN &&
           time_after(done->rx_last_us, took_us) < bus->tell_us && took_us < HOLD_US;
}

static void wake_loop(struct bus *bus)
{
    bus->tell_us = TIME_NEVER;
    pthread_mutex_lock(&bus->lock);
    bool wanted = bus->done_count > 0 && !bus->told;
    bus->told = bus->told || wanted;
    pthread_mutex_unlock(&bus->lock);
    if (wanted) { // after the lock, or the loop would wake only to wait for it
        ASSERT(eventfd_write(bus->event_fd, 1) == 0);
    }
}

static void tell_done(struct bus *bus, const struct line_done *done)
{
    pthread_mutex_lock(&bus->lock);
    ASSERT(bus->done_count < LINE_QUEUE_MAX); // as many DONEs as SENDs were let in
    bus->dones[(bus->done_first + bus->done_count) % LINE_QUEUE_MAX] = *done;
    bus->done_count++;
    bus->stats = bus->line.stats;
    pthread_mutex_unlock(&bus->lock);
    if (may_wait_for_company(bus, done)) {
        bus->tell_us = time_min(bus->tell_us, time_after(done->rx_last_us, HOLD_US));
    } else {
        wake_loop(bus);
    }
}

static void port_down(struct bus *bus, uint64_t now_us)
{
    bus->ops->close(bus->port);
    bus->port->deadline_us = TIME_NEVER;
    bool was_open = bus->open;
    bus->open = false;
    line_port(&bus->line, now_us, false);
    bus->backoff_us = was_open || bus->backoff_us == 0
                          ? BACKOFF_FIRST_US
                          : time_min(2 * bus->backoff_us, BACKOFF_MAX_US);
    bus->retry_us = now_us + jittered(bus, bus->backoff_us);
    if (was_open || !bus->down_told) {
        bus->down_told = true;
        tell_state(bus, now_us, false);
    }
}

static void try_open(struct bus *bus, uint64_t now_us)
{
    bus->retry_us = TIME_NEVER;
    enum err err = bus->ops->open(bus->port, now_us);
    if (err == OK) {
        bus->open = true;
        bus->down_told = false;
        bus->port->events = POLLIN;
        bus->port->deadline_us = TIME_NEVER;
        now_us = port_now_us();
        line_set_early(&bus->line, bus->port->early_reply);
        line_port(&bus->line, now_us, true);
        tell_state(bus, now_us, true);
    } else if (err != ERR_AGAIN) {
        port_down(bus, now_us);
    }
}

// Commands of the loop into the machine. False: the end.
static bool take_commands(struct bus *bus)
{
    pthread_mutex_lock(&bus->lock);
    bus->wake_wanted = false;
    uint64_t now_us = port_now_us();
    for (size_t i = 0; i < bus->send_count; i++) {
        // Its queue is as long as the SENDs that are let in.
        ASSERT(line_send(&bus->line, now_us, &bus->sends[i]) == OK);
    }
    bus->send_count = 0;
    for (size_t i = 0; i < bus->cancel_count; i++) {
        line_cancel(&bus->line, now_us, bus->cancels[i]);
    }
    bus->cancel_count = 0;
    if (bus->resume) {
        bus->resume = false;
        line_resume(&bus->line, now_us);
    }
    bool stopping = bus->stopping;
    pthread_mutex_unlock(&bus->lock);
    return !stopping;
}

// False: the port went away.
static bool read_port(struct bus *bus)
{
    for (int i = 0; i < READS_PER_TURN; i++) {
        uint8_t data[LINE_FRAME_MAX];
        size_t size = 0;
        enum err err = bus->ops->read(bus->port, data, sizeof data, &size);
        if (err == ERR_AGAIN) {
            return true;
        }
        if (err == ERR_CORRUPT) {
            line_rx(&bus->line, port_now_us(), bytes_of("?", 1), LINE_RX_CHAR_ERROR);
        } else if (err != OK) {
            return false;
        } else {
            // Read after the bytes were here: silence is never counted from before their end.
            line_rx(&bus->line, port_now_us(), bytes_of(data, size), LINE_RX_GOOD);
            if (size < sizeof data && !bus->port->whole_frames) {
                return true;
            }
        }
    }
    return true;
}

// False: the port went away.
static bool send_outputs(struct bus *bus)
{
    struct line_out out;
    while (line_next(&bus->line, &out)) {
        uint64_t first_us = 0;
        uint64_t end_us = 0;
        switch (out.kind) {
        case LINE_OUT_DE_ON:
        case LINE_OUT_DE_OFF: // the adapter or the kernel switches
        case LINE_OUT_HEARD: break;
        case LINE_OUT_TX:
            if (bus->ops->write(bus->port, out.frame, &first_us, &end_us) != OK) {
                return false;
            }
            line_tx_done(&bus->line, first_us, first_us, end_us);
            break;
        case LINE_OUT_DONE: tell_done(bus, out.done); break;
        }
    }
    return true;
}

static uint64_t next_deadline_us(const struct bus *bus)
{
    return bus->open ? time_min(line_deadline_us(&bus->line), bus->tell_us)
                     : time_min(bus->retry_us, bus->port->deadline_us);
}

static void stay_here(const struct bus *bus)
{
    cpu_set_t here;
    CPU_ZERO(&here);
    int cpu = sched_getcpu();
    if (cpu >= 0 && CPU_ISSET((size_t)cpu, &bus->cpus)) {
        CPU_SET((size_t)cpu, &here);
        (void)sched_setaffinity(0, sizeof here, &here);
    }
}

static void note_lateness(struct bus *bus, uint64_t late_us)
{
    switch (stay_woke(&bus->stay, late_us)) {
    case STAY_AS_IT_IS: break;
    case STAY_HERE: stay_here(bus); break;
    case STAY_FREE: (void)sched_setaffinity(0, sizeof bus->cpus, &bus->cpus); break;
    }
}

// To the end of the silence as exactly as it goes. What the line carries meanwhile waits to be read
// before the frame starts.
static void nap_until(struct bus *bus, uint64_t until_us)
{
    uint64_t timer_us = nap_timer_us(&bus->nap, until_us);
    struct timespec at = {.tv_sec = (time_t)(timer_us / US_PER_S),
                          .tv_nsec = (long)(timer_us % US_PER_S * 1000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
    note_lateness(bus, nap_woke(&bus->nap, timer_us, port_now_us()));
    while (port_now_us() < until_us) {
    }
}

// Sleeps until the deadline, a command or something on the port; true: the port may be ready.
static bool sleep_until(struct bus *bus, uint64_t deadline_us)
{
    uint64_t now_us = port_now_us();
    bool is_soon = deadline_us > now_us && deadline_us - now_us < NAP_MAX_US;
    if (bus->open && is_soon && line_waits_for_silence(&bus->line) &&
        deadline_us == line_deadline_us(&bus->line)) {
        nap_until(bus, deadline_us);
        return true;
    }
    short events = bus->port->events;
    uint64_t due_us = bus->open ? line_reply_due_us(&bus->line) : 0;
    if (due_us > now_us) {
        // The rest of the reply is still on the wire: one wake-up for all of it.
        events = 0;
        deadline_us = time_min(deadline_us, due_us);
    }
    pthread_mutex_lock(&bus->lock);
    bool idle = !bus->open || deadline_us == TIME_NEVER;
    bool waiting = bus->send_count != 0 || bus->cancel_count != 0 || bus->resume || bus->stopping;
    bus->wake_wanted = idle && !waiting;
    pthread_mutex_unlock(&bus->lock);
    if (waiting && idle) {
        return false;
    }
    struct pollfd fds[] = {{.fd = bus->wake_fd, .events = POLLIN},
                           {.fd = bus->port->fd, .events = events}};
    uint64_t wait_us = deadline_us > now_us ? deadline_us - now_us : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait_us / US_PER_S),
                               .tv_nsec = (long)(wait_us % US_PER_S * 1000)};
    int n = ppoll(fds, COUNT_OF(fds), deadline_us == TIME_NEVER ? NULL : &timeout, NULL);
    if (n <= 0) {
        return false;
    }
    if (fds[0].revents != 0) {
        eventfd_t seen;
        (void)eventfd_read(bus->wake_fd, &seen);
    }
    return fds[1].revents != 0;
}

static void set_scheduling(struct bus *bus)
{
    if (sched_getaffinity(0, sizeof bus->cpus, &bus->cpus) != 0) {
        CPU_ZERO(&bus->cpus);
    }
    // A thread that needs a few microseconds at a time goes before those that compute, if we may.
    // PRIO_PROCESS 0 is this thread alone.
    (void)setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + NICER);
    // The default slack of 50 us would be a sixth of t3.5 at 115200 baud.
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (bus->cpu_priority != 0) {
        struct sched_param param = {.sched_priority = bus->cpu_priority};
        (void)pthread_setschedparam(pthread_self(), SCHED_FIFO, &param); // if we may
    }
}

void *bus_main(void *ctx)
{
    struct bus *bus = ctx;
    set_scheduling(bus);
    bus->port->deadline_us = TIME_NEVER;
    bus->tell_us = TIME_NEVER;
    try_open(bus, port_now_us());
    while (take_commands(bus)) {
        bool good = send_outputs(bus);
        bool ready = good && sleep_until(bus, next_deadline_us(bus));
        uint64_t now_us = port_now_us();
        if (!bus->open) {
            if (ready || now_us >= next_deadline_us(bus)) {
                try_open(bus, now_us);
            }
            continue;
        }
        if (!good || (ready && !read_port(bus))) {
            port_down(bus, now_us);
            continue;
        }
        now_us = port_now_us();
        line_tick(&bus->line, now_us);
        if (now_us >= bus->tell_us) {
            wake_loop(bus);
        }
    }
    return NULL;
}
