// SPDX-License-Identifier: Apache-2.0
// What `busward read` and `write` are told of a place in a unit, and values there: as people write
// them, and as registers.
#ifndef CLI_PLACE_H
#define CLI_PLACE_H

#include "apps/cli/asker.h"
#include "apps/gateway/config/profile.h"

struct place_options {
    const char *table, *type, *order;
    uint64_t unit, address;
};

// The entries of a table of options; `member` is the place in the command's struct, a designator of
// offsetof that no parentheses may surround.
// clang-format off
// NOLINTBEGIN(bugprone-macro-parentheses)
#define PLACE_OPTIONS(type_name, member, tables)                                                   \
    {"unit", OPTION_UINT, offsetof(struct type_name, member.unit), 1, 247, "1", "unit address"},   \
    {"table", OPTION_TEXT, offsetof(struct type_name, member.table), 1, 0, NULL, (tables)},        \
    {"address", OPTION_UINT, offsetof(struct type_name, member.address), 0, 65535, "0",            \
     "of the first register or bit, from 0 (40001 is 0)"},                                         \
    {"type", OPTION_TEXT, offsetof(struct type_name, member.type), 0, 0, NULL,                     \
     "u16, i16, u32, i32, u64, i64, f16, f32, f64, bcd16, bcd32 or string; default u16"},          \
    {"order", OPTION_TEXT, offsetof(struct type_name, member.order), 0, 0, NULL,                   \
     "where the bytes of a wide value lie, A being the highest; default ABCD"}
// NOLINTEND(bugprone-macro-parentheses)
// clang-format on

struct place {
    uint8_t unit;
    uint32_t table; // enum table
    uint32_t address;
    struct profile_point value;
    uint32_t reg_count; // of one value; bits: 1
};

enum { PLACE_TEXT_SIZE = 160, CLASSIC_SIZE = 8 };

// False: what is wrong is on stderr.
bool place_of(const char *program, const struct place_options *options, struct place *out);
bool place_is_bits(const struct place *place);
// The last one in `count` values from the place on must exist. False: on stderr.
bool place_fits(const char *program, const struct place *place, uint64_t value_count);
// "40001": the table's digit and the address from 1; six digits beyond 9999.
const char *place_classic(const struct place *place, uint32_t address, char out[CLASSIC_SIZE]);

// A value for people from its first register or bit on. False: these bytes are no such value.
bool place_format(const struct place *place, struct bytes data, size_t bit,
                  char out[PLACE_TEXT_SIZE]);
// The same backwards: big-endian registers, for a bit one byte of 0 or 1. False: no such value.
bool place_parse(const struct place *place, const char *text, struct writer *out);

#endif
