// SPDX-License-Identifier: Apache-2.0
// The REST with what it stands on: the address it listens at, TLS, and a tick each second.
#ifndef HUB_REST_SERVICE_H
#define HUB_REST_SERVICE_H

#include "apps/hub/rest/rest.h"
#include "port/linux/loop.h"

struct service_config {
    const char *listen; // address:port; NULL: no REST
    const char *cert;   // PEM, the whole chain
    const char *key;    // PEM, 0600
    uint64_t conn_max;
    struct store *store;
    struct twins *twins;
    struct c2d *c2d;
    struct methods *methods;
    struct hub_quota *quota;
};

struct service {
    struct rest rest;
    struct loop *loop;
    struct tls *tls;
    struct event *tick;
    bool is_on;
};

// Without TLS on a loopback address alone. False: it says in the log what would be right.
bool service_start(struct service *service, const struct service_config *cfg, struct loop *loop);
void service_stop(struct service *service);
// Each turn of the loop, when the methods have had their ticks: answers the calls that are over.
void service_drain(struct service *service);

#endif
