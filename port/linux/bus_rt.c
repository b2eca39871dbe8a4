// SPDX-License-Identifier: Apache-2.0
// A bus behind a real-time core: its end of the talk, over a SOCK_SEQPACKET socket on which one
// packet is one message.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/assert.h"
#include "intercore/host_session.h"
#include "port/api/clock.h"
#include "port/linux/bus_private.h"
#include "port/linux/bus_rt_words.h"
#include "port/linux/log.h"

#define MESSAGES_PER_TURN 64 // a babbling core must not keep the thread from its deadlines
#define OUT_MIN           2  // SENDs that the core needs while the loop wakes
#define HOLD_SENDS_MIN    3

struct bus_rt {
    struct bus base; // first, so that one pointer is both
    char name[32];
    struct sockaddr_un address;
    struct ic_host host;
    int fd;            // -1: not connected
    uint64_t retry_us; // when to connect again; TIME_NEVER: connected
    char problem[160]; // of the connection
    uint8_t waiting[IC_MESSAGE_MAX];
    size_t waiting_size; // of a message that the socket had no room for
    size_t out;          // SENDs taken and not DONE
    uint32_t timeout_us; // of the latest of them
    uint64_t quiet_us;   // until then the reply to what the core lost may still come
    bool must_tell_up;   // then
    struct bus_figures figures;
    struct ic_stats before; // of the core's earlier lives
    struct ic_stats last;   // of this one
    uint32_t core_boot_id;  // whose that is
    uint32_t told_boot_id;  // of the boot whose crash was logged
};

static struct bus_rt *rt_of(struct bus *bus)
{
    return (struct bus_rt *)(void *)bus;
}

static void disconnect(struct bus_rt *bus, uint64_t now_us, const char *problem)
{
    bool was_up = bus->host.state == IC_HOST_UP;
    if (bus->fd >= 0) {
        close(bus->fd);
        bus->fd = -1;
    }
    bus->waiting_size = 0;
    bus->retry_us = now_us + bus_retry_delay_us(&bus->base, was_up);
    snprintf(bus->problem, sizeof bus->problem, "%s: %s", bus->address.sun_path, problem);
    ic_host_link(&bus->host, now_us, false);
}

static void try_connect(struct bus_rt *bus, uint64_t now_us)
{
    bus->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    // On a Unix socket this is done or refused at once; EAGAIN: its queue of callers is full.
    if (bus->fd < 0 ||
        connect(bus->fd, (const struct sockaddr *)&bus->address, sizeof bus->address) != 0) {
        disconnect(bus, now_us, strerror(errno));
        return;
    }
    bus->retry_us = TIME_NEVER;
    ic_host_link(&bus->host, now_us, true);
}

static void take_send(struct bus *base, uint64_t now_us, const struct line_send *send)
{
    struct bus_rt *bus = rt_of(base);
    const struct ic_send out = {.token = send->token,
                                .broadcast = send->broadcast,
                                .barrier = send->barrier,
                                .reply_timeout_us = send->reply_timeout_us,
                                .turnaround_us = send->turnaround_us,
                                .frame = bytes_of(send->frame, send->frame_size)};
    (void)now_us;
    // Its queue is as long as the SENDs that are let in.
    ASSERT(ic_host_send(&bus->host, &out) == OK);
    bus->out++;
    bus->timeout_us = send->reply_timeout_us;
}

static void take_cancel(struct bus *base, uint64_t now_us, uint32_t token)
{
    (void)now_us;
    ic_host_cancel(&rt_of(base)->host, token);
}

static void take_resume(struct bus *base, uint64_t now_us)
{
    (void)now_us;
    ic_host_resume(&rt_of(base)->host);
}

static const struct bus_commands COMMANDS = {
    .send = take_send, .cancel = take_cancel, .resume = take_resume};

// What DONEs tell is counted here, where no restart of the core forgets it.
static void count_done(struct bus_rt *bus, const struct line_done *done)
{
    struct line_stats *stats = &bus->figures.line;
    stats->done_count[done->outcome]++;
    stats->rx_bytes += done->outcome == LINE_REPLY ? done->reply_size : 0;
    stats->late_bytes += done->late_bytes;
    if (done->tx_first_us != 0) {
        uint64_t tx_us = done->tx_end_us - done->tx_first_us;
        uint64_t char_ns = bus->host.line_state.char_ns;
        stats->wire_us += tx_us + done->reply_size * char_ns / 1000;
        stats->tx_bytes += char_ns != 0 ? (tx_us * 1000 + char_ns / 2) / char_ns : 0;
    }
}

