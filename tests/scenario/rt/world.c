// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/rt/world.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"

enum { NODE_CORE, NODE_DEVICE };

static uint64_t random_below(struct world *world, uint64_t below)
{
    world->random ^= world->random << 13;
    world->random ^= world->random >> 7;
    world->random ^= world->random << 17;
    return below == 0 ? 0 : world->random % below;
}

uint64_t world_host_us(const struct world *world, uint64_t true_us)
{
    int64_t drift_us = (int64_t)true_us / 1000 * world->cfg.host_ppm / 1000;
    return (uint64_t)((int64_t)(true_us + world->cfg.host_offset_us) + drift_us);
}

// The first true time at which the host's clock shows this.
static uint64_t true_us_of(const struct world *world, uint64_t host_us)
{
    if (host_us == TIME_NEVER) {
        return TIME_NEVER;
    }
    uint64_t low_us = world->now_us;
    uint64_t high_us = world->now_us + US_PER_HOUR;
    if (world_host_us(world, low_us) >= host_us) {
        return low_us;
    }
    while (low_us + 1 < high_us) {
        uint64_t middle_us = low_us + (high_us - low_us) / 2;
        if (world_host_us(world, middle_us) >= host_us) {
            high_us = middle_us;
        } else {
            low_us = middle_us;
        }
    }
    return high_us;
}

static enum err push(struct world *world, struct world_mailbox *box, struct bytes message)
{
    if (box->count >= box->capacity) {
        return ERR_AGAIN;
    }
    if (world->lose_ppm != 0 && random_below(world, 1000000) < world->lose_ppm) {
        return OK;
    }
    uint64_t delay_us = world->cfg.latency_us / 4 + random_below(world, world->cfg.latency_us + 1);
    size_t at = (box->first + box->count) % WORLD_MAILBOX;
    uint64_t at_us = world->now_us + delay_us;
    if (box->count > 0) { // in order
        size_t last = (box->first + box->count - 1) % WORLD_MAILBOX;
        at_us = at_us > box->items[last].at_us ? at_us : box->items[last].at_us;
    }
    ASSERT(message.size <= MAILBOX_MESSAGE_MAX);
    box->items[at].at_us = at_us;
    box->items[at].size = message.size;
    memcpy(box->items[at].data, message.data, message.size);
    box->count++;
    return OK;
}

static uint64_t mailbox_deadline_us(const struct world_mailbox *box, bool is_read)
{
    return is_read && box->count > 0 ? box->items[box->first].at_us : TIME_NEVER;
}

static bool pop(struct world *world, struct world_mailbox *box, struct bytes *out)
{
    if (box->count == 0 || box->items[box->first].at_us > world->now_us) {
        return false;
    }
    *out = bytes_of(box->items[box->first].data, box->items[box->first].size);
    box->first = (box->first + 1) % WORLD_MAILBOX;
    box->count--;
    box->passed++;
    return true;
}

static void boot_core(struct world *world)
{
    const struct rt_cfg cfg = {
        .boot_id = 0x1000 + ++world->core_boots,
        .firmware = "world",
        .crash = {.end = world->core_boots > 1 ? CORE_END_WATCHDOG : CORE_END_NONE,
                  .count = world->core_boots - 1}};
    rt_init(&world->rt, world->now_us, &cfg);
    world->is_core_on = true;
}

static void boot_host(struct world *world)
{
    const struct ic_host_cfg cfg = {
        .seed = 0x7000000 * ++world->host_boots,
        .name = "world",
        .setup = {.baud = world->cfg.baud,
                  .parity = (uint8_t)world->cfg.parity,
                  .stop_bits = 1,
                  .guard_bits8 = world->cfg.guard_bits8,
                  .lead_bits8 = world->cfg.lead_bits8,
                  .echo = world->cfg.echo,
                  .listen_only = world->cfg.listen_only,
                  .silence_in_chars = world->cfg.silence_in_chars},
    };
    ic_host_init(&world->host, &cfg);
    ic_host_link(&world->host, world_host_us(world, world->now_us), true);
    world->waiting_size = 0;
    world->is_host_on = true;
}

void world_init(struct world *world, const struct world_cfg *cfg)
{
    memset(world, 0, sizeof *world);
    world->cfg = *cfg;
    world->now_us = US_PER_S;
    world->reply_us = TIME_NEVER;
    world->random = cfg->seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    world->to_core.capacity = WORLD_MAILBOX;
    world->to_host.capacity = WORLD_MAILBOX;
    world->dones = calloc(WORLD_DONES, sizeof *world->dones);
    ASSERT(world->dones != NULL);
    const struct sim_line_cfg line = {.baud = cfg->baud,
                                      .char_bits = cfg->parity == SERIAL_NONE ? 10 : 11,
                                      .by_byte = true,
                                      .seed = cfg->seed};
    sim_line_init(&world->line, &line);
    sim_transceiver_init(&world->transceiver, &world->line, NODE_CORE);
    judge_init(&world->judge, cfg->baud > 19200 ? 1750 : (uint32_t)(3.5 * 11e6 / cfg->baud));
    boot_core(world);
    boot_host(world);
}

