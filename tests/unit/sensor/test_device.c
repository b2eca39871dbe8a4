// SPDX-License-Identifier: Apache-2.0
// Goal: the reference device answers as docs/protocol/receiver.md says. Method: request PDUs in,
// reply PDUs out, virtual time.
#include "apps/sensor/device.h"

#include "base/time.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static struct device device;
static uint64_t now_us;
static struct mb_reply reply;
static uint8_t buffer[MB_PDU_SIZE_MAX];

static int set_up(void **state)
{
    (void)state;
    now_us = US_PER_HOUR;
    struct device_config config = {
        .unit = 5,
        .is_serial = true,
        .serial = "BW-1",
        .store = {.sensor_count = 4, .report_s = 10, .seed = 1, .calm = true},
    };
    return device_init(&device, &config, now_us) == OK ? 0 : 1;
}

static enum mb_exception ask(const struct mb_request *request)
{
    uint8_t pdu[MB_PDU_SIZE_MAX];
    struct writer w = writer_of(pdu, sizeof(pdu));
    assert_int_equal(mb_request_encode(request, &w), OK);
    struct mb_frame frame = {.unit = 5, .pdu = writer_bytes(&w)};
    struct writer out = writer_of(buffer, sizeof(buffer));
    assert_true(device_request(&device, now_us, &frame, &out));
    assert_int_equal(mb_reply_decode(writer_bytes(&out), request, &reply), OK);
    return (enum mb_exception)reply.exception;
}

static enum mb_exception read(uint8_t fc, uint16_t address, uint16_t count)
{
    return ask(&(struct mb_request){.fc = fc, .address = address, .count = count});
}

static void test_input_and_holding_registers_are_the_same(void **state)
{
    (void)state;
    now_us += 60 * US_PER_S;
    assert_int_equal(read(MB_READ_INPUT, 100, 40), MB_EX_NONE);
    uint8_t input[80];
    memcpy(input, reply.data.data, sizeof(input));
    assert_int_equal(read(MB_READ_HOLDING, 100, 40), MB_EX_NONE);
    assert_memory_equal(input, reply.data.data, sizeof(input));
    assert_true(mb_reg(reply.data, 0) >= 5);  // sequence
    assert_true(mb_reg(reply.data, 1) <= 10); // age
}

static void test_a_restart_is_told_once_and_by_fc_4_only(void **state)
{
    (void)state;
    assert_int_equal(read(MB_READ_HOLDING, 0, 16), MB_EX_NONE);
    assert_int_equal(mb_reg(reply.data, 7), 1);
    assert_int_equal(read(MB_READ_INPUT, 0, 7), MB_EX_NONE); // does not touch it
    assert_int_equal(read(MB_READ_INPUT, 0, 8), MB_EX_NONE);
    assert_int_equal(mb_reg(reply.data, 7), 1);
    assert_int_equal(read(MB_READ_INPUT, 7, 1), MB_EX_NONE);
    assert_int_equal(mb_reg(reply.data, 0), 0);
}

static void test_holes_writes_and_other_tables_are_refused(void **state)
{
    (void)state;
    assert_int_equal(read(MB_READ_INPUT, 15, 1), MB_EX_NONE);
    assert_int_equal(read(MB_READ_INPUT, 15, 2), MB_EX_ADDRESS);
    assert_int_equal(read(MB_READ_INPUT, 99, 2), MB_EX_ADDRESS);
    assert_int_equal(read(MB_READ_INPUT, 139, 1), MB_EX_NONE);
    assert_int_equal(read(MB_READ_INPUT, 139, 2), MB_EX_ADDRESS);
    assert_int_equal(read(MB_READ_INPUT, 65535, 1), MB_EX_ADDRESS);
    assert_int_equal(read(MB_READ_COILS, 0, 1), MB_EX_ADDRESS);
    assert_int_equal(ask(&(struct mb_request){.fc = MB_WRITE_REG, .address = 0}), MB_EX_FUNCTION);
    struct mb_request mask = {.fc = MB_MASK_WRITE, .address = 50};
    assert_int_equal(ask(&mask), MB_EX_FUNCTION);
}

static void test_it_says_who_it_is(void **state)
{
    (void)state;
    struct mb_request request = {.fc = MB_ENCAPSULATED, .ident_code = MB_IDENT_EXTENDED};
    assert_int_equal(ask(&request), MB_EX_NONE);
    assert_false(reply.more_follows);
    struct reader r = reader_of(reply.data);
    struct mb_object object;
    const char *expected[] = {"Busward", "BW-RX"};
    for (size_t i = 0; i < 2; i++) {
        assert_true(mb_ident_object(&r, &object));
        assert_true(bytes_equal(object.value, bytes_of(expected[i], strlen(expected[i]))));
    }
    request.ident_code = MB_IDENT_ONE;
    request.object_id = MB_OBJECT_PRIVATE;
    assert_int_equal(ask(&request), MB_EX_NONE);
    r = reader_of(reply.data);
    assert_true(mb_ident_object(&r, &object));
    assert_true(bytes_equal(object.value, bytes_of("BW-1", 4)));
}

static void test_a_serial_that_does_not_fit_is_refused(void **state)
{
    (void)state;
    struct device_config config = {
        .unit = 1, .serial = "12345678901234567", .store = {.sensor_count = 1}};
    assert_int_equal(device_init(&device, &config, 0), ERR_SIZE);
    config.serial = "1234567890123456";
    assert_int_equal(device_init(&device, &config, 0), OK);
    config.store.sensor_count = 201;
    assert_int_equal(device_init(&device, &config, 0), ERR_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_input_and_holding_registers_are_the_same, set_up),
        cmocka_unit_test_setup(test_a_restart_is_told_once_and_by_fc_4_only, set_up),
        cmocka_unit_test_setup(test_holes_writes_and_other_tables_are_refused, set_up),
        cmocka_unit_test_setup(test_it_says_who_it_is, set_up),
        cmocka_unit_test(test_a_serial_that_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
