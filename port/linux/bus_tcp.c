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
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "base/assert.h"
#include "modbus/connection.h"
#include "port/api/clock.h"
#include "port/linux/bus_private.h"
#include "port/linux/worker.h"

#define CONNECT_TIMEOUT_MS 5000
#define REPLY_TIMEOUT_MS   1000
#define HOST_SIZE_MAX      254 // [RFC 1035 2.3.4]
#define RECEIVES_PER_READ  2   // a babbling peer must not keep the thread from its deadlines
// A peer that acknowledges nothing for so many reply time-outs is gone, within bounds: a link that
// loses packets comes back in less than the shortest, and nobody waits longer than the longest.
#define GONE_TIMEOUTS 4
#define GONE_MIN_MS   5000
#define GONE_MAX_MS   30000
#define PROBE_S       5 // while nothing is asked, a peer is probed so often

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
    uint64_t timeout_us; // of look-up and connection attempt
    uint64_t reply_timeout_us;
    uint64_t owed_us;  // until then the reply to what was asked last may come
    uint64_t quiet_us; // RTU: until then the reply to what was lost with a connection may come
    int socket_fd;
    struct worker *worker;
    struct lookup *lookup;
    struct mb_connection connection;
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

// Whether the peer has not acknowledged all that it was sent.
static bool is_stalled(const struct tcp_port *port)
{
    int size = 0;
    return port->socket_fd >= 0 && ioctl(port->socket_fd, SIOCOUTQ, &size) == 0 && size > 0;
}

static void close_socket(struct tcp_port *port)
{
    if (port->socket_fd < 0) {
        return;
    }
    if (is_stalled(port)) {
        // Nobody waits for the reply any more: the request must not arrive after all.
        struct linger now = {.l_onoff = 1};
        (void)setsockopt(port->socket_fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }
    close(port->socket_fd);
    port->socket_fd = -1;
}

static void tcp_close(struct bus_port *base)
{
    struct tcp_port *port = tcp_of(base);
    if (port->state == TCP_OPEN && port->kind == MB_STREAM_RTU && port->connection.is_asked) {
        port->quiet_us = port->owed_us;
    }
    close_socket(port);
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

static void set_options(const struct tcp_port *port)
{
    uint64_t gone_ms = GONE_TIMEOUTS * port->reply_timeout_us / US_PER_MS;
    gone_ms = gone_ms < GONE_MIN_MS ? GONE_MIN_MS : gone_ms;
    const struct {
        int level, name, value;
    } options[] = {
        {IPPROTO_TCP, TCP_NODELAY, 1},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, (int)time_min(gone_ms, GONE_MAX_MS)},
        {IPPROTO_TCP, TCP_KEEPIDLE, PROBE_S},
        {IPPROTO_TCP, TCP_KEEPINTVL, PROBE_S},
        {SOL_SOCKET, SO_KEEPALIVE, 1},
    };
    for (size_t i = 0; i < COUNT_OF(options); i++) {
        (void)setsockopt(port->socket_fd, options[i].level, options[i].name, &options[i].value,
                         sizeof options[i].value);
    }
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
    set_options(port);
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
    mb_connection_opened(&port->connection);
    port->state = TCP_OPEN;
    return OK;
}

static enum err tcp_open(struct bus_port *base, uint64_t now_us)
{
    struct tcp_port *port = tcp_of(base);
    switch (port->state) {
    case TCP_CLOSED:
        if (now_us < port->quiet_us) {
            base->deadline_us = port->quiet_us;
            return ERR_AGAIN;
        }
        return start_lookup(port, now_us);
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

// To the address that worked last, without a look-up.
static enum err renew(struct tcp_port *port, uint64_t now_us)
{
    close_socket(port);
    port->lookup->turn++; // end_connect() comes back to this address, a failure tries the next
    return start_connect(port, now_us);
}

static enum err receive(struct tcp_port *port)
{
    uint8_t data[MB_TCP_SIZE_MAX];
    ssize_t n = recv(port->socket_fd, data, sizeof data, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
        return ERR_AGAIN;
    }
    if (n <= 0) {
        return tcp_problem(port, ERR_CLOSED,
                           n == 0 ? "connection closed by the other side" : strerror(errno));
    }
    mb_connection_add(&port->connection, bytes_of(data, (size_t)n));
    port->base.stray_bytes = port->connection.stray_bytes;
    return OK;
}

static enum err tcp_read(struct bus_port *base, uint8_t *data, size_t capacity, size_t *size)
{
    struct tcp_port *port = tcp_of(base);
    for (int received = 0;;) {
        struct mb_frame frame;
        enum err err = mb_connection_next(&port->connection, &frame);
        if (err == ERR_EMPTY) {
            err = received++ < RECEIVES_PER_READ ? receive(port) : ERR_AGAIN;
            if (err != OK) {
                return err;
            }
            continue;
        }
        if (err != OK) {
            return tcp_problem(port, ERR_CLOSED, "what comes is not Modbus TCP");
        }
        base->stray_bytes = port->connection.stray_bytes;
        struct writer out = writer_of(data, capacity);
        if (mb_rtu_encode(frame.unit, frame.pdu, &out) == OK) {
            *size = out.size;
            return OK;
        }
    }
}

static enum err tcp_write(struct bus_port *base, struct bytes rtu, uint64_t *first_us,
                          uint64_t *end_us)
{
    struct tcp_port *port = tcp_of(base);
    uint8_t data[MB_TCP_SIZE_MAX];
    struct writer out = writer_of(data, sizeof data);
    *first_us = port_now_us();
    *end_us = *first_us;
    if (mb_connection_must_renew(&port->connection, rtu)) {
        return renew(port, *first_us);
    }
    enum err err = mb_connection_ask(&port->connection, rtu, &out);
    base->stray_bytes = port->connection.stray_bytes;
    if (err == ERR_ARG) {
        return OK; // never a frame of the gateway's; it is not sent and times out
    }
    ASSERT(err == OK); // there is room for every frame
    // The unit may have longer than the bus; a time-out learned to be shorter is a guess.
    uint64_t timeout_us = base->timeout_us;
    timeout_us = timeout_us > port->reply_timeout_us ? timeout_us : port->reply_timeout_us;
    port->owed_us = time_after(*first_us, timeout_us);
    ssize_t n = send(port->socket_fd, out.data, out.size, MSG_NOSIGNAL);
    // A peer that lets one frame wait in a full buffer is as good as gone.
    return n == (ssize_t)out.size
               ? OK
               : tcp_problem(port, ERR_CLOSED, n < 0 ? strerror(errno) : "takes no more requests");
}

static struct bytes tcp_give_up(struct bus_port *base)
{
    struct tcp_port *port = tcp_of(base);
    struct bytes held = mb_connection_give_up(&port->connection, is_stalled(port));
    base->stray_bytes = port->connection.stray_bytes;
    return held;
}

static void tcp_free(struct bus_port *base)
{
    struct tcp_port *port = tcp_of(base);
    worker_leave(port->worker, free, port->lookup); // a name look-up cannot be cut short
    free(port);
}

static const struct bus_port_ops TCP_OPS = {.open = tcp_open,
                                            .read = tcp_read,
                                            .write = tcp_write,
                                            .give_up = tcp_give_up,
                                            .close = tcp_close,
                                            .free = tcp_free};

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
    uint32_t reply_timeout_ms =
        cfg->reply_timeout_ms == 0 ? REPLY_TIMEOUT_MS : cfg->reply_timeout_ms;
    port->reply_timeout_us = reply_timeout_ms * US_PER_MS;
    mb_connection_init(&port->connection, port->kind);
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
