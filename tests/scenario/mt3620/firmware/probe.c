// SPDX-License-Identifier: Apache-2.0
// Firmware of the tests' own: hands the seams of the real-time port to a test, one message each.
#include <string.h>

#include "base/assert.h"
#include "base/time.h"
#include "port/api/clock.h"
#include "port/api/core.h"
#include "port/api/mailbox.h"
#include "port/api/transceiver.h"
#include "port/mt3620/irq.h"
#include "tests/scenario/mt3620/firmware/probe.h"

#define QUEUE_MAX 8 // answers that found no room yet

#define ANSWER_MAX 96

struct answer {
    uint8_t size;
    uint8_t bytes[ANSWER_MAX];
};

static struct answer queue[QUEUE_MAX];
static unsigned queue_first, queue_count;
static uint64_t wake_us;
static bool is_hung;

static void say(const struct writer *w)
{
    ASSERT(!w->failed && queue_count < QUEUE_MAX);
    struct answer *answer = &queue[(queue_first + queue_count++) % QUEUE_MAX];
    answer->size = (uint8_t)w->size;
    memcpy(answer->bytes, w->data, w->size);
}

static void say_started(void)
{
    uint8_t bytes[ANSWER_MAX];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct core_crash crash;
    core_take_crash(&crash);
    put_u8(&w, PROBE_STARTED);
    put_u32le(&w, core_boot_id());
    put_u8(&w, (uint8_t)crash.end);
    put_u32le(&w, crash.line);
    put_bytes(&w, bytes_of(crash.file, sizeof crash.file));
    for (size_t i = 0; i < CORE_REGISTERS; i++) {
        put_u32le(&w, crash.registers[i]);
    }
    put_u32le(&w, crash.cfsr);
    put_u32le(&w, crash.address);
    put_u32le(&w, crash.count);
    say(&w);
}

static void on_setup(struct reader *r)
{
    uint8_t bytes[64];
    struct writer w = writer_of(bytes, sizeof bytes);
    struct transceiver_cfg cfg = {.baud = get_u32le(r)};
    cfg.parity = (enum serial_parity)get_u8(r);
    cfg.stop_bits = get_u8(r);
    cfg.guard_bits8 = get_u8(r);
    cfg.de_active_low = get_u8(r) != 0;
    cfg.hears_itself = get_u8(r) != 0;
    struct transceiver_timing timing = {.baud = 0};
    enum err err = transceiver_setup(&cfg, &timing);
    put_u8(&w, PROBE_SETUP_DONE);
    put_u8(&w, (uint8_t)err);
    put_u32le(&w, timing.baud);
    put_u32le(&w, timing.char_ns);
    put_u8(&w, timing.char_bits);
    say(&w);
}

static void on_send(struct bytes frame)
{
    uint8_t bytes[2] = {PROBE_SEND_DONE, (uint8_t)transceiver_send(frame)};
    if (bytes[1] != OK) {
        struct writer w = {.data = bytes, .capacity = 2, .size = 2};
        say(&w);
    }
}

static void spend(uint32_t us)
{
    uint64_t until_us = port_now_us() + us;
    while (port_now_us() < until_us) {
    }
}

static void on_message(struct bytes in)
{
    struct reader r = reader_of(in);
    switch ((enum probe_kind)get_u8(&r)) {
    case PROBE_SETUP: on_setup(&r); break;
    case PROBE_DRIVE: transceiver_drive(); break;
    case PROBE_SEND: on_send(get_bytes(&r, reader_left(&r))); break;
    case PROBE_RELEASE: transceiver_release(); break;
    case PROBE_ECHO:
        if (mailbox_send(in) != OK) {
            ASSERT(false);
        }
        break;
    case PROBE_ASSERT: ASSERT(in.size == 0); break;
    case PROBE_FAULT: (void)*(volatile uint32_t *)get_u32le(&r); break;
    case PROBE_HANG: is_hung = true; break;
    case PROBE_AT: wake_us = port_now_us() + get_u32le(&r); break;
    case PROBE_BUSY: spend(get_u32le(&r)); break;
    case PROBE_DEAF: {
        uint32_t held = irq_hold();
        spend(get_u32le(&r));
        irq_restore(held);
        break;
    }
    case PROBE_STARTED:
    case PROBE_SETUP_DONE:
    case PROBE_SEND_DONE:
    case PROBE_EVENT:
    case PROBE_WOKEN: ASSERT(false);
    }
}

static void say_event(const struct transceiver_event *event)
{
    uint8_t bytes[64];
    struct writer w = writer_of(bytes, sizeof bytes);
    put_u8(&w, PROBE_EVENT);
    put_u8(&w, (uint8_t)event->kind);
    put_u8(&w, event->byte);
    put_u8(&w, event->flags);
    put_u64le(&w, event->at_us);
    put_u64le(&w, event->end_us);
    put_u32le(&w, event->hold_ns);
    say(&w);
}

static void tick(uint64_t now_us)
{
    if (now_us >= wake_us) {
        uint8_t bytes[64];
        struct writer w = writer_of(bytes, sizeof bytes);
        put_u8(&w, PROBE_WOKEN);
        put_u64le(&w, wake_us);
        put_u64le(&w, now_us);
        wake_us = TIME_NEVER;
        say(&w);
    }
}

static void flush(void)
{
    while (queue_count > 0) {
        const struct answer *answer = &queue[queue_first];
        if (mailbox_send(bytes_of(answer->bytes, answer->size)) != OK) {
            return;
        }
        queue_first = (queue_first + 1) % QUEUE_MAX;
        queue_count--;
    }
}

int main(void)
{
    static uint8_t message[MAILBOX_MESSAGE_MAX];
    wake_us = TIME_NEVER;
    say_started();
    for (;;) {
        uint64_t now_us = port_now_us();
        size_t size;
        struct transceiver_event event;
        if (!is_hung) {
            core_feed_watchdog();
        }
        if (queue_count < QUEUE_MAX - 2 && mailbox_receive(message, sizeof message, &size) == OK) {
            on_message(bytes_of(message, size));
        }
        while (queue_count < QUEUE_MAX - 1 && transceiver_next(&event)) {
            say_event(&event);
        }
        tick(now_us);
        flush();
        core_wait(time_min(wake_us, now_us + US_PER_S));
    }
}
