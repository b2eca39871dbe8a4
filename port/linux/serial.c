// SPDX-License-Identifier: Apache-2.0
// A tty through the kernel's own termios2, which alone knows speeds that are not in the table of
// standard ones; hence no <termios.h> here.
#include "port/linux/serial.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/serial.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/assert.h"
#include "port/api/clock.h"

#define PTY_MAJOR_FIRST 136 // UNIX98 PTY slaves (devices.txt)
#define PTY_MAJOR_LAST  143
#define SPEED_PERMILLE  25 // how far the hardware's speed may be off
#define NS_PER_S        UINT64_C(1000000000)
#define RS485_FLAGS     (SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND | SER_RS485_RTS_AFTER_SEND)

enum err serial_format(const char *text, struct serial_cfg *cfg)
{
    if (strlen(text) != 3 || text[0] != '8' || (text[2] != '1' && text[2] != '2')) {
        return ERR_ARG;
    }
    switch (text[1]) {
    case 'N': cfg->parity = SERIAL_NONE; break;
    case 'E': cfg->parity = SERIAL_EVEN; break;
    case 'O': cfg->parity = SERIAL_ODD; break;
    default: return ERR_ARG;
    }
    cfg->stop_bits = (uint8_t)(text[2] - '0');
    return OK;
}

uint8_t serial_char_bits(const struct serial_cfg *cfg)
{
    uint8_t stop_bits = cfg->stop_bits == 0 ? 1 : cfg->stop_bits;
    return (uint8_t)(1 + 8 + (cfg->parity == SERIAL_NONE ? 0 : 1) + stop_bits);
}

static enum err problem(struct serial *serial, enum err err, const char *path, const char *what)
{
    snprintf(serial->problem, sizeof serial->problem, "%.200s: %.117s", path, what);
    return err;
}

static enum err open_problem(struct serial *serial, const char *path)
{
    switch (errno) {
    case ENOENT:
    case ENODEV:
    case ENXIO: return problem(serial, ERR_NOT_FOUND, path, "no such device");
    case EACCES:
    case EPERM:
        return problem(serial, ERR_DENIED, path, "not allowed; is the user in group dialout?");
    case EBUSY: return problem(serial, ERR_BUSY, path, "held by another program");
    default: return problem(serial, ERR_IO, path, strerror(errno));
    }
}

static bool is_pty(int fd)
{
    struct stat info;
    return fstat(fd, &info) == 0 && major(info.st_rdev) >= PTY_MAJOR_FIRST &&
           major(info.st_rdev) <= PTY_MAJOR_LAST;
}

static tcflag_t format_flags(const struct serial_cfg *cfg)
{
    tcflag_t flags = CS8;
    if (cfg->parity != SERIAL_NONE) {
        flags |= PARENB;
    }
    if (cfg->parity == SERIAL_ODD) {
        flags |= PARODD;
    }
    if (cfg->stop_bits == 2) {
        flags |= CSTOPB;
    }
    return flags;
}

static bool speed_fits(speed_t got, uint32_t wanted)
{
    uint64_t off = got > wanted ? got - wanted : wanted - got;
    return off * 1000 <= (uint64_t)wanted * SPEED_PERMILLE;
}

static enum err set_format(struct serial *serial, const struct serial_cfg *cfg)
{
    tcflag_t flags = format_flags(cfg);
    // A PTY has no parity: the kernel drops PARENB, so it is not asked for.
    tcflag_t asked = serial->pty ? flags & ~(tcflag_t)(PARENB | PARODD) : flags;
    struct termios2 tty = {
        .c_iflag = cfg->parity == SERIAL_NONE || serial->pty ? 0 : INPCK, // a bad byte reads as 0
        .c_cflag = asked | BOTHER | CREAD | CLOCAL,
        .c_ispeed = cfg->baud,
        .c_ospeed = cfg->baud,
    };
    tty.c_cc[VMIN] = 1;
    struct termios2 got;
    if (ioctl(serial->fd, TCSETS2, &tty) != 0 || ioctl(serial->fd, TCGETS2, &got) != 0) {
        return problem(serial, ERR_UNSUPPORTED, cfg->path,
                       "the driver refuses this speed and format");
    }
    char text[96];
    if (!serial->pty && !speed_fits(got.c_ospeed, cfg->baud)) {
        snprintf(text, sizeof text, "the driver cannot do %u baud (nearest: %u)", cfg->baud,
                 got.c_ospeed);
        return problem(serial, ERR_UNSUPPORTED, cfg->path, text);
    }
    if ((got.c_cflag & (CSIZE | PARENB | PARODD | CSTOPB)) != asked) {
        return problem(serial, ERR_UNSUPPORTED, cfg->path,
                       "the driver refuses this parity or number of stop bits");
    }
    serial->baud = serial->pty ? cfg->baud : got.c_ospeed;
    serial->char_ns = (uint32_t)(NS_PER_S * serial_char_bits(cfg) / serial->baud);
    return OK;
}

