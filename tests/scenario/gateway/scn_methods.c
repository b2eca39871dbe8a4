// SPDX-License-Identifier: Apache-2.0
// Goal: remote reads, writes and scans among the polls move no poll by more than one transaction,
// take no more than their share of a line that is full, and break nothing that always holds: one
// talker, nobody asked who rests after a time-out, no reply taken for another's.
// Method: the gateway's machine and the methods over the line machine and sim/line in virtual time;
// the same run without methods is the measure.
#include "apps/gateway/app.h"
#include "apps/gateway/methods/methods.h"
#include "base/assert.h"
#include "line/line.h"
#include "modbus/rtu.h"
#include "sim/line.h"
#include "tests/unit/gateway/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { GATEWAY = 0, DEVICES = 1, UNITS_MAX = 64, CONFIG_SIZE = 8192 };
enum { LATE_UNIT = 55, FLAKY_UNIT = 56 };
#define REPLY_TIMEOUT_US (200 * US_PER_MS)
#define RUN_US           (180 * US_PER_S)
#define POLL_US          (20 * US_PER_MS) // a poll with its reply
#define SETTLE_US        (10 * US_PER_S)
#define CALL_US          (4 * US_PER_S)

struct scene {
    uint32_t unit_count, interval_ms;
    bool has_methods, is_greedy; // greedy: as much as the share allows, and more
    bool scans_only;             // so that the longest transaction is a time-out
    const char *job, *arguments; // that once, and nothing else
    uint32_t reply_timeout_ms;   // 0: 200
    uint64_t seed;
};

struct result {
    uint64_t apart_max_us; // two readings of one unit
    uint64_t job_us;       // from the call to the job's end
    uint64_t delay_max_us; // of a poll's reply behind its due time
    uint64_t foreign_max_us, foreign_us;
    uint64_t skipped;
    uint32_t answers, good, samples, jobs;
};

static struct world {
    struct fixture f;
    struct app app;
    struct id_map ids;
    struct methods m;
    struct sim_line wire;
    struct line line;
    uint64_t now_us, start_us, call_us;
    uint8_t heard[LINE_FRAME_MAX];
    size_t heard_size;
    uint8_t reply[LINE_FRAME_MAX];
    size_t reply_size;
    uint64_t reply_us; // TIME_NEVER: none
    uint64_t rest_until_us[256];
    uint8_t on_line;
    uint32_t flaky_asked;
    uint64_t read_us[UNITS_MAX]; // when the unit was read last; 0: not yet
    uint16_t written;            // by methods: register 500 of unit 1
    const struct scene *scene;
    struct result result;
    uint32_t rid;
    bool is_waiting;
} w;

static uint16_t register_of(uint8_t unit, uint32_t address)
{
    return address == 500 ? w.written : (uint16_t)(unit * 256 + address % 256);
}

// Units beyond those that are polled do not exist, but for one that answers too late.
static void device_asked(uint64_t at_us, const struct mb_frame *frame,
                         const struct mb_request *request)
{
    uint8_t data[MB_PDU_SIZE_MAX];
    uint8_t pdu[MB_PDU_SIZE_MAX];
    bool is_flaky = frame->unit == FLAKY_UNIT && w.flaky_asked++ % 2 == 0;
    if (frame->unit > w.scene->unit_count && frame->unit != LATE_UNIT && !is_flaky) {
        return;
    }
    struct mb_reply reply = {.fc = request->fc, .data = bytes_of(data, 2U * request->count)};
    for (uint32_t i = 0; i < request->count && i < MB_READ_REGS_MAX; i++) {
        uint16_t value = register_of(frame->unit, request->address + i);
        data[2 * i] = (uint8_t)(value >> 8);
        data[2 * i + 1] = (uint8_t)value;
    }
    if (request->fc == MB_WRITE_REG) {
        w.written = request->value;
        reply = (struct mb_reply){
            .fc = request->fc, .address = request->address, .value = request->value};
    } else if (request->fc != MB_READ_HOLDING) {
        reply = mb_exception_reply(request->fc, MB_EX_FUNCTION);
    }
    struct writer p = writer_of(pdu, sizeof(pdu));
    struct writer out = writer_of(w.reply, sizeof(w.reply));
    assert_int_equal(mb_reply_encode(&reply, &p), OK);
    assert_int_equal(mb_rtu_encode(frame->unit, writer_bytes(&p), &out), OK);
    w.reply_size = out.size;
    uint64_t wait_us = w.line.t3_5_us + 1000 + sim_line_random(&w.wire) % 4000;
    w.reply_us = at_us + (frame->unit == LATE_UNIT ? 150 * US_PER_MS : wait_us);
}

