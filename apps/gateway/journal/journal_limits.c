// SPDX-License-Identifier: Apache-2.0
// Which side of its limits was last told of a point. It goes into the record that seals the alert:
// after any end the two are there together or not at all, so that no alert is told twice and the
// end of each is told.
#include "apps/gateway/journal/journal_internal.h"

#include <string.h>

enum { SIDES_PER_RECORD = 2048, SIDE_SIZE = 5 };

_Static_assert(SIDES_PER_RECORD *SIDE_SIZE < JOURNAL_RECORD_SIZE_MAX - 64, "they fit a record");

bool journal_is_key(const struct journal *journal, uint32_t key)
{
    size_t at = 0;
    while (at < journal->cfg.key_count && journal->cfg.keys[at] != key) {
        at++;
    }
    return at < journal->cfg.key_count;
}

size_t journal_relay_to_forget(const struct journal *journal, uint32_t key)
{
    size_t at = 0;
    if (journal->relay_count < journal->cfg.relay_capacity || !journal_is_key(journal, key)) {
        return journal->cfg.relay_capacity;
    }
    while (at < journal->relay_count && (journal->cfg.relays[at].is_dirty ||
                                         journal_is_key(journal, journal->cfg.relays[at].key))) {
        at++;
    }
    return at;
}

static size_t index_of(const struct journal *journal, uint32_t point)
{
    size_t at = 0;
    while (at < journal->side_count && journal->cfg.sides[at].point != point) {
        at++;
    }
    return at;
}

// A place for the point: a new one, or that of one in the band or no longer in the configuration.
static size_t place_for(const struct journal *journal, uint32_t point)
{
    const struct journal_side *sides = journal->cfg.sides;
    if (journal->side_count < journal->cfg.side_capacity) {
        return journal->side_count;
    }
    size_t at = 0;
    while (at < journal->side_count && sides[at].side != 0) {
        at++;
    }
    if (at == journal->side_count && journal_is_key(journal, point)) {
        at = 0;
        while (at < journal->side_count && journal_is_key(journal, sides[at].point)) {
            at++;
        }
    }
    return at;
}

void journal_set_side(struct journal *journal, const struct journal_side *side)
{
    size_t at = index_of(journal, side->point);
    at = at == journal->side_count && side->side != 0 ? place_for(journal, side->point) : at;
    if (at == journal->cfg.side_capacity || (at == journal->side_count && side->side == 0)) {
        return; // nothing to forget, or more points than the caller said: told again after a start
    }
    journal->side_count += at == journal->side_count;
    journal->cfg.sides[at] = *side;
}

int journal_find_side(const struct journal *journal, uint32_t point)
{
    size_t at = index_of(journal, point);
    return at < journal->side_count ? journal->cfg.sides[at].side : 0;
}

static struct journal_side side_of(const struct tm_event *event)
{
    int side = event->state == TM_ALERT_LOW ? -1 : event->state == TM_ALERT_HIGH ? 1 : 0;
    return (struct journal_side){.point = event->point, .side = (int8_t)side};
}

void journal_put_told(const struct journal *journal, struct writer *w, size_t events)
{
    struct journal_side sides[JOURNAL_EVENTS_MAX];
    size_t count = 0;
    for (size_t i = 0; i < events; i++) {
        if (journal->events[i].event.kind == TM_EVENT_ALERT) {
            sides[count++] = side_of(&journal->events[i].event);
        }
    }
    if (count > 0) {
        journal_put_sides(w, sides, count);
    }
}

void journal_keep_told(struct journal *journal, size_t events)
{
    for (size_t i = 0; i < events; i++) {
        if (journal->events[i].event.kind == TM_EVENT_ALERT) {
            struct journal_side side = side_of(&journal->events[i].event);
            journal_set_side(journal, &side);
        }
    }
}

size_t journal_put_all_sides(const struct journal *journal, struct writer *w, size_t from)
{
    size_t count = journal->side_count - from;
    count = count < SIDES_PER_RECORD ? count : SIDES_PER_RECORD;
    journal_put_sides(w, &journal->cfg.sides[from], count);
    return count;
}

enum err journal_recover_sides(struct journal *journal, struct journal_sides *in)
{
    for (uint32_t i = 0; i < in->count; i++) {
        struct journal_side side;
        if (journal_side_get(in, &side) != OK) {
            return ERR_CORRUPT;
        }
        journal_set_side(journal, &side);
    }
    return OK;
}
