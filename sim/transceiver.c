// SPDX-License-Identifier: Apache-2.0
#include "sim/transceiver.h"

#include <string.h>

#include "base/assert.h"

#define NS_PER_S UINT64_C(1000000000)

void sim_transceiver_init(struct sim_transceiver *t, struct sim_line *line, unsigned node)
{
    memset(t, 0, sizeof *t);
    t->line = line;
    t->node = node;
}

enum err sim_transceiver_setup(struct sim_transceiver *t, uint64_t now_us,
                               const struct transceiver_cfg *cfg, struct transceiver_timing *out)
{
    if (cfg->baud < 1200 || cfg->baud > 921600 || cfg->stop_bits < 1 || cfg->stop_bits > 2) {
        return ERR_ARG;
    }
    if (t->setup_err != OK) {
        return t->setup_err;
    }
    sim_transceiver_release(t, now_us);
    t->cfg = *cfg;
    t->is_set_up = true;
    t->count = 0;
    t->is_lost = false;
    t->setups++;
    uint8_t bits = (uint8_t)(9 + cfg->stop_bits + (cfg->parity != SERIAL_NONE ? 1 : 0));
    *out = (struct transceiver_timing){
        .baud = cfg->baud, .char_bits = bits, .char_ns = (uint32_t)(bits * NS_PER_S / cfg->baud)};
    return OK;
}

void sim_transceiver_drive(struct sim_transceiver *t)
{
    ASSERT(t->is_set_up);
    sim_line_de(t->line, t->node, true);
}

enum err sim_transceiver_send(struct sim_transceiver *t, uint64_t now_us, struct bytes frame)
{
    ASSERT(t->is_set_up);
    if (t->sending) {
        return ERR_BUSY;
    }
    sim_line_de(t->line, t->node, true);
    enum err err = sim_line_drive(t->line, t->node, now_us, frame, &t->start_us, &t->end_us);
    if (err != OK) {
        return err;
    }
    t->sends++;
    t->sending = true;
    t->hold_ns =
        (uint32_t)(t->cfg.guard_bits8 * NS_PER_S / (8 * (uint64_t)t->cfg.baud)) + t->late_ns;
    t->release_us = t->is_stuck ? TIME_NEVER : t->end_us + (t->hold_ns + 999) / 1000;
    return OK;
}

void sim_transceiver_release(struct sim_transceiver *t, uint64_t now_us)
{
    if (t->sending) {
        sim_line_cut(t->line, t->node, now_us);
    }
    if (t->is_set_up) {
        sim_line_de(t->line, t->node, false);
        t->releases++;
    }
    t->sending = false;
}

static void push(struct sim_transceiver *t, const struct transceiver_event *event)
{
    if (t->is_lost || t->count == SIM_TRANSCEIVER_EVENTS) {
        t->is_lost = true; // until the ring is read empty, which tells it
        t->lost_us = event->at_us;
        return;
    }
    t->events[(t->first + t->count++) % SIM_TRANSCEIVER_EVENTS] = *event;
}

void sim_transceiver_hear(struct sim_transceiver *t, const struct sim_line_event *event)
{
    bool is_own = event->from == t->node;
    // The receiver is off while we drive, unless it hears itself.
    if (!t->is_set_up || ((is_own || t->sending) && !t->cfg.hears_itself)) {
        return;
    }
    bool is_strange = t->cfg.baud != t->line->cfg.baud;
    for (size_t i = 0; i < event->data.size; i++) {
        size_t later = event->data.size - 1 - i;
        const struct transceiver_event rx = {
            .kind = TRANSCEIVER_RX,
            .byte = event->data.data[i],
            .flags = event->flags != 0 || is_strange ? TRANSCEIVER_CHAR_ERROR : 0,
            .at_us = event->at_us - sim_line_chars_us(t->line, later)};
        push(t, &rx);
    }
}

uint64_t sim_transceiver_deadline_us(const struct sim_transceiver *t)
{
    return t->sending ? t->release_us : TIME_NEVER;
}

void sim_transceiver_tick(struct sim_transceiver *t, uint64_t now_us)
{
    if (now_us < sim_transceiver_deadline_us(t)) {
        return;
    }
    t->sending = false;
    sim_line_de(t->line, t->node, false);
    const struct transceiver_event sent = {
        .kind = TRANSCEIVER_SENT, .at_us = t->start_us, .end_us = t->end_us, .hold_ns = t->hold_ns};
    push(t, &sent);
}

bool sim_transceiver_next(struct sim_transceiver *t, struct transceiver_event *out)
{
    if (t->count == 0 && t->is_lost) {
        t->is_lost = false;
        *out = (struct transceiver_event){.kind = TRANSCEIVER_LOST, .at_us = t->lost_us};
        return true;
    }
    if (t->count == 0) {
        return false;
    }
    *out = t->events[t->first];
    t->first = (uint16_t)((t->first + 1) % SIM_TRANSCEIVER_EVENTS);
    t->count--;
    return true;
}
