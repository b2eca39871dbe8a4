// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/twin_tree.h"

#include "base/crc.h"

#include <string.h>

enum { STORED_DEPTH_MAX = 24 };

struct parse {
    struct twin_tree *tree;
    struct json_reader reader;
    struct bytes text;
    enum twin_rules rules;
    const char *what;
    struct verdict *why;
};

static bool refuse_syntax(const struct parse *p, const struct json_error *error)
{
    struct json_place place = json_place_of(p->text, error->offset);
    if (error->code == JSON_KEYS) {
        return refuse(p->why, HUB_TOO_LARGE, "%s: more than %d values", p->what, TWIN_VALUES_MAX);
    }
    enum hub_code code = p->rules == TWIN_OURS ? HUB_SERVER_ERROR : HUB_ARGUMENT_INVALID;
    return refuse(p->why, code, "%s, line %u column %u: %s", p->what, place.line, place.column,
                  error->message);
}

// A string's bytes by Azure's count.
static bool count_string(struct parse *p, const struct json_text *text, uint32_t *counted)
{
    char scratch[TWIN_STRING_SIZE_MAX];
    size_t size = text->raw.size;
    bool fits = size <= sizeof(scratch);
    if (text->escaped) {
        fits = json_unescape(text, scratch, sizeof(scratch), &size) == OK;
    }
    if (!fits && p->rules != TWIN_OURS) {
        return refuse(p->why, HUB_ARGUMENT_INVALID, "%s: a string longer than %d bytes", p->what,
                      TWIN_STRING_SIZE_MAX);
    }
    *counted += (uint32_t)size;
    return true;
}

static bool check_number(const struct parse *p, struct bytes text)
{
    if (text.size > TWIN_NUMBER_TEXT_MAX) {
        return refuse(p->why, HUB_ARGUMENT_INVALID, "%s: a number of more than %d characters",
                      p->what, TWIN_NUMBER_TEXT_MAX);
    }
    bool is_integer = true;
    for (size_t i = 0; i < text.size; i++) {
        is_integer = is_integer && text.data[i] != '.' && (text.data[i] | 32) != 'e';
    }
    int64_t value = 0;
    if (is_integer &&
        (json_i64_of(text, &value) != OK || value < TWIN_INTEGER_MIN || value > TWIN_INTEGER_MAX)) {
        return refuse(p->why, HUB_ARGUMENT_INVALID,
                      "%s: integer %.*s is outside -4503599627370496 to 4503599627370495", p->what,
                      (int)text.size, (const char *)text.data);
    }
    double number = 0;
    return is_integer || json_double_of(text, &number) == OK ||
           refuse(p->why, HUB_ARGUMENT_INVALID, "%s: number %.*s is too large", p->what,
                  (int)text.size, (const char *)text.data);
}

static bool check_key(const struct parse *p, const char *key, size_t size)
{
    if (size == 0 || size > TWIN_KEY_SIZE_MAX) {
        return refuse(p->why, HUB_ARGUMENT_INVALID, "%s: a key has 1 to %d bytes, this one %zu",
                      p->what, TWIN_KEY_SIZE_MAX, size);
    }
    for (size_t i = 0; i < size; i++) {
        uint8_t c = (uint8_t)key[i];
        bool is_c1 = c == 0xc2 && (uint8_t)key[i + 1] < 0xa0; // U+0080 to U+009F
        if (c <= ' ' || c == 0x7f || c == '.' || c == '$' || is_c1) {
            return refuse(p->why, HUB_ARGUMENT_INVALID,
                          "%s: key \"%.64s\" holds a space, a dot, $ or a control character",
                          p->what, key);
        }
    }
    return true;
}

static bool check_array(struct parse *p, struct json_reader *r, unsigned depth, uint32_t *counted);

static bool check_object(struct parse *p, struct json_reader *r, unsigned depth, uint32_t *counted);

