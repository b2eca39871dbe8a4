// SPDX-License-Identifier: Apache-2.0
// The MQTT client of one link, over the broker's unix socket, on the program's loop: what the pure
// link machine needs of the world. Connects again by itself; a connection that ended leaves nothing
// behind that would be sent in the next.
#ifndef HUB_BACKEND_LINK_CLIENT_H
#define HUB_BACKEND_LINK_CLIENT_H

#include "base/bytes.h"
#include "base/err.h"
#include "port/linux/loop.h"

struct mosquitto;
struct link_client_event;

enum link_client_kind { LINK_CLIENT_CONNECTED, LINK_CLIENT_LOST, LINK_CLIENT_MESSAGE };

struct link_client {
    // Private:
    struct loop *loop;
    const char *path;
    const char *name; // for logs
    struct mosquitto *mosquitto;
    struct event *read, *write;
    bool is_connected;
    bool is_broken; // to be taken down in the next tick
    uint64_t retry_us, misc_us, back_off_us;
    struct link_client_event *first, *last; // what came
    struct link_client_event *given;        // lent to the caller
};

// path: of the socket, borrowed; name: static text.
void link_client_init(struct link_client *client, struct loop *loop, const char *path,
                      const char *name);
void link_client_close(struct link_client *client);

struct link_client_out {
    enum link_client_kind kind;
    struct bytes topic, payload; // LINK_CLIENT_MESSAGE
};
// What came; valid until the next call.
bool link_client_next(struct link_client *client, struct link_client_out *out);

// Room to publish: else wait, a turn follows when there is.
bool link_client_is_ready(const struct link_client *client);
// The socket takes nothing now: what would be answered had better not be taken.
bool link_client_is_blocked(const struct link_client *client);
// Ends the connection, which is told, and makes another.
void link_client_begin_anew(struct link_client *client);
// A failure ends the connection, which is told.
void link_client_publish(struct link_client *client, const char *topic, struct bytes payload,
                         int qos);

uint64_t link_client_tick(struct link_client *client, uint64_t now_us); // gives its next deadline

#endif
