// SPDX-License-Identifier: Apache-2.0
// Goal: every method answers in bounded time with the right status, refuses with words that say
// what would be right, and what it asks of a bus goes between the polls. Method: the methods'
// machine and the real poller and Modbus client on a scripted bus in virtual time.
#include "apps/gateway/methods.h"
#include "tests/unit/gateway/world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { ANSWERS_MAX = 64, NOTES_MAX = 64, TEXT_SIZE = METHODS_BODY_SIZE + 1 };

struct answer {
    uint32_t status;
    char rid[16];
    char body[TEXT_SIZE];
};

static struct bench {
    struct world w;
    struct methods m;
    struct answer answers[ANSWERS_MAX];
    size_t answer_count;
    char notes[NOTES_MAX][METHODS_NOTE_SIZE + 1];
    size_t note_count;
    uint32_t works, led_changes, led_over, restarts, log_changes, log_level;
    uint32_t work_status;
    bool is_work_held, work_restarts;
    uint32_t held_call;
    bool is_led_on;
    struct bus_figures figures;
} b;

static void take(const struct methods_out *out)
{
    switch (out->kind) {
    case METHODS_OUT_ASK: {
        enum err err = app_ask(&b.w.app, b.w.now_us, out->bus, &out->ask);
        if (err != OK) {
            methods_refused(&b.m, b.w.now_us, out->bus, err);
        }
        break;
    }
    case METHODS_OUT_DROP: app_drop(&b.w.app, out->bus); break;
    case METHODS_OUT_NOTE:
        assert_true(b.note_count < NOTES_MAX);
        snprintf(b.notes[b.note_count++], sizeof(b.notes[0]), "%.*s", (int)out->body.size,
                 (const char *)out->body.data);
        break;
    case METHODS_OUT_LED:
        b.led_changes++;
        b.is_led_on = out->is_on;
        b.led_over += out->is_over;
        break;
    case METHODS_OUT_LOG:
        b.log_changes++;
        b.log_level = out->number;
        break;
    case METHODS_OUT_WORK:
        b.works++;
        b.held_call = out->call;
        if (!b.is_work_held) {
            json_put_key_string(methods_work_body(&b.m, out->call), "did", method_name(out->id));
            methods_worked(&b.m, b.w.now_us, out->call, b.work_status, b.work_restarts);
        }
        break;
    case METHODS_OUT_FIGURES: methods_figures(&b.m, b.w.now_us, &b.figures); break;
    case METHODS_OUT_RESTART: b.restarts++; break;
    }
}

static uint64_t on_turn(void *ctx)
{
    (void)ctx;
    methods_tick(&b.m, b.w.now_us);
    struct methods_out out;
    while (methods_next(&b.m, b.w.now_us, &out)) {
        take(&out);
    }
    struct methods_answer answer;
    while (methods_take_answer(&b.m, &answer)) {
        assert_true(b.answer_count < ANSWERS_MAX);
        struct answer *to = &b.answers[b.answer_count++];
        to->status = answer.status;
        snprintf(to->rid, sizeof(to->rid), "%.*s", (int)answer.rid.size,
                 (const char *)answer.rid.data);
        assert_true(answer.body.size > 0 && answer.body.size < TEXT_SIZE);
        memcpy(to->body, answer.body.data, answer.body.size);
        to->body[answer.body.size] = '\0';
        struct json_reader reader; // always JSON
        json_reader_init(&reader, answer.body, NULL);
        assert_true(json_skip(&reader) && json_end(&reader));
    }
    return methods_deadline_us(&b.m);
}

static void on_answer(void *ctx, uint32_t bus, const struct foreign_answer *answer)
{
    (void)ctx;
    methods_answer(&b.m, b.w.now_us, bus, answer);
}

