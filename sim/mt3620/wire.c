// SPDX-License-Identifier: Apache-2.0
// The characters of the other nodes on one pair of wires. Idle is 1; any 0 wins.
#include "sim/mt3620/uart.h"

#include "base/assert.h"

static const struct wire_char *char_at(const struct wire *wire, uint32_t i)
{
    return &wire->chars[(wire->head + i) % MT_RX_MAX];
}

static uint64_t end_of(const struct wire_char *c)
{
    return c->start_u + (uint64_t)c->bit_u * c->bit_count;
}

void wire_put(struct wire *wire, const struct wire_char *in)
{
    ASSERT(wire->count < MT_RX_MAX);
    uint32_t i = wire->count++;
    for (; i > 0 && char_at(wire, i - 1)->start_u > in->start_u; i--) {
        wire->chars[(wire->head + i) % MT_RX_MAX] = *char_at(wire, i - 1);
    }
    wire->chars[(wire->head + i) % MT_RX_MAX] = *in;
}

bool wire_level(const struct wire *wire, uint64_t at_u)
{
    for (uint32_t i = 0; i < wire->count; i++) {
        const struct wire_char *c = char_at(wire, i);
        if (c->start_u > at_u) {
            break;
        }
        uint64_t bit = (at_u - c->start_u) / c->bit_u;
        if (bit < c->bit_count && (c->bits >> bit & 1U) == 0) {
            return false;
        }
    }
    return true;
}

// The first edge of a character after from_u: any, or falling ones alone.
static uint64_t char_edge_u(const struct wire_char *c, uint64_t from_u, bool falling)
{
    bool before = true;
    for (unsigned i = 0; i < c->bit_count; i++) {
        bool level = (c->bits >> i & 1U) != 0;
        uint64_t at_u = c->start_u + (uint64_t)i * c->bit_u;
        if (at_u > from_u && (falling ? before && !level : before != level)) {
            return at_u;
        }
        before = level;
    }
    return !falling && !before && end_of(c) > from_u ? end_of(c) : MT_NEVER;
}

static uint64_t edge_u(const struct wire *wire, uint64_t from_u, bool falling)
{
    uint64_t first_u = MT_NEVER;
    for (uint32_t i = 0; i < wire->count; i++) {
        const struct wire_char *c = char_at(wire, i);
        if (c->start_u >= first_u) {
            break;
        }
        uint64_t at_u = char_edge_u(c, from_u, falling);
        first_u = at_u < first_u ? at_u : first_u;
    }
    return first_u;
}

uint64_t wire_fall_u(const struct wire *wire, uint64_t from_u)
{
    return edge_u(wire, from_u, true);
}

uint64_t wire_edge_u(const struct wire *wire, uint64_t from_u)
{
    return edge_u(wire, from_u, false);
}

bool wire_busy(const struct wire *wire, uint64_t from_u, uint64_t to_u)
{
    for (uint32_t i = 0; i < wire->count; i++) {
        const struct wire_char *c = char_at(wire, i);
        if (c->start_u < to_u && end_of(c) > from_u) {
            return true;
        }
    }
    return false;
}

void wire_forget(struct wire *wire, uint64_t before_u)
{
    while (wire->count != 0 && end_of(char_at(wire, 0)) < before_u) {
        wire->head = (wire->head + 1) % MT_RX_MAX;
        wire->count--;
    }
}
