// SPDX-License-Identifier: Apache-2.0
// Whether a write from afar is allowed. What no rule names is not. The rule also says what a value
// there is, so that nobody gets round its range by another type. Pure.
#ifndef GATEWAY_WRITE_POLICY_H
#define GATEWAY_WRITE_POLICY_H

#include "apps/gateway/config/config_methods.h"
#include "apps/gateway/methods/method_value.h"

enum { WRITE_REASON_SIZE = 200 };

struct write_wish {
    const char *bus;
    uint32_t unit;
    uint32_t table; // enum table
    uint32_t address;
    const double *values;
    size_t count;
};

struct write_grant {
    const struct config_write_rule *rule; // NULL: no rule is about this place
    size_t rule_index;
    struct method_value value;
    char reason[WRITE_REASON_SIZE]; // of a refusal
};

// The first rule that names the place decides. False: refused, out->reason says why.
bool write_policy_judge(const struct config_methods *methods, const struct write_wish *wish,
                        struct write_grant *out);

#endif
