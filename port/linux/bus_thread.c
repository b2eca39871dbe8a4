// SPDX-License-Identifier: Apache-2.0
// A bus that is a line machine on a port, on its own thread, asleep until the next byte, deadline
// or command. A transaction costs two wake-ups: the reply, and the end of the silence after it.
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/bus_private.h"

#define HOLD_SENDS_MIN 3                // two stay ahead of the line while the loop wakes
#define NAP_MAX_US     (10 * US_PER_MS) // longer waits watch for commands and the port
#define READS_PER_TURN 8 // a babbling port must not keep the thread from its deadlines

static struct bus_line *line_of(struct bus *bus)
{
    return (struct bus_line *)(void *)bus;
}

static struct bus_figures figures_of(const struct bus_line *bus)
{
    struct bus_figures figures = {.line = bus->line.stats};
    figures.line.late_bytes += bus->port->stray_bytes;
    return figures;
}

static void tell_done(struct bus_line *bus, const struct line_done *done)
{
    const struct bus_figures figures = figures_of(bus);
    // One wake-up of the loop serves several transactions: while enough SENDs are here already, a
    // reply waits for the next one, if that is soon.
    bool may_wait = done->outcome == LINE_REPLY && line_queue_count(&bus->line) >= HOLD_SENDS_MIN;
    bus_set_figures(&bus->base, &figures);
    struct line_done told = *done;
    told.late_bytes += bus->port->stray_bytes - bus->stray_told;
    bus->stray_told = bus->port->stray_bytes;
    bus_tell_done(&bus->base, &told, 0, may_wait);
}

static void tell_heard(struct bus_line *bus, uint64_t at_us, struct bytes frame)
{
    struct bus_heard heard = {.at_us = at_us, .coarse = true, .size = (uint16_t)frame.size};
    memcpy(heard.frame, frame.data, frame.size);
    bus_tell_heard(&bus->base, &heard);
}

static void port_down(struct bus_line *bus, uint64_t now_us)
{
    bus->ops->close(bus->port);
    bus->port->deadline_us = TIME_NEVER;
    bool was_open = bus->open;
    bus->open = false;
    bus->unsent = bytes_of(NULL, 0);
    line_port(&bus->line, now_us, false);
    bus->retry_us = now_us + bus_retry_delay_us(&bus->base, was_open);
    if (was_open || !bus->down_told) {
        bus->down_told = true;
        bus_tell_state(&bus->base, now_us, false, bus->port->problem);
    }
}

static void try_open(struct bus_line *bus, uint64_t now_us)
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
        bus_tell_state(&bus->base, now_us, true, bus->port->note);
    } else if (err != ERR_AGAIN) {
        port_down(bus, now_us);
    }
}

static void take_send(struct bus *bus, uint64_t now_us, const struct line_send *send)
{
    // The machine's queue is as long as the SENDs that are let in.
    ASSERT(line_send(&line_of(bus)->line, now_us, send) == OK);
}

static void take_cancel(struct bus *bus, uint64_t now_us, uint32_t token)
{
    line_cancel(&line_of(bus)->line, now_us, token);
}

static void take_resume(struct bus *bus, uint64_t now_us)
{
    line_resume(&line_of(bus)->line, now_us);
}

static const struct bus_commands COMMANDS = {
    .send = take_send, .cancel = take_cancel, .resume = take_resume};

// False: the port went away.
static bool read_port(struct bus_line *bus)
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
static bool write_frame(struct bus_line *bus, struct bytes frame)
{
    uint64_t first_us = 0;
    uint64_t end_us = 0;
    enum err err = bus->ops->write(bus->port, frame, &first_us, &end_us);
    bus->unsent = err == ERR_AGAIN ? frame : bytes_of(NULL, 0);
    if (err == OK) {
        bus->port->events = POLLIN;
        bus->port->deadline_us = TIME_NEVER;
        line_tx_done(&bus->line, first_us, first_us, end_us);
    }
    return err == OK || err == ERR_AGAIN;
}

// Goes on with a port that is opened anew for a frame. False: it went away.
static bool renew_port(struct bus_line *bus, uint64_t now_us)
{
    enum err err = bus->ops->open(bus->port, now_us);
    return err == OK ? write_frame(bus, bus->unsent) : err == ERR_AGAIN;
}

// What a port holds back of a reply is noise once its time is over.
static void give_up(struct bus_line *bus, uint64_t now_us)
{
    if (bus->ops->give_up == NULL || now_us < line_deadline_us(&bus->line)) {
        return;
    }
    struct bytes held = bus->ops->give_up(bus->port);
    if (held.size > 0) {
        line_rx(&bus->line, now_us, held, LINE_RX_CHAR_ERROR);
    }
}