#define RULES                                                                                      \
    "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"count\":4,\"low\":10,\"high\":20},"       \
    "{\"unit\":1,\"table\":\"holding\",\"address\":110,\"count\":4,\"type\":\"f32\",\"order\":"    \
    "\"CDAB\",\"low\":-5,\"high\":5,\"verify\":false},"                                            \
    "{\"bus\":\"b\",\"unit\":2,\"unit_to\":3,\"table\":\"coil\",\"address\":7,\"count\":20,"       \
    "\"low\":0,\"high\":1},"                                                                       \
    "{\"unit\":1,\"table\":\"holding\",\"address\":120,\"count\":1,\"type\":\"i16\",\"low\":"      \
    "-100000,\"high\":100000}"
#define CONFIG(methods)                                                                            \
    "{\"gateway\":{\"id\":\"g\",\"data_dir\":\"/d\"},\"methods\":{" methods "},\"buses\":["        \
    "{\"name\":\"b\",\"port\":\"tty:/dev/x\",\"reply_timeout_ms\":500,\"devices\":[" DEVICE(       \
        "a", "1") "," DEVICE("c", "2") "]}]}"

static void open_with(const char *config, bool has_led)
{
    memset(&b, 0, sizeof(b));
    open_world(&b.w, config, PLAIN("{\"name\":\"x\",\"address\":7}"));
    const struct methods_config cfg = {.config = &b.w.f.config, .has_led = has_led};
    assert_int_equal(methods_init(&b.m, &cfg, &b.w.f.arena), OK);
    b.w.on_answer = on_answer;
    b.w.on_turn = on_turn;
    b.work_status = STATUS_OK;
    bus_state(&b.w, BUS_UP);
    run_until(&b.w, b.w.now_us + 3 * US_PER_S);
}

static void open_bench(void)
{
    open_with(CONFIG("\"write\":[" RULES "]"), true);
}

static void call(const char *rid, const char *name, const char *payload)
{
    struct az_topic topic = {.kind = AZ_METHOD_CALL,
                             .rid = bytes_of(rid, strlen(rid)),
                             .name = bytes_of(name, strlen(name))};
    methods_call(&b.m, b.w.now_us, &topic, bytes_of(payload, strlen(payload)));
    (void)on_turn(NULL);
}

static const struct answer *wait(uint64_t most_us)
{
    size_t before = b.answer_count;
    uint64_t end_us = b.w.now_us + most_us;
    while (b.answer_count == before && b.w.now_us < end_us) {
        run_until(&b.w, time_min(end_us, b.w.now_us + 1000));
    }
    assert_int_equal(b.answer_count, before + 1);
    return &b.answers[before];
}

static const struct answer *last(void)
{
    assert_true(b.answer_count > 0);
    return &b.answers[b.answer_count - 1];
}

static void expect(const struct answer *answer, uint32_t status, const char *words)
{
    if (answer->status != status || strstr(answer->body, words) == NULL) {
        print_message("%u %s\n", answer->status, answer->body);
    }
    assert_int_equal(answer->status, status);
    assert_non_null(strstr(answer->body, words));
}

static void expect_now(const char *name, const char *payload, uint32_t status, const char *words)
{
    size_t before = b.answer_count;
    call("r", name, payload);
    assert_int_equal(b.answer_count, before + 1);
    expect(last(), status, words);
}

static void expect_later(const char *name, const char *payload, uint32_t status, const char *words)
{
    size_t before = b.answer_count;
    call("r", name, payload);
    assert_int_equal(b.answer_count, before);
    expect(wait(30 * US_PER_S), status, words);
}

