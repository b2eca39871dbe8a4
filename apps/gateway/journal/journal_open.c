// SPDX-License-Identifier: Apache-2.0
// Opening: the logs are read once from their oldest record and give back what counted before the
// end, however sudden. Every state in a record is absolute, and every sample and seal carries its
// ordinal, so that reading something twice changes nothing.
#include "apps/gateway/journal/journal_internal.h"

#include "base/assert.h"

#include <string.h>

enum {
    BYTES_MAX_DEFAULT = 64 * 1024 * 1024,
    SEGMENT_SIZE_DEFAULT = 256 * 1024,
    SYNC_DEFAULT_MS = 10000,
    WATCH_AGE_DEFAULT_MS = 100,
    SEGMENTS_MIN = 6,
    RELAY_CHECKPOINT_SIZE = 40, // bytes per relay in a checkpoint
    SIDE_CHECKPOINT_SIZE = 8,
};

struct recovery {
    struct journal *journal;
    enum journal_lane lane;
    uint64_t record; // being read
    struct journal_recovery *out;
};

static uint64_t next_sample(const struct journal *journal)
{
    return journal->sample_first + journal->count;
}

// The entry of that boot, made if it is not the latest.
static struct journal_boot *enter_boot(struct journal *journal, uint64_t boot)
{
    bool is_latest = journal->boot_count > 0 && journal_present_boot(journal)->boot == boot;
    return is_latest ? journal_present_boot(journal)
                     : journal_enter_boot(journal, boot, JOURNAL_UTC_UNKNOWN);
}

// The first knowledge of the time dates what its boot measured before, another one does not.
static void recover_anchor(struct journal *journal, const struct journal_boot *anchor)
{
    struct journal_boot *boot = enter_boot(journal, anchor->boot);
    if (boot->utc_offset_ms == JOURNAL_UTC_UNKNOWN) {
        boot->utc_offset_ms = anchor->utc_offset_ms;
    } else if (boot->utc_offset_ms != anchor->utc_offset_ms) {
        (void)journal_enter_boot(journal, anchor->boot, anchor->utc_offset_ms);
    }
}

static enum err recover_samples(struct recovery *r, struct journal_samples *in)
{
    struct journal *journal = r->journal;
    (void)enter_boot(journal, in->boot);
    uint64_t expected = next_sample(journal);
    if (in->first_ordinal > expected) {
        // Fewer than there were: seals, or damage, in between. The window has no holes.
        journal->sample_first += in->first_ordinal - expected;
        journal_present_boot(journal)->first_ordinal += in->first_ordinal - expected;
    }
    struct tm_sample sample = {.at_us = 0};
    for (uint32_t i = 0; i < in->count; i++) {
        struct tm_sample previous = sample;
        if (journal_sample_get(in, &previous, &sample) != OK) {
            return ERR_CORRUPT;
        }
        if (in->first_ordinal + i < next_sample(journal)) {
            continue;
        }
        if (!journal_window_add(journal, &sample)) {
            journal_gap_add_sample(journal, &sample, "window");
            journal->sample_first++;
        }
    }
    journal->journalled_count = journal->count;
    journal_batch_add(journal, r->record, next_sample(journal));
    return OK;
}

static void recover_seal(struct recovery *r, const struct journal_seal *seal)
{
    struct journal *journal = r->journal;
    struct journal_log *log = &journal->logs[r->lane];
    if (seal->ordinal >= log->seal_next) {
        log->seal_next = seal->ordinal + 1;
    }
    if (r->lane == LANE_TELEMETRY) {
        journal_window_sealed(journal, seal->samples_to);
        journal_window_compact(journal);
        if (journal->count == 0 && seal->samples_to > journal->sample_first) {
            journal->sample_first = seal->samples_to;
        }
    }
}

