// SPDX-License-Identifier: Apache-2.0
// The core's end of the talk with the gateway: who is there, which messages are for this boot and
// this session, keep-alive, clocks. What concerns the line is handed to the application.
//
//   ALONE --HELLO of a host--> LINKED --silent for 10 s, or another HELLO--> ALONE, LINKED
//
// A new session number tells the application to end whatever it did for the last one.
#ifndef INTERCORE_CORE_SESSION_H
#define INTERCORE_CORE_SESSION_H

#include "base/time.h"
#include "intercore/message.h"

#define IC_HOST_SILENT_US (10 * US_PER_S)

struct ic_core_cfg {
    uint32_t boot_id; // 0 is taken as 1
    uint8_t queue_length;
    uint16_t message_max; // bytes the mailbox takes at most; 0: IC_MESSAGE_MAX
    const char *firmware; // version text, borrowed for good
    struct ic_crash crash;
};

struct ic_core {
    // Public to read:
    uint32_t host;    // boot id; 0: nobody is linked
    uint32_t session; // counts up with each HELLO and each loss
    uint32_t bad;     // messages that were not understood or not for us
    bool timed_out;   // the host fell silent: why `session` changed last
    // Private:
    struct ic_core_cfg cfg;
    uint64_t heard_us;
    uint16_t sequence_in;  // the next one expected
    uint16_t sequence_out; // the next one given
    bool hello_due, sync_due, refused_due;
    uint8_t hello_reason;
    uint32_t hello_to;
    struct ic_sync sync;
    struct ic_refused refused;
};

void ic_core_init(struct ic_core *core, const struct ic_core_cfg *cfg);

// now_us is read after the message was taken from the mailbox. True: *out is for the application:
// LINE_SETUP, SEND, CANCEL, RESUME or STATS_ASK of the present session.
bool ic_core_message(struct ic_core *core, uint64_t now_us, struct bytes in,
                     struct ic_message *out);
// The application refuses what it was given.
void ic_core_refuse(struct ic_core *core, const struct ic_refused *refused);
uint64_t ic_core_deadline_us(const struct ic_core *core);
void ic_core_tick(struct ic_core *core, uint64_t now_us);
// The next message of the session itself; false: none. now_us is read before it is sent.
bool ic_core_next(struct ic_core *core, uint64_t now_us, struct writer *out);
// A message of the application, head filled in; only while linked.
void ic_core_encode(struct ic_core *core, struct ic_message *message, struct writer *out);

#endif
