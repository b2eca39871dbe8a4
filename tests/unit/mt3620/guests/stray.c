// SPDX-License-Identifier: Apache-2.0
// Touches a register that nobody knows, as soon as it runs.
#include "guest.h"

int main(void)
{
    note(UART(0, 0x70));
    return 0;
}
