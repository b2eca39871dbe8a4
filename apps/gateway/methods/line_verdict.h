// SPDX-License-Identifier: Apache-2.0
// What a line test measured, and what it means in plain words. Pure.
#ifndef GATEWAY_LINE_VERDICT_H
#define GATEWAY_LINE_VERDICT_H

#include "port/api/bus.h"

enum verdict { VERDICT_FINE, VERDICT_LOOK, VERDICT_WRONG };

enum { VERDICT_SIZE = 320, LINE_POLLS_MAX = 1000 };

struct verdict_text {
    enum verdict verdict;
    char text[VERDICT_SIZE];
};

// What one unit did when it was asked again and again.
struct unit_measure {
    uint8_t unit;
    uint32_t outcomes[LINE_OUTCOME_COUNT];
    uint32_t bad;        // replies that are none: CRC or address
    uint32_t late_bytes; // heard after its time-outs
    uint32_t turnaround_count;
    uint32_t turnaround_us[LINE_POLLS_MAX]; // end of our last stop bit to its first start bit
};

struct line_measure {
    bool is_stamped; // by a core: times are those of the wire
    uint64_t idle_ms;
    uint64_t idle_bytes;       // that nobody asked for
    uint64_t idle_char_errors; // of these
    uint32_t char_us;          // one character
    struct bus_figures figures;
};

struct verdict_text verdict_idle(const struct line_measure *line);
// How the driver let go. Only a core knows.
struct verdict_text verdict_driver(const struct line_measure *line);
struct verdict_text verdict_clock(const struct line_measure *line);
// From what a few broadcasts came to while the echo was expected.
struct verdict_text verdict_echo(const uint32_t outcomes[LINE_OUTCOME_COUNT]);
// Sorts the unit's times.
struct verdict_text verdict_unit(const struct line_measure *line, struct unit_measure *unit);

#endif
