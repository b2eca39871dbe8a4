// SPDX-License-Identifier: Apache-2.0
// What a check found: every mistake with its place, what is wrong and what would be right.
#ifndef GATEWAY_REPORT_H
#define GATEWAY_REPORT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CONFIG_FINDINGS_MAX = 200,
    CONFIG_MESSAGE_SIZE = 256,
    CONFIG_KEY_SIZE = 128,
    CONFIG_LINE_SIZE = 1024,
};

struct config_finding {
    const char *file;
    uint32_t line; // from 1; 0: the whole file
    uint32_t column;
    bool is_warning;
    char key[CONFIG_KEY_SIZE]; // such as buses[0].devices[2].unit
    char message[CONFIG_MESSAGE_SIZE];
};

struct config_report {
    struct config_finding *items; // room for CONFIG_FINDINGS_MAX
    size_t count;
    size_t error_count; // of all, also of those that did not fit
    size_t warning_count;
};

struct report_place {
    const char *file;
    uint32_t line;
    uint32_t column;
    bool is_warning;
};

// A new finding; its .key is the caller's to fill. NULL when the report is full.
struct config_finding *report_add(struct config_report *report, struct report_place place,
                                  const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));
// By file (in the order in which they were first named), line and column.
void report_sort(struct config_report *report);
// "store.json:12:5: error: buses[0].baud: message"; cut to the capacity.
void report_line(const struct config_finding *finding, char *out, size_t capacity);

#endif
