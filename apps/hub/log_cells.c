// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/log_cells.h"

#include "base/crc.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define HEAD_MAGIC 0x31484842u // "BHH1"

enum { HEAD_SIZE = 16, MARK_DIGITS_MAX = 18 };

enum err hub_head_read(const struct cells *cells, uint64_t *synced)
{
    uint8_t bytes[HEAD_SIZE];
    size_t size = 0;
    enum err err = cells->ops->read(cells->ctx, HUB_LOG_HEAD, bytes, sizeof(bytes), &size);
    if (err != OK) {
        return err == ERR_SIZE ? ERR_CORRUPT : err;
    }
    struct reader r = reader_of(bytes_of(bytes, size));
    uint32_t magic = get_u32le(&r);
    uint64_t number = get_u64le(&r);
    uint32_t crc = get_u32le(&r);
    if (!reader_done(&r) || magic != HEAD_MAGIC || crc != crc32c(0, bytes_of(bytes, 12))) {
        return ERR_CORRUPT;
    }
    *synced = number;
    return OK;
}

enum err hub_head_publish(const struct cells *cells, uint64_t synced)
{
    uint8_t bytes[HEAD_SIZE];
    struct writer w = writer_of(bytes, sizeof(bytes));
    put_u32le(&w, HEAD_MAGIC);
    put_u64le(&w, synced);
    put_u32le(&w, crc32c(0, writer_bytes(&w)));
    return cells->ops->publish(cells->ctx, HUB_LOG_HEAD, writer_bytes(&w));
}

enum err hub_mark_name(const char *consumer, struct cell_name *out)
{
    size_t size = strlen(consumer);
    if (size == 0 || size > HUB_CONSUMER_NAME_MAX ||
        strspn(consumer, "abcdefghijklmnopqrstuvwxyz0123456789-") != size) {
        return ERR_ARG;
    }
    int length = snprintf(out->text, sizeof(out->text), HUB_LOG_CONSUMERS "/%s", consumer);
    return length > 0 && (size_t)length < sizeof(out->text) ? OK : ERR_ARG;
}

// Decimal digits and one line feed; at most 18 digits, so that nothing near the end of the
// numbers is ever believed.
static uint64_t parse_mark(const uint8_t *text, size_t size)
{
    if (size < 2 || size > MARK_DIGITS_MAX + 1 || text[size - 1] != '\n') {
        return 0;
    }
    uint64_t number = 0;
    for (size_t i = 0; i < size - 1; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return 0;
        }
        number = number * 10 + (uint64_t)(text[i] - '0');
    }
    return number;
}

enum err hub_mark_read(const struct cells *cells, const char *name, uint64_t *passed)
{
    uint8_t text[MARK_DIGITS_MAX + 2];
    size_t size = 0;
    enum err err = cells->ops->read(cells->ctx, name, text, sizeof(text), &size);
    if (err != OK && err != ERR_SIZE) {
        return err;
    }
    *passed = err == OK ? parse_mark(text, size) : 0;
    return OK;
}

enum err hub_mark_write(const struct cells *cells, const char *name, uint64_t passed)
{
    char text[MARK_DIGITS_MAX + 4];
    int size = snprintf(text, sizeof(text), "%" PRIu64 "\n", passed);
    if (size < 0 || size > MARK_DIGITS_MAX + 1) {
        return ERR_ARG;
    }
    return cells->ops->replace(cells->ctx, name, bytes_of(text, (size_t)size));
}
