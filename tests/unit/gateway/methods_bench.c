// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/gateway/methods_bench.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct methods_bench b;

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
    case METHODS_OUT_REPORT:
        b.reports++;
        assert_true(out->body.size > 0 && out->body.size <= METHODS_REPORT_SIZE);
        memcpy(b.report, out->body.data, out->body.size);
        b.report[out->body.size] = '\0';
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

uint64_t on_turn(void *ctx)
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

void on_answer(void *ctx, uint32_t bus, const struct foreign_answer *answer)
{
    (void)ctx;
    methods_answer(&b.m, b.w.now_us, bus, answer);
}

void open_with(const char *config, bool has_led)
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

void open_bench(void)
{
    open_with(CONFIG("\"write\":[" RULES "]"), true);
}

void call(const char *rid, const char *name, const char *payload)
{
    struct az_topic topic = {.kind = AZ_METHOD_CALL,
                             .rid = bytes_of(rid, strlen(rid)),
                             .name = bytes_of(name, strlen(name))};
    methods_call(&b.m, b.w.now_us, &topic, bytes_of(payload, strlen(payload)));
    (void)on_turn(NULL);
}

const struct answer *wait_answer(uint64_t most_us)
{
    size_t before = b.answer_count;
    uint64_t end_us = b.w.now_us + most_us;
    while (b.answer_count == before && b.w.now_us < end_us) {
        run_until(&b.w, time_min(end_us, b.w.now_us + 1000));
    }
    assert_int_equal(b.answer_count, before + 1);
    return &b.answers[before];
}

const struct answer *last(void)
{
    assert_true(b.answer_count > 0);
    return &b.answers[b.answer_count - 1];
}

void expect(const struct answer *answer, uint32_t status, const char *words)
{
    if (answer->status != status || strstr(answer->body, words) == NULL) {
        print_message("%u %s\n", answer->status, answer->body);
    }
    assert_int_equal(answer->status, status);
    assert_non_null(strstr(answer->body, words));
}

void expect_now(const char *name, const char *payload, uint32_t status, const char *words)
{
    size_t before = b.answer_count;
    call("r", name, payload);
    assert_int_equal(b.answer_count, before + 1);
    expect(last(), status, words);
}

void expect_later(const char *name, const char *payload, uint32_t status, const char *words)
{
    size_t before = b.answer_count;
    call("r", name, payload);
    assert_int_equal(b.answer_count, before);
    expect(wait_answer(30 * US_PER_S), status, words);
}
