// SPDX-License-Identifier: Apache-2.0
#include "modbus/rtu_rx.h"

#include "base/assert.h"

#include <string.h>

enum { REQUEST_SIZE = 8 }; // of one that reads, or writes one value

void mb_rx_init(struct mb_rx *rx, const struct mb_rx_config *config)
{
    memset(rx, 0, sizeof(*rx));
    rx->config = *config;
    uint32_t t35_us = config->silence.t35_us;
    if (rx->config.gap_us == 0) {
        rx->config.gap_us = t35_us > MB_RX_GAP_US ? t35_us : MB_RX_GAP_US;
    }
}

static void enter_idle(struct mb_rx *rx)
{
    rx->state = MB_RX_IDLE;
    rx->size = 0;
    rx->taken = 0;
    rx->overflow = false;
}

static void enter_receiving(struct mb_rx *rx, uint64_t at_us)
{
    enter_idle(rx);
    rx->state = MB_RX_RECEIVING;
    rx->first_us = at_us;
    rx->wait_us = rx->config.silence.t35_us;
}

static void enter_broken(struct mb_rx *rx)
{
    rx->state = MB_RX_BROKEN;
    rx->wait_us = rx->config.silence.t35_us;
}

static bool has_good_crc(struct bytes in)
{
    return in.size >= MB_RTU_SIZE_MIN && in.size <= MB_RTU_SIZE_MAX &&
           mb_crc16(MB_CRC_START, in) == 0;
}

// The size of the good frame that starts here, 0 if there is none. As a request or a reply: a
// receiver on a line with others hears both. The length must agree, for a good frame with zeros
// behind it has a good CRC too; one whose length agrees with nothing is left to the codec, unless
// it begins with a good frame.
static size_t good_frame(struct bytes in)
{
    size_t sizes[] = {mb_rtu_size(MB_REQUESTS, in), mb_rtu_size(MB_REPLIES, in)};
    bool is_whole = has_good_crc(in);
    for (size_t i = 0; i < COUNT_OF(sizes) && is_whole; i++) {
        if (sizes[i] == in.size || sizes[i] == MB_SIZE_OPEN) {
            return in.size;
        }
    }
    for (size_t i = 0; i < COUNT_OF(sizes); i++) {
        if (sizes[i] < in.size && has_good_crc(bytes_of(in.data, sizes[i]))) {
            return sizes[i];
        }
    }
    return is_whole ? in.size : 0;
}

// Nothing but good frames, to the last byte. A good frame with a tail is none.
static bool is_explained(struct bytes in)
{
    size_t at = 0;
    for (int n = 0; n < MB_RX_PER_BURST && at < in.size; n++) {
        size_t size = good_frame(bytes_of(in.data + at, in.size - at));
        if (size == 0) {
            return false;
        }
        at += size;
    }
    return at == in.size;
}

// Characters that a frame of this kind lacks, seen from its length; 0: it will not become one.
static size_t lacking(enum mb_role role, struct bytes in)
{
    size_t size = mb_rtu_size(role, in);
    if (size == MB_SIZE_MORE) { // most are requests as short as this
        return in.size < REQUEST_SIZE ? REQUEST_SIZE - in.size : 1;
    }
    if (size == MB_SIZE_OPEN) {
        return 1;
    }
    return size > in.size ? size - in.size : 0;
}

// The silence that ends what came so far. While it could still become a frame, what it lacks may
// come as one burst at its end. An adapter holds back no more than it has room for, and a damaged
// length must not make us deaf for longer.
static uint64_t burst_wait_us(const struct mb_rx *rx, struct bytes in)
{
    size_t request = lacking(MB_REQUESTS, in);
    size_t reply = lacking(MB_REPLIES, in);
    size_t left = request > reply ? request : reply;
    if (left == 0 || is_explained(in)) {
        return rx->config.silence.t35_us;
    }
    left = left < MB_RX_HELD_MAX ? left : MB_RX_HELD_MAX;
    return rx->config.gap_us + (uint64_t)left * rx->config.silence.char_us;
}

