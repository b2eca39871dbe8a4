// SPDX-License-Identifier: Apache-2.0
// A guest program in the model, its case chosen, its events kept.
#ifndef TESTS_UNIT_MT3620_RIG_H
#define TESTS_UNIT_MT3620_RIG_H

#include "sim/mt3620/mt3620.h"

#define RIG_EVENTS_MAX  4096
#define RIG_RESULTS_MAX 64
#define RIG_BIT_U       8576U // of 115200 baud, rounded
#define GUEST_END       0xe0dU

struct rig {
    struct mt *mt;
    size_t event_count;
    struct mt_event events[RIG_EVENTS_MAX];
    uint32_t result_count;
    uint32_t results[RIG_RESULTS_MAX];
};

// Guest is the name of the program; knobs may be NULL.
void rig_open(struct rig *rig, const char *guest, uint8_t which, const struct mt_knobs *knobs);
void rig_open_traced(struct rig *rig, const char *guest, uint8_t which, const char *trace);
// Sends the case again, to a core that was reset.
void rig_choose(struct rig *rig, uint8_t which);
// Runs to then, or to the failure; fetches results.
enum mt_ran rig_run(struct rig *rig, uint64_t until_us);
void rig_close(struct rig *rig);
// The n-th event of a kind; NULL: there are fewer.
const struct mt_event *rig_event(const struct rig *rig, enum mt_event_kind kind, size_t n);
// One on a pin.
const struct mt_event *rig_pin(const struct rig *rig, unsigned pin, bool level, size_t n);
// The run ended with this in its failure text.
void rig_expect_failure(const struct rig *rig, const char *text);
// Bytes on ISU0, 115200 8N1, from at_u on without a pause; the end of the last.
uint64_t rig_hear(struct rig *rig, uint64_t at_u, const char *text, size_t size);

#endif
