// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/exchange.h"

#include "port/linux/log.h"

#include <stdlib.h>
#include <string.h>

#define MODULE "hub"

// An answer that waits for the commit.
struct held {
    struct held *next;
    int qos;
    size_t payload_size;
    size_t topic_size; // with its NUL
    char bytes[];      // topic, payload
};

struct batch {
    struct held *first, *last;
    bool is_open;  // a transaction is
    bool is_lossy; // one did not find memory: its device asks again
};

static void hold(struct batch *batch, const struct backend_out *out)
{
    size_t topic_size = strlen(out->topic) + 1;
    struct held *held = malloc(sizeof(*held) + topic_size + out->payload.size);
    if (held == NULL) {
        batch->is_lossy = true;
        return;
    }
    *held =
        (struct held){.qos = out->qos, .topic_size = topic_size, .payload_size = out->payload.size};
    memcpy(held->bytes, out->topic, topic_size);
    if (out->payload.size > 0) {
        memcpy(held->bytes + topic_size, out->payload.data, out->payload.size);
    }
    if (batch->last != NULL) {
        batch->last->next = held;
    } else {
        batch->first = held;
    }
    batch->last = held;
}

// Publishes what is held; without a commit, what the link itself says alone.
static void let_go(const struct exchange *x, struct batch *batch, bool is_durable)
{
    while (batch->first != NULL) {
        struct held *held = batch->first;
        batch->first = held->next;
        if (is_durable || strncmp(held->bytes, "to/", 3) != 0) {
            link_client_publish(x->client, held->bytes,
                                bytes_of(held->bytes + held->topic_size, held->payload_size),
                                held->qos);
        }
        free(held);
    }
}

static void give(const struct exchange *x, struct backend_time now,
                 const struct link_client_out *in)
{
    switch (in->kind) {
    case LINK_CLIENT_CONNECTED: backend_connected(x->backend, x->broker); break;
    case LINK_CLIENT_LOST: backend_lost(x->backend, x->broker); break;
    case LINK_CLIENT_MESSAGE:
        backend_message(x->backend, x->broker, now, in->topic, in->payload);
        break;
    }
}

static bool take_inputs(const struct exchange *x, struct backend_time now)
{
    struct link_client_out in;
    struct backend_out out;
    struct batch batch = {0};
    int count = 0;
    while (count < EXCHANGE_INPUTS_MAX && link_client_next(x->client, &in)) {
        // From the second on: one alone commits by itself, and a GET needs no lock.
        if (count == 1) {
            batch.is_open = store_begin(x->backend->store) == OK;
        }
        give(x, now, &in);
        while (x->backend->has_answer && backend_next(x->backend, x->broker, now, &out)) {
            hold(&batch, &out);
        }
        count++;
    }
    enum err err = batch.is_open ? store_end(x->backend->store, true) : OK;
    if (err != OK || batch.is_lossy) {
        log_error(MODULE, "answers_lost", "err=%s (the devices ask again)", err_name(err));
    }
    let_go(x, &batch, err == OK);
    if (err != OK) { // what was believed of connections may be undone with it: told all anew
        backend_undone(x->backend);
        link_client_begin_anew(x->client);
    }
    if (count < EXCHANGE_INPUTS_MAX) {
        backend_idle(x->backend, x->broker);
    }
    return count == EXCHANGE_INPUTS_MAX;
}

static void publish_all(const struct exchange *x, struct backend_time now)
{
    struct backend_out out;
    // A lost link is drained as well: what waits for it is then forgotten in the proper way.
    while ((!x->backend->links[x->broker].is_connected || link_client_is_ready(x->client)) &&
           backend_next(x->backend, x->broker, now, &out)) {
        link_client_publish(x->client, out.topic, out.payload, out.qos);
    }
}

bool exchange_turn(const struct exchange *x, struct backend_time now)
{
    publish_all(x, now);
    if (link_client_is_blocked(x->client)) {
        return false; // a turn follows when the socket takes more
    }
    bool is_more = take_inputs(x, now);
    publish_all(x, now);
    return is_more;
}
