// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/methods/service_work_linux.h"

#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/bus.h"
#include "port/linux/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { KB = 1024, ARENA_SIZE = 1024 * 1024 };

void service_sent(struct service *service, uint64_t now_us, uint32_t bus,
                  const struct line_send *send)
{
    pthread_mutex_lock(&service->lock);
    flight_send(&service->flight, now_us, bus, send);
    pthread_mutex_unlock(&service->lock);
}

void service_heard(struct service *service, uint64_t now_us, uint32_t bus,
                   const struct bus_event *event)
{
    if (event->kind == BUS_DONE) {
        pthread_mutex_lock(&service->lock);
        flight_done(&service->flight, now_us, bus, &event->done);
        pthread_mutex_unlock(&service->lock);
    }
}

static void tap(void *ctx, const char *line, size_t size)
{
    struct service *service = ctx;
    pthread_mutex_lock(&service->lock);
    flight_log(&service->flight, port_now_us(), bytes_of(line, size));
    pthread_mutex_unlock(&service->lock);
}

static void note(struct service *service, uint64_t now_us, struct bytes text)
{
    north_add_event(service->cfg.north, now_us,
                    &(struct tm_event){.kind = TM_EVENT_NOTE,
                                       .at_ms = (int64_t)(now_us / US_PER_MS),
                                       .text = text});
}

// The light is ours only while it blinks.
static void set_led(struct service *service, const struct methods_out *out)
{
    const char *name = service->cfg.setup->config.gateway.identify_led;
    if (name[0] == '\0') {
        log_info("service", "identify", "light=none");
        return;
    }
    if (!service->is_led_open && !out->is_over) {
        enum err err = led_open(&service->led, name);
        service->is_led_open = err == OK;
        if (err != OK) {
            log_warn("service", "identify", "light=%s error=%s", log_quote(name).text,
                     err_name(err));
        }
    }
    if (service->is_led_open && led_set(&service->led, out->is_on) != OK) {
        log_warn("service", "identify", "light=%s problem=\"does not change\"",
                 log_quote(name).text);
    }
    if (service->is_led_open && out->is_over) {
        led_close(&service->led);
        service->is_led_open = false;
    }
}

static void ask(struct service *service, uint64_t now_us, const struct methods_out *out)
{
    enum err err = app_ask(&service->cfg.setup->app, now_us, out->bus, &out->ask);
    if (err != OK) {
        methods_refused(&service->methods, now_us, out->bus, err);
    }
}

static void act(struct service *service, uint64_t now_us, const struct methods_out *out)
{
    switch (out->kind) {
    case METHODS_OUT_ASK: ask(service, now_us, out); break;
    case METHODS_OUT_DROP: app_drop(&service->cfg.setup->app, out->bus); break;
    case METHODS_OUT_NOTE: note(service, now_us, out->body); break;
    case METHODS_OUT_REPORT: service->cfg.report(service->cfg.ctx, now_us, out->body); break;
    case METHODS_OUT_LED: set_led(service, out); break;
    case METHODS_OUT_LOG:
        if (log_set_level(LOG_LEVEL_WORDS[out->number]) == OK) {
            log_warn("service", "log_level", "level=%s", LOG_LEVEL_WORDS[out->number]);
        }
        break;
    case METHODS_OUT_WORK: service_work(service, now_us, out); break;
    case METHODS_OUT_FIGURES:
        bus_figures(service->cfg.buses[out->bus], &service->figures[out->bus]);
        methods_figures(&service->methods, now_us, &service->figures[out->bus]);
        break;
    case METHODS_OUT_RESTART:
        log_info("service", "restart", "");
        service->cfg.restart(service->cfg.ctx);
        break;
    }
}

// Whoever watches sees each reply when it comes, for some CPU time more.
static void watch(struct service *service, uint64_t now_us, bool is_watched)
{
    log_info("service", "watch", "on=%d", is_watched);
    north_set_watched(service->cfg.north, now_us, is_watched);
    for (size_t b = 0; b < service->cfg.setup->config.bus_count; b++) {
        bus_set_hold(service->cfg.buses[b], is_watched ? 0 : BUS_HOLD_US);
    }
}

static void drain_nudges(struct service *service, uint64_t now_us)
{
    struct nudge_out out;
    while (nudge_next(&service->nudge, &out)) {
        switch (out.kind) {
        case NUDGE_OUT_WATCH: watch(service, now_us, out.is_watched); break;
        case NUDGE_OUT_SYNC: north_hurry(service->cfg.north, now_us); break;
        case NUDGE_OUT_TWIN:
            log_info("service", "twin", "");
            service->cfg.refresh_twin(service->cfg.ctx, now_us);
            break;
        case NUDGE_OUT_UNKNOWN:
            log_warn("service", "nudge_unknown", "nudge=%s", log_quote(out.word).text);
            break;
        }
    }
}

void service_turn(struct service *service, uint64_t now_us)
{
    struct methods_out out;
    while (methods_next(&service->methods, now_us, &out)) {
        act(service, now_us, &out);
    }
    drain_nudges(service, now_us);
}

void service_answer(struct service *service, uint64_t now_us, uint32_t bus,
                    const struct foreign_answer *answer)
{
    methods_answer(&service->methods, now_us, bus, answer);
}

static void methods_is_online(void *ctx, uint64_t now_us)
{
    (void)ctx;
    (void)now_us;
}

static void methods_is_offline(void *ctx, uint64_t now_us)
{
    struct service *service = ctx;
    (void)now_us;
    methods_offline(&service->methods);
    if (service->upload.is_running) {
        log_warn("service", "flight_record", "id=%u part=%u parts=%u problem=\"connection lost\"",
                 service->upload.number, service->upload.part, service->upload.parts);
        flight_upload_stop(&service->upload);
        service_lend_copy(service);
    }
}

