// SPDX-License-Identifier: Apache-2.0
#include "apps/hub/topic.h"

#include "base/assert.h"

#include <string.h>

static bool take_text(struct bytes *rest, const char *text)
{
    size_t size = strlen(text);
    if (rest->size < size || memcmp(rest->data, text, size) != 0) {
        return false;
    }
    *rest = bytes_of(rest->data + size, rest->size - size);
    return true;
}

// One level that is not empty, and its slash.
static bool take_level(struct bytes *rest, struct bytes *level)
{
    const uint8_t *slash = rest->size > 0 ? memchr(rest->data, '/', rest->size) : NULL;
    if (slash == NULL || slash == rest->data) {
        return false;
    }
    *level = bytes_of(rest->data, (size_t)(slash - rest->data));
    *rest = bytes_of(slash + 1, rest->size - level->size - 1);
    return true;
}

enum err hub_events_topic_parse(struct bytes topic, struct hub_events_topic *out)
{
    struct hub_events_topic parsed = {0};
    struct bytes rest = topic;
    if (!take_text(&rest, "devices/") || !take_level(&rest, &parsed.device_id)) {
        return ERR_NOT_FOUND;
    }
    if (take_text(&rest, "modules/") && !take_level(&rest, &parsed.module_id)) {
        return ERR_NOT_FOUND;
    }
    if (!take_text(&rest, "messages/events/")) {
        return ERR_NOT_FOUND;
    }
    if (rest.size > 0 && rest.data[rest.size - 1] == '/') {
        rest.size--;
    }
    parsed.properties = rest;
    *out = parsed;
    return OK;
}

static bool is_inbox_of(struct bytes device_id, struct bytes *rest)
{
    struct bytes level;
    return take_text(rest, "devices/") && take_level(rest, &level) &&
           bytes_equal(level, device_id) && take_text(rest, "messages/devicebound/");
}

bool hub_may_subscribe(struct bytes device_id, struct bytes filter)
{
    // The same for every device: what arrives there is addressed by the hub.
    static const char *const shared[] = {
        "$iothub/methods/POST/#", "$iothub/twin/res/#", "$iothub/twin/PATCH/properties/desired/#",
        "devices/+/messages/devicebound/#", // of azure-sdk-for-c; delivery is checked per device
    };
    for (size_t i = 0; i < COUNT_OF(shared); i++) {
        if (bytes_equal(filter, bytes_of(shared[i], strlen(shared[i])))) {
            return true;
        }
    }
    return is_inbox_of(device_id, &filter) && bytes_equal(filter, bytes_of("#", 1));
}

bool hub_may_receive(struct bytes device_id, struct bytes topic)
{
    struct bytes rest = topic;
    return is_inbox_of(device_id, &rest) || take_text(&topic, "$iothub/");
}
