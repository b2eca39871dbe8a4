// SPDX-License-Identifier: Apache-2.0
// A TCP endpoint as a bus: Modbus TCP, or RTU bytes over TCP. The line machine runs in front of it
// with silences of a microsecond: it gives the queue, barrier, time-outs and statistics.
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "modbus/tcp.h"
#include "port/api/clock.h"
#include "port/linux/bus_private.h"
#include "port/linux/worker.h"

#define CONNECT_TIMEOUT_MS 5000
#define HOST_SIZE_MAX      254 // [RFC 1035 2.3.4]

enum tcp_state { TCP_CLOSED, TCP_LOOKUP, TCP_CONNECT, TCP_OPEN };

// What the look-up thread works on; nothing else touches it meanwhile. It has memory of its own,
// because a look-up that hangs may outlive the bus.
struct lookup {
    char host[HOST_SIZE_MAX + 1];
    char service[6];
    bool busy;
    uint32_t turn; // which of a name's addresses is tried; moves on when it fails
    int result;    // of getaddrinfo()
    struct sockaddr_storage address;
    socklen_t address_size;
};

struct tcp_port {
    struct bus_port base; // first, so that one pointer is both
    enum tcp_state state;
    enum mb_stream_kind kind;
    uint64_t timeout_us;
    uint16_t transaction;
    bool asked; // a request is out and not answered
    int socket_fd;
    struct worker *worker;
    struct lookup *lookup;
    struct mb_stream stream;
};

static struct tcp_port *tcp_of(struct bus_port *base)
{
    return (struct tcp_port *)(void *)base;
}

static void lookup_run(void *ctx)
{
    struct lookup *lookup = ctx;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *found = NULL;
    lookup->result = getaddrinfo(lookup->host, lookup->service, &hints, &found);
    if (lookup->result != 0) {
        return;
    }
    uint32_t count = 0;
    for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
        count++;
    }
    ASSERT(count > 0); // getaddrinfo() found something, or said that it did not
    const struct addrinfo *chosen = found;
    for (uint32_t i = lookup->turn++ % count; i > 0; i--) {
        chosen = chosen->ai_next;
    }
    lookup->address_size = chosen->ai_addrlen;
    memcpy(&lookup->address, chosen->ai_addr, chosen->ai_addrlen);
    freeaddrinfo(found);
}

static void lookup_done(void *ctx)
{
    struct lookup *lookup = ctx;
    lookup->busy = false;
}

static enum err tcp_problem(struct tcp_port *port, enum err err, const char *what)
{
    snprintf(port->base.problem, sizeof port->base.problem, "%.200s:%s: %.100s", port->lookup->host,
             port->lookup->service, what);
    return err;
}

static void tcp_close(struct bus_port *base)
{
    struct tcp_port *port = tcp_of(base);
    if (port->socket_fd >= 0) {
        close(port->socket_fd);
        port->socket_fd = -1;
    }
    base->fd = -1;
    port->state = TCP_CLOSED;
}

static enum err start_lookup(struct tcp_port *port, uint64_t now_us)
{
    port->base.deadline_us = now_us + port->timeout_us;
    if (!port->lookup->busy) { // else the resolver still hangs in the last one
        port->lookup->busy = true;
        struct job job = {.run = lookup_run, .done = lookup_done, .ctx = port->lookup};
        enum err err = worker_submit(port->worker, job);
        ASSERT(err == OK); // one job at a time
    }
    port->state = TCP_LOOKUP;
    port->base.fd = worker_fd(port->worker);
    port->base.events = POLLIN;
    return ERR_AGAIN;
}

static enum err start_connect(struct tcp_port *port, uint64_t now_us)
{
    if (port->lookup->result != 0) {
        return tcp_problem(port, ERR_IO, gai_strerror(port->lookup->result));
    }
    int fd = socket(port->lookup->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return tcp_problem(port, ERR_IO, strerror(errno));
    }
    port->socket_fd = fd;
    int on = 1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    if (connect(fd, (const struct sockaddr *)&port->lookup->address, port->lookup->address_size) !=
            0 &&
        errno != EINPROGRESS) {
        return tcp_problem(port, ERR_IO, strerror(errno));
    }
    port->state = TCP_CONNECT;
    port->base.fd = fd;
    port->base.events = POLLOUT;
    port->base.deadline_us = now_us + port->timeout_us;
    return ERR_AGAIN;
}

