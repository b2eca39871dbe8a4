// SPDX-License-Identifier: Apache-2.0
// Any bytes as a telemetry message of any kind. Holds: a message reads the same with a large and a
// just sufficient memory; every value is one that the format can carry.
#include "base/assert.h"
#include "base/crc.h"
#include "telemetry/decode.h"
#include "telemetry/event.h"

enum { ROWS = 512, TEXT = 2048, POINTS = 16, LABELS = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    enum err err;
    size_t rows;
    uint32_t row_max;
};

static void check_rows(const struct tm_column *column)
{
    for (uint32_t i = 0; i < column->row_count; i++) {
        const struct tm_row *row = &column->rows[i];
        ASSERT((row->value.kind == TM_NULL) == (row->quality != TM_GOOD));
        ASSERT(row->quality <= TM_BAD && row->reason <= TM_REASON_LAST);
        ASSERT(column->time_ms[i] >= 0);
        ASSERT(tm_value_equal(&row->value, &row->value));
    }
}

static struct outcome decode(struct bytes message, const struct tm_catalogue *catalogue,
                             size_t row_capacity)
{
    static int64_t time_ms[ROWS];
    static struct tm_row rows[ROWS];
    static char text[TEXT];
    const struct tm_decode_memory memory = {.time_ms = time_ms,
                                            .rows = rows,
                                            .row_capacity = row_capacity,
                                            .text = text,
                                            .text_capacity = sizeof(text)};
    struct tm_decoder d;
    struct tm_column column;
    struct outcome out = {.err = tm_decode_init(&d, message, catalogue, &memory)};
    while (out.err == OK && (out.err = tm_decode_next(&d, &column)) == OK) {
        check_rows(&column);
        out.rows += column.row_count;
        out.row_max = column.row_count > out.row_max ? column.row_count : out.row_max;
    }
    return out;
}

static void read_catalogue(struct bytes message)
{
    static struct tm_point points[POINTS];
    static struct tm_label labels[LABELS];
    static char text[TEXT];
    const struct tm_catalogue_memory memory = {.points = points,
                                               .point_capacity = POINTS,
                                               .labels = labels,
                                               .label_capacity = LABELS,
                                               .text = text,
                                               .text_capacity = sizeof(text)};
    struct tm_catalogue_part part;
    if (tm_catalogue_read(message, HASH64_START, &memory, &part) == OK) {
        ASSERT(part.count <= POINTS && part.first + part.count <= part.point_total);
        for (uint32_t i = 0; i < part.count; i++) {
            ASSERT(points[i].name != NULL && points[i].device != NULL);
        }
    }
}

static void read_events(struct bytes message)
{
    char text[TM_TEXT_SIZE_MAX + 1];
    struct tm_event_reader r;
    struct tm_event event;
    enum err err = tm_events_init(&r, message, text, sizeof(text));
    while (err == OK) {
        err = tm_events_next(&r, &event);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct tm_point points[] = {
        {.id = 3, .type = TM_TYPE_INT, .exponent = -2, .name = "n", .device = "d"},
        {.id = 4, .type = TM_TYPE_DOUBLE, .name = "n", .device = "d"},
        {.id = 7, .type = TM_TYPE_TEXT, .name = "n", .device = "d"},
    };
    struct bytes message = bytes_of(data, size);
    struct tm_head head;
    struct tm_catalogue catalogue = {.points = points, .point_count = COUNT_OF(points)};
    if (tm_head_read(message, &head) == OK) {
        catalogue.hash = head.catalogue_hash;
        (void)decode(message, &catalogue, ROWS);
    }
    struct outcome large = decode(message, NULL, ROWS);
    if (large.err == ERR_EMPTY && large.row_max > 0) {
        struct outcome exact = decode(message, NULL, large.row_max);
        ASSERT(exact.err == ERR_EMPTY && exact.rows == large.rows);
        ASSERT(decode(message, NULL, large.row_max - 1).err == ERR_SIZE);
    }
    read_catalogue(message);
    read_events(message);
    return 0;
}
