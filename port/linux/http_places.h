// SPDX-License-Identifier: Apache-2.0
// Who gives way when every place of a server is taken. Pure: a table of places, kept by who holds
// them and what they have shown so far.
//
//   enter -> STRANGER -busy-> HELD -answered-> READER -idle-> GUEST -busy-> HELD ...
//   vouch, at any time: HELD from then on
//
// A stranger has never finished a request, a guest has but is nobody known; both may lose their
// place, strangers first, and after them who, unknown, takes long to read an answer. Peers are no
// limit, since all of a site may come through one NAT or proxy; they only say where to take from:
// of all strangers, those of the peer that holds most places lose one first, there the longest so.
// Whoever floods from one address drives out himself.
#ifndef PORT_LINUX_HTTP_PLACES_H
#define PORT_LINUX_HTTP_PLACES_H

#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HTTP_PLACES_PATIENCE_US (5 * US_PER_S) // for an answer to be read, when places are short

enum http_standing {
    HTTP_PLACE_FREE,
    HTTP_PLACE_STRANGER, // since it came
    HTTP_PLACE_GUEST,    // since it had its last answer
    HTTP_PLACE_READER,   // since its answer was given
    HTTP_PLACE_HELD,     // is being answered, or vouched for
    HTTP_PLACE_SPARE,    // beyond the limit, whatever it does: it is only told so
};

struct http_place {
    enum http_standing standing;
    bool is_vouched;
    uint64_t peer;
    uint64_t since_us;
};

struct http_places {
    struct http_place *list; // the caller's
    size_t count;
};

void http_places_init(struct http_places *places, struct http_place *list, size_t count);
// peer: the same number for the same address.
void http_places_enter(struct http_places *places, size_t at, uint64_t now_us, uint64_t peer);
void http_places_enter_spare(struct http_places *places, size_t at, uint64_t now_us, uint64_t peer);
void http_places_busy(struct http_places *places, size_t at); // a whole request is there
// Its answer is given and on its way; then it is read. Of one that was not busy they say nothing.
void http_places_answered(struct http_places *places, size_t at, uint64_t now_us);
void http_places_idle(struct http_places *places, size_t at, uint64_t now_us);
void http_places_vouch(struct http_places *places, size_t at); // who asked has proved who it is
void http_places_leave(struct http_places *places, size_t at);
// Which place is to be given to the next who comes; count: none, all are held.
size_t http_places_weakest(const struct http_places *places, uint64_t now_us);
// The same among the spare ones.
size_t http_places_weakest_spare(const struct http_places *places);

#endif
