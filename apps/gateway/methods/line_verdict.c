// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/methods/line_verdict.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define BIT_TOO_MUCH 1.0 // beyond the guard: interrupts come late, or a timer is wrong

__attribute__((format(printf, 2, 3))) static struct verdict_text say(enum verdict verdict,
                                                                     const char *format, ...)
{
    struct verdict_text out = {.verdict = verdict};
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(out.text, sizeof(out.text), format, arguments);
    va_end(arguments);
    return out;
}

struct verdict_text verdict_idle(const struct line_measure *line)
{
    const double seconds = (double)line->idle_ms / 1000;
    if (line->idle_bytes == 0) {
        return say(VERDICT_FINE, "%.1f s without a byte", seconds);
    }
    return say(
        VERDICT_WRONG,
        "%" PRIu64 " bytes (%" PRIu64 " of them broken) in %.1f s though nobody was asked: "
        "another master, or the idle line floats: check bias resistors, termination, A and B",
        line->idle_bytes, line->idle_char_errors, seconds);
}

struct verdict_text verdict_driver(const struct line_measure *line)
{
    const struct bus_figures *figures = &line->figures;
    if (!line->is_stamped || figures->hold_count == 0 || figures->baud == 0) {
        return say(VERDICT_LOOK, "not measured: only a real-time core (rt:) sees its driver");
    }
    const double bits_of_ns = (double)figures->baud / 1e9;
    const double guard = figures->guard_bits8 / 8.0;
    const double most = figures->hold_max_ns * bits_of_ns;
    const double mean = (double)figures->hold_sum_ns / figures->hold_count * bits_of_ns;
    if (figures->hold_early > 0) {
        return say(VERDICT_WRONG,
                   "let go before the guard of %.3g bits was over in %" PRIu32 " of %" PRIu32
                   " frames: the last bit may be cut; the core's firmware or clock is wrong",
                   guard, figures->hold_early, figures->hold_count);
    }
    if (most > guard + BIT_TOO_MUCH) {
        return say(VERDICT_WRONG,
                   "held %.2f bits after the last stop bit (mean %.2f), the guard is %.3g: a quick "
                   "unit's reply is cut; the core is disturbed",
                   most, mean, guard);
    }
    return say(VERDICT_FINE,
               "let go %.2f bits (%.1f us) after the last stop bit at most, mean %.2f, guard %.3g; "
               "%" PRIu32 " frames, none early",
               most, figures->hold_max_ns / 1e3, mean, guard, figures->hold_count);
}

struct verdict_text verdict_clock(const struct line_measure *line)
{
    if (!line->is_stamped) {
        return say(VERDICT_LOOK, "times are those of reading: a few milliseconds late");
    }
    return say(line->figures.clock_error_us < 10000 ? VERDICT_FINE : VERDICT_LOOK,
               "the core's times are known to %" PRIu32 " us", line->figures.clock_error_us);
}

struct verdict_text verdict_echo(const uint32_t outcomes[LINE_OUTCOME_COUNT])
{
    const uint32_t heard = outcomes[LINE_SENT];
    if (outcomes[LINE_NO_ECHO] > 0 && heard == 0 && outcomes[LINE_COLLISION] == 0) {
        return say(VERDICT_FINE, "none: the receiver is off while we send (\"echo\": false)");
    }
    if (heard > 0 && outcomes[LINE_NO_ECHO] == 0 && outcomes[LINE_COLLISION] == 0) {
        return say(VERDICT_FINE,
                   "our frames come back as sent (\"echo\": true lets every frame be checked)");
    }
    if (outcomes[LINE_COLLISION] > 0) {
        return say(VERDICT_WRONG,
                   "our frames come back changed in %" PRIu32 " of %" PRIu32 ": somebody else "
                   "drives the line, A and B are swapped, or it is badly terminated",
                   outcomes[LINE_COLLISION],
                   outcomes[LINE_COLLISION] + heard + outcomes[LINE_NO_ECHO]);
    }
    return say(VERDICT_LOOK, "sometimes heard, sometimes not: a loose wire?");
}

static int by_size(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

static struct verdict_text unit_that_fails(const struct unit_measure *unit, uint32_t asked)
{
    const uint32_t replies = unit->outcomes[LINE_REPLY] - unit->bad;
    const uint32_t clashes = unit->outcomes[LINE_COLLISION];
    const uint32_t broken = unit->outcomes[LINE_NOISE] + unit->bad;
    if (asked > 0 && unit->outcomes[LINE_BUSY] == asked) {
        return say(VERDICT_WRONG,
                   "could not be asked: the line was never quiet; another client, a unit that "
                   "babbles, or no bias resistors");
    }
    if (replies == 0 && broken == 0 && clashes == 0) {
        return say(VERDICT_WRONG,
                   "never answered when asked %" PRIu32
                   " times: is it on, is this its address, are "
                   "speed and format right, are A and B swapped?",
                   asked);
    }
    return say(VERDICT_WRONG,
               "%" PRIu32 " of %" PRIu32 " answered; %" PRIu32 " silent, %" PRIu32
               " broken, %" PRIu32 " collided, %" PRIu32 " late bytes%s",
               replies, asked, unit->outcomes[LINE_TIMEOUT], broken, clashes, unit->late_bytes,
               clashes > 0            ? ": another unit or master talks at the same time"
               : broken > 0           ? ": two units of one address, noise, or a wrong format"
               : unit->late_bytes > 0 ? ": it needs a longer --timeout-ms"
                                      : "");
}

struct verdict_text verdict_unit(const struct line_measure *line, struct unit_measure *unit)
{
    uint32_t asked = 0;
    for (size_t i = 0; i < LINE_OUTCOME_COUNT; i++) {
        asked += unit->outcomes[i];
    }
    if (unit->outcomes[LINE_REPLY] < asked || unit->bad > 0 || asked == 0) {
        return unit_that_fails(unit, asked);
    }
    if (!line->is_stamped || unit->turnaround_count == 0) {
        return say(VERDICT_FINE, "%" PRIu32 " of %" PRIu32 " answered", asked, asked);
    }
    qsort(unit->turnaround_us, unit->turnaround_count, sizeof(unit->turnaround_us[0]), by_size);
    const uint32_t least = unit->turnaround_us[0];
    const uint32_t median = unit->turnaround_us[unit->turnaround_count / 2];
    const uint32_t most = unit->turnaround_us[unit->turnaround_count - 1];
    const bool is_cut = (uint64_t)least * 1000 <= line->figures.hold_max_ns;
    return say(is_cut ? VERDICT_WRONG : VERDICT_FINE,
               "%" PRIu32 " of %" PRIu32 " answered after %.3f ms (%.3f to %.3f)%s", asked, asked,
               median / 1e3, least / 1e3, most / 1e3,
               is_cut ? ": sooner than our driver lets go; lower guard_bits" : "");
}
