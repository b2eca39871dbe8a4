// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/filter.h"

#include "base/assert.h"

#include <string.h>

static bool is_text(struct bytes in, const char *text)
{
    return bytes_equal(in, bytes_of(text, strlen(text)));
}

static bool take_text(struct bytes *rest, struct bytes text)
{
    if (rest->size < text.size || !bytes_equal(bytes_of(rest->data, text.size), text)) {
        return false;
    }
    *rest = bytes_of(rest->data + text.size, rest->size - text.size);
    return true;
}

static bool is_own_inbox(struct bytes device_id, struct bytes filter)
{
    return device_id.size > 0 && take_text(&filter, bytes_of("devices/", 8)) &&
           take_text(&filter, device_id) && is_text(filter, "/messages/devicebound/#");
}

unsigned hub_filter_bit(enum hub_mode mode, struct bytes device_id, struct bytes filter)
{
    static const struct {
        enum hub_mode mode;
        const char *text;
        unsigned bit;
    } shared[] = {
        {HUB_MODE_HUB, AZ_FILTER_METHODS, HUB_FILTER_METHODS},
        {HUB_MODE_HUB, AZ_FILTER_TWIN_ANSWER, HUB_FILTER_TWIN_ANSWER},
        {HUB_MODE_HUB, AZ_FILTER_TWIN_DESIRED, HUB_FILTER_DESIRED},
        {HUB_MODE_HUB, AZ_FILTER_C2D_ANY, HUB_FILTER_C2D_ANY},
        {HUB_MODE_DPS, AZ_FILTER_DPS, HUB_FILTER_DPS},
    };
    for (size_t i = 0; i < COUNT_OF(shared); i++) {
        if (shared[i].mode == mode && is_text(filter, shared[i].text)) {
            return shared[i].bit;
        }
    }
    return mode == HUB_MODE_HUB && is_own_inbox(device_id, filter) ? HUB_FILTER_C2D : 0;
}

unsigned hub_filter_mask(unsigned filters)
{
    unsigned c2d = (filters & HUB_FILTER_C2D_ANY) != 0 ? HUB_FILTER_C2D : 0U;
    return (filters & ~(unsigned)HUB_FILTER_C2D_ANY) | c2d;
}

unsigned hub_filter_needed(enum hub_mode mode, struct bytes device_id, struct bytes topic)
{
    struct az_topic parsed;
    if (az_topic_parse(topic, &parsed) != OK) {
        return 0;
    }
    if (mode == HUB_MODE_DPS) {
        return parsed.kind == AZ_DPS_ANSWER ? HUB_FILTER_DPS : 0;
    }
    switch (parsed.kind) {
    case AZ_METHOD_CALL: return HUB_FILTER_METHODS;
    case AZ_TWIN_ANSWER: return HUB_FILTER_TWIN_ANSWER;
    case AZ_TWIN_DESIRED: return HUB_FILTER_DESIRED;
    case AZ_C2D:
        return bytes_equal(parsed.device_id, device_id) && parsed.module_id.size == 0
                   ? HUB_FILTER_C2D
                   : 0;
    case AZ_EVENTS:
    case AZ_TWIN_GET:
    case AZ_TWIN_REPORT:
    case AZ_METHOD_ANSWER:
    case AZ_DPS_REGISTER:
    case AZ_DPS_STATUS:
    case AZ_DPS_ANSWER: break;
    }
    return 0;
}