static void test_wrong_calls_are_refused_with_what_would_be_right(void **state)
{
    (void)state;
    open_bench();
    expect_now("reed", "{}", 404, "\"methods\":[\"help\",\"identify\",\"read\"");
    expect_now("", "{}", 404, "no such method");
    expect_now(
        "read", "{\"unit\":300,\"table\":\"holding\",\"address\":1}", 400,
        "\"path\":\"unit\",\"problem\":\"300 is not allowed; expected a whole number from 1");
    expect_now("read", "{\"unit\":1,\"table\":\"holdings\",\"address\":1}", 400,
               "did you mean \\\"holding\\\"?");
    expect_now("read", "{\"unit\":1,\"tabel\":\"holding\",\"address\":1}", 400,
               "unknown key; did you mean \\\"table\\\"?");
    expect_now("read", "{\"unit\":1}", 400, "needs \\\"table\\\"");
    expect_now("read", "[1]", 400, "expected an object {...}, found an array");
    expect_now("read", "{\"unit\":1,", 400, "problem");
    expect_now("read", "", 400, "needs \\\"unit\\\"");
    expect_now("read", "null", 400, "needs \\\"unit\\\"");
    expect_now("read", "{\"unit\":1,\"table\":\"holding\",\"address\":1,\"bus\":\"c\"}", 400,
               "there is no bus \\\"c\\\"");
    expect_now("read", "{\"unit\":1,\"table\":\"holding\",\"address\":1,\"count\":126}", 400,
               "126 values are 126 registers; one request reads 125");
    expect_now("read", "{\"unit\":1,\"table\":\"holding\",\"address\":65535,\"count\":2}", 400,
               "pass the last address");
    expect_now("read", "{\"unit\":1,\"table\":\"coil\",\"address\":1,\"type\":\"f32\"}", 400,
               "this table has bits");
    expect_now("read",
               "{\"unit\":1,\"table\":\"holding\",\"address\":1,\"type\":\"u32\",\"order\":"
               "\"ABCDEFGH\"}",
               400, "not as many bytes");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[]}", 400,
               "expected 1 to 128");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[\"x\"]}",
               400, "\"path\":\"values[0]\"");
    expect_now("diagnostics", "{\"all\":true}", 400, "unknown key");
    assert_int_equal(b.w.asked[1] + b.w.asked[2], b.w.app.buses[0].poller.stats.asked);
    assert_int_equal(b.m.stats.refused, b.m.stats.calls);
    expect_now("help", "{}", 200, "\"write\":{\"help\"");
    close_world(&b.w);
}

static void test_large_and_deep_arguments_are_refused(void **state)
{
    (void)state;
    static char large[METHODS_PAYLOAD_SIZE_MAX + 64];
    open_bench();
    memset(large, ' ', sizeof(large) - 1);
    memcpy(large, "{}", 2);
    expect_now("help", large, 400, "too large");
    size_t size = 0;
    size += (size_t)snprintf(large, sizeof(large), "{\"values\":[");
    for (int i = 0; i < 5000; i++) {
        size += (size_t)snprintf(large + size, sizeof(large) - size, "1,");
    }
    snprintf(large + size, sizeof(large) - size, "1]}");
    expect_now("write", large, 400, "too large");
    memset(large, '[', 5000);
    large[5000] = '\0';
    expect_now("write", large, 400, "problem");
    expect_now("help", "{\"method\":\"job\"}", 200, "cancel"); // good after bad
    close_world(&b.w);
}

static void test_reads_come_back_as_the_type_says(void **state)
{
    (void)state;
    open_bench();
    b.w.registers[50] = 65535;
    b.w.registers[51] = 0x0000; // 2.5f is 0x40200000, words swapped
    b.w.registers[52] = 0x4020;
    b.w.registers[53] = 0x1234;
    expect_later("read", "{\"unit\":1,\"table\":\"holding\",\"address\":50}", 200,
                 "{\"values\":[65535]}");
    expect_later("read", "{\"unit\":1,\"table\":\"input\",\"address\":50,\"type\":\"i16\"}", 200,
                 "{\"values\":[-1]}");
    expect_later("read",
                 "{\"unit\":1,\"table\":\"holding\",\"address\":51,\"type\":\"f32\","
                 "\"order\":\"CDAB\"}",
                 200, "{\"values\":[2.5]}");
    expect_later("read", "{\"unit\":1,\"table\":\"holding\",\"address\":53,\"type\":\"bcd16\"}",
                 200, "{\"values\":[1234]}");
    expect_later("read", "{\"unit\":1,\"table\":\"coil\",\"address\":49,\"count\":3}", 200,
                 "{\"values\":[0,1,0]}");
    b.w.illegal = 60;
    expect_later("read", "{\"unit\":1,\"table\":\"holding\",\"address\":60}", 502,
                 "illegal data address");
    b.w.illegal = 0;
    expect_later("read", "{\"unit\":9,\"table\":\"holding\",\"address\":60}", 504,
                 "does not answer");
    close_world(&b.w);
}

