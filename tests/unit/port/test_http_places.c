// SPDX-License-Identifier: Apache-2.0
// Goal: strangers may fill the table and still nobody waits: who comes honestly has time to finish
// a request, who has a place by right keeps it. Method: the table in virtual time, with floods from
// seeds; the order in which places are lost by hand.
#include "port/linux/http_places.h"

#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { COUNT = 64, SEEDS = 50, FLOOD = 4000, HANDSHAKE_TURNS = 40 };

struct bench {
    struct http_places places;
    struct http_place list[COUNT];
    uint64_t now_us;
    uint64_t seed;
};

static uint64_t any(struct bench *b, uint64_t below)
{
    b->seed = b->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (b->seed >> 33) % below;
}

static void start(struct bench *b, uint64_t seed)
{
    *b = (struct bench){.now_us = US_PER_S, .seed = seed};
    http_places_init(&b->places, b->list, COUNT);
}

// As the server does it: a free place, or that of the weakest. COUNT: none. *out: who lost it.
static size_t come(struct bench *b, uint64_t peer, size_t *out)
{
    *out = COUNT;
    size_t at = 0;
    b->now_us++;
    while (at < COUNT && b->list[at].standing != HTTP_PLACE_FREE) {
        at++;
    }
    if (at == COUNT) {
        at = http_places_weakest(&b->places, b->now_us);
        *out = at;
        if (at == COUNT) {
            return COUNT;
        }
        http_places_leave(&b->places, at);
    }
    http_places_enter(&b->places, at, b->now_us, peer);
    return at;
}

static void fill(struct bench *b, uint64_t peer)
{
    size_t out = COUNT;
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(come(b, peer, &out) < COUNT);
        assert_int_equal(out, COUNT);
    }
}

static void test_of_one_peer_the_stranger_that_came_first_goes_first(void **state)
{
    (void)state;
    struct bench b;
    size_t out = COUNT;
    start(&b, 1);
    fill(&b, 7);
    for (size_t i = 0; i < 3 * COUNT; i++) {
        assert_int_equal(come(&b, 7, &out), i % COUNT);
        assert_int_equal(out, i % COUNT);
    }
}

static void test_who_holds_most_places_loses_one_however_new(void **state)
{
    (void)state;
    struct bench b;
    size_t out = COUNT;
    start(&b, 1);
    assert_int_equal(come(&b, 1, &out), 0);
    assert_int_equal(come(&b, 2, &out), 1);
    assert_int_equal(come(&b, 2, &out), 2);
    for (size_t i = 3; i < COUNT; i++) {
        assert_int_equal(come(&b, 3, &out), i);
    }
    for (size_t i = 3; i < COUNT; i++) {
        assert_int_equal(come(&b, 3, &out), i);
    }
}

static void test_a_guest_goes_after_every_stranger_and_who_is_held_never(void **state)
{
    (void)state;
    struct bench b;
    size_t out = COUNT;
    start(&b, 1);
    fill(&b, 7);
    http_places_busy(&b.places, 0); // being answered
    http_places_busy(&b.places, 1);
    http_places_idle(&b.places, 1, b.now_us); // a guest
    http_places_busy(&b.places, 2);
    http_places_vouch(&b.places, 2);
    http_places_idle(&b.places, 2, b.now_us); // vouched for, asks nothing
    for (size_t i = 3; i < COUNT; i++) {
        assert_int_equal(http_places_weakest(&b.places, b.now_us), i);
        http_places_busy(&b.places, i);
    }
    assert_int_equal(come(&b, 9, &out), 1);
    http_places_busy(&b.places, 1);
    assert_int_equal(come(&b, 9, &out), COUNT);
    http_places_idle(&b.places, 0, b.now_us);
    assert_int_equal(come(&b, 9, &out), 0);
}

