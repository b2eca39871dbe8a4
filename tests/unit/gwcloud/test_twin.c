// SPDX-License-Identifier: Apache-2.0
// Goal: the desired document is whole and current after every connect, gap and damaged message;
// what is reported arrives, one patch at a time. Method: the machine in virtual time against a
// scripted hub, and against a hub of a few lines that forgets, throttles and reorders, with seeds.
#include "apps/gateway/twin/twin.h"
#include "json/merge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S US_PER_S

static struct twin twin;
static struct twin_out out;

static struct bytes text(const char *s)
{
    return bytes_of(s, strlen(s));
}

static void expect_get(uint64_t now_us)
{
    assert_true(twin_next(&twin, now_us, &out));
    assert_int_equal(out.kind, TWIN_OUT_SEND);
    assert_int_equal(out.topic.kind, AZ_TWIN_GET);
}

static void expect_report(uint64_t now_us, const char *body)
{
    assert_true(twin_next(&twin, now_us, &out));
    assert_int_equal(out.kind, TWIN_OUT_SEND);
    assert_int_equal(out.topic.kind, AZ_TWIN_REPORT);
    assert_int_equal(out.body.size, strlen(body));
    assert_memory_equal(out.body.data, body, strlen(body));
}

static void expect_desired(uint64_t now_us, uint64_t version, const char *body)
{
    assert_true(twin_next(&twin, now_us, &out));
    assert_int_equal(out.kind, TWIN_OUT_DESIRED);
    assert_int_equal(out.version, version);
    assert_int_equal(out.body.size, strlen(body));
    assert_memory_equal(out.body.data, body, strlen(body));
}

static void expect_note(uint64_t now_us, int32_t status)
{
    assert_true(twin_next(&twin, now_us, &out));
    assert_int_equal(out.kind, TWIN_OUT_NOTE);
    assert_int_equal(out.status, status);
}

static void expect_nothing(uint64_t now_us)
{
    twin_tick(&twin, now_us);
    assert_false(twin_next(&twin, now_us, &out));
}

static void answer(uint64_t now_us, int32_t status, const char *rid, const char *body)
{
    struct az_topic topic = {.kind = AZ_TWIN_ANSWER, .status = status, .rid = text(rid)};
    twin_message(&twin, now_us, &topic, text(body));
}

static void patch(uint64_t now_us, uint64_t version, const char *body)
{
    struct az_topic topic = {.kind = AZ_TWIN_DESIRED, .has_version = true, .version = version};
    twin_message(&twin, now_us, &topic, text(body));
}

static void begin_current(const char *document)
{
    twin_init(&twin, NULL);
    twin_online(&twin, 0);
    expect_get(0);
    answer(1, 200, "g1", document);
}

static void test_the_document_is_asked_for_after_each_connect(void **state)
{
    (void)state;
    begin_current("{\"desired\":{\"a\":1,\"$version\":4},\"reported\":{\"$version\":9}}");
    expect_desired(1, 4, "{\"a\":1}");
    expect_nothing(1);
    twin_offline(&twin, 2);
    assert_int_equal(twin_deadline_us(&twin), TIME_NEVER);
    twin_online(&twin, 3);
    expect_get(3);
    answer(4, 200, "g2", "{\"desired\":{\"a\":1,\"$version\":4}}");
    expect_nothing(4); // the same version is no news
    twin_offline(&twin, 5);
    twin_online(&twin, 5);
    expect_get(5);
    answer(6, 200, "g2", "{\"desired\":{\"a\":7,\"$version\":9}}"); // of another request
    expect_nothing(6);
    answer(6, 200, "g3", "{\"desired\":{\"a\":2,\"$version\":5}}");
    expect_desired(6, 5, "{\"a\":2}");
}

