// SPDX-License-Identifier: Apache-2.0
#include "sim/paced.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "port/api/clock.h"

#define CLIENT         0
#define RESPONDER_NODE (SIM_LINE_NODES - 1)
#define PPM            1000000

static enum err problem(struct paced *paced, const char *what, const char *name)
{
    snprintf(paced->problem, sizeof paced->problem, "%s %s: %s", what, name, strerror(errno));
    return ERR_IO;
}

// A symlink that appears at once, replacing whatever link was there.
static enum err make_link(struct paced *paced, const char *target, const char *link)
{
    char fresh[4096];
    int size = snprintf(fresh, sizeof fresh, "%s.new", link);
    if (size < 0 || (size_t)size >= sizeof fresh) {
        errno = ENAMETOOLONG;
        return problem(paced, "link", link);
    }
    (void)unlink(fresh);
    if (symlink(target, fresh) != 0 || rename(fresh, link) != 0) {
        return problem(paced, "link", link);
    }
    return OK;
}

static enum err open_end(struct paced *paced, const char *link)
{
    struct paced_end *end = &paced->ends[paced->end_count];
    *end = (struct paced_end){.master_fd = -1, .slave_fd = -1, .link = link};
    paced->end_count++;
    if (link == NULL) {
        return OK;
    }
    end->master_fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    char name[64];
    if (end->master_fd < 0 || grantpt(end->master_fd) != 0 || unlockpt(end->master_fd) != 0 ||
        ptsname_r(end->master_fd, name, sizeof name) != 0) {
        return problem(paced, "pty for", link);
    }
    end->slave_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    struct termios tty;
    if (end->slave_fd < 0 || tcgetattr(end->slave_fd, &tty) != 0) {
        return problem(paced, "open", name);
    }
    cfmakeraw(&tty);
    if (tcsetattr(end->slave_fd, TCSANOW, &tty) != 0) {
        return problem(paced, "raw mode of", name);
    }
    return make_link(paced, name, link);
}

enum err paced_open(struct paced *paced, const struct paced_cfg *cfg)
{
    memset(paced, 0, sizeof *paced);
    paced->cfg = *cfg;
    paced->late_at_us = TIME_NEVER;
    sim_line_init(&paced->line, &cfg->line);
    judge_init(&paced->judge, cfg->t3_5_us);
    paced->responder =
        (struct responder){.unit_count = cfg->responder_units, .changing = cfg->responder_changing};
    ASSERT(cfg->device_count < PACED_ENDS_MAX);
    enum err err = open_end(paced, cfg->client);
    for (size_t i = 0; err == OK && i < cfg->device_count; i++) {
        err = open_end(paced, cfg->devices[i]);
    }
    if (err == OK && cfg->log != NULL) {
        paced->log = fopen(cfg->log, "ae");
        if (paced->log == NULL) {
            return problem(paced, "log", cfg->log);
        }
    }
    return err;
}

// Tells the client in this process what a device has begun to send.
static void foretell(struct paced *paced, unsigned node, uint64_t start_us, size_t size)
{
    if (paced->ends[CLIENT].link != NULL || paced->heard_count == PACED_HEARD_MAX) {
        return; // a client that does not fetch loses bytes, as on a wire
    }
    size_t place = (paced->heard_head + paced->heard_count++) % PACED_HEARD_MAX;
    struct paced_burst *burst = &paced->heard[place];
    burst->start_us = start_us;
    burst->size = size;
    for (size_t i = 0; i < size; i++) {
        unsigned flags;
        burst->lost[i] = !sim_line_foretell(&paced->line, node, i, &burst->data[i], &flags);
    }
}

bool paced_heard(struct paced *paced, struct paced_burst *out)
{
    if (paced->heard_count == 0) {
        return false;
    }
    *out = paced->heard[paced->heard_head];
    paced->heard_head = (paced->heard_head + 1) % PACED_HEARD_MAX;
    paced->heard_count--;
    return true;
}

static void drive(struct paced *paced, unsigned node, uint64_t at_us, struct bytes data)
{
    uint64_t start_us;
    uint64_t end_us;
    if (node != CLIENT && paced->ends[CLIENT].link == NULL && at_us < paced->now_us) {
        at_us = paced->now_us; // it cannot hear what began before
    }
    if (sim_line_drive(&paced->line, node, at_us, data, &start_us, &end_us) != OK) {
        return; // more at once than a line can hold: its end is counted as lost by the reader
    }
    if (node == CLIENT) {
        judge_request(&paced->judge, start_us, end_us);
    } else {
        judge_reply(&paced->judge, start_us, end_us);
        foretell(paced, node, start_us, data.size);
    }
}

