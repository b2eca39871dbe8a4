// SPDX-License-Identifier: Apache-2.0
// Who a device says it is: user name, client id, and the rules of ids.
#ifndef HUB_USER_NAME_H
#define HUB_USER_NAME_H

#include "base/bytes.h"
#include "base/err.h"

struct hub_user_name {
    struct bytes host;
    struct bytes device_id;
    struct bytes module_id; // empty: the device itself
    struct bytes query;     // `api-version=...` and so on without the `?`; empty: none
};

// All known forms: `host/dev/?api-version=..`, `host/dev/mod/?..`, the same without `?`, without
// the query, without the last slash. ERR_ARG: not of these forms or an id against the rules; *why
// then says what is wrong (static text), else it is untouched.
NODISCARD enum err hub_user_name_parse(struct bytes in, struct hub_user_name *out,
                                       const char **why);

struct hub_dps_user_name {
    struct bytes scope;
    struct bytes registration_id;
    struct bytes query;
};

// `scope/registrations/id/api-version=..`, with `?` before the query or not. As above.
NODISCARD enum err hub_dps_user_name_parse(struct bytes in, struct hub_dps_user_name *out,
                                           const char **why);

// NULL, or what is wrong with a registration id: 1 to 128 of A-Z a-z 0-9 - . _ :
const char *hub_registration_id_fault(struct bytes id);

// NULL, or what is wrong with a device or module id: 1 to 128 of Azure's characters, without + and
// #, which cannot stand in a topic name.
const char *hub_id_fault(struct bytes id);

#endif
