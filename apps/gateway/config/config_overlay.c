// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/config/config_overlay.h"

#include "apps/gateway/config/config_merge.h"
#include "apps/gateway/config/fields.h"
#include "base/crc.h"

#include <stdio.h>
#include <string.h>

enum { LAYOUT_VERSION = 1, CACHE_PATH_SIZE = 1024 };

static const char *text_of(const struct doc_node *object, const char *key)
{
    const struct doc_node *node = doc_member(object, key);
    return node != NULL && node->type == JSON_STRING && node->text != NULL ? node->text : "";
}

static bool is_hash(const char *text)
{
    return strlen(text) == CONFIG_HASH_SIZE && strspn(text, "0123456789abcdef") == CONFIG_HASH_SIZE;
}

// Reads {"name", "sha256", "url"}; false after it was reported.
static bool read_ref(struct config_report *report, const struct doc_node *node,
                     struct config_ref *out)
{
    static const char *const KEYS[] = {"name", "sha256", "url", NULL};
    if (node->type != JSON_OBJECT) {
        doc_error(report, node, "expected an object with name, sha256 and url");
        return false;
    }
    for (const struct doc_node *m = node->child; m != NULL; m = m->next) {
        if (strcmp(m->key, KEYS[0]) != 0 && strcmp(m->key, KEYS[1]) != 0 &&
            strcmp(m->key, KEYS[2]) != 0) {
            doc_error(report, m, "unknown key; a reference has: name, sha256, url");
        }
    }
    *out = (struct config_ref){.node = node,
                               .name = text_of(node, "name"),
                               .sha256 = text_of(node, "sha256"),
                               .url = text_of(node, "url")};
    if (out->name[0] == '\0' || strlen(out->name) > NAME_SIZE_MAX) {
        doc_error(report, node, "needs \"name\": what it is called, up to %d bytes", NAME_SIZE_MAX);
        return false;
    }
    if (!is_hash(out->sha256)) {
        doc_error(report, node, "needs \"sha256\": 64 small hex digits, of the file's bytes");
        return false;
    }
    if (strncmp(out->url, "https://", 8) != 0 || strlen(out->url) > FIELD_TEXT_MAX) {
        doc_error(report, node, "needs \"url\": https://..., up to %d bytes", FIELD_TEXT_MAX);
        return false;
    }
    return true;
}

static const struct doc_node *parse(struct arena *arena, struct config_report *report,
                                    const char *path, struct bytes text, uint64_t *hash)
{
    struct doc_file *file = arena_take(arena, 1, sizeof(*file));
    struct doc_node *root = NULL;
    if (file == NULL) {
        return NULL;
    }
    *file = (struct doc_file){.path = path, .text = text};
    *hash = hash64(*hash, text);
    if (doc_parse(file, arena, report, &root) != OK) {
        return NULL;
    }
    if (root->type != JSON_OBJECT) {
        doc_error(report, root, "expected an object {...}, found %s", json_type_name(root->type));
        return NULL;
    }
    const struct doc_node *version = doc_member(root, "v");
    if (version != NULL && (version->type != JSON_NUMBER || version->number != LAYOUT_VERSION)) {
        doc_error(report, version, "this gateway knows version %d of the layout alone",
                  LAYOUT_VERSION);
        return NULL;
    }
    return root;
}

static void open_base(const struct config_source *source, struct arena *arena,
                      struct config_report *report, const struct config_ref *ref, uint64_t *hash,
                      struct config_layers *out)
{
    char path[CACHE_PATH_SIZE];
    struct bytes text;
    snprintf(path, sizeof(path), "%s/%s", source->overlay->cache_dir, ref->sha256);
    enum err err = source->files.read(source->files.ctx, arena, path, &text);
    if (err != OK) {
        out->is_missing = true;
        return;
    }
    // Not by its URL: that may hold a signature, and findings are logged and reported.
    const struct doc_node *root = parse(arena, report, ref->name, text, hash);
    if (root == NULL) {
        return;
    }
    if (doc_member(root, "ref") != NULL) {
        doc_error(report, doc_member(root, "ref"), "a referenced configuration has none itself");
    }
    out->roots[out->count++] = root;
}

void config_overlay_open(const struct config_source *source, struct arena *arena,
                         struct config_report *report, uint64_t *hash, struct config_layers *out)
{
    *out = (struct config_layers){0};
    const struct doc_node *root = parse(arena, report, "desired", source->overlay->text, hash);
    const struct doc_node *node = root != NULL ? doc_member(root, "ref") : NULL;
    struct config_ref ref;
    if (node != NULL && read_ref(report, node, &ref)) {
        open_base(source, arena, report, &ref, hash, out);
    }
    if (root != NULL) {
        out->roots[out->count++] = root;
    }
}

