// SPDX-License-Identifier: Apache-2.0
// The rules of a device profile that concern more than one key.
#include "apps/gateway/config/profile_check.h"
#include "apps/gateway/config/profile_words.h"

#include <math.h>
#include <string.h>

// The doubles nearest to powers of ten, as a reader of JSON gets them.
static const double POWERS[] = {1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2,
                                1e-1,  1e0,   1e1,   1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9};
enum { POWER_FIRST = 12 };

enum { REGISTER_BITS = 16, ADDRESSES = 65536, READ_REGS_MAX = 125 };

uint32_t profile_type_bytes(uint32_t type)
{
    switch ((enum point_type)type) {
    case TYPE_U32:
    case TYPE_I32:
    case TYPE_F32:
    case TYPE_BCD32: return 4;
    case TYPE_U64:
    case TYPE_I64:
    case TYPE_F64: return 8;
    case TYPE_BOOL:
    case TYPE_U8_HIGH:
    case TYPE_U8_LOW:
    case TYPE_U16:
    case TYPE_I16:
    case TYPE_F16:
    case TYPE_BITS:
    case TYPE_BCD16: return 2;
    case TYPE_STRING:
    case TYPE_COUNT: break;
    }
    return 0;
}

uint32_t profile_point_size(const struct profile_point *point)
{
    if (point->type == TYPE_STRING) {
        bool is_packed = point->text == TEXT_HIGH_LOW || point->text == TEXT_LOW_HIGH;
        return is_packed ? (point->length + 1) / 2 : point->length;
    }
    return table_is_bits(point->table) ? 1 : profile_type_bytes(point->type) / 2;
}

static const struct doc_node *key_or(const struct doc_node *object, const char *key)
{
    const struct doc_node *member = doc_member(object, key);
    return member != NULL ? member : object;
}

static bool has_key(const struct doc_node *object, const char *key)
{
    return doc_member(object, key) != NULL;
}

uint32_t profile_order(uint32_t word)
{
    return word <= 4 ? word - 1 : word <= 12 ? word - 5 : word - 13;
}

// What four letters mean for a 64-bit value: the same habit applied to all its registers.
static uint32_t widen(uint32_t order)
{
    return (order & ORDER_SWAP_WORDS) != 0 ? order | ORDER_SWAP_DWORDS : order;
}

static void check_order(struct config_report *report, const struct profile *profile,
                        struct profile_point *point)
{
    uint32_t bytes = profile_type_bytes(point->type);
    if (point->order_word == 0) {
        point->order = bytes == 8 ? widen(profile->order) : bytes == 4 ? profile->order : 0;
        return;
    }
    const char *word = ORDER_WORDS[point->order_word];
    bool is_part = point->type == TYPE_U8_HIGH || point->type == TYPE_U8_LOW;
    if (bytes == 0 || is_part || table_is_bits(point->table)) {
        doc_error(report, key_or(point->node, "order"), "%s has no byte order here%s",
                  TYPE_WORDS[point->type],
                  bytes == 0 ? "; \"text_order\" says where its characters lie" : "");
    } else if (strlen(word) != bytes) {
        doc_error(report, key_or(point->node, "order"),
                  "%s is an order of %zu bytes, %s has %u; expected %s", word, strlen(word),
                  TYPE_WORDS[point->type], bytes,
                  bytes == 2   ? "AB or BA"
                  : bytes == 4 ? "ABCD, BADC, CDAB or DCBA"
                               : "ABCDEFGH, BADCFEHG, CDABGHEF, DCBAHGFE, EFGHABCD, FEHGBADC, "
                                 "GHEFCDAB or HGFEDCBA");
    }
    point->order = profile_order(point->order_word);
}

