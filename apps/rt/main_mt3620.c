// SPDX-License-Identifier: Apache-2.0
// The real-time core on the MT3620: wires the application to the port. One loop decides.
#include "apps/rt/firmware.h"
#include "apps/rt/rt.h"
#include "base/time.h"
#include "port/api/clock.h"

#define MESSAGES_PER_TURN 4
#define TURN_MAX_US       US_PER_S // the watchdog wants to be fed every two seconds

static struct rt rt;
static uint8_t message[MAILBOX_MESSAGE_MAX];

static void setup(const struct transceiver_cfg *cfg)
{
    struct transceiver_timing timing = {.baud = 0};
    enum err err = transceiver_setup(cfg, &timing);
    rt_setup_done(&rt, port_now_us(), err, &timing);
}

static void act(void)
{
    struct rt_out out;
    while (rt_next(&rt, &out)) {
        switch (out.kind) {
        case RT_OUT_SETUP: setup(&out.setup); break;
        case RT_OUT_DRIVE: transceiver_drive(); break;
        case RT_OUT_SEND: (void)(transceiver_send(out.bytes) == OK); break; // else it times out
        case RT_OUT_RELEASE: transceiver_release(); break;
        case RT_OUT_MESSAGE: rt_mailbox(&rt, mailbox_send(out.bytes)); break;
        case RT_OUT_LIGHT: core_light(out.light); break;
        }
    }
}

// The time now, and all that the line said before it: the clock is read first, since a byte that
// comes between the two would be taken for silence.
static uint64_t hear(void)
{
    struct transceiver_event event;
    uint64_t now_us = port_now_us();
    for (int n = 0; n < TRANSCEIVER_EVENTS_MAX && transceiver_next(&event); n++) {
        rt_event(&rt, &event);
        act();
    }
    return now_us;
}

// To copy a message takes as long as several bytes: the line is heard again before it counts.
static void take_messages(void)
{
    size_t size;
    for (int n = 0; n < MESSAGES_PER_TURN; n++) {
        enum err err = mailbox_receive(message, sizeof message, &size);
        if (err == ERR_AGAIN) {
            break;
        }
        uint64_t now_us = hear();
        if (err == OK) {
            rt_message(&rt, now_us, bytes_of(message, size));
            act();
        }
    }
}

int main(void)
{
    struct rt_cfg cfg = {.boot_id = core_boot_id(), .firmware = FIRMWARE_VERSION};
    core_take_crash(&cfg.crash);
    rt_init(&rt, port_now_us(), &cfg);
    for (;;) {
        core_feed_watchdog();
        take_messages();
        uint64_t now_us = hear();
        rt_tick(&rt, now_us);
        act();
        core_wait(time_min(rt_deadline_us(&rt), now_us + TURN_MAX_US));
    }
}
