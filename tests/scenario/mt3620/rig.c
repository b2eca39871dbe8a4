// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/mt3620/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "port/mt3620/memory.h"

const char *rig_elf(const char *name)
{
    static char path[4][512];
    static unsigned turn;
    char *to = path[turn++ % 4];
    snprintf(to, sizeof path[0], "%s/%s.elf", RIG_ELF_DIR, name);
    return to;
}

bool rig_open(struct rig *rig, const char *elf, const struct mt_knobs *knobs)
{
    memset(rig, 0, sizeof *rig);
    struct mt_cfg cfg = {.elf = elf, .trace = getenv("BUSWARD_TRACE")};
    if (knobs != NULL) {
        cfg.knobs = *knobs;
    }
    rig->random = cfg.knobs.seed * 2654435761U + 1;
    rig->mt = mt_open(&cfg, rig->failure, sizeof rig->failure);
    return rig->mt != NULL;
}

void rig_close(struct rig *rig)
{
    if (rig->mt != NULL) {
        mt_close(rig->mt);
        rig->mt = NULL;
    }
}

uint64_t rig_random(struct rig *rig)
{
    rig->random = rig->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return rig->random >> 33;
}

static void on_char(struct rig *rig, const struct mt_event *event)
{
    struct rig_frame *frame = &rig->frame;
    rig->char_count++;
    rig->damaged_count += event->damaged;
    bool was_cut = frame->is_done && event->start_u < frame->fall_u;
    if (!rig->is_driving && !was_cut) {
        rig->stray_count += event->lost_u < event->at_u - event->start_u; // else nobody heard it
        return;
    }
    if (frame->size == 0) {
        frame->first_u = event->start_u;
    } else if (event->start_u - frame->end_u > frame->gap_max_u) {
        frame->gap_max_u = (uint32_t)(event->start_u - frame->end_u);
    }
    if (frame->size < RIG_WIRE_MAX) {
        frame->bytes[frame->size++] = event->byte;
    }
    if (!rig->de_active_low) { // the model's transceiver is the other kind: its pin alone judges
        frame->cut += event->lost_u != 0;
        frame->fought += event->lost_u == 0 && event->heard != event->byte;
    }
    frame->end_u = event->at_u;
    frame->bit_u = event->bit_u;
}

static void on_pin(struct rig *rig, const struct mt_event *event)
{
    if (event->pin >= MT_PIN_RED && event->pin < MT_PIN_RED + 3) {
        rig->light_count[event->pin - MT_PIN_RED] += !event->level;
    }
    if (event->pin != MT_PIN_DE) {
        return;
    }
    bool drives = event->level != rig->de_active_low;
    if (drives && !rig->is_driving) {
        rig->frame = (struct rig_frame){.drive_u = event->at_u};
    } else if (!drives && rig->is_driving) {
        rig->frame.is_done = true;
        rig->frame.fall_u = event->at_u;
        rig->frame.instructions = event->instructions;
        rig->frame_count++;
    }
    rig->is_driving = drives;
}

static void on_message(struct rig *rig)
{
    for (;;) {
        struct rig_message *message = &rig->messages[rig->message_count % RIG_MESSAGES_MAX];
        size_t size = 0;
        enum err err = mt_receive(rig->mt, message->bytes, sizeof message->bytes, &size);
        if (err == ERR_AGAIN) {
            return;
        }
        ASSERT(err == OK && rig->message_count - rig->message_taken < RIG_MESSAGES_MAX);
        message->size = (uint16_t)size;
        rig->message_count++;
    }
}

static void drain(struct rig *rig)
{
    struct mt_event event;
    while (mt_next(rig->mt, &event)) {
        switch (event.kind) {
        case MT_CHAR: on_char(rig, &event); break;
        case MT_PIN: on_pin(rig, &event); break;
        case MT_MESSAGE: on_message(rig); break;
        case MT_RESET:
            rig->reset_count++;
            rig->cause = event.cause;
            if (event.cause == MT_CAUSE_POWER) { // the pins fell with the power
                rig->frame.is_done = true;
                rig->frame.fall_u = event.at_u;
                rig->is_driving = false;
            }
            break;
        case MT_LOCKUP: break;
        }
    }
}

bool rig_step(struct rig *rig, uint64_t until_u)
{
    enum mt_ran ran = mt_run(rig->mt, until_u);
    drain(rig);
    if (ran == MT_FAILED) {
        snprintf(rig->failure, sizeof rig->failure, "%s", mt_failure(rig->mt));
    }
    return ran == MT_OUTPUT;
}

bool rig_run(struct rig *rig, uint64_t until_u)
{
    while (rig_step(rig, until_u)) {
    }
    return rig->failure[0] == '\0';
}

bool rig_run_us(struct rig *rig, uint64_t us)
{
    return rig_run(rig, mt_now_u(rig->mt) + us * MT_U_PER_US);
}

bool rig_wait_frame(struct rig *rig, uint64_t longest_us)
{
    uint64_t until_u = mt_now_u(rig->mt) + longest_us * MT_U_PER_US;
    while (rig->frame_count == rig->frame_seen && rig_step(rig, until_u)) {
    }
    bool is_there = rig->frame_count != rig->frame_seen;
    rig->frame_seen = rig->frame_count;
    return is_there && rig->failure[0] == '\0';
}

bool rig_run_chars(struct rig *rig, unsigned count, uint64_t longest_us)
{
    uint64_t until_u = mt_now_u(rig->mt) + longest_us * MT_U_PER_US;
    uint32_t target = rig->char_count + count;
    while (rig->char_count != target && rig_step(rig, until_u)) {
    }
    return rig->char_count == target;
}

const struct rig_message *rig_take(struct rig *rig, uint64_t longest_us)
{
    uint64_t until_u = mt_now_u(rig->mt) + longest_us * MT_U_PER_US;
    while (rig->message_taken == rig->message_count && rig_step(rig, until_u)) {
    }
    if (rig->message_taken == rig->message_count) {
        return NULL;
    }
    return &rig->messages[rig->message_taken++ % RIG_MESSAGES_MAX];
}

uint32_t rig_stack_bytes(const struct rig *rig)
{
    uint32_t at;
    uint32_t end;
    uint32_t word = STACK_PAINT;
    if (!mt_symbol(rig->mt, "ram_stack_start", &at) || !mt_symbol(rig->mt, "ram_stack_end", &end)) {
        return 0;
    }
    while (at < end && mt_peek(rig->mt, at, &word, sizeof word) && word == STACK_PAINT) {
        at += (uint32_t)sizeof word;
    }
    return end - at;
}

double rig_hold_bits(const struct rig_frame *frame)
{
    return ((double)frame->fall_u - (double)frame->end_u) / (double)frame->bit_u;
}

uint64_t rig_talk(struct rig *rig, uint64_t start_u, uint32_t bit_u, struct bytes in,
                  enum serial_parity parity, uint8_t stop_bits)
{
    for (size_t i = 0; i < in.size; i++) {
        const struct mt_rx rx = {.byte = in.data[i],
                                 .start_u = start_u,
                                 .bit_u = bit_u,
                                 .parity = parity,
                                 .stop_bits = stop_bits};
        enum err err = mt_rx(rig->mt, &rx, &start_u);
        ASSERT(err == OK);
    }
    return start_u;
}
