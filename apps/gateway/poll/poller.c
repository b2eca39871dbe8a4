// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/poll/poller.h"

#include "apps/gateway/poll/poller_internal.h"
#include "base/assert.h"

enum { TCP_LATE_US = 1000 }; // TCP tells replies apart by their transaction

static void find_range(struct poller *poller, uint32_t bus)
{
    const struct points *points = poller->points;
    for (uint32_t u = 0; u < points->unit_count; u++) {
        const struct unit *unit = &points->units[u];
        if (unit->bus != bus) {
            continue;
        }
        if (poller->unit_count == 0) {
            poller->unit_first = u;
            poller->item_first = unit->item_first;
        }
        poller->unit_count++;
        poller->item_count = unit->item_first + unit->item_count - poller->item_first;
    }
}

enum err poller_init(struct poller *poller, struct points *points, uint32_t bus,
                     struct arena *arena)
{
    *poller = (struct poller){.points = points, .bus = &points->config->buses[bus]};
    poller->timing = plan_timing_of(poller->bus);
    poller->credit_us = (int64_t)(poller->bus->reply_timeout_ms * US_PER_MS);
    find_range(poller, bus);
    poller->units = arena_take(arena, poller->unit_count, sizeof(*poller->units));
    poller->blocks = arena_take(arena, poller->item_count, sizeof(*poller->blocks));
    poller->old = arena_take(arena, poller->item_count, sizeof(*poller->old));
    poller->scratch = arena_take(arena, poller->item_count, sizeof(*poller->scratch));
    if (arena->is_full) {
        return ERR_FULL;
    }
    for (uint32_t u = 0; u < poller->unit_count; u++) {
        const struct unit *unit = &points->units[poller->unit_first + u];
        unit_init(&poller->units[u], poller->bus, unit->device);
        poller->units[u].block_first = unit->item_first - poller->item_first;
    }
    foreign_init(poller);
    struct mb_client_config config = {
        .reply_timeout_us = poller->bus->reply_timeout_ms * 1000,
        .turnaround_us = poller->bus->turnaround_ms * 1000,
        .late_us =
            poller->bus->port_kind == BUS_TCP ? TCP_LATE_US : poller->bus->reply_timeout_ms * 1000,
        .quiet_us = poller->timing.silence_us,
    };
    mb_client_init(&poller->client, &config);
    return OK;
}

void poller_start(struct poller *poller, uint64_t now_us)
{
    poller->credit_at_us = poller->foreign.credit_at_us = now_us;
}

struct poller_unit *poller_unit_of(struct poller *poller, const struct poller_block *block)
{
    return &poller->units[block->block.unit - poller->unit_first];
}

void poller_rest(const struct poller *poller, struct poller_unit *unit)
{
    uint32_t index = poller->unit_first + (uint32_t)(unit - poller->units);
    uint8_t address = (uint8_t)poller->points->units[index].device->unit;
    uint64_t until_us = mb_client_rest_until_us(&poller->client, address);
    unit->rest_until_us = unit->rest_until_us > until_us ? unit->rest_until_us : until_us;
}

void poller_push(struct poller *poller, const struct poller_out *out)
{
    ASSERT(poller->pending_count < COUNT_OF(poller->pending));
    poller->pending[poller->pending_count++] = *out;
}

void poller_set_port(struct poller *poller, uint64_t now_us, bool is_up)
{
    poller->is_up = is_up;
    if (!is_up) {
        foreign_lost(poller);
    }
    for (uint32_t u = 0; u < poller->unit_count && is_up; u++) {
        struct poller_unit *unit = &poller->units[u];
        unit->rest_until_us = 0;
        unit->probe_at_us = time_min(unit->probe_at_us, now_us);
    }
}

static void push_read(struct poller *poller, const struct poller_block *block,
                      const struct poller_out *what)
{
    struct poller_out out = *what;
    out.kind = POLLER_OUT_READ;
    out.block = block->block;
    out.unit = block->block.unit;
    poller_push(poller, &out);
}

