// SPDX-License-Identifier: Apache-2.0
// When a configuration from the twin is checked, tried, accepted and given up. A pure machine: what
// it decides is carried out by others (checks and writes on a thread of their own), who report
// back.
//
//   RESTING -desired changed, settled-> CHECKING -good-> WRITING(stage) -> LEAVING: restart
//      ^  ^---- wrong: rejected; not to be had now: again later --|
//      |
//      +-- in a trial, trial_s over: hub reached, units answer -> WRITING(accept) -> RESTING
//                                    not for trial_s / 4 more  -> WRITING(revert) -> LEAVING
//
// One job is under way at a time. A newer desired configuration may end a trial: the accepted one
// stays what a revert leads back to.
#ifndef GATEWAY_REMOTE_CONFIG_H
#define GATEWAY_REMOTE_CONFIG_H

#include "apps/gateway/twin/remote_state.h"
#include "base/time.h"

enum {
    REMOTE_ERRORS_SIZE_MAX = 3072, // JSON arrays of what a check found
    REMOTE_REPORT_SIZE_MAX = 8192,
};

struct remote_config_options {
    uint32_t trial_s;      // default 300
    uint32_t lost_percent; // of the units that answered before, how many may be silent after
    uint32_t settle_ms;    // the desired properties must rest this long; default 2,000
    uint32_t first_ms;     // nothing is applied sooner after a start; default 10,000
    uint32_t retry_min_ms; // after what could not be fetched or stored; default 60,000; doubles
    uint32_t retry_max_ms; // default 3,600,000
};

// What runs since the start, and what the medium says; accepted hash 0: the local file alone.
struct remote_boot {
    bool is_trial;
    struct remote_name running, accepted, rejected;
    const char *reason;    // of the rejected one; copied
    struct bytes warnings; // JSON array about the running one; copied
};

enum remote_verdict {
    REMOTE_GOOD,
    REMOTE_WRONG, // errors say why; the same will not become right
    REMOTE_AWAY,  // what it refers to could not be fetched: may work later
};

struct remote_checked {
    enum remote_verdict verdict;
    const char *reason;    // of WRONG and AWAY, one line
    struct bytes errors;   // JSON array, "" for none; copied
    struct bytes warnings; // the same
};

enum remote_phase { REMOTE_RESTING, REMOTE_CHECKING, REMOTE_WRITING, REMOTE_LEAVING };

enum remote_out_kind {
    REMOTE_OUT_CHECK,   // name, content: answer by remote_config_checked
    REMOTE_OUT_STAGE,   // name, content: answer this and the next three by remote_config_written
    REMOTE_OUT_ACCEPT,  //
    REMOTE_OUT_REVERT,  // reason
    REMOTE_OUT_DROP,    // the trial, without a verdict: the accepted one is wanted again
    REMOTE_OUT_RESTART, // the process begins anew; nothing comes after it
    REMOTE_OUT_REPORT,  // body: the reported section "config"
};

// Pointers are valid until the next call: who does a job on the content copies it.
struct remote_out {
    enum remote_out_kind kind;
    struct remote_name name;
    struct bytes content;
    const char *reason;
    struct bytes body;
};

struct remote_config {
    // Public to read:
    enum remote_phase phase;
    bool is_trial;
    struct remote_name running;
    // Private:
    struct remote_config_options cfg;
    struct remote_name accepted, rejected, wanted, job;
    enum remote_out_kind writing;
    bool is_online;
    bool is_wanted; // a desired configuration is known
    bool must_apply;
    bool has_job; // to hand out
    bool has_restart;
    bool has_report;
    uint64_t first_us, apply_us, trial_us, grace_us;
    uint32_t retries;
    const char *state; // as reported
    char reason[REMOTE_REASON_SIZE];
    char rejected_reason[REMOTE_REASON_SIZE];
    size_t errors_size, warnings_size, running_warnings_size, wanted_size;
    uint64_t empty_hash;
    // The last and large, as in struct twin.
    char errors[REMOTE_ERRORS_SIZE_MAX];
    char warnings[REMOTE_ERRORS_SIZE_MAX];
    char running_warnings[REMOTE_ERRORS_SIZE_MAX];
    char report[REMOTE_REPORT_SIZE_MAX];
    uint8_t content[REMOTE_CONTENT_SIZE_MAX]; // wanted
};

// The buffers at the end are left as they are.
void remote_config_start(struct remote_config *rc, const struct remote_config_options *cfg,
                         const struct remote_boot *boot, uint64_t now_us);
void remote_config_online(struct remote_config *rc, uint64_t now_us);
void remote_config_offline(struct remote_config *rc, uint64_t now_us);
// The whole desired document of the twin.
void remote_config_desired(struct remote_config *rc, uint64_t now_us, uint64_t version,
                           struct bytes document);
void remote_config_checked(struct remote_config *rc, uint64_t now_us,
                           const struct remote_checked *checked);
void remote_config_written(struct remote_config *rc, uint64_t now_us, bool is_done);

// Whether a trial is over: then remote_config_units() is the next input. before: units that
// answered before and are still configured; lost: those of them that do not answer now.
bool remote_config_wants_units(const struct remote_config *rc, uint64_t now_us);
void remote_config_units(struct remote_config *rc, uint64_t now_us, uint32_t before, uint32_t lost);

uint64_t remote_config_deadline_us(const struct remote_config *rc);
void remote_config_tick(struct remote_config *rc, uint64_t now_us);
bool remote_config_next(struct remote_config *rc, uint64_t now_us, struct remote_out *out);

#endif
