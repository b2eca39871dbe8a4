// SPDX-License-Identifier: Apache-2.0
// How the tables of fields say where a value goes. Only for those tables: the names are short.
#ifndef GATEWAY_FIELDS_TABLE_H
#define GATEWAY_FIELDS_TABLE_H

#include <math.h>
#include <stddef.h>

#include "apps/gateway/config/fields.h"

// NAN is a float: clang wants to be told that it becomes a double.
#define NO_NUMBER ((double)NAN)

#define AT(type, member) .offset = offsetof(struct type, member)
#define LIST_AT(type, member, size)                                                                \
    .offset = offsetof(struct type, member), .count_offset = offsetof(struct type, size)
#define KIND(type, words, list)                                                                    \
    .name = (words), .fields = (list), .field_count = sizeof(list) / sizeof((list)[0]),            \
    .size = sizeof(struct type)

// config_methods.c
extern const struct object_kind METHODS_KIND;
// config_table_north.c
extern const struct object_kind HUB_KIND, TELEMETRY_KIND, JOURNAL_KIND, REMOTE_KIND;

#endif
