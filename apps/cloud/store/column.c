// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/store/column.h"

#include "base/assert.h"

#include <string.h>

enum { ORDER_MAX = 2, WIDTH_BITS = 64 };

// What is stored of one order of differences: `order` leading values as they are, then the rest as
// distances from `centre`, the low `width` bits packed, more in exceptions.
struct plan {
    uint64_t rest[COLUMN_COUNT_MAX]; // zigzag of the distances
    size_t count;
    uint64_t centre;
    unsigned width;
    size_t bits; // estimated cost
};

void put_varint(struct writer *out, uint64_t value)
{
    while (value >= 0x80) {
        put_u8(out, (uint8_t)(value | 0x80));
        value >>= 7;
    }
    put_u8(out, (uint8_t)value);
}

uint64_t get_varint(struct reader *in)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = get_u8(in);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if ((byte & 0x80) == 0) {
            if (shift == 63 && byte > 1) {
                in->failed = true;
            }
            return value;
        }
    }
    in->failed = true;
    return 0;
}

static unsigned bit_length(uint64_t value)
{
    return value == 0 ? 0 : 64U - (unsigned)__builtin_clzll(value);
}

// Puts what is not above some element before what is not below it; the two parts are
// [low, *left] and [*right, high].
static void partition(int64_t *work, size_t low, size_t high, size_t *left, size_t *right)
{
    const int64_t pivot = work[low + (high - low) / 2];
    size_t i = low;
    size_t j = high;
    while (i <= j) {
        while (work[i] < pivot) {
            i++;
        }
        while (work[j] > pivot) {
            j--;
        }
        if (i > j) {
            break;
        }
        const int64_t swap = work[i];
        work[i++] = work[j];
        work[j] = swap;
        if (j == 0) {
            break;
        }
        j--;
    }
    *left = j;
    *right = i;
}

static uint64_t median(const uint64_t *values, size_t count)
{
    int64_t work[COLUMN_COUNT_MAX];
    memcpy(work, values, count * sizeof(work[0]));
    size_t low = 0;
    size_t high = count - 1;
    const size_t want = count / 2;
    while (low < high) {
        size_t left = 0;
        size_t right = 0;
        partition(work, low, high, &left, &right);
        if (want >= right) {
            low = right;
        } else if (want <= left) {
            high = left;
        } else {
            break;
        }
    }
    return (uint64_t)work[want];
}

static size_t exception_bits(unsigned length, unsigned width)
{
    return 8 + 8 * (((size_t)length - width + 6) / 7);
}

static void choose_width(struct plan *plan)
{
    size_t lengths[WIDTH_BITS + 1] = {0};
    unsigned longest = 0;
    for (size_t i = 0; i < plan->count; i++) {
        unsigned length = bit_length(plan->rest[i]);
        lengths[length]++;
        longest = length > longest ? length : longest;
    }
    plan->width = longest;
    plan->bits = plan->count * longest;
    for (unsigned width = 0; width < longest; width++) {
        size_t bits = plan->count * width;
        for (unsigned length = width + 1; length <= longest; length++) {
            bits += lengths[length] * exception_bits(length, width);
        }
        if (bits < plan->bits) {
            plan->bits = bits;
            plan->width = width;
        }
    }
}

static void make_plan(const uint64_t *values, size_t count, struct plan *plan)
{
    plan->count = count;
    plan->centre = count > 0 ? median(values, count) : 0;
    for (size_t i = 0; i < count; i++) {
        plan->rest[i] = zigzag(values[i] - plan->centre);
    }
    choose_width(plan);
}

static void put_packed(const struct plan *plan, struct writer *out)
{
    uint64_t bits = 0;
    unsigned held = 0;
    const uint64_t mask = plan->width == 64 ? UINT64_MAX : (UINT64_C(1) << plan->width) - 1;
    for (size_t i = 0; i < plan->count && plan->width > 0; i++) {
        uint64_t value = plan->rest[i] & mask;
        unsigned left = plan->width;
        while (left > 0) {
            unsigned room = 64 - held;
            unsigned some = left < room ? left : room;
            bits |= value << held;
            value = some == 64 ? 0 : value >> some;
            held += some;
            left -= some;
            if (held == 64) {
                put_u64le(out, bits);
                bits = 0;
                held = 0;
            }
        }
    }
    for (; held > 0; held = held > 8 ? held - 8 : 0) {
        put_u8(out, (uint8_t)bits);
        bits >>= 8;
    }
}