static void test_patches_merge(void **state)
{
    (void)state;
    begin_current("{\"desired\":{\"a\":1,\"b\":{\"c\":[1,2],\"d\":\"x\"},\"$version\":4}}");
    expect_desired(1, 4, "{\"a\":1,\"b\":{\"c\":[1,2],\"d\":\"x\"}}");
    patch(2, 5, "{\"b\":{\"c\":[3],\"d\":null,\"e\":{\"f\":null}},\"$version\":5}");
    expect_desired(2, 5, "{\"a\":1,\"b\":{\"c\":[3],\"e\":{}}}");
    patch(3, 5, "{\"a\":9,\"$version\":5}"); // known already
    patch(3, 3, "{\"a\":9,\"$version\":3}");
    expect_nothing(3);
    patch(4, 6, "{\"a\":null,\"$version\":6}");
    expect_desired(4, 6, "{\"b\":{\"c\":[3],\"e\":{}}}");
}

static void test_a_gap_or_damage_asks_anew(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "{",
                                      "[]",
                                      "{\"a\":1}",
                                      "{\"a\":1,\"$version\":7}",
                                      "{\"a\":{\"$version\":5}",
                                      "{\"a\":01,\"$version\":5}"};
    begin_current("{\"desired\":{\"$version\":4}}");
    expect_desired(1, 4, "{}");
    patch(2, 6, "{\"a\":1,\"$version\":6}");
    expect_get(2);
    answer(3, 200, "g2", "{\"desired\":{\"a\":1,\"$version\":4}}"); // older than that patch
    expect_nothing(3);
    assert_true(twin_deadline_us(&twin) <= 3 + 5 * S);
    expect_get(3 + 5 * S);
    answer(6 * S, 200, "g3", "{\"desired\":{\"a\":1,\"$version\":6}}");
    expect_desired(6 * S, 6, "{\"a\":1}");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        char rid[16];
        patch(7 * S, 7 + i, bad[i]);
        expect_get(7 * S);
        snprintf(rid, sizeof(rid), "%.*s", (int)out.topic.rid.size, out.topic.rid.data);
        char document[64];
        snprintf(document, sizeof(document), "{\"desired\":{\"$version\":%zu}}", 7 + i);
        answer(7 * S, 200, rid, document);
        expect_desired(7 * S, 7 + i, "{}");
    }
}

static void test_an_unreadable_answer_is_asked_for_again_with_pauses(void **state)
{
    (void)state;
    begin_current("{\"desired\":{\"a\":1}}"); // no $version
    expect_note(1, 200);
    uint64_t at_us = 1;
    uint64_t pauses_us[8];
    for (size_t i = 0; i < 8; i++) {
        uint64_t due_us = twin_deadline_us(&twin);
        pauses_us[i] = due_us - at_us;
        expect_nothing(due_us - 1);
        expect_get(due_us);
        char rid[16];
        snprintf(rid, sizeof(rid), "g%zu", i + 2);
        answer(due_us, i % 2 == 0 ? 429 : 503, rid, "");
        expect_note(due_us, i % 2 == 0 ? 429 : 503);
        at_us = due_us;
    }
    assert_true(pauses_us[0] >= 5 * S / 2 && pauses_us[0] <= 5 * S);
    assert_true(pauses_us[7] >= 150 * S && pauses_us[7] <= 300 * S);
    // No answer at all counts as one, after its time-out.
    uint64_t due_us = twin_deadline_us(&twin);
    expect_get(due_us);
    assert_int_equal(twin_deadline_us(&twin), due_us + 30 * S);
    twin_tick(&twin, due_us + 30 * S);
    expect_note(due_us + 30 * S, 0);
}

