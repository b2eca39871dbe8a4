// SPDX-License-Identifier: Apache-2.0
#include "json/merge.h"

#include "json/reader.h"

#include <string.h>

struct merge {
    struct json_writer *out;
    bool keeps_nulls; // of the patch
    bool is_corrupt;
    char key[JSON_MERGE_KEY_SIZE_MAX + 1];
};

static enum json_type type_of(struct bytes text)
{
    struct json_reader r;
    json_reader_init(&r, text, NULL);
    return json_peek(&r);
}

static bool is_whole(struct bytes text)
{
    struct json_reader r;
    json_reader_init(&r, text, NULL);
    return json_skip(&r) && json_end(&r);
}

static bool same_text(struct merge *m, const struct json_text *a, const struct json_text *b)
{
    if (!a->escaped && !b->escaped) {
        return bytes_equal(a->raw, b->raw);
    }
    char other[JSON_MERGE_KEY_SIZE_MAX];
    size_t a_size = 0;
    size_t b_size = 0;
    return json_unescape(a, m->key, JSON_MERGE_KEY_SIZE_MAX, &a_size) == OK &&
           json_unescape(b, other, sizeof(other), &b_size) == OK && a_size == b_size &&
           memcmp(m->key, other, a_size) == 0;
}

// The last member of that key, as later ones replace earlier ones.
static bool find(struct merge *m, struct bytes object, const struct json_text *key,
                 struct bytes *value)
{
    struct json_reader r;
    struct json_text text;
    struct bytes raw;
    bool is_found = false;
    json_reader_init(&r, object, NULL);
    if (json_peek(&r) != JSON_OBJECT || !json_enter_object(&r)) {
        return false;
    }
    while (json_next_key(&r, &text) && json_raw(&r, &raw)) {
        if (same_text(m, &text, key)) {
            *value = raw;
            is_found = true;
        }
    }
    return is_found;
}

static void put_key(struct merge *m, const struct json_text *key)
{
    size_t size = 0;
    if (json_unescape(key, m->key, JSON_MERGE_KEY_SIZE_MAX, &size) != OK ||
        memchr(m->key, 0, size) != NULL) {
        m->is_corrupt = true;
        size = 0;
    }
    m->key[size] = '\0';
    json_put_key(m->out, m->key);
}

static void merge_value(struct merge *m, struct bytes base, struct bytes patch, unsigned depth);

// What the patch's members make of the base's, and the base's others.
static void merge_base(struct merge *m, struct bytes base, struct bytes patch, unsigned depth)
{
    struct json_reader r;
    struct json_text key;
    struct bytes value;
    json_reader_init(&r, base, NULL);
    if (!json_enter_object(&r)) {
        return;
    }
    while (!m->is_corrupt && json_next_key(&r, &key) && json_raw(&r, &value)) {
        struct bytes change = bytes_of(NULL, 0);
        bool is_changed = find(m, patch, &key, &change);
        if (is_changed && !m->keeps_nulls && type_of(change) == JSON_NULL) {
            continue;
        }
        put_key(m, &key);
        if (is_changed) {
            merge_value(m, value, change, depth + 1);
        } else {
            json_put_raw(m->out, value);
        }
    }
}

static void merge_new(struct merge *m, struct bytes base, struct bytes patch, unsigned depth)
{
    struct json_reader r;
    struct json_text key;
    struct bytes value;
    struct bytes old;
    json_reader_init(&r, patch, NULL);
    if (!json_enter_object(&r)) {
        return;
    }
    while (!m->is_corrupt && json_next_key(&r, &key) && json_raw(&r, &value)) {
        bool is_null = type_of(value) == JSON_NULL;
        if (find(m, base, &key, &old) || (is_null && !m->keeps_nulls)) {
            continue;
        }
        put_key(m, &key);
        merge_value(m, bytes_of(NULL, 0), value, depth + 1);
    }
}

static void merge_value(struct merge *m, struct bytes base, struct bytes patch, unsigned depth)
{
    if (type_of(patch) != JSON_OBJECT) {
        json_put_raw(m->out, patch);
        return;
    }
    if (depth >= JSON_MERGE_DEPTH_MAX) {
        m->is_corrupt = true;
        json_put_null(m->out); // a key may wait for its value
        return;
    }
    bool has_base = type_of(base) == JSON_OBJECT;
    json_begin_object(m->out);
    if (has_base) {
        merge_base(m, base, patch, depth);
    }
    merge_new(m, has_base ? base : bytes_of("{}", 2), patch, depth);
    json_end_object(m->out);
}

static enum err run(struct bytes base, struct bytes patch, struct json_writer *out,
                    bool keeps_nulls)
{
    struct merge m = {.out = out, .keeps_nulls = keeps_nulls};
    if (!is_whole(base) || !is_whole(patch)) {
        return ERR_CORRUPT;
    }
    merge_value(&m, base, patch, 0);
    return m.is_corrupt ? ERR_CORRUPT : out->failed ? ERR_SIZE : OK;
}

enum err json_merge(struct bytes base, struct bytes patch, struct json_writer *out)
{
    return run(base, patch, out, false);
}

enum err json_merge_patches(struct bytes first, struct bytes second, struct json_writer *out)
{
    return run(first, second, out, true);
}
