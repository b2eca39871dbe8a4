// SPDX-License-Identifier: Apache-2.0
#include "intercore/host_session.h"

#include <string.h>

#include "base/assert.h"
#include "intercore/host_private.h"

void ic_host_init(struct ic_host *host, const struct ic_host_cfg *cfg)
{
    memset(host, 0, sizeof *host);
    host->cfg = *cfg;
    host->boot_id = cfg->seed;
    ic_clock_init(&host->clock);
}

// Any other number would do; this order visits all of them.
static uint32_t next_boot_id(uint32_t boot_id)
{
    boot_id += UINT32_C(0x9e3779b9);
    return boot_id != 0 ? boot_id : UINT32_C(0x9e3779b9);
}

static void end_sends(struct ic_host *host)
{
    for (size_t i = 0; i < IC_QUEUE_MAX; i++) {
        struct ic_host_slot *slot = &host->slots[i];
        if (slot->state == IC_SLOT_WAITS || slot->state == IC_SLOT_OUT) {
            slot->state = IC_SLOT_ENDED;
            slot->outcome = IC_OUTCOME_PORT_LOST;
        }
    }
}

void ic_host_in_trouble(struct ic_host *host, enum ic_trouble trouble)
{
    host->told_down = host->told_down && host->trouble == trouble;
    host->trouble = trouble;
}

void ic_host_begin(struct ic_host *host, uint64_t now_us, enum ic_trouble trouble)
{
    if (trouble != IC_TROUBLE_NONE) {
        ic_host_in_trouble(host, trouble);
    }
    end_sends(host);
    host->told_up = false;
    host->state = trouble == IC_TROUBLE_LINK ? IC_HOST_OFF : IC_HOST_HELLO;
    host->boot_id = next_boot_id(host->boot_id);
    host->core_boot_id = 0;
    host->sequence_out = 0;
    host->hello_us = now_us;
    host->began_us = now_us;
    host->heard_us = now_us;
    host->setup_us = TIME_NEVER;
    host->sync_us = TIME_NEVER;
    host->stats_us = TIME_NEVER;
    host->sync_asked = false;
    host->resume_due = false;
    host->held = false;
    host->line_state = (struct ic_line_state){.id = 0};
    ic_clock_init(&host->clock);
    host->sessions++;
}

void ic_host_link(struct ic_host *host, uint64_t now_us, bool up)
{
    if (up != (host->state != IC_HOST_OFF)) {
        ic_host_begin(host, now_us, up ? IC_TROUBLE_NONE : IC_TROUBLE_LINK);
    } else if (!up) {
        ic_host_in_trouble(host, IC_TROUBLE_LINK);
    }
}

void ic_host_check_up(struct ic_host *host, uint64_t now_us)
{
    if (host->state == IC_HOST_SETUP && host->line_state.id == host->cfg.setup.id &&
        host->setup_us == TIME_NEVER && host->clock.count >= IC_SYNCS_FOR_UP) {
        host->state = IC_HOST_UP;
        host->trouble = IC_TROUBLE_NONE;
        host->told_down = false;
        host->stats_us = now_us;
    }
}

enum err ic_host_send(struct ic_host *host, const struct ic_send *send)
{
    if (send->frame.size == 0 || send->frame.size > IC_FRAME_MAX) {
        return ERR_SIZE;
    }
    struct ic_host_slot *slot = NULL;
    for (size_t i = 0; i < IC_QUEUE_MAX && slot == NULL; i++) {
        slot = host->slots[i].state == IC_SLOT_FREE ? &host->slots[i] : NULL;
    }
    if (slot == NULL) {
        return ERR_FULL;
    }
    memcpy(slot->frame, send->frame.data, send->frame.size);
    slot->send = *send;
    slot->send.frame.data = slot->frame;
    slot->cancel_due = false;
    slot->order = host->order++;
    slot->overdue_us = TIME_NEVER;
    slot->state = host->state == IC_HOST_UP ? IC_SLOT_WAITS : IC_SLOT_ENDED;
    slot->outcome = IC_OUTCOME_PORT_LOST;
    return OK;
}

void ic_host_cancel(struct ic_host *host, uint32_t token)
{
    for (size_t i = 0; i < IC_QUEUE_MAX; i++) {
        struct ic_host_slot *slot = &host->slots[i];
        if (slot->send.token != token) {
            continue;
        }
        if (slot->state == IC_SLOT_WAITS) {
            slot->state = IC_SLOT_ENDED;
            slot->outcome = IC_OUTCOME_CANCELLED;
        } else if (slot->state == IC_SLOT_OUT) {
            slot->cancel_due = true;
        }
    }
}

void ic_host_resume(struct ic_host *host)
{
    host->resume_due = host->state == IC_HOST_UP;
}

