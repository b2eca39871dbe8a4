// SPDX-License-Identifier: Apache-2.0
// A lane's set of acknowledged messages.
#ifndef GATEWAY_JOURNAL_ACKS_H
#define GATEWAY_JOURNAL_ACKS_H

#include "apps/gateway/journal/journal_state.h"

bool journal_acks_has(const struct journal_acks *acks, uint64_t ordinal);
// False: no room for another range; the message then counts as not acknowledged and is sent again.
bool journal_acks_add(struct journal_acks *acks, uint64_t ordinal);
// Everything below is done with.
void journal_acks_raise(struct journal_acks *acks, uint64_t floor);
// How many of [floor, end) are not in the set.
uint64_t journal_acks_open(const struct journal_acks *acks, uint64_t end);

#endif