static void methods_message(void *ctx, uint64_t now_us, const struct az_topic *topic,
                            struct bytes body)
{
    struct service *service = ctx;
    methods_call(&service->methods, now_us, topic, body);
    service_turn(service, now_us);
}

static void methods_is_due(void *ctx, uint64_t now_us)
{
    struct service *service = ctx;
    methods_tick(&service->methods, now_us);
    service_turn(service, now_us);
}

static uint64_t methods_due_us(const void *ctx)
{
    const struct service *service = ctx;
    return time_min(methods_deadline_us(&service->methods),
                    flight_upload_deadline_us(&service->upload));
}

static bool methods_wants_to_send(void *ctx, uint64_t now_us, struct inbox_out *out)
{
    struct service *service = ctx;
    struct methods_answer answer;
    struct flight_chunk chunk;
    if (methods_take_answer(&service->methods, &answer)) {
        log_audit("service", "method", "method=%s status=%u",
                  answer.id < METHOD_COUNT ? method_name(answer.id) : "unknown", answer.status);
        *out = (struct inbox_out){.topic = {.kind = AZ_METHOD_ANSWER,
                                            .status = (int32_t)answer.status,
                                            .rid = answer.rid},
                                  .body = answer.body};
        return true;
    }
    if (flight_upload_next(&service->upload, now_us, &chunk)) {
        if (!service->upload.is_running) { // the chunk is text of its own
            service_lend_copy(service);
        }
        const char *device = north_device(service->cfg.north);
        *out = (struct inbox_out){.qos = 1,
                                  .topic = {.kind = AZ_EVENTS,
                                            .device_id = bytes_of(device, strlen(device)),
                                            .bag = chunk.bag},
                                  .body = chunk.body};
        return true;
    }
    return false;
}

static void nudge_is_online(void *ctx, uint64_t now_us)
{
    (void)ctx;
    (void)now_us;
}

static void nudge_arrives(void *ctx, uint64_t now_us, const struct az_topic *topic,
                          struct bytes body)
{
    struct service *service = ctx;
    nudge_message(&service->nudge, now_us, topic->bag, body);
    drain_nudges(service, now_us);
}

static void nudge_is_due(void *ctx, uint64_t now_us)
{
    struct service *service = ctx;
    nudge_tick(&service->nudge, now_us);
    drain_nudges(service, now_us);
}

static uint64_t nudge_due_us(const void *ctx)
{
    const struct service *service = ctx;
    return nudge_deadline_us(&service->nudge);
}

static bool nudge_wants_to_send(void *ctx, uint64_t now_us, struct inbox_out *out)
{
    (void)ctx;
    (void)now_us;
    (void)out;
    return false;
}

static enum err take_memory(struct service *service)
{
    const struct config *config = &service->cfg.setup->config;
    size_t size = (size_t)config->methods.flight_kb * KB;
    size_t all = ARENA_SIZE + 2 * size;
    service->arena = arena_of_zeros(calloc(1, all), all);
    const struct methods_config methods = {.config = config,
                                           .has_led = config->gateway.identify_led[0] != '\0'};
    enum err err = service->arena.data == NULL
                       ? ERR_FULL
                       : methods_init(&service->methods, &methods, &service->arena);
    uint8_t *ring = err == OK ? arena_take(&service->arena, size, 1) : NULL;
    uint8_t *copy = err == OK ? arena_take(&service->arena, size, 1) : NULL;
    if (ring == NULL || copy == NULL) {
        log_error("service", "no_memory", "bytes=%zu", all);
        free(service->arena.data);
        service->arena.data = NULL;
        return ERR_FULL;
    }
    flight_init(&service->flight, ring, size);
    uint32_t number = (uint32_t)port_now_us(); // if there is no chance to be had yet
    if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != (ssize_t)sizeof(number)) {
        log_warn("service", "flight_record", "problem=\"no random number\"");
    }
    flight_upload_init(&service->upload, copy, size, service->bus_names, number);
    return OK;
}

enum err service_open(struct service *service, const struct service_config *cfg)
{
    static const struct inbox_ops METHODS_OPS = {methods_is_online, methods_is_offline,
                                                 methods_message,   methods_is_due,
                                                 methods_due_us,    methods_wants_to_send};
    static const struct inbox_ops NUDGE_OPS = {nudge_is_online, nudge_is_online,
                                               nudge_arrives,   nudge_is_due,
                                               nudge_due_us,    nudge_wants_to_send};
    service->cfg = *cfg;
    service->start_us = port_now_us();
    for (uint32_t b = 0; b < cfg->setup->config.bus_count; b++) {
        service->bus_names[b] = cfg->setup->config.buses[b].name;
    }
    enum err err = take_memory(service);
    if (err != OK) {
        return err;
    }
    int problem = pthread_mutex_init(&service->lock, NULL);
    ASSERT(problem == 0);
    nudge_init(&service->nudge);
    north_plug(cfg->north, INBOX_METHODS, &METHODS_OPS, service);
    north_plug(cfg->north, INBOX_NUDGE, &NUDGE_OPS, service);
    log_set_tap(tap, service);
    return OK;
}

void service_close(struct service *service)
{
    if (service->arena.data == NULL) {
        return;
    }
    log_set_tap(NULL, NULL);
    if (service->is_led_open) {
        led_close(&service->led);
        service->is_led_open = false;
    }
    pthread_mutex_destroy(&service->lock);
    free(service->arena.data);
    service->arena.data = NULL;
}
