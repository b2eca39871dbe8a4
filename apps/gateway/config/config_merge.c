// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/config/config_merge.h"

#include <stdio.h>
#include <string.h>

enum { MERGE_PATH_SIZE = 1024 };

struct merge {
    struct config_report *report;
    struct arena *arena;
    const struct doc_node *marks; // first of "remote.local", or NULL
    char path[MERGE_PATH_SIZE];   // of what is being merged, as marks are written
    size_t path_size;
};

struct children {
    struct doc_node *first, *last;
};

static const struct field *field_of(const struct object_kind *kind, const char *key)
{
    for (size_t i = 0; i < kind->field_count && key != NULL; i++) {
        if (strcmp(kind->fields[i].key, key) == 0) {
            return &kind->fields[i];
        }
    }
    return NULL;
}

static const struct field *field_with(const struct object_kind *kind, unsigned flags)
{
    for (size_t i = 0; i < kind->field_count; i++) {
        if ((kind->fields[i].flags & flags) == flags) {
            return &kind->fields[i];
        }
    }
    return NULL;
}

static size_t go_down(struct merge *m, const char *before_name, const char *name,
                      const char *after_name)
{
    size_t before = m->path_size;
    size_t room = sizeof(m->path) - before;
    int wrote = snprintf(m->path + before, room, "%s%s%s", before_name, name, after_name);
    m->path_size = wrote > 0 && (size_t)wrote < room ? before + (size_t)wrote : before;
    return before;
}

static void go_up(struct merge *m, size_t before)
{
    m->path_size = before;
    m->path[before] = '\0';
}

static bool is_marked(const struct merge *m)
{
    for (const struct doc_node *mark = m->marks; mark != NULL; mark = mark->next) {
        const struct doc_node *path = mark->type == JSON_OBJECT ? doc_member(mark, "path") : NULL;
        if (path != NULL && path->text != NULL && strcmp(path->text, m->path) == 0) {
            return true;
        }
    }
    return false;
}

// A copy with children of its own; the place it came from stays.
static struct doc_node *append(struct merge *m, struct children *to, const struct doc_node *node)
{
    struct doc_node *copy = arena_take(m->arena, 1, sizeof(*copy));
    if (copy == NULL) {
        return NULL;
    }
    *copy = *node;
    copy->next = NULL;
    *(to->last == NULL ? &to->first : &to->last->next) = copy;
    to->last = copy;
    return copy;
}

static void merge_object(struct merge *m, const struct object_kind *kind,
                         const struct doc_node *base, const struct doc_node *over,
                         struct doc_node *out);

static const char *name_of(const struct doc_node *item, const struct field *key)
{
    const struct doc_node *name =
        item->type == JSON_OBJECT && key != NULL ? doc_member(item, key->key) : NULL;
    return name != NULL && name->type == JSON_STRING && name->text != NULL ? name->text : "";
}

static const struct doc_node *item_of(const struct doc_node *list, const struct field *key,
                                      const char *name)
{
    for (const struct doc_node *item = list->child; item != NULL; item = item->next) {
        if (strcmp(name_of(item, key), name) == 0) {
            return item;
        }
    }
    return NULL;
}

static bool is_removal(const struct doc_node *item)
{
    const struct doc_node *remove = doc_member(item, "remove");
    return remove != NULL && remove->type == JSON_BOOL && remove->boolean;
}

static void check_items(struct merge *m, const struct object_kind *kind, const struct field *key,
                        const struct doc_node *over)
{
    for (const struct doc_node *item = over->child; item != NULL; item = item->next) {
        const char *name = name_of(item, key);
        if (name[0] == '\0') {
            doc_error(m->report, item, "needs \"%s\": a %s of the twin is matched by it", key->key,
                      kind->name);
        } else if (item_of(over, key, name) != item) {
            doc_error(m->report, item, "\"%.64s\" is given twice; keep one of them", name);
        }
        const struct doc_node *remove =
            item->type == JSON_OBJECT ? doc_member(item, "remove") : NULL;
        if (remove != NULL && remove->type != JSON_BOOL) {
            doc_error(m->report, remove, "expected true or false, found %s",
                      json_type_name(remove->type));
        }
    }
}

static void merge_item(struct merge *m, const struct object_kind *kind, const char *name,
                       const struct doc_node *base, const struct doc_node *over,
                       struct children *out)
{
    size_t before = go_down(m, "[", name, "]");
    if (over != NULL && is_marked(m)) {
        doc_warn(m->report, over, "is marked local: stays as the local file has it");
        over = NULL;
    }
    if (over == NULL ? base != NULL : !is_removal(over)) {
        struct doc_node *copy = append(m, out, over != NULL && base == NULL ? over : base);
        if (copy != NULL && over != NULL) {
            merge_object(m, kind, base, over, copy);
        }
    }
    go_up(m, before);
}

