// SPDX-License-Identifier: Apache-2.0
// What a site costs on a metered hub: the gateway whole, from its configuration to the messages
// that leave, over one simulated day with the defaults of configuration and profile. 50 sensors of
// 3 points each report once a minute to the reference receiver, which is polled over a line of
// 19,200 baud. Sensors fall silent, fail and come back, each of which is told at once; the bus has
// its diagnostics; the list of points and the clock are told at the start. Limits are the demo's,
// which doors and defrosting cross more than a thousand times a day: they alert as the demo's do,
// and, in a row of its own, at once. Another row has the receiver's profile as it is shipped:
// eleven points a sensor, of which temperature and humidity go with every report. Each row is the
// costliest of some days. Reference: the goal of 450 units that a store may cost a day (a message
// for each reading would be 216,000); of what the free tier counts, in blocks of half a kilobyte,
// the 8,000 that it allows.
#include "apps/gateway/app.h"
#include "apps/gateway/journal/journal.h"
#include "apps/gateway/north/budget.h"
#include "apps/sensor/device.h"
#include "base/assert.h"
#include "modbus/rtu.h"
#include "sim/storage.h"
#include "json/writer.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SENSORS = 50,
    KEPT = 4 * SENSORS, // sensors, and points at their limits
    DAY_S = 86400,
    SEEDS = 5,
    UNITS_GOAL = 450,
    FREE_UNITS = 8000,
    BLOCK_SIZE = 4096,
    FREE_BLOCK_SIZE = 512,
    MEMORY_SIZE = 4 * 1024 * 1024,
    CONFIG_SIZE = 16 * 1024,
    QUEUE = 16,
    CHAR_US = 573, // 11 bits at 19,200 baud
    TURNAROUND_US = 5000,
    CLOCK_US = 60 * 1000000,
    KINDS = TM_MESSAGE_EVENTS + 1,
};
#define START_US (1000 * US_PER_S)
#define UTC_MS   INT64_C(1795046400000) // 2026-11-19T00:00:00Z, when the day starts

// Of a sensor three points, which are sent with every report; else as
// profiles/busward-receiver.json.
static const char PROFILE[] =
    "{\"version\":1,\"name\":\"p\",\"groups\":[{\"name\":\"sensors\",\"interval_ms\":5000},"
    "{\"name\":\"receiver\",\"interval_ms\":60000}],\"points\":["
    "{\"name\":\"map_version\",\"table\":\"input\",\"address\":0,\"group\":\"receiver\","
    "\"report\":{\"heartbeat_ms\":86400000}},"
    "{\"name\":\"uptime\",\"table\":\"input\",\"address\":2,\"type\":\"u32\",\"unit\":\"s\","
    "\"group\":\"receiver\",\"report\":{\"deadband\":3600,\"heartbeat_ms\":3600000}},"
    "{\"name\":\"reports\",\"table\":\"input\",\"address\":4,\"type\":\"u32\","
    "\"group\":\"receiver\",\"report\":{\"on_change\":true,\"heartbeat_ms\":3600000}},"
    "{\"name\":\"serial\",\"table\":\"input\",\"address\":8,\"type\":\"string\",\"length\":16,"
    "\"group\":\"receiver\",\"report\":{\"heartbeat_ms\":86400000}}],"
    "\"sensors\":{\"table\":\"input\",\"base\":100,\"stride\":10,\"slots\":200,\"sequence\":0,"
    "\"age\":1,\"age_unit_ms\":1000,\"age_max\":65534,\"age_never\":65535,\"stale_after_s\":900,"
    "\"group\":\"sensors\",\"points\":["
    "{\"name\":\"temperature\",\"address\":2,\"type\":\"i16\",\"scale\":0.01,\"unit\":\"C\","
    "\"sentinels\":[{\"value\":-32768}]},"
    "{\"name\":\"humidity\",\"address\":3,\"type\":\"u16\",\"scale\":0.1,\"unit\":\"%\","
    "\"sentinels\":[{\"value\":65535}]},"
    "{\"name\":\"battery\",\"address\":4,\"type\":\"u16\",\"scale\":0.001,\"unit\":\"V\","
    "\"sentinels\":[{\"value\":65535}]}]}}";

// How soon a limit that is crossed alerts, and when the alert is over.
enum limits { LIMITS_PATIENT, LIMITS_AT_ONCE, LIMITS_COUNT };
static const struct {
    const char *name, *keys;
} LIMITS[LIMITS_COUNT] = {
    {"as the demo alerts", ",\"hysteresis\":0.5,\"alert_after_s\":1800"},
    {"alerts at once", ""},
};

