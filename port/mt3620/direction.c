// SPDX-License-Identifier: Apache-2.0
// DE and RE#. Where the two turn together, one write does it.
#include "port/mt3620/board.h"
#include "port/mt3620/xcvr.h"

#define SET (board.direction_gpio + GPIO_DOUT_SET)
#define CLR (board.direction_gpio + GPIO_DOUT_CLR)

void direction_drive(void)
{
    uint32_t re = xcvr.hears_itself ? 0 : board.re_mask;
    if (xcvr.de_active_low) {
        reg_put(SET, re);
        reg_put(CLR, board.de_mask);
    } else {
        reg_put(SET, board.de_mask | re);
    }
}

void direction_listen(void)
{
    if (xcvr.de_active_low) {
        reg_put(SET, board.de_mask);
        reg_put(CLR, board.re_mask);
    } else {
        reg_put(CLR, board.de_mask | board.re_mask);
    }
}
