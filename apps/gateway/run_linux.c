// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/run_linux.h"

#include "apps/gateway/config/profile_words.h"
#include "apps/gateway/poll/outcome.h"
#include "base/assert.h"
#include "modbus/codes.h"
#include "port/api/clock.h"
#include "port/linux/bus.h"
#include "port/linux/log.h"

enum { EVENTS_PER_TURN_MAX = 64 };
#define TOLD_AGAIN_US US_PER_MIN

static void tell_unit(const struct run *run, const struct app_out *out)
{
    static const char *const STATES[] = {"online", "probing", "suspended"};
    const struct unit *unit = &run->setup.app.points.units[out->unit];
    const struct config_bus *bus = &run->setup.config.buses[unit->bus];
    if (out->state == UNIT_SUSPENDED) {
        log_warn("poll", "unit", "bus=%s unit=%u device=%s state=%s why=%s hint=%s",
                 log_quote(bus->name).text, unit->device->unit, log_quote(unit->device->name).text,
                 STATES[out->state], poll_failure_name(out->failure),
                 log_quote(poll_failure_hint(out->failure)).text);
        return;
    }
    log_event(out->state == UNIT_ONLINE ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG, "poll", "unit",
              "bus=%s unit=%u device=%s state=%s", log_quote(bus->name).text, unit->device->unit,
              log_quote(unit->device->name).text, STATES[out->state]);
}

static void tell_refused(const struct run *run, const struct app_out *out)
{
    const struct unit *unit = &run->setup.app.points.units[out->unit];
    log_warn("poll", "refused", "unit=%u device=%s table=%s address=%u count=%u exception=%s",
             unit->device->unit, log_quote(unit->device->name).text, TABLE_WORDS[out->block.table],
             out->block.address, out->block.count,
             log_quote(mb_exception_name(out->exception)).text);
}

// Told of a unit's first cut alone: the others follow from it.
static void tell_cut(const struct run *run, const struct app_out *out)
{
    const struct unit *unit = &run->setup.app.points.units[out->unit];
    log_warn("poll", "cut",
             "unit=%u device=%s table=%s address=%u count=%u reason=\"illegal address: read in "
             "parts, and as one again if they are all answered\"",
             unit->device->unit, log_quote(unit->device->name).text, TABLE_WORDS[out->block.table],
             out->block.address, out->block.count);
}

static void tell_overrun(struct run *run, uint64_t now_us, uint32_t b)
{
    const struct poller_stats *stats = &run->setup.app.buses[b].poller.stats;
    if (stats->skipped == run->skipped[b] || now_us < run->told_us[b] + TOLD_AGAIN_US) {
        return;
    }
    log_warn("poll", "overrun", "bus=%s skipped=%llu late_max_ms=%llu",
             log_quote(run->setup.config.buses[b].name).text,
             (unsigned long long)(stats->skipped - run->skipped[b]),
             (unsigned long long)(stats->late_max_us / US_PER_MS));
    run->skipped[b] = stats->skipped;
    run->told_us[b] = now_us;
}

// Nobody can be asked while others talk without a pause; no unit is to blame.
static void tell_line_busy(struct run *run, uint64_t now_us, uint32_t b)
{
    const uint64_t unsent = run->setup.app.buses[b].poller.stats.unsent;
    if (unsent == run->unsent[b] || now_us < run->unsent_told_us[b]) {
        return;
    }
    log_warn("poll", "line_busy", "bus=%s unsent=%llu hint=%s",
             log_quote(run->setup.config.buses[b].name).text,
             (unsigned long long)(unsent - run->unsent[b]),
             log_quote(poll_failure_hint(POLL_BUSY)).text);
    run->unsent[b] = unsent;
    run->unsent_told_us[b] = now_us + TOLD_AGAIN_US;
}

static void tell_bus(const struct run *run, uint32_t b, const struct bus_event *event)
{
    const struct config_bus *bus = &run->setup.config.buses[b];
    if (event->kind == BUS_UP) {
        const bool has_note = event->detail[0] != '\0';
        log_info("bus", "up", "bus=%s port=%s%s%s", log_quote(bus->name).text,
                 log_quote(bus->port).text, has_note ? " note=" : "",
                 has_note ? log_quote(event->detail).text : "");
    } else if (event->kind == BUS_DOWN) {
        log_warn("bus", "down", "bus=%s port=%s reason=%s", log_quote(bus->name).text,
                 log_quote(bus->port).text, log_quote(event->detail).text);
    }
}

static void take_limit(struct run *run, uint64_t now_us, const struct app_out *out)
{
    if (out->has_event) {
        north_add_event(run->north, now_us, &out->event);
    }
    if (out->has_beyond) {
        north_set_beyond(run->north, now_us, out->key, out->beyond, out->beyond_from_us);
    }
}