// False: the port went away.
static bool send_outputs(struct bus_line *bus)
{
    struct line_out out;
    while (line_next(&bus->line, &out)) {
        switch (out.kind) {
        case LINE_OUT_DE_ON:
        case LINE_OUT_DE_OFF: break; // the adapter or the kernel switches
        case LINE_OUT_HEARD: tell_heard(bus, out.at_us, out.frame); break;
        case LINE_OUT_TX:
            bus->port->timeout_us = line_reply_timeout_us(&bus->line);
            if (!write_frame(bus, out.frame)) {
                return false;
            }
            break;
        case LINE_OUT_DONE: tell_done(bus, out.done); break;
        }
    }
    return true;
}

static uint64_t next_deadline_us(const struct bus_line *bus)
{
    if (!bus->open) {
        return time_min(bus->retry_us, bus->port->deadline_us);
    }
    uint64_t at_us = time_min(line_deadline_us(&bus->line), bus->base.tell_us);
    return time_min(at_us, bus->port->deadline_us); // of an open port: it is opened anew
}

static void stay_here(const struct bus_line *bus)
{
    cpu_set_t here;
    CPU_ZERO(&here);
    int cpu = sched_getcpu();
    if (cpu >= 0 && CPU_ISSET((size_t)cpu, &bus->cpus)) {
        CPU_SET((size_t)cpu, &here);
        (void)sched_setaffinity(0, sizeof here, &here);
    }
}

static void note_lateness(struct bus_line *bus, uint64_t late_us)
{
    switch (stay_woke(&bus->stay, late_us)) {
    case STAY_AS_IT_IS: break;
    case STAY_HERE: stay_here(bus); break;
    case STAY_FREE: (void)sched_setaffinity(0, sizeof bus->cpus, &bus->cpus); break;
    }
}

// To the end of the silence as exactly as it goes. What the line carries meanwhile waits to be read
// before the frame starts.
static void nap_until(struct bus_line *bus, uint64_t until_us)
{
    uint64_t timer_us = nap_timer_us(&bus->nap, until_us);
    bus_rest(timer_us);
    note_lateness(bus, nap_woke(&bus->nap, timer_us, port_now_us()));
    while (port_now_us() < until_us) {
    }
}

// True: the port may be ready.
static bool sleep_until(struct bus_line *bus, uint64_t deadline_us)
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
    bool idle = !bus->open || deadline_us == TIME_NEVER;
    if (due_us > now_us) {
        // The rest of the reply is still on the wire: one wake-up for all of it.
        events = 0;
        deadline_us = time_min(deadline_us, due_us);
        idle = !bus->open;
        if (!idle && deadline_us < time_after(now_us, REST_MAX_US)) {
            bus_rest(deadline_us);
            return true;
        }
    }
    return bus_sleep(&bus->base, bus->port->fd, events, deadline_us, idle);
}

static void *line_main(void *ctx)
{
    struct bus_line *bus = ctx;
    if (sched_getaffinity(0, sizeof bus->cpus, &bus->cpus) != 0) {
        CPU_ZERO(&bus->cpus);
    }
    bus_set_scheduling(bus->cpu_priority);
    bus->port->deadline_us = TIME_NEVER;
    try_open(bus, port_now_us());
    while (bus_take_commands(&bus->base, &COMMANDS)) {
        bool good = send_outputs(bus);
        bool ready = good && sleep_until(bus, next_deadline_us(bus));
        uint64_t now_us = port_now_us();
        if (!bus->open) {
            if (ready || now_us >= next_deadline_us(bus)) {
                try_open(bus, now_us);
            }
            continue;
        }
        if (bus->unsent.size > 0) {
            bool is_due = ready || now_us >= bus->port->deadline_us;
            good = good && (!is_due || renew_port(bus, now_us));
            ready = false;
        }
        if (!good || (ready && !read_port(bus))) {
            port_down(bus, now_us);
            continue;
        }
        now_us = port_now_us();
        give_up(bus, now_us);
        line_tick(&bus->line, now_us);
        if (bus->base.heard != NULL) { // no DONE will tell them
            const struct bus_figures figures = figures_of(bus);
            bus_set_figures(&bus->base, &figures);
        }
        if (now_us >= bus->base.tell_us) {
            bus_wake_loop(&bus->base);
        }
    }
    return NULL;
}

static void release_line(struct bus *base)
{
    struct bus_line *bus = line_of(base);
    bus->ops->close(bus->port);
    bus->ops->free(bus->port);
}

enum err bus_start(const char *name, const struct bus_port_ops *ops, struct bus_port *port,
                   const struct line_cfg *line, uint8_t cpu_priority, struct bus **out)
{
    struct bus_line *bus = calloc(1, sizeof *bus);
    if (bus == NULL) {
        ops->close(port);
        ops->free(port);
        return ERR_IO;
    }
    bus->base.release = release_line;
    bus->ops = ops;
    bus->port = port;
    bus->cpu_priority = cpu_priority;
    line_init(&bus->line, line);
    enum err err = bus_begin(&bus->base, name, line->listen_only, line_main);
    if (err == OK) {
        *out = &bus->base;
    }
    return err;
}