// The address as the protocol counts it. In a sensor it is an offset.
static void check_address(struct config_report *report, const struct profile *profile,
                          struct profile_point *point, bool is_sensor)
{
    const struct doc_node *at = key_or(point->node, "address");
    if ((point->address & ADDRESS_CLASSIC) != 0) {
        uint32_t table = ADDRESS_TABLE(point->address);
        point->address = ADDRESS_ZERO(point->address);
        if (is_sensor) {
            doc_error(report, at, "in a sensor the address is an offset in its block, from 0");
        }
        if (has_key(point->node, "table") && table != point->table) {
            doc_error(report, at, "lies in the table %s, but \"table\" says %s", TABLE_WORDS[table],
                      TABLE_WORDS[point->table]);
        }
        point->table = table;
    } else if (!is_sensor) {
        if (point->address < profile->base) {
            doc_error(report, at, "0 is no address in a profile with base 1");
            return;
        }
        point->address -= profile->base;
    }
    if (point->address + profile_point_size(point) > ADDRESSES) {
        doc_error(report, at, "ends after the last address, 65535");
        point->address = 0;
    }
}

static bool is_number(uint32_t type)
{
    return type != TYPE_STRING && type != TYPE_BOOL;
}

static bool is_integer(uint32_t type)
{
    return is_number(type) && type != TYPE_F16 && type != TYPE_F32 && type != TYPE_F64;
}

static void check_type(struct config_report *report, const struct profile_point *point)
{
    const struct doc_node *node = point->node;
    if (table_is_bits(point->table) && point->type != TYPE_BOOL) {
        doc_error(report, key_or(node, "type"), "the table %s holds bits: only bool fits there",
                  TABLE_WORDS[point->table]);
    }
    if (has_key(node, "bit") &&
        (table_is_bits(point->table) || (point->type != TYPE_BITS && point->type != TYPE_BOOL))) {
        doc_error(report, key_or(node, "bit"), "only bool and bits in a register have a bit");
    }
    if (has_key(node, "width") && point->type != TYPE_BITS) {
        doc_error(report, key_or(node, "width"), "only bits have a width");
    }
    if (point->type == TYPE_BITS && point->bit + point->width > REGISTER_BITS) {
        doc_error(report, key_or(node, "width"), "bit %u and width %u pass the register's 16 bits",
                  point->bit, point->width);
    }
    if (point->type == TYPE_STRING && point->length == 0) {
        doc_error(report, key_or(node, "length"), "a string needs a length, 1 to %d characters",
                  TEXT_LENGTH_MAX);
    }
    if (point->type == TYPE_STRING && profile_point_size(point) > READ_REGS_MAX) {
        doc_error(report, key_or(node, "length"), "takes %u registers; one request reads %d",
                  profile_point_size(point), READ_REGS_MAX);
    }
    if (point->type != TYPE_STRING && (has_key(node, "length") || has_key(node, "text_order"))) {
        doc_error(report, key_or(node, has_key(node, "length") ? "length" : "text_order"),
                  "only a string has a length and a text_order");
    }
}

void profile_check_band(struct config_report *report, const struct doc_node *node, double low,
                        double high, double hysteresis)
{
    if (low > high) {
        doc_error(report, key_or(node, "low"), "low %g lies above high %g", low, high);
    } else if (hysteresis >= high - low && hysteresis > 0) {
        doc_error(report, key_or(node, "hysteresis"),
                  "%g is as wide as the band from %g to %g: no value would be well inside",
                  hysteresis, low, high);
    }
}

