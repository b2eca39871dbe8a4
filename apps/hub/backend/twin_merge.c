// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/twin_merge.h"

#include "apps/hub/backend/store.h"

#include <stdio.h>
#include <string.h>

static void put_key(struct twin_merge *m, const struct twin_node *node)
{
    json_put_key(&m->properties_out, node->key);
    json_put_key(&m->metadata_out, node->key);
    m->counted += node->key_size + node->counted;
    m->values++;
}

static void begin_object(struct twin_merge *m, struct bytes stamp)
{
    json_begin_object(&m->properties_out);
    json_begin_object(&m->metadata_out);
    json_put_key(&m->metadata_out, "");
    json_put_raw(&m->metadata_out, stamp);
}

static void end_object(struct twin_merge *m)
{
    json_end_object(&m->properties_out);
    json_end_object(&m->metadata_out);
}

// A value of the patch, without its nulls.
static void write_fresh(struct twin_merge *m, struct twin_node *node)
{
    if (node->type != JSON_OBJECT) {
        json_put_raw(&m->properties_out, node->value);
        json_put_raw(&m->metadata_out, m->stamp);
        return;
    }
    begin_object(m, m->stamp);
    for (struct twin_node *child = twin_tree_first(&m->patch, node); child != NULL;
         child = twin_tree_next(&m->patch, child)) {
        if (child->type != JSON_NULL) {
            put_key(m, child);
            write_fresh(m, child);
        }
    }
    end_object(m);
}

// When an old value was written: of itself, or of an object's own.
static struct bytes stamp_of(struct twin_merge *m, const struct twin_node *metadata)
{
    static const struct twin_node own = {.key = ""};
    if (metadata != NULL && metadata->type == JSON_OBJECT) {
        metadata = twin_tree_find(&m->old_metadata, metadata, &own);
    }
    return metadata != NULL && metadata->type == JSON_ARRAY ? metadata->value : m->stamp;
}

// A value of the old section that the patch does not name.
static void write_kept(struct twin_merge *m, struct twin_node *node,
                       const struct twin_node *metadata)
{
    if (node->type != JSON_OBJECT) {
        json_put_raw(&m->properties_out, node->value);
        json_put_raw(&m->metadata_out, stamp_of(m, metadata));
        return;
    }
    begin_object(m, stamp_of(m, metadata));
    for (struct twin_node *child = twin_tree_first(&m->old, node); child != NULL;
         child = twin_tree_next(&m->old, child)) {
        put_key(m, child);
        write_kept(m, child,
                   metadata != NULL ? twin_tree_find(&m->old_metadata, metadata, child) : NULL);
    }
    end_object(m);
}

// Both are objects. metadata: of the old one, NULL if there is none.
static void write_merged(struct twin_merge *m, struct twin_node *old, struct twin_node *patch,
                         const struct twin_node *metadata)
{
    begin_object(m, m->stamp);
    for (struct twin_node *child = twin_tree_first(&m->old, old); child != NULL;
         child = twin_tree_next(&m->old, child)) {
        struct twin_node *change = twin_tree_find(&m->patch, patch, child);
        const struct twin_node *stamps =
            metadata != NULL ? twin_tree_find(&m->old_metadata, metadata, child) : NULL;
        if (change == NULL) {
            put_key(m, child);
            write_kept(m, child, stamps);
            continue;
        }
        change->is_used = true;
        if (change->type == JSON_NULL) {
            continue;
        }
        put_key(m, change);
        if (change->type == JSON_OBJECT && child->type == JSON_OBJECT) {
            write_merged(m, child, change, stamps);
        } else {
            write_fresh(m, change);
        }
    }
    for (struct twin_node *child = twin_tree_first(&m->patch, patch); child != NULL;
         child = twin_tree_next(&m->patch, child)) {
        if (!child->is_used && child->type != JSON_NULL) {
            put_key(m, child);
            write_fresh(m, child);
        }
    }
    end_object(m);
}

// The members of the patch with its nulls; `old`: of what it replaces, whose other keys get a null.
static void write_notice(struct twin_merge *m, struct twin_node *patch, struct twin_node *old)
{
    for (struct twin_node *child = twin_tree_first(&m->patch, patch); child != NULL;
         child = twin_tree_next(&m->patch, child)) {
        json_put_key(&m->notice_out, child->key);
        if (child->type != JSON_OBJECT) {
            json_put_raw(&m->notice_out, child->value);
            continue;
        }
        struct twin_node *before = old != NULL ? twin_tree_find(&m->old, old, child) : NULL;
        json_begin_object(&m->notice_out);
        write_notice(m, child, before);
        json_end_object(&m->notice_out);
    }
    for (struct twin_node *gone = old != NULL ? twin_tree_first(&m->old, old) : NULL; gone != NULL;
         gone = twin_tree_next(&m->old, gone)) {
        if (twin_tree_find(&m->patch, patch, gone) == NULL) {
            json_put_key(&m->notice_out, gone->key);
            json_put_null(&m->notice_out);
        }
    }
}

