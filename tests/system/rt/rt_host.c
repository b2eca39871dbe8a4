// SPDX-License-Identifier: Apache-2.0
// rt-host: the application of the real-time core on this machine, in real time, over a line of
// sim/line.h with responders on it; the gateway's end talks to it through a SOCK_SEQPACKET socket.
// SIGUSR1 restarts the core as a watchdog would. At the end the judge's report goes to stdout.
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "apps/rt/rt.h"
#include "base/assert.h"
#include "modbus/timing.h"
#include "port/api/clock.h"
#include "port/linux/options.h"
#include "sim/judge.h"
#include "sim/responder.h"
#include "sim/transceiver.h"

enum { NODE_CORE, NODE_UNIT, NODE_NOISE };

struct host_options {
    const char *socket, *format;
    uint64_t baud, units, reply_us, late_ns, noise_ms, mute;
    double ppm;
    bool deaf, babble, tell;
};

#define FIELD(name) .offset = offsetof(struct host_options, name)
static const struct option OPTIONS[] = {
    {"socket", OPTION_TEXT, FIELD(socket), .min = 1, .help = "where it listens"},
    {"baud", OPTION_UINT, FIELD(baud), .min = 1200, .max = 921600, .fallback = "19200",
     .help = "speed of the wire"},
    {"format", OPTION_TEXT, FIELD(format), .fallback = "8E1", .help = "8N1, 8E1, 8O1 or 8N2"},
    {"units", OPTION_UINT, FIELD(units), .max = 247, .fallback = "10",
     .help = "units 1 to N answer reads"},
    {"mute", OPTION_UINT, FIELD(mute), .max = 247, .help = "but for this one"},
    {"reply-us", OPTION_UINT, FIELD(reply_us), .max = 1e6, .fallback = "3000",
     .help = "from the end of a request to the reply"},
    {"late-ns", OPTION_UINT, FIELD(late_ns), .max = 1e9,
     .help = "the driver is held that much longer"},
    {"noise-ms", OPTION_UINT, FIELD(noise_ms), .max = 1e6, .help = "a stray byte that often"},
    {"ppm", OPTION_REAL, FIELD(ppm), .min = -400, .max = 400, .fallback = "0",
     .help = "the core's clock is faster"},
    {"deaf", OPTION_FLAG, FIELD(deaf), .help = "the receiver hears nothing"},
    {"babble", OPTION_FLAG, FIELD(babble), .help = "unit 1 never stops"},
    {"tell", OPTION_FLAG, FIELD(tell), .help = "a line on stdout for each request"},
};

static const struct option_table TABLE = {.program = "rt-host",
                                          .purpose =
                                              "the real-time core's application, in real time",
                                          .options = OPTIONS,
                                          .count = COUNT_OF(OPTIONS)};

struct host {
    struct host_options options;
    uint64_t begin_us;
    int listen_fd, fd, signal_fd;
    uint32_t boots;
    bool ends;
    struct rt rt;
    struct sim_line line;
    struct sim_transceiver transceiver;
    struct judge judge;
    struct responder responder;
    uint8_t frame[LINE_FRAME_MAX];
    size_t frame_size;
    uint64_t frame_end_us, reply_us, noise_us;
    uint8_t reply[SIM_LINE_BURST];
    size_t reply_size;
};

// The core's clock: its own zero, its own pace.
static uint64_t core_now_us(const struct host *host)
{
    double elapsed_us = (double)(port_now_us() - host->begin_us);
    return (uint64_t)(elapsed_us * (1 + host->options.ppm * 1e-6)) + 3 * US_PER_S;
}

static void boot(struct host *host)
{
    const struct rt_cfg cfg = {
        .boot_id = (uint32_t)(port_now_us() | 1) + host->boots,
        .firmware = "rt-host",
        .crash = {.end = host->boots > 0 ? CORE_END_WATCHDOG : CORE_END_NONE, .count = host->boots},
    };
    sim_transceiver_release(&host->transceiver, core_now_us(host));
    uint32_t late_ns = (uint32_t)host->options.late_ns;
    sim_transceiver_init(&host->transceiver, &host->line, NODE_CORE);
    host->transceiver.late_ns = late_ns;
    rt_init(&host->rt, core_now_us(host), &cfg);
    host->boots++;
}

