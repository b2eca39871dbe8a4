// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/app.h"

#include "apps/gateway/poll/outcome.h"
#include "base/assert.h"

#include <math.h>
#include <string.h>

enum { COARSE_JITTER_US = 5000 }; // how late a tty's bytes may be read

enum err app_init(struct app *app, const struct config *config, struct arena *arena,
                  struct id_map *ids, bool *ids_changed)
{
    *app = (struct app){.config = config};
    enum err err = points_build(config, arena, &app->points);
    err = err == OK ? catalogue_assign(&app->points, ids, arena, ids_changed) : err;
    err = err == OK ? catalogue_describe(&config->gateway, &app->points, arena, &app->catalogue)
                    : err;
    err = err == OK ? sampler_init(&app->sampler, &app->points, arena) : err;
    app->buses = arena_take(arena, config->bus_count, sizeof(*app->buses));
    if (app->buses == NULL) {
        return ERR_FULL;
    }
    for (uint32_t b = 0; b < config->bus_count && err == OK; b++) {
        struct app_bus *bus = &app->buses[b];
        err = poller_init(&bus->poller, &app->points, b, arena);
        err = err == OK ? diagnostics_init(&bus->diagnostics, &app->points, b,
                                           bus->poller.unit_count, arena)
                        : err;
    }
    return err;
}

void app_start(struct app *app, uint64_t now_us)
{
    for (size_t b = 0; b < app->config->bus_count; b++) {
        poller_start(&app->buses[b].poller, now_us);
        diagnostics_start(&app->buses[b].diagnostics, now_us);
    }
}

void app_set_relay(struct app *app, uint32_t relay, const struct sampler_relay *state)
{
    sampler_set_relay(&app->sampler, relay, state);
}

void app_set_limit(struct app *app, uint32_t point, int limit, int beyond, uint64_t beyond_from_us)
{
    sampler_set_limit(&app->sampler, point, limit, beyond, beyond_from_us);
}

static void line_done(struct app *app, uint64_t now_us, uint32_t bus, const struct bus_event *event)
{
    const struct line_done *done = &event->done;
    enum mb_line_outcome outcome = poll_outcome(done->outcome);
    // Ports stamp what they hear; that nothing came is known now.
    uint64_t at_us = outcome == MB_LINE_REPLY ? done->rx_last_us : now_us;
    struct poller_done out = {
        .line = {.token = done->token,
                 .outcome = outcome,
                 .is_held = done->held,
                 .at_us = at_us,
                 .reply = bytes_of(done->reply, done->reply_size)},
        .tx_end_us = done->tx_end_us,
        .rx_first_us = done->coarse ? 0 : done->rx_first_us,
        .rx_last_us = done->rx_last_us,
        .jitter_us = done->coarse ? COARSE_JITTER_US : event->error_us,
        .busy_us =
            done->tx_first_us != 0 && at_us > done->tx_first_us ? at_us - done->tx_first_us : 0,
        .heard = done->outcome,
        .late_bytes = done->late_bytes,
    };
    if (done->late_bytes > 0) {
        poller_heard(&app->buses[bus].poller, at_us);
    }
    poller_done(&app->buses[bus].poller, now_us, &out);
}

void app_bus_event(struct app *app, uint64_t now_us, uint32_t bus, const struct bus_event *event)
{
    struct app_bus *b = &app->buses[bus];
    switch (event->kind) {
    case BUS_DONE: line_done(app, now_us, bus, event); break;
    case BUS_UP:
        b->is_up = true;
        b->is_told = false;
        poller_set_port(&b->poller, now_us, true);
        break;
    case BUS_DOWN:
        b->is_up = false;
        poller_set_port(&b->poller, now_us, false);
        if (!b->is_told) {
            b->is_told = true;
            app->fail_next = b->poller.unit_first;
            app->fail_end = b->poller.unit_first + (uint32_t)b->poller.unit_count;
            app->fail_at_us = event->at_us;
        }
        break;
    case BUS_HEARD: break; // of buses that only listen: never opened here
    }
}

bool app_wants_figures(const struct app *app, uint64_t now_us, uint32_t bus)
{
    return now_us >= diagnostics_deadline_us(&app->buses[bus].diagnostics);
}

void app_figures(struct app *app, uint64_t now_us, uint32_t bus, const struct bus_figures *in)
{
    struct app_bus *b = &app->buses[bus];
    const struct sampler_figure *figures =
        diagnostics_take(&b->diagnostics, now_us, in, &b->poller, b->is_up);
    sampler_figures(&app->sampler, &app->points.diagnostics[bus], figures, now_us);
}

enum err app_ask(struct app *app, uint64_t now_us, uint32_t bus, const struct foreign_ask *ask)
{
    return poller_ask(&app->buses[bus].poller, now_us, ask);
}

void app_drop(struct app *app, uint32_t bus)
{
    poller_drop(&app->buses[bus].poller);
}

uint64_t app_deadline_us(const struct app *app)
{
    uint64_t at_us = TIME_NEVER;
    for (size_t b = 0; b < app->config->bus_count; b++) {
        at_us = time_min(at_us, poller_deadline_us(&app->buses[b].poller));
        at_us = time_min(at_us, diagnostics_deadline_us(&app->buses[b].diagnostics));
    }
    return at_us;
}

void app_tick(struct app *app, uint64_t now_us)
{
    for (size_t b = 0; b < app->config->bus_count; b++) {
        poller_tick(&app->buses[b].poller, now_us);
    }
}

