// SPDX-License-Identifier: Apache-2.0
// What every guest program shares: registers by their address, a few helpers, results for the host.
#ifndef TESTS_UNIT_MT3620_GUEST_H
#define TESTS_UNIT_MT3620_GUEST_H

#include <stdint.h>

#define REG(address)      (*(volatile uint32_t *)(address))
#define UART(isu, offset) REG(0x38070500U + 0x10000U * (isu) + (offset))
#define GPT(offset)       REG(0x21030000U + (offset))
#define ADC_GPIO(offset)  REG(0x38000000U + (offset)) // GPIO41 to 48
#define MAILBOX(offset)   REG(0x21050000U + (offset))
#define WATCHDOG(offset)  REG(0x21020000U + (offset))
#define SCS(offset)       REG(0xe000e000U + (offset))
#define DE                (1U << 1)
#define RE                (1U << 2)
#define IRQ_GPT01         1
#define IRQ_GPT3          2
#define IRQ_MAILBOX       11
#define IRQ_UART0         47
#define RESULTS           64

// Read by the host with mt_symbol and mt_peek.
extern volatile uint32_t results[RESULTS];
extern volatile uint32_t result_count;

// Each guest has this; the rest are weak and spin.
int main(void);
void on_hard_fault(void);
void on_bus_fault(void);
void on_usage_fault(void);
void on_svc(void);
void on_pendsv(void);
void on_gpt01(void);
void on_gpt3(void);
void on_watchdog(void);
void on_mailbox(void);
void on_uart0(void);
void on_spare(void);  // IRQ 98
void on_spare2(void); // IRQ 99

static inline void note(uint32_t value)
{
    uint32_t at = result_count;
    if (at < RESULTS) {
        results[at] = value;
        result_count = at + 1;
    }
}

static inline void enable_irq(unsigned irq, unsigned level)
{
    REG(0xe000e400U + (irq & ~3U)) =
        (REG(0xe000e400U + (irq & ~3U)) & ~(0xffU << 8 * (irq % 4))) | level << (5 + 8 * (irq % 4));
    SCS(0x100 + irq / 32 * 4) = 1U << irq % 32;
}

static inline void pend_irq(unsigned irq)
{
    SCS(0x200 + irq / 32 * 4) = 1U << irq % 32;
}

static inline void wfi(void)
{
    __asm volatile("wfi" ::: "memory");
}

static inline void mask(void)
{
    __asm volatile("cpsid i" ::: "memory");
}

static inline void unmask(void)
{
    __asm volatile("cpsie i" ::: "memory");
}

static inline void set_basepri(uint32_t value)
{
    __asm volatile("msr basepri, %0" ::"r"(value) : "memory");
}

static inline uint32_t get_basepri(void)
{
    uint32_t value;
    __asm volatile("mrs %0, basepri" : "=r"(value));
    return value;
}

// 197.6 MHz, GPT4 as the clock of 5.06 ns.
static inline void start_clocks(void)
{
    REG(0x2101000cU) = 0x200;
    GPT(0x64) = 0;
    GPT(0x60) = 3;
}

static inline uint32_t now(void)
{
    return GPT(0x68);
}

static inline void wait_us(uint32_t us)
{
    uint32_t from = now();
    while (now() - from < us * 198) {
    }
}

struct speed {
    uint8_t dl, sample_count, sample_point, frac_l, frac_m;
};

static const struct speed SPEED_9600 = {11, 245, 121, 0x44, 0};
static const struct speed SPEED_19200 = {6, 224, 110, 0xdf, 0};
static const struct speed SPEED_115200 = {1, 224, 110, 0xdf, 0};

static inline void start_uart(unsigned isu, const struct speed *speed, uint32_t lcr)
{
    UART(isu, 0x0c) = lcr | 0x80;
    UART(isu, 0x00) = speed->dl;
    UART(isu, 0x04) = 0;
    UART(isu, 0x0c) = lcr;
    UART(isu, 0x24) = 3;
    UART(isu, 0x28) = speed->sample_count;
    UART(isu, 0x2c) = speed->sample_point;
    UART(isu, 0x54) = speed->frac_l;
    UART(isu, 0x58) = speed->frac_m;
    UART(isu, 0x08) = 1;
    UART(isu, 0x08) = 7;
}

// The host chooses the case by the first byte on ISU4.
uint32_t chosen_case(void);

// DE low, RE on (low).
static inline void start_pins(void)
{
    ADC_GPIO(0x18) = DE | RE;
    ADC_GPIO(0x24) = DE | RE;
}

static inline void drive(int on)
{
    ADC_GPIO(on ? 0x14 : 0x18) = DE;
}

#endif
