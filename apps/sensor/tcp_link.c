// SPDX-License-Identifier: Apache-2.0
#include "apps/sensor/tcp_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/log.h"

enum { BACKLOG = 16, READ_SIZE = 512, ADU_SIZE_MAX = 260 };

static void drop(struct tcp_client *client, const char *why)
{
    log_info("tcp", "closed", "client=%d why=%s", (int)(client - client->link->clients), why);
    loop_unwatch(client->link->loop, client->fd);
    close(client->fd);
    client->fd = -1;
}

// One reply is at most 260 bytes: a socket that does not take it belongs to a client that stopped
// reading.
static bool answer(struct tcp_client *client, const struct mb_frame *frame)
{
    uint8_t pdu[MB_PDU_SIZE_MAX], adu[ADU_SIZE_MAX];
    struct tcp_link *link = client->link;
    struct writer reply = writer_of(pdu, sizeof(pdu));
    if (!device_request(link->device, port_now_us(), frame, &reply)) {
        return true;
    }
    struct mb_frame back = {
        .transaction = frame->transaction, .unit = frame->unit, .pdu = writer_bytes(&reply)};
    struct writer out = writer_of(adu, sizeof(adu));
    if (mb_stream_encode(link->kind, &back, &out) != OK) {
        return false;
    }
    return send(client->fd, adu, out.size, MSG_NOSIGNAL) == (ssize_t)out.size;
}

// False: the client was dropped.
static bool take_frames(struct tcp_client *client)
{
    struct mb_frame frame;
    for (;;) {
        enum err err = mb_stream_next(&client->stream, &frame);
        if (err == ERR_EMPTY) {
            return true;
        }
        if (err != OK && client->link->kind == MB_STREAM_TCP) {
            drop(client, "bad_header");
            return false;
        }
        if (err != OK) {
            mb_server_bad_frame(&client->link->device->server);
            return true;
        }
        if (!answer(client, &frame)) {
            drop(client, "not_reading");
            return false;
        }
    }
}

static void on_readable(void *ctx, int fd)
{
    struct tcp_client *client = ctx;
    uint8_t data[READ_SIZE];
    ssize_t size = recv(fd, data, sizeof(data), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (size <= 0) {
        drop(client, "by_peer");
        return;
    }
    if (mb_stream_pause(&client->stream, port_now_us())) {
        mb_server_bad_frame(&client->link->device->server);
    }
    for (size_t at = 0; at < (size_t)size;) {
        size_t taken = mb_stream_add(&client->stream, bytes_of(data + at, (size_t)size - at));
        if (!take_frames(client)) {
            return;
        }
        ASSERT(taken > 0); // everything complete was taken out, so there is room
        at += taken;
    }
}

static void on_connection(void *ctx, int fd)
{
    struct tcp_link *link = ctx;
    int client_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client_fd < 0) {
        return;
    }
    int on = 1;
    (void)setsockopt(client_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    for (int i = 0; i < TCP_CLIENTS_MAX; i++) {
        struct tcp_client *client = &link->clients[i];
        if (client->fd >= 0) {
            continue;
        }
        if (loop_watch(link->loop, client_fd, on_readable, client) != OK) {
            break;
        }
        client->fd = client_fd;
        mb_stream_init(&client->stream, link->kind, MB_REQUESTS);
        log_info("tcp", "opened", "client=%d", i);
        return;
    }
    log_warn("tcp", "refused", "why=too_many clients_max=%d", TCP_CLIENTS_MAX);
    close(client_fd);
}

enum err tcp_link_init(struct tcp_link *link, struct device *device, struct loop *loop,
                       const char *host, uint16_t port, enum mb_stream_kind kind)
{
    memset(link, 0, sizeof(*link));
    *link = (struct tcp_link){.device = device, .loop = loop, .kind = kind, .listen_fd = -1};
    for (int i = 0; i < TCP_CLIENTS_MAX; i++) {
        link->clients[i].fd = -1;
        link->clients[i].link = link;
    }
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t size = sizeof(at);
    if (inet_pton(AF_INET, host, &at.sin_addr) != 1) {
        return ERR_ARG;
    }
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        bind(fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, BACKLOG) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &size) != 0) {
        enum err err = errno == EADDRINUSE ? ERR_BUSY : errno == EACCES ? ERR_DENIED : ERR_IO;
        if (fd >= 0) {
            close(fd);
        }
        return err;
    }
    link->listen_fd = fd;
    link->port = ntohs(at.sin_port);
    log_info("tcp", "listening", "host=%s port=%u", host, link->port);
    return loop_watch(loop, fd, on_connection, link);
}

void tcp_link_deinit(struct tcp_link *link)
{
    for (int i = 0; i < TCP_CLIENTS_MAX; i++) {
        if (link->clients[i].fd >= 0) {
            drop(&link->clients[i], "end");
        }
    }
    if (link->listen_fd >= 0) {
        close(link->listen_fd);
    }
}
