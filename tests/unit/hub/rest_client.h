// SPDX-License-Identifier: Apache-2.0
// The hub's REST on a real database in a folder of its own, and a client, in one thread.
#ifndef TESTS_REST_CLIENT_H
#define TESTS_REST_CLIENT_H

#include "apps/hub/rest/rest.h"

enum { CLIENT_SESSIONS = 16, CLIENT_CALLS = 4, CLIENT_ANSWER_SIZE = 5 << 20 };

struct rest_client {
    char folder[64];
    struct event_base *base;
    struct store store;
    struct session slots[CLIENT_SESSIONS];
    struct sessions sessions;
    struct twins twins;
    struct c2d c2d;
    struct methods methods;
    struct hub_quota quota; // without limits unless a test sets some
    struct methods_call calls[CLIENT_CALLS];
    struct rest rest;
    unsigned stirred;
    int fd;
    // The last answer:
    int status;
    char *head; // terminated, in `answer`
    char *body; // terminated
    size_t body_size;
    char *answer; // CLIENT_ANSWER_SIZE
};

// setup and teardown of cmocka: *state is a rest_client. Policies "owner" (all rights of the hub),
// "keeper" (all of provisioning), "reader" (RegistryRead); host hub.test, dps_host dps.test.
int client_setup(void **state);
int client_teardown(void **state);

// Sends a request with a token of who owns the service that the path belongs to. headers: lines
// with CR LF, or NULL. path without api-version gets one.
void client_send(struct rest_client *c, const char *method, const char *path, const char *headers,
                 const char *body);
// Turns until the answer is there. Returns its status.
int client_wait(struct rest_client *c);
int client_ask(struct rest_client *c, const char *method, const char *path, const char *headers,
               const char *body);
// The same with that Authorization; path and body as they are.
int client_ask_as(struct rest_client *c, const char *authorization, const char *method,
                  const char *path);
void client_turn(struct rest_client *c);
void client_reconnect(struct rest_client *c);
void client_token(const char *policy, const char *resource, int64_t expires_s, char out[512]);
// The value of a header of the last answer into out; "" if absent.
void client_header(const struct rest_client *c, const char *name, char *out, size_t capacity);
// The answer's body holds this text.
bool client_says(const struct rest_client *c, const char *text);

#endif
