// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/gateway/world.h"

#include "modbus/rtu.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

void close_world(struct world *w)
{
    fixture_close(&w->f);
}

void open_world(struct world *w, const char *config, const char *profile)
{
    memset(w, 0, sizeof(*w));
    bool is_changed;
    fixture_open(&w->f, config, profile);
    assert_int_equal(id_map_load(&w->ids, bytes_of(NULL, 0), 1000, &w->f.arena), OK);
    assert_int_equal(app_init(&w->app, &w->f.config, &w->f.arena, &w->ids, &is_changed), OK);
    w->now_us = 1000 * US_PER_S;
    app_start(&w->app, w->now_us);
    w->busy_until_us = TIME_NEVER;
}

const struct tm_point *described(const struct world *w, uint32_t id)
{
    uint32_t index = 0;
    assert_int_equal(tm_catalogue_index(&w->app.catalogue, id, &index), OK);
    return &w->app.catalogue.points[index];
}

static void keep(struct world *w, const struct tm_sample *sample)
{
    assert_true(w->sample_count < SAMPLES_MAX && w->diagnostic_count < SAMPLES_MAX);
    if (described(w, sample->point)->is_diagnostic) {
        w->diagnostics[w->diagnostic_count++] = *sample;
    } else {
        w->samples[w->sample_count++] = *sample;
    }
}

static void drain(struct world *w)
{
    struct app_out out;
    while (app_next(&w->app, w->now_us, &out)) {
        switch (out.kind) {
        case APP_OUT_SEND:
            assert_true(w->queued < QUEUE);
            w->queue[w->queued++] = out.send;
            w->queued_max = w->queued > w->queued_max ? w->queued : w->queued_max;
            break;
        case APP_OUT_CANCEL:
            assert_true(w->cancel_count < QUEUE);
            w->cancels[w->cancel_count++] = out.token;
            break;
        case APP_OUT_RESUME: w->is_held = false; break;
        case APP_OUT_SAMPLE: keep(w, &out.sample); break;
        case APP_OUT_LIMIT:
            w->alerts += out.has_event;
            w->beyond = out.has_beyond ? out.beyond : w->beyond;
            break;
        case APP_OUT_UNIT:
            w->suspended += out.state == UNIT_SUSPENDED;
            w->why = out.state == UNIT_SUSPENDED ? out.failure : w->why;
            w->online += out.state == UNIT_ONLINE;
            break;
        case APP_OUT_ANSWER:
            assert_non_null(w->on_answer);
            w->on_answer(w->ctx, out.bus, &out.answer);
            break;
        case APP_OUT_RELAY:
        case APP_OUT_REFUSED: break;
        case APP_OUT_CUT: w->cuts++; break;
        }
    }
}

// Only the first few units exist.
static bool is_dead(const struct world *w, uint8_t unit)
{
    return unit >= UNITS || w->is_dead[unit];
}

static bool is_silent(const struct world *w, const struct line_send *send)
{
    bool is_write = send->frame[1] == MB_WRITE_REG || send->frame[1] == MB_WRITE_REGS;
    return is_dead(w, send->frame[0]) || (is_write && w->is_forgetful);
}

static enum line_outcome fault_of(const struct world *w, const struct line_send *send)
{
    return send->frame[0] < UNITS ? w->faults[send->frame[0]] : LINE_REPLY;
}

// It asks for what units refuse.
static bool is_illegal(const struct world *w, const struct line_send *send)
{
    struct mb_frame asked;
    struct mb_request request;
    assert_int_equal(mb_rtu_decode(bytes_of(send->frame, send->frame_size), &asked), OK);
    assert_int_equal(mb_request_decode(asked.pdu, &request), MB_EX_NONE);
    uint32_t span = request.count > 0 ? request.count : 1; // a single write has no count
    uint32_t last = w->illegal_last != 0 ? w->illegal_last : w->illegal;
    return w->illegal != 0 && request.address <= last && w->illegal < request.address + span;
}

