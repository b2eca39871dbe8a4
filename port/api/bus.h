// SPDX-License-Identifier: Apache-2.0
// A bus as the gateway sees it: SEND in, events out. A tty with our line machine, a TCP endpoint
// and a real-time core all look like this; frames are always in RTU form (address ... CRC).
// How one is opened is the place's (port/linux/bus.h, sim).
#ifndef PORT_API_BUS_H
#define PORT_API_BUS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "line/frame.h"

struct bus;

enum bus_event_kind {
    BUS_DONE,  // .done
    BUS_UP,    // the port opened or the connection stands; .detail: what to know of it, or ""
    BUS_DOWN,  // it went; .detail says why; it is tried again by itself
    BUS_HEARD, // listen only: .done.reply came, its last byte at .at_us
};

struct bus_event {
    enum bus_event_kind kind;
    uint64_t at_us;
    char detail[320];
    struct line_done done;
    uint32_t error_us; // of the times in done, unless they are coarse: at most so far off our clock
};

// What a bus counted. Everything but .line is of a real-time core only.
struct bus_figures {
    struct line_stats line;
    bool has_core;
    char firmware[33];       // its version
    uint32_t core_sessions;  // how often it had to be linked
    uint32_t clock_error_us; // of its times on our clock, now
    uint32_t hold_count;     // frames whose hold of the driver is known; since the line's set-up
    uint32_t hold_early;     // let go before the guard was over
    uint32_t hold_max_ns;    // from the last stop bit to the driver's release, guard included
    uint64_t hold_sum_ns;
    uint16_t hold_steps[16]; // frames per 1/32 bit that it was held beyond the guard; last: more
    uint8_t guard_bits8;
    uint32_t baud; // that the hardware makes
    uint32_t overruns, mailbox_waits;
    uint32_t heard_dropped; // listen only, core or not: frames that nobody took in time
    uint32_t updates;       // how often the core told its figures
};

// Never blocks. ERR_FULL: LINE_QUEUE_MAX are not DONE yet. ERR_SIZE. ERR_STATE: it only listens.
// Each accepted SEND gets one
// BUS_DONE, also while the bus is down (LINE_PORT_LOST, at once).
NODISCARD enum err bus_send(struct bus *bus, const struct line_send *send);
void bus_cancel(struct bus *bus, uint32_t token);
void bus_resume(struct bus *bus);
// Drains events; false: none. Before BUS_UP come all DONEs of the time before.
bool bus_next(struct bus *bus, struct bus_event *out);
void bus_figures(struct bus *bus, struct bus_figures *out);

#endif
