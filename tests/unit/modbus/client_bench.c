// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/modbus/client_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct mb_client client;
uint64_t now_us;
const struct mb_request read_two = {.fc = MB_READ_INPUT, .address = 100, .count = 2};

uint32_t send_barrier(uint8_t unit)
{
    struct mb_client_send out;
    assert_true(mb_client_send(&client, now_us, &out));
    assert_int_equal(out.frame.data[0], unit);
    assert_true(out.is_barrier);
    return out.token;
}

enum err ask_trusted(uint32_t tag, uint8_t unit)
{
    return mb_client_ask(
        &client,
        &(struct mb_ask){.tag = tag, .unit = unit, .request = &read_two, .is_trusted = true});
}

void expect_cancel(uint32_t token)
{
    uint32_t found = 0;
    assert_true(mb_client_cancel(&client, &found));
    assert_int_equal(found, token);
}

void expect_no_cancel(void)
{
    uint32_t found = 0;
    assert_false(mb_client_cancel(&client, &found));
}

void held(uint32_t token, enum mb_line_outcome outcome)
{
    mb_client_done(&client,
                   &(struct mb_line_done){
                       .token = token, .outcome = outcome, .is_held = true, .at_us = now_us});
}

int set_up(void **state)
{
    (void)state;
    now_us = 1000000;
    mb_client_init(&client, &(struct mb_client_config){.reply_timeout_us = TIMEOUT_US,
                                                       .late_us = LATE_US,
                                                       .quiet_us = QUIET_US,
                                                       .retry_max = 1});
    return 0;
}

enum err ask(uint32_t tag, uint8_t unit)
{
    return mb_client_ask(&client, &(struct mb_ask){.tag = tag, .unit = unit, .request = &read_two});
}

uint32_t send_one(uint8_t unit)
{
    struct mb_client_send out;
    assert_true(mb_client_send(&client, now_us, &out));
    assert_int_equal(out.frame.data[0], unit);
    assert_int_equal(out.frame.size, 8);
    assert_int_equal(out.reply_size, 9);
    return out.token;
}

void expect_nothing_to_send(void)
{
    struct mb_client_send out;
    assert_false(mb_client_send(&client, now_us, &out));
}

void done(uint32_t token, enum mb_line_outcome outcome, const void *reply, size_t size)
{
    mb_client_done(&client, &(struct mb_line_done){.token = token,
                                                   .outcome = outcome,
                                                   .at_us = now_us,
                                                   .reply = bytes_of(reply, size)});
}

void reply_from(uint32_t token, uint8_t unit, uint16_t first)
{
    uint8_t pdu[] = {4, 4, (uint8_t)(first >> 8), (uint8_t)first, 0, 1};
    uint8_t frame[16];
    struct writer w = writer_of(frame, sizeof(frame));
    assert_int_equal(mb_rtu_encode(unit, bytes_of(pdu, sizeof(pdu)), &w), OK);
    done(token, MB_LINE_REPLY, frame, w.size);
}

struct mb_answer expect_answer(uint32_t tag, enum mb_answer_kind kind)
{
    struct mb_answer answer;
    assert_true(mb_client_answer(&client, &answer));
    assert_int_equal(answer.tag, tag);
    assert_int_equal(answer.kind, kind);
    return answer;
}
