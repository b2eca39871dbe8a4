// SPDX-License-Identifier: Apache-2.0
// Goal: no client can take more memory or time of a place than its share, and an honest one gets
// every answer. Method: server and client in one thread, over loopback; deadlines by a clock of our
// choice.
#include "port/linux/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

enum { ANSWER_SIZE = 1000, LARGE_SIZE = 16 * 1024 * 1024, IDLE_LOOPS = 200, BODY_MAX = 40000 };

static const char request[] = "GET /a HTTP/1.1\r\n\r\n";
static const char large[] = "GET /large HTTP/1.1\r\n\r\n";

struct fixture {
    struct event_base *base;
    struct http_server *server;
    char *body; // LARGE_SIZE
    int fd;
};

static void on_request(void *ctx, struct http_conn *conn, const struct http_request *r,
                       struct bytes body)
{
    const struct fixture *f = ctx;
    if (http_path_is(r, 0, "echo")) {
        assert_int_equal(r->method, HTTP_PATCH);
        http_reply(conn, &(struct http_reply){.status = 200, .type = "text/plain", .body = body});
        return;
    }
    if (http_path_is(r, 0, "vouch")) {
        http_vouch(conn);
    }
    const size_t size = http_path_is(r, 0, "large") ? LARGE_SIZE : ANSWER_SIZE;
    http_reply(conn, &(struct http_reply){
                         .status = 200, .type = "text/plain", .body = bytes_of(f->body, size)});
}

static void on_gone(void *ctx, struct http_conn *conn)
{
    (void)ctx;
    (void)conn;
}

static size_t error_words(int status, const char *words, char *out, size_t capacity)
{
    (void)words;
    const int size = snprintf(out, capacity, "<%d>", status);
    return (size_t)size;
}

