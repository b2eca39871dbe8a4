// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/methods/methods_job.h"

#include "base/assert.h"
#include "base/time.h"
#include "modbus/ident.h"
#include "port/api/serial.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const KIND_WORDS[] = {"none", "scan", "line_test"};
static const char *const STATE_WORDS[] = {"running", "done", "cancelled", "failed"};

static bool is_running(const struct methods_job *job)
{
    return job->kind != JOB_NONE && job->state == JOB_RUNNING;
}

static void finish(struct methods_job *job, uint64_t now_us, enum job_state state)
{
    job->state = state;
    job->end_us = now_us;
    job->must_note = true;
}

static void first_ask(struct methods_job *job)
{
    job->step = STEP_PRESENT;
    job->measure = (struct unit_measure){.unit = (uint8_t)job->unit};
    job->asked = 0;
    job->silence_us = 0;
}

void job_begin(struct methods_job *job, uint64_t now_us, const struct job_order *order)
{
    const struct config_bus *bus = order->config;
    *job = (struct methods_job){.kind = order->kind,
                                .number = job->number + 1,
                                .bus = order->bus,
                                .from = order->from,
                                .to = order->to,
                                .unit = order->from,
                                .timeout_us = order->timeout_us,
                                .count = order->count,
                                .must_identify = order->must_identify,
                                .begin_us = now_us};
    job->line.char_us = bus->baud == 0 ? 0 : (uint32_t)(bus->char_bits * US_PER_S / bus->baud);
    if (order->kind == JOB_SCAN) {
        first_ask(job);
    } else {
        job->step = STEP_FIGURES_BEFORE;
    }
}

void job_cancel(struct methods_job *job, uint64_t now_us)
{
    if (is_running(job)) {
        finish(job, now_us, JOB_CANCELLED);
    }
}

void job_tick(struct methods_job *job, uint64_t now_us)
{
    if (now_us >= job_deadline_us(job)) {
        job->problem = "it took longer than an hour";
        finish(job, now_us, JOB_FAILED);
    }
}

uint64_t job_deadline_us(const struct methods_job *job)
{
    return is_running(job) ? job->begin_us + JOB_LIMIT_US : TIME_NEVER;
}

bool job_wants_bus(const struct methods_job *job)
{
    return is_running(job) && (job->step == STEP_PRESENT || job->step == STEP_IDENTIFY);
}

void job_ask(struct methods_job *job, struct foreign_ask *out)
{
    *out = (struct foreign_ask){.unit = (uint8_t)job->unit, .reply_timeout_us = job->timeout_us};
    out->request = job->step == STEP_IDENTIFY
                       ? (struct mb_request){.fc = MB_ENCAPSULATED, .ident_code = MB_IDENT_BASIC}
                       : (struct mb_request){.fc = MB_READ_HOLDING, .count = 1};
}

void job_no_bus(struct methods_job *job, uint64_t now_us)
{
    if (is_running(job)) {
        job->problem = "the bus has no port now";
        finish(job, now_us, JOB_FAILED);
    }
}

bool job_wants_figures(const struct methods_job *job)
{
    return is_running(job) && !job->is_asked &&
           (job->step == STEP_FIGURES_BEFORE || job->step == STEP_FIGURES_AFTER);
}

static void tell(struct methods_job *job, const char *what, const struct verdict_text *verdict)
{
    ASSERT(job->line_count < JOB_LINES_MAX);
    struct job_line *line = &job->lines[job->line_count++];
    snprintf(line->what, sizeof(line->what), "%s", what);
    line->verdict = *verdict;
}

void job_figures(struct methods_job *job, uint64_t now_us, const struct bus_figures *figures)
{
    job->is_asked = false;
    if (!is_running(job)) {
        return;
    }
    if (job->step == STEP_FIGURES_BEFORE) {
        job->before = *figures;
        job->line.is_stamped = figures->has_core;
        job->line.figures = *figures;
        first_ask(job);
        return;
    }
    // The polls went on meanwhile: what nobody asked for is counted all the same.
    job->line.figures = *figures;
    job->line.idle_ms = (now_us - job->begin_us) / US_PER_MS;
    job->line.idle_bytes = figures->line.unsolicited_bytes - job->before.line.unsolicited_bytes;
    job->line.idle_char_errors = figures->line.char_errors - job->before.line.char_errors;
    const struct verdict_text idle = verdict_idle(&job->line);
    const struct verdict_text driver = verdict_driver(&job->line);
    const struct verdict_text clock = verdict_clock(&job->line);
    tell(job, "idle", &idle);
    tell(job, "driver", &driver);
    tell(job, "clock", &clock);
    finish(job, now_us, JOB_DONE);
}

