// SPDX-License-Identifier: Apache-2.0
// Goal: an answer always belongs to its own question; a late one never passes for the next.
// Method: the line played by hand in virtual time.
#include "modbus/client.h"

#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LATE_US  UINT64_C(300000)
#define QUIET_US UINT64_C(2006)

static struct mb_client client;
static uint64_t now_us;
static const struct mb_request read_two = {.fc = MB_READ_INPUT, .address = 100, .count = 2};

// The next frame for the line, of a unit that is trusted.
static uint32_t send_barrier(uint8_t unit)
{
    struct mb_client_send out;
    assert_true(mb_client_send(&client, now_us, &out));
    assert_int_equal(out.frame.data[0], unit);
    assert_true(out.is_barrier);
    return out.token;
}

static enum err ask_trusted(uint32_t tag, uint8_t unit)
{
    return mb_client_ask(
        &client,
        &(struct mb_ask){.tag = tag, .unit = unit, .request = &read_two, .is_trusted = true});
}

static void expect_cancel(uint32_t token)
{
    uint32_t found = 0;
    assert_true(mb_client_cancel(&client, &found));
    assert_int_equal(found, token);
}

static void expect_no_cancel(void)
{
    uint32_t found = 0;
    assert_false(mb_client_cancel(&client, &found));
}

static void held(uint32_t token, enum mb_line_outcome outcome)
{
    mb_client_done(&client,
                   &(struct mb_line_done){
                       .token = token, .outcome = outcome, .is_held = true, .at_us = now_us});
}

static int set_up(void **state)
{
    (void)state;
    now_us = 1000000;
    mb_client_init(&client, &(struct mb_client_config){.reply_timeout_us = 100000,
                                                       .late_us = LATE_US,
                                                       .quiet_us = QUIET_US,
                                                       .retry_max = 1});
    return 0;
}

static enum err ask(uint32_t tag, uint8_t unit)
{
    return mb_client_ask(&client, &(struct mb_ask){.tag = tag, .unit = unit, .request = &read_two});
}

static uint32_t send_one(uint8_t unit)
{
    struct mb_client_send out;
    assert_true(mb_client_send(&client, now_us, &out));
    assert_int_equal(out.frame.data[0], unit);
    assert_int_equal(out.frame.size, 8);
    assert_int_equal(out.reply_size, 9);
    return out.token;
}

static void expect_nothing_to_send(void)
{
    struct mb_client_send out;
    assert_false(mb_client_send(&client, now_us, &out));
}

static void done(uint32_t token, enum mb_line_outcome outcome, const void *reply, size_t size)
{
    mb_client_done(&client, &(struct mb_line_done){.token = token,
                                                   .outcome = outcome,
                                                   .at_us = now_us,
                                                   .reply = bytes_of(reply, size)});
}

static void reply_from(uint32_t token, uint8_t unit, uint16_t first)
{
    uint8_t pdu[] = {4, 4, (uint8_t)(first >> 8), (uint8_t)first, 0, 1};
    uint8_t frame[16];
    struct writer w = writer_of(frame, sizeof(frame));
    assert_int_equal(mb_rtu_encode(unit, bytes_of(pdu, sizeof(pdu)), &w), OK);
    done(token, MB_LINE_REPLY, frame, w.size);
}

static struct mb_answer expect_answer(uint32_t tag, enum mb_answer_kind kind)
{
    struct mb_answer answer;
    assert_true(mb_client_answer(&client, &answer));
    assert_int_equal(answer.tag, tag);
    assert_int_equal(answer.kind, kind);
    return answer;
}

static void test_a_question_gets_its_answer(void **state)
{
    (void)state;
    assert_int_equal(ask(7, 5), OK);
    assert_true(mb_client_deadline_us(&client) <= now_us);
    uint32_t token = send_one(5);
    assert_int_equal(mb_client_deadline_us(&client), TIME_NEVER);
    reply_from(token, 5, 0x1234);
    struct mb_answer answer = expect_answer(7, MB_ANSWER_REPLY);
    assert_int_equal(mb_reg(answer.reply.data, 0), 0x1234);
    assert_int_equal(answer.tries, 1);
    assert_false(mb_client_answer(&client, &answer));
}

static void test_an_exception_is_an_answer(void **state)
{
    (void)state;
    uint8_t frame[8];
    struct writer w = writer_of(frame, sizeof(frame));
    assert_int_equal(mb_rtu_encode(5, bytes_of("\x84\2", 2), &w), OK);
    assert_int_equal(ask(7, 5), OK);
    done(send_one(5), MB_LINE_REPLY, frame, w.size);
    struct mb_answer answer = expect_answer(7, MB_ANSWER_REPLY);
    assert_int_equal(answer.reply.exception, MB_EX_ADDRESS);
    assert_int_equal(client.stats.exceptions, 1);
    assert_int_equal(client.stats.retries, 0);
}

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

