// SPDX-License-Identifier: Apache-2.0
// Boundary: the bytes of segments on disk. Input: [u16 LE size, bytes]* become segments 1, 100,
// ...; the log opens, goes on, and whoever reads it gets every record appended since.
#include "base/assert.h"
#include "seglog/reader.h"
#include "seglog/seglog.h"
#include "sim/storage.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEGMENTS_MAX = 6, APPENDS = 5 };

static void fill(const struct storage *storage, struct bytes in)
{
    struct reader r = reader_of(in);
    for (uint64_t id = 1; id < 100 * SEGMENTS_MAX && reader_left(&r) > 0;
         id = id / 100 * 100 + 100) {
        size_t wanted = get_u16le(&r);
        size_t left = reader_left(&r);
        struct bytes part = get_bytes(&r, wanted < left ? wanted : left);
        enum err err = storage->ops->append(storage->ctx, id, &part, 1);
        ASSERT(err == OK);
    }
}

static void check(const struct storage *storage)
{
    static uint8_t buffer[256];
    struct sl_config cfg = {
        .storage = storage,
        .buffer = buffer,
        .buffer_size = sizeof(buffer),
        .payload_size_max = 64,
        .segment_size = 256,
    };
    struct seglog log;
    struct sl_recovery found;
    if (sl_recover(&log, &cfg, &found) != OK) {
        return;
    }
    uint64_t first = log.next;
    for (int i = 0; i < APPENDS; i++) {
        struct bytes part = bytes_of("good after bad", 14);
        uint64_t sequence = 0;
        enum err err = sl_append(&log, 1, &part, 1, &sequence);
        ASSERT(err == OK && sequence == first + (uint64_t)i);
    }
    enum err err = sl_sync(&log);
    ASSERT(err == OK);
    struct sl_reader reader;
    struct sl_reader_config reader_cfg = {storage, buffer, sizeof(buffer)};
    sl_reader_init(&reader, &reader_cfg, 0);
    int seen = 0;
    uint64_t last = 0;
    struct sl_record record;
    do {
        err = sl_reader_next(&reader, log.synced_next, &record);
        if (err == OK) {
            ASSERT(record.sequence > last);
            last = record.sequence;
            seen += record.sequence >= first;
        } else if (err == ERR_SIZE || err == ERR_UNSUPPORTED) {
            sl_reader_init(&reader, &reader_cfg, first);
        }
    } while (err != ERR_EMPTY);
    ASSERT(seen == APPENDS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sim_medium medium;
    sim_medium_init(&medium, 1);
    struct storage storage = sim_storage(&medium);
    fill(&storage, bytes_of(data, size));
    check(&storage);
    sim_medium_deinit(&medium);
    return 0;
}
