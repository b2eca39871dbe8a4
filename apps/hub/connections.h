// SPDX-License-Identifier: Apache-2.0
// Every device that is connected, or has a session that the broker kept, once: a fixed pool with an
// index by id. What the backend has been told of each lies beside what is true, so that a change
// waits as a mark and never as a message.
#ifndef HUB_CONNECTIONS_H
#define HUB_CONNECTIONS_H

#include "apps/hub/login.h"

enum {
    HUB_CONNECTIONS_DEFAULT = 16384,
    HUB_CONNECTIONS_MIN = 16,
    HUB_CONNECTIONS_MAX = 262144,
};

struct hub_connection {
    char id[HUB_ID_SIZE_MAX + 1];
    const void *client; // the broker's name for it; NULL: not connected
    uint64_t number;    // of this connection, never used again; 0: not connected
    struct hub_login login;
    const char *close_why;  // it is to be closed; NULL: no
    bool is_kept;           // the session outlives the connection, with its filters
    unsigned filters;       // HUB_FILTER_*
    unsigned filters_qos1;  // of these, with QoS 1
    uint64_t sent_turn;     // hub.h: the last in which the broker was given something for it
    uint64_t discards_turn; // in which the broker discards what its session still held
    unsigned waiting;       // requests that the backend has not acknowledged
    // What the backend knows.
    uint64_t told_number;    // 0: of no connection
    unsigned told_mask;      // of subscriptions
    const char *end;         // why the connection told of has ended
    bool was_clean;          // a connection since the last one told of began a new session
    bool is_marked;          // stands in the queue of those to tell of
    uint32_t next_marked;    // the queue
    uint32_t next_in_bucket; // the index, or the list of free ones
};

struct hub_connections {
    struct hub_connection *list;
    uint32_t *buckets;
    uint32_t capacity;
    uint32_t bucket_count; // a power of two
    uint32_t count;
    uint32_t free_first;
    uint32_t marked_first;
    uint32_t marked_last;
    uint64_t number_last;
};

// ERR_FULL: no memory for so many.
NODISCARD enum err hub_connections_init(struct hub_connections *table, uint32_t capacity);
void hub_connections_deinit(struct hub_connections *table);

// NULL: neither connected nor with a session.
struct hub_connection *hub_connections_find(struct hub_connections *table, struct bytes id);
// Finds or adds; NULL: the table is full. id: 1 to HUB_ID_SIZE_MAX bytes.
struct hub_connection *hub_connections_enter(struct hub_connections *table, struct bytes id);
// Forgets it if nobody needs it any more: not connected, no session, nothing to tell.
void hub_connections_leave(struct hub_connections *table, struct hub_connection *connection);

// Puts it into the queue of those that the backend must be told of, once.
void hub_connections_mark(struct hub_connections *table, struct hub_connection *connection);
// The first of the queue, which it stays; NULL: empty.
struct hub_connection *hub_connections_marked(struct hub_connections *table);
void hub_connections_unmark_first(struct hub_connections *table);

#endif