// The places of the model's slots, in its cycle, and what their temperature must keep to.
static const struct {
    const char *name;
    int low, high;
} PLACES[] = {
    {"Cold shelf", 1, 8}, {"Cold shelf", 1, 8}, {"Cold shelf", 1, 8}, {"Freezer", -26, -15},
    {"Till", 17, 26},     {"Till", 17, 26},     {"Door", 5, 28},      {"Door", 5, 28},
};

// The points of a sensor.
enum points_of { PROFILE_THREE, PROFILE_SHIPPED, PROFILE_COUNT };
static const struct {
    const char *name;
    unsigned each; // samples of each report, at least
} PROFILES[PROFILE_COUNT] = {{"p", 3}, {"busward-receiver", 2}};

struct bench {
    enum points_of profile;
    // The gateway:
    struct arena arena;
    struct config_report report;
    struct config config;
    struct id_map ids;
    struct app app;
    struct sim_medium media[LANE_COUNT];
    struct storage storage[LANE_COUNT];
    struct journal journal;
    struct tm_sample window[JOURNAL_WINDOW_MIN];
    struct journal_relay relays[KEPT];
    struct budget budget; // counts as for a hub's quota
    struct budget free;   // and as for that of the free tier
    uint64_t clock_us;
    // The line and the receiver on it:
    struct device device;
    struct line_send queue[QUEUE];
    size_t queued;
    uint64_t done_us;  // of queue[0]; TIME_NEVER: the line is free
    uint64_t asked_us; // queue[0] began
    struct line_done done;
    struct bus_figures figures;
    uint64_t now_us;
    // What came of it:
    uint64_t messages[KINDS], bytes, samples, alerts, urgent;
};

static char config_text[CONFIG_SIZE];

__attribute__((format(printf, 2, 3))) static void append(size_t *size, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int count = vsnprintf(config_text + *size, CONFIG_SIZE - *size, format, arguments);
    va_end(arguments);
    ASSERT(count >= 0 && *size + (size_t)count < CONFIG_SIZE);
    *size += (size_t)count;
}

static void write_config(enum limits limits, enum points_of profile)
{
    size_t size = 0;
    append(&size,
           "{\"gateway\":{\"id\":\"store-1\",\"name\":\"Store 1\",\"time_zone\":"
           "\"Europe/Berlin\",\"data_dir\":\"/d\"},\"buses\":[{\"name\":\"line 1\","
           "\"port\":\"tty:/dev/x\",\"baud\":19200,\"format\":\"8E1\",\"devices\":["
           "{\"name\":\"Receiver\",\"unit\":1,\"profile\":\"%s\",\"sensors\":[",
           PROFILES[profile].name);
    for (int slot = 0; slot < SENSORS; slot++) {
        const size_t place = (size_t)slot % COUNT_OF(PLACES);
        append(&size,
               "%s{\"slot\":%d,\"name\":\"%s %d\",\"limits\":[{\"point\":\"temperature\","
               "\"low\":%d,\"high\":%d%s}]}",
               slot == 0 ? "" : ",", slot, PLACES[place].name, slot + 1, PLACES[place].low,
               PLACES[place].high, LIMITS[limits].keys);
    }
    append(&size, "]}]}]}");
}

static enum err read_text(void *ctx, struct arena *arena, const char *path, struct bytes *out)
{
    (void)ctx;
    (void)arena;
    static char shipped[CONFIG_SIZE];
    const char *text = strcmp(path, "g.json") == 0            ? config_text
                       : strcmp(path, "profiles/p.json") == 0 ? PROFILE
                                                              : NULL;
    if (strcmp(path, "profiles/busward-receiver.json") == 0) {
        FILE *file = fopen(SHIPPED_PROFILE, "r");
        size_t size = file == NULL ? 0 : fread(shipped, 1, sizeof(shipped) - 1, file);
        bool is_whole = file != NULL && fclose(file) == 0 && size < sizeof(shipped) - 1;
        text = is_whole ? shipped : NULL;
    }
    if (text == NULL) {
        return ERR_NOT_FOUND;
    }
    *out = bytes_of(text, strlen(text));
    return OK;
}

