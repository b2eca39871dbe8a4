// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/gwcloud/outage.h"

#include "base/assert.h"

#include <stdlib.h>
#include <string.h>

enum {
    ONE_WAY_US = 40000,
    KEEP_ALIVE_US = 120000000, // twice the interval
    TOKEN_TOLERANCE_S = 300,
    TOKEN_LIFE_MAX_S = 86400,
};

static const struct sas_key key = {.data = "0123456789abcdef", .size = 16};
static const char device_topic[] = "devices/gw/messages/events/";

static int64_t true_ms(const struct outage *o)
{
    return o->true_ms + (int64_t)(o->world.now_us / US_PER_MS);
}

void outage_init(struct outage *o, uint64_t seed, const struct outage_config *cfg)
{
    memset(o, 0, sizeof(*o));
    world_init(&o->world, seed);
    o->world.is_online = false; // the way out is ours
    o->world.cfg.max_age_ms = cfg->forward.max_age_ms;
    o->cfg = *cfg;
    o->true_ms = INT64_C(1790000000000);
    o->has_clock = true;
}

void outage_deinit(struct outage *o)
{
    world_deinit(&o->world);
}

void outage_start(struct outage *o, bool is_new_boot)
{
    int64_t before_ms = true_ms(o);
    if (!o->has_clock && is_new_boot) {
        o->world.utc_offset_ms = JOURNAL_UTC_UNKNOWN;
    }
    // The power is off for half a minute; the new boot's clock begins near 0.
    int64_t offset_ms = o->world.utc_offset_ms;
    if (is_new_boot && o->has_clock) {
        o->world.utc_offset_ms = JOURNAL_UTC_UNKNOWN; // told below, when the boot's time is known
    }
    world_start(&o->world, is_new_boot);
    if (is_new_boot) {
        o->true_ms = before_ms + 30000 - (int64_t)(o->world.now_us / US_PER_MS);
    }
    o->packet_count = 0;
    o->connection = 0;
    o->sample_due_us = o->world.now_us + o->cfg.sample_us;
    if (world_is_off(&o->world)) {
        return;
    }
    forward_init(&o->forward, &o->cfg.forward, o->world.journal.budget, o->world.now_us);
    const struct uplink_config up = {
        .seed = o->world.random, .pacing = &o->forward.pacing, .budget = &o->forward.budget};
    const struct uplink_identity me = {.host = "hub", .device = "gw", .key = &key};
    uplink_init(&o->up, &up, o->world.now_us);
    enum err err = uplink_use(&o->up, o->world.now_us, &me);
    ASSERT(err == OK);
    if (is_new_boot && o->has_clock) {
        outage_set_clock(o, 0);
    } else if (offset_ms != JOURNAL_UTC_UNKNOWN) {
        uplink_set_clock(
            &o->up, o->world.now_us,
            (struct wall_time){.utc_ms = offset_ms + (int64_t)(o->world.now_us / US_PER_MS)});
    }
}

void outage_power_up(struct outage *o)
{
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        if (!o->world.media[lane].is_off) {
            sim_medium_cut(&o->world.media[lane]);
        }
        o->world.media[lane].cut_at_step = 0;
        sim_medium_power_on(&o->world.media[lane]);
    }
    outage_start(o, true);
}

void outage_set_clock(struct outage *o, int64_t off_ms)
{
    o->has_clock = true;
    o->world.utc_offset_ms = o->true_ms + off_ms;
    world_tell_clock(&o->world);
    uplink_set_clock(&o->up, o->world.now_us, (struct wall_time){.utc_ms = true_ms(o) + off_ms});
}

static struct packet *send(struct outage *o, enum packet_kind kind, uint64_t at_us)
{
    ASSERT(o->packet_count < OUTAGE_PACKETS_MAX);
    struct packet *packet = &o->packets[o->packet_count++];
    *packet = (struct packet){.kind = kind, .at_us = at_us, .connection = o->connection};
    return packet;
}

static uint64_t soon_us(struct outage *o)
{
    return o->world.now_us + ONE_WAY_US + world_random(&o->world, ONE_WAY_US);
}

