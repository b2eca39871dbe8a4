// SPDX-License-Identifier: Apache-2.0
// Checks a profile that fields_read filled, and resolves what its keys leave open: zero-based
// addresses, byte orders, poll groups.
#ifndef GATEWAY_PROFILE_CHECK_H
#define GATEWAY_PROFILE_CHECK_H

#include "apps/gateway/config/fields.h"
#include "apps/gateway/config/profile.h"

void profile_check(struct config_report *report, struct profile *profile);

// Limits in order, and further apart than their hysteresis is wide.
void profile_check_band(struct config_report *report, const struct doc_node *node, double low,
                        double high, double hysteresis);

// Sentinels become the nearest number of the point's type; refused if that cannot hold them.
void profile_check_sentinels(struct config_report *report, const struct profile_point *point);

// Bytes of a value on the wire; 0 for a string.
uint32_t profile_type_bytes(uint32_t type);

// The byte order (enum byte_order) that ORDER_WORDS[word] names; word is not 0 ("profile").
uint32_t profile_order(uint32_t word);

#endif
