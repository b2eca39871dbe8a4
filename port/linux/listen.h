// SPDX-License-Identifier: Apache-2.0
// Where a server listens, as an option gives it: address:port or [v6]:port.
#ifndef PORT_LINUX_LISTEN_H
#define PORT_LINUX_LISTEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

struct listen_address {
    char host[INET6_ADDRSTRLEN];
    uint16_t port; // 0: any free one
    bool is_loopback;
};

// False: not an address (names are none) and a port.
bool listen_parse(const char *text, struct listen_address *out);

#endif
