// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/journal/journal_record.h"

#include "base/assert.h"

#include <string.h>

enum {
    SECTION_HEAD_SIZE = 3,
    SAMPLE_SIZE_MAX = 1 + 1 + 5 + 10 + 1 + 10 + TM_TEXT_SIZE_MAX,
    VARINT_SIZE_MAX = 10,
};

// A sample's first byte: quality (2 bits), kind of value (3 bits), and what need not be said.
enum {
    FLAG_QUALITY = 3,
    FLAG_KIND_SHIFT = 2,
    FLAG_KIND = 7,
    FLAG_SAME_TIME = 1 << 5,
    FLAG_NEXT_POINT = 1 << 6,
    FLAG_REASON = 1 << 7,
};

static void put_varint(struct writer *w, uint64_t value)
{
    while (value >= 128) {
        put_u8(w, (uint8_t)(value | 128));
        value >>= 7;
    }
    put_u8(w, (uint8_t)value);
}

static uint64_t get_varint(struct reader *r)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_SIZE_MAX; i++) {
        uint8_t byte = get_u8(r);
        value |= (uint64_t)(byte & 127) << (7 * i);
        if ((byte & 128) == 0) {
            return value;
        }
    }
    r->failed = true;
    return 0;
}

// Small numbers of either sign become small varints.
static void put_signed(struct writer *w, int64_t value)
{
    uint64_t doubled = (uint64_t)value << 1;
    put_varint(w, value < 0 ? ~doubled : doubled);
}

static int64_t get_signed(struct reader *r)
{
    uint64_t coded = get_varint(r);
    return (int64_t)(coded & 1 ? ~(coded >> 1) : coded >> 1);
}

size_t journal_section_begin(struct writer *w, enum journal_tag tag)
{
    put_u8(w, (uint8_t)tag);
    put_u16le(w, 0);
    return w->size;
}

void journal_section_end(struct writer *w, size_t begun)
{
    size_t size = w->size - begun;
    if (w->failed || size > UINT16_MAX) {
        w->failed = true;
        return;
    }
    w->data[begun - 2] = (uint8_t)size;
    w->data[begun - 1] = (uint8_t)(size >> 8);
}

void journal_put_anchor(struct writer *w, const struct journal_boot *boot)
{
    size_t begun = journal_section_begin(w, SECTION_ANCHOR);
    put_u64le(w, boot->boot);
    put_u64le(w, (uint64_t)boot->utc_offset_ms);
    journal_section_end(w, begun);
}

void journal_put_counters(struct writer *w, const struct journal_counters *counters)
{
    size_t begun = journal_section_begin(w, SECTION_COUNTERS);
    put_u64le(w, counters->seal_next);
    put_u64le(w, counters->sample_next);
    journal_section_end(w, begun);
}

void journal_put_budget(struct writer *w, const struct journal_budget *budget)
{
    size_t begun = journal_section_begin(w, SECTION_BUDGET);
    put_u32le(w, budget->day);
    put_u32le(w, budget->used);
    journal_section_end(w, begun);
}

void journal_put_seal(struct writer *w, const struct journal_seal *seal, struct bytes payload)
{
    size_t begun = journal_section_begin(w, SECTION_SEAL);
    put_u64le(w, seal->ordinal);
    put_u64le(w, seal->bag.journal_id);
    put_u64le(w, seal->bag.number);
    put_u8(w, (uint8_t)seal->bag.kind);
    put_u64le(w, seal->axis_boot);
    put_u64le(w, (uint64_t)seal->from_ms);
    put_u64le(w, (uint64_t)seal->to_ms);
    put_u64le(w, seal->sample_count);
    put_u64le(w, seal->samples_to);
    put_bytes(w, payload);
    journal_section_end(w, begun);
}

void journal_put_acks(struct writer *w, const struct journal_acks *acks)
{
    size_t begun = journal_section_begin(w, SECTION_ACKS);
    put_u64le(w, acks->floor);
    put_u8(w, (uint8_t)acks->range_count);
    for (size_t i = 0; i < acks->range_count; i++) {
        put_u64le(w, acks->ranges[i].from);
        put_u64le(w, acks->ranges[i].to);
    }
    journal_section_end(w, begun);
}

void journal_put_relay(struct writer *w, const struct journal_relay *relay, bool with_utc)
{
    put_u32le(w, relay->key);
    put_u32le(w, relay->sequence);
    put_u64le(w, relay->at_us);
    if (with_utc) {
        put_u64le(w, (uint64_t)relay->utc_ms);
    }
}

void journal_put_sides(struct writer *w, const struct journal_side *sides, size_t count)
{
    size_t begun = journal_section_begin(w, SECTION_SIDES);
    put_u16le(w, (uint16_t)count);
    for (size_t i = 0; i < count; i++) {
        put_u32le(w, sides[i].point);
        put_u8(w, (uint8_t)(sides[i].side + 1));
    }
    journal_section_end(w, begun);
}

