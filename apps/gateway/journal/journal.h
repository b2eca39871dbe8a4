// SPDX-License-Identifier: Apache-2.0
// The gateway's journal: samples and events in, sealed messages out, nothing lost in between.
//
//   journal_add -> [window in memory] -sync-> [log] -seal + sync-> journal_next_message
//                                                                   -> PUBACK -> journal_ack
//
// A machine in the house's form, except that journal_open, journal_tick and journal_next_message
// read and write the storage and so may block: in the gateway they run on the thread "journal", in
// tests inline over sim/storage. Byte format of its records: docs/protocol/journal.md.
//
// Time: every sample is held as (boot, monotonic time). It becomes UTC when its message is sealed,
// if that boot ever knew the time; otherwise the message says that it did not. Within one message
// one anchor dates all samples, so that a clock step neither merges nor reorders them.
#ifndef GATEWAY_JOURNAL_H
#define GATEWAY_JOURNAL_H

#include "apps/gateway/journal/journal_state.h"

// Opens or creates the journal and takes over what is there: unsealed samples return to the window,
// unacknowledged messages will be handed out again, byte-identical. cfg and the memory in it are
// borrowed for the journal's life. ERR_IO, ERR_FULL: not opened, may be tried again.
// ERR_UNSUPPORTED: written by a newer version. ERR_ARG: a value in cfg outside its range.
NODISCARD enum err journal_open(struct journal *journal, const struct journal_config *cfg,
                                uint64_t now_us, struct journal_recovery *out);

// The clock is trusted and says that `now_us` is `utc`; call it once a minute or so and at every
// step. Small drift is ignored. The first knowledge dates all that this boot measured; a step dates
// what is added from now on, and what was added before is sealed at the next tick as it was dated.
void journal_set_clock(struct journal *journal, uint64_t now_us, struct wall_time utc);

// The list of points that explains the samples from here on; until the first one nothing is sealed.
// Samples in the window are sealed under the old list first (this may block). The catalogue is
// borrowed until it is replaced.
void journal_set_catalogue(struct journal *journal, uint64_t now_us,
                           const struct tm_catalogue *catalogue);

// One sample; at_us is this boot's monotonic time. ERR_FULL: dropped and counted, a gap marker
// tells of it later (the window is full: of a medium that takes nothing, or see journal_has_room).
NODISCARD enum err journal_add(struct journal *journal, uint64_t now_us,
                               const struct tm_sample *sample);

// False: journal_tick() must seal some of those that wait first. A medium that is well makes room.
bool journal_has_room(const struct journal *journal, const struct tm_sample *sample);

// `count` samples measured from from_us to to_us never came here; a gap marker tells.
void journal_add_gap(struct journal *journal, uint64_t count, uint64_t from_us, uint64_t to_us);

// All samples in the window leave at the next tick: a limit was crossed or a quality changed.
void journal_hurry(struct journal *journal, uint64_t now_us);

// Somebody watches: samples leave within watch_age_ms while this is set.
void journal_set_watched(struct journal *journal, uint64_t now_us, bool is_watched);

// What was last taken from a relaying receiver's sensor (key, sequence, at_us); synced together
// with the samples added before it. ERR_FULL: more keys than cfg->relay_capacity, none of them of
// an earlier configuration.
NODISCARD enum err journal_set_relay(struct journal *journal, uint64_t now_us,
                                     const struct journal_relay *relay);
// The state of that key, from this run or an earlier one.
bool journal_find_relay(const struct journal *journal, uint32_t key, struct journal_relay *out);

// An alert or another event for the cloud; synced and sealed at the next tick, the text is copied.
// at_ms, from_ms and to_ms: monotonic milliseconds of this boot. False: too many wait; refused, and
// a gap marker and a notice say so.
bool journal_add_event(struct journal *journal, uint64_t now_us, const struct tm_event *event);

// `count` events of from_ms to to_ms never came here; a gap marker tells.
void journal_add_event_gap(struct journal *journal, uint64_t count, int64_t from_ms, int64_t to_ms);
// The side of its limits that the last synced alert told of a point, in this run or an earlier one.
int journal_find_side(const struct journal *journal, uint32_t point);

// The hub took the message: it is never handed out again.
void journal_ack(struct journal *journal, uint64_t now_us, enum journal_lane lane,
                 uint64_t ordinal);

// Writes, syncs, seals and makes room as far as due. Bounded work per call; blocks on storage.
uint64_t journal_deadline_us(const struct journal *journal);
void journal_tick(struct journal *journal, uint64_t now_us);
// Everything in the window is sealed and synced now: before an orderly end.
void journal_flush(struct journal *journal, uint64_t now_us);

// The next sealed message of the lane that was not handed out since journal_open, oldest first; its
// payload lies in `buffer` (JOURNAL_PAYLOAD_SIZE_MAX bytes). ERR_EMPTY: none, or as many as
// JOURNAL_HANDED_MAX are not acknowledged. ERR_IO: try again.
// Of telemetry these are live messages: when more than JOURNAL_LIVE_LAG_MAX wait, and at the start,
// they are left to the backlog, so that what is sealed from then on goes first.
NODISCARD enum err journal_next_message(struct journal *journal, uint64_t now_us,
                                        enum journal_lane lane, uint8_t *buffer,
                                        struct journal_message *out);

// The same of the telemetry that was left behind, in the order that cfg says.
NODISCARD enum err journal_next_backlog(struct journal *journal, uint64_t now_us, uint8_t *buffer,
                                        struct journal_message *out);
bool journal_has_backlog(const struct journal *journal);
// Sealed messages that are not acknowledged.
uint64_t journal_waiting(const struct journal *journal, enum journal_lane lane);

// Kept with the journal and synced at the next tick; journal.budget is what the last run kept.
void journal_set_budget(struct journal *journal, uint64_t now_us, struct journal_budget budget);

// A message may wait this long from now on.
void journal_set_max_age(struct journal *journal, uint32_t max_age_ms);

// Things worth a log line, oldest first; false when there is none.
bool journal_next(struct journal *journal, struct journal_notice *out);

// Samples of one clock that became durable and were not told of before, for the sync trace: valid
// until the next call. To be taken after each journal_tick, journal_flush and
// journal_set_catalogue, until there are none.
struct journal_synced journal_take_synced(struct journal *journal);

#endif
