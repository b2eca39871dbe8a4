// SPDX-License-Identifier: Apache-2.0
// From a message of the hub's log into the store: who, seen before?, what kind; samples, catalogue
// or events. A message that cannot be used is set aside with a reason and never stops the others.
#ifndef CLOUD_INGEST_H
#define CLOUD_INGEST_H

#include "apps/cloud/ingest/catalogues.h"
#include "apps/hub/log_record.h"
#include "telemetry/decode.h"

enum { INGEST_ROWS_MAX = HUB_PAYLOAD_SIZE_MAX / 2, INGEST_COLUMNS_MAX = TM_POINT_COUNT_MAX * 4 };

// A column of a message on its way into the store.
struct staged_column {
    uint32_t point;
    uint32_t series;
    uint32_t first; // of its rows in `staged`
    uint32_t count;
};

struct ingest {
    struct store *store;
    struct catalogues *catalogues;
    struct tm_decode_memory decode;
    struct entry *staged;
    uint32_t staged_count;
    struct staged_column *columns;
    uint32_t column_count;
    uint8_t *again; // a message that had been set aside
    uint64_t batch_samples;
    bool catalogue_changed; // of some site, in this batch
    uint32_t catalogue_site;
    // Messages that waited for a catalogue are more than one batch takes: ingest_resume goes on.
    bool must_resume;
    uint64_t resume_hash;
    uint32_t resume_site;
};

NODISCARD enum err ingest_init(struct ingest *ingest, struct store *store,
                               struct catalogues *catalogues);
void ingest_deinit(struct ingest *ingest);

// Within a batch of the store. An error is the store's: the batch must be rolled back.
NODISCARD enum err ingest_message(struct ingest *ingest, uint64_t sequence,
                                  const struct hub_record *record);

// Goes on with messages that had waited, while must_resume; also within a batch.
NODISCARD enum err ingest_resume(struct ingest *ingest);

// The entry of a telemetry row; text is given as the id 0.
struct entry entry_of_row(const struct tm_row *row, int64_t at_ms);

#endif
