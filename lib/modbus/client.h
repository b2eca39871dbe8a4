// SPDX-License-Identifier: Apache-2.0
// The client: requests in, frames for the line out, the line's outcomes in, answers out. It
// keeps several frames queued at the line, retries, and never takes a late reply for the next one:
// after a time-out the unit rests until its longest plausible reply time is over and the line was
// quiet. RTU bytes cannot tell whose reply they are; time can.
//
//   waiting --unit free--> sent --reply or exception--> answered
//      ^                    | time-out, noise: the unit rests
//      +----- retries left -+------ no retries left ----> failed
//
// A unit that answers may have several frames at the line, each a barrier: when one fails, the line
// holds, those behind it to that unit are cancelled and the line goes on. One that was on its way
// all the same (the line takes any bytes for a reply) is in doubt: whatever comes for it is
// dropped.
#ifndef MB_CLIENT_H
#define MB_CLIENT_H

#include "base/time.h"
#include "modbus/rtu.h"

#define MB_CLIENT_QUIET_US 1750
#define MB_CLIENT_SLOTS    16 // requests accepted and not yet answered
#define MB_CLIENT_RESTS    16 // units that may rest at one time; then the whole bus rests

struct mb_client_config {
    uint32_t reply_timeout_us; // 0 = 500 ms
    uint32_t turnaround_us;    // after a broadcast; 0 = 100 ms [SL 2.4.1]
    uint32_t late_us;          // a reply may still come this long after its time-out; 0 = 1 s
    uint32_t quiet_us;         // the line must then have been quiet this long; 0 = 1.75 ms
    uint8_t retry_max;         // tries after the first
};

// A question for the client.
struct mb_ask {
    uint32_t tag;                     // the caller's, comes back in the answer
    uint8_t unit;                     // 0 broadcasts
    const struct mb_request *request; // borrowed for the call
    uint32_t reply_timeout_us;        // 0 = the client's
    bool is_trusted; // the unit answers of late: others of its frames may queue behind this one
};

// A frame for the line.
struct mb_client_send {
    uint32_t token;
    struct bytes frame; // borrowed until the next call of any function
    bool is_broadcast;  // no reply comes
    bool is_barrier;    // if no reply comes the line holds until mb_client_resume()
    uint32_t reply_timeout_us;
    uint32_t turnaround_us;
    size_t reply_size; // hints of rtu.h; 0 unknown
};

enum mb_line_outcome { // what became of a frame at the line
    MB_LINE_REPLY,     // bytes came
    MB_LINE_SENT,      // a broadcast went out
    MB_LINE_TIMEOUT,
    MB_LINE_NOISE,     // bytes that broke t1.5, parity or length; a collision
    MB_LINE_BUSY,      // never sent: the line was never quiet
    MB_LINE_CANCELLED, // before it was sent
    MB_LINE_LOST,      // never sent: the port is gone
};

struct mb_line_done {
    uint32_t token;
    enum mb_line_outcome outcome;
    bool is_held;       // a barrier: the line waits for mb_client_resume()
    uint64_t at_us;     // when it ended: the last byte, or the time-out
    struct bytes reply; // the raw frame
};

enum mb_answer_kind {
    MB_ANSWER_REPLY,     // also an exception: see reply.exception
    MB_ANSWER_SENT,      // broadcast
    MB_ANSWER_TIMEOUT,   // the last try got nothing
    MB_ANSWER_BAD,       // the last try got bytes that are no answer
    MB_ANSWER_BUSY,      // the last try could not be sent: it says nothing of the unit
    MB_ANSWER_LOST,      // the port is gone
    MB_ANSWER_WITHDRAWN, // one ahead of it failed: it says nothing of the unit; ask again
};

struct mb_answer {
    uint32_t tag;
    uint8_t unit;
    enum mb_answer_kind kind;
    uint8_t tries;
    struct mb_reply reply; // MB_ANSWER_REPLY; borrows until the next call of any function
};

struct mb_client_stats {
    uint32_t requests, replies, exceptions, timeouts, bad, busy, retries;
    uint32_t rests;      // times a unit had to rest
    uint32_t late_units; // replies from a unit other than the one asked, dropped
    uint32_t withdrawn;  // cancelled or in doubt after a failure ahead of them
};

struct mb_client_slot { // private
    enum { MB_SLOT_FREE, MB_SLOT_WAITING, MB_SLOT_SENT, MB_SLOT_ANSWERED } state;
    uint32_t tag, token, timeout_us;
    uint8_t unit, tries;
    enum mb_answer_kind answer;
    bool is_silent;                // no reply comes: broadcast or listen-only
    bool is_trusted;               // others may follow while it is at the line
    bool is_doubtful, must_cancel; // one ahead of it failed
    size_t frame_size, reply_size, reply_hint;
    uint64_t order;
    uint8_t frame[MB_RTU_SIZE_MAX], reply[MB_RTU_SIZE_MAX];
};

struct mb_client_rest { // private: no request to this unit before until_us
    uint8_t unit;       // 0: free
    uint64_t until_us;
};

struct mb_client {
    struct mb_client_config config;
    struct mb_client_stats stats;
    struct mb_client_slot slots[MB_CLIENT_SLOTS];
    struct mb_client_rest rests[MB_CLIENT_RESTS];
    struct mb_request scratch;
    uint64_t bus_rest_us;   // nobody before this: more units rest than fit
    uint64_t last_heard_us; // last byte on the line
    uint64_t order;
    uint32_t token;
    bool must_resume;
};

void mb_client_init(struct mb_client *client, const struct mb_client_config *config);
// ERR_FULL: all slots taken; ERR_ARG: out of bounds, a broadcast of a read, a unit above 247.
NODISCARD enum err mb_client_ask(struct mb_client *client, const struct mb_ask *ask);
// Gives up the request of that tag. True: it was not at the line and is gone, no answer comes.
// False: it is at the line and will be cancelled there; its answer, whichever, still comes.
bool mb_client_forget(struct mb_client *client, uint32_t tag);
// How many units rest, until when the first. Beyond MB_CLIENT_RESTS the whole bus would.
uint32_t mb_client_resting(const struct mb_client *client, uint64_t now_us, uint64_t *until_us);
void mb_client_done(struct mb_client *client, const struct mb_line_done *done);
// Bytes nobody asked for were heard: units that rest wait for quiet again.
void mb_client_heard(struct mb_client *client, uint64_t at_us);
// The next frame to cancel at the line, false when there is none. To be drained after each done,
// and before mb_client_resume().
bool mb_client_cancel(struct mb_client *client, uint32_t *token);
// True once when the line, which a barrier holds, may go on.
bool mb_client_resume(struct mb_client *client);
// When a request that waits for its unit may go; call mb_client_send() then.
uint64_t mb_client_deadline_us(const struct mb_client *client);
// The next frame to hand to the line, false when none may go now.
bool mb_client_send(struct mb_client *client, uint64_t now_us, struct mb_client_send *out);
// The next answer, false when there is none.
bool mb_client_answer(struct mb_client *client, struct mb_answer *out);

#endif
