// SPDX-License-Identifier: Apache-2.0
// Typed tables of keys: one table per kind of object, from which parser, range checks, help,
// --dump-config and the JSON schema are made.
#ifndef GATEWAY_FIELDS_H
#define GATEWAY_FIELDS_H

#include "apps/gateway/config/doc.h"

#include <stdio.h>

enum field_type {
    FIELD_BOOL,    // bool
    FIELD_UINT,    // uint32_t, min to max
    FIELD_INT,     // int64_t, min to max
    FIELD_REAL,    // double, min to max
    FIELD_NAME,    // const char *: letters, digits, . _ - and inner spaces; up to NAME_SIZE_MAX
    FIELD_TEXT,    // const char *: up to max bytes
    FIELD_WORD,    // uint32_t: index in words
    FIELD_ADDRESS, // uint32_t: a number, or the 40001 style as a text (then with ADDRESS_CLASSIC)
    FIELD_OBJECT,  // a struct of `kind` in place
    FIELD_NUMBERS, // pointer to doubles from min to max, 1 to FIELD_NUMBERS_MAX of them; as LIST
    FIELD_LIST,    // pointer to structs of `kind`; their number in the size_t at count_offset
};

enum { NAME_SIZE_MAX = 64, FIELD_TEXT_MAX = 1024, FIELD_NUMBERS_MAX = 128 };

enum field_flag {
    FIELD_REQUIRED = 1,
    FIELD_LOCAL = 2, // the local file's alone, with all beneath: the twin cannot set it
    FIELD_KEY = 4,   // names its object in a list: the twin's items are matched by it
};

// What FIELD_ADDRESS stores for "40001": this bit, the table in bits 20 to 23, zero-based address.
#define ADDRESS_CLASSIC        UINT32_C(0x80000000)
#define ADDRESS_TABLE(address) (((address) >> 20) & 0xf)
#define ADDRESS_ZERO(address)  ((address)&0xffff)

struct object_kind;

struct field {
    const char *key;
    enum field_type type;
    unsigned flags;
    size_t offset;
    size_t count_offset;
    double min, max; // of LIST: how many
    double fallback; // of BOOL, UINT, INT, REAL, WORD; NAN: none; OBJECT: 1 if it is always there
    const char *text_fallback; // of NAME, TEXT; NULL: ""
    const char *const *words;  // ended by NULL
    const struct object_kind *kind;
    const char *help;
};

struct object_kind {
    const char *name; // "bus"; also names it in the schema
    const char *help;
    const struct field *fields;
    size_t field_count;
    size_t size;        // of the struct; its first member is `const struct doc_node *node`
    const char *schema; // of the published schema's title, roots only
};

extern const struct object_kind CONFIG_KIND;  // struct config's settings
extern const struct object_kind PROFILE_KIND; // struct profile

struct fields_context {
    struct arena *arena;
    struct config_report *report;
};

// Fills *out (a struct of `kind`, zeroed) from the node; reports everything that is wrong. Fields
// that are missing or wrong get their default.
void fields_read(const struct fields_context *context, const struct doc_node *node,
                 const struct object_kind *kind, void *out);

// The JSON schema of a kind (draft 2020-12), with a final newline. ERR_SIZE; ERR_FULL: the arena.
NODISCARD enum err fields_schema(const struct object_kind *kind, struct arena *arena,
                                 struct writer *out);
// One line per key: path, type, range, default, help.
void fields_help(const struct object_kind *kind, FILE *out);
// The same without a head; and as a Markdown table of its keys, not of those inside them.
void fields_list(const struct object_kind *kind, FILE *out);
void fields_markdown(const struct object_kind *kind, FILE *out);
// The struct as a JSON file that reads back as the same, defaults included.
void fields_dump(const struct object_kind *kind, const void *object, FILE *out);

// The word in `words` nearest to `text`, if it is near enough to be what was meant; else NULL.
const char *fields_nearest(const char *text, const char *const *words);

#endif
