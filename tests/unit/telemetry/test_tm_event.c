// SPDX-License-Identifier: Apache-2.0
// Goal: events are written as documented and read again; what does not fit stays for the next.
#include "telemetry/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char expected[] =
    "{\"v\":1,\"k\":\"e\",\"c\":\"00000000000000aa\",\"boot\":\"00000000000000bb\",\"e\":["
    "{\"at\":10,\"ev\":\"start\",\"version\":\"0.1.0\"},"
    "{\"at\":11,\"ev\":\"config\",\"catalogue\":\"00000000000000aa\"},"
    "{\"at\":12,\"ev\":\"clock\",\"boot\":\"00000000000000bb\",\"boot_ms\":12,\"utc_ms\":"
    "1763942400000},"
    "{\"at\":13,\"ev\":\"gap\",\"count\":42,\"from\":1,\"to\":9,\"why\":\"journal_full\"},"
    "{\"at\":14,\"ev\":\"alert\",\"point\":7,\"state\":\"high\",\"value\":8.25,\"limit\":8},"
    "{\"at\":15,\"ev\":\"alert\",\"point\":7,\"state\":\"normal\",\"value\":null,\"limit\":8},"
    "{\"at\":15,\"ev\":\"alert\",\"point\":8,\"state\":\"low\",\"value\":3,\"limit\":4},"
    "{\"at\":16,\"ev\":\"note\",\"text\":\"a \\\"b\\\"\"},{\"at\":17,\"ev\":\"stop\"}]}";

static struct bytes text(const char *words)
{
    return bytes_of(words, strlen(words));
}

enum { EVENTS = 9 };

static void make_events(struct tm_event *events)
{
    events[0] = (struct tm_event){.kind = TM_EVENT_START, .at_ms = 10, .text = text("0.1.0")};
    events[1] = (struct tm_event){.kind = TM_EVENT_CONFIG, .at_ms = 11, .hash = 0xaa};
    events[2] =
        (struct tm_event){.kind = TM_EVENT_CLOCK, .at_ms = 12, .boot_id = 0xbb, .boot_ms = 12};
    events[2].utc_ms = 1763942400000;
    events[3] =
        (struct tm_event){.kind = TM_EVENT_GAP, .at_ms = 13, .count = 42, .from_ms = 1, .to_ms = 9};
    events[3].text = text("journal_full");
    events[4] =
        (struct tm_event){.kind = TM_EVENT_ALERT, .at_ms = 14, .point = 7, .state = TM_ALERT_HIGH};
    events[4].value = tm_int(825, -2);
    events[4].limit = 8;
    events[5] = (struct tm_event){.kind = TM_EVENT_ALERT, .at_ms = 15, .point = 7, .limit = 8};
    events[6] = (struct tm_event){.kind = TM_EVENT_ALERT, .at_ms = 15, .point = 8, .limit = 4};
    events[6].state = TM_ALERT_LOW;
    events[6].value = tm_enum(3);
    events[7] = (struct tm_event){.kind = TM_EVENT_NOTE, .at_ms = 16, .text = text("a \"b\"")};
    events[8] = (struct tm_event){.kind = TM_EVENT_STOP, .at_ms = 17};
}

