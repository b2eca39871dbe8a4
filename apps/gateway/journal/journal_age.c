// SPDX-License-Identifier: Apache-2.0
// Age: telemetry older than age_max_s is given up, oldest first, and a gap marker says how much.
//
// Messages are dated in UTC, so a clock that jumps by years would make all of them look old: ages
// are judged only once the clock has not stepped for an hour. A message of a boot that never
// learned the time goes with the first dated one after it that is too old.
#include "apps/gateway/journal/journal_internal.h"

#include "base/assert.h"

enum { CHECK_US = 600 * 1000000, ROUNDS_MAX = 64, RECORDS_MAX = 100000 };

uint64_t journal_age_deadline_us(const struct journal *journal)
{
    const struct journal_log *log = &journal->logs[LANE_TELEMETRY];
    bool is_waiting = journal_acks_open(&log->acks, log->seal_next) > 0;
    if (journal->cfg.age_max_s == 0 || journal->steady_us == TIME_NEVER || !is_waiting) {
        return TIME_NEVER;
    }
    return journal->age_check_us > journal->steady_us ? journal->age_check_us : journal->steady_us;
}

struct oldest {
    uint64_t bound;       // the record at which the oldest segment ends
    uint64_t ordinal_end; // messages in it below that are too old; 0: none
    bool is_whole;        // what follows it is too old as well, so it may go
};

enum age { UNDATED, YOUNG, OLD };

// Of the last dated message in the record; a catalogue has no time of its own, and a gap marker
// tells of others.
static enum age age_of(const struct sl_record *record, int64_t cutoff_ms, uint64_t *ordinal)
{
    enum age age = UNDATED;
    struct reader body = reader_of(record->payload);
    struct journal_section section;
    while (journal_section_next(&body, &section) == OK) {
        const struct journal_seal *seal = &section.u.seal;
        if (section.tag == SECTION_SEAL && seal->axis_boot == 0 &&
            seal->bag.kind == TM_MESSAGE_SAMPLES) {
            age = seal->to_ms < cutoff_ms ? OLD : YOUNG;
            *ordinal = seal->ordinal;
        }
    }
    return age;
}

static enum err look_at_oldest(struct journal *journal, int64_t cutoff_ms, struct oldest *out)
{
    const struct storage *storage = journal->cfg.storage[LANE_TELEMETRY];
    struct storage_segment segments[2];
    size_t count = 0;
    enum err err = storage->ops->list(storage->ctx, 0, segments, COUNT_OF(segments), &count);
    if (err != OK) {
        return err;
    }
    uint64_t synced = journal->logs[LANE_TELEMETRY].log.synced_next;
    bool has_next = count == 2 && segments[1].id < synced;
    *out = (struct oldest){.bound = has_next ? segments[1].id : synced};
    struct sl_reader_config cfg = {.storage = storage,
                                   .buffer = journal->scan_buffer,
                                   .buffer_size = sizeof(journal->scan_buffer)};
    struct sl_reader reader;
    struct sl_record record;
    sl_reader_init(&reader, &cfg, 0);
    for (unsigned i = 0; i < RECORDS_MAX; i++) {
        err = sl_reader_next(&reader, synced, &record);
        if (err != OK) {
            break;
        }
        uint64_t ordinal = 0;
        enum age age = age_of(&record, cutoff_ms, &ordinal);
        if (age == OLD && record.sequence < out->bound) {
            out->ordinal_end = ordinal + 1;
        } else if (age != UNDATED && record.sequence >= out->bound) {
            out->is_whole = age == OLD;
            break;
        }
    }
    return err == ERR_EMPTY || err == ERR_CORRUPT ? OK : err;
}

enum err journal_expire(struct journal *journal, uint64_t now_us)
{
    if (now_us < journal_age_deadline_us(journal)) {
        return OK;
    }
    journal->age_check_us = time_after(now_us, CHECK_US);
    int64_t offset_ms = journal_present_boot(journal)->utc_offset_ms;
    int64_t cutoff_ms = (int64_t)(now_us / US_PER_MS) + offset_ms -
                        (int64_t)journal->cfg.age_max_s * (int64_t)MS_PER_S;
    for (unsigned i = 0; i < ROUNDS_MAX; i++) {
        struct oldest oldest;
        enum err err = look_at_oldest(journal, cutoff_ms, &oldest);
        if (err == OK && oldest.is_whole) {
            err = journal_drop_oldest(journal, LANE_TELEMETRY, "age", now_us);
        } else if (err == OK && oldest.ordinal_end > journal->logs[LANE_TELEMETRY].acks.floor) {
            return journal_give_up(journal, LANE_TELEMETRY, oldest.bound, oldest.ordinal_end, "age",
                                   now_us);
        }
        if (err != OK || !oldest.is_whole) {
            return err == ERR_EMPTY ? OK : err;
        }
    }
    return OK;
}
