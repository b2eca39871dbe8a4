// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/login.h"

#include "apps/hub/directory/schema.h"
#include "apps/hub/login_parts.h"
#include "azure/property_bag.h"
#include "port/api/hmac.h"

#include <string.h>

void login_proof_of_key(const struct hub_sas_key *key, struct hub_thumbprint *out)
{
    static const char label[] = "busward hub: which key";
    _Static_assert(sizeof(out->bytes) == HMAC_SHA256_SIZE, "a proof is one HMAC");
    hmac_sha256(bytes_of(key->bytes, key->size), bytes_of(label, strlen(label)), out->bytes);
    out->size = HMAC_SHA256_SIZE;
}

bool login_by_keys(const struct hub_sas *sas, const struct hub_sas_key keys[HUB_KEYS_MAX],
                   struct hub_login *out)
{
    bool is_signed = false;
    for (size_t i = 0; i < HUB_KEYS_MAX; i++) {
        if (hub_sas_is_signed(sas, &keys[i], 1)) {
            login_proof_of_key(&keys[i], &out->proof);
            is_signed = true;
        }
    }
    out->expires_utc_s = sas->expires_utc_s;
    return is_signed;
}

const char *login_certificate_time(const struct hub_certificate *certificate, uint64_t utc_s)
{
    return utc_s < certificate->not_before_utc_s   ? "certificate is not valid yet"
           : utc_s >= certificate->not_after_utc_s ? "certificate expired"
                                                   : NULL;
}

void login_take_certificate(const struct hub_certificate *certificate,
                            enum hub_credential credential, struct hub_login *out)
{
    out->credential = credential;
    out->certificate = certificate->sha256;
    out->certificate_sha1 = certificate->sha1;
    out->expires_utc_s = certificate->not_after_utc_s;
}

const char *login_by_chain(const struct hub_trust *trust, const struct hub_connect *in,
                           struct bytes id, struct hub_login *out, unsigned *distance)
{
    const char *name = in->certificate->common_name;
    if (!bytes_equal(bytes_of(name, strlen(name)), id)) {
        return "certificate's common name is not the client id";
    }
    if (!hub_trust_verify(trust, in->certificate, in->utc_s, &out->proof, distance)) {
        return "certificate does not chain to a verified authority";
    }
    login_take_certificate(in->certificate, HUB_WITH_CHAIN, out);
    return NULL;
}

// Everything but which key: the token is for this device and now.
static const char *judge_token(const struct hub_sas *sas, const struct hub_user_name *name,
                               uint64_t utc_s)
{
    if (!hub_sas_opens(sas, name->host, name->device_id, name->module_id)) {
        return "token for another resource";
    }
    return sas->expires_utc_s <= utc_s ? "token expired" : NULL;
}

static const char *judge_policy(struct hub_directory *directory, const struct hub_sas *sas,
                                struct hub_login *out)
{
    struct hub_policy policy = {0};
    uint8_t decoded[HUB_NAME_SIZE_MAX];
    size_t size = 0;
    bool is_known = az_percent_decode(sas->policy, decoded, sizeof(decoded), &size) == OK &&
                    hub_directory_policy(directory, "hub", bytes_of(decoded, size), &policy) == OK;
    bool is_signed = login_by_keys(sas, policy.keys, out); // unknown: the same work
    if (!is_known || !is_signed) {
        return "unknown policy, or not signed by a key of it";
    }
    if ((policy.rights & HUB_RIGHT_DEVICE_CONNECT) == 0) {
        return "policy without the right DeviceConnect";
    }
    memcpy(out->name, decoded, size);
    out->name[size] = '\0';
    out->credential = HUB_WITH_POLICY;
    return NULL;
}

static const char *judge_sas(struct hub_directory *directory, const struct hub_connect *in,
                             const struct hub_user_name *name, const struct hub_device *device,
                             struct hub_login *out)
{
    struct hub_sas sas;
    const char *why = NULL;
    if (hub_sas_parse(in->password, &sas, &why) != OK) {
        return why;
    }
    if (sas.policy.size > 0) {
        why = judge_policy(directory, &sas, out);
        if (why == NULL && device == NULL) {
            why = "unknown device";
        }
        return why != NULL ? why : judge_token(&sas, name, in->utc_s);
    }
    // An unknown device costs the same work as a known one.
    static const struct hub_sas_key nobody[HUB_KEYS_MAX] = {{.size = HUB_KEY_SIZE_MIN},
                                                            {.size = HUB_KEY_SIZE_MIN}};
    bool is_signed = login_by_keys(&sas, device != NULL ? device->keys : nobody, out);
    if (device == NULL) {
        return "unknown device";
    }
    if (device->auth != HUB_AUTH_SAS) {
        return "device authenticates by certificate, not by key";
    }
    if (!is_signed) {
        return "signature does not match a key of the device";
    }
    out->credential = HUB_WITH_KEY;
    return judge_token(&sas, name, in->utc_s);
}

