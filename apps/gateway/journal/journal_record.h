// SPDX-License-Identifier: Apache-2.0
// The bytes of a journal record: a row of sections, each {tag u8, size u16, body}, little-endian.
// One record is one commit: the log's checksum makes it whole or absent. docs/protocol/journal.md.
#ifndef GATEWAY_JOURNAL_RECORD_H
#define GATEWAY_JOURNAL_RECORD_H

#include "apps/gateway/journal/journal_state.h"

enum { JOURNAL_RECORD_KIND = 1 }; // of the log's record; another number is another format

enum journal_tag {
    SECTION_ANCHOR = 1,   // what a boot's clock says
    SECTION_SAMPLES = 2,  // not sealed yet
    SECTION_RELAYS = 3,   // what was last taken from relayed sensors
    SECTION_SEAL = 4,     // a message: head and exact bytes
    SECTION_ACKS = 5,     // all that is acknowledged
    SECTION_COUNTERS = 6, // where the ordinals stand
    SECTION_BUDGET = 7,   // units of the hub's daily quota that may have been spent
    SECTION_SIDES = 8,    // what was told of points at their limits
};

struct journal_samples {
    uint64_t boot;
    uint64_t first_ordinal;
    uint32_t count;
    struct reader body; // for journal_sample_get, count times
};

struct journal_relays {
    uint64_t boot;
    bool has_utc;
    uint32_t count;
    struct reader body; // for journal_relay_get, count times
};

struct journal_sides {
    uint32_t count;
    struct reader body; // for journal_side_get, count times
};

struct journal_counters {
    uint64_t seal_next;
    uint64_t sample_next;
};

struct journal_section {
    enum journal_tag tag;
    union {
        struct journal_boot anchor; // first_ordinal unused
        struct journal_samples samples;
        struct journal_relays relays;
        struct journal_sides sides;
        struct journal_seal seal;
        struct journal_acks acks;
        struct journal_counters counters;
        struct journal_budget budget;
    } u;
    struct bytes payload; // of a seal
};

// Sections are opened and closed round what is put into them; a writer that ran full fails.
size_t journal_section_begin(struct writer *w, enum journal_tag tag);
void journal_section_end(struct writer *w, size_t begun);

void journal_put_anchor(struct writer *w, const struct journal_boot *boot);
void journal_put_seal(struct writer *w, const struct journal_seal *seal, struct bytes payload);
void journal_put_acks(struct writer *w, const struct journal_acks *acks);
void journal_put_counters(struct writer *w, const struct journal_counters *counters);
void journal_put_budget(struct writer *w, const struct journal_budget *budget);
void journal_put_sides(struct writer *w, const struct journal_side *sides, size_t count);
// As many of the samples as fit before `limit` bytes; returns how many.
size_t journal_put_samples(struct writer *w, uint64_t boot, uint64_t first_ordinal,
                           const struct tm_sample *samples, size_t count, size_t limit);

// The next section of a record. ERR_EMPTY: no more. ERR_CORRUPT: not what we write.
NODISCARD enum err journal_section_next(struct reader *record, struct journal_section *out);
// The next sample; `previous` is the one before (zeros at first). Text points into the record.
NODISCARD enum err journal_sample_get(struct journal_samples *in, const struct tm_sample *previous,
                                      struct tm_sample *out);
// A relay state, is_dirty false.
NODISCARD enum err journal_relay_get(struct journal_relays *in, struct journal_relay *out);
void journal_put_relay(struct writer *w, const struct journal_relay *relay, bool with_utc);
NODISCARD enum err journal_side_get(struct journal_sides *in, struct journal_side *out);

#endif