static void take_done(struct bus_rt *bus, const struct ic_host_out *out)
{
    const struct ic_done *in = &out->done;
    struct line_done done = {.token = in->token,
                             .outcome = (enum line_outcome)in->outcome,
                             .held = in->held,
                             .tx_first_us = in->tx_first_us,
                             .tx_end_us = in->tx_end_us,
                             .rx_first_us = in->rx_first_us,
                             .rx_last_us = in->rx_last_us,
                             .late_bytes = in->late_bytes,
                             .reply_size = (uint16_t)in->reply.size};
    _Static_assert(LINE_FRAME_MAX == IC_FRAME_MAX && LINE_OUTCOME_COUNT == IC_OUTCOMES, "the same");
    _Static_assert((int)LINE_PORT_LOST == IC_OUTCOME_PORT_LOST, "what ends a session's SENDs");
    if (in->reply.size > 0) {
        memcpy(done.reply, in->reply.data, in->reply.size);
    }
    bus->out--;
    count_done(bus, &done);
    bus->figures.clock_error_us = out->error_us != 0 ? out->error_us : bus->figures.clock_error_us;
    bus_set_figures(&bus->base, &bus->figures);
    bus_tell_done(&bus->base, &done, out->error_us,
                  done.outcome == LINE_REPLY && bus->out >= HOLD_SENDS_MIN);
}

// The sum of what all lives of the core counted.
static void take_stats(struct bus_rt *bus)
{
    struct ic_stats *before = &bus->before;
    const struct ic_stats *now = &bus->host.stats;
    struct line_stats *line = &bus->figures.line;
    if (bus->core_boot_id != bus->host.core_boot_id) {
        const struct ic_stats *last = &bus->last; // of the boot before, which counted from 0 too
        before->unsolicited_bytes += last->unsolicited_bytes;
        before->char_errors += last->char_errors;
        before->t1_5_broken += last->t1_5_broken;
        before->too_long += last->too_long;
        before->heard_frames += last->heard_frames;
        before->overruns += last->overruns;
        before->mailbox_waits += last->mailbox_waits;
        before->sniffed_dropped += last->sniffed_dropped;
    }
    bus->core_boot_id = bus->host.core_boot_id;
    bus->last = *now;
    line->unsolicited_bytes = before->unsolicited_bytes + now->unsolicited_bytes;
    line->char_errors = before->char_errors + now->char_errors;
    line->t1_5_broken = before->t1_5_broken + now->t1_5_broken;
    line->too_long = before->too_long + now->too_long;
    line->heard_frames = before->heard_frames + now->heard_frames;
    bus->figures.overruns = before->overruns + now->overruns;
    bus->figures.updates++;
    bus->figures.mailbox_waits = before->mailbox_waits + now->mailbox_waits;
    bus->figures.heard_dropped = before->sniffed_dropped + now->sniffed_dropped;
    bus->figures.hold_count = now->hold_count;
    bus->figures.hold_early = now->hold_early;
    bus->figures.hold_max_ns = now->hold_max_ns;
    bus->figures.hold_sum_ns = now->hold_sum_ns;
    memcpy(bus->figures.hold_steps, now->hold_steps, sizeof now->hold_steps);
    _Static_assert(sizeof now->hold_steps == sizeof bus->figures.hold_steps, "the same steps");
    bus_set_figures(&bus->base, &bus->figures);
}

static void take_logs(const struct bus_rt *bus, const struct ic_logs *logs)
{
    static const enum log_level LEVELS[] = {
        [IC_LOG_INFO] = LOG_LEVEL_INFO,
        [IC_LOG_WARN] = LOG_LEVEL_WARN,
        [IC_LOG_ERROR] = LOG_LEVEL_ERROR,
    };
    if (logs->dropped > 0) {
        log_warn("rt", "log_dropped", "bus=%s count=%u", log_quote(bus->name).text, logs->dropped);
    }
    for (uint32_t i = 0; i < ic_log_count(logs); i++) {
        struct ic_log log = ic_log_at(logs, i);
        enum ic_log_level level;
        char text[160];
        bus_rt_log(&log, &level, text, sizeof text);
        log_event(LEVELS[level], "rt", "core", "bus=%s event=%s core_us=%llu text=%s",
                  log_quote(bus->name).text, bus_rt_log_name(log.event),
                  (unsigned long long)log.at_us, log_quote(text).text);
    }
}

