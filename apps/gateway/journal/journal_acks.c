// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/journal/journal_acks.h"

#include "base/assert.h"

#include <string.h>

bool journal_acks_has(const struct journal_acks *acks, uint64_t ordinal)
{
    if (ordinal < acks->floor) {
        return true;
    }
    for (size_t i = 0; i < acks->range_count; i++) {
        if (ordinal >= acks->ranges[i].from && ordinal < acks->ranges[i].to) {
            return true;
        }
    }
    return false;
}

static void remove_range(struct journal_acks *acks, size_t at)
{
    acks->range_count--;
    memmove(&acks->ranges[at], &acks->ranges[at + 1],
            (acks->range_count - at) * sizeof(acks->ranges[0]));
}

void journal_acks_raise(struct journal_acks *acks, uint64_t floor)
{
    if (floor > acks->floor) {
        acks->floor = floor;
    }
    while (acks->range_count > 0 && acks->ranges[0].from <= acks->floor) {
        if (acks->ranges[0].to > acks->floor) {
            acks->floor = acks->ranges[0].to;
        }
        remove_range(acks, 0);
    }
}

bool journal_acks_add(struct journal_acks *acks, uint64_t ordinal)
{
    if (journal_acks_has(acks, ordinal)) {
        return true;
    }
    if (ordinal == acks->floor) {
        journal_acks_raise(acks, ordinal + 1);
        return true;
    }
    size_t at = 0;
    while (at < acks->range_count && acks->ranges[at].to < ordinal) {
        at++;
    }
    bool extends_down = at < acks->range_count && acks->ranges[at].to == ordinal;
    size_t above = extends_down ? at + 1 : at;
    bool extends_up = above < acks->range_count && acks->ranges[above].from == ordinal + 1;
    if (extends_down && extends_up) {
        acks->ranges[at].to = acks->ranges[above].to;
        remove_range(acks, above);
    } else if (extends_down) {
        acks->ranges[at].to++;
    } else if (extends_up) {
        acks->ranges[above].from--;
    } else if (acks->range_count == COUNT_OF(acks->ranges)) {
        return false;
    } else {
        memmove(&acks->ranges[at + 1], &acks->ranges[at],
                (acks->range_count - at) * sizeof(acks->ranges[0]));
        acks->ranges[at].from = ordinal;
        acks->ranges[at].to = ordinal + 1;
        acks->range_count++;
    }
    return true;
}

uint64_t journal_acks_open(const struct journal_acks *acks, uint64_t end)
{
    uint64_t open = end > acks->floor ? end - acks->floor : 0;
    for (size_t i = 0; i < acks->range_count && acks->ranges[i].to <= end; i++) {
        open -= acks->ranges[i].to - acks->ranges[i].from;
    }
    return open;
}