// A value inside an array, of any kind.
static bool check_value(struct parse *p, struct json_reader *r, unsigned depth, uint32_t *counted)
{
    struct json_text text;
    struct bytes number;
    bool truth = false;
    switch (json_peek(r)) {
    case JSON_STRING: return json_get_text(r, &text) && count_string(p, &text, counted);
    case JSON_NUMBER:
        *counted += 8;
        return json_get_number(r, &number) && (p->rules == TWIN_OURS || check_number(p, number));
    case JSON_BOOL: *counted += 4; return json_get_bool(r, &truth);
    case JSON_NULL: return json_get_null(r);
    case JSON_ARRAY: return check_array(p, r, depth + 1, counted);
    case JSON_OBJECT: return check_object(p, r, depth + 1, counted);
    case JSON_NONE: break;
    }
    return refuse_syntax(p, &p->reader.error);
}

static bool check_depth(const struct parse *p, unsigned depth)
{
    return p->rules == TWIN_OURS || depth <= TWIN_DEPTH_MAX ||
           refuse(p->why, HUB_ARGUMENT_INVALID, "%s: nested deeper than %d levels", p->what,
                  TWIN_DEPTH_MAX);
}

static bool check_array(struct parse *p, struct json_reader *r, unsigned depth, uint32_t *counted)
{
    if (!check_depth(p, depth) || !json_enter_array(r)) {
        return false;
    }
    while (json_next_item(r)) {
        if (!check_value(p, r, depth, counted)) {
            return false;
        }
    }
    return !json_failed(r);
}

static bool check_object(struct parse *p, struct json_reader *r, unsigned depth, uint32_t *counted)
{
    struct json_text key;
    if (!check_depth(p, depth) || !json_enter_object(r)) {
        return false;
    }
    while (json_next_key(r, &key)) {
        char name[TWIN_KEY_SIZE_MAX + 2];
        size_t size = TWIN_KEY_SIZE_MAX + 1;
        if (json_unescape(&key, name, TWIN_KEY_SIZE_MAX + 1, &size) != OK) {
            size = TWIN_KEY_SIZE_MAX + 1;
        }
        name[size] = '\0';
        if (!check_key(p, name, size)) {
            return false;
        }
        *counted += (uint32_t)size;
        if (!check_value(p, r, depth, counted)) {
            return false;
        }
    }
    return !json_failed(r);
}

// Any value but an object; the reader stands before it.
static bool take_leaf(struct parse *p, struct twin_node *node, unsigned depth)
{
    if (!json_raw(&p->reader, &node->value)) {
        return refuse_syntax(p, &p->reader.error);
    }
    struct json_reader again;
    struct json_options options = {.depth_max = STORED_DEPTH_MAX};
    json_reader_init(&again, node->value, &options);
    return check_value(p, &again, depth, &node->counted);
}

static uint32_t slot_of(uint32_t parent, uint32_t key_hash)
{
    return (key_hash ^ parent * 2654435761U) & (TWIN_INDEX_SIZE - 1);
}

static struct twin_node *add_node(struct parse *p, const struct json_text *key, uint32_t parent)
{
    struct twin_tree *tree = p->tree;
    size_t limit = p->rules == TWIN_OURS ? TWIN_NODE_MAX : TWIN_VALUES_MAX + 1;
    size_t size = 0;
    char *name = tree->keys + tree->keys_size;
    size_t room = sizeof(tree->keys) - tree->keys_size;
    if (tree->count == limit || room < 2 || json_unescape(key, name, room - 1, &size) != OK) {
        refuse(p->why, HUB_TOO_LARGE, "%s: more than %d values", p->what, TWIN_VALUES_MAX);
        return NULL;
    }
    name[size] = '\0';
    tree->keys_size += size + 1;
    struct twin_node *node = &tree->nodes[tree->count];
    *node = (struct twin_node){.key = name,
                               .key_size = size,
                               .key_hash = crc32c(0, bytes_of(name, size)),
                               .parent = parent};
    uint32_t slot = slot_of(parent, node->key_hash);
    while (tree->index[slot] != 0) {
        slot = (slot + 1) & (TWIN_INDEX_SIZE - 1);
    }
    tree->index[slot] = (uint16_t)tree->count;
    tree->count++;
    return node;
}

