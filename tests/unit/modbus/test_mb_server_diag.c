// SPDX-License-Identifier: Apache-2.0
// Goal: the serial line's own functions: counters, listen-only, restart, event log, server id.
#include "modbus/tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static uint16_t holding[4];
static struct mb_tables tables = {.holding = holding, .holding_count = 4};
static struct mb_server server;
static struct mb_server_ops ops;
static uint8_t reply[MB_PDU_SIZE_MAX];

static uint8_t status(void *ctx)
{
    (void)ctx;
    return 0x6d;
}

static int set_up(void **state)
{
    (void)state;
    ops = mb_tables_ops;
    ops.status = status;
    memset(holding, 0, sizeof(holding));
    mb_server_init(&server, &(struct mb_server_config){.unit = 5,
                                                       .is_serial = true,
                                                       .ops = &ops,
                                                       .ctx = &tables,
                                                       .server_id = {(const uint8_t *)"BW", 2}});
    return 0;
}

static size_t ask_unit(uint8_t unit, const void *pdu, size_t size)
{
    struct writer out = writer_of(reply, sizeof(reply));
    struct mb_frame frame = {.unit = unit, .pdu = bytes_of(pdu, size)};
    return mb_server_handle(&server, 0, &frame, &out) ? out.size : 0;
}

#define ASK(pdu) ask_unit(5, (pdu), sizeof(pdu) - 1)

#define EXPECT(pdu, answer)                                                                        \
    do {                                                                                           \
        assert_int_equal(ASK(pdu), sizeof(answer) - 1);                                            \
        assert_memory_equal(reply, (answer), sizeof(answer) - 1);                                  \
    } while (0)

static void test_status_echo_and_server_id(void **state)
{
    (void)state;
    EXPECT("\x07", "\x07\x6d");
    EXPECT("\x08\0\0\xa5\x37\1\2", "\x08\0\0\xa5\x37\1\2");
    EXPECT("\x11", "\x11\3BW\xff");
    EXPECT("\x08\0\3A\0", "\x08\0\3A\0");
    assert_int_equal(server.delimiter, 'A');
}

static void test_counters_count_and_are_cleared(void **state)
{
    (void)state;
    (void)ask_unit(9, "\x07", 1);         // another unit's
    (void)ask_unit(0, "\x06\0\0\0\1", 5); // broadcast
    EXPECT("\x03\0\x9\0\1", "\x83\2");    // exception
    mb_server_bad_frame(&server);
    mb_server_overrun(&server);
    EXPECT("\x08\0\x0b\0\0", "\x08\0\x0b\0\4"); // bus messages, this one too
    EXPECT("\x08\0\x0c\0\0", "\x08\0\x0c\0\1"); // bus errors
    EXPECT("\x08\0\x0d\0\0", "\x08\0\x0d\0\1"); // exceptions
    EXPECT("\x08\0\x0e\0\0", "\x08\0\x0e\0\6"); // to this server
    EXPECT("\x08\0\x0f\0\0", "\x08\0\x0f\0\1"); // without an answer
    EXPECT("\x08\0\x10\0\0", "\x08\0\x10\0\0"); // NAK
    EXPECT("\x08\0\x11\0\0", "\x08\0\x11\0\0"); // busy
    EXPECT("\x08\0\x12\0\0", "\x08\0\x12\0\1"); // overruns
    EXPECT("\x08\0\x14\0\0", "\x08\0\x14\0\0");
    EXPECT("\x08\0\x12\0\0", "\x08\0\x12\0\0");
    EXPECT("\x08\0\x0a\0\0", "\x08\0\x0a\0\0");
    EXPECT("\x08\0\x0b\0\0", "\x08\0\x0b\0\1");
}

static void test_listen_only_until_restarted(void **state)
{
    (void)state;
    assert_int_equal(ASK("\x08\0\4\0\0"), 0);
    assert_int_equal(ASK("\x06\0\0\0\x7"), 0);
    assert_int_equal(ask_unit(0, "\x06\0\0\0\x7", 5), 0);
    assert_int_equal(holding[0], 0);
    assert_int_equal(ASK("\x08\0\1\0\0"), 0); // obeyed, not answered
    assert_int_equal(server.restarts, 1);
    EXPECT("\x06\0\0\0\7", "\x06\0\0\0\7");
    EXPECT("\x08\0\1\0\0", "\x08\0\1\0\0"); // answered when it was not listening
}

static void test_event_counter_counts_successes(void **state)
{
    (void)state;
    EXPECT("\x06\0\0\0\1", "\x06\0\0\0\1");
    EXPECT("\x06\0\x9\0\1", "\x86\2");
    EXPECT("\x0b", "\x0b\0\0\0\1");
    EXPECT("\x0b", "\x0b\0\0\0\1"); // asking does not count
}

static void test_event_log_is_newest_first_and_bounded(void **state)
{
    (void)state;
    EXPECT("\x06\0\x9\0\1", "\x86\2");
    // Received this request, sent an exception 1 to 3, received the one before.
    EXPECT("\x0c", "\x0c\x09\0\0\0\0\0\2\x80\x41\x80");
    (void)ASK("\x08\0\4\0\0");
    (void)ASK("\x08\0\1\0\0");
    assert_int_equal(server.log[0], 0x00); // restarted
    assert_int_equal(server.log[1], 0xa0); // received in listen-only mode
    assert_int_equal(server.log[2], 0x04); // entered it
    for (int i = 0; i < 100; i++) {
        mb_server_bad_frame(&server);
    }
    assert_int_equal(ASK("\x0c"), 2 + 6 + MB_EVENTS_MAX);
    assert_int_equal(reply[9], 0x82);
    (void)ASK("\x08\0\1\xff\0");
    assert_int_equal(server.log_size, 2); // restart and its reply
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_status_echo_and_server_id, set_up),
        cmocka_unit_test_setup(test_counters_count_and_are_cleared, set_up),
        cmocka_unit_test_setup(test_listen_only_until_restarted, set_up),
        cmocka_unit_test_setup(test_event_counter_counts_successes, set_up),
        cmocka_unit_test_setup(test_event_log_is_newest_first_and_bounded, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
