// SPDX-License-Identifier: Apache-2.0
// Topics of the device dialect: whose they are and who may use them.
#ifndef HUB_TOPIC_H
#define HUB_TOPIC_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

struct hub_events_topic {
    struct bytes device_id;
    struct bytes module_id;  // empty: the device itself
    struct bytes properties; // the bag, without the `/` that some clients append
};

// `devices/{id}[/modules/{id}]/messages/events/[{bag}]`; ERR_NOT_FOUND for any other topic.
NODISCARD enum err hub_events_topic_parse(struct bytes topic, struct hub_events_topic *out);

// Is this one of the filters that Azure documents for a device of that id?
bool hub_may_subscribe(struct bytes device_id, struct bytes filter);
// May a message on this topic be delivered to that device?
bool hub_may_receive(struct bytes device_id, struct bytes topic);

#endif
