// SPDX-License-Identifier: Apache-2.0
// Goal: people learn of a certificate's end while there is time, once a day, not more. Method: the
// machine in virtual time, each limit and limit + 1; and the file of the assignment as it may be.
#include "apps/gateway/north/assignment.h"
#include "apps/gateway/north/expiry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define NOW_S INT64_C(1790000000)
#define DAY_S INT64_C(86400)

static struct expiry expiry;
static struct expiry_alarm alarm;

static bool look(uint64_t now_us, int64_t utc_s)
{
    return expiry_next(&expiry, now_us, (struct wall_time){.utc_ms = utc_s * 1000}, &alarm);
}

static void test_told_within_the_days_and_once_a_day(void **state)
{
    (void)state;
    expiry_init(&expiry, 30);
    assert_false(look(0, NOW_S));
    expiry_set(&expiry, EXPIRY_DEVICE, NOW_S + 30 * DAY_S);
    assert_false(look(0, NOW_S));
    assert_true(look(0, NOW_S + 1));
    assert_int_equal(alarm.days, 29);
    assert_int_equal(alarm.item, EXPIRY_DEVICE);
    assert_false(look(US_PER_DAY - 1, NOW_S + DAY_S));
    expiry_set(&expiry, EXPIRY_DEVICE, NOW_S + 30 * DAY_S); // looked at again: no news
    assert_false(look(US_PER_DAY - 1, NOW_S + DAY_S));
    assert_true(look(US_PER_DAY, NOW_S + DAY_S));
    expiry_set(&expiry, EXPIRY_DEVICE, NOW_S + 20 * DAY_S); // another certificate
    assert_true(look(US_PER_DAY, NOW_S + DAY_S));
    expiry_set(&expiry, EXPIRY_DEVICE, NOW_S + 300 * DAY_S); // renewed
    assert_false(look(9 * US_PER_DAY, NOW_S + 9 * DAY_S));
}

static void test_each_item_by_itself_and_past_its_end(void **state)
{
    (void)state;
    static const struct {
        int64_t left_s, days;
    } cases[] = {{DAY_S, 1}, {DAY_S - 1, 0}, {0, 0}, {-1, -1}, {-DAY_S, -1}, {-DAY_S - 1, -2}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expiry_init(&expiry, 30);
        expiry_set(&expiry, EXPIRY_AUTHORITIES, NOW_S + cases[i].left_s);
        expiry_set(&expiry, EXPIRY_DEVICE, NOW_S + 3 * DAY_S);
        assert_true(look(0, NOW_S));
        assert_int_equal(alarm.days, 3);
        assert_true(look(0, NOW_S));
        assert_int_equal(alarm.item, EXPIRY_AUTHORITIES);
        assert_int_equal(alarm.days, cases[i].days);
        assert_false(look(0, NOW_S));
    }
}

static void test_assignment_reads_back_at_its_limits(void **state)
{
    (void)state;
    struct assignment in = {.id_scope = "0ne", .registration_id = "r", .device = "d"};
    struct assignment out;
    char text[ASSIGNMENT_SIZE_MAX];
    memset(in.host, '"', SAS_NAME_SIZE_MAX - 1);
    memset(in.device, '\\', SAS_NAME_SIZE_MAX - 1);
    memset(in.id_scope, '"', SAS_NAME_SIZE_MAX - 1);
    memset(in.registration_id, '"', SAS_NAME_SIZE_MAX - 1);
    size_t size = assignment_write(&in, text);
    assert_int_equal(assignment_parse(bytes_of(text, size), &out), OK);
    assert_memory_equal(&in, &out, sizeof(in));
    for (size_t cut = 0; cut + 2 < size; cut++) { // the final newline may be missing
        assert_int_equal(assignment_parse(bytes_of(text, cut), &out), ERR_CORRUPT);
    }
}

static void test_what_is_no_name(void **state)
{
    (void)state;
    assert_true(assignment_is_name("hub-1.example"));
    static const char *const bad[] = {"", "a b", "a/b", "a+", "#", "\x7f", "\x01", "\xc3\xa4"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_false(assignment_is_name(bad[i]));
    }
    static const char later[] = "{\"v\":2,\"id_scope\":\"s\",\"registration_id\":\"r\",\"host\":"
                                "\"h\",\"device_id\":\"d\"}";
    struct assignment out;
    assert_int_equal(assignment_parse(bytes_of(later, sizeof(later) - 1), &out), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_told_within_the_days_and_once_a_day),
        cmocka_unit_test(test_each_item_by_itself_and_past_its_end),
        cmocka_unit_test(test_assignment_reads_back_at_its_limits),
        cmocka_unit_test(test_what_is_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
