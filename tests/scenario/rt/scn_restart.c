// SPDX-License-Identifier: Apache-2.0
// Goal: either side restarts at any moment and messages get lost, yet no frame of an earlier
// session reaches the line, no DONE of one reaches the gateway, the line never carries half a frame
// of a living core, and all works again. Method: the moment is swept over two transactions, then
// chaos.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/assert.h"
#include "tests/scenario/rt/world.h"

static const struct world_cfg USUAL = {.baud = 19200,
                                       .parity = SERIAL_EVEN,
                                       .guard_bits8 = 12,
                                       .lead_bits8 = 8,
                                       .reply_us = 3000,
                                       .latency_us = 900,
                                       .host_ppm = -60,
                                       .host_offset_us = 123456789,
                                       .seed = 3};

enum { SENDS = 6, SPAN_US = 40000, STEP_US = 397 };

static uint32_t token_at;

static void send_some(struct world *world, uint8_t unit)
{
    for (uint32_t i = 0; i < SENDS; i++) {
        assert_int_equal(world_send(world, token_at++, unit, 12, 9), OK);
    }
}

// Each SEND has one DONE, in what order ever, and none is of another one.
static void assert_done_once(const struct world *world, uint32_t first)
{
    assert_int_equal(world->done_count, token_at - first);
    for (uint32_t token = first; token < token_at; token++) {
        uint32_t count = 0;
        for (size_t i = 0; i < world->done_count; i++) {
            count += world->dones[i].done.token == token;
        }
        assert_int_equal(count, 1);
    }
}

static void assert_works(struct world *world)
{
    size_t before = world->done_count;
    send_some(world, 7);
    assert_true(world_run_dones(world, before + SENDS));
    for (size_t i = before; i < world->done_count; i++) {
        assert_int_equal(world->dones[i].done.outcome, LINE_REPLY);
        assert_int_equal(world->dones[i].reply[0], (uint8_t)(world->dones[i].done.token + 3));
    }
}

static void test_the_core_restarts_at_any_moment(void **state)
{
    (void)state;
    for (uint64_t at_us = 0; at_us < SPAN_US; at_us += STEP_US) {
        struct world world;
        world_init(&world, &USUAL);
        assert_true(world_run_up(&world));
        uint32_t first = token_at;
        send_some(&world, 5);
        world_run(&world, at_us);
        world_core_restart(&world);
        assert_true(world_run_up(&world));
        assert_int_equal(world.downs, 1);
        assert_int_equal(world.trouble, IC_TROUBLE_RESTART);
        assert_int_equal(world.host.core_hello.crash.end, IC_END_WATCHDOG);
        assert_int_equal(world.host.core_hello.crash.count, 1);
        world_run(&world, 100 * US_PER_MS);
        assert_done_once(&world, first);
        assert_works(&world);
        assert_int_equal(world.judge.violations, 0);
        world_deinit(&world);
    }
}

static void test_the_host_restarts_at_any_moment(void **state)
{
    (void)state;
    for (uint64_t at_us = 0; at_us < SPAN_US; at_us += STEP_US) {
        struct world world;
        world_init(&world, &USUAL);
        assert_true(world_run_up(&world));
        send_some(&world, 5);
        world_run(&world, at_us);
        size_t before = world.done_count;
        world_host_restart(&world);
        uint32_t sends = world.transceiver.sends;
        assert_true(world_run_up(&world));
        // What the old one had queued never went out, but for a frame that was about to, while its
        // successor's HELLO was on its way.
        assert_true(world.transceiver.sends <= sends + 1);
        assert_int_equal(world.done_count, before); // nor is any of it told
        assert_works(&world);
        assert_int_equal(world.judge.violations, 0);
        assert_int_equal(world.frames_bad, 0);
        world_deinit(&world);
    }
}

