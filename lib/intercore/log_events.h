// SPDX-License-Identifier: Apache-2.0
// What a real-time core can log: 16 bytes per record on its side, this table's words on the
// gateway's. A number is never given a new meaning; new events are added at the end.
#ifndef INTERCORE_LOG_EVENTS_H
#define INTERCORE_LOG_EVENTS_H

#include <stdint.h>

// X(NAME, number, level, words); {a} and {b} stand for the arguments, {A} and {B} in hex.
#define IC_LOG_EVENTS(X)                                                                           \
    X(BOOT, 1, INFO, "the core started; crashes since power came: {b}")                            \
    X(LINKED, 2, INFO, "linked with gateway {B}")                                                  \
    X(UNLINKED, 3, WARN, "the gateway was silent for {b} ms: the line rests")                      \
    X(SETUP, 4, INFO, "line set up: {b} baud, {a} bits per character")                             \
    X(SETUP_REFUSED, 5, ERROR, "line set-up refused (reason {a}): {b} baud")                       \
    X(TX_STUCK, 6, ERROR, "a frame of {a} bytes was not over after {b} us: line set up anew")      \
    X(RX_LOST, 7, WARN, "received bytes were lost before the loop read them")                      \
    X(MAILBOX_FULL, 8, WARN, "the mailbox had no room for {b} ms")                                 \
    X(SEND_REFUSED, 9, WARN, "SEND {B} refused (reason {a})")                                      \
    X(DE_EARLY, 10, ERROR, "the driver let go {b} ns after the last bit, guard {a}/8 bit")

enum ic_log_level { IC_LOG_INFO, IC_LOG_WARN, IC_LOG_ERROR };

#define IC_LOG_ENUM(name, number, level, words) IC_LOG_##name = (number),
enum ic_log_event { IC_LOG_EVENTS(IC_LOG_ENUM) };
#undef IC_LOG_ENUM

struct ic_log {
    uint64_t at_us; // the core's clock
    uint16_t event; // enum ic_log_event, or one that is newer than this table
    uint16_t a;
    uint32_t b;
};

#endif