static void cut(struct outage *o, bool is_silent)
{
    o->packet_count = 0;
    if (is_silent) {
        o->dead = o->connection;
    } else if (o->connection != 0) {
        (void)send(o, CLOSED, soon_us(o));
    }
}

void outage_set_mode(struct outage *o, enum hub_mode mode)
{
    o->mode = mode;
    o->free_us = 0;
    if (mode == HUB_AWAY || mode == HUB_REFUSES) {
        cut(o, false);
    }
}

// The hub takes a token that is good now and not absurdly long.
static bool is_token_good(const struct outage *o, const char *password)
{
    const char *se = strstr(password, "&se=");
    ASSERT(se != NULL);
    int64_t left_s = strtoll(se + 4, NULL, 10) - true_ms(o) / (int64_t)MS_PER_S;
    return left_s > -TOKEN_TOLERANCE_S && left_s < TOKEN_LIFE_MAX_S;
}

static void hub_store(struct outage *o, const struct packet *packet)
{
    uint32_t day = (uint32_t)(true_ms(o) / 86400000);
    if (day != o->day) {
        o->day = day;
        o->units = 0;
    }
    uint32_t block = o->cfg.forward.budget.block_size;
    block = block == 0 ? 4096 : block;
    o->units += (uint32_t)((packet->message.payload.size + block - 1) / block);
    o->units_most = o->units > o->units_most ? o->units : o->units_most;
    uint64_t other = o->world.other_events;
    world_take(&o->world, &packet->message);
    o->alerts_stored += o->world.other_events - other;
}

static void hub_take(struct outage *o, const struct packet *packet)
{
    switch (packet->kind) {
    case CONNECT:
        send(o, CONNACK, soon_us(o))->is_refusal = o->mode == HUB_REFUSES || packet->is_refusal;
        break;
    case SUBSCRIBE: (void)send(o, SUBACK, soon_us(o)); break;
    case PUBLISH:
        if (o->mode == HUB_QUOTA) {
            cut(o, false);
            break;
        }
        hub_store(o, packet);
        o->free_us = o->free_us > o->world.now_us ? o->free_us : o->world.now_us;
        o->free_us += o->mode == HUB_SLOW ? o->cfg.slow_us : 0;
        send(o, PUBACK, o->free_us + ONE_WAY_US)->token = packet->token;
        break;
    case CONNACK:
    case SUBACK:
    case PUBACK:
    case CLOSED: break;
    }
}

static void gateway_take(struct outage *o, const struct packet *packet)
{
    uint64_t now_us = o->world.now_us;
    o->heard_us = now_us;
    switch (packet->kind) {
    case CONNACK:
        if (packet->is_refusal) {
            o->connection = 0;
            uplink_lost(&o->up, now_us, true);
        } else {
            uplink_connected(&o->up, now_us);
        }
        break;
    case SUBACK: uplink_subscribed(&o->up, now_us, 0); break;
    case PUBACK: uplink_acked(&o->up, now_us, packet->token); break;
    case CLOSED:
        o->connection = 0;
        uplink_lost(&o->up, now_us, false);
        break;
    case CONNECT:
    case SUBSCRIBE:
    case PUBLISH: break;
    }
}

// True if the way breaks here.
static bool is_cut(struct outage *o)
{
    o->steps++;
    if (o->steps != o->cut_at_step) {
        return false;
    }
    cut(o, o->cut_is_silent);
    return true;
}

static void deliver(struct outage *o, size_t at)
{
    static struct packet packet;
    packet = o->packets[at];
    packet.message.payload.data = packet.payload;
    o->packet_count--;
    memmove(&o->packets[at], &o->packets[at + 1], (o->packet_count - at) * sizeof(o->packets[0]));
    bool is_dead = packet.connection == o->dead || packet.connection != o->connection;
    if (is_dead || o->mode == HUB_SILENT) {
        return;
    }
    if (packet.kind == CLOSED) {
        gateway_take(o, &packet);
        return;
    }
    if (is_cut(o)) {
        return;
    }
    bool is_up = packet.kind == CONNECT || packet.kind == SUBSCRIBE || packet.kind == PUBLISH;
    if (is_up) {
        hub_take(o, &packet);
    } else {
        gateway_take(o, &packet);
    }
    (void)is_cut(o);
}

