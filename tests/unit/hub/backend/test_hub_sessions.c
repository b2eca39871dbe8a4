// SPDX-License-Identifier: Apache-2.0
// Goal: the table of connections against a plain list, by random additions and removals in a table
// so small that its chains run into each other and over its end.
#include "apps/hub/backend/sessions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SLOTS = 16, IDS = 40, STEPS = 20000 };

static uint32_t next_random(uint32_t *seed)
{
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

static struct bytes id_of(unsigned number, char text[16])
{
    int size = snprintf(text, 16, "device-%u", number);
    return bytes_of(text, (size_t)size);
}

static void check_all(const struct sessions *sessions, const uint64_t *model)
{
    char text[16];
    size_t count = 0;
    size_t walked = 0;
    size_t position = 0;
    for (unsigned i = 0; i < IDS; i++) {
        const struct session *found = sessions_find(sessions, id_of(i, text));
        assert_int_equal(found != NULL, model[i] != 0);
        assert_true(found == NULL || found->connection == model[i]);
        count += model[i] != 0 ? 1 : 0;
    }
    while (sessions_next(sessions, &position) != NULL) {
        walked++;
    }
    assert_int_equal(sessions->count, count);
    assert_int_equal(walked, count);
}

static void test_table_is_what_a_list_would_be(void **state)
{
    static struct session slots[SLOTS];
    struct sessions sessions;
    uint64_t model[IDS] = {0};
    uint32_t seed = 42;
    size_t refused = 0;
    (void)state;
    sessions_init(&sessions, slots, SLOTS);
    for (uint64_t step = 1; step <= STEPS; step++) {
        char text[16];
        unsigned number = next_random(&seed) % IDS;
        if (next_random(&seed) % 2 == 0) {
            sessions_remove(&sessions, id_of(number, text));
            model[number] = 0;
        } else {
            struct session *slot = sessions_add(&sessions, id_of(number, text));
            assert_true(slot != NULL || sessions.count == SLOTS / 4 * 3);
            refused += slot == NULL ? 1 : 0;
            if (slot != NULL) {
                slot->connection = step;
                model[number] = step;
            }
        }
        check_all(&sessions, model);
    }
    assert_true(refused > 0);
    sessions_clear(&sessions);
    memset(model, 0, sizeof(model));
    check_all(&sessions, model);
}

static void test_ids_out_of_bounds_are_refused(void **state)
{
    static struct session slots[SLOTS];
    static uint8_t longest[ID_SIZE];
    struct sessions sessions;
    (void)state;
    memset(longest, 'x', sizeof(longest));
    sessions_init(&sessions, slots, SLOTS);
    assert_null(sessions_add(&sessions, bytes_of(longest, ID_SIZE)));
    assert_null(sessions_add(&sessions, bytes_of("", 0)));
    assert_null(sessions_add(&sessions, bytes_of("a\0b", 3)));
    assert_non_null(sessions_add(&sessions, bytes_of(longest, ID_SIZE - 1)));
    assert_null(sessions_find(&sessions, bytes_of(longest, ID_SIZE)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_is_what_a_list_would_be),
        cmocka_unit_test(test_ids_out_of_bounds_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
