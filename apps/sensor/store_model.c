// SPDX-License-Identifier: Apache-2.0
#include "apps/sensor/store_model.h"

#include "base/assert.h"
#include "base/time.h"

#include <math.h>
#include <string.h>

#define DAY_MS   (24.0 * 3600.0 * 1000.0)
#define PI       3.14159265358979323846
#define OPENS_H  7.0
#define CLOSES_H 21.0

enum {
    DAY_S = 86400,
    BATTERY_FULL_MV = 3600,
    BATTERY_EMPTY_MV = 2500,
    BATTERY_LOW_MV = 2800,
    JITTER_PER_CENT = 4, // of the report interval
};

struct place_traits {
    double mean_c;
    double day_c;       // amplitude over the day
    double wander_c;    // size of the slow wander
    double door_c;      // what one door opening adds
    double doors_per_h; // while the store is open
    double defrost_c;   // what one defrost adds; 0: none
    double humidity;    // per cent at mean_c
};

static const struct place_traits traits[] = {
    [STORE_PLACE_COLD_SHELF] = {4.2, 0.4, 0.35, 1.1, 9.0, 3.2, 86.0},
    [STORE_PLACE_FREEZER] = {-19.5, 0.3, 0.30, 1.6, 3.0, 5.5, 64.0},
    [STORE_PLACE_ROOM] = {20.5, 1.6, 0.30, 0.2, 4.0, 0.0, 45.0},
    [STORE_PLACE_DOOR] = {16.5, 3.5, 0.60, -0.9, 25.0, 0.0, 52.0},
};

// splitmix64: small, seeded per sensor, the same on every machine.
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

// Uniform in [0, 1).
static double random_unit(uint64_t *state)
{
    return (double)(random_next(state) >> 11) / 9007199254740992.0;
}

// About normal, mean 0, deviation 1: twelve uniform numbers, no tails to surprise a store.
static double random_normal(uint64_t *state)
{
    double sum = -6.0;
    for (int i = 0; i < 12; i++) {
        sum += random_unit(state);
    }
    return sum;
}

static enum store_place place_of(uint16_t slot)
{
    static const enum store_place cycle[] = {
        STORE_PLACE_COLD_SHELF, STORE_PLACE_COLD_SHELF, STORE_PLACE_COLD_SHELF, STORE_PLACE_FREEZER,
        STORE_PLACE_ROOM,       STORE_PLACE_ROOM,       STORE_PLACE_DOOR,       STORE_PLACE_DOOR,
    };
    return cycle[slot % COUNT_OF(cycle)];
}

static double hour_of_day(const struct store_model *model, uint64_t at_ms)
{
    double ms = (double)at_ms + (double)model->config.start_of_day_s * 1000.0;
    return fmod(ms, DAY_MS) / 3600000.0;
}

// Silence ordered by the configuration at this model time.
static bool is_silenced(const struct store_config *config, uint16_t slot, uint64_t at_ms)
{
    for (uint16_t i = 0; i < config->silence_count; i++) {
        const struct store_silence *silence = &config->silences[i];
        uint64_t from_ms = (uint64_t)silence->from_s * 1000;
        uint64_t to_ms =
            silence->for_s == 0 ? UINT64_MAX : from_ms + (uint64_t)silence->for_s * 1000;
        if (silence->slot == slot && at_ms >= from_ms && at_ms < to_ms) {
            return true;
        }
    }
    return false;
}

static uint16_t clamp_u16(double value)
{
    return value <= 0.0 ? 0 : value >= 65534.0 ? 65534 : (uint16_t)lround(value);
}

