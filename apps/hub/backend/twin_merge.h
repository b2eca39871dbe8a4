// SPDX-License-Identifier: Apache-2.0
// The rules of twins, knowing no database: a JSON merge patch over a section (objects recursive,
// null deletes, arrays and scalars replace), Azure's limits, and when each value was written.
#ifndef HUB_BACKEND_TWIN_MERGE_H
#define HUB_BACKEND_TWIN_MERGE_H

#include "apps/hub/backend/twin_tree.h"

enum { TWIN_NOTICE_SIZE_MAX = 2 * TWIN_TEXT_SIZE_MAX };

enum twin_section { TWIN_DESIRED, TWIN_REPORTED, TWIN_TAGS };

// Working memory, about 3 MB; one for all merges. The texts of the result lie in here.
struct twin_merge {
    // Public after twin_merge_run(): valid until the next one.
    struct bytes properties; // the section as it is then; at least {}
    struct bytes metadata;   // see twin_metadata_write
    struct bytes notice;     // what a device is told: the patch, nulls kept, and $version; a
                             // replacement has nulls for what is gone
    size_t counted;          // bytes of properties by Azure's count
    bool is_changed;         // the patch held anything
    // Private:
    struct twin_tree old, patch, old_metadata;
    struct json_writer properties_out, metadata_out, notice_out;
    struct bytes stamp; // [utc_ms,version] of this merge
    char stamp_text[48];
    uint32_t values;
    char properties_text[TWIN_TEXT_SIZE_MAX];
    char metadata_text[2 * TWIN_TEXT_SIZE_MAX];
    char notice_text[TWIN_NOTICE_SIZE_MAX];
};

struct twin_merge_in {
    enum twin_section section;
    struct bytes old;          // as stored; empty: {}
    struct bytes old_metadata; // as stored; empty: none
    struct bytes patch;        // JSON text of the peer's
    bool is_replace;           // the patch is the whole new section; nulls in it are dropped
    uint64_t version;          // that the section gets
    int64_t utc_ms;            // now
};

// HUB_ARGUMENT_INVALID (no JSON, not an object, key, number, string, depth: the message says which
// and where), HUB_TOO_LARGE. The stored texts must be our own: broken ones end in HUB_SERVER_ERROR.
NODISCARD bool twin_merge_run(struct twin_merge *m, const struct twin_merge_in *in,
                              struct verdict *why);

// Stored metadata has the shape of the section: [utc_ms,version] in place of each scalar and array,
// and under the key "" of each object. This writes it as Azure shows it: {"$lastUpdated":"..",
// "$lastUpdatedVersion":n,..}, the version only if has_version. False: the text is not ours.
NODISCARD bool twin_metadata_write(struct twin_tree *scratch, struct bytes metadata,
                                   bool has_version, struct json_writer *out);

#endif
