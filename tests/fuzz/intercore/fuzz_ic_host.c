// SPDX-License-Identifier: Apache-2.0
// The gateway's session against a core that says anything. Invariants: one DONE per SEND, none in
// its future; every message that leaves is well-formed; no more SENDs out than there are credits;
// the machine comes to rest.
#include "base/assert.h"
#include "intercore/host_session.h"
#include "tests/fuzz/intercore/steps.h"

struct harness {
    struct ic_host host;
    uint64_t now_us;
    uint32_t sent, done;
};

static void drain(struct harness *h)
{
    struct ic_host_out out;
    uint8_t data[IC_MESSAGE_MAX];
    for (int turns = 0; ic_host_next(&h->host, &out); turns++) {
        ASSERT(turns < 1000);
        if (out.kind == IC_HOST_OUT_DONE) {
            h->done++;
            ASSERT(out.done.outcome < IC_OUTCOMES && out.done.reply.size <= IC_FRAME_MAX);
            ASSERT(out.done.rx_last_us <= h->now_us && out.done.tx_end_us <= h->now_us);
        } else if (out.kind == IC_HOST_OUT_LOG) {
            ASSERT(ic_log_count(&out.logs) <= IC_LOG_MAX);
        }
    }
    for (int turns = 0;; turns++) {
        struct writer w = writer_of(data, sizeof data);
        struct ic_message back;
        ASSERT(turns < 1000);
        if (!ic_host_message_next(&h->host, h->now_us, &w)) {
            break;
        }
        ASSERT(ic_decode(writer_bytes(&w), &back) == OK);
    }
    ASSERT(h->host.waits_max <= IC_QUEUE_MAX);
}

static void run(struct harness *h, uint64_t until_us)
{
    for (int turns = 0;; turns++) {
        uint64_t at_us = ic_host_deadline_us(&h->host, true);
        if (at_us > until_us) {
            break;
        }
        ASSERT(turns < 100000);
        h->now_us = at_us > h->now_us ? at_us : h->now_us;
        ic_host_tick(&h->host, h->now_us);
        drain(h);
    }
    h->now_us = until_us;
}

static void do_step(struct harness *h, const struct step *step)
{
    const struct ic_send send = {.token = step->value & 15U,
                                 .barrier = step->value > 200,
                                 .reply_timeout_us = step->value * 1000U,
                                 .frame = bytes_of("frame", 5)};
    switch (step->op) {
    case 0: run(h, h->now_us + (uint64_t)step->value * step->value * 50); break;
    case 1: h->sent += ic_host_send(&h->host, &send) == OK; break;
    case 2: ic_host_cancel(&h->host, step->value & 15U); break;
    case 3: ic_host_resume(&h->host); break;
    case 4: ic_host_link(&h->host, h->now_us, step->value % 4 != 0); break;
    default:
        if (step->size > 0) {
            ic_host_message(&h->host, h->now_us, bytes_of(step->message, step->size));
        }
        break;
    }
    drain(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct harness h;
    const struct ic_host_cfg cfg = {
        .seed = 1, .name = "fuzz", .setup = {.baud = 19200, .parity = 1, .stop_bits = 1}};
    struct reader in = reader_of(bytes_of(data, size));
    struct step step;
    h = (struct harness){.now_us = US_PER_S};
    ic_host_init(&h.host, &cfg);
    ic_host_link(&h.host, h.now_us, true);
    drain(&h);
    while (step_next(&in, 5, h.host.boot_id, h.host.sequence_in, &step)) {
        do_step(&h, &step);
    }
    ic_host_link(&h.host, h.now_us, false);
    drain(&h);
    ASSERT(h.sent == h.done);
    return 0;
}