static void test_without_a_port_nothing_waits(void **state)
{
    (void)state;
    open_bench();
    bus_state(&b.w, BUS_DOWN);
    expect_now("read", "{\"unit\":1,\"table\":\"holding\",\"address\":50}", 503, "no port");
    expect_now("scan", "{}", 202, "\"job\":1");
    expect_now("job", "{}", 200, "\"state\":\"failed\",\"problem\":\"the bus has no port now\"");
    bus_state(&b.w, BUS_UP);
    call("1", "read", "{\"unit\":9,\"table\":\"holding\",\"address\":50}");
    run_until(&b.w, b.w.now_us + 100 * US_PER_MS);
    bus_state(&b.w, BUS_DOWN); // while the frame is on the line: its DONE says so
    b.w.queued = 0;
    b.w.busy_until_us = TIME_NEVER;
    expect(wait(30 * US_PER_S), 504, "time limit");
    close_world(&b.w);
}

static void test_a_write_needs_a_rule(void **state)
{
    (void)state;
    open_bench();
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":99,\"values\":[15]}", 403,
               "no rule allows to write unit 1, holding 99 on bus b");
    expect_now("write", "{\"unit\":2,\"table\":\"holding\",\"address\":100,\"values\":[15]}", 403,
               "no rule");
    expect_now("write", "{\"unit\":1,\"table\":\"coil\",\"address\":100,\"values\":[1]}", 403,
               "no rule");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":104,\"values\":[15]}", 403,
               "no rule");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[9]}", 403,
               "\"rule\":\"methods.write[0]\",\"error\":\"9 is not from 10 to 20\"");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[10,21]}",
               403, "21 is not from 10 to 20");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":103,\"values\":[15,15]}",
               403, "pass 103, the last allowed");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":111,\"values\":[1]}", 403,
               "inside a value");
    expect_now("write", "{\"unit\":2,\"table\":\"coil\",\"address\":7,\"values\":[2]}", 403,
               "2 is not from 0 to 1");
    expect_now("write", "{\"unit\":4,\"table\":\"coil\",\"address\":7,\"values\":[1]}", 403,
               "no rule");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[10.5]}", 400,
               "values[0]: 10.5 is no u16");
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":120,\"values\":[40000]}",
               400, "40000 is no i16");
    expect_now("write",
               "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[15],"
               "\"dry_run\":true}",
               200, "\"allowed\":true");
    run_until(&b.w, b.w.now_us + 5 * US_PER_S);
    assert_int_equal(b.w.writes, 0);
    assert_int_equal(b.note_count, 0);
    close_world(&b.w);
    open_with(CONFIG(""), true); // no rule at all
    expect_now("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[15]}", 403,
               "no rule");
    close_world(&b.w);
}

