// SPDX-License-Identifier: Apache-2.0
// Goal: twins in the store: versions, etags, what the device is told, and what a restart keeps.
#include "apps/hub/backend/twins.h"
#include "store_bench.h"

struct bench {
    struct store_bench base;
    struct twins twins;
    uint8_t notices[TWINS_NOTICE_BYTES];
    char text[TWINS_SERVICE_SIZE_MAX];
};

static int open_bench(void **state)
{
    static struct bench bench;
    bench_open(&bench.base);
    twins_init(&bench.twins, &bench.base.store, bench.notices);
    bench_device(&bench.base, "d");
    *state = &bench;
    return 0;
}

static int close_bench(void **state)
{
    struct bench *b = *state;
    bench_close(&b->base);
    return 0;
}

static const char *get(struct bench *b)
{
    struct json_writer w;
    json_writer_init(&w, b->text, sizeof(b->text) - 1);
    assert_true(twins_get(&b->twins, span("d"), &w, &b->base.why));
    b->text[w.size] = '\0';
    return b->text;
}

static const char *read_service(struct bench *b)
{
    struct json_writer w;
    json_writer_init(&w, b->text, sizeof(b->text) - 1);
    assert_true(twins_read(&b->twins, span("d"), &w, &b->base.why));
    b->text[w.size] = '\0';
    return b->text;
}

static bool update(struct bench *b, const char *body, const char *if_match, bool is_replace)
{
    struct twins_change change = {
        .body = span(body), .if_match = if_match, .is_replace = is_replace, .utc_ms = 5000};
    return twins_update(&b->twins, span("d"), &change, &b->base.why);
}

static bool report(struct bench *b, const char *body, uint64_t base, uint64_t *version)
{
    struct twins_patch patch = {
        .body = span(body), .has_base = base != 0, .base = base, .utc_ms = 4000};
    return twins_report(&b->twins, span("d"), &patch, version, &b->base.why);
}

static void test_reports_have_versions(void **state)
{
    struct bench *b = *state;
    uint64_t version = 0;
    assert_string_equal(get(b), "{\"desired\":{\"$version\":1},\"reported\":{\"$version\":1}}");
    assert_true(report(b, "{\"t\":{\"a\":1}}", 0, &version));
    assert_int_equal(version, 2);
    assert_true(report(b, "{\"t\":{\"b\":2}}", 2, &version));
    assert_int_equal(version, 3);
    assert_false(report(b, "{\"t\":null}", 2, &version));
    assert_int_equal(b->base.why.code, HUB_PRECONDITION_FAILED);
    assert_false(report(b, "{\"t\"", 0, &version));
    assert_int_equal(b->base.why.code, HUB_ARGUMENT_INVALID);
    assert_int_equal(version, 3);
    bench_reopen(&b->base);
    assert_string_equal(get(b), "{\"desired\":{\"$version\":1},\"reported\":{\"t\":{\"a\":1,"
                                "\"b\":2},\"$version\":3}}");
    struct twins_patch patch = {.body = span("{}")};
    assert_false(twins_report(&b->twins, span("nobody"), &patch, &version, &b->base.why));
    assert_int_equal(b->base.why.code, HUB_DEVICE_NOT_FOUND);
}

static void test_changes_are_told_once_committed(void **state)
{
    struct bench *b = *state;
    struct twins_out out;
    assert_true(
        update(b, "{\"properties\":{\"desired\":{\"k\":{\"x\":1,\"y\":null}}}}", NULL, false));
    assert_true(twins_next(&b->twins, &out));
    assert_int_equal(out.version, 2);
    assert_true(bytes_equal(out.device_id, span("d")));
    assert_true(bytes_equal(out.body, span("{\"k\":{\"x\":1,\"y\":null},\"$version\":2}")));
    assert_false(twins_next(&b->twins, &out));
    // Tags and refused changes tell nothing.
    assert_true(update(b, "{\"tags\":{\"site\":\"n\"}}", "*", false));
    assert_false(update(b, "{\"properties\":{\"desired\":{\"a.b\":1}}}", NULL, false));
    assert_false(twins_next(&b->twins, &out));
    // One that is wrong in the second section leaves the first alone, too.
    assert_false(
        update(b, "{\"tags\":{\"site\":\"s\"},\"properties\":{\"desired\":7}}", NULL, false));
    assert_non_null(strstr(read_service(b), "\"tags\":{\"site\":\"n\"}"));
    assert_true(update(b, "{\"tags\":null}", NULL, false));
    assert_non_null(strstr(read_service(b), "\"tags\":{}"));
}

