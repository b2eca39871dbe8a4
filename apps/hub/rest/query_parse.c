// SPDX-License-Identifier: Apache-2.0
// Recursive descent over tokens; depth and nodes are bounded.
#include "apps/hub/rest/query.h"

#include "apps/hub/rest/query_token.h"
#include "base/assert.h"
#include "json/number.h"
#include "json/reader.h"

#include <stdio.h>
#include <string.h>

struct token {
    enum query_token_kind kind;
    size_t at; // where it begins
    struct bytes text;
};

struct parser {
    struct bytes in;
    size_t at;
    struct token token; // the one that stands next
    struct query *query;
    char *why;
    enum err err;
    unsigned depth;
};

static uint16_t parse_or(struct parser *p);

static void fail(struct parser *p, enum err err, const char *words)
{
    if (p->err != OK) {
        return;
    }
    p->err = err;
    const struct token *t = &p->token;
    if (t->kind == QUERY_TOKEN_END) {
        snprintf(p->why, QUERY_WHY_SIZE, "%s at the end of the query", words);
        return;
    }
    char shown[24];
    size_t size = t->text.size < sizeof(shown) - 1 ? t->text.size : sizeof(shown) - 1;
    for (size_t i = 0; i < size; i++) {
        const uint8_t c = t->text.data[i];
        shown[i] = (char)(c >= 0x20 && c < 0x7f && c != '"' && c != ';' && c != '\\' ? c : '?');
    }
    shown[size] = '\0';
    snprintf(p->why, QUERY_WHY_SIZE, "%s at character %zu, where '%s' stands", words, t->at + 1,
             shown);
    p->token = (struct token){.kind = QUERY_TOKEN_END}; // nothing more is looked at
}

static void advance(struct parser *p)
{
    const struct bytes rest = bytes_of(p->in.data + p->at, p->in.size - p->at);
    size_t before = 0;
    p->token.kind = query_token(rest, &before, &p->token.text);
    p->token.at = p->at + before;
    const size_t quotes = p->token.kind == QUERY_TOKEN_TEXT ? 2 : 0;
    p->at += before + p->token.text.size + quotes;
    if (p->token.kind == QUERY_TOKEN_OPEN) {
        fail(p, ERR_ARG, "a text that is never closed");
    }
}

static bool is_word(const struct parser *p, const char *word)
{
    const struct token *t = &p->token;
    if (t->kind != QUERY_TOKEN_WORD || t->text.size != strlen(word)) {
        return false;
    }
    for (size_t i = 0; i < t->text.size; i++) {
        const uint8_t c = t->text.data[i];
        if ((c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c) != word[i]) {
            return false;
        }
    }
    return true;
}

static bool take_word(struct parser *p, const char *word)
{
    if (p->err != OK || !is_word(p, word)) {
        return false;
    }
    advance(p);
    return true;
}

static bool take_sign(struct parser *p, const char *sign)
{
    const struct token *t = &p->token;
    if (p->err != OK || t->kind != QUERY_TOKEN_SIGN || t->text.size != strlen(sign) ||
        memcmp(t->text.data, sign, t->text.size) != 0) {
        return false;
    }
    advance(p);
    return true;
}

static void expect_sign(struct parser *p, const char *sign, const char *words)
{
    if (!take_sign(p, sign)) {
        fail(p, ERR_ARG, words);
    }
}

// Index of a new node; 0, which is never handed out, after a failure.
static uint16_t add(struct parser *p, struct query_node node)
{
    if (p->err != OK) {
        return 0;
    }
    if (p->query->node_count == QUERY_NODES_MAX) {
        fail(p, ERR_SIZE, "a query of too many parts");
        return 0;
    }
    p->query->nodes[p->query->node_count] = node;
    return p->query->node_count++;
}

// `in` fits: the pool has twice the room of any text.
static uint16_t keep(struct parser *p, struct bytes in)
{
    struct query *q = p->query;
    const uint16_t at = q->pool_size;
    ASSERT(at + in.size + 1 <= sizeof(q->pool));
    memcpy(q->pool + at, in.data, in.size);
    q->pool[at + in.size] = '\0';
    q->pool_size = (uint16_t)(at + in.size + 1);
    return at;
}

// The text as a JSON string, whose rules for escapes and UTF-8 are ours too; 0: a wrong escape.
static size_t as_json(struct bytes in, char *out)
{
    size_t size = 0;
    out[size++] = '"';
    for (size_t i = 0; i < in.size; i++) {
        const uint8_t c = in.data[i];
        if (c == '\\') {
            const uint8_t escaped = in.data[++i]; // quoted_size saw to it that one follows
            if (escaped == '\'') {
                out[size++] = '\'';
                continue;
            }
            if (escaped != '"' && escaped != '\\' && escaped != 'u') {
                return 0;
            }
            out[size++] = '\\';
            out[size++] = (char)escaped;
            continue;
        }
        if (c == '"') {
            out[size++] = '\\';
        }
        out[size++] = (char)c;
    }
    out[size++] = '"';
    return size;
}

