// SPDX-License-Identifier: Apache-2.0
// The words of a profile's enumerations, ended by NULL, in the order of their enums.
#ifndef GATEWAY_PROFILE_WORDS_H
#define GATEWAY_PROFILE_WORDS_H

extern const char *const TABLE_WORDS[]; // enum table
extern const char *const TYPE_WORDS[];  // enum point_type
extern const char *const ORDER_WORDS[]; // "profile", 4 of 32 bits, 8 of 64 bits, 2 of 16

#endif
