// SPDX-License-Identifier: Apache-2.0
// Small things that the files of lib/telemetry share.
#ifndef TELEMETRY_WORDS_H
#define TELEMETRY_WORDS_H

#include "telemetry/decode.h"
#include "json/reader.h"
#include "json/writer.h"

// Whole numbers up to here are exact in every JSON parser.
#define TM_EXACT_MAX (INT64_C(1) << 53)

// Index of the word, or -1.
int tm_word_index(struct bytes text, const char *const *words, size_t count);
bool tm_hex64(struct bytes text, uint64_t *out); // exactly 16 small hex digits

// What stands in front of every message: an open object with v, k, c and, if not 0, boot.
void tm_put_head(struct json_writer *w, char kind, uint64_t catalogue_hash, uint64_t boot_id);

// Reading a head: takes the key if it is one of v, k, c, boot. `bad` collects what was wrong.
struct tm_head_state {
    struct tm_head head;
    bool has_version, has_kind, has_hash, has_boot;
    enum err err;
};
bool tm_take_head(struct tm_head_state *state, const struct json_text *key, struct json_reader *r);
// OK when v, k and c were there and good.
NODISCARD enum err tm_head_result(const struct tm_head_state *state, const struct json_reader *r);

#endif
