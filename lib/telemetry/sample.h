// SPDX-License-Identifier: Apache-2.0
// A sample: what one point was at one time, and how far to trust it.
#ifndef TELEMETRY_SAMPLE_H
#define TELEMETRY_SAMPLE_H

#include "base/bytes.h"
#include "telemetry/telemetry_limits.h"

// The enums take one byte each, so that a sample is 32 bytes.
enum tm_quality { TM_GOOD, TM_STALE, TM_BAD } __attribute__((packed));

// Why a sample is not good. Words in tm_reason_name(), which are also those of the message.
enum tm_reason {
    TM_REASON_NONE,        // good
    TM_REASON_SILENT,      // stale: the sensor has not reported for longer than its interval allows
    TM_REASON_NEVER,       // stale: never heard since the receiver started
    TM_REASON_TIMEOUT,     // stale: the unit does not answer
    TM_REASON_SUSPENDED,   // stale: polled seldom, since the unit kept failing
    TM_REASON_PORT,        // stale: the serial port or connection is gone
    TM_REASON_EXCEPTION,   // bad: the unit answered with a Modbus exception
    TM_REASON_UNAVAILABLE, // bad: the device sent its "not available" value
    TM_REASON_FAULT,       // bad: the device reports a fault of this sensor
    TM_REASON_RANGE,       // bad: the value cannot be represented, or lies outside its valid range
    TM_REASON_CONFIG,      // stale: the point was taken out of the configuration
    TM_REASON_OTHER,       // a word from a newer version
    // The numbers above are in journals and stores, so new ones come behind.
    TM_REASON_GARBLED, // stale: what came from the unit is no answer
    TM_REASON_NO_ECHO, // stale: the bus does not hear what it sends, though it is said to
    TM_REASON_BUSY,    // stale: the bus was never quiet, so nothing could be asked
} __attribute__((packed));
#define TM_REASON_LAST TM_REASON_BUSY

enum tm_kind {
    TM_NULL,   // no value: stale or bad
    TM_INT,    // u.i x 10^exponent
    TM_DOUBLE, // u.d; never infinite or NaN
    TM_BOOL,   // u.b
    TM_ENUM,   // u.i, a code with a label in the catalogue
    TM_TEXT,   // u.text, text_size bytes of UTF-8, not terminated, not owned
} __attribute__((packed));

struct tm_value {
    enum tm_kind kind;
    int8_t exponent; // of TM_INT; TM_EXPONENT_MIN to _MAX
    uint16_t text_size;
    union {
        int64_t i;
        double d;
        bool b;
        const char *text;
    } u;
};

struct tm_sample {
    uint64_t at_us; // time of measurement: monotonic; while packing, of the message's time axis
    struct tm_value value;
    uint32_t point; // stable id
    enum tm_quality quality;
    enum tm_reason reason;
};

_Static_assert(sizeof(struct tm_value) == 16, "a value is 16 bytes");
_Static_assert(sizeof(struct tm_sample) == 32, "a sample is 32 bytes");

static inline struct tm_value tm_int(int64_t mantissa, int exponent)
{
    return (struct tm_value){.kind = TM_INT, .exponent = (int8_t)exponent, .u.i = mantissa};
}

static inline struct tm_value tm_double(double value)
{
    return (struct tm_value){.kind = TM_DOUBLE, .u.d = value};
}

static inline struct tm_value tm_bool(bool value)
{
    return (struct tm_value){.kind = TM_BOOL, .u.b = value};
}

static inline struct tm_value tm_enum(int64_t code)
{
    return (struct tm_value){.kind = TM_ENUM, .u.i = code};
}

static inline struct tm_value tm_text(struct bytes text)
{
    return (struct tm_value){
        .kind = TM_TEXT, .text_size = (uint16_t)text.size, .u.text = (const char *)text.data};
}

// Same kind and same value; an exponent counts by its effect (2150 e-2 equals 215 e-1).
bool tm_value_equal(const struct tm_value *a, const struct tm_value *b);
// mantissa x 10^from as whole number x 10^to; false if that is not exact or too large.
bool tm_rescale(int64_t mantissa, int from, int to, int64_t *out);
// The value as a double for display and statistics; 0 for text and null.
double tm_value_double(const struct tm_value *value);
// "good", "stale", "bad".
const char *tm_quality_name(enum tm_quality quality);
// "none", "silent", "timeout" ...; "other" for a number of a newer version.
const char *tm_reason_name(enum tm_reason reason);
// The reason with that name; TM_REASON_OTHER for a word unknown here.
enum tm_reason tm_reason_of(struct bytes name);
// False for a word that is no quality.
bool tm_quality_of(struct bytes name, enum tm_quality *out);

#endif
