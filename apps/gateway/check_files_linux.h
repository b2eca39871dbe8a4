// SPDX-License-Identifier: Apache-2.0
// What a configuration names outside itself, as it is on this machine: secrets, certificates,
// authorities, the data folder, the time zone. Nothing is made or changed.
#ifndef GATEWAY_CHECK_FILES_LINUX_H
#define GATEWAY_CHECK_FILES_LINUX_H

#include "apps/gateway/config/config.h"

enum files_place {
    FILES_ELSEWHERE, // perhaps another machine than the gateway's: findings are warnings
    FILES_HERE,      // the gateway's machine: errors; the data folder is looked at, too
    FILES_RUNNING,   // the gateway: systemd's credentials must be there, too
};

// Adds what is wrong to the report, in its order. The configuration may be one that config_load
// refused: then everything wrong is named at once.
void config_check_files(struct config_report *report, struct arena *arena,
                        const struct config *config, enum files_place place);

#endif
