// SPDX-License-Identifier: Apache-2.0
// Who we are towards the hub: when to ask the provisioning service, and which of two certificates
// to show. A pure machine between the uplink, the DPS machine and the files.
//
//   PROVISIONING -assigned-> USING -refused again and again-> PROVISIONING
//                              ^   or away for an hour or two      |
//                              +-- no success, but an assignment --+
//
// An assignment is kept while the service fails: the hub may take us again before the service does.
// A next certificate (files `...next`) is tried before the present one is given up, and adopted
// only once the hub let us in with it. Behind a provisioning service the hub learns of it there: so
// a hub that refuses the next one is a reason to register with it, once.
#ifndef GATEWAY_IDENTITY_H
#define GATEWAY_IDENTITY_H

#include "base/err.h"
#include "base/time.h"

#include <stdbool.h>
#include <stddef.h>

enum identity_slot { IDENTITY_PRESENT, IDENTITY_NEXT };

enum identity_state { IDENTITY_PROVISIONING, IDENTITY_USING };

struct identity_config {
    bool has_provisioning;
    bool is_assigned;     // the hub is known: from the configuration or an earlier registration
    bool has_certificate; // else a key: no next one
    uint64_t seed;        // of the jitter
};

enum identity_out {
    IDENTITY_OUT_PROVISION, // hold the uplink, start the DPS machine
    IDENTITY_OUT_RESUME,    // stop the DPS machine, let the uplink go on as before
    IDENTITY_OUT_RECONNECT, // there is a next certificate to be tried
    IDENTITY_OUT_ADOPT,     // the next certificate's files take the place of the present ones;
                            // identity_set_next(0) once they did
};

struct identity {
    // Public to read:
    enum identity_state state;
    enum identity_slot slot; // of the last attempt
    uint32_t refusals;       // of the present credentials by the hub, in a row
    // Private:
    struct identity_config cfg;
    uint64_t random;
    bool must_provision, must_resume, must_reconnect, must_adopt;
    bool is_online;
    uint64_t next_version; // 0: there is no next certificate
    uint64_t next_us;      // not tried before
    bool is_next_skipped;  // for one attempt
    bool has_next_failed;  // and nobody said no
    bool is_next_registered;
    bool is_next_proven; // the hub accepted it: preferred, whether its files could be moved or not
    bool is_forced_next; // the registration is the next certificate's
    uint64_t provision_us;
    uint64_t away_us;    // the hub is given up for gone then; TIME_NEVER: it was there
    uint32_t provisions; // without success at the hub, in a row
};

void identity_init(struct identity *id, const struct identity_config *cfg, uint64_t now_us);
// What is there as a next pair: 0 none, else something that changes with its content.
void identity_set_next(struct identity *id, uint64_t now_us, uint64_t version);

// An attempt begins, at the hub or the service: with which pair.
enum identity_slot identity_attempt(struct identity *id, uint64_t now_us);
// How it ended at the hub. Accepted: the subscriptions, too.
void identity_accepted(struct identity *id, uint64_t now_us);
void identity_failed(struct identity *id, uint64_t now_us, bool is_refusal);
// And at the service.
void identity_assigned(struct identity *id, uint64_t now_us);
void identity_not_assigned(struct identity *id, uint64_t now_us);

uint64_t identity_deadline_us(const struct identity *id);
void identity_tick(struct identity *id, uint64_t now_us);
bool identity_has_output(const struct identity *id);
bool identity_next(struct identity *id, enum identity_out *out);

#endif
