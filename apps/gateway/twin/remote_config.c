// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/twin/remote_config.h"

#include "apps/gateway/twin/remote_text.h"
#include "base/assert.h"
#include "json/writer.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static void keep(char *to, size_t *size, struct bytes in)
{
    *size = in.size <= REMOTE_ERRORS_SIZE_MAX ? in.size : 0;
    if (*size > 0) {
        memcpy(to, in.data, *size);
    }
}

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value != 0 ? value : fallback;
}

// A connection that is just being renewed, or a unit that misses a reply, is no verdict: after
// trial_s it is looked at again and again, for this part of it more.
enum { GRACE_PART = 4, LOOKS = 60 };

void remote_config_start(struct remote_config *rc, const struct remote_config_options *cfg,
                         const struct remote_boot *boot, uint64_t now_us)
{
    memset(rc, 0, offsetof(struct remote_config, errors));
    rc->cfg = *cfg;
    rc->cfg.trial_s = or_default(cfg->trial_s, 300);
    rc->cfg.settle_ms = or_default(cfg->settle_ms, 2000);
    rc->cfg.first_ms = or_default(cfg->first_ms, 10000);
    rc->cfg.retry_min_ms = or_default(cfg->retry_min_ms, 60000);
    rc->cfg.retry_max_ms = or_default(cfg->retry_max_ms, 3600000);
    enum err err = remote_hash(bytes_of("{}", 2), &rc->empty_hash);
    ASSERT(err == OK);
    rc->is_trial = boot->is_trial;
    rc->running = boot->running;
    rc->accepted = boot->accepted;
    rc->accepted.hash = boot->accepted.hash != 0 ? boot->accepted.hash : rc->empty_hash;
    rc->rejected = boot->rejected;
    if (boot->reason != NULL) {
        snprintf(rc->rejected_reason, sizeof(rc->rejected_reason), "%s", boot->reason);
    }
    keep(rc->running_warnings, &rc->running_warnings_size, boot->warnings);
    rc->first_us = time_after(now_us, rc->cfg.first_ms * US_PER_MS);
    uint64_t span_us = rc->cfg.trial_s * US_PER_S;
    rc->trial_us = boot->is_trial ? time_after(now_us, span_us) : TIME_NEVER;
    rc->grace_us = time_after(rc->trial_us, span_us / GRACE_PART);
}

void remote_config_online(struct remote_config *rc, uint64_t now_us)
{
    (void)now_us;
    rc->is_online = true;
}

void remote_config_offline(struct remote_config *rc, uint64_t now_us)
{
    (void)now_us;
    rc->is_online = false;
}

static void set_state(struct remote_config *rc, const char *state, const char *reason)
{
    rc->state = state;
    snprintf(rc->reason, sizeof(rc->reason), "%s", reason);
    rc->has_report = true;
}

static void forget_findings(struct remote_config *rc)
{
    rc->errors_size = 0;
    rc->warnings_size = 0;
}

// What the wanted one is to us. True: nothing is to be done about it.
static bool is_settled(struct remote_config *rc)
{
    if (rc->wanted.hash == rc->running.hash) {
        set_state(rc, rc->is_trial ? "trial" : "applied", "");
        rc->running.version = rc->wanted.version;
        keep(rc->warnings, &rc->warnings_size,
             bytes_of(rc->running_warnings, rc->running_warnings_size));
        return true;
    }
    if (rc->wanted.hash == rc->rejected.hash) {
        set_state(rc, "reverted", rc->rejected_reason);
        return true;
    }
    return false;
}

// The content that a job is about is the wanted one's. One that was not handed out yet, and is
// about another, is not wanted any more.
static void take_back(struct remote_config *rc, uint64_t hash)
{
    bool is_about_content = rc->writing == REMOTE_OUT_CHECK || rc->writing == REMOTE_OUT_STAGE;
    if (rc->has_job && is_about_content && rc->job.hash != hash) {
        rc->has_job = false;
        rc->phase = REMOTE_RESTING;
    }
}

