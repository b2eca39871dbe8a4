// SPDX-License-Identifier: Apache-2.0
// Goal: our reader takes and refuses the same texts as jansson, and reads the same values.
// Method: random documents written by our writer; then each with random bytes changed.
#define _POSIX_C_SOURCE 200809L // fmemopen
#include "tests/unit/json/oracle.h"
#include "json/reader.h"
#include "json/writer.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { DOCUMENT_SIZE = 2048, DOCUMENTS = 1500, MUTATIONS = 30 };

static uint64_t random_state;

static uint64_t next_random(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % below;
}

static void write_string(struct json_writer *w, bool key)
{
    static const char *const pieces[] = {
        "a", "Z9", "\xc3\xa9", "\n", "\"", "\\", "\xf0\x9f\x98\x80", "\t", " "};
    char text[64] = "";
    size_t count = next_random(6);
    for (size_t i = 0; i < count; i++) {
        strcat(text, pieces[next_random(9)]);
    }
    if (key) {
        // Different keys, since jansson keeps the last of two.
        char unique[80];
        snprintf(unique, sizeof(unique), "%s%zu", text, w->size);
        json_put_key(w, unique);
    } else {
        json_put_string(w, text);
    }
}

static void write_value(struct json_writer *w, int depth)
{
    switch (next_random(depth > 0 ? 8 : 6)) {
    case 0: json_put_null(w); break;
    case 1: json_put_bool(w, next_random(2) == 1); break;
    case 2: json_put_i64(w, (int64_t)(next_random(UINT64_MAX) << next_random(12))); break;
    case 3: json_put_double(w, (double)next_random(1000000) / 977 - 300); break;
    case 4: json_put_decimal(w, (int64_t)next_random(100000), (int)next_random(30) - 15); break;
    case 5: write_string(w, false); break;
    case 6:
        json_begin_array(w);
        for (size_t count = next_random(6); count > 0; count--) {
            write_value(w, depth - 1);
        }
        json_end_array(w);
        break;
    default:
        json_begin_object(w);
        for (size_t count = next_random(6); count > 0; count--) {
            write_string(w, true);
            write_value(w, depth - 1);
        }
        json_end_object(w);
        break;
    }
}

static void trace(struct json_reader *r, FILE *out);

static void trace_text(const struct json_text *text, FILE *out)
{
    char plain[256];
    size_t size = 0;
    assert_int_equal(json_unescape(text, plain, sizeof(plain), &size), OK);
    fputc('"', out);
    fwrite(plain, 1, size, out);
    fputs("\" ", out);
}

static void trace_container(struct json_reader *r, bool object, FILE *out)
{
    struct json_text key;
    fputs(object ? "{ " : "[ ", out);
    if (object) {
        assert_true(json_enter_object(r));
        while (json_next_key(r, &key)) {
            trace_text(&key, out);
            trace(r, out);
        }
    } else {
        assert_true(json_enter_array(r));
        while (json_next_item(r)) {
            trace(r, out);
        }
    }
    fputs(object ? "} " : "] ", out);
}

static void trace(struct json_reader *r, FILE *out)
{
    struct json_text text;
    bool yes = false;
    double real = 0;
    enum json_type type = json_peek(r);
    switch (type) {
    case JSON_NONE: fail(); break;
    case JSON_NULL:
        assert_true(json_get_null(r));
        fputs("null ", out);
        break;
    case JSON_BOOL:
        assert_true(json_get_bool(r, &yes));
        fputs(yes ? "true " : "false ", out);
        break;
    case JSON_NUMBER:
        assert_true(json_get_double(r, -1.7e308, 1.7e308, &real));
        fprintf(out, "%.17g ", real);
        break;
    case JSON_STRING:
        assert_true(json_get_text(r, &text));
        trace_text(&text, out);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT: trace_container(r, type == JSON_OBJECT, out); break;
    }
}

static void test_random_documents_read_the_same(void **state)
{
    (void)state;
    random_state = 88172645463325252;
    print_message("seed %" PRIu64 "\n", random_state);
    char out[DOCUMENT_SIZE];
    for (int i = 0; i < DOCUMENTS; i++) {
        struct json_writer w;
        do {
            json_writer_init(&w, out, sizeof(out));
            write_value(&w, 5);
        } while (w.failed);
        struct bytes text = json_writer_bytes(&w);
        char ours[2 * DOCUMENT_SIZE] = "";
        char theirs[2 * DOCUMENT_SIZE] = "";
        FILE *our_file = fmemopen(ours, sizeof(ours), "w");
        FILE *their_file = fmemopen(theirs, sizeof(theirs), "w");
        struct json_reader r;
        json_reader_init(&r, text, NULL);
        trace(&r, our_file);
        assert_true(json_end(&r));
        assert_true(oracle_trace(text, their_file));
        fclose(our_file);
        fclose(their_file);
        assert_string_equal(ours, theirs);
    }
}

static void test_damaged_documents_are_refused_the_same(void **state)
{
    (void)state;
    random_state = 362436069;
    print_message("seed %" PRIu64 "\n", random_state);
    static const char favourites[] = "{}[]\",:\\0123456789.eE+-tfn u/\x01\x80\xc3\xed\xf4";
    char out[DOCUMENT_SIZE];
    char damaged[DOCUMENT_SIZE];
    int refused = 0;
    for (int i = 0; i < DOCUMENTS; i++) {
        struct json_writer w;
        do {
            json_writer_init(&w, out, 200);
            write_value(&w, 3);
        } while (w.failed);
        for (int j = 0; j < MUTATIONS; j++) {
            memcpy(damaged, out, w.size);
            for (size_t changes = 1 + next_random(2); changes > 0; changes--) {
                damaged[next_random(w.size)] = favourites[next_random(sizeof(favourites) - 1)];
            }
            struct bytes text = bytes_of(damaged, w.size - next_random(w.size > 1 ? 2 : 1));
            bool expected = oracle_accepts(text);
            struct json_reader r;
            json_reader_init(&r, text, NULL);
            bool good = json_skip(&r) && json_end(&r);
            if (good != expected) {
                // jansson alone refuses numbers beyond a double; the grammar allows them.
                bool huge = good && memchr(damaged, 'e', text.size) != NULL;
                huge = huge || (good && memchr(damaged, 'E', text.size) != NULL);
                if (!huge) {
                    fail_msg("%s by us: %.*s (%s)", good ? "taken" : "refused", (int)text.size,
                             damaged, r.error.message);
                }
            }
            refused += good ? 0 : 1;
        }
    }
    assert_in_range(refused, DOCUMENTS * MUTATIONS / 10, DOCUMENTS * MUTATIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_documents_read_the_same),
        cmocka_unit_test(test_damaged_documents_are_refused_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
