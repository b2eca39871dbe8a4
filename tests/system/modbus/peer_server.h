// SPDX-License-Identifier: Apache-2.0
// Our server machine in a child process, on a TCP socket or a PTY, for peers to talk to.
#ifndef SYSTEM_MODBUS_PEER_SERVER_H
#define SYSTEM_MODBUS_PEER_SERVER_H

#include <sys/types.h>

enum { PEER_REGS = 200 }; // of each table: register i of the inputs holds 3 x i, odd inputs are on

// Serves one TCP connection at a time on listen_fd, in a child. Returns its process id.
pid_t peer_serve_tcp(int listen_fd);
// Serves RTU frames on this PTY's controlling end, in a child.
pid_t peer_serve_rtu(int pty_fd);

#endif
