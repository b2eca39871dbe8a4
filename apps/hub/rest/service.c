// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/rest/service.h"

#include "port/linux/http_tls.h"
#include "port/linux/listen.h"
#include "port/linux/log.h"

#include <event2/event.h>
#include <stddef.h>
#include <time.h>

#define MODULE "rest"

static void on_stirred(void *ctx)
{
    struct service *service = ctx;
    loop_wake(service->loop);
}

static void on_tick(evutil_socket_t fd, short events, void *ctx)
{
    struct service *service = ctx;
    struct timespec now;
    (void)fd;
    (void)events;
    clock_gettime(CLOCK_MONOTONIC, &now);
    rest_tick(&service->rest, now.tv_sec);
}

static bool load_tls(struct service *service, const struct service_config *cfg, bool is_loopback)
{
    const char *why = "";
    if (cfg->cert == NULL && cfg->key == NULL && is_loopback) {
        return true;
    }
    if (cfg->cert == NULL || cfg->key == NULL) {
        log_error(MODULE, "tls", "why=\"%s\"",
                  "certificate and key are needed, but on a loopback address");
        return false;
    }
    service->tls = tls_load(cfg->cert, cfg->key, &why);
    if (service->tls == NULL) {
        log_error(MODULE, "tls", "cert=%s why=\"%s\"", log_quote(cfg->cert).text, why);
        return false;
    }
    return true;
}

bool service_start(struct service *service, const struct service_config *cfg, struct loop *loop)
{
    struct listen_address address;
    if (cfg->listen == NULL) {
        return true;
    }
    if (!listen_parse(cfg->listen, &address)) {
        log_error(MODULE, "listen", "address=%s why=\"not an address and a port, such as %s\"",
                  log_quote(cfg->listen).text, "127.0.0.1:8443");
        return false;
    }
    service->loop = loop;
    if (!load_tls(service, cfg, address.is_loopback)) {
        return false;
    }
    const struct rest_config rest = {
        .base = loop->base,
        .host = address.host,
        .port = address.port,
        .conn_max = (unsigned)cfg->conn_max,
        .tls = service->tls,
        .store = cfg->store,
        .twins = cfg->twins,
        .c2d = cfg->c2d,
        .methods = cfg->methods,
        .quota = cfg->quota,
        .stirred = on_stirred,
        .ctx = service,
    };
    const struct timeval second = {.tv_sec = 1};
    if (rest_start(&service->rest, &rest) != OK) {
        return false;
    }
    service->is_on = true;
    service->tick = event_new(loop->base, -1, EV_PERSIST, on_tick, service);
    return service->tick != NULL && event_add(service->tick, &second) == 0;
}

void service_stop(struct service *service)
{
    if (service->tick != NULL) {
        event_free(service->tick);
        service->tick = NULL;
    }
    if (service->is_on) {
        rest_stop(&service->rest);
        service->is_on = false;
    }
    tls_unload(service->tls);
    service->tls = NULL;
}

void service_drain(struct service *service)
{
    struct methods_outcome outcome;
    while (service->is_on && methods_next_outcome(service->rest.cfg.methods, &outcome)) {
        rest_outcome(&service->rest, &outcome);
    }
}
