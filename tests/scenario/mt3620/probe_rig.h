// SPDX-License-Identifier: Apache-2.0
// Asks the probe firmware in a rig for what a test wants of the seams.
#ifndef RT_PROBE_RIG_H
#define RT_PROBE_RIG_H

#include "port/api/core.h"
#include "port/api/transceiver.h"
#include "tests/scenario/mt3620/rig.h"

struct probe_started {
    uint32_t boot_id;
    struct core_crash crash;
};

// Waits for the next message of this kind, dropping others; NULL: none came in 2 s.
const struct rig_message *probe_wait(struct rig *rig, enum probe_kind kind);
void probe_say(struct rig *rig, enum probe_kind kind, struct bytes more);
// Opens the rig and waits until the probe runs.
bool probe_open(struct rig *rig, const char *elf, const struct mt_knobs *knobs);
bool probe_started(struct rig *rig, struct probe_started *out);
enum err probe_setup(struct rig *rig, const struct transceiver_cfg *cfg,
                     struct transceiver_timing *timing);
// Sends and runs until the driver fell. False: it did not, or the rig failed.
bool probe_send(struct rig *rig, struct bytes frame);
// The next event, waiting a second at most.
bool probe_event(struct rig *rig, struct transceiver_event *out);

#endif