static void devices_hear(const struct sim_line_event *event)
{
    if (w.heard_size + event->data.size <= sizeof(w.heard) && event->data.size > 0) {
        memcpy(w.heard + w.heard_size, event->data.data, event->data.size);
        w.heard_size += event->data.size;
    }
    if (!event->last) {
        return;
    }
    struct mb_frame frame;
    struct mb_request request;
    bool is_whole = mb_rtu_decode(bytes_of(w.heard, w.heard_size), &frame) == OK;
    w.heard_size = 0;
    if (is_whole && mb_request_decode(frame.pdu, &request) == MB_EX_NONE) {
        device_asked(event->at_us, &frame, &request);
    }
}

static void take_sample(const struct tm_sample *sample)
{
    if (sample->quality != TM_GOOD || point_is_diagnostic(&w.app.points.all[sample->point - 1])) {
        return;
    }
    // The ids of a new map count up as the points do: one per unit.
    uint32_t unit = w.app.points.all[sample->point - 1].unit;
    const struct poller_block *block = &w.app.buses[0].poller.blocks[unit];
    assert_int_equal(sample->value.u.i, register_of((uint8_t)(unit + 1), 7));
    w.result.samples++;
    uint64_t before_us = w.now_us >= w.start_us + SETTLE_US ? w.read_us[unit] : 0;
    uint64_t apart_us = before_us != 0 ? sample->at_us - before_us : 0;
    w.result.apart_max_us = apart_us > w.result.apart_max_us ? apart_us : w.result.apart_max_us;
    w.read_us[unit] = sample->at_us;
    if (sample->at_us >= block->grid_us && w.now_us >= w.start_us + SETTLE_US) {
        uint64_t delay_us =
            (sample->at_us - block->grid_us) % (block->block.interval_ms * US_PER_MS);
        w.result.delay_max_us = delay_us > w.result.delay_max_us ? delay_us : w.result.delay_max_us;
    }
}

static void take_answer(const struct foreign_answer *answer)
{
    w.result.foreign_us += answer->busy_us;
    w.result.foreign_max_us =
        answer->busy_us > w.result.foreign_max_us ? answer->busy_us : w.result.foreign_max_us;
    methods_answer(&w.m, w.now_us, 0, answer);
}

static void call(const char *name, const char *payload)
{
    char rid[16];
    struct az_topic topic = {.kind = AZ_METHOD_CALL, .name = bytes_of(name, strlen(name))};
    topic.rid = bytes_of(rid, (size_t)snprintf(rid, sizeof(rid), "%u", ++w.rid));
    methods_call(&w.m, w.now_us, &topic, bytes_of(payload, strlen(payload)));
}

// A read or a write every few seconds, and always a scan.
static void want_more(void)
{
    if (w.scene->job != NULL) {
        if (w.m.job.kind == JOB_NONE && w.now_us >= w.start_us + SETTLE_US) {
            call(w.scene->job, w.scene->arguments);
        }
        return;
    }
    if (w.m.job.kind == JOB_NONE || w.m.job.state != JOB_RUNNING) {
        call("scan", "{\"from\":1,\"to\":60,\"timeout_ms\":100}");
    }
    if (!w.is_waiting && w.now_us >= w.call_us && !w.scene->scans_only) {
        w.is_waiting = true;
        w.call_us = w.now_us + (w.scene->is_greedy ? 0 : CALL_US);
        call(w.rid % 2 == 0 ? "read" : "write",
             w.rid % 2 == 0 ? "{\"unit\":2,\"table\":\"holding\",\"address\":0,\"count\":125}"
                            : "{\"unit\":1,\"table\":\"holding\",\"address\":500,\"values\":[77]}");
    }
}

static void drain_methods(void)
{
    struct methods_out out;
    struct methods_answer answer;
    methods_tick(&w.m, w.now_us);
    while (methods_next(&w.m, w.now_us, &out)) {
        if (out.kind == METHODS_OUT_ASK) {
            enum err err = app_ask(&w.app, w.now_us, out.bus, &out.ask);
            if (err != OK) {
                methods_refused(&w.m, w.now_us, out.bus, err);
            }
        } else if (out.kind == METHODS_OUT_FIGURES) {
            methods_figures(&w.m, w.now_us, &(struct bus_figures){0});
        } else if (out.kind == METHODS_OUT_DROP) {
            app_drop(&w.app, out.bus);
        }
        w.result.jobs += out.kind == METHODS_OUT_NOTE && out.body.data[0] == 's';
    }
    if (w.scene->job != NULL && w.m.job.kind != JOB_NONE && w.m.job.state == JOB_DONE) {
        w.result.job_us = w.m.job.end_us - w.m.job.begin_us;
    }
    while (methods_take_answer(&w.m, &answer)) {
        bool is_job = answer.status == STATUS_ACCEPTED;
        w.is_waiting = w.is_waiting && is_job;
        w.result.answers += !is_job;
        w.result.good += answer.status == STATUS_OK;
    }
}