static void open_gateway(struct bench *b)
{
    bool is_changed;
    b->arena = arena_of(calloc(1, MEMORY_SIZE), MEMORY_SIZE);
    ASSERT(b->arena.data != NULL);
    b->report.items = arena_take(&b->arena, CONFIG_FINDINGS_MAX, sizeof(*b->report.items));
    const struct config_source source = {.path = "g.json", .files = {.read = read_text}};
    enum err err = config_load(&source, &b->arena, &b->report, &b->config);
    for (size_t i = 0; i < b->report.count; i++) {
        char line[CONFIG_LINE_SIZE];
        report_line(&b->report.items[i], line, sizeof(line));
        fprintf(stderr, "%s\n", line);
    }
    ASSERT(err == OK);
    err = id_map_load(&b->ids, bytes_of(NULL, 0), 1000, &b->arena);
    ASSERT(err == OK);
    err = app_init(&b->app, &b->config, &b->arena, &b->ids, &is_changed);
    ASSERT(err == OK && b->app.points.relay_count == SENSORS);
    ASSERT(b->app.points.diagnostics[0].count > 0);
    app_start(&b->app, b->now_us);
}

static void open_journal(struct bench *b)
{
    const struct config_telemetry *telemetry = &b->config.telemetry;
    struct journal_config cfg = {.bytes_max = b->config.journal.bytes_max,
                                 .segment_size = b->config.journal.segment_size,
                                 .sync_ms = telemetry->sync_ms,
                                 .max_age_ms = telemetry->max_age_ms,
                                 .watch_age_ms = telemetry->watch_age_ms,
                                 .journal_id = UINT64_C(0x9e3779b97f4a7c15),
                                 .boot = 1,
                                 .window = b->window,
                                 .window_capacity = JOURNAL_WINDOW_MIN,
                                 .relays = b->relays,
                                 .relay_capacity = KEPT};
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        sim_medium_init(&b->media[lane], 1 + (uint64_t)lane);
        b->storage[lane] = sim_storage(&b->media[lane]);
        cfg.storage[lane] = &b->storage[lane];
    }
    struct journal_recovery found;
    enum err err = journal_open(&b->journal, &cfg, b->now_us, &found);
    ASSERT(err == OK);
    journal_set_catalogue(&b->journal, b->now_us, &b->app.catalogue);
    budget_init(&b->budget, &(struct budget_config){.block_size = telemetry->meter_block_size},
                (struct journal_budget){0});
    budget_init(&b->free, &(struct budget_config){.block_size = FREE_BLOCK_SIZE},
                (struct journal_budget){0});
    ASSERT(telemetry->meter_block_size == BLOCK_SIZE);
}

static void open_bench(struct bench *b, enum points_of profile, uint64_t seed)
{
    memset(b, 0, sizeof(*b));
    b->profile = profile;
    b->now_us = b->clock_us = START_US;
    b->done_us = TIME_NEVER;
    const struct device_config receiver = {
        .unit = 1,
        .is_serial = true,
        .serial = "BW-1",
        .store = {.sensor_count = SENSORS, .seed = seed, .report_s = 60}};
    enum err err = device_init(&b->device, &receiver, b->now_us);
    ASSERT(err == OK);
    open_gateway(b);
    open_journal(b);
    const struct bus_event up = {.kind = BUS_UP, .at_us = b->now_us};
    app_bus_event(&b->app, b->now_us, 0, &up);
}

static void close_bench(struct bench *b)
{
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        sim_medium_deinit(&b->media[lane]);
    }
    free(b->arena.data);
}

// --- the way out ---------------------------------------------------------------------------------

static void deliver(struct bench *b)
{
    uint8_t buffer[JOURNAL_PAYLOAD_SIZE_MAX];
    char bag[TM_BAG_SIZE_MAX];
    size_t bag_size = 0;
    struct journal_message message;
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        while (journal_next_message(&b->journal, b->now_us, lane, buffer, &message) == OK) {
            enum err err = tm_bag_write(&message.bag, bag, sizeof(bag), &bag_size);
            ASSERT(err == OK && (int)message.bag.kind < KINDS);
            b->messages[message.bag.kind]++;
            b->bytes += message.payload.size;
            budget_published(&b->budget, b->now_us, message.payload.size + bag_size);
            journal_ack(&b->journal, b->now_us, lane, message.ordinal);
            budget_acked(&b->budget, b->now_us);
            budget_published(&b->free, b->now_us, message.payload.size + bag_size);
            budget_acked(&b->free, b->now_us);
        }
    }
}

static void tick_journal(struct bench *b)
{
    while (journal_deadline_us(&b->journal) <= b->now_us) {
        journal_tick(&b->journal, b->now_us);
        deliver(b);
    }
}

