// SPDX-License-Identifier: Apache-2.0
// What a frame heard on a line means, in words. Whether it asks or answers cannot be seen in the
// frame alone: it answers if it can be the reply to the last request heard.
#ifndef CLI_SNIFF_WORDS_H
#define CLI_SNIFF_WORDS_H

#include "modbus/rtu.h"

enum sniff_kind { SNIFF_BROKEN, SNIFF_REQUEST, SNIFF_REPLY, SNIFF_REFUSAL, SNIFF_UNKNOWN };

struct sniff_text {
    enum sniff_kind kind;
    uint8_t unit;    // not of BROKEN: its CRC is wrong
    char words[200]; // cut if longer
};

struct sniff { // zero: nothing was heard
    bool has_request;
    uint8_t unit;
    struct mb_request request; // borrows .frame
    uint8_t frame[MB_RTU_SIZE_MAX];
};

// A line without stamps may hand over a request and its reply as one: the size of the first frame
// in it, by its CRC; all of it, if no CRC fits.
size_t sniff_first(struct bytes heard);
void sniff_words(struct sniff *sniff, struct bytes frame, struct sniff_text *out);

#endif
