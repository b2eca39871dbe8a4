// SPDX-License-Identifier: Apache-2.0
// The device side of the twin: the desired document kept whole and current, reported patches
// delivered one at a time. A pure machine; the channel carries what it sends.
//
//   OFFLINE --online--> GETTING --200--> CURRENT --gap, parse error, 412--> GETTING
//      ^                   | no answer, 429, 5xx: again after a back-off     |
//      +---offline---------+------------------------------------------------+
#ifndef GATEWAY_TWIN_H
#define GATEWAY_TWIN_H

#include "azure/topic.h"
#include "base/err.h"
#include "base/time.h"

enum {
    // As text; the hub counts keys and values alone, 32 KB of them.
    TWIN_DESIRED_SIZE_MAX = 64 * 1024,
    TWIN_REPORTED_SIZE_MAX = 32 * 1024, // a patch: waiting, and in flight
    TWIN_NOTE_SIZE_MAX = 160,
    TWIN_RID_SIZE_MAX = 24,
};

struct twin_config {
    uint32_t answer_timeout_ms; // default 30,000
    uint32_t backoff_min_ms;    // default 5,000; doubles
    uint32_t backoff_max_ms;    // default 300,000
    uint32_t report_min_ms;     // between two reported patches; default 1,000
    uint64_t seed;              // of the jitter and of request ids
};

enum twin_state { TWIN_OFFLINE, TWIN_GETTING, TWIN_CURRENT };

struct twin_stats {
    uint32_t gets, patches, gaps, malformed, reports, retries, refusals;
};

enum twin_out_kind {
    TWIN_OUT_SEND,    // topic, body; QoS 0
    TWIN_OUT_DESIRED, // version, body: the whole desired document, without $version
    TWIN_OUT_NOTE,    // status (0: none), text: the hub said no, or what it said is unusable
};

// Pointers are valid until the next call.
struct twin_out {
    enum twin_out_kind kind;
    struct az_topic topic;
    struct bytes body;
    uint64_t version;
    int32_t status;
    const char *text;
};

struct twin_request {
    bool is_waiting; // for an answer
    bool is_due;     // goes out at at_us
    uint32_t failures;
    uint64_t at_us; // next try, or end of the wait
    char rid[TWIN_RID_SIZE_MAX];
};

struct twin {
    // Public to read:
    enum twin_state state;
    struct twin_stats stats;
    bool is_known; // a desired document was had, of this version
    uint64_t version;
    // Private:
    struct twin_config cfg;
    uint64_t random;
    uint32_t rid_next;
    uint64_t seen_version; // of patches that came while the document was not current
    struct twin_request get, report;
    bool has_news; // a document to hand out
    bool has_note;
    int32_t note_status;
    char note[TWIN_NOTE_SIZE_MAX];
    size_t desired_size, waiting_size, flying_size; // of reported patches; 0: none
    // The last and large, filled from the front: what a usual twin needs of them are a few pages.
    uint8_t desired[TWIN_DESIRED_SIZE_MAX];
    uint8_t waiting[TWIN_REPORTED_SIZE_MAX];
    uint8_t flying[TWIN_REPORTED_SIZE_MAX];
    uint8_t scratch[TWIN_DESIRED_SIZE_MAX];
};

// cfg may be NULL: all defaults. The buffers at the end are left as they are, so that fresh memory
// from the system costs nothing until it is used.
void twin_init(struct twin *twin, const struct twin_config *cfg);

// The channel is up, answers and patches are subscribed; or it is gone.
void twin_online(struct twin *twin, uint64_t now_us);
void twin_offline(struct twin *twin, uint64_t now_us);
// The document is asked for again, unless that is under way or the channel is gone.
void twin_refresh(struct twin *twin, uint64_t now_us);
// AZ_TWIN_ANSWER or AZ_TWIN_DESIRED; anything else is passed over.
void twin_message(struct twin *twin, uint64_t now_us, const struct az_topic *topic,
                  struct bytes body);
// Merges a patch (an object) into what is to be reported. ERR_CORRUPT: it is no object; ERR_SIZE:
// more waits than a patch may hold. Nothing changed then.
NODISCARD enum err twin_report(struct twin *twin, uint64_t now_us, struct bytes patch);

uint64_t twin_deadline_us(const struct twin *twin);
void twin_tick(struct twin *twin, uint64_t now_us);
bool twin_next(struct twin *twin, uint64_t now_us, struct twin_out *out);

#endif
