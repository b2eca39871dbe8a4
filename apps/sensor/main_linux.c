// SPDX-License-Identifier: Apache-2.0
// busward-sensor on Linux: wiring only.
#include "apps/sensor/serial_link.h"
#include "apps/sensor/settings.h"
#include "apps/sensor/tcp_link.h"

#include "base/time.h"
#include "port/api/clock.h"
#include "port/linux/log.h"

struct app {
    struct settings settings;
    struct loop loop;
    struct device device;
    struct serial_link serial;
    struct tcp_link tcp;
};

// False: a TCP socket, whatever its frames look like.
static bool has_line(const struct app *app)
{
    return app->settings.kind == PORT_TTY || app->settings.kind == PORT_PTY;
}

static uint64_t on_turn(void *ctx, uint64_t now_us)
{
    struct app *app = ctx;
    if (!has_line(app)) {
        return TIME_NEVER; // TCP answers as it reads
    }
    serial_link_tick(&app->serial, now_us);
    return serial_link_deadline_us(&app->serial);
}

static enum err open_link(struct app *app)
{
    const struct settings *s = &app->settings;
    if (has_line(app)) {
        return serial_link_init(&app->serial, &app->device, &app->loop, &s->serial, port_now_us());
    }
    enum mb_stream_kind kind = s->kind == PORT_TCP ? MB_STREAM_TCP : MB_STREAM_RTU;
    return tcp_link_init(&app->tcp, &app->device, &app->loop, s->host, s->tcp_port, kind);
}

int main(int argc, char **argv)
{
    static struct app app;
    switch (settings_parse(argc, argv, &app.settings)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    enum err err = device_init(&app.device, &app.settings.device, port_now_us());
    if (err == OK) {
        err = loop_init(&app.loop, on_turn, &app);
    }
    if (err == OK) {
        err = open_link(&app);
    }
    if (err != OK) {
        log_error("sensor", "not_started", "why=%s", err_name(err));
        return 1;
    }
    log_info("sensor", "started", "unit=%u sensors=%u", app.settings.device.unit,
             app.settings.device.store.sensor_count);
    loop_run(&app.loop);
    log_info("sensor", "stopped", "requests=%llu", (unsigned long long)app.device.requests);
    if (has_line(&app)) {
        serial_link_deinit(&app.serial);
    } else {
        tcp_link_deinit(&app.tcp);
    }
    loop_deinit(&app.loop);
    return 0;
}
