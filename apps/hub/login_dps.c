// SPDX-License-Identifier: Apache-2.0
// Logins at DPS: an individual enrolment decides if there is one, else the groups do. Whether it is
// enabled is not judged here: the device is told so in the answer to its registration.
#include "apps/hub/login.h"

#include "apps/hub/login_parts.h"
#include "port/api/hmac.h"

#include <limits.h>
#include <string.h>

enum { GROUPS_MAX = 128 }; // looked at for one login; Azure allows 100

static void keep_name(struct hub_login *out, struct bytes name)
{
    memcpy(out->name, name.data, name.size); // an id: 1 to 128 characters
    out->name[name.size] = '\0';
}

// The key of one device of a group; empty stays empty.
static void derive(const struct hub_sas_key *group, struct bytes registration_id,
                   struct hub_sas_key *out)
{
    *out = (struct hub_sas_key){.size = 0};
    if (group->size > 0) {
        hmac_sha256(bytes_of(group->bytes, group->size), registration_id, out->bytes);
        out->size = HMAC_SHA256_SIZE;
    }
}

static bool has_any(const struct hub_authorities *authorities)
{
    return authorities->primary[0] != '\0' || authorities->secondary[0] != '\0';
}

static bool proves_by_chain(const struct hub_authorities *authorities,
                            struct hub_directory *directory, const struct hub_connect *in,
                            struct hub_login *out, unsigned *distance)
{
    struct hub_trust trust;
    if (in->certificate == NULL || hub_trust_init(&trust) != OK) {
        return false;
    }
    if (has_any(authorities)) {
        hub_trust_add(&trust, authorities->primary);
        hub_trust_add(&trust, authorities->secondary);
    } else {
        hub_trust_add_directory(&trust, directory);
    }
    bool is_good = login_by_chain(&trust, in, in->client_id, out, distance) == NULL;
    hub_trust_deinit(&trust);
    return is_good;
}

static const char *judge_individual(struct hub_directory *directory, const struct hub_connect *in,
                                    const struct hub_sas *sas,
                                    const struct hub_enrolment *enrolment, struct hub_login *out)
{
    if (enrolment->attestation == HUB_BY_KEY) {
        return sas != NULL && login_by_keys(sas, enrolment->keys, out)
                   ? NULL
                   : "not signed by a key of the enrolment";
    }
    if (sas != NULL || in->certificate == NULL) {
        return "enrolment is by certificate";
    }
    if (enrolment->attestation == HUB_BY_CA) {
        unsigned distance = 0;
        return proves_by_chain(&enrolment->authorities, directory, in, out, &distance)
                   ? NULL
                   : "certificate does not chain to the enrolment's authority";
    }
    const char *name = in->certificate->common_name;
    if (!bytes_equal(bytes_of(name, strlen(name)), in->client_id)) {
        return "certificate's common name is not the registration id";
    }
    if (!hub_certificate_is(in->certificate, enrolment->thumbs)) {
        return "certificate does not match the enrolment's";
    }
    login_take_certificate(in->certificate, HUB_WITH_THUMBPRINT, out);
    return NULL;
}

// *distance: to the group's authority; by key 0.
static bool proves_for_group(struct hub_directory *directory, const struct hub_connect *in,
                             const struct hub_sas *sas, const struct hub_group *group,
                             struct hub_login *out, unsigned *distance)
{
    if ((sas != NULL) != (group->attestation == HUB_BY_KEY)) {
        return false;
    }
    if (sas == NULL) {
        return has_any(&group->authorities) &&
               proves_by_chain(&group->authorities, directory, in, out, distance);
    }
    *distance = 0;
    struct hub_sas_key keys[HUB_KEYS_MAX];
    for (size_t i = 0; i < HUB_KEYS_MAX; i++) {
        derive(&group->keys[i], in->client_id, &keys[i]);
    }
    return login_by_keys(sas, keys, out);
}

// Of several groups that a chain passes the one nearest to the device decides, as in Azure: to
// disable the group of an intermediate authority shuts its devices out, whatever the root's says.
static const char *judge_groups(struct hub_directory *directory, const struct hub_connect *in,
                                const struct hub_sas *sas, struct hub_login *out)
{
    struct hub_group group = {.id = ""};
    unsigned nearest = UINT_MAX;
    for (size_t i = 0; nearest > 0 && i < GROUPS_MAX; i++) {
        struct hub_login login = {0};
        unsigned distance = 0;
        if (hub_directory_next_group(directory, group.id, &group) != OK) {
            break;
        }
        if (proves_for_group(directory, in, sas, &group, &login, &distance) && distance < nearest) {
            login.is_group = true;
            keep_name(&login, bytes_of(group.id, strlen(group.id)));
            *out = login;
            nearest = distance;
        }
    }
    return nearest < UINT_MAX ? NULL : "no enrolment, and no group that this credential belongs to";
}

static const char *judge_proof(struct hub_directory *directory, const struct hub_connect *in,
                               const struct hub_dps_user_name *name, struct hub_login *out)
{
    struct hub_sas sas;
    const struct hub_sas *given = NULL;
    const char *why = NULL;
    if (in->password.size > 0) {
        if (hub_sas_parse(in->password, &sas, &why) != OK) {
            return why;
        }
        if (!bytes_equal(sas.policy, bytes_of("registration", 12))) {
            return "token without skn=registration";
        }
        if (!hub_sas_opens_registration(&sas, name->scope, name->registration_id)) {
            return "token for another resource";
        }
        if (sas.expires_utc_s <= in->utc_s) {
            return "token expired";
        }
        given = &sas;
    } else {
        why = in->certificate == NULL ? "neither token nor certificate"
                                      : login_certificate_time(in->certificate, in->utc_s);
    }
    if (why != NULL) {
        return why;
    }
    struct hub_enrolment enrolment;
    enum err err = hub_directory_enrolment(directory, name->registration_id, &enrolment);
    if (err == OK) {
        keep_name(out, name->registration_id);
        return judge_individual(directory, in, given, &enrolment, out);
    }
    return err == ERR_NOT_FOUND ? judge_groups(directory, in, given, out)
                                : "enrolment cannot be read";
}

const char *hub_login_registration(struct hub_directory *directory, const struct hub_connect *in,
                                   struct hub_login *out)
{
    struct hub_dps_user_name name;
    const char *why = NULL;
    char scope[HUB_NAME_SIZE_MAX + 1];
    if (hub_dps_user_name_parse(in->user_name, &name, &why) != OK) {
        return why;
    }
    enum err err = hub_directory_meta(directory, "id_scope", scope, sizeof(scope));
    if (err != OK) {
        return err == ERR_STATE ? hub_directory_fault(directory)
                                : "hub.db does not name the id scope";
    }
    if (!bytes_equal(name.scope, bytes_of(scope, strlen(scope)))) {
        return "user name with another id scope";
    }
    if (!bytes_equal(name.registration_id, in->client_id)) {
        return "client id differs from the registration id in the user name";
    }
    struct hub_login login = {0};
    why = judge_proof(directory, in, &name, &login);
    *out = why == NULL ? login : *out;
    return why;
}
