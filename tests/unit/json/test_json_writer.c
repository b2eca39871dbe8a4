// SPDX-License-Identifier: Apache-2.0
// Goal: the writer's text is valid JSON of exactly the right size, or nothing. Method: one document
// with everything in it, written at every capacity.
#include "json/reader.h"
#include "json/writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char expected[] =
    "{\"s\":\"\\\"\\\\\\n\\u0001\xc3\xa9\xef\xbf\xbd/\",\"n\":null,\"a\":[true,-5,"
    "18446744073709551615,0.1,21.5,\"00000000deadbeef\",[],{}],\"k\":{\"i\":-1,"
    "\"u\":1,\"b\":false,\"d\":1e22,\"t\":\"x\",\"z\":null}}";

static void write_document(struct json_writer *w)
{
    json_begin_object(w);
    json_put_key(w, "s");
    json_put_text(w, bytes_of("\"\\\n\x01\xc3\xa9\xff/", 8));
    json_put_key(w, "n");
    json_put_null(w);
    json_put_key(w, "a");
    json_begin_array(w);
    json_put_bool(w, true);
    json_put_i64(w, -5);
    json_put_u64(w, UINT64_MAX);
    json_put_double(w, 0.1);
    json_put_decimal(w, 2150, -2);
    json_put_hex64(w, 0xdeadbeef);
    json_begin_array(w);
    json_end_array(w);
    json_put_raw(w, bytes_of("{}", 2));
    json_end_array(w);
    json_put_key(w, "k");
    json_begin_object(w);
    json_put_key_i64(w, "i", -1);
    json_put_key_u64(w, "u", 1);
    json_put_key_bool(w, "b", false);
    json_put_key_double(w, "d", 1e22);
    json_put_key_string(w, "t", "x");
    json_put_key_string(w, "z", NULL);
    json_end_object(w);
    json_end_object(w);
}

static void test_a_document_is_written_exactly(void **state)
{
    (void)state;
    char out[512];
    struct json_writer w;
    json_writer_init(&w, out, sizeof(out));
    write_document(&w);
    struct bytes text = json_writer_bytes(&w);
    assert_int_equal(text.size, sizeof(expected) - 1);
    assert_memory_equal(text.data, expected, text.size);
    struct json_reader r;
    json_reader_init(&r, text, NULL);
    assert_true(json_skip(&r) && json_end(&r));
}

static void test_every_smaller_buffer_fails_and_stays_failed(void **state)
{
    (void)state;
    for (size_t capacity = 0; capacity < sizeof(expected); capacity++) {
        char *out = malloc(capacity > 0 ? capacity : 1);
        struct json_writer w;
        json_writer_init(&w, out, capacity);
        write_document(&w);
        assert_true(w.failed == (capacity < sizeof(expected) - 1));
        assert_int_equal(json_writer_bytes(&w).size, w.failed ? 0 : capacity);
        struct json_writer counter;
        json_writer_init(&counter, NULL, capacity);
        write_document(&counter);
        assert_true(counter.failed == w.failed && counter.size == w.size);
        free(out);
    }
}

static void test_an_open_document_is_no_text(void **state)
{
    (void)state;
    char out[16];
    struct json_writer w;
    json_writer_init(&w, out, sizeof(out));
    json_begin_array(&w);
    assert_int_equal(json_writer_bytes(&w).size, 0);
    json_end_array(&w);
    assert_int_equal(json_writer_bytes(&w).size, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_document_is_written_exactly),
        cmocka_unit_test(test_every_smaller_buffer_fails_and_stays_failed),
        cmocka_unit_test(test_an_open_document_is_no_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
