// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/config/fields.h"

#include "apps/gateway/config/profile.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

static void put(void *object, size_t offset, const void *value, size_t size)
{
    memcpy((uint8_t *)object + offset, value, size);
}

// Levenshtein distance of two short words, capped: everything long is far.
static unsigned distance(const char *a, const char *b)
{
    enum { LENGTH_MAX = 32 };
    size_t a_size = strlen(a);
    size_t b_size = strlen(b);
    if (a_size > LENGTH_MAX || b_size > LENGTH_MAX) {
        return LENGTH_MAX;
    }
    unsigned row[LENGTH_MAX + 1];
    for (size_t j = 0; j <= b_size; j++) {
        row[j] = (unsigned)j;
    }
    for (size_t i = 1; i <= a_size; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_size; j++) {
            bool is_same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            unsigned best = diagonal + (is_same ? 0 : 1);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_size];
}

const char *fields_nearest(const char *text, const char *const *words)
{
    const char *nearest = NULL;
    unsigned best = strlen(text) <= 4 ? 2 : 4; // exclusive
    for (; *words != NULL; words++) {
        unsigned d = distance(text, *words);
        bool begins = strlen(text) >= 3 && strncmp(*words, text, strlen(text)) == 0;
        d = begins && d > 1 ? 1 : d;
        if (d < best) {
            best = d;
            nearest = *words;
        }
    }
    return nearest;
}

static void report_unknown(const struct fields_context *c, const struct doc_node *node,
                           const struct object_kind *kind)
{
    enum { WORDS_MAX = 48 };
    const char *words[WORDS_MAX + 1] = {0};
    for (size_t i = 0; i < kind->field_count && i < WORDS_MAX; i++) {
        words[i] = kind->fields[i].key;
    }
    const char *nearest = fields_nearest(node->key, words);
    if (nearest != NULL) {
        doc_error(c->report, node, "unknown key; did you mean \"%s\"?", nearest);
        return;
    }
    char all[160];
    size_t size = 0;
    for (size_t i = 0; words[i] != NULL && size < sizeof(all); i++) {
        int wrote = snprintf(all + size, sizeof(all) - size, "%s%s", i == 0 ? "" : ", ", words[i]);
        size += wrote > 0 ? (size_t)wrote : 0;
    }
    doc_error(c->report, node, "unknown key; a %s has: %s%s", kind->name, all,
              size >= sizeof(all) ? " ..." : "");
}

static bool expect(const struct fields_context *c, const struct doc_node *node, enum json_type type,
                   const char *what)
{
    if (node->type == type) {
        return true;
    }
    doc_error(c->report, node, "expected %s, found %s", what, json_type_name(node->type));
    return false;
}

static bool read_number(const struct fields_context *c, const struct doc_node *node,
                        const struct field *field, double *out)
{
    char what[96];
    bool is_whole = field->type != FIELD_REAL;
    snprintf(what, sizeof(what), "a %snumber from %.15g to %.15g", is_whole ? "whole " : "",
             field->min, field->max);
    if (!expect(c, node, JSON_NUMBER, what)) {
        return false;
    }
    double value = node->number;
    if (!(value >= field->min && value <= field->max) || (is_whole && value != floor(value))) {
        doc_error(c->report, node, "%.15g is not allowed; expected %s", value, what);
        return false;
    }
    *out = value;
    return true;
}

static bool is_name(const char *text)
{
    size_t size = strlen(text);
    if (size == 0 || size > NAME_SIZE_MAX || text[0] == ' ' || text[size - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f || c == '/' || c == '"' || c == '\\') {
            return false;
        }
    }
    return true;
}

static void read_text(const struct fields_context *c, const struct doc_node *node,
                      const struct field *field, void *out)
{
    if (!expect(c, node, JSON_STRING, "a text") || node->text == NULL) {
        return;
    }
    if (field->type == FIELD_NAME && !is_name(node->text)) {
        doc_error(c->report, node,
                  "\"%.70s\" is no name: 1 to %d bytes, no / \" \\ or control characters, no space "
                  "at either end",
                  node->text, NAME_SIZE_MAX);
        return;
    }
    size_t max = field->max > 0 ? (size_t)field->max : FIELD_TEXT_MAX;
    if (strlen(node->text) > max || strlen(node->text) < (size_t)field->min) {
        doc_error(c->report, node, "expected a text of %zu to %zu bytes, found %zu",
                  (size_t)field->min, max, strlen(node->text));
        return;
    }
    put(out, field->offset, &node->text, sizeof(node->text));
}

