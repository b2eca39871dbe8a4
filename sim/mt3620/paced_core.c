// SPDX-License-Identifier: Apache-2.0
#include "sim/mt3620/paced_core.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "port/api/clock.h"
#include "port/linux/log.h"

// A sleeping core's own events (bits being sampled, mostly) are run in steps: its outputs carry
// their exact times, and no end of a frame comes sooner after the last event than this.
#define STEP_US 250
// So far behind it still takes what the gateway says meanwhile, or its line would stand still while
// it catches up. Further behind the line has to wait, or a host that is too slow for the model
// would fall behind for good.
#define LAG_MAX_US    (50 * US_PER_MS)
#define SPEED_PERCENT 3 // further off, the devices hear garbage
#define U_PER_S       (MT_U_PER_US * US_PER_S)

static const char *const CAUSES[] = {"power", "host", "core", "watchdog"};

static uint64_t to_u(const struct paced_core *core, uint64_t at_us)
{
    return at_us <= core->epoch_us ? 0 : (at_us - core->epoch_us) * MT_U_PER_US;
}

// Rounded up: a frame never seems to start sooner than it did.
static uint64_t to_us(const struct paced_core *core, uint64_t at_u)
{
    return core->epoch_us + (at_u + MT_U_PER_US - 1) / MT_U_PER_US;
}

enum err paced_core_open(struct paced_core *core, const struct paced_core_cfg *cfg)
{
    memset(core, 0, sizeof *core);
    core->cfg = *cfg;
    core->gate.listen_fd = -1;
    core->gate.fd = -1;
    core->mt = mt_open(&cfg->model, core->problem, sizeof core->problem);
    if (core->mt == NULL) {
        return ERR_IO;
    }
    enum err err = paced_open(&core->paced, &cfg->line);
    if (err != OK) {
        snprintf(core->problem, sizeof core->problem, "%s", core->paced.problem);
        return err;
    }
    if (!gate_open(&core->gate, cfg->mailbox)) {
        snprintf(core->problem, sizeof core->problem, "mailbox %s: %s", cfg->mailbox,
                 strerror(errno));
        return ERR_IO;
    }
    // The line's judge counts in whole microseconds, rounded up; this one is exact.
    mt_judge_init(&core->judge, (cfg->line.t3_5_us - 1) * MT_U_PER_US);
    core->epoch_us = port_now_us();
    core->ran_us = core->epoch_us;
    return OK;
}

static void end_frame(struct paced_core *core)
{
    if (core->frame_size != 0) {
        paced_send(&core->paced, to_us(core, core->frame_start_u),
                   bytes_of(core->frame, core->frame_size));
    }
    core->frame_size = 0;
}

// Characters that left while the driver was off are on nobody's wire.
static void take_char(struct paced_core *core, const struct mt_event *event)
{
    if (event->uart != 0 || event->lost_u == event->at_u - event->start_u) {
        return;
    }
    const struct sim_line_cfg *line = &core->cfg.line.line;
    double off = (double)event->bit_u * line->baud / (double)U_PER_S * 100 - 100;
    bool fits = event->bit_count == line->char_bits && off < SPEED_PERCENT && off > -SPEED_PERCENT;
    core->mismatched += !fits;
    if (core->frame_size == 0) {
        core->frame_start_u = event->start_u;
    }
    core->frame[core->frame_size++] = (uint8_t)(fits ? event->heard : event->heard ^ 0x5aU);
    if (core->frame_size == sizeof core->frame || !core->driving) {
        end_frame(core); // it babbles, or the driver fell before its end
    }
}

static void take_event(struct paced_core *core, const struct mt_event *event)
{
    struct mt_frame frame;
    (void)mt_judge_event(&core->judge, event, &frame);
    switch (event->kind) {
    case MT_CHAR: take_char(core, event); break;
    case MT_PIN:
        if (event->pin == MT_PIN_DE) {
            core->driving = event->level;
            if (!event->level && event->busy == 0) {
                end_frame(core);
            }
        }
        break;
    case MT_MESSAGE: gate_flush(&core->gate, core->mt); break;
    case MT_RESET: log_warn("m4", "reset", "cause=%s", CAUSES[event->cause]); break;
    case MT_LOCKUP: log_error("m4", "lockup", ""); break;
    }
}

// What the devices began to send, bit by bit into the core.
static void hear(struct paced_core *core)
{
    const struct sim_line_cfg *line = &core->cfg.line.line;
    uint64_t bits_per_char = line->char_bits;
    struct paced_burst burst;
    while (paced_heard(&core->paced, &burst)) {
        uint64_t start_u = to_u(core, burst.start_us);
        for (size_t i = 0; i < burst.size; i++) {
            struct mt_rx in = {.byte = burst.data[i],
                               .start_u = start_u + i * bits_per_char * U_PER_S / line->baud,
                               .bit_u = (uint32_t)(U_PER_S / line->baud),
                               .parity = core->cfg.parity,
                               .stop_bits = core->cfg.stop_bits};
            uint64_t end_u;
            if (!burst.lost[i] && mt_rx(core->mt, &in, &end_u) != OK) {
                log_warn("m4", "rx_full", "");
            }
        }
        uint64_t end_u = start_u + burst.size * bits_per_char * U_PER_S / line->baud;
        mt_judge_heard(&core->judge, start_u, end_u);
    }
}

