// SPDX-License-Identifier: Apache-2.0
#include "port/linux/tunnel.h"

#include "base/assert.h"
#include "base/time.h"
#include "port/api/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { FLOW_SIZE = 16 * 1024, CLOSE_WAIT_S = 2 };

// Bytes on their way from one socket to the other.
struct flow {
    uint8_t data[FLOW_SIZE];
    size_t from, to; // data[from, to) waits to be written
};

struct tunnel {
    struct proxy proxy;
    char folder[64];
    char path[96];
    int listen_fd, end_fd;
    pthread_t thread;
    pthread_mutex_t lock;
    char host[PROXY_HOST_SIZE_MAX];
    uint16_t port;
    char reason[TUNNEL_REASON_SIZE_MAX];
    bool has_ended, is_abandoned;
    // The thread's:
    char target[PROXY_HOST_SIZE_MAX];
    struct proxy_talk talk;
    struct flow up, down;
};

static void set_reason(struct tunnel *tunnel, const char *text)
{
    pthread_mutex_lock(&tunnel->lock);
    snprintf(tunnel->reason, sizeof(tunnel->reason), "%s", text);
    pthread_mutex_unlock(&tunnel->lock);
}

// True when `fd` is ready; false when the time is over, or the thread is to end.
static bool wait_for(struct tunnel *tunnel, int fd, short events, uint64_t until_us)
{
    struct pollfd fds[2] = {{.fd = fd, .events = events}, {.fd = tunnel->end_fd, .events = POLLIN}};
    for (;;) {
        uint64_t now_us = port_now_us();
        int left_ms = until_us > now_us ? (int)((until_us - now_us) / US_PER_MS + 1) : 0;
        int ready = poll(fds, 2, left_ms);
        if (ready == 0 || (ready > 0 && fds[1].revents != 0)) {
            return false;
        }
        if (ready > 0) {
            return true;
        }
        ASSERT(errno == EINTR);
    }
}

static int try_address(struct tunnel *tunnel, const struct addrinfo *at, uint64_t until_us)
{
    int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int problem = fd < 0 ? errno : 0;
    if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
        problem = errno;
        if (problem == EINPROGRESS) {
            socklen_t size = sizeof(problem);
            problem = ETIMEDOUT;
            if (wait_for(tunnel, fd, POLLOUT, until_us)) {
                (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
            }
        }
    }
    if (problem == 0) {
        int one = 1;
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        return fd;
    }
    char text[TUNNEL_REASON_SIZE_MAX];
    snprintf(text, sizeof(text), "proxy: %s", strerror(problem));
    set_reason(tunnel, text);
    if (fd >= 0) {
        close(fd);
    }
    return -1;
}

// A socket to the proxy, by the first of its addresses that answers; -1.
static int dial(struct tunnel *tunnel, uint64_t until_us)
{
    char port[8];
    snprintf(port, sizeof(port), "%u", tunnel->proxy.port);
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    if (getaddrinfo(tunnel->proxy.host, port, &hints, &found) != 0) {
        set_reason(tunnel, "proxy: host name not found");
        return -1;
    }
    int fd = -1;
    for (const struct addrinfo *at = found; fd < 0 && at != NULL; at = at->ai_next) {
        fd = try_address(tunnel, at, until_us);
    }
    freeaddrinfo(found);
    return fd;
}

static bool send_all(struct tunnel *tunnel, int fd, struct bytes out, uint64_t until_us)
{
    while (out.size > 0) {
        ssize_t sent = send(fd, out.data, out.size, MSG_NOSIGNAL);
        if (sent > 0) {
            out = bytes_of(out.data + sent, out.size - (size_t)sent);
        } else if (errno != EAGAIN || !wait_for(tunnel, fd, POLLOUT, until_us)) {
            return false;
        }
    }
    return true;
}

