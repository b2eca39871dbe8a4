// SPDX-License-Identifier: Apache-2.0
// bus-probe: runs one bus for a test. Each line on stdin, a token, a frame in hex and the reply's
// time-out in ms (5000 if there is none), is a SEND; every event of the bus is one line on stdout.
// Ends when stdin does.
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/time.h"
#include "port/linux/bus.h"
#include "port/linux/options.h"

struct probe_options {
    const char *tty, *host, *rt;
    uint64_t port;
    bool rtu;
};

#define FIELD(name) .offset = offsetof(struct probe_options, name)
static const struct option OPTIONS[] = {
    {.name = "tty", .type = OPTION_TEXT, FIELD(tty), .help = "serial port, 19200 8E1"},
    {.name = "host", .type = OPTION_TEXT, FIELD(host), .help = "or a TCP endpoint"},
    {.name = "rt", .type = OPTION_TEXT, FIELD(rt), .help = "or a core's socket, 19200 8E1"},
    {.name = "port", .type = OPTION_UINT, FIELD(port), .min = 1, .max = 65535, .help = "its port"},
    {.name = "rtu", .type = OPTION_FLAG, FIELD(rtu), .help = "RTU over TCP"},
};

static const struct option_table TABLE = {.program = "bus-probe",
                                          .purpose = "one bus for a test",
                                          .options = OPTIONS,
                                          .count = COUNT_OF(OPTIONS)};

static void print_event(const struct bus_event *event)
{
    const struct line_done *done = &event->done;
    switch (event->kind) {
    case BUS_UP: printf("up\n"); break;
    case BUS_DOWN: printf("down %s\n", event->detail); break;
    case BUS_HEARD: break;
    case BUS_DONE:
        printf("done %u %s ", done->token, line_outcome_name(done->outcome));
        for (size_t i = 0; i < done->reply_size; i++) {
            printf("%02x", done->reply[i]);
        }
        printf(" %llu %llu %llu %llu %u late=%u\n", (unsigned long long)done->tx_first_us,
               (unsigned long long)done->tx_end_us, (unsigned long long)done->rx_first_us,
               (unsigned long long)done->rx_last_us, event->error_us, done->late_bytes);
        break;
    }
    (void)fflush(stdout);
}

static void send_line(struct bus *bus, const char *line)
{
    char hex[2 * LINE_FRAME_MAX + 1];
    unsigned timeout_ms = 5000;
    struct line_send send = {.reply_size = 7};
    send.alt_size = 5;
    send.alt_index = 1;
    send.alt_mask = 0x80;
    if (sscanf(line, "%u %512s %u", &send.token, hex, &timeout_ms) < 2) {
        return;
    }
    send.reply_timeout_us = (uint32_t)(timeout_ms * US_PER_MS);
    unsigned byte;
    for (const char *at = hex; sscanf(at, "%2x", &byte) == 1; at += 2) {
        send.frame[send.frame_size++] = (uint8_t)byte;
        if (at[1] == '\0' || at[2] == '\0') {
            break;
        }
    }
    if (bus_send(bus, &send) != OK) {
        printf("refused %u\n", send.token);
    }
}

int main(int argc, char **argv)
{
    struct probe_options options = {0};
    enum option_result result = options_parse(&TABLE, argc, argv, &options);
    if (result != OPTIONS_RUN) {
        return result == OPTIONS_HELP ? 0 : 2;
    }
    struct bus *bus = NULL;
    struct bus_tty_cfg tty = {
        .name = "probe", .serial = {.path = options.tty, .baud = 19200, .parity = SERIAL_EVEN}};
    struct bus_tcp_cfg tcp = {.name = "probe",
                              .host = options.host,
                              .port = (uint16_t)options.port,
                              .rtu_over_tcp = options.rtu};
    struct bus_rt_cfg rt = {.name = "probe",
                            .path = options.rt,
                            .baud = 19200,
                            .parity = SERIAL_EVEN,
                            .guard_bits8 = 12};
    enum err err = options.rt != NULL    ? bus_open_rt(&rt, &bus)
                   : options.tty != NULL ? bus_open_tty(&tty, &bus)
                                         : bus_open_tcp(&tcp, &bus);
    if (err != OK) {
        fprintf(stderr, "bus-probe: %s\n", err_name(err));
        return 1;
    }
    char line[1024];
    for (;;) {
        struct pollfd ready[] = {{.fd = bus_fd(bus), .events = POLLIN},
                                 {.fd = STDIN_FILENO, .events = POLLIN}};
        (void)poll(ready, COUNT_OF(ready), -1);
        struct bus_event event;
        while (bus_next(bus, &event)) {
            print_event(&event);
        }
        if (ready[1].revents != 0) {
            ssize_t size = read(STDIN_FILENO, line, sizeof line - 1);
            if (size <= 0) {
                break;
            }
            line[size] = '\0';
            send_line(bus, line);
        }
    }
    bus_close(bus);
    return 0;
}