static void read_word(const struct fields_context *c, const struct doc_node *node,
                      const struct field *field, void *out)
{
    if (!expect(c, node, JSON_STRING, "a word") || node->text == NULL) {
        return;
    }
    char all[160];
    size_t size = 0;
    for (uint32_t i = 0; field->words[i] != NULL; i++) {
        if (strcmp(field->words[i], node->text) == 0) {
            put(out, field->offset, &i, sizeof(i));
            return;
        }
        if (size < sizeof(all)) {
            int wrote = snprintf(all + size, sizeof(all) - size, "%s%s", i == 0 ? "" : ", ",
                                 field->words[i]);
            size += wrote > 0 ? (size_t)wrote : 0;
        }
    }
    const char *nearest = fields_nearest(node->text, field->words);
    doc_error(c->report, node, "\"%.40s\" is none of %s%s%s%s", node->text, all,
              nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
              nearest != NULL ? "\"?" : "");
}

// 40001 and 400001 style: the first digit names the table, the rest counts from 1.
static bool read_classic(const char *text, uint32_t *out)
{
    static const char TABLE_DIGITS[] = "01?34"; // in the order of enum table: 0 1 3 4
    size_t size = strlen(text);
    if ((size != 5 && size != 6) || strspn(text, "0123456789") != size) {
        return false;
    }
    uint32_t number = 0;
    for (size_t i = 1; i < size; i++) {
        number = number * 10 + (uint32_t)(text[i] - '0');
    }
    const char *digit = strchr(TABLE_DIGITS, text[0]);
    if (digit == NULL || number == 0 || number > 65536) {
        return false;
    }
    uint32_t place = (uint32_t)(digit - TABLE_DIGITS);
    uint32_t table = place > 2 ? place - 1 : place;
    *out = ADDRESS_CLASSIC | table << 20 | (number - 1);
    return true;
}

static void read_address(const struct fields_context *c, const struct doc_node *node,
                         const struct field *field, void *out)
{
    uint32_t address = 0;
    double number = 0;
    if (node->type == JSON_STRING && node->text != NULL) {
        if (!read_classic(node->text, &address)) {
            doc_error(c->report, node,
                      "\"%.20s\" is no address: a number from 0 to 65535, or a text such as "
                      "\"40001\" or \"400001\" (0 coils, 1 discrete, 3 input, 4 holding)",
                      node->text);
            return;
        }
    } else if (read_number(c, node, field, &number)) {
        address = (uint32_t)number;
    }
    put(out, field->offset, &address, sizeof(address));
}

static void read_list(const struct fields_context *c, const struct doc_node *node,
                      const struct field *field, void *out)
{
    if (!expect(c, node, JSON_ARRAY, "a list [...]")) {
        return;
    }
    size_t count = 0;
    for (const struct doc_node *item = node->child; item != NULL; item = item->next) {
        count++;
    }
    if ((double)count < field->min || (double)count > field->max) {
        doc_error(c->report, node, "holds %zu entries; expected %.0f to %.0f", count, field->min,
                  field->max);
        return;
    }
    uint8_t *items = arena_take(c->arena, count, field->kind->size);
    if (items == NULL) {
        return;
    }
    size_t i = 0;
    for (const struct doc_node *item = node->child; item != NULL; item = item->next, i++) {
        fields_read(c, item, field->kind, items + i * field->kind->size);
    }
    put(out, field->offset, &items, sizeof(items));
    put(out, field->count_offset, &count, sizeof(count));
}

static void read_numbers(const struct fields_context *c, const struct doc_node *node,
                         const struct field *field, void *out)
{
    if (!expect(c, node, JSON_ARRAY, "a list of numbers [...]")) {
        return;
    }
    size_t count = 0;
    for (const struct doc_node *item = node->child; item != NULL; item = item->next) {
        count++;
    }
    if (count < 1 || count > FIELD_NUMBERS_MAX) {
        doc_error(c->report, node, "holds %zu numbers; expected 1 to %d", count, FIELD_NUMBERS_MAX);
        return;
    }
    double *numbers = arena_take(c->arena, count, sizeof(*numbers));
    if (numbers == NULL) {
        return;
    }
    const struct field each = {.type = FIELD_REAL, .min = field->min, .max = field->max};
    size_t i = 0;
    for (const struct doc_node *item = node->child; item != NULL; item = item->next, i++) {
        (void)read_number(c, item, &each, &numbers[i]);
    }
    put(out, field->offset, &numbers, sizeof(numbers));
    put(out, field->count_offset, &count, sizeof(count));
}

