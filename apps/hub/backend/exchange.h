// SPDX-License-Identifier: Apache-2.0
// Between a link's client and the backend: what came goes in, what is to be published goes out.
// Requests that wait together become durable by one commit, and their answers leave after it.
#ifndef HUB_BACKEND_EXCHANGE_H
#define HUB_BACKEND_EXCHANGE_H

#include "apps/hub/backend/backend.h"
#include "apps/hub/backend/link_client.h"

enum { EXCHANGE_INPUTS_MAX = 64 }; // in one turn, and so in one commit

struct exchange {
    struct backend *backend;
    struct link_client *client;
    enum backend_broker broker;
};

// Takes and publishes what can be now. True: more waits to be taken.
bool exchange_turn(const struct exchange *x, struct backend_time now);

#endif
