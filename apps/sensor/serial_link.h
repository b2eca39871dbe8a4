// SPDX-License-Identifier: Apache-2.0
// The device on a serial line: a tty of the system, or a PTY of its own behind a symbolic link.
#ifndef SENSOR_SERIAL_LINK_H
#define SENSOR_SERIAL_LINK_H

#include "apps/sensor/device.h"
#include "modbus/rtu_rx.h"
#include "port/linux/loop.h"
#include "port/linux/serial.h"

struct serial_link_config {
    struct serial_cfg serial; // path: the tty, or where the link is made
    bool is_pty;              // make a PTY instead of opening a tty
    uint32_t
        reply_delay_us; // from the end of the request to the first byte of the reply, at least t3.5
};

struct serial_link {
    struct serial_link_config config;
    struct device *device;
    struct loop *loop;
    struct serial serial; // also the PTY's end of ours
    int pty_peer_fd;      // keeps the PTY alive while no client has it open; -1
    struct mb_rx rx;
    uint32_t bad_frames; // of the receiver, told to the server
    uint64_t reopen_at_us;
    char told[SERIAL_PROBLEM_SIZE]; // why it is not open; "": it is, or nothing was told yet
    uint64_t reply_at_us;
    size_t reply_size;
    uint8_t reply[MB_RTU_SIZE_MAX];
};

// A tty that is not there yet is no error: it is tried again. ERR_IO: no PTY, or no link to it.
NODISCARD enum err serial_link_init(struct serial_link *link, struct device *device,
                                    struct loop *loop, const struct serial_link_config *config,
                                    uint64_t now_us);
uint64_t serial_link_deadline_us(const struct serial_link *link);
void serial_link_tick(struct serial_link *link, uint64_t now_us);
void serial_link_deinit(struct serial_link *link);

#endif