static void put_number(const struct field *field, double value, void *out)
{
    uint32_t natural = value >= 0 && value <= (double)UINT32_MAX ? (uint32_t)value : 0;
    int64_t integer = fabs(value) < 9.2e18 ? (int64_t)value : 0;
    if (field->type == FIELD_REAL) {
        put(out, field->offset, &value, sizeof(value));
    } else if (field->type == FIELD_INT) {
        put(out, field->offset, &integer, sizeof(integer));
    } else {
        put(out, field->offset, &natural, sizeof(natural));
    }
}

static void put_default(const struct fields_context *c, const struct field *field, void *out)
{
    bool flag = field->fallback != 0;
    const char *text = field->text_fallback != NULL ? field->text_fallback : "";
    switch (field->type) {
    case FIELD_BOOL: put(out, field->offset, &flag, sizeof(flag)); break;
    case FIELD_UINT:
    case FIELD_INT:
    case FIELD_REAL:
    case FIELD_WORD:
    case FIELD_ADDRESS: put_number(field, field->fallback, out); break;
    case FIELD_NAME:
    case FIELD_TEXT: put(out, field->offset, &text, sizeof(text)); break;
    case FIELD_OBJECT: fields_read(c, NULL, field->kind, (uint8_t *)out + field->offset); break;
    case FIELD_NUMBERS:
    case FIELD_LIST: break;
    }
}

static void read_field(const struct fields_context *c, const struct doc_node *node,
                       const struct field *field, void *out)
{
    double number = 0;
    switch (field->type) {
    case FIELD_BOOL:
        if (expect(c, node, JSON_BOOL, "true or false")) {
            put(out, field->offset, &node->boolean, sizeof(node->boolean));
        }
        break;
    case FIELD_UINT:
    case FIELD_INT:
    case FIELD_REAL:
        if (read_number(c, node, field, &number)) {
            put_number(field, number, out);
        }
        break;
    case FIELD_NAME:
    case FIELD_TEXT: read_text(c, node, field, out); break;
    case FIELD_WORD: read_word(c, node, field, out); break;
    case FIELD_ADDRESS: read_address(c, node, field, out); break;
    case FIELD_OBJECT: fields_read(c, node, field->kind, (uint8_t *)out + field->offset); break;
    case FIELD_NUMBERS: read_numbers(c, node, field, out); break;
    case FIELD_LIST: read_list(c, node, field, out); break;
    }
}

// A NULL node is an object that is not there: defaults only, and its .node stays NULL.
void fields_read(const struct fields_context *context, const struct doc_node *node,
                 const struct object_kind *kind, void *out)
{
    for (size_t i = 0; i < kind->field_count; i++) {
        put_default(context, &kind->fields[i], out);
    }
    if (node == NULL || !expect(context, node, JSON_OBJECT, "an object {...}")) {
        return;
    }
    put(out, 0, &node, sizeof(const struct doc_node *));
    for (const struct doc_node *member = node->child; member != NULL; member = member->next) {
        const struct field *field = NULL;
        for (size_t i = 0; i < kind->field_count && field == NULL && member->key != NULL; i++) {
            field = strcmp(kind->fields[i].key, member->key) == 0 ? &kind->fields[i] : NULL;
        }
        if (field != NULL) {
            read_field(context, member, field, out);
        } else if (member->key != NULL && strcmp(member->key, "$schema") != 0) {
            report_unknown(context, member, kind);
        }
    }
    for (size_t i = 0; i < kind->field_count; i++) {
        const struct field *field = &kind->fields[i];
        if ((field->flags & FIELD_REQUIRED) != 0 && doc_member(node, field->key) == NULL) {
            doc_error(context->report, node, "needs \"%s\": %s", field->key, field->help);
        }
    }
}
