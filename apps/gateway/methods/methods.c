// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/methods/methods_internal.h"

#include "base/assert.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    JOB_OWNER = METHODS_CALLS_MAX + 2, // in owner[]; a call is its index + 1
    RETRY_US = 20000,
};

enum err methods_init(struct methods *m, const struct methods_config *cfg, struct arena *arena)
{
    *m = (struct methods){.cfg = *cfg,
                          .led_until_us = TIME_NEVER,
                          .led_at_us = TIME_NEVER,
                          .log_until_us = TIME_NEVER,
                          .restart_us = TIME_NEVER};
    m->findings = arena_take(arena, CONFIG_FINDINGS_MAX, sizeof(*m->findings));
    for (size_t i = 0; i < COUNT_OF(m->calls); i++) {
        m->arguments[i] = arena_take(arena, METHODS_ARGUMENTS_SIZE, 1);
        m->bodies[i] = arena_take(arena, METHODS_BODY_SIZE, 1);
    }
    return arena->is_full ? ERR_FULL : OK;
}

void call_done(struct methods *m, struct method_call *call, uint32_t status)
{
    json_end_object(&call->body);
    if (call->body.failed) { // never of what is bounded by a request
        json_writer_init(&call->body, m->bodies[call - m->calls], METHODS_BODY_SIZE);
        json_begin_object(&call->body);
        json_put_key_string(&call->body, "error", "the answer is too large");
        json_end_object(&call->body);
        status = STATUS_FAILED;
    }
    call->status = status;
    call->state = call->is_vain ? CALL_FREE : CALL_DONE;
    m->stats.refused += status >= STATUS_ARGUMENTS;
}

void call_fail(struct methods *m, struct method_call *call, uint32_t status, const char *format,
               ...)
{
    char words[400];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(words, sizeof(words), format, arguments);
    va_end(arguments);
    json_put_key_string(&call->body, "error", words);
    call_done(m, call, status);
}

void methods_note(struct methods *m, const char *text)
{
    if (m->note_count < METHODS_NOTES_MAX) {
        size_t size = strlen(text);
        size = size < METHODS_NOTE_SIZE ? size : METHODS_NOTE_SIZE;
        size_t at = (m->note_first + m->note_count++) % METHODS_NOTES_MAX;
        memcpy(m->notes[at], text, size);
        m->note_sizes[at] = size;
    }
}

bool call_bus(struct methods *m, struct method_call *call, const char *name)
{
    const struct config *config = m->cfg.config;
    if (name[0] == '\0' && config->bus_count == 1) {
        call->bus = 0;
        return true;
    }
    for (uint32_t b = 0; b < config->bus_count && name[0] != '\0'; b++) {
        if (strcmp(config->buses[b].name, name) == 0) {
            call->bus = b;
            return true;
        }
    }
    json_put_key(&call->body, "buses");
    json_begin_array(&call->body);
    for (size_t b = 0; b < config->bus_count; b++) {
        json_put_string(&call->body, config->buses[b].name);
    }
    json_end_array(&call->body);
    call_fail(m, call, STATUS_ARGUMENTS,
              name[0] == '\0' ? "there are several buses: bus must name one"
                              : "there is no bus \"%.64s\"",
              name);
    return false;
}

static void refuse_arguments(struct methods *m, struct method_call *call,
                             const struct config_report *report)
{
    json_put_key(&call->body, "problems");
    json_begin_array(&call->body);
    for (size_t i = 0; i < report->count && i < METHODS_PROBLEMS_MAX; i++) {
        json_begin_object(&call->body);
        json_put_key_string(&call->body, "path", report->items[i].key);
        json_put_key_string(&call->body, "problem", report->items[i].message);
        json_end_object(&call->body);
    }
    json_end_array(&call->body);
    call_fail(m, call, STATUS_ARGUMENTS, "the arguments of %s are wrong", method_name(call->id));
}

static bool is_nothing(struct bytes payload)
{
    struct json_reader reader;
    json_reader_init(&reader, payload, NULL);
    return payload.size == 0 ||
           (json_peek(&reader) == JSON_NULL && json_get_null(&reader) && json_end(&reader));
}