static void judge(struct mb_rx *rx)
{
    bool was_broken = rx->state == MB_RX_BROKEN;
    bool is_whole = rx->size >= MB_RTU_SIZE_MIN && !rx->overflow &&
                    (rx->config.coarse || rx->size <= MB_RTU_SIZE_MAX);
    if (!was_broken && is_whole) {
        struct bytes in = bytes_of(rx->buffer, rx->size);
        bool is_good = rx->config.coarse ? is_explained(in) : good_frame(in) == in.size;
        if (is_good) {
            rx->state = MB_RX_JUDGED;
            rx->taken = 0;
            return;
        }
        rx->stats.crc_errors++;
    } else if (!was_broken || rx->overflow) {
        rx->stats.size_errors++;
    }
    enter_idle(rx);
}

uint64_t mb_rx_deadline_us(const struct mb_rx *rx)
{
    switch (rx->state) {
    case MB_RX_IDLE:
    case MB_RX_JUDGED: return TIME_NEVER;
    case MB_RX_RECEIVING:
    case MB_RX_BROKEN: return time_after(rx->last_us, rx->wait_us);
    }
    return TIME_NEVER;
}

void mb_rx_tick(struct mb_rx *rx, uint64_t now_us)
{
    if (mb_rx_deadline_us(rx) <= now_us) {
        judge(rx);
    }
}

static void add(struct mb_rx *rx, struct bytes in)
{
    size_t room = (rx->config.coarse ? MB_RX_SIZE : MB_RTU_SIZE_MAX) - rx->size;
    size_t size = in.size < room ? in.size : room;
    if (size > 0) {
        memcpy(rx->buffer + rx->size, in.data, size);
        rx->size += size;
    }
    if (size < in.size) {
        rx->overflow = true;
        enter_broken(rx);
    }
}

void mb_rx_byte(struct mb_rx *rx, uint64_t at_us, uint8_t byte, bool good)
{
    // The pause between two characters ends where the later one starts.
    uint64_t char_us = rx->config.silence.char_us;
    uint64_t start_us = at_us > char_us ? at_us - char_us : 0;
    mb_rx_tick(rx, start_us);
    if (rx->state == MB_RX_IDLE || rx->state == MB_RX_JUDGED) {
        enter_receiving(rx, at_us);
    } else if (rx->state == MB_RX_RECEIVING && start_us > rx->last_us + rx->config.silence.t15_us) {
        rx->stats.pauses++;
        enter_broken(rx);
    }
    rx->last_us = at_us;
    if (!good) {
        rx->stats.char_errors++;
        enter_broken(rx);
    }
    if (rx->state == MB_RX_RECEIVING) {
        add(rx, bytes_of(&byte, 1));
    }
}

void mb_rx_burst(struct mb_rx *rx, uint64_t at_us, struct bytes burst)
{
    if (burst.size == 0) {
        return;
    }
    mb_rx_tick(rx, at_us);
    bool was_quiet = at_us > time_after(rx->last_us, rx->config.silence.t35_us);
    if (rx->state == MB_RX_RECEIVING && was_quiet && is_explained(burst)) {
        judge(rx); // what came before was noise: this one stands by itself
    }
    if (rx->state == MB_RX_IDLE || rx->state == MB_RX_JUDGED) {
        enter_receiving(rx, at_us);
    }
    rx->last_us = at_us;
    if (rx->state == MB_RX_RECEIVING) {
        add(rx, burst);
    }
    if (rx->state == MB_RX_RECEIVING) {
        rx->wait_us = burst_wait_us(rx, bytes_of(rx->buffer, rx->size));
    }
}

bool mb_rx_next(struct mb_rx *rx, struct mb_rx_frame *out)
{
    if (rx->state != MB_RX_JUDGED) {
        return false;
    }
    if (rx->taken == rx->size) {
        enter_idle(rx);
        return false;
    }
    struct bytes left = bytes_of(rx->buffer + rx->taken, rx->size - rx->taken);
    size_t size = rx->config.coarse ? good_frame(left) : left.size;
    struct mb_frame frame;
    if (mb_rtu_decode(bytes_of(left.data, size), &frame) != OK) {
        enter_idle(rx);
        return false;
    }
    rx->taken += size;
    rx->stats.frames++;
    *out = (struct mb_rx_frame){
        .frame = frame,
        .first_us = rx->first_us,
        .last_us = rx->last_us,
        .is_last = rx->taken == rx->size,
    };
    return true;
}
