// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/backend/link_client.h"

#include "base/assert.h"
#include "base/time.h"
#include "port/linux/log.h"

#include <event2/event.h>
#include <mosquitto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MODULE "link"

enum {
    KEEP_ALIVE_S = 60,
    MISC_US = 5 * US_PER_S,
    BACK_OFF_MIN_US = 100 * US_PER_MS,
    BACK_OFF_MAX_US = 2 * US_PER_S,
    IN_FLIGHT_MAX = 1000,
    PACKETS_PER_TURN_MAX = 64,
};

struct link_client_event {
    struct link_client_event *next;
    enum link_client_kind kind;
    size_t topic_size, payload_size;
    uint8_t bytes[]; // topic, payload
};

void link_client_init(struct link_client *client, struct loop *loop, const char *path,
                      const char *name)
{
    *client = (struct link_client){
        .loop = loop, .path = path, .name = name, .back_off_us = BACK_OFF_MIN_US};
    mosquitto_lib_init();
}

static bool add_event(struct link_client *c, enum link_client_kind kind, struct bytes topic,
                      struct bytes payload)
{
    struct link_client_event *event = malloc(sizeof(*event) + topic.size + payload.size);
    if (event == NULL) {
        c->is_broken = true; // begin anew rather than lose one silently
        return false;
    }
    *event = (struct link_client_event){
        .kind = kind, .topic_size = topic.size, .payload_size = payload.size};
    if (topic.size > 0) {
        memcpy(event->bytes, topic.data, topic.size);
    }
    if (payload.size > 0) {
        memcpy(event->bytes + topic.size, payload.data, payload.size);
    }
    if (c->last != NULL) {
        c->last->next = event;
    } else {
        c->first = event;
    }
    c->last = event;
    return true;
}

static void add_plain(struct link_client *c, enum link_client_kind kind)
{
    (void)add_event(c, kind, bytes_of(NULL, 0), bytes_of(NULL, 0));
}

static void on_connect(struct mosquitto *mosquitto, void *ctx, int code)
{
    struct link_client *c = ctx;
    (void)mosquitto;
    if (code != 0) {
        log_warn(MODULE, "refused", "broker=%s code=%d (is the plugin loaded there?)", c->name,
                 code);
        c->is_broken = true;
        return;
    }
    c->is_connected = true;
    c->back_off_us = BACK_OFF_MIN_US;
    log_info(MODULE, "connected", "broker=%s", c->name);
    add_plain(c, LINK_CLIENT_CONNECTED);
}

static void on_disconnect(struct mosquitto *mosquitto, void *ctx, int code)
{
    struct link_client *c = ctx;
    (void)mosquitto;
    (void)code;
    c->is_broken = true;
}

static void on_message(struct mosquitto *mosquitto, void *ctx, const struct mosquitto_message *in)
{
    struct link_client *c = ctx;
    (void)mosquitto;
    (void)add_event(c, LINK_CLIENT_MESSAGE, bytes_of(in->topic, strlen(in->topic)),
                    bytes_of(in->payload, (size_t)in->payloadlen));
}

static void arm_write(struct link_client *c)
{
    if (c->write != NULL && mosquitto_want_write(c->mosquitto)) {
        event_add(c->write, NULL);
    }
}

static void on_readable(evutil_socket_t fd, short what, void *ctx)
{
    struct link_client *c = ctx;
    (void)what;
    // One packet a call: all that is there, so that requests which wait together are seen together.
    char next = 0;
    for (int i = 0; i < PACKETS_PER_TURN_MAX && !c->is_broken; i++) {
        if (mosquitto_loop_read(c->mosquitto, 1) != MOSQ_ERR_SUCCESS) {
            c->is_broken = true;
        } else if (recv(fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) {
            break; // nothing yet, or the end, which the next call finds
        }
    }
    if (c->is_broken) {
        event_del(c->read); // else it would be readable until the tick
    }
    arm_write(c);
    loop_wake(c->loop);
}

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
    struct link_client *c = ctx;
    (void)fd;
    (void)what;
    if (mosquitto_loop_write(c->mosquitto, 1) != MOSQ_ERR_SUCCESS) {
        c->is_broken = true;
    }
    arm_write(c);
    loop_wake(c->loop);
}