// False: the model failed.
static bool run(struct paced_core *core, uint64_t until_us)
{
    if (until_us <= core->ran_us) {
        return true;
    }
    enum mt_ran ran;
    do {
        ran = mt_run(core->mt, to_u(core, until_us));
        struct mt_event event;
        while (mt_next(core->mt, &event)) {
            take_event(core, &event);
        }
    } while (ran == MT_OUTPUT);
    core->ran_us = until_us;
    if (ran == MT_FAILED) {
        snprintf(core->problem, sizeof core->problem, "%s", mt_failure(core->mt));
    }
    return ran != MT_FAILED;
}

static uint64_t core_deadline_us(struct paced_core *core)
{
    uint64_t wake_u = mt_wake_u(core->mt);
    if (wake_u == MT_NEVER) {
        return TIME_NEVER;
    }
    uint64_t wake_us = to_us(core, wake_u);
    return wake_us > core->ran_us + STEP_US ? wake_us : core->ran_us + STEP_US;
}

bool paced_core_turn(struct paced_core *core, int stop_fd, uint64_t until_us)
{
    struct pollfd fds[PACED_ENDS_MAX + GATE_FDS + 1];
    size_t ends = paced_fds(&core->paced, fds);
    gate_fds(&core->gate, fds + ends);
    fds[ends + GATE_FDS] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
    uint64_t due_us = core_deadline_us(core);
    uint64_t deadline_us = time_min(time_min(paced_deadline_us(&core->paced), until_us), due_us);
    uint64_t now_us = port_now_us();
    uint64_t wait_us = deadline_us > now_us ? deadline_us - now_us : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait_us / US_PER_S),
                               .tv_nsec = (long)(wait_us % US_PER_S * 1000)};
    int n = ppoll(fds, ends + GATE_FDS + 1, deadline_us == TIME_NEVER ? NULL : &timeout, NULL);
    now_us = port_now_us();
    if (now_us > due_us && now_us - due_us > core->slipped_us) {
        core->slipped_us = now_us - due_us;
    }
    // What came while the host stalled came before the core's own next event, and not after all of
    // those that it has missed.
    bool good = run(core, time_min(now_us, due_us));
    if (n > 0) {
        paced_read(&core->paced, fds, core->ran_us);
        gate_read(&core->gate, core->mt, fds + ends);
    }
    hear(core);
    do {
        good = good && run(core, time_min(now_us, core->ran_us + STEP_US));
        paced_deliver(&core->paced, core->ran_us);
        hear(core); // late replies, the built-in responder
        if (core->ran_us < now_us && now_us - core->ran_us < LAG_MAX_US) {
            gate_take(&core->gate, core->mt);
        }
    } while (good && core->ran_us < now_us);
    gate_flush(&core->gate, core->mt);
    return good && (n <= 0 || fds[ends + GATE_FDS].revents == 0);
}

void paced_core_reset(struct paced_core *core)
{
    mt_judge_reset(&core->judge);
    mt_reset(core->mt, false);
}

void paced_core_report(const struct paced_core *core, FILE *out)
{
    struct mt_counters counters;
    mt_counters(core->mt, &counters);
    fputc('{', out);
    paced_report(&core->paced, out);
    fputc(',', out);
    mt_judge_report(&core->judge, out);
    fprintf(out,
            ",\"core\":{\"virtual_us\":%llu,\"instructions\":%llu,\"interrupts\":%llu,"
            "\"irq_latency_ns\":%.0f,\"resets\":%u,\"stack_bytes\":%u,\"rx_overruns\":%llu,",
            (unsigned long long)(mt_now_u(core->mt) / MT_U_PER_US),
            (unsigned long long)counters.instructions, (unsigned long long)counters.interrupts,
            (double)counters.irq_latency_u * 250 / 247, counters.resets, counters.stack_bytes,
            (unsigned long long)counters.rx_overruns);
    fprintf(out, "\"mismatched\":%llu,\"slipped_us\":%llu},", (unsigned long long)core->mismatched,
            (unsigned long long)core->slipped_us);
    fprintf(out,
            "\"mailbox\":{\"received\":%llu,\"sent\":%llu,\"refused\":%llu,\"corrupt\":%llu}}\n",
            (unsigned long long)core->gate.received, (unsigned long long)core->gate.sent,
            (unsigned long long)core->gate.refused, (unsigned long long)core->gate.corrupt);
}

void paced_core_close(struct paced_core *core)
{
    gate_close(&core->gate);
    if (core->paced.end_count != 0) {
        paced_close(&core->paced);
    }
    if (core->mt != NULL) {
        mt_close(core->mt);
    }
}
