// SPDX-License-Identifier: Apache-2.0
// Many frames through a probe firmware, each judged on the wire. The same campaign passes the real
// port and must fail its mutants.
#ifndef RT_CAMPAIGN_H
#define RT_CAMPAIGN_H

#include "tests/scenario/mt3620/probe_rig.h"

#define CAMPAIGN_HOLDS_MAX 1024

struct campaign {
    const char *elf;
    struct mt_knobs knobs;
    struct transceiver_cfg line;
    unsigned frames;     // sizes run through 1 to 256
    unsigned first_size; // 0: 1
    unsigned size_step;  // 0: 1
    bool has_echoes;     // mailbox traffic meanwhile
    bool has_babble;     // somebody talks into our frames
    bool has_reply;      // a device answers half a character after each
};

struct verdict {
    unsigned frames;
    unsigned early;  // driver fell before the last stop bit ended
    unsigned wrong;  // bytes on the wire are not those sent, or not all
    unsigned broken; // a gap of more than half a character within a frame
    unsigned cut_replies;
    double hold_min, hold_max; // bits
    double hold_sum;
    float holds[CAMPAIGN_HOLDS_MAX]; // of the first frames, in their order
    uint32_t instructions_max;
    uint32_t stack_bytes;
    char failure[512]; // of the rig: empty if none
};

void campaign_run(const struct campaign *campaign, struct verdict *out);
// So many frames, fewer at speeds that take long, more if BUSWARD_SEEDS asks for a long campaign.
unsigned campaign_frames(uint32_t baud, unsigned frames);
// Runs it, says how it went, and does not return if it failed.
struct verdict campaign_expect_good(const struct campaign *campaign);
// One line for people.
void verdict_print(const struct verdict *verdict, const char *what);
bool verdict_is_good(const struct verdict *verdict);

#endif