static void take_down(struct link_client *c)
{
    if (c->read != NULL) {
        event_free(c->read);
    }
    if (c->write != NULL) {
        event_free(c->write);
    }
    if (c->mosquitto != NULL) {
        mosquitto_destroy(c->mosquitto);
    }
    if (c->is_connected) {
        log_warn(MODULE, "lost", "broker=%s", c->name);
        add_plain(c, LINK_CLIENT_LOST);
    }
    c->read = NULL;
    c->write = NULL;
    c->mosquitto = NULL;
    c->is_connected = false;
    c->is_broken = false;
}

static bool try_connect(struct link_client *c)
{
    c->mosquitto = mosquitto_new("/backend", true, c);
    if (c->mosquitto == NULL) {
        return false;
    }
    mosquitto_connect_callback_set(c->mosquitto, on_connect);
    mosquitto_disconnect_callback_set(c->mosquitto, on_disconnect);
    mosquitto_message_callback_set(c->mosquitto, on_message);
    mosquitto_int_option(c->mosquitto, MOSQ_OPT_SEND_MAXIMUM, IN_FLIGHT_MAX);
    // A local socket: it connects at once or not at all.
    int code = mosquitto_connect(c->mosquitto, c->path, 0, KEEP_ALIVE_S);
    if (code != MOSQ_ERR_SUCCESS) {
        log_debug(MODULE, "connect", "broker=%s path=%s err=%s", c->name, log_quote(c->path).text,
                  mosquitto_strerror(code));
        return false;
    }
    int fd = mosquitto_socket(c->mosquitto);
    c->read = event_new(c->loop->base, fd, EV_READ | EV_PERSIST, on_readable, c);
    c->write = event_new(c->loop->base, fd, EV_WRITE, on_writable, c);
    if (c->read == NULL || c->write == NULL || event_add(c->read, NULL) != 0) {
        return false;
    }
    arm_write(c);
    return true;
}

uint64_t link_client_tick(struct link_client *c, uint64_t now_us)
{
    if (c->mosquitto != NULL && now_us >= c->misc_us) {
        c->misc_us = now_us + MISC_US;
        if (mosquitto_loop_misc(c->mosquitto) != MOSQ_ERR_SUCCESS) {
            c->is_broken = true;
        }
        arm_write(c);
    }
    if (c->is_broken) {
        take_down(c);
        c->retry_us = now_us + c->back_off_us;
        loop_wake(c->loop); // the loss is to be told
    }
    if (c->mosquitto == NULL && now_us >= c->retry_us) {
        c->misc_us = now_us + MISC_US;
        if (!try_connect(c)) {
            take_down(c);
            c->retry_us = now_us + c->back_off_us;
            c->back_off_us = time_min(2 * c->back_off_us, BACK_OFF_MAX_US);
        }
    }
    return c->mosquitto != NULL ? c->misc_us : c->retry_us;
}

bool link_client_next(struct link_client *c, struct link_client_out *out)
{
    free(c->given);
    c->given = c->first;
    if (c->given == NULL) {
        return false;
    }
    c->first = c->given->next;
    c->last = c->first != NULL ? c->last : NULL;
    const struct link_client_event *event = c->given;
    *out = (struct link_client_out){
        .kind = event->kind,
        .topic = bytes_of(event->bytes, event->topic_size),
        .payload = bytes_of(event->bytes + event->topic_size, event->payload_size),
    };
    return true;
}

bool link_client_is_ready(const struct link_client *c)
{
    return c->is_connected && !c->is_broken && !mosquitto_want_write(c->mosquitto);
}

void link_client_begin_anew(struct link_client *c)
{
    c->is_broken = true;
    loop_wake(c->loop);
}

bool link_client_is_blocked(const struct link_client *c)
{
    return c->is_connected && !c->is_broken && mosquitto_want_write(c->mosquitto);
}

void link_client_publish(struct link_client *c, const char *topic, struct bytes payload, int qos)
{
    if (!c->is_connected || c->is_broken) {
        return;
    }
    int code =
        mosquitto_publish(c->mosquitto, NULL, topic, (int)payload.size, payload.data, qos, false);
    if (code != MOSQ_ERR_SUCCESS) {
        log_warn(MODULE, "publish", "broker=%s err=%s", c->name, mosquitto_strerror(code));
        c->is_broken = true;
        loop_wake(c->loop);
        return;
    }
    arm_write(c);
}

void link_client_close(struct link_client *c)
{
    struct link_client_out out;
    if (c->is_connected) {
        mosquitto_disconnect(c->mosquitto);
    }
    take_down(c);
    while (link_client_next(c, &out)) {
    }
    mosquitto_lib_cleanup();
}
