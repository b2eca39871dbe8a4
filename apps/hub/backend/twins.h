// SPDX-License-Identifier: Apache-2.0
// Twins in the store. Each function is one transaction: true means durable. Changes of desired
// properties wait in a queue for the link, and the row notes that they were not told: what a crash
// or a lost link swallowed is told when the device is announced again.
#ifndef HUB_BACKEND_TWINS_H
#define HUB_BACKEND_TWINS_H

#include "apps/hub/backend/ids.h"
#include "apps/hub/backend/store.h"
#include "apps/hub/backend/twin_merge.h"
#include "json/writer.h"

enum {
    TWINS_NOTICE_MAX = 256,           // waiting
    TWINS_NOTICE_BYTES = 4 << 20,     // of their texts
    TWINS_SERVICE_SIZE_MAX = 3 << 20, // of a twin as a service sees it, JSON
};

struct twins_notice {
    char device_id[ID_SIZE];
    uint64_t version;
    size_t at, size; // in texts
};

struct twins {
    struct store *store; // the caller's
    struct twin_merge merge;
    struct twins_notice notices[TWINS_NOTICE_MAX];
    size_t notice_first, notice_count;
    uint8_t *texts; // TWINS_NOTICE_BYTES, the caller's; a ring of whole texts
    size_t text_at;
    struct twin_tree scratch;
};

void twins_init(struct twins *twins, struct store *store, uint8_t *texts);

// Device side. The document {"desired":{..,"$version":n},"reported":{..,"$version":n}}.
// HUB_DEVICE_NOT_FOUND.
NODISCARD bool twins_get(struct twins *twins, struct bytes id, struct json_writer *out,
                         struct verdict *why);
struct twins_patch {
    struct bytes body;
    bool has_base; // base: the version that reported must have now (412 if not)
    uint64_t base;
    int64_t utc_ms;
};
// A merge patch over reported; *version is its new one.
NODISCARD bool twins_report(struct twins *twins, struct bytes id, const struct twins_patch *patch,
                            uint64_t *version, struct verdict *why);

// Service side. As GET /twins/{id} answers it, with etag, $metadata and the device's state.
NODISCARD bool twins_read(struct twins *twins, struct bytes id, struct json_writer *out,
                          struct verdict *why);
struct twins_change {
    struct bytes body; // {"tags":{..},"properties":{"desired":{..}}}, both optional; a null takes a
                       // whole section away; other members are passed over, as Azure does
    const char *if_match; // NULL: any etag
    bool is_replace;      // PUT (a section that is not named is emptied), else PATCH
    int64_t utc_ms;
};
// On true, twins_read gives the answer.
NODISCARD bool twins_update(struct twins *twins, struct bytes id, const struct twins_change *change,
                            struct verdict *why);
// Begins the twin anew with such a body, of an enrolment. Tells nobody: the device is not there
// yet. is_first: the device was just made, and its desired properties stay at version 1, as in
// Azure; else versions rise, for whoever remembers one.
NODISCARD bool twins_set_initial(struct twins *twins, struct bytes id, struct bytes body,
                                 bool is_first, int64_t utc_ms, struct verdict *why);

struct twins_out {
    struct bytes device_id;
    uint64_t version;
    struct bytes body; // the patch and $version
};
// The next change of desired properties to be told to its device; valid until the next call.
bool twins_next(struct twins *twins, struct twins_out *out);
// The device was announced: queues all of desired as one change if one was not told.
void twins_tell_again(struct twins *twins, struct bytes id);
// The device has been told that version.
NODISCARD enum err twins_told(struct twins *twins, struct bytes id, uint64_t version);

#endif