static void put_exceptions(const struct plan *plan, struct writer *out)
{
    uint8_t exception_count = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const bool is_wide = bit_length(plan->rest[i]) > plan->width;
        exception_count = (uint8_t)(exception_count + (is_wide ? 1 : 0));
    }
    put_u8(out, exception_count);
    for (size_t i = 0; i < plan->count; i++) {
        if (bit_length(plan->rest[i]) > plan->width) {
            put_u8(out, (uint8_t)i);
            put_varint(out, plan->rest[i] >> plan->width);
        }
    }
}

void column_encode(const int64_t *values, size_t count, struct writer *out)
{
    ASSERT(count >= 1 && count <= COLUMN_COUNT_MAX);
    uint64_t heads[ORDER_MAX] = {0};
    uint64_t work[COLUMN_COUNT_MAX];
    struct plan plans[2];
    struct plan *best = &plans[0];
    struct plan *other = &plans[1];
    unsigned order = 0;
    memcpy(work, values, count * sizeof(work[0]));
    make_plan(work, count, best);
    for (unsigned k = 1; k <= ORDER_MAX && k < count; k++) {
        for (size_t i = count - 1; i >= k; i--) {
            work[i] -= work[i - 1];
        }
        make_plan(work + k, count - k, other);
        if (other->bits + 8 * (size_t)k < best->bits) {
            struct plan *swap = best;
            best = other;
            other = swap;
            order = k;
        }
    }
    // After k rounds of differences the head of order k - 1 stands where it is needed.
    heads[0] = (uint64_t)values[0];
    heads[1] = count > 1 ? (uint64_t)values[1] - (uint64_t)values[0] : 0;
    put_u8(out, (uint8_t)(order * (WIDTH_BITS + 1) + best->width));
    for (unsigned k = 0; k < order; k++) {
        put_varint(out, zigzag(heads[k]));
    }
    put_varint(out, zigzag(best->centre));
    put_packed(best, out);
    put_exceptions(best, out);
}

static void get_packed(struct reader *in, unsigned width, uint64_t *values, size_t count)
{
    struct bytes packed = get_bytes(in, (count * width + 7) / 8);
    const size_t bytes_needed = (count * width + 7) / 8;
    if (in->failed || packed.size != bytes_needed) {
        in->failed = true;
        return;
    }
    uint64_t bits = 0; // the low `held` bits are still to be given out
    unsigned held = 0;
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 0;
        unsigned have = 0;
        while (have < width) {
            if (held == 0) {
                bits = packed.data[at++];
                held = 8;
            }
            unsigned some = width - have < held ? width - have : held;
            value |= (bits & ((UINT64_C(1) << some) - 1)) << have;
            bits >>= some;
            held -= some;
            have += some;
        }
        values[i] = value;
    }
}

static void get_exceptions(struct reader *in, unsigned width, uint64_t *values, size_t count)
{
    unsigned exception_count = get_u8(in);
    for (unsigned k = 0; k < exception_count && !in->failed; k++) {
        unsigned index = get_u8(in);
        uint64_t high = get_varint(in);
        if (index >= count || width >= WIDTH_BITS) {
            in->failed = true;
            return;
        }
        values[index] |= high << width;
    }
}

void column_decode(struct reader *in, int64_t *values, size_t count)
{
    ASSERT(count >= 1 && count <= COLUMN_COUNT_MAX);
    uint64_t work[COLUMN_COUNT_MAX] = {0};
    unsigned head = get_u8(in);
    unsigned order = head / (WIDTH_BITS + 1);
    unsigned width = head % (WIDTH_BITS + 1);
    if (in->failed || order > ORDER_MAX || order >= count) {
        in->failed = true;
        return;
    }
    for (unsigned k = 0; k < order; k++) {
        work[k] = unzigzag(get_varint(in));
    }
    uint64_t centre = unzigzag(get_varint(in));
    get_packed(in, width, work + order, count - order);
    get_exceptions(in, width, work + order, count - order);
    if (in->failed) {
        return;
    }
    for (size_t i = order; i < count; i++) {
        work[i] = unzigzag(work[i]) + centre;
    }
    for (unsigned k = order; k >= 1; k--) {
        for (size_t i = k; i < count; i++) {
            work[i] += work[i - 1];
        }
    }
    memcpy(values, work, count * sizeof(values[0]));
}
