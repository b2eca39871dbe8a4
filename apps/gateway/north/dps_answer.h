// SPDX-License-Identifier: Apache-2.0
// The bodies of the Device Provisioning Service's answers. They come from outside.
#ifndef GATEWAY_DPS_ANSWER_H
#define GATEWAY_DPS_ANSWER_H

#include "apps/gateway/north/dps.h"

enum dps_status {
    DPS_STATUS_NONE, // absent, or a word that we do not know
    DPS_STATUS_ASSIGNING,
    DPS_STATUS_ASSIGNED,
    DPS_STATUS_FAILED,
    DPS_STATUS_DISABLED,
    DPS_STATUS_UNASSIGNED,
};

// Texts are empty if absent.
struct dps_answer {
    enum dps_status status;
    char operation_id[DPS_OPERATION_ID_SIZE_MAX];
    char host[SAS_NAME_SIZE_MAX];   // registrationState.assignedHub
    char device[SAS_NAME_SIZE_MAX]; // registrationState.deviceId
    int64_t error_code;             // 0: none
    char message[DPS_REASON_SIZE_MAX / 2];
};

// ERR_CORRUPT: no JSON object, or a part that we need has another type or is too long. Unknown
// members are passed over.
NODISCARD enum err dps_answer_parse(struct bytes body, struct dps_answer *out);

#endif
