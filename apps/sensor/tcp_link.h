// SPDX-License-Identifier: Apache-2.0
// The device behind TCP: Modbus TCP, or RTU frames over TCP, for a bounded number of clients.
#ifndef SENSOR_TCP_LINK_H
#define SENSOR_TCP_LINK_H

#include "apps/sensor/device.h"
#include "modbus/tcp.h"
#include "port/linux/loop.h"

enum { TCP_CLIENTS_MAX = 16 };

struct tcp_client {
    int fd; // -1: free
    struct tcp_link *link;
    struct mb_stream stream;
};

struct tcp_link {
    struct device *device;
    struct loop *loop;
    enum mb_stream_kind kind;
    int listen_fd;
    uint16_t port; // the one that was chosen, if 0 was asked for
    struct tcp_client clients[TCP_CLIENTS_MAX];
};

// host: a numeric address; port 0: any free one. ERR_ARG: no such address; ERR_BUSY: taken; ERR_IO.
NODISCARD enum err tcp_link_init(struct tcp_link *link, struct device *device, struct loop *loop,
                                 const char *host, uint16_t port, enum mb_stream_kind kind);
void tcp_link_deinit(struct tcp_link *link);

#endif
