// SPDX-License-Identifier: Apache-2.0
#include "port/linux/http_server.h"

#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/http_address.h"
#include "port/linux/http_origin.h"
#include "port/linux/http_places.h"
#include "port/linux/http_reason.h"
#include "port/linux/http_tls.h"
#include "port/linux/log.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MODULE "http"

enum conn_state {
    CONN_FREE,
    CONN_READING, // head and body
    CONN_WAITING, // for the handler's answer
    CONN_STREAM,
    CONN_CLOSING, // the last answer is on its way
};

struct http_conn {
    struct http_server *server;
    struct bufferevent *bev;
    enum conn_state state;
    bool is_spare;
    bool keep_alive;
    bool is_head;
    bool is_proxy; // the peer, whose word on who asks is taken
    struct http_peer peer;
    char origin[HTTP_ADDRESS_SIZE]; // who asked for the request under way
    time_t begun_s;                 // when the request under way began to come; 0: none
    time_t since_s;                 // when it was accepted, answered, or had read its answer
    struct http_conn *next_free;
};

struct http_server {
    struct http_server_config cfg;
    struct evconnlistener *listener;
    struct http_conn *conns;
    struct http_conn *free;
    struct http_places places; // of conns, one each
    struct http_stats stats;
    unsigned spare_count; // of those that are open
    uint16_t port;
};

static const char security_headers[] =
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Cross-Origin-Opener-Policy: same-origin\r\n"
    "Content-Security-Policy: default-src 'self'; frame-ancestors 'none'; base-uri 'none';"
    " form-action 'self'; object-src 'none'\r\n";

static time_t clock_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec;
}

static size_t place_of(const struct http_conn *conn)
{
    return (size_t)(conn - conn->server->conns);
}

static size_t unread(const struct http_conn *conn)
{
    return evbuffer_get_length(bufferevent_get_output(conn->bev));
}

static void conn_free(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    const bool was_open = conn->state == CONN_WAITING || conn->state == CONN_STREAM;
    server->stats.streams -= conn->state == CONN_STREAM ? 1 : 0;
    server->stats.open--;
    server->spare_count -= conn->is_spare ? 1 : 0;
    http_places_leave(&server->places, place_of(conn));
    conn->state = CONN_FREE;
    if (was_open) {
        server->cfg.handler.gone(server->cfg.handler.ctx, conn);
    }
    tls_goodbye(conn->bev);
    bufferevent_free(conn->bev);
    conn->bev = NULL;
    conn->next_free = server->free;
    server->free = conn;
}

static void reply_plain_error(struct http_conn *conn, int status)
{
    char body[256];
    const struct http_handler *handler = &conn->server->cfg.handler;
    const char *words =
        status == 503 ? "no connection is free, come back in a moment" : http_reason(status);
    const size_t size = handler->error_body != NULL
                            ? handler->error_body(status, words, body, sizeof(body))
                            : http_plain_error(status, words, body, sizeof(body));
    conn->keep_alive = false;
    http_reply(conn, &(struct http_reply){
                         .status = status,
                         .type = "application/json",
                         .headers = status == 503 ? "Retry-After: 2\r\n" : NULL,
                         .body = bytes_of(body, size),
                     });
}

// True if a whole request was taken and handed on.
static bool take_request(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    struct evbuffer *in = bufferevent_get_input(conn->bev);
    const size_t held = evbuffer_get_length(in);
    struct evbuffer_ptr end = evbuffer_search(in, "\r\n\r\n", 4, NULL);
    if (end.pos < 0 || end.pos + 4 > HTTP_HEAD_SIZE_MAX) {
        if (held >= HTTP_HEAD_SIZE_MAX || end.pos >= 0) {
            server->stats.malformed++;
            conn->state = CONN_WAITING;
            reply_plain_error(conn, 431);
        }
        return false;
    }
    const size_t head_size = (size_t)end.pos + 4;
    const uint8_t *data = evbuffer_pullup(in, (ev_ssize_t)head_size);
    struct http_request request;
    const int status = http_parse(bytes_of(data, head_size), server->cfg.body_size_max, &request);
    if (status != 0) {
        server->stats.malformed++;
        conn->state = CONN_WAITING;
        reply_plain_error(conn, status);
        return false;
    }
    const size_t size = head_size + request.content_length;
    if (held < size) {
        return false;
    }
    // One more pull for the body moves the head: the spans of the request are made again.
    data = evbuffer_pullup(in, (ev_ssize_t)size);
    if (http_parse(bytes_of(data, head_size), server->cfg.body_size_max, &request) != 0) {
        return false;
    }
    server->stats.requests++;
    http_places_busy(&server->places, place_of(conn));
    conn->state = CONN_WAITING;
    conn->keep_alive = request.keep_alive;
    conn->is_head = request.method == HTTP_HEAD;
    bufferevent_disable(conn->bev, EV_READ);
    if (conn->is_spare) {
        reply_plain_error(conn, 503);
        return false;
    }
    (void)http_origin_of(&request, conn->peer.text, conn->is_proxy, conn->origin);
    server->cfg.handler.request(server->cfg.handler.ctx, conn, &request,
                                bytes_of(data + head_size, request.content_length));
    if (conn->state != CONN_FREE) {
        evbuffer_drain(in, size);
    }
    return conn->state == CONN_READING;
}

