// SPDX-License-Identifier: Apache-2.0
// A section of a twin taken apart: nodes in the caller's memory, checked against Azure's limits.
#ifndef HUB_BACKEND_TWIN_TREE_H
#define HUB_BACKEND_TWIN_TREE_H

#include "apps/hub/backend/verdict.h"
#include "json/reader.h"
#include "json/writer.h"

#include <stdint.h>

enum {
    TWIN_PROPERTIES_SIZE_MAX = 32 * 1024, // desired, reported, by Azure's count
    TWIN_TAGS_SIZE_MAX = 8 * 1024,
    TWIN_KEY_SIZE_MAX = 1024,
    TWIN_STRING_SIZE_MAX = 4096,
    TWIN_DEPTH_MAX = 10, // objects and arrays below the section itself
    // Ours: what Azure's count does not bound (punctuation, empty strings, digits).
    TWIN_NUMBER_TEXT_MAX = 64,
    TWIN_TEXT_SIZE_MAX = 128 * 1024,
    TWIN_VALUES_MAX = 4096, // per section, those in arrays aside
    TWIN_NODE_MAX = 2 * TWIN_VALUES_MAX + 1,
    TWIN_INDEX_SIZE = 4 * TWIN_VALUES_MAX, // a power of two, about twice the nodes
};

_Static_assert(TWIN_NODE_MAX <= UINT16_MAX && TWIN_NODE_MAX < TWIN_INDEX_SIZE, "the index");
_Static_assert((TWIN_INDEX_SIZE & (TWIN_INDEX_SIZE - 1)) == 0, "a power of two");

#define TWIN_INTEGER_MIN (-(INT64_C(1) << 52))
#define TWIN_INTEGER_MAX ((INT64_C(1) << 52) - 1)

// Of an object: children by `child` and `next`. Else: the text of the value.
struct twin_node {
    enum json_type type;
    uint32_t key_hash;
    const char *key; // unescaped, NUL-terminated
    size_t key_size;
    struct bytes value; // as it stands, quotes and all
    uint32_t counted;   // the value's bytes by Azure's count; an object: 0
    uint32_t parent;
    uint32_t child; // first; 0: none
    uint32_t next;  // sibling; 0: none
    bool is_used;   // for whoever walks
};

struct twin_tree {
    struct twin_node nodes[TWIN_NODE_MAX]; // [0] is the section itself
    uint32_t count;
    uint16_t index[TWIN_INDEX_SIZE]; // of nodes by parent and key, by linear probing; 0: free
    size_t keys_size;
    char keys[2 * TWIN_TEXT_SIZE_MAX];
    struct json_key key_memory[TWIN_VALUES_MAX];
};

enum twin_rules {
    TWIN_OURS,               // a text of our own store: no limits but the tree's
    TWIN_PEER,               // a patch of the peer's
    TWIN_DESIRED_OF_SERVICE, // the same; $version and $metadata at the top are passed over
};

// Parses an object; `what` names it in messages ("desired"). HUB_ARGUMENT_INVALID, HUB_TOO_LARGE;
// for our own texts HUB_SERVER_ERROR. An empty text is {}.
NODISCARD bool twin_tree_parse(struct twin_tree *tree, struct bytes text, enum twin_rules rules,
                               const char *what, struct verdict *why);
// The child of that key; NULL: none.
struct twin_node *twin_tree_find(struct twin_tree *tree, const struct twin_node *parent,
                                 const struct twin_node *key);
struct twin_node *twin_tree_first(struct twin_tree *tree, const struct twin_node *parent);
struct twin_node *twin_tree_next(struct twin_tree *tree, const struct twin_node *node);

#endif
