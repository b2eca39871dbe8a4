// SPDX-License-Identifier: Apache-2.0
// The methods that concern the box itself, and how those that take a bus begin.
#include "apps/gateway/methods/methods_internal.h"

#include "apps/gateway/config/profile_words.h"

#include <string.h>

static void put_argument(const struct field *field, struct json_writer *out)
{
    json_begin_object(out);
    json_put_key_string(out, "name", field->key);
    json_put_key_bool(out, "required", (field->flags & FIELD_REQUIRED) != 0);
    json_put_key_string(out, "help", field->help);
    if (field->type == FIELD_UINT || field->type == FIELD_NUMBERS) {
        json_put_key_double(out, "min", field->min);
        json_put_key_double(out, "max", field->max);
    }
    if (field->type == FIELD_WORD) {
        json_put_key(out, "words");
        json_begin_array(out);
        for (size_t i = 0; field->words[i] != NULL; i++) {
            json_put_string(out, field->words[i]);
        }
        json_end_array(out);
    }
    json_end_object(out);
}

static void put_method(enum method_id id, bool has_arguments, struct json_writer *out)
{
    json_put_key(out, method_name(id));
    json_begin_object(out);
    json_put_key_string(out, "help", METHODS[id].help);
    json_put_key_string(out, "rights", METHODS[id].rights);
    json_put_key_u64(out, "limit_ms", METHODS[id].limit_ms);
    if (has_arguments) {
        json_put_key(out, "arguments");
        json_begin_array(out);
        for (size_t i = 0; i < METHODS[id].args->field_count; i++) {
            put_argument(&METHODS[id].args->fields[i], out);
        }
        json_end_array(out);
    }
    json_end_object(out);
}

static void call_help(struct methods *m, struct method_call *call)
{
    const char *name = call->args.help.method;
    enum method_id only = method_find(bytes_of(name, strlen(name)));
    if (name[0] != '\0' && only == METHOD_COUNT) {
        call_fail(m, call, STATUS_ARGUMENTS, "method: there is no \"%.64s\"", name);
        return;
    }
    json_put_key(&call->body, "methods");
    json_begin_object(&call->body);
    for (enum method_id id = METHOD_HELP; id < METHOD_COUNT; id++) {
        if (only == METHOD_COUNT || only == id) {
            put_method(id, only == id, &call->body);
        }
    }
    json_end_object(&call->body);
    call_done(m, call, STATUS_OK);
}

static void call_identify(struct methods *m, uint64_t now_us, struct method_call *call)
{
    uint32_t for_s = call->args.identify.for_s;
    m->led_until_us = now_us + for_s * US_PER_S;
    m->is_led_on = for_s > 0 && m->cfg.has_led;
    m->must_set_led = true;
    m->led_at_us = for_s == 0 || !m->cfg.has_led ? TIME_NEVER : now_us + METHODS_LED_HALF_US;
    json_put_key_bool(&call->body, "led", m->cfg.has_led);
    json_put_key_u64(&call->body, "for_s", for_s);
    if (!m->cfg.has_led) {
        json_put_key_string(&call->body, "note",
                            "no light: gateway.identify_led names none; a log line was written");
    }
    call_done(m, call, STATUS_OK);
}

static void call_log_level(struct methods *m, uint64_t now_us, struct method_call *call)
{
    const struct args_log_level *args = &call->args.log_level;
    m->log_level = args->level;
    m->must_set_log = true;
    m->log_until_us = time_after(now_us, args->for_s * US_PER_S);
    json_put_key_string(&call->body, "level", LOG_LEVEL_WORDS[args->level]);
    json_put_key_u64(&call->body, "for_s", args->for_s);
    call_done(m, call, STATUS_OK);
}

static bool is_wire(const struct config_bus *bus)
{
    return bus->port_kind == BUS_TTY || bus->port_kind == BUS_RT;
}

static void begin_job(struct methods *m, uint64_t now_us, struct method_call *call,
                      const struct job_order *order)
{
    if (m->job.kind != JOB_NONE && m->job.state == JOB_RUNNING) {
        json_put_key_u64(&call->body, "job", m->job.number);
        call_fail(m, call, STATUS_BUSY, "another job is running; `job` tells how far it is");
        return;
    }
    methods_tell_job(m);
    struct job_order full = *order;
    full.bus = call->bus;
    full.config = &m->cfg.config->buses[call->bus];
    job_begin(&m->job, now_us, &full);
    json_put_key_u64(&call->body, "job", m->job.number);
    call_done(m, call, STATUS_ACCEPTED);
}

static void call_scan(struct methods *m, uint64_t now_us, struct method_call *call)
{
    const struct args_scan *args = &call->args.scan;
    if (!call_bus(m, call, args->bus)) {
        return;
    }
    if (args->from > args->to) {
        call_fail(m, call, STATUS_ARGUMENTS, "from %u lies above to %u", args->from, args->to);
        return;
    }
    begin_job(m, now_us, call,
              &(struct job_order){.kind = JOB_SCAN,
                                  .from = args->from,
                                  .to = args->to,
                                  .timeout_us = args->timeout_ms * 1000,
                                  .must_identify = args->must_identify});
}

static void call_line_test(struct methods *m, uint64_t now_us, struct method_call *call)
{
    const struct args_line_test *args = &call->args.line_test;
    uint32_t to = args->to != 0 ? args->to : args->from;
    if (!call_bus(m, call, args->bus)) {
        return;
    }
    const struct config_bus *bus = &m->cfg.config->buses[call->bus];
    if (!is_wire(bus)) {
        call_fail(m, call, STATUS_ARGUMENTS, "bus: a line is tested through rt: or tty:, not TCP");
    } else if (args->from > to || to - args->from >= JOB_UNITS_MAX) {
        call_fail(m, call, STATUS_ARGUMENTS, "to: expected %u to %u", args->from,
                  args->from + JOB_UNITS_MAX - 1);
    } else {
        begin_job(m, now_us, call,
                  &(struct job_order){
                      .kind = JOB_LINE_TEST, .from = args->from, .to = to, .count = args->count});
    }
}

static void call_job(struct methods *m, uint64_t now_us, struct method_call *call)
{
    if (m->job.kind == JOB_NONE) {
        json_put_key_u64(&call->body, "job", 0);
        call_done(m, call, STATUS_OK);
        return;
    }
    if (call->args.job.must_cancel) {
        job_cancel(&m->job, now_us);
    }
    job_write(&m->job, m->cfg.config->buses[m->job.bus].name, &call->body);
    call_done(m, call, STATUS_OK);
}

void call_begin(struct methods *m, uint64_t now_us, struct method_call *call)
{
    switch (call->id) {
    case METHOD_HELP: call_help(m, call); break;
    case METHOD_IDENTIFY: call_identify(m, now_us, call); break;
    case METHOD_READ: call_read(m, call); break;
    case METHOD_WRITE: call_write(m, call); break;
    case METHOD_SCAN: call_scan(m, now_us, call); break;
    case METHOD_LINE_TEST: call_line_test(m, now_us, call); break;
    case METHOD_JOB: call_job(m, now_us, call); break;
    case METHOD_LOG_LEVEL: call_log_level(m, now_us, call); break;
    case METHOD_FLIGHT_RECORD:
    case METHOD_DIAGNOSTICS:
    case METHOD_SYNC_NOW:
    case METHOD_RELOAD:
    case METHOD_RESTART: call->state = CALL_WORKING; break;
    case METHOD_COUNT: break;
    }
}
