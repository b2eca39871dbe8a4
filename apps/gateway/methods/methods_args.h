// SPDX-License-Identifier: Apache-2.0
// The arguments of the methods, as their tables in methods_table.c read them. Texts and lists live
// as long as the call.
#ifndef GATEWAY_METHODS_ARGS_H
#define GATEWAY_METHODS_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct doc_node;

struct args_none {
    const struct doc_node *node;
};

struct args_help {
    const struct doc_node *node;
    const char *method; // "": all
};

struct args_identify {
    const struct doc_node *node;
    uint32_t for_s;
};

struct args_read {
    const struct doc_node *node;
    const char *bus; // "": the only one
    uint32_t unit, table, address, count, type, order, timeout_ms;
};

struct args_write {
    const struct doc_node *node;
    const char *bus;
    uint32_t unit, table, address;
    const double *values;
    size_t value_count;
    bool is_dry;
};

struct args_scan {
    const struct doc_node *node;
    const char *bus;
    uint32_t from, to, timeout_ms;
    bool must_identify;
};

struct args_line_test {
    const struct doc_node *node;
    const char *bus;
    uint32_t from, to, count;
};

struct args_job {
    const struct doc_node *node;
    bool must_cancel;
};

struct args_flight {
    const struct doc_node *node;
    uint32_t minutes;
    bool must_upload;
};

struct args_log_level {
    const struct doc_node *node;
    uint32_t level, for_s;
};

union methods_args {
    struct args_none none;
    struct args_help help;
    struct args_identify identify;
    struct args_read read;
    struct args_write write;
    struct args_scan scan;
    struct args_line_test line_test;
    struct args_job job;
    struct args_flight flight;
    struct args_log_level log_level;
};

#endif