static void test_a_second_question_waits_for_the_first_of_its_unit(void **state)
{
    (void)state;
    assert_int_equal(ask(1, 5), OK);
    assert_int_equal(ask(2, 5), OK);
    uint32_t first = send_one(5);
    expect_nothing_to_send();
    reply_from(first, 5, 1);
    reply_from(send_one(5), 5, 2);
    (void)expect_answer(1, MB_ANSWER_REPLY);
    (void)expect_answer(2, MB_ANSWER_REPLY);
}

static void test_a_trusted_unit_has_several_frames_at_the_line(void **state)
{
    (void)state;
    assert_int_equal(ask_trusted(1, 5), OK);
    assert_int_equal(ask_trusted(2, 5), OK);
    assert_int_equal(ask(3, 5), OK); // not trusted any more: waits for both
    assert_int_equal(ask_trusted(4, 5), OK);
    uint32_t first = send_barrier(5);
    uint32_t second = send_barrier(5);
    expect_nothing_to_send();
    reply_from(first, 5, 1);
    expect_nothing_to_send();
    reply_from(second, 5, 2);
    assert_int_equal(mb_reg(expect_answer(1, MB_ANSWER_REPLY).reply.data, 0), 1);
    assert_int_equal(mb_reg(expect_answer(2, MB_ANSWER_REPLY).reply.data, 0), 2);
    struct mb_client_send third;
    assert_true(mb_client_send(&client, now_us, &third));
    assert_false(third.is_barrier);
    expect_nothing_to_send(); // the fourth waits for one that is no barrier
    reply_from(third.token, 5, 3);
    reply_from(send_barrier(5), 5, 4);
    expect_no_cancel();
    assert_false(mb_client_resume(&client));
}

static void test_after_a_time_out_followers_are_cancelled_and_others_go_on(void **state)
{
    (void)state;
    client.config.retry_max = 0;
    assert_int_equal(ask_trusted(1, 5), OK);
    assert_int_equal(ask_trusted(2, 6), OK);
    assert_int_equal(ask_trusted(3, 5), OK);
    assert_int_equal(ask_trusted(4, 5), OK);
    uint32_t first = send_barrier(5);
    uint32_t other = send_barrier(6);
    uint32_t second = send_barrier(5);
    uint32_t third = send_barrier(5);
    held(first, MB_LINE_TIMEOUT);
    uint64_t rest_until_us = now_us + LATE_US;
    expect_cancel(second);
    expect_cancel(third);
    expect_no_cancel();
    assert_true(mb_client_resume(&client));
    assert_false(mb_client_resume(&client));
    (void)expect_answer(1, MB_ANSWER_TIMEOUT);
    done(second, MB_LINE_CANCELLED, NULL, 0);
    (void)expect_answer(3, MB_ANSWER_WITHDRAWN);
    done(third, MB_LINE_CANCELLED, NULL, 0);
    (void)expect_answer(4, MB_ANSWER_WITHDRAWN);
    reply_from(other, 6, 1);
    (void)expect_answer(2, MB_ANSWER_REPLY);
    assert_int_equal(client.stats.timeouts, 1);
    assert_int_equal(client.stats.withdrawn, 2);
    assert_int_equal(ask_trusted(5, 5), OK); // whoever calls it trusted: it rests
    assert_int_equal(mb_client_deadline_us(&client), rest_until_us);
    now_us = rest_until_us - 1;
    expect_nothing_to_send();
    now_us++;
    reply_from(send_barrier(5), 5, 9);
    (void)expect_answer(5, MB_ANSWER_REPLY);
}

static void test_a_retry_keeps_the_order_of_a_trusted_unit(void **state)
{
    (void)state;
    assert_int_equal(ask_trusted(1, 5), OK);
    assert_int_equal(ask_trusted(2, 5), OK);
    held(send_barrier(5), MB_LINE_TIMEOUT);
    assert_int_equal(ask_trusted(3, 5), OK);
    now_us += LATE_US;
    reply_from(send_barrier(5), 5, 1);
    reply_from(send_barrier(5), 5, 2);
    reply_from(send_barrier(5), 5, 3);
    for (uint32_t tag = 1; tag <= 3; tag++) {
        assert_int_equal(mb_reg(expect_answer(tag, MB_ANSWER_REPLY).reply.data, 0), tag);
    }
}

