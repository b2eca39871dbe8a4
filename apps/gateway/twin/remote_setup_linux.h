// SPDX-License-Identifier: Apache-2.0
// Which configuration runs: chosen at the start, before anything touches a bus. What neither loads
// nor starts is given up here, down to the local file alone.
#ifndef GATEWAY_REMOTE_SETUP_LINUX_H
#define GATEWAY_REMOTE_SETUP_LINUX_H

#include "apps/gateway/config/config.h"
#include "apps/gateway/twin/remote_findings.h"
#include "apps/gateway/twin/remote_state.h"
#include "port/linux/cells.h"

enum { REMOTE_PATH_SIZE = 1024 };

struct remote_setup {
    // Public to read:
    bool is_on; // there is a hub, and the local file allows it
    bool is_trial;
    bool fits;                  // what runs fits on its buses
    struct remote_name running; // hash of "{}": the local file alone
    struct remote_state state;  // the worker's later on
    struct bytes content;       // that runs
    struct bytes accepted;      // that a revert leads back to
    const char *path;           // of the local file
    const char *profiles_dir;   // NULL: none
    char cache_dir[REMOTE_PATH_SIZE];
    struct bytes warnings; // about what runs, as the twin reports them
    // Private:
    char findings[REMOTE_FINDINGS_SIZE];
    struct linux_cells cells;
    struct config_overlay overlay;
    uint8_t *memory[2]; // contents
};

// config: in, the local file as it was loaded; out, what runs. Memory from the arena. The data
// folder is locked. ERR_IO, ERR_FULL: logged.
NODISCARD enum err remote_setup(struct remote_setup *setup, struct arena *arena, const char *path,
                                const char *profiles_dir, struct config *config);
// Whether the local file and those that it names, which somebody may have changed, let a new start
// come up; logs if not.
bool remote_setup_may_restart(const struct remote_setup *setup);
// What runs cannot start for the reason: a trial is given up. True if a new start may do better.
bool remote_setup_failed(struct remote_setup *setup, const char *reason);

#endif
