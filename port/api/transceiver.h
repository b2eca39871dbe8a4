// SPDX-License-Identifier: Apache-2.0
// A half-duplex transceiver behind a UART that stamps every byte: the place below lib/line where a
// machine is near enough to the wire to do so. The port releases the driver by itself, at the end
// of the last stop bit plus the guard, since no loop is quick enough. Nothing here blocks; the
// events are a ring between interrupts and the loop.
#ifndef PORT_API_TRANSCEIVER_H
#define PORT_API_TRANSCEIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/err.h"
#include "port/api/serial.h"

struct transceiver_cfg {
    uint32_t baud; // 1200 to 921600
    enum serial_parity parity;
    uint8_t stop_bits;   // 1 or 2
    uint8_t guard_bits8; // driver held after the last stop bit, in 1/8 bit
    bool de_active_low;
    bool hears_itself; // the receiver stays on while we drive: our own frame comes back as RX
};

// What the hardware really does.
struct transceiver_timing {
    uint32_t baud;     // rounded
    uint32_t char_ns;  // start to stop
    uint8_t char_bits; // 10 to 12
};

enum transceiver_event_kind {
    TRANSCEIVER_RX,   // .byte, .flags, .at_us = end of its stop bit
    TRANSCEIVER_SENT, // .at_us = first start bit, .end_us = end of the last stop bit, .hold_ns
    TRANSCEIVER_LOST, // the ring was full or the FIFO ran over: bytes before .at_us are missing
};

struct transceiver_event {
    enum transceiver_event_kind kind;
    uint8_t byte;
    uint8_t flags; // 0, or bits of TRANSCEIVER_*_ERROR
    uint64_t at_us;
    uint64_t end_us;
    uint32_t hold_ns; // from the end of the last stop bit to the driver's release, guard included
};

// No port keeps more: after so many the loop has all that had come before it began to drain.
#define TRANSCEIVER_EVENTS_MAX 128

#define TRANSCEIVER_CHAR_ERROR    1U // parity, framing or break
#define TRANSCEIVER_OVERRUN_ERROR 2U // bytes before this one were lost

// Takes the UART into use, driver off, receiver on; may be called again to change everything.
// ERR_ARG: out of range. ERR_UNSUPPORTED: the divider misses the speed by more than 1 %.
NODISCARD enum err transceiver_setup(const struct transceiver_cfg *cfg,
                                     struct transceiver_timing *out);
// Drives the line (idle level) from now on.
void transceiver_drive(void);
// Sends the frame (copied, 1 to 256 bytes) at once; drives if it does not yet. One TRANSCEIVER_SENT
// follows when the driver is released. ERR_BUSY: one is under way.
NODISCARD enum err transceiver_send(struct bytes frame);
// Lets go of the line at once, whatever was under way; that frame gets no TRANSCEIVER_SENT.
void transceiver_release(void);
// Drains events in the order of the wire; false: none.
bool transceiver_next(struct transceiver_event *out);

#endif
