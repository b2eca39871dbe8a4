// SPDX-License-Identifier: Apache-2.0
// Judges what a client proves at CONNECT, against hub.db as it is at that moment. All texts in
// results are static.
#ifndef HUB_LOGIN_H
#define HUB_LOGIN_H

#include "apps/hub/certificate.h"
#include "apps/hub/user_name.h"

struct hub_connect {
    const void *client; // the broker's name for this connection
    struct bytes client_id;
    struct bytes user_name;
    struct bytes password;                     // a SAS token; empty: by certificate
    const struct hub_certificate *certificate; // NULL: none was shown
    bool is_clean;                             // begins a new session
    bool is_local;                             // through the unix socket
    uint64_t utc_s;                            // 0: the clock was never set
    uint64_t now_us;                           // of the same moment, monotonic
};

enum hub_credential {
    HUB_WITH_KEY,
    HUB_WITH_POLICY,
    HUB_WITH_THUMBPRINT,
    HUB_WITH_CHAIN,
};

// What stays of it for as long as the connection lives.
struct hub_login {
    enum hub_credential credential;
    bool is_group;                     // in DPS
    char name[HUB_NAME_SIZE_MAX + 1];  // of the policy; in DPS of the enrolment or group
    struct hub_thumbprint proof;       // of the key (HMAC), or the authority: nothing secret
    struct hub_thumbprint certificate; // SHA-256; size 0: none
    struct hub_thumbprint certificate_sha1;
    uint64_t expires_utc_s; // of the token or certificate
    uint64_t generation;    // of the device; in DPS 0
};

// NULL: *out is filled. Else why not. In the hub the client id is the device's, in DPS the
// registration's.
const char *hub_login_device(struct hub_directory *directory, const struct hub_connect *in,
                             struct hub_login *out);
const char *hub_login_registration(struct hub_directory *directory, const struct hub_connect *in,
                                   struct hub_login *out);

// NULL, or why a device that logged in so may not stay: disabled, gone, its credential changed.
// `authorities`: those of the hub. A directory that cannot be read changes nothing.
const char *hub_login_recheck(struct hub_directory *directory, const struct hub_trust *authorities,
                              struct bytes device_id, const struct hub_login *login);

#endif
