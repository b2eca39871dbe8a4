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
        .listen_only = b->is_sniffed,
    };
    enum err err = serial_format(b->format, &cfg.serial);
    return err == OK ? bus_open_tty(&cfg, out) : err;
}

static enum err open_rt(const struct config_bus *b, struct bus **out)
{
    struct serial_cfg serial = {.path = NULL};
    enum err err = serial_format(b->format, &serial);
    struct bus_rt_cfg cfg = {
        .name = b->name,
        .path = b->path,
        .baud = b->baud,
        .parity = serial.parity,
        .stop_bits = serial.stop_bits,
        .silence_in_chars = b->silence == SILENCE_CHARACTERS,
        .t3_5_us = b->silence_us,
        .guard_bits8 = (uint8_t)(b->guard_bits * 8),
        .lead_bits8 = (uint8_t)(b->lead_bits * 8),
        .de_active_low = b->is_low,
        .echo = b->has_echo,
        .listen_only = b->is_sniffed,
    };
    return err == OK ? bus_open_rt(&cfg, out) : err;
}

static enum err open_tcp(const struct config_bus *b, struct bus **out)
{
    struct bus_tcp_cfg cfg = {
        .name = b->name,
        .host = b->host,
        .port = (uint16_t)b->tcp_port,
        .rtu_over_tcp = b->port_kind == BUS_RTU_TCP,
        .reply_timeout_ms = b->reply_timeout_ms,
    };
    return bus_open_tcp(&cfg, out);
}

enum err open_bus(const struct config_bus *b, struct bus **out)
{
    switch ((enum bus_kind)b->port_kind) {
    case BUS_TTY: return open_tty(b, out);
    case BUS_RT: return open_rt(b, out);
    case BUS_TCP:
    case BUS_RTU_TCP: break;
    }
    return open_tcp(b, out);
}
