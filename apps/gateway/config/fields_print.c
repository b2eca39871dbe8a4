// SPDX-License-Identifier: Apache-2.0
// What is made from the tables for people and for editors: schema, help, dump.
#include "apps/gateway/config/fields.h"

#include "json/writer.h"

#include <math.h>
#include <string.h>

static void schema_object(const struct object_kind *kind, struct json_writer *w);

static const char *schema_type(enum field_type type)
{
    switch (type) {
    case FIELD_BOOL: return "boolean";
    case FIELD_UINT:
    case FIELD_INT: return "integer";
    case FIELD_REAL: return "number";
    case FIELD_NAME:
    case FIELD_TEXT:
    case FIELD_WORD: return "string";
    case FIELD_OBJECT: return "object";
    case FIELD_NUMBERS:
    case FIELD_LIST: return "array";
    case FIELD_ADDRESS: break;
    }
    return NULL;
}

static void schema_fallback(const struct field *field, struct json_writer *w)
{
    bool is_open = (field->flags & FIELD_REQUIRED) != 0 || isnan(field->fallback);
    switch (field->type) {
    case FIELD_BOOL: json_put_key_bool(w, "default", field->fallback != 0); break;
    case FIELD_UINT:
    case FIELD_INT:
    case FIELD_REAL:
        if (!is_open) {
            json_put_key_double(w, "default", field->fallback);
        }
        break;
    case FIELD_WORD:
        if (!is_open) {
            json_put_key_string(w, "default", field->words[(size_t)field->fallback]);
        }
        break;
    case FIELD_NAME:
    case FIELD_TEXT:
        if (field->text_fallback != NULL) {
            json_put_key_string(w, "default", field->text_fallback);
        }
        break;
    case FIELD_ADDRESS:
    case FIELD_OBJECT:
    case FIELD_NUMBERS:
    case FIELD_LIST: break;
    }
}

static void schema_numbers(const struct field *field, struct json_writer *w)
{
    json_put_key_u64(w, "minItems", 1);
    json_put_key_u64(w, "maxItems", FIELD_NUMBERS_MAX);
    json_put_key(w, "items");
    json_begin_object(w);
    json_put_key_string(w, "type", "number");
    json_put_key_double(w, "minimum", field->min);
    json_put_key_double(w, "maximum", field->max);
    json_end_object(w);
}

static void schema_address(const struct field *field, struct json_writer *w)
{
    json_put_key(w, "anyOf");
    json_begin_array(w);
    json_begin_object(w);
    json_put_key_string(w, "type", "integer");
    json_put_key_double(w, "minimum", field->min);
    json_put_key_double(w, "maximum", field->max);
    json_end_object(w);
    json_begin_object(w);
    json_put_key_string(w, "type", "string");
    json_put_key_string(w, "pattern", "^[0134][0-9]{4,5}$");
    json_end_object(w);
    json_end_array(w);
}

static void schema_limits(const struct field *field, struct json_writer *w)
{
    switch (field->type) {
    case FIELD_UINT:
    case FIELD_INT:
    case FIELD_REAL:
        json_put_key_double(w, "minimum", field->min);
        json_put_key_double(w, "maximum", field->max);
        break;
    case FIELD_NAME:
        json_put_key_u64(w, "minLength", 1);
        json_put_key_u64(w, "maxLength", NAME_SIZE_MAX);
        break;
    case FIELD_TEXT:
        json_put_key_double(w, "minLength", field->min);
        json_put_key_double(w, "maxLength", field->max > 0 ? field->max : FIELD_TEXT_MAX);
        break;
    case FIELD_WORD:
        json_put_key(w, "enum");
        json_begin_array(w);
        for (size_t i = 0; field->words[i] != NULL; i++) {
            json_put_string(w, field->words[i]);
        }
        json_end_array(w);
        break;
    case FIELD_ADDRESS: schema_address(field, w); break;
    case FIELD_NUMBERS: schema_numbers(field, w); break;
    case FIELD_LIST:
        json_put_key_double(w, "minItems", field->min);
        json_put_key_double(w, "maxItems", field->max);
        json_put_key(w, "items");
        json_begin_object(w);
        schema_object(field->kind, w);
        json_end_object(w);
        break;
    case FIELD_OBJECT: schema_object(field->kind, w); break;
    case FIELD_BOOL: break;
    }
}

