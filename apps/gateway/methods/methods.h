// SPDX-License-Identifier: Apache-2.0
// Direct methods: a call of the hub in, its answer out. A pure machine. What needs the world goes
// out as work and comes back; requests to units go to the pollers (app_ask) one at a time per bus.
// After each input drain methods_next; answers wait in methods_take_answer until they can leave.
//   FREE --call--> WAITING --bus free--> ASKED --answer--> (WAITING again, or) DONE --> FREE
//           +----> WORKING --methods_worked--------------------------------------^
// When its time is over a call is answered with 504, wherever it is.
#ifndef GATEWAY_METHODS_H
#define GATEWAY_METHODS_H

#include "apps/gateway/methods/methods_args.h"
#include "apps/gateway/methods/methods_job.h"
#include "apps/gateway/methods/methods_table.h"
#include "apps/gateway/methods/write_policy.h"
#include "azure/topic.h"

enum {
    METHODS_CALLS_MAX = 4,
    METHODS_PAYLOAD_SIZE_MAX = 128 * 1024,
    METHODS_ARGUMENTS_SIZE = 32 * 1024, // of one call's, parsed
    METHODS_BODY_SIZE = 32 * 1024,      // of an answer
    METHODS_PROBLEMS_MAX = 5,           // told of one call's arguments
    METHODS_NOTE_SIZE = 255,
    METHODS_NOTES_MAX = 4,
    METHODS_REPORT_SIZE = 200,
    METHODS_LED_HALF_US = 250000,
    METHODS_LINGER_US = 1500000, // before a restart, for the answer to leave
};

enum methods_status {
    STATUS_OK = 200,
    STATUS_ACCEPTED = 202,
    STATUS_ARGUMENTS = 400,
    STATUS_REFUSED = 403, // by policy
    STATUS_UNKNOWN = 404,
    STATUS_BUSY = 409,
    STATUS_TOO_MANY = 429,
    STATUS_FAILED = 500,
    STATUS_UNIT = 502, // the unit said no, or nonsense
    STATUS_NO_BUS = 503,
    STATUS_TIMEOUT = 504,
};

struct methods_config {
    const struct config *config; // borrowed
    bool has_led;
};

enum call_state { CALL_FREE, CALL_WAITING, CALL_ASKED, CALL_WORKING, CALL_DONE };

struct method_call { // private
    enum call_state state;
    enum method_id id;
    uint64_t order, deadline_us;
    uint8_t rid[AZ_RID_SIZE_MAX];
    size_t rid_size;
    union methods_args args;
    struct write_grant grant; // of a write
    struct method_value value;
    uint32_t bus, tries, status;
    bool is_vain;    // nobody waits for its answer
    bool is_told;    // its work has been given out
    bool is_written; // a write: the read-back is next
    bool is_sure;    // a write: the unit said yes
    struct json_writer body;
};

enum methods_out_kind {
    METHODS_OUT_ASK,     // bus, ask: app_ask(); then methods_refused() if it fails
    METHODS_OUT_DROP,    // bus: app_drop()
    METHODS_OUT_NOTE,    // body: the text of an event
    METHODS_OUT_REPORT,  // body: a patch of the reported properties: how far the job is
    METHODS_OUT_LED,     // is_on, is_over
    METHODS_OUT_LOG,     // number: index in LOG_LEVEL_WORDS
    METHODS_OUT_WORK,    // call, id, args: then methods_worked()
    METHODS_OUT_FIGURES, // bus: then methods_figures()
    METHODS_OUT_RESTART,
};

// Pointers are valid until the next call.
struct methods_out {
    enum methods_out_kind kind;
    struct bytes body;
    uint32_t bus, number, call;
    struct foreign_ask ask;
    bool is_on, is_over; // LED: over is the end of the blinking
    enum method_id id;
    const union methods_args *args;
};

// Borrowed until the next call.
struct methods_answer {
    struct bytes rid, body;
    enum method_id id; // METHOD_COUNT: of no method
    uint32_t status;
};

struct methods_stats {
    uint32_t calls, refused; // any status from 400 on
};

struct methods {
    // Public to read:
    struct methods_stats stats;
    struct methods_job job;
    // Private:
    struct methods_config cfg;
    struct method_call calls[METHODS_CALLS_MAX + 1]; // the last is for refusals alone
    uint8_t *arguments[METHODS_CALLS_MAX + 1];
    char *bodies[METHODS_CALLS_MAX + 1];
    struct config_finding *findings;
    uint32_t owner[CONFIG_BUSES_MAX];    // who has asked there: 0 nobody, else its number + 1
    uint64_t retry_us[CONFIG_BUSES_MAX]; // not asked before: another request is being taken back
    bool must_drop[CONFIG_BUSES_MAX];
    char notes[METHODS_NOTES_MAX][METHODS_NOTE_SIZE];
    size_t note_sizes[METHODS_NOTES_MAX], note_first, note_count; // a ring
    char report[METHODS_REPORT_SIZE];
    uint8_t scratch[MB_PDU_SIZE_MAX]; // what a request carries
    uint64_t order;
    uint64_t led_until_us, led_at_us, log_until_us, restart_us;
    bool is_led_on, must_set_led, must_set_log;
    uint32_t log_level;
};

// ERR_FULL: the arena.
NODISCARD enum err methods_init(struct methods *m, const struct methods_config *cfg,
                                struct arena *arena);
// A call: name and rid as the topic has them, the payload as it came.
void methods_call(struct methods *m, uint64_t now_us, const struct az_topic *topic,
                  struct bytes payload);
// The answer to METHODS_OUT_ASK; or that app_ask() refused it.
void methods_answer(struct methods *m, uint64_t now_us, uint32_t bus,
                    const struct foreign_answer *answer);
void methods_refused(struct methods *m, uint64_t now_us, uint32_t bus, enum err err);
void methods_figures(struct methods *m, uint64_t now_us, const struct bus_figures *figures);
// Work: the place writes the members of the answer's object here, then says the status. With
// must_restart the process begins anew after the answer has left.
struct json_writer *methods_work_body(struct methods *m, uint32_t call);
void methods_worked(struct methods *m, uint64_t now_us, uint32_t call, uint32_t status,
                    bool must_restart);

// The connection is over: nobody waits for the answers of its calls. Writes and jobs go on.
void methods_offline(struct methods *m);
bool methods_take_answer(struct methods *m, struct methods_answer *out);

uint64_t methods_deadline_us(const struct methods *m);
void methods_tick(struct methods *m, uint64_t now_us);
bool methods_next(struct methods *m, uint64_t now_us, struct methods_out *out);

#endif
