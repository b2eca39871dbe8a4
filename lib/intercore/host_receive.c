// SPDX-License-Identifier: Apache-2.0
// What the host's session does with each message of the core.
#include <string.h>

#include "intercore/host_private.h"

static void take_hello_text(struct ic_host *host, const struct ic_hello *hello)
{
    host->core_hello = *hello;
    host->core_hello.firmware = (struct bytes){.data = NULL};
    memset(host->firmware, 0, sizeof host->firmware);
    for (size_t i = 0; i < hello->firmware.size; i++) {
        uint8_t c = hello->firmware.data[i];
        host->firmware[i] = (char)(c >= 0x20 && c < 0x7f ? c : '?'); // it goes into logs
    }
}

static void take_answer(struct ic_host *host, uint64_t now_us, const struct ic_head *head)
{
    const struct ic_hello *hello = &host->core_hello;
    if (hello->version_min > IC_VERSION || hello->version_max < IC_VERSION) {
        ic_host_in_trouble(host, IC_TROUBLE_VERSION);
        host->hello_us = now_us + IC_SETUP_RETRY_US;
        return;
    }
    if (hello->queue_length == 0) { // every SEND would wait for ever
        ic_host_in_trouble(host, IC_TROUBLE_NONSENSE);
        host->hello_us = now_us + IC_SETUP_RETRY_US;
        return;
    }
    host->heard_us = now_us;
    host->sequence_in = (uint16_t)(head->sequence + 1);
    if (host->state == IC_HOST_HELLO) {
        host->core_boot_id = head->from;
        host->state = IC_HOST_SETUP;
        host->setup_us = now_us;
        host->sync_us = now_us;
    }
}

static void take_hello(struct ic_host *host, uint64_t now_us, const struct ic_message *in)
{
    uint8_t reason = in->u.hello.reason;
    bool is_known = host->core_boot_id != 0 && in->head.from == host->core_boot_id;
    if (in->head.to != 0 && in->head.to != host->boot_id) {
        host->bad++; // about a session that is over
        return;
    }
    take_hello_text(host, &in->u.hello);
    if (reason == IC_HELLO_ANSWER && (is_known || host->state == IC_HOST_HELLO)) {
        take_answer(host, now_us, &in->head);
    } else if (host->state == IC_HOST_HELLO) {
        // It is there, but did not hear our HELLO, or takes it for an old one.
        host->hello_us = now_us < host->hello_us ? now_us : host->hello_us;
    } else {
        ic_host_begin(host, now_us,
                      is_known && reason != IC_HELLO_START ? IC_TROUBLE_GAP : IC_TROUBLE_RESTART);
    }
}

static void take_line_state(struct ic_host *host, uint64_t now_us,
                            const struct ic_line_state *state)
{
    if (state->id != host->cfg.setup.id || host->state != IC_HOST_SETUP) {
        return; // of a set-up that was repeated meanwhile
    }
    if (state->result != IC_SETUP_OK) {
        host->line_state = *state;
        host->line_state.id = 0;
        host->setup_us = now_us + IC_SETUP_RETRY_US;
        ic_host_in_trouble(host, IC_TROUBLE_SETUP);
        return;
    }
    host->line_state = *state;
    host->setup_us = TIME_NEVER;
    ic_host_check_up(host, now_us);
}

// A time of the core that is 0 if it never was. False: it cannot be true.
static bool map_time(const struct ic_host *host, uint64_t now_us, uint64_t *at_us,
                     uint32_t *error_us)
{
    uint32_t own_us = 0;
    if (*at_us == 0) {
        return true;
    }
    if (!ic_clock_to_host(&host->clock, *at_us, at_us, &own_us)) {
        return false;
    }
    *error_us = own_us > *error_us ? own_us : *error_us;
    if (*at_us > now_us) {
        *at_us = now_us; // it has happened, whatever the middle of the interval says
    }
    return true;
}

static bool map_done(struct ic_host *host, uint64_t now_us, struct ic_done *done)
{
    uint32_t *error_us = &host->out.error_us;
    *error_us = 0;
    bool is_ordered = done->tx_first_us <= done->tx_end_us &&
                      done->rx_first_us <= done->rx_last_us &&
                      (done->reply.size == 0) == (done->rx_first_us == 0) &&
                      (done->reply.size == 0 || done->tx_end_us != 0);
    return is_ordered && map_time(host, now_us, &done->tx_first_us, error_us) &&
           map_time(host, now_us, &done->tx_end_us, error_us) &&
           map_time(host, now_us, &done->rx_first_us, error_us) &&
           map_time(host, now_us, &done->rx_last_us, error_us);
}

