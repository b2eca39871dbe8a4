// SPDX-License-Identifier: Apache-2.0
// Addresses of the HTTP server: where it listens, and who comes.
#ifndef PORT_LINUX_HTTP_ADDRESS_H
#define PORT_LINUX_HTTP_ADDRESS_H

#include "base/err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_peer {
    char text[INET6_ADDRSTRLEN];
    bool is_loopback;
    uint64_t number; // the same for the same address; of IPv6 its network, which is all one's own
};

// ERR_ARG: host is not an address of IPv4 or IPv6.
NODISCARD enum err http_address_of(const char *host, uint16_t port, struct sockaddr_storage *out,
                                   int *size);
// The port that a socket is bound to; 0 if none.
uint16_t http_address_port(int fd);
// address: of IPv4 or IPv6.
struct http_peer http_address_peer(const struct sockaddr *address);

#endif
