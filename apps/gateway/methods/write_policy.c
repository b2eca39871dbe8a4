// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/methods/write_policy.h"

#include "apps/gateway/config/profile_words.h"

#include <stdio.h>
#include <string.h>

// The rule names the bus, the unit, the table and the first address of the wish.
static bool names(const struct config_write_rule *rule, const struct write_wish *wish)
{
    uint32_t unit_to = rule->unit_to != 0 ? rule->unit_to : rule->unit;
    return (rule->bus[0] == '\0' || strcmp(rule->bus, wish->bus) == 0) &&
           wish->unit >= rule->unit && wish->unit <= unit_to &&
           method_table_of_write(rule->table) == wish->table && wish->address >= rule->address &&
           wish->address < rule->address + (uint64_t)rule->count;
}

static bool refuse_place(const struct write_wish *wish, struct write_grant *out)
{
    const struct config_write_rule *rule = out->rule;
    uint64_t end = rule->address + (uint64_t)rule->count;
    uint32_t size = out->value.reg_count;
    if ((wish->address - rule->address) % size != 0) {
        snprintf(out->reason, sizeof(out->reason),
                 "address %u is inside a value: they begin at %u and take %u registers",
                 wish->address, rule->address, size);
        return true;
    }
    if (wish->address + (uint64_t)wish->count * size > end) {
        snprintf(out->reason, sizeof(out->reason),
                 "%zu values from %u on pass %u, the last allowed", wish->count, wish->address,
                 (unsigned)(end - 1));
        return true;
    }
    return false;
}

bool write_policy_judge(const struct config_methods *methods, const struct write_wish *wish,
                        struct write_grant *out)
{
    *out = (struct write_grant){.rule = NULL};
    for (size_t i = 0; i < methods->write_count && out->rule == NULL; i++) {
        if (names(&methods->writes[i], wish)) {
            out->rule = &methods->writes[i];
            out->rule_index = i;
        }
    }
    if (out->rule == NULL) {
        snprintf(out->reason, sizeof(out->reason),
                 "no rule allows to write unit %u, %s %u on bus %.64s", wish->unit,
                 TABLE_WORDS[wish->table], wish->address, wish->bus);
        return false;
    }
    // The configuration was checked: its words fit together.
    (void)method_value_of(wish->table, out->rule->type, out->rule->order, &out->value);
    if (refuse_place(wish, out)) {
        return false;
    }
    for (size_t i = 0; i < wish->count; i++) {
        if (!(wish->values[i] >= out->rule->low && wish->values[i] <= out->rule->high)) {
            snprintf(out->reason, sizeof(out->reason), "%.15g is not from %.15g to %.15g",
                     wish->values[i], out->rule->low, out->rule->high);
            return false;
        }
    }
    return true;
}