static void test_one_report_flies_and_the_rest_merges(void **state)
{
    (void)state;
    twin_init(&twin, NULL);
    assert_int_equal(twin_report(&twin, 0, text("{\"a\":1,\"b\":{\"c\":1}}")), OK);
    assert_int_equal(twin_report(&twin, 0, text("[]")), ERR_CORRUPT);
    twin_online(&twin, 0);
    expect_get(0);
    expect_report(0, "{\"a\":1,\"b\":{\"c\":1}}");
    assert_int_equal(twin_report(&twin, 1, text("{\"a\":null}")), OK);
    assert_int_equal(twin_report(&twin, 1, text("{\"b\":{\"d\":2}}")), OK);
    expect_nothing(1);
    answer(2, 204, "r2", "");
    expect_nothing(2); // a second must pass
    expect_report(2 + S, "{\"a\":null,\"b\":{\"d\":2}}");
    // Not answered: joined with what came since, the newer wins.
    assert_int_equal(twin_report(&twin, 3 * S, text("{\"b\":{\"d\":3}}")), OK);
    twin_offline(&twin, 4 * S);
    twin_online(&twin, 5 * S);
    expect_get(5 * S);
    expect_report(5 * S, "{\"a\":null,\"b\":{\"d\":3}}");
    answer(6 * S, 429, "r5", "");
    uint64_t due_us = twin_deadline_us(&twin);
    due_us = due_us < 12 * S ? due_us : 12 * S;
    expect_report(due_us, "{\"a\":null,\"b\":{\"d\":3}}");
    answer(due_us, 413, "r6", "");
    expect_note(due_us, 413);
    assert_int_equal(twin_report(&twin, due_us, text("{\"e\":1}")), OK);
    expect_report(due_us, "{\"e\":1}"); // what was refused is gone
    answer(due_us, 412, "r7", "");
    expect_get(due_us); // somebody else changed it: look first
    assert_true(twin.flying_size == 0 && twin.waiting_size > 0);
}

static void test_too_large_a_report_changes_nothing(void **state)
{
    (void)state;
    static char large[TWIN_REPORTED_SIZE_MAX + 64];
    twin_init(&twin, NULL);
    memset(large, 'x', sizeof(large));
    int head = snprintf(large, sizeof(large), "{\"a\":\"");
    large[head] = 'x';
    memcpy(large + TWIN_REPORTED_SIZE_MAX - 2, "\"}", 3); // to the byte
    assert_int_equal(twin_report(&twin, 0, text(large)), OK);
    assert_int_equal(twin_report(&twin, 0, text("{\"b\":1}")), ERR_SIZE);
    twin_online(&twin, 0);
    expect_get(0);
    expect_report(0, large);
    twin_init(&twin, NULL);
    memcpy(large + TWIN_REPORTED_SIZE_MAX - 2, "x\"}", 4);
    assert_int_equal(twin_report(&twin, 0, text(large)), ERR_SIZE);
}

// A hub that loses answers, throttles, and hands out patches twice or not at all.
struct hub {
    uint32_t random;
    uint64_t version;
    int desired[4], reported[4];
};

static uint32_t chance(struct hub *hub, uint32_t below)
{
    hub->random = hub->random * 1664525u + 1013904223u;
    return (hub->random >> 8) % below;
}

static void hub_takes(struct hub *hub, uint64_t now_us)
{
    char rid[32];
    char body[256];
    snprintf(rid, sizeof(rid), "%.*s", (int)out.topic.rid.size, out.topic.rid.data);
    uint32_t fate = chance(hub, 6);
    if (fate == 0) {
        return; // nobody hears
    }
    if (fate == 1) {
        answer(now_us, chance(hub, 2) == 0 ? 429 : 500, rid, "{}");
        return;
    }
    if (out.topic.kind == AZ_TWIN_GET) {
        snprintf(body, sizeof(body),
                 "{\"desired\":{\"k0\":%d,\"k1\":%d,\"k2\":%d,\"k3\":%d,"
                 "\"$version\":%llu},\"reported\":{\"$version\":1}}",
                 hub->desired[0], hub->desired[1], hub->desired[2], hub->desired[3],
                 (unsigned long long)hub->version);
        answer(now_us, 200, rid, fate == 2 ? "{\"desired\":{\"k0\":" : body);
        return;
    }
    snprintf(body, sizeof(body), "%.*s", (int)out.body.size, out.body.data);
    for (int k = 0; k < 4; k++) {
        char key[20];
        snprintf(key, sizeof(key), "\"k%d\":", k);
        const char *at = strstr(body, key);
        hub->reported[k] = at != NULL ? (int)strtol(at + 5, NULL, 10) : hub->reported[k];
    }
    if (fate > 2) { // else taken, but the answer is lost
        answer(now_us, 204, rid, "");
    }
}

