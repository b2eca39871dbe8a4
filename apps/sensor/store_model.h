// SPDX-License-Identifier: Apache-2.0
// A store full of battery sensors, as a receiver hears them: day and night, opening hours, doors,
// defrost, batteries that run down, sensors that fall silent. A pure machine: the same seed and the
// same questions give the same answers. Advanced only when asked, so an idle receiver costs
// nothing.
#ifndef SENSOR_STORE_MODEL_H
#define SENSOR_STORE_MODEL_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    STORE_SENSORS_MAX = 200,
    STORE_SILENCES_MAX = 32,
    STORE_AGE_NEVER = 65535, // no report was ever heard
    STORE_AGE_MAX = 65534,   // the age saturates here
    STORE_NOT_AVAILABLE_I16 = -32768,
    STORE_NOT_AVAILABLE_U16 = 65535,
};

enum store_status {
    STORE_BATTERY_LOW = 1 << 0,
    STORE_TEMPERATURE_FAULT = 1 << 1,
    STORE_HUMIDITY_FAULT = 1 << 2,
    STORE_DOOR_OPEN = 1 << 3,
    STORE_DEFROST = 1 << 4,
    STORE_FIRST_REPORT = 1 << 5, // the first one after the sensor restarted
};

enum store_place {
    STORE_PLACE_COLD_SHELF, // vegetables: 2 to 8 C, doors, defrost
    STORE_PLACE_FREEZER,    // -22 to -16 C, defrost
    STORE_PLACE_ROOM,       // checkout: heated
    STORE_PLACE_DOOR,       // entrance: draught from outside
};

// Sensor `slot` is not heard from `from_s` on, for `for_s` seconds of model time (0: for ever).
struct store_silence {
    uint16_t slot;
    uint32_t from_s;
    uint32_t for_s;
};

struct store_config {
    uint16_t sensor_count; // 1 to STORE_SENSORS_MAX
    uint64_t seed;
    uint32_t report_s;       // model seconds between a sensor's reports, 1 to 3600; 0: 60
    uint32_t speed;          // model seconds in a real one, 1 to 86400; 0: 1
    uint32_t start_of_day_s; // model time of day at start, 0 to 86399
    bool calm;               // no silences, faults or restarts but those listed
    uint16_t silence_count;
    struct store_silence silences[STORE_SILENCES_MAX];
};

// The last report heard of one sensor, in the units of the register map
// (docs/protocol/receiver.md).
struct store_report {
    uint16_t sequence;
    int16_t temperature_cc; // 0.01 C
    uint16_t humidity_pm;   // 0.1 %
    uint16_t battery_mv;
    int16_t signal_dbm;
    uint16_t status;   // enum store_status, or-ed
    uint16_t firmware; // major * 256 + minor
    uint32_t serial;
};

struct store_sensor {
    struct store_report last;
    uint64_t heard_at_us; // when last was heard; TIME_NEVER before the first
    // private
    enum store_place place;
    uint64_t random;
    uint64_t next_at_ms; // model time of the next report
    uint64_t silent_to_ms;
    double drift_c;   // slow wander of the temperature
    double draught_c; // what doors and defrost added, decaying
    double charge;    // 1 full to 0 empty
    double drain_per_day;
    bool restarted;
};

struct store_model {
    struct store_config config;
    struct store_sensor sensors[STORE_SENSORS_MAX];
    uint64_t start_us;
    uint32_t reports_heard;
};

// `now_us`: monotonic. ERR_ARG for a value outside its range.
NODISCARD enum err store_init(struct store_model *model, const struct store_config *config,
                              uint64_t now_us);

// Hears every report due by now. `now_us` never goes back.
void store_advance(struct store_model *model, uint64_t now_us);

// Seconds since the report was heard, real ones, as the register has it.
uint16_t store_age_s(const struct store_sensor *sensor, uint64_t now_us);

#endif
