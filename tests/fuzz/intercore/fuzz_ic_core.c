// SPDX-License-Identifier: Apache-2.0
// The core's whole application against a gateway that says anything. Invariants: every message that
// leaves is well-formed and fits; the transceiver is set up before it is used, never sends two
// frames at a time, sends nothing while alone; the loop comes to rest; memory is the struct's own.
#include "apps/rt/rt.h"
#include "base/assert.h"
#include "tests/fuzz/intercore/steps.h"

struct harness {
    struct rt rt;
    uint64_t now_us;
    uint64_t sent_end_us; // TIME_NEVER: nothing is sent
    bool is_set_up, is_full;
};

static void check_message(struct bytes message)
{
    struct ic_message back;
    ASSERT(message.size <= IC_CORE_MESSAGE_MAX);
    ASSERT(ic_decode(message, &back) == OK);
}

static void act(struct harness *h, const struct rt_out *out)
{
    struct transceiver_timing timing = {.baud = out->setup.baud, .char_bits = 11, .char_ns = 1};
    switch (out->kind) {
    case RT_OUT_SETUP:
        h->is_set_up = out->setup.baud >= 1200 && out->setup.baud <= 921600;
        h->sent_end_us = TIME_NEVER;
        rt_setup_done(&h->rt, h->now_us, h->is_set_up ? OK : ERR_ARG, &timing);
        break;
    case RT_OUT_DRIVE: ASSERT(h->is_set_up); break;
    case RT_OUT_SEND:
        ASSERT(h->is_set_up && h->sent_end_us == TIME_NEVER && h->rt.core.host != 0);
        ASSERT(out->bytes.size >= 1 && out->bytes.size <= LINE_FRAME_MAX);
        h->sent_end_us = h->now_us + out->bytes.size * 10;
        break;
    case RT_OUT_RELEASE: h->sent_end_us = TIME_NEVER; break;
    case RT_OUT_MESSAGE:
        check_message(out->bytes);
        rt_mailbox(&h->rt, h->is_full ? ERR_AGAIN : OK);
        break;
    case RT_OUT_LIGHT: break;
    }
}

static void drain(struct harness *h)
{
    struct rt_out out;
    for (int turns = 0; rt_next(&h->rt, &out); turns++) {
        ASSERT(turns < 1000);
        act(h, &out);
    }
}

static void run(struct harness *h, uint64_t until_us)
{
    for (int turns = 0; turns < 200; turns++) {
        uint64_t at_us = time_min(rt_deadline_us(&h->rt), h->sent_end_us);
        if (at_us > until_us) {
            break;
        }
        h->now_us = at_us > h->now_us ? at_us : h->now_us;
        if (h->now_us >= h->sent_end_us) {
            const struct transceiver_event sent = {.kind = TRANSCEIVER_SENT,
                                                   .at_us = h->sent_end_us - 10,
                                                   .end_us = h->sent_end_us,
                                                   .hold_ns = 1000};
            h->sent_end_us = TIME_NEVER;
            rt_event(&h->rt, &sent);
        }
        rt_tick(&h->rt, h->now_us);
        drain(h);
    }
    h->now_us = until_us > h->now_us ? until_us : h->now_us;
    rt_tick(&h->rt, h->now_us);
    drain(h);
}

static void do_step(struct harness *h, const struct step *step)
{
    const struct transceiver_event rx = {
        .kind = step->op == 2 ? TRANSCEIVER_LOST : TRANSCEIVER_RX,
        .byte = step->value,
        .flags = step->op == 3 ? (step->value & 3U) : 0,
        .at_us = h->now_us,
    };
    switch (step->op) {
    case 0: run(h, h->now_us + (uint64_t)step->value * step->value * 50); break;
    case 1:
    case 2:
    case 3: rt_event(&h->rt, &rx); break;
    case 4: h->is_full = step->value % 2 != 0; break;
    case 5: h->sent_end_us = h->sent_end_us != TIME_NEVER ? TIME_NEVER - 1 : TIME_NEVER; break;
    default:
        if (step->size > 0) {
            rt_message(&h->rt, h->now_us, bytes_of(step->message, step->size));
        }
        break;
    }
    drain(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct harness h;
    const struct rt_cfg cfg = {.boot_id = 5, .firmware = "fuzz"};
    struct reader in = reader_of(bytes_of(data, size));
    struct step step;
    h = (struct harness){.now_us = US_PER_S, .sent_end_us = TIME_NEVER};
    rt_init(&h.rt, h.now_us, &cfg);
    drain(&h);
    while (step_next(&in, 9, 5, h.rt.core.sequence_in, &step)) {
        do_step(&h, &step);
    }
    h.is_full = false;
    run(&h, h.now_us + 20 * US_PER_S);
    ASSERT(h.rt.core.host == 0); // nobody spoke for so long
    return 0;
}