static void test_who_is_unknown_and_reads_slowly_has_some_time(void **state)
{
    (void)state;
    struct bench b;
    start(&b, 1);
    http_places_enter(&b.places, 0, b.now_us, 7);
    http_places_answered(&b.places, 0, b.now_us); // refused by the parser: still a stranger
    assert_int_equal(http_places_weakest(&b.places, b.now_us), 0);
    http_places_busy(&b.places, 0);
    b.now_us += 10 * HTTP_PLACES_PATIENCE_US; // however long we take to answer
    assert_int_equal(http_places_weakest(&b.places, b.now_us), COUNT);
    http_places_answered(&b.places, 0, b.now_us);
    b.now_us += HTTP_PLACES_PATIENCE_US - 1;
    assert_int_equal(http_places_weakest(&b.places, b.now_us), COUNT);
    b.now_us += 1;
    assert_int_equal(http_places_weakest(&b.places, b.now_us), 0);
    http_places_enter(&b.places, 1, b.now_us, 8);
    http_places_busy(&b.places, 1);
    http_places_answered(&b.places, 1, b.now_us);
    http_places_idle(&b.places, 1, b.now_us); // a guest goes first
    assert_int_equal(http_places_weakest(&b.places, b.now_us), 1);
    http_places_vouch(&b.places, 1);
    http_places_vouch(&b.places, 0);
    assert_int_equal(http_places_weakest(&b.places, 2 * b.now_us), COUNT);
}

static void test_spare_places_are_never_more_than_that(void **state)
{
    (void)state;
    struct bench b;
    start(&b, 1);
    http_places_enter_spare(&b.places, 0, 1, 7);
    http_places_enter_spare(&b.places, 1, 2, 7);
    http_places_vouch(&b.places, 0);
    http_places_busy(&b.places, 0);
    http_places_idle(&b.places, 0, 3);
    assert_int_equal(http_places_weakest(&b.places, b.now_us), COUNT);
    assert_int_equal(http_places_weakest_spare(&b.places), 0);
    http_places_enter(&b.places, 2, 4, 7);
    assert_int_equal(http_places_weakest(&b.places, b.now_us), 2);
    http_places_leave(&b.places, 0);
    assert_int_equal(http_places_weakest_spare(&b.places), 1);
}

// An honest one, from an address of its own, needs some turns for its handshake and then asks.
static void one_flood(uint64_t seed)
{
    struct bench b;
    size_t out = COUNT;
    start(&b, seed);
    fill(&b, any(&b, 4));
    const size_t held = any(&b, COUNT);
    http_places_busy(&b.places, held);
    http_places_vouch(&b.places, held);
    http_places_idle(&b.places, held, b.now_us);
    size_t honest = COUNT;
    uint64_t begun = 0;
    for (uint64_t turn = 0; turn < FLOOD; turn++) {
        if (honest == COUNT) {
            honest = come(&b, 1000, &out);
            assert_true(honest < COUNT);
            begun = turn;
        } else if (turn - begun == HANDSHAKE_TURNS) {
            http_places_busy(&b.places, honest);  // asked
            http_places_leave(&b.places, honest); // answered, and closed
            honest = COUNT;
            continue;
        }
        const size_t at = come(&b, any(&b, 4), &out);
        assert_true(at < COUNT && at != held);
        assert_true(out != honest || honest == COUNT);
    }
    assert_int_equal(b.list[held].standing, HTTP_PLACE_HELD);
}

static void test_in_a_flood_everybody_honest_gets_an_answer(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        one_flood(seed);
    }
}

static void test_behind_one_proxy_a_whole_table_of_newcomers_is_the_time_to_ask(void **state)
{
    (void)state;
    struct bench b;
    size_t out = COUNT;
    // All behind one proxy: as many newcomers as there are places may come during a handshake.
    start(&b, 1);
    fill(&b, 7);
    const size_t honest = come(&b, 7, &out);
    for (size_t i = 0; i < COUNT - 1; i++) {
        (void)come(&b, 7, &out);
        assert_int_not_equal(out, honest);
    }
    (void)come(&b, 7, &out);
    assert_int_equal(out, honest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_one_peer_the_stranger_that_came_first_goes_first),
        cmocka_unit_test(test_who_holds_most_places_loses_one_however_new),
        cmocka_unit_test(test_a_guest_goes_after_every_stranger_and_who_is_held_never),
        cmocka_unit_test(test_who_is_unknown_and_reads_slowly_has_some_time),
        cmocka_unit_test(test_spare_places_are_never_more_than_that),
        cmocka_unit_test(test_in_a_flood_everybody_honest_gets_an_answer),
        cmocka_unit_test(test_behind_one_proxy_a_whole_table_of_newcomers_is_the_time_to_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