static bool talk_to_proxy(struct tunnel *tunnel, int fd, uint64_t until_us)
{
    struct proxy_talk *talk = &tunnel->talk;
    pthread_mutex_lock(&tunnel->lock);
    snprintf(tunnel->target, sizeof(tunnel->target), "%s", tunnel->host);
    proxy_begin(talk, &tunnel->proxy, tunnel->target, tunnel->port);
    pthread_mutex_unlock(&tunnel->lock);
    while (talk->state == PROXY_TALKING) {
        uint8_t byte;
        if (!send_all(tunnel, fd, proxy_output(talk), until_us)) {
            break;
        }
        ssize_t got = wait_for(tunnel, fd, POLLIN, until_us) ? recv(fd, &byte, 1, 0) : -1;
        if (got != 1) {
            break;
        }
        proxy_input(talk, byte);
    }
    explicit_bzero(talk->output, sizeof(talk->output));
    set_reason(tunnel, talk->state == PROXY_OPEN     ? ""
                       : talk->state == PROXY_FAILED ? talk->problem
                                                     : "the proxy does not answer");
    return talk->state == PROXY_OPEN;
}

// Moves what is ready; false when that way is over.
static bool move(struct flow *flow, const struct pollfd *source, const struct pollfd *sink)
{
    if ((source->revents & (POLLIN | POLLHUP | POLLERR)) != 0 && flow->to == flow->from) {
        ssize_t got = recv(source->fd, flow->data, sizeof(flow->data), 0);
        if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) {
            return false;
        }
        flow->from = 0;
        flow->to = got > 0 ? (size_t)got : 0;
    }
    if (flow->to > flow->from) {
        ssize_t sent = send(sink->fd, flow->data + flow->from, flow->to - flow->from, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR) {
            return false;
        }
        flow->from += sent > 0 ? (size_t)sent : 0;
    }
    return true;
}

// Until either end is gone, a new connection waits, or the thread is to end.
static void carry(struct tunnel *tunnel, int near, int far)
{
    tunnel->up.from = tunnel->up.to = tunnel->down.from = tunnel->down.to = 0;
    for (;;) {
        bool up_waits = tunnel->up.to > tunnel->up.from;
        bool down_waits = tunnel->down.to > tunnel->down.from;
        struct pollfd fds[4] = {
            {.fd = near, .events = (short)((up_waits ? 0 : POLLIN) | (down_waits ? POLLOUT : 0))},
            {.fd = far, .events = (short)((down_waits ? 0 : POLLIN) | (up_waits ? POLLOUT : 0))},
            {.fd = tunnel->listen_fd, .events = POLLIN},
            {.fd = tunnel->end_fd, .events = POLLIN}};
        int ready = poll(fds, COUNT_OF(fds), -1);
        ASSERT(ready > 0 || errno == EINTR);
        bool is_over = ready > 0 && (fds[2].revents != 0 || fds[3].revents != 0);
        // A hang-up shows in both directions: with bytes that cannot be written it would spin.
        bool is_stuck = (fds[0].revents & (POLLHUP | POLLERR)) != 0 && up_waits;
        is_stuck = is_stuck || ((fds[1].revents & (POLLHUP | POLLERR)) != 0 && down_waits);
        if (is_over || is_stuck || !move(&tunnel->up, &fds[0], &fds[1]) ||
            !move(&tunnel->down, &fds[1], &fds[0])) {
            return;
        }
    }
}

static bool must_end(const struct tunnel *tunnel)
{
    struct pollfd fd = {.fd = tunnel->end_fd, .events = POLLIN};
    return poll(&fd, 1, 0) > 0;
}

static void serve(struct tunnel *tunnel, int near)
{
    uint64_t until_us = port_now_us() + TUNNEL_OPEN_TIMEOUT_MS * US_PER_MS;
    int far = dial(tunnel, until_us);
    if (far >= 0 && talk_to_proxy(tunnel, far, until_us)) {
        carry(tunnel, near, far);
    }
    if (far >= 0) {
        close(far);
    }
    close(near);
}

static void release(struct tunnel *tunnel)
{
    close(tunnel->listen_fd);
    close(tunnel->end_fd);
    (void)unlink(tunnel->path);
    (void)rmdir(tunnel->folder);
    pthread_mutex_destroy(&tunnel->lock);
    explicit_bzero(tunnel, sizeof(*tunnel));
    free(tunnel);
}

