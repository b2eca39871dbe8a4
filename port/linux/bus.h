// SPDX-License-Identifier: Apache-2.0
// Opens the buses of port/api/bus.h. Each runs on a thread of its own, named after it, so that
// neither a slow disk nor a long message moves a poll. An idle bus wakes nobody.
#ifndef PORT_LINUX_BUS_H
#define PORT_LINUX_BUS_H

#include "port/api/bus.h"
#include "port/api/serial.h"

struct bus_tty_cfg {
    const char *name;         // thread name, up to 15 bytes are shown
    struct serial_cfg serial; // path is copied
    bool silence_in_chars;
    uint32_t t3_5_us; // 0: as the standard says
    bool echo;
    bool listen_only;
    uint8_t cpu_priority; // 1 to 99: SCHED_FIFO if we may; 0: as everybody
};

// Never fails because of the device: a port that is not there comes as BUS_DOWN and is tried again
// with back-off (0.1 s to 5 s). ERR_ARG: cfg. ERR_IO: no thread or descriptor.
NODISCARD enum err bus_open_tty(const struct bus_tty_cfg *cfg, struct bus **out);

struct bus_tcp_cfg {
    const char *name;
    const char *host; // name or address; copied
    uint16_t port;
    bool rtu_over_tcp;           // RTU bytes as they are; else Modbus TCP
    uint32_t connect_timeout_ms; // 0: 5 s
    uint32_t reply_timeout_ms;   // the longest wait for a reply where a SEND says less; 0: 1 s
};

// As bus_open_tty(). Names are looked up on a worker thread, reconnects back off with jitter;
// one request is under way at a time. A peer that acknowledges nothing for four reply time-outs (5
// to 30 s) is gone. Without BUS_DOWN a new connection takes the place of one over which a reply
// that comes late could be taken for the next, or which has told nothing for several requests.
NODISCARD enum err bus_open_tcp(const struct bus_tcp_cfg *cfg, struct bus **out);

struct bus_rt_cfg {
    const char *name;
    const char *path; // of the core's SOCK_SEQPACKET socket; copied
    uint32_t baud;    // 1200 to 921600
    enum serial_parity parity;
    uint8_t stop_bits; // 1 or 2; 0: 1
    bool silence_in_chars;
    uint32_t t1_5_us, t3_5_us; // 0: as the standard says
    uint8_t guard_bits8;       // driver held after the last stop bit, in 1/8 bit
    uint8_t lead_bits8;        // driver on before the first start bit, in 1/8 bit
    bool de_active_low;
    bool echo;
    bool listen_only;
};

// A line behind a real-time core, which keeps the times: frames go there ahead, so that none waits
// for this machine. Connects again with back-off; a core that restarts ends what it had as
// LINE_PORT_LOST. Times are the core's stamps on our clock, with their error. ERR_ARG, ERR_IO.
NODISCARD enum err bus_open_rt(const struct bus_rt_cfg *cfg, struct bus **out);

// Readable while bus_next() has something; watch it level-triggered.
int bus_fd(const struct bus *bus);
// How long a reply may wait for the next one while the line has enough to do, so that one wake-up
// of the loop serves several; 0: none waits, as somebody watches. Default BUS_HOLD_US.
enum { BUS_HOLD_US = 500 * 1000 };
void bus_set_hold(struct bus *bus, uint32_t hold_us);
// Ends the thread; SENDs not DONE are dropped. NULL is fine.
void bus_close(struct bus *bus);

#endif
