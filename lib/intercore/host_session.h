// SPDX-License-Identifier: Apache-2.0
// The gateway's end of the talk with a core: handshake, line set-up, credits, keep-alive, clocks,
// figures. Each of its sessions has a boot id of its own, so that nothing of an earlier one counts.
//
//   OFF --link up--> HELLO --answer--> SETUP --line stands, clocks known--> UP
//   any --link down--> OFF          any --core restarted, silent or out of step--> HELLO
//
// Leaving UP ends every SEND as IC_PORT_LOST. Give one input, then drain ic_host_next(), then
// ic_host_message_next().
#ifndef INTERCORE_HOST_SESSION_H
#define INTERCORE_HOST_SESSION_H

#include "intercore/clock_map.h"
#include "intercore/message.h"

#define IC_HELLO_AGAIN_US (500 * US_PER_MS) // a mailbox may lose what it held
#define IC_NO_ANSWER_US   (2 * US_PER_S)    // until the trouble is told
#define IC_SETUP_AGAIN_US (2 * US_PER_S)
#define IC_SETUP_RETRY_US (5 * US_PER_S) // after a refusal
#define IC_SYNC_US        (2 * US_PER_S)
#define IC_CORE_SILENT_US (7 * US_PER_S) // three questions without an answer
#define IC_OVERDUE_US     (10 * US_PER_S)
#define IC_SYNCS_FOR_UP   4
#define IC_SYNCS_QUICK    16

enum { IC_OUTCOME_REPLY = 0, IC_OUTCOME_CANCELLED = 7, IC_OUTCOME_PORT_LOST = 8 };

enum ic_host_state { IC_HOST_OFF, IC_HOST_HELLO, IC_HOST_SETUP, IC_HOST_UP };

// Why the line is not up.
enum ic_trouble {
    IC_TROUBLE_NONE,
    IC_TROUBLE_LINK,      // the way to the core is gone
    IC_TROUBLE_NO_ANSWER, // the core does not answer HELLO
    IC_TROUBLE_VERSION,   // no version in common: .core_hello says which it speaks
    IC_TROUBLE_SETUP,     // LINE_SETUP refused: .line_state says why
    IC_TROUBLE_SILENT,    // the core answers no more
    IC_TROUBLE_RESTART,   // the core started anew: .core_hello.crash says what of
    IC_TROUBLE_GAP,       // a message was lost
    IC_TROUBLE_OVERDUE,   // a SEND got no DONE
    IC_TROUBLE_NONSENSE,  // its messages or clock cannot be true
};

enum ic_host_out_kind {
    IC_HOST_OUT_DONE,    // .done, times on the host's clock, off by .error_us at most
    IC_HOST_OUT_UP,      // the line stands
    IC_HOST_OUT_DOWN,    // .trouble
    IC_HOST_OUT_LOG,     // .logs
    IC_HOST_OUT_SNIFFED, // .sniffed, time on the host's clock
    IC_HOST_OUT_STATS,   // .stats is new
};

struct ic_host_out {
    enum ic_host_out_kind kind;
    enum ic_trouble trouble;
    uint32_t error_us;
    struct ic_done done; // what it borrows holds until the next input
    struct ic_logs logs;
    struct ic_sniffed sniffed;
};

enum ic_host_slot_state { IC_SLOT_FREE, IC_SLOT_WAITS, IC_SLOT_OUT, IC_SLOT_ENDED };

struct ic_host_slot {
    enum ic_host_slot_state state;
    uint8_t outcome; // ENDED: without the line
    bool cancel_due;
    uint32_t order;
    uint64_t overdue_us; // OUT: when a DONE must have come if this is the first
    struct ic_send send;
    uint8_t frame[IC_FRAME_MAX];
};

struct ic_host_cfg {
    struct ic_line_setup setup; // id is ours
    uint32_t seed;              // of boot ids; differs from start to start
    const char *name;           // of the gateway's software, for HELLO; borrowed
};

struct ic_host {
    // Public to read:
    enum ic_host_state state;
    enum ic_trouble trouble;
    struct ic_hello core_hello; // of the core last heard; .firmware is empty
    uint32_t core_boot_id;      // 0: not linked
    char firmware[IC_TEXT_MAX + 1];
    struct ic_line_state line_state;
    struct ic_clock clock;
    struct ic_stats stats;
    bool stats_known;
    uint32_t sessions, bad, refused; // begun; messages dropped; REFUSED received
    uint32_t waits_max;              // most SENDs the core had at one time
    // Private:
    struct ic_host_cfg cfg;
    uint32_t boot_id, order;
    uint16_t sequence_in, sequence_out;
    uint64_t heard_us, hello_us, setup_us, sync_us, stats_us, began_us;
    bool sync_asked, resume_due, held, told_down, told_up;
    bool done_due, logs_due, sniffed_due, stats_due;
    struct ic_host_out out;
    struct ic_host_slot slots[IC_QUEUE_MAX];
};

void ic_host_init(struct ic_host *host, const struct ic_host_cfg *cfg);
// The way to the core is there, or gone.
void ic_host_link(struct ic_host *host, uint64_t now_us, bool up);
// now_us is read after the message was received.
void ic_host_message(struct ic_host *host, uint64_t now_us, struct bytes in);
// Copied. ERR_FULL: IC_QUEUE_MAX are not DONE. ERR_SIZE. Unless UP it ends at once as lost.
NODISCARD enum err ic_host_send(struct ic_host *host, const struct ic_send *send);
void ic_host_cancel(struct ic_host *host, uint32_t token);
void ic_host_resume(struct ic_host *host);
// When to call ic_host_tick() and ask for a message; can_send false: the link has no room for one.
uint64_t ic_host_deadline_us(const struct ic_host *host, bool can_send);
void ic_host_tick(struct ic_host *host, uint64_t now_us);
bool ic_host_next(struct ic_host *host, struct ic_host_out *out);
// The next message for the core; false: none. now_us is read before it is sent. It counts as sent:
// the caller keeps it until the link takes it, and asks for no other meanwhile.
bool ic_host_message_next(struct ic_host *host, uint64_t now_us, struct writer *out);

#endif
