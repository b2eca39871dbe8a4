// SPDX-License-Identifier: Apache-2.0
// How the bytes of a fuzzer drive a session: steps of an op, an argument, and what the op takes.
#ifndef TESTS_FUZZ_INTERCORE_STEPS_H
#define TESTS_FUZZ_INTERCORE_STEPS_H

#include "intercore/message.h"

struct step {
    uint8_t op;
    uint8_t value;
    uint8_t message[IC_MESSAGE_MAX];
    size_t size;
};

// A message that may well be for the receiver: its ids and number are put in, what follows the head
// is the fuzzer's, size byte first. False: the input is at its end.
bool step_next(struct reader *in, uint32_t from, uint32_t to, uint16_t sequence, struct step *out);

#endif