static void on_read(struct bufferevent *bev, void *ctx)
{
    struct http_conn *conn = ctx;
    if (conn->state == CONN_STREAM || conn->state == CONN_CLOSING) {
        struct evbuffer *in = bufferevent_get_input(bev);
        evbuffer_drain(in, evbuffer_get_length(in));
        return;
    }
    // Who asks and asks and reads no answer would fill our memory: on_written goes on.
    if (unread(conn) > HTTP_UNREAD_MAX) {
        bufferevent_disable(bev, EV_READ);
        return;
    }
    // Who sends a byte now and then would hold his place for ever.
    const time_t now = clock_s();
    conn->begun_s = conn->begun_s != 0 ? conn->begun_s : now;
    if (conn->state == CONN_READING && now - conn->begun_s > HTTP_IDLE_S) {
        conn_free(conn);
        return;
    }
    while (conn->state == CONN_READING && evbuffer_get_length(bufferevent_get_input(bev)) > 0 &&
           unread(conn) <= HTTP_UNREAD_MAX && take_request(conn)) {
    }
}

static void on_written(struct bufferevent *bev, void *ctx)
{
    struct http_conn *conn = ctx;
    if (conn->state == CONN_CLOSING) {
        conn_free(conn);
    } else if (conn->state == CONN_READING) {
        conn->since_s = clock_s();
        http_places_idle(&conn->server->places, place_of(conn), port_now_us());
        bufferevent_enable(bev, EV_READ);
        if (evbuffer_get_length(bufferevent_get_input(bev)) > 0) {
            bufferevent_trigger(bev, EV_READ, BEV_OPT_DEFER_CALLBACKS);
        }
    }
}

static void on_event(struct bufferevent *bev, short events, void *ctx)
{
    struct http_conn *conn = ctx;
    if ((events & BEV_EVENT_CONNECTED) != 0) {
        return;
    }
    if ((events & BEV_EVENT_TIMEOUT) != 0 && (events & BEV_EVENT_READING) != 0 &&
        (conn->state == CONN_STREAM || conn->state == CONN_WAITING)) {
        bufferevent_enable(conn->bev, conn->state == CONN_STREAM ? EV_READ : 0);
        return;
    }
    // Who is still reading a long answer need not ask for the next yet; http_server_tick waits.
    if ((events & BEV_EVENT_TIMEOUT) != 0 && (events & BEV_EVENT_READING) != 0 &&
        unread(conn) > 0) {
        bufferevent_enable(conn->bev, EV_READ);
        return;
    }
    // Who sends its request and then closes its side still wants the answer. (TLS ends both ways.)
    if ((events & BEV_EVENT_EOF) != 0 && conn->server->cfg.tls == NULL &&
        (conn->state == CONN_READING || conn->state == CONN_CLOSING) &&
        evbuffer_get_length(bufferevent_get_output(bev)) > 0) {
        conn->state = CONN_CLOSING;
        return;
    }
    conn_free(conn);
}

static bool is_full(const struct http_server *server)
{
    return server->stats.open - server->spare_count >= server->cfg.conn_max;
}

