// SPDX-License-Identifier: Apache-2.0
// A server over plain arrays, for devices whose data is just memory. Each table starts at
// address 0.
#ifndef MB_TABLES_H
#define MB_TABLES_H

#include "modbus/server.h"

struct mb_tables { // the caller's arrays; a count of 0: no such table
    bool *coils;
    const bool *discrete;
    uint16_t *holding;
    const uint16_t *input;
    size_t coil_count, discrete_count, holding_count, input_count;
};

// ctx is the struct mb_tables. Reads and writes of the tables; no files, queues or status.
extern const struct mb_server_ops mb_tables_ops;

#endif
