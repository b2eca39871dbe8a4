// SPDX-License-Identifier: Apache-2.0
// Goal: the specification's own examples decode, answer each other and encode to the same bytes; no
// shorter and no longer form of them passes. Method: tests/vectors, each cut at every byte.
#include "modbus/rtu.h"
#include "modbus/tcp.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct vector {
    char clause[16];
    char kind[16];
    size_t size;
    uint8_t data[300];
};

static const char *vectors_dir;

static int hex_digit(char c)
{
    return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static bool next_vector(FILE *file, struct vector *out)
{
    char line[800];
    while (fgets(line, sizeof(line), file) != NULL) {
        int at = 0;
        if (line[0] == '#' || sscanf(line, "%15s %15s %n", out->clause, out->kind, &at) != 2) {
            continue;
        }
        out->size = 0;
        for (const char *p = line + at; *p != 0 && out->size < sizeof(out->data);) {
            if (!isxdigit((unsigned char)p[0]) || !isxdigit((unsigned char)p[1])) {
                p++;
                continue;
            }
            out->data[out->size++] = (uint8_t)(hex_digit(p[0]) << 4 | hex_digit(p[1]));
            p += 2;
        }
        return true;
    }
    return false;
}

static FILE *open_vectors(const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", vectors_dir, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    return file;
}

static void check_request(const struct vector *vector, struct mb_request *request)
{
    assert_int_equal(mb_request_decode(bytes_of(vector->data, vector->size), request), MB_EX_NONE);
    uint8_t again[MB_PDU_SIZE_MAX];
    struct writer w = writer_of(again, sizeof(again));
    assert_int_equal(mb_request_encode(request, &w), OK);
    assert_true(bytes_equal(writer_bytes(&w), bytes_of(vector->data, vector->size)));
    struct mb_request cut;
    for (size_t size = 0; size < vector->size; size++) {
        uint8_t *exact = malloc(size > 0 ? size : 1); // a sanitizer sees a read past it
        memcpy(exact, vector->data, size);
        assert_int_not_equal(mb_request_decode(bytes_of(exact, size), &cut), MB_EX_NONE);
        free(exact);
    }
    struct vector tail = *vector;
    tail.data[tail.size++] = 0;
    assert_int_not_equal(mb_request_decode(bytes_of(tail.data, tail.size), &cut), MB_EX_NONE);
    for (size_t room = 0; room < vector->size; room++) {
        struct writer small = writer_of(again, room);
        assert_int_equal(mb_request_encode(request, &small), ERR_SIZE);
        assert_false(small.failed);
    }
}

static void check_reply(const struct vector *vector, const struct mb_request *request)
{
    struct mb_reply reply;
    struct bytes in = bytes_of(vector->data, vector->size);
    assert_int_equal(mb_reply_decode(in, request, &reply), OK);
    assert_int_equal(mb_reply_decode(in, NULL, &reply), OK);
    uint8_t again[MB_PDU_SIZE_MAX];
    struct writer w = writer_of(again, sizeof(again));
    assert_int_equal(mb_reply_encode(&reply, &w), OK);
    assert_true(bytes_equal(writer_bytes(&w), in));
    for (size_t size = 0; size < vector->size; size++) {
        uint8_t *exact = malloc(size > 0 ? size : 1);
        memcpy(exact, vector->data, size);
        assert_int_equal(mb_reply_decode(bytes_of(exact, size), request, &reply), ERR_CORRUPT);
        free(exact);
    }
    struct vector tail = *vector;
    tail.data[tail.size++] = 0;
    assert_int_not_equal(mb_reply_decode(bytes_of(tail.data, tail.size), request, &reply), OK);
}

// The length of a frame is told from its beginning, and never told wrong before.
static void check_size(enum mb_role role, const struct vector *vector)
{
    uint8_t frame[MB_RTU_SIZE_MAX];
    struct writer w = writer_of(frame, sizeof(frame));
    assert_int_equal(mb_rtu_encode(17, bytes_of(vector->data, vector->size), &w), OK);
    bool is_open = vector->data[0] == MB_DIAGNOSTICS;
    for (size_t size = 0; size <= w.size; size++) {
        size_t told = mb_rtu_size(role, bytes_of(frame, size));
        assert_true(told == MB_SIZE_MORE || told == (is_open ? MB_SIZE_OPEN : w.size));
        assert_true(size < w.size || told != MB_SIZE_MORE);
    }
}

static void test_the_examples_of_the_specification(void **state)
{
    (void)state;
    FILE *file = open_vectors("modbus_ap_6.txt");
    struct vector vector;
    struct mb_request request = {.fc = 0};
    struct vector asked = {.size = 0};
    int count = 0;
    while (next_vector(file, &vector)) {
        count++;
        if (strcmp(vector.kind, "request") == 0) {
            check_request(&vector, &request);
            check_size(MB_REQUESTS, &vector);
            asked = vector;
            continue;
        }
        assert_int_equal(mb_request_decode(bytes_of(asked.data, asked.size), &request), MB_EX_NONE);
        check_reply(&vector, &request);
        check_size(MB_REPLIES, &vector);
        size_t hint = mb_rtu_reply_size(&request);
        if (hint != 0 && (vector.data[0] & MB_EXCEPTION_BIT) == 0) {
            assert_int_equal(hint, vector.size + MB_RTU_OVERHEAD);
        }
    }
    fclose(file);
    assert_int_equal(count, 40);
}

static void test_the_crc_of_the_specification(void **state)
{
    (void)state;
    FILE *file = open_vectors("modbus_sl_6.2.2.txt");
    struct vector vector;
    assert_true(next_vector(file, &vector));
    fclose(file);
    assert_int_equal(mb_crc16(MB_CRC_START, bytes_of(vector.data, 2)), 0x1241);
    struct mb_frame frame;
    assert_int_equal(mb_rtu_decode(bytes_of(vector.data, vector.size), &frame), OK);
    assert_int_equal(frame.unit, 2);
    assert_int_equal(frame.pdu.size, 1);
}

static void test_the_tcp_example_of_the_specification(void **state)
{
    (void)state;
    FILE *file = open_vectors("modbus_tcp_4.4.1.txt");
    struct vector vector;
    assert_true(next_vector(file, &vector));
    fclose(file);
    struct mb_stream stream;
    mb_stream_init(&stream, MB_STREAM_TCP, MB_REQUESTS);
    assert_int_equal(mb_stream_add(&stream, bytes_of(vector.data, vector.size)), vector.size);
    struct mb_frame frame;
    assert_int_equal(mb_stream_next(&stream, &frame), OK);
    assert_int_equal(frame.transaction, 0x1501);
    assert_int_equal(frame.unit, MB_UNIT_TCP);
    uint8_t again[MB_TCP_SIZE_MAX];
    struct writer w = writer_of(again, sizeof(again));
    assert_int_equal(mb_tcp_encode(&frame, &w), OK);
    assert_true(bytes_equal(writer_bytes(&w), bytes_of(vector.data, vector.size)));
}

int main(int argc, char **argv)
{
    vectors_dir = argc > 1 ? argv[1] : "tests/vectors";
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_examples_of_the_specification),
        cmocka_unit_test(test_the_crc_of_the_specification),
        cmocka_unit_test(test_the_tcp_example_of_the_specification),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
