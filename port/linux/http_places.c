// SPDX-License-Identifier: Apache-2.0
#include "port/linux/http_places.h"

#include "base/assert.h"

void http_places_init(struct http_places *places, struct http_place *list, size_t count)
{
    *places = (struct http_places){.list = list, .count = count};
    for (size_t i = 0; i < count; i++) {
        list[i] = (struct http_place){.standing = HTTP_PLACE_FREE};
    }
}

static void hold(struct http_place *place)
{
    place->standing = place->standing == HTTP_PLACE_SPARE ? HTTP_PLACE_SPARE : HTTP_PLACE_HELD;
}

void http_places_enter(struct http_places *places, size_t at, uint64_t now_us, uint64_t peer)
{
    ASSERT(at < places->count && places->list[at].standing == HTTP_PLACE_FREE);
    places->list[at] =
        (struct http_place){.standing = HTTP_PLACE_STRANGER, .peer = peer, .since_us = now_us};
}

void http_places_enter_spare(struct http_places *places, size_t at, uint64_t now_us, uint64_t peer)
{
    http_places_enter(places, at, now_us, peer);
    places->list[at].standing = HTTP_PLACE_SPARE;
}

void http_places_busy(struct http_places *places, size_t at)
{
    ASSERT(at < places->count && places->list[at].standing != HTTP_PLACE_FREE);
    hold(&places->list[at]);
}

static void go_on(struct http_places *places, size_t at, enum http_standing to, uint64_t now_us)
{
    ASSERT(at < places->count && places->list[at].standing != HTTP_PLACE_FREE);
    struct http_place *place = &places->list[at];
    if ((place->standing == HTTP_PLACE_HELD || place->standing == HTTP_PLACE_READER) &&
        !place->is_vouched) {
        place->standing = to;
        place->since_us = now_us;
    }
}

void http_places_answered(struct http_places *places, size_t at, uint64_t now_us)
{
    go_on(places, at, HTTP_PLACE_READER, now_us);
}

void http_places_idle(struct http_places *places, size_t at, uint64_t now_us)
{
    go_on(places, at, HTTP_PLACE_GUEST, now_us);
}

void http_places_vouch(struct http_places *places, size_t at)
{
    ASSERT(at < places->count && places->list[at].standing != HTTP_PLACE_FREE);
    places->list[at].is_vouched = true;
    hold(&places->list[at]);
}

void http_places_leave(struct http_places *places, size_t at)
{
    ASSERT(at < places->count);
    places->list[at].standing = HTTP_PLACE_FREE;
}

// How many may-lose places of that standing the peer has.
static size_t share_of(const struct http_places *places, const struct http_place *of)
{
    size_t share = 0;
    for (size_t i = 0; i < places->count; i++) {
        const struct http_place *place = &places->list[i];
        share += place->standing == of->standing && place->peer == of->peer ? 1 : 0;
    }
    return share;
}

// Of those that stand so since `until_us` or longer.
static size_t weakest_of(const struct http_places *places, enum http_standing standing,
                         uint64_t until_us)
{
    size_t weakest = places->count;
    size_t most = 0;
    for (size_t i = 0; i < places->count; i++) {
        const struct http_place *place = &places->list[i];
        if (place->standing != standing || place->since_us > until_us) {
            continue;
        }
        const bool is_mate = weakest < places->count && places->list[weakest].peer == place->peer;
        const size_t share = is_mate ? most : share_of(places, place);
        if (share > most || (share == most && place->since_us < places->list[weakest].since_us)) {
            weakest = i;
            most = share;
        }
    }
    return weakest;
}

size_t http_places_weakest(const struct http_places *places, uint64_t now_us)
{
    const uint64_t patience_us =
        now_us > HTTP_PLACES_PATIENCE_US ? now_us - HTTP_PLACES_PATIENCE_US : 0;
    size_t weakest = weakest_of(places, HTTP_PLACE_STRANGER, now_us);
    if (weakest == places->count) {
        weakest = weakest_of(places, HTTP_PLACE_GUEST, now_us);
    }
    return weakest < places->count ? weakest : weakest_of(places, HTTP_PLACE_READER, patience_us);
}

size_t http_places_weakest_spare(const struct http_places *places)
{
    return weakest_of(places, HTTP_PLACE_SPARE, UINT64_MAX);
}