static void publish(struct outage *o, const struct uplink_out *out)
{
    struct packet *packet = send(o, PUBLISH, soon_us(o));
    size_t head = sizeof(device_topic) - 1;
    ASSERT(strncmp(out->topic, device_topic, head) == 0);
    enum err err =
        tm_bag_read(bytes_of(out->topic + head, strlen(out->topic) - head), &packet->message.bag);
    ASSERT(err == OK && out->payload.size <= sizeof(packet->payload));
    packet->token = out->token;
    memcpy(packet->payload, out->payload.data, out->payload.size);
    packet->message.payload.size = out->payload.size;
}

static void drain_uplink(struct outage *o)
{
    struct uplink_out out;
    while (uplink_next(&o->up, o->world.now_us, &out)) {
        switch (out.kind) {
        case UPLINK_OUT_CONNECT: {
            o->attempts++;
            o->connection = ++o->connections;
            o->packet_count = 0;
            o->heard_us = o->world.now_us;
            bool is_away = o->mode == HUB_AWAY;
            send(o, is_away ? CLOSED : CONNECT, soon_us(o))->is_refusal =
                !is_token_good(o, out.password);
            break;
        }
        case UPLINK_OUT_DISCONNECT:
            o->connection = 0;
            o->packet_count = 0;
            break;
        case UPLINK_OUT_SUBSCRIBE: (void)send(o, SUBSCRIBE, soon_us(o)); break;
        case UPLINK_OUT_PUBLISH: publish(o, &out); break;
        case UPLINK_OUT_ACK:
            journal_ack(&o->world.journal, o->world.now_us, out.lane, out.ordinal);
            break;
        }
    }
}

static void drain_forward(struct outage *o)
{
    struct journal *journal = &o->world.journal;
    struct forward_out out;
    forward_tick(&o->forward, &o->up, o->world.now_us);
    while (forward_next(&o->forward, &out)) {
        switch (out.kind) {
        case FORWARD_HURRY: journal_hurry(journal, o->world.now_us); break;
        case FORWARD_MAX_AGE: journal_set_max_age(journal, out.max_age_ms); break;
        case FORWARD_STORE: journal_set_budget(journal, o->world.now_us, out.store); break;
        case FORWARD_NOTE: break; // would count as an alert of the test's own
        }
    }
}

static void feed_uplink(struct outage *o)
{
    static uint8_t buffer[JOURNAL_PAYLOAD_SIZE_MAX];
    struct world *w = &o->world;
    struct journal_message message;
    struct forward_want want = forward_want(&o->forward, &o->up, w->now_us);
    struct forward_want got = {.backlog = 0};
    for (enum journal_lane lane = LANE_ALERTS; lane < LANE_COUNT; lane++) {
        while (got.lanes[lane] < want.lanes[lane] &&
               journal_next_message(&w->journal, w->now_us, lane, buffer, &message) == OK) {
            uplink_take(&o->up, w->now_us, &message);
            got.lanes[lane]++;
        }
    }
    while (got.backlog < want.backlog &&
           got.backlog + got.lanes[LANE_TELEMETRY] < want.lanes[LANE_TELEMETRY] &&
           journal_next_backlog(&w->journal, w->now_us, buffer, &message) == OK) {
        uplink_take(&o->up, w->now_us, &message);
        got.backlog++;
    }
    forward_got(&o->forward, &got, journal_has_backlog(&w->journal));
}

// What one turn of the gateway's loop does, until nothing is due.
static void turn(struct outage *o)
{
    struct world *w = &o->world;
    unsigned turns = 0;
    bool is_again = true;
    while (is_again && !world_is_off(w)) {
        uplink_tick(&o->up, w->now_us);
        drain_uplink(o);
        drain_forward(o);
        bool is_due = journal_deadline_us(&w->journal) <= w->now_us;
        if (is_due) {
            world_tick(w);
            if (world_is_off(w)) {
                return;
            }
            if (!w->journal.budget_dirty || w->journal.is_failing) {
                forward_stored(&o->forward, w->journal.budget);
            }
        }
        is_again = is_due || forward_has_work(&o->forward, &o->up, w->now_us);
        if (is_again) {
            feed_uplink(o);
        }
        drain_uplink(o);
        ASSERT(++turns < OUTAGE_TURNS_MAX); // else it would never end
    }
}

