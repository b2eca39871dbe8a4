// SPDX-License-Identifier: Apache-2.0
#include "apps/cloud/auth/access.h"

#include "base/assert.h"

#include <string.h>

static const struct {
    const char *name;
    unsigned capabilities; // bits by enum capability
} roles[ROLE_COUNT] = {
    [ROLE_VIEWER] = {"viewer", 1U << CAN_SEE},
    [ROLE_OPERATOR] = {"operator", 1U << CAN_SEE | 1U << CAN_ACKNOWLEDGE | 1U << CAN_SEE_GATEWAY |
                                       1U << CAN_IDENTIFY | 1U << CAN_SYNC | 1U << CAN_DIAGNOSE |
                                       1U << CAN_READ | 1U << CAN_SCAN | 1U << CAN_TEST_LINE |
                                       1U << CAN_RECORD},
    [ROLE_OWNER] = {"owner", (1U << CAPABILITY_COUNT) - 1},
};

static const char *const capabilities[CAPABILITY_COUNT] = {
    [CAN_SEE] = "see",
    [CAN_ACKNOWLEDGE] = "acknowledge",
    [CAN_CONFIGURE] = "configure",
    [CAN_USERS] = "users",
    [CAN_AUDIT] = "audit",
    [CAN_SEE_GATEWAY] = "gateway",
    [CAN_IDENTIFY] = "identify",
    [CAN_SYNC] = "sync_now",
    [CAN_DIAGNOSE] = "diagnostics",
    [CAN_READ] = "read",
    [CAN_SCAN] = "scan",
    [CAN_TEST_LINE] = "line_test",
    [CAN_RECORD] = "flight_record",
    [CAN_WRITE] = "write",
    [CAN_SET_LOG_LEVEL] = "log_level",
    [CAN_RELOAD] = "reload",
    [CAN_RESTART] = "restart",
};

bool role_has(enum role role, enum capability capability)
{
    ASSERT(role < ROLE_COUNT && capability < CAPABILITY_COUNT);
    return (roles[role].capabilities & 1U << capability) != 0;
}

const char *role_name(enum role role)
{
    ASSERT(role < ROLE_COUNT);
    return roles[role].name;
}

bool role_of(const char *name, enum role *out)
{
    for (unsigned i = 0; i < ROLE_COUNT; i++) {
        if (strcmp(roles[i].name, name) == 0) {
            *out = (enum role)i;
            return true;
        }
    }
    return false;
}

const char *capability_name(enum capability capability)
{
    ASSERT(capability < CAPABILITY_COUNT);
    return capabilities[capability];
}

bool access_allows(const struct access *access, enum capability capability, struct bytes node,
                   int64_t now_ms)
{
    for (unsigned i = 0; i < access->grant_count; i++) {
        const struct grant *grant = &access->grants[i];
        if (now_ms >= grant->until_ms || !role_has(grant->role, capability)) {
            continue;
        }
        const size_t size = strlen(grant->node);
        if (size == 0 || (node.size == 0 && capability == CAN_SEE) ||
            (node.size == size && memcmp(node.data, grant->node, size) == 0)) {
            return true;
        }
    }
    return false;
}
