// SPDX-License-Identifier: Apache-2.0
// Goal: every data function does what it says, refuses what is outside, and changes nothing when it
// refuses. Method: a server over plain arrays; requests as bytes.
#include "modbus/tables.h"

#include "base/assert.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static bool coils[20];
static const bool discrete[20] = {true, false, true};
static uint16_t holding[20];
static const uint16_t input[20] = {0x1234, 0x5678};
static struct mb_tables tables = {coils, discrete, holding, input, 20, 20, 20, 20};
static struct mb_server server;
static uint8_t file[20];
static size_t fifo_count;

static enum mb_exception read_file(void *ctx, const struct mb_record *record, struct writer *out)
{
    (void)ctx;
    if (record->file != 4 || record->number + record->count > 10) {
        return MB_EX_ADDRESS;
    }
    put_bytes(out, bytes_of(file + 2 * (size_t)record->number, 2 * (size_t)record->count));
    return MB_EX_NONE;
}

static enum mb_exception write_file(void *ctx, const struct mb_record *record)
{
    (void)ctx;
    if (record->file != 4 || record->number + record->count > 10) {
        return MB_EX_ADDRESS;
    }
    memcpy(file + 2 * (size_t)record->number, record->data.data, record->data.size);
    return MB_EX_NONE;
}

static enum mb_exception read_fifo(void *ctx, uint16_t address, struct writer *out)
{
    (void)ctx;
    for (size_t i = 0; i < fifo_count; i++) {
        put_u16be(out, (uint16_t)i);
    }
    return address == 0 ? MB_EX_NONE : MB_EX_ADDRESS;
}

static struct mb_server_ops ops;

static int set_up(void **state)
{
    (void)state;
    ops = mb_tables_ops;
    ops.read_file = read_file;
    ops.write_file = write_file;
    ops.read_fifo = read_fifo;
    memset(coils, 0, sizeof(coils));
    memset(holding, 0, sizeof(holding));
    memset(file, 0, sizeof(file));
    mb_server_init(&server, &(struct mb_server_config){.unit = 5, .ops = &ops, .ctx = &tables});
    return 0;
}

static uint8_t reply[MB_PDU_SIZE_MAX];

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

static void test_bits_and_registers(void **state)
{
    (void)state;
    EXPECT("\x02\0\0\0\x03", "\x02\1\5");
    EXPECT("\x04\0\0\0\2", "\x04\4\x12\x34\x56\x78");
    EXPECT("\x05\0\1\xff\0", "\x05\0\1\xff\0");
    EXPECT("\x0f\0\2\0\x9\2\xff\xff", "\x0f\0\2\0\x9");
    assert_true(coils[1] && coils[10] && !coils[11] && !coils[0]);
    EXPECT("\x01\0\0\0\x10", "\x01\2\xfe\x07");
    EXPECT("\x05\0\1\0\0", "\x05\0\1\0\0");
    assert_false(coils[1]);
    EXPECT("\x06\0\x13\xab\xcd", "\x06\0\x13\xab\xcd");
    assert_int_equal(holding[19], 0xabcd);
    EXPECT("\x10\0\0\0\2\4\0\1\0\2", "\x10\0\0\0\2");
    EXPECT("\x03\0\0\0\2", "\x03\4\0\1\0\2");
}

static void test_outside_the_tables_nothing_changes(void **state)
{
    (void)state;
    EXPECT("\x01\0\0\0\x15", "\x81\2");
    EXPECT("\x03\0\x13\0\2", "\x83\2");
    EXPECT("\x04\xff\xff\0\1", "\x84\2");
    EXPECT("\x06\0\x14\0\1", "\x86\2");
    EXPECT("\x10\0\x13\0\2\4\0\1\0\2", "\x90\2");
    EXPECT("\x0f\0\x13\0\2\1\3", "\x8f\2");
    EXPECT("\x03\0\0\0\x7e", "\x83\3");
    EXPECT("\x03\0\0\0", "\x83\3");     // too short
    EXPECT("\x03\0\0\0\1\0", "\x83\3"); // a tail
    EXPECT("\x64\0", "\xe4\1");
    for (size_t i = 0; i < COUNT_OF(holding); i++) {
        assert_int_equal(holding[i], 0);
        assert_false(coils[i]);
    }
}

static void test_mask_write_of_the_specification(void **state)
{
    (void)state;
    holding[4] = 0x12;
    EXPECT("\x16\0\4\0\xf2\0\x25", "\x16\0\4\0\xf2\0\x25");
    assert_int_equal(holding[4], 0x17);
    EXPECT("\x16\0\x14\0\xf2\0\x25", "\x96\2");
}

