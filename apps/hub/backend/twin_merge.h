// SPDX-License-Identifier: Apache-2.0
// The rules of twins, knowing no database: a JSON merge patch over a section (objects recursive,
// null deletes, arrays and scalars replace), Azure's limits, and the metadata beside each value.
#ifndef HUB_BACKEND_TWIN_MERGE_H
#define HUB_BACKEND_TWIN_MERGE_H

#include "apps/hub/backend/verdict.h"
#include "json/reader.h"

#include <stdint.h>

enum {
    TWIN_PROPERTIES_SIZE_MAX = 32 * 1024, // desired, reported, by Azure's count
    TWIN_TAGS_SIZE_MAX = 8 * 1024,
    TWIN_KEY_SIZE_MAX = 1024,
    TWIN_STRING_SIZE_MAX = 4096,
    TWIN_DEPTH_MAX = 10, // objects and arrays below the section itself
    TWIN_NUMBER_TEXT_MAX = 64,
    // Ours: what the count does not bound (punctuation, empty strings, escapes).
    TWIN_TEXT_SIZE_MAX = 128 * 1024,
    TWIN_NODE_MAX = 8192, // values, per document
    TWIN_KEYS_OPEN_MAX = 4096,
    TWIN_METADATA_SIZE_MAX = 1024 * 1024,
};

#define TWIN_INTEGER_MIN (-(INT64_C(1) << 52))
#define TWIN_INTEGER_MAX ((INT64_C(1) << 52) - 1)

enum twin_section { TWIN_DESIRED, TWIN_REPORTED, TWIN_TAGS };

struct twin_node {
    enum json_type type;
    uint32_t key_hash;
    struct bytes key;   // unescaped
    struct bytes value; // a scalar or array as it stands, quotes and all
    uint32_t counted;   // its own bytes by Azure's count, without the key
    uint32_t child;     // first; index + 1, 0: none
    uint32_t next;      // sibling
    bool is_used;       // by the merge
};

struct twin_tree {
    struct twin_node nodes[TWIN_NODE_MAX];
    uint32_t count;
    char keys[TWIN_TEXT_SIZE_MAX];
    size_t keys_size;
};

// Working memory, about 2 MB; one for all merges. The out texts below lie in here.
struct twin_merge {
    // Public after twin_merge_run(): valid until the next one.
    struct bytes properties; // the section as it is then; at least {}
    struct bytes metadata;   // Azure's $metadata object; empty for tags
    struct bytes notice;     // desired: what the device is told: the patch, nulls kept, + $version
    size_t counted;          // bytes of properties by Azure's count
    bool is_changed;         // the patch held anything
    // Private:
    struct twin_tree old, patch, old_metadata;
    struct json_key key_memory[TWIN_KEYS_OPEN_MAX];
    char properties_text[TWIN_TEXT_SIZE_MAX];
    char metadata_text[TWIN_METADATA_SIZE_MAX];
    char notice_text[2 * TWIN_TEXT_SIZE_MAX];
};

struct twin_merge_in {
    enum twin_section section;
    struct bytes old;          // as stored; empty: {}
    struct bytes old_metadata; // as stored; empty: none
    struct bytes patch;        // JSON text of the peer's
    bool is_replace;           // the patch is the whole new section; nulls in it are dropped
    uint64_t version;          // that the section gets
    int64_t utc_ms;            // for $lastUpdated
};

// HUB_ARGUMENT_INVALID (no JSON, not an object, key, number, string, depth: with the path or
// place), HUB_TOO_LARGE. The stored texts must be our own: broken ones end in HUB_SERVER_ERROR.
NODISCARD bool twin_merge_run(struct twin_merge *m, const struct twin_merge_in *in,
                              struct verdict *why);

#endif