static void act(struct run *run, uint64_t now_us, const struct app_out *out)
{
    switch (out->kind) {
    case APP_OUT_SEND: {
        enum err err = bus_send(run->buses[out->bus], &out->send);
        ASSERT(err == OK); // the poller hands over fewer than the line's queue holds
        service_sent(&run->service, now_us, out->bus, &out->send);
        break;
    }
    case APP_OUT_CANCEL: bus_cancel(run->buses[out->bus], out->token); break;
    case APP_OUT_RESUME: bus_resume(run->buses[out->bus]); break;
    case APP_OUT_SAMPLE:
        log_debug("poll", "sample", "point=%u quality=%s at_us=%llu value=%.9g", out->sample.point,
                  tm_quality_name(out->sample.quality), (unsigned long long)out->sample.at_us,
                  tm_value_double(&out->sample.value));
        north_add(run->north, now_us, &out->sample);
        if (out->is_urgent) {
            north_hurry(run->north, now_us);
        }
        break;
    case APP_OUT_RELAY:
        north_set_relay(run->north, now_us, out->key, out->relay.sequence, out->relay.at_us);
        break;
    case APP_OUT_LIMIT: take_limit(run, now_us, out); break;
    case APP_OUT_UNIT: tell_unit(run, out); break;
    case APP_OUT_REFUSED: tell_refused(run, out); break;
    case APP_OUT_CUT: tell_cut(run, out); break;
    case APP_OUT_ANSWER: service_answer(&run->service, now_us, out->bus, &out->answer); break;
    }
}

static void drain(struct run *run, uint64_t now_us)
{
    struct app_out out;
    while (app_next(&run->setup.app, now_us, &out)) {
        act(run, now_us, &out);
    }
}

static void take_figures(struct run *run, uint64_t now_us)
{
    for (uint32_t b = 0; b < run->setup.config.bus_count; b++) {
        if (app_wants_figures(&run->setup.app, now_us, b)) {
            struct bus_figures figures;
            bus_figures(run->buses[b], &figures);
            app_figures(&run->setup.app, now_us, b, &figures);
            drain(run, now_us);
        }
    }
}

static uint64_t turn(void *ctx, uint64_t now_us)
{
    struct run *run = ctx;
    struct app *app = &run->setup.app;
    struct bus_event event;
    bool has_more = false;
    for (uint32_t b = 0; b < app->config->bus_count; b++) {
        int count = 0;
        while (count < EVENTS_PER_TURN_MAX && bus_next(run->buses[b], &event)) {
            tell_bus(run, b, &event);
            service_heard(&run->service, now_us, b, &event);
            app_bus_event(app, now_us, b, &event);
            drain(run, now_us);
            count++;
        }
        has_more = has_more || count == EVENTS_PER_TURN_MAX;
        tell_overrun(run, now_us, b);
        tell_line_busy(run, now_us, b);
    }
    take_figures(run, now_us);
    app_tick(app, now_us);
    drain(run, now_us);
    service_turn(&run->service, now_us);
    drain(run, now_us);
    uint64_t remote_us = remote_turn(run->remote, now_us);
    uint64_t north_us = time_min(north_turn(run->north, now_us), remote_us);
    drain(run, now_us); // what the hub asked for meanwhile
    return has_more ? now_us : time_min(north_us, app_deadline_us(app));
}

// The turn that follows takes the events.
static void on_bus(void *ctx, int fd)
{
    (void)ctx;
    (void)fd;
}

// What an earlier run knew: what was taken of relayed sensors, and what was told of limits.
static void take_over(struct run *run)
{
    struct app *app = &run->setup.app;
    const struct points *points = &app->points;
    for (uint32_t i = 0; i < points->relay_count; i++) {
        struct sampler_relay relay = {0};
        if (north_find_relay(run->north, points->relays[i].id, &relay.sequence, &relay.at_us)) {
            app_set_relay(app, i, &relay);
        }
    }
    for (uint32_t i = 0; i < points->point_count; i++) {
        int side = 0;
        int beyond = 0;
        uint64_t beyond_from_us = 0;
        north_find_limit(run->north, points->all[i].id, &side, &beyond, &beyond_from_us);
        if (side != 0 || beyond != 0) {
            app_set_limit(app, i, side, beyond, beyond_from_us);
        }
    }
}

