// SPDX-License-Identifier: Apache-2.0
// A virtual disk that strikes when told: what sim/storage.h and sim/cells.h keep their bytes on.
// Every change (append, sync, truncate, remove, replace, publish) is one step, counted from 1.
#ifndef SIM_MEDIUM_H
#define SIM_MEDIUM_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

enum { SIM_FILES_MAX = 256, SIM_FILE_NAME_SIZE = 80 };

struct sim_file {
    bool is_used;
    char name[SIM_FILE_NAME_SIZE];
    bool is_durable; // its existence survives a power cut
    uint8_t *now;    // what a reader sees
    size_t now_size;
    uint8_t *kept; // what is sure to survive
    size_t kept_size;
    size_t same_size; // so much of both is the same, but for what is in doubt
    size_t now_room, kept_room;
    // Bytes that a failed sync left in doubt: later syncs claim them, the disk does not have them.
    size_t doubt_from;
    size_t doubt_to;
};

struct sim_medium {
    // Faults, changed at will between calls; zero means none.
    uint64_t cut_at_step;   // the power fails in the middle of this step
    uint64_t error_at_step; // this step fails with ERR_IO
    bool is_error_lasting;  // and every one after it
    uint64_t capacity;      // bytes over all files; more is ERR_FULL after a partial write
    uint64_t sync_us;       // what one sync takes
    // What happened:
    uint64_t steps;
    uint64_t elapsed_us; // the sum of what syncs took
    bool is_off;         // no power: everything fails with ERR_IO until sim_medium_power_on
    // Private:
    uint64_t random;
    struct sim_file files[SIM_FILES_MAX];
};

enum sim_step_fate { SIM_STEP_WORKS, SIM_STEP_FAILS, SIM_STEP_CUT };

void sim_medium_init(struct sim_medium *medium, uint64_t seed);
void sim_medium_deinit(struct sim_medium *medium);

// Pulls the plug now.
void sim_medium_cut(struct sim_medium *medium);
// Power returns. Of unsynced bytes any part is there: cut at any byte, sectors in any order, old
// bytes or none where a shortening was not durable; unsynced files may be gone.
void sim_medium_power_on(struct sim_medium *medium);

// For the two seams only.
uint64_t sim_random(struct sim_medium *medium, uint64_t below);
enum sim_step_fate sim_medium_step(struct sim_medium *medium);
struct sim_file *sim_medium_find(struct sim_medium *medium, const char *name);
struct sim_file *sim_medium_create(struct sim_medium *medium, const char *name);
// As much as fits; false if not all did.
bool sim_medium_append(struct sim_medium *medium, struct sim_file *file, struct bytes in);
void sim_medium_resize(struct sim_file *file, size_t size);
void sim_medium_keep(struct sim_medium *medium, struct sim_file *file);
void sim_medium_remove(struct sim_file *file);

#endif