static bool check_size(struct twin_merge *m, enum twin_section section, const char *what,
                       struct verdict *why)
{
    size_t limit = section == TWIN_TAGS ? TWIN_TAGS_SIZE_MAX : TWIN_PROPERTIES_SIZE_MAX;
    if (m->counted > limit) {
        return refuse(why, HUB_TOO_LARGE, "%s would have %zu bytes, at most %zu", what, m->counted,
                      limit);
    }
    if (m->values > TWIN_VALUES_MAX || m->properties_out.failed || m->metadata_out.failed ||
        m->notice_out.failed) {
        return refuse(why, HUB_TOO_LARGE, "%s would have more than %d values or %d bytes of text",
                      what, TWIN_VALUES_MAX, TWIN_TEXT_SIZE_MAX);
    }
    return true;
}

static void write_all(struct twin_merge *m, const struct twin_merge_in *in)
{
    struct twin_node *old = &m->old.nodes[0];
    struct twin_node *patch = &m->patch.nodes[0];
    json_writer_init(&m->properties_out, m->properties_text, sizeof(m->properties_text));
    json_writer_init(&m->metadata_out, m->metadata_text, sizeof(m->metadata_text));
    json_writer_init(&m->notice_out, m->notice_text, sizeof(m->notice_text));
    if (in->is_replace) {
        write_fresh(m, patch);
    } else {
        write_merged(m, old, patch, &m->old_metadata.nodes[0]);
    }
    json_begin_object(&m->notice_out);
    write_notice(m, patch, in->is_replace ? old : NULL);
    json_put_key_u64(&m->notice_out, "$version", in->version);
    json_end_object(&m->notice_out);
}

bool twin_merge_run(struct twin_merge *m, const struct twin_merge_in *in, struct verdict *why)
{
    static const char *const names[] = {
        [TWIN_DESIRED] = "desired", [TWIN_REPORTED] = "reported", [TWIN_TAGS] = "tags"};
    const char *what = names[in->section];
    enum twin_rules rules = in->section == TWIN_DESIRED ? TWIN_DESIRED_OF_SERVICE : TWIN_PEER;
    grant(why);
    if (!twin_tree_parse(&m->patch, in->patch, rules, what, why) ||
        !twin_tree_parse(&m->old, in->old, TWIN_OURS, what, why) ||
        !twin_tree_parse(&m->old_metadata, in->old_metadata, TWIN_OURS, "metadata", why)) {
        return false;
    }
    int size = snprintf(m->stamp_text, sizeof(m->stamp_text), "[%lld,%llu]", (long long)in->utc_ms,
                        (unsigned long long)in->version);
    m->stamp = bytes_of(m->stamp_text, (size_t)size);
    m->counted = 0;
    m->values = 0;
    m->is_changed = m->patch.nodes[0].child != 0 || in->is_replace;
    write_all(m, in);
    if (!check_size(m, in->section, what, why)) {
        return false;
    }
    m->properties = json_writer_bytes(&m->properties_out);
    m->metadata = json_writer_bytes(&m->metadata_out);
    m->notice = json_writer_bytes(&m->notice_out);
    return true;
}

static bool write_stamp(struct bytes stamp, bool has_version, struct json_writer *out)
{
    struct json_reader r;
    json_reader_init(&r, stamp, NULL);
    int64_t utc_ms = 0;
    uint64_t version = 0;
    if (!json_enter_array(&r) || !json_next_item(&r) || !json_get_i64(&r, 0, INT64_MAX, &utc_ms) ||
        !json_next_item(&r) || !json_get_u64(&r, 0, INT64_MAX, &version)) {
        return false;
    }
    char time[STORE_TIME_SIZE];
    store_time(utc_ms, time);
    json_put_key_string(out, "$lastUpdated", time);
    if (has_version) {
        json_put_key_u64(out, "$lastUpdatedVersion", version);
    }
    return true;
}

static bool write_metadata(struct twin_tree *tree, const struct twin_node *node, bool has_version,
                           struct json_writer *out)
{
    json_begin_object(out);
    bool is_good = node->type == JSON_OBJECT ||
                   (node->type == JSON_ARRAY && write_stamp(node->value, has_version, out));
    for (struct twin_node *child = twin_tree_first(tree, node); is_good && child != NULL;
         child = twin_tree_next(tree, child)) {
        if (child->key_size == 0) {
            is_good = write_stamp(child->value, has_version, out);
        } else {
            json_put_key(out, child->key);
            is_good = write_metadata(tree, child, has_version, out);
        }
    }
    if (is_good) {
        json_end_object(out);
    }
    return is_good;
}

bool twin_metadata_write(struct twin_tree *scratch, struct bytes metadata, bool has_version,
                         struct json_writer *out)
{
    struct verdict why = {0};
    return twin_tree_parse(scratch, metadata, TWIN_OURS, "metadata", &why) &&
           write_metadata(scratch, &scratch->nodes[0], has_version, out);
}