void world_deinit(struct world *world)
{
    free(world->dones);
}

void world_core_restart(struct world *world)
{
    sim_transceiver_release(&world->transceiver, world->now_us); // as the reset does
    sim_transceiver_init(&world->transceiver, &world->line, NODE_CORE);
    world->to_core.count = 0;
    boot_core(world);
}

void world_host_restart(struct world *world)
{
    world->to_host.count = 0;
    boot_host(world);
}

enum err world_send_as(struct world *world, struct ic_send *send, uint8_t unit, uint8_t size,
                       uint8_t reply_size)
{
    uint8_t frame[IC_FRAME_MAX];
    ASSERT(size >= 3);
    for (size_t i = 0; i < size; i++) {
        frame[i] = (uint8_t)(i + send->token);
    }
    frame[0] = unit;
    frame[1] = size;
    frame[2] = reply_size;
    send->frame = bytes_of(frame, size);
    enum err err = ic_host_send(&world->host, send);
    send->frame = bytes_of(NULL, 0); // it was copied
    return err;
}

enum err world_send(struct world *world, uint32_t token, uint8_t unit, uint8_t size,
                    uint8_t reply_size)
{
    struct ic_send send = {
        .token = token, .reply_timeout_us = 100000, .broadcast = unit == 0, .turnaround_us = 5000};
    return world_send_as(world, &send, unit, size, reply_size);
}

// The device takes what looks like a whole frame of ours.
static void device_hear(struct world *world, const struct sim_line_event *event)
{
    if (event->at_us > world->frame_end_us + 2 * sim_line_chars_us(&world->line, 1)) {
        world->frame_size = 0;
    }
    world->frame_end_us = event->at_us;
    if (world->frame_size < sizeof world->frame && event->data.size == 1) {
        world->frame[world->frame_size++] = event->data.data[0];
    }
    if (event->last) {
        judge_request(&world->judge, event->start_us, event->at_us,
                      bytes_of(world->frame, world->frame_size));
        world->frames_bad += world->frame_size < 3 || world->frame_size != world->frame[1];
    }
    if (world->frame_size >= 3 && world->frame_size == world->frame[1] && !event->spoilt &&
        world->frame[0] != 0 && world->frame[0] < UNIT_SILENT) {
        world->reply_us = event->at_us + world->cfg.reply_us;
    }
}

static void device_answer(struct world *world)
{
    uint8_t reply[IC_FRAME_MAX];
    uint64_t start_us, end_us;
    size_t size = world->frame[2];
    if (world->now_us < world->reply_us) {
        return;
    }
    world->reply_us = TIME_NEVER;
    for (size_t i = 0; i < size; i++) {
        reply[i] = (uint8_t)(world->frame[3] + i);
    }
    if (size > 0) {
        ASSERT(sim_line_drive(&world->line, NODE_DEVICE, world->now_us, bytes_of(reply, size),
                              &start_us, &end_us) == OK);
        judge_reply(&world->judge, start_us, end_us);
    }
}

static void carry_line(struct world *world)
{
    struct sim_line_event event;
    while (sim_line_next(&world->line, world->now_us, &event)) {
        sim_transceiver_hear(&world->transceiver, &event);
        if (event.from == NODE_CORE) {
            device_hear(world, &event);
        }
    }
    sim_transceiver_tick(&world->transceiver, world->now_us);
    device_answer(world);
}

static void act(struct world *world, const struct rt_out *out)
{
    struct transceiver_timing timing = {.baud = 0};
    enum err err = OK;
    switch (out->kind) {
    case RT_OUT_SETUP:
        err = sim_transceiver_setup(&world->transceiver, world->now_us, &out->setup, &timing);
        rt_setup_done(&world->rt, world->now_us, err, &timing);
        break;
    case RT_OUT_DRIVE: sim_transceiver_drive(&world->transceiver); break;
    case RT_OUT_SEND:
        ASSERT(sim_transceiver_send(&world->transceiver, world->now_us, out->bytes) == OK);
        break;
    case RT_OUT_RELEASE: sim_transceiver_release(&world->transceiver, world->now_us); break;
    case RT_OUT_MESSAGE:
        err = push(world, &world->to_host, out->bytes);
        world->waits += err == ERR_AGAIN;
        rt_mailbox(&world->rt, err);
        break;
    case RT_OUT_LIGHT: world->light = out->light; break;
    }
}

static void drain_core(struct world *world)
{
    struct rt_out out;
    while (rt_next(&world->rt, &out)) {
        act(world, &out);
    }
}