static uint64_t packet_deadline_us(const struct outage *o, size_t *at)
{
    uint64_t deadline_us = TIME_NEVER;
    for (size_t i = 0; i < o->packet_count; i++) {
        if (o->packets[i].at_us < deadline_us) {
            deadline_us = o->packets[i].at_us;
            *at = i;
        }
    }
    return deadline_us;
}

bool outage_run(struct outage *o, uint64_t for_us)
{
    struct world *w = &o->world;
    uint64_t end_us = w->now_us + for_us;
    while (!world_is_off(w)) {
        size_t at = 0;
        uint64_t timers_us = time_min(uplink_deadline_us(&o->up),
                                      time_min(forward_deadline_us(&o->forward, w->now_us),
                                               journal_deadline_us(&w->journal)));
        uint64_t packet_us = packet_deadline_us(o, &at);
        uint64_t silent_us =
            o->connection != 0 ? time_after(o->heard_us, KEEP_ALIVE_US) : TIME_NEVER;
        uint64_t others_us = time_min(time_min(packet_us, silent_us), o->sample_due_us);
        uint64_t next_us = time_min(timers_us, others_us);
        if (next_us >= end_us) {
            w->now_us = end_us;
            return true;
        }
        w->now_us = next_us > w->now_us ? next_us : w->now_us;
        o->timer_turns += timers_us < others_us;
        if (packet_us <= w->now_us) {
            deliver(o, at);
        }
        if (silent_us <= w->now_us) {
            o->heard_us = w->now_us; // a ping is answered, or the client gives the connection up
            if (o->mode == HUB_SILENT || o->connection == o->dead) {
                gateway_take(o, &(struct packet){.kind = CLOSED});
                o->packet_count = 0;
            }
        }
        if (o->sample_due_us <= w->now_us) {
            world_sample(w);
            o->sample_due_us += o->cfg.sample_us;
        }
        turn(o);
    }
    return false;
}

void outage_settle(struct outage *o, uint64_t at_most_us)
{
    outage_set_mode(o, HUB_GOOD);
    o->cut_at_step = 0;
    o->cut_is_silent = false;
    o->sample_due_us = TIME_NEVER;
    for (uint64_t done_us = 0; done_us < at_most_us; done_us += 10 * US_PER_S) {
        if (!world_is_off(&o->world)) {
            journal_hurry(&o->world.journal, o->world.now_us);
        }
        if (world_is_off(&o->world) || !outage_run(o, 10 * US_PER_S)) {
            outage_power_up(o);
            o->sample_due_us = TIME_NEVER;
        }
        const struct journal *journal = &o->world.journal;
        if (journal_waiting(journal, LANE_ALERTS) + journal_waiting(journal, LANE_TELEMETRY) == 0 &&
            journal->count == journal->sealed_count && journal->gap_count == 0) {
            return;
        }
    }
    ASSERT(false); // it does not settle
}

uint64_t outage_staleness_us(const struct outage *o)
{
    const struct world *w = &o->world;
    for (uint32_t i = w->sample_count; i > 0; i--) {
        if (w->samples[i - 1].received > 0 && w->samples[i - 1].boot_index == w->boot_index) {
            return w->now_us - w->samples[i - 1].at_us;
        }
    }
    return TIME_NEVER;
}

uint64_t outage_resumes_us(struct outage *o, uint64_t max_us)
{
    uint64_t first = o->world.sample_count;
    for (uint64_t passed_us = 0; passed_us <= US_PER_MIN; passed_us += US_PER_S) {
        const struct world *w = &o->world;
        for (uint64_t i = first > 0 ? first - 1 : 0; i < w->sample_count; i++) {
            if (w->samples[i].received > 0 && w->now_us - w->samples[i].at_us <= max_us) {
                return passed_us;
            }
        }
        if (!outage_run(o, US_PER_S)) {
            return TIME_NEVER;
        }
    }
    return TIME_NEVER;
}
