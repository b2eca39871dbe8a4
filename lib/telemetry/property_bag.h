// SPDX-License-Identifier: Apache-2.0
// The property bag of a D2C topic: `$.ct=application%2Fjson&$.ce=utf-8&t=s&j=<16 hex>&n=<number>`.
#ifndef TELEMETRY_PROPERTY_BAG_H
#define TELEMETRY_PROPERTY_BAG_H

#include "base/err.h"
#include "telemetry/decode.h"

enum { TM_BAG_SIZE_MAX = 96 };

struct tm_bag {
    enum tm_message_kind kind; // t: s, c or e
    uint64_t journal_id;       // j: random, new at every start of the gateway
    uint64_t number;           // n: of the message within its journal
};

// ERR_SIZE: capacity below TM_BAG_SIZE_MAX may not suffice. No NUL is added.
NODISCARD enum err tm_bag_write(const struct tm_bag *bag, char *out, size_t capacity, size_t *size);
// Order is free, foreign properties are passed over, percent-encoding is resolved. ERR_CORRUPT: not
// a property bag, or t, j or n is missing, twice or malformed; ERR_UNSUPPORTED: an unknown t.
NODISCARD enum err tm_bag_read(struct bytes text, struct tm_bag *out);

#endif