static void drain_app(void);

static void drain_line(void)
{
    struct line_out out;
    uint64_t start_us;
    uint64_t end_us;
    while (line_next(&w.line, &out)) {
        struct bus_event event = {.kind = BUS_DONE, .at_us = w.now_us};
        switch (out.kind) {
        case LINE_OUT_DE_ON: sim_line_de(&w.wire, GATEWAY, true); break;
        case LINE_OUT_DE_OFF: sim_line_de(&w.wire, GATEWAY, false); break;
        case LINE_OUT_TX:
            w.on_line = out.frame.data[0];
            assert_true(w.now_us >= w.rest_until_us[w.on_line]);
            assert_int_equal(
                sim_line_drive(&w.wire, GATEWAY, w.now_us, out.frame, &start_us, &end_us), OK);
            line_tx_done(&w.line, w.now_us, start_us, end_us);
            break;
        case LINE_OUT_DONE:
            event.done = *out.done;
            if (event.done.outcome == LINE_TIMEOUT) {
                w.rest_until_us[w.on_line] =
                    w.now_us + w.f.config.buses[0].reply_timeout_ms * US_PER_MS;
            }
            app_bus_event(&w.app, w.now_us, 0, &event);
            drain_app();
            break;
        case LINE_OUT_HEARD: fail_msg("heard without listening"); break;
        }
    }
}

static void drain_app(void)
{
    struct app_out out;
    while (app_next(&w.app, w.now_us, &out)) {
        switch (out.kind) {
        case APP_OUT_SEND: assert_int_equal(line_send(&w.line, w.now_us, &out.send), OK); break;
        case APP_OUT_CANCEL: line_cancel(&w.line, w.now_us, out.token); break;
        case APP_OUT_RESUME: line_resume(&w.line, w.now_us); break;
        case APP_OUT_SAMPLE: take_sample(&out.sample); break;
        case APP_OUT_ANSWER: take_answer(&out.answer); break;
        case APP_OUT_UNIT: assert_int_equal(out.state, UNIT_ONLINE); break;
        case APP_OUT_REFUSED:
        case APP_OUT_CUT: fail_msg("a poll was refused"); break;
        case APP_OUT_RELAY:
        case APP_OUT_LIMIT: break;
        }
    }
}

static void step(void)
{
    app_tick(&w.app, w.now_us);
    drain_app();
    if (w.scene->has_methods) {
        want_more();
        drain_methods();
        drain_app();
    }
    drain_line();
    uint64_t wire_us = sim_line_deadline_us(&w.wire);
    uint64_t next_us = time_min(time_min(line_deadline_us(&w.line), wire_us), w.reply_us);
    next_us = time_min(next_us, app_deadline_us(&w.app));
    next_us = w.scene->has_methods ? time_min(next_us, methods_deadline_us(&w.m)) : next_us;
    w.now_us = next_us > w.now_us ? next_us : w.now_us + 1;
    struct sim_line_event event;
    uint64_t start_us;
    uint64_t end_us;
    if (w.reply_us <= w.now_us) {
        w.reply_us = TIME_NEVER;
        assert_int_equal(sim_line_drive(&w.wire, DEVICES, w.now_us, bytes_of(w.reply, w.reply_size),
                                        &start_us, &end_us),
                         OK);
    } else if (wire_us <= w.now_us && sim_line_next(&w.wire, w.now_us, &event)) {
        line_tick(&w.line, event.at_us - 1);
        drain_line();
        if (event.from == GATEWAY) {
            devices_hear(&event);
        } else {
            line_rx(&w.line, event.at_us, event.data, event.flags);
        }
    } else {
        line_tick(&w.line, w.now_us);
    }
    drain_line();
}

