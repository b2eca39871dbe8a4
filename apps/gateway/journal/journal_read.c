// SPDX-License-Identifier: Apache-2.0
// The way out: sealed messages are read back from the log one by one, so that memory does not grow
// with the backlog, and leave for good when they are acknowledged. The telemetry lane is read in
// two places: live, from what is sealed now, and the backlog that it left behind.
#include "apps/gateway/journal/journal_internal.h"

#include "base/assert.h"

#include <string.h>

enum { RECORDS_PER_CALL_MAX = 100000, ORDINALS_MISSING_MAX = 100000 };

static bool is_handed(const struct journal_log *log, uint64_t log_ordinal)
{
    for (size_t i = 0; i < log->handed_count; i++) {
        if (log->handed[i].log_ordinal == log_ordinal) {
            return true;
        }
    }
    return false;
}

// True for the reading that everything below it is done with or handed out.
static bool is_lowest(const struct journal_log *log, const struct journal_reading *reading)
{
    return reading == &log->backlog.reading || log->backlog.is_done;
}

// What stands after some missing messages.
struct beyond {
    uint64_t ordinal;
    uint64_t samples_from; // the first sample that is not lost
    uint64_t axis_boot;
    int64_t at_ms;
};

// Ordinals skip: messages were sealed and synced, but their part of the log does not check any
// more. The heads of their neighbours say how many samples they held.
static void pass_over_missing(struct journal *journal, enum journal_lane lane,
                              struct journal_reading *reading, const struct beyond *beyond)
{
    struct journal_log *log = &journal->logs[lane];
    // The heads may say anything: no more work than for messages that can have been there.
    bool is_near = beyond->ordinal - reading->ordinal_next <= ORDINALS_MISSING_MAX;
    uint64_t missing = is_near ? 0 : beyond->ordinal - reading->ordinal_next;
    for (uint64_t o = reading->ordinal_next; is_near && o < beyond->ordinal; o++) {
        missing += !journal_acks_has(&log->acks, o) && !is_handed(log, o);
    }
    if (missing == 0) {
        return;
    }
    uint64_t lost = lane == LANE_TELEMETRY ? beyond->samples_from - reading->samples_to : missing;
    journal_gap_add(journal, &(struct journal_gap){.boot = beyond->axis_boot,
                                                   .count = lost,
                                                   .from_ms = beyond->at_ms,
                                                   .to_ms = beyond->at_ms,
                                                   .why = "damage"});
    journal_notify(journal, JOURNAL_DAMAGED, lane, lost);
    if (log->handed_count == 0 && is_lowest(log, reading)) {
        journal_acks_raise(&log->acks, beyond->ordinal);
    }
    for (uint64_t o = reading->ordinal_next; is_near && o < beyond->ordinal; o++) {
        if (!is_handed(log, o)) {
            (void)journal_acks_add(&log->acks, o);
        }
    }
    log->acks_dirty = true;
}

// True if the seal is to be handed out.
static bool take_seal(struct journal *journal, enum journal_lane lane,
                      struct journal_reading *reading, const struct journal_seal *seal)
{
    struct journal_log *log = &journal->logs[lane];
    if (reading->ordinal_next != 0 && seal->ordinal < reading->ordinal_next) {
        return false;
    }
    if (reading->ordinal_next != 0 && seal->ordinal > reading->ordinal_next) {
        bool has_samples = seal->bag.kind == TM_MESSAGE_SAMPLES;
        pass_over_missing(journal, lane, reading,
                          &(struct beyond){.ordinal = seal->ordinal,
                                           .samples_from = seal->samples_to -
                                                           (has_samples ? seal->sample_count : 0),
                                           .axis_boot = seal->axis_boot,
                                           .at_ms = seal->from_ms});
    }
    reading->ordinal_next = seal->ordinal + 1;
    reading->samples_to = seal->samples_to;
    reading->axis_boot = seal->axis_boot;
    reading->to_ms = seal->to_ms;
    return !journal_acks_has(&log->acks, seal->ordinal) && !is_handed(log, seal->ordinal);
}

