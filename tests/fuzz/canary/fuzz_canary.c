// SPDX-License-Identifier: Apache-2.0
// Must crash: proves that the sanitizers see a read one byte past an input.
#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    volatile const uint8_t *bytes = data;
    return size > 0 && data[0] == 'C' ? bytes[size] & 0 : 0;
}
