// SPDX-License-Identifier: Apache-2.0
// The gateway's northern half alone, for system tests: gives numbered samples at a steady pace to
// apps/gateway/north/north_linux.h and tells each second's worth of samples, and how much memory is
// taken then.
#include "apps/gateway/north/north_linux.h"
#include "base/assert.h"
#include "port/api/clock.h"
#include "port/linux/log.h"
#include "port/linux/options.h"

#include <stddef.h>
#include <stdio.h>

#include <dlfcn.h>
#include <malloc.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// What is allocated now; a sanitizer's allocator is asked itself.
static size_t heap_bytes(void)
{
    size_t (*of_sanitizer)(void) = NULL;
    void *symbol = dlsym(RTLD_DEFAULT, "__sanitizer_get_current_allocated_bytes");
    memcpy(&of_sanitizer, &symbol, sizeof(of_sanitizer)); // POSIX: it fits an object pointer
    const struct mallinfo2 info = mallinfo2();
    return of_sanitizer != NULL ? of_sanitizer() : info.uordblks + info.hblkhd;
}

enum { POINTS = 4, ECHOES_MAX = 256, HOLD_LOOK_MS = 20, RID_SIZE_MAX = 32 };

// Answers method calls with their own payload, all of them, in order.
struct echo {
    struct {
        char rid[RID_SIZE_MAX];
        uint8_t *body;
        size_t size;
    } calls[ECHOES_MAX];
    size_t first, count;
    uint64_t heard;
    const char *hold; // while this file exists, the loop hangs in its next message
    uint8_t *sent;    // the body that was handed out last
};

struct settings {
    const char *hold, *data, *host, *address, *key, *ca, *trace, *device, *proxy, *proxy_login;
    const char *certificate, *private_key, *id_scope, *registration, *group_key, *payload;
    uint64_t port, dps_port, first, per_s, max_age_ms, sync_ms, bytes_max, backfill, retry_s,
        keep_alive_s, will;
};

static const struct option options[] = {
    {"data", OPTION_TEXT, offsetof(struct settings, data), 1, 0, NULL, "folder of the journal"},
    {"host", OPTION_TEXT, offsetof(struct settings, host), 0, 0, NULL, "the hub's name"},
    {"address", OPTION_TEXT, offsetof(struct settings, address), 0, 0, NULL, "where to connect"},
    {"port", OPTION_UINT, offsetof(struct settings, port), 0, 65535, "8883", "of the hub"},
    {"device", OPTION_TEXT, offsetof(struct settings, device), 0, 0, "", "device id"},
    {"key", OPTION_TEXT, offsetof(struct settings, key), 0, 0, NULL, "key file"},
    {"ca", OPTION_TEXT, offsetof(struct settings, ca), 0, 0, NULL, "CA file"},
    {"certificate", OPTION_TEXT, offsetof(struct settings, certificate), 0, 0, NULL, "PEM file"},
    {"private-key", OPTION_TEXT, offsetof(struct settings, private_key), 0, 0, NULL, "PEM file"},
    {"id-scope", OPTION_TEXT, offsetof(struct settings, id_scope), 0, 0, NULL, "asks a service"},
    {"registration", OPTION_TEXT, offsetof(struct settings, registration), 0, 0, NULL, "id"},
    {"group-key", OPTION_TEXT, offsetof(struct settings, group_key), 0, 0, NULL, "key file"},
    {"payload", OPTION_TEXT, offsetof(struct settings, payload), 0, 0, NULL, "JSON"},
    {"dps-port", OPTION_UINT, offsetof(struct settings, dps_port), 0, 65535, "8883",
     "of the service"},
    {"hold", OPTION_TEXT, offsetof(struct settings, hold), 0, 0, NULL,
     "while that file exists the loop hangs in the next message"},
    {"trace", OPTION_TEXT, offsetof(struct settings, trace), 0, 0, NULL, "sync trace"},
    {"first", OPTION_UINT, offsetof(struct settings, first), 0, 1e9, "0",
     "number of the first sample"},
    {"per-s", OPTION_UINT, offsetof(struct settings, per_s), 1, 10000, "200", "samples per second"},
    {"max-age-ms", OPTION_UINT, offsetof(struct settings, max_age_ms), 0, 1e9, "300",
     "of a message"},
    {"sync-ms", OPTION_UINT, offsetof(struct settings, sync_ms), 1, 1e9, "200", "of a sample"},
    {"bytes-max", OPTION_UINT, offsetof(struct settings, bytes_max), 0, 1e12, "0", "journal quota"},
    {"backfill", OPTION_UINT, offsetof(struct settings, backfill), 1, 60000, "6000",
     "messages of the backlog per minute"},
    {"proxy", OPTION_TEXT, offsetof(struct settings, proxy), 0, 0, "", "http:// or socks5://"},
    {"proxy-login", OPTION_TEXT, offsetof(struct settings, proxy_login), 0, 0, "", "file"},
    {"will", OPTION_UINT, offsetof(struct settings, will), 0, 1, "0", "1: there is one"},
    {"keep-alive-s", OPTION_UINT, offsetof(struct settings, keep_alive_s), 5, 1177, "60",
     "silence after which the hub is asked whether it is there"},
    {"retry-s", OPTION_UINT, offsetof(struct settings, retry_s), 1, 3600, "3",
     "longest pause between attempts"},
};

