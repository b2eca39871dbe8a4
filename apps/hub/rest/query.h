// SPDX-License-Identifier: Apache-2.0
// The subset of Azure IoT Hub's query language that this hub answers, as a pure module: a text is
// parsed once, then asked about one device after the other.
//
//   SELECT * | COUNT() [AS name]  FROM devices  [WHERE condition]
//
//   condition: comparisons joined by AND, OR, NOT and parentheses
//   comparison: value = | != | <> | < | <= | > | >= value,  value [NOT] IN [literal, ...],
//               IS_DEFINED(property), STARTSWITH(value, value)
//   value: deviceId, etag, status, statusReason, connectionState, lastActivityTime, version,
//          authenticationType, tags.a.b, properties.desired.a, properties.reported.a; a literal:
//          'text' or "text" with \' \" \\ \uXXXX, a number, true, false, null
//
// A comparison with what is not there, or of two types, is neither true nor false: nor is its NOT.
#ifndef HUB_REST_QUERY_H
#define HUB_REST_QUERY_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

enum {
    QUERY_SIZE_MAX = 4096, // of the text
    QUERY_NODES_MAX = 128,
    QUERY_DEPTH_MAX = 16, // of parentheses and NOT
    QUERY_PATH_MAX = 12,  // names in a property path
    QUERY_NAME_SIZE = 64, // of what COUNT() AS names, with its end
    QUERY_WHY_SIZE = 160,
};

enum query_select { QUERY_DEVICES, QUERY_COUNT };

enum query_node_kind {
    QUERY_OR,
    QUERY_AND,
    QUERY_NOT,
    QUERY_COMPARE,
    QUERY_IN,
    QUERY_IS_DEFINED,
    QUERY_STARTS_WITH,
    QUERY_PROPERTY,
    QUERY_TEXT,
    QUERY_NUMBER,
    QUERY_TRUE,
    QUERY_FALSE,
    QUERY_NULL,
};

enum query_operator { QUERY_EQ, QUERY_NE, QUERY_LT, QUERY_LE, QUERY_GT, QUERY_GE };

struct query_node {
    enum query_node_kind kind;
    enum query_operator op;
    uint16_t left; // operands; the value of NOT and IN
    uint16_t right;
    uint16_t next;       // of a list of literals; 0: the last
    uint16_t text;       // into `pool`: a text, or the names of a path, each ended by NUL
    uint16_t text_size;  // of a text
    uint16_t name_count; // of a path
    double number;
};

// Private but for `select` and `count_name`.
struct query {
    enum query_select select;
    char count_name[QUERY_NAME_SIZE]; // "" if AS gave none
    bool has_where;
    uint16_t root;
    uint16_t node_count;
    uint16_t pool_size;
    struct query_node nodes[QUERY_NODES_MAX];
    char pool[2 * QUERY_SIZE_MAX];
};

// What is asked about one device. JSON objects as text; an empty span is not there.
struct query_row {
    struct bytes device_id;
    struct bytes etag;
    struct bytes status;
    struct bytes status_reason;
    struct bytes connection_state;
    struct bytes last_activity; // ISO 8601, so that texts compare as times
    struct bytes authentication_type;
    uint64_t version;
    struct bytes tags;
    struct bytes desired;
    struct bytes reported;
};

// ERR_ARG: not of the subset, `why` says what and where; ERR_SIZE: too long or too deep, also with
// words in why.
NODISCARD enum err query_parse(struct bytes text, struct query *out, char why[QUERY_WHY_SIZE]);

// True if there is no condition, or it is true of this device.
bool query_matches(const struct query *query, const struct query_row *row);

#endif
