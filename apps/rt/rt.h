// SPDX-License-Identifier: Apache-2.0
// The application of the real-time core: SENDs of the gateway onto the line, DONEs with the core's
// stamps back. Pure: main_<place>.c gives it messages, events of the transceiver and the time, and
// does what it asks. Knows no protocol but lib/intercore.
//
// One turn of the loop:
//
//     while (mailbox_receive(...) == OK)  hear(), rt_message(rt, now_us, message); drain rt_next()
//     hear(), rt_tick(rt, now_us); drain rt_next()
//     core_wait(rt_deadline_us(rt))
//     hear(): now_us = port_now_us()      before the events: a byte that comes meanwhile, or while
//     a
//             while (transceiver_next(&event))  rt_event(rt, &event)     message was copied, is not
//                                                                        taken for silence
//
// A message that the mailbox refuses stays here and the next frame waits for it, so that memory is
// bounded and no DONE is lost while the partner lives.
#ifndef RT_RT_H
#define RT_RT_H

#include "apps/rt/figures.h"
#include "intercore/core_session.h"
#include "line/line.h"
#include "port/api/core.h"
#include "port/api/mailbox.h"
#include "port/api/transceiver.h"

struct rt_cfg {
    uint32_t boot_id;        // core_boot_id()
    const char *firmware;    // version text, borrowed for good
    struct core_crash crash; // core_take_crash()
    uint16_t message_max;    // what the mailbox takes; 0: MAILBOX_MESSAGE_MAX
};

enum rt_out_kind {
    RT_OUT_SETUP,   // transceiver_setup(&.setup, &timing), then rt_setup_done() with both
    RT_OUT_DRIVE,   // transceiver_drive()
    RT_OUT_SEND,    // transceiver_send(.bytes); an error needs no answer: the frame times out
    RT_OUT_RELEASE, // transceiver_release()
    RT_OUT_MESSAGE, // mailbox_send(.bytes), then rt_mailbox() with its result
    RT_OUT_LIGHT,   // core_light(.light)
};

struct rt_out {
    enum rt_out_kind kind;
    struct bytes bytes; // borrowed until the next call
    struct transceiver_cfg setup;
    enum core_light light; // red: no partner, blue: no line, green: at work
};

enum rt_line_state {
    RT_LINE_NONE,   // never set up in this session
    RT_LINE_ENDING, // what is on the line comes to its end
    RT_LINE_ASKED,  // RT_OUT_SETUP is due or out
    RT_LINE_READY,
};

struct rt {
    // Public to read:
    struct line line;
    struct ic_core core;
    struct rt_figures figures;
    enum rt_line_state line_state;
    // Private:
    uint64_t now_us; // of the last input
    struct ic_line_setup setup;
    struct ic_line_state state;
    bool has_setup;   // .setup is to be done, or done
    bool setup_due;   // as RT_OUT_SETUP
    bool state_due;   // as LINE_STATE
    bool stats_due;   // as STATS
    bool release_due; // as RT_OUT_RELEASE
    bool discard;     // the line ends what an earlier session asked for
    bool driving;     // until the transceiver says that it let go
    uint32_t session; // that the line works for
    uint32_t hold_ns; // of the frame on the line
    uint16_t sending_size;
    uint64_t end_us;   // ENDING: until then at the latest
    uint64_t stuck_us; // when a frame that is not over is given up
    enum core_light light;
    struct rt_log log;
    uint64_t full_since_us; // the mailbox has had no room since; TIME_NEVER: it has
    bool message_waits;     // until the next tick
    uint16_t message_size;  // 0: none
    uint8_t message[IC_CORE_MESSAGE_MAX];
};

void rt_init(struct rt *rt, uint64_t now_us, const struct rt_cfg *cfg);

// A message from the mailbox. now_us is read after it was received, and what the line said before
// now_us is told first.
void rt_message(struct rt *rt, uint64_t now_us, struct bytes message);
// An event of the transceiver, in their order.
void rt_event(struct rt *rt, const struct transceiver_event *event);
// What became of RT_OUT_SETUP, before any other input; timing only counts if OK.
void rt_setup_done(struct rt *rt, uint64_t now_us, enum err err,
                   const struct transceiver_timing *timing);
// What became of RT_OUT_MESSAGE. ERR_AGAIN: it comes again after the next rt_tick().
void rt_mailbox(struct rt *rt, enum err err);

// When rt_tick() must be called next, at the latest.
uint64_t rt_deadline_us(const struct rt *rt);
void rt_tick(struct rt *rt, uint64_t now_us);
// Drains what is to be done, in its order; false: nothing.
bool rt_next(struct rt *rt, struct rt_out *out);

#endif