static void check_numbers(struct config_report *report, struct profile_point *point, bool is_strict)
{
    const struct doc_node *node = point->node;
    static const char *const KEYS[] = {"scale", "offset", "decimals", "low", "high", "sentinels"};
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]) && !is_number(point->type); i++) {
        if (has_key(node, KEYS[i])) {
            doc_error(report, key_or(node, KEYS[i]), "a %s is no number", TYPE_WORDS[point->type]);
        }
    }
    if (point->scale == 0) {
        doc_error(report, key_or(node, "scale"), "0 would make every value the same");
        point->scale = 1;
    }
    if (point->decimals > 15 && point->decimals != DECIMALS_ALL) {
        doc_error(report, key_or(node, "decimals"), "expected 0 to 15, or 255 for no rounding");
        point->decimals = 15;
    }
    if (is_number(point->type)) {
        profile_check_sentinels(report, point, is_strict);
    }
    profile_check_band(report, node, point->low, point->high, point->hysteresis);
    bool has_scale = point->scale != 1 || point->offset != 0;
    if (point->label_count > 0 && (!is_integer(point->type) || has_scale)) {
        doc_error(report, key_or(node, "labels"),
                  "labels need an integer type without scale and offset");
    }
    if (point->report.deadband > 0) {
        point->report.on_change = true;
        if (!is_number(point->type) || point->label_count > 0) {
            doc_error(report, key_or(node, "report"), "a deadband needs a number");
        }
    }
    point->report.on_change |= point->report.heartbeat_ms > 0;
    point->power = POWER_NONE;
    for (size_t i = 0; i < sizeof(POWERS) / sizeof(POWERS[0]) && point->offset == 0; i++) {
        if (point->scale == POWERS[i]) {
            point->power = (int32_t)i - POWER_FIRST;
        }
    }
}

static uint32_t find_group(struct config_report *report, const struct profile *profile,
                           const struct doc_node *node, const char *name)
{
    enum { GROUPS_MAX = 32 };
    const char *words[GROUPS_MAX + 1] = {0};
    for (uint32_t i = 0; i < profile->group_count && name[0] != '\0'; i++) {
        if (strcmp(profile->groups[i].name, name) == 0) {
            return i;
        }
        words[i] = profile->groups[i].name;
    }
    if (name[0] != '\0') {
        const char *nearest = fields_nearest(name, words);
        doc_error(report, key_or(node, "group"), "no poll group \"%s\" in \"groups\"%s%s%s", name,
                  nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                  nearest != NULL ? "\"?" : "");
    }
    return 0;
}

static void check_point(struct config_report *report, const struct profile *profile,
                        struct profile_point *point, bool is_sensor, bool is_strict)
{
    if (point->node == NULL) {
        return;
    }
    check_address(report, profile, point, is_sensor);
    check_type(report, point);
    check_order(report, profile, point);
    check_numbers(report, point, is_strict);
    point->group = find_group(report, profile, point->node, point->group_name);
}

// Parts of one register may lie side by side; anything else that overlaps is worth a look.
static bool may_overlap(const struct profile_point *a, const struct profile_point *b)
{
    bool a_part = a->type == TYPE_BOOL || a->type == TYPE_BITS || a->type == TYPE_U8_HIGH ||
                  a->type == TYPE_U8_LOW;
    bool b_part = b->type == TYPE_BOOL || b->type == TYPE_BITS || b->type == TYPE_U8_HIGH ||
                  b->type == TYPE_U8_LOW;
    return a_part || b_part || a->type == b->type;
}

static void check_pairs(struct config_report *report, const struct profile_point *points,
                        size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i && points[i].node != NULL; k++) {
            const struct profile_point *a = &points[k];
            const struct profile_point *b = &points[i];
            if (a->node == NULL) {
                continue;
            }
            if (strcmp(a->name, b->name) == 0 && a->name[0] != '\0') {
                doc_error(report, key_or(b->node, "name"), "a point is already called \"%s\"",
                          b->name);
            }
            bool meets = a->table == b->table && a->address < b->address + profile_point_size(b) &&
                         b->address < a->address + profile_point_size(a);
            bool is_same = a->address == b->address;
            if (meets && !(may_overlap(a, b) && (is_same || a->type != b->type))) {
                doc_warn(report, key_or(b->node, "address"),
                         "shares registers with the point \"%s\" of another type or address",
                         a->name);
            }
        }
    }
}

