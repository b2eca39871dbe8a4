// SPDX-License-Identifier: Apache-2.0
// Goal: memory that is given back costs no page until it is written again, and nothing beside it
// changes. Method: mincore, over ranges that begin and end everywhere around the edges of pages.
#include "port/linux/memory.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

enum { PAGES = 6, MARK = 0x5A };

static size_t page_size;
static uint8_t *data;

static int open_pages(void **state)
{
    (void)state;
    page_size = (size_t)sysconf(_SC_PAGESIZE);
    data =
        mmap(NULL, PAGES * page_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return data == MAP_FAILED;
}

static int close_pages(void **state)
{
    (void)state;
    return munmap(data, PAGES * page_size);
}

static size_t resident_pages(void)
{
    unsigned char is_there[PAGES];
    assert_int_equal(mincore(data, PAGES * page_size, is_there), 0);
    size_t count = 0;
    for (size_t i = 0; i < PAGES; i++) {
        count += is_there[i] & 1U;
    }
    return count;
}

static void check_range(size_t from, size_t size)
{
    memset(data, MARK, PAGES * page_size);
    assert_int_equal(resident_pages(), PAGES);
    memory_give_back(data + from, size);
    size_t first = (from + page_size - 1) / page_size;
    size_t end = (from + size) / page_size;
    assert_int_equal(resident_pages(), PAGES - (end > first ? end - first : 0));
    for (size_t at = 0; at < PAGES * page_size; at++) {
        bool is_given = at / page_size >= first && at / page_size < end;
        assert_int_equal(data[at], is_given ? 0 : MARK);
    }
}

static void test_whole_pages_go_and_their_neighbours_stay(void **state)
{
    (void)state;
    const size_t edges[] = {0, 1, page_size - 1, page_size, page_size + 1, 2 * page_size};
    for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
        for (size_t j = 0; j < sizeof(edges) / sizeof(edges[0]); j++) {
            check_range(edges[i], edges[j]);
            check_range(edges[i], 3 * page_size + edges[j] % page_size);
        }
    }
}

static void test_it_can_be_written_again(void **state)
{
    (void)state;
    memset(data, MARK, PAGES * page_size);
    memory_give_back(data, PAGES * page_size);
    assert_int_equal(resident_pages(), 0);
    data[page_size] = MARK;
    assert_int_equal(resident_pages(), 1);
    assert_int_equal(data[page_size], MARK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_pages_go_and_their_neighbours_stay),
        cmocka_unit_test(test_it_can_be_written_again),
    };
    return cmocka_run_group_tests(tests, open_pages, close_pages);
}