// False: the call is answered.
static bool read_arguments(struct methods *m, struct method_call *call, struct bytes payload)
{
    static const uint8_t NOTHING[] = "{}";
    struct config_report report = {.items = m->findings};
    struct arena arena = arena_of(m->arguments[call - m->calls], METHODS_ARGUMENTS_SIZE);
    struct doc_file file = {.path = "arguments", .text = payload};
    struct doc_node *root = NULL;
    if (is_nothing(payload)) {
        file.text = bytes_of(NOTHING, sizeof(NOTHING) - 1);
    }
    enum err err = payload.size > METHODS_PAYLOAD_SIZE_MAX
                       ? ERR_FULL
                       : doc_parse(&file, &arena, &report, &root);
    if (err == OK) {
        struct fields_context context = {.arena = &arena, .report = &report};
        fields_read(&context, root, METHODS[call->id].args, &call->args);
        err = arena.is_full ? ERR_FULL : OK;
    }
    if (err == ERR_FULL) {
        call_fail(m, call, STATUS_ARGUMENTS, "the arguments of %s are too large: %zu bytes",
                  method_name(call->id), payload.size);
        return false;
    }
    if (report.error_count > 0) {
        refuse_arguments(m, call, &report);
        return false;
    }
    return true;
}

static void refuse_name(struct methods *m, struct method_call *call, struct bytes name)
{
    json_put_key(&call->body, "methods");
    json_begin_array(&call->body);
    for (enum method_id id = METHOD_HELP; id < METHOD_COUNT; id++) {
        json_put_string(&call->body, method_name(id));
    }
    json_end_array(&call->body);
    json_put_key(&call->body, "method");
    json_put_text(&call->body, name);
    call_fail(m, call, STATUS_UNKNOWN, "there is no such method");
}

static struct method_call *free_call(struct methods *m)
{
    size_t i = 0;
    while (i < METHODS_CALLS_MAX && m->calls[i].state != CALL_FREE) {
        i++;
    }
    return &m->calls[i]; // the last one takes refusals
}

void methods_call(struct methods *m, uint64_t now_us, const struct az_topic *topic,
                  struct bytes payload)
{
    struct method_call *call = free_call(m);
    size_t index = (size_t)(call - m->calls);
    size_t rid_size = topic->rid.size;
    *call = (struct method_call){.order = ++m->order, .rid_size = rid_size};
    ASSERT(rid_size <= sizeof(call->rid)); // as az_topic_parse() has it
    if (rid_size > 0) {
        memcpy(call->rid, topic->rid.data, rid_size);
    }
    json_writer_init(&call->body, m->bodies[index], METHODS_BODY_SIZE);
    json_begin_object(&call->body);
    m->stats.calls++;
    if (index == METHODS_CALLS_MAX) {
        call_fail(m, call, STATUS_TOO_MANY, "%d methods are under way; try again later",
                  METHODS_CALLS_MAX);
        return;
    }
    call->id = method_find(topic->name);
    if (!m->cfg.config->methods.is_enabled) {
        call_fail(m, call, STATUS_REFUSED, "methods are switched off: methods.enabled");
    } else if (call->id == METHOD_COUNT) {
        refuse_name(m, call, topic->name);
    } else if (m->restart_us != TIME_NEVER) {
        call_fail(m, call, STATUS_BUSY, "the gateway is about to start anew");
    } else if (read_arguments(m, call, payload)) {
        call->deadline_us = time_after(now_us, METHODS[call->id].limit_ms * US_PER_MS);
        call_begin(m, now_us, call);
    }
}

static struct method_call *owner_of(struct methods *m, uint32_t bus)
{
    uint32_t owner = m->owner[bus];
    return owner > 0 && owner <= METHODS_CALLS_MAX ? &m->calls[owner - 1] : NULL;
}

void methods_answer(struct methods *m, uint64_t now_us, uint32_t bus,
                    const struct foreign_answer *answer)
{
    struct method_call *call = owner_of(m, bus);
    bool is_job = m->owner[bus] == JOB_OWNER;
    m->owner[bus] = 0;
    if (is_job) {
        job_answer(&m->job, now_us, answer);
    } else if (call != NULL) {
        call_answer(m, call, answer);
    }
}