static void test_if_match_and_replace(void **state)
{
    struct bench *b = *state;
    struct twins_out out;
    uint64_t version = 0;
    char etag[64] = "\"";
    assert_true(
        update(b, "{\"tags\":{\"a\":1},\"properties\":{\"desired\":{\"x\":1}}}", NULL, false));
    const char *at = strstr(read_service(b), "\"etag\":\"") + 8;
    snprintf(etag, sizeof(etag), "\"%.*s\"", (int)strcspn(at, "\""), at);
    assert_false(update(b, "{}", "\"AAAA\"", false));
    assert_int_equal(b->base.why.code, HUB_PRECONDITION_FAILED);
    assert_true(report(b, "{\"t\":1}", 0, &version)); // guards not what devices say
    assert_non_null(strstr(read_service(b), "\"version\":4"));
    assert_true(update(b, "{\"properties\":{\"desired\":{\"y\":2}}}", etag, true));
    assert_false(update(b, "{}", etag, false)); // it has another one now
    const char *text = read_service(b);
    assert_non_null(strstr(text, "\"tags\":{}"));
    assert_non_null(strstr(text, "\"desired\":{\"y\":2,\"$metadata\":{"));
    assert_true(twins_next(&b->twins, &out) && twins_next(&b->twins, &out));
    assert_true(bytes_equal(out.body, span("{\"y\":2,\"x\":null,\"$version\":3}")));
}

static void test_what_a_crash_swallowed_is_told_again(void **state)
{
    struct bench *b = *state;
    struct twins_out out;
    assert_true(update(b, "{\"properties\":{\"desired\":{\"x\":1}}}", NULL, false));
    bench_reopen(&b->base);
    twins_init(&b->twins, &b->base.store, b->notices); // the queue is gone
    assert_false(twins_next(&b->twins, &out));
    twins_tell_again(&b->twins, span("d"));
    assert_true(twins_next(&b->twins, &out));
    assert_true(bytes_equal(out.body, span("{\"x\":1,\"$version\":2}")));
    assert_int_equal(twins_told(&b->twins, span("d"), 1), OK); // of an older one
    twins_tell_again(&b->twins, span("d"));
    assert_true(twins_next(&b->twins, &out));
    assert_int_equal(twins_told(&b->twins, span("d"), 2), OK);
    twins_tell_again(&b->twins, span("d"));
    assert_false(twins_next(&b->twins, &out));
}

static void test_full_queue_refuses_and_recovers(void **state)
{
    struct bench *b = *state;
    struct twins_out out;
    int queued = 0;
    while (update(b, "{\"properties\":{\"desired\":{\"x\":1}}}", NULL, false)) {
        queued++;
    }
    assert_int_equal(queued, TWINS_NOTICE_MAX);
    assert_int_equal(b->base.why.code, HUB_THROTTLED);
    for (int i = 0; i < queued; i++) {
        assert_true(twins_next(&b->twins, &out));
        assert_int_equal(out.version, i + 2); // the refused one took no version
    }
    assert_true(update(b, "{\"properties\":{\"desired\":{\"x\":1}}}", NULL, false));
    assert_true(twins_next(&b->twins, &out));
    assert_int_equal(out.version, queued + 2);
}

// Large texts round and round: each comes out as it went in.
static void test_ring_of_texts(void **state)
{
    struct bench *b = *state;
    // Thousands of commits: how durable they are is not the question here.
    assert_int_equal(sqlite3_exec(b->base.store.handle, "PRAGMA synchronous=OFF", NULL, NULL, NULL),
                     SQLITE_OK);
    static char body[40000];
    struct twins_out out;
    unsigned added = 0;
    unsigned taken = 0;
    for (unsigned round = 0; round < 40; round++) {
        while (added - taken < 100) {
            size_t size = 1000 + (added * 7919U) % 3000;
            int head = snprintf(body, sizeof(body),
                                "{\"properties\":{\"desired\":{\"n\":%u,\"s\":\"", added);
            memset(body + head, 'a' + (int)(added % 26), size);
            memcpy(body + head + size, "\"}}}", 5);
            if (!update(b, body, NULL, false)) {
                break;
            }
            added++;
        }
        for (unsigned i = 0; i < 60 && twins_next(&b->twins, &out); i++) {
            char head[32];
            snprintf(head, sizeof(head), "{\"n\":%u,\"s\":\"%c", taken, 'a' + (int)(taken % 26));
            assert_memory_equal(out.body.data, head, strlen(head));
            assert_int_equal(out.body.data[out.body.size - 1], '}');
            taken++;
        }
    }
    assert_true(taken > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_reports_have_versions, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_changes_are_told_once_committed, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(test_if_match_and_replace, open_bench, close_bench),
        cmocka_unit_test_setup_teardown(test_what_a_crash_swallowed_is_told_again, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(test_full_queue_refuses_and_recovers, open_bench,
                                        close_bench),
        cmocka_unit_test_setup_teardown(test_ring_of_texts, open_bench, close_bench),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