static void check_sensors(struct config_report *report, struct profile *profile, bool is_strict)
{
    struct profile_sensors *s = &profile->sensors;
    s->group = find_group(report, profile, s->node, s->group_name);
    if (table_is_bits(s->table)) {
        doc_error(report, key_or(s->node, "table"), "sensors lie in input or holding registers");
        s->table = TABLE_INPUT;
    }
    if ((s->base & ADDRESS_CLASSIC) != 0) {
        s->table = ADDRESS_TABLE(s->base);
        s->base = ADDRESS_ZERO(s->base);
    } else if (s->base < profile->base) {
        doc_error(report, key_or(s->node, "base"), "0 is no address in a profile with base 1");
    } else {
        s->base -= profile->base;
    }
    if ((uint64_t)s->base + (uint64_t)s->slots * s->stride > ADDRESSES) {
        doc_error(report, key_or(s->node, "slots"), "slot %u ends after the last address, 65535",
                  s->slots - 1);
    }
    if (s->sequence_offset >= s->stride || s->age_offset >= s->stride) {
        doc_error(report, key_or(s->node, "stride"),
                  "sequence (%u) and age (%u) must lie inside the block of %u registers",
                  s->sequence_offset, s->age_offset, s->stride);
    }
    for (size_t i = 0; i < s->point_count; i++) {
        struct profile_point *point = &s->points[i];
        point->table = s->table;
        check_point(report, profile, point, true, is_strict);
        if (point->node != NULL && point->address + profile_point_size(point) > s->stride) {
            doc_error(report, key_or(point->node, "address"),
                      "offset %u and %u registers pass the block of %u", point->address,
                      profile_point_size(point), s->stride);
        }
    }
    check_pairs(report, s->points, s->point_count);
}

// Earlier versions swapped the bytes of these by the profile's order, too.
static const struct profile_point *first_narrow(const struct profile_point *points, size_t count,
                                                size_t *narrow)
{
    const struct profile_point *first = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct profile_point *point = &points[i];
        bool is_part = point->type == TYPE_U8_HIGH || point->type == TYPE_U8_LOW;
        if (point->node != NULL && point->order_word == 0 && !is_part &&
            !table_is_bits(point->table) && profile_type_bytes(point->type) == 2) {
            first = first != NULL ? first : point;
            ++*narrow;
        }
    }
    return first;
}

static void warn_of_narrow(struct config_report *report, const struct profile *profile)
{
    size_t count = 0;
    const struct profile_sensors *sensors = &profile->sensors;
    const struct profile_point *own = first_narrow(profile->points, profile->point_count, &count);
    const struct profile_point *relayed =
        first_narrow(sensors->points, sensors->node != NULL ? sensors->point_count : 0, &count);
    const struct profile_point *first = own != NULL ? own : relayed;
    if ((profile->order & ORDER_SWAP_BYTES) != 0 && first != NULL) {
        doc_warn(report, key_or(profile->node, "order"),
                 "is of two registers and more, and no longer swaps the bytes of one: \"%.64s\"%s; "
                 "say \"order\": \"AB\" there, or \"BA\" if they are swapped",
                 first->name, count > 1 ? " and others without an order" : "");
    }
}

void profile_check(struct config_report *report, struct profile *profile, bool is_strict)
{
    if (profile->order_word > 4) {
        doc_error(report, key_or(profile->node, "order"),
                  "a profile's order is one of ABCD, BADC, CDAB, DCBA");
        profile->order_word = 1;
    }
    profile->order = profile->order_word == 0 ? 0 : profile_order(profile->order_word);
    for (size_t i = 0; i < profile->group_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(profile->groups[i].name, profile->groups[k].name) == 0) {
                doc_error(report, profile->groups[i].node, "a poll group is already called \"%s\"",
                          profile->groups[i].name);
            }
        }
    }
    for (size_t i = 0; i < profile->point_count; i++) {
        check_point(report, profile, &profile->points[i], false, is_strict);
    }
    check_pairs(report, profile->points, profile->point_count);
    if (profile->sensors.node != NULL) {
        check_sensors(report, profile, is_strict);
    }
    warn_of_narrow(report, profile);
    if (profile->point_count == 0 && profile->sensors.node == NULL && profile->node != NULL) {
        doc_error(report, profile->node, "has neither points nor sensors");
    }
}