// The line takes any bytes for a reply, so that nothing holds the frames behind bad ones.
static void test_a_reply_behind_a_bad_one_is_never_taken(void **state)
{
    (void)state;
    static const uint8_t bad_crc[] = {5, 4, 4, 0, 1, 0, 1, 0, 0};
    static const struct {
        enum mb_line_outcome outcome;
        struct bytes reply;
    } firsts[] = {{MB_LINE_REPLY, {bad_crc, sizeof(bad_crc)}}, {MB_LINE_NOISE, {NULL, 0}}};
    client.config.retry_max = 0;
    for (size_t i = 0; i < COUNT_OF(firsts); i++) {
        assert_int_equal(ask_trusted(1, 5), OK);
        assert_int_equal(ask_trusted(2, 5), OK);
        uint32_t first = send_barrier(5);
        uint32_t second = send_barrier(5);
        done(first, firsts[i].outcome, firsts[i].reply.data, firsts[i].reply.size);
        (void)expect_answer(1, MB_ANSWER_BAD);
        expect_cancel(second);
        now_us += 50000;
        reply_from(second, 5, 0xdead); // it was on its way: this is the first one's reply, late
        (void)expect_answer(2, MB_ANSWER_WITHDRAWN);
        assert_int_equal(ask_trusted(3, 5), OK);
        now_us += 100000 + LATE_US - 1; // its own may still come
        expect_nothing_to_send();
        now_us++;
        reply_from(send_barrier(5), 5, 3);
        assert_int_equal(mb_reg(expect_answer(3, MB_ANSWER_REPLY).reply.data, 0), 3);
    }
    assert_int_equal(client.stats.bad, COUNT_OF(firsts)); // what is in doubt says nothing
}

static void test_a_lost_port_loses_what_is_in_doubt_too(void **state)
{
    (void)state;
    client.config.retry_max = 0;
    assert_int_equal(ask_trusted(1, 5), OK);
    assert_int_equal(ask_trusted(2, 5), OK);
    uint32_t first = send_barrier(5);
    uint32_t second = send_barrier(5);
    done(first, MB_LINE_NOISE, NULL, 0);
    (void)expect_answer(1, MB_ANSWER_BAD);
    done(second, MB_LINE_LOST, NULL, 0);
    (void)expect_answer(2, MB_ANSWER_LOST);
    expect_no_cancel();
}

static void test_retries_end(void **state)
{
    (void)state;
    static const struct {
        enum mb_line_outcome outcome;
        enum mb_answer_kind kind;
        uint8_t tries;
    } cases[] = {
        {MB_LINE_TIMEOUT, MB_ANSWER_TIMEOUT, 2},
        {MB_LINE_NOISE, MB_ANSWER_BAD, 2},
        {MB_LINE_BUSY, MB_ANSWER_BUSY, 2},
        {MB_LINE_LOST, MB_ANSWER_LOST, 1},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(ask((uint32_t)i, 9), OK);
        for (uint8_t try = 1; try <= cases[i].tries; try++) {
            now_us += LATE_US + 100000;
            done(send_one(9), cases[i].outcome, NULL, 0);
        }
        struct mb_answer answer = expect_answer((uint32_t)i, cases[i].kind);
        assert_int_equal(answer.tries, cases[i].tries);
        // What was never sent leaves nothing to wait for.
        uint64_t until_us = 0;
        bool is_sent = cases[i].outcome == MB_LINE_TIMEOUT || cases[i].outcome == MB_LINE_NOISE;
        assert_int_equal(mb_client_resting(&client, now_us, &until_us), is_sent ? 1 : 0);
    }
    now_us += LATE_US + 100000;
    assert_int_equal(ask(99, 9), OK); // good after bad
    reply_from(send_one(9), 9, 1);
    (void)expect_answer(99, MB_ANSWER_REPLY);
}

static void test_damaged_and_foreign_bytes_are_no_answer(void **state)
{
    (void)state;
    static const uint8_t bad_crc[] = {5, 4, 4, 0, 1, 0, 1, 0, 0};
    uint8_t wrong_size[16];
    struct writer w = writer_of(wrong_size, sizeof(wrong_size));
    assert_int_equal(mb_rtu_encode(5, bytes_of("\4\2\0\1", 4), &w), OK);
    uint8_t too_long[300] = {5};
    struct bytes cases[] = {bytes_of(bad_crc, sizeof(bad_crc)), writer_bytes(&w),
                            bytes_of(too_long, sizeof(too_long)), bytes_of(NULL, 0)};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        assert_int_equal(ask((uint32_t)i, 5), OK);
        for (int try = 0; try < 2; try++) {
            now_us += LATE_US + 200000;
            done(send_one(5), MB_LINE_REPLY, cases[i].data, cases[i].size);
        }
        (void)expect_answer((uint32_t)i, MB_ANSWER_BAD);
    }
    assert_int_equal(client.stats.bad, 2 * COUNT_OF(cases));
}

