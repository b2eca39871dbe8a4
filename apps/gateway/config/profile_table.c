// SPDX-License-Identifier: Apache-2.0
// Every key of a device profile.
#include "apps/gateway/config/fields_table.h"
#include "apps/gateway/config/profile.h"
#include "apps/gateway/config/profile_words.h"

#include <float.h>

const char *const TABLE_WORDS[] = {"coil", "discrete", "input", "holding", NULL};
const char *const TYPE_WORDS[] = {"bool", "u8_high", "u8_low", "u16",    "i16", "u32",
                                  "i32",  "u64",     "i64",    "f16",    "f32", "f64",
                                  "bits", "bcd16",   "bcd32",  "string", NULL};
const char *const ORDER_WORDS[] = {
    "profile",  "ABCD",     "BADC",     "CDAB",     "DCBA",     "ABCDEFGH", "BADCFEHG", "CDABGHEF",
    "DCBAHGFE", "EFGHABCD", "FEHGBADC", "GHEFCDAB", "HGFEDCBA", "AB",       "BA",       NULL};
static const char *const TEXT_WORDS[] = {"high_low", "low_high", "high", "low", NULL};
static const char *const REASON_WORDS[] = {"unavailable", "fault", "range", NULL};

static const struct field SENTINEL_FIELDS[] = {
    {"value", FIELD_REAL, FIELD_REQUIRED, AT(profile_sentinel, value), .min = -DBL_MAX,
     .max = DBL_MAX,
     .help = "raw number of the type, before scale and offset, that means \"no value\""},
    {"reason", FIELD_WORD, 0, AT(profile_sentinel, reason), .words = REASON_WORDS,
     .help = "what the device means by it"},
};
static const struct object_kind SENTINEL_KIND = {
    KIND(profile_sentinel, "sentinel", SENTINEL_FIELDS)};

static const struct field LABEL_FIELDS[] = {
    {"value", FIELD_INT, FIELD_REQUIRED, AT(profile_label, value), .min = -2147483648.0,
     .max = 4294967295.0, .help = "raw number"},
    {"text", FIELD_TEXT, FIELD_REQUIRED, AT(profile_label, text), .min = 1, .max = 32,
     .help = "what it means"},
};
static const struct object_kind LABEL_KIND = {KIND(profile_label, "label", LABEL_FIELDS)};

static const struct field REPORT_FIELDS[] = {
    {"on_change", FIELD_BOOL, 0, AT(profile_report, on_change),
     .help = "send only what changed by more than the deadband"},
    {"deadband", FIELD_REAL, 0, AT(profile_report, deadband), .max = 1e15,
     .help = "in units of the point; implies on_change"},
    {"heartbeat_ms", FIELD_UINT, 0, AT(profile_report, heartbeat_ms), .max = 604800000,
     .help = "send at the latest after this long; 0: only changes"},
};
static const struct object_kind REPORT_KIND = {KIND(profile_report, "report rule", REPORT_FIELDS)};

static const struct field POINT_FIELDS[] = {
    {"name", FIELD_NAME, FIELD_REQUIRED, AT(profile_point, name), .help = "once per device"},
    {"title", FIELD_TEXT, 0, AT(profile_point, title), .max = 128, .help = "for people"},
    {"unit", FIELD_TEXT, 0, AT(profile_point, unit), .max = 16,
     .help = "of the value, such as \"V\""},
    {"table", FIELD_WORD, 0, AT(profile_point, table), .words = TABLE_WORDS, .fallback = 3,
     .help = "where it lies; the 40001 style of `address` says so itself"},
    {"address", FIELD_ADDRESS, FIELD_REQUIRED, AT(profile_point, address), .max = 65536,
     .help = "first register or bit, counted from the profile's `base`; in a sensor: offset in "
             "its block, from 0"},
    {"type", FIELD_WORD, 0, AT(profile_point, type), .words = TYPE_WORDS, .fallback = TYPE_U16,
     .help = "how to read it"},
    {"order", FIELD_WORD, 0, AT(profile_point, order_word), .words = ORDER_WORDS,
     .help = "where the value's bytes lie, A being the highest: AB or BA in one register, ABCD to "
             "DCBA in two, ABCDEFGH to HGFEDCBA in four"},
    {"text_order", FIELD_WORD, 0, AT(profile_point, text), .words = TEXT_WORDS,
     .help = "characters in a register: two of them, or one in the high or low byte"},
    {"bit", FIELD_UINT, 0, AT(profile_point, bit), .max = 15,
     .help = "bool in a register, bits: the lowest bit, 0 is the least significant"},
    {"width", FIELD_UINT, 0, AT(profile_point, width), .min = 1, .max = 16, .fallback = 1,
     .help = "bits: how many"},
    {"length", FIELD_UINT, 0, AT(profile_point, length), .max = TEXT_LENGTH_MAX,
     .help = "string: characters"},
    {"scale", FIELD_REAL, 0, AT(profile_point, scale), .min = -1e15, .max = 1e15, .fallback = 1,
     .help = "value = raw * scale + offset"},
    {"offset", FIELD_REAL, 0, AT(profile_point, offset), .min = -1e15, .max = 1e15,
     .help = "see scale"},
    {"decimals", FIELD_UINT, 0, AT(profile_point, decimals), .max = DECIMALS_ALL,
     .fallback = DECIMALS_ALL, .help = "round the value to so many (0 to 15); 255: do not round"},
    {"low", FIELD_REAL, 0, AT(profile_point, low), .min = -1e15, .max = 1e15, .fallback = NO_NUMBER,
     .help = "alert below"},
    {"high", FIELD_REAL, 0, AT(profile_point, high), .min = -1e15, .max = 1e15,
     .fallback = NO_NUMBER, .help = "alert above"},
    {"hysteresis", FIELD_REAL, 0, AT(profile_point, hysteresis), .max = 1e15,
     .help = "the alert ends once the value is back inside by so much"},
    {"alert_after_s", FIELD_UINT, 0, AT(profile_point, alert_after_s), .max = 86400,
     .help = "alert once the value has been beyond for so long; 0: at once"},
    {"group", FIELD_NAME, 0, AT(profile_point, group_name),
     .help = "poll group; default: the first (a sensor's point is read with its sensor)"},
    {"sentinels", FIELD_LIST, 0, LIST_AT(profile_point, sentinels, sentinel_count), .max = 8,
     .kind = &SENTINEL_KIND, .help = "raw numbers that are no value"},
    {"labels", FIELD_LIST, 0, LIST_AT(profile_point, labels, label_count), .max = 32,
     .kind = &LABEL_KIND, .help = "names of the values of an enumeration"},
    {"report", FIELD_OBJECT, 0, AT(profile_point, report), .fallback = 1, .kind = &REPORT_KIND,
     .help = "what is worth sending; default: every sample"},
};
static const struct object_kind POINT_KIND = {KIND(profile_point, "point", POINT_FIELDS)};

