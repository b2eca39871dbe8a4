// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/methods/diagnose.h"

#include "base/time.h"

enum { UNITS_TOLD_MAX = 64 }; // of all buses together: those in trouble first

static const char *const UNIT_STATES[] = {"online", "probing", "suspended"};

static void put_unit(const struct poller *poller, const struct points *points, size_t index,
                     struct json_writer *out)
{
    const struct poller_unit *unit = &poller->units[index];
    const struct unit *u = &points->units[poller->unit_first + index];
    json_begin_object(out);
    json_put_key_u64(out, "unit", u->device->unit);
    json_put_key_string(out, "device", u->device->name);
    json_put_key_string(out, "state", UNIT_STATES[unit->state]);
    json_put_key_u64(out, "requests", unit->counts.requests);
    json_put_key_u64(out, "replies", unit->counts.replies);
    json_put_key_u64(out, "exceptions", unit->counts.exceptions);
    json_put_key_u64(out, "timeouts", unit->counts.timeouts);
    json_put_key_u64(out, "bad", unit->counts.bad);
    json_put_key_u64(out, "delay_us", unit->delay_us);
    json_end_object(out);
}

static void put_units(const struct poller *poller, const struct points *points, size_t most,
                      struct json_writer *out)
{
    size_t left = most;
    json_put_key(out, "units");
    json_begin_array(out);
    for (int is_online = 0; is_online <= 1; is_online++) {
        for (size_t i = 0; i < poller->unit_count && left > 0; i++) {
            if ((poller->units[i].state == UNIT_ONLINE) == (is_online == 1)) {
                put_unit(poller, points, i, out);
                left--;
            }
        }
    }
    json_end_array(out);
    json_put_key_u64(out, "unit_count", poller->unit_count);
}

static void put_line(const struct bus_figures *figures, struct json_writer *out)
{
    json_put_key(out, "outcomes");
    json_begin_object(out);
    for (int i = 0; i < LINE_OUTCOME_COUNT; i++) {
        if (figures->line.done_count[i] > 0) {
            json_put_key_u64(out, line_outcome_name((enum line_outcome)i),
                             figures->line.done_count[i]);
        }
    }
    json_end_object(out);
    json_put_key_u64(out, "stray_bytes",
                     figures->line.late_bytes + figures->line.unsolicited_bytes);
    json_put_key_u64(out, "character_errors", figures->line.char_errors);
    if (figures->has_core) {
        json_put_key_string(out, "firmware", figures->firmware);
        json_put_key_u64(out, "core_sessions", figures->core_sessions);
        json_put_key_u64(out, "clock_error_us", figures->clock_error_us);
        json_put_key_u64(out, "overruns", figures->overruns);
    }
}

static void put_bus(const struct app *app, uint32_t bus, const struct bus_figures *figures,
                    struct json_writer *out)
{
    const struct app_bus *b = &app->buses[bus];
    json_begin_object(out);
    json_put_key_string(out, "bus", app->config->buses[bus].name);
    json_put_key_string(out, "port", app->config->buses[bus].port);
    json_put_key_bool(out, "up", b->is_up);
    json_put_key_u64(out, "asked", b->poller.stats.asked);
    json_put_key_u64(out, "read", b->poller.stats.read);
    json_put_key_u64(out, "late", b->poller.stats.late);
    json_put_key_u64(out, "skipped", b->poller.stats.skipped);
    json_put_key_u64(out, "busy_ms", b->poller.stats.busy_us / US_PER_MS);
    json_put_key_u64(out, "dead_ms", b->poller.stats.dead_us / US_PER_MS);
    put_line(figures, out);
    put_units(&b->poller, &app->points, UNITS_TOLD_MAX / app->config->bus_count, out);
    json_end_object(out);
}

static void put_uplink(const struct diagnose_facts *facts, struct json_writer *out)
{
    static const char *const STATES[] = {"idle", "connecting", "subscribing", "online", "waiting"};
    json_put_key(out, "uplink");
    json_begin_object(out);
    json_put_key_string(out, "state", STATES[facts->state]);
    json_put_key_u64(out, "connects", facts->uplink.connects);
    json_put_key_u64(out, "refusals", facts->uplink.refusals);
    json_put_key_u64(out, "losses", facts->uplink.losses);
    json_put_key_u64(out, "renewals", facts->uplink.renewals);
    json_put_key_u64(out, "published", facts->uplink.published);
    json_put_key_u64(out, "republished", facts->uplink.republished);
    json_put_key_u64(out, "acknowledged", facts->uplink.acknowledged);
    json_end_object(out);
}

static void put_journal(const struct diagnose_facts *facts, struct json_writer *out)
{
    json_put_key(out, "journal");
    json_begin_object(out);
    json_put_key_bool(out, "failing", facts->is_failing);
    json_put_key_u64(out, "samples", facts->journal.samples);
    json_put_key_u64(out, "samples_dropped", facts->journal.samples_dropped + facts->queue_dropped);
    json_put_key_u64(out, "samples_lost", facts->journal.samples_lost);
    json_put_key_u64(out, "messages", facts->journal.messages);
    json_put_key_u64(out, "commits", facts->journal.commits);
    json_put_key_u64(out, "commit_errors", facts->journal.commit_errors);
    json_put_key_u64(out, "bytes", facts->journal.bytes);
    json_put_key_u64(out, "bytes_today", facts->bytes_today);
    json_end_object(out);
}

void diagnose_write(const struct app *app, const struct diagnose_facts *facts,
                    const struct methods *methods, const struct nudge *nudge,
                    struct json_writer *out)
{
    json_put_key_string(out, "version", facts->version);
    json_put_key(out, "config");
    json_put_hex64(out, app->config->hash);
    json_put_key_u64(out, "uptime_s", facts->uptime_us / US_PER_S);
    json_put_key_u64(out, "memory_kb", facts->memory_kb);
    json_put_key_bool(out, "clock_known", facts->is_clock_known);
    json_put_key_i64(out, "utc_ms", facts->utc_ms);
    json_put_key_u64(out, "points", app->points.point_count);
    put_uplink(facts, out);
    put_journal(facts, out);
    json_put_key(out, "methods");
    json_begin_object(out);
    json_put_key_u64(out, "calls", methods->stats.calls);
    json_put_key_u64(out, "refused", methods->stats.refused);
    json_end_object(out);
    json_put_key(out, "nudges");
    json_begin_object(out);
    json_put_key_u64(out, "watch", nudge->watched);
    json_put_key_u64(out, "sync", nudge->syncs);
    json_put_key_u64(out, "twin", nudge->twins);
    json_put_key_u64(out, "unknown", nudge->unknown);
    json_end_object(out);
    json_put_key(out, "buses");
    json_begin_array(out);
    for (uint32_t b = 0; b < app->config->bus_count; b++) {
        put_bus(app, b, &facts->figures[b], out);
    }
    json_end_array(out);
}
