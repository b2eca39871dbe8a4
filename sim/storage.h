// SPDX-License-Identifier: Apache-2.0
// Segments on the virtual disk of sim/medium.h.
#ifndef SIM_STORAGE_H
#define SIM_STORAGE_H

#include "port/api/storage.h"
#include "sim/medium.h"

// Segments share the medium with cells and with nobody else's segments. To damage one on purpose:
// sim_storage_bytes gives its visible bytes, *size long; NULL if there is none.
struct storage sim_storage(struct sim_medium *medium);
uint8_t *sim_storage_bytes(struct sim_medium *medium, uint64_t id, size_t *size);

#endif