static const struct field GROUP_FIELDS[] = {
    {"name", FIELD_NAME, FIELD_REQUIRED, AT(profile_group, name), .help = "once per profile"},
    {"interval_ms", FIELD_UINT, FIELD_REQUIRED, AT(profile_group, interval_ms), .min = 10,
     .max = 86400000, .help = "read this often"},
};
static const struct object_kind GROUP_KIND = {KIND(profile_group, "poll group", GROUP_FIELDS)};

static const struct field SENSORS_FIELDS[] = {
    {"table", FIELD_WORD, 0, AT(profile_sensors, table), .words = TABLE_WORDS, .fallback = 2,
     .help = "input or holding"},
    {"base", FIELD_ADDRESS, FIELD_REQUIRED, AT(profile_sensors, base), .max = 65536,
     .help = "first register of slot 0"},
    {"stride", FIELD_UINT, FIELD_REQUIRED, AT(profile_sensors, stride), .min = 1, .max = 125,
     .help = "registers from slot to slot; one slot is always read as a whole"},
    {"slots", FIELD_UINT, FIELD_REQUIRED, AT(profile_sensors, slots), .min = 1, .max = 65535,
     .help = "how many slots the receiver has at most"},
    {"sequence", FIELD_UINT, FIELD_REQUIRED, AT(profile_sensors, sequence_offset), .max = 124,
     .help = "offset of the register that changes with every report heard"},
    {"age", FIELD_UINT, FIELD_REQUIRED, AT(profile_sensors, age_offset), .max = 124,
     .help = "offset of the register that says how old the report is"},
    {"age_unit_ms", FIELD_UINT, 0, AT(profile_sensors, age_unit_ms), .min = 1, .max = 3600000,
     .fallback = 1000, .help = "what one count of the age means; also its resolution"},
    {"age_max", FIELD_UINT, 0, AT(profile_sensors, age_max), .max = 65535, .fallback = 65534,
     .help = "where the age saturates"},
    {"age_never", FIELD_UINT, 0, AT(profile_sensors, age_never), .max = 65535, .fallback = 65535,
     .help = "the age of a sensor that was never heard"},
    {"stale_after_s", FIELD_UINT, 0, AT(profile_sensors, stale_after_s), .min = 1, .max = 604800,
     .fallback = 900, .help = "silence after which its values are stale"},
    {"group", FIELD_NAME, 0, AT(profile_sensors, group_name),
     .help = "poll group; default: the first"},
    {"points", FIELD_LIST, FIELD_REQUIRED, LIST_AT(profile_sensors, points, point_count), .min = 1,
     .max = 64, .kind = &POINT_KIND, .help = "what each sensor measures"},
};
static const struct object_kind SENSORS_KIND = {
    KIND(profile_sensors, "sensors section", SENSORS_FIELDS)};

static const struct field PROFILE_FIELDS[] = {
    {"version", FIELD_UINT, 0, AT(profile, version), .min = 1, .max = 1, .fallback = 1,
     .help = "of this file's format"},
    {"name", FIELD_NAME, FIELD_REQUIRED, AT(profile, name), .help = "as the file, without .json"},
    {"title", FIELD_TEXT, 0, AT(profile, title), .max = 128, .help = "for people"},
    {"base", FIELD_UINT, 0, AT(profile, base), .max = 1,
     .help = "what the first address of a table is called in this file: 0 or 1"},
    {"order", FIELD_WORD, 0, AT(profile, order_word), .words = ORDER_WORDS, .fallback = 1,
     .help = "byte order of values of two registers and more whose point says nothing (ABCD to "
             "DCBA)"},
    {"groups", FIELD_LIST, FIELD_REQUIRED, LIST_AT(profile, groups, group_count), .min = 1,
     .max = 32, .kind = &GROUP_KIND, .help = "poll groups: points with one interval"},
    {"points", FIELD_LIST, 0, LIST_AT(profile, points, point_count), .max = 2000,
     .kind = &POINT_KIND, .help = "the register map"},
    {"sensors", FIELD_OBJECT, 0, AT(profile, sensors), .kind = &SENSORS_KIND,
     .help = "sensors that the device relays"},
};

const struct object_kind PROFILE_KIND = {
    KIND(profile, "device profile", PROFILE_FIELDS),
    .help = "A kind of Modbus device: register map, poll groups and relayed sensors.",
    .schema = "Busward device profile, version 1",
};