static void hear_line(struct world *world)
{
    struct transceiver_event event;
    while (sim_transceiver_next(&world->transceiver, &event)) {
        rt_event(&world->rt, &event);
        drain_core(world);
    }
}

static void turn_core(struct world *world)
{
    struct bytes message;
    if (!world->is_core_on) {
        return;
    }
    hear_line(world);
    while (pop(world, &world->to_core, &message)) {
        rt_message(&world->rt, world->now_us, message);
        drain_core(world);
        hear_line(world);
    }
    rt_tick(&world->rt, world->now_us);
    drain_core(world);
}

static void take_done(struct world *world, const struct ic_host_out *out)
{
    ASSERT(world->done_count < WORLD_DONES);
    struct world_done *done = &world->dones[world->done_count++];
    done->done = out->done;
    done->error_us = out->error_us;
    if (out->done.reply.size > 0) {
        memcpy(done->reply, out->done.reply.data, out->done.reply.size);
    }
    done->done.reply.data = done->reply;
}

static void drain_host(struct world *world)
{
    struct ic_host_out out;
    while (ic_host_next(&world->host, &out)) {
        switch (out.kind) {
        case IC_HOST_OUT_DONE: take_done(world, &out); break;
        case IC_HOST_OUT_UP: world->ups++; break;
        case IC_HOST_OUT_DOWN:
            world->downs++;
            world->trouble = out.trouble;
            break;
        case IC_HOST_OUT_LOG:
            world->logs += ic_log_count(&out.logs);
            world->last_log = ic_log_at(&out.logs, ic_log_count(&out.logs) - 1);
            break;
        case IC_HOST_OUT_SNIFFED: world->sniffed++; break;
        case IC_HOST_OUT_STATS: world->stats++; break;
        }
    }
    uint64_t host_us = world_host_us(world, world->now_us);
    for (;;) {
        struct writer out_message = writer_of(world->waiting, sizeof world->waiting);
        if (world->waiting_size == 0) {
            if (!ic_host_message_next(&world->host, host_us, &out_message)) {
                return;
            }
            world->waiting_size = out_message.size;
        }
        if (push(world, &world->to_core, bytes_of(world->waiting, world->waiting_size)) != OK) {
            return;
        }
        world->waiting_size = 0;
    }
}

static void turn_host(struct world *world)
{
    struct bytes message;
    if (!world->is_host_on) {
        return;
    }
    while (pop(world, &world->to_host, &message)) {
        ic_host_message(&world->host, world_host_us(world, world->now_us), message);
        drain_host(world);
    }
    ic_host_tick(&world->host, world_host_us(world, world->now_us));
    drain_host(world);
}

static uint64_t deadline_us(const struct world *world)
{
    uint64_t at_us = time_min(sim_line_deadline_us(&world->line),
                              sim_transceiver_deadline_us(&world->transceiver));
    at_us = time_min(at_us, world->reply_us);
    at_us = time_min(at_us, mailbox_deadline_us(&world->to_core, world->is_core_on));
    at_us = time_min(at_us, mailbox_deadline_us(&world->to_host, world->is_host_on));
    if (world->is_core_on) {
        at_us = time_min(at_us, rt_deadline_us(&world->rt));
    }
    if (world->is_host_on) {
        uint64_t host_us = ic_host_deadline_us(&world->host, world->waiting_size == 0);
        at_us = time_min(at_us, true_us_of(world, host_us));
    }
    return at_us;
}

static void turn(struct world *world)
{
    carry_line(world);
    turn_core(world);
    turn_host(world);
    turn_core(world);
}

static void run(struct world *world, uint64_t until_us, uint32_t ups, size_t dones)
{
    uint64_t last_us = 0;
    uint32_t same = 0;
    turn(world);
    while (world->ups < ups || world->done_count < dones) {
        uint64_t at_us = deadline_us(world);
        if (at_us >= until_us) {
            break;
        }
        world->now_us = at_us > world->now_us ? at_us : world->now_us;
        same = world->now_us == last_us ? same + 1 : 0;
        ASSERT(same < 10000); // time goes on
        last_us = world->now_us;
        turn(world);
    }
    if (world->ups < ups || world->done_count < dones) {
        world->now_us = until_us;
    }
}

void world_run(struct world *world, uint64_t for_us)
{
    run(world, world->now_us + for_us, UINT32_MAX, SIZE_MAX);
    turn(world);
}

bool world_run_up(struct world *world)
{
    uint32_t ups = world->ups + 1;
    run(world, world->now_us + 10 * US_PER_S, ups, 0);
    return world->ups >= ups;
}

bool world_run_dones(struct world *world, size_t count)
{
    run(world, world->now_us + 60 * US_PER_S, 0, count);
    return world->done_count >= count;
}
