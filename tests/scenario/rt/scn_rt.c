// SPDX-License-Identifier: Apache-2.0
// Goal: from the gateway's SEND to the wire and back. Method: tests/scenario/rt/world.h, in virtual
// time; what is on the wire is judged there, what the host is told is compared with it.
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
                                       .reply_us = 3000,
                                       .latency_us = 400,
                                       .host_ppm = 40,
                                       .host_offset_us = 77777777,
                                       .seed = 1};

static void assert_clean(const struct world *world)
{
    assert_int_equal(world->judge.violations, 0);
    assert_int_equal(world->judge.collisions, 0);
    assert_int_equal(world->line.stats.fights, 0);
    assert_int_equal(world->line.stats.undriven, 0);
    assert_int_equal(world->line.stats.collisions, 0);
}

static void start(struct world *world, const struct world_cfg *cfg)
{
    world_init(world, cfg);
    assert_true(world_run_up(world));
}

static void test_a_send_comes_back_with_true_times(void **state)
{
    (void)state;
    struct world world;
    start(&world, &USUAL);
    assert_int_equal(world.light, CORE_LIGHT_GREEN);
    assert_int_equal(world_send(&world, 7, 5, 8, 20), OK);
    assert_true(world_run_dones(&world, 1));
    const struct world_done *done = &world.dones[0];
    assert_int_equal(done->done.token, 7);
    assert_int_equal(done->done.outcome, LINE_REPLY);
    assert_int_equal(done->done.reply.size, 20);
    assert_int_equal(done->reply[0], 3 + 7);
    // 12/8 bit at 19200.
    assert_int_equal(done->done.hold_ns, 78125);
    uint64_t first_us = world_host_us(&world, world.judge.request_us);
    assert_in_range(done->done.tx_first_us, first_us - done->error_us, first_us + done->error_us);
    assert_true(done->error_us > 0 && done->error_us < 1000);
    assert_int_equal(done->done.rx_first_us - done->done.tx_end_us, 3000 + 573);
    assert_clean(&world);
    world_deinit(&world);
}

// As many SENDs as fit are kept ahead; the next frame starts within a microsecond of the silence's
// end: the line never waits for the gateway.
static void test_frames_follow_at_the_end_of_the_silence(void **state)
{
    (void)state;
    static const struct {
        uint32_t baud;
        enum serial_parity parity;
        double share; // of what the wire allows
    } CASES[] = {{1200, SERIAL_EVEN, 0.999},
                 {19200, SERIAL_EVEN, 0.999},
                 {115200, SERIAL_NONE, 0.998},
                 {921600, SERIAL_NONE, 0.99}};
    for (size_t i = 0; i < COUNT_OF(CASES); i++) {
        struct world world;
        struct world_cfg cfg = USUAL;
        cfg.baud = CASES[i].baud;
        cfg.parity = CASES[i].parity;
        cfg.reply_us = (uint32_t)(4 * 11 * US_PER_S / cfg.baud); // t3.5, as a unit must wait
        start(&world, &cfg);
        uint32_t sent = 0;
        while (world.done_count < 300) {
            while (world_send(&world, sent, (uint8_t)(1 + sent % 10), 8, 85) == OK) {
                sent++;
            }
            assert_true(world_run_dones(&world, world.done_count + 1));
        }
        for (size_t k = 0; k < world.done_count; k++) {
            assert_int_equal(world.dones[k].done.outcome, LINE_REPLY);
            assert_int_equal(world.dones[k].done.token, k);
        }
        assert_clean(&world);
        assert_int_equal(world.rt.figures.hold_early, 0);
        assert_int_equal(world.rt.figures.hold_steps[0], world.rt.figures.hold_count);
        double share = judge_utilisation(&world.judge);
        print_message("%u baud: %.4f of the wire's limit, clock error %u us\n", cfg.baud, share,
                      world.dones[299].error_us);
        assert_true(share >= CASES[i].share && share <= 1.0);
        assert_true(world.host.waits_max == LINE_QUEUE_MAX);
        world_deinit(&world);
    }
}