// Starts the next frame on the line if it is free.
static void start_frame(struct world *w)
{
    if (w->queued == 0 || w->busy_until_us != TIME_NEVER || w->is_held) {
        return;
    }
    const struct line_send *send = &w->queue[0];
    uint8_t unit = send->frame[0];
    if (unit < UNITS) {
        assert_true(w->now_us >= w->rest_until_us[unit]);
        w->asked[unit]++;
    }
    w->last_asked_us = w->now_us;
    if (send->frame[1] == MB_WRITE_REG || send->frame[1] == MB_WRITE_REGS) {
        w->write_timeout_us = send->reply_timeout_us;
    }
    uint64_t took_us = is_silent(w, send)       ? send->reply_timeout_us + WIRE_US / 2
                       : unit == w->unreachable ? WIRE_US + w->unreachable_us
                       : is_illegal(w, send)    ? WIRE_US + w->illegal_us
                                                : WIRE_US + w->late_us;
    w->dead_us += is_dead(w, unit) || unit == w->unreachable ? took_us : 0;
    took_us = fault_of(w, send) == LINE_BUSY ? US_PER_S : took_us;
    w->busy_until_us = w->now_us + took_us;
}

static void write_register(struct world *w, uint32_t address, uint16_t value)
{
    w->writes++;
    if (address != w->stuck || w->stuck == 0) {
        w->registers[address % REGISTERS] = value;
    }
}

// What a write comes to; false: it is none.
static bool written(struct world *w, const struct mb_request *request, struct mb_reply *reply)
{
    *reply = (struct mb_reply){.fc = request->fc,
                               .address = request->address,
                               .count = request->count,
                               .value = request->value};
    if (request->fc == MB_WRITE_REG || request->fc == MB_WRITE_COIL) {
        bool is_on = request->value == MB_COIL_ON;
        write_register(w, request->address, request->fc == MB_WRITE_COIL ? is_on : request->value);
        return true;
    }
    for (uint32_t i = 0; i < request->count && request->fc == MB_WRITE_REGS; i++) {
        write_register(w, request->address + i, mb_reg(request->data, i));
    }
    for (uint32_t i = 0; i < request->count && request->fc == MB_WRITE_COILS; i++) {
        write_register(w, request->address + i, mb_bit(request->data, i));
    }
    return request->fc == MB_WRITE_REGS || request->fc == MB_WRITE_COILS;
}

static size_t read_values(const struct world *w, const struct mb_request *request, uint8_t *data)
{
    bool is_bits = request->fc == MB_READ_COILS || request->fc == MB_READ_DISCRETE;
    memset(data, 0, MB_PDU_SIZE_MAX);
    for (uint32_t i = 0; i < request->count; i++) {
        uint16_t value = w->registers[(request->address + i) % REGISTERS];
        if (is_bits) {
            data[i / 8] |= (uint8_t)((value & 1) << (i % 8));
        } else {
            data[2 * i] = (uint8_t)(value >> 8);
            data[2 * i + 1] = (uint8_t)value;
        }
    }
    return is_bits ? (request->count + 7U) / 8 : 2U * request->count;
}

static void answer(struct world *w, struct line_done *done, const struct line_send *send)
{
    struct mb_frame asked;
    struct mb_request request;
    assert_int_equal(mb_rtu_decode(bytes_of(send->frame, send->frame_size), &asked), OK);
    assert_int_equal(mb_request_decode(asked.pdu, &request), MB_EX_NONE);
    uint8_t data[MB_PDU_SIZE_MAX];
    bool is_refused = is_illegal(w, send);
    struct mb_reply reply;
    if (asked.unit == w->unreachable) {
        reply = mb_exception_reply(request.fc, MB_EX_TARGET);
    } else if (is_refused || request.fc == MB_ENCAPSULATED) {
        uint8_t exception = w->illegal_says != MB_EX_NONE ? w->illegal_says : MB_EX_ADDRESS;
        reply = mb_exception_reply(request.fc, is_refused ? exception : MB_EX_FUNCTION);
    } else if (!written(w, &request, &reply)) {
        size_t size = read_values(w, &request, data);
        reply = (struct mb_reply){.fc = request.fc, .data = bytes_of(data, size)};
    }
    uint8_t pdu[MB_PDU_SIZE_MAX];
    struct writer p = writer_of(pdu, sizeof(pdu));
    struct writer frame = writer_of(done->reply, sizeof(done->reply));
    assert_int_equal(mb_reply_encode(&reply, &p), OK);
    assert_int_equal(mb_rtu_encode(asked.unit, writer_bytes(&p), &frame), OK);
    done->reply_size = (uint16_t)frame.size;
    done->outcome = LINE_REPLY;
}