// When all is taken, who is a stranger still makes room for who comes now.
static void make_room(struct http_server *server)
{
    if (!is_full(server)) {
        return;
    }
    size_t weakest = http_places_weakest(&server->places, port_now_us());
    if (weakest == server->places.count && server->free == NULL) {
        weakest = http_places_weakest_spare(&server->places);
    }
    if (weakest < server->places.count) {
        server->stats.displaced++;
        conn_free(&server->conns[weakest]);
    }
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                      int size, void *ctx)
{
    (void)listener;
    (void)size;
    struct http_server *server = ctx;
    server->stats.accepted++;
    make_room(server);
    struct http_conn *conn = server->free;
    struct bufferevent *bev = NULL;
    if (conn != NULL) {
        bev = server->cfg.tls != NULL
                  ? tls_accept(server->cfg.tls, server->cfg.base, fd)
                  : bufferevent_socket_new(server->cfg.base, fd, BEV_OPT_CLOSE_ON_FREE);
    }
    if (bev == NULL) {
        server->stats.refused++;
        close(fd);
        return;
    }
    const bool is_spare = is_full(server);
    server->free = conn->next_free;
    server->stats.open++;
    server->spare_count += is_spare ? 1 : 0;
    *conn = (struct http_conn){.server = server,
                               .bev = bev,
                               .state = CONN_READING,
                               .peer = http_address_peer(address),
                               .since_s = clock_s(),
                               .is_spare = is_spare};
    conn->is_proxy = http_is_among(conn->peer.text, server->cfg.proxies, server->cfg.proxy_count);
    server->stats.refused += conn->is_spare ? 1 : 0;
    if (is_spare) {
        http_places_enter_spare(&server->places, place_of(conn), port_now_us(), conn->peer.number);
    } else {
        http_places_enter(&server->places, place_of(conn), port_now_us(), conn->peer.number);
    }
    // Answers are written whole: to hold one back until the peer acknowledges costs it 40 ms.
    const int now = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &now, sizeof(now));
    bufferevent_setcb(bev, on_read, on_written, on_event, conn);
    bufferevent_setwatermark(bev, EV_READ, 0, HTTP_HEAD_SIZE_MAX + server->cfg.body_size_max);
    const struct timeval idle = {.tv_sec = HTTP_IDLE_S};
    const struct timeval stuck = {.tv_sec = HTTP_WRITE_S};
    bufferevent_set_timeouts(bev, &idle, &stuck);
    bufferevent_enable(bev, EV_READ | EV_WRITE);
}

void http_reply(struct http_conn *conn, const struct http_reply *reply)
{
    ASSERT(conn->state == CONN_WAITING);
    struct evbuffer *out = bufferevent_get_output(conn->bev);
    const unsigned hundreds = (unsigned)reply->status / 100;
    conn->server->stats.answers[hundreds < 6 ? hundreds : 5]++;
    evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n%s", reply->status, http_reason(reply->status),
                        security_headers);
    if (reply->headers != NULL) {
        evbuffer_add_printf(out, "%s", reply->headers);
    }
    if (reply->type != NULL) {
        evbuffer_add_printf(out, "Content-Type: %s\r\n", reply->type);
    }
    if (reply->status != 204 && reply->status != 304) {
        evbuffer_add_printf(out, "Content-Length: %zu\r\n", reply->body.size);
    }
    evbuffer_add_printf(out, "Connection: %s\r\n\r\n", conn->keep_alive ? "keep-alive" : "close");
    if (reply->body.size > 0 && !conn->is_head) {
        if (reply->is_static) {
            evbuffer_add_reference(out, reply->body.data, reply->body.size, NULL, NULL);
        } else {
            evbuffer_add(out, reply->body.data, reply->body.size);
        }
    }
    conn->begun_s = 0;
    conn->since_s = clock_s();
    conn->state = conn->keep_alive ? CONN_READING : CONN_CLOSING;
    http_places_answered(&conn->server->places, place_of(conn), port_now_us());
    bufferevent_enable(conn->bev, EV_READ);
    if (conn->state == CONN_READING) {
        // A request that waits in the buffer already is taken from the loop, not from in here.
        bufferevent_trigger(conn->bev, EV_READ, BEV_OPT_DEFER_CALLBACKS);
    }
}

void http_begin_stream(struct http_conn *conn, const char *type)
{
    ASSERT(conn->state == CONN_WAITING);
    conn->server->stats.answers[2]++;
    conn->server->stats.streams++;
    conn->state = CONN_STREAM;
    evbuffer_add_printf(bufferevent_get_output(conn->bev),
                        "HTTP/1.1 200 OK\r\n%sContent-Type: %s\r\nCache-Control: no-store\r\n"
                        "X-Accel-Buffering: no\r\nConnection: close\r\n\r\n",
                        security_headers, type);
    bufferevent_enable(conn->bev, EV_READ);
    bufferevent_set_timeouts(conn->bev, NULL, &(struct timeval){.tv_sec = HTTP_WRITE_S});
}