// The unit said no. An illegal address is cut out of its block; alone, it is asked ever more
// rarely.
static void refused(struct poller *poller, struct poller_block *block,
                    const struct poller_done *done, uint8_t exception)
{
    struct poller_unit *unit = poller_unit_of(poller, block);
    bool is_address = exception == MB_EX_ADDRESS || exception == MB_EX_VALUE;
    unit->counts.exceptions++;
    if (is_address && plan_split(poller->points, &block->block)) {
        unit_cut(poller, unit, block, done->line.at_us);
        return;
    }
    block->refusals += is_address ? 1 : 0;
    push_read(poller, block,
              &(struct poller_out){
                  .failure = POLL_EXCEPTION, .exception = exception, .at_us = done->line.at_us});
    schedule_next_period(poller, block, done->line.at_us);
}

// No answer of the unit to this request, whoever says so: asked again, or given up for this period.
static void failed(struct poller *poller, struct poller_block *block, uint64_t now_us,
                   const struct poller_out *why)
{
    struct poller_unit *unit = poller_unit_of(poller, block);
    block->tries++;
    bool is_last = block->tries > unit->retry_max || unit->state != UNIT_ONLINE ||
                   unit->failures + 1 >= poller->bus->suspend_after;
    if (is_last) {
        push_read(poller, block, why);
        schedule_next_period(poller, block, now_us);
    }
    unit_failed(poller, unit, now_us);
}

// A gateway on the way says that it cannot reach the unit: it waited for it as we would have. Some
// say so of a part of what they show as one unit: that part is not asked again at once, and no
// number of tries of it may make all of the unit dead, or keep the others from being read.
static void unreached(struct poller *poller, struct poller_block *block,
                      const struct poller_done *done, uint8_t exception)
{
    struct poller_unit *unit = poller_unit_of(poller, block);
    uint64_t now_us = done->line.at_us;
    struct poller_out why = {.failure = POLL_UNREACHED, .exception = exception, .at_us = now_us};
    unit->counts.exceptions++;
    if (unit->state == UNIT_SUSPENDED) { // asked before that was known
        schedule_pay(poller, now_us, done->busy_us);
        schedule_next_period(poller, block, now_us);
        return;
    }
    if (!unit_unreached(poller, unit, block) && unit->state == UNIT_ONLINE) {
        schedule_pay_part(poller, now_us, done->busy_us);
        push_read(poller, block, &why);
        schedule_missed(poller, block, now_us);
        return;
    }
    schedule_pay(poller, now_us, done->busy_us);
    block->tries = unit->retry_max;
    unit->failure = POLL_UNREACHED;
    failed(poller, block, now_us, &why);
}

// When the reply began: its first start bit. Reckoned back over the bytes heard by then, since the
// time of the last one may be all that is known.
static uint64_t first_byte_us(const struct poller *poller, const struct poller_done *done)
{
    bool is_known = done->rx_first_us != 0;
    uint64_t heard_us = is_known ? done->rx_first_us : done->rx_last_us;
    uint64_t size = is_known ? 1 : done->line.reply.size;
    uint64_t wire_us = size * poller->timing.char_ns / 1000;
    uint64_t first_us = heard_us > wire_us ? heard_us - wire_us : 0;
    return first_us < done->tx_end_us ? done->tx_end_us : first_us;
}

