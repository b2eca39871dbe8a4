// SPDX-License-Identifier: Apache-2.0
// What a client's certificate says, and whether it chains to authorities of ours. Its private key
// was proved by the TLS handshake; nothing else was judged there. By OpenSSL.
#ifndef HUB_CERTIFICATE_H
#define HUB_CERTIFICATE_H

#include "apps/hub/directory/directory.h"

struct x509_st;
struct stack_st_X509;

enum { HUB_SHA1_SIZE = 20, HUB_SHA256_SIZE = 32, HUB_AUTHORITIES_MAX = 64 };

struct hub_certificate {
    struct hub_thumbprint sha1;
    struct hub_thumbprint sha256;
    char common_name[HUB_ID_SIZE_MAX + 1]; // "": none, several, or longer than an id
    uint64_t not_before_utc_s;
    uint64_t not_after_utc_s;
    struct x509_st *leaf;        // borrowed
    struct stack_st_X509 *chain; // borrowed: what the peer sent behind it; NULL: nothing
};

// ERR_CORRUPT: no certificate one could judge.
NODISCARD enum err hub_certificate_read(struct x509_st *leaf, struct stack_st_X509 *chain,
                                        struct hub_certificate *out);

// Is it one of the two? In constant time.
bool hub_certificate_is(const struct hub_certificate *certificate,
                        const struct hub_thumbprint thumbs[HUB_KEYS_MAX]);

// Authorities to chain to, roots or intermediates.
struct hub_trust {
    void *store;
    size_t count;
};

// ERR_FULL: no memory.
NODISCARD enum err hub_trust_init(struct hub_trust *trust);
void hub_trust_deinit(struct hub_trust *trust);
// Adds the first certificate of the PEM text; one that cannot be read is passed over: false.
bool hub_trust_add(struct hub_trust *trust, const char *pem);
// All verified authorities of the hub, up to HUB_AUTHORITIES_MAX.
void hub_trust_add_directory(struct hub_trust *trust, struct hub_directory *directory);
// Does it chain, for a client, at that time? *anchor: SHA-256 of the authority that it led to;
// *distance: steps up to it, 1 if it signed the certificate itself. Both untouched if not.
bool hub_trust_verify(const struct hub_trust *trust, const struct hub_certificate *certificate,
                      uint64_t utc_s, struct hub_thumbprint *anchor, unsigned *distance);
// Is that authority one of these?
bool hub_trust_has(const struct hub_trust *trust, const struct hub_thumbprint *anchor);

#endif
