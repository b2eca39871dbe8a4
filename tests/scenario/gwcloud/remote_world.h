// SPDX-License-Identifier: Apache-2.0
// A gateway that gets its configuration from a twin, in virtual time on a disk that loses power:
// boots, checks, trials and restarts as the program does them. What a content does to the gateway
// stands in the content itself.
#ifndef TESTS_GWCLOUD_REMOTE_WORLD_H
#define TESTS_GWCLOUD_REMOTE_WORLD_H

#include "apps/gateway/twin/remote_config.h"
#include "sim/cells.h"

enum { WORLD_TEXT_SIZE = 256, WORLD_UNITS = 20 };

struct remote_world {
    struct sim_medium medium;
    struct cells cells;
    struct remote_state state;
    struct remote_config machine;
    uint64_t now_us, started_us;   // of this process
    uint64_t version;              // of the twin
    char desired[WORLD_TEXT_SIZE]; // document
    char running[WORLD_TEXT_SIZE]; // content of this process; "{}": the local file
    char report[REMOTE_REPORT_SIZE_MAX];
    bool hub_is_away; // whatever the content
    bool is_up;       // a process runs
    uint32_t boots, trial_boots, checks;
    uint32_t boots_of[8]; // by the digit in "n"
    uint32_t reports;
    uint64_t checked_us; // when the check that is under way ends; TIME_NEVER: none is
    char checking[WORLD_TEXT_SIZE];
};

void world_init(struct remote_world *w, uint64_t seed);
void world_deinit(struct remote_world *w);
// Power (back) on if it is off, and the process begins; it may end at once.
void world_boot(struct remote_world *w);
// The twin's desired property "config"; NULL: none. Reaches the gateway if it is online.
void world_desire(struct remote_world *w, const char *config);
// Lets time pass; restarts as they come, also by a supervisor after a crash or a power cut.
void world_run(struct remote_world *w, uint64_t span_us);
// The last reported state, such as "applied".
const char *world_reported(const struct remote_world *w);

#endif