static void replied(struct poller *poller, struct poller_block *block,
                    const struct poller_done *done, const struct mb_answer *answer)
{
    struct poller_unit *unit = poller_unit_of(poller, block);
    uint8_t exception = answer->reply.exception;
    if (exception == MB_EX_PATH || exception == MB_EX_TARGET) {
        unreached(poller, block, done, exception);
        return;
    }
    uint64_t first_us = first_byte_us(poller, done);
    uint64_t wait_us = first_us - done->tx_end_us;
    uint32_t delay_us = wait_us > UINT32_MAX ? UINT32_MAX : (uint32_t)wait_us;
    unit_answered(poller, unit, done->line.at_us);
    block->misses = 0;
    block->answered_us = done->line.at_us;
    unit_measured(poller, unit, delay_us);
    if (exception != MB_EX_NONE) {
        refused(poller, block, done, exception);
        return;
    }
    block->refusals = 0;
    poller->stats.read++;
    // What a unit says was true at some time between our frame's end and its reply.
    uint64_t jitter_us = (uint64_t)done->jitter_us + delay_us;
    push_read(poller, block,
              &(struct poller_out){.data = answer->reply.data,
                                   .at_us = first_us,
                                   .jitter_us =
                                       jitter_us > UINT32_MAX ? UINT32_MAX : (uint32_t)jitter_us});
    schedule_next_period(poller, block, done->line.at_us);
}

static void unanswered(struct poller *poller, struct poller_block *block,
                       const struct poller_done *done, enum mb_answer_kind kind)
{
    struct poller_unit *unit = poller_unit_of(poller, block);
    uint64_t now_us = done->line.at_us;
    *(kind == MB_ANSWER_TIMEOUT ? &unit->counts.timeouts : &unit->counts.bad) += 1;
    schedule_pay(poller, now_us, done->busy_us);
    poller_rest(poller, unit);
    failed(poller, block, now_us, &(struct poller_out){.failure = unit->failure, .at_us = now_us});
}

// The line was never quiet: the unit, which was not asked, is not to blame.
static void unsent(struct poller *poller, struct poller_block *block,
                   const struct poller_done *done)
{
    uint64_t now_us = done->line.at_us;
    poller->stats.unsent++;
    block->tries++;
    if (block->tries > poller_unit_of(poller, block)->retry_max) {
        push_read(poller, block, &(struct poller_out){.failure = POLL_BUSY, .at_us = now_us});
        schedule_next_period(poller, block, now_us);
    }
}

// Why there is no answer, if there is none.
static void note_failure(struct poller_unit *unit, const struct poller_done *done,
                         const struct mb_answer *answer)
{
    if (answer->kind == MB_ANSWER_TIMEOUT || answer->kind == MB_ANSWER_BAD ||
        answer->kind == MB_ANSWER_BUSY) {
        unit->failure = poll_failure_of(answer, done->heard, done->line.reply);
    }
}

void poller_done(struct poller *poller, uint64_t now_us, const struct poller_done *done)
{
    ASSERT(poller->pending_count == 0);
    (void)now_us;
    mb_client_done(&poller->client, &done->line);
    poller->stats.busy_us += done->busy_us;
    struct mb_answer answer;
    if (!mb_client_answer(&poller->client, &answer)) {
        return;
    }
    if (answer.tag == FOREIGN_TAG) {
        foreign_done(poller, done, &answer);
        return;
    }
    struct poller_block *block = &poller->blocks[answer.tag];
    struct poller_unit *unit = poller_unit_of(poller, block);
    block->is_asked = false;
    unit->asked--;
    poller->asked_count--;
    poller->asked_us -= block->asked_us;
    note_failure(unit, done, &answer);
    switch (answer.kind) {
    case MB_ANSWER_BUSY: unsent(poller, block, done); break;
    case MB_ANSWER_REPLY: replied(poller, block, done, &answer); break;
    case MB_ANSWER_TIMEOUT:
    case MB_ANSWER_BAD: unanswered(poller, block, done, answer.kind); break;
    case MB_ANSWER_WITHDRAWN:
        poller_rest(poller, unit);
        schedule_pay(poller, done->line.at_us, done->busy_us);
        break;
    case MB_ANSWER_SENT:
    case MB_ANSWER_LOST: break;
    }
}

void poller_heard(struct poller *poller, uint64_t at_us)
{
    mb_client_heard(&poller->client, at_us);
}

// Another request may be handed over. Somebody else's should not wait for many.
static bool has_room(const struct poller *poller)
{
    bool may_be_many = poller->foreign.state == FOREIGN_FREE && poller->asked_us < POLLER_AHEAD_US;
    return poller->asked_count < (may_be_many ? POLLER_DEPTH_MAX : POLLER_DEPTH_MIN);
}

