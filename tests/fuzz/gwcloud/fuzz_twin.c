// SPDX-License-Identifier: Apache-2.0
// Messages about the twin from outside, in any order, and the desired documents that come of them
// to the machine of the configuration. A document that is handed out is JSON and names itself; what
// is reported is JSON. The input: records of one byte (kind), two bytes of size, and the body.
#include "apps/gateway/twin/remote_config.h"
#include "apps/gateway/twin/remote_text.h"
#include "apps/gateway/twin/twin.h"
#include "json/reader.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct twin twin;
static struct remote_config rc;

static void expect(bool is_true)
{
    if (!is_true) {
        abort();
    }
}

static bool is_json(struct bytes text)
{
    struct json_reader r;
    json_reader_init(&r, text, NULL);
    return json_skip(&r) && json_end(&r);
}

static void drain_config(uint64_t now_us)
{
    struct remote_out out;
    while (remote_config_next(&rc, now_us, &out)) {
        switch (out.kind) {
        case REMOTE_OUT_REPORT:
            expect(is_json(out.body));
            expect(twin_report(&twin, now_us, out.body) != ERR_CORRUPT);
            break;
        case REMOTE_OUT_CHECK:
            expect(is_json(out.content));
            remote_config_checked(
                &rc, now_us,
                &(struct remote_checked){.verdict = (enum remote_verdict)(out.content.size % 3),
                                         .reason = "why"});
            break;
        case REMOTE_OUT_STAGE:
        case REMOTE_OUT_ACCEPT:
        case REMOTE_OUT_REVERT:
        case REMOTE_OUT_DROP: remote_config_written(&rc, now_us, out.content.size % 2 == 0); break;
        case REMOTE_OUT_RESTART:
            remote_config_start(&rc, &(struct remote_config_options){0},
                                &(struct remote_boot){.is_trial = true, .running = {1, 7}}, now_us);
            break;
        }
    }
}

static void drain(uint64_t now_us, char rids[2][TWIN_RID_SIZE_MAX])
{
    struct twin_out out;
    while (twin_next(&twin, now_us, &out)) {
        if (out.kind == TWIN_OUT_SEND) {
            size_t which = out.topic.kind == AZ_TWIN_GET ? 0 : 1;
            expect(out.topic.rid.size < TWIN_RID_SIZE_MAX);
            memcpy(rids[which], out.topic.rid.data, out.topic.rid.size);
            rids[which][out.topic.rid.size] = '\0';
            expect(which == 0 || is_json(out.body));
        } else if (out.kind == TWIN_OUT_DESIRED) {
            uint64_t hash = 0;
            expect(is_json(out.body) && remote_hash(out.body, &hash) == OK && hash != 0);
            remote_config_desired(&rc, now_us, out.version, out.body);
        }
    }
    remote_config_tick(&rc, now_us);
    if (remote_config_wants_units(&rc, now_us)) {
        remote_config_units(&rc, now_us, 3, (uint32_t)(now_us % 2));
    }
    drain_config(now_us);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int32_t statuses[] = {200, 204, 400, 412, 413, 429, 500, 200};
    char rids[2][TWIN_RID_SIZE_MAX] = {"", ""};
    struct reader r = reader_of(bytes_of(data, size));
    uint64_t now_us = 0;
    twin_init(&twin, NULL);
    remote_config_start(&rc, &(struct remote_config_options){0}, &(struct remote_boot){0}, 0);
    twin_online(&twin, now_us);
    for (int n = 0; n < 64 && reader_left(&r) > 3; n++) {
        uint8_t kind = get_u8(&r);
        size_t body_size = get_u16le(&r);
        body_size = body_size < reader_left(&r) ? body_size : reader_left(&r);
        struct bytes body = get_bytes(&r, body_size);
        struct az_topic topic = {.kind = AZ_TWIN_ANSWER, .status = statuses[kind >> 2 & 7]};
        drain(now_us, rids);
        switch (kind & 3) {
        case 0:
        case 1:
            topic.rid = bytes_of(rids[kind & 1], strlen(rids[kind & 1]));
            twin_message(&twin, now_us, &topic, body);
            break;
        case 2:
            topic = (struct az_topic){.kind = AZ_TWIN_DESIRED,
                                      .has_version = true,
                                      .version = twin.version + (kind >> 2 & 3)};
            twin_message(&twin, now_us, &topic, body);
            break;
        default:
            if ((kind & 4) != 0) {
                twin_offline(&twin, now_us);
                twin_online(&twin, now_us);
            }
            remote_config_online(&rc, now_us);
            now_us += (uint64_t)(kind >> 3) * 5 * US_PER_S;
            twin_tick(&twin, now_us);
            break;
        }
        drain(now_us, rids);
    }
    return 0;
}
