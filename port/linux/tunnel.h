// SPDX-License-Identifier: Apache-2.0
// A way through a proxy for a client that can only connect to an address: it connects to a UNIX
// socket of ours, and a thread ("tunnel") opens the way through the proxy and carries the bytes.
// One connection at a time; a new one ends the one before. The socket lies in a folder that only we
// may enter. What is carried is TLS from end to end: the proxy sees the hub's name and no more.
#ifndef PORT_LINUX_TUNNEL_H
#define PORT_LINUX_TUNNEL_H

#include "port/linux/proxy.h"

enum { TUNNEL_REASON_SIZE_MAX = 160, TUNNEL_OPEN_TIMEOUT_MS = 15000 };

struct tunnel; // opaque: a thread and sockets

// The proxy is copied. ERR_IO, ERR_FULL.
NODISCARD enum err tunnel_open(struct tunnel **out, const struct proxy *proxy);
// Ends the connection and the thread; as mqtt_close, waits no longer than 2 s for a name lookup.
void tunnel_close(struct tunnel *tunnel);

// Where the next connection leads. ERR_SIZE: the name is too long.
NODISCARD enum err tunnel_aim(struct tunnel *tunnel, const char *host, uint16_t port);
const char *tunnel_path(const struct tunnel *tunnel); // of the UNIX socket
// Why the last connection did not come to be; "" if it did, or nobody knows.
void tunnel_reason(struct tunnel *tunnel, char *out, size_t size);

#endif
