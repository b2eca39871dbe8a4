// SPDX-License-Identifier: Apache-2.0
// An HTTP/1.1 server on libevent with a fixed pool of connections: keep-alive, one request at a
// time per connection, streams, TLS. When the pool is used up, who has not finished a request, or
// is nobody known and asks nothing now, loses the place to the next who comes (http_places.h). Only
// when there is none such the next ones are told so (503) from a few spare places, and beyond those
// closed. All on the loop's thread.
#ifndef PORT_LINUX_HTTP_SERVER_H
#define PORT_LINUX_HTTP_SERVER_H

#include "base/err.h"
#include "port/linux/http_request.h"

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct bufferevent;
struct evconnlistener;
struct event_base;
struct http_conn;
struct http_server;
struct tls;

enum {
    HTTP_SPARE_CONNS = 16,
    HTTP_IDLE_S = 30,                     // for a whole request, and between two
    HTTP_WRITE_S = 30,                    // a client that reads nothing for so long is dropped,
    HTTP_ANSWER_S = 300,                  // and one that has not read all of an answer by then
    HTTP_UNREAD_MAX = 64 * 1024,          // bytes of answers; before more the client has to read
    HTTP_STREAM_PENDING_MAX = 256 * 1024, // bytes; a stream that lags further behind is dropped
};

struct http_handler {
    // A complete request; answer now or later with http_reply or http_begin_stream. The request and
    // body live until this returns.
    void (*request)(void *ctx, struct http_conn *conn, const struct http_request *request,
                    struct bytes body);
    // The connection is gone: a later answer must not be given. For every conn given to `request`
    // and not answered, and for every stream.
    void (*gone)(void *ctx, struct http_conn *conn);
    // The JSON body of an answer that the server gives by itself (the parser's refusals, 503): at
    // most `capacity` bytes into out, their count returned. NULL: {"error":{"code","message"}}.
    size_t (*error_body)(int status, const char *words, char *out, size_t capacity);
    void *ctx;
};

struct http_server_config {
    struct event_base *base;
    const char *host; // an address, not a name
    uint16_t port;    // 0: any free one
    unsigned conn_max;
    struct tls *tls; // NULL: plain
    // Proxies whose X-Forwarded-For says who asked; addresses that outlive the server.
    const char *const *proxies;
    size_t proxy_count;
    uint32_t body_size_max; // 0: HTTP_BODY_SIZE_DEFAULT; at most HTTP_BODY_SIZE_MAX
    struct http_handler handler;
};

struct http_stats {
    uint64_t accepted;
    uint64_t refused;   // 503 since the pool was used up, or closed at once
    uint64_t displaced; // strangers that made room
    uint64_t requests;
    uint64_t malformed;  // 4xx and 5xx of the parser
    uint64_t answers[6]; // by hundreds
    uint64_t streams_dropped;
    unsigned open;
    unsigned streams;
};

NODISCARD enum err http_server_start(const struct http_server_config *cfg,
                                     struct http_server **out);
void http_server_stop(struct http_server *server);
// Now and then, with CLOCK_MONOTONIC's seconds: drops who holds a place longer than the limits
// above, however busily.
void http_server_tick(struct http_server *server, time_t now_s);
uint16_t http_server_port(const struct http_server *server);
const struct http_stats *http_server_stats(const struct http_server *server);

struct http_reply {
    int status;
    const char *type;    // Content-Type; NULL: no body
    const char *headers; // further ones, each ended by CR LF; NULL: none
    struct bytes body;   // copied, unless `is_static`
    bool is_static;      // the body outlives the server
};

void http_reply(struct http_conn *conn, const struct http_reply *reply);
void http_begin_stream(struct http_conn *conn, const char *type);
// False: the stream lags too far behind and is being closed (`gone` follows at once).
bool http_stream_send(struct http_conn *conn, struct bytes data);
void http_close(struct http_conn *conn);

// Who asked has proved who it is: this connection keeps its place as long as it lasts.
void http_vouch(struct http_conn *conn);

// The address of who asked, as text: the peer, or whom a trusted proxy asks for. "": the proxy does
// not say. Until the request is answered.
const char *http_address(const struct http_conn *conn);
bool http_came_by_proxy(const struct http_conn *conn);
// Of the peer itself.
bool http_is_loopback(const struct http_conn *conn);

#endif
