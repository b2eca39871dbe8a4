// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/serve.h"

#include "apps/hub/backend/exchange.h"
#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/log.h"
#include "port/linux/options.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MODULE "hub"

static const struct option option_rows[] = {
    {.name = "data-dir",
     .type = OPTION_TEXT,
     .offset = offsetof(struct serve_options, data_dir),
     .min = 1,
     .help = "folder of hub.db; made if missing"},
    {.name = "hub-link",
     .type = OPTION_TEXT,
     .offset = offsetof(struct serve_options, hub_link),
     .min = 1,
     .help = "unix socket of the hub's broker"},
    {.name = "dps-link",
     .type = OPTION_TEXT,
     .offset = offsetof(struct serve_options, dps_link),
     .help = "unix socket of the provisioning service's broker"},
    {.name = "host",
     .type = OPTION_TEXT,
     .offset = offsetof(struct serve_options, host),
     .help = "name of this hub in user names and tokens; kept in hub.db"},
    {.name = "id-scope",
     .type = OPTION_TEXT,
     .offset = offsetof(struct serve_options, id_scope),
     .help = "id scope of the provisioning service; kept in hub.db"},
    {.name = "dps-host",
     .type = OPTION_TEXT,
     .offset = offsetof(struct serve_options, dps_host),
     .help = "name of the provisioning service; kept in hub.db"},
    {.name = "listen",
     .type = OPTION_TEXT,
     .offset = offsetof(struct serve_options, listen),
     .help = "address and port of the service REST, such as 0.0.0.0:443; without it there is none"},
    {.name = "cert",
     .type = OPTION_TEXT,
     .offset = offsetof(struct serve_options, cert),
     .help = "the REST's certificate chain, PEM; not needed on a loopback address"},
    {.name = "key",
     .type = OPTION_TEXT,
     .offset = offsetof(struct serve_options, key),
     .help = "its private key, PEM, 0600"},
    {.name = "conn-max",
     .type = OPTION_UINT,
     .offset = offsetof(struct serve_options, conn_max),
     .min = 4,
     .max = 4096,
     .fallback = "256",
     .help = "connections to the REST at a time"},
    {.name = "connection-max",
     .type = OPTION_UINT,
     .offset = offsetof(struct serve_options, connection_max),
     .min = 16,
     .max = 100000,
     .fallback = "12000",
     .help = "devices connected at a time, per broker"},
    {.name = "method-max",
     .type = OPTION_UINT,
     .offset = offsetof(struct serve_options, method_max),
     .min = 1,
     .max = 4096,
     .fallback = "256",
     .help = "direct methods under way"},
    {.name = "delivery-max",
     .type = OPTION_UINT,
     .offset = offsetof(struct serve_options, delivery_max),
     .min = 1,
     .max = 100,
     .fallback = "10",
     .help = "times that a message to a device is given to a broker"},
    {.name = "dps-retry-after-s",
     .type = OPTION_UINT,
     .offset = offsetof(struct serve_options, dps_retry_after_s),
     .min = 1,
     .max = 60,
     .fallback = "3",
     .help = "what a registering device is told to wait"},
    {.name = "quota",
     .type = OPTION_TEXT,
     .offset = offsetof(struct serve_options, quota),
     .help = "none (default), f1, s1, or name=number with a comma between; as plugin_opt_quota"},
};

static const struct option_table table = {
    .program = "busward-hub serve",
    .purpose = "twins, methods, messages to devices and provisioning of the hub's brokers",
    .options = option_rows,
    .count = COUNT_OF(option_rows),
};

static struct backend_time time_now(uint64_t now_us)
{
    struct wall_time wall = {0};
    // A clock that was never set: times are wrong, nothing else is.
    (void)port_wall_time(&wall);
    return (struct backend_time){.now_us = now_us, .utc_ms = wall.utc_ms};
}

static uint64_t on_turn(void *ctx, uint64_t now_us)
{
    struct serve *s = ctx;
    struct backend_time now = time_now(now_us);
    uint64_t deadline_us = TIME_NEVER;
    backend_tick(s->backend, now);
    service_drain(&s->service);
    for (int i = 0; i < BROKER_COUNT; i++) {
        enum backend_broker broker = (enum backend_broker)i;
        if (s->clients[broker] == NULL) {
            continue;
        }
        struct exchange x = {s->backend, s->clients[broker], broker};
        deadline_us = time_min(deadline_us, link_client_tick(s->clients[broker], now_us));
        if (exchange_turn(&x, now)) {
            deadline_us = 0; // more waits
        }
    }
    service_drain(&s->service); // answers of methods that came just now
    return time_min(deadline_us, backend_deadline_us(s->backend));
}