static void put_value(struct writer *w, const struct tm_value *value)
{
    switch (value->kind) {
    case TM_NULL: break;
    case TM_INT:
        put_u8(w, (uint8_t)value->exponent);
        put_signed(w, value->u.i);
        break;
    case TM_DOUBLE: {
        uint64_t bits;
        memcpy(&bits, &value->u.d, sizeof(bits));
        put_u64le(w, bits);
        break;
    }
    case TM_BOOL: put_u8(w, value->u.b); break;
    case TM_ENUM: put_signed(w, value->u.i); break;
    case TM_TEXT:
        put_u8(w, (uint8_t)value->text_size);
        put_bytes(w, bytes_of(value->u.text, value->text_size));
        break;
    }
}

static void put_sample(struct writer *w, const struct tm_sample *previous,
                       const struct tm_sample *sample)
{
    bool same_time = sample->at_us == previous->at_us;
    bool next_point = sample->point == previous->point + 1;
    bool has_reason = sample->reason != TM_REASON_NONE;
    put_u8(w,
           (uint8_t)((unsigned)sample->quality | (unsigned)sample->value.kind << FLAG_KIND_SHIFT |
                     (same_time ? FLAG_SAME_TIME : 0U) | (next_point ? FLAG_NEXT_POINT : 0U) |
                     (has_reason ? FLAG_REASON : 0U)));
    if (has_reason) {
        put_u8(w, (uint8_t)sample->reason);
    }
    if (!next_point) {
        put_varint(w, sample->point);
    }
    if (!same_time) {
        put_signed(w, (int64_t)(sample->at_us - previous->at_us));
    }
    put_value(w, &sample->value);
}

size_t journal_put_samples(struct writer *w, uint64_t boot, uint64_t first_ordinal,
                           const struct tm_sample *samples, size_t count, size_t limit)
{
    size_t begun = journal_section_begin(w, SECTION_SAMPLES);
    put_u64le(w, boot);
    put_u64le(w, first_ordinal);
    size_t count_at = w->size;
    put_u16le(w, 0);
    struct tm_sample previous = {.at_us = 0};
    size_t done = 0;
    while (done < count && done < UINT16_MAX && w->size + SAMPLE_SIZE_MAX <= limit) {
        put_sample(w, &previous, &samples[done]);
        previous = samples[done++];
    }
    if (!w->failed) {
        w->data[count_at] = (uint8_t)done;
        w->data[count_at + 1] = (uint8_t)(done >> 8);
    }
    journal_section_end(w, begun);
    return done;
}

// What counts up by ones never comes near this: beyond it a record is damage, and adding would
// wrap.
#define ORDINAL_MAX (UINT64_C(1) << 62)

static uint64_t get_ordinal(struct reader *r)
{
    uint64_t ordinal = get_u64le(r);
    r->failed = r->failed || ordinal > ORDINAL_MAX;
    return ordinal;
}

static void get_acks(struct reader *r, struct journal_acks *out)
{
    *out = (struct journal_acks){.floor = get_ordinal(r)};
    out->range_count = get_u8(r);
    uint64_t least = out->floor;
    if (out->range_count > COUNT_OF(out->ranges)) {
        r->failed = true;
        out->range_count = 0;
    }
    for (size_t i = 0; i < out->range_count; i++) {
        out->ranges[i].from = get_ordinal(r);
        out->ranges[i].to = get_ordinal(r);
        r->failed =
            r->failed || out->ranges[i].from <= least || out->ranges[i].to <= out->ranges[i].from;
        least = out->ranges[i].to;
    }
}

static void get_seal(struct reader *r, struct journal_section *out)
{
    struct journal_seal *seal = &out->u.seal;
    *seal = (struct journal_seal){.ordinal = get_ordinal(r)};
    seal->bag.journal_id = get_u64le(r);
    seal->bag.number = get_ordinal(r);
    uint8_t kind = get_u8(r);
    r->failed = r->failed || kind > TM_MESSAGE_EVENTS;
    seal->bag.kind = (enum tm_message_kind)kind;
    seal->axis_boot = get_u64le(r);
    seal->from_ms = (int64_t)get_u64le(r);
    seal->to_ms = (int64_t)get_u64le(r);
    seal->sample_count = get_ordinal(r);
    seal->samples_to = get_ordinal(r);
    out->payload = get_bytes(r, reader_left(r));
    r->failed = r->failed || out->payload.size == 0 || out->payload.size > JOURNAL_PAYLOAD_SIZE_MAX;
}

