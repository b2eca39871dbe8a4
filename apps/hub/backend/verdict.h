// SPDX-License-Identifier: Apache-2.0
// What the hub says to a request that it does not grant: Azure's error code, and words. A failure
// of our own store is told in the same way (500001, 503001), since the asker needs an answer too.
#ifndef HUB_BACKEND_VERDICT_H
#define HUB_BACKEND_VERDICT_H

#include "base/bytes.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

enum { VERDICT_MESSAGE_SIZE = 224 };

// The number divided by 1,000 is the HTTP status.
enum hub_code {
    HUB_DONE = 0,
    HUB_ARGUMENT_INVALID = 400004,
    HUB_ARGUMENT_NULL = 400005,
    HUB_FORMAT_ERROR = 400006,
    HUB_BULK_FAILED = 400013,
    HUB_UNAUTHORIZED = 401003,
    HUB_FORBIDDEN = 403000, // of DPS
    HUB_QUOTA_EXCEEDED = 403002,
    HUB_QUEUE_FULL = 403004,
    HUB_TOO_MANY_CALLS = 403800,
    HUB_DEVICE_NOT_FOUND = 404001,
    HUB_NOT_FOUND = 404000, // of DPS: enrolment, group, registration, operation
    HUB_DEVICE_NOT_ONLINE = 404103,
    HUB_DEVICE_EXISTS = 409001,
    HUB_CONFLICT = 409000, // of DPS: it exists
    HUB_PRECONDITION_FAILED = 412001,
    HUB_TOO_LARGE = 413001,
    HUB_TOO_MANY_DEVICES = 413002,
    HUB_THROTTLED = 429001,
    HUB_SERVER_ERROR = 500001,
    HUB_UNAVAILABLE = 503001,
    HUB_GATEWAY_TIMEOUT = 504101,
};

struct verdict {
    enum hub_code code;
    char message[VERDICT_MESSAGE_SIZE]; // for people, without secrets; empty if HUB_DONE
    uint32_t retry_s;                   // when to ask again, of HUB_THROTTLED; 0: not known
};

// Fills *verdict and returns false, so that a check can end with it. verdict may not be NULL.
bool refuse(struct verdict *verdict, enum hub_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
// The same for a failure of our own: ERR_FULL, ERR_BUSY: 503001, else 500001.
bool fail(struct verdict *verdict, enum err err);
// Sets HUB_DONE and returns true.
bool grant(struct verdict *verdict);

int hub_code_status(enum hub_code code);       // 200 for HUB_DONE
const char *hub_code_name(enum hub_code code); // Azure's word, such as "DeviceNotFound"

#endif