struct driver {
    struct settings settings;
    struct loop loop;
    struct north *north;
    struct echo echo;
    uint64_t number, told;
    uint64_t next_us;
};

static uint64_t turn(void *ctx, uint64_t now_us)
{
    struct driver *driver = ctx;
    uint64_t step_us = US_PER_S / driver->settings.per_s;
    if (driver->next_us == 0) {
        driver->next_us = now_us;
    }
    while (driver->next_us <= now_us) {
        struct tm_sample sample = {.at_us = driver->next_us,
                                   .point = 1 + (uint32_t)(driver->number % POINTS),
                                   .value = tm_int((int64_t)driver->number, 0)};
        north_add(driver->north, now_us, &sample);
        driver->number++;
        driver->next_us += step_us;
    }
    if (driver->number >= driver->told + driver->settings.per_s) {
        driver->told = driver->number;
        log_info("driver", "on", "number=%llu heap=%zu", (unsigned long long)driver->number,
                 heap_bytes());
    }
    return time_min(driver->next_us, north_turn(driver->north, now_us));
}

static void on_edge(void *ctx, uint64_t now_us)
{
    (void)ctx;
    (void)now_us;
}

static void on_message(void *ctx, uint64_t now_us, const struct az_topic *topic, struct bytes body)
{
    (void)now_us;
    struct echo *echo = ctx;
    while (echo->hold != NULL && access(echo->hold, F_OK) == 0) {
        (void)poll(NULL, 0, HOLD_LOOK_MS);
    }
    echo->heard++;
    if (topic->kind != AZ_METHOD_CALL) {
        log_info("driver", "message", "kind=%d bag=%.*s size=%zu", (int)topic->kind,
                 (int)topic->bag.size, (const char *)topic->bag.data, body.size);
        return;
    }
    ASSERT(echo->count < ECHOES_MAX && topic->rid.size < RID_SIZE_MAX);
    size_t at = (echo->first + echo->count++) % ECHOES_MAX;
    memcpy(echo->calls[at].rid, topic->rid.data, topic->rid.size);
    echo->calls[at].rid[topic->rid.size] = 0;
    echo->calls[at].body = malloc(body.size + 1);
    ASSERT(echo->calls[at].body != NULL);
    if (body.size > 0) {
        memcpy(echo->calls[at].body, body.data, body.size);
    }
    echo->calls[at].size = body.size;
}

static uint64_t no_deadline_us(const void *ctx)
{
    (void)ctx;
    return TIME_NEVER;
}