static void hand_out(struct journal_log *log, const struct journal_section *section,
                     uint64_t record, uint8_t *buffer, struct journal_message *out)
{
    const struct journal_seal *seal = &section->u.seal;
    log->handed[log->handed_count].ordinal = seal->ordinal;
    log->handed[log->handed_count].log_ordinal = seal->ordinal;
    log->handed[log->handed_count].record = record;
    log->handed_count++;
    memcpy(buffer, section->payload.data, section->payload.size);
    out->ordinal = seal->ordinal;
    out->bag = seal->bag;
    out->payload = bytes_of(buffer, section->payload.size);
}

void journal_reading_start(struct journal *journal, enum journal_lane lane,
                           struct journal_reading *reading, uint64_t record)
{
    struct sl_reader_config cfg = {.storage = journal->cfg.storage[lane],
                                   .buffer = reading->buffer,
                                   .buffer_size = sizeof(reading->buffer)};
    sl_reader_init(&reading->reader, &cfg, record);
    reading->ordinal_next = 0;
    reading->samples_to = 0;
}

// The next message of that reading below `limit`.
static enum err read_on(struct journal *journal, enum journal_lane lane,
                        struct journal_reading *reading, uint64_t limit, uint8_t *buffer,
                        struct journal_message *out)
{
    struct journal_log *log = &journal->logs[lane];
    for (unsigned i = 0; i < RECORDS_PER_CALL_MAX && log->handed_count < JOURNAL_HANDED_MAX; i++) {
        struct sl_record record;
        enum err err = sl_reader_next(&reading->reader, limit, &record);
        log->can_trim = true;
        if (err == ERR_CORRUPT) {
            journal_notify(journal, JOURNAL_DAMAGED, lane, 0);
            continue;
        }
        if (err != OK) {
            return err;
        }
        struct reader body = reader_of(record.payload);
        struct journal_section section;
        while (journal_section_next(&body, &section) == OK) {
            if (section.tag == SECTION_SEAL && take_seal(journal, lane, reading, &section.u.seal)) {
                hand_out(log, &section, record.sequence, buffer, out);
                return OK;
            }
        }
    }
    return ERR_AGAIN;
}

void journal_leave_behind(struct journal *journal)
{
    struct journal_log *log = &journal->logs[LANE_TELEMETRY];
    struct journal_backlog *backlog = &log->backlog;
    if (backlog->is_done) {
        journal_reading_start(journal, LANE_TELEMETRY, &backlog->reading, log->live.reader.next);
        backlog->reading.ordinal_next = log->live.ordinal_next;
        backlog->reading.samples_to = log->live.samples_to;
    }
    backlog->is_done = false;
    backlog->end = log->log.synced_next;
    backlog->end_ordinal = log->seal_next;
    backlog->end_samples = journal->sample_first + journal->sealed_count;
    if (log->newest[0].ordinal != 0) {
        backlog->end = log->newest[0].record;
        backlog->end_ordinal = log->newest[0].ordinal;
        backlog->end_samples = log->newest[0].samples_before;
    }
    backlog->descent_end = journal->cfg.order == JOURNAL_NEWEST_FIRST ? backlog->end : 0;
    backlog->descent_count = 0;
    journal_reading_start(journal, LANE_TELEMETRY, &log->live, backlog->end);
    log->live.ordinal_next = backlog->end_ordinal;
    log->live.samples_to = backlog->end_samples;
}

// Messages that wait to be read as live ones; but for the list of points, which may be more of them
// than may lag behind and is left behind by nothing newer: all that is newer needs it.
static uint64_t live_lag(const struct journal *journal)
{
    const struct journal_log *log = &journal->logs[LANE_TELEMETRY];
    uint64_t next = log->live.ordinal_next;
    uint64_t from = journal->catalogue_from > next ? journal->catalogue_from : next;
    // A part may be built and not sealed yet.
    uint64_t to = journal->catalogue_to < log->seal_next ? journal->catalogue_to : log->seal_next;
    return log->seal_next - next - (to > from ? to - from : 0);
}