// The slot of this state that came first.
static struct ic_host_slot *first_of(struct ic_host *host, enum ic_host_slot_state state)
{
    struct ic_host_slot *first = NULL;
    for (size_t i = 0; i < IC_QUEUE_MAX; i++) {
        struct ic_host_slot *slot = &host->slots[i];
        if (slot->state == state && (first == NULL || (int32_t)(slot->order - first->order) < 0)) {
            first = slot;
        }
    }
    return first;
}

struct ic_host_slot *ic_host_first_out(struct ic_host *host)
{
    return first_of(host, IC_SLOT_OUT);
}

void ic_host_watch_first(struct ic_host *host, uint64_t now_us)
{
    struct ic_host_slot *first = ic_host_first_out(host);
    if (first != NULL && first->overdue_us == TIME_NEVER && !host->held) {
        uint64_t wait_us =
            first->send.broadcast ? first->send.turnaround_us : first->send.reply_timeout_us;
        uint64_t busy_us =
            host->cfg.setup.busy_max_us != 0 ? host->cfg.setup.busy_max_us : US_PER_S;
        // Two frames at 300 baud are not over sooner.
        uint64_t wire_us = 2 * (uint64_t)IC_FRAME_MAX * host->line_state.char_ns / 1000;
        first->overdue_us = time_after(now_us, wait_us + busy_us + wire_us + IC_OVERDUE_US);
    }
}

static uint32_t out_count(const struct ic_host *host)
{
    uint32_t count = 0;
    for (size_t i = 0; i < IC_QUEUE_MAX; i++) {
        count += host->slots[i].state == IC_SLOT_OUT;
    }
    return count;
}

// When it must be said that nobody answers; not if a better reason is known.
static uint64_t no_answer_us(const struct ic_host *host)
{
    bool is_told = host->state == IC_HOST_UP || host->trouble == IC_TROUBLE_NO_ANSWER ||
                   host->trouble == IC_TROUBLE_VERSION || host->trouble == IC_TROUBLE_SETUP;
    return is_told ? TIME_NEVER : time_after(host->began_us, IC_NO_ANSWER_US);
}

// When the next message will be due by the time alone.
static uint64_t message_us(const struct ic_host *host)
{
    switch (host->state) {
    case IC_HOST_OFF: break;
    case IC_HOST_HELLO: return host->hello_us;
    case IC_HOST_SETUP:
    case IC_HOST_UP: return time_min(host->setup_us, time_min(host->sync_us, host->stats_us));
    }
    return TIME_NEVER;
}

uint64_t ic_host_deadline_us(const struct ic_host *host, bool can_send)
{
    if (host->state == IC_HOST_OFF) {
        return TIME_NEVER;
    }
    uint64_t at_us = no_answer_us(host);
    if (can_send) {
        at_us = time_min(at_us, message_us(host));
    }
    if (host->state == IC_HOST_HELLO) {
        return at_us;
    }
    for (size_t i = 0; i < IC_QUEUE_MAX; i++) {
        const struct ic_host_slot *slot = &host->slots[i];
        if (slot->state == IC_SLOT_OUT) {
            at_us = time_min(at_us, slot->overdue_us);
        }
    }
    return time_min(at_us, time_after(host->heard_us, IC_CORE_SILENT_US));
}

void ic_host_tick(struct ic_host *host, uint64_t now_us)
{
    if (host->state == IC_HOST_OFF) {
        return;
    }
    if (now_us >= no_answer_us(host)) {
        ic_host_in_trouble(host, IC_TROUBLE_NO_ANSWER);
    }
    if (host->state == IC_HOST_HELLO) {
        return; // says it again when asked for a message
    }
    const struct ic_host_slot *first = ic_host_first_out(host);
    if (now_us >= time_after(host->heard_us, IC_CORE_SILENT_US)) {
        ic_host_begin(host, now_us, IC_TROUBLE_SILENT);
    } else if (first != NULL && now_us >= first->overdue_us) {
        ic_host_begin(host, now_us, IC_TROUBLE_OVERDUE);
    }
}

