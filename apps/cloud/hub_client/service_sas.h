// SPDX-License-Identifier: Apache-2.0
// A service's shared access signature for an IoT hub: who asks is a policy of the hub's, known by
// its key. A token is made once and used until it nears its end. Pure; the HMAC comes from
// port/api/hmac.h.
#ifndef CLOUD_SERVICE_SAS_H
#define CLOUD_SERVICE_SAS_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

enum {
    SERVICE_KEY_SIZE_MIN = 16, // bytes, decoded
    SERVICE_KEY_SIZE_MAX = 64,
    SERVICE_NAME_SIZE = 256, // host, policy: with the final 0
    SERVICE_TOKEN_SIZE = 1280,
    SERVICE_TOKEN_LIFE_S = 3600,
    SERVICE_TOKEN_RENEW_S = 900, // a token with less left is not used any more
};

// Never logged. Wipe with service_key_wipe.
struct service_key {
    uint8_t data[SERVICE_KEY_SIZE_MAX];
    size_t size;
    char host[SERVICE_NAME_SIZE];   // of a connection string; "": the file holds a key alone
    char policy[SERVICE_NAME_SIZE]; // the same
};

// The text of a key file: a base64 key alone, or a connection string
// `HostName=...;SharedAccessKeyName=...;SharedAccessKey=...`. On ERR_ARG *problem says in words,
// without a secret, what is wrong and what would be right (static storage).
NODISCARD enum err service_key_parse(struct bytes text, struct service_key *out,
                                     const char **problem);
void service_key_wipe(struct service_key *key);

// `SharedAccessSignature sr=...&sig=...&se=...&skn=...` with a final 0. ERR_SIZE.
NODISCARD enum err service_token(const struct service_key *key, const char *host,
                                 const char *policy, int64_t expiry_s, char *out, size_t capacity);

struct service_token {
    char text[SERVICE_TOKEN_SIZE]; // "": none
    int64_t made_s;
};

// Whether the token may be used at now_s (UTC): there is one, it has SERVICE_TOKEN_RENEW_S left,
// and the clock was not put back behind its making.
bool service_token_is_good(const struct service_token *token, int64_t now_s);
// Makes it anew.
NODISCARD enum err service_token_renew(struct service_token *token, const struct service_key *key,
                                       const char *host, const char *policy, int64_t now_s);

#endif
