// SPDX-License-Identifier: Apache-2.0
#include "port/linux/tls_probe.h"

#include "port/linux/authorities.h"
#include "port/linux/tls_client.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

static void say(struct tls_probe_result *out, const char *text)
{
    snprintf(out->detail, sizeof(out->detail), "%s", text);
}

// A connected, blocking socket; -1: out->detail says why not.
static int connect_to(const struct addrinfo *to, uint32_t timeout_ms, struct tls_probe_result *out)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        say(out, strerror(errno));
        return -1;
    }
    int error = connect(fd, to->ai_addr, to->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        socklen_t size = sizeof(error);
        int ready = poll(&wait, 1, (int)timeout_ms);
        error = ready == 0 ? ETIMEDOUT : errno;
        if (ready > 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
            error = errno;
        }
    }
    if (error != 0) {
        say(out, strerror(error));
        close(fd);
        return -1;
    }
    return fd;
}

static int connect_any(const struct tls_probe *probe, struct tls_probe_result *out)
{
    const char *name =
        probe->address != NULL && probe->address[0] != 0 ? probe->address : probe->host;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char port[8];
    snprintf(port, sizeof(port), "%u", probe->port);
    int code = getaddrinfo(name, port, &hints, &found);
    if (code != 0) {
        say(out, gai_strerror(code));
        return -1;
    }
    out->step = TLS_PROBE_TCP;
    int fd = -1;
    for (const struct addrinfo *at = found; at != NULL && fd < 0; at = at->ai_next) {
        (void)getnameinfo(at->ai_addr, at->ai_addrlen, out->address, sizeof(out->address), NULL, 0,
                          NI_NUMERICHOST);
        fd = connect_to(at, probe->timeout_ms, out);
    }
    freeaddrinfo(found);
    return fd;
}

static void set_timeout(int fd, uint32_t timeout_ms)
{
    const struct timeval timeout = {.tv_sec = (time_t)(timeout_ms / 1000),
                                    .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
    int flags = fcntl(fd, F_GETFL);
    (void)fcntl(fd, F_SETFL, flags & ~O_NONBLOCK);
}

static void shake_hands(const struct tls_probe *probe, int fd, SSL_CTX *context,
                        struct tls_probe_result *out)
{
    char name[256]; // the library's macro wants it writable
    snprintf(name, sizeof(name), "%s", probe->host);
    SSL *session = SSL_new(context);
    set_timeout(fd, probe->timeout_ms);
    ERR_clear_error();
    if (session == NULL || SSL_set_fd(session, fd) != 1 ||
        SSL_set_tlsext_host_name(session, name) != 1) {
        say(out, "no memory");
    } else if (SSL_connect(session) == 1) {
        out->step = TLS_PROBE_STEPS;
        say(out, SSL_get_version(session));
        (void)SSL_shutdown(session);
    } else {
        const char *verdict = tls_client_verdict(session);
        const char *reason = ERR_reason_error_string(ERR_peek_last_error());
        say(out, verdict != NULL ? verdict : reason != NULL ? reason : "the server hung up");
    }
    SSL_free(session);
}

void tls_probe_run(const struct tls_probe *probe, struct tls_probe_result *out)
{
    *out = (struct tls_probe_result){.step = TLS_PROBE_NAME};
    int fd = connect_any(probe, out);
    if (fd < 0) {
        return;
    }
    out->step = TLS_PROBE_TLS;
    SSL_CTX *context = tls_client_context(probe->ca_file, probe->host);
    if (context == NULL) {
        const char *problem = authorities_problem(probe->ca_file);
        say(out, problem != NULL ? problem : "the CA file cannot be read: is it PEM?");
    } else {
        shake_hands(probe, fd, context, out);
    }
    tls_client_context_free(context);
    close(fd);
}
