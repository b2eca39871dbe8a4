// SPDX-License-Identifier: Apache-2.0
// The whole way in virtual time: gateway's session, mailbox, the core's application, transceiver,
// line, one device that answers for many units. Either side may restart at any moment; the line is
// judged by its own log.
#ifndef TESTS_SCENARIO_RT_WORLD_H
#define TESTS_SCENARIO_RT_WORLD_H

#include "apps/rt/rt.h"
#include "intercore/host_session.h"
#include "sim/judge.h"
#include "sim/transceiver.h"

#define WORLD_MAILBOX 8 // messages that one direction holds
#define WORLD_DONES   4096
#define UNIT_SILENT   200 // units from here on never answer

struct world_mailbox {
    struct {
        uint64_t at_us;
        size_t size;
        uint8_t data[MAILBOX_MESSAGE_MAX];
    } items[WORLD_MAILBOX]; // ring
    size_t first, count;
    size_t capacity; // 0: nobody reads it
    uint32_t passed;
};

struct world_cfg {
    uint32_t baud;
    enum serial_parity parity;
    uint8_t guard_bits8, lead_bits8;
    bool echo, listen_only, silence_in_chars;
    uint32_t reply_us;   // the device's time
    uint32_t latency_us; // of a message, 1/4 to all of it
    int32_t host_ppm;    // the host's clock runs faster
    uint64_t host_offset_us;
    uint64_t seed;
};

struct world_done {
    struct ic_done done;
    uint32_t error_us;
    uint8_t reply[IC_FRAME_MAX];
};

struct world {
    struct world_cfg cfg;
    uint64_t now_us; // true time, which is the core's
    uint64_t random;
    struct sim_line line;
    struct sim_transceiver transceiver;
    struct judge judge;
    struct rt rt;
    bool is_core_on;
    uint32_t core_boots;
    struct ic_host host;
    bool is_host_on;
    uint32_t host_boots;
    struct world_mailbox to_core, to_host;
    uint8_t waiting[MAILBOX_MESSAGE_MAX]; // of the host, until its mailbox has room
    size_t waiting_size;
    // The device:
    uint8_t frame[IC_FRAME_MAX];
    size_t frame_size;
    uint64_t frame_end_us;
    uint64_t reply_us; // when it answers; TIME_NEVER: it does not
    // What the host was told:
    uint32_t ups, downs, logs, sniffed, stats;
    enum ic_trouble trouble;
    struct world_done *dones;
    size_t done_count;
    uint32_t frames_bad; // frames on the wire that were cut short
    struct ic_log last_log;
    enum core_light light;
    uint32_t lose_ppm; // knob: messages that the mailboxes lose
    uint64_t waits;    // mailbox_send() that found no room
};

void world_init(struct world *world, const struct world_cfg *cfg);
void world_deinit(struct world *world);
uint64_t world_host_us(const struct world *world, uint64_t true_us);
// The core loses power and starts again; nothing of it survives but what is on the wire.
void world_core_restart(struct world *world);
void world_host_restart(struct world *world);
// SENDs a frame of `size` bytes to the unit, which answers with reply_size bytes.
NODISCARD enum err world_send(struct world *world, uint32_t token, uint8_t unit, uint8_t size,
                              uint8_t reply_size);
NODISCARD enum err world_send_as(struct world *world, struct ic_send *send, uint8_t unit,
                                 uint8_t size, uint8_t reply_size);
void world_run(struct world *world, uint64_t for_us);
// Runs until the line stands, 10 s at most.
bool world_run_up(struct world *world);
// Runs until that many DONEs came, 60 s at most.
bool world_run_dones(struct world *world, size_t count);

#endif
