// SPDX-License-Identifier: Apache-2.0
// What the files of the store share and nobody else uses.
#ifndef CLOUD_STORE_PARTS_H
#define CLOUD_STORE_PARTS_H

#include "apps/cloud/store/store.h"

// Memory from the file; nothing is under way afterwards.
NODISCARD enum err store_load(struct store *store);
void store_series_reset(struct series *series, uint32_t site, uint32_t point);
// Adds to what is not yet in chunks.
NODISCARD enum err store_open_add(struct store *store, struct series *series,
                                  const struct entry *e);
NODISCARD enum err store_write_log_row(struct store *store);
// Moves samples into chunks and tails and empties the log, within the transaction.
NODISCARD enum err store_checkpoint(struct store *store);
// After its commit, under the lock.
void store_checkpoint_done(struct store *store);

#endif
