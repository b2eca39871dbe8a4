// SPDX-License-Identifier: Apache-2.0
// The sync trace: what the journal has durably, told to a test that then pulls the plug.
#include "apps/gateway/north/north_internal.h"

#include "port/api/clock.h"
#include "port/linux/log.h"
#include "json/writer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { LINE_SIZE_MAX = 2048 };

static void put_value(struct json_writer *w, const struct tm_value *value)
{
    json_put_key(w, "v");
    switch (value->kind) {
    case TM_NULL: json_put_null(w); break;
    case TM_INT: json_put_decimal(w, value->u.i, value->exponent); break;
    case TM_DOUBLE: json_put_double(w, value->u.d); break;
    case TM_BOOL: json_put_bool(w, value->u.b); break;
    case TM_ENUM: json_put_i64(w, value->u.i); break;
    case TM_TEXT: json_put_text(w, bytes_of(value->u.text, value->text_size)); break;
    }
}

static void put_time(struct json_writer *w, const struct journal_synced *synced, uint64_t at_us)
{
    if (synced->utc_offset_ms != JOURNAL_UTC_UNKNOWN) {
        json_put_key_i64(w, "utc_ms", (int64_t)(at_us / US_PER_MS) + synced->utc_offset_ms);
    } else {
        json_put_key(w, "boot");
        json_put_hex64(w, synced->boot);
        json_put_key_u64(w, "mono_us", at_us);
    }
}

static void put_point(struct json_writer *w, const struct tm_catalogue *catalogue, uint32_t id)
{
    uint32_t index = 0;
    json_put_key_u64(w, "p", id);
    if (catalogue == NULL || tm_catalogue_index(catalogue, id, &index) != OK) {
        return;
    }
    const struct tm_point *point = &catalogue->points[index];
    json_put_key_string(w, "name", point->name);
    json_put_key_string(w, "device", point->device);
    json_put_key_string(w, "sensor", point->sensor);
    if (point->is_diagnostic) {
        json_put_key_bool(w, "diag", true);
    }
}

void sync_trace_write(int fd, const struct tm_catalogue *catalogue,
                      const struct journal_synced *synced)
{
    uint64_t now_us = port_now_us();
    for (size_t i = 0; fd >= 0 && i < synced->count; i++) {
        const struct tm_sample *sample = &synced->samples[i];
        char line[LINE_SIZE_MAX];
        struct json_writer w;
        json_writer_init(&w, line, sizeof(line) - 1);
        json_begin_object(&w);
        put_point(&w, catalogue, sample->point);
        put_time(&w, synced, sample->at_us);
        put_value(&w, &sample->value);
        json_put_key_string(&w, "q", tm_quality_name(sample->quality));
        if (sample->reason != TM_REASON_NONE) {
            json_put_key_string(&w, "why", tm_reason_name(sample->reason));
        }
        json_put_key_u64(&w, "at_us", sample->at_us);
        json_put_key_u64(&w, "told_us", now_us);
        json_end_object(&w);
        struct bytes text = json_writer_bytes(&w);
        line[text.size] = '\n';
        // One write per line: what a killed process has told is told whole.
        if (write(fd, line, text.size + 1) != (ssize_t)text.size + 1) {
            log_warn("journal", "sync_trace", "problem=%s", log_quote(strerror(errno)).text);
        }
    }
}