static void print_hex(FILE *out, const char *name, const uint8_t *data, size_t size)
{
    fprintf(out, ",\"%s\":\"", name);
    for (size_t i = 0; i < size; i++) {
        fprintf(out, "%02x", data[i]);
    }
    fputc('"', out);
}

static void log_reply(struct paced *paced, uint64_t end_us)
{
    if (paced->log != NULL) {
        fprintf(paced->log, "{\"at_us\":%llu,\"end_us\":%llu,\"unit\":%u,\"good\":%s",
                (unsigned long long)paced->reply_start_us, (unsigned long long)end_us,
                paced->reply[0], paced->reply_spoilt ? "false" : "true");
        print_hex(paced->log, "request", paced->request, paced->request_size);
        print_hex(paced->log, "reply", paced->reply, paced->reply_size);
        fputs("}\n", paced->log);
        (void)fflush(paced->log);
    }
    paced->reply_size = 0;
    paced->reply_spoilt = false;
}

static void hear_reply(struct paced *paced, const struct sim_line_event *event)
{
    if (paced->reply_size == 0) {
        paced->reply_start_us = event->start_us;
    }
    size_t room = sizeof paced->reply - paced->reply_size;
    size_t size = event->data.size < room ? event->data.size : room;
    memcpy(paced->reply + paced->reply_size, event->data.data, size);
    paced->reply_size += size;
    paced->reply_spoilt = paced->reply_spoilt || event->spoilt;
    if (event->last && paced->reply_size != 0) {
        log_reply(paced, event->at_us);
    }
}

static void hear_request(struct paced *paced, const struct sim_line_event *event)
{
    // In by_byte mode the frame grows until its burst ends.
    static const size_t CAPACITY = sizeof paced->request;
    size_t room = CAPACITY - paced->request_size;
    size_t size = event->data.size < room ? event->data.size : room;
    memcpy(paced->request + paced->request_size, event->data.data, size);
    paced->request_size += size;
    if (!event->last || paced->responder.unit_count == 0) {
        return;
    }
    uint8_t data[256];
    struct writer reply = writer_of(data, sizeof data);
    responder_reply(&paced->responder, bytes_of(paced->request, paced->request_size), &reply);
    if (reply.size != 0) {
        uint64_t at_us = event->at_us + paced->cfg.t3_5_us + paced->cfg.responder_delay_us;
        drive(paced, RESPONDER_NODE, at_us, writer_bytes(&reply));
    }
}

// What the line itself adds to a transaction counts against its client.
static void note_lateness(struct paced *paced, uint64_t late_us)
{
    paced->stalls += late_us > PACED_STALL_US;
    paced->late_max_us = late_us > paced->late_max_us ? late_us : paced->late_max_us;
}

static void deliver(struct paced *paced, const struct sim_line_event *event)
{
    for (size_t i = 0; i < paced->end_count; i++) {
        if (i != event->from && event->data.size != 0 && paced->ends[i].master_fd >= 0) {
            // A reader that does not read loses bytes, as on a wire.
            ssize_t n = write(paced->ends[i].master_fd, event->data.data, event->data.size);
            (void)n;
        }
    }
    if (event->from == CLIENT) {
        hear_request(paced, event);
    } else {
        hear_reply(paced, event);
    }
}

static void send_from(struct paced *paced, unsigned node, uint64_t now_us, struct bytes data)
{
    if (node == CLIENT) {
        if (paced->line.tx_end_us[CLIENT] < now_us) {
            paced->request_size = 0; // a new frame
        }
    } else if (paced->cfg.late_ppm != 0 && paced->late_at_us == TIME_NEVER &&
               sim_line_random(&paced->line) % PPM < paced->cfg.late_ppm) {
        paced->late_at_us = now_us + paced->cfg.late_us;
        paced->late_node = node;
        paced->late_size = data.size;
        memcpy(paced->late, data.data, data.size);
        return;
    }
    drive(paced, node, now_us, data);
}

void paced_send(struct paced *paced, uint64_t start_us, struct bytes frame)
{
    send_from(paced, CLIENT, start_us, frame);
}