static uint16_t parse_text(struct parser *p)
{
    char json[2 * QUERY_SIZE_MAX + 2];
    char text[QUERY_SIZE_MAX];
    size_t size = 0;
    struct json_reader r;
    struct json_text escaped;
    json_reader_init(&r, bytes_of(json, as_json(p->token.text, json)), NULL);
    if (!json_get_text(&r, &escaped) || !json_end(&r) ||
        json_unescape(&escaped, text, sizeof(text), &size) != OK) {
        fail(p, ERR_ARG, "a text with a wrong character or escape (\\' \\\" \\\\ \\uXXXX)");
        return 0;
    }
    const struct query_node node = {
        .kind = QUERY_TEXT, .text = keep(p, bytes_of(text, size)), .text_size = (uint16_t)size};
    advance(p);
    return add(p, node);
}

static bool is_known_path(const char *first, const char *second, unsigned count)
{
    static const char *const alone[] = {
        "deviceId",        "etag",    "status",           "statusReason",
        "connectionState", "version", "lastActivityTime", "authenticationType"};
    for (size_t i = 0; i < COUNT_OF(alone); i++) {
        if (strcmp(first, alone[i]) == 0) {
            return count == 1;
        }
    }
    if (strcmp(first, "tags") == 0) {
        return true;
    }
    return strcmp(first, "properties") == 0 && count >= 2 &&
           (strcmp(second, "desired") == 0 || strcmp(second, "reported") == 0);
}

static uint16_t parse_path(struct parser *p)
{
    const struct bytes in = p->token.text;
    struct query_node node = {.kind = QUERY_PROPERTY, .text = p->query->pool_size};
    uint16_t second = 0;
    size_t from = 0;
    for (size_t i = 0; i <= in.size; i++) {
        if (i < in.size && in.data[i] != '.') {
            continue;
        }
        if (i == from || node.name_count == QUERY_PATH_MAX) {
            fail(p, ERR_ARG, "a property path with an empty name, or of more than 12 names,");
            return 0;
        }
        const uint16_t at = keep(p, bytes_of(in.data + from, i - from));
        second = node.name_count++ == 1 ? at : second;
        from = i + 1;
    }
    if (!is_known_path(p->query->pool + node.text,
                       node.name_count > 1 ? p->query->pool + second : "", node.name_count)) {
        fail(p, ERR_ARG,
             "expected tags.*, properties.desired.*, properties.reported.* or a device's property");
        return 0;
    }
    advance(p);
    return add(p, node);
}

static uint16_t parse_literal(struct parser *p)
{
    struct query_node node = {.kind = QUERY_NUMBER};
    if (p->token.kind == QUERY_TOKEN_TEXT) {
        return parse_text(p);
    }
    if (p->token.kind == QUERY_TOKEN_NUMBER) {
        if (json_double_of(p->token.text, &node.number) != OK) {
            fail(p, ERR_ARG, "a number that is none");
            return 0;
        }
        advance(p);
        return add(p, node);
    }
    if (take_word(p, "TRUE")) {
        node.kind = QUERY_TRUE;
    } else if (take_word(p, "FALSE")) {
        node.kind = QUERY_FALSE;
    } else if (take_word(p, "NULL")) {
        node.kind = QUERY_NULL;
    } else {
        fail(p, ERR_ARG, "expected a text in quotes, a number, true, false or null");
        return 0;
    }
    return add(p, node);
}

static uint16_t parse_value(struct parser *p)
{
    if (p->token.kind == QUERY_TOKEN_WORD && !is_word(p, "TRUE") && !is_word(p, "FALSE") &&
        !is_word(p, "NULL")) {
        return parse_path(p);
    }
    return parse_literal(p);
}

static uint16_t parse_list(struct parser *p, uint16_t value)
{
    struct query_node node = {.kind = QUERY_IN, .left = value};
    uint16_t last = 0;
    expect_sign(p, "[", "expected [ behind IN");
    do {
        const uint16_t item = parse_literal(p);
        if (last == 0) {
            node.right = item;
        } else if (item != 0) {
            p->query->nodes[last].next = item;
        }
        last = item;
    } while (take_sign(p, ","));
    expect_sign(p, "]", "expected , or ]");
    return add(p, node);
}

static uint16_t parse_function(struct parser *p, enum query_node_kind kind)
{
    struct query_node node = {.kind = kind};
    expect_sign(p, "(", "expected ( behind the function's name");
    if (kind == QUERY_IS_DEFINED && p->token.kind != QUERY_TOKEN_WORD) {
        fail(p, ERR_ARG, "expected a property");
    }
    node.left = kind == QUERY_IS_DEFINED ? parse_path(p) : parse_value(p);
    if (kind == QUERY_STARTS_WITH) {
        expect_sign(p, ",", "expected , and the beginning to look for");
        node.right = parse_value(p);
    }
    expect_sign(p, ")", "expected )");
    return add(p, node);
}