static void test_what_may_be_asked(void **state)
{
    (void)state;
    assert_int_equal(ask(1, 0), ERR_ARG); // a read cannot be broadcast
    assert_int_equal(ask(1, 248), ERR_ARG);
    struct mb_request wrong = {.fc = MB_READ_INPUT, .count = 126};
    assert_int_equal(
        mb_client_ask(&client, &(struct mb_ask){.tag = 1, .unit = 1, .request = &wrong}), ERR_ARG);
    for (uint8_t i = 0; i < MB_CLIENT_SLOTS; i++) {
        assert_int_equal(ask(i, (uint8_t)(i + 1)), OK);
    }
    assert_int_equal(ask(99, 99), ERR_FULL);
}

static void test_a_broadcast_ends_when_it_is_sent(void **state)
{
    (void)state;
    struct mb_request write = {.fc = MB_WRITE_REG, .address = 1, .value = 2};
    assert_int_equal(
        mb_client_ask(&client, &(struct mb_ask){.tag = 3, .unit = 0, .request = &write}), OK);
    struct mb_client_send out;
    assert_true(mb_client_send(&client, now_us, &out));
    assert_true(out.is_broadcast);
    assert_int_equal(out.turnaround_us, 100000);
    done(out.token, MB_LINE_SENT, NULL, 0);
    (void)expect_answer(3, MB_ANSWER_SENT);
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
    assert_int_equal(mb_client_deadline_us(&client), start_us + 100000);
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

static void test_what_nobody_waits_for_is_taken_back(void **state)
{
    (void)state;
    assert_int_equal(ask(1, 5), OK);
    uint32_t token = send_one(5);
    assert_int_equal(ask(2, 5), OK); // behind it
    assert_true(mb_client_forget(&client, 2));
    assert_false(mb_client_forget(&client, 2)); // it is gone
    assert_false(mb_client_forget(&client, 1));
    expect_cancel(token);
    expect_no_cancel();
    done(token, MB_LINE_CANCELLED, NULL, 0);
    (void)expect_answer(1, MB_ANSWER_WITHDRAWN);
    expect_nothing_to_send();
    assert_int_equal(ask(3, 5), OK); // too late to cancel: the reply is its own
    token = send_one(5);
    assert_false(mb_client_forget(&client, 3));
    expect_cancel(token);
    reply_from(token, 5, 7);
    (void)expect_answer(3, MB_ANSWER_REPLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_question_gets_its_answer, set_up),
        cmocka_unit_test_setup(test_an_exception_is_an_answer, set_up),
        cmocka_unit_test_setup(test_after_a_time_out_the_unit_rests_and_others_go_on, set_up),
        cmocka_unit_test_setup(test_the_line_must_be_quiet_before_a_unit_is_asked_again, set_up),
        cmocka_unit_test_setup(test_a_late_reply_never_answers_the_next_question, set_up),
        cmocka_unit_test_setup(test_a_second_question_waits_for_the_first_of_its_unit, set_up),
        cmocka_unit_test_setup(test_a_trusted_unit_has_several_frames_at_the_line, set_up),
        cmocka_unit_test_setup(test_after_a_time_out_followers_are_cancelled_and_others_go_on,
                               set_up),
        cmocka_unit_test_setup(test_a_retry_keeps_the_order_of_a_trusted_unit, set_up),
        cmocka_unit_test_setup(test_a_reply_behind_a_bad_one_is_never_taken, set_up),
        cmocka_unit_test_setup(test_a_lost_port_loses_what_is_in_doubt_too, set_up),
        cmocka_unit_test_setup(test_retries_end, set_up),
        cmocka_unit_test_setup(test_damaged_and_foreign_bytes_are_no_answer, set_up),
        cmocka_unit_test_setup(test_what_may_be_asked, set_up),
        cmocka_unit_test_setup(test_a_broadcast_ends_when_it_is_sent, set_up),
        cmocka_unit_test_setup(test_when_too_many_rest_the_whole_bus_does, set_up),
        cmocka_unit_test_setup(test_rests_that_are_over_make_room, set_up),
        cmocka_unit_test_setup(test_what_nobody_waits_for_is_taken_back, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
