// SPDX-License-Identifier: Apache-2.0
// busward line-test: what an integrator wants to know of a line before it is left alone.
#include "apps/cli/commands.h"

#include "apps/cli/asker.h"
#include "apps/gateway/config/config_check.h"
#include "apps/gateway/methods/line_verdict.h"
#include "base/assert.h"
#include "modbus/rtu.h"
#include "port/api/clock.h"

#include <stdio.h>
#include <string.h>

enum { ECHO_FRAMES = 5, ECHO_PAUSE_MS = 50, FIGURES_MS = 5000 };

struct line_test_options {
    struct line_options line;
    uint64_t from, to, count, idle_ms;
    double guard_bits;
};

#define AT(member) offsetof(struct line_test_options, member)
static const struct option LINE_TEST_OPTIONS[] = {
    LINE_OPTIONS("500", "0"),
    {"from", OPTION_UINT, AT(from), 1, 247, "1", "first unit to ask"},
    {"to", OPTION_UINT, AT(to), 0, 247, "0", "last unit to ask; 0: only the first"},
    {"count", OPTION_UINT, AT(count), 1, LINE_POLLS_MAX, "20", "how often each is asked"},
    {"idle-ms", OPTION_UINT, AT(idle_ms), 100, 600000, "3000", "how long to listen first"},
    {"guard-bits", OPTION_REAL, AT(guard_bits), 0, 31.875, "1.5",
     "rt: how long the driver is held after a frame"},
};

static const struct option_table LINE_TEST_TABLE = {
    .program = "busward line-test",
    .purpose = "Measures a line: quiet, driver, echo, each unit's turn-around; verdicts in words.",
    .options = LINE_TEST_OPTIONS,
    .count = COUNT_OF(LINE_TEST_OPTIONS),
};

struct line_test {
    struct line_test_options options;
    struct bus *bus;
    struct line_measure measure;
    uint32_t token;
    uint32_t verdicts[3];
    bool is_lost;
};

static void tell(struct line_test *test, const char *what, const struct verdict_text *verdict)
{
    static const char *const WORDS[] = {"ok   ", "look ", "WRONG"};
    test->verdicts[verdict->verdict]++;
    printf("%s  %-9s %s\n", WORDS[verdict->verdict], what, verdict->text);
    fflush(stdout);
}

// Waits; false: the port went away.
static bool wait_ms(struct line_test *test, uint64_t wait_ms)
{
    const uint64_t until_us = port_now_us() + wait_ms * US_PER_MS;
    struct bus_event event;
    while (cli_next_event(test->bus, until_us, &event)) {
        test->is_lost = test->is_lost || event.kind == BUS_DOWN;
    }
    return !test->is_lost;
}

// Figures of a core that are younger than this call; false: none came.
static bool fresh_figures(struct line_test *test, struct bus_figures *out)
{
    struct bus_figures before;
    bus_figures(test->bus, &before);
    *out = before;
    for (uint32_t waited = 0; out->has_core && waited < FIGURES_MS; waited += 50) {
        if (!wait_ms(test, 50)) {
            return false;
        }
        bus_figures(test->bus, out);
        if (out->updates != before.updates) {
            return true;
        }
    }
    return !out->has_core;
}

static void fill_read(struct line_send *send, uint8_t unit)
{
    const struct mb_request request = {.fc = MB_READ_HOLDING, .address = 0, .count = 1};
    uint8_t pdu[MB_PDU_SIZE_MAX];
    struct writer body = writer_of(pdu, sizeof(pdu));
    struct writer frame = writer_of(send->frame, sizeof(send->frame));
    enum err err = mb_request_encode(&request, &body);
    err = err == OK ? mb_rtu_encode(unit, writer_bytes(&body), &frame) : err;
    ASSERT(err == OK);
    send->frame_size = (uint16_t)frame.size;
    send->reply_size = (uint16_t)mb_rtu_reply_size(&request);
    send->alt_size = MB_EXCEPTION_SIZE;
    send->alt_index = 1;
    send->alt_mask = MB_EXCEPTION_BIT;
}

// Asks a unit for holding register 0; a refusal is as good as the value. False: the port went away.
// Unit 0: a broadcast that means nothing to any unit, so that nobody answers.
static bool ask(struct line_test *test, uint8_t unit, struct line_done *out)
{
    struct line_send send = {
        .token = ++test->token, .broadcast = unit == 0, .turnaround_us = ECHO_PAUSE_MS * US_PER_MS};
    struct bus_event event;
    send.reply_timeout_us = (uint32_t)(test->options.line.timeout_ms * US_PER_MS);
    fill_read(&send, unit);
    const enum err err = bus_send(test->bus, &send);
    ASSERT(err == OK); // one at a time
    while (cli_next_event(test->bus, TIME_NEVER, &event)) {
        test->is_lost = test->is_lost || event.kind == BUS_DOWN;
        if (event.kind == BUS_DONE && event.done.token == send.token) {
            *out = event.done;
            return out->outcome != LINE_PORT_LOST;
        }
    }
    return false;
}

// Ours, whole and from the unit that was asked.
static bool is_answer(const struct line_done *done, uint8_t unit)
{
    struct mb_frame frame;
    return mb_rtu_decode(bytes_of(done->reply, done->reply_size), &frame) == OK &&
           frame.unit == unit;
}

