// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/config/config.h"

#include "apps/gateway/config/fields_table.h"
#include "apps/gateway/methods/method_value.h"

#include <string.h>

const char *const WRITE_TABLE_WORDS[] = {"coil", "holding", NULL};

static const struct field WRITE_FIELDS[] = {
    {"bus", FIELD_NAME, 0, AT(config_write_rule, bus), .help = "its name; left out: every bus"},
    {"unit", FIELD_UINT, FIELD_REQUIRED, AT(config_write_rule, unit), .min = 1, .max = 247,
     .help = "station number"},
    {"unit_to", FIELD_UINT, 0, AT(config_write_rule, unit_to), .max = 247,
     .help = "the last one of a range; 0: only `unit`"},
    {"table", FIELD_WORD, FIELD_REQUIRED, AT(config_write_rule, table), .words = WRITE_TABLE_WORDS,
     .help = "where to"},
    {"address", FIELD_UINT, FIELD_REQUIRED, AT(config_write_rule, address), .max = 65535,
     .help = "of the first register or coil, from 0 (40001 is 0)"},
    {"count", FIELD_UINT, 0, AT(config_write_rule, count), .min = 1, .max = 65536, .fallback = 1,
     .help = "registers or coils from there on; whole values"},
    {"type", FIELD_WORD, 0, AT(config_write_rule, type), .words = VALUE_TYPE_WORDS,
     .help = "holding: what a value there is, whoever writes it"},
    {"order", FIELD_WORD, 0, AT(config_write_rule, order), .words = VALUE_ORDER_WORDS,
     .help = "where the bytes of a wide value lie, A being the highest"},
    {"low", FIELD_REAL, FIELD_REQUIRED, AT(config_write_rule, low), .min = -1e15, .max = 1e15,
     .help = "the lowest value that may be written; of a coil 0 or 1"},
    {"high", FIELD_REAL, FIELD_REQUIRED, AT(config_write_rule, high), .min = -1e15, .max = 1e15,
     .help = "the highest"},
    {"verify", FIELD_BOOL, 0, AT(config_write_rule, is_verified), .fallback = 1,
     .help = "read back what was written"},
};
static const struct object_kind WRITE_KIND = {KIND(config_write_rule, "write rule", WRITE_FIELDS)};

static const struct field METHODS_FIELDS[] = {
    {"enabled", FIELD_BOOL, 0, AT(config_methods, is_enabled), .fallback = 1,
     .help = "answer direct methods of the hub; `busward keys methods` lists them"},
    {"flight_kb", FIELD_UINT, 0, AT(config_methods, flight_kb), .min = 16, .max = 16384,
     .fallback = 256, .help = "memory for the last log lines and frames of the buses"},
    {"write", FIELD_LIST, 0, LIST_AT(config_methods, writes, write_count), .max = 256,
     .kind = &WRITE_KIND, .help = "what may be written from afar; left out: nothing"},
};
const struct object_kind METHODS_KIND = {KIND(config_methods, "methods section", METHODS_FIELDS)};

static bool has_bus(const struct config *config, const char *name)
{
    for (size_t b = 0; b < config->bus_count; b++) {
        if (strcmp(config->buses[b].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static void check_rule(struct config_report *report, const struct config *config,
                       const struct config_write_rule *rule)
{
    struct method_value value;
    const char *problem =
        method_value_of(method_table_of_write(rule->table), rule->type, rule->order, &value);
    if (rule->bus[0] != '\0' && !has_bus(config, rule->bus)) {
        doc_error(report, rule->node, "there is no bus \"%s\"", rule->bus);
    }
    if (problem != NULL) {
        doc_error(report, rule->node, "%s", problem);
        return;
    }
    if (rule->unit_to != 0 && rule->unit_to < rule->unit) {
        doc_error(report, rule->node, "unit_to %u lies below unit %u", rule->unit_to, rule->unit);
    }
    if (rule->address + (uint64_t)rule->count > MB_ADDRESSES) {
        doc_error(report, rule->node, "%u from %u on pass the last address, 65535", rule->count,
                  rule->address);
    }
    if (rule->count % value.reg_count != 0) {
        doc_error(report, rule->node, "count %u holds no whole values: one takes %u registers",
                  rule->count, value.reg_count);
    }
    if (rule->low > rule->high) {
        doc_error(report, rule->node, "low %.15g lies above high %.15g", rule->low, rule->high);
    }
}

void config_check_methods(struct config_report *report, const struct config *config)
{
    for (size_t i = 0; i < config->methods.write_count; i++) {
        if (config->methods.writes[i].node != NULL) {
            check_rule(report, config, &config->methods.writes[i]);
        }
    }
}
