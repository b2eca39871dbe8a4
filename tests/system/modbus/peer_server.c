// SPDX-License-Identifier: Apache-2.0
#include "tests/system/modbus/peer_server.h"

#include "modbus/rtu_rx.h"
#include "modbus/tables.h"
#include "modbus/tcp.h"

#include "base/assert.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static bool coils[PEER_REGS];
static bool discrete[PEER_REGS];
static uint16_t holding[PEER_REGS];
static uint16_t input[PEER_REGS];
static struct mb_tables tables = {coils,     discrete,  holding,   input,
                                  PEER_REGS, PEER_REGS, PEER_REGS, PEER_REGS};
static struct mb_server server;

static void init_server(void)
{
    for (size_t i = 0; i < PEER_REGS; i++) {
        input[i] = (uint16_t)(3 * i);
        discrete[i] = i % 2 == 1;
    }
    mb_server_init(&server, &(struct mb_server_config){.unit = 17,
                                                       .is_serial = true,
                                                       .ops = &mb_tables_ops,
                                                       .ctx = &tables,
                                                       .server_id = {(const uint8_t *)"BW", 2}});
}

static void answer(int fd, enum mb_stream_kind kind, const struct mb_frame *frame)
{
    uint8_t pdu[MB_PDU_SIZE_MAX];
    uint8_t adu[MB_TCP_SIZE_MAX];
    struct writer reply = writer_of(pdu, sizeof(pdu));
    if (!mb_server_handle(&server, 0, frame, &reply)) {
        return;
    }
    struct mb_frame back = {frame->transaction, frame->unit, writer_bytes(&reply)};
    struct writer out = writer_of(adu, sizeof(adu));
    ASSERT(mb_stream_encode(kind, &back, &out) == OK);
    ASSERT(write(fd, adu, out.size) == (ssize_t)out.size);
}

static void serve_connection(int fd)
{
    struct mb_stream stream;
    mb_stream_init(&stream, MB_STREAM_TCP, MB_REQUESTS);
    uint8_t data[256];
    ssize_t size;
    while ((size = read(fd, data, sizeof(data))) > 0) {
        ASSERT(mb_stream_add(&stream, bytes_of(data, (size_t)size)) == (size_t)size);
        struct mb_frame frame;
        while (mb_stream_next(&stream, &frame) == OK) {
            answer(fd, MB_STREAM_TCP, &frame);
        }
    }
    close(fd);
}

static pid_t fork_server(void)
{
    pid_t child = fork();
    if (child == 0) {
        ASSERT(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        init_server();
    }
    return child;
}

pid_t peer_serve_tcp(int listen_fd)
{
    pid_t child = fork_server();
    if (child != 0) {
        return child;
    }
    for (;;) {
        int fd = accept(listen_fd, NULL, NULL);
        if (fd < 0) {
            _exit(1);
        }
        serve_connection(fd);
    }
}

static uint64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * US_PER_S + (uint64_t)now.tv_nsec / 1000;
}

// -1: no deadline.
static int wait_ms(const struct mb_rx *rx)
{
    uint64_t at_us = mb_rx_deadline_us(rx);
    uint64_t now = now_us();
    return at_us == TIME_NEVER ? -1 : at_us <= now ? 0 : (int)((at_us - now + 999) / 1000);
}

pid_t peer_serve_rtu(int pty_fd)
{
    pid_t child = fork_server();
    if (child != 0) {
        return child;
    }
    struct mb_rx rx;
    mb_rx_init(&rx, &(struct mb_rx_config){.silence = mb_silence(115200, MB_BITS_8N1, false),
                                           .coarse = true});
    for (;;) {
        struct pollfd ready = {.fd = pty_fd, .events = POLLIN};
        if (poll(&ready, 1, wait_ms(&rx)) > 0) {
            uint8_t data[256];
            ssize_t size = read(pty_fd, data, sizeof(data));
            if (size <= 0) {
                _exit(1);
            }
            mb_rx_burst(&rx, now_us(), bytes_of(data, (size_t)size));
        }
        mb_rx_tick(&rx, now_us());
        struct mb_rx_frame got;
        while (mb_rx_next(&rx, &got)) {
            answer(pty_fd, MB_STREAM_RTU, &got.frame);
        }
    }
}
