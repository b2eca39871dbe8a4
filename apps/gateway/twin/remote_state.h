// SPDX-License-Identifier: Apache-2.0
// Which configuration from the cloud runs, over power cuts, as a boot loader keeps its images: two
// slots, one accepted, the other at most on trial, and one small cell that says which is which.
// Every function that changes something writes cells and may block.
//
//   stage: [state without trial] -> content -> units -> state with trial, tries 0
//   boot:  trial and tries left: state with one more try;   none left: state, trial rejected
//   accept, revert, drop: state alone
//
// A cut before or after any of these writes leaves the accepted configuration or a whole trial.
#ifndef GATEWAY_REMOTE_STATE_H
#define GATEWAY_REMOTE_STATE_H

#include "port/api/cells.h"

#include <stdbool.h>

enum {
    REMOTE_TRIES_MAX = 3, // boots into a trial before it is given up
    REMOTE_CONTENT_SIZE_MAX = 64 * 1024,
    REMOTE_UNITS_MAX = 4096,
    REMOTE_REASON_SIZE = 160,
};

enum remote_slot { REMOTE_LOCAL, REMOTE_A, REMOTE_B }; // LOCAL: the local file alone

// A content from the twin: hash is remote_hash() of it; the version is the twin's when it came.
struct remote_name {
    uint64_t version, hash; // hash 0: none
};

struct remote_held {
    enum remote_slot slot;
    struct remote_name name;
    uint32_t size, crc; // of the content
};

struct remote_state {
    // Public to read:
    struct remote_held accepted, trial; // trial.slot LOCAL with hash 0: none
    uint32_t tries;                     // boots of the trial
    struct remote_name rejected;        // not tried again
    char reason[REMOTE_REASON_SIZE];    // why it was rejected
    bool is_damaged;                    // the cell was unreadable: all was forgotten
    // Private:
    const struct cells *cells;
    uint32_t unit_count, unit_crc;
};

// Reads the cell; a missing or damaged one is a fresh state. ERR_IO and the like: unreadable now.
NODISCARD enum err remote_state_open(struct remote_state *state, const struct cells *cells);

// Before anything else runs: counts a try of the trial or gives the trial up; the configuration to
// run is then state->trial if *is_trial, else state->accepted. If the try cannot be counted the
// accepted one runs.
void remote_state_boot(struct remote_state *state, bool *is_trial);

// The content of a slot. ERR_CORRUPT: not what was staged. LOCAL gives "{}".
NODISCARD enum err remote_state_read(const struct remote_state *state,
                                     const struct remote_held *held, uint8_t *out, size_t capacity,
                                     size_t *size);

// Makes the content the trial of the next boot; units: names by hash of those that answer now.
NODISCARD enum err remote_state_stage(struct remote_state *state, struct remote_name name,
                                      struct bytes content, const uint32_t *units,
                                      size_t unit_count);
// The units that answered before the trial, at most `capacity`.
NODISCARD enum err remote_state_units(const struct remote_state *state, uint32_t *out,
                                      size_t capacity, size_t *count);
// The trial becomes the accepted one.
NODISCARD enum err remote_state_accept(struct remote_state *state);
// The trial is given up and not tried again; without a reason it may be.
NODISCARD enum err remote_state_revert(struct remote_state *state, const char *reason);
// The accepted one is given up for the local file alone; it may be tried again.
NODISCARD enum err remote_state_forget(struct remote_state *state);

#endif
