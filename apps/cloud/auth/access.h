// SPDX-License-Identifier: Apache-2.0
// Who may do what where: a role is a set of capabilities, a grant gives a user a role at a node of
// the tree and below. Every request for data or a change passes access_allows.
#ifndef CLOUD_AUTH_ACCESS_H
#define CLOUD_AUTH_ACCESS_H

#include "base/bytes.h"

#include <stdbool.h>
#include <stdint.h>

enum role { ROLE_VIEWER, ROLE_OPERATOR, ROLE_OWNER, ROLE_COUNT };

enum capability {
    CAN_SEE,
    CAN_ACKNOWLEDGE,
    CAN_CONFIGURE,
    CAN_USERS,
    CAN_AUDIT,
    // Of a site's gateway, each its own:
    CAN_SEE_GATEWAY,
    CAN_IDENTIFY,
    CAN_SYNC,
    CAN_DIAGNOSE,
    CAN_READ,
    CAN_SCAN,
    CAN_TEST_LINE,
    CAN_RECORD,
    CAN_WRITE,
    CAN_SET_LOG_LEVEL,
    CAN_RELOAD,
    CAN_RESTART,
    CAPABILITY_COUNT,
};

enum { GRANTS_MAX = 8, NODE_SIZE_MAX = 128 };

struct grant {
    enum role role;
    char node[NODE_SIZE_MAX + 1]; // "": the root, everything; else a site
    int64_t until_ms;             // INT64_MAX: for good
};

struct access {
    struct grant grants[GRANTS_MAX];
    unsigned grant_count;
};

// node empty: a right at the root is needed, except for CAN_SEE, where any will do (what is listed
// then is checked node by node).
bool access_allows(const struct access *access, enum capability capability, struct bytes node,
                   int64_t now_ms);
bool role_has(enum role role, enum capability capability);
const char *role_name(enum role role);
bool role_of(const char *name, enum role *out);
const char *capability_name(enum capability capability);

#endif
