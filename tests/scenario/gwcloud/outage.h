// SPDX-License-Identifier: Apache-2.0
// The gateway's north whole (journal, uplink, forwarding) in virtual time, against a model of the
// hub and of the way to it. What arrives is judged by world.h: each sample once, duplicates byte
// for byte the same, gap markers for the rest. The hub also counts what it meters, and looks at
// tokens.
#ifndef SCENARIO_OUTAGE_H
#define SCENARIO_OUTAGE_H

#include "apps/gateway/north/forward.h"
#include "tests/scenario/gwcloud/world.h"

enum { OUTAGE_PACKETS_MAX = 64, OUTAGE_TURNS_MAX = 200 };

enum hub_mode {
    HUB_GOOD,
    HUB_AWAY,    // every attempt fails at once
    HUB_REFUSES, // CONNACK 5
    HUB_SILENT,  // packets vanish, either way
    HUB_SLOW,    // a PUBACK every slow_us, one after the other
    HUB_QUOTA,   // closes at a PUBLISH, which it does not take
};

enum packet_kind { CONNECT, CONNACK, SUBSCRIBE, SUBACK, PUBLISH, PUBACK, CLOSED };

struct packet {
    enum packet_kind kind;
    uint64_t at_us;
    uint32_t connection;
    uint32_t token;
    bool is_refusal;
    struct journal_message message;
    uint8_t payload[JOURNAL_PAYLOAD_SIZE_MAX];
    size_t size; // topic and payload
};

struct outage_config {
    struct forward_config forward;
    uint64_t sample_us; // between two samples
    uint64_t slow_us;
};

struct outage {
    struct world world;
    struct uplink up;
    struct forward forward;
    struct outage_config cfg;
    // The way:
    struct packet packets[OUTAGE_PACKETS_MAX]; // in order of sending
    size_t packet_count;
    uint32_t connection; // the gateway's; 0: none
    uint32_t connections;
    uint32_t dead;     // that connection: half open
    uint64_t heard_us; // by the gateway's client: for its keep-alive
    uint64_t steps;    // two for each packet: before it arrives, and after
    uint64_t cut_at_step;
    bool cut_is_silent;
    // The hub:
    enum hub_mode mode;
    uint64_t free_us;                // HUB_SLOW: the next PUBACK may leave then
    int64_t true_ms;                 // UTC at now_us = 0
    bool has_clock;                  // the gateway knows the time
    uint32_t day, units, units_most; // metered today, and on the worst day
    uint32_t attempts;
    uint64_t alerts_stored;
    // How often the gateway woke for nothing but its own deadlines, and attempts, ever.
    uint64_t timer_turns;
    uint64_t sample_due_us;
};

void outage_init(struct outage *o, uint64_t seed, const struct outage_config *cfg);
void outage_deinit(struct outage *o);
// The journal's configuration may be changed in between.
void outage_start(struct outage *o, bool is_new_boot);
void outage_power_up(struct outage *o); // after a power cut; half a minute has passed
void outage_set_mode(struct outage *o, enum hub_mode mode);
// The gateway's clock is set to the true time plus so much.
void outage_set_clock(struct outage *o, int64_t off_ms);

// Runs so long, or until the power fails; false if it did.
bool outage_run(struct outage *o, uint64_t for_us);
// Until everything has arrived; at most so long, power cuts mended.
void outage_settle(struct outage *o, uint64_t at_most_us);
// The newest sample that the hub has is not older than this.
uint64_t outage_staleness_us(const struct outage *o);
// The same after every second of a minute: how soon it was below max_us; TIME_NEVER: not at all.
uint64_t outage_resumes_us(struct outage *o, uint64_t max_us);

#endif
