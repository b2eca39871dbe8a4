// SPDX-License-Identifier: Apache-2.0
#include "port/linux/http_address.h"

#include "base/crc.h"

#include <arpa/inet.h>
#include <string.h>

enum { NETWORK_SIZE = 8, MAPPED_AT = 12 };

enum err http_address_of(const char *host, uint16_t port, struct sockaddr_storage *out, int *size)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    memset(out, 0, sizeof(*out));
    if (inet_pton(AF_INET, host, &v4.sin_addr) == 1) {
        memcpy(out, &v4, sizeof(v4));
        *size = (int)sizeof(v4);
        return OK;
    }
    if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1) {
        memcpy(out, &v6, sizeof(v6));
        *size = (int)sizeof(v6);
        return OK;
    }
    return ERR_ARG;
}

uint16_t http_address_port(int fd)
{
    struct sockaddr_storage bound;
    socklen_t size = sizeof(bound);
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    memset(&bound, 0, sizeof(bound));
    if (getsockname(fd, (struct sockaddr *)(void *)&bound, &size) != 0) {
        return 0;
    }
    memcpy(&v4, &bound, sizeof(v4));
    memcpy(&v6, &bound, sizeof(v6));
    return ntohs(bound.ss_family == AF_INET ? v4.sin_port : v6.sin6_port);
}

struct http_peer http_address_peer(const struct sockaddr *address)
{
    struct http_peer peer = {.text = ""};
    uint8_t bytes[sizeof(struct in6_addr)];
    if (address->sa_family == AF_INET) {
        struct sockaddr_in v4;
        memcpy(&v4, address, sizeof(v4));
        inet_ntop(AF_INET, &v4.sin_addr, peer.text, sizeof(peer.text));
        peer.is_loopback = (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
        memcpy(bytes, &v4.sin_addr, sizeof(v4.sin_addr));
        peer.number = hash64(HASH64_START, bytes_of(bytes, sizeof(v4.sin_addr)));
        return peer;
    }
    struct sockaddr_in6 v6;
    memcpy(&v6, address, sizeof(v6));
    inet_ntop(AF_INET6, &v6.sin6_addr, peer.text, sizeof(peer.text));
    peer.is_loopback = memcmp(&v6.sin6_addr, &in6addr_loopback, sizeof(in6addr_loopback)) == 0;
    memcpy(bytes, &v6.sin6_addr, sizeof(bytes));
    // ::ffff:a.b.c.d is an address of IPv4 on a socket for both.
    peer.number = IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)
                      ? hash64(HASH64_START, bytes_of(bytes + MAPPED_AT, sizeof(struct in_addr)))
                      : hash64(HASH64_START, bytes_of(bytes, NETWORK_SIZE));
    return peer;
}
