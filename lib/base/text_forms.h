// SPDX-License-Identifier: Apache-2.0
// Bytes as text: hex digits, base64, and the percent escapes of URLs and Azure's tokens.
#ifndef BASE_TEXT_FORMS_H
#define BASE_TEXT_FORMS_H

#include "base/bytes.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

// Characters that `size` bytes become, without a final 0.
#define BASE64_SIZE_OF(size) (((size) + 2) / 3 * 4)

enum hex_letters { HEX_SMALL, HEX_CAPITAL };

int hex_value(uint8_t c); // 0 to 15; -1: no hex digit

// With padding and a final 0: out holds BASE64_SIZE_OF(in.size) + 1.
void base64_text(struct bytes in, char *out);
// Strict: whole groups of four, padding at the end alone, no bits that mean nothing. *size is what
// was written. ERR_CORRUPT; ERR_SIZE: beyond the capacity.
NODISCARD enum err base64_decode(struct bytes in, uint8_t *out, size_t capacity, size_t *size);

// %XX for all but letters, digits and - . _ ~
void put_percent(struct writer *w, struct bytes in, enum hex_letters letters);

#endif
