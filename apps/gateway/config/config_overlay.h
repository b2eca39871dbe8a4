// SPDX-License-Identifier: Apache-2.0
// The desired configuration over the local file, as trees: docs/twin.md has the rules. Messages
// name the file and the place that a value came from.
#ifndef GATEWAY_CONFIG_OVERLAY_H
#define GATEWAY_CONFIG_OVERLAY_H

#include "apps/gateway/config/config.h"
#include "apps/gateway/config/doc.h"

enum {
    CONFIG_REFS_MAX = CONFIG_PROFILES_MAX + 1,
    CONFIG_HASH_SIZE = 64, // hex digits of a SHA-256
    CONFIG_LAYERS_MAX = 2,
};

// A file that the overlay names: fetched elsewhere, read from the cache by its hash.
struct config_ref {
    const struct doc_node *node;
    const char *name;
    const char *sha256; // CONFIG_HASH_SIZE small hex digits
    const char *url;    // https
};

// The overlay's documents, lowest first: what its "ref" names, then itself.
struct config_layers {
    const struct doc_node *roots[CONFIG_LAYERS_MAX];
    size_t count;
    bool is_missing; // the "ref" is not in the cache yet
};

// Parses the overlay. hash grows by what was read. Mistakes are reported.
void config_overlay_open(const struct config_source *source, struct arena *arena,
                         struct config_report *report, uint64_t *hash, struct config_layers *out);
// All references of the layers; those that are malformed are reported. ERR_FULL: too many,
// reported.
NODISCARD enum err config_overlay_refs(struct config_report *report,
                                       const struct config_layers *layers, struct config_ref *out,
                                       size_t capacity, size_t *count);
// The layers over the local file's root. NULL: the arena is full.
const struct doc_node *config_overlay_merge(struct config_report *report, struct arena *arena,
                                            const struct doc_node *local,
                                            const struct config_layers *layers);
// The overlay's profile of that name: an object of its own (*root), or a reference (*ref). False:
// it has none.
bool config_overlay_profile(struct config_report *report, const struct config_layers *layers,
                            const char *name, const struct doc_node **root, struct config_ref *ref);
// The marks of the local file must name keys that exist.
void config_overlay_marks(struct config_report *report, const struct config *config);

#endif
