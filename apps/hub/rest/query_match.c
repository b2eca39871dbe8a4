// SPDX-License-Identifier: Apache-2.0
// A condition is asked about one device. Three answers: what compares with something absent, or
// with another type, is unknown, and unknown stays unknown under NOT.
#include "apps/hub/rest/query.h"

#include "base/assert.h"
#include "json/reader.h"

#include <string.h>

enum { TEXT_SIZE_MAX = 4096 }; // of a twin's value; a longer one is not compared

enum answer { ANSWER_NO, ANSWER_YES, ANSWER_UNKNOWN };

enum value_type { VALUE_NONE, VALUE_NULL, VALUE_BOOL, VALUE_NUMBER, VALUE_TEXT, VALUE_TREE };

struct value {
    enum value_type type;
    bool truth;
    double number;
    struct bytes text;
    char store[TEXT_SIZE_MAX]; // where an unescaped text lies
};

static struct bytes literal_of(const struct query *q, const struct query_node *node)
{
    return bytes_of(q->pool + node->text, node->text_size);
}

static void set_text(struct value *out, struct bytes text)
{
    ASSERT(out != NULL);
    out->type = text.data != NULL ? VALUE_TEXT : VALUE_NONE;
    out->text = text;
}

static void take_json(struct json_reader *r, struct value *out)
{
    struct json_text text;
    size_t size = 0;
    switch (json_peek(r)) {
    case JSON_NONE: out->type = VALUE_NONE; break;
    case JSON_NULL: out->type = VALUE_NULL; break;
    case JSON_BOOL: out->type = json_get_bool(r, &out->truth) ? VALUE_BOOL : VALUE_NONE; break;
    case JSON_NUMBER: {
        struct bytes number;
        const bool is_good =
            json_get_number(r, &number) && json_double_of(number, &out->number) == OK;
        out->type = is_good ? VALUE_NUMBER : VALUE_NONE;
        break;
    }
    case JSON_STRING:
        if (json_get_text(r, &text) &&
            json_unescape(&text, out->store, sizeof(out->store), &size) == OK) {
            set_text(out, bytes_of(out->store, size));
        }
        break;
    case JSON_ARRAY:
    case JSON_OBJECT: out->type = VALUE_TREE; break;
    }
}

// The value at a path of names, each ended by NUL.
static void find_json(struct bytes document, const char *names, unsigned count, struct value *out)
{
    struct json_reader r;
    struct json_text key;
    json_reader_init(&r, document, NULL);
    for (unsigned i = 0; i < count; i++) {
        bool is_found = false;
        if (json_peek(&r) != JSON_OBJECT || !json_enter_object(&r)) {
            return;
        }
        while (!is_found && json_next_key(&r, &key)) {
            is_found = json_text_is(&key, names);
            if (!is_found) {
                json_skip(&r);
            }
        }
        if (!is_found) {
            return;
        }
        names += strlen(names) + 1;
    }
    take_json(&r, out);
}

static void property_of(const struct query *q, const struct query_node *node,
                        const struct query_row *row, struct value *out)
{
    const struct {
        const char *name;
        struct bytes text;
    } texts[] = {
        {"deviceId", row->device_id},
        {"etag", row->etag},
        {"status", row->status},
        {"statusReason", row->status_reason},
        {"connectionState", row->connection_state},
        {"lastActivityTime", row->last_activity},
        {"authenticationType", row->authentication_type},
    };
    const char *first = q->pool + node->text;
    const char *rest = first + strlen(first) + 1;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (strcmp(first, texts[i].name) == 0) {
            set_text(out, texts[i].text);
            return;
        }
    }
    if (strcmp(first, "version") == 0) {
        out->type = VALUE_NUMBER;
        out->number = (double)row->version;
    } else if (strcmp(first, "tags") == 0) {
        find_json(row->tags, rest, node->name_count - 1U, out);
    } else {
        ASSERT(strcmp(first, "properties") == 0 && node->name_count >= 2);
        const struct bytes tree = strcmp(rest, "desired") == 0 ? row->desired : row->reported;
        find_json(tree, rest + strlen(rest) + 1, node->name_count - 2U, out);
    }
}

