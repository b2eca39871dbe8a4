// SPDX-License-Identifier: Apache-2.0
// One pass of the encoder over samples sorted by point. Private to lib/telemetry.
#ifndef TELEMETRY_PACK_H
#define TELEMETRY_PACK_H

#include "telemetry/encode.h"
#include "json/writer.h"

// samples[order[0 .. count)] ascend by point, then by place; only places below `limit` take part.
struct tm_pack {
    const struct tm_catalogue *catalogue;
    struct tm_axis axis;
    const struct tm_sample *samples;
    const uint16_t *order;
    size_t count;
    size_t limit;
    int64_t base_ms; // found by tm_pack_times()
    int64_t unit_ms;
    int64_t interval; // in units
};

// The samples of one point: order[start .. end).
struct tm_run {
    size_t start;
    size_t end;
    size_t row_count;
    uint32_t index;
    const struct tm_point *point;
};

// The sample at or behind *at that takes part, *at then behind it; NULL at the end of the run.
const struct tm_sample *tm_run_next(const struct tm_pack *pack, const struct tm_run *run,
                                    size_t *at);
// Time cut to the resolution of its point, ms.
int64_t tm_sample_ms(const struct tm_point *point, const struct tm_sample *sample);
// Writes the values of one run in their shortest form.
void tm_put_column(const struct tm_pack *pack, const struct tm_run *run, struct json_writer *w);

#endif
