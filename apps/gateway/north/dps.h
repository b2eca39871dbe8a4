// SPDX-License-Identifier: Apache-2.0
// Asks the Device Provisioning Service which hub we belong to. A pure machine; the MQTT client
// carries out its outputs and reports back.
//
//   IDLE -dps_start-> CONNECTING -CONNACK-> SUBSCRIBING -SUBACK-> ASKING -202-> RESTING
//                         ^                                         ^  | 200     | retry-after over
//                         |                                         +--|---------+
//   any failure -> BACKING_OFF (told by DPS_OUT_FAILED) -over-> ...    +-> DPS_OUT_ASSIGNED, IDLE
//
// It never gives up: what only a person can mend (a wrong key, a disabled enrolment) is asked again
// too, but rarely, so that nobody has to go to the box once it is mended.
#ifndef GATEWAY_DPS_H
#define GATEWAY_DPS_H

#include "apps/gateway/north/sas.h"
#include "azure/topic.h"
#include "base/time.h"

enum {
    DPS_USER_SIZE_MAX = 512,
    DPS_BODY_SIZE_MAX = 2048,
    DPS_OPERATION_ID_SIZE_MAX = 256,
    DPS_PAYLOAD_SIZE_MAX = 1024,
    DPS_REASON_SIZE_MAX = 160,
};

struct dps_config {
    const char *id_scope;        // all borrowed
    const char *registration_id; // client id, too; with a certificate its common name
    const struct sas_key *key;   // NULL: the certificate counts
    const char *payload;         // JSON for the service's allocation; NULL or "": none
    uint32_t answer_timeout_ms;  // of each step; default 30,000
    uint32_t life_ms;            // of one attempt, polls included; default 600,000
    uint64_t seed;               // of the jitter
};

enum dps_state {
    DPS_IDLE,
    DPS_CONNECTING,
    DPS_SUBSCRIBING,
    DPS_ASKING,  // an answer is due
    DPS_RESTING, // until the next poll
    DPS_BACKING_OFF,
};

enum dps_failure {
    DPS_UNREACHABLE, // no connection, no answer, it ended
    DPS_DENIED,      // the credentials, or the registration is unknown
    DPS_THROTTLED,   // 429
    DPS_UNWELL,      // 5xx, or an answer that makes no sense
    DPS_DISABLED,    // the enrolment is
    DPS_UNASSIGNED,  // no hub for us (yet)
    DPS_FAILED,      // the service tried and failed
};

enum dps_out_kind {
    DPS_OUT_CONNECT,   // user, password; clean session, client id = registration id
    DPS_OUT_SUBSCRIBE, // filter
    DPS_OUT_PUBLISH,   // topic, body; QoS 1
    DPS_OUT_DISCONNECT,
    DPS_OUT_ASSIGNED, // host, device; the connection is over
    DPS_OUT_FAILED,   // failure, reason; asks again by itself at until_us
};

// Pointers are valid until the next call.
struct dps_out {
    enum dps_out_kind kind;
    const char *user;
    const char *password; // NULL: none
    const char *filter;
    struct az_topic topic;
    struct bytes body;
    const char *host;
    const char *device;
    enum dps_failure failure;
    const char *reason; // for people
};

struct dps {
    // Public to read:
    enum dps_state state;
    uint64_t until_us; // of every state but IDLE
    uint32_t failures; // in a row
    // Private:
    struct dps_config cfg;
    uint64_t random;
    uint64_t give_up_us; // of this attempt
    bool has_clock;
    int64_t utc_offset_ms; // utc_ms - now_us / 1000
    bool must_connect, must_subscribe, must_publish, must_disconnect, must_tell;
    bool is_assigned;
    bool is_polling; // an operation id is known
    uint32_t rid;
    uint32_t retry_after_s;
    enum dps_failure failure;
    char rid_text[12];
    char operation_id[DPS_OPERATION_ID_SIZE_MAX];
    char host[SAS_NAME_SIZE_MAX];
    char device[SAS_NAME_SIZE_MAX];
    char reason[DPS_REASON_SIZE_MAX];
    char user[DPS_USER_SIZE_MAX];
    char password[SAS_TOKEN_SIZE_MAX];
    char body[DPS_BODY_SIZE_MAX];
    size_t body_size;
};

// ERR_ARG: a name is empty or does not fit, or the payload is no JSON.
NODISCARD enum err dps_init(struct dps *dps, const struct dps_config *cfg);
// Tokens can be made. Without a clock nothing starts that needs one.
void dps_set_clock(struct dps *dps, uint64_t now_us, struct wall_time utc);
// From IDLE; no effect else.
void dps_start(struct dps *dps, uint64_t now_us);
// Back to IDLE, from any state; an attempt that runs is given up, and nothing is told of it.
void dps_stop(struct dps *dps);

void dps_connected(struct dps *dps, uint64_t now_us);
void dps_subscribed(struct dps *dps, uint64_t now_us, uint32_t refused_mask);
// reason: for people, borrowed for the call.
void dps_lost(struct dps *dps, uint64_t now_us, bool is_refusal, const char *reason);
void dps_message(struct dps *dps, uint64_t now_us, struct bytes topic, struct bytes body);

uint64_t dps_deadline_us(const struct dps *dps);
void dps_tick(struct dps *dps, uint64_t now_us);
bool dps_next(struct dps *dps, uint64_t now_us, struct dps_out *out);

const char *dps_failure_name(enum dps_failure failure);

#endif
