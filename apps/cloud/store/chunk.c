// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/store/chunk.h"

#include "apps/cloud/store/column.h"
#include "base/assert.h"

#include <math.h>
#include <string.h>

enum { CHUNK_VERSION = 1, UNIT_COUNT = 6 };

_Static_assert((int)CHUNK_SAMPLES_MAX == (int)COLUMN_COUNT_MAX, "a chunk is one column high");
_Static_assert(CHUNK_SAMPLES_MAX <= UINT8_MAX, "indices are bytes");

// Time steps, coarse to fine: the first one that divides all distances is used.
static const int64_t units_ms[UNIT_COUNT] = {60000, 1000, 500, 100, 10, 1};

double power_of_ten(unsigned decimals)
{
    static const double powers[] = {1,   1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
    ASSERT(decimals < COUNT_OF(powers));
    return powers[decimals];
}

bool entry_number(const struct entry *e, double *out)
{
    switch (entry_kind_of(e)) {
    case ENTRY_DECIMAL: *out = (double)e->value / power_of_ten(entry_decimals(e)); return true;
    case ENTRY_DOUBLE: memcpy(out, &e->value, sizeof(*out)); return isfinite(*out);
    case ENTRY_NONE:
    case ENTRY_TEXT: return false;
    }
    return false;
}

// Samples of one chunk share a kind of value; decimals are brought to the most that one has.
struct shape {
    enum entry_kind kind; // ENTRY_NONE until a value is met
    uint8_t decimals;
    double largest; // magnitude of the numbers
};

// Mantissas stay below 2^62 when brought to the common decimals.
static const double mantissa_max = 4e18;

// Widens the shape by one entry; false if it cannot share the chunk.
static bool shape_take(struct shape *shape, const struct entry *e)
{
    const enum entry_kind kind = entry_kind_of(e);
    if (kind == ENTRY_NONE) {
        return true;
    }
    const uint8_t decimals = entry_decimals(e);
    if (shape->kind == ENTRY_NONE) {
        shape->kind = kind;
        shape->decimals = decimals;
    }
    if (kind != ENTRY_DECIMAL || shape->kind != ENTRY_DECIMAL) {
        return kind == shape->kind;
    }
    const double size = fabs((double)e->value) / power_of_ten(decimals);
    const double largest = size > shape->largest ? size : shape->largest;
    const uint8_t most = decimals > shape->decimals ? decimals : shape->decimals;
    if (shape->decimals != decimals && largest * power_of_ten(most) > mantissa_max) {
        return false;
    }
    shape->decimals = most;
    shape->largest = largest;
    return true;
}

// The value in the chunk's decimals.
static int64_t shape_value(struct shape shape, const struct entry *e)
{
    int64_t value = e->value;
    if (entry_kind_of(e) == ENTRY_DECIMAL) {
        for (unsigned k = entry_decimals(e); k < shape.decimals; k++) {
            value *= 10;
        }
    }
    return value;
}

static size_t shape_run(const struct entry *entries, size_t count, struct shape *shape)
{
    *shape = (struct shape){.kind = ENTRY_NONE};
    const int64_t t0 = entry_at(&entries[0]);
    size_t run = 0;
    while (run < count && run < CHUNK_SAMPLES_MAX &&
           entry_at(&entries[run]) - t0 <= CHUNK_SPAN_MAX_MS && shape_take(shape, &entries[run])) {
        run++;
    }
    return run;
}

static void put_times(const struct entry *entries, size_t count, struct writer *out)
{
    int64_t distances[CHUNK_SAMPLES_MAX];
    unsigned unit = 0;
    for (size_t i = 0; i < count; i++) {
        distances[i] = entry_at(&entries[i]) - entry_at(&entries[0]);
        while (distances[i] % units_ms[unit] != 0) {
            unit++; // the last one divides everything
        }
    }
    for (size_t i = 0; i < count; i++) {
        distances[i] /= units_ms[unit];
    }
    put_u8(out, (uint8_t)unit);
    column_encode(distances, count, out);
}

// Doubles: each as the bytes in which it differs from the one before, zero bytes at both ends away.
static void put_doubles(const uint64_t *values, size_t count, struct writer *out)
{
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t differs = values[i] ^ last;
        unsigned low = 0;
        unsigned size = 8;
        while (size > 0 && (differs >> (8 * (size - 1)) & 0xff) == 0) {
            size--;
        }
        while (low < size && (differs >> (8 * low) & 0xff) == 0) {
            low++;
        }
        put_u8(out, (uint8_t)(low << 4 | (size - low)));
        for (unsigned k = low; k < size; k++) {
            put_u8(out, (uint8_t)(differs >> (8 * k)));
        }
        last = values[i];
    }
}