static struct line_send send_of(const struct mb_client_send *send)
{
    struct line_send out = {
        .token = send->token,
        .broadcast = send->is_broadcast,
        .barrier = send->is_barrier,
        .reply_timeout_us = send->reply_timeout_us,
        .turnaround_us = send->turnaround_us,
        .reply_size = (uint16_t)send->reply_size,
        .alt_size = MB_EXCEPTION_SIZE,
        .alt_index = 1,
        .alt_mask = MB_EXCEPTION_BIT,
        .frame_size = (uint16_t)send->frame.size,
    };
    memcpy(out.frame, send->frame.data, send->frame.size);
    return out;
}

static double limit_of(const struct point *point, const struct sampler_out *s)
{
    bool is_low = s->limit < 0 || (s->limit == 0 && s->limit_before < 0);
    double limit = is_low ? point->low : point->high;
    // An alert of an earlier configuration ends, whose limit is gone.
    return isnan(limit) ? tm_value_double(&s->sample.value) : limit;
}

static void take_sample(struct app *app, const struct sampler_out *s, struct app_out *out)
{
    switch (s->kind) {
    case SAMPLER_OUT_SAMPLE:
        *out = (struct app_out){
            .kind = APP_OUT_SAMPLE, .sample = s->sample, .is_urgent = s->is_urgent};
        break;
    case SAMPLER_OUT_RELAY:
        *out = (struct app_out){
            .kind = APP_OUT_RELAY, .key = app->points.relays[s->index].id, .relay = s->relay};
        break;
    case SAMPLER_OUT_LIMIT:
        *out = (struct app_out){
            .kind = APP_OUT_LIMIT,
            .is_urgent = s->is_urgent,
            .has_event = s->limit != s->limit_before,
            .has_beyond = s->is_beyond_news,
            .key = s->sample.point,
            .beyond = s->beyond,
            .beyond_from_us = s->beyond_from_us,
            .event = {.kind = TM_EVENT_ALERT,
                      .state = s->limit < 0   ? TM_ALERT_LOW
                               : s->limit > 0 ? TM_ALERT_HIGH
                                              : TM_ALERT_NORMAL,
                      .point = s->sample.point,
                      .at_ms = (int64_t)(s->sample.at_us / US_PER_MS),
                      .value = s->sample.value,
                      .limit = limit_of(&app->points.all[s->index], s)},
        };
        break;
    }
}

// True if there is something for the outside; what is for the sampler goes there.
static bool take_poll(struct app *app, uint32_t bus, const struct poller_out *poll,
                      struct app_out *out)
{
    switch (poll->kind) {
    case POLLER_OUT_SEND:
        *out = (struct app_out){.kind = APP_OUT_SEND, .bus = bus, .send = send_of(&poll->send)};
        return true;
    case POLLER_OUT_CANCEL:
        *out = (struct app_out){.kind = APP_OUT_CANCEL, .bus = bus, .token = poll->token};
        return true;
    case POLLER_OUT_RESUME:
        *out = (struct app_out){.kind = APP_OUT_RESUME, .bus = bus};
        return true;
    case POLLER_OUT_READ:
        if (poll->failure == POLL_OK) {
            sampler_read(&app->sampler, &poll->block, poll->data, poll->at_us, poll->jitter_us);
            return false;
        }
        sampler_fail_block(&app->sampler, &poll->block, poll->at_us,
                           poll_failure_reason(poll->failure));
        *out = (struct app_out){.kind = APP_OUT_REFUSED,
                                .unit = poll->unit,
                                .block = poll->block,
                                .exception = poll->exception};
        return poll->exception != MB_EX_NONE;
    case POLLER_OUT_UNIT:
        if (poll->state == UNIT_SUSPENDED) {
            sampler_fail_unit(&app->sampler, poll->unit, poll->at_us, TM_REASON_SUSPENDED);
        }
        *out = (struct app_out){.kind = APP_OUT_UNIT,
                                .unit = poll->unit,
                                .state = poll->state,
                                .failure = poll->failure};
        return true;
    case POLLER_OUT_CUT:
        *out = (struct app_out){.kind = APP_OUT_CUT, .unit = poll->unit, .block = poll->block};
        return true;
    case POLLER_OUT_ANSWER:
        *out = (struct app_out){.kind = APP_OUT_ANSWER, .bus = bus, .answer = poll->answer};
        return true;
    }
    return false;
}

// Takes one output of a bus; false if none has any. *is_given: it became one for the outside.
static bool take_bus(struct app *app, uint64_t now_us, struct app_out *out, bool *is_given)
{
    struct poller_out poll;
    for (uint32_t b = 0; b < app->config->bus_count; b++) {
        if (poller_next(&app->buses[b].poller, now_us, &poll)) {
            *is_given = take_poll(app, b, &poll, out);
            return true;
        }
    }
    return false;
}

bool app_next(struct app *app, uint64_t now_us, struct app_out *out)
{
    struct sampler_out sample;
    bool is_given = false;
    for (;;) {
        if (sampler_next(&app->sampler, &sample)) {
            take_sample(app, &sample, out);
            return true;
        }
        if (app->fail_next < app->fail_end) {
            sampler_fail_unit(&app->sampler, app->fail_next++, app->fail_at_us, TM_REASON_PORT);
            continue;
        }
        if (!take_bus(app, now_us, out, &is_given)) {
            return false;
        }
        if (is_given) {
            return true;
        }
    }
}
