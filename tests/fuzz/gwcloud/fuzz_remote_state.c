// SPDX-License-Identifier: Apache-2.0
// A disk that holds anything: the state is taken or forgotten, and a content that is handed out is
// the one that was staged. The input: one byte (whether the state's checksum is made right), two
// bytes of size and the state cell, the rest is both contents and the list of units.
#include "apps/gateway/twin/remote_state.h"
#include "base/crc.h"
#include "sim/cells.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void expect(bool is_true)
{
    if (!is_true) {
        abort();
    }
}

static void put(const struct cells *cells, const char *name, struct bytes in)
{
    expect(cells->ops->replace(cells->ctx, name, in) == OK);
}

static void put_state(const struct cells *cells, struct bytes in, bool is_fixed)
{
    uint8_t copy[600];
    size_t size = in.size < sizeof(copy) ? in.size : sizeof(copy);
    if (size > 0) {
        memcpy(copy, in.data, size);
    }
    if (is_fixed && size >= 4) {
        struct writer w = writer_of(copy + size - 4, 4);
        put_u32le(&w, crc32c(0, bytes_of(copy, size - 4)));
    }
    put(cells, "state", bytes_of(copy, size));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sim_medium medium;
    static uint8_t content[REMOTE_CONTENT_SIZE_MAX];
    static uint32_t units[REMOTE_UNITS_MAX];
    sim_medium_init(&medium, 1);
    struct cells cells = sim_cells(&medium);
    struct reader r = reader_of(bytes_of(data, size));
    bool is_fixed = get_u8(&r) % 2 == 1;
    size_t state_size = get_u16le(&r);
    state_size = state_size < reader_left(&r) ? state_size : reader_left(&r);
    put_state(&cells, get_bytes(&r, state_size), is_fixed);
    struct bytes rest = get_bytes(&r, reader_left(&r));
    put(&cells, "config-a.json", rest);
    put(&cells, "config-b.json", rest);
    put(&cells, "units", rest);

    struct remote_state state;
    bool is_trial = false;
    size_t got = 0;
    expect(remote_state_open(&state, &cells) == OK);
    remote_state_boot(&state, &is_trial);
    const struct remote_held *held = is_trial ? &state.trial : &state.accepted;
    if (remote_state_read(&state, held, content, sizeof(content), &got) == OK &&
        held->slot != REMOTE_LOCAL) {
        expect(got == held->size && crc32c(0, bytes_of(content, got)) == held->crc);
    }
    if (remote_state_units(&state, units, REMOTE_UNITS_MAX, &got) != OK) {
        expect(got == 0);
    }
    // Whatever it was: a new one can be staged, and is what the next boot finds.
    struct bytes fresh = bytes_of("{\"n\":1}", 7);
    expect(remote_state_stage(&state, (struct remote_name){9, 9}, fresh, units, 1) == OK);
    expect(remote_state_open(&state, &cells) == OK && !state.is_damaged);
    remote_state_boot(&state, &is_trial);
    expect(is_trial && state.trial.name.hash == 9 && state.trial.slot != state.accepted.slot);
    expect(remote_state_read(&state, &state.trial, content, sizeof(content), &got) == OK);
    expect(bytes_equal(bytes_of(content, got), fresh));
    expect(remote_state_accept(&state) == OK && remote_state_open(&state, &cells) == OK);
    expect(state.accepted.name.hash == 9 && state.trial.name.hash == 0);
    sim_medium_deinit(&medium);
    return 0;
}
