// SPDX-License-Identifier: Apache-2.0
#include "sim/line.h"

#include <string.h>

#include "base/assert.h"

#define PPM  1000000
#define LOST 0x09U // no single bit, so no flip

void sim_line_init(struct sim_line *line, const struct sim_line_cfg *cfg)
{
    ASSERT(cfg->baud != 0 && cfg->char_bits >= 10 && cfg->char_bits <= 12);
    memset(line, 0, sizeof *line);
    line->cfg = *cfg;
    line->random = cfg->seed * UINT64_C(0x9e3779b97f4a7c15) + UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t sim_line_random(struct sim_line *line)
{
    line->random ^= line->random << 13;
    line->random ^= line->random >> 7;
    line->random ^= line->random << 17;
    return line->random;
}

uint64_t sim_line_chars_us(const struct sim_line *line, size_t size)
{
    uint64_t bits = (uint64_t)size * line->cfg.char_bits;
    return (bits * US_PER_S + line->cfg.baud - 1) / line->cfg.baud;
}

static uint64_t end_of(const struct sim_line *line, const struct sim_line_tx *tx, size_t size)
{
    return tx->start_us + sim_line_chars_us(line, size);
}

static bool is_on_wire(const struct sim_line *line, const struct sim_line_tx *tx, uint64_t from_us,
                       uint64_t to_us)
{
    return tx->used && tx->start_us < to_us && end_of(line, tx, tx->size) > from_us;
}

void sim_line_de(struct sim_line *line, unsigned node, bool on)
{
    ASSERT(node < SIM_LINE_NODES);
    line->uses_de[node] = true;
    line->de[node] = on;
    for (unsigned other = 0; on && other < SIM_LINE_NODES; other++) {
        if (other != node && line->de[other]) {
            line->stats.fights++;
        }
    }
}

// A free record, or the oldest whose bytes were all given out: the past is kept while it can still
// spoil what overlapped it.
static struct sim_line_tx *free_tx(struct sim_line *line)
{
    struct sim_line_tx *oldest = NULL;
    for (size_t i = 0; i < SIM_LINE_TX; i++) {
        struct sim_line_tx *tx = &line->tx[i];
        if (!tx->used) {
            return tx;
        }
        if (tx->given == tx->size && (oldest == NULL || tx->start_us < oldest->start_us)) {
            oldest = tx;
        }
    }
    return oldest;
}

// The noise of a burst is decided when it starts.
static void make_noise(struct sim_line *line, struct sim_line_tx *tx)
{
    for (size_t i = 0; i < tx->size; i++) {
        tx->noise[i] = 0;
        if (line->cfg.flip_ppm != 0 && sim_line_random(line) % PPM < line->cfg.flip_ppm) {
            tx->noise[i] = (uint8_t)(1U << sim_line_random(line) % 8);
            line->stats.flipped++;
        }
        if (line->cfg.drop_ppm != 0 && sim_line_random(line) % PPM < line->cfg.drop_ppm) {
            tx->noise[i] = LOST;
            line->stats.dropped++;
        }
    }
}

enum err sim_line_drive(struct sim_line *line, unsigned node, uint64_t at_us, struct bytes data,
                        uint64_t *start_us, uint64_t *end_us)
{
    ASSERT(node < SIM_LINE_NODES);
    if (data.size == 0 || data.size > SIM_LINE_BURST) {
        return ERR_SIZE;
    }
    struct sim_line_tx *tx = free_tx(line);
    if (tx == NULL) {
        return ERR_FULL;
    }
    *tx = (struct sim_line_tx){.used = true, .node = (uint8_t)node, .size = (uint16_t)data.size};
    tx->start_us = at_us > line->tx_end_us[node] ? at_us : line->tx_end_us[node];
    memcpy(tx->data, data.data, data.size);
    make_noise(line, tx);
    *start_us = tx->start_us;
    *end_us = end_of(line, tx, tx->size);
    line->tx_end_us[node] = *end_us;
    line->stats.bytes += data.size;
    bool collides = false;
    for (size_t i = 0; i < SIM_LINE_TX; i++) {
        const struct sim_line_tx *other = &line->tx[i];
        collides =
            collides || (other->node != node && is_on_wire(line, other, tx->start_us, *end_us));
    }
    for (unsigned other = 0; other < SIM_LINE_NODES; other++) {
        line->stats.fights += other != node && line->de[other];
    }
    line->stats.collisions += collides;
    line->stats.undriven += line->uses_de[node] && !line->de[node];
    return OK;
}

void sim_line_cut(struct sim_line *line, unsigned node, uint64_t at_us)
{
    for (size_t i = 0; i < SIM_LINE_TX; i++) {
        struct sim_line_tx *tx = &line->tx[i];
        while (tx->used && tx->node == node && tx->given < tx->size &&
               end_of(line, tx, tx->size) > at_us) {
            tx->size--;
            tx->spoilt = true;
        }
        if (tx->used && tx->size == 0) {
            tx->used = false;
        }
    }
    line->tx_end_us[node] = time_min(line->tx_end_us[node], at_us);
}

// The unfinished burst whose next event comes first.
static const struct sim_line_tx *first_tx(const struct sim_line *line, uint64_t *at_us)
{
    const struct sim_line_tx *first = NULL;
    *at_us = TIME_NEVER;
    for (size_t i = 0; i < SIM_LINE_TX; i++) {
        const struct sim_line_tx *tx = &line->tx[i];
        if (!tx->used || tx->given == tx->size) {
            continue;
        }
        uint64_t next_us = end_of(line, tx, line->cfg.by_byte ? tx->given + 1U : tx->size);
        if (next_us < *at_us) {
            *at_us = next_us;
            first = tx;
        }
    }
    return first;
}

uint64_t sim_line_deadline_us(const struct sim_line *line)
{
    uint64_t at_us;
    (void)first_tx(line, &at_us);
    return at_us;
}

static bool is_garbled(const struct sim_line *line, const struct sim_line_tx *tx, size_t index)
{
    uint64_t from_us = end_of(line, tx, index);
    uint64_t to_us = end_of(line, tx, index + 1);
    for (size_t i = 0; i < SIM_LINE_TX; i++) {
        const struct sim_line_tx *other = &line->tx[i];
        if (other->node != tx->node && is_on_wire(line, other, from_us, to_us)) {
            return true;
        }
    }
    return false;
}

// What becomes of one byte on its way; false: nobody hears it.
static bool carry(struct sim_line *line, struct sim_line_tx *tx, uint8_t *byte, unsigned *flags)
{
    size_t index = tx->given++;
    *byte = tx->data[index];
    if (is_garbled(line, tx, index)) {
        *byte = (uint8_t)(*byte ^ (1 + sim_line_random(line) % 255));
        *flags = 1;
        tx->spoilt = true;
    }
    if (tx->noise[index] != 0) {
        tx->spoilt = true;
        *flags |= tx->noise[index] != LOST;
        *byte ^= tx->noise[index];
        return tx->noise[index] != LOST;
    }
    return true;
}

bool sim_line_foretell(const struct sim_line *line, unsigned node, size_t index, uint8_t *byte,
                       unsigned *flags)
{
    const struct sim_line_tx *newest = NULL;
    for (size_t i = 0; i < SIM_LINE_TX; i++) {
        const struct sim_line_tx *tx = &line->tx[i];
        if (tx->used && tx->node == node && (newest == NULL || tx->start_us > newest->start_us)) {
            newest = tx;
        }
    }
    ASSERT(newest != NULL && index < newest->size);
    *byte = newest->data[index] ^ newest->noise[index];
    *flags = newest->noise[index] != 0;
    return newest->noise[index] != LOST;
}

bool sim_line_next(struct sim_line *line, uint64_t now_us, struct sim_line_event *out)
{
    uint64_t at_us;
    const struct sim_line_tx *found = first_tx(line, &at_us);
    if (found == NULL || at_us > now_us) {
        return false;
    }
    struct sim_line_tx *tx = &line->tx[found - line->tx];
    *out = (struct sim_line_event){.start_us = tx->start_us, .at_us = at_us, .from = tx->node};
    size_t size = 0;
    do {
        uint8_t byte;
        unsigned flags = 0;
        if (carry(line, tx, &byte, &flags)) {
            line->heard[size++] = byte;
            out->flags |= flags;
        }
    } while (!line->cfg.by_byte && tx->given < tx->size);
    out->data = bytes_of(line->heard, size);
    out->last = tx->given == tx->size;
    out->spoilt = tx->spoilt;
    return true;
}