static void turn(struct fixture *f)
{
    assert_true(event_base_loop(f->base, EVLOOP_NONBLOCK) >= 0);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    f->base = event_base_new();
    f->body = calloc(1, LARGE_SIZE);
    const struct http_server_config cfg = {
        .base = f->base,
        .host = "127.0.0.1",
        .conn_max = 4,
        .body_size_max = BODY_MAX,
        .handler = {.request = on_request, .gone = on_gone, .error_body = error_words, .ctx = f},
    };
    assert_int_equal(http_server_start(&cfg, &f->server), OK);
    f->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int small = 65536; // so that the kernel does not take all of a test's requests itself
    assert_int_equal(setsockopt(f->fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(http_server_port(f->server)),
                                   .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    assert_true(connect(f->fd, (const struct sockaddr *)(const void *)&to, sizeof(to)) == 0 ||
                errno == EINPROGRESS);
    while (http_server_stats(f->server)->open == 0) {
        turn(f);
    }
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    close(f->fd);
    http_server_stop(f->server);
    event_base_free(f->base);
    free(f->body);
    free(f);
    return 0;
}

// Sends requests over and over, at most `max` bytes, until nothing moves any more.
static size_t send_until_stuck(struct fixture *f, size_t max)
{
    static char many[1000 * (sizeof(request) - 1)];
    const size_t size = sizeof(many);
    for (size_t i = 0; i < size; i++) {
        many[i] = request[i % (sizeof(request) - 1)];
    }
    size_t sent = 0;
    uint64_t answered = 0;
    for (int idle = 0; idle < IDLE_LOOPS && sent < max; idle++) {
        const ssize_t some = send(f->fd, many + sent % size, size - sent % size, MSG_NOSIGNAL);
        sent += some > 0 ? (size_t)some : 0;
        turn(f);
        if (some > 0 || http_server_stats(f->server)->requests != answered) {
            answered = http_server_stats(f->server)->requests;
            idle = 0;
        }
    }
    return sent;
}

// Reads until that many requests are answered, with bodies of that size.
static void read_answers(struct fixture *f, uint64_t requests, size_t body_size)
{
    char buffer[65536];
    size_t size = 0;
    while (http_server_stats(f->server)->requests < requests || size <= requests * body_size) {
        const ssize_t some = recv(f->fd, buffer, sizeof(buffer), 0);
        size += some > 0 ? (size_t)some : 0;
        turn(f);
    }
}

static void test_who_reads_no_answer_is_not_listened_to(void **state)
{
    struct fixture *f = *state;
    const size_t max = 8 * 1024 * 1024;
    const size_t sent = send_until_stuck(f, max);
    assert_true(sent < max);
    // What the kernel holds for a client (4 MiB at most by default) and the share of ours.
    assert_true(http_server_stats(f->server)->requests * ANSWER_SIZE < 6 * 1024 * 1024);
    read_answers(f, sent / (sizeof(request) - 1), ANSWER_SIZE);
    assert_int_equal(http_server_stats(f->server)->open, 1);
}

static time_t later(int seconds)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec + seconds;
}

static void test_who_never_completes_a_request_loses_the_place(void **state)
{
    struct fixture *f = *state;
    assert_true(send(f->fd, request, 5, MSG_NOSIGNAL) == 5);
    turn(f);
    http_server_tick(f->server, later(2 * HTTP_IDLE_S - 2));
    assert_int_equal(http_server_stats(f->server)->open, 1);
    http_server_tick(f->server, later(2 * HTTP_IDLE_S + 2));
    assert_int_equal(http_server_stats(f->server)->open, 0);
}

static void test_who_reads_a_long_answer_slowly_has_time_but_not_for_ever(void **state)
{
    struct fixture *f = *state;
    assert_true(send(f->fd, large, sizeof(large) - 1, MSG_NOSIGNAL) > 0);
    for (int i = 0; i < IDLE_LOOPS; i++) {
        turn(f);
    }
    assert_int_equal(http_server_stats(f->server)->requests, 1);
    http_server_tick(f->server, later(HTTP_ANSWER_S - 2));
    assert_int_equal(http_server_stats(f->server)->open, 1);
    read_answers(f, 1, LARGE_SIZE);
    assert_true(send(f->fd, large, sizeof(large) - 1, MSG_NOSIGNAL) > 0);
    for (int i = 0; i < IDLE_LOOPS; i++) {
        turn(f);
    }
    assert_int_equal(http_server_stats(f->server)->requests, 2);
    http_server_tick(f->server, later(HTTP_ANSWER_S + 2));
    assert_int_equal(http_server_stats(f->server)->open, 0);
}

// Sends a PATCH with that large a body and gives the answer from its status on, terminated.
static char *patch(struct fixture *f, int body_size)
{
    static char text[BODY_MAX + 1000];
    const int head = snprintf(text, sizeof(text),
                              "PATCH /echo HTTP/1.1\r\nContent-Length: %d\r\n\r\n", body_size);
    memset(text + head, 'x', (size_t)body_size);
    const size_t size = (size_t)(head + body_size);
    size_t sent = 0;
    size_t got = 0;
    for (int idle = 0; idle < IDLE_LOOPS; idle++) {
        const ssize_t some = sent < size ? send(f->fd, text + sent, size - sent, MSG_NOSIGNAL) : 0;
        sent += some > 0 ? (size_t)some : 0;
        turn(f);
        idle = some > 0 ? 0 : idle;
    }
    const ssize_t some = recv(f->fd, text, sizeof(text) - 1, 0);
    got = some > 0 ? (size_t)some : 0;
    text[got] = '\0';
    return text + strlen("HTTP/1.1 ");
}

static void test_a_body_up_to_the_limit_is_taken_and_one_more_byte_is_not(void **state)
{
    struct fixture *f = *state;
    assert_memory_equal(patch(f, BODY_MAX), "200", 3);
    char *refused = patch(f, BODY_MAX + 1);
    assert_memory_equal(refused, "413", 3);
    assert_non_null(strstr(refused, "\r\n\r\n<413>"));
    assert_int_equal(http_server_stats(f->server)->malformed, 1);
}

static int newcomer(struct fixture *f)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons(http_server_port(f->server)),
                                   .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    const uint64_t before = http_server_stats(f->server)->accepted;
    assert_true(connect(fd, (const struct sockaddr *)(const void *)&to, sizeof(to)) == 0 ||
                errno == EINPROGRESS);
    while (http_server_stats(f->server)->accepted == before) {
        turn(f);
    }
    return fd;
}