void remote_config_desired(struct remote_config *rc, uint64_t now_us, uint64_t version,
                           struct bytes document)
{
    struct bytes section = bytes_of("{}", 2);
    uint64_t hash = 0;
    bool is_known = rc->is_wanted;
    enum err err = remote_section(document, "config", &section);
    err = err == OK ? remote_hash(section, &hash) : err;
    take_back(rc, hash);
    bool is_same = err == OK && is_known && hash == rc->wanted.hash && rc->must_apply;
    rc->is_wanted = true;
    rc->wanted = (struct remote_name){.version = version, .hash = hash};
    if (err != OK || section.size > sizeof(rc->content)) {
        forget_findings(rc);
        rc->must_apply = false;
        set_state(rc, "rejected",
                  err != OK ? "the desired property \"config\" cannot be read"
                            : "the desired property \"config\" is too large: use references");
        return;
    }
    memcpy(rc->content, section.data, section.size);
    rc->wanted_size = section.size;
    if (is_same) {
        return; // it waits already
    }
    forget_findings(rc);
    rc->retries = 0;
    rc->must_apply = !is_settled(rc);
    rc->apply_us = time_after(now_us, rc->cfg.settle_ms * US_PER_MS);
    rc->apply_us = rc->apply_us < rc->first_us ? rc->first_us : rc->apply_us;
}

static void give_job(struct remote_config *rc, enum remote_out_kind kind)
{
    rc->has_job = true;
    rc->writing = kind;
    rc->phase = kind == REMOTE_OUT_CHECK ? REMOTE_CHECKING : REMOTE_WRITING;
}

static void try_later(struct remote_config *rc, uint64_t now_us)
{
    uint64_t pause_ms = rc->cfg.retry_min_ms;
    for (uint32_t i = 0; i < rc->retries && pause_ms < rc->cfg.retry_max_ms; i++) {
        pause_ms *= 2;
    }
    rc->retries++;
    rc->must_apply = true;
    rc->apply_us = time_after(now_us, time_min(pause_ms, rc->cfg.retry_max_ms) * US_PER_MS);
}

void remote_config_checked(struct remote_config *rc, uint64_t now_us,
                           const struct remote_checked *checked)
{
    ASSERT(rc->phase == REMOTE_CHECKING && !rc->has_job);
    rc->phase = REMOTE_RESTING;
    if (rc->job.hash != rc->wanted.hash) {
        return; // a newer one came meanwhile, and waits
    }
    keep(rc->errors, &rc->errors_size, checked->errors);
    keep(rc->warnings, &rc->warnings_size, checked->warnings);
    switch (checked->verdict) {
    case REMOTE_GOOD:
        rc->job.version = rc->wanted.version;
        give_job(rc, REMOTE_OUT_STAGE);
        break;
    case REMOTE_WRONG: set_state(rc, "rejected", checked->reason); break;
    case REMOTE_AWAY:
        set_state(rc, "waiting", checked->reason);
        try_later(rc, now_us);
        break;
    }
}

static void leave(struct remote_config *rc)
{
    rc->phase = REMOTE_LEAVING;
    rc->has_restart = true;
}

void remote_config_written(struct remote_config *rc, uint64_t now_us, bool is_done)
{
    ASSERT(rc->phase == REMOTE_WRITING && !rc->has_job);
    rc->phase = REMOTE_RESTING;
    if (rc->writing != REMOTE_OUT_ACCEPT) {
        if (is_done) {
            leave(rc);
            return;
        }
    } else if (is_done) {
        rc->is_trial = false;
        rc->accepted = rc->running;
        if (rc->is_wanted && rc->wanted.hash == rc->running.hash) {
            set_state(rc, "applied", "");
        }
        return;
    }
    if (rc->writing == REMOTE_OUT_STAGE && rc->is_trial) {
        leave(rc); // the slot of the trial that runs may be gone: it could not be accepted any more
    } else if (rc->writing == REMOTE_OUT_STAGE || rc->writing == REMOTE_OUT_DROP) {
        set_state(rc, "waiting", "the gateway could not store it");
        try_later(rc, now_us);
    } else {
        rc->trial_us = time_after(now_us, rc->cfg.retry_min_ms * US_PER_MS); // judge again
    }
}

bool remote_config_wants_units(const struct remote_config *rc, uint64_t now_us)
{
    return rc->is_trial && rc->phase == REMOTE_RESTING && now_us >= rc->trial_us;
}