// base may be NULL.
static void merge_list(struct merge *m, const struct object_kind *kind, const struct doc_node *base,
                       const struct doc_node *over, struct doc_node *out)
{
    struct children children = {0};
    const struct field *key = field_with(kind, FIELD_KEY);
    const struct field *port = field_with(kind, FIELD_REQUIRED | FIELD_LOCAL);
    check_items(m, kind, key, over);
    for (const struct doc_node *item = base != NULL ? base->child : NULL; item != NULL;
         item = item->next) {
        const char *name = name_of(item, key);
        merge_item(m, kind, name, item, name[0] != '\0' ? item_of(over, key, name) : NULL,
                   &children);
    }
    for (const struct doc_node *item = over->child; item != NULL; item = item->next) {
        const char *name = name_of(item, key);
        if (name[0] == '\0' || (base != NULL && item_of(base, key, name) != NULL)) {
            continue;
        }
        if (is_removal(item)) {
            doc_warn(m->report, item, "is not there: nothing to remove");
        } else if (port != NULL) {
            doc_error(m->report, item,
                      "the local file has no %s \"%.64s\", and its \"%s\" can be set there alone",
                      kind->name, name, port->key);
        } else {
            merge_item(m, kind, name, NULL, item, &children);
        }
    }
    out->child = children.first;
}

static void merge_member(struct merge *m, const struct field *field, const struct doc_node *base,
                         const struct doc_node *over, struct children *out)
{
    bool is_list = field != NULL && field->type == FIELD_LIST && over->type == JSON_ARRAY &&
                   field_with(field->kind, FIELD_KEY) != NULL;
    bool is_object = field != NULL && field->type == FIELD_OBJECT && over->type == JSON_OBJECT;
    const struct doc_node *under = base != NULL && base->type == over->type ? base : NULL;
    struct doc_node *copy = append(m, out, under != NULL && (is_list || is_object) ? base : over);
    if (copy != NULL && is_list) {
        merge_list(m, field->kind, under, over, copy);
    } else if (copy != NULL && is_object) {
        merge_object(m, field->kind, under, over, copy);
    }
}

// Whether a member of the twin must not go over what is here; it has been told then.
static bool is_local(struct merge *m, const struct field *field, const struct doc_node *over)
{
    if (field != NULL && (field->flags & FIELD_LOCAL) != 0) {
        doc_warn(m->report, over, "belongs to the local file alone: stays as it has it");
        return true;
    }
    if (is_marked(m)) {
        doc_warn(m->report, over, "is marked local: stays as the local file has it");
        return true;
    }
    return false;
}

static bool is_for_us(const struct merge *m, const char *key)
{
    static const char *const OURS[] = {"v", "ref", "profiles", "note"};
    if (m->path_size > 0) {
        return m->path[m->path_size - 1] == ']' && strcmp(key, "remove") == 0;
    }
    for (size_t i = 0; i < sizeof(OURS) / sizeof(OURS[0]); i++) {
        if (strcmp(key, OURS[i]) == 0) {
            return true;
        }
    }
    return false;
}

// base may be NULL: then what is local is left out.
static void merge_object(struct merge *m, const struct object_kind *kind,
                         const struct doc_node *base, const struct doc_node *over,
                         struct doc_node *out)
{
    struct children children = {0};
    for (const struct doc_node *child = base != NULL ? base->child : NULL; child != NULL;
         child = child->next) {
        const struct doc_node *change = child->key != NULL ? doc_member(over, child->key) : NULL;
        const struct field *field = field_of(kind, child->key);
        size_t before = go_down(m, m->path_size > 0 ? "." : "", child->key, "");
        if (change == NULL || is_local(m, field, change)) {
            (void)append(m, &children, child);
        } else {
            merge_member(m, field, child, change, &children);
        }
        go_up(m, before);
    }
    for (const struct doc_node *child = over->child; child != NULL; child = child->next) {
        if (child->key == NULL || is_for_us(m, child->key) ||
            (base != NULL && doc_member(base, child->key) != NULL)) {
            continue;
        }
        const struct field *field = field_of(kind, child->key);
        size_t before = go_down(m, m->path_size > 0 ? "." : "", child->key, "");
        if (!is_local(m, field, child)) {
            merge_member(m, field, NULL, child, &children);
        }
        go_up(m, before);
    }
    out->child = children.first;
}

const struct doc_node *config_merge(struct config_report *report, struct arena *arena,
                                    const struct object_kind *kind, const struct doc_node *local,
                                    const struct doc_node *base, const struct doc_node *over)
{
    struct merge m = {.report = report, .arena = arena};
    const struct doc_node *remote = doc_member(local, "remote");
    const struct doc_node *marks =
        remote != NULL && remote->type == JSON_OBJECT ? doc_member(remote, "local") : NULL;
    m.marks = marks != NULL && marks->type == JSON_ARRAY ? marks->child : NULL;
    struct doc_node *root = arena_take(arena, 1, sizeof(*root));
    if (root == NULL) {
        return NULL;
    }
    *root = *base;
    root->next = NULL;
    merge_object(&m, kind, base, over, root);
    return arena->is_full ? NULL : root;
}