static enum err recover_relays(struct recovery *r, struct journal_relays *in)
{
    struct journal *journal = r->journal;
    for (uint32_t i = 0; i < in->count; i++) {
        struct journal_relay relay;
        if (journal_relay_get(in, &relay) != OK) {
            return ERR_CORRUPT;
        }
        size_t at = 0;
        while (at < journal->relay_count && journal->cfg.relays[at].key != relay.key) {
            at++;
        }
        at = at == journal->cfg.relay_capacity ? journal_relay_to_forget(journal, relay.key) : at;
        if (at < journal->cfg.relay_capacity) {
            journal->cfg.relays[at] = relay;
            journal->relay_count += at == journal->relay_count;
        }
    }
    return OK;
}

static void date_relays(struct journal *journal)
{
    for (size_t i = 0; i < journal->relay_count; i++) {
        struct journal_relay *relay = &journal->cfg.relays[i];
        for (size_t b = journal->boot_count; b-- > 0;) {
            int64_t offset_ms = journal->boots[b].utc_offset_ms;
            if (relay->utc_ms == JOURNAL_UTC_UNKNOWN && relay->boot == journal->boots[b].boot &&
                offset_ms != JOURNAL_UTC_UNKNOWN) {
                relay->utc_ms = (int64_t)(relay->at_us / US_PER_MS) + offset_ms;
            }
        }
    }
}

static void recover_counters(struct recovery *r, const struct journal_counters *counters)
{
    struct journal *journal = r->journal;
    struct journal_log *log = &journal->logs[r->lane];
    if (counters->seal_next > log->seal_next) {
        log->seal_next = counters->seal_next;
    }
    if (r->lane == LANE_TELEMETRY && journal->count == 0 &&
        counters->sample_next > journal->sample_first) {
        journal->sample_first = counters->sample_next;
    }
}

static enum err recover_section(struct recovery *r, struct journal_section *section)
{
    struct journal_log *log = &r->journal->logs[r->lane];
    switch (section->tag) {
    case SECTION_ANCHOR:
        recover_anchor(r->journal, &section->u.anchor);
        // A relay of an earlier boot is dated while that boot is still in the table.
        date_relays(r->journal);
        return OK;
    case SECTION_SAMPLES: return recover_samples(r, &section->u.samples);
    case SECTION_RELAYS: return recover_relays(r, &section->u.relays);
    case SECTION_SIDES: return journal_recover_sides(r->journal, &section->u.sides);
    case SECTION_SEAL: recover_seal(r, &section->u.seal); return OK;
    case SECTION_ACKS: log->acks = section->u.acks; return OK;
    case SECTION_COUNTERS: recover_counters(r, &section->u.counters); return OK;
    case SECTION_BUDGET: r->journal->budget = section->u.budget; return OK;
    }
    return ERR_CORRUPT;
}

static enum err read_records(struct recovery *r)
{
    struct journal *journal = r->journal;
    struct journal_log *log = &journal->logs[r->lane];
    journal_reading_start(journal, r->lane, &log->live, 0);
    for (;;) {
        struct sl_record record;
        enum err err = sl_reader_next(&log->live.reader, log->log.synced_next, &record);
        if (err == ERR_CORRUPT) {
            r->out->corrupt_places++;
            continue;
        }
        if (err != OK) {
            return err == ERR_EMPTY ? OK : err;
        }
        if (record.kind != JOURNAL_RECORD_KIND) {
            return ERR_UNSUPPORTED;
        }
        r->record = record.sequence;
        struct reader body = reader_of(record.payload);
        struct journal_section section;
        while ((err = journal_section_next(&body, &section)) == OK) {
            err = recover_section(r, &section);
            if (err != OK) {
                break;
            }
        }
        r->out->corrupt_places += err == ERR_CORRUPT;
    }
}

static void settle_lane(struct journal *journal, enum journal_lane lane,
                        struct journal_recovery *out)
{
    struct journal_log *log = &journal->logs[lane];
    const struct journal_acks *acks = &log->acks;
    uint64_t beyond = acks->range_count > 0 ? acks->ranges[acks->range_count - 1].to : acks->floor;
    log->seal_next = log->seal_next > beyond ? log->seal_next : beyond;
    out->messages_waiting[lane] = (uint32_t)journal_acks_open(acks, log->seal_next);
    journal_reading_start(journal, lane, &log->live, 0);
    log->backlog.is_done = true;
    log->must_checkpoint = true;
    log->segments_seen = log->log.stats.segments_created;
}