bool http_stream_send(struct http_conn *conn, struct bytes data)
{
    ASSERT(conn->state == CONN_STREAM);
    struct evbuffer *out = bufferevent_get_output(conn->bev);
    if (evbuffer_get_length(out) + data.size > HTTP_STREAM_PENDING_MAX) {
        conn->server->stats.streams_dropped++;
        conn_free(conn);
        return false;
    }
    evbuffer_add(out, data.data, data.size);
    return true;
}

void http_close(struct http_conn *conn)
{
    conn_free(conn);
}

void http_vouch(struct http_conn *conn)
{
    http_places_vouch(&conn->server->places, place_of(conn));
}

const char *http_address(const struct http_conn *conn)
{
    return conn->origin;
}

bool http_came_by_proxy(const struct http_conn *conn)
{
    return conn->is_proxy;
}

bool http_is_loopback(const struct http_conn *conn)
{
    return conn->peer.is_loopback;
}

static void server_free(struct http_server *server)
{
    if (server != NULL) {
        free(server->places.list);
        free(server->conns);
    }
    free(server);
}

enum err http_server_start(const struct http_server_config *cfg, struct http_server **out)
{
    struct sockaddr_storage address;
    int size = 0;
    enum err err = http_address_of(cfg->host, cfg->port, &address, &size);
    if (err != OK) {
        log_error(MODULE, "listen", "host=%s why=\"not an address\"", log_quote(cfg->host).text);
        return err;
    }
    struct http_server *server = calloc(1, sizeof(*server));
    const size_t count = cfg->conn_max + HTTP_SPARE_CONNS;
    if (server != NULL) {
        server->conns = calloc(count, sizeof(server->conns[0]));
        server->places.list = calloc(count, sizeof(server->places.list[0]));
    }
    if (server == NULL || server->conns == NULL || server->places.list == NULL) {
        server_free(server);
        return ERR_FULL;
    }
    http_places_init(&server->places, server->places.list, count);
    server->cfg = *cfg;
    if (cfg->body_size_max == 0) {
        server->cfg.body_size_max = HTTP_BODY_SIZE_DEFAULT;
    }
    ASSERT(server->cfg.body_size_max <= HTTP_BODY_SIZE_MAX);
    for (size_t i = count; i > 0; i--) {
        server->conns[i - 1].next_free = server->free;
        server->free = &server->conns[i - 1];
    }
    server->listener =
        evconnlistener_new_bind(cfg->base, on_accept, server,
                                LEV_OPT_REUSEABLE | LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC,
                                128, (struct sockaddr *)(void *)&address, size);
    if (server->listener == NULL) {
        log_error(MODULE, "listen", "host=%s port=%u why=\"%s\"", cfg->host, cfg->port,
                  strerror(errno));
        server_free(server);
        return ERR_IO;
    }
    server->port = http_address_port(evconnlistener_get_fd(server->listener));
    *out = server;
    return OK;
}

void http_server_stop(struct http_server *server)
{
    if (server == NULL) {
        return;
    }
    evconnlistener_free(server->listener);
    for (size_t i = 0; i < server->cfg.conn_max + HTTP_SPARE_CONNS; i++) {
        if (server->conns[i].state != CONN_FREE) {
            conn_free(&server->conns[i]);
        }
    }
    server_free(server);
}

void http_server_tick(struct http_server *server, time_t now_s)
{
    for (size_t i = 0; i < server->cfg.conn_max + HTTP_SPARE_CONNS; i++) {
        struct http_conn *conn = &server->conns[i];
        const bool is_ours = conn->state == CONN_WAITING || conn->state == CONN_STREAM;
        if (conn->state == CONN_FREE || is_ours) {
            continue;
        }
        const int limit_s = unread(conn) > 0 ? HTTP_ANSWER_S : 2 * HTTP_IDLE_S;
        if (now_s - conn->since_s > limit_s) {
            conn_free(conn);
        }
    }
}

uint16_t http_server_port(const struct http_server *server)
{
    return server->port;
}

const struct http_stats *http_server_stats(const struct http_server *server)
{
    return &server->stats;
}