static void test_a_write_is_read_back_and_leaves_an_event(void **state)
{
    (void)state;
    open_bench();
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[15]}", 200,
                 "\"values\":[15],\"verified\":true");
    assert_int_equal(b.w.registers[100], 15);
    assert_int_equal(b.w.writes, 1);
    assert_string_equal(b.notes[0], "remote write: bus b unit 1 holding 100: 15 done, verified");
    expect_later("write",
                 "{\"unit\":1,\"table\":\"holding\",\"address\":101,\"values\":[11,12,13]}", 200,
                 "\"verified\":true");
    assert_int_equal(b.w.registers[103], 13);
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":112,\"values\":[2.5]}",
                 200,
                 "\"verified\":false"); // as its rule says
    assert_int_equal(b.w.registers[112], 0);
    assert_int_equal(b.w.registers[113], 0x4020);
    expect_later("write",
                 "{\"unit\":2,\"table\":\"coil\",\"address\":8,\"values\":[1,0,1,1,0,0,0,0,"
                 "1,1]}",
                 200, "\"verified\":true");
    assert_int_equal(b.w.registers[17], 1);
    b.w.registers[120] = 5;
    b.w.stuck = 120;
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":120,\"values\":[-7]}", 502,
                 "\"values\":[5],\"verified\":false,\"error\":\"the unit holds other values");
    assert_non_null(strstr(b.notes[b.note_count - 1], "-7 the unit holds another value"));
    b.w.illegal = 120;
    uint32_t before = b.w.writes;
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":120,\"values\":[-7]}", 502,
                 "the unit refuses");
    b.w.illegal = 0;
    assert_int_equal(b.w.writes, before);
    assert_int_equal(b.note_count, 6);
    close_world(&b.w);
}

// Never twice: what a write without an answer came to is found out by reading.
static void test_an_unanswered_write_is_not_repeated(void **state)
{
    (void)state;
    open_bench();
    b.w.is_forgetful = true;
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[16]}", 200,
                 "\"verified\":true");
    assert_int_equal(b.w.writes, 1);
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":110,\"values\":[1]}", 504,
                 "not known whether it was written");
    assert_int_equal(b.w.writes, 3); // two registers, once
    b.w.is_dead[1] = true;
    expect_later("write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[17]}", 504,
                 "not known whether it was written");
    assert_int_equal(b.w.writes, 3);
    assert_int_equal(b.note_count, 3);
    assert_non_null(strstr(b.notes[2], "17 no answer: unknown"));
    close_world(&b.w);
}

// A unit that rests after a time-out must not fill the queue with polls that cannot go.
static void test_a_silent_unit_leaves_the_others_their_places(void **state)
{
    (void)state;
    memset(&b, 0, sizeof(b));
    open_world(&b.w, CONFIG("\"write\":[" RULES "]"),
               "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":250}],\"points\":["
               "{\"name\":\"a\",\"address\":7},{\"name\":\"b\",\"address\":130},"
               "{\"name\":\"c\",\"address\":180},{\"name\":\"d\",\"address\":230},"
               "{\"name\":\"e\",\"address\":280},{\"name\":\"f\",\"address\":330},"
               "{\"name\":\"g\",\"address\":390}]}");
    const struct methods_config cfg = {.config = &b.w.f.config};
    assert_int_equal(methods_init(&b.m, &cfg, &b.w.f.arena), OK);
    b.w.on_answer = on_answer;
    b.w.on_turn = on_turn;
    bus_state(&b.w, BUS_UP);
    run_until(&b.w, b.w.now_us + 5 * US_PER_S);
    b.w.is_forgetful = true;
    call("1", "write", "{\"unit\":1,\"table\":\"holding\",\"address\":112,\"values\":[1]}");
    expect(wait(5 * US_PER_S), 504, "not known");
    uint32_t before = b.w.asked[2];
    run_until(&b.w, b.w.now_us + REST_US - WIRE_US);
    assert_in_range(b.w.asked[2] - before, 10, 26); // it gets what the other leaves
    close_world(&b.w);
}

static void test_no_more_than_four_at_a_time(void **state)
{
    (void)state;
    open_bench();
    for (int i = 0; i < METHODS_CALLS_MAX; i++) {
        call("r", "read", "{\"unit\":9,\"table\":\"holding\",\"address\":50}");
    }
    call("five", "help", "");
    expect(last(), 429, "4 methods are under way");
    assert_string_equal(last()->rid, "five");
    run_until(&b.w, b.w.now_us + 40 * US_PER_S);
    assert_int_equal(b.answer_count, METHODS_CALLS_MAX + 1);
    for (int i = 1; i <= METHODS_CALLS_MAX; i++) {
        assert_int_equal(b.answers[i].status, 504);
    }
    expect_now("help", "", 200, "methods"); // good after bad
    close_world(&b.w);
}

