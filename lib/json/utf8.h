// SPDX-License-Identifier: Apache-2.0
// UTF-8 as RFC 3629 has it: no overlong forms, no surrogates, nothing above U+10FFFF.
#ifndef JSON_UTF8_H
#define JSON_UTF8_H

#include "base/bytes.h"

// Bytes of the well-formed character that begins at data[0], 1 to 4; 0: none begins there.
size_t json_utf8_size(const uint8_t *data, size_t left);
// Encodes a scalar value (at most 0x10FFFF, no surrogate) into out[4]; gives its size.
size_t json_utf8_put(uint32_t character, char *out);

#endif
