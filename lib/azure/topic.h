// SPDX-License-Identifier: Apache-2.0
// Topics of Azure IoT Hub's and DPS's device dialect, for both ends: one struct, parsed and built.
// Pure text: who may use a topic is the hub's to judge.
#ifndef AZURE_TOPIC_H
#define AZURE_TOPIC_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>

enum {
    AZ_TOPIC_SIZE_MAX = 1024, // of what az_topic_build writes without a bag
    AZ_RID_SIZE_MAX = 128,    // request ids, characters
    AZ_METHOD_NAME_SIZE_MAX = 100,
};

enum az_topic_kind {
    // From the device.
    AZ_EVENTS,        // device_id, [module_id], bag
    AZ_TWIN_GET,      // rid
    AZ_TWIN_REPORT,   // rid, [version]
    AZ_METHOD_ANSWER, // status, rid
    AZ_DPS_REGISTER,  // rid
    AZ_DPS_STATUS,    // rid, operation_id
    // To the device.
    AZ_C2D,          // device_id, bag
    AZ_METHOD_CALL,  // name, rid
    AZ_TWIN_ANSWER,  // status, rid, [version]
    AZ_TWIN_DESIRED, // version
    AZ_DPS_ANSWER,   // status, rid, [retry_after_s]
};

// Spans are borrowed. What a kind does not name above is empty or 0.
struct az_topic {
    enum az_topic_kind kind;
    struct bytes device_id;
    struct bytes module_id;    // empty: the device itself
    struct bytes bag;          // as it stands, percent-encoded; without a final `/`
    struct bytes rid;          // as it stands; 1 to AZ_RID_SIZE_MAX characters of ASCII
    struct bytes name;         // of a method
    struct bytes operation_id; // of DPS, as it stands
    int32_t status;
    bool has_version;
    uint64_t version;
    bool has_retry_after;
    uint32_t retry_after_s;
};

// ERR_NOT_FOUND: not a topic of the dialect; ERR_CORRUPT: one of its forms, but with a part
// missing, empty, too long or no number. *out is untouched then. Unknown query parameters are
// passed over.
NODISCARD enum err az_topic_parse(struct bytes topic, struct az_topic *out);

// Appends the topic; out->failed if it did not fit. A rid must not hold `&`, `/`, `+` or `#`.
void az_topic_build(const struct az_topic *topic, struct writer *out);

// The filters that a device subscribes to.
#define AZ_FILTER_METHODS      "$iothub/methods/POST/#"
#define AZ_FILTER_TWIN_ANSWER  "$iothub/twin/res/#"
#define AZ_FILTER_TWIN_DESIRED "$iothub/twin/PATCH/properties/desired/#"
#define AZ_FILTER_C2D_ANY      "devices/+/messages/devicebound/#" // as azure-sdk-for-c has it
#define AZ_FILTER_DPS          "$dps/registrations/res/#"

#endif
