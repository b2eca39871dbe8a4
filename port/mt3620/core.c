// SPDX-License-Identifier: Apache-2.0
#include "port/api/core.h"

#include "base/assert.h"
#include "base/time.h"
#include "port/api/clock.h"
#include "port/mt3620/board.h"
#include "port/mt3620/clock.h"
#include "port/mt3620/gpt3.h"
#include "port/mt3620/irq.h"
#include "port/mt3620/mailbox.h"
#include "port/mt3620/memory.h"
#include "port/mt3620/xcvr.h"

#define SLEEP_MAX_US   (4 * US_PER_S)    // GPT4 turns in 21.7 s and must be seen before
#define PARTNER_MAX_US (100 * US_PER_MS) // the hand-shake comes without an interrupt of ours
#define SPIN_US        4                 // less is not worth a timer
#define SLOW_HZ        32768U

static volatile bool slow_over;

void gpt01_isr(void)
{
    reg_put(GPT_ISR, 1);
    slow_over = true;
}

static bool is_woken(void)
{
    return xcvr_has_event() || mailbox_is_signalled();
}

// WFI ends on a pending interrupt though none is taken while held: none can slip in between looking
// and sleeping.
static void sleep_until_over(void)
{
    bool is_over = false;
    while (!is_over) {
        uint32_t held = irq_hold();
        is_over = is_woken() || slow_over || gpt3_has_slept();
        if (!is_over) {
            __asm volatile("dsb\n\twfi" : : : "memory");
        }
        irq_restore(held);
    }
}

// While a frame is in the air GPT3 is the driver's; what else waits then can wait 31 us more.
static void wait_slow(uint64_t left_us)
{
    reg_put(GPT0_CTRL, 0);
    reg_put(GPT_ISR, 1);
    reg_put(GPT0_ICNT, (uint32_t)(left_us * SLOW_HZ / US_PER_S) + 1);
    reg_put(GPT_IER, 1);
    irq_enable(IRQ_GPT01);
    reg_put(GPT0_CTRL, GPT01_CTRL_ON | GPT01_CTRL_FAST);
    sleep_until_over();
    reg_put(GPT0_CTRL, 0);
}

static void wait_exact(uint64_t now_us, uint64_t deadline_us)
{
    uint32_t left_us = (uint32_t)(deadline_us - now_us);
    uint32_t at = ticks_now() + left_us / 5 * TICKS_PER_5US + left_us % 5 * TICKS_PER_US;
    while (!gpt3_sleep(at)) { // it is being made ready
        if (is_woken() || !ticks_before(ticks_now(), at)) {
            return;
        }
    }
    sleep_until_over();
}

void core_wait(uint64_t deadline_us)
{
    ASSERT(*ram_stack_start == STACK_PAINT);
    uint64_t now_us = port_now_us();
    uint64_t longest_us = mailbox_has_partner() ? SLEEP_MAX_US : PARTNER_MAX_US;
    deadline_us = time_min(deadline_us, now_us + longest_us);
    slow_over = false;
    gpt3_forget_sleep();
    if (is_woken() || deadline_us <= now_us) {
        return;
    }
    if (deadline_us - now_us <= SPIN_US) {
        while (!is_woken() && port_now_us() < deadline_us) {
        }
    } else if (xcvr_is_in_air()) {
        wait_slow(deadline_us - now_us);
    } else {
        wait_exact(now_us, deadline_us);
    }
}

void core_light(enum core_light colour)
{
    uint32_t all = board.red_mask | board.green_mask | board.blue_mask;
    uint32_t lit = colour == CORE_LIGHT_RED ? board.red_mask : 0U;
    lit = colour == CORE_LIGHT_GREEN ? board.green_mask : lit;
    lit = colour == CORE_LIGHT_BLUE ? board.blue_mask : lit;
    reg_put(board.light_gpio + GPIO_DOUT_SET, all & ~lit);
    reg_put(board.light_gpio + GPIO_DOUT_CLR, lit);
}