// More waits than leaves at once: what is new goes ahead of it, and so does the list of points
// unless the cloud is known to have it.
static void keep_live(struct journal *journal, uint64_t now_us)
{
    struct journal_log *log = &journal->logs[LANE_TELEMETRY];
    if (live_lag(journal) <= JOURNAL_LIVE_LAG_MAX || log->acks.range_count >= JOURNAL_HOLES_MAX) {
        return;
    }
    journal_leave_behind(journal);
    journal_hurry(journal, now_us);
    bool is_known = true;
    for (uint64_t o = journal->catalogue_from; o < journal->catalogue_to; o++) {
        is_known = is_known && journal_acks_has(&log->acks, o);
    }
    if (!is_known && !journal->must_send_catalogue) {
        journal->must_send_catalogue = true;
        journal->catalogue_cursor = (struct tm_catalogue_cursor){.index = 0};
    }
}

enum err journal_next_message(struct journal *journal, uint64_t now_us, enum journal_lane lane,
                              uint8_t *buffer, struct journal_message *out)
{
    struct journal_log *log = &journal->logs[lane];
    if (lane == LANE_TELEMETRY) {
        keep_live(journal, now_us);
    }
    out->lane = lane;
    out->is_backlog = false;
    enum err err = read_on(journal, lane, &log->live, log->log.synced_next, buffer, out);
    return err == ERR_AGAIN ? ERR_EMPTY : err;
}

// The segment that holds what lies just below `end`; 0: none.
static enum err find_segment_below(const struct storage *storage, uint64_t end, uint64_t *found)
{
    struct storage_segment list[JOURNAL_DESCENT_MAX];
    size_t count = COUNT_OF(list);
    *found = 0;
    for (uint64_t from = 0; count == COUNT_OF(list); from = list[count - 1].id + 1) {
        enum err err = storage->ops->list(storage->ctx, from, list, COUNT_OF(list), &count);
        if (err != OK) {
            return err;
        }
        for (size_t i = 0; i < count && list[i].id < end; i++) {
            *found = list[i].id;
        }
        if (count == 0 || list[count - 1].id >= end) {
            break;
        }
    }
    return OK;
}

static bool is_waiting(const struct journal_log *log, struct bytes payload)
{
    struct reader body = reader_of(payload);
    struct journal_section section;
    while (journal_section_next(&body, &section) == OK) {
        if (section.tag == SECTION_SEAL && !journal_acks_has(&log->acks, section.u.seal.ordinal) &&
            !is_handed(log, section.u.seal.ordinal)) {
            return true;
        }
    }
    return false;
}

// Looks through the segment below descent_end for its last records with a message that waits.
static enum err look_below(struct journal *journal)
{
    struct journal_log *log = &journal->logs[LANE_TELEMETRY];
    struct journal_backlog *backlog = &log->backlog;
    uint64_t segment = 0;
    enum err err =
        find_segment_below(journal->cfg.storage[LANE_TELEMETRY], backlog->descent_end, &segment);
    if (err != OK) {
        return err;
    }
    uint64_t bottom = backlog->reading.reader.next;
    uint64_t from = segment > bottom ? segment : bottom;
    if (segment == 0 || from >= backlog->descent_end) {
        backlog->descent_end = 0;
        return OK;
    }
    struct sl_reader_config cfg = {.storage = journal->cfg.storage[LANE_TELEMETRY],
                                   .buffer = journal->scan_buffer,
                                   .buffer_size = sizeof(journal->scan_buffer)};
    struct sl_reader reader;
    sl_reader_init(&reader, &cfg, from);
    bool has_more_below = false;
    struct sl_record record;
    while ((err = sl_reader_next(&reader, backlog->descent_end, &record)) == OK) {
        if (!is_waiting(log, record.payload)) {
            continue;
        }
        if (backlog->descent_count == JOURNAL_DESCENT_MAX) {
            has_more_below = true;
            backlog->descent_count--;
            memmove(&backlog->descent[0], &backlog->descent[1],
                    backlog->descent_count * sizeof(backlog->descent[0]));
        }
        backlog->descent[backlog->descent_count++] = record.sequence;
    }
    if (err != ERR_EMPTY && err != ERR_CORRUPT) { // of damage the reading from below will tell
        backlog->descent_count = 0;
        return err;
    }
    backlog->descent_end = has_more_below ? backlog->descent[0] : segment;
    return OK;
}