// A unit takes what looks like a frame: three and a half quiet characters end it.
static void unit_hear(struct host *host, const struct sim_line_event *event)
{
    if (event->at_us > host->frame_end_us + 3 * sim_line_chars_us(&host->line, 1)) {
        host->frame_size = 0;
    }
    host->frame_end_us = event->at_us;
    if (host->frame_size < sizeof host->frame && event->data.size == 1) {
        host->frame[host->frame_size++] = event->data.data[0];
    }
    if (!event->last) {
        return;
    }
    judge_request(&host->judge, event->start_us, event->at_us);
    if (host->options.tell) {
        printf("request %u\n", host->frame[0]);
        (void)fflush(stdout);
    }
    struct writer out = writer_of(host->reply, LINE_FRAME_MAX);
    responder_reply(&host->responder, bytes_of(host->frame, host->frame_size), &out);
    host->reply_size = host->frame[0] == host->options.mute ? 0 : out.size;
    if (host->options.babble && host->reply_size > 0 && host->frame[0] == 1) {
        host->reply_size = sizeof host->reply;
    }
    host->reply_us = host->reply_size > 0 ? event->at_us + host->options.reply_us : TIME_NEVER;
}

static void drive(struct host *host, unsigned node, uint64_t at_us, struct bytes data)
{
    uint64_t start_us, end_us;
    if (sim_line_drive(&host->line, node, at_us, data, &start_us, &end_us) == OK &&
        node == NODE_UNIT) {
        judge_reply(&host->judge, start_us, end_us);
    }
}

// Everything on the wire up to now, in its order, also when this process was late.
static void carry_line(struct host *host, uint64_t now_us)
{
    struct sim_line_event event;
    for (;;) {
        uint64_t line_us = sim_line_deadline_us(&host->line);
        uint64_t at_us = time_min(line_us, time_min(host->reply_us, host->noise_us));
        sim_transceiver_tick(&host->transceiver, time_min(at_us, now_us));
        if (at_us > now_us) {
            return;
        }
        if (at_us == host->reply_us) {
            drive(host, NODE_UNIT, at_us, bytes_of(host->reply, host->reply_size));
            host->reply_us = TIME_NEVER;
        } else if (at_us == host->noise_us) {
            drive(host, NODE_NOISE, at_us, bytes_of("\0", 1));
            host->noise_us += host->options.noise_ms * US_PER_MS;
        } else if (sim_line_next(&host->line, now_us, &event)) {
            if (!host->options.deaf) {
                sim_transceiver_hear(&host->transceiver, &event);
            }
            if (event.from == NODE_CORE) {
                unit_hear(host, &event);
            }
        }
    }
}

static enum err send_message(struct host *host, struct bytes message)
{
    if (host->fd < 0) {
        return ERR_AGAIN;
    }
    ssize_t n = send(host->fd, message.data, message.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    return n == (ssize_t)message.size ? OK : ERR_AGAIN;
}

static void drain(struct host *host)
{
    struct rt_out out;
    while (rt_next(&host->rt, &out)) {
        struct transceiver_timing timing = {.baud = 0};
        enum err err = OK;
        switch (out.kind) {
        case RT_OUT_SETUP:
            err = sim_transceiver_setup(&host->transceiver, core_now_us(host), &out.setup, &timing);
            rt_setup_done(&host->rt, core_now_us(host), err, &timing);
            break;
        case RT_OUT_DRIVE: sim_transceiver_drive(&host->transceiver); break;
        case RT_OUT_SEND:
            err = sim_transceiver_send(&host->transceiver, core_now_us(host), out.bytes);
            ASSERT(err == OK);
            break;
        case RT_OUT_RELEASE: sim_transceiver_release(&host->transceiver, core_now_us(host)); break;
        case RT_OUT_MESSAGE: rt_mailbox(&host->rt, send_message(host, out.bytes)); break;
        case RT_OUT_LIGHT: break;
        }
    }
}

// The core's time, and all that the line said before it.
static uint64_t hear(struct host *host)
{
    struct transceiver_event event;
    uint64_t now_us = core_now_us(host);
    carry_line(host, now_us);
    while (sim_transceiver_next(&host->transceiver, &event)) {
        rt_event(&host->rt, &event);
        drain(host);
    }
    return now_us;
}

static void take_messages(struct host *host)
{
    uint8_t message[MAILBOX_MESSAGE_MAX];
    while (host->fd >= 0) {
        ssize_t n = recv(host->fd, message, sizeof message, MSG_DONTWAIT);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) {
            close(host->fd);
            host->fd = -1;
            return;
        }
        uint64_t now_us = hear(host);
        rt_message(&host->rt, now_us, bytes_of(message, (size_t)n));
        drain(host);
    }
}

