// SPDX-License-Identifier: Apache-2.0
// Characters with gaps. Input: a byte of flags (bit 0: coarse), then pairs (gap in 50 us, byte).
// Every frame handed out must have a good CRC, and a quiet line brings back a good frame.
#include "modbus/rtu_rx.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t drain(struct mb_rx *rx)
{
    struct mb_rx_frame got;
    size_t count = 0;
    while (mb_rx_next(rx, &got)) {
        ASSERT(got.frame.pdu.size >= 1 && got.frame.pdu.size <= MB_PDU_SIZE_MAX);
        ASSERT(got.first_us <= got.last_us);
        count++;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t good[] = {2, 7, 0x41, 0x12};
    struct reader r = reader_of(bytes_of(data, size));
    bool coarse = (get_u8(&r) & 1) != 0;
    struct mb_rx rx;
    mb_rx_init(&rx,
               &(struct mb_rx_config){.silence = mb_silence(19200, 11, false), .coarse = coarse});
    uint64_t now_us = 1000;
    while (reader_left(&r) >= 2) {
        now_us += 50 * (uint64_t)get_u8(&r) + (coarse ? 0 : rx.config.silence.char_us);
        uint8_t byte = get_u8(&r);
        mb_rx_tick(&rx, now_us);
        (void)drain(&rx);
        if (coarse) {
            mb_rx_burst(&rx, now_us, bytes_of(&byte, 1));
        } else {
            mb_rx_byte(&rx, now_us, byte, true);
        }
    }
    for (int i = 0; i < 2; i++) {
        now_us += MB_RX_GAP_US + MB_RX_HELD_MAX * (uint64_t)rx.config.silence.char_us;
        mb_rx_tick(&rx, now_us);
        (void)drain(&rx);
    }
    ASSERT(rx.state == MB_RX_IDLE);
    for (size_t i = 0; i < sizeof(good); i++) {
        now_us += rx.config.silence.char_us;
        if (coarse) {
            mb_rx_burst(&rx, now_us, bytes_of(&good[i], 1));
        } else {
            mb_rx_byte(&rx, now_us, good[i], true);
        }
    }
    mb_rx_tick(&rx, now_us + MB_RX_GAP_US);
    ASSERT(drain(&rx) == 1);
    return 0;
}
