// SPDX-License-Identifier: Apache-2.0
// The UART from the core's side.
#include "guest.h"

#define LSR_DR   0x01U
#define LSR_THRE 0x20U
#define LSR_TEMT 0x40U
#define TICKS(u) (u) // GPT4 counts 5 units at the full clock

static uint32_t thre_at;
static volatile uint32_t irqs;
static uint32_t keep; // on_uart0 notes instead of reading
static uint32_t one;  // it reads one byte at a time

void on_uart0(void)
{
    irqs++;
    REG(irqs % 2 != 0 ? 0x38030014U : 0x38030018U) = 1; // the light, for the time of it
    uint32_t cause = UART(0, 0x08) & 0x3f;
    if (cause == 2) {
        thre_at = now();
        note(UART(0, 0x6c));
        if (UART(0, 0x6c) == 0) {
            UART(0, 0x04) = 0;
        }
        return;
    }
    note(cause);
    note(UART(0, 0x68));
    if (cause == 6) {
        note(UART(0, 0x14));
        if (keep == 0) {
            return;
        }
    }
    do {
        note(UART(0, 0x00));
    } while (one == 0 && (UART(0, 0x14) & LSR_DR) != 0);
}

// Ten bytes at this speed; notes THRE (from the interrupt) and TEMT (polled), in GPT4 ticks.
static void send_case(const struct speed *speed, uint32_t lcr, uint32_t fcr)
{
    drive(1);
    start_uart(0, speed, lcr);
    UART(0, 0x08) = 1 | fcr;
    enable_irq(IRQ_UART0, 0);
    for (uint32_t i = 0; i < 10; i++) {
        UART(0, 0x00) = 0x50 + i;
    }
    UART(0, 0x04) = 2;
    while ((UART(0, 0x14) & LSR_TEMT) == 0) {
    }
    uint32_t temt_at = now();
    note(thre_at);
    note(temt_at);
}

static void formats_case(void)
{
    static const uint8_t LCR[] = {0x00, 0x03, 0x0b, 0x1b, 0x2b, 0x3b, 0x07, 0x04, 0x1e};
    drive(1);
    for (uint32_t i = 0; i < sizeof LCR; i++) {
        start_uart(0, &SPEED_115200, LCR[i]);
        UART(0, 0x00) = 0x35;
        while ((UART(0, 0x14) & LSR_TEMT) == 0) {
        }
    }
}

static void listen(uint32_t fcr, uint32_t ier, uint32_t lcr)
{
    start_uart(0, &SPEED_115200, lcr);
    UART(0, 0x50) = 4;
    UART(0, 0x08) = 1 | fcr;
    UART(0, 0x04) = ier;
    enable_irq(IRQ_UART0, 1);
    for (;;) {
        wfi();
    }
}

// Nobody reads until half a second is over.
static void overrun_case(void)
{
    start_uart(0, &SPEED_115200, 3);
    wait_us(50000);
    uint32_t fill = UART(0, 0x68);
    note(fill);
    note(UART(0, 0x14));
    note(UART(0, 0x14));
    for (uint32_t i = 0; i < fill; i++) {
        note(UART(0, 0x00));
    }
}

// What waits when the interrupt is enabled is asked for until it is read.
static void level_case(void)
{
    start_uart(0, &SPEED_115200, 3);
    one = 1;
    wait_us(5000);
    UART(0, 0x04) = 1;
    enable_irq(IRQ_UART0, 1);
    __asm volatile("dsb; isb");
}

// Sends with RE on and reads its own echo; then with RE off.
static void echo_case(void)
{
    start_uart(0, &SPEED_115200, 3);
    drive(1);
    for (uint32_t round = 0; round < 2; round++) {
        UART(0, 0x00) = 0xa5;
        while ((UART(0, 0x14) & LSR_TEMT) == 0) {
        }
        wait_us(10);
        note(UART(0, 0x68));
        if (UART(0, 0x68) != 0) {
            note(UART(0, 0x00));
        }
        ADC_GPIO(0x14) = RE;
    }
    ADC_GPIO(0x18) = RE;
}

// DE falls in the middle of the second of three bytes.
static void cut_case(void)
{
    start_uart(0, &SPEED_115200, 3);
    drive(1);
    for (uint32_t i = 0; i < 3; i++) {
        UART(0, 0x00) = 0x11 * (i + 1);
    }
    wait_us(130);
    drive(0);
    wait_us(1000);
}

static void lag_case(void)
{
    start_uart(0, &SPEED_115200, 3);
    drive(1);
    note(now());
    UART(0, 0x00) = 1;
    note(now());
    while ((UART(0, 0x14) & LSR_TEMT) == 0) {
    }
    note(now());
}

int main(void)
{
    start_clocks();
    uint32_t which = chosen_case();
    start_pins();
    REG(0x38030024U) = 1;
    switch (which) {
    case 1: send_case(&SPEED_9600, 3, 0); break;
    case 2: send_case(&SPEED_19200, 3, 0); break;
    case 3: send_case(&SPEED_115200, 3, 0); break;
    case 4: send_case(&SPEED_115200, 3, 0x10); break; // TX trigger 4
    case 5: formats_case(); break;
    case 6: listen(0, 5, 3); break;              // trigger 1, line status
    case 7: listen(0x40, 5, 3); break;           // trigger 6
    case 8: listen(0xc0, 5, 3); break;           // trigger RXTRIG = 4
    case 9: keep = 1, listen(0, 5, 0x1b); break; // even parity
    case 10: overrun_case(); break;
    case 11: echo_case(); break;
    case 12: cut_case(); break;
    case 13: lag_case(); break;
    case 14: level_case(); break;
    default: break;
    }
    note(0xe0d);
    return 0;
}
