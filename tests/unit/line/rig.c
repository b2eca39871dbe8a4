// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/line/rig.h"

#include <string.h>

#include "base/assert.h"

static void drain(struct rig *rig)
{
    struct line_out out;
    while (line_next(&rig->line, &out)) {
        switch (out.kind) {
        case LINE_OUT_DE_ON:
            ASSERT(!rig->de);
            rig->de = true;
            rig->de_on_us = rig->now_us;
            break;
        case LINE_OUT_DE_OFF:
            rig->de = false;
            rig->de_off_us = out.at_us;
            break;
        case LINE_OUT_TX:
            ASSERT(rig->de);
            rig->tx_us = rig->now_us;
            rig->tx_count++;
            rig->tx_size = out.frame.size;
            memcpy(rig->tx, out.frame.data, out.frame.size);
            if (rig->auto_tx) {
                line_tx_done(&rig->line, rig->now_us, rig->now_us,
                             rig->now_us + line_chars_us(&rig->line, (uint32_t)out.frame.size));
            }
            break;
        case LINE_OUT_DONE:
            ASSERT(rig->done_count < RIG_DONE_MAX);
            rig->done[rig->done_count++] = *out.done;
            break;
        case LINE_OUT_HEARD:
            rig->heard_count++;
            rig->heard_size = out.frame.size;
            break;
        }
    }
}

void rig_run(struct rig *rig, uint64_t until_us)
{
    for (;;) {
        drain(rig);
        uint64_t deadline_us = line_deadline_us(&rig->line);
        if (deadline_us > until_us) {
            break;
        }
        rig->now_us = deadline_us > rig->now_us ? deadline_us : rig->now_us;
        line_tick(&rig->line, rig->now_us);
    }
    rig->now_us = until_us > rig->now_us ? until_us : rig->now_us;
}

void rig_init(struct rig *rig, const struct line_cfg *cfg)
{
    memset(rig, 0, sizeof *rig);
    line_init(&rig->line, cfg);
    rig->char_us = line_chars_us(&rig->line, 1);
    rig->auto_tx = true;
    line_port(&rig->line, 0, true);
    rig_run(rig, US_PER_S);
}

struct line_send rig_frame(uint32_t token, uint16_t size)
{
    struct line_send send = {.token = token,
                             .reply_timeout_us = 100 * US_PER_MS,
                             .turnaround_us = 50 * US_PER_MS,
                             .frame_size = size};
    for (uint16_t i = 0; i < size; i++) {
        send.frame[i] = (uint8_t)(i + 1);
    }
    return send;
}

void rig_send(struct rig *rig, const struct line_send *send)
{
    ASSERT(line_send(&rig->line, rig->now_us, send) == OK);
    rig_run(rig, rig->now_us);
}

void rig_rx(struct rig *rig, uint64_t first_us, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        rig_rx_flagged(rig, first_us + i * rig->char_us, bytes[i], LINE_RX_GOOD);
    }
}

void rig_rx_flagged(struct rig *rig, uint64_t at_us, uint8_t byte, unsigned flags)
{
    rig_run(rig, at_us);
    line_rx(&rig->line, at_us, bytes_of(&byte, 1), flags);
    rig_run(rig, at_us);
}

void rig_burst(struct rig *rig, uint64_t at_us, const void *data, size_t size)
{
    rig_run(rig, at_us);
    line_rx(&rig->line, at_us, bytes_of(data, size), LINE_RX_GOOD);
    rig_run(rig, at_us);
}

const struct line_done *rig_last(const struct rig *rig)
{
    ASSERT(rig->done_count > 0);
    return &rig->done[rig->done_count - 1];
}