void methods_refused(struct methods *m, uint64_t now_us, uint32_t bus, enum err err)
{
    struct method_call *call = owner_of(m, bus);
    bool is_job = m->owner[bus] == JOB_OWNER;
    m->owner[bus] = 0;
    if (err == ERR_BUSY) { // one that was given up is still on its way back
        m->retry_us[bus] = now_us + RETRY_US;
        if (call != NULL) {
            call->state = CALL_WAITING;
        }
    } else if (is_job) {
        job_no_bus(&m->job, now_us);
    } else if (call != NULL) {
        call_abandon(m, call, STATUS_NO_BUS);
    }
}

void methods_figures(struct methods *m, uint64_t now_us, const struct bus_figures *figures)
{
    job_figures(&m->job, now_us, figures);
}

struct json_writer *methods_work_body(struct methods *m, uint32_t call)
{
    return &m->calls[call].body;
}

void methods_worked(struct methods *m, uint64_t now_us, uint32_t call, uint32_t status,
                    bool must_restart)
{
    ASSERT(call < METHODS_CALLS_MAX && m->calls[call].state == CALL_WORKING);
    call_done(m, &m->calls[call], status);
    if (must_restart) {
        m->restart_us = now_us + METHODS_LINGER_US;
    }
}

void methods_offline(struct methods *m)
{
    for (size_t i = 0; i < COUNT_OF(m->calls); i++) {
        struct method_call *call = &m->calls[i];
        call->is_vain = true;
        call->state = call->state == CALL_DONE ? CALL_FREE : call->state;
    }
}

bool methods_take_answer(struct methods *m, struct methods_answer *out)
{
    for (size_t i = 0; i < COUNT_OF(m->calls); i++) {
        struct method_call *call = &m->calls[i];
        if (call->state == CALL_DONE) {
            call->state = CALL_FREE;
            *out = (struct methods_answer){.rid = bytes_of(call->rid, call->rid_size),
                                           .body = json_writer_bytes(&call->body),
                                           .id = call->id,
                                           .status = call->status};
            return true;
        }
    }
    return false;
}

uint64_t methods_deadline_us(const struct methods *m)
{
    uint64_t at_us = time_min(m->led_at_us, time_min(m->log_until_us, m->restart_us));
    at_us = time_min(at_us, job_deadline_us(&m->job));
    for (size_t i = 0; i < METHODS_CALLS_MAX; i++) {
        bool is_open = m->calls[i].state != CALL_FREE && m->calls[i].state != CALL_DONE;
        at_us = is_open ? time_min(at_us, m->calls[i].deadline_us) : at_us;
    }
    for (size_t b = 0; b < m->cfg.config->bus_count; b++) {
        at_us = m->retry_us[b] != 0 ? time_min(at_us, m->retry_us[b]) : at_us;
    }
    return at_us;
}

static void tick_call(struct methods *m, uint64_t now_us, struct method_call *call)
{
    bool is_open = call->state != CALL_FREE && call->state != CALL_DONE;
    if (!is_open || now_us < call->deadline_us) {
        return;
    }
    if (call->state == CALL_ASKED) {
        m->owner[call->bus] = 0;
        m->must_drop[call->bus] = true;
    }
    call_abandon(m, call, STATUS_TIMEOUT);
}

static void tick_led(struct methods *m, uint64_t now_us)
{
    if (now_us < m->led_at_us) {
        return;
    }
    bool is_over = now_us >= m->led_until_us;
    m->is_led_on = !is_over && !m->is_led_on;
    m->must_set_led = true;
    m->led_at_us = is_over ? TIME_NEVER : now_us + METHODS_LED_HALF_US;
}

void methods_tick(struct methods *m, uint64_t now_us)
{
    for (size_t i = 0; i < METHODS_CALLS_MAX; i++) {
        tick_call(m, now_us, &m->calls[i]);
    }
    for (size_t b = 0; b < m->cfg.config->bus_count; b++) {
        m->retry_us[b] = now_us >= m->retry_us[b] ? 0 : m->retry_us[b];
    }
    tick_led(m, now_us);
    if (now_us >= m->log_until_us) {
        m->log_until_us = TIME_NEVER;
        m->log_level = 2; // info
        m->must_set_log = true;
    }
    job_tick(&m->job, now_us);
}

static bool next_work(struct methods *m, struct methods_out *out)
{
    for (uint32_t i = 0; i < METHODS_CALLS_MAX; i++) {
        struct method_call *call = &m->calls[i];
        if (call->state == CALL_WORKING && !call->is_told) {
            call->is_told = true;
            *out = (struct methods_out){
                .kind = METHODS_OUT_WORK, .call = i, .id = call->id, .args = &call->args};
            return true;
        }
    }
    return false;
}

