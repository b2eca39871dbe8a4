// SPDX-License-Identifier: Apache-2.0
// Who is looked at next, of those who wait for their password to be checked. Pure: a table of
// places, the caller's by index. Those known from before (a browser that has logged in, who is
// logged in, who holds the set-up link) have places of their own and take turns with the strangers,
// so that no number of strangers holds them up.
//
//   enter -> WAITING -next-> RUNNING -leave-> FREE        (or leave while WAITING)
//
// Among its kind each source, an address or an account, takes its turn: the first attempt of one
// comes before the second of another, and who failed lately comes later, but not for ever: turns
// pass. A newcomer to a full table takes the place of who would have come last, unless that is the
// newcomer.
#ifndef CLOUD_AUTH_LOGIN_QUEUE_H
#define CLOUD_AUTH_LOGIN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    LOGIN_KNOWN_MAX = 8,
    LOGIN_STRANGERS_MAX = 64,
    LOGIN_PLACES = LOGIN_KNOWN_MAX + LOGIN_STRANGERS_MAX,
    LOGIN_NO_PLACE = LOGIN_PLACES,
    LOGIN_PER_TURN = 8, // looked at, and then a turn passes even if newcomers come without end
};

enum login_kind { LOGIN_KNOWN, LOGIN_STRANGER, LOGIN_KIND_COUNT };

struct login_place {
    enum { LOGIN_FREE, LOGIN_WAITING, LOGIN_RUNNING } state;
    uint64_t source;
    uint64_t turn;
    uint64_t number; // in which order they came
};

struct login_queue {
    struct login_place places[LOGIN_PLACES]; // those of the known first
    size_t strangers_max;
    uint64_t turn[LOGIN_KIND_COUNT]; // that newcomers get
    uint64_t taken[LOGIN_KIND_COUNT];
    uint64_t number;
    enum login_kind last;
};

// strangers_max: up to LOGIN_STRANGERS_MAX; each waits with a connection held.
void login_queue_init(struct login_queue *queue, size_t strangers_max);
// LOGIN_NO_PLACE: none is free, come again. *displaced waits no more (LOGIN_NO_PLACE: nobody); it
// may be the place that is returned.
size_t login_queue_enter(struct login_queue *queue, enum login_kind kind, uint64_t source,
                         uint32_t failures, size_t *displaced);
// Whose turn it is; LOGIN_NO_PLACE: nobody waits.
size_t login_queue_next(struct login_queue *queue);
void login_queue_leave(struct login_queue *queue, size_t place);
bool login_queue_is_waiting(const struct login_queue *queue, size_t place);

#endif
