// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/poll/poller_internal.h"

#include "base/assert.h"

#include <string.h>

enum { PERCENT = 100, RESTING_MAX = MB_CLIENT_RESTS / 2 };
_Static_assert((int)POLLER_DEPTH_MAX + 1 <= (int)MB_CLIENT_SLOTS,
               "there is a place beside the polls");

void foreign_init(struct poller *poller)
{
    poller->foreign.share_percent = poller->bus->foreign_share_percent;
    poller->foreign.credit_us = FOREIGN_CREDIT_MIN_US;
}

enum err poller_ask(struct poller *poller, uint64_t now_us, const struct foreign_ask *ask)
{
    struct foreign *foreign = &poller->foreign;
    if (!poller->is_up) {
        return ERR_STATE;
    }
    if (foreign->state != FOREIGN_FREE) {
        return ERR_BUSY;
    }
    if (mb_request_check(&ask->request) != MB_EX_NONE || ask->request.record_count > 0 ||
        ask->request.data.size > sizeof(foreign->data) || ask->unit > MB_UNIT_MAX) {
        return ERR_ARG;
    }
    foreign->ask = *ask;
    if (ask->request.data.size > 0) {
        memcpy(foreign->data, ask->request.data.data, ask->request.data.size);
    }
    foreign->ask.request.data = bytes_of(foreign->data, ask->request.data.size);
    foreign->state = FOREIGN_WAITING;
    foreign->is_dropped = false;
    foreign->since_us = now_us;
    return OK;
}

void poller_drop(struct poller *poller)
{
    struct foreign *foreign = &poller->foreign;
    if (foreign->state == FOREIGN_WAITING ||
        (foreign->state == FOREIGN_ASKED && mb_client_forget(&poller->client, FOREIGN_TAG))) {
        foreign->state = FOREIGN_FREE;
    }
    foreign->is_dropped = true;
}

static void give(struct poller *poller, const struct foreign_answer *answer)
{
    bool is_dropped = poller->foreign.is_dropped;
    poller->foreign.state = FOREIGN_FREE;
    if (!is_dropped) {
        poller_push(poller, &(struct poller_out){.kind = POLLER_OUT_ANSWER, .answer = *answer});
    }
}

// What is at the line comes back as lost by itself.
void foreign_lost(struct poller *poller)
{
    struct foreign *foreign = &poller->foreign;
    if (foreign->state == FOREIGN_WAITING ||
        (foreign->state == FOREIGN_ASKED && mb_client_forget(&poller->client, FOREIGN_TAG))) {
        give(poller, &(struct foreign_answer){.kind = MB_ANSWER_LOST,
                                              .unit = foreign->ask.unit,
                                              .heard = LINE_PORT_LOST});
    }
}

static void earn(struct poller *poller, uint64_t now_us)
{
    struct foreign *foreign = &poller->foreign;
    if (now_us <= foreign->credit_at_us) {
        return;
    }
    uint64_t passed_us = now_us - foreign->credit_at_us;
    int64_t max_us = (int64_t)(poller->bus->reply_timeout_ms * US_PER_MS);
    max_us = max_us < FOREIGN_CREDIT_MIN_US ? FOREIGN_CREDIT_MIN_US : max_us;
    passed_us = passed_us > US_PER_HOUR ? US_PER_HOUR : passed_us;
    foreign->credit_us += (int64_t)(passed_us * foreign->share_percent / PERCENT);
    foreign->credit_us = foreign->credit_us > max_us ? max_us : foreign->credit_us;
    foreign->credit_at_us = now_us;
}

