// SPDX-License-Identifier: Apache-2.0
// Reads the forms of a column into rows. Private to lib/telemetry.
#ifndef TELEMETRY_COLUMNS_H
#define TELEMETRY_COLUMNS_H

#include "telemetry/decode.h"

struct tm_column_reader {
    struct json_reader *json;
    const struct tm_decode_memory *memory;
    const struct tm_point *point; // NULL without a catalogue
    uint32_t row_count;
    size_t text_size; // used of memory->text
};

// Fills memory->rows[0 .. row_count).
NODISCARD enum err tm_read_column(struct tm_column_reader *c);

#endif