// The fixed part of a section; what is left of it is read by the caller through its own reader.
static bool get_section(struct reader *r, struct journal_section *out)
{
    bool is_open = false; // the body goes on
    switch (out->tag) {
    case SECTION_ANCHOR:
        out->u.anchor = (struct journal_boot){.boot = get_u64le(r)};
        out->u.anchor.utc_offset_ms = (int64_t)get_u64le(r);
        break;
    case SECTION_SAMPLES:
        out->u.samples.boot = get_u64le(r);
        out->u.samples.first_ordinal = get_ordinal(r);
        out->u.samples.count = get_u16le(r);
        out->u.samples.body = *r;
        is_open = true;
        break;
    case SECTION_RELAYS:
        out->u.relays.boot = get_u64le(r);
        out->u.relays.has_utc = get_u8(r) != 0;
        out->u.relays.count = get_u16le(r);
        out->u.relays.body = *r;
        is_open = true;
        break;
    case SECTION_SEAL: get_seal(r, out); break;
    case SECTION_ACKS: get_acks(r, &out->u.acks); break;
    case SECTION_COUNTERS:
        out->u.counters.seal_next = get_ordinal(r);
        out->u.counters.sample_next = get_ordinal(r);
        break;
    case SECTION_BUDGET:
        out->u.budget.day = get_u32le(r);
        out->u.budget.used = get_u32le(r);
        break;
    case SECTION_SIDES:
        out->u.sides.count = get_u16le(r);
        out->u.sides.body = *r;
        is_open = true;
        break;
    default: return false;
    }
    return is_open ? !r->failed : reader_done(r);
}

enum err journal_section_next(struct reader *record, struct journal_section *out)
{
    if (reader_left(record) == 0) {
        return record->failed ? ERR_CORRUPT : ERR_EMPTY;
    }
    memset(out, 0, sizeof(*out));
    out->tag = (enum journal_tag)get_u8(record);
    struct reader body = reader_of(get_bytes(record, get_u16le(record)));
    return !record->failed && get_section(&body, out) ? OK : ERR_CORRUPT;
}

static void get_value(struct reader *r, struct tm_value *out)
{
    switch (out->kind) {
    case TM_NULL: break;
    case TM_INT: {
        uint8_t raw = get_u8(r);
        out->exponent = (int8_t)(raw < 128 ? raw : raw - 256);
        out->u.i = get_signed(r);
        break;
    }
    case TM_DOUBLE: {
        uint64_t bits = get_u64le(r);
        memcpy(&out->u.d, &bits, sizeof(bits));
        break;
    }
    case TM_BOOL: out->u.b = get_u8(r) != 0; break;
    case TM_ENUM: out->u.i = get_signed(r); break;
    case TM_TEXT: {
        struct bytes text = get_bytes(r, get_u8(r));
        out->text_size = (uint16_t)text.size;
        out->u.text = (const char *)text.data;
        break;
    }
    }
}

enum err journal_sample_get(struct journal_samples *in, const struct tm_sample *previous,
                            struct tm_sample *out)
{
    struct reader *r = &in->body;
    uint8_t flags = get_u8(r);
    uint8_t kind = flags >> FLAG_KIND_SHIFT & FLAG_KIND;
    uint8_t reason = flags & FLAG_REASON ? get_u8(r) : TM_REASON_NONE;
    if (kind > TM_TEXT || (flags & FLAG_QUALITY) > TM_BAD) {
        return ERR_CORRUPT;
    }
    reason = reason <= TM_REASON_LAST ? reason : TM_REASON_OTHER; // a newer version wrote it
    struct tm_sample found = {.quality = (enum tm_quality)(flags & FLAG_QUALITY),
                              .reason = (enum tm_reason)reason,
                              .value.kind = (enum tm_kind)kind};
    found.point = flags & FLAG_NEXT_POINT ? previous->point + 1 : (uint32_t)get_varint(r);
    found.at_us = previous->at_us;
    if ((flags & FLAG_SAME_TIME) == 0) {
        found.at_us += (uint64_t)get_signed(r);
    }
    get_value(r, &found.value);
    if (r->failed) {
        return ERR_CORRUPT;
    }
    *out = found;
    return OK;
}

enum err journal_relay_get(struct journal_relays *in, struct journal_relay *out)
{
    struct reader *r = &in->body;
    struct journal_relay found = {.key = get_u32le(r)};
    found.sequence = get_u32le(r);
    found.at_us = get_u64le(r);
    found.boot = in->boot;
    found.utc_ms = in->has_utc ? (int64_t)get_u64le(r) : JOURNAL_UTC_UNKNOWN;
    if (r->failed) {
        return ERR_CORRUPT;
    }
    *out = found;
    return OK;
}

enum err journal_side_get(struct journal_sides *in, struct journal_side *out)
{
    struct reader *r = &in->body;
    out->point = get_u32le(r);
    uint8_t coded = get_u8(r);
    out->side = (int8_t)(coded - 1);
    return r->failed || coded > 2 ? ERR_CORRUPT : OK;
}
