// SPDX-License-Identifier: Apache-2.0
// Many simulated gateways on one hub: the gateway's own uplink machine decides, each on a TLS
// connection of its own, all on one loop. Talks by lines: on standard input `publish SECONDS` or
// `count`, on standard output a JSON object for each thing that came true.
#include "apps/gateway/journal/journal_types.h"
#include "apps/gateway/north/sas.h"
#include "apps/gateway/north/uplink.h"
#include "base/assert.h"
#include "bench/hub_crowd_tls.h"
#include "port/api/clock.h"
#include "port/linux/tls_client.h"

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    TICK_US = 20000,
    CROWD_MAX = 16000,
    PAYLOAD_SIZE = 3900,
    PACKET_SIZE_MAX = 8192,
    KEEP_ALIVE_S = 1177,
    HANDSHAKES_MAX = 64, // a listener's backlog is no more patient; the others' attempts wait
};

enum packet { CONNACK = 0x20, PUBACK = 0x40, SUBACK = 0x90 };

struct member {
    struct crowd *crowd;
    struct uplink uplink;
    struct bufferevent *io; // NULL: not connected
    bool is_handshaking;
    bool must_begin; // an attempt that waits for its turn
    uint16_t packet_id;
    uint64_t ordinal;
    char device[24];
    char user[UPLINK_USER_SIZE_MAX];
    char password[SAS_TOKEN_SIZE_MAX];
};

struct crowd {
    struct event_base *base;
    void *tls; // of tls_client.h
    struct sockaddr_in to;
    struct sas_key key;
    size_t count, handshakes, online, online_told;
    uint64_t acknowledged, attempts;
    uint64_t publish_until_us; // 0: nobody publishes
    uint64_t publish_from_us, acknowledged_before;
    uint8_t payload[PAYLOAD_SIZE];
    struct member *members;
};

static void put_mqtt_text(struct evbuffer *out, const char *text)
{
    size_t size = strlen(text);
    const uint8_t head[2] = {(uint8_t)(size >> 8), (uint8_t)size};
    evbuffer_add(out, head, sizeof(head));
    evbuffer_add(out, text, size);
}

static void put_packet(struct member *m, uint8_t type, struct evbuffer *body)
{
    uint8_t head[5] = {type};
    size_t at = 1;
    size_t size = evbuffer_get_length(body);
    do {
        head[at] = (uint8_t)(size % 128);
        size /= 128;
        head[at] |= size > 0 ? 0x80 : 0;
        at++;
    } while (size > 0);
    struct evbuffer *out = bufferevent_get_output(m->io);
    evbuffer_add(out, head, at);
    evbuffer_add_buffer(out, body);
    evbuffer_free(body);
}

static void put_u16(struct evbuffer *out, unsigned value)
{
    const uint8_t bytes[2] = {(uint8_t)(value >> 8), (uint8_t)value};
    evbuffer_add(out, bytes, sizeof(bytes));
}

static void say_connect(struct member *m)
{
    struct evbuffer *body = evbuffer_new();
    put_mqtt_text(body, "MQTT");
    evbuffer_add(body, "\x04\xc2", 2); // 3.1.1; user name, password, clean session
    put_u16(body, KEEP_ALIVE_S);
    put_mqtt_text(body, m->device);
    put_mqtt_text(body, m->user);
    put_mqtt_text(body, m->password);
    put_packet(m, 0x10, body);
}

static void say_subscribe(struct member *m, const struct uplink_out *out)
{
    struct evbuffer *body = evbuffer_new();
    put_u16(body, ++m->packet_id);
    for (size_t i = 0; i < UPLINK_FILTERS; i++) {
        put_mqtt_text(body, out->filters[i]);
        evbuffer_add(body, "\x01", 1);
    }
    put_packet(m, 0x82, body);
}

static void say_publish(struct member *m, const struct uplink_out *out)
{
    struct evbuffer *body = evbuffer_new();
    put_mqtt_text(body, out->topic);
    put_u16(body, out->token + 1); // names the slot: a packet id must not be 0
    evbuffer_add(body, out->payload.data, out->payload.size);
    put_packet(m, 0x32, body);
}

static void hang_up(struct member *m)
{
    if (m->io != NULL) {
        m->crowd->handshakes -= m->is_handshaking;
        m->is_handshaking = false;
        bufferevent_free(m->io);
        m->io = NULL;
    }
    m->must_begin = false;
}

static void drain(struct member *m);