static enum err end_connect(struct tcp_port *port, uint64_t now_us)
{
    struct pollfd ready = {.fd = port->socket_fd, .events = POLLOUT};
    if (poll(&ready, 1, 0) == 0) {
        return now_us < port->base.deadline_us
                   ? ERR_AGAIN
                   : tcp_problem(port, ERR_TIMEOUT, "no answer to the connection attempt");
    }
    int error = 0;
    socklen_t size = sizeof error;
    if (getsockopt(port->socket_fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
        return tcp_problem(port, ERR_IO, strerror(error));
    }
    port->lookup->turn--; // this address works: it is the one to come back to
    mb_stream_init(&port->stream, port->kind, MB_REPLIES);
    port->asked = false;
    port->state = TCP_OPEN;
    return tcp_problem(port, OK, "connection closed by the other side"); // for when it is
}

static enum err tcp_open(struct bus_port *base, uint64_t now_us)
{
    struct tcp_port *port = tcp_of(base);
    switch (port->state) {
    case TCP_CLOSED: return start_lookup(port, now_us);
    case TCP_LOOKUP:
        worker_collect(port->worker);
        if (!port->lookup->busy) {
            return start_connect(port, now_us);
        }
        return now_us < base->deadline_us
                   ? ERR_AGAIN
                   : tcp_problem(port, ERR_TIMEOUT, "the name look-up does not answer");
    case TCP_CONNECT: return end_connect(port, now_us);
    case TCP_OPEN: return OK;
    }
    return ERR_STATE;
}

static enum err fill_stream(struct tcp_port *port)
{
    uint8_t data[MB_TCP_SIZE_MAX];
    ssize_t n = recv(port->socket_fd, data, sizeof data, 0);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_CLOSED;
    }
    if (n == 0) {
        return ERR_CLOSED;
    }
    size_t taken = mb_stream_add(&port->stream, bytes_of(data, (size_t)n));
    return taken == (size_t)n ? OK : ERR_CLOSED; // no frame in that many bytes: out of step
}

static enum err tcp_read(struct bus_port *base, uint8_t *data, size_t capacity, size_t *size)
{
    struct tcp_port *port = tcp_of(base);
    for (;;) {
        struct mb_frame frame;
        enum err err = mb_stream_next(&port->stream, &frame);
        if (err == ERR_EMPTY) {
            err = fill_stream(port);
            if (err != OK) {
                return err;
            }
            continue;
        }
        if (err != OK) {
            return port->kind == MB_STREAM_RTU ? ERR_CORRUPT : ERR_CLOSED;
        }
        bool ours =
            port->kind == MB_STREAM_RTU || (port->asked && frame.transaction == port->transaction);
        struct writer out = writer_of(data, capacity);
        // An answer to an earlier transaction is dropped here, where its number shows it.
        if (ours && mb_rtu_encode(frame.unit, frame.pdu, &out) == OK) {
            port->asked = false;
            *size = out.size;
            return OK;
        }
    }
}

static enum err tcp_write(struct bus_port *base, struct bytes rtu, uint64_t *first_us,
                          uint64_t *end_us)
{
    struct tcp_port *port = tcp_of(base);
    struct mb_frame frame;
    uint8_t data[MB_TCP_SIZE_MAX];
    struct writer out = writer_of(data, sizeof data);
    *first_us = port_now_us();
    *end_us = *first_us;
    if (mb_rtu_decode(rtu, &frame) != OK) {
        return OK; // never a frame of the gateway's; it is not sent and times out
    }
    frame.transaction = ++port->transaction;
    if (mb_stream_encode(port->kind, &frame, &out) != OK) {
        return ERR_CLOSED;
    }
    ssize_t n = send(port->socket_fd, out.data, out.size, MSG_NOSIGNAL);
    port->asked = true;
    // A peer that lets one frame wait in a full buffer is as good as gone.
    return n == (ssize_t)out.size ? OK : ERR_CLOSED;
}

static void tcp_free(struct bus_port *base)
{
    struct tcp_port *port = tcp_of(base);
    worker_leave(port->worker, free, port->lookup); // a name look-up cannot be cut short
    free(port);
}

static const struct bus_port_ops TCP_OPS = {
    .open = tcp_open, .read = tcp_read, .write = tcp_write, .close = tcp_close, .free = tcp_free};

enum err bus_open_tcp(const struct bus_tcp_cfg *cfg, struct bus **out)
{
    if (cfg->host == NULL || strlen(cfg->host) > HOST_SIZE_MAX || cfg->port == 0) {
        return ERR_ARG;
    }
    struct tcp_port *port = calloc(1, sizeof *port);
    struct lookup *lookup = calloc(1, sizeof *lookup);
    if (port == NULL || lookup == NULL) {
        free(port);
        free(lookup);
        return ERR_IO;
    }
    port->lookup = lookup;
    port->socket_fd = -1;
    port->base.fd = -1;
    port->base.early_reply = true;
    port->base.whole_frames = true;
    port->kind = cfg->rtu_over_tcp ? MB_STREAM_RTU : MB_STREAM_TCP;
    uint32_t timeout_ms =
        cfg->connect_timeout_ms == 0 ? CONNECT_TIMEOUT_MS : cfg->connect_timeout_ms;
    port->timeout_us = timeout_ms * US_PER_MS;
    snprintf(lookup->host, sizeof lookup->host, "%s", cfg->host);
    snprintf(lookup->service, sizeof lookup->service, "%u", cfg->port);
    char name[16];
    snprintf(name, sizeof name, "dns-%.11s", cfg->name);
    if (worker_start(name, 1, &port->worker) != OK) {
        free(lookup);
        free(port);
        return ERR_IO;
    }
    struct line_cfg line = {
        .baud = LINE_BAUD_MAX,
        .char_bits = 10,
        .t1_5_us = 1,
        .t3_5_us = 1,
        .burst_gap_us = 1, // each read gives one whole frame
        .coarse = true,
        .early_reply = true,
    };
    return bus_start(cfg->name, &TCP_OPS, &port->base, &line, 0, out);
}