static void put_values(const struct entry *entries, size_t count, struct shape shape,
                       struct writer *out)
{
    int64_t values[CHUNK_SAMPLES_MAX];
    int64_t last = 0;
    for (size_t i = 0; i < count && last == 0; i++) {
        last = shape_value(shape, &entries[i]); // a leading sample without value costs nothing
    }
    for (size_t i = 0; i < count; i++) {
        last = entry_kind_of(&entries[i]) == ENTRY_NONE ? last : shape_value(shape, &entries[i]);
        values[i] = last;
    }
    if (shape.kind == ENTRY_DOUBLE) {
        uint64_t bits[CHUNK_SAMPLES_MAX];
        memcpy(bits, values, count * sizeof(bits[0]));
        put_doubles(bits, count, out);
    } else if (shape.kind != ENTRY_NONE) {
        column_encode(values, count, out);
    }
}

// What differs from a good sample with a value of the chunk's shape.
static bool is_odd(const struct entry *e, struct shape shape)
{
    return entry_quality(e) != 0 || e->reason != 0 ||
           (entry_kind_of(e) == ENTRY_NONE && shape.kind != ENTRY_NONE);
}

static void put_odd(const struct entry *entries, size_t count, struct shape shape,
                    struct writer *out)
{
    uint8_t odd_count = 0;
    for (size_t i = 0; i < count; i++) {
        odd_count = (uint8_t)(odd_count + (is_odd(&entries[i], shape) ? 1 : 0));
    }
    put_u8(out, odd_count);
    for (size_t i = 0; i < count; i++) {
        if (is_odd(&entries[i], shape)) {
            bool has_value = entry_kind_of(&entries[i]) != ENTRY_NONE;
            put_u8(out, (uint8_t)i);
            put_u8(out, (uint8_t)(entry_quality(&entries[i]) | (has_value ? 0x80 : 0)));
            put_u8(out, entries[i].reason);
        }
    }
}

void chunk_encode(const struct entry *entries, size_t count, struct writer *out, size_t *taken)
{
    ASSERT(count >= 1);
    struct shape shape;
    size_t run = shape_run(entries, count, &shape);
    for (;;) {
        *out = writer_of(out->data, CHUNK_SIZE_MAX);
        put_u8(out, CHUNK_VERSION);
        put_u8(out, (uint8_t)run);
        put_u8(out, (uint8_t)((unsigned)shape.kind | (unsigned)shape.decimals << 4));
        put_times(entries, run, out);
        put_values(entries, run, shape, out);
        put_odd(entries, run, shape, out);
        if (!out->failed) {
            break;
        }
        ASSERT(run > 1);
        run = run * 3 / 4;
        run = shape_run(entries, run, &shape);
    }
    *taken = run;
}