static void look_at_clock(struct bench *b)
{
    if (b->now_us >= b->clock_us) {
        const int64_t past_ms = (int64_t)((b->now_us - START_US) / US_PER_MS);
        journal_set_clock(&b->journal, b->now_us, (struct wall_time){.utc_ms = UTC_MS + past_ms});
        b->clock_us = b->now_us + CLOCK_US;
    }
}

static void add_event(struct bench *b, const struct tm_event *event)
{
    b->alerts++;
    bool is_taken = journal_add_event(&b->journal, b->now_us, event);
    if (!is_taken) { // as many as the journal holds at once: a commit in between
        journal_tick(&b->journal, b->now_us);
        is_taken = journal_add_event(&b->journal, b->now_us, event);
    }
    ASSERT(is_taken);
}

static void drain(struct bench *b)
{
    struct app_out out;
    enum err err = OK;
    while (app_next(&b->app, b->now_us, &out)) {
        switch (out.kind) {
        case APP_OUT_SEND:
            ASSERT(b->queued < QUEUE);
            b->queue[b->queued++] = out.send;
            break;
        case APP_OUT_SAMPLE:
            b->samples++;
            err = journal_add(&b->journal, b->now_us, &out.sample);
            if (out.is_urgent) {
                b->urgent++;
                journal_hurry(&b->journal, b->now_us);
            }
            break;
        case APP_OUT_RELAY:
            err = journal_set_relay(&b->journal, b->now_us,
                                    &(struct journal_relay){.key = out.key,
                                                            .sequence = out.relay.sequence,
                                                            .at_us = out.relay.at_us});
            break;
        case APP_OUT_LIMIT:
            if (out.has_event) {
                add_event(b, &out.event);
            }
            if (out.has_beyond) {
                err = journal_set_relay(&b->journal, b->now_us,
                                        &(struct journal_relay){.key = out.key,
                                                                .sequence = out.beyond != 0,
                                                                .at_us = out.beyond_from_us});
            }
            break;
        case APP_OUT_UNIT: break;
        case APP_OUT_CANCEL: // a receiver that answers is never given up
        case APP_OUT_RESUME:
        case APP_OUT_REFUSED:
        case APP_OUT_CUT:
        case APP_OUT_ANSWER: ASSERT(false);
        }
        ASSERT(err == OK);
    }
}

// --- the line ------------------------------------------------------------------------------------

static void start_frame(struct bench *b)
{
    if (b->queued == 0 || b->done_us != TIME_NEVER) {
        return;
    }
    const struct line_send *send = &b->queue[0];
    uint8_t pdu[MB_PDU_SIZE_MAX];
    struct writer reply = writer_of(pdu, sizeof(pdu));
    struct writer frame = writer_of(b->done.reply, sizeof(b->done.reply));
    struct mb_frame asked;
    enum err err = mb_rtu_decode(bytes_of(send->frame, send->frame_size), &asked);
    const uint64_t heard_us = b->now_us + (uint64_t)send->frame_size * CHAR_US;
    bool has_reply = err == OK && device_request(&b->device, heard_us, &asked, &reply);
    err = has_reply ? mb_rtu_encode(asked.unit, writer_bytes(&reply), &frame) : ERR_STATE;
    ASSERT(err == OK);
    b->done.token = send->token;
    b->done.outcome = LINE_REPLY;
    b->done.reply_size = (uint16_t)frame.size;
    b->done.tx_first_us = b->now_us;
    b->done.tx_end_us = heard_us;
    b->done.rx_first_us = heard_us + TURNAROUND_US + CHAR_US;
    b->done.rx_last_us = b->done_us = heard_us + TURNAROUND_US + frame.size * CHAR_US;
    b->figures.line.wire_us += (send->frame_size + frame.size) * CHAR_US;
}

static void end_frame(struct bench *b)
{
    if (b->now_us < b->done_us) {
        return;
    }
    struct bus_event event = {.kind = BUS_DONE, .at_us = b->now_us, .done = b->done};
    b->done_us = TIME_NEVER;
    b->queued--;
    memmove(&b->queue[0], &b->queue[1], b->queued * sizeof(b->queue[0]));
    b->figures.line.done_count[LINE_REPLY]++;
    app_bus_event(&b->app, b->now_us, 0, &event);
    drain(b);
}

static void turn(struct bench *b)
{
    look_at_clock(b);
    end_frame(b);
    if (app_wants_figures(&b->app, b->now_us, 0)) {
        app_figures(&b->app, b->now_us, 0, &b->figures);
        drain(b);
    }
    app_tick(&b->app, b->now_us);
    drain(b);
    start_frame(b);
    tick_journal(b);
}

