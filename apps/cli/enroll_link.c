// SPDX-License-Identifier: Apache-2.0
// The way to service and hub: the same machines and the same client as the gateway's, asked once.
#include "apps/cli/enroll.h"

#include "apps/gateway/north/dps.h"
#include "apps/gateway/north/uplink.h"
#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/mqtt.h"
#include "port/linux/tls_probe.h"
#include "telemetry/event.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

enum { PROBE_TIMEOUT_MS = 10000, LIFE_MS = 120000, WHAT_SIZE = 128 };

static const char CLOCK_ADVICE[] =
    "Is the key the one of this device or enrolment, and the id spelt the same? The clock of this "
    "box must be right within minutes, too.";
static const char NAME_ADVICE[] =
    "Is the name spelt right, and does this box reach a name server? `getent hosts NAME` tells.";
static const char TCP_ADVICE[] =
    "Nothing answers there: is the port right, and does a firewall let MQTT over TLS (8883) out?";
static const char TLS_ADVICE[] =
    "Who answers there is not who was expected: --ca-file must hold the authority that signed the "
    "server's certificate, which must carry the name; and the clock must be right.";
static const char CERTIFICATE_ADVICE[] =
    "Is the certificate's authority, or its thumbprint, known there, and is its common name this "
    "device's id?";

static bool probe(struct enroll *enroll, const char *host, const char *address, uint64_t port)
{
    char what[WHAT_SIZE];
    struct tls_probe_result found;
    const bool is_elsewhere = address != NULL && address[0] != 0;
    const char *to = is_elsewhere ? address : host;
    tls_probe_run(&(struct tls_probe){.host = host,
                                      .address = address,
                                      .port = (uint16_t)port,
                                      .ca_file = enroll->ca_file,
                                      .timeout_ms = PROBE_TIMEOUT_MS},
                  &found);
    snprintf(what, sizeof(what), "name %.80s", to);
    if (found.step == TLS_PROBE_NAME) {
        return enroll_failed(what, found.detail, NAME_ADVICE);
    }
    (void)enroll_step(what, found.address);
    snprintf(what, sizeof(what), "TCP to port %u", (unsigned)port);
    if (found.step == TLS_PROBE_TCP) {
        return enroll_failed(what, found.detail, TCP_ADVICE);
    }
    (void)enroll_step(what, "");
    snprintf(what, sizeof(what), "TLS as %.80s", host);
    return found.step == TLS_PROBE_TLS ? enroll_failed(what, found.detail, TLS_ADVICE)
                                       : enroll_step(what, found.detail);
}

static uint64_t random_seed(void)
{
    uint64_t seed = 0;
    ssize_t got = getrandom(&seed, sizeof(seed), 0);
    ASSERT(got == (ssize_t)sizeof(seed));
    return seed;
}

static struct mqtt *open_client(struct enroll *enroll)
{
    struct mqtt *mqtt = NULL;
    enum err err = mqtt_open(&mqtt, &(struct mqtt_config){.ca_file = enroll->ca_file});
    if (err != OK) {
        (void)enroll_failed("MQTT client", err_name(err), "Is there memory, and a CA file?");
        return NULL;
    }
    return mqtt;
}

static void wait_event(const struct mqtt *mqtt, uint64_t until_us)
{
    uint64_t now_us = port_now_us();
    struct pollfd wait = {.fd = mqtt_event_fd(mqtt), .events = POLLIN};
    uint64_t wait_ms = until_us > now_us ? (until_us - now_us) / US_PER_MS + 1 : 0;
    (void)poll(&wait, 1, wait_ms < LIFE_MS ? (int)wait_ms : LIFE_MS);
}

static struct wall_time utc_now(void)
{
    struct wall_time utc = {.utc_ms = 1};
    (void)port_wall_time(&utc);
    return utc;
}

static const char *dps_advice(const struct enroll *enroll, enum dps_failure failure)
{
    switch (failure) {
    case DPS_UNREACHABLE: return TCP_ADVICE;
    case DPS_DENIED: return enroll->has_key ? CLOCK_ADVICE : CERTIFICATE_ADVICE;
    case DPS_THROTTLED:
    case DPS_UNWELL: return "The service is not well, or has much to do: try again in a minute.";
    case DPS_DISABLED: return "Somebody has disabled this enrolment: enable it at the service.";
    case DPS_UNASSIGNED:
    case DPS_FAILED: return "Look at the enrolment's allocation: does it lead to a linked hub?";
    }
    return "";
}

struct registration {
    struct enroll *enroll;
    struct mqtt *mqtt;
    struct dps dps;
    bool is_over, is_good;
};

