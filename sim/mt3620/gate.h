// SPDX-License-Identifier: Apache-2.0
// The core's mailbox as a Unix socket of whole messages (SOCK_SEQPACKET), in place of the A7's
// application socket. One gateway at a time; the rings keep what is said while there is none.
#ifndef SIM_MT3620_GATE_H
#define SIM_MT3620_GATE_H

#include <poll.h>

#include "sim/mt3620/mt3620.h"

#define GATE_FDS 2

struct gate {
    const char *path;
    int listen_fd;
    int fd;        // of the gateway; -1: none
    bool in_waits; // .in found no room in the ring
    size_t in_size;
    uint8_t in[MT_MESSAGE_MAX + 1];
    bool out_waits; // .out found no room in the socket
    size_t out_size;
    uint8_t out[MT_MESSAGE_MAX];
    uint64_t received, sent, refused, corrupt;
};

// Listens, for this user alone. False: errno says why.
bool gate_open(struct gate *gate, const char *path);
void gate_fds(const struct gate *gate, struct pollfd fds[GATE_FDS]);
// New and dead gateways, and what they say, into the core as of its now.
void gate_read(struct gate *gate, struct mt *mt, const struct pollfd fds[GATE_FDS]);
// What the gateway said since, without asking first whether there is anything.
void gate_take(struct gate *gate, struct mt *mt);
// What the core says, out; also what found no room before.
void gate_flush(struct gate *gate, struct mt *mt);
void gate_close(struct gate *gate);

#endif