static enum err open_lane(struct journal *journal, enum journal_lane lane,
                          struct journal_recovery *out)
{
    struct journal_log *log = &journal->logs[lane];
    const struct sl_config cfg = {.storage = journal->cfg.storage[lane],
                                  .buffer = journal->scan_buffer,
                                  .buffer_size = sizeof(journal->scan_buffer),
                                  .payload_size_max = JOURNAL_RECORD_SIZE_MAX,
                                  .segment_size = journal->cfg.segment_size};
    struct sl_recovery recovery;
    enum err err = sl_recover(&log->log, &cfg, &recovery);
    if (err != OK) {
        return err;
    }
    out->torn_bytes += recovery.torn_bytes;
    out->corrupt_places += recovery.corrupt_segments;
    log->seal_next = 1;
    log->acks.floor = 1;
    struct recovery r = {.journal = journal, .lane = lane, .out = out};
    err = read_records(&r);
    if (err == OK) {
        settle_lane(journal, lane, out);
    }
    return err;
}

static enum err check_config(struct journal_config *cfg)
{
    cfg->bytes_max = cfg->bytes_max == 0 ? BYTES_MAX_DEFAULT : cfg->bytes_max;
    cfg->segment_size = cfg->segment_size == 0 ? SEGMENT_SIZE_DEFAULT : cfg->segment_size;
    cfg->sync_ms = cfg->sync_ms == 0 ? SYNC_DEFAULT_MS : cfg->sync_ms;
    cfg->watch_age_ms = cfg->watch_age_ms == 0 ? WATCH_AGE_DEFAULT_MS : cfg->watch_age_ms;
    bool is_good = cfg->storage[LANE_ALERTS] != NULL && cfg->storage[LANE_TELEMETRY] != NULL &&
                   cfg->journal_id != 0 && cfg->boot != 0 &&
                   cfg->window_capacity >= JOURNAL_WINDOW_MIN &&
                   cfg->segment_size >= JOURNAL_SEGMENT_SIZE_MIN &&
                   cfg->segment_size / 2 >= cfg->relay_capacity * RELAY_CHECKPOINT_SIZE &&
                   cfg->segment_size / 2 >= cfg->side_capacity * SIDE_CHECKPOINT_SIZE &&
                   cfg->bytes_max / SEGMENTS_MIN >= cfg->segment_size;
    return is_good ? OK : ERR_ARG;
}

enum err journal_open(struct journal *journal, const struct journal_config *cfg, uint64_t now_us,
                      struct journal_recovery *out)
{
    memset(journal, 0, sizeof(*journal));
    *out = (struct journal_recovery){.torn_bytes = 0};
    journal->cfg = *cfg;
    enum err err = check_config(&journal->cfg);
    if (err != OK) {
        return err;
    }
    journal->number_next = 1;
    journal->sample_first = 1;
    // A window to copy texts into needs a boot to date its gaps.
    (void)enter_boot(journal, journal->cfg.boot);
    for (enum journal_lane lane = LANE_ALERTS; err == OK && lane < LANE_COUNT; lane++) {
        err = open_lane(journal, lane, out);
    }
    if (err != OK) {
        return err;
    }
    (void)enter_boot(journal, journal->cfg.boot);
    date_relays(journal);
    out->samples_unsealed = (uint32_t)journal->count;
    journal->dirty_since_us = now_us; // the first commit writes a checkpoint
    journal->oldest_us = journal->count > 0 ? now_us : TIME_NEVER;
    journal->hurry_us = TIME_NEVER;
    journal->steady_us = TIME_NEVER;
    journal_leave_behind(journal);
    journal->logs[LANE_TELEMETRY].backlog.is_done = out->messages_waiting[LANE_TELEMETRY] == 0;
    return OK;
}