static bool next_answer(void *ctx, uint64_t now_us, struct inbox_out *out)
{
    (void)now_us;
    struct echo *echo = ctx;
    free(echo->sent);
    echo->sent = NULL;
    if (echo->count == 0) {
        return false;
    }
    const char *rid = echo->calls[echo->first].rid;
    echo->sent = echo->calls[echo->first].body;
    *out = (struct inbox_out){
        .qos = 0,
        .topic = {.kind = AZ_METHOD_ANSWER, .status = 200, .rid = bytes_of(rid, strlen(rid))},
        .body = bytes_of(echo->sent, echo->calls[echo->first].size)};
    echo->first = (echo->first + 1) % ECHOES_MAX;
    echo->count--;
    return true;
}

static const struct inbox_ops echo_ops = {.online = on_edge,
                                          .offline = on_edge,
                                          .message = on_message,
                                          .tick = on_edge,
                                          .deadline_us = no_deadline_us,
                                          .next = next_answer};

int main(int argc, char **argv)
{
    static struct driver driver;
    static const struct option_table table = {.program = "north_driver",
                                              .purpose = "drives the gateway's northern half",
                                              .options = options,
                                              .count = COUNT_OF(options)};
    enum option_result parsed = options_parse(&table, argc, argv, &driver.settings);
    if (parsed != OPTIONS_RUN) {
        return parsed == OPTIONS_HELP ? 0 : 2;
    }
    struct tm_point points[POINTS] = {{.id = 0}};
    for (uint32_t i = 0; i < POINTS; i++) {
        points[i] = (struct tm_point){
            .id = i + 1, .type = TM_TYPE_INT, .name = "counter", .device = "driver"};
    }
    static struct tm_catalogue catalogue;
    const struct settings *s = &driver.settings;
    driver.number = s->first;
    const struct north_config cfg = {.loop = &driver.loop,
                                     .data_dir = s->data,
                                     .backfill_messages_per_min = (uint32_t)s->backfill,
                                     .proxy = s->proxy,
                                     .proxy_login_file = s->proxy_login,
                                     .has_will = s->will == 1,
                                     .retry_max_s = (uint32_t)s->retry_s,
                                     .keep_alive_s = (uint16_t)s->keep_alive_s,
                                     .bytes_max = s->bytes_max,
                                     .segment_size = 64 * 1024,
                                     .sync_ms = (uint32_t)s->sync_ms,
                                     .max_age_ms = (uint32_t)s->max_age_ms,
                                     .trust_clock = true,
                                     .sync_trace = s->trace,
                                     .host = s->host,
                                     .address = s->address,
                                     .port = (uint16_t)s->port,
                                     .device_id = s->device,
                                     .key_file = s->key,
                                     .certificate_file = s->certificate,
                                     .private_key_file = s->private_key,
                                     .ca_file = s->ca,
                                     .expiry_alarm_days = 30,
                                     .dps = {.host = "hub.test",
                                             .address = "localhost",
                                             .port = (uint16_t)s->dps_port,
                                             .id_scope = s->id_scope,
                                             .registration_id = s->registration,
                                             .group_key_file = s->group_key,
                                             .payload = s->payload}};
    if (tm_catalogue_init(&catalogue, NULL, points, POINTS, NULL) != OK ||
        loop_init(&driver.loop, turn, &driver) != OK || north_open(&driver.north, &cfg) != OK) {
        return 1;
    }
    driver.echo.hold = s->hold;
    north_plug(driver.north, INBOX_METHODS, &echo_ops, &driver.echo);
    north_plug(driver.north, INBOX_NUDGE, &echo_ops, &driver.echo);
    north_set_catalogue(driver.north, &catalogue);
    loop_run(&driver.loop);
    struct north_stats stats;
    north_get_stats(driver.north, &stats);
    log_info("driver", "end", "next=%llu heard=%llu queue_dropped=%llu republished=%llu",
             (unsigned long long)driver.number, (unsigned long long)driver.echo.heard,
             (unsigned long long)stats.queue_dropped, (unsigned long long)stats.uplink.republished);
    north_close(driver.north);
    loop_deinit(&driver.loop);
    return 0;
}