// Its share of time used up, a call waits; when its time is over nothing of it goes out any more.
static void test_a_call_that_is_over_leaves_the_bus_alone(void **state)
{
    (void)state;
    open_bench();
    b.w.is_dead[1] = true;
    call("1", "write", "{\"unit\":1,\"table\":\"holding\",\"address\":110,\"values\":[1]}");
    b.w.app.buses[0].poller.foreign.credit_us = -100 * (int64_t)US_PER_S;
    b.w.app.buses[0].poller.foreign.credit_at_us = b.w.now_us;
    expect(wait(30 * US_PER_S), 504, "time limit");
    b.w.is_dead[1] = false;
    run_until(&b.w, b.w.now_us + 2000 * US_PER_S);
    assert_int_equal(b.w.writes, 0);
    assert_int_equal(b.w.app.buses[0].poller.foreign.state, FOREIGN_FREE);
    close_world(&b.w);
}

static void test_a_scan_finds_who_is_there(void **state)
{
    (void)state;
    open_bench();
    expect_now("scan", "{\"from\":9,\"to\":3}", 400, "from 9 lies above to 3");
    b.w.is_dead[3] = true;
    expect_now("scan", "{\"from\":2,\"to\":20,\"timeout_ms\":100}", 202, "\"job\":1");
    expect_now("scan", "{}", 409, "another job is running");
    run_until(&b.w, b.w.now_us + 2 * US_PER_S);
    expect_now("job", "{}", 200, "\"state\":\"running\"");
    // A read goes ahead of the scan's next unit.
    expect_later("read", "{\"unit\":1,\"table\":\"holding\",\"address\":50}", 200, "values");
    run_until(&b.w, b.w.now_us + 60 * US_PER_S);
    expect_now("job", "{}", 200,
               "\"units\":[{\"unit\":2},{\"unit\":4},{\"unit\":5},{\"unit\":6},{\"unit\":7}]");
    expect(last(), 200, "\"state\":\"done\"");
    assert_string_equal(b.notes[0], "scan 1 of bus b, units 2 to 20: done, 5 answered 2 4 5 6 7");
    expect_now("scan", "{}", 202, "\"job\":2");
    run_until(&b.w, b.w.now_us + 5 * US_PER_S);
    expect_now("job", "{\"cancel\":true}", 200, "\"state\":\"cancelled\"");
    uint32_t before = b.w.asked[1] + b.w.asked[2];
    run_until(&b.w, b.w.now_us + 10 * US_PER_S);
    assert_in_range(b.w.asked[1] + b.w.asked[2] - before, 18, 22); // polls alone
    assert_non_null(strstr(b.notes[1], "cancelled"));
    close_world(&b.w);
}

static void test_a_line_test_judges_beside_the_polls(void **state)
{
    (void)state;
    open_bench();
    expect_now("line_test", "{\"from\":1,\"to\":17}", 400, "expected 1 to 16");
    expect_now("line_test", "{\"from\":1,\"to\":3,\"count\":10}", 202, "\"job\":1");
    b.w.is_dead[3] = true;
    run_until(&b.w, b.w.now_us + 200 * US_PER_S);
    expect_now("job", "{}", 200,
               "{\"what\":\"unit 1\",\"verdict\":\"ok\",\"text\":\"10 of 10 answered");
    expect(last(), 200, "{\"what\":\"unit 3\",\"verdict\":\"wrong\",\"text\":\"never answered");
    expect(last(), 200, "{\"what\":\"idle\",\"verdict\":\"ok\"");
    assert_non_null(strstr(b.notes[0], "line_test 1 of bus b, units 1 to 3: done"));
    close_world(&b.w);
}