static void test_read_write_writes_first_and_not_at_all_when_the_read_fails(void **state)
{
    (void)state;
    EXPECT("\x17\0\0\0\2\0\1\0\1\2\x12\x34", "\x17\4\0\0\x12\x34");
    EXPECT("\x17\0\x13\0\2\0\1\0\1\2\xff\xff", "\x97\2");
    assert_int_equal(holding[1], 0x1234);
    EXPECT("\x17\0\0\0\2\0\x14\0\1\2\xff\xff", "\x97\2");
}

static void test_files(void **state)
{
    (void)state;
    EXPECT("\x15\x0d\x06\0\4\0\7\0\3\x06\xaf\x04\xbe\x10\x0d",
           "\x15\x0d\x06\0\4\0\7\0\3\x06\xaf\x04\xbe\x10\x0d");
    EXPECT("\x14\x0e\x06\0\4\0\7\0\2\x06\0\4\0\x9\0\1",
           "\x14\x0a\x05\x06\x06\xaf\x04\xbe\x03\x06\x10\x0d");
    EXPECT("\x14\7\x06\0\4\0\x9\0\2", "\x94\2");
    EXPECT("\x14\7\x06\0\3\0\0\0\1", "\x94\2");
    EXPECT("\x14\7\x06\0\4\x27\x0f\0\2", "\x94\2"); // past record 9999
    ops.read_file = NULL;
    EXPECT("\x14\7\x06\0\4\0\0\0\1", "\x94\1");
}

static void test_a_queue_of_up_to_31(void **state)
{
    (void)state;
    fifo_count = 0;
    EXPECT("\x18\0\0", "\x18\0\2\0\0");
    fifo_count = 31;
    assert_int_equal(ASK("\x18\0\0"), 5 + 62);
    fifo_count = 32;
    EXPECT("\x18\0\0", "\x98\3");
}

static void test_functions_without_an_operation_are_refused(void **state)
{
    (void)state;
    static const struct mb_server_ops none = {.read = NULL};
    server.config.ops = &none;
    for (uint8_t fc = 1; fc < 0x80; fc++) {
        uint8_t pdu[] = {fc, 0, 0, 0, 1};
        assert_int_equal(ask_unit(5, pdu, sizeof(pdu)), 2);
        assert_int_equal(reply[0], fc | 0x80);
        assert_true(reply[1] == MB_EX_FUNCTION || reply[1] == MB_EX_VALUE);
    }
    for (unsigned fc = 0x80; fc < 0x100; fc++) { // could not be told from exceptions
        uint8_t pdu[] = {(uint8_t)fc, 2};
        assert_int_equal(ask_unit(5, pdu, sizeof(pdu)), 0);
    }
}

static void test_others_are_ignored_and_broadcasts_obeyed_in_silence(void **state)
{
    (void)state;
    static const char write[] = "\x06\0\1\x12\x34";
    assert_int_equal(ask_unit(6, write, 5), 0);
    assert_int_equal(holding[1], 0);
    assert_int_equal(ask_unit(0, write, 5), 0);
    assert_int_equal(holding[1], 0x1234);
    assert_int_equal(server.stats.server_silent, 1);
    assert_int_equal(ask_unit(255, write, 5), 0);
}

static void test_on_tcp_the_device_answers_as_itself(void **state)
{
    (void)state;
    server.config.any_unit = true;
    assert_int_equal(ask_unit(255, "\x04\0\0\0\1", 5), 4);
    assert_int_equal(ask_unit(0, "\x04\0\0\0\1", 5), 4);
    assert_int_equal(ask_unit(6, "\x04\0\0\0\1", 5), 0);
    EXPECT("\x08\0\0\x12\x34", "\x88\1"); // serial lines only
    EXPECT("\x2b\x0e\1\0", "\xab\1");     // no identification given
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_bits_and_registers, set_up),
        cmocka_unit_test_setup(test_outside_the_tables_nothing_changes, set_up),
        cmocka_unit_test_setup(test_mask_write_of_the_specification, set_up),
        cmocka_unit_test_setup(test_read_write_writes_first_and_not_at_all_when_the_read_fails,
                               set_up),
        cmocka_unit_test_setup(test_files, set_up),
        cmocka_unit_test_setup(test_a_queue_of_up_to_31, set_up),
        cmocka_unit_test_setup(test_functions_without_an_operation_are_refused, set_up),
        cmocka_unit_test_setup(test_others_are_ignored_and_broadcasts_obeyed_in_silence, set_up),
        cmocka_unit_test_setup(test_on_tcp_the_device_answers_as_itself, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