// All that leaves in a day, and at its end what still waited for company.
static void run_day(struct bench *b)
{
    const uint64_t end_us = START_US + DAY_S * US_PER_S;
    while (b->now_us < end_us) {
        turn(b);
        uint64_t next_us = time_min(app_deadline_us(&b->app), b->done_us);
        next_us = time_min(next_us, journal_deadline_us(&b->journal));
        next_us = time_min(next_us, b->clock_us);
        b->now_us = next_us > b->now_us ? next_us : b->now_us + 1;
    }
    journal_flush(&b->journal, b->now_us);
    deliver(b);
    const struct journal_stats *stats = &b->journal.stats;
    ASSERT(stats->samples == b->samples && stats->samples_dropped + stats->samples_lost == 0);
    ASSERT(journal_waiting(&b->journal, LANE_TELEMETRY) == 0);
    ASSERT(b->messages[TM_MESSAGE_SAMPLES] > 0 && b->messages[TM_MESSAGE_CATALOGUE] > 0);
    const uint64_t each = PROFILES[b->profile].each;
    ASSERT(b->samples > each * SENSORS * DAY_S / 60 * 9 / 10);
}

struct most {
    uint64_t messages, units, free_units;
};

// The costliest of some days.
static struct most run_days(struct bench *b, enum limits limits, enum points_of profile)
{
    struct most most = {.messages = 0};
    write_config(limits, profile);
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        open_bench(b, profile, seed);
        run_day(b);
        printf("units: profile %s, %s, store %" PRIu64 ": %" PRIu64 " samples a day (%" PRIu64
               " urgent) and %" PRIu64 " alerts in %" PRIu64 " + %" PRIu64 " + %" PRIu64
               " messages (samples, list of points, events): %" PRIu32 " units, %" PRIu32
               " of the free tier\n",
               PROFILES[profile].name, LIMITS[limits].name, seed, b->samples, b->urgent, b->alerts,
               b->messages[TM_MESSAGE_SAMPLES], b->messages[TM_MESSAGE_CATALOGUE],
               b->messages[TM_MESSAGE_EVENTS], b->budget.used, b->free.used);
        most.messages = b->budget.sent > most.messages ? b->budget.sent : most.messages;
        most.units = b->budget.used > most.units ? b->budget.used : most.units;
        most.free_units = b->free.used > most.free_units ? b->free.used : most.free_units;
        close_bench(b);
    }
    return most;
}

static void put_row(struct json_writer *w, const char *name, uint64_t value, const char *unit,
                    unsigned reference)
{
    json_begin_object(w);
    json_put_key_string(w, "name", name);
    json_put_key_double(w, "value", (double)value);
    json_put_key_string(w, "unit", unit);
    json_put_key_string(w, "better", "lower");
    json_put_key_double(w, "reference", reference);
    json_put_key_double(w, "ratio", (double)value / reference);
    json_end_object(w);
}

int main(int argc, char **argv)
{
    static struct bench b;
    if (argc != 3 || strcmp(argv[1], "--out") != 0) {
        fprintf(stderr, "usage: bench_units --out FILE\n");
        return 2;
    }
    const struct most patient = run_days(&b, LIMITS_PATIENT, PROFILE_THREE);
    const struct most at_once = run_days(&b, LIMITS_AT_ONCE, PROFILE_THREE);
    const struct most shipped = run_days(&b, LIMITS_PATIENT, PROFILE_SHIPPED);
    char text[1024];
    struct json_writer w;
    json_writer_init(&w, text, sizeof(text));
    json_begin_array(&w);
    put_row(&w, "telemetry.messages_per_day", patient.messages, "messages", UNITS_GOAL);
    put_row(&w, "telemetry.units_per_day", patient.units, "units", UNITS_GOAL);
    put_row(&w, "telemetry.at_once_units_per_day", at_once.units, "units", UNITS_GOAL);
    put_row(&w, "telemetry.shipped_units_per_day", shipped.units, "units", UNITS_GOAL);
    put_row(&w, "telemetry.free_tier_units", patient.free_units, "units", FREE_UNITS);
    json_end_array(&w);
    struct bytes json = json_writer_bytes(&w);
    FILE *file = fopen(argv[2], "w");
    if (file == NULL || fwrite(json.data, 1, json.size, file) != json.size || fclose(file) != 0) {
        perror(argv[2]);
        return 1;
    }
    return 0;
}