static void hub_changes(struct hub *hub, uint64_t now_us)
{
    char body[96];
    uint32_t k = chance(hub, 4);
    hub->desired[k] = (int)chance(hub, 1000);
    hub->version++;
    snprintf(body, sizeof(body), "{\"k%u\":%d,\"$version\":%llu}", k, hub->desired[k],
             (unsigned long long)hub->version);
    for (uint32_t times = chance(hub, 4) == 0 ? chance(hub, 3) : 1; times > 0; times--) {
        patch(now_us, hub->version, chance(hub, 9) == 0 ? "{\"k" : body);
    }
}

static void drain(struct hub *hub, uint64_t now_us, int *last)
{
    char body[256];
    twin_tick(&twin, now_us);
    while (twin_next(&twin, now_us, &out)) {
        if (out.kind == TWIN_OUT_SEND) {
            hub_takes(hub, now_us);
        } else if (out.kind == TWIN_OUT_DESIRED) {
            snprintf(body, sizeof(body), "%.*s", (int)out.body.size, out.body.data);
            for (int k = 0; k < 4; k++) {
                char key[20];
                snprintf(key, sizeof(key), "\"k%d\":", k);
                last[k] = (int)strtol(strstr(body, key) + 5, NULL, 10);
            }
        }
    }
}

static void test_both_ends_agree_in_the_end(void **state)
{
    (void)state;
    for (uint32_t seed = 1; seed <= 200; seed++) {
        struct hub hub = {.random = seed * 7919, .version = 1};
        int mine[4] = {0};
        int last[4] = {0};
        uint64_t now_us = 0;
        const struct twin_config cfg = {.seed = seed};
        twin_init(&twin, &cfg);
        for (int step = 0; step < 300; step++) {
            now_us += chance(&hub, 20) * S;
            char body[64];
            uint32_t k = chance(&hub, 4);
            switch (chance(&hub, 6)) {
            case 0: twin_online(&twin, now_us); break;
            case 1: hub_changes(&hub, now_us); break;
            case 2:
                mine[k] = (int)chance(&hub, 1000);
                snprintf(body, sizeof(body), "{\"k%u\":%d}", k, mine[k]);
                assert_int_equal(twin_report(&twin, now_us, text(body)), OK);
                break;
            case 3:
                if (chance(&hub, 3) == 0) {
                    twin_offline(&twin, now_us);
                }
                break;
            default: break;
            }
            drain(&hub, now_us, last);
        }
        twin_offline(&twin, now_us);
        twin_online(&twin, now_us);
        for (int step = 0; step < 200; step++) {
            drain(&hub, now_us, last);
            uint64_t next_us = twin_deadline_us(&twin);
            if (next_us == TIME_NEVER) {
                break;
            }
            now_us = next_us > now_us ? next_us : now_us + 1;
        }
        if (memcmp(last, hub.desired, sizeof(last)) != 0) {
            print_message("seed %u\n", seed);
        }
        assert_memory_equal(last, hub.desired, sizeof(last));
        assert_memory_equal(mine, hub.reported, sizeof(mine));
        assert_int_equal(twin.version, hub.version);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_document_is_asked_for_after_each_connect),
        cmocka_unit_test(test_patches_merge),
        cmocka_unit_test(test_a_gap_or_damage_asks_anew),
        cmocka_unit_test(test_an_unreadable_answer_is_asked_for_again_with_pauses),
        cmocka_unit_test(test_one_report_flies_and_the_rest_merges),
        cmocka_unit_test(test_too_large_a_report_changes_nothing),
        cmocka_unit_test(test_both_ends_agree_in_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