static void test_events_are_written_and_read(void **state)
{
    (void)state;
    struct tm_event events[EVENTS];
    char out[2048];
    char words[TM_TEXT_SIZE_MAX + 1];
    struct tm_body body = {.out = out, .capacity = sizeof(out) - 1};
    make_events(events);
    assert_int_equal(
        tm_events_write(0xaa, (struct tm_axis){.boot_id = 0xbb}, events, EVENTS, &body), OK);
    assert_int_equal(body.taken, EVENTS);
    out[body.size] = '\0';
    assert_string_equal(out, expected);
    struct tm_event_reader r;
    struct tm_event event;
    assert_int_equal(tm_events_init(&r, bytes_of(out, body.size), words, sizeof(words)), OK);
    assert_true(r.head.boot_id == 0xbb && r.head.catalogue_hash == 0xaa);
    for (size_t i = 0; i < EVENTS; i++) {
        assert_int_equal(tm_events_next(&r, &event), OK);
        assert_true(event.kind == events[i].kind && event.at_ms == events[i].at_ms);
        assert_true(event.count == events[i].count && event.from_ms == events[i].from_ms);
        assert_true(event.to_ms == events[i].to_ms && event.hash == events[i].hash);
        assert_true(event.boot_id == events[i].boot_id && event.boot_ms == events[i].boot_ms);
        assert_true(event.utc_ms == events[i].utc_ms && event.point == events[i].point);
        assert_true(event.state == events[i].state && bytes_equal(event.text, events[i].text));
        double difference = tm_value_double(&event.value) - tm_value_double(&events[i].value);
        assert_true(difference >= 0 && difference <= 0);
    }
    assert_int_equal(tm_events_next(&r, &event), ERR_EMPTY);
}

static void test_what_does_not_fit_stays(void **state)
{
    (void)state;
    struct tm_event events[EVENTS];
    char out[2048];
    make_events(events);
    for (size_t capacity = 0; capacity < sizeof(expected); capacity++) {
        struct tm_body body = {.out = out, .capacity = capacity, .taken = 99};
        enum err err =
            tm_events_write(0xaa, (struct tm_axis){.boot_id = 0xbb}, events, EVENTS, &body);
        assert_true(err == (body.taken == 0 ? ERR_SIZE : OK));
        assert_true(err != OK || body.size <= capacity);
        assert_true((body.taken == EVENTS) == (capacity == sizeof(expected) - 1));
    }
    struct tm_body body = {.out = out, .capacity = 9};
    assert_int_equal(tm_events_write(0, (struct tm_axis){.boot_id = 0}, events, 0, &body),
                     ERR_EMPTY);
}

static enum err read_all(const char *message)
{
    char words[TM_TEXT_SIZE_MAX + 1];
    struct tm_event_reader r;
    struct tm_event event;
    enum err err = tm_events_init(&r, text(message), words, sizeof(words));
    while (err == OK) {
        err = tm_events_next(&r, &event);
    }
    return err;
}

#define FRONT "{\"v\":1,\"k\":\"e\",\"c\":\"0123456789abcdef\","

static void test_wrong_events_are_refused(void **state)
{
    (void)state;
    assert_int_equal(read_all(FRONT "\"e\":[{\"at\":1,\"ev\":\"tomorrow\",\"x\":{}}],\"y\":1}"),
                     ERR_EMPTY);
    assert_int_equal(read_all(FRONT "\"e\":[{\"ev\":\"start\"}]}"), ERR_CORRUPT);
    assert_int_equal(read_all(FRONT "\"e\":[{\"at\":\"1\",\"ev\":\"start\"}]}"), ERR_CORRUPT);
    assert_int_equal(read_all(FRONT "\"e\":[{\"at\":1,\"ev\":\"alert\",\"state\":\"purple\"}]}"),
                     ERR_CORRUPT);
    assert_int_equal(read_all(FRONT "\"e\":[1]}"), ERR_CORRUPT);
    assert_int_equal(read_all(FRONT "\"e\":{}}"), ERR_CORRUPT);
    assert_int_equal(read_all(FRONT "\"e\":[]"), ERR_CORRUPT);
    assert_int_equal(read_all("{\"v\":1,\"k\":\"s\",\"c\":\"0123456789abcdef\",\"e\":[]}"),
                     ERR_UNSUPPORTED);
    assert_int_equal(read_all("{\"v\":9,\"k\":\"e\",\"c\":\"0123456789abcdef\",\"e\":[]}"),
                     ERR_UNSUPPORTED);
    assert_int_equal(read_all(""), ERR_CORRUPT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events_are_written_and_read),
        cmocka_unit_test(test_what_does_not_fit_stays),
        cmocka_unit_test(test_wrong_events_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