// The reply to the old session's frame is still to come when the new one has something to send.
static void test_a_new_host_does_not_talk_into_the_old_ones_reply(void **state)
{
    (void)state;
    struct world world;
    struct world_cfg cfg = USUAL;
    cfg.reply_us = 60000;
    world_init(&world, &cfg);
    assert_true(world_run_up(&world));
    assert_int_equal(world_send(&world, token_at++, 5, 12, 40), OK);
    world_run(&world, 20 * US_PER_MS);
    assert_in_range(world.reply_us, world.now_us, world.now_us + 60000); // is still to come
    uint64_t over_us = world.reply_us + sim_line_chars_us(&world.line, 40);
    world_host_restart(&world);
    assert_true(world_run_up(&world));
    assert_true(world.now_us >= over_us);
    assert_int_equal(world_send(&world, token_at, 5, 12, 9), OK);
    assert_true(world_run_dones(&world, 1));
    assert_int_equal(world.dones[0].done.token, token_at++);
    assert_int_equal(world.dones[0].done.outcome, LINE_REPLY);
    assert_int_equal(world.line.stats.collisions, 0);
    assert_int_equal(world.judge.violations, 0);
    world_deinit(&world);
}

static void test_a_host_that_dies_leaves_the_line_at_rest(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &USUAL);
    assert_true(world_run_up(&world));
    send_some(&world, 5);
    world.is_host_on = false;
    world.to_host.capacity = 2;
    world_run(&world, 30 * US_PER_S);
    assert_true(world.transceiver.sends <= 4);
    assert_int_equal(world.light, CORE_LIGHT_RED);
    assert_int_equal(world.rt.core.host, 0);
    world.to_host.capacity = WORLD_MAILBOX;
    world_host_restart(&world);
    assert_true(world_run_up(&world));
    assert_works(&world);
    assert_int_equal(world.frames_bad, 0);
    world_deinit(&world);
}

static void test_a_core_that_dies_is_told(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &USUAL);
    assert_true(world_run_up(&world));
    uint32_t first = token_at;
    world.is_core_on = false;
    send_some(&world, 5);
    world_run(&world, IC_CORE_SILENT_US + US_PER_S);
    assert_int_equal(world.trouble, IC_TROUBLE_SILENT);
    assert_done_once(&world, first);
    world_run(&world, 30 * US_PER_S);
    assert_int_equal(world.trouble, IC_TROUBLE_NO_ANSWER);
    assert_int_equal(world.downs, 2);
    world_core_restart(&world);
    assert_true(world_run_up(&world));
    assert_works(&world);
    world_deinit(&world);
}

static void chaos(uint64_t seed)
{
    struct world world;
    struct world_cfg cfg = USUAL;
    uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15) + 99;
    uint32_t restarts = 0;
    cfg.seed = seed;
    world_init(&world, &cfg);
    for (uint32_t i = 0; i < 400 && world.done_count < WORLD_DONES - 100; i++) {
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407U;
        uint32_t dice = (uint32_t)(random >> 33);
        world.lose_ppm = dice % 5 == 0 ? 100000 : 0;
        if (dice % 23 == 0) {
            world_core_restart(&world);
            restarts++;
        } else if (dice % 23 == 1) {
            world_host_restart(&world);
        } else {
            enum err err = world_send(&world, token_at++, (uint8_t)(1 + dice % 3), 12, 9);
            assert_true(err == OK || err == ERR_FULL);
        }
        world_run(&world, dice % 60000);
        // The machine's own frames: whole but for those a reset cut.
        assert_true(world.frames_bad <= restarts);
        assert_int_equal(world.judge.violations, 0);
    }
    world.lose_ppm = 0;
    world_run(&world, 20 * US_PER_S);
    assert_int_equal(world.host.state, IC_HOST_UP);
    assert_works(&world);
    world_deinit(&world);
}

static void test_chaos_heals(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        print_message("seed %u\n", (unsigned)seed);
        chaos(seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_core_restarts_at_any_moment),
        cmocka_unit_test(test_the_host_restarts_at_any_moment),
        cmocka_unit_test(test_a_new_host_does_not_talk_into_the_old_ones_reply),
        cmocka_unit_test(test_a_host_that_dies_leaves_the_line_at_rest),
        cmocka_unit_test(test_a_core_that_dies_is_told),
        cmocka_unit_test(test_chaos_heals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