static void next_unit(struct methods_job *job, uint64_t now_us)
{
    if (job->unit < job->to) {
        job->unit++;
        first_ask(job);
    } else if (job->kind == JOB_LINE_TEST) {
        job->step = STEP_FIGURES_AFTER;
    } else {
        finish(job, now_us, JOB_DONE);
    }
}

// "vendor, product, revision", as far as the unit says so and there is room.
static void keep_name(struct methods_job *job, struct bytes data)
{
    if (job->named_count == JOB_NAMED_MAX) {
        return;
    }
    char *name = job->names[job->named_count];
    struct reader objects = reader_of(data);
    struct mb_object object;
    size_t size = 0;
    while (mb_ident_object(&objects, &object)) {
        if (size > 0 && size + 2 < JOB_NAME_SIZE) {
            memcpy(name + size, ", ", 2);
            size += 2;
        }
        for (size_t i = 0; i < object.value.size && size + 1 < JOB_NAME_SIZE; i++) {
            uint8_t c = object.value.data[i];
            name[size++] = c >= 0x20 && c < 0x7f ? (char)c : '?';
        }
    }
    name[size] = '\0';
    job->named[job->named_count++] = (uint8_t)job->unit;
}

static void scan_answer(struct methods_job *job, uint64_t now_us,
                        const struct foreign_answer *answer)
{
    bool is_reply = answer->kind == MB_ANSWER_REPLY;
    uint8_t exception = is_reply ? answer->reply.exception : MB_EX_NONE;
    if (job->step == STEP_IDENTIFY) {
        if (is_reply && exception == MB_EX_NONE) {
            keep_name(job, answer->reply.data);
        }
        next_unit(job, now_us);
        return;
    }
    // A gateway on the way may say that nobody is there.
    bool is_here = is_reply && exception != MB_EX_PATH && exception != MB_EX_TARGET;
    bool is_noise = answer->kind == MB_ANSWER_BAD || answer->kind == MB_ANSWER_BUSY;
    job->found[job->unit] = is_here ? FOUND_UNIT : is_noise ? FOUND_NOISE : FOUND_NOTHING;
    job->found_count += is_here;
    if (is_here && job->must_identify) {
        job->step = STEP_IDENTIFY;
    } else {
        next_unit(job, now_us);
    }
}

static void test_answer(struct methods_job *job, uint64_t now_us,
                        const struct foreign_answer *answer)
{
    struct unit_measure *unit = &job->measure;
    unit->outcomes[answer->heard]++;
    unit->late_bytes += answer->late_bytes;
    bool is_good = answer->kind == MB_ANSWER_REPLY;
    unit->bad += answer->heard == LINE_REPLY && !is_good;
    uint64_t first_us = answer->tx_end_us + job->line.char_us;
    if (is_good && answer->rx_first_us != 0 && unit->turnaround_count < LINE_POLLS_MAX) {
        unit->turnaround_us[unit->turnaround_count++] =
            answer->rx_first_us > first_us ? (uint32_t)(answer->rx_first_us - first_us) : 0;
    }
    job->silence_us += answer->kind == MB_ANSWER_TIMEOUT ? answer->busy_us : 0;
    bool is_hopeless = job->silence_us >= JOB_SILENCE_US && job->asked + 1 >= JOB_TRIES_MIN;
    if (++job->asked < job->count && !is_hopeless) {
        return;
    }
    char what[16];
    snprintf(what, sizeof(what), "unit %u", job->unit);
    const struct verdict_text verdict = verdict_unit(&job->line, unit);
    tell(job, what, &verdict);
    next_unit(job, now_us);
}

void job_answer(struct methods_job *job, uint64_t now_us, const struct foreign_answer *answer)
{
    if (!job_wants_bus(job)) {
        return;
    }
    if (answer->kind == MB_ANSWER_LOST) {
        job->problem = "the port went away";
        finish(job, now_us, JOB_FAILED);
    } else if (job->kind == JOB_SCAN) {
        scan_answer(job, now_us, answer);
    } else {
        test_answer(job, now_us, answer);
    }
}

