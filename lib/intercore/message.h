// SPDX-License-Identifier: Apache-2.0
// The messages between a real-time core and the gateway, byte by byte in
// docs/protocol/intercore.md. A decoded message borrows frames and texts from the bytes it came in.
#ifndef INTERCORE_MESSAGE_H
#define INTERCORE_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "intercore/intercore_limits.h"
#include "intercore/line_messages.h"
#include "intercore/log_events.h"

enum ic_kind {
    IC_HELLO = 1,  // both ways
    IC_LINE_SETUP, // host to core
    IC_LINE_STATE, // core to host
    IC_SEND,       // host to core
    IC_CANCEL,     // host to core: token
    IC_RESUME,     // host to core
    IC_DONE,       // core to host
    IC_SYNC_ASK,   // host to core
    IC_SYNC,       // core to host
    IC_STATS_ASK,  // host to core
    IC_STATS,      // core to host
    IC_SNIFFED,    // core to host, listen only
    IC_LOG,        // core to host
    IC_REFUSED,    // both ways; never answered
};
#define IC_KIND_COUNT 15

struct ic_head {
    uint8_t version;
    uint8_t kind;      // enum ic_kind, or unknown
    uint16_t sequence; // of the sender since its HELLO, which is 0
    uint32_t from;     // boot id of the sender; never 0
    uint32_t to;       // boot id of the receiver; 0: unknown, HELLO only
};

enum ic_hello_reason {
    IC_HELLO_START,  // the sender wants to begin
    IC_HELLO_ANSWER, // to a START
    IC_HELLO_STALE,  // a message came that was for another boot or session
    IC_HELLO_GAP,    // a message of this session was lost
};

enum ic_end { IC_END_NONE, IC_END_ASSERT, IC_END_FAULT, IC_END_WATCHDOG };

// Of a fault, in the order in which HELLO has them.
enum ic_register { IC_R0, IC_R1, IC_R2, IC_R3, IC_R12, IC_LR, IC_PC, IC_PSR };

struct ic_crash {
    uint8_t end;                      // enum ic_end, of the boot before this one
    uint32_t line;                    // ASSERT
    char file[IC_FILE_MAX];           // ASSERT; 0-terminated unless full
    uint32_t registers[IC_REGISTERS]; // FAULT: by enum ic_register
    uint32_t cfsr, hfsr, address;     // FAULT
    uint32_t count;                   // since power came
};

struct ic_hello {
    uint8_t version_min, version_max; // that the sender speaks
    uint8_t reason;                   // enum ic_hello_reason
    uint8_t queue_length;             // of a core: SENDs it lets in; of a host: 0
    uint16_t message_max;             // bytes that the sender can receive
    struct ic_crash crash;            // of a core
    struct bytes firmware;            // version text, up to IC_TEXT_MAX bytes
};

struct ic_logs {
    uint32_t dropped; // since the last LOG
    struct bytes records;
};

enum ic_refusal {
    IC_REFUSED_VERSION = 1,
    IC_REFUSED_KIND,
    IC_REFUSED_MALFORMED,
    IC_REFUSED_FULL,  // a SEND beyond the credits
    IC_REFUSED_STATE, // a SEND on a line that only listens, or before LINE_SETUP
};

struct ic_refused {
    uint8_t reason; // enum ic_refusal
    uint8_t kind;   // of what was refused
    uint8_t version;
    uint32_t detail; // SEND: its token
};

struct ic_message {
    struct ic_head head;
    union {
        struct ic_hello hello;
        struct ic_line_setup line_setup;
        struct ic_line_state line_state;
        struct ic_send send;
        uint32_t cancel; // token
        struct ic_done done;
        struct ic_sync sync;
        struct ic_stats stats;
        struct ic_sniffed sniffed;
        struct ic_logs logs;
        struct ic_refused refused;
    } u;
};

// The one place where bytes become a message. ERR_UNSUPPORTED: version or kind unknown, out->head
// is filled. ERR_CORRUPT: no head, or out->head is filled and the rest breaks its form.
NODISCARD enum err ic_decode(struct bytes in, struct ic_message *out);
// ERR_SIZE: does not fit, or a field is outside its range. Version and size are filled in.
NODISCARD enum err ic_encode(const struct ic_message *message, struct writer *out);

// Record i of logs; i below ic_log_count().
uint32_t ic_log_count(const struct ic_logs *logs);
struct ic_log ic_log_at(const struct ic_logs *logs, uint32_t i);
void ic_log_put(const struct ic_log *log, struct writer *out);

// Static storage, such as "send"; "unknown".
const char *ic_kind_name(uint8_t kind);

#endif
