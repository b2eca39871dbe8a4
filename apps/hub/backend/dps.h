// SPDX-License-Identifier: Apache-2.0
// What a device asks of DPS: register, and how far that is. A registration is decided and stored at
// once (device, twin and registration in one transaction); the device is still told 202 and asks
// again, as Azure's clients expect. It survives a restart between the two.
#ifndef HUB_BACKEND_DPS_H
#define HUB_BACKEND_DPS_H

#include "apps/hub/backend/registrations.h"
#include "apps/hub/backend/sessions.h"
#include "apps/hub/backend/twins.h"
#include "azure/topic.h"

enum { DPS_ANSWER_SIZE = 16 * 1024, DPS_RETRY_AFTER_S = 3 };

struct dps {
    struct store *store;
    struct twins *twins;
    uint32_t retry_after_s; // may be set after dps_init
    char own_hub[ENROLMENT_HOST_SIZE];
    struct enrolment enrolment;
    struct registration registration;
    char answer[DPS_ANSWER_SIZE];
};

// own_hub: the host that devices of this hub connect to; copied.
void dps_init(struct dps *dps, struct store *store, struct twins *twins, const char *own_hub);

struct dps_request {
    const struct session *session; // as DPS's broker authenticated it
    const struct az_topic *topic;  // AZ_DPS_REGISTER, AZ_DPS_STATUS
    struct bytes body;
    int64_t utc_ms;
};

struct dps_answer {
    int status;
    bool has_retry_after; // retry_after_s of struct dps
    struct bytes body;    // JSON, valid until the next request
};
// Always an answer: refusals are answers with Azure's bodies.
void dps_request(struct dps *dps, const struct dps_request *in, struct dps_answer *out);

#endif
