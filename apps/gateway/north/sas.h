// SPDX-License-Identifier: Apache-2.0
// Azure's shared access signatures: the password of a device that has a symmetric key. Pure; the
// HMAC comes from port/api/hmac.h.
#ifndef GATEWAY_SAS_H
#define GATEWAY_SAS_H

#include "base/bytes.h"
#include "base/err.h"

enum {
    SAS_KEY_SIZE_MIN = 16, // bytes, decoded
    SAS_KEY_SIZE_MAX = 64,
    SAS_NAME_SIZE_MAX = 256,    // host name, device id: with the final 0
    SAS_KEY_TEXT_SIZE_MAX = 89, // base64, with the final 0
    SAS_TOKEN_SIZE_MAX = 1024,
};

// Never logged. Wipe with sas_key_wipe.
struct sas_key {
    uint8_t data[SAS_KEY_SIZE_MAX];
    size_t size;
};

// What a key file may say: a base64 key alone, or a connection string
// `HostName=...;DeviceId=...;SharedAccessKey=...` (fields in any order). Names are empty if absent.
struct sas_identity {
    char host[SAS_NAME_SIZE_MAX];
    char device[SAS_NAME_SIZE_MAX];
    struct sas_key key;
};

// Reads the text of a key file; white space around it is ignored. On ERR_ARG, *problem says in
// words, without a secret, what is wrong and what would be right (static storage).
NODISCARD enum err sas_identity_parse(struct bytes text, struct sas_identity *out,
                                      const char **problem);
void sas_key_wipe(struct sas_key *key);

// Writes the token `SharedAccessSignature sr=...&sig=...&se=...` for host and device, valid until
// `expiry_s` (UTC seconds), with a final 0. ERR_SIZE: does not fit.
NODISCARD enum err sas_token(const struct sas_key *key, const char *host, const char *device,
                             int64_t expiry_s, char *out, size_t capacity);

// The same for a registration at the provisioning service: sr={id scope}/registrations/{id}, with
// the policy name that it asks for.
NODISCARD enum err sas_dps_token(const struct sas_key *key, const char *id_scope,
                                 const char *registration_id, int64_t expiry_s, char *out,
                                 size_t capacity);

// A device's own key out of the key of its enrolment group: HMAC-SHA256 over its registration id.
void sas_derive_key(const struct sas_key *group, const char *registration_id, struct sas_key *out);
// The key in base64, with a final 0: a secret.
void sas_key_text(const struct sas_key *key, char out[SAS_KEY_TEXT_SIZE_MAX]);

#endif
