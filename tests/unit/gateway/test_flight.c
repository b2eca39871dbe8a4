// SPDX-License-Identifier: Apache-2.0
// Goal: the flight recorder keeps the newest of what it was given, whole and in order, whatever
// sizes come; an upload carries exactly that, in parts. Method: records with numbers, a small ring.
#include "apps/gateway/methods/flight_upload.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { RING_SIZE = 64 * 1024, TEXT_SIZE = 512 * 1024 };

static const char *const NAMES[] = {"line 1", "line 2"};
static uint8_t ring[RING_SIZE], copy[RING_SIZE];
static char text[TEXT_SIZE];
static struct flight f;
static struct flight_upload u;

static void log_line(uint32_t number, size_t size)
{
    char line[2 * FLIGHT_TEXT_SIZE_MAX];
    int used = snprintf(line, sizeof(line), "n=%u ", number);
    memset(line + used, 'x', sizeof(line) - (size_t)used);
    flight_log(&f, number, bytes_of(line, size > (size_t)used ? size : (size_t)used));
}

static size_t all(uint64_t since_us)
{
    struct flight_reader reader = flight_read(&f, since_us);
    struct writer w = writer_of(text, sizeof(text) - 1);
    while (flight_next(&reader, NAMES, &w) == OK) {
    }
    text[w.size] = '\0';
    return w.size;
}

// Every line's number is one more than that of the line before; returns the first one's.
static uint32_t in_order(const char *from, uint32_t last)
{
    uint32_t first = 0;
    uint32_t number = 0;
    for (const char *line = from; *line != '\0'; line = strchr(line, '\n') + 1) {
        uint32_t at = (uint32_t)strtoul(line + 2, NULL, 10);
        assert_memory_equal(line, "n=", 2);
        assert_true(first == 0 || at == number + 1);
        first = first == 0 ? at : first;
        number = at;
    }
    assert_int_equal(number, last);
    return first;
}

static void test_the_newest_stay(void **state)
{
    (void)state;
    flight_init(&f, ring, sizeof(ring));
    assert_int_equal(all(0), 0);
    uint32_t first_before = 1;
    for (uint32_t i = 1; i <= 5000; i++) {
        log_line(i, i * 37 % (FLIGHT_TEXT_SIZE_MAX + 200)); // some are cut
        if (i % 50 == 0) {
            size_t size = all(0);
            uint32_t first = in_order(text, i);
            assert_true(first >= first_before);
            assert_true(i < 200 || size > sizeof(ring) / 2);
            first_before = first;
        }
    }
    assert_true(first_before > 4500);
    all(4990);
    assert_int_equal(in_order(text, 5000), 4990);
    assert_int_equal(all(5001), 0);
}

static void test_frames_become_lines(void **state)
{
    (void)state;
    flight_init(&f, ring, sizeof(ring));
    struct line_send send = {.token = 7, .frame_size = 3, .frame = {0x01, 0x03, 0xfe}};
    struct line_done done = {
        .token = 7, .outcome = LINE_TIMEOUT, .tx_first_us = 2000001, .reply_size = 0};
    flight_send(&f, 1500000, 1, &send);
    flight_done(&f, 2500000, 1, &done);
    all(0);
    assert_string_equal(text,
                        "t=1.500000 bus=\"line 2\" ev=send token=7 frame=0103fe\n"
                        "t=2.500000 bus=\"line 2\" ev=done token=7 outcome=timeout first=2.000001 "
                        "last=0.000000 frame=\n");
    send.frame_size = LINE_FRAME_MAX; // the largest
    done.reply_size = LINE_FRAME_MAX;
    for (int i = 0; i < 1000; i++) {
        flight_send(&f, 3000000, 0, &send);
        flight_done(&f, 3000000, 0, &done);
    }
    assert_true(all(0) > sizeof(ring));
}

static void test_an_upload_is_the_record_in_parts(void **state)
{
    (void)state;
    static char joined[TEXT_SIZE];
    size_t size = 0;
    uint64_t now_us = 1000000;
    flight_init(&f, ring, sizeof(ring));
    flight_upload_init(&u, copy, sizeof(copy), NAMES, UINT32_MAX - 1);
    struct flight_chunk chunk;
    assert_false(flight_upload_next(&u, now_us, &chunk));
    for (uint32_t i = 1; i <= 2000; i++) {
        log_line(i, i * 37 % FLIGHT_TEXT_SIZE_MAX);
    }
    size_t whole = all(0);
    flight_upload_take(&u, &f, 0);
    assert_int_equal(u.text_size, whole);
    flight_upload_begin(&u, now_us);
    for (uint32_t i = 2001; i <= 4000; i++) { // what comes meanwhile is no part of it
        log_line(i, 100);
    }
    uint32_t parts = 0;
    while (u.is_running) {
        now_us = flight_upload_deadline_us(&u);
        assert_true(flight_upload_next(&u, now_us, &chunk));
        assert_true(chunk.body.size > 0 && chunk.body.size <= FLIGHT_CHUNK_SIZE);
        memcpy(joined + size, chunk.body.data, chunk.body.size);
        size += chunk.body.size;
        char bag[FLIGHT_BAG_SIZE];
        snprintf(bag, sizeof(bag),
                 "$.ct=text%%2Fplain&$.ce=utf-8&t=flight&id=4294967295&part=%u&parts=%u", ++parts,
                 u.parts);
        assert_int_equal(chunk.bag.size, strlen(bag));
        assert_memory_equal(chunk.bag.data, bag, chunk.bag.size);
        assert_false(flight_upload_next(&u, now_us, &chunk)); // live data go on between
    }
    assert_int_equal(parts, u.parts);
    assert_int_equal(size, whole);
    assert_memory_equal(joined, text, whole);
    assert_int_equal(flight_upload_deadline_us(&u), TIME_NEVER);
    flight_upload_take(&u, &f, 0);
    flight_upload_begin(&u, now_us);
    assert_int_equal(u.number, 0); // after the last number comes the first
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_newest_stay),
        cmocka_unit_test(test_frames_become_lines),
        cmocka_unit_test(test_an_upload_is_the_record_in_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