static const char *judge_x509(struct hub_directory *directory, const struct hub_connect *in,
                              const struct hub_user_name *name, const struct hub_device *device,
                              struct hub_login *out)
{
    if (in->certificate == NULL) {
        return "neither token nor certificate";
    }
    if (device == NULL) {
        return "unknown device";
    }
    const char *why = login_certificate_time(in->certificate, in->utc_s);
    if (why != NULL) {
        return why;
    }
    switch (device->auth) {
    case HUB_AUTH_SAS: return "device authenticates by key, not by certificate";
    case HUB_AUTH_THUMBPRINT:
        if (!hub_certificate_is(in->certificate, device->thumbs)) {
            return "certificate does not match a thumbprint of the device";
        }
        login_take_certificate(in->certificate, HUB_WITH_THUMBPRINT, out);
        return NULL;
    case HUB_AUTH_CA: break;
    }
    struct hub_trust trust;
    unsigned distance = 0;
    if (hub_trust_init(&trust) != OK) {
        return "no memory";
    }
    hub_trust_add_directory(&trust, directory);
    why = login_by_chain(&trust, in, name->device_id, out, &distance);
    hub_trust_deinit(&trust);
    return why;
}

static bool same_host(struct bytes a, const char *b)
{
    if (a.size != strlen(b)) {
        return false;
    }
    for (size_t i = 0; i < a.size; i++) {
        uint8_t left = a.data[i];
        uint8_t right = (uint8_t)b[i];
        left = left >= 'A' && left <= 'Z' ? (uint8_t)(left + 32) : left;
        right = right >= 'A' && right <= 'Z' ? (uint8_t)(right + 32) : right;
        if (left != right) {
            return false;
        }
    }
    return true;
}

static const char *judge_name(struct hub_directory *directory, const struct hub_connect *in,
                              struct hub_user_name *name)
{
    const char *why = NULL;
    char host[HUB_HOST_SIZE_MAX + 1];
    if (hub_user_name_parse(in->user_name, name, &why) != OK) {
        return why;
    }
    enum err err = hub_directory_meta(directory, "host", host, sizeof(host));
    if (err != OK) {
        return err == ERR_STATE ? hub_directory_fault(directory) : "hub.db does not name the host";
    }
    if (!same_host(name->host, host)) {
        return "user name with another hub's host";
    }
    if (name->module_id.size > 0) {
        return "module identities are not offered";
    }
    return bytes_equal(name->device_id, in->client_id)
               ? NULL
               : "client id differs from the device id in the user name";
}

const char *hub_login_device(struct hub_directory *directory, const struct hub_connect *in,
                             struct hub_login *out)
{
    struct hub_user_name name;
    const char *why = judge_name(directory, in, &name);
    if (why != NULL) {
        return why;
    }
    struct hub_device device = {0};
    enum err err = hub_directory_device(directory, name.device_id, &device);
    if (err != OK && err != ERR_NOT_FOUND) {
        return err == ERR_STATE ? hub_directory_fault(directory) : "device cannot be read";
    }
    struct hub_login login = {0};
    const struct hub_device *known = err == OK ? &device : NULL;
    why = in->password.size > 0 ? judge_sas(directory, in, &name, known, &login)
                                : judge_x509(directory, in, &name, known, &login);
    if (why == NULL && !device.is_enabled) {
        why = "device disabled";
    }
    login.generation = device.generation;
    *out = why == NULL ? login : *out;
    return why;
}

static bool has_key(const struct hub_sas_key keys[HUB_KEYS_MAX], const struct hub_thumbprint *proof)
{
    for (size_t i = 0; i < HUB_KEYS_MAX; i++) {
        struct hub_thumbprint mine;
        login_proof_of_key(&keys[i], &mine);
        if (keys[i].size > 0 && memcmp(mine.bytes, proof->bytes, sizeof(mine.bytes)) == 0) {
            return true;
        }
    }
    return false;
}

static bool still_proves(struct hub_directory *directory, const struct hub_trust *authorities,
                         const struct hub_device *device, const struct hub_login *login)
{
    struct hub_policy policy;
    struct hub_certificate shown = {.sha1 = login->certificate_sha1, .sha256 = login->certificate};
    switch (login->credential) {
    case HUB_WITH_KEY: return device->auth == HUB_AUTH_SAS && has_key(device->keys, &login->proof);
    case HUB_WITH_POLICY:
        return hub_directory_policy(directory, "hub", bytes_of(login->name, strlen(login->name)),
                                    &policy) == OK &&
               (policy.rights & HUB_RIGHT_DEVICE_CONNECT) != 0 &&
               has_key(policy.keys, &login->proof);
    case HUB_WITH_THUMBPRINT:
        return device->auth == HUB_AUTH_THUMBPRINT && hub_certificate_is(&shown, device->thumbs);
    case HUB_WITH_CHAIN:
        return device->auth == HUB_AUTH_CA && hub_trust_has(authorities, &login->proof);
    }
    return false;
}

const char *hub_login_recheck(struct hub_directory *directory, const struct hub_trust *authorities,
                              struct bytes device_id, const struct hub_login *login)
{
    struct hub_device device;
    enum err err = hub_directory_device(directory, device_id, &device);
    if (err == ERR_NOT_FOUND) {
        return "device removed";
    }
    if (err != OK) {
        return NULL;
    }
    if (device.generation != login->generation) {
        return "device removed and made anew";
    }
    if (!device.is_enabled) {
        return "device disabled";
    }
    return still_proves(directory, authorities, &device, login) ? NULL : "credential changed";
}
