// SPDX-License-Identifier: Apache-2.0
#include "tests/scenario/mt3620/app_rig.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

static uint64_t now_us(const struct app *app)
{
    return mt_now_u(app->rig.mt) / MT_U_PER_US;
}

static void take_outs(struct app *app)
{
    struct ic_host_out out;
    while (ic_host_next(&app->host, &out)) {
        if (out.kind == IC_HOST_OUT_UP) {
            app->up_count++;
        } else if (out.kind == IC_HOST_OUT_DOWN) {
            app->down_count++;
            app->trouble = out.trouble;
        } else if (out.kind == IC_HOST_OUT_DONE) {
            app->done = (struct app_done){.token = out.done.token,
                                          .outcome = out.done.outcome,
                                          .hold_ns = out.done.hold_ns,
                                          .tx_end_us = out.done.tx_end_us,
                                          .rx_last_us = out.done.rx_last_us,
                                          .reply_size = (uint16_t)out.done.reply.size};
            if (out.done.reply.size != 0) {
                memcpy(app->done.reply, out.done.reply.data, out.done.reply.size);
            }
            app->done_count++;
            app->outcomes[out.done.outcome]++;
            if (app->on_done != NULL) {
                app->on_done(app, &app->done);
            }
        }
    }
}

static void send_messages(struct app *app)
{
    for (;;) {
        if (app->out_size == 0) {
            struct writer w = writer_of(app->out, sizeof app->out);
            if (!ic_host_message_next(&app->host, now_us(app), &w)) {
                return;
            }
            app->out_size = w.size;
        }
        if (mt_send(app->rig.mt, bytes_of(app->out, app->out_size)) != OK) {
            return; // no room: again after the next step
        }
        app->out_size = 0;
    }
}

static void host_turn(struct app *app)
{
    const struct rig_message *message = rig_take(&app->rig, 0);
    while (message != NULL) {
        ic_host_message(&app->host, now_us(app), bytes_of(message->bytes, message->size));
        take_outs(app);
        message = rig_take(&app->rig, 0);
    }
    ic_host_tick(&app->host, now_us(app));
    take_outs(app);
    send_messages(app);
}

static void wire_turn(struct app *app)
{
    const struct rig_frame *frame = &app->rig.frame;
    if (app->rig.frame_count == app->frames_seen) {
        return;
    }
    app->frames_seen = app->rig.frame_count;
    if (frame->size == 0) {
        return;
    }
    judge_request(&app->judge, frame->first_u / MT_U_PER_US, frame->end_u / MT_U_PER_US,
                  bytes_of(frame->bytes, frame->size));
    app->wire_end_u = frame->end_u > app->wire_end_u ? frame->end_u : app->wire_end_u;
    if (app->device != NULL) {
        app->device(app, frame);
    }
}

static bool step(struct app *app, uint64_t until_u)
{
    uint64_t deadline_us = ic_host_deadline_us(&app->host, app->out_size == 0);
    uint64_t to_u = until_u;
    if (deadline_us < until_u / MT_U_PER_US) {
        to_u = deadline_us * MT_U_PER_US;
    }
    to_u = to_u > mt_now_u(app->rig.mt) ? to_u : mt_now_u(app->rig.mt) + MT_U_PER_US;
    (void)rig_step(&app->rig, to_u);
    wire_turn(app);
    host_turn(app);
    return app->rig.failure[0] == '\0' && mt_now_u(app->rig.mt) < until_u;
}

bool app_run_us(struct app *app, uint64_t us)
{
    uint64_t until_u = mt_now_u(app->rig.mt) + us * MT_U_PER_US;
    while (step(app, until_u)) {
    }
    return app->rig.failure[0] == '\0';
}

bool app_run_done(struct app *app, uint32_t count, uint64_t longest_us)
{
    uint64_t until_u = mt_now_u(app->rig.mt) + longest_us * MT_U_PER_US;
    while (app->done_count < count && step(app, until_u)) {
    }
    return app->done_count >= count;
}

bool app_run_up(struct app *app, uint64_t longest_us)
{
    uint64_t until_u = mt_now_u(app->rig.mt) + longest_us * MT_U_PER_US;
    while (app->host.state != IC_HOST_UP && step(app, until_u)) {
    }
    return app->host.state == IC_HOST_UP;
}

bool app_open(struct app *app, const char *elf, const struct mt_knobs *knobs,
              const struct ic_line_setup *setup)
{
    memset(app, 0, sizeof *app);
    if (!rig_open(&app->rig, rig_elf(elf == NULL ? "busward-rt" : elf), knobs)) {
        return false;
    }
    const struct ic_host_cfg cfg = {.setup = *setup, .seed = 7, .name = "rig"};
    app->bit_u = (uint32_t)(U_PER_S / setup->baud);
    app->char_bits = (uint8_t)(9 + setup->stop_bits + (setup->parity != 0));
    ic_host_init(&app->host, &cfg);
    ic_host_link(&app->host, 0, true);
    if (!app_run_up(app, 5 * US_PER_S)) {
        if (app->rig.failure[0] == '\0') {
            snprintf(app->rig.failure, sizeof app->rig.failure, "the line does not come up: %d",
                     (int)app->host.trouble);
        }
        return false;
    }
    judge_init(&app->judge, app->host.line_state.t3_5_us);
    return true;
}

void app_close(struct app *app)
{
    rig_close(&app->rig);
}

enum err app_send(struct app *app, uint32_t token, struct bytes frame, uint32_t timeout_us)
{
    const struct ic_send send = {.token = token,
                                 .broadcast = timeout_us == 0,
                                 .reply_timeout_us = timeout_us,
                                 .frame = frame};
    enum err err = ic_host_send(&app->host, &send);
    send_messages(app);
    return err;
}

void app_talk(struct app *app, uint64_t start_u, struct bytes in)
{
    enum serial_parity parity = (enum serial_parity)app->host.cfg.setup.parity;
    uint64_t end_u =
        rig_talk(&app->rig, start_u, app->bit_u, in, parity, app->host.cfg.setup.stop_bits);
    judge_reply(&app->judge, start_u / MT_U_PER_US, end_u / MT_U_PER_US);
    app->wire_end_u = end_u;
}

void app_device_echoes(struct app *app, const struct rig_frame *frame)
{
    app_talk(app, frame->end_u + app->turnaround_u, bytes_of(frame->bytes, frame->size));
}
