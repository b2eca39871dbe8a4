// SPDX-License-Identifier: Apache-2.0
// What a device may subscribe to and be sent.
#ifndef HUB_FILTER_H
#define HUB_FILTER_H

#include "azure/topic.h"

enum hub_mode { HUB_MODE_HUB, HUB_MODE_DPS };

// The mask of the link (docs/protocol/hub-link.md), and the two spellings of cloud-to-device apart,
// so that taking back one leaves the other.
enum {
    HUB_FILTER_METHODS = 1,
    HUB_FILTER_TWIN_ANSWER = 2,
    HUB_FILTER_DESIRED = 4,
    HUB_FILTER_C2D = 8,
    HUB_FILTER_DPS = 16,
    HUB_FILTER_C2D_ANY = 32, // devices/+/messages/devicebound/#: the device's own all the same
};

// 0: not one of the filters that Azure documents for a device of that id.
unsigned hub_filter_bit(enum hub_mode mode, struct bytes device_id, struct bytes filter);

// What the link is told.
unsigned hub_filter_mask(unsigned filters);

// The subscription (of the mask) that a message on this topic needs; 0: no such message may be sent
// to that device.
unsigned hub_filter_needed(enum hub_mode mode, struct bytes device_id, struct bytes topic);

#endif