// Once for each boot, also if it crashed while no gateway was there to be told.
static void tell_crash(struct bus_rt *bus)
{
    char text[BUS_RT_CRASH_MAX];
    const struct ic_crash *crash = &bus->host.core_hello.crash;
    if (bus->told_boot_id == bus->host.core_boot_id || crash->end == IC_END_NONE) {
        return;
    }
    bus->told_boot_id = bus->host.core_boot_id;
    bus_rt_crash(crash, text, sizeof text);
    char quoted[BUS_RT_CRASH_MAX + 20];
    snprintf(quoted, sizeof quoted, "the core began anew%s", text);
    log_warn("rt", "crash", "bus=%s count=%u text=%s", log_quote(bus->name).text, crash->count,
             log_quote(quoted).text);
}

static void tell_up(struct bus_rt *bus, uint64_t now_us)
{
    bus->must_tell_up = now_us < bus->quiet_us;
    if (!bus->must_tell_up) {
        bus_tell_state(&bus->base, now_us, true, "");
    }
}

static void take_up(struct bus_rt *bus)
{
    tell_crash(bus);
    bus->figures.baud = bus->host.line_state.baud;
    snprintf(bus->figures.firmware, sizeof bus->figures.firmware, "%s", bus->host.firmware);
    bus_set_figures(&bus->base, &bus->figures);
    tell_up(bus, port_now_us());
}

// A core that begins anew does not know what it had asked: nothing new goes out into that reply.
static void take_down(struct bus_rt *bus, enum ic_trouble trouble)
{
    char detail[320];
    uint64_t now_us = port_now_us();
    bus_rt_trouble(&bus->host, trouble, bus->problem, detail, sizeof detail);
    bus->quiet_us = time_after(now_us, bus->timeout_us);
    bus->must_tell_up = false;
    bus_tell_state(&bus->base, now_us, false, detail);
}

static void take_sniffed(struct bus_rt *bus, const struct ic_host_out *out)
{
    const struct bytes frame = out->sniffed.frame;
    struct bus_heard heard = {
        .at_us = out->sniffed.last_us, .error_us = out->error_us, .size = (uint16_t)frame.size};
    memcpy(heard.frame, frame.data, frame.size);
    if (bus->base.heard != NULL) { // else the core did not do as it was told
        bus_tell_heard(&bus->base, &heard);
    }
}

static void drain_host(struct bus_rt *bus)
{
    struct ic_host_out out;
    while (ic_host_next(&bus->host, &out)) {
        switch (out.kind) {
        case IC_HOST_OUT_DONE: take_done(bus, &out); break;
        case IC_HOST_OUT_UP: take_up(bus); break;
        case IC_HOST_OUT_DOWN: take_down(bus, out.trouble); break;
        case IC_HOST_OUT_LOG: take_logs(bus, &out.logs); break;
        case IC_HOST_OUT_SNIFFED: take_sniffed(bus, &out); break;
        case IC_HOST_OUT_STATS: take_stats(bus); break;
        }
    }
    bus->figures.core_sessions = bus->host.sessions;
}

// Messages for the core, until there are no more or no room.
static void send_messages(struct bus_rt *bus)
{
    while (bus->fd >= 0) {
        uint64_t now_us = port_now_us();
        struct writer out = writer_of(bus->waiting, sizeof bus->waiting);
        if (bus->waiting_size == 0) {
            if (!ic_host_message_next(&bus->host, now_us, &out)) {
                return;
            }
            bus->waiting_size = out.size;
        }
        ssize_t n = send(bus->fd, bus->waiting, bus->waiting_size, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n < 0) {
            disconnect(bus, now_us, strerror(errno));
            return;
        }
        bus->waiting_size = 0;
    }
}

static void read_messages(struct bus_rt *bus)
{
    uint8_t data[IC_MESSAGE_MAX + 1];
    for (int i = 0; i < MESSAGES_PER_TURN && bus->fd >= 0; i++) {
        ssize_t n = recv(bus->fd, data, sizeof data, 0);
        uint64_t now_us = port_now_us();
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) {
            disconnect(bus, now_us, n < 0 ? strerror(errno) : "the core's socket was closed");
        } else {
            ic_host_message(&bus->host, now_us, bytes_of(data, (size_t)n));
        }
        drain_host(bus);
    }
}