static enum err set_rs485(struct serial *serial, const struct serial_cfg *cfg)
{
    if (!cfg->rs485) {
        return OK;
    }
    const uint32_t flags =
        SER_RS485_ENABLED | (cfg->rs485_low ? SER_RS485_RTS_AFTER_SEND : SER_RS485_RTS_ON_SEND);
    struct serial_rs485 rs485 = {
        .flags = flags,
        .delay_rts_before_send = cfg->rs485_before_ms,
        .delay_rts_after_send = cfg->rs485_after_ms,
    };
    int result = ioctl(serial->fd, TIOCSRS485, &rs485);
    // A driver that cannot do all of it says so in what it gives back, and would drive the line
    // the wrong way round or not at all.
    if (result == 0 && (rs485.flags & RS485_FLAGS) == flags) {
        return OK;
    }
    char text[128];
    snprintf(
        text, sizeof text,
        "RS-485 direction control refused (%.30s); if the adapter does it: \"direction\": \"none\"",
        result == 0 ? "the driver does it otherwise" : strerror(errno));
    return problem(serial, ERR_UNSUPPORTED, cfg->path, text);
}

static enum err set_up(struct serial *serial, const struct serial_cfg *cfg)
{
    struct termios2 tty;
    if (ioctl(serial->fd, TCGETS2, &tty) != 0) {
        return problem(serial, ERR_ARG, cfg->path, "is no serial port");
    }
    // root passes TIOCEXCL, hence the flock as well.
    if (flock(serial->fd, LOCK_EX | LOCK_NB) != 0) {
        return problem(serial, ERR_BUSY, cfg->path, "held by another program");
    }
    serial->pty = is_pty(serial->fd);
    if (!serial->pty) { // on a PTY it would outlive us as long as the other end keeps it open
        (void)ioctl(serial->fd, TIOCEXCL);
    }
    enum err err = set_format(serial, cfg);
    if (err == OK) {
        err = set_rs485(serial, cfg);
    }
    if (err != OK) {
        return err;
    }
    struct serial_struct driver;
    if (ioctl(serial->fd, TIOCGSERIAL, &driver) == 0) {
        driver.flags = (int)((unsigned)driver.flags | ASYNC_LOW_LATENCY);
        (void)ioctl(serial->fd, TIOCSSERIAL, &driver); // only faster, so a refusal is no problem
    }
    serial_flush(serial);
    return OK;
}

enum err serial_open(struct serial *serial, const struct serial_cfg *cfg)
{
    *serial = (struct serial){.fd = -1};
    if (cfg->baud == 0 || cfg->stop_bits > 2) {
        return problem(serial, ERR_ARG, cfg->path, "speed or stop bits out of range");
    }
    serial->fd = open(cfg->path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (serial->fd < 0) {
        return open_problem(serial, cfg->path);
    }
    enum err err = set_up(serial, cfg);
    if (err != OK) {
        serial_close(serial);
    }
    return err;
}

enum err serial_read(struct serial *serial, uint8_t *data, size_t capacity, size_t *size)
{
    ssize_t n = read(serial->fd, data, capacity);
    if (n > 0) {
        *size = (size_t)n;
        return OK;
    }
    return n < 0 && (errno == EAGAIN || errno == EINTR) ? ERR_AGAIN : ERR_CLOSED;
}

enum err serial_write(struct serial *serial, struct bytes frame, uint64_t *first_us,
                      uint64_t *end_us)
{
    // Read before the call, and all is rounded down: at the speed that the driver says it makes,
    // the computed end is never later than the true one, so that a byte read before it is no
    // answer. A crystal's own error is not in it: half a percent of the longest frame is 1.3
    // characters, and a unit is silent for 3.5 before it answers.
    uint64_t now_us = port_now_us();
    ssize_t n = write(serial->fd, frame.data, frame.size);
    if (n < 0) {
        return errno == EAGAIN ? ERR_IO : ERR_CLOSED;
    }
    if ((size_t)n != frame.size) {
        return ERR_IO;
    }
    *first_us = now_us;
    *end_us = now_us + frame.size * (uint64_t)serial->char_ns / 1000;
    return OK;
}

void serial_say_speed(const struct serial *serial, const struct serial_cfg *cfg, char *out,
                      size_t capacity)
{
    double percent = 100.0 * ((double)serial->baud - (double)cfg->baud) / (double)cfg->baud;
    out[0] = '\0';
    if (serial->baud != cfg->baud) {
        snprintf(out, capacity, "the driver makes %u baud of %u (%+.2f %%)", serial->baud,
                 cfg->baud, percent);
    }
}

void serial_flush(struct serial *serial)
{
    (void)ioctl(serial->fd, TCFLSH, TCIOFLUSH);
}

void serial_close(struct serial *serial)
{
    if (serial->fd >= 0) {
        (void)ioctl(serial->fd, TIOCNXCL);
        close(serial->fd);
        serial->fd = -1;
    }
}
