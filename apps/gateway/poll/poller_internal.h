// SPDX-License-Identifier: Apache-2.0
// What the files of the poller share.
#ifndef GATEWAY_POLLER_INTERNAL_H
#define GATEWAY_POLLER_INTERNAL_H

#include "apps/gateway/poll/poller.h"

struct poller_unit *poller_unit_of(struct poller *poller, const struct poller_block *block);
void poller_push(struct poller *poller, const struct poller_out *out);
// The schedule leaves the unit alone as long as the client does.
void poller_rest(const struct poller *poller, struct poller_unit *unit);

// poller_unit.c: what is known of a unit.
void unit_init(struct poller_unit *unit, const struct config_bus *bus,
               const struct config_device *device);
void unit_answered(struct poller *poller, struct poller_unit *unit, uint64_t now_us);
void unit_measured(struct poller *poller, struct poller_unit *unit, uint32_t delay_us);
void unit_failed(struct poller *poller, struct poller_unit *unit, uint64_t now_us);
// A gateway on the way cannot reach what `block` reads. True if that is said of the unit as a
// whole.
bool unit_unreached(struct poller *poller, struct poller_unit *unit, struct poller_block *block);
// Too much of it is unreached to go on before a block that was answered until now is asked again.
bool unit_is_doubted(const struct poller *poller, const struct poller_unit *unit);
// Its block was refused and cut in two.
void unit_cut(struct poller *poller, struct poller_unit *unit, const struct poller_block *block,
              uint64_t now_us);
// Undoes cuts between parts that are answered, if it is time to.
void unit_merge(struct poller *poller, struct poller_unit *unit, uint64_t now_us);
// It answers: its frames may queue behind one another at the line.
bool unit_is_trusted(const struct poller_unit *unit);
void unit_set_state(struct poller *poller, struct poller_unit *unit, enum unit_state state,
                    uint64_t now_us);

// foreign.c: a request of somebody else between those of the schedule.
#define FOREIGN_TAG UINT32_MAX // of its answer from the client; no block's number
void foreign_init(struct poller *poller);
// To the client, if its time has come.
void foreign_hand_over(struct poller *poller, uint64_t now_us);
uint64_t foreign_deadline_us(const struct poller *poller);
void foreign_done(struct poller *poller, const struct poller_done *done,
                  const struct mb_answer *answer);
void foreign_lost(struct poller *poller);

// poller_schedule.c: when which block is asked.
void schedule_plan(struct poller *poller, struct poller_unit *unit, uint64_t now_us);
// The block to ask now, or NULL.
struct poller_block *schedule_choose(struct poller *poller, uint64_t now_us);
// When schedule_choose will find one; TIME_NEVER if only an answer changes that.
uint64_t schedule_deadline_us(const struct poller *poller);
// On to the block's next period; counts what was missed.
void schedule_next_period(struct poller *poller, struct poller_block *block, uint64_t now_us);
// The same, for a part of a unit that cannot be reached: ever more rarely.
void schedule_missed(struct poller *poller, struct poller_block *block, uint64_t now_us);
void schedule_pay(struct poller *poller, uint64_t now_us, uint64_t busy_us);
// For such a part: it never takes what a doubtful unit may overdraw.
void schedule_pay_part(struct poller *poller, uint64_t now_us, uint64_t busy_us);
void schedule_earn(struct poller *poller, uint64_t now_us);

#endif