// The first bytes of the answer to a request; "" if the connection was closed.
static const char *ask(struct fixture *f, int fd, const char *text)
{
    static char answer[2 * ANSWER_SIZE];
    ssize_t size = -1;
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    while (size < 0) {
        turn(f);
        size = recv(fd, answer, sizeof(answer) - 1, 0);
        assert_true(size >= 0 || errno == EAGAIN || errno == ECONNRESET);
        size = size < 0 && errno == ECONNRESET ? 0 : size;
    }
    answer[size] = '\0';
    return answer;
}

static bool is_closed(struct fixture *f, int fd)
{
    char byte = 0;
    turn(f);
    const ssize_t size = recv(fd, &byte, 1, MSG_PEEK);
    return size == 0 || (size < 0 && errno == ECONNRESET);
}

static void test_a_stranger_makes_room_for_who_asks(void **state)
{
    struct fixture *f = *state;
    const struct http_stats *stats = http_server_stats(f->server);
    int vouched = newcomer(f);
    assert_non_null(strstr(ask(f, vouched, "GET /vouch HTTP/1.1\r\n\r\n"), "200"));
    int guest = newcomer(f);
    assert_non_null(strstr(ask(f, guest, request), "200"));
    int stranger = newcomer(f);
    assert_int_equal(send(stranger, request, 5, MSG_NOSIGNAL), 5);
    assert_int_equal(stats->open, 4); // f->fd was the first stranger
    int fourth = newcomer(f);
    assert_true(is_closed(f, f->fd) && !is_closed(f, stranger));
    assert_non_null(strstr(ask(f, fourth, request), "200"));
    int fifth = newcomer(f);
    assert_true(is_closed(f, stranger) && !is_closed(f, guest));
    assert_non_null(strstr(ask(f, fifth, "GET /vouch HTTP/1.1\r\n\r\n"), "200"));
    int sixth = newcomer(f);
    assert_true(is_closed(f, guest) && !is_closed(f, fourth) && !is_closed(f, vouched));
    assert_non_null(strstr(ask(f, sixth, "GET /vouch HTTP/1.1\r\n\r\n"), "200"));
    int seventh = newcomer(f);
    assert_true(is_closed(f, fourth));
    assert_non_null(strstr(ask(f, seventh, "GET /vouch HTTP/1.1\r\n\r\n"), "200"));
    // All are vouched for: the next is told so, and nobody loses anything.
    int eighth = newcomer(f);
    assert_non_null(strstr(ask(f, eighth, request), "503"));
    assert_non_null(strstr(ask(f, vouched, request), "200"));
    assert_int_equal(stats->displaced, 4);
    // Silent ones in the spare places neither keep those nor, later, the real ones from anybody.
    int silent[HTTP_SPARE_CONNS];
    for (size_t i = 0; i < HTTP_SPARE_CONNS; i++) {
        silent[i] = newcomer(f);
    }
    int ninth = newcomer(f);
    assert_non_null(strstr(ask(f, ninth, request), "503"));
    close(vouched);
    while (stats->open > 3 + HTTP_SPARE_CONNS - 1) {
        turn(f);
    }
    vouched = newcomer(f);
    assert_non_null(strstr(ask(f, vouched, request), "200"));
    for (size_t i = 0; i < HTTP_SPARE_CONNS; i++) {
        close(silent[i]);
    }
    close(ninth);
    const int all[] = {vouched, guest, stranger, fourth, fifth, sixth, seventh, eighth};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        close(all[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            test_a_body_up_to_the_limit_is_taken_and_one_more_byte_is_not, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_stranger_makes_room_for_who_asks, setup, teardown),
        cmocka_unit_test_setup_teardown(test_who_reads_no_answer_is_not_listened_to, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_who_never_completes_a_request_loses_the_place, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(
            test_who_reads_a_long_answer_slowly_has_time_but_not_for_ever, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