static void schema_object(const struct object_kind *kind, struct json_writer *w)
{
    json_put_key_string(w, "type", "object");
    json_put_key_bool(w, "additionalProperties", false);
    json_put_key(w, "properties");
    json_begin_object(w);
    if (kind->schema != NULL) {
        json_put_key(w, "$schema");
        json_begin_object(w);
        json_put_key_string(w, "type", "string");
        json_end_object(w);
    }
    for (size_t i = 0; i < kind->field_count; i++) {
        const struct field *field = &kind->fields[i];
        json_put_key(w, field->key);
        json_begin_object(w);
        json_put_key_string(w, "description", field->help);
        if (schema_type(field->type) != NULL && field->type != FIELD_OBJECT) {
            json_put_key_string(w, "type", schema_type(field->type));
        }
        schema_limits(field, w);
        schema_fallback(field, w);
        json_end_object(w);
    }
    json_end_object(w);
    json_put_key(w, "required");
    json_begin_array(w);
    for (size_t i = 0; i < kind->field_count; i++) {
        if ((kind->fields[i].flags & FIELD_REQUIRED) != 0) {
            json_put_string(w, kind->fields[i].key);
        }
    }
    json_end_array(w);
}

// Compact JSON becomes one that people can read: two spaces a level.
static void put_pretty(struct bytes in, struct writer *out)
{
    size_t depth = 0;
    bool in_text = false;
    for (size_t i = 0; i < in.size; i++) {
        uint8_t c = in.data[i];
        bool is_escaped = in_text && c == '\\';
        bool is_open = !in_text && (c == '{' || c == '[');
        bool is_close = !in_text && (c == '}' || c == ']');
        in_text = c == '"' ? !in_text : in_text;
        bool is_empty =
            is_open && i + 1 < in.size && (in.data[i + 1] == '}' || in.data[i + 1] == ']');
        bool was_empty = is_close && i > 0 && (in.data[i - 1] == '{' || in.data[i - 1] == '[');
        depth -= is_close ? 1 : 0;
        bool breaks_before = is_close && !was_empty;
        bool breaks_after = !in_text && ((is_open && !is_empty) || c == ',');
        depth += is_open ? 1 : 0;
        if (breaks_before) {
            put_u8(out, '\n');
            for (size_t d = 0; d < depth; d++) {
                put_bytes(out, bytes_of("  ", 2));
            }
        }
        put_u8(out, c);
        if (is_escaped && i + 1 < in.size) {
            put_u8(out, in.data[++i]);
        }
        if (breaks_after) {
            put_u8(out, '\n');
            for (size_t d = 0; d < depth; d++) {
                put_bytes(out, bytes_of("  ", 2));
            }
        }
        if (!in_text && c == ':') {
            put_u8(out, ' ');
        }
    }
    put_u8(out, '\n');
}

enum err fields_schema(const struct object_kind *kind, struct arena *arena, struct writer *out)
{
    enum { COMPACT_SIZE = 64 * 1024 };
    char *compact = arena_take(arena, COMPACT_SIZE, 1);
    if (compact == NULL) {
        return ERR_FULL;
    }
    struct json_writer w;
    json_writer_init(&w, compact, COMPACT_SIZE);
    json_begin_object(&w);
    json_put_key_string(&w, "$schema", "https://json-schema.org/draft/2020-12/schema");
    json_put_key_string(&w, "title", kind->schema);
    json_put_key_string(&w, "description", kind->help);
    schema_object(kind, &w);
    json_end_object(&w);
    if (w.failed) {
        return ERR_SIZE;
    }
    put_pretty(json_writer_bytes(&w), out);
    return out->failed ? ERR_SIZE : OK;
}

