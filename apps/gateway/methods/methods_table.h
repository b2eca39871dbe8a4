// SPDX-License-Identifier: Apache-2.0
// The direct methods: name, arguments, time limit, who may. Checks, `help`, `busward keys methods`
// and docs/methods.md are made from this table.
#ifndef GATEWAY_METHODS_TABLE_H
#define GATEWAY_METHODS_TABLE_H

#include "apps/gateway/config/fields.h"

enum method_id {
    METHOD_HELP,
    METHOD_IDENTIFY,
    METHOD_READ,
    METHOD_WRITE,
    METHOD_SCAN,
    METHOD_LINE_TEST,
    METHOD_JOB,
    METHOD_FLIGHT_RECORD,
    METHOD_DIAGNOSTICS,
    METHOD_SYNC_NOW,
    METHOD_LOG_LEVEL,
    METHOD_RELOAD,
    METHOD_RESTART,
    METHOD_COUNT,
};

struct method {
    enum method_id id;
    const struct object_kind *args;
    uint32_t limit_ms;  // then it is answered with 504
    const char *rights; // what it may do
    const char *help;
};

extern const struct method METHODS[METHOD_COUNT];
extern const char *const LOG_LEVEL_WORDS[];

// METHOD_COUNT: there is none of that name.
enum method_id method_find(struct bytes name);
const char *method_name(enum method_id id);

// For people, and docs/methods.md.
void methods_help(FILE *out);
void methods_markdown(FILE *out);

#endif