static bool measure_unit(struct line_test *test, struct unit_measure *unit)
{
    for (uint64_t i = 0; i < test->options.count; i++) {
        struct line_done done;
        if (!ask(test, unit->unit, &done)) {
            return false;
        }
        unit->outcomes[done.outcome]++;
        unit->late_bytes += done.late_bytes;
        const bool is_good = done.outcome == LINE_REPLY && is_answer(&done, unit->unit);
        unit->bad += done.outcome == LINE_REPLY && !is_good;
        const uint64_t first_us = done.tx_end_us + test->measure.char_us;
        if (is_good && !done.coarse) {
            unit->turnaround_us[unit->turnaround_count++] =
                done.rx_first_us > first_us ? (uint32_t)(done.rx_first_us - first_us) : 0;
        }
    }
    return true;
}

static bool test_idle(struct line_test *test)
{
    struct bus_figures before;
    if (!fresh_figures(test, &before) || !wait_ms(test, test->options.idle_ms) ||
        !fresh_figures(test, &test->measure.figures)) {
        return false;
    }
    struct line_done done;
    if (!test->measure.is_stamped) { // a tty's figures come with its next DONE
        if (!ask(test, (uint8_t)test->options.from, &done)) {
            return false;
        }
        bus_figures(test->bus, &test->measure.figures);
    }
    const struct line_stats *after = &test->measure.figures.line;
    test->measure.idle_bytes = after->unsolicited_bytes - before.line.unsolicited_bytes;
    test->measure.idle_char_errors = after->char_errors - before.line.char_errors;
    const struct verdict_text verdict = verdict_idle(&test->measure);
    tell(test, "idle", &verdict);
    return true;
}

static bool test_units(struct line_test *test)
{
    static struct unit_measure units[248];
    const uint64_t to = test->options.to != 0 ? test->options.to : test->options.from;
    for (uint64_t unit = test->options.from; unit <= to; unit++) {
        units[unit] = (struct unit_measure){.unit = (uint8_t)unit};
        if (!measure_unit(test, &units[unit])) {
            return false;
        }
    }
    if (!fresh_figures(test, &test->measure.figures)) { // the holds of all these frames
        return false;
    }
    const struct verdict_text driver = verdict_driver(&test->measure);
    const struct verdict_text clock = verdict_clock(&test->measure);
    tell(test, "driver", &driver);
    tell(test, "clock", &clock);
    for (uint64_t unit = test->options.from; unit <= to; unit++) {
        char name[16];
        snprintf(name, sizeof(name), "unit %u", (unsigned)unit);
        const struct verdict_text verdict = verdict_unit(&test->measure, &units[unit]);
        tell(test, name, &verdict);
    }
    return true;
}

// The line is opened anew, as one that hears itself.
static bool test_echo(struct line_test *test)
{
    const struct line_wiring wiring = {.guard_bits = test->options.guard_bits, .has_echo = true};
    uint32_t outcomes[LINE_OUTCOME_COUNT] = {0};
    bus_close(test->bus);
    if (!cli_open_bus(LINE_TEST_TABLE.program, &test->options.line, &wiring, &test->bus)) {
        return false;
    }
    for (int i = 0; i < ECHO_FRAMES; i++) {
        struct line_done done;
        if (!ask(test, 0, &done)) {
            return false;
        }
        outcomes[done.outcome]++;
    }
    const struct verdict_text verdict = verdict_echo(outcomes);
    tell(test, "echo", &verdict);
    return true;
}

static bool open_line(struct line_test *test)
{
    const struct line_wiring wiring = {.guard_bits = test->options.guard_bits};
    struct serial_cfg serial = {.stop_bits = 1};
    if (!cli_open_bus(LINE_TEST_TABLE.program, &test->options.line, &wiring, &test->bus)) {
        return false;
    }
    bus_figures(test->bus, &test->measure.figures);
    test->measure.is_stamped = test->measure.figures.has_core;
    test->measure.idle_ms = test->options.idle_ms;
    if (serial_format(test->options.line.format, &serial) == OK) {
        test->measure.char_us =
            (uint32_t)(serial_char_bits(&serial) * US_PER_S / test->options.line.baud);
    }
    printf("%s at %u %s", test->options.line.port, (unsigned)test->options.line.baud,
           test->options.line.format);
    if (test->measure.is_stamped) {
        printf(", a core with firmware \"%s\"", test->measure.figures.firmware);
    }
    putchar('\n');
    fflush(stdout);
    return true;
}

int command_line_test(int argc, char **argv)
{
    static struct line_test test;
    switch (options_parse(&LINE_TEST_TABLE, argc, argv, &test.options)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    if (test.options.to != 0 && test.options.from > test.options.to) {
        fprintf(stderr, "%s: --from %u lies above --to %u\n", LINE_TEST_TABLE.program,
                (unsigned)test.options.from, (unsigned)test.options.to);
        return 2;
    }
    if (!cli_is_wire(&test.options.line)) {
        fprintf(stderr, "%s: --port: a line is tested through rt: or tty:, not over TCP\n",
                LINE_TEST_TABLE.program);
        return 2;
    }
    if (!open_line(&test)) {
        return 1;
    }
    const bool is_done = test_idle(&test) && test_units(&test) && test_echo(&test);
    bus_close(test.bus);
    if (!is_done) {
        fprintf(stderr, "%s: %s: the port went away\n", LINE_TEST_TABLE.program,
                test.options.line.port);
        return 1;
    }
    printf("%u fine, %u to look at, %u wrong\n", test.verdicts[VERDICT_FINE],
           test.verdicts[VERDICT_LOOK], test.verdicts[VERDICT_WRONG]);
    return test.verdicts[VERDICT_WRONG] == 0 ? 0 : 1;
}
