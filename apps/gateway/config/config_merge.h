// SPDX-License-Identifier: Apache-2.0
// One tree over another, by the tables of keys: objects merge, lists merge by what names their
// items, all else is replaced; what is local stays.
#ifndef GATEWAY_CONFIG_MERGE_H
#define GATEWAY_CONFIG_MERGE_H

#include "apps/gateway/config/fields.h"

// `over` laid over `base`, both objects of the kind; nodes are shared with both. Marks are read
// from the local file's root. NULL: the arena is full.
const struct doc_node *config_merge(struct config_report *report, struct arena *arena,
                                    const struct object_kind *kind, const struct doc_node *local,
                                    const struct doc_node *base, const struct doc_node *over);

#endif