static bool keep_meta(struct serve *s)
{
    const struct {
        const char *key, *value;
    } given[] = {{"host", s->options.host},
                 {"id_scope", s->options.id_scope},
                 {"dps_host", s->options.dps_host}};
    for (size_t i = 0; i < COUNT_OF(given); i++) {
        if (given[i].value != NULL &&
            store_set_meta(&s->store, given[i].key, given[i].value) != OK) {
            return false;
        }
    }
    if (store_meta(&s->store, "host", s->host, sizeof(s->host)) != OK) {
        log_error(MODULE, "host", "%s", "(hub.db has none yet: give --host once)");
        return false;
    }
    return true;
}

static size_t slots_for(uint64_t connection_max)
{
    size_t count = 16;
    while (count / 4 * 3 < connection_max) {
        count *= 2;
    }
    return count;
}

// All memory of the program, once.
static bool take_memory(struct serve *s)
{
    struct backend_config *cfg = &s->memory;
    *cfg = (struct backend_config){
        .store = &s->store,
        .slot_count = slots_for(s->options.connection_max),
        .call_count = (size_t)s->options.method_max,
        .host = s->host,
    };
    s->backend = calloc(1, sizeof(*s->backend));
    cfg->calls = calloc(cfg->call_count, sizeof(struct methods_call));
    cfg->payloads = calloc(cfg->call_count, METHODS_PAYLOAD_SIZE_MAX);
    cfg->notices = calloc(1, TWINS_NOTICE_BYTES);
    bool is_good = s->backend != NULL && cfg->calls != NULL && cfg->payloads != NULL &&
                   cfg->notices != NULL && random_bytes(&cfg->salt, sizeof(cfg->salt)) == OK;
    for (int i = 0; is_good && i < BROKER_COUNT; i++) {
        cfg->slots[i] = calloc(cfg->slot_count, sizeof(struct session));
        is_good = cfg->slots[i] != NULL;
    }
    return is_good;
}

static bool make_backend(struct serve *s)
{
    const char *paths[BROKER_COUNT] = {s->options.hub_link, s->options.dps_link};
    static const char *const names[BROKER_COUNT] = {"hub", "dps"};
    bool is_good = take_memory(s);
    for (int i = 0; is_good && i < BROKER_COUNT; i++) {
        s->clients[i] = paths[i] != NULL ? calloc(1, sizeof(struct link_client)) : NULL;
        is_good = paths[i] == NULL || s->clients[i] != NULL;
        if (s->clients[i] != NULL) {
            link_client_init(s->clients[i], &s->loop, paths[i], names[i]);
        }
    }
    if (!is_good) {
        log_error(MODULE, "memory", "%s", "");
        return false;
    }
    char fault[HUB_QUOTA_FAULT_SIZE];
    if (s->options.quota != NULL &&
        hub_quota_parse(s->options.quota, &s->memory.quota, fault) != OK) {
        log_error(MODULE, "options_refused", "option=--quota why=%s", log_quote(fault).text);
        return false;
    }
    backend_init(s->backend, &s->memory);
    s->backend->dps.retry_after_s = (uint32_t)s->options.dps_retry_after_s;
    s->backend->c2d.deliveries_max = (unsigned)s->options.delivery_max;
    return true;
}

static bool start_service(struct serve *s)
{
    const struct service_config cfg = {
        .listen = s->options.listen,
        .cert = s->options.cert,
        .key = s->options.key,
        .conn_max = s->options.conn_max,
        .store = &s->store,
        .twins = &s->backend->twins,
        .c2d = &s->backend->c2d,
        .methods = &s->backend->methods,
        .quota = &s->backend->quota,
    };
    return service_start(&s->service, &cfg, &s->loop);
}

static void stop(struct serve *s)
{
    backend_flush(s->backend);
    for (int i = 0; i < BROKER_COUNT; i++) {
        if (s->clients[i] != NULL) {
            link_client_close(s->clients[i]);
        }
    }
}

int serve_main(int argc, char **argv)
{
    static struct serve serve;
    switch (options_parse(&table, argc, argv, &serve.options)) {
    case OPTIONS_HELP: return 0;
    case OPTIONS_WRONG: return 2;
    case OPTIONS_RUN: break;
    }
    umask(0077);
    signal(SIGPIPE, SIG_IGN);
    if (loop_init(&serve.loop, on_turn, &serve) != OK) {
        return 1;
    }
    bool is_good = store_open(&serve.store, serve.options.data_dir) == OK && keep_meta(&serve) &&
                   make_backend(&serve) && start_service(&serve);
    if (is_good) {
        log_info(MODULE, "ready", "host=%s", log_quote(serve.host).text);
        loop_run(&serve.loop);
        log_info(MODULE, "stopping", "%s", "");
        stop(&serve);
    }
    service_stop(&serve.service);
    store_close(&serve.store);
    loop_deinit(&serve.loop);
    return is_good ? 0 : 1; // the memory goes with the process
}
