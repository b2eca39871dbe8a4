// SPDX-License-Identifier: Apache-2.0
// Goal: whatever the cloud wants and wherever the power fails, the gateway runs a configuration
// that proved itself or is proving itself, ends on the last good one, and says so. Method: the
// machine and its state in virtual time on a disk that is cut at every write; contents that fail in
// each way; seeds.
#include "apps/gateway/twin/remote_text.h"
#include "tests/scenario/gwcloud/remote_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TRIAL_US (400 * US_PER_S)

static struct remote_world w;

static void begin(uint64_t seed)
{
    world_init(&w, seed);
    world_boot(&w);
    world_run(&w, 20 * US_PER_S);
}

static void end(void)
{
    world_deinit(&w);
}

static void expect_running(const char *text)
{
    assert_string_equal(w.running, text);
}

static void test_a_good_one_is_tried_and_accepted(void **state)
{
    (void)state;
    begin(1);
    assert_string_equal(world_reported(&w), "applied");
    assert_non_null(strstr(w.report, "\"source\":\"local\""));
    world_desire(&w, "{\"n\":1}");
    world_run(&w, 20 * US_PER_S);
    expect_running("{\"n\":1}");
    assert_string_equal(world_reported(&w), "trial");
    assert_int_equal(w.trial_boots, 1);
    world_run(&w, TRIAL_US);
    assert_string_equal(world_reported(&w), "applied");
    assert_non_null(strstr(w.report, "\"source\":\"desired\""));
    // The same again, written in another way, or another property: no restart.
    world_desire(&w, " { \"n\" : 1.0 } ");
    world_run(&w, TRIAL_US);
    assert_int_equal(w.boots, 2);
    assert_non_null(strstr(w.report, "\"version\":3"));
    // Taken away: the local file is tried as any other.
    world_desire(&w, NULL);
    world_run(&w, TRIAL_US + 20 * US_PER_S);
    expect_running("{}");
    assert_string_equal(world_reported(&w), "applied");
    assert_int_equal(w.boots, 3);
    end();
}