// A bar would end a cell of a Markdown table.
static void help_range(const struct field *field, bool is_cell, FILE *out)
{
    switch (field->type) {
    case FIELD_BOOL: fputs("true or false", out); break;
    case FIELD_UINT:
    case FIELD_INT:
    case FIELD_REAL: fprintf(out, "%.15g to %.15g", field->min, field->max); break;
    case FIELD_NAME: fprintf(out, "name, up to %d bytes", NAME_SIZE_MAX); break;
    case FIELD_TEXT: fputs("text", out); break;
    case FIELD_WORD:
        for (size_t i = 0; field->words[i] != NULL; i++) {
            fprintf(out, "%s%s", i == 0 ? "" : is_cell ? ", " : " | ", field->words[i]);
        }
        break;
    case FIELD_ADDRESS: fputs("0 to 65535, or \"40001\" style", out); break;
    case FIELD_OBJECT: fputs("object", out); break;
    case FIELD_NUMBERS:
        fprintf(out, "list of 1 to %d numbers, %.15g to %.15g", FIELD_NUMBERS_MAX, field->min,
                field->max);
        break;
    case FIELD_LIST: fprintf(out, "list of %.0f to %.0f", field->min, field->max); break;
    }
}

static void help_fallback(const struct field *field, FILE *out)
{
    if ((field->flags & FIELD_REQUIRED) != 0) {
        fputs("; required", out);
        return;
    }
    switch (field->type) {
    case FIELD_BOOL: fprintf(out, "; default %s", field->fallback != 0 ? "true" : "false"); break;
    case FIELD_UINT:
    case FIELD_INT:
    case FIELD_REAL:
        if (!isnan(field->fallback)) {
            fprintf(out, "; default %.15g", field->fallback);
        }
        break;
    case FIELD_WORD: fprintf(out, "; default %s", field->words[(size_t)field->fallback]); break;
    case FIELD_NAME:
    case FIELD_TEXT:
        if (field->text_fallback != NULL) {
            fprintf(out, "; default \"%s\"", field->text_fallback);
        }
        break;
    case FIELD_ADDRESS:
    case FIELD_OBJECT:
    case FIELD_NUMBERS:
    case FIELD_LIST: break;
    }
}

static void help_kind(const struct object_kind *kind, int depth, FILE *out)
{
    for (size_t i = 0; i < kind->field_count; i++) {
        const struct field *field = &kind->fields[i];
        fprintf(out, "%*s%s (", 2 + 2 * depth, "", field->key);
        help_range(field, false, out);
        help_fallback(field, out);
        fputs((field->flags & FIELD_LOCAL) != 0 ? "; not from the twin" : "", out);
        fprintf(out, ")\n%*s%s\n", 6 + 2 * depth, "", field->help);
        if (field->kind != NULL) {
            help_kind(field->kind, depth + 1, out);
        }
    }
}

void fields_help(const struct object_kind *kind, FILE *out)
{
    fprintf(out, "%s\n", kind->help);
    help_kind(kind, 0, out);
}

void fields_list(const struct object_kind *kind, FILE *out)
{
    help_kind(kind, 0, out);
}

void fields_markdown(const struct object_kind *kind, FILE *out)
{
    fputs("| argument | what | |\n|---|---|---|\n", out);
    for (size_t i = 0; i < kind->field_count; i++) {
        fprintf(out, "| `%s` | %s | ", kind->fields[i].key, kind->fields[i].help);
        help_range(&kind->fields[i], true, out);
        help_fallback(&kind->fields[i], out);
        fputs(" |\n", out);
    }
}

static void put_quoted(const char *text, FILE *out)
{
    fputc('"', out);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c < 0x20) {
            fprintf(out, "\\u%04x", c);
        } else {
            fputc(c, out);
        }
    }
    fputc('"', out);
}