static void open_scene(const struct scene *scene)
{
    static char config[CONFIG_SIZE];
    char profile[256];
    bool is_changed;
    memset(&w, 0, sizeof(w));
    w.scene = scene;
    int size =
        snprintf(config, sizeof(config),
                 "{\"gateway\":{\"id\":\"g\",\"data_dir\":\"/d\"},\"methods\":{\"write\":["
                 "{\"unit\":1,\"table\":\"holding\",\"address\":500,\"low\":0,\"high\":99}]},"
                 "\"buses\":[{\"name\":\"b\",\"port\":\"tty:/dev/x\",\"diagnostics_s\":0,"
                 "\"reply_timeout_ms\":%u,\"devices\":[",
                 scene->reply_timeout_ms != 0 ? scene->reply_timeout_ms : 200U);
    for (uint32_t u = 1; u <= scene->unit_count; u++) {
        size +=
            snprintf(config + size, sizeof(config) - (size_t)size,
                     "%s{\"name\":\"d%u\",\"unit\":%u,\"profile\":\"p\"}", u > 1 ? "," : "", u, u);
    }
    snprintf(config + size, sizeof(config) - (size_t)size, "]}]}");
    snprintf(profile, sizeof(profile),
             "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":%u}],\"points\":["
             "{\"name\":\"x\",\"address\":7}]}",
             scene->interval_ms);
    fixture_open(&w.f, config, profile);
    assert_int_equal(id_map_load(&w.ids, bytes_of(NULL, 0), 1000, &w.f.arena), OK);
    assert_int_equal(app_init(&w.app, &w.f.config, &w.f.arena, &w.ids, &is_changed), OK);
    const struct methods_config methods = {.config = &w.f.config};
    assert_int_equal(methods_init(&w.m, &methods, &w.f.arena), OK);
    const struct sim_line_cfg wire = {
        .baud = 19200, .char_bits = 11, .by_byte = true, .seed = scene->seed};
    sim_line_init(&w.wire, &wire);
    line_init(&w.line, &(struct line_cfg){.baud = 19200});
    w.reply_us = TIME_NEVER;
    w.now_us = w.start_us = US_PER_S;
    line_port(&w.line, w.now_us, true);
    app_start(&w.app, w.now_us);
    app_bus_event(&w.app, w.now_us, 0, &(struct bus_event){.kind = BUS_UP, .at_us = w.now_us});
}

static struct result run(const struct scene *scene)
{
    open_scene(scene);
    while (w.now_us < w.start_us + RUN_US) {
        step();
    }
    assert_int_equal(w.wire.stats.collisions, 0);
    assert_int_equal(w.wire.stats.fights, 0);
    assert_int_equal(w.wire.stats.undriven, 0);
    for (uint32_t u = 0; u < scene->unit_count; u++) {
        assert_int_equal(w.app.buses[0].poller.units[u].state, UNIT_ONLINE);
        assert_int_equal(w.app.buses[0].poller.units[u].counts.timeouts, 0);
    }
    w.result.skipped = w.app.buses[0].poller.stats.skipped;
    fixture_close(&w.f);
    return w.result;
}

// As late as the latest alone, and by the longest foreign transaction, with its silence, once. The
// line may hold another poll's frame by then: it goes before a poll of the unit that was asked.
static uint64_t late_max_us(const struct result *alone, const struct result *beside)
{
    return alone->delay_max_us + beside->foreign_max_us + 2 * w.line.t3_5_us + POLL_US;
}

static void test_polls_move_by_one_transaction_at_most(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        struct scene scene = {.unit_count = 6, .interval_ms = 500, .seed = seed};
        struct result alone = run(&scene);
        scene.has_methods = true;
        struct result greedy = run(&(struct scene){.unit_count = 6,
                                                   .interval_ms = 500,
                                                   .seed = seed,
                                                   .has_methods = true,
                                                   .is_greedy = true});
        assert_true(greedy.delay_max_us <= late_max_us(&alone, &greedy));
        struct result scans = run(&(struct scene){.unit_count = 6,
                                                  .interval_ms = 500,
                                                  .seed = seed,
                                                  .has_methods = true,
                                                  .scans_only = true});
        assert_true(scans.jobs >= 2);
        assert_true(scans.foreign_max_us < 120 * US_PER_MS);
        assert_true(scans.delay_max_us <= late_max_us(&alone, &scans));
        struct result beside = run(&scene);
        print_message("seed %u: polls late by %u us alone, %u us beside; longest foreign %u us, %u "
                      "answers, %u scans\n",
                      (unsigned)seed, (unsigned)alone.delay_max_us, (unsigned)beside.delay_max_us,
                      (unsigned)beside.foreign_max_us, beside.answers, beside.jobs);
        assert_true(beside.delay_max_us <= late_max_us(&alone, &beside));
        assert_int_equal(beside.skipped, 0);
        assert_in_range(beside.samples, alone.samples - 1, alone.samples + 1);
        assert_true(beside.answers > 40 && beside.good == beside.answers && beside.jobs >= 1);
    }
}