bool ic_host_next(struct ic_host *host, struct ic_host_out *out)
{
    struct ic_host_slot *ended = NULL;
    *out = host->out;
    if (host->done_due) {
        host->done_due = false;
        out->kind = IC_HOST_OUT_DONE;
    } else if (host->logs_due) {
        host->logs_due = false;
        out->kind = IC_HOST_OUT_LOG;
    } else if (host->sniffed_due) {
        host->sniffed_due = false;
        out->kind = IC_HOST_OUT_SNIFFED;
    } else if (host->stats_due) {
        host->stats_due = false;
        out->kind = IC_HOST_OUT_STATS;
    } else if (host->trouble != IC_TROUBLE_NONE && !host->told_down) {
        // Before the SENDs that it costs, so that nobody asks again for each of them.
        host->told_down = true;
        out->kind = IC_HOST_OUT_DOWN;
        out->trouble = host->trouble;
    } else if ((ended = first_of(host, IC_SLOT_ENDED)) != NULL) {
        ended->state = IC_SLOT_FREE;
        *out =
            (struct ic_host_out){.kind = IC_HOST_OUT_DONE,
                                 .done = {.token = ended->send.token, .outcome = ended->outcome}};
    } else if (host->state == IC_HOST_UP && !host->told_up) {
        host->told_up = true;
        out->kind = IC_HOST_OUT_UP;
    } else {
        return false;
    }
    return true;
}

// A cancelled SEND that is with the core.
static struct ic_host_slot *to_cancel(struct ic_host *host)
{
    for (size_t i = 0; i < IC_QUEUE_MAX; i++) {
        if (host->slots[i].state == IC_SLOT_OUT && host->slots[i].cancel_due) {
            return &host->slots[i];
        }
    }
    return NULL;
}

static void fill_hello(struct ic_host *host, uint64_t now_us, struct ic_message *message)
{
    size_t size = 0;
    while (size < IC_TEXT_MAX && host->cfg.name[size] != '\0') {
        size++;
    }
    host->hello_us = now_us + IC_HELLO_AGAIN_US;
    host->sequence_out = 0;
    message->head.kind = IC_HELLO;
    message->u.hello = (struct ic_hello){.version_min = IC_VERSION,
                                         .version_max = IC_VERSION,
                                         .reason = IC_HELLO_START,
                                         .message_max = IC_MESSAGE_MAX,
                                         .firmware = bytes_of(host->cfg.name, size)};
}

static void fill_setup(struct ic_host *host, uint64_t now_us, struct ic_message *message)
{
    host->setup_us = now_us + IC_SETUP_AGAIN_US;
    host->cfg.setup.id++;
    message->head.kind = IC_LINE_SETUP;
    message->u.line_setup = host->cfg.setup;
}

static void fill_send(struct ic_host *host, uint64_t now_us, struct ic_host_slot *slot,
                      struct ic_message *message)
{
    slot->state = IC_SLOT_OUT;
    message->head.kind = IC_SEND;
    message->u.send = slot->send;
    uint32_t count = out_count(host);
    host->waits_max = count > host->waits_max ? count : host->waits_max;
    ic_host_watch_first(host, now_us);
}

// What to say next, in the order of its weight; false: nothing.
static bool fill_message(struct ic_host *host, uint64_t now_us, struct ic_message *message)
{
    struct ic_host_slot *slot = NULL;
    if (host->state == IC_HOST_OFF) {
        return false;
    }
    if (host->state == IC_HOST_HELLO) {
        if (now_us < host->hello_us) {
            return false;
        }
        fill_hello(host, now_us, message);
    } else if (now_us >= host->setup_us) {
        fill_setup(host, now_us, message);
    } else if (host->resume_due) {
        host->resume_due = false;
        host->held = false;
        ic_host_watch_first(host, now_us);
        message->head.kind = IC_RESUME;
    } else if ((slot = to_cancel(host)) != NULL) {
        slot->cancel_due = false;
        message->head.kind = IC_CANCEL;
        message->u.cancel = slot->send.token;
    } else if (now_us >= host->sync_us) {
        // More of them while the clocks' rates are hardly known.
        host->sync_us = now_us + (host->clock.count < IC_SYNCS_QUICK ? IC_SYNC_US / 8 : IC_SYNC_US);
        host->stats_us = host->state == IC_HOST_UP ? now_us : TIME_NEVER;
        message->head.kind = IC_SYNC_ASK;
        message->u.sync.asked_us = now_us;
    } else if (host->state == IC_HOST_UP && out_count(host) < host->core_hello.queue_length &&
               (slot = first_of(host, IC_SLOT_WAITS)) != NULL) {
        fill_send(host, now_us, slot, message);
    } else if (now_us >= host->stats_us) {
        host->stats_us = TIME_NEVER; // until the next SYNC, which wakes both sides anyway
        message->head.kind = IC_STATS_ASK;
    } else {
        return false;
    }
    return true;
}

bool ic_host_message_next(struct ic_host *host, uint64_t now_us, struct writer *out)
{
    struct ic_message message = {.head = {.kind = 0}};
    if (!fill_message(host, now_us, &message)) {
        return false;
    }
    message.head.from = host->boot_id;
    message.head.to = host->core_boot_id;
    message.head.sequence = host->sequence_out++;
    ASSERT(ic_encode(&message, out) == OK);
    return true;
}
