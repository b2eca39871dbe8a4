// SPDX-License-Identifier: Apache-2.0
// Goal: the checksums agree with published values, whole and in pieces.
#include "base/crc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void test_crc32c_of_published_vectors(void **state)
{
    (void)state;
    uint8_t block[32];
    assert_int_equal(crc32c(0, bytes_of("123456789", 9)), 0xe3069283);
    memset(block, 0, sizeof(block)); // RFC 3720 B.4: 32 bytes of zeroes, then of ones
    assert_int_equal(crc32c(0, bytes_of(block, sizeof(block))), 0x8a9136aa);
    memset(block, 0xff, sizeof(block));
    assert_int_equal(crc32c(0, bytes_of(block, sizeof(block))), 0x62a8ab43);
}

static void test_crc32c_goes_on_in_pieces(void **state)
{
    (void)state;
    for (size_t cut = 0; cut <= 9; cut++) {
        uint32_t crc = crc32c(0, bytes_of("123456789", cut));
        assert_int_equal(crc32c(crc, bytes_of(&"123456789"[cut], 9 - cut)), 0xe3069283);
    }
}

static void test_hash64_of_published_vectors(void **state)
{
    (void)state;
    assert_true(hash64(HASH64_START, bytes_of("", 0)) == UINT64_C(0xcbf29ce484222325));
    assert_true(hash64(HASH64_START, bytes_of("a", 1)) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(hash64(HASH64_START, bytes_of("foobar", 6)) == UINT64_C(0x85944171f73967e8));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_crc32c_of_published_vectors),
        cmocka_unit_test(test_crc32c_goes_on_in_pieces),
        cmocka_unit_test(test_hash64_of_published_vectors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
