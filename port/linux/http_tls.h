// SPDX-License-Identifier: Apache-2.0
// TLS for the server, apart: OpenSSL's names collide with ours.
#ifndef PORT_LINUX_HTTP_TLS_H
#define PORT_LINUX_HTTP_TLS_H

struct bufferevent;
struct event_base;
struct tls;

// NULL with words in *why (static storage) when certificate or key cannot be used, or others may
// read the key.
struct tls *tls_load(const char *cert, const char *key, const char **why);
void tls_unload(struct tls *tls);
// A connection to be, which owns fd; NULL without memory (fd stays the caller's).
struct bufferevent *tls_accept(struct tls *tls, struct event_base *base, int fd);
// Says goodbye before the connection is freed; any bufferevent.
void tls_goodbye(struct bufferevent *bev);

#endif
