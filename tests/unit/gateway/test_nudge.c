// SPDX-License-Identifier: Apache-2.0
// Goal: nudges in either form do what they say, any number of times; what is no nudge is counted
// and told, and the next good one works.
#include "apps/gateway/methods/nudge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct nudge n;
static char seen[64];

static void drain(void)
{
    struct nudge_out out;
    seen[0] = '\0';
    while (nudge_next(&n, &out)) {
        static const char *const WORDS[] = {"watch", "sync", "twin", "unknown"};
        size_t size = strlen(seen);
        snprintf(seen + size, sizeof(seen) - size, "%s%s ", WORDS[out.kind],
                 out.kind == NUDGE_OUT_WATCH ? (out.is_watched ? "+" : "-") : "");
    }
}

static void give(uint64_t at_s, const char *bag, const char *body)
{
    nudge_message(&n, at_s * US_PER_S, bytes_of(bag, strlen(bag)), bytes_of(body, strlen(body)));
    drain();
}

static void tick(uint64_t at_s)
{
    nudge_tick(&n, at_s * US_PER_S);
    drain();
}

static void test_a_watch_lasts_its_time(void **state)
{
    (void)state;
    nudge_init(&n);
    give(100, "", "{\"nudge\":\"watch\",\"for_s\":30}");
    assert_string_equal(seen, "watch+ ");
    assert_int_equal(nudge_deadline_us(&n), 130 * US_PER_S);
    give(110, "nudge=watch&for_s=5", ""); // two who look: the longer one decides
    assert_string_equal(seen, "");
    tick(129);
    assert_string_equal(seen, "");
    tick(130);
    assert_string_equal(seen, "watch- ");
    assert_int_equal(nudge_deadline_us(&n), TIME_NEVER);
    give(200, "%24.mid=7&nudge=watch", ""); // a minute by itself
    assert_int_equal(nudge_deadline_us(&n), 260 * US_PER_S);
    give(210, "", "{\"nudge\":\"watch\",\"for_s\":0}");
    assert_string_equal(seen, "watch- ");
    give(220, "nudge=watch&for_s=9999", "");
    assert_int_equal(nudge_deadline_us(&n), (220 + NUDGE_WATCH_S_MAX) * US_PER_S);
}

static void test_sync_and_twin_are_asked_for_once(void **state)
{
    (void)state;
    nudge_init(&n);
    give(1, "", "{\"nudge\":\"sync\"}");
    assert_string_equal(seen, "sync ");
    give(2, "nudge=twin", "");
    assert_string_equal(seen, "twin ");
    give(3, "nudge=sync", "{\"nudge\":\"twin\"}"); // the body counts
    assert_string_equal(seen, "twin ");
    assert_int_equal(n.syncs + n.twins, 3);
}

static void test_what_is_no_nudge_is_counted(void **state)
{
    (void)state;
    static const char *const BAD[][2] = {
        {"", ""},
        {"", "{"},
        {"", "[\"nudge\"]"},
        {"", "{\"nudge\":7}"},
        {"", "{\"nudge\":\"sync\",\"x\":"},
        {"", "{\"nudge\":\"a word that is much longer than any nudge will ever be\"}"},
        {"nudge=%zz", ""},
        {"nudge=%00sync", ""},
        {"nudge=", ""},
        {"nudge", ""},
        {"", "{\"nudge\":\"dance\"}"},
    };
    nudge_init(&n);
    for (size_t i = 0; i < sizeof(BAD) / sizeof(BAD[0]); i++) {
        give(1, BAD[i][0], BAD[i][1]);
        assert_string_equal(seen, "unknown ");
        assert_int_equal(n.unknown, i + 1);
    }
    give(2, "", "{\"nudge\":\"sync\",\"later\":{\"a\":[1]}}"); // good after bad
    assert_string_equal(seen, "sync ");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_watch_lasts_its_time),
        cmocka_unit_test(test_sync_and_twin_are_asked_for_once),
        cmocka_unit_test(test_what_is_no_nudge_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
