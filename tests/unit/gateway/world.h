// SPDX-License-Identifier: Apache-2.0
// The gateway's machine on a scripted bus in virtual time: real poller, sampler and Modbus client;
// a bus of a few lines answers.
#ifndef TESTS_GATEWAY_WORLD_H
#define TESTS_GATEWAY_WORLD_H

#include "apps/gateway/app.h"
#include "tests/unit/gateway/fixture.h"

enum {
    WIRE_US = 20000,
    REST_US = 500000,
    REGISTERS = 400,
    UNITS = 8,
    QUEUE = 16,
    SAMPLES_MAX = 90000
};

struct world {
    struct fixture f;
    struct app app;
    struct id_map ids;
    uint64_t now_us;
    struct line_send queue[QUEUE];
    size_t queued;
    size_t queued_max;
    uint64_t busy_until_us; // of queue[0]
    bool is_held;           // by a barrier
    uint32_t cancels[QUEUE];
    size_t cancel_count;
    uint64_t rest_until_us[UNITS]; // by unit: none is asked before
    uint16_t registers[REGISTERS];
    bool is_dead[UNITS];             // by unit
    enum line_outcome faults[UNITS]; // what the line says of its replies, if not LINE_REPLY
    uint8_t damage_index, damage;    // of each reply: flips bits of this byte
    enum poll_failure why;           // of the last one that was suspended
    bool is_tardy;                   // replies begin later, and end when they did
    uint32_t late_us;      // every reply comes later by this, as the unit made it up before
    uint32_t illegal;      // register that units refuse; 0: none
    uint32_t illegal_last; // all from there to this one; 0: only that one
    uint32_t illegal_us;   // so long before they refuse
    uint8_t illegal_says;  // with this exception; 0: illegal address
    uint32_t late_until;   // requests that get their reply after the time-out
    uint32_t noises;       // so many requests more are answered by noise, and a reply that is late
    uint32_t asked[UNITS]; // requests per unit
    uint64_t last_asked_us;
    uint64_t dead_us;
    struct bus_figures figures; // what the bus tells of itself
    struct tm_sample samples[SAMPLES_MAX];
    size_t sample_count;
    struct tm_sample diagnostics[SAMPLES_MAX];
    size_t diagnostic_count;
    size_t alerts;
    int beyond; // of the last point that said so
    size_t asked_for_figures;
    // Whoever asks between the polls: gets the answers, and a turn before each frame.
    void (*on_answer)(void *ctx, uint32_t bus, const struct foreign_answer *answer);
    uint64_t (*on_turn)(void *ctx); // its next deadline
    void *ctx;
    uint16_t stuck;    // register that keeps its value whatever is written; 0: none
    bool is_forgetful; // units carry out a write of registers but do not answer it
    uint32_t writes;
    uint32_t write_timeout_us; // that the last write of registers was given
    uint8_t unreachable;       // unit for which a gateway on the way answers; 0: none
    uint32_t unreachable_us;   // how long that gateway waits before it says so
    size_t suspended, online, cuts;
};

void open_world(struct world *w, const char *config, const char *profile);
void close_world(struct world *w);
void run_until(struct world *w, uint64_t end_us);
void bus_state(struct world *w, enum bus_event_kind kind);
// How the catalogue describes a point.
const struct tm_point *described(const struct world *w, uint32_t id);

#define BUS_CONFIG(devices)                                                                        \
    "{\"gateway\":{\"id\":\"g\",\"data_dir\":\"/d\"},\"buses\":[{\"name\":\"b\",\"port\":"         \
    "\"tty:/dev/x\",\"reply_timeout_ms\":500,\"devices\":[" devices "]}]}"
#define DEVICE(name, unit) "{\"name\":\"" name "\",\"unit\":" unit ",\"profile\":\"p\"}"
#define PLAIN(points)                                                                              \
    "{\"name\":\"p\",\"groups\":[{\"name\":\"g\",\"interval_ms\":1000}],\"points\":[" points "]}"

#endif
