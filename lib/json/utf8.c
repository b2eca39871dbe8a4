// SPDX-License-Identifier: Apache-2.0
#include "json/utf8.h"

size_t json_utf8_size(const uint8_t *data, size_t left)
{
    uint8_t first = left > 0 ? data[0] : 0xff;
    if (first < 0x80) {
        return 1;
    }
    size_t size = first >= 0xc2 && first < 0xe0   ? 2
                  : first >= 0xe0 && first < 0xf0 ? 3
                  : first >= 0xf0 && first < 0xf5 ? 4
                                                  : 0;
    if (size == 0 || left < size) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((data[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (first == 0xe0 && data[1] < 0xa0) || (first == 0xf0 && data[1] < 0x90);
    bool surrogate = first == 0xed && data[1] >= 0xa0;
    bool too_large = first == 0xf4 && data[1] >= 0x90;
    return overlong || surrogate || too_large ? 0 : size;
}

size_t json_utf8_put(uint32_t character, char *out)
{
    if (character < 0x80) {
        out[0] = (char)character;
        return 1;
    }
    size_t size = character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(lead[size] | character);
    return size;
}
