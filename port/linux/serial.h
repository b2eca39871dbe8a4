// SPDX-License-Identifier: Apache-2.0
// port/api/serial.h on a Linux tty or PTY. One open at a time per struct; not reopened by itself
// (port/linux/bus.h does that for clients).
#ifndef PORT_LINUX_SERIAL_H
#define PORT_LINUX_SERIAL_H

#include "port/api/serial.h"

enum { SERIAL_PROBLEM_SIZE = 320 };

struct serial {
    int fd;                            // -1: closed; for poll()
    bool pty;                          // no speed, no parity, no wire time of its own
    uint32_t baud;                     // that the driver makes; a PTY: the one asked for
    uint32_t char_ns;                  // of one character at that speed, rounded down
    char problem[SERIAL_PROBLEM_SIZE]; // path: what is wrong
};

// Opens raw, exclusive (TIOCEXCL and flock), low latency where the driver knows it, drops what was
// in the buffers. On failure .problem says what, where and what would be right.
// ERR_NOT_FOUND: no such device. ERR_BUSY: held by another program. ERR_DENIED. ERR_UNSUPPORTED:
// speed, format or RS-485 refused by the driver. ERR_ARG: no tty. ERR_IO.
NODISCARD enum err serial_open(struct serial *serial, const struct serial_cfg *cfg);
// ERR_AGAIN: nothing there. ERR_CLOSED: the device is gone (close it).
NODISCARD enum err serial_read(struct serial *serial, uint8_t *data, size_t capacity, size_t *size);
// How far that is off the speed asked for, in words; "" if it is the same.
void serial_say_speed(const struct serial *serial, const struct serial_cfg *cfg, char *out,
                      size_t capacity);
// Writes the whole frame (up to 256 bytes, so one call). first_us and end_us: when it is on the
// wire at the earliest, computed from the time of writing and the speed that the driver makes.
// ERR_CLOSED. ERR_IO: the driver took less.
NODISCARD enum err serial_write(struct serial *serial, struct bytes frame, uint64_t *first_us,
                                uint64_t *end_us);
// Throws away what was received.
void serial_flush(struct serial *serial);
void serial_close(struct serial *serial);

#endif
