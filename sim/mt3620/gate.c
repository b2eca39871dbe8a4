// SPDX-License-Identifier: Apache-2.0
#include "sim/mt3620/gate.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "port/linux/log.h"

bool gate_open(struct gate *gate, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    memset(gate, 0, sizeof *gate);
    gate->path = path;
    gate->fd = -1;
    gate->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (strlen(path) >= sizeof address.sun_path) {
        errno = ENAMETOOLONG;
        return false;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    (void)unlink(path); // of a process that was killed
    mode_t before = umask(0177);
    bool bound = gate->listen_fd >= 0 &&
                 bind(gate->listen_fd, (const struct sockaddr *)&address, sizeof address) == 0;
    (void)umask(before);
    return bound && listen(gate->listen_fd, 1) == 0;
}

static void hang_up(struct gate *gate, const char *why)
{
    log_info("m4", "gateway_gone", "reason=%s", log_quote(why).text);
    close(gate->fd);
    gate->fd = -1;
    gate->in_waits = false;
    gate->out_waits = false;
}

void gate_fds(const struct gate *gate, struct pollfd fds[GATE_FDS])
{
    short wants = (short)((gate->in_waits ? 0 : POLLIN) | (gate->out_waits ? POLLOUT : 0));
    fds[0] = (struct pollfd){.fd = gate->listen_fd, .events = POLLIN};
    fds[1] = (struct pollfd){.fd = gate->fd, .events = wants};
}

static void take_gateway(struct gate *gate)
{
    int fd = accept4(gate->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (gate->fd >= 0) {
        gate->refused++;
        log_warn("m4", "gateway_refused", "reason=\"another one is here\"");
        close(fd);
        return;
    }
    gate->fd = fd;
    log_info("m4", "gateway_here", "");
}

// True: .in went into the ring.
static bool pass_in(struct gate *gate, struct mt *mt)
{
    enum err err = mt_send(mt, bytes_of(gate->in, gate->in_size));
    gate->in_waits = err == ERR_AGAIN;
    gate->received += err == OK;
    if (err == ERR_SIZE) {
        log_warn("m4", "message_too_long", "max=%d", MT_MESSAGE_MAX);
    }
    return err == OK;
}

static void read_messages(struct gate *gate, struct mt *mt)
{
    while (!gate->in_waits) {
        ssize_t n = recv(gate->fd, gate->in, sizeof gate->in, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) {
            hang_up(gate, n == 0 ? "closed" : strerror(errno));
            return;
        }
        gate->in_size = (size_t)n;
        (void)pass_in(gate, mt);
    }
}

void gate_read(struct gate *gate, struct mt *mt, const struct pollfd fds[GATE_FDS])
{
    if (gate->fd >= 0 && gate->in_waits) {
        (void)pass_in(gate, mt);
    }
    if (gate->fd >= 0 && fds[1].fd == gate->fd && (fds[1].revents & (POLLIN | POLLHUP | POLLERR))) {
        if (gate->in_waits && (fds[1].revents & (POLLHUP | POLLERR)) != 0) {
            hang_up(gate, "closed");
        } else {
            read_messages(gate, mt);
        }
    }
    if ((fds[0].revents & POLLIN) != 0) {
        take_gateway(gate); // after a dead one was noticed
    }
}

// False: it has to wait.
static bool pass_out(struct gate *gate)
{
    ssize_t n = send(gate->fd, gate->out, gate->out_size, MSG_NOSIGNAL);
    gate->out_waits = n < 0 && (errno == EAGAIN || errno == ENOBUFS);
    gate->sent += n >= 0;
    if (n < 0 && !gate->out_waits) {
        hang_up(gate, strerror(errno));
    }
    return n >= 0;
}

void gate_take(struct gate *gate, struct mt *mt)
{
    if (gate->fd >= 0 && (!gate->in_waits || pass_in(gate, mt))) {
        read_messages(gate, mt);
    }
}

void gate_flush(struct gate *gate, struct mt *mt)
{
    if (gate->fd < 0 || (gate->out_waits && !pass_out(gate))) {
        return;
    }
    for (;;) {
        enum err err = mt_receive(mt, gate->out, sizeof gate->out, &gate->out_size);
        if (err == ERR_CORRUPT) {
            gate->corrupt++;
            log_warn("m4", "ring_corrupt", "");
        } else if (err != OK || !pass_out(gate)) {
            return;
        }
    }
}

void gate_close(struct gate *gate)
{
    if (gate->fd >= 0) {
        close(gate->fd);
    }
    if (gate->listen_fd >= 0) {
        close(gate->listen_fd);
        (void)unlink(gate->path);
    }
}