static void test_every_outcome_is_told(void **state)
{
    (void)state;
    struct world world;
    start(&world, &USUAL);
    assert_int_equal(world_send(&world, 1, 0, 8, 0), OK);            // broadcast
    assert_int_equal(world_send(&world, 2, UNIT_SILENT, 8, 10), OK); // silent
    assert_int_equal(world_send(&world, 3, 1, 255, 255), OK);        // long
    struct ic_send barrier = {.token = 4, .barrier = true, .reply_timeout_us = 20000};
    assert_int_equal(world_send_as(&world, &barrier, UNIT_SILENT, 8, 10), OK);
    assert_int_equal(world_send(&world, 5, 1, 8, 10), OK); // held
    assert_int_equal(world_send(&world, 6, 1, 8, 10), OK); // cancelled while held
    assert_true(world_run_dones(&world, 4));
    world_run(&world, 30 * US_PER_S);
    assert_int_equal(world.done_count, 4); // held for as long as it takes
    assert_true(world.dones[3].done.held);
    ic_host_cancel(&world.host, 6);
    assert_true(world_run_dones(&world, 5));
    ic_host_resume(&world.host);
    assert_true(world_run_dones(&world, 6));
    static const struct {
        uint32_t token;
        enum line_outcome outcome;
    } EXPECTED[] = {{1, LINE_SENT},    {2, LINE_TIMEOUT},   {3, LINE_REPLY},
                    {4, LINE_TIMEOUT}, {6, LINE_CANCELLED}, {5, LINE_REPLY}};
    for (size_t i = 0; i < COUNT_OF(EXPECTED); i++) {
        assert_int_equal(world.dones[i].done.token, EXPECTED[i].token);
        assert_int_equal(world.dones[i].done.outcome, EXPECTED[i].outcome);
    }
    assert_clean(&world);
    assert_int_equal(world.ups, 1);
    assert_int_equal(world.downs, 0);
    world_deinit(&world);
}

static void test_the_host_gets_the_figures_and_the_log(void **state)
{
    (void)state;
    struct world world;
    start(&world, &USUAL);
    world.transceiver.late_ns = 3300; // 2/32 bit
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(world_send(&world, i, (uint8_t)(i == 3 ? UNIT_SILENT : 1), 8, 10), OK);
    }
    assert_true(world_run_dones(&world, 10));
    world_run(&world, 2 * IC_SYNC_US);
    const struct ic_stats *stats = &world.host.stats;
    assert_true(world.host.stats_known);
    assert_int_equal(stats->done_count[LINE_REPLY], 9);
    assert_int_equal(stats->done_count[LINE_TIMEOUT], 1);
    assert_int_equal(stats->tx_bytes, 80);
    assert_int_equal(stats->rx_bytes, 90);
    assert_int_equal(stats->hold_count, 10);
    assert_int_equal(stats->hold_early, 0);
    assert_int_equal(stats->hold_max_ns, 78125 + 3300);
    assert_int_equal(stats->hold_sum_ns, 10 * (78125 + 3300));
    assert_int_equal(stats->hold_steps[2], 10);
    assert_int_equal(world.last_log.event, IC_LOG_SETUP);
    assert_int_equal(world.last_log.b, 19200);
    world_deinit(&world);
}

static void test_an_early_release_is_counted_and_logged(void **state)
{
    (void)state;
    struct world world;
    start(&world, &USUAL);
    world.transceiver.late_ns = (uint32_t)-20000; // wraps: earlier than the guard
    assert_int_equal(world_send(&world, 1, 1, 8, 10), OK);
    assert_true(world_run_dones(&world, 1));
    world_run(&world, 2 * IC_SYNC_US);
    assert_int_equal(world.host.stats.hold_early, 1);
    assert_int_equal(world.last_log.event, IC_LOG_DE_EARLY);
    world_deinit(&world);
}

static void test_echo_is_checked_and_removed(void **state)
{
    (void)state;
    struct world world;
    struct world_cfg cfg = USUAL;
    cfg.echo = true;
    cfg.lead_bits8 = 16;
    start(&world, &cfg);
    assert_int_equal(world_send(&world, 1, 1, 30, 20), OK);
    assert_true(world_run_dones(&world, 1));
    assert_int_equal(world.dones[0].done.outcome, LINE_REPLY);
    assert_int_equal(world.dones[0].done.reply.size, 20);
    assert_clean(&world);
    world_deinit(&world);
}