// The newest message left behind that still waits. ERR_EMPTY: none is left above the reading.
static enum err descend(struct journal *journal, uint8_t *buffer, struct journal_message *out)
{
    struct journal_log *log = &journal->logs[LANE_TELEMETRY];
    struct journal_backlog *backlog = &log->backlog;
    while (backlog->descent_end != 0 || backlog->descent_count > 0) {
        if (backlog->descent_count == 0) {
            enum err err = look_below(journal);
            if (err != OK) {
                return err;
            }
            continue;
        }
        uint64_t at = backlog->descent[backlog->descent_count - 1];
        struct sl_reader_config cfg = {.storage = journal->cfg.storage[LANE_TELEMETRY],
                                       .buffer = journal->scan_buffer,
                                       .buffer_size = sizeof(journal->scan_buffer)};
        struct sl_reader reader;
        struct sl_record record;
        sl_reader_init(&reader, &cfg, at);
        enum err err = sl_reader_next(&reader, at + 1, &record);
        if (err != OK && err != ERR_EMPTY && err != ERR_CORRUPT) {
            return err;
        }
        backlog->descent_count--;
        struct reader body = reader_of(err == OK ? record.payload : bytes_of(NULL, 0));
        struct journal_section section;
        while (journal_section_next(&body, &section) == OK) {
            uint64_t ordinal = section.tag == SECTION_SEAL ? section.u.seal.ordinal : 0;
            if (ordinal != 0 && !journal_acks_has(&log->acks, ordinal) &&
                !is_handed(log, ordinal)) {
                hand_out(log, &section, at, buffer, out);
                return OK;
            }
        }
    }
    return ERR_EMPTY;
}

enum err journal_next_backlog(struct journal *journal, uint64_t now_us, uint8_t *buffer,
                              struct journal_message *out)
{
    (void)now_us;
    struct journal_log *log = &journal->logs[LANE_TELEMETRY];
    struct journal_backlog *backlog = &log->backlog;
    if (backlog->is_done || log->handed_count == JOURNAL_HANDED_MAX) {
        return ERR_EMPTY;
    }
    out->lane = LANE_TELEMETRY;
    out->is_backlog = true;
    enum err err = descend(journal, buffer, out);
    if (err != ERR_EMPTY) {
        return err;
    }
    struct journal_reading *reading = &backlog->reading;
    err = read_on(journal, LANE_TELEMETRY, reading, backlog->end, buffer, out);
    if (err != ERR_EMPTY) {
        return err == ERR_AGAIN ? ERR_EMPTY : err;
    }
    if (reading->ordinal_next != 0 && reading->ordinal_next < backlog->end_ordinal) {
        pass_over_missing(journal, LANE_TELEMETRY, reading,
                          &(struct beyond){.ordinal = backlog->end_ordinal,
                                           .samples_from = backlog->end_samples,
                                           .axis_boot = reading->axis_boot,
                                           .at_ms = reading->to_ms});
    }
    backlog->is_done = true;
    log->can_trim = true;
    return ERR_EMPTY;
}

bool journal_has_backlog(const struct journal *journal)
{
    return !journal->logs[LANE_TELEMETRY].backlog.is_done;
}

uint64_t journal_waiting(const struct journal *journal, enum journal_lane lane)
{
    const struct journal_log *log = &journal->logs[lane];
    return journal_acks_open(&log->acks, log->seal_next);
}

void journal_ack(struct journal *journal, uint64_t now_us, enum journal_lane lane, uint64_t ordinal)
{
    struct journal_log *log = &journal->logs[lane];
    for (size_t i = 0; i < log->handed_count; i++) {
        if (log->handed[i].ordinal != ordinal) {
            continue;
        }
        (void)journal_acks_add(&log->acks, log->handed[i].log_ordinal);
        log->acks_dirty = true;
        journal->dirty_since_us = time_min(journal->dirty_since_us, now_us);
        log->handed_count--;
        memmove(&log->handed[i], &log->handed[i + 1],
                (log->handed_count - i) * sizeof(log->handed[0]));
        return;
    }
}
