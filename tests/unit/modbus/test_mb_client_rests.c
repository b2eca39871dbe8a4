// SPDX-License-Identifier: Apache-2.0
// Goal: a unit whose reply may still come is left alone, so that it never passes for the next
// one's; the others go on. Method: the line played by hand in virtual time.
#include "tests/unit/modbus/client_bench.h"

#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_after_a_time_out_the_unit_rests_and_others_go_on(void **state)
{
    (void)state;
    assert_int_equal(ask(1, 5), OK);
    assert_int_equal(ask(2, 6), OK);
    uint32_t first = send_one(5);
    uint32_t other = send_one(6); // queued at the line behind it
    now_us += 100000;
    done(first, MB_LINE_TIMEOUT, NULL, 0);
    uint64_t rest_until_us = now_us + LATE_US;
    expect_nothing_to_send();
    reply_from(other, 6, 1);
    (void)expect_answer(2, MB_ANSWER_REPLY);
    assert_int_equal(mb_client_deadline_us(&client), rest_until_us);
    now_us = rest_until_us - 1;
    expect_nothing_to_send();
    now_us++;
    reply_from(send_one(5), 5, 2);
    struct mb_answer answer = expect_answer(1, MB_ANSWER_REPLY);
    assert_int_equal(answer.tries, 2);
}

static void test_the_line_must_be_quiet_before_a_unit_is_asked_again(void **state)
{
    (void)state;
    assert_int_equal(ask(1, 5), OK);
    done(send_one(5), MB_LINE_TIMEOUT, NULL, 0);
    now_us += LATE_US - 10;
    mb_client_heard(&client, now_us); // its late reply, just now
    now_us += 10;
    expect_nothing_to_send();
    assert_int_equal(mb_client_deadline_us(&client), now_us - 10 + QUIET_US);
    now_us = now_us - 10 + QUIET_US;
    (void)send_one(5);
}

static void test_a_late_reply_never_answers_the_next_question(void **state)
{
    (void)state;
    assert_int_equal(ask(1, 5), OK);
    assert_int_equal(ask(2, 6), OK);
    uint32_t first = send_one(5);
    uint32_t other = send_one(6);
    done(first, MB_LINE_TIMEOUT, NULL, 0);
    reply_from(first, 5, 0xdead); // the line would not; a dead token is ignored
    reply_from(other, 5, 0xdead); // unit 5's reply while unit 6 was asked
    assert_int_equal(client.stats.late_units, 1);
    now_us += 100000 + LATE_US;
    reply_from(send_one(5), 5, 1);
    now_us += QUIET_US;
    reply_from(send_one(6), 6, 2);
    assert_int_equal(mb_reg(expect_answer(1, MB_ANSWER_REPLY).reply.data, 0), 1);
    assert_int_equal(mb_reg(expect_answer(2, MB_ANSWER_REPLY).reply.data, 0), 2);
}

// Whatever came first: the unit's own reply may come until time-out and lateness are over.
static void test_after_bytes_that_are_no_answer_the_unit_rests_its_longest(void **state)
{
    (void)state;
    static const uint8_t bad_crc[] = {5, 4, 4, 0, 1, 0, 1, 0, 0};
    static const uint8_t foreign[] = {6, 4, 4, 0, 1, 0, 1, 0x1d, 0x44};
    static const struct {
        enum mb_line_outcome outcome;
        struct bytes reply;
    } firsts[] = {{MB_LINE_NOISE, {NULL, 0}},
                  {MB_LINE_REPLY, {bad_crc, sizeof(bad_crc)}},
                  {MB_LINE_REPLY, {bad_crc, 3}},
                  {MB_LINE_REPLY, {foreign, sizeof(foreign)}}};
    client.config.retry_max = 0;
    for (uint32_t i = 0; i < COUNT_OF(firsts); i++) {
        assert_int_equal(ask(i, 5), OK);
        uint32_t token = send_one(5);
        now_us += 10000;
        done(token, firsts[i].outcome, firsts[i].reply.data, firsts[i].reply.size);
        (void)expect_answer(i, MB_ANSWER_BAD);
        uint64_t until_us = now_us + TIMEOUT_US + LATE_US;
        assert_int_equal(mb_client_rest_until_us(&client, 5), until_us);
        assert_int_equal(ask(100 + i, 5), OK);
        now_us = until_us - 1;
        expect_nothing_to_send();
        now_us++;
        reply_from(send_one(5), 5, 1);
        (void)expect_answer(100 + i, MB_ANSWER_REPLY);
        assert_int_equal(mb_client_rest_until_us(&client, 5), 0);
    }
}

static void test_when_too_many_rest_the_whole_bus_does(void **state)
{
    (void)state;
    uint64_t start_us = now_us;
    for (uint8_t unit = 1; unit <= MB_CLIENT_RESTS + 1; unit++) {
        assert_int_equal(ask(unit, unit), OK);
        done(send_one(unit), MB_LINE_NOISE, NULL, 0);
        done(unit, MB_LINE_LOST, NULL, 0); // not sent again: ignored
        client.slots[0].state = MB_SLOT_FREE;
    }
    assert_int_equal(ask(200, 200), OK);
    expect_nothing_to_send();
    assert_int_equal(mb_client_deadline_us(&client), start_us + TIMEOUT_US + LATE_US);
    assert_int_equal(mb_client_rest_until_us(&client, 200), start_us + TIMEOUT_US + LATE_US);
}

// A rest that is over keeps no place: units that never answer do not stop the bus one by one.
static void test_rests_that_are_over_make_room(void **state)
{
    (void)state;
    uint64_t until_us = 0;
    for (uint8_t unit = 1; unit <= 3 * MB_CLIENT_RESTS; unit++) {
        now_us += LATE_US / 4;
        assert_int_equal(ask(unit, unit), OK);
        for (int tries = 0; tries < 2; tries++) { // with the retry
            now_us = tries == 0 ? now_us : mb_client_deadline_us(&client);
            done(send_one(unit), MB_LINE_TIMEOUT, NULL, 0);
        }
        (void)expect_answer(unit, MB_ANSWER_TIMEOUT);
        assert_in_range(mb_client_resting(&client, now_us, &until_us), 1, MB_CLIENT_RESTS / 2);
        assert_true(until_us > now_us && until_us <= now_us + LATE_US);
    }
    assert_int_equal(client.bus_rest_us, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_after_a_time_out_the_unit_rests_and_others_go_on, set_up),
        cmocka_unit_test_setup(test_the_line_must_be_quiet_before_a_unit_is_asked_again, set_up),
        cmocka_unit_test_setup(test_a_late_reply_never_answers_the_next_question, set_up),
        cmocka_unit_test_setup(test_after_bytes_that_are_no_answer_the_unit_rests_its_longest,
                               set_up),
        cmocka_unit_test_setup(test_when_too_many_rest_the_whole_bus_does, set_up),
        cmocka_unit_test_setup(test_rests_that_are_over_make_room, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