static const struct doc_node *profiles_of(const struct doc_node *root)
{
    const struct doc_node *list = doc_member(root, "profiles");
    return list != NULL && list->type == JSON_ARRAY ? list->child : NULL;
}

enum err config_overlay_refs(struct config_report *report, const struct config_layers *layers,
                             struct config_ref *out, size_t capacity, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < layers->count; i++) {
        const struct doc_node *node = doc_member(layers->roots[i], "ref");
        const struct doc_node *item = profiles_of(layers->roots[i]);
        while (node != NULL || item != NULL) {
            if (node == NULL && item->type == JSON_OBJECT) {
                node = doc_member(item, "ref");
            }
            if (node != NULL && *count == capacity) {
                doc_error(report, node, "more than %zu references", capacity);
                return ERR_FULL;
            }
            if (node != NULL && read_ref(report, node, &out[*count])) {
                (*count)++;
            }
            // The document's own reference came first; then the items, one by one.
            bool was_item = node == NULL || node->parent == item;
            item = item != NULL && was_item ? item->next : item;
            node = NULL;
        }
    }
    return OK;
}

bool config_overlay_profile(struct config_report *report, const struct config_layers *layers,
                            const char *name, const struct doc_node **root, struct config_ref *ref)
{
    *root = NULL;
    for (size_t i = layers->count; i > 0; i--) {
        for (const struct doc_node *item = profiles_of(layers->roots[i - 1]); item != NULL;
             item = item->next) {
            const struct doc_node *node =
                item->type == JSON_OBJECT ? doc_member(item, "ref") : NULL;
            const struct doc_node *named = node != NULL ? node : item;
            if (named->type != JSON_OBJECT || strcmp(text_of(named, "name"), name) != 0) {
                continue;
            }
            if (node == NULL) {
                *root = item;
                return true;
            }
            return read_ref(report, node, ref);
        }
    }
    return false;
}

static void check_profiles(struct config_report *report, const struct doc_node *root)
{
    const struct doc_node *list = doc_member(root, "profiles");
    if (list != NULL && list->type != JSON_ARRAY) {
        doc_error(report, list, "expected a list [...] of profiles or references");
        return;
    }
    for (const struct doc_node *item = profiles_of(root); item != NULL; item = item->next) {
        if (item->type != JSON_OBJECT) {
            doc_error(report, item, "expected a profile or {\"ref\": {...}}");
        } else if (doc_member(item, "ref") == NULL && text_of(item, "name")[0] == '\0') {
            doc_error(report, item, "needs \"name\": devices name their profile by it");
        }
    }
}

const struct doc_node *config_overlay_merge(struct config_report *report, struct arena *arena,
                                            const struct doc_node *local,
                                            const struct config_layers *layers)
{
    const struct doc_node *root = local;
    for (size_t i = 0; i < layers->count && root != NULL; i++) {
        check_profiles(report, layers->roots[i]);
        root = config_merge(report, arena, &CONFIG_KIND, local, root, layers->roots[i]);
    }
    return root;
}

// "devices[till].baud": the field, the rest behind it; NULL: no such key.
static const struct field *step(const struct object_kind *kind, const char *path, const char **rest)
{
    size_t size = strcspn(path, ".[");
    for (size_t i = 0; i < kind->field_count; i++) {
        const struct field *field = &kind->fields[i];
        if (strlen(field->key) == size && strncmp(field->key, path, size) == 0) {
            *rest = path + size;
            return field;
        }
    }
    return NULL;
}

static bool names_a_key(const char *path)
{
    const struct object_kind *kind = &CONFIG_KIND;
    for (;;) {
        const char *rest = "";
        const struct field *field = kind != NULL ? step(kind, path, &rest) : NULL;
        if (field == NULL) {
            return false;
        }
        if (rest[0] == '[') {
            const char *end = strchr(rest, ']');
            if (field->type != FIELD_LIST || end == NULL || end == rest + 1) {
                return false;
            }
            rest = end + 1;
        } else if (rest[0] == '.' && field->type == FIELD_LIST) {
            return false;
        }
        if (rest[0] == '\0') {
            return true;
        }
        if (rest[0] != '.') {
            return false;
        }
        kind = field->kind;
        path = rest + 1;
    }
}

void config_overlay_marks(struct config_report *report, const struct config *config)
{
    for (size_t i = 0; i < config->remote.mark_count; i++) {
        const struct config_mark *mark = &config->remote.marks[i];
        if (mark->node != NULL && mark->path[0] != '\0' && !names_a_key(mark->path)) {
            doc_error(report, mark->node,
                      "\"%.80s\" names no key; expected one such as telemetry.max_age_ms or "
                      "buses[name].devices[name]",
                      mark->path);
        }
    }
}
