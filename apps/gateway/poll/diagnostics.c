// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/poll/diagnostics.h"

#include "base/assert.h"
#include "base/time.h"

#define NS_PER_S UINT64_C(1000000000)

enum err diagnostics_init(struct diagnostics *d, const struct points *points, uint32_t bus,
                          size_t unit_count, struct arena *arena)
{
    *d = (struct diagnostics){.points = points,
                              .config = &points->config->buses[bus],
                              .bus = bus,
                              .known = figures_known(&points->config->buses[bus]),
                              .due_us = TIME_NEVER};
    d->figures = arena_take(arena, points->diagnostics[bus].count, sizeof(*d->figures));
    d->units = arena_take(arena, unit_count, sizeof(*d->units));
    return arena->is_full ? ERR_FULL : OK;
}

void diagnostics_start(struct diagnostics *d, uint64_t now_us)
{
    d->from_us = now_us;
    if (d->points->diagnostics[d->bus].count > 0) {
        d->due_us = time_after(now_us, d->config->diagnostics_s * US_PER_S);
    }
}

uint64_t diagnostics_deadline_us(const struct diagnostics *d)
{
    return d->due_us;
}

// A counter's growth; one that fell began anew.
static uint64_t since(uint64_t now, uint64_t before)
{
    return now >= before ? now - before : now;
}

static struct sampler_figure number(uint64_t mantissa, int exponent)
{
    return (struct sampler_figure){.is_known = true, .value = tm_int((int64_t)mantissa, exponent)};
}

// Two spans with three errors each are six errors: what happened is told although it is the same.
static struct sampler_figure count(uint64_t value)
{
    struct sampler_figure figure = number(value, 0);
    figure.is_news = value > 0;
    return figure;
}

static struct sampler_figure state(int64_t code)
{
    return (struct sampler_figure){.is_known = true, .value = tm_enum(code)};
}

static struct sampler_figure no_value(enum tm_reason reason)
{
    return (struct sampler_figure){.is_known = true, .reason = reason};
}

// In tenths of a percent. What ends within the span may have begun before it.
static struct sampler_figure share(uint64_t part_us, uint64_t whole_us)
{
    uint64_t permille = whole_us > 0 ? (part_us * 1000 + whole_us / 2) / whole_us : 0;
    return number(permille > 1000 ? 1000 : permille, -1);
}

// In hundredths of a millisecond.
static struct sampler_figure delay(uint64_t us)
{
    return number((us + 5) / 10, -2);
}

// In hundredths of a bit, of the hold of `frames` frames together.
static struct sampler_figure hold(const struct diagnostics *d, const struct bus_figures *now,
                                  uint64_t ns, uint64_t frames)
{
    uint64_t baud = now->baud != 0 ? now->baud : d->config->baud;
    if (frames == 0) {
        return (struct sampler_figure){.is_known = false};
    }
    return number((ns / frames * baud * 100 + NS_PER_S / 2) / NS_PER_S, -2);
}

// The first link is no restart.
static uint64_t restarts(uint64_t now, uint64_t before)
{
    uint64_t links = since(now, before);
    return before == 0 && links > 0 ? links - 1 : links;
}

// What a figure is made from: the span that ends, of the bus and of one unit.
struct span {
    uint64_t length_us;
    const struct bus_figures *now;
    const struct bus_figures *before;
    struct poller_counts counts; // of the unit; for a figure of the bus, of all its units
    struct poller_delays delays; // of the unit
    enum unit_state state;
    enum poll_failure failure; // of the unit, if it does not answer now
};

static uint64_t outcomes(const struct span *s, enum line_outcome outcome)
{
    return since(s->now->line.done_count[outcome], s->before->line.done_count[outcome]);
}

// Everything that took the wire, whatever came of it; not what was never sent.
static uint64_t transactions(const struct span *s)
{
    return outcomes(s, LINE_REPLY) + outcomes(s, LINE_SENT) + outcomes(s, LINE_TIMEOUT) +
           outcomes(s, LINE_NOISE) + outcomes(s, LINE_COLLISION) + outcomes(s, LINE_NO_ECHO);
}

static uint64_t stray_bytes(const struct span *s)
{
    return since(s->now->line.late_bytes, s->before->line.late_bytes) +
           since(s->now->line.unsolicited_bytes, s->before->line.unsolicited_bytes);
}

// Nobody asked: what was known is as true as before. Nobody answered: there is no time to tell.
static struct sampler_figure turnaround(const struct span *s, uint64_t us)
{
    if (s->delays.count > 0) {
        return delay(us);
    }
    if (s->counts.requests == 0 || s->failure == POLL_OK) {
        return (struct sampler_figure){.is_known = false};
    }
    return no_value(s->state == UNIT_ONLINE ? poll_failure_reason(s->failure)
                                            : TM_REASON_SUSPENDED);
}