// When it may go: its unit does not rest, its share allows it, and no poll waits or it has waited
// long enough itself. So all polls that one has delayed are through before the next.
static uint64_t go_us(const struct poller *poller, uint64_t now_us)
{
    const struct foreign *foreign = &poller->foreign;
    uint64_t at_us = poller->asked_count == 0 ? foreign->since_us
                                              : time_after(foreign->since_us, FOREIGN_AGE_US);
    uint64_t rested_us = mb_client_rest_until_us(&poller->client, foreign->ask.unit);
    at_us = at_us > rested_us ? at_us : rested_us;
    if (mb_client_resting(&poller->client, now_us, &rested_us) >= RESTING_MAX) {
        at_us = at_us > rested_us ? at_us : rested_us;
    }
    if (foreign->credit_us >= 0) {
        return at_us;
    }
    uint64_t wait_us = (uint64_t)-foreign->credit_us * PERCENT / foreign->share_percent + 1;
    uint64_t paid_us = time_after(foreign->credit_at_us, wait_us);
    return at_us > paid_us ? at_us : paid_us;
}

static struct poller_unit *unit_of(const struct poller *poller, uint8_t address)
{
    for (uint32_t u = 0; u < poller->unit_count; u++) {
        if (poller->points->units[poller->unit_first + u].device->unit == address) {
            return &poller->units[u];
        }
    }
    return NULL;
}

static uint32_t timeout_us(const struct poller *poller, const struct foreign_ask *ask)
{
    if (ask->reply_timeout_us != 0) {
        return ask->reply_timeout_us;
    }
    const struct poller_unit *unit = unit_of(poller, ask->unit);
    if (unit == NULL) {
        return poller->bus->reply_timeout_ms * 1000;
    }
    // A unit may take longer to write than it is used to for reading.
    bool is_read = ask->request.fc >= MB_READ_COILS && ask->request.fc <= MB_READ_INPUT;
    return is_read ? unit->timeout_us : unit->timeout_max_us;
}

void foreign_hand_over(struct poller *poller, uint64_t now_us)
{
    struct foreign *foreign = &poller->foreign;
    if (foreign->state != FOREIGN_WAITING) {
        return;
    }
    earn(poller, now_us);
    if (go_us(poller, now_us) > now_us) {
        return;
    }
    struct mb_ask ask = {.tag = FOREIGN_TAG,
                         .unit = foreign->ask.unit,
                         .request = &foreign->ask.request,
                         .reply_timeout_us = timeout_us(poller, &foreign->ask)};
    foreign->due_us = poller->asked_count > 0 ? now_us : schedule_deadline_us(poller);
    enum err err = mb_client_ask(&poller->client, &ask);
    foreign->state = FOREIGN_ASKED;
    if (err != OK) { // a broadcast of what none may be
        give(poller, &(struct foreign_answer){.kind = MB_ANSWER_BAD, .unit = ask.unit});
    }
}

uint64_t foreign_deadline_us(const struct poller *poller)
{
    // The time of the last look: it was not due then.
    return poller->foreign.state == FOREIGN_WAITING ? go_us(poller, poller->foreign.credit_at_us)
                                                    : TIME_NEVER;
}

void foreign_done(struct poller *poller, const struct poller_done *done,
                  const struct mb_answer *answer)
{
    uint64_t at_us = done->line.at_us;
    earn(poller, at_us);
    uint64_t waited_us = at_us > poller->foreign.due_us ? at_us - poller->foreign.due_us : 0;
    poller->foreign.credit_us -= (int64_t)time_min(done->busy_us, waited_us);
    struct poller_unit *unit = unit_of(poller, answer->unit);
    bool is_failed = answer->kind == MB_ANSWER_TIMEOUT || answer->kind == MB_ANSWER_BAD;
    if (unit != NULL && is_failed) {
        poller_rest(poller, unit);
    }
    give(poller, &(struct foreign_answer){.kind = answer->kind,
                                          .unit = answer->unit,
                                          .reply = answer->reply,
                                          .heard = done->heard,
                                          .late_bytes = done->late_bytes,
                                          .tx_end_us = done->tx_end_us,
                                          .rx_first_us = done->rx_first_us,
                                          .busy_us = done->busy_us});
}