static void test_one_that_loses_something_is_given_up_for_good(void **state)
{
    (void)state;
    static const struct {
        const char *config, *reason;
    } bad[] = {
        {"{\"n\":2,\"x\":\"deaf\"}", "the hub is not reached after 300 s"},
        {"{\"n\":2,\"x\":\"lost3\"}", "3 of 20 devices that answered before do not answer"},
        {"{\"n\":2,\"x\":\"crash\"}", "did not stay up"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin(i);
        world_desire(&w, "{\"n\":1,\"x\":\"some2\"}"); // just as many as may be silent
        world_run(&w, TRIAL_US + 20 * US_PER_S);
        assert_string_equal(world_reported(&w), "applied");
        world_desire(&w, bad[i].config);
        world_run(&w, TRIAL_US + 20 * US_PER_S);
        expect_running("{\"n\":1,\"x\":\"some2\"}");
        assert_string_equal(world_reported(&w), "reverted");
        assert_non_null(strstr(w.report, bad[i].reason));
        assert_non_null(strstr(w.report, "\"version\":3"));
        uint32_t boots = w.boots_of[2];
        assert_int_equal(boots, i == 2 ? REMOTE_TRIES_MAX : 1);
        world_desire(&w, bad[i].config); // a new version of the same
        world_run(&w, TRIAL_US);
        assert_int_equal(w.boots_of[2], boots);
        assert_string_equal(world_reported(&w), "reverted");
        world_desire(&w, "{\"n\":3}");
        world_run(&w, TRIAL_US + 20 * US_PER_S);
        expect_running("{\"n\":3}");
        assert_string_equal(world_reported(&w), "applied");
        end();
    }
}

static void test_what_is_wrong_or_away_is_not_tried(void **state)
{
    (void)state;
    begin(1);
    world_desire(&w, "{\"x\":\"wrong\"}");
    world_run(&w, TRIAL_US);
    assert_string_equal(world_reported(&w), "rejected");
    assert_non_null(strstr(w.report, "\"errors\":[\"no\"]"));
    assert_int_equal(w.checks, 1);
    world_desire(&w, "{\"x\":\"away\"}");
    world_run(&w, US_PER_HOUR);
    assert_string_equal(world_reported(&w), "waiting");
    assert_true(w.checks > 3 && w.checks < 10);
    world_desire(&w, "[1]"); // no object: the check's to judge, not a crash
    world_run(&w, US_PER_MIN);
    world_desire(&w, "{\"n\":1}");
    world_run(&w, TRIAL_US + 20 * US_PER_S);
    expect_running("{\"n\":1}");
    assert_string_equal(world_reported(&w), "applied");
    end();
}

static void test_a_newer_one_comes_during_a_check(void **state)
{
    (void)state;
    for (uint64_t at_s = 1; at_s < 8; at_s++) {
        begin(at_s);
        world_desire(&w, "{\"n\":1}");
        world_run(&w, at_s * US_PER_S);
        world_desire(&w, "{\"n\":2}");
        world_run(&w, TRIAL_US + 30 * US_PER_S);
        expect_running("{\"n\":2}");
        // What was checked, and nothing else, is what was tried.
        assert_int_equal(w.boots_of[2], 1);
        assert_true(w.boots_of[1] <= (at_s > 4 ? 1 : 0));
        end();
    }
}

static void test_a_newer_one_ends_a_trial(void **state)
{
    (void)state;
    begin(1);
    world_desire(&w, "{\"n\":1}");
    world_run(&w, TRIAL_US + 20 * US_PER_S);
    world_desire(&w, "{\"n\":2}");
    world_run(&w, 60 * US_PER_S);
    expect_running("{\"n\":2}");
    world_desire(&w, "{\"n\":3,\"x\":\"deaf\"}");
    world_run(&w, 20 * US_PER_S);
    expect_running("{\"n\":3,\"x\":\"deaf\"}");
    world_run(&w, TRIAL_US);
    expect_running("{\"n\":1}"); // what was accepted, not what was on trial before
    // And back to the accepted one in the middle of a trial, without a new trial of it.
    world_desire(&w, "{\"n\":4}");
    world_run(&w, 60 * US_PER_S);
    expect_running("{\"n\":4}");
    uint32_t trials = w.trial_boots;
    world_desire(&w, "{\"n\":1}");
    world_run(&w, 20 * US_PER_S);
    expect_running("{\"n\":1}");
    assert_int_equal(w.trial_boots, trials);
    assert_string_equal(world_reported(&w), "applied");
    // That was no verdict: it may be tried again.
    world_desire(&w, "{\"n\":4}");
    world_run(&w, TRIAL_US + 20 * US_PER_S);
    expect_running("{\"n\":4}");
    assert_string_equal(world_reported(&w), "applied");
    end();
}

static void test_the_hub_is_lost_in_a_trial(void **state)
{
    (void)state;
    begin(1);
    world_desire(&w, "{\"n\":1}");
    world_run(&w, 100 * US_PER_S);
    w.hub_is_away = true;
    world_run(&w, 60 * US_PER_S);
    w.hub_is_away = false; // back in time
    world_run(&w, TRIAL_US);
    assert_string_equal(world_reported(&w), "applied");
    // Away in the moment of judgement, and back soon: no verdict yet.
    world_desire(&w, "{\"n\":3}");
    world_run(&w, 290 * US_PER_S);
    w.hub_is_away = true;
    world_run(&w, 60 * US_PER_S);
    w.hub_is_away = false;
    world_run(&w, 20 * US_PER_S);
    assert_string_equal(world_reported(&w), "applied");
    expect_running("{\"n\":3}");
    world_desire(&w, "{\"n\":2}");
    world_run(&w, 100 * US_PER_S);
    w.hub_is_away = true;
    world_run(&w, TRIAL_US);
    expect_running("{\"n\":3}");
    w.hub_is_away = false;
    world_run(&w, 20 * US_PER_S);
    assert_string_equal(world_reported(&w), "reverted");
    end();
}

static void test_flapping_costs_a_restart_each_ten_seconds_at_most(void **state)
{
    (void)state;
    begin(1);
    for (int i = 0; i < 1200; i++) {
        world_desire(&w, i % 2 == 0 ? "{\"n\":1}" : "{\"n\":2}");
        world_run(&w, US_PER_S);
    }
    assert_true(w.boots == 1); // it never rests
    for (int i = 0; i < 400; i++) {
        world_desire(&w, i % 2 == 0 ? "{\"n\":1}" : "{\"n\":2}");
        world_run(&w, 6 * US_PER_S);
    }
    assert_true(w.boots > 2 && w.boots <= 2 + 2400 / 10);
    world_desire(&w, "{\"n\":5}");
    world_run(&w, TRIAL_US + 30 * US_PER_S);
    expect_running("{\"n\":5}");
    assert_string_equal(world_reported(&w), "applied");
    end();
}

static void test_thirty_restarts(void **state)
{
    (void)state;
    begin(1);
    world_desire(&w, "{\"n\":1}");
    world_run(&w, TRIAL_US + 20 * US_PER_S);
    uint64_t steps = w.medium.steps;
    for (int i = 0; i < 30; i++) {
        sim_medium_cut(&w.medium);
        world_run(&w, 30 * US_PER_S);
        expect_running("{\"n\":1}");
    }
    assert_int_equal(w.medium.steps, steps); // a settled gateway writes nothing
    // In a trial that never gets its time: given up after so many boots.
    world_desire(&w, "{\"n\":2}");
    world_run(&w, 20 * US_PER_S);
    for (int i = 0; i < 30; i++) {
        sim_medium_cut(&w.medium);
        world_run(&w, 30 * US_PER_S);
    }
    assert_int_equal(w.boots_of[2], REMOTE_TRIES_MAX);
    expect_running("{\"n\":1}");
    assert_string_equal(world_reported(&w), "reverted");
    end();
}

// One story: accepted, then a trial that fails, then one superseded, then a good one.
static void story(void)
{
    world_desire(&w, "{\"n\":1}");
    world_run(&w, TRIAL_US + 60 * US_PER_S);
    world_desire(&w, "{\"n\":2,\"x\":\"lost3\"}");
    world_run(&w, TRIAL_US + 60 * US_PER_S);
    world_desire(&w, "{\"n\":3}");
    world_run(&w, 60 * US_PER_S);
    world_desire(&w, "{\"n\":4}");
    world_run(&w, TRIAL_US + 60 * US_PER_S);
}

static void test_the_power_fails_at_every_write(void **state)
{
    (void)state;
    begin(1);
    story();
    uint64_t steps = w.medium.steps;
    assert_true(steps > 10);
    expect_running("{\"n\":4}");
    end();
    for (uint64_t cut = 1; cut <= steps; cut++) {
        for (uint64_t seed = 1; seed <= 4; seed++) {
            world_init(&w, seed * 1000 + cut);
            w.medium.cut_at_step = cut;
            world_boot(&w);
            world_run(&w, 20 * US_PER_S);
            story();
            world_run(&w, TRIAL_US);
            if (strcmp(w.running, "{\"n\":4}") != 0) {
                print_message("cut at %llu seed %llu\n", (unsigned long long)cut,
                              (unsigned long long)seed);
            }
            expect_running("{\"n\":4}");
            assert_string_equal(world_reported(&w), "applied");
            end();
        }
    }
}

static void test_a_disk_that_fails_for_a_while(void **state)
{
    (void)state;
    for (uint64_t error = 1; error <= 16; error++) {
        begin(error);
        w.medium.error_at_step = error;
        w.medium.is_error_lasting = true;
        story();
        w.medium.error_at_step = 0;
        w.medium.is_error_lasting = false;
        world_desire(&w, "{\"n\":5}");
        world_run(&w, 2 * TRIAL_US + US_PER_HOUR);
        expect_running("{\"n\":5}");
        assert_string_equal(world_reported(&w), "applied");
        end();
    }
}

static void test_anything_in_any_order(void **state)
{
    (void)state;
    static const char *const contents[] = {
        "{\"n\":1}",
        "{\"n\":2,\"x\":\"deaf\"}",
        "{\"n\":3,\"x\":\"lost3\"}",
        "{\"n\":4,\"x\":\"crash\"}",
        "{\"n\":5}",
        "{\"x\":\"wrong\"}",
        "{\"x\":\"away\"}",
        NULL,
    };
    const char *given = getenv("BUSWARD_SEEDS");
    unsigned long seeds = given == NULL ? 100 : strtoul(given, NULL, 10);
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);
        begin(seed);
        for (int step = 0; step < 60; step++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            switch (random % 7) {
            case 0: w.medium.cut_at_step = w.medium.steps + 1 + random / 7 % 4; break;
            case 1: sim_medium_cut(&w.medium); break;
            case 2: w.hub_is_away = !w.hub_is_away; break;
            case 3: world_run(&w, TRIAL_US); break;
            default: world_desire(&w, contents[random / 7 % 8]); break;
            }
            world_run(&w, random / 64 % 90 * US_PER_S);
        }
        w.hub_is_away = false;
        w.medium.cut_at_step = 0;
        world_run(&w, TRIAL_US + 60 * US_PER_S);
        world_desire(&w, "{\"n\":7}");
        world_run(&w, 2 * TRIAL_US);
        if (strcmp(w.running, "{\"n\":7}") != 0) {
            print_message("seed %llu\n", (unsigned long long)seed);
        }
        expect_running("{\"n\":7}");
        assert_string_equal(world_reported(&w), "applied");
        end();
    }
}

