// SPDX-License-Identifier: Apache-2.0
// Which notices of the system somebody has acknowledged, in the accounts' file beside the audit
// log. By the connection of the commands and on their worker.
#ifndef CLOUD_AUTH_NOTICES_H
#define CLOUD_AUTH_NOTICES_H

#include "apps/cloud/auth/commands.h"

enum { NOTICE_KIND_MAX = 32, ACKNOWLEDGED_ROWS_MAX = 1000 };

struct notice_key {
    char kind[NOTICE_KIND_MAX + 1];
    int64_t at_ms;
};

NODISCARD enum err notices_is_acknowledged(struct commands *commands, const struct notice_key *key,
                                           bool *is_acknowledged);
// Once for all who may see it; who did it stands in the audit log, both or neither.
struct notice_by {
    const char *user;
    const char *address;
    int64_t now_ms;
};
NODISCARD enum err notices_acknowledge(struct commands *commands, const struct notice_key *key,
                                       const struct notice_by *by);

#endif