static void take_packet(struct member *m, uint8_t type, const uint8_t *body, size_t size)
{
    uint64_t now_us = port_now_us();
    if (type == CONNACK && size == 2) {
        if (body[1] == 0) {
            uplink_connected(&m->uplink, now_us);
        } else {
            hang_up(m);
            uplink_lost(&m->uplink, now_us, true);
        }
    } else if (type == SUBACK) {
        uint32_t refused = 0;
        for (size_t i = 2; i < size; i++) {
            refused |= body[i] > 2 ? UINT32_C(1) << (i - 2) : 0;
        }
        uplink_subscribed(&m->uplink, now_us, refused);
    } else if (type == PUBACK && size == 2) {
        m->crowd->acknowledged++;
        uplink_acked(&m->uplink, now_us, (uint32_t)(body[0] << 8 | body[1]) - 1);
    }
}

static void on_read(struct bufferevent *io, void *ctx)
{
    struct member *m = ctx;
    struct evbuffer *in = bufferevent_get_input(io);
    while (m->io == io) {
        uint8_t head[5] = {0};
        size_t have = (size_t)evbuffer_copyout(in, head, sizeof(head));
        size_t size = 0;
        size_t at = 1;
        while (at < have && at < 5) {
            size |= (size_t)(head[at] & 0x7f) << (7 * (at - 1));
            at++;
            if ((head[at - 1] & 0x80) == 0) {
                break;
            }
        }
        if (have < 2 || evbuffer_get_length(in) < at + size) {
            break;
        }
        uint8_t packet[PACKET_SIZE_MAX];
        ASSERT(at + size <= sizeof(packet));
        evbuffer_remove(in, packet, at + size);
        take_packet(m, packet[0] & 0xf0, packet + at, size);
    }
    drain(m);
}

static void on_event(struct bufferevent *io, short what, void *ctx)
{
    (void)io;
    struct member *m = ctx;
    if (what & BEV_EVENT_CONNECTED) {
        m->crowd->handshakes--;
        m->is_handshaking = false;
        say_connect(m);
        return;
    }
    hang_up(m);
    uplink_lost(&m->uplink, port_now_us(), false);
    drain(m);
}

