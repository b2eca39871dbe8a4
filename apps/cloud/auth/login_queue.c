// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/auth/login_queue.h"

#include "base/assert.h"

#include <string.h>

void login_queue_init(struct login_queue *queue, size_t strangers_max)
{
    ASSERT(strangers_max >= 1 && strangers_max <= LOGIN_STRANGERS_MAX);
    memset(queue, 0, sizeof(*queue));
    queue->strangers_max = strangers_max;
    queue->last = LOGIN_STRANGER;
}

static size_t first_of(enum login_kind kind)
{
    return kind == LOGIN_KNOWN ? 0 : LOGIN_KNOWN_MAX;
}

static size_t end_of(const struct login_queue *queue, enum login_kind kind)
{
    return kind == LOGIN_KNOWN ? LOGIN_KNOWN_MAX : LOGIN_KNOWN_MAX + queue->strangers_max;
}

// Behind what that source has waiting already; now at the earliest.
static uint64_t turn_for(const struct login_queue *queue, enum login_kind kind, uint64_t source,
                         uint32_t failures)
{
    uint64_t turn = queue->turn[kind] + failures;
    for (size_t i = first_of(kind); i < end_of(queue, kind); i++) {
        const struct login_place *p = &queue->places[i];
        if (p->state != LOGIN_FREE && p->source == source && p->turn >= turn) {
            turn = p->turn + 1;
        }
    }
    return turn;
}

static bool is_before(const struct login_place *a, const struct login_place *b)
{
    return a->turn != b->turn ? a->turn < b->turn : a->number < b->number;
}

size_t login_queue_enter(struct login_queue *queue, enum login_kind kind, uint64_t source,
                         uint32_t failures, size_t *displaced)
{
    struct login_place fresh = {.state = LOGIN_WAITING, .source = source};
    fresh.turn = turn_for(queue, kind, source, failures);
    fresh.number = ++queue->number;
    size_t place = LOGIN_NO_PLACE;
    *displaced = LOGIN_NO_PLACE;
    for (size_t i = first_of(kind); i < end_of(queue, kind); i++) {
        const struct login_place *p = &queue->places[i];
        if (p->state == LOGIN_FREE) {
            queue->places[i] = fresh;
            return i;
        }
        if (p->state == LOGIN_WAITING && p->turn > fresh.turn &&
            (place == LOGIN_NO_PLACE || is_before(&queue->places[place], p))) {
            place = i;
        }
    }
    if (place != LOGIN_NO_PLACE) {
        queue->places[place] = fresh;
        *displaced = place;
    }
    return place;
}

static size_t first_waiting(const struct login_queue *queue, enum login_kind kind)
{
    size_t found = LOGIN_NO_PLACE;
    for (size_t i = first_of(kind); i < end_of(queue, kind); i++) {
        if (queue->places[i].state == LOGIN_WAITING &&
            (found == LOGIN_NO_PLACE || is_before(&queue->places[i], &queue->places[found]))) {
            found = i;
        }
    }
    return found;
}

size_t login_queue_next(struct login_queue *queue)
{
    const enum login_kind other = queue->last == LOGIN_KNOWN ? LOGIN_STRANGER : LOGIN_KNOWN;
    enum login_kind kind = other;
    size_t found = first_waiting(queue, kind);
    if (found == LOGIN_NO_PLACE) {
        kind = queue->last;
        found = first_waiting(queue, kind);
    }
    if (found != LOGIN_NO_PLACE) {
        struct login_place *p = &queue->places[found];
        p->state = LOGIN_RUNNING;
        queue->turn[kind] = p->turn > queue->turn[kind] ? p->turn : queue->turn[kind];
        queue->taken[kind]++;
        queue->turn[kind] += queue->taken[kind] % LOGIN_PER_TURN == 0 ? 1 : 0;
        queue->last = kind;
    }
    return found;
}

void login_queue_leave(struct login_queue *queue, size_t place)
{
    ASSERT(place < LOGIN_PLACES);
    queue->places[place] = (struct login_place){.state = LOGIN_FREE};
}

bool login_queue_is_waiting(const struct login_queue *queue, size_t place)
{
    ASSERT(place < LOGIN_PLACES);
    return queue->places[place].state == LOGIN_WAITING;
}
