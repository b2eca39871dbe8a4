// SPDX-License-Identifier: Apache-2.0
#include "apps/sensor/serial_link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/time.h"
#include "port/api/clock.h"
#include "port/linux/log.h"

#define REOPEN_US (500 * US_PER_MS)

enum { READ_SIZE = 256, READS_PER_TURN_MAX = 8 };

static void on_readable(void *ctx, int fd);

static void close_port(struct serial_link *link, uint64_t now_us)
{
    loop_unwatch(link->loop, link->serial.fd);
    serial_close(&link->serial);
    link->reply_size = 0;
    link->reopen_at_us = now_us + REOPEN_US;
}

// It is tried twice a second; a reason is told once.
static void tell_not_open(struct serial_link *link, enum err err)
{
    const char *problem = link->serial.problem;
    const char *why = problem[0] != '\0' ? problem : err_name(err);
    if (strncmp(link->told, why, sizeof(link->told) - 1) != 0) {
        log_warn("serial", "not_open", "port=%s why=%s use=\"tried on\"",
                 log_quote(link->config.serial.path).text, log_quote(why).text);
        snprintf(link->told, sizeof(link->told), "%s", why);
    }
}

static void open_port(struct serial_link *link, uint64_t now_us)
{
    enum err err = serial_open(&link->serial, &link->config.serial);
    if (err == OK) {
        err = loop_watch(link->loop, link->serial.fd, on_readable, link);
    }
    if (err != OK) {
        tell_not_open(link, err);
        serial_close(&link->serial);
        link->reopen_at_us = now_us + REOPEN_US;
        return;
    }
    link->reopen_at_us = TIME_NEVER;
    link->told[0] = '\0';
    char note[96];
    serial_say_speed(&link->serial, &link->config.serial, note, sizeof(note));
    log_info("serial", "open", "port=%s%s%s", log_quote(link->config.serial.path).text,
             note[0] != '\0' ? " note=" : "", note[0] != '\0' ? log_quote(note).text : "");
}

// The newest name for the PTY; only ever replaces a symbolic link.
static bool make_link(const char *target, const char *path)
{
    char old[1];
    if (readlink(path, old, sizeof(old)) >= 0 && unlink(path) != 0) {
        return false;
    }
    return symlink(target, path) == 0;
}

static enum err make_pty(struct serial_link *link)
{
    struct termios raw;
    char name[64];
    const char *path = link->config.serial.path;
    int fd = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || grantpt(fd) != 0 || unlockpt(fd) != 0 || ptsname_r(fd, name, sizeof(name)) != 0) {
        log_error("serial", "no_pty", "why=%s", log_quote(strerror(errno)).text);
        goto fail;
    }
    link->pty_peer_fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (link->pty_peer_fd < 0 || tcgetattr(link->pty_peer_fd, &raw) != 0) {
        log_error("serial", "no_pty", "why=%s", log_quote(strerror(errno)).text);
        goto fail;
    }
    cfmakeraw(&raw);
    if (tcsetattr(link->pty_peer_fd, TCSANOW, &raw) != 0 || !make_link(name, path)) {
        log_error("serial", "no_link", "path=%s why=%s", log_quote(path).text,
                  log_quote(strerror(errno)).text);
        goto fail;
    }
    link->serial.fd = fd;
    log_info("serial", "open", "port=%s pty=%s", log_quote(path).text, name);
    return loop_watch(link->loop, fd, on_readable, link);
fail:
    if (fd >= 0) {
        close(fd);
    }
    return ERR_IO;
}

enum err serial_link_init(struct serial_link *link, struct device *device, struct loop *loop,
                          const struct serial_link_config *config, uint64_t now_us)
{
    memset(link, 0, sizeof(*link));
    link->config = *config;
    link->device = device;
    link->loop = loop;
    link->serial.fd = -1;
    link->pty_peer_fd = -1;
    link->reopen_at_us = TIME_NEVER;
    struct mb_rx_config rx = {
        .silence = mb_silence(config->serial.baud, serial_char_bits(&config->serial), false),
        .coarse = true,
    };
    mb_rx_init(&link->rx, &rx);
    if (config->is_pty) {
        return make_pty(link);
    }
    open_port(link, now_us);
    return OK;
}

