// SPDX-License-Identifier: Apache-2.0
// Messages from the cloud to the device are nudges, never state: each asks for something that would
// happen anyway, sooner. One that is lost, late or comes twice does no harm. A pure machine.
//
// As JSON in the body or as properties: {"nudge":"watch","for_s":60}, {"nudge":"sync"},
// {"nudge":"twin"}. Others are counted and told, never an error.
#ifndef GATEWAY_NUDGE_H
#define GATEWAY_NUDGE_H

#include "base/bytes.h"
#include "base/time.h"

enum {
    NUDGE_WORD_SIZE = 32,
    NUDGE_WATCH_S_DEFAULT = 60,
    NUDGE_WATCH_S_MAX = 3600,
};

enum nudge_out_kind {
    NUDGE_OUT_WATCH,   // is_watched: somebody looks, or not any more
    NUDGE_OUT_SYNC,    // send what is there
    NUDGE_OUT_TWIN,    // ask for the twin again
    NUDGE_OUT_UNKNOWN, // word: for the log
};

struct nudge_out {
    enum nudge_out_kind kind;
    bool is_watched;
    const char *word; // "": none that could be read
};

struct nudge {
    // Public to read:
    uint64_t watched, syncs, twins, unknown; // how many came
    // Private:
    uint64_t until_us; // of the watch; TIME_NEVER: nobody looks
    bool is_watched, is_told, must_sync, must_twin, must_tell;
    char word[NUDGE_WORD_SIZE];
};

void nudge_init(struct nudge *nudge);
// bag: of the topic, percent-encoded.
void nudge_message(struct nudge *nudge, uint64_t now_us, struct bytes bag, struct bytes body);
uint64_t nudge_deadline_us(const struct nudge *nudge);
void nudge_tick(struct nudge *nudge, uint64_t now_us);
bool nudge_next(struct nudge *nudge, struct nudge_out *out);

#endif