static struct method_call *first_waiting(struct methods *m, uint32_t bus)
{
    struct method_call *first = NULL;
    for (size_t i = 0; i < METHODS_CALLS_MAX; i++) {
        struct method_call *call = &m->calls[i];
        if (call->state == CALL_WAITING && call->bus == bus &&
            (first == NULL || call->order < first->order)) {
            first = call;
        }
    }
    return first;
}

// People before jobs: a scan goes on when nobody waits.
static bool next_ask(struct methods *m, struct methods_out *out, uint32_t bus)
{
    if (m->owner[bus] != 0 || m->retry_us[bus] != 0) {
        return false;
    }
    struct method_call *call = first_waiting(m, bus);
    *out = (struct methods_out){.kind = METHODS_OUT_ASK, .bus = bus};
    if (call != NULL) {
        call->state = CALL_ASKED;
        m->owner[bus] = (uint32_t)(call - m->calls) + 1;
        call_ask(m, call, &out->ask);
        return true;
    }
    if (m->job.bus == bus && job_wants_bus(&m->job)) {
        m->owner[bus] = JOB_OWNER;
        job_ask(&m->job, &out->ask);
        return true;
    }
    return false;
}

static bool next_bus(struct methods *m, struct methods_out *out)
{
    if (m->job.state != JOB_RUNNING && m->owner[m->job.bus] == JOB_OWNER) { // it was ended
        m->owner[m->job.bus] = 0;
        m->must_drop[m->job.bus] = true;
    }
    for (uint32_t b = 0; b < m->cfg.config->bus_count; b++) {
        if (m->must_drop[b]) {
            m->must_drop[b] = false;
            *out = (struct methods_out){.kind = METHODS_OUT_DROP, .bus = b};
            return true;
        }
        if (next_ask(m, out, b)) {
            return true;
        }
    }
    return false;
}

void methods_tell_job(struct methods *m)
{
    char text[METHODS_NOTE_SIZE + 1];
    const char *bus = m->cfg.config->buses[m->job.bus].name;
    if (job_note(&m->job, bus, text, sizeof(text))) {
        methods_note(m, text);
    }
}

static bool next_note(struct methods *m, struct methods_out *out)
{
    methods_tell_job(m);
    if (m->note_count == 0) {
        return false;
    }
    *out = (struct methods_out){
        .kind = METHODS_OUT_NOTE,
        .body = bytes_of(m->notes[m->note_first], m->note_sizes[m->note_first])};
    m->note_first = (m->note_first + 1) % METHODS_NOTES_MAX;
    m->note_count--;
    return true;
}

static bool next_report(struct methods *m, struct methods_out *out)
{
    struct json_writer w;
    json_writer_init(&w, m->report, sizeof(m->report));
    json_begin_object(&w);
    json_put_key(&w, "job");
    json_begin_object(&w);
    if (!job_report(&m->job, &w)) {
        return false;
    }
    json_end_object(&w);
    json_end_object(&w);
    *out = (struct methods_out){.kind = METHODS_OUT_REPORT, .body = json_writer_bytes(&w)};
    return true;
}

bool methods_next(struct methods *m, uint64_t now_us, struct methods_out *out)
{
    if (next_note(m, out) || next_report(m, out) || next_work(m, out)) {
        return true;
    }
    if (m->must_set_led || m->must_set_log) {
        *out = (struct methods_out){.kind = m->must_set_led ? METHODS_OUT_LED : METHODS_OUT_LOG,
                                    .is_on = m->is_led_on,
                                    .is_over = m->led_at_us == TIME_NEVER,
                                    .number = m->log_level};
        *(m->must_set_led ? &m->must_set_led : &m->must_set_log) = false;
        return true;
    }
    if (job_wants_figures(&m->job)) {
        m->job.is_asked = true;
        *out = (struct methods_out){.kind = METHODS_OUT_FIGURES, .bus = m->job.bus};
        return true;
    }
    if (next_bus(m, out)) {
        return true;
    }
    if (now_us >= m->restart_us) {
        m->restart_us = TIME_NEVER - 1; // once; no other call is taken any more
        *out = (struct methods_out){.kind = METHODS_OUT_RESTART};
        return true;
    }
    return false;
}