bool job_note(struct methods_job *job, const char *bus, char *out, size_t capacity)
{
    if (!job->must_note) {
        return false;
    }
    job->must_note = false;
    int size = snprintf(out, capacity, "%s %" PRIu32 " of bus %.40s, units %u to %u: %s",
                        KIND_WORDS[job->kind], job->number, bus, job->from, job->to,
                        STATE_WORDS[job->state]);
    if (job->problem != NULL) {
        snprintf(out + size, capacity - (size_t)size, ", %s", job->problem);
        return true;
    }
    if (job->kind == JOB_SCAN) {
        size += snprintf(out + size, capacity - (size_t)size, ", %u answered", job->found_count);
        for (uint32_t unit = job->from; unit <= job->to && (size_t)size + 8 < capacity; unit++) {
            if (job->found[unit] == FOUND_UNIT) {
                size += snprintf(out + size, capacity - (size_t)size, " %u", unit);
            }
        }
        return true;
    }
    uint32_t counts[3] = {0};
    for (uint32_t i = 0; i < job->line_count; i++) {
        counts[job->lines[i].verdict.verdict]++;
    }
    snprintf(out + size, capacity - (size_t)size, ", %u fine, %u to look at, %u wrong",
             counts[VERDICT_FINE], counts[VERDICT_LOOK], counts[VERDICT_WRONG]);
    return true;
}

static uint32_t percent_of(const struct methods_job *job)
{
    uint32_t all = job->to - job->from + 1;
    return (job->unit - job->from) * UINT32_C(100) / all;
}

bool job_report(struct methods_job *job, struct json_writer *out)
{
    if (job->kind == JOB_NONE) {
        return false;
    }
    uint32_t percent = job->state == JOB_DONE ? 100 : percent_of(job);
    uint32_t step =
        job->state == JOB_RUNNING ? 1 + percent * JOB_STEPS / 100 : 2 + (uint32_t)JOB_STEPS;
    if (step <= job->step_told) {
        return false;
    }
    job->step_told = step;
    json_put_key_u64(out, "job", job->number);
    json_put_key_string(out, "what", KIND_WORDS[job->kind]);
    json_put_key_string(out, "state", STATE_WORDS[job->state]);
    json_put_key_u64(out, "percent", percent);
    if (job->kind == JOB_SCAN) {
        json_put_key_u64(out, "found", job->found_count);
    }
    return true;
}

static void write_scan(const struct methods_job *job, struct json_writer *out)
{
    json_put_key(out, "units");
    json_begin_array(out);
    uint32_t named = 0;
    for (uint32_t unit = job->from; unit <= job->to; unit++) {
        if (job->found[unit] == FOUND_NOTHING) {
            continue;
        }
        json_begin_object(out);
        json_put_key_u64(out, "unit", unit);
        if (job->found[unit] == FOUND_NOISE) {
            json_put_key_bool(out, "noise", true);
        }
        if (named < job->named_count && job->named[named] == unit) {
            json_put_key_string(out, "name", job->names[named++]);
        }
        json_end_object(out);
    }
    json_end_array(out);
}

static void write_lines(const struct methods_job *job, struct json_writer *out)
{
    static const char *const WORDS[] = {"ok", "look", "wrong"};
    json_put_key(out, "verdicts");
    json_begin_array(out);
    for (uint32_t i = 0; i < job->line_count; i++) {
        json_begin_object(out);
        json_put_key_string(out, "what", job->lines[i].what);
        json_put_key_string(out, "verdict", WORDS[job->lines[i].verdict.verdict]);
        json_put_key_string(out, "text", job->lines[i].verdict.text);
        json_end_object(out);
    }
    json_end_array(out);
}

void job_write(const struct methods_job *job, const char *bus, struct json_writer *out)
{
    json_put_key_u64(out, "job", job->number);
    json_put_key_string(out, "what", KIND_WORDS[job->kind]);
    json_put_key_string(out, "state", STATE_WORDS[job->state]);
    if (job->problem != NULL) {
        json_put_key_string(out, "problem", job->problem);
    }
    json_put_key_string(out, "bus", bus);
    json_put_key_u64(out, "from", job->from);
    json_put_key_u64(out, "to", job->to);
    if (job->state == JOB_RUNNING) {
        json_put_key_u64(out, "unit", job->unit);
        json_put_key_u64(out, "percent", percent_of(job));
    } else {
        json_put_key_u64(out, "took_s", (job->end_us - job->begin_us) / US_PER_S);
    }
    if (job->kind == JOB_SCAN) {
        write_scan(job, out);
    } else {
        write_lines(job, out);
    }
}
