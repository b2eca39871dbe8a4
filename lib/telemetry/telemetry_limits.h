// SPDX-License-Identifier: Apache-2.0
// Capacities of the telemetry format; docs/protocol/telemetry.md repeats them.
#ifndef TELEMETRY_LIMITS_H
#define TELEMETRY_LIMITS_H

enum {
    TM_VERSION = 1,
    TM_BLOCK_SIZE = 4096, // what an IoT hub meters as one message
    // Properties count too: $.ct and $.ce (16 + 5 bytes), t=s, j=<16 hex>, n=<up to 10 digits>.
    TM_PROPERTY_SIZE = 56,
    TM_BODY_SIZE_MAX = TM_BLOCK_SIZE - TM_PROPERTY_SIZE,
    TM_POINT_COUNT_MAX = 10000, // points in a catalogue
    TM_PACK_SAMPLE_MAX = 2048,  // samples that one message can hold at most
    TM_NAME_SIZE_MAX = 64,      // bytes of a name, area, device, sensor; without NUL
    TM_ZONE_SIZE_MAX = 64,      // bytes of a time zone's name
    TM_UNIT_SIZE_MAX = 16,      // bytes of a unit
    TM_LABEL_COUNT_MAX = 32,    // labels of one enum
    TM_LABEL_SIZE_MAX = 32,     // bytes of a label
    TM_TEXT_SIZE_MAX = 255,     // bytes of a string value
    TM_EXPONENT_MIN = -18,
    TM_EXPONENT_MAX = 18,
};

_Static_assert(TM_PROPERTY_SIZE >= 16 + 5 + 2 + 17 + 11, "properties fit in their share");

#endif