void chunk_summarise(const struct entry *entries, size_t count, struct chunk_summary *out)
{
    ASSERT(count >= 1);
    *out = (struct chunk_summary){
        .t0_ms = entry_at(&entries[0]),
        .t1_ms = entry_at(&entries[count - 1]),
        .total = (uint32_t)count,
    };
    for (size_t i = 0; i < count; i++) {
        double value = 0;
        if (entry_quality(&entries[i]) != 0 || !entry_number(&entries[i], &value)) {
            continue;
        }
        out->min = out->n == 0 || value < out->min ? value : out->min;
        out->max = out->n == 0 || value > out->max ? value : out->max;
        out->sum += value;
        out->n++;
    }
}

static void get_times(struct reader *in, int64_t t0_ms, struct entry *out, size_t count)
{
    unsigned unit = get_u8(in);
    int64_t distances[CHUNK_SAMPLES_MAX] = {0};
    column_decode(in, distances, count);
    if (in->failed || unit >= UNIT_COUNT) {
        in->failed = true;
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (distances[i] < 0 || distances[i] > CHUNK_SPAN_MAX_MS / units_ms[unit] ||
            (i > 0 && distances[i] < distances[i - 1])) {
            in->failed = true;
            return;
        }
        entry_set_at(&out[i], t0_ms + distances[i] * units_ms[unit]);
    }
}

static void get_doubles(struct reader *in, int64_t *values, size_t count)
{
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        unsigned head = get_u8(in);
        unsigned low = head >> 4;
        unsigned size = head & 0x0f;
        if (low + size > 8) {
            in->failed = true;
            return;
        }
        for (unsigned k = low; k < low + size; k++) {
            last ^= (uint64_t)get_u8(in) << (8 * k);
        }
        memcpy(&values[i], &last, sizeof(last));
    }
}

static void get_odd(struct reader *in, struct entry *out, size_t count)
{
    unsigned odd_count = get_u8(in);
    for (unsigned k = 0; k < odd_count && !in->failed; k++) {
        unsigned index = get_u8(in);
        unsigned form = get_u8(in);
        uint8_t reason = get_u8(in);
        unsigned quality = form & 0x7fU;
        if (index >= count || quality > ENTRY_QUALITY_MAX) {
            in->failed = true;
            return;
        }
        bool has_value = (form & 0x80U) != 0;
        enum entry_kind kind = has_value ? entry_kind_of(&out[index]) : ENTRY_NONE;
        out[index].value = has_value ? out[index].value : 0;
        out[index].form =
            entry_form(kind, (uint8_t)quality, has_value ? entry_decimals(&out[index]) : 0);
        out[index].reason = reason;
    }
}

enum err chunk_decode(struct bytes in, int64_t t0_ms, struct entry *out, size_t *count)
{
    struct reader r = reader_of(in);
    unsigned version = get_u8(&r);
    size_t total = get_u8(&r);
    unsigned form = get_u8(&r);
    enum entry_kind kind = (enum entry_kind)(form & 3U);
    if (!r.failed && version != CHUNK_VERSION) {
        return ERR_UNSUPPORTED;
    }
    if (r.failed || total == 0 || total > CHUNK_SAMPLES_MAX || (form & 0x0cU) != 0 ||
        (kind != ENTRY_DECIMAL && form >> 4 != 0) || t0_ms > ENTRY_AT_MAX - CHUNK_SPAN_MAX_MS ||
        t0_ms < -ENTRY_AT_MAX) {
        return ERR_CORRUPT;
    }
    get_times(&r, t0_ms, out, total);
    int64_t values[CHUNK_SAMPLES_MAX] = {0};
    if (kind == ENTRY_DOUBLE) {
        get_doubles(&r, values, total);
    } else if (kind != ENTRY_NONE) {
        column_decode(&r, values, total);
    }
    for (size_t i = 0; i < total && !r.failed; i++) {
        out[i].value = values[i];
        out[i].form = entry_form(kind, 0, (uint8_t)(form >> 4));
        out[i].reason = 0;
    }
    get_odd(&r, out, total);
    if (!reader_done(&r)) {
        return ERR_CORRUPT;
    }
    *count = total;
    return OK;
}
