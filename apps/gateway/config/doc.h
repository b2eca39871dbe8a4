// SPDX-License-Identifier: Apache-2.0
// A JSON file as a tree in an arena, so that every rule can say where the value stands that broke
// it. Read once at start; bounded by the file's size and the reader's depth.
#ifndef GATEWAY_DOC_H
#define GATEWAY_DOC_H

#include "apps/gateway/config/arena.h"
#include "apps/gateway/config/report.h"
#include "json/reader.h"

struct doc_file {
    const char *path;
    struct bytes text;
};

struct doc_node {
    enum json_type type;
    const char *key; // inside an object; NULL else
    uint32_t index;  // inside an array
    uint32_t offset; // of the key if there is one, else of the value
    bool boolean;
    double number;
    const char *text;
    const struct doc_file *file;
    const struct doc_node *parent;
    struct doc_node *child; // first member or item
    struct doc_node *next;
};

// Parses the file's text. ERR_CORRUPT: a syntax error, reported, ended it; a key twice in one
// object is reported and does not. ERR_FULL.
NODISCARD enum err doc_parse(const struct doc_file *file, struct arena *arena,
                             struct config_report *report, struct doc_node **out);

// The member with that key, or NULL.
const struct doc_node *doc_member(const struct doc_node *object, const char *key);

// Reports an error (a warning) at the node.
void doc_error(struct config_report *report, const struct doc_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void doc_warn(struct config_report *report, const struct doc_node *node, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