static uint16_t parse_comparison(struct parser *p)
{
    static const struct {
        const char *sign;
        enum query_operator op;
    } operators[] = {{"=", QUERY_EQ},  {"!=", QUERY_NE}, {"<>", QUERY_NE}, {"<", QUERY_LT},
                     {"<=", QUERY_LE}, {">", QUERY_GT},  {">=", QUERY_GE}};
    if (take_word(p, "IS_DEFINED")) {
        return parse_function(p, QUERY_IS_DEFINED);
    }
    if (take_word(p, "STARTSWITH")) {
        return parse_function(p, QUERY_STARTS_WITH);
    }
    struct query_node node = {.kind = QUERY_COMPARE, .left = parse_value(p)};
    if (take_word(p, "IN")) {
        return parse_list(p, node.left);
    }
    if (take_word(p, "NOT")) {
        if (!take_word(p, "IN")) {
            fail(p, ERR_ARG, "expected IN behind NOT");
        }
        return add(p, (struct query_node){.kind = QUERY_NOT, .left = parse_list(p, node.left)});
    }
    for (size_t i = 0; i < COUNT_OF(operators); i++) {
        if (take_sign(p, operators[i].sign)) {
            node.op = operators[i].op;
            node.right = parse_value(p);
            return add(p, node);
        }
    }
    fail(p, ERR_ARG, "expected =, !=, <, <=, >, >= or IN");
    return 0;
}

static uint16_t parse_not(struct parser *p)
{
    if (p->depth == QUERY_DEPTH_MAX) {
        fail(p, ERR_SIZE, "a query that is nested too deeply");
        return 0;
    }
    p->depth++;
    uint16_t node = 0;
    if (take_word(p, "NOT")) {
        node = add(p, (struct query_node){.kind = QUERY_NOT, .left = parse_not(p)});
    } else if (take_sign(p, "(")) {
        node = parse_or(p);
        expect_sign(p, ")", "expected AND, OR or )");
    } else {
        node = parse_comparison(p);
    }
    p->depth--;
    return node;
}

static uint16_t parse_and(struct parser *p)
{
    uint16_t left = parse_not(p);
    while (take_word(p, "AND")) {
        left = add(p, (struct query_node){.kind = QUERY_AND, .left = left, .right = parse_not(p)});
    }
    return left;
}

static uint16_t parse_or(struct parser *p)
{
    uint16_t left = parse_and(p);
    while (take_word(p, "OR")) {
        left = add(p, (struct query_node){.kind = QUERY_OR, .left = left, .right = parse_and(p)});
    }
    return left;
}

static void parse_select(struct parser *p)
{
    if (!take_word(p, "SELECT")) {
        fail(p, ERR_ARG, "expected SELECT");
    }
    if (take_sign(p, "*")) {
        return;
    }
    if (!take_word(p, "COUNT")) {
        fail(p, ERR_ARG, "only SELECT * and SELECT COUNT() are answered here: expected * or COUNT");
    }
    p->query->select = QUERY_COUNT;
    expect_sign(p, "(", "expected ( behind COUNT");
    expect_sign(p, ")", "expected ) behind COUNT(");
    if (take_word(p, "AS")) {
        const struct bytes name = p->token.text;
        if (p->token.kind != QUERY_TOKEN_WORD || name.size >= QUERY_NAME_SIZE ||
            memchr(name.data, '.', name.size) != NULL) {
            fail(p, ERR_ARG, "expected a name of at most 63 characters behind AS");
            return;
        }
        memcpy(p->query->count_name, name.data, name.size);
        advance(p);
    }
}

enum err query_parse(struct bytes text, struct query *out, char why[QUERY_WHY_SIZE])
{
    struct parser p = {.in = text, .query = out, .why = why};
    *out = (struct query){.node_count = 1};
    why[0] = '\0';
    if (text.size > QUERY_SIZE_MAX) {
        snprintf(why, QUERY_WHY_SIZE, "a query of %zu bytes, %d at most", text.size,
                 QUERY_SIZE_MAX);
        return ERR_SIZE;
    }
    advance(&p);
    parse_select(&p);
    if (!take_word(&p, "FROM")) {
        fail(&p, ERR_ARG, "expected FROM");
    }
    if (!take_word(&p, "DEVICES")) {
        fail(&p, ERR_ARG, "only devices can be asked about: expected devices");
    }
    if (take_word(&p, "WHERE")) {
        out->has_where = true;
        out->root = parse_or(&p);
    }
    if (p.token.kind != QUERY_TOKEN_END) {
        fail(&p, ERR_ARG, out->has_where ? "expected AND, OR or the end" : "expected WHERE");
    }
    return p.err;
}