static void turn_core(struct host *host)
{
    uint64_t now_us = hear(host);
    rt_tick(&host->rt, now_us);
    drain(host);
}

static void take_signal(struct host *host)
{
    struct signalfd_siginfo info;
    if (read(host->signal_fd, &info, sizeof info) != (ssize_t)sizeof info) {
        return;
    }
    if (info.ssi_signo == SIGUSR1) {
        boot(host);
    } else {
        host->ends = true;
    }
}

static void sleep_until_something(struct host *host)
{
    uint64_t at_us = time_min(rt_deadline_us(&host->rt), sim_line_deadline_us(&host->line));
    at_us = time_min(at_us, sim_transceiver_deadline_us(&host->transceiver));
    at_us = time_min(at_us, time_min(host->reply_us, host->noise_us));
    uint64_t now_us = core_now_us(host);
    uint64_t wait_us = at_us > now_us ? time_min(at_us - now_us, US_PER_S) : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait_us / US_PER_S),
                               .tv_nsec = (long)(wait_us % US_PER_S * 1000)};
    struct pollfd fds[] = {{.fd = host->signal_fd, .events = POLLIN},
                           {.fd = host->fd < 0 ? host->listen_fd : -1, .events = POLLIN},
                           {.fd = host->fd, .events = POLLIN}};
    (void)ppoll(fds, COUNT_OF(fds), &timeout, NULL);
    if (fds[0].revents != 0) {
        take_signal(host);
    }
    if (fds[1].revents != 0) {
        host->fd = accept4(host->listen_fd, NULL, NULL, SOCK_CLOEXEC);
    }
}

static bool open_all(struct host *host)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    host->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    host->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (host->signal_fd < 0 || host->listen_fd < 0 ||
        strlen(host->options.socket) >= sizeof address.sun_path) {
        return false;
    }
    memcpy(address.sun_path, host->options.socket, strlen(host->options.socket));
    (void)unlink(host->options.socket);
    return bind(host->listen_fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
           listen(host->listen_fd, 1) == 0;
}

static void report(const struct host *host)
{
    printf(
        "{\"requests\": %llu, \"replies\": %llu, \"violations\": %llu, \"collisions\": %llu, "
        "\"fights\": %llu, \"utilisation\": %.6f, \"boots\": %u}\n",
        (unsigned long long)host->judge.requests, (unsigned long long)host->judge.replies,
        (unsigned long long)host->judge.violations, (unsigned long long)host->line.stats.collisions,
        (unsigned long long)host->line.stats.fights, judge_utilisation(&host->judge), host->boots);
}

int main(int argc, char **argv)
{
    static struct host host = {.fd = -1, .reply_us = TIME_NEVER, .noise_us = TIME_NEVER};
    struct serial_cfg serial = {.stop_bits = 1};
    enum option_result result = options_parse(&TABLE, argc, argv, &host.options);
    if (result != OPTIONS_RUN) {
        return result == OPTIONS_HELP ? 0 : 2;
    }
    if (serial_format(host.options.format, &serial) != OK || !open_all(&host)) {
        fprintf(stderr, "rt-host: %s: %s\n", host.options.socket, strerror(errno));
        return 1;
    }
    const struct sim_line_cfg line = {.baud = (uint32_t)host.options.baud,
                                      .char_bits = serial_char_bits(&serial),
                                      .by_byte = true,
                                      .seed = 1};
    sim_line_init(&host.line, &line);
    judge_init(&host.judge, mb_silence(line.baud, line.char_bits, false).t35_us);
    host.responder.unit_count = (unsigned)host.options.units;
    host.begin_us = port_now_us();
    sim_transceiver_init(&host.transceiver, &host.line, NODE_CORE);
    if (host.options.noise_ms != 0) {
        host.noise_us = core_now_us(&host) + host.options.noise_ms * US_PER_MS;
    }
    boot(&host);
    printf("listening\n");
    (void)fflush(stdout);
    while (!host.ends) {
        sleep_until_something(&host);
        take_messages(&host);
        turn_core(&host);
    }
    report(&host);
    return 0;
}
