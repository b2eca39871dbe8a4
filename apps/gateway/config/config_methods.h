// SPDX-License-Identifier: Apache-2.0
// The part of the configuration about what may be done from afar. Only the local file says so: keys
// in config_methods.c.
#ifndef GATEWAY_CONFIG_METHODS_H
#define GATEWAY_CONFIG_METHODS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct doc_node;
struct config;
struct config_report;

// One permission to write: these registers or coils, read as that type, with values of this range.
struct config_write_rule {
    const struct doc_node *node;
    const char *bus;        // "": every bus
    uint32_t unit, unit_to; // unit_to 0: the one unit
    uint32_t table;         // as written: index in WRITE_TABLE_WORDS
    uint32_t address, count;
    uint32_t type, order; // as written: VALUE_TYPE_WORDS, VALUE_ORDER_WORDS
    double low, high;
    bool is_verified; // read back afterwards
};

struct config_methods {
    const struct doc_node *node;
    bool is_enabled;
    uint32_t flight_kb; // memory of the flight recorder
    struct config_write_rule *writes;
    size_t write_count;
};

extern const char *const WRITE_TABLE_WORDS[];

void config_check_methods(struct config_report *report, const struct config *config);

#endif
