// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "port/linux/bus_private.h"
#include "port/linux/serial.h"

struct tty_port {
    struct bus_port base; // first, so that one pointer is both
    struct serial serial;
    struct serial_cfg cfg;
    char path[];
};

static enum err tty_open(struct bus_port *base, uint64_t now_us)
{
    (void)now_us;
    struct tty_port *port = (struct tty_port *)(void *)base;
    enum err err = serial_open(&port->serial, &port->cfg);
    base->fd = port->serial.fd;
    // What stands behind a PTY may answer before our frame would have left a wire.
    base->early_reply = port->serial.pty;
    snprintf(base->problem, sizeof base->problem, "%s",
             err == OK ? "the device went away" : port->serial.problem);
    if (err == OK) {
        serial_say_speed(&port->serial, &port->cfg, base->note, sizeof base->note);
    }
    return err;
}

static enum err tty_read(struct bus_port *base, uint8_t *data, size_t capacity, size_t *size)
{
    struct tty_port *port = (struct tty_port *)(void *)base;
    return serial_read(&port->serial, data, capacity, size);
}

static enum err tty_write(struct bus_port *base, struct bytes frame, uint64_t *first_us,
                          uint64_t *end_us)
{
    struct tty_port *port = (struct tty_port *)(void *)base;
    return serial_write(&port->serial, frame, first_us, end_us);
}

static void tty_close(struct bus_port *base)
{
    struct tty_port *port = (struct tty_port *)(void *)base;
    serial_close(&port->serial);
    base->fd = -1;
}

static void tty_free(struct bus_port *base)
{
    free(base);
}

static const struct bus_port_ops TTY_OPS = {
    .open = tty_open, .read = tty_read, .write = tty_write, .close = tty_close, .free = tty_free};

enum err bus_open_tty(const struct bus_tty_cfg *cfg, struct bus **out)
{
    const struct serial_cfg *serial = &cfg->serial;
    if (serial->path == NULL || serial->baud < LINE_BAUD_MIN || serial->baud > LINE_BAUD_MAX ||
        serial->stop_bits > 2) {
        return ERR_ARG;
    }
    size_t path_size = strlen(serial->path) + 1;
    struct tty_port *port = calloc(1, sizeof *port + path_size);
    if (port == NULL) {
        return ERR_IO;
    }
    memcpy(port->path, serial->path, path_size);
    port->cfg = *serial;
    port->cfg.path = port->path;
    port->serial.fd = -1;
    port->base.fd = -1;
    struct line_cfg line = {
        .baud = serial->baud,
        .char_bits = serial_char_bits(serial),
        .silence_in_chars = cfg->silence_in_chars,
        .t3_5_us = cfg->t3_5_us,
        .coarse = true,
        .echo = cfg->echo,
        .listen_only = cfg->listen_only,
    };
    return bus_start(cfg->name, &TTY_OPS, &port->base, &line, cfg->cpu_priority, out);
}
