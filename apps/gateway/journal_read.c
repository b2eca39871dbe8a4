// SPDX-License-Identifier: Apache-2.0
// The way out: sealed messages are read back from the log one by one, so that memory does not grow
// with the backlog, and leave for good when they are acknowledged.
#include "apps/gateway/journal_internal.h"

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

// Ordinals skip: messages were sealed and synced, but their part of the log does not check any
// more. The heads of their neighbours say how many samples they held.
static void pass_over_missing(struct journal *journal, enum journal_lane lane,
                              const struct journal_seal *seal)
{
    struct journal_log *log = &journal->logs[lane];
    // The heads may say anything: no more work than for messages that can have been there.
    bool is_near = seal->ordinal - log->read_next <= ORDINALS_MISSING_MAX;
    uint64_t missing = is_near ? 0 : seal->ordinal - log->read_next;
    for (uint64_t ordinal = log->read_next; is_near && ordinal < seal->ordinal; ordinal++) {
        missing += !journal_acks_has(&log->acks, ordinal) && !is_handed(log, ordinal);
    }
    if (missing == 0) {
        return;
    }
    uint64_t first = lane == LANE_TELEMETRY && seal->bag.kind == TM_MESSAGE_SAMPLES
                         ? seal->samples_to - seal->sample_count
                         : seal->samples_to;
    uint64_t lost = lane == LANE_TELEMETRY ? first - log->read_samples_to : missing;
    journal_gap_add(journal, &(struct journal_gap){.boot = seal->axis_boot,
                                                   .count = lost,
                                                   .from_ms = seal->from_ms,
                                                   .to_ms = seal->from_ms,
                                                   .why = "damage"});
    journal_notify(journal, JOURNAL_DAMAGED, lane, lost);
    if (log->handed_count == 0) {
        journal_acks_raise(&log->acks, seal->ordinal);
    }
    for (uint64_t ordinal = log->read_next; is_near && ordinal < seal->ordinal; ordinal++) {
        if (!is_handed(log, ordinal)) {
            (void)journal_acks_add(&log->acks, ordinal);
        }
    }
    log->acks_dirty = true;
}

// True if the seal is to be handed out.
static bool take_seal(struct journal *journal, enum journal_lane lane,
                      const struct journal_seal *seal)
{
    struct journal_log *log = &journal->logs[lane];
    if (log->read_next != 0 && seal->ordinal < log->read_next) {
        return false;
    }
    if (log->read_next != 0 && seal->ordinal > log->read_next) {
        pass_over_missing(journal, lane, seal);
    }
    log->read_next = seal->ordinal + 1;
    log->read_samples_to = seal->samples_to;
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

enum err journal_next_message(struct journal *journal, uint64_t now_us, enum journal_lane lane,
                              uint8_t *buffer, struct journal_message *out)
{
    struct journal_log *log = &journal->logs[lane];
    for (unsigned i = 0; i < RECORDS_PER_CALL_MAX && log->handed_count < JOURNAL_HANDED_MAX; i++) {
        struct sl_record record;
        enum err err = sl_reader_next(&log->reader, log->log.synced_next, &record);
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
            if (section.tag == SECTION_SEAL && take_seal(journal, lane, &section.u.seal)) {
                out->lane = lane;
                hand_out(log, &section, record.sequence, buffer, out);
                return OK;
            }
        }
    }
    (void)now_us;
    return ERR_EMPTY;
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
