// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/twin/remote_state.h"

#include "base/assert.h"
#include "base/crc.h"

#include <stdio.h>
#include <string.h>

enum { FORMAT = 1, STATE_SIZE_MAX = 512, UNIT_SIZE = 4 };

#define STATE_MAGIC UINT32_C(0x63745742) // "BWtc"
#define STATE_CELL  "state"
#define UNITS_CELL  "units"

static const char *slot_cell(enum remote_slot slot)
{
    ASSERT(slot != REMOTE_LOCAL);
    return slot == REMOTE_A ? "config-a.json" : "config-b.json";
}

static void put_name(struct writer *w, const struct remote_name *name)
{
    put_u64le(w, name->version);
    put_u64le(w, name->hash);
}

static void put_held(struct writer *w, const struct remote_held *held)
{
    put_u8(w, (uint8_t)held->slot);
    put_name(w, &held->name);
    put_u32le(w, held->size);
    put_u32le(w, held->crc);
}

static struct remote_name get_name(struct reader *r)
{
    struct remote_name name = {.version = get_u64le(r)};
    name.hash = get_u64le(r);
    return name;
}

static bool get_held(struct reader *r, struct remote_held *out)
{
    uint8_t slot = get_u8(r);
    struct remote_held held = {.slot = (enum remote_slot)slot, .name = get_name(r)};
    held.size = get_u32le(r);
    held.crc = get_u32le(r);
    *out = held;
    return slot <= REMOTE_B && held.size <= REMOTE_CONTENT_SIZE_MAX;
}

static bool decode(struct bytes in, struct remote_state *out)
{
    if (in.size < 4) {
        return false;
    }
    struct reader tail = reader_of(bytes_of(in.data + in.size - 4, 4));
    struct reader r = reader_of(bytes_of(in.data, in.size - 4));
    if (crc32c(0, bytes_of(in.data, in.size - 4)) != get_u32le(&tail) ||
        get_u32le(&r) != STATE_MAGIC || get_u8(&r) != FORMAT) {
        return false;
    }
    bool is_good = get_held(&r, &out->accepted);
    is_good = get_held(&r, &out->trial) && is_good;
    out->tries = get_u32le(&r);
    out->rejected = get_name(&r);
    out->unit_count = get_u32le(&r);
    out->unit_crc = get_u32le(&r);
    struct bytes reason = get_bytes(&r, get_u8(&r));
    if (!is_good || !reader_done(&r) || out->unit_count > REMOTE_UNITS_MAX ||
        (out->trial.slot != REMOTE_LOCAL && out->trial.slot == out->accepted.slot) ||
        reason.size >= REMOTE_REASON_SIZE) {
        return false;
    }
    if (reason.size > 0) {
        memcpy(out->reason, reason.data, reason.size);
    }
    out->reason[reason.size] = '\0';
    return true;
}

enum err remote_state_open(struct remote_state *state, const struct cells *cells)
{
    uint8_t text[STATE_SIZE_MAX];
    size_t size = 0;
    *state = (struct remote_state){.cells = cells};
    enum err err = cells->ops->read(cells->ctx, STATE_CELL, text, sizeof(text), &size);
    if (err == ERR_NOT_FOUND) {
        return OK;
    }
    if (err != OK && err != ERR_SIZE) {
        return err;
    }
    struct remote_state read = {.cells = cells};
    bool is_good = err == OK && decode(bytes_of(text, size), &read);
    *state = is_good ? read : (struct remote_state){.cells = cells, .is_damaged = true};
    return OK;
}

// What is on the medium becomes `next`, and so does *state once that is certain.
static enum err store(struct remote_state *state, const struct remote_state *next)
{
    uint8_t text[STATE_SIZE_MAX];
    struct writer w = writer_of(text, sizeof(text));
    put_u32le(&w, STATE_MAGIC);
    put_u8(&w, FORMAT);
    put_held(&w, &next->accepted);
    put_held(&w, &next->trial);
    put_u32le(&w, next->tries);
    put_name(&w, &next->rejected);
    put_u32le(&w, next->unit_count);
    put_u32le(&w, next->unit_crc);
    size_t reason_size = strlen(next->reason);
    put_u8(&w, (uint8_t)reason_size);
    put_bytes(&w, bytes_of(next->reason, reason_size));
    put_u32le(&w, crc32c(0, writer_bytes(&w)));
    ASSERT(!w.failed);
    const struct cells *cells = state->cells;
    enum err err = cells->ops->replace(cells->ctx, STATE_CELL, writer_bytes(&w));
    if (err == OK) {
        *state = *next;
    }
    return err;
}

static bool has_trial(const struct remote_state *state)
{
    return state->trial.name.hash != 0;
}

static void set_reason(struct remote_state *state, const char *reason)
{
    snprintf(state->reason, sizeof(state->reason), "%s", reason);
}