// What happened at the sensor's place in the `step_ms` up to its report.
static void live(const struct store_model *model, struct store_sensor *sensor, uint64_t step_ms)
{
    const struct place_traits *here = &traits[sensor->place];
    double hour = hour_of_day(model, sensor->next_at_ms);
    double step_h = (double)step_ms / 3600000.0;
    bool is_open = hour >= OPENS_H && hour < CLOSES_H;

    sensor->last.status = 0;
    sensor->draught_c *= exp(-step_h / 0.25); // a quarter of an hour to recover
    if (is_open && random_unit(&sensor->random) < 1.0 - exp(-here->doors_per_h * step_h)) {
        sensor->draught_c += here->door_c * (0.5 + random_unit(&sensor->random));
        sensor->last.status |= STORE_DOOR_OPEN;
    }
    // Four times a day for twenty minutes, each sensor's cooler at its own time.
    double cycle_h = fmod(hour + (double)(sensor->last.serial % 360) / 60.0, 6.0);
    if (here->defrost_c > 0.0 && cycle_h < 1.0 / 3.0) {
        sensor->draught_c += here->defrost_c * fmin(1.0, step_h * 3.0);
        sensor->last.status |= STORE_DEFROST;
    }
    double keep = exp(-step_h / 2.0);
    sensor->drift_c = sensor->drift_c * keep +
                      here->wander_c * sqrt(1.0 - keep * keep) * random_normal(&sensor->random);
    sensor->charge = fmax(0.0, sensor->charge - sensor->drain_per_day * step_h / 24.0);
}

static void measure(const struct store_model *model, struct store_sensor *sensor)
{
    const struct place_traits *here = &traits[sensor->place];
    struct store_report *report = &sensor->last;
    double hour = hour_of_day(model, sensor->next_at_ms);
    double day_c = -here->day_c * cos(2.0 * PI * (hour - 3.0) / 24.0); // coldest at three
    double celsius = here->mean_c + day_c + sensor->drift_c + sensor->draught_c +
                     0.02 * random_normal(&sensor->random);
    double humidity =
        here->humidity - 2.2 * (celsius - here->mean_c) + 0.3 * random_normal(&sensor->random);

    report->temperature_cc = (int16_t)lround(celsius * 100.0);
    report->humidity_pm = clamp_u16(fmin(fmax(humidity, 5.0), 99.9) * 10.0);
    // A lithium cell holds its voltage long and then falls; the cold takes some too.
    double fall = 1.0 - sensor->charge;
    double volts = 1.0 - 0.08 * fall - 0.92 * pow(fall, 8.0);
    report->battery_mv = clamp_u16(BATTERY_EMPTY_MV + (BATTERY_FULL_MV - BATTERY_EMPTY_MV) * volts +
                                   (celsius < 0.0 ? celsius * 2.0 : 0.0));
    report->signal_dbm = (int16_t)lround(-58.0 - (double)(report->serial % 23) +
                                         2.0 * random_normal(&sensor->random));
    if (report->battery_mv < BATTERY_LOW_MV) {
        report->status |= STORE_BATTERY_LOW;
    }
    if (sensor->restarted) {
        report->status |= STORE_FIRST_REPORT;
        sensor->restarted = false;
    }
    if (!model->config.calm && random_unit(&sensor->random) < 1e-4) {
        report->temperature_cc = STORE_NOT_AVAILABLE_I16;
        report->status |= STORE_TEMPERATURE_FAULT;
    }
}

// Now and then a sensor is out of reach, or its battery is changed and it starts anew.
static void misfortune(const struct store_model *model, struct store_sensor *sensor)
{
    if (model->config.calm) {
        return;
    }
    double per_report = (double)model->config.report_s / DAY_S;
    if (random_unit(&sensor->random) < 0.05 * per_report) {
        double minutes = 10.0 + 110.0 * random_unit(&sensor->random);
        sensor->silent_to_ms = sensor->next_at_ms + (uint64_t)(minutes * 60000.0);
    }
    if (sensor->charge <= 0.0) {
        sensor->charge = 1.0;
        sensor->restarted = true;
        sensor->silent_to_ms = sensor->next_at_ms + 3 * 3600 * 1000;
    }
}

