// SPDX-License-Identifier: Apache-2.0
// Shared by the parts of the transceiver only: what the loop, the UART's interrupt and the release
// of the driver know of each other.
//
// One frame: IDLE --transceiver_send--> FILL --all written, THRE--> DRAIN --driver off--> FELL
//            FELL --UART interrupt: SENT into the ring--> IDLE
// Who changes it: the loop (UART masked) leaves IDLE, the UART's interrupt FILL and FELL, the
// release DRAIN; an abort (nothing interrupts) leaves any of them.
#ifndef PORT_MT3620_XCVR_H
#define PORT_MT3620_XCVR_H

#include <stdbool.h>
#include <stdint.h>

#include "port/api/transceiver.h"

#define XCVR_FRAME_MAX  256
#define XCVR_RING_SIZE  128 // 1.4 ms of bytes at 921600 baud; a power of two
#define XCVR_RING_SPARE 3   // kept free of RX, so that SENT and LOST always fit

_Static_assert(XCVR_RING_SIZE <= TRANSCEIVER_EVENTS_MAX, "one turn of the loop empties it");

enum xcvr_tx { XCVR_IDLE, XCVR_FILL, XCVR_DRAIN, XCVR_FELL };

struct xcvr {
    bool de_active_low;
    bool hears_itself;
    // In ticks.
    uint32_t bit;
    uint32_t char_min, char_max;
    uint32_t guard;
    uint32_t rx_ahead; // from the receiver's sample to the end of the last stop bit
    // The frame under way.
    volatile enum xcvr_tx tx;
    bool is_aborted; // until tail_ticks its last byte may still leave the shift register
    uint32_t tail_ticks;
    uint32_t first_ticks; // just before its first byte was written
    uint32_t end_ticks;   // end of its last stop bit, never before it but for what the guard covers
    uint32_t fell_ticks;  // driver off
    volatile uint32_t stolen_lsr; // error bits that the release read away from the receiver
    uint16_t size, at;
    uint8_t frame[XCVR_FRAME_MAX];
    // From the UART's interrupt to the loop.
    struct {
        bool waits; // its event is in the ring
        uint32_t end_ticks;
        uint32_t hold_ticks;
    } sent;
    bool is_lost;      // bytes were, since the last event
    uint32_t rx_ticks; // of the last byte
    uint32_t lost_ticks;
    volatile uint8_t ring_head, ring_tail; // free running
    uint32_t ring_ticks[XCVR_RING_SIZE];
    uint8_t ring_bytes[XCVR_RING_SIZE];
    uint8_t ring_kinds[XCVR_RING_SIZE]; // enum transceiver_event_kind << 4 | flags
};

extern struct xcvr xcvr;

// The UART's interrupt without the interrupt; the UART must be masked.
void xcvr_service(void);
// Says so in the ring if bytes were lost and there is room; the UART must be masked.
void xcvr_put_lost(void);

bool xcvr_has_event(void);
bool xcvr_is_in_air(void);
// Lets go of the line, forgets what was to be sent, and nothing interrupts any more: before a reset
// and after one, since a reset leaves the peripherals as they were.
void xcvr_stop(void);

void direction_drive(void);
void direction_listen(void);

#endif
