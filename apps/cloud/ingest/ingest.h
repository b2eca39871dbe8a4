// SPDX-License-Identifier: Apache-2.0
// From a message of the hub's log into the store: who, seen before?, what kind; samples, catalogue
// or events. A message that cannot be used is set aside with a reason and never stops the others.
#ifndef CLOUD_INGEST_H
#define CLOUD_INGEST_H

#include "apps/cloud/ingest/catalogues.h"
#include "apps/cloud/ingest/live.h"
#include "apps/hub/log_record.h"
#include "telemetry/decode.h"

enum { INGEST_ROWS_MAX = HUB_PAYLOAD_SIZE_MAX / 2, INGEST_COLUMNS_MAX = TM_POINT_COUNT_MAX * 4 };

_Static_assert(INGEST_ROWS_MAX <= (int)STORE_MESSAGE_SAMPLES_MAX, "the store's room for a message");

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
    // Of this batch:
    uint64_t batch_samples;
    uint8_t *changed; // per site: bits of enum ingest_change
    // Messages that waited for a catalogue are more than one batch takes: ingest_resume goes on.
    bool must_resume;
    uint64_t resume_hash;
    uint32_t resume_site;
    // Some may be left from before (a restart, an undone batch): ingest_look finds them.
    bool must_look;
    struct store_waiting looked_at;
};

enum ingest_change { INGEST_RECEIVED = 1, INGEST_CATALOGUE = 2 };

NODISCARD enum err ingest_init(struct ingest *ingest, struct store *store,
                               struct catalogues *catalogues);
void ingest_deinit(struct ingest *ingest);

// Before each batch.
void ingest_begin(struct ingest *ingest);
// After a batch was rolled back.
void ingest_undone(struct ingest *ingest);

// Within a batch of the store. An error is the store's: the batch must be rolled back.
NODISCARD enum err ingest_message(struct ingest *ingest, uint64_t sequence,
                                  const struct hub_record *record);

// Looks for messages whose catalogue came meanwhile, while must_look, and sets must_resume for the
// next ones found. Needs no batch.
NODISCARD enum err ingest_look(struct ingest *ingest);
// Goes on with messages that had waited, while must_resume; also within a batch.
NODISCARD enum err ingest_resume(struct ingest *ingest);

// The two above, at the start of a batch that begins when there is something.
NODISCARD enum err ingest_again(struct ingest *ingest, bool *has_begun);
// After the commit: what it changed, for those who watch. live NULL: nobody.
void ingest_tell(const struct ingest *ingest, struct live *live);
// An event for every site, of the cloud's own; within a batch.
NODISCARD enum err ingest_tell_sites(struct ingest *ingest, const char *kind, const char *text);

// The entry of a telemetry row; text is given as the id 0.
struct entry entry_of_row(const struct tm_row *row, int64_t at_ms);

#endif
