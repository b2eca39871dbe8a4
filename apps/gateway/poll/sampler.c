// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/poll/sampler.h"

#include "base/assert.h"
#include "base/crc.h"
#include "base/time.h"
#include "modbus/pdu.h"

#include <math.h>
#include <string.h>

enum {
    CLOCK_OFF_PART = 100, // a unit's clock may be wrong by one part in so many
    RAW_REGISTERS = 4,    // in a memo
};

enum err sampler_init(struct sampler *sampler, const struct points *points, struct arena *arena)
{
    *sampler = (struct sampler){.points = points};
    sampler->state = arena_take(arena, points->point_count, sizeof(*sampler->state));
    sampler->memos = arena_take(arena, points->point_count, sizeof(*sampler->memos));
    sampler->relays = arena_take(arena, points->relay_count, sizeof(*sampler->relays));
    return arena->is_full ? ERR_FULL : OK;
}

void sampler_set_relay(struct sampler *sampler, uint32_t relay, const struct sampler_relay *state)
{
    sampler->relays[relay] = *state;
    sampler->relays[relay].has_state = true;
}

void sampler_set_limit(struct sampler *sampler, uint32_t point, int limit, int beyond,
                       uint64_t beyond_from_us)
{
    struct sampler_point *state = &sampler->state[point];
    state->limit = limit;
    state->beyond = beyond;
    state->beyond_from_us = beyond_from_us;
}

static bool is_drained(const struct sampler_cursor *c)
{
    return c->item == c->item_end && c->point == c->point_end && !c->has_pending &&
           c->news == RELAY_NONE;
}

static struct sampler_cursor cursor_of(const struct block *block, uint64_t at_us)
{
    return (struct sampler_cursor){
        .item = block->item_first,
        .item_end = block->item_first + block->item_count,
        .at_us = at_us,
        .read_us = at_us,
        .address = block->address,
        .table = block->table,
        .relay = INDEX_NONE,
    };
}

void sampler_read(struct sampler *sampler, const struct block *block, struct bytes data,
                  uint64_t at_us, uint32_t jitter_us)
{
    ASSERT(is_drained(&sampler->cursor));
    sampler->cursor = cursor_of(block, at_us);
    sampler->cursor.data = data;
    sampler->cursor.jitter_us = jitter_us;
}

void sampler_fail_block(struct sampler *sampler, const struct block *block, uint64_t at_us,
                        enum tm_reason reason)
{
    ASSERT(is_drained(&sampler->cursor));
    sampler->cursor = cursor_of(block, at_us);
    sampler->cursor.is_failure = true;
    sampler->cursor.reason = reason;
}

void sampler_fail_unit(struct sampler *sampler, uint32_t unit, uint64_t at_us,
                       enum tm_reason reason)
{
    ASSERT(is_drained(&sampler->cursor));
    const struct unit *u = &sampler->points->units[unit];
    sampler->cursor = (struct sampler_cursor){
        .point = u->point_first,
        .point_end = u->point_first + u->point_count,
        .at_us = at_us,
        .is_failure = true,
        .reason = reason,
        .relay = INDEX_NONE,
    };
}

void sampler_figures(struct sampler *sampler, const struct point_range *range,
                     const struct sampler_figure *figures, uint64_t at_us)
{
    ASSERT(is_drained(&sampler->cursor));
    sampler->cursor = (struct sampler_cursor){
        .point = range->first,
        .point_end = range->first + range->count,
        .at_us = at_us,
        .figures = figures,
        .figure_first = range->first,
        .relay = INDEX_NONE,
    };
}

static enum tm_quality quality_of(enum tm_reason reason)
{
    switch (reason) {
    case TM_REASON_NONE: return TM_GOOD;
    case TM_REASON_SILENT:
    case TM_REASON_NEVER:
    case TM_REASON_TIMEOUT:
    case TM_REASON_SUSPENDED:
    case TM_REASON_PORT:
    case TM_REASON_GARBLED:
    case TM_REASON_NO_ECHO:
    case TM_REASON_BUSY:
    case TM_REASON_CONFIG: return TM_STALE;
    case TM_REASON_EXCEPTION:
    case TM_REASON_UNAVAILABLE:
    case TM_REASON_FAULT:
    case TM_REASON_RANGE:
    case TM_REASON_OTHER: break;
    }
    return TM_BAD;
}

