// SPDX-License-Identifier: Apache-2.0
// Goal: no cursor ever passes its end, and a failed one stays failed. Method: each limit and limit
// + 1.
#include "base/bytes.h"

#include "base/err.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_what_is_written_is_read_back(void **state)
{
    (void)state;
    uint8_t buffer[64];
    struct writer w = writer_of(buffer, sizeof(buffer));
    put_u8(&w, 0x01);
    put_u16be(&w, 0x0203);
    put_u16le(&w, 0x0405);
    put_u32be(&w, 0x06070809);
    put_u32le(&w, 0x0a0b0c0d);
    put_u64be(&w, UINT64_C(0x0e0f101112131415));
    put_u64le(&w, UINT64_C(0x161718191a1b1c1d));
    put_bytes(&w, bytes_of("xyz", 3));
    assert_false(w.failed);
    assert_int_equal(buffer[1], 0x02);
    assert_int_equal(buffer[3], 0x05);

    struct reader r = reader_of(writer_bytes(&w));
    assert_int_equal(get_u8(&r), 0x01);
    assert_int_equal(get_u16be(&r), 0x0203);
    assert_int_equal(get_u16le(&r), 0x0405);
    assert_int_equal(get_u32be(&r), 0x06070809);
    assert_int_equal(get_u32le(&r), 0x0a0b0c0d);
    assert_true(get_u64be(&r) == UINT64_C(0x0e0f101112131415));
    assert_true(get_u64le(&r) == UINT64_C(0x161718191a1b1c1d));
    assert_false(reader_done(&r));
    assert_true(bytes_equal(get_bytes(&r, 3), bytes_of("xyz", 3)));
    assert_true(reader_done(&r));
}

static void test_a_short_read_fails_and_stays_failed(void **state)
{
    (void)state;
    const uint8_t in[] = {1, 2, 3};
    struct reader r = reader_of(bytes_of(in, sizeof(in)));
    assert_int_equal(get_u16be(&r), 0x0102);
    assert_int_equal(get_u16be(&r), 0);
    assert_true(r.failed);
    assert_int_equal(get_u8(&r), 0); // one byte is left, yet the cursor stays failed
    assert_int_equal(reader_left(&r), 0);
    assert_int_equal(get_bytes(&r, 0).size, 0);
    assert_false(reader_done(&r));
}

static void test_a_write_past_the_end_changes_nothing(void **state)
{
    (void)state;
    uint8_t buffer[4] = {9, 9, 9, 9};
    struct writer w = writer_of(buffer, 3);
    put_u16be(&w, 0x0102);
    put_u16be(&w, 0x0304);
    put_u8(&w, 5);
    assert_true(w.failed);
    assert_int_equal(writer_bytes(&w).size, 0);
    assert_memory_equal(buffer, ((uint8_t[]){1, 2, 9, 9}), 4);
}

static void test_a_size_near_the_top_does_not_wrap(void **state)
{
    (void)state;
    const uint8_t in[] = {1, 2, 3};
    struct reader r = reader_of(bytes_of(in, sizeof(in)));
    (void)get_u8(&r);
    assert_int_equal(get_bytes(&r, SIZE_MAX).size, 0);
    assert_true(r.failed);
}

static void test_every_error_has_its_own_name(void **state)
{
    (void)state;
    for (int a = ERR_AGAIN; a <= OK; a++) {
        assert_string_not_equal(err_name((enum err)a), "unknown");
        for (int b = ERR_AGAIN; b < a; b++) {
            assert_string_not_equal(err_name((enum err)a), err_name((enum err)b));
        }
    }
    assert_string_equal(err_name((enum err)1), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_written_is_read_back),
        cmocka_unit_test(test_a_short_read_fails_and_stays_failed),
        cmocka_unit_test(test_a_write_past_the_end_changes_nothing),
        cmocka_unit_test(test_a_size_near_the_top_does_not_wrap),
        cmocka_unit_test(test_every_error_has_its_own_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
