// SPDX-License-Identifier: Apache-2.0
// The sampler: what was read -> samples worth keeping. Decodes, follows each point's quality (stale
// and bad are one transition each, with value null), applies report rules, dates relayed values
// back by their age and drops those that were taken before, and tells of limit crossings.
//
// Give it one input, then drain sampler_next until it returns false, then the next input.
#ifndef GATEWAY_SAMPLER_H
#define GATEWAY_SAMPLER_H

#include "apps/gateway/poll/decode.h"
#include "apps/gateway/poll/plan.h"
#include "telemetry/sample.h"

// What the sampler remembers of a point.
struct sampler_point {
    uint64_t sent_at_us;   // time of measurement of the last sample that went out
    struct tm_value value; // the last one sent; of a text only the hash, in u.i
    uint8_t quality;       // enum tm_quality of the last sample
    uint8_t reason;
    bool has_sample;
    int limit;               // -1, 0, +1: what was last told of it
    int beyond;              // -1, +1: beyond a limit, but not for long enough to be told; else 0
    uint64_t beyond_from_us; // since when
};

// A point's registers as they were last decoded. Most polls read what the one before read, and then
// neither the point nor its profile need be looked at.
struct sampler_memo {
    uint64_t raw;
    uint64_t until_us; // read again before: the same raw value says nothing new; 0: look at it
};

struct sampler_relay {
    bool has_state;
    uint32_t sequence;
    uint64_t at_us; // time of measurement of the last sample taken; 0: not known in this boot
};

enum sampler_out_kind {
    SAMPLER_OUT_SAMPLE,
    SAMPLER_OUT_RELAY, // relay `index` moved on: keep its state with the samples before it
    SAMPLER_OUT_LIMIT, // point `index` crossed a limit or came back, or began or ceased to be so
};

struct sampler_out {
    enum sampler_out_kind kind;
    uint32_t index;          // of the point or relay
    struct tm_sample sample; // also of a limit crossing; borrows text until the next call
    bool is_urgent;          // a quality changed or a limit was crossed
    int limit;               // LIMIT: -1 below low, +1 above high, 0 back in the band
    int limit_before;        // the same: nothing to be told, but to be kept
    bool is_beyond_news;     // LIMIT: these are to be kept, as in sampler_point
    int beyond;
    uint64_t beyond_from_us;
    struct sampler_relay relay;
};

enum relay_news { RELAY_NONE, RELAY_NEW, RELAY_SAME, RELAY_SILENT, RELAY_NEVER };

// What the gateway says of itself at one point.
struct sampler_figure {
    bool is_known; // false: nothing new
    bool is_news;  // sent even if it is the same as before
    struct tm_value value;
    enum tm_reason reason; // TM_REASON_NONE, or why there is no value
};

struct sampler_cursor { // private
    uint32_t item, item_end, point, point_end;
    struct bytes data;
    uint64_t at_us; // of the samples that come out
    uint64_t read_us;
    uint32_t jitter_us;
    uint16_t address; // where data begin
    uint64_t raw;     // of the item, if is_short
    bool is_short;    // it fits there
    uint8_t table;
    bool is_failure;
    enum tm_reason reason;
    uint32_t relay;
    enum relay_news news;
    const struct sampler_figure *figures; // NULL: what a device says
    uint32_t figure_first;                // point of figures[0]
    bool has_pending;
    struct sampler_out pending;
};

struct sampler {
    const struct points *points;
    struct sampler_point *state;  // per point
    struct sampler_memo *memos;   // per point
    struct sampler_relay *relays; // per relay
    struct sampler_cursor cursor;
    struct decoded decoded;
    uint64_t samples, unchanged, relayed_again; // counters
};

// Takes its memory from the arena. ERR_FULL.
NODISCARD enum err sampler_init(struct sampler *sampler, const struct points *points,
                                struct arena *arena);
// What an earlier run knew of a relay; at_us in this boot's monotonic time (may be 0 if unknown).
void sampler_set_relay(struct sampler *sampler, uint32_t relay, const struct sampler_relay *state);

// What an earlier run told of a point's limits, and what it was about to tell, as in sampler_point.
void sampler_set_limit(struct sampler *sampler, uint32_t point, int limit, int beyond,
                       uint64_t beyond_from_us);

// A block was read: `data` as in the reply, `at_us` when its first byte came, borrowed until
// drained. jitter_us: what it says was true then, or at most so long before.
void sampler_read(struct sampler *sampler, const struct block *block, struct bytes data,
                  uint64_t at_us, uint32_t jitter_us);
// A block, or all points of a unit, have no value now.
void sampler_fail_block(struct sampler *sampler, const struct block *block, uint64_t at_us,
                        enum tm_reason reason);
void sampler_fail_unit(struct sampler *sampler, uint32_t unit, uint64_t at_us,
                       enum tm_reason reason);
// The points of `range` have these figures now, one each; borrowed until drained.
void sampler_figures(struct sampler *sampler, const struct point_range *range,
                     const struct sampler_figure *figures, uint64_t at_us);
bool sampler_next(struct sampler *sampler, struct sampler_out *out);

#endif
