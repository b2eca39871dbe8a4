// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/rest/judge.h"

#include "azure/property_bag.h"

#include <string.h>

const char *judge_parse(struct bytes authorization, struct hub_sas *sas)
{
    const char *why = "no Authorization header";
    if (authorization.size == 0) {
        return why;
    }
    if (hub_sas_parse(authorization, sas, &why) != OK) {
        return why;
    }
    return sas->policy.size == 0 ? "the token names no policy (skn)" : NULL;
}

static int lower(int c)
{
    return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

// Takes a front part off *rest by whole segments.
static bool take(struct bytes *rest, struct bytes part, bool any_case)
{
    if (rest->size < part.size) {
        return false;
    }
    for (size_t i = 0; i < part.size; i++) {
        const int a = rest->data[i];
        const int b = part.data[i];
        if (a != b && (!any_case || lower(a) != lower(b))) {
            return false;
        }
    }
    *rest = bytes_of(rest->data + part.size, rest->size - part.size);
    if (rest->size == 0) {
        return true;
    }
    const bool is_whole = rest->data[0] == '/';
    *rest = bytes_of(rest->data + 1, rest->size - 1);
    return is_whole;
}

static bool covers(const struct hub_sas *sas, const char *host, const struct http_request *request)
{
    uint8_t decoded[HUB_SAS_SIZE_MAX];
    struct bytes rest = {.data = decoded};
    if (host[0] == '\0' ||
        az_percent_decode(sas->resource, decoded, sizeof(decoded), &rest.size) != OK ||
        !take(&rest, bytes_of(host, strlen(host)), true)) {
        return false;
    }
    for (unsigned i = 0; rest.size > 0; i++) {
        if (i == request->segment_count || !take(&rest, request->segments[i], false)) {
            return false;
        }
    }
    return true;
}

const char *judge_request(const struct hub_sas *sas, const struct judge_policy *policy,
                          const char *host, const struct http_request *request, uint32_t right,
                          int64_t utc_ms)
{
    // Somebody who guesses names learns nothing from how long the answer takes.
    static const struct judge_policy nobody = {
        .keys = {{.bytes = {1}, .size = 32}, {.bytes = {2}, .size = 32}}};
    const struct judge_policy *asked = policy != NULL ? policy : &nobody;
    const bool is_signed = hub_sas_is_signed(sas, asked->keys, 2);
    if (policy == NULL) {
        return "no such policy";
    }
    if (!is_signed) {
        return "wrong signature";
    }
    if (utc_ms < 0 || sas->expires_utc_s <= (uint64_t)utc_ms / 1000) {
        return "the token has expired";
    }
    if (!covers(sas, host, request)) {
        return "the token is for another resource (sr)";
    }
    return (policy->rights & right) == right ? NULL : "the policy lacks the right";
}