static enum err act_dps(struct registration *reg, const struct dps_out *out)
{
    const struct enroll *enroll = reg->enroll;
    char topic[MQTT_TOPIC_SIZE_MAX];
    struct writer w = writer_of(topic, sizeof(topic));
    switch (out->kind) {
    case DPS_OUT_CONNECT:
        return mqtt_connect(reg->mqtt,
                            &(struct mqtt_login){.host = enroll->options.dps_host,
                                                 .address = enroll->options.dps_address,
                                                 .port = (uint16_t)enroll->options.dps_port,
                                                 .client_id = enroll->registration_id,
                                                 .user = out->user,
                                                 .password = out->password,
                                                 .certificate_file = enroll->certificate,
                                                 .private_key_file = enroll->private_key});
    case DPS_OUT_SUBSCRIBE: return mqtt_subscribe(reg->mqtt, 0, &out->filter, 1);
    case DPS_OUT_PUBLISH:
        az_topic_build(&out->topic, &w);
        put_u8(&w, 0);
        return w.failed
                   ? ERR_SIZE
                   : mqtt_publish(reg->mqtt, &(struct mqtt_publish){
                                                 .qos = 1, .topic = topic, .payload = out->body});
    case DPS_OUT_DISCONNECT: return mqtt_disconnect(reg->mqtt);
    case DPS_OUT_ASSIGNED:
        snprintf(reg->enroll->assignment.host, SAS_NAME_SIZE_MAX, "%s", out->host);
        snprintf(reg->enroll->assignment.device, SAS_NAME_SIZE_MAX, "%s", out->device);
        reg->is_over = reg->is_good = true;
        return OK;
    case DPS_OUT_FAILED:
        reg->is_over = true;
        reg->is_good = enroll_failed("registration", out->reason, dps_advice(enroll, out->failure));
        return OK;
    }
    return OK;
}

static void take_dps_event(struct dps *dps, const struct mqtt_event *event)
{
    uint64_t now_us = port_now_us();
    switch (event->kind) {
    case MQTT_CONNECTED: dps_connected(dps, now_us); break;
    case MQTT_SUBSCRIBED: dps_subscribed(dps, now_us, event->refused_mask); break;
    case MQTT_REFUSED: dps_lost(dps, now_us, true, event->reason); break;
    case MQTT_LOST: dps_lost(dps, now_us, false, event->reason); break;
    case MQTT_MESSAGE:
        dps_message(dps, now_us, bytes_of(event->topic, strlen(event->topic)), event->payload);
        break;
    case MQTT_ACKED: break;
    }
}

static void run_registration(struct registration *reg)
{
    dps_set_clock(&reg->dps, port_now_us(), utc_now());
    dps_start(&reg->dps, port_now_us());
    while (!reg->is_over) {
        struct mqtt_event event;
        struct dps_out out;
        while (mqtt_next(reg->mqtt, &event)) {
            take_dps_event(&reg->dps, &event);
        }
        dps_tick(&reg->dps, port_now_us());
        while (!reg->is_over && dps_next(&reg->dps, port_now_us(), &out)) {
            enum err err = act_dps(reg, &out);
            ASSERT(err == OK); // one client, one command at a time
        }
        if (!reg->is_over) {
            wait_event(reg->mqtt, dps_deadline_us(&reg->dps));
        }
    }
}

bool enroll_register(struct enroll *enroll)
{
    const struct enroll_options *o = &enroll->options;
    if (!probe(enroll, o->dps_host, o->dps_address, o->dps_port)) {
        return false;
    }
    struct registration reg = {.enroll = enroll};
    const struct dps_config cfg = {.id_scope = o->id_scope,
                                   .registration_id = enroll->registration_id,
                                   .key = enroll->has_key ? &enroll->key.key : NULL,
                                   .payload = o->payload,
                                   .life_ms = LIFE_MS,
                                   .seed = random_seed()};
    if (dps_init(&reg.dps, &cfg) != OK) {
        return enroll_failed("registration", "an id is too long, or the payload is no JSON",
                             "Check --id-scope, --registration-id and --payload.");
    }
    reg.mqtt = open_client(enroll);
    if (reg.mqtt == NULL) {
        return false;
    }
    run_registration(&reg);
    mqtt_close(reg.mqtt);
    if (reg.is_good) {
        snprintf(enroll->assignment.id_scope, SAS_NAME_SIZE_MAX, "%s", o->id_scope);
        snprintf(enroll->assignment.registration_id, SAS_NAME_SIZE_MAX, "%s",
                 enroll->registration_id);
        char detail[2 * SAS_NAME_SIZE_MAX + 16];
        snprintf(detail, sizeof(detail), "%s, as %s", enroll->assignment.host,
                 enroll->assignment.device);
        (void)enroll_step("registration", detail);
    }
    return reg.is_good;
}

struct session {
    struct enroll *enroll;
    struct mqtt *mqtt;
    struct uplink uplink;
    bool is_over, is_good;
};

