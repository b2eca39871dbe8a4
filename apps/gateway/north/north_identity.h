// SPDX-License-Identifier: Apache-2.0
// Who the gateway is, wired: keys and certificates, the provisioning service, the hub they lead to.
#ifndef GATEWAY_NORTH_IDENTITY_H
#define GATEWAY_NORTH_IDENTITY_H

#include "apps/gateway/north/dps.h"
#include "apps/gateway/north/expiry.h"
#include "apps/gateway/north/identity.h"
#include "apps/gateway/north/identity_files_linux.h"
#include "port/linux/mqtt.h"
#include "port/linux/worker.h"

struct north;

struct north_identity {
    struct identity machine;
    struct dps dps;
    struct expiry expiry;
    struct sas_identity key; // of the key file; or key.key derived from a group's
    bool has_key;
    struct assignment assignment; // the hub and who we are there
    char ca_file[CREDENTIAL_PATH_MAX];
    struct identity_files files; // the worker's while is_running, but for the present pair
    struct identity_pair next;   // what the last look found
    struct worker *worker;
    bool is_running;
    bool must_store, must_adopt;
    uint64_t adopt_version;
    bool has_connection; // the MQTT client works for the provisioning service
    uint64_t look_us;    // next look at the files
    uint32_t odd_lives;  // of the uplink's figures, told so far
};

// Loads credentials and assignment. What is wrong has been logged.
NODISCARD enum err north_identity_open(struct north *north, uint64_t now_us);
void north_identity_close(struct north *north);

// Whom to connect to and with what, for the uplink's next attempt; but for user and password.
void north_identity_login(struct north *north, uint64_t now_us, struct mqtt_login *out);
// True if the event was the provisioning service's; else it is the uplink's, too.
bool north_identity_event(struct north *north, uint64_t now_us, const struct mqtt_event *event);
void north_identity_online(struct north *north, uint64_t now_us);
void north_identity_set_clock(struct north *north, uint64_t now_us, struct wall_time utc);

// Returns the next deadline.
uint64_t north_identity_turn(struct north *north, uint64_t now_us);

#endif
