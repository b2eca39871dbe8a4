// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/config/doc.h"

#include <stdio.h>
#include <string.h>

struct parse {
    struct json_reader reader;
    const struct doc_file *file;
    struct arena *arena;
    struct config_report *report;
};

// Paths nest at most as deep as the reader lets documents nest.
static void write_path(const struct doc_node *node, struct config_finding *finding)
{
    const struct doc_node *chain[JSON_DEPTH_MAX];
    size_t depth = 0;
    for (; node != NULL && node->parent != NULL && depth < JSON_DEPTH_MAX; node = node->parent) {
        chain[depth++] = node;
    }
    size_t size = 0;
    while (depth > 0 && size < sizeof(finding->key)) {
        const struct doc_node *step = chain[--depth];
        char *to = finding->key + size;
        size_t room = sizeof(finding->key) - size;
        int wrote = step->key != NULL ? snprintf(to, room, "%s%s", size > 0 ? "." : "", step->key)
                                      : snprintf(to, room, "[%u]", step->index);
        size += wrote > 0 ? (size_t)wrote : 0;
    }
}

__attribute__((format(printf, 4, 0))) static void add(struct config_report *report,
                                                      const struct doc_node *node, bool is_warning,
                                                      const char *format, va_list arguments)
{
    struct json_place place = json_place_of(node->file->text, node->offset);
    struct report_place where = {.file = node->file->path,
                                 .line = place.line,
                                 .column = place.column,
                                 .is_warning = is_warning};
    struct config_finding *finding = report_add(report, where, format, arguments);
    if (finding != NULL) {
        write_path(node, finding);
    }
}

void doc_error(struct config_report *report, const struct doc_node *node, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(report, node, false, format, arguments);
    va_end(arguments);
}

void doc_warn(struct config_report *report, const struct doc_node *node, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    add(report, node, true, format, arguments);
    va_end(arguments);
}

// A NUL, also one that is written \u0000, would cut the text short for all that read it later.
static const char *take_text(struct parse *p, const struct json_text *text, bool *has_nul)
{
    char *copy = arena_take(p->arena, text->raw.size + 1, 1);
    size_t size = 0;
    if (copy == NULL || json_unescape(text, copy, text->raw.size, &size) != OK) {
        return NULL;
    }
    copy[size] = '\0';
    *has_nul = strlen(copy) != size;
    return copy;
}

static void fill_scalar(struct parse *p, struct doc_node *node)
{
    struct bytes number;
    struct json_text text;
    bool has_nul = false;
    switch (node->type) {
    case JSON_BOOL: (void)json_get_bool(&p->reader, &node->boolean); break;
    case JSON_NUMBER:
        if (json_get_number(&p->reader, &number) && json_double_of(number, &node->number) != OK) {
            doc_error(p->report, node, "a number too large for any use");
        }
        break;
    case JSON_STRING:
        if (json_get_text(&p->reader, &text)) {
            node->text = take_text(p, &text, &has_nul);
            if (has_nul) {
                doc_error(p->report, node, "a text must not hold a NUL character");
            }
        }
        break;
    case JSON_NONE:
    case JSON_NULL:
    case JSON_ARRAY:
    case JSON_OBJECT: (void)json_skip(&p->reader); break;
    }
}

// The next child of `parent`, its value not yet read; NULL at the end or when memory is out.
static struct doc_node *next_child(struct parse *p, struct doc_node *parent)
{
    struct json_text key = {0};
    bool is_object = parent->type == JSON_OBJECT;
    if (is_object ? !json_next_key(&p->reader, &key) : !json_next_item(&p->reader)) {
        return NULL;
    }
    struct doc_node *node = arena_take(p->arena, 1, sizeof(*node));
    if (node == NULL) {
        return NULL;
    }
    bool has_nul = false;
    node->key = is_object ? take_text(p, &key, &has_nul) : NULL;
    node->type = json_peek(&p->reader);
    node->offset = (uint32_t)(is_object ? key.offset : json_offset(&p->reader));
    node->file = p->file;
    node->parent = parent;
    if (has_nul) {
        doc_error(p->report, node, "a key must not hold a NUL character");
    }
    return node;
}

static bool enter(struct parse *p, const struct doc_node *node)
{
    return node->type == JSON_OBJECT  ? json_enter_object(&p->reader)
           : node->type == JSON_ARRAY ? json_enter_array(&p->reader)
                                      : false;
}

// Depth first without recursion: the tree itself is the stack.
static void parse_tree(struct parse *p, struct doc_node *root)
{
    struct doc_node *tails[JSON_DEPTH_MAX + 1] = {0};
    struct doc_node *opens[JSON_DEPTH_MAX + 1] = {root};
    size_t depth = 0;
    struct doc_node *open = enter(p, root) ? root : NULL;
    if (open == NULL) {
        fill_scalar(p, root);
    }
    while (open != NULL && !json_failed(&p->reader) && !p->arena->is_full) {
        struct doc_node *node = next_child(p, open);
        if (node == NULL) {
            open = depth > 0 ? opens[--depth] : NULL;
            continue;
        }
        if (open->type == JSON_OBJECT && node->key != NULL && doc_member(open, node->key) != NULL) {
            doc_error(p->report, node, "is given twice; keep one of them");
        }
        node->index = tails[depth] == NULL ? 0 : tails[depth]->index + 1;
        *(tails[depth] == NULL ? &open->child : &tails[depth]->next) = node;
        tails[depth] = node;
        if (enter(p, node)) {
            open = node;
            opens[++depth] = node;
            tails[depth] = NULL;
        } else {
            fill_scalar(p, node);
        }
    }
}

enum err doc_parse(const struct doc_file *file, struct arena *arena, struct config_report *report,
                   struct doc_node **out)
{
    struct parse p = {.file = file, .arena = arena, .report = report};
    json_reader_init(&p.reader, file->text, &(struct json_options){.comments = true});
    struct doc_node *root = arena_take(arena, 1, sizeof(*root));
    if (root == NULL) {
        return ERR_FULL;
    }
    root->file = file;
    root->type = json_peek(&p.reader);
    root->offset = (uint32_t)json_offset(&p.reader);
    parse_tree(&p, root);
    if (arena->is_full) {
        return ERR_FULL;
    }
    if (json_failed(&p.reader) || !json_end(&p.reader)) {
        struct doc_node at = {.file = file, .offset = (uint32_t)p.reader.error.offset};
        doc_error(report, &at, "%s", p.reader.error.message);
        return ERR_CORRUPT;
    }
    *out = root;
    return OK;
}

const struct doc_node *doc_member(const struct doc_node *object, const char *key)
{
    for (const struct doc_node *node = object->child; node != NULL; node = node->next) {
        if (node->key != NULL && strcmp(node->key, key) == 0) {
            return node;
        }
    }
    return NULL;
}
