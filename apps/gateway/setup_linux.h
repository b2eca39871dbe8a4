// SPDX-License-Identifier: Apache-2.0
// What must be right before the gateway touches a bus: configuration, data folder, point ids.
#ifndef GATEWAY_SETUP_LINUX_H
#define GATEWAY_SETUP_LINUX_H

#include "apps/gateway/app.h"
#include "apps/gateway/check_files_linux.h"
#include "apps/gateway/twin/remote_setup_linux.h"

struct setup {
    struct arena arena;
    struct config config;
    struct id_map ids;
    struct app app;
    struct remote_setup remote;
    const char *path, *profiles_dir; // of the configuration; borrowed
    uint64_t local_hash;             // of what they hold; config.hash has the twin's in it
    uint32_t *keys;                  // ids of all sensors, then of all points with limits
    size_t key_count;
    struct bytes ids_text;        // what the file of ids must hold before anything is journalled
    bool must_store_ids, is_told; // that they are not
    int lock_fd;                  // of the data folder: one gateway at a time
};

// Reads and checks the configuration and the files that it names; prints every mistake to stderr.
// ERR_CORRUPT if there is one.
NODISCARD enum err setup_config(struct setup *setup, const char *path, const char *profiles_dir,
                                enum files_place place);
// Creates and locks the data folder, lays the twin's configuration over the file, loads the ids,
// resolves all points and stores new ids; a disk that has no room for them now is left to
// setup_store_ids(). The reason of a failure has been logged.
NODISCARD enum err setup_app(struct setup *setup);
// Stores the ids if they are not. ctx: the struct setup. Until it says OK nothing may be kept that
// names a point: after a sudden end another one might get its id. On any thread, it may block.
NODISCARD enum err setup_store_ids(void *ctx);
// Opens bus `index` of the configuration. The reason of a failure has been logged.
NODISCARD enum err setup_bus(const struct config *config, uint32_t index, struct bus **out);

#endif
