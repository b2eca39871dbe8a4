// SPDX-License-Identifier: Apache-2.0
// Numbers in registers and coils, as methods and the write policy name them. Pure.
#ifndef GATEWAY_METHOD_VALUE_H
#define GATEWAY_METHOD_VALUE_H

#include "apps/gateway/config/profile.h"
#include "modbus/pdu.h"
#include "json/writer.h"

extern const char *const VALUE_TYPE_WORDS[];  // u16 first: the default
extern const char *const VALUE_ORDER_WORDS[]; // as ORDER_WORDS, but for the first

#define METHOD_WHOLE_MAX 9007199254740992.0 // 2^53: a JSON number is exact up to there

struct method_value {
    bool is_bit;
    struct profile_point point;
    uint32_t reg_count; // of one value; a bit: 1
};

// From words: indices in VALUE_TYPE_WORDS and VALUE_ORDER_WORDS. NULL, or what
// does not fit together, in words.
const char *method_value_of(uint32_t table, uint32_t type_word, uint32_t order_word,
                            struct method_value *out);
// The table that WRITE_TABLE_WORDS[word] names.
uint32_t method_table_of_write(uint32_t word);

// Value `index` of what was read; null for bytes that are no such value.
void method_value_put(const struct method_value *value, struct bytes data, size_t index,
                      struct json_writer *out);
// Appends registers, high byte first; of a bit one byte, 0 or 1. False: no such value.
bool method_value_encode(const struct method_value *value, double number, struct writer *out);

#endif