// A relayed sensor's block: is there something that was not taken before, and when was it measured?
static void open_relay(struct sampler *sampler, const struct item *item)
{
    struct sampler_cursor *c = &sampler->cursor;
    const struct profile_sensors *profile = sampler->points->relays[c->relay].profile;
    struct sampler_relay *state = &sampler->relays[c->relay];
    size_t first = (size_t)(item->address - c->address);
    uint32_t sequence = mb_reg(c->data, first + profile->sequence_offset);
    uint32_t age = mb_reg(c->data, first + profile->age_offset);
    uint64_t age_us = (uint64_t)age * profile->age_unit_ms * US_PER_MS;
    c->at_us = c->read_us;
    if (age == profile->age_never) {
        c->news = RELAY_NEVER;
        return;
    }
    if (age >= profile->age_max || age_us > profile->stale_after_s * US_PER_S) {
        c->news = RELAY_SILENT;
        return;
    }
    uint64_t at_us = c->read_us > age_us ? c->read_us - age_us : 0;
    uint64_t moved_us = at_us > state->at_us ? at_us - state->at_us : 0;
    // The age is rounded down, read at some time within the jitter, and counted by the unit's
    // clock.
    uint64_t slack_us = profile->age_unit_ms * US_PER_MS + c->jitter_us + age_us / CLOCK_OFF_PART;
    bool has_moved = state->at_us != 0 && moved_us > slack_us;
    if (state->has_state && state->sequence == sequence && !has_moved) {
        c->news = RELAY_SAME;
        sampler->relayed_again++;
        return;
    }
    // Two reports are never of one time, however coarse the age is.
    at_us = state->has_state && at_us <= state->at_us ? state->at_us + US_PER_MS : at_us;
    *state = (struct sampler_relay){.has_state = true, .sequence = sequence, .at_us = at_us};
    c->at_us = at_us;
    c->news = RELAY_NEW;
}

// The item's registers or bit as one number, if they fit.
static void take_raw(struct sampler_cursor *c, const struct item *item)
{
    size_t first = (size_t)(item->address - c->address);
    c->raw = 0;
    c->is_short = false;
    if (c->is_failure) {
        return;
    }
    if (table_is_bits(c->table)) {
        c->raw = mb_bit(c->data, first);
        c->is_short = true;
    } else if (item->size <= RAW_REGISTERS && 2 * (first + item->size) <= c->data.size) {
        for (size_t i = first; i < first + item->size; i++) {
            c->raw = c->raw << 16 | mb_reg(c->data, i);
        }
        c->is_short = true;
    }
}

// The last look at the item says it all.
static bool is_known(const struct sampler *sampler, const struct item *item)
{
    const struct sampler_cursor *c = &sampler->cursor;
    const struct sampler_memo *memo = &sampler->memos[item->point_first];
    return c->is_short && c->raw == memo->raw && c->read_us < memo->until_us;
}

static void open_item(struct sampler *sampler)
{
    struct sampler_cursor *c = &sampler->cursor;
    const struct item *item = &sampler->points->items[c->item++];
    take_raw(c, item);
    if (is_known(sampler, item)) {
        sampler->unchanged++;
        return;
    }
    c->point = item->point_first;
    c->point_end = item->point_first + item->point_count;
    c->relay = sampler->points->all[item->point_first].relay;
    c->news = RELAY_NONE;
    if (c->relay != INDEX_NONE && !c->is_failure) {
        open_relay(sampler, item);
        if (c->news == RELAY_SAME) {
            c->point = c->point_end; // nothing of it is new
        }
    }
}

// What the registers say of the point: TM_REASON_NONE and a value, or why there is none.
static enum tm_reason read_point(struct sampler *sampler, const struct point *point)
{
    struct sampler_cursor *c = &sampler->cursor;
    if (c->is_failure) {
        return c->reason;
    }
    if (c->news == RELAY_SILENT || c->news == RELAY_NEVER) {
        return c->news == RELAY_SILENT ? TM_REASON_SILENT : TM_REASON_NEVER;
    }
    size_t first = (size_t)(point->address - c->address);
    enum decode_result result;
    if (table_is_bits(c->table)) {
        result = decode_bit(point->profile, mb_bit(c->data, first), &sampler->decoded);
    } else {
        struct bytes rest = 2 * first < c->data.size
                                ? bytes_of(c->data.data + 2 * first, c->data.size - 2 * first)
                                : bytes_of(NULL, 0);
        result = decode_point(point->profile, rest, &sampler->decoded);
    }
    switch (result) {
    case DECODE_VALUE: return TM_REASON_NONE;
    case DECODE_SENTINEL: return sampler->decoded.reason;
    case DECODE_INVALID:
    case DECODE_SHORT: break;
    }
    return TM_REASON_RANGE;
}