// The machine alone: an output that nobody has taken yet is not about what came after it.
static void test_a_job_that_was_not_handed_out_is_taken_back(void **state)
{
    (void)state;
    static const char FIRST[] = "{\"config\":{\"n\":1}}", SECOND[] = "{\"config\":{\"n\":2}}";
    static const char SAME[] = "{\"other\": 7, \"config\": { \"n\": 1 } }";
    const struct remote_config_options options = {.settle_ms = 1000, .first_ms = 1};
    const struct bytes first = bytes_of(FIRST, sizeof(FIRST) - 1);
    const struct bytes second = bytes_of(SECOND, sizeof(SECOND) - 1);
    const struct bytes same = bytes_of(SAME, sizeof(SAME) - 1);
    for (int stages = 0; stages < 2; stages++) {
        struct remote_config *rc = &w.machine;
        struct remote_out out;
        uint64_t now_us = US_PER_S;
        uint64_t hash = 0;
        assert_int_equal(remote_hash(bytes_of("{}", 2), &hash), OK);
        remote_config_start(rc, &options, &(struct remote_boot){.running = {.hash = hash}}, now_us);
        remote_config_online(rc, now_us);
        remote_config_desired(rc, now_us, 1, first);
        now_us = remote_config_deadline_us(rc);
        remote_config_tick(rc, now_us);
        if (stages == 1) {
            assert_true(remote_config_next(rc, now_us, &out) && out.kind == REMOTE_OUT_CHECK);
            remote_config_checked(rc, now_us, &(struct remote_checked){.verdict = REMOTE_GOOD});
        }
        remote_config_desired(rc, now_us, 2, same); // in other words: the job stands
        assert_int_equal(rc->phase, stages == 0 ? REMOTE_CHECKING : REMOTE_WRITING);
        remote_config_desired(rc, now_us, 3, second);
        assert_int_equal(rc->phase, REMOTE_RESTING);
        assert_false(remote_config_next(rc, now_us, &out));
        now_us = remote_config_deadline_us(rc);
        remote_config_tick(rc, now_us);
        assert_true(remote_config_next(rc, now_us, &out));
        assert_int_equal(out.kind, REMOTE_OUT_CHECK);
        assert_int_equal(out.name.version, 3);
        assert_int_equal(out.content.size, 7);
        assert_memory_equal(out.content.data, "{\"n\":2}", 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_good_one_is_tried_and_accepted),
        cmocka_unit_test(test_one_that_loses_something_is_given_up_for_good),
        cmocka_unit_test(test_what_is_wrong_or_away_is_not_tried),
        cmocka_unit_test(test_a_newer_one_comes_during_a_check),
        cmocka_unit_test(test_a_newer_one_ends_a_trial),
        cmocka_unit_test(test_the_hub_is_lost_in_a_trial),
        cmocka_unit_test(test_flapping_costs_a_restart_each_ten_seconds_at_most),
        cmocka_unit_test(test_thirty_restarts),
        cmocka_unit_test(test_the_power_fails_at_every_write),
        cmocka_unit_test(test_a_disk_that_fails_for_a_while),
        cmocka_unit_test(test_anything_in_any_order),
        cmocka_unit_test(test_a_job_that_was_not_handed_out_is_taken_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
