// SPDX-License-Identifier: Apache-2.0
// A device profile as loaded from profiles/<name>.json: register map, poll groups, report rules and
// relayed sensors. Read-only after loading; strings and arrays live in the configuration's arena.
#ifndef GATEWAY_PROFILE_H
#define GATEWAY_PROFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct doc_node; // where an object was written, for messages (apps/gateway/config/doc.h)

enum table { TABLE_COIL, TABLE_DISCRETE, TABLE_INPUT, TABLE_HOLDING, TABLE_COUNT };

enum point_type {
    TYPE_BOOL, // a coil or discrete input, or one bit of a register
    TYPE_U8_HIGH,
    TYPE_U8_LOW,
    TYPE_U16,
    TYPE_I16,
    TYPE_U32,
    TYPE_I32,
    TYPE_U64,
    TYPE_I64,
    TYPE_F16,
    TYPE_F32,
    TYPE_F64,
    TYPE_BITS, // `width` bits of a register from `bit` on
    TYPE_BCD16,
    TYPE_BCD32,
    TYPE_STRING,
    TYPE_COUNT
};

// Where the bytes of a wide value lie: a set of swaps against big-endian (A is the highest byte).
enum byte_order {
    ORDER_SWAP_BYTES = 1,  // in each register: BA, BADC
    ORDER_SWAP_WORDS = 2,  // the registers of each pair: CDAB
    ORDER_SWAP_DWORDS = 4, // the pairs of a 64-bit value: EFGHABCD
    ORDER_COUNT = 8
};

enum text_order { TEXT_HIGH_LOW, TEXT_LOW_HIGH, TEXT_HIGH, TEXT_LOW }; // characters in a register

enum { TEXT_LENGTH_MAX = 128, DECIMALS_ALL = 255, POWER_NONE = 127 };

enum sentinel_reason { SENTINEL_UNAVAILABLE, SENTINEL_FAULT, SENTINEL_RANGE };

struct profile_sentinel {
    const struct doc_node *node;
    double value;    // of the raw number, before scale and offset
    uint32_t reason; // enum sentinel_reason
};

struct profile_label {
    const struct doc_node *node;
    int64_t value; // of the raw number
    const char *text;
};

struct profile_report {
    const struct doc_node *node;
    bool on_change;        // send only what changed (by more than the deadband)
    double deadband;       // in units of the point; 0: any change
    uint32_t heartbeat_ms; // send at the latest after this long; 0: never without a change
};

struct profile_point {
    const struct doc_node *node;
    const char *name;
    const char *title;
    const char *unit;    // such as "C"; "" if none
    uint32_t table;      // enum table
    uint32_t address;    // zero-based; of a sensor's point: offset in the sensor's block
    uint32_t type;       // enum point_type
    uint32_t order_word; // as written
    uint32_t order;      // enum byte_order
    uint32_t text;       // enum text_order
    uint32_t bit;        // BOOL in a register, BITS: lowest bit, 0 to 15
    uint32_t width;      // BITS
    uint32_t length;     // STRING: characters
    double scale;        // value = raw * scale + offset
    double offset;
    uint32_t decimals; // digits after the point that mean something; DECIMALS_ALL: all there are
    int32_t power;     // scale is 10^power and offset 0; POWER_NONE if not
    double low;        // limits of the value; NAN: none
    double high;
    double hysteresis;      // an alert ends once the value is back inside by so much
    uint32_t alert_after_s; // and begins once it was beyond for so long
    const char *group_name;
    uint32_t group; // index in the profile's groups
    struct profile_sentinel *sentinels;
    size_t sentinel_count;
    const struct profile_label *labels;
    size_t label_count;
    struct profile_report report;
};

struct profile_group {
    const struct doc_node *node;
    const char *name;
    uint32_t interval_ms;
};

// Sensors relayed by a receiver: slot i has its block at base + i * stride.
struct profile_sensors {
    const struct doc_node *node; // NULL: the profile has none
    uint32_t table;
    uint32_t base;
    uint32_t stride; // registers from slot to slot, and of one snapshot
    uint32_t slots;  // how many there are at most
    uint32_t sequence_offset;
    uint32_t age_offset;
    uint32_t age_unit_ms;   // what one count of the age register means; also its resolution
    uint32_t age_max;       // where the register saturates
    uint32_t age_never;     // the register's value before the first report
    uint32_t stale_after_s; // silence after which a sensor's values are stale
    const char *group_name;
    uint32_t group;
    struct profile_point *points;
    size_t point_count;
};

struct profile {
    const struct doc_node *node;
    const char *name;
    const char *title;
    uint32_t version;
    uint32_t base;       // 0 or 1: what the first address of a table is called in this file
    uint32_t order_word; // as written
    uint32_t order;      // enum byte_order of wide points that state none
    struct profile_group *groups;
    size_t group_count;
    struct profile_point *points;
    size_t point_count;
    struct profile_sensors sensors;
};

static inline bool table_is_bits(uint32_t table)
{
    return table == TABLE_COIL || table == TABLE_DISCRETE;
}

// Registers (or bits, in a table of bits) that the point takes.
uint32_t profile_point_size(const struct profile_point *point);

#endif