// Texts are remembered by their hash only.
static struct tm_value remembered(const struct tm_value *value)
{
    if (value->kind != TM_TEXT) {
        return *value;
    }
    uint64_t hash = hash64(HASH64_START, bytes_of(value->u.text, value->text_size));
    return (struct tm_value){.kind = TM_INT, .u.i = (int64_t)hash};
}

static double number_of(const struct tm_value *value)
{
    if (value->kind == TM_INT) {
        double number = (double)value->u.i;
        return value->exponent == 0 ? number : number * pow(10, value->exponent);
    }
    return value->kind == TM_DOUBLE ? value->u.d : value->kind == TM_ENUM ? (double)value->u.i : 0;
}

static uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

static bool is_same(const struct tm_value *a, const struct tm_value *b)
{
    if (a->kind != b->kind) {
        return false;
    }
    return a->kind == TM_BOOL     ? a->u.b == b->u.b
           : a->kind == TM_DOUBLE ? bits_of(a->u.d) == bits_of(b->u.d)
                                  : a->u.i == b->u.i && a->exponent == b->exponent;
}

static bool is_worth_sending(const struct profile_report *rule, const struct sampler_point *state,
                             const struct tm_value *value, uint64_t at_us)
{
    if (!rule->on_change || !state->has_sample || state->quality != TM_GOOD) {
        return true;
    }
    if (rule->heartbeat_ms > 0 && at_us >= state->sent_at_us + rule->heartbeat_ms * US_PER_MS) {
        return true;
    }
    if (rule->deadband > 0 && value->kind == state->value.kind) {
        // Half a millionth of slack: 0.1 steps are no exact doubles.
        return fabs(number_of(value) - number_of(&state->value)) > rule->deadband * 1.0000005;
    }
    return !is_same(value, &state->value);
}

// -1, 0, +1 for a number, or an enumeration's code, against its limits; in the band if it is
// neither. Out of the band it stays until it is well inside.
static int side_of(const struct point *point, const struct tm_value *value, int before)
{
    if (value->kind != TM_INT && value->kind != TM_DOUBLE && value->kind != TM_ENUM) {
        return 0;
    }
    double number = number_of(value);
    double low = before < 0 ? point->low + point->hysteresis : point->low;
    double high = before > 0 ? point->high - point->hysteresis : point->high;
    return number < low ? -1 : number > high ? 1 : 0;
}

// What is to be told of a good value: a side only once the value stayed there for long enough.
static int limit_of(const struct point *point, struct sampler_point *state,
                    const struct tm_value *value, uint64_t at_us)
{
    int side = side_of(point, value, state->limit);
    if (side == 0 || side == state->limit) {
        state->beyond = 0;
        return side;
    }
    if (state->beyond != side) {
        state->beyond = side;
        state->beyond_from_us = at_us;
    }
    if (at_us < time_after(state->beyond_from_us, point->alert_after_s * US_PER_S)) {
        return 0;
    }
    state->beyond = 0;
    return side;
}

// If something is to be told or kept.
static void queue_limit(struct sampler *sampler, uint32_t index, const struct tm_sample *sample,
                        int limit, int beyond_before)
{
    struct sampler_cursor *c = &sampler->cursor;
    const struct sampler_point *state = &sampler->state[index];
    if (limit == state->limit && state->beyond == beyond_before) {
        return;
    }
    c->pending = (struct sampler_out){.kind = SAMPLER_OUT_LIMIT,
                                      .index = index,
                                      .sample = *sample,
                                      .is_urgent = limit != state->limit,
                                      .limit = limit,
                                      .limit_before = state->limit,
                                      .is_beyond_news = state->beyond != beyond_before,
                                      .beyond = state->beyond,
                                      .beyond_from_us = state->beyond_from_us};
    c->has_pending = true;
}

