// SPDX-License-Identifier: Apache-2.0
// The head and the consumers' marks of docs/protocol/hub-log.md; shared by writer and reader.
#ifndef HUB_LOG_CELLS_H
#define HUB_LOG_CELLS_H

#include "apps/hub/log_reader.h"

enum { HUB_CONSUMERS_MAX = 16 };

// ERR_NOT_FOUND: there is none. ERR_CORRUPT: torn, or another is writing it now.
NODISCARD enum err hub_head_read(const struct cells *cells, uint64_t *synced);
NODISCARD enum err hub_head_publish(const struct cells *cells, uint64_t synced);

// The name of a consumer's cell; ERR_ARG for a name outside the rules.
NODISCARD enum err hub_mark_name(const char *consumer, struct cell_name *out);
// 0 if the cell is not of the documented form. ERR_NOT_FOUND.
NODISCARD enum err hub_mark_read(const struct cells *cells, const char *name, uint64_t *passed);
NODISCARD enum err hub_mark_write(const struct cells *cells, const char *name, uint64_t passed);

#endif