static void dump_object(const struct object_kind *kind, const uint8_t *object, int depth,
                        FILE *out);

static void dump_list(const struct field *field, const uint8_t *object, int depth, FILE *out)
{
    const uint8_t *items;
    size_t count;
    memcpy(&items, object + field->offset, sizeof(items));
    memcpy(&count, object + field->count_offset, sizeof(count));
    fputs("[", out);
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s\n%*s", i == 0 ? "" : ",", 4 * depth + 4, "");
        dump_object(field->kind, items + i * field->kind->size, depth + 1, out);
    }
    fprintf(out, count == 0 ? "]" : "\n%*s]", 4 * depth, "");
}

static void dump_numbers(const struct field *field, const uint8_t *object, FILE *out)
{
    const double *numbers;
    size_t count;
    memcpy(&numbers, object + field->offset, sizeof(numbers));
    memcpy(&count, object + field->count_offset, sizeof(count));
    for (size_t i = 0; i < count; i++) {
        fprintf(out, "%s%.17g", i == 0 ? "[" : ", ", numbers[i]);
    }
    fputs(count == 0 ? "[]" : "]", out);
}

static void dump_value(const struct field *field, const uint8_t *object, int depth, FILE *out)
{
    bool flag;
    uint32_t natural;
    int64_t integer;
    double real;
    const char *text;
    const uint8_t *at = object + field->offset;
    switch (field->type) {
    case FIELD_BOOL:
        memcpy(&flag, at, sizeof(flag));
        fputs(flag ? "true" : "false", out);
        break;
    case FIELD_UINT:
    case FIELD_ADDRESS:
        memcpy(&natural, at, sizeof(natural));
        fprintf(out, "%u", natural);
        break;
    case FIELD_WORD:
        memcpy(&natural, at, sizeof(natural));
        put_quoted(field->words[natural], out);
        break;
    case FIELD_INT:
        memcpy(&integer, at, sizeof(integer));
        fprintf(out, "%lld", (long long)integer);
        break;
    case FIELD_REAL:
        memcpy(&real, at, sizeof(real));
        fprintf(out, "%.17g", real);
        break;
    case FIELD_NAME:
    case FIELD_TEXT:
        memcpy(&text, at, sizeof(text));
        put_quoted(text, out);
        break;
    case FIELD_OBJECT: dump_object(field->kind, at, depth, out); break;
    case FIELD_NUMBERS: dump_numbers(field, object, out); break;
    case FIELD_LIST: dump_list(field, object, depth, out); break;
    }
}

// NAN stands for "none", and an optional name for "not given": neither has a JSON form.
static bool is_given(const struct field *field, const uint8_t *object)
{
    if (field->type == FIELD_REAL) {
        double real;
        memcpy(&real, object + field->offset, sizeof(real));
        return !isnan(real);
    }
    if (field->type == FIELD_OBJECT) {
        const struct doc_node *node;
        memcpy(&node, object + field->offset, sizeof(const struct doc_node *));
        return node != NULL || field->fallback != 0;
    }
    if (field->type == FIELD_NAME) {
        const char *text;
        memcpy(&text, object + field->offset, sizeof(text));
        return text[0] != '\0';
    }
    return true;
}

static void dump_object(const struct object_kind *kind, const uint8_t *object, int depth, FILE *out)
{
    fputs("{", out);
    bool is_first = true;
    for (size_t i = 0; i < kind->field_count; i++) {
        const struct field *field = &kind->fields[i];
        if (!is_given(field, object)) {
            continue;
        }
        fprintf(out, "%s\n%*s", is_first ? "" : ",", 4 * depth + 4, "");
        put_quoted(field->key, out);
        fputs(": ", out);
        dump_value(field, object, depth + 1, out);
        is_first = false;
    }
    fprintf(out, "\n%*s}", 4 * depth, "");
}

void fields_dump(const struct object_kind *kind, const void *object, FILE *out)
{
    dump_object(kind, object, 0, out);
    fputc('\n', out);
}