static void begin(struct member *m)
{
    struct crowd *crowd = m->crowd;
    m->must_begin = false;
    m->is_handshaking = true;
    crowd->handshakes++;
    crowd->attempts++;
    m->io = bufferevent_openssl_socket_new(crowd->base, -1, crowd_tls_session(crowd->tls),
                                           BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    ASSERT(m->io != NULL);
    bufferevent_setcb(m->io, on_read, NULL, on_event, m);
    bufferevent_enable(m->io, EV_READ | EV_WRITE);
    if (bufferevent_socket_connect(m->io, (struct sockaddr *)&crowd->to, sizeof(crowd->to)) != 0) {
        hang_up(m);
        uplink_lost(&m->uplink, port_now_us(), false);
    }
}

static void act(struct member *m, const struct uplink_out *out)
{
    switch (out->kind) {
    case UPLINK_OUT_CONNECT:
        hang_up(m);
        snprintf(m->user, sizeof(m->user), "%s", out->user);
        snprintf(m->password, sizeof(m->password), "%s", out->password);
        m->must_begin = true;
        break;
    case UPLINK_OUT_DISCONNECT: hang_up(m); break;
    case UPLINK_OUT_SUBSCRIBE: say_subscribe(m, out); break;
    case UPLINK_OUT_PUBLISH: say_publish(m, out); break;
    case UPLINK_OUT_ACK: break;
    }
}

static void feed(struct member *m, uint64_t now_us)
{
    while (now_us < m->crowd->publish_until_us && m->uplink.state == UPLINK_ONLINE &&
           uplink_room(&m->uplink, LANE_TELEMETRY) > 0) {
        struct journal_message message = {.lane = LANE_TELEMETRY,
                                          .ordinal = ++m->ordinal,
                                          .payload = bytes_of(m->crowd->payload, PAYLOAD_SIZE)};
        uplink_take(&m->uplink, now_us, &message);
    }
}

static void drain(struct member *m)
{
    struct uplink_out out;
    uint64_t now_us = port_now_us();
    feed(m, now_us);
    while (uplink_next(&m->uplink, now_us, &out)) {
        act(m, &out);
    }
}

static void tell(const struct crowd *crowd, const char *what)
{
    printf("{\"event\": \"%s\", \"now_us\": %" PRIu64 ", \"online\": %zu, \"attempts\": %" PRIu64
           ", \"acknowledged\": %" PRIu64 "}\n",
           what, port_now_us(), crowd->online, crowd->attempts, crowd->acknowledged);
    fflush(stdout);
}

static void tell_changes(struct crowd *crowd, uint64_t now_us)
{
    crowd->online = 0;
    for (size_t i = 0; i < crowd->count; i++) {
        crowd->online += crowd->members[i].uplink.state == UPLINK_ONLINE;
    }
    if (crowd->online != crowd->online_told) {
        if (crowd->online == crowd->count) {
            tell(crowd, "all");
        } else if (crowd->online_told == crowd->count) {
            tell(crowd, "fewer");
        }
        crowd->online_told = crowd->online;
    }
    if (crowd->publish_until_us != 0 && now_us >= crowd->publish_until_us) {
        printf("{\"event\": \"published\", \"messages\": %" PRIu64 ", \"us\": %" PRIu64 "}\n",
               crowd->acknowledged - crowd->acknowledged_before, now_us - crowd->publish_from_us);
        fflush(stdout);
        crowd->publish_until_us = 0;
    }
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct crowd *crowd = ctx;
    uint64_t now_us = port_now_us();
    for (size_t i = 0; i < crowd->count; i++) {
        struct member *m = &crowd->members[i];
        if (now_us >= uplink_deadline_us(&m->uplink)) {
            uplink_tick(&m->uplink, now_us);
        }
        drain(m);
        if (m->must_begin && crowd->handshakes < HANDSHAKES_MAX) {
            begin(m);
        }
    }
    tell_changes(crowd, now_us);
}

static void on_line(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd;
    (void)what;
    struct crowd *crowd = ctx;
    char line[64];
    unsigned long seconds = 0;
    if (fgets(line, sizeof(line), stdin) == NULL) {
        event_base_loopbreak(crowd->base);
    } else if (strncmp(line, "publish ", 8) == 0) {
        seconds = strtoul(line + 8, NULL, 10);
        crowd->publish_from_us = port_now_us();
        crowd->publish_until_us = crowd->publish_from_us + seconds * UINT64_C(1000000);
        crowd->acknowledged_before = crowd->acknowledged;
    } else {
        tell(crowd, "count");
    }
}

static void start_members(struct crowd *crowd, const char *host)
{
    struct wall_time utc;
    uint64_t now_us = port_now_us();
    ASSERT(port_wall_time(&utc));
    for (size_t i = 0; i < crowd->count; i++) {
        struct member *m = &crowd->members[i];
        m->crowd = crowd;
        snprintf(m->device, sizeof(m->device), "gw-%zu", i + 1);
        const struct uplink_config config = {.seed = i + 1};
        const struct uplink_identity me = {.host = host, .device = m->device, .key = &crowd->key};
        uplink_init(&m->uplink, &config, now_us);
        ASSERT(uplink_use(&m->uplink, now_us, &me) == OK);
        uplink_set_clock(&m->uplink, now_us, utc);
    }
}

int main(int argc, char **argv)
{
    static struct crowd crowd;
    if (argc != 6) {
        fprintf(stderr,
                "usage: %s COUNT PORT HOST CA KEY_BASE64 (gateways gw-1 ... share the key of the "
                "bench)\n",
                argv[0]);
        return 2;
    }
    crowd.count = strtoul(argv[1], NULL, 10);
    ASSERT(crowd.count > 0 && crowd.count <= CROWD_MAX);
    crowd.to = (struct sockaddr_in){.sin_family = AF_INET,
                                    .sin_port = htons((uint16_t)strtoul(argv[2], NULL, 10)),
                                    .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    struct sas_identity identity;
    const char *problem = NULL;
    ASSERT(sas_identity_parse(bytes_of(argv[5], strlen(argv[5])), &identity, &problem) == OK);
    crowd.key = identity.key;
    crowd.tls = tls_client_context(argv[4], "localhost");
    ASSERT(crowd.tls != NULL);
    memset(crowd.payload, 'x', sizeof(crowd.payload));
    crowd.members = calloc(crowd.count, sizeof(*crowd.members));
    crowd.base = event_base_new();
    ASSERT(crowd.members != NULL && crowd.base != NULL);
    start_members(&crowd, argv[3]);
    const struct timeval every = {.tv_usec = TICK_US};
    struct event *tick = event_new(crowd.base, -1, EV_PERSIST, on_tick, &crowd);
    struct event *line = event_new(crowd.base, 0, EV_READ | EV_PERSIST, on_line, &crowd);
    ASSERT(tick != NULL && line != NULL && event_add(tick, &every) == 0 &&
           event_add(line, NULL) == 0);
    event_base_dispatch(crowd.base);
    return 0;
}
