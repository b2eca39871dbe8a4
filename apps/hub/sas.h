// SPDX-License-Identifier: Apache-2.0
// Shared access signatures: `SharedAccessSignature sr={resource}&sig={signature}&se={expiry}`,
// fields in any order. The signature is HMAC-SHA256 over `{sr as received}\n{se}`.
#ifndef HUB_SAS_H
#define HUB_SAS_H

#include "base/bytes.h"
#include "base/err.h"

enum { HUB_KEY_SIZE_MIN = 16, HUB_KEY_SIZE_MAX = 64, HUB_SAS_SIZE_MAX = 1024 };

struct hub_sas_key {
    uint8_t bytes[HUB_KEY_SIZE_MAX];
    size_t size; // 0: no key
};

// All spans lie in the token.
struct hub_sas {
    struct bytes resource;  // sr as received: percent-encoded, what was signed
    struct bytes signature; // sig as received: percent-encoded base64
    struct bytes expiry;    // se as received
    struct bytes policy;    // skn; empty for device keys
    uint64_t expires_utc_s;
};

// ERR_ARG: no such token; *why says why (static text).
NODISCARD enum err hub_sas_parse(struct bytes token, struct hub_sas *out, const char **why);

// The decoded resource is `host[/devices/id[/modules/id]]` or a front of it by whole segments; the
// host in any case of letters. scratch-free: bounded by HUB_SAS_SIZE_MAX.
bool hub_sas_opens(const struct hub_sas *sas, struct bytes host, struct bytes device_id,
                   struct bytes module_id);

// The decoded resource is `scope/registrations/id`, and nothing else.
bool hub_sas_opens_registration(const struct hub_sas *sas, struct bytes scope, struct bytes id);

// Compares in constant time; tries every key whatever the result.
bool hub_sas_is_signed(const struct hub_sas *sas, const struct hub_sas_key *keys, size_t key_count);

#endif
