// SPDX-License-Identifier: Apache-2.0
// Boundary: what a provisioning service answers. The input is a list of answers, each a byte of
// what happens, a size and a body; between them time passes. The machine never hangs, never asks in
// a hurry, and names only hubs that can be one.
#include "apps/gateway/north/assignment.h"
#include "apps/gateway/north/dps.h"
#include "base/assert.h"

#include <stdio.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { TURNS_MAX = 64 };

static struct dps dps;
static unsigned publishes, connects;

// It can be written down, and read again.
static void keep(const struct dps_out *out)
{
    struct assignment kept = {.id_scope = "0ne", .registration_id = "box"};
    struct assignment again;
    char text[ASSIGNMENT_SIZE_MAX];
    memcpy(kept.host, out->host, strlen(out->host) + 1);
    memcpy(kept.device, out->device, strlen(out->device) + 1);
    size_t size = assignment_write(&kept, text);
    enum err err = assignment_parse(bytes_of(text, size), &again);
    ASSERT(err == OK && strcmp(again.host, out->host) == 0);
    ASSERT(strcmp(again.device, out->device) == 0);
}

static void drain(uint64_t now_us)
{
    struct dps_out out;
    unsigned count = 0;
    while (dps_next(&dps, now_us, &out)) {
        ASSERT(++count < 16);
        switch (out.kind) {
        case DPS_OUT_CONNECT: connects++; break;
        case DPS_OUT_SUBSCRIBE:
        case DPS_OUT_DISCONNECT: break;
        case DPS_OUT_PUBLISH: {
            char topic[1024];
            struct writer w = writer_of(topic, sizeof(topic));
            az_topic_build(&out.topic, &w);
            struct az_topic parsed;
            enum err err = az_topic_parse(writer_bytes(&w), &parsed);
            ASSERT(!w.failed && err == OK); // whatever the service called its operation
            publishes++;
            break;
        }
        case DPS_OUT_ASSIGNED: keep(&out); break;
        case DPS_OUT_FAILED: ASSERT(out.reason != NULL); break;
        }
    }
}

static void answer(struct reader *in, uint64_t now_us, uint8_t what)
{
    static const int statuses[] = {200, 202, 200, 202, 401, 404, 429, 500};
    size_t want = get_u16le(in);
    struct bytes body = get_bytes(in, want < reader_left(in) ? want : reader_left(in));
    char topic[128];
    int size = what & 0x10 ? snprintf(topic, sizeof(topic),
                                      "$dps/registrations/res/%d/?$rid=%u&retry-after=%u",
                                      statuses[what & 7], dps.rid, what * 977U)
                           : snprintf(topic, sizeof(topic), "$dps/registrations/res/%d/?$rid=%u",
                                      statuses[what & 7], dps.rid);
    dps_message(&dps, now_us, bytes_of(topic, (size_t)size), body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader in = reader_of(bytes_of(data, size));
    const struct dps_config cfg = {.id_scope = "0ne", .registration_id = "box", .seed = 3};
    enum err err = dps_init(&dps, &cfg);
    ASSERT(err == OK);
    uint64_t now_us = 0;
    publishes = connects = 0;
    dps_start(&dps, now_us);
    for (unsigned turn = 0; turn < TURNS_MAX; turn++) {
        drain(now_us);
        dps_connected(&dps, now_us);
        drain(now_us);
        dps_subscribed(&dps, now_us, 0);
        drain(now_us);
        if (reader_left(&in) >= 3) {
            uint8_t what = get_u8(&in);
            if ((what & 0xe0) == 0xe0) {
                dps_lost(&dps, now_us, (what & 1) != 0, "ended");
            } else {
                answer(&in, now_us, what);
            }
        }
        drain(now_us);
        dps_start(&dps, now_us); // the hub refused, say
        uint64_t deadline_us = dps_deadline_us(&dps);
        ASSERT(deadline_us != TIME_NEVER);
        now_us = deadline_us > now_us ? deadline_us : now_us;
        dps_tick(&dps, now_us);
    }
    // At most one question a second, but for registrations that succeed at once.
    ASSERT(publishes <= TURNS_MAX + connects + 1);
    return 0;
}
