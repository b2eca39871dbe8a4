// SPDX-License-Identifier: Apache-2.0
// What is said to a proxy before a connection through it is open: HTTP CONNECT [RFC 9110, 9.3.6] or
// SOCKS5 [RFC 1928, RFC 1929]. Bytes in, bytes out; knows no socket.
//
//   proxy_begin -> { proxy_output, proxy_input }* until PROXY_OPEN or PROXY_FAILED
#ifndef PORT_LINUX_PROXY_H
#define PORT_LINUX_PROXY_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

enum {
    PROXY_HOST_SIZE_MAX = 256,  // with the final 0, as the next two
    PROXY_LOGIN_SIZE_MAX = 256, // of name and password each; SOCKS5 allows no more
    PROXY_OUTPUT_SIZE_MAX = 1600,
    PROXY_REPLY_SIZE_MAX = 8192, // of a CONNECT
};

enum proxy_kind { PROXY_HTTP, PROXY_SOCKS5 };

struct proxy {
    enum proxy_kind kind;
    char host[PROXY_HOST_SIZE_MAX];
    uint16_t port;
    char user[PROXY_LOGIN_SIZE_MAX]; // "": none
    char password[PROXY_LOGIN_SIZE_MAX];
};

// "http://host[:port]" or "socks5://host[:port]", port 8080 or 1080 if not given; an IPv6 literal
// in brackets. ERR_ARG: anything else; a login in it too, for addresses show in logs.
NODISCARD enum err proxy_parse(const char *text, struct proxy *out);
// "user:password", a line end is passed over. ERR_ARG: not that, or too long.
NODISCARD enum err proxy_parse_login(struct bytes text, struct proxy *out);

enum proxy_state { PROXY_TALKING, PROXY_OPEN, PROXY_FAILED };

struct proxy_talk {
    // Public to read:
    enum proxy_state state;
    const char *problem; // of PROXY_FAILED, for people
    // Private:
    const struct proxy *proxy;
    const char *host;
    uint16_t port;
    unsigned step;
    uint8_t output[PROXY_OUTPUT_SIZE_MAX];
    size_t output_size;
    uint8_t reply[PROXY_REPLY_SIZE_MAX];
    size_t reply_size;
};

// host and proxy are borrowed.
void proxy_begin(struct proxy_talk *talk, const struct proxy *proxy, const char *host,
                 uint16_t port);
// What is to be sent now; valid until the next call, and to be sent whole. Empty: nothing.
struct bytes proxy_output(struct proxy_talk *talk);
// Takes one byte of the proxy's; after PROXY_OPEN the next one is the other end's.
void proxy_input(struct proxy_talk *talk, uint8_t byte);

#endif