static void read_end(struct paced *paced, unsigned node, uint64_t at_us)
{
    uint8_t data[SIM_LINE_BURST];
    ssize_t n = read(paced->ends[node].master_fd, data, sizeof data);
    if (n > 0) {
        send_from(paced, node, at_us, bytes_of(data, (size_t)n));
    }
}

static void release_late(struct paced *paced, uint64_t now_us)
{
    if (now_us >= paced->late_at_us) {
        paced->late_at_us = TIME_NEVER;
        drive(paced, paced->late_node, now_us, bytes_of(paced->late, paced->late_size));
    }
}

size_t paced_fds(const struct paced *paced, struct pollfd *fds)
{
    for (size_t i = 0; i < paced->end_count; i++) {
        fds[i] = (struct pollfd){.fd = paced->ends[i].master_fd, .events = POLLIN};
    }
    return paced->end_count;
}

uint64_t paced_deadline_us(const struct paced *paced)
{
    return time_min(sim_line_deadline_us(&paced->line), paced->late_at_us);
}

void paced_read(struct paced *paced, const struct pollfd *fds, uint64_t at_us)
{
    paced->now_us = at_us;
    for (unsigned i = 0; i < paced->end_count; i++) {
        if (fds[i].revents != 0) {
            read_end(paced, i, at_us);
        }
    }
}

void paced_deliver(struct paced *paced, uint64_t now_us)
{
    paced->now_us = now_us;
    release_late(paced, now_us);
    struct sim_line_event event;
    while (sim_line_next(&paced->line, now_us, &event)) {
        note_lateness(paced, now_us - event.at_us);
        deliver(paced, &event);
    }
}

bool paced_turn(struct paced *paced, int stop_fd, uint64_t until_us)
{
    struct pollfd fds[PACED_ENDS_MAX + 1];
    size_t ends = paced_fds(paced, fds);
    fds[ends] = (struct pollfd){.fd = stop_fd, .events = POLLIN};
    uint64_t deadline_us = time_min(paced_deadline_us(paced), until_us);
    uint64_t now_us = port_now_us();
    uint64_t wait_us = deadline_us > now_us ? deadline_us - now_us : 0;
    struct timespec timeout = {.tv_sec = (time_t)(wait_us / US_PER_S),
                               .tv_nsec = (long)(wait_us % US_PER_S * 1000)};
    int n = ppoll(fds, ends + 1, deadline_us == TIME_NEVER ? NULL : &timeout, NULL);
    if (n > 0 && fds[ends].revents != 0) {
        return false;
    }
    if (n > 0) {
        paced_read(paced, fds, port_now_us());
    }
    paced_deliver(paced, port_now_us());
    return true;
}

void paced_report(const struct paced *paced, FILE *out)
{
    const struct judge *judge = &paced->judge;
    const struct sim_line_stats *stats = &paced->line.stats;
    struct judge_gaps gaps = judge_gaps(judge);
    fprintf(out,
            "\"requests\":%llu,\"replies\":%llu,\"violations\":%llu,\"collisions\":%llu,"
            "\"elapsed_us\":%llu,\"utilisation\":%.6f,\"t3_5_us\":%u,",
            (unsigned long long)judge->requests, (unsigned long long)judge->replies,
            (unsigned long long)judge->violations, (unsigned long long)stats->collisions,
            (unsigned long long)(judge->last_us - judge->first_us), judge_utilisation(judge),
            judge->t3_5_us);
    fprintf(out, "\"gap_us\":{\"min\":%u,\"p50\":%u,\"p95\":%u,\"p99\":%u,\"max\":%u},",
            gaps.min_us, gaps.p50_us, gaps.p95_us, gaps.p99_us, gaps.max_us);
    fprintf(out,
            "\"bytes\":%llu,\"dropped\":%llu,\"flipped\":%llu,\"stalls\":%llu,"
            "\"late_max_us\":%llu",
            (unsigned long long)stats->bytes, (unsigned long long)stats->dropped,
            (unsigned long long)stats->flipped, (unsigned long long)paced->stalls,
            (unsigned long long)paced->late_max_us);
}

void paced_close(struct paced *paced)
{
    for (size_t i = 0; i < paced->end_count; i++) {
        struct paced_end *end = &paced->ends[i];
        if (end->slave_fd >= 0) {
            close(end->slave_fd);
        }
        if (end->master_fd >= 0) {
            close(end->master_fd);
        }
        if (end->link != NULL) {
            (void)unlink(end->link);
        }
    }
    if (paced->log != NULL) {
        (void)fclose(paced->log);
    }
}
