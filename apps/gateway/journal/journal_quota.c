// SPDX-License-Identifier: Apache-2.0
// Room: segments with nothing left to do go; when the quota is reached the oldest telemetry goes
// first and alerts last, and a gap marker says how much.
#include "apps/gateway/journal/journal_internal.h"

#include <string.h>

enum { ROUNDS_MAX = 64 };

static uint64_t needed_from(const struct journal *journal, enum journal_lane lane)
{
    const struct journal_log *log = &journal->logs[lane];
    uint64_t needed = log->live.reader.next;
    if (!log->backlog.is_done && log->backlog.reading.reader.next < needed) {
        needed = log->backlog.reading.reader.next;
    }
    for (size_t i = 0; i < log->handed_count; i++) {
        needed = log->handed[i].record < needed ? log->handed[i].record : needed;
    }
    needed = log->checkpoint_record < needed ? log->checkpoint_record : needed;
    if (lane == LANE_TELEMETRY && journal->batch_count > 0) {
        uint64_t batch = journal->batches[0].record;
        needed = batch < needed ? batch : needed;
    }
    return needed;
}

enum err journal_trim(struct journal *journal)
{
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        struct journal_log *log = &journal->logs[lane];
        if (!log->can_trim) {
            continue;
        }
        log->can_trim = false;
        uint64_t needed = needed_from(journal, lane);
        enum err err = needed > log->log.first ? sl_remove_below(&log->log, needed) : OK;
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

// A message in flight may or may not have arrived: its copy moves to the end of the log, where it
// gets another ordinal. Nobody outside knows ordinals but through the handed table.
static enum err carry(struct journal *journal, enum journal_lane lane, size_t handed,
                      const struct journal_section *section)
{
    struct journal_log *log = &journal->logs[lane];
    struct journal_seal seal = section->u.seal;
    seal.ordinal = log->seal_next;
    struct writer w = writer_of(journal->record, sizeof(journal->record));
    journal_put_seal(&w, &seal, section->payload);
    struct bytes part = writer_bytes(&w);
    uint64_t record;
    enum err err = sl_append(&log->log, JOURNAL_RECORD_KIND, &part, 1, &record);
    if (err == OK) {
        journal->stats.bytes += part.size + SL_RECORD_HEADER_SIZE;
        log->handed[handed].log_ordinal = seal.ordinal;
        log->handed[handed].record = record;
        log->seal_next++;
    }
    return err;
}

// What is given up: messages of a lane's oldest segment.
struct sacrifice {
    enum journal_lane lane;
    uint64_t bound;       // the record at which that segment ends
    uint64_t ordinal_end; // from here on they stay
    const char *why;
};

static void lose(struct journal *journal, const struct sacrifice *it,
                 const struct journal_seal *seal)
{
    if (seal->bag.kind == TM_MESSAGE_CATALOGUE) {
        journal->must_send_catalogue = true;
        journal->catalogue_cursor = (struct tm_catalogue_cursor){.index = 0};
        return;
    }
    journal_gap_add(journal, &(struct journal_gap){.boot = seal->axis_boot,
                                                   .count = seal->sample_count,
                                                   .from_ms = seal->from_ms,
                                                   .to_ms = seal->to_ms,
                                                   .why = it->why});
    if (seal->bag.kind == TM_MESSAGE_SAMPLES) {
        journal->stats.samples_lost += seal->sample_count;
    }
    bool is_age = strcmp(it->why, "age") == 0;
    journal_notify(journal, is_age ? JOURNAL_EXPIRED : JOURNAL_DROPPED_OLDEST, it->lane,
                   seal->sample_count);
}

static size_t handed_index(const struct journal_log *log, uint64_t log_ordinal)
{
    size_t at = 0;
    while (at < log->handed_count && log->handed[at].log_ordinal != log_ordinal) {
        at++;
    }
    return at;
}

// Gap markers tell of one time axis each.
static bool is_other_axis(const struct journal *journal, const struct journal_seal *seal)
{
    return journal->gap_count > 0 && seal->bag.kind != TM_MESSAGE_CATALOGUE &&
           journal->gaps[0].boot != seal->axis_boot;
}

// Judges the messages up to one whose loss another marker would have to tell; *floor becomes the
// ordinal after the last one judged, also when an error ends it. ERR_AGAIN: there are more.
static enum err give_up_run(struct journal *journal, const struct sacrifice *it, uint64_t *floor)
{
    struct journal_log *log = &journal->logs[it->lane];
    struct sl_reader_config cfg = {.storage = journal->cfg.storage[it->lane],
                                   .buffer = journal->scan_buffer,
                                   .buffer_size = sizeof(journal->scan_buffer)};
    struct sl_reader reader;
    sl_reader_init(&reader, &cfg, 0);
    *floor = log->acks.floor;
    for (;;) {
        struct sl_record record;
        enum err err = sl_reader_next(&reader, it->bound, &record);
        if (err == ERR_EMPTY) {
            return OK;
        }
        if (err != OK && err != ERR_CORRUPT) {
            return err;
        }
        struct reader body = reader_of(err == OK ? record.payload : bytes_of(NULL, 0));
        struct journal_section section;
        while (err == OK && journal_section_next(&body, &section) == OK) {
            uint64_t ordinal = section.u.seal.ordinal;
            if (section.tag != SECTION_SEAL || ordinal < *floor) {
                continue;
            }
            if (ordinal >= it->ordinal_end) {
                return OK;
            }
            size_t handed = handed_index(log, ordinal);
            if (journal_acks_has(&log->acks, ordinal)) {
                *floor = ordinal + 1;
                continue;
            }
            if (handed < log->handed_count) {
                err = carry(journal, it->lane, handed, &section);
            } else if (is_other_axis(journal, &section.u.seal)) {
                return ERR_AGAIN;
            } else {
                lose(journal, it, &section.u.seal);
            }
            *floor = err == OK ? ordinal + 1 : *floor;
        }
        if (err != OK && err != ERR_CORRUPT) {
            return err;
        }
    }
}

// Samples that only lie in a segment about to go are sealed first.
static enum err seal_below(struct journal *journal, uint64_t bound, uint64_t now_us)
{
    while (journal->catalogue != NULL && journal->batch_count > 0 &&
           journal->batches[0].record < bound) {
        if (journal->logs[LANE_TELEMETRY].payload_size == 0 && !journal_build_samples(journal)) {
            return OK;
        }
        enum err err = journal_commit(journal, LANE_TELEMETRY, now_us);
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

// Messages that are built and gaps that wait become durable.
static enum err commit_waiting(struct journal *journal, uint64_t now_us)
{
    struct journal_log *telemetry = &journal->logs[LANE_TELEMETRY];
    enum err err = OK;
    if (journal->logs[LANE_ALERTS].payload_size > 0) {
        err = journal_commit(journal, LANE_ALERTS, now_us);
    }
    while (err == OK && (telemetry->payload_size > 0 || journal->gap_count > 0)) {
        if (telemetry->payload_size == 0) {
            (void)journal_build_gap(journal);
        }
        err = journal_commit(journal, LANE_TELEMETRY, now_us);
    }
    return err;
}

// The record that raises the floor over some messages holds the marker of their loss, so that a
// power cut leaves both or neither.
enum err journal_give_up(struct journal *journal, enum journal_lane lane, uint64_t bound,
                         uint64_t ordinal_end, const char *why, uint64_t now_us)
{
    const struct sacrifice it = {
        .lane = lane, .bound = bound, .ordinal_end = ordinal_end, .why = why};
    struct journal_log *log = &journal->logs[lane];
    enum err err = commit_waiting(journal, now_us);
    bool has_more = err == OK;
    while (has_more) {
        uint64_t floor = 0;
        err = give_up_run(journal, &it, &floor);
        has_more = err == ERR_AGAIN;
        journal_acks_raise(&log->acks, floor);
        log->acks_dirty = true;
        log->must_checkpoint = log->must_checkpoint || log->checkpoint_record < bound;
        (void)journal_build_gap(journal);
        if (err != OK && err != ERR_AGAIN) {
            return err; // what is judged stays judged, and the next commit tells
        }
        err = journal_commit(journal, LANE_TELEMETRY, now_us);
        if (err == OK && lane == LANE_ALERTS) {
            err = journal_commit(journal, LANE_ALERTS, now_us);
        }
        has_more = has_more && err == OK;
    }
    return err;
}

enum err journal_drop_oldest(struct journal *journal, enum journal_lane lane, const char *why,
                             uint64_t now_us)
{
    struct storage_segment segments[2];
    size_t count = 0;
    const struct storage *storage = journal->cfg.storage[lane];
    enum err err = storage->ops->list(storage->ctx, 0, segments, 2, &count);
    if (err != OK || count < 2) {
        return err == OK ? ERR_EMPTY : err;
    }
    uint64_t bound = segments[1].id;
    err = lane == LANE_TELEMETRY ? seal_below(journal, bound, now_us) : OK;
    if (err == OK) {
        err = journal_give_up(journal, lane, bound, UINT64_MAX, why, now_us);
    }
    return err == OK ? sl_remove_oldest(&journal->logs[lane].log) : err;
}

static uint64_t bytes_used(const struct journal *journal)
{
    return journal->logs[LANE_ALERTS].log.bytes_used + journal->logs[LANE_TELEMETRY].log.bytes_used;
}

enum err journal_make_room(struct journal *journal, uint64_t now_us)
{
    for (unsigned i = 0; i < ROUNDS_MAX && bytes_used(journal) > journal->cfg.bytes_max; i++) {
        if (journal->relay_dirty_count > 0) {
            // The checkpoint that lets a segment go waits for these relays and their samples.
            enum err err = journal_commit(journal, LANE_TELEMETRY, now_us);
            if (err != OK) {
                return err;
            }
            continue;
        }
        enum err err = journal_drop_oldest(journal, LANE_TELEMETRY, "full", now_us);
        if (err == ERR_EMPTY) {
            err = journal_drop_oldest(journal, LANE_ALERTS, "alerts", now_us);
        }
        if (err != OK) {
            return err == ERR_EMPTY ? OK : err;
        }
    }
    return OK;
}
