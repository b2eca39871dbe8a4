// SPDX-License-Identifier: Apache-2.0
// Any messages from a device: taken, dropped or set aside, never a failed batch. The input is cut
// at zero bytes: property bag, payload, property bag, payload ...
#include "apps/cloud/ingest/ingest.h"
#include "base/assert.h"
#include "sim/sqlite_disk.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct bytes cut(struct bytes *rest)
{
    const uint8_t *end = rest->size > 0 ? memchr(rest->data, 0, rest->size) : NULL;
    const size_t size = end != NULL ? (size_t)(end - rest->data) : rest->size;
    const struct bytes part = bytes_of(rest->data, size);
    const size_t used = end != NULL ? size + 1 : size;
    *rest = bytes_of(rest->data + used, rest->size - used);
    return part;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sqlite_disk disk;
    static struct store store;
    static struct catalogues catalogues;
    static struct ingest ingest;
    const struct store_config cfg = {
        .path = "fuzz.db", .vfs = "sim", .site_max = 2, .series_max = 64, .log_samples_min = 50};
    sqlite_disk_init(&disk, 1);
    ASSERT(store_open(&store, &cfg) == OK);
    ASSERT(catalogues_init(&catalogues, &store) == OK);
    ASSERT(ingest_init(&ingest, &store, &catalogues) == OK);
    struct bytes rest = bytes_of(data, size);
    for (uint64_t sequence = 1; rest.size > 0 && sequence < 20; sequence++) {
        const struct hub_record record = {.received_utc_ms = 1700000000000,
                                          .device_id = bytes_of("shop", 4),
                                          .properties = cut(&rest),
                                          .payload = cut(&rest)};
        ASSERT(store_begin(&store) == OK);
        ASSERT(ingest_message(&ingest, sequence, &record) == OK);
        ASSERT(store_commit(&store, sequence) == OK);
    }
    ingest_deinit(&ingest);
    catalogues_deinit(&catalogues);
    store_close(&store);
    sqlite_disk_deinit(&disk);
    return 0;
}
