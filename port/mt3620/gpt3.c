// SPDX-License-Identifier: Apache-2.0
#include "port/mt3620/gpt3.h"

#include "port/mt3620/clock.h"
#include "port/mt3620/irq.h"
#include "port/mt3620/release.h"

// The timer's tick is 1 us and its phase unknown, so wake this much early and spin: its resolution
// drops out.
#define LEAD_TICKS     (4 * TICKS_PER_US)
#define SHORTEST_TICKS (LEAD_TICKS + 2 * TICKS_PER_US) // nearer than that is spun for at once
#define CLEAR_TICKS    (5 * TICKS_PER_US)
#define SETTLE_TICKS   (2 * TICKS_PER_US)

enum gpt3_state { GPT3_READY, GPT3_SLEEP, GPT3_RELEASE, GPT3_CLEARING, GPT3_SETTLING };

static struct {
    volatile enum gpt3_state state;
    volatile bool slept;
    volatile bool is_release; // the next interrupt releases the driver
    uint32_t since_ticks;     // of CLEARING, SETTLING
    uint32_t at_ticks;        // of SLEEP
} gpt3;

void gpt3_setup(void)
{
    // Whatever ran before may have left it expired: clear it as if it had just been used.
    reg_put(GPT3_CTRL, GPT3_CTRL_ICLR | GPT3_CTRL_1MHZ);
    gpt3.since_ticks = ticks_now();
    gpt3.state = GPT3_CLEARING;
}

static void start(enum gpt3_state state, uint32_t left_ticks)
{
    reg_put(GPT3_INIT, 0);
    reg_put(GPT3_EXPIRE, left_ticks * 5 / TICKS_PER_5US + 1); // never INIT itself
    reg_put(NVIC_ICPR, 1U << IRQ_GPT3);
    gpt3.state = state;
    irq_enable(IRQ_GPT3);
    reg_put(GPT3_CTRL, GPT3_CTRL_1MHZ | GPT3_CTRL_ON);
}

void gpt3_step(void)
{
    uint32_t passed = ticks_now() - gpt3.since_ticks;
    if (gpt3.state == GPT3_CLEARING && passed >= CLEAR_TICKS) {
        reg_put(GPT3_CTRL, GPT3_CTRL_1MHZ);
        gpt3.since_ticks = ticks_now();
        gpt3.state = GPT3_SETTLING;
    } else if (gpt3.state == GPT3_SETTLING && passed >= SETTLE_TICKS) {
        gpt3.state = GPT3_READY;
    }
}

void gpt3_take(void)
{
    uint32_t held = irq_hold();
    if (gpt3.state == GPT3_SLEEP) {
        reg_put(GPT3_CTRL, GPT3_CTRL_1MHZ);
        gpt3.since_ticks = ticks_now();
        gpt3.state = GPT3_SETTLING;
    }
    irq_restore(held);
}

bool gpt3_sleep(uint32_t at_ticks)
{
    uint32_t masked = irq_mask_uart();
    if (gpt3.state == GPT3_SLEEP && ticks_before(at_ticks, gpt3.at_ticks)) {
        gpt3_take();
    }
    gpt3_step();
    if (gpt3.state == GPT3_READY) {
        uint32_t now = ticks_now();
        gpt3.at_ticks = at_ticks;
        start(GPT3_SLEEP, ticks_before(now, at_ticks) ? at_ticks - now : 0);
    }
    bool set = gpt3.state == GPT3_SLEEP;
    irq_unmask(masked);
    return set;
}

bool gpt3_has_slept(void)
{
    return gpt3.slept;
}

void gpt3_forget_sleep(void)
{
    gpt3.slept = false;
}

void gpt3_release_at(uint32_t at_ticks)
{
    gpt3.is_release = true;
    for (;;) {
        gpt3_step();
        int32_t left = (int32_t)(at_ticks - ticks_now());
        if (left < (int32_t)SHORTEST_TICKS) {
            irq_enable(IRQ_GPT3);
            irq_pend(IRQ_GPT3);
            return;
        }
        if (gpt3.state == GPT3_READY) {
            start(GPT3_RELEASE, (uint32_t)left - LEAD_TICKS);
            return;
        }
    }
}

void gpt3_forget_release(void)
{
    uint32_t held = irq_hold();
    gpt3.is_release = false;
    if (gpt3.state == GPT3_RELEASE) {
        reg_put(GPT3_CTRL, GPT3_CTRL_1MHZ);
        gpt3.since_ticks = ticks_now();
        gpt3.state = GPT3_SETTLING;
    }
    irq_restore(held);
}

void gpt3_isr(void)
{
    if (gpt3.is_release) {
        gpt3.is_release = false;
        release_driver();
    }
    if (gpt3.state == GPT3_SLEEP) {
        gpt3.slept = true;
    }
    // Its request may stay up until the clearing has reached the timer's own clock.
    reg_put(NVIC_ICER, 1U << IRQ_GPT3);
    reg_put(GPT3_CTRL, GPT3_CTRL_ICLR | GPT3_CTRL_1MHZ);
    gpt3.since_ticks = ticks_now();
    gpt3.state = GPT3_CLEARING;
}
