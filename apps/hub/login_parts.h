// SPDX-License-Identifier: Apache-2.0
// Inside login*.c: the two ways of proof.
#ifndef HUB_LOGIN_PARTS_H
#define HUB_LOGIN_PARTS_H

#include "apps/hub/login.h"

// Tries both keys; fills `proof` and `expires` if one of them signed.
bool login_by_keys(const struct hub_sas *sas, const struct hub_sas_key keys[HUB_KEYS_MAX],
                   struct hub_login *out);

// What a log may hold in place of the key.
void login_proof_of_key(const struct hub_sas_key *key, struct hub_thumbprint *out);

// NULL, or what is wrong with the certificate's own time.
const char *login_certificate_time(const struct hub_certificate *certificate, uint64_t utc_s);

void login_take_certificate(const struct hub_certificate *certificate,
                            enum hub_credential credential, struct hub_login *out);

// NULL: it chains to one of these, so many steps up, and its common name is `id`.
const char *login_by_chain(const struct hub_trust *trust, const struct hub_connect *in,
                           struct bytes id, struct hub_login *out, unsigned *distance);

#endif