static void remove_frame(struct world *w, size_t at)
{
    w->queued--;
    memmove(&w->queue[at], &w->queue[at + 1], (w->queued - at) * sizeof(w->queue[0]));
}

// The line did not bring what the unit sent, or let nothing out.
static void spoil(struct world *w, struct line_done *done, const struct line_send *send)
{
    if (done->outcome == LINE_REPLY) {
        done->reply[w->damage_index] ^= w->damage;
        done->outcome = fault_of(w, send);
    }
    done->held = w->is_held = send->barrier && done->outcome != LINE_REPLY;
    if (done->outcome == LINE_BUSY) {
        *done = (struct line_done){.token = done->token, .outcome = LINE_BUSY, .held = done->held};
    }
}

// What is not on the line yet comes back as cancelled.
static void cancel_frames(struct world *w)
{
    while (w->cancel_count > 0) {
        uint32_t token = w->cancels[--w->cancel_count];
        for (size_t i = w->busy_until_us == TIME_NEVER ? 0 : 1; i < w->queued; i++) {
            if (w->queue[i].token == token) {
                remove_frame(w, i);
                struct bus_event event = {.kind = BUS_DONE};
                event.done = (struct line_done){.token = token, .outcome = LINE_CANCELLED};
                app_bus_event(&w->app, w->now_us, 0, &event);
                drain(w);
                break;
            }
        }
    }
}

static void end_frame(struct world *w)
{
    struct line_send send = w->queue[0];
    bool is_unheard = is_silent(w, &send);
    struct bus_event event = {.kind = BUS_DONE}; // a port stamps only what it heard
    event.done = (struct line_done){.token = send.token,
                                    .outcome = LINE_TIMEOUT,
                                    .tx_first_us = w->last_asked_us,
                                    .tx_end_us = w->last_asked_us + WIRE_US / 4};
    if (fault_of(w, &send) == LINE_BUSY) {
        event.done.outcome = LINE_BUSY; // the unit is not reached
    } else if (!is_dead(w, send.frame[0])) {
        answer(w, &event.done, &send); // also if nobody hears it
    }
    if (!is_unheard) {
        event.done.rx_last_us = w->now_us;
        event.done.rx_first_us = w->now_us - (w->is_tardy ? WIRE_US / 8U : WIRE_US / 4U);
        spoil(w, &event.done, &send);
    } else {
        event.done.outcome = LINE_TIMEOUT;
        event.done.reply_size = 0;
        event.done.held = w->is_held = send.barrier;
        if (send.frame[0] < UNITS) {
            w->rest_until_us[send.frame[0]] = w->now_us + REST_US;
        }
    }
    if (w->noises > 0 && !is_unheard) {
        w->noises--;
        event.done.outcome = LINE_NOISE;
        event.done.reply_size = 0;
        w->rest_until_us[send.frame[0]] = w->now_us + send.reply_timeout_us + REST_US;
    }
    remove_frame(w, 0);
    w->busy_until_us = TIME_NEVER;
    w->figures.line.done_count[event.done.outcome]++;
    w->figures.line.wire_us += event.done.outcome == LINE_REPLY ? WIRE_US / 2 : WIRE_US / 4;
    app_bus_event(&w->app, w->now_us, 0, &event);
    drain(w);
    cancel_frames(w);
}

void bus_state(struct world *w, enum bus_event_kind kind)
{
    app_bus_event(&w->app, w->now_us, 0, &(struct bus_event){.kind = kind, .at_us = w->now_us});
    drain(w);
}

void run_until(struct world *w, uint64_t end_us)
{
    while (w->now_us < end_us) {
        if (app_wants_figures(&w->app, w->now_us, 0)) {
            w->asked_for_figures++;
            app_figures(&w->app, w->now_us, 0, &w->figures);
            drain(w);
        }
        app_tick(&w->app, w->now_us);
        drain(w);
        uint64_t other_us = TIME_NEVER;
        if (w->on_turn != NULL) {
            other_us = w->on_turn(w->ctx);
            drain(w);
        }
        start_frame(w);
        uint64_t next_us = time_min(app_deadline_us(&w->app), w->busy_until_us);
        next_us = time_min(next_us, other_us);
        assert_true(next_us > w->now_us || next_us == w->busy_until_us || w->queued > 0);
        w->now_us = time_min(next_us > w->now_us ? next_us : w->now_us + 1, end_us);
        if (w->now_us >= w->busy_until_us) {
            end_frame(w);
        }
    }
}
