// SPDX-License-Identifier: Apache-2.0
// Checks a profile that fields_read filled, and resolves what its keys leave open: zero-based
// addresses, byte orders, poll groups.
#ifndef GATEWAY_PROFILE_CHECK_H
#define GATEWAY_PROFILE_CHECK_H

#include "apps/gateway/config/fields.h"
#include "apps/gateway/config/profile.h"

// is_strict: of what earlier versions took and could do nothing with, refuse what else is left out
// with a warning.
void profile_check(struct config_report *report, struct profile *profile, bool is_strict);

// Limits in order, and further apart than their hysteresis is wide.
void profile_check_band(struct config_report *report, const struct doc_node *node, double low,
                        double high, double hysteresis);

// Sentinels become the nearest number of the point's type; one that it cannot hold is refused, or
// left out.
void profile_check_sentinels(struct config_report *report, struct profile_point *point,
                             bool is_strict);

// Bytes of a value on the wire; 0 for a string.
uint32_t profile_type_bytes(uint32_t type);

// The byte order (enum byte_order) that ORDER_WORDS[word] names; word is not 0 ("profile").
uint32_t profile_order(uint32_t word);

#endif
