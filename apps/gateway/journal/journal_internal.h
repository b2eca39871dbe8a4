// SPDX-License-Identifier: Apache-2.0
// What the journal's own files share; nobody else includes this.
#ifndef GATEWAY_JOURNAL_INTERNAL_H
#define GATEWAY_JOURNAL_INTERNAL_H

#include "apps/gateway/journal/journal.h"
#include "apps/gateway/journal/journal_acks.h"
#include "apps/gateway/journal/journal_record.h"

// journal.c
void journal_notify(struct journal *journal, enum journal_notice_kind kind, enum journal_lane lane,
                    uint64_t count);

// journal_window.c: samples not sealed yet, as journal.window[]
size_t journal_unsealed(const struct journal *journal);
struct journal_boot *journal_present_boot(struct journal *journal);
// A new present boot, for the samples to come; it may be the same one by another clock.
struct journal_boot *journal_enter_boot(struct journal *journal, uint64_t boot,
                                        int64_t utc_offset_ms);
// What dates the sample with that ordinal.
const struct journal_boot *journal_boot_of(const struct journal *journal, uint64_t ordinal);
void journal_window_compact(struct journal *journal);
// Copies the sample and its text. False: no room.
bool journal_window_add(struct journal *journal, const struct tm_sample *sample);
// The samples with an ordinal below `end` are sealed.
void journal_window_sealed(struct journal *journal, uint64_t end_ordinal);
// Index in the window at which samples begin that are not dated as the first unsealed one.
size_t journal_window_run_end(const struct journal *journal);
// So many texts wait that a message is due: some, or so many that the next may find no room.
bool journal_has_many_texts(const struct journal *journal);
bool journal_is_full_of_texts(const struct journal *journal);
void journal_batch_add(struct journal *journal, uint64_t record, uint64_t end_ordinal);

// journal_gap.c
void journal_gap_add(struct journal *journal, const struct journal_gap *gap);
// One sample that will never be in a message.
void journal_gap_add_sample(struct journal *journal, const struct tm_sample *sample,
                            const char *why);

// journal_limits.c
bool journal_is_key(const struct journal *journal, uint32_t key);
// The index in the table of relays of one that may make place for the key; else relay_capacity.
size_t journal_relay_to_forget(const struct journal *journal, uint32_t key);
void journal_set_side(struct journal *journal, const struct journal_side *side);
// The sides that the first `events` of journal.events[] tell: into their record, into the table.
void journal_put_told(const struct journal *journal, struct writer *w, size_t events);
void journal_keep_told(struct journal *journal, size_t events);
// A section of the table's sides from the index on; returns how many.
size_t journal_put_all_sides(const struct journal *journal, struct writer *w, size_t from);
NODISCARD enum err journal_recover_sides(struct journal *journal, struct journal_sides *in);

// journal_seal.c: put a message into the lane's log.payload if one is due; false if none is.
bool journal_samples_due(const struct journal *journal, uint64_t now_us);
bool journal_build(struct journal *journal, enum journal_lane lane, uint64_t now_us);
bool journal_build_gap(struct journal *journal);
bool journal_build_samples(struct journal *journal);

// journal_commit.c: everything that is new in the lane becomes durable, as one record.
NODISCARD enum err journal_commit(struct journal *journal, enum journal_lane lane, uint64_t now_us);
// What is done with may be written down only when every gap is told of, now or before.
bool journal_may_put_acks(const struct journal *journal, enum journal_lane lane);

// journal_read.c
void journal_reading_start(struct journal *journal, enum journal_lane lane,
                           struct journal_reading *reading, uint64_t record);
// All sealed telemetry that was not handed out becomes backlog.
void journal_leave_behind(struct journal *journal);

// journal_age.c: gives up telemetry older than age_max_s.
uint64_t journal_age_deadline_us(const struct journal *journal);
NODISCARD enum err journal_expire(struct journal *journal, uint64_t now_us);

// journal_quota.c
NODISCARD enum err journal_drop_oldest(struct journal *journal, enum journal_lane lane,
                                       const char *why, uint64_t now_us);
// Messages of the oldest segment (below the record `bound`) with ordinals below ordinal_end.
NODISCARD enum err journal_give_up(struct journal *journal, enum journal_lane lane, uint64_t bound,
                                   uint64_t ordinal_end, const char *why, uint64_t now_us);
NODISCARD enum err journal_make_room(struct journal *journal, uint64_t now_us);
NODISCARD enum err journal_trim(struct journal *journal);

#endif
