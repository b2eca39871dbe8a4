// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/north/identity.h"

enum {
    // A key's token is made in four ways (uplink.h) before the key itself is doubted.
    REFUSALS_OF_KEY = 4,
    REFUSALS_OF_CERTIFICATE = 2,
    PROVISION_GAP_S = 600, // doubled each time, up to:
    PROVISION_GAP_MAX_S = 6 * 3600,
    AWAY_S = 3600, // up to twice: a thousand boxes of one hub must not come together
    NEXT_REFUSED_S = 6 * 3600,
    NEXT_FAILED_S = 3600, // nobody said no: it may have been the network
};

static uint64_t after_s(uint64_t now_us, uint64_t seconds)
{
    return time_after(now_us, seconds * US_PER_S);
}

static uint64_t chance(struct identity *id, uint64_t most)
{
    id->random = id->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (id->random >> 33) % (most + 1);
}

static void enter_provisioning(struct identity *id, uint64_t now_us)
{
    id->state = IDENTITY_PROVISIONING;
    id->must_provision = true;
    id->must_resume = false;
    id->is_online = false;
    uint64_t gap_s = PROVISION_GAP_S;
    for (uint32_t i = 0; i < id->provisions && gap_s < PROVISION_GAP_MAX_S; i++) {
        gap_s *= 2;
    }
    gap_s = gap_s < PROVISION_GAP_MAX_S ? gap_s : PROVISION_GAP_MAX_S;
    id->provision_us = after_s(now_us, gap_s / 2 + chance(id, gap_s / 2));
    id->away_us = TIME_NEVER;
    id->provisions++;
}

static void enter_using(struct identity *id)
{
    id->state = IDENTITY_USING;
    id->refusals = 0;
    id->must_resume = true;
    id->must_provision = false;
}

void identity_init(struct identity *id, const struct identity_config *cfg, uint64_t now_us)
{
    *id = (struct identity){
        .state = IDENTITY_USING, .cfg = *cfg, .random = cfg->seed, .away_us = TIME_NEVER};
    if (cfg->is_assigned) {
        id->must_resume = true;
    } else if (cfg->has_provisioning) {
        enter_provisioning(id, now_us);
    }
}

void identity_set_next(struct identity *id, uint64_t now_us, uint64_t version)
{
    if (version != id->next_version && id->cfg.has_certificate) {
        id->next_version = version;
        id->next_us = now_us;
        id->is_next_skipped = id->is_next_registered = id->is_next_proven = false;
        id->has_next_failed = false;
    }
}

static bool may_try_next(const struct identity *id, uint64_t now_us)
{
    return id->next_version != 0 && (id->is_next_proven || now_us >= id->next_us);
}

enum identity_slot identity_attempt(struct identity *id, uint64_t now_us)
{
    bool is_next = may_try_next(id, now_us) && !id->is_next_skipped;
    id->is_next_skipped = false;
    id->is_online = false;
    id->must_reconnect = false;
    id->slot =
        is_next || (id->is_forced_next && id->next_version != 0) ? IDENTITY_NEXT : IDENTITY_PRESENT;
    return id->slot;
}

void identity_accepted(struct identity *id, uint64_t now_us)
{
    id->is_online = true;
    id->away_us = TIME_NEVER;
    id->refusals = 0;
    id->provisions = 0;
    if (id->slot == IDENTITY_NEXT) {
        id->must_adopt = !id->is_next_proven;
        id->is_next_proven = true;
        id->is_forced_next = id->is_next_registered = false;
    } else if (id->has_next_failed && may_try_next(id, now_us)) {
        id->next_us = after_s(now_us, NEXT_FAILED_S); // the present one did not
    }
    id->has_next_failed = false;
}

static void give_up_next(struct identity *id, uint64_t now_us, uint64_t seconds)
{
    id->is_forced_next = id->is_next_registered = id->is_next_proven = false;
    id->next_us = after_s(now_us, seconds);
}

static void next_refused(struct identity *id, uint64_t now_us)
{
    if (id->cfg.has_provisioning && !id->is_next_registered) {
        id->is_next_registered = true;
        id->is_forced_next = true;
        enter_provisioning(id, now_us);
    } else {
        give_up_next(id, now_us, NEXT_REFUSED_S);
    }
}

// A hub that was taken down says no to nobody: the service may know another one.
static bool is_gone(struct identity *id, uint64_t now_us, bool is_refusal)
{
    if (is_refusal) {
        id->away_us = TIME_NEVER;
    } else if (id->away_us == TIME_NEVER) {
        id->away_us = after_s(now_us, AWAY_S + chance(id, AWAY_S));
    }
    return now_us >= id->away_us;
}

void identity_failed(struct identity *id, uint64_t now_us, bool is_refusal)
{
    bool was_online = id->is_online;
    id->is_online = false;
    if (was_online || id->state != IDENTITY_USING) {
        return; // a connection that was good ended: no news about the credentials
    }
    if (id->slot == IDENTITY_NEXT) {
        if (is_refusal) {
            next_refused(id, now_us);
        } else {
            id->is_next_skipped = id->has_next_failed = true; // or the network: the present tells
            id->is_forced_next = false;
        }
        return;
    }
    id->refusals += is_refusal;
    uint32_t most = id->cfg.has_certificate ? REFUSALS_OF_CERTIFICATE : REFUSALS_OF_KEY;
    bool must_ask = id->refusals >= most || is_gone(id, now_us, is_refusal);
    if (must_ask && id->cfg.has_provisioning && now_us >= id->provision_us) {
        enter_provisioning(id, now_us);
    }
}

void identity_assigned(struct identity *id, uint64_t now_us)
{
    (void)now_us;
    if (id->state == IDENTITY_PROVISIONING) {
        id->cfg.is_assigned = true;
        enter_using(id);
    }
}

void identity_not_assigned(struct identity *id, uint64_t now_us)
{
    if (id->state != IDENTITY_PROVISIONING) {
        return;
    }
    if (id->slot == IDENTITY_NEXT) {
        give_up_next(id, now_us, NEXT_REFUSED_S);
    }
    if (id->cfg.is_assigned) {
        enter_using(id);
    }
}

uint64_t identity_deadline_us(const struct identity *id)
{
    bool waits = id->is_online && id->next_version != 0 && id->slot == IDENTITY_PRESENT &&
                 !id->must_reconnect;
    return waits ? id->next_us : TIME_NEVER;
}

void identity_tick(struct identity *id, uint64_t now_us)
{
    if (now_us >= identity_deadline_us(id)) {
        id->must_reconnect = true;
    }
}

bool identity_has_output(const struct identity *id)
{
    return id->must_adopt || id->must_provision || id->must_resume || id->must_reconnect;
}

bool identity_next(struct identity *id, enum identity_out *out)
{
    struct {
        bool *flag;
        enum identity_out out;
    } const list[] = {
        {&id->must_adopt, IDENTITY_OUT_ADOPT},
        {&id->must_provision, IDENTITY_OUT_PROVISION},
        {&id->must_resume, IDENTITY_OUT_RESUME},
        {&id->must_reconnect, IDENTITY_OUT_RECONNECT},
    };
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        if (*list[i].flag) {
            *list[i].flag = false;
            *out = list[i].out;
            return true;
        }
    }
    return false;
}
