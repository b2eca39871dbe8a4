// SPDX-License-Identifier: Apache-2.0
// Cells as files in one folder and its sub-folders.
#ifndef PORT_LINUX_CELLS_H
#define PORT_LINUX_CELLS_H

#include "port/api/cells.h"

struct linux_cells {
    struct cells cells; // give &c->cells to users of the seam
    // Private:
    int folder_fd;
    int publish_fd; // of publish_name; -1: none
    struct cell_name publish_name;
};

// The folder must exist. ERR_NOT_FOUND, ERR_DENIED, ERR_IO.
NODISCARD enum err linux_cells_open(struct linux_cells *c, const char *folder);
void linux_cells_close(struct linux_cells *c);

#endif