static void *run(void *ctx)
{
    struct tunnel *tunnel = ctx;
    while (!must_end(tunnel)) {
        if (wait_for(tunnel, tunnel->listen_fd, POLLIN, port_now_us() + US_PER_HOUR)) {
            int near = accept4(tunnel->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
            if (near >= 0) {
                serve(tunnel, near);
            }
        }
    }
    pthread_mutex_lock(&tunnel->lock);
    tunnel->has_ended = true;
    bool is_abandoned = tunnel->is_abandoned;
    pthread_mutex_unlock(&tunnel->lock);
    if (is_abandoned) {
        release(tunnel);
    }
    return NULL;
}

static bool listen_in_private(struct tunnel *tunnel)
{
    const char *base = getenv("RUNTIME_DIRECTORY");
    bool fits = base != NULL && base[0] == '/' && strlen(base) < 40 && strchr(base, ':') == NULL;
    snprintf(tunnel->folder, sizeof(tunnel->folder), "%s/tunnel-XXXXXX", fits ? base : "/tmp");
    if (mkdtemp(tunnel->folder) == NULL) { // mode 0700
        tunnel->folder[0] = 0;
        return false;
    }
    snprintf(tunnel->path, sizeof(tunnel->path), "%s/hub", tunnel->folder);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", tunnel->path);
    tunnel->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    return tunnel->listen_fd >= 0 &&
           bind(tunnel->listen_fd, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
           listen(tunnel->listen_fd, 4) == 0;
}

static bool start_thread(struct tunnel *tunnel)
{
    // Signals belong to the main thread.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = pthread_create(&tunnel->thread, NULL, run, tunnel) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (is_started) {
        (void)pthread_setname_np(tunnel->thread, "tunnel");
    }
    return is_started;
}

enum err tunnel_open(struct tunnel **out, const struct proxy *proxy)
{
    struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
    if (tunnel == NULL) {
        return ERR_FULL;
    }
    tunnel->proxy = *proxy;
    tunnel->listen_fd = -1;
    pthread_mutex_init(&tunnel->lock, NULL);
    tunnel->end_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (tunnel->end_fd >= 0 && listen_in_private(tunnel) && start_thread(tunnel)) {
        *out = tunnel;
        return OK;
    }
    release(tunnel);
    return ERR_IO;
}

void tunnel_close(struct tunnel *tunnel)
{
    uint64_t one = 1;
    ssize_t written = write(tunnel->end_fd, &one, sizeof(one));
    ASSERT(written == (ssize_t)sizeof(one));
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += CLOSE_WAIT_S;
    if (pthread_clockjoin_np(tunnel->thread, NULL, CLOCK_MONOTONIC, &until) == 0) {
        release(tunnel);
        return;
    }
    // A name lookup cannot be cut short: the thread frees what it has at its end.
    pthread_t thread = tunnel->thread;
    pthread_mutex_lock(&tunnel->lock);
    bool has_ended = tunnel->has_ended;
    tunnel->is_abandoned = !has_ended;
    pthread_mutex_unlock(&tunnel->lock);
    if (has_ended) {
        pthread_join(thread, NULL);
        release(tunnel);
    } else {
        (void)pthread_detach(thread);
    }
}

enum err tunnel_aim(struct tunnel *tunnel, const char *host, uint16_t port)
{
    if (strlen(host) >= sizeof(tunnel->host)) {
        return ERR_SIZE;
    }
    pthread_mutex_lock(&tunnel->lock);
    snprintf(tunnel->host, sizeof(tunnel->host), "%s", host);
    tunnel->port = port;
    tunnel->reason[0] = 0;
    pthread_mutex_unlock(&tunnel->lock);
    return OK;
}

const char *tunnel_path(const struct tunnel *tunnel)
{
    return tunnel->path;
}

void tunnel_reason(struct tunnel *tunnel, char *out, size_t size)
{
    pthread_mutex_lock(&tunnel->lock);
    snprintf(out, size, "%s", tunnel->reason);
    pthread_mutex_unlock(&tunnel->lock);
}
