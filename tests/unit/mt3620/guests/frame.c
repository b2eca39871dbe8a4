// SPDX-License-Identifier: Apache-2.0
// Sends frames of 8 bytes by the book: THRE interrupt, GPT3 just before the end, spin, drop DE. And
// the ways of doing it wrong.
#include "guest.h"

#define FRAME   8
#define LEAD_US 3

enum { NOMINAL = 1, ON_THRE, ONE_CHAR_LATE, NO_SILENCE, AFTER_THE_START };

struct line {
    const struct speed *speed;
    uint32_t char_clocks; // of 26 MHz, 10 bits
    uint32_t pause_us;    // between frames
};

// Case / 16 is the speed.
static const struct line LINES[] = {
    {&SPEED_115200, 2257, 2000}, {&SPEED_19200, 13542, 2500}, {&SPEED_9600, 27082, 4500}};

static uint32_t kind;
static uint32_t char_ticks; // of GPT4
static volatile uint32_t left, release, done;

static void arm(uint32_t us)
{
    GPT(0x54) = 0;
    GPT(0x5c) = us;
    GPT(0x50) = 25U << 16 | 1;
}

void on_uart0(void)
{
    uint32_t cause = UART(0, 0x08) & 0x3f;
    if (cause != 2 || UART(0, 0x6c) != 0) {
        return;
    }
    uint32_t ts = now();
    if (left != 0) {
        left--;
        UART(0, 0x00) = left;
        return;
    }
    UART(0, 0x04) = 0;
    if (kind == ON_THRE) {
        drive(0);
        done++;
        return;
    }
    release = ts + (kind == ONE_CHAR_LATE ? 2 : 1) * char_ticks;
    arm((release - ts) / 198 - LEAD_US);
}

void on_gpt3(void)
{
    while ((int32_t)(now() - release) < 0) {
    }
    while ((UART(0, 0x14) & 0x40) == 0) {
    }
    drive(0);
    GPT(0x50) = 25U << 16 | 1U << 15;
    wait_us(6);
    GPT(0x50) = 25U << 16;
    done++;
}

int main(void)
{
    start_clocks();
    uint32_t which = chosen_case();
    const struct line *line = &LINES[which / 16];
    kind = which % 16;
    char_ticks = line->char_clocks * 38 / 5; // of GPT4: 7.6 per clock
    start_pins();
    start_uart(0, line->speed, 3);
    enable_irq(IRQ_UART0, 1);
    enable_irq(IRQ_GPT3, 0);
    for (;;) {
        uint32_t before = done;
        left = FRAME - 1;
        if (kind != AFTER_THE_START) {
            drive(1);
        }
        UART(0, 0x00) = FRAME - 1;
        UART(0, 0x04) = 2;
        if (kind == AFTER_THE_START) {
            wait_us(20);
            drive(1);
        }
        while (done == before) {
            wfi();
        }
        wait_us(kind == NO_SILENCE ? 100 : line->pause_us);
    }
}
