// SPDX-License-Identifier: Apache-2.0
// The line machine under any sequence of bytes, gaps, SENDs, cancels and lost ports. Invariants:
// one DONE per SEND, nothing sent less than t3.5 after a byte it heard, nothing while the port is
// down.
#include <string.h>

#include "base/assert.h"
#include "line/line.h"

struct harness {
    struct line line;
    uint64_t now_us;
    uint64_t last_rx_us;
    bool heard;
    bool up;
    uint32_t sent;
    uint32_t done;
};

static void drain(struct harness *h)
{
    struct line_out out;
    while (line_next(&h->line, &out)) {
        if (out.kind == LINE_OUT_TX) {
            ASSERT(h->up && out.frame.size >= 1 && out.frame.size <= LINE_FRAME_MAX);
            ASSERT(!h->heard || h->now_us >= h->last_rx_us + h->line.t3_5_us);
            line_tx_done(&h->line, h->now_us, h->now_us,
                         h->now_us + line_chars_us(&h->line, (uint32_t)out.frame.size));
        } else if (out.kind == LINE_OUT_DONE) {
            ASSERT(out.done->reply_size <= LINE_FRAME_MAX);
            h->done++;
        }
    }
    ASSERT(h->sent == h->done + line_queue_count(&h->line));
}

static void run(struct harness *h, uint64_t until_us)
{
    drain(h);
    for (int turns = 0; line_deadline_us(&h->line) <= until_us; turns++) {
        ASSERT(turns < 10000); // progress: no deadline comes back without end
        uint64_t deadline_us = line_deadline_us(&h->line);
        h->now_us = deadline_us > h->now_us ? deadline_us : h->now_us;
        line_tick(&h->line, h->now_us);
        drain(h);
    }
    h->now_us = until_us;
}

static void act(struct harness *h, uint8_t op, uint8_t value)
{
    struct line_send send = {.token = value & 7,
                             .broadcast = (value & 8) != 0,
                             .barrier = (value & 16) != 0,
                             .reply_timeout_us = 1000U * value,
                             .turnaround_us = 500U * value,
                             .reply_size = value,
                             .alt_size = (value & 32) != 0 ? 5 : 0,
                             .alt_index = 1,
                             .alt_mask = 0x80,
                             .frame_size = (uint16_t)(value + 1)};
    switch (op & 7) {
    case 0:
        if (line_send(&h->line, h->now_us, &send) == OK) {
            h->sent++;
        }
        break;
    case 1: line_cancel(&h->line, h->now_us, value & 7); break;
    case 2: line_resume(&h->line, h->now_us); break;
    case 3:
        h->up = (value & 3) != 0;
        line_port(&h->line, h->now_us, h->up);
        break;
    case 4: run(h, h->now_us + 10U * value * value); break;
    default:
        line_rx(&h->line, h->now_us, bytes_of(&value, 1), (op & 0x30) == 0x30 ? 1 : 0);
        h->last_rx_us = h->now_us;
        h->heard = true;
        break;
    }
    drain(h);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1) {
        return 0;
    }
    struct harness h = {.now_us = 1000, .up = true};
    const struct line_cfg cfg = {.baud = 19200,
                                 .coarse = (data[0] & 1) != 0,
                                 .echo = (data[0] & 2) != 0,
                                 .listen_only = (data[0] & 4) != 0,
                                 .early_reply = (data[0] & 8) != 0,
                                 .de_lead_bits8 = (data[0] & 16) != 0 ? 12 : 0};
    line_init(&h.line, &cfg);
    line_port(&h.line, h.now_us, true);
    for (size_t i = 1; i + 1 < size; i += 2) {
        run(&h, h.now_us + (data[i] >> 3) * 100U); // the gap before it
        act(&h, data[i], data[i + 1]);
    }
    run(&h, h.now_us + 100 * US_PER_S);
    return 0;
}
