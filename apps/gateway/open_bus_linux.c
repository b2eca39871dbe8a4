// SPDX-License-Identifier: Apache-2.0
#include "apps/gateway/open_bus_linux.h"

static enum err open_tty(const struct config_bus *b, struct bus **out)
{
    struct bus_tty_cfg cfg = {
        .name = b->name,
        .serial = {.path = b->path, .baud = b->baud, .rs485 = b->direction == DIRECTION_KERNEL},
        .silence_in_chars = b->silence == SILENCE_CHARACTERS,
        .t3_5_us = b->silence_us,
        .echo = b->has_echo,
    };
    enum err err = serial_format(b->format, &cfg.serial);
    return err == OK ? bus_open_tty(&cfg, out) : err;
}

static enum err open_tcp(const struct config_bus *b, struct bus **out)
{
    struct bus_tcp_cfg cfg = {
        .name = b->name,
        .host = b->host,
        .port = (uint16_t)b->tcp_port,
        .rtu_over_tcp = b->port_kind == BUS_RTU_TCP,
    };
    return bus_open_tcp(&cfg, out);
}

enum err open_bus(const struct config_bus *b, struct bus **out)
{
    return b->port_kind == BUS_TTY ? open_tty(b, out) : open_tcp(b, out);
}