static void test_listening_drives_nothing_and_hears_all(void **state)
{
    (void)state;
    struct world world;
    struct world_cfg cfg = USUAL;
    cfg.listen_only = true;
    start(&world, &cfg);
    for (uint32_t i = 0; i < 20; i++) {
        uint64_t start_us, end_us;
        assert_int_equal(sim_line_drive(&world.line, 2, world.now_us + 100, bytes_of("hello", 5),
                                        &start_us, &end_us),
                         OK);
        world_run(&world, 10 * US_PER_MS);
    }
    assert_int_equal(world.sniffed, 20);
    assert_int_equal(world.transceiver.sends, 0);
    assert_int_equal(world_send(&world, 9, 1, 8, 10), OK);
    assert_true(world_run_dones(&world, 1));
    assert_int_equal(world.dones[0].done.outcome, LINE_PORT_LOST); // refused, and told so
    assert_int_equal(world.host.refused, 1);
    assert_int_equal(world.transceiver.sends, 0);
    world_deinit(&world);
}

static void test_a_refused_set_up_is_told_and_tried_again(void **state)
{
    (void)state;
    struct world world;
    world_init(&world, &USUAL);
    world.transceiver.setup_err = ERR_UNSUPPORTED;
    world_run(&world, 2 * US_PER_S);
    assert_int_equal(world.ups, 0);
    assert_int_equal(world.downs, 1);
    assert_int_equal(world.trouble, IC_TROUBLE_SETUP);
    assert_int_equal(world.host.line_state.result, IC_SETUP_UNSUPPORTED);
    assert_int_equal(world.light, CORE_LIGHT_BLUE);
    assert_int_equal(world_send(&world, 1, 1, 8, 10), OK);
    world_run(&world, US_PER_MS);
    assert_int_equal(world.dones[0].done.outcome, LINE_PORT_LOST);
    world.transceiver.setup_err = OK;
    assert_true(world_run_up(&world));
    world_deinit(&world);
}

static void test_a_stuck_transceiver_is_taken_into_use_anew(void **state)
{
    (void)state;
    struct world world;
    start(&world, &USUAL);
    world.transceiver.is_stuck = true;
    assert_int_equal(world_send(&world, 1, 1, 8, 10), OK);
    assert_int_equal(world_send(&world, 2, 1, 8, 10), OK);
    assert_true(world_run_dones(&world, 2));
    assert_int_equal(world.dones[0].done.outcome, LINE_PORT_LOST);
    assert_int_equal(world.dones[1].done.outcome, LINE_PORT_LOST);
    world.transceiver.is_stuck = false;
    world_run(&world, 100 * US_PER_MS);
    assert_int_equal(world.transceiver.setups, 2);
    assert_int_equal(world_send(&world, 3, 1, 8, 10), OK);
    assert_true(world_run_dones(&world, 3));
    assert_int_equal(world.dones[2].done.outcome, LINE_REPLY);
    world_deinit(&world);
}

// While nobody empties the mailbox the line stops after what can be kept, loses nothing, and goes
// on.
static void test_a_full_mailbox_stops_the_line_and_loses_nothing(void **state)
{
    (void)state;
    struct world world;
    start(&world, &USUAL);
    world_run(&world, 50 * US_PER_MS);
    world.to_host.capacity = 0;
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(world_send(&world, i, 1, 8, 10), OK);
    }
    world_run(&world, 3 * US_PER_S);
    assert_int_equal(world.done_count, 0);
    assert_int_equal(world.transceiver.sends, 2);
    world.to_host.capacity = WORLD_MAILBOX;
    assert_true(world_run_dones(&world, 10));
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(world.dones[i].done.token, i);
        assert_int_equal(world.dones[i].done.outcome, LINE_REPLY);
    }
    world_run(&world, US_PER_S);
    assert_true(world.waits > 0);
    assert_int_equal(world.last_log.event, IC_LOG_MAILBOX_FULL);
    assert_int_equal(world.downs, 0);
    assert_clean(&world);
    world_deinit(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_send_comes_back_with_true_times),
        cmocka_unit_test(test_frames_follow_at_the_end_of_the_silence),
        cmocka_unit_test(test_every_outcome_is_told),
        cmocka_unit_test(test_the_host_gets_the_figures_and_the_log),
        cmocka_unit_test(test_an_early_release_is_counted_and_logged),
        cmocka_unit_test(test_echo_is_checked_and_removed),
        cmocka_unit_test(test_listening_drives_nothing_and_hears_all),
        cmocka_unit_test(test_a_refused_set_up_is_told_and_tried_again),
        cmocka_unit_test(test_a_stuck_transceiver_is_taken_into_use_anew),
        cmocka_unit_test(test_a_full_mailbox_stops_the_line_and_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
