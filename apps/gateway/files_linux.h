// SPDX-License-Identifier: Apache-2.0
// Files of the operating system for config_load.
#ifndef GATEWAY_FILES_LINUX_H
#define GATEWAY_FILES_LINUX_H

#include "apps/gateway/config/config.h"

// Reads regular files of at most CONFIG_FILE_SIZE_MAX bytes.
struct config_files config_files_linux(void);

// A block for an arena and the report in it: once per program, never freed. ERR_FULL.
enum { CONFIG_MEMORY_SIZE = 64 * 1024 * 1024 }; // reserved; only what is used is ever touched
NODISCARD enum err config_memory(struct arena *arena, struct config_report *report);

#endif