static enum err act_uplink(struct session *s, const struct uplink_out *out)
{
    const struct enroll *enroll = s->enroll;
    switch (out->kind) {
    case UPLINK_OUT_CONNECT:
        return mqtt_connect(s->mqtt, &(struct mqtt_login){.host = enroll->assignment.host,
                                                          .address = enroll->options.address,
                                                          .port = (uint16_t)enroll->options.port,
                                                          .keeps_session = true,
                                                          .client_id = enroll->assignment.device,
                                                          .user = out->user,
                                                          .password = out->password,
                                                          .certificate_file = enroll->certificate,
                                                          .private_key_file = enroll->private_key});
    case UPLINK_OUT_DISCONNECT: return mqtt_disconnect(s->mqtt);
    case UPLINK_OUT_SUBSCRIBE: return mqtt_subscribe(s->mqtt, 0, out->filters, UPLINK_FILTERS);
    case UPLINK_OUT_PUBLISH:
        return mqtt_publish(s->mqtt, &(struct mqtt_publish){.token = out->token,
                                                            .qos = 1,
                                                            .topic = out->topic,
                                                            .payload = out->payload});
    case UPLINK_OUT_ACK: s->is_over = s->is_good = enroll_step("first telemetry", "stored"); break;
    }
    return OK;
}

static void fail_session(struct session *s, const char *reason, bool is_refusal)
{
    static const char *const WHAT[] = {
        [UPLINK_IDLE] = "login",          [UPLINK_CONNECTING] = "login",
        [UPLINK_SUBSCRIBING] = "filters", [UPLINK_ONLINE] = "first telemetry",
        [UPLINK_WAITING] = "login",
    };
    const char *advice = s->enroll->has_key ? CLOCK_ADVICE : CERTIFICATE_ADVICE;
    s->is_over = true;
    (void)enroll_failed(WHAT[s->uplink.state], reason,
                        is_refusal ? advice : "The connection ended: the hub's log may say why.");
}

static void take_event(struct session *s, const struct mqtt_event *event)
{
    uint64_t now_us = port_now_us();
    switch (event->kind) {
    case MQTT_CONNECTED:
        (void)enroll_step("login", s->enroll->assignment.device);
        uplink_connected(&s->uplink, now_us);
        break;
    case MQTT_SUBSCRIBED:
        if (event->refused_mask != 0) {
            fail_session(s, "the hub refuses a filter", false);
            break;
        }
        (void)enroll_step("filters for methods, twin and messages", "");
        uplink_subscribed(&s->uplink, now_us, 0);
        break;
    case MQTT_REFUSED:
    case MQTT_LOST: fail_session(s, event->reason, event->kind == MQTT_REFUSED); break;
    case MQTT_ACKED: uplink_acked(&s->uplink, now_us, event->token); break;
    case MQTT_MESSAGE: break; // of an earlier session
    }
}

static void give_message(struct session *s)
{
    static const char text[] = "enrolled";
    char body[TM_BODY_SIZE_MAX];
    struct tm_body out = {.out = body, .capacity = sizeof(body)};
    const struct tm_event event = {
        .kind = TM_EVENT_NOTE, .at_ms = utc_now().utc_ms, .text = bytes_of(text, sizeof(text) - 1)};
    enum err err = tm_events_write(0, (struct tm_axis){0}, &event, 1, &out);
    ASSERT(err == OK);
    uplink_take(&s->uplink, 0,
                &(struct journal_message){
                    .lane = LANE_ALERTS,
                    .ordinal = 1,
                    .bag = {.kind = TM_MESSAGE_EVENTS, .journal_id = random_seed(), .number = 1},
                    .payload = bytes_of(body, out.size)});
}

static void run_session(struct session *s)
{
    uint64_t until_us = time_after(port_now_us(), LIFE_MS * US_PER_MS);
    while (!s->is_over) {
        struct mqtt_event event;
        struct uplink_out out;
        while (!s->is_over && mqtt_next(s->mqtt, &event)) {
            take_event(s, &event);
        }
        while (!s->is_over && uplink_next(&s->uplink, port_now_us(), &out)) {
            enum err err = act_uplink(s, &out);
            ASSERT(err == OK); // one client, one command at a time
        }
        uint64_t now_us = port_now_us();
        if (!s->is_over && now_us >= time_min(until_us, uplink_deadline_us(&s->uplink))) {
            fail_session(s, "no answer in time", false);
        }
        if (!s->is_over) {
            wait_event(s->mqtt, time_min(until_us, uplink_deadline_us(&s->uplink)));
        }
    }
}

bool enroll_connect(struct enroll *enroll)
{
    static struct session s; // large
    s = (struct session){.enroll = enroll};
    if (!probe(enroll, enroll->assignment.host, enroll->options.address, enroll->options.port)) {
        return false;
    }
    uplink_init(&s.uplink, &(struct uplink_config){.seed = random_seed()}, port_now_us());
    uplink_set_clock(&s.uplink, port_now_us(), utc_now());
    give_message(&s);
    const struct uplink_identity who = {.host = enroll->assignment.host,
                                        .device = enroll->assignment.device,
                                        .key = enroll->has_key ? &enroll->key.key : NULL};
    if (uplink_use(&s.uplink, port_now_us(), &who) != OK) {
        return enroll_failed("login", "the hub's name or our id is too long", "Check both.");
    }
    s.mqtt = open_client(enroll);
    if (s.mqtt == NULL) {
        return false;
    }
    run_session(&s);
    mqtt_close(s.mqtt);
    return s.is_good;
}