static bool ask_next(struct poller *poller, uint64_t now_us)
{
    static const uint8_t FUNCTIONS[TABLE_COUNT] = {MB_READ_COILS, MB_READ_DISCRETE, MB_READ_INPUT,
                                                   MB_READ_HOLDING};
    struct poller_block *block = schedule_choose(poller, now_us);
    if (block == NULL) {
        return false;
    }
    struct poller_unit *unit = poller_unit_of(poller, block);
    struct mb_request request = {.fc = FUNCTIONS[block->block.table],
                                 .address = block->block.address,
                                 .count = block->block.count};
    struct mb_ask ask = {
        .tag = (uint32_t)(block - poller->blocks),
        .unit = (uint8_t)poller->points->units[block->block.unit].device->unit,
        .request = &request,
        .reply_timeout_us = unit->timeout_us,
        // With one block nothing follows, and a barrier would only hold up the others.
        .is_trusted = unit_is_trusted(unit) && unit->block_count > 1,
    };
    enum err err = mb_client_ask(&poller->client, &ask);
    ASSERT(err ==
           OK); // the planner keeps all bounds, and there are more slots than POLLER_DEPTH_MAX
    block->is_asked = true;
    unit->asked++;
    unit->counts.requests++;
    poller->asked_count++;
    uint64_t asked_us = plan_block_us(&poller->timing, &block->block, unit->delay_us);
    block->asked_us = asked_us > UINT32_MAX ? UINT32_MAX : (uint32_t)asked_us;
    poller->asked_us += block->asked_us;
    poller->stats.asked++;
    uint64_t late_us = now_us > block->due_us ? now_us - block->due_us : 0;
    if (unit->state == UNIT_ONLINE && late_us > poller->stats.late_span_us) {
        poller->stats.late_span_us = late_us;
    }
    if (unit->state == UNIT_ONLINE && late_us > block->block.interval_ms * US_PER_MS) {
        poller->stats.late++;
        poller->stats.late_max_us =
            late_us > poller->stats.late_max_us ? late_us : poller->stats.late_max_us;
    }
    if (unit->state == UNIT_SUSPENDED) {
        unit_set_state(poller, unit, UNIT_PROBING, now_us);
    }
    return true;
}

uint64_t poller_deadline_us(const struct poller *poller)
{
    if (!poller->is_up) {
        return TIME_NEVER;
    }
    uint64_t at_us = time_min(mb_client_deadline_us(&poller->client), foreign_deadline_us(poller));
    return has_room(poller) ? time_min(at_us, schedule_deadline_us(poller)) : at_us;
}

uint64_t poller_take_late_us(struct poller *poller)
{
    uint64_t late_us = poller->stats.late_span_us;
    poller->stats.late_span_us = 0;
    return late_us;
}

void poller_tick(struct poller *poller, uint64_t now_us)
{
    schedule_earn(poller, now_us);
}

bool poller_next(struct poller *poller, uint64_t now_us, struct poller_out *out)
{
    if (poller->pending_count > 0) {
        *out = poller->pending[0];
        poller->pending_count--;
        poller->pending[0] = poller->pending[1];
        return true;
    }
    if (mb_client_cancel(&poller->client, &out->token)) {
        out->kind = POLLER_OUT_CANCEL;
        return true;
    }
    if (mb_client_resume(&poller->client)) {
        out->kind = POLLER_OUT_RESUME;
        return true;
    }
    while (poller->is_up && has_room(poller) && ask_next(poller, now_us)) {
        if (poller->pending_count > 0) {
            return poller_next(poller, now_us, out);
        }
    }
    if (poller->is_up) {
        foreign_hand_over(poller, now_us);
    }
    struct mb_client_send send;
    if (poller->is_up && mb_client_send(&poller->client, now_us, &send)) {
        *out = (struct poller_out){.kind = POLLER_OUT_SEND, .send = send};
        return true;
    }
    return false;
}