// More is due than the line can carry: methods get through, and no more than their share.
static void test_a_full_line_keeps_the_share(void **state)
{
    (void)state;
    struct scene scene = {.unit_count = 45, .interval_ms = 500, .seed = 3};
    struct result alone = run(&scene);
    scene.has_methods = true;
    struct result beside = run(&scene);
    print_message("%u samples alone, %u beside; foreign %u of %u ms, %u answers\n", alone.samples,
                  beside.samples, (unsigned)(beside.foreign_us / US_PER_MS),
                  (unsigned)(RUN_US / US_PER_MS), beside.answers);
    assert_true(alone.skipped > 0);
    assert_true(beside.answers > 20 && beside.good == beside.answers);
    assert_true(beside.foreign_us <= RUN_US * 10 / 100 + FOREIGN_CREDIT_MIN_US + REPLY_TIMEOUT_US);
    assert_true(beside.samples >= alone.samples * 88 / 100);
}

static void expect_soon(const struct scene *wanted, uint32_t limit_s)
{
    for (uint64_t seed = 1; seed <= 2; seed++) {
        struct scene scene = *wanted;
        scene.seed = seed;
        struct result alone = run(&scene);
        scene.has_methods = true;
        struct result beside = run(&scene);
        print_message("%s %s took %u ms\n", scene.job, scene.arguments,
                      (unsigned)(beside.job_us / US_PER_MS));
        assert_in_range(beside.job_us, 1, limit_s * US_PER_S);
        assert_true(beside.apart_max_us <=
                    scene.interval_ms * US_PER_MS + late_max_us(&alone, &beside));
        assert_int_equal(beside.skipped, alone.skipped);
        assert_in_range(beside.samples, alone.samples - 1, alone.samples + 1);
    }
}

// At default settings: also of a unit that is not there or answers every other time, whose
// time-outs are what a line test costs.
static void test_a_line_test_is_soon_over(void **state)
{
    (void)state;
    static const char *const ARGUMENTS[] = {"{\"from\":1}", "{\"from\":60}", "{\"from\":56}",
                                            "{\"from\":1,\"to\":16}"};
    struct scene scene = {
        .unit_count = 24, .interval_ms = 1000, .reply_timeout_ms = 1000, .job = "line_test"};
    for (size_t i = 0; i < COUNT_OF(ARGUMENTS); i++) {
        scene.arguments = ARGUMENTS[i];
        expect_soon(&scene, 30);
    }
    // Where polls mostly wait for one another it takes its turns, and they wait for one at a time.
    scene.unit_count = 12;
    scene.interval_ms = 200;
    scene.arguments = "{\"from\":1,\"to\":3}";
    expect_soon(&scene, 30);
}

// Where polls are rare nobody waits for a scan, and so it is not held up for its share's sake.
static void test_gaps_of_the_schedule_are_free(void **state)
{
    (void)state;
    expect_soon(&(struct scene){.unit_count = 2,
                                .interval_ms = 10000,
                                .job = "scan",
                                .arguments = "{\"from\":1,\"to\":50,\"timeout_ms\":100}"},
                20);
}

// Time-outs would take half of the line, but for the share.
static void test_a_full_line_pays_for_silence(void **state)
{
    (void)state;
    struct scene scene = {.unit_count = 45,
                          .interval_ms = 500,
                          .seed = 5,
                          .has_methods = true,
                          .job = "scan",
                          .arguments = "{\"from\":60,\"to\":247,\"timeout_ms\":500}"};
    struct result beside = run(&scene);
    uint64_t share_us = RUN_US * 10 / 100;
    print_message("foreign %u of %u ms\n", (unsigned)(beside.foreign_us / US_PER_MS),
                  (unsigned)(RUN_US / US_PER_MS));
    assert_true(beside.foreign_us <= share_us + FOREIGN_CREDIT_MIN_US + beside.foreign_max_us);
    assert_true(beside.foreign_us >= share_us * 9 / 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_polls_move_by_one_transaction_at_most),
        cmocka_unit_test(test_a_line_test_is_soon_over),
        cmocka_unit_test(test_gaps_of_the_schedule_are_free),
        cmocka_unit_test(test_a_full_line_keeps_the_share),
        cmocka_unit_test(test_a_full_line_pays_for_silence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
