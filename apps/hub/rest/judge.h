// SPDX-License-Identifier: Apache-2.0
// Judges the Authorization header of a service: a shared access signature of a policy. Pure.
#ifndef HUB_REST_JUDGE_H
#define HUB_REST_JUDGE_H

#include "apps/hub/sas.h"
#include "port/linux/http_request.h"

#include <stdint.h>

struct judge_policy {
    struct hub_sas_key keys[2];
    uint32_t rights;
};

// NULL, or why the header is no token of a policy (static text). On NULL sas->policy names it.
const char *judge_parse(struct bytes authorization, struct hub_sas *sas);

// NULL, or why the request may not pass (static text, for the log: an asker is told Unauthorized
// alone). policy NULL: there is none of that name; as much is computed then. sr is the host, or the
// host and the first segments of the path; letters of the host in any case.
const char *judge_request(const struct hub_sas *sas, const struct judge_policy *policy,
                          const char *host, const struct http_request *request, uint32_t right,
                          int64_t utc_ms);

#endif