// Takes the frames that are complete; answers the last one, for only that one still waits.
static void take_frames(struct serial_link *link, uint64_t now_us)
{
    const struct mb_rx_stats *stats = &link->rx.stats;
    for (; link->bad_frames < stats->crc_errors + stats->size_errors; link->bad_frames++) {
        mb_server_bad_frame(&link->device->server);
    }
    struct mb_rx_frame got;
    uint8_t pdu[MB_PDU_SIZE_MAX];
    while (mb_rx_next(&link->rx, &got)) {
        struct writer reply = writer_of(pdu, sizeof(pdu));
        if (!device_request(link->device, now_us, &got.frame, &reply) || !got.is_last) {
            continue;
        }
        struct writer adu = writer_of(link->reply, sizeof(link->reply));
        if (mb_rtu_encode(got.frame.unit, writer_bytes(&reply), &adu) != OK) {
            continue;
        }
        uint64_t delay_us = link->config.reply_delay_us;
        uint64_t silence_us = link->rx.config.silence.t35_us;
        link->reply_size = adu.size;
        link->reply_at_us = got.last_us + (delay_us > silence_us ? delay_us : silence_us);
    }
}

static enum err read_some(struct serial_link *link, uint8_t *data, size_t *size)
{
    if (!link->config.is_pty) {
        return serial_read(&link->serial, data, READ_SIZE, size);
    }
    ssize_t count = read(link->serial.fd, data, READ_SIZE);
    if (count > 0) {
        *size = (size_t)count;
        return OK;
    }
    return count < 0 && (errno == EAGAIN || errno == EINTR) ? ERR_AGAIN : ERR_CLOSED;
}

static void on_readable(void *ctx, int fd)
{
    struct serial_link *link = ctx;
    uint8_t data[READ_SIZE];
    (void)fd;
    for (int i = 0; i < READS_PER_TURN_MAX; i++) {
        size_t size = 0;
        enum err err = read_some(link, data, &size);
        uint64_t now_us = port_now_us();
        if (err == ERR_CLOSED || err == ERR_IO) {
            log_warn("serial", "lost", "port=%s", log_quote(link->config.serial.path).text);
            close_port(link, now_us);
            return;
        }
        if (err != OK || size == 0) {
            return;
        }
        link->reply_size = 0; // somebody talks: a reply now would collide
        mb_rx_tick(&link->rx, now_us);
        take_frames(link, now_us);
        mb_rx_burst(&link->rx, now_us, bytes_of(data, size));
        take_frames(link, now_us);
    }
}

uint64_t serial_link_deadline_us(const struct serial_link *link)
{
    uint64_t reply_us = link->reply_size > 0 ? link->reply_at_us : TIME_NEVER;
    return time_min(time_min(reply_us, link->reopen_at_us), mb_rx_deadline_us(&link->rx));
}

static void send_reply(struct serial_link *link, uint64_t now_us)
{
    struct bytes reply = bytes_of(link->reply, link->reply_size);
    uint64_t first_us, end_us;
    bool is_sent;
    if (link->config.is_pty) {
        is_sent = write(link->serial.fd, reply.data, reply.size) == (ssize_t)reply.size;
    } else {
        is_sent = serial_write(&link->serial, reply, &first_us, &end_us) == OK;
    }
    link->reply_size = 0;
    if (!is_sent) {
        log_warn("serial", "not_sent", "port=%s", log_quote(link->config.serial.path).text);
        if (!link->config.is_pty) {
            close_port(link, now_us);
        }
    }
}

void serial_link_tick(struct serial_link *link, uint64_t now_us)
{
    if (now_us >= link->reopen_at_us) {
        open_port(link, now_us);
    }
    mb_rx_tick(&link->rx, now_us);
    take_frames(link, now_us);
    if (link->reply_size > 0 && now_us >= link->reply_at_us) {
        send_reply(link, now_us);
    }
}

void serial_link_deinit(struct serial_link *link)
{
    if (link->config.is_pty && link->serial.fd >= 0) {
        unlink(link->config.serial.path);
        close(link->serial.fd);
        close(link->pty_peer_fd);
        link->serial.fd = -1;
    }
    serial_close(&link->serial);
}