static struct sampler_figure value_of(const struct diagnostics *d, enum figure figure,
                                      const struct span *s, struct poller *poller)
{
    const struct bus_figures *now = s->now;
    const struct bus_figures *before = s->before;
    uint32_t divisor = s->delays.count > 0 ? s->delays.count : 1;
    switch (figure) {
    case FIGURE_UTILISATION:
        return share(since(now->line.wire_us, before->line.wire_us), s->length_us);
    case FIGURE_BUSY: return share(poller->stats.busy_us - d->busy_us, s->length_us);
    case FIGURE_TRANSACTIONS: return count(transactions(s));
    case FIGURE_COLLISIONS: return count(outcomes(s, LINE_COLLISION));
    case FIGURE_CHARACTER_ERRORS:
        return count(since(now->line.char_errors, before->line.char_errors));
    case FIGURE_STRAY_BYTES: return count(stray_bytes(s));
    case FIGURE_UNSENT: return count(outcomes(s, LINE_BUSY));
    case FIGURE_POLL_DELAY: return number(poller_take_late_us(poller) / US_PER_MS, 0);
    case FIGURE_DEAD_SHARE: return share(poller->stats.dead_us - d->dead_us, s->length_us);
    case FIGURE_TIMES: return state((d->known & NEEDS_CORE) != 0 ? 0 : 1);
    case FIGURE_OVERRUNS: return count(since(now->overruns, before->overruns));
    case FIGURE_HOLD:
        return hold(d, now, since(now->hold_sum_ns, before->hold_sum_ns),
                    since(now->hold_count, before->hold_count));
    case FIGURE_HOLD_MAX: return hold(d, now, now->hold_max_ns, now->hold_count > 0 ? 1 : 0);
    case FIGURE_HOLD_EARLY: return count(since(now->hold_early, before->hold_early));
    case FIGURE_CLOCK_ERROR: return number(now->clock_error_us, 0);
    case FIGURE_CORE_RESTARTS: return count(restarts(now->core_sessions, before->core_sessions));
    case FIGURE_TURNAROUND: return turnaround(s, s->delays.sum_us / divisor);
    case FIGURE_TURNAROUND_MIN: return turnaround(s, s->delays.min_us);
    case FIGURE_TURNAROUND_MAX: return turnaround(s, s->delays.max_us);
    case FIGURE_UNIT_REPLIES: return count(s->counts.replies);
    case FIGURE_TIMEOUTS:
    case FIGURE_UNIT_TIMEOUTS: return count(s->counts.timeouts);
    case FIGURE_BAD_REPLIES:
    case FIGURE_UNIT_BAD_REPLIES: return count(s->counts.bad);
    case FIGURE_UNIT_EXCEPTIONS: return count(s->counts.exceptions);
    case FIGURE_UNIT_STATE: return state(s->state == UNIT_ONLINE ? 0 : 1);
    case FIGURE_COUNT: break;
    }
    ASSERT(false);
    return no_value(TM_REASON_OTHER);
}

// Unsigned differences: these wrap.
static struct poller_counts counts_since(const struct poller_counts *now,
                                         const struct poller_counts *before)
{
    return (struct poller_counts){.requests = now->requests - before->requests,
                                  .replies = now->replies - before->replies,
                                  .exceptions = now->exceptions - before->exceptions,
                                  .timeouts = now->timeouts - before->timeouts,
                                  .bad = now->bad - before->bad};
}

static void add_unit(struct span *s, const struct poller_unit *unit,
                     const struct poller_counts *before)
{
    struct poller_counts grown = counts_since(&unit->counts, before);
    s->counts.requests += grown.requests;
    s->counts.replies += grown.replies;
    s->counts.exceptions += grown.exceptions;
    s->counts.timeouts += grown.timeouts;
    s->counts.bad += grown.bad;
    s->delays = unit->delays;
    s->state = unit->state;
    s->failure = unit->failure;
}

// The span as this point sees it: of one unit, or of all.
static struct span span_of(const struct diagnostics *d, const struct point *point, struct span s,
                           const struct poller *poller)
{
    bool is_one = point->unit != INDEX_NONE;
    size_t first = is_one ? point->unit - poller->unit_first : 0;
    size_t end = is_one ? first + 1 : poller->unit_count;
    for (size_t u = first; u < end; u++) {
        add_unit(&s, &poller->units[u], &d->units[u]);
    }
    return s;
}

static void begin_span(struct diagnostics *d, uint64_t now_us, const struct bus_figures *in,
                       struct poller *poller)
{
    d->from_us = now_us;
    d->before = *in;
    d->busy_us = poller->stats.busy_us;
    d->dead_us = poller->stats.dead_us;
    for (uint32_t u = 0; u < poller->unit_count; u++) {
        d->units[u] = poller->units[u].counts;
        poller->units[u].delays = (struct poller_delays){0};
    }
}

const struct sampler_figure *diagnostics_take(struct diagnostics *d, uint64_t now_us,
                                              const struct bus_figures *in, struct poller *poller,
                                              bool is_up)
{
    const struct point_range *range = &d->points->diagnostics[d->bus];
    uint64_t interval_us = d->config->diagnostics_s * US_PER_S;
    ASSERT(range->count > 0 && now_us >= d->due_us);
    d->due_us += (now_us - d->due_us) / interval_us * interval_us + interval_us;
    const struct span whole = {.length_us = now_us - d->from_us, .now = in, .before = &d->before};
    for (uint32_t i = 0; i < range->count; i++) {
        const struct point *point = &d->points->all[range->first + i];
        struct span span = span_of(d, point, whole, poller);
        d->figures[i] = is_up ? value_of(d, figure_of(point->profile), &span, poller)
                              : no_value(TM_REASON_PORT);
    }
    // While the port is gone the span goes on, so that nothing counted is left out.
    if (is_up) {
        begin_span(d, now_us, in, poller);
    }
    return d->figures;
}