static void report(struct store_model *model, struct store_sensor *sensor, uint16_t slot)
{
    uint64_t step_ms = (uint64_t)model->config.report_s * 1000;
    struct store_report before = sensor->last;
    live(model, sensor, step_ms);
    bool is_heard = sensor->next_at_ms >= sensor->silent_to_ms &&
                    !is_silenced(&model->config, slot, sensor->next_at_ms);
    if (is_heard) {
        measure(model, sensor);
        sensor->last.sequence++;
        sensor->heard_at_us =
            model->start_us + sensor->next_at_ms * US_PER_MS / model->config.speed;
        model->reports_heard++;
        misfortune(model, sensor);
    } else {
        sensor->last = before;
    }
    uint64_t jitter_ms = step_ms * JITTER_PER_CENT / 100;
    sensor->next_at_ms +=
        step_ms - jitter_ms / 2 + (jitter_ms > 0 ? random_next(&sensor->random) % jitter_ms : 0);
}

static void sensor_init(struct store_model *model, uint16_t slot)
{
    struct store_sensor *sensor = &model->sensors[slot];
    uint64_t period_ms = (uint64_t)model->config.report_s * 1000;
    sensor->random = model->config.seed * UINT64_C(0xd1342543de82ef95) + slot + 1;
    sensor->place = place_of(slot);
    sensor->heard_at_us = TIME_NEVER;
    sensor->next_at_ms = random_next(&sensor->random) % period_ms;
    sensor->charge = 0.15 + 0.85 * random_unit(&sensor->random);
    sensor->drain_per_day = (0.7 + 0.6 * random_unit(&sensor->random)) / (3.0 * 365.0);
    sensor->restarted = true;
    sensor->last = (struct store_report){
        .temperature_cc = STORE_NOT_AVAILABLE_I16,
        .humidity_pm = STORE_NOT_AVAILABLE_U16,
        .battery_mv = STORE_NOT_AVAILABLE_U16,
        .signal_dbm = STORE_NOT_AVAILABLE_I16,
        .firmware = 0x0102,
        .serial = 0x42570000u + (uint32_t)(random_next(&sensor->random) & 0xf000u) + slot,
    };
}

enum err store_init(struct store_model *model, const struct store_config *config, uint64_t now_us)
{
    struct store_config checked = *config;
    checked.report_s = config->report_s != 0 ? config->report_s : 60;
    checked.speed = config->speed != 0 ? config->speed : 1;
    if (checked.sensor_count < 1 || checked.sensor_count > STORE_SENSORS_MAX ||
        checked.report_s > 3600 || checked.speed > DAY_S || checked.start_of_day_s >= DAY_S ||
        checked.silence_count > STORE_SILENCES_MAX) {
        return ERR_ARG;
    }
    memset(model, 0, sizeof(*model));
    model->config = checked;
    model->start_us = now_us;
    for (uint16_t slot = 0; slot < checked.sensor_count; slot++) {
        sensor_init(model, slot);
    }
    return OK;
}

void store_advance(struct store_model *model, uint64_t now_us)
{
    ASSERT(now_us >= model->start_us);
    uint64_t model_ms = (now_us - model->start_us) * model->config.speed / US_PER_MS;
    for (uint16_t slot = 0; slot < model->config.sensor_count; slot++) {
        struct store_sensor *sensor = &model->sensors[slot];
        while (sensor->next_at_ms <= model_ms) {
            report(model, sensor, slot);
        }
    }
}

uint16_t store_age_s(const struct store_sensor *sensor, uint64_t now_us)
{
    if (sensor->heard_at_us == TIME_NEVER) {
        return STORE_AGE_NEVER;
    }
    uint64_t age_s = now_us > sensor->heard_at_us ? (now_us - sensor->heard_at_us) / US_PER_S : 0;
    return age_s > STORE_AGE_MAX ? STORE_AGE_MAX : (uint16_t)age_s;
}