static struct ic_host_slot *find_out(struct ic_host *host, uint32_t token)
{
    struct ic_host_slot *found = NULL;
    for (size_t i = 0; i < IC_QUEUE_MAX; i++) {
        struct ic_host_slot *slot = &host->slots[i];
        if (slot->state == IC_SLOT_OUT && slot->send.token == token &&
            (found == NULL || (int32_t)(slot->order - found->order) < 0)) {
            found = slot;
        }
    }
    return found;
}

static void take_done(struct ic_host *host, uint64_t now_us, const struct ic_done *done)
{
    struct ic_host_slot *slot = find_out(host, done->token);
    host->out.done = *done;
    if (slot == NULL || !map_done(host, now_us, &host->out.done)) {
        host->bad++;
        ic_host_begin(host, now_us, IC_TROUBLE_NONSENSE);
        return;
    }
    slot->state = IC_SLOT_FREE;
    host->done_due = true;
    host->held = done->held && !host->resume_due;
    for (size_t i = 0; i < IC_QUEUE_MAX && host->held; i++) {
        host->slots[i].overdue_us = TIME_NEVER; // they wait for us
    }
    ic_host_watch_first(host, now_us);
}

static void take_sync(struct ic_host *host, uint64_t now_us, const struct ic_sync *sync)
{
    if (!ic_clock_sync(&host->clock, sync->asked_us, sync->received_us, sync->sent_us, now_us)) {
        host->bad++;
        ic_host_begin(host, now_us, IC_TROUBLE_NONSENSE);
        return;
    }
    if (host->clock.count < IC_SYNCS_FOR_UP) {
        host->sync_us = now_us; // a few in a row: the quickest one bounds best
    }
    ic_host_check_up(host, now_us);
}

static void take_refused(struct ic_host *host, const struct ic_refused *refused)
{
    struct ic_host_slot *slot = find_out(host, refused->detail);
    host->refused++;
    if (refused->kind == IC_SEND && slot != NULL) {
        slot->state = IC_SLOT_ENDED;
        slot->outcome = IC_OUTCOME_PORT_LOST;
    }
}

static void take_message(struct ic_host *host, uint64_t now_us, const struct ic_message *in)
{
    uint32_t error_us = 0;
    switch ((enum ic_kind)in->head.kind) {
    case IC_LINE_STATE: take_line_state(host, now_us, &in->u.line_state); break;
    case IC_DONE: take_done(host, now_us, &in->u.done); break;
    case IC_SYNC: take_sync(host, now_us, &in->u.sync); break;
    case IC_STATS:
        host->stats = in->u.stats;
        host->stats_known = true;
        host->stats_due = true;
        break;
    case IC_SNIFFED:
        host->out.sniffed = in->u.sniffed;
        host->sniffed_due = map_time(host, now_us, &host->out.sniffed.last_us, &error_us);
        host->out.error_us = error_us;
        break;
    case IC_LOG:
        host->out.logs = in->u.logs;
        host->logs_due = true;
        break;
    case IC_REFUSED: take_refused(host, &in->u.refused); break;
    case IC_HELLO: // has been taken
    case IC_LINE_SETUP:
    case IC_SEND:
    case IC_CANCEL:
    case IC_RESUME:
    case IC_SYNC_ASK:
    case IC_STATS_ASK: host->bad++; break;
    }
}

void ic_host_message(struct ic_host *host, uint64_t now_us, struct bytes in)
{
    struct ic_message message;
    enum err err = ic_decode(in, &message);
    host->done_due = false;
    host->logs_due = false;
    host->sniffed_due = false;
    if (host->state == IC_HOST_OFF || message.head.from == 0) {
        host->bad++;
        return;
    }
    if (message.head.kind == IC_HELLO && err == OK) {
        take_hello(host, now_us, &message);
        return;
    }
    bool is_linked = host->state == IC_HOST_SETUP || host->state == IC_HOST_UP;
    if (!is_linked || message.head.to != host->boot_id) {
        host->bad++; // of an earlier session
        return;
    }
    if (message.head.from != host->core_boot_id) {
        host->bad++;
        ic_host_begin(host, now_us, IC_TROUBLE_RESTART);
        return;
    }
    if (message.head.sequence != host->sequence_in) {
        host->bad++;
        ic_host_begin(host, now_us, IC_TROUBLE_GAP);
        return;
    }
    host->sequence_in++;
    host->heard_us = now_us;
    if (err != OK) {
        host->bad++;
        // A newer core's LOG or the like does no harm; a DONE that cannot be read does.
        if (err != ERR_UNSUPPORTED) {
            ic_host_begin(host, now_us, IC_TROUBLE_NONSENSE);
        }
        return;
    }
    take_message(host, now_us, &message);
}