static void test_the_light_blinks_for_its_time(void **state)
{
    (void)state;
    open_bench();
    expect_now("identify", "{\"for_s\":10}", 200, "\"led\":true");
    assert_true(b.is_led_on);
    run_until(&b.w, b.w.now_us + 15 * US_PER_S);
    assert_false(b.is_led_on);
    assert_in_range(b.led_changes, 40, 42); // twice a second, on and off
    assert_int_equal(b.led_over, 1);
    expect_now("identify", "{\"for_s\":600}", 200, "led");
    expect_now("identify", "{\"for_s\":0}", 200, "led");
    assert_false(b.is_led_on);
    assert_int_equal(b.led_over, 2);
    close_world(&b.w);
    open_with(CONFIG(""), false);
    expect_now("identify", "", 200, "gateway.identify_led names none");
    close_world(&b.w);
}

static void test_the_log_level_comes_back(void **state)
{
    (void)state;
    open_bench();
    expect_now("log_level", "{\"level\":\"loud\"}", 400, "none of error, warn, info, debug");
    expect_now("log_level", "{\"level\":\"debug\",\"for_s\":60}", 200, "\"level\":\"debug\"");
    assert_int_equal(b.log_level, 3);
    run_until(&b.w, b.w.now_us + 61 * US_PER_S);
    assert_int_equal(b.log_level, 2);
    assert_int_equal(b.log_changes, 2);
    close_world(&b.w);
}

static void test_work_of_the_place_and_starting_anew(void **state)
{
    (void)state;
    open_bench();
    expect_now("diagnostics", "{}", 200, "\"did\":\"diagnostics\"");
    b.work_status = STATUS_ARGUMENTS;
    expect_now("restart", "{}", 400, "\"did\":\"restart\"");
    run_until(&b.w, b.w.now_us + 10 * US_PER_S);
    assert_int_equal(b.restarts, 0);
    b.is_work_held = true;
    call("slow", "flight_record", "{}");
    expect(wait(30 * US_PER_S), 504, "time limit");
    b.is_work_held = false;
    b.work_status = STATUS_OK;
    b.work_restarts = true;
    expect_now("reload", "{}", 200, "\"did\":\"reload\"");
    expect_now("help", "{}", 409, "about to start anew");
    assert_int_equal(b.restarts, 0); // the answer leaves first
    run_until(&b.w, b.w.now_us + 10 * US_PER_S);
    assert_int_equal(b.restarts, 1);
    close_world(&b.w);
}

static void test_switched_off_and_offline(void **state)
{
    (void)state;
    open_with(CONFIG("\"enabled\":false"), true);
    expect_now("help", "{}", 403, "methods.enabled");
    close_world(&b.w);
    open_bench();
    call("1", "write", "{\"unit\":1,\"table\":\"holding\",\"address\":100,\"values\":[15]}");
    methods_offline(&b.m);
    run_until(&b.w, b.w.now_us + 5 * US_PER_S);
    assert_int_equal(b.answer_count, 0); // of an earlier connection
    assert_int_equal(b.w.writes, 1);
    assert_int_equal(b.note_count, 1);
    expect_now("help", "", 200, "methods");
    close_world(&b.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrong_calls_are_refused_with_what_would_be_right),
        cmocka_unit_test(test_large_and_deep_arguments_are_refused),
        cmocka_unit_test(test_reads_come_back_as_the_type_says),
        cmocka_unit_test(test_without_a_port_nothing_waits),
        cmocka_unit_test(test_a_write_needs_a_rule),
        cmocka_unit_test(test_a_write_is_read_back_and_leaves_an_event),
        cmocka_unit_test(test_an_unanswered_write_is_not_repeated),
        cmocka_unit_test(test_a_silent_unit_leaves_the_others_their_places),
        cmocka_unit_test(test_no_more_than_four_at_a_time),
        cmocka_unit_test(test_a_call_that_is_over_leaves_the_bus_alone),
        cmocka_unit_test(test_a_scan_finds_who_is_there),
        cmocka_unit_test(test_a_line_test_judges_beside_the_polls),
        cmocka_unit_test(test_the_light_blinks_for_its_time),
        cmocka_unit_test(test_the_log_level_comes_back),
        cmocka_unit_test(test_work_of_the_place_and_starting_anew),
        cmocka_unit_test(test_switched_off_and_offline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
