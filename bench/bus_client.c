// SPDX-License-Identifier: Apache-2.0
// bench-bus-client: asks units 1 to N in turn for R registers as fast as the bus carries it, over
// the gateway's own bus runner; prints what it got as JSON.
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "base/assert.h"
#include "modbus/rtu.h"
#include "port/api/clock.h"
#include "port/linux/bus.h"
#include "port/linux/log.h"
#include "port/linux/options.h"

#define QUEUE_AHEAD 4 // SENDs waiting, so that the line never waits for this program

struct client_options {
    const char *port, *format;
    uint64_t baud, units, registers, seconds, timeout_ms, priority;
    bool silence_in_chars;
};

#define FIELD(name) .offset = offsetof(struct client_options, name)
static const struct option OPTIONS[] = {
    {.name = "port", .type = OPTION_TEXT, FIELD(port), .min = 1, .help = "the tty"},
    {.name = "baud",
     .type = OPTION_UINT,
     FIELD(baud),
     .min = 300,
     .max = 4e6,
     .fallback = "19200",
     .help = "speed"},
    {.name = "format", .type = OPTION_TEXT, FIELD(format), .fallback = "8E1", .help = "like 8E1"},
    {.name = "silence-in-chars",
     .type = OPTION_FLAG,
     FIELD(silence_in_chars),
     .help = "t3.5 is 3.5 characters above 19200 baud too"},
    {.name = "units",
     .type = OPTION_UINT,
     FIELD(units),
     .min = 1,
     .max = 247,
     .fallback = "10",
     .help = "units asked"},
    {.name = "registers",
     .type = OPTION_UINT,
     FIELD(registers),
     .min = 1,
     .max = 125,
     .fallback = "40",
     .help = "registers in each request"},
    {.name = "timeout-ms",
     .type = OPTION_UINT,
     FIELD(timeout_ms),
     .min = 1,
     .max = 1e4,
     .fallback = "500",
     .help = "reply time-out"},
    {.name = "priority",
     .type = OPTION_UINT,
     FIELD(priority),
     .max = 99,
     .help = "SCHED_FIFO priority of the bus thread, 0: none"},
    {.name = "seconds",
     .type = OPTION_UINT,
     FIELD(seconds),
     .min = 1,
     .max = 3600,
     .fallback = "6",
     .help = "how long"},
};

static const struct option_table TABLE = {.program = "bench-bus-client",
                                          .purpose = "polls as fast as the bus allows",
                                          .options = OPTIONS,
                                          .count = COUNT_OF(OPTIONS)};

struct tally {
    uint64_t good;
    uint64_t bad;
};

static enum err ask(struct bus *bus, const struct client_options *options, uint32_t token)
{
    uint8_t pdu[5];
    struct writer request = writer_of(pdu, sizeof pdu);
    put_u8(&request, 3);
    put_u16be(&request, 0);
    put_u16be(&request, (uint16_t)options->registers);
    struct line_send send = {
        .token = token,
        .reply_timeout_us = (uint32_t)(options->timeout_ms * US_PER_MS),
        .reply_size = (uint16_t)(5 + 2 * options->registers),
        .alt_size = 5,
        .alt_index = 1,
        .alt_mask = 0x80,
    };
    struct writer frame = writer_of(send.frame, sizeof send.frame);
    uint8_t unit = (uint8_t)(1 + token % options->units);
    if (mb_rtu_encode(unit, writer_bytes(&request), &frame) != OK) {
        return ERR_SIZE;
    }
    send.frame_size = (uint16_t)frame.size;
    return bus_send(bus, &send);
}

static void judge(const struct client_options *options, const struct line_done *done,
                  struct tally *tally)
{
    struct mb_frame frame;
    bool good = done->outcome == LINE_REPLY &&
                mb_rtu_decode(bytes_of(done->reply, done->reply_size), &frame) == OK &&
                frame.unit == 1 + done->token % options->units;
    if (good) {
        tally->good++;
    } else {
        tally->bad++;
    }
}

// Of all threads so far; the start of the program is taken off by the caller.
static double cpu_us(void)
{
    struct rusage usage;
    ASSERT(getrusage(RUSAGE_SELF, &usage) == 0);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static void report(const struct tally *tally, double spent_us)
{
    struct rusage usage;
    ASSERT(getrusage(RUSAGE_SELF, &usage) == 0);
    uint64_t count = tally->good + tally->bad;
    printf("{\"good\":%llu,\"bad\":%llu,\"cpu_us\":%.1f,\"peak_kib\":%ld,\"switches\":%ld}\n",
           (unsigned long long)tally->good, (unsigned long long)tally->bad,
           count == 0 ? 0 : spent_us / (double)count, usage.ru_maxrss,
           usage.ru_nvcsw + usage.ru_nivcsw);
}

static void run(struct bus *bus, const struct client_options *options, struct tally *tally)
{
    uint64_t end_us = port_now_us() + options->seconds * US_PER_S;
    uint32_t token = 0;
    unsigned waiting = 0;
    bool up = false;
    while (port_now_us() < end_us || waiting > 0) {
        while (up && waiting < QUEUE_AHEAD && port_now_us() < end_us &&
               ask(bus, options, token) == OK) {
            token++;
            waiting++;
        }
        struct pollfd ready = {.fd = bus_fd(bus), .events = POLLIN};
        (void)poll(&ready, 1, 1000);
        struct bus_event event;
        while (bus_next(bus, &event)) {
            switch (event.kind) {
            case BUS_UP: up = true; break;
            case BUS_DOWN:
                up = false;
                log_warn("bench", "bus_down", "reason=%s", log_quote(event.detail).text);
                break;
            case BUS_HEARD: break;
            case BUS_DONE:
                waiting--;
                judge(options, &event.done, tally);
                break;
            }
        }
    }
}

int main(int argc, char **argv)
{
    struct client_options options = {0};
    enum option_result result = options_parse(&TABLE, argc, argv, &options);
    if (result != OPTIONS_RUN) {
        return result == OPTIONS_HELP ? 0 : 2;
    }
    struct bus_tty_cfg cfg = {.name = "bus",
                              .serial = {.path = options.port, .baud = (uint32_t)options.baud},
                              .silence_in_chars = options.silence_in_chars,
                              .cpu_priority = (uint8_t)options.priority};
    struct bus *bus = NULL;
    if (serial_format(options.format, &cfg.serial) != OK || bus_open_tty(&cfg, &bus) != OK) {
        log_error("bench", "start_failed", "port=%s", log_quote(options.port).text);
        return 1;
    }
    struct tally tally = {0};
    double before_us = cpu_us();
    run(bus, &options, &tally);
    bus_close(bus);
    report(&tally, cpu_us() - before_us);
    return tally.good > 0 ? 0 : 1;
}