static enum err open_north(struct run *run)
{
    const struct config *c = &run->setup.config;
    bool has_hub = c->hub.node != NULL;
    struct north_config cfg = {
        .loop = &run->loop,
        .keys = run->setup.keys,
        .key_count = run->setup.key_count,
        .relay_count = run->setup.app.points.relay_count,
        .prepare = setup_store_ids,
        .prepare_ctx = &run->setup,
        .data_dir = c->gateway.data_dir,
        .bytes_max = c->journal.bytes_max,
        .segment_size = c->journal.segment_size,
        .age_max_s = (uint32_t)(c->telemetry.age_max_h * 3600),
        .order = (enum journal_order)c->journal.order,
        .backfill_messages_per_min = c->telemetry.backfill_messages_per_min,
        .budget_per_day = c->telemetry.budget_per_day,
        .meter_block_size = c->telemetry.meter_block_size,
        .has_will = c->hub.has_will,
        .proxy = c->hub.proxy,
        .proxy_login_file = c->hub.proxy_login_file,
        .keep_alive_s = (uint16_t)c->hub.keep_alive_s,
        .retry_max_s = c->hub.retry_max_s,
        .sync_ms = c->telemetry.sync_ms,
        .max_age_ms = c->telemetry.max_age_ms,
        .watch_age_ms = c->telemetry.watch_age_ms,
        .trust_clock = run->trust_clock,
        .sync_trace = run->sync_trace,
        .host = has_hub ? c->hub.host : NULL,
        .address = has_hub ? c->hub.address : NULL,
        .port = (uint16_t)c->hub.port,
        .device_id = c->hub.device_id,
        .gateway_id = c->gateway.id,
        .key_file = c->hub.key_file,
        .certificate_file = c->hub.certificate_file,
        .private_key_file = c->hub.private_key_file,
        .ca_file = c->hub.ca_file,
        .expiry_alarm_days = c->hub.expiry_alarm_days,
    };
    const struct config_provisioning *dps = &c->hub.provisioning;
    if (has_hub && dps->node != NULL) {
        cfg.dps.host = dps->dps_host;
        cfg.dps.address = dps->dps_address;
        cfg.dps.port = (uint16_t)dps->dps_port;
        cfg.dps.id_scope = dps->id_scope;
        cfg.dps.registration_id = dps->registration_id;
        cfg.dps.group_key_file = dps->group_key_file;
        cfg.dps.payload = dps->payload;
    }
    enum err err = north_open(&run->north, &cfg);
    if (err != OK) {
        return err;
    }
    const struct remote_options remote = {.loop = &run->loop,
                                          .north = run->north,
                                          .setup = &run->setup.remote,
                                          .app = &run->setup.app};
    err = remote_open(&run->remote, &remote);
    if (err != OK) {
        north_close(run->north);
        return err;
    }
    take_over(run);
    north_set_catalogue(run->north, &run->setup.app.catalogue);
    return OK;
}

static void on_restart(void *ctx)
{
    struct run *run = ctx;
    run->must_restart = true;
    loop_stop(&run->loop);
}

static void on_refresh_twin(void *ctx, uint64_t now_us)
{
    struct run *run = ctx;
    remote_refresh(run->remote, now_us);
}

static void on_report(void *ctx, uint64_t now_us, struct bytes patch)
{
    struct run *run = ctx;
    remote_report(run->remote, now_us, patch);
}

static enum err open_service(struct run *run)
{
    const struct service_config cfg = {.setup = &run->setup,
                                       .buses = run->buses,
                                       .north = run->north,
                                       .restart = on_restart,
                                       .report = on_report,
                                       .refresh_twin = on_refresh_twin,
                                       .ctx = run};
    return service_open(&run->service, &cfg);
}

static enum err open_buses(struct run *run)
{
    for (uint32_t b = 0; b < run->setup.config.bus_count; b++) {
        enum err err = setup_bus(&run->setup.config, b, &run->buses[b]);
        err = err == OK ? loop_watch(&run->loop, bus_fd(run->buses[b]), on_bus, run) : err;
        if (err != OK) {
            return err;
        }
    }
    return OK;
}

static enum err run_once(struct run *run)
{
    enum err err = setup_app(&run->setup);
    if (err != OK) {
        return err;
    }
    err = loop_init(&run->loop, turn, run);
    if (err != OK) {
        log_error("gateway", "loop", "error=%s", err_name(err));
        return err;
    }
    err = open_north(run);
    if (err != OK) {
        loop_deinit(&run->loop);
        return err;
    }
    app_start(&run->setup.app, port_now_us());
    err = open_service(run);
    err = err == OK ? open_buses(run) : err;
    if (err == OK) {
        log_info("gateway", "start", "name=%s points=%zu buses=%zu config=%016llx",
                 log_quote(run->setup.config.gateway.name).text, run->setup.app.points.point_count,
                 run->setup.config.bus_count, (unsigned long long)run->setup.config.hash);
        loop_run(&run->loop);
        log_info("gateway", "stop", "name=%s", log_quote(run->setup.config.gateway.name).text);
    }
    for (uint32_t b = 0; b < run->setup.config.bus_count; b++) {
        bus_close(run->buses[b]);
    }
    bool is_wanted = run->must_restart || remote_wants_restart(run->remote);
    bool must_restart = is_wanted && !run->loop.is_told; // who wants it to stop wins
    remote_close(run->remote);
    north_close(run->north);
    service_close(&run->service);
    loop_deinit(&run->loop);
    return err == OK && must_restart ? ERR_AGAIN : err;
}

enum err run_gateway(struct run *run)
{
    enum err err = run_once(run);
    bool is_lost = err != OK && err != ERR_AGAIN;
    return is_lost && remote_setup_failed(&run->setup.remote, "the gateway cannot start with it")
               ? ERR_AGAIN
               : err;
}