void remote_config_units(struct remote_config *rc, uint64_t now_us, uint32_t before, uint32_t lost)
{
    ASSERT(remote_config_wants_units(rc, now_us));
    bool has_lost = (uint64_t)lost * 100 > (uint64_t)before * rc->cfg.lost_percent;
    uint64_t span_us = rc->cfg.trial_s * US_PER_S;
    if ((!rc->is_online || has_lost) && now_us < rc->grace_us) {
        rc->trial_us = time_min(rc->grace_us, now_us + span_us / LOOKS);
        return;
    }
    rc->trial_us = TIME_NEVER;
    if (rc->is_online && !has_lost) {
        give_job(rc, REMOTE_OUT_ACCEPT);
        return;
    }
    if (has_lost) {
        snprintf(rc->rejected_reason, sizeof(rc->rejected_reason),
                 "%u of %u devices that answered before do not answer after %u s", lost, before,
                 rc->cfg.trial_s);
    } else {
        snprintf(rc->rejected_reason, sizeof(rc->rejected_reason),
                 "the hub is not reached after %u s", rc->cfg.trial_s);
    }
    give_job(rc, REMOTE_OUT_REVERT);
}

static bool may_apply(const struct remote_config *rc)
{
    return rc->must_apply && rc->phase == REMOTE_RESTING;
}

uint64_t remote_config_deadline_us(const struct remote_config *rc)
{
    uint64_t at_us = may_apply(rc) ? rc->apply_us : TIME_NEVER;
    bool is_judged = rc->is_trial && rc->phase == REMOTE_RESTING;
    return is_judged ? time_min(at_us, rc->trial_us) : at_us;
}

void remote_config_tick(struct remote_config *rc, uint64_t now_us)
{
    // A trial whose time is over is judged first.
    if (!may_apply(rc) || now_us < rc->apply_us || remote_config_wants_units(rc, now_us)) {
        return;
    }
    rc->must_apply = false;
    if (is_settled(rc)) {
        return;
    }
    rc->job = rc->wanted;
    bool is_back = rc->is_trial && rc->wanted.hash == rc->accepted.hash;
    give_job(rc, is_back ? REMOTE_OUT_DROP : REMOTE_OUT_CHECK);
}

static void put_findings(struct json_writer *w, const char *key, const char *text, size_t size)
{
    json_put_key(w, key);
    json_put_raw(w, size > 0 ? bytes_of(text, size) : bytes_of("[]", 2));
}

static struct bytes write_report(struct remote_config *rc)
{
    struct json_writer w;
    json_writer_init(&w, rc->report, sizeof(rc->report));
    json_begin_object(&w);
    json_put_key_u64(&w, "version", rc->wanted.version);
    json_put_key(&w, "hash");
    json_put_hex64(&w, rc->wanted.hash);
    json_put_key_string(&w, "state", rc->state);
    json_put_key_string(&w, "reason", rc->reason[0] != '\0' ? rc->reason : NULL);
    put_findings(&w, "errors", rc->errors, rc->errors_size);
    put_findings(&w, "warnings", rc->warnings, rc->warnings_size);
    json_put_key_string(&w, "source", rc->running.hash == rc->empty_hash ? "local" : "desired");
    json_put_key(&w, "running");
    json_put_hex64(&w, rc->running.hash);
    json_end_object(&w);
    ASSERT(!w.failed);
    return json_writer_bytes(&w);
}

bool remote_config_next(struct remote_config *rc, uint64_t now_us, struct remote_out *out)
{
    (void)now_us;
    if (rc->has_report) {
        rc->has_report = false;
        *out = (struct remote_out){.kind = REMOTE_OUT_REPORT, .body = write_report(rc)};
        return true;
    }
    if (rc->has_job) {
        rc->has_job = false;
        *out = (struct remote_out){.kind = rc->writing,
                                   .name = rc->job,
                                   .content = bytes_of(rc->content, rc->wanted_size),
                                   .reason = rc->rejected_reason};
        return true;
    }
    if (rc->has_restart) {
        rc->has_restart = false;
        *out = (struct remote_out){.kind = REMOTE_OUT_RESTART};
        return true;
    }
    return false;
}