// Sleeps until there is something to do. True: the core has something for us, or is gone.
static bool sleep_rt(struct bus_rt *bus)
{
    bool has_room = bus->waiting_size == 0;
    uint64_t at_us = time_min(ic_host_deadline_us(&bus->host, has_room), bus->base.tell_us);
    short events = (short)(POLLIN | (has_room ? 0 : POLLOUT));
    bool commands_wake = bus->out < OUT_MIN || bus->host.held;
    at_us = time_min(at_us, bus->must_tell_up ? bus->quiet_us : TIME_NEVER);
    return bus_sleep(&bus->base, bus->fd, events, time_min(at_us, bus->retry_us), commands_wake);
}

static void *rt_main(void *ctx)
{
    struct bus_rt *bus = ctx;
    bool ready = false;
    bus_set_scheduling(0);
    try_connect(bus, port_now_us());
    // Commands first: whether a DONE may wait depends on the SENDs that are here already.
    while (bus_take_commands(&bus->base, &COMMANDS)) {
        uint64_t now_us = port_now_us();
        if (bus->fd < 0 && now_us >= bus->retry_us) {
            try_connect(bus, now_us);
        } else if (bus->fd >= 0 && ready) {
            read_messages(bus);
        }
        now_us = port_now_us();
        ic_host_tick(&bus->host, now_us);
        if (bus->must_tell_up) {
            tell_up(bus, now_us);
        }
        if (now_us >= bus->base.tell_us) {
            bus_wake_loop(&bus->base);
        }
        drain_host(bus);
        send_messages(bus);
        drain_host(bus);
        ready = sleep_rt(bus);
    }
    return NULL;
}

static void release_rt(struct bus *base)
{
    struct bus_rt *bus = rt_of(base);
    if (bus->fd >= 0) {
        close(bus->fd);
    }
}

static bool is_right(const struct bus_rt_cfg *cfg)
{
    return cfg->path != NULL && cfg->path[0] != '\0' &&
           strlen(cfg->path) < sizeof((struct sockaddr_un *)0)->sun_path && cfg->baud >= 1200 &&
           cfg->baud <= 921600 && cfg->stop_bits <= 2;
}

enum err bus_open_rt(const struct bus_rt_cfg *cfg, struct bus **out)
{
    static const uint8_t PARITY[] = {[SERIAL_NONE] = 0, [SERIAL_EVEN] = 1, [SERIAL_ODD] = 2};
    uint32_t seed = 0;
    if (!is_right(cfg)) {
        return ERR_ARG;
    }
    struct bus_rt *bus = calloc(1, sizeof *bus);
    if (bus == NULL || getrandom(&seed, sizeof seed, 0) != (ssize_t)sizeof seed) {
        free(bus);
        return ERR_IO;
    }
    const struct ic_host_cfg host = {
        .seed = seed,
        .name = "busward",
        .setup = {.baud = cfg->baud,
                  .parity = PARITY[cfg->parity],
                  .stop_bits = cfg->stop_bits == 0 ? 1 : cfg->stop_bits,
                  .guard_bits8 = cfg->guard_bits8,
                  .lead_bits8 = cfg->lead_bits8,
                  .t1_5_us = cfg->t1_5_us,
                  .t3_5_us = cfg->t3_5_us,
                  .de_active_low = cfg->de_active_low,
                  .silence_in_chars = cfg->silence_in_chars,
                  .echo = cfg->echo,
                  .listen_only = cfg->listen_only},
    };
    bus->base.release = release_rt;
    bus->fd = -1;
    bus->retry_us = TIME_NEVER;
    bus->figures.has_core = true;
    bus->figures.guard_bits8 = cfg->guard_bits8;
    bus->address.sun_family = AF_UNIX;
    memcpy(bus->address.sun_path, cfg->path, strlen(cfg->path) + 1);
    snprintf(bus->name, sizeof bus->name, "%s", cfg->name);
    ic_host_init(&bus->host, &host);
    enum err err = bus_begin(&bus->base, cfg->name, cfg->listen_only, rt_main);
    if (err == OK) {
        *out = &bus->base;
    }
    return err;
}