static bool passes_over(const struct parse *p, const struct json_text *key, unsigned depth)
{
    return p->rules == TWIN_DESIRED_OF_SERVICE && depth == 0 &&
           (json_text_is(key, "$version") || json_text_is(key, "$metadata"));
}

// The members of an object that was entered already.
static bool take_members(struct parse *p, struct twin_node *parent, unsigned depth)
{
    uint32_t *link = &parent->child;
    struct json_text key;
    while (json_next_key(&p->reader, &key)) {
        if (passes_over(p, &key, depth)) {
            json_skip(&p->reader);
            continue;
        }
        struct twin_node *node = add_node(p, &key, (uint32_t)(parent - p->tree->nodes));
        if (node == NULL || (p->rules != TWIN_OURS && !check_key(p, node->key, node->key_size))) {
            return false;
        }
        *link = (uint32_t)(node - p->tree->nodes);
        link = &node->next;
        node->type = json_peek(&p->reader);
        bool is_good = true;
        if (node->type == JSON_OBJECT) {
            is_good = check_depth(p, depth + 1) && json_enter_object(&p->reader) &&
                      take_members(p, node, depth + 1);
        } else {
            is_good = take_leaf(p, node, depth);
        }
        if (!is_good) {
            return false;
        }
    }
    return !json_failed(&p->reader) || refuse_syntax(p, &p->reader.error);
}

bool twin_tree_parse(struct twin_tree *tree, struct bytes text, enum twin_rules rules,
                     const char *what, struct verdict *why)
{
    struct parse p = {.tree = tree, .text = text, .rules = rules, .what = what, .why = why};
    tree->count = 1;
    tree->keys_size = 0;
    memset(tree->index, 0, sizeof(tree->index));
    tree->nodes[0] = (struct twin_node){.type = JSON_OBJECT, .key = ""};
    if (text.size == 0) {
        return true;
    }
    if (text.size > 2 * (size_t)TWIN_TEXT_SIZE_MAX ||
        (rules != TWIN_OURS && text.size > TWIN_TEXT_SIZE_MAX)) {
        return refuse(why, HUB_TOO_LARGE, "%s: a text of %zu bytes, at most %d", what, text.size,
                      TWIN_TEXT_SIZE_MAX);
    }
    struct json_options options = {
        .depth_max = STORED_DEPTH_MAX, .keys = tree->key_memory, .key_capacity = TWIN_VALUES_MAX};
    if (rules == TWIN_OURS) {
        options = (struct json_options){.depth_max = STORED_DEPTH_MAX}; // written by us
    }
    json_reader_init(&p.reader, text, &options);
    if (!json_enter_object(&p.reader)) {
        return refuse_syntax(&p, &p.reader.error);
    }
    if (!take_members(&p, &tree->nodes[0], 0)) {
        if (why->code == HUB_DONE) {
            return refuse_syntax(&p, &p.reader.error);
        }
        return false;
    }
    return json_end(&p.reader) || refuse_syntax(&p, &p.reader.error);
}

struct twin_node *twin_tree_first(struct twin_tree *tree, const struct twin_node *parent)
{
    return parent != NULL && parent->child != 0 ? &tree->nodes[parent->child] : NULL;
}

struct twin_node *twin_tree_next(struct twin_tree *tree, const struct twin_node *node)
{
    return node->next != 0 ? &tree->nodes[node->next] : NULL;
}

struct twin_node *twin_tree_find(struct twin_tree *tree, const struct twin_node *parent,
                                 const struct twin_node *key)
{
    uint32_t place = (uint32_t)(parent - tree->nodes);
    for (uint32_t slot = slot_of(place, key->key_hash); tree->index[slot] != 0;
         slot = (slot + 1) & (TWIN_INDEX_SIZE - 1)) {
        struct twin_node *node = &tree->nodes[tree->index[slot]];
        if (node->parent == place && node->key_hash == key->key_hash &&
            node->key_size == key->key_size && memcmp(node->key, key->key, key->key_size) == 0) {
            return node;
        }
    }
    return NULL;
}