// What is to be taken for this point instead of registers; NULL: nothing.
static const struct sampler_figure *figure_at(const struct sampler *sampler, uint32_t index)
{
    const struct sampler_cursor *c = &sampler->cursor;
    return c->figures != NULL ? &c->figures[index - c->figure_first] : NULL;
}

static enum tm_reason take_figure(struct sampler *sampler, const struct sampler_figure *figure)
{
    sampler->decoded.value = figure->value;
    return figure->reason;
}

// A good value was read and judged: as long as the registers say the same, so would the judgement.
static void remember(struct sampler *sampler, uint32_t index)
{
    const struct sampler_cursor *c = &sampler->cursor;
    const struct point *point = &sampler->points->all[index];
    const struct profile_report *rule = &point->profile->report;
    const struct sampler_point *state = &sampler->state[index];
    if (!c->is_short || point->relay != INDEX_NONE || state->beyond != 0) {
        return; // time alone may make it news
    }
    uint64_t until_us = rule->heartbeat_ms == 0
                            ? TIME_NEVER
                            : time_after(state->sent_at_us, rule->heartbeat_ms * US_PER_MS);
    sampler->memos[index] = (struct sampler_memo){.raw = c->raw, .until_us = until_us};
}

static bool sample_point(struct sampler *sampler, uint32_t index, struct sampler_out *out)
{
    const struct point *point = &sampler->points->all[index];
    struct sampler_point *state = &sampler->state[index];
    sampler->memos[index].until_us = 0;
    uint64_t at_us = sampler->cursor.at_us;
    const struct sampler_figure *figure = figure_at(sampler, index);
    if (figure != NULL && !figure->is_known) {
        return false;
    }
    enum tm_reason reason =
        figure != NULL ? take_figure(sampler, figure) : read_point(sampler, point);
    enum tm_quality quality = quality_of(reason);
    struct tm_value value = quality == TM_GOOD ? sampler->decoded.value : (struct tm_value){0};
    struct tm_value kept = remembered(&value);
    bool is_change = state->has_sample && state->quality != quality;
    if (quality != TM_GOOD && state->has_sample && !is_change) {
        return false;
    }
    const struct tm_sample sample = {
        .at_us = at_us, .value = value, .point = point->id, .quality = quality, .reason = reason};
    int beyond_before = state->beyond;
    int limit = quality == TM_GOOD ? limit_of(point, state, &value, at_us) : state->limit;
    bool is_crossing = limit != state->limit;
    queue_limit(sampler, index, &sample, limit, beyond_before);
    bool is_news = is_crossing || (figure != NULL && figure->is_news);
    if (quality == TM_GOOD && !is_news &&
        !is_worth_sending(&point->profile->report, state, &kept, at_us)) {
        sampler->unchanged++;
        remember(sampler, index);
        return false;
    }
    *out = (struct sampler_out){
        .kind = SAMPLER_OUT_SAMPLE,
        .index = index,
        .is_urgent = (is_change && figure == NULL) || is_crossing,
        .sample = sample,
    };
    *state = (struct sampler_point){.sent_at_us = at_us,
                                    .value = kept,
                                    .quality = quality,
                                    .reason = reason,
                                    .has_sample = true,
                                    .limit = limit,
                                    .beyond = state->beyond,
                                    .beyond_from_us = state->beyond_from_us};
    sampler->samples++;
    return true;
}

static bool close_relay(struct sampler *sampler, struct sampler_out *out)
{
    struct sampler_cursor *c = &sampler->cursor;
    bool is_new = c->news == RELAY_NEW;
    c->news = RELAY_NONE;
    if (is_new) {
        *out = (struct sampler_out){
            .kind = SAMPLER_OUT_RELAY, .index = c->relay, .relay = sampler->relays[c->relay]};
    }
    return is_new;
}

bool sampler_next(struct sampler *sampler, struct sampler_out *out)
{
    struct sampler_cursor *c = &sampler->cursor;
    for (;;) {
        if (c->has_pending) {
            c->has_pending = false;
            *out = c->pending;
            return true;
        }
        if (c->point < c->point_end) {
            if (sample_point(sampler, c->point++, out)) {
                return true;
            }
        } else if (c->news != RELAY_NONE) {
            if (close_relay(sampler, out)) {
                return true;
            }
        } else if (c->item < c->item_end) {
            open_item(sampler);
        } else {
            return false;
        }
    }
}