static void value_of(const struct query *q, uint16_t index, const struct query_row *row,
                     struct value *out)
{
    const struct query_node *node = &q->nodes[index];
    out->type = VALUE_NONE;
    if (node->kind == QUERY_PROPERTY) {
        property_of(q, node, row, out);
    } else if (node->kind == QUERY_TEXT) {
        set_text(out, literal_of(q, node));
    } else if (node->kind == QUERY_NUMBER) {
        out->type = VALUE_NUMBER;
        out->number = node->number;
    } else if (node->kind == QUERY_NULL) {
        out->type = VALUE_NULL;
    } else {
        ASSERT(node->kind == QUERY_TRUE || node->kind == QUERY_FALSE);
        out->type = VALUE_BOOL;
        out->truth = node->kind == QUERY_TRUE;
    }
}

static int order_of(struct bytes a, struct bytes b)
{
    const size_t size = a.size < b.size ? a.size : b.size;
    const int order = size > 0 ? memcmp(a.data, b.data, size) : 0;
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

static enum answer answer_of(bool yes)
{
    return yes ? ANSWER_YES : ANSWER_NO;
}

static enum answer compare(enum query_operator op, const struct value *a, const struct value *b)
{
    int order = 0;
    if (a->type != b->type || a->type == VALUE_NONE || a->type == VALUE_TREE) {
        return ANSWER_UNKNOWN;
    }
    if (a->type == VALUE_TEXT) {
        order = order_of(a->text, b->text);
    } else if (a->type == VALUE_NUMBER) {
        order = (a->number > b->number) - (a->number < b->number);
    } else {
        if (op != QUERY_EQ && op != QUERY_NE) {
            return ANSWER_UNKNOWN;
        }
        order = a->type == VALUE_BOOL && a->truth != b->truth;
    }
    switch (op) {
    case QUERY_EQ: return answer_of(order == 0);
    case QUERY_NE: return answer_of(order != 0);
    case QUERY_LT: return answer_of(order < 0);
    case QUERY_LE: return answer_of(order <= 0);
    case QUERY_GT: return answer_of(order > 0);
    case QUERY_GE: return answer_of(order >= 0);
    }
    return ANSWER_UNKNOWN;
}

static enum answer in_list(const struct query *q, const struct query_node *node,
                           const struct query_row *row)
{
    struct value a;
    struct value b;
    value_of(q, node->left, row, &a);
    if (a.type == VALUE_NONE) {
        return ANSWER_UNKNOWN;
    }
    for (uint16_t i = node->right; i != 0; i = q->nodes[i].next) {
        value_of(q, i, row, &b);
        if (compare(QUERY_EQ, &a, &b) == ANSWER_YES) {
            return ANSWER_YES;
        }
    }
    return ANSWER_NO;
}

// A comparison and its like: no condition inside.
static enum answer ask_leaf(const struct query *q, const struct query_node *node,
                            const struct query_row *row)
{
    struct value a;
    struct value b;
    if (node->kind == QUERY_IN) {
        return in_list(q, node, row);
    }
    value_of(q, node->left, row, &a);
    if (node->kind == QUERY_IS_DEFINED) {
        return answer_of(a.type != VALUE_NONE);
    }
    value_of(q, node->right, row, &b);
    if (node->kind == QUERY_STARTS_WITH) {
        if (a.type != VALUE_TEXT || b.type != VALUE_TEXT) {
            return ANSWER_UNKNOWN;
        }
        return answer_of(a.text.size >= b.text.size &&
                         bytes_equal(bytes_of(a.text.data, b.text.size), b.text));
    }
    ASSERT(node->kind == QUERY_COMPARE);
    return compare(node->op, &a, &b);
}

// Depth: AND and OR lean to the left, at most QUERY_NODES_MAX of them.
static enum answer ask(const struct query *q, uint16_t index, const struct query_row *row)
{
    const struct query_node *node = &q->nodes[index];
    if (node->kind == QUERY_NOT) {
        const enum answer inner = ask(q, node->left, row);
        return inner == ANSWER_UNKNOWN ? inner : answer_of(inner == ANSWER_NO);
    }
    if (node->kind == QUERY_AND || node->kind == QUERY_OR) {
        const enum answer decides = node->kind == QUERY_AND ? ANSWER_NO : ANSWER_YES;
        const enum answer left = ask(q, node->left, row);
        if (left == decides) {
            return left;
        }
        const enum answer right = ask(q, node->right, row);
        if (right == decides) {
            return right;
        }
        return left == ANSWER_UNKNOWN ? left : right;
    }
    return ask_leaf(q, node, row);
}

bool query_matches(const struct query *query, const struct query_row *row)
{
    return !query->has_where || ask(query, query->root, row) == ANSWER_YES;
}
