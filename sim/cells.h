// SPDX-License-Identifier: Apache-2.0
// Cells on the virtual disk of sim/medium.h.
#ifndef SIM_CELLS_H
#define SIM_CELLS_H

#include "port/api/cells.h"
#include "sim/medium.h"

struct cells sim_cells(struct sim_medium *medium);

#endif