enum err remote_state_revert(struct remote_state *state, const char *reason)
{
    struct remote_state next = *state;
    if (reason != NULL) {
        next.rejected = state->trial.name;
        set_reason(&next, reason);
    }
    next.trial = (struct remote_held){0};
    next.tries = 0;
    return store(state, &next);
}

void remote_state_boot(struct remote_state *state, bool *is_trial)
{
    *is_trial = false;
    if (!has_trial(state)) {
        return;
    }
    if (state->tries >= REMOTE_TRIES_MAX) {
        // If this cannot be written the next boot finds the same and does the same.
        enum err err = remote_state_revert(state, "the gateway did not stay up with it");
        (void)err;
        return;
    }
    struct remote_state next = *state;
    next.tries++;
    *is_trial = store(state, &next) == OK;
}

enum err remote_state_read(const struct remote_state *state, const struct remote_held *held,
                           uint8_t *out, size_t capacity, size_t *size)
{
    if (held->slot == REMOTE_LOCAL) {
        if (capacity < 2) {
            return ERR_SIZE;
        }
        out[0] = '{';
        out[1] = '}';
        *size = 2;
        return OK;
    }
    size_t got = 0;
    const struct cells *cells = state->cells;
    enum err err = cells->ops->read(cells->ctx, slot_cell(held->slot), out, capacity, &got);
    if (err != OK) {
        return err == ERR_NOT_FOUND || err == ERR_SIZE ? ERR_CORRUPT : err;
    }
    if (got != held->size || crc32c(0, bytes_of(out, got)) != held->crc) {
        return ERR_CORRUPT;
    }
    *size = got;
    return OK;
}

static enum err write_units(struct remote_state *next, const uint32_t *units, size_t count)
{
    uint8_t raw[REMOTE_UNITS_MAX * UNIT_SIZE];
    struct writer w = writer_of(raw, sizeof(raw));
    for (size_t i = 0; i < count; i++) {
        put_u32le(&w, units[i]);
    }
    next->unit_count = (uint32_t)count;
    next->unit_crc = crc32c(0, writer_bytes(&w));
    const struct cells *cells = next->cells;
    return cells->ops->replace(cells->ctx, UNITS_CELL, writer_bytes(&w));
}

enum err remote_state_stage(struct remote_state *state, struct remote_name name,
                            struct bytes content, const uint32_t *units, size_t unit_count)
{
    ASSERT(name.hash != 0 && unit_count <= REMOTE_UNITS_MAX);
    if (content.size > REMOTE_CONTENT_SIZE_MAX) {
        return ERR_SIZE;
    }
    // The slot is overwritten next: nobody may boot into it meanwhile.
    enum err err = has_trial(state) ? remote_state_revert(state, NULL) : OK;
    if (err != OK) {
        return err;
    }
    struct remote_state next = *state;
    next.tries = 0;
    next.trial =
        (struct remote_held){.slot = state->accepted.slot == REMOTE_A ? REMOTE_B : REMOTE_A,
                             .name = name,
                             .size = (uint32_t)content.size,
                             .crc = crc32c(0, content)};
    const struct cells *cells = state->cells;
    err = cells->ops->replace(cells->ctx, slot_cell(next.trial.slot), content);
    err = err == OK ? write_units(&next, units, unit_count) : err;
    return err == OK ? store(state, &next) : err;
}

enum err remote_state_units(const struct remote_state *state, uint32_t *out, size_t capacity,
                            size_t *count)
{
    uint8_t raw[REMOTE_UNITS_MAX * UNIT_SIZE];
    size_t size = 0;
    const struct cells *cells = state->cells;
    *count = 0;
    if (state->unit_count == 0) {
        return OK;
    }
    enum err err = cells->ops->read(cells->ctx, UNITS_CELL, raw, sizeof(raw), &size);
    if (err != OK) {
        return err;
    }
    if (size != (size_t)state->unit_count * UNIT_SIZE || state->unit_count > capacity ||
        crc32c(0, bytes_of(raw, size)) != state->unit_crc) {
        return ERR_CORRUPT;
    }
    struct reader r = reader_of(bytes_of(raw, size));
    for (size_t i = 0; i < state->unit_count; i++) {
        out[i] = get_u32le(&r);
    }
    *count = state->unit_count;
    return OK;
}

enum err remote_state_accept(struct remote_state *state)
{
    struct remote_state next = *state;
    ASSERT(has_trial(state));
    next.accepted = state->trial;
    next.trial = (struct remote_held){0};
    next.tries = 0;
    next.unit_count = 0;
    return store(state, &next);
}

enum err remote_state_forget(struct remote_state *state)
{
    struct remote_state next = *state;
    next.accepted = (struct remote_held){0};
    return store(state, &next);
}
